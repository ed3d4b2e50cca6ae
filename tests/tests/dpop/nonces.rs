//! Nonces of the server's (RFC 9449 sections 8 and 9), for applications that need them.

use reqwest::header::WWW_AUTHENTICATE;

use super::*;

async fn strict() -> (Client, Signer) {
    application(&json!({ "dpop_nonce_required": true })).await
}

/// The nonce of a refusal for the lack of one.
fn needed(answer: &Answer) -> String {
    let _ = answer.refused(400, "use_dpop_nonce");
    answer.dpop_nonce().expect("a nonce").to_owned()
}

#[tokio::test]
async fn rfc9449_section_8_without_a_nonce_one_is_told_and_then_it_works() {
    let (client, key) = strict().await;
    let nonce = needed(&token_with(&client, &[&for_token(&client, &key).sign()]).await);
    for _ in 0..3 {
        let proof = for_token(&client, &key).claim("nonce", &*nonce).sign();
        let answer = token_with(&client, &[&proof]).await;
        let _ = answer.dpop_tokens();
        assert_eq!(answer.dpop_nonce(), None, "as long as it is the current one");
        let again = token_with(&client, &[&proof]).await;
        let _ = again.refused(400, "invalid_dpop_proof");
    }
}

#[tokio::test]
async fn rfc9449_section_8_a_proof_that_lacked_the_nonce_is_not_used_up() {
    let (client, key) = strict().await;
    let proof = for_token(&client, &key);
    let nonce = needed(&token_with(&client, &[&proof.sign()]).await);
    let with_nonce = proof.claim("nonce", nonce).sign();
    let _ = token_with(&client, &[&with_nonce]).await.dpop_tokens();
}

#[tokio::test]
async fn rfc9449_section_8_a_nonce_that_is_not_the_servers_is_refused() {
    let (client, key) = strict().await;
    let nonce = needed(&token_with(&client, &[&for_token(&client, &key).sign()]).await);
    let flipped = tokenbind_tests::flipped(&nonce, nonce.len() - 5);
    let tokens = {
        let proof = for_token(&client, &key).claim("nonce", &*nonce).sign();
        token_with(&client, &[&proof]).await.dpop_tokens()
    };
    for wrong in [json!(""), json!("x"), json!(flipped), json!(1), json!(tokens.access_token)] {
        let proof = for_token(&client, &key).claim("nonce", wrong.clone()).sign();
        assert!(!needed(&token_with(&client, &[&proof]).await).is_empty(), "{wrong}");
    }
    // It is no secret of one client's: the MAC says that this server made it, and the epoch when.
    let (other, other_key) = strict().await;
    let proof = for_token(&other, &other_key).claim("nonce", &*nonce).sign();
    let _ = token_with(&other, &[&proof]).await.dpop_tokens();
}

#[tokio::test]
async fn rfc9449_section_9_userinfo_asks_for_a_nonce_by_a_challenge() {
    for format in FORMATS {
        let server = Server::shared().await;
        let settings = json!({
            "token_binding_types": ["dpop"],
            "access_token_format": format,
            "dpop_nonce_required": true,
        });
        let client = server.registrar().sign_in(&settings).await;
        let key = Signer::es256();
        let callback = server.new_browser().await.authorize(&client, &[]).await;
        let nonce = needed(&client.proving(&key).redeem(&callback).await);
        // The code was not used up by the attempt without.
        let request = &callback.request;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", callback.code()),
            ("redirect_uri", request.get("redirect_uri").expect("a redirect URI")),
            ("code_verifier", &*request.verifier),
        ];
        let proof = for_token(&client, &key).claim("nonce", &*nonce).sign();
        let form = client.http.form_of(TOKEN, &fields).header("dpop", proof);
        let authorization = client.authorization().expect("a secret");
        let tokens = send(form.header("authorization", authorization)).await.dpop_tokens();

        let token = &*tokens.access_token;
        let shown = format!("DPoP {token}");
        let proof = for_userinfo(&client, &key, token);
        let answer = userinfo_with(&client, &shown, &[&proof.sign()]).await;
        let _ = answer.challenged_by("DPoP", "use_dpop_nonce");
        let challenge = answer.header(&WWW_AUTHENTICATE).expect("a challenge");
        assert!(challenge.contains("algs="), "{challenge}");
        let told = answer.dpop_nonce().expect("a nonce").to_owned();
        let answer = userinfo_with(&client, &shown, &[&proof.claim("nonce", told).sign()]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[tokio::test]
async fn who_needs_none_is_told_none() {
    let (client, key) = application(&json!({})).await;
    for proof in [for_token(&client, &key), for_token(&client, &key).claim("nonce", "x")] {
        let answer = token_with(&client, &[&proof.sign()]).await;
        let _ = answer.dpop_tokens();
        assert_eq!(answer.dpop_nonce(), None);
    }
}

/// Nothing is kept of a nonce, so that a restart takes none away.
#[tokio::test]
async fn a_nonce_outlives_a_restart() {
    let mut server = Server::quickstart().await;
    let more = json!({ "dpop_nonce_required": true });
    let (client, key) = application_on(&server, &more).await;
    let nonce = needed(&token_with(&client, &[&for_token(&client, &key).sign()]).await);
    server.restart().await;
    let client = client.over(server.http());
    let proof = for_token(&client, &key).claim("nonce", nonce).sign();
    let _ = token_with(&client, &[&proof]).await.dpop_tokens();
}
