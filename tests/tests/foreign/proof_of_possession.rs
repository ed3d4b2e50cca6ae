//! `oauth4webapi` and `openid-client` with what they prove by private keys: DPoP, client certificates, signed
//! assertions, signed requests and signed responses. They check every answer by their own rules.

use serde_json::{Value, json};
use tokenbind_tests::{
    Authority, Browser, Call, Client, Identity, ScriptedApplication, Server, subject,
    unverified_claims,
};

pub(crate) const LIBRARIES: [&str; 2] = ["oauth4webapi", "openid-client"];
pub(crate) const FORMATS: [&str; 2] = ["opaque", "jwt"];
pub(crate) const REDIRECT_URI: &str = "https://app.example/callback";

/// An application before it is registered.
pub(crate) struct Plan<'a> {
    server: &'a Server,
    /// What it registers, besides its redirect URI and its key.
    settings: Value,
    /// What it does: `dpop`, `par`, `jar`, `jarm`.
    behaviour: Value,
    /// The algorithm that it signs by.
    alg: &'static str,
    pub(crate) certificate: Option<Identity>,
}

/// An application, and a user who is about to sign in.
pub(crate) struct Scene<'a> {
    server: &'a Server,
    pub(crate) app: ScriptedApplication,
    pub(crate) client: Client,
    pub(crate) browser: Browser,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(server: &'a Server, settings: Value, behaviour: Value) -> Self {
        Self { server, settings, behaviour, alg: "ES256", certificate: None }
    }

    pub(crate) async fn set(self, library: &'static str) -> Scene<'a> {
        let Self { server, mut settings, behaviour, alg, certificate } = self;
        let mut app = ScriptedApplication::start(server, library);
        let keys = app.does_with("keys", json!({ "alg": alg })).await;
        let method = settings["token_endpoint_auth_method"].clone();
        settings["redirect_uris"] = json!([REDIRECT_URI]);
        settings["skip_consent"] = json!(true);
        if method == "private_key_jwt" || behaviour["jar"] == true {
            settings["jwks"] = keys["jwks"].clone();
        }
        let registration = server.registrar().register(&settings).await;
        let mut begin = behaviour;
        begin["issuer"] = json!(server.issuer());
        begin["client_id"] = json!(registration.client.id);
        begin["authentication"] = method;
        begin["redirect_uri"] = json!(REDIRECT_URI);
        begin["scope"] = json!("openid profile");
        begin["metadata"] = told(&registration.answer);
        if let Some(identity) = &certificate {
            begin["certificate"] = json!(identity.pem());
            begin["key"] = json!(identity.key_pem());
        }
        let _ = app.does_with("begin", begin).await;
        let browser = server.new_browser().await;
        Scene { server, app, client: registration.client, browser }
    }
}

/// What the libraries want to know of the registration, to hold the server to it.
fn told(registration: &Value) -> Value {
    let names = ["id_token_signed_response_alg", "authorization_signed_response_alg"];
    names.into_iter().map(|name| (name.to_owned(), registration[name].clone())).collect()
}

impl Scene<'_> {
    /// Signs in, uses the tokens, refreshes, and uses the new ones; then somebody else has the tokens, without
    /// the key and the certificate. Returns what the application knew after signing in.
    async fn go(&mut self, scheme: &str) -> Value {
        let signed_in = self.app.sign_in(&self.browser, REDIRECT_URI).await;
        let sub = &self.browser.user.sub;
        assert_eq!(signed_in["claims"]["sub"], **sub, "{signed_in}");
        assert_eq!(signed_in["token_type"], scheme, "{signed_in}");
        assert_eq!(self.app.does("userinfo").await["sub"], **sub);
        let refreshed = self.app.does("refresh").await;
        assert_ne!(refreshed["access_token"], signed_in["access_token"]);
        assert_eq!(refreshed["token_type"], scheme);
        assert_eq!(self.app.does("userinfo").await["sub"], **sub, "with the new token");
        signed_in
    }

    /// Another key and another certificate prove nothing.
    async fn is_stolen(&mut self, refusal: &str) {
        let thief = Identity::self_signed("thief");
        let more = json!({ "certificate": thief.pem(), "key": thief.key_pem() });
        let _ = self.app.does_with("steal", more).await;
        let failure = self.app.fails("userinfo").await;
        assert_eq!((&*failure.error, failure.status), ("invalid_token", Some(401)), "{failure:?}");
        let failure = self.app.fails("refresh").await;
        assert_eq!(failure.error, refusal, "{failure:?}");
    }

    fn assert_by_certificate(&self) {
        let calls = self.app.calls();
        assert!(!calls.is_empty());
        let origin = self.server.mtls_origin();
        assert!(calls.iter().all(|call| call.origin == origin), "{calls:?}");
    }
}

fn statuses(calls: &[&Call]) -> Vec<u16> {
    calls.iter().map(|call| call.status).collect()
}

#[tokio::test]
async fn with_dpop_a_public_application_gets_tokens_that_only_its_key_can_use() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        for format in FORMATS {
            let settings = json!({
                "token_endpoint_auth_method": "none",
                "dpop_bound_access_tokens": true,
                "access_token_format": format,
            });
            let mut scene = Plan::new(server, settings, json!({ "dpop": true })).set(library).await;
            let signed_in = scene.go("dpop").await;
            if format == "jwt" {
                let token = signed_in["access_token"].as_str().expect("a token");
                assert!(unverified_claims(token)["cnf"]["jkt"].is_string(), "{signed_in}");
            }
            scene.is_stolen("invalid_grant").await;
        }
    }
}

#[tokio::test]
async fn with_dpop_the_server_s_nonce_is_taken_up() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        let settings = json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "dpop_bound_access_tokens": true,
            "dpop_nonce_required": true,
        });
        let mut scene = Plan::new(server, settings, json!({ "dpop": true })).set(library).await;
        let _ = scene.app.sign_in(&scene.browser, REDIRECT_URI).await;
        let calls = scene.app.calls_at("/oauth2/token");
        assert_eq!(statuses(&calls), [400, 200], "first it is told the nonce: {calls:?}");
        assert!(calls.iter().all(|call| call.proof), "{calls:?}");
        assert!(calls[0].nonce, "{calls:?}");
        // The rest goes by the nonce that it knows.
        for command in ["userinfo", "refresh", "userinfo"] {
            let _ = scene.app.does(command).await;
            assert!(scene.app.calls().iter().all(|call| call.status == 200), "{command}");
        }
    }
}

#[tokio::test]
async fn with_par_the_nonce_is_taken_up_there() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        let settings = json!({
            "fapi_profile": "fapi2-security",
            "token_endpoint_auth_method": "private_key_jwt",
            "token_binding_types": ["dpop"],
            "dpop_nonce_required": true,
        });
        let behaviour = json!({ "dpop": true, "par": true });
        let mut scene = Plan::new(server, settings, behaviour).set(library).await;
        let _ = scene.app.does("authorize").await;
        let calls = scene.app.calls_at("/oauth2/par");
        assert_eq!(statuses(&calls), [400, 201], "first it is told the nonce: {calls:?}");
        let _ = scene.go("dpop").await;
    }
}

#[tokio::test]
async fn with_par_the_proof_binds_the_code_to_the_key() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        let settings = json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "dpop_bound_access_tokens": true,
            "require_pushed_authorization_requests": true,
        });
        let behaviour = json!({ "dpop": true, "par": true });
        let mut scene = Plan::new(server, settings, behaviour).set(library).await;
        let url = scene.app.does("authorize").await;
        let url = url["url"].as_str().expect("a URL");
        assert!(url.contains("request_uri="), "{url}");
        assert!(!url.contains("redirect_uri"), "nothing else travels by the browser: {url}");
        assert!(scene.app.calls_at("/oauth2/par").iter().all(|call| call.proof));
        let _ = scene.go("dpop").await;
    }
}

#[tokio::test]
async fn with_par_and_a_signed_assertion_nothing_else_is_needed() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        for alg in ["ES256", "PS256"] {
            let settings = json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "require_pushed_authorization_requests": true,
            });
            let plan = Plan::new(server, settings, json!({ "par": true }));
            let mut scene = Plan { alg, ..plan }.set(library).await;
            let _ = scene.go("bearer").await;
            let told = scene.app.does("introspect").await;
            assert_eq!(told["active"], true, "{told}");
            let _ = scene.app.does("revoke").await;
            assert_eq!(scene.app.does("introspect").await["active"], false);
        }
    }
}

#[tokio::test]
async fn with_a_certificate_tokens_are_bound_and_the_aliases_are_used() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        for format in FORMATS {
            let identity = Identity::self_signed("app");
            let settings = json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "tls_client_certificate_bound_access_tokens": true,
                "access_token_format": format,
            });
            let plan = Plan::new(server, settings, json!({}));
            let plan = Plan { certificate: Some(identity.clone()), ..plan };
            let mut scene = plan.set(library).await;
            let _ = scene.go("bearer").await;
            scene.assert_by_certificate();
            let told = scene.app.does("introspect").await;
            scene.assert_by_certificate();
            assert_eq!(told["cnf"], json!({ "x5t#S256": identity.thumbprint() }), "{told}");
            scene.is_stolen("invalid_grant").await;
        }
    }
}

#[tokio::test]
async fn with_a_certificate_a_public_application_gets_tokens_that_only_it_can_use() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        let settings = json!({
            "token_endpoint_auth_method": "none",
            "tls_client_certificate_bound_access_tokens": true,
        });
        let plan = Plan::new(server, settings, json!({}));
        let identity = Identity::self_signed("app");
        let mut scene = Plan { certificate: Some(identity), ..plan }.set(library).await;
        let _ = scene.go("bearer").await;
        scene.assert_by_certificate();
        scene.is_stolen("invalid_grant").await;
    }
}

#[tokio::test]
async fn a_certificate_authenticates_by_its_key_alone() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        let identity = Identity::self_signed("app");
        let settings = json!({
            "token_endpoint_auth_method": "self_signed_tls_client_auth",
            "tls_client_certificate_bound_access_tokens": true,
            "jwks": { "keys": [identity.jwk(true)] },
        });
        let plan = Plan::new(server, settings, json!({}));
        let mut scene = Plan { certificate: Some(identity), ..plan }.set(library).await;
        let _ = scene.go("bearer").await;
        scene.assert_by_certificate();
        scene.is_stolen("invalid_client").await;
    }
}

/// A server that trusts the authority of the tests to say who its clients are.
async fn server_with_authority() -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = Authority::shared().write_into(folder.path());
    let toml = format!("mtls.client_trust_anchors = [\"{}\"]", files.ca.display());
    (Server::serve(&toml, &[]).await, folder)
}

#[tokio::test]
async fn fapi_2_0_security_profile_by_certificate_from_end_to_end() {
    let (server, _folder) = server_with_authority().await;
    for library in LIBRARIES {
        let identity = Identity::by(Authority::shared(), &subject("bank"));
        let settings = json!({
            "fapi_profile": "fapi2-security",
            "token_endpoint_auth_method": "tls_client_auth",
            "tls_client_auth_subject_dn": "CN=bank,O=Tests",
            "token_binding_types": ["certificate"],
        });
        let plan = Plan::new(&server, settings, json!({ "par": true }));
        let mut scene = Plan { certificate: Some(identity), ..plan }.set(library).await;
        let _ = scene.go("bearer").await;
        scene.assert_by_certificate();
        scene.is_stolen("invalid_client").await;
    }
}

#[tokio::test]
async fn fapi_2_0_security_profile_by_dpop_from_end_to_end() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        for alg in ["PS256", "ES256", "EdDSA"] {
            let settings = json!({
                "fapi_profile": "fapi2-security",
                "token_endpoint_auth_method": "private_key_jwt",
                "token_binding_types": ["dpop"],
                "id_token_signed_response_alg": alg,
            });
            let behaviour = json!({ "dpop": true, "par": true });
            let plan = Plan { alg, ..Plan::new(server, settings, behaviour) };
            let mut scene = plan.set(library).await;
            let _ = scene.go("dpop").await;
            scene.is_stolen("invalid_grant").await;
        }
    }
}

#[tokio::test]
async fn fapi_2_0_message_signing_from_end_to_end() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        // Nothing is said of algorithms, and all are PS256.
        let settings = json!({
            "fapi_profile": "fapi2-message-signing",
            "token_endpoint_auth_method": "private_key_jwt",
            "token_binding_types": ["dpop"],
        });
        let behaviour = json!({ "dpop": true, "par": true, "jar": true, "jarm": true });
        let plan = Plan { alg: "PS256", ..Plan::new(server, settings, behaviour) };
        let mut scene = plan.set(library).await;
        let _ = scene.go("dpop").await;
        scene.is_stolen("invalid_grant").await;
    }
}

#[tokio::test]
async fn a_signed_request_by_value_and_a_signed_response() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        for alg in ["ES256", "EdDSA"] {
            let settings = json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "request_object_signing_alg": alg,
                "authorization_signed_response_alg": alg,
            });
            let behaviour = json!({ "jar": true, "jarm": true });
            let plan = Plan { alg, ..Plan::new(server, settings, behaviour) };
            let mut scene = plan.set(library).await;
            let url = scene.app.does("authorize").await;
            let url = url["url"].as_str().expect("a URL");
            assert!(url.contains("request=") && !url.contains("redirect_uri"), "{url}");
            let _ = scene.go("bearer").await;
        }
    }
}

#[tokio::test]
async fn an_application_for_itself_proves_its_key_and_its_certificate() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        let identity = Identity::self_signed("app");
        let settings = json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "grant_types": ["client_credentials"],
            "token_binding_types": ["dpop", "certificate"],
        });
        let plan = Plan::new(server, settings, json!({ "dpop": true }));
        let mut scene = Plan { certificate: Some(identity.clone()), ..plan }.set(library).await;
        let tokens = scene.app.does("client_credentials").await;
        assert_eq!(tokens["token_type"], "dpop", "{tokens}");
        let told = scene.app.does("introspect").await;
        assert_eq!(told["cnf"]["x5t#S256"], json!(identity.thumbprint()), "{told}");
        assert!(told["cnf"]["jkt"].is_string(), "{told}");
        assert_eq!(told["client_id"], *scene.client.id);
    }
}
