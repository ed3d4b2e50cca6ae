//! Codes of applications with `client-request`: their tokens live in slots.

use std::{collections::HashSet, sync::Arc};

use tokenbind_issuer::{
    login::Login,
    session::LoginSession,
    store::{AccessTokenTerms, Issuance, Issued, RedeemOutcome, Redemption, SessionStart},
};

use crate::{
    logins::{redeemed, renewed},
    support::{Bench, CALLERS, bound_to, jwt, opaque, race},
};

/// What the application gets for a code of this session, for one device.
async fn sign_in(
    bench: &Bench,
    session: &LoginSession,
    terms: AccessTokenTerms,
) -> (Redemption, Issued) {
    let code = bench.code(session).await;
    let mut redemption = bench.redemption(code).await;
    redemption.in_slot = true;
    redemption.issuance.access_token = terms;
    redemption.issuance.bindings = bound_to("tv");
    let issued = redeemed(bench.store.redeem_code(redemption.clone()).await.unwrap());
    (redemption, issued)
}

contract! {
    async fn an_opaque_token_of_one_login_is_shared_by_its_codes(bench: Bench) {
        let session = bench.log_in().await;
        let (_, first) = sign_in(&bench, &session, opaque()).await;
        let (_, second) = sign_in(&bench, &session, opaque()).await;
        assert_eq!(first.access_token, second.access_token);
        assert_eq!(first.refresh_token, second.refresh_token);
    }

    async fn a_jwt_is_superseded_by_the_next_code(bench: Bench) {
        let session = bench.log_in().await;
        let (_, first) = sign_in(&bench, &session, jwt()).await;
        let (_, second) = sign_in(&bench, &session, jwt()).await;
        assert!(!bench.is_alive(first.access_token.token.id).await);
        assert!(bench.is_alive(second.access_token.token.id).await);
        assert_eq!(first.refresh_token, second.refresh_token);
        assert_eq!(second.access_token.token.grant, first.access_token.token.grant);
    }

    async fn a_second_redemption_ends_what_the_slot_gave_out(bench: Bench) {
        for with_refresh_token in [true, false] {
            let session = bench.log_in().await;
            let mut codes = Vec::new();
            for _ in 0..2 {
                let code = bench.code(&session).await;
                let mut redemption = bench.redemption(code).await;
                redemption.in_slot = true;
                if !with_refresh_token {
                    redemption.issuance.grant = None;
                }
                let issued = redeemed(bench.store.redeem_code(redemption.clone()).await.unwrap());
                codes.push((redemption, issued));
            }
            let (redemption, issued) = codes.pop().unwrap();
            assert_eq!(issued.access_token, codes[0].1.access_token);
            let again = bench.store.redeem_code(redemption).await.unwrap();
            assert!(matches!(again, RedeemOutcome::AlreadyRedeemed));
            assert!(!bench.is_alive(issued.access_token.token.id).await);
        }
    }

    /// A code that comes with a refresh token does not share a token that hangs from another grant:
    /// a second redemption could not end both.
    async fn all_that_comes_of_a_code_hangs_from_one_grant(bench: Bench) {
        let session = bench.log_in().await;
        let code = bench.code(&session).await;
        let mut without = bench.redemption(code).await;
        (without.in_slot, without.issuance.grant) = (true, None);
        without.issuance.bindings = bound_to("tv");
        let first = redeemed(bench.store.redeem_code(without).await.unwrap());
        let (redemption, second) = sign_in(&bench, &session, opaque()).await;
        assert_eq!(second.access_token.token.grant, Some(second.refresh_token.unwrap().grant));
        assert!(!bench.is_alive(first.access_token.token.id).await);
        bench.store.redeem_code(redemption).await.unwrap();
        assert!(!bench.is_alive(second.access_token.token.id).await);
        assert!(!bench.is_refreshable(second.refresh_token.unwrap()).await);
    }

    /// It would outlive the logout of the login that it is handed to.
    async fn a_token_is_never_handed_to_another_login(bench: Bench) {
        for terms in [opaque(), jwt()] {
            let (session, other) = (bench.log_in().await, bench.log_in().await);
            let (_, first) = sign_in(&bench, &session, terms).await;
            let (_, second) = sign_in(&bench, &other, terms).await;
            assert_ne!(first.access_token, second.access_token);
            assert_ne!(first.refresh_token, second.refresh_token);
            assert_eq!(second.access_token.login.as_deref().map(|login| login.session), Some(other.session.id));
            assert!(!bench.is_alive(first.access_token.token.id).await);
            assert!(bench.is_alive(second.access_token.token.id).await);
        }
    }

    async fn a_token_that_tells_of_an_earlier_authentication_is_superseded(bench: Bench) {
        let session = bench.log_in().await;
        let (_, first) = sign_in(&bench, &session, opaque()).await;
        bench.clock.advance(10);
        let again = SessionStart { previous: Some(session.session.id), ..bench.session_start().await };
        let later = renewed(bench.store.start_session(again).await.unwrap());
        let (_, second) = sign_in(&bench, &later, opaque()).await;
        let login: &Login = second.access_token.login.as_deref().unwrap();
        assert_eq!(login.auth_time, later.facts.auth_time);
        assert!(!bench.is_alive(first.access_token.token.id).await);
    }

    async fn a_token_without_a_login_is_never_handed_to_one(bench: Bench) {
        let issuance = Issuance {
            bindings: bound_to("tv"),
            ..bench.issuance().await
        };
        let outside = bench.issue_in_slot(issuance).await;
        let session = bench.log_in().await;
        let (_, issued) = sign_in(&bench, &session, opaque()).await;
        assert_ne!(issued.access_token, outside.access_token);
        assert_ne!(issued.refresh_token, outside.refresh_token);
        assert!(!bench.is_alive(outside.access_token.token.id).await);
    }

    async fn of_64_codes_in_one_slot_all_get_the_one_token_that_lives(bench: Bench) {
        for terms in [opaque(), jwt()] {
            let session = bench.log_in().await;
            let mut redemptions = Vec::new();
            for _ in 0..CALLERS {
                let code = bench.code(&session).await;
                let mut redemption = bench.redemption(code).await;
                redemption.in_slot = true;
                redemption.issuance.access_token = terms;
                redemptions.push(redemption);
            }
            let issued = race(|number| {
                let (store, redemption) = (Arc::clone(&bench.store), redemptions[number].clone());
                async move { redeemed(store.redeem_code(redemption).await.unwrap()) }
            })
            .await;
            let mut alive = HashSet::new();
            for each in &issued {
                assert_eq!(each.refresh_token, issued[0].refresh_token);
                let id = each.access_token.token.id;
                if bench.is_alive(id).await {
                    alive.insert(id);
                }
            }
            assert_eq!(alive.len(), 1);
        }
    }
}
