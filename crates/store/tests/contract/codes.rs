//! Issuing authorization codes.

use tokenbind_binding::{Anchor, Instant, SessionId};
use tokenbind_issuer::store::{
    CodeOutcome, CodeRequest, SessionStart,
    UserChange::{self, Delete, Lock},
};

use crate::{
    logins::{CODE, at, code, started},
    support::{Bench, IDLE, scope},
};

async fn outcome(bench: &Bench, request: CodeRequest) -> CodeOutcome {
    bench.store.issue_code(request).await.unwrap()
}

contract! {
    async fn a_code_is_found_as_it_was_issued(bench: Bench) {
        let session = bench.log_in().await;
        let id = bench.code(&session).await;
        let recorded = bench.store.look_up_code(id).await.unwrap().unwrap();
        assert_eq!(recorded.code, code(&session));
        assert_eq!(recorded.expires_at, at(CODE));
        assert!(id.instant() > session.session.id.instant());
    }

    async fn two_codes_are_never_the_same(bench: Bench) {
        let session = bench.log_in().await;
        assert_ne!(bench.code(&session).await, bench.code(&session).await);
    }

    async fn a_code_counts_as_a_use_of_its_session(bench: Bench) {
        let session = bench.log_in().await;
        bench.clock.advance(IDLE - 1);
        bench.code(&session).await;
        bench.clock.advance(IDLE - 1);
        assert!(bench.session_lives(session.session.id).await);
        bench.clock.advance(1);
        assert!(!bench.session_lives(session.session.id).await);
    }

    async fn a_session_that_is_over_gives_no_code(bench: Bench) {
        let (ended, idle) = (bench.log_in().await, bench.log_in().await);
        bench.store.end_session(ended.session.id).await.unwrap();
        let request = bench.code_request(&ended).await;
        assert_eq!(outcome(&bench, request).await, CodeOutcome::SessionOver);
        bench.clock.advance(IDLE);
        let request = bench.code_request(&idle).await;
        assert_eq!(outcome(&bench, request).await, CodeOutcome::SessionOver);
        let mut unknown = bench.log_in().await.as_ref().clone();
        unknown.session.id = SessionId::new(Instant::from_micros(7), [7; 8]);
        let request = bench.code_request(&unknown).await;
        assert_eq!(outcome(&bench, request).await, CodeOutcome::SessionOver);
    }

    async fn the_session_of_another_user_gives_no_code(bench: Bench) {
        let session = bench.log_in().await;
        let mut request = bench.code_request(&session).await;
        request.code.subject = "u2".into();
        assert_eq!(outcome(&bench, request).await, CodeOutcome::SessionOver);
    }

    async fn what_ended_after_the_facts_were_read_gives_no_code(bench: Bench) {
        for anchor in [
            Anchor::Application("app".into()),
            Anchor::Consent("u1".into(), "app".into()),
        ] {
            let session = bench.log_in().await;
            let request = bench.code_request(&session).await;
            bench.store.end_anchor(anchor.clone()).await.unwrap();
            assert_eq!(outcome(&bench, request).await, CodeOutcome::Ended, "{anchor:?}");
            // Decided anew, there is nothing against it.
            bench.code(&session).await;
        }
    }

    async fn the_end_of_the_user_gives_no_code_unless_the_session_is_spared(bench: Bench) {
        bench.with_users().await;
        let (spared, other) = (bench.log_in().await, bench.log_in().await);
        let requests = [bench.code_request(&spared).await, bench.code_request(&other).await];
        let password =
            UserChange::Password { hash: String::new(), spared: Some(spared.session.id) };
        bench.store.change_user("alice", password).await.unwrap();
        let [of_spared, of_other] = requests;
        assert!(matches!(outcome(&bench, of_spared.clone()).await, CodeOutcome::Issued { .. }));
        assert_eq!(outcome(&bench, of_other).await, CodeOutcome::SessionOver);
        for change in [Lock, Delete] {
            bench.store.change_user("alice", change).await.unwrap();
            assert_eq!(outcome(&bench, of_spared.clone()).await, CodeOutcome::SessionOver);
        }
    }

    /// The latest end spares the session, but one before it ended the user after the facts were read.
    async fn facts_from_before_the_session_are_outdated_also_where_it_is_spared(bench: Bench) {
        bench.with_users().await;
        let password = |spared| UserChange::Password { hash: String::new(), spared };
        let as_of = bench.as_of().await;
        bench.store.change_user("alice", password(None)).await.unwrap();
        let session = bench.log_in().await;
        bench.store.change_user("alice", password(Some(session.session.id))).await.unwrap();
        let request = CodeRequest { as_of, ..bench.code_request(&session).await };
        assert_eq!(outcome(&bench, request).await, CodeOutcome::Ended);
        bench.code(&session).await;
    }

    async fn a_refused_code_remembers_no_consent_and_no_application(bench: Bench) {
        let session = bench.log_in().await;
        let mut request = bench.code_request(&session).await;
        request.consented = Some(scope("openid"));
        bench.store.end_anchor(Anchor::Application("app".into())).await.unwrap();
        assert_eq!(outcome(&bench, request).await, CodeOutcome::Ended);
        assert_eq!(bench.store.find_consent(&"u1".into(), &"app".into()).await.unwrap(), None);
        let ended = bench.store.end_session(session.session.id).await.unwrap().unwrap();
        assert!(ended.applications.is_empty());
    }

    async fn a_renewed_session_still_gives_codes(bench: Bench) {
        let session = bench.log_in().await;
        let again = SessionStart { previous: Some(session.session.id), ..bench.session_start().await };
        bench.store.start_session(again).await.unwrap();
        bench.code(&session).await;
        let fresh = started(bench.store.start_session(bench.session_start().await).await.unwrap());
        bench.code(&fresh).await;
    }
}
