//! A page of another origin that holds a key in the browser (RFC 9449 sections 7.1 and 8 on CORS).

use reqwest::header::HeaderName;

use super::*;

const ORIGIN: &str = "https://keys.example";

fn told<'a>(answer: &'a Answer, name: &'static str) -> &'a str {
    answer.header(&HeaderName::from_static(name)).unwrap_or_default()
}

fn assert_readable(answer: &Answer) {
    assert_eq!(told(answer, "access-control-allow-origin"), ORIGIN, "{}", answer.text());
    let exposed = told(answer, "access-control-expose-headers").to_ascii_lowercase();
    for name in ["dpop-nonce", "www-authenticate"] {
        assert!(exposed.contains(name), "{exposed}");
    }
}

#[tokio::test]
async fn a_page_signs_in_reads_claims_and_refreshes_with_a_key_and_nonces() {
    let server = Server::shared().await;
    let settings = json!({
        "allowed_origins": [ORIGIN],
        "redirect_uris": ["https://keys.example/callback"],
        "token_binding_types": ["dpop"],
        "dpop_nonce_required": true,
    });
    let client = server.registrar().single_page(&settings).await;
    let (http, key) = (&client.http, Signer::es256());
    for (path, method) in [(TOKEN, "POST"), (USERINFO, "GET")] {
        let request = http
            .request(Method::OPTIONS, path)
            .header("origin", ORIGIN)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "authorization,content-type,dpop");
        let answer = send(request).await;
        assert_eq!(told(&answer, "access-control-allow-origin"), ORIGIN);
        let allowed = told(&answer, "access-control-allow-headers").to_ascii_lowercase();
        assert!(allowed.contains("dpop") && allowed.contains("authorization"), "{allowed}");
    }
    let jkt = key.thumbprint();
    let callback = server.new_browser().await.authorize(&client, &[("dpop_jkt", &jkt)]).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", &*client.id),
        ("code", callback.code()),
        ("redirect_uri", "https://keys.example/callback"),
        ("code_verifier", &*callback.request.verifier),
    ];
    let ask = async |fields: &[(&str, &str)], proof: DpopProof| {
        let form = http.form_of(TOKEN, fields).header("origin", ORIGIN);
        let answer = send(form.header("dpop", proof.sign())).await;
        assert_readable(&answer);
        answer
    };
    let refused = ask(&fields, for_token(&client, &key)).await;
    let _ = refused.refused(400, "use_dpop_nonce");
    let nonce = refused.dpop_nonce().expect("a nonce").to_owned();
    let proof = || for_token(&client, &key).claim("nonce", &*nonce);
    let tokens = ask(&fields, proof()).await.dpop_tokens();
    let token = &*tokens.access_token;
    for (nonce, status) in [(json!("x"), 401), (json!(nonce), 200)] {
        let proof = for_userinfo(&client, &key, token).claim("nonce", nonce).sign();
        let request = http.request(Method::GET, USERINFO).header("origin", ORIGIN);
        let request = request.header("authorization", format!("DPoP {token}"));
        let answer = send(request.header("dpop", proof)).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_readable(&answer);
    }
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", &*client.id),
        ("refresh_token", tokens.refresh_token()),
    ];
    let _ = ask(&fields, proof()).await.dpop_tokens();
}
