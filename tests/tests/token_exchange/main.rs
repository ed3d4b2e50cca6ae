//! Tokens exchanged for others (RFC 8693): what comes of it, who may, and that nothing is worth more afterwards.

mod delegation;
mod ends;
mod id_tokens;
mod impersonation;
mod laundering;
mod policy;
mod refusals;
mod slots;

use serde_json::{Value, json};
use tokenbind_tests::{Answer, Client, Login, Server, Tokens};

const FORMATS: [&str; 2] = ["opaque", "jwt"];

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// `metadata`, and `more` in place of what it names.
fn merged(mut metadata: Value, more: &Value) -> Value {
    let members = metadata.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    metadata
}

/// An application that people sign in to and that may exchange its tokens.
async fn front(server: &Server, more: &Value) -> Client {
    let metadata = json!({
        "grant_types": ["authorization_code", "refresh_token", "client_credentials", EXCHANGE],
        // Cookies and sessions do not go along with an exchange.
        "unbound_grants": ["client_credentials", EXCHANGE],
    });
    server.registrar().sign_in(&merged(metadata, more)).await
}

/// A login of a new user to a new application of that kind.
async fn login(server: &Server, more: &Value) -> Login {
    Login::to(&front(server, more).await, &server.new_browser().await).await
}

/// A service that may exchange the tokens of these applications.
async fn service(server: &Server, of: &[&Client], more: &Value) -> Client {
    let listed: Vec<_> = of.iter().map(|client| &client.id).collect();
    let metadata = json!({
        "grant_types": ["client_credentials", EXCHANGE],
        "token_exchange_subject_clients": listed,
    });
    server.registrar().application(&merged(metadata, more)).await
}

/// The tokens of an exchange, of which no refresh token and no ID token comes.
fn exchanged(answer: &Answer) -> Tokens {
    let token_type = answer.json()["token_type"] == "DPoP";
    let tokens = if token_type { answer.dpop_tokens() } else { answer.tokens() };
    assert_eq!((&tokens.refresh_token, &tokens.id_token), (&None, &None), "{tokens:?}");
    assert!(tokens.issued_token_type.is_some(), "{tokens:?}");
    tokens
}
