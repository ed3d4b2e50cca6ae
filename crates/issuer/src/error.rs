//! Errors as the protocols name them. What a client is told and what the log says are two things.

use std::borrow::Cow;

use crate::{form::FormError, keys::KeyError, settings::InvalidMetadata, store::StoreError};

/// What went wrong, by the code that the client is told. How it looks in HTTP is decided elsewhere,
/// once for all endpoints.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorCode {
    /// RFC 6749 section 5.2.
    InvalidRequest,
    /// A body over the limit; told as `invalid_request`.
    RequestTooLarge,
    /// RFC 6749 section 5.2.
    InvalidClient,
    /// RFC 6749 section 5.2.
    InvalidGrant,
    /// RFC 6749 section 5.2.
    UnauthorizedClient,
    /// RFC 6749 section 5.2.
    UnsupportedGrantType,
    /// RFC 6749 section 5.2.
    InvalidScope,
    /// RFC 6750 section 3.1.
    InvalidToken,
    /// A protected resource was asked for without a token. RFC 6750 section 3.1: the answer "SHOULD NOT include
    /// an error code".
    MissingToken,
    /// A protected resource was asked for with two tokens, or with what is none (RFC 6750 section 3.1); told as
    /// `invalid_request`.
    InvalidResourceRequest,
    /// RFC 6750 section 3.1.
    InsufficientScope {
        /// The scope that would be enough.
        needed: &'static str,
    },
    /// RFC 9449 section 5: the proof is missing or does not hold.
    InvalidDpopProof,
    /// RFC 9449 section 8: the proof needs a nonce of this server's.
    UseDpopNonce,
    /// RFC 9449 section 7.1: the same at a protected resource.
    InvalidResourceDpopProof,
    /// RFC 9449 section 9: the same at a protected resource.
    UseResourceDpopNonce,
    /// RFC 9449 section 7.1: an access token that does not let in, where a proof has to come with it. Told as
    /// `invalid_token`, with a challenge of the scheme `DPoP`.
    InvalidDpopToken,
    /// An access token that is bound too weakly for a protected resource, told in the manner of RFC 9470.
    InsufficientBinding(TokenScheme),
    /// RFC 9470 section 3: the login that an access token comes of is too weak or too old for a protected resource.
    InsufficientUserAuthentication(TokenScheme),
    /// RFC 9101 section 6: the request object does not hold.
    InvalidRequestObject,
    /// RFC 9101 section 6: the request URI names no request.
    InvalidRequestUri,
    /// RFC 8707 section 2: a resource that is not known, or that takes no such token.
    InvalidTarget,
    /// RFC 8628 section 3.5: the user has not answered yet.
    AuthorizationPending,
    /// RFC 8628 section 3.5: the same, and the device asks too often.
    SlowDown,
    /// RFC 8628 section 3.5: the user said no.
    AccessDenied,
    /// RFC 8628 section 3.5: the time of the device code is over.
    ExpiredToken,
    /// OpenID Connect Core section 3.1.2.6: request objects that are not signed.
    RequestNotSupported,
    /// RFC 6749 section 4.1.2.1, at a pushed request (RFC 9126 section 2.3).
    UnsupportedResponseType,
    /// OpenID Connect Core section 3.1.2.6.
    RegistrationNotSupported,
    /// RFC 7591 section 3.2.2.
    InvalidRedirectUri,
    /// RFC 7591 section 3.2.2.
    InvalidClientMetadata,
    /// Too many failed attempts (RFC 6585 section 4); told as `temporarily_unavailable`.
    TooManyAttempts {
        /// Seconds until another attempt is heard.
        retry_after: u64,
    },
    /// Our own fault, and perhaps gone in a moment.
    TemporarilyUnavailable,
}

/// By which rules an access token is shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TokenScheme {
    /// Those of RFC 6750: whoever has the token may use it.
    Bearer,
    /// Those of RFC 9449: a proof by the token's key comes along.
    Dpop,
}

impl ErrorCode {
    /// The value of `error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest | Self::RequestTooLarge | Self::InvalidResourceRequest => {
                "invalid_request"
            }
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidToken | Self::MissingToken | Self::InvalidDpopToken => "invalid_token",
            Self::InvalidDpopProof | Self::InvalidResourceDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce | Self::UseResourceDpopNonce => "use_dpop_nonce",
            Self::InsufficientBinding(_) => "insufficient_binding",
            Self::InsufficientUserAuthentication(_) => "insufficient_user_authentication",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidTarget => "invalid_target",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::AccessDenied => "access_denied",
            Self::ExpiredToken => "expired_token",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::RequestNotSupported => "request_not_supported",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::TooManyAttempts { .. } | Self::TemporarilyUnavailable => {
                "temporarily_unavailable"
            }
        }
    }
}

/// A refusal, ready to be told.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}: {description}", .code.as_str())]
pub struct OAuthError {
    /// What went wrong.
    pub code: ErrorCode,
    /// What was expected, in a sentence, and never a secret: `error_description`.
    pub description: Cow<'static, str>,
    /// What the operator should know beyond that.
    pub log: Option<String>,
    /// The nonce that the next proof is to have: `DPoP-Nonce` (RFC 9449 section 8).
    pub dpop_nonce: Option<String>,
    /// What would do, for the challenge of a protected resource: its parameters with their values.
    pub would_do: Box<[(&'static str, String)]>,
}

impl OAuthError {
    /// A refusal with its sentence. Characters that RFC 6749 section 5.2 does not allow in a description
    /// (`%x20-21 / %x23-5B / %x5D-7E`) are replaced.
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            description: plain(description.into()),
            log: None,
            dpop_nonce: None,
            would_do: Box::default(),
        }
    }

    fn unavailable(log: String) -> Self {
        let description = "the server cannot answer just now, try again in a moment";
        Self { log: Some(log), ..Self::new(ErrorCode::TemporarilyUnavailable, description) }
    }
}

/// The description with only the characters that RFC 6749 sections 4.1.2.1 and 5.2 allow in one.
pub(crate) fn plain(description: Cow<'static, str>) -> Cow<'static, str> {
    if description.bytes().all(is_description_byte) {
        return description;
    }
    description.chars().map(to_description_character).collect()
}

const fn is_description_byte(byte: u8) -> bool {
    matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

fn to_description_character(character: char) -> char {
    match character {
        '"' => '\'',
        '\\' => '/',
        _ if u8::try_from(character).is_ok_and(is_description_byte) => character,
        _ => '?',
    }
}

impl From<FormError> for OAuthError {
    fn from(error: FormError) -> Self {
        Self::new(ErrorCode::InvalidRequest, error.to_string())
    }
}

impl From<InvalidMetadata> for OAuthError {
    fn from(error: InvalidMetadata) -> Self {
        let code = if error.field.starts_with("redirect_uris") {
            ErrorCode::InvalidRedirectUri
        } else {
            ErrorCode::InvalidClientMetadata
        };
        Self::new(code, error.to_string())
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl From<KeyError> for OAuthError {
    fn from(error: KeyError) -> Self {
        Self::unavailable(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6749_section_5_2_a_description_has_only_the_characters_allowed() {
        let error = OAuthError::new(ErrorCode::InvalidRequest, "a \"b\" \\ c\u{e9}\n");
        assert_eq!(error.description, "a 'b' / c??");
    }
}
