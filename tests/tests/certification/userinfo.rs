//! What certification asks of the userinfo.

use super::*;

#[tokio::test]
async fn answers_get_and_post_by_header_and_post_by_body() {
    let (client, browser) = (client().await, browser().await);
    let tokens = login(&browser, &client, &[("scope", SCOPE)]).await;
    let by_get = client.userinfo(&tokens.access_token).await.expect(200);
    let bearer = format!("Bearer {}", tokens.access_token);
    let path = "/oauth2/userinfo";
    let post = client.http.request(Method::POST, path).header("authorization", &bearer);
    let by_post = send(post).await.expect(200);
    let in_body = [("access_token", &*tokens.access_token)];
    let by_body = client.http.form(path, None, &in_body).await.expect(200);
    assert_eq!((&by_get, &by_get), (&by_post, &by_body));
    assert_eq!(by_get["sub"], client.id_token(&tokens).await.claims["sub"]);
}

#[tokio::test]
async fn gives_the_claims_of_each_scope_and_no_others() {
    let (client, browser) = (client().await, browser().await);
    let scopes: [(&str, &[&str]); 4] = [
        ("profile", &PROFILE),
        ("email", &["email", "email_verified"]),
        ("address", &["address"]),
        ("phone", &["phone_number", "phone_number_verified"]),
    ];
    for (scope, claims) in scopes {
        let tokens = login(&browser, &client, &[("scope", &format!("openid {scope}"))]).await;
        let told = client.userinfo(&tokens.access_token).await.expect(200);
        let names: BTreeSet<_> =
            told.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(names, claims.iter().copied().chain(["sub"]).collect(), "{scope}");
    }
}

#[tokio::test]
async fn claims_are_of_their_types() {
    let (client, browser) = (client().await, browser().await);
    let tokens = login(&browser, &client, &[("scope", SCOPE)]).await;
    let told = client.userinfo(&tokens.access_token).await.expect(200);
    assert_eq!(told["updated_at"], 1_700_000_000);
    assert_eq!(told["email_verified"], true);
    assert_eq!(told["phone_number_verified"], false);
    assert_eq!(told["address"]["locality"], "London");
}
