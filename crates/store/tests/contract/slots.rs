//! Slots: one live access token each.

use std::{collections::HashSet, sync::Arc};

use tokenbind_binding::Anchor;
use tokenbind_issuer::store::{Issuance, Issued};

use crate::support::{
    Bench, CALLERS, ROTATED, bound_to, covering, issued, jwt, lasting, race, refresh, refreshed,
};

async fn opaque(bench: &Bench) -> Issued {
    bench.issue_in_slot(bench.issuance().await).await
}

fn id(issued: &Issued) -> tokenbind_binding::TokenId {
    issued.access_token.token.id
}

contract! {
    async fn of_64_requests_to_one_opaque_slot_all_get_one_token(bench: Bench) {
        let issuance = bench.issuance().await;
        let answers = race(|_| {
            let (store, issuance) = (Arc::clone(&bench.store), issuance.clone());
            async move { issued(store.issue_in_slot(issuance).await.unwrap()) }
        })
        .await;
        let tokens: HashSet<_> = answers.iter().map(id).collect();
        let refresh_tokens: HashSet<_> =
            answers.iter().map(|issued| issued.refresh_token.unwrap()).collect();
        assert_eq!((tokens.len(), refresh_tokens.len()), (1, 1));
        assert!(bench.is_alive(id(&answers[0])).await);
    }

    async fn of_64_requests_to_one_jwt_slot_exactly_one_token_is_alive(bench: Bench) {
        let issuance = Issuance { access_token: jwt(), ..bench.issuance().await };
        let answers = race(|_| {
            let (store, issuance) = (Arc::clone(&bench.store), issuance.clone());
            async move { issued(store.issue_in_slot(issuance).await.unwrap()) }
        })
        .await;
        let tokens: HashSet<_> = answers.iter().map(id).collect();
        let refresh_tokens: HashSet<_> =
            answers.iter().map(|issued| issued.refresh_token.unwrap()).collect();
        assert_eq!((tokens.len(), refresh_tokens.len()), (CALLERS, 1));
        let tokens: Vec<_> = answers.into_iter().map(|issued| issued.access_token).collect();
        assert_eq!(bench.count_alive(&tokens).await, 1);
    }

    async fn an_opaque_token_is_shared_until_it_expires(bench: Bench) {
        let first = opaque(&bench).await;
        bench.clock.advance(3599);
        assert_eq!(opaque(&bench).await.access_token, first.access_token);
        bench.clock.advance(1);
        let next = opaque(&bench).await;
        assert_ne!(id(&next), id(&first));
        assert_eq!(next.access_token.token.expires_at, bench.clock.timestamp().plus(3600));
        assert_eq!(next.refresh_token, first.refresh_token);
    }

    async fn each_part_of_a_slot_parts_it_from_others(bench: Bench) {
        let base = bench.issuance().await;
        let first = bench.issue_in_slot(base.clone()).await;
        let others = [
            Issuance { subject: "u2".into(), ..base.clone() },
            covering("mail", "https://api.example", base.clone()),
            covering("mail openid", "https://other.example", base.clone()),
            Issuance { bindings: bound_to("tv"), ..base.clone() },
            Issuance { bindings: bound_to("TV"), ..base.clone() },
            Issuance { client_id: "another".into(), ..base.clone() },
        ];
        let mut seen = HashSet::from([id(&first)]);
        for other in others {
            let issued = bench.issue_in_slot(other.clone()).await;
            assert!(seen.insert(id(&issued)), "{other:?}");
            assert_eq!(id(&bench.issue_in_slot(other).await), id(&issued));
        }
        for id in seen {
            assert!(bench.is_alive(id).await);
        }
    }

    async fn jwt_slots_of_two_ids_never_touch_one_another(bench: Bench) {
        let base = Issuance { access_token: jwt(), ..bench.issuance().await };
        let tv = bench.issue_in_slot(Issuance { bindings: bound_to("tv"), ..base.clone() }).await;
        let radio = Issuance { bindings: bound_to("radio"), ..base };
        let old = bench.issue_in_slot(radio.clone()).await;
        let new = bench.issue_in_slot(radio).await;
        assert!(bench.is_alive(id(&tv)).await);
        assert!(!bench.is_alive(id(&old)).await);
        assert!(bench.is_alive(id(&new)).await);
    }

    async fn a_change_of_format_supersedes(bench: Bench) {
        let first = opaque(&bench).await;
        let issuance = Issuance { access_token: jwt(), ..bench.issuance().await };
        let second = bench.issue_in_slot(issuance).await;
        assert!(!bench.is_alive(id(&first)).await);
        let third = opaque(&bench).await;
        assert!(!bench.is_alive(id(&second)).await);
        assert!(bench.is_alive(id(&third)).await);
    }

    async fn an_ended_token_is_not_shared_and_its_grant_is_kept(bench: Bench) {
        let first = opaque(&bench).await;
        bench.store.end_anchor(Anchor::Token(id(&first))).await.unwrap();
        let next = opaque(&bench).await;
        assert_ne!(id(&next), id(&first));
        assert_eq!(next.refresh_token, first.refresh_token);
        assert_eq!(next.access_token.token.grant, first.access_token.token.grant);
    }

    async fn an_ended_grant_takes_its_token_with_it_and_a_new_one_is_given(bench: Bench) {
        let first = opaque(&bench).await;
        bench.store.end_anchor(Anchor::Grant(first.refresh_token.unwrap().grant)).await.unwrap();
        let next = opaque(&bench).await;
        assert_ne!(id(&next), id(&first));
        assert_ne!(next.refresh_token, first.refresh_token);
        assert!(bench.is_refreshable(next.refresh_token.unwrap()).await);
    }

    async fn an_expired_grant_is_replaced_while_the_token_stays(bench: Bench) {
        let short = Issuance { grant: Some(lasting(60)), ..bench.issuance().await };
        let first = bench.issue_in_slot(short).await;
        bench.clock.advance(60);
        let next = opaque(&bench).await;
        assert_eq!(next.access_token, first.access_token);
        assert_ne!(next.refresh_token, first.refresh_token);
        assert_eq!(opaque(&bench).await.refresh_token, next.refresh_token);
    }

    async fn a_grant_that_goes_out_again_lives_as_long_as_a_new_one(bench: Bench) {
        let grant = opaque(&bench).await.refresh_token.unwrap().grant;
        bench.clock.advance(1000);
        opaque(&bench).await;
        let expires_at = async || {
            bench.store.look_up_grant(grant).await.unwrap().unwrap().record.expires_at
        };
        assert_eq!(expires_at().await, bench.clock.timestamp().plus(86_400));
        let before = expires_at().await;
        let short = Issuance { grant: Some(lasting(60)), ..bench.issuance().await };
        bench.issue_in_slot(short).await;
        assert_eq!(expires_at().await, before, "never shorter");
    }

    async fn without_a_refresh_token_no_grant_is_given_and_the_slots_is_kept(bench: Bench) {
        let none = Issuance { grant: None, ..bench.issuance().await };
        let first = bench.issue_in_slot(none.clone()).await;
        assert_eq!((first.refresh_token, first.access_token.token.grant), (None, None));
        let with_grant = opaque(&bench).await;
        assert_eq!(with_grant.access_token, first.access_token);
        assert_eq!(bench.issue_in_slot(none).await.refresh_token, None);
        assert_eq!(opaque(&bench).await.refresh_token, with_grant.refresh_token);
    }

    async fn the_current_refresh_token_goes_out_after_a_rotation(bench: Bench) {
        let first = opaque(&bench).await.refresh_token.unwrap();
        let in_slot = tokenbind_issuer::store::Refresh { in_slot: true, ..refresh(first, ROTATED) };
        let rotated = refreshed(bench.refresh(in_slot).await);
        let again = opaque(&bench).await;
        assert_eq!(again.refresh_token, rotated.refresh_token);
        assert_eq!(again.access_token, rotated.access_token);
    }
}
