//! Public keys as others show them (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

use std::fmt;

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::thumbprint::Thumbprint;

/// The signatures that others may make. RS256 only where a specification has it by default.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum JwsAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// `EdDSA` on Ed25519.
    EdDSA,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
}

impl JwsAlgorithm {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::ES256, Self::PS256, Self::EdDSA, Self::RS256];

    /// The value of `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::PS256 => "PS256",
            Self::EdDSA => "EdDSA",
            Self::RS256 => "RS256",
        }
    }

    /// From the value of `alg`. `Ed25519` is the name that RFC 9864 gives to the same signature. Never
    /// `none`, and nothing symmetric.
    #[must_use]
    pub fn parse(alg: &str) -> Option<Self> {
        match alg {
            "Ed25519" => Some(Self::EdDSA),
            _ => Self::ALL.into_iter().find(|known| known.as_str() == alg),
        }
    }
}

/// A key that nothing can be verified by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnusableKey {
    /// RFC 7517 section 9.2: private or symmetric.
    #[error("the key must be public")]
    NotPublic,
    /// Of another kind.
    #[error("the key must be of the type EC on P-256, OKP on Ed25519, or RSA of 2048 to 8192 bits")]
    OtherType,
    /// A member is missing or not as it has to be.
    #[error("the key is malformed")]
    Malformed,
}

/// A signature that does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the signature does not fit")]
pub struct BadSignature;

/// A public key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicKey {
    material: Material,
    thumbprint: Thumbprint,
}

#[derive(Clone, PartialEq, Eq)]
enum Material {
    /// The uncompressed point: 4, x, y (SEC 1 section 2.3.3).
    P256([u8; 65]),
    Ed25519([u8; 32]),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256(_) => "P-256",
            Self::Ed25519(_) => "Ed25519",
            Self::Rsa { .. } => "RSA",
        })
    }
}

impl PublicKey {
    /// Reads a JWK. Members that say nothing of the key itself are ignored.
    ///
    /// # Errors
    /// [`UnusableKey`].
    pub fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, UnusableKey> {
        // RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2.
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|name| jwk.contains_key(*name))
        {
            return Err(UnusableKey::NotPublic);
        }
        let text = |name| jwk.get(name).and_then(Value::as_str).ok_or(UnusableKey::Malformed);
        let number = |name| {
            let bytes = URL_SAFE_NO_PAD.decode(text(name)?);
            bytes.map_err(|_| UnusableKey::Malformed)
        };
        // RFC 7638 section 3.2: the required members alone, in the order of their names.
        let (material, canonical) = match (text("kty")?, jwk.get("crv").and_then(Value::as_str)) {
            ("EC", Some("P-256")) => {
                let (x, y) = (text("x")?, text("y")?);
                let mut point = [4; 65];
                point[1..33].copy_from_slice(&exactly_32(number("x")?)?);
                point[33..].copy_from_slice(&exactly_32(number("y")?)?);
                let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
                (Material::P256(point), canonical)
            }
            ("OKP", Some("Ed25519")) => {
                let x = text("x")?;
                let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
                (Material::Ed25519(exactly_32(number("x")?)?), canonical)
            }
            ("RSA", _) => {
                let (n, e) = (number("n")?, number("e")?);
                // RFC 7518 section 6.3.1.1: no more octets than the number needs, so that one key has one
                // thumbprint.
                if !(256..=1024).contains(&n.len())
                    || n[0] == 0
                    || e.first().is_none_or(|&e| e == 0)
                {
                    return Err(UnusableKey::OtherType);
                }
                let canonical =
                    format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text("e")?, text("n")?);
                (Material::Rsa { n, e }, canonical)
            }
            _ => return Err(UnusableKey::OtherType),
        };
        Ok(Self { material, thumbprint: Thumbprint::of(canonical.as_bytes()) })
    }

    /// The JWK SHA-256 thumbprint (RFC 7638).
    #[must_use]
    pub const fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// Whether it can sign by this algorithm.
    #[must_use]
    pub const fn signs_by(&self, algorithm: JwsAlgorithm) -> bool {
        matches!(
            (&self.material, algorithm),
            (Material::P256(_), JwsAlgorithm::ES256)
                | (Material::Ed25519(_), JwsAlgorithm::EdDSA)
                | (Material::Rsa { .. }, JwsAlgorithm::PS256 | JwsAlgorithm::RS256)
        )
    }

    /// Verifies a signature in the form of RFC 7518 section 3.
    ///
    /// # Errors
    /// [`BadSignature`], also where the key does not sign by this algorithm (RFC 8725 section 3.1).
    pub fn verify(
        &self,
        algorithm: JwsAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let verified = match (&self.material, algorithm) {
            (Material::P256(point), JwsAlgorithm::ES256) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature)
            }
            (Material::Ed25519(key), JwsAlgorithm::EdDSA) => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signature)
            }
            (Material::Rsa { n, e }, JwsAlgorithm::PS256) => RsaPublicKeyComponents { n, e }
                .verify(&signature::RSA_PSS_2048_8192_SHA256, message, signature),
            (Material::Rsa { n, e }, JwsAlgorithm::RS256) => RsaPublicKeyComponents { n, e }
                .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature),
            _ => return Err(BadSignature),
        };
        verified.map_err(|_| BadSignature)
    }
}

fn exactly_32(bytes: Vec<u8>) -> Result<[u8; 32], UnusableKey> {
    bytes.try_into().map_err(|_| UnusableKey::Malformed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(jwk: &Value) -> Result<PublicKey, UnusableKey> {
        PublicKey::from_jwk(jwk.as_object().unwrap())
    }

    /// RFC 7638 section 3.1.
    const MODULUS: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    #[test]
    fn rfc7638_section_3_1_the_thumbprint_of_the_example() {
        let key =
            read(&json!({ "kty": "RSA", "n": MODULUS, "e": "AQAB", "alg": "RS256", "kid": "x" }));
        let thumbprint = key.unwrap().thumbprint().to_string();
        assert_eq!(thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn rfc8037_appendix_a_3_and_a_4_the_example_verifies() {
        let jwk = json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        });
        let key = read(&jwk).unwrap();
        assert_eq!(key.thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = URL_SAFE_NO_PAD
            .decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
            .unwrap();
        assert_eq!(key.verify(JwsAlgorithm::EdDSA, message, &signature), Ok(()));
        assert_eq!(key.verify(JwsAlgorithm::ES256, message, &signature), Err(BadSignature));
        assert_eq!(key.verify(JwsAlgorithm::EdDSA, b"x", &signature), Err(BadSignature));
    }

    #[test]
    fn private_symmetric_weak_and_malformed_keys_are_refused() {
        let cases = [
            (json!({ "kty": "oct", "k": "AAAA" }), UnusableKey::NotPublic),
            (json!({ "kty": "RSA", "n": MODULUS, "e": "AQAB", "d": "AA" }), UnusableKey::NotPublic),
            (json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }), UnusableKey::OtherType),
            (json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" }), UnusableKey::OtherType),
            (json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }), UnusableKey::Malformed),
            (json!({ "kty": "OKP", "crv": "Ed25519", "x": 1 }), UnusableKey::Malformed),
            (json!({}), UnusableKey::Malformed),
        ];
        for (jwk, expected) in cases {
            assert_eq!(read(&jwk), Err(expected), "{jwk}");
        }
    }

    #[test]
    fn no_algorithm_is_none_or_symmetric() {
        for alg in ["none", "None", "HS256", "", "es256"] {
            assert_eq!(JwsAlgorithm::parse(alg), None, "{alg}");
        }
        assert_eq!(JwsAlgorithm::parse("Ed25519"), Some(JwsAlgorithm::EdDSA));
    }
}
