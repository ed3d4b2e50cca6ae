//! Proofs with pushed authorization requests (RFC 9449 section 10.1): they bind the code to their key.

use tokenbind_tests::{Callback, Pushed};

use super::*;

const PAR: &str = "/oauth2/par";

async fn client(types: &[&str]) -> Client {
    let settings = json!({ "token_binding_types": types });
    Server::shared().await.registrar().sign_in(&settings).await
}

/// A proof for the endpoint, to be broken.
fn for_par(client: &Client, key: &Signer) -> DpopProof {
    DpopProof::new(key, "POST", client.http.url(PAR).as_str())
}

/// The request of an application, pushed with this `DPoP` header.
async fn push_with(client: &Client, more: &[(&str, &str)], proof: &str) -> Answer {
    let request = client.authorization_request(more);
    let fields: Vec<_> =
        request.parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
    let form = client.http.form_of(PAR, &fields).header("dpop", proof);
    send(form.header("authorization", client.authorization().expect("a secret"))).await
}

/// The user signs in by the pushed request.
async fn completed(pushed: &Pushed) -> Callback {
    let browser = Server::shared().await.new_browser().await;
    let page = browser.get(&pushed.path()).await;
    browser.go_on(&pushed.request, page).await
}

#[tokio::test]
async fn rfc9449_section_10_1_the_proof_binds_the_code_to_its_key() {
    for (types, token_type) in [(&["dpop"][..], "DPoP"), (&[], "Bearer")] {
        let client = client(types).await;
        let (key, other) = (Signer::es256(), Signer::es256());
        let pusher = client.proving(&key);
        let callback = completed(&pusher.pushed(&pusher.authorization_request(&[])).await).await;
        let stolen = client.proving(&other).redeem(&callback).await;
        let _ = stolen.refused(400, "invalid_grant");
        let stolen = client.proving_nothing().redeem(&callback).await;
        let _ = stolen.refused(400, "invalid_dpop_proof");
        let tokens = pusher.redeem(&callback).await.expect(200);
        assert_eq!(tokens["token_type"], token_type);
    }
}

#[tokio::test]
async fn rfc9449_section_10_1_a_proof_by_another_key_than_dpop_jkt_names_is_refused() {
    let client = client(&["dpop"]).await;
    let (key, other) = (Signer::es256(), Signer::es256());
    let jkt = key.thumbprint();
    let named = [("dpop_jkt", &*jkt)];
    let answer = push_with(&client, &named, &for_par(&client, &other).sign()).await;
    let _ = answer.refused(400, "invalid_dpop_proof");
    let answer = push_with(&client, &named, &for_par(&client, &key).sign()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[tokio::test]
async fn rfc9449_section_4_3_a_proof_that_does_not_hold_is_refused_here_too() {
    let client = client(&["dpop"]).await;
    let key = Signer::es256();
    let used = for_par(&client, &key).sign();
    assert_eq!(push_with(&client, &[], &used).await.status, 201);
    for proof in [
        used,
        "x".to_owned(),
        for_par(&client, &key).made(-3600).sign(),
        for_par(&client, &key).claim("htm", "GET").sign(),
        for_token(&client, &key).sign(),
        for_par(&client, &key).signed_by(&Signer::es256()),
    ] {
        let _ = push_with(&client, &[], &proof).await.refused(400, "invalid_dpop_proof");
    }
}

#[tokio::test]
async fn rfc9449_section_8_a_nonce_is_asked_for_here_too() {
    let settings = json!({ "token_binding_types": ["dpop"], "dpop_nonce_required": true });
    let client = Server::shared().await.registrar().sign_in(&settings).await;
    let key = Signer::es256();
    let answer = push_with(&client, &[], &for_par(&client, &key).sign()).await;
    let _ = answer.refused(400, "use_dpop_nonce");
    let nonce = answer.dpop_nonce().expect("a nonce").to_owned();
    let proof = for_par(&client, &key).claim("nonce", nonce).sign();
    assert_eq!(push_with(&client, &[], &proof).await.status, 201);
}
