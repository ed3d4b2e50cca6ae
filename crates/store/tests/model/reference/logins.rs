//! Sessions, codes, and password changes.

use super::{Answer, Format, Login, Place, Reference, Request, Thing, Words};

#[derive(Debug)]
pub(super) struct Session {
    user: u8,
    born: u64,
    auth_time: u64,
    idle_until: u64,
    dies: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Code {
    place: Place,
    login: Login,
    born: u64,
    dies: u64,
    /// What came of it.
    given: Option<Outcome>,
}

/// What a redeemed code's tokens hang from, and when the first of them dies.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    grant: Thing,
    token: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum SessionAnswer {
    Started,
    Renewed,
    Refused,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum CodeAnswer {
    Issued,
    SessionOver,
    Refused,
}

#[derive(Clone, Copy, Debug)]
pub(in super::super) struct NewCode {
    pub(in super::super) session: usize,
    pub(in super::super) app: u8,
    pub(in super::super) words: Words,
    pub(in super::super) tied: bool,
    pub(in super::super) lifetime: u64,
    pub(in super::super) idle: u64,
}

#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Redeem {
    pub(in super::super) code: usize,
    pub(in super::super) device: Option<u8>,
    pub(in super::super) bound: bool,
    /// What the access token is for.
    pub(in super::super) words: Words,
    pub(in super::super) format: Format,
    pub(in super::super) lifetime: u64,
    pub(in super::super) refresh_lifetime: Option<u64>,
    pub(in super::super) in_slot: bool,
}

impl Reference {
    pub(in super::super) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(in super::super) fn user_of(&self, session: usize) -> u8 {
        self.sessions[session].user
    }

    /// Those of the user that live, the latest first.
    pub(in super::super) fn living_sessions(&self, user: u8) -> Vec<usize> {
        let of_user =
            |&session: &usize| self.sessions[session].user == user && self.session_lives(session);
        (0..self.sessions.len()).rev().filter(of_user).collect()
    }

    pub(in super::super) fn session_lives(&self, session: usize) -> bool {
        let Session { user, born, idle_until, dies, .. } = self.sessions[session];
        let things = [Thing::User(user), Thing::Session(session)];
        self.now < idle_until.min(dies) && !self.any_ended(&things, born, Some(session))
    }

    pub(in super::super) fn start_session(
        &mut self,
        user: u8,
        previous: Option<usize>,
        (idle, absolute): (u64, u64),
        as_of: u64,
    ) -> SessionAnswer {
        if self.any_ended(&[Thing::User(user)], as_of + 1, None) {
            return SessionAnswer::Refused;
        }
        let now = self.now;
        if let Some(previous) = previous.filter(|&previous| self.session_lives(previous)) {
            let session = &mut self.sessions[previous];
            if session.user == user {
                session.auth_time = now;
                session.idle_until = session.idle_until.max((now + idle).min(session.dies));
                return SessionAnswer::Renewed;
            }
            self.end(Thing::Session(previous));
        }
        let born = self.next();
        let dies = now + absolute;
        let idle_until = (now + idle).min(dies);
        self.sessions.push(Session { user, born, auth_time: now, idle_until, dies });
        SessionAnswer::Started
    }

    pub(in super::super) fn use_session(&mut self, session: usize, idle: u64) {
        if self.session_lives(session) {
            let now = self.now;
            let session = &mut self.sessions[session];
            let until = (now + idle).min(session.dies);
            if until > session.idle_until + idle / 20 {
                session.idle_until = until;
            }
        }
    }

    /// Whether it was alive until then.
    pub(in super::super) fn end_session(&mut self, session: usize) -> bool {
        let alive = self.session_lives(session);
        self.end(Thing::Session(session));
        alive
    }

    pub(in super::super) fn change_password(&mut self, user: u8, spared: Option<usize>) {
        let spared = spared
            .filter(|&spared| self.session_lives(spared) && self.sessions[spared].user == user);
        self.end_sparing(Thing::User(user), spared);
    }

    pub(in super::super) fn issue_code(&mut self, new: NewCode, as_of: u64) -> CodeAnswer {
        let NewCode { session, app, words, tied, lifetime, idle } = new;
        if !self.session_lives(session) {
            return CodeAnswer::SessionOver;
        }
        let Session { user, auth_time, born: began, .. } = self.sessions[session];
        let things = [Thing::User(user), Thing::App(app), Thing::Consent(user, app)];
        // Facts from before the session began are outdated by any end.
        let spared = (began <= as_of).then_some(session);
        if self.any_ended(&things, as_of + 1, spared) {
            return CodeAnswer::Refused;
        }
        self.use_session(session, idle);
        let born = self.next();
        let place = Place { app, user, device: None, session: None, words };
        let login = Login { session, tied, auth_time };
        self.codes.push(Code { place, login, born, dies: self.now + lifetime, given: None });
        CodeAnswer::Issued
    }

    pub(in super::super) fn app_and_words_of(&self, code: usize) -> (u8, Words) {
        let Place { app, words, .. } = self.codes[code].place;
        (app, words)
    }

    pub(in super::super) fn session_of_code(&self, code: usize) -> usize {
        self.codes[code].login.session
    }

    /// Whether nothing alive can come of the code, or have come, so that it may be forgotten.
    pub(in super::super) fn code_is_over(&self, code: usize) -> bool {
        match self.codes[code].given {
            None => self.now >= self.codes[code].dies,
            Some(Outcome { grant, token }) => {
                let expired = match grant {
                    Thing::Grant(grant) => self.now >= self.grants[grant].dies,
                    _ => true,
                };
                expired && self.now >= self.tokens[token].dies
            }
        }
    }

    pub(in super::super) fn redeem(&mut self, redeem: Redeem) -> Answer {
        let Code { place, login, born, dies, given } = self.codes[redeem.code];
        if let Some(Outcome { grant, .. }) = given {
            self.end(grant);
            return Answer::AlreadyRedeemed;
        }
        if self.now >= dies {
            return Answer::Expired;
        }
        let Place { app, user, .. } = place;
        let things = [Thing::User(user), Thing::App(app), Thing::Consent(user, app)];
        if self.any_ended(&things, born, Some(login.session)) {
            return Answer::Ended;
        }
        let logged_out = self.any_ended(&[Thing::Session(login.session)], born, None);
        if logged_out || redeem.bound && !self.session_lives(login.session) {
            return Answer::SessionOver;
        }
        let session = redeem.bound.then_some(login.session);
        let given = self.issue(Request {
            place: Place { device: redeem.device, session, words: redeem.words, ..place },
            format: redeem.format,
            lifetime: redeem.lifetime,
            refresh_lifetime: redeem.refresh_lifetime,
            granted: place.words,
            in_slot: redeem.in_slot,
            login: Some(login),
            parent: None,
        });
        let Some(grant) = self.tokens[given.token].grant else { unreachable!("a login has one") };
        self.codes[redeem.code].given = Some(Outcome { grant, token: given.token });
        Answer::Given(given)
    }
}
