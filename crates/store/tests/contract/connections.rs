//! What users and applications have to do with one another.

use std::sync::Arc;

use tokenbind_issuer::{
    scope::Scope,
    store::{
        Connection, Issuance,
        UserChange::{Delete, Lock},
    },
};

use crate::{
    logins::{at, redeemed},
    support::{Bench, CALLERS, ROTATED, race, refresh, refreshed, scope},
};

async fn consent(bench: &Bench) -> Option<Scope> {
    bench.store.find_consent(&"u1".into(), &"app".into()).await.unwrap()
}

async fn connections(bench: &Bench) -> Vec<Connection> {
    bench.store.list_connections(&"u1".into(), bench.clock.timestamp()).await.unwrap()
}

/// Signs in and consents; gives the token.
async fn consenting_to(bench: &Bench, text: &str) -> tokenbind_issuer::store::Issued {
    let session = bench.log_in().await;
    let mut request = bench.code_request(&session).await;
    request.consented = Some(scope(text));
    let (code, _) = bench.issue_code(request).await;
    redeemed(bench.redeem(code).await)
}

contract! {
    async fn a_consent_is_remembered_word_by_word(bench: Bench) {
        assert_eq!(consent(&bench).await, None);
        consenting_to(&bench, "openid mail").await;
        assert_eq!(consent(&bench).await, Some(scope("openid mail")));
        consenting_to(&bench, "openid phone").await;
        assert_eq!(consent(&bench).await, Some(scope("mail openid phone")));
        let other = bench.store.find_consent(&"u2".into(), &"app".into()).await.unwrap();
        assert_eq!(other, None);
        let other = bench.store.find_consent(&"u1".into(), &"other".into()).await.unwrap();
        assert_eq!(other, None);
    }

    async fn a_consent_to_nothing_is_a_consent(bench: Bench) {
        consenting_to(&bench, "").await;
        assert_eq!(consent(&bench).await, Some(Scope::default()));
    }

    async fn a_token_without_consent_is_a_connection_but_no_consent(bench: Bench) {
        bench.issue(bench.issuance().await).await;
        assert_eq!(consent(&bench).await, None);
        let listed = connections(&bench).await;
        assert_eq!(listed.len(), 1);
        assert_eq!((&listed[0].client_id, &listed[0].scope), (&"app".into(), &Scope::default()));
        assert_eq!(listed[0].since, at(0));
    }

    async fn a_consent_without_tokens_is_no_connection(bench: Bench) {
        let session = bench.log_in().await;
        let mut request = bench.code_request(&session).await;
        request.consented = Some(scope("openid"));
        bench.issue_code(request).await;
        assert!(connections(&bench).await.is_empty());
    }

    async fn an_application_is_listed_until_its_last_token_expires_to_the_hour(bench: Bench) {
        let short = Issuance { grant: None, ..bench.issuance().await };
        let first = bench.issue(short).await.access_token.token.expires_at;
        let until = connections(&bench).await[0].live_until;
        assert!(until >= first && until.since(first) < 3600);
        let long = bench.issue(bench.issuance().await).await.refresh_token.unwrap();
        bench.clock.advance(80_000);
        let next = refreshed(bench.refresh(refresh(long, ROTATED)).await).refresh_token.unwrap();
        bench.clock.advance(86_399);
        assert!(bench.is_refreshable(next).await);
        assert_eq!(connections(&bench).await.len(), 1);
        bench.clock.advance(3600);
        assert!(connections(&bench).await.is_empty());
    }

    async fn a_grant_in_a_slot_that_lives_on_keeps_its_application_listed(bench: Bench) {
        bench.issue_in_slot(bench.issuance().await).await;
        bench.clock.advance(80_000);
        let grant = bench.issue_in_slot(bench.issuance().await).await.refresh_token.unwrap();
        bench.clock.advance(86_000);
        assert!(bench.is_refreshable(grant).await);
        assert_eq!(connections(&bench).await.len(), 1);
    }

    async fn what_an_application_holds_for_itself_is_no_connection(bench: Bench) {
        let own = Issuance { subject: "app".into(), username: None, ..bench.issuance().await };
        bench.issue(own).await;
        let now = bench.clock.timestamp();
        assert!(bench.store.list_connections(&"app".into(), now).await.unwrap().is_empty());
    }

    async fn the_end_of_a_connection_ends_its_tokens_and_no_others_and_forgets_the_consent(bench: Bench) {
        bench.with_application("other", false).await;
        let issued = consenting_to(&bench, "openid").await;
        let outside = bench.issue(bench.issuance().await).await;
        let in_other = Issuance { client_id: "other".into(), ..bench.issuance().await };
        let in_other = bench.issue(in_other).await;
        let of_bob = Issuance { subject: "u2".into(), ..bench.issuance().await };
        let of_bob = bench.issue(of_bob).await;
        bench.store.end_connection(&"u1".into(), &"app".into()).await.unwrap();
        assert_eq!(consent(&bench).await, None);
        for gone in [&issued, &outside] {
            assert!(!bench.is_alive(gone.access_token.token.id).await);
            assert!(!bench.is_refreshable(gone.refresh_token.unwrap()).await);
        }
        for kept in [&in_other, &of_bob] {
            assert!(bench.is_alive(kept.access_token.token.id).await);
            assert!(bench.is_refreshable(kept.refresh_token.unwrap()).await);
        }
        let listed = connections(&bench).await;
        assert_eq!(listed.iter().map(|listed| listed.client_id.as_str()).collect::<Vec<_>>(), ["other"]);
        // A new start is a new connection.
        bench.clock.advance(10);
        bench.issue(bench.issuance().await).await;
        assert_eq!(connections(&bench).await[0].since, at(10));
    }

    async fn a_consent_outlives_its_tokens_and_their_sweep(bench: Bench) {
        consenting_to(&bench, "openid").await;
        bench.clock.advance(1_000_000);
        bench.store.sweep(bench.clock.timestamp()).await.unwrap();
        assert!(connections(&bench).await.is_empty());
        assert_eq!(consent(&bench).await, Some(scope("openid")));
    }

    async fn a_removed_application_or_user_leaves_no_consent_behind(bench: Bench) {
        bench.with_users().await;
        consenting_to(&bench, "openid").await;
        bench.store.delete_application(&"app".into()).await.unwrap();
        assert_eq!(consent(&bench).await, None);
        bench.store.register_application(crate::support::application("app")).await.unwrap();
        consenting_to(&bench, "openid").await;
        bench.store.change_user("alice", Lock).await.unwrap();
        assert_eq!(consent(&bench).await, Some(scope("openid")));
        assert!(connections(&bench).await.is_empty());
        bench.store.change_user("alice", Delete).await.unwrap();
        assert_eq!(consent(&bench).await, None);
    }

    async fn of_64_consents_no_word_is_lost(bench: Bench) {
        let session = bench.log_in().await;
        let request = bench.code_request(&session).await;
        race(|number| {
            let (store, mut request) = (Arc::clone(&bench.store), request.clone());
            request.consented = Some(scope(&format!("word-{number}")));
            async move { store.issue_code(request).await.unwrap() }
        })
        .await;
        assert_eq!(consent(&bench).await.unwrap().words().count(), CALLERS);
    }

    async fn nothing_issued_while_its_connection_ends_lives_on(bench: Bench) {
        let issued = consenting_to(&bench, "openid").await;
        let refresh_token = issued.refresh_token.unwrap();
        let outcomes = race(|number| {
            let store = Arc::clone(&bench.store);
            async move {
                if number == 30 {
                    store.end_connection(&"u1".into(), &"app".into()).await.unwrap();
                    None
                } else {
                    Some(store.refresh(refresh(refresh_token, ROTATED)).await.unwrap())
                }
            }
        })
        .await;
        let tokens = crate::support::all_refreshed(outcomes.into_iter().flatten().collect());
        let tokens: Vec<_> = tokens.into_iter().map(|issued| issued.access_token).collect();
        assert_eq!(bench.count_alive(&tokens).await, 0);
        assert!(!bench.is_refreshable(refresh_token).await);
        assert!(connections(&bench).await.is_empty());
    }

    async fn an_application_that_holds_a_living_token_is_listed_whatever_ended_beside_it(bench: Bench) {
        bench.with_users().await;
        for round in 0..12 {
            let issuance = bench.issuance().await;
            bench.issue(issuance.clone()).await;
            let issued = race(|number| {
                let (store, issuance) = (Arc::clone(&bench.store), issuance.clone());
                async move {
                    if number != 30 {
                        return Some(store.issue(issuance).await.unwrap());
                    }
                    if round % 2 == 0 {
                        store.end_connection(&"u1".into(), &"app".into()).await.unwrap();
                    } else {
                        store.change_user("alice", Lock).await.unwrap();
                    }
                    None
                }
            })
            .await;
            let tokens = crate::support::all_issued(issued.into_iter().flatten().collect());
            let living = bench.count_alive(&tokens).await > 0;
            assert_eq!(connections(&bench).await.len(), usize::from(living), "round {round}");
            // And again, once all of that is over.
            let issuance = bench.issuance().await;
            bench.issue(issuance).await;
            assert_eq!(connections(&bench).await.len(), 1);
        }
    }
}
