//! Signing out, at the application and at the server.

use serde_json::json;
use tokenbind_tests::{Chromium, RelyingParty, SESSION_COOKIE, Server};

#[tokio::test]
async fn an_application_signs_the_user_out_and_gets_them_back() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let settings = json!({ "token_binding_types": ["sso-session"], "skip_consent": true });
    let app = RelyingParty::start(server, |_| settings).await;
    let chromium = Chromium::start(server).await;
    chromium.open(&app.at("/login")).await;
    chromium.sign_in(&user).await;
    chromium.shows("Signed in").await;
    let tokens = app.sign_in().tokens;
    assert_eq!(app.client.which_active(&[&tokens.access_token]).await, [true]);

    chromium.open(&app.at("/logout")).await;
    chromium.arrives(&app.at("/signed-out")).await;
    let [visit] = &app.visits("/signed-out")[..] else { panic!("one visit") };
    assert_eq!(visit.get("state"), Some("of the logout"));
    assert_eq!(chromium.cookie(SESSION_COOKIE).await, None);
    assert_eq!(app.client.which_active(&[&tokens.access_token]).await, [false]);
    let refused = app.client.refresh(tokens.refresh_token(), &[]).await;
    let _ = refused.refused(400, "invalid_grant");

    chromium.open(&app.at("/login?prompt=none")).await;
    chromium.shows("Not signed in: login_required").await;
    assert_eq!(chromium.complaints(&server.issuer()).await, [""; 0]);
}

#[tokio::test]
async fn whoever_signs_out_at_the_server_is_asked_first() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let app = RelyingParty::start(server, |_| json!({ "skip_consent": true })).await;
    let chromium = Chromium::start(server).await;
    chromium.open(&app.at("/login")).await;
    chromium.sign_in(&user).await;
    chromium.shows("Signed in").await;
    chromium.open(&format!("{}/oauth2/logout", server.issuer())).await;
    chromium.shows("Sign out?").await;
    chromium.press("Sign out").await;
    chromium.shows("You are signed out").await;
    assert_eq!(chromium.cookie(SESSION_COOKIE).await, None);
    chromium.open(&app.at("/login")).await;
    chromium.shows("to continue to Paper Boats").await;
}

#[tokio::test]
async fn applications_of_the_session_are_told_through_the_browser() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let told = |origin: &str| {
        json!({
            "skip_consent": true,
            "frontchannel_logout_uri": format!("{origin}/logout-notice?kept=1"),
        })
    };
    let apps = [RelyingParty::start(server, told).await, RelyingParty::start(server, told).await];
    let chromium = Chromium::start(server).await;
    chromium.open(&apps[0].at("/login")).await;
    chromium.sign_in(&user).await;
    chromium.shows("Signed in").await;
    chromium.open(&apps[1].at("/login")).await;
    chromium.shows("Signed in").await;

    // All are told, and the browser still comes back to the one that asked.
    chromium.open(&apps[0].at("/logout")).await;
    chromium.arrives(&apps[0].at("/signed-out")).await;
    for app in &apps {
        let visits = app.visits("/logout-notice");
        let [visit] = &visits[..] else { panic!("one notice: {visits:?}") };
        assert_eq!(visit.get("kept"), Some("1"));
        assert_eq!(visit.get("iss"), Some(&*server.issuer()));
        assert_eq!(visit.get("sid"), app.sign_in().id_token.claims["sid"].as_str());
    }
}
