//! What the rules need of a database, in the protocol's own words.
//!
//! Every method is atomic and one transaction: it decides and commits, and answers only when what it
//! answers is durable. There is no "find, check, then mark" across two calls. The store assigns all
//! instants, from one strictly increasing clock, in the order of commits.

use std::sync::Arc;

use async_trait::async_trait;
use tokenbind_binding::{
    Anchor, Bindings, ClientId, End, GrantId, Instant, RefreshTokenId, SubjectId, Timestamp,
    TokenId, anchor::Dead,
};

use crate::{
    access_token::{AccessToken, TokenFormat},
    application::Application,
    grant::{Grant, Rotation},
    keys::{KeyId, KeyUse},
    scope::{Audience, Scope},
    slot::SlotKey,
    user::User,
};

/// The store could not answer. Nothing is known of what was asked to change, except that no
/// acknowledged change was lost.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or written just now.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The database holds something that cannot be read. What it belongs to is refused.
    #[error("the database holds a record that cannot be read: {0}")]
    Unreadable(String),
}

/// Short for every answer of a store.
pub type StoreResult<T> = Result<T, StoreError>;

/// A moment such that everything which was committed up to it had been seen when it was taken.
/// A verb that was decided on facts of then refuses if the facts have ended since.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AsOf(pub Instant);

/// A record together with those ends that concern it, read at one moment.
#[derive(Clone, Debug)]
pub struct Recorded<T> {
    /// The record.
    pub record: T,
    /// The ends of its anchors, as far as there are any.
    pub ends: Vec<End>,
}

/// An access token to be issued, and where `refresh_token_lifetime` is given, a grant with it.
#[derive(Clone, Debug)]
pub struct Issuance {
    /// When the facts were read that this was decided on.
    pub as_of: AsOf,
    /// The application that asks.
    pub client_id: ClientId,
    /// Whom the tokens speak for.
    pub subject: SubjectId,
    /// The user's name, if a user it is.
    pub username: Option<Arc<str>>,
    /// What they allow.
    pub scope: Scope,
    /// Where they are meant to be used.
    pub audience: Audience,
    /// What they are bound to.
    pub bindings: Bindings,
    /// The access token.
    pub access_token: AccessTokenTerms,
    /// Seconds for which the refresh token lives; none if there is to be no refresh token.
    pub refresh_token_lifetime: Option<u64>,
}

impl Issuance {
    /// The slot that this falls into if the application has `client-request`.
    #[must_use]
    pub fn slot(&self) -> SlotKey {
        SlotKey::of(&self.client_id, &self.subject, &self.scope, &self.audience, &self.bindings)
    }
}

/// Format and lifetime of an access token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccessTokenTerms {
    /// How its holder sees it.
    pub format: TokenFormat,
    /// Seconds for which it lives.
    pub lifetime: u64,
}

/// What was committed and may now be made into tokens.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The access token, new or (in a slot) the live one.
    pub access_token: Arc<AccessToken>,
    /// The refresh token that goes with it.
    pub refresh_token: Option<RefreshTokenId>,
}

/// The answer to an issuance.
#[derive(Clone, Debug)]
pub enum IssueOutcome {
    /// Committed.
    Issued(Issued),
    /// The subject or the application ended after the facts were read; nothing was issued.
    Ended(Anchor),
}

/// A refresh, decided on the grant as it was read before.
#[derive(Clone, Debug)]
pub struct Refresh {
    /// The refresh token that was presented.
    pub presented: RefreshTokenId,
    /// The application that presented it, authenticated.
    pub client_id: ClientId,
    /// The scope of the new access token, checked to lie within the grant's.
    pub scope: Scope,
    /// The new access token.
    pub access_token: AccessTokenTerms,
    /// Whether refresh tokens are replaced.
    pub rotation: Rotation,
    /// Seconds for which a successor lives.
    pub refresh_token_lifetime: u64,
    /// Whether the application has `client-request`, so that the new token supersedes its slot's.
    pub in_slot: bool,
}

/// The answer to a refresh.
#[derive(Clone, Debug)]
pub enum RefreshOutcome {
    /// Committed.
    Refreshed(Issued),
    /// There is no such grant.
    Unknown,
    /// The grant belongs to another application. Nothing changed.
    NotTheirs,
    /// The grant is dead. Nothing changed.
    Dead(Dead),
    /// A spent token was presented, so the grant was ended.
    Reused,
}

/// The answer to a registration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegisterOutcome {
    /// Committed.
    Registered,
    /// The name is taken: `client_id` or username.
    Taken,
}

/// The answer to a change of something that is found by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeOutcome {
    /// Committed.
    Changed,
    /// There is none of that name.
    Unknown,
}

/// A change of a user.
#[derive(Clone, Debug)]
pub enum UserChange {
    /// Shut out, and all tokens ended.
    Lock,
    /// Let in again. What was ended stays ended.
    Unlock,
    /// Removed, and all tokens ended.
    Delete,
    /// A new password hash in PHC form, and all tokens ended.
    Password(String),
}

/// A secret key as the store keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredKey {
    /// Its name.
    pub id: KeyId,
    /// What it is for.
    pub key_use: KeyUse,
    /// The key, encrypted under a key that the store does not hold.
    pub sealed: Vec<u8>,
    /// Whether another one took its place; then it only checks what it made.
    pub retired: bool,
}

/// What one sweep removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Expired access tokens.
    pub access_tokens: u64,
    /// Expired grants.
    pub grants: u64,
    /// Slots whose token and grant are both gone.
    pub slots: u64,
    /// Ends that no living token can be older than.
    pub ends: u64,
    /// Retired keys of which nothing is alive any more.
    pub keys: u64,
}

/// The database, as the rules see it.
#[async_trait]
pub trait Store: Send + Sync {
    /// Registers an application, unless its `client_id` is taken.
    async fn register_application(&self, application: Application) -> StoreResult<RegisterOutcome>;

    /// The application of this id, and the moment as of which it was read.
    async fn find_application(
        &self,
        client_id: &ClientId,
    ) -> StoreResult<Option<(Arc<Application>, AsOf)>>;

    /// All applications, by `client_id`.
    async fn list_applications(&self) -> StoreResult<Vec<Arc<Application>>>;

    /// Replaces `before` by `after` (same `client_id`). `Unknown` if the application is not, or no
    /// longer, as in `before`: so two changes at once never undo one another.
    async fn update_application(
        &self,
        before: &Application,
        after: Application,
    ) -> StoreResult<ChangeOutcome>;

    /// Removes an application and ends all its tokens.
    async fn delete_application(&self, client_id: &ClientId) -> StoreResult<ChangeOutcome>;

    /// Adds a user, unless the username is taken.
    async fn add_user(&self, user: User) -> StoreResult<RegisterOutcome>;

    /// The user of this name.
    async fn find_user(&self, username: &str) -> StoreResult<Option<Arc<User>>>;

    /// The user of this `sub`.
    async fn find_subject(&self, subject: &SubjectId) -> StoreResult<Option<Arc<User>>>;

    /// Changes the user of this name, and ends the subject where the change says so.
    async fn change_user(&self, username: &str, change: UserChange) -> StoreResult<ChangeOutcome>;

    /// Issues a fresh access token, and a grant with it where a refresh token is wanted.
    async fn issue(&self, issuance: Issuance) -> StoreResult<IssueOutcome>;

    /// Issues into the slot of the issuance: the live opaque token again ([`crate::slot::shares`]), or a
    /// new one that supersedes (ends) the slot's previous one. The slot's grant is kept while it is
    /// alive and has the slot's scope, and lives from now on for the lifetime that the issuance asks.
    async fn issue_in_slot(&self, issuance: Issuance) -> StoreResult<IssueOutcome>;

    /// Judges the presented refresh token ([`Grant::presented`]) and issues a fresh access token, or
    /// ends the grant. `Rotation::On` replaces a current token; a lost reply gets the successor again.
    async fn refresh(&self, refresh: Refresh) -> StoreResult<RefreshOutcome>;

    /// The record of an access token.
    async fn look_up_access_token(
        &self,
        id: TokenId,
    ) -> StoreResult<Option<Recorded<Arc<AccessToken>>>>;

    /// The record of a grant.
    async fn look_up_grant(&self, id: GrantId) -> StoreResult<Option<Recorded<Grant>>>;

    /// Ends an anchor: everything that hangs from it and is committed so far is dead from now on.
    async fn end_anchor(&self, anchor: Anchor) -> StoreResult<End>;

    /// All keys. For a use that has no current key, the one given in `missing` is added first.
    async fn load_keys(&self, missing: Vec<StoredKey>) -> StoreResult<Vec<StoredKey>>;

    /// Makes each of `fresh` the current key of its use, retires those before, and returns all keys.
    async fn rotate_keys(&self, fresh: Vec<StoredKey>) -> StoreResult<Vec<StoredKey>>;

    /// Removes what can no longer matter at `now`.
    async fn sweep(&self, now: Timestamp) -> StoreResult<Swept>;

    /// Whether the store can commit.
    async fn probe(&self) -> StoreResult<()>;
}
