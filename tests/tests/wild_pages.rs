//! What nobody thought of, sent to the endpoints that browsers use: the server answers each in kind,
//! leads nobody astray, and lives.

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use reqwest::{Method, header};
use serde_json::json;
use tokenbind_tests::{Answer, Browser, Client, Server, percent_encoded, send};

const CALLBACK: &str = "https://app.example/callback";

/// A request of a browser that nobody thought of.
#[derive(Clone, Debug)]
struct Wild {
    by_post: bool,
    path: &'static str,
    parameters: String,
    /// Whether the browser shows its cookies, or others.
    cookies: Option<String>,
}

fn path() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "/oauth2/authorize",
        "/oauth2/authorize",
        "/sign-in",
        "/consent",
        "/device",
        "/device/qr",
        "/account",
        "/account/sessions/end",
        "/account/sessions/end-others",
        "/account/applications/end",
        "/account/password",
        "/oauth2/logout",
        "/logout/confirm",
        "/oauth2/userinfo",
    ])
}

/// Parameters, some with the right names and some with the right values.
fn parameters(good: Vec<(String, String)>) -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec![
        "response_mode",
        "prompt",
        "max_age",
        "claims",
        "id_token_hint",
        "login_hint",
        "acr_values",
        "display",
        "request",
        "request_uri",
        "resource",
        "code_challenge_method",
        "csrf",
        "decision",
        "cancel",
        "continue",
        "session",
        "application",
        "current",
        "new",
        "repeated",
        "post_logout_redirect_uri",
        "access_token",
    ]);
    let known = prop::sample::select(good);
    let mixed = (known.clone(), any::<String>()).prop_map(|((name, _), value)| (name, value));
    let wild = (names, any::<String>()).prop_map(|(name, value)| (name.to_owned(), value));
    let free = (any::<String>(), any::<String>());
    let pair = prop_oneof![12 => known, 1 => mixed, 2 => wild, 1 => free];
    let pairs = vec(pair, 0..14).prop_map(|pairs| {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    });
    let bytes = vec(any::<u8>(), 0..40).prop_map(|bytes| percent_encoded(&bytes));
    prop_oneof![8 => pairs, 1 => bytes]
}

fn wild(good: Vec<(String, String)>, cookies: String) -> impl Strategy<Value = Wild> {
    let visible = vec(prop_oneof![Just(b'='), Just(b';'), 0x20..=0x7e_u8], 0..60);
    let odd = visible.prop_map(|bytes| bytes.into_iter().map(char::from).collect());
    let cookies = prop_oneof![6 => Just(cookies), 1 => odd];
    (any::<bool>(), path(), parameters(good), prop::option::weighted(0.9, cookies)).prop_map(
        |(by_post, path, parameters, cookies)| Wild { by_post, path, parameters, cookies },
    )
}

async fn sent(browser: &Browser, wild: &Wild) -> Answer {
    let request = if wild.by_post {
        let request = browser.http.request(Method::POST, wild.path);
        let form = "application/x-www-form-urlencoded";
        request.header("content-type", form).body(wild.parameters.clone())
    } else {
        browser.http.request(Method::GET, &format!("{}?{}", wild.path, wild.parameters))
    };
    let cookies = wild.cookies.iter().fold(request, |request, it| request.header("cookie", it));
    send(cookies).await
}

/// No fault of the server's own; a redirect leads to the server or to the application that asked.
fn judge(wild: &Wild, answer: &Answer, base: &str) -> Result<(), TestCaseError> {
    prop_assert!(answer.status < 500, "{wild:?}: {} {}", answer.status, answer.text());
    if let Some(to) = answer.header(&header::LOCATION) {
        let own = to.strip_prefix(base).unwrap_or(to);
        let known = ["/oauth2/authorize", "/oauth2/logout", "/account", CALLBACK];
        prop_assert!(known.iter().any(|start| own.starts_with(start)), "{wild:?} leads to {to}");
    }
    Ok(())
}

/// Right parameters for all of these endpoints, in one heap.
async fn good_parameters(browser: &Browser, client: &Client) -> Vec<(String, String)> {
    let request = client.authorization_request(&[]);
    let page = browser.open("/account").await;
    let csrf = page.html.forms[0].value("csrf").expect("csrf").to_owned();
    let more = [
        ("csrf", &*csrf),
        ("request", &request.encoded()),
        ("username", &browser.user.username),
        ("password", "a guess"),
        ("decision", "allow"),
        ("application", &client.id),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    [request.parameters, more.to_vec()].concat()
}

#[test]
fn whatever_is_sent_the_server_answers_in_kind_and_leads_nowhere_else() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (browser, good) = runtime.block_on(async {
        let server = Server::shared().await;
        let (client, browser) =
            (server.registrar().sign_in(&json!({})).await, server.new_browser().await);
        browser.sign_in().await;
        let good = good_parameters(&browser, &client).await;
        (browser, good)
    });
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&wild(good, browser.shown()), |wild| {
        let answer = runtime.block_on(sent(&browser, &wild));
        judge(&wild, &answer, browser.http.base())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    runtime.block_on(async {
        assert_eq!(browser.http.get("/readyz").await.status, 200);
        let (_, log) = Server::shared().await.output();
        assert!(!log.contains("panicked"), "{log}");
    });
}
