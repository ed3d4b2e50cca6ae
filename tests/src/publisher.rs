//! Where applications publish what describes them (Client ID Metadata Documents).

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Response, header},
    response::IntoResponse,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

use crate::{Authority, Client, Http, relying_party::Tls};

/// Answers with documents, over HTTPS, and counts how often. Gone when this is dropped.
#[derive(Debug)]
pub struct Publisher {
    port: u16,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    documents: BTreeMap<String, Published>,
    asked: usize,
}

/// What is found at a path.
#[derive(Clone, Debug)]
pub struct Published {
    /// The status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Location`, if there is one.
    pub location: Option<String>,
    /// The body.
    pub body: String,
}

impl Published {
    /// A document with status 200.
    #[must_use]
    pub fn json(document: &Value) -> Self {
        let body = document.to_string();
        Self { status: 200, content_type: "application/json", location: None, body }
    }
}

impl Publisher {
    /// Publishes nothing yet, on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::<Mutex<Shared>>::default();
        let tls = Tls { listener, acceptor: TlsAcceptor::from(Authority::shared().tls()) };
        let router = Router::new().fallback(tell).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            axum::serve(tls, router).await.expect("it serves until it is stopped");
        });
        Self { port, shared, task }
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Publishes this at a path from now on.
    pub fn put(&self, path: &str, published: Published) {
        self.shared().documents.insert(path.to_owned(), published);
    }

    /// Publishes a good document of a public client, with these members besides or instead.
    pub fn describe(&self, path: &str, more: &Value) {
        let mut document = json!({
            "client_id": self.url(path),
            "client_name": "Calendar",
            "redirect_uris": [self.url("/callback")],
            "token_endpoint_auth_method": "none",
        });
        let members = document.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        self.put(path, Published::json(&document));
    }

    /// The same, and that client of the server behind `http`.
    #[must_use]
    pub fn client(&self, http: Http, path: &str, more: &Value) -> Client {
        self.describe(path, more);
        let redirect_uri = self.url("/callback");
        let client = Client::new(http, &self.url(path), "");
        Client { secret: None, redirect_uri: Some(redirect_uri), ..client }
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.shared().asked
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn tell(State(shared): State<Arc<Mutex<Shared>>>, request: Request) -> impl IntoResponse {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    shared.asked += 1;
    let Some(found) = shared.documents.get(request.uri().path()) else {
        return Response::builder().status(404).body(Body::empty()).expect("an answer");
    };
    let answer = Response::builder().status(found.status);
    let answer = answer.header(header::CONTENT_TYPE, found.content_type);
    let answer = match &found.location {
        Some(location) => answer.header(header::LOCATION, location),
        None => answer,
    };
    answer.body(Body::from(found.body.clone())).expect("an answer")
}
