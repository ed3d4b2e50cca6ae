//! Web applications of `tests/clients`, each built on a foreign library, run as processes.

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    Authority, Client, Server,
    http::Http,
    log::{end_of, show_on_failure},
    process::Process,
    wait::eventually,
};

/// What an application is built on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Library {
    /// `openid-client`, on Node.js.
    OpenidClient,
    /// Authlib, on Python with Flask.
    Authlib,
}

/// A running application, gone when this is dropped.
#[derive(Debug)]
pub struct WebApp {
    /// The origin that it is at.
    pub origin: String,
    /// It, as the server knows it.
    pub client: Client,
    // Before the folder, which it writes into.
    _process: Process,
    _folder: TempDir,
}

impl Library {
    /// The command that runs the application, but for the file of its settings.
    fn command(self) -> Command {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
        let (program, folder, file) = match self {
            Self::OpenidClient => ("node".into(), "openid_client", "app.mjs"),
            Self::Authlib => (virtual_environment().join("bin/python"), "authlib", "app.py"),
        };
        let mut command = Command::new::<PathBuf>(program);
        command.arg(sources.join(folder).join(file));
        command
    }
}

/// Where `cargo xtask test` puts the packages of Python: `target/clients/authlib`.
fn virtual_environment() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    // target/<profile>/deps/<test>
    let target = test.ancestors().nth(3).expect("the target directory");
    target.join("clients/authlib")
}

impl WebApp {
    /// Registers and starts an application.
    pub async fn start(server: &Server, library: Library) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
        let origin = format!("https://localhost:{}", port.expect("a free port").port());
        let metadata = json!({
            "client_name": format!("{library:?}"),
            "redirect_uris": [format!("{origin}/callback")],
            "post_logout_redirect_uris": [format!("{origin}/signed-out")],
        });
        let client = server.registrar().application(&metadata).await;
        let folder = tempfile::Builder::new().prefix("tokenbind-app-").tempdir();
        let folder = folder.expect("a temporary folder");
        let mut process = run(server, library, &origin, &client, folder.path());
        let log = folder.path().join("stderr.log");
        show_on_failure(log.clone());
        let http = Http::new(origin.clone(), Authority::shared().ca(), true);
        eventually("the application is ready", async || {
            assert!(
                process.ended().is_none(),
                "{library:?} ended (are its packages there? \
                 `cargo xtask test --only tools` installs them):\n{}",
                end_of(&log)
            );
            http.request(reqwest::Method::GET, "/").send().await.ok()
        })
        .await;
        Self { origin, client, _process: process, _folder: folder }
    }

    /// The address of one of its pages.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

fn run(server: &Server, library: Library, origin: &str, client: &Client, folder: &Path) -> Process {
    let files = Authority::shared().write_into(folder);
    let settings = json!({
        "issuer": server.issuer(),
        "client_id": client.id,
        "client_secret": client.secret,
        "origin": origin,
        "certificate": files.certificate,
        "key": files.key,
    });
    let path = folder.join("settings.json");
    fs::write(&path, settings.to_string()).expect("the settings can be written");
    let mut command = library.command();
    // The server's CA, as each of them is told of it.
    command
        .arg(path)
        .envs([("NODE_EXTRA_CA_CERTS", server.ca()), ("REQUESTS_CA_BUNDLE", server.ca())]);
    Process::start(&mut command, folder)
}
