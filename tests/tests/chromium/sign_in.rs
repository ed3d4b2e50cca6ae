//! Signing in, consenting, and coming back to the application.

use fantoccini::key::Key;
use serde_json::json;
use tokenbind_tests::{Chromium, RelyingParty, Server};

#[tokio::test]
async fn a_user_signs_in_and_consents_once() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let app = RelyingParty::start(server, |_| json!({})).await;
    let chromium = Chromium::start(server).await;

    chromium.open(&app.at("/")).await;
    chromium.press("Sign in").await;
    chromium.shows("to continue to Paper Boats").await;
    chromium.sign_in(&user).await;
    chromium.shows("Paper Boats wants access to your account").await;
    chromium.press("Allow").await;
    chromium.shows(&format!("Signed in as {}", user.sub)).await;
    assert!(chromium.address().await.as_str().starts_with(&app.at("/callback?")));

    // The next time nothing is asked.
    chromium.open(&app.at("/login")).await;
    chromium.shows("Signed in").await;
    let [first, second] = &app.sign_ins()[..] else { panic!("two sign-ins") };
    assert_eq!(first.id_token.claims["sid"], second.id_token.claims["sid"]);
    assert_ne!(first.tokens.access_token, second.tokens.access_token);

    // Unless for more.
    chromium.open(&app.at("/login?scope=openid+email")).await;
    chromium.shows("Paper Boats wants access to your account").await;
    assert_eq!(chromium.complaints(&server.issuer()).await, [""; 0]);
}

#[tokio::test]
async fn a_user_is_told_where_the_access_is_used() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let orders = server.operator().resource(&["name=Orders"]).await;
    let app = RelyingParty::start(server, |_| json!({})).await;
    let chromium = Chromium::start(server).await;
    chromium.be_a_phone(375).await;
    chromium.open(&app.at(&format!("/login?resource={orders}"))).await;
    chromium.sign_in(&user).await;
    chromium.shows("It would use this access at Orders.").await;
    chromium.press("Allow").await;
    chromium.shows(&format!("Signed in as {}", user.sub)).await;
}

#[tokio::test]
async fn whoever_does_not_allow_it_comes_back_without_being_signed_in() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let app = RelyingParty::start(server, |_| json!({})).await;
    let chromium = Chromium::start(server).await;
    chromium.open(&app.at("/login")).await;
    chromium.press("Cancel").await;
    chromium.shows("Not signed in: access_denied").await;
    chromium.open(&app.at("/login")).await;
    chromium.sign_in(&user).await;
    chromium.press("Do not allow").await;
    chromium.shows("Not signed in: access_denied").await;
    assert_eq!(app.sign_ins().len(), 0);
}

#[tokio::test]
async fn a_wrong_password_is_told_and_can_be_corrected() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let app = RelyingParty::start(server, |_| json!({ "skip_consent": true })).await;
    let chromium = Chromium::start(server).await;
    chromium.open(&app.at("/login")).await;
    chromium.fill("username", &user.username).await;
    chromium.fill("password", "not the password").await;
    chromium.press("Sign in").await;
    let alert = chromium.find("[role=alert]").await.text().await.expect("text");
    assert!(!alert.is_empty());
    // The name stays.
    chromium.has_focus("password").await;
    chromium.type_in(&user.password).await;
    chromium.strike(Key::Enter).await;
    chromium.shows(&format!("Signed in as {}", user.sub)).await;
}

#[tokio::test]
async fn all_of_it_works_by_keyboard() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let app = RelyingParty::start(server, |_| json!({})).await;
    let chromium = Chromium::start(server).await;
    chromium.open(&app.at("/login")).await;
    chromium.has_focus("username").await;
    chromium.type_in(&user.username).await;
    chromium.strike(Key::Tab).await;
    chromium.type_in(&user.password).await;
    chromium.strike(Key::Enter).await;
    chromium.shows("Allow access?").await;
    chromium.tab_to("Allow").await;
    chromium.strike(Key::Enter).await;
    chromium.shows(&format!("Signed in as {}", user.sub)).await;

    chromium.open(&format!("{}/account", server.issuer())).await;
    chromium.shows("Your account").await;
    chromium.tab_to("Remove access").await;
    chromium.strike(Key::Enter).await;
    chromium.shows("No application has access to your account").await;
}

#[tokio::test]
async fn all_of_it_works_without_scripts() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let app = RelyingParty::start(server, |_| json!({})).await;
    let chromium = Chromium::without_scripts(server).await;
    // A page whose script would tell of the frame on it.
    chromium.open(&app.at("/silent")).await;
    chromium.until("the frame", async || app.visits("/callback").pop()).await;
    chromium.shows("Waiting").await;
    chromium.sign_in_to(&app.at("/login"), &user).await;
    // The answer in a form, which a script would send at once.
    chromium.open(&app.at("/login?response_mode=form_post")).await;
    chromium.shows("You are being sent back to").await;
    chromium.press("Continue").await;
    chromium.shows(&format!("Signed in as {}", user.sub)).await;
    let visits = app.visits("/callback");
    assert_eq!(visits.last().map(|visit| &*visit.method), Some("POST"));

    chromium.open(&format!("{}/account", server.issuer())).await;
    chromium.press("Remove access").await;
    chromium.shows("No application has access to your account").await;
    chromium.open(&app.at("/logout")).await;
    chromium.arrives(&app.at("/signed-out")).await;
}

#[tokio::test]
async fn an_answer_in_a_form_is_sent_on_by_the_pages_script() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let app = RelyingParty::start(server, |_| json!({ "skip_consent": true })).await;
    app.always_ask("response_mode", "form_post");
    let chromium = Chromium::start(server).await;
    chromium.open(&app.at("/login")).await;
    chromium.sign_in(&user).await;
    chromium.shows(&format!("Signed in as {}", user.sub)).await;
    assert_eq!(chromium.address().await.as_str(), app.at("/callback"));
    let [visit] = &app.visits("/callback")[..] else { panic!("one visit") };
    assert_eq!(visit.method, "POST");
    assert_eq!(chromium.complaints(&server.issuer()).await, [""; 0]);
}

#[tokio::test]
async fn a_sign_in_is_renewed_in_a_frame_without_a_word() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let app = RelyingParty::start(server, |_| json!({})).await;
    let chromium = Chromium::start(server).await;
    chromium.open(&app.at("/silent")).await;
    chromium.shows("Not signed in: login_required").await;
    chromium.sign_in_to(&app.at("/login"), &user).await;
    chromium.open(&app.at("/silent")).await;
    chromium.shows(&format!("Signed in as {}", user.sub)).await;
    let [first, renewed] = &app.sign_ins()[..] else { panic!("two sign-ins") };
    assert_eq!(first.id_token.claims["sid"], renewed.id_token.claims["sid"]);
    assert_eq!(first.id_token.claims["auth_time"], renewed.id_token.claims["auth_time"]);
    assert_eq!(chromium.complaints(&server.issuer()).await, [""; 0]);
}
