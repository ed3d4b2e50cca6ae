//! The rules of slots, refresh tokens and ends in plain collections: a second reading of the contract
//! that shares no code with the first.

use std::collections::HashMap;

/// The wider scope and the narrower one, which lies within it.
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
    pub(super) words: Words,
}

/// Anything that can end. Tokens and grants go by the order in which they were made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Thing {
    Token(usize),
    Grant(usize),
    User(u8),
    App(u8),
    /// Of an application.
    Device(u8, u8),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) place: Place,
    pub(super) format: Format,
    pub(super) lifetime: u64,
    /// None: no refresh token is wanted.
    pub(super) refresh_lifetime: Option<u64>,
    pub(super) in_slot: bool,
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
}

#[derive(Debug)]
struct Token {
    place: Place,
    format: Format,
    grant: Option<usize>,
    born: u64,
    dies: u64,
}

#[derive(Debug)]
struct Grant {
    place: Place,
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
    ends: HashMap<Thing, u64>,
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

    fn ended(&self, born: u64, place: Place, own: &[Thing]) -> bool {
        let mut things = vec![Thing::User(place.user), Thing::App(place.app)];
        things.extend(place.device.map(|device| Thing::Device(place.app, device)));
        things.extend(own);
        things.iter().any(|thing| self.ends.get(thing).is_some_and(|&end| end >= born))
    }

    fn token_ended(&self, index: usize) -> bool {
        let token = &self.tokens[index];
        let mut own = vec![Thing::Token(index)];
        own.extend(token.grant.map(Thing::Grant));
        self.ended(token.born, token.place, &own)
    }

    fn grant_ended(&self, index: usize) -> bool {
        let grant = &self.grants[index];
        self.ended(grant.born, grant.place, &[Thing::Grant(index)])
    }

    pub(super) fn token_lives(&self, index: usize) -> bool {
        self.now < self.tokens[index].dies && !self.token_ended(index)
    }

    pub(super) fn grant_lives(&self, index: usize) -> bool {
        self.now < self.grants[index].dies && !self.grant_ended(index)
    }

    pub(super) fn end(&mut self, thing: Thing) {
        let order = self.next();
        self.ends.insert(thing, order);
    }

    fn new_token(
        &mut self,
        place: Place,
        format: Format,
        grant: Option<usize>,
        lifetime: u64,
    ) -> usize {
        let born = self.next();
        self.tokens.push(Token { place, format, grant, born, dies: self.now + lifetime });
        self.tokens.len() - 1
    }

    fn new_grant(&mut self, place: Place, lifetime: u64) -> usize {
        let born = self.next();
        let (since, dies) = (self.now, self.now + lifetime);
        self.grants.push(Grant { place, born, dies, generation: 0, since, used: false });
        self.grants.len() - 1
    }

    fn refresh_token(&self, grant: usize) -> (usize, u32) {
        (grant, self.grants[grant].generation)
    }

    /// A request whose facts were read at `as_of`.
    pub(super) fn request(&mut self, request: Request, as_of: u64) -> Answer {
        let Place { app, user, .. } = request.place;
        for thing in [Thing::App(app), Thing::User(user)] {
            if self.ends.get(&thing).is_some_and(|&end| end > as_of) {
                return Answer::Refused;
            }
        }
        Answer::Given(if request.in_slot { self.in_slot(request) } else { self.afresh(request) })
    }

    fn afresh(&mut self, request: Request) -> Given {
        let grant =
            request.refresh_lifetime.map(|lifetime| self.new_grant(request.place, lifetime));
        let token = self.new_token(request.place, request.format, grant, request.lifetime);
        Given { token, refresh: grant.map(|grant| self.refresh_token(grant)) }
    }

    fn in_slot(&mut self, request: Request) -> Given {
        let slot = self.slots.get(&request.place).copied();
        let live = slot.map(|(token, _)| token).filter(|&token| self.token_lives(token));
        let slots_grant = slot.and_then(|(_, grant)| grant);
        let grant = request.refresh_lifetime.map(|lifetime| {
            match slots_grant.filter(|&grant| self.grant_lives(grant)) {
                Some(grant) => {
                    let dies = &mut self.grants[grant].dies;
                    *dies = (*dies).max(self.now + lifetime);
                    grant
                }
                None => self.new_grant(request.place, lifetime),
            }
        });
        let both_opaque = |token: &usize| {
            self.tokens[*token].format == Format::Opaque && request.format == Format::Opaque
        };
        let token = if let Some(token) = live.filter(both_opaque) {
            token
        } else {
            if let Some(old) = live {
                self.end(Thing::Token(old));
            }
            self.new_token(request.place, request.format, grant, request.lifetime)
        };
        self.slots.insert(request.place, (token, grant.or(slots_grant)));
        Given { token, refresh: grant.map(|grant| self.refresh_token(grant)) }
    }

    pub(super) fn refresh(&mut self, turn: Turn) -> Answer {
        let grant = &self.grants[turn.grant];
        if grant.place.app != turn.app {
            return Answer::NotTheirs;
        }
        if self.now >= grant.dies {
            return Answer::Expired;
        }
        if self.grant_ended(turn.grant) {
            return Answer::Ended;
        }
        let Some(grant) = self.grants.get_mut(turn.grant) else { unreachable!() };
        if turn.generation == grant.generation {
            if turn.rotation.is_some() {
                grant.generation += 1;
                grant.since = self.now;
                grant.used = false;
                grant.dies = self.now + turn.refresh_lifetime;
            } else {
                grant.used = true;
            }
        } else {
            let lost_reply = turn.generation + 1 == grant.generation
                && !grant.used
                && turn.rotation.is_some_and(|grace| self.now < grant.since + grace);
            if !lost_reply {
                self.end(Thing::Grant(turn.grant));
                return Answer::Reused;
            }
        }
        Answer::Given(self.refreshed(turn))
    }

    fn refreshed(&mut self, turn: Turn) -> Given {
        let whole = self.grants[turn.grant].place;
        let place = Place { words: turn.words, ..whole };
        let slot = self.slots.get(&place).copied();
        if turn.in_slot
            && let Some((old, _)) = slot
            && self.token_lives(old)
        {
            self.end(Thing::Token(old));
        }
        let token = self.new_token(place, turn.format, Some(turn.grant), turn.lifetime);
        if turn.in_slot {
            let slots_grant =
                if place == whole { Some(turn.grant) } else { slot.and_then(|(_, grant)| grant) };
            self.slots.insert(place, (token, slots_grant));
        }
        Given { token, refresh: Some(self.refresh_token(turn.grant)) }
    }
}
