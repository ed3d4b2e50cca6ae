//! What certification asks of the errors.

use super::*;

#[tokio::test]
async fn a_missing_response_type_is_told_to_the_client_with_its_state() {
    let (client, browser) = (client().await, browser().await);
    let request = client.authorization_request(&[("extra", "1")]).without("response_type");
    // The answer's members, the description's characters, `state` and `iss` are checked within.
    let _ = browser.ask(&request).await.refused("invalid_request");
    let request = request.with("response_type", "token");
    let _ = browser.ask(&request).await.refused("unsupported_response_type");
}

#[tokio::test]
async fn an_unregistered_redirect_uri_is_a_page_and_no_redirect() {
    let (client, browser) = (client().await, browser().await);
    for uri in ["https://rp.example/cb3", "https://rp.example/cb?x=1", "https://evil.example/cb"] {
        let request = client.authorization_request(&[("redirect_uri", uri)]);
        let page: Page = browser.get(&request.path()).await;
        assert!(page.refused(400).contains("redirect"), "{}", page.html.text);
    }
}

#[tokio::test]
async fn a_redirect_uri_with_a_query_keeps_it() {
    let uri = "https://rp.example/cb?foo=bar&x=%20";
    let client = client_with(json!({ "redirect_uris": [uri] })).await;
    let callback = browser().await.authorize(&client, &[]).await;
    assert_eq!(callback.redirect_uri, uri);
    let _ = client.redeem(&callback).await.tokens();
}
