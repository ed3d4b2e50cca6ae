//! Logout that an application asks for (OpenID Connect RP-Initiated Logout 1.0): all that is asked of a
//! certified server, and every refusal.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::{CONTENT_SECURITY_POLICY, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use tokenbind_tests::{
    Browser, Client, Login, Page, SESSION_COOKIE, Server, flipped, seconds_pass, unverified_claims,
};

const URI: &str = "https://app.example/signed-out";
const ASKED: &str = "Sign out?";
const DONE: &str = "You are signed out";

/// A user signed in to an application that may have browsers sent back after logout.
async fn signed_in(more: &Value) -> Login {
    Login::anew(Server::shared().await, &with_uri(more)).await
}

fn with_uri(more: &Value) -> Value {
    let mut settings = json!({ "post_logout_redirect_uris": [URI] });
    if let (Value::Object(settings), Value::Object(more)) = (&mut settings, more) {
        settings.extend(more.clone());
    }
    settings
}

fn path(parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    format!("/oauth2/logout?{}", query.extend_pairs(parameters).finish())
}

/// Opens the logout endpoint.
async fn log_out(browser: &Browser, parameters: &[(&str, &str)]) -> Page {
    browser.get(&path(parameters)).await
}

fn hint(login: &Login) -> (&'static str, &str) {
    ("id_token_hint", login.tokens.id_token())
}

/// Whether the browser has a session, as the application can tell.
async fn is_signed_in(browser: &Browser, client: &Client) -> bool {
    let callback = browser.authorize_silently(client, &[]).await;
    match callback.get("error") {
        None => !callback.code().is_empty(),
        Some(error) => {
            assert_eq!(error, "login_required");
            false
        }
    }
}

async fn assert_signed_out(login: &Login) {
    assert_eq!(login.browser.session(), None, "the cookie is taken back");
    assert!(!is_signed_in(&login.browser, &login.client).await);
}

#[track_caller]
fn assert_redirected(page: &Page, to: &str) {
    assert_eq!(page.answer.status, 303, "{}", page.html.text);
    assert_eq!(page.answer.header(&LOCATION), Some(to));
}

/// A page that says `text`, and sends the browser nowhere.
#[track_caller]
fn assert_shown(page: &Page, text: &str) {
    assert_eq!(page.answer.status, 200, "{}", page.html.text);
    assert_eq!(page.answer.header(&LOCATION), None);
    assert!(page.html.text.contains(text), "{}", page.html.text);
    assert!(!page.answer.text().contains("http-equiv=\"refresh\""), "{}", page.answer.text());
}

/// Says yes to the page that asks.
async fn confirm(browser: &Browser, page: &Page) -> Page {
    assert_shown(page, ASKED);
    let form = page.html.form_to("/logout/confirm").expect("the form that asks");
    browser.submit(page, form, form.buttons.first()).await
}

/// A request that is refused, and that logs nobody out.
async fn assert_refused(login: &Login, parameters: &[(&str, &str)], named: &str) {
    let page = log_out(&login.browser, parameters).await;
    let text = page.refused(400);
    assert!(text.contains("Nobody was signed out"), "{text}");
    assert!(text.contains(named), "{parameters:?}: {text}");
    assert!(is_signed_in(&login.browser, &login.client).await, "{parameters:?}");
}

#[tokio::test]
async fn rp_initiated_logout_section_3_the_browser_goes_back_with_the_state() {
    let login = signed_in(&json!({})).await;
    let state = "a b&c=d#é%";
    let parameters = [hint(&login), ("post_logout_redirect_uri", URI), ("state", state)];
    let page = log_out(&login.browser, &parameters).await;
    assert_redirected(&page, &format!("{URI}?state=a+b%26c%3Dd%23%C3%A9%25"));
    assert_eq!(page.answer.header(&reqwest::header::CACHE_CONTROL), Some("no-store"));
    assert_signed_out(&login).await;
}

#[tokio::test]
async fn rp_initiated_logout_section_3_without_state_none_is_given() {
    let login = signed_in(&json!({})).await;
    let page = log_out(&login.browser, &[hint(&login), ("post_logout_redirect_uri", URI)]).await;
    assert_redirected(&page, URI);
    assert_signed_out(&login).await;
}

#[tokio::test]
async fn a_registered_uri_keeps_its_query() {
    let uri = "https://app.example/out?tenant=a%20b";
    let login = signed_in(&json!({ "post_logout_redirect_uris": [uri, URI] })).await;
    let parameters = [hint(&login), ("post_logout_redirect_uri", uri), ("state", "s")];
    let page = log_out(&login.browser, &parameters).await;
    assert_redirected(&page, &format!("{uri}&state=s"));
}

#[tokio::test]
async fn without_a_uri_the_browser_stays_on_the_signed_out_page() {
    let login = signed_in(&json!({})).await;
    let page = log_out(&login.browser, &[hint(&login), ("state", "s")]).await;
    assert_shown(&page, DONE);
    assert_signed_out(&login).await;
}

#[tokio::test]
async fn rp_initiated_logout_section_2_without_a_hint_the_user_is_asked() {
    for parameters in
        [&[][..], &[("state", "s")], &[("logout_hint", "alice"), ("ui_locales", "fr")]]
    {
        let login = signed_in(&json!({})).await;
        let page = log_out(&login.browser, parameters).await;
        assert_shown(&page, ASKED);
        assert!(page.html.text.contains(&login.browser.user.username), "{}", page.html.text);
        assert!(is_signed_in(&login.browser, &login.client).await, "{parameters:?}");
        let page = confirm(&login.browser, &page).await;
        assert_shown(&page, DONE);
        assert_signed_out(&login).await;
    }
}

#[tokio::test]
async fn rp_initiated_logout_section_3_without_a_hint_there_is_no_redirection() {
    let login = signed_in(&json!({})).await;
    let uri = ("post_logout_redirect_uri", URI);
    let client = ("client_id", &*login.client.id);
    for parameters in [&[uri, ("state", "s")][..], &[uri, client]] {
        let page = log_out(&login.browser, parameters).await;
        assert_shown(&page, ASKED);
        assert!(is_signed_in(&login.browser, &login.client).await, "{parameters:?}");
    }
    let page = log_out(&login.browser, &[uri, client]).await;
    assert_shown(&confirm(&login.browser, &page).await, DONE);
    assert_signed_out(&login).await;
    assert_shown(&log_out(&login.browser, &[uri]).await, DONE);
}

/// An ID token of the same claims that somebody else signed.
fn forged(id_token: &str, algorithm: Algorithm) -> String {
    let header = jsonwebtoken::decode_header(id_token).expect("a JWT");
    let forged = Header { kid: header.kid, ..Header::new(algorithm) };
    let key = EncodingKey::from_secret(b"no key of the server's");
    jsonwebtoken::encode(&forged, &unverified_claims(id_token), &key).expect("a JWT")
}

fn unsigned(id_token: &str) -> String {
    let claims = id_token.split('.').nth(1).expect("claims");
    let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "typ": "JWT" }).to_string());
    format!("{header}.{claims}.")
}

#[tokio::test]
async fn rp_initiated_logout_section_4_a_hint_that_is_no_id_token_of_ours_is_refused() {
    let login = signed_in(&json!({ "access_token_format": "jwt" })).await;
    let id_token = login.tokens.id_token();
    let claims_at = id_token.find('.').expect("three parts") + 10;
    for bad in [
        "garbage",
        "a.b.c",
        &unsigned(id_token),
        &forged(id_token, Algorithm::HS256),
        &flipped(id_token, id_token.len() - 20),
        &flipped(id_token, claims_at),
        &login.tokens.access_token,
    ] {
        for uri in [None, Some(("post_logout_redirect_uri", URI))] {
            let mut parameters = vec![("id_token_hint", bad), ("state", "s")];
            parameters.extend(uri);
            assert_refused(&login, &parameters, "id_token_hint").await;
        }
    }
}

#[tokio::test]
async fn an_id_token_of_another_server_is_refused() {
    let login = signed_in(&json!({})).await;
    let elsewhere = Login::anew(&Server::quickstart().await, &with_uri(&json!({}))).await;
    let parameters = [hint(&elsewhere), ("post_logout_redirect_uri", URI)];
    assert_refused(&login, &parameters, "id_token_hint").await;
}

#[tokio::test]
async fn rp_initiated_logout_section_3_a_uri_that_is_not_registered_is_refused() {
    let login = signed_in(&json!({})).await;
    let registrar = Server::shared().await.registrar();
    let others = "https://other.example/signed-out";
    registrar.sign_in(&json!({ "post_logout_redirect_uris": [others] })).await;
    for uri in [
        "https://app.example/signed-out?foo=bar",
        "https://app.example/signed-out/",
        "https://app.example/Signed-Out",
        "https://app.example/signed-out#x",
        "https://app.example:443/signed-out",
        "https://app.example/callback",
        "http://app.example/signed-out",
        "//app.example/signed-out",
        "javascript:alert(1)",
        others,
    ] {
        let parameters = [hint(&login), ("post_logout_redirect_uri", uri), ("state", "s")];
        assert_refused(&login, &parameters, "post_logout_redirect_uri").await;
    }
}

#[tokio::test]
async fn rp_initiated_logout_section_2_client_id_must_be_that_of_the_hint() {
    let login = signed_in(&json!({})).await;
    let other = Server::shared().await.registrar().sign_in(&with_uri(&json!({}))).await;
    for client_id in [&*other.id, "nobody"] {
        let parameters =
            [hint(&login), ("client_id", client_id), ("post_logout_redirect_uri", URI)];
        assert_refused(&login, &parameters, "client_id").await;
    }
    let client_id = ("client_id", &*login.client.id);
    let parameters = [hint(&login), client_id, ("post_logout_redirect_uri", URI)];
    assert_redirected(&log_out(&login.browser, &parameters).await, URI);
    assert_signed_out(&login).await;
}

#[tokio::test]
async fn a_repeated_parameter_is_refused() {
    let login = signed_in(&json!({})).await;
    let page = log_out(&login.browser, &[hint(&login), hint(&login)]).await;
    assert!(page.refused(400).contains("id_token_hint"), "{}", page.html.text);
    assert!(is_signed_in(&login.browser, &login.client).await);
}

#[tokio::test]
async fn rp_initiated_logout_section_2_a_hint_of_another_session_has_the_user_asked() {
    let login = signed_in(&json!({})).await;
    let server = Server::shared().await;
    let same_user = Login::to(&login.client, &server.browser(&login.browser.user)).await;
    let other_user = Login::to(&login.client, &server.new_browser().await).await;
    for other in [&same_user, &other_user] {
        let parameters = [hint(other), ("post_logout_redirect_uri", URI), ("state", "s")];
        assert_shown(&log_out(&login.browser, &parameters).await, ASKED);
        assert!(is_signed_in(&login.browser, &login.client).await);
    }
    let parameters = [hint(&other_user), ("post_logout_redirect_uri", URI), ("state", "s")];
    let page = log_out(&login.browser, &parameters).await;
    assert_redirected(&confirm(&login.browser, &page).await, &format!("{URI}?state=s"));
    assert_signed_out(&login).await;
    for other in [&same_user, &other_user] {
        assert!(is_signed_in(&other.browser, &login.client).await, "only this browser's ended");
    }
}

#[tokio::test]
async fn rp_initiated_logout_section_2_an_expired_hint_is_good() {
    let login = signed_in(&json!({ "id_token_lifetime": 1 })).await;
    seconds_pass(2).await;
    let page = log_out(&login.browser, &[hint(&login), ("post_logout_redirect_uri", URI)]).await;
    assert_redirected(&page, URI);
    assert_signed_out(&login).await;
}

#[tokio::test]
async fn a_hint_that_a_retired_key_signed_is_good() {
    let server = Server::quickstart().await;
    let login = Login::anew(&server, &with_uri(&json!({}))).await;
    server.operator().json(&["key", "rotate"]).await;
    let page = log_out(&login.browser, &[hint(&login), ("post_logout_redirect_uri", URI)]).await;
    assert_redirected(&page, URI);
    assert_signed_out(&login).await;
}

#[tokio::test]
async fn without_a_session_there_is_nothing_to_ask() {
    let login = signed_in(&json!({})).await;
    let stranger = Server::shared().await.new_browser().await;
    for parameters in [&[][..], &[("state", "s")], &[hint(&login)]] {
        assert_shown(&log_out(&stranger, parameters).await, DONE);
    }
    let parameters = [hint(&login), ("post_logout_redirect_uri", URI), ("state", "s")];
    let page = log_out(&stranger, &parameters).await;
    assert_redirected(&page, &format!("{URI}?state=s"));
    assert!(is_signed_in(&login.browser, &login.client).await, "a hint is no key to the session");
}

#[tokio::test]
async fn rp_initiated_logout_section_2_a_request_may_be_posted() {
    let login = signed_in(&json!({})).await;
    let parameters = [hint(&login), ("post_logout_redirect_uri", URI), ("state", "s")];
    // As another site posts it: without the session's cookie, which is SameSite=Lax.
    let answer = login.browser.http.form("/oauth2/logout", None, &parameters).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.header(&LOCATION).expect("a location");
    assert_eq!(location, path(&parameters));
    assert_redirected(&login.browser.get(location).await, &format!("{URI}?state=s"));
    assert_signed_out(&login).await;
}

#[tokio::test]
async fn only_the_form_of_our_own_page_confirms() {
    let login = signed_in(&json!({})).await;
    let page = log_out(&login.browser, &[]).await;
    let form = page.html.form_to("/logout/confirm").expect("the form that asks").clone();
    let wrong = "x".repeat(43);
    for form in [form.clone().strip("csrf"), form.fill("csrf", &wrong)] {
        let refused = login.browser.submit(&page, &form, None).await;
        assert_eq!(refused.answer.status, 403, "{}", refused.html.text);
        assert!(is_signed_in(&login.browser, &login.client).await);
    }
}

#[tokio::test]
async fn the_question_can_be_answered_without_script_and_in_no_frame() {
    let login = signed_in(&json!({})).await;
    let page = log_out(&login.browser, &[]).await;
    let policy = page.answer.header(&CONTENT_SECURITY_POLICY).expect("a policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("script-src"), "{policy}");
    let signed_out = confirm(&login.browser, &page).await;
    let cookies: Vec<_> = signed_out.answer.headers.get_all(SET_COOKIE).iter().collect();
    let gone = format!("{SESSION_COOKIE}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(cookies, [&*gone]);
}

#[tokio::test]
async fn a_logout_ends_what_is_bound_to_the_session_and_what_asks_to_end_with_it() {
    let server = Server::shared().await;
    let browser = server.new_browser().await;
    let mut logins = Vec::new();
    for settings in [
        json!({ "token_binding_types": ["sso-session"] }),
        json!({ "revoke_tokens_on_logout": true, "access_token_format": "jwt" }),
        json!({}),
    ] {
        let client = server.registrar().sign_in(&with_uri(&settings)).await;
        logins.push(Login::to(&client, &browser).await);
    }
    let observer = server.registrar().observer().await;
    for login in &logins {
        login.assert_alive(&observer).await;
    }
    assert_shown(&log_out(&browser, &[hint(&logins[2])]).await, DONE);
    logins[0].assert_dead(&observer).await;
    logins[1].assert_dead(&observer).await;
    logins[2].assert_alive(&observer).await;
}

#[tokio::test]
async fn frontchannel_logout_section_3_every_application_of_the_session_is_embedded() {
    let server = Server::shared().await;
    let browser = server.new_browser().await;
    let mut logins = Vec::new();
    for (redirect_uri, uri) in [
        ("https://a.example/cb", Some("https://a.example/out?tenant=x")),
        ("https://b.example:8443/cb", Some("https://b.example:8443/out")),
        ("https://c.example/cb", None),
    ] {
        let settings = json!({ "redirect_uris": [redirect_uri], "frontchannel_logout_uri": uri });
        let client = server.registrar().sign_in(&with_uri(&settings)).await;
        logins.push(Login::to(&client, &browser).await);
    }
    let sid = logins[0].sid().await;
    let parameters = [hint(&logins[2]), ("post_logout_redirect_uri", URI), ("state", "s")];
    let page = log_out(&browser, &parameters).await;

    assert_eq!(page.answer.status, 200, "{}", page.html.text);
    assert!(page.html.text.contains(DONE), "{}", page.html.text);
    let iss = form_urlencoded::byte_serialize(server.issuer().as_bytes()).collect::<String>();
    let mut frames = page.html.frames.clone();
    frames.sort();
    let expected = [
        format!("https://a.example/out?tenant=x&iss={iss}&sid={sid}"),
        format!("https://b.example:8443/out?iss={iss}&sid={sid}"),
    ];
    assert_eq!(frames, expected);
    let policy = page.answer.header(&CONTENT_SECURITY_POLICY).expect("a policy");
    let sources =
        policy.split("; ").find(|each| each.starts_with("frame-src ")).expect("frame-src");
    let mut sources: Vec<_> = sources.split(' ').skip(1).collect();
    sources.sort_unstable();
    assert_eq!(sources, ["https://a.example", "https://b.example:8443"]);

    let destination = format!("{URI}?state=s");
    assert!(page.html.links.contains(&destination), "{:?}", page.html.links);
    let refresh = format!("<meta http-equiv=\"refresh\" content=\"0;url={destination}\">");
    assert!(page.answer.text().contains(&refresh), "{}", page.answer.text());
    assert_signed_out(&logins[2]).await;
}

#[tokio::test]
async fn an_application_of_another_session_is_not_embedded() {
    let server = Server::shared().await;
    let settings = json!({
        "redirect_uris": ["https://a.example/cb"],
        "frontchannel_logout_uri": "https://a.example/out",
    });
    let elsewhere = Login::anew(server, &with_uri(&settings)).await;
    let login = Login::to(
        &server.registrar().sign_in(&with_uri(&json!({}))).await,
        &server.browser(&elsewhere.browser.user),
    )
    .await;
    let page = log_out(&login.browser, &[hint(&login)]).await;
    assert_shown(&page, DONE);
    assert_eq!(page.html.frames, [""; 0]);
}

#[tokio::test]
async fn a_logout_after_the_session_idled_out_ends_what_outlived_it() {
    let server = Server::serve("session.idle = \"1s\"", &[]).await;
    let settings = with_uri(&json!({ "revoke_tokens_on_logout": true }));
    let login = Login::anew(&server, &settings).await;
    let observer = server.registrar().observer().await;
    seconds_pass(4).await;
    assert!(!is_signed_in(&login.browser, &login.client).await);
    login.assert_alive(&observer).await;
    let page = log_out(&login.browser, &[hint(&login), ("post_logout_redirect_uri", URI)]).await;
    assert_redirected(&page, URI);
    login.assert_dead(&observer).await;
}
