//! An application's end of back-channel logout.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    routing::post,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

use crate::{Authority, eventually, relying_party::Tls};

/// Takes what is posted to it, and answers as it is told to. Gone when this is dropped.
#[derive(Debug)]
pub struct LogoutReceiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    status: AtomicU16,
    pause: Duration,
    logout_tokens: Mutex<Vec<String>>,
    answered: AtomicUsize,
}

impl LogoutReceiver {
    /// Listens on a free port and answers 200.
    pub async fn start() -> Self {
        Self::slow(Duration::ZERO).await
    }

    /// The same, but takes its time for each answer.
    pub async fn slow(pause: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            status: AtomicU16::new(200),
            pause,
            logout_tokens: Mutex::default(),
            answered: AtomicUsize::new(0),
        });
        let task = Some(serve(listener, Arc::clone(&shared)));
        Self { address, shared, task }
    }

    /// `backchannel_logout_uri`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("https://localhost:{}/logout?of=tests", self.address.port())
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    /// Closes the port.
    pub async fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Opens the port again.
    pub async fn resume(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the same port again");
        self.task = Some(serve(listener, Arc::clone(&self.shared)));
    }

    /// The logout tokens so far, those that it did not take too.
    #[must_use]
    pub fn received(&self) -> Vec<String> {
        self.shared.logout_tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many logout tokens it has answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// The logout tokens, as soon as there are so many.
    pub async fn receives(&self, count: usize) -> Vec<String> {
        let what = format!("{count} logout tokens");
        eventually(&what, async || Some(self.received()).filter(|all| all.len() >= count)).await
    }
}

impl Drop for LogoutReceiver {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

fn serve(listener: TcpListener, shared: Arc<Shared>) -> JoinHandle<()> {
    let tls = Tls { listener, acceptor: TlsAcceptor::from(Authority::shared().tls()) };
    let router = Router::new().route("/logout", post(take)).with_state(shared);
    tokio::spawn(async move {
        axum::serve(tls, router).await.expect("it serves until it is stopped");
    })
}

/// OpenID Connect Back-Channel Logout 1.0 section 2.5: a form with `logout_token`, and nothing else of ours.
async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> StatusCode {
    assert_eq!(headers[CONTENT_TYPE], "application/x-www-form-urlencoded");
    let mut pairs = form_urlencoded::parse(body.as_bytes()).into_owned();
    let (name, logout_token) = pairs.next().expect("a parameter");
    assert_eq!((&*name, pairs.next()), ("logout_token", None));
    shared.logout_tokens.lock().unwrap_or_else(PoisonError::into_inner).push(logout_token);
    tokio::time::sleep(shared.pause).await;
    shared.answered.fetch_add(1, Ordering::SeqCst);
    StatusCode::from_u16(shared.status.load(Ordering::SeqCst)).expect("a status")
}
