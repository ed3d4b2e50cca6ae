//! `jti`: what a signed request is told by, so that it counts once (RFC 9449 section 11.1, RFC 7523 section 3).

use aws_lc_rs::digest;

use crate::{id::ClientId, thumbprint::Thumbprint, time::Timestamp};

/// A request to count a `jti` once. Stores keep a hash of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JtiClaim {
    id: [u8; 32],
    keep_until: Timestamp,
}

/// Whether something was seen before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimOutcome {
    /// Never, as far as that is remembered. From now on it was.
    First,
    /// It was.
    Replayed,
}

impl JtiClaim {
    /// The `jti` of a DPoP proof by this key. `keep_until` lies after the last moment at which the proof
    /// could pass every other check.
    #[must_use]
    pub fn of_proof(jkt: Thumbprint, jti: &str, keep_until: Timestamp) -> Self {
        Self { id: hash(b"dpop", jkt.as_bytes(), jti), keep_until }
    }

    /// The `jti` of an assertion that this client authenticates by. `keep_until` lies after the last
    /// moment at which the assertion could pass every other check.
    #[must_use]
    pub fn of_assertion(client_id: &ClientId, jti: &str, keep_until: Timestamp) -> Self {
        Self { id: hash(b"assertion", client_id.as_str().as_bytes(), jti), keep_until }
    }

    /// What it is remembered by: a hash of its purpose, of whose it is and of the `jti`.
    #[must_use]
    pub const fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// From then on it may be forgotten.
    #[must_use]
    pub const fn keep_until(&self) -> Timestamp {
        self.keep_until
    }
}

fn hash(purpose: &[u8], owner: &[u8], jti: &str) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    // The length keeps an owner and a jti apart, whatever characters they have.
    let length = owner.len().to_be_bytes();
    for part in [b"tokenbind/jti/", purpose, b"/", &length, owner, jti.as_bytes()] {
        hash.update(part);
    }
    let mut id = [0; 32];
    id.copy_from_slice(hash.finish().as_ref());
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_by_purpose_owner_and_jti() {
        let until = Timestamp::from_secs(1);
        let key = Thumbprint::from_bytes([b'a'; 32]);
        let proof = JtiClaim::of_proof(key, "x", until);
        assert_eq!(proof.id(), JtiClaim::of_proof(key, "x", Timestamp::from_secs(2)).id());
        let text = "a".repeat(32);
        for other in [
            JtiClaim::of_proof(key, "X", until),
            JtiClaim::of_proof(Thumbprint::from_bytes([b'b'; 32]), "x", until),
            JtiClaim::of_assertion(&text.as_str().into(), "x", until),
            JtiClaim::of_assertion(&"aa".into(), "x", until),
            JtiClaim::of_assertion(&"a".into(), "ax", until),
        ] {
            assert_ne!(proof.id(), other.id());
        }
        let [one, two] = [("aa", "x"), ("a", "ax")]
            .map(|(client, jti)| *JtiClaim::of_assertion(&client.into(), jti, until).id());
        assert_ne!(one, two);
    }
}
