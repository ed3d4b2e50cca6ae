//! Tokens that are bound to a key, and the proofs by it (RFC 9449): what the real server accepts and what it
//! refuses, of clients that sign by another implementation than its own.

mod bound_tokens;
mod codes;
mod nonces;
mod pages;
mod proofs;
mod proxies;
mod pushed;
mod replays;
mod storms;

use reqwest::Method;
use serde_json::{Value, json};
use tokenbind_tests::{Answer, Client, DpopProof, Login, Server, Signer, User, send};

const FORMATS: [&str; 2] = ["opaque", "jwt"];
const TOKEN: &str = "/oauth2/token";
const USERINFO: &str = "/oauth2/userinfo";

/// An application bound to a key of its own, with these settings besides, that can have tokens
/// without a browser.
async fn application(more: &Value) -> (Client, Signer) {
    application_on(Server::shared().await, more).await
}

async fn application_on(server: &Server, more: &Value) -> (Client, Signer) {
    let mut metadata = json!({
        "token_binding_types": ["dpop"],
        "grant_types": ["client_credentials", "password", "refresh_token"],
    });
    let members = metadata.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    let client = server.registrar().application(&metadata).await;
    let key = Signer::es256();
    (client.proving(&key), key)
}

/// A user's login with an application of that kind, in this format.
async fn login(format: &str, more: &Value) -> (Login, Signer) {
    let server = Server::shared().await;
    let mut metadata = json!({ "token_binding_types": ["dpop"], "access_token_format": format });
    let members = metadata.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    let key = Signer::es256();
    let client = server.registrar().sign_in(&metadata).await.proving(&key);
    (Login::to(&client, &server.new_browser().await).await, key)
}

async fn user() -> User {
    Server::shared().await.operator().user().await
}

/// A proof for the token endpoint, to be broken.
fn for_token(client: &Client, key: &Signer) -> DpopProof {
    DpopProof::new(key, "POST", client.http.url(TOKEN).as_str())
}

/// A proof for userinfo and this access token, to be broken.
fn for_userinfo(client: &Client, key: &Signer, access_token: &str) -> DpopProof {
    DpopProof::new(key, "GET", client.http.url(USERINFO).as_str()).with_token(access_token)
}

/// A request for a token, with these `DPoP` headers.
async fn token_with(client: &Client, proofs: &[&str]) -> Answer {
    let fields = [("grant_type", "client_credentials")];
    let authorization = client.authorization().expect("a confidential client");
    let request = client.http.form_of(TOKEN, &fields).header("authorization", authorization);
    send(proofs.iter().fold(request, |request, proof| request.header("dpop", *proof))).await
}

/// A request to userinfo with this `Authorization` and these `DPoP` headers.
async fn userinfo_with(client: &Client, authorization: &str, proofs: &[&str]) -> Answer {
    let request = client.http.request(Method::GET, USERINFO).header("authorization", authorization);
    send(proofs.iter().fold(request, |request, proof| request.header("dpop", *proof))).await
}
