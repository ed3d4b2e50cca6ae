//! What is bound to a key, how that is shown, and that it is of no use to anybody else.

use tokenbind_tests::{VerifiedJwt, reference};

use super::*;

#[tokio::test]
async fn rfc9449_section_5_every_grant_gives_tokens_of_the_type_dpop() {
    let server = Server::shared().await;
    for format in FORMATS {
        let (client, key) = application(&json!({ "access_token_format": format })).await;
        let user = user().await;
        let own = client.client_credentials(&[]).await.dpop_tokens();
        let of_user = client.password(&user, &[("scope", "openid")]).await.dpop_tokens();
        let refreshed = client.refresh(of_user.refresh_token(), &[]).await.dpop_tokens();
        let (login, login_key) = login(format, &json!({})).await;
        for (client, key, tokens) in [
            (&client, &key, &own),
            (&client, &key, &of_user),
            (&client, &key, &refreshed),
            (&login.client, &login_key, &login.tokens),
        ] {
            let mut told = vec![client.introspect(&tokens.access_token).await];
            assert_eq!(told[0]["token_type"], "DPoP");
            if let Some(refresh_token) = &tokens.refresh_token {
                let of_refresh_token = client.introspect(refresh_token).await;
                assert_eq!(of_refresh_token.get("token_type"), None);
                told.push(of_refresh_token);
            }
            if format == "jwt" {
                let issuer = server.issuer();
                let jwt = VerifiedJwt::verify(&client.http, &issuer, &tokens.access_token).await;
                told.push(jwt.claims);
            }
            for told in told {
                assert_eq!(told["cnf"], json!({ "jkt": key.thumbprint() }));
                assert_eq!(told["binding_type"], "dpop");
                assert_eq!(told["binding_ref"], reference("dpop", &client.id, &key.thumbprint()));
            }
        }
    }
}

#[tokio::test]
async fn rfc9449_section_7_2_a_bound_token_as_bearer_is_refused() {
    for format in FORMATS {
        let (login, key) = login(format, &json!({})).await;
        let (client, token) = (&login.client, &*login.tokens.access_token);
        let proof = || for_userinfo(client, &key, token).sign();
        for scheme in ["Bearer", "bearer"] {
            let authorization = format!("{scheme} {token}");
            for proofs in [vec![], vec![proof()]] {
                let proofs: Vec<_> = proofs.iter().map(String::as_str).collect();
                let answer = userinfo_with(client, &authorization, &proofs).await;
                let description = answer.challenged_by("DPoP", "invalid_token");
                assert!(description.contains("scheme DPoP"), "{description}");
            }
        }
        // RFC 6750 section 2.2: in the body it is a bearer token too.
        let fields = [("access_token", token)];
        let url = client.http.url(USERINFO);
        let proof = DpopProof::new(&key, "POST", url.as_str()).with_token(token).sign();
        let answer = send(client.http.form_of(USERINFO, &fields).header("dpop", proof)).await;
        let _ = answer.challenged_by("DPoP", "invalid_token");
        for scheme in ["DPoP", "dpop", "DPOP"] {
            let proof = for_userinfo(client, &key, token).sign();
            let answer = userinfo_with(client, &format!("{scheme} {token}"), &[&proof]).await;
            assert_eq!(answer.status, 200, "{scheme}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn an_unbound_token_under_the_scheme_dpop_is_refused() {
    for format in FORMATS {
        let settings = json!({ "access_token_format": format });
        let login = Login::anew(Server::shared().await, &settings).await;
        let (token, key) = (&*login.tokens.access_token, Signer::es256());
        let proof = for_userinfo(&login.client, &key, token).sign();
        let answer = userinfo_with(&login.client, &format!("DPoP {token}"), &[&proof]).await;
        let description = answer.challenged("invalid_token");
        assert!(description.contains("scheme Bearer"), "{description}");
    }
}

#[tokio::test]
async fn a_dead_token_is_refused_in_the_scheme_that_it_is_shown_by() {
    let (login, key) = login("opaque", &json!({})).await;
    let (client, token) = (&login.client, &*login.tokens.access_token);
    assert_eq!(client.revoke(token).await.status, 200, "RFC 7009 asks for no proof");
    let proof = for_userinfo(client, &key, token).sign();
    let answer = userinfo_with(client, &format!("DPoP {token}"), &[&proof]).await;
    let _ = answer.challenged_by("DPoP", "invalid_token");
}

#[tokio::test]
async fn userinfo_by_post_takes_a_proof_for_post() {
    let (login, key) = login("jwt", &json!({})).await;
    let (client, token) = (&login.client, &*login.tokens.access_token);
    let url = client.http.url(USERINFO);
    for (method, status) in [("POST", 200), ("GET", 401)] {
        let proof = DpopProof::new(&key, method, url.as_str()).with_token(token).sign();
        let request = client.http.request(Method::POST, USERINFO);
        let request = request.header("authorization", format!("DPoP {token}"));
        assert_eq!(send(request.header("dpop", proof)).await.status, status, "{method}");
    }
}

#[tokio::test]
async fn rfc9449_section_5_a_refresh_token_works_with_its_key_alone() {
    let observer = Server::shared().await.registrar().observer().await;
    for method in ["none", "client_secret_basic"] {
        for format in FORMATS {
            let more = json!({ "token_endpoint_auth_method": method });
            let (login, key) = login(format, &more).await;
            let other = login.client.proving(&Signer::es256());
            let description = login.refreshed_by(&other).await.refused(400, "invalid_grant");
            assert!(description.contains("DPoP key"), "{description}");
            let without = login.client.proving_nothing();
            let _ = login.refreshed_by(&without).await.refused(400, "invalid_dpop_proof");
            let fresh = login.refreshed_by(&login.client).await.dpop_tokens();
            let told = observer.introspect(&fresh.access_token).await;
            assert_eq!(told["cnf"]["jkt"], key.thumbprint());
            // It is not rotated, since only the holder of the key can use it.
            assert_eq!(fresh.refresh_token(), login.tokens.refresh_token());
        }
    }
}

#[tokio::test]
async fn with_rotation_the_holder_of_the_key_gets_the_current_token_whatever_is_shown() {
    for format in FORMATS {
        let more = json!({
            "token_endpoint_auth_method": "none", "refresh_token_rotation": true,
        });
        let (login, _) = login(format, &more).await;
        let client = &login.client;
        let mut shown = vec![login.tokens.refresh_token().to_owned()];
        for _ in 0..3 {
            let latest = shown.last().expect("one").clone();
            let fresh = client.refresh(&latest, &[]).await.dpop_tokens();
            assert_ne!(fresh.refresh_token(), latest);
            shown.push(fresh.refresh_token().to_owned());
        }
        let current = shown.pop().expect("the current one");
        for old in &shown {
            let again = client.refresh(old, &[]).await.dpop_tokens();
            assert_eq!(again.refresh_token(), current, "a lost reply is no theft");
            let thief = client.proving(&Signer::es256());
            let _ = thief.refresh(old, &[]).await.refused(400, "invalid_grant");
        }
        let _ = client.refresh(&current, &[]).await.dpop_tokens();
    }
}

#[tokio::test]
async fn two_keys_of_one_application_do_not_touch_one_another() {
    let (client, _) = application(&json!({ "access_token_format": "jwt" })).await;
    let user = user().await;
    let other = client.proving(&Signer::eddsa());
    let mine = client.password(&user, &[("scope", "openid")]).await.dpop_tokens();
    let theirs = other.password(&user, &[("scope", "openid")]).await.dpop_tokens();
    for (shower, tokens) in [(&client, &mine), (&other, &theirs)] {
        assert_eq!(shower.userinfo(&tokens.access_token).await.status, 200);
        let _ = shower.refresh(tokens.refresh_token(), &[]).await.dpop_tokens();
    }
    for (shower, tokens) in [(&client, &theirs), (&other, &mine)] {
        let answer = shower.userinfo(&tokens.access_token).await;
        let _ = answer.challenged_by("DPoP", "invalid_token");
        let _ = shower.refresh(tokens.refresh_token(), &[]).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn an_instance_bound_to_a_key_keeps_its_slot_to_itself() {
    let more = json!({ "token_binding_types": ["client-request", "dpop"] });
    let (client, key) = application(&more).await;
    let tv = [("tokenBindingId", "tv")];
    let first = client.client_credentials(&tv).await.dpop_tokens();
    let again = client.client_credentials(&tv).await.dpop_tokens();
    assert_eq!(first.access_token, again.access_token, "one slot, one token");
    let told = client.introspect(&first.access_token).await;
    assert_eq!(told["binding_type"], json!(["client-request", "dpop"]));
    assert_eq!(told["cnf"], json!({ "jkt": key.thumbprint() }));
    let thief = client.proving(&Signer::es256());
    let stolen = thief.client_credentials(&tv).await.dpop_tokens();
    assert_ne!(stolen.access_token, first.access_token);
    assert!(client.is_active(&first.access_token).await, "nobody else's request touches it");
}

#[tokio::test]
async fn an_application_without_the_type_gets_bearer_and_its_header_is_ignored() {
    let server = Server::shared().await;
    for proof in
        ["x".to_owned(), DpopProof::new(&Signer::es256(), "POST", "https://a.example").sign()]
    {
        let metadata = json!({ "grant_types": ["client_credentials"] });
        let client = server.registrar().application(&metadata).await;
        let tokens = token_with(&client, &[&proof, &proof]).await.tokens();
        let told = client.introspect(&tokens.access_token).await;
        assert_eq!((&told["token_type"], told.get("cnf")), (&json!("Bearer"), None));
    }
}

#[tokio::test]
async fn a_grant_keeps_what_it_was_issued_with_when_the_settings_change() {
    let server = Server::shared().await;
    let metadata = |types: Value| {
        json!({
            "grant_types": ["password", "refresh_token"], "token_binding_types": types,
        })
    };
    let registration = server.registrar().register(&metadata(json!(["dpop"]))).await;
    let key = Signer::es256();
    let client = registration.client.proving(&key);
    let user = user().await;
    let bound = client.password(&user, &[("scope", "openid")]).await.dpop_tokens();
    let _ = registration.update(&with_id(&metadata(json!([])), &registration)).await.expect(200);
    let _ = client
        .proving_nothing()
        .refresh(bound.refresh_token(), &[])
        .await
        .refused(400, "invalid_dpop_proof");
    let answer = client.proving_nothing().userinfo(&bound.access_token).await;
    let _ = answer.challenged_by("DPoP", "invalid_token");
    let still = client.refresh(bound.refresh_token(), &[]).await.dpop_tokens();
    assert_eq!(client.userinfo(&still.access_token).await.status, 200);
    let unbound = client.password(&user, &[("scope", "openid")]).await.tokens();
    let _ =
        registration.update(&with_id(&metadata(json!(["dpop"])), &registration)).await.expect(200);
    let _ = client.proving_nothing().refresh(unbound.refresh_token(), &[]).await.tokens();
}

/// RFC 7592 section 2.2: the update names the `client_id`, and may name the secret.
fn with_id(metadata: &Value, registration: &tokenbind_tests::Registration) -> Value {
    let mut metadata = metadata.clone();
    metadata["client_id"] = registration.client.id.clone().into();
    metadata
}

#[tokio::test]
async fn the_end_of_a_key_ends_what_is_bound_to_it() {
    let server = Server::shared().await;
    let observer = server.registrar().observer().await;
    for format in FORMATS {
        let (of_lost, lost) = login(format, &json!({})).await;
        let kept = of_lost.client.proving(&Signer::eddsa());
        let of_kept = Login::to(&kept, &of_lost.browser).await;
        let client_id = &*kept.id;
        server.operator().end(&["key", "--client", client_id, &lost.thumbprint()]).await;
        let used = of_lost.used_by(&of_lost.client).await;
        let _ = used.challenged_by("DPoP", "invalid_token");
        let _ = of_lost.refreshed_by(&of_lost.client).await.refused(400, "invalid_grant");
        of_kept.assert_alive(&observer).await;
        let refused = ["end", "key", "--client", client_id, "nonsense"];
        let complaint = server.operator().refused(&refused, "").await;
        assert!(complaint.starts_with("thumbprint: "), "{complaint}");
    }
}
