//! The endpoints that clients call, and the URLs that they are known by.

use std::collections::HashMap;

use tokenbind_binding::dpop::htu::Htu;

use crate::issuer::IssuerConfig;

/// An endpoint that a client calls with its credentials or an access token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Endpoint {
    /// RFC 6749 section 3.2.
    Token,
    /// RFC 9126 section 2.
    PushedAuthorizationRequest,
    /// RFC 8628 section 3.1.
    DeviceAuthorization,
    /// RFC 7662 section 2.
    Introspection,
    /// RFC 7009 section 2.
    Revocation,
    /// OpenID Connect Core section 5.3.
    Userinfo,
}

impl Endpoint {
    /// Every endpoint.
    const ALL: [Self; 6] = [
        Self::Token,
        Self::PushedAuthorizationRequest,
        Self::DeviceAuthorization,
        Self::Introspection,
        Self::Revocation,
        Self::Userinfo,
    ];

    /// The path below the issuer.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Token => "/oauth2/token",
            Self::PushedAuthorizationRequest => "/oauth2/par",
            Self::DeviceAuthorization => "/oauth2/device_authorization",
            Self::Introspection => "/oauth2/introspect",
            Self::Revocation => "/oauth2/revoke",
            Self::Userinfo => "/oauth2/userinfo",
        }
    }

    /// Whether access tokens let in, so that refusals are challenges (RFC 6750 section 3, RFC 9449 section 7.1).
    pub(crate) const fn is_protected_resource(self) -> bool {
        matches!(self, Self::Userinfo)
    }

    /// The URLs that clients know it by: below the issuer and, where certificates are asked for, below
    /// the base of those aliases (RFC 8705 section 5). They come from the configuration, never from what a
    /// request says of its host.
    pub(crate) fn urls(self, config: &IssuerConfig) -> impl Iterator<Item = String> {
        let bases = [Some(config.issuer.as_str()), config.mtls_base.as_deref()];
        bases.into_iter().flatten().map(move |base| format!("{base}{}", self.path()))
    }
}

/// The URLs of all endpoints in the form that DPoP proofs are compared with, made once.
pub(crate) struct ProvenUrls(HashMap<Endpoint, Vec<Htu>>);

impl ProvenUrls {
    pub(crate) fn of(config: &IssuerConfig) -> Self {
        let htus =
            |endpoint: Endpoint| endpoint.urls(config).filter_map(|url| Htu::parse(&url).ok());
        Self(Endpoint::ALL.into_iter().map(|it| (it, htus(it).collect())).collect())
    }

    /// Those that one endpoint is known by.
    pub(crate) fn of_endpoint(&self, endpoint: Endpoint) -> &[Htu] {
        self.0.get(&endpoint).map_or(&[], Vec::as_slice)
    }
}

/// What a request asks of which endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target<'a> {
    /// The method of HTTP, such as `POST`.
    pub method: &'a str,
    /// Where.
    pub endpoint: Endpoint,
}
