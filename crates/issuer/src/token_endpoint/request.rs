//! Token requests, one variant per grant, with nothing optional left to be checked again.

use tokenbind_binding::GrantType;

use super::token_exchange::TokenExchangeRequest;
use crate::{
    error::{ErrorCode, OAuthError},
    form::Form,
    scope::Scope,
};

/// A token request that has all that its grant needs.
#[derive(Clone, Debug)]
pub enum TokenRequest<'a> {
    /// RFC 6749 section 4.1.3.
    AuthorizationCode(AuthorizationCodeRequest<'a>),
    /// RFC 6749 section 4.3.2.
    Password(PasswordRequest<'a>),
    /// RFC 6749 section 4.4.2.
    ClientCredentials {
        /// `scope`.
        scope: Option<Scope>,
    },
    /// RFC 6749 section 6.
    RefreshToken(RefreshTokenRequest<'a>),
    /// RFC 8693 section 2.1.
    TokenExchange(TokenExchangeRequest<'a>),
    /// RFC 8628 section 3.4.
    DeviceCode(DeviceCodeRequest<'a>),
}

/// RFC 6749 section 4.1.3, RFC 7636 section 4.5.
#[derive(Clone)]
pub struct AuthorizationCodeRequest<'a> {
    pub(super) code: &'a str,
    pub(super) redirect_uri: Option<&'a str>,
    pub(super) code_verifier: Option<&'a str>,
}

/// RFC 6749 section 4.3.2.
#[derive(Clone)]
pub struct PasswordRequest<'a> {
    pub(super) username: &'a str,
    pub(super) password: &'a str,
    pub(super) scope: Option<Scope>,
}

/// RFC 6749 section 6.
#[derive(Clone)]
pub struct RefreshTokenRequest<'a> {
    pub(super) refresh_token: &'a str,
    pub(super) scope: Option<Scope>,
}

/// RFC 8628 section 3.4.
#[derive(Clone)]
pub struct DeviceCodeRequest<'a> {
    pub(super) device_code: &'a str,
}

impl std::fmt::Debug for AuthorizationCodeRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorizationCodeRequest")
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PasswordRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordRequest").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RefreshTokenRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshTokenRequest").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for DeviceCodeRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceCodeRequest").finish_non_exhaustive()
    }
}

impl<'a> TokenRequest<'a> {
    /// The grants that this endpoint answers.
    pub const GRANT_TYPES: [GrantType; 6] = [
        GrantType::AuthorizationCode,
        GrantType::RefreshToken,
        GrantType::Password,
        GrantType::ClientCredentials,
        GrantType::TokenExchange,
        GrantType::DeviceCode,
    ];

    /// Reads the parameters.
    ///
    /// # Errors
    /// `invalid_request`, `unsupported_grant_type` or `invalid_scope`.
    pub fn parse(form: &'a Form<'_>) -> Result<Self, OAuthError> {
        let scope = optional_scope(form)?;
        match required(form, "grant_type")?.parse() {
            Ok(GrantType::AuthorizationCode) => {
                Ok(Self::AuthorizationCode(AuthorizationCodeRequest {
                    code: required(form, "code")?,
                    redirect_uri: form.get("redirect_uri"),
                    code_verifier: form.get("code_verifier"),
                }))
            }
            Ok(GrantType::Password) => Ok(Self::Password(PasswordRequest {
                username: required(form, "username")?,
                password: required(form, "password")?,
                scope,
            })),
            Ok(GrantType::ClientCredentials) => Ok(Self::ClientCredentials { scope }),
            Ok(GrantType::RefreshToken) => Ok(Self::RefreshToken(RefreshTokenRequest {
                refresh_token: required(form, "refresh_token")?,
                scope,
            })),
            Ok(GrantType::TokenExchange) => {
                TokenExchangeRequest::parse(form, scope).map(Self::TokenExchange)
            }
            Ok(GrantType::DeviceCode) => Ok(Self::DeviceCode(DeviceCodeRequest {
                device_code: required(form, "device_code")?,
            })),
            Err(_) => Err(OAuthError::new(ErrorCode::UnsupportedGrantType, unsupported())),
        }
    }

    /// The grant that is asked for.
    #[must_use]
    pub const fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode(_) => GrantType::AuthorizationCode,
            Self::Password(_) => GrantType::Password,
            Self::ClientCredentials { .. } => GrantType::ClientCredentials,
            Self::RefreshToken(_) => GrantType::RefreshToken,
            Self::TokenExchange(_) => GrantType::TokenExchange,
            Self::DeviceCode(_) => GrantType::DeviceCode,
        }
    }
}

fn unsupported() -> String {
    let names: Vec<_> = TokenRequest::GRANT_TYPES.into_iter().map(GrantType::as_str).collect();
    format!("grant_type must be one of {}", names.join(", "))
}

fn required<'a>(form: &'a Form<'_>, name: &str) -> Result<&'a str, OAuthError> {
    form.get(name).ok_or_else(|| {
        OAuthError::new(ErrorCode::InvalidRequest, format!("the parameter {name} is missing"))
    })
}

/// `scope`.
///
/// # Errors
/// `invalid_scope`.
pub(crate) fn optional_scope(form: &Form<'_>) -> Result<Option<Scope>, OAuthError> {
    form.get("scope")
        .map(Scope::parse)
        .transpose()
        .map_err(|error| OAuthError::new(ErrorCode::InvalidScope, error.to_string()))
}
