//! A bank's application, by key or by certificate, and what it does at the endpoints.

use serde_json::{Value, json};
use tempfile::TempDir;
use tokenbind_tests::{
    Answer, Authority, AuthorizationRequest, Browser, Callback, Client, Identity, Server, Signer,
    Tokens, subject,
};
use tokio::sync::OnceCell;

/// How an application proves who it is, and what its tokens are bound to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// `private_key_jwt` and DPoP.
    Key,
    /// `tls_client_auth` and the certificate.
    Certificate,
}

pub(crate) const WAYS: [Way; 2] = [Way::Key, Way::Certificate];

/// An application that keeps to the security profile.
#[derive(Clone)]
pub(crate) struct Bank {
    pub(crate) way: Way,
    pub(crate) server: &'static Server,
    /// With everything that it has to show.
    pub(crate) client: Client,
    /// The key of its assertions.
    pub(crate) signer: Signer,
}

/// The server that all these tests share. It knows the authority of the tests.
pub(crate) async fn server() -> &'static Server {
    static SHARED: OnceCell<(Server, TempDir)> = OnceCell::const_new();
    let start = async || {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files = Authority::shared().write_into(folder.path());
        let toml = format!("mtls.client_trust_anchors = [\"{}\"]", files.ca.display());
        (Server::serve(&toml, &[]).await, folder)
    };
    &SHARED.get_or_init(start).await.0
}

impl Bank {
    pub(crate) async fn new(way: Way) -> Self {
        Self::with(way, &json!({})).await
    }

    /// With these settings besides.
    pub(crate) async fn with(way: Way, more: &Value) -> Self {
        let server = server().await;
        let signer = Signer::es256();
        let name = format!("bank {}", signer.kid());
        let identity = Identity::by(Authority::shared(), &subject(&name));
        let mut settings = match way {
            Way::Key => json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "token_binding_types": ["dpop"],
                "jwks": signer.jwks(),
            }),
            Way::Certificate => json!({
                "token_endpoint_auth_method": "tls_client_auth",
                "token_binding_types": ["certificate"],
                "tls_client_auth_subject_dn": format!("CN={name},O=Tests"),
            }),
        };
        settings["fapi_profile"] = json!("fapi2-security");
        for (name, value) in more.as_object().expect("an object") {
            settings[name] = value.clone();
        }
        let client = server.registrar().sign_in(&settings).await;
        let client = match way {
            Way::Key => client.asserting(&signer, &server.issuer()).proving(&Signer::es256()),
            Way::Certificate => client.over(server.http_showing(&identity)),
        };
        Self { way, server, client, signer }
    }

    /// Without what its tokens are bound to. Under `tls_client_auth` it does not authenticate then either.
    pub(crate) fn without_proof(&self) -> Client {
        match self.way {
            Way::Key => self.client.proving_nothing(),
            Way::Certificate => self.client.over(self.server.http_showing_nothing()),
        }
    }

    pub(crate) fn request(&self) -> AuthorizationRequest {
        self.client.authorization_request(&[])
    }

    pub(crate) async fn push(&self, request: &AuthorizationRequest) -> Answer {
        push_as(&self.client, request).await
    }

    /// Pushes a request, and has the browser's user answer it.
    pub(crate) async fn authorize(&self, browser: &Browser) -> Callback {
        let request = self.request();
        let request_uri = request_uri(&self.push(&request).await);
        let page = browser.get(&pushed(&self.client.id, &request_uri)).await;
        browser.go_on(&request, page).await
    }

    pub(crate) fn tokens(&self, answer: &Answer) -> Tokens {
        match self.way {
            Way::Key => answer.dpop_tokens(),
            Way::Certificate => answer.tokens(),
        }
    }

    pub(crate) async fn sign_in(&self) -> Tokens {
        let browser = self.server.new_browser().await;
        let callback = self.authorize(&browser).await;
        self.tokens(&self.client.redeem(&callback).await)
    }
}

/// Pushes a request as this client, which says itself who it is.
pub(crate) async fn push_as(client: &Client, request: &AuthorizationRequest) -> Answer {
    let fields = request.parameters.iter().filter(|(name, _)| name != "client_id");
    let fields: Vec<_> = fields.map(|(name, value)| (&**name, &**value)).collect();
    client.post("/oauth2/par", &fields).await
}

/// The `request_uri` of a request that was taken.
pub(crate) fn request_uri(answer: &Answer) -> String {
    let told = answer.expect(201);
    let lifetime = told["expires_in"].as_u64().expect("expires_in");
    assert!((1..600).contains(&lifetime), "section 5.3.2.2: less than 600 seconds: {told}");
    told["request_uri"].as_str().expect("request_uri").to_owned()
}

/// The authorization request that names a pushed one.
pub(crate) fn pushed(client_id: &str, request_uri: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", client_id)
        .append_pair("request_uri", request_uri)
        .finish();
    format!("/oauth2/authorize?{query}")
}
