//! What certification asks of the jwks.

use super::*;

async fn keys() -> Vec<Value> {
    let set = Server::shared().await.http().get("/oauth2/jwks").await.expect(200);
    set["keys"].as_array().expect("keys").clone()
}

#[tokio::test]
async fn every_key_has_its_own_kid_and_no_private_or_odd_member() {
    let mut kids = HashSet::new();
    for key in keys().await {
        let members = key.as_object().expect("an object");
        let expected: &[&str] = match key["kty"].as_str().expect("kty") {
            "RSA" => &["alg", "e", "kid", "kty", "n", "use"],
            "EC" => &["alg", "crv", "kid", "kty", "use", "x", "y"],
            "OKP" => &["alg", "crv", "kid", "kty", "use", "x"],
            other => panic!("kty {other}"),
        };
        let names: BTreeSet<_> = members.keys().map(String::as_str).collect();
        assert_eq!(names, expected.iter().copied().collect());
        assert!(kids.insert(key["kid"].as_str().expect("kid").to_owned()), "{key}");
    }
}

#[tokio::test]
async fn every_algorithm_that_id_tokens_may_have_has_its_key_and_names_it() {
    let algorithms: HashSet<_> =
        keys().await.iter().map(|key| key["alg"].as_str().expect("alg").to_owned()).collect();
    let browser = browser().await;
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let client = client_with(json!({ "id_token_signed_response_alg": algorithm })).await;
        let tokens = login(&browser, &client, &[]).await;
        // The key is found by `kid`, and its `alg` is that of the header.
        let id_token = client.id_token(&tokens).await;
        assert_eq!(format!("{:?}", id_token.header.alg), algorithm);
        assert!(algorithms.contains(algorithm), "{algorithms:?}");
    }
}
