//! Back-channel logout (OpenID Connect Back-Channel Logout 1.0): which applications are told, and how.
//!
//! The store notes with the end of a session whom to tell, in the same transaction. What is noted is
//! tried until it is settled, so that nothing is lost when the server or an application is down.

use serde::Serialize;
use serde_json::{Value, json};
use tokenbind_binding::{ClientId, TokenId, time::random_bytes};

use crate::{
    application::Application,
    error::OAuthError,
    issuer::Issuer,
    jwt,
    keys::KeyError,
    store::{LogoutDelivery, StoreResult},
};

/// The JWT type of logout tokens (section 2.4: so that none is taken for an ID token).
const LOGOUT_TOKEN_TYP: &str = "logout+jwt";

/// What the token says has happened (section 2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Seconds for which a logout token is good (section 4 recommends two minutes at most).
pub const LOGOUT_TOKEN_LIFETIME: u64 = 120;

/// A logout token on its way to an application.
#[derive(Clone)]
pub struct LogoutNotice {
    /// Names the delivery.
    pub id: u64,
    /// Who is told.
    pub client_id: ClientId,
    /// `backchannel_logout_uri`.
    pub uri: String,
    /// What to post as `logout_token`.
    pub logout_token: String,
    /// Counts from one.
    pub attempt: u32,
}

impl std::fmt::Debug for LogoutNotice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("LogoutNotice");
        shown.field("id", &self.id).field("uri", &self.uri).finish_non_exhaustive()
    }
}

/// The claims of a logout token (section 2.4). There is no `nonce`: it is "PROHIBITED".
#[derive(Serialize)]
struct LogoutTokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
    events: Value,
    sid: String,
}

impl Issuer {
    /// Waits until a login session may have ended.
    pub async fn session_ended(&self) {
        self.session_ended.notified().await;
    }

    /// Removes the sessions whose time is over, and notes whom to tell. To be called every few seconds.
    ///
    /// # Errors
    /// If the store does not answer; then the next call does it.
    pub async fn end_expired_sessions(&self) -> StoreResult<()> {
        if self.store.sweep_sessions(self.now().timestamp()).await? > 0 {
            self.session_ended.notify_one();
        }
        Ok(())
    }

    /// Up to `limit` notices that are to be delivered now. Each comes again later, until it is settled.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn due_logout_notices(&self, limit: usize) -> StoreResult<Vec<LogoutNotice>> {
        let due = self.store.claim_logout_deliveries(self.now().timestamp(), limit).await?;
        let mut notices = Vec::with_capacity(due.len());
        for delivery in due {
            match self.logout_notice(&delivery).await {
                Ok(Some(notice)) => notices.push(notice),
                // The application was removed, or wants to hear of no logout any more.
                Ok(None) => self.settle_logout_notice(delivery.id).await?,
                // One that cannot be made must not hold up the others.
                Err(error) => tracing::error!(%error, id = delivery.id, "no logout token"),
            }
        }
        Ok(notices)
    }

    /// The application took the notice, or refused it for good.
    ///
    /// # Errors
    /// If the store does not answer; then the notice comes again.
    pub async fn settle_logout_notice(&self, id: u64) -> StoreResult<()> {
        self.store.settle_logout_delivery(id).await
    }

    async fn logout_notice(
        &self,
        delivery: &LogoutDelivery,
    ) -> Result<Option<LogoutNotice>, OAuthError> {
        let Some(application) = self.find(delivery.client_id.as_str()).await? else {
            return Ok(None);
        };
        let Some(uri) = application.settings.backchannel_logout_uri.clone() else {
            return Ok(None);
        };
        Ok(Some(LogoutNotice {
            id: delivery.id,
            client_id: delivery.client_id.clone(),
            uri,
            logout_token: self.logout_token(&application, delivery)?,
            attempt: delivery.attempt,
        }))
    }

    /// Section 2.4: signed as the application's ID tokens are.
    fn logout_token(
        &self,
        application: &Application,
        delivery: &LogoutDelivery,
    ) -> Result<String, KeyError> {
        let keys = self.keys();
        let now = self.now().timestamp().as_secs();
        let pairwise = self.shown_subject(application, &delivery.subject);
        let claims = LogoutTokenClaims {
            iss: &self.config.issuer,
            sub: pairwise.as_deref().unwrap_or(delivery.subject.as_str()),
            aud: application.client_id.as_str(),
            iat: now,
            exp: now + LOGOUT_TOKEN_LIFETIME,
            jti: TokenId::from_bytes(random_bytes(&*self.random)).to_string(),
            events: json!({ EVENT: {} }),
            sid: delivery.session.to_string(),
        };
        let key = keys.signing_key(application.settings.id_token_signed_response_alg)?;
        jwt::sign(key, LOGOUT_TOKEN_TYP, &claims)
    }
}
