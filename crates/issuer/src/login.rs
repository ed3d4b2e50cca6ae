//! What is known of the login that tokens came of.

use serde::{Deserialize, Serialize};
use tokenbind_binding::{SessionId, Timestamp, TokenSession};

/// How strongly a user proved who they are (`acr`). Ordered: a later one is worth more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Acr {
    /// By a password.
    #[serde(rename = "pwd")]
    Password,
}

impl Acr {
    /// Every one that this server can give.
    pub const ALL: [Self; 1] = [Self::Password];

    /// The value of `acr`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "pwd",
        }
    }

    /// This one and all that are worth more.
    pub fn or_stronger(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |acr| *acr >= self)
    }

    /// The values of `amr` (RFC 8176).
    #[must_use]
    pub const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
        }
    }
}

/// The login behind a token or grant, as its record keeps it. It never changes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Login {
    /// `sid`.
    #[serde(rename = "sid")]
    pub session: SessionId,
    /// Whether the tokens end at its logout, whatever they are bound to.
    #[serde(rename = "out", default, skip_serializing_if = "std::ops::Not::not")]
    pub ends_tokens: bool,
    /// When the user authenticated.
    #[serde(rename = "at")]
    pub auth_time: Timestamp,
    /// How.
    pub acr: Acr,
    /// The claims that the parameter `claims` asked for by name.
    #[serde(default, skip_serializing_if = "RequestedClaims::is_empty")]
    pub claims: RequestedClaims,
}

impl Login {
    /// What decides over the life of its tokens.
    #[must_use]
    pub const fn token_session(&self) -> TokenSession {
        TokenSession { id: self.session, ends_token: self.ends_tokens }
    }
}

/// The claims that an authorization request asked for by name (OpenID Connect Core section 5.5).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct RequestedClaims {
    /// For the ID token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_token: Vec<String>,
    /// For userinfo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo: Vec<String>,
}

impl RequestedClaims {
    /// Whether none were.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.id_token.is_empty() && self.userinfo.is_empty()
    }
}
