//! The twelve checks of RFC 9449 section 4.3, at the token endpoint and at userinfo: what must be accepted and what
//! must be refused.

use tokenbind_tests::sha256;

use super::*;

/// An endpoint to be tried: an application that has what it takes to be let in, but for the proof.
struct Scene {
    client: Client,
    key: Signer,
    /// An access token, where the endpoint is userinfo.
    token: Option<String>,
}

impl Scene {
    async fn token() -> Self {
        let (client, key) = application(&json!({})).await;
        Self { client, key, token: None }
    }

    async fn userinfo(format: &str) -> Self {
        let (login, key) = login(format, &json!({})).await;
        Self { client: login.client.clone(), key, token: Some(login.tokens.access_token) }
    }

    async fn all() -> [Self; 3] {
        [Self::token().await, Self::userinfo("opaque").await, Self::userinfo("jwt").await]
    }

    /// A good proof.
    fn proof(&self) -> DpopProof {
        self.proof_by(&self.key)
    }

    fn proof_by(&self, key: &Signer) -> DpopProof {
        match &self.token {
            None => for_token(&self.client, key),
            Some(token) => for_userinfo(&self.client, key, token),
        }
    }

    async fn send(&self, proofs: &[&str]) -> Answer {
        match &self.token {
            None => token_with(&self.client, proofs).await,
            Some(token) => userinfo_with(&self.client, &format!("DPoP {token}"), proofs).await,
        }
    }

    async fn accepts(&self, proof: &DpopProof) {
        let answer = self.send(&[&proof.sign()]).await;
        assert_eq!(answer.status, 200, "{proof:?}: {}", answer.text());
    }

    /// Refused as a proof, and for what the description says.
    async fn refuses(&self, proofs: &[&str], words: &str) {
        let answer = self.send(proofs).await;
        let description = match &self.token {
            None => answer.refused(400, "invalid_dpop_proof"),
            Some(_) => answer.challenged_by("DPoP", "invalid_dpop_proof"),
        };
        assert!(description.contains(words), "{description}");
    }
}

#[tokio::test]
async fn proofs_by_every_algorithm_that_is_announced_are_accepted() {
    let document = Server::shared().await.http();
    let document = document.get("/.well-known/openid-configuration").await.expect(200);
    let announced = &document["dpop_signing_alg_values_supported"];
    assert_eq!(*announced, json!(["ES256", "PS256", "EdDSA"]));
    for key in [Signer::es256(), Signer::ps256(), Signer::eddsa()] {
        let (client, _) = application(&json!({})).await;
        let client = client.proving(&key);
        let user = user().await;
        let tokens = client.password(&user, &[("scope", "openid")]).await.dpop_tokens();
        assert_eq!(client.userinfo(&tokens.access_token).await.status, 200);
        let told = client.introspect(&tokens.access_token).await;
        assert_eq!(told["cnf"], json!({ "jkt": key.thumbprint() }));
    }
}

#[tokio::test]
async fn clocks_may_differ_by_ten_seconds() {
    for scene in Scene::all().await {
        for offset in [-10, 9] {
            scene.accepts(&scene.proof().made(offset)).await;
        }
    }
}

#[tokio::test]
async fn nbf_and_exp_and_members_that_nobody_knows_are_tolerated() {
    for scene in Scene::all().await {
        let iat = scene.proof().made_at();
        scene.accepts(&scene.proof().claim("nbf", iat).claim("exp", iat + 60)).await;
        scene.accepts(&scene.proof().claim("iss", "x").claim("x", json!([1]))).await;
        scene.accepts(&scene.proof().header("kid", "x").header("x", json!({}))).await;
        scene.accepts(&scene.proof().claim("nonce", "x")).await;
    }
}

#[tokio::test]
async fn rfc9449_section_4_3_check_9_htu_is_compared_as_a_url() {
    for scene in Scene::all().await {
        let htu = scene.proof().url().to_owned();
        for same in [
            format!("{htu}?a=b#c"),
            htu.replacen("https://localhost", "HTTPS://LOCALHOST", 1),
            htu.replacen("/oauth2/", "/x/../%6Fauth2/", 1),
        ] {
            scene.accepts(&scene.proof().claim("htu", same)).await;
        }
    }
}

#[tokio::test]
async fn the_header_has_no_case() {
    let scene = Scene::token().await;
    for name in ["DPoP", "dpop", "DPOP"] {
        let http = Server::shared().await.http1();
        let fields = [("grant_type", "client_credentials")];
        let authorization = scene.client.authorization().expect("a secret");
        let request = http.form_of(TOKEN, &fields).header("authorization", authorization);
        let name = reqwest::header::HeaderName::from_bytes(name.as_bytes()).expect("a name");
        let answer = send(request.header(name, scene.proof().sign())).await;
        let _ = answer.dpop_tokens();
    }
}

#[tokio::test]
async fn rfc9449_section_4_3_without_a_proof_nothing_is_given() {
    for scene in Scene::all().await {
        scene.refuses(&[], "none").await;
    }
}

#[tokio::test]
async fn rfc9449_section_4_3_check_1_two_headers_are_refused() {
    for scene in Scene::all().await {
        let (one, two) = (scene.proof().sign(), scene.proof().sign());
        scene.refuses(&[&one, &two], "one DPoP header").await;
        scene.refuses(&[&one, &one], "one DPoP header").await;
    }
}

#[tokio::test]
async fn rfc9449_section_4_3_check_2_what_is_no_jwt_is_refused() {
    for scene in Scene::all().await {
        let good = scene.proof().sign();
        for text in ["", "x", "a.b.c", &good[1..], &format!("{good}.x"), &format!("{good}, {good}")]
        {
            scene.refuses(&[text], "JWT").await;
        }
    }
}

#[tokio::test]
async fn rfc9449_section_4_3_check_3_a_missing_claim_is_refused() {
    for scene in Scene::all().await {
        for name in ["jti", "htm", "htu", "iat"] {
            scene.refuses(&[&scene.proof().without(name).sign()], name).await;
            scene.refuses(&[&scene.proof().claim(name, json!({})).sign()], name).await;
        }
        for jti in ["", &"j".repeat(256)] {
            scene.refuses(&[&scene.proof().claim("jti", jti).sign()], "jti").await;
        }
    }
}

#[tokio::test]
async fn rfc9449_section_4_3_check_4_another_typ_is_refused() {
    for scene in Scene::all().await {
        scene.refuses(&[&scene.proof().without("typ").sign()], "typ").await;
        for typ in ["JWT", "at+jwt", ""] {
            scene.refuses(&[&scene.proof().header("typ", typ).sign()], "typ").await;
        }
    }
}

#[tokio::test]
async fn rfc9449_section_4_3_check_5_none_rs256_and_no_alg_are_refused() {
    let rs256 = Signer::rs256();
    for scene in Scene::all().await {
        scene.refuses(&[&scene.proof().without("alg").sign()], "alg").await;
        scene.refuses(&[&scene.proof().header("alg", "none").unsigned()], "alg").await;
        scene.refuses(&[&scene.proof().header("alg", "HS256").sign()], "alg").await;
        scene.refuses(&[&scene.proof_by(&rs256).sign()], "alg").await;
    }
}

#[tokio::test]
async fn rfc9449_section_4_3_check_6_a_signature_that_is_not_the_keys_is_refused() {
    let other = Signer::es256();
    for scene in Scene::all().await {
        scene.refuses(&[&scene.proof().signed_by(&other)], "signature").await;
        scene.refuses(&[&scene.proof().unsigned()], "signature").await;
        scene.refuses(&[&scene.proof().without("jwk").sign()], "jwk").await;
        let stranger = scene.proof().header("jwk", other.jwk());
        scene.refuses(&[&stranger.sign()], "signature").await;
    }
}

#[tokio::test]
async fn rfc9449_section_4_3_check_7_a_private_key_is_refused() {
    for scene in Scene::all().await {
        let mut jwk = scene.key.jwk();
        jwk["d"] = sha256("private").into();
        scene.refuses(&[&scene.proof().header("jwk", jwk).sign()], "public").await;
    }
}

#[tokio::test]
async fn rfc9449_section_4_3_check_8_another_method_is_refused() {
    for scene in Scene::all().await {
        for htm in ["PUT", "post", "get", ""] {
            scene.refuses(&[&scene.proof().claim("htm", htm).sign()], "htm").await;
        }
    }
}

#[tokio::test]
async fn rfc9449_section_4_3_check_9_another_url_is_refused() {
    for scene in Scene::all().await {
        let htu = scene.proof().url().to_owned();
        let port = Server::shared().await.port().to_string();
        for other in [
            htu.replacen("https", "http", 1),
            htu.replacen("localhost", "evil.example", 1),
            htu.replacen(&port, "443", 1),
            format!("{htu}/"),
            htu.replacen("/oauth2/", "/oauth2/x", 1),
            "/oauth2/token".to_owned(),
        ] {
            scene.refuses(&[&scene.proof().claim("htu", other).sign()], "htu").await;
        }
    }
}

/// RFC 9449 section 4.3, check 9: what the request says of its host does not make it another request.
#[tokio::test]
async fn a_host_header_does_not_say_what_the_url_is() {
    let (client, key) = application(&json!({})).await;
    let http = Server::shared().await.http1();
    let fields = [("grant_type", "client_credentials")];
    let authorization = client.authorization().expect("a secret");
    let proof = DpopProof::new(&key, "POST", "https://evil.example/oauth2/token").sign();
    let request = http.form_of(TOKEN, &fields).header("authorization", authorization);
    let answer = send(request.header("host", "evil.example").header("dpop", proof)).await;
    assert_ne!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn rfc9449_section_4_3_check_11_a_proof_of_another_time_is_refused() {
    for scene in Scene::all().await {
        for (offset, words) in
            [(-3600, "too old"), (-75, "too old"), (3600, "future"), (30, "future")]
        {
            scene.refuses(&[&scene.proof().made(offset).sign()], words).await;
        }
        let iat = scene.proof().made_at();
        scene.refuses(&[&scene.proof().claim("exp", iat - 30).sign()], "too old").await;
        scene.refuses(&[&scene.proof().claim("nbf", iat + 30).sign()], "future").await;
    }
}

#[tokio::test]
async fn rfc9449_section_4_3_check_12_the_hash_of_another_token_is_refused() {
    for format in FORMATS {
        let scene = Scene::userinfo(format).await;
        scene.refuses(&[&scene.proof().without("ath").sign()], "ath").await;
        let token = scene.token.clone().expect("a token");
        for ath in [sha256("x"), token.clone(), format!("{}=", sha256(&token))] {
            scene.refuses(&[&scene.proof().claim("ath", ath).sign()], "ath").await;
        }
    }
}

#[tokio::test]
async fn rfc9449_section_4_3_check_12_a_proof_by_another_key_is_refused() {
    for format in FORMATS {
        let scene = Scene::userinfo(format).await;
        let answer = scene.send(&[&scene.proof_by(&Signer::es256()).sign()]).await;
        let description = answer.challenged_by("DPoP", "invalid_token");
        assert!(description.contains("another one was shown"), "{description}");
        scene.accepts(&scene.proof()).await;
    }
}

#[tokio::test]
async fn rfc9449_section_11_1_a_proof_counts_once() {
    for scene in Scene::all().await {
        let proof = scene.proof().sign();
        assert_eq!(scene.send(&[&proof]).await.status, 200);
        for _ in 0..2 {
            scene.refuses(&[&proof], "used before").await;
        }
    }
}

#[tokio::test]
async fn a_refused_proof_is_told_with_what_is_accepted() {
    let scene = Scene::userinfo("opaque").await;
    let answer = scene.send(&["x"]).await;
    let challenge = answer.header(&reqwest::header::WWW_AUTHENTICATE).expect("a challenge");
    assert!(challenge.contains(r#"algs="ES256 PS256 EdDSA""#), "{challenge}");
    assert_eq!(answer.headers.get_all(reqwest::header::WWW_AUTHENTICATE).iter().count(), 1);
}
