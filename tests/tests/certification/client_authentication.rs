//! What certification asks of the client authentication.

use super::*;

#[tokio::test]
async fn by_basic_with_id_and_secret_in_percent_encoding() {
    let (client, browser) = (client().await, browser().await);
    let callback = browser.authorize(&client, &[]).await;
    let secret = client.secret.as_deref().expect("a secret");
    let [id, secret] = [&client.id, secret].map(|text| percent_encoded(text.as_bytes()));
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", callback.code()),
        ("redirect_uri", "https://rp.example/cb"),
        ("code_verifier", &callback.request.verifier),
    ];
    let basic = format!("Basic {pair}");
    let _ = client.http.form("/oauth2/token", Some(&basic), &fields).await.tokens();
}

#[tokio::test]
async fn by_post() {
    let method = json!({ "token_endpoint_auth_method": "client_secret_post" });
    let (client, browser) = (client_with(method).await, browser().await);
    assert!(client.in_form);
    let _ = login(&browser, &client, &[]).await;
}

#[tokio::test]
async fn by_a_wrong_secret_is_invalid_client_and_spends_no_code() {
    let (client, browser) = (client().await, browser().await);
    let callback = browser.authorize(&client, &[]).await;
    let answer = client.with_secret("wrong").redeem(&callback).await;
    let _ = answer.refused(401, "invalid_client");
    let _ = client.redeem(&callback).await.tokens();
}

#[tokio::test]
async fn of_another_client_gets_nothing_for_the_code() {
    let (client, other, browser) = (client().await, client().await, browser().await);
    let callback = browser.authorize(&client, &[]).await;
    let _ = other.redeem(&callback).await.refused(400, "invalid_grant");
    let _ = client.redeem(&callback).await.tokens();
}
