//! Userinfo: what a token tells of its user, and to whom (OpenID Connect Core section 5.3, RFC 6750).

use reqwest::{Method, header::WWW_AUTHENTICATE};
use serde_json::{Value, json};
use tokenbind_tests::{Answer, Client, Login, Server, flipped, send};

const PATH: &str = "/oauth2/userinfo";

async fn login(settings: Value) -> Login {
    Login::anew(Server::shared().await, &settings).await
}

async fn asking(client: &Client, scope: &str, claims: &[&str]) -> Login {
    let server = Server::shared().await;
    let user = server.operator().user_with(claims).await;
    Login::asking(client, &server.browser(&user), &[("scope", scope)]).await
}

/// What the token tells, less `updated_at`, which the server keeps by itself.
async fn told(login: &Login) -> Value {
    without_updated_at(login.used_by(&login.client).await.expect(200))
}

fn without_updated_at(mut told: Value) -> Value {
    told.as_object_mut().expect("an object").remove("updated_at");
    told
}

/// A refusal that is told in a challenge.
fn refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let challenge = answer.header(&WWW_AUTHENTICATE).expect("a challenge");
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    assert!(challenge.contains(&format!("error=\"{error}\"")), "{challenge}");
}

#[tokio::test]
async fn both_formats_tell_the_same_and_no_cache_keeps_it() {
    for format in ["opaque", "jwt"] {
        let login = login(json!({ "access_token_format": format })).await;
        let answer = login.used_by(&login.client).await;
        assert_eq!(answer.header(&reqwest::header::CACHE_CONTROL), Some("no-store"));
        assert_eq!(answer.expect(200), json!({ "sub": login.browser.user.sub }));
    }
}

#[tokio::test]
async fn a_claim_that_the_user_does_not_have_is_left_out() {
    let client = Server::shared().await.registrar().sign_in(&json!({})).await;
    let login = asking(&client, "openid profile email", &["name=Ada"]).await;
    let expected = json!({ "sub": login.browser.user.sub, "name": "Ada" });
    assert_eq!(told(&login).await, expected, "Core section 5.3.2: no null");
}

#[tokio::test]
async fn groups_come_with_their_scope() {
    let settings = json!({ "scope": "openid groups" });
    let client = Server::shared().await.registrar().sign_in(&settings).await;
    let groups = r#"groups=["admins","people"]"#;
    let with = asking(&client, "openid groups", &[groups]).await;
    assert_eq!(told(&with).await["groups"], json!(["admins", "people"]));
    let without = asking(&client, "openid", &[groups]).await;
    assert_eq!(told(&without).await.get("groups"), None);
}

#[tokio::test]
async fn a_claim_of_ours_never_comes_from_the_user() {
    let operator = Server::shared().await.operator();
    for claim in ["sub=x", "iss=x", "aud=x", "exp=1", "nonce=x", "sid=x", "auth_time=1", "acr=x"] {
        let add = ["user", "add", "forger", "--password-stdin", "--claim", claim];
        let complaint = operator.refused(&add, "a password").await;
        let (name, _) = claim.split_once('=').expect("a name");
        assert!(complaint.contains(name), "{complaint}");
    }
}

#[tokio::test]
async fn the_claims_parameter_asks_for_single_claims_here_and_in_the_id_token() {
    let client = Server::shared().await.registrar().sign_in(&json!({})).await;
    let server = Server::shared().await;
    let user = server.operator().user_with(&["name=Ada", "email=ada@example.com"]).await;
    let claims = r#"{"userinfo":{"name":null},"id_token":{"email":{"essential":true}}}"#;
    let login = Login::asking(&client, &server.browser(&user), &[("claims", claims)]).await;
    assert_eq!(told(&login).await, json!({ "sub": user.sub, "name": "Ada" }));
    let id_token = client.id_token(&login.tokens).await.claims;
    assert_eq!(id_token["email"], "ada@example.com");
    assert_eq!(id_token.get("name"), None);
    let fresh = login.refreshed_by(&client).await.tokens();
    let told = client.userinfo(&fresh.access_token).await.expect(200);
    assert_eq!(told["name"], "Ada", "a refresh keeps what was asked for");
}

#[tokio::test]
async fn rfc6750_section_3_1_without_a_token_the_challenge_names_no_error() {
    let http = Server::shared().await.http();
    for method in [Method::GET, Method::POST] {
        let answer = send(http.request(method, PATH)).await;
        assert_eq!(answer.status, 401);
        let challenge = answer.header(&WWW_AUTHENTICATE).expect("a challenge");
        assert!(challenge.starts_with("Bearer") && !challenge.contains("error"), "{challenge}");
    }
    let other = http.request(Method::GET, PATH).header("authorization", "Basic YTpi");
    let answer = send(other).await;
    assert_eq!(answer.status, 401);
    assert!(answer.header(&WWW_AUTHENTICATE).is_some_and(|it| it.starts_with("Bearer")));
}

#[tokio::test]
async fn rfc6750_section_2_a_token_by_two_ways_is_refused() {
    let login = login(json!({})).await;
    let token = &*login.tokens.access_token;
    let http = &login.client.http;
    let bearer = format!("Bearer {token}");
    let both = http.form(PATH, Some(&bearer), &[("access_token", token)]).await;
    let _ = both.refused(400, "invalid_request");
    let twice = [("access_token", token), ("access_token", token)];
    let _ = http.form(PATH, None, &twice).await.refused(400, "invalid_request");
    let headers = http.request(Method::GET, PATH).header("authorization", &bearer);
    let answer = send(headers.header("authorization", &bearer)).await;
    let _ = answer.refused(400, "invalid_request");
}

#[tokio::test]
async fn rfc9700_section_4_3_2_a_token_in_the_query_is_refused() {
    let login = login(json!({})).await;
    let path = format!("{PATH}?access_token={}", login.tokens.access_token);
    let answer = login.client.http.get(&path).await;
    assert!([400, 401].contains(&answer.status), "{}", answer.text());
    let bearer = login.client.http.request(Method::GET, &path);
    let answer = send(bearer.bearer_auth(&login.tokens.access_token)).await;
    assert!([400, 401].contains(&answer.status), "{}", answer.text());
}

#[tokio::test]
async fn the_name_of_the_scheme_has_no_case_and_any_accept_header_will_do() {
    let login = login(json!({})).await;
    for scheme in ["bearer", "BEARER", "BeArEr"] {
        let request = login.client.http.request(Method::GET, PATH);
        let request = request.header("accept", "text/plain");
        let value = format!("{scheme} {}", login.tokens.access_token);
        assert_eq!(send(request.header("authorization", value)).await.status, 200);
    }
}

#[tokio::test]
async fn a_dpop_scheme_is_refused_for_a_bearer_token() {
    let login = login(json!({})).await;
    let request = login.client.http.request(Method::GET, PATH);
    let value = format!("DPoP {}", login.tokens.access_token);
    assert_eq!(send(request.header("authorization", value)).await.status, 401);
}

#[tokio::test]
async fn a_forged_or_dead_token_is_invalid_token() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let settings = json!({ "access_token_format": format });
        let login = login(settings).await;
        let token = &*login.tokens.access_token;
        for forged in [
            flipped(token, token.len() - 5),
            format!("{token}x"),
            token[..token.len() - 1].to_owned(),
            "x".to_owned(),
            login.tokens.refresh_token().to_owned(),
            login.tokens.id_token().to_owned(),
        ] {
            let _ = login.client.userinfo(&forged).await.challenged("invalid_token");
        }
        assert_eq!(login.client.revoke(token).await.status, 200);
        let _ = login.used_by(&login.client).await.challenged("invalid_token");

        let short = json!({ "access_token_format": format, "user_access_token_lifetime": 1 });
        let short = Login::anew(server, &short).await;
        tokenbind_tests::seconds_pass(1).await;
        let _ = short.used_by(&short.client).await.challenged("invalid_token");
    }
}

#[tokio::test]
async fn rfc6750_section_3_1_a_token_without_openid_is_insufficient_scope() {
    let server = Server::shared().await;
    let client = server.registrar().sign_in(&json!({})).await;
    let callback = server.new_browser().await.authorize(&client, &[("scope", "email")]).await;
    let tokens = client.redeem(&callback).await.tokens();
    assert_eq!(tokens.id_token, None);
    let answer = client.userinfo(&tokens.access_token).await;
    refused(&answer, 403, "insufficient_scope");
    let challenge = answer.header(&WWW_AUTHENTICATE).expect("a challenge");
    assert!(challenge.contains("scope=\"openid\""), "{challenge}");
}

#[tokio::test]
async fn a_token_that_speaks_for_an_application_tells_of_no_user() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let own = client.own_token(None).await;
    let answer = client.userinfo(&own.access_token).await;
    assert!([401, 403].contains(&answer.status), "{}", answer.text());
}

#[tokio::test]
async fn a_locked_or_removed_user_is_told_of_no_more() {
    let server = Server::shared().await;
    for change in ["lock", "delete"] {
        let login = login(json!({ "access_token_format": "jwt" })).await;
        let _ = server.operator().json(&["user", change, &login.browser.user.username]).await;
        let _ = login.used_by(&login.client).await.challenged("invalid_token");
    }
}

#[tokio::test]
async fn a_token_of_a_password_grant_tells_too() {
    let server = Server::shared().await;
    let metadata = json!({ "grant_types": ["password"] });
    let client = server.registrar().application(&metadata).await;
    let user = server.operator().user_with(&["name=Ada"]).await;
    let tokens = client.password(&user, &[("scope", "openid profile")]).await.tokens();
    let told = client.userinfo(&tokens.access_token).await.expect(200);
    assert_eq!(without_updated_at(told), json!({ "sub": user.sub, "name": "Ada" }));
}
