//! The server's keys.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tokenbind_issuer::{
    keys::{KeyId, KeyUse, SigningAlgorithm},
    store::{Issuance, StoredKey},
};

use crate::support::{Bench, CALLERS, jwt, race};

const SIGNING: KeyUse = KeyUse::Signing(SigningAlgorithm::ES256);

fn key(id: u32, key_use: KeyUse) -> StoredKey {
    StoredKey { id: KeyId(id), key_use, sealed: id.to_be_bytes().into(), retired: false }
}

fn current(keys: &[StoredKey], key_use: KeyUse) -> Vec<KeyId> {
    keys.iter().filter(|key| key.key_use == key_use && !key.retired).map(|key| key.id).collect()
}

async fn key_ids(bench: &Bench) -> Vec<u32> {
    let keys = bench.store.load_keys(Vec::new()).await.unwrap();
    keys.into_iter().map(|key| key.id.0).collect()
}

async fn sweep(bench: &Bench) -> u64 {
    bench.store.sweep(bench.clock.timestamp()).await.unwrap().keys
}

contract! {
    async fn a_missing_key_is_added_and_a_present_one_kept(bench: Bench) {
        let first = [key(1, KeyUse::Handle), key(2, SIGNING)];
        assert_eq!(bench.store.load_keys(first.to_vec()).await.unwrap(), first);
        let again = vec![
            key(3, KeyUse::Handle),
            key(4, KeyUse::Signing(SigningAlgorithm::EdDSA)),
            key(5, SIGNING),
        ];
        let keys = bench.store.load_keys(again).await.unwrap();
        assert_eq!(keys[..2], first);
        assert_eq!(keys[2..], [key(4, KeyUse::Signing(SigningAlgorithm::EdDSA))]);
    }

    async fn of_64_that_bring_a_missing_key_all_get_one(bench: Bench) {
        let next = Arc::new(AtomicU32::new(1));
        let answers = race(|_| {
            let (store, next) = (Arc::clone(&bench.store), Arc::clone(&next));
            async move {
                let id = next.fetch_add(1, Ordering::Relaxed);
                store.load_keys(vec![key(id, KeyUse::Handle)]).await.unwrap()
            }
        })
        .await;
        assert_eq!(answers[0].len(), 1);
        assert!(answers.iter().all(|keys| *keys == answers[0]));
    }

    async fn a_rotation_retires_the_key_before_and_no_other_use(bench: Bench) {
        bench.store.load_keys(vec![key(1, KeyUse::Handle), key(2, SIGNING)]).await.unwrap();
        let keys = bench.store.rotate_keys(vec![key(3, SIGNING)]).await.unwrap();
        let retired = StoredKey { retired: true, ..key(2, SIGNING) };
        assert_eq!(keys, [key(1, KeyUse::Handle), retired, key(3, SIGNING)]);
    }

    async fn of_64_rotations_one_key_is_current(bench: Bench) {
        race(|number| {
            let store = Arc::clone(&bench.store);
            let fresh = key(u32::try_from(number).unwrap(), SIGNING);
            async move { store.rotate_keys(vec![fresh]).await.unwrap() }
        })
        .await;
        let keys = bench.store.load_keys(Vec::new()).await.unwrap();
        assert_eq!((keys.len(), current(&keys, SIGNING).len()), (CALLERS, 1));
    }

    async fn a_retired_signing_key_stays_while_an_access_token_can_live(bench: Bench) {
        bench.store.rotate_keys(vec![key(1, SIGNING)]).await.unwrap();
        let issuance = Issuance { access_token: jwt(), ..bench.issuance().await };
        let id = bench.issue(issuance).await.access_token.token.id;
        bench.store.rotate_keys(vec![key(2, SIGNING)]).await.unwrap();
        bench.clock.advance(60);
        sweep(&bench).await;
        bench.clock.advance(3539);
        assert!(bench.is_alive(id).await);
        sweep(&bench).await;
        assert_eq!(key_ids(&bench).await, [1, 2]);
        // The refresh token lives on for a day, which a signing key need not outlive; bounds are
        // kept to the hour.
        bench.clock.advance(3601);
        assert_eq!(sweep(&bench).await, 1);
        assert_eq!(key_ids(&bench).await, [2]);
    }

    async fn a_retired_handle_key_stays_while_a_refresh_token_can_live(bench: Bench) {
        bench.store.rotate_keys(vec![key(1, KeyUse::Handle)]).await.unwrap();
        let refresh_token = bench.issue(bench.issuance().await).await.refresh_token.unwrap();
        bench.store.rotate_keys(vec![key(2, KeyUse::Handle)]).await.unwrap();
        bench.clock.advance(60);
        sweep(&bench).await;
        bench.clock.advance(86_339);
        assert!(bench.is_refreshable(refresh_token).await);
        sweep(&bench).await;
        assert_eq!(key_ids(&bench).await, [1, 2]);
        bench.clock.advance(3601);
        assert_eq!(sweep(&bench).await, 1);
        assert_eq!(key_ids(&bench).await, [2]);
    }

    /// A request that took the key before its retirement may commit a little later.
    async fn what_is_issued_within_a_minute_of_the_retirement_is_covered(bench: Bench) {
        bench.store.rotate_keys(vec![key(1, SIGNING)]).await.unwrap();
        bench.store.rotate_keys(vec![key(2, SIGNING)]).await.unwrap();
        bench.clock.advance(59);
        assert_eq!(sweep(&bench).await, 0);
        let issuance = Issuance { access_token: jwt(), ..bench.issuance().await };
        let id = bench.issue(issuance).await.access_token.token.id;
        bench.clock.advance(1);
        assert_eq!(sweep(&bench).await, 0);
        assert!(bench.is_alive(id).await);
        assert_eq!(key_ids(&bench).await, [1, 2]);
    }

    /// A signed answer of the authorization endpoint lives a minute, and nothing tells of it.
    async fn a_retired_signing_key_stays_for_the_answers_that_it_signed(bench: Bench) {
        bench.store.rotate_keys(vec![key(1, SIGNING)]).await.unwrap();
        bench.store.rotate_keys(vec![key(2, SIGNING)]).await.unwrap();
        for passed in [60, 59] {
            bench.clock.advance(passed);
            assert_eq!(sweep(&bench).await, 0);
            assert_eq!(key_ids(&bench).await, [1, 2]);
        }
        bench.clock.advance(1);
        assert_eq!(sweep(&bench).await, 1);
        assert_eq!(key_ids(&bench).await, [2]);
    }

    async fn a_current_key_is_never_removed(bench: Bench) {
        bench.store.rotate_keys(vec![key(1, SIGNING), key(2, KeyUse::Handle)]).await.unwrap();
        bench.clock.advance(1_000_000_000);
        assert_eq!(sweep(&bench).await, 0);
        assert_eq!(key_ids(&bench).await, [1, 2]);
    }
}
