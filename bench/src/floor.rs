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
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode},
    routing::post,
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
        let answer = subject.target.endpoint.once(&subject.requests.example()?).await?;
        let (port, log) = (free_ports(1)?, scratch.path("floor.log"));
        let file = scratch.path(&format!("floor-{port}.json"));
        fs::write(&file, serde_json::to_vec(&Recording::of(answer)?)?)?;
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

/// The answer to every request.
#[derive(Serialize, Deserialize)]
struct Recording {
    headers: Vec<(String, String)>,
    body: String,
}

impl Recording {
    /// A successful answer, less the headers that the HTTP stack adds by itself.
    fn of(answer: OwnedAnswer) -> Result<Self> {
        let OwnedAnswer { status, mut headers, body } = answer;
        if status != 200 {
            return Err(format!("cannot stand for an answer of status {status}: {body}").into());
        }
        headers.retain(|(name, _)| !matches!(name.as_str(), "content-length" | "date"));
        Ok(Self { headers, body })
    }
}

struct Reply {
    headers: HeaderMap,
    body: Bytes,
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

fn router(recording: Recording) -> Result<Router> {
    let mut headers = HeaderMap::new();
    for (name, value) in recording.headers {
        headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    let reply = Arc::new(Reply { headers, body: Bytes::from(recording.body) });
    Ok(Router::new()
        .route("/oauth2/token", post(answer))
        .route("/oauth2/introspect", post(answer))
        .with_state(reply))
}

async fn answer(
    State(reply): State<Arc<Reply>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Response<Body>) {
    let authenticated = headers.contains_key("authorization") && !body.is_empty();
    let status = if authenticated { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    let mut response = Response::new(Body::from(reply.body.clone()));
    *response.headers_mut() = reply.headers.clone();
    (status, response)
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
