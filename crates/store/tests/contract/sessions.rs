//! Login sessions: how they start, are used and are found.

use std::sync::Arc;

use tokenbind_issuer::store::{
    SessionOutcome, SessionStart,
    UserChange::{self, Delete, Lock},
};

use crate::{
    logins::{ABSOLUTE, at, renewed, started},
    support::{Bench, IDLE, race},
};

/// A login of `u2`.
async fn start_of_bob(bench: &Bench) -> SessionStart {
    SessionStart { subject: "u2".into(), username: "bob".into(), ..bench.session_start().await }
}

contract! {
    async fn a_session_is_found_as_it_was_started(bench: Bench) {
        let session = bench.log_in().await;
        assert_eq!(session.session.subject, "u1".into());
        assert_eq!((session.session.idle_until, session.session.absolute_until), (at(IDLE), at(ABSOLUTE)));
        assert_eq!((&*session.facts.username, session.facts.auth_time), ("alice", at(0)));
        assert_eq!(session.facts.user_agent.as_deref(), Some("Mozilla/5.0"));
        for _ in 0..2 {
            let found = bench.store.look_up_session(session.session.id).await.unwrap().unwrap();
            assert_eq!(found.record, session);
            assert!(found.ends.is_empty());
        }
    }

    async fn two_logins_are_two_sessions(bench: Bench) {
        let (one, other) = (bench.log_in().await, bench.log_in().await);
        assert_ne!(one.session.id, other.session.id);
        assert!(bench.session_lives(one.session.id).await);
        assert!(bench.session_lives(other.session.id).await);
    }

    async fn a_session_dies_without_use_and_a_use_lets_it_live_on(bench: Bench) {
        let [used, unused] = [bench.log_in().await, bench.log_in().await].map(|session| session.session.id);
        bench.clock.advance(IDLE - 1);
        assert!(bench.session_lives(unused).await);
        bench.store.use_session(used, IDLE).await.unwrap();
        bench.clock.advance(1);
        assert!(!bench.session_lives(unused).await);
        bench.clock.advance(IDLE - 2);
        assert!(bench.session_lives(used).await);
        bench.clock.advance(1);
        assert!(!bench.session_lives(used).await);
    }

    async fn no_use_lets_a_session_live_beyond_its_absolute_end(bench: Bench) {
        let id = bench.log_in().await.session.id;
        for _ in 0..ABSOLUTE / 1000 - 1 {
            bench.clock.advance(1000);
            bench.store.use_session(id, IDLE).await.unwrap();
        }
        bench.clock.advance(999);
        assert!(bench.session_lives(id).await);
        bench.store.use_session(id, IDLE).await.unwrap();
        bench.clock.advance(1);
        assert!(!bench.session_lives(id).await);
        assert_eq!(bench.store.sweep_sessions(bench.clock.timestamp()).await.unwrap(), 1);
    }

    async fn a_use_of_a_dead_session_does_not_revive_it(bench: Bench) {
        let [idle, ended] = [bench.log_in().await, bench.log_in().await].map(|session| session.session.id);
        bench.store.end_session(ended).await.unwrap();
        bench.store.use_session(ended, IDLE).await.unwrap();
        assert!(!bench.session_lives(ended).await);
        bench.clock.advance(IDLE);
        bench.store.use_session(idle, IDLE).await.unwrap();
        assert!(!bench.session_lives(idle).await);
    }

    async fn a_short_use_never_shortens_a_session(bench: Bench) {
        let id = bench.log_in().await.session.id;
        bench.store.use_session(id, 1).await.unwrap();
        bench.clock.advance(IDLE - 1);
        assert!(bench.session_lives(id).await);
    }

    async fn the_same_user_again_renews_the_session_of_the_browser(bench: Bench) {
        let before = bench.log_in().await;
        assert!(bench.session_lives(before.session.id).await);
        bench.clock.advance(1000);
        let previous = Some(before.session.id);
        let user_agent = Some("Firefox".into());
        let again = SessionStart { previous, user_agent, ..bench.session_start().await };
        let after = renewed(bench.store.start_session(again).await.unwrap());
        assert_eq!(after.session.id, before.session.id);
        assert_eq!((after.facts.auth_time, after.session.idle_until), (at(1000), at(1000 + IDLE)));
        assert_eq!(after.session.absolute_until, before.session.absolute_until);
        assert_eq!(after.facts.user_agent.as_deref(), Some("Firefox"));
        // Not what was looked up before the renewal.
        let found = bench.store.look_up_session(before.session.id).await.unwrap().unwrap();
        assert_eq!(found.record, after);
    }

    async fn a_renewal_does_not_go_beyond_the_absolute_end(bench: Bench) {
        let before = SessionStart { absolute: IDLE + 10, ..bench.session_start().await };
        let before = started(bench.store.start_session(before).await.unwrap());
        bench.clock.advance(1000);
        let previous = Some(before.session.id);
        let again = SessionStart { previous, ..bench.session_start().await };
        let after = renewed(bench.store.start_session(again).await.unwrap());
        assert_eq!(after.session.idle_until, at(IDLE + 10));
    }

    async fn a_dead_session_is_never_renewed(bench: Bench) {
        let [idle, ended] = [bench.log_in().await, bench.log_in().await].map(|session| session.session.id);
        bench.store.end_session(ended).await.unwrap();
        bench.clock.advance(IDLE);
        for previous in [Some(idle), Some(ended)] {
            let start = SessionStart { previous, ..bench.session_start().await };
            let fresh = started(bench.store.start_session(start).await.unwrap());
            assert_ne!(Some(fresh.session.id), previous);
            assert!(!bench.session_lives(previous.unwrap()).await);
        }
    }

    async fn another_user_in_the_same_browser_ends_the_session_there(bench: Bench) {
        bench.with_application("told", true).await;
        let before = bench.log_in().await;
        let mut request = bench.code_request(&before).await;
        request.code.client_id = "told".into();
        bench.issue_code(request).await;
        let start = SessionStart { previous: Some(before.session.id), ..start_of_bob(&bench).await };
        let after = started(bench.store.start_session(start).await.unwrap());
        assert_ne!(after.session.id, before.session.id);
        assert_eq!(after.session.subject, "u2".into());
        assert!(!bench.session_lives(before.session.id).await);
        assert!(bench.store.end_session(before.session.id).await.unwrap().is_none());
        let told = bench.logouts_due().await;
        assert_eq!(told.iter().map(|told| told.session).collect::<Vec<_>>(), [before.session.id]);
    }

    async fn a_login_that_was_checked_before_the_user_ended_is_refused(bench: Bench) {
        bench.with_users().await;
        let before = bench.log_in().await;
        let password = UserChange::Password { hash: String::new(), spared: Some(before.session.id) };
        for change in [Lock, password, Delete] {
            let start = bench.session_start().await;
            bench.store.change_user("alice", change).await.unwrap();
            for previous in [None, Some(before.session.id)] {
                let start = SessionStart { previous, ..start.clone() };
                let outcome = bench.store.start_session(start).await.unwrap();
                assert!(matches!(outcome, SessionOutcome::Ended));
            }
        }
        assert!(bench.store.list_sessions(&"u1".into(), at(0)).await.unwrap().is_empty());
    }

    async fn the_living_sessions_of_a_user_are_listed_the_latest_first(bench: Bench) {
        bench.with_users().await;
        let idle = bench.log_in().await;
        bench.clock.advance(IDLE / 2);
        let (first, ended) = (bench.log_in().await, bench.log_in().await);
        let last = bench.log_in().await;
        started(bench.store.start_session(start_of_bob(&bench).await).await.unwrap());
        bench.store.end_session(ended.session.id).await.unwrap();
        bench.clock.advance(IDLE / 2);
        let listed = bench.store.list_sessions(&"u1".into(), bench.clock.timestamp()).await.unwrap();
        assert_eq!(listed, [last, first]);
        assert!(!bench.session_lives(idle.session.id).await);
    }

    /// However the callers interleave, the session ends up with the furthest end.
    async fn of_64_uses_renewals_and_looks_none_is_lost(bench: Bench) {
        let session = bench.log_in().await;
        bench.clock.advance(100);
        let again = SessionStart { previous: Some(session.session.id), ..bench.session_start().await };
        race(|number| {
            let (store, again) = (Arc::clone(&bench.store), again.clone());
            let id = session.session.id;
            async move {
                match number % 4 {
                    0 => store.use_session(id, IDLE).await.unwrap(),
                    1 => drop(renewed(store.start_session(again).await.unwrap())),
                    _ => drop(store.look_up_session(id).await.unwrap()),
                }
            }
        })
        .await;
        let found = bench.store.look_up_session(session.session.id).await.unwrap().unwrap();
        assert_eq!(found.record.session.idle_until, at(100 + IDLE));
        assert_eq!(found.record.facts.auth_time, at(100));
    }
}
