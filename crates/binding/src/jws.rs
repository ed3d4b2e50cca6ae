//! JSON Web Signatures that others make (RFC 7515 section 7.1), read before anything is believed of them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::jwk::{BadSignature, JwsAlgorithm, PublicKey};

/// The longest that is read, in bytes.
const MAX_BYTES: usize = 32 << 10;

/// A text that is no JWS of a JSON object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a JWT of header, claims and signature")]
pub struct MalformedJws;

/// A JWS in compact serialization, its signature not verified yet. The claims come out only with a key
/// that verifies it.
#[derive(Clone, Debug)]
pub struct UnverifiedJws<'a> {
    message: &'a str,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signature: Vec<u8>,
}

impl<'a> UnverifiedJws<'a> {
    /// Takes it apart.
    ///
    /// # Errors
    /// [`MalformedJws`].
    pub fn parse(text: &'a str) -> Result<Self, MalformedJws> {
        if text.len() > MAX_BYTES {
            return Err(MalformedJws);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(MalformedJws)?;
        let (header, claims) = message.split_once('.').ok_or(MalformedJws)?;
        Ok(Self {
            message,
            header: object(header)?,
            claims: object(claims)?,
            signature: decode(signature)?,
        })
    }

    /// A member of the header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// A text member of the header.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header(name).and_then(Value::as_str)
    }

    /// `alg`, if it is one that can be verified.
    #[must_use]
    pub fn algorithm(&self) -> Option<JwsAlgorithm> {
        self.header_text("alg").and_then(JwsAlgorithm::parse)
    }

    /// A claim that nobody has vouched for: enough to find the key by (`iss`), and for nothing else.
    #[must_use]
    pub fn unverified_claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// The claims, the signature verified by `key` and `algorithm`.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(
        self,
        key: &PublicKey,
        algorithm: JwsAlgorithm,
    ) -> Result<Map<String, Value>, BadSignature> {
        // RFC 7515 section 4.1.11: extensions that are critical and not understood.
        if self.algorithm() != Some(algorithm) || self.header.contains_key("crit") {
            return Err(BadSignature);
        }
        key.verify(algorithm, self.message.as_bytes(), &self.signature)?;
        Ok(self.claims)
    }
}

fn object(part: &str) -> Result<Map<String, Value>, MalformedJws> {
    serde_json::from_slice(&decode(part)?).map_err(|_| MalformedJws)
}

fn decode(part: &str) -> Result<Vec<u8>, MalformedJws> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| MalformedJws)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_jws_is_refused() {
        for text in
            ["", ".", "..", "e30.e30", "e30.W10.", "e30.e30.=", "a.e30.", &"a".repeat(40_000)]
        {
            assert!(UnverifiedJws::parse(text).is_err(), "{text}");
        }
        let jws = UnverifiedJws::parse("e30.e30.").unwrap();
        assert_eq!(jws.algorithm(), None);
    }
}
