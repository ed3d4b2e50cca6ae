//! Refreshing with another certificate than the grant was bound to, by a client that authenticates by one.

use std::sync::Arc;

use tokenbind_binding::{
    Anchor, Binding, BindingType, Bindings, RefreshTokenId, Thumbprint, anchor::Dead,
    certificate::reference_of,
};
use tokenbind_issuer::{
    grant::Rotation,
    store::{Issuance, Issued, Refresh, RefreshOutcome},
};

use crate::support::{Bench, CALLERS, ROTATED, bound_to, race, refresh, refreshed};

/// Bound to the instance `tv` and the certificate of this text.
fn with(certificate: &str) -> Bindings {
    let thumbprint = Thumbprint::of(certificate.as_bytes());
    let certificate = Binding {
        binding_type: BindingType::Certificate,
        reference: reference_of(&"app".into(), thumbprint),
        validated: true,
        confirmation: Some(thumbprint),
    };
    let bindings = bound_to("tv").iter().copied().chain([certificate]).collect();
    Bindings::new(bindings)
}

async fn first(bench: &Bench) -> Issued {
    bench.issue_in_slot(Issuance { bindings: with("a"), ..bench.issuance().await }).await
}

fn shown(presented: RefreshTokenId, certificate: &str) -> Refresh {
    let bindings = Some(with(certificate));
    Refresh { bindings, in_slot: true, ..refresh(presented, Rotation::Off) }
}

contract! {
    async fn the_new_token_and_the_grant_are_bound_to_what_was_shown(bench: Bench) {
        let old = first(&bench).await;
        let presented = old.refresh_token.unwrap();
        let new = refreshed(bench.refresh(shown(presented, "b")).await);
        assert_eq!(new.access_token.token.bindings, with("b"));
        assert_eq!(new.refresh_token, Some(presented));
        let grant = bench.store.look_up_grant(presented.grant).await.unwrap().unwrap().record;
        assert_eq!(grant.bindings, with("b"));
    }

    async fn the_token_of_the_slot_that_was_left_is_superseded_each_time(bench: Bench) {
        let first = first(&bench).await;
        let presented = first.refresh_token.unwrap();
        let mut tokens = vec![first.access_token];
        for certificate in ["b", "c", "a", "b"] {
            tokens.push(refreshed(bench.refresh(shown(presented, certificate)).await).access_token);
            assert_eq!(bench.count_alive(&tokens).await, 1, "{certificate}");
            assert!(bench.is_alive(tokens.last().unwrap().token.id).await);
        }
    }

    async fn whoever_has_the_old_certificate_does_not_get_the_grant_again(bench: Bench) {
        let old = first(&bench).await;
        let presented = old.refresh_token.unwrap();
        refreshed(bench.refresh(shown(presented, "b")).await);
        let again = first(&bench).await;
        assert_ne!(again.refresh_token.unwrap().grant, presented.grant);
        assert!(bench.is_refreshable(presented).await);
    }

    async fn the_rotated_token_follows_too_and_so_does_a_lost_reply(bench: Bench) {
        let presented = first(&bench).await.refresh_token.unwrap();
        let rotating = |certificate| Refresh { rotation: ROTATED, ..shown(presented, certificate) };
        let lost = refreshed(bench.refresh(rotating("b")).await);
        let again = refreshed(bench.refresh(rotating("c")).await);
        assert_eq!(again.refresh_token, lost.refresh_token);
        assert_eq!(again.access_token.token.bindings, with("c"));
        assert!(!bench.is_alive(lost.access_token.token.id).await);
    }

    async fn the_end_of_the_certificate_that_was_left_does_not_end_the_grant(bench: Bench) {
        let presented = first(&bench).await.refresh_token.unwrap();
        refreshed(bench.refresh(shown(presented, "b")).await);
        bench.store.end_anchor(Anchor::Binding(with("a")[1].reference)).await.unwrap();
        assert!(bench.is_refreshable(presented).await);
        refreshed(bench.refresh(shown(presented, "b")).await);
    }

    async fn an_ended_certificate_takes_the_grant_with_it(bench: Bench) {
        let presented = first(&bench).await.refresh_token.unwrap();
        bench.store.end_anchor(Anchor::Binding(with("a")[1].reference)).await.unwrap();
        let outcome = bench.refresh(shown(presented, "b")).await;
        assert!(matches!(outcome, RefreshOutcome::Dead(Dead::Ended(_))), "{outcome:?}");
    }

    async fn a_grant_does_not_move_to_a_certificate_that_was_ended(bench: Bench) {
        let presented = first(&bench).await.refresh_token.unwrap();
        bench.store.end_anchor(Anchor::Binding(with("b")[1].reference)).await.unwrap();
        let outcome = bench.refresh(shown(presented, "b")).await;
        assert!(matches!(outcome, RefreshOutcome::Dead(Dead::Ended(_))), "{outcome:?}");
        let unmoved = refreshed(bench.refresh(shown(presented, "a")).await);
        assert_eq!(unmoved.access_token.token.bindings, with("a"), "nothing changed");
    }

    async fn of_64_renewals_at_once_one_token_is_alive_and_it_is_of_the_last(bench: Bench) {
        let presented = first(&bench).await.refresh_token.unwrap();
        let answers = race(|number| {
            let store = Arc::clone(&bench.store);
            let refresh = shown(presented, &format!("certificate {number}"));
            async move { refreshed(store.refresh(refresh).await.unwrap()).access_token }
        })
        .await;
        assert_eq!((answers.len(), bench.count_alive(&answers).await), (CALLERS, 1));
        let grant = bench.store.look_up_grant(presented.grant).await.unwrap().unwrap().record;
        for token in answers {
            let alive = bench.is_alive(token.token.id).await;
            assert_eq!(token.token.bindings == grant.bindings, alive);
        }
    }
}
