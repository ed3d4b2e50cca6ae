//! `cookie`: tokens that are worth nothing without the cookie `atbv` of the user's browser.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};
use tokenbind_tests::{Answer, Browser, Client, Login, Server, reference, unverified_claims};

const FORMATS: [&str; 2] = ["opaque", "jwt"];
/// As many characters as a value has, and never one that was minted.
const MADE_UP: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn bound(format: &str) -> Value {
    json!({ "token_binding_types": ["cookie"], "access_token_format": format })
}

async fn application(format: &str) -> Client {
    Server::shared().await.registrar().sign_in(&bound(format)).await
}

async fn login(format: &str) -> Login {
    Login::anew(Server::shared().await, &bound(format)).await
}

/// What a request may show that is not the cookie: whose requests, and what the refusal says of it.
fn wrong(login: &Login) -> [(Client, &'static str); 5] {
    let own = login.browser.atbv().expect("atbv");
    let showing = |cookies: &str| login.client.showing(cookies);
    [
        (login.client.clone(), "none was shown"),
        (showing(&format!("atbv={MADE_UP}")), "another one was shown"),
        (showing("atbv="), "another one was shown"),
        (showing(&format!("atbv={own}; atbv={MADE_UP}")), "several were shown"),
        (showing(&format!("atbv={own}; a=b; atbv={own}")), "several were shown"),
    ]
}

/// The refusal says what was expected and what was seen, and never the value.
fn assert_reason(description: &str, seen: &str, login: &Login) {
    assert!(description.contains("cookie atbv") && description.contains(seen), "{description}");
    let own = login.browser.atbv().expect("atbv");
    assert!(!description.contains(&own) && !description.contains(MADE_UP), "{description}");
}

mod at_authorize {
    use super::*;

    /// The values of `Set-Cookie` for `atbv`, name and value first, then the attributes sorted.
    fn set(answer: &Answer) -> Vec<(String, BTreeSet<String>)> {
        let values = answer.headers.get_all(SET_COOKIE).iter();
        let texts = values.map(|value| value.to_str().expect("ASCII"));
        let atbv = texts.filter_map(|text| text.strip_prefix("atbv="));
        atbv.map(|text| {
            let mut parts = text.split("; ").map(str::to_owned);
            (parts.next().unwrap_or_default(), parts.collect())
        })
        .collect()
    }

    async fn answer(browser: &Browser, client: &Client) -> Answer {
        let page = browser.get(&client.authorization_request(&[]).path()).await;
        assert!(page.answer.headers.contains_key("location"), "{}", page.html.text);
        page.answer
    }

    #[tokio::test]
    async fn sets_a_cookie_of_256_bits_with_exactly_these_attributes() {
        let (client, browser) =
            (application("opaque").await, Server::shared().await.new_browser().await);
        browser.sign_in().await;
        assert_eq!(browser.atbv(), None, "signing in alone binds nothing");
        let [(value, attributes)] = &set(&answer(&browser, &client).await)[..] else {
            panic!("exactly one atbv")
        };
        assert_eq!(URL_SAFE_NO_PAD.decode(value).expect("base64url").len(), 32);
        let expected = ["HttpOnly", "Path=/", "SameSite=None", "Secure"];
        assert_eq!(attributes, &expected.map(str::to_owned).into());
    }

    #[tokio::test]
    async fn same_site_and_domain_are_as_configured() {
        let toml = "cookie.same_site = \"Strict\"\ncookie.domain = \"localhost\"";
        let server = Server::serve(toml, &[]).await;
        let (client, browser) =
            (server.registrar().sign_in(&bound("opaque")).await, server.new_browser().await);
        browser.sign_in().await;
        let [(_, attributes)] = &set(&answer(&browser, &client).await)[..] else {
            panic!("exactly one atbv")
        };
        let expected = ["Domain=localhost", "HttpOnly", "Path=/", "SameSite=Strict", "Secure"];
        assert_eq!(attributes, &expected.map(str::to_owned).into());
    }

    #[tokio::test]
    async fn is_set_for_no_application_that_is_not_bound_so() {
        let server = Server::shared().await;
        for types in [json!([]), json!(["sso-session"]), json!(["client-request"])] {
            let login = Login::anew(server, &json!({ "token_binding_types": types })).await;
            assert_eq!(login.browser.atbv(), None, "{types}");
        }
    }

    #[tokio::test]
    async fn is_set_by_no_refusal() {
        let (client, browser) =
            (application("opaque").await, Server::shared().await.new_browser().await);
        let _ = browser.authorize_silently(&client, &[]).await.refused("login_required");
        assert_eq!(browser.atbv(), None);
    }

    #[tokio::test]
    async fn a_live_value_of_this_user_is_kept_for_every_application() {
        let login = login("opaque").await;
        let value = login.browser.atbv();
        assert!(value.is_some());
        for client in [login.client.clone(), application("jwt").await] {
            let fresh = Login::to(&client, &login.browser).await;
            assert_eq!(login.browser.atbv(), value);
            let expected = reference("cookie", &client.id, value.as_deref().expect("atbv"));
            assert_eq!(fresh.told().await["binding_ref"], expected);
        }
        login.assert_alive(&login.client).await;
    }

    #[tokio::test]
    async fn a_live_value_of_this_user_is_kept_over_logins() {
        let login = login("opaque").await;
        let value = login.browser.atbv();
        login.browser.sign_out().await;
        let again = Login::to(&login.client, &login.browser).await;
        assert_eq!(login.browser.atbv(), value);
        again.assert_alive(&login.client).await;
        login.assert_alive(&login.client).await;
    }

    /// Signs a user in whose browser holds `planted`: they get a fresh value, and theirs alone counts.
    async fn assert_replaced(planted: &str) -> Login {
        let client = application("opaque").await;
        let browser = Server::shared().await.new_browser().await;
        browser.plant(&format!("atbv={planted}; Path=/; Secure"));
        let login = Login::to(&client, &browser).await;
        let value = browser.atbv().expect("atbv");
        assert_ne!(value, planted);
        assert_eq!(login.told().await["binding_ref"], reference("cookie", &client.id, &value));
        let thief = client.showing(&format!("atbv={planted}"));
        let _ = login.used_by(&thief).await.challenged("invalid_token");
        let _ = login.refreshed_by(&thief).await.refused(400, "invalid_grant");
        assert_eq!(login.used_by(&login.in_browser()).await.status, 200);
        login
    }

    #[tokio::test]
    async fn a_made_up_value_is_replaced() {
        for planted in [MADE_UP, "x", "", "\"quoted\"", &"x".repeat(2_000)] {
            assert_replaced(planted).await;
        }
    }

    #[tokio::test]
    async fn an_attackers_own_live_value_is_replaced() {
        let attacker = login("opaque").await;
        let value = attacker.browser.atbv().expect("atbv");
        assert_replaced(&value).await;
    }

    #[tokio::test]
    async fn a_value_that_was_replaced_is_replaced_again() {
        let first = login("opaque").await;
        let value = first.browser.atbv().expect("atbv");
        let other = Server::shared().await.operator().user().await;
        let other = first.browser.used_by(&other);
        let second = Login::asking(&first.client, &other, &[("prompt", "login")]).await;
        assert_ne!(second.browser.atbv().as_ref(), Some(&value));
        let server = Server::shared().await;
        let back = server.browser(&first.browser.user);
        back.plant(&format!("atbv={value}; Path=/; Secure"));
        let third = Login::to(&first.client, &back).await;
        assert_ne!(third.browser.atbv().as_ref(), Some(&value), "the rightful user's, but dead");
    }

    #[tokio::test]
    async fn two_values_are_replaced_even_if_one_is_good() {
        let login = login("opaque").await;
        let value = login.browser.atbv().expect("atbv");
        login.browser.plant(&format!("atbv={MADE_UP}; Path=/oauth2; Secure"));
        let callback = login.browser.authorize(&login.client, &[]).await;
        login.browser.cookies().forget("atbv");
        let tokens = login.client.redeem(&callback).await.tokens();
        let told = login.client.introspect(&tokens.access_token).await;
        for other in [value.as_str(), MADE_UP] {
            assert_ne!(told["binding_ref"], reference("cookie", &login.client.id, other));
        }
    }
}

mod at_token {
    use super::*;

    #[tokio::test]
    async fn none_shown_is_fine_and_so_is_the_same() {
        let server = Server::shared().await;
        for format in FORMATS {
            let (client, browser) = (application(format).await, server.new_browser().await);
            let callback = browser.authorize(&client, &[]).await;
            let _ = client.redeem(&callback).await.tokens();
            let callback = browser.authorize(&client, &[]).await;
            let _ = browser.runs(&client).redeem(&callback).await.tokens();
        }
    }

    #[tokio::test]
    async fn another_or_two_are_invalid_grant_and_spend_no_code() {
        let server = Server::shared().await;
        for format in FORMATS {
            let (client, browser) = (application(format).await, server.new_browser().await);
            let login = Login::to(&client, &browser).await;
            let callback = browser.authorize(&client, &[]).await;
            for (shower, seen) in &wrong(&login)[1..] {
                let description = shower.redeem(&callback).await.refused(400, "invalid_grant");
                assert_reason(&description, seen, &login);
            }
            let _ = browser.runs(&client).redeem(&callback).await.tokens();
        }
    }

    #[tokio::test]
    async fn another_users_live_cookie_is_another() {
        let (login, other) = (login("opaque").await, login("opaque").await);
        let callback = login.browser.authorize(&login.client, &[]).await;
        let answer = other.browser.runs(&login.client).redeem(&callback).await;
        let description = answer.refused(400, "invalid_grant");
        assert_reason(&description, "another one was shown", &login);
    }

    #[tokio::test]
    async fn validation_off_looks_at_none() {
        let settings =
            json!({ "token_binding_types": ["cookie"], "validate_token_bindings": false });
        let server = Server::shared().await;
        let client = server.registrar().sign_in(&settings).await;
        let callback = server.new_browser().await.authorize(&client, &[]).await;
        let shower = client.showing(&format!("atbv={MADE_UP}"));
        let _ = shower.redeem(&callback).await.tokens();
    }

    #[tokio::test]
    async fn a_code_from_before_the_binding_was_asked_for_gives_no_unbound_token() {
        let server = Server::shared().await;
        let client = server.registrar().sign_in(&json!({})).await;
        let callback = server.new_browser().await.authorize(&client, &[]).await;
        let change = ["app", "update", &client.id, "--set", "token_binding_types=[\"cookie\"]"];
        let _ = server.operator().json(&change).await;
        let description = client.redeem(&callback).await.refused(400, "invalid_grant");
        assert!(description.contains("cookie"), "{description}");
    }
}

mod at_refresh {
    use super::*;

    #[tokio::test]
    async fn missing_or_other_or_two_is_invalid_grant_and_the_right_one_works() {
        for format in FORMATS {
            let login = login(format).await;
            for (shower, seen) in wrong(&login) {
                let description = login.refreshed_by(&shower).await.refused(400, "invalid_grant");
                assert_reason(&description, seen, &login);
            }
            let fresh = login.refreshed_by(&login.in_browser()).await.tokens();
            let told = login.client.introspect(&fresh.access_token).await;
            assert_eq!(told["binding_ref"], login.told().await["binding_ref"], "keeps its binding");
            login.assert_alive(&login.client).await;
        }
    }

    #[tokio::test]
    async fn a_refusal_rotates_nothing() {
        let server = Server::shared().await;
        let client = server.registrar().single_page(&bound("opaque")).await;
        let login = Login::to(&client, &server.new_browser().await).await;
        for (shower, _) in wrong(&login) {
            let _ = login.refreshed_by(&shower).await.refused(400, "invalid_grant");
        }
        let in_browser = login.in_browser();
        let second = login.refreshed_by(&in_browser).await.tokens();
        assert_ne!(second.refresh_token, login.tokens.refresh_token);
        let _ = in_browser.refresh(second.refresh_token(), &[]).await.tokens();
    }

    #[tokio::test]
    async fn a_thief_without_the_cookie_cannot_have_the_grant_ended_by_reuse() {
        let server = Server::shared().await;
        let client = server.registrar().single_page(&bound("opaque")).await;
        let login = Login::to(&client, &server.new_browser().await).await;
        let in_browser = login.in_browser();
        let second = login.refreshed_by(&in_browser).await.tokens();
        let third = in_browser.refresh(second.refresh_token(), &[]).await.tokens();
        let _ = login.refreshed_by(&client).await.refused(400, "invalid_grant");
        let _ = in_browser.refresh(third.refresh_token(), &[]).await.tokens();
    }

    #[tokio::test]
    async fn validation_off_looks_at_none_and_keeps_the_binding() {
        for format in FORMATS {
            let mut settings = bound(format);
            settings["validate_token_bindings"] = false.into();
            let login = Login::anew(Server::shared().await, &settings).await;
            for (shower, _) in wrong(&login) {
                let fresh = login.refreshed_by(&shower).await.tokens();
                let told = login.client.introspect(&fresh.access_token).await;
                assert_eq!(told["binding_ref"], login.told().await["binding_ref"]);
            }
        }
    }
}

mod at_use {
    use super::*;

    #[tokio::test]
    async fn missing_or_other_or_two_is_a_challenge_with_the_reason() {
        for format in FORMATS {
            let login = login(format).await;
            for (shower, seen) in wrong(&login) {
                let description = login.used_by(&shower).await.challenged("invalid_token");
                assert_reason(&description, seen, &login);
            }
            let told = login.used_by(&login.in_browser()).await.expect(200);
            assert_eq!(told["sub"], login.browser.user.sub);
        }
    }

    #[tokio::test]
    async fn another_users_live_cookie_is_another() {
        let (login, other) = (login("jwt").await, login("jwt").await);
        let answer = login.used_by(&other.browser.runs(&login.client)).await;
        let description = answer.challenged("invalid_token");
        assert_reason(&description, "another one was shown", &login);
    }

    #[tokio::test]
    async fn validation_off_looks_at_none() {
        for format in FORMATS {
            let mut settings = bound(format);
            settings["validate_token_bindings"] = false.into();
            let login = Login::anew(Server::shared().await, &settings).await;
            for (shower, _) in wrong(&login) {
                assert_eq!(login.used_by(&shower).await.status, 200);
            }
        }
    }
}

#[tokio::test]
async fn settings_that_change_later_never_remove_the_check() {
    let server = Server::shared().await;
    for format in FORMATS {
        for change in ["token_binding_types=[]", "validate_token_bindings=false"] {
            let login = login(format).await;
            let update = ["app", "update", &login.client.id, "--set", change];
            let _ = server.operator().json(&update).await;
            for (shower, seen) in wrong(&login) {
                let description = login.refreshed_by(&shower).await.refused(400, "invalid_grant");
                assert_reason(&description, seen, &login);
                let description = login.used_by(&shower).await.challenged("invalid_token");
                assert_reason(&description, seen, &login);
            }
            let fresh = login.refreshed_by(&login.in_browser()).await.tokens();
            let answer = login.client.userinfo(&fresh.access_token).await;
            let description = answer.challenged("invalid_token");
            assert_reason(&description, "none was shown", &login);
        }
    }
}

#[tokio::test]
async fn settings_that_change_later_never_add_a_check() {
    let server = Server::shared().await;
    let login = Login::anew(server, &json!({})).await;
    let update = ["app", "update", &login.client.id, "--set", "token_binding_types=[\"cookie\"]"];
    let _ = server.operator().json(&update).await;
    assert_eq!(login.used_by(&login.client).await.status, 200);
    let fresh = login.refreshed_by(&login.client).await.tokens();
    let told = login.client.introspect(&fresh.access_token).await;
    assert_eq!(told.get("binding_type"), None, "a refresh gains no binding");
}

#[tokio::test]
async fn jwts_and_introspection_show_the_reference_and_never_the_value() {
    let server = Server::shared().await;
    for format in FORMATS {
        let login = login(format).await;
        let value = login.browser.atbv().expect("atbv");
        let expected = reference("cookie", &login.client.id, &value);
        let mut told = vec![login.told().await];
        told.push(login.client.introspect(login.tokens.refresh_token()).await);
        if format == "jwt" {
            told.push(unverified_claims(&login.tokens.access_token));
        }
        for told in told {
            assert_eq!(
                (&told["binding_type"], &told["binding_ref"]),
                (&json!("cookie"), &json!(expected))
            );
            assert!(!told.to_string().contains(&value));
        }
        let (_, log) = server.output();
        assert!(!log.contains(&value));
    }
}

#[tokio::test]
async fn the_value_is_not_in_the_database() {
    let server = Server::shared().await;
    let login = login("opaque").await;
    let value = login.browser.atbv().expect("atbv");
    let raw = URL_SAFE_NO_PAD.decode(&value).expect("base64url");
    for file in std::fs::read_dir(server.data()).expect("the data directory") {
        let path = file.expect("a file").path();
        if path.is_file() {
            let bytes = std::fs::read(&path).expect("readable");
            let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
            assert!(!holds(value.as_bytes()) && !holds(&raw), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn another_user_in_the_same_browser_replaces_the_value_and_ends_what_hung_from_it() {
    let server = Server::shared().await;
    for format in FORMATS {
        let login = login(format).await;
        let in_browser = login.in_browser();
        assert_eq!(login.used_by(&in_browser).await.status, 200);
        let other = login.browser.used_by(&server.operator().user().await);
        // Signing in alone changes no cookie; the application's authorization does.
        let successor = Login::asking(&login.client, &other, &[("prompt", "login")]).await;
        assert_eq!(successor.told().await["sub"], other.user.sub);
        login.assert_dead(&login.client).await;
        let _ = login.used_by(&in_browser).await.challenged("invalid_token");
        successor.assert_alive(&login.client).await;
    }
}

#[tokio::test]
async fn a_logout_ends_nothing_unless_the_settings_say_so() {
    for format in FORMATS {
        let login = login(format).await;
        login.browser.sign_out().await;
        login.assert_alive(&login.client).await;
        assert_eq!(login.used_by(&login.in_browser()).await.status, 200);
        let mut settings = bound(format);
        settings["revoke_tokens_on_logout"] = true.into();
        let login = Login::anew(Server::shared().await, &settings).await;
        login.browser.sign_out().await;
        login.assert_dead(&login.client).await;
    }
}

#[tokio::test]
async fn a_grant_without_a_browser_is_refused_when_the_settings_are_saved() {
    let registrar = Server::shared().await.registrar();
    for grant in ["password", "client_credentials"] {
        let metadata = json!({ "token_binding_types": ["cookie"], "grant_types": ["authorization_code", grant] });
        let refused = registrar.try_register(&metadata).await;
        let description = refused.refused(400, "invalid_client_metadata");
        assert!(description.contains("token_binding_types") && description.contains(grant));
    }
}

#[tokio::test]
async fn a_grant_that_may_go_unbound_does_and_the_code_does_not() {
    let server = Server::shared().await;
    let settings = json!({
        "token_binding_types": ["cookie"],
        "grant_types": ["authorization_code", "refresh_token", "password"],
        "unbound_grants": ["password"],
    });
    let client = server.registrar().sign_in(&settings).await;
    let browser = server.new_browser().await;
    let unbound = client.password(&browser.user, &[]).await.tokens();
    assert_eq!(client.introspect(&unbound.access_token).await.get("binding_type"), None);
    let login = Login::to(&client, &browser).await;
    assert_eq!(login.told().await["binding_type"], "cookie");
}
