//! The authorization server: its store, its keys and its settings in one place.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use quick_cache::sync::Cache;
use tokenbind_binding::{Clock, Instant, Random, TokenId};
use tokio::sync::Notify;

use crate::{
    client_document::{ClientDocuments, DocumentPolicy},
    client_keys::FetchedKeys,
    endpoint::ProvenUrls,
    fetch::{Fetch, NoFetch},
    keys::{KeyError, KeyRing, KeyUse, ServerKey, SigningAlgorithm},
    password::{HashError, Passwords},
    scope::Audience,
    secret::SecretHash,
    settings::ClientAuthMethod,
    store::{Store, StoreError, StoredKey},
    throttle::{Attempt, CodeThrottle, LoginThrottle, Throttle},
};

/// How many JWTs are remembered as verified, by their hash.
const VERIFIED_JWTS: usize = 50_000;

/// What the operator decides.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// The issuer identifier (RFC 8414 section 2): an https URL.
    pub issuer: String,
    /// The base of the endpoints' URLs where the server asks for client certificates (RFC 8705 section 5);
    /// none if it does not.
    pub mtls_base: Option<String>,
    /// Whether clients can show certificates.
    pub client_certificates: ClientCertificates,
    /// What tokens are meant for when a request names no resource.
    pub default_audience: Audience,
    /// The signature of JWT access tokens.
    pub access_token_signing_alg: SigningAlgorithm,
    /// Seconds for which a spent refresh token gets its unused successor again.
    pub refresh_token_reuse_grace: u64,
    /// Seconds for which a login session lives without use.
    pub session_idle: u64,
    /// Seconds for which a login session lives at most.
    pub session_absolute: u64,
    /// Seconds for which an authorization code lives.
    pub authorization_code_lifetime: u64,
    /// Seconds within which a browser has to open a pushed request.
    pub pushed_request_lifetime: u64,
    /// What registers applications over the network; none switches registration off.
    pub initial_access_token: Option<SecretHash>,
    /// What applications may do that only a document at their `client_id` describes; none if no document counts.
    pub client_documents: Option<DocumentPolicy>,
    /// How many passwords are hashed at once.
    pub concurrent_hashes: usize,
    /// How long a request may wait for its password to be hashed; less than a minute, since the store
    /// keeps what requests under way may still need for so long.
    pub password_patience: Duration,
    /// Failures per minute that one name may have from one address; ten times as many may come from one
    /// address.
    pub failed_logins_per_minute: u32,
}

/// Whether clients can show certificates (RFC 8705).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClientCertificates {
    /// Nobody is asked for one.
    #[default]
    NotTaken,
    /// Any, but no authority is trusted to say who the client is.
    Taken,
    /// Any, and those of some authorities say who the client is.
    TakenAndVouchedFor,
}

impl ClientCertificates {
    pub(crate) const fn are_taken(self) -> bool {
        !matches!(self, Self::NotTaken)
    }

    /// Whether a client could authenticate by this method.
    pub(crate) const fn suffice_for(self, method: ClientAuthMethod) -> bool {
        match method {
            ClientAuthMethod::TlsClientAuth => matches!(self, Self::TakenAndVouchedFor),
            ClientAuthMethod::SelfSignedTlsClientAuth => self.are_taken(),
            _ => true,
        }
    }
}

/// Why the authorization server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// No password can be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// The authorization server. Its methods are in the modules that they belong to.
pub struct Issuer {
    pub(crate) config: IssuerConfig,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) passwords: Passwords,
    pub(crate) failed_clients: Throttle<Attempt>,
    pub(crate) failed_passwords: LoginThrottle,
    pub(crate) failed_user_codes: CodeThrottle,
    /// SHA-256 of JWTs whose signature was verified, with their `jti`. Liveness is asked each time.
    pub(crate) verified_jwts: Cache<[u8; 32], TokenId>,
    /// Rings when a login session may have ended, so that its applications are told at once.
    pub(crate) session_ended: Notify,
    /// What DPoP proofs may be made for.
    pub(crate) proven_urls: ProvenUrls,
    /// What applications publish at their `jwks_uri`.
    pub(crate) fetched_keys: FetchedKeys,
    /// Applications that documents describe.
    pub(crate) client_documents: ClientDocuments,
    server_key: Arc<ServerKey>,
    keys: ArcSwap<KeyRing>,
}

impl Issuer {
    /// Opens the keys of the store, making those that are missing.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        config: IssuerConfig,
        server_key: ServerKey,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StartError> {
        let server_key = Arc::new(server_key);
        let stored = load_or_make_keys(&*store, &server_key, &random).await?;
        let keys = ArcSwap::from_pointee(KeyRing::open(&stored, &server_key)?);
        Ok(Self {
            passwords: Passwords::new(
                config.concurrent_hashes,
                config.password_patience,
                &*random,
            )?,
            failed_clients: Throttle::new(config.failed_logins_per_minute),
            failed_passwords: LoginThrottle::new(config.failed_logins_per_minute),
            failed_user_codes: CodeThrottle::new(config.failed_logins_per_minute),
            verified_jwts: Cache::new(VERIFIED_JWTS),
            session_ended: Notify::new(),
            fetched_keys: FetchedKeys::new(Arc::new(NoFetch)),
            proven_urls: ProvenUrls::of(&config),
            client_documents: ClientDocuments::new(
                config.client_documents.clone(),
                Arc::new(NoFetch),
            ),
            config,
            store,
            clock,
            random,
            server_key,
            keys,
        })
    }

    /// The same, with this way to get what applications publish. Without one, nothing is got.
    #[must_use]
    pub fn fetching_by(self, fetch: Arc<dyn Fetch>) -> Self {
        let policy = self.config.client_documents.clone();
        Self {
            fetched_keys: FetchedKeys::new(fetch.clone()),
            client_documents: ClientDocuments::new(policy, fetch),
            ..self
        }
    }

    /// What the operator decided.
    #[must_use]
    pub const fn config(&self) -> &IssuerConfig {
        &self.config
    }

    /// The keys in force.
    #[must_use]
    pub fn keys(&self) -> Arc<KeyRing> {
        self.keys.load_full()
    }

    /// Replaces every current key that can be. What was made with the old ones stays good until it ends.
    ///
    /// # Errors
    /// [`StartError`]; then nothing changed.
    pub async fn rotate_keys(&self) -> Result<(), StartError> {
        let uses = KeyUse::ALL.into_iter().filter(|key_use| key_use.rotates()).collect();
        let fresh = generate(uses, &self.server_key, &self.random).await?;
        let stored = self.store.rotate_keys(fresh).await?;
        self.keys.store(Arc::new(KeyRing::open(&stored, &self.server_key)?));
        Ok(())
    }

    /// Removes what can no longer matter. To be called about once a minute.
    ///
    /// # Errors
    /// [`StartError`]; then the next call removes it.
    pub async fn sweep(&self) -> Result<(), StartError> {
        let swept = self.store.sweep(self.now().timestamp()).await?;
        if swept.keys > 0 {
            let stored = self.store.load_keys(Vec::new()).await?;
            self.keys.store(Arc::new(KeyRing::open(&stored, &self.server_key)?));
        }
        tracing::debug!(?swept, "swept");
        Ok(())
    }

    /// Whether the store can commit.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.store.probe().await
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }
}

/// All keys, of which those that are missing are made first.
async fn load_or_make_keys(
    store: &dyn Store,
    server_key: &Arc<ServerKey>,
    random: &Arc<dyn Random>,
) -> Result<Vec<StoredKey>, StartError> {
    let stored = store.load_keys(Vec::new()).await?;
    let is_current = |key: &StoredKey, key_use| key.key_use == key_use && !key.retired;
    let missing: Vec<_> = KeyUse::ALL
        .into_iter()
        .filter(|&key_use| !stored.iter().any(|key| is_current(key, key_use)))
        .collect();
    if missing.is_empty() {
        return Ok(stored);
    }
    Ok(store.load_keys(generate(missing, server_key, random).await?).await?)
}

/// Fresh keys, made off the threads that answer requests.
async fn generate(
    uses: Vec<KeyUse>,
    server_key: &Arc<ServerKey>,
    random: &Arc<dyn Random>,
) -> Result<Vec<StoredKey>, KeyError> {
    let (server_key, random) = (server_key.clone(), random.clone());
    let generating =
        tokio::task::spawn_blocking(move || KeyRing::generate(&uses, &server_key, &*random));
    generating.await.map_err(|_| KeyError::Library)?
}
