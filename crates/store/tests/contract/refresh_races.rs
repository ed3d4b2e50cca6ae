//! Refreshing, 64 callers at once.

use std::{collections::HashSet, sync::Arc};

use tokenbind_binding::Anchor;
use tokenbind_issuer::{
    grant::Rotation,
    store::{Issuance, Refresh, RefreshOutcome},
};

use crate::support::{
    Bench, CALLERS, ROTATED, all_refreshed, bound_to, jwt, race, reference, refresh, refreshed,
};

contract! {
    async fn of_64_refreshes_with_one_token_one_rotates_and_all_get_its_successor(bench: Bench) {
        let presented = bench.issue(bench.issuance().await).await.refresh_token.unwrap();
        let outcomes = race(|_| {
            let store = Arc::clone(&bench.store);
            async move { refreshed(store.refresh(refresh(presented, ROTATED)).await.unwrap()) }
        })
        .await;
        let successors: HashSet<_> = outcomes.iter().map(|issued| issued.refresh_token).collect();
        assert_eq!(successors.len(), 1);
        let successor = outcomes[0].refresh_token.unwrap();
        assert_eq!(successor.generation, 1);
        let tokens: HashSet<_> = outcomes.iter().map(|issued| issued.access_token.token.id).collect();
        assert_eq!(tokens.len(), CALLERS);
        assert!(bench.is_refreshable(successor).await);
    }

    async fn without_grace_one_of_64_rotates_and_the_rest_end_the_grant(bench: Bench) {
        let presented = bench.issue(bench.issuance().await).await.refresh_token.unwrap();
        let strict = Rotation::On { grace: 0 };
        let outcomes = race(|_| {
            let store = Arc::clone(&bench.store);
            async move { store.refresh(refresh(presented, strict)).await.unwrap() }
        })
        .await;
        let reused =
            outcomes.iter().filter(|outcome| matches!(outcome, RefreshOutcome::Reused)).count();
        let dead =
            outcomes.iter().filter(|outcome| matches!(outcome, RefreshOutcome::Dead(_))).count();
        assert_eq!((reused, dead), (1, CALLERS - 2));
        let tokens: Vec<_> =
            all_refreshed(outcomes).into_iter().map(|issued| issued.access_token).collect();
        assert_eq!((tokens.len(), bench.count_alive(&tokens).await), (1, 0));
        assert!(!bench.is_refreshable(presented).await);
    }

    /// Every caller goes on with the successor that it got: once one of them is used, the rest of
    /// the callers that still hold the first token give the theft away.
    async fn a_spent_token_beside_its_used_successor_ends_the_grant_whoever_comes_first(bench: Bench) {
        let spent = bench.issue(bench.issuance().await).await.refresh_token.unwrap();
        let successor = refreshed(bench.refresh(refresh(spent, ROTATED)).await).refresh_token.unwrap();
        let outcomes = race(|number| {
            let store = Arc::clone(&bench.store);
            let presented = if number == 30 { successor } else { spent };
            async move { store.refresh(refresh(presented, ROTATED)).await.unwrap() }
        })
        .await;
        let reused =
            outcomes.iter().filter(|outcome| matches!(outcome, RefreshOutcome::Reused)).count();
        let used = outcomes.iter().any(|outcome| matches!(
            outcome,
            RefreshOutcome::Refreshed(issued) if issued.refresh_token.unwrap().generation == 2
        ));
        // Where the successor came last, nobody presented the spent token after it.
        let last = used && reused == 0;
        assert_eq!(reused, usize::from(!last));
        assert_eq!(bench.is_refreshable(successor).await, last);
        let tokens: Vec<_> =
            all_refreshed(outcomes).into_iter().map(|issued| issued.access_token).collect();
        assert_eq!(bench.count_alive(&tokens).await, if last { tokens.len() } else { 0 });
    }

    async fn without_rotation_all_64_get_the_same_refresh_token(bench: Bench) {
        let presented = bench.issue(bench.issuance().await).await.refresh_token.unwrap();
        let outcomes = race(|_| {
            let store = Arc::clone(&bench.store);
            async move {
                refreshed(store.refresh(refresh(presented, Rotation::Off)).await.unwrap())
            }
        })
        .await;
        assert!(outcomes.iter().all(|issued| issued.refresh_token == Some(presented)));
        let tokens: Vec<_> = outcomes.into_iter().map(|issued| issued.access_token).collect();
        assert_eq!(bench.count_alive(&tokens).await, CALLERS);
    }

    async fn of_64_refreshes_and_requests_in_one_slot_exactly_one_token_is_alive(bench: Bench) {
        for terms in [crate::support::opaque(), jwt()] {
            let issuance = Issuance { access_token: terms, ..bench.issuance().await };
            let first = bench.issue_in_slot(issuance.clone()).await;
            let presented = first.refresh_token.unwrap();
            let tokens = race(|number| {
                let (store, issuance) = (Arc::clone(&bench.store), issuance.clone());
                let in_slot = Refresh {
                    in_slot: true,
                    access_token: terms,
                    ..refresh(presented, Rotation::Off)
                };
                async move {
                    if number % 2 == 0 {
                        crate::support::issued(store.issue_in_slot(issuance).await.unwrap())
                    } else {
                        refreshed(store.refresh(in_slot).await.unwrap())
                    }
                }
            })
            .await;
            let mut alive = HashSet::new();
            for issued in tokens {
                assert_eq!(issued.refresh_token, Some(presented));
                let id = issued.access_token.token.id;
                if bench.is_alive(id).await {
                    alive.insert(id);
                }
            }
            assert_eq!(alive.len(), 1);
        }
    }

    async fn nothing_refreshed_while_its_anchor_ends_lives_on(bench: Bench) {
        for kind in 0..4 {
            let issuance = Issuance { bindings: bound_to("tv"), ..bench.issuance().await };
            let presented = bench.issue(issuance).await.refresh_token.unwrap();
            let anchor = [
                Anchor::Grant(presented.grant),
                Anchor::Subject("u1".into()),
                Anchor::Application("app".into()),
                Anchor::Binding(reference("tv")),
            ][kind].clone();
            let outcomes = race(|number| {
                let (store, anchor) = (Arc::clone(&bench.store), anchor.clone());
                async move {
                    if number == 20 {
                        store.end_anchor(anchor).await.unwrap();
                        RefreshOutcome::Unknown
                    } else {
                        store.refresh(refresh(presented, ROTATED)).await.unwrap()
                    }
                }
            })
            .await;
            let tokens: Vec<_> =
                all_refreshed(outcomes).into_iter().map(|issued| issued.access_token).collect();
            assert_eq!(bench.count_alive(&tokens).await, 0, "{anchor:?}");
            assert!(!bench.is_refreshable(presented).await, "{anchor:?}");
        }
    }
}
