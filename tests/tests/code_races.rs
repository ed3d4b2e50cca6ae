//! Authorization codes and sessions, many at once: a code has one winner, and no token outlives its
//! session.

use std::collections::HashSet;

use serde_json::json;
use tokenbind_tests::{Answer, Browser, Callback, Client, Server, Tokens};
use tokio::task::JoinSet;

const CALLERS: usize = 64;
const ROUNDS: usize = 12;

async fn application(more: serde_json::Value) -> Client {
    Server::shared().await.registrar().sign_in(&more).await
}

/// All of them at once, in the order in which they end.
async fn at_once<T: Send + 'static>(
    jobs: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    jobs.into_iter().collect::<JoinSet<_>>().join_all().await
}

fn redeeming(client: &Client, callback: &Callback) -> impl Future<Output = Answer> + use<> {
    let (client, callback) = (client.clone(), callback.clone());
    async move { client.redeem(&callback).await }
}

#[tokio::test]
async fn rfc6749_section_4_1_2_of_64_redemptions_one_wins_and_then_all_that_came_of_it_ends() {
    let server = Server::shared().await;
    let observer = server.registrar().observer().await;
    for format in ["opaque", "jwt"] {
        for auth in ["client_secret_basic", "none"] {
            let client = application(json!({
                "access_token_format": format, "token_endpoint_auth_method": auth,
            }));
            let client = client.await;
            let browser = server.new_browser().await;
            let callback = browser.authorize(&client, &[]).await;
            let answers = at_once((0..CALLERS).map(|_| redeeming(&client, &callback))).await;
            let (won, lost): (Vec<_>, Vec<_>) =
                answers.into_iter().partition(|answer| answer.status == 200);
            assert_eq!(won.len(), 1, "{format} {auth}");
            for answer in &lost {
                let _ = answer.refused(400, "invalid_grant");
            }
            let tokens = won[0].tokens();
            let all = [&*tokens.access_token, tokens.refresh_token()];
            assert_eq!(observer.which_active(&all).await, [false, false], "{format} {auth}");
            let _ = client.userinfo(&tokens.access_token).await.challenged("invalid_token");
            let _ = client.refresh(tokens.refresh_token(), &[]).await.refused(400, "invalid_grant");
        }
    }
}

#[tokio::test]
async fn in_a_slot_too_one_redemption_wins() {
    let server = Server::shared().await;
    let types = json!({ "token_binding_types": ["client-request"], "access_token_format": "jwt" });
    let client = application(types).await;
    let callback = server.new_browser().await.authorize(&client, &[]).await;
    let answers = at_once((0..CALLERS).map(|_| redeeming(&client, &callback))).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1);
    assert!(!client.is_active(&won[0].tokens().access_token).await);
}

#[tokio::test]
async fn two_codes_of_one_login_do_not_touch_one_another() {
    let server = Server::shared().await;
    let (client, browser) = (application(json!({})).await, server.new_browser().await);
    let first = browser.authorize(&client, &[]).await;
    let second = browser.authorize(&client, &[]).await;
    let bystander = client.redeem(&second).await.tokens();
    let _ = client.redeem(&first).await.tokens();
    let _ = client.redeem(&first).await.refused(400, "invalid_grant");
    let both = [&*bystander.access_token, bystander.refresh_token()];
    assert_eq!(client.which_active(&both).await, [true, true]);
}

#[tokio::test]
async fn a_request_that_is_wrong_in_itself_neither_spends_the_code_nor_ends_anything() {
    let server = Server::shared().await;
    let (client, other) = (application(json!({})).await, application(json!({})).await);
    let callback = server.new_browser().await.authorize(&client, &[]).await;
    let mut wrong = callback.clone();
    wrong.request.verifier = "x".repeat(43);
    let attempts = async || {
        let _ = other.redeem(&callback).await.refused(400, "invalid_grant");
        let _ = client.redeem(&wrong).await.refused(400, "invalid_grant");
        let no_secret = client.with_secret("wrong").redeem(&callback).await;
        let _ = no_secret.refused(401, "invalid_client");
    };
    attempts().await;
    let tokens = client.redeem(&callback).await.tokens();
    // Somebody who holds the code alone cannot have the tokens ended either.
    attempts().await;
    let both = [&*tokens.access_token, tokens.refresh_token()];
    assert_eq!(client.which_active(&both).await, [true, true]);
}

#[tokio::test]
async fn rfc7636_section_4_6_a_wrong_verifier_is_refused_and_so_is_none() {
    let server = Server::shared().await;
    let (client, browser) = (application(json!({})).await, server.new_browser().await);
    let callback = browser.authorize(&client, &[]).await;
    for verifier in ["x".repeat(43), callback.request.verifier.to_uppercase(), "short".into()] {
        let mut wrong = callback.clone();
        wrong.request.verifier = verifier;
        let answer = client.redeem(&wrong).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains("code_verifier"), "{}", answer.text());
    }
    let mut none = callback.clone();
    none.request = none.request.without_pkce();
    assert!(client.redeem(&none).await.refused(400, "invalid_grant").contains("code_verifier"));
    let challenge = callback.request.get("code_challenge").expect("a challenge").to_owned();
    let mut plain = callback.clone();
    plain.request.verifier = challenge;
    let _ = client.redeem(&plain).await.refused(400, "invalid_grant");
    let _ = client.redeem(&callback).await.tokens();
}

#[tokio::test]
async fn rfc9700_section_2_1_1_a_verifier_without_a_challenge_is_refused() {
    let server = Server::shared().await;
    let client = application(json!({ "require_pkce": false })).await;
    let request = client.authorization_request(&[]).without_pkce();
    let callback = server.new_browser().await.complete(&request).await;
    let more = [("code_verifier", &*callback.request.verifier)];
    let _ = client.redeem_with(&callback, &more).await.refused(400, "invalid_grant");
    let _ = client.redeem(&callback).await.tokens();
}

#[tokio::test]
async fn parallel_refreshes_of_a_public_client_all_get_one_successor() {
    let server = Server::shared().await;
    let observer = server.registrar().observer().await;
    let client = server.registrar().single_page(&json!({})).await;
    let callback = server.new_browser().await.authorize(&client, &[]).await;
    let first = client.redeem(&callback).await.tokens();
    let refreshes = (0..20).map(|_| {
        let (client, token) = (client.clone(), first.refresh_token().to_owned());
        async move { client.refresh(&token, &[]).await.tokens() }
    });
    let answers = at_once(refreshes).await;
    let successors: HashSet<_> = answers.iter().map(Tokens::refresh_token).collect();
    assert_eq!(successors.len(), 1);
    for tokens in &answers {
        assert!(observer.is_active(&tokens.access_token).await);
        assert!(tokens.id_token.is_some());
    }
}

#[tokio::test]
async fn parallel_refreshes_of_a_client_that_does_not_rotate_all_keep_their_token() {
    let server = Server::shared().await;
    let client = application(json!({ "token_binding_types": ["sso-session"] })).await;
    let callback = server.new_browser().await.authorize(&client, &[]).await;
    let first = client.redeem(&callback).await.tokens();
    let refreshes = (0..20).map(|_| {
        let (client, token) = (client.clone(), first.refresh_token().to_owned());
        async move { client.refresh(&token, &[]).await.tokens() }
    });
    for tokens in at_once(refreshes).await {
        assert_eq!(tokens.refresh_token, first.refresh_token);
        assert!(client.is_active(&tokens.access_token).await);
    }
}

/// Tokens of a code, if there are any, and the `sid` of the login that they came of.
async fn redeem_if_possible(client: &Client, callback: &Callback) -> Option<Tokens> {
    let answer = client.redeem(callback).await;
    if answer.status == 200 {
        return Some(answer.tokens());
    }
    let _ = answer.refused(400, "invalid_grant");
    None
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Logout,
    EndSession,
    Lock,
}

impl Ending {
    async fn strike(self, browser: &Browser, sid: &str) {
        let operator = Server::shared().await.operator();
        match self {
            Self::Logout => browser.sign_out().await,
            Self::EndSession => drop(operator.end(&["session", sid]).await),
            Self::Lock => drop(operator.json(&["user", "lock", &browser.user.username]).await),
        }
    }
}

async fn sid(client: &Client, browser: &Browser) -> String {
    let tokens = client.redeem(&browser.authorize(client, &[]).await).await.tokens();
    client.id_token(&tokens).await.claims["sid"].as_str().expect("sid").to_owned()
}

/// Redeems codes and refreshes while the session ends: when that is answered, nothing is alive.
async fn race(ending: Ending, format: &str, more: serde_json::Value) {
    let server = Server::shared().await;
    let observer = server.registrar().observer().await;
    let mut metadata = more;
    metadata["access_token_format"] = format.into();
    let client = application(metadata).await;
    for _ in 0..ROUNDS {
        let browser = server.new_browser().await;
        let sid = sid(&client, &browser).await;
        let codes = [browser.authorize(&client, &[]).await, browser.authorize(&client, &[]).await];
        let held = client.redeem(&browser.authorize(&client, &[]).await).await.tokens();
        let redeeming = codes.map(|callback| {
            let client = client.clone();
            tokio::spawn(async move { redeem_if_possible(&client, &callback).await })
        });
        let refreshing = {
            let (client, token) = (client.clone(), held.refresh_token().to_owned());
            tokio::spawn(async move { client.refresh(&token, &[]).await })
        };
        ending.strike(&browser, &sid).await;
        let mut tokens = vec![held.clone()];
        for redeemed in redeeming {
            tokens.extend(redeemed.await.expect("no panic"));
        }
        let refreshed = refreshing.await.expect("no panic");
        if refreshed.status == 200 {
            tokens.push(refreshed.tokens());
        } else {
            let _ = refreshed.refused(400, "invalid_grant");
        }
        for each in &tokens {
            assert!(!observer.is_active(&each.access_token).await, "{ending:?} {format}");
            assert!(!observer.is_active(each.refresh_token()).await, "{ending:?} {format}");
        }
    }
}

#[tokio::test]
async fn redemption_and_refresh_against_logout_leave_nothing_alive() {
    for format in ["opaque", "jwt"] {
        race(Ending::Logout, format, json!({ "token_binding_types": ["sso-session"] })).await;
    }
    race(Ending::Logout, "jwt", json!({ "revoke_tokens_on_logout": true })).await;
}

#[tokio::test]
async fn redemption_and_refresh_against_the_end_of_the_session_leave_nothing_alive() {
    for format in ["opaque", "jwt"] {
        race(Ending::EndSession, format, json!({ "token_binding_types": ["sso-session"] })).await;
    }
}

#[tokio::test]
async fn redemption_and_refresh_against_a_lock_leave_nothing_alive() {
    for format in ["opaque", "jwt"] {
        race(Ending::Lock, format, json!({})).await;
    }
}

#[tokio::test]
async fn logins_and_logouts_at_once_never_leave_a_live_token_under_a_dead_session() {
    let server = Server::shared().await;
    let client = application(json!({ "token_binding_types": ["sso-session"] })).await;
    let observer = server.registrar().observer().await;
    let user = server.operator().user().await;
    let people = (0..6).map(|_| {
        let (client, browser) = (client.clone(), server.browser(&user));
        async move {
            let mut all = Vec::new();
            for _ in 0..4 {
                let callback = browser.authorize(&client, &[]).await;
                let (answer, ()) = tokio::join!(client.redeem(&callback), browser.sign_out());
                if answer.status == 200 {
                    all.push(answer.tokens());
                } else {
                    let _ = answer.refused(400, "invalid_grant");
                }
            }
            all
        }
    });
    for tokens in at_once(people).await.concat() {
        assert!(!observer.is_active(&tokens.access_token).await);
        assert!(!observer.is_active(tokens.refresh_token()).await);
    }
}

#[tokio::test]
async fn of_logins_at_once_in_one_browser_each_ends_alone() {
    let server = Server::shared().await;
    let client = application(json!({ "token_binding_types": ["sso-session"] })).await;
    let browser = server.new_browser().await;
    let tabs = (0..8).map(|_| {
        let (client, tab) = (client.clone(), browser.clone());
        async move { client.redeem(&tab.authorize(&client, &[]).await).await }
    });
    let mut logins = Vec::new();
    for answer in at_once(tabs).await {
        // A login that another tab's took the place of has ended.
        if answer.status == 200 {
            let tokens = answer.tokens();
            let claims = client.id_token(&tokens).await.claims;
            logins.push((tokens, claims["sid"].as_str().expect("sid").to_owned()));
        } else {
            let _ = answer.refused(400, "invalid_grant");
        }
    }
    let mut ended = HashSet::new();
    let sids: HashSet<_> = logins.iter().map(|(_, sid)| sid.clone()).collect();
    assert!(!sids.is_empty());
    for sid in sids {
        server.operator().end(&["session", &sid]).await;
        ended.insert(sid);
        for (tokens, sid) in logins.iter().filter(|(_, sid)| ended.contains(sid)) {
            assert!(!client.is_active(&tokens.access_token).await, "{sid}");
            assert!(!client.is_active(tokens.refresh_token()).await, "{sid}");
        }
    }
}
