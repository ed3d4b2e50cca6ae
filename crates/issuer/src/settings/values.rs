//! The settings that are one of a few words.

use serde::{Deserialize, Serialize};

use crate::keys::SigningAlgorithm;

/// How an application authenticates at the token endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// Not at all: a public client.
    None,
    /// HTTP Basic (RFC 6749 section 2.3.1).
    #[default]
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the form (RFC 6749 section 2.3.1).
    ClientSecretPost,
    /// A signed assertion (RFC 7523).
    PrivateKeyJwt,
    /// A certificate of a trusted authority (RFC 8705 section 2.1).
    TlsClientAuth,
    /// A certificate that it registered (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
}

impl ClientAuthMethod {
    /// The methods that this server checks.
    pub const AVAILABLE: [Self; 6] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::PrivateKeyJwt,
        Self::TlsClientAuth,
        Self::SelfSignedTlsClientAuth,
        Self::None,
    ];

    /// Those by which a client proves who it is.
    pub const CONFIDENTIAL: [Self; 5] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::PrivateKeyJwt,
        Self::TlsClientAuth,
        Self::SelfSignedTlsClientAuth,
    ];

    /// The name in settings and metadata.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
        }
    }

    /// Whether the client authenticates by its TLS certificate (RFC 8705 section 2).
    #[must_use]
    pub const fn uses_certificate(self) -> bool {
        matches!(self, Self::TlsClientAuth | Self::SelfSignedTlsClientAuth)
    }

    /// Whether it shows a secret that this server gave out.
    #[must_use]
    pub const fn uses_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

/// The form of the access tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// A handle that this server alone can read.
    #[default]
    Opaque,
    /// A JWT by RFC 9068.
    Jwt,
}

/// Which tokens an application may introspect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntrospectionRight {
    /// Its own.
    #[default]
    Own,
    /// All: for resource servers.
    Any,
}

/// In whose name an application is given tokens in exchange (RFC 8693 section 1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExchangeMode {
    /// The subject's alone: nobody sees that somebody else uses them.
    Impersonation,
    /// The subject's, with the one who acts for them in `act`.
    Delegation,
}

impl ExchangeMode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Impersonation, Self::Delegation];

    /// The name in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Impersonation => "impersonation",
            Self::Delegation => "delegation",
        }
    }
}

/// How users are named to an application (OpenID Connect Core section 8).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// The same `sub` for every application.
    #[default]
    Public,
    /// A `sub` of its own.
    Pairwise,
}

/// A security profile that switches many settings at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FapiProfile {
    /// No profile.
    #[default]
    None,
    /// FAPI 2.0 Security Profile.
    Fapi2Security,
    /// FAPI 2.0 Message Signing.
    Fapi2MessageSigning,
}

impl FapiProfile {
    /// How a client may authenticate under a profile (FAPI 2.0 Security Profile section 5.3.2.1).
    pub const CLIENT_AUTH_METHODS: [ClientAuthMethod; 3] = [
        ClientAuthMethod::PrivateKeyJwt,
        ClientAuthMethod::TlsClientAuth,
        ClientAuthMethod::SelfSignedTlsClientAuth,
    ];

    /// The signatures that are made and taken under a profile (FAPI 2.0 Security Profile section 5.4).
    pub const ALGORITHMS: [SigningAlgorithm; 3] =
        [SigningAlgorithm::PS256, SigningAlgorithm::ES256, SigningAlgorithm::EdDSA];

    /// The signature where none is named: the one nearest to `RS256`, which is the default elsewhere and made with
    /// the same kind of key.
    pub const DEFAULT_ALGORITHM: SigningAlgorithm = SigningAlgorithm::PS256;

    /// Whether any profile is on: FAPI 2.0 Security Profile holds, which Message Signing builds upon.
    #[must_use]
    pub const fn is_on(self) -> bool {
        !matches!(self, Self::None)
    }

    /// The signature of a JWT that would be by `algorithm`: that, if the profile allows it.
    #[must_use]
    pub fn signature(self, algorithm: SigningAlgorithm) -> SigningAlgorithm {
        if self.is_on() && !Self::ALGORITHMS.contains(&algorithm) {
            Self::DEFAULT_ALGORITHM
        } else {
            algorithm
        }
    }

    /// Whether authorization requests and responses have to be signed (FAPI 2.0 Message Signing sections 5.3
    /// and 5.4).
    #[must_use]
    pub const fn signs_messages(self) -> bool {
        matches!(self, Self::Fapi2MessageSigning)
    }
}
