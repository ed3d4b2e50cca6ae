//! The peer: oidc-provider on Node.js, with its in-memory adapter (`peer/server.mjs`).

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use crate::{
    Result,
    hash::PARAMETERS,
    http::Endpoint,
    load::{Credentials, Target},
    process::Process,
    start::{Certificate, Scratch, free_ports, wait_until},
    subject::User,
};

const SECRET: &str = "a-client-secret-of-the-peer-in-the-benchmark";

/// A running peer.
pub(crate) struct Peer {
    /// Where and what it is.
    pub(crate) target: Target,
    /// Some of the tokens that it was filled with.
    pub(crate) sample: Vec<String>,
    /// The cookie of a browser that is signed in.
    pub(crate) session_cookie: String,
    _process: Process,
}

impl Peer {
    /// Starts a peer that holds `count` live opaque access tokens, and samples every `every`-th of them.
    pub(crate) async fn start(
        scratch: &Scratch,
        name: &str,
        (certificate, user): (&Certificate, &User),
        (count, every): (u64, u64),
    ) -> Result<Self> {
        let (port, log) = (free_ports(1)?, scratch.path(&format!("{name}.log")));
        let sample = scratch.path(&format!("{name}.sample"));
        let session = scratch.path(&format!("{name}.session"));
        let config = scratch.path(&format!("{name}.json"));
        let members = json!({
            "port": port,
            "certificate": certificate.chain,
            "key": certificate.key,
            "client_secret": SECRET,
            "username": user.username,
            "password": user.password,
            "password_hash": {
                "memory_kib": PARAMETERS.m_cost(),
                "passes": PARAMETERS.t_cost(),
                "lanes": PARAMETERS.p_cost(),
            },
            "fill": count,
            "sample": { "every": every, "file": sample },
            "session": session,
        });
        fs::write(&config, members.to_string())?;
        let mut process = spawn(&config, &log)?;
        let endpoint = Endpoint::new(port, &certificate.authority)?;
        wait_until(&mut process, &log, async || endpoint.connect().await).await?;
        let sample = fs::read_to_string(sample)?.lines().map(str::to_owned).collect();
        let session_cookie = fs::read_to_string(session)?;
        let target = Target { endpoint, process: process.id() };
        Ok(Self { target, sample, session_cookie, _process: process })
    }
}

fn spawn(config: &Path, log: &Path) -> Result<Process> {
    let script = folder().join("server.mjs");
    // Room for a million tokens, which the default heap may not have.
    let heap = OsStr::new("--max-old-space-size=8192");
    let arguments = [heap, script.as_os_str(), config.as_os_str()];
    Process::spawn(Path::new("node"), &arguments, log)
}

/// Fetches the peer's packages, as the lock file names them, unless they are there.
pub(crate) fn install() -> Result<()> {
    if folder().join("node_modules").exists() {
        return Ok(());
    }
    let status = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(folder())
        .status()?;
    if status.success() { Ok(()) } else { Err("npm ci failed".into()) }
}

/// Its application that has opaque access tokens.
pub(crate) fn opaque() -> Credentials {
    credentials("opaque")
}

/// Its application that has JWT access tokens.
pub(crate) fn jwt() -> Credentials {
    credentials("jwt")
}

/// Its application that users log in to.
pub(crate) fn user() -> Credentials {
    credentials("user")
}

/// Its application that users sign in to with a browser.
pub(crate) fn web() -> Credentials {
    credentials("web")
}

/// Its application whose tokens are bound to a DPoP key.
pub(crate) fn dpop() -> Credentials {
    credentials("dpop")
}

/// Its application whose tokens are bound to a certificate.
pub(crate) fn certificate() -> Credentials {
    credentials("certificate")
}

/// Its application that users log in to, and whose tokens are bound to a certificate.
pub(crate) fn user_with_certificate() -> Credentials {
    credentials("user-certificate")
}

fn credentials(client_id: &str) -> Credentials {
    Credentials { client_id: client_id.into(), client_secret: SECRET.into() }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peer")
}
