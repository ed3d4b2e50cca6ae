//! Clients that authenticate by an assertion that they sign (`private_key_jwt`: RFC 7523, OpenID Connect Core
//! section 9).

use serde_json::{Value, json};
use tokenbind_tests::{Answer, Client, KeyServer, Server, Signer, now, seconds_pass};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An application that signs, without a profile.
fn settings(signer: &Signer) -> Value {
    json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": signer.jwks(),
        "grant_types": ["client_credentials"],
    })
}

async fn registered(server: &Server, settings: &Value) -> Client {
    server.registrar().application(settings).await
}

async fn application(signer: &Signer) -> Client {
    registered(Server::shared().await, &settings(signer)).await
}

/// Asks for a token with this assertion, and these fields besides.
async fn shown_with(client: &Client, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ];
    client.http.form("/oauth2/token", None, &[&fields[..], more].concat()).await
}

async fn shown(client: &Client, assertion: &str) -> Answer {
    shown_with(client, assertion, &[]).await
}

fn issuer(client: &Client) -> String {
    client.http.base().to_owned()
}

#[tokio::test]
async fn rfc7523_section_2_2_a_client_signs_by_each_algorithm() {
    for signer in [Signer::es256(), Signer::eddsa(), Signer::ps256(), Signer::rs256()] {
        let client = application(&signer).await;
        let assertion = signer.assertion(&client.id, &issuer(&client), &json!({}));
        let _ = shown(&client, &assertion).await.tokens();
        let named = signer.assertion(&client.id, &issuer(&client), &json!({}));
        let _ = shown_with(&client, &named, &[("client_id", &client.id)]).await.tokens();
    }
}

#[tokio::test]
async fn it_works_at_every_endpoint_that_clients_authenticate_at() {
    let signer = Signer::es256();
    let client = application(&signer).await;
    let client = client.asserting(&signer, &issuer(&client));
    let token = client.client_credentials(&[]).await.tokens().access_token;
    assert!(client.is_active(&token).await);
    assert_eq!(client.revoke(&token).await.status, 200);
    assert!(!client.is_active(&token).await);
    let redirect = settings(&signer);
    let mut redirect = redirect.as_object().expect("an object").clone();
    redirect.insert("grant_types".into(), json!(["authorization_code"]));
    let app = Server::shared().await.registrar().sign_in(&redirect.into()).await;
    let app = app.asserting(&signer, &issuer(&app));
    let pushed = app.pushed(&app.authorization_request(&[])).await;
    let browser = Server::shared().await.new_browser().await;
    let page = browser.get(&pushed.path()).await;
    let callback = browser.go_on(&pushed.request, page).await;
    let _ = app.redeem(&callback).await.tokens();
}

#[tokio::test]
async fn openid_core_section_9_the_audience_is_the_issuer_or_an_endpoint() {
    let signer = Signer::es256();
    let client = application(&signer).await;
    let base = issuer(&client);
    let token = format!("{base}/oauth2/token");
    for audience in [json!(base), json!(token), json!([base]), json!(["https://x.example", token])]
    {
        let assertion = signer.assertion(&client.id, "", &json!({ "aud": audience }));
        let _ = shown(&client, &assertion).await.tokens();
    }
    for audience in [
        json!("https://as.example"),
        json!(format!("{base}/")),
        json!(format!("{base}/oauth2/introspect")),
        json!(["https://x.example"]),
        json!([]),
        json!(""),
        json!(7),
        Value::Null,
    ] {
        let assertion = signer.assertion(&client.id, "", &json!({ "aud": audience }));
        let description = shown(&client, &assertion).await.refused(401, "invalid_client");
        assert!(description.contains("aud"), "{audience}: {description}");
    }
    // At another endpoint its own URL is good too.
    let at_introspection = client.asserting(&signer, &format!("{base}/oauth2/introspect"));
    assert!(!at_introspection.is_active("x").await);
}

#[tokio::test]
async fn fapi2_security_profile_section_5_3_2_1_the_audience_is_the_issuer_as_a_string() {
    let signer = Signer::ps256();
    let mut strict = settings(&signer);
    strict["fapi_profile"] = json!("fapi2-security");
    strict["token_binding_types"] = json!(["dpop"]);
    let client = registered(Server::shared().await, &strict).await;
    let base = issuer(&client);
    let introspect = async |aud: Value| {
        let assertion = signer.assertion(&client.id, "", &json!({ "aud": aud }));
        let fields = [
            ("token", "x"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &*assertion),
        ];
        client.http.form("/oauth2/introspect", None, &fields).await
    };
    let _ = introspect(json!(base)).await.expect(200);
    for aud in [
        json!([base]),
        json!(format!("{base}/oauth2/token")),
        json!(format!("{base}/oauth2/par")),
        json!(format!("{base}/oauth2/introspect")),
        json!("https://as.example"),
    ] {
        let _ = introspect(aud.clone()).await.refused(401, "invalid_client");
    }
    let rsa = Signer::rs256();
    strict["jwks"] = rsa.jwks();
    let client = registered(Server::shared().await, &strict).await;
    let assertion = rsa.assertion(&client.id, &base, &json!({}));
    let description = shown(&client, &assertion).await.refused(401, "invalid_client");
    assert!(description.contains("PS256") && !description.contains("RS256"), "{description}");
}

#[tokio::test]
async fn rfc7523_section_3_every_claim_is_checked() {
    let signer = Signer::es256();
    let client = application(&signer).await;
    let base = issuer(&client);
    for (more, says) in [
        (json!({ "iss": "somebody" }), "iss"),
        (json!({ "iss": null }), "iss"),
        (json!({ "sub": "somebody" }), "client"),
        (json!({ "sub": null }), "sub"),
        (json!({ "exp": now() - 300 }), "expired"),
        (json!({ "exp": now() - 60 }), "expired"),
        (json!({ "exp": null }), "exp"),
        (json!({ "exp": "soon" }), "exp"),
        (json!({ "exp": now() + 86_400 }), "3600"),
        (json!({ "nbf": now() + 60 + 15 }), "nbf"),
        (json!({ "iat": now() + 60 + 15 }), "iat"),
        (json!({ "jti": null }), "jti"),
        (json!({ "jti": "" }), "jti"),
        (json!({ "jti": "x".repeat(2000) }), "jti"),
    ] {
        let assertion = signer.assertion(&client.id, &base, &more);
        let description = shown(&client, &assertion).await.refused(401, "invalid_client");
        assert!(description.contains(says), "{more}: {description}");
    }
    for more in [json!({ "nbf": now() + 8 }), json!({ "iat": now() + 8 }), json!({ "x": [1] })] {
        let _ = shown(&client, &signer.assertion(&client.id, &base, &more)).await.tokens();
    }
}

#[tokio::test]
async fn rfc7523_section_3_item_9_only_the_clients_own_signature_counts() {
    let (signer, thief) = (Signer::es256(), Signer::es256());
    let client = application(&signer).await;
    let base = issuer(&client);
    let good = signer.assertion(&client.id, &base, &json!({}));
    let claims = tokenbind_tests::unverified_claims(&good);
    let header = |alg: &str| json!({ "alg": alg, "kid": signer.kid() });
    let (head, rest) = good.split_once('.').expect("parts");
    let (_, signature) = rest.split_once('.').expect("parts");
    let unsigned = signer.jws(&header("none"), &claims);
    let (message, _) = unsigned.rsplit_once('.').expect("parts");
    for forged in [
        thief.jws(&header("ES256"), &claims),
        thief.assertion(&client.id, &base, &json!({})),
        signer.jws(&header("HS256"), &claims),
        signer.jws(&header("RS256"), &claims),
        signer.jws(&json!({ "alg": "ES256", "kid": "another" }), &claims),
        signer.jws(&json!({ "alg": "ES256", "crit": ["x"], "x": 1 }), &claims),
        format!("{message}."),
        unsigned,
        format!("{head}..{signature}"),
        tokenbind_tests::flipped(&good, head.len() + 5),
        tokenbind_tests::flipped(&good, good.len() - 10),
        "x".into(),
        "a.b.c".into(),
    ] {
        let answer = shown_with(&client, &forged, &[("client_id", &client.id)]).await;
        let _ = answer.refused(401, "invalid_client");
    }
    let _ = shown(&client, &good).await.tokens();
}

#[tokio::test]
async fn rfc6749_section_2_3_1_another_clients_assertion_is_none() {
    let signer = Signer::es256();
    let (client, other) = (application(&signer).await, application(&signer).await);
    let base = issuer(&client);
    // The same key, and still it speaks for one client alone.
    let mine = signer.assertion(&client.id, &base, &json!({}));
    let answer = shown_with(&client, &mine, &[("client_id", &other.id)]).await;
    let _ = answer.refused(401, "invalid_client");
    let _ = shown(&client, &mine).await.tokens();
}

#[tokio::test]
async fn the_algorithm_that_is_registered_is_the_only_one() {
    let (es256, eddsa) = (Signer::es256(), Signer::eddsa());
    let mut both = settings(&es256);
    let keys = both["jwks"]["keys"].as_array_mut().expect("keys");
    keys.push(eddsa.jwks()["keys"][0].clone());
    both["token_endpoint_auth_signing_alg"] = json!("EdDSA");
    let client = registered(Server::shared().await, &both).await;
    let base = issuer(&client);
    let _ = shown(&client, &eddsa.assertion(&client.id, &base, &json!({}))).await.tokens();
    let other = es256.assertion(&client.id, &base, &json!({}));
    let description = shown(&client, &other).await.refused(401, "invalid_client");
    assert!(description.contains("EdDSA"), "{description}");
}

#[tokio::test]
async fn rfc6749_section_2_3_a_client_authenticates_in_one_way() {
    let signer = Signer::es256();
    let client = application(&signer).await;
    let base = issuer(&client);
    let assertion = signer.assertion(&client.id, &base, &json!({}));
    let both = shown_with(&client, &assertion, &[("client_secret", "x")]).await;
    let _ = both.refused(400, "invalid_request");
    let basic = Client::new(client.http.clone(), &client.id, "x").authorization();
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", &*assertion),
    ];
    let both = client.http.form("/oauth2/token", basic.as_deref(), &fields).await;
    let _ = both.refused(400, "invalid_request");
    for (name, value) in [("client_assertion_type", "urn:x"), ("client_assertion", "")] {
        let fields = fields.map(|(each, old)| (each, if each == name { value } else { old }));
        let _ =
            client.http.form("/oauth2/token", None, &fields).await.refused(401, "invalid_client");
    }
    let nothing = Client { secret: None, ..client.clone() };
    let _ = nothing.client_credentials(&[]).await.refused(401, "invalid_client");
    let _ = client.with_secret("x").client_credentials(&[]).await.refused(401, "invalid_client");
    let _ = shown(&client, &assertion).await.tokens();
    // Nor does a client with a secret get in by an assertion.
    let with_secret = Server::shared().await.registrar().slotted("opaque").await;
    let assertion = signer.assertion(&with_secret.id, &base, &json!({}));
    let _ = shown(&with_secret, &assertion).await.refused(401, "invalid_client");
}

mod once {
    use super::*;

    #[tokio::test]
    async fn rfc7523_section_3_item_7_an_assertion_is_good_once_also_after_a_restart() {
        let mut server = Server::serve("", &[]).await;
        let signer = Signer::es256();
        let client = registered(&server, &settings(&signer)).await;
        let assertion = signer.assertion(&client.id, &issuer(&client), &json!({}));
        let _ = shown(&client, &assertion).await.tokens();
        let description = shown(&client, &assertion).await.refused(401, "invalid_client");
        assert!(description.contains("used before"), "{description}");
        server.restart().await;
        let _ = shown(&client, &assertion).await.refused(401, "invalid_client");
        let jti = tokenbind_tests::unverified_claims(&assertion)["jti"].clone();
        let again = signer.assertion(&client.id, &issuer(&client), &json!({ "jti": jti }));
        let _ = shown(&client, &again).await.refused(401, "invalid_client");
        // Another client's jti is another one.
        let other = registered(&server, &settings(&signer)).await;
        let theirs = signer.assertion(&other.id, &issuer(&client), &json!({ "jti": jti }));
        let _ = shown(&other, &theirs).await.tokens();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_64_requests_with_one_assertion_one_gets_in() {
        let signer = Signer::es256();
        let client = application(&signer).await;
        let assertion = signer.assertion(&client.id, &issuer(&client), &json!({}));
        let asking: Vec<_> = (0..64)
            .map(|_| {
                let (client, assertion) = (client.clone(), assertion.clone());
                tokio::spawn(async move { shown(&client, &assertion).await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for asked in asking {
            statuses.push(asked.await.expect("an answer"));
        }
        assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [200, 401, 429].contains(status)), "{statuses:?}");
    }

    #[tokio::test]
    async fn strangers_cannot_lock_a_client_out() {
        let signer = Signer::es256();
        let client = application(&signer).await;
        let thief = Signer::es256();
        let mut slowed = false;
        for _ in 0..40 {
            let forged = thief.assertion(&client.id, &issuer(&client), &json!({}));
            slowed |= shown(&client, &forged).await.status == 429;
        }
        assert!(slowed, "failures are counted");
        let good = signer.assertion(&client.id, &issuer(&client), &json!({}));
        let _ = shown(&client, &good).await.tokens();
    }
}

mod registration {
    use super::*;

    #[tokio::test]
    async fn rfc7591_section_2_a_client_that_signs_has_keys() {
        let registrar = Server::shared().await.registrar();
        let signer = Signer::es256();
        let without = json!({ "token_endpoint_auth_method": "private_key_jwt" });
        let answer = registrar.try_register(&without).await;
        let description = answer.refused(400, "invalid_client_metadata");
        assert!(description.contains("jwks"), "{description}");
        let mut both = settings(&signer);
        both["jwks_uri"] = json!("https://app.example/jwks");
        let description =
            registrar.try_register(&both).await.refused(400, "invalid_client_metadata");
        assert!(description.contains("jwks_uri"), "{description}");
        let registration = registrar.register(&settings(&signer)).await;
        assert_eq!(registration.answer.get("client_secret"), None);
    }
}

mod jwks_uri {
    use super::*;

    async fn published(server: &Server, keys: &KeyServer) -> Client {
        let settings = json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": keys.uri(),
            "grant_types": ["client_credentials"],
        });
        registered(server, &settings).await
    }

    async fn by(client: &Client, signer: &Signer) -> Answer {
        shown(client, &signer.assertion(&client.id, &issuer(client), &json!({}))).await
    }

    #[tokio::test]
    async fn keys_are_fetched_once_and_a_rotation_is_noticed() {
        let server = Server::serve("limits.failed_logins_per_minute = 1000", &[]).await;
        let (old, new) = (Signer::es256(), Signer::eddsa());
        let keys = KeyServer::start(&[&old]).await;
        let client = published(&server, &keys).await;
        assert_eq!(keys.asked(), 0, "not before they are needed");
        for _ in 0..3 {
            let _ = by(&client, &old).await.tokens();
        }
        assert_eq!(keys.asked(), 1);
        keys.publish(&[&old, &new]);
        // Whoever shows unknown keys makes no more than one call in ten seconds.
        for _ in 0..5 {
            let _ = by(&client, &Signer::es256()).await.refused(401, "invalid_client");
        }
        assert_eq!(keys.asked(), 1);
        seconds_pass(11).await;
        let _ = by(&client, &new).await.tokens();
        assert_eq!(keys.asked(), 2);
        let _ = by(&client, &old).await.tokens();
        let _ = by(&client, &Signer::es256()).await.refused(401, "invalid_client");
        assert_eq!(keys.asked(), 2);
    }

    #[tokio::test]
    async fn where_no_keys_can_be_had_nobody_gets_in() {
        let server = Server::serve("limits.failed_logins_per_minute = 1000", &[]).await;
        let signer = Signer::es256();
        for (status, body) in [
            (404, ""),
            (500, "{\"keys\":[]}"),
            (302, ""),
            (200, "<html>"),
            (200, "[]"),
            (200, &format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(70_000))),
        ] {
            let keys = KeyServer::start(&[&signer]).await;
            keys.answer(status, body);
            let client = published(&server, &keys).await;
            for _ in 0..3 {
                let description = by(&client, &signer).await.refused(401, "invalid_client");
                assert!(description.contains("jwks_uri"), "{description}");
                assert!(!description.contains(&keys.uri()), "{description}");
            }
            assert_eq!(keys.asked(), 1, "{status} {}", &body[..body.len().min(20)]);
        }
        let gone = KeyServer::start(&[&signer]).await;
        let client = published(&server, &gone).await;
        drop(gone);
        let _ = by(&client, &signer).await.refused(401, "invalid_client");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_64_that_need_the_keys_at_once_one_fetches_them() {
        let server = Server::serve("", &[]).await;
        let signer = Signer::es256();
        let keys = KeyServer::start(&[&signer]).await;
        let client = published(&server, &keys).await;
        let asking: Vec<_> = (0..64)
            .map(|_| {
                let (client, signer) = (client.clone(), signer.clone());
                tokio::spawn(async move { by(&client, &signer).await.status })
            })
            .collect();
        for asked in asking {
            assert_eq!(asked.await.expect("an answer"), 200);
        }
        assert_eq!(keys.asked(), 1);
    }

    #[tokio::test]
    async fn addresses_that_only_the_server_reaches_are_not_called() {
        // The quickstart may not call this machine.
        let signer = Signer::es256();
        let keys = KeyServer::start(&[&signer]).await;
        let client = published(Server::shared().await, &keys).await;
        let _ = by(&client, &signer).await.refused(401, "invalid_client");
        assert_eq!(keys.asked(), 0);
    }
}
