//! The account page: users see and end what is theirs, and nobody else's.

use serde_json::json;
use tokenbind_tests::{Browser, Login, LogoutReceiver, Page, Server, User};

async fn account(browser: &Browser) -> Page {
    let page = browser.open("/account").await;
    assert_eq!(page.answer.status, 200, "{}", page.html.text);
    page
}

async fn signed_in(server: &Server, user: &User) -> Browser {
    let browser = server.browser(user);
    browser.sign_in().await;
    browser
}

async fn is_signed_in(browser: &Browser) -> bool {
    account(browser).await.html.sign_in_form().is_none()
}

/// The `sid` of each session on the page, this browser's first.
fn sids(page: &Page) -> Vec<String> {
    let forms = page.html.forms.iter().filter(|form| form.action == "/account/sessions/end");
    forms.map(|form| form.value("session").expect("a session").to_owned()).collect()
}

/// Presses the button that ends the session `sid`, as if it were on the page.
async fn end_session(browser: &Browser, page: &Page, sid: &str) -> Page {
    let form = page.html.form_to("/account/sessions/end").expect("a form");
    let form = form.clone().fill("session", sid);
    let page = browser.submit(page, &form, None).await;
    browser.follow(page).await
}

/// Fills in the form for another password.
async fn change_password(browser: &Browser, old: &str, new: &str, repeated: &str) -> Page {
    let page = account(browser).await;
    let form = page.html.form_to("/account/password").expect("the form");
    let form = form.clone().fill("current", old).fill("new", new).fill("repeated", repeated);
    let page = browser.submit(&page, &form, None).await;
    browser.follow(page).await
}

#[tokio::test]
async fn users_end_their_own_sessions_one_by_one() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let [here, there, elsewhere] = [
        signed_in(server, &user).await,
        signed_in(server, &user).await,
        signed_in(server, &user).await,
    ];
    let page = account(&here).await;
    let listed = sids(&page);
    assert_eq!(listed.len(), 3);
    let ended = end_session(&here, &page, &listed[1]).await;
    assert!(ended.html.text.contains("signed out"), "{}", ended.html.text);
    assert_eq!(sids(&ended).len(), 2);
    let left = [is_signed_in(&there).await, is_signed_in(&elsewhere).await];
    assert_eq!(left.into_iter().filter(|left| *left).count(), 1);
    assert!(is_signed_in(&here).await);
}

#[tokio::test]
async fn to_end_this_browsers_session_is_to_sign_out() {
    let server = Server::shared().await;
    let browser = server.new_browser().await;
    browser.sign_in().await;
    let page = account(&browser).await;
    let page = end_session(&browser, &page, &sids(&page)[0]).await;
    assert!(page.html.text.contains("You are signed out"), "{}", page.html.text);
    assert_eq!(browser.session(), None);
    assert!(!is_signed_in(&browser).await);
}

#[tokio::test]
async fn nobody_ends_another_users_session() {
    let server = Server::shared().await;
    let [alice, mallory] = [server.new_browser().await, server.new_browser().await];
    alice.sign_in().await;
    mallory.sign_in().await;
    let sid = sids(&account(&alice).await).remove(0);
    let page = account(&mallory).await;
    end_session(&mallory, &page, &sid).await;
    assert!(is_signed_in(&alice).await);
    assert!(is_signed_in(&mallory).await);
}

#[tokio::test]
async fn a_new_password_must_be_good_and_the_old_one_right() {
    let server = Server::shared().await;
    let (username, old) = ("somebody-with-a-long-name", "old password");
    let added = ["user", "add", username, "--password-stdin"];
    server.operator().json_with(&added, old).await;
    let user = User { username: username.into(), password: old.into(), sub: String::new() };
    let browser = signed_in(server, &user).await;
    let other_case = username.to_uppercase();
    let long = "x".repeat(1025);
    for (given, new, told) in [
        ("wrong", "another password", "not your current password"),
        (old, "1234567", "at least 8 characters"),
        (old, &*long, "at most 1024 bytes"),
        (old, username, "must not be the username"),
        (old, &*other_case, "must not be the username"),
    ] {
        let page = change_password(&browser, given, new, new).await;
        assert!(page.html.text.contains(told), "{new}: {}", page.html.text);
    }
    let page = change_password(&browser, old, "another password", "another passwort").await;
    assert!(page.html.text.contains("not the same"), "{}", page.html.text);
    signed_in(server, &browser.user).await;
}

#[tokio::test]
async fn a_new_password_counts_at_once_and_the_old_one_no_more() {
    let server = Server::shared().await;
    let browser = server.new_browser().await;
    browser.sign_in().await;
    let new = "neues Paßwort &+%";
    let page = change_password(&browser, &browser.user.password, new, new).await;
    assert!(page.html.text.contains("Your password is changed"), "{}", page.html.text);
    let user = User { password: new.into(), ..browser.user.clone() };
    signed_in(server, &user).await;
    let stranger = server.browser(&browser.user);
    let page = stranger.fill_in_password(&stranger.open("/account").await).await;
    assert!(page.html.text.contains("wrong"), "{}", page.html.text);
}

#[tokio::test]
async fn wrong_passwords_are_counted_here_too() {
    let server = Server::serve("limits.failed_logins_per_minute = 3", &[]).await;
    let browser = server.new_browser().await;
    browser.sign_in().await;
    let mut told = String::new();
    for _ in 0..8 {
        told = change_password(&browser, "wrong", "another password", "another password")
            .await
            .html
            .text;
    }
    assert!(told.contains("oo many"), "{told}");
    let old = browser.user.password.clone();
    let page = change_password(&browser, &old, "another password", "another password").await;
    assert!(!page.html.text.contains("is changed"), "{}", page.html.text);
}

#[tokio::test]
async fn applications_are_told_of_what_users_end_and_of_nothing_that_lives_on() {
    let server = Server::serve("", &[]).await;
    let [here, there] = [LogoutReceiver::start().await, LogoutReceiver::start().await];
    let user = server.operator().user().await;
    let mut logins = Vec::new();
    for receiver in [&here, &there] {
        let settings = json!({ "backchannel_logout_uri": receiver.uri() });
        let client = server.registrar().sign_in(&settings).await;
        logins.push(Login::to(&client, &server.browser(&user)).await);
    }
    let browser = &logins[0].browser;
    let page =
        change_password(browser, &user.password, "another password", "another password").await;
    assert!(page.html.text.contains("Your password is changed"), "{}", page.html.text);
    there.receives(1).await;
    let observer = server.registrar().observer().await;
    logins[0].assert_alive(&observer).await;
    logins[1].assert_dead(&observer).await;
    assert_eq!(here.received(), [""; 0], "the session that changed it lives on");

    let page = account(browser).await;
    end_session(browser, &page, &sids(&page)[0]).await;
    here.receives(1).await;
}

#[tokio::test]
async fn an_application_that_is_shut_out_has_to_ask_again() {
    let server = Server::shared().await;
    let login = Login::anew(server, &json!({})).await;
    let other = Login::to(&server.registrar().sign_in(&json!({})).await, &login.browser).await;
    let page = account(&login.browser).await;
    let form = page.html.forms.iter().find(|form| {
        form.action == "/account/applications/end"
            && form.value("application") == Some(&*login.client.id)
    });
    let form = form.expect("the application's form").clone();
    let page = login.browser.submit(&page, &form, None).await;
    let page = login.browser.follow(page).await;
    assert!(page.html.text.contains("no access any more"), "{}", page.html.text);
    let observer = server.registrar().observer().await;
    login.assert_dead(&observer).await;
    other.assert_alive(&observer).await;
}
