//! The rules of slots, refresh tokens and ends in plain collections: a second reading of the contract
//! that shares no code with the first.

mod exchanges;
mod logins;

use std::collections::HashMap;

use self::logins::{Code, Session};
pub(super) use self::logins::{CodeAnswer, NewCode, Redeem, SessionAnswer};

/// The wider scope and audience, and the narrower ones, which lie within them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Words {
    Wide,
    Narrow,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Opaque,
    Jwt,
}

/// Whom, for what, and where a token is held: what a slot is made of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Place {
    pub(super) app: u8,
    pub(super) user: u8,
    pub(super) device: Option<u8>,
    /// The session that it is bound to.
    pub(super) session: Option<usize>,
    pub(super) words: Words,
}

/// The login that a token came of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Login {
    pub(super) session: usize,
    /// Whether its tokens end at the logout.
    pub(super) tied: bool,
    auth_time: u64,
}

/// Anything that can end. Tokens, grants, sessions and codes go by the order in which they were made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Thing {
    Token(usize),
    Grant(usize),
    /// What came of a code without a refresh token.
    Family(usize),
    Session(usize),
    User(u8),
    App(u8),
    /// What a user allows an application.
    Consent(u8, u8),
    /// Of an application.
    Device(u8, u8),
}

/// Ended at this point, for all but one session.
#[derive(Clone, Copy, Debug)]
struct End {
    at: u64,
    spared: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) place: Place,
    pub(super) format: Format,
    pub(super) lifetime: u64,
    /// None: no refresh token is wanted.
    pub(super) refresh_lifetime: Option<u64>,
    /// What the grant is for: no less than the token.
    pub(super) granted: Words,
    pub(super) in_slot: bool,
    pub(super) login: Option<Login>,
    /// The token that it is exchanged for, if it is.
    pub(super) parent: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) grant: usize,
    pub(super) generation: u32,
    pub(super) app: u8,
    pub(super) words: Words,
    pub(super) format: Format,
    pub(super) lifetime: u64,
    /// Seconds of grace; none: no rotation.
    pub(super) rotation: Option<u64>,
    pub(super) refresh_lifetime: u64,
    pub(super) in_slot: bool,
    pub(super) idle: u64,
}

/// What was given out: an access token, perhaps with a grant's refresh token of this generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Given {
    pub(super) token: usize,
    pub(super) refresh: Option<(usize, u32)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Given(Given),
    /// The user or the application ended in between.
    Refused,
    NotTheirs,
    Expired,
    Ended,
    SessionOver,
    Reused,
    AlreadyRedeemed,
}

#[derive(Debug)]
struct Token {
    place: Place,
    login: Option<Login>,
    format: Format,
    /// A grant or a family.
    grant: Option<Thing>,
    /// What it was exchanged for.
    parent: Option<usize>,
    born: u64,
    dies: u64,
}

#[derive(Debug)]
struct Grant {
    place: Place,
    login: Option<Login>,
    born: u64,
    dies: u64,
    generation: u32,
    since: u64,
    used: bool,
}

#[derive(Debug, Default)]
pub(super) struct Reference {
    /// Seconds.
    pub(super) now: u64,
    /// Counts events.
    order: u64,
    tokens: Vec<Token>,
    grants: Vec<Grant>,
    slots: HashMap<Place, (usize, Option<usize>)>,
    sessions: Vec<Session>,
    codes: Vec<Code>,
    families: usize,
    ends: HashMap<Thing, Vec<End>>,
}

impl Reference {
    pub(super) fn starting_at(now: u64) -> Self {
        Self { now, ..Self::default() }
    }

    pub(super) fn order(&self) -> u64 {
        self.order
    }

    pub(super) fn tokens(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn grants(&self) -> usize {
        self.grants.len()
    }

    pub(super) fn generation(&self, grant: usize) -> u32 {
        self.grants[grant].generation
    }

    pub(super) fn place_of_grant(&self, grant: usize) -> Place {
        self.grants[grant].place
    }

    fn next(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// Whether any end of these things ended what was born then, in that session.
    fn any_ended(&self, things: &[Thing], born: u64, session: Option<usize>) -> bool {
        let ends = things.iter().filter_map(|thing| self.ends.get(thing)).flatten();
        ends.into_iter()
            .any(|end| end.at >= born && (end.spared.is_none() || end.spared != session))
    }

    fn ended(&self, born: u64, place: Place, login: Option<Login>, own: &[Thing]) -> bool {
        let Place { app, user, device, session, .. } = place;
        let mut things = vec![Thing::User(user), Thing::App(app), Thing::Consent(user, app)];
        things.extend(device.map(|device| Thing::Device(app, device)));
        let hangs_from = login.filter(|login| login.tied).map(|login| login.session).or(session);
        things.extend(hangs_from.map(Thing::Session));
        things.extend(own);
        self.any_ended(&things, born, login.map(|login| login.session))
    }

    fn token_ended(&self, index: usize) -> bool {
        let token = &self.tokens[index];
        let mut own = vec![Thing::Token(index)];
        own.extend(token.grant);
        self.ended(token.born, token.place, token.login, &own)
    }

    fn grant_ended(&self, index: usize) -> bool {
        let grant = &self.grants[index];
        self.ended(grant.born, grant.place, grant.login, &[Thing::Grant(index)])
    }

    /// Whether the session that something is bound to lives, if it is bound to one.
    fn bound_session_lives(&self, place: Place) -> bool {
        place.session.is_none_or(|session| self.session_lives(session))
    }

    pub(super) fn token_lives(&self, index: usize) -> bool {
        let Token { place, dies, .. } = self.tokens[index];
        self.now < dies
            && !self.token_ended(index)
            && self.bound_session_lives(place)
            && self.ancestors_live(index)
    }

    pub(super) fn grant_lives(&self, index: usize) -> bool {
        let Grant { place, dies, .. } = self.grants[index];
        self.now < dies && !self.grant_ended(index) && self.bound_session_lives(place)
    }

    pub(super) fn end(&mut self, thing: Thing) {
        self.end_sparing(thing, None);
    }

    fn end_sparing(&mut self, thing: Thing, spared: Option<usize>) {
        let at = self.next();
        self.ends.entry(thing).or_default().push(End { at, spared });
    }

    fn new_token(
        &mut self,
        (place, login): (Place, Option<Login>),
        format: Format,
        grant: Option<Thing>,
        lifetime: u64,
    ) -> usize {
        let born = self.next();
        let (parent, dies) = (None, self.now + lifetime);
        self.tokens.push(Token { place, login, format, grant, parent, born, dies });
        self.tokens.len() - 1
    }

    fn new_grant(&mut self, place: Place, login: Option<Login>, lifetime: u64) -> usize {
        let born = self.next();
        let (since, dies) = (self.now, self.now + lifetime);
        self.grants.push(Grant { place, login, born, dies, generation: 0, since, used: false });
        self.grants.len() - 1
    }

    /// What a new token hangs from.
    fn family(&mut self, request: &Request, grant: Option<usize>) -> Option<Thing> {
        match grant {
            Some(grant) => Some(Thing::Grant(grant)),
            None => request.login.filter(|_| request.parent.is_none()).map(|_| {
                self.families += 1;
                Thing::Family(self.families)
            }),
        }
    }

    fn refresh_token(&self, grant: usize) -> (usize, u32) {
        (grant, self.grants[grant].generation)
    }

    /// A request whose facts were read at `as_of`.
    pub(super) fn request(&mut self, request: Request, as_of: u64) -> Answer {
        let Place { app, user, .. } = request.place;
        if self.any_ended(&[Thing::App(app), Thing::User(user)], as_of + 1, None) {
            return Answer::Refused;
        }
        Answer::Given(self.issue(request))
    }

    fn issue(&mut self, request: Request) -> Given {
        if request.in_slot { self.in_slot(request) } else { self.afresh(request) }
    }

    fn afresh(&mut self, request: Request) -> Given {
        let Request { place, login, format, lifetime, refresh_lifetime, granted, .. } = request;
        let whole = Place { words: granted, ..place };
        let grant = refresh_lifetime.map(|lifetime| self.new_grant(whole, login, lifetime));
        let family = self.family(&request, grant);
        let token = self.new_token((place, login), format, family, lifetime);
        self.tokens[token].parent = request.parent;
        Given { token, refresh: grant.map(|grant| self.refresh_token(grant)) }
    }

    fn in_slot(&mut self, request: Request) -> Given {
        let Request { place, login, format, lifetime, .. } = request;
        let slot = self.slots.get(&place).copied();
        let live = slot.map(|(token, _)| token).filter(|&token| self.token_lives(token));
        let slots_grant = slot.and_then(|(_, grant)| grant);
        let whole = Place { words: request.granted, ..place };
        let grant = request.refresh_lifetime.map(|lifetime| {
            let kept = slots_grant
                .filter(|&grant| self.grant_lives(grant) && self.grants[grant].login == login)
                .filter(|&grant| self.grants[grant].place == whole);
            match kept {
                Some(grant) => {
                    let dies = &mut self.grants[grant].dies;
                    *dies = (*dies).max(self.now + lifetime);
                    grant
                }
                None => self.new_grant(whole, login, lifetime),
            }
        });
        let shared = live.filter(|&index| {
            let token = &self.tokens[index];
            let both_opaque = token.format == Format::Opaque && format == Format::Opaque;
            let one_grant = grant.is_none() || token.grant == grant.map(Thing::Grant);
            let one_parent = token.parent == request.parent || request.parent == Some(index);
            both_opaque && one_parent && token.login == login && (login.is_none() || one_grant)
        });
        let token = if let Some(token) = shared {
            token
        } else {
            if let Some(old) = live {
                self.end(Thing::Token(old));
            }
            let family = self.family(&request, grant);
            let token = self.new_token((place, login), format, family, lifetime);
            self.tokens[token].parent = request.parent;
            token
        };
        self.slots.insert(place, (token, grant.or(slots_grant)));
        Given { token, refresh: grant.map(|grant| self.refresh_token(grant)) }
    }

    pub(super) fn refresh(&mut self, turn: Turn) -> Answer {
        let Grant { place, dies, .. } = self.grants[turn.grant];
        if place.app != turn.app {
            return Answer::NotTheirs;
        }
        if !self.bound_session_lives(place) {
            self.end(Thing::Grant(turn.grant));
            return Answer::SessionOver;
        }
        if self.now >= dies {
            return Answer::Expired;
        }
        if self.grant_ended(turn.grant) {
            return Answer::Ended;
        }
        if !self.present(turn) {
            self.end(Thing::Grant(turn.grant));
            return Answer::Reused;
        }
        if let Some(session) = place.session {
            self.use_session(session, turn.idle);
        }
        Answer::Given(self.refreshed(turn))
    }

    /// Whether the presented token is good, and what follows for the grant.
    fn present(&mut self, turn: Turn) -> bool {
        let grant = &mut self.grants[turn.grant];
        if turn.generation == grant.generation {
            if turn.rotation.is_some() {
                grant.generation += 1;
                grant.since = self.now;
                grant.used = false;
                grant.dies = self.now + turn.refresh_lifetime;
            } else {
                grant.used = true;
            }
            return true;
        }
        turn.generation + 1 == grant.generation
            && !grant.used
            && turn.rotation.is_some_and(|grace| self.now < grant.since + grace)
    }

    fn refreshed(&mut self, turn: Turn) -> Given {
        let Grant { place: whole, login, .. } = self.grants[turn.grant];
        let place = Place { words: turn.words, ..whole };
        let slot = self.slots.get(&place).copied();
        if turn.in_slot
            && let Some((old, _)) = slot
            && self.token_lives(old)
        {
            self.end(Thing::Token(old));
        }
        let family = Some(Thing::Grant(turn.grant));
        let token = self.new_token((place, login), turn.format, family, turn.lifetime);
        if turn.in_slot {
            let slots_grant =
                if place == whole { Some(turn.grant) } else { slot.and_then(|(_, grant)| grant) };
            self.slots.insert(place, (token, slots_grant));
        }
        Given { token, refresh: Some(self.refresh_token(turn.grant)) }
    }
}
