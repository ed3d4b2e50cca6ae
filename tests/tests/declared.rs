//! Applications, resources and users that the configuration file declares.

use serde_json::{Value, json};
use tokenbind_tests::{Client, Operator, Server, User, VerifiedJwt};

const SECRET: &str = "0123456789-abcdefghijklmnopqrstuvwxyz";
const OTHER_SECRET: &str = "zyxwvutsrqponmlkjihgfedcba-9876543210";

/// An application `shop` and a user `alice`.
struct Declaration {
    secret: &'static str,
    settings: &'static str,
    password: &'static str,
    name: &'static str,
}

const DECLARATION: Declaration =
    Declaration { secret: SECRET, settings: "", password: "correct horse", name: "Alice" };

impl Declaration {
    fn toml(&self) -> String {
        let Self { secret, settings, password, name } = self;
        format!(
            r#"
[[applications]]
client_id = "shop"
client_secret = "{secret}"
grant_types = ["password", "refresh_token"]
access_token_format = "jwt"
access_token_claims = ["name", "updated_at"]
{settings}

[[users]]
username = "alice"
password = "{password}"
claims = {{ name = "{name}", email_verified = true }}
"#
        )
    }

    async fn serve(&self) -> Server {
        Server::serve(&self.toml(), &[]).await
    }

    fn client(&self, server: &Server) -> Client {
        Client::new(server.http(), "shop", self.secret)
    }

    fn user(&self) -> User {
        let (username, password) = ("alice".to_owned(), self.password.to_owned());
        User { username, password, sub: String::new() }
    }
}

/// Logs in, and returns the access token with its claims.
async fn log_in(server: &Server, declaration: &Declaration) -> (String, Value) {
    let client = declaration.client(server);
    let tokens = client.password(&declaration.user(), &[]).await.tokens();
    let jwt = VerifiedJwt::verify(&client.http, &server.issuer(), &tokens.access_token).await;
    (tokens.access_token, jwt.claims)
}

#[tokio::test]
async fn a_declared_user_logs_in_through_a_declared_application() {
    let server = DECLARATION.serve().await;
    let (_, claims) = log_in(&server, &DECLARATION).await;
    assert_eq!((&claims["client_id"], &claims["name"]), (&json!("shop"), &json!("Alice")));
    let shown = server.operator().json(&["app", "show", "shop"]).await;
    assert_eq!(shown["grant_types"], json!(["password", "refresh_token"]));
    assert!(shown.get("client_secret").is_none(), "{shown}");
    let (_, log) = server.output();
    assert!(log.contains("the declared applications are in place"), "{log}");
    for secret in [SECRET, "correct horse"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn a_start_changes_what_is_declared_otherwise_and_nothing_else() {
    let mut server = DECLARATION.serve().await;
    let (token, claims) = log_in(&server, &DECLARATION).await;

    server.reconfigure(&DECLARATION.toml()).await;
    let (again, same_claims) = log_in(&server, &DECLARATION).await;
    assert!(DECLARATION.client(&server).is_active(&token).await, "the password is the same");
    assert_eq!(claims["sub"], same_claims["sub"]);
    assert_eq!(claims["updated_at"], same_claims["updated_at"], "no claim has changed");
    let (_, log) = server.output();
    assert!(log.contains("unchanged=1"), "{log}");

    let changed = Declaration {
        secret: OTHER_SECRET,
        settings: "user_access_token_lifetime = 60",
        name: "Alice Example",
        ..DECLARATION
    };
    server.reconfigure(&changed.toml()).await;
    let (_, claims) = log_in(&server, &changed).await;
    assert_eq!(claims["name"], "Alice Example");
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 60);
    let old_secret = DECLARATION.client(&server).password(&DECLARATION.user(), &[]).await;
    let _ = old_secret.refused(401, "invalid_client");
    assert!(changed.client(&server).is_active(&again).await, "a new secret ends no token");
}

#[tokio::test]
async fn another_password_ends_the_tokens_and_a_locked_user_stays_locked() {
    let mut server = DECLARATION.serve().await;
    let (token, _) = log_in(&server, &DECLARATION).await;
    let changed = Declaration { password: "incorrect horse", ..DECLARATION };
    server.reconfigure(&changed.toml()).await;
    let client = changed.client(&server);
    assert!(!client.is_active(&token).await);
    let _ = client.password(&DECLARATION.user(), &[]).await.refused(400, "invalid_grant");
    let _ = client.password(&changed.user(), &[]).await.tokens();

    let _ = server.operator().json(&["user", "lock", "alice"]).await;
    server.reconfigure(&changed.toml()).await;
    let refused = changed.client(&server).password(&changed.user(), &[]).await;
    let _ = refused.refused(400, "invalid_grant");
}

#[tokio::test]
async fn what_the_file_leaves_out_stays_as_it_is() {
    let mut server = DECLARATION.serve().await;
    let (token, _) = log_in(&server, &DECLARATION).await;
    server.reconfigure("").await;
    let (_, _) = log_in(&server, &DECLARATION).await;
    assert!(DECLARATION.client(&server).is_active(&token).await);
}

#[tokio::test]
async fn what_is_changed_by_other_means_is_set_right_at_the_next_start() {
    let mut server = DECLARATION.serve().await;
    let operator = server.operator();
    let update = ["app", "update", "shop", "--set", "grant_types=client_credentials"];
    let _ = operator.json(&[&update[..], &["--add-secret"]].concat()).await;
    let _ = operator.json_with(&["user", "set-password", "alice", "--password-stdin"], "x").await;
    server.reconfigure(&DECLARATION.toml()).await;
    let (_, claims) = log_in(&server, &DECLARATION).await;
    assert_eq!(claims["name"], "Alice");
}

#[tokio::test]
async fn a_declaration_takes_over_what_registered_itself() {
    let mut server = Server::serve("", &[]).await;
    let registration = server
        .registrar()
        .register(&json!({ "grant_types": ["client_credentials"], "client_name": "Before" }))
        .await;
    let before = registration.client.clone();
    let token = before.own_token(None).await.access_token;

    let toml = format!(
        "[[applications]]\nclient_id = \"{}\"\nclient_secret = \"{SECRET}\"\nclient_name = \"After\"\n\
         grant_types = [\"client_credentials\"]\n",
        before.id
    );
    server.reconfigure(&toml).await;
    let after = Client::new(server.http(), &before.id, SECRET);
    assert!(after.is_active(&token).await, "its tokens live on");
    let _ = before.over(server.http()).client_credentials(&[]).await.refused(401, "invalid_client");
    let shown = server.operator().json(&["app", "show", &before.id]).await;
    assert_eq!(shown["client_name"], "After");
    // RFC 7592: or else it could undo what is declared.
    let read = registration.read().await;
    let _ = read.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_password_may_be_declared_by_its_hash() {
    let toml = |hash: &str| {
        format!(
            "{}\n[[users]]\nusername = \"bob\"\npassword_hash = \"{hash}\"\n",
            DECLARATION.toml()
        )
    };
    // Of `password`, from the tests of the reference implementation of argon2.
    let hash =
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let mut server = Server::serve(&toml(hash), &[]).await;
    let bob = User { username: "bob".into(), password: "password".into(), sub: String::new() };
    let tokens = DECLARATION.client(&server).password(&bob, &[]).await.tokens();
    server.reconfigure(&toml(hash)).await;
    assert!(DECLARATION.client(&server).is_active(&tokens.access_token).await);
}

#[tokio::test]
async fn a_declaration_that_cannot_be_keeps_the_server_from_starting_and_changes_nothing() {
    let mut server = DECLARATION.serve().await;
    let (token, _) = log_in(&server, &DECLARATION).await;
    let changed = Declaration {
        password: "incorrect horse",
        settings: "redirect_uri = [\"https://shop.example/cb\"]\nallowed_origins = [\"https://shop.example/\"]",
        ..DECLARATION
    };
    let complaint = server.try_reconfigure(&changed.toml()).await.unwrap_err();
    assert!(complaint.starts_with("exit status: 1"), "{complaint}");
    let path = server.config_file();
    let path = path.to_str().expect("a path in UTF-8");
    let text = std::fs::read_to_string(path).expect("the configuration");
    let line_of = |start: &str| text.lines().position(|line| line.starts_with(start)).unwrap() + 1;
    for (line, told) in [
        (
            line_of("redirect_uri ="),
            "1: applications[0].redirect_uri: unknown, did you mean redirect_uris?",
        ),
        (line_of("allowed_origins ="), "19: applications[0].allowed_origins: must hold origins"),
    ] {
        assert!(complaint.contains(&format!("{path}:{line}:{told}")), "{complaint}");
    }
    let ran = Operator::tokenbind(&["config", "check", "--config", path], &[], "").await;
    assert_eq!(ran.code, Some(1));
    assert!(
        complaint.trim_end().ends_with(ran.stderr.trim_end()),
        "the same words: {}",
        ran.stderr
    );

    server.reconfigure(&DECLARATION.toml()).await;
    assert!(DECLARATION.client(&server).is_active(&token).await);
}

#[tokio::test]
async fn a_declared_resource_is_made_true_at_each_start() {
    let toml = |members: &str| {
        format!(
            "{}\n[[resources]]\nidentifier = \"https://api.example\"\n{members}\n",
            DECLARATION.toml()
        )
    };
    let mut server = Server::serve(&toml("scopes = [\"email\"]"), &[]).await;
    let fields = [("resource", "https://api.example")];
    let tokens = DECLARATION.client(&server).password(&DECLARATION.user(), &fields).await.tokens();
    assert_eq!(tokens.scope.as_deref(), Some("email"));
    let operator = server.operator();
    let shown = operator.json(&["resource", "show", "https://api.example/"]).await;
    assert_eq!(shown, json!({ "identifier": "https://api.example", "scopes": ["email"] }));
    let update = ["resource", "update", "https://api.example", "--set", "scopes=null"];
    let _ = operator.json(&update).await;

    server.reconfigure(&toml("scopes = [\"profile\"]\naccess_token_lifetime = 60")).await;
    let tokens = DECLARATION.client(&server).password(&DECLARATION.user(), &fields).await.tokens();
    assert_eq!(tokens.scope.as_deref(), Some("profile"));
    assert!((50..=60).contains(&tokens.expires_in), "{}", tokens.expires_in);
    server.reconfigure(&DECLARATION.toml()).await;
    let listed = server.operator().json(&["resource", "list"]).await;
    assert_eq!(listed[0]["scopes"], json!(["profile"]), "what the file leaves out stays");
}
