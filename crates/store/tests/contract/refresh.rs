//! Refreshing, one caller at a time.

use tokenbind_binding::{Anchor, RefreshTokenId, anchor::Dead};
use tokenbind_issuer::{
    grant::Rotation,
    store::{Issuance, Refresh, RefreshOutcome},
};

use crate::support::{Bench, ROTATED, bound_to, covering, jwt, refresh, refreshed, scope};

async fn first(bench: &Bench) -> RefreshTokenId {
    bench.issue(bench.issuance().await).await.refresh_token.unwrap()
}

async fn rotate(bench: &Bench, presented: RefreshTokenId) -> RefreshTokenId {
    let issued = refreshed(bench.refresh(refresh(presented, ROTATED)).await);
    issued.refresh_token.unwrap()
}

contract! {
    async fn rotation_gives_a_successor_that_lives_anew(bench: Bench) {
        let presented = first(&bench).await;
        bench.clock.advance(100);
        let successor = rotate(&bench, presented).await;
        assert_eq!((successor.grant, successor.generation), (presented.grant, 1));
        let grant = bench.store.look_up_grant(successor.grant).await.unwrap().unwrap().record;
        assert_eq!(grant.refresh_token(), successor);
        assert_eq!(grant.expires_at, bench.clock.timestamp().plus(86_400));
        assert_eq!(grant.current.since, bench.clock.timestamp());
    }

    async fn without_rotation_the_same_token_serves_until_it_expires(bench: Bench) {
        let presented = first(&bench).await;
        for _ in 0..3 {
            bench.clock.advance(1000);
            let issued = refreshed(bench.refresh(refresh(presented, Rotation::Off)).await);
            assert_eq!(issued.refresh_token, Some(presented));
        }
        bench.clock.advance(86_400 - 3000);
        let outcome = bench.refresh(refresh(presented, Rotation::Off)).await;
        assert!(matches!(outcome, RefreshOutcome::Dead(Dead::Expired)), "{outcome:?}");
    }

    async fn the_new_token_is_what_the_grant_says(bench: Bench) {
        let issuance = Issuance { bindings: bound_to("tv"), ..bench.issuance().await };
        let old = bench.issue(issuance.clone()).await;
        let narrower = Refresh {
            scope: scope("mail"),
            access_token: jwt(),
            ..refresh(old.refresh_token.unwrap(), ROTATED)
        };
        let new = refreshed(bench.refresh(narrower).await).access_token;
        assert_eq!(new.token.grant, old.access_token.token.grant);
        assert_eq!(new.token.subject, issuance.subject);
        assert_eq!(new.token.bindings, issuance.bindings);
        assert_eq!((&new.username, &new.audience), (&issuance.username, &issuance.audience));
        assert_eq!((&new.scope, new.format), (&scope("mail"), jwt().format));
        assert!(bench.is_alive(old.access_token.token.id).await, "only slots supersede");
    }

    async fn a_grant_that_never_was_is_unknown(bench: Bench) {
        let mut bytes = first(&bench).await.to_bytes();
        bytes[8] ^= 1;
        let stranger = RefreshTokenId::from_bytes(bytes);
        let outcome = bench.refresh(refresh(stranger, ROTATED)).await;
        assert!(matches!(outcome, RefreshOutcome::Unknown), "{outcome:?}");
    }

    async fn another_application_gets_nothing_and_changes_nothing(bench: Bench) {
        let spent = first(&bench).await;
        let current = rotate(&bench, spent).await;
        bench.clock.advance(1000);
        for presented in [spent, current] {
            let thief = Refresh { client_id: "another".into(), ..refresh(presented, ROTATED) };
            let outcome = bench.refresh(thief).await;
            assert!(matches!(outcome, RefreshOutcome::NotTheirs), "{outcome:?}");
        }
        assert_eq!(rotate(&bench, current).await.generation, 2);
    }

    async fn a_dead_grant_says_why(bench: Bench) {
        let expired = first(&bench).await;
        bench.clock.advance(86_400);
        let outcome = bench.refresh(refresh(expired, ROTATED)).await;
        assert!(matches!(outcome, RefreshOutcome::Dead(Dead::Expired)), "{outcome:?}");
        let ended = first(&bench).await;
        bench.store.end_anchor(Anchor::Grant(ended.grant)).await.unwrap();
        let outcome = bench.refresh(refresh(ended, ROTATED)).await;
        assert!(matches!(outcome, RefreshOutcome::Dead(Dead::Ended(Anchor::Grant(_)))));
    }

    async fn a_lost_reply_gets_the_same_successor_within_the_grace(bench: Bench) {
        let spent = first(&bench).await;
        let successor = rotate(&bench, spent).await;
        bench.clock.advance(29);
        assert_eq!(rotate(&bench, spent).await, successor);
        assert_eq!(rotate(&bench, spent).await, successor);
        assert_eq!(rotate(&bench, successor).await.generation, 2);
    }

    async fn a_spent_token_after_the_grace_ends_the_grant_and_its_tokens(bench: Bench) {
        let issued = bench.issue(bench.issuance().await).await;
        let spent = issued.refresh_token.unwrap();
        let successor = rotate(&bench, spent).await;
        bench.clock.advance(30);
        let outcome = bench.refresh(refresh(spent, ROTATED)).await;
        assert!(matches!(outcome, RefreshOutcome::Reused), "{outcome:?}");
        assert!(!bench.is_alive(issued.access_token.token.id).await);
        assert!(!bench.is_refreshable(successor).await);
    }

    async fn a_spent_token_whose_successor_was_used_ends_the_grant(bench: Bench) {
        let spent = first(&bench).await;
        let successor = rotate(&bench, spent).await;
        rotate(&bench, successor).await;
        let outcome = bench.refresh(refresh(spent, ROTATED)).await;
        assert!(matches!(outcome, RefreshOutcome::Reused), "{outcome:?}");
        assert!(!bench.is_refreshable(successor).await);
    }

    async fn use_without_rotation_counts_as_use_when_rotation_is_switched_on(bench: Bench) {
        let spent = first(&bench).await;
        let current = rotate(&bench, spent).await;
        refreshed(bench.refresh(refresh(current, Rotation::Off)).await);
        let outcome = bench.refresh(refresh(spent, ROTATED)).await;
        assert!(matches!(outcome, RefreshOutcome::Reused), "{outcome:?}");
    }

    async fn in_a_slot_the_new_token_supersedes_whatever_the_format(bench: Bench) {
        for terms in [crate::support::opaque(), jwt()] {
            let issuance = Issuance { access_token: terms, ..bench.issuance().await };
            let old = bench.issue_in_slot(issuance.clone()).await;
            let presented = old.refresh_token.unwrap();
            let in_slot = Refresh {
                in_slot: true,
                access_token: terms,
                ..refresh(presented, Rotation::Off)
            };
            let new = refreshed(bench.refresh(in_slot).await).access_token;
            assert!(!bench.is_alive(old.access_token.token.id).await);
            assert!(bench.is_alive(new.token.id).await);
        }
    }

    /// A slot of narrower scope must never hand out a refresh token of wider scope.
    async fn a_narrower_refresh_leaves_the_grant_of_its_slot_alone(bench: Bench) {
        let wide = bench.issue_in_slot(bench.issuance().await).await;
        let presented = wide.refresh_token.unwrap();
        let narrow = covering("mail", "https://api.example", bench.issuance().await);
        let narrower = Refresh {
            in_slot: true,
            scope: scope("mail"),
            ..refresh(presented, Rotation::Off)
        };
        let new = refreshed(bench.refresh(narrower.clone()).await);
        assert!(bench.is_alive(wide.access_token.token.id).await, "another slot's");
        let shared = bench.issue_in_slot(narrow.clone()).await;
        assert_eq!(shared.access_token, new.access_token);
        let own = shared.refresh_token.unwrap();
        assert_ne!(own.grant, presented.grant);
        let grant = bench.store.look_up_grant(own.grant).await.unwrap().unwrap().record;
        assert_eq!(grant.scope, scope("mail"));
        let newer = refreshed(bench.refresh(narrower).await);
        assert!(!bench.is_alive(new.access_token.token.id).await);
        let shared = bench.issue_in_slot(narrow).await;
        assert_eq!((shared.access_token, shared.refresh_token), (newer.access_token, Some(own)));
    }

    async fn a_refresh_of_the_slots_scope_makes_its_grant_the_slots(bench: Bench) {
        let slots = bench.issue_in_slot(bench.issuance().await).await.refresh_token.unwrap();
        let other = first(&bench).await;
        assert_ne!(slots.grant, other.grant);
        let in_slot = Refresh { in_slot: true, ..refresh(other, Rotation::Off) };
        refreshed(bench.refresh(in_slot).await);
        let again = bench.issue_in_slot(bench.issuance().await).await;
        assert_eq!(again.refresh_token, Some(other));
    }
}
