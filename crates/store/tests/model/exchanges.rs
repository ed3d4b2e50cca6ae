//! Exchanges, as the store does them.

use std::sync::Arc;

use proptest::{prelude::*, sample::Index};
use tokenbind_binding::Descent;
use tokenbind_issuer::store::{Exchanged, Issuance, IssueOutcome, Store as _};

use super::{
    Moment, Run,
    reference::{Answer, Place, Request},
};

impl Run<'_> {
    /// Exchanges one of the tokens that were alive when the facts were read.
    pub(super) fn exchange(
        &mut self,
        token: Index,
        request: Request,
        stale: bool,
    ) -> Result<(), TestCaseError> {
        let Moment { as_of, order, .. } = self.facts_of(stale);
        let living = if order == self.reference.order() {
            self.reference.living_tokens()
        } else {
            self.alive_then.clone()
        };
        if living.is_empty() {
            return Ok(());
        }
        let parent = living[token.index(living.len())];
        let (user, login) = self.reference.owner(parent);
        let place = Place { user, session: None, ..request.place };
        let request = Request { place, login, refresh_lifetime: None, ..request };
        let found = self.world.store().look_up_access_token(self.tokens[parent]);
        let found = self.world.runtime.block_on(found);
        // Since then it may have expired and been swept.
        let Some(found) = found.unwrap() else { return Ok(()) };
        let Ok(descent) = Descent::joined(found.record.token.offspring(), None) else {
            return Ok(());
        };
        let issuance = Issuance {
            pairwise: found.record.pairwise.clone(),
            login: found.record.login.clone(),
            exchanged: Some(Exchanged {
                descent: Arc::new(descent),
                actor: None,
                expires_by: found.record.token.expires_at,
            }),
            ..self.issuance(&request, as_of)
        };
        let expected = self.reference.exchange(parent, request, order);
        let store = self.world.store();
        let outcome = if request.in_slot {
            self.world.runtime.block_on(store.issue_in_slot(issuance))
        } else {
            self.world.runtime.block_on(store.issue(issuance))
        };
        let answer = match outcome.unwrap() {
            IssueOutcome::Issued(issued) => Answer::Given(self.given(&issued)),
            IssueOutcome::Ended(_) | IssueOutcome::Replayed => Answer::Refused,
        };
        prop_assert_eq!(answer, expected);
        Ok(())
    }
}
