//! What a device asks a token for (RFC 8707), and what that asks of the login (RFC 9470).

use serde_json::json;
use tokenbind_tests::{Server, seconds_pass};

use crate::{browser, confidential, television};

#[tokio::test]
async fn rfc8707_section_2_1_the_tokens_of_a_device_are_for_the_resources_that_it_named() {
    let server = Server::shared().await;
    let films = server.operator().resource(&["scopes=films", "access_token_lifetime=60"]).await;
    let mail = server.operator().resource(&["name=Mail", "scopes=email"]).await;
    let (client, browser) = (confidential(json!({})).await, browser().await);
    let asked = [("scope", "openid email films"), ("resource", &*films), ("resource", &mail)];
    let device = client.device(&asked).await;
    let page = browser.device_page(&device).await;
    assert!(
        page.html.text.contains("Mail") && page.html.text.contains(&films),
        "{}",
        page.html.text
    );
    let _ = browser.answer_device(&page, "approve").await;
    let tokens = client.poll_with(&device, &[("resource", &films)]).await.tokens();
    let told = client.introspect(&tokens.access_token).await;
    assert_eq!((&told["aud"], &told["scope"]), (&json!(films), &json!("films")));
    assert_eq!(tokens.expires_in, 60);
    let more = [("resource", &*mail)];
    let refreshed = client.refresh(tokens.refresh_token(), &more).await.tokens();
    assert_eq!(client.introspect(&refreshed.access_token).await["aud"], json!(mail));
}

#[tokio::test]
async fn rfc8707_section_2_2_a_poll_for_another_resource_is_refused_and_does_not_count() {
    let server = Server::shared().await;
    let [films, mail] =
        [server.operator().resource(&[]).await, server.operator().resource(&[]).await];
    let (client, browser) = (television(json!({})).await, browser().await);
    let device = client.device(&[("resource", &films)]).await;
    let _ = client.poll_with(&device, &[("resource", &mail)]).await.refused(400, "invalid_target");
    let _ = client.poll(&device).await.refused(400, "authorization_pending");
    browser.approve(&device).await;
    let _ = client.poll_with(&device, &[("resource", &mail)]).await.refused(400, "invalid_target");
    let _ = client.poll(&device).await.tokens();
}

#[tokio::test]
async fn a_device_that_is_bound_too_weakly_is_told_before_anybody_is_asked() {
    let server = Server::shared().await;
    let strong = ["required_binding_types=dpop,certificate"];
    let resource = server.operator().resource(&strong).await;
    let client = television(json!({ "token_binding_types": ["device-flow"] })).await;
    let answer = client.start_device(&[("resource", &resource)]).await;
    let description = answer.refused(400, "invalid_target");
    assert!(description.contains("dpop or certificate"), "{description}");
}

#[tokio::test]
async fn rfc9470_section_5_a_login_that_is_too_old_for_the_resource_is_asked_for_again() {
    let server = Server::shared().await;
    let resource = server.operator().resource(&["max_age=1"]).await;
    let (client, browser) = (television(json!({})).await, browser().await);
    browser.sign_in().await;
    seconds_pass(3).await;
    let device = client.device(&[("resource", &resource)]).await;
    let path = format!("/device?user_code={}", device.user_code);
    let page = browser.get(&path).await;
    assert!(page.html.sign_in_form().is_some(), "{}", page.html.text);
    browser.approve(&device).await;
    let _ = client.poll(&device).await.tokens();
}
