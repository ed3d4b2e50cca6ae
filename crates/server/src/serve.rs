//! A running server: listeners, the operator's socket and the sweep.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokenbind_issuer::Issuer;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

use crate::{
    admin_socket,
    client_certificate::{ClientTrust, Gate},
    config::{Certificate, Config},
    data_dir::DataDir,
    endpoint, listener,
    local_ca::{LocalCa, LocalCaError},
    logout_delivery, metrics,
    outbound::{Outbound, OutboundError},
    request::RequestLimits,
    self_check::{SelfCheck, SelfCheckError},
    system::{SystemClock, SystemRandom},
    tls::{self, TlsError},
};
use tokenbind_binding::Clock;

const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be had.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The certificate for localhost cannot be made.
    #[error(transparent)]
    LocalCa(#[from] LocalCaError),
    /// Applications cannot be called.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The look from outside.
    #[error(transparent)]
    SelfCheck(#[from] SelfCheckError),
    /// Anybody could pretend to have any certificate.
    #[error("{0}")]
    ForgedCertificate(String),
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] crate::data_dir::DataDirError),
    /// Nothing can be counted.
    #[error(transparent)]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A server that has its addresses and is about to answer.
pub struct Server {
    doors: Vec<Door>,
    gate: Arc<Gate>,
    self_check: Option<SelfCheck>,
    router: axum::Router,
    issuer: Arc<Issuer>,
    outbound: Outbound,
    data: DataDir,
}

/// An address that is listened on, and the TLS that is spoken there.
struct Door {
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
}

impl Door {
    async fn open(address: SocketAddr, tls: rustls::ServerConfig) -> Result<Self, ServeError> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| ServeError::Listen { address: address.to_string(), error })?;
        Ok(Self { listener, tls: Arc::new(tls) })
    }
}

impl Server {
    /// Takes the addresses of `config`.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn bind(config: &Config, issuer: Arc<Issuer>) -> Result<Self, ServeError> {
        let data = DataDir::open(&config.data)?;
        let (chain, key) = match &config.certificate {
            Certificate::Files { chain, key } => (chain.clone(), key.clone()),
            Certificate::Local => {
                let now = SystemClock.now().timestamp();
                let local = LocalCa::load_or_create(&data, now, &SystemRandom)?;
                (local.certificate, local.key)
            }
        };
        let trust = ClientTrust::load(&config.mtls.client_trust_anchors)?;
        let mut doors = vec![Door::open(config.listen, tls::server_config(&chain, &key)?).await?];
        if let Some(address) = config.mtls.listen {
            doors.push(Door::open(address, tls::server_config_asking(&chain, &key)?).await?);
        }
        let counts = metrics::install()?;
        if let Some(address) = config.metrics {
            let in_vain = |error| ServeError::Listen { address: address.to_string(), error };
            metrics::serve(address, counts).await.map_err(in_vain)?;
        }
        let gate = Arc::new(Gate::new(trust, &config.proxy));
        let in_header_mode = config.proxy.certificate_header.is_some();
        let self_check = in_header_mode.then(|| SelfCheck::new(config)).transpose()?;
        let outbound = Outbound::new(&config.outbound)?;
        let limits = RequestLimits {
            body_bytes: config.limits.body_bytes,
            timeout: config.limits.request_timeout,
        };
        let router = endpoint::router(issuer.clone(), limits, config.cookie.clone());
        Ok(Self { doors, gate, self_check, router, issuer, outbound, data })
    }

    /// Answers until the process is told to stop, then lets running requests finish.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn run(self) -> Result<(), ServeError> {
        let (stopping, stop) = watch::channel(false);
        let socket = admin_socket::listen(&self.data, self.issuer.clone())?;
        let sweeping = tokio::spawn(sweep(self.issuer.clone()));
        let telling = logout_delivery::start(self.issuer.clone(), self.outbound);
        let mut serving = JoinSet::new();
        for Door { listener, tls } in self.doors {
            let (router, gate) = (self.router.clone(), self.gate.clone());
            serving.spawn(listener::serve(listener, tls, router, gate, stop.clone()));
        }
        let mut terminate = signal(SignalKind::terminate())?;
        let stopped = tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(ServeError::from),
            reason = forgery(self.self_check, &self.gate) => {
                Err(ServeError::ForgedCertificate(reason))
            }
        };
        tracing::info!("stopping");
        let _ = stopping.send(true);
        serving.join_all().await;
        telling.abort();
        sweeping.abort();
        drop(socket);
        stopped
    }
}

/// Returns only if forged client certificates come through, with what to do about it.
async fn forgery(check: Option<SelfCheck>, gate: &Gate) -> String {
    if let Some(check) = check
        && let Err(reason) = check.open(gate).await
    {
        return reason;
    }
    std::future::pending().await
}

async fn sweep(issuer: Arc<Issuer>) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = issuer.sweep().await {
            tracing::error!(%error, "what has expired could not be removed");
        }
    }
}
