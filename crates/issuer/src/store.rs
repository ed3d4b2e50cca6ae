//! What the rules need of a database, in the protocol's own words.
//!
//! Every method is atomic and one transaction: it decides and commits, and answers only when what it
//! answers is durable. There is no "find, check, then mark" across two calls. The store assigns all
//! instants, from one strictly increasing clock, in the order of commits.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};
use tokenbind_binding::{
    Anchor, Bindings, ClaimOutcome, ClientId, CodeId, Descent, DeviceCodeId, End, GrantId, Instant,
    JtiClaim, PushedRequestId, Reference, RefreshTokenId, Session, SessionId, SubjectId, Timestamp,
    TokenId, anchor::Dead, handle::TypedMac,
};

use crate::{
    access_token::{AccessToken, TokenFormat},
    actor::Actor,
    application::Application,
    code::AuthorizationCode,
    device::{DeviceAnswer, DeviceApproval, DeviceAuthorization},
    grant::{Grant, Rotation},
    keys::{KeyId, KeyUse},
    login::{Acr, Login},
    pushed_request::PushedRequest,
    resource::{Resource, ResourceKey},
    scope::{Audience, Scope},
    secret::SecretHash,
    session::LoginSession,
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
    /// The login session, if the record's bindings need one and there still is one.
    pub session: Option<Session>,
}

/// An access token to be issued, and where terms of one are given, a grant with it.
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
    /// What the application is told in place of the subject, if it is another thing.
    pub pairwise: Option<Arc<str>>,
    /// The login that it comes of, if it comes of one.
    pub login: Option<Arc<Login>>,
    /// What the access token allows.
    pub scope: Scope,
    /// Where the access token is meant to be used.
    pub audience: Audience,
    /// What they are bound to.
    pub bindings: Bindings,
    /// What the request signed to be used once (RFC 9449 section 11.1): it is used up by this, whatever comes of it.
    pub proof: Option<JtiClaim>,
    /// The access token.
    pub access_token: AccessTokenTerms,
    /// The grant; none if there is to be no refresh token.
    pub grant: Option<GrantTerms>,
    /// What the access token is exchanged for, if it is (RFC 8693). Then no grant goes with it.
    pub exchanged: Option<Exchanged>,
}

/// What a token is exchanged for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchanged {
    /// What it came of, none of which may have ended since the facts were read.
    pub descent: Arc<Descent>,
    /// Who acts for the subject, if somebody does.
    pub actor: Option<Arc<Actor>>,
    /// From then on what it came of is dead, and so is it.
    pub expires_by: Timestamp,
}

impl Issuance {
    /// The slot that this falls into if the application has `client-request`.
    #[must_use]
    pub fn slot(&self) -> SlotKey {
        SlotKey::of(&self.client_id, &self.subject, &self.scope, &self.audience, &self.bindings)
    }
}

/// What can come of a grant: at least the access token that it begins with (RFC 8707 section 2.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrantTerms {
    /// Seconds for which the refresh token lives.
    pub lifetime: u64,
    /// The widest scope of its access tokens.
    pub scope: Scope,
    /// All that its access tokens can be meant for.
    pub audience: Audience,
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

/// The redemption of a code, its request checked against the code's record.
#[derive(Clone, Debug)]
pub struct Redemption {
    /// Which code.
    pub code: CodeId,
    /// The tokens to be issued; as of the commit of the code itself.
    pub issuance: Issuance,
    /// Whether the application has `client-request`, so that the token goes into its slot.
    pub in_slot: bool,
    /// Seconds for which the ID token lives that will be signed, if there will be one.
    pub id_token_lifetime: Option<u64>,
}

/// The answer to a redemption.
#[derive(Clone, Debug)]
pub enum RedeemOutcome {
    /// Committed. This happens once to a code.
    Redeemed(Issued),
    /// The code was redeemed before, so the grant that came of it was ended.
    AlreadyRedeemed,
    /// Its time is over. Nothing was issued.
    Expired,
    /// There is no such code, or no longer.
    Unknown,
    /// Its login session is over. Nothing was issued.
    SessionOver,
    /// This ended after the code was issued. Nothing was issued.
    Ended(Anchor),
    /// The proof that came along was used before. Nothing was issued.
    Replayed,
}

/// A code to be issued, in a session that must be alive.
#[derive(Clone, Debug)]
pub struct CodeRequest {
    /// When the facts were read that this was decided on.
    pub as_of: AsOf,
    /// What was authorized. Its reference of the cookie is filled in by the store.
    pub code: AuthorizationCode,
    /// Seconds for which the code lives.
    pub lifetime: u64,
    /// Seconds for which the session lives on without further use.
    pub session_idle: u64,
    /// The `atbv` of the browser, where the application's tokens are bound to it.
    pub cookie: Option<CookieOffer>,
    /// What the user has just consented to, to be remembered besides what was before.
    pub consented: Option<Scope>,
    /// The pushed request that it answers, which is spent by it.
    pub pushed: Option<PushedRequestId>,
}

/// What a browser shows as `atbv`, and what it will get if that is no good.
#[derive(Clone, Debug)]
pub struct CookieOffer {
    /// What it shows, if it shows one value.
    pub shown: Option<CookieValue>,
    /// A fresh one.
    pub fresh: CookieValue,
    /// Seconds for which the value is known from now on, if it is not used again.
    pub lifetime: u64,
}

/// A value of `atbv` as the store may know it.
#[derive(Clone, Debug)]
pub struct CookieValue {
    /// Its hash.
    pub hash: SecretHash,
    /// Its reference for the application.
    pub reference: Reference,
}

/// Which `atbv` a browser has from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CookieFate {
    /// The one that it showed: minted here, for this user, and not replaced since.
    Kept,
    /// The fresh one.
    Replaced,
}

/// The answer to a request for a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodeOutcome {
    /// Committed.
    Issued {
        /// The code.
        id: CodeId,
        /// What becomes of `atbv`, where one was offered.
        cookie: Option<CookieFate>,
    },
    /// The login session is over. Nothing was issued.
    SessionOver,
    /// The user, the session or the application ended after the facts were read. Nothing was issued.
    Ended,
    /// The pushed request was answered before, or its time is over. Nothing was issued.
    RequestSpent,
}

/// An authorization request to be kept.
#[derive(Clone, Debug)]
pub struct RequestPush {
    /// When the application was read.
    pub as_of: AsOf,
    /// The request, every rule checked.
    pub request: PushedRequest,
    /// Seconds within which a browser has to open it.
    pub lifetime: u64,
    /// Seconds within which it has to be answered.
    pub answerable: u64,
}

/// The answer to a request that was to be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushOutcome {
    /// Committed.
    Pushed(PushedRequestId),
    /// The application ended after it was read. Nothing is kept.
    Ended,
}

/// A kept request with its times.
#[derive(Clone, Debug)]
pub struct KeptRequest {
    /// The request.
    pub request: PushedRequest,
    /// From then on no browser can open it.
    pub opens_until: Timestamp,
    /// From then on it cannot be answered.
    pub answers_until: Timestamp,
    /// Whether a code was issued for it.
    pub spent: bool,
}

/// A device authorization to be started.
#[derive(Clone, Debug)]
pub struct DeviceStart {
    /// When the application was read.
    pub as_of: AsOf,
    /// What the device asks for.
    pub asked: DeviceAuthorization,
    /// What the request signed to be used once: it is used up by this, whatever comes of it.
    pub proof: Option<JtiClaim>,
    /// User codes, of which it gets the first that no other device has: each as it is kept now, and as it
    /// would have been kept before.
    pub user_codes: Vec<Vec<TypedMac>>,
    /// Seconds for which the codes live.
    pub lifetime: u64,
    /// Seconds between two polls.
    pub interval: u64,
}

/// The answer to a device that asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceStartOutcome {
    /// Committed.
    Started {
        /// The device code.
        id: DeviceCodeId,
        /// The place of its user code among those that were offered.
        user_code: usize,
    },
    /// Other devices have all of these user codes.
    NoCodeLeft,
    /// The proof that came along was used before. Nothing was started.
    Replayed,
    /// The application ended after it was read. Nothing was started.
    Ended,
}

/// A device authorization as it was recorded.
#[derive(Clone, Debug)]
pub struct KeptDevice {
    /// What the device asked for.
    pub asked: DeviceAuthorization,
    /// From then on it can be neither answered nor redeemed.
    pub expires_at: Timestamp,
    /// What the user said.
    pub answer: Option<GivenAnswer>,
}

/// An answer that a user gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GivenAnswer {
    /// What they said.
    pub answer: DeviceAnswer,
    /// When, in the order of commits.
    pub at: Instant,
}

/// What a user in a living session says to a device.
#[derive(Clone, Debug)]
pub struct DeviceReply {
    /// Which device.
    pub device: DeviceCodeId,
    /// When the facts were read that this was decided on.
    pub as_of: AsOf,
    /// The session of whoever says it.
    pub session: SessionId,
    /// Who says it.
    pub subject: SubjectId,
    /// What. An approval is a consent too, and is remembered as one.
    pub answer: DeviceAnswer,
    /// Seconds for which the session lives on without further use.
    pub session_idle: u64,
}

/// What comes of that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceReplyOutcome {
    /// Committed. This happens once to a device.
    Answered,
    /// Somebody said something else, or the same, before. Nothing changed.
    AnsweredBefore,
    /// There is no such device, or no longer.
    Over,
    /// The session is over. Nothing changed.
    SessionOver,
    /// The user, the session or the application ended after the facts were read. Nothing changed.
    Ended,
}

/// A poll whose request was checked against the code's record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Poll {
    /// Which code.
    pub device: DeviceCodeId,
    /// What the request signed to be used once: it is used up by this, whatever comes of it.
    pub proof: Option<JtiClaim>,
    /// Seconds by which the interval of this code grows if the poll comes too early.
    pub slower: u64,
}

/// The answer to a device that polls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PollOutcome {
    /// The user has not answered.
    Pending,
    /// Neither, and the device polled too early. From now on it has to wait for longer.
    SlowDown,
    /// The user said yes. Nothing was noted.
    Approved {
        /// Who.
        approval: DeviceApproval,
        /// When, in the order of commits.
        at: Instant,
    },
    /// The user said no.
    Denied,
    /// The code was redeemed before.
    Redeemed,
    /// There is no such code, or no longer.
    Expired,
    /// This ended.
    Ended(Anchor),
    /// The proof that came along was used before. The poll does not count.
    Replayed,
}

/// The redemption of a device code, its request checked against the code's record.
#[derive(Clone, Debug)]
pub struct DeviceRedemption {
    /// Which code.
    pub device: DeviceCodeId,
    /// What names it to operators, who may have ended it.
    pub reference: Reference,
    /// The tokens to be issued. The proof was used up by the poll.
    pub issuance: Issuance,
    /// Whether the application has `client-request`, so that the token goes into its slot.
    pub in_slot: bool,
    /// Seconds for which the ID token lives that will be signed, if there will be one.
    pub id_token_lifetime: Option<u64>,
}

/// The answer to a redemption of a device code.
#[derive(Clone, Debug)]
pub enum DeviceRedeemOutcome {
    /// Committed. This happens once to a code.
    Redeemed(Issued),
    /// The code was redeemed before. What came of it lives on: a device that asks again is no thief.
    AlreadyRedeemed,
    /// Nobody approved. Nothing was issued.
    NotApproved,
    /// There is no such code, or no longer. Nothing was issued.
    Expired,
    /// This ended after the approval. Nothing was issued.
    Ended(Anchor),
    /// The proof that came along was used before. Nothing was issued.
    Replayed,
}

/// A code as it was recorded.
#[derive(Clone, Debug)]
pub struct RecordedCode {
    /// What was authorized.
    pub code: AuthorizationCode,
    /// From then on it cannot be redeemed.
    pub expires_at: Timestamp,
}

/// A login, the password checked.
#[derive(Clone, Debug)]
pub struct SessionStart {
    /// When the user was read.
    pub as_of: AsOf,
    /// Who.
    pub subject: SubjectId,
    /// Their name.
    pub username: Arc<str>,
    /// How they authenticated.
    pub acr: Acr,
    /// The browser as it names itself.
    pub user_agent: Option<Arc<str>>,
    /// The session that the browser had before. If it is alive and this user's, it goes on with a
    /// new `auth_time`; another user's ends.
    pub previous: Option<SessionId>,
    /// Seconds for which the session lives without use.
    pub idle: u64,
    /// Seconds for which it lives at most.
    pub absolute: u64,
}

/// The answer to a login.
#[derive(Clone, Debug)]
pub enum SessionOutcome {
    /// A new session.
    Started(Arc<LoginSession>),
    /// The previous one, which was this user's, goes on.
    Renewed(Arc<LoginSession>),
    /// The user was locked, removed or given another password after they were read. Nothing changed.
    Ended,
}

/// A session that was ended just now.
#[derive(Clone, Debug)]
pub struct EndedSession {
    /// The session.
    pub session: Arc<LoginSession>,
    /// The applications that were authorized in it.
    pub applications: Vec<ClientId>,
}

/// An application that a user let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connection {
    /// Which.
    pub client_id: ClientId,
    /// What the user consented to; empty where nobody was asked.
    pub scope: Scope,
    /// Since when.
    pub since: Timestamp,
    /// No token of it lives longer, to the hour.
    pub live_until: Timestamp,
}

/// A logout that an application is to be told of (OpenID Connect Back-Channel Logout).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogoutDelivery {
    /// Names the delivery.
    pub id: u64,
    /// Whom to tell.
    pub client_id: ClientId,
    /// The session that ended.
    pub session: SessionId,
    /// Whose it was.
    pub subject: SubjectId,
    /// Counts from one.
    pub attempt: u32,
}

/// The answer to an issuance.
#[derive(Clone, Debug)]
pub enum IssueOutcome {
    /// Committed.
    Issued(Issued),
    /// The subject or the application ended after the facts were read; nothing was issued.
    Ended(Anchor),
    /// The proof that came along was used before; nothing was issued.
    Replayed,
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
    /// Where the new access token is meant to be used, checked to lie within the grant's.
    pub audience: Audience,
    /// What the request proved, which the new access token and from then on the grant are bound to: what
    /// the grant is bound to, or another certificate of a client that authenticates by one. `None` for the
    /// former, without looking.
    pub bindings: Option<Bindings>,
    /// What the request signed to be used once: it is used up by this, whatever comes of it.
    pub proof: Option<JtiClaim>,
    /// The new access token.
    pub access_token: AccessTokenTerms,
    /// Whether refresh tokens are replaced.
    pub rotation: Rotation,
    /// Seconds for which a successor lives.
    pub refresh_token_lifetime: u64,
    /// Whether the application has `client-request`, so that the new token supersedes its slot's.
    pub in_slot: bool,
    /// Seconds for which the session lives on without further use, if the grant's bindings need it.
    pub session_idle: u64,
    /// Seconds for which the ID token lives that will be signed, if there will be one.
    pub id_token_lifetime: Option<u64>,
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
    /// The grant is dead. If that is because the session is over, it was ended; else nothing changed.
    Dead(Dead),
    /// A spent token was presented, so the grant was ended.
    Reused,
    /// The proof that came along was used before. Nothing changed.
    Replayed,
}

/// The answer to a registration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegisterOutcome {
    /// Committed.
    Registered,
    /// The name is taken: `client_id`, username or resource.
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
    /// A new password, and all tokens and sessions ended, save for one session's.
    Password {
        /// The hash in PHC form.
        hash: String,
        /// The session that changes it.
        spared: Option<SessionId>,
    },
    /// Other claims. Tokens live on.
    Claims(Map<String, Value>),
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
    /// Sessions that were over. Their applications are told.
    pub sessions: u64,
    /// Codes that nothing alive came of.
    pub codes: u64,
    /// Values of `atbv` that were not used for too long.
    pub cookies: u64,
    /// Connections without consent and without live tokens.
    pub connections: u64,
    /// Claims of a `jti` that nothing acceptable can have any more.
    pub jtis: u64,
    /// Pushed requests that cannot be answered any more.
    pub pushed_requests: u64,
    /// Device authorizations whose time is over.
    pub device_authorizations: u64,
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

    /// The resource of this key.
    async fn find_resource(&self, key: &ResourceKey) -> StoreResult<Option<Arc<Resource>>>;

    /// All resources, by key.
    async fn list_resources(&self) -> StoreResult<Vec<Arc<Resource>>>;

    /// Adds a resource, unless there is one of this key.
    async fn add_resource(
        &self,
        key: ResourceKey,
        resource: Resource,
    ) -> StoreResult<RegisterOutcome>;

    /// Changes a resource, if it still is as it was read.
    async fn update_resource(
        &self,
        key: &ResourceKey,
        before: &Resource,
        after: Resource,
    ) -> StoreResult<ChangeOutcome>;

    /// Declares a resource, in place of the one of this key if there is one.
    async fn put_resource(&self, key: ResourceKey, resource: Resource) -> StoreResult<()>;

    /// Removes a resource. Its tokens live on.
    async fn delete_resource(&self, key: &ResourceKey) -> StoreResult<ChangeOutcome>;

    /// Adds a user, unless the username is taken.
    async fn add_user(&self, user: User) -> StoreResult<RegisterOutcome>;

    /// This moment, for facts that are read after it.
    async fn as_of(&self) -> StoreResult<AsOf>;

    /// The applications that list this origin among their `allowed_origins`.
    async fn find_origin(&self, origin: &str) -> StoreResult<Vec<ClientId>>;

    /// The user of this name.
    async fn find_user(&self, username: &str) -> StoreResult<Option<Arc<User>>>;

    /// The user of this `sub`.
    async fn find_subject(&self, subject: &SubjectId) -> StoreResult<Option<Arc<User>>>;

    /// Changes the user of this name, and ends the subject and its sessions where the change says so.
    async fn change_user(&self, username: &str, change: UserChange) -> StoreResult<ChangeOutcome>;

    /// Issues a fresh access token, and a grant with it where a refresh token is wanted.
    async fn issue(&self, issuance: Issuance) -> StoreResult<IssueOutcome>;

    /// Issues into the slot of the issuance: the live opaque token again ([`crate::slot::shares`]), or a
    /// new one that supersedes (ends) the slot's previous one. The slot's grant is kept while it is
    /// alive and has the scope and the audience of the issuance's, and lives from now on for the lifetime that
    /// the issuance asks.
    async fn issue_in_slot(&self, issuance: Issuance) -> StoreResult<IssueOutcome>;

    /// Judges the presented refresh token ([`Grant::presented`]) and issues a fresh access token, or
    /// ends the grant. `Rotation::On` replaces a current token; a lost reply gets the successor again.
    async fn refresh(&self, refresh: Refresh) -> StoreResult<RefreshOutcome>;

    /// Starts a login session, or renews the browser's. One that it takes the place of ends.
    async fn start_session(&self, start: SessionStart) -> StoreResult<SessionOutcome>;

    /// The record of a session.
    async fn look_up_session(
        &self,
        id: SessionId,
    ) -> StoreResult<Option<Recorded<Arc<LoginSession>>>>;

    /// Notes that a session is used: it lives `idle` seconds from now, if it is alive. The store may
    /// leave out a step of less than a twentieth of that, so that a use seldom costs a write.
    async fn use_session(&self, id: SessionId, idle: u64) -> StoreResult<()>;

    /// Ends a session, and notes which applications are to be told. `None` if it is over already; what
    /// ends at its logout ends even so.
    async fn end_session(&self, id: SessionId) -> StoreResult<Option<EndedSession>>;

    /// The sessions of a user that are alive at `now`, the latest first.
    async fn list_sessions(
        &self,
        subject: &SubjectId,
        now: Timestamp,
    ) -> StoreResult<Vec<Arc<LoginSession>>>;

    /// Keeps an authorization request.
    async fn push_request(&self, push: RequestPush) -> StoreResult<PushOutcome>;

    /// A kept request, spent or not, as long as its time is not over.
    async fn look_up_pushed_request(
        &self,
        id: PushedRequestId,
    ) -> StoreResult<Option<Recorded<KeptRequest>>>;

    /// Issues a code in a living session, decides which `atbv` the browser has from now on, and
    /// remembers the consent. A replaced `atbv` ends what is bound to it. A pushed request gets one code.
    async fn issue_code(&self, request: CodeRequest) -> StoreResult<CodeOutcome>;

    /// The record of a code, redeemed or not.
    async fn look_up_code(&self, id: CodeId) -> StoreResult<Option<RecordedCode>>;

    /// Redeems a code: once. A second time ends the grant that came of it.
    async fn redeem_code(&self, redemption: Redemption) -> StoreResult<RedeemOutcome>;

    /// Starts a device authorization under a user code that no other device has.
    async fn start_device_authorization(
        &self,
        start: DeviceStart,
    ) -> StoreResult<DeviceStartOutcome>;

    /// The device authorization of a device code, as long as its time is not over.
    async fn look_up_device_code(&self, id: DeviceCodeId) -> StoreResult<Option<KeptDevice>>;

    /// The device authorization of a user code, by any of the forms that it may be kept in.
    async fn look_up_user_code(
        &self,
        user_code: &[TypedMac],
    ) -> StoreResult<Option<(DeviceCodeId, Recorded<KeptDevice>)>>;

    /// Notes what a user says to a device: the first answer counts. An approval is remembered as a consent.
    async fn answer_device_authorization(
        &self,
        reply: DeviceReply,
    ) -> StoreResult<DeviceReplyOutcome>;

    /// What a device gets that polls. Where the user has not answered, the poll is noted; one that comes too
    /// early makes the interval of this code longer (RFC 8628 section 3.5).
    async fn poll_device_code(&self, poll: Poll) -> StoreResult<PollOutcome>;

    /// Redeems an approved device code: once. A second time changes nothing.
    async fn redeem_device_code(
        &self,
        redemption: DeviceRedemption,
    ) -> StoreResult<DeviceRedeemOutcome>;

    /// What the user consented to for the application.
    async fn find_consent(
        &self,
        subject: &SubjectId,
        client_id: &ClientId,
    ) -> StoreResult<Option<Scope>>;

    /// The applications that hold, or may hold, live tokens of a user at `now`.
    async fn list_connections(
        &self,
        subject: &SubjectId,
        now: Timestamp,
    ) -> StoreResult<Vec<Connection>>;

    /// Ends all that an application holds of a user, and forgets the consent.
    async fn end_connection(&self, subject: &SubjectId, client_id: &ClientId) -> StoreResult<()>;

    /// Up to `limit` deliveries that are due at `now`. Each is due again later, until it is settled
    /// or has been tried too often.
    async fn claim_logout_deliveries(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<LogoutDelivery>>;

    /// Forgets a delivery: it arrived, or never can.
    async fn settle_logout_delivery(&self, id: u64) -> StoreResult<()>;

    /// Claims a `jti`: of all callers with the same one, the first, and nobody after. It is remembered
    /// until it is swept, which is not before the claim says.
    async fn claim_jti(&self, claim: JtiClaim) -> StoreResult<ClaimOutcome>;

    /// The record of an access token.
    async fn look_up_access_token(
        &self,
        id: TokenId,
    ) -> StoreResult<Option<Recorded<Arc<AccessToken>>>>;

    /// Those ends that concern the `anchors`, as far as there are any.
    async fn look_up_ends(&self, anchors: Vec<Anchor>) -> StoreResult<Vec<End>>;

    /// The record of a grant.
    async fn look_up_grant(&self, id: GrantId) -> StoreResult<Option<Recorded<Grant>>>;

    /// Ends an anchor: everything that hangs from it and is committed so far is dead from now on. A
    /// session ends as by [`Store::end_session`], a user with all their sessions, and a consent as by
    /// [`Store::end_connection`].
    async fn end_anchor(&self, anchor: Anchor) -> StoreResult<End>;

    /// All keys. For a use that has no current key, the one given in `missing` is added first.
    async fn load_keys(&self, missing: Vec<StoredKey>) -> StoreResult<Vec<StoredKey>>;

    /// Makes each of `fresh` the current key of its use, retires those before, and returns all keys.
    async fn rotate_keys(&self, fresh: Vec<StoredKey>) -> StoreResult<Vec<StoredKey>>;

    /// Ends the sessions whose time is over at `now`, a batch at most: their records go, and it is
    /// noted which applications are to be told. Cheap where there is none.
    async fn sweep_sessions(&self, now: Timestamp) -> StoreResult<u64>;

    /// Removes what can no longer matter at `now`.
    async fn sweep(&self, now: Timestamp) -> StoreResult<Swept>;

    /// Whether the store can commit.
    async fn probe(&self) -> StoreResult<()>;
}
