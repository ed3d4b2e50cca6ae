//! An application that asks for tokens, introspects and revokes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{Answer, Http, Tokens, User};

/// An application with what it authenticates by.
#[derive(Clone, Debug)]
pub struct Client {
    /// How it reaches the server.
    pub http: Http,
    /// Its `client_id`.
    pub id: String,
    /// Its secret; none for a public client.
    pub secret: Option<String>,
    /// Whether it shows the secret in the form rather than in a Basic header.
    pub in_form: bool,
}

/// The value of a Basic header (RFC 6749 section 2.3.1).
fn basic(id: &str, secret: &str) -> String {
    let [id, secret] = [id, secret]
        .map(|text| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>());
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

impl Client {
    /// An application of this id that authenticates by a Basic header.
    #[must_use]
    pub fn new(http: Http, id: &str, secret: &str) -> Self {
        Self { http, id: id.to_owned(), secret: Some(secret.to_owned()), in_form: false }
    }

    /// The same application with another secret.
    #[must_use]
    pub fn with_secret(&self, secret: &str) -> Self {
        Self { secret: Some(secret.to_owned()), ..self.clone() }
    }

    /// The same application over another connection.
    #[must_use]
    pub fn over(&self, http: Http) -> Self {
        Self { http, ..self.clone() }
    }

    /// Its `Authorization` header, if it authenticates by one.
    #[must_use]
    pub fn authorization(&self) -> Option<String> {
        self.secret.as_deref().filter(|_| !self.in_form).map(|secret| basic(&self.id, secret))
    }

    /// Posts a form, authenticated.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.try_post(path, fields).await.expect("an answer")
    }

    /// Posts a form, authenticated, to a server that may be killed meanwhile.
    ///
    /// # Errors
    /// If no whole answer comes.
    pub async fn try_post(
        &self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let mut fields = fields.to_vec();
        let authorization = self.authorization();
        if authorization.is_none() {
            fields.push(("client_id", &self.id));
            fields.extend(self.secret.as_deref().map(|secret| ("client_secret", secret)));
        }
        self.http.try_form(path, authorization.as_deref(), &fields).await
    }

    /// Asks for a token.
    pub async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        self.post("/oauth2/token", fields).await
    }

    /// Asks for a token for a user.
    pub async fn password(&self, user: &User, more: &[(&str, &str)]) -> Answer {
        let fields = [
            ("grant_type", "password"),
            ("username", &*user.username),
            ("password", &*user.password),
        ];
        self.token(&[&fields[..], more].concat()).await
    }

    /// Asks for a token for itself.
    pub async fn client_credentials(&self, more: &[(&str, &str)]) -> Answer {
        self.token(&[&[("grant_type", "client_credentials")][..], more].concat()).await
    }

    /// Asks for a token for itself, on the instance `id`.
    pub async fn own_token(&self, id: Option<&str>) -> Tokens {
        let fields: Vec<_> = id.into_iter().map(|id| ("tokenBindingId", id)).collect();
        self.client_credentials(&fields).await.tokens()
    }

    /// Refreshes.
    pub async fn refresh(&self, refresh_token: &str, more: &[(&str, &str)]) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        self.token(&[&fields[..], more].concat()).await
    }

    /// What the server says of a token.
    pub async fn introspect(&self, token: &str) -> Value {
        self.post("/oauth2/introspect", &[("token", token)]).await.expect(200)
    }

    /// Whether a token is alive. If not, nothing else may be told of it (RFC 7662 section 2.2).
    pub async fn is_active(&self, token: &str) -> bool {
        let told = self.introspect(token).await;
        let active = told["active"].as_bool().expect("active is a boolean");
        assert!(active || told == json!({ "active": false }), "{told}");
        active
    }

    /// Which of these tokens are alive, in their order.
    pub async fn which_active(&self, tokens: &[&str]) -> Vec<bool> {
        let mut active = Vec::new();
        for token in tokens {
            active.push(self.is_active(token).await);
        }
        active
    }

    /// Revokes a token.
    pub async fn revoke(&self, token: &str) -> Answer {
        self.post("/oauth2/revoke", &[("token", token)]).await
    }
}
