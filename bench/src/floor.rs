//! The floor: a bare handler that reads the same request and gives the same answer, deciding nothing.
//! No server on this HTTP stack can be faster.

use std::{
    ffi::OsStr,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode},
    routing::{get, post},
};
use clap::Args;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::{
    Result,
    http::{Endpoint, OwnedAnswer},
    load::Target,
    process::Process,
    rows::Contender,
    start::{Certificate, Scratch, free_ports, wait_until},
};

/// What to serve, and where.
#[derive(Args)]
pub(crate) struct FloorArguments {
    /// The port to listen on.
    #[arg(long)]
    port: u16,
    /// The certificate chain, a PEM file.
    #[arg(long)]
    certificate: PathBuf,
    /// Its key, a PEM file.
    #[arg(long)]
    key: PathBuf,
    /// The answer, a JSON file.
    #[arg(long)]
    answer: PathBuf,
}

/// A floor that is running.
pub(crate) struct Floor {
    /// It, with the requests that it stands for.
    pub(crate) contender: Contender,
    _process: Process,
}

impl Floor {
    /// Starts one that answers as `subject` answers now.
    pub(crate) async fn start(
        scratch: &Scratch,
        certificate: &Certificate,
        subject: &Contender,
    ) -> Result<Self> {
        let answers = subject.requests.example(&subject.target.endpoint).await?;
        let (port, log) = (free_ports(1)?, scratch.path("floor.log"));
        let file = scratch.path(&format!("floor-{port}.json"));
        fs::write(&file, serde_json::to_vec(&Recording::of(answers)?)?)?;
        let mut process = spawn(port, certificate, &file, &log)?;
        let endpoint = Endpoint::new(port, &certificate.authority)?;
        wait_until(&mut process, &log, async || endpoint.connect().await).await?;
        let target = Target { endpoint, process: process.id() };
        let requests = Arc::clone(&subject.requests);
        Ok(Self { contender: Contender { target, requests }, _process: process })
    }
}

fn spawn(port: u16, certificate: &Certificate, answer: &Path, log: &Path) -> Result<Process> {
    let port_text = port.to_string();
    let arguments = [
        OsStr::new("floor"),
        OsStr::new("--port"),
        OsStr::new(&port_text),
        OsStr::new("--certificate"),
        certificate.chain.as_os_str(),
        OsStr::new("--key"),
        certificate.key.as_os_str(),
        OsStr::new("--answer"),
        answer.as_os_str(),
    ];
    Process::spawn(&std::env::current_exe()?, &arguments, log)
}

/// The answers of a successful exchange.
#[derive(Serialize, Deserialize)]
struct Recording {
    /// To the GET of a browser, if there is one.
    page: Option<Recorded>,
    /// To the post of an application.
    post: Recorded,
}

#[derive(Serialize, Deserialize)]
struct Recorded {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Recording {
    fn of(mut answers: Vec<OwnedAnswer>) -> Result<Self> {
        let post = answers.pop().ok_or("nothing was asked")?;
        if post.status != 200 {
            return Err(format!("cannot stand for status {}: {}", post.status, post.body).into());
        }
        Ok(Self { page: answers.pop().map(Recorded::of), post: Recorded::of(post) })
    }
}

impl Recorded {
    /// An answer, less the headers that the HTTP stack adds by itself.
    fn of(OwnedAnswer { status, mut headers, body }: OwnedAnswer) -> Self {
        headers.retain(|(name, _)| !matches!(name.as_str(), "content-length" | "date"));
        Self { status, headers, body }
    }

    fn reply(self) -> Result<Arc<Reply>> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        let status = StatusCode::from_u16(self.status)?;
        Ok(Arc::new(Reply { status, headers, body: Bytes::from(self.body) }))
    }
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }
}

/// Serves until it is killed.
pub(crate) async fn serve(arguments: FloorArguments) -> Result<()> {
    let recording = serde_json::from_slice(&fs::read(&arguments.answer)?)?;
    let service = TowerToHyperService::new(router(recording)?);
    let acceptor = acceptor(&arguments)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await?;
    println!("ready");
    loop {
        let (tcp, _) = listener.accept().await?;
        tokio::spawn(serve_connection(acceptor.clone(), tcp, service.clone()));
    }
}

fn acceptor(arguments: &FloorArguments) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(&arguments.certificate)?
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&arguments.key)?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn router(Recording { page, post: posted }: Recording) -> Result<Router> {
    let reply = posted.reply()?;
    let mut router = Router::new()
        .route("/oauth2/token", post(answer))
        .route("/oauth2/introspect", post(answer))
        .with_state(reply);
    if let Some(page) = page {
        let reply = page.reply()?;
        router = router
            .merge(Router::new().route("/oauth2/authorize", get(answer_browser)).with_state(reply));
    }
    Ok(router)
}

async fn answer(
    State(reply): State<Arc<Reply>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Response<Body>) {
    let authenticated = headers.contains_key("authorization") && !body.is_empty();
    let status = if authenticated { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    (status, reply.response())
}

async fn answer_browser(
    State(reply): State<Arc<Reply>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> (StatusCode, Response<Body>) {
    let known = headers.contains_key("cookie") && query.is_some();
    let status = if known { reply.status } else { StatusCode::UNAUTHORIZED };
    (status, reply.response())
}

async fn serve_connection(
    acceptor: TlsAcceptor,
    tcp: TcpStream,
    service: TowerToHyperService<Router>,
) {
    if tcp.set_nodelay(true).is_err() {
        return;
    }
    if let Ok(tls) = acceptor.accept(tcp).await {
        // A connection that breaks shows in the load generator.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(tls), service).await;
    }
}
