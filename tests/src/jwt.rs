//! JWTs as a resource server sees them: verified by another library against the published keys.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, Header, Validation, jwk::JwkSet};
use serde_json::Value;

use crate::Http;

/// A JWT whose signature fits a published key.
#[derive(Clone, Debug)]
pub struct VerifiedJwt {
    /// Its header.
    pub header: Header,
    /// Its claims.
    pub claims: Value,
}

impl VerifiedJwt {
    /// Verifies `jwt` for `issuer`, which is its audience too, against `/oauth2/jwks`.
    pub async fn verify(http: &Http, issuer: &str, jwt: &str) -> Self {
        Self::verify_for(http, issuer, issuer, &["exp", "nbf", "aud", "iss", "sub"], jwt).await
    }

    /// Verifies an ID token for an application (OpenID Connect Core section 3.1.3.7).
    pub async fn verify_id_token(http: &Http, client_id: &str, jwt: &str) -> Self {
        let required = ["exp", "aud", "iss", "sub"];
        let id_token = Self::verify_for(http, http.base(), client_id, &required, jwt).await;
        assert!(id_token.claims["iat"].is_u64(), "{}", id_token.claims);
        id_token
    }

    /// Verifies a logout token for an application (OpenID Connect Back-Channel Logout 1.0 section 2.6).
    pub async fn verify_logout_token(http: &Http, client_id: &str, jwt: &str) -> Self {
        let required = ["exp", "aud", "iss", "sub"];
        Self::verify_for(http, http.base(), client_id, &required, jwt).await
    }

    /// Verifies a signed authorization response for an application (JARM section 2.4).
    pub async fn verify_answer(http: &Http, client_id: &str, jwt: &str) -> Self {
        Self::verify_for(http, http.base(), client_id, &["exp", "aud", "iss"], jwt).await
    }

    /// Verifies `jwt` of `issuer` for `audience`, which has to have these claims.
    pub async fn verify_for(
        http: &Http,
        issuer: &str,
        audience: &str,
        required: &[&str],
        jwt: &str,
    ) -> Self {
        let keys: JwkSet =
            serde_json::from_value(http.get("/oauth2/jwks").await.expect(200)).expect("a key set");
        let header = jsonwebtoken::decode_header(jwt).expect("a JWT");
        let kid = header.kid.as_deref().expect("a kid");
        let key = keys.find(kid).unwrap_or_else(|| panic!("no key {kid} in the key set"));
        let algorithm = key.common.key_algorithm.expect("alg").to_string();
        assert_eq!(algorithm, format!("{:?}", header.alg), "RFC 8725 section 3.1");
        let key = DecodingKey::from_jwk(key).expect("a readable key");
        let mut rules = Validation::new(header.alg);
        rules.set_issuer(&[issuer]);
        rules.set_audience(&[audience]);
        rules.set_required_spec_claims(required);
        let claims = jsonwebtoken::decode::<Value>(jwt, &key, &rules).expect("verifies").claims;
        Self { header, claims }
    }
}

/// The claims of a JWT, not verified.
#[must_use]
pub fn unverified_claims(jwt: &str) -> Value {
    let claims = jwt.split('.').nth(1).expect("three parts");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    serde_json::from_slice(&claims).expect("JSON")
}

/// `token` with another character at `at`, one that differs in its highest bit of base64url, so that
/// the bytes differ too.
#[must_use]
pub fn flipped(token: &str, at: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = token.as_bytes().to_vec();
    let place = ALPHABET.iter().position(|&byte| byte == bytes[at]).unwrap_or(0);
    bytes[at] = ALPHABET[place ^ 0b10_0000];
    String::from_utf8(bytes).expect("ASCII")
}
