//! What a FAPI 2.0 profile asks of an application: the switch `fapi_profile`.
//!
//! Where the metadata say nothing, the profile decides. Where they contradict it they are refused, with the
//! section that asks for something else.

use serde::Deserialize as _;
use serde_json::{Map, Value};
use tokenbind_binding::{BindingType, GrantType};
use url::{Host, Url};

use super::{ClientAuthMethod, FapiProfile, InvalidMetadata, Settings};
use crate::keys::SigningAlgorithm;

/// The settings whose general defaults contradict the profile.
const DECIDED: [&str; 3] = [
    "require_pushed_authorization_requests",
    "id_token_signed_response_alg",
    "authorization_signed_response_alg",
];

/// A setting that contradicts the profile, what the profile asks of it, and which section does.
type Breach = (&'static str, String, &'static str);

const GENERAL: &str = "FAPI 2.0 Security Profile section 5.3.2.1";
const FLOWS: &str = "FAPI 2.0 Security Profile section 5.3.2.2";
const CRYPTOGRAPHY: &str = "FAPI 2.0 Security Profile section 5.4";
const SIGNED_REQUESTS: &str = "FAPI 2.0 Message Signing section 5.3";

/// Sets what follows from the profile and is not said.
pub(super) fn default_by_profile(metadata: &mut Map<String, Value>) {
    let profile = named_in(metadata);
    if profile.is_on() {
        let mut decide = |name: &str, value: Value| {
            metadata.entry(name).or_insert(value);
        };
        decide("require_pushed_authorization_requests", true.into());
        decide("id_token_signed_response_alg", FapiProfile::DEFAULT_ALGORITHM.as_str().into());
        decide("authorization_signed_response_alg", FapiProfile::DEFAULT_ALGORITHM.as_str().into());
        if profile.signs_messages() {
            decide("request_object_signing_alg", FapiProfile::DEFAULT_ALGORITHM.as_str().into());
        }
    }
}

/// Where a change turns the profile on, what the settings before had by default does not count as said.
pub(super) fn forget_defaults(members: &mut Map<String, Value>, changes: &Map<String, Value>) {
    if named_in(members).is_on() || !named_in(changes).is_on() {
        return;
    }
    let general = Settings::default().to_members();
    members.retain(|name, value| {
        !DECIDED.contains(&&**name) || general.get(name).is_some_and(|default| *default != *value)
    });
}

/// None where it is not known: such metadata are refused later.
fn named_in(metadata: &Map<String, Value>) -> FapiProfile {
    let named = metadata.get("fapi_profile");
    named.and_then(|name| FapiProfile::deserialize(name).ok()).unwrap_or_default()
}

impl Settings {
    /// The profile that it has to keep to.
    #[must_use]
    pub const fn fapi(&self) -> FapiProfile {
        self.fapi_profile
    }

    /// Whether it contradicts its profile.
    ///
    /// # Errors
    /// [`InvalidMetadata`] with the field and what the profile asks of it.
    pub(super) fn validate_fapi(&self) -> Result<(), InvalidMetadata> {
        if !self.fapi().is_on() {
            return Ok(());
        }
        let breach = self
            .breach_by_client()
            .or_else(|| self.breach_by_tokens())
            .or_else(|| self.breach_by_flow())
            .or_else(|| self.breach_by_signature());
        match breach {
            None => Ok(()),
            Some((field, rule, source)) => {
                Err(InvalidMetadata::new(field, format!("{rule} ({source})")))
            }
        }
    }

    /// "shall only support confidential clients", "shall authenticate clients using" mutual TLS or
    /// `private_key_jwt`, "shall reject requests using the resource owner password credentials grant".
    fn breach_by_client(&self) -> Option<Breach> {
        let method = self.token_endpoint_auth_method;
        if !FapiProfile::CLIENT_AUTH_METHODS.contains(&method) {
            let rule = format!(
                "must be one of {} where fapi_profile is on, but is {}",
                FapiProfile::CLIENT_AUTH_METHODS.map(ClientAuthMethod::as_str).join(", "),
                method.as_str()
            );
            return Some(("token_endpoint_auth_method", rule, GENERAL));
        }
        self.grant_types.contains(&GrantType::Password).then(|| {
            let rule = "must not have password where fapi_profile is on";
            ("grant_types", rule.to_owned(), GENERAL)
        })
    }

    /// "shall only issue sender-constrained access tokens".
    fn breach_by_tokens(&self) -> Option<Breach> {
        if !self.token_binding_types.iter().any(|kind| kind.is_possession()) {
            let enough = BindingType::ALL.into_iter().filter(|kind| kind.is_possession());
            let rule = format!(
                "must name {} where fapi_profile is on, so that no token works without a private \
                 key",
                enough.map(BindingType::as_str).collect::<Vec<_>>().join(" or ")
            );
            return Some(("token_binding_types", rule, GENERAL));
        }
        (!self.unbound_grants.is_empty()).then(|| {
            let rule = "must be empty where fapi_profile is on, since all tokens are bound";
            ("unbound_grants", rule.to_owned(), GENERAL)
        })
    }

    /// "shall reject authorization requests sent without" PAR, "shall require PKCE", "shall not allow redirect
    /// URIs that use the http scheme".
    fn breach_by_flow(&self) -> Option<Breach> {
        let switches = [
            ("require_pushed_authorization_requests", self.require_pushed_authorization_requests),
            ("require_pkce", self.require_pkce),
        ];
        if let Some((field, _)) = switches.into_iter().find(|(_, on)| !on) {
            return Some((field, "cannot be off where fapi_profile is on".to_owned(), FLOWS));
        }
        self.redirect_uris.iter().any(|uri| is_plain_http(uri)).then(|| {
            let rule = "must not use http where fapi_profile is on, unless for 127.0.0.1 or [::1]";
            ("redirect_uris", rule.to_owned(), FLOWS)
        })
    }

    /// "shall use PS256, ES256, or `EdDSA`". Message signing asks for signed requests too.
    fn breach_by_signature(&self) -> Option<Breach> {
        if self.fapi().signs_messages() && self.request_object_signing_alg.is_none() {
            let rule = "must be named where fapi_profile is fapi2-message-signing";
            return Some(("request_object_signing_alg", rule.to_owned(), SIGNED_REQUESTS));
        }
        let algorithms = [
            ("id_token_signed_response_alg", Some(self.id_token_signed_response_alg)),
            ("token_endpoint_auth_signing_alg", self.token_endpoint_auth_signing_alg),
            ("request_object_signing_alg", self.request_object_signing_alg),
            ("authorization_signed_response_alg", Some(self.authorization_signed_response_alg)),
        ];
        let weak = |algorithm: Option<SigningAlgorithm>| {
            algorithm.is_some_and(|algorithm| !FapiProfile::ALGORITHMS.contains(&algorithm))
        };
        let (field, _) = algorithms.into_iter().find(|(_, algorithm)| weak(*algorithm))?;
        let rule = format!(
            "must be one of {} where fapi_profile is on",
            FapiProfile::ALGORITHMS.map(SigningAlgorithm::as_str).join(", ")
        );
        Some((field, rule, CRYPTOGRAPHY))
    }
}

/// RFC 8252 section 7.3 has native applications listen on the literal address of the loopback interface: only
/// there may an answer go by plain HTTP. A name may lead elsewhere (section 8.3).
fn is_plain_http(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|url| {
        let loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(_)) | None => false,
        };
        url.scheme() == "http" && !loopback
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The least that has to be said.
    fn minimal(profile: &str) -> Map<String, Value> {
        let metadata = json!({
            "fapi_profile": profile,
            "token_endpoint_auth_method": "private_key_jwt",
            "token_binding_types": ["dpop"],
            "redirect_uris": ["https://app.example/callback"],
            "jwks": { "keys": [] },
        });
        object(metadata)
    }

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            _ => panic!("not an object"),
        }
    }

    /// The least, and `more` in place of what it names.
    fn with(more: Value) -> Map<String, Value> {
        let mut metadata = minimal("fapi2-security");
        metadata.extend(object(more));
        metadata
    }

    /// Reads metadata as far as the profile is concerned.
    fn read(mut metadata: Map<String, Value>) -> Result<Settings, InvalidMetadata> {
        default_by_profile(&mut metadata);
        let settings: Settings = serde_json::from_value(Value::Object(metadata)).unwrap();
        settings.validate_fapi().map(|()| settings)
    }

    fn refused(more: Value) -> InvalidMetadata {
        read(with(more)).unwrap_err()
    }

    #[test]
    fn silent_metadata_follow_the_profile() {
        let settings = read(minimal("fapi2-security")).unwrap();
        assert!(settings.require_pushed_authorization_requests);
        assert!(settings.require_pkce);
        assert!(!settings.refresh_token_rotation);
        assert_eq!(settings.id_token_signed_response_alg, SigningAlgorithm::PS256);
        assert_eq!(settings.authorization_signed_response_alg, SigningAlgorithm::PS256);
        assert_eq!(settings.request_object_signing_alg, None);
    }

    #[test]
    fn message_signing_section_5_3_1_silent_metadata_ask_for_signed_requests() {
        let settings = read(minimal("fapi2-message-signing")).unwrap();
        assert!(settings.require_pushed_authorization_requests, "the security profile holds too");
        assert_eq!(settings.request_object_signing_alg, Some(SigningAlgorithm::PS256));
    }

    #[test]
    fn section_5_3_2_1_devices_have_tokens_that_are_bound_to_keys_too() {
        let devices = ["urn:ietf:params:oauth:grant-type:device_code"];
        let labelled = json!({ "grant_types": devices, "token_binding_types": ["device-flow"] });
        assert_eq!(refused(labelled).field, "token_binding_types");
        let bound =
            json!({ "grant_types": devices, "token_binding_types": ["device-flow", "dpop"] });
        assert!(read(with(bound)).is_ok());
    }

    #[test]
    fn what_the_profile_leaves_open_stays_as_it_is_said() {
        let settings = read(with(json!({
            "token_endpoint_auth_method": "tls_client_auth",
            "token_binding_types": ["sso-session", "certificate"],
            "id_token_signed_response_alg": "ES256",
            "authorization_signed_response_alg": "EdDSA",
            "refresh_token_rotation": true,
        })));
        let settings = settings.unwrap();
        assert_eq!(settings.id_token_signed_response_alg, SigningAlgorithm::ES256);
        assert_eq!(settings.authorization_signed_response_alg, SigningAlgorithm::EdDSA);
        assert!(settings.refresh_token_rotation);
    }

    #[test]
    fn without_a_profile_nothing_changes() {
        for named in [json!({}), json!({ "fapi_profile": "none" }), json!({ "fapi_profile": 1 })] {
            let mut metadata = object(named);
            let before = metadata.clone();
            default_by_profile(&mut metadata);
            assert_eq!(metadata, before);
        }
        assert_eq!(Settings::default().validate_fapi(), Ok(()));
    }

    #[test]
    fn security_profile_section_5_3_2_1_public_clients_and_shared_secrets_are_refused() {
        for method in ["none", "client_secret_basic", "client_secret_post"] {
            let refused = refused(json!({ "token_endpoint_auth_method": method }));
            assert_eq!(refused.field, "token_endpoint_auth_method");
            let expected = "must be one of private_key_jwt, tls_client_auth, \
                            self_signed_tls_client_auth where fapi_profile is on";
            assert!(refused.rule.starts_with(expected), "{refused}");
            assert!(refused.rule.contains(method), "{refused}");
        }
        for method in FapiProfile::CLIENT_AUTH_METHODS {
            assert!(read(with(json!({ "token_endpoint_auth_method": method }))).is_ok());
        }
    }

    #[test]
    fn the_default_authentication_is_refused_and_not_guessed() {
        let mut metadata = minimal("fapi2-security");
        metadata.remove("token_endpoint_auth_method");
        assert_eq!(read(metadata).unwrap_err().field, "token_endpoint_auth_method");
    }

    #[test]
    fn security_profile_section_5_3_2_1_the_password_grant_is_refused() {
        let refused = refused(json!({ "grant_types": ["password"] }));
        assert_eq!(refused.field, "grant_types");
        assert!(refused.rule.ends_with("(FAPI 2.0 Security Profile section 5.3.2.1)"), "{refused}");
    }

    #[test]
    fn security_profile_section_5_3_2_1_tokens_that_are_not_sender_constrained_are_refused() {
        for types in [json!([]), json!(["cookie"]), json!(["sso-session", "client-request"])] {
            let refused = refused(json!({ "token_binding_types": types }));
            assert_eq!(refused.field, "token_binding_types");
            assert!(refused.rule.starts_with("must name certificate or dpop"), "{refused}");
        }
        let unbound = json!({ "unbound_grants": ["client_credentials"] });
        assert_eq!(refused(unbound).field, "unbound_grants");
    }

    #[test]
    fn security_profile_section_5_3_2_2_requests_without_par_or_pkce_are_not_allowed() {
        for field in ["require_pushed_authorization_requests", "require_pkce"] {
            let refused = refused(json!({ field: false }));
            assert_eq!(refused.field, field);
            assert!(refused.rule.contains("section 5.3.2.2"), "{refused}");
        }
    }

    #[test]
    fn security_profile_section_5_3_2_2_redirect_uris_over_plain_http_are_refused() {
        for uri in ["http://a.example/", "http://localhost:1/", "http://127.0.0.1.a.example/"] {
            let refused = refused(json!({ "redirect_uris": ["https://a.example/", uri] }));
            assert_eq!(refused.field, "redirect_uris", "{uri}");
        }
        for uri in ["http://127.0.0.1:8000/", "http://[::1]/", "com.example.app:/callback"] {
            assert!(read(with(json!({ "redirect_uris": [uri] }))).is_ok(), "{uri}");
        }
    }

    #[test]
    fn security_profile_section_5_4_rs256_is_refused_wherever_it_is_named() {
        for field in [
            "id_token_signed_response_alg",
            "token_endpoint_auth_signing_alg",
            "request_object_signing_alg",
            "authorization_signed_response_alg",
        ] {
            let refused = refused(json!({ field: "RS256" }));
            assert_eq!(refused.field, field);
            assert!(refused.rule.starts_with("must be one of PS256, ES256, EdDSA"), "{refused}");
        }
    }

    #[test]
    fn a_profile_that_is_turned_on_later_decides_what_was_left_at_its_default() {
        let before = Settings::default().to_members();
        let mut members = before.clone();
        forget_defaults(&mut members, &minimal("fapi2-security"));
        members.extend(minimal("fapi2-security"));
        let settings = read(members).unwrap();
        assert!(settings.require_pushed_authorization_requests);
        assert_eq!(settings.id_token_signed_response_alg, SigningAlgorithm::PS256);
    }

    #[test]
    fn a_profile_that_is_turned_on_later_leaves_what_was_chosen() {
        let chosen = Settings {
            id_token_signed_response_alg: SigningAlgorithm::EdDSA,
            require_pkce: false,
            ..Settings::default()
        };
        let mut members = chosen.to_members();
        forget_defaults(&mut members, &minimal("fapi2-security"));
        members.extend(minimal("fapi2-security"));
        assert_eq!(read(members.clone()).unwrap_err().field, "require_pkce");
        assert_eq!(members["id_token_signed_response_alg"], "EdDSA");
    }

    #[test]
    fn a_change_of_something_else_forgets_nothing() {
        let mut members = read(minimal("fapi2-security")).unwrap().to_members();
        let before = members.clone();
        forget_defaults(&mut members, &object(json!({ "client_name": "x" })));
        forget_defaults(&mut members, &minimal("fapi2-message-signing"));
        assert_eq!(members, before);
    }
}
