//! A web application inside the test, which signs its users in: what a browser can be sent to and
//! come back to. Its users have one browser at a time.

mod pages;

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::serve::Listener;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{Authority, AuthorizationRequest, Client, Server, Tokens, VerifiedJwt};

/// A running application, gone when this is dropped.
#[derive(Debug)]
pub struct RelyingParty {
    /// The origin that it is at.
    pub origin: String,
    /// It, as the server knows it.
    pub client: Client,
    state: Arc<State>,
    task: JoinHandle<()>,
}

/// What its pages share.
#[derive(Debug)]
struct State {
    origin: String,
    issuer: String,
    client: Client,
    /// What its authorization requests have besides, or in place of, the usual.
    request: Mutex<Vec<(String, String)>>,
    /// The sign-ins that were begun, by `state`.
    begun: Mutex<HashMap<String, AuthorizationRequest>>,
    visits: Mutex<Vec<Visit>>,
    sign_ins: Mutex<Vec<SignIn>>,
}

/// A request that came with parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visit {
    /// `GET` or `POST`.
    pub method: String,
    /// The path.
    pub path: String,
    /// The parameters, from the query and from the form.
    pub parameters: Vec<(String, String)>,
}

/// A sign-in that came to its end.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The tokens.
    pub tokens: Tokens,
    /// The ID token.
    pub id_token: VerifiedJwt,
}

/// TLS connections, as axum takes them.
pub(crate) struct Tls {
    pub(crate) listener: TcpListener,
    pub(crate) acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            // A browser that opens connections in advance, and drops them, is none of its concerns.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Visit {
    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(each, _)| each == name).map(|(_, value)| &**value)
    }
}

impl RelyingParty {
    /// Starts an application with these settings, which may depend on its origin, besides the URIs
    /// that it is returned to.
    pub async fn start(server: &Server, settings: impl FnOnce(&str) -> Value) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let origin = format!("https://localhost:{port}");
        let client = server.registrar().application(&metadata(&origin, &settings(&origin))).await;
        let state = Arc::new(State {
            origin: origin.clone(),
            issuer: server.issuer(),
            client: client.clone(),
            request: Mutex::default(),
            begun: Mutex::default(),
            visits: Mutex::default(),
            sign_ins: Mutex::default(),
        });
        let tls = Tls { listener, acceptor: TlsAcceptor::from(Authority::shared().tls()) };
        let pages = pages::router(Arc::clone(&state));
        let task = tokio::spawn(async move {
            axum::serve(tls, pages).await.expect("it serves until it is dropped");
        });
        Self { origin, client, state, task }
    }

    /// The address of one of its pages.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The address of one of its pages under a name that is another site, to which the server's
    /// cookies are third-party ones.
    #[must_use]
    pub fn from_another_site(&self, path: &str) -> String {
        self.at(path).replacen("localhost", crate::authority::OTHER_SITE, 1)
    }

    /// Adds a parameter to its authorization requests from now on.
    pub fn always_ask(&self, name: &str, value: &str) {
        lock(&self.state.request).push((name.to_owned(), value.to_owned()));
    }

    /// The requests to this path that came with parameters so far.
    #[must_use]
    pub fn visits(&self, path: &str) -> Vec<Visit> {
        let visits = lock(&self.state.visits);
        visits.iter().filter(|visit| visit.path == path).cloned().collect()
    }

    /// The sign-ins so far.
    #[must_use]
    pub fn sign_ins(&self) -> Vec<SignIn> {
        lock(&self.state.sign_ins).clone()
    }

    /// The latest sign-in.
    #[must_use]
    pub fn sign_in(&self) -> SignIn {
        self.sign_ins().pop().expect("somebody has signed in")
    }
}

impl Drop for RelyingParty {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn metadata(origin: &str, settings: &Value) -> Value {
    let mut metadata = json!({
        "client_name": "Paper Boats",
        "redirect_uris": [format!("{origin}/callback")],
        "post_logout_redirect_uris": [format!("{origin}/signed-out")],
    });
    if let (Value::Object(metadata), Value::Object(settings)) = (&mut metadata, settings) {
        metadata.extend(settings.clone());
    }
    metadata
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
