//! What OpenID Connect certification asks of a server (basic and config profiles), rule by rule. Those
//! of logout are in `logout.rs`.

mod authorization_endpoint;
mod claims_parameter;
mod client_authentication;
mod code;
mod discovery_document;
mod errors;
mod id_token;
mod jwks;
mod prompt_and_max_age;
mod refresh_token;
mod request_object;
mod userinfo;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Map, Value, json};
use tokenbind_tests::{
    Browser, Callback, Client, Page, Server, Tokens, User, VerifiedJwt, percent_encoded,
    seconds_pass, send,
};

/// The scopes of the certification's clients.
const SCOPE: &str = "openid profile email address phone offline_access";

/// All standard claims (OpenID Connect Core section 5.1).
const CLAIMS: [&str; 19] = [
    "name=Ada Lovelace",
    "given_name=Ada",
    "family_name=Lovelace",
    "middle_name=King",
    "nickname=ada",
    "preferred_username=ada.lovelace",
    "profile=https://people.example/ada",
    "picture=https://people.example/ada.png",
    "website=https://ada.example",
    "gender=female",
    "birthdate=1815-12-10",
    "zoneinfo=Europe/London",
    "locale=en-GB",
    "updated_at=1700000000",
    "email=ada@example.com",
    "email_verified=true",
    "phone_number=+44 20 7946 0000",
    "phone_number_verified=false",
    r#"address={"street_address":"12 St James's Square","locality":"London","country":"GB"}"#,
];

const PROFILE: [&str; 14] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];

async fn client_with(more: Value) -> Client {
    let mut metadata = json!({
        "redirect_uris": ["https://rp.example/cb", "https://rp.example/cb2"],
        "scope": SCOPE,
        "require_pkce": false,
    });
    metadata
        .as_object_mut()
        .expect("an object")
        .extend(more.as_object().expect("an object").clone());
    Server::shared().await.registrar().sign_in(&metadata).await
}

/// Client A, which authenticates by a Basic header.
async fn client() -> Client {
    client_with(json!({})).await
}

async fn browser() -> Browser {
    let server = Server::shared().await;
    server.browser(&server.operator().user_with(&CLAIMS).await)
}

async fn login(browser: &Browser, client: &Client, more: &[(&str, &str)]) -> Tokens {
    client.redeem(&browser.authorize(client, more).await).await.tokens()
}

async fn discovery() -> Map<String, Value> {
    let http = Server::shared().await.http();
    let document = http.get("/.well-known/openid-configuration").await.expect(200);
    document.as_object().expect("an object").clone()
}

fn texts(value: &Value) -> BTreeSet<String> {
    let list = value.as_array().unwrap_or_else(|| panic!("a list: {value}"));
    list.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn one_user_at_two_browsers_has_two_logins() {
    let (client, first) = (client().await, browser().await);
    let second = Server::shared().await.browser(&User::clone(&first.user));
    let mut sids = HashSet::new();
    for browser in [&first, &second] {
        let tokens = login(browser, &client, &[]).await;
        let told = client.introspect(&tokens.access_token).await;
        assert!(sids.insert(told["sid"].as_str().expect("sid").to_owned()));
    }
}
