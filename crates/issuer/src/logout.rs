//! Logout: asked for by an application (OpenID Connect RP-Initiated Logout) or by the user.

use std::sync::Arc;

use tokenbind_binding::Cookies;

use crate::{error::OAuthError, form::Form, issuer::Issuer, session::LoginSession};

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
#[derive(Clone, Debug, Default)]
pub struct LoggedOut {
    /// The session that ended; none if there was none.
    pub session: Option<Arc<LoginSession>>,
    /// What the page has to embed (OpenID Connect Front-Channel Logout).
    pub frontchannel: Vec<String>,
    /// Where the browser is to go on to, `state` included.
    pub redirect_uri: Option<String>,
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
        confirmed: bool,
    ) -> Result<LogoutDecision, OAuthError> {
        let _ = (parameters, cookies, confirmed);
        todo!()
    }
}
