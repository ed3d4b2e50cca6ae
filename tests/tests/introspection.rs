//! Introspection (RFC 7662): what is told of a token, and to whom; and JWTs as others verify them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokenbind_tests::{Client, Server, User, VerifiedJwt, binding_ref, flipped};

fn names(told: &Value) -> BTreeSet<&str> {
    told.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// The members of contract section 5 that an access token has when it belongs to a user, is of a
/// grant, and is not bound.
const USERS: [&str; 13] = [
    "active",
    "aud",
    "client_id",
    "exp",
    "grant_id",
    "iat",
    "iss",
    "jti",
    "nbf",
    "scope",
    "sub",
    "token_type",
    "username",
];

fn expected(without: &[&str], with: &[&'static str]) -> BTreeSet<&'static str> {
    let kept = USERS.into_iter().filter(|name| !without.contains(name));
    kept.chain(with.iter().copied()).collect()
}

async fn scene(server: &Server, format: &str) -> (Client, User) {
    (server.registrar().slotted(format).await, server.operator().user().await)
}

#[tokio::test]
async fn of_a_users_bound_token_exactly_these_members_are_told() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let (client, user) = scene(server, format).await;
        let tokens = client.password(&user, &[("tokenBindingId", "tv")]).await.tokens();
        let told = client.introspect(&tokens.access_token).await;
        assert_eq!(names(&told), expected(&[], &["binding_type", "binding_ref"]), "{told}");
        assert_eq!(told["active"], true);
        assert_eq!(told["scope"], "email profile");
        assert_eq!(told["client_id"], client.id);
        assert_eq!(told["username"], user.username);
        assert_eq!(told["sub"], user.sub);
        assert_eq!(told["iss"], server.issuer());
        assert_eq!(told["aud"], server.issuer());
        assert_eq!(told["token_type"], "Bearer");
        assert_eq!(told["nbf"], told["iat"]);
        let times = told["exp"].as_u64().zip(told["iat"].as_u64());
        assert_eq!(times.map(|(exp, iat)| exp - iat), Some(3600));
        assert_eq!(told["binding_type"], "client-request");
        assert_eq!(told["binding_ref"], binding_ref(&client.id, "tv"));
        assert!(!told.to_string().contains("\"tv\""), "the value itself is never shown: {told}");
    }
}

#[tokio::test]
async fn of_an_unbound_token_nothing_of_bindings_is_told() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let (client, user) = scene(server, format).await;
        let tokens = client.password(&user, &[]).await.tokens();
        let told = client.introspect(&tokens.access_token).await;
        assert_eq!(names(&told), expected(&[], &[]), "{told}");
    }
}

#[tokio::test]
async fn of_an_applications_own_token_no_user_and_no_grant_are_told() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let client = server.registrar().slotted(format).await;
        let tokens = client.own_token(Some("tv")).await;
        assert_eq!(tokens.refresh_token, None, "RFC 6749 section 4.4.3");
        let told = client.introspect(&tokens.access_token).await;
        let with = ["binding_type", "binding_ref"];
        assert_eq!(names(&told), expected(&["username", "grant_id"], &with), "{told}");
        assert_eq!(told["sub"], client.id, "RFC 9068 section 2.2");
    }
}

#[tokio::test]
async fn of_a_refresh_token_its_grant_is_told_and_no_token_type() {
    let server = Server::shared().await;
    let (client, user) = scene(server, "jwt").await;
    let tokens = client.password(&user, &[("tokenBindingId", "tv")]).await.tokens();
    let told = client.introspect(tokens.refresh_token()).await;
    let with = ["binding_type", "binding_ref"];
    assert_eq!(names(&told), expected(&["jti", "token_type"], &with), "{told}");
    assert_eq!(told["sub"], user.sub);
    assert_eq!(told["binding_ref"], binding_ref(&client.id, "tv"));
    let of_access = client.introspect(&tokens.access_token).await;
    assert_eq!(told["grant_id"], of_access["grant_id"]);
}

#[tokio::test]
async fn the_answer_is_json_that_no_cache_keeps_and_the_hint_changes_nothing() {
    let server = Server::shared().await;
    let (client, user) = scene(server, "opaque").await;
    let tokens = client.password(&user, &[]).await.tokens();
    for token in [&*tokens.access_token, tokens.refresh_token(), "garbage"] {
        let plain = client.introspect(token).await;
        for hint in ["access_token", "refresh_token", "something-else"] {
            let fields = [("token", token), ("token_type_hint", hint)];
            let answer = client.post("/oauth2/introspect", &fields).await;
            assert_eq!(answer.expect(200), plain, "{hint}");
            assert_eq!(answer.header(&reqwest::header::CACHE_CONTROL), Some("no-store"));
        }
    }
}

#[tokio::test]
async fn own_sees_its_own_tokens_and_any_sees_all() {
    let server = Server::shared().await;
    let registrar = server.registrar();
    let resource_server = registrar.observer().await;
    let stranger = registrar.slotted("jwt").await;
    for format in ["opaque", "jwt"] {
        let (client, user) = scene(server, format).await;
        let tokens = client.password(&user, &[]).await.tokens();
        for token in [&*tokens.access_token, tokens.refresh_token()] {
            assert!(!stranger.is_active(token).await, "{format}: none of its business");
            let own = client.introspect(token).await;
            assert_eq!(own["active"], true);
            assert_eq!(resource_server.introspect(token).await, own);
        }
    }
}

#[tokio::test]
async fn rfc7662_section_2_1_a_public_client_may_not_introspect() {
    let server = Server::shared().await;
    let client = server.registrar().public("opaque").await;
    let user = server.operator().user().await;
    let tokens = client.password(&user, &[]).await.tokens();
    let answer = client.post("/oauth2/introspect", &[("token", &tokens.access_token)]).await;
    let _ = answer.refused(401, "invalid_client");
}

#[tokio::test]
async fn without_a_token_there_is_nothing_to_introspect_or_revoke() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        for fields in [&[][..], &[("token", "")], &[("token_type_hint", "access_token")]] {
            let description = client.post(path, fields).await.refused(400, "invalid_request");
            assert!(description.contains("token"), "{description}");
        }
    }
}

#[tokio::test]
async fn rfc9068_a_jwt_verifies_with_another_library_and_says_what_introspection_says() {
    let server = Server::shared().await;
    let (client, user) = scene(server, "jwt").await;
    let tokens = client.password(&user, &[("tokenBindingId", "tv")]).await.tokens();
    let jwt = VerifiedJwt::verify(&client.http, &server.issuer(), &tokens.access_token).await;
    assert_eq!(jwt.header.typ.as_deref(), Some("at+jwt"));
    let expected_names: BTreeSet<_> = [
        "aud",
        "binding_ref",
        "binding_type",
        "client_id",
        "exp",
        "grant_id",
        "iat",
        "iss",
        "jti",
        "nbf",
        "scope",
        "sub",
    ]
    .into();
    assert_eq!(names(&jwt.claims), expected_names);
    let told = client.introspect(&tokens.access_token).await;
    for name in expected_names {
        assert_eq!(jwt.claims[name], told[name], "{name}");
    }
    let _ = client.refresh(tokens.refresh_token(), &[]).await.tokens();
    let _still_verifies =
        VerifiedJwt::verify(&client.http, &server.issuer(), &tokens.access_token).await;
    assert!(!client.is_active(&tokens.access_token).await, "but it is superseded");
}

#[tokio::test]
async fn an_applications_own_jwt_names_no_user_and_no_grant() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("jwt").await;
    let token = client.own_token(None).await.access_token;
    let jwt = VerifiedJwt::verify(&client.http, &server.issuer(), &token).await;
    let expected: BTreeSet<_> =
        ["aud", "client_id", "exp", "iat", "iss", "jti", "nbf", "scope", "sub"].into();
    assert_eq!(names(&jwt.claims), expected);
    assert_eq!(jwt.claims["sub"], client.id);
}

#[tokio::test]
async fn claims_of_the_user_are_in_a_jwt_where_the_application_asks_for_them() {
    let server = Server::shared().await;
    let operator = server.operator();
    let name = "claims-of-the-user";
    let add = [
        "user",
        "add",
        name,
        "--password-stdin",
        "--claim",
        "email=c@example.com",
        "--claim",
        "roles=[\"admin\",\"dev\"]",
    ];
    let added = operator.json_with(&add, "secret").await;
    let sub = added["sub"].as_str().expect("sub").to_owned();
    let user = User { username: name.into(), password: "secret".into(), sub };
    let settings = json!({ "access_token_claims": ["email", "roles", "phone_number"] });
    let client = server.registrar().with_slots("jwt", &settings).await;
    let tokens = client.password(&user, &[]).await.tokens();
    let refreshed = client.refresh(tokens.refresh_token(), &[]).await.tokens();
    for token in [&tokens.access_token, &refreshed.access_token] {
        let jwt = VerifiedJwt::verify(&client.http, &server.issuer(), token).await;
        assert_eq!(jwt.claims["email"], "c@example.com");
        assert_eq!(jwt.claims["roles"], json!(["admin", "dev"]));
        assert_eq!(jwt.claims["sub"], user.sub, "never the user's to say");
        assert!(jwt.claims.get("phone_number").is_none());
    }
}

#[tokio::test]
async fn a_changed_token_is_not_active() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let client = server.registrar().slotted(format).await;
        let token = client.own_token(None).await.access_token;
        let prefix = if format == "opaque" { "tb_at_".len() } else { 0 };
        for at in (prefix..token.len()).step_by(5).filter(|&at| token.as_bytes()[at] != b'.') {
            assert!(!client.is_active(&flipped(&token, at)).await, "{format}: character {at}");
        }
        assert!(client.is_active(&token).await);
    }
}

#[tokio::test]
async fn the_jti_of_a_token_is_no_token() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let client = server.registrar().slotted(format).await;
        let token = client.own_token(None).await.access_token;
        let told = client.introspect(&token).await;
        let jti = told["jti"].as_str().expect("jti");
        for guess in [jti.to_owned(), format!("tb_at_{jti}"), format!("tb_rt_{jti}")] {
            assert!(!client.is_active(&guess).await, "{guess}");
        }
    }
}
