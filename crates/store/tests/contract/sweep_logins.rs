//! The sweep of sessions, codes, cookies and connections, and how long they hold back the sweep of
//! keys.

use tokenbind_issuer::{
    keys::{KeyId, KeyUse, SigningAlgorithm},
    store::{RedeemOutcome, Refresh, StoredKey, Swept, UserChange::Delete},
};

use crate::{
    logins::{ABSOLUTE, CODE, COOKIE, offer, redeemed},
    support::{Bench, IDLE, ROTATED, refresh, refreshed},
};

async fn sweep(bench: &Bench) -> Swept {
    bench.store.sweep(bench.clock.timestamp()).await.unwrap()
}

fn key(id: u32, key_use: KeyUse) -> StoredKey {
    StoredKey { id: KeyId(id), key_use, sealed: Vec::new(), retired: false }
}

/// Retires both keys, and lets pass what may still be on its way.
async fn retire_keys(bench: &Bench) {
    let uses = [KeyUse::Handle, KeyUse::Signing(SigningAlgorithm::RS256)];
    bench.store.rotate_keys(vec![key(3, uses[0]), key(4, uses[1])]).await.unwrap();
    bench.clock.advance(60);
    sweep(bench).await;
}

async fn add_keys(bench: &Bench) {
    let uses = [KeyUse::Handle, KeyUse::Signing(SigningAlgorithm::RS256)];
    bench.store.load_keys(vec![key(1, uses[0]), key(2, uses[1])]).await.unwrap();
}

async fn key_ids(bench: &Bench) -> Vec<u32> {
    let keys = bench.store.load_keys(Vec::new()).await.unwrap();
    keys.into_iter().map(|key| key.id.0).collect()
}

contract! {
    async fn what_is_alive_is_not_swept(bench: Bench) {
        bench.with_users().await;
        let session = bench.log_in().await;
        let mut request = bench.code_request(&session).await;
        request.cookie = Some(offer(None, "first"));
        let (unredeemed, _) = bench.issue_code(request).await;
        let code = bench.code(&session).await;
        redeemed(bench.redeem(code).await);
        bench.clock.advance(CODE - 1);
        assert_eq!(sweep(&bench).await, Swept::default());
        redeemed(bench.redeem(unredeemed).await);
        bench.clock.advance(IDLE - CODE);
        assert_eq!(sweep(&bench).await, Swept::default());
        assert!(bench.session_lives(session.session.id).await);
    }

    async fn what_is_over_goes_and_is_counted(bench: Bench) {
        bench.with_users().await;
        let session = bench.log_in().await;
        let mut request = bench.code_request(&session).await;
        request.cookie = Some(offer(None, "first"));
        bench.issue_code(request).await;
        bench.clock.advance(CODE);
        assert_eq!(sweep(&bench).await, Swept { codes: 1, ..Swept::default() });
        bench.clock.advance(IDLE - CODE);
        assert_eq!(sweep(&bench).await, Swept { sessions: 1, ..Swept::default() });
        bench.clock.advance(COOKIE - IDLE);
        assert_eq!(sweep(&bench).await, Swept { cookies: 1, ..Swept::default() });
        assert!(bench.store.look_up_session(session.session.id).await.unwrap().is_none());
    }

    async fn a_redeemed_code_stays_while_what_came_of_it_can_live(bench: Bench) {
        bench.with_users().await;
        let session = bench.log_in().await;
        let [with, without] = [bench.code(&session).await, bench.code(&session).await];
        let first = redeemed(bench.redeem(with).await).refresh_token.unwrap();
        let mut redemption = bench.redemption(without).await;
        redemption.issuance.grant = None;
        let token = redeemed(bench.store.redeem_code(redemption.clone()).await.unwrap());
        bench.clock.advance(3599);
        assert_eq!(sweep(&bench).await.codes, 0);
        let again = bench.store.redeem_code(redemption).await.unwrap();
        assert!(matches!(again, RedeemOutcome::AlreadyRedeemed));
        assert!(!bench.is_alive(token.access_token.token.id).await);
        bench.clock.advance(1);
        assert_eq!(sweep(&bench).await.codes, 1);
        assert!(bench.store.look_up_code(without).await.unwrap().is_none());
        // The grant is refreshed, and the code stays with it.
        bench.clock.advance(80_000);
        let next = refreshed(bench.refresh(refresh(first, ROTATED)).await).refresh_token.unwrap();
        bench.clock.advance(86_399);
        assert_eq!(sweep(&bench).await.codes, 0);
        assert!(bench.is_refreshable(next).await);
        assert!(matches!(bench.redeem(with).await, RedeemOutcome::AlreadyRedeemed));
        assert!(!bench.is_refreshable(next).await);
        bench.clock.advance(1);
        assert_eq!(sweep(&bench).await.codes, 1);
    }

    async fn what_a_removed_user_or_application_left_goes(bench: Bench) {
        bench.with_users().await;
        bench.with_application("other", false).await;
        let session = bench.log_in().await;
        for client_id in ["app", "other"] {
            let mut request = bench.code_request(&session).await;
            request.code.client_id = client_id.into();
            request.cookie = Some(offer(None, client_id));
            bench.issue_code(request).await;
        }
        bench.store.delete_application(&"other".into()).await.unwrap();
        assert_eq!(sweep(&bench).await, Swept { codes: 1, ..Swept::default() });
        bench.store.change_user("alice", Delete).await.unwrap();
        assert_eq!(sweep(&bench).await, Swept { codes: 1, cookies: 2, ..Swept::default() });
    }

    async fn a_code_of_an_application_that_a_document_describes_stays(bench: Bench) {
        bench.with_users().await;
        let session = bench.log_in().await;
        let mut request = bench.code_request(&session).await;
        request.code.client_id = "https://app.example/client.json".into();
        bench.issue_code(request).await;
        bench.clock.advance(CODE - 1);
        assert_eq!(sweep(&bench).await, Swept::default());
        bench.clock.advance(1);
        assert_eq!(sweep(&bench).await, Swept { codes: 1, ..Swept::default() });
    }

    async fn a_connection_without_consent_goes_with_its_last_token(bench: Bench) {
        bench.with_users().await;
        bench.issue(bench.issuance().await).await;
        bench.clock.advance(86_399);
        assert_eq!(sweep(&bench).await.connections, 0);
        bench.clock.advance(3601);
        assert_eq!(sweep(&bench).await.connections, 1);
        bench.issue(bench.issuance().await).await;
        let now = bench.clock.timestamp();
        assert_eq!(bench.store.list_connections(&"u1".into(), now).await.unwrap().len(), 1);
        // Also where the sweep is ahead of the clock.
        let later = bench.clock.timestamp().plus(1_000_000);
        assert_eq!(bench.store.sweep(later).await.unwrap().connections, 1);
        bench.issue(bench.issuance().await).await;
        assert_eq!(bench.store.list_connections(&"u1".into(), now).await.unwrap().len(), 1);
    }

    /// Both the handle of the cookie and the ID token that is shown as a hint.
    async fn retired_keys_stay_while_a_session_can_live(bench: Bench) {
        add_keys(&bench).await;
        bench.log_in().await;
        retire_keys(&bench).await;
        bench.clock.advance(ABSOLUTE - 61);
        sweep(&bench).await;
        assert_eq!(key_ids(&bench).await, [1, 2, 3, 4]);
        bench.clock.advance(3601);
        sweep(&bench).await;
        assert_eq!(key_ids(&bench).await, [3, 4]);
    }

    async fn a_retired_signing_key_stays_while_an_id_token_can_live(bench: Bench) {
        bench.with_users().await;
        let session = bench.log_in().await;
        let lifetime = 1_000_000;
        for refreshing in [false, true] {
            add_keys(&bench).await;
            let session = if refreshing { bench.log_in().await } else { session.as_ref().clone().into() };
            let code = bench.code(&session).await;
            let mut redemption = bench.redemption(code).await;
            redemption.id_token_lifetime = (!refreshing).then_some(lifetime);
            let issued = redeemed(bench.store.redeem_code(redemption).await.unwrap());
            if refreshing {
                let refresh = Refresh {
                    id_token_lifetime: Some(lifetime),
                    ..refresh(issued.refresh_token.unwrap(), ROTATED)
                };
                refreshed(bench.refresh(refresh).await);
            }
            let uses = KeyUse::Signing(SigningAlgorithm::RS256);
            let id = if refreshing { 6 } else { 5 };
            bench.store.rotate_keys(vec![key(id, uses)]).await.unwrap();
            bench.clock.advance(60);
            sweep(&bench).await;
            bench.clock.advance(lifetime - 61);
            sweep(&bench).await;
            assert!(key_ids(&bench).await.contains(&(if refreshing { 5 } else { 2 })));
            bench.clock.advance(3601);
            sweep(&bench).await;
            assert!(!key_ids(&bench).await.contains(&(if refreshing { 5 } else { 2 })));
        }
    }

    /// Two minutes, to the hour.
    async fn a_retired_signing_key_stays_while_a_logout_token_is_good(bench: Bench) {
        bench.with_application("told", true).await;
        let session = bench.log_in().await;
        let mut request = bench.code_request(&session).await;
        request.code.client_id = "told".into();
        bench.issue_code(request).await;
        bench.store.end_session(session.session.id).await.unwrap();
        bench.clock.advance(1_000_000);
        add_keys(&bench).await;
        assert_eq!(bench.logouts_due().await.len(), 1);
        retire_keys(&bench).await;
        bench.clock.advance(59);
        sweep(&bench).await;
        assert!(key_ids(&bench).await.contains(&2));
        bench.clock.advance(3601);
        sweep(&bench).await;
        assert!(!key_ids(&bench).await.contains(&2));
    }

    async fn an_end_stays_while_a_code_from_before_it_can_be_redeemed(bench: Bench) {
        bench.with_users().await;
        let session = bench.log_in().await;
        let mut request = bench.code_request(&session).await;
        request.lifetime = 100_000;
        let (id, _) = bench.issue_code(request).await;
        bench.store.end_session(session.session.id).await.unwrap();
        bench.clock.advance(99_999);
        sweep(&bench).await;
        assert!(matches!(bench.redeem(id).await, RedeemOutcome::SessionOver));
    }
}
