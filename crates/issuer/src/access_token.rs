//! Access tokens as the server records them.

use std::sync::Arc;

use tokenbind_binding::Token;

use crate::{
    actor::Actor,
    keys::KeyId,
    login::Login,
    scope::{Audience, Scope},
};

/// How an access token looks to its holder.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TokenFormat {
    /// A handle; only this server can tell what it stands for. Whenever it is asked for again, it is
    /// made with this key, so that it is the same text although keys are rotated.
    Opaque {
        /// The key that was current when it was issued.
        key: KeyId,
    },
    /// A JWT by RFC 9068, signed with this key.
    Jwt {
        /// The key that was current when it was issued.
        key: KeyId,
    },
}

impl TokenFormat {
    /// Whether it is a handle.
    #[must_use]
    pub const fn is_opaque(self) -> bool {
        matches!(self, Self::Opaque { .. })
    }
}

/// The record of an access token. It never changes after its commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessToken {
    /// What decides whether it is alive and who may present it.
    pub token: Token,
    /// What it allows.
    pub scope: Scope,
    /// Where it is meant to be used.
    pub audience: Audience,
    /// The user's name at the time of issue; none when the application acts for itself.
    pub username: Option<Arc<str>>,
    /// What the application is told in place of the subject, if it is another thing.
    pub pairwise: Option<Arc<str>>,
    /// The login that it came of, if it came of one.
    pub login: Option<Arc<Login>>,
    /// Who acts for the subject, if somebody does.
    pub actor: Option<Arc<Actor>>,
    /// How its holder sees it.
    pub format: TokenFormat,
}

impl AccessToken {
    /// `sub`, as its application is told.
    #[must_use]
    pub fn shown_subject(&self) -> &str {
        self.pairwise.as_deref().unwrap_or(self.token.subject.as_str())
    }
}
