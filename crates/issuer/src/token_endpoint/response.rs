//! Token responses (RFC 6749 section 5.1), made only of what is committed.

use serde::Serialize;
use serde_json::{Map, Value, json};
use tokenbind_binding::{Bindings, handle::HandleKind};

use crate::{
    access_token::{AccessToken, TokenFormat},
    actor::ShownActor,
    claims,
    client::AuthenticatedClient,
    error::OAuthError,
    id_token::IdTokenFacts,
    issuer::Issuer,
    jwt,
    keys::{KeyError, KeyRing},
    login::Login,
    shown_binding::ShownBinding,
    shown_login::ShownLogin,
    store::Issued,
    user::User,
};

/// The JWT type of access tokens (RFC 9068 section 2.1).
pub(crate) const ACCESS_TOKEN_TYP: &str = "at+jwt";

/// A successful answer. Its `Debug` shows no token.
#[derive(Clone, Serialize)]
pub struct TokenResponse {
    access_token: String,
    /// RFC 8693 section 2.2.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip)]
    dpop_nonce: Option<String>,
}

impl TokenResponse {
    /// The nonce that the client's next DPoP proof is to have, if it is another one: `DPoP-Nonce` (RFC 9449
    /// section 8.2).
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<&str> {
        self.dpop_nonce.as_deref()
    }
}

/// `token_type` of an access token (RFC 9449 section 5: `DPoP` if it is bound to a key, so that nobody takes
/// it for what it is not).
pub(crate) fn token_type(bindings: &Bindings) -> &'static str {
    if bindings.need_dpop() { "DPoP" } else { "Bearer" }
}

/// What goes into tokens besides what was committed of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Besides<'a> {
    /// The user, where claims about them go in.
    pub(super) user: Option<&'a User>,
    /// The login that an ID token tells of, if there is to be one. In a slot, the access token may have come of an
    /// earlier one.
    pub(super) login: Option<&'a Login>,
    /// `nonce` of the ID token.
    pub(super) nonce: Option<&'a str>,
    /// The nonce of the client's next DPoP proof.
    pub(super) dpop_nonce: Option<&'a str>,
    /// What kind of token an exchange gave.
    pub(super) issued_token_type: Option<&'static str>,
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
    login: Option<ShownLogin>,
    #[serde(flatten)]
    binding: ShownBinding,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<ShownActor>,
    #[serde(flatten)]
    user: Map<String, Value>,
}

impl Issuer {
    pub(super) fn respond(
        &self,
        keys: &KeyRing,
        client: &AuthenticatedClient,
        issued: &Issued,
        besides: Besides<'_>,
    ) -> Result<TokenResponse, OAuthError> {
        let record = &*issued.access_token;
        let access_token = match record.format {
            TokenFormat::Opaque { key } => {
                keys.seal_with(key, HandleKind::AccessToken, record.token.id.as_bytes())?
            }
            TokenFormat::Jwt { .. } => {
                self.sign_access_token(keys, client, record, besides.user)?
            }
        };
        let id_token = self.id_token(keys, client, record, &access_token, besides)?;
        Ok(TokenResponse {
            access_token,
            issued_token_type: besides.issued_token_type,
            token_type: token_type(&record.token.bindings),
            expires_in: record.token.expires_at.since(self.now().timestamp()),
            refresh_token: issued
                .refresh_token
                .map(|id| keys.handles.seal(HandleKind::RefreshToken, &id.to_bytes())),
            id_token,
            scope: record.scope.as_str().into(),
            dpop_nonce: besides.dpop_nonce.map(Into::into),
        })
    }

    fn id_token(
        &self,
        keys: &KeyRing,
        client: &AuthenticatedClient,
        record: &AccessToken,
        access_token: &str,
        besides: Besides<'_>,
    ) -> Result<Option<String>, KeyError> {
        let facts = besides.login.map(|login| IdTokenFacts {
            login,
            nonce: besides.nonce,
            user: besides.user,
            record,
            access_token,
        });
        facts.map(|facts| self.sign_id_token(keys, client, facts)).transpose()
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
        let wanted = client.settings().access_token_claims.iter().map(String::as_str);
        let claims = AccessTokenClaims {
            iss: &self.config.issuer,
            sub: record.shown_subject(),
            aud: audience(record),
            client_id: token.client_id.as_str(),
            exp: token.expires_at.as_secs(),
            iat: issued_at,
            nbf: issued_at,
            jti: token.id.to_string(),
            scope: record.scope.as_str(),
            grant_id: token.grant.map(|grant| grant.to_string()),
            login: record.login.as_deref().map(ShownLogin::from),
            binding: ShownBinding::of(&token.bindings),
            act: record.actor.as_deref().map(ShownActor::from),
            user: user.map(|user| claims::of_user(user, wanted)).unwrap_or_default(),
        };
        let key = keys.signing_key(self.access_token_algorithm(client))?;
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
