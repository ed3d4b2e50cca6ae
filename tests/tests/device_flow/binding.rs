//! The binding type `device-flow`: every device has tokens of its own.

use serde_json::{Value, json};
use tokenbind_tests::{Device, Server, Tokens, reference, unverified_claims};

use crate::{browser, confidential, observer, television};

fn bound(more: Value) -> Value {
    let mut settings = json!({ "token_binding_types": ["device-flow"] });
    if let (Value::Object(settings), Value::Object(more)) = (&mut settings, more) {
        settings.extend(more);
    }
    settings
}

/// Access and refresh token.
fn both(tokens: &Tokens) -> [&str; 2] {
    [&tokens.access_token, tokens.refresh_token()]
}

#[tokio::test]
async fn the_token_is_bound_to_the_device_code_and_never_shows_it() {
    for format in ["opaque", "jwt"] {
        let client = confidential(bound(json!({ "access_token_format": format }))).await;
        let browser = browser().await;
        let (device, tokens) = client.connected(&browser, &[]).await;
        let expected = reference("device-flow", &client.id, &device.device_code);
        let told = client.introspect(&tokens.access_token).await;
        assert_eq!(
            (&told["binding_type"], &told["binding_ref"]),
            (&json!("device-flow"), &json!(expected))
        );
        assert_eq!(told["token_type"], "Bearer");
        assert!(!told.to_string().contains(&device.device_code));
        if format == "jwt" {
            let claims = unverified_claims(&tokens.access_token);
            assert_eq!(claims["binding_ref"], json!(expected));
        }
    }
}

#[tokio::test]
async fn two_devices_of_one_user_never_share_a_token_and_the_end_of_one_leaves_the_other() {
    let server = Server::shared().await;
    for types in [json!(["device-flow"]), json!(["device-flow", "client-request"])] {
        for format in ["opaque", "jwt"] {
            let settings =
                bound(json!({ "token_binding_types": types, "access_token_format": format }));
            let (client, browser) = (television(settings).await, browser().await);
            let (tv, of_tv) = client.connected(&browser, &[]).await;
            let (_, of_phone) = client.connected(&browser, &[]).await;
            assert_ne!(of_tv.access_token, of_phone.access_token);
            assert_ne!(of_tv.refresh_token, of_phone.refresh_token);
            let observer = observer().await;
            let told = observer.introspect(&of_tv.access_token).await;
            let binding_ref = match &told["binding_ref"] {
                Value::Array(several) => several[0].clone(),
                one => one.clone(),
            };
            let binding_ref = binding_ref.as_str().expect("binding_ref");
            assert_eq!(binding_ref, reference("device-flow", &client.id, &tv.device_code));
            let ended = ["device-code", "--client", &client.id, binding_ref];
            assert_eq!(server.operator().end(&ended).await["ended"], "device code");
            assert_eq!(observer.which_active(&both(&of_tv)).await, [false, false]);
            assert_eq!(observer.which_active(&both(&of_phone)).await, [true, true]);
            let _ = client.refresh(of_tv.refresh_token(), &[]).await.refused(400, "invalid_grant");
            let _ = client.refresh(of_phone.refresh_token(), &[]).await.tokens();
        }
    }
}

#[tokio::test]
async fn an_operator_who_has_the_code_itself_ends_it_before_anything_comes_of_it() {
    let server = Server::shared().await;
    let (client, browser) = (television(bound(json!({}))).await, browser().await);
    let device = client.device(&[]).await;
    browser.approve(&device).await;
    server.operator().end(&["device-code", "--client", &client.id, &device.device_code]).await;
    let _ = client.poll(&device).await.refused(400, "invalid_grant");
    let refused = ["end", "device-code", "--client", &client.id, "tb_dc_x"];
    let complaint = server.operator().refused(&refused, "").await;
    assert!(complaint.contains("binding_ref"), "{complaint}");
}

#[tokio::test]
async fn at_refresh_another_device_code_is_refused_and_none_keeps_the_binding() {
    let (client, browser) = (confidential(bound(json!({}))).await, browser().await);
    let (own, tokens) = client.connected(&browser, &[]).await;
    let (other, _) = client.connected(&browser, &[]).await;
    let refresh_token = tokens.refresh_token();
    for wrong in [&*other.device_code, "a-made-up-one"] {
        let answer = client.refresh(refresh_token, &[("device_code", wrong)]).await;
        let description = answer.refused(400, "invalid_grant");
        assert!(
            description.contains("device_code") && !description.contains(wrong),
            "{description}"
        );
    }
    let expected = client.introspect(&tokens.access_token).await["binding_ref"].clone();
    for right in [&[][..], &[("device_code", &*own.device_code)], &[("device_code", "")]] {
        let refreshed = client.refresh(refresh_token, right).await.tokens();
        let told = client.introspect(&refreshed.access_token).await;
        assert_eq!(
            (&told["binding_type"], &told["binding_ref"]),
            (&json!("device-flow"), &expected)
        );
    }
}

#[tokio::test]
async fn validation_off_asks_for_nothing_and_the_binding_stays() {
    let settings = bound(json!({ "validate_token_bindings": false }));
    let (client, browser) = (confidential(settings).await, browser().await);
    let (_, tokens) = client.connected(&browser, &[]).await;
    let refreshed = client.refresh(tokens.refresh_token(), &[("device_code", "x")]).await.tokens();
    let told = client.introspect(&refreshed.access_token).await;
    assert_eq!(told["binding_type"], "device-flow");
}

#[tokio::test]
async fn at_use_the_token_works_until_it_is_ended() {
    let (client, browser) = (television(bound(json!({}))).await, browser().await);
    let (device, tokens) = client.connected(&browser, &[("scope", "openid")]).await;
    assert_eq!(client.userinfo(&tokens.access_token).await.status, 200);
    let ended = ["device-code", "--client", &client.id, &device.device_code];
    Server::shared().await.operator().end(&ended).await;
    let _ = client.userinfo(&tokens.access_token).await.challenged("invalid_token");
}

#[tokio::test]
async fn an_application_without_the_binding_ignores_a_device_code_at_refresh() {
    let (client, browser) = (confidential(json!({})).await, browser().await);
    let (_, tokens) = client.connected(&browser, &[]).await;
    let _ = client.refresh(tokens.refresh_token(), &[("device_code", "x")]).await.tokens();
}

#[tokio::test]
async fn slots_of_client_request_hold_for_devices_too() {
    let settings =
        json!({ "token_binding_types": ["client-request"], "access_token_format": "jwt" });
    let (client, browser) = (confidential(settings).await, browser().await);
    let connected = async |id: &str| {
        let device: Device = client.device(&[]).await;
        browser.approve(&device).await;
        client.poll_with(&device, &[("tokenBindingId", id)]).await.tokens()
    };
    let (first, second) = (connected("tv").await, connected("tv").await);
    let third = connected("phone").await;
    let all = [&*first.access_token, &second.access_token, &third.access_token];
    assert_eq!(client.which_active(&all).await, [false, true, true]);
}
