//! The code at the end of a good authorization request.

use std::sync::Arc;

use tokenbind_binding::{PushedRequestId, bindings::Authorized, handle::HandleKind, sso_session};

use super::{
    AuthorizationAnswer, Browser, CurrentUser, request::AuthorizationRequest, requester::Requester,
};
use crate::{
    browser_cookie::offer,
    code::AuthorizationCode,
    error::OAuthError,
    issuer::Issuer,
    login::Login,
    scope::Scope,
    secret::Secret,
    store::{CodeOutcome, CodeRequest, CookieFate, CookieOffer},
};

/// What came of issuing a code.
pub(super) enum Issuing {
    /// The application is answered with it.
    Answered(AuthorizationAnswer),
    /// The session, the user or the application ended meanwhile.
    Ended,
    /// The pushed request was answered meanwhile.
    Spent,
}

impl Issuer {
    /// Issues a code, and answers the application with it.
    pub(super) async fn issue_code(
        &self,
        requester: &Requester,
        request: &AuthorizationRequest<'_>,
        current: &CurrentUser,
        browser: Browser<'_>,
        consented: Option<Scope>,
        pushed: Option<PushedRequestId>,
    ) -> Result<Issuing, OAuthError> {
        let (cookie, fresh) = self.offered_cookie(requester, browser).unzip();
        let code_request = CodeRequest {
            as_of: requester.as_of,
            code: self.code(requester, request, current, browser),
            lifetime: self.config.authorization_code_lifetime,
            session_idle: self.config.session_idle,
            cookie,
            consented,
            pushed,
        };
        let (id, fate) = match self.store.issue_code(code_request).await? {
            CodeOutcome::Issued { id, cookie } => (id, cookie),
            CodeOutcome::SessionOver | CodeOutcome::Ended => return Ok(Issuing::Ended),
            CodeOutcome::RequestSpent => return Ok(Issuing::Spent),
        };
        let code = self.keys().handles.seal(HandleKind::AuthorizationCode, id.as_bytes());
        let atbv = fresh.filter(|_| fate == Some(CookieFate::Replaced));
        Ok(Issuing::Answered(self.grant(requester, code, atbv)?))
    }

    /// The `atbv` for an application whose tokens are bound to it.
    fn offered_cookie(
        &self,
        requester: &Requester,
        browser: Browser<'_>,
    ) -> Option<(CookieOffer, Secret)> {
        let settings = requester.settings();
        let client_id = &requester.application.client_id;
        settings
            .binds_to_browser()
            .then(|| offer(&browser.cookies.atbv, client_id, settings, &*self.random))
    }

    fn code(
        &self,
        requester: &Requester,
        request: &AuthorizationRequest<'_>,
        current: &CurrentUser,
        browser: Browser<'_>,
    ) -> AuthorizationCode {
        let CurrentUser { session, user } = current;
        let client_id = &requester.application.client_id;
        let session_cookie = browser.cookies.session.value();
        let login = Login {
            session: session.session.id,
            ends_tokens: requester.settings().revoke_tokens_on_logout,
            auth_time: session.facts.auth_time,
            acr: session.facts.acr,
            claims: request.claims.names.clone(),
        };
        AuthorizationCode {
            client_id: client_id.clone(),
            subject: user.subject.clone(),
            username: user.username.as_str().into(),
            pairwise: self.shown_subject(&requester.application, &user.subject),
            scope: request.scope.clone(),
            audience: request.target.audience(&self.config.default_audience),
            redirect_uri: requester.redirect_uri.as_str().into(),
            redirect_uri_named: requester.redirect_uri.is_named(),
            code_challenge: request.code_challenge,
            nonce: request.nonce.clone(),
            authorized: Authorized {
                // The store knows which `atbv` the browser will have.
                cookie: None,
                dpop: request.dpop_jkt,
                certificate: None,
                session: session_cookie.map(|cookie| sso_session::reference_of(client_id, cookie)),
            },
            login: Arc::new(login),
        }
    }
}
