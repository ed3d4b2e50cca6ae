//! Refusals that the application is told of, by way of the browser.

use std::borrow::Cow;

use crate::{
    error::{ErrorCode, OAuthError, plain},
    pkce::MalformedChallenge,
    scope::{MalformedScope, Scope},
};

/// The value of `error` in an authorization response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AuthorizationErrorCode {
    /// RFC 6749 section 4.1.2.1.
    InvalidRequest,
    /// RFC 6749 section 4.1.2.1.
    UnauthorizedClient,
    /// RFC 6749 section 4.1.2.1.
    AccessDenied,
    /// RFC 6749 section 4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749 section 4.1.2.1.
    InvalidScope,
    /// OpenID Connect Core section 3.1.2.6.
    LoginRequired,
    /// OpenID Connect Core section 3.1.2.6.
    ConsentRequired,
    /// OpenID Connect Core section 3.1.2.6.
    RequestNotSupported,
    /// OpenID Connect Core section 3.1.2.6.
    RequestUriNotSupported,
    /// OpenID Connect Core section 3.1.2.6.
    RegistrationNotSupported,
    /// OpenID Connect Core section 3.1.2.6, RFC 9101 section 6.
    InvalidRequestObject,
    /// RFC 8707 section 2.
    InvalidTarget,
    /// OpenID Connect Core Error Code `unmet_authentication_requirements`.
    UnmetAuthenticationRequirements,
}

impl AuthorizationErrorCode {
    /// The text.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::InvalidTarget => "invalid_target",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
        }
    }
}

/// A refusal for the application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AuthorizationError {
    /// `error`.
    pub(super) code: AuthorizationErrorCode,
    /// `error_description`: what was expected.
    pub(super) description: Cow<'static, str>,
}

impl AuthorizationError {
    pub(super) fn new(
        code: AuthorizationErrorCode,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { code, description: plain(description.into()) }
    }

    pub(super) fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(AuthorizationErrorCode::InvalidRequest, description)
    }

    pub(super) fn login_required() -> Self {
        let description = "the user has to sign in, but prompt=none allows no page";
        Self::new(AuthorizationErrorCode::LoginRequired, description)
    }

    pub(super) fn consent_required() -> Self {
        let description = "the user has to consent, but prompt=none allows no page";
        Self::new(AuthorizationErrorCode::ConsentRequired, description)
    }

    pub(super) fn access_denied() -> Self {
        Self::new(AuthorizationErrorCode::AccessDenied, "the user said no")
    }

    /// RFC 6749 section 3.3: the scope asked for is more than the application may ask for.
    pub(super) fn scope_exceeds(scope: &Scope, allowed: &Scope) -> Self {
        let stray = scope.words().find(|word| !allowed.contains(word)).unwrap_or_default();
        let description = format!("{stray} is not in the application's scope setting");
        Self::new(AuthorizationErrorCode::InvalidScope, description)
    }
}

/// The same where the application asks itself (RFC 9126 section 2.3). What only a user can bring about does not
/// happen there.
impl From<AuthorizationError> for OAuthError {
    fn from(error: AuthorizationError) -> Self {
        let code = match error.code {
            AuthorizationErrorCode::UnauthorizedClient => ErrorCode::UnauthorizedClient,
            AuthorizationErrorCode::UnsupportedResponseType => ErrorCode::UnsupportedResponseType,
            AuthorizationErrorCode::InvalidScope => ErrorCode::InvalidScope,
            AuthorizationErrorCode::InvalidTarget => ErrorCode::InvalidTarget,
            AuthorizationErrorCode::RegistrationNotSupported => ErrorCode::RegistrationNotSupported,
            AuthorizationErrorCode::InvalidRequestObject => ErrorCode::InvalidRequestObject,
            AuthorizationErrorCode::RequestNotSupported => ErrorCode::RequestNotSupported,
            AuthorizationErrorCode::InvalidRequest
            | AuthorizationErrorCode::AccessDenied
            | AuthorizationErrorCode::LoginRequired
            | AuthorizationErrorCode::ConsentRequired
            | AuthorizationErrorCode::RequestUriNotSupported
            | AuthorizationErrorCode::UnmetAuthenticationRequirements => ErrorCode::InvalidRequest,
        };
        Self::new(code, error.description)
    }
}

impl From<MalformedChallenge> for AuthorizationError {
    fn from(error: MalformedChallenge) -> Self {
        Self::invalid_request(error.to_string())
    }
}

impl From<MalformedScope> for AuthorizationError {
    fn from(error: MalformedScope) -> Self {
        Self::new(AuthorizationErrorCode::InvalidScope, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6749_section_4_1_2_1_a_description_has_only_the_characters_allowed() {
        let error = AuthorizationError::invalid_request("a \"b\"\r\n\u{e9}\t");
        assert_eq!(error.description, "a 'b'????");
    }
}
