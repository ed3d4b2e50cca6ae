//! What certification asks of the code.

use super::*;

#[tokio::test]
async fn is_good_once_and_its_reuse_ends_what_came_of_it() {
    let (client, browser) = (client().await, browser().await);
    let callback = browser.authorize(&client, &[]).await;
    let tokens = client.redeem(&callback).await.tokens();
    assert!(client.is_active(&tokens.access_token).await);
    let _ = client.redeem(&callback).await.refused(400, "invalid_grant");
    let all = [&*tokens.access_token, tokens.refresh_token()];
    assert_eq!(client.which_active(&all).await, [false, false], "RFC 6749 section 4.1.2");
    assert_eq!(client.userinfo(&tokens.access_token).await.status, 401);
    let _ = client.redeem(&callback).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn is_no_good_for_long_and_its_reuse_counts_however_late() {
    let server = Server::serve("tokens.authorization_code_lifetime = \"2s\"", &[]).await;
    let client = server.registrar().sign_in(&json!({})).await;
    let browser = server.new_browser().await;
    let spent = browser.authorize(&client, &[]).await;
    let tokens = client.redeem(&spent).await.tokens();
    let late = browser.authorize(&client, &[]).await;
    seconds_pass(3).await;
    let description = client.redeem(&late).await.refused(400, "invalid_grant");
    assert!(description.contains("expired"), "{description}");
    assert!(client.is_active(&tokens.access_token).await);
    let _ = client.redeem(&spent).await.refused(400, "invalid_grant");
    assert!(!client.is_active(&tokens.access_token).await, "RFC 6749 section 4.1.2");
}
