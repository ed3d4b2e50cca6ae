//! What a thief gets who holds one thing and nothing else. What a binding does not stop is held here
//! just as what it stops, so that the documentation stays honest.

use serde_json::{Value, json};
use tokenbind_tests::{Answer, Callback, Client, Http, Login, Server};

const FORMATS: [&str; 2] = ["opaque", "jwt"];

/// The settings of a public client bound so. Its refresh tokens rotate.
fn bound(types: &[&str], format: &str) -> Value {
    json!({
        "token_endpoint_auth_method": "none",
        "token_binding_types": types,
        "access_token_format": format,
    })
}

/// A victim who is signed in, and a resource server that sees every token.
struct Scene {
    victim: Login,
    observer: Client,
    elsewhere: Http,
}

impl Scene {
    async fn set(settings: &Value) -> Self {
        let server = Server::shared().await;
        let observer = server.registrar().observer().await;
        let victim = Login::anew(server, settings).await;
        Self { victim, observer, elsewhere: server.http_from(66) }
    }

    /// The application on the thief's host: it is public, so that anybody can run it.
    fn thief(&self) -> Client {
        self.victim.client.over(self.elsewhere.clone())
    }

    async fn steals_access_token(&self) -> Answer {
        self.victim.used_by(&self.thief()).await
    }

    async fn steals_refresh_token(&self) -> Answer {
        self.victim.refreshed_by(&self.thief()).await
    }

    /// The thief has the code of a login, and not the verifier, which never left the application.
    async fn steals_code(&self) -> (Callback, Answer) {
        let callback = self.victim.browser.authorize(&self.victim.client, &[]).await;
        let answer = self.redeems(&callback).await;
        (callback, answer)
    }

    async fn redeems(&self, callback: &Callback) -> Answer {
        let mut stolen = callback.clone();
        stolen.request.verifier = "x".repeat(43);
        self.thief().redeem(&stolen).await
    }

    /// The thief has both tokens and all cookies of the victim's browser.
    async fn steals_all(&self) -> (Answer, Answer) {
        let jar = self.victim.browser.stolen(self.elsewhere.clone());
        let thief = jar.runs(&self.victim.client);
        (self.victim.used_by(&thief).await, self.victim.refreshed_by(&thief).await)
    }
}

/// Rotation catches a stolen refresh token: once thief and victim have both used what they hold,
/// nothing of the grant is alive.
async fn assert_rotation_catches(settings: &Value) {
    // The thief is first, and goes on; then the victim comes.
    let scene = Scene::set(settings).await;
    let stolen = scene.steals_refresh_token().await.tokens();
    let further = scene.thief().refresh(stolen.refresh_token(), &[]).await.tokens();
    let late = scene.victim.refreshed_by(&scene.victim.client).await;
    let _ = late.refused(400, "invalid_grant");
    for token in [&*further.access_token, further.refresh_token(), &stolen.access_token] {
        assert!(!scene.observer.is_active(token).await);
    }
    // The victim is first, and goes on; then the thief comes.
    let scene = Scene::set(settings).await;
    let own = scene.victim.refreshed_by(&scene.victim.client).await.tokens();
    let own = scene.victim.client.refresh(own.refresh_token(), &[]).await.tokens();
    let _ = scene.steals_refresh_token().await.refused(400, "invalid_grant");
    for token in [&*own.access_token, own.refresh_token()] {
        assert!(!scene.observer.is_active(token).await, "and the victim has to sign in again");
    }
}

/// PKCE stops a stolen code, and the victim loses nothing by the attempt.
async fn assert_pkce_stops(settings: &Value) {
    let scene = Scene::set(settings).await;
    let (callback, stolen) = scene.steals_code().await;
    let description = stolen.refused(400, "invalid_grant");
    assert!(description.contains("code_verifier"), "{description}");
    let tokens = scene.victim.client.redeem(&callback).await.tokens();
    let _ = scene.redeems(&callback).await.refused(400, "invalid_grant");
    assert!(scene.observer.is_active(&tokens.access_token).await);
}

mod none {
    use super::*;

    #[tokio::test]
    async fn an_access_token_works() {
        for format in FORMATS {
            let scene = Scene::set(&bound(&[], format)).await;
            assert_eq!(scene.steals_access_token().await.status, 200);
        }
    }

    #[tokio::test]
    async fn a_refresh_token_is_caught_by_rotation() {
        for format in FORMATS {
            assert_rotation_catches(&bound(&[], format)).await;
        }
    }

    #[tokio::test]
    async fn a_code_is_stopped_by_pkce() {
        assert_pkce_stops(&bound(&[], "opaque")).await;
    }

    #[tokio::test]
    async fn tokens_and_cookies_work() {
        let (used, refreshed) = Scene::set(&bound(&[], "opaque")).await.steals_all().await;
        assert_eq!((used.status, refreshed.status), (200, 200));
    }
}

mod cookie {
    use super::*;

    #[tokio::test]
    async fn an_access_token_is_refused() {
        for format in FORMATS {
            let scene = Scene::set(&bound(&["cookie"], format)).await;
            let description = scene.steals_access_token().await.challenged("invalid_token");
            assert!(description.contains("cookie atbv"), "{description}");
            scene.victim.assert_alive(&scene.observer).await;
            let own = scene.victim.used_by(&scene.victim.in_browser()).await;
            assert_eq!(own.status, 200, "and the victim's works on");
        }
    }

    #[tokio::test]
    async fn a_refresh_token_is_refused() {
        for format in FORMATS {
            let scene = Scene::set(&bound(&["cookie"], format)).await;
            let description = scene.steals_refresh_token().await.refused(400, "invalid_grant");
            assert!(description.contains("cookie atbv"), "{description}");
            let own = scene.victim.refreshed_by(&scene.victim.in_browser()).await;
            let _ = own.tokens();
        }
    }

    #[tokio::test]
    async fn both_are_refused_to_a_thief_with_a_live_cookie_of_their_own() {
        for format in FORMATS {
            let scene = Scene::set(&bound(&["cookie"], format)).await;
            let server = Server::shared().await;
            let own = Login::to(&scene.victim.client, &server.new_browser().await).await;
            let thief = own.in_browser();
            let _ = scene.victim.used_by(&thief).await.challenged("invalid_token");
            let _ = scene.victim.refreshed_by(&thief).await.refused(400, "invalid_grant");
        }
    }

    #[tokio::test]
    async fn a_code_is_stopped_by_pkce() {
        assert_pkce_stops(&bound(&["cookie"], "opaque")).await;
    }

    #[tokio::test]
    async fn tokens_and_cookies_work() {
        for format in FORMATS {
            let scene = Scene::set(&bound(&["cookie"], format)).await;
            let (used, refreshed) = scene.steals_all().await;
            assert_eq!((used.status, refreshed.status), (200, 200));
        }
    }
}

mod sso_session {
    use super::*;

    fn settings(format: &str, validate: bool) -> Value {
        let mut settings = bound(&["sso-session"], format);
        settings["validate_token_bindings"] = validate.into();
        settings
    }

    #[tokio::test]
    async fn an_access_token_works_until_the_session_ends() {
        for format in FORMATS {
            let scene = Scene::set(&bound(&["sso-session"], format)).await;
            assert_eq!(scene.steals_access_token().await.status, 200);
            scene.victim.browser.sign_out().await;
            let description = scene.steals_access_token().await.challenged("invalid_token");
            assert!(description.contains("session"), "{description}");
        }
    }

    #[tokio::test]
    async fn an_access_token_is_refused_with_validation_on() {
        for format in FORMATS {
            let scene = Scene::set(&settings(format, true)).await;
            let description = scene.steals_access_token().await.challenged("invalid_token");
            assert!(description.contains("session"), "{description}");
            let own = scene.victim.used_by(&scene.victim.in_browser()).await;
            assert_eq!(own.status, 200);
        }
    }

    #[tokio::test]
    async fn a_refresh_token_dies_with_the_session() {
        for format in FORMATS {
            let scene = Scene::set(&settings(format, false)).await;
            let stolen = scene.steals_refresh_token().await.tokens();
            scene.victim.browser.sign_out().await;
            let answer = scene.thief().refresh(stolen.refresh_token(), &[]).await;
            let _ = answer.refused(400, "invalid_grant");
            for token in [&*stolen.access_token, stolen.refresh_token()] {
                assert!(!scene.observer.is_active(token).await);
            }
        }
    }

    #[tokio::test]
    async fn a_refresh_token_is_refused_with_validation_on() {
        for format in FORMATS {
            let scene = Scene::set(&settings(format, true)).await;
            let _ = scene.steals_refresh_token().await.refused(400, "invalid_grant");
            let _ = scene.victim.refreshed_by(&scene.victim.in_browser()).await.tokens();
        }
    }

    #[tokio::test]
    async fn a_code_is_stopped_by_pkce() {
        assert_pkce_stops(&bound(&["sso-session"], "opaque")).await;
    }

    #[tokio::test]
    async fn tokens_and_cookies_work() {
        for format in FORMATS {
            for validate in [false, true] {
                let scene = Scene::set(&settings(format, validate)).await;
                let (used, refreshed) = scene.steals_all().await;
                assert_eq!((used.status, refreshed.status), (200, 200));
            }
        }
    }

    #[tokio::test]
    async fn cookies_are_worth_nothing_after_the_logout() {
        let scene = Scene::set(&settings("opaque", true)).await;
        let jar = scene.victim.browser.stolen(scene.elsewhere.clone());
        scene.victim.browser.sign_out().await;
        let silent = jar.authorize_silently(&scene.victim.client, &[]).await;
        let _ = silent.refused("login_required");
        let _ =
            scene.victim.used_by(&jar.runs(&scene.victim.client)).await.challenged("invalid_token");
    }
}

mod certificate {
    use tokenbind_tests::{Identity, send};

    use super::*;

    /// A victim whose application shows a certificate, and a thief elsewhere with one of their own.
    struct Robbery {
        scene: Scene,
        stolen: Identity,
        thieves: Vec<Http>,
    }

    impl Robbery {
        async fn set(format: &str) -> Self {
            let server = Server::shared().await;
            let observer = server.registrar().observer().await;
            let stolen = Identity::self_signed("victim");
            let client = server.registrar().sign_in(&bound(&["certificate"], format)).await;
            let client = client.over(server.http_showing(&stolen));
            let victim = Login::to(&client, &server.new_browser().await).await;
            let elsewhere = server.http_from(66);
            let own = server.http_showing(&Identity::self_signed("victim"));
            let thieves = vec![elsewhere.clone(), server.http_showing_nothing(), own];
            Self { scene: Scene { victim, observer, elsewhere }, stolen, thieves }
        }

        async fn nothing_happened_to_the_victim(&self) {
            let victim = &self.scene.victim;
            victim.assert_alive(&self.scene.observer).await;
            assert_eq!(victim.used_by(&victim.client).await.status, 200);
            let _ = victim.refreshed_by(&victim.client).await.tokens();
        }
    }

    #[tokio::test]
    async fn an_access_token_is_refused() {
        for format in FORMATS {
            let robbery = Robbery::set(format).await;
            let victim = &robbery.scene.victim;
            for thief in &robbery.thieves {
                let used = victim.used_by(&victim.client.over(thief.clone())).await;
                let description = used.challenged("invalid_token");
                assert!(description.contains("client certificate"), "{description}");
            }
            robbery.nothing_happened_to_the_victim().await;
        }
    }

    #[tokio::test]
    async fn a_refresh_token_is_refused() {
        for format in FORMATS {
            let robbery = Robbery::set(format).await;
            let victim = &robbery.scene.victim;
            for thief in &robbery.thieves {
                let refreshed = victim.refreshed_by(&victim.client.over(thief.clone())).await;
                let description = refreshed.refused(400, "invalid_grant");
                assert!(description.contains("client certificate"), "{description}");
            }
            robbery.nothing_happened_to_the_victim().await;
        }
    }

    #[tokio::test]
    async fn a_code_is_stopped_by_pkce_and_for_lack_of_a_certificate() {
        let robbery = Robbery::set("opaque").await;
        let victim = &robbery.scene.victim;
        let callback = victim.browser.authorize(&victim.client, &[]).await;
        let mut guessed = callback.clone();
        guessed.request.verifier = "x".repeat(43);
        for thief in &robbery.thieves {
            let thief = victim.client.over(thief.clone());
            let refused = thief.redeem(&guessed).await;
            assert!(["invalid_grant", "invalid_request"].contains(&error_of(&refused)));
        }
        // Even with the verifier, who shows no certificate gets no token.
        let bare = victim.client.over(robbery.scene.elsewhere.clone());
        let _ = bare.redeem(&callback).await.refused(400, "invalid_request");
        let _ = victim.client.redeem(&callback).await.tokens();
    }

    fn error_of(answer: &Answer) -> &'static str {
        match answer.json()["error"].as_str() {
            Some("invalid_grant") => "invalid_grant",
            Some("invalid_request") => "invalid_request",
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn tokens_and_cookies_are_refused() {
        for format in FORMATS {
            let robbery = Robbery::set(format).await;
            let victim = &robbery.scene.victim;
            for thief in &robbery.thieves {
                let jar = victim.browser.stolen(thief.clone());
                let thief = jar.runs(&victim.client);
                let _ = victim.used_by(&thief).await.challenged("invalid_token");
                let _ = victim.refreshed_by(&thief).await.refused(400, "invalid_grant");
            }
            robbery.nothing_happened_to_the_victim().await;
        }
    }

    #[tokio::test]
    async fn a_forged_certificate_header_is_refused() {
        let robbery = Robbery::set("opaque").await;
        let victim = &robbery.scene.victim;
        let (plain, escaped) = (robbery.stolen.in_client_cert(), robbery.stolen.escaped());
        let envoy = format!("Cert=\"{escaped}\"");
        let headers = [
            ("client-cert", &plain),
            ("x-forwarded-client-cert", &envoy),
            ("x-client-cert", &escaped),
            ("x-ssl-cert", &escaped),
        ];
        for thief in &robbery.thieves {
            for (name, value) in headers {
                let request = thief.request(reqwest::Method::GET, "/oauth2/userinfo");
                let request = request.bearer_auth(&victim.tokens.access_token);
                let _ = send(request.header(name, value)).await.challenged("invalid_token");
                let form = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", victim.tokens.refresh_token()),
                    ("client_id", &victim.client.id),
                ];
                let request = thief.form_of("/oauth2/token", &form).header(name, value);
                let _ = send(request).await.refused(400, "invalid_grant");
            }
        }
        robbery.nothing_happened_to_the_victim().await;
    }

    #[tokio::test]
    async fn what_a_client_that_authenticates_by_certificate_loses_is_worth_nothing() {
        let server = Server::shared().await;
        let own = Identity::self_signed("app");
        let settings = json!({
            "token_endpoint_auth_method": "self_signed_tls_client_auth",
            "certificate": own.pem(),
            "token_binding_types": ["certificate"],
        });
        let client = server.registrar().sign_in(&settings).await;
        let client = client.over(server.http_showing(&own));
        let browser = server.new_browser().await;
        let login = Login::to(&client, &browser).await;
        let callback = browser.authorize(&client, &[]).await;
        for thief in [server.http_from(66), server.http_showing(&Identity::self_signed("app"))] {
            let thief = client.over(thief);
            let _ = login.used_by(&thief).await.challenged("invalid_token");
            let _ = login.refreshed_by(&thief).await.refused(401, "invalid_client");
            let _ = thief.redeem(&callback).await.refused(401, "invalid_client");
        }
        let _ = client.redeem(&callback).await.tokens();
    }
}

mod client_request {
    use super::*;

    /// A victim whose tokens are bound to the instance `tv`.
    async fn scene(format: &str) -> Scene {
        let mut scene = Scene::set(&bound(&["client-request"], format)).await;
        let victim = &mut scene.victim;
        let callback = victim.browser.authorize(&victim.client, &[]).await;
        let more = [("tokenBindingId", "tv")];
        victim.tokens = victim.client.redeem_with(&callback, &more).await.tokens();
        scene
    }

    #[tokio::test]
    async fn an_access_token_works_until_it_is_ended() {
        for format in FORMATS {
            let scene = scene(format).await;
            assert_eq!(scene.steals_access_token().await.status, 200);
            let client = &scene.victim.client.id;
            let device = ["device", "--client", client, "tv"];
            Server::shared().await.operator().end(&device).await;
            let _ = scene.steals_access_token().await.challenged("invalid_token");
            scene.victim.assert_dead(&scene.observer).await;
        }
    }

    #[tokio::test]
    async fn a_refresh_token_is_caught_by_rotation() {
        for format in FORMATS {
            assert_rotation_catches(&bound(&["client-request"], format)).await;
        }
    }

    #[tokio::test]
    async fn a_refresh_token_works_for_a_thief_who_names_no_instance_or_the_right_one() {
        for format in FORMATS {
            for more in [&[][..], &[("tokenBindingId", "tv")]] {
                let scene = scene(format).await;
                let stolen = scene.victim.tokens.refresh_token();
                let _ = scene.thief().refresh(stolen, more).await.tokens();
            }
            let scene = scene(format).await;
            let stolen = scene.victim.tokens.refresh_token();
            let guess = [("tokenBindingId", "phone")];
            let _ = scene.thief().refresh(stolen, &guess).await.refused(400, "invalid_grant");
        }
    }

    #[tokio::test]
    async fn a_code_is_stopped_by_pkce() {
        assert_pkce_stops(&bound(&["client-request"], "opaque")).await;
    }

    #[tokio::test]
    async fn tokens_and_cookies_work() {
        let (used, refreshed) = scene("opaque").await.steals_all().await;
        assert_eq!((used.status, refreshed.status), (200, 200));
    }
}

mod dpop {
    use tokenbind_tests::{DpopProof, Signer, send};

    use super::*;

    /// A victim whose application holds a key, which a thief never gets.
    async fn scene(format: &str) -> (Scene, Signer) {
        let server = Server::shared().await;
        let key = Signer::es256();
        let client = server.registrar().sign_in(&bound(&["dpop"], format)).await.proving(&key);
        let victim = Login::to(&client, &server.new_browser().await).await;
        let observer = server.registrar().observer().await;
        (Scene { victim, observer, elsewhere: server.http_from(66) }, key)
    }

    impl Scene {
        /// The application on the thief's host, with a key of the thief's and without any.
        fn thieves(&self) -> [Client; 2] {
            [self.thief().proving_nothing(), self.thief().proving(&Signer::es256())]
        }

        async fn assert_works_for_the_victim(&self) {
            self.victim.assert_alive(&self.observer).await;
            assert_eq!(self.victim.used_by(&self.victim.client).await.status, 200);
            let _ = self.victim.refreshed_by(&self.victim.client).await.dpop_tokens();
        }
    }

    #[tokio::test]
    async fn an_access_token_is_refused() {
        for format in FORMATS {
            let (scene, _) = scene(format).await;
            for thief in scene.thieves() {
                let answer = scene.victim.used_by(&thief).await;
                let description = answer.challenged_by("DPoP", "invalid_token");
                assert!(description.contains("key"), "{description}");
            }
            scene.assert_works_for_the_victim().await;
        }
    }

    #[tokio::test]
    async fn a_refresh_token_is_refused() {
        for format in FORMATS {
            let (scene, _) = scene(format).await;
            let [without, with] = scene.thieves();
            let _ = scene.victim.refreshed_by(&without).await.refused(400, "invalid_dpop_proof");
            let _ = scene.victim.refreshed_by(&with).await.refused(400, "invalid_grant");
            scene.assert_works_for_the_victim().await;
        }
    }

    #[tokio::test]
    async fn a_code_is_stopped_by_pkce_and_by_the_key_that_it_names() {
        let (scene, key) = scene("opaque").await;
        let jkt = key.thumbprint();
        let victim = &scene.victim;
        let callback = victim.browser.authorize(&victim.client, &[("dpop_jkt", &jkt)]).await;
        let [without, with] = scene.thieves();
        // With the verifier, which a thief who has only the code does not know.
        let _ = without.redeem(&callback).await.refused(400, "invalid_dpop_proof");
        let _ = with.redeem(&callback).await.refused(400, "invalid_grant");
        let description = scene.redeems(&callback).await.refused(400, "invalid_grant");
        assert!(description.contains("code_verifier"), "{description}");
        let _ = victim.client.redeem(&callback).await.dpop_tokens();
    }

    #[tokio::test]
    async fn tokens_and_cookies_are_refused() {
        for format in FORMATS {
            let (scene, _) = scene(format).await;
            let jar = scene.victim.browser.stolen(scene.elsewhere.clone());
            for thief in scene.thieves() {
                let thief = jar.runs(&thief);
                let used = scene.victim.used_by(&thief).await;
                let _ = used.challenged_by("DPoP", "invalid_token");
                assert_eq!(scene.victim.refreshed_by(&thief).await.status, 400);
            }
            scene.assert_works_for_the_victim().await;
        }
    }

    /// The thief reads along: the token, and the proof that goes with it, used or not.
    #[tokio::test]
    async fn a_proof_with_its_token_is_refused() {
        for format in FORMATS {
            let (scene, key) = scene(format).await;
            let token = &*scene.victim.tokens.access_token;
            let url = scene.elsewhere.url("/oauth2/userinfo");
            let proof = || DpopProof::new(&key, "GET", url.as_str()).with_token(token);
            let show = async |method: reqwest::Method, path: &str, proof: &str| {
                let request = scene.elsewhere.request(method, path);
                let request = request.header("authorization", format!("DPoP {token}"));
                send(request.header("dpop", proof)).await
            };
            let (get, post) = (reqwest::Method::GET, reqwest::Method::POST);
            let refused = |answer: Answer, words: &str| {
                let description = answer.challenged_by("DPoP", "invalid_dpop_proof");
                assert!(description.contains(words), "{description}");
            };
            let used = proof().sign();
            assert_eq!(show(get.clone(), "/oauth2/userinfo", &used).await.status, 200);
            refused(show(get.clone(), "/oauth2/userinfo", &used).await, "used before");
            refused(show(post, "/oauth2/userinfo", &proof().sign()).await, "htm");
            let elsewhere = DpopProof::new(&key, "GET", "https://api.example/").with_token(token);
            refused(show(get.clone(), "/oauth2/userinfo", &elsewhere.sign()).await, "htu");
            let other_token = proof().with_token("another").sign();
            refused(show(get.clone(), "/oauth2/userinfo", &other_token).await, "ath");
            refused(show(get, "/oauth2/userinfo", &proof().made(-75).sign()).await, "iat");
        }
    }
}

mod confidential {
    use super::*;

    #[tokio::test]
    async fn a_stolen_refresh_token_is_worth_nothing_without_the_secret() {
        let server = Server::shared().await;
        for types in [&[][..], &["cookie"], &["sso-session"], &["client-request"]] {
            let login = Login::anew(server, &json!({ "token_binding_types": types })).await;
            let thief = Client { secret: None, ..login.client.clone() };
            let _ = login.refreshed_by(&thief).await.refused(401, "invalid_client");
        }
    }
}
