//! The subject of the measurements: tokenbind, as `quickstart` sets it up.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Result,
    http::{Endpoint, HOST, OwnedAnswer},
    load::{Credentials, Target},
    process::Process,
    start::{Certificate, Scratch, free_ports, wait_until},
};

/// `quickstart` takes its port and those that follow.
const PORTS: u16 = 10;

/// A running tokenbind.
pub(crate) struct Subject {
    /// Where and what it is.
    pub(crate) target: Target,
    /// The certificate that it shows.
    pub(crate) certificate: Certificate,
    /// A user who can log in.
    pub(crate) user: User,
    registration_token: String,
    _process: Process,
}

/// A user's name and password.
#[derive(Clone, Deserialize)]
pub(crate) struct User {
    /// The name.
    pub(crate) username: String,
    /// The password.
    pub(crate) password: String,
}

/// The members of `quickstart.json` that matter here.
#[derive(Deserialize)]
struct Quickstart {
    ca_certificate: PathBuf,
    registration_token: String,
    user: User,
}

#[derive(Deserialize)]
struct Registered {
    client_id: String,
    client_secret: String,
}

impl Subject {
    /// Starts a server with an empty database in `scratch`.
    pub(crate) async fn start(scratch: &Scratch, name: &str) -> Result<Self> {
        let data = scratch.path(name);
        let log = scratch.path(&format!("{name}.log"));
        let port = free_ports(PORTS)?;
        let port_text = port.to_string();
        let arguments = [
            OsStr::new("quickstart"),
            OsStr::new("--data"),
            data.as_os_str(),
            OsStr::new("--port"),
            OsStr::new(&port_text),
        ];
        let mut process = Process::spawn(&program()?, &arguments, &log)?;
        let (quickstart, endpoint) = wait_until(&mut process, &log, || ready(&data, port)).await?;
        let Quickstart { ca_certificate, registration_token, user } = quickstart;
        Ok(Self {
            target: Target { endpoint, process: process.id() },
            certificate: certificate(&data, ca_certificate),
            user,
            registration_token,
            _process: process,
        })
    }

    /// Registers an application (RFC 7591).
    pub(crate) async fn register(&self, metadata: &Value) -> Result<Credentials> {
        let (token, body) = (&self.registration_token, metadata.to_string());
        let request = format!(
            "POST /oauth2/register HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let OwnedAnswer { status, body, .. } =
            self.target.endpoint.once(request.as_bytes()).await?;
        if status != 201 {
            return Err(format!("registration was answered {status}: {body}").into());
        }
        let Registered { client_id, client_secret } = serde_json::from_str(&body)?;
        Ok(Credentials { client_id, client_secret })
    }
}

/// The server's binary, which is built beside this one.
fn program() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("tokenbind");
    if program.exists() { Ok(program) } else { Err("build the package tokenbind first".into()) }
}

async fn ready(data: &Path, port: u16) -> Result<(Quickstart, Endpoint)> {
    let quickstart: Quickstart = serde_json::from_slice(&fs::read(data.join("quickstart.json"))?)?;
    let endpoint = Endpoint::new(port, &quickstart.ca_certificate)?;
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
    match endpoint.once(request.as_bytes()).await?.status {
        200 => Ok((quickstart, endpoint)),
        status => Err(format!("/readyz answers {status}").into()),
    }
}

/// Where `quickstart` keeps the certificate for localhost.
fn certificate(data: &Path, authority: PathBuf) -> Certificate {
    let tls = data.join("tls");
    Certificate { chain: tls.join("localhost.pem"), key: tls.join("localhost.key"), authority }
}
