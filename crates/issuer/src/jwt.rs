//! JSON Web Signatures of our own making (RFC 7515 compact serialization, RFC 7519).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::keys::{KeyError, KeyRing, SigningKey};

/// A JWT that is not ours, or not of the kind that was expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JwtError {
    /// Not of a JWT's form.
    #[error("not a signed JWT")]
    Malformed,
    /// Of another `typ`.
    #[error("a JWT of another type")]
    OtherType,
    /// Signed with a key that this server does not hold, or by another algorithm than the key's.
    #[error("signed with a key that this server does not hold")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    Forged,
}

/// A header with anything else in it is not of our making: what nobody reads nobody can have checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

/// Signs `claims` as a JWT of the type `typ`.
///
/// # Errors
/// [`KeyError::Library`] if the library cannot sign.
pub fn sign(key: &SigningKey, typ: &str, claims: &impl Serialize) -> Result<String, KeyError> {
    let kid = key.id().to_string();
    let header = Header { alg: key.algorithm().as_str(), typ, kid: &kid };
    let header = serde_json::to_vec(&header).map_err(|_| KeyError::Library)?;
    let claims = serde_json::to_vec(claims).map_err(|_| KeyError::Library)?;
    let mut jwt = String::with_capacity((header.len() + claims.len()) * 4 / 3 + 360);
    URL_SAFE_NO_PAD.encode_string(header, &mut jwt);
    jwt.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut jwt);
    let signature = key.sign(jwt.as_bytes())?;
    jwt.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut jwt);
    Ok(jwt)
}

/// The claims of a JWT that this server signed as `typ`. What the claims say (`exp` …) is the
/// caller's to judge.
///
/// # Errors
/// [`JwtError`] for anything else.
pub fn verify<C: DeserializeOwned>(keys: &KeyRing, typ: &str, jwt: &str) -> Result<C, JwtError> {
    let (message, signature) = jwt.rsplit_once('.').ok_or(JwtError::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(JwtError::Malformed)?;
    let header = decode(header)?;
    let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| JwtError::Malformed)?;
    if header.typ != typ {
        return Err(JwtError::OtherType);
    }
    let key = keys.by_kid(header.kid).ok_or(JwtError::UnknownKey)?;
    // RFC 8725 section 3.1: the algorithm is the key's, never the token's choice.
    if key.algorithm().as_str() != header.alg {
        return Err(JwtError::UnknownKey);
    }
    key.verify(message.as_bytes(), &decode(signature)?).map_err(|_| JwtError::Forged)?;
    serde_json::from_slice(&decode(claims)?).map_err(|_| JwtError::Malformed)
}

fn decode(part: &str) -> Result<Vec<u8>, JwtError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Malformed)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::keys::{SigningAlgorithm, test_ring as ring};

    #[test]
    fn every_algorithm_verifies_what_it_signed_and_a_foreign_library_agrees() {
        let ring = ring();
        let jwks: jsonwebtoken::jwk::JwkSet = serde_json::from_value(ring.jwks()).unwrap();
        for algorithm in SigningAlgorithm::ALL {
            let key = ring.signing_key(algorithm).unwrap();
            let jwt =
                sign(key, "at+jwt", &json!({ "sub": "u1", "exp": 4_000_000_000_u64 })).unwrap();
            let claims: Value = verify(&ring, "at+jwt", &jwt).unwrap();
            assert_eq!(claims["sub"], "u1");

            let jwk = jwks.find(&key.id().to_string()).unwrap();
            let decoding = jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap();
            let rules = jsonwebtoken::Validation::new(algorithm.as_str().parse().unwrap());
            let foreign = jsonwebtoken::decode::<Value>(&jwt, &decoding, &rules).unwrap();
            assert_eq!(foreign.claims["sub"], "u1");
        }
    }

    fn reheaded(jwt: &str, header: &Value) -> String {
        let (_, rest) = jwt.split_once('.').unwrap();
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
    }

    #[test]
    fn other_types_keys_and_algorithms_are_refused() {
        let ring = ring();
        let key = ring.signing_key(SigningAlgorithm::ES256).unwrap();
        let kid = key.id().to_string();
        let jwt = sign(key, "at+jwt", &json!({})).unwrap();
        let refused = |jwt: &str| verify::<Value>(&ring, "at+jwt", jwt).unwrap_err();

        assert_eq!(verify::<Value>(&ring, "JWT", &jwt), Err(JwtError::OtherType));
        let none = reheaded(&jwt, &json!({ "alg": "none", "typ": "at+jwt", "kid": kid }));
        assert_eq!(refused(&none), JwtError::UnknownKey);
        let unknown = reheaded(&jwt, &json!({ "alg": "ES256", "typ": "at+jwt", "kid": "0" }));
        assert_eq!(refused(&unknown), JwtError::UnknownKey);
        let padded =
            reheaded(&jwt, &json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid, "x": 1 }));
        assert_eq!(refused(&padded), JwtError::Malformed);
        for malformed in ["", ".", "..", "a.b.c", &jwt[..jwt.len() - 1]] {
            assert!(verify::<Value>(&ring, "at+jwt", malformed).is_err(), "{malformed}");
        }
    }

    #[test]
    fn every_changed_character_of_the_claims_is_refused() {
        let ring = ring();
        let key = ring.signing_key(SigningAlgorithm::EdDSA).unwrap();
        let jwt = sign(key, "at+jwt", &json!({ "sub": "u1" })).unwrap();
        let (start, end) = (jwt.find('.').unwrap() + 1, jwt.rfind('.').unwrap());
        for at in start..end {
            let mut forged = jwt.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert!(verify::<Value>(&ring, "at+jwt", &forged).is_err());
        }
    }
}
