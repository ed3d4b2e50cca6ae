//! What a protected resource tells of itself (RFC 9728). The document is served by the resource, so that this server only
//! writes it: for the resources that are declared here, and for its own.

use serde::Serialize;
use tokenbind_binding::dpop;
use url::{Position, Url};

use super::Resource;
use crate::{
    claims,
    endpoint::Endpoint,
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
};

/// The name that is registered for the document (RFC 9728 section 8.3).
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Protected resource metadata (RFC 9728 section 2). Only what is known to be true.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ResourceMetadata {
    resource: String,
    authorization_servers: [String; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_client_certificate_bound_access_tokens: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    dpop_signing_alg_values_supported: Option<[&'static str; 3]>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dpop_bound_access_tokens_required: bool,
}

/// A resource that has no document.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("only a resource whose identifier is an https URL can serve metadata")]
pub struct NoDocument;

impl ResourceMetadata {
    /// The document of a resource that takes tokens of this issuer.
    ///
    /// # Errors
    /// [`NoDocument`]: RFC 9728 section 1.2, "a URL that uses the https scheme and has no fragment component".
    pub fn of(resource: &Resource, issuer: &str) -> Result<Self, NoDocument> {
        document_url(&resource.identifier).ok_or(NoDocument)?;
        let required = &resource.required_binding_types;
        let takes_dpop = required.iter().any(|kind| kind.takes_dpop_proof());
        Ok(Self {
            resource: resource.identifier.clone(),
            authorization_servers: [issuer.to_owned()],
            scopes_supported: resource.scopes.words().map(Into::into).collect(),
            // RFC 6750 section 2.1: of the three methods, the one that resource servers MUST support.
            bearer_methods_supported: vec!["header"],
            resource_name: resource.name.clone(),
            tls_client_certificate_bound_access_tokens: required
                .iter()
                .any(|kind| kind.takes_certificate()),
            dpop_signing_alg_values_supported: takes_dpop.then_some(dpop::ALGORITHMS),
            dpop_bound_access_tokens_required: takes_dpop
                && required.iter().all(|kind| kind.takes_dpop_proof()),
        })
    }

    /// Where clients look for it.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        document_url(&self.resource)
    }
}

/// RFC 9728 section 3.1: between the host and the path or query, "any terminating slash (\"/\") following the host
/// component MUST be removed".
fn document_url(identifier: &str) -> Option<String> {
    let url = Url::parse(identifier).ok()?;
    if url.scheme() != "https" || url.fragment().is_some() {
        return None;
    }
    let (origin, rest) = (&url[..Position::BeforePath], &url[Position::BeforePath..]);
    let rest = if url.path() == "/" { &rest[1..] } else { rest };
    Some(format!("{origin}{WELL_KNOWN}{rest}"))
}

impl Issuer {
    /// The document of this server's own protected resource, userinfo. Section 3.3 has clients compare `resource` with the
    /// URL that they called; tokens for it are for this server (`aud`).
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn userinfo_metadata(&self) -> Result<ResourceMetadata, OAuthError> {
        let own = self.own_resource().await?;
        let declared = ResourceMetadata::of(&own, &self.config.issuer).map_err(|error| {
            OAuthError::new(ErrorCode::TemporarilyUnavailable, error.to_string())
        })?;
        let scopes = if own.scopes.is_empty() {
            claims::SCOPES.map(Into::into).to_vec()
        } else {
            declared.scopes_supported
        };
        Ok(ResourceMetadata {
            resource: self.userinfo_url(),
            scopes_supported: scopes,
            bearer_methods_supported: vec!["header", "body"],
            tls_client_certificate_bound_access_tokens: self.config.client_certificates.are_taken(),
            dpop_signing_alg_values_supported: Some(dpop::ALGORITHMS),
            ..declared
        })
    }

    /// Where that document is.
    #[must_use]
    pub fn userinfo_metadata_url(&self) -> Option<String> {
        document_url(&self.userinfo_url())
    }

    pub(super) fn userinfo_url(&self) -> String {
        format!("{}{}", self.config.issuer, Endpoint::Userinfo.path())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokenbind_binding::BindingType::{self, Certificate, Cookie, Dpop};

    use super::*;

    fn resource(required: &[BindingType]) -> Resource {
        Resource {
            required_binding_types: required.to_vec(),
            ..Resource::of("https://api.example/mcp")
        }
    }

    fn told(resource: &Resource) -> Value {
        let metadata = ResourceMetadata::of(resource, "https://as.example").unwrap();
        serde_json::to_value(metadata).unwrap()
    }

    #[test]
    fn rfc9728_section_3_1_the_name_goes_between_the_host_and_the_rest() {
        for (identifier, url) in [
            ("https://api.example", "https://api.example/.well-known/oauth-protected-resource"),
            ("https://api.example/", "https://api.example/.well-known/oauth-protected-resource"),
            (
                "https://api.example/mcp",
                "https://api.example/.well-known/oauth-protected-resource/mcp",
            ),
            (
                "https://api.example:8443/a/b/",
                "https://api.example:8443/.well-known/oauth-protected-resource/a/b/",
            ),
            (
                "https://api.example/?x=1",
                "https://api.example/.well-known/oauth-protected-resource?x=1",
            ),
            (
                "https://api.example/mcp?x=1",
                "https://api.example/.well-known/oauth-protected-resource/mcp?x=1",
            ),
        ] {
            assert_eq!(document_url(identifier).as_deref(), Some(url));
        }
    }

    #[test]
    fn rfc9728_section_1_2_only_an_https_url_without_fragment_has_a_document() {
        for identifier in ["urn:example:api", "http://api.example/", "https://api.example/#f", "x"]
        {
            let resource = Resource { identifier: identifier.into(), ..resource(&[]) };
            let refused = ResourceMetadata::of(&resource, "https://as.example");
            assert_eq!(refused, Err(NoDocument), "{identifier}");
        }
    }

    #[test]
    fn rfc9728_section_2_nothing_is_told_that_is_not_known() {
        let expected = json!({
            "resource": "https://api.example/mcp",
            "authorization_servers": ["https://as.example"],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(told(&resource(&[])), expected);
        assert_eq!(told(&resource(&[Cookie])), expected);
    }

    #[test]
    fn rfc9728_section_2_the_bindings_that_are_required_are_told() {
        let members = |required| {
            let told = told(&resource(required));
            let tls = told.get("tls_client_certificate_bound_access_tokens").is_some();
            let algs = told.get("dpop_signing_alg_values_supported").is_some();
            (tls, algs, told.get("dpop_bound_access_tokens_required").is_some())
        };
        assert_eq!(members(&[Dpop]), (false, true, true));
        assert_eq!(members(&[Certificate]), (true, false, false));
        assert_eq!(members(&[Dpop, Certificate]), (true, true, false));
    }
}
