//! How login sessions end, and what ends with them.

use std::sync::Arc;

use tokenbind_binding::{Anchor, SessionId, anchor::Dead};
use tokenbind_issuer::{
    login::Login,
    session::LoginSession,
    store::{
        EndedSession, Issuance, Issued,
        UserChange::{self, Delete, Lock},
    },
};

use crate::{
    logins::{at, redeemed, to_session},
    support::{Bench, IDLE, race},
};

/// Tokens of the session that end at its logout, whatever they are bound to.
async fn tied(bench: &Bench, session: &LoginSession) -> Issued {
    let mut request = bench.code_request(session).await;
    request.code.login = Arc::new(Login { ends_tokens: true, ..Login::clone(&request.code.login) });
    let (code, _) = bench.issue_code(request).await;
    redeemed(bench.redeem(code).await)
}

/// Tokens of the session that outlive it.
async fn loose(bench: &Bench, session: &LoginSession) -> Issued {
    let code = bench.code(session).await;
    redeemed(bench.redeem(code).await)
}

/// Tokens that are bound to the session.
async fn bound(bench: &Bench, session: &LoginSession) -> Issued {
    let code = bench.code(session).await;
    redeemed(bench.redeem_bound(code, to_session(session)).await)
}

async fn lives(bench: &Bench, issued: &Issued) -> [bool; 2] {
    let refresh_token = issued.refresh_token.unwrap();
    [bench.is_alive(issued.access_token.token.id).await, bench.is_refreshable(refresh_token).await]
}

/// Authorizes three applications in the session, one of which is not told of logouts.
async fn with_three_applications(bench: &Bench, session: &LoginSession) {
    for (client_id, told) in [("told-1", true), ("silent", false), ("told-2", true)] {
        bench.with_application(client_id, told).await;
        for _ in 0..2 {
            let mut request = bench.code_request(session).await;
            request.code.client_id = client_id.into();
            bench.issue_code(request).await;
        }
    }
}

/// The applications that are told of the end of this session.
async fn told(bench: &Bench, session: &LoginSession) -> Vec<String> {
    let mut told = Vec::new();
    for delivery in bench.logouts_due().await {
        assert_eq!((delivery.session, delivery.attempt), (session.session.id, 1));
        assert_eq!(delivery.subject, session.session.subject);
        told.push(delivery.client_id.as_str().to_owned());
    }
    told
}

fn password(spared: Option<SessionId>) -> UserChange {
    UserChange::Password { hash: String::new(), spared }
}

contract! {
    async fn a_logout_ends_the_session_once_and_its_tokens_where_they_hang_from_it(bench: Bench) {
        let session = bench.log_in().await;
        let [tied, loose, bound] = [
            tied(&bench, &session).await,
            loose(&bench, &session).await,
            bound(&bench, &session).await,
        ];
        let ended = bench.store.end_session(session.session.id).await.unwrap().unwrap();
        assert_eq!(ended.session.session.id, session.session.id);
        assert_eq!(ended.applications, ["app".into()]);
        assert!(!bench.session_lives(session.session.id).await);
        assert_eq!(lives(&bench, &tied).await, [false, false]);
        assert_eq!(lives(&bench, &bound).await, [false, false]);
        assert_eq!(lives(&bench, &loose).await, [true, true]);
        assert!(bench.store.end_session(session.session.id).await.unwrap().is_none());
        assert!(bench.store.look_up_session(session.session.id).await.unwrap().is_none());
    }

    async fn a_logout_touches_no_other_session(bench: Bench) {
        let (session, other) = (bench.log_in().await, bench.log_in().await);
        let issued = bound(&bench, &other).await;
        bench.store.end_session(session.session.id).await.unwrap().unwrap();
        assert!(bench.session_lives(other.session.id).await);
        assert_eq!(lives(&bench, &issued).await, [true, true]);
    }

    async fn one_of_64_logouts_ends_the_session(bench: Bench) {
        let session = bench.log_in().await;
        with_three_applications(&bench, &session).await;
        let answers = race(|_| {
            let (store, id) = (Arc::clone(&bench.store), session.session.id);
            async move { store.end_session(id).await.unwrap() }
        })
        .await;
        let ended: Vec<EndedSession> = answers.into_iter().flatten().collect();
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].applications, ["silent".into(), "told-1".into(), "told-2".into()]);
        assert_eq!(told(&bench, &session).await, ["told-1", "told-2"]);
    }

    async fn every_way_to_end_a_session_tells_its_applications_once(bench: Bench) {
        bench.with_users().await;
        let by_anchor = |anchor: Anchor| {
            let store = Arc::clone(&bench.store);
            async move { drop(store.end_anchor(anchor).await.unwrap()) }
        };
        for way in 0..7 {
            let session = bench.log_in().await;
            with_three_applications(&bench, &session).await;
            let id = session.session.id;
            match way {
                0 => drop(bench.store.end_session(id).await.unwrap()),
                1 => by_anchor(Anchor::Session(id)).await,
                2 => by_anchor(Anchor::Subject("u1".into())).await,
                3 => drop(bench.store.change_user("alice", Lock).await.unwrap()),
                4 => drop(bench.store.change_user("alice", password(None)).await.unwrap()),
                5 => {
                    bench.clock.advance(IDLE);
                    assert_eq!(bench.store.sweep_sessions(bench.clock.timestamp()).await.unwrap(), 1);
                }
                _ => drop(bench.store.change_user("alice", Delete).await.unwrap()),
            }
            assert!(!bench.session_lives(id).await, "way {way}");
            assert!(bench.store.look_up_session(id).await.unwrap().is_none(), "way {way}");
            let applications = told(&bench, &session).await;
            assert_eq!(applications, ["told-1", "told-2"], "way {way}");
            // What was claimed is due again only later.
            let again = bench.store.end_session(id).await.unwrap();
            assert!(again.is_none(), "way {way}");
            assert!(bench.logouts_due().await.is_empty(), "way {way}");
            for client_id in ["told-1", "told-2", "silent"] {
                bench.store.delete_application(&client_id.into()).await.unwrap();
            }
        }
    }

    async fn an_end_by_its_anchor_ends_what_a_logout_would(bench: Bench) {
        for anchor in [false, true] {
            let session = bench.log_in().await;
            let [tied, bound] = [tied(&bench, &session).await, bound(&bench, &session).await];
            let anchor = if anchor {
                Anchor::Session(session.session.id)
            } else {
                Anchor::Subject("u1".into())
            };
            let end = bench.store.end_anchor(anchor.clone()).await.unwrap();
            assert_eq!((end.anchor, end.spared), (anchor, None));
            assert_eq!(lives(&bench, &tied).await, [false, false]);
            assert_eq!(lives(&bench, &bound).await, [false, false]);
        }
    }

    async fn a_password_change_spares_the_session_that_makes_it_and_no_other(bench: Bench) {
        bench.with_users().await;
        let (spared, other) = (bench.log_in().await, bench.log_in().await);
        let [kept, bound_and_kept, gone, bound_and_gone] = [
            loose(&bench, &spared).await,
            bound(&bench, &spared).await,
            loose(&bench, &other).await,
            bound(&bench, &other).await,
        ];
        let outside = bench.issue(bench.issuance().await).await;
        bench.store.change_user("alice", password(Some(spared.session.id))).await.unwrap();
        assert!(bench.session_lives(spared.session.id).await);
        assert!(!bench.session_lives(other.session.id).await);
        assert_eq!(lives(&bench, &kept).await, [true, true]);
        assert_eq!(lives(&bench, &bound_and_kept).await, [true, true]);
        assert_eq!(lives(&bench, &gone).await, [false, false]);
        assert_eq!(lives(&bench, &bound_and_gone).await, [false, false]);
        assert_eq!(lives(&bench, &outside).await, [false, false]);
        let listed = bench.store.list_sessions(&"u1".into(), at(0)).await.unwrap();
        assert_eq!(listed, [spared]);
    }

    /// The latest end of a user decides. It must not spare what an earlier one has ended.
    async fn a_session_that_is_over_is_not_spared(bench: Bench) {
        bench.with_users().await;
        let session = bench.log_in().await;
        let issued = loose(&bench, &session).await;
        bench.store.change_user("alice", Lock).await.unwrap();
        bench.store.change_user("alice", password(Some(session.session.id))).await.unwrap();
        assert_eq!(lives(&bench, &issued).await, [false, false]);
        assert!(!bench.session_lives(session.session.id).await);
    }

    async fn the_session_of_another_user_spares_nothing_and_is_left_alone(bench: Bench) {
        bench.with_users().await;
        let session = bench.log_in().await;
        let issued = loose(&bench, &session).await;
        let of_bob = Issuance { subject: "u2".into(), ..bench.issuance().await };
        let of_bob = bench.issue(of_bob).await;
        bench.store.change_user("bob", password(Some(session.session.id))).await.unwrap();
        assert_eq!(lives(&bench, &of_bob).await, [false, false]);
        let connected = bench.store.list_connections(&"u2".into(), at(0)).await.unwrap();
        assert!(connected.is_empty());
        assert_eq!(lives(&bench, &issued).await, [true, true]);
        assert!(bench.session_lives(session.session.id).await);
    }

    async fn a_session_that_idled_out_ends_at_once_what_is_bound_to_it_and_nothing_else(bench: Bench) {
        let session = bench.log_in().await;
        let [tied, bound] = [tied(&bench, &session).await, bound(&bench, &session).await];
        for swept in [false, true] {
            if swept {
                assert_eq!(bench.store.sweep_sessions(bench.clock.timestamp()).await.unwrap(), 1);
            } else {
                bench.clock.advance(IDLE);
            }
            assert_eq!(lives(&bench, &bound).await, [false, false], "swept: {swept}");
            assert_eq!(lives(&bench, &tied).await, [true, true], "swept: {swept}");
        }
        let found = bench.store.look_up_access_token(bound.access_token.token.id).await.unwrap().unwrap();
        let token = &found.record.token;
        let verdict = token.judge(&found.ends[..], found.session.as_ref(), bench.clock.timestamp());
        assert_eq!(verdict, Err(Dead::SessionOver));
    }

    /// The user says so, be it late.
    async fn a_logout_after_the_session_idled_out_ends_its_tokens_all_the_same(bench: Bench) {
        for swept in [false, true] {
            let session = bench.log_in().await;
            let [tied, loose] = [tied(&bench, &session).await, loose(&bench, &session).await];
            bench.clock.advance(IDLE);
            if swept {
                bench.store.sweep_sessions(bench.clock.timestamp()).await.unwrap();
            }
            assert!(bench.store.end_session(session.session.id).await.unwrap().is_none());
            assert_eq!(lives(&bench, &tied).await, [false, false], "swept: {swept}");
            assert_eq!(lives(&bench, &loose).await, [true, true], "swept: {swept}");
        }
    }

    async fn an_application_that_is_gone_is_not_told(bench: Bench) {
        let session = bench.log_in().await;
        with_three_applications(&bench, &session).await;
        bench.store.delete_application(&"told-1".into()).await.unwrap();
        // The name may be given again, to one that nobody let in.
        bench.with_application("told-1", true).await;
        let ended = bench.store.end_session(session.session.id).await.unwrap().unwrap();
        assert_eq!(ended.applications, ["silent".into(), "told-2".into()]);
        assert_eq!(told(&bench, &session).await, ["told-2"]);
    }

    async fn of_64_sweeps_one_removes_the_session_and_its_applications_are_told_once(bench: Bench) {
        let session = bench.log_in().await;
        with_three_applications(&bench, &session).await;
        bench.clock.advance(IDLE);
        let now = bench.clock.timestamp();
        let swept = race(|_| {
            let store = Arc::clone(&bench.store);
            async move { store.sweep_sessions(now).await.unwrap() }
        })
        .await;
        assert_eq!(swept.into_iter().sum::<u64>(), 1);
        assert_eq!(told(&bench, &session).await, ["told-1", "told-2"]);
    }

    /// A sweep of the past removes nothing, and neither does one that a use has overtaken.
    async fn a_session_that_was_used_meanwhile_is_not_swept(bench: Bench) {
        let session = bench.log_in().await;
        bench.clock.advance(IDLE - 1);
        bench.store.use_session(session.session.id, IDLE).await.unwrap();
        bench.clock.advance(1);
        assert_eq!(bench.store.sweep_sessions(bench.clock.timestamp()).await.unwrap(), 0);
        assert!(bench.session_lives(session.session.id).await);
    }
}
