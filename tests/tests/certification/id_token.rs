//! What certification asks of the id token.

use super::*;

#[tokio::test]
async fn is_for_this_client_from_this_issuer_of_now_and_answers_the_nonce() {
    let (client, browser) = (client().await, browser().await);
    let callback = browser.authorize(&client, &[("scope", SCOPE)]).await;
    let tokens = client.redeem(&callback).await.tokens();
    let VerifiedJwt { header, claims } = client.id_token(&tokens).await;
    assert_eq!(format!("{:?}", header.alg), "RS256", "the default");
    assert_eq!(claims["iss"], Server::shared().await.issuer());
    assert_eq!(claims["aud"], client.id);
    assert_eq!(claims["nonce"].as_str(), callback.request.get("nonce"));
    let (iat, exp) = (claims["iat"].as_u64().expect("iat"), claims["exp"].as_u64());
    assert_eq!(exp, Some(iat + 3600));
    let told = client.introspect(&tokens.access_token).await;
    assert!(told["iat"].as_u64().expect("iat").abs_diff(iat) <= 1, "of now");
    assert!(claims["acr"].as_str().is_none_or(|acr| !acr.is_empty()));
}

#[tokio::test]
async fn has_no_claim_that_was_not_asked_for() {
    let (client, browser) = (client().await, browser().await);
    let tokens = login(&browser, &client, &[("scope", SCOPE)]).await;
    let claims = client.id_token(&tokens).await.claims;
    let protocol = [
        "acr",
        "amr",
        "at_hash",
        "aud",
        "auth_time",
        "azp",
        "exp",
        "iat",
        "iss",
        "jti",
        "nonce",
        "sid",
        "sub",
    ];
    for name in claims.as_object().expect("an object").keys() {
        assert!(protocol.contains(&&**name), "{name}: {claims}");
    }
}

#[tokio::test]
async fn has_no_nonce_where_none_was_sent() {
    let (client, browser) = (client().await, browser().await);
    let request = client.authorization_request(&[]).without("nonce");
    let tokens = client.redeem(&browser.complete(&request).await).await.tokens();
    assert_eq!(client.id_token(&tokens).await.claims.get("nonce"), None);
}

#[tokio::test]
async fn names_the_user_alike_in_every_login_and_each_user_differently() {
    let (client, first) = (client().await, browser().await);
    let server = Server::shared().await;
    let again = server.browser(&first.user);
    let other = server.new_browser().await;
    let mut subs = Vec::new();
    for browser in [&first, &again, &other] {
        let tokens = login(browser, &client, &[]).await;
        subs.push(client.id_token(&tokens).await.claims["sub"].clone());
    }
    assert_eq!(subs[0], subs[1]);
    assert_ne!(subs[0], subs[2]);
    let sub = subs[0].as_str().expect("sub");
    assert!(sub.len() <= 255 && sub.is_ascii(), "Core section 2");
}

#[tokio::test]
async fn has_auth_time_where_max_age_is_asked_or_the_claim_is_essential() {
    let (client, browser) = (client().await, browser().await);
    let essential = r#"{"id_token":{"auth_time":{"essential":true}}}"#;
    for more in [("max_age", "10000"), ("claims", essential)] {
        let tokens = login(&browser, &client, &[more]).await;
        let claims = client.id_token(&tokens).await.claims;
        assert!(claims["auth_time"].is_u64(), "{claims}");
        assert!(claims["auth_time"].as_u64() <= claims["iat"].as_u64());
    }
}
