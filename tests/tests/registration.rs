//! Registering applications (RFC 7591, RFC 7592), and how they authenticate.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::WWW_AUTHENTICATE;
use serde_json::{Value, json};
use tokenbind_tests::{Client, Registrar, Server, percent_encoded};

#[tokio::test]
async fn the_life_of_a_registration() {
    let server = Server::shared().await;
    let metadata = json!({
        "client_name": "TV",
        "grant_types": ["client_credentials"],
        "token_binding_types": ["client-request"],
    });
    let registration = server.registrar().register(&metadata).await;
    let answer = &registration.answer;
    assert_eq!(answer["client_secret_expires_at"], 0);
    assert!(answer["client_id_issued_at"].as_u64().is_some_and(|at| at > 1_700_000_000));
    assert_eq!(answer["client_name"], "TV");
    let old = registration.client.own_token(Some("tv")).await;

    let read = registration.read().await.expect(200);
    let mut same_but_for_the_secret = answer.clone();
    for secret in ["client_secret", "client_secret_expires_at"] {
        same_but_for_the_secret.as_object_mut().expect("an object").remove(secret);
    }
    assert_eq!(read, same_but_for_the_secret);

    let update = json!({
        "client_id": registration.client.id,
        "client_name": "Set-top box",
        "grant_types": ["client_credentials"],
        "access_token_format": "jwt",
    });
    let updated = registration.update(&update).await.expect(200);
    assert_eq!(updated["client_name"], "Set-top box");
    assert_eq!(updated["token_binding_types"], json!([]), "an update replaces everything");
    assert!(updated.get("client_secret").is_none(), "secrets are never told again");
    assert_eq!(registration.read().await.expect(200), updated);
    let new = registration.client.own_token(None).await;
    assert_eq!(new.access_token.split('.').count(), 3);
    assert!(registration.client.is_active(&old.access_token).await);

    let observer = server.registrar().observer().await;
    assert_eq!(registration.delete().await.status, 204);
    let both = [&*old.access_token, &*new.access_token];
    assert_eq!(observer.which_active(&both).await, [false, false]);
    let _ = registration.client.client_credentials(&[]).await.refused(401, "invalid_client");
    for gone in [registration.read().await, registration.delete().await] {
        let _ = gone.refused(401, "invalid_token");
    }
}

#[tokio::test]
async fn a_generated_client_id_is_never_taken_for_an_option_of_a_command() {
    let server = Server::shared().await;
    let registrar = server.registrar();
    for _ in 0..100 {
        let id = registrar.application(&json!({})).await.id;
        assert!(id.starts_with(|first: char| first.is_ascii_alphabetic()), "{id}");
    }
}

#[tokio::test]
async fn wrong_tokens_are_refused() {
    let server = Server::shared().await;
    let registrar = server.registrar();
    let registration = registrar.register(&json!({})).await;
    for token in ["", "wrong", registration.token.as_str()] {
        let stranger = Registrar { token: token.to_owned(), ..registrar.clone() };
        let answer = stranger.try_register(&json!({})).await;
        let _ = answer.refused(401, "invalid_token");
        let challenge = answer.header(&WWW_AUTHENTICATE).expect("a challenge");
        assert!(challenge.starts_with("Bearer ") && challenge.contains("invalid_token"));
    }
    let other = registrar.register(&json!({})).await;
    let initial = registrar.token.as_str();
    for token in ["", "wrong", other.token.as_str(), initial] {
        let mut stranger = registration.clone();
        token.clone_into(&mut stranger.token);
        let update = json!({ "client_id": registration.client.id });
        for answer in
            [stranger.read().await, stranger.update(&update).await, stranger.delete().await]
        {
            let _ = answer.refused(401, "invalid_token");
        }
    }
    let _ = registration.read().await.expect(200);
}

#[tokio::test]
async fn an_application_of_the_operator_is_not_managed_over_the_network() {
    let server = Server::shared().await;
    let http = server.http();
    for path in ["/oauth2/register/quickstart-jwt", "/oauth2/register/nobody"] {
        let _ = http.get(path).await.refused(401, "invalid_token");
    }
}

#[tokio::test]
async fn rfc7592_section_2_2_an_update_must_name_the_client_and_must_not_hold_what_is_not_its_own()
{
    let server = Server::shared().await;
    let registration = server.registrar().register(&json!({})).await;
    let id = &registration.client.id;
    for update in [
        json!({}),
        json!({ "client_id": "another" }),
        json!({ "client_id": id, "registration_access_token": registration.token }),
        json!({ "client_id": id, "registration_client_uri": "https://a.example" }),
        json!({ "client_id": id, "client_secret_expires_at": 0 }),
        json!({ "client_id": id, "client_id_issued_at": 1 }),
        json!({ "client_id": id, "client_secret": "wrong" }),
    ] {
        let answer = registration.update(&update).await;
        let _ = answer.refused(400, "invalid_client_metadata");
    }
    let secret = registration.client.secret.clone();
    let right = json!({ "client_id": id, "client_secret": secret });
    let _ = registration.update(&right).await.expect(200);
}

/// Settings of contract section 4 with a value that the server takes and gives back.
fn accepted_settings() -> Vec<(&'static str, Value)> {
    vec![
        ("client_name", json!("Ümläute & <tags>")),
        ("grant_types", json!(["password", "client_credentials", "refresh_token"])),
        ("grant_types", json!(["authorization_code", "refresh_token"])),
        ("grant_types", json!(["urn:ietf:params:oauth:grant-type:device_code"])),
        ("grant_types", json!(["urn:ietf:params:oauth:grant-type:token-exchange"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("token_endpoint_auth_method", json!("client_secret_post")),
        ("token_endpoint_auth_method", json!("none")),
        ("scope", json!("email openid")),
        (
            "redirect_uris",
            json!(["https://app.example/cb", "http://127.0.0.1/cb", "com.example.app:/cb"]),
        ),
        ("post_logout_redirect_uris", json!(["https://app.example/bye"])),
        ("allowed_origins", json!(["https://app.example:8443"])),
        ("require_pkce", json!(false)),
        ("require_pushed_authorization_requests", json!(false)),
        ("response_types", json!(["code"])),
        ("access_token_format", json!("jwt")),
        ("access_token_format", json!("opaque")),
        ("access_token_claims", json!(["email", "name"])),
        ("token_binding_types", json!(["client-request"])),
        ("token_binding_types", json!(["cookie"])),
        ("token_binding_types", json!(["sso-session", "cookie"])),
        ("device_code_lifetime", json!(1800)),
        ("validate_token_bindings", json!(true)),
        ("validate_token_bindings", json!(false)),
        ("revoke_tokens_on_logout", json!(true)),
        ("unbound_grants", json!(["password"])),
        ("user_access_token_lifetime", json!(60)),
        ("application_access_token_lifetime", json!(60)),
        ("refresh_token_rotation", json!(true)),
        ("refresh_token_lifetime", json!(60)),
        ("id_token_signed_response_alg", json!("ES256")),
        ("id_token_signed_response_alg", json!("PS256")),
        ("id_token_signed_response_alg", json!("EdDSA")),
        ("id_token_audience", json!(["https://api.example"])),
        ("id_token_lifetime", json!(60)),
        ("skip_consent", json!(true)),
        ("introspection", json!("any")),
        ("dpop_nonce_required", json!(true)),
        ("fapi_profile", json!("none")),
        ("device_code_lifetime", json!(60)),
        ("subject_type", json!("public")),
        ("subject_type", json!("pairwise")),
        ("backchannel_logout_uri", json!("https://app.example/out")),
        ("backchannel_logout_session_required", json!(true)),
        ("frontchannel_logout_uri", json!("https://app.example/out")),
        ("frontchannel_logout_session_required", json!(true)),
        ("jwks", json!({ "keys": [] })),
        ("jwks_uri", json!("https://app.example/jwks")),
        ("dpop_bound_access_tokens", json!(false)),
        ("tls_client_certificate_bound_access_tokens", json!(false)),
        ("tls_client_certificate_bound_access_tokens", json!(true)),
    ]
}

#[tokio::test]
async fn every_setting_is_taken_and_echoed() {
    let server = Server::shared().await;
    let registrar = server.registrar();
    for (name, value) in accepted_settings() {
        let mut metadata = json!({ "redirect_uris": ["https://app.example/callback"] });
        metadata[name] = value.clone();
        let registration = registrar.register(&metadata).await;
        assert_eq!(registration.answer[name], value, "{name}");
        assert_eq!(registration.read().await.expect(200)[name], value, "{name}");
    }
}

/// Values that contradict others, make no sense, or are more than the server can honour yet; with
/// the field that the refusal must name.
fn refused_settings() -> Vec<(Value, &'static str)> {
    vec![
        (json!({ "client_name": 7 }), "client_name"),
        (json!({ "grant_types": ["magic"] }), "grant_types"),
        (json!({ "grant_types": "password" }), "grant_types"),
        (json!({ "grant_types": ["password", "password"] }), "grant_types"),
        (
            json!({ "grant_types": ["client_credentials"], "token_endpoint_auth_method": "none" }),
            "grant_types",
        ),
        (
            json!({ "token_endpoint_auth_method": "client_secret_jwt" }),
            "token_endpoint_auth_method",
        ),
        (json!({ "token_endpoint_auth_method": "private_key_jwt" }), "token_endpoint_auth_method"),
        (json!({ "token_endpoint_auth_method": "tls_client_auth" }), "tls_client_auth_subject_dn"),
        (json!({ "token_endpoint_auth_method": "self_signed_tls_client_auth" }), "jwks"),
        (json!({ "tls_client_auth_san_dns": "app.example" }), "tls_client_auth_san_dns"),
        (json!({ "scope": "a\"b" }), "scope"),
        (json!({ "scope": ["email"] }), "scope"),
        (json!({ "post_logout_redirect_uris": ["http://a.example"] }), "post_logout_redirect_uris"),
        (json!({ "allowed_origins": ["https://a.example/path"] }), "allowed_origins"),
        (json!({ "require_pkce": "yes" }), "require_pkce"),
        (
            json!({ "require_pushed_authorization_requests": 1 }),
            "require_pushed_authorization_requests",
        ),
        (json!({ "require_pkce": false, "token_endpoint_auth_method": "none" }), "require_pkce"),
        (json!({ "response_types": ["token"] }), "response_types"),
        (json!({ "response_types": ["code", "code id_token"] }), "response_types"),
        (json!({ "request_object_signing_alg": "none" }), "request_object_signing_alg"),
        (json!({ "request_object_signing_alg": "ES256" }), "request_object_signing_alg"),
        (json!({ "access_token_format": "saml" }), "access_token_format"),
        (json!({ "access_token_claims": ["sub"] }), "access_token_claims"),
        (json!({ "access_token_claims": ["cnf"] }), "access_token_claims"),
        (json!({ "revoke_tokens_on_logout": 0 }), "revoke_tokens_on_logout"),
        (json!({ "unbound_grants": ["magic"] }), "unbound_grants"),
        (json!({ "user_access_token_lifetime": 0 }), "user_access_token_lifetime"),
        (json!({ "application_access_token_lifetime": -1 }), "application_access_token_lifetime"),
        (json!({ "refresh_token_rotation": "on" }), "refresh_token_rotation"),
        (json!({ "refresh_token_lifetime": "1h" }), "refresh_token_lifetime"),
        (json!({ "refresh_token_lifetime": u64::MAX }), "refresh_token_lifetime"),
        (json!({ "id_token_signed_response_alg": "none" }), "id_token_signed_response_alg"),
        (json!({ "id_token_audience": 5 }), "id_token_audience"),
        (json!({ "id_token_lifetime": 1.5 }), "id_token_lifetime"),
        (json!({ "skip_consent": [] }), "skip_consent"),
        (json!({ "introspection": "all" }), "introspection"),
        (json!({ "introspection": "any", "token_endpoint_auth_method": "none" }), "introspection"),
        (json!({ "dpop_nonce_required": "no" }), "dpop_nonce_required"),
        (json!({ "fapi_profile": "fapi1-advanced" }), "fapi_profile"),
        (json!({ "fapi_profile": "fapi2-security" }), "token_endpoint_auth_method"),
        (json!({ "fapi_profile": "fapi2-message-signing" }), "token_endpoint_auth_method"),
        (json!({ "device_code_lifetime": 0 }), "device_code_lifetime"),
        (
            json!({
                "subject_type": "pairwise",
                "redirect_uris": ["https://a.example/cb", "https://b.example/cb"],
            }),
            "subject_type",
        ),
        (json!({ "backchannel_logout_uri": "http://a.example" }), "backchannel_logout_uri"),
        (json!({ "frontchannel_logout_uri": "nonsense" }), "frontchannel_logout_uri"),
        (
            json!({
                "frontchannel_logout_uri": "https://b.example/out",
                "redirect_uris": ["https://a.example/cb"],
            }),
            "frontchannel_logout_uri",
        ),
        (json!({ "jwks": [] }), "jwks"),
        (json!({ "jwks": { "keys": [] }, "jwks_uri": "https://a.example/jwks" }), "jwks"),
        (json!({ "jwks_uri": "file:///etc/passwd" }), "jwks_uri"),
        (json!({ "certificate": "-----BEGIN CERTIFICATE-----" }), "certificate"),
    ]
}

/// The same of what tokens are bound to.
fn refused_bindings() -> Vec<(Value, &'static str)> {
    let device_code = "urn:ietf:params:oauth:grant-type:device_code";
    vec![
        (json!({ "token_binding_types": ["ribbon"] }), "token_binding_types"),
        (
            json!({ "token_binding_types": ["client-request", "client-request"] }),
            "token_binding_types",
        ),
        (
            json!({ "token_binding_types": ["cookie"], "grant_types": ["password"] }),
            "token_binding_types",
        ),
        (
            json!({ "token_binding_types": ["sso-session"], "grant_types": ["client_credentials"] }),
            "token_binding_types",
        ),
        (
            json!({ "token_binding_types": ["device-flow"], "grant_types": ["password"] }),
            "token_binding_types",
        ),
        (
            json!({
                "token_binding_types": ["device-flow"],
                "grant_types": [device_code, "authorization_code"],
            }),
            "token_binding_types",
        ),
        (
            json!({ "token_binding_types": ["cookie"], "grant_types": [device_code] }),
            "token_binding_types",
        ),
        (
            json!({ "token_binding_types": ["certificate"], "validate_token_bindings": false }),
            "validate_token_bindings",
        ),
        (
            json!({ "dpop_bound_access_tokens": true, "validate_token_bindings": false }),
            "validate_token_bindings",
        ),
        (json!({ "dpop_bound_access_tokens": "true" }), "dpop_bound_access_tokens"),
        (json!({ "validate_token_bindings": "always" }), "validate_token_bindings"),
    ]
}

#[tokio::test]
async fn a_setting_that_cannot_be_is_refused_with_its_name() {
    let server = Server::shared().await;
    let registrar = server.registrar();
    for (metadata, field) in refused_settings().into_iter().chain(refused_bindings()) {
        let answer = registrar.try_register(&metadata).await;
        assert_eq!(answer.status, 400, "{metadata}: {}", answer.text());
        let description = answer.refused(400, "invalid_client_metadata");
        assert!(description.starts_with(field), "{metadata}: {description}");
    }
    for uri in ["https://a.example/#x", "http://a.example/", "javascript:alert(1)", "", "/cb"] {
        let metadata = json!({ "redirect_uris": [uri] });
        let answer = registrar.try_register(&metadata).await;
        let description = answer.refused(400, "invalid_redirect_uri");
        assert!(description.starts_with("redirect_uris"), "{uri}: {description}");
    }
}

#[tokio::test]
async fn what_is_not_given_has_the_defaults_of_the_contract() {
    let server = Server::shared().await;
    let registration = server.registrar().register(&json!({})).await;
    for (name, value) in [
        ("grant_types", json!(["authorization_code", "refresh_token"])),
        ("response_types", json!(["code"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("require_pkce", json!(true)),
        ("require_pushed_authorization_requests", json!(false)),
        ("access_token_format", json!("opaque")),
        ("access_token_claims", json!([])),
        ("token_binding_types", json!([])),
        ("revoke_tokens_on_logout", json!(false)),
        ("unbound_grants", json!([])),
        ("user_access_token_lifetime", json!(3600)),
        ("application_access_token_lifetime", json!(3600)),
        ("refresh_token_rotation", json!(false)),
        ("refresh_token_lifetime", json!(86400)),
        ("id_token_signed_response_alg", json!("RS256")),
        ("id_token_lifetime", json!(3600)),
        ("skip_consent", json!(false)),
        ("introspection", json!("own")),
        ("dpop_nonce_required", json!(false)),
        ("fapi_profile", json!("none")),
        ("device_code_lifetime", json!(600)),
        ("subject_type", json!("public")),
        ("dpop_bound_access_tokens", json!(false)),
        ("tls_client_certificate_bound_access_tokens", json!(false)),
    ] {
        assert_eq!(registration.answer[name], value, "{name}");
    }
    let scope = registration.answer["scope"].as_str().expect("scope");
    let mut words: Vec<_> = scope.split(' ').collect();
    words.sort_unstable();
    assert_eq!(words, ["email", "offline_access", "openid", "profile"]);
    assert!(registration.answer.get("validate_token_bindings").is_none());
    let public = json!({ "token_endpoint_auth_method": "none" });
    let public = server.registrar().register(&public).await;
    assert_eq!(public.answer["refresh_token_rotation"], true);
    assert!(public.answer.get("client_secret").is_none());
}

#[tokio::test]
async fn a_member_of_unknown_name_is_ignored_and_null_counts_as_absent() {
    let server = Server::shared().await;
    let metadata = json!({
        "software_version": "7", "application_type": "web", "scope": null, "client_name": "x",
    });
    let registration = server.registrar().register(&metadata).await;
    assert!(registration.answer.get("software_version").is_none());
    assert!(registration.answer["scope"].is_string());
}

#[tokio::test]
async fn two_secrets_are_good_until_the_old_one_is_dropped() {
    let server = Server::shared().await;
    let operator = server.operator();
    let old = server.registrar().slotted("opaque").await;
    let added = operator.json(&["app", "update", &old.id, "--add-secret"]).await;
    let new = old.with_secret(added["client_secret"].as_str().expect("the new secret"));
    assert_ne!(new.secret, old.secret);
    for client in [&old, &new] {
        assert_eq!(client.client_credentials(&[]).await.status, 200);
    }
    let shown = operator.json(&["app", "show", &old.id]).await;
    assert!(shown.get("client_secret").is_none(), "secrets are never told again");

    let dropped = operator.json(&["app", "update", &old.id, "--drop-old-secret"]).await;
    assert!(dropped.get("client_secret").is_none());
    let _ = old.client_credentials(&[]).await.refused(401, "invalid_client");
    assert_eq!(new.client_credentials(&[]).await.status, 200);

    let newest = operator.json(&["app", "update", &old.id, "--add-secret"]).await;
    let third = operator.json(&["app", "update", &old.id, "--add-secret"]).await;
    for (secret, status) in [
        (new.secret.as_deref(), 401),
        (newest["client_secret"].as_str(), 200),
        (third["client_secret"].as_str(), 200),
    ] {
        let client = old.with_secret(secret.expect("a secret"));
        assert_eq!(client.client_credentials(&[]).await.status, status, "at most two");
    }
}

#[tokio::test]
async fn rfc6749_section_2_3_1_id_and_secret_are_url_encoded_in_a_basic_header() {
    let server = Server::shared().await;
    let added = server
        .operator()
        .json(&[
            "app",
            "add",
            "--client-id",
            "a~b!c@d=e&f",
            "--set",
            "grant_types=client_credentials",
        ])
        .await;
    let (id, secret) = ("a~b!c@d=e&f", added["client_secret"].as_str().expect("a secret"));
    let client = Client::new(server.http(), id, secret);
    assert_eq!(client.client_credentials(&[]).await.status, 200, "encoded where it must be");
    let body = "grant_type=client_credentials";
    for (id, secret) in [
        (percent_encoded(id.as_bytes()), percent_encoded(secret.as_bytes())),
        (id.to_owned(), secret.to_owned()),
    ] {
        let header = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let answer = client.http.raw_form("/oauth2/token", Some(&header), body).await;
        assert_eq!(answer.status, 200, "{id}: {}", answer.text());
    }
}

#[tokio::test]
async fn an_application_authenticates_by_its_own_method_and_no_other() {
    let server = Server::shared().await;
    let registrar = server.registrar();
    let method = |method: &str| json!({ "token_endpoint_auth_method": method });
    let basic = registrar.slotted("opaque").await;
    let post = registrar.with_slots("opaque", &method("client_secret_post")).await;
    assert_eq!(basic.client_credentials(&[]).await.status, 200);
    assert_eq!(post.client_credentials(&[]).await.status, 200);
    for wrong in [
        Client { in_form: true, ..basic.clone() },
        Client { secret: None, ..basic.clone() },
        Client { in_form: false, ..post.clone() },
        Client { secret: None, ..post.clone() },
    ] {
        let description = wrong.client_credentials(&[]).await.refused(401, "invalid_client");
        assert!(description.contains("token_endpoint_auth_method"), "{description}");
    }
}

#[tokio::test]
async fn a_public_client_names_itself_and_shows_no_secret() {
    let server = Server::shared().await;
    let client = server.registrar().public("opaque").await;
    let user = server.operator().user().await;
    let _ = client.password(&user, &[]).await.tokens();
    let made_up = Client { in_form: true, ..client.with_secret("made-up") };
    let _ = made_up.password(&user, &[]).await.refused(401, "invalid_client");
    let answer = client.client_credentials(&[]).await;
    let _ = answer.refused(400, "unauthorized_client");
}

#[tokio::test]
async fn an_application_that_changes_its_method_gets_or_loses_its_secret() {
    let server = Server::shared().await;
    let registration = server.registrar().register(&json!({ "grant_types": ["password"] })).await;
    let id = &registration.client.id;
    let public = json!({
        "client_id": id, "grant_types": ["password"], "token_endpoint_auth_method": "none",
    });
    assert!(registration.update(&public).await.expect(200).get("client_secret").is_none());
    let user = server.operator().user().await;
    let _ = registration.client.password(&user, &[]).await.refused(401, "invalid_client");
    let confidential = json!({ "client_id": id, "grant_types": ["password"] });
    let updated = registration.update(&confidential).await.expect(200);
    let secret = updated["client_secret"].as_str().expect("a new secret");
    assert_ne!(Some(secret), registration.client.secret.as_deref());
    let _ = registration.client.with_secret(secret).password(&user, &[]).await.tokens();
}

#[tokio::test]
async fn without_an_initial_access_token_nobody_registers() {
    let server = Server::serve_without_registration().await;
    let answer = server.registrar().try_register(&json!({})).await;
    let _ = answer.refused(401, "invalid_token");
    let http = server.http();
    let metadata = http.get("/.well-known/oauth-authorization-server").await.expect(200);
    assert!(metadata.get("registration_endpoint").is_none(), "only what is on is announced");
}
