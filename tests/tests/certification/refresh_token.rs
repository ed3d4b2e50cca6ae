//! What certification asks of the refresh token.

use super::*;

#[tokio::test]
async fn comes_with_offline_access_and_works_with_and_without_scope() {
    let (client, browser) = (client().await, browser().await);
    let more = [("scope", SCOPE), ("prompt", "consent")];
    let tokens = login(&browser, &client, &more).await;
    for more in [&[][..], &[("scope", SCOPE)]] {
        // `tokens` checks `token_type` and `Cache-Control: no-store`.
        let fresh = client.refresh(tokens.refresh_token(), more).await.tokens();
        assert_ne!(fresh.access_token, tokens.access_token);
        let _ = client.userinfo(&fresh.access_token).await.expect(200);
    }
}

#[tokio::test]
async fn brings_an_id_token_of_the_same_login() {
    let (client, browser) = (client().await, browser().await);
    let tokens = login(&browser, &client, &[("max_age", "1000")]).await;
    let first = client.id_token(&tokens).await.claims;
    seconds_pass(1).await;
    let fresh = client.refresh(tokens.refresh_token(), &[]).await.tokens();
    let second = client.id_token(&fresh).await.claims;
    // OpenID Connect Core section 12.2.
    for name in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(first[name], second[name], "{name}");
    }
    assert!(second["iat"].as_u64() > first["iat"].as_u64());
    assert_eq!(second.get("nonce"), None);
}

#[tokio::test]
async fn is_bound_to_its_client() {
    let (client, other, browser) = (client().await, client().await, browser().await);
    let tokens = login(&browser, &client, &[("scope", SCOPE)]).await;
    let answer = other.refresh(tokens.refresh_token(), &[]).await;
    let _ = answer.refused(400, "invalid_grant");
    let _ = client.refresh(tokens.refresh_token(), &[]).await.tokens();
}
