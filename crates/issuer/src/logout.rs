//! Logout: asked for by an application (OpenID Connect RP-Initiated Logout 1.0) or by the user.

use tokenbind_binding::{Cookies, SessionId};

use crate::{
    application::Application,
    error::{ErrorCode, OAuthError},
    form::Form,
    issuer::Issuer,
    store::{EndedSession, StoreResult},
    uri::with_query,
};

/// What the user has just said to a page that asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Confirmation {
    /// Nothing yet.
    None,
    /// Yes, log me out.
    Given,
}

/// What comes of a logout request.
#[derive(Clone, Debug)]
pub enum LogoutDecision {
    /// A page that tells what is wrong with the request. Nobody was logged out.
    Refused(OAuthError),
    /// The user has to confirm: nothing proves that an application of theirs asks.
    Confirm {
        /// Whose session it is.
        username: String,
        /// Where the browser will go on to.
        redirect_uri: Option<String>,
    },
    /// Done.
    LoggedOut(LoggedOut),
}

/// A logout that is done.
#[derive(Clone, Debug)]
pub struct LoggedOut {
    /// What the page has to embed (OpenID Connect Front-Channel Logout).
    pub frontchannel: Vec<String>,
    /// Where the browser is to go on to, `state` included.
    pub redirect_uri: Option<String>,
}

/// A logout request that holds to the rules.
#[derive(Default)]
struct LogoutRequest {
    /// The login that the asking application was told of, if it shows its ID token.
    session: Option<SessionId>,
    /// Where the browser is to go on to.
    redirect_uri: Option<String>,
}

impl Issuer {
    /// Decides on a logout request: the parameters of its query or form.
    ///
    /// # Errors
    /// Only where the store or a key fails.
    pub async fn log_out(
        &self,
        parameters: &Form<'_>,
        cookies: &Cookies,
        confirmation: Confirmation,
    ) -> Result<LogoutDecision, OAuthError> {
        let request = match self.read_logout_request(parameters).await {
            Err(error) if error.code == ErrorCode::InvalidRequest => {
                return Ok(LogoutDecision::Refused(error));
            }
            request => request?,
        };
        let shown = self.shown_session(cookies);
        let agreed = confirmation == Confirmation::Given || shown == request.session;
        // RP-Initiated Logout section 2: the OP "MUST ask the End-User this question if an id_token_hint was not
        // provided or if the supplied ID Token does not belong to the current OP session".
        if !agreed && let Some(current) = self.current_session(cookies).await? {
            return Ok(LogoutDecision::Confirm {
                username: current.facts.username.to_string(),
                redirect_uri: request.redirect_uri,
            });
        }
        // A session that has idled out is ended too: tokens may have outlived it.
        let ended = match shown.filter(|_| agreed) {
            Some(session) => self.end_login_session(session).await?,
            None => None,
        };
        let frontchannel = match &ended {
            Some(ended) => self.frontchannel(ended).await?,
            None => Vec::new(),
        };
        let redirect_uri = request.redirect_uri;
        Ok(LogoutDecision::LoggedOut(LoggedOut { frontchannel, redirect_uri }))
    }

    /// Ends a login session and has its applications told. `None` if it is over already.
    pub(crate) async fn end_login_session(
        &self,
        id: SessionId,
    ) -> StoreResult<Option<EndedSession>> {
        let ended = self.store.end_session(id).await?;
        self.session_ended.notify_one();
        Ok(ended)
    }

    async fn read_logout_request(
        &self,
        parameters: &Form<'_>,
    ) -> Result<LogoutRequest, OAuthError> {
        let Some(hint) = parameters.get("id_token_hint") else {
            // Section 3: without a hint "the OP MUST NOT perform post-logout redirection".
            return Ok(LogoutRequest::default());
        };
        let hint = self.read_id_token_hint(hint).map_err(|error| refuse(error.to_string()))?;
        // Section 2: "the OP MUST verify that the Client Identifier matches the one used when issuing the ID
        // Token".
        let client_id = parameters.get("client_id");
        if client_id.is_some_and(|client_id| client_id != hint.client_id.as_str()) {
            return Err(refuse("client_id must be that of the application in id_token_hint"));
        }
        let redirect_uri = match parameters.get("post_logout_redirect_uri") {
            Some(uri) => {
                let application = self.find(hint.client_id.as_str()).await?;
                Some(redirection(application.as_deref(), uri, parameters.get("state"))?)
            }
            None => None,
        };
        Ok(LogoutRequest { session: Some(hint.session), redirect_uri })
    }

    /// What the page has to embed: the `frontchannel_logout_uri` of each application. OpenID Connect
    /// Front-Channel Logout 1.0 section 3: if `iss` or `sid` "is included, both MUST be".
    async fn frontchannel(&self, ended: &EndedSession) -> StoreResult<Vec<String>> {
        let sid = ended.session.session.id.to_string();
        let mut uris = Vec::new();
        for client_id in &ended.applications {
            let application = self.find(client_id.as_str()).await?;
            if let Some(uri) = application.as_ref().and_then(|each| frontchannel_uri(each)) {
                uris.push(with_query(uri, &[("iss", &self.config.issuer), ("sid", &sid)]));
            }
        }
        Ok(uris)
    }
}

fn frontchannel_uri(application: &Application) -> Option<&str> {
    application.settings.frontchannel_logout_uri.as_deref()
}

/// Where the browser goes on to. Section 3: "The OP MUST NOT perform post-logout redirection if the
/// `post_logout_redirect_uri` value supplied does not exactly match one of the previously registered
/// `post_logout_redirect_uris` values".
fn redirection(
    application: Option<&Application>,
    uri: &str,
    state: Option<&str>,
) -> Result<String, OAuthError> {
    let registered = application.map_or(&[][..], |each| &each.settings.post_logout_redirect_uris);
    if !registered.iter().any(|known| known == uri) {
        return Err(refuse(
            "post_logout_redirect_uri must be one that is registered for the application",
        ));
    }
    Ok(state.map_or_else(|| uri.to_owned(), |state| with_query(uri, &[("state", state)])))
}

fn refuse(description: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, description)
}
