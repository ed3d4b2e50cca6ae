//! Device authorizations: started, answered once, polled and redeemed once.

use tokenbind_binding::{Anchor, DeviceCodeId, Instant};
use tokenbind_issuer::{
    device::DeviceAnswer,
    store::{
        DeviceRedeemOutcome, DeviceReplyOutcome, DeviceStart, DeviceStartOutcome, GivenAnswer,
        PollOutcome, Recorded, SessionStart, Swept,
        UserChange::{self, Delete, Lock},
    },
};

use crate::{
    devices::{INTERVAL, LIFETIME, approval, asked, device_redeemed, kept_as, reference_of},
    logins::{at, started},
    support::{Bench, IDLE, application, scope},
};

async fn start(bench: &Bench, start: DeviceStart) -> DeviceStartOutcome {
    bench.store.start_device_authorization(start).await.unwrap()
}

async fn find(bench: &Bench, user_code: u8) -> Option<DeviceCodeId> {
    let found = bench.store.look_up_user_code(&[kept_as(user_code)]).await.unwrap();
    found.map(|(id, _)| id)
}

async fn sweep(bench: &Bench) -> Swept {
    bench.store.sweep(bench.clock.timestamp()).await.unwrap()
}

contract! {
    async fn what_was_asked_for_is_found_by_either_code(bench: Bench) {
        let device = bench.device(1).await;
        let kept = bench.store.look_up_device_code(device).await.unwrap().unwrap();
        assert_eq!((kept.asked, kept.expires_at), (asked(), at(LIFETIME)));
        assert_eq!(kept.answer, None);
        let by_user_code = bench.store.look_up_user_code(&[kept_as(1)]).await.unwrap();
        let (id, Recorded { record, ends, .. }) = by_user_code.unwrap();
        assert_eq!((id, record.asked, ends.len()), (device, asked(), 0));
        assert_eq!(find(&bench, 2).await, None);
    }

    async fn a_user_code_is_found_in_any_form_that_it_may_be_kept_in(bench: Bench) {
        let device = bench.device(1).await;
        for forms in [[kept_as(2), kept_as(1)], [kept_as(1), kept_as(2)]] {
            let found = bench.store.look_up_user_code(&forms).await.unwrap().unwrap();
            assert_eq!(found.0, device);
        }
        assert!(bench.store.look_up_user_code(&[]).await.unwrap().is_none());
    }

    async fn rfc8628_section_6_1_a_user_code_that_another_device_shows_is_not_given_again(bench: Bench) {
        let first = bench.device(1).await;
        let taken = start(&bench, bench.device_start(&[1]).await).await;
        assert_eq!(taken, DeviceStartOutcome::NoCodeLeft);
        let second = start(&bench, bench.device_start(&[1, 1, 2]).await).await;
        assert!(matches!(second, DeviceStartOutcome::Started { user_code: 2, .. }), "{second:?}");
        // Also where it was kept in another form, before a rotation.
        let mut rotated = bench.device_start(&[]).await;
        rotated.user_codes = vec![vec![kept_as(3), kept_as(1)], vec![kept_as(4), kept_as(5)]];
        let third = start(&bench, rotated).await;
        assert!(matches!(third, DeviceStartOutcome::Started { user_code: 1, .. }), "{third:?}");
        assert_eq!(find(&bench, 1).await, Some(first));
        assert!(find(&bench, 4).await.is_some());
    }

    async fn a_user_code_is_free_again_when_its_time_is_over(bench: Bench) {
        let first = bench.device(1).await;
        bench.clock.advance(LIFETIME);
        let second = bench.device(1).await;
        assert_ne!(first, second);
        assert_eq!(find(&bench, 1).await, Some(second));
    }

    async fn rfc8628_section_3_5_a_poll_is_pending_and_one_that_comes_too_early_slows_down(bench: Bench) {
        let device = bench.device(1).await;
        assert_eq!(bench.poll(device).await, PollOutcome::Pending, "the first comes at any time");
        bench.clock.advance(INTERVAL - 1);
        assert_eq!(bench.poll(device).await, PollOutcome::Pending, "a little jitter");
        bench.clock.advance(INTERVAL - 2);
        assert_eq!(bench.poll(device).await, PollOutcome::SlowDown);
        bench.clock.advance(INTERVAL + 3);
        assert_eq!(bench.poll(device).await, PollOutcome::SlowDown, "10 seconds from now on");
        bench.clock.advance(14);
        assert_eq!(bench.poll(device).await, PollOutcome::Pending, "15 seconds from now on");
        bench.clock.advance(INTERVAL);
        assert_eq!(bench.poll(device).await, PollOutcome::SlowDown);
        assert_eq!(bench.poll(bench.device(2).await).await, PollOutcome::Pending, "another code");
    }

    async fn an_approval_is_told_at_once_and_as_often_as_it_is_asked_for(bench: Bench) {
        let session = bench.log_in().await;
        let device = bench.device(1).await;
        assert_eq!(bench.poll(device).await, PollOutcome::Pending);
        let outcome = bench.answer(device, &session, approval(&session)).await;
        assert_eq!(outcome, DeviceReplyOutcome::Answered);
        let DeviceAnswer::Approved(expected) = approval(&session) else { unreachable!() };
        for _ in 0..3 {
            let polled = bench.poll(device).await;
            let PollOutcome::Approved { approval, at } = polled else { panic!("{polled:?}") };
            assert_eq!(approval, expected);
            assert!(at > device.instant());
        }
    }

    async fn a_no_is_told_as_often_as_it_is_asked_for(bench: Bench) {
        let session = bench.log_in().await;
        let device = bench.device(1).await;
        let outcome = bench.answer(device, &session, DeviceAnswer::Denied).await;
        assert_eq!(outcome, DeviceReplyOutcome::Answered);
        for _ in 0..2 {
            assert_eq!(bench.poll(device).await, PollOutcome::Denied);
        }
        let outcome = bench.redeem_device(device, &session).await;
        assert!(matches!(outcome, DeviceRedeemOutcome::NotApproved), "{outcome:?}");
    }

    async fn the_first_answer_counts(bench: Bench) {
        let session = bench.log_in().await;
        for (user_code, first, second) in [
            (1, approval(&session), DeviceAnswer::Denied),
            (2, DeviceAnswer::Denied, approval(&session)),
        ] {
            let device = bench.device(user_code).await;
            let outcome = bench.answer(device, &session, first.clone()).await;
            assert_eq!(outcome, DeviceReplyOutcome::Answered);
            for late in [second, first.clone()] {
                let outcome = bench.answer(device, &session, late).await;
                assert_eq!(outcome, DeviceReplyOutcome::AnsweredBefore);
            }
            let kept = bench.store.look_up_device_code(device).await.unwrap().unwrap();
            assert!(matches!(kept.answer, Some(GivenAnswer { answer, .. }) if answer == first));
        }
    }

    async fn an_approval_is_remembered_as_a_consent_and_a_no_is_not(bench: Bench) {
        let session = bench.log_in().await;
        let consent = async || {
            bench.store.find_consent(&"u1".into(), &"app".into()).await.unwrap()
        };
        let device = bench.device(1).await;
        bench.answer(device, &session, DeviceAnswer::Denied).await;
        assert_eq!(consent().await, None);
        bench.approved_device(2, &session).await;
        assert_eq!(consent().await, Some(scope("mail openid")));
    }

    async fn an_answer_keeps_the_session_alive(bench: Bench) {
        let session = bench.log_in().await;
        let device = bench.device(1).await;
        bench.clock.advance(LIFETIME - 1);
        bench.answer(device, &session, approval(&session)).await;
        bench.clock.advance(IDLE - 1);
        assert!(bench.session_lives(session.session.id).await);
    }

    async fn only_a_living_session_of_that_user_answers(bench: Bench) {
        let session = bench.log_in().await;
        let device = bench.device(1).await;
        let mut reply = bench.device_reply(device, &session, approval(&session)).await;
        reply.subject = "u2".into();
        let outcome = bench.store.answer_device_authorization(reply.clone()).await.unwrap();
        assert_eq!(outcome, DeviceReplyOutcome::SessionOver);
        bench.store.end_session(session.session.id).await.unwrap();
        let outcome = bench.answer(device, &session, approval(&session)).await;
        assert_eq!(outcome, DeviceReplyOutcome::SessionOver);
        assert_eq!(bench.poll(device).await, PollOutcome::Pending);
    }

    async fn an_answer_on_facts_that_have_ended_is_none(bench: Bench) {
        bench.with_users().await;
        for (user_code, anchor) in [
            (1, Anchor::Consent("u1".into(), "app".into())),
            (2, Anchor::Application("app".into())),
        ] {
            let session = bench.log_in().await;
            let before = bench.device(user_code).await;
            let reply = bench.device_reply(before, &session, approval(&session)).await;
            bench.store.end_anchor(anchor.clone()).await.unwrap();
            let outcome = bench.store.answer_device_authorization(reply).await.unwrap();
            let expected = match anchor {
                Anchor::Application(_) => DeviceReplyOutcome::Over,
                _ => DeviceReplyOutcome::Ended,
            };
            assert_eq!(outcome, expected);
        }
    }

    async fn a_device_code_is_redeemed_once_and_again_changes_nothing(bench: Bench) {
        let session = bench.log_in().await;
        let device = bench.approved_device(1, &session).await;
        let issued = device_redeemed(bench.redeem_device(device, &session).await);
        let refresh_token = issued.refresh_token.unwrap();
        assert_eq!(issued.access_token.token.grant, Some(refresh_token.grant));
        for _ in 0..2 {
            let again = bench.redeem_device(device, &session).await;
            assert!(matches!(again, DeviceRedeemOutcome::AlreadyRedeemed), "{again:?}");
            assert_eq!(bench.poll(device).await, PollOutcome::Redeemed);
        }
        assert!(bench.is_alive(issued.access_token.token.id).await);
        assert!(bench.is_refreshable(refresh_token).await);
    }

    async fn nothing_comes_of_a_code_that_nobody_approved(bench: Bench) {
        let session = bench.log_in().await;
        let device = bench.device(1).await;
        let outcome = bench.redeem_device(device, &session).await;
        assert!(matches!(outcome, DeviceRedeemOutcome::NotApproved), "{outcome:?}");
        let unknown = DeviceCodeId::new(Instant::from_micros(7), [7; 8]);
        let outcome = bench.redeem_device(unknown, &session).await;
        assert!(matches!(outcome, DeviceRedeemOutcome::Expired), "{outcome:?}");
        assert_eq!(bench.poll(unknown).await, PollOutcome::Expired);
        let outcome = bench.answer(unknown, &session, DeviceAnswer::Denied).await;
        assert_eq!(outcome, DeviceReplyOutcome::Over);
    }

    async fn a_device_code_expires_approved_or_not(bench: Bench) {
        let session = bench.log_in().await;
        let (waiting, denied) = (bench.device(1).await, bench.device(2).await);
        bench.answer(denied, &session, DeviceAnswer::Denied).await;
        let approved = bench.approved_device(3, &session).await;
        bench.clock.advance(LIFETIME);
        let session = bench.log_in().await;
        for device in [waiting, denied, approved] {
            assert_eq!(bench.poll(device).await, PollOutcome::Expired);
            let outcome = bench.answer(device, &session, DeviceAnswer::Denied).await;
            assert_eq!(outcome, DeviceReplyOutcome::Over);
            let outcome = bench.redeem_device(device, &session).await;
            assert!(matches!(outcome, DeviceRedeemOutcome::Expired), "{outcome:?}");
        }
    }

    async fn an_approval_is_worthless_once_what_it_hangs_from_has_ended(bench: Bench) {
        for (user_code, anchor) in [
            (1, Anchor::Subject("u1".into())),
            (2, Anchor::Application("app".into())),
            (3, Anchor::Consent("u1".into(), "app".into())),
        ] {
            let session = bench.log_in().await;
            let device = bench.approved_device(user_code, &session).await;
            bench.store.end_anchor(anchor.clone()).await.unwrap();
            assert_eq!(bench.poll(device).await, PollOutcome::Ended(anchor.clone()));
            let outcome = bench.redeem_device(device, &session).await;
            assert!(
                matches!(outcome, DeviceRedeemOutcome::Ended(ref ended) if *ended == anchor),
                "{outcome:?}"
            );
        }
        let session = bench.log_in().await;
        let device = bench.approved_device(4, &session).await;
        bench.store.end_session(session.session.id).await.unwrap();
        let ended = Anchor::Session(session.session.id);
        assert_eq!(bench.poll(device).await, PollOutcome::Ended(ended));
    }

    async fn an_end_before_the_approval_does_not_concern_it(bench: Bench) {
        let device = bench.device(1).await;
        bench.store.end_anchor(Anchor::Consent("u1".into(), "app".into())).await.unwrap();
        bench.store.end_anchor(Anchor::Subject("u1".into())).await.unwrap();
        let session = bench.log_in().await;
        bench.answer(device, &session, approval(&session)).await;
        device_redeemed(bench.redeem_device(device, &session).await);
    }

    async fn a_code_that_an_operator_ended_is_worthless_before_and_after(bench: Bench) {
        let session = bench.log_in().await;
        let device = bench.approved_device(1, &session).await;
        let (other, kept) =
            (bench.approved_device(2, &session).await, bench.approved_device(3, &session).await);
        let issued = device_redeemed(bench.redeem_device(other, &session).await);
        let kept = device_redeemed(bench.redeem_device(kept, &session).await);
        for ended in [device, other] {
            bench.store.end_anchor(Anchor::Binding(reference_of(ended))).await.unwrap();
        }
        let outcome = bench.redeem_device(device, &session).await;
        assert!(matches!(outcome, DeviceRedeemOutcome::Ended(Anchor::Binding(_))), "{outcome:?}");
        assert!(!bench.is_alive(issued.access_token.token.id).await);
        assert!(!bench.is_refreshable(issued.refresh_token.unwrap()).await);
        assert!(bench.is_alive(kept.access_token.token.id).await, "the other device");
    }

    async fn an_approval_of_the_spared_session_survives_a_password_change(bench: Bench) {
        bench.with_users().await;
        let session = bench.log_in().await;
        let device = bench.approved_device(1, &session).await;
        let password =
            UserChange::Password { hash: String::new(), spared: Some(session.session.id) };
        bench.store.change_user("alice", password).await.unwrap();
        device_redeemed(bench.redeem_device(device, &session).await);
    }

    async fn an_approval_of_a_locked_or_removed_user_is_worthless(bench: Bench) {
        bench.with_users().await;
        for (user_code, change) in [(1, Lock), (2, Delete)] {
            let session = bench.log_in().await;
            let device = bench.approved_device(user_code, &session).await;
            bench.store.change_user("alice", change).await.unwrap();
            let polled = bench.poll(device).await;
            assert!(matches!(polled, PollOutcome::Ended(Anchor::Subject(_))), "{polled:?}");
        }
    }

    async fn an_application_that_ended_starts_nothing(bench: Bench) {
        let before = bench.device_start(&[1]).await;
        bench.store.end_anchor(Anchor::Application("app".into())).await.unwrap();
        assert_eq!(start(&bench, before).await, DeviceStartOutcome::Ended);
        bench.device(1).await;
    }

    async fn the_applications_of_approved_devices_are_told_of_the_logout(bench: Bench) {
        bench.with_application("told", true).await;
        let of_told = SessionStart { subject: "u2".into(), ..bench.session_start().await };
        let session = started(bench.store.start_session(of_told).await.unwrap());
        let mut device = bench.device_start(&[1]).await;
        device.asked.client_id = "told".into();
        let started = start(&bench, device).await;
        let DeviceStartOutcome::Started { id, .. } = started else { panic!("{started:?}") };
        bench.answer(id, &session, approval(&session)).await;
        bench.store.end_session(session.session.id).await.unwrap();
        let due = bench.logouts_due().await;
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].client_id, "told".into());
    }

    async fn device_authorizations_are_swept_when_their_time_is_over(bench: Bench) {
        bench.with_users().await;
        let session = bench.log_in().await;
        let (device, redeemed) = (bench.device(1).await, bench.approved_device(2, &session).await);
        device_redeemed(bench.redeem_device(redeemed, &session).await);
        bench.clock.advance(LIFETIME - 1);
        assert_eq!(sweep(&bench).await.device_authorizations, 0);
        assert_eq!(bench.poll(redeemed).await, PollOutcome::Redeemed);
        bench.clock.advance(1);
        assert_eq!(sweep(&bench).await.device_authorizations, 2);
        assert!(bench.store.look_up_device_code(device).await.unwrap().is_none());
        assert_eq!(find(&bench, 1).await, None);
    }

    async fn the_device_authorizations_of_a_removed_application_are_swept(bench: Bench) {
        let device = bench.device(1).await;
        bench.store.delete_application(&"app".into()).await.unwrap();
        bench.store.register_application(application("other")).await.unwrap();
        assert_eq!(sweep(&bench).await.device_authorizations, 1);
        assert!(bench.store.look_up_device_code(device).await.unwrap().is_none());
    }
}
