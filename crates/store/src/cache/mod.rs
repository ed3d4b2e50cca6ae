//! What readers see without asking the database. The writer alone changes it, after each commit.

mod tokens;

use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use quick_cache::{Equivalent, sync::Cache};
use tokenbind_binding::{
    Anchor, ClientId, End, Ended, Instant, SessionId, SubjectId, Timestamp, TokenId,
};
use tokenbind_issuer::{
    access_token::AccessToken,
    application::Application,
    resource::{Resource, ResourceKey},
    session::LoginSession,
    store::AsOf,
    user::User,
};

use self::tokens::Tokens;

const APPLICATIONS: usize = 10_000;
const RESOURCES: usize = 10_000;
const USERS: usize = 10_000;
const SESSIONS: usize = 100_000;
const CONNECTIONS: usize = 100_000;

/// A change of what readers see, to be made once the transaction is durable.
pub(crate) enum Effect {
    /// An access token was issued.
    Issued(Arc<AccessToken>),
    /// An application was changed or removed.
    ApplicationChanged(ClientId),
    /// A resource was changed or removed.
    ResourceChanged(ResourceKey),
    /// A user was changed or removed.
    UserChanged(Arc<User>),
    /// A session was used, renewed or removed.
    SessionChanged(SessionId),
    /// The application holds no token of the user that lives longer.
    Connected(SubjectId, ClientId, Timestamp),
    /// Rows of connections were removed or set back.
    ConnectionsForgotten,
    /// The rows of these access tokens are gone.
    TokensSwept(Vec<TokenId>),
    /// These ends can no longer matter.
    EndsSwept(Vec<End>),
}

/// Everything that is published to readers.
pub(crate) struct Published {
    /// Access tokens.
    pub(crate) tokens: Tokens,
    /// Applications by `client_id`.
    pub(crate) applications: Versioned<ClientId, Arc<Application>>,
    /// Resources by key, and where there are none.
    pub(crate) resources: Versioned<ResourceKey, Option<Arc<Resource>>>,
    /// Users by name.
    pub(crate) users: Versioned<String, Arc<User>>,
    /// Users by `sub`.
    pub(crate) subjects: Versioned<SubjectId, Arc<User>>,
    /// Login sessions.
    pub(crate) sessions: Versioned<SessionId, Arc<LoginSession>>,
    /// How long connections live at least, for the writer alone: what it need not write again.
    connections: Cache<(SubjectId, ClientId), Timestamp>,
    ends: RwLock<EndsIndex>,
    as_of: AtomicU64,
}

impl Published {
    /// With `ends` as they were read when the database was opened, `as_of` this moment.
    pub(crate) fn new(token_capacity: usize, ends: EndsIndex, as_of: Instant) -> Self {
        Self {
            tokens: Tokens::new(token_capacity),
            applications: Versioned::new(APPLICATIONS),
            resources: Versioned::new(RESOURCES),
            users: Versioned::new(USERS),
            subjects: Versioned::new(USERS),
            sessions: Versioned::new(SESSIONS),
            connections: Cache::new(CONNECTIONS),
            ends: RwLock::new(ends),
            as_of: AtomicU64::new(as_of.as_micros()),
        }
    }

    /// Everything that was committed up to then is visible.
    pub(crate) fn as_of(&self) -> AsOf {
        AsOf(Instant::from_micros(self.as_of.load(Ordering::Acquire)))
    }

    /// Those ends that concern the `anchors`.
    pub(crate) fn ends_of(&self, anchors: impl Iterator<Item = Anchor>) -> Vec<End> {
        let ends = self.ends.read();
        if ends.is_empty() {
            return Vec::new();
        }
        anchors
            .filter_map(|anchor| {
                let &Ended { instant, spared } = ends.get(&anchor)?;
                Some(End { anchor, instant, spared })
            })
            .collect()
    }

    /// The latest end of `anchor`.
    pub(crate) fn latest_end(&self, anchor: &Anchor) -> Option<Ended> {
        self.ends.read().get(anchor).copied()
    }

    /// Whether it is written down that the application may hold tokens of the user until then.
    pub(crate) fn is_connected(&self, key: &(SubjectId, ClientId), until: Timestamp) -> bool {
        self.connections.get(key).is_some_and(|written| written >= until)
    }

    /// Makes the ends and the effects of a committed transaction visible, and only then says up to
    /// where.
    pub(crate) fn publish(&self, ends: EndsIndex, effects: Vec<Effect>, as_of: Instant) {
        if !ends.is_empty() {
            self.ends.write().extend(ends);
        }
        for effect in effects {
            match effect {
                Effect::Issued(record) => self.tokens.insert(&record),
                Effect::ApplicationChanged(client_id) => self.applications.forget(&client_id),
                Effect::ResourceChanged(key) => self.resources.forget(&key),
                Effect::UserChanged(user) => {
                    self.users.forget(&user.username);
                    self.subjects.forget(&user.subject);
                }
                Effect::SessionChanged(id) => self.sessions.forget(&id),
                Effect::Connected(subject, client_id, until) => {
                    self.connections.insert((subject, client_id), until);
                }
                Effect::ConnectionsForgotten => self.connections.clear(),
                Effect::TokensSwept(ids) => {
                    for id in ids {
                        self.tokens.remove(id);
                    }
                }
                Effect::EndsSwept(swept) => self.forget_ends(&swept),
            }
        }
        self.as_of.store(as_of.as_micros(), Ordering::Release);
    }

    /// Forgets these ends, but not later ones of the same anchors.
    fn forget_ends(&self, swept: &[End]) {
        let mut ends = self.ends.write();
        for End { anchor, instant, .. } in swept {
            if ends.get(anchor).is_some_and(|latest| latest.instant <= *instant) {
                ends.remove(anchor);
            }
        }
    }
}

/// The latest end of each anchor.
pub(crate) type EndsIndex = foldhash::HashMap<Anchor, Ended>;

/// A cache of records that change. Filling it takes the version that was current before the record
/// was read, so that a slow reader never puts back what the writer has replaced meanwhile.
pub(crate) struct Versioned<K, V> {
    entries: Cache<K, V>,
    version: Mutex<u64>,
}

/// When a record was read, in terms of the changes published before.
#[derive(Clone, Copy)]
pub(crate) struct Version(u64);

impl<K: Eq + Hash, V: Clone> Versioned<K, V> {
    fn new(capacity: usize) -> Self {
        Self { entries: Cache::new(capacity), version: Mutex::new(0) }
    }

    pub(crate) fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        self.entries.get(key)
    }

    /// To be taken before the record is read.
    pub(crate) fn version(&self) -> Version {
        Version(*self.version.lock())
    }

    /// Keeps what was read, unless something has changed since.
    pub(crate) fn fill(&self, key: K, value: V, read_at: Version) {
        let version = self.version.lock();
        if *version == read_at.0 {
            self.entries.insert(key, value);
        }
    }

    fn forget<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) {
        let mut version = self.version.lock();
        *version += 1;
        self.entries.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_was_read_before_a_change_is_not_put_back_after_it() {
        let cache = Versioned::new(10);
        let before = cache.version();
        cache.forget("app");
        cache.fill(String::from("app"), "old", before);
        assert_eq!(cache.get("app"), None);
        cache.fill(String::from("app"), "new", cache.version());
        assert_eq!(cache.get("app"), Some("new"));
    }

    #[test]
    fn a_change_removes_the_record() {
        let cache = Versioned::new(10);
        cache.fill(String::from("app"), "old", cache.version());
        cache.forget("app");
        assert_eq!(cache.get("app"), None);
    }
}
