//! What certification asks of the discovery document.

use super::*;

#[tokio::test]
async fn issuer_is_where_it_was_found_and_every_address_is_https() {
    let server = Server::shared().await;
    let document = discovery().await;
    assert_eq!(document["issuer"], server.issuer(), "Discovery section 4.3");
    for (name, value) in &document {
        if name.ends_with("_endpoint") || name.ends_with("_uri") {
            let url = value.as_str().expect("an address");
            assert!(url.starts_with("https://"), "{name}: {url}");
        }
    }
}

#[tokio::test]
async fn required_members_are_there() {
    let document = discovery().await;
    let has = |name: &str, value: &str| {
        assert!(texts(&document[name]).contains(value), "{name}: {}", document[name]);
    };
    has("response_types_supported", "code");
    has("subject_types_supported", "public");
    has("subject_types_supported", "pairwise");
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        has("id_token_signing_alg_values_supported", algorithm);
    }
    for method in ["client_secret_basic", "client_secret_post"] {
        has("token_endpoint_auth_methods_supported", method);
    }
    for scope in ["openid", "profile", "email", "address", "phone", "offline_access"] {
        has("scopes_supported", scope);
    }
    for mode in ["query", "fragment", "form_post"] {
        has("response_modes_supported", mode);
    }
    for grant in ["authorization_code", "refresh_token"] {
        has("grant_types_supported", grant);
    }
    has("code_challenge_methods_supported", "S256");
    let claims = texts(&document["claims_supported"]);
    for claim in PROFILE.iter().chain(&["sub", "email", "address", "phone_number"]) {
        assert!(claims.contains(*claim), "{claim}");
    }
    for endpoint in ["authorization", "token", "userinfo", "end_session"] {
        assert!(document[&format!("{endpoint}_endpoint")].is_string(), "{endpoint}");
    }
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
}

#[tokio::test]
async fn what_is_announced_by_absence_is_announced_as_it_is() {
    let document = discovery().await;
    // Discovery section 3: absent means true.
    assert_eq!(document["request_uri_parameter_supported"], false);
    assert_eq!(document["request_parameter_supported"], true);
    let algorithms = texts(&document["request_object_signing_alg_values_supported"]);
    assert!(!algorithms.contains("none"), "what is not signed is refused");
    assert_eq!(document["claims_parameter_supported"], true);
    assert!(!texts(&document["code_challenge_methods_supported"]).contains("plain"));
}

#[tokio::test]
async fn every_member_is_registered_and_of_its_type() {
    // The IANA registry "OAuth Authorization Server Metadata".
    let types: BTreeMap<&str, fn(&Value) -> bool> = [
        ("_supported", is_list_of_texts as fn(&Value) -> bool),
        ("_endpoint", Value::is_string),
        ("_uri", Value::is_string),
        ("issuer", Value::is_string),
    ]
    .into();
    let booleans = [
        "authorization_response_iss_parameter_supported",
        "backchannel_logout_session_supported",
        "backchannel_logout_supported",
        "claims_parameter_supported",
        "frontchannel_logout_session_supported",
        "frontchannel_logout_supported",
        "request_parameter_supported",
        "request_uri_parameter_supported",
        "require_pushed_authorization_requests",
        "tls_client_certificate_bound_access_tokens",
        "require_request_uri_registration",
    ];
    let others = [
        "acr_values_supported",
        "authorization_endpoint",
        "authorization_signing_alg_values_supported",
        "claim_types_supported",
        "claims_supported",
        "code_challenge_methods_supported",
        "device_authorization_endpoint",
        "display_values_supported",
        "dpop_signing_alg_values_supported",
        "end_session_endpoint",
        "grant_types_supported",
        "id_token_signing_alg_values_supported",
        "introspection_endpoint",
        "introspection_endpoint_auth_methods_supported",
        "introspection_endpoint_auth_signing_alg_values_supported",
        "issuer",
        "jwks_uri",
        "prompt_values_supported",
        "pushed_authorization_request_endpoint",
        "registration_endpoint",
        "response_modes_supported",
        "response_types_supported",
        "revocation_endpoint",
        "request_object_signing_alg_values_supported",
        "revocation_endpoint_auth_methods_supported",
        "revocation_endpoint_auth_signing_alg_values_supported",
        "scopes_supported",
        "service_documentation",
        "subject_types_supported",
        "token_endpoint",
        "token_endpoint_auth_methods_supported",
        "token_endpoint_auth_signing_alg_values_supported",
        "ui_locales_supported",
        "userinfo_endpoint",
    ];
    for (name, value) in &discovery().await {
        // RFC 8705 section 5: endpoints, under the names that they have in the document.
        if name == "mtls_endpoint_aliases" {
            let aliases = value.as_object().expect("an object");
            assert!(aliases.keys().all(|alias| others.contains(&&**alias)), "{value}");
            continue;
        }
        if booleans.contains(&&**name) {
            assert!(value.is_boolean(), "{name}: {value}");
            continue;
        }
        assert!(others.contains(&&**name), "{name} is not registered");
        let (_, is_right) = types.iter().find(|(end, _)| name.ends_with(**end)).expect("a type");
        assert!(is_right(value), "{name}: {value}");
    }
}

fn is_list_of_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string))
}
