//! Logins, codes and logouts, 64 callers at once.

use std::sync::Arc;

use tokenbind_binding::{Anchor, SessionId};
use tokenbind_issuer::store::{
    CodeOutcome, Issued, RedeemOutcome, SessionOutcome, SessionStart,
    UserChange::{self, Delete, Lock},
};

use crate::{
    logins::{redemption, to_session},
    support::{Bench, CALLERS, race},
};

fn redeemed_ones(outcomes: Vec<RedeemOutcome>) -> Vec<Issued> {
    outcomes
        .into_iter()
        .filter_map(|outcome| match outcome {
            RedeemOutcome::Redeemed(issued) => Some(issued),
            _ => None,
        })
        .collect()
}

fn password(spared: Option<SessionId>) -> UserChange {
    UserChange::Password { hash: String::new(), spared }
}

contract! {
    async fn of_64_redemptions_of_one_code_one_wins_and_the_rest_end_its_grant(bench: Bench) {
        let session = bench.log_in().await;
        for in_slot in [false, true] {
            let code = bench.code(&session).await;
            let mut redemption = bench.redemption(code).await;
            redemption.in_slot = in_slot;
            let outcomes = race(|_| {
                let (store, redemption) = (Arc::clone(&bench.store), redemption.clone());
                async move { store.redeem_code(redemption).await.unwrap() }
            })
            .await;
            let again = outcomes
                .iter()
                .filter(|outcome| matches!(outcome, RedeemOutcome::AlreadyRedeemed))
                .count();
            assert_eq!(again, CALLERS - 1);
            let winners = redeemed_ones(outcomes);
            assert_eq!(winners.len(), 1);
            assert!(!bench.is_alive(winners[0].access_token.token.id).await);
            assert!(!bench.is_refreshable(winners[0].refresh_token.unwrap()).await);
        }
    }

    /// Each caller goes the whole way from the session to its tokens while somebody logs out.
    async fn nothing_that_is_issued_beside_a_logout_lives_under_the_dead_session(bench: Bench) {
        for _ in 0..5 {
            let session = bench.log_in().await;
            let request = bench.code_request(&session).await;
            let bindings = to_session(&session);
            let answers = race(|number| {
                let (store, request) = (Arc::clone(&bench.store), request.clone());
                let (bindings, id) = (bindings.clone(), session.session.id);
                async move {
                    if number % 16 == 7 {
                        for _ in 0..number / 16 {
                            store.probe().await.unwrap();
                        }
                        return (None, store.end_session(id).await.unwrap());
                    }
                    let recorded = request.code.clone();
                    let CodeOutcome::Issued { id, .. } = store.issue_code(request).await.unwrap()
                    else {
                        return (None, None);
                    };
                    let mut redemption = redemption(id, &recorded);
                    redemption.issuance.bindings = bindings;
                    (Some(store.redeem_code(redemption).await.unwrap()), None)
                }
            })
            .await;
            let (redeemed, ended): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
            assert_eq!(ended.into_iter().flatten().count(), 1);
            assert!(!bench.session_lives(session.session.id).await);
            for issued in redeemed_ones(redeemed.into_iter().flatten().collect()) {
                assert!(!bench.is_alive(issued.access_token.token.id).await);
                assert!(!bench.is_refreshable(issued.refresh_token.unwrap()).await);
            }
        }
    }

    async fn no_login_and_no_code_outlives_the_end_of_its_user(bench: Bench) {
        for round in 0..4 {
            bench.with_users().await;
            let session = bench.log_in().await;
            let start = bench.session_start().await;
            let request = bench.code_request(&session).await;
            let sessions = race(|number| {
                let store = Arc::clone(&bench.store);
                let (start, request) = (start.clone(), request.clone());
                async move {
                    if number == 20 {
                        match round {
                            0 => drop(store.change_user("alice", Lock).await.unwrap()),
                            1 => drop(store.change_user("alice", password(None)).await.unwrap()),
                            2 => drop(store.end_anchor(Anchor::Subject("u1".into())).await.unwrap()),
                            _ => drop(store.change_user("alice", Delete).await.unwrap()),
                        }
                        return (None, None);
                    }
                    if number % 2 == 0 {
                        let recorded = request.code.clone();
                        let CodeOutcome::Issued { id, .. } = store.issue_code(request).await.unwrap()
                        else {
                            return (None, None);
                        };
                        let redemption = redemption(id, &recorded);
                        return (None, Some(store.redeem_code(redemption).await.unwrap()));
                    }
                    match store.start_session(start).await.unwrap() {
                        SessionOutcome::Started(session) => (Some(session), None),
                        _ => (None, None),
                    }
                }
            })
            .await;
            let (sessions, codes): (Vec<_>, Vec<_>) = sessions.into_iter().unzip();
            for session in sessions.into_iter().flatten() {
                assert!(!bench.session_lives(session.session.id).await, "round {round}");
            }
            for issued in redeemed_ones(codes.into_iter().flatten().collect()) {
                assert!(!bench.is_alive(issued.access_token.token.id).await, "round {round}");
                assert!(!bench.is_refreshable(issued.refresh_token.unwrap()).await, "round {round}");
            }
            let now = bench.clock.timestamp();
            assert!(bench.store.list_sessions(&"u1".into(), now).await.unwrap().is_empty());
        }
    }

    async fn of_64_logins_beside_a_password_change_only_the_spared_session_lives(bench: Bench) {
        bench.with_users().await;
        let spared = bench.log_in().await;
        let start = bench.session_start().await;
        race(|number| {
            let (store, start) = (Arc::clone(&bench.store), start.clone());
            let id = spared.session.id;
            async move {
                if number == 30 {
                    store.change_user("alice", password(Some(id))).await.unwrap();
                } else {
                    drop(store.start_session(start).await.unwrap());
                }
            }
        })
        .await;
        let now = bench.clock.timestamp();
        assert_eq!(bench.store.list_sessions(&"u1".into(), now).await.unwrap(), [spared]);
    }

    /// Whoever comes first takes the browser's session away from the user who had it.
    async fn of_64_logins_in_one_browser_each_has_a_living_session_and_the_old_one_ends_once(bench: Bench) {
        bench.with_application("told", true).await;
        let before = bench.log_in().await;
        let mut request = bench.code_request(&before).await;
        request.code.client_id = "told".into();
        bench.issue_code(request).await;
        let start = SessionStart {
            subject: "u2".into(),
            previous: Some(before.session.id),
            ..bench.session_start().await
        };
        let outcomes = race(|_| {
            let (store, start) = (Arc::clone(&bench.store), start.clone());
            async move { store.start_session(start).await.unwrap() }
        })
        .await;
        for outcome in outcomes {
            let session = crate::logins::started(outcome);
            assert!(bench.session_lives(session.session.id).await);
        }
        assert!(!bench.session_lives(before.session.id).await);
        assert_eq!(bench.logouts_due().await.len(), 1);
    }
}
