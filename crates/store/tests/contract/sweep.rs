//! The sweep.

use std::sync::Arc;

use tokenbind_binding::Anchor;
use tokenbind_issuer::store::{Issuance, Swept, UserChange};

use crate::support::{
    Bench, CALLERS, ROTATED, all_issued, issued, lasting, race, refresh, refreshed, user,
};

async fn sweep(bench: &Bench) -> Swept {
    bench.store.sweep(bench.clock.timestamp()).await.unwrap()
}

contract! {
    async fn what_is_alive_is_not_swept(bench: Bench) {
        let issued = bench.issue_in_slot(bench.issuance().await).await;
        let ended = bench.issue(bench.issuance().await).await.access_token;
        bench.store.end_anchor(Anchor::Token(ended.token.id)).await.unwrap();
        bench.clock.advance(3599);
        assert_eq!(sweep(&bench).await, Swept::default());
        assert!(bench.is_alive(issued.access_token.token.id).await);
        assert!(!bench.is_alive(ended.token.id).await);
        assert_eq!(bench.issue_in_slot(bench.issuance().await).await.access_token, issued.access_token);
    }

    async fn the_expired_goes_and_is_counted(bench: Bench) {
        let first = bench.issue_in_slot(bench.issuance().await).await;
        let second = bench.issue(bench.issuance().await).await;
        bench.store.end_anchor(Anchor::Token(second.access_token.token.id)).await.unwrap();
        bench.clock.advance(3600);
        let expected = Swept { access_tokens: 2, ends: 1, ..Swept::default() };
        assert_eq!(sweep(&bench).await, expected);
        let id = first.access_token.token.id;
        assert!(bench.store.look_up_access_token(id).await.unwrap().is_none());
        bench.clock.advance(86_400 - 3600);
        let expected = Swept { grants: 2, slots: 1, ..Swept::default() };
        assert_eq!(sweep(&bench).await, expected);
        let grant = first.refresh_token.unwrap().grant;
        assert!(bench.store.look_up_grant(grant).await.unwrap().is_none());
        assert_eq!(sweep(&bench).await, Swept::default());
    }

    async fn a_slot_whose_grant_lives_stays(bench: Bench) {
        let first = bench.issue_in_slot(bench.issuance().await).await;
        bench.clock.advance(3600);
        assert_eq!(sweep(&bench).await.access_tokens, 1);
        let next = bench.issue_in_slot(bench.issuance().await).await;
        assert_eq!(next.refresh_token, first.refresh_token);
    }

    async fn an_end_stays_while_anything_issued_before_it_can_live(bench: Bench) {
        let long = Issuance { grant: Some(lasting(1_000_000)), ..bench.issuance().await };
        let refresh_token = bench.issue(long).await.refresh_token.unwrap();
        bench.store.end_anchor(Anchor::Subject("u1".into())).await.unwrap();
        bench.clock.advance(999_999);
        assert_eq!(sweep(&bench).await.ends, 0);
        assert!(!bench.is_refreshable(refresh_token).await);
        // Bounds are kept to the hour.
        bench.clock.advance(3601);
        assert_eq!(sweep(&bench).await.ends, 1);
        assert!(!bench.is_refreshable(refresh_token).await);
    }

    async fn a_later_end_of_the_same_anchor_outlives_the_sweep_of_the_first(bench: Bench) {
        let user = Anchor::Subject("u1".into());
        bench.issue(bench.issuance().await).await;
        bench.store.end_anchor(user.clone()).await.unwrap();
        bench.clock.advance(86_000);
        let id = bench.issue(bench.issuance().await).await.access_token.token.id;
        bench.store.end_anchor(user).await.unwrap();
        bench.clock.advance(3599);
        assert_eq!(sweep(&bench).await.ends, 1);
        assert!(!bench.is_alive(id).await);
    }

    /// Even in a store that never issued anything.
    async fn an_end_stays_while_a_request_decided_before_it_is_on_its_way(bench: Bench) {
        bench.store.add_user(user("u1", "alice")).await.unwrap();
        let issuance = bench.issuance().await;
        bench.store.change_user("alice", UserChange::Lock).await.unwrap();
        bench.clock.advance(59);
        sweep(&bench).await;
        let outcome = bench.store.issue(issuance).await.unwrap();
        assert!(all_issued(vec![outcome]).is_empty());
    }

    /// The callers come one after another, while sweeps look for slots that are empty.
    async fn a_slot_that_is_filled_again_beside_a_sweep_keeps_its_token(bench: Bench) {
        let base = Issuance { grant: None, ..bench.issuance().await };
        let in_slot = |number: usize| Issuance {
            subject: number.to_string().as_str().into(),
            ..base.clone()
        };
        for round in 0..5 {
            for number in 0..CALLERS {
                bench.issue_in_slot(in_slot(number)).await;
            }
            bench.clock.advance(3600);
            let now = bench.clock.timestamp();
            let tokens = race(|number| {
                let (store, issuance) = (Arc::clone(&bench.store), in_slot(number));
                async move {
                    if number % 8 == 0 {
                        store.sweep(now).await.unwrap();
                    }
                    for _ in 0..number / 8 {
                        store.probe().await.unwrap();
                    }
                    issued(store.issue_in_slot(issuance).await.unwrap()).access_token
                }
            })
            .await;
            for (number, token) in tokens.into_iter().enumerate() {
                let again = bench.issue_in_slot(in_slot(number)).await;
                assert_eq!(again.access_token, token, "slot {number} in round {round}");
            }
            bench.clock.advance(3600);
        }
    }

    async fn a_sweep_beside_64_callers_removes_nothing_that_lives(bench: Bench) {
        let issuance = bench.issuance().await;
        let short = Issuance { grant: Some(lasting(1)), ..issuance.clone() };
        let prolonged = bench.issue_in_slot(short.clone()).await.refresh_token.unwrap();
        for _ in 0..200 {
            let expiring = Issuance {
                access_token: tokenbind_issuer::store::AccessTokenTerms {
                    lifetime: 1,
                    ..short.access_token
                },
                ..short.clone()
            };
            bench.issue(expiring).await;
        }
        let kept = bench.issue_in_slot(issuance.clone()).await.refresh_token.unwrap();
        assert_eq!(kept, prolonged);
        bench.clock.advance(2);
        let now = bench.clock.timestamp();
        let answers = race(|number| {
            let (store, issuance) = (Arc::clone(&bench.store), issuance.clone());
            async move {
                match number % 4 {
                    0 => {
                        let swept = store.sweep(now).await.unwrap();
                        (None, swept.access_tokens)
                    }
                    1 => (Some(issued(store.issue_in_slot(issuance).await.unwrap())), 0),
                    2 => {
                        let issued = issued(store.issue(issuance).await.unwrap());
                        let presented = issued.refresh_token.unwrap();
                        let again = store.refresh(refresh(presented, ROTATED)).await.unwrap();
                        (Some(refreshed(again)), 0)
                    }
                    _ => (Some(issued(store.issue(issuance).await.unwrap())), 0),
                }
            }
        })
        .await;
        let swept: u64 = answers.iter().map(|(_, swept)| swept).sum();
        assert_eq!(swept, 200);
        let issued: Vec<_> = answers.into_iter().filter_map(|(issued, _)| issued).collect();
        assert_eq!(issued.len(), CALLERS / 4 * 3);
        for issued in issued {
            assert!(bench.is_alive(issued.access_token.token.id).await);
            assert!(bench.is_refreshable(issued.refresh_token.unwrap()).await);
        }
    }
}
