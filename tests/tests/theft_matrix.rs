//! What a thief on another host gets who holds one artefact and nothing else: one row for each type of binding. What
//! a type does not stop is held to just as what it stops.

use serde_json::{Value, json};
use tokenbind_tests::{Answer, Browser, Client, Http, Identity, Server, Signer, Tokens};

const FORMATS: [&str; 2] = ["opaque", "jwt"];

/// The last number of the thief's address.
const ELSEWHERE: u8 = 66;

/// What comes of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gets {
    /// The server does what is asked.
    Works,
    /// Nothing.
    Refused,
    /// A token at first; once both have used what they hold, nothing of the grant is alive.
    CaughtByRotation,
}

use Gets::{CaughtByRotation, Refused, Works};

/// What a thief gets by each artefact of a public client whose tokens are bound so.
struct Row {
    types: &'static [&'static str],
    access_token: Gets,
    refresh_token: Gets,
    /// The code, and the verifier that never leaves the application; of a device its code.
    code_and_verifier: Gets,
    /// The access token, and all cookies of the browser.
    token_and_cookies: Gets,
}

/// The code alone is stopped by PKCE in every row that has one.
const MATRIX: [Row; 12] = [
    row(&[], [Works, CaughtByRotation, Works, Works]),
    row(&["cookie"], [Refused, Refused, Works, Works]),
    // Until the session ends, and then for nobody.
    row(&["sso-session"], [Works, CaughtByRotation, Works, Works]),
    row(&["certificate"], [Refused, Refused, Refused, Refused]),
    row(&["dpop"], [Refused, Refused, Refused, Refused]),
    row(&["client-request"], [Works, CaughtByRotation, Works, Works]),
    // The types that are only labels become protection.
    row(&["client-request", "dpop"], [Refused, Refused, Refused, Refused]),
    row(&["client-request", "certificate"], [Refused, Refused, Refused, Refused]),
    row(&["sso-session", "dpop"], [Refused, Refused, Refused, Refused]),
    // Here the code is a device code, which goes through no browser.
    row(&["device-flow"], [Works, CaughtByRotation, Works, Works]),
    row(&["device-flow", "dpop"], [Refused, Refused, Refused, Refused]),
    row(&["device-flow", "certificate"], [Refused, Refused, Refused, Refused]),
];

const fn row(types: &'static [&'static str], gets: [Gets; 4]) -> Row {
    let [access_token, refresh_token, code_and_verifier, token_and_cookies] = gets;
    Row { types, access_token, refresh_token, code_and_verifier, token_and_cookies }
}

/// A user who is signed in to an application, and the thief's host.
struct Scene {
    /// With all that it proves.
    client: Client,
    browser: Browser,
    tokens: Tokens,
    /// The same application there: it is public, so that anybody can run it.
    thief: Client,
    elsewhere: Http,
    /// Whether it was a device that asked.
    of_device: bool,
}

impl Row {
    fn is_bound(&self, kind: &str) -> bool {
        self.types.contains(&kind)
    }

    fn settings(&self, format: &str) -> Value {
        json!({
            "token_endpoint_auth_method": "none",
            "token_binding_types": self.types,
            "access_token_format": format,
        })
    }

    async fn scene(&self, format: &str) -> Scene {
        let server = Server::shared().await;
        let (registrar, settings) = (server.registrar(), self.settings(format));
        let of_device = self.is_bound("device-flow");
        let registered = if of_device {
            registrar.devices(&settings).await
        } else {
            registrar.sign_in(&settings).await
        };
        let elsewhere = server.http_from(ELSEWHERE);
        let thief = registered.over(elsewhere.clone());
        let mut client = registered;
        if self.is_bound("certificate") {
            client = client.over(server.http_showing(&Identity::self_signed("victim")));
        }
        if self.is_bound("dpop") {
            client = client.proving(&Signer::es256());
        }
        let browser = server.new_browser().await;
        let tokens = if of_device {
            client.connected(&browser, &[("scope", "openid")]).await.1
        } else {
            let callback = browser.authorize(&client, &[]).await;
            tokens(&client.redeem(&callback).await)
        };
        Scene { client, browser, tokens, thief, elsewhere, of_device }
    }
}

/// The tokens of an answer, whatever their type.
fn tokens(answer: &Answer) -> Tokens {
    serde_json::from_value(answer.expect(200)).expect("a token response")
}

impl Scene {
    fn with_cookies(&self, client: &Client) -> Client {
        client.showing(&self.browser.shown())
    }

    /// The victim still has what they had.
    async fn assert_unharmed(&self) {
        let own = self.with_cookies(&self.client);
        let answer = own.userinfo(&self.tokens.access_token).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let _ = tokens(&own.refresh(self.tokens.refresh_token(), &[]).await);
    }

    async fn steals_access_token(&self) -> Gets {
        used(&self.thief.userinfo(&self.tokens.access_token).await)
    }

    async fn steals_token_and_cookies(&self) -> Gets {
        let jar = self.browser.stolen(self.elsewhere.clone());
        let thief = self.thief.showing(&jar.shown());
        used(&thief.userinfo(&self.tokens.access_token).await)
    }

    /// The thief refreshes and goes on, and then the victim comes.
    async fn steals_refresh_token(&self) -> Gets {
        let answer = self.thief.refresh(self.tokens.refresh_token(), &[]).await;
        if answer.status != 200 {
            assert_eq!(answer.status, 400, "{}", answer.text());
            return Refused;
        }
        let stolen = tokens(&answer);
        let further = self.thief.refresh(stolen.refresh_token(), &[]).await;
        let further = tokens(&further);
        let late = self.with_cookies(&self.client);
        let late = late.refresh(self.tokens.refresh_token(), &[]).await;
        let dead = self.thief.userinfo(&further.access_token).await.status == 401;
        if late.status == 400 && dead { CaughtByRotation } else { Works }
    }

    async fn steals_device_code(&self) -> Gets {
        let device = self.client.device(&[]).await;
        self.browser.approve(&device).await;
        let answer = self.thief.poll(&device).await;
        if answer.status == 200 { Works } else { Refused }
    }

    async fn steals_code(&self, with_verifier: bool) -> Gets {
        let mut callback = self.browser.authorize(&self.client, &[]).await;
        if !with_verifier {
            callback.request.verifier = "x".repeat(43);
        }
        let answer = self.thief.redeem(&callback).await;
        if answer.status == 200 {
            return Works;
        }
        assert_eq!(answer.status, 400, "{}", answer.text());
        Refused
    }
}

fn used(answer: &Answer) -> Gets {
    match answer.status {
        200 => Works,
        401 => Refused,
        other => panic!("{other}: {}", answer.text()),
    }
}

#[tokio::test]
async fn a_stolen_access_token() {
    for row in MATRIX {
        for format in FORMATS {
            let scene = row.scene(format).await;
            assert_eq!(scene.steals_access_token().await, row.access_token, "{:?}", row.types);
            scene.assert_unharmed().await;
        }
    }
}

#[tokio::test]
async fn a_stolen_refresh_token_of_a_public_client() {
    for row in MATRIX {
        for format in FORMATS {
            let scene = row.scene(format).await;
            let gets = scene.steals_refresh_token().await;
            assert_eq!(gets, row.refresh_token, "{:?}", row.types);
            if gets == Refused {
                scene.assert_unharmed().await;
            }
        }
    }
}

#[tokio::test]
async fn a_stolen_code_is_stopped_by_pkce_and_by_keys_even_with_its_verifier() {
    for row in MATRIX {
        let scene = row.scene("opaque").await;
        let gets = if scene.of_device {
            scene.steals_device_code().await
        } else {
            assert_eq!(scene.steals_code(false).await, Refused, "{:?}", row.types);
            scene.steals_code(true).await
        };
        assert_eq!(gets, row.code_and_verifier, "{:?}", row.types);
        scene.assert_unharmed().await;
    }
}

#[tokio::test]
async fn a_stolen_token_with_all_cookies_of_the_browser() {
    for row in MATRIX {
        for format in FORMATS {
            let scene = row.scene(format).await;
            let gets = scene.steals_token_and_cookies().await;
            assert_eq!(gets, row.token_and_cookies, "{:?}", row.types);
            scene.assert_unharmed().await;
        }
    }
}

#[tokio::test]
async fn a_stolen_proof_with_its_token_is_good_once_and_for_its_request() {
    let row = row(&["dpop"], [Refused; 4]);
    for format in FORMATS {
        let scene = row.scene(format).await;
        let token = &scene.tokens.access_token;
        let signer = scene.client.dpop.as_ref().expect("a key");
        let url = scene.client.http.url("/oauth2/userinfo").to_string();
        let ath = json!({ "ath": tokenbind_tests::sha256(token) });
        let proof = signer.dpop_proof("GET", &url, &ath);
        let shown = async |method: reqwest::Method| {
            let request = scene.elsewhere.request(method, "/oauth2/userinfo");
            let request = request.header("authorization", format!("DPoP {token}"));
            tokenbind_tests::send(request.header("dpop", &proof)).await
        };
        assert_eq!(shown(reqwest::Method::POST).await.status, 401, "it is for another method");
        assert_eq!(shown(reqwest::Method::GET).await.status, 200, "the victim's own request");
        assert_eq!(shown(reqwest::Method::GET).await.status, 401, "it was used");
        scene.assert_unharmed().await;
    }
}
