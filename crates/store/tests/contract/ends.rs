//! Ends of anchors.

use std::{collections::HashSet, sync::Arc};

use tokenbind_binding::{Anchor, SessionId};
use tokenbind_issuer::store::Issuance;

use crate::support::{Bench, CALLERS, bound_to, issued, race, reference};

contract! {
    async fn each_kind_of_anchor_ends_what_hangs_from_it(bench: Bench) {
        for kind in 0..5 {
            let issuance = Issuance { bindings: bound_to("tv"), ..bench.issuance().await };
            let issued = bench.issue(issuance).await;
            let (token, refresh) = (&issued.access_token.token, issued.refresh_token.unwrap());
            let anchor = [
                Anchor::Token(token.id),
                Anchor::Grant(refresh.grant),
                Anchor::Subject("u1".into()),
                Anchor::Application("app".into()),
                Anchor::Binding(reference("tv")),
            ][kind].clone();
            let end = bench.store.end_anchor(anchor.clone()).await.unwrap();
            assert_eq!(end.anchor, anchor);
            let found = bench.store.look_up_access_token(token.id).await.unwrap().unwrap();
            assert!(found.ends.contains(&end), "{anchor:?}");
            assert!(!bench.is_alive(token.id).await, "{anchor:?}");
            let ends_the_grant = !matches!(anchor, Anchor::Token(_));
            assert_ne!(bench.is_refreshable(refresh).await, ends_the_grant, "{anchor:?}");
        }
    }

    async fn the_end_of_one_touches_no_other(bench: Bench) {
        let issuance = Issuance { bindings: bound_to("tv"), ..bench.issuance().await };
        let id = bench.issue(issuance.clone()).await.access_token.token.id;
        let other = bench.issue(issuance).await;
        for anchor in [
            Anchor::Token(other.access_token.token.id),
            Anchor::Grant(other.refresh_token.unwrap().grant),
            Anchor::Subject("u2".into()),
            Anchor::Application("u1".into()),
            Anchor::Binding(reference("radio")),
            Anchor::Session(SessionId::from_bytes([1; 16])),
        ] {
            bench.store.end_anchor(anchor).await.unwrap();
        }
        assert!(bench.is_alive(id).await);
    }

    async fn what_is_issued_right_after_an_end_lives_and_a_second_end_ends_it(bench: Bench) {
        let user = Anchor::Subject("u1".into());
        bench.store.end_anchor(user.clone()).await.unwrap();
        let id = bench.issue(bench.issuance().await).await.access_token.token.id;
        assert!(bench.is_alive(id).await);
        bench.store.end_anchor(user).await.unwrap();
        assert!(!bench.is_alive(id).await);
    }

    async fn each_of_64_ends_has_an_instant_of_its_own(bench: Bench) {
        let ends = race(|_| {
            let store = Arc::clone(&bench.store);
            async move { store.end_anchor(Anchor::Subject("u1".into())).await.unwrap() }
        })
        .await;
        let instants: HashSet<_> = ends.iter().map(|end| end.instant).collect();
        assert_eq!(instants.len(), CALLERS);
        let issued = bench.issue(bench.issuance().await).await;
        let found = bench.store.look_up_access_token(issued.access_token.token.id).await.unwrap();
        let latest = ends.into_iter().max_by_key(|end| end.instant).unwrap();
        assert_eq!(found.unwrap().ends, [latest]);
    }

    /// Each caller revokes what it was just issued, and looks at once.
    async fn an_acknowledged_end_is_seen_by_every_later_look(bench: Bench) {
        let issuance = bench.issuance().await;
        let seen = race(|_| {
            let (store, issuance) = (Arc::clone(&bench.store), issuance.clone());
            async move {
                let token = issued(store.issue(issuance).await.unwrap()).access_token;
                let end = store.end_anchor(Anchor::Token(token.token.id)).await.unwrap();
                let found = store.look_up_access_token(token.token.id).await.unwrap().unwrap();
                found.ends == [end]
            }
        })
        .await;
        assert_eq!(seen, [true; CALLERS]);
    }

    async fn the_store_can_commit(bench: Bench) {
        let answers = race(|_| {
            let store = Arc::clone(&bench.store);
            async move { store.probe().await.is_ok() }
        })
        .await;
        assert_eq!(answers, [true; CALLERS]);
    }
}
