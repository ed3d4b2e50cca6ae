//! Tokens that are exchanged for others: they hang from all that those hang from.

use super::{Answer, Given, Place, Reference, Request, Thing};

impl Reference {
    /// An exchange of a token, whose facts were read at `as_of`. The session of its login is older.
    pub(crate) fn exchange(&mut self, parent: usize, request: Request, as_of: u64) -> Answer {
        let Place { app, user, .. } = request.place;
        let session = request.login.map(|login| login.session);
        let own = [Thing::App(app), Thing::User(user)];
        let refused = self.any_ended(&own, as_of + 1, session)
            || self
                .ancestry(Some(parent))
                .into_iter()
                .any(|one| self.has_ended(one, as_of + 1) || self.session_has_ended(one));
        if refused { Answer::Refused } else { Answer::Given(self.exchanged(parent, request)) }
    }

    fn exchanged(&mut self, parent: usize, request: Request) -> Given {
        let before = self.tokens.len();
        let given = self.issue(Request { parent: Some(parent), ..request });
        if given.token == before {
            let dies = self.tokens[parent].dies;
            let child = &mut self.tokens[given.token];
            child.dies = child.dies.min(dies);
        }
        given
    }

    /// Whether anything that a token came of has ended since it was born, or idled out under it.
    pub(super) fn ancestors_live(&self, index: usize) -> bool {
        let born = self.tokens[index].born;
        self.ancestry(self.tokens[index].parent).into_iter().all(|one| {
            !self.has_ended(one, born) && self.bound_session_lives(self.tokens[one].place)
        })
    }

    fn ancestry(&self, first: Option<usize>) -> Vec<usize> {
        std::iter::successors(first, |&one| self.tokens[one].parent).collect()
    }

    /// Whether the token, or its session, whether it hung from that or not, ended then or later.
    fn has_ended(&self, index: usize, since: u64) -> bool {
        let token = &self.tokens[index];
        let mut own = vec![Thing::Token(index)];
        own.extend(token.grant);
        own.extend(token.login.map(|login| Thing::Session(login.session)));
        self.ended(since, token.place, token.login, &own)
    }

    /// Whether the login session was ended, at whatever time.
    fn session_has_ended(&self, index: usize) -> bool {
        let login = self.tokens[index].login;
        login.is_some_and(|login| self.any_ended(&[Thing::Session(login.session)], 0, None))
    }

    pub(crate) fn living_tokens(&self) -> Vec<usize> {
        (0..self.tokens.len()).filter(|&index| self.token_lives(index)).collect()
    }

    /// Whose token it is, and of which login.
    pub(crate) fn owner(&self, index: usize) -> (u8, Option<super::Login>) {
        let token = &self.tokens[index];
        (token.place.user, token.login)
    }
}
