//! Applications that nobody registered: a document at their `client_id` describes them
//! (draft-ietf-oauth-client-id-metadata-document-02, "cimd" in the names).

mod documents;
mod operators;

use serde_json::json;
use tokenbind_tests::{Client, Publisher, Server, Signer, reference};
use tokio::sync::OnceCell;

const ON: &str = "clients.metadata_documents = true\n\
                  clients.metadata_document_scope = \"openid profile email offline_access\"";

/// A server that takes documents, for the tests that change nothing about it.
async fn shared() -> &'static Server {
    static SHARED: OnceCell<Server> = OnceCell::const_new();
    SHARED.get_or_init(async || Server::serve(ON, &[]).await).await
}

/// A public client that a document describes.
async fn calendar(publisher: &Publisher) -> Client {
    publisher.client(shared().await.http(), "/client.json", &json!({}))
}

#[tokio::test]
async fn an_application_that_nobody_registered_signs_its_users_in() {
    let publisher = Publisher::start().await;
    let client = calendar(&publisher).await;
    let browser = shared().await.new_browser().await;
    let callback = browser.authorize(&client, &[("scope", "openid offline_access")]).await;
    let tokens = client.redeem(&callback).await.tokens();
    let id_token = client.id_token(&tokens).await;
    assert_eq!(id_token.claims["aud"], client.id);
    assert_eq!(
        client.userinfo(&tokens.access_token).await.expect(200)["sub"],
        id_token.claims["sub"]
    );
    let observer = shared().await.registrar().observer().await;
    assert_eq!(observer.introspect(&tokens.access_token).await["client_id"], client.id);
    let refreshed = client.refresh(tokens.refresh_token(), &[]).await.tokens();
    assert!(observer.is_active(&refreshed.access_token).await);
    assert_ne!(refreshed.refresh_token, tokens.refresh_token, "those of public clients rotate");
    assert_eq!(publisher.asked(), 1, "the document is kept for a while");
}

#[tokio::test]
async fn cimd_section_8_5_users_see_the_host_behind_it_each_time() {
    let publisher = Publisher::start().await;
    let client = calendar(&publisher).await;
    let browser = shared().await.new_browser().await;
    let request = client.authorization_request(&[]);
    let page = browser.get(&request.path()).await;
    assert!(page.html.text.contains("to continue to Calendar of localhost"), "{}", page.html.text);
    let page = browser.fill_in_password(&page).await;
    for _ in 0..2 {
        let page = browser.follow(browser.get(&request.path()).await).await;
        let text = &page.html.text;
        assert!(text.contains("Calendar of localhost wants access"), "{text}");
        assert!(text.contains("not registered here"), "{text}");
        let page = browser.consent(&page, "allow").await;
        assert!(page.callback(&request, browser.http.base()).is_some(), "{}", page.html.text);
    }
    let silent = browser.authorize_silently(&client, &[]).await;
    let _ = silent.refused("consent_required");
    drop(page);
}

#[tokio::test]
async fn rfc7636_section_4_4_1_such_an_application_needs_pkce() {
    let publisher = Publisher::start().await;
    let client = calendar(&publisher).await;
    let browser = shared().await.new_browser().await;
    let callback = browser.ask(&client.authorization_request(&[]).without_pkce()).await;
    let _ = callback.refused("invalid_request");
}

#[tokio::test]
async fn the_redirect_uri_is_one_of_the_document() {
    let publisher = Publisher::start().await;
    let client = calendar(&publisher).await;
    let browser = shared().await.new_browser().await;
    let elsewhere = client.authorization_request(&[("redirect_uri", "https://evil.example/cb")]);
    let page = browser.get(&elsewhere.path()).await;
    assert!(page.refused(400).contains("redirect_uri"));
}

#[tokio::test]
async fn cimd_section_8_2_one_with_keys_must_sign() {
    let publisher = Publisher::start().await;
    let signer = Signer::es256();
    let jwks = tokenbind_tests::Published::json(&signer.jwks());
    publisher.put("/jwks", jwks);
    let members = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": publisher.url("/jwks"),
    });
    let server = shared().await;
    let client = publisher.client(server.http(), "/signing.json", &members);
    let browser = server.new_browser().await;
    let callback = browser.authorize(&client, &[]).await;
    let description = client.redeem(&callback).await.refused(401, "invalid_client");
    assert!(description.contains("private_key_jwt"), "{description}");
    let other = client.asserting(&Signer::es256(), &server.issuer());
    let _ = other.redeem(&callback).await.refused(401, "invalid_client");
    let _ = client.asserting(&signer, &server.issuer()).redeem(&callback).await.tokens();
}

#[tokio::test]
async fn its_requests_can_be_pushed_and_its_tokens_bound_to_a_key() {
    let publisher = Publisher::start().await;
    let server = shared().await;
    let members = json!({ "dpop_bound_access_tokens": true });
    let client = publisher.client(server.http(), "/bound.json", &members);
    let browser = server.new_browser().await;
    let bound = client.proving(&Signer::es256());
    let pushed = bound.pushed(&bound.authorization_request(&[])).await;
    let page = browser.get(&pushed.path()).await;
    let callback = browser.go_on(&pushed.request, page).await;
    let _ = client.redeem(&callback).await.refused(400, "invalid_dpop_proof");
    let tokens = bound.redeem(&callback).await.dpop_tokens();
    assert_eq!(bound.userinfo(&tokens.access_token).await.status, 200);
    let other = client.proving(&Signer::es256());
    let _ = other.userinfo(&tokens.access_token).await.challenged_by("DPoP", "invalid_token");
}

#[tokio::test]
async fn two_urls_never_share_a_reference() {
    let publisher = Publisher::start().await;
    let server = shared().await;
    let members = json!({ "token_binding_types": ["client-request"] });
    let observer = server.registrar().observer().await;
    let browser = server.new_browser().await;
    let mut references = Vec::new();
    for (path, id) in [("/x", "b/c"), ("/x/b", "c")] {
        let client = publisher.client(server.http(), path, &members);
        let callback = browser.authorize(&client, &[]).await;
        let tokens = client.redeem_with(&callback, &[("tokenBindingId", id)]).await.tokens();
        let shown = observer.introspect(&tokens.access_token).await["binding_ref"].clone();
        assert_eq!(shown, reference("client-request", &client.id, id));
        references.push(shown);
    }
    assert_ne!(references[0], references[1]);
}
