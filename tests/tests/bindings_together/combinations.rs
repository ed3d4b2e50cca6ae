//! Every two types, every three, and all: the token comes to be, works and is refreshed where every proof is
//! shown, and one that is missing or wrong is enough to refuse it.

use reqwest::header::WWW_AUTHENTICATE;
use serde_json::{Value, json};
use tokenbind_tests::{
    Answer, Browser, Client, Identity, SESSION_COOKIE, Server, Signer, Tokens, unverified_claims,
};

const FORMATS: [&str; 2] = ["opaque", "jwt"];

/// The types that can stand together.
const TYPES: [&str; 5] = ["cookie", "sso-session", "certificate", "client-request", "dpop"];

/// Those that every grant can carry.
const OF_EVERY_GRANT: [&str; 3] = ["certificate", "client-request", "dpop"];

/// How one proof is shown; all others are shown rightly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bad {
    Missing,
    Wrong,
}

const BAD: [Bad; 2] = [Bad::Missing, Bad::Wrong];

/// Who holds what the tokens are bound to.
struct Holder {
    browser: Browser,
    identity: Identity,
    signer: Signer,
    id: &'static str,
}

impl Holder {
    async fn new(server: &Server, id: &'static str) -> Self {
        let browser = server.new_browser().await;
        // So that it has both cookies.
        let client = server.registrar().sign_in(&bound(&["cookie"], "opaque", &[])).await;
        let _ = browser.authorize(&client, &[]).await;
        Self { browser, identity: Identity::self_signed(id), signer: Signer::es256(), id }
    }

    fn cookie(&self, name: &str) -> String {
        format!("{name}={}", self.browser.cookie(name).expect("a cookie"))
    }
}

/// An application bound so, the holder of its tokens, and somebody else.
struct Scene<'a> {
    server: &'a Server,
    types: &'a [&'static str],
    client: Client,
    owner: &'a Holder,
    thief: &'a Holder,
}

fn bound(types: &[&str], format: &str, grants: &[&str]) -> Value {
    let mut settings = json!({
        "token_binding_types": types,
        "access_token_format": format,
        // The cookie of the session is shown too, not only alive.
        "validate_token_bindings": true,
    });
    if !grants.is_empty() {
        settings["grant_types"] = json!(grants);
    }
    settings
}

impl<'a> Scene<'a> {
    async fn set(
        server: &'a Server,
        (owner, thief): (&'a Holder, &'a Holder),
        types: &'a [&'static str],
        settings: &Value,
    ) -> Self {
        let client = server.registrar().sign_in(settings).await;
        Self { server, types, client, owner, thief }
    }

    /// The application with every proof, or with one that is bad.
    fn showing(&self, bad: Option<(&str, Bad)>) -> (Client, Vec<(&'static str, &'static str)>) {
        let shown_by = |kind: &str| match bad {
            _ if !self.types.contains(&kind) => None,
            Some((name, Bad::Missing)) if name == kind => None,
            Some((name, Bad::Wrong)) if name == kind => Some(self.thief),
            _ => Some(self.owner),
        };
        let http = match shown_by("certificate") {
            Some(holder) => self.server.http_showing(&holder.identity),
            None => self.server.http_showing_nothing(),
        };
        let mut client = self.client.over(http);
        let cookies = [("cookie", "atbv"), ("sso-session", SESSION_COOKIE)];
        let shown = cookies.map(|(kind, name)| shown_by(kind).map(|holder| holder.cookie(name)));
        let shown: Vec<_> = shown.into_iter().flatten().collect();
        if !shown.is_empty() {
            client = client.showing(&shown.join("; "));
        }
        if let Some(holder) = shown_by("dpop") {
            client = client.proving(&holder.signer);
        }
        let id = shown_by("client-request").map(|holder| ("tokenBindingId", holder.id));
        (client, id.into_iter().collect())
    }

    fn tokens(&self, answer: &Answer) -> Tokens {
        if self.types.contains(&"dpop") { answer.dpop_tokens() } else { answer.tokens() }
    }

    /// All single proofs that are bad.
    fn each_bad(&self) -> impl Iterator<Item = (&'static str, Bad)> {
        self.types.iter().flat_map(|&kind| BAD.map(|bad| (kind, bad)))
    }

    /// A code is redeemed only with every key and certificate. What is refused costs the code nothing.
    async fn redeem(&self) -> Tokens {
        let callback = self.owner.browser.authorize(&self.client, &[]).await;
        for (kind, bad) in self.each_bad() {
            if let Some(error) = error_at_token(kind, bad) {
                let (client, more) = self.showing(Some((kind, bad)));
                let _ = client.redeem_with(&callback, &more).await.refused(400, error);
            }
        }
        let (client, more) = self.showing(None);
        self.tokens(&client.redeem_with(&callback, &more).await)
    }

    /// Userinfo, with each bad proof and with none.
    async fn assert_use_needs_all(&self, tokens: &Tokens) {
        for (kind, bad) in self.each_bad() {
            let answer = self.showing(Some((kind, bad))).0.userinfo(&tokens.access_token).await;
            let case = format!("{:?}, {kind} is {bad:?}: {}", self.types, answer.text());
            // A label is checked where the server is asked for tokens.
            let expected = if kind == "client-request" { 200 } else { 401 };
            assert_eq!(answer.status, expected, "{case}");
            if expected == 401 {
                let challenge = answer.header(&WWW_AUTHENTICATE).expect("a challenge");
                assert!(challenge.contains(r#"error="invalid_token""#), "{case}: {challenge}");
            }
        }
        let answer = self.showing(None).0.userinfo(&tokens.access_token).await;
        assert_eq!(answer.status, 200, "{:?}: {}", self.types, answer.text());
    }

    /// A refresh with each bad proof, and one with none. What is refused ends nothing.
    async fn refresh(&self, tokens: &Tokens) -> Tokens {
        for (kind, bad) in self.each_bad() {
            if let Some(error) = error_at_refresh(kind, bad) {
                let (client, more) = self.showing(Some((kind, bad)));
                let answer = client.refresh(tokens.refresh_token(), &more).await;
                let _ = answer.refused(400, error);
            }
        }
        let (client, more) = self.showing(None);
        self.tokens(&client.refresh(tokens.refresh_token(), &more).await)
    }

    /// The token tells of all that it is bound to, and of nothing else.
    async fn assert_tells_all(&self, tokens: &Tokens) {
        let told = self.client.introspect(&tokens.access_token).await;
        let one = self.types.len() == 1;
        let expected = if one { json!(self.types[0]) } else { json!(self.types) };
        let mut all = vec![told];
        if tokens.access_token.starts_with("ey") {
            all.push(unverified_claims(&tokens.access_token));
        }
        for told in all {
            assert_eq!(told["binding_type"], expected, "{told}");
            let shown = |kind| self.types.contains(&kind);
            let jkt = shown("dpop").then(|| self.owner.signer.thumbprint());
            let x5t = shown("certificate").then(|| self.owner.identity.thumbprint());
            assert_eq!(told["cnf"]["jkt"], json!(jkt), "{told}");
            assert_eq!(told["cnf"]["x5t#S256"], json!(x5t), "{told}");
        }
    }

    async fn holds_together(&self, tokens: &Tokens) {
        self.assert_tells_all(tokens).await;
        self.assert_use_needs_all(tokens).await;
        let fresh = self.refresh(tokens).await;
        self.assert_tells_all(&fresh).await;
        self.assert_use_needs_all(&fresh).await;
    }
}

/// What a first request is refused with. Any key will do as long as there is one, and cookies come from
/// the code.
fn error_at_token(kind: &str, bad: Bad) -> Option<&'static str> {
    match (kind, bad) {
        ("certificate", Bad::Missing) => Some("invalid_request"),
        ("dpop", Bad::Missing) => Some("invalid_dpop_proof"),
        ("cookie", Bad::Wrong) => Some("invalid_grant"),
        _ => None,
    }
}

/// What a refresh is refused with.
fn error_at_refresh(kind: &str, bad: Bad) -> Option<&'static str> {
    match (kind, bad) {
        ("client-request", Bad::Missing) => None,
        ("dpop", Bad::Missing) => Some("invalid_dpop_proof"),
        _ => Some("invalid_grant"),
    }
}

/// All choices of so many of these types.
fn choices(of: &[&'static str], count: usize) -> Vec<Vec<&'static str>> {
    let sets = (0..1_u32 << of.len()).filter(|set| set.count_ones() as usize == count);
    sets.map(|set| {
        let chosen = of.iter().enumerate().filter(|(index, _)| set >> index & 1 == 1);
        chosen.map(|(_, kind)| *kind).collect()
    })
    .collect()
}

#[test]
fn the_choices_are_all_and_different() {
    assert_eq!(choices(&TYPES, 2).len(), 10);
    assert_eq!(choices(&TYPES, 3).len(), 10);
    assert_eq!(choices(&TYPES, 5), [TYPES]);
}

async fn holders(server: &Server) -> (Holder, Holder) {
    (Holder::new(server, "tv").await, Holder::new(server, "phone").await)
}

async fn assert_codes_hold_together(
    (owner, thief): &(Holder, Holder),
    types: &[&'static str],
    format: &str,
) {
    let settings = bound(types, format, &[]);
    let server = Server::shared().await;
    let scene = Scene::set(server, (owner, thief), types, &settings).await;
    let tokens = scene.redeem().await;
    scene.holds_together(&tokens).await;
}

#[tokio::test]
async fn every_two_types_hold_together_after_a_sign_in() {
    let holders = holders(Server::shared().await).await;
    for types in choices(&TYPES, 2) {
        let reversed: Vec<_> = types.iter().rev().copied().collect();
        for format in FORMATS {
            assert_codes_hold_together(&holders, &types, format).await;
            assert_codes_hold_together(&holders, &reversed, format).await;
        }
    }
}

#[tokio::test]
async fn every_three_types_hold_together_after_a_sign_in() {
    let holders = holders(Server::shared().await).await;
    for (index, types) in choices(&TYPES, 3).into_iter().enumerate() {
        assert_codes_hold_together(&holders, &types, FORMATS[index % 2]).await;
    }
}

#[tokio::test]
async fn all_types_hold_together_after_a_sign_in() {
    let holders = holders(Server::shared().await).await;
    for format in FORMATS {
        assert_codes_hold_together(&holders, &TYPES, format).await;
    }
}

/// What a token request without a code is sent with.
fn password_of(holder: &Holder) -> [(&str, &str); 4] {
    [
        ("grant_type", "password"),
        ("username", &holder.browser.user.username),
        ("password", &holder.browser.user.password),
        ("scope", "openid"),
    ]
}

#[tokio::test]
async fn types_of_every_grant_hold_together_with_a_password() {
    let server = Server::shared().await;
    let (owner, thief) = holders(server).await;
    for count in [2, 3] {
        for types in choices(&OF_EVERY_GRANT, count) {
            for format in FORMATS {
                let settings = bound(&types, format, &["password", "refresh_token"]);
                let scene = Scene::set(server, (&owner, &thief), &types, &settings).await;
                for (kind, bad) in scene.each_bad() {
                    if let Some(error) = error_at_token(kind, bad) {
                        let (client, more) = scene.showing(Some((kind, bad)));
                        let fields = [&password_of(&owner)[..], &more].concat();
                        let _ = client.token(&fields).await.refused(400, error);
                    }
                }
                let (client, more) = scene.showing(None);
                let fields = [&password_of(&owner)[..], &more].concat();
                let tokens = scene.tokens(&client.token(&fields).await);
                scene.holds_together(&tokens).await;
            }
        }
    }
}

#[tokio::test]
async fn types_of_every_grant_hold_together_for_the_application_itself() {
    let server = Server::shared().await;
    let (owner, thief) = holders(server).await;
    for count in [2, 3] {
        for types in choices(&OF_EVERY_GRANT, count) {
            for format in FORMATS {
                let settings = bound(&types, format, &["client_credentials"]);
                let scene = Scene::set(server, (&owner, &thief), &types, &settings).await;
                for (kind, bad) in scene.each_bad() {
                    if let Some(error) = error_at_token(kind, bad) {
                        let (client, more) = scene.showing(Some((kind, bad)));
                        let _ = client.client_credentials(&more).await.refused(400, error);
                    }
                }
                let (client, more) = scene.showing(None);
                let tokens = scene.tokens(&client.client_credentials(&more).await);
                scene.assert_tells_all(&tokens).await;
            }
        }
    }
}

#[tokio::test]
async fn a_grant_that_cannot_carry_one_of_two_types_is_refused_with_the_settings() {
    let registrar = Server::shared().await.registrar();
    for carried in OF_EVERY_GRANT {
        for browser in ["cookie", "sso-session"] {
            for grant in ["password", "client_credentials"] {
                let settings = bound(&[carried, browser], "opaque", &[grant]);
                let answer = registrar.try_register(&settings).await;
                let description = answer.refused(400, "invalid_client_metadata");
                assert!(description.contains(browser), "{description}");
            }
        }
    }
}
