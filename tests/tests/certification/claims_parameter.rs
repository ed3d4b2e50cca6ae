//! What certification asks of the claims parameter.

use super::*;

#[tokio::test]
async fn an_essential_claim_comes_from_userinfo() {
    let (client, browser) = (client().await, browser().await);
    let claims = r#"{"userinfo":{"name":{"essential":true}}}"#;
    let tokens = login(&browser, &client, &[("claims", claims)]).await;
    let told = client.userinfo(&tokens.access_token).await.expect(200);
    assert_eq!(told["name"], "Ada Lovelace");
}

#[tokio::test]
async fn a_claim_that_nobody_has_does_not_fail() {
    let (client, browser) = (client().await, browser().await);
    let claims = r#"{"userinfo":{"shoe_size":{"essential":true}},"id_token":{"x":null}}"#;
    let tokens = login(&browser, &client, &[("claims", claims)]).await;
    let told = client.userinfo(&tokens.access_token).await.expect(200);
    assert_eq!(told.get("shoe_size"), None);
}
