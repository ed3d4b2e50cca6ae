//! ID tokens as subject: what may come of the login that they tell of.
//!
//! An ID token says who signed in to an application, and nothing of what that application may do. What is exchanged for it
//! lives no longer than the login session, and has a scope that the user agreed to.

use std::sync::Arc;

use tokenbind_binding::{
    Ancestor, Anchor, Bindings, Descent, Instant, SessionId, SubjectId, Timestamp, anchor,
};

use super::{
    held::{Held, Kind},
    request::invalid_request,
};
use crate::{
    client::AuthenticatedClient,
    error::OAuthError,
    id_token::hint::HintClaims,
    issuer::Issuer,
    login::{Login, RequestedClaims},
    scope::Scope,
    session::LoginSession,
    store::StoreResult,
};

impl Issuer {
    /// What stands behind an ID token of the application that asks.
    ///
    /// # Errors
    /// `invalid_request` if it is another's, or its time or its login is over.
    pub(super) async fn held_by_id_token(
        &self,
        client: &AuthenticatedClient,
        token: &str,
    ) -> Result<Held, OAuthError> {
        let claims = self
            .read_id_token_hint(token)
            .map_err(|_| invalid_request("the subject token is no ID token of this server"))?;
        if claims.client_id != *client.client_id() {
            let description = "the subject token is an ID token for another application";
            return Err(invalid_request(description));
        }
        let over = || invalid_request("the login session of the subject token is over");
        let found = self.store.look_up_session(claims.session).await?.ok_or_else(over)?;
        let now = self.now().timestamp();
        found.record.judge(found.ends.as_slice(), now).map_err(|_| over())?;
        let subject = found.record.session.subject.clone();
        let told = self.shown_subject(client.application(), &subject);
        if told.as_deref().unwrap_or(subject.as_str()) != &*claims.subject {
            return Err(over());
        }
        let anchors = self.judge_id_token(client, &claims, &subject, now).await?;
        let scope = self.consented(client, &subject).await?;
        Ok(self.held_login(client, &claims, &found.record, anchors, scope))
    }

    /// Whether nothing that the ID token hangs from has ended since. It tells the second of its making alone, so an end
    /// within that second counts.
    async fn judge_id_token(
        &self,
        client: &AuthenticatedClient,
        claims: &HintClaims,
        subject: &SubjectId,
        now: Timestamp,
    ) -> Result<Vec<Anchor>, OAuthError> {
        let anchors = vec![
            Anchor::Subject(subject.clone()),
            Anchor::Application(client.client_id().clone()),
            Anchor::Consent(subject.clone(), client.client_id().clone()),
            Anchor::Session(claims.session),
        ];
        let ends = self.store.look_up_ends(anchors.clone()).await?;
        let issued = Instant::from_micros(claims.issued_at.as_secs().saturating_mul(1_000_000));
        let session = Some(claims.session);
        anchor::judge(issued, claims.expires_at, session, anchors.clone(), &ends[..], now)
            .map_err(|reason| invalid_request(format!("the subject token is dead: {reason}")))?;
        Ok(anchors)
    }

    /// What the application may do for this user. One that asks no consent may do what its settings say.
    async fn consented(
        &self,
        client: &AuthenticatedClient,
        subject: &SubjectId,
    ) -> StoreResult<Scope> {
        if client.settings().skip_consent {
            return Ok(client.settings().scope.clone());
        }
        let consent = self.store.find_consent(subject, client.client_id()).await?;
        Ok(consent.unwrap_or_default())
    }

    fn held_login(
        &self,
        client: &AuthenticatedClient,
        claims: &HintClaims,
        LoginSession { session, facts }: &LoginSession,
        anchors: Vec<Anchor>,
        scope: Scope,
    ) -> Held {
        Held {
            client_id: client.client_id().clone(),
            subject: session.subject.clone(),
            username: Some(Arc::clone(&facts.username)),
            login: Some(Arc::new(Login {
                session: session.id,
                ends_tokens: true,
                auth_time: facts.auth_time,
                acr: facts.acr,
                claims: RequestedClaims::default(),
            })),
            scope,
            audience: self.config.default_audience.clone(),
            bindings: Bindings::default(),
            expires_at: claims.expires_at,
            descent: of_login(anchors, session.id),
            actor: None,
            kind: Kind::Private,
        }
    }
}

fn of_login(anchors: Vec<Anchor>, session: SessionId) -> Descent {
    Descent::of(Ancestor::new(anchors, Some(session)), None, Some(session))
}
