//! Pages of other origins: the token, userinfo and revocation endpoints answer the origins that an
//! application allows, and let its cookies along where its tokens are bound to one (Fetch, section 3.2).

use reqwest::{Method, RequestBuilder, header::HeaderName};
use serde_json::{Value, json};
use tokenbind_tests::{Answer, Browser, Client, Login, Server, send};

const PATHS: [&str; 3] = ["/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke"];

/// A single-page application at its own origin, which nobody else has.
async fn page(host: &str, types: &[&str]) -> Client {
    let settings = json!({
        "allowed_origins": [format!("https://{host}"), format!("https://{host}:8443")],
        "redirect_uris": [format!("https://{host}/callback")],
        "token_binding_types": types,
    });
    Server::shared().await.registrar().single_page(&settings).await
}

fn told<'a>(answer: &'a Answer, name: &'static str) -> Option<&'a str> {
    answer.header(&HeaderName::from_static(name))
}

fn allowed_origin(answer: &Answer) -> Option<&str> {
    told(answer, "access-control-allow-origin")
}

fn lists(answer: &Answer, name: &'static str, word: &str) -> bool {
    let values = answer.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|each| each.trim().eq_ignore_ascii_case(word))
}

async fn preflight(path: &str, origin: &str, method: &str, headers: &str) -> Answer {
    let http = Server::shared().await.http();
    let request = http
        .request(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", headers);
    send(request).await
}

async fn from_origin(request: RequestBuilder, origin: &str) -> Answer {
    send(request.header("origin", origin)).await
}

/// A page at `origin` redeems a code in the user's browser.
async fn redeemed(client: &Client, browser: &Browser, origin: &str) -> Answer {
    let callback = browser.authorize(client, &[]).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", &*client.id),
        ("code", callback.code()),
        ("redirect_uri", client.redirect_uri.as_deref().expect("a redirect URI")),
        ("code_verifier", &callback.request.verifier),
    ];
    from_origin(client.http.form_of(PATHS[0], &fields), origin).await
}

fn userinfo(client: &Client, token: &str) -> RequestBuilder {
    client.http.request(Method::GET, PATHS[1]).bearer_auth(token)
}

fn assert_readable(answer: &Answer, origin: &str, with_credentials: bool) {
    assert_eq!(allowed_origin(answer), Some(origin), "{} {:?}", answer.status, answer.headers);
    let credentials = told(answer, "access-control-allow-credentials");
    assert_eq!(credentials, with_credentials.then_some("true"), "{:?}", answer.headers);
    assert!(
        lists(answer, "vary", "origin"),
        "caches must keep origins apart: {:?}",
        answer.headers
    );
}

fn assert_not_readable(answer: &Answer) {
    assert_eq!(allowed_origin(answer), None, "{} {:?}", answer.status, answer.headers);
    assert_eq!(told(answer, "access-control-allow-credentials"), None);
}

#[tokio::test]
async fn a_preflight_from_an_allowed_origin_is_allowed() {
    let _ = page("plain.example", &[]).await;
    for origin in ["https://plain.example", "https://plain.example:8443"] {
        for path in PATHS {
            let answer = preflight(path, origin, "POST", "authorization,content-type").await;
            assert!([200, 204].contains(&answer.status), "{}", answer.status);
            assert_readable(&answer, origin, false);
            assert!(lists(&answer, "access-control-allow-methods", "POST"), "{:?}", answer.headers);
            for header in ["authorization", "content-type"] {
                assert!(lists(&answer, "access-control-allow-headers", header), "{header}");
            }
        }
        let answer = preflight(PATHS[1], origin, "GET", "authorization").await;
        assert!(lists(&answer, "access-control-allow-methods", "GET"), "{:?}", answer.headers);
    }
}

#[tokio::test]
async fn a_preflight_from_any_other_origin_is_not() {
    let _ = page("exact.example", &["cookie"]).await;
    for origin in [
        "https://nobody.example",
        "http://exact.example",
        "https://exact.example:444",
        "https://sub.exact.example",
        "https://exact.example.evil.example",
        "https://exact.example/",
        "https://EXACT.example",
        "null",
        "",
        "*",
        "https://exact.example, https://exact.example",
    ] {
        for path in PATHS {
            assert_not_readable(&preflight(path, origin, "POST", "authorization").await);
        }
    }
}

#[tokio::test]
async fn a_page_of_the_application_reads_tokens_and_claims() {
    let origin = "https://reads.example";
    let client = page("reads.example", &[]).await;
    let browser = Server::shared().await.new_browser().await;
    let answer = redeemed(&client, &browser, origin).await;
    assert_readable(&answer, origin, false);
    let tokens = answer.tokens();
    let answer = from_origin(userinfo(&client, &tokens.access_token), origin).await;
    assert_readable(&answer, origin, false);
    let _ = answer.expect(200);
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", &*client.id),
        ("refresh_token", tokens.refresh_token()),
    ];
    let answer = from_origin(client.http.form_of(PATHS[0], &fields), origin).await;
    assert_readable(&answer, origin, false);
    let fresh = answer.tokens();
    let fields = [("token", fresh.refresh_token()), ("client_id", &*client.id)];
    let answer = from_origin(client.http.form_of(PATHS[2], &fields), origin).await;
    assert_readable(&answer, origin, false);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_page_of_another_application_reads_nothing() {
    let server = Server::shared().await;
    let (client, other) =
        (page("one.example", &["cookie"]).await, page("two.example", &["cookie"]).await);
    let origin = "https://two.example";
    let browser = server.new_browser().await;
    let answer = redeemed(&client, &browser, origin).await;
    assert_not_readable(&answer);
    let login = Login::to(&client, &browser).await;
    let token = &*login.tokens.access_token;
    let shown = userinfo(&client, token).header("cookie", browser.shown());
    assert_not_readable(&from_origin(shown, origin).await);
    let fields = [("token", token), ("client_id", &*client.id)];
    assert_not_readable(&from_origin(client.http.form_of(PATHS[2], &fields), origin).await);
    let answer = redeemed(&other, &browser, origin).await;
    assert_readable(&answer, origin, true);
}

#[tokio::test]
async fn an_application_that_allows_no_origin_answers_none() {
    let _ = page("somebody.example", &[]).await;
    let client = Server::shared().await.registrar().single_page(&json!({})).await;
    let browser = Server::shared().await.new_browser().await;
    assert_not_readable(&redeemed(&client, &browser, "https://somebody.example").await);
    assert_not_readable(&redeemed(&client, &browser, "https://app.example").await);
}

#[tokio::test]
async fn cookies_come_along_where_the_binding_is_a_cookie_and_nowhere_else() {
    for (host, types, with_credentials) in [
        ("none.example", &[][..], false),
        ("instance.example", &["client-request"], false),
        ("cookie.example", &["cookie"], true),
        ("session.example", &["sso-session"], true),
        ("both.example", &["client-request", "cookie"], true),
    ] {
        let (client, origin) = (page(host, types).await, format!("https://{host}"));
        let browser = Server::shared().await.new_browser().await;
        let answer = redeemed(&client, &browser, &origin).await;
        assert_readable(&answer, &origin, with_credentials);
        for path in PATHS {
            let answer = preflight(path, &origin, "POST", "authorization").await;
            assert_readable(&answer, &origin, with_credentials);
        }
    }
}

#[tokio::test]
async fn a_page_on_a_sibling_host_shows_its_cookie_and_is_refused_without() {
    let origin = "https://sibling.example";
    let client = page("sibling.example", &["cookie"]).await;
    let login = Login::to(&client, &Server::shared().await.new_browser().await).await;
    let token = &*login.tokens.access_token;
    let shown = userinfo(&client, token).header("cookie", login.browser.shown());
    let answer = from_origin(shown, origin).await;
    assert_readable(&answer, origin, true);
    let _ = answer.expect(200);
    let answer = from_origin(userinfo(&client, token), origin).await;
    assert_readable(&answer, origin, true);
    assert!(answer.challenged("invalid_token").contains("atbv"));
    assert!(
        lists(&answer, "access-control-expose-headers", "www-authenticate"),
        "{:?}",
        answer.headers
    );
}

#[tokio::test]
async fn errors_are_readable_too() {
    let origin = "https://errors.example";
    let client = page("errors.example", &[]).await;
    let id = &*client.id;
    let bad: [&[(&str, &str)]; 4] = [
        &[("grant_type", "authorization_code"), ("client_id", id), ("code", "x")],
        &[("grant_type", "refresh_token"), ("client_id", id), ("refresh_token", "x")],
        &[("grant_type", "password"), ("client_id", id), ("username", "a"), ("password", "b")],
        &[("grant_type", "refresh_token"), ("client_id", id)],
    ];
    for fields in bad {
        let answer = from_origin(client.http.form_of(PATHS[0], fields), origin).await;
        assert_eq!(answer.status, 400);
        assert_readable(&answer, origin, false);
        assert!(answer.json()["error"].is_string());
    }
    let login = Login::to(&client, &Server::shared().await.new_browser().await).await;
    assert_eq!(client.revoke(&login.tokens.access_token).await.status, 200);
    let answer = from_origin(userinfo(&client, &login.tokens.access_token), origin).await;
    let _ = answer.challenged("invalid_token");
    assert_readable(&answer, origin, false);
}

#[tokio::test]
async fn settings_that_change_count_at_once() {
    let server = Server::shared().await;
    let client = page("fickle.example", &[]).await;
    let browser = server.new_browser().await;
    let origin = "https://fickle.example";
    assert_readable(&redeemed(&client, &browser, origin).await, origin, false);
    let update: [&str; 5] = ["app", "update", &client.id, "--set", "allowed_origins=[]"];
    let _ = server.operator().json(&update).await;
    assert_not_readable(&redeemed(&client, &browser, origin).await);
    assert_not_readable(&preflight(PATHS[0], origin, "POST", "authorization").await);
}

#[tokio::test]
async fn no_other_endpoint_answers_pages_of_other_origins() {
    let origin = "https://curious.example";
    let client = page("curious.example", &["cookie"]).await;
    for path in ["/oauth2/introspect", "/oauth2/register", "/sign-in", "/consent", "/account"] {
        assert_not_readable(&preflight(path, origin, "POST", "authorization").await);
        let answer = from_origin(client.http.form_of(path, &[("client_id", &*client.id)]), origin);
        assert_not_readable(&answer.await);
    }
    for path in ["/account", &client.authorization_request(&[]).path()] {
        let answer = from_origin(client.http.request(Method::GET, path), origin).await;
        assert_not_readable(&answer);
    }
}

#[tokio::test]
async fn without_an_origin_nothing_is_said() {
    let client = page("silent.example", &["cookie"]).await;
    let login = Login::to(&client, &Server::shared().await.new_browser().await).await;
    let answer = login.used_by(&login.in_browser()).await;
    let _: Value = answer.expect(200);
    assert_not_readable(&answer);
}
