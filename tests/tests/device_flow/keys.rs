//! Keys of devices: taken with the first request, and nobody else polls.

use serde_json::{Value, json};
use tokenbind_tests::{Client, DEVICE_CODE, Identity, Server, Signer};

use crate::{browser, confidential, television};

/// Each with `device-flow` and alone.
fn with_dpop() -> [Value; 2] {
    [json!(["device-flow", "dpop"]), json!(["dpop"])]
}

fn with_certificate() -> [Value; 2] {
    [json!(["device-flow", "certificate"]), json!(["certificate"])]
}

#[tokio::test]
async fn a_stolen_device_code_is_worth_nothing_without_the_key() {
    for types in with_dpop() {
        let client = television(json!({ "token_binding_types": types })).await;
        let (browser, signer) = (browser().await, Signer::es256());
        let owner = client.proving(&signer);
        let device = owner.device(&[("scope", "openid")]).await;
        browser.approve(&device).await;
        let thief = client.proving(&Signer::es256());
        let description = thief.poll(&device).await.refused(400, "invalid_grant");
        assert!(description.contains("DPoP key"), "{description}");
        let _ = client.poll(&device).await.refused(400, "invalid_dpop_proof");
        let tokens = owner.poll(&device).await.dpop_tokens();
        assert_eq!(owner.userinfo(&tokens.access_token).await.status, 200);
        let _ = thief.refresh(tokens.refresh_token(), &[]).await.refused(400, "invalid_grant");
        let _ = owner.refresh(tokens.refresh_token(), &[]).await.dpop_tokens();
    }
}

#[tokio::test]
async fn without_a_proof_no_device_begins() {
    for types in with_dpop() {
        let client = television(json!({ "token_binding_types": types })).await;
        let description = client.start_device(&[]).await.refused(400, "invalid_dpop_proof");
        assert!(description.contains("DPoP"), "{description}");
        // A proof is for one endpoint.
        let proof = Signer::es256().dpop_proof(
            "POST",
            client.http.url("/oauth2/token").as_str(),
            &json!({}),
        );
        let request =
            client.http.form_of("/oauth2/device_authorization", &[("client_id", &client.id)]);
        let answer = tokenbind_tests::send(request.header("dpop", proof)).await;
        let _ = answer.refused(400, "invalid_dpop_proof");
    }
}

#[tokio::test]
async fn a_poll_without_its_proof_is_refused_and_does_not_count() {
    let client = television(json!({ "token_binding_types": ["device-flow", "dpop"] })).await;
    let owner = client.proving(&Signer::es256());
    let device = owner.device(&[]).await;
    for _ in 0..3 {
        let _ = client.poll(&device).await.refused(400, "invalid_dpop_proof");
    }
    for _ in 0..3 {
        let thief = client.proving(&Signer::es256());
        let _ = thief.poll(&device).await.refused(400, "invalid_grant");
    }
    let _ = owner.poll(&device).await.refused(400, "authorization_pending");
    let _ = owner.poll(&device).await.refused(400, "slow_down");
}

#[tokio::test]
async fn a_proof_that_nobody_asked_for_binds_the_code_all_the_same() {
    let (client, browser) = (television(json!({})).await, browser().await);
    let owner = client.proving(&Signer::es256());
    let device = owner.device(&[]).await;
    browser.approve(&device).await;
    let _ = client.poll(&device).await.refused(400, "invalid_dpop_proof");
    let _ = owner.poll(&device).await.tokens();
}

#[tokio::test]
async fn rfc9449_section_8_the_nonce_is_asked_for_where_the_application_wants_one() {
    let settings = json!({ "token_binding_types": ["dpop"], "dpop_nonce_required": true });
    let client = television(settings).await;
    let (url, signer) = (client.http.url("/oauth2/device_authorization"), Signer::es256());
    let ask = async |claims: Value| {
        let proof = signer.dpop_proof("POST", url.as_str(), &claims);
        let request = client.http.form_of(url.path(), &[("client_id", &client.id)]);
        tokenbind_tests::send(request.header("dpop", proof)).await
    };
    let refused = ask(json!({})).await;
    let _ = refused.refused(400, "use_dpop_nonce");
    let nonce = refused.dpop_nonce().expect("a nonce");
    assert_eq!(ask(json!({ "nonce": nonce })).await.status, 200);
}

#[tokio::test]
async fn a_device_with_a_certificate_polls_with_that_one_only() {
    let server = Server::shared().await;
    for types in with_certificate() {
        let client = television(json!({ "token_binding_types": types })).await;
        let showing = |identity: &Identity| client.over(server.http_showing(identity));
        let (browser, identity) = (browser().await, Identity::self_signed("tv"));
        let bare = client.over(server.http_showing_nothing());
        let description = bare.start_device(&[]).await.refused(400, "invalid_request");
        assert!(description.contains("certificate"), "{description}");
        let owner = showing(&identity);
        let device = owner.device(&[("scope", "openid")]).await;
        browser.approve(&device).await;
        let thief = showing(&Identity::self_signed("tv"));
        for _ in 0..3 {
            let description = thief.poll(&device).await.refused(400, "invalid_grant");
            assert!(description.contains("certificate"), "{description}");
            let _ = bare.poll(&device).await.refused(400, "invalid_request");
        }
        let tokens = owner.poll(&device).await.tokens();
        assert_eq!(owner.userinfo(&tokens.access_token).await.status, 200);
        let _ = thief.userinfo(&tokens.access_token).await.challenged("invalid_token");
    }
}

#[tokio::test]
async fn a_client_that_authenticates_by_certificate_polls_with_any_that_does() {
    let server = Server::shared().await;
    let (old, new) = (Identity::self_signed("tv"), Identity::self_signed("tv"));
    let keys = [old.jwk(true), new.jwk(true)];
    let client = confidential(json!({
        "token_endpoint_auth_method": "self_signed_tls_client_auth",
        "jwks": { "keys": keys },
        "token_binding_types": ["device-flow", "certificate"],
    }))
    .await;
    let showing =
        |identity: &Identity| Client { secret: None, ..client.over(server.http_showing(identity)) };
    let browser = browser().await;
    let device = showing(&old).device(&[]).await;
    browser.approve(&device).await;
    let stranger = showing(&Identity::self_signed("tv"));
    let _ = stranger.poll(&device).await.refused(401, "invalid_client");
    let tokens = showing(&new).poll(&device).await.tokens();
    let told = showing(&new).introspect(&tokens.access_token).await;
    assert_eq!(told["cnf"]["x5t#S256"], json!(new.thumbprint()), "bound to what was shown last");
}

#[tokio::test]
async fn a_key_that_was_taken_is_asked_for_whatever_the_settings_say_by_then() {
    let server = Server::shared().await;
    let registration = server
        .registrar()
        .register(&json!({
            "token_endpoint_auth_method": "none",
            "grant_types": [DEVICE_CODE],
            "token_binding_types": ["dpop"],
        }))
        .await;
    let (owner, browser) = (registration.client.proving(&Signer::es256()), browser().await);
    let device = owner.device(&[]).await;
    browser.approve(&device).await;
    let unbound = json!({
        "client_id": registration.client.id,
        "token_endpoint_auth_method": "none",
        "grant_types": [DEVICE_CODE],
    });
    let _ = registration.update(&unbound).await.expect(200);
    let _ = registration.client.poll(&device).await.refused(400, "invalid_dpop_proof");
    let thief = registration.client.proving(&Signer::es256());
    let _ = thief.poll(&device).await.refused(400, "invalid_grant");
    let _ = owner.poll(&device).await.tokens();
}
