//! The authorization endpoint (RFC 6749 section 3.1, OpenID Connect Core section 3.1.2): from a browser's
//! request to a page for the user, or an answer for the application.

mod request;
mod response;

use std::net::IpAddr;

use tokenbind_binding::Cookies;

pub use response::{AuthorizationAnswer, ResponseMode};

use crate::{error::OAuthError, form::Form, issuer::Issuer};

/// What a browser shows of itself.
#[derive(Clone, Copy, Debug)]
pub struct Browser<'a> {
    /// The cookies that matter.
    pub cookies: &'a Cookies,
    /// Where the connection comes from.
    pub address: IpAddr,
    /// `User-Agent`.
    pub user_agent: Option<&'a str>,
}

/// What the user has just said to a page that asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserAnswer {
    /// Nothing yet.
    None,
    /// A wrong name or password: the sign-in page is shown again, whoever is signed in.
    SignInFailed,
    /// Yes, to what the consent page showed.
    Consented,
    /// No, on the sign-in page or the consent page.
    Denied,
}

/// What comes of an authorization request.
#[derive(Clone, Debug)]
pub enum Decision {
    /// A page that tells the user what is wrong. The application is told nothing: it, or where to
    /// send the browser, is not known for sure (RFC 6749 section 4.1.2.1).
    Refused(OAuthError),
    /// The user has to sign in.
    SignIn(SignInPrompt),
    /// The user has to consent.
    Consent(ConsentPrompt),
    /// An answer for the application, good or bad, for the browser to carry.
    Answer(AuthorizationAnswer),
}

/// What people see of an application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApplicationFace {
    /// `client_name`, or the `client_id` if it has none.
    pub name: String,
    /// The host that the browser will be sent back to; the scheme where that is private.
    pub destination: String,
    /// The origin of the redirect URI as a CSP source, so that a form may lead there; the scheme with
    /// its colon where that is private.
    pub form_action: String,
}

/// What the sign-in page shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignInPrompt {
    /// Who asks.
    pub application: ApplicationFace,
    /// What to fill in as username.
    pub login_hint: Option<String>,
    /// The user who is signed in and may go on without a password (`prompt=select_account`).
    pub current: Option<String>,
}

/// What the consent page shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsentPrompt {
    /// Who asks.
    pub application: ApplicationFace,
    /// Who is asked.
    pub username: String,
    /// For what, word by word.
    pub scope: Vec<String>,
}

impl Issuer {
    /// Decides on an authorization request: the parameters of its query or form.
    ///
    /// # Errors
    /// Only where the store or a key fails.
    pub async fn authorize(
        &self,
        parameters: &Form<'_>,
        browser: Browser<'_>,
        answer: UserAnswer,
    ) -> Result<Decision, OAuthError> {
        let _ = (parameters, browser, answer);
        todo!()
    }
}
