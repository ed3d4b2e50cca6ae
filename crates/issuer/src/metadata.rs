//! What the server tells of itself (RFC 8414, OpenID Connect Discovery). Only what is on.

use serde::Serialize;
use tokenbind_binding::{GrantType, dpop};

use crate::{
    authorization::ResponseMode, claims, client_keys::SIGNING_ALGORITHMS, endpoint::Endpoint,
    issuer::Issuer, keys::SigningAlgorithm, login::Acr, settings::ClientAuthMethod,
    token_endpoint::TokenRequest,
};

/// What the server itself tells in an ID token and userinfo.
const OWN_CLAIMS: [&str; 11] =
    ["sub", "iss", "aud", "azp", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"];

/// Authorization server metadata (RFC 8414 section 2, OpenID Connect Discovery section 3).
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each tells of another specification")]
pub struct ServerMetadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    /// RFC 9126 section 5.
    pushed_authorization_request_endpoint: String,
    /// RFC 8628 section 4.
    device_authorization_endpoint: String,
    require_pushed_authorization_requests: bool,
    userinfo_endpoint: String,
    /// OpenID Connect RP-Initiated Logout section 2.1.
    end_session_endpoint: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    jwks_uri: String,
    /// RFC 8705 section 5: "clients intending to do mutual TLS MUST use the alias URL" of what is in here.
    #[serde(skip_serializing_if = "Option::is_none")]
    mtls_endpoint_aliases: Option<EndpointAliases>,
    /// RFC 8705 section 3.3.
    tls_client_certificate_bound_access_tokens: bool,
    /// draft-ietf-oauth-client-id-metadata-document-02 section 6.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    client_id_metadata_document_supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 7],
    grant_types_supported: [GrantType; 6],
    code_challenge_methods_supported: [&'static str; 1],
    /// RFC 9207 section 3.
    authorization_response_iss_parameter_supported: bool,
    scopes_supported: [&'static str; 7],
    claims_supported: Vec<&'static str>,
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    /// OpenID Connect Discovery section 3.
    request_object_signing_alg_values_supported: [&'static str; 4],
    /// OpenID Connect Discovery section 3 has it default to true.
    request_uri_parameter_supported: bool,
    subject_types_supported: [&'static str; 2],
    id_token_signing_alg_values_supported: [&'static str; 4],
    /// JARM section 4.
    authorization_signing_alg_values_supported: [&'static str; 4],
    acr_values_supported: [&'static str; 1],
    prompt_values_supported: [&'static str; 4],
    display_values_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    revocation_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    introspection_endpoint_auth_signing_alg_values_supported: [&'static str; 4],
    /// RFC 9449 section 5.1.
    dpop_signing_alg_values_supported: [&'static str; 3],
    backchannel_logout_supported: bool,
    backchannel_logout_session_supported: bool,
    frontchannel_logout_supported: bool,
    frontchannel_logout_session_supported: bool,
}

/// Where clients that show a certificate reach the endpoints (RFC 8705 section 5). None is in here that the
/// document has not, too.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of RFC 8414")]
struct EndpointAliases {
    token_endpoint: String,
    pushed_authorization_request_endpoint: String,
    device_authorization_endpoint: String,
    userinfo_endpoint: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
}

impl EndpointAliases {
    fn below(base: &str) -> Self {
        let at = |endpoint: Endpoint| format!("{base}{}", endpoint.path());
        Self {
            token_endpoint: at(Endpoint::Token),
            pushed_authorization_request_endpoint: at(Endpoint::PushedAuthorizationRequest),
            device_authorization_endpoint: at(Endpoint::DeviceAuthorization),
            userinfo_endpoint: at(Endpoint::Userinfo),
            introspection_endpoint: at(Endpoint::Introspection),
            revocation_endpoint: at(Endpoint::Revocation),
        }
    }
}

impl Issuer {
    /// The names of those methods that a client could authenticate by here.
    fn offered(&self, methods: &[ClientAuthMethod]) -> Vec<&'static str> {
        let certificates = self.config.client_certificates;
        let offered = methods.iter().filter(|method| certificates.suffice_for(**method));
        offered.map(|method| method.as_str()).collect()
    }

    /// The metadata document.
    #[must_use]
    pub fn metadata(&self) -> ServerMetadata {
        let issuer = &self.config.issuer;
        let at = |path: &str| format!("{issuer}{path}");
        let registers = self.config.initial_access_token.is_some();
        let methods = self.offered(&ClientAuthMethod::AVAILABLE);
        ServerMetadata {
            issuer: issuer.clone(),
            authorization_endpoint: at("/oauth2/authorize"),
            token_endpoint: at(Endpoint::Token.path()),
            pushed_authorization_request_endpoint: at(Endpoint::PushedAuthorizationRequest.path()),
            device_authorization_endpoint: at(Endpoint::DeviceAuthorization.path()),
            require_pushed_authorization_requests: false,
            userinfo_endpoint: at(Endpoint::Userinfo.path()),
            end_session_endpoint: at("/oauth2/logout"),
            introspection_endpoint: at(Endpoint::Introspection.path()),
            revocation_endpoint: at(Endpoint::Revocation.path()),
            jwks_uri: at("/oauth2/jwks"),
            mtls_endpoint_aliases: self.config.mtls_base.as_deref().map(EndpointAliases::below),
            tls_client_certificate_bound_access_tokens: self.config.client_certificates.are_taken(),
            client_id_metadata_document_supported: self.takes_client_documents(),
            registration_endpoint: registers.then(|| at("/oauth2/register")),
            response_types_supported: ["code"],
            response_modes_supported: ResponseMode::ALL.map(ResponseMode::as_str),
            grant_types_supported: TokenRequest::GRANT_TYPES,
            code_challenge_methods_supported: ["S256"],
            authorization_response_iss_parameter_supported: true,
            scopes_supported: claims::SCOPES,
            claims_supported: OWN_CLAIMS.into_iter().chain(claims::standard_names()).collect(),
            claims_parameter_supported: true,
            request_parameter_supported: true,
            request_object_signing_alg_values_supported: SIGNING_ALGORITHMS,
            request_uri_parameter_supported: false,
            subject_types_supported: ["public", "pairwise"],
            id_token_signing_alg_values_supported: SigningAlgorithm::ALL
                .map(SigningAlgorithm::as_str),
            authorization_signing_alg_values_supported: SigningAlgorithm::ALL
                .map(SigningAlgorithm::as_str),
            acr_values_supported: Acr::ALL.map(Acr::as_str),
            prompt_values_supported: ["none", "login", "consent", "select_account"],
            display_values_supported: ["page"],
            token_endpoint_auth_methods_supported: methods.clone(),
            token_endpoint_auth_signing_alg_values_supported: SIGNING_ALGORITHMS,
            revocation_endpoint_auth_methods_supported: methods,
            revocation_endpoint_auth_signing_alg_values_supported: SIGNING_ALGORITHMS,
            introspection_endpoint_auth_methods_supported: self
                .offered(&ClientAuthMethod::CONFIDENTIAL),
            introspection_endpoint_auth_signing_alg_values_supported: SIGNING_ALGORITHMS,
            dpop_signing_alg_values_supported: dpop::ALGORITHMS,
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            frontchannel_logout_supported: true,
            frontchannel_logout_session_supported: true,
        }
    }
}
