//! Token introspection (RFC 7662).

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use tokenbind_binding::RefreshTokenId;

use crate::{
    access_token::AccessToken,
    actor::ShownActor,
    client::{AuthenticatedClient, ClientEvidence},
    error::{ErrorCode, OAuthError},
    grant::Grant,
    issuer::Issuer,
    presented::Presented,
    settings::IntrospectionRight,
    shown_binding::ShownBinding,
    shown_login::ShownLogin,
    store::Recorded,
    token_endpoint::{audience, token_type},
};

/// An introspection response (RFC 7662 section 2.2).
#[derive(Clone, Debug, Default, Serialize)]
pub struct Introspection {
    active: bool,
    #[serde(flatten)]
    token: Option<ActiveToken>,
}

#[derive(Clone, Debug, Serialize)]
struct ActiveToken {
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<Arc<str>>,
    sub: String,
    aud: Value,
    iss: String,
    iat: u64,
    exp: u64,
    nbf: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    /// Absent for a refresh token, which no API accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<String>,
    #[serde(flatten)]
    login: Option<ShownLogin>,
    #[serde(flatten)]
    binding: ShownBinding,
    /// RFC 8693 section 4.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<ShownActor>,
}

impl Introspection {
    /// RFC 7662 section 2.2: of a token that is not active nothing else is told.
    const INACTIVE: Self = Self { active: false, token: None };
}

impl Issuer {
    /// Tells an application of a token.
    ///
    /// # Errors
    /// `invalid_client` or `invalid_request`. A token that is dead, unknown or none of the
    /// application's business is no error.
    pub async fn introspect(&self, shown: ClientEvidence<'_>) -> Result<Introspection, OAuthError> {
        let client = self.authenticate(shown).await?;
        // RFC 7662 section 2.1: "the endpoint MUST also require some form of authorization".
        client.must_be_confidential()?;
        let token = shown.form.get("token").ok_or_else(|| {
            OAuthError::new(ErrorCode::InvalidRequest, "the parameter token is missing")
        })?;
        let active = match self.find_presented(token).await? {
            Some(Presented::AccessToken(found)) => self.active_access_token(&client, &found),
            Some(Presented::RefreshToken(id, found)) => {
                self.active_refresh_token(&client, id, &found)
            }
            None => None,
        };
        Ok(active.map_or(Introspection::INACTIVE, |token| Introspection {
            active: true,
            token: Some(token),
        }))
    }

    fn active_access_token(
        &self,
        client: &AuthenticatedClient,
        found: &Recorded<impl AsRef<AccessToken>>,
    ) -> Option<ActiveToken> {
        let record = found.record.as_ref();
        let token = &record.token;
        token.judge(found.ends.as_slice(), found.session.as_ref(), self.now().timestamp()).ok()?;
        may_know(client, &token.client_id).then(|| ActiveToken {
            scope: record.scope.as_str().into(),
            client_id: token.client_id.as_str().into(),
            username: shown_username(record.username.as_ref(), record.pairwise.as_ref()),
            sub: record.shown_subject().into(),
            aud: audience(record),
            iss: self.config.issuer.clone(),
            iat: token.id.instant().timestamp().as_secs(),
            exp: token.expires_at.as_secs(),
            nbf: token.id.instant().timestamp().as_secs(),
            jti: Some(token.id.to_string()),
            token_type: Some(token_type(&token.bindings)),
            grant_id: token.grant.map(|grant| grant.to_string()),
            login: record.login.as_deref().map(ShownLogin::from),
            binding: ShownBinding::of(&token.bindings),
            act: record.actor.as_deref().map(ShownActor::from),
        })
    }

    fn active_refresh_token(
        &self,
        client: &AuthenticatedClient,
        presented: RefreshTokenId,
        found: &Recorded<Grant>,
    ) -> Option<ActiveToken> {
        let grant = &found.record;
        grant.judge(found.ends.as_slice(), found.session.as_ref(), self.now().timestamp()).ok()?;
        let known = grant.refresh_token() == presented && may_know(client, &grant.client_id);
        known.then(|| ActiveToken {
            scope: grant.scope.as_str().into(),
            client_id: grant.client_id.as_str().into(),
            username: shown_username(grant.username.as_ref(), grant.pairwise.as_ref()),
            sub: grant.pairwise.as_deref().unwrap_or(grant.subject.as_str()).into(),
            aud: self.config.issuer.as_str().into(),
            iss: self.config.issuer.clone(),
            iat: grant.current.since.as_secs(),
            exp: grant.expires_at.as_secs(),
            nbf: grant.current.since.as_secs(),
            jti: None,
            token_type: None,
            grant_id: Some(grant.id.to_string()),
            login: grant.login.as_deref().map(ShownLogin::from),
            binding: ShownBinding::of(&grant.bindings),
            act: None,
        })
    }
}

/// The name would tell what a pairwise subject hides.
fn shown_username(username: Option<&Arc<str>>, pairwise: Option<&Arc<str>>) -> Option<Arc<str>> {
    username.filter(|_| pairwise.is_none()).cloned()
}

fn may_know(client: &AuthenticatedClient, owner: &tokenbind_binding::ClientId) -> bool {
    match client.settings().introspection {
        IntrospectionRight::Own => client.client_id() == owner,
        IntrospectionRight::Any => true,
    }
}
