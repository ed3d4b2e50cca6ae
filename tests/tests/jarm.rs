//! Authorization responses that the server signs (JWT Secured Authorization Response Mode, JARM).

use serde_json::{Value, json};
use tokenbind_tests::{
    AuthorizationRequest, Browser, Callback, Client, ResponseMode, Server, VerifiedJwt, now,
};

async fn application(more: Value) -> Client {
    Server::shared().await.registrar().sign_in(&more).await
}

async fn signed_in() -> Browser {
    let browser = Server::shared().await.new_browser().await;
    browser.sign_in().await;
    browser
}

/// The claims of the one parameter that the answer has, verified as the application would.
async fn opened(client: &Client, callback: &Callback) -> VerifiedJwt {
    assert_eq!(callback.parameters.len(), 1, "{:?}", callback.parameters);
    let response = callback.get("response").expect("the parameter response");
    let answer = VerifiedJwt::verify_answer(&client.http, &client.id, response).await;
    let expires_in = answer.claims["exp"].as_u64().expect("exp") - now();
    assert!((10..=600).contains(&expires_in), "{expires_in}");
    assert_eq!(answer.claims["state"].as_str(), callback.request.get("state"));
    answer
}

async fn redeemed(client: &Client, request: &AuthorizationRequest, code: &str) -> bool {
    let answer = client
        .token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", request.get("redirect_uri").expect("a redirect URI")),
            ("code_verifier", &request.verifier),
        ])
        .await;
    answer.status == 200
}

#[tokio::test]
async fn jarm_section_2_3_the_answer_is_one_signed_parameter_in_every_mode() {
    let (client, browser) = (application(json!({})).await, signed_in().await);
    for (mode, carrier) in [
        ("jwt", ResponseMode::Query),
        ("query.jwt", ResponseMode::Query),
        ("fragment.jwt", ResponseMode::Fragment),
        ("form_post.jwt", ResponseMode::FormPost),
    ] {
        let request = client.authorization_request(&[("response_mode", mode)]);
        let callback = browser.ask(&request).await;
        assert_eq!(callback.mode, carrier, "{mode}");
        let answer = opened(&client, &callback).await;
        let code = answer.claims["code"].as_str().expect("a code");
        assert!(redeemed(&client, &request, code).await);
        let names: Vec<_> = answer.claims.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["aud", "code", "exp", "iss", "state"]);
    }
}

#[tokio::test]
async fn jarm_section_2_1_errors_are_signed_too() {
    let (client, browser) = (application(json!({})).await, signed_in().await);
    let with = |name: &str, value: &str| {
        client.authorization_request(&[("response_mode", "jwt"), (name, value)])
    };
    for (request, error) in [
        (with("scope", "admin"), "invalid_scope"),
        (with("response_type", "token"), "unsupported_response_type"),
        (with("request", "x"), "invalid_request_object"),
        (with("request_uri", "x"), "request_uri_not_supported"),
    ] {
        let answer = opened(&client, &browser.ask(&request).await).await;
        assert_eq!(answer.claims["error"], error);
        assert!(answer.claims["error_description"].is_string());
        assert_eq!(answer.claims.get("code"), None);
    }
    let nobody = Server::shared().await.new_browser().await;
    let request = with("prompt", "none");
    let answer = opened(&client, &nobody.ask(&request).await).await;
    assert_eq!(answer.claims["error"], "login_required");
}

#[tokio::test]
async fn jarm_section_3_the_application_chooses_the_algorithm() {
    let browser = signed_in().await;
    for (setting, expected) in [
        (json!({}), "RS256"),
        (json!({ "authorization_signed_response_alg": "PS256" }), "PS256"),
        (json!({ "authorization_signed_response_alg": "ES256" }), "ES256"),
        (json!({ "authorization_signed_response_alg": "EdDSA" }), "EdDSA"),
    ] {
        let client = application(setting).await;
        let request = client.authorization_request(&[("response_mode", "jwt")]);
        let answer = opened(&client, &browser.ask(&request).await).await;
        assert_eq!(format!("{:?}", answer.header.alg), expected);
    }
    let registrar = Server::shared().await.registrar();
    let none = json!({ "authorization_signed_response_alg": "none" });
    let answer = registrar.try_register(&none).await;
    let _ = answer.refused(400, "invalid_client_metadata");
}

#[tokio::test]
async fn a_pushed_request_is_answered_in_its_mode() {
    let client = application(json!({ "skip_consent": false })).await;
    let browser = Server::shared().await.new_browser().await;
    let request = client.authorization_request(&[("response_mode", "form_post.jwt")]);
    let pushed = client.pushed(&request).await;
    let page = browser.get(&pushed.path()).await;
    let callback = browser.go_on(&request, page).await;
    let answer = opened(&client, &callback).await;
    let code = answer.claims["code"].as_str().expect("a code");
    assert!(redeemed(&client, &request, code).await);
}

#[tokio::test]
async fn an_answer_is_no_id_token_hint() {
    let (client, browser) = (application(json!({})).await, signed_in().await);
    let request = client.authorization_request(&[("response_mode", "jwt")]);
    let callback = browser.ask(&request).await;
    let response = callback.get("response").expect("the parameter response");
    let request = client.authorization_request(&[("id_token_hint", response)]);
    let _ = browser.ask(&request).await.refused("invalid_request");
}

#[tokio::test]
async fn an_answer_verifies_after_the_key_was_rotated() {
    let server = Server::serve("", &[]).await;
    let client = server.registrar().sign_in(&json!({})).await;
    let browser = server.new_browser().await;
    let request = client.authorization_request(&[("response_mode", "jwt"), ("prompt", "none")]);
    let callback = browser.ask(&request).await;
    server.operator().json(&["key", "rotate"]).await;
    let answer = opened(&client, &callback).await;
    assert_eq!(answer.claims["error"], "login_required");
}
