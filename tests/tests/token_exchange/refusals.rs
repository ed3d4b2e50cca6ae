//! Requests that are refused, each with the code of RFC 8693 section 2.2.2 and a reason that tells no value.

use serde_json::json;
use tokenbind_tests::{Server, flipped};

use crate::{ACCESS_TOKEN, EXCHANGE, FORMATS, JWT, REFRESH_TOKEN, front, login, service};

#[tokio::test]
async fn rfc8693_section_2_1_parameters_that_are_missing_or_unknown() {
    let server = Server::shared().await;
    let login = login(server, &json!({})).await;
    let token = &*login.tokens.access_token;
    for (more, expected) in [
        (&[("subject_token", "")][..], "subject_token_type came without subject_token"),
        (&[("subject_token_type", "")], "subject_token came without subject_token_type"),
        (&[("subject_token_type", "access_token")], "subject_token_type must be one of"),
        (&[("actor_token", token)], "actor_token came without actor_token_type"),
        (&[("actor_token_type", ACCESS_TOKEN)], "actor_token_type came without actor_token"),
        (
            &[("actor_token", token), ("actor_token_type", REFRESH_TOKEN)],
            "actor_token_type must be one of",
        ),
        (&[("requested_token_type", REFRESH_TOKEN)], "requested_token_type must be"),
        (&[("requested_token_type", JWT)], "requested_token_type names a JWT"),
    ] {
        let answer = login.client.exchange(token, more).await;
        let description = answer.refused(400, "invalid_request");
        assert!(description.starts_with(expected), "{more:?}: {description}");
        assert!(!description.contains(token), "{description}");
    }
    let repeated = [("subject_token_type", ACCESS_TOKEN), ("subject_token_type", ACCESS_TOKEN)];
    let _ = login.client.exchange(token, &repeated).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn rfc8693_section_2_2_2_a_subject_token_that_is_not_valid() {
    let server = Server::shared().await;
    for format in FORMATS {
        let login = login(server, &json!({ "access_token_format": format })).await;
        let client = &login.client;
        let token = login.tokens.access_token.clone();
        let forged = flipped(&token, token.len() - 3);
        for unknown in [&*forged, "x", "tb_at_", "a.b.c", login.tokens.id_token()] {
            let answer = client.exchange(unknown, &[]).await;
            let description = answer.refused(400, "invalid_request");
            assert_eq!(description, "the subject token is not known, or no longer");
        }
        let refresh_token = login.tokens.refresh_token();
        let description = client.exchange(refresh_token, &[]).await.refused(400, "invalid_request");
        assert_eq!(description, format!("the subject token is not of the type {ACCESS_TOKEN}"));
        let as_refresh_token = [("subject_token_type", REFRESH_TOKEN)];
        let answer = client.exchange(&token, &as_refresh_token).await;
        let description = answer.refused(400, "invalid_request");
        assert_eq!(description, format!("the subject token is not of the type {REFRESH_TOKEN}"));
        let _ = client.revoke(&token).await;
        let description = client.exchange(&token, &[]).await.refused(400, "invalid_request");
        assert_eq!(description, "the subject token is dead: its token was ended");
        let _ = client.revoke(refresh_token).await;
        let answer = client.exchange(refresh_token, &as_refresh_token).await;
        let description = answer.refused(400, "invalid_request");
        assert_eq!(description, "the subject token is dead: its grant was ended");
    }
}

#[tokio::test]
async fn an_expired_subject_token() {
    let server = Server::shared().await;
    for format in FORMATS {
        let settings = json!({ "access_token_format": format, "user_access_token_lifetime": 1 });
        let login = login(server, &settings).await;
        tokenbind_tests::seconds_pass(1).await;
        let answer = login.client.exchange(&login.tokens.access_token, &[]).await;
        assert_eq!(answer.refused(400, "invalid_request"), "the subject token is dead: expired");
    }
}

#[tokio::test]
async fn a_wider_scope() {
    let server = Server::shared().await;
    let login = login(server, &json!({})).await;
    let service = service(server, &[&login.client], &json!({ "scope": "email work" })).await;
    for (client, scope) in [
        (&login.client, "openid email"),
        (&login.client, "offline_access"),
        (&service, "work"),
        (&service, "openid"),
    ] {
        let answer = client.exchange(&login.tokens.access_token, &[("scope", scope)]).await;
        let _ = answer.refused(400, "invalid_scope");
    }
    let nothing = service.exchange(&login.tokens.access_token, &[]).await;
    let description = nothing.refused(400, "invalid_scope");
    assert_eq!(
        description,
        "nothing is both in the scope of the subject token and of the application"
    );
}

#[tokio::test]
async fn an_application_without_the_grant_and_one_that_does_not_authenticate() {
    let server = Server::shared().await;
    let login = login(server, &json!({})).await;
    let other = server.registrar().slotted("opaque").await;
    let answer = other.exchange(&login.tokens.access_token, &[]).await;
    let _ = answer.refused(400, "unauthorized_client");
    let wrong = login.client.with_secret("wrong");
    let answer = wrong.exchange(&login.tokens.access_token, &[]).await;
    let _ = answer.refused(401, "invalid_client");
}

#[tokio::test]
async fn a_target_that_is_not_known() {
    let server = Server::shared().await;
    let login = login(server, &json!({})).await;
    for target in [
        ("resource", "https://unknown.example/"),
        ("resource", "not a uri"),
        ("audience", "https://unknown.example/"),
        ("audience", "unknown"),
        ("audience", &login.client.id),
    ] {
        let answer = login.client.exchange(&login.tokens.access_token, &[target]).await;
        let _ = answer.refused(400, "invalid_target");
    }
}

#[tokio::test]
async fn settings_that_cannot_be_meant() {
    let server = Server::shared().await;
    let exchanging = json!([EXCHANGE]);
    for (field, settings) in [
        ("token_exchange_modes", json!({ "grant_types": exchanging, "token_exchange_modes": [] })),
        (
            "token_exchange_subject_clients",
            json!({
                "grant_types": exchanging,
                "token_endpoint_auth_method": "none",
                "token_exchange_subject_clients": ["a"],
            }),
        ),
        (
            "token_exchange_audiences",
            json!({ "grant_types": ["password"], "token_exchange_audiences": ["a"] }),
        ),
        (
            "token_binding_types",
            json!({ "grant_types": exchanging, "token_binding_types": ["sso-session"] }),
        ),
    ] {
        let answer = server.registrar().try_register(&settings).await;
        let description = answer.refused(400, "invalid_client_metadata");
        assert!(description.starts_with(field), "{description}");
    }
}

#[tokio::test]
async fn rfc8414_section_2_the_grant_is_in_the_metadata() {
    let server = Server::shared().await;
    let document = server.http().get("/.well-known/oauth-authorization-server").await.expect(200);
    let grants = document["grant_types_supported"].as_array().expect("a list");
    assert!(grants.contains(&json!(EXCHANGE)), "{grants:?}");
    let _ = front(server, &json!({})).await;
}
