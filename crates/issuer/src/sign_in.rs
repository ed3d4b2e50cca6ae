//! Signing in: from a name and a password to a session.

use std::sync::Arc;

use tokenbind_binding::Cookies;

use crate::{
    authorization::Browser, error::OAuthError, issuer::Issuer, session::LoginSession,
    store::StoreResult,
};

/// A user who has just signed in.
#[derive(Clone)]
pub struct SignedIn {
    /// The session.
    pub session: Arc<LoginSession>,
    /// The value of the session's cookie, where the browser does not have it yet.
    pub cookie: Option<String>,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedIn").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Issuer {
    /// Checks a user's password and starts a session in their browser.
    ///
    /// # Errors
    /// `invalid_grant` with a sentence for the user: wrong name or password, or locked;
    /// `temporarily_unavailable` after too many failures.
    pub async fn sign_in(
        &self,
        username: &str,
        password: &str,
        browser: Browser<'_>,
    ) -> Result<SignedIn, OAuthError> {
        let _ = (username, password, browser);
        todo!()
    }

    /// The living session whose cookie the browser shows.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn current_session(
        &self,
        cookies: &Cookies,
    ) -> StoreResult<Option<Arc<LoginSession>>> {
        let _ = cookies;
        todo!()
    }
}
