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
    /// The name that stores keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handle => "handle",
            Self::Signing(algorithm) => algorithm.as_str(),
        }
    }

    /// From the name that stores keep.
    #[must_use]
    pub fn from_stored(name: &str) -> Option<Self> {
        let signing = SigningAlgorithm::ALL.into_iter().map(Self::Signing);
        std::iter::once(Self::Handle).chain(signing).find(|key_use| key_use.as_str() == name)
    }
}
