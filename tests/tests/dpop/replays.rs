//! A proof counts once, whoever sends it, however many at a time, and whatever happened to the server meanwhile.

use tokio::task::JoinSet;

use super::*;

const CALLERS: usize = 64;

/// The same request by all callers at once; the statuses of their answers.
async fn by_all(request: impl Fn() -> reqwest::RequestBuilder) -> Vec<Answer> {
    (0..CALLERS).map(|_| send(request())).collect::<JoinSet<_>>().join_all().await
}

fn assert_one_wins(answers: &[Answer]) {
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    let replayed = |answer: &&Answer| answer.text().contains("used before");
    let replayed = answers.iter().filter(replayed).count();
    assert_eq!((won, replayed), (1, CALLERS - 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_parallel_requests_with_one_proof_one_wins() {
    for format in FORMATS {
        let more = json!({ "access_token_format": format });
        let (client, key) = application(&more).await;
        let authorization = client.authorization().expect("a secret");
        let fields = [("grant_type", "client_credentials")];
        for _ in 0..4 {
            let proof = for_token(&client, &key).sign();
            let answers = by_all(|| {
                let form = client.http.form_of(TOKEN, &fields);
                form.header("authorization", &authorization).header("dpop", &proof)
            });
            assert_one_wins(&answers.await);
        }
        let (login, key) = login(format, &json!({})).await;
        let token = &*login.tokens.access_token;
        for _ in 0..4 {
            let proof = for_userinfo(&login.client, &key, token).sign();
            let answers = by_all(|| {
                let request = login.client.http.request(Method::GET, USERINFO);
                request.header("authorization", format!("DPoP {token}")).header("dpop", &proof)
            });
            assert_one_wins(&answers.await);
        }
    }
}

#[tokio::test]
async fn rfc9449_section_11_1_a_proof_is_remembered_after_kill_9() {
    let mut server = Server::quickstart().await;
    let (client, key) = application_on(&server, &json!({})).await;
    let user = server.operator().user().await;
    let tokens = client.password(&user, &[("scope", "openid")]).await.dpop_tokens();
    let token = &*tokens.access_token;
    let at_token = for_token(&client, &key).sign();
    let at_userinfo = for_userinfo(&client, &key, token).sign();
    let shown = format!("DPoP {token}");
    let _ = token_with(&client, &[&at_token]).await.dpop_tokens();
    assert_eq!(userinfo_with(&client, &shown, &[&at_userinfo]).await.status, 200);
    // SIGKILL, and the same data again.
    server.restart().await;
    let client = client.over(server.http());
    let description = token_with(&client, &[&at_token]).await.refused(400, "invalid_dpop_proof");
    assert!(description.contains("used before"), "{description}");
    let answer = userinfo_with(&client, &shown, &[&at_userinfo]).await;
    let description = answer.challenged_by("DPoP", "invalid_dpop_proof");
    assert!(description.contains("used before"), "{description}");
    let fresh = for_userinfo(&client, &key, token).sign();
    assert_eq!(userinfo_with(&client, &shown, &[&fresh]).await.status, 200);
}

#[tokio::test]
async fn a_proof_for_one_endpoint_is_none_for_another() {
    let (login, key) = login("opaque", &json!({})).await;
    let token = &*login.tokens.access_token;
    let url = login.client.http.url(TOKEN);
    let proof = DpopProof::new(&key, "GET", url.as_str()).with_token(token).sign();
    let answer = userinfo_with(&login.client, &format!("DPoP {token}"), &[&proof]).await;
    let _ = answer.challenged_by("DPoP", "invalid_dpop_proof");
}
