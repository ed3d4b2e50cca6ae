//! Applications.

use std::sync::Arc;

use tokenbind_binding::{Anchor, ClientId};
use tokenbind_issuer::{
    application::Application,
    store::{ChangeOutcome, IssueOutcome, RegisterOutcome, Store},
};

use crate::support::{Bench, CALLERS, all_issued, application, issuance, race, renamed};

async fn find(store: &dyn Store, client_id: &str) -> Option<Arc<Application>> {
    let found = store.find_application(&client_id.into()).await.unwrap();
    found.map(|(application, _)| application)
}

contract! {
    async fn a_registered_application_is_found_and_listed(bench: Bench) {
        let other = application("another");
        bench.store.register_application(other.clone()).await.unwrap();
        assert_eq!(*find(&*bench.store, "another").await.unwrap(), other);
        assert_eq!(find(&*bench.store, "none").await, None);
        let all = bench.store.list_applications().await.unwrap();
        let names: Vec<&str> = all.iter().map(|application| application.client_id.as_str()).collect();
        assert_eq!(names, ["another", "app"]);
    }

    async fn one_of_64_registrations_of_a_client_id_wins(bench: Bench) {
        let outcomes = race(|number| {
            let store = Arc::clone(&bench.store);
            let application = renamed(&application("new"), &number.to_string());
            async move { store.register_application(application).await.unwrap() }
        })
        .await;
        let winner = outcomes.iter().position(|outcome| *outcome == RegisterOutcome::Registered);
        let taken = outcomes.iter().filter(|outcome| **outcome == RegisterOutcome::Taken).count();
        assert_eq!(taken, CALLERS - 1);
        let name = find(&*bench.store, "new").await.unwrap().settings.client_name.clone();
        assert_eq!(name, winner.map(|number| number.to_string()));
    }

    async fn one_of_64_updates_from_one_state_wins(bench: Bench) {
        let before = find(&*bench.store, "app").await.unwrap();
        let outcomes = race(|number| {
            let (store, before) = (Arc::clone(&bench.store), Arc::clone(&before));
            let after = renamed(&before, &number.to_string());
            async move { store.update_application(&before, after).await.unwrap() }
        })
        .await;
        let winner = outcomes.iter().position(|outcome| *outcome == ChangeOutcome::Changed);
        let changed = outcomes.iter().filter(|outcome| **outcome == ChangeOutcome::Changed).count();
        assert_eq!(changed, 1);
        let name = find(&*bench.store, "app").await.unwrap().settings.client_name.clone();
        assert_eq!(name, winner.map(|number| number.to_string()));
    }

    async fn an_update_of_no_application_or_to_another_client_id_changes_nothing(bench: Bench) {
        let none = application("none");
        let outcome = bench.store.update_application(&none, renamed(&none, "x")).await.unwrap();
        assert_eq!(outcome, ChangeOutcome::Unknown);
        let app = find(&*bench.store, "app").await.unwrap();
        let outcome = bench.store.update_application(&app, none).await.unwrap();
        assert_eq!(outcome, ChangeOutcome::Unknown);
        assert_eq!(find(&*bench.store, "app").await, Some(app));
        assert_eq!(find(&*bench.store, "none").await, None);
    }

    /// A reader that was slow must not put an outdated record back into a cache.
    async fn an_acknowledged_update_is_seen_by_every_later_look(bench: Bench) {
        let mut before = find(&*bench.store, "app").await.unwrap();
        for round in 0..20 {
            let readers = tokio::spawn({
                let store = Arc::clone(&bench.store);
                async move {
                    race(|_| {
                        let store = Arc::clone(&store);
                        async move { find(&*store, "app").await }
                    })
                    .await
                }
            });
            let after = renamed(&before, &round.to_string());
            bench.store.update_application(&before, after.clone()).await.unwrap();
            assert_eq!(find(&*bench.store, "app").await.as_deref(), Some(&after));
            readers.await.unwrap();
            assert_eq!(find(&*bench.store, "app").await.as_deref(), Some(&after));
            before = Arc::new(after);
        }
    }

    async fn deleting_an_application_ends_its_tokens(bench: Bench) {
        let issued = bench.issue(bench.issuance().await).await;
        let app = ClientId::from("app");
        let outcome = bench.store.delete_application(&app).await.unwrap();
        assert_eq!(outcome, ChangeOutcome::Changed);
        assert!(!bench.is_alive(issued.access_token.token.id).await);
        assert!(!bench.is_refreshable(issued.refresh_token.unwrap()).await);
        assert_eq!(find(&*bench.store, "app").await, None);
        let again = bench.store.delete_application(&app).await.unwrap();
        assert_eq!(again, ChangeOutcome::Unknown);
    }

    async fn one_of_64_deletions_finds_the_application(bench: Bench) {
        let outcomes = race(|_| {
            let store = Arc::clone(&bench.store);
            async move { store.delete_application(&"app".into()).await.unwrap() }
        })
        .await;
        let changed = outcomes.iter().filter(|outcome| **outcome == ChangeOutcome::Changed).count();
        assert_eq!(changed, 1);
    }

    async fn an_issuance_decided_before_the_deletion_is_refused(bench: Bench) {
        let issuance = bench.issuance().await;
        bench.store.delete_application(&"app".into()).await.unwrap();
        for outcome in [
            bench.store.issue(issuance.clone()).await.unwrap(),
            bench.store.issue_in_slot(issuance).await.unwrap(),
        ] {
            let IssueOutcome::Ended(anchor) = outcome else { panic!("issued: {outcome:?}") };
            assert_eq!(anchor, Anchor::Application("app".into()));
        }
    }

    async fn nothing_issued_while_the_application_is_deleted_lives_on(bench: Bench) {
        let issuance = bench.issuance().await;
        let outcomes = race(|number| {
            let (store, issuance) = (Arc::clone(&bench.store), issuance.clone());
            async move {
                match number {
                    20 => {
                        store.delete_application(&"app".into()).await.unwrap();
                        IssueOutcome::Ended(Anchor::Application("app".into()))
                    }
                    _ if number % 2 == 0 => store.issue(issuance).await.unwrap(),
                    _ => store.issue_in_slot(issuance).await.unwrap(),
                }
            }
        })
        .await;
        assert_eq!(bench.count_alive(&all_issued(outcomes)).await, 0);
    }

    /// The moment as of which an application was read must not be later than the reading.
    async fn nothing_issued_on_the_facts_of_a_deleted_application_lives(bench: Bench) {
        let app = ClientId::from("app");
        let rounds = 50;
        let tokens = race(|number| {
            let (store, app) = (Arc::clone(&bench.store), app.clone());
            async move {
                let mut tokens = Vec::new();
                if number == 0 {
                    for round in 1..=rounds {
                        store.delete_application(&app).await.unwrap();
                        let next = renamed(&application("app"), &round.to_string());
                        store.register_application(next).await.unwrap();
                    }
                    return tokens;
                }
                for _ in 0..rounds {
                    let found = store.find_application(&app).await.unwrap();
                    let Some((application, as_of)) = found else { continue };
                    let outcome = store.issue(issuance(as_of)).await.unwrap();
                    let name = application.settings.client_name.clone();
                    tokens.extend(all_issued(vec![outcome]).pop().map(|token| (name, token)));
                }
                tokens
            }
        })
        .await;
        let last = Some(rounds.to_string());
        for (name, token) in tokens.into_iter().flatten().filter(|(name, _)| *name != last) {
            assert!(!bench.is_alive(token.token.id).await, "issued on the facts of {name:?}");
        }
    }

    async fn an_application_registered_again_issues_living_tokens(bench: Bench) {
        bench.store.delete_application(&"app".into()).await.unwrap();
        bench.store.register_application(application("app")).await.unwrap();
        let issued = bench.issue(bench.issuance().await).await;
        assert!(bench.is_alive(issued.access_token.token.id).await);
    }

    async fn an_origin_is_found_while_the_application_lists_it(bench: Bench) {
        let listing = |origins: &[&str]| {
            let mut spa = application("spa");
            spa.settings.allowed_origins = origins.iter().map(|&origin| origin.into()).collect();
            spa
        };
        let [first, second] = ["https://spa.example", "https://www.spa.example"];
        let found = async |origin| bench.store.find_origin(origin).await.unwrap();
        assert!(found(first).await.is_empty());
        let before = listing(&[first]);
        bench.store.register_application(before.clone()).await.unwrap();
        // The name is taken, so this one lists nothing.
        bench.store.register_application(listing(&["https://thief.example"])).await.unwrap();
        assert!(found("https://thief.example").await.is_empty());
        assert_eq!(found(first).await, ["spa".into()]);
        let after = listing(&[first, second]);
        bench.store.update_application(&before, after.clone()).await.unwrap();
        assert_eq!(found(second).await, ["spa".into()]);
        let last = listing(&[second]);
        bench.store.update_application(&after, last.clone()).await.unwrap();
        assert!(found(first).await.is_empty());
        assert_eq!(found(second).await, ["spa".into()]);
        // An update that does not happen changes no origin.
        let outcome = bench.store.update_application(&before, listing(&[first])).await.unwrap();
        assert_eq!(outcome, ChangeOutcome::Unknown);
        assert!(found(first).await.is_empty());
        bench.store.delete_application(&"spa".into()).await.unwrap();
        assert!(found(second).await.is_empty());
    }

    async fn all_that_list_an_origin_are_found(bench: Bench) {
        for client_id in ["spa-2", "spa-1"] {
            let mut spa = application(client_id);
            spa.settings.allowed_origins = vec!["https://spa.example".into()];
            bench.store.register_application(spa).await.unwrap();
        }
        let found = bench.store.find_origin("https://spa.example").await.unwrap();
        assert_eq!(found, ["spa-1".into(), "spa-2".into()]);
    }
}
