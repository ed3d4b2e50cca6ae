//! Exchanges in which somebody acts for the subject: `act`.

use serde_json::json;
use tokenbind_tests::{Client, Server, Signer, Tokens, unverified_claims};

use crate::{ACCESS_TOKEN, FORMATS, exchanged, front, login, merged, service};

/// Exchanges `subject` with this one acting.
async fn acting(client: &Client, subject: &str, actor: &str) -> tokenbind_tests::Answer {
    let more = [("actor_token", actor), ("actor_token_type", ACCESS_TOKEN)];
    client.exchange(subject, &more).await
}

async fn own(client: &Client) -> Tokens {
    client.tokens_of(&client.client_credentials(&[]).await)
}

#[tokio::test]
async fn rfc8693_section_4_1_each_service_acts_for_the_one_before() {
    let server = Server::shared().await;
    for format in FORMATS {
        let settings = json!({ "access_token_format": format });
        let login = login(server, &settings).await;
        let a = service(server, &[&login.client], &settings).await;
        let b = service(server, &[&a], &settings).await;
        let c = service(server, &[&b], &settings).await;
        let by_a =
            exchanged(&acting(&a, &login.tokens.access_token, &own(&a).await.access_token).await);
        let by_b = exchanged(&acting(&b, &by_a.access_token, &own(&b).await.access_token).await);
        // Without an actor token nobody is added, and nobody forgotten.
        let by_c = exchanged(&c.exchange(&by_b.access_token, &[]).await);
        let act_a = json!({ "sub": a.id, "client_id": a.id });
        let act_b = json!({ "sub": b.id, "client_id": b.id, "act": act_a });
        for (client, tokens, act) in [(&a, &by_a, &act_a), (&b, &by_b, &act_b), (&c, &by_c, &act_b)]
        {
            let told = client.introspect(&tokens.access_token).await;
            assert_eq!((&told["act"], &told["sub"]), (act, &json!(login.browser.user.sub)));
            if format == "jwt" {
                assert_eq!(unverified_claims(&tokens.access_token)["act"], *act);
            }
        }
    }
}

#[tokio::test]
async fn a_user_can_act_for_another_and_is_named_by_what_the_application_calls_them() {
    let server = Server::shared().await;
    let (customer, agent) = (login(server, &json!({})).await, login(server, &json!({})).await);
    let fronts = [&customer.client, &agent.client];
    let desk = service(server, &fronts, &json!({})).await;
    let pairwise =
        json!({ "subject_type": "pairwise", "redirect_uris": ["https://desk.example/callback"] });
    let shy = service(server, &fronts, &pairwise).await;
    let tokens = |login: &tokenbind_tests::Login| login.tokens.access_token.clone();
    let answer = acting(&desk, &tokens(&customer), &tokens(&agent)).await;
    let told = desk.introspect(&exchanged(&answer).access_token).await;
    assert_eq!(told["sub"], customer.browser.user.sub);
    let act = json!({ "sub": agent.browser.user.sub, "client_id": agent.client.id });
    assert_eq!(told["act"], act);
    let answer = acting(&shy, &tokens(&customer), &tokens(&agent)).await;
    let told = shy.introspect(&exchanged(&answer).access_token).await;
    let (sub, actor) = (told["sub"].as_str(), told["act"]["sub"].as_str());
    assert!(sub.is_some() && actor.is_some() && sub != actor, "{told}");
    assert!(actor != Some(&*agent.browser.user.sub), "{told}");
}

#[tokio::test]
async fn the_end_of_the_actor_ends_what_it_was_given() {
    let server = Server::shared().await;
    for format in FORMATS {
        let settings = json!({ "access_token_format": format });
        let login = login(server, &settings).await;
        let a = service(server, &[&login.client], &settings).await;
        let actor = own(&a).await;
        let tokens = acting(&a, &login.tokens.access_token, &actor.access_token).await;
        let tokens = exchanged(&tokens);
        assert!(a.is_active(&tokens.access_token).await);
        assert_eq!(a.revoke(&actor.access_token).await.status, 200);
        assert!(!a.is_active(&tokens.access_token).await);
        assert!(login.client.is_active(&login.tokens.access_token).await);
    }
}

#[tokio::test]
async fn an_actor_token_is_held_to_the_rules_of_a_subject_token() {
    let server = Server::shared().await;
    let login = login(server, &json!({})).await;
    let subject = &login.tokens.access_token;
    let (key, thief) = (Signer::es256(), Signer::es256());
    let dpop = json!({ "token_binding_types": ["dpop"] });
    let a = service(server, &[&login.client], &dpop).await.proving(&key);
    let actor = own(&a).await.access_token;
    let answer = acting(&a.proving(&thief), subject, &actor).await;
    let description = answer.refused(400, "invalid_request");
    assert!(description.starts_with("the actor token is bound:"), "{description}");
    let tokens = exchanged(&acting(&a, subject, &actor).await);
    let jkt = key.thumbprint();
    assert_eq!(a.introspect(&tokens.access_token).await["cnf"]["jkt"], jkt);

    let stranger = front(server, &json!({})).await;
    let foreign = own(&stranger).await.access_token;
    let description = acting(&a, subject, &foreign).await.refused(400, "invalid_request");
    assert!(description.starts_with("the actor token was issued to another"), "{description}");
    let _ = a.revoke(&actor).await;
    let description = acting(&a, subject, &actor).await.refused(400, "invalid_request");
    assert_eq!(description, "the actor token is dead: its token was ended");
    let description = acting(&a, subject, "tb_at_x").await.refused(400, "invalid_request");
    assert_eq!(description, "the actor token is not known, or no longer");
}

#[tokio::test]
async fn what_the_settings_do_not_name_is_refused() {
    let server = Server::shared().await;
    let login = login(server, &json!({})).await;
    let only = |mode: &str| json!({ "token_exchange_modes": [mode] });
    let open = service(server, &[&login.client], &only("impersonation")).await;
    let subject = &login.tokens.access_token;
    let actor = own(&open).await.access_token;
    let description = acting(&open, subject, &actor).await.refused(400, "invalid_request");
    assert!(description.contains("does not name delegation"), "{description}");
    let _ = exchanged(&open.exchange(subject, &[]).await);
    let named = service(server, &[&login.client], &only("delegation")).await;
    let description = named.exchange(subject, &[]).await.refused(400, "invalid_request");
    assert!(description.contains("does not name impersonation"), "{description}");
    let actor = own(&named).await.access_token;
    let _ = exchanged(&acting(&named, subject, &actor).await);
}

#[tokio::test]
async fn no_chain_is_endless() {
    let server = Server::shared().await;
    let login = login(server, &json!({})).await;
    let client = &login.client;
    let mut token = login.tokens.access_token.clone();
    let actor = own(client).await.access_token;
    for _ in 0..8 {
        token = exchanged(&acting(client, &token, &actor).await).access_token;
    }
    let description = acting(client, &token, &actor).await.refused(400, "invalid_request");
    assert_eq!(description, "no more than 8 may act one for the other");
    let mut token = login.tokens.access_token.clone();
    for _ in 0..16 {
        token = exchanged(&client.exchange(&token, &[]).await).access_token;
    }
    let description = client.exchange(&token, &[]).await.refused(400, "invalid_request");
    assert_eq!(description, "the token came of too many exchanges");
    assert!(client.is_active(&token).await);
    assert_eq!(client.revoke(&login.tokens.access_token).await.status, 200);
    assert!(!client.is_active(&token).await, "the last of them dies with the first");
}

#[tokio::test]
async fn who_acts_for_whom_parts_slots() {
    let server = Server::shared().await;
    let settings = json!({ "token_binding_types": ["client-request"] });
    let login = login(server, &merged(settings.clone(), &json!({}))).await;
    let a = service(server, &[&login.client], &settings).await;
    let subject = &login.tokens.access_token;
    let plain = exchanged(&a.exchange(subject, &[]).await);
    let again = exchanged(&a.exchange(subject, &[]).await);
    assert_eq!(plain.access_token, again.access_token);
    // Of another scope than the subject, so that it has a slot of its own.
    let actor = a.client_credentials(&[("scope", "email")]).await.tokens().access_token;
    let delegated = exchanged(&acting(&a, subject, &actor).await);
    assert_ne!(plain.access_token, delegated.access_token);
    assert!(!a.is_active(&plain.access_token).await, "one live token in each slot");
    assert!(a.is_active(&delegated.access_token).await);
}
