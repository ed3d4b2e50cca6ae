//! Random sequences of operations, done by the store and by [`reference`], whose answers must agree.

mod exchanges;
mod logins;
mod reference;
mod steps;

use std::{cell::RefCell, sync::Arc};

use proptest::{
    collection,
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use tempfile::TempDir;
use tokenbind_binding::{
    Anchor, Binding, BindingType, Bindings, ClientId, CodeId, GrantId,
    Reference as BindingReference, RefreshTokenId, SubjectId, TokenId, anchor::Dead,
};
use tokenbind_issuer::{
    access_token::TokenFormat,
    code::AuthorizationCode,
    grant::Rotation,
    keys::KeyId,
    session::LoginSession,
    store::{
        AccessTokenTerms, AsOf, GrantTerms, Issuance, IssueOutcome, Issued, Recorded, Refresh,
        RefreshOutcome, Store,
    },
};
use tokenbind_store::SqliteStore;
use tokio::runtime::{Builder, Runtime};

use self::{
    reference::{Answer, Format, Given, Place, Reference, Request, Thing, Turn, Words},
    steps::{Step, step},
};
use crate::{
    logins::to_session,
    support::{
        TestClock, application, as_of, audience, is_alive, issuance, open_sqlite, scope, user,
    },
};

/// The store, which serves many sequences: each has names of its own.
struct World {
    folder: TempDir,
    clock: Arc<TestClock>,
    store: Option<SqliteStore>,
    runtime: Runtime,
    sequence: u64,
}

impl World {
    fn new() -> Self {
        // Durability is not the question here, so memory will do where there is such a folder.
        let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
        let clock = Arc::new(TestClock::new());
        let runtime = Builder::new_current_thread().build().unwrap();
        let store = open_sqlite(folder.path(), &clock).unwrap();
        runtime.block_on(store.register_application(application("app"))).unwrap();
        Self { folder, clock, store: Some(store), runtime, sequence: 0 }
    }

    fn reopen(&mut self) {
        // The lock must be free before the store is opened again.
        drop(self.store.take());
        self.store = Some(open_sqlite(self.folder.path(), &self.clock).unwrap());
    }

    fn store(&self) -> &SqliteStore {
        self.store.as_ref().unwrap()
    }

    fn as_of(&self) -> AsOf {
        self.runtime.block_on(as_of(self.store()))
    }
}

/// One sequence: the reference, and what its tokens and grants are called in the store.
struct Run<'a> {
    world: &'a mut World,
    reference: Reference,
    tokens: Vec<TokenId>,
    grants: Vec<GrantId>,
    sessions: Vec<Arc<LoginSession>>,
    codes: Vec<(CodeId, AuthorizationCode)>,
    remembered: Moment,
    /// The tokens that were alive then.
    alive_then: Vec<usize>,
}

/// When facts were read: for the store, for the reference, and in seconds.
#[derive(Clone, Copy)]
struct Moment {
    as_of: AsOf,
    order: u64,
    secs: u64,
}

/// A request that takes longer has been given up by the server.
const IN_FLIGHT: u64 = 60;

impl<'a> Run<'a> {
    fn new(world: &'a mut World) -> Self {
        world.sequence += 1;
        let secs = world.clock.timestamp().as_secs();
        let remembered = Moment { as_of: world.as_of(), order: 0, secs };
        let reference = Reference::starting_at(secs);
        let mut run = Self {
            world,
            reference,
            tokens: Vec::new(),
            grants: Vec::new(),
            sessions: Vec::new(),
            codes: Vec::new(),
            remembered,
            alive_then: Vec::new(),
        };
        run.add_users_and_applications();
        run
    }

    fn add_users_and_applications(&mut self) {
        let World { runtime, store, .. } = &*self.world;
        let store = store.as_ref().unwrap();
        for number in 0..2 {
            let subject = self.subject(number);
            let user = user(subject.as_str(), subject.as_str());
            runtime.block_on(store.add_user(user)).unwrap();
            let application = application(self.client_id(number).as_str());
            runtime.block_on(store.register_application(application)).unwrap();
        }
        self.remembered = self.moment();
    }

    fn client_id(&self, app: u8) -> ClientId {
        ClientId::new(format!("app-{}-{app}", self.world.sequence))
    }

    fn subject(&self, user: u8) -> SubjectId {
        SubjectId::new(format!("user-{}-{user}", self.world.sequence))
    }

    fn device(&self, app: u8, device: u8) -> BindingReference {
        BindingReference::of(BindingType::ClientRequest, &self.client_id(app), &[device])
    }

    fn anchor(&self, thing: Thing) -> Anchor {
        match thing {
            Thing::Token(index) => Anchor::Token(self.tokens[index]),
            Thing::Grant(index) => Anchor::Grant(self.grants[index]),
            Thing::Family(_) => unreachable!("only a second redemption ends it"),
            Thing::Session(index) => Anchor::Session(self.sessions[index].session.id),
            Thing::User(user) => Anchor::Subject(self.subject(user)),
            Thing::Consent(user, app) => Anchor::Consent(self.subject(user), self.client_id(app)),
            Thing::App(app) => Anchor::Application(self.client_id(app)),
            Thing::Device(app, device) => Anchor::Binding(self.device(app, device)),
        }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Request { request, stale } => self.request(*request, *stale)?,
            Step::Exchange { token, request, stale } => self.exchange(*token, *request, *stale)?,
            Step::Refresh { grant, back, other_app, turn } if !self.grants.is_empty() => {
                let grant = grant.index(self.grants.len());
                let generation = self.reference.generation(grant);
                let generation = generation.checked_add_signed(-i32::from(*back)).unwrap_or(9);
                let app = self.reference.place_of_grant(grant).app ^ u8::from(*other_app);
                let words = at_most(self.reference.place_of_grant(grant).words, turn.words);
                self.refresh(Turn { grant, generation, app, words, ..*turn })?;
            }
            Step::EndToken(token) if !self.tokens.is_empty() => {
                self.end(Thing::Token(token.index(self.tokens.len())));
            }
            Step::EndGrant(grant) if !self.grants.is_empty() => {
                self.end(Thing::Grant(grant.index(self.grants.len())));
            }
            Step::Refresh { .. } | Step::EndToken(_) | Step::EndGrant(_) => {}
            Step::StartSession { .. }
            | Step::UseSession(..)
            | Step::EndSession(_)
            | Step::IssueCode { .. }
            | Step::Redeem { .. }
            | Step::Password { .. }
            | Step::SweepSessions => self.take_login_step(step)?,
            Step::End(thing) => self.end(*thing),
            Step::Remember => self.remember(),
            Step::Advance(secs) => {
                self.world.clock.advance(*secs);
                self.reference.now += secs;
            }
            Step::Sweep => {
                let sweep = self.world.store().sweep(self.world.clock.timestamp());
                self.world.runtime.block_on(sweep).unwrap();
            }
            Step::Reopen => {
                self.world.reopen();
                // Requests do not outlive the process.
                self.remember();
            }
        }
        self.compare_lives()
    }

    fn remember(&mut self) {
        self.remembered = self.moment();
        self.alive_then = self.reference.living_tokens();
    }

    fn moment(&self) -> Moment {
        let (order, secs) = (self.reference.order(), self.reference.now);
        Moment { as_of: self.world.as_of(), order, secs }
    }

    fn end(&mut self, thing: Thing) {
        let end = self.world.store().end_anchor(self.anchor(thing));
        self.world.runtime.block_on(end).unwrap();
        self.reference.end(thing);
    }

    /// When the facts of a request were read: now, or some time ago.
    fn facts_of(&self, stale: bool) -> Moment {
        let on_its_way = self.reference.now < self.remembered.secs + IN_FLIGHT;
        if stale && on_its_way { self.remembered } else { self.moment() }
    }

    fn request(&mut self, request: Request, stale: bool) -> Result<(), TestCaseError> {
        let Moment { as_of, order, .. } = self.facts_of(stale);
        let expected = self.reference.request(request, order);
        let issuance = self.issuance(&request, as_of);
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

    fn issuance(&self, request: &Request, as_of: AsOf) -> Issuance {
        let Place { app, user, words, .. } = request.place;
        Issuance {
            client_id: self.client_id(app),
            subject: self.subject(user),
            scope: scope(text(words)),
            audience: audience(uris(words)),
            bindings: self.bindings(request.place),
            access_token: terms(request.format, request.lifetime),
            grant: grant_terms(request.refresh_lifetime, request.granted),
            ..issuance(as_of)
        }
    }

    fn bindings(&self, Place { app, device, session, .. }: Place) -> Bindings {
        let device = device.map(|device| Binding {
            binding_type: BindingType::ClientRequest,
            reference: self.device(app, device),
            validated: true,
            confirmation: None,
        });
        let session = session.map(|session| to_session(&self.sessions[session])[0]);
        Bindings::new(device.into_iter().chain(session).collect())
    }

    fn refresh(&mut self, turn: Turn) -> Result<(), TestCaseError> {
        let expected = self.reference.refresh(turn);
        let refresh = Refresh {
            presented: RefreshTokenId {
                grant: self.grants[turn.grant],
                generation: turn.generation,
            },
            client_id: self.client_id(turn.app),
            scope: scope(text(turn.words)),
            audience: audience(uris(turn.words)),
            access_token: terms(turn.format, turn.lifetime),
            bindings: None,
            proof: None,
            rotation: turn.rotation.map_or(Rotation::Off, |grace| Rotation::On { grace }),
            refresh_token_lifetime: turn.refresh_lifetime,
            in_slot: turn.in_slot,
            session_idle: turn.idle,
            id_token_lifetime: None,
        };
        let outcome = self.world.runtime.block_on(self.world.store().refresh(refresh)).unwrap();
        let answer = match outcome {
            RefreshOutcome::Refreshed(issued) => Answer::Given(self.given(&issued)),
            RefreshOutcome::NotTheirs => Answer::NotTheirs,
            RefreshOutcome::Dead(Dead::Expired) => Answer::Expired,
            RefreshOutcome::Dead(Dead::Ended(_)) | RefreshOutcome::Replayed => Answer::Ended,
            RefreshOutcome::Dead(Dead::SessionOver) => Answer::SessionOver,
            RefreshOutcome::Reused => Answer::Reused,
            // Only a sweep makes a grant unknown, and only when it has expired.
            RefreshOutcome::Unknown => {
                prop_assert!(!self.reference.grant_lives(turn.grant));
                return Ok(());
            }
        };
        prop_assert_eq!(answer, expected);
        Ok(())
    }

    /// What the store gave, in the numbers of the reference. What is seen first gets the next one.
    fn given(&mut self, issued: &Issued) -> Given {
        let token = number(&mut self.tokens, issued.access_token.token.id);
        let refresh = issued
            .refresh_token
            .map(|refresh| (number(&mut self.grants, refresh.grant), refresh.generation));
        Given { token, refresh }
    }

    fn compare_lives(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.tokens.len(), self.reference.tokens());
        prop_assert_eq!(self.grants.len(), self.reference.grants());
        let (store, now) = (self.world.store(), self.world.clock.timestamp());
        for (index, &id) in self.tokens.iter().enumerate() {
            let lives = self.world.runtime.block_on(is_alive(store, id, now));
            prop_assert_eq!(lives, self.reference.token_lives(index), "token {}", index);
        }
        for (index, &id) in self.grants.iter().enumerate() {
            let found = self.world.runtime.block_on(store.look_up_grant(id)).unwrap();
            let lives = found.is_some_and(|Recorded { record, ends, session }| {
                record.judge(&ends[..], session.as_ref(), now).is_ok()
            });
            prop_assert_eq!(lives, self.reference.grant_lives(index), "grant {}", index);
        }
        self.compare_sessions()
    }
}

fn number<T: PartialEq>(known: &mut Vec<T>, id: T) -> usize {
    known.iter().position(|other| *other == id).unwrap_or_else(|| {
        known.push(id);
        known.len() - 1
    })
}

fn text(words: Words) -> &'static str {
    match words {
        Words::Wide => "mail openid",
        Words::Narrow => "mail",
    }
}

fn uris(words: Words) -> &'static str {
    match words {
        Words::Wide => "https://api.example https://mail.example",
        Words::Narrow => "https://mail.example",
    }
}

fn grant_terms(lifetime: Option<u64>, words: Words) -> Option<GrantTerms> {
    let (scope, audience) = (scope(text(words)), audience(uris(words)));
    lifetime.map(|lifetime| GrantTerms { lifetime, scope, audience })
}

/// Nobody may ask for more than was granted.
fn at_most(whole: Words, asked: Words) -> Words {
    if whole == Words::Narrow { Words::Narrow } else { asked }
}

fn terms(format: Format, lifetime: u64) -> AccessTokenTerms {
    let format = match format {
        Format::Opaque => TokenFormat::Opaque { key: KeyId(1) },
        Format::Jwt => TokenFormat::Jwt { key: KeyId(7) },
    };
    AccessTokenTerms { format, lifetime }
}

#[test]
fn the_store_answers_as_the_contract_says() {
    let world = RefCell::new(World::new());
    let config = Config { cases: 2000, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&collection::vec(step(), 1..40), |steps| {
            let mut world = world.borrow_mut();
            let mut run = Run::new(&mut world);
            steps.iter().try_for_each(|step| run.take(step))
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
