//! The steps that have to do with sessions and codes.

use std::sync::Arc;

use proptest::{prelude::*, sample::Index, test_runner::TestCaseError};
use tokenbind_issuer::{
    login::Login,
    store::{
        CodeOutcome, CodeRequest, RedeemOutcome, Redemption, SessionOutcome, SessionStart, Store,
        UserChange,
    },
};

use super::{
    Run, at_most, grant_terms,
    reference::{Answer, CodeAnswer, NewCode, Place, Redeem, SessionAnswer},
    steps::Step,
    terms, text, uris,
};
use crate::{
    logins::{code, redemption, session_lives},
    support::{audience, scope},
};

impl Run<'_> {
    pub(super) fn take_login_step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::StartSession { user, previous, ends, stale } => {
                let previous = previous.and_then(|index| self.pick_session(index));
                self.start_session(*user, previous, *ends, *stale)?;
            }
            Step::UseSession(session, idle) => {
                if let Some(session) = self.pick_session(*session) {
                    let id = self.sessions[session].session.id;
                    self.wait(self.world.store().use_session(id, *idle)).unwrap();
                    self.reference.use_session(session, *idle);
                }
            }
            Step::EndSession(session) => {
                if let Some(session) = self.pick_session(*session) {
                    let id = self.sessions[session].session.id;
                    let ended = self.wait(self.world.store().end_session(id)).unwrap();
                    prop_assert_eq!(ended.is_some(), self.reference.end_session(session));
                }
            }
            Step::IssueCode { session, code, stale } => {
                if let Some(session) = self.pick_session(*session) {
                    self.issue_code(NewCode { session, ..*code }, *stale)?;
                }
            }
            Step::Redeem { code, redeem } if !self.codes.is_empty() => {
                let code = code.index(self.codes.len());
                self.redeem(Redeem { code, ..*redeem })?;
            }
            Step::Password { user, spared } => {
                let spared = spared.and_then(|index| self.pick_session(index));
                self.change_password(*user, spared);
            }
            Step::SweepSessions => {
                let now = self.world.clock.timestamp();
                self.wait(self.world.store().sweep_sessions(now)).unwrap();
            }
            _ => {}
        }
        Ok(())
    }

    fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.world.runtime.block_on(answer)
    }

    fn pick_session(&self, index: Index) -> Option<usize> {
        (!self.sessions.is_empty()).then(|| index.index(self.sessions.len()))
    }

    fn start_session(
        &mut self,
        user: u8,
        previous: Option<usize>,
        (idle, absolute): (u64, u64),
        stale: bool,
    ) -> Result<(), TestCaseError> {
        let facts = self.facts_of(stale);
        let expected = self.reference.start_session(user, previous, (idle, absolute), facts.order);
        let subject = self.subject(user);
        let start = SessionStart {
            as_of: facts.as_of,
            username: subject.as_str().into(),
            subject,
            acr: tokenbind_issuer::login::Acr::Password,
            user_agent: None,
            previous: previous.map(|previous| self.sessions[previous].session.id),
            idle,
            absolute,
        };
        let answer = match self.wait(self.world.store().start_session(start)).unwrap() {
            SessionOutcome::Started(session) => {
                self.sessions.push(session);
                SessionAnswer::Started
            }
            SessionOutcome::Renewed(session) => {
                let Some(previous) = previous else { panic!("renewed without a previous one") };
                prop_assert_eq!(session.session.id, self.sessions[previous].session.id);
                self.sessions[previous] = session;
                SessionAnswer::Renewed
            }
            SessionOutcome::Ended => SessionAnswer::Refused,
        };
        prop_assert_eq!(answer, expected);
        Ok(())
    }

    fn issue_code(&mut self, new: NewCode, stale: bool) -> Result<(), TestCaseError> {
        let facts = self.facts_of(stale);
        let expected = self.reference.issue_code(new, facts.order);
        let mut code = code(&self.sessions[new.session]);
        code.client_id = self.client_id(new.app);
        code.scope = scope(text(new.words));
        code.audience = audience(uris(new.words));
        code.login = Arc::new(Login { ends_tokens: new.tied, ..Login::clone(&code.login) });
        let request = CodeRequest {
            as_of: facts.as_of,
            code: code.clone(),
            lifetime: new.lifetime,
            session_idle: new.idle,
            cookie: None,
            consented: None,
            pushed: None,
        };
        let answer = match self.wait(self.world.store().issue_code(request)).unwrap() {
            CodeOutcome::Issued { id, .. } => {
                self.codes.push((id, code));
                CodeAnswer::Issued
            }
            CodeOutcome::SessionOver => CodeAnswer::SessionOver,
            CodeOutcome::Ended | CodeOutcome::RequestSpent => CodeAnswer::Refused,
        };
        prop_assert_eq!(answer, expected);
        Ok(())
    }

    fn redeem(&mut self, redeem: Redeem) -> Result<(), TestCaseError> {
        let (id, code) = &self.codes[redeem.code];
        let base = redemption(*id, code);
        let (app, granted) = self.reference.app_and_words_of(redeem.code);
        let words = at_most(granted, redeem.words);
        let redeem = Redeem { words, ..redeem };
        let session = self.reference.session_of_code(redeem.code);
        let user = self.reference.user_of(session);
        let session = redeem.bound.then_some(session);
        let mut issuance = base.issuance;
        issuance.bindings =
            self.bindings(Place { app, user, device: redeem.device, session, words });
        issuance.access_token = terms(redeem.format, redeem.lifetime);
        (issuance.scope, issuance.audience) = (scope(text(words)), audience(uris(words)));
        issuance.grant = grant_terms(redeem.refresh_lifetime, granted);
        let redemption = Redemption { issuance, in_slot: redeem.in_slot, ..base };
        let outcome = self.wait(self.world.store().redeem_code(redemption)).unwrap();
        let answer = match outcome {
            RedeemOutcome::Redeemed(issued) => Answer::Given(self.given(&issued)),
            RedeemOutcome::AlreadyRedeemed => Answer::AlreadyRedeemed,
            RedeemOutcome::Expired => Answer::Expired,
            RedeemOutcome::SessionOver => Answer::SessionOver,
            RedeemOutcome::Ended(_) | RedeemOutcome::Replayed => Answer::Ended,
            // Only a sweep makes a code unknown.
            RedeemOutcome::Unknown => {
                prop_assert!(self.reference.code_is_over(redeem.code));
                return Ok(());
            }
        };
        prop_assert_eq!(answer, self.reference.redeem(redeem));
        Ok(())
    }

    fn change_password(&mut self, user: u8, spared: Option<usize>) {
        let spared_id = spared.map(|spared| self.sessions[spared].session.id);
        let change = UserChange::Password { hash: String::new(), spared: spared_id };
        let username = self.subject(user);
        self.wait(self.world.store().change_user(username.as_str(), change)).unwrap();
        self.reference.change_password(user, spared);
    }

    pub(super) fn compare_sessions(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.sessions.len(), self.reference.sessions());
        let (store, now) = (self.world.store(), self.world.clock.timestamp());
        for (index, session) in self.sessions.iter().enumerate() {
            let lives = self.wait(session_lives(store, session.session.id, now));
            prop_assert_eq!(lives, self.reference.session_lives(index), "session {}", index);
        }
        for user in 0..2 {
            let listed = self.wait(store.list_sessions(&self.subject(user), now)).unwrap();
            let listed: Vec<_> = listed.iter().map(|listed| listed.session.id).collect();
            let expected = self.reference.living_sessions(user).into_iter();
            let expected: Vec<_> = expected.map(|index| self.sessions[index].session.id).collect();
            prop_assert_eq!(listed, expected, "user {}", user);
        }
        Ok(())
    }
}
