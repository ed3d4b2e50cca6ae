//! Logout that applications are told of by a call (OpenID Connect Back-Channel Logout 1.0), however a
//! session ends, and whatever is down meanwhile.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tokenbind_tests::{
    Browser, Client, Login, LogoutReceiver, Server, VerifiedJwt, eventually, unverified_claims,
};
use tokio::{sync::OnceCell, time::sleep};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A server that may call this machine.
async fn server() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    SERVER.get_or_init(|| Server::serve("", &[])).await
}

/// An application that wants to be told at `receiver`.
async fn told_at(server: &Server, receiver: &LogoutReceiver, more: &Value) -> Client {
    let mut settings = json!({ "backchannel_logout_uri": receiver.uri() });
    if let (Value::Object(settings), Value::Object(more)) = (&mut settings, more) {
        settings.extend(more.clone());
    }
    server.registrar().sign_in(&settings).await
}

/// A new user signed in, in a new browser, to a new application that is told at `receiver`.
async fn signed_in(server: &Server, receiver: &LogoutReceiver) -> Login {
    let client = told_at(server, receiver, &json!({})).await;
    Login::to(&client, &server.new_browser().await).await
}

/// The user logs out at the server.
async fn log_out(browser: &Browser) {
    let page = browser.get("/oauth2/logout").await;
    let form = page.html.form_to("/logout/confirm").expect("the form that asks");
    let page = browser.submit(&page, form, form.buttons.first()).await;
    assert_eq!(page.answer.status, 200, "{}", page.html.text);
}

/// The one logout token that comes, which must be about this login.
async fn told_of(receiver: &LogoutReceiver, login: &Login) {
    let sid = unverified_claims(login.tokens.id_token())["sid"].clone();
    let told = receiver.receives(1).await;
    assert_eq!(told.len(), 1);
    let claims = unverified_claims(&told[0]);
    assert_eq!(claims["sid"], sid);
    assert_eq!(claims["aud"], *login.client.id);
}

/// Long enough for anything to come that should not.
async fn a_while() {
    sleep(Duration::from_millis(2500)).await;
}

#[expect(clippy::disallowed_methods, reason = "the server under test goes by the same clock")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

#[tokio::test]
async fn backchannel_logout_section_2_4_the_token_says_what_it_must_and_no_more() {
    let server = server().await;
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        for subject_type in ["public", "pairwise"] {
            let receiver = LogoutReceiver::start().await;
            let settings = json!({
                "id_token_signed_response_alg": algorithm,
                "subject_type": subject_type,
                "id_token_audience": ["https://api.example"],
            });
            let client = told_at(server, &receiver, &settings).await;
            let login = Login::to(&client, &server.new_browser().await).await;
            log_out(&login.browser).await;
            let logout_token = receiver.receives(1).await.remove(0);

            let http = server.http();
            let told = VerifiedJwt::verify_logout_token(&http, &client.id, &logout_token).await;
            assert_eq!(told.header.typ.as_deref(), Some("logout+jwt"));
            assert_eq!(format!("{:?}", told.header.alg), algorithm);
            let claims = told.claims.as_object().expect("claims");
            let names: BTreeSet<_> = claims.keys().map(String::as_str).collect();
            let expected = ["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"];
            assert_eq!(names, BTreeSet::from(expected), "no nonce (PROHIBITED), nothing else");
            assert_eq!(claims["iss"], server.issuer());
            assert_eq!(claims["aud"], *client.id);
            assert_eq!(claims["events"], json!({ EVENT: {} }));
            let (iat, exp) = (claims["iat"].as_u64(), claims["exp"].as_u64());
            let (iat, exp) = (iat.expect("iat"), exp.expect("exp"));
            assert!(now().abs_diff(iat) < 30 && (iat + 1..=iat + 120).contains(&exp));
            assert!(claims["jti"].as_str().is_some_and(|jti| jti.len() >= 16));
            let id_token = client.id_token(&login.tokens).await;
            for name in ["sub", "sid"] {
                assert_eq!(claims[name], id_token.claims[name], "{name} of {subject_type}");
            }
        }
    }
}

#[tokio::test]
async fn a_logout_token_is_good_for_nothing_else() {
    let server = server().await;
    let receiver = LogoutReceiver::start().await;
    let login = signed_in(server, &receiver).await;
    log_out(&login.browser).await;
    let logout_token = receiver.receives(1).await.remove(0);
    assert!(!login.client.is_active(&logout_token).await);
    let _ = login.client.userinfo(&logout_token).await.challenged("invalid_token");
    let path = format!("/oauth2/logout?id_token_hint={logout_token}");
    let _ = login.browser.get(&path).await.refused(400);
}

#[tokio::test]
async fn backchannel_logout_section_2_5_every_application_of_the_session_is_told_once_and_no_other()
{
    let server = server().await;
    let receivers = [
        LogoutReceiver::start().await,
        LogoutReceiver::start().await,
        LogoutReceiver::start().await,
    ];
    let browser = server.new_browser().await;
    let mut logins = Vec::new();
    for receiver in &receivers[..2] {
        let client = told_at(server, receiver, &json!({})).await;
        logins.push(Login::to(&client, &browser).await);
        // To sign in again in the same session changes nothing.
        Login::to(&client, &browser).await;
    }
    let client = told_at(server, &receivers[2], &json!({})).await;
    let elsewhere = Login::to(&client, &server.browser(&browser.user)).await;
    log_out(&browser).await;
    for (receiver, login) in receivers.iter().zip(&logins) {
        told_of(receiver, login).await;
    }
    a_while().await;
    let counts = receivers.each_ref().map(|receiver| receiver.received().len());
    assert_eq!(counts, [1, 1, 0]);
    log_out(&elsewhere.browser).await;
    told_of(&receivers[2], &elsewhere).await;
}

#[tokio::test]
async fn an_application_that_is_down_is_told_later() {
    let server = server().await;
    let [mut down, failing, refusing] = [
        LogoutReceiver::start().await,
        LogoutReceiver::start().await,
        LogoutReceiver::start().await,
    ];
    let browser = server.new_browser().await;
    let mut logins = Vec::new();
    for receiver in [&down, &failing, &refusing] {
        let client = told_at(server, receiver, &json!({})).await;
        logins.push(Login::to(&client, &browser).await);
    }
    down.stop().await;
    failing.answer(503);
    // Section 2.8: 400, which another try would not change.
    refusing.answer(400);
    log_out(&browser).await;
    failing.receives(1).await;
    refusing.receives(1).await;
    down.resume().await;
    failing.answer(204);
    told_of(&down, &logins[0]).await;
    let tries = failing.receives(2).await;
    let [first, second] = [&tries[0], &tries[1]].map(|token| unverified_claims(token));
    assert_eq!(first["sid"], second["sid"]);
    a_while().await;
    assert_eq!(failing.received().len(), 2, "settled");
    assert_eq!(refusing.received().len(), 1, "settled");
    let (_, log) = server.output();
    let refused = log.lines().find(|line| line.contains("refused a logout"));
    assert!(refused.is_some_and(|line| line.contains("WARN")), "{refused:?}");
}

#[tokio::test]
async fn a_slow_application_holds_up_nobody_and_is_told_once() {
    let server = server().await;
    // Longer than until the next try is due.
    let slow = LogoutReceiver::slow(Duration::from_secs(8)).await;
    let quick = LogoutReceiver::start().await;
    let browser = server.new_browser().await;
    for receiver in [&slow, &quick] {
        Login::to(&told_at(server, receiver, &json!({})).await, &browser).await;
    }
    log_out(&browser).await;
    slow.receives(1).await;
    quick.receives(1).await;
    assert_eq!(slow.answered(), 0, "nobody waits for it");
    sleep(Duration::from_secs(12)).await;
    assert_eq!((slow.received().len(), slow.answered()), (1, 1));
}

#[tokio::test]
async fn whatever_an_operator_ends_applications_are_told() {
    let server = server().await;
    let operator = server.operator();
    for end in ["session", "end user", "lock", "set-password", "delete"] {
        let receiver = LogoutReceiver::start().await;
        let login = signed_in(server, &receiver).await;
        let user = &login.browser.user.username;
        match end {
            "session" => {
                let listed = operator.json(&["session", "list", user]).await;
                let sid = listed[0]["sid"].as_str().expect("sid");
                operator.end(&["session", sid]).await;
            }
            "end user" => drop(operator.end(&["user", user]).await),
            "set-password" => {
                let command = ["user", "set-password", user, "--password-stdin"];
                operator.json_with(&command, "another password").await;
            }
            other => drop(operator.json(&["user", other, user]).await),
        }
        told_of(&receiver, &login).await;
    }
}

#[tokio::test]
async fn sessions_are_listed_until_they_end() {
    let server = server().await;
    let operator = server.operator();
    let receiver = LogoutReceiver::start().await;
    let login = signed_in(server, &receiver).await;
    let user = &login.browser.user;
    let other = Login::to(&login.client, &server.browser(user)).await;
    let listed = operator.json(&["session", "list", &user.username]).await;
    let sids: Vec<_> = listed.as_array().expect("a list").iter().map(|each| &each["sid"]).collect();
    assert_eq!(sids, [&json!(other.sid().await), &json!(login.sid().await)], "the latest first");
    for session in listed.as_array().expect("a list") {
        assert_eq!(session["acr"], "pwd");
        for name in ["since", "auth_time", "idle_until", "absolute_until"] {
            assert!(session[name].is_u64(), "{name}: {session}");
        }
    }
    let ran = operator.run(&["session", "list", &user.username], "").await;
    assert_eq!(ran.stdout.lines().count(), 2, "{ran:?}");
    operator.end(&["session", &login.sid().await]).await;
    let listed = operator.json(&["session", "list", &user.username]).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let complaint = operator.refused(&["session", "list", "nobody-here"], "").await;
    assert!(complaint.contains("nobody-here"), "{complaint}");
}

#[tokio::test]
async fn a_session_that_another_user_takes_the_place_of_ends_and_its_applications_are_told() {
    let server = server().await;
    let receiver = LogoutReceiver::start().await;
    let login = signed_in(server, &receiver).await;
    let bob = login.browser.used_by(&server.operator().user().await);
    let client = server.registrar().sign_in(&json!({})).await;
    let callback = bob.authorize(&client, &[("prompt", "login")]).await;
    assert!(!callback.code().is_empty());
    told_of(&receiver, &login).await;
}

#[tokio::test]
async fn when_a_session_expires_applications_are_told() {
    let server = Server::serve("session.idle = \"2s\"", &[]).await;
    let receiver = LogoutReceiver::start().await;
    let login = signed_in(&server, &receiver).await;
    told_of(&receiver, &login).await;
    let listed = server.operator().json(&["session", "list", &login.browser.user.username]).await;
    assert_eq!(listed, json!([]));
}

#[tokio::test]
async fn what_ends_while_the_server_does_not_run_is_told_when_it_runs_again() {
    let mut server = Server::serve("", &[]).await;
    let receivers = [LogoutReceiver::start().await, LogoutReceiver::start().await];
    let logins = [signed_in(&server, &receivers[0]).await, signed_in(&server, &receivers[1]).await];
    let sid = logins[0].sid().await;
    server.stop().await;
    let operator = server.operator();
    operator.end(&["session", &sid]).await;
    operator.json(&["user", "lock", &logins[1].browser.user.username]).await;
    assert_eq!(receivers[0].received(), [""; 0]);
    server.restart().await;
    for (receiver, login) in receivers.iter().zip(&logins) {
        told_of(receiver, login).await;
    }
}

#[tokio::test]
async fn a_logout_that_was_not_told_before_the_server_was_killed_is_told_afterwards() {
    let mut server = Server::serve("", &[]).await;
    let mut receiver = LogoutReceiver::start().await;
    let login = signed_in(&server, &receiver).await;
    receiver.stop().await;
    log_out(&login.browser).await;
    server.kill();
    receiver.resume().await;
    server.restart().await;
    told_of(&receiver, &login).await;
    a_while().await;
    assert_eq!(receiver.received().len(), 1, "settled");
}

#[tokio::test]
async fn an_application_that_is_gone_or_wants_to_hear_no_more_is_not_told() {
    let server = server().await;
    let [deleted, silent, kept] = [
        LogoutReceiver::start().await,
        LogoutReceiver::start().await,
        LogoutReceiver::start().await,
    ];
    let browser = server.new_browser().await;
    let mut ids = Vec::new();
    for receiver in [&deleted, &silent, &kept] {
        let client = told_at(server, receiver, &json!({})).await;
        Login::to(&client, &browser).await;
        ids.push(client.id);
    }
    let operator = server.operator();
    operator.json(&["app", "delete", &ids[0]]).await;
    operator.json(&["app", "update", &ids[1], "--set", "backchannel_logout_uri=null"]).await;
    log_out(&browser).await;
    kept.receives(1).await;
    a_while().await;
    assert_eq!((deleted.received().len(), silent.received().len()), (0, 0));
}

#[tokio::test]
async fn addresses_that_only_the_server_can_reach_are_not_called_unless_that_is_allowed() {
    let server = Server::quickstart().await;
    let receiver = LogoutReceiver::start().await;
    let login = signed_in(&server, &receiver).await;
    log_out(&login.browser).await;
    let refused = eventually("the refusal in the log", async || {
        let (_, log) = server.output();
        log.lines().find(|line| line.contains("not a public address")).map(str::to_owned)
    })
    .await;
    assert!(refused.contains("could not be told of a logout"), "{refused}");
    assert_eq!(receiver.received(), [""; 0]);
}
