//! The assertions of `private_key_jwt` under a profile (FAPI 2.0 Security Profile sections 5.3.2.1 and 5.4).

use serde_json::{Value, json};
use tokenbind_tests::{Answer, Signer, now};

use crate::bank::{Bank, Way};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Introspects with this assertion, or none: the least that a client authenticates for.
async fn introspect_by(bank: &Bank, assertion: Option<&str>) -> Answer {
    let mut client = bank.client.clone();
    client.assertions = None;
    let mut fields = vec![("token", "x")];
    if let Some(assertion) = assertion {
        fields.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)]);
    }
    client.post("/oauth2/introspect", &fields).await
}

async fn by(bank: &Bank, more: &Value) -> Answer {
    let issuer = bank.server.issuer();
    let assertion = bank.signer.assertion(&bank.client.id, &issuer, more);
    introspect_by(bank, Some(&assertion)).await
}

fn assert_refused(answer: &Answer, case: &Value) {
    assert!(matches!(answer.status, 400 | 401), "{case}: {} {}", answer.status, answer.text());
    let error = answer.json()["error"].clone();
    let expected = error == "invalid_client" || error == "invalid_request";
    assert!(expected, "{case}: {}", answer.text());
}

#[tokio::test]
async fn security_profile_section_5_3_2_1_aud_is_the_issuer_as_a_text() {
    let bank = Bank::new(Way::Key).await;
    let issuer = bank.server.issuer();
    assert_eq!(by(&bank, &json!({})).await.status, 200);
    for aud in [
        json!([issuer]),
        json!([issuer, "https://other.example"]),
        json!(format!("{issuer}/oauth2/token")),
        json!(format!("{issuer}/oauth2/par")),
        json!(format!("{issuer}/oauth2/introspect")),
        json!(format!("{issuer}/")),
        json!("https://other.example"),
        Value::Null,
    ] {
        assert_refused(&by(&bank, &json!({ "aud": aud })).await, &aud);
    }
}

#[tokio::test]
async fn security_profile_section_5_3_2_1_clocks_may_differ_by_seconds() {
    let bank = Bank::new(Way::Key).await;
    for good in [json!({ "iat": now() + 8 }), json!({ "nbf": now() + 8 })] {
        let answer = by(&bank, &good).await;
        assert_eq!(answer.status, 200, "{good}: {}", answer.text());
    }
    for bad in [
        json!({ "iat": now() + 70, "exp": now() + 130 }),
        json!({ "nbf": now() + 70, "exp": now() + 130 }),
        json!({ "exp": now() - 300, "iat": now() - 360 }),
        json!({ "exp": null }),
    ] {
        assert_refused(&by(&bank, &bad).await, &bad);
    }
}

#[tokio::test]
async fn an_assertion_says_who_it_is_of_and_is_good_once() {
    let bank = Bank::new(Way::Key).await;
    for bad in [json!({ "sub": null }), json!({ "sub": "another" }), json!({ "jti": null })] {
        assert_refused(&by(&bank, &bad).await, &bad);
    }
    assert_refused(&introspect_by(&bank, None).await, &Value::Null);
    let issuer = bank.server.issuer();
    let assertion = bank.signer.assertion(&bank.client.id, &issuer, &json!({}));
    assert_eq!(introspect_by(&bank, Some(&assertion)).await.status, 200);
    assert_refused(&introspect_by(&bank, Some(&assertion)).await, &json!("again"));
}

#[tokio::test]
async fn security_profile_section_5_4_rs256_is_refused_and_the_others_are_taken() {
    for (signer, good) in [
        (Signer::es256(), true),
        (Signer::ps256(), true),
        (Signer::eddsa(), true),
        (Signer::rs256(), false),
    ] {
        let mut jwks = signer.jwks();
        // So that the algorithm is left to the assertion.
        jwks["keys"][0].as_object_mut().expect("a key").remove("alg");
        let mut bank = Bank::with(Way::Key, &json!({ "jwks": jwks })).await;
        bank.signer = signer;
        let answer = by(&bank, &json!({})).await;
        if good {
            assert_eq!(answer.status, 200, "{}: {}", bank.signer.alg(), answer.text());
        } else {
            assert_refused(&answer, &json!(bank.signer.alg()));
        }
    }
}

#[tokio::test]
async fn an_assertion_by_another_key_is_refused() {
    let mut bank = Bank::new(Way::Key).await;
    bank.signer = Signer::es256();
    assert_refused(&by(&bank, &json!({})).await, &json!("another key"));
}
