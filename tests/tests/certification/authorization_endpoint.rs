//! What certification asks of the authorization endpoint.

use super::*;

#[tokio::test]
async fn takes_post_as_it_takes_get() {
    let (client, browser) = (client().await, browser().await);
    let request = client.authorization_request(&[("scope", SCOPE)]);
    let fields: Vec<_> =
        request.parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
    let page = browser.post("/oauth2/authorize", &fields).await;
    let callback = browser.go_on(&request, page).await;
    let _ = client.redeem(&callback).await.tokens();
}

#[tokio::test]
async fn ignores_parameters_that_nobody_knows() {
    let (client, browser) = (client().await, browser().await);
    let _ = login(&browser, &client, &[("extra", "foobar"), ("acme_option", "%00")]).await;
}

#[tokio::test]
async fn does_not_mind_the_order_of_parameters_and_scopes() {
    let (client, browser) = (client().await, browser().await);
    let mut request = client.authorization_request(&[("scope", "email profile openid")]);
    request.parameters.reverse();
    let tokens = client.redeem(&browser.complete(&request).await).await.tokens();
    assert!(tokens.id_token.is_some());
    let scope = tokens.scope.expect("scope");
    let words: BTreeSet<_> = scope.split(' ').collect();
    assert_eq!(words, ["email", "openid", "profile"].into());
}

#[tokio::test]
async fn takes_pkce_but_does_not_insist_where_the_client_does_not() {
    let (client, browser) = (client().await, browser().await);
    let with = client.authorization_request(&[]);
    for request in [with.clone(), with.without_pkce()] {
        let _ = client.redeem(&browser.complete(&request).await).await.tokens();
    }
}

#[tokio::test]
async fn takes_wishes_about_looks_and_language_and_who_it_will_be() {
    let (client, browser) = (client().await, browser().await);
    for more in [
        ("display", "page"),
        ("display", "popup"),
        ("display", "touch"),
        ("display", "wap"),
        ("ui_locales", "se"),
        ("ui_locales", "fr-CA fr en"),
        ("claims_locales", "se"),
        ("acr_values", "1 2"),
        ("login_hint", "bob@example.com"),
        ("login_hint", "\"><script>alert(1)</script>"),
    ] {
        let _ = login(&browser, &client, &[more]).await;
    }
}

#[tokio::test]
async fn tells_the_acr_that_was_reached_where_one_is_asked_for() {
    let (client, browser) = (client().await, browser().await);
    let tokens = login(&browser, &client, &[("acr_values", "gold pwd")]).await;
    let claims = client.id_token(&tokens).await.claims;
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("pwd"), &json!(["pwd"])));
}

#[tokio::test]
async fn answers_by_form_post_where_asked_with_a_button_for_browsers_without_script() {
    let (client, browser) = (client().await, browser().await);
    let request = client.authorization_request(&[("response_mode", "form_post")]);
    let page = browser.get(&request.path()).await;
    let page = browser.fill_in_password(&page).await;
    let page = browser.follow(page).await;
    let form = page.html.form_to("https://rp.example/cb").expect("the form");
    assert!(!form.buttons.is_empty(), "{form:?}");
    let callback = page.callback(&request, browser.http.base()).expect("an answer");
    let _ = client.redeem(&callback).await.tokens();
}
