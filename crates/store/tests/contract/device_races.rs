//! Device authorizations, 64 callers at once.

use std::{collections::HashSet, sync::Arc};

use tokenbind_binding::Anchor;
use tokenbind_issuer::{
    device::DeviceAnswer,
    store::{
        DeviceRedeemOutcome, DeviceReplyOutcome, DeviceStart, DeviceStartOutcome, PollOutcome,
    },
};

use crate::{
    devices::{approval, device_redemption, kept_as, polling},
    support::{Bench, CALLERS, jwt, race},
};

contract! {
    async fn of_64_redemptions_of_one_device_code_one_wins_and_its_grant_lives(bench: Bench) {
        let session = bench.log_in().await;
        for (user_code, in_slot) in [(1, false), (2, true)] {
            let device = bench.approved_device(user_code, &session).await;
            let mut redemption = device_redemption(device, &session);
            redemption.in_slot = in_slot;
            redemption.issuance.access_token = jwt();
            let outcomes = race(|_| {
                let (store, redemption) = (Arc::clone(&bench.store), redemption.clone());
                async move { store.redeem_device_code(redemption).await.unwrap() }
            })
            .await;
            let (mut issued, mut again) = (Vec::new(), 0);
            for outcome in outcomes {
                match outcome {
                    DeviceRedeemOutcome::Redeemed(one) => issued.push(one),
                    DeviceRedeemOutcome::AlreadyRedeemed => again += 1,
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!((issued.len(), again), (1, CALLERS - 1));
            assert!(bench.is_alive(issued[0].access_token.token.id).await);
            assert!(bench.is_refreshable(issued[0].refresh_token.unwrap()).await);
        }
    }

    async fn of_64_answers_yes_and_no_at_once_there_is_one(bench: Bench) {
        let session = bench.log_in().await;
        let device = bench.device(1).await;
        let yes = bench.device_reply(device, &session, approval(&session)).await;
        let no = bench.device_reply(device, &session, DeviceAnswer::Denied).await;
        let outcomes = race(|number| {
            let store = Arc::clone(&bench.store);
            let reply = if number % 2 == 0 { yes.clone() } else { no.clone() };
            async move { (store.answer_device_authorization(reply).await.unwrap(), number % 2 == 0) }
        })
        .await;
        let answered: Vec<_> = outcomes
            .iter()
            .filter(|(outcome, _)| *outcome == DeviceReplyOutcome::Answered)
            .map(|(_, yes)| *yes)
            .collect();
        assert_eq!(answered.len(), 1);
        let late = outcomes
            .iter()
            .filter(|(outcome, _)| *outcome == DeviceReplyOutcome::AnsweredBefore)
            .count();
        assert_eq!(late, CALLERS - 1);
        let polled = bench.poll(device).await;
        assert_eq!(matches!(polled, PollOutcome::Approved { .. }), answered[0], "{polled:?}");
        assert_eq!(matches!(polled, PollOutcome::Denied), !answered[0], "{polled:?}");
    }

    async fn of_64_polls_at_once_one_is_pending_and_each_other_slows_down(bench: Bench) {
        let start = DeviceStart { lifetime: 10_000, ..bench.device_start(&[1]).await };
        let started = bench.store.start_device_authorization(start).await.unwrap();
        let DeviceStartOutcome::Started { id: device, .. } = started else { panic!("{started:?}") };
        let outcomes = race(|_| {
            let store = Arc::clone(&bench.store);
            async move { store.poll_device_code(polling(device)).await.unwrap() }
        })
        .await;
        let pending = outcomes.iter().filter(|polled| **polled == PollOutcome::Pending).count();
        let slower = outcomes.iter().filter(|polled| **polled == PollOutcome::SlowDown).count();
        assert_eq!((pending, slower), (1, CALLERS - 1));
        // 5 seconds, and 5 more for each that came too early.
        bench.clock.advance(5 * CALLERS as u64 - 2);
        assert_eq!(bench.poll(device).await, PollOutcome::SlowDown);
        bench.clock.advance(5 * CALLERS as u64 + 5);
        assert_eq!(bench.poll(device).await, PollOutcome::Pending);
    }

    async fn of_64_devices_no_two_show_one_user_code(bench: Bench) {
        let offer: Vec<u8> = (1..=70).collect();
        let start = bench.device_start(&offer).await;
        let outcomes = race(|_| {
            let (store, start) = (Arc::clone(&bench.store), start.clone());
            async move { store.start_device_authorization(start).await.unwrap() }
        })
        .await;
        let places: HashSet<_> = outcomes
            .iter()
            .map(|outcome| match outcome {
                DeviceStartOutcome::Started { user_code, .. } => *user_code,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(places, (0..CALLERS).collect());
        for place in places {
            let shown = kept_as(offer[place]);
            assert!(bench.store.look_up_user_code(&[shown]).await.unwrap().is_some());
        }
    }

    async fn a_logout_among_redemptions_leaves_nothing_alive_that_ends_with_it(bench: Bench) {
        let session = bench.log_in().await;
        let device = bench.approved_device(1, &session).await;
        let mut redemption = device_redemption(device, &session);
        let mut login = crate::logins::login(&session);
        login.ends_tokens = true;
        redemption.issuance.login = Some(Arc::new(login));
        let outcomes = race(|number| {
            let (store, redemption) = (Arc::clone(&bench.store), redemption.clone());
            let session = session.session.id;
            async move {
                if number == 0 {
                    store.end_session(session).await.unwrap();
                    return None;
                }
                Some(store.redeem_device_code(redemption).await.unwrap())
            }
        })
        .await;
        for outcome in outcomes.into_iter().flatten() {
            match outcome {
                DeviceRedeemOutcome::Redeemed(issued) => {
                    assert!(!bench.is_alive(issued.access_token.token.id).await);
                }
                DeviceRedeemOutcome::AlreadyRedeemed => {}
                DeviceRedeemOutcome::Ended(anchor) => {
                    assert_eq!(anchor, Anchor::Session(session.session.id));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
