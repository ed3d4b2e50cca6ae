//! What the switch `fapi_profile` turns on, and what it refuses.

use serde_json::{Value, json};
use tokenbind_tests::Server;

/// The least that has to be said.
fn minimal(profile: &str) -> Value {
    json!({
        "fapi_profile": profile,
        "token_endpoint_auth_method": "private_key_jwt",
        "token_binding_types": ["dpop"],
        "redirect_uris": ["https://bank.example/callback"],
        "jwks": { "keys": [] },
    })
}

fn with(more: &Value) -> Value {
    let mut metadata = minimal("fapi2-security");
    for (name, value) in more.as_object().expect("an object") {
        metadata[name] = value.clone();
    }
    metadata
}

#[tokio::test]
async fn the_switch_turns_on_what_nobody_said() {
    let registrar = Server::shared().await.registrar();
    let told = registrar.register(&minimal("fapi2-security")).await.answer;
    assert_eq!(told["require_pushed_authorization_requests"], true);
    assert_eq!(told["require_pkce"], true);
    assert_eq!(told["refresh_token_rotation"], false);
    assert_eq!(told["id_token_signed_response_alg"], "PS256");
    assert_eq!(told["dpop_bound_access_tokens"], true);
    assert_eq!(told["request_object_signing_alg"], Value::Null);
    let told = registrar.register(&minimal("fapi2-message-signing")).await.answer;
    assert_eq!(told["request_object_signing_alg"], "PS256");
    assert_eq!(told["authorization_signed_response_alg"], "PS256");
}

#[tokio::test]
async fn what_contradicts_the_profile_is_refused_with_the_section_that_says_so() {
    let registrar = Server::shared().await.registrar();
    let general = "section 5.3.2.1";
    let flows = "section 5.3.2.2";
    let cryptography = "section 5.4";
    for (more, section) in [
        (json!({ "token_endpoint_auth_method": "none" }), general),
        (json!({ "token_endpoint_auth_method": "client_secret_basic" }), general),
        (json!({ "token_endpoint_auth_method": "client_secret_post" }), general),
        (json!({ "grant_types": ["password", "refresh_token"] }), general),
        (json!({ "token_binding_types": ["sso-session"] }), general),
        (json!({ "unbound_grants": ["client_credentials"] }), general),
        (json!({ "require_pushed_authorization_requests": false }), flows),
        (json!({ "require_pkce": false }), flows),
        (json!({ "redirect_uris": ["http://localhost/callback"] }), flows),
        (json!({ "id_token_signed_response_alg": "RS256" }), cryptography),
        (json!({ "token_endpoint_auth_signing_alg": "RS256" }), cryptography),
        (json!({ "request_object_signing_alg": "RS256" }), cryptography),
        (json!({ "authorization_signed_response_alg": "RS256" }), cryptography),
    ] {
        let answer = registrar.try_register(&with(&more)).await;
        let uris = more.get("redirect_uris").is_some();
        let error = if uris { "invalid_redirect_uri" } else { "invalid_client_metadata" };
        let description = answer.refused(400, error);
        let field = more.as_object().expect("an object").keys().next().expect("a field");
        assert!(description.starts_with(&format!("{field}: ")), "{description}");
        assert!(description.contains(section), "{description}");
    }
}

#[tokio::test]
async fn what_cannot_be_guessed_is_asked_for_with_what_would_do() {
    let registrar = Server::shared().await.registrar();
    for (field, expected) in [
        ("token_endpoint_auth_method", "private_key_jwt, tls_client_auth"),
        ("token_binding_types", "certificate or dpop"),
    ] {
        let mut metadata = minimal("fapi2-security");
        metadata.as_object_mut().expect("an object").remove(field);
        let answer = registrar.try_register(&metadata).await;
        let description = answer.refused(400, "invalid_client_metadata");
        assert!(description.contains(expected), "{description}");
    }
}

#[tokio::test]
async fn an_operator_turns_it_on_and_is_told_what_stands_in_the_way() {
    let server = Server::shared().await;
    let operator = server.operator();
    let secret = server.registrar().application(&json!({})).await;
    let on = "fapi_profile=fapi2-security";
    let complaint = operator.refused(&["app", "update", &secret.id, "--set", on], "").await;
    assert!(complaint.contains("token_endpoint_auth_method"), "{complaint}");
    let set = [
        on,
        "token_endpoint_auth_method=private_key_jwt",
        "token_binding_types=dpop",
        r#"jwks={"keys":[]}"#,
    ];
    let mut arguments = vec!["app", "update", &secret.id];
    arguments.extend(set.iter().flat_map(|set| ["--set", set]));
    let told = operator.json(&arguments).await;
    assert_eq!(told["require_pushed_authorization_requests"], true, "{told}");
    assert_eq!(told["id_token_signed_response_alg"], "PS256", "{told}");
}
