//! Behind a proxy that rewrites paths: what clients call has another host and path than what arrives here. The URLs
//! come from the configuration, so that it does not matter.

use super::*;

const ISSUER: &str = "https://login.example/auth";

#[tokio::test]
async fn rfc9449_section_4_3_check_9_htu_is_what_clients_call_and_not_what_arrives() {
    // The request arrives as such a proxy passes it on: without `/auth`, and for this host.
    let server = Server::serve("", &[("TOKENBIND_ISSUER", ISSUER)]).await;
    let (client, key) = application_on(&server, &json!({})).await;
    let client = client.proving_nothing();
    let document = client.http.get("/.well-known/openid-configuration").await.expect(200);
    let called = document["token_endpoint"].as_str().expect("a URL");
    assert_eq!(called, format!("{ISSUER}{TOKEN}"));
    for (url, status) in [
        (called, 200),
        ("https://LOGIN.example:443/auth/oauth2/token?x=y", 200),
        ("https://login.example/oauth2/token", 400),
        (client.http.url(TOKEN).as_str(), 400),
    ] {
        let proof = DpopProof::new(&key, "POST", url).sign();
        assert_eq!(token_with(&client, &[&proof]).await.status, status, "{url}");
    }
}
