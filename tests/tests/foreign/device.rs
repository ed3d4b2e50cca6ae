//! `openid-client` on a device without a browser (RFC 8628).

use serde_json::{Value, json};
use tokenbind_tests::{DEVICE_CODE, Device, Identity, Server};

use crate::proof_of_possession::{FORMATS, Plan, Scene};

const LIBRARY: &str = "openid-client";

/// A public application for devices with tokens bound so.
fn devices(types: &[&str], format: &str) -> Value {
    json!({
        "token_endpoint_auth_method": "none",
        "grant_types": [DEVICE_CODE, "refresh_token"],
        "token_binding_types": types,
        "access_token_format": format,
    })
}

async fn asks(device: &mut Scene<'_>) -> Device {
    serde_json::from_value(device.app.does("device").await)
        .expect("a device authorization response")
}

#[tokio::test]
async fn openid_client_polls_until_its_user_has_approved() {
    let server = Server::shared().await;
    for format in FORMATS {
        let plan = Plan::new(server, devices(&["device-flow"], format), json!({}));
        let mut device = plan.set(LIBRARY).await;
        let asked = asks(&mut device).await;
        let browser = server.new_browser().await;
        browser.approve(&asked).await;
        let tokens = device.app.does("poll").await;
        assert_eq!(tokens["token_type"], "bearer", "{tokens}");
        assert_eq!(tokens["claims"]["sub"], browser.user.sub, "{tokens}");
        assert_eq!(device.app.does("userinfo").await["sub"], browser.user.sub);
        let _ = device.app.does("refresh").await;
        let observer = server.registrar().observer().await;
        let told = observer.introspect(tokens["access_token"].as_str().expect("a token")).await;
        assert_eq!(told["binding_type"], "device-flow", "{told}");
    }
}

#[tokio::test]
async fn openid_client_with_a_certificate_is_robbed_in_vain() {
    let server = Server::shared().await;
    let types = ["device-flow", "certificate"];
    let mut plan = Plan::new(server, devices(&types, "opaque"), json!({}));
    plan.certificate = Some(Identity::self_signed("tv"));
    let mut device = plan.set(LIBRARY).await;
    let asked = asks(&mut device).await;
    assert!(device.app.calls_at("/oauth2/device_authorization")[0].origin == server.mtls_origin());
    let browser = server.new_browser().await;
    browser.approve(&asked).await;
    let thief = device.client.over(server.http_showing(&Identity::self_signed("tv")));
    let _ = thief.poll(&asked).await.refused(400, "invalid_grant");
    let tokens = device.app.does("poll").await;
    assert_eq!(tokens["claims"]["sub"], browser.user.sub, "{tokens}");
    assert_eq!(device.app.does("userinfo").await["sub"], browser.user.sub);
}

#[tokio::test]
async fn openid_client_is_told_that_its_user_said_no() {
    let server = Server::shared().await;
    let plan = Plan::new(server, devices(&[], "opaque"), json!({}));
    let mut device = plan.set(LIBRARY).await;
    let asked = asks(&mut device).await;
    let browser = server.new_browser().await;
    let page = browser.device_page(&asked).await;
    let _ = browser.answer_device(&page, "deny").await;
    assert_eq!(device.app.fails("poll").await.error, "access_denied");
}
