//! The embedded database between one process and the next.

mod logins;

use std::{
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tempfile::TempDir;
use tokenbind_binding::{Anchor, ClaimOutcome, Clock, Instant, JtiClaim, Random, Thumbprint};
use tokenbind_issuer::{
    actor::Actor,
    keys::{KeyId, KeyUse},
    store::{Exchanged, Issuance, Store, StoreError, StoredKey},
};
use tokenbind_store::{OpenError, SqliteStore};

use crate::support::{
    CALLERS, TestClock, application, as_of, is_alive, issuance, issued, open_sqlite, race,
};

struct Machine {
    folder: TempDir,
    clock: Arc<TestClock>,
}

impl Machine {
    async fn new() -> (Self, SqliteStore) {
        let machine = Self { folder: TempDir::new().unwrap(), clock: Arc::new(TestClock::new()) };
        let store = machine.open();
        store.register_application(application("app")).await.unwrap();
        (machine, store)
    }

    fn open(&self) -> SqliteStore {
        open_sqlite(self.folder.path(), &self.clock).unwrap()
    }

    /// The numbers of the ends as they are on disk.
    fn numbers(&self) -> Vec<u64> {
        let db = rusqlite::Connection::open(self.folder.path().join("tokenbind.db")).unwrap();
        let mut statement = db.prepare("SELECT seq FROM ends ORDER BY seq").unwrap();
        let rows = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        rows.map(|number| number.unwrap().cast_unsigned()).collect()
    }
}

async fn end(store: &SqliteStore) -> Instant {
    store.end_anchor(Anchor::Subject("u9".into())).await.unwrap().instant
}

async fn new_issuance(store: &SqliteStore) -> Issuance {
    issuance(as_of(store).await)
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let (machine, store) = Machine::new().await;
    let kept = issued(store.issue_in_slot(new_issuance(&store).await).await.unwrap());
    let ended = issued(store.issue(new_issuance(&store).await).await.unwrap());
    let grant = ended.refresh_token.unwrap().grant;
    store.end_anchor(Anchor::Grant(grant)).await.unwrap();
    drop(store);
    let store = machine.open();
    let now = machine.clock.timestamp();
    assert!(is_alive(&store, kept.access_token.token.id, now).await);
    assert!(!is_alive(&store, ended.access_token.token.id, now).await);
    let found = store.look_up_access_token(kept.access_token.token.id).await.unwrap().unwrap();
    assert_eq!(found.record, kept.access_token);
    let again = issued(store.issue_in_slot(new_issuance(&store).await).await.unwrap());
    assert_eq!(again.access_token, kept.access_token);
    assert_eq!(again.refresh_token, kept.refresh_token);
}

#[tokio::test]
async fn what_an_exchanged_token_came_of_is_there_after_reopening() {
    let (machine, store) = Machine::new().await;
    let subject = issued(store.issue(new_issuance(&store).await).await.unwrap()).access_token;
    let actor = |name: &str, before| Actor {
        subject: name.into(),
        pairwise: Some("someone".into()),
        client_id: "desk".into(),
        before,
    };
    let exchanged = Exchanged {
        descent: Arc::new(subject.token.offspring()),
        actor: Some(Arc::new(actor("u3", Some(Arc::new(actor("u2", None)))))),
        expires_by: subject.token.expires_at,
    };
    let issuance =
        Issuance { grant: None, exchanged: Some(exchanged), ..new_issuance(&store).await };
    let token = issued(store.issue(issuance).await.unwrap()).access_token;
    drop(store);
    let store = machine.open();
    let found = store.look_up_access_token(token.token.id).await.unwrap().unwrap();
    assert_eq!(found.record, token);
    store.end_anchor(Anchor::Token(subject.token.id)).await.unwrap();
    assert!(!is_alive(&store, token.token.id, machine.clock.timestamp()).await);
}

#[tokio::test]
async fn a_claimed_jti_is_claimed_after_reopening() {
    let (machine, store) = Machine::new().await;
    let until = machine.clock.timestamp().plus(300);
    let claim = JtiClaim::of_proof(Thumbprint::from_bytes([7; 32]), "a", until);
    assert_eq!(store.claim_jti(claim).await.unwrap(), ClaimOutcome::First);
    drop(store);
    let store = machine.open();
    assert_eq!(store.claim_jti(claim).await.unwrap(), ClaimOutcome::Replayed);
}

#[tokio::test]
async fn instants_never_go_back_although_the_clock_does() {
    let (machine, store) = Machine::new().await;
    let end_first = end(&store).await;
    drop(store);
    machine.clock.go_back(1000);
    let store = machine.open();
    let token = issued(store.issue(new_issuance(&store).await).await.unwrap()).access_token;
    assert!(token.token.id.instant() > end_first);
    drop(store);
    machine.clock.go_back(1000);
    let store = machine.open();
    assert!(end(&store).await > token.token.id.instant());
}

#[tokio::test]
async fn instants_never_go_back_although_all_rows_were_swept() {
    let (machine, store) = Machine::new().await;
    let token = issued(store.issue(new_issuance(&store).await).await.unwrap()).access_token;
    machine.clock.advance(200_000);
    store.sweep(machine.clock.timestamp()).await.unwrap();
    drop(store);
    machine.clock.go_back(300_000);
    let store = machine.open();
    assert!(end(&store).await > token.token.id.instant());
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_are_numbered_without_gaps_by_64_callers_and_across_reopening_and_sweeps() {
    let (machine, store) = Machine::new().await;
    let store = Arc::new(store);
    race(|_| {
        let store = Arc::clone(&store);
        async move { end(&store).await }
    })
    .await;
    drop(Arc::into_inner(store).unwrap());
    assert_eq!(machine.numbers(), (1..=64).collect::<Vec<_>>());
    let store = machine.open();
    end(&store).await;
    machine.clock.advance(1_000_000);
    assert_eq!(store.sweep(machine.clock.timestamp()).await.unwrap().ends, 65);
    drop(store);
    assert!(machine.numbers().is_empty());
    let store = machine.open();
    end(&store).await;
    drop(store);
    assert_eq!(machine.numbers(), [66]);
}

#[tokio::test]
async fn an_end_that_is_swept_on_disk_is_forgotten_in_memory() {
    let (machine, store) = Machine::new().await;
    store.end_anchor(Anchor::Subject("u1".into())).await.unwrap();
    machine.clock.advance(1_000_000);
    assert_eq!(store.sweep(machine.clock.timestamp()).await.unwrap().ends, 1);
    let token = issued(store.issue(new_issuance(&store).await).await.unwrap()).access_token;
    let found = store.look_up_access_token(token.token.id).await.unwrap().unwrap();
    assert_eq!(found.ends, []);
}

#[tokio::test]
async fn a_database_that_is_open_cannot_be_opened_again() {
    let (machine, store) = Machine::new().await;
    let second = open_sqlite(machine.folder.path(), &machine.clock);
    assert!(matches!(second.err(), Some(OpenError::Locked)));
    drop(store);
    machine.open();
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("var/data");
    let store = open_sqlite(&data, &Arc::new(TestClock::new())).unwrap();
    store.probe().await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for entry in data.read_dir().unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

/// A key whose id is taken cannot be written; what shares its transaction can.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_harms_no_other_of_its_batch() {
    let (machine, store) = Machine::new().await;
    let store = Arc::new(store);
    let key = |key_use| StoredKey { id: KeyId(1), key_use, sealed: vec![1], retired: false };
    store.load_keys(vec![key(KeyUse::Handle)]).await.unwrap();
    let issuance = new_issuance(&store).await;
    for _ in 0..5 {
        let tokens = race(|number| {
            let (store, issuance) = (Arc::clone(&store), issuance.clone());
            let taken = key(KeyUse::Handle);
            async move {
                if number % 8 == 2 {
                    end(&store).await;
                    return None;
                }
                if number % 8 == 3 {
                    let outcome = store.rotate_keys(vec![taken]).await;
                    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
                    return None;
                }
                Some(issued(store.issue(issuance).await.unwrap()).access_token)
            }
        })
        .await;
        for token in tokens.into_iter().flatten() {
            assert!(is_alive(&*store, token.token.id, machine.clock.timestamp()).await);
        }
    }
    let keys = store.load_keys(Vec::new()).await.unwrap();
    assert_eq!(keys, [key(KeyUse::Handle)], "the failed rotations retired nothing");
    drop(Arc::into_inner(store).unwrap());
    assert_eq!(machine.numbers(), (1..=40).collect::<Vec<_>>());
}

/// Randomness that fails one time in ten.
struct Unsteady(AtomicU64);

impl Random for Unsteady {
    fn fill(&self, buffer: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        assert!(number % 10 != 9, "no randomness");
        buffer.fill(0);
        buffer[0] = u8::try_from(number % 256).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_panics_is_answered_and_the_writer_goes_on() {
    let folder = TempDir::new().unwrap();
    let clock = Arc::new(TestClock::new());
    let random = Arc::new(Unsteady(AtomicU64::new(0)));
    let store = SqliteStore::open(folder.path(), Arc::clone(&clock) as Arc<dyn Clock>, random);
    let store = Arc::new(store.unwrap());
    store.register_application(application("app")).await.unwrap();
    let issuance = new_issuance(&store).await;
    let outcomes = race(|_| {
        let (store, issuance) = (Arc::clone(&store), issuance.clone());
        async move { store.issue(issuance).await }
    })
    .await;
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert!(failed < CALLERS / 2, "{failed}");
    for outcome in outcomes.into_iter().flatten() {
        let token = issued(outcome).access_token;
        assert!(is_alive(&*store, token.token.id, clock.timestamp()).await);
    }
    store.probe().await.unwrap();
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_an_error_and_no_other_suffers() {
    let (machine, store) = Machine::new().await;
    let bad = issued(store.issue(new_issuance(&store).await).await.unwrap()).access_token;
    let good = issued(store.issue(new_issuance(&store).await).await.unwrap()).access_token;
    drop(store);
    let db = rusqlite::Connection::open(machine.folder.path().join("tokenbind.db")).unwrap();
    db.execute(
        "UPDATE access_tokens SET bindings = x'00' WHERE id = ?1",
        [bad.token.id.as_bytes()],
    )
    .unwrap();
    drop(db);
    let store = machine.open();
    let answer = store.look_up_access_token(bad.token.id).await;
    assert!(matches!(answer, Err(StoreError::Unreadable(_))), "{answer:?}");
    assert!(is_alive(&store, good.token.id, machine.clock.timestamp()).await);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let (machine, store) = Machine::new().await;
    drop(store);
    let db = rusqlite::Connection::open(machine.folder.path().join("tokenbind.db")).unwrap();
    db.execute(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
         SELECT 999, 'later', applied_on, checksum FROM refinery_schema_history",
        [],
    )
    .unwrap();
    drop(db);
    let opened = open_sqlite(machine.folder.path(), &machine.clock);
    assert!(matches!(opened.err(), Some(OpenError::Migration(_))));
}
