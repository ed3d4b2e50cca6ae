//! `sso-session`: tokens that die with the login, whoever holds them.

use serde_json::{Value, json};
use tokenbind_tests::{
    Client, Login, SESSION_COOKIE, Server, User, eventually, reference, seconds_pass,
    unverified_claims,
};

const FORMATS: [&str; 2] = ["opaque", "jwt"];
const MADE_UP: &str = "tb_ss_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Settings of a format and with `validate_token_bindings` as given.
fn bound(format: &str, validate: Option<bool>) -> Value {
    json!({
        "token_binding_types": ["sso-session"],
        "access_token_format": format,
        "validate_token_bindings": validate,
    })
}

/// Every format, and validation by default, off and on.
fn all_settings() -> impl Iterator<Item = Value> {
    let validations = [None, Some(false), Some(true)];
    FORMATS.into_iter().flat_map(move |format| validations.map(|each| bound(format, each)))
}

async fn login(settings: &Value) -> Login {
    Login::anew(Server::shared().await, settings).await
}

/// What a request may show that is not the session's cookie, and what the refusal says of it.
fn wrong(login: &Login) -> [(Client, &'static str); 5] {
    let own = login.browser.session().expect("a session");
    let showing = |cookies: &str| login.client.showing(cookies);
    [
        (login.client.clone(), "none was shown"),
        (showing(&format!("{SESSION_COOKIE}={MADE_UP}")), "another one was shown"),
        (showing(&format!("tb_session={own}")), "none was shown"),
        (
            showing(&format!("{SESSION_COOKIE}={own}; {SESSION_COOKIE}={MADE_UP}")),
            "several were shown",
        ),
        (showing(&format!("{SESSION_COOKIE}={own}; {SESSION_COOKIE}={own}")), "several were shown"),
    ]
}

fn assert_reason(description: &str, seen: &str, login: &Login) {
    assert!(description.contains("login session") && description.contains(seen), "{description}");
    assert!(!description.contains(&login.browser.session().expect("a session")), "{description}");
}

mod at_token {
    use super::*;

    #[tokio::test]
    async fn a_living_session_is_enough_and_no_cookie_is_needed() {
        for settings in all_settings() {
            let login = login(&settings).await;
            login.assert_alive(&login.client).await;
        }
    }

    #[tokio::test]
    async fn after_a_logout_the_code_is_invalid_grant() {
        let server = Server::shared().await;
        for settings in all_settings() {
            let client = server.registrar().sign_in(&settings).await;
            let browser = server.new_browser().await;
            let callback = browser.authorize(&client, &[]).await;
            browser.sign_out().await;
            let description = client.redeem(&callback).await.refused(400, "invalid_grant");
            assert!(description.contains("session"), "{description}");
        }
    }

    #[tokio::test]
    async fn a_logout_ends_codes_of_any_application() {
        // Whoever signs out wants no code of theirs to become a token a moment later.
        let server = Server::shared().await;
        let client = server.registrar().sign_in(&json!({})).await;
        let browser = server.new_browser().await;
        let callback = browser.authorize(&client, &[]).await;
        browser.sign_out().await;
        let _ = client.redeem(&callback).await.refused(400, "invalid_grant");
    }
}

mod at_refresh {
    use super::*;

    #[tokio::test]
    async fn without_validation_a_living_session_is_enough() {
        for format in FORMATS {
            for validate in [None, Some(false)] {
                let login = login(&bound(format, validate)).await;
                for (shower, _) in wrong(&login) {
                    let fresh = login.refreshed_by(&shower).await.tokens();
                    let told = login.client.introspect(&fresh.access_token).await;
                    assert_eq!(told["binding_ref"], login.told().await["binding_ref"]);
                }
            }
        }
    }

    #[tokio::test]
    async fn with_validation_missing_or_other_or_two_is_invalid_grant() {
        for format in FORMATS {
            let login = login(&bound(format, Some(true))).await;
            for (shower, seen) in wrong(&login) {
                let description = login.refreshed_by(&shower).await.refused(400, "invalid_grant");
                assert_reason(&description, seen, &login);
            }
            let fresh = login.refreshed_by(&login.in_browser()).await.tokens();
            let told = login.client.introspect(&fresh.access_token).await;
            assert_eq!(told["binding_ref"], login.told().await["binding_ref"]);
        }
    }

    #[tokio::test]
    async fn with_validation_another_session_of_the_same_user_is_another() {
        let server = Server::shared().await;
        let login = login(&bound("opaque", Some(true))).await;
        let other = server.browser(&login.browser.user);
        let _ = Login::to(&login.client, &other).await;
        let answer = login.refreshed_by(&other.runs(&login.client)).await;
        let description = answer.refused(400, "invalid_grant");
        assert_reason(&description, "another one was shown", &login);
    }

    #[tokio::test]
    async fn a_dead_session_ends_the_grant() {
        let server = Server::shared().await;
        let client = server.registrar().single_page(&bound("opaque", None)).await;
        let observer = server.registrar().observer().await;
        let login = Login::to(&client, &server.new_browser().await).await;
        login.browser.sign_out().await;
        let description = login.refreshed_by(&client).await.refused(400, "invalid_grant");
        assert!(description.contains("session"), "{description}");
        // A new login of the same user in the same browser does not bring the grant back.
        let again = Login::to(&client, &login.browser).await;
        login.assert_dead(&observer).await;
        again.assert_alive(&observer).await;
    }
}

mod at_use {
    use super::*;

    #[tokio::test]
    async fn without_validation_a_living_session_is_enough() {
        for format in FORMATS {
            for validate in [None, Some(false)] {
                let login = login(&bound(format, validate)).await;
                for (shower, _) in wrong(&login) {
                    assert_eq!(login.used_by(&shower).await.status, 200);
                }
            }
        }
    }

    #[tokio::test]
    async fn with_validation_missing_or_other_or_two_is_a_challenge_with_the_reason() {
        for format in FORMATS {
            let login = login(&bound(format, Some(true))).await;
            for (shower, seen) in wrong(&login) {
                let description = login.used_by(&shower).await.challenged("invalid_token");
                assert_reason(&description, seen, &login);
            }
            let told = login.used_by(&login.in_browser()).await.expect(200);
            assert_eq!(told["sub"], login.browser.user.sub);
        }
    }
}

mod ends_with {
    use super::*;

    #[tokio::test]
    async fn a_logout() {
        for settings in all_settings() {
            let login = login(&settings).await;
            login.browser.sign_out().await;
            login.assert_dead(&login.client).await;
        }
    }

    #[tokio::test]
    async fn the_end_of_the_session_by_an_operator() {
        for settings in all_settings() {
            let login = login(&settings).await;
            Server::shared().await.operator().end(&["session", &login.sid().await]).await;
            login.assert_dead(&login.client).await;
        }
    }

    #[tokio::test]
    async fn a_lock_or_removal_or_new_password_of_the_user() {
        let server = Server::shared().await;
        for settings in all_settings() {
            for change in ["lock", "delete", "set-password"] {
                let login = login(&settings).await;
                let bystander = Login::to(&login.client, &server.new_browser().await).await;
                let mut arguments = vec!["user", change, &login.browser.user.username];
                if change == "set-password" {
                    arguments.push("--password-stdin");
                }
                let _ = server.operator().json_with(&arguments, "a new password").await;
                login.assert_dead(&login.client).await;
                bystander.assert_alive(&login.client).await;
            }
        }
    }

    #[tokio::test]
    async fn another_user_who_signs_in_in_the_same_browser() {
        let server = Server::shared().await;
        for settings in all_settings() {
            let login = login(&settings).await;
            let other = login.browser.used_by(&server.operator().user().await);
            let successor = Login::asking(&login.client, &other, &[("prompt", "login")]).await;
            login.assert_dead(&login.client).await;
            successor.assert_alive(&login.client).await;
        }
    }

    #[tokio::test]
    async fn this_session_and_not_with_another_of_the_same_user() {
        let server = Server::shared().await;
        for settings in all_settings() {
            let login = login(&settings).await;
            let other = server.browser(&login.browser.user);
            let second = Login::to(&login.client, &other).await;
            other.sign_out().await;
            second.assert_dead(&login.client).await;
            login.assert_alive(&login.client).await;
        }
    }

    #[tokio::test]
    async fn the_account_page_where_the_user_ends_it_from_another_browser() {
        let server = Server::shared().await;
        let login = login(&bound("opaque", None)).await;
        let elsewhere = server.browser(&login.browser.user);
        elsewhere.sign_in().await;
        let page = elsewhere.get("/account").await;
        let sid = login.sid().await;
        let mut forms = page.html.forms.iter();
        let form = forms.find(|form| form.value("session") == Some(&*sid)).expect("a form for it");
        let page = elsewhere.submit(&page, form, form.buttons.first()).await;
        let page = elsewhere.follow(page).await;
        assert_eq!(page.answer.status, 200, "{}", page.html.text);
        login.assert_dead(&login.client).await;
    }
}

mod by_the_clock {
    use super::*;

    /// A server whose sessions are short, and an application bound to them.
    async fn server(session: &str) -> Server {
        Server::serve(session, &[]).await
    }

    #[tokio::test]
    async fn the_idle_end_counts_for_introspection_userinfo_and_refresh_alike() {
        let server = server("session.idle = \"2s\"\nsession.absolute = \"1h\"").await;
        let mut logins = Vec::new();
        for settings in all_settings() {
            logins.push(Login::anew(&server, &settings).await);
        }
        for login in &logins {
            eventually("the session idles out", async || {
                (!login.client.is_active(&login.tokens.access_token).await).then_some(())
            })
            .await;
            let description = login.refreshed_by(&login.in_browser()).await;
            let description = description.refused(400, "invalid_grant");
            assert!(description.contains("session"), "{description}");
            login.assert_dead(&login.client).await;
        }
    }

    #[tokio::test]
    async fn use_of_the_session_moves_the_idle_end_and_a_glance_at_the_token_does_not() {
        let server = server("session.idle = \"3s\"\nsession.absolute = \"1h\"").await;
        let refreshed = Login::anew(&server, &bound("opaque", None)).await;
        let authorized = Login::anew(&server, &bound("opaque", None)).await;
        let watched = Login::anew(&server, &bound("opaque", None)).await;
        for _ in 0..4 {
            seconds_pass(1).await;
            let _ = refreshed.refreshed_by(&refreshed.client).await.tokens();
            let _ = authorized.browser.authorize_silently(&authorized.client, &[]).await.code();
            let _ = watched.told().await;
            let _ = watched.used_by(&watched.client).await;
        }
        refreshed.assert_alive(&refreshed.client).await;
        authorized.assert_alive(&authorized.client).await;
        watched.assert_dead(&watched.client).await;
    }

    #[tokio::test]
    async fn the_absolute_end_counts_however_much_the_session_is_used() {
        let server = server("session.idle = \"3s\"\nsession.absolute = \"3s\"").await;
        let login = Login::anew(&server, &bound("jwt", None)).await;
        eventually("the session ends", async || {
            let answer = login.refreshed_by(&login.client).await;
            (answer.status != 200).then_some(())
        })
        .await;
        login.assert_dead(&login.client).await;
    }

    #[tokio::test]
    async fn tokens_of_other_types_live_on_though_they_end_at_logout() {
        let server = server("session.idle = \"2s\"\nsession.absolute = \"2s\"").await;
        let plain = Login::anew(&server, &json!({ "revoke_tokens_on_logout": true })).await;
        let bound = Login::anew(&server, &bound("opaque", None)).await;
        eventually("the sessions end", async || {
            (!bound.client.is_active(&bound.tokens.access_token).await).then_some(())
        })
        .await;
        seconds_pass(1).await;
        let _ =
            plain.browser.authorize_silently(&plain.client, &[]).await.refused("login_required");
        plain.assert_alive(&plain.client).await;
    }

    #[tokio::test]
    async fn a_code_of_a_session_that_idled_out_is_invalid_grant() {
        let server = server("session.idle = \"1s\"\nsession.absolute = \"1h\"").await;
        let client = server.registrar().sign_in(&bound("opaque", None)).await;
        let callback = server.new_browser().await.authorize(&client, &[]).await;
        seconds_pass(2).await;
        let _ = client.redeem(&callback).await.refused(400, "invalid_grant");
    }

    #[tokio::test]
    async fn a_restart_forgets_no_session_and_brings_none_back() {
        let mut server = Server::quickstart().await;
        let living = Login::anew(&server, &bound("jwt", None)).await;
        let ended = Login::anew(&server, &bound("opaque", None)).await;
        ended.browser.sign_out().await;
        server.restart().await;
        let observer = server.registrar().observer().await;
        living.assert_alive(&observer).await;
        let both = [&*ended.tokens.access_token, ended.tokens.refresh_token()];
        assert_eq!(observer.which_active(&both).await, [false, false]);
    }
}

#[tokio::test]
async fn the_same_user_who_signs_in_again_keeps_the_session_and_its_tokens() {
    for settings in all_settings() {
        let login = login(&settings).await;
        let cookie = login.browser.session();
        let again = Login::asking(&login.client, &login.browser, &[("prompt", "login")]).await;
        assert_eq!(login.browser.session(), cookie);
        assert_eq!(again.sid().await, login.sid().await);
        login.assert_alive(&login.client).await;
    }
}

#[tokio::test]
async fn settings_that_change_later_never_remove_the_check() {
    let server = Server::shared().await;
    for format in FORMATS {
        for change in ["token_binding_types=[]", "validate_token_bindings=false"] {
            let login = login(&bound(format, Some(true))).await;
            let update = ["app", "update", &login.client.id, "--set", change];
            let _ = server.operator().json(&update).await;
            let description = login.used_by(&login.client).await.challenged("invalid_token");
            assert_reason(&description, "none was shown", &login);
            let description = login.refreshed_by(&login.client).await.refused(400, "invalid_grant");
            assert_reason(&description, "none was shown", &login);
            let fresh = login.refreshed_by(&login.in_browser()).await.tokens();
            let answer = login.client.userinfo(&fresh.access_token).await;
            let _ = answer.challenged("invalid_token");
            login.browser.sign_out().await;
            login.assert_dead(&login.client).await;
            assert!(!login.client.is_active(&fresh.access_token).await);
        }
    }
}

#[tokio::test]
async fn jwts_and_introspection_show_the_reference_and_the_login() {
    for settings in all_settings() {
        let login = login(&settings).await;
        let cookie = login.browser.session().expect("a session");
        let expected = reference("sso-session", &login.client.id, &cookie);
        let mut told = vec![login.told().await];
        if settings["access_token_format"] == "jwt" {
            told.push(unverified_claims(&login.tokens.access_token));
        }
        let id_token = login.client.id_token(&login.tokens).await.claims;
        for told in told {
            assert_eq!(told["binding_type"], "sso-session");
            assert_eq!(told["binding_ref"], expected);
            for name in ["sid", "auth_time", "acr", "sub"] {
                assert!(!told[name].is_null(), "{name}: {told}");
                assert!(id_token.get(name).is_none_or(|value| *value == told[name]), "{name}");
            }
            assert!(!told.to_string().contains(&cookie));
        }
        let refresh = login.client.introspect(login.tokens.refresh_token()).await;
        assert_eq!(refresh["binding_ref"], expected);
    }
}

mod revoke_tokens_on_logout {
    use super::*;

    const TYPES: [&[&str]; 4] = [&[], &["cookie"], &["sso-session"], &["client-request"]];

    fn settings(types: &[&str], format: &str, revoke: bool) -> Value {
        json!({
            "token_binding_types": types,
            "access_token_format": format,
            "revoke_tokens_on_logout": revoke,
            "validate_token_bindings": false,
        })
    }

    #[tokio::test]
    async fn works_for_every_binding_type_and_is_off_by_default() {
        for format in FORMATS {
            for types in TYPES {
                let login = login(&settings(types, format, true)).await;
                login.browser.sign_out().await;
                login.assert_dead(&login.client).await;
                let login = login_without_revoking(types, format).await;
                login.browser.sign_out().await;
                if types == ["sso-session"] {
                    login.assert_dead(&login.client).await;
                } else {
                    login.assert_alive(&login.client).await;
                }
            }
        }
    }

    async fn login_without_revoking(types: &[&str], format: &str) -> Login {
        login(&settings(types, format, false)).await
    }

    #[tokio::test]
    async fn is_decided_at_issue() {
        let server = Server::shared().await;
        for (at_issue, later) in [(true, "false"), (false, "true")] {
            let login = login(&settings(&[], "jwt", at_issue)).await;
            let change = format!("revoke_tokens_on_logout={later}");
            let update = ["app", "update", &login.client.id, "--set", &change];
            let _ = server.operator().json(&update).await;
            login.browser.sign_out().await;
            if at_issue {
                login.assert_dead(&login.client).await;
            } else {
                login.assert_alive(&login.client).await;
            }
        }
    }

    #[tokio::test]
    async fn counts_for_refreshed_tokens_too() {
        let login = login(&settings(&[], "opaque", true)).await;
        let fresh = login.refreshed_by(&login.client).await.tokens();
        login.browser.sign_out().await;
        assert!(!login.client.is_active(&fresh.access_token).await);
    }
}

#[tokio::test]
async fn a_password_grant_has_no_session_and_is_refused() {
    let registrar = Server::shared().await.registrar();
    let metadata = json!({
        "token_binding_types": ["sso-session"],
        "grant_types": ["authorization_code", "password"],
    });
    let refused = registrar.try_register(&metadata).await;
    assert!(refused.refused(400, "invalid_client_metadata").contains("sso-session"));
    let stranger = User { username: "x".into(), password: "x".into(), sub: String::new() };
    let client = registrar.sign_in(&json!({ "token_binding_types": ["sso-session"] })).await;
    let _ = client.password(&stranger, &[]).await.refused(400, "unauthorized_client");
}
