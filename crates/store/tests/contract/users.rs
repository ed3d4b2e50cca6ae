//! Users.

use std::sync::Arc;

use tokenbind_binding::Anchor;
use tokenbind_issuer::store::{
    ChangeOutcome, IssueOutcome, RegisterOutcome,
    UserChange::{self, Delete, Lock, Unlock},
};

use crate::support::{Bench, CALLERS, ROTATED, all_issued, all_refreshed, race, refresh, user};

async fn with_alice(bench: &Bench) {
    let outcome = bench.store.add_user(user("u1", "alice")).await.unwrap();
    assert_eq!(outcome, RegisterOutcome::Registered);
}

async fn change(bench: &Bench, change: UserChange) -> ChangeOutcome {
    bench.store.change_user("alice", change).await.unwrap()
}

fn password(hash: String) -> UserChange {
    UserChange::Password { hash, spared: None }
}

contract! {
    async fn a_user_is_found_by_name_and_by_subject(bench: Bench) {
        with_alice(&bench).await;
        let alice = Some(user("u1", "alice"));
        assert_eq!(bench.store.find_user("alice").await.unwrap().as_deref(), alice.as_ref());
        assert_eq!(bench.store.find_subject(&"u1".into()).await.unwrap().as_deref(), alice.as_ref());
        assert_eq!(bench.store.find_user("u1").await.unwrap(), None);
        assert_eq!(bench.store.find_subject(&"alice".into()).await.unwrap(), None);
    }

    async fn a_username_or_subject_is_given_once(bench: Bench) {
        with_alice(&bench).await;
        for user in [user("u2", "alice"), user("u1", "bob")] {
            assert_eq!(bench.store.add_user(user).await.unwrap(), RegisterOutcome::Taken);
        }
    }

    async fn one_of_64_users_of_one_name_is_added(bench: Bench) {
        let outcomes = race(|number| {
            let store = Arc::clone(&bench.store);
            async move { store.add_user(user(&format!("u{number}"), "alice")).await.unwrap() }
        })
        .await;
        let winner =
            outcomes.iter().position(|outcome| *outcome == RegisterOutcome::Registered).unwrap();
        let taken = outcomes.iter().filter(|outcome| **outcome == RegisterOutcome::Taken).count();
        assert_eq!(taken, CALLERS - 1);
        let alice = bench.store.find_user("alice").await.unwrap().unwrap();
        assert_eq!(alice.subject, format!("u{winner}").as_str().into());
    }

    async fn a_lock_a_password_and_a_deletion_end_the_users_tokens(bench: Bench) {
        with_alice(&bench).await;
        for ending in [Lock, password("$argon2id$new".into()), Delete] {
            let issued = bench.issue(bench.issuance().await).await;
            assert!(bench.is_alive(issued.access_token.token.id).await);
            assert_eq!(change(&bench, ending).await, ChangeOutcome::Changed);
            assert!(!bench.is_alive(issued.access_token.token.id).await);
            assert!(!bench.is_refreshable(issued.refresh_token.unwrap()).await);
        }
    }

    async fn an_unlock_ends_nothing_and_revives_nothing(bench: Bench) {
        with_alice(&bench).await;
        let before = bench.issue(bench.issuance().await).await.access_token;
        change(&bench, Lock).await;
        let between = bench.issue(bench.issuance().await).await.access_token;
        assert_eq!(change(&bench, Unlock).await, ChangeOutcome::Changed);
        assert!(!bench.is_alive(before.token.id).await);
        assert!(bench.is_alive(between.token.id).await);
    }

    async fn every_change_is_seen_once_it_is_acknowledged(bench: Bench) {
        with_alice(&bench).await;
        for locked in [true, false] {
            change(&bench, if locked { Lock } else { Unlock }).await;
            assert_eq!(bench.store.find_user("alice").await.unwrap().unwrap().locked, locked);
            let found = bench.store.find_subject(&"u1".into()).await.unwrap().unwrap();
            assert_eq!(found.locked, locked);
        }
        change(&bench, password("$argon2id$new".into())).await;
        let alice = bench.store.find_user("alice").await.unwrap().unwrap();
        assert_eq!(alice.password_hash, "$argon2id$new");
        change(&bench, Delete).await;
        assert_eq!(bench.store.find_user("alice").await.unwrap(), None);
        assert_eq!(bench.store.find_subject(&"u1".into()).await.unwrap(), None);
    }

    async fn a_change_of_nobody_is_unknown(bench: Bench) {
        for nothing in [Lock, Unlock, Delete, password(String::new())] {
            assert_eq!(change(&bench, nothing).await, ChangeOutcome::Unknown);
        }
    }

    async fn one_of_64_deletions_finds_the_user(bench: Bench) {
        with_alice(&bench).await;
        let outcomes = race(|_| {
            let store = Arc::clone(&bench.store);
            async move { store.change_user("alice", Delete).await.unwrap() }
        })
        .await;
        let changed = outcomes.iter().filter(|outcome| **outcome == ChangeOutcome::Changed).count();
        assert_eq!(changed, 1);
    }

    /// An unlock and a new password at once must not undo one another.
    async fn changes_at_once_all_take_effect(bench: Bench) {
        with_alice(&bench).await;
        change(&bench, Lock).await;
        race(|number| {
            let store = Arc::clone(&bench.store);
            let change = if number == 9 { Unlock } else { password(number.to_string()) };
            async move { store.change_user("alice", change).await.unwrap() }
        })
        .await;
        let alice = bench.store.find_user("alice").await.unwrap().unwrap();
        assert!(!alice.locked);
        assert!(alice.password_hash.parse::<usize>().is_ok());
    }

    async fn an_issuance_decided_before_the_lock_is_refused(bench: Bench) {
        with_alice(&bench).await;
        let issuance = bench.issuance().await;
        change(&bench, Lock).await;
        let outcome = bench.store.issue(issuance.clone()).await.unwrap();
        assert!(matches!(outcome, IssueOutcome::Ended(Anchor::Subject(ref who)) if *who == issuance.subject));
        let outcome = bench.store.issue_in_slot(issuance).await.unwrap();
        assert!(matches!(outcome, IssueOutcome::Ended(Anchor::Subject(_))));
    }

    async fn nothing_issued_or_refreshed_while_the_user_is_locked_lives_on(bench: Bench) {
        with_alice(&bench).await;
        let issuance = bench.issuance().await;
        let grant = bench.issue(issuance.clone()).await.refresh_token.unwrap();
        let outcomes = race(|number| {
            let (store, issuance) = (Arc::clone(&bench.store), issuance.clone());
            async move {
                if number == 20 {
                    store.change_user("alice", Lock).await.unwrap();
                    (None, None)
                } else if number % 2 == 0 {
                    (Some(store.issue(issuance).await.unwrap()), None)
                } else {
                    (None, Some(store.refresh(refresh(grant, ROTATED)).await.unwrap()))
                }
            }
        })
        .await;
        let (issues, refreshes): (Vec<_>, Vec<_>) = outcomes.into_iter().unzip();
        let mut tokens = all_issued(issues.into_iter().flatten().collect());
        let refreshes = all_refreshed(refreshes.into_iter().flatten().collect());
        tokens.extend(refreshes.into_iter().map(|issued| issued.access_token));
        assert_eq!(bench.count_alive(&tokens).await, 0);
        assert!(!bench.is_refreshable(grant).await);
    }
}
