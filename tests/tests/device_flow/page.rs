//! The verification page, as a person uses it in a browser without script.

use serde_json::json;
use tokenbind_tests::{Browser, Form, Page, Server};

use crate::{browser, television};

/// A browser whose user has signed in.
async fn signed_in() -> Browser {
    let browser = browser().await;
    browser.sign_in().await;
    browser
}

fn code_form(page: &Page) -> &Form {
    let form = page.html.form_to("/device").filter(|form| form.method == "get");
    form.unwrap_or_else(|| panic!("no form for a code: {}", page.html.text))
}

async fn type_code(browser: &Browser, page: &Page, code: &str) -> Page {
    let form = code_form(page).clone().fill("user_code", code);
    browser.submit(page, &form, form.buttons.first()).await
}

fn asks(page: &Page) -> bool {
    page.html.form_to("/device").is_some_and(|form| form.method == "post")
}

#[tokio::test]
async fn rfc8628_section_3_3_the_code_is_typed_after_signing_in() {
    let (client, browser) = (television(json!({})).await, browser().await);
    let device = client.device(&[("scope", "openid email films")]).await;
    let page = browser.get("/device").await;
    assert!(page.html.text.contains("to connect a device"), "{}", page.html.text);
    let page = browser.fill_in_password(&page).await;
    let page = browser.follow(page).await;
    let typed = device.user_code.to_lowercase().replace('-', " ");
    let page = type_code(&browser, &page, &typed).await;
    assert!(asks(&page), "{}", page.html.text);
    let text = &page.html.text;
    for told in [
        "Television",
        &device.user_code,
        "just now",
        "127.0.0.1",
        "e-mail address",
        "films",
        &browser.user.username,
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let page = browser.answer_device(&page, "approve").await;
    assert!(page.html.text.contains("Television goes on by itself"), "{}", page.html.text);
    let _ = client.poll(&device).await.tokens();
}

#[tokio::test]
async fn rfc8628_section_5_4_the_link_asks_too_whatever_was_agreed_to_before() {
    let (client, browser) = (television(json!({ "skip_consent": true })).await, signed_in().await);
    for _ in 0..2 {
        let device = client.device(&[]).await;
        let page = browser.device_page(&device).await;
        assert!(asks(&page) && page.html.text.contains(&device.user_code), "{}", page.html.text);
        let _ = client.poll(&device).await.refused(400, "authorization_pending");
        let _ = browser.answer_device(&page, "approve").await;
        let _ = client.poll(&device).await.tokens();
    }
}

#[tokio::test]
async fn the_link_leads_through_the_sign_in_and_a_wrong_password() {
    let (client, browser) = (television(json!({})).await, browser().await);
    let device = client.device(&[]).await;
    let path = format!("/device?user_code={}", device.user_code);
    let page = browser.get(&path).await;
    assert!(!page.html.text.contains("Television"), "nothing is told to strangers");
    let page = browser.fill_in(&page, &browser.user.username, "wrong").await;
    assert!(page.html.text.contains("to connect a device"), "{}", page.html.text);
    let page = browser.fill_in_password(&page).await;
    assert_eq!(
        page.location().expect("a redirect").query(),
        Some(&*format!("user_code={}", device.user_code))
    );
    assert!(asks(&browser.follow(page).await));
}

#[tokio::test]
async fn a_device_says_what_it_is_and_the_page_shows_it() {
    let (client, browser) = (television(json!({})).await, signed_in().await);
    let request = client.http.form_of("/oauth2/device_authorization", &[("client_id", &client.id)]);
    let answer =
        tokenbind_tests::send(request.header("user-agent", "curl/8.5.0")).await.expect(200);
    let code = answer["user_code"].as_str().expect("user_code");
    let page = browser.get(&format!("/device?user_code={code}")).await;
    assert!(page.html.text.contains("With curl"), "{}", page.html.text);
}

#[tokio::test]
async fn wrong_codes_are_told_apart_and_never_repeated_unescaped() {
    let browser = signed_in().await;
    let page = browser.get("/device").await;
    for (code, told) in
        [("BBBB-BBBB", "not known"), ("hello", "eight letters"), ("\"><script>", "eight letters")]
    {
        let page = type_code(&browser, &page, code).await;
        assert_eq!(page.answer.status, 200);
        assert!(page.html.text.contains(told), "{}", page.html.text);
        assert!(!page.answer.text().contains("<script>"));
        assert_eq!(code_form(&page).value("user_code"), Some(code));
    }
}

#[tokio::test]
async fn rfc8628_section_5_1_guessing_is_slowed_down() {
    let (client, browser) = (television(json!({})).await, signed_in().await);
    let device = client.device(&[]).await;
    let letters = "BCDFGHJKLM";
    let pairs = letters.chars().flat_map(|a| letters.chars().map(move |b| (a, b)));
    let mut refused = None;
    for (first, second) in pairs {
        let page = browser.get(&format!("/device?user_code=ZZZZ-ZZ{first}{second}")).await;
        if page.answer.status == 429 {
            refused = Some(page);
            break;
        }
    }
    let page = refused.expect("too many");
    assert!(page.answer.headers.contains_key("retry-after"));
    assert!(page.html.text.contains("Too many attempts"), "{}", page.html.text);
    // Not even the right one is heard now, from this user; from another one it is.
    let path = format!("/device?user_code={}", device.user_code);
    assert_eq!(browser.get(&path).await.answer.status, 429);
    let other = signed_in().await;
    assert!(asks(&other.get(&path).await));
}

#[tokio::test]
async fn a_form_of_another_site_answers_nothing() {
    let (client, browser) = (television(json!({})).await, signed_in().await);
    let device = client.device(&[]).await;
    let page = browser.device_page(&device).await;
    let form = page.html.form_to("/device").expect("a form");
    let pairs = form.pairs(form.button("approve"));
    for replaced in ["csrf", ""] {
        let fields: Vec<_> = pairs
            .iter()
            .filter(|(name, _)| name != replaced)
            .map(|(name, value)| (&**name, if name == "csrf" { "foreign" } else { value }))
            .collect();
        let page = browser.post("/device", &fields).await;
        assert_eq!(page.answer.status, 403, "{}", page.html.text);
    }
    let _ = client.poll(&device).await.refused(400, "authorization_pending");
}

#[tokio::test]
async fn what_is_answered_is_what_was_shown_to_whom_it_was_shown() {
    let (client, browser) = (television(json!({})).await, signed_in().await);
    let (device, other) = (client.device(&[]).await, client.device(&[]).await);
    let page = browser.device_page(&device).await;
    let form = page.html.form_to("/device").expect("a form").clone();
    let approve = form.button("approve").cloned();
    // The code of one and the name of the other.
    let mixed = form.clone().fill("user_code", &other.user_code);
    let answer = browser.submit(&page, &mixed, approve.as_ref()).await;
    assert!(answer.html.text.contains("not known"), "{}", answer.html.text);
    // Somebody else has signed in meanwhile.
    let user = Server::shared().await.operator().user().await;
    browser.sign_out().await;
    browser.used_by(&user).sign_in().await;
    let answer = browser.submit(&page, &form, approve.as_ref()).await;
    assert!(answer.location().is_some(), "{}", answer.html.text);
    for device in [&device, &other] {
        let _ = client.poll(device).await.refused(400, "authorization_pending");
    }
}

#[tokio::test]
async fn somebody_else_may_answer_after_signing_in() {
    let (client, browser) = (television(json!({})).await, signed_in().await);
    let device = client.device(&[("scope", "openid")]).await;
    let page = browser.device_page(&device).await;
    let page = browser.answer_device(&page, "switch").await;
    let user = Server::shared().await.operator().user().await;
    let browser = browser.used_by(&user);
    let page = browser.fill_in_password(&page).await;
    let page = browser.follow(page).await;
    let _ = browser.answer_device(&page, "approve").await;
    let tokens = client.poll(&device).await.tokens();
    assert_eq!(client.id_token(&tokens).await.claims["sub"], *user.sub);
}

#[tokio::test]
async fn an_approval_is_remembered_and_can_be_taken_back() {
    let (client, browser) = (television(json!({})).await, signed_in().await);
    let (_, tokens) = client.connected(&browser, &[("scope", "email films")]).await;
    let page = browser.get("/account").await;
    for told in ["Television", "e-mail address", "films"] {
        assert!(page.html.text.contains(told), "{told}: {}", page.html.text);
    }
    let form = page.html.form_to("/account/applications/end").expect("a form");
    browser.submit(&page, form, form.buttons.first()).await;
    let both = [&*tokens.access_token, tokens.refresh_token()];
    assert_eq!(crate::observer().await.which_active(&both).await, [false, false]);
}

#[tokio::test]
async fn the_page_is_framed_nowhere_and_loads_nothing_of_others() {
    let (client, browser) = (television(json!({})).await, signed_in().await);
    let device = client.device(&[]).await;
    for page in [browser.get("/device").await, browser.device_page(&device).await] {
        let told = |name: &str| page.answer.headers[name].to_str().expect("ASCII").to_owned();
        let policy = told("content-security-policy");
        for needed in ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(needed), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
        assert_eq!(told("cache-control"), "no-store");
        assert_eq!(told("referrer-policy"), "no-referrer");
    }
}
