//! The listener: accepts connections, does TLS, and at the end lets requests finish.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    client_certificate::Gate,
    connection::{self, Requests},
};

/// How long a client may take for its handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long requests may take to finish after the end was asked for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How many connections are served at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 10_000;

/// Serves `router` on `listener` until `stop` turns true, then lets running requests finish.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    gate: Arc<Gate>,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = TlsAcceptor::from(tls);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, peer, place) = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let requests = Requests { router: router.clone(), gate: gate.clone() };
        let connection =
            serve_connection(acceptor.clone(), stream, peer, requests, graceful.watcher());
        tokio::spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    let _ = timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
}

/// The next connection, when there is a place for it. A failure to accept (such as too many open
/// files) passes: it is logged, and another try made after a moment.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<tokio::sync::OwnedSemaphorePermit>) {
    let place = places.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve_connection(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
    requests: Requests,
    graceful: Watcher,
) {
    let _ = stream.set_nodelay(true);
    let stream = match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "the TLS handshake failed"),
        Err(_) => return tracing::debug!(%peer, "the TLS handshake took too long"),
    };
    let connected = requests.gate.connected(peer, stream.get_ref().1);
    if let Err(error) = connection::serve(stream, connected, requests, graceful).await {
        tracing::debug!(%peer, %error, "a connection broke");
    }
}
