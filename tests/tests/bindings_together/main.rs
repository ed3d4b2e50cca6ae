//! Several bindings on one token: all of them must hold, in the order of the settings.

mod combinations;
mod devices;

use serde_json::{Value, json};
use tokenbind_tests::{Client, Login, SESSION_COOKIE, Server, reference, unverified_claims};

const FORMATS: [&str; 2] = ["opaque", "jwt"];

fn bound(types: &[&str], format: &str, validate: Option<bool>) -> Value {
    json!({
        "token_binding_types": types,
        "access_token_format": format,
        "validate_token_bindings": validate,
    })
}

async fn login(settings: &Value) -> Login {
    Login::anew(Server::shared().await, settings).await
}

fn showing(login: &Login, names: &[&str]) -> Client {
    let pairs: Vec<_> = names
        .iter()
        .map(|name| format!("{name}={}", login.browser.cookie(name).expect("a cookie")))
        .collect();
    if pairs.is_empty() { login.client.clone() } else { login.client.showing(&pairs.join("; ")) }
}

/// Tries every set of cookies at use and at refresh: it works where all that are `needed` are shown.
async fn assert_needs(login: &Login, needed: &[&str]) {
    for shown in [&[][..], &["atbv"], &[SESSION_COOKIE], &["atbv", SESSION_COOKIE]] {
        let shower = showing(login, shown);
        let enough = needed.iter().all(|name| shown.contains(name));
        let used = login.used_by(&shower).await;
        let refreshed = login.refreshed_by(&shower).await;
        if enough {
            assert_eq!(used.status, 200, "{shown:?}: {}", used.text());
            let _ = refreshed.tokens();
        } else {
            let _ = used.challenged("invalid_token");
            let _ = refreshed.refused(400, "invalid_grant");
        }
    }
}

#[tokio::test]
async fn cookie_and_session_are_both_checked_as_validation_says() {
    for format in FORMATS {
        for types in [["cookie", "sso-session"], ["sso-session", "cookie"]] {
            let by_default = login(&bound(&types, format, None)).await;
            assert_needs(&by_default, &["atbv"]).await;
            let all = login(&bound(&types, format, Some(true))).await;
            assert_needs(&all, &["atbv", SESSION_COOKIE]).await;
            let none = login(&bound(&types, format, Some(false))).await;
            assert_needs(&none, &[]).await;
        }
    }
}

#[tokio::test]
async fn either_end_ends_the_token() {
    let server = Server::shared().await;
    for format in FORMATS {
        for validate in [None, Some(false), Some(true)] {
            let settings = bound(&["cookie", "sso-session"], format, validate);
            let by_session = login(&settings).await;
            by_session.browser.sign_out().await;
            by_session.assert_dead(&by_session.client).await;
            let by_cookie = login(&settings).await;
            let other = by_cookie.browser.used_by(&server.operator().user().await);
            let _ = Login::asking(&by_cookie.client, &other, &[("prompt", "login")]).await;
            by_cookie.assert_dead(&by_cookie.client).await;
        }
    }
}

#[tokio::test]
async fn what_is_shown_is_two_arrays_in_the_order_of_the_settings() {
    for format in FORMATS {
        for types in [
            &["cookie", "sso-session"][..],
            &["sso-session", "cookie"],
            &["client-request", "cookie"],
            &["cookie", "client-request", "sso-session"],
        ] {
            let server = Server::shared().await;
            let client = server.registrar().sign_in(&bound(types, format, None)).await;
            let browser = server.new_browser().await;
            let callback = browser.authorize(&client, &[]).await;
            let more = [("tokenBindingId", "tv")];
            let tokens = client.redeem_with(&callback, &more).await.tokens();
            let value = |binding_type: &str| match binding_type {
                "cookie" => browser.atbv().expect("atbv"),
                "sso-session" => browser.session().expect("a session"),
                _ => "tv".to_owned(),
            };
            let references: Vec<_> =
                types.iter().map(|name| reference(name, &client.id, &value(name))).collect();
            let mut told = vec![client.introspect(&tokens.access_token).await];
            told.push(client.introspect(tokens.refresh_token()).await);
            if format == "jwt" {
                told.push(unverified_claims(&tokens.access_token));
            }
            for told in told {
                assert_eq!(told["binding_type"], json!(types));
                assert_eq!(told["binding_ref"], json!(references));
            }
        }
    }
}

/// Redeems a new code of this login's browser, on this instance.
async fn redeemed(login: &Login, id: Option<&str>) -> Login {
    let callback = login.browser.authorize(&login.client, &[]).await;
    let more: Vec<_> = id.into_iter().map(|id| ("tokenBindingId", id)).collect();
    let tokens = login.client.redeem_with(&callback, &more).await.tokens();
    Login { tokens, ..login.clone() }
}

#[tokio::test]
async fn an_instance_and_a_cookie_are_both_checked() {
    for format in FORMATS {
        let settings = bound(&["client-request", "cookie"], format, None);
        let login = redeemed(&login(&settings).await, Some("tv")).await;
        let (in_browser, without) = (login.in_browser(), login.client.clone());
        let (refresh_token, phone) = (login.tokens.refresh_token(), [("tokenBindingId", "phone")]);
        let _ = without.refresh(refresh_token, &[]).await.refused(400, "invalid_grant");
        let _ = in_browser.refresh(refresh_token, &phone).await.refused(400, "invalid_grant");
        let _ = login.used_by(&without).await.challenged("invalid_token");
        assert_eq!(login.used_by(&in_browser).await.status, 200);
        let tv = [("tokenBindingId", "tv")];
        let fresh = in_browser.refresh(refresh_token, &tv).await.tokens();
        let client = &login.client;
        assert!(!client.is_active(&login.tokens.access_token).await, "superseded in its slot");
        assert!(client.is_active(&fresh.access_token).await);
    }
}

#[tokio::test]
async fn slots_of_two_browsers_do_not_touch_one_another() {
    let server = Server::shared().await;
    for types in [["client-request", "cookie"], ["client-request", "sso-session"]] {
        let client = server.registrar().sign_in(&bound(&types, "jwt", None)).await;
        let first = Login::to(&client, &server.new_browser().await).await;
        let elsewhere = server.browser(&first.browser.user);
        let second = Login::to(&client, &elsewhere).await;
        first.assert_alive(&client).await;
        let third = Login::to(&client, &elsewhere).await;
        first.assert_alive(&client).await;
        assert!(!client.is_active(&second.tokens.access_token).await, "superseded in its slot");
        assert!(client.is_active(&third.tokens.access_token).await);
    }
}

#[tokio::test]
async fn an_opaque_slot_gives_its_token_again_to_the_same_browser_alone() {
    let server = Server::shared().await;
    for types in [["client-request", "cookie"], ["client-request", "sso-session"]] {
        let client = server.registrar().sign_in(&bound(&types, "opaque", None)).await;
        let first = Login::to(&client, &server.new_browser().await).await;
        let again = Login::to(&client, &first.browser).await;
        assert_eq!(first.tokens.access_token, again.tokens.access_token, "{types:?}");
        let elsewhere = Login::to(&client, &server.browser(&first.browser.user)).await;
        assert_ne!(first.tokens.access_token, elsewhere.tokens.access_token, "{types:?}");
    }
}

#[tokio::test]
async fn the_end_of_a_device_ends_a_token_that_is_bound_to_more() {
    let server = Server::shared().await;
    for format in FORMATS {
        let settings = bound(&["client-request", "cookie", "sso-session"], format, Some(false));
        let login = redeemed(&login(&settings).await, Some("tv")).await;
        server.operator().end(&["device", "--client", &login.client.id, "tv"]).await;
        login.assert_dead(&login.client).await;
    }
}
