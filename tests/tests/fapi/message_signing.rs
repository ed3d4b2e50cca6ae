//! What FAPI 2.0 Message Signing asks on top: signed requests (section 5.3) and signed responses (section 5.4).

use serde_json::{Value, json};
use tokenbind_tests::{Answer, AuthorizationRequest, Signer, now};

use crate::bank::{Bank, Way, pushed, request_uri};

async fn bank() -> Bank {
    Bank::with(
        Way::Key,
        &json!({
            "fapi_profile": "fapi2-message-signing",
            "request_object_signing_alg": "ES256",
            "authorization_signed_response_alg": "ES256",
        }),
    )
    .await
}

/// The claims of a request object of this request.
fn claims(bank: &Bank, request: &AuthorizationRequest) -> Value {
    let mut claims: Value =
        request.parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    claims["iss"] = json!(bank.client.id);
    claims["aud"] = json!(bank.server.issuer());
    claims["nbf"] = json!(now());
    claims["exp"] = json!(now() + 300);
    claims
}

fn signed(signer: &Signer, claims: &Value) -> String {
    let header = json!({
        "typ": "oauth-authz-req+jwt",
        "alg": signer.alg(),
        "kid": signer.kid(),
    });
    signer.jws(&header, claims)
}

async fn push(bank: &Bank, request: &str) -> Answer {
    bank.client.post("/oauth2/par", &[("request", request)]).await
}

fn assert_refused(answer: &Answer, case: &str) {
    assert_eq!(answer.status, 400, "{case}: {}", answer.text());
    let error = answer.json()["error"].clone();
    let expected = error == "invalid_request_object" || error == "invalid_request";
    assert!(expected, "{case}: {}", answer.text());
}

#[tokio::test]
async fn message_signing_section_5_3_1_an_unsigned_request_is_refused() {
    let bank = bank().await;
    let request = bank.request().with("response_mode", "jwt");
    assert_refused(&bank.push(&request).await, "unsigned");
}

#[tokio::test]
async fn message_signing_section_5_4_1_the_response_is_signed_or_there_is_none() {
    let bank = bank().await;
    let request = bank.request();
    assert_refused(&push(&bank, &signed(&bank.signer, &claims(&bank, &request))).await, "no mode");
    let query = request.with("response_mode", "query");
    assert_refused(&push(&bank, &signed(&bank.signer, &claims(&bank, &query))).await, "query");
}

#[tokio::test]
async fn message_signing_section_5_3_1_bad_request_objects_are_refused() {
    let bank = bank().await;
    let request = bank.request().with("response_mode", "jwt");
    let good = claims(&bank, &request);
    let with = |more: Value| {
        let mut claims = good.clone();
        for (name, value) in more.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        signed(&bank.signer, &claims)
    };
    for more in [
        json!({ "aud": "https://other.example" }),
        json!({ "aud": null }),
        json!({ "exp": null }),
        json!({ "nbf": null }),
        json!({ "exp": now() - 60 }),
        json!({ "exp": now() + 3700 }),
        json!({ "nbf": now() - 3700 }),
        json!({ "nbf": now() + 70 }),
        json!({ "request_uri": "urn:x" }),
        json!({ "code_challenge": null }),
        json!({ "client_id": "another" }),
    ] {
        assert_refused(&push(&bank, &with(more.clone())).await, &more.to_string());
    }
    assert_refused(&push(&bank, &signed(&Signer::es256(), &good)).await, "another key");
    assert_refused(&push(&bank, &signed(&Signer::rs256(), &good)).await, "RS256");
    let unsigned = signed(&bank.signer, &good);
    let unsigned = format!("{}.", unsigned.rsplit_once('.').expect("a signature").0);
    assert_refused(&push(&bank, &unsigned).await, "no signature");
    for more in [json!({ "nbf": now() + 8 }), json!({ "aud": [bank.server.issuer(), "x"] })] {
        let answer = push(&bank, &with(more.clone())).await;
        assert_eq!(answer.status, 201, "{more}: {}", answer.text());
    }
}

#[tokio::test]
async fn message_signing_section_5_4_1_the_answer_is_one_jwt_and_nothing_else() {
    let bank = bank().await;
    let request = bank.request().with("response_mode", "jwt");
    let request_object = signed(&bank.signer, &claims(&bank, &request));
    let request_uri = request_uri(&push(&bank, &request_object).await);
    let browser = bank.server.new_browser().await;
    let page = browser.get(&pushed(&bank.client.id, &request_uri)).await;
    let callback = browser.go_on(&request, page).await;
    let names: Vec<_> = callback.parameters.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["response"]);
    let response = callback.get("response").expect("a response");
    let header = jsonwebtoken::decode_header(response).expect("a JWT");
    assert_eq!(format!("{:?}", header.alg), "ES256");
    let told = tokenbind_tests::unverified_claims(response);
    assert_eq!(told["iss"], bank.server.issuer());
    assert_eq!(told["aud"], *bank.client.id);
    let lives = told["exp"].as_u64().expect("exp") - now();
    assert!((10..=600).contains(&lives), "{told}");
    assert_eq!(told["state"], request.get("state").expect("a state"));
    assert!(told["code"].is_string());
}
