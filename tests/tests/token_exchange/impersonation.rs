//! What an exchange gives where nobody is said to act for the subject.

use serde_json::{Value, json};
use tokenbind_tests::{Client, Login, Server, VerifiedJwt, unverified_claims};

use crate::{ACCESS_TOKEN, FORMATS, JWT, REFRESH_TOKEN, exchanged, front, login, service};

#[tokio::test]
async fn an_application_exchanges_its_own_token_for_a_narrower_one() {
    let server = Server::shared().await;
    for format in FORMATS {
        let client = front(server, &json!({ "access_token_format": format })).await;
        let asked = [("scope", "openid profile email")];
        let login = Login::asking(&client, &server.new_browser().await, &asked).await;
        let answer = client.exchange(&login.tokens.access_token, &[("scope", "email")]).await;
        let tokens = exchanged(&answer);
        assert_eq!(tokens.issued_token_type.as_deref(), Some(ACCESS_TOKEN));
        assert_eq!(tokens.scope.as_deref(), Some("email"));
        let (before, after) = (login.told().await, client.introspect(&tokens.access_token).await);
        for name in ["sub", "username", "aud", "sid", "auth_time", "acr", "client_id"] {
            assert_eq!(after[name], before[name], "{name}");
        }
        assert_ne!(after["jti"], before["jti"]);
        assert!(after["exp"].as_u64() <= before["exp"].as_u64());
        assert!(after.get("act").is_none() && after.get("grant_id").is_none(), "{after}");
        if format == "jwt" {
            let issuer = server.issuer();
            let jwt = VerifiedJwt::verify(&client.http, &issuer, &tokens.access_token).await;
            assert_eq!(jwt.claims["sub"], login.browser.user.sub);
        }
        assert!(client.is_active(&login.tokens.access_token).await, "nothing is taken away");
    }
}

#[tokio::test]
async fn without_a_scope_it_is_all_that_both_the_token_and_the_application_have() {
    let server = Server::shared().await;
    let asked = [("scope", "openid profile email offline_access")];
    let login =
        Login::asking(&front(server, &json!({})).await, &server.new_browser().await, &asked).await;
    let all = exchanged(&login.client.exchange(&login.tokens.access_token, &[]).await);
    assert_eq!(all.scope.as_deref(), Some("email openid profile"));
    let settings = json!({ "scope": "calendar email openid" });
    let service = service(server, &[&login.client], &settings).await;
    let both = exchanged(&service.exchange(&login.tokens.access_token, &[]).await);
    assert_eq!(both.scope.as_deref(), Some("email openid"));
    let told = service.userinfo(&both.access_token).await.expect(200);
    assert_eq!(told["sub"], login.browser.user.sub, "userinfo takes it");
}

#[tokio::test]
async fn a_refresh_token_gives_an_access_token_of_narrower_scope() {
    let server = Server::shared().await;
    for format in FORMATS {
        let settings = json!({ "access_token_format": format, "refresh_token_rotation": true });
        let login = login(server, &settings).await;
        let more = [("subject_token_type", REFRESH_TOKEN)];
        let exchange = || login.client.exchange(login.tokens.refresh_token(), &more);
        let tokens = exchanged(&exchange().await);
        assert_eq!(login.client.introspect(&tokens.access_token).await["sid"], login.sid().await);
        // It is still current: an exchange does not use it up.
        let next = login.client.refresh(login.tokens.refresh_token(), &[]).await.tokens();
        let description = exchange().await.refused(400, "invalid_request");
        assert_eq!(description, "the subject token was replaced by a newer one");
        assert!(login.client.is_active(&next.access_token).await);
    }
}

#[tokio::test]
async fn a_jwt_can_be_shown_and_asked_for_as_such() {
    let server = Server::shared().await;
    let opaque = login(server, &json!({})).await;
    let jwt = login(server, &json!({ "access_token_format": "jwt" })).await;
    let shown = [("subject_token_type", JWT), ("requested_token_type", JWT)];
    let tokens = exchanged(&jwt.client.exchange(&jwt.tokens.access_token, &shown).await);
    assert_eq!(tokens.issued_token_type.as_deref(), Some(JWT));
    assert_eq!(unverified_claims(&tokens.access_token)["sub"], jwt.browser.user.sub);
    for more in [&shown[..1], &shown[1..]] {
        let answer = opaque.client.exchange(&opaque.tokens.access_token, more).await;
        let _ = answer.refused(400, "invalid_request");
    }
    let named = [("requested_token_type", ACCESS_TOKEN)];
    let tokens = exchanged(&jwt.client.exchange(&jwt.tokens.access_token, &named).await);
    assert_eq!(tokens.issued_token_type.as_deref(), Some(ACCESS_TOKEN));
}

#[tokio::test]
async fn an_application_that_acts_for_itself_stays_itself() {
    let server = Server::shared().await;
    let worker = front(server, &json!({ "scope": "openid work" })).await;
    let service = service(server, &[&worker], &json!({ "scope": "work" })).await;
    let own = worker.client_credentials(&[]).await.tokens();
    let tokens = exchanged(&service.exchange(&own.access_token, &[]).await);
    let told = service.introspect(&tokens.access_token).await;
    assert_eq!((&told["sub"], &told["client_id"]), (&json!(worker.id), &json!(service.id)));
    assert_eq!((told.get("username"), told.get("sid")), (None, None));
}

#[tokio::test]
async fn the_lifetime_is_never_longer_than_the_subject_token_s() {
    let server = Server::shared().await;
    for format in FORMATS {
        let settings = json!({ "access_token_format": format, "user_access_token_lifetime": 60 });
        let short = login(server, &settings).await;
        let long = json!({ "access_token_format": format, "user_access_token_lifetime": 86_400 });
        let service = service(server, &[&short.client], &long).await;
        let tokens = exchanged(&service.exchange(&short.tokens.access_token, &[]).await);
        assert!(tokens.expires_in <= 60, "{}", tokens.expires_in);
        let (before, after) = (short.told().await, service.introspect(&tokens.access_token).await);
        assert_eq!(before["exp"], after["exp"]);
        let refreshing = [("subject_token_type", REFRESH_TOKEN)];
        let own = short.client.exchange(short.tokens.refresh_token(), &refreshing).await;
        assert!(exchanged(&own).expires_in <= 60, "the application's own lifetime counts too");
    }
}

#[tokio::test]
async fn an_application_of_another_sector_sees_the_user_by_its_own_subject() {
    let server = Server::shared().await;
    let login = login(server, &json!({})).await;
    let pairwise = |host: &str| {
        json!({
            "subject_type": "pairwise",
            "redirect_uris": [format!("https://{host}/callback")],
            "scope": "openid profile",
            "token_exchange_modes": ["impersonation"],
        })
    };
    let mut seen = vec![login.browser.user.sub.clone()];
    for host in ["one.example", "two.example"] {
        let service = service(server, &[&login.client], &pairwise(host)).await;
        let tokens = exchanged(&service.exchange(&login.tokens.access_token, &[]).await);
        let told = service.introspect(&tokens.access_token).await;
        assert_eq!(told.get("username"), None, "the name would tell what the subject hides");
        let sub = told["sub"].as_str().expect("sub").to_owned();
        let userinfo = service.userinfo(&tokens.access_token).await.expect(200);
        assert_eq!(userinfo["sub"], *sub);
        assert!(!seen.contains(&sub), "{seen:?}");
        seen.push(sub);
    }
}

#[tokio::test]
async fn claims_that_were_asked_for_by_name_are_for_the_one_who_asked() {
    let server = Server::shared().await;
    let user = server.operator().user_with(&["phone_number=123"]).await;
    let client = front(server, &json!({ "scope": "openid phone" })).await;
    let asked = [("claims", r#"{"userinfo":{"phone_number":null}}"#)];
    let login = Login::asking(&client, &server.browser(&user), &asked).await;
    let own = login.used_by(&client).await.expect(200);
    assert_eq!(own["phone_number"], "123");
    let service = service(server, &[&client], &json!({ "scope": "openid phone" })).await;
    let tokens = exchanged(&service.exchange(&login.tokens.access_token, &[]).await);
    let told: Value = service.userinfo(&tokens.access_token).await.expect(200);
    assert_eq!(told.get("phone_number"), None, "{told}");
}

/// The user signs in to the front end; `a` calls `b` in the user's name, and `b` calls `c`.
#[tokio::test]
async fn a_chain_of_services_each_exchanges_what_it_received() {
    let server = Server::shared().await;
    let operator = server.operator();
    for format in FORMATS {
        let formatted = json!({ "access_token_format": format, "scope": "openid profile" });
        let [c, b, a] = chain(server, &formatted).await;
        let (at_a, at_b, at_c) = (
            operator.resource_of(&a.id, &[]).await,
            operator.resource_of(&b.id, &[]).await,
            operator.resource_of(&c.id, &[]).await,
        );
        let front = front(server, &formatted).await;
        let user = server.new_browser().await;
        let asked = [("scope", "openid profile"), ("resource", &*at_a)];
        let login = Login::asking(&front, &user, &asked).await;
        assert_eq!(login.told().await["aud"], *at_a);
        let for_b = [("resource", &*at_b)];
        let to_b = exchanged(&a.exchange(&login.tokens.access_token, &for_b).await);
        let for_c = [("audience", &*c.id), ("scope", "profile")];
        let to_c = exchanged(&b.exchange(&to_b.access_token, &for_c).await);
        for (holder, tokens, audience) in [(&a, &to_b, &at_b), (&b, &to_c, &at_c)] {
            let told = holder.introspect(&tokens.access_token).await;
            assert_eq!((&told["aud"], &told["client_id"]), (&json!(audience), &json!(holder.id)));
            assert_eq!(told["sub"], user.user.sub);
        }
        assert_eq!(to_c.scope.as_deref(), Some("profile"));
        // Nobody exchanges what is meant for another.
        for (stranger, token) in [(&b, &login.tokens.access_token), (&c, &to_b.access_token)] {
            let _ = stranger.exchange(token, &[]).await.refused(400, "invalid_request");
        }
        // c may exchange what it received, but for nothing new.
        let _ = exchanged(&c.exchange(&to_c.access_token, &[]).await);
        let back = c.exchange(&to_c.access_token, &[("resource", &at_a)]).await;
        let _ = back.refused(400, "invalid_target");
    }
}

/// Services of which each may call the one before.
async fn chain(server: &Server, settings: &Value) -> [Client; 3] {
    let c = service(server, &[], settings).await;
    let calling = |callee: &Client| {
        crate::merged(settings.clone(), &json!({ "token_exchange_audiences": [callee.id] }))
    };
    let b = service(server, &[], &calling(&c)).await;
    let a = service(server, &[], &calling(&b)).await;
    [c, b, a]
}
