//! Authorization responses (RFC 6749 section 4.1.2, RFC 9207, OAuth 2.0 Form Post Response Mode).

use crate::secret::Secret;

/// How the parameters of the answer travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In its fragment.
    Fragment,
    /// In a form that the browser posts to it.
    FormPost,
}

/// An answer for the application.
#[derive(Clone, Debug)]
pub struct AuthorizationAnswer {
    /// Where the browser is sent, checked to be the application's.
    pub redirect_uri: String,
    /// How the parameters travel.
    pub mode: ResponseMode,
    /// `code` or `error`, `state`, `iss` …
    pub parameters: Vec<(&'static str, String)>,
    /// The value of `atbv` that the browser is to keep, if it is to have a new one.
    pub atbv: Option<Secret>,
}
