//! The settings of an application, under the names of RFC 7591 and its relatives where one exists.

use std::collections::BTreeMap;

use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use tokenbind_binding::{BindingType, GrantType, bindings::Terms};
use url::Url;

use crate::{
    keys::SigningAlgorithm,
    scope::{MalformedScope, Scope},
};

/// The longest lifetime that a setting may ask for, in seconds: ten years.
pub const MAX_LIFETIME: u64 = 10 * 365 * 86_400;

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
    pub const AVAILABLE: [Self; 3] = [Self::ClientSecretBasic, Self::ClientSecretPost, Self::None];

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
    /// What logout pages embed (OpenID Connect Front-Channel Logout).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    /// Public keys that verify what it signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Where those keys are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// A certificate in PEM that it authenticates with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
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
            frontchannel_logout_uri: None,
            jwks: None,
            jwks_uri: None,
            certificate: None,
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
        metadata.extend(changes);
        Self::read(metadata, Some(self))
    }

    fn read(
        mut metadata: Map<String, Value>,
        before: Option<&Self>,
    ) -> Result<Self, InvalidMetadata> {
        metadata.retain(|_, value| !value.is_null());
        apply_boolean_aliases(&mut metadata, before)?;
        default_by_client_type(&mut metadata);
        let settings: Self =
            serde_path_to_error::deserialize(Value::Object(metadata)).map_err(|error| {
                let field = error.path().to_string();
                InvalidMetadata::new(field, error.into_inner().to_string())
            })?;
        settings.validate()?;
        Ok(settings)
    }

    /// The settings as client metadata, with the two boolean names of binding types.
    #[must_use]
    pub fn to_metadata(&self) -> Map<String, Value> {
        let mut metadata = self.to_members();
        for (name, binding_type) in BOOLEAN_ALIASES {
            let named = self.token_binding_types.contains(&binding_type);
            metadata.insert(name.into(), named.into());
        }
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
        ];
        let given = Self::default().to_metadata();
        let mut names: BTreeMap<_, _> =
            given.into_iter().map(|(name, value)| (name, value.is_array())).collect();
        names.extend(optional.map(|name| (name.to_owned(), false)));
        names.insert("id_token_audience".into(), true);
        names
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

    /// Whether these settings agree with one another and with what this server can do.
    ///
    /// # Errors
    /// [`InvalidMetadata`] with the field and the rule that it breaks.
    pub fn validate(&self) -> Result<(), InvalidMetadata> {
        self.validate_grants()?;
        self.validate_bindings()?;
        self.validate_lifetimes()?;
        self.validate_uris()?;
        self.validate_keys()?;
        self.validate_claims()?;
        self.validate_availability()
    }

    fn validate_grants(&self) -> Result<(), InvalidMetadata> {
        reject_repeats("grant_types", &self.grant_types)?;
        if self.is_public() && self.grant_types.contains(&GrantType::ClientCredentials) {
            // RFC 6749 section 4.4: "MUST only be used by confidential clients".
            return Err(InvalidMetadata::new(
                "grant_types",
                "client_credentials needs a client that authenticates, but \
                 token_endpoint_auth_method is none",
            ));
        }
        if self.is_public() && self.introspection == IntrospectionRight::Any {
            return Err(InvalidMetadata::new(
                "introspection",
                "any needs a client that authenticates, but token_endpoint_auth_method is none",
            ));
        }
        Ok(())
    }

    fn validate_bindings(&self) -> Result<(), InvalidMetadata> {
        reject_repeats("token_binding_types", &self.token_binding_types)?;
        for &binding_type in &self.token_binding_types {
            let stray = self.grant_types.iter().find(|&&grant| {
                !binding_type.carried_by(grant) && !self.unbound_grants.contains(&grant)
            });
            if let Some(grant) = stray {
                return Err(InvalidMetadata::new(
                    "token_binding_types",
                    format!(
                        "a token of the grant {grant} cannot be bound by {binding_type}; remove \
                         one of them, or list the grant in unbound_grants"
                    ),
                ));
            }
        }
        match self.token_binding_types.iter().find(|kind| !kind.is_available()) {
            Some(kind) => Err(InvalidMetadata::new(
                "token_binding_types",
                format!("this server does not offer {kind} yet; it offers client-request"),
            )),
            None => Ok(()),
        }
    }

    fn validate_lifetimes(&self) -> Result<(), InvalidMetadata> {
        let lifetimes = [
            ("user_access_token_lifetime", self.user_access_token_lifetime),
            ("application_access_token_lifetime", self.application_access_token_lifetime),
            ("refresh_token_lifetime", self.refresh_token_lifetime),
            ("id_token_lifetime", self.id_token_lifetime),
            ("device_code_lifetime", self.device_code_lifetime),
        ];
        match lifetimes.into_iter().find(|(_, secs)| !(1..=MAX_LIFETIME).contains(secs)) {
            Some((field, _)) => Err(InvalidMetadata::new(
                field,
                format!("must be a number of seconds from 1 to {MAX_LIFETIME}"),
            )),
            None => Ok(()),
        }
    }

    fn validate_uris(&self) -> Result<(), InvalidMetadata> {
        for uri in &self.redirect_uris {
            validate_redirect_uri("redirect_uris", uri)?;
        }
        for uri in &self.post_logout_redirect_uris {
            validate_redirect_uri("post_logout_redirect_uris", uri)?;
        }
        for origin in &self.allowed_origins {
            validate_origin(origin)?;
        }
        let endpoints = [
            ("backchannel_logout_uri", &self.backchannel_logout_uri),
            ("frontchannel_logout_uri", &self.frontchannel_logout_uri),
            ("jwks_uri", &self.jwks_uri),
        ];
        for (field, uri) in endpoints {
            uri.as_deref().map_or(Ok(()), |uri| validate_https(field, uri))?;
        }
        Ok(())
    }

    fn validate_keys(&self) -> Result<(), InvalidMetadata> {
        if self.jwks.is_some() && self.jwks_uri.is_some() {
            // RFC 7591 section 2: "MUST NOT both be present in the same request or response".
            return Err(InvalidMetadata::new("jwks", "cannot stand together with jwks_uri"));
        }
        let is_key_set = |jwks: &Value| jwks.get("keys").is_some_and(Value::is_array);
        if self.jwks.as_ref().is_some_and(|jwks| !is_key_set(jwks)) {
            return Err(InvalidMetadata::new("jwks", "must be an object with an array keys"));
        }
        let is_certificate = |pem: &String| CertificateDer::from_pem_slice(pem.as_bytes()).is_ok();
        if !self.certificate.as_ref().is_none_or(is_certificate) {
            return Err(InvalidMetadata::new("certificate", "must be a certificate in PEM"));
        }
        Ok(())
    }

    /// A claim about the user must not stand in for one that the server makes.
    fn validate_claims(&self) -> Result<(), InvalidMetadata> {
        reject_repeats("access_token_claims", &self.access_token_claims)?;
        let own = |claim: &&String| OWN_CLAIMS.contains(&claim.as_str());
        match self.access_token_claims.iter().find(own) {
            Some(claim) => Err(InvalidMetadata::new(
                "access_token_claims",
                format!("{claim} is made by the server and cannot come from the user"),
            )),
            None => Ok(()),
        }
    }

    /// Security settings that this server cannot honour are refused rather than ignored.
    fn validate_availability(&self) -> Result<(), InvalidMetadata> {
        let unavailable = [
            (
                "token_endpoint_auth_method",
                !ClientAuthMethod::AVAILABLE.contains(&self.token_endpoint_auth_method),
            ),
            ("fapi_profile", self.fapi_profile != FapiProfile::None),
            ("subject_type", self.subject_type != SubjectType::Public),
        ];
        match unavailable.into_iter().find(|(_, asked)| *asked) {
            Some((field, _)) => {
                Err(InvalidMetadata::new(field, "this server does not offer that value yet"))
            }
            None => Ok(()),
        }
    }
}

/// The claims of an access token that say what it is (RFC 9068 section 2.2, RFC 7800, RFC 8693 and ours).
const OWN_CLAIMS: [&str; 17] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "scope",
    "grant_id",
    "sid",
    "cnf",
    "act",
    "acr",
    "auth_time",
    "binding_type",
    "binding_ref",
];

/// Booleans of other specifications (RFC 9449 section 5.2, RFC 8705 section 3.4) that name a binding type.
const BOOLEAN_ALIASES: [(&str, BindingType); 2] = [
    ("dpop_bound_access_tokens", BindingType::Dpop),
    ("tls_client_certificate_bound_access_tokens", BindingType::Certificate),
];

/// `true` adds the type, `false` takes it back and no other. Where the boolean and the list disagree,
/// the one that differs from `before` says what is wanted; without a `before` there is no telling.
fn apply_boolean_aliases(
    metadata: &mut Map<String, Value>,
    before: Option<&Settings>,
) -> Result<(), InvalidMetadata> {
    for (name, binding_type) in BOOLEAN_ALIASES {
        let wanted = match metadata.remove(name) {
            None => continue,
            Some(Value::Bool(wanted)) => wanted,
            Some(_) => return Err(InvalidMetadata::new(name, "must be true or false")),
        };
        let types =
            metadata.entry("token_binding_types").or_insert_with(|| Value::Array(Vec::new()));
        // Anything but a list is refused when the settings are read.
        let Value::Array(types) = types else { continue };
        let listed = types.iter().any(|kind| kind == binding_type.as_str());
        match (wanted, listed, before) {
            (true, true, _) | (false, false, _) => {}
            (false, true, None) => {
                let rule = format!("is false, but token_binding_types names {binding_type}");
                return Err(InvalidMetadata::new(name, rule));
            }
            (_, _, Some(before)) if before.token_binding_types.contains(&binding_type) => {
                types.retain(|kind| kind != binding_type.as_str());
            }
            (true, false, _) => types.push(binding_type.as_str().into()),
            (false, true, Some(_)) => {}
        }
    }
    Ok(())
}

/// Rotation is on by default for public clients that are not bound to a key or certificate.
fn default_by_client_type(metadata: &mut Map<String, Value>) {
    let public = metadata.get("token_endpoint_auth_method").is_some_and(|method| method == "none");
    let held_by_possession = metadata
        .get("token_binding_types")
        .and_then(Value::as_array)
        .is_some_and(|types| types.iter().any(|kind| kind == "dpop" || kind == "certificate"));
    metadata
        .entry("refresh_token_rotation")
        .or_insert_with(|| (public && !held_by_possession).into());
}

fn reject_repeats<T: PartialEq>(field: &str, items: &[T]) -> Result<(), InvalidMetadata> {
    let repeated = items.iter().enumerate().any(|(index, item)| items[..index].contains(item));
    if repeated { Err(InvalidMetadata::new(field, "must not repeat a value")) } else { Ok(()) }
}

fn parse_uri(field: &str, uri: &str) -> Result<Url, InvalidMetadata> {
    Url::parse(uri)
        .map_err(|error| InvalidMetadata::new(field, format!("must hold absolute URIs: {error}")))
}

fn validate_redirect_uri(field: &str, uri: &str) -> Result<(), InvalidMetadata> {
    let url = parse_uri(field, uri)?;
    // RFC 6749 section 3.1.2: "MUST NOT include a fragment component".
    if url.fragment().is_some() {
        return Err(InvalidMetadata::new(field, "must not have a fragment"));
    }
    let loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        // RFC 8252 section 7.1: private-use schemes are based on a domain name.
        scheme if scheme.contains('.') => Ok(()),
        _ => Err(InvalidMetadata::new(
            field,
            "must use https, http on a loopback address, or a private scheme such as \
             com.example.app",
        )),
    }
}

fn validate_origin(origin: &str) -> Result<(), InvalidMetadata> {
    let url = parse_uri("allowed_origins", origin)?;
    if url.origin().is_tuple() && url.origin().ascii_serialization() == origin {
        Ok(())
    } else {
        Err(InvalidMetadata::new(
            "allowed_origins",
            "must hold origins such as https://app.example:8443, without path or default port",
        ))
    }
}

fn validate_https(field: &str, uri: &str) -> Result<(), InvalidMetadata> {
    let url = parse_uri(field, uri)?;
    if url.scheme() == "https" && url.fragment().is_none() {
        Ok(())
    } else {
        Err(InvalidMetadata::new(field, "must be an https URL without a fragment"))
    }
}

impl From<MalformedScope> for InvalidMetadata {
    fn from(error: MalformedScope) -> Self {
        Self::new("scope", error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(metadata: Value) -> Result<Settings, InvalidMetadata> {
        match metadata {
            Value::Object(metadata) => Settings::from_metadata(metadata),
            _ => panic!("not an object"),
        }
    }

    fn refused_field(metadata: Value) -> String {
        read(metadata).unwrap_err().field
    }

    #[test]
    fn nothing_given_means_the_defaults() {
        assert_eq!(read(json!({})).unwrap(), Settings::default());
        assert_eq!(read(json!({ "scope": null })).unwrap(), Settings::default());
    }

    #[test]
    fn settings_read_back_from_their_metadata() {
        let settings = read(json!({
            "client_name": "TV",
            "grant_types": ["password", "refresh_token"],
            "token_binding_types": ["client-request"],
            "validate_token_bindings": false,
            "access_token_format": "jwt",
            "refresh_token_lifetime": 5,
        }))
        .unwrap();
        assert_eq!(read(Value::Object(settings.to_metadata())).unwrap(), settings);
    }

    #[test]
    fn members_that_are_not_known_are_ignored() {
        assert!(read(json!({ "software_version": "7" })).is_ok());
    }

    #[test]
    fn wrong_types_name_the_field() {
        assert_eq!(
            refused_field(json!({ "refresh_token_lifetime": "1h" })),
            "refresh_token_lifetime"
        );
        assert_eq!(refused_field(json!({ "grant_types": ["pass"] })), "grant_types[0]");
        assert_eq!(refused_field(json!({ "scope": "a\u{7}" })), "scope");
    }

    #[test]
    fn a_grant_that_cannot_carry_the_type_is_refused_unless_it_may_go_unbound() {
        let refused = read(json!({
            "token_binding_types": ["cookie"],
            "grant_types": ["authorization_code", "password"],
        }))
        .unwrap_err();
        assert!(refused.rule.contains("password cannot be bound by cookie"), "{refused}");
        let allowed = read(json!({
            "token_binding_types": ["cookie"],
            "grant_types": ["authorization_code", "password"],
            "unbound_grants": ["password"],
        }))
        .unwrap_err();
        assert!(allowed.rule.contains("does not offer cookie yet"), "{allowed}");
    }

    #[test]
    fn types_that_do_not_work_yet_are_refused() {
        for kind in ["sso-session", "cookie", "certificate", "dpop"] {
            let metadata = json!({
                "token_binding_types": [kind], "grant_types": ["authorization_code"],
            });
            assert_eq!(refused_field(metadata), "token_binding_types", "{kind}");
        }
    }

    fn types_after(mut metadata: Value, before: Option<&Settings>) -> Value {
        let Some(metadata) = metadata.as_object_mut() else { panic!("not an object") };
        apply_boolean_aliases(metadata, before).unwrap();
        metadata["token_binding_types"].clone()
    }

    #[test]
    fn a_boolean_alias_names_its_type() {
        assert_eq!(
            refused_field(json!({ "dpop_bound_access_tokens": true })),
            "token_binding_types"
        );
        let named = json!({ "token_binding_types": ["cookie"], "dpop_bound_access_tokens": true });
        assert_eq!(types_after(named, None), json!(["cookie", "dpop"]));
    }

    #[test]
    fn a_boolean_alias_that_denies_what_the_list_names_is_refused() {
        let metadata = json!({
            "token_binding_types": ["client-request", "dpop"],
            "dpop_bound_access_tokens": false,
        });
        assert_eq!(refused_field(metadata), "dpop_bound_access_tokens");
    }

    #[test]
    fn taking_back_either_name_of_a_type_removes_it_and_no_other() {
        let bound = Settings {
            token_binding_types: vec![BindingType::ClientRequest, BindingType::Dpop],
            ..Settings::default()
        };
        let boolean_taken_back = json!({
            "token_binding_types": ["client-request", "dpop"],
            "dpop_bound_access_tokens": false,
        });
        assert_eq!(types_after(boolean_taken_back, Some(&bound)), json!(["client-request"]));
        let list_taken_back = json!({
            "token_binding_types": ["client-request"],
            "dpop_bound_access_tokens": true,
        });
        assert_eq!(types_after(list_taken_back, Some(&bound)), json!(["client-request"]));
    }

    #[test]
    fn a_type_that_is_added_to_what_was_read_is_never_dropped() {
        let before = Settings::default();
        let mut metadata = before.to_metadata();
        metadata.insert("token_binding_types".into(), json!(["dpop"]));
        assert_eq!(before.replaced_by(metadata).unwrap_err().field, "token_binding_types");
        let changes = [("token_binding_types".to_owned(), json!(["client-request", "dpop"]))];
        let refused = before.changed_by(changes.into_iter().collect()).unwrap_err();
        assert_eq!(refused.field, "token_binding_types");
    }

    #[test]
    fn rotation_is_on_for_public_clients_unless_said_otherwise() {
        assert!(!read(json!({})).unwrap().refresh_token_rotation);
        let public = json!({ "token_endpoint_auth_method": "none" });
        assert!(read(public).unwrap().refresh_token_rotation);
        let off = json!({ "token_endpoint_auth_method": "none", "refresh_token_rotation": false });
        assert!(!read(off).unwrap().refresh_token_rotation);
    }

    #[test]
    fn contradictions_are_refused() {
        let cases = [
            (
                json!({ "token_endpoint_auth_method": "none", "grant_types": ["client_credentials"] }),
                "grant_types",
            ),
            (
                json!({ "token_endpoint_auth_method": "none", "introspection": "any" }),
                "introspection",
            ),
            (json!({ "jwks": { "keys": [] }, "jwks_uri": "https://a.example/jwks" }), "jwks"),
            (json!({ "jwks": [] }), "jwks"),
            (json!({ "certificate": "x" }), "certificate"),
            (json!({ "request_object_signing_alg": "none" }), "request_object_signing_alg"),
            (json!({ "user_access_token_lifetime": 0 }), "user_access_token_lifetime"),
            (json!({ "redirect_uris": ["https://a.example/#x"] }), "redirect_uris"),
            (json!({ "redirect_uris": ["http://a.example/"] }), "redirect_uris"),
            (json!({ "redirect_uris": ["javascript:alert(1)"] }), "redirect_uris"),
            (json!({ "allowed_origins": ["https://a.example/"] }), "allowed_origins"),
            (json!({ "backchannel_logout_uri": "http://a.example/" }), "backchannel_logout_uri"),
            (json!({ "grant_types": ["password", "password"] }), "grant_types"),
            (json!({ "access_token_claims": ["email", "sub"] }), "access_token_claims"),
            (json!({ "fapi_profile": "fapi2-security" }), "fapi_profile"),
            (
                json!({ "token_endpoint_auth_method": "private_key_jwt" }),
                "token_endpoint_auth_method",
            ),
        ];
        for (metadata, field) in cases {
            assert_eq!(refused_field(metadata.clone()), field, "{metadata}");
        }
    }
}
