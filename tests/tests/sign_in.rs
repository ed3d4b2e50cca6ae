//! Signing in and consenting, as a person does it in a browser without script.

use std::collections::BTreeSet;

use reqwest::{Method, header};
use serde_json::{Value, json};
use tokenbind_tests::{AuthorizationRequest, Browser, Client, Form, Page, Server, send};

async fn application(more: Value) -> Client {
    Server::shared().await.registrar().sign_in(&more).await
}

/// An application whose users are asked.
async fn asking() -> Client {
    application(json!({ "skip_consent": false, "client_name": "Shop & <b>Sons</b>" })).await
}

async fn browser() -> Browser {
    Server::shared().await.new_browser().await
}

/// The sign-in page of a new request of this application.
async fn sign_in_page(browser: &Browser, client: &Client) -> (AuthorizationRequest, Page) {
    let request = client.authorization_request(&[]);
    let page = browser.get(&request.path()).await;
    assert_eq!(page.answer.status, 200);
    assert!(page.html.sign_in_form().is_some(), "{}", page.html.text);
    (request, page)
}

/// The consent page of a request whose user is signed in.
async fn consent_page(browser: &Browser, request: &AuthorizationRequest) -> Page {
    let page = browser.open(&request.path()).await;
    assert!(page.html.form_to("/consent").is_some(), "{}", page.html.text);
    page
}

mod the_sign_in_page {
    use super::*;

    #[tokio::test]
    async fn says_who_asks_and_leads_back_there() {
        let (client, browser) = (asking().await, browser().await);
        let (request, page) = sign_in_page(&browser, &client).await;
        assert!(page.html.text.contains("Shop & <b>Sons</b>"), "{}", page.html.text);
        assert!(page.html.text.contains("app.example"), "{}", page.html.text);
        let callback = browser.go_on(&request, page).await;
        let _ = client.redeem(&callback).await.tokens();
    }

    #[tokio::test]
    async fn works_without_script_and_is_neither_framed_nor_kept() {
        let (client, browser) = (asking().await, browser().await);
        let (_, page) = sign_in_page(&browser, &client).await;
        let told = |name: &str| page.answer.headers[name].to_str().expect("ASCII").to_owned();
        let policy = told("content-security-policy");
        for needed in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(needed), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(told("cache-control"), "no-store");
        assert_eq!(told("x-frame-options"), "DENY");
        assert_eq!(told("referrer-policy"), "no-referrer");
        let text = page.answer.text();
        assert!(!text.contains("onsubmit") && !text.contains("onclick"), "{text}");
    }

    #[tokio::test]
    async fn after_a_wrong_password_shows_itself_again_with_the_name_and_never_the_password() {
        let (client, browser) = (asking().await, browser().await);
        let (request, page) = sign_in_page(&browser, &client).await;
        let secret = "a wrong password nobody else has";
        let page = browser.fill_in(&page, &browser.user.username, secret).await;
        let form = page.html.sign_in_form().expect("the form again");
        assert_eq!(form.value("username"), Some(&*browser.user.username));
        assert!(!page.answer.text().contains(secret));
        assert!(page.html.text.to_lowercase().contains("wrong"), "{}", page.html.text);
        assert_eq!(browser.session(), None);
        let _ = browser.go_on(&request, page).await.code();
    }

    #[tokio::test]
    async fn fills_in_the_hint_and_escapes_it() {
        let (client, browser) = (asking().await, browser().await);
        for hint in ["ada", "\"><script>alert(1)</script>", "ada & <b>"] {
            let request = client.authorization_request(&[("login_hint", hint)]);
            let page = browser.get(&request.path()).await;
            assert_eq!(page.html.sign_in_form().expect("a form").value("username"), Some(hint));
            assert!(!page.answer.text().contains("<script>alert"));
        }
    }

    #[tokio::test]
    async fn can_be_cancelled_and_the_application_is_told() {
        let (client, browser) = (asking().await, browser().await);
        let (request, page) = sign_in_page(&browser, &client).await;
        let form = page.html.sign_in_form().expect("a form").clone();
        let cancel = form.buttons.iter().find(|button| button.text == "Cancel");
        let page = browser.submit(&page, &form, cancel).await;
        let callback = page.callback(&request, browser.http.base()).expect("an answer");
        let _ = callback.refused("access_denied");
        assert_eq!(browser.session(), None);
    }

    #[tokio::test]
    async fn leads_back_to_the_request_less_what_asked_for_the_sign_in() {
        let (client, browser) = (asking().await, browser().await);
        let more = [("prompt", "login consent"), ("max_age", "0"), ("extra", "é&=")];
        let request = client.authorization_request(&more);
        let page = browser.get(&request.path()).await;
        let page = browser.fill_in_password(&page).await;
        assert_eq!(page.answer.status, 303);
        let to = page.location().expect("a redirect");
        assert_eq!(to.path(), "/oauth2/authorize");
        let sent: BTreeSet<(String, String)> = to.query_pairs().into_owned().collect();
        let expected = request.clone().without("max_age").with("prompt", "consent");
        assert_eq!(sent, expected.parameters.iter().cloned().collect());
        let page = browser.follow(page).await;
        assert!(page.html.form_to("/consent").is_some(), "{}", page.html.text);
        let _ = browser.go_on(&request, page).await.code();
    }

    #[tokio::test]
    async fn with_select_account_offers_to_go_on_as_who_is_signed_in() {
        let (client, browser) = (application(json!({})).await, browser().await);
        browser.sign_in().await;
        let request = client.authorization_request(&[("prompt", "select_account")]);
        let page = browser.get(&request.path()).await;
        assert!(page.html.text.contains(&browser.user.username), "{}", page.html.text);
        let has_continue = |form: &&Form| {
            form.button("1").is_some_and(|button| {
                button.pair.as_ref().is_some_and(|(name, _)| name == "continue")
            })
        };
        let form = page.html.forms.iter().find(has_continue).expect("a form to go on").clone();
        let next = browser.submit(&page, &form, form.buttons.first()).await;
        let next = browser.follow(next).await;
        let callback = next.callback(&request, browser.http.base()).expect("an answer");
        let tokens = client.redeem(&callback).await.tokens();
        assert_eq!(client.id_token(&tokens).await.claims["sub"], *browser.user.sub);
        // Or as somebody else.
        let other = browser.used_by(&Server::shared().await.operator().user().await);
        let page = other.get(&request.path()).await;
        let page = other.fill_in_password(&page).await;
        let tokens = client.redeem(&other.go_on(&request, page).await).await.tokens();
        assert_eq!(client.id_token(&tokens).await.claims["sub"], *other.user.sub);
    }
}

mod forms {
    use super::*;

    /// Forms that a page of somebody else could have a browser send.
    fn forged(form: &Form) -> Vec<Form> {
        let other = form.clone().fill("csrf", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        vec![form.clone().strip("csrf"), form.clone().fill("csrf", ""), other]
    }

    #[tokio::test]
    async fn a_sign_in_without_the_pages_own_token_is_refused() {
        let (client, browser) = (asking().await, browser().await);
        let (_, page) = sign_in_page(&browser, &client).await;
        let user = &browser.user;
        let form = page.html.sign_in_form().expect("a form").clone();
        let form = form.fill("username", &user.username).fill("password", &user.password);
        for forged in forged(&form) {
            let page = browser.submit(&page, &forged, None).await;
            let _ = page.refused(403);
            assert_eq!(browser.session(), None);
        }
        // The right field, and no cookie: another browser.
        let stranger = Server::shared().await.browser(user);
        let refused = stranger.submit(&page, &form, None).await;
        let _ = refused.refused(403);
        assert_eq!(stranger.session(), None);
    }

    #[tokio::test]
    async fn a_consent_without_the_pages_own_token_is_refused() {
        let (client, browser) = (asking().await, browser().await);
        browser.sign_in().await;
        let request = client.authorization_request(&[]);
        let page = consent_page(&browser, &request).await;
        let form = page.html.form_to("/consent").expect("a form").clone();
        for forged in forged(&form) {
            let refused = browser.submit(&page, &forged, form.button("allow")).await;
            let _ = refused.refused(403);
        }
        let _ = browser.authorize_silently(&client, &[]).await.refused("consent_required");
        let _ = browser.go_on(&request, page).await.code();
    }

    #[tokio::test]
    async fn a_request_that_was_changed_in_the_form_is_checked_like_any_other() {
        let (client, browser) = (asking().await, browser().await);
        let evil = client.authorization_request(&[("redirect_uri", "https://evil.example/steal")]);
        let (_, page) = sign_in_page(&browser, &client).await;
        let user = &browser.user;
        let form = page.html.sign_in_form().expect("a form").clone();
        for request in
            [evil.encoded(), "client_id=nobody".to_owned(), "%".to_owned(), String::new()]
        {
            let form = form.clone().fill("request", &request);
            let cancel = form.buttons.iter().find(|button| button.text == "Cancel").cloned();
            let cancelled = browser.submit(&page, &form, cancel.as_ref()).await;
            let cancelled = browser.follow(cancelled).await;
            let location = cancelled.answer.header(&header::LOCATION);
            assert_eq!(location, None, "{request}");
        }
        let form = form.fill("username", &user.username).fill("password", &user.password);
        let changed = form.clone().fill("request", &evil.encoded());
        let page = browser.submit(&page, &changed, None).await;
        let page = browser.follow(page).await;
        let _ = page.refused(400);
    }

    #[tokio::test]
    async fn the_forms_address_leads_to_the_server_alone() {
        let browser = browser().await;
        for path in ["/sign-in", "/consent", "/account/password", "/logout/confirm"] {
            let answer = send(browser.http.request(Method::GET, path)).await;
            assert!([404, 405].contains(&answer.status), "{path}: {}", answer.status);
            let answer =
                browser.http.form(path, None, &[("request", "https://evil.example/")]).await;
            assert_eq!(answer.header(&header::LOCATION), None, "{path}");
            assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        }
    }
}

mod consent {
    use super::*;

    #[tokio::test]
    async fn says_who_asks_whom_for_what() {
        let (client, browser) = (asking().await, browser().await);
        browser.sign_in().await;
        let request = client.authorization_request(&[("scope", "openid profile email")]);
        let page = consent_page(&browser, &request).await;
        for word in ["Shop & <b>Sons</b>", &*browser.user.username, "app.example"] {
            assert!(page.html.text.contains(word), "{word}: {}", page.html.text);
        }
        for permission in ["your e-mail address", "your profile"] {
            assert!(page.html.text.contains(permission), "{permission}: {}", page.html.text);
        }
    }

    #[tokio::test]
    async fn is_asked_once_for_an_application_and_again_for_more() {
        let (client, browser) = (asking().await, browser().await);
        browser.sign_in().await;
        let small = client.authorization_request(&[("scope", "openid email")]);
        let page = consent_page(&browser, &small).await;
        let _ = browser.go_on(&small, page).await.code();
        for scope in ["openid email", "email openid", "openid"] {
            let _ = browser.authorize_silently(&client, &[("scope", scope)]).await.code();
        }
        let larger = client.authorization_request(&[("scope", "openid email profile")]);
        let silent = browser.ask(&larger.clone().with("prompt", "none")).await;
        let _ = silent.refused("consent_required");
        let page = consent_page(&browser, &larger).await;
        let _ = browser.go_on(&larger, page).await.code();
        let both = [("scope", "openid email profile")];
        let _ = browser.authorize_silently(&client, &both).await.code();
    }

    #[tokio::test]
    async fn is_each_users_own_and_each_applications_own_and_lasts_over_logins() {
        let server = Server::shared().await;
        let (client, browser) = (asking().await, browser().await);
        let _ = browser.authorize(&client, &[]).await.code();
        let again = server.browser(&browser.user);
        again.sign_in().await;
        let _ = again.authorize_silently(&client, &[]).await.code();
        let other = server.new_browser().await;
        other.sign_in().await;
        let _ = other.authorize_silently(&client, &[]).await.refused("consent_required");
        let elsewhere = asking().await;
        let _ = browser.authorize_silently(&elsewhere, &[]).await.refused("consent_required");
    }

    #[tokio::test]
    async fn is_asked_again_where_the_application_wants_that() {
        let (client, browser) = (asking().await, browser().await);
        let _ = browser.authorize(&client, &[]).await.code();
        let request = client.authorization_request(&[("prompt", "consent")]);
        let page = consent_page(&browser, &request).await;
        let _ = browser.go_on(&request, page).await.code();
        let own = application(json!({})).await;
        let request = own.authorization_request(&[("prompt", "consent")]);
        let _ = consent_page(&browser, &request).await;
    }

    #[tokio::test]
    async fn can_be_refused_and_nothing_is_remembered() {
        let (client, browser) = (asking().await, browser().await);
        browser.sign_in().await;
        let request = client.authorization_request(&[]);
        let page = consent_page(&browser, &request).await;
        let page = browser.consent(&page, "deny").await;
        let callback = page.callback(&request, browser.http.base()).expect("an answer");
        let _ = callback.refused("access_denied");
        let _ = browser.authorize_silently(&client, &[]).await.refused("consent_required");
    }

    #[tokio::test]
    async fn is_not_asked_by_ones_own_applications() {
        let (client, browser) =
            (application(json!({ "skip_consent": true })).await, browser().await);
        browser.sign_in().await;
        let _ = browser.authorize_silently(&client, &[]).await.code();
    }

    #[tokio::test]
    async fn of_one_user_is_not_anothers_who_signed_in_meanwhile() {
        let (client, browser) = (asking().await, browser().await);
        browser.sign_in().await;
        let request = client.authorization_request(&[]);
        let page = consent_page(&browser, &request).await;
        // Another tab, another user.
        let other = browser.used_by(&Server::shared().await.operator().user().await);
        let login = client.authorization_request(&[("prompt", "login")]);
        let sign_in = other.get(&login.path()).await;
        let _ = other.fill_in_password(&sign_in).await;
        let next = browser.consent(&page, "allow").await;
        assert!(next.callback(&request, browser.http.base()).is_none(), "{:?}", next.location());
        let _ = other.authorize_silently(&client, &[]).await.refused("consent_required");
    }

    #[tokio::test]
    async fn can_be_taken_back_on_the_account_page_and_ends_the_tokens() {
        let (client, browser) = (asking().await, browser().await);
        let callback = browser.authorize(&client, &[]).await;
        let tokens = client.redeem(&callback).await.tokens();
        let page = browser.open("/account").await;
        assert!(page.html.text.contains("Shop & <b>Sons</b>"), "{}", page.html.text);
        let mut forms = page.html.forms.iter();
        let form = forms.find(|form| form.value("application") == Some(&*client.id));
        let form = form.expect("a form for it");
        let page = browser.submit(&page, form, form.buttons.first()).await;
        let page = browser.follow(page).await;
        assert_eq!(page.answer.status, 200);
        let both = [&*tokens.access_token, tokens.refresh_token()];
        assert_eq!(client.which_active(&both).await, [false, false]);
        let _ = browser.authorize_silently(&client, &[]).await.refused("consent_required");
    }
}
