//! Exchanges of applications with `client-request`: one live token in each slot, also where many ask at once.

use std::collections::HashSet;

use serde_json::json;
use tokenbind_tests::{Client, Server};

use crate::{EXCHANGE, FORMATS, exchanged, login, service};

const CALLERS: usize = 64;

/// What each of so many callers gets for the same token.
async fn parallel(client: &Client, subject: &str, id: &'static str) -> Vec<String> {
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (client, subject) = (client.clone(), subject.to_owned());
            tokio::spawn(async move {
                let answer = client.exchange(&subject, &[("tokenBindingId", id)]).await;
                exchanged(&answer).access_token
            })
        })
        .collect();
    let mut tokens = Vec::new();
    for caller in callers {
        tokens.push(caller.await.expect("an answer"));
    }
    tokens
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_exchanges_at_once_one_token_is_alive() {
    let server = Server::shared().await;
    for format in FORMATS {
        let login = login(server, &json!({ "access_token_format": format })).await;
        let settings =
            json!({ "token_binding_types": ["client-request"], "access_token_format": format });
        let service = service(server, &[&login.client], &settings).await;
        let tokens = parallel(&service, &login.tokens.access_token, "tv").await;
        let distinct: HashSet<_> = tokens.iter().collect();
        assert_eq!(distinct.len(), if format == "opaque" { 1 } else { CALLERS });
        let mut alive = 0;
        for token in &distinct {
            alive += usize::from(service.is_active(token).await);
        }
        assert_eq!(alive, 1, "{format}");
        let other = parallel(&service, &login.tokens.access_token, "radio").await;
        assert!(other.iter().all(|token| !tokens.contains(token)));
        let told = service.introspect(&other[0]).await;
        if format == "opaque" {
            let expected = tokenbind_tests::binding_ref(&service.id, "radio");
            assert_eq!(told["binding_ref"], expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_exchanges_what_is_in_its_own_slot_is_left_with_one_token() {
    let server = Server::shared().await;
    for format in FORMATS {
        let settings =
            json!({ "grant_types": ["client_credentials", EXCHANGE], "unbound_grants": [] });
        let client = server.registrar().with_slots(format, &settings).await;
        let own = client.own_token(Some("tv")).await.access_token;
        if format == "opaque" {
            let tokens = parallel(&client, &own, "tv").await;
            assert!(tokens.iter().all(|token| *token == own), "there is nothing else to give");
        } else {
            let token = exchanged(&client.exchange(&own, &[("tokenBindingId", "tv")]).await);
            assert!(client.is_active(&token.access_token).await);
            assert!(!client.is_active(&own).await, "it took the place of the other");
        }
    }
}

#[tokio::test]
async fn two_logins_of_one_user_share_no_token() {
    let server = Server::shared().await;
    let settings = json!({ "token_binding_types": ["client-request"] });
    let first = login(server, &json!({})).await;
    let second =
        tokenbind_tests::Login::to(&first.client, &server.browser(&first.browser.user)).await;
    let service = service(server, &[&first.client], &settings).await;
    let of_first = exchanged(&service.exchange(&first.tokens.access_token, &[]).await);
    let of_second = exchanged(&service.exchange(&second.tokens.access_token, &[]).await);
    assert_ne!(of_first.access_token, of_second.access_token);
    first.browser.sign_out().await;
    assert!(service.is_active(&of_second.access_token).await, "the other login goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_exchanged_beside_a_logout_outlives_it() {
    let server = Server::shared().await;
    for format in FORMATS {
        let login = login(server, &json!({ "access_token_format": format })).await;
        let service =
            service(server, &[&login.client], &json!({ "access_token_format": format })).await;
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let (client, subject) = (service.clone(), login.tokens.access_token.clone());
                let browser = login.browser.clone();
                tokio::spawn(async move {
                    if number == 30 {
                        browser.sign_out().await;
                        return None;
                    }
                    let answer = client.exchange(&subject, &[]).await;
                    (answer.status == 200).then(|| exchanged(&answer).access_token)
                })
            })
            .collect();
        let mut tokens = Vec::new();
        for caller in callers {
            tokens.extend(caller.await.expect("an answer"));
        }
        for token in tokens {
            assert!(!service.is_active(&token).await);
        }
    }
}
