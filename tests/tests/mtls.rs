//! Tokens that are bound to a client certificate (RFC 8705), shown to the server itself.

use serde_json::{Value, json};
use tokenbind_tests::{Answer, Client, Identity, Server, reference, unverified_claims};

const FORMATS: [&str; 2] = ["opaque", "jwt"];

/// A confidential application whose tokens are bound to its certificate.
async fn bound(server: &Server, format: &str) -> Client {
    let metadata = json!({
        "grant_types": ["client_credentials", "password", "refresh_token"],
        "tls_client_certificate_bound_access_tokens": true,
        "access_token_format": format,
    });
    server.registrar().application(&metadata).await
}

/// The same application, showing this certificate.
fn showing(server: &Server, client: &Client, identity: &Identity) -> Client {
    client.over(server.http_showing(identity))
}

fn text(answer: &Answer) -> Value {
    answer.json()["error_description"].clone()
}

#[tokio::test]
async fn rfc8705_section_5_the_metadata_name_the_endpoints_that_ask_for_certificates() {
    let server = Server::shared().await;
    let document = server.http().get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
    let aliases = document["mtls_endpoint_aliases"].as_object().expect("aliases");
    assert!(aliases.contains_key("token_endpoint") && aliases.contains_key("userinfo_endpoint"));
    assert!(!aliases.contains_key("authorization_endpoint"));
    for (name, alias) in aliases {
        let usual = document[name].as_str().expect("each alias is also at the top");
        let path = usual.strip_prefix(&server.issuer()).expect("below the issuer");
        assert_eq!(alias.as_str(), Some(&*format!("{}{path}", server.mtls_origin())));
    }
}

#[tokio::test]
async fn rfc8705_section_3_1_the_thumbprint_is_in_the_token_and_in_introspection() {
    let server = Server::shared().await;
    for format in FORMATS {
        let client = bound(server, format).await;
        let identity = Identity::self_signed("app");
        let tokens = showing(server, &client, &identity).client_credentials(&[]).await.tokens();
        let told = client.introspect(&tokens.access_token).await;
        let expected = json!({ "x5t#S256": identity.thumbprint() });
        assert_eq!(told["cnf"], expected);
        assert_eq!(told["binding_type"], "certificate");
        assert_eq!(
            told["binding_ref"],
            reference("certificate", &client.id, &identity.thumbprint())
        );
        assert_eq!(told["token_type"], "Bearer");
        if format == "jwt" {
            assert_eq!(unverified_claims(&tokens.access_token)["cnf"], expected);
        }
    }
}

#[tokio::test]
async fn without_a_certificate_no_token_is_issued() {
    let server = Server::shared().await;
    let client = bound(server, "opaque").await;
    for http in [server.http(), server.http_showing_nothing()] {
        let answer = client.over(http).client_credentials(&[]).await;
        let description = answer.refused(400, "invalid_request");
        assert!(description.contains("certificate"), "{description}");
        assert!(text(&answer).is_string());
    }
}

#[tokio::test]
async fn on_the_listener_that_does_not_ask_nobody_shows_a_certificate() {
    let server = Server::shared().await;
    let client = bound(server, "opaque").await;
    let http = server.http_showing(&Identity::self_signed("app")).at(&server.issuer());
    let _ = client.over(http).client_credentials(&[]).await.refused(400, "invalid_request");
}
