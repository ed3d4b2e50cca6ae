//! Step-up (RFC 9470): a resource that asks for a better login than the token comes of, the challenge, and the second
//! authorization that satisfies it.

use reqwest::header::WWW_AUTHENTICATE;
use serde_json::{Value, json};
use tokenbind_tests::{Answer, Browser, Client, Login, Server, Signer, seconds_pass};

/// A server that asks this of the tokens that it takes itself, an application of these settings and a browser.
async fn asking(members: &[&str], settings: &Value) -> (Server, Client, Browser) {
    let server = Server::quickstart().await;
    server.operator().declare(&server.issuer(), members).await;
    let client = server.registrar().sign_in(settings).await;
    let browser = server.new_browser().await;
    (server, client, browser)
}

fn challenge(answer: &Answer) -> &str {
    answer.header(&WWW_AUTHENTICATE).expect("a challenge")
}

/// `auth_time` and `acr`, as introspection has them (RFC 9470 section 6.2).
async fn told(client: &Client, token: &str) -> (u64, Value) {
    let told = client.introspect(token).await;
    (told["auth_time"].as_u64().expect("auth_time"), told["acr"].clone())
}

#[tokio::test]
async fn rfc9470_sections_3_to_6_a_login_that_is_too_old_is_made_anew() {
    let members = ["max_age=5", "acr=pwd"];
    let settings = json!({ "access_token_format": "jwt" });
    let (_server, client, browser) = asking(&members, &settings).await;
    let login = Login::to(&client, &browser).await;
    assert_eq!(client.userinfo(&login.tokens.access_token).await.status, 200);
    seconds_pass(6).await;
    let refused = client.userinfo(&login.tokens.access_token).await;
    let description = refused.challenged("insufficient_user_authentication");
    assert!(description.contains("5 seconds"), "{description}");
    for parameter in [r#"acr_values="pwd""#, r#"max_age="5""#] {
        assert!(challenge(&refused).contains(parameter), "{}", challenge(&refused));
    }
    // A refresh does not make the login younger.
    let fresh = client.refresh(login.tokens.refresh_token(), &[]).await.tokens();
    let refused = client.userinfo(&fresh.access_token).await;
    let _ = refused.challenged("insufficient_user_authentication");

    // Section 4: the client asks for what the challenge named, and the user signs in once more.
    let stepped_up = [("acr_values", "pwd"), ("max_age", "5")];
    let page = browser.open(&client.authorization_request(&stepped_up).path()).await;
    assert!(page.html.sign_in_form().is_some(), "{}", page.html.text);
    let again = Login::asking(&client, &browser, &stepped_up).await;
    assert_eq!(client.userinfo(&again.tokens.access_token).await.status, 200);
    let (before, _) = told(&client, &login.tokens.access_token).await;
    let (after, acr) = told(&client, &again.tokens.access_token).await;
    assert!(after >= before + 6, "{before} {after}");
    assert_eq!(acr, "pwd");
    let claims = tokenbind_tests::unverified_claims(&again.tokens.access_token);
    assert_eq!((&claims["auth_time"], &claims["acr"]), (&json!(after), &json!("pwd")));
}

#[tokio::test]
async fn rfc9470_section_3_the_challenge_is_by_the_scheme_of_the_token() {
    let settings = json!({ "token_binding_types": ["dpop"] });
    let (_server, client, browser) = asking(&["max_age=1"], &settings).await;
    let client = client.proving(&Signer::es256());
    let login = Login::to(&client, &browser).await;
    seconds_pass(2).await;
    let refused = client.userinfo(&login.tokens.access_token).await;
    let _ = refused.challenged_by("DPoP", "insufficient_user_authentication");
    assert!(challenge(&refused).contains(r#"max_age="1""#), "{}", challenge(&refused));
    assert!(!challenge(&refused).contains("acr_values"), "{}", challenge(&refused));
}

#[tokio::test]
async fn bindings_a_token_that_is_bound_too_weakly_is_told_what_would_do() {
    let members = ["required_binding_types=dpop,certificate"];
    let (server, client, browser) = asking(&members, &json!({})).await;
    let weak = Login::to(&client, &browser).await;
    let refused = client.userinfo(&weak.tokens.access_token).await;
    let description = refused.challenged("insufficient_binding");
    assert!(description.contains("bound by nothing"), "{description}");
    let would_do = r#"binding_types="dpop certificate""#;
    assert!(challenge(&refused).contains(would_do), "{}", challenge(&refused));

    let settings = json!({ "token_binding_types": ["dpop"] });
    let strong = server.registrar().sign_in(&settings).await.proving(&Signer::es256());
    let login = Login::to(&strong, &browser).await;
    assert_eq!(strong.userinfo(&login.tokens.access_token).await.status, 200);
    // Whoever names the resource is told before there is a token.
    let named = browser.authorize(&client, &[("resource", &server.issuer())]).await;
    assert!(named.refused("invalid_target").contains("dpop or certificate"));
}

#[tokio::test]
async fn a_token_that_tells_of_no_login_does_not_do_where_one_is_asked_for() {
    let settings = json!({ "grant_types": ["password"] });
    for member in ["acr=pwd", "max_age=3600"] {
        let (server, client, _) = asking(&[member], &settings).await;
        let user = server.operator().user().await;
        let tokens = client.password(&user, &[("scope", "openid")]).await.tokens();
        let refused = client.userinfo(&tokens.access_token).await;
        let _ = refused.challenged("insufficient_user_authentication");
    }
}

#[tokio::test]
async fn a_resource_that_is_named_has_its_login_at_once() {
    let server = Server::shared().await;
    let fresh = server.operator().resource(&["max_age=5"]).await;
    let client = server.registrar().sign_in(&json!({})).await;
    let browser = server.new_browser().await;
    let first = Login::asking(&client, &browser, &[("resource", &fresh)]).await;
    let silent = browser.authorize_silently(&client, &[("resource", &fresh)]).await;
    let _ = silent.code();
    seconds_pass(6).await;
    let silent = browser.authorize_silently(&client, &[("resource", &fresh)]).await;
    let _ = silent.refused("login_required");
    let elsewhere = browser.authorize_silently(&client, &[]).await;
    let _ = elsewhere.code();
    let again = Login::asking(&client, &browser, &[("resource", &fresh)]).await;
    let (before, _) = told(&client, &first.tokens.access_token).await;
    let (after, _) = told(&client, &again.tokens.access_token).await;
    assert!(after >= before + 6, "{before} {after}");
}

#[tokio::test]
async fn rfc9470_section_5_an_acr_that_cannot_be_given_is_unmet_where_a_resource_is_named() {
    let server = Server::shared().await;
    let resource = server.operator().resource(&[]).await;
    let client = server.registrar().sign_in(&json!({})).await;
    let browser = server.new_browser().await;
    browser.sign_in().await;
    let asking = [("resource", &*resource), ("acr_values", "phr phrh")];
    let refused = browser.authorize(&client, &asking).await;
    let _ = refused.refused("unmet_authentication_requirements");
    let pushed = client.push(&client.authorization_request(&asking)).await;
    let _ = pushed.refused(400, "invalid_request");
    for fine in [
        &[("resource", &*resource), ("acr_values", "phr pwd")][..],
        // OpenID Connect Core section 3.1.2.1: elsewhere it is a wish.
        &[("acr_values", "phr phrh")],
    ] {
        let login = Login::asking(&client, &browser, fine).await;
        assert_eq!(told(&client, &login.tokens.access_token).await.1, "pwd");
    }
}
