//! A store with a clock that the test moves, and the things that go into it.

use std::{
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tempfile::TempDir;
use tokenbind_binding::{
    Binding, BindingType, Bindings, ClientId, Clock, Instant, Random, Reference, RefreshTokenId,
    Timestamp, TokenId,
};
use tokenbind_issuer::{
    access_token::{AccessToken, TokenFormat},
    application::Application,
    grant::Rotation,
    keys::KeyId,
    scope::{Audience, Scope},
    settings::Settings,
    store::{
        AccessTokenTerms, AsOf, GrantTerms, Issuance, IssueOutcome, Issued, Recorded, Refresh,
        RefreshOutcome, RegisterOutcome, Store,
    },
    user::User,
};
use tokenbind_store::{OpenError, SqliteStore};
use tokio::sync::Barrier;

/// So many callers race one another.
pub(crate) const CALLERS: usize = 64;

/// Seconds for which a session lives without use.
pub(crate) const IDLE: u64 = 1800;

/// Seconds since the epoch when a test begins.
pub(crate) const START: u64 = 1_700_000_000;

/// A clock that stands still unless the test moves it.
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(START * 1_000_000))
    }

    pub(crate) fn advance(&self, secs: u64) {
        self.0.fetch_add(secs * 1_000_000, Ordering::SeqCst);
    }

    pub(crate) fn go_back(&self, secs: u64) {
        self.0.fetch_sub(secs * 1_000_000, Ordering::SeqCst);
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        self.now().timestamp()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Bytes that never repeat, which is all that ids need here.
pub(crate) struct Counting(AtomicU64);

impl Counting {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(1))
    }
}

impl Random for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        for (index, byte) in buffer.iter_mut().enumerate() {
            *byte = number[index % number.len()];
        }
    }
}

/// A store under test, which knows the application `app`.
pub(crate) struct Bench {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<TestClock>,
    /// Keeps what the backend needs while the test runs.
    folder: TempDir,
}

/// The embedded database.
pub(crate) async fn sqlite() -> Bench {
    let folder = TempDir::new().unwrap();
    let clock = Arc::new(TestClock::new());
    let store: Arc<dyn Store> = Arc::new(open_sqlite(folder.path(), &clock).unwrap());
    let outcome = store.register_application(application("app")).await.unwrap();
    assert_eq!(outcome, RegisterOutcome::Registered);
    Bench { store, clock, folder }
}

impl Bench {
    /// The same after a restart.
    pub(crate) fn reopened(self) -> Self {
        let Self { store, clock, folder } = self;
        drop(store);
        let store: Arc<dyn Store> = Arc::new(open_sqlite(folder.path(), &clock).unwrap());
        Self { store, clock, folder }
    }
}

pub(crate) fn open_sqlite(folder: &Path, clock: &Arc<TestClock>) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(folder, Arc::clone(clock) as Arc<dyn Clock>, Arc::new(Counting::new()))
}

impl Bench {
    /// As of now, which is when the facts of a request would be read.
    pub(crate) async fn as_of(&self) -> AsOf {
        as_of(&*self.store).await
    }

    /// For `app` and user `u1`: an opaque token for an hour, and a refresh token for a day.
    pub(crate) async fn issuance(&self) -> Issuance {
        issuance(self.as_of().await)
    }

    pub(crate) async fn issue(&self, issuance: Issuance) -> Issued {
        issued(self.store.issue(issuance).await.unwrap())
    }

    pub(crate) async fn issue_in_slot(&self, issuance: Issuance) -> Issued {
        issued(self.store.issue_in_slot(issuance).await.unwrap())
    }

    pub(crate) async fn refresh(&self, refresh: Refresh) -> RefreshOutcome {
        self.store.refresh(refresh).await.unwrap()
    }

    pub(crate) async fn is_alive(&self, id: TokenId) -> bool {
        is_alive(&*self.store, id, self.clock.timestamp()).await
    }

    pub(crate) async fn is_refreshable(&self, token: RefreshTokenId) -> bool {
        match self.store.look_up_grant(token.grant).await.unwrap() {
            Some(Recorded { record, ends, session }) => {
                record.judge(&ends[..], session.as_ref(), self.clock.timestamp()).is_ok()
            }
            None => false,
        }
    }

    /// How many of these tokens are alive.
    pub(crate) async fn count_alive(&self, tokens: &[Arc<AccessToken>]) -> usize {
        let mut alive = 0;
        for token in tokens {
            alive += usize::from(self.is_alive(token.token.id).await);
        }
        alive
    }
}

pub(crate) async fn as_of(store: &dyn Store) -> AsOf {
    store.find_application(&"app".into()).await.unwrap().unwrap().1
}

pub(crate) async fn is_alive(store: &dyn Store, id: TokenId, now: Timestamp) -> bool {
    match store.look_up_access_token(id).await.unwrap() {
        Some(Recorded { record, ends, session }) => {
            record.token.judge(&ends[..], session.as_ref(), now).is_ok()
        }
        None => false,
    }
}

/// Runs the callers at once, each with its number, and gives their answers.
pub(crate) async fn race<T, F>(caller: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(CALLERS));
    let callers: Vec<_> = (0..CALLERS)
        .map(|number| {
            let (start, call) = (Arc::clone(&start), caller(number));
            tokio::spawn(async move {
                start.wait().await;
                call.await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(caller.await.unwrap());
    }
    answers
}

pub(crate) fn application(client_id: &str) -> Application {
    Application {
        client_id: client_id.into(),
        issued_at: Timestamp::from_secs(START),
        secrets: Vec::new(),
        registration_access_token: None,
        settings: Settings {
            token_binding_types: vec![BindingType::ClientRequest],
            ..Settings::default()
        },
    }
}

/// The same application under another name to show.
pub(crate) fn renamed(application: &Application, name: &str) -> Application {
    let mut renamed = application.clone();
    renamed.settings.client_name = Some(name.into());
    renamed
}

pub(crate) fn user(subject: &str, username: &str) -> User {
    User {
        subject: subject.into(),
        username: username.into(),
        password_hash: "$argon2id$".into(),
        claims: serde_json::Map::new(),
        locked: false,
    }
}

pub(crate) fn issuance(as_of: AsOf) -> Issuance {
    Issuance {
        as_of,
        client_id: "app".into(),
        subject: "u1".into(),
        username: Some("alice".into()),
        pairwise: None,
        login: None,
        scope: scope("mail openid"),
        audience: audience("https://api.example"),
        bindings: Bindings::default(),
        proof: None,
        access_token: opaque(),
        grant: Some(lasting(86_400)),
        exchanged: None,
    }
}

/// A grant of the scope and audience of [`issuance`], for so many seconds.
pub(crate) fn lasting(lifetime: u64) -> GrantTerms {
    GrantTerms { lifetime, scope: scope("mail openid"), audience: audience("https://api.example") }
}

/// The issuance for this scope and audience, and its grant too.
pub(crate) fn covering(scope: &str, audience: &str, mut issuance: Issuance) -> Issuance {
    (issuance.scope, issuance.audience) = (self::scope(scope), self::audience(audience));
    if let Some(grant) = &mut issuance.grant {
        (grant.scope, grant.audience) = (issuance.scope.clone(), issuance.audience.clone());
    }
    issuance
}

/// These resources, parted by spaces.
pub(crate) fn audience(text: &str) -> Audience {
    Audience::of(&text.split(' ').collect::<Vec<_>>())
}

pub(crate) fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

pub(crate) fn opaque() -> AccessTokenTerms {
    AccessTokenTerms { format: TokenFormat::Opaque { key: KeyId(1) }, lifetime: 3600 }
}

pub(crate) fn jwt() -> AccessTokenTerms {
    AccessTokenTerms { format: TokenFormat::Jwt { key: KeyId(7) }, lifetime: 3600 }
}

pub(crate) fn reference(id: &str) -> Reference {
    Reference::of(BindingType::ClientRequest, &ClientId::from("app"), id.as_bytes())
}

/// Bound to the `tokenBindingId` of this text.
pub(crate) fn bound_to(id: &str) -> Bindings {
    Bindings::new(vec![Binding {
        binding_type: BindingType::ClientRequest,
        reference: reference(id),
        validated: true,
        confirmation: None,
    }])
}

pub(crate) const ROTATED: Rotation = Rotation::On { grace: 30 };

/// A refresh by `app` for the scope of [`issuance`], without slots.
pub(crate) fn refresh(presented: RefreshTokenId, rotation: Rotation) -> Refresh {
    Refresh {
        presented,
        client_id: "app".into(),
        scope: scope("mail openid"),
        audience: audience("https://api.example"),
        access_token: opaque(),
        bindings: None,
        proof: None,
        rotation,
        refresh_token_lifetime: 86_400,
        in_slot: false,
        session_idle: IDLE,
        id_token_lifetime: None,
    }
}

pub(crate) fn issued(outcome: IssueOutcome) -> Issued {
    match outcome {
        IssueOutcome::Issued(issued) => issued,
        other => panic!("not issued: {other:?}"),
    }
}

pub(crate) fn refreshed(outcome: RefreshOutcome) -> Issued {
    match outcome {
        RefreshOutcome::Refreshed(issued) => issued,
        other => panic!("not refreshed: {other:?}"),
    }
}

/// What was issued, of outcomes some of which may be refusals.
pub(crate) fn all_issued(outcomes: Vec<IssueOutcome>) -> Vec<Arc<AccessToken>> {
    outcomes
        .into_iter()
        .filter_map(|outcome| match outcome {
            IssueOutcome::Issued(issued) => Some(issued.access_token),
            IssueOutcome::Ended(_) | IssueOutcome::Replayed => None,
        })
        .collect()
}

/// What was refreshed, of outcomes some of which may be refusals.
pub(crate) fn all_refreshed(outcomes: Vec<RefreshOutcome>) -> Vec<Issued> {
    outcomes
        .into_iter()
        .filter_map(|outcome| match outcome {
            RefreshOutcome::Refreshed(issued) => Some(issued),
            _ => None,
        })
        .collect()
}
