//! What the page on token binding promises: its examples work as written, and its four rows hold.

use std::process::Stdio;

use serde_json::Value;
use tokenbind_tests::{Client, Server, Tokens, User, binding_ref};
use tokio::process::Command;

/// Runs a script as somebody would paste it, and reads the one JSON text that it prints.
async fn paste(server: &Server, script: &str) -> Value {
    let output = Command::new("bash")
        .args(["-e", "-o", "pipefail", "-c", script])
        .env("CURL_CA_BUNDLE", server.ca())
        .stdin(Stdio::null())
        .output()
        .await
        .expect("bash runs");
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{shown}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{script}\nprinted {}\n{shown}", String::from_utf8_lossy(&output.stdout))
    })
}

fn assert_format(format: &str, token: &str) {
    match format {
        "jwt" => assert_eq!(token.split('.').count(), 3, "{token}"),
        _ => assert!(token.starts_with("tb_at_"), "{token}"),
    }
}

/// Introspection as the page has it: alive, and of the instance that the request named.
fn assert_introspection(told: &Value, client_id: &str) {
    assert_eq!(told["active"], true, "{told}");
    assert_eq!(told["client_id"], client_id);
    assert_eq!(told["binding_type"], "client-request");
    assert_eq!(told["binding_ref"], binding_ref(client_id, "uniqueId"));
}

#[tokio::test]
async fn the_lines_that_quickstart_prints_work_as_pasted() {
    let server = Server::shared().await;
    let (printed, _) = server.output();
    let (greeting, lines) = printed.split_once("\n\n").expect("lines to paste");
    assert!(greeting.contains(&server.issuer()), "{greeting}");
    let (export, examples) = lines.split_once("\n\n").expect("an export, then examples");
    let examples: Vec<_> = examples.trim().split("\n\n").collect();
    assert_eq!(examples.len(), 4, "{printed}");
    for (pair, application) in examples.chunks(2).zip(server.facts().applications) {
        let tokens = paste(server, &format!("{export}\n{}", pair[0])).await;
        let token = tokens["access_token"].as_str().expect("an access token");
        assert_format(&application.access_token_format, token);
        let introspect = pair[1].replace("<your_access_token>", token);
        let told = paste(server, &format!("{export}\n{introspect}")).await;
        assert_introspection(&told, &application.client_id);
        assert_eq!(told["username"], server.facts().user.username);
    }
}

/// The page's two examples, with a backslash at the end of those lines where a shell needs one.
const TOKEN_EXAMPLE: &str = r#"curl -X POST \
    -u "<client_id>:<client_secret>" \
    -H "Content-Type: application/x-www-form-urlencoded" \
    -d "grant_type=password
    &username=<user_name>
    &password=<user_password>
    &tokenBindingId=uniqueId" \
    https://localhost:9443/oauth2/token"#;

const INTROSPECTION_EXAMPLE: &str = r#"curl -X POST \
    -u "client_id:client_secret" \
    -H "Content-Type: application/x-www-form-urlencoded" \
    -d "token=<your_access_token>" \
    https://localhost:9443/oauth2/introspect"#;

#[tokio::test]
async fn the_examples_of_the_page_work_as_written() {
    let server = Server::shared().await;
    let host = format!("localhost:{}", server.port());
    for format in ["opaque", "jwt"] {
        let (client, user) = server.quickstart_client(format);
        let secret = client.secret.as_deref().expect("a secret");
        let example = TOKEN_EXAMPLE
            .replace("<client_id>", &client.id)
            .replace("<client_secret>", secret)
            .replace("<user_name>", &user.username)
            .replace("<user_password>", &user.password)
            .replace("localhost:9443", &host);
        for layout in [example.clone(), example.replace("\n    ", "\n")] {
            let tokens = paste(server, &layout).await;
            let token = tokens["access_token"].as_str().expect("an access token");
            assert_format(format, token);
            assert_eq!(tokens["token_type"], "Bearer");
            let introspection = INTROSPECTION_EXAMPLE
                .replace("client_id:client_secret", &format!("{}:{secret}", client.id))
                .replace("<your_access_token>", token)
                .replace("localhost:9443", &host);
            assert_introspection(&paste(server, &introspection).await, &client.id);
        }
    }
}

/// A way to ask for a token on an instance: the four rows must hold for each.
#[derive(Clone, Copy)]
enum Grant<'a> {
    Password(&'a User),
    ClientCredentials,
}

impl Grant<'_> {
    async fn ask(self, client: &Client, id: Option<&str>) -> Tokens {
        let more: Vec<_> = id.into_iter().map(|id| ("tokenBindingId", id)).collect();
        match self {
            Self::Password(user) => client.password(user, &more).await.tokens(),
            Self::ClientCredentials => client.client_credentials(&more).await.tokens(),
        }
    }
}

/// Instances whose tokens must never touch one another; `None` is the one without a name.
const INSTANCES: [Option<&str>; 3] = [None, Some("tv"), Some("phone")];

async fn jwt_rows_hold(client: &Client, grant: Grant<'_>) {
    let mut live = Vec::new();
    for id in INSTANCES {
        live.push(grant.ask(client, id).await.access_token);
    }
    for (place, id) in INSTANCES.into_iter().enumerate() {
        let fresh = grant.ask(client, id).await.access_token;
        assert_ne!(fresh, live[place], "{id:?}: a new token for every request");
        let previous = std::mem::replace(&mut live[place], fresh);
        assert!(!client.is_active(&previous).await, "{id:?}: the previous token is revoked");
        for token in &live {
            assert!(client.is_active(token).await, "{id:?}: no other token is touched");
        }
    }
}

async fn opaque_rows_hold(client: &Client, grant: Grant<'_>) {
    let mut live = Vec::new();
    for id in INSTANCES {
        let token = grant.ask(client, id).await.access_token;
        assert!(!live.contains(&token), "{id:?}: a token of its own");
        live.push(token);
    }
    for (id, token) in INSTANCES.into_iter().zip(&live) {
        assert_eq!(grant.ask(client, id).await.access_token, *token, "{id:?}: the same again");
        assert!(client.is_active(token).await);
    }
}

#[tokio::test]
async fn the_four_rows_hold_for_the_password_grant() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let jwt = server.registrar().slotted("jwt").await;
    jwt_rows_hold(&jwt, Grant::Password(&user)).await;
    let opaque = server.registrar().slotted("opaque").await;
    opaque_rows_hold(&opaque, Grant::Password(&user)).await;
}

#[tokio::test]
async fn the_four_rows_hold_for_client_credentials() {
    let server = Server::shared().await;
    let jwt = server.registrar().slotted("jwt").await;
    jwt_rows_hold(&jwt, Grant::ClientCredentials).await;
    let opaque = server.registrar().slotted("opaque").await;
    opaque_rows_hold(&opaque, Grant::ClientCredentials).await;
}

#[tokio::test]
async fn a_refresh_supersedes_its_own_instances_token_and_no_other() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    for format in ["jwt", "opaque"] {
        let client = server.registrar().slotted(format).await;
        let mut live = Vec::new();
        for id in INSTANCES {
            live.push(Grant::Password(&user).ask(&client, id).await);
        }
        for place in 0..live.len() {
            let fresh = client.refresh(live[place].refresh_token(), &[]).await.tokens();
            assert_format(format, &fresh.access_token);
            assert_ne!(fresh.access_token, live[place].access_token);
            let previous = std::mem::replace(&mut live[place], fresh);
            assert!(!client.is_active(&previous.access_token).await, "{format} {place}");
            for tokens in &live {
                assert!(client.is_active(&tokens.access_token).await, "{format} {place}");
            }
        }
        if format == "opaque" {
            let again = Grant::Password(&user).ask(&client, INSTANCES[1]).await;
            assert_eq!(again.access_token, live[1].access_token, "the refreshed one is the slot's");
        }
    }
}
