//! The embedded database: one file, one writer, any number of readers.

mod applications;
mod browser_cookies;
mod claimed_jtis;
mod codes;
mod connections;
mod device_authorizations;
mod ends;
mod failure;
mod issue;
mod issue_code;
mod keys;
mod logout_deliveries;
mod open;
mod origins;
mod position;
mod pushed_requests;
mod reader;
mod redeem;
mod redeem_device;
mod refresh;
mod resources;
mod rows;
mod session_ends;
mod sessions;
mod slot;
mod sweep;
mod users;
mod write;
mod writer;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use async_trait::async_trait;
use tokenbind_binding::{
    Anchor, ClaimOutcome, ClientId, Clock, CodeId, DeviceCodeId, End, GrantId, JtiClaim,
    PushedRequestId, Random, Session, SessionId, SubjectId, Timestamp, TokenId, handle::TypedMac,
    session,
};
use tokenbind_issuer::{
    access_token::AccessToken,
    application::Application,
    grant::Grant,
    resource::{Resource, ResourceKey},
    scope::Scope,
    session::LoginSession,
    store::{
        AsOf, ChangeOutcome, CodeOutcome, CodeRequest, Connection, DeviceRedeemOutcome,
        DeviceRedemption, DeviceReply, DeviceReplyOutcome, DeviceStart, DeviceStartOutcome,
        EndedSession, Issuance, IssueOutcome, KeptDevice, KeptRequest, LogoutDelivery, Poll,
        PollOutcome, PushOutcome, Recorded, RecordedCode, RedeemOutcome, Redemption, Refresh,
        RefreshOutcome, RegisterOutcome, RequestPush, SessionOutcome, SessionStart, Store,
        StoreResult, StoredKey, Swept, UserChange,
    },
    user::User,
};
use tokio::sync::oneshot;

pub use self::open::OpenError;
use self::{
    claimed_jtis::ClaimedJtis,
    codes::StoredCode,
    failure::{DbResult, Failure},
    position::Position,
    reader::Readers,
    sweep::Sweep,
    write::Write,
    writer::{RunningWriter, Writer},
};
use crate::cache::Published;

/// How a [`SqliteStore`] uses the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// So many access tokens are kept in memory, the most used ones.
    pub cached_tokens: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cached_tokens: 1_000_000 }
    }
}

/// A [`Store`] in one SQLite file. Whatever it has answered is on disk.
pub struct SqliteStore {
    database: PathBuf,
    published: Arc<Published>,
    readers: Readers,
    clock: Arc<dyn Clock>,
    writer: RunningWriter,
    /// Let go only when the writer is done: fields are dropped in their order.
    _lock: File,
}

impl SqliteStore {
    /// Whether there is a database in `directory`.
    #[must_use]
    pub fn exists(directory: &Path) -> bool {
        directory.join(open::DATABASE).exists()
    }

    /// Opens `tokenbind.db` in `directory`. Makes both if they are not there.
    ///
    /// # Errors
    /// [`OpenError::Locked`] while another process, or another store of this one, has it.
    pub fn open(
        directory: &Path,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, OpenError> {
        Self::open_with(directory, Options::default(), clock, random)
    }

    /// [`Self::open`] with other options than the default ones.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn open_with(
        directory: &Path,
        options: Options,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, OpenError> {
        let lock = open::lock(directory)?;
        let database = directory.join(open::DATABASE);
        let connection = open::writing_connection(&database)?;
        let position = Position::load(&connection)?;
        let ends = ends::load(&connection)?;
        let claimed = ClaimedJtis::load(&connection)?;
        let published = Arc::new(Published::new(options.cached_tokens, ends, position.last));
        let readers = Readers::open(&database)?;
        let writer = Writer {
            connection,
            position,
            claimed,
            published: Arc::clone(&published),
            clock: Arc::clone(&clock),
            random,
        };
        let writer = writer.start()?;
        Ok(Self { database, published, readers, clock, writer, _lock: lock })
    }

    /// Has the writer do `work` in a transaction.
    fn write<T, W>(&self, work: W) -> impl Future<Output = StoreResult<T>> + use<T, W>
    where
        T: Send + 'static,
        W: FnMut(&mut Write<'_>) -> DbResult<T> + Send + 'static,
    {
        self.writer.queue.run(work)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn register_application(&self, application: Application) -> StoreResult<RegisterOutcome> {
        self.write(move |write| applications::register(write, &application)).await
    }

    async fn find_application(
        &self,
        client_id: &ClientId,
    ) -> StoreResult<Option<(Arc<Application>, AsOf)>> {
        Ok(applications::find(&self.readers, &self.published, client_id)?)
    }

    async fn list_applications(&self) -> StoreResult<Vec<Arc<Application>>> {
        Ok(applications::list(&self.readers)?)
    }

    async fn update_application(
        &self,
        before: &Application,
        after: Application,
    ) -> StoreResult<ChangeOutcome> {
        let before = before.clone();
        self.write(move |write| applications::update(write, &before, &after)).await
    }

    async fn delete_application(&self, client_id: &ClientId) -> StoreResult<ChangeOutcome> {
        let client_id = client_id.clone();
        self.write(move |write| applications::delete(write, &client_id)).await
    }

    async fn find_resource(&self, key: &ResourceKey) -> StoreResult<Option<Arc<Resource>>> {
        Ok(resources::find(&self.readers, &self.published, key)?)
    }

    async fn list_resources(&self) -> StoreResult<Vec<Arc<Resource>>> {
        Ok(resources::list(&self.readers)?)
    }

    async fn add_resource(
        &self,
        key: ResourceKey,
        resource: Resource,
    ) -> StoreResult<RegisterOutcome> {
        self.write(move |write| resources::add(write, &key, &resource)).await
    }

    async fn update_resource(
        &self,
        key: &ResourceKey,
        before: &Resource,
        after: Resource,
    ) -> StoreResult<ChangeOutcome> {
        let (key, before) = (key.clone(), before.clone());
        self.write(move |write| resources::update(write, &key, &before, &after)).await
    }

    async fn put_resource(&self, key: ResourceKey, resource: Resource) -> StoreResult<()> {
        self.write(move |write| resources::put(write, &key, &resource)).await
    }

    async fn delete_resource(&self, key: &ResourceKey) -> StoreResult<ChangeOutcome> {
        let key = key.clone();
        self.write(move |write| resources::delete(write, &key)).await
    }

    async fn add_user(&self, user: User) -> StoreResult<RegisterOutcome> {
        self.write(move |write| users::add(write, &user)).await
    }

    async fn find_user(&self, username: &str) -> StoreResult<Option<Arc<User>>> {
        Ok(users::find_by_name(&self.readers, &self.published, username)?)
    }

    async fn find_subject(&self, subject: &SubjectId) -> StoreResult<Option<Arc<User>>> {
        Ok(users::find_by_subject(&self.readers, &self.published, subject)?)
    }

    async fn change_user(&self, username: &str, change: UserChange) -> StoreResult<ChangeOutcome> {
        let username = username.to_owned();
        self.write(move |write| users::change(write, &username, &change)).await
    }

    async fn issue(&self, issuance: Issuance) -> StoreResult<IssueOutcome> {
        self.write(move |write| issue::issue(write, &issuance)).await
    }

    async fn issue_in_slot(&self, issuance: Issuance) -> StoreResult<IssueOutcome> {
        self.write(move |write| slot::issue_in_slot(write, &issuance)).await
    }

    async fn refresh(&self, refresh: Refresh) -> StoreResult<RefreshOutcome> {
        self.write(move |write| refresh::refresh(write, &refresh)).await
    }

    async fn look_up_access_token(
        &self,
        id: TokenId,
    ) -> StoreResult<Option<Recorded<Arc<AccessToken>>>> {
        let Some(record) = self.find_token(id)? else { return Ok(None) };
        // The ends come second, so that none is missed that was acknowledged before the look-up.
        let ends = self.published.ends_of(record.token.anchors());
        let session = self.session(record.token.needed_session())?;
        Ok(Some(Recorded { record, ends, session }))
    }

    async fn look_up_ends(&self, anchors: Vec<Anchor>) -> StoreResult<Vec<End>> {
        Ok(self.published.ends_of(anchors.into_iter()))
    }

    async fn look_up_grant(&self, id: GrantId) -> StoreResult<Option<Recorded<Grant>>> {
        // The connection is let go at once: the session may need one too.
        let found = rows::find_grant(&self.readers.get(), id)?;
        let Some(record) = found else { return Ok(None) };
        let ends = self.published.ends_of(record.anchors());
        let session = self.session(session::needed(&record.bindings, record.session()))?;
        Ok(Some(Recorded { record, ends, session }))
    }

    async fn end_anchor(&self, anchor: Anchor) -> StoreResult<End> {
        self.write(move |write| session_ends::end_anchor(write, &anchor)).await
    }

    async fn load_keys(&self, missing: Vec<StoredKey>) -> StoreResult<Vec<StoredKey>> {
        self.write(move |write| keys::load(write, &missing)).await
    }

    async fn rotate_keys(&self, fresh: Vec<StoredKey>) -> StoreResult<Vec<StoredKey>> {
        self.write(move |write| keys::rotate(write, &fresh)).await
    }

    async fn as_of(&self) -> StoreResult<AsOf> {
        Ok(self.published.as_of())
    }

    async fn find_origin(&self, origin: &str) -> StoreResult<Vec<ClientId>> {
        Ok(origins::find(&self.readers.get(), origin)?)
    }

    async fn start_session(&self, start: SessionStart) -> StoreResult<SessionOutcome> {
        self.write(move |write| sessions::start(write, &start)).await
    }

    async fn look_up_session(
        &self,
        id: SessionId,
    ) -> StoreResult<Option<Recorded<Arc<LoginSession>>>> {
        let found = sessions::look_up(&self.readers, &self.published, id)?;
        Ok(found.map(|record| {
            let ends = self.published.ends_of(record.anchors().into_iter());
            Recorded { record, ends, session: None }
        }))
    }

    async fn use_session(&self, id: SessionId, idle: u64) -> StoreResult<()> {
        let found = sessions::look_up(&self.readers, &self.published, id)?;
        let now = self.clock.now().timestamp();
        // Mostly there is nothing to write, and nobody has to wait for the writer.
        if found.is_some_and(|found| sessions::prolonged(&found.session, idle, now).is_some()) {
            self.write(move |write| sessions::note_use(write, id, idle)).await?;
        }
        Ok(())
    }

    async fn end_session(&self, id: SessionId) -> StoreResult<Option<EndedSession>> {
        self.write(move |write| session_ends::end(write, id)).await
    }

    async fn list_sessions(
        &self,
        subject: &SubjectId,
        now: Timestamp,
    ) -> StoreResult<Vec<Arc<LoginSession>>> {
        let mut sessions = sessions::of_subject(&self.readers.get(), subject)?;
        sessions.retain(|session| {
            let ends = self.published.ends_of(session.anchors().into_iter());
            session.judge(&ends[..], now).is_ok()
        });
        Ok(sessions.into_iter().map(Arc::new).collect())
    }

    async fn push_request(&self, push: RequestPush) -> StoreResult<PushOutcome> {
        self.write(move |write| pushed_requests::push(write, &push)).await
    }

    async fn look_up_pushed_request(
        &self,
        id: PushedRequestId,
    ) -> StoreResult<Option<Recorded<KeptRequest>>> {
        let found = pushed_requests::find(&self.readers.get(), id)?;
        Ok(found.map(|record| {
            let ends = self.published.ends_of([record.request.anchor()].into_iter());
            Recorded { record, ends, session: None }
        }))
    }

    async fn issue_code(&self, request: CodeRequest) -> StoreResult<CodeOutcome> {
        self.write(move |write| issue_code::issue_code(write, &request)).await
    }

    async fn look_up_code(&self, id: CodeId) -> StoreResult<Option<RecordedCode>> {
        let found = codes::find(&self.readers.get(), id)?;
        Ok(found.map(|StoredCode { code, expires_at, .. }| RecordedCode { code, expires_at }))
    }

    async fn redeem_code(&self, redemption: Redemption) -> StoreResult<RedeemOutcome> {
        self.write(move |write| redeem::redeem(write, &redemption)).await
    }

    async fn start_device_authorization(
        &self,
        start: DeviceStart,
    ) -> StoreResult<DeviceStartOutcome> {
        self.write(move |write| device_authorizations::start(write, &start)).await
    }

    async fn look_up_device_code(&self, id: DeviceCodeId) -> StoreResult<Option<KeptDevice>> {
        let found = device_authorizations::find(&self.readers.get(), id)?;
        Ok(found.map(|stored| stored.kept))
    }

    async fn look_up_user_code(
        &self,
        user_code: &[TypedMac],
    ) -> StoreResult<Option<(DeviceCodeId, Recorded<KeptDevice>)>> {
        let found = device_authorizations::find_by_user_code(&self.readers.get(), user_code)?;
        Ok(found.map(|(id, record)| {
            let ends = self.published.ends_of([record.asked.anchor()].into_iter());
            (id, Recorded { record, ends, session: None })
        }))
    }

    async fn answer_device_authorization(
        &self,
        reply: DeviceReply,
    ) -> StoreResult<DeviceReplyOutcome> {
        self.write(move |write| device_authorizations::answer(write, &reply)).await
    }

    async fn poll_device_code(&self, poll: Poll) -> StoreResult<PollOutcome> {
        self.write(move |write| device_authorizations::poll(write, poll)).await
    }

    async fn redeem_device_code(
        &self,
        redemption: DeviceRedemption,
    ) -> StoreResult<DeviceRedeemOutcome> {
        self.write(move |write| redeem_device::redeem(write, &redemption)).await
    }

    async fn find_consent(
        &self,
        subject: &SubjectId,
        client_id: &ClientId,
    ) -> StoreResult<Option<Scope>> {
        Ok(connections::find_consent(&self.readers.get(), subject, client_id)?)
    }

    async fn list_connections(
        &self,
        subject: &SubjectId,
        now: Timestamp,
    ) -> StoreResult<Vec<Connection>> {
        Ok(connections::list(&self.readers.get(), subject, now)?)
    }

    async fn end_connection(&self, subject: &SubjectId, client_id: &ClientId) -> StoreResult<()> {
        let consent = Anchor::Consent(subject.clone(), client_id.clone());
        self.end_anchor(consent).await.map(drop)
    }

    async fn claim_jti(&self, claim: JtiClaim) -> StoreResult<ClaimOutcome> {
        self.write(move |write| claimed_jtis::claim(write, claim)).await
    }

    async fn claim_logout_deliveries(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<LogoutDelivery>> {
        if !logout_deliveries::any_due(&self.readers, now)? {
            return Ok(Vec::new());
        }
        self.write(move |write| logout_deliveries::claim(write, now, limit)).await
    }

    async fn settle_logout_delivery(&self, id: u64) -> StoreResult<()> {
        self.write(move |write| logout_deliveries::settle(write.db, id)).await
    }

    async fn sweep_sessions(&self, now: Timestamp) -> StoreResult<u64> {
        let over = sessions::over(&self.readers.get(), now)?;
        if over.is_empty() {
            return Ok(0);
        }
        self.write(move |write| session_ends::sweep(write, &over, now)).await
    }

    async fn sweep(&self, now: Timestamp) -> StoreResult<Swept> {
        let db = reader::open_read_only(&self.database).map_err(Failure::from)?;
        let sweep = Sweep { db, queue: self.writer.queue.clone(), now };
        let (reply, answer) = oneshot::channel();
        thread::Builder::new()
            .name("store-sweep".into())
            // Whoever asked may have gone; the rows are removed all the same.
            .spawn(move || drop(reply.send(sweep.run())))
            .map_err(Failure::unavailable)?;
        answer.await.unwrap_or_else(|_| Err(writer::stopped()))
    }

    async fn probe(&self) -> StoreResult<()> {
        self.write(|write| {
            let instant = write.tick();
            position::touch(write.db, instant)
        })
        .await
    }
}

impl SqliteStore {
    fn find_token(&self, id: TokenId) -> DbResult<Option<Arc<AccessToken>>> {
        if let Some(record) = self.published.tokens.get(id) {
            return Ok(Some(record));
        }
        let found = rows::find_token(&self.readers.get(), id)?;
        let Some(record) = found.map(Arc::new) else { return Ok(None) };
        self.published.tokens.insert(&record);
        Ok(Some(record))
    }

    /// The record of a session that something needs, if there still is one.
    fn session(&self, needed: Option<SessionId>) -> DbResult<Option<Session>> {
        let Some(id) = needed else { return Ok(None) };
        let found = sessions::look_up(&self.readers, &self.published, id)?;
        Ok(found.map(|found| found.session.clone()))
    }
}
