//! The reference of a binding: what may be stored and shown in place of the value.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{bindings::BindingType, id::ClientId};

/// `SHA-256("tokenbind/" type "/" client_id "/" value)`, shown as unpadded base64url. Equal values of
/// two types or of two applications have different references.
///
/// Of a `client_id` that is a URL the slashes are percent-encoded, and percent signs so that this stays
/// reversible: else the value `b/c` of `https://a.example/x` were the value `c` of `https://a.example/x/b`. A registered
/// `client_id` has neither.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference([u8; 32]);

impl Reference {
    /// The reference of `value`, bound as `binding_type` for the application `client_id`.
    #[must_use]
    pub fn of(binding_type: BindingType, client_id: &ClientId, value: &[u8]) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        let parts: [&[u8]; 3] = [b"tokenbind/", binding_type.as_str().as_bytes(), b"/"];
        for part in parts {
            hash.update(part);
        }
        for text in client_id.as_str().split_inclusive(['/', '%']) {
            let (plain, encoded) = match text.as_bytes() {
                [plain @ .., b'/'] => (plain, &b"%2F"[..]),
                [plain @ .., b'%'] => (plain, &b"%25"[..]),
                plain => (plain, &b""[..]),
            };
            hash.update(plain);
            hash.update(encoded);
        }
        for part in [b"/", value] {
            hash.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.finish().as_ref());
        Self(bytes)
    }

    /// From the form that stores keep.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The form that stores keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reference({self})")
    }
}

/// Text that is not a reference.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected a SHA-256 in unpadded base64url (43 characters)")]
pub struct MalformedReference;

impl FromStr for Reference {
    type Err = MalformedReference;

    fn from_str(text: &str) -> Result<Self, MalformedReference> {
        let mut bytes = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(MalformedReference),
        }
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected text was computed with Python's `hashlib` and `base64`.
    #[test]
    fn is_the_hash_that_the_contract_defines() {
        let reference = Reference::of(BindingType::ClientRequest, &"app".into(), b"tv");
        assert_eq!(reference.to_string(), "dng-1X4m9_YV7mX-A_-rAVfywSeBXKWmLkql6c1I4Rg");
        assert_eq!(reference.to_string().parse(), Ok(reference));
    }

    #[test]
    fn differs_by_type_application_and_value() {
        let base = Reference::of(BindingType::ClientRequest, &"app".into(), b"tv");
        assert_ne!(base, Reference::of(BindingType::Cookie, &"app".into(), b"tv"));
        assert_ne!(base, Reference::of(BindingType::ClientRequest, &"app2".into(), b"tv"));
        assert_ne!(base, Reference::of(BindingType::ClientRequest, &"app".into(), b"TV"));
    }

    /// The expected text was computed with Python's `hashlib`, `base64` and `urllib.parse.quote(…, safe=":")`.
    #[test]
    fn a_client_id_that_is_a_url_counts_with_its_slashes_encoded() {
        let client_id = "https://a.example/x%2Fy".into();
        let reference = Reference::of(BindingType::ClientRequest, &client_id, b"tv");
        assert_eq!(reference.to_string(), "DEhzkS18mzygvmtztguBR3ZbmuicXtPMrv9uWK7HxTc");
    }

    #[test]
    fn no_two_urls_share_a_reference() {
        let of = |client_id: &str, value: &[u8]| {
            Reference::of(BindingType::ClientRequest, &client_id.into(), value)
        };
        assert_ne!(of("https://a.example/x", b"b/c"), of("https://a.example/x/b", b"c"));
        assert_ne!(of("https://a.example/x%2Fb", b"c"), of("https://a.example/x/b", b"c"));
        assert_ne!(of("https://a.example/x%252Fb", b"c"), of("https://a.example/x%2Fb", b"c"));
    }
}
