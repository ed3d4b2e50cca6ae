//! What the server tells of itself is what it does; keys rotate while it runs.

use std::collections::{BTreeSet, HashSet};

use reqwest::{Method, Version};
use serde_json::{Value, json};
use tokenbind_tests::{Client, DEVICE_CODE, Http, Server, Signer, User, VerifiedJwt};

const DOCUMENTS: [&str; 2] =
    ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

async fn metadata(http: &Http) -> Value {
    http.get(DOCUMENTS[0]).await.expect(200)
}

fn texts(value: &Value) -> BTreeSet<&str> {
    value.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text")).collect()
}

async fn keys(http: &Http) -> Vec<Value> {
    let set = http.get("/oauth2/jwks").await.expect(200);
    set["keys"].as_array().expect("keys").clone()
}

async fn kids(http: &Http) -> HashSet<String> {
    keys(http).await.iter().map(|key| key["kid"].as_str().expect("kid").to_owned()).collect()
}

#[tokio::test]
async fn both_documents_agree_and_name_the_issuer() {
    let server = Server::shared().await;
    let http = server.http();
    let [oauth, openid] = DOCUMENTS;
    let document = http.get(oauth).await.expect(200);
    assert_eq!(document, http.get(openid).await.expect(200));
    assert_eq!(document["issuer"], server.issuer(), "RFC 8414 section 3.3");
}

#[tokio::test]
async fn every_endpoint_in_them_answers() {
    let server = Server::shared().await;
    let http = server.http();
    let document = metadata(&http).await;
    let mut seen = BTreeSet::new();
    for (name, url) in document.as_object().expect("an object") {
        let is_address = name.ends_with("_endpoint") || name.ends_with("_uri");
        let Some(url) = url.as_str().filter(|_| is_address) else { continue };
        seen.insert(name.as_str());
        let path = url.strip_prefix(&server.issuer()).expect("an address of this server");
        let answer = match name.as_str() {
            "jwks_uri" | "authorization_endpoint" | "end_session_endpoint" => http.get(path).await,
            _ => http.form(path, None, &[]).await,
        };
        match name.as_str() {
            "jwks_uri" => assert!(answer.expect(200)["keys"].is_array()),
            // Pages: one that says what is wrong with the request, one that has nobody to log out.
            "authorization_endpoint" => assert_eq!(answer.status, 400),
            "end_session_endpoint" => assert_eq!(answer.status, 200),
            // RFC 6750 section 3.1: nothing but the challenge where there is no token.
            "userinfo_endpoint" => {
                assert_eq!(answer.status, 401);
                let challenge = answer.header(&reqwest::header::WWW_AUTHENTICATE);
                let metadata = format!(
                    "{}/.well-known/oauth-protected-resource/oauth2/userinfo",
                    server.issuer()
                );
                let realm = format!(r#"realm="tokenbind", resource_metadata="{metadata}""#);
                let both = format!(r#"Bearer {realm}, DPoP {realm}, algs="ES256 PS256 EdDSA""#);
                assert_eq!(challenge, Some(&*both));
            }
            _ => {
                assert!([400, 401].contains(&answer.status), "{name}: {}", answer.status);
                assert!(answer.json()["error"].is_string(), "{name}");
            }
        }
    }
    let all = [
        "authorization_endpoint",
        "device_authorization_endpoint",
        "end_session_endpoint",
        "introspection_endpoint",
        "jwks_uri",
        "pushed_authorization_request_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
    ];
    assert_eq!(seen, all.into());
}

#[tokio::test]
async fn what_the_authorization_endpoint_offers_is_in_them() {
    let server = Server::shared().await;
    let document = metadata(&server.http()).await;
    for (name, values) in [
        // RFC 8414 section 2, OpenID Connect Discovery section 3.
        ("response_types_supported", &["code"][..]),
        (
            "response_modes_supported",
            &[
                "form_post",
                "form_post.jwt",
                "fragment",
                "fragment.jwt",
                "jwt",
                "query",
                "query.jwt",
            ],
        ),
        ("authorization_signing_alg_values_supported", &["ES256", "EdDSA", "PS256", "RS256"]),
        ("request_object_signing_alg_values_supported", &["ES256", "EdDSA", "PS256", "RS256"]),
        ("subject_types_supported", &["pairwise", "public"]),
        ("id_token_signing_alg_values_supported", &["ES256", "EdDSA", "PS256", "RS256"]),
        ("code_challenge_methods_supported", &["S256"]),
        ("acr_values_supported", &["pwd"]),
        ("prompt_values_supported", &["consent", "login", "none", "select_account"]),
        (
            "scopes_supported",
            &["address", "email", "groups", "offline_access", "openid", "phone", "profile"],
        ),
    ] {
        assert_eq!(texts(&document[name]), values.iter().copied().collect(), "{name}");
    }
    for (name, on) in [
        ("claims_parameter_supported", true),
        ("request_parameter_supported", true),
        ("require_pushed_authorization_requests", false),
        ("request_uri_parameter_supported", false),
        ("authorization_response_iss_parameter_supported", true),
        ("backchannel_logout_supported", true),
        ("backchannel_logout_session_supported", true),
        ("frontchannel_logout_supported", true),
        ("frontchannel_logout_session_supported", true),
    ] {
        assert_eq!(document[name], on, "{name}");
    }
    let claims = texts(&document["claims_supported"]);
    for name in ["sub", "auth_time", "acr", "name", "email", "address", "phone_number", "groups"] {
        assert!(claims.contains(name), "{name}");
    }
}

#[tokio::test]
async fn the_grant_types_in_them_are_taken_and_no_others() {
    let server = Server::shared().await;
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    let all = [
        "authorization_code",
        "client_credentials",
        "password",
        "refresh_token",
        exchange,
        DEVICE_CODE,
    ];
    let settings = json!({
        "redirect_uris": ["https://app.example/callback"],
        "grant_types": all,
    });
    let client = server.registrar().application(&settings).await;
    let user = server.operator().user().await;
    let document = metadata(&client.http).await;
    let mut announced = texts(&document["grant_types_supported"]);
    assert_eq!(announced, all.into());
    // The codes take a browser to come by.
    announced.remove("authorization_code");
    announced.remove(DEVICE_CODE);
    let tokens = client.password(&user, &[]).await.tokens();
    for grant_type in announced {
        let fields = [
            ("grant_type", grant_type),
            ("username", &user.username),
            ("password", &user.password),
            ("refresh_token", tokens.refresh_token()),
            ("subject_token", &tokens.access_token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ];
        let _ = client.token(&fields).await.tokens();
    }
    for grant_type in [
        "implicit",
        "device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "PASSWORD",
        "password ",
    ] {
        let answer = client.token(&[("grant_type", grant_type)]).await;
        let _ = answer.refused(400, "unsupported_grant_type");
    }
}

#[tokio::test]
async fn the_ways_to_authenticate_in_them_work_where_they_are_announced() {
    let server = Server::shared().await;
    let registrar = server.registrar();
    let document = metadata(&registrar.http).await;
    for (endpoint, path) in
        [("introspection", "/oauth2/introspect"), ("revocation", "/oauth2/revoke")]
    {
        let announced = &document[format!("{endpoint}_endpoint_auth_methods_supported")];
        for method in ["client_secret_basic", "client_secret_post", "none"] {
            let metadata =
                json!({ "token_endpoint_auth_method": method, "grant_types": ["password"] });
            let client = registrar.application(&metadata).await;
            let answer = client.post(path, &[("token", "x")]).await;
            let works = texts(announced).contains(method);
            assert_eq!(answer.status, if works { 200 } else { 401 }, "{endpoint} {method}");
        }
    }
    let signer = Signer::es256();
    let metadata = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": signer.jwks(),
        "grant_types": ["password"],
    });
    let client = registrar.application(&metadata).await.asserting(&signer, &server.issuer());
    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        assert_eq!(client.post(path, &[("token", "x")]).await.status, 200, "{path}");
    }
    let at_token = texts(&document["token_endpoint_auth_methods_supported"]);
    for method in ["client_secret_basic", "client_secret_post", "none", "private_key_jwt"] {
        assert!(at_token.contains(method), "{method}");
    }
    for endpoint in ["token", "introspection", "revocation"] {
        let name = format!("{endpoint}_endpoint_auth_signing_alg_values_supported");
        assert_eq!(texts(&document[&name]), ["ES256", "EdDSA", "PS256", "RS256"].into(), "{name}");
    }
}

#[tokio::test]
async fn the_key_set_has_public_members_only_and_distinct_kids() {
    let server = Server::shared().await;
    let keys = keys(&server.http()).await;
    let algorithms: BTreeSet<_> = keys.iter().filter_map(|key| key["alg"].as_str()).collect();
    assert_eq!(algorithms, ["ES256", "EdDSA", "PS256", "RS256"].into());
    let mut kids = HashSet::new();
    for key in &keys {
        let members = key.as_object().expect("an object");
        // RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1.
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(!members.contains_key(private), "{private}");
        }
        // RFC 7518 section 3.1, RFC 8037 section 3.1.
        let kty = match key["alg"].as_str() {
            Some("ES256") => "EC",
            Some("EdDSA") => "OKP",
            _ => "RSA",
        };
        assert_eq!((&key["use"], &key["kty"]), (&json!("sig"), &json!(kty)));
        assert!(kids.insert(key["kid"].as_str().expect("kid")), "kids are distinct");
    }
}

#[tokio::test]
async fn each_algorithm_of_the_configuration_signs_jwts_that_others_verify() {
    for algorithm in ["RS256", "PS256", "EdDSA"] {
        let toml = format!("tokens.access_token_signing_alg = \"{algorithm}\"");
        let server = Server::serve(&toml, &[]).await;
        let client = server.registrar().slotted("jwt").await;
        let token = client.own_token(None).await.access_token;
        let jwt = VerifiedJwt::verify(&client.http, &server.issuer(), &token).await;
        assert_eq!(format!("{:?}", jwt.header.alg), algorithm);
        assert!(client.is_active(&token).await);
    }
}

/// Tokens of all kinds, made before the keys change.
struct Before {
    opaque: Client,
    jwt: Client,
    own_opaque: String,
    own_jwt: String,
    refresh_token: String,
    pairwise: Client,
    user: User,
    pairwise_sub: String,
    kids: HashSet<String>,
}

/// The `sub` that the application sees of the user.
async fn sub(client: &Client, user: &User) -> String {
    let token = client.password(user, &[]).await.tokens().access_token;
    client.introspect(&token).await["sub"].as_str().expect("sub").to_owned()
}

impl Before {
    async fn issue(server: &Server) -> Self {
        let registrar = server.registrar();
        let (opaque, jwt) = (registrar.slotted("opaque").await, registrar.slotted("jwt").await);
        let pairwise = json!({ "subject_type": "pairwise" });
        let pairwise = registrar.with_slots("opaque", &pairwise).await;
        let user = server.operator().user().await;
        Self {
            pairwise_sub: sub(&pairwise, &user).await,
            pairwise,
            own_opaque: opaque.own_token(Some("tv")).await.access_token,
            own_jwt: jwt.own_token(Some("tv")).await.access_token,
            refresh_token: opaque.password(&user, &[]).await.tokens().refresh_token().to_owned(),
            kids: kids(&opaque.http).await,
            opaque,
            jwt,
            user,
        }
    }

    /// Everything is as good as before, and what is new is made with new keys.
    async fn assert_good_after_rotation(&self, server: &Server) {
        let http = server.http();
        let (opaque, jwt) = (self.opaque.over(http.clone()), self.jwt.over(http.clone()));
        let now = kids(&http).await;
        assert!(now.is_superset(&self.kids) && now.len() > self.kids.len(), "old and new keys");
        assert!(opaque.is_active(&self.own_opaque).await);
        assert!(opaque.is_active(&self.refresh_token).await);
        assert!(jwt.is_active(&self.own_jwt).await);
        let sub = sub(&self.pairwise.over(http.clone()), &self.user).await;
        assert_eq!(sub, self.pairwise_sub, "no user becomes a stranger");
        assert_ne!(sub, self.user.sub);
        let _ = VerifiedJwt::verify(&http, &server.issuer(), &self.own_jwt).await;

        let same = opaque.own_token(Some("tv")).await.access_token;
        assert_eq!(same, self.own_opaque, "a slot's token stays the same until it expires");
        let other = opaque.own_token(Some("phone")).await.access_token;
        assert!(opaque.is_active(&other).await);
        let refreshed = opaque.refresh(&self.refresh_token, &[]).await.tokens();
        assert!(opaque.is_active(&refreshed.access_token).await);
        let fresh = jwt.own_token(Some("phone")).await.access_token;
        let verified = VerifiedJwt::verify(&http, &server.issuer(), &fresh).await;
        let kid = verified.header.kid.expect("kid");
        assert!(now.contains(&kid) && !self.kids.contains(&kid), "signed with the new key");
    }
}

#[tokio::test]
async fn keys_rotate_while_the_server_runs_and_what_the_old_ones_made_stays_good() {
    let mut server = Server::quickstart().await;
    let before = Before::issue(&server).await;
    let rotated = server.operator().json(&["key", "rotate"]).await;
    assert_eq!(rotated["keys"].as_array(), Some(&keys(&server.http()).await));
    before.assert_good_after_rotation(&server).await;
    server.restart().await;
    before.assert_good_after_rotation(&server).await;
}

#[tokio::test]
async fn keys_rotate_while_the_server_does_not_run() {
    let mut server = Server::quickstart().await;
    let before = Before::issue(&server).await;
    server.stop().await;
    for _ in 0..2 {
        server.operator().json(&["key", "rotate"]).await;
    }
    server.restart().await;
    before.assert_good_after_rotation(&server).await;
}

#[tokio::test]
async fn http_1_and_http_2_both_work() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    for (http, version) in [(server.http(), Version::HTTP_2), (server.http1(), Version::HTTP_11)] {
        let answer = client.over(http).client_credentials(&[]).await;
        assert_eq!(answer.version, version);
        let _ = answer.tokens();
    }
}

#[tokio::test]
async fn liveness_and_readiness_and_metrics_answer() {
    let server = Server::shared().await;
    let http = server.http();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(http.get(path).await.status, 200, "{path}");
        assert_eq!(http.request(Method::HEAD, path).send().await.expect("an answer").status(), 200);
    }
    let _ = server.registrar().slotted("opaque").await.own_token(None).await;
    let text = server.metrics().await;
    assert!(text.contains("tokenbind_requests_total{endpoint=\"token\",outcome=\"ok\"}"), "{text}");
}
