//! Token responses (RFC 6749 section 5.1), made only of what is committed.

use serde::Serialize;
use serde_json::{Map, Value, json};
use tokenbind_binding::handle::HandleKind;

use crate::{
    access_token::{AccessToken, TokenFormat},
    client::AuthenticatedClient,
    error::OAuthError,
    issuer::Issuer,
    jwt,
    keys::{KeyError, KeyRing},
    shown_binding::ShownBinding,
    store::Issued,
    user::User,
};

/// The JWT type of access tokens (RFC 9068 section 2.1).
pub(crate) const ACCESS_TOKEN_TYP: &str = "at+jwt";

/// A successful answer. Its `Debug` shows no token.
#[derive(Clone, Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
}

impl std::fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenResponse").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// The claims of an access token (RFC 9068 section 2.2).
#[derive(Serialize)]
struct AccessTokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: Value,
    client_id: &'a str,
    exp: u64,
    iat: u64,
    nbf: u64,
    jti: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<String>,
    #[serde(flatten)]
    binding: ShownBinding,
    #[serde(flatten)]
    user: Map<String, Value>,
}

impl Issuer {
    pub(super) fn respond(
        &self,
        keys: &KeyRing,
        client: &AuthenticatedClient,
        issued: &Issued,
        user: Option<&User>,
    ) -> Result<TokenResponse, OAuthError> {
        let record = &*issued.access_token;
        let access_token = match record.format {
            TokenFormat::Opaque { key } => {
                keys.seal_with(key, HandleKind::AccessToken, record.token.id.as_bytes())?
            }
            TokenFormat::Jwt { .. } => self.sign_access_token(keys, client, record, user)?,
        };
        Ok(TokenResponse {
            access_token,
            token_type: "Bearer",
            expires_in: record.token.expires_at.since(self.now().timestamp()),
            refresh_token: issued
                .refresh_token
                .map(|id| keys.handles.seal(HandleKind::RefreshToken, &id.to_bytes())),
            scope: record.scope.as_str().into(),
        })
    }

    fn sign_access_token(
        &self,
        keys: &KeyRing,
        client: &AuthenticatedClient,
        record: &AccessToken,
        user: Option<&User>,
    ) -> Result<String, KeyError> {
        let token = &record.token;
        let issued_at = token.id.instant().timestamp().as_secs();
        let wanted = &client.settings().access_token_claims;
        let claims = AccessTokenClaims {
            iss: &self.config.issuer,
            sub: token.subject.as_str(),
            aud: audience(record),
            client_id: token.client_id.as_str(),
            exp: token.expires_at.as_secs(),
            iat: issued_at,
            nbf: issued_at,
            jti: token.id.to_string(),
            scope: record.scope.as_str(),
            grant_id: token.grant.map(|grant| grant.to_string()),
            binding: ShownBinding::of(&token.bindings),
            user: user.map(|user| user_claims(user, wanted)).unwrap_or_default(),
        };
        let key = keys.signing_key(self.config.access_token_signing_alg)?;
        jwt::sign(key, ACCESS_TOKEN_TYP, &claims)
    }
}

/// `aud`: a string where there is one resource, else an array (RFC 7519 section 4.1.3).
pub(crate) fn audience(record: &AccessToken) -> Value {
    let resources: Vec<_> = record.audience.resources().collect();
    match resources[..] {
        [single] => single.into(),
        _ => json!(resources),
    }
}

fn user_claims(user: &User, wanted: &[String]) -> Map<String, Value> {
    wanted
        .iter()
        .filter_map(|name| user.claims.get(name).map(|value| (name.clone(), value.clone())))
        .collect()
}
