//! What counts once: of 64 callers with one `jti`, one.

use std::sync::Arc;

use tokenbind_binding::{
    ClaimOutcome::{self, First, Replayed},
    JtiClaim, Thumbprint,
};
use tokenbind_issuer::store::Swept;

use crate::support::{Bench, CALLERS, race};

/// Of a proof, to be kept for 300 seconds.
fn claim(bench: &Bench, jti: &str) -> JtiClaim {
    let key = Thumbprint::from_bytes([7; 32]);
    JtiClaim::of_proof(key, jti, bench.clock.timestamp().plus(300))
}

async fn claimed(bench: &Bench, claim: JtiClaim) -> ClaimOutcome {
    bench.store.claim_jti(claim).await.unwrap()
}

contract! {
    async fn a_jti_counts_once(bench: Bench) {
        assert_eq!(claimed(&bench, claim(&bench, "a")).await, First);
        bench.clock.advance(10);
        for _ in 0..2 {
            assert_eq!(claimed(&bench, claim(&bench, "a")).await, Replayed);
        }
        assert_eq!(claimed(&bench, claim(&bench, "A")).await, First);
    }

    async fn one_jti_of_two_keys_or_for_two_purposes_counts_for_each(bench: Bench) {
        let until = bench.clock.timestamp().plus(300);
        let other = JtiClaim::of_proof(Thumbprint::from_bytes([8; 32]), "a", until);
        let assertions = ["app", "other"].map(|id| JtiClaim::of_assertion(&id.into(), "a", until));
        for claim in [claim(&bench, "a"), other, assertions[0], assertions[1]] {
            assert_eq!(claimed(&bench, claim).await, First);
            assert_eq!(claimed(&bench, claim).await, Replayed);
        }
    }

    async fn of_64_callers_with_one_jti_one_is_the_first(bench: Bench) {
        let claim = claim(&bench, "a");
        let outcomes = race(|_| {
            let store = Arc::clone(&bench.store);
            async move { store.claim_jti(claim).await.unwrap() }
        })
        .await;
        let first = outcomes.iter().filter(|&&outcome| outcome == First).count();
        assert_eq!((first, outcomes.len()), (1, CALLERS));
    }

    async fn all_of_64_callers_with_a_jti_of_their_own_are_first(bench: Bench) {
        let until = bench.clock.timestamp().plus(300);
        let key = Thumbprint::from_bytes([7; 32]);
        let outcomes = race(|number| {
            let store = Arc::clone(&bench.store);
            let claim = JtiClaim::of_proof(key, &number.to_string(), until);
            async move { store.claim_jti(claim).await.unwrap() }
        })
        .await;
        assert!(outcomes.iter().all(|&outcome| outcome == First));
    }

    async fn a_claim_is_kept_as_long_as_it_says_and_then_swept(bench: Bench) {
        let kept = claim(&bench, "a");
        assert_eq!(claimed(&bench, kept).await, First);
        bench.clock.advance(299);
        assert_eq!(bench.store.sweep(bench.clock.timestamp()).await.unwrap(), Swept::default());
        assert_eq!(claimed(&bench, kept).await, Replayed);
        bench.clock.advance(1);
        assert_eq!(claimed(&bench, kept).await, Replayed, "until it is swept");
        let swept = bench.store.sweep(bench.clock.timestamp()).await.unwrap();
        assert_eq!(swept, Swept { jtis: 1, ..Swept::default() });
        assert_eq!(claimed(&bench, claim(&bench, "a")).await, First);
    }

    /// Whichever comes first, the sweep forgets nothing that is still to be kept.
    async fn of_64_callers_beside_a_sweep_one_is_the_first(bench: Bench) {
        let claim = claim(&bench, "a");
        let now = bench.clock.timestamp();
        let outcomes = race(|number| {
            let store = Arc::clone(&bench.store);
            async move {
                if number % 8 == 0 {
                    store.sweep(now).await.unwrap();
                }
                store.claim_jti(claim).await.unwrap()
            }
        })
        .await;
        assert_eq!(outcomes.into_iter().filter(|&outcome| outcome == First).count(), 1);
    }
}
