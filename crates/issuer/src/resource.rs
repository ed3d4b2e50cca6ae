//! Protected resources: what access tokens can be meant for, and what each asks of them (RFC 8707).

mod members;
mod metadata;
mod wanted;

use serde::{Deserialize, Serialize};
use tokenbind_binding::{BindingType, ClientId};
use url::Url;

pub use metadata::{NoDocument, ResourceMetadata, WELL_KNOWN};
pub(crate) use wanted::Wanted;

use crate::{login::Acr, scope::Scope, settings::AccessTokenFormat};

/// A resource that the operator declared. Lifetimes and ages are in seconds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its URI, as `aud` shows it (RFC 8707 section 2: absolute, without a fragment).
    pub identifier: String,
    /// The name that people see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The scopes that it knows. A token for it has no others; empty means all that were granted.
    #[serde(
        default,
        skip_serializing_if = "Scope::is_empty",
        serialize_with = "members::serialize_words",
        deserialize_with = "members::deserialize_words"
    )]
    pub scopes: Scope,
    /// It takes only tokens that are bound by one of these at least; empty means any token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_binding_types: Vec<BindingType>,
    /// The form of its access tokens; the application's if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_format: Option<AccessTokenFormat>,
    /// Its access tokens live no longer than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_lifetime: Option<u64>,
    /// How strongly the user must have proved who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<Acr>,
    /// How long ago that may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,
    /// The application that is this resource, where it calls other resources in turn: it may exchange the
    /// tokens that it receives (RFC 8693).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
}

/// A URI in the form by which resources are told apart: scheme and host in lower case, no default port, a
/// path (RFC 3986 section 6.2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ResourceKey(String);

/// A URI that cannot name a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a resource is named by an absolute URI without a fragment, in visible ASCII")]
pub struct MalformedResource;

impl ResourceKey {
    /// The key of the resource that `uri` names.
    ///
    /// # Errors
    /// [`MalformedResource`]: RFC 8707 section 2, "MUST be an absolute URI", "MUST NOT include a fragment component".
    pub fn of(uri: &str) -> Result<Self, MalformedResource> {
        if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(MalformedResource);
        }
        let url = Url::parse(uri).map_err(|_| MalformedResource)?;
        if url.fragment().is_some() { Err(MalformedResource) } else { Ok(Self(url.into())) }
    }

    /// The URI in that form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Resource {
    /// One that asks for nothing.
    #[must_use]
    pub fn of(identifier: &str) -> Self {
        Self {
            identifier: identifier.into(),
            name: None,
            scopes: Scope::default(),
            required_binding_types: Vec::new(),
            access_token_format: None,
            access_token_lifetime: None,
            acr: None,
            max_age: None,
            client_id: None,
        }
    }

    /// What tells it apart from others.
    ///
    /// # Errors
    /// [`MalformedResource`] if its identifier is no such URI.
    pub fn key(&self) -> Result<ResourceKey, MalformedResource> {
        ResourceKey::of(&self.identifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc8707_section_2_a_resource_is_an_absolute_uri_without_a_fragment() {
        for uri in ["", "api", "/api", "//api.example", "https://api.example/#f", "https://a b/"] {
            assert_eq!(ResourceKey::of(uri), Err(MalformedResource), "{uri}");
        }
        for uri in ["https://api.example", "https://api.example/v1?x=1", "urn:example:api"] {
            assert!(ResourceKey::of(uri).is_ok(), "{uri}");
        }
    }

    #[test]
    fn rfc3986_section_6_2_equivalent_uris_name_one_resource() {
        let key = ResourceKey::of("https://api.example/").unwrap();
        for uri in ["https://API.example", "HTTPS://api.example:443/", "https://api.example/x/.."] {
            assert_eq!(ResourceKey::of(uri).as_ref(), Ok(&key), "{uri}");
        }
        for uri in ["http://api.example/", "https://api.example:444/", "https://api.example/X"] {
            assert_ne!(ResourceKey::of(uri).as_ref(), Ok(&key), "{uri}");
        }
    }
}
