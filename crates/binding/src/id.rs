//! Identifiers. Each kind is a type of its own, so that one cannot stand where another is meant.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// An identifier that does not have the form of its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected 16 bytes in unpadded base64url (22 characters)")]
pub struct MalformedId;

fn parse_16(text: &str) -> Result<[u8; 16], MalformedId> {
    let mut bytes = [0; 16];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(16) => Ok(bytes),
        _ => Err(MalformedId),
    }
}

fn leading_instant(bytes: &[u8; 16]) -> Instant {
    let (&[instant, _], []) = bytes.as_chunks::<8>() else { unreachable!("16 is twice 8") };
    Instant::from_micros(u64::from_be_bytes(instant))
}

/// An access token's identifier (`jti`): 8 bytes that tell the instant of its commit, 8 random ones.
/// Ordered by time, so that tables append.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 16]);

/// One act of authorization: 8 bytes that tell the instant of its commit, 4 random ones, and 4 that
/// are zero, where its refresh tokens carry their generation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId([u8; 16]);

impl GrantId {
    /// The id of a grant that was committed at `instant`.
    #[must_use]
    pub fn new(instant: Instant, random: [u8; 4]) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&instant.as_micros().to_be_bytes());
        bytes[8..12].copy_from_slice(&random);
        Self(bytes)
    }

    /// From the form that stores keep. The place of the generation is cleared.
    #[must_use]
    pub const fn from_bytes(mut bytes: [u8; 16]) -> Self {
        bytes[12] = 0;
        bytes[13] = 0;
        bytes[14] = 0;
        bytes[15] = 0;
        Self(bytes)
    }

    /// The form that stores keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// When the grant was committed.
    #[must_use]
    pub fn instant(&self) -> Instant {
        leading_instant(&self.0)
    }
}

/// A refresh token: the `generation`-th of its grant. A reused token of any age names its grant by
/// itself, so that nothing has to be remembered about spent ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RefreshTokenId {
    /// The grant whose refresh token this is.
    pub grant: GrantId,
    /// Counts up from zero with every rotation.
    pub generation: u32,
}

impl RefreshTokenId {
    /// From the form that handles carry.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let generation = u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
        Self { grant: GrantId::from_bytes(bytes), generation }
    }

    /// The form that handles carry.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = self.grant.0;
        bytes[12..].copy_from_slice(&self.generation.to_be_bytes());
        bytes
    }
}

/// One login of one user in one browser (`sid`): 8 bytes that tell the instant of its commit, 8 random
/// ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; 16]);

/// An authorization code: 8 bytes that tell the instant of its commit, 8 random ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeId([u8; 16]);

/// An authorization request that the application pushed or signed: 8 bytes that tell the instant of its
/// commit, 8 random ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PushedRequestId([u8; 16]);

/// A device code: 8 bytes that tell the instant of its commit, 8 random ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceCodeId([u8; 16]);

macro_rules! time_ordered_id {
    ($name:ident) => {
        impl $name {
            /// The id of what was committed at `instant`.
            #[must_use]
            pub fn new(instant: Instant, random: [u8; 8]) -> Self {
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&instant.as_micros().to_be_bytes());
                bytes[8..].copy_from_slice(&random);
                Self(bytes)
            }

            /// From the form that stores and handles keep.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The form that stores and handles keep.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// When it was committed.
            #[must_use]
            pub fn instant(&self) -> Instant {
                leading_instant(&self.0)
            }
        }
    };
}

time_ordered_id!(TokenId);
time_ordered_id!(SessionId);
time_ordered_id!(CodeId);
time_ordered_id!(PushedRequestId);
time_ordered_id!(DeviceCodeId);

macro_rules! base64url_id {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                let bytes = parse_16(text)?;
                let id = Self::from_bytes(bytes);
                // One id has one text.
                if id.0 == bytes { Ok(id) } else { Err(MalformedId) }
            }
        }
    };
}

base64url_id!(TokenId);
base64url_id!(GrantId);
base64url_id!(SessionId);
base64url_id!(CodeId);
base64url_id!(PushedRequestId);
base64url_id!(DeviceCodeId);

impl Serialize for SessionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text as it is.
            #[must_use]
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

text_id! {
    /// An application's `client_id` (RFC 6749 section 2.2).
    ClientId
}
text_id! {
    /// Whom a token speaks for (`sub`): a user's id, or the application's `client_id` under
    /// `client_credentials` (RFC 9068 section 2.2).
    SubjectId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_its_instant() {
        let id = TokenId::new(Instant::from_micros(1_700_000_000_123_456), [7; 8]);
        assert_eq!(id.instant().as_micros(), 1_700_000_000_123_456);
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn a_refresh_token_names_its_grant_and_generation() {
        let grant = GrantId::new(Instant::from_micros(9), [1, 2, 3, 4]);
        let id = RefreshTokenId { grant, generation: 0xdead_beef };
        assert_eq!(RefreshTokenId::from_bytes(id.to_bytes()), id);
        assert_eq!(GrantId::from_bytes(id.to_bytes()), grant);
    }

    #[test]
    fn the_text_of_a_refresh_token_is_not_that_of_its_grant() {
        let grant = GrantId::new(Instant::from_micros(9), [1, 2, 3, 4]);
        let second = RefreshTokenId { grant, generation: 1 }.to_bytes();
        let text = TokenId::from_bytes(second).to_string();
        assert_eq!(text.parse::<GrantId>(), Err(MalformedId));
        assert_eq!(grant.to_string().parse(), Ok(grant));
    }

    #[test]
    fn later_ids_sort_later() {
        let early = TokenId::new(Instant::from_micros(1), [255; 8]);
        let late = TokenId::new(Instant::from_micros(2), [0; 8]);
        assert!(early < late);
    }

    #[test]
    fn other_lengths_and_alphabets_are_refused() {
        for text in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAA", "!!!!!!!!!!!!!!!!!!!!!!"] {
            assert_eq!(text.parse::<TokenId>(), Err(MalformedId), "{text}");
        }
    }
}
