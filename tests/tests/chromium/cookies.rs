//! The cookies, as the browser keeps and sends them.

use serde_json::json;
use tokenbind_tests::{BrowserCookie, Chromium, RelyingParty, SESSION_COOKIE, Server};

fn assert_attributes(cookie: &BrowserCookie, same_site: &str) {
    let BrowserCookie { name, value, domain, path, http_only, secure, session, .. } = cookie;
    assert!(*http_only && *secure && *session, "{cookie:?}");
    // Without a dot in front: no other host gets it.
    assert_eq!((&**domain, &**path), ("localhost", "/"), "{name}");
    assert_eq!(cookie.same_site.as_deref(), Some(same_site), "{name}");
    assert!(value.len() >= 22, "128 bits at least: {name}");
}

#[tokio::test]
async fn cookies_have_the_attributes_of_the_contract() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let settings = json!({ "token_binding_types": ["cookie"] });
    let app = RelyingParty::start(server, |_| settings).await;
    let chromium = Chromium::start(server).await;

    chromium.open(&app.at("/login")).await;
    chromium.shows("Sign in").await;
    let csrf = chromium.cookie("__Host-tb_csrf").await.expect("a cookie against forgery");
    assert_attributes(&csrf, "Lax");
    assert_eq!(chromium.cookie("atbv").await, None, "minted with the answer, not before");

    chromium.sign_in(&user).await;
    chromium.press("Allow").await;
    chromium.shows("Signed in").await;
    let session = chromium.cookie(SESSION_COOKIE).await.expect("a session");
    assert_attributes(&session, "Lax");
    assert!(session.value.starts_with("tb_ss_"), "{session:?}");
    let atbv = chromium.cookie("atbv").await.expect("atbv");
    assert_attributes(&atbv, "None");

    // A script on the same host, which is none of the server's, sees none of them.
    assert_eq!(chromium.evaluate("document.cookie").await, "");
    // The next sign-in leaves a live `atbv` as it is.
    chromium.open(&app.at("/login")).await;
    chromium.shows("Signed in").await;
    assert_eq!(chromium.cookie("atbv").await, Some(atbv));
    assert_eq!(chromium.cookie(SESSION_COOKIE).await, Some(session));
}

#[tokio::test]
async fn an_application_without_the_binding_gives_the_browser_no_atbv() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let app = RelyingParty::start(server, |_| json!({})).await;
    let chromium = Chromium::start(server).await;
    chromium.sign_in_to(&app.at("/login"), &user).await;
    assert_eq!(chromium.cookie("atbv").await, None);
}

#[tokio::test]
async fn a_session_is_a_new_one_after_each_login_so_that_none_can_be_planted() {
    let server = Server::shared().await;
    let [user, other] = [server.operator().user().await, server.operator().user().await];
    let app = RelyingParty::start(server, |_| json!({ "skip_consent": true })).await;
    let chromium = Chromium::start(server).await;
    chromium.open(&app.at("/login")).await;
    chromium.sign_in(&user).await;
    chromium.shows(&user.sub).await;
    let first = chromium.cookie(SESSION_COOKIE).await.expect("a session");
    chromium.open(&app.at("/login?prompt=login")).await;
    chromium.sign_in(&other).await;
    chromium.shows(&other.sub).await;
    let second = chromium.cookie(SESSION_COOKIE).await.expect("a session");
    assert_ne!(first.value, second.value);
}
