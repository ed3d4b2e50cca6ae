//! Issuing outside slots.

use std::{collections::HashSet, sync::Arc};

use tokenbind_binding::Anchor;
use tokenbind_issuer::{access_token::AccessToken, store::Issuance};

use crate::support::{Bench, CALLERS, bound_to, issued, jwt, race};

contract! {
    async fn a_token_says_what_it_was_issued_for(bench: Bench) {
        let issuance = Issuance {
            bindings: bound_to("tv"),
            access_token: jwt(),
            ..bench.issuance().await
        };
        let issued = bench.issue(issuance.clone()).await;
        let AccessToken { token, scope, audience, username, pairwise, login, actor, format } =
            &*issued.access_token;
        assert_eq!(token.client_id, issuance.client_id);
        assert_eq!(token.subject, issuance.subject);
        assert_eq!(token.bindings, issuance.bindings);
        assert_eq!(token.expires_at, bench.clock.timestamp().plus(3600));
        assert_eq!(token.grant, issued.refresh_token.map(|refresh| refresh.grant));
        assert_eq!((scope, audience), (&issuance.scope, &issuance.audience));
        assert_eq!((username, *format), (&issuance.username, issuance.access_token.format));
        assert_eq!((pairwise, login, actor), (&None, &None, &None));
        assert_eq!(token.descent, None);
        let found = bench.store.look_up_access_token(token.id).await.unwrap().unwrap();
        assert_eq!(found.record, issued.access_token);
        assert!(found.ends.is_empty());
    }

    async fn a_grant_says_what_it_was_given_for(bench: Bench) {
        let issuance = Issuance { bindings: bound_to("tv"), ..bench.issuance().await };
        let refresh_token = bench.issue(issuance.clone()).await.refresh_token.unwrap();
        let found = bench.store.look_up_grant(refresh_token.grant).await.unwrap().unwrap();
        let grant = found.record;
        assert!(found.ends.is_empty());
        assert_eq!(grant.refresh_token(), refresh_token);
        assert_eq!(refresh_token.generation, 0);
        assert_eq!((grant.client_id, grant.subject), (issuance.client_id, issuance.subject));
        assert_eq!((grant.scope, grant.audience), (issuance.scope, issuance.audience));
        assert_eq!((grant.bindings, grant.username), (issuance.bindings, issuance.username));
        assert_eq!(grant.expires_at, bench.clock.timestamp().plus(86_400));
        assert!(!grant.current.used);
    }

    async fn without_a_refresh_token_there_is_no_grant(bench: Bench) {
        let issuance = Issuance { grant: None, ..bench.issuance().await };
        let issued = bench.issue(issuance).await;
        assert_eq!(issued.refresh_token, None);
        assert_eq!(issued.access_token.token.grant, None);
    }

    async fn an_application_that_acts_for_itself_has_no_username(bench: Bench) {
        let issuance = Issuance { username: None, ..bench.issuance().await };
        let issued = bench.issue(issuance).await;
        let found = bench.store.look_up_access_token(issued.access_token.token.id).await.unwrap();
        assert_eq!(found.unwrap().record.username, None);
    }

    async fn what_was_never_issued_is_not_found(bench: Bench) {
        let issued = bench.issue(bench.issuance().await).await;
        let mut bytes = *issued.access_token.token.id.as_bytes();
        bytes[15] ^= 1;
        let stranger = tokenbind_binding::TokenId::from_bytes(bytes);
        assert!(bench.store.look_up_access_token(stranger).await.unwrap().is_none());
        let mut bytes = *issued.refresh_token.unwrap().grant.as_bytes();
        bytes[8] ^= 1;
        let stranger = tokenbind_binding::GrantId::from_bytes(bytes);
        assert!(bench.store.look_up_grant(stranger).await.unwrap().is_none());
    }

    async fn each_of_64_requests_gets_a_token_of_its_own(bench: Bench) {
        let issuance = bench.issuance().await;
        let outcomes = race(|_| {
            let (store, issuance) = (Arc::clone(&bench.store), issuance.clone());
            async move { issued(store.issue(issuance).await.unwrap()) }
        })
        .await;
        let tokens: HashSet<_> = outcomes.iter().map(|issued| issued.access_token.token.id).collect();
        let instants: HashSet<_> = tokens.iter().map(tokenbind_binding::TokenId::instant).collect();
        let grants: HashSet<_> =
            outcomes.iter().map(|issued| issued.refresh_token.unwrap().grant).collect();
        assert_eq!((tokens.len(), instants.len(), grants.len()), (CALLERS, CALLERS, CALLERS));
        for id in tokens {
            assert!(bench.is_alive(id).await);
        }
    }

    async fn a_new_token_on_a_device_whose_tokens_were_ended_is_legitimate(bench: Bench) {
        let issuance = Issuance { bindings: bound_to("tv"), ..bench.issuance().await };
        let old = bench.issue(issuance.clone()).await.access_token;
        let device = Anchor::Binding(old.token.bindings[0].reference);
        bench.store.end_anchor(device).await.unwrap();
        let new = bench.issue(issuance).await.access_token;
        assert!(!bench.is_alive(old.token.id).await);
        assert!(bench.is_alive(new.token.id).await);
    }

    async fn a_token_dies_when_its_time_is_over(bench: Bench) {
        let id = bench.issue(bench.issuance().await).await.access_token.token.id;
        bench.clock.advance(3599);
        assert!(bench.is_alive(id).await);
        bench.clock.advance(1);
        assert!(!bench.is_alive(id).await);
    }
}
