//! An application that asks for tokens, introspects and revokes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    Answer, AuthorizationRequest, Callback, Http, Signer, Tokens, User, VerifiedJwt, http::send,
    sha256,
};

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
    /// Where users are sent back to, if anywhere.
    pub redirect_uri: Option<String>,
    /// What its requests show as `Cookie`.
    pub cookies: Option<String>,
    /// The key that its requests prove by DPoP.
    pub dpop: Option<Signer>,
    /// What it authenticates with, if by signed assertions.
    pub assertions: Option<Assertions>,
}

/// How an application authenticates by `private_key_jwt` (RFC 7523).
#[derive(Clone, Debug)]
pub struct Assertions {
    /// Its key.
    pub signer: Signer,
    /// `aud`.
    pub audience: String,
}

/// A request that the server keeps for the browser.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// What was pushed.
    pub request: AuthorizationRequest,
    /// Its name.
    pub request_uri: String,
    /// Seconds.
    pub expires_in: u64,
}

impl Pushed {
    /// Path and query that the browser is sent to.
    #[must_use]
    pub fn path(&self) -> String {
        self.path_of(self.request.get("client_id").expect("client_id"))
    }

    /// The same with another `client_id`.
    #[must_use]
    pub fn path_of(&self, client_id: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("client_id", client_id).append_pair("request_uri", &self.request_uri);
        format!("/oauth2/authorize?{}", query.finish())
    }
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

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
        let (id, secret) = (id.to_owned(), Some(secret.to_owned()));
        Self {
            http,
            id,
            secret,
            in_form: false,
            redirect_uri: None,
            cookies: None,
            dpop: None,
            assertions: None,
        }
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

    /// The same application, run where these cookies are shown with its requests.
    #[must_use]
    pub fn showing(&self, cookies: &str) -> Self {
        Self { cookies: Some(cookies.to_owned()), ..self.clone() }
    }

    /// The same application, its requests with a proof by this key (RFC 9449).
    #[must_use]
    pub fn proving(&self, signer: &Signer) -> Self {
        Self { dpop: Some(signer.clone()), ..self.clone() }
    }

    /// The same application, its requests without proofs.
    #[must_use]
    pub fn proving_nothing(&self) -> Self {
        Self { dpop: None, ..self.clone() }
    }

    /// The same application, which authenticates by assertions of this key for the server.
    #[must_use]
    pub fn asserting(&self, signer: &Signer, audience: &str) -> Self {
        let assertions = Assertions { signer: signer.clone(), audience: audience.to_owned() };
        Self { assertions: Some(assertions), ..self.clone() }
    }

    /// The tokens of an answer, of the type that goes with what it proves.
    #[must_use]
    pub fn tokens_of(&self, answer: &Answer) -> Tokens {
        if self.dpop.is_some() { answer.dpop_tokens() } else { answer.tokens() }
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
        let assertion = self.assertion();
        if let Some(assertion) = &assertion {
            fields.push(("client_assertion_type", ASSERTION_TYPE));
            fields.push(("client_assertion", assertion));
        }
        let mut request = self.http.form_of(path, &fields);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        if let Some(cookies) = &self.cookies {
            request = request.header("cookie", cookies);
        }
        if let Some(signer) = &self.dpop {
            request =
                request.header("dpop", signer.dpop_proof("POST", &self.url(path), &json!({})));
        }
        Answer::read(request.send().await?).await
    }

    fn assertion(&self) -> Option<String> {
        let Assertions { signer, audience } = self.assertions.as_ref()?;
        Some(signer.assertion(&self.id, audience, &json!({})))
    }

    fn url(&self, path: &str) -> String {
        self.http.url(path).to_string()
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

    /// An authorization request with PKCE, `state` and `nonce`, for the scope `openid` unless `more`
    /// says otherwise. What `more` names takes the place of what would be sent.
    #[must_use]
    pub fn authorization_request(&self, more: &[(&str, &str)]) -> AuthorizationRequest {
        let redirect_uri = self.redirect_uri.as_deref().expect("a redirect URI");
        let request = AuthorizationRequest::new(&self.id, redirect_uri);
        more.iter().fold(request, |request, (name, value)| request.with(name, value))
    }

    /// Pushes an authorization request (RFC 9126).
    pub async fn push(&self, request: &AuthorizationRequest) -> Answer {
        let parameters = request.parameters.iter().filter(|(name, _)| name != "client_id");
        let fields: Vec<_> = parameters.map(|(name, value)| (&**name, &**value)).collect();
        self.post("/oauth2/par", &fields).await
    }

    /// The request as the browser brings it once it is pushed. What the callback has to echo stays known.
    pub async fn pushed(&self, request: &AuthorizationRequest) -> Pushed {
        let answer = self.push(request).await;
        assert_eq!(answer.header(&reqwest::header::CACHE_CONTROL), Some("no-store"));
        let pushed = answer.expect(201);
        let request_uri = pushed["request_uri"].as_str().expect("request_uri").to_owned();
        let expires_in = pushed["expires_in"].as_u64().expect("expires_in");
        Pushed { request: request.clone(), request_uri, expires_in }
    }

    /// Redeems the code of an answer.
    pub async fn redeem(&self, callback: &Callback) -> Answer {
        self.redeem_with(callback, &[]).await
    }

    /// Redeems the code of an answer, with more parameters.
    pub async fn redeem_with(&self, callback: &Callback, more: &[(&str, &str)]) -> Answer {
        let request = &callback.request;
        let mut fields = vec![("grant_type", "authorization_code"), ("code", callback.code())];
        fields.extend(request.get("redirect_uri").map(|uri| ("redirect_uri", uri)));
        let proof = request.get("code_challenge").map(|_| ("code_verifier", &*request.verifier));
        fields.extend(proof);
        fields.extend(more);
        self.token(&fields).await
    }

    /// The ID token of these tokens, verified.
    pub async fn id_token(&self, tokens: &Tokens) -> VerifiedJwt {
        VerifiedJwt::verify_id_token(&self.http, &self.id, tokens.id_token()).await
    }

    /// Asks for the claims about the user.
    pub async fn userinfo(&self, access_token: &str) -> Answer {
        let mut request = self.http.request(Method::GET, "/oauth2/userinfo");
        if let Some(cookies) = &self.cookies {
            request = request.header("cookie", cookies);
        }
        let Some(signer) = &self.dpop else {
            return send(request.bearer_auth(access_token)).await;
        };
        // RFC 9449 section 7.1: another scheme, and a proof that names the token.
        let ath = json!({ "ath": sha256(access_token) });
        let proof = signer.dpop_proof("GET", &self.url("/oauth2/userinfo"), &ath);
        let request = request.header("authorization", format!("DPoP {access_token}"));
        send(request.header("dpop", proof)).await
    }

    /// Refreshes.
    pub async fn refresh(&self, refresh_token: &str, more: &[(&str, &str)]) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        self.token(&[&fields[..], more].concat()).await
    }

    /// Exchanges an access token (RFC 8693). What `more` names takes the place of what would be sent.
    pub async fn exchange(&self, subject_token: &str, more: &[(&str, &str)]) -> Answer {
        let usual = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", subject_token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ];
        let named = |name: &str| more.iter().any(|(other, _)| *other == name);
        let usual = usual.into_iter().filter(|(name, _)| !named(name));
        let fields: Vec<_> = usual.chain(more.iter().copied()).collect();
        self.token(&fields).await
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
