//! Codes that name a key (RFC 9449 section 10): whoever redeems them proves that one.

use super::*;

/// Applications that people sign in to, with their tokens bound to a key and without.
async fn clients() -> Vec<Client> {
    let registrar = Server::shared().await.registrar();
    let mut clients = Vec::new();
    for types in [json!(["dpop"]), json!([])] {
        clients.push(registrar.single_page(&json!({ "token_binding_types": types })).await);
    }
    clients
}

#[tokio::test]
async fn rfc9449_section_10_a_code_that_names_a_key_is_redeemed_by_that_key_alone() {
    let browser = Server::shared().await.new_browser().await;
    for (client, token_type) in clients().await.into_iter().zip(["DPoP", "Bearer"]) {
        let (key, other) = (Signer::es256(), Signer::es256());
        let jkt = key.thumbprint();
        let callback = browser.authorize(&client, &[("dpop_jkt", &jkt)]).await;
        let description =
            client.proving(&other).redeem(&callback).await.refused(400, "invalid_grant");
        assert!(description.contains("another one was shown"), "{description}");
        let without = client.proving_nothing().redeem(&callback).await;
        let _ = without.refused(400, "invalid_dpop_proof");
        let tokens = client.proving(&key).redeem(&callback).await.expect(200);
        assert_eq!(tokens["token_type"], token_type, "the application's settings say of what type");
        let _ = client.proving(&key).redeem(&callback).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_code_that_names_none_is_bound_to_the_key_that_redeems_it() {
    let server = Server::shared().await;
    let settings = json!({ "token_binding_types": ["dpop"], "access_token_format": "jwt" });
    let client = server.registrar().single_page(&settings).await;
    let key = Signer::es256();
    let callback = server.new_browser().await.authorize(&client, &[]).await;
    let _ = client.redeem(&callback).await.refused(400, "invalid_dpop_proof");
    let tokens = client.proving(&key).redeem(&callback).await.dpop_tokens();
    let claims = tokenbind_tests::unverified_claims(&tokens.access_token);
    assert_eq!(claims["cnf"], json!({ "jkt": key.thumbprint() }));
}

#[tokio::test]
async fn rfc9449_section_10_a_malformed_dpop_jkt_is_invalid_request() {
    let browser = Server::shared().await.new_browser().await;
    for client in clients().await {
        for jkt in ["x", &"A".repeat(42), &"A".repeat(44), &"!".repeat(43)] {
            let callback = browser.ask(&client.authorization_request(&[("dpop_jkt", jkt)])).await;
            let description = callback.refused("invalid_request");
            assert!(description.contains("dpop_jkt"), "{description}");
        }
    }
}

/// A thief with the code, the verifier and a key of their own.
#[tokio::test]
async fn a_stolen_code_with_its_verifier_is_refused_to_another_key() {
    let server = Server::shared().await;
    let settings = json!({ "token_binding_types": ["dpop"] });
    let client = server.registrar().single_page(&settings).await;
    let (key, thief) = (Signer::es256(), Signer::es256());
    let jkt = key.thumbprint();
    let callback = server.new_browser().await.authorize(&client, &[("dpop_jkt", &jkt)]).await;
    let elsewhere = client.over(server.http_from(66)).proving(&thief);
    let _ = elsewhere.redeem(&callback).await.refused(400, "invalid_grant");
    let _ = client.proving(&key).redeem(&callback).await.dpop_tokens();
}
