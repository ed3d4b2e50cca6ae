//! Where an application publishes its keys (`jwks_uri`).

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

use crate::{Authority, Signer, relying_party::Tls};

/// Answers with a set of keys, over HTTPS, and counts how often. Gone when this is dropped.
#[derive(Debug)]
pub struct KeyServer {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    answer: Mutex<(u16, String)>,
    asked: AtomicUsize,
}

impl KeyServer {
    /// Publishes the keys of these signers on a free port.
    pub async fn start(signers: &[&Signer]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let answer = Mutex::new((200, set_of(signers)));
        let shared = Arc::new(Shared { answer, asked: AtomicUsize::new(0) });
        let tls = Tls { listener, acceptor: TlsAcceptor::from(Authority::shared().tls()) };
        let router = Router::new().route("/jwks", get(tell)).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            axum::serve(tls, router).await.expect("it serves until it is stopped");
        });
        Self { port, shared, task }
    }

    /// `jwks_uri`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("https://localhost:{}/jwks", self.port)
    }

    /// Publishes these keys from now on.
    pub fn publish(&self, signers: &[&Signer]) {
        self.answer(200, &set_of(signers));
    }

    /// Answers with this from now on.
    pub fn answer(&self, status: u16, body: &str) {
        let mut answer = self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner);
        *answer = (status, body.to_owned());
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn tell(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    shared.asked.fetch_add(1, Ordering::SeqCst);
    let (status, body) = shared.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (StatusCode::from_u16(status).expect("a status"), body)
}

fn set_of(signers: &[&Signer]) -> String {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwks()["keys"][0].clone()).collect();
    json!({ "keys": keys }).to_string()
}
