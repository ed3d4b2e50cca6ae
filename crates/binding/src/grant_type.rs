//! The grants of OAuth 2.0 that this server knows.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A grant type, by its identifier on the wire (`grant_type`, `grant_types`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum GrantType {
    /// RFC 6749 section 4.1.
    AuthorizationCode,
    /// RFC 6749 section 6.
    RefreshToken,
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// RFC 6749 section 4.3.
    Password,
    /// RFC 8628.
    DeviceCode,
    /// RFC 8693.
    TokenExchange,
}

impl GrantType {
    /// Every grant type.
    pub const ALL: [Self; 6] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::Password,
        Self::DeviceCode,
        Self::TokenExchange,
    ];

    /// The identifier on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }
}

impl fmt::Display for GrantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<GrantType> for &'static str {
    fn from(value: GrantType) -> Self {
        value.as_str()
    }
}

impl TryFrom<String> for GrantType {
    type Error = UnknownGrantType;

    fn try_from(text: String) -> Result<Self, UnknownGrantType> {
        text.parse()
    }
}

/// A grant type that this server does not know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a known grant type")]
pub struct UnknownGrantType;

impl FromStr for GrantType {
    type Err = UnknownGrantType;

    fn from_str(text: &str) -> Result<Self, UnknownGrantType> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == text).ok_or(UnknownGrantType)
    }
}
