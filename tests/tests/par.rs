//! Pushed authorization requests (RFC 9126).

use std::collections::HashSet;

use reqwest::{Method, header::ACCESS_CONTROL_ALLOW_ORIGIN};
use serde_json::{Value, json};
use tokenbind_tests::{
    AuthorizationRequest, Browser, Client, Form, Page, Pushed, Server, seconds_pass, send,
};

/// What every `request_uri` begins with (RFC 9126 section 2.2).
const URN: &str = "urn:ietf:params:oauth:request_uri:";

async fn application(more: Value) -> Client {
    Server::shared().await.registrar().sign_in(&more).await
}

async fn browser() -> Browser {
    Server::shared().await.new_browser().await
}

async fn signed_in() -> Browser {
    let browser = browser().await;
    browser.sign_in().await;
    browser
}

/// From the browser's opening to the code, as this user does it.
async fn completed(browser: &Browser, pushed: &Pushed) -> String {
    let page = browser.get(&pushed.path()).await;
    browser.go_on(&pushed.request, page).await.code().to_owned()
}

/// A page that tells the user that the request is none, and leads nowhere.
fn assert_no_request(page: &Page) {
    let text = page.refused(400);
    assert!(text.contains("invalid_request_uri"), "{text}");
}

mod pushing {
    use super::*;

    #[tokio::test]
    async fn rfc9126_section_2_2_a_pushed_request_gets_a_name_for_a_minute() {
        let client = application(json!({})).await;
        let mut names = HashSet::new();
        for _ in 0..8 {
            let pushed = client.pushed(&client.authorization_request(&[])).await;
            assert_eq!(pushed.expires_in, 60);
            let handle = pushed.request_uri.strip_prefix(URN).expect("the URN");
            assert!(handle.len() > 40, "{handle}");
            assert!(names.insert(pushed.request_uri));
        }
    }

    #[tokio::test]
    async fn a_login_by_a_pushed_request_is_a_login_like_any_other() {
        for settings in [json!({}), json!({ "token_endpoint_auth_method": "none" })] {
            let (client, browser) = (application(settings).await, browser().await);
            let request = client.authorization_request(&[("scope", "openid email")]);
            let pushed = client.pushed(&request).await;
            let page = browser.get(&pushed.path()).await;
            let callback = browser.go_on(&request, page).await;
            let tokens = client.redeem(&callback).await.tokens();
            assert_eq!(tokens.scope.as_deref(), Some("email openid"));
            let claims = client.id_token(&tokens).await.claims;
            assert_eq!(claims["nonce"], request.get("nonce").expect("a nonce"));
            assert_eq!(claims["sub"], *browser.user.sub);
        }
    }

    #[tokio::test]
    async fn rfc9126_section_2_1_a_request_uri_cannot_be_pushed() {
        let client = application(json!({})).await;
        let pushed = client.pushed(&client.authorization_request(&[])).await;
        for uri in [&*pushed.request_uri, "https://app.example/request.jwt"] {
            let again = client.authorization_request(&[("request_uri", uri)]);
            let description = client.push(&again).await.refused(400, "invalid_request");
            assert!(description.contains("request_uri"), "{description}");
        }
    }

    #[tokio::test]
    async fn rfc9126_section_2_1_what_the_authorization_endpoint_would_refuse_is_refused() {
        let client = application(json!({})).await;
        let good = client.authorization_request(&[]);
        let with = |name: &str, value: &str| good.clone().with(name, value);
        let cases = [
            (good.clone().without("response_type"), "invalid_request", "response_type"),
            (with("response_type", "token"), "unsupported_response_type", "response_type"),
            (with("response_type", "code id_token"), "unsupported_response_type", "response_type"),
            (with("response_mode", "magic"), "invalid_request", "response_mode"),
            (with("redirect_uri", "https://evil.example/"), "invalid_request", "redirect_uri"),
            (good.clone().without("redirect_uri"), "invalid_request", "redirect_uri"),
            (with("scope", "openid admin"), "invalid_scope", "admin"),
            (good.clone().without_pkce(), "invalid_request", "code_challenge"),
            (with("code_challenge_method", "plain"), "invalid_request", "S256"),
            (good.clone().without("code_challenge_method"), "invalid_request", "S256"),
            (with("prompt", "none login"), "invalid_request", "prompt"),
            (with("max_age", "soon"), "invalid_request", "max_age"),
            (with("claims", "{"), "invalid_request", "claims"),
            (with("id_token_hint", "x.y.z"), "invalid_request", "id_token_hint"),
            (with("registration", "{}"), "registration_not_supported", "registration"),
            (with("request", "x"), "invalid_request_object", "request object"),
            (good.clone().also("state", "other"), "invalid_request", "state"),
            (with("nonce", &"n".repeat(40_000)), "invalid_request", "32768"),
        ];
        for (request, error, says) in cases {
            let description = client.push(&request).await.refused(400, error);
            assert!(description.contains(says), "{description} does not name {says}");
        }
    }

    #[tokio::test]
    async fn rfc9126_section_2_the_client_authenticates_as_at_the_token_endpoint() {
        let client = application(json!({})).await;
        let other = application(json!({})).await;
        let request = client.authorization_request(&[]);
        let wrong = client.with_secret("wrong");
        let _ = wrong.push(&request).await.refused(401, "invalid_client");
        let nobody = Client { secret: None, ..client.clone() };
        let _ = nobody.push(&request).await.refused(401, "invalid_client");
        let mine_for_another = [("client_id", &*other.id), ("response_type", "code")];
        let answer = client.post("/oauth2/par", &mine_for_another).await;
        let _ = answer.refused(400, "invalid_request");
        let answer = client.http.form("/oauth2/par", None, &[("response_type", "code")]).await;
        let _ = answer.refused(401, "invalid_client");
        let no_flow = Server::shared().await.registrar().observer().await;
        let fields = [("response_type", "code"), ("redirect_uri", "https://app.example/")];
        let answer = no_flow.post("/oauth2/par", &fields).await;
        let _ = answer.refused(400, "invalid_request");
    }

    #[tokio::test]
    async fn rfc9126_section_2_nothing_but_a_posted_form_is_taken() {
        let client = application(json!({})).await;
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = send(client.http.request(method.clone(), "/oauth2/par")).await;
            assert_eq!(answer.status, 405, "{method}");
        }
        let json = client.http.request(Method::POST, "/oauth2/par");
        let json = json.header("content-type", "application/json").body("{}");
        let _ = send(json).await.refused(400, "invalid_request");
        let query = client.authorization_request(&[]).encoded();
        let path = format!("/oauth2/par?{query}");
        let answer = client.http.form(&path, client.authorization().as_deref(), &[]).await;
        let _ = answer.refused(400, "invalid_request");
    }

    #[tokio::test]
    async fn a_page_of_the_application_may_push_and_no_other() {
        let settings = json!({
            "token_endpoint_auth_method": "none",
            "allowed_origins": ["https://shop.example"],
        });
        let client = application(settings).await;
        let request = client.authorization_request(&[]).encoded();
        for (origin, allowed) in [("https://shop.example", true), ("https://evil.example", false)] {
            let push = client.http.request(Method::POST, "/oauth2/par").header("origin", origin);
            let push = push.header("content-type", "application/x-www-form-urlencoded");
            let answer = send(push.body(request.clone())).await;
            assert_eq!(answer.status, 201, "a browser asks only afterwards");
            let shown = answer.header(&ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(shown, allowed.then_some(origin), "{origin}");
        }
    }
}

mod opening {
    use super::*;

    #[tokio::test]
    async fn rfc9126_section_4_what_else_the_browser_brings_is_ignored() {
        let (client, browser) = (application(json!({})).await, signed_in().await);
        let request = client.authorization_request(&[]);
        let pushed = client.pushed(&request).await;
        let more = "&state=evil&nonce=evil&scope=openid+email&response_mode=fragment&prompt=login\
                    &redirect_uri=https%3A%2F%2Fevil.example%2F&response_type=token&x=1&x=2";
        let page = browser.get(&(pushed.path() + more)).await;
        let callback = page.callback(&request, browser.http.base()).expect("an answer");
        let tokens = client.redeem(&callback).await.tokens();
        assert_eq!(tokens.scope.as_deref(), Some("openid"));
        let claims = client.id_token(&tokens).await.claims;
        assert_eq!(claims["nonce"], request.get("nonce").expect("a nonce"));
    }

    #[tokio::test]
    async fn rfc9126_section_4_the_page_may_be_opened_twice_and_is_answered_once() {
        let (client, browser) = (application(json!({})).await, browser().await);
        let pushed = client.pushed(&client.authorization_request(&[])).await;
        let first = browser.get(&pushed.path()).await;
        let second = browser.get(&pushed.path()).await;
        assert!(second.html.sign_in_form().is_some());
        let callback = browser.go_on(&pushed.request, second).await;
        let _ = client.redeem(&callback).await.tokens();
        // The other tab comes too late, and so does the address itself.
        let late = browser.fill_in_password(&first).await;
        let late = browser.follow(late).await;
        assert_no_request(&late);
        assert_no_request(&browser.get(&pushed.path()).await);
        let denied = first.html.sign_in_form().expect("the form").clone();
        let cancel = denied.button("1").cloned().expect("a button to cancel");
        assert_no_request(&browser.submit(&first, &denied, Some(&cancel)).await);
    }

    #[tokio::test]
    async fn rfc9126_section_4_another_applications_request_is_none() {
        let (client, other) = (application(json!({})).await, application(json!({})).await);
        let pushed = client.pushed(&client.authorization_request(&[])).await;
        for browser in [browser().await, signed_in().await] {
            assert_no_request(&browser.get(&pushed.path_of(&other.id)).await);
            assert_no_request(&browser.get(&pushed.path_of("nobody")).await);
        }
        let without = pushed.path().replacen("client_id", "client_if", 1);
        let text = browser().await.get(&without).await;
        assert!(text.refused(400).contains("client_id"));
        let _ = completed(&browser().await, &pushed).await;
    }

    #[tokio::test]
    async fn rfc9126_section_7_1_a_guessed_name_is_none() {
        let (client, browser) = (application(json!({})).await, signed_in().await);
        let request = client.authorization_request(&[]);
        let pushed = client.pushed(&request).await;
        let handle = pushed.request_uri.strip_prefix(URN).expect("the URN");
        let forged = [
            String::new(),
            "x".into(),
            tokenbind_tests::flipped(handle, 20),
            tokenbind_tests::flipped(handle, handle.len() - 1),
            // Another kind of name of the server's.
            handle.replacen("tb_pr_", "tb_or_", 1),
            handle.replacen("tb_pr_", "tb_ac_", 1),
            format!("{handle}A"),
        ];
        for guess in forged {
            let guessed = Pushed { request_uri: format!("{URN}{guess}"), ..pushed.clone() };
            assert_no_request(&browser.get(&guessed.path()).await);
        }
        let _ = completed(&browser, &pushed).await;
    }

    #[tokio::test]
    async fn openid_core_section_6_2_a_request_uri_of_somebody_else_is_refused() {
        let (client, browser) = (application(json!({})).await, signed_in().await);
        for uri in ["https://app.example/r.jwt", "urn:x", "urn:ietf:params:oauth:request_ury:x"] {
            let request = client.authorization_request(&[("request_uri", uri)]);
            let _ = browser.ask(&request).await.refused("request_uri_not_supported");
        }
    }

    #[tokio::test]
    async fn rfc9126_section_6_an_application_that_has_to_push_is_held_to_it() {
        let settings = json!({ "require_pushed_authorization_requests": true });
        let (client, browser) = (application(settings).await, signed_in().await);
        let request = client.authorization_request(&[]);
        let _ = browser.ask(&request).await.refused("invalid_request");
        let _ = completed(&browser, &client.pushed(&request).await).await;
    }

    #[tokio::test]
    async fn the_settings_count_that_hold_when_it_is_opened() {
        let metadata = json!({
            "redirect_uris": ["https://app.example/callback"],
            "skip_consent": true,
        });
        let registration = Server::shared().await.registrar().register(&metadata).await;
        let (client, browser) = (&registration.client, signed_in().await);
        let pushed = client.pushed(&client.authorization_request(&[])).await;
        let settings = json!({
            "client_id": client.id,
            "redirect_uris": ["https://new.example/callback"],
            "skip_consent": true,
        });
        let _ = registration.update(&settings).await.expect(200);
        assert!(browser.get(&pushed.path()).await.refused(400).contains("redirect_uri"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_64_browsers_at_once_one_gets_a_code() {
        let (client, browser) = (application(json!({})).await, signed_in().await);
        let pushed = client.pushed(&client.authorization_request(&[])).await;
        let asking: Vec<_> = (0..64)
            .map(|_| {
                let (browser, pushed) = (browser.clone(), pushed.clone());
                tokio::spawn(async move {
                    let page = browser.get(&pushed.path()).await;
                    let callback = page.callback(&pushed.request, browser.http.base());
                    if callback.is_none() {
                        assert_no_request(&page);
                    }
                    callback
                })
            })
            .collect();
        let mut codes = Vec::new();
        for asked in asking {
            codes.extend(asked.await.expect("an answer"));
        }
        assert_eq!(codes.len(), 1);
        let _ = client.redeem(&codes[0]).await.tokens();
    }
}

mod time {
    use super::*;

    #[tokio::test]
    async fn rfc9126_section_2_2_it_expires_but_whoever_opened_it_may_take_their_time() {
        let server = Server::serve("tokens.pushed_request_lifetime = \"5s\"", &[]).await;
        let client = server.registrar().sign_in(&json!({ "skip_consent": false })).await;
        let browser = server.new_browser().await;
        let asking = [("prompt", "login")];
        let slow = client.pushed(&client.authorization_request(&asking)).await;
        let late = client.pushed(&client.authorization_request(&[])).await;
        assert_eq!(slow.expires_in, 5);
        let page = browser.get(&slow.path()).await;
        seconds_pass(6).await;
        assert_no_request(&browser.get(&late.path()).await);
        assert_no_request(&browser.get(&slow.path()).await);
        let page = browser.fill_in(&page, &browser.user.username, "wrong").await;
        let page = browser.fill_in_password(&page).await;
        let page = browser.follow(page).await;
        let page = browser.consent(&page, "allow").await;
        let callback = page.callback(&slow.request, browser.http.base()).expect("an answer");
        let _ = client.redeem(&callback).await.tokens();
        assert_no_request(&browser.get(&late.path()).await);
    }

    #[tokio::test]
    async fn it_outlives_a_restart_and_so_does_its_end() {
        let mut server = Server::serve("", &[]).await;
        let client = server.registrar().sign_in(&json!({})).await;
        let browser = server.new_browser().await;
        let pushed = client.pushed(&client.authorization_request(&[])).await;
        server.restart().await;
        let code = completed(&browser, &pushed).await;
        server.restart().await;
        assert!(!code.is_empty());
        assert_no_request(&browser.get(&pushed.path()).await);
    }
}

mod pages {
    use super::*;

    async fn auth_time(client: &Client, browser: &Browser, pushed: &Pushed, page: Page) -> u64 {
        let callback = browser.go_on(&pushed.request, page).await;
        let tokens = client.redeem(&callback).await.tokens();
        client.id_token(&tokens).await.claims["auth_time"].as_u64().expect("auth_time")
    }

    async fn push(client: &Client, more: &[(&str, &str)]) -> Pushed {
        client.pushed(&client.authorization_request(more)).await
    }

    #[tokio::test]
    async fn openid_core_section_3_1_2_1_prompt_login_asks_for_the_password_once() {
        for settings in [json!({}), json!({ "skip_consent": false })] {
            let (client, browser) = (application(settings).await, signed_in().await);
            let first = push(&client, &[]).await;
            let page = browser.get(&first.path()).await;
            let before = auth_time(&client, &browser, &first, page).await;
            for more in [&[("prompt", "login")][..], &[("max_age", "0")]] {
                seconds_pass(1).await;
                let pushed = push(&client, more).await;
                let page = browser.get(&pushed.path()).await;
                assert!(page.html.sign_in_form().is_some(), "{more:?}: {}", page.html.text);
                let page = browser.fill_in(&page, &browser.user.username, "wrong").await;
                assert!(page.html.sign_in_form().is_some(), "{}", page.html.text);
                let page = browser.fill_in_password(&page).await;
                let page = browser.follow(page).await;
                assert!(page.html.sign_in_form().is_none(), "{}", page.html.text);
                assert!(auth_time(&client, &browser, &pushed, page).await > before);
            }
        }
    }

    #[tokio::test]
    async fn a_login_in_the_same_second_but_before_the_request_is_no_answer_to_prompt_login() {
        let (client, browser) = (application(json!({})).await, signed_in().await);
        let pushed = push(&client, &[("prompt", "login")]).await;
        let page = browser.get(&pushed.path()).await;
        assert!(page.html.sign_in_form().is_some(), "{}", page.html.text);
    }

    #[tokio::test]
    async fn of_two_browsers_each_signs_in_for_itself() {
        let (client, one) = (application(json!({})).await, signed_in().await);
        let two = Server::shared().await.browser(&one.user);
        let pushed = push(&client, &[("prompt", "login")]).await;
        let page_of_one = one.get(&pushed.path()).await;
        let page = two.get(&pushed.path()).await;
        let page = two.fill_in_password(&page).await;
        // The login in one browser is none in the other, which had an older one.
        assert!(one.get(&pushed.path()).await.html.sign_in_form().is_some());
        let callback = two.go_on(&pushed.request, page).await;
        let _ = client.redeem(&callback).await.tokens();
        let page = one.fill_in_password(&page_of_one).await;
        assert_no_request(&one.follow(page).await);
    }

    #[tokio::test]
    async fn openid_core_section_3_1_2_1_select_account_is_asked_once() {
        for settings in [json!({}), json!({ "skip_consent": false })] {
            let (client, browser) = (application(settings).await, signed_in().await);
            let pushed = push(&client, &[("prompt", "select_account")]).await;
            let page = browser.get(&pushed.path()).await;
            let names_continue = |form: &&Form| {
                form.buttons
                    .iter()
                    .any(|button| button.pair.as_ref().is_some_and(|(name, _)| name == "continue"))
            };
            let form = page.html.forms.iter().find(names_continue).expect("a form to go on");
            let page = browser.submit(&page, form, form.buttons.first()).await;
            assert!(page.html.sign_in_form().is_none(), "{}", page.html.text);
            let _ = auth_time(&client, &browser, &pushed, page).await;
            // Or as somebody else, with a password.
            let other = browser.used_by(&Server::shared().await.operator().user().await);
            let pushed = push(&client, &[("prompt", "select_account")]).await;
            let page = other.get(&pushed.path()).await;
            let page = other.fill_in_password(&page).await;
            let callback = other.go_on(&pushed.request, page).await;
            let tokens = client.redeem(&callback).await.tokens();
            assert_eq!(client.id_token(&tokens).await.claims["sub"], *other.user.sub);
        }
    }

    #[tokio::test]
    async fn openid_core_section_3_1_2_1_prompt_consent_is_asked_each_time() {
        let (client, browser) = (application(json!({})).await, signed_in().await);
        for prompt in ["consent", "consent", "login consent"] {
            let pushed = push(&client, &[("prompt", prompt)]).await;
            let mut page = browser.get(&pushed.path()).await;
            if page.html.sign_in_form().is_some() {
                page = browser.fill_in_password(&page).await;
                page = browser.follow(page).await;
            }
            let page = browser.consent(&page, "allow").await;
            let callback = page.callback(&pushed.request, browser.http.base()).expect("an answer");
            let _ = client.redeem(&callback).await.tokens();
        }
    }

    #[tokio::test]
    async fn openid_core_section_3_1_2_1_prompt_none_is_answered_at_once() {
        let (client, nobody) = (application(json!({})).await, browser().await);
        let pushed = push(&client, &[("prompt", "none")]).await;
        let page = nobody.get(&pushed.path()).await;
        let callback = page.callback(&pushed.request, nobody.http.base()).expect("an answer");
        let _ = callback.refused("login_required");
        let _ = completed(&signed_in().await, &pushed).await;
    }

    #[tokio::test]
    async fn whoever_says_no_or_takes_another_account_is_heard() {
        let client = application(json!({ "skip_consent": false })).await;
        let browser = signed_in().await;
        let pushed = push(&client, &[]).await;
        let page = browser.get(&pushed.path()).await;
        let denied = browser.consent(&page, "deny").await;
        let callback = denied.callback(&pushed.request, browser.http.base()).expect("an answer");
        let _ = callback.refused("access_denied");
        let page = browser.consent(&page, "switch").await;
        let page = browser.follow(page).await;
        assert!(page.html.sign_in_form().is_some(), "{}", page.html.text);
        let other = browser.used_by(&Server::shared().await.operator().user().await);
        let page = other.fill_in_password(&page).await;
        let callback = other.go_on(&pushed.request, page).await;
        let tokens = client.redeem(&callback).await.tokens();
        assert_eq!(client.id_token(&tokens).await.claims["sub"], *other.user.sub);
    }

    #[tokio::test]
    async fn a_user_who_cancels_is_told_to_the_application() {
        let (client, browser) = (application(json!({})).await, browser().await);
        let pushed = push(&client, &[("response_mode", "form_post")]).await;
        let page = browser.get(&pushed.path()).await;
        let form = page.html.sign_in_form().expect("the form").clone();
        let cancel = form.button("1").cloned().expect("a button to cancel");
        let page = browser.submit(&page, &form, Some(&cancel)).await;
        let callback = page.callback(&pushed.request, browser.http.base()).expect("an answer");
        let _ = callback.refused("access_denied");
    }
}

/// A request is what the application pushed, whatever characters that has.
#[tokio::test]
async fn every_character_of_the_state_comes_back() {
    let (client, browser) = (application(json!({})).await, signed_in().await);
    for state in ["\u{0}&=+%\u{e9}\n", &"s".repeat(1000)] {
        let request: AuthorizationRequest = client.authorization_request(&[("state", state)]);
        let _ = completed(&browser, &client.pushed(&request).await).await;
    }
}
