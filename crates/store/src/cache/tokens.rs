//! Access tokens in memory. A million of them must fit into a quarter of a gigabyte, so each keeps
//! only what is its own, and shares the rest with its like.

use std::{hash::Hash, sync::Arc};

use quick_cache::sync::Cache;
use tokenbind_binding::{
    Bindings, ClientId, Descent, GrantId, SubjectId, Timestamp, Token, TokenId,
};
use tokenbind_issuer::{
    access_token::{AccessToken, TokenFormat},
    actor::Actor,
    login::Login,
    scope::{Audience, Scope},
};

const KINDS: usize = 10_000;
const HOLDERS: usize = 100_000;

/// A bounded cache of access tokens. Their rows never change, so nothing here is ever out of date.
pub(crate) struct Tokens {
    entries: Cache<TokenId, Entry>,
    kinds: Cache<Arc<Kind>, Arc<Kind>>,
    holders: Cache<Arc<Holder>, Arc<Holder>>,
}

#[derive(Clone)]
struct Entry {
    kind: Arc<Kind>,
    holder: Arc<Holder>,
    grant: Option<GrantId>,
    bindings: Bindings,
    expires_at: Timestamp,
}

/// What most tokens of an application have in common.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    client_id: ClientId,
    scope: Scope,
    audience: Audience,
    format: TokenFormat,
}

/// What the tokens of one user have in common; where there was a login, those of that login; and where
/// they were exchanged, those that came of the same.
#[derive(PartialEq, Eq, Hash)]
struct Holder {
    subject: SubjectId,
    username: Option<Arc<str>>,
    pairwise: Option<Arc<str>>,
    login: Option<Arc<Login>>,
    descent: Option<Arc<Descent>>,
    actor: Option<Arc<Actor>>,
}

impl Tokens {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: Cache::new(capacity),
            kinds: Cache::new(KINDS),
            holders: Cache::new(HOLDERS),
        }
    }

    pub(crate) fn get(&self, id: TokenId) -> Option<Arc<AccessToken>> {
        self.entries.get(&id).map(|entry| Arc::new(entry.into_record(id)))
    }

    pub(crate) fn insert(&self, record: &AccessToken) {
        let AccessToken { token, scope, audience, username, pairwise, login, actor, format } =
            record;
        let kind = Kind {
            client_id: token.client_id.clone(),
            scope: scope.clone(),
            audience: audience.clone(),
            format: *format,
        };
        let holder = Holder {
            subject: token.subject.clone(),
            username: username.clone(),
            pairwise: pairwise.clone(),
            login: login.clone(),
            descent: token.descent.clone(),
            actor: actor.clone(),
        };
        let entry = Entry {
            kind: shared(&self.kinds, kind),
            holder: shared(&self.holders, holder),
            grant: token.grant,
            bindings: token.bindings.clone(),
            expires_at: token.expires_at,
        };
        self.entries.insert(token.id, entry);
    }

    pub(super) fn remove(&self, id: TokenId) {
        self.entries.remove(&id);
    }
}

impl Entry {
    fn into_record(self, id: TokenId) -> AccessToken {
        let Self { kind, holder, grant, bindings, expires_at } = self;
        AccessToken {
            token: Token {
                id,
                grant,
                session: holder.login.as_deref().map(Login::token_session),
                client_id: kind.client_id.clone(),
                subject: holder.subject.clone(),
                bindings,
                expires_at,
                descent: holder.descent.clone(),
            },
            scope: kind.scope.clone(),
            audience: kind.audience.clone(),
            username: holder.username.clone(),
            pairwise: holder.pairwise.clone(),
            login: holder.login.clone(),
            actor: holder.actor.clone(),
            format: kind.format,
        }
    }
}

/// The one that is there already and equal to `value`, or else `value`.
fn shared<T: Eq + Hash>(known: &Cache<Arc<T>, Arc<T>>, value: T) -> Arc<T> {
    known.get(&value).unwrap_or_else(|| {
        let value = Arc::new(value);
        known.insert(Arc::clone(&value), Arc::clone(&value));
        value
    })
}
