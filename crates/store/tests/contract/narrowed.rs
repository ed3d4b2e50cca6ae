//! Grants that are wider than their access tokens (RFC 8707 section 2.2).

use std::{collections::HashSet, sync::Arc};

use tokenbind_issuer::{
    grant::{Grant, Rotation},
    store::{GrantTerms, Issuance, Issued, Refresh},
};

use crate::support::{Bench, audience, covering, issued, lasting, race, refresh, refreshed, scope};

const MAIL: &str = "https://mail.example";
const BOTH: &str = "https://api.example https://mail.example";

/// A grant for both resources.
fn both() -> GrantTerms {
    GrantTerms { audience: audience(BOTH), ..lasting(86_400) }
}

/// A token for one of them, of that grant.
async fn narrowed(bench: &Bench) -> Issuance {
    Issuance { grant: Some(both()), ..covering("mail", MAIL, bench.issuance().await) }
}

async fn grant_of(bench: &Bench, issued: &Issued) -> Grant {
    let id = issued.refresh_token.unwrap().grant;
    bench.store.look_up_grant(id).await.unwrap().unwrap().record
}

contract! {
    async fn the_access_token_is_narrower_and_the_grant_is_not(bench: Bench) {
        for in_slot in [false, true] {
            let issuance = narrowed(&bench).await;
            let issued =
                if in_slot { bench.issue_in_slot(issuance).await } else { bench.issue(issuance).await };
            let token = &issued.access_token;
            assert_eq!((&token.scope, &token.audience), (&scope("mail"), &audience(MAIL)));
            let grant = grant_of(&bench, &issued).await;
            assert_eq!((grant.scope, grant.audience), (scope("mail openid"), audience(BOTH)));
        }
    }

    async fn each_refresh_is_narrowed_for_itself(bench: Bench) {
        let issued = bench.issue(narrowed(&bench).await).await;
        let base = refresh(issued.refresh_token.unwrap(), Rotation::Off);
        for resources in [MAIL, "https://api.example", BOTH] {
            let turn = Refresh { audience: audience(resources), ..base.clone() };
            let token = refreshed(bench.refresh(turn).await).access_token;
            assert_eq!(token.audience, audience(resources));
            assert_eq!(grant_of(&bench, &issued).await.audience, audience(BOTH));
        }
    }

    /// A slot of narrower scope or audience must never hand out a refresh token of a wider one.
    async fn a_narrow_slot_never_hands_out_a_wide_grant(bench: Bench) {
        let wide = bench.issue_in_slot(narrowed(&bench).await).await;
        let narrow = bench.issue_in_slot(covering("mail", MAIL, bench.issuance().await)).await;
        let grant = grant_of(&bench, &narrow).await;
        assert_eq!((grant.scope, grant.audience), (scope("mail"), audience(MAIL)));
        assert_ne!(wide.refresh_token, narrow.refresh_token);
    }

    async fn of_one_width_the_slots_grant_goes_out_again(bench: Bench) {
        let first = bench.issue_in_slot(narrowed(&bench).await).await;
        let again = bench.issue_in_slot(narrowed(&bench).await).await;
        assert_eq!(again.access_token, first.access_token);
        assert_eq!(again.refresh_token, first.refresh_token);
    }

    async fn a_refresh_for_one_resource_leaves_the_grant_of_its_slot_alone(bench: Bench) {
        let wide = Issuance { grant: Some(both()), ..covering("mail openid", BOTH, bench.issuance().await) };
        let wide = bench.issue_in_slot(wide).await;
        let turn = Refresh {
            in_slot: true,
            audience: audience(MAIL),
            ..refresh(wide.refresh_token.unwrap(), Rotation::Off)
        };
        let token = refreshed(bench.refresh(turn).await).access_token;
        assert!(bench.is_alive(wide.access_token.token.id).await, "another slot's");
        let narrow = covering("mail openid", MAIL, bench.issuance().await);
        let shared = bench.issue_in_slot(narrow).await;
        assert_eq!(shared.access_token, token);
        assert_eq!(grant_of(&bench, &shared).await.audience, audience(MAIL));
    }

    async fn of_64_requests_of_two_widths_each_gets_a_grant_of_its_own_width(bench: Bench) {
        let narrow = covering("mail", MAIL, bench.issuance().await);
        let wide = narrowed(&bench).await;
        let answers = race(|number| {
            let store = Arc::clone(&bench.store);
            let issuance = if number % 2 == 0 { narrow.clone() } else { wide.clone() };
            async move { issued(store.issue_in_slot(issuance).await.unwrap()) }
        })
        .await;
        for (number, issued) in answers.iter().enumerate() {
            let width = if number % 2 == 0 { audience(MAIL) } else { audience(BOTH) };
            assert_eq!(grant_of(&bench, issued).await.audience, width);
        }
        let tokens: HashSet<_> = answers.iter().map(|issued| issued.access_token.token.id).collect();
        assert_eq!(tokens.len(), 1, "the slot has one token");
    }
}
