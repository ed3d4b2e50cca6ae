//! What certification asks of the request object.

use super::*;

/// A request object that is not signed (OpenID Connect Core section 6.1).
fn unsigned(claims: &Value) -> String {
    let [header, claims] =
        [&json!({ "alg": "none" }), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}.")
}

#[tokio::test]
async fn by_value_is_refused_rather_than_ignored() {
    let (client, browser) = (client().await, browser().await);
    let object = unsigned(&json!({ "scope": "openid email", "state": "of the object" }));
    let request = client.authorization_request(&[("request", &object)]);
    let _ = browser.ask(&request).await.refused("request_not_supported");
}

#[tokio::test]
async fn with_a_foreign_redirect_uri_in_it_leads_nowhere_else() {
    let (client, browser) = (client().await, browser().await);
    let object = unsigned(&json!({ "redirect_uri": "https://evil.example/" }));
    let request = client.authorization_request(&[("request", &object)]);
    let callback = browser.ask(&request).await;
    assert_eq!(callback.redirect_uri, "https://rp.example/cb");
    let _ = callback.refused("request_not_supported");
    let page = browser.get(&request.without("redirect_uri").path()).await;
    let _ = page.refused(400);
}

#[tokio::test]
async fn by_reference_is_refused_and_not_fetched() {
    let (client, browser) = (client().await, browser().await);
    let request = client.authorization_request(&[("request_uri", "https://rp.example/r.jwt")]);
    let _ = browser.ask(&request).await.refused("request_uri_not_supported");
}
