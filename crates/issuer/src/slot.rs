//! The slot of `client-request`: one live access token per application, subject, scope, audience and
//! bindings.

use aws_lc_rs::digest;

use crate::{
    access_token::{AccessToken, TokenFormat},
    scope::{Audience, Scope},
};
use tokenbind_binding::{Bindings, ClientId, SubjectId, Timestamp};

/// Names a slot: a SHA-256 over its parts, each with its length before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SlotKey([u8; 32]);

impl SlotKey {
    /// The slot of these parts.
    #[must_use]
    pub fn of(
        client_id: &ClientId,
        subject: &SubjectId,
        scope: &Scope,
        audience: &Audience,
        bindings: &Bindings,
    ) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        let texts = [client_id.as_str(), subject.as_str(), scope.as_str(), audience.as_str()];
        for text in texts {
            hash.update(&(text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        for binding in bindings.iter() {
            hash.update(binding.reference.as_bytes());
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.finish().as_ref());
        Self(bytes)
    }

    /// The form that stores keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Whether a request gets the slot's live token again: opaque ones are shared until they expire,
/// while a JWT is superseded by every request.
#[must_use]
pub fn shares(live: &AccessToken, wanted: TokenFormat, now: Timestamp) -> bool {
    live.format.is_opaque() && wanted.is_opaque() && live.token.expires_at > now
}
