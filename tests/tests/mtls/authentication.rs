//! Clients that authenticate by a certificate (RFC 8705 section 2).

use std::net::IpAddr;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ED25519,
    SanType, date_time_ymd,
};
use serde_json::{Value, json};
use tokenbind_tests::{Answer, Authority, Client, Identity, Server, subject};

use crate::{by_subject, extend, issued, named, showing, trusting_server};

async fn application(server: &Server, settings: &Value) -> Client {
    server.registrar().application(settings).await
}

async fn asks(server: &Server, client: &Client, identity: &Identity) -> Answer {
    showing(server, client, identity).client_credentials(&[]).await
}

async fn refused(server: &Server, client: &Client, identity: &Identity) -> String {
    asks(server, client, identity).await.refused(401, "invalid_client")
}

#[tokio::test]
async fn rfc8705_section_2_1_the_subject_tells_the_client() {
    let server = trusting_server().await;
    let client = application(server, &by_subject("app", &json!({}))).await;
    assert_eq!(client.secret, None, "it needs no secret");
    let tokens = asks(server, &client, &named("app")).await.tokens();
    let told = showing(server, &client, &named("app")).introspect(&tokens.access_token).await;
    assert_eq!(told["active"], true, "at introspection, too");
    let written_otherwise = json!({ "tls_client_auth_subject_dn": "2.5.4.3=APP , o = tests" });
    let client = application(server, &by_subject("app", &written_otherwise)).await;
    let _ = asks(server, &client, &named("app")).await.tokens();
}

#[tokio::test]
async fn rfc8705_section_2_1_another_subject_is_refused() {
    let server = trusting_server().await;
    let client = application(server, &by_subject("app", &json!({}))).await;
    let mut longer = subject("app");
    longer.distinguished_name.push(DnType::CountryName, "AT");
    let mut without_organization = subject("app");
    without_organization.distinguished_name = DistinguishedName::default();
    without_organization.distinguished_name.push(DnType::CommonName, "app");
    let mut in_san = subject("other");
    in_san.subject_alt_names = vec![SanType::DnsName("app".try_into().expect("a name"))];
    for params in [subject("other"), subject("app "), longer, without_organization, in_san] {
        let identity = issued(&params);
        // Spaces at the end of a value are insignificant.
        if params.distinguished_name == subject("app ").distinguished_name {
            let _ = asks(server, &client, &identity).await.tokens();
        } else {
            let description = refused(server, &client, &identity).await;
            assert!(description.contains("not for the name"), "{description}");
        }
    }
}

#[tokio::test]
async fn rfc8705_section_2_1_a_certificate_of_nobody_trusted_is_refused() {
    let server = trusting_server().await;
    let client = application(server, &by_subject("app", &json!({}))).await;
    let mut expired = subject("app");
    expired.not_after = date_time_ymd(2021, 1, 1);
    let mut too_early = subject("app");
    too_early.not_before = date_time_ymd(2080, 1, 1);
    let mut for_servers = subject("app");
    for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let stranger = Authority::unknown();
    for identity in [
        Identity::self_signed("app"),
        Identity::by(&stranger, &subject("app")),
        issued(&expired),
        issued(&too_early),
        issued(&for_servers),
    ] {
        let description = refused(server, &client, &identity).await;
        assert!(description.contains("authority that this server trusts"), "{description}");
    }
    let mut any_purpose = subject("app");
    any_purpose.extended_key_usages = vec![];
    let _ = asks(server, &client, &issued(&any_purpose)).await.tokens();
}

#[tokio::test]
async fn rfc8705_section_2_without_a_certificate_or_with_another_method_it_is_refused() {
    let server = trusting_server().await;
    let client = application(server, &by_subject("app", &json!({}))).await;
    for http in [server.http(), server.http_showing_nothing()] {
        let answer = client.over(http).client_credentials(&[]).await;
        let description = answer.refused(401, "invalid_client");
        assert!(description.contains("certificate"), "{description}");
    }
    let with_secret = showing(server, &client, &named("app")).with_secret("secret");
    let _ = with_secret.client_credentials(&[]).await.refused(401, "invalid_client");
    let unknown = Client { id: "nobody".into(), ..showing(server, &client, &named("app")) };
    let _ = unknown.client_credentials(&[]).await.refused(401, "invalid_client");
    // A certificate says nothing of who a client with a secret is.
    let settings = json!({ "grant_types": ["client_credentials"] });
    let by_secret = application(server, &settings).await;
    let bare = Client { secret: None, ..showing(server, &by_secret, &named("app")) };
    let _ = bare.client_credentials(&[]).await.refused(401, "invalid_client");
}

fn with_names(names: Vec<SanType>) -> CertificateParams {
    let mut params = subject("any");
    params.subject_alt_names = names;
    params
}

#[tokio::test]
async fn rfc8705_section_2_1_2_each_kind_of_alternative_name_tells_the_client() {
    let server = trusting_server().await;
    let address = |text: &str| SanType::IpAddress(text.parse::<IpAddr>().expect("an address"));
    let text = |text: &str| text.try_into().expect("ASCII");
    let dns = |name: &str| SanType::DnsName(text(name));
    let uri = |name: &str| SanType::URI(text(name));
    let email = |name: &str| SanType::Rfc822Name(text(name));
    let cases = [
        ("dns", "App.example", dns("app.EXAMPLE"), dns("b.app.example")),
        ("dns", "app.example", dns("app.example"), dns("*.example")),
        ("uri", "spiffe://a/app", uri("spiffe://a/app"), uri("spiffe://a/App")),
        ("ip", "192.0.2.1", address("192.0.2.1"), address("192.0.2.2")),
        ("ip", "2001:DB8:0::1", address("2001:db8::1"), address("2001:db8::2")),
        ("ip", "::ffff:192.0.2.1", address("::ffff:192.0.2.1"), address("192.0.2.1")),
        ("email", "app@Example.com", email("app@example.com"), email("App@example.com")),
        // The same text as another kind of name.
        ("dns", "app.example", dns("app.example"), uri("app.example")),
    ];
    for (kind, registered, right, wrong) in cases {
        let mut settings = by_subject("any", &json!({ "tls_client_auth_subject_dn": null }));
        let name = format!("tls_client_auth_san_{kind}");
        extend(&mut settings, &json!({ name: registered }));
        let client = application(server, &settings).await;
        let among_others = with_names(vec![wrong.clone(), right]);
        let _ = asks(server, &client, &issued(&among_others)).await.tokens();
        let _ = refused(server, &client, &issued(&with_names(vec![wrong]))).await;
        let _ = refused(server, &client, &named(registered)).await;
    }
}

fn self_signed(more: &Value) -> Value {
    let mut settings = json!({
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "self_signed_tls_client_auth",
        "token_binding_types": ["certificate"],
    });
    extend(&mut settings, more);
    settings
}

#[tokio::test]
async fn rfc8705_section_2_2_a_registered_certificate_authenticates() {
    let server = Server::shared().await;
    let own = Identity::self_signed("app");
    for registered in [
        json!({ "certificate": own.pem() }),
        json!({ "jwks": { "keys": [own.jwk(true)] } }),
        json!({ "jwks": { "keys": [Identity::self_signed("b").jwk(true), own.jwk(false)] } }),
    ] {
        let client = application(server, &self_signed(&registered)).await;
        assert_eq!(client.secret, None);
        let tokens = asks(server, &client, &own).await.tokens();
        let told = showing(server, &client, &own).introspect(&tokens.access_token).await;
        assert_eq!(told["cnf"]["x5t#S256"], json!(own.thumbprint()), "{registered}");
        let description = refused(server, &client, &Identity::self_signed("app")).await;
        assert!(description.contains("none that the application registered"), "{description}");
        let bare = client.over(server.http()).client_credentials(&[]).await;
        let _ = bare.refused(401, "invalid_client");
    }
}

#[tokio::test]
async fn rfc8705_section_2_2_another_certificate_of_the_same_key_counts_where_only_the_key_is_registered()
 {
    let server = Server::shared().await;
    let key = KeyPair::generate().expect("a key");
    let [own, other] =
        ["app", "other"].map(|name| Identity::with_own_signature(&subject(name), &key));
    let by_key =
        application(server, &self_signed(&json!({ "jwks": { "keys": [own.jwk(false)] } }))).await;
    let _ = asks(server, &by_key, &other).await.tokens();
    let by_certificate =
        application(server, &self_signed(&json!({ "jwks": { "keys": [own.jwk(true)] } }))).await;
    let _ = refused(server, &by_certificate, &other).await;
}

#[tokio::test]
async fn rfc7517_section_4_7_a_certificate_that_is_not_of_the_key_beside_it_does_not_count() {
    let server = Server::shared().await;
    let [own, other] = ["app", "other"].map(Identity::self_signed);
    let mut mixed = own.jwk(true);
    mixed["x5c"] = other.jwk(true)["x5c"].clone();
    let client = application(server, &self_signed(&json!({ "jwks": { "keys": [mixed] } }))).await;
    for identity in [own, other] {
        let _ = refused(server, &client, &identity).await;
    }
}

#[tokio::test]
async fn a_certificate_with_another_kind_of_key_is_registered_as_such() {
    let server = Server::shared().await;
    let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    let identity = Identity::with_own_signature(&subject("app"), &key);
    let registered = json!({ "certificate": identity.pem() });
    let client = application(server, &self_signed(&registered)).await;
    let _ = asks(server, &client, &identity).await.tokens();
}
