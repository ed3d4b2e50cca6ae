//! What certification asks of the prompt and max age.

use super::*;

async fn auth_time(client: &Client, callback: &Callback) -> u64 {
    let tokens = client.redeem(callback).await.tokens();
    client.id_token(&tokens).await.claims["auth_time"].as_u64().expect("auth_time")
}

/// Opens the request, which must show the sign-in page, and goes on from there.
async fn reauthenticates(browser: &Browser, client: &Client, more: &[(&str, &str)]) -> Callback {
    let request = client.authorization_request(more);
    let page = browser.open(&request.path()).await;
    assert!(page.html.sign_in_form().is_some(), "{more:?}: {}", page.html.text);
    browser.go_on(&request, page).await
}

#[tokio::test]
async fn prompt_login_has_the_user_sign_in_again() {
    let (client, browser) = (client().await, browser().await);
    let callback = browser.authorize(&client, &[("max_age", "1000")]).await;
    let first = auth_time(&client, &callback).await;
    seconds_pass(1).await;
    let callback = reauthenticates(&browser, &client, &[("prompt", "login")]).await;
    assert!(auth_time(&client, &callback).await > first);
}

#[tokio::test]
async fn prompt_none_without_a_session_is_login_required() {
    let (client, browser) = (client().await, browser().await);
    let _ = browser.authorize_silently(&client, &[]).await.refused("login_required");
}

#[tokio::test]
async fn prompt_none_with_a_session_succeeds_in_silence_and_keeps_auth_time() {
    let (client, browser) = (client().await, browser().await);
    let callback = browser.authorize(&client, &[("max_age", "1000")]).await;
    let first = auth_time(&client, &callback).await;
    seconds_pass(1).await;
    let again = browser.authorize_silently(&client, &[("max_age", "1000")]).await;
    assert_eq!(auth_time(&client, &again).await, first);
}

#[tokio::test]
async fn prompt_none_without_consent_is_consent_required() {
    let (client, browser) = (client_with(json!({ "skip_consent": false })).await, browser().await);
    browser.sign_in().await;
    let _ = browser.authorize_silently(&client, &[]).await.refused("consent_required");
}

#[tokio::test]
async fn prompt_none_together_with_another_is_invalid() {
    let (client, browser) = (client().await, browser().await);
    browser.sign_in().await;
    for prompt in ["none login", "consent none", "none none login"] {
        let request = client.authorization_request(&[("prompt", prompt)]);
        let _ = browser.ask(&request).await.refused("invalid_request");
    }
}

#[tokio::test]
async fn max_age_that_has_passed_has_the_user_sign_in_again() {
    let (client, browser) = (client().await, browser().await);
    let first = auth_time(&client, &browser.authorize(&client, &[]).await).await;
    seconds_pass(2).await;
    let silent = browser.authorize_silently(&client, &[("max_age", "1")]).await;
    let _ = silent.refused("login_required");
    let callback = reauthenticates(&browser, &client, &[("max_age", "1")]).await;
    assert!(auth_time(&client, &callback).await > first);
}

#[tokio::test]
async fn max_age_that_has_not_passed_is_silent() {
    let (client, browser) = (client().await, browser().await);
    let first = auth_time(&client, &browser.authorize(&client, &[]).await).await;
    let request = client.authorization_request(&[("max_age", "10000")]);
    assert_eq!(auth_time(&client, &browser.ask(&request).await).await, first);
}

#[tokio::test]
async fn id_token_hint_of_the_user_with_prompt_none_is_silent() {
    let (client, browser) = (client().await, browser().await);
    let tokens = login(&browser, &client, &[]).await;
    let hint = ("id_token_hint", tokens.id_token());
    let callback = browser.authorize_silently(&client, &[hint]).await;
    let again = client.redeem(&callback).await.tokens();
    let sub = async |tokens: &Tokens| client.id_token(tokens).await.claims["sub"].clone();
    assert_eq!(sub(&tokens).await, sub(&again).await);
}

#[tokio::test]
async fn id_token_hint_of_another_user_with_prompt_none_is_login_required() {
    let (client, browser) = (client().await, browser().await);
    let other = login(&Server::shared().await.new_browser().await, &client, &[]).await;
    browser.sign_in().await;
    let hint = ("id_token_hint", other.id_token());
    let _ = browser.authorize_silently(&client, &[hint]).await.refused("login_required");
}
