//! What the server tells of itself (RFC 8414, OpenID Connect Discovery). Only what is on.

use serde::Serialize;
use tokenbind_binding::GrantType;

use crate::{issuer::Issuer, settings::ClientAuthMethod, token_endpoint::TokenRequest};

/// Authorization server metadata (RFC 8414 section 2).
#[derive(Clone, Debug, Serialize)]
pub struct ServerMetadata {
    issuer: String,
    token_endpoint: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    jwks_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    /// Empty: there is no authorization endpoint yet. The member is REQUIRED all the same.
    response_types_supported: [&'static str; 0],
    grant_types_supported: [GrantType; 3],
    scopes_supported: [&'static str; 4],
    subject_types_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
}

impl Issuer {
    /// The metadata document.
    #[must_use]
    pub fn metadata(&self) -> ServerMetadata {
        let issuer = &self.config.issuer;
        let at = |path: &str| format!("{issuer}{path}");
        let secrets = [ClientAuthMethod::ClientSecretBasic, ClientAuthMethod::ClientSecretPost];
        let methods = ClientAuthMethod::AVAILABLE.map(ClientAuthMethod::as_str);
        ServerMetadata {
            issuer: issuer.clone(),
            token_endpoint: at("/oauth2/token"),
            introspection_endpoint: at("/oauth2/introspect"),
            revocation_endpoint: at("/oauth2/revoke"),
            jwks_uri: at("/oauth2/jwks"),
            registration_endpoint: self
                .config
                .initial_access_token
                .as_ref()
                .map(|_| at("/oauth2/register")),
            response_types_supported: [],
            grant_types_supported: TokenRequest::GRANT_TYPES,
            scopes_supported: ["openid", "profile", "email", "offline_access"],
            subject_types_supported: ["public"],
            token_endpoint_auth_methods_supported: methods,
            revocation_endpoint_auth_methods_supported: methods,
            introspection_endpoint_auth_methods_supported: secrets.map(ClientAuthMethod::as_str),
        }
    }
}
