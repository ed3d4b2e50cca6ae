//! What a request signed to be used once is used up by the verb that does what it asks.

use std::sync::Arc;

use tokenbind_binding::{ClaimOutcome, JtiClaim, Thumbprint};
use tokenbind_issuer::store::{
    Issuance, IssueOutcome, RedeemOutcome, Redemption, Refresh, RefreshOutcome,
};

use crate::{
    logins::redeemed,
    support::{Bench, ROTATED, all_issued, all_refreshed, race, refresh, refreshed},
};

fn proof(bench: &Bench, jti: &str) -> JtiClaim {
    let key = Thumbprint::from_bytes([7; 32]);
    JtiClaim::of_proof(key, jti, bench.clock.timestamp().plus(300))
}

async fn issuance(bench: &Bench, jti: &str) -> Issuance {
    Issuance { proof: Some(proof(bench, jti)), ..bench.issuance().await }
}

contract! {
    async fn of_64_issuances_with_one_proof_one_is_committed(bench: Bench) {
        for in_slot in [false, true] {
            let issuance = issuance(&bench, if in_slot { "a" } else { "b" }).await;
            let outcomes = race(|_| {
                let (store, issuance) = (Arc::clone(&bench.store), issuance.clone());
                async move {
                    let issue = if in_slot { store.issue_in_slot(issuance) } else { store.issue(issuance) };
                    issue.await.unwrap()
                }
            })
            .await;
            assert_eq!(all_issued(outcomes).len(), 1);
        }
    }

    async fn of_64_refreshes_with_one_proof_one_is_committed(bench: Bench) {
        let presented = bench.issue(bench.issuance().await).await.refresh_token.unwrap();
        let proof = Some(proof(&bench, "a"));
        let outcomes = race(|_| {
            let store = Arc::clone(&bench.store);
            async move {
                store.refresh(Refresh { proof, ..refresh(presented, ROTATED) }).await.unwrap()
            }
        })
        .await;
        let refreshed = all_refreshed(outcomes);
        assert_eq!(refreshed.len(), 1);
        assert!(bench.is_refreshable(refreshed[0].refresh_token.unwrap()).await);
    }

    /// A request that is sent twice must not pass for the second redemption of a stolen code.
    async fn of_64_redemptions_with_one_proof_one_is_committed_and_no_grant_ends(bench: Bench) {
        let session = bench.log_in().await;
        let code = bench.code(&session).await;
        let base = bench.redemption(code).await;
        let issuance = Issuance { proof: Some(proof(&bench, "a")), ..base.issuance.clone() };
        let redemption = Redemption { issuance, ..base };
        let outcomes = race(|_| {
            let (store, redemption) = (Arc::clone(&bench.store), redemption.clone());
            async move { store.redeem_code(redemption).await.unwrap() }
        })
        .await;
        let replayed =
            outcomes.iter().filter(|outcome| matches!(outcome, RedeemOutcome::Replayed)).count();
        assert_eq!(replayed, outcomes.len() - 1);
        let won = outcomes.into_iter().find(|it| matches!(it, RedeemOutcome::Redeemed(_))).unwrap();
        assert!(bench.is_refreshable(redeemed(won).refresh_token.unwrap()).await);
    }

    async fn a_proof_counts_once_whichever_verb_it_comes_to(bench: Bench) {
        let claim = proof(&bench, "a");
        let issued = bench.issue(issuance(&bench, "a").await).await;
        assert_eq!(bench.store.claim_jti(claim).await.unwrap(), ClaimOutcome::Replayed);
        let outcome = bench.store.issue_in_slot(issuance(&bench, "a").await).await.unwrap();
        assert!(matches!(outcome, IssueOutcome::Replayed), "{outcome:?}");
        let presented = issued.refresh_token.unwrap();
        let again = Refresh { proof: Some(claim), ..refresh(presented, ROTATED) };
        let outcome = bench.refresh(again).await;
        assert!(matches!(outcome, RefreshOutcome::Replayed), "{outcome:?}");

        let other = proof(&bench, "b");
        assert_eq!(bench.store.claim_jti(other).await.unwrap(), ClaimOutcome::First);
        let outcome = bench.store.issue(issuance(&bench, "b").await).await.unwrap();
        assert!(matches!(outcome, IssueOutcome::Replayed), "{outcome:?}");
        refreshed(bench.refresh(refresh(presented, ROTATED)).await);
    }

    async fn a_proof_is_used_up_by_a_request_that_is_refused(bench: Bench) {
        let presented = bench.issue(bench.issuance().await).await.refresh_token.unwrap();
        let claim = Some(proof(&bench, "a"));
        let stranger =
            Refresh { client_id: "other".into(), proof: claim, ..refresh(presented, ROTATED) };
        assert!(matches!(bench.refresh(stranger).await, RefreshOutcome::NotTheirs));
        let replayed = Refresh { proof: claim, ..refresh(presented, ROTATED) };
        assert!(matches!(bench.refresh(replayed).await, RefreshOutcome::Replayed));
    }

    async fn a_proof_stays_used_when_the_store_is_opened_again(bench: Bench) {
        bench.issue(issuance(&bench, "a").await).await;
        let claim = proof(&bench, "a");
        let bench = bench.reopened();
        assert_eq!(bench.store.claim_jti(claim).await.unwrap(), ClaimOutcome::Replayed);
        bench.clock.advance(300);
        assert_eq!(bench.store.sweep(bench.clock.timestamp()).await.unwrap().jtis, 1);
        let bench = bench.reopened();
        assert_eq!(bench.store.claim_jti(claim).await.unwrap(), ClaimOutcome::First);
    }
}
