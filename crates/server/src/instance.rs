//! The authorization server on its data directory, as both the server and the command line open it.

use std::{path::PathBuf, sync::Arc};

use tokenbind_issuer::{
    Issuer, IssuerConfig,
    issuer::{ClientCertificates, StartError},
    keys::ServerKey,
    scope::Audience,
    secret::Secret,
};
use tokenbind_store::{OpenError, SqliteStore};

use secrecy::ExposeSecret;

use crate::{
    config::Config,
    data_dir::{DataDir, DataDirError, load_or_create_server_key},
    outbound::{Outbound, OutboundError},
    system::{SystemClock, SystemRandom},
};

/// Why the data directory cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// The directory or a file in it.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database is there, but not the key that opens the keys in it.
    #[error(
        "the server key {0} is missing, and without it the keys in the database cannot be \
         decrypted; put it back from a backup, or begin with an empty data directory"
    )]
    ServerKeyLost(PathBuf),
    /// The database.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// Applications cannot be called.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The keys in it.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Opens the data directory of `config`. Only one process can have it open.
///
/// # Errors
/// [`InstanceError`]; `Store(OpenError::Locked)` where another process has it.
pub async fn open(config: &Config) -> Result<Issuer, InstanceError> {
    let data = DataDir::open(&config.data)?;
    let clock = Arc::new(SystemClock);
    let random = Arc::new(SystemRandom);
    // A new key next to an old database would only fail later, and less clearly.
    if SqliteStore::exists(data.path()) && !config.server_key_file.exists() {
        return Err(InstanceError::ServerKeyLost(config.server_key_file.clone()));
    }
    let server_key = load_or_create_server_key(&config.server_key_file, &*random)?;
    let server_key = ServerKey::new(server_key.expose_secret());
    let store = SqliteStore::open(data.path(), clock.clone(), random.clone())?;
    let issuer_config = issuer_config(config);
    let issuer = Issuer::start(issuer_config, server_key, Arc::new(store), clock, random).await?;
    Ok(issuer.fetching_by(Arc::new(Outbound::new(&config.outbound)?)))
}

fn issuer_config(config: &Config) -> IssuerConfig {
    IssuerConfig {
        mtls_base: config.mtls.base_url.clone(),
        client_certificates: client_certificates(config),
        issuer: config.issuer.clone(),
        default_audience: Audience::of(&config.tokens.default_audience),
        access_token_signing_alg: config.tokens.access_token_signing_alg,
        refresh_token_reuse_grace: config.tokens.refresh_token_reuse_grace.as_secs(),
        session_idle: config.session.idle.as_secs(),
        session_absolute: config.session.absolute.as_secs(),
        authorization_code_lifetime: config.tokens.authorization_code_lifetime.as_secs(),
        pushed_request_lifetime: config.tokens.pushed_request_lifetime.as_secs(),
        client_documents: config.client_documents.clone(),
        initial_access_token: config.initial_access_token.as_ref().map(Secret::hash),
        concurrent_hashes: config.passwords.concurrent_hashes,
        password_patience: config.limits.request_timeout,
        failed_logins_per_minute: config.limits.failed_logins_per_minute,
    }
}

const fn client_certificates(config: &Config) -> ClientCertificates {
    match (config.takes_certificates(), config.mtls.client_trust_anchors.is_empty()) {
        (false, _) => ClientCertificates::NotTaken,
        (true, true) => ClientCertificates::Taken,
        (true, false) => ClientCertificates::TakenAndVouchedFor,
    }
}
