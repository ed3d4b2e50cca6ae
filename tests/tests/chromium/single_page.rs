//! A single-page application on another origin of the same site: tokens bound to the browser's cookie,
//! which its scripts show by `credentials: "include"` and cannot read.

use serde_json::{Value, json};
use tokenbind_tests::{Chromium, RelyingParty, Server, User};

/// What userinfo tells of the user.
const NAME: &str = "name=Ada Lovelace";

/// The settings of such an application.
fn settings(origin: &str) -> Value {
    json!({
        "token_endpoint_auth_method": "none",
        "redirect_uris": [format!("{origin}/app")],
        "allowed_origins": [origin],
        "token_binding_types": ["cookie"],
        "scope": "openid profile",
        "skip_consent": true,
    })
}

/// A browser in which the user is signed in to the application.
async fn signed_in(server: &Server, app: &RelyingParty, user: &User) -> Chromium {
    let chromium = Chromium::start(server).await;
    chromium.open(&app.at("/app")).await;
    chromium.press("Sign in").await;
    chromium.sign_in(user).await;
    chromium.arrives(&app.at("/app")).await;
    chromium.shows("Signed in").await;
    chromium
}

async fn access_token(chromium: &Chromium) -> String {
    let token = chromium.evaluate("tokens().access_token").await;
    token.as_str().expect("an access token").to_owned()
}

/// What userinfo says to a script on the page.
async fn who(chromium: &Chromium, credentials: &str, token: &str) -> Value {
    let call = format!("who('{credentials}', '{token}').catch(error => error.message)");
    chromium.evaluate(&call).await
}

#[tokio::test]
async fn it_signs_in_refreshes_and_reads_who_the_user_is() {
    let server = Server::shared().await;
    let user = server.operator().user_with(&[NAME]).await;
    let app = RelyingParty::start(server, settings).await;
    let chromium = signed_in(server, &app, &user).await;
    let first = access_token(&chromium).await;
    chromium.press("Who am I?").await;
    chromium.shows("You are Ada Lovelace").await;
    chromium.press("Refresh").await;
    chromium.shows("Refreshed").await;
    assert_ne!(access_token(&chromium).await, first);
    chromium.press("Who am I?").await;
    chromium.shows("You are Ada Lovelace").await;
    assert_eq!(chromium.complaints(&server.issuer()).await, [""; 0]);
}

#[tokio::test]
async fn its_tokens_are_good_in_the_browser_that_they_were_given_to_and_in_no_other() {
    let server = Server::shared().await;
    let user = server.operator().user_with(&[NAME]).await;
    let app = RelyingParty::start(server, settings).await;
    let browsers = [signed_in(server, &app, &user).await, signed_in(server, &app, &user).await];
    let tokens = [access_token(&browsers[0]).await, access_token(&browsers[1]).await];
    for (index, browser) in browsers.iter().enumerate() {
        let (own, others) = (&tokens[index], &tokens[1 - index]);
        assert_eq!(who(browser, "include", own).await, "Ada Lovelace");
        assert_eq!(who(browser, "include", others).await, "invalid_token", "another cookie");
        assert_eq!(who(browser, "omit", own).await, "invalid_token", "no cookie");
    }
}

#[tokio::test]
async fn a_refresh_token_taken_to_another_browser_is_refused() {
    let server = Server::shared().await;
    let user = server.operator().user_with(&[NAME]).await;
    let app = RelyingParty::start(server, settings).await;
    let [own, thief] = [signed_in(server, &app, &user).await, signed_in(server, &app, &user).await];
    let stolen = own.evaluate("tokens().refresh_token").await;
    thief.evaluate(&format!("tokens().refresh_token = {stolen}")).await;
    thief.press("Refresh").await;
    thief.shows("Refused: invalid_grant").await;
    own.press("Refresh").await;
    own.shows("Refreshed").await;
}

#[tokio::test]
async fn a_script_of_an_origin_that_is_not_allowed_reads_nothing() {
    let server = Server::shared().await;
    let user = server.operator().user_with(&[NAME]).await;
    let app = RelyingParty::start(server, settings).await;
    let chromium = signed_in(server, &app, &user).await;
    let token = access_token(&chromium).await;
    let stranger = RelyingParty::start(server, |_| json!({})).await;
    chromium.open(&stranger.at("/app")).await;
    chromium.shows("Signed out").await;
    let answer = who(&chromium, "include", &token).await;
    assert_eq!(answer, "Failed to fetch", "the browser withholds the answer");
}
