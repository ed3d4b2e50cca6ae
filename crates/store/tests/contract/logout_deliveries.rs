//! The outbox of back-channel logouts.

use std::{collections::HashSet, sync::Arc};

use tokenbind_issuer::store::LogoutDelivery;

use crate::{
    logins::at,
    support::{Bench, race},
};

/// Ends so many sessions, each with an application that wants to be told.
async fn end_sessions(bench: &Bench, count: usize) {
    bench.with_application("told", true).await;
    for _ in 0..count {
        let session = bench.log_in().await;
        let mut request = bench.code_request(&session).await;
        request.code.client_id = "told".into();
        bench.issue_code(request).await;
        bench.store.end_session(session.session.id).await.unwrap().unwrap();
    }
}

contract! {
    async fn a_delivery_comes_again_later_and_later_until_it_is_given_up(bench: Bench) {
        end_sessions(&bench, 1).await;
        let pauses = [5, 15, 60, 300, 900, 3600, 10_800, 21_600, 43_200, 43_200, 43_200];
        let first = bench.logouts_due().await[0].clone();
        assert_eq!(first.attempt, 1);
        for (attempt, pause) in (2..).zip(pauses) {
            bench.clock.advance(pause - 1);
            assert!(bench.logouts_due().await.is_empty(), "attempt {attempt}");
            bench.clock.advance(1);
            let again = bench.logouts_due().await;
            assert_eq!(again, [LogoutDelivery { attempt, ..first.clone() }]);
        }
        bench.clock.advance(10_000_000);
        assert!(bench.logouts_due().await.is_empty());
    }

    async fn a_settled_delivery_does_not_come_again_and_the_others_do(bench: Bench) {
        end_sessions(&bench, 2).await;
        let due = bench.logouts_due().await;
        assert_eq!(due.len(), 2);
        for _ in 0..2 {
            bench.store.settle_logout_delivery(due[0].id).await.unwrap();
        }
        bench.clock.advance(5);
        let again = bench.logouts_due().await;
        assert_eq!(again.iter().map(|again| again.id).collect::<Vec<_>>(), [due[1].id]);
    }

    /// Whoever settles late must not settle another's.
    async fn the_number_of_a_delivery_is_never_given_again(bench: Bench) {
        end_sessions(&bench, 1).await;
        let first = bench.logouts_due().await[0].id;
        bench.store.settle_logout_delivery(first).await.unwrap();
        end_sessions(&bench, 1).await;
        assert_ne!(bench.logouts_due().await[0].id, first);
    }

    async fn no_more_are_claimed_than_asked_for_the_longest_due_first(bench: Bench) {
        end_sessions(&bench, 2).await;
        bench.clock.advance(1);
        end_sessions(&bench, 2).await;
        let now = bench.clock.timestamp();
        let first = bench.store.claim_logout_deliveries(now, 3).await.unwrap();
        let rest = bench.store.claim_logout_deliveries(now, 3).await.unwrap();
        assert_eq!((first.len(), rest.len()), (3, 1));
        assert!(first.iter().all(|claimed| claimed.id < rest[0].id));
        assert!(bench.store.claim_logout_deliveries(at(0), 3).await.unwrap().is_empty());
    }

    async fn of_64_callers_no_two_claim_one_delivery(bench: Bench) {
        end_sessions(&bench, 200).await;
        let now = bench.clock.timestamp();
        let claims = race(|_| {
            let store = Arc::clone(&bench.store);
            async move { store.claim_logout_deliveries(now, 5).await.unwrap() }
        })
        .await;
        let ids: Vec<u64> = claims.into_iter().flatten().map(|claimed| claimed.id).collect();
        assert_eq!(ids.len(), 200);
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 200);
    }
}
