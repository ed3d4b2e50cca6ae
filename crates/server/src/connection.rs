//! One connection: HTTP/1.1 or HTTP/2, as TLS agreed, and an end for clients that no longer ask.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::{
    Request,
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::Watcher,
};
use tokio::{net::TcpStream, time::sleep};
use tokio_rustls::server::TlsStream;
use tower::Service as _;

use crate::client_certificate::{Connected, Gate};

/// A connection ends when nothing whole was asked on it for so long, or for twice as long at most.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// What becomes of requests: who sends them is found out, then they are answered.
#[derive(Clone)]
pub(crate) struct Requests {
    pub(crate) router: Router,
    pub(crate) gate: Arc<Gate>,
}

/// Answers what the other end asks on `stream`, until either side ends it.
pub(crate) async fn serve(
    stream: TlsStream<TcpStream>,
    connected: Connected,
    requests: Requests,
    graceful: Watcher,
) -> hyper::Result<()> {
    // RFC 9113 section 3.2: HTTP/2 over TLS is agreed on by ALPN alone.
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        serve_http2(stream, connected, requests, graceful).await
    } else {
        serve_http1(stream, connected, requests, graceful).await
    }
}

async fn serve_http1(
    stream: TlsStream<TcpStream>,
    connected: Connected,
    requests: Requests,
    graceful: Watcher,
) -> hyper::Result<()> {
    let activity = Arc::new(Activity::default());
    let service = service_fn(|request| {
        activity.step();
        let (answer, activity) = (answer(&requests, &connected, request), Arc::clone(&activity));
        async move {
            let answer = answer.await;
            activity.step();
            answer
        }
    });
    // The library's timer for heads is set anew with every request, which costs as much as reading it.
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        biased;
        ended = graceful.watch(connection) => ended,
        () = activity.is_over() => Ok(()),
    }
}

async fn serve_http2(
    stream: TlsStream<TcpStream>,
    connected: Connected,
    requests: Requests,
    graceful: Watcher,
) -> hyper::Result<()> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new()).keep_alive_interval(IDLE_TIMEOUT);
    let service = service_fn(|request| answer(&requests, &connected, request));
    graceful.watch(builder.serve_connection(TokioIo::new(stream), service)).await
}

fn answer(
    requests: &Requests,
    connected: &Connected,
    mut request: Request<Incoming>,
) -> <Router as tower::Service<Request<Incoming>>>::Future {
    let peer = requests.gate.peer(connected, request.headers());
    request.extensions_mut().insert(peer);
    requests.router.clone().call(request)
}

/// What happens on a connection of HTTP/1.1: one step when a request begins and one when it is answered,
/// so that the number is odd while one is under way.
#[derive(Default)]
struct Activity(AtomicU64);

impl Activity {
    fn step(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns when nobody has asked for a while, which includes sending a head too slowly.
    async fn is_over(&self) {
        loop {
            let before = self.0.load(Ordering::Relaxed);
            sleep(IDLE_TIMEOUT).await;
            if before.is_multiple_of(2) && self.0.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_requests_is_over_after_the_timeout() {
        let began = Instant::now();
        Activity::default().is_over().await;
        assert_eq!(began.elapsed(), IDLE_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_not_over_while_a_request_is_under_way() {
        let activity = Activity::default();
        activity.step();
        assert!(timeout(5 * IDLE_TIMEOUT, activity.is_over()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_somebody_asks_is_not_over() {
        let activity = Arc::new(Activity::default());
        let watching = tokio::spawn({
            let activity = Arc::clone(&activity);
            async move { activity.is_over().await }
        });
        for _ in 0..10 {
            sleep(IDLE_TIMEOUT * 2 / 3).await;
            activity.step();
            activity.step();
        }
        assert!(!watching.is_finished());
        assert!(timeout(2 * IDLE_TIMEOUT, watching).await.is_ok());
    }
}
