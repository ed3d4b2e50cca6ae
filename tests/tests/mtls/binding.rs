//! Tokens that are bound to a certificate: by every grant, for public and confidential clients.

use serde_json::{Value, json};
use tokenbind_tests::{Client, Identity, Login, Server, reference, unverified_claims};

use crate::{FORMATS, extend, showing};

/// A confidential application whose tokens are bound to its certificate.
async fn bound(server: &Server, format: &str, more: &Value) -> Client {
    let mut metadata = json!({
        "grant_types": ["client_credentials", "password", "refresh_token"],
        "tls_client_certificate_bound_access_tokens": true,
        "access_token_format": format,
    });
    extend(&mut metadata, more);
    server.registrar().application(&metadata).await
}

#[tokio::test]
async fn rfc8705_section_5_the_metadata_name_the_endpoints_that_ask_for_certificates() {
    let server = Server::shared().await;
    let document = server.http().get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
    let aliases = document["mtls_endpoint_aliases"].as_object().expect("aliases");
    for name in
        ["token_endpoint", "userinfo_endpoint", "introspection_endpoint", "revocation_endpoint"]
    {
        assert!(aliases.contains_key(name), "{name}");
    }
    assert!(!aliases.contains_key("authorization_endpoint"));
    for (name, alias) in aliases {
        let usual = document[name].as_str().expect("each alias is also at the top");
        let path = usual.strip_prefix(&server.issuer()).expect("below the issuer");
        assert_eq!(alias.as_str(), Some(&*format!("{}{path}", server.mtls_origin())));
    }
}

#[tokio::test]
async fn methods_that_nobody_could_use_are_not_offered() {
    let server = Server::shared().await;
    let document = server.http().get("/.well-known/openid-configuration").await.expect(200);
    let methods = document["token_endpoint_auth_methods_supported"].as_array().expect("a list");
    assert!(methods.contains(&json!("self_signed_tls_client_auth")), "{methods:?}");
    assert!(!methods.contains(&json!("tls_client_auth")), "no authority is trusted: {methods:?}");
    let trusting = crate::trusting_server().await;
    let document = trusting.http().get("/.well-known/openid-configuration").await.expect(200);
    let methods = document["token_endpoint_auth_methods_supported"].as_array().expect("a list");
    assert!(methods.contains(&json!("tls_client_auth")), "{methods:?}");
}

#[tokio::test]
async fn rfc8705_section_3_1_the_thumbprint_is_in_the_token_and_in_introspection() {
    let server = Server::shared().await;
    for format in FORMATS {
        let client = bound(server, format, &json!({})).await;
        let identity = Identity::self_signed("app");
        let tokens = showing(server, &client, &identity).client_credentials(&[]).await.tokens();
        let told = client.introspect(&tokens.access_token).await;
        let expected = json!({ "x5t#S256": identity.thumbprint() });
        assert_eq!(told["cnf"], expected);
        assert_eq!(told["binding_type"], "certificate");
        let thumbprint = identity.thumbprint();
        assert_eq!(told["binding_ref"], reference("certificate", &client.id, &thumbprint));
        assert_eq!(told["token_type"], "Bearer");
        if format == "jwt" {
            assert_eq!(unverified_claims(&tokens.access_token)["cnf"], expected);
        }
    }
}

#[tokio::test]
async fn rfc8705_section_3_without_a_certificate_no_token_is_issued() {
    let server = Server::shared().await;
    let client = bound(server, "opaque", &json!({})).await;
    let user = server.operator().user().await;
    for http in [server.http(), server.http_showing_nothing()] {
        let client = client.over(http);
        for answer in [client.client_credentials(&[]).await, client.password(&user, &[]).await] {
            let description = answer.refused(400, "invalid_request");
            assert!(description.contains("certificate"), "{description}");
        }
    }
}

#[tokio::test]
async fn on_the_listener_that_does_not_ask_nobody_shows_a_certificate() {
    let server = Server::shared().await;
    let client = bound(server, "opaque", &json!({})).await;
    let http = server.http_showing(&Identity::self_signed("app")).at(&server.issuer());
    let _ = client.over(http).client_credentials(&[]).await.refused(400, "invalid_request");
}

/// What a login gives, in an application of each kind, and the certificate that it is bound to.
async fn logins(server: &Server) -> Vec<(Login, Identity)> {
    let mut logins = Vec::new();
    for method in ["none", "client_secret_basic"] {
        for format in FORMATS {
            let settings = json!({
                "token_endpoint_auth_method": method,
                "token_binding_types": ["certificate"],
                "access_token_format": format,
            });
            let client = server.registrar().sign_in(&settings).await;
            let identity = Identity::self_signed("app");
            let client = showing(server, &client, &identity);
            logins.push((Login::to(&client, &server.new_browser().await).await, identity));
        }
    }
    logins
}

#[tokio::test]
async fn rfc8705_section_3_userinfo_is_for_the_same_certificate_only() {
    let server = Server::shared().await;
    let observer = server.registrar().observer().await;
    for (login, identity) in logins(server).await {
        let client = &login.client;
        let told = observer.introspect(&login.tokens.access_token).await;
        assert_eq!(told["cnf"]["x5t#S256"], json!(identity.thumbprint()));
        assert_eq!(login.used_by(client).await.status, 200);
        let reconnected = showing(server, client, &identity);
        assert_eq!(login.used_by(&reconnected).await.status, 200, "on another connection");
        let stranger = showing(server, client, &Identity::self_signed("app"));
        for thief in
            [stranger, client.over(server.http_showing_nothing()), client.over(server.http())]
        {
            let description = login.used_by(&thief).await.challenged("invalid_token");
            assert!(description.contains("client certificate"), "{description}");
        }
    }
}

#[tokio::test]
async fn rfc8705_section_7_1_a_refresh_is_for_the_same_certificate_only() {
    let server = Server::shared().await;
    let observer = server.registrar().observer().await;
    for (login, identity) in logins(server).await {
        let client = &login.client;
        let stranger = showing(server, client, &Identity::self_signed("app"));
        for thief in [stranger, client.over(server.http())] {
            let description = login.refreshed_by(&thief).await.refused(400, "invalid_grant");
            assert!(description.contains("client certificate"), "{description}");
        }
        let refreshed = login.refreshed_by(&showing(server, client, &identity)).await.tokens();
        assert_eq!(refreshed.refresh_token.as_deref(), login.tokens.refresh_token.as_deref());
        let told = observer.introspect(&refreshed.access_token).await;
        assert_eq!(told["cnf"]["x5t#S256"], json!(identity.thumbprint()));
        assert_eq!(client.userinfo(&refreshed.access_token).await.status, 200);
    }
}

#[tokio::test]
async fn a_code_is_redeemed_with_a_certificate_only() {
    let server = Server::shared().await;
    let settings =
        json!({ "token_endpoint_auth_method": "none", "token_binding_types": ["certificate"] });
    let client = server.registrar().sign_in(&settings).await;
    let browser = server.new_browser().await;
    let callback = browser.authorize(&client, &[]).await;
    let _ = client.redeem(&callback).await.refused(400, "invalid_request");
    let identity = Identity::self_signed("app");
    let _ = showing(server, &client, &identity).redeem(&callback).await.tokens();
}

#[tokio::test]
async fn a_token_keeps_its_certificate_when_the_settings_change() {
    let server = Server::shared().await;
    let settings = json!({
        "token_endpoint_auth_method": "none",
        "redirect_uris": ["https://app.example/callback"],
        "skip_consent": true,
    });
    let mut with_certificate = settings.clone();
    extend(&mut with_certificate, &json!({ "token_binding_types": ["certificate"] }));
    let registration = server.registrar().register(&with_certificate).await;
    let identity = Identity::self_signed("app");
    let client = showing(server, &registration.client, &identity);
    let login = Login::to(&client, &server.new_browser().await).await;
    let mut without = settings;
    extend(&mut without, &json!({ "client_id": client.id }));
    let _ = registration.update(&without).await.expect(200);
    let thief = client.over(server.http());
    let _ = login.used_by(&thief).await.challenged("invalid_token");
    let _ = login.refreshed_by(&thief).await.refused(400, "invalid_grant");
    assert_eq!(login.used_by(&client).await.status, 200);
}

#[tokio::test]
async fn a_certificate_of_any_kind_is_taken_and_a_broken_one_ends_the_handshake() {
    let server = Server::shared().await;
    let client = bound(server, "opaque", &json!({})).await;
    let mut authority = tokenbind_tests::subject("ca");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let mut expired = tokenbind_tests::subject("old");
    expired.not_after = rcgen::date_time_ymd(2021, 1, 1);
    for params in [authority, expired, rcgen::CertificateParams::default()] {
        let identity = Identity::signed_by_itself(&params);
        let tokens = showing(server, &client, &identity).client_credentials(&[]).await.tokens();
        let told = client.introspect(&tokens.access_token).await;
        assert_eq!(told["cnf"]["x5t#S256"], json!(identity.thumbprint()));
    }
    let broken = Identity::self_signed("app").broken();
    let request = server.http_showing(&broken).request(reqwest::Method::GET, "/healthz");
    assert!(request.send().await.is_err());
    assert_eq!(server.http().get("/healthz").await.status, 200, "and nothing else happened");
}

#[tokio::test]
async fn slots_are_one_for_each_certificate() {
    let server = Server::shared().await;
    let types = json!({ "token_binding_types": ["client-request", "certificate"] });
    let client = bound(server, "opaque", &types).await;
    let [one, other] =
        ["a", "b"].map(|name| showing(server, &client, &Identity::self_signed(name)));
    let named = [("tokenBindingId", "tv")];
    let first = one.client_credentials(&named).await.tokens();
    assert_eq!(one.client_credentials(&named).await.tokens().access_token, first.access_token);
    let second = other.client_credentials(&named).await.tokens();
    assert_ne!(second.access_token, first.access_token);
    let told = client.introspect(&first.access_token).await;
    assert_eq!(told["binding_type"], json!(["client-request", "certificate"]));
    let _ =
        client.over(server.http()).client_credentials(&named).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn the_end_of_a_certificate_ends_what_is_bound_to_it() {
    let server = Server::shared().await;
    let observer = server.registrar().observer().await;
    let settings =
        json!({ "token_endpoint_auth_method": "none", "token_binding_types": ["certificate"] });
    let client = server.registrar().sign_in(&settings).await;
    let [lost, kept] = ["lost", "kept"].map(Identity::self_signed);
    let browser = server.new_browser().await;
    let of_lost = Login::to(&showing(server, &client, &lost), &browser).await;
    let of_kept = Login::to(&showing(server, &client, &kept), &browser).await;
    let thumbprint = lost.thumbprint();
    server.operator().end(&["certificate", "--client", &client.id, &thumbprint]).await;
    let _ = of_lost.used_by(&of_lost.client).await.challenged("invalid_token");
    let _ = of_lost.refreshed_by(&of_lost.client).await.refused(400, "invalid_grant");
    of_kept.assert_alive(&observer).await;
    let refused = ["end", "certificate", "--client", &client.id, "nonsense"];
    let complaint = server.operator().refused(&refused, "").await;
    assert!(complaint.starts_with("thumbprint: "), "{complaint}");
}
