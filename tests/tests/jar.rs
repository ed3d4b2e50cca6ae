//! Authorization requests that the application signs (RFC 9101), by value and pushed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokenbind_tests::{
    AuthorizationRequest, Browser, Client, Page, Server, Signer, now, unverified_claims,
};

async fn application(signer: &Signer, more: Value) -> Client {
    let mut settings = json!({ "jwks": signer.jwks() });
    settings
        .as_object_mut()
        .expect("an object")
        .extend(more.as_object().expect("an object").clone());
    Server::shared().await.registrar().sign_in(&settings).await
}

async fn signed_in() -> Browser {
    let browser = Server::shared().await.new_browser().await;
    browser.sign_in().await;
    browser
}

fn issuer(client: &Client) -> String {
    client.http.base().to_owned()
}

/// What the browser brings: the client and the object.
fn by_value(client: &Client, object: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("client_id", &client.id).append_pair("request", object);
    format!("/oauth2/authorize?{}", query.finish())
}

/// The answer to the object that this signer makes of a good request and `more`.
async fn asked(
    client: &Client,
    browser: &Browser,
    signer: &Signer,
    more: &Value,
) -> (AuthorizationRequest, Page) {
    let request = client.authorization_request(&[]);
    let object = signer.request_object(&request, &issuer(client), more);
    let page = browser.get(&by_value(client, &object)).await;
    (request, page)
}

/// Pushes an object.
async fn pushed(client: &Client, object: &str, more: &[(&str, &str)]) -> tokenbind_tests::Answer {
    client.post("/oauth2/par", &[&[("request", object)][..], more].concat()).await
}

/// What must not be believed, with a word of the refusal: what is claimed, or how it is signed.
fn bad_claims() -> Vec<(Value, &'static str)> {
    vec![
        (json!({ "iss": "somebody" }), "iss"),
        (json!({ "iss": null }), "iss"),
        (json!({ "aud": "https://as.example" }), "aud"),
        (json!({ "aud": null }), "aud"),
        (json!({ "exp": now() - 300 }), "expired"),
        (json!({ "nbf": now() + 75 }), "nbf"),
        (json!({ "iat": now() + 75 }), "iat"),
        (json!({ "client_id": "somebody" }), "client_id"),
        (json!({ "request": "x" }), "request"),
        (json!({ "request_uri": "https://app.example/r.jwt" }), "request_uri"),
        (json!({ "prompt": ["login"] }), "prompt"),
    ]
}

mod by_value {
    use super::*;

    #[tokio::test]
    async fn rfc9101_section_5_1_a_signed_request_is_a_request_like_any_other() {
        for signer in [Signer::es256(), Signer::eddsa(), Signer::ps256(), Signer::rs256()] {
            let client = application(&signer, json!({})).await;
            let browser = Server::shared().await.new_browser().await;
            let more = json!({ "aud": ["https://x.example", issuer(&client)] });
            let (request, page) = asked(&client, &browser, &signer, &more).await;
            assert!(page.html.sign_in_form().is_some(), "{}", page.html.text);
            let callback = browser.go_on(&request, page).await;
            let tokens = client.redeem(&callback).await.tokens();
            let claims = client.id_token(&tokens).await.claims;
            assert_eq!(claims["nonce"], request.get("nonce").expect("a nonce"));
        }
    }

    #[tokio::test]
    async fn openid_core_section_6_1_numbers_and_claims_keep_their_meaning() {
        let signer = Signer::es256();
        let (client, browser) = (application(&signer, json!({})).await, signed_in().await);
        let more = json!({ "max_age": 10_000, "claims": { "id_token": { "auth_time": null } } });
        let (request, page) = asked(&client, &browser, &signer, &more).await;
        let callback = page.callback(&request, browser.http.base()).expect("an answer");
        let _ = client.redeem(&callback).await.tokens();
        // A login is asked for within the object too, and once.
        for more in [json!({ "max_age": 0 }), json!({ "prompt": "login" })] {
            let (request, page) = asked(&client, &browser, &signer, &more).await;
            assert!(page.html.sign_in_form().is_some(), "{more}: {}", page.html.text);
            let page = browser.fill_in(&page, &browser.user.username, "wrong").await;
            let page = browser.fill_in_password(&page).await;
            let page = browser.follow(page).await;
            assert!(page.html.sign_in_form().is_none(), "{more}: {}", page.html.text);
            let callback = page.callback(&request, browser.http.base()).expect("an answer");
            let _ = client.redeem(&callback).await.tokens();
        }
    }

    #[tokio::test]
    async fn a_user_may_take_longer_than_the_object_lives() {
        let signer = Signer::es256();
        let client = application(&signer, json!({})).await;
        let browser = Server::shared().await.new_browser().await;
        // Good for a moment yet: clocks may be off by ten seconds.
        let more = json!({ "exp": now() - 7 });
        let (request, page) = asked(&client, &browser, &signer, &more).await;
        tokenbind_tests::seconds_pass(4).await;
        let callback = browser.go_on(&request, page).await;
        let _ = client.redeem(&callback).await.tokens();
    }

    #[tokio::test]
    async fn rfc9101_section_6_3_only_the_parameters_inside_count() {
        let signer = Signer::es256();
        let (client, browser) = (application(&signer, json!({})).await, signed_in().await);
        let request = client.authorization_request(&[]);
        let object = signer.request_object(&request, &issuer(&client), &json!({}));
        let outside = "&state=evil&nonce=evil&scope=openid+email&response_mode=fragment&prompt=login\
                       &redirect_uri=https%3A%2F%2Fevil.example%2F&x=1&x=2";
        let page = browser.get(&(by_value(&client, &object) + outside)).await;
        let callback = page.callback(&request, browser.http.base()).expect("an answer");
        let tokens = client.redeem(&callback).await.tokens();
        assert_eq!(tokens.scope.as_deref(), Some("openid"));
        // What is missing inside is missing, wherever else it may stand.
        let bare = signer.request_object(
            &request,
            &issuer(&client),
            &json!({ "response_type": null, "state": null }),
        );
        let page = browser.get(&(by_value(&client, &bare) + "&response_type=code&state=x")).await;
        let callback = page.callback(&request.clone().without("state"), browser.http.base());
        let _ = callback.expect("an answer").refused("invalid_request");
    }

    #[tokio::test]
    async fn rfc9101_section_6_what_does_not_hold_is_refused_and_never_ignored() {
        let signer = Signer::es256();
        let (client, browser) = (application(&signer, json!({})).await, signed_in().await);
        let request = client.authorization_request(&[]);
        for (more, says) in bad_claims() {
            let object = signer.request_object(&request, &issuer(&client), &more);
            let outer = request.clone().with("request", &object);
            let description = browser.ask(&outer).await.refused("invalid_request_object");
            assert!(description.contains(says), "{more}: {description}");
            // It is not known for sure where to send the browser.
            let mut evil = outer.clone().with("redirect_uri", "https://evil.example/");
            let _ = browser.get(&evil.path()).await.refused(400);
            evil = outer.without("redirect_uri");
            let _ = browser.get(&evil.path()).await.refused(400);
        }
    }

    #[tokio::test]
    async fn rfc9101_section_6_2_only_the_applications_own_signature_counts() {
        let (signer, thief) = (Signer::es256(), Signer::es256());
        let (client, browser) = (application(&signer, json!({})).await, signed_in().await);
        let request = client.authorization_request(&[]);
        let good = signer.request_object(&request, &issuer(&client), &json!({}));
        let claims = unverified_claims(&good);
        let header = |alg: &str, typ: &str| json!({ "alg": alg, "typ": typ, "kid": signer.kid() });
        for forged in [
            thief.request_object(&request, &issuer(&client), &json!({})),
            thief.jws(&header("ES256", "JWT"), &claims),
            signer.jws(&header("HS256", "JWT"), &claims),
            signer.jws(&header("PS256", "JWT"), &claims),
            signer.jws(&header("ES256", "at+jwt"), &claims),
            signer.jws(&header("ES256", "dpop+jwt"), &claims),
            tokenbind_tests::flipped(&good, good.find('.').expect("a dot") + 8),
            good[..good.len() - 2].to_owned(),
            "x".into(),
            "..".into(),
        ] {
            let outer = request.clone().with("request", &forged);
            let _ = browser.ask(&outer).await.refused("invalid_request_object");
        }
        // An assertion that authenticates the client is no request.
        let assertion = signer.assertion(&client.id, &issuer(&client), &json!({}));
        let outer = request.clone().with("request", &assertion);
        let _ = browser.ask(&outer).await.refused("invalid_request_object");
        let outer = request.clone().with("request", &good);
        let _ = client.redeem(&browser.ask(&outer).await).await.tokens();
    }

    #[tokio::test]
    async fn openid_core_section_6_1_what_is_not_signed_is_not_supported() {
        let signer = Signer::es256();
        let (client, browser) = (application(&signer, json!({})).await, signed_in().await);
        let request = client.authorization_request(&[]);
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "none" }).to_string());
        let claims = json!({ "iss": client.id, "aud": issuer(&client), "scope": "openid" });
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        let outer = request.with("request", &format!("{header}.{claims}."));
        let _ = browser.ask(&outer).await.refused("request_not_supported");
    }

    #[tokio::test]
    async fn rfc9101_section_10_5_an_application_that_has_to_sign_is_held_to_it() {
        let signer = Signer::es256();
        let settings = json!({ "request_object_signing_alg": "ES256" });
        let (client, browser) = (application(&signer, settings).await, signed_in().await);
        let request = client.authorization_request(&[]);
        let _ = browser.ask(&request).await.refused("invalid_request");
        let _ = client.push(&request).await.refused(400, "invalid_request");
        let (request, page) = asked(&client, &browser, &signer, &json!({})).await;
        let callback = page.callback(&request, browser.http.base()).expect("an answer");
        let _ = client.redeem(&callback).await.tokens();
        // Nor is another algorithm taken, though the key is the application's.
        let settings = json!({ "request_object_signing_alg": "PS256" });
        let client = application(&signer, settings).await;
        let object = signer.request_object(&request, &issuer(&client), &json!({}));
        let outer = client.authorization_request(&[("request", &object)]);
        let description = browser.ask(&outer).await.refused("invalid_request_object");
        assert!(description.contains("PS256"), "{description}");
    }

    #[tokio::test]
    async fn rfc9126_section_6_a_signed_request_is_no_pushed_one() {
        let signer = Signer::es256();
        let settings = json!({ "require_pushed_authorization_requests": true });
        let (client, browser) = (application(&signer, settings).await, signed_in().await);
        let (request, page) = asked(&client, &browser, &signer, &json!({})).await;
        let callback = page.callback(&request, browser.http.base()).expect("an answer");
        let _ = callback.refused("invalid_request");
    }

    #[tokio::test]
    async fn an_application_without_keys_signs_nothing() {
        let signer = Signer::es256();
        let client = Server::shared().await.registrar().sign_in(&json!({})).await;
        let browser = signed_in().await;
        let request = client.authorization_request(&[]);
        let object = signer.request_object(&request, &issuer(&client), &json!({}));
        let outer = request.with("request", &object);
        let _ = browser.ask(&outer).await.refused("invalid_request_object");
        let unknown = Client { id: "nobody".into(), ..client };
        let _ = browser.get(&by_value(&unknown, &object)).await.refused(400);
    }
}

mod pushed {
    use super::*;

    #[tokio::test]
    async fn rfc9126_section_3_a_signed_request_may_be_pushed() {
        let signer = Signer::ps256();
        let settings = json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "request_object_signing_alg": "PS256",
            "require_pushed_authorization_requests": true,
        });
        let client = application(&signer, settings).await;
        let client = client.asserting(&signer, &issuer(&client));
        let browser = Server::shared().await.new_browser().await;
        let request = client.authorization_request(&[]);
        let object = signer.request_object(&request, &issuer(&client), &json!({}));
        // What stands beside it is ignored.
        let outside = [("state", "evil"), ("nonce", "evil"), ("scope", "admin")];
        let answer = pushed(&client, &object, &outside).await.expect(201);
        let uri = answer["request_uri"].as_str().expect("request_uri");
        let kept = tokenbind_tests::Pushed {
            request: request.clone(),
            request_uri: uri.to_owned(),
            expires_in: 60,
        };
        let page = browser.get(&kept.path()).await;
        let callback = browser.go_on(&request, page).await;
        let tokens = client.redeem(&callback).await.tokens();
        let claims = client.id_token(&tokens).await.claims;
        assert_eq!(claims["nonce"], request.get("nonce").expect("a nonce"));
    }

    #[tokio::test]
    async fn rfc9101_section_6_what_does_not_hold_is_refused() {
        let (signer, thief) = (Signer::es256(), Signer::es256());
        let client = application(&signer, json!({})).await;
        let request = client.authorization_request(&[]);
        for (more, says) in bad_claims() {
            let object = signer.request_object(&request, &issuer(&client), &more);
            let answer = pushed(&client, &object, &[]).await;
            let description = answer.refused(400, "invalid_request_object");
            assert!(description.contains(says), "{more}: {description}");
        }
        let good = signer.request_object(&request, &issuer(&client), &json!({}));
        let claims = unverified_claims(&good);
        let none = signer.jws(&json!({ "alg": "none" }), &claims);
        for forged in [thief.request_object(&request, &issuer(&client), &json!({})), none] {
            let _ = pushed(&client, &forged, &[]).await.refused(400, "invalid_request_object");
        }
        let other = application(&signer, json!({})).await;
        let _ = pushed(&other, &good, &[]).await.refused(400, "invalid_request_object");
        // The object holds, and what it asks for does not.
        for (more, error) in [
            (json!({ "scope": "admin" }), "invalid_scope"),
            (json!({ "code_challenge": null }), "invalid_request"),
            (json!({ "redirect_uri": "https://evil.example/" }), "invalid_request"),
            (json!({ "response_type": "token" }), "unsupported_response_type"),
        ] {
            let object = signer.request_object(&request, &issuer(&client), &more);
            let _ = pushed(&client, &object, &[]).await.refused(400, error);
        }
        assert_eq!(pushed(&client, &good, &[]).await.status, 201);
    }

    #[tokio::test]
    async fn fapi2_message_signing_section_5_3_1_a_request_is_young_and_lives_briefly() {
        let signer = Signer::es256();
        let settings = json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "fapi_profile": "fapi2-message-signing",
            "request_object_signing_alg": "ES256",
            "token_binding_types": ["dpop"],
        });
        let client = application(&signer, settings).await;
        let client = client.asserting(&signer, &issuer(&client));
        let request = client.authorization_request(&[("response_mode", "jwt")]);
        let answered = async |more: Value| {
            let object = signer.request_object(&request, &issuer(&client), &more);
            pushed(&client, &object, &[]).await
        };
        for more in [json!({}), json!({ "nbf": now() + 8 }), json!({ "exp": now() + 3500 })] {
            assert_eq!(answered(more.clone()).await.status, 201, "{more}");
        }
        for more in [
            json!({ "exp": null }),
            json!({ "nbf": null }),
            json!({ "exp": now() + 3700 }),
            json!({ "nbf": now() - 3700, "exp": now() + 60 }),
            json!({ "nbf": now() - 3700, "exp": now() - 200 }),
            json!({ "nbf": now() + 75 }),
        ] {
            let _ = answered(more.clone()).await.refused(400, "invalid_request_object");
        }
        let _ = client.push(&request).await.refused(400, "invalid_request");
    }
}
