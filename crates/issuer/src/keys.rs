//! The server's keys: their names, their uses, and the ring that holds those in force.

mod ring;
mod seal;
mod signing;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use ring::{KeyError, KeyRing};
pub use seal::ServerKey;
pub use signing::SigningKey;

/// Names a key: a random number, never given twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub u32);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// What a key is for. At any time each use has one current key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum KeyUse {
    /// The MAC of handles.
    Handle,
    /// Signatures of this algorithm.
    Signing(SigningAlgorithm),
    /// The MAC of pairwise subjects.
    Pairwise,
}

/// The algorithms that this server signs with (RFC 7518, RFC 8037).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// ECDSA on P-256 with SHA-256.
    #[default]
    ES256,
    /// Ed25519.
    EdDSA,
}

impl SigningAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::RS256, Self::PS256, Self::ES256, Self::EdDSA];

    /// The value of `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }
}

impl KeyUse {
    /// Every use.
    pub const ALL: [Self; 6] = [
        Self::Handle,
        Self::Signing(SigningAlgorithm::RS256),
        Self::Signing(SigningAlgorithm::PS256),
        Self::Signing(SigningAlgorithm::ES256),
        Self::Signing(SigningAlgorithm::EdDSA),
        Self::Pairwise,
    ];

    /// Whether another key can take the place of the current one. Another one for pairwise subjects
    /// would make every user a stranger.
    #[must_use]
    pub const fn rotates(self) -> bool {
        match self {
            Self::Handle | Self::Signing(_) => true,
            Self::Pairwise => false,
        }
    }

    /// The name that stores keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handle => "handle",
            Self::Signing(algorithm) => algorithm.as_str(),
            Self::Pairwise => "pairwise",
        }
    }

    /// From the name that stores keep.
    #[must_use]
    pub fn from_stored(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key_use| key_use.as_str() == name)
    }
}

/// A whole ring of fresh keys that is different each time, for tests.
#[cfg(test)]
pub(crate) fn test_ring() -> KeyRing {
    struct Counting;

    impl tokenbind_binding::Random for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            static NEXT: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(1);
            buffer.fill(NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    let server_key = ServerKey::new(&[9; 32]);
    let stored = KeyRing::generate(&KeyUse::ALL, &server_key, &Counting).unwrap();
    KeyRing::open(&stored, &server_key).unwrap()
}
