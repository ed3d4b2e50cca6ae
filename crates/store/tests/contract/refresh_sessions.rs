//! Refreshing what needs a login session.

use std::sync::Arc;

use tokenbind_binding::{Anchor, RefreshTokenId, anchor::Dead};
use tokenbind_issuer::{
    grant::Rotation,
    session::LoginSession,
    store::{Refresh, RefreshOutcome},
};

use crate::{
    logins::{ABSOLUTE, redeemed, to_session},
    support::{Bench, IDLE, ROTATED, all_refreshed, race, refresh, refreshed},
};

async fn bound(bench: &Bench, session: &LoginSession) -> RefreshTokenId {
    let code = bench.code(session).await;
    redeemed(bench.redeem_bound(code, to_session(session)).await).refresh_token.unwrap()
}

contract! {
    async fn a_refresh_of_a_bound_grant_counts_as_a_use_of_its_session(bench: Bench) {
        let session = bench.log_in().await;
        let mut token = bound(&bench, &session).await;
        for _ in 0..3 {
            bench.clock.advance(IDLE - 1);
            let issued = refreshed(bench.refresh(refresh(token, ROTATED)).await);
            token = issued.refresh_token.unwrap();
            assert_eq!(issued.access_token.token.bindings, to_session(&session));
            assert!(bench.is_alive(issued.access_token.token.id).await);
        }
        bench.clock.advance(IDLE);
        assert!(!bench.session_lives(session.session.id).await);
    }

    async fn a_refresh_of_another_grant_does_not(bench: Bench) {
        let session = bench.log_in().await;
        let code = bench.code(&session).await;
        let token = redeemed(bench.redeem(code).await).refresh_token.unwrap();
        bench.clock.advance(IDLE - 1);
        refreshed(bench.refresh(refresh(token, ROTATED)).await);
        bench.clock.advance(1);
        assert!(!bench.session_lives(session.session.id).await);
    }

    async fn no_refresh_lets_the_session_live_beyond_its_absolute_end(bench: Bench) {
        let session = bench.log_in().await;
        let mut token = bound(&bench, &session).await;
        for _ in 0..ABSOLUTE / 1000 - 1 {
            bench.clock.advance(1000);
            token = refreshed(bench.refresh(refresh(token, ROTATED)).await).refresh_token.unwrap();
        }
        bench.clock.advance(1000);
        let outcome = bench.refresh(refresh(token, ROTATED)).await;
        assert!(matches!(outcome, RefreshOutcome::Dead(Dead::SessionOver)), "{outcome:?}");
    }

    /// Contract section 8: "session dead at refresh: `invalid_grant`, and the grant ends".
    async fn a_refresh_in_a_session_that_idled_out_ends_the_grant(bench: Bench) {
        for swept in [false, true] {
            let session = bench.log_in().await;
            let token = bound(&bench, &session).await;
            bench.clock.advance(IDLE);
            if swept {
                bench.store.sweep_sessions(bench.clock.timestamp()).await.unwrap();
            }
            for _ in 0..2 {
                let outcome = bench.refresh(refresh(token, ROTATED)).await;
                assert!(matches!(outcome, RefreshOutcome::Dead(Dead::SessionOver)), "{outcome:?}");
                let found = bench.store.look_up_grant(token.grant).await.unwrap().unwrap();
                let ended = found.ends.iter().filter(|end| end.anchor == Anchor::Grant(token.grant));
                assert_eq!(ended.count(), 1);
            }
        }
    }

    async fn a_refresh_after_the_logout_is_refused(bench: Bench) {
        let session = bench.log_in().await;
        let token = bound(&bench, &session).await;
        bench.store.end_session(session.session.id).await.unwrap();
        let outcome = bench.refresh(refresh(token, ROTATED)).await;
        assert!(matches!(outcome, RefreshOutcome::Dead(_)), "{outcome:?}");
    }

    async fn a_reused_token_is_no_use_of_the_session(bench: Bench) {
        let session = bench.log_in().await;
        let spent = bound(&bench, &session).await;
        refreshed(bench.refresh(refresh(spent, ROTATED)).await);
        bench.clock.advance(IDLE - 1);
        assert!(matches!(bench.refresh(refresh(spent, ROTATED)).await, RefreshOutcome::Reused));
        bench.clock.advance(1);
        assert!(!bench.session_lives(session.session.id).await);
    }

    async fn nothing_refreshed_beside_the_logout_lives_on(bench: Bench) {
        for _ in 0..5 {
            let session = bench.log_in().await;
            let token = bound(&bench, &session).await;
            let outcomes = race(|number| {
                let (store, id) = (Arc::clone(&bench.store), session.session.id);
                async move {
                    if number == 30 {
                        assert!(store.end_session(id).await.unwrap().is_some());
                        return None;
                    }
                    let refresh = Refresh { session_idle: IDLE, ..refresh(token, ROTATED) };
                    Some(store.refresh(refresh).await.unwrap())
                }
            })
            .await;
            let issued = all_refreshed(outcomes.into_iter().flatten().collect());
            let tokens: Vec<_> = issued.into_iter().map(|issued| issued.access_token).collect();
            assert_eq!(bench.count_alive(&tokens).await, 0);
            assert!(!bench.is_refreshable(token).await);
            assert!(!bench.session_lives(session.session.id).await);
        }
    }

    /// Sweeps that are a second ahead find the session over, unless a refresh was there before them.
    async fn a_session_is_swept_or_refreshed_but_never_both(bench: Bench) {
        for round in 0..20 {
            let session = bench.log_in().await;
            let token = bound(&bench, &session).await;
            bench.clock.advance(IDLE - 1);
            let ahead = bench.clock.timestamp().plus(1);
            let outcomes = race(|number| {
                let store = Arc::clone(&bench.store);
                async move {
                    if number % 4 != 0 {
                        store.sweep_sessions(ahead).await.unwrap();
                        return None;
                    }
                    Some(store.refresh(refresh(token, Rotation::Off)).await.unwrap())
                }
            })
            .await;
            let issued = all_refreshed(outcomes.into_iter().flatten().collect());
            let lives = bench.session_lives(session.session.id).await;
            assert_eq!(lives, !issued.is_empty(), "round {round}");
            let tokens: Vec<_> = issued.into_iter().map(|issued| issued.access_token).collect();
            assert_eq!(bench.count_alive(&tokens).await, tokens.len());
        }
    }
}
