//! Login sessions: when they end, whose they are, and who cannot take them over.

use std::time::Duration;

use reqwest::header::SET_COOKIE;
use serde_json::json;
use tokenbind_tests::{
    Browser, Client, Login, Page, SESSION_COOKIE, Server, User, eventually, seconds_pass,
};
use tokio::time::Instant;

async fn application() -> Client {
    Server::shared().await.registrar().sign_in(&json!({})).await
}

/// Whether the browser's user is signed in.
async fn is_signed_in(browser: &Browser) -> bool {
    browser.open("/account").await.html.sign_in_form().is_none()
}

async fn sign_in_page(browser: &Browser, client: &Client) -> Page {
    let request = client.authorization_request(&[("prompt", "login")]);
    let page = browser.open(&request.path()).await;
    assert!(page.html.sign_in_form().is_some(), "{}", page.html.text);
    page
}

#[tokio::test]
async fn the_cookie_is_a_host_cookie_with_exactly_these_attributes() {
    let (client, browser) = (application().await, Server::shared().await.new_browser().await);
    let page = sign_in_page(&browser, &client).await;
    assert_eq!(browser.session(), None, "there is no session before somebody signs in");
    let answer = browser.fill_in_password(&page).await.answer;
    let set: Vec<_> = answer
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().expect("ASCII").strip_prefix(SESSION_COOKIE))
        .collect();
    let [set] = set[..] else { panic!("one cookie: {set:?}") };
    let mut attributes: Vec<_> = set.split("; ").skip(1).collect();
    attributes.sort_unstable();
    assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
    assert!(browser.session().is_some_and(|value| value.starts_with("tb_ss_")));
}

#[tokio::test]
async fn a_planted_cookie_is_not_taken_over_at_login() {
    let server = Server::shared().await;
    let (client, attacker) = (application().await, server.new_browser().await);
    attacker.sign_in().await;
    let planted = attacker.session().expect("a session");
    let victim = server.new_browser().await;
    victim.plant(&format!("{SESSION_COOKIE}={planted}; Path=/; Secure"));
    let page = sign_in_page(&victim, &client).await;
    let page = victim.fill_in_password(&page).await;
    let _ = victim.follow(page).await;
    assert_ne!(victim.session(), Some(planted.clone()), "no fixation: a login has its own id");
    assert!(is_signed_in(&victim).await);
    // Whoever planted it is not signed in as the victim.
    let seen = attacker.open("/account").await;
    assert!(!seen.html.text.contains(&victim.user.username), "{}", seen.html.text);
}

#[tokio::test]
async fn each_login_has_another_id_and_a_made_up_one_is_none() {
    let server = Server::shared().await;
    let first = server.new_browser().await;
    first.sign_in().await;
    let second = server.browser(&first.user);
    second.sign_in().await;
    assert_ne!(first.session(), second.session());
    for value in ["", "x", "tb_ss_", &tokenbind_tests::flipped(&first.session().expect("one"), 20)]
    {
        let forger = server.browser(&first.user);
        forger.plant(&format!("{SESSION_COOKIE}={value}; Path=/; Secure"));
        assert!(!is_signed_in(&forger).await, "{value}");
    }
}

#[tokio::test]
async fn two_session_cookies_in_one_request_are_none() {
    let server = Server::shared().await;
    let browser = server.new_browser().await;
    browser.sign_in().await;
    let value = browser.session().expect("a session");
    let client = application().await;
    let request = client.authorization_request(&[("prompt", "none")]);
    let both = format!("{SESSION_COOKIE}={value}; {SESSION_COOKIE}={value}");
    let sent = browser.http.request(reqwest::Method::GET, &request.path()).header("cookie", both);
    let answer = tokenbind_tests::send(sent).await;
    let to = answer.header(&reqwest::header::LOCATION).expect("an answer");
    assert!(to.contains("error=login_required"), "{to}");
}

#[tokio::test]
async fn a_logout_ends_the_session_for_a_copied_cookie_too() {
    let server = Server::shared().await;
    let browser = server.new_browser().await;
    browser.sign_in().await;
    let copy = browser.stolen(server.http());
    assert!(is_signed_in(&copy).await);
    browser.sign_out().await;
    assert!(!is_signed_in(&copy).await);
    assert_eq!(browser.session(), None, "the browser keeps no cookie of a dead session");
}

#[tokio::test]
async fn the_same_user_who_signs_in_again_renews_the_session() {
    let (client, browser) = (application().await, Server::shared().await.new_browser().await);
    let first = Login::asking(&client, &browser, &[("max_age", "1000")]).await;
    let cookie = browser.session();
    seconds_pass(1).await;
    let again = Login::asking(&client, &browser, &[("prompt", "login"), ("max_age", "1000")]).await;
    assert_eq!(browser.session(), cookie, "one value for the session's life");
    assert_eq!(first.sid().await, again.sid().await);
    let at =
        async |login: &Login| client.id_token(&login.tokens).await.claims["auth_time"].as_u64();
    assert!(at(&again).await > at(&first).await);
}

#[tokio::test]
async fn another_user_in_the_same_browser_ends_the_first_ones_session() {
    let server = Server::shared().await;
    let (client, browser) = (application().await, server.new_browser().await);
    let first = Login::to(&client, &browser).await;
    let copy = browser.stolen(server.http());
    let other = browser.used_by(&server.operator().user().await);
    let second = Login::asking(&client, &other, &[("prompt", "login")]).await;
    assert_ne!(first.sid().await, second.sid().await);
    assert_ne!(copy.session(), other.session());
    assert!(!is_signed_in(&copy).await, "ended as by logout");
    assert!(is_signed_in(&other).await);
}

#[tokio::test]
async fn a_failed_login_changes_nothing_about_the_session() {
    let (client, browser) = (application().await, Server::shared().await.new_browser().await);
    let login = Login::to(&client, &browser).await;
    let cookie = browser.session();
    let page = sign_in_page(&browser, &client).await;
    let page = browser.fill_in(&page, "somebody else", "wrong").await;
    assert!(page.html.sign_in_form().is_some());
    assert_eq!(browser.session(), cookie);
    let _ = browser.authorize_silently(&client, &[]).await.code();
    login.assert_alive(&client).await;
}

#[tokio::test]
async fn idle_and_absolute_end_count_for_the_browser_too() {
    let server = Server::serve("session.idle = \"2s\"\nsession.absolute = \"4s\"", &[]).await;
    let client = server.registrar().sign_in(&json!({})).await;
    let (idle, busy) = (server.new_browser().await, server.new_browser().await);
    idle.sign_in().await;
    busy.sign_in().await;
    let began = Instant::now();
    let ended = eventually("the absolute end comes", async || {
        let callback = busy.authorize_silently(&client, &[]).await;
        callback.get("error").map(|_| began.elapsed())
    })
    .await;
    assert!(ended > Duration::from_millis(2_900), "use moves the idle end on: {ended:?}");
    assert!(!is_signed_in(&idle).await);
    assert!(!is_signed_in(&busy).await);
    busy.sign_in().await;
    assert!(is_signed_in(&busy).await, "and one can sign in again");
}

#[tokio::test]
async fn an_operator_who_ends_a_session_signs_its_browser_out() {
    let server = Server::shared().await;
    let (client, browser) = (application().await, server.new_browser().await);
    let login = Login::to(&client, &browser).await;
    server.operator().end(&["session", &login.sid().await]).await;
    let _ = browser.authorize_silently(&client, &[]).await.refused("login_required");
    assert!(!is_signed_in(&browser).await);
}

#[tokio::test]
async fn a_lock_signs_all_browsers_out_and_lets_none_in_until_it_is_lifted() {
    let server = Server::shared().await;
    let (client, browser) = (application().await, server.new_browser().await);
    browser.sign_in().await;
    let username = &browser.user.username;
    let _ = server.operator().json(&["user", "lock", username]).await;
    assert!(!is_signed_in(&browser).await);
    let page = sign_in_page(&browser, &client).await;
    let page = browser.fill_in_password(&page).await;
    assert!(page.html.sign_in_form().is_some(), "{}", page.html.text);
    let _ = server.operator().json(&["user", "unlock", username]).await;
    assert!(!is_signed_in(&browser).await, "what was ended stays ended");
    browser.sign_in().await;
}

#[tokio::test]
async fn a_new_password_signs_out_every_browser_but_the_one_that_set_it() {
    let server = Server::shared().await;
    let client =
        server.registrar().sign_in(&json!({ "token_binding_types": ["sso-session"] })).await;
    let browser = server.new_browser().await;
    let elsewhere = server.browser(&browser.user);
    let (here, there) = (Login::to(&client, &browser).await, Login::to(&client, &elsewhere).await);
    let page = browser.open("/account").await;
    let form = page.html.form_to("/account/password").expect("a form for the password").clone();
    let form = form.fill("current", &browser.user.password);
    let form = form.fill("new", "a better password").fill("repeated", "a better password");
    let page = browser.submit(&page, &form, form.buttons.first()).await;
    let page = browser.follow(page).await;
    assert_eq!(page.answer.status, 200, "{}", page.html.text);
    assert!(is_signed_in(&browser).await && !is_signed_in(&elsewhere).await);
    here.assert_alive(&client).await;
    there.assert_dead(&client).await;
    let renamed = User { password: "a better password".into(), ..browser.user.clone() };
    server.browser(&renamed).sign_in().await;
}

/// Tries passwords from one host until they are no longer heard.
async fn guess_until_throttled(browser: &Browser, client: &Client) {
    let page = sign_in_page(browser, client).await;
    eventually("guesses are slowed down", async || {
        let page = browser.fill_in(&page, &browser.user.username, "a guess").await;
        assert_eq!(browser.session(), None);
        (page.answer.status == 429).then_some(())
    })
    .await;
    // Now the right password is not heard from there either, or guessing would go on.
    let page = browser.fill_in_password(&page).await;
    assert_eq!(page.answer.status, 429, "{}", page.html.text);
    assert!(page.answer.headers.contains_key("retry-after"));
    assert!(!page.html.text.is_empty(), "a page for people: {}", page.answer.text());
}

#[tokio::test]
async fn guessing_is_slowed_down_without_locking_the_rightful_user_out() {
    let server = Server::serve("limits.failed_logins_per_minute = 5", &[]).await;
    let client = server.registrar().sign_in(&json!({})).await;
    let owner = server.new_browser().await;
    let thief = Browser::on(server.http_from(66), &owner.user);
    guess_until_throttled(&thief, &client).await;
    // The owner, at home.
    owner.sign_in().await;
    assert!(is_signed_in(&owner).await);
    // A neighbour on the thief's network, who does not guess.
    let neighbour = Browser::on(server.http_from(66), &server.operator().user().await);
    neighbour.sign_in().await;
}

#[tokio::test]
async fn guessing_from_many_hosts_locks_nobody_out() {
    let server = Server::serve("limits.failed_logins_per_minute = 5", &[]).await;
    let client = server.registrar().sign_in(&json!({})).await;
    let user = server.operator().user().await;
    for host in 100..110 {
        let thief = Browser::on(server.http_from(host), &user);
        let page = sign_in_page(&thief, &client).await;
        for _ in 0..4 {
            let page = thief.fill_in(&page, &user.username, "a guess").await;
            assert_eq!(
                page.answer.status, 200,
                "no host has guessed too often: {}",
                page.html.text
            );
        }
    }
    server.browser(&user).sign_in().await;
}

#[tokio::test]
async fn a_browser_that_its_user_has_signed_in_with_is_heard_whoever_guesses_beside_it() {
    let server = Server::serve("limits.failed_logins_per_minute = 5", &[]).await;
    let client = server.registrar().sign_in(&json!({})).await;
    let user = server.operator().user().await;
    let own = Browser::on(server.http_from(66), &user);
    own.sign_in().await;
    guess_until_throttled(&Browser::on(server.http_from(66), &user), &client).await;
    let page = sign_in_page(&own, &client).await;
    let page = own.fill_in_password(&page).await;
    assert_eq!(page.answer.status, 303, "{}", page.html.text);
}

#[tokio::test]
async fn guessing_many_users_passwords_from_one_host_is_slowed_down_too() {
    let server = Server::serve("limits.failed_logins_per_minute = 5", &[]).await;
    let client = server.registrar().sign_in(&json!({})).await;
    let thief = Browser::on(server.http_from(66), &server.operator().user().await);
    let page = sign_in_page(&thief, &client).await;
    let mut number = 0;
    eventually("guesses are slowed down", async || {
        number += 1;
        let page = thief.fill_in(&page, &format!("someone-{number}"), "a guess").await;
        (page.answer.status == 429).then_some(())
    })
    .await;
    assert!(number <= 1_000, "{number} guesses were heard");
    let owner = server.browser(&thief.user);
    owner.sign_in().await;
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_look_alike() {
    let (client, browser) = (application().await, Server::shared().await.new_browser().await);
    let page = sign_in_page(&browser, &client).await;
    let mut seen = Vec::new();
    for (name, password) in [(&*browser.user.username, "wrong"), ("nobody-of-that-name", "wrong")] {
        let page = browser.fill_in(&page, name, password).await;
        let text = page.html.text.replace(name, "NAME");
        seen.push((page.answer.status, page.html.title.clone(), text));
    }
    assert_eq!(seen[0], seen[1]);
}
