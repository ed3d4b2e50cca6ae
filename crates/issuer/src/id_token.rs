//! ID tokens (OpenID Connect Core section 2): who signed in, told to the application that asked.

pub(crate) mod hint;

use aws_lc_rs::digest::{self, SHA256, SHA512};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Map, Value};
use tokenbind_binding::SessionId;

use crate::{
    access_token::AccessToken,
    claims,
    client::AuthenticatedClient,
    issuer::Issuer,
    jwt,
    keys::{KeyError, KeyRing, SigningAlgorithm},
    login::Login,
    scope::Scope,
    settings::Settings,
    user::User,
};

/// The JWT type of ID tokens.
pub(crate) const ID_TOKEN_TYP: &str = "JWT";

/// What an ID token tells besides the settings of the application.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdTokenFacts<'a> {
    /// The login.
    pub(crate) login: &'a Login,
    /// `nonce`, as the authorization request gave it.
    pub(crate) nonce: Option<&'a str>,
    /// The user, where the application asked for claims by name.
    pub(crate) user: Option<&'a User>,
    /// The record of the access token that it goes with.
    pub(crate) record: &'a AccessToken,
    /// That token's text.
    pub(crate) access_token: &'a str,
}

#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<&'a str>,
    exp: u64,
    iat: u64,
    auth_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    acr: &'static str,
    amr: &'static [&'static str],
    sid: SessionId,
    at_hash: String,
    #[serde(flatten)]
    user: Map<String, Value>,
}

impl Issuer {
    /// The ID token that goes with an access token.
    pub(crate) fn sign_id_token(
        &self,
        keys: &KeyRing,
        client: &AuthenticatedClient,
        facts: IdTokenFacts<'_>,
    ) -> Result<String, KeyError> {
        let settings = client.settings();
        let now = self.now().timestamp().as_secs();
        let login = facts.login;
        let client_id = client.client_id().as_str();
        let (aud, azp) = audience(client_id, &settings.id_token_audience);
        let algorithm = settings.id_token_signed_response_alg;
        let claims = IdTokenClaims {
            iss: &self.config.issuer,
            sub: facts.record.shown_subject(),
            aud,
            azp,
            exp: now.saturating_add(settings.id_token_lifetime),
            iat: now,
            auth_time: login.auth_time.as_secs(),
            nonce: facts.nonce,
            acr: login.acr.as_str(),
            amr: login.acr.methods(),
            sid: login.session,
            at_hash: half_hash(algorithm, facts.access_token),
            user: facts.user.map(|user| named_claims(user, login, settings)).unwrap_or_default(),
        };
        jwt::sign(keys.signing_key(algorithm)?, ID_TOKEN_TYP, &claims)
    }
}

/// OpenID Connect Core section 5.4: the claims of scopes come from userinfo, since there is an access token.
/// In the ID token are those that were asked for by name.
fn named_claims(user: &User, login: &Login, settings: &Settings) -> Map<String, Value> {
    claims::released(user, &Scope::default(), &login.claims.id_token, settings)
}

/// `aud`, and `azp` where others are in it besides the application.
fn audience<'a>(client_id: &'a str, others: &[String]) -> (Value, Option<&'a str>) {
    let mut audience = vec![client_id];
    for other in others {
        if !audience.contains(&other.as_str()) {
            audience.push(other);
        }
    }
    match audience[..] {
        [only] => (only.into(), None),
        _ => (audience.into(), Some(client_id)),
    }
}

/// `at_hash` (OpenID Connect Core section 3.1.3.6): the left half of the hash that the algorithm of the ID
/// token uses; Ed25519 uses SHA-512 (RFC 8032 section 5.1).
fn half_hash(algorithm: SigningAlgorithm, token: &str) -> String {
    let hash = match algorithm {
        SigningAlgorithm::RS256 | SigningAlgorithm::PS256 | SigningAlgorithm::ES256 => &SHA256,
        SigningAlgorithm::EdDSA => &SHA512,
    };
    let hash = digest::digest(hash, token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn oidc_core_section_2_several_audiences_need_an_authorized_party() {
        assert_eq!(audience("app", &[]), (json!("app"), None));
        assert_eq!(audience("app", &["app".into()]), (json!("app"), None));
        let others = ["https://api".to_owned(), "https://api".to_owned()];
        assert_eq!(audience("app", &others), (json!(["app", "https://api"]), Some("app")));
    }

    #[test]
    fn oidc_core_appendix_a_at_hash_is_the_left_half_of_the_hash() {
        // OpenID Connect Core appendix A.3 has this access token and its at_hash.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(half_hash(SigningAlgorithm::RS256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(half_hash(SigningAlgorithm::ES256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        // Python: hashlib.sha512(token).digest()[:32], in base64url.
        let half_of_sha512 = "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM";
        assert_eq!(half_hash(SigningAlgorithm::EdDSA, token), half_of_sha512);
    }
}
