//! The account page: what a user sees of their sessions and applications, and ends.

use serde_json::json;
use tokenbind_tests::{Chromium, RelyingParty, Server, User};

/// Two browsers that a user is signed in with, each through the same application.
async fn two_browsers(server: &Server, app: &RelyingParty, user: &User) -> [Chromium; 2] {
    let browsers = [Chromium::start(server).await, Chromium::start(server).await];
    for browser in &browsers {
        browser.open(&app.at("/login")).await;
        browser.sign_in(user).await;
        browser.shows("Signed in").await;
    }
    browsers
}

fn account(server: &Server) -> String {
    format!("{}/account", server.issuer())
}

/// The button of a session that is not this browser's.
const OTHER_SESSION: &str = "li:not(:has(.badge)) form[action$='/account/sessions/end'] button";

#[tokio::test]
async fn a_session_is_ended_from_another_browser() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let settings = json!({ "token_binding_types": ["sso-session"], "skip_consent": true });
    let app = RelyingParty::start(server, |_| settings).await;
    let [own, other] = two_browsers(server, &app, &user).await;
    let [of_own, of_other] = &app.sign_ins()[..] else { panic!("two sign-ins") };
    assert_ne!(of_own.id_token.claims["sid"], of_other.id_token.claims["sid"]);

    own.open(&account(server)).await;
    own.shows("This browser").await;
    assert_eq!(own.count("form[action$='/account/sessions/end']").await, 2);
    own.press_on(OTHER_SESSION).await;
    let gone = async || (own.count(OTHER_SESSION).await == 0).then_some(());
    own.until("the other session to go", gone).await;

    let tokens = [&*of_own.tokens.access_token, &*of_other.tokens.access_token];
    assert_eq!(app.client.which_active(&tokens).await, [true, false]);
    other.open(&app.at("/login?prompt=none")).await;
    other.shows("Not signed in: login_required").await;
    own.open(&app.at("/login?prompt=none")).await;
    own.shows("Signed in").await;
    assert_eq!(own.complaints(&server.issuer()).await, [""; 0]);
}

#[tokio::test]
async fn an_application_that_is_removed_holds_nothing_any_more() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let app = RelyingParty::start(server, |_| json!({})).await;
    let chromium = Chromium::start(server).await;
    chromium.sign_in_to(&app.at("/login"), &user).await;
    let tokens = app.sign_in().tokens;
    assert_eq!(app.client.which_active(&[&tokens.access_token]).await, [true]);

    chromium.open(&account(server)).await;
    chromium.shows("Paper Boats").await;
    chromium.press("Remove access").await;
    chromium.shows("No application has access to your account").await;
    assert_eq!(app.client.which_active(&[&tokens.access_token]).await, [false]);
    let refused = app.client.refresh(tokens.refresh_token(), &[]).await;
    let _ = refused.refused(400, "invalid_grant");
    // The consent is forgotten too.
    chromium.open(&app.at("/login")).await;
    chromium.shows("Paper Boats wants access to your account").await;
}

#[tokio::test]
async fn a_new_password_signs_out_every_other_browser() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let app = RelyingParty::start(server, |_| json!({ "skip_consent": true })).await;
    let [own, other] = two_browsers(server, &app, &user).await;
    let new = User { password: "a new password of some length".into(), ..user.clone() };

    own.open(&account(server)).await;
    for (field, text) in
        [("current", &user.password), ("new", &new.password), ("repeated", &new.password)]
    {
        own.fill(field, text).await;
    }
    own.press("Change password").await;
    own.find("[role=status]").await;

    own.open(&app.at("/login?prompt=none")).await;
    own.shows("Signed in").await;
    other.open(&app.at("/login?prompt=none")).await;
    other.shows("Not signed in: login_required").await;
    other.open(&app.at("/login")).await;
    other.sign_in(&user).await;
    other.find("[role=alert]").await;
    other.sign_in(&new).await;
    other.shows(&format!("Signed in as {}", user.sub)).await;
}
