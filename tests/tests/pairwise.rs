//! Pairwise subjects: applications of different sectors cannot tell that their users are the same
//! (OpenID Connect Core section 8.1).

use std::collections::HashSet;

use serde_json::{Value, json};
use tokenbind_tests::{Client, Login, Server, unverified_claims};

/// An application of which all redirect URIs are on this host.
async fn on(host: &str, more: &Value) -> Client {
    let mut metadata = json!({
        "subject_type": "pairwise",
        "redirect_uris": [format!("https://{host}/callback"), format!("https://{host}/other")],
    });
    let members = metadata.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    Server::shared().await.registrar().sign_in(&metadata).await
}

/// Every `sub` that a login shows its application, which must all be one.
async fn sub(login: &Login) -> String {
    let client = &login.client;
    let mut subs = HashSet::new();
    let mut note = |told: &Value| subs.insert(told["sub"].as_str().expect("sub").to_owned());
    note(&client.id_token(&login.tokens).await.claims);
    note(&login.used_by(&login.in_browser()).await.expect(200));
    note(&login.told().await);
    note(&client.introspect(login.tokens.refresh_token()).await);
    let fresh = login.refreshed_by(&login.in_browser()).await.tokens();
    note(&client.id_token(&fresh).await.claims);
    note(&client.introspect(&fresh.access_token).await);
    for token in [&login.tokens.access_token, &fresh.access_token] {
        if token.contains('.') {
            note(&unverified_claims(token));
        }
    }
    assert_eq!(subs.len(), 1, "{subs:?}");
    subs.into_iter().next().unwrap_or_default()
}

#[tokio::test]
async fn id_token_userinfo_introspection_and_jwt_agree_and_do_not_show_the_subject() {
    for format in ["opaque", "jwt"] {
        let client = on("one.example", &json!({ "access_token_format": format })).await;
        let login = Login::to(&client, &Server::shared().await.new_browser().await).await;
        let sub = sub(&login).await;
        assert_ne!(sub, login.browser.user.sub);
        assert!(!sub.contains(&login.browser.user.sub) && sub.len() >= 22 && sub.len() <= 255);
        let id_token = client.id_token(&login.tokens).await.claims.to_string();
        assert!(!id_token.contains(&login.browser.user.sub), "{id_token}");
    }
}

#[tokio::test]
async fn one_sector_sees_one_subject_and_another_sector_another() {
    let browser = Server::shared().await.new_browser().await;
    let mut seen = Vec::new();
    for host in ["one.example", "one.example", "two.example"] {
        let client = on(host, &json!({})).await;
        seen.push(sub(&Login::to(&client, &browser).await).await);
    }
    let public = Server::shared().await.registrar().sign_in(&json!({})).await;
    seen.push(sub(&Login::to(&public, &browser).await).await);
    assert_eq!(seen[0], seen[1], "the sector is the host of the redirect URIs");
    assert_ne!(seen[0], seen[2]);
    assert_eq!(seen[3], browser.user.sub, "public is the default");
    assert!(![&seen[0], &seen[2]].contains(&&browser.user.sub));
}

#[tokio::test]
async fn each_user_is_another_and_each_login_of_a_user_the_same() {
    let server = Server::shared().await;
    let client = on("one.example", &json!({})).await;
    let first = Login::to(&client, &server.new_browser().await).await;
    let again = Login::to(&client, &server.browser(&first.browser.user)).await;
    let other = Login::to(&client, &server.new_browser().await).await;
    assert_eq!(sub(&first).await, sub(&again).await);
    assert_ne!(sub(&first).await, sub(&other).await);
}

#[tokio::test]
async fn the_subject_is_the_same_whatever_the_token_is_bound_to() {
    let browser = Server::shared().await.new_browser().await;
    let mut seen = HashSet::new();
    for types in [&[][..], &["cookie"], &["sso-session"], &["client-request"]] {
        let client = on("one.example", &json!({ "token_binding_types": types })).await;
        seen.insert(sub(&Login::to(&client, &browser).await).await);
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn what_ends_the_user_ends_tokens_that_name_them_otherwise() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let client = on("one.example", &json!({ "access_token_format": format })).await;
        let login = Login::to(&client, &server.new_browser().await).await;
        login.assert_alive(&client).await;
        server.operator().end(&["user", &login.browser.user.username]).await;
        login.assert_dead(&client).await;
    }
}

#[tokio::test]
async fn an_id_token_hint_with_a_pairwise_subject_is_of_the_user() {
    let server = Server::shared().await;
    let client = on("one.example", &json!({})).await;
    let login = Login::to(&client, &server.new_browser().await).await;
    let hint = [("id_token_hint", login.tokens.id_token())];
    let _ = login.browser.authorize_silently(&client, &hint).await.code();
    let other = server.new_browser().await;
    other.sign_in().await;
    let _ = other.authorize_silently(&client, &hint).await.refused("login_required");
}

#[tokio::test]
async fn redirect_uris_on_several_hosts_have_no_sector_and_are_refused() {
    let registrar = Server::shared().await.registrar();
    let metadata = json!({
        "subject_type": "pairwise",
        "redirect_uris": ["https://one.example/callback", "https://two.example/callback"],
    });
    let refused = registrar.try_register(&metadata).await;
    let description = refused.refused(400, "invalid_client_metadata");
    assert!(description.contains("subject_type"), "{description}");
}
