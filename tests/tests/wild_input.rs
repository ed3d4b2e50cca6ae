//! Requests that nobody thought of: the server answers each in kind, and lives.

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use reqwest::Method;
use serde_json::Value;
use tokenbind_tests::{Answer, Server, percent_encoded, send};

const FORM: &str = "application/x-www-form-urlencoded";

/// A request that nobody thought of.
#[derive(Clone, Debug)]
struct Wild {
    method: Method,
    path: String,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
    http1: bool,
}

fn path() -> impl Strategy<Value = String> {
    let endpoint = prop::sample::select(vec![
        "/oauth2/token",
        "/oauth2/device_authorization",
        "/oauth2/introspect",
        "/oauth2/revoke",
        "/oauth2/userinfo",
        "/oauth2/register",
        "/oauth2/register/quickstart-jwt",
        "/oauth2/register/",
        "/oauth2/jwks",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ]);
    let percent = vec(any::<u8>(), 0..12).prop_map(|bytes| percent_encoded(&bytes));
    (endpoint, prop_oneof![8 => Just(String::new()), 1 => percent.clone(), 1 => percent.prop_map(|p| format!("?{p}"))])
        .prop_map(|(endpoint, more)| format!("{endpoint}{more}"))
}

/// Header values: those of a good request, and bytes (without those that HTTP itself forbids).
fn header_value(good: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let bytes = vec(prop_oneof![Just(b'\t'), 0x20..=0x7e_u8, 0x80..=0xff_u8], 0..80);
    prop_oneof![3 => prop::sample::select(good).prop_map(String::into_bytes), 1 => bytes]
}

fn form(good: Vec<(&'static str, String)>) -> impl Strategy<Value = Vec<u8>> {
    let wild = ("[a-z_]{0,12}", any::<String>());
    let known = prop::sample::select(good).prop_map(|(name, value)| (name.to_owned(), value));
    let mixed = (known.clone(), any::<String>()).prop_map(|((name, _), value)| (name, value));
    vec(prop_oneof![4 => known, 1 => mixed, 1 => wild], 0..8).prop_map(|fields| {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
    })
}

fn json_body() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["password", "client-request", "none", "jwt", "dpop"])
            .prop_map(Value::from),
    ];
    let value = prop_oneof![leaf.clone(), vec(leaf, 0..4).prop_map(Value::from)];
    let name = prop::sample::select(vec![
        "client_id",
        "client_name",
        "grant_types",
        "scope",
        "token_binding_types",
        "redirect_uris",
        "token_endpoint_auth_method",
        "refresh_token_lifetime",
        "jwks",
        "access_token_claims",
        "dpop_bound_access_tokens",
        "allowed_origins",
        "validate_token_bindings",
    ]);
    vec((name, value), 0..5).prop_map(|members| {
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
        Value::Object(members.collect()).to_string().into_bytes()
    })
}

fn wild(
    authorizations: Vec<String>,
    fields: Vec<(&'static str, String)>,
) -> impl Strategy<Value = Wild> {
    let method = prop_oneof![
        8 => Just(Method::POST), 1 => Just(Method::GET), 1 => Just(Method::PUT), 1 => Just(Method::DELETE),
    ];
    let types = vec![FORM.to_owned(), "application/json".to_owned(), "text/html".to_owned()];
    let headers = (
        prop::option::weighted(0.9, header_value(types)),
        prop::option::weighted(0.8, header_value(authorizations)),
        prop::option::weighted(0.1, header_value(vec!["gzip".to_owned()])),
    );
    let body = prop_oneof![4 => form(fields), 2 => json_body(), 1 => vec(any::<u8>(), 0..300)];
    (method, path(), headers, body, any::<bool>()).prop_map(
        |(method, path, (content_type, authorization, encoding), body, http1)| {
            let headers = [
                ("content-type", content_type),
                ("authorization", authorization),
                ("content-encoding", encoding),
            ];
            let headers =
                headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            Wild { method, path, headers, body, http1 }
        },
    )
}

/// Whatever is sent: an answer, never of the server's own fault, and where it is a refusal, in JSON.
fn judge(wild: &Wild, answer: &Answer) -> Result<(), TestCaseError> {
    prop_assert!(answer.status < 500, "{wild:?}: {} {}", answer.status, answer.text());
    // RFC 6750 section 3.1: without a token there is a challenge, and nothing to tell.
    let asks_for_token = wild.path.starts_with("/oauth2/userinfo") && answer.status == 401;
    if asks_for_token && answer.body.is_empty() {
        prop_assert!(answer.header(&reqwest::header::WWW_AUTHENTICATE).is_some());
    } else if answer.status >= 400 {
        let told: Value = serde_json::from_slice(&answer.body).map_err(|_| {
            TestCaseError::fail(format!("{wild:?}: {} {}", answer.status, answer.text()))
        })?;
        prop_assert!(told["error"].is_string() && told["error_description"].is_string(), "{told}");
    }
    Ok(())
}

#[test]
fn whatever_is_sent_the_server_answers_in_kind_and_lives() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (server, client, http1, fields, authorizations) = runtime.block_on(async {
        let server = Server::shared().await;
        let client = server.registrar().slotted("jwt").await;
        let user = server.operator().user().await;
        let tokens = client.password(&user, &[]).await.tokens();
        let fields = vec![
            ("grant_type", "client_credentials".to_owned()),
            ("grant_type", "refresh_token".to_owned()),
            ("grant_type", "password".to_owned()),
            ("username", user.username),
            ("refresh_token", tokens.refresh_token().to_owned()),
            ("token", tokens.access_token),
            ("scope", "email".to_owned()),
            ("resource", server.issuer()),
            ("resource", server.operator().resource(&["scopes=email"]).await),
            ("tokenBindingId", "tv".to_owned()),
            ("client_id", client.id.clone()),
        ];
        let authorizations = vec![
            client.authorization().expect("a secret"),
            format!("Bearer {}", server.registrar().token),
            "Basic ".to_owned(),
            "Bearer ".to_owned(),
        ];
        (server, client, server.http1(), fields, authorizations)
    });
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&wild(authorizations, fields), |wild| {
        let http = if wild.http1 { &http1 } else { &client.http };
        let answer = runtime.block_on(async {
            let mut request = http.request(wild.method.clone(), &wild.path);
            for (name, value) in &wild.headers {
                request = request.header(*name, &value[..]);
            }
            send(request.body(wild.body.clone())).await
        });
        judge(&wild, &answer)
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    runtime.block_on(async {
        assert_eq!(client.http.get("/readyz").await.status, 200);
        let _ = client.own_token(None).await;
        let (_, log) = server.output();
        assert!(!log.contains("panicked"), "{log}");
    });
}
