//! The code flow under the security profile, and what it does not let through.

use reqwest::Method;
use serde_json::json;
use tokenbind_tests::{Answer, Server, Signer, VerifiedJwt, seconds_pass, send};

use crate::bank::{Bank, WAYS, Way, push_as, pushed, request_uri, server};

/// A refusal by one of these codes.
fn assert_refused(answer: &Answer, codes: &[&str]) {
    assert!(matches!(answer.status, 400 | 401), "{} {}", answer.status, answer.text());
    let error = answer.json()["error"].clone();
    assert!(codes.iter().any(|code| error == *code), "{codes:?}: {}", answer.text());
}

#[tokio::test]
async fn the_flow_goes_from_end_to_end() {
    for way in WAYS {
        let bank = Bank::new(way).await;
        let browser = bank.server.new_browser().await;
        let callback = bank.authorize(&browser).await;
        assert!(callback.code().len() >= 22, "128 bits");
        let tokens = bank.tokens(&bank.client.redeem(&callback).await);
        let id_token = bank.client.over(bank.server.http()).id_token(&tokens).await;
        assert_eq!(format!("{:?}", id_token.header.alg), "PS256");
        assert_eq!(id_token.claims["nonce"], callback.request.get("nonce").expect("a nonce"));
        let userinfo = bank.client.userinfo(&tokens.access_token).await.expect(200);
        assert_eq!(userinfo["sub"], *browser.user.sub);
        let told = bank.client.introspect(&tokens.access_token).await;
        let member = if way == Way::Key { "jkt" } else { "x5t#S256" };
        assert!(told["cnf"][member].is_string(), "{told}");
    }
}

#[tokio::test]
async fn security_profile_section_5_3_2_1_the_refresh_token_before_works_on() {
    for way in WAYS {
        for rotation in [false, true] {
            let bank = Bank::with(way, &json!({ "refresh_token_rotation": rotation })).await;
            let tokens = bank.sign_in().await;
            let first = bank.client.refresh(tokens.refresh_token(), &[]).await;
            let first = bank.tokens(&first);
            let second = bank.client.refresh(first.refresh_token(), &[]).await;
            let second = bank.tokens(&second);
            // As after a lost answer, however long ago.
            let again = bank.client.refresh(tokens.refresh_token(), &[]).await;
            let again = bank.tokens(&again);
            assert_eq!(again.refresh_token(), second.refresh_token(), "rotation {rotation}");
            for tokens in [&second, &again] {
                let answer = bank.client.userinfo(&tokens.access_token).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
        }
    }
}

#[tokio::test]
async fn security_profile_section_5_3_2_2_a_request_that_was_not_pushed_is_refused() {
    for way in WAYS {
        let bank = Bank::new(way).await;
        let browser = bank.server.new_browser().await;
        browser.sign_in().await;
        let callback = browser.ask(&bank.request()).await;
        let description = callback.refused("invalid_request");
        assert!(description.contains("push"), "{description}");
    }
}

#[tokio::test]
async fn security_profile_section_5_3_2_2_a_push_without_client_authentication_is_refused() {
    for way in WAYS {
        let mut bank = Bank::new(way).await;
        bank.client.assertions = None;
        bank.client = bank.without_proof();
        assert_refused(&bank.push(&bank.request()).await, &["invalid_client", "invalid_request"]);
    }
}

#[tokio::test]
async fn security_profile_section_5_3_2_2_what_may_not_be_pushed_is_refused() {
    for way in WAYS {
        let bank = Bank::new(way).await;
        let request = bank.request();
        let plain = request.clone().with("code_challenge_method", "plain");
        for (bad, codes) in [
            (request.clone().without_pkce(), &["invalid_request"][..]),
            (plain, &["invalid_request"]),
            (request.clone().with("request_uri", "urn:x"), &["invalid_request"]),
            (request.clone().without("redirect_uri"), &["invalid_request"]),
            (
                request.clone().with("response_type", "token"),
                &["unsupported_response_type", "invalid_request"],
            ),
            (
                request.clone().with("response_type", "code id_token"),
                &["unsupported_response_type", "invalid_request"],
            ),
            (
                request.clone().with("redirect_uri", "https://thief.example/"),
                &["invalid_request", "invalid_redirect_uri"],
            ),
        ] {
            assert_refused(&bank.push(&bad).await, codes);
        }
    }
}

#[tokio::test]
async fn a_pushed_request_is_of_one_application_and_good_once() {
    for way in WAYS {
        let (bank, other) = (Bank::new(way).await, Bank::new(way).await);
        let browser = bank.server.new_browser().await;
        let request = bank.request();
        let request_uri = request_uri(&bank.push(&request).await);
        let page = browser.get(&pushed(&other.client.id, &request_uri)).await;
        let _ = page.refused(400);
        // Two pages before the sign-in are as good as one.
        let path = pushed(&bank.client.id, &request_uri);
        let _ = browser.open(&path).await;
        let page = browser.get(&path).await;
        let callback = browser.go_on(&request, page).await;
        let _ = bank.tokens(&bank.client.redeem(&callback).await);
        let page = browser.get(&path).await;
        let _ = page.refused(400);
    }
}

#[tokio::test]
async fn a_code_is_good_once_for_its_application_and_with_its_verifier() {
    for way in WAYS {
        let (bank, other) = (Bank::new(way).await, Bank::new(way).await);
        let browser = bank.server.new_browser().await;
        let callback = bank.authorize(&browser).await;
        let _ = other.client.redeem(&callback).await.refused(400, "invalid_grant");
        let mut wrong = callback.clone();
        wrong.request.verifier = "x".repeat(43);
        let _ = bank.client.redeem(&wrong).await.refused(400, "invalid_grant");
        let tokens = bank.tokens(&bank.client.redeem(&callback).await);
        seconds_pass(1).await;
        let _ = bank.client.redeem(&callback).await.refused(400, "invalid_grant");
        assert_eq!(bank.client.userinfo(&tokens.access_token).await.status, 401, "it ends all");
    }
}

#[tokio::test]
async fn a_code_is_redeemed_with_the_proof_alone() {
    for way in WAYS {
        let bank = Bank::new(way).await;
        let callback = bank.authorize(&bank.server.new_browser().await).await;
        let answer = bank.without_proof().redeem(&callback).await;
        assert_refused(
            &answer,
            &["invalid_client", "invalid_grant", "invalid_request", "invalid_dpop_proof"],
        );
        let _ = bank.tokens(&bank.client.redeem(&callback).await);
    }
}

/// The key of the pushed request's proof is the only one that redeems the code (RFC 9449 section 10.1).
#[tokio::test]
async fn rfc9449_section_10_1_the_code_belongs_to_the_key_that_proved_the_push() {
    let bank = Bank::new(Way::Key).await;
    let callback = bank.authorize(&bank.server.new_browser().await).await;
    let another = bank.client.proving(&Signer::es256());
    assert_refused(
        &another.redeem(&callback).await,
        &["invalid_grant", "invalid_dpop_proof", "invalid_request"],
    );
    let _ = bank.client.redeem(&callback).await.dpop_tokens();
}

#[tokio::test]
async fn a_refresh_needs_the_client_and_the_proof() {
    for way in WAYS {
        let (bank, other) = (Bank::new(way).await, Bank::new(way).await);
        let tokens = bank.sign_in().await;
        let refresh_token = tokens.refresh_token();
        let mut nobody = bank.without_proof();
        nobody.assertions = None;
        let answer = nobody.refresh(refresh_token, &[]).await;
        assert_refused(&answer, &["invalid_client", "invalid_grant", "invalid_request"]);
        let answer = bank.without_proof().refresh(refresh_token, &[]).await;
        assert_refused(&answer, &["invalid_client", "invalid_grant", "invalid_dpop_proof"]);
        let answer = other.client.refresh(refresh_token, &[]).await;
        let _ = answer.refused(400, "invalid_grant");
        let answer = bank.client.refresh(refresh_token, &[("scope", "openid")]).await;
        let _ = bank.tokens(&answer);
    }
}

#[tokio::test]
async fn a_token_works_with_its_proof_and_in_the_header_alone() {
    for way in WAYS {
        let (bank, other) = (Bank::new(way).await, Bank::new(way).await);
        let token = bank.sign_in().await.access_token;
        assert_eq!(bank.without_proof().userinfo(&token).await.status, 401);
        assert_eq!(other.client.userinfo(&token).await.status, 401, "another key");
        let path = format!("/oauth2/userinfo?access_token={token}");
        let answer = send(bank.client.http.request(Method::GET, &path)).await;
        assert!(matches!(answer.status, 400 | 401), "{}", answer.status);
        assert_eq!(bank.client.userinfo(&token).await.status, 200);
    }
}

#[tokio::test]
async fn security_profile_section_5_3_2_1_the_password_grant_is_refused() {
    for way in WAYS {
        let bank = Bank::new(way).await;
        let user = bank.server.operator().user().await;
        let _ = bank.client.password(&user, &[]).await.refused(400, "unauthorized_client");
    }
}

/// What was granted before the switch was on gives no bearer tokens any more.
#[tokio::test]
async fn security_profile_section_5_3_2_1_an_unbound_grant_of_the_time_before_is_not_refreshed() {
    let server = server().await;
    let signer = Signer::es256();
    let settings = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": signer.jwks(),
    });
    let client = server.registrar().sign_in(&settings).await;
    let client = client.asserting(&signer, &server.issuer());
    let callback = server.new_browser().await.authorize(&client, &[]).await;
    let tokens = client.redeem(&callback).await.tokens();
    let _ = client.refresh(tokens.refresh_token(), &[]).await.tokens();
    let set = ["fapi_profile=fapi2-security", "token_binding_types=dpop"];
    let mut arguments = vec!["app", "update", &client.id];
    arguments.extend(set.iter().flat_map(|set| ["--set", set]));
    let _ = server.operator().json(&arguments).await;
    for client in [&client, &client.proving(&Signer::es256())] {
        let answer = client.refresh(tokens.refresh_token(), &[]).await;
        let description = answer.refused(400, "invalid_grant");
        assert!(description.contains("fapi_profile"), "{description}");
    }
    assert_refused(
        &push_as(&client, &client.authorization_request(&[]).without_pkce()).await,
        &["invalid_request"],
    );
}

/// The access tokens of an application with a profile do not follow the server's configuration below it.
#[tokio::test]
async fn security_profile_section_5_4_jwts_are_not_by_rs256_whatever_the_server_signs_by() {
    let server = Server::serve(r#"tokens.access_token_signing_alg = "RS256""#, &[]).await;
    for (profile, alg) in [("none", "RS256"), ("fapi2-security", "PS256")] {
        let signer = Signer::es256();
        let settings = json!({
            "fapi_profile": profile,
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": signer.jwks(),
            "token_binding_types": ["dpop"],
            "grant_types": ["client_credentials"],
            "access_token_format": "jwt",
        });
        let client = server.registrar().application(&settings).await;
        let client = client.asserting(&signer, &server.issuer()).proving(&signer);
        let token = client.client_credentials(&[]).await.dpop_tokens().access_token;
        let verified = VerifiedJwt::verify(&client.http, &server.issuer(), &token).await;
        assert_eq!(format!("{:?}", verified.header.alg), alg);
        assert!(client.is_active(&token).await);
    }
}
