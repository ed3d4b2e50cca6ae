//! Whoever registers applications (RFC 7591) and manages them (RFC 7592).

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Answer, Client, Http, http::send};

/// Holds the initial access token.
#[derive(Clone, Debug)]
pub struct Registrar {
    /// How they reach the server.
    pub http: Http,
    /// The initial access token.
    pub token: String,
}

/// A registered application and what manages it.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The application.
    pub client: Client,
    /// The answer to the registration.
    pub answer: Value,
    /// The path of `registration_client_uri`.
    pub path: String,
    /// The `registration_access_token`.
    pub token: String,
}

impl Registrar {
    /// Asks to register an application.
    pub async fn try_register(&self, metadata: &Value) -> Answer {
        let request = self.http.request(Method::POST, "/oauth2/register");
        send(
            request
                .bearer_auth(&self.token)
                .header("content-type", "application/json")
                .body(metadata.to_string()),
        )
        .await
    }

    /// Registers an application.
    pub async fn register(&self, metadata: &Value) -> Registration {
        let answer = self.try_register(metadata).await;
        assert_eq!(answer.header(&reqwest::header::CACHE_CONTROL), Some("no-store"));
        let answer = answer.expect(201);
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let client = Client {
            http: self.http.clone(),
            id: text("client_id").expect("client_id"),
            secret: text("client_secret"),
            in_form: metadata["token_endpoint_auth_method"] == "client_secret_post",
            redirect_uri: metadata["redirect_uris"][0].as_str().map(str::to_owned),
            cookies: None,
            dpop: None,
            assertions: None,
        };
        let uri = text("registration_client_uri").expect("registration_client_uri");
        let path = format!("/oauth2/register/{}", client.id);
        assert!(uri.ends_with(&path), "{uri}");
        let token = text("registration_access_token").expect("registration_access_token");
        Registration { client, answer, path, token }
    }

    /// Registers an application and leaves it at that.
    pub async fn application(&self, metadata: &Value) -> Client {
        self.register(metadata).await.client
    }

    /// A resource server: it may introspect all tokens.
    pub async fn observer(&self) -> Client {
        let metadata = json!({ "grant_types": ["client_credentials"], "introspection": "any" });
        self.application(&metadata).await
    }

    /// A public client without slots. Its refresh tokens rotate.
    pub async fn public(&self, format: &str) -> Client {
        self.application(&json!({
            "token_endpoint_auth_method": "none",
            "grant_types": ["password", "refresh_token"],
            "access_token_format": format,
        }))
        .await
    }

    /// An application that people sign in to, with these settings besides. It authenticates, and
    /// need not ask for consent.
    pub async fn sign_in(&self, more: &Value) -> Client {
        let metadata = json!({
            "client_name": "An application",
            "redirect_uris": ["https://app.example/callback"],
            "skip_consent": true,
        });
        self.application(&merged(metadata, more)).await
    }

    /// A public client that people sign in to, such as a page with script alone. Its refresh tokens
    /// rotate.
    pub async fn single_page(&self, more: &Value) -> Client {
        self.sign_in(&merged(json!({ "token_endpoint_auth_method": "none" }), more)).await
    }

    /// An application with slots, that may use every grant there is.
    pub async fn slotted(&self, format: &str) -> Client {
        self.with_slots(format, &json!({})).await
    }

    /// An application with slots and these settings besides.
    pub async fn with_slots(&self, format: &str, more: &Value) -> Client {
        let metadata = json!({
            "grant_types": ["password", "client_credentials", "refresh_token"],
            "access_token_format": format,
            "token_binding_types": ["client-request"],
        });
        self.application(&merged(metadata, more)).await
    }
}

/// `metadata`, and `more` in place of what it names.
fn merged(mut metadata: Value, more: &Value) -> Value {
    if let (Value::Object(metadata), Value::Object(more)) = (&mut metadata, more) {
        metadata.extend(more.clone());
    }
    metadata
}

impl Registration {
    fn request(&self, method: Method) -> reqwest::RequestBuilder {
        self.client.http.request(method, &self.path).bearer_auth(&self.token)
    }

    /// Reads the settings.
    pub async fn read(&self) -> Answer {
        send(self.request(Method::GET)).await
    }

    /// Replaces the settings.
    pub async fn update(&self, metadata: &Value) -> Answer {
        let request = self.request(Method::PUT).header("content-type", "application/json");
        send(request.body(metadata.to_string())).await
    }

    /// Removes the application.
    pub async fn delete(&self) -> Answer {
        send(self.request(Method::DELETE)).await
    }
}
