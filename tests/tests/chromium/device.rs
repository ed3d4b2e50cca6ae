//! Connecting a device from a telephone.

use fantoccini::key::Key;
use serde_json::json;
use tokenbind_tests::{Chromium, RelyingParty, Server};

const WIDTH: u32 = 390;

#[tokio::test]
async fn a_telephone_follows_the_link_and_connects_the_television() {
    let server = Server::shared().await;
    let chromium = Chromium::start(server).await;
    chromium.be_a_phone(WIDTH).await;
    let (client, user) =
        (server.registrar().devices(&json!({})).await, server.operator().user().await);
    let device = client.device(&[("scope", "openid email films")]).await;
    chromium.open(&device.verification_uri_complete).await;
    chromium.shows("to connect a device").await;
    chromium.sign_in(&user).await;
    let text = chromium.shows("Connect this device?").await;
    for told in ["Television", &device.user_code, "127.0.0.1", "See your e-mail address"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let _ = client.poll(&device).await.refused(400, "authorization_pending");
    chromium.press("Approve").await;
    chromium.shows("Your device is connected").await;
    let tokens = client.poll(&device).await.tokens();
    assert_eq!(client.id_token(&tokens).await.claims["sub"], *user.sub);
    assert_eq!(chromium.complaints(&server.issuer()).await, [""; 0]);
}

#[tokio::test]
async fn a_code_is_typed_and_answered_by_keyboard_alone() {
    let server = Server::shared().await;
    let chromium = Chromium::start(server).await;
    let (client, user) =
        (server.registrar().devices(&json!({})).await, server.operator().user().await);
    let device = client.device(&[]).await;
    chromium.open(&device.verification_uri).await;
    chromium.sign_in(&user).await;
    chromium.shows("Type the code").await;
    chromium.has_focus("user_code").await;
    chromium.type_in("hello").await;
    chromium.strike(Key::Enter).await;
    chromium.shows("eight letters").await;
    chromium.has_focus("user_code").await;
    chromium.evaluate("document.getElementById('user_code').value = ''").await;
    let typed = device.user_code.to_lowercase().replace('-', "");
    chromium.type_in(&typed).await;
    chromium.strike(Key::Enter).await;
    chromium.shows("Connect this device?").await;
    chromium.tab_to("Deny").await;
    chromium.strike(Key::Enter).await;
    chromium.shows("You said no").await;
    let _ = client.poll(&device).await.refused(400, "access_denied");
}

#[tokio::test]
async fn the_picture_is_one_that_a_page_of_the_device_can_show() {
    let server = Server::shared().await;
    let chromium = Chromium::start(server).await;
    let device = server.registrar().devices(&json!({})).await.device(&[]).await;
    chromium.open(&device.verification_uri_qr).await;
    assert_eq!(chromium.evaluate("document.documentElement.tagName").await, "svg");
    // A page of another origin, which asks for nothing but a picture.
    let television = RelyingParty::start(server, |_| json!({})).await;
    chromium.open(&television.at("/")).await;
    let shown = format!(
        "(async () => {{ const picture = new Image(); picture.src = {:?}; await picture.decode(); return picture.width > 0; }})()",
        device.verification_uri_qr
    );
    assert_eq!(chromium.evaluate(&shown).await, true);
}
