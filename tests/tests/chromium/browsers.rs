//! Browsers kept apart.

use serde_json::json;
use tokenbind_tests::{Chromium, RelyingParty, SESSION_COOKIE, Server};

#[tokio::test]
async fn two_browsers_of_one_user_share_nothing() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let settings = json!({ "token_binding_types": ["cookie", "sso-session"] });
    let app = RelyingParty::start(server, |_| settings).await;
    let browsers = [Chromium::start(server).await, Chromium::start(server).await];
    browsers[0].sign_in_to(&app.at("/login"), &user).await;
    // The consent is the user's, not the browser's.
    browsers[1].open(&app.at("/login")).await;
    browsers[1].sign_in(&user).await;
    browsers[1].shows("Signed in").await;

    let [first, second] = &app.sign_ins()[..] else { panic!("two sign-ins") };
    assert_ne!(first.id_token.claims["sid"], second.id_token.claims["sid"]);
    for name in [SESSION_COOKIE, "atbv"] {
        let [one, other] = [browsers[0].cookie(name).await, browsers[1].cookie(name).await];
        assert_ne!(one.expect(name).value, other.expect(name).value);
    }
    browsers[0].open(&app.at("/logout?sign_in=0")).await;
    browsers[0].arrives(&app.at("/signed-out")).await;
    let tokens = [&*first.tokens.access_token, &*second.tokens.access_token];
    assert_eq!(app.client.which_active(&tokens).await, [false, true]);
    browsers[1].open(&app.at("/login?prompt=none")).await;
    browsers[1].shows("Signed in").await;
}
