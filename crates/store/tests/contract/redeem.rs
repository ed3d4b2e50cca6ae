//! Redeeming authorization codes.

use std::sync::Arc;

use tokenbind_binding::{Anchor, CodeId, Instant};
use tokenbind_issuer::{
    login::Login,
    store::{
        CodeRequest, Issuance, RedeemOutcome, Redemption, SessionStart,
        UserChange::{self, Delete, Lock},
    },
};

use crate::{
    logins::{
        CODE, code, cookie_value, offer, redeemed, redemption, started, to_cookie, to_session,
    },
    support::{Bench, IDLE, ROTATED, application, jwt, refresh, refreshed, renamed},
};

/// What speaks against the code, if anything does.
async fn refusal(bench: &Bench, code: CodeId) -> RedeemOutcome {
    let outcome = bench.redeem(code).await;
    assert!(!matches!(outcome, RedeemOutcome::Redeemed(_)), "{outcome:?}");
    outcome
}

contract! {
    async fn what_a_code_gives_says_what_was_authorized(bench: Bench) {
        let session = bench.log_in().await;
        let id = bench.code(&session).await;
        let issued = redeemed(bench.redeem_bound(id, to_session(&session)).await);
        let expected = code(&session);
        let record = &*issued.access_token;
        assert_eq!(record.pairwise, expected.pairwise);
        assert_eq!(record.login, Some(Arc::clone(&expected.login)));
        assert_eq!(record.token.session, Some(expected.login.token_session()));
        assert_eq!(record.token.bindings, to_session(&session));
        assert_eq!((&record.scope, &record.audience), (&expected.scope, &expected.audience));
        let found = bench.store.look_up_access_token(record.token.id).await.unwrap().unwrap();
        assert_eq!(found.record, issued.access_token);
        assert_eq!(found.session.as_ref(), Some(&session.session));
        let id = issued.refresh_token.unwrap().grant;
        assert_eq!(record.token.grant, Some(id));
        let found = bench.store.look_up_grant(id).await.unwrap().unwrap();
        assert_eq!(found.record.pairwise, expected.pairwise);
        assert_eq!(found.record.login, Some(expected.login));
        assert_eq!(found.session.as_ref(), Some(&session.session));
    }

    async fn a_token_that_needs_no_session_comes_without_its_record(bench: Bench) {
        let session = bench.log_in().await;
        let id = bench.code(&session).await;
        let issued = redeemed(bench.redeem(id).await);
        let id = issued.access_token.token.id;
        assert_eq!(bench.store.look_up_access_token(id).await.unwrap().unwrap().session, None);
    }

    async fn a_code_that_nobody_issued_is_unknown(bench: Bench) {
        let session = bench.log_in().await;
        let unknown = CodeId::new(Instant::from_micros(7), [7; 8]);
        let redemption = redemption(unknown, &code(&session));
        let outcome = bench.store.redeem_code(redemption).await.unwrap();
        assert!(matches!(outcome, RedeemOutcome::Unknown));
        assert!(bench.store.look_up_code(unknown).await.unwrap().is_none());
    }

    async fn a_code_expires(bench: Bench) {
        let session = bench.log_in().await;
        let [early, late] = [bench.code(&session).await, bench.code(&session).await];
        bench.clock.advance(CODE - 1);
        redeemed(bench.redeem(early).await);
        bench.clock.advance(1);
        assert!(matches!(refusal(&bench, late).await, RedeemOutcome::Expired));
    }

    async fn rfc6749_section_4_1_2_a_second_redemption_ends_what_came_of_the_first(bench: Bench) {
        let session = bench.log_in().await;
        for with_refresh_token in [true, false] {
            let id = bench.code(&session).await;
            let mut redemption = bench.redemption(id).await;
            if !with_refresh_token {
                redemption.issuance.grant = None;
            }
            let issued = redeemed(bench.store.redeem_code(redemption.clone()).await.unwrap());
            assert_eq!(issued.refresh_token.is_some(), with_refresh_token);
            let token = &issued.access_token.token;
            assert!(token.grant.is_some());
            assert!(bench.is_alive(token.id).await);
            for _ in 0..2 {
                let again = bench.store.redeem_code(redemption.clone()).await.unwrap();
                assert!(matches!(again, RedeemOutcome::AlreadyRedeemed));
                assert!(!bench.is_alive(token.id).await);
            }
            if let Some(refresh_token) = issued.refresh_token {
                assert!(!bench.is_refreshable(refresh_token).await);
            }
        }
    }

    async fn a_second_redemption_ends_also_what_was_refreshed_meanwhile(bench: Bench) {
        let session = bench.log_in().await;
        let id = bench.code(&session).await;
        let issued = redeemed(bench.redeem(id).await);
        let next = refreshed(bench.refresh(refresh(issued.refresh_token.unwrap(), ROTATED)).await);
        // Late, and after a sweep.
        bench.with_users().await;
        bench.clock.advance(CODE + 3600);
        bench.store.sweep(bench.clock.timestamp()).await.unwrap();
        assert!(matches!(refusal(&bench, id).await, RedeemOutcome::AlreadyRedeemed));
        assert!(!bench.is_refreshable(next.refresh_token.unwrap()).await);
    }

    async fn a_second_redemption_touches_no_other_code(bench: Bench) {
        let session = bench.log_in().await;
        let [id, other] = [bench.code(&session).await, bench.code(&session).await];
        redeemed(bench.redeem(id).await);
        let kept = redeemed(bench.redeem(other).await);
        refusal(&bench, id).await;
        assert!(bench.is_alive(kept.access_token.token.id).await);
        assert!(bench.is_refreshable(kept.refresh_token.unwrap()).await);
    }

    async fn a_code_of_a_session_that_was_ended_is_worthless_whatever_it_binds_to(bench: Bench) {
        let by_logout = bench.log_in().await;
        let id = bench.code(&by_logout).await;
        bench.store.end_session(by_logout.session.id).await.unwrap();
        assert!(matches!(refusal(&bench, id).await, RedeemOutcome::SessionOver));
        let outcome = bench.redeem_bound(id, to_session(&by_logout)).await;
        assert!(matches!(outcome, RedeemOutcome::SessionOver));
    }

    async fn a_code_of_a_session_that_idled_out_is_worthless_where_its_tokens_need_it(bench: Bench) {
        for swept in [false, true] {
            let session = bench.log_in().await;
            bench.clock.advance(IDLE - 1);
            let request = CodeRequest { session_idle: 0, ..bench.code_request(&session).await };
            let [bound, loose] =
                [bench.issue_code(request.clone()).await.0, bench.issue_code(request).await.0];
            bench.clock.advance(1);
            if swept {
                bench.store.sweep_sessions(bench.clock.timestamp()).await.unwrap();
            }
            let outcome = bench.redeem_bound(bound, to_session(&session)).await;
            assert!(matches!(outcome, RedeemOutcome::SessionOver), "{outcome:?}");
            redeemed(bench.redeem(loose).await);
        }
    }

    async fn a_code_is_worthless_once_what_it_hangs_from_has_ended(bench: Bench) {
        for anchor in [
            Anchor::Subject("u1".into()),
            Anchor::Application("app".into()),
            Anchor::Consent("u1".into(), "app".into()),
        ] {
            let session = bench.log_in().await;
            let id = bench.code(&session).await;
            bench.store.end_anchor(anchor.clone()).await.unwrap();
            let outcome = refusal(&bench, id).await;
            assert!(matches!(outcome, RedeemOutcome::Ended(ref ended) if *ended == anchor), "{outcome:?}");
        }
    }

    async fn a_code_is_worthless_once_the_cookie_that_it_binds_to_was_replaced(bench: Bench) {
        let session = bench.log_in().await;
        let bindings = to_cookie(cookie_value("first").reference);
        let mut request = bench.code_request(&session).await;
        request.cookie = Some(offer(None, "first"));
        let (id, _) = bench.issue_code(request.clone()).await;
        request.cookie = Some(offer(Some("first"), "unused"));
        let (kept, _) = bench.issue_code(request).await;
        redeemed(bench.redeem_bound(kept, bindings.clone()).await);
        // Another user in the same browser.
        let of_bob = SessionStart { subject: "u2".into(), ..bench.session_start().await };
        let bob = started(bench.store.start_session(of_bob).await.unwrap());
        let mut request = bench.code_request(&bob).await;
        request.cookie = Some(offer(Some("first"), "second"));
        bench.issue_code(request).await;
        let outcome = bench.redeem_bound(id, bindings).await;
        assert!(matches!(outcome, RedeemOutcome::Ended(Anchor::Binding(_))), "{outcome:?}");
    }

    async fn a_code_of_the_spared_session_survives_a_password_change(bench: Bench) {
        bench.with_users().await;
        let (spared, other) = (bench.log_in().await, bench.log_in().await);
        let [kept, gone] = [bench.code(&spared).await, bench.code(&other).await];
        let password =
            UserChange::Password { hash: String::new(), spared: Some(spared.session.id) };
        bench.store.change_user("alice", password).await.unwrap();
        redeemed(bench.redeem(kept).await);
        assert!(matches!(refusal(&bench, gone).await, RedeemOutcome::Ended(Anchor::Subject(_))));
    }

    async fn a_code_of_a_locked_or_removed_user_or_application_is_worthless(bench: Bench) {
        bench.with_users().await;
        let session = bench.log_in().await;
        let id = bench.code(&session).await;
        bench.store.delete_application(&"app".into()).await.unwrap();
        bench.store.register_application(application("app")).await.unwrap();
        assert!(matches!(refusal(&bench, id).await, RedeemOutcome::Ended(Anchor::Application(_))));
        for change in [Lock, Delete] {
            let session = bench.log_in().await;
            let id = bench.code(&session).await;
            bench.store.change_user("alice", change).await.unwrap();
            assert!(matches!(refusal(&bench, id).await, RedeemOutcome::Ended(Anchor::Subject(_))));
        }
    }

    async fn other_settings_of_the_application_do_not_matter_to_a_code(bench: Bench) {
        let session = bench.log_in().await;
        let id = bench.code(&session).await;
        let before = application("app");
        bench.store.update_application(&before, renamed(&before, "App")).await.unwrap();
        redeemed(bench.redeem(id).await);
    }

    async fn a_refused_redemption_leaves_the_code_unredeemed(bench: Bench) {
        let session = bench.log_in().await;
        let id = bench.code(&session).await;
        bench.store.end_anchor(Anchor::Consent("u1".into(), "app".into())).await.unwrap();
        for _ in 0..2 {
            assert!(matches!(refusal(&bench, id).await, RedeemOutcome::Ended(_)));
        }
    }

    async fn tokens_of_a_code_end_at_the_logout_where_the_login_says_so(bench: Bench) {
        let session = bench.log_in().await;
        let mut request = bench.code_request(&session).await;
        request.code.login =
            Arc::new(Login { ends_tokens: true, ..Login::clone(&request.code.login) });
        let (id, _) = bench.issue_code(request).await;
        let redemption = bench.redemption(id).await;
        let redemption = Redemption {
            issuance: Issuance { access_token: jwt(), ..redemption.issuance.clone() },
            ..redemption
        };
        let issued = redeemed(bench.store.redeem_code(redemption).await.unwrap());
        assert!(bench.is_alive(issued.access_token.token.id).await);
        bench.store.end_session(session.session.id).await.unwrap();
        assert!(!bench.is_alive(issued.access_token.token.id).await);
        assert!(!bench.is_refreshable(issued.refresh_token.unwrap()).await);
    }
}
