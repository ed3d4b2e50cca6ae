//! Bad authorization requests: a page where nobody can be told for sure, and otherwise an answer for the
//! application (RFC 6749 section 4.1.2.1).

use reqwest::Method;
use serde_json::json;
use tokenbind_tests::{AuthorizationRequest, Browser, Client, Page, ResponseMode, Server, send};

const CALLBACK: &str = "https://app.example/callback";

async fn application() -> Client {
    Server::shared().await.registrar().sign_in(&json!({})).await
}

/// A browser that shows nothing, and one in which its user is signed in.
async fn browsers() -> [Browser; 2] {
    let server = Server::shared().await;
    let signed_in = server.new_browser().await;
    signed_in.sign_in().await;
    [server.browser(&signed_in.user), signed_in]
}

/// What somebody would add who wants the server to redirect all the same.
const EVIL: [&[(&str, &str)]; 5] = [
    &[],
    &[("response_mode", "form_post")],
    &[("prompt", "none")],
    &[("response_type", "token"), ("response_mode", "fragment")],
    &[("request", "x"), ("claims", "{"), ("scope", "\"")],
];

/// Tries a request by GET and by POST, alone and with evil parameters: always a page.
async fn assert_no_redirect(browsers: &[Browser; 2], request: &AuthorizationRequest, says: &str) {
    let [signed_out, signed_in] = browsers;
    for browser in browsers {
        assert_page(&posted(browser, request).await, says);
    }
    assert_page(&signed_out.get(&request.path()).await, says);
    for more in EVIL {
        let request = more.iter().fold(request.clone(), |r, (name, value)| r.with(name, value));
        assert_page(&signed_in.get(&request.path()).await, says);
    }
}

fn assert_page(page: &Page, says: &str) {
    let text = page.refused(400).to_lowercase();
    assert!(text.contains(says), "{}: {text}", page.url);
    assert!(!page.answer.text().contains("evil.example/steal"), "{}", page.answer.text());
}

/// Posts a request and follows redirects within the server.
async fn posted(browser: &Browser, request: &AuthorizationRequest) -> Page {
    let fields: Vec<_> =
        request.parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
    let page = browser.post("/oauth2/authorize", &fields).await;
    browser.follow(page).await
}

#[tokio::test]
async fn rfc6749_section_4_1_2_1_a_bad_client_id_is_a_page_and_no_redirect() {
    let client = application().await;
    let good = client.authorization_request(&[]);
    let twice = good.clone().also("client_id", &client.id);
    let browsers = browsers().await;
    for request in [
        good.clone().without("client_id"),
        good.clone().with("client_id", ""),
        good.clone().with("client_id", "nobody"),
        good.clone().with("client_id", &client.id.to_uppercase()),
        good.clone().with("client_id", &format!("{} ", client.id)),
        good.clone().with("client_id", "\0"),
        good.with("client_id", &"x".repeat(5_000)),
        twice,
    ] {
        assert_no_redirect(&browsers, &request, "client_id").await;
    }
}

#[tokio::test]
async fn rfc6749_section_4_1_2_1_a_redirect_uri_that_is_not_exactly_registered_is_a_page() {
    let client = application().await;
    let good = client.authorization_request(&[]);
    let browsers = browsers().await;
    for uri in [
        "https://evil.example/steal",
        "https://app.example/callback/",
        "https://app.example/callback/../steal",
        "https://app.example/Callback",
        "https://APP.example/callback",
        "https://app.example/call%62ack",
        "https://app.example:443/callback",
        "https://app.example:8443/callback",
        "https://app.example/callback?x=1",
        "https://app.example/callback?",
        "https://app.example/callback#",
        "https://app.example/callback#x",
        "https://app.example/callback%0d%0aSet-Cookie:a=b",
        "https://app.example/callback\r\nSet-Cookie: a=b",
        "https://app.example/callback ",
        " https://app.example/callback",
        "http://app.example/callback",
        "https://app.example@evil.example/callback",
        "https://evil.example/https://app.example/callback",
        "https://app.example.evil.example/callback",
        "//app.example/callback",
        "/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "\0",
        "é",
    ] {
        assert_no_redirect(&browsers, &good.clone().with("redirect_uri", uri), "redirect_uri")
            .await;
    }
    let twice = good.clone().also("redirect_uri", CALLBACK);
    assert_no_redirect(&browsers, &twice, "redirect_uri").await;
    let evil = good.clone().also("redirect_uri", "https://evil.example/steal");
    assert_no_redirect(&browsers, &evil, "redirect_uri").await;
    let evil_first =
        good.without("redirect_uri").also("redirect_uri", "https://evil.example/steal");
    assert_no_redirect(&browsers, &evil_first.also("redirect_uri", CALLBACK), "redirect_uri").await;
}

#[tokio::test]
async fn openid_core_section_3_1_2_1_without_a_redirect_uri_not_even_the_only_one_is_guessed() {
    let good = application().await.authorization_request(&[]);
    let [_, browser] = browsers().await;
    for request in [good.clone().without("redirect_uri"), good.with("redirect_uri", "")] {
        assert_page(&browser.get(&request.path()).await, "redirect_uri");
    }
}

#[tokio::test]
async fn another_applications_redirect_uri_is_a_page() {
    let registrar = Server::shared().await.registrar();
    let other = json!({ "redirect_uris": ["https://other.example/callback"] });
    let other = registrar.sign_in(&other).await;
    let uri = other.redirect_uri.as_deref().expect("a redirect URI");
    let request = application().await.authorization_request(&[("redirect_uri", uri)]);
    assert_no_redirect(&browsers().await, &request, "redirect_uri").await;
}

#[tokio::test]
async fn rfc6749_section_3_1_2_3_without_a_redirect_uri_one_of_several_is_not_guessed() {
    let uris = json!({ "redirect_uris": [CALLBACK, "https://app.example/other"] });
    let client = Server::shared().await.registrar().sign_in(&uris).await;
    let request = client.authorization_request(&[]).without("redirect_uri");
    assert_no_redirect(&browsers().await, &request, "redirect_uri").await;
}

#[tokio::test]
async fn an_application_without_redirect_uris_has_nowhere_to_be_sent_back_to() {
    let registrar = Server::shared().await.registrar();
    let client = registrar.application(&json!({ "grant_types": ["client_credentials"] })).await;
    let request = AuthorizationRequest::new(&client.id, CALLBACK);
    assert_no_redirect(&browsers().await, &request, "redirect_uri").await;
    assert_no_redirect(&browsers().await, &request.without("redirect_uri"), "redirect_uri").await;
}

#[tokio::test]
async fn everything_else_is_told_to_the_application_with_state_and_iss() {
    let client = application().await;
    let good = client.authorization_request(&[]);
    let with = |name: &str, value: &str| good.clone().with(name, value);
    let cases = [
        (good.clone().without("response_type"), "invalid_request", "response_type"),
        (with("response_type", ""), "invalid_request", "response_type"),
        (with("response_type", "token"), "unsupported_response_type", "response_type"),
        (with("response_type", "code id_token"), "unsupported_response_type", "response_type"),
        (with("response_type", "id_token"), "unsupported_response_type", "response_type"),
        (with("response_type", "none"), "unsupported_response_type", "response_type"),
        (with("response_type", "CODE"), "unsupported_response_type", "response_type"),
        (good.clone().also("response_type", "code"), "invalid_request", "response_type"),
        (with("scope", "openid admin"), "invalid_scope", "admin"),
        (with("scope", "openid \"x\""), "invalid_scope", "scope"),
        (good.clone().also("scope", "email"), "invalid_request", "scope"),
        (good.clone().also("nonce", "n"), "invalid_request", "nonce"),
        (good.clone().also("x", "1").also("x", "2"), "invalid_request", "x"),
        (good.clone().without_pkce(), "invalid_request", "code_challenge"),
        (good.clone().without("code_challenge"), "invalid_request", "code_challenge"),
        (with("code_challenge_method", "plain"), "invalid_request", "S256"),
        (good.clone().without("code_challenge_method"), "invalid_request", "S256"),
        (with("code_challenge_method", "s256"), "invalid_request", "S256"),
        (with("code_challenge", "short"), "invalid_request", "code_challenge"),
        (with("code_challenge", &"x".repeat(44)), "invalid_request", "code_challenge"),
        (with("code_challenge", &"=".repeat(43)), "invalid_request", "code_challenge"),
        (with("prompt", "none login"), "invalid_request", "prompt"),
        (with("prompt", "magic"), "invalid_request", "prompt"),
        (with("max_age", "soon"), "invalid_request", "max_age"),
        (with("max_age", "-1"), "invalid_request", "max_age"),
        (with("claims", "{"), "invalid_request", "claims"),
        (with("claims", "[]"), "invalid_request", "claims"),
        (with("id_token_hint", "x.y.z"), "invalid_request", "id_token_hint"),
        (with("request", "x"), "invalid_request_object", "request object"),
        (with("request_uri", "urn:x"), "request_uri_not_supported", "request_uri"),
        (with("request", "x").also("request_uri", "urn:x"), "invalid_request", "together"),
        (with("registration", "{}"), "registration_not_supported", "registration"),
    ];
    for browser in browsers().await {
        for (request, error, says) in &cases {
            let callback = browser.ask(request).await;
            let description = callback.refused(error);
            assert!(description.contains(says), "{description} does not name {says}");
            assert_eq!(callback.mode, ResponseMode::Query);
        }
    }
}

#[tokio::test]
async fn a_repeated_state_is_refused_and_none_is_told() {
    let client = application().await;
    for browser in browsers().await {
        let request = client.authorization_request(&[]);
        let page = browser.get(&request.clone().also("state", "other").path()).await;
        let callback = page.callback(&request, browser.http.base()).expect("an answer");
        assert_eq!(callback.get("error"), Some("invalid_request"));
        assert_eq!(callback.get("state"), None, "nobody can tell which one is meant");
    }
}

#[tokio::test]
async fn without_state_none_is_told() {
    let client = application().await;
    let [_, browser] = browsers().await;
    let request = client.authorization_request(&[]).without("state");
    let _ = browser.ask(&request).await.code();
    let _ = browser.ask(&request.with("prompt", "magic")).await.refused("invalid_request");
}

#[tokio::test]
async fn state_and_nonce_come_back_exactly_however_odd() {
    let client = application().await;
    let [_, browser] = browsers().await;
    let long = "n".repeat(1_000);
    for odd in [" ", "&code=evil", "#", "%00", "\0", "é€😀", "\"<'>", "a\r\nb", &*long] {
        let request = client.authorization_request(&[("state", odd), ("nonce", odd)]);
        let callback = browser.ask(&request).await;
        let tokens = client.redeem(&callback).await.tokens();
        assert_eq!(client.id_token(&tokens).await.claims["nonce"], odd);
    }
}

#[tokio::test]
async fn an_application_that_may_not_use_the_grant_is_told_so() {
    let metadata = json!({ "grant_types": ["password", "refresh_token"] });
    let client = Server::shared().await.registrar().sign_in(&metadata).await;
    let [_, browser] = browsers().await;
    let _ = browser.ask(&client.authorization_request(&[])).await.refused("unauthorized_client");
}

#[tokio::test]
async fn errors_travel_by_the_response_mode_that_was_asked_for() {
    let client = application().await;
    for (name, mode) in [
        ("query", ResponseMode::Query),
        ("fragment", ResponseMode::Fragment),
        ("form_post", ResponseMode::FormPost),
    ] {
        let more = [("response_mode", name)];
        let [signed_out, signed_in] = browsers().await;
        let refused = signed_out.authorize_silently(&client, &more).await;
        let _ = refused.refused("login_required");
        let request = client.authorization_request(&more).with("scope", "openid admin");
        let wrong = signed_out.ask(&request).await;
        let _ = wrong.refused("invalid_scope");
        let good = signed_in.authorize_silently(&client, &more).await;
        let _ = client.redeem(&good).await.tokens();
        assert_eq!([refused.mode, wrong.mode, good.mode], [mode; 3]);
    }
}

#[tokio::test]
async fn a_response_mode_that_nobody_knows_is_refused_by_the_default_one() {
    let client = application().await;
    let [browser, _] = browsers().await;
    for mode in ["JWT", "jwt.query", "web_message", "FORM_POST", "\0"] {
        let request = client.authorization_request(&[("response_mode", mode)]);
        let callback = browser.ask(&request).await;
        assert!(callback.refused("invalid_request").contains("response_mode"));
        assert_eq!(callback.mode, ResponseMode::Query);
    }
}

#[tokio::test]
async fn form_post_escapes_what_it_posts() {
    let client = application().await;
    let [_, browser] = browsers().await;
    let state = "\"><script>alert(1)</script><input name='x' value='";
    let request = client.authorization_request(&[("response_mode", "form_post"), ("state", state)]);
    let page = browser.get(&request.path()).await;
    assert!(!page.answer.text().contains("<script>alert"), "{}", page.answer.text());
    let callback = page.callback(&request, browser.http.base()).expect("an answer");
    let _ = client.redeem(&callback).await.tokens();
}

#[tokio::test]
async fn rfc8252_section_7_3_any_port_of_a_loopback_address_will_do_but_the_path_is_exact() {
    let uris = ["http://127.0.0.1/callback", "http://[::1]/callback?x=1", "https://127.0.0.1/tls"];
    let metadata = json!({ "redirect_uris": uris });
    let client = Server::shared().await.registrar().single_page(&metadata).await;
    let [_, browser] = browsers().await;
    for uri in [
        "http://127.0.0.1/callback",
        "http://127.0.0.1:1/callback",
        "http://127.0.0.1:65535/callback",
        "http://[::1]:50123/callback?x=1",
    ] {
        let request = client.authorization_request(&[("redirect_uri", uri)]);
        let callback = browser.ask(&request).await;
        let _ = client.redeem(&callback).await.tokens();
    }
    for uri in [
        "http://127.0.0.1:50123/callback/",
        "http://127.0.0.1:50123/other",
        "http://127.0.0.1:50123/callback?x=1",
        "http://[::1]:50123/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:x/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:80:80/callback",
        "http://127.0.0.2:50123/callback",
        "http://localhost:50123/callback",
        "http://0.0.0.0:50123/callback",
        "http://user@127.0.0.1:50123/callback",
        "http://127.0.0.1:50123@evil.example/callback",
        "http://127.0.0.1.evil.example/callback",
        "https://127.0.0.1:50123/callback",
        "https://127.0.0.1:50123/tls",
    ] {
        let request = client.authorization_request(&[("redirect_uri", uri)]);
        let page = browser.get(&request.path()).await;
        assert!(page.refused(400).contains("redirect_uri"), "{uri}");
    }
}

#[tokio::test]
async fn a_private_scheme_will_do_and_is_exact() {
    let metadata = json!({ "redirect_uris": ["com.example.app:/callback"] });
    let client = Server::shared().await.registrar().single_page(&metadata).await;
    let [_, browser] = browsers().await;
    let _ = client.redeem(&browser.authorize(&client, &[]).await).await.tokens();
    let uri = [("redirect_uri", "com.example.app://callback")];
    let page = browser.get(&client.authorization_request(&uri).path()).await;
    let _ = page.refused(400);
}

#[tokio::test]
async fn rfc6749_section_4_1_3_the_token_request_names_the_redirect_uri_of_the_authorization() {
    let uris = json!({ "redirect_uris": [CALLBACK, "https://app.example/other"] });
    let client = Server::shared().await.registrar().sign_in(&uris).await;
    let [_, browser] = browsers().await;
    let callback = browser.authorize(&client, &[]).await;
    let mut other = callback.clone();
    other.request = other.request.with("redirect_uri", "https://app.example/other");
    let description = client.redeem(&other).await.refused(400, "invalid_grant");
    assert!(description.contains("redirect_uri"), "{description}");
    other.request = other.request.without("redirect_uri");
    let _ = client.redeem(&other).await.refused(400, "invalid_grant");
    let _ = client.redeem(&callback).await.tokens();
}

#[tokio::test]
async fn huge_requests_are_refused_in_kind() {
    let client = application().await;
    let [browser, _] = browsers().await;
    for length in [8_000, 20_000, 60_000, 200_000] {
        let request = client.authorization_request(&[("state", &"s".repeat(length))]);
        for (method, path, body) in [
            (Method::GET, request.path(), String::new()),
            (Method::POST, "/oauth2/authorize".to_owned(), request.encoded()),
        ] {
            let sent = browser.http.request(method, &path);
            let sent = sent.header("content-type", "application/x-www-form-urlencoded").body(body);
            // The HTTP library may close a connection on which headers are far too large.
            let Ok(answer) = sent.send().await else { continue };
            assert!(answer.status().as_u16() < 500, "{length}: {}", answer.status());
        }
    }
    assert_eq!(browser.http.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn other_methods_are_not_taken() {
    let client = application().await;
    let path = client.authorization_request(&[]).path();
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = send(client.http.request(method, &path)).await;
        assert_eq!(answer.status, 405);
    }
}
