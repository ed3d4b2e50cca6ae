//! The device authorization endpoint.

use std::collections::HashSet;

use reqwest::{Method, header};
use serde_json::json;
use tokenbind_tests::{Client, Server, send};

use crate::{browser, confidential, television};

const PATH: &str = "/oauth2/device_authorization";

#[tokio::test]
async fn rfc8628_section_3_2_a_device_gets_its_codes_and_where_to_send_its_user() {
    let server = Server::shared().await;
    let issuer = server.issuer();
    let client = television(json!({ "device_code_lifetime": 900 })).await;
    let mut seen = HashSet::new();
    for _ in 0..8 {
        let device = client.device(&[]).await;
        let code = &device.user_code;
        let (first, second) = code.split_once('-').expect("two halves");
        let of_the_alphabet = |half: &str| half.chars().all(|c| "BCDFGHJKLMNPQRSTVWXZ".contains(c));
        assert!(first.len() == 4 && of_the_alphabet(first), "{code}");
        assert!(second.len() == 4 && of_the_alphabet(second), "{code}");
        assert_eq!(device.verification_uri, format!("{issuer}/device"));
        assert_eq!(device.verification_uri_complete, format!("{issuer}/device?user_code={code}"));
        assert_eq!(device.verification_uri_qr, format!("{issuer}/device/qr?user_code={code}"));
        assert_eq!((device.expires_in, device.interval), (900, 5));
        // RFC 8628 section 5.2: "a very high entropy code SHOULD be used".
        assert!(device.device_code.starts_with("tb_dc_") && device.device_code.len() > 40);
        assert!(seen.insert(device.device_code.clone()) && seen.insert(device.user_code));
    }
}

#[tokio::test]
async fn rfc8628_section_3_1_the_client_authenticates_as_at_the_token_endpoint() {
    let client = confidential(json!({})).await;
    let _ = client.device(&[]).await;
    let _ = client.with_secret("wrong").start_device(&[]).await.refused(401, "invalid_client");
    let nobody = Client { secret: None, ..client.clone() };
    let _ = nobody.start_device(&[]).await.refused(401, "invalid_client");
    let in_form = confidential(json!({ "token_endpoint_auth_method": "client_secret_post" })).await;
    let _ = in_form.device(&[]).await;
    let answer = client.http.form(PATH, None, &[]).await;
    let _ = answer.refused(401, "invalid_client");
    let public = television(json!({})).await;
    let answer = public.http.form(PATH, None, &[("client_id", &public.id)]).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn an_application_without_the_grant_starts_nothing() {
    let server = Server::shared().await;
    let client = server.registrar().sign_in(&json!({})).await;
    let description = client.start_device(&[]).await.refused(400, "unauthorized_client");
    assert!(description.contains("device_code"), "{description}");
}

#[tokio::test]
async fn what_nobody_may_ask_for_is_refused_before_a_user_is_asked() {
    let client = television(json!({})).await;
    for (fields, error) in [
        (&[("scope", "openid admin")][..], "invalid_scope"),
        (&[("scope", "\"quoted\"")], "invalid_scope"),
        (&[("resource", "https://nobody.example/")], "invalid_target"),
        (&[("resource", "not a uri")], "invalid_target"),
        (&[("scope", "openid"), ("scope", "email")], "invalid_request"),
    ] {
        let _ = client.start_device(fields).await.refused(400, error);
    }
}

#[tokio::test]
async fn rfc6749_section_3_3_asked_for_no_scope_it_is_the_default_one() {
    let (client, browser) = (television(json!({})).await, browser().await);
    let (_, tokens) = client.connected(&browser, &[]).await;
    assert_eq!(tokens.scope.as_deref(), Some("email films profile"));
    assert_eq!(tokens.id_token, None);
}

#[tokio::test]
async fn nothing_but_a_posted_form_is_taken() {
    let client = television(json!({})).await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = send(client.http.request(method.clone(), PATH)).await;
        assert_eq!(answer.status, 405, "{method}");
    }
    let json = client.http.request(Method::POST, PATH);
    let json = json.header("content-type", "application/json").body("{}");
    let _ = send(json).await.refused(400, "invalid_request");
    let path = format!("{PATH}?client_id={}", client.id);
    let _ = client.http.form(&path, None, &[]).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn pages_of_the_applications_origins_may_read_the_answer() {
    let client = television(json!({ "allowed_origins": ["https://tv.example"] })).await;
    for (origin, may) in [("https://tv.example", true), ("https://evil.example", false)] {
        let request = client.http.form_of(PATH, &[("client_id", &client.id)]);
        let answer = send(request.header("origin", origin)).await;
        let allowed = answer.header(&header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(allowed, may.then_some(origin));
        let preflight = client.http.request(Method::OPTIONS, PATH).header("origin", origin);
        let answer = send(preflight.header("access-control-request-method", "POST")).await;
        assert_eq!(answer.status, if may { 204 } else { 403 });
    }
}
