//! The settings of an application, under the names of RFC 7591 and its relatives where one exists.

mod boolean_aliases;
mod certificate_name;
mod fapi;
mod token_exchange;
mod validate;
mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use tokenbind_binding::{BindingType, ClientId, GrantType, bindings::Terms};

pub use validate::MAX_LIFETIME;
pub use values::{
    AccessTokenFormat, ClientAuthMethod, ExchangeMode, FapiProfile, IntrospectionRight, SubjectType,
};

use crate::{keys::SigningAlgorithm, scope::Scope};
pub(crate) use certificate_name::CertificateName;

use boolean_aliases::{BOOLEAN_ALIASES, apply_boolean_aliases};

const RESPONSE_TYPES: &str = "response_types";

/// The one value that it can have (RFC 6749 section 3.1.1).
const RESPONSE_TYPE: &str = "code";

/// The settings of one application. Lifetimes are in seconds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "client metadata are independent switches")]
pub struct Settings {
    /// The name that people see (RFC 7591).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// The grants that it may use.
    pub grant_types: Vec<GrantType>,
    /// How it authenticates.
    pub token_endpoint_auth_method: ClientAuthMethod,
    /// What it may ask for.
    pub scope: Scope,
    /// Where users are sent back to; compared exactly.
    pub redirect_uris: Vec<String>,
    /// Where users are sent after logout; compared exactly.
    pub post_logout_redirect_uris: Vec<String>,
    /// Origins of its pages, for CORS.
    pub allowed_origins: Vec<String>,
    /// Whether an authorization request needs a PKCE challenge.
    pub require_pkce: bool,
    /// RFC 9126.
    pub require_pushed_authorization_requests: bool,
    /// The signature that its authorization requests must have (RFC 9101).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<SigningAlgorithm>,
    /// Opaque or JWT.
    pub access_token_format: AccessTokenFormat,
    /// Claims about the user that go into a JWT.
    pub access_token_claims: Vec<String>,
    /// What its tokens are bound to; all of them must hold.
    pub token_binding_types: Vec<BindingType>,
    /// Whether presenters are checked; absent means per type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate_token_bindings: Option<bool>,
    /// Whether tokens of every binding type end at logout.
    pub revoke_tokens_on_logout: bool,
    /// Grants that may issue without the binding.
    pub unbound_grants: Vec<GrantType>,
    /// Of access tokens that speak for a user.
    pub user_access_token_lifetime: u64,
    /// Of access tokens that speak for the application itself.
    pub application_access_token_lifetime: u64,
    /// Whether refresh tokens are replaced at use.
    pub refresh_token_rotation: bool,
    /// Of refresh tokens.
    pub refresh_token_lifetime: u64,
    /// The signature of its ID tokens.
    pub id_token_signed_response_alg: SigningAlgorithm,
    /// Further audiences of its ID tokens; a single one may be given as a string.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    pub id_token_audience: Vec<String>,
    /// Of ID tokens.
    pub id_token_lifetime: u64,
    /// For one's own applications: users are not asked.
    pub skip_consent: bool,
    /// Which tokens it may introspect.
    pub introspection: IntrospectionRight,
    /// Whether DPoP proofs need a nonce.
    pub dpop_nonce_required: bool,
    /// A profile that switches many settings at once.
    pub fapi_profile: FapiProfile,
    /// Of device codes.
    pub device_code_lifetime: u64,
    /// How users are named to it.
    pub subject_type: SubjectType,
    /// Where logouts are told to (OpenID Connect Back-Channel Logout).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether the logout token must name the session. It always does.
    pub backchannel_logout_session_required: bool,
    /// What logout pages embed (OpenID Connect Front-Channel Logout).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    /// Whether the query must name the session. It always does.
    pub frontchannel_logout_session_required: bool,
    /// Public keys that verify what it signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Where those keys are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// A certificate in PEM that it authenticates with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The subject of the certificate that it authenticates with (RFC 8705 section 2.1.2), as RFC 4514 writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_subject_dn: Option<String>,
    /// A DNS name of that certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_dns: Option<String>,
    /// A URI of that certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_uri: Option<String>,
    /// An IP address of that certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_ip: Option<String>,
    /// An email address of that certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_email: Option<String>,
    /// The only signature that its assertions may have (RFC 7591 section 2); any that the server knows if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<SigningAlgorithm>,
    /// The signature of authorization responses of `response_mode=jwt` (JARM section 3).
    pub authorization_signed_response_alg: SigningAlgorithm,
    /// Whose tokens it may exchange besides its own and those that are meant for it (RFC 8693).
    pub token_exchange_subject_clients: Vec<ClientId>,
    /// The resources that it may have its tokens meant for by an exchange besides those that the exchanged token
    /// is meant for: identifiers, or the applications that are these resources.
    pub token_exchange_audiences: Vec<String>,
    /// In whose name the tokens are that it is given in exchange.
    pub token_exchange_modes: Vec<ExchangeMode>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            client_name: None,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            token_endpoint_auth_method: ClientAuthMethod::default(),
            scope: default_scope(),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            allowed_origins: Vec::new(),
            require_pkce: true,
            require_pushed_authorization_requests: false,
            request_object_signing_alg: None,
            access_token_format: AccessTokenFormat::default(),
            access_token_claims: Vec::new(),
            token_binding_types: Vec::new(),
            validate_token_bindings: None,
            revoke_tokens_on_logout: false,
            unbound_grants: Vec::new(),
            user_access_token_lifetime: 3600,
            application_access_token_lifetime: 3600,
            refresh_token_rotation: false,
            refresh_token_lifetime: 86_400,
            id_token_signed_response_alg: SigningAlgorithm::RS256,
            id_token_audience: Vec::new(),
            id_token_lifetime: 3600,
            skip_consent: false,
            introspection: IntrospectionRight::default(),
            dpop_nonce_required: false,
            fapi_profile: FapiProfile::default(),
            device_code_lifetime: 600,
            subject_type: SubjectType::default(),
            backchannel_logout_uri: None,
            backchannel_logout_session_required: false,
            frontchannel_logout_uri: None,
            frontchannel_logout_session_required: false,
            jwks: None,
            jwks_uri: None,
            certificate: None,
            tls_client_auth_subject_dn: None,
            tls_client_auth_san_dns: None,
            tls_client_auth_san_uri: None,
            tls_client_auth_san_ip: None,
            tls_client_auth_san_email: None,
            token_endpoint_auth_signing_alg: None,
            authorization_signed_response_alg: SigningAlgorithm::RS256,
            token_exchange_subject_clients: Vec::new(),
            token_exchange_audiences: Vec::new(),
            token_exchange_modes: ExchangeMode::ALL.to_vec(),
        }
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(from)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

fn default_scope() -> Scope {
    Scope::parse("openid profile email offline_access").unwrap_or_default()
}

/// Settings that cannot be: `invalid_client_metadata` (RFC 7591 section 3.2.2).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct InvalidMetadata {
    /// The setting.
    pub field: String,
    /// What is expected of it.
    pub rule: String,
}

impl InvalidMetadata {
    /// That `field` breaks `rule`.
    pub fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }
}

impl Settings {
    /// Reads client metadata (RFC 7591 section 2). Members that are not known are ignored, as that
    /// section asks; ones that are `null` count as absent (RFC 7592 section 2.2).
    ///
    /// # Errors
    /// [`InvalidMetadata`] with the field and the rule that it breaks.
    pub fn from_metadata(metadata: Map<String, Value>) -> Result<Self, InvalidMetadata> {
        Self::read(metadata, None)
    }

    /// Reads client metadata that take the place of these settings (RFC 7592 section 2.2).
    ///
    /// # Errors
    /// [`InvalidMetadata`] with the field and the rule that it breaks.
    pub fn replaced_by(&self, metadata: Map<String, Value>) -> Result<Self, InvalidMetadata> {
        Self::read(metadata, Some(self))
    }

    /// These settings with some of them changed; `null` sets one back to its default.
    ///
    /// # Errors
    /// [`InvalidMetadata`] with the field and the rule that it breaks.
    pub fn changed_by(&self, changes: Map<String, Value>) -> Result<Self, InvalidMetadata> {
        let mut metadata = self.to_members();
        fapi::forget_defaults(&mut metadata, &changes);
        metadata.extend(changes);
        Self::read(metadata, Some(self))
    }

    fn read(
        mut metadata: Map<String, Value>,
        before: Option<&Self>,
    ) -> Result<Self, InvalidMetadata> {
        metadata.retain(|_, value| !value.is_null());
        apply_boolean_aliases(&mut metadata, before)?;
        take_response_types(&mut metadata)?;
        default_by_client_type(&mut metadata);
        fapi::default_by_profile(&mut metadata);
        let settings: Self =
            serde_path_to_error::deserialize(Value::Object(metadata)).map_err(|error| {
                let field = error.path().to_string();
                InvalidMetadata::new(field, error.into_inner().to_string())
            })?;
        settings.validate()?;
        Ok(settings)
    }

    /// The settings as client metadata, with the two boolean names of binding types, and
    /// `response_types` as they follow from the grants.
    #[must_use]
    pub fn to_metadata(&self) -> Map<String, Value> {
        let mut metadata = self.to_members();
        for (name, binding_type) in BOOLEAN_ALIASES {
            let named = self.token_binding_types.contains(&binding_type);
            metadata.insert(name.into(), named.into());
        }
        metadata.insert(RESPONSE_TYPES.into(), self.response_types().into());
        metadata
    }

    fn to_members(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }

    /// The names of all settings, and whether each is a list.
    #[must_use]
    pub fn known_names() -> BTreeMap<String, bool> {
        let optional = [
            "client_name",
            "request_object_signing_alg",
            "validate_token_bindings",
            "backchannel_logout_uri",
            "frontchannel_logout_uri",
            "jwks",
            "jwks_uri",
            "certificate",
            "tls_client_auth_subject_dn",
            "tls_client_auth_san_dns",
            "tls_client_auth_san_uri",
            "tls_client_auth_san_ip",
            "tls_client_auth_san_email",
            "token_endpoint_auth_signing_alg",
        ];
        let given = Self::default().to_metadata();
        let mut names: BTreeMap<_, _> =
            given.into_iter().map(|(name, value)| (name, value.is_array())).collect();
        names.extend(optional.map(|name| (name.to_owned(), false)));
        names.insert("id_token_audience".into(), true);
        names
    }

    /// RFC 7591 section 2.1: what goes with the grant `authorization_code`.
    fn response_types(&self) -> Vec<&'static str> {
        let by_code = self.grant_types.contains(&GrantType::AuthorizationCode);
        if by_code { vec![RESPONSE_TYPE] } else { Vec::new() }
    }

    /// Whether the application authenticates at all.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.token_endpoint_auth_method == ClientAuthMethod::None
    }

    /// What it asks of its tokens' bindings.
    #[must_use]
    pub fn binding_terms(&self) -> Terms<'_> {
        Terms {
            types: &self.token_binding_types,
            validate: self.validate_token_bindings,
            unbound_grants: &self.unbound_grants,
        }
    }

    /// Whether its access tokens live in slots.
    #[must_use]
    pub fn uses_slots(&self) -> bool {
        self.token_binding_types.iter().any(|kind| kind.has_slots())
    }

    /// Whether its tokens are bound to a cookie that the authorization response sets.
    #[must_use]
    pub fn binds_to_browser(&self) -> bool {
        self.token_binding_types.iter().any(|kind| kind.sets_cookie())
    }
}

/// Follows from the grants, so it is not kept; but nobody is to believe that another one was taken.
fn take_response_types(metadata: &mut Map<String, Value>) -> Result<(), InvalidMetadata> {
    let given = metadata.remove(RESPONSE_TYPES).unwrap_or_else(|| Value::Array(Vec::new()));
    match given.as_array() {
        Some(types) if types.iter().all(|given| given == RESPONSE_TYPE) => Ok(()),
        _ => Err(InvalidMetadata::new(RESPONSE_TYPES, r#"must be ["code"]"#)),
    }
}

/// Rotation is on by default for public clients that are not bound to a key or certificate.
fn default_by_client_type(metadata: &mut Map<String, Value>) {
    let public = metadata.get("token_endpoint_auth_method").is_some_and(|method| method == "none");
    let types = metadata.get("token_binding_types").and_then(Value::as_array);
    let held_by_possession = types.into_iter().flatten().any(|kind| {
        let kind = kind.as_str().and_then(|name| name.parse::<BindingType>().ok());
        kind.is_some_and(BindingType::is_possession)
    });
    metadata
        .entry("refresh_token_rotation")
        .or_insert_with(|| (public && !held_by_possession).into());
}
