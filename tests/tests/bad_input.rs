//! Requests that are wrong in every way: each is refused in words, and none harms the server.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{
    Method,
    header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::{Value, json};
use tokenbind_tests::{Client, Http, Server, User, eventually, send, unverified_claims};

const TOKEN: &str = "/oauth2/token";
const FORM: &str = "application/x-www-form-urlencoded";
const POSTED: [&str; 3] = [TOKEN, "/oauth2/introspect", "/oauth2/revoke"];

#[tokio::test]
async fn a_request_that_lacks_or_repeats_something_is_refused() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let authorization = client.authorization();
    for (body, error, named) in [
        ("", "invalid_request", "grant_type"),
        ("grant_type=", "invalid_request", "grant_type"),
        ("grant_type", "invalid_request", "grant_type"),
        ("grant_type=magic", "unsupported_grant_type", "grant_type"),
        ("grant_type=password", "invalid_request", "username"),
        ("grant_type=password&username=a", "invalid_request", "password"),
        ("grant_type=password&password=a", "invalid_request", "username"),
        ("grant_type=refresh_token", "invalid_request", "refresh_token"),
        ("grant_type=authorization_code", "invalid_request", "code"),
        ("grant_type=authorization_code&code=", "invalid_request", "code"),
        (
            "grant_type=client_credentials&grant_type=client_credentials",
            "invalid_request",
            "grant_type",
        ),
        ("grant_type=client_credentials&%67rant_type=password", "invalid_request", "grant_type"),
        ("grant_type=client_credentials&scope=email&scope=email", "invalid_request", "scope"),
        ("grant_type=client_credentials&x=1&x=2", "invalid_request", "x"),
        ("grant_type=client_credentials&scope=admin", "invalid_scope", "admin"),
        ("grant_type=client_credentials&scope=email%20admin", "invalid_scope", "admin"),
        ("grant_type=client_credentials&scope=a%22b", "invalid_scope", "scope"),
        ("grant_type=client_credentials&scope=a%09b", "invalid_scope", "scope"),
        ("grant_type=client_credentials&scope=%C3%A9", "invalid_scope", "scope"),
        ("grant_type=client_credentials&resource=api", "invalid_target", "absolute URI"),
        (
            "grant_type=client_credentials&resource=https%3A%2F%2Fa%2F%23b",
            "invalid_target",
            "fragment",
        ),
        (
            "grant_type=client_credentials&resource=https%3A%2F%2Fnobody.example",
            "invalid_target",
            "resource",
        ),
        ("grant_type=client_credentials&x=%FF", "invalid_request", "UTF-8"),
        ("grant_type=client_credentials&%C3%28=1", "invalid_request", "UTF-8"),
        ("grant_type=client_credentials\0", "unsupported_grant_type", "grant_type"),
        ("grant_type=%00", "unsupported_grant_type", "grant_type"),
    ] {
        let answer = client.http.raw_form(TOKEN, authorization.as_deref(), body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        let description = answer.refused(400, error);
        assert!(description.contains(named), "{body}: {description}");
    }
    let many = (0..200).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
    let answer = client.http.raw_form(TOKEN, authorization.as_deref(), many).await;
    let _ = answer.refused(400, "invalid_request");
    let answer =
        client.http.raw_form(TOKEN, authorization.as_deref(), b"\xff\xfe=1".to_vec()).await;
    let _ = answer.refused(400, "invalid_request");
}

#[tokio::test]
async fn a_null_character_in_a_name_or_password_is_a_character_like_any_other() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let user = server.operator().user().await;
    for (username, password) in [
        (user.username.clone() + "\0", user.password.clone()),
        (user.username.clone(), user.password.clone() + "\0"),
    ] {
        let wrong = User { username, password, ..user.clone() };
        let _ = client.password(&wrong, &[]).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let authorization = client.authorization().expect("a secret");
    let body = "grant_type=client_credentials&token=x";
    for path in POSTED {
        for content_type in [
            "",
            "text/plain",
            "application/json",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded-x",
        ] {
            let request = client.http.request(Method::POST, path).body(body);
            let request = request.header(AUTHORIZATION, &authorization);
            let answer = send(request.header(CONTENT_TYPE, content_type)).await;
            let description = answer.refused(400, "invalid_request");
            assert!(description.contains(FORM), "{description}");
        }
        let none = client.http.request(Method::POST, path).header(AUTHORIZATION, &authorization);
        let _ = send(none).await.refused(400, "invalid_request");
        for content_type in [
            "Application/X-WWW-Form-Urlencoded",
            "application/x-www-form-urlencoded; charset=UTF-8",
        ] {
            let request = client.http.request(Method::POST, path).body(body);
            let request = request.header(AUTHORIZATION, &authorization);
            let answer = send(request.header(CONTENT_TYPE, content_type)).await;
            assert_eq!(answer.status, 200, "{content_type}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_one_byte_more_is_too_large() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let authorization = client.authorization();
    let start = "grant_type=client_credentials&token=x&padding=";
    for http in [server.http(), server.http1()] {
        for path in POSTED {
            let whole = format!("{start}{}", "x".repeat(65_536 - start.len()));
            let answer = http.raw_form(path, authorization.as_deref(), whole.clone()).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            for size in [65_537, 300_000] {
                let large = format!("{whole}{}", "x".repeat(size - 65_536));
                let answer = http.raw_form(path, authorization.as_deref(), large).await;
                let description = answer.refused(413, "invalid_request");
                assert!(description.contains("65536"), "{description}");
            }
        }
        let token = &server.registrar().token;
        let request = http.request(Method::POST, "/oauth2/register").bearer_auth(token);
        let body = json!({ "client_name": "x".repeat(70_000) }).to_string();
        let answer = send(request.header(CONTENT_TYPE, "application/json").body(body)).await;
        let _ = answer.refused(413, "invalid_request");
    }
}

#[tokio::test]
async fn another_method_is_refused_with_the_ones_allowed() {
    let server = Server::shared().await;
    let http = server.http();
    for (path, allowed) in [
        (TOKEN, "POST,OPTIONS"),
        ("/oauth2/introspect", "POST"),
        ("/oauth2/revoke", "POST,OPTIONS"),
        ("/oauth2/userinfo", "GET,HEAD,POST,OPTIONS"),
        ("/oauth2/register", "POST"),
        ("/oauth2/jwks", "GET,HEAD,OPTIONS"),
        ("/.well-known/openid-configuration", "GET,HEAD,OPTIONS"),
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::POST] {
            if allowed.contains(method.as_str()) {
                continue;
            }
            let answer = send(http.request(method.clone(), path)).await;
            assert_eq!(answer.header(&ALLOW), Some(allowed), "{method} {path}");
            let _ = answer.refused(405, "invalid_request");
        }
    }
    let _ = http.get("/oauth2/nothing").await.refused(404, "invalid_request");
}

#[tokio::test]
async fn rfc6749_section_2_3_1_secrets_in_the_url_are_refused_and_not_logged() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let secret = client.secret.clone().expect("a secret");
    let authorization = client.authorization();
    for query in [
        format!("client_id={}&client_secret={secret}", client.id),
        format!("grant_type=client_credentials&client_id={}&client_secret={secret}", client.id),
        "tokenBindingId=tv".to_owned(),
        String::new(),
    ] {
        for path in POSTED {
            let body = "grant_type=client_credentials&token=x";
            let path = format!("{path}?{query}");
            let answer = client.http.raw_form(&path, authorization.as_deref(), body).await;
            let description = answer.refused(400, "invalid_request");
            assert!(description.contains("URL"), "{description}");
        }
    }
    let (stdout, stderr) = server.output();
    assert!(!stderr.contains(&secret) && !stdout.contains(&secret));
}

/// Whatever this header is, it is no readable Basic header.
#[tokio::test]
async fn rfc6749_section_5_2_malformed_basic_headers_are_refused_with_a_challenge() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let body = "grant_type=client_credentials&token=x";
    let encode = |text: &[u8]| format!("Basic {}", STANDARD.encode(text));
    let good = client.authorization().expect("a secret");
    for header in [
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "Basic !!!".to_owned(),
        "Basic YXBw".to_owned(),
        encode(b""),
        encode(b":"),
        encode(b":secret"),
        encode(client.id.as_bytes()),
        encode(b"\xff\xfe:\xfd"),
        encode(b"%zz:%"),
        encode(b"a\0b:c"),
        good.trim_end_matches('=').to_owned() + "====",
        good.replace("Basic ", "Basic"),
        good.replace("Basic ", "Bearer "),
        good.replace("Basic ", "Digest "),
        good[..good.len() / 2].to_owned(),
        format!("{good}{good}"),
        format!("Basic {}", "A".repeat(8_000)),
    ] {
        for path in POSTED {
            let answer = client.http.raw_form(path, Some(&header), body).await;
            assert_eq!(answer.status, 401, "{header}: {}", answer.text());
            let _ = answer.refused(401, "invalid_client");
            let challenge = answer.header(&WWW_AUTHENTICATE).expect("a challenge");
            assert!(challenge.starts_with("Basic "), "{challenge}");
        }
    }
}

#[tokio::test]
async fn rfc6749_section_2_3_two_ways_to_authenticate_at_once_are_refused() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let authorization = client.authorization().expect("a secret");
    let secret = client.secret.clone().expect("a secret");
    for more in [
        vec![("client_secret", &*secret)],
        vec![("client_id", &*client.id), ("client_secret", &*secret)],
        vec![("client_id", "another")],
    ] {
        let answer = client.client_credentials(&more).await;
        let _ = answer.refused(400, "invalid_request");
    }
    let same = client.client_credentials(&[("client_id", &client.id)]).await;
    assert_eq!(same.status, 200, "naming oneself twice is no second way");
    let twice = client.http.request(Method::POST, TOKEN).header(CONTENT_TYPE, FORM);
    let twice = twice.header(AUTHORIZATION, &authorization).header(AUTHORIZATION, &authorization);
    let _ = send(twice.body("grant_type=client_credentials")).await.refused(400, "invalid_request");
    let binary = reqwest::header::HeaderValue::from_bytes(b"Basic \xff\xfe").expect("opaque bytes");
    let request = client.http.request(Method::POST, TOKEN).header(CONTENT_TYPE, FORM);
    let request = request.header(AUTHORIZATION, binary).body("grant_type=client_credentials");
    let _ = send(request).await.refused(400, "invalid_request");
    let nobody = client.http.raw_form(TOKEN, None, "grant_type=client_credentials").await;
    let _ = nobody.refused(401, "invalid_client");
}

#[tokio::test]
async fn an_unknown_client_and_a_wrong_secret_are_refused_alike() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let unknown = Client::new(client.http.clone(), "nobody", "wrong");
    let mut told = Vec::new();
    for stranger in [unknown, client.with_secret("wrong"), client.with_secret("")] {
        let answer = stranger.client_credentials(&[]).await;
        assert!(answer.header(&WWW_AUTHENTICATE).is_some_and(|told| told.starts_with("Basic ")));
        told.push(answer.refused(401, "invalid_client"));
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
}

#[tokio::test]
async fn many_wrong_secrets_are_throttled_and_the_right_one_is_heard() {
    let server = Server::shared().await;
    let registrar = server.registrar();
    let (client, bystander) =
        (registrar.slotted("opaque").await, registrar.slotted("opaque").await);
    let thief = client.with_secret("guess");
    for _ in 0..30 {
        let _ = thief.client_credentials(&[]).await.refused(401, "invalid_client");
    }
    let answer = eventually("guesses are throttled", async || {
        let answer = thief.client_credentials(&[]).await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    let wait: u64 =
        answer.header(&RETRY_AFTER).and_then(|secs| secs.parse().ok()).expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    let _ = answer.refused(429, "temporarily_unavailable");
    assert_eq!(client.client_credentials(&[]).await.status, 200);
    let stranger = bystander.with_secret("guess");
    let _ = stranger.client_credentials(&[]).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_refused_alike() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let user = server.operator().user().await;
    let wrong = User { password: "wrong".into(), ..user.clone() };
    let unknown = User { username: "nobody at all".into(), ..user };
    let mut told = Vec::new();
    for stranger in [wrong, unknown] {
        told.push(client.password(&stranger, &[]).await.refused(400, "invalid_grant"));
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn many_wrong_passwords_are_throttled_for_a_while() {
    let server = Server::serve("limits.failed_logins_per_minute = 30", &[]).await;
    let client = server.registrar().slotted("opaque").await;
    let (user, bystander) = (server.operator().user().await, server.operator().user().await);
    let thief = User { password: "guess".into(), ..user.clone() };
    for _ in 0..30 {
        let _ = client.password(&thief, &[]).await.refused(400, "invalid_grant");
    }
    let throttled = eventually("guesses are throttled", async || {
        let answer = client.password(&thief, &[]).await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert!(throttled.header(&RETRY_AFTER).is_some());
    let _ = throttled.refused(429, "temporarily_unavailable");
    assert_eq!(client.password(&bystander, &[]).await.status, 200, "another user is not");
    let back = eventually("the right password is heard again", async || {
        let answer = client.password(&user, &[]).await;
        (answer.status != 429).then_some(answer)
    })
    .await;
    assert_eq!(back.status, 200);
}

fn jwt_part(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// The claims and signature of a good JWT under this header.
fn reheaded(jwt: &str, header: &Value) -> String {
    let (_, rest) = jwt.split_once('.').expect("a JWT");
    format!("{}.{rest}", jwt_part(header))
}

/// JWTs that a careless verifier takes (RFC 8725 sections 2.1, 3.1, 3.11).
async fn forged_jwts(http: &Http, jwt: &str) -> Vec<String> {
    let keys = http.get("/oauth2/jwks").await.expect(200)["keys"].clone();
    let mut keys = keys.as_array().expect("keys").iter();
    let key = keys.find(|key| key["alg"] == "ES256").expect("the key that signed").clone();
    let (kid, claims) = (key["kid"].clone(), unverified_claims(jwt));
    let unsigned = |alg: &str| {
        let header = json!({ "alg": alg, "typ": "at+jwt", "kid": kid });
        format!("{}.{}.", jwt_part(&header), jwt_part(&claims))
    };
    let mut forged = vec![unsigned("none"), unsigned("None"), unsigned("ES256")];
    for header in [
        json!({ "alg": "none", "typ": "at+jwt", "kid": kid }),
        json!({ "alg": "ES256", "typ": "JWT", "kid": kid }),
        json!({ "alg": "ES256", "kid": kid }),
        json!({ "alg": "ES256", "typ": "at+jwt" }),
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": "../../etc/passwd" }),
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid, "jwk": key }),
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": kid }),
        json!([]),
    ] {
        forged.push(reheaded(jwt, &header));
    }
    // The public key taken for a shared secret.
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some("at+jwt".into());
    header.kid = kid.as_str().map(str::to_owned);
    for secret in [key.to_string(), key["x"].as_str().expect("x").to_owned(), String::new()] {
        let secret = EncodingKey::from_secret(secret.as_bytes());
        forged.push(jsonwebtoken::encode(&header, &claims, &secret).expect("an HMAC"));
    }
    forged
}

#[tokio::test]
async fn garbage_and_forged_tokens_are_inactive_and_no_error() {
    let server = Server::shared().await;
    let registrar = server.registrar();
    let (client, jwts) = (registrar.slotted("opaque").await, registrar.slotted("jwt").await);
    let token = client.own_token(None).await.access_token;
    let jwt = jwts.own_token(None).await.access_token;
    let body = "A".repeat(48);
    let mut garbage: Vec<String> = [
        "x", " ", "\0", "null", "{}", "..", "...", "a.b.c", "é", "tb_at_", "tb_rt_", "tb_at_=",
        "tb_",
    ]
    .map(str::to_owned)
    .into();
    garbage.extend([
        format!("tb_at_{body}"),
        format!("tb_rt_{body}"),
        format!("tb_xx_{body}"),
        token.replace("tb_at_", "tb_rt_"),
        token.to_ascii_uppercase(),
        format!("{token}A"),
        format!("{token}="),
        format!("{token} "),
        format!(" {token}"),
        token[..token.len() - 1].to_owned(),
        token[6..].to_owned(),
        jwt[..jwt.len() - 1].to_owned(),
        format!("{jwt}."),
        format!("{jwt}=="),
        jwt.replace('.', "。"),
        jwt.rsplit_once('.').expect("a JWT").0.to_owned(),
        "A".repeat(60_000),
        "a.".repeat(30_000),
    ]);
    garbage.extend(forged_jwts(&client.http, &jwt).await);
    for token in &garbage {
        assert!(!client.is_active(token).await, "{token}");
        assert!(!jwts.is_active(token).await, "{token}");
        assert_eq!(client.revoke(token).await.status, 200, "{token}");
        let _ = client.refresh(token, &[]).await.refused(400, "invalid_grant");
    }
    assert!(client.is_active(&token).await && jwts.is_active(&jwt).await);
}

#[tokio::test]
async fn a_registration_that_is_no_json_object_is_refused() {
    let server = Server::shared().await;
    let registrar = server.registrar();
    for body in
        ["", "{", "[]", "null", "7", "\"x\"", "{\"a\":1}x", "\u{feff}{}", "{\"a\":\"\\ud800\"}"]
    {
        let request = registrar.http.request(Method::POST, "/oauth2/register");
        let request =
            request.bearer_auth(&registrar.token).header(CONTENT_TYPE, "application/json");
        let answer = send(request.body(body)).await;
        let _ = answer.refused(400, "invalid_client_metadata");
    }
    let request = registrar.http.request(Method::POST, "/oauth2/register");
    let request = request.bearer_auth(&registrar.token).header(CONTENT_TYPE, FORM);
    let _ = send(request.body("{}")).await.refused(400, "invalid_request");
    let deep = format!("{{\"jwks\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let request = registrar.http.request(Method::POST, "/oauth2/register");
    let request = request.bearer_auth(&registrar.token).header(CONTENT_TYPE, "application/json");
    let _ = send(request.body(deep)).await.refused(400, "invalid_client_metadata");
}
