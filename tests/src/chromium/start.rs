//! Starts the browser and what drives it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use fantoccini::ClientBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};

use super::Chromium;
use crate::{
    Authority, Server,
    log::{end_of, show_on_failure},
    process::Process,
    wait::eventually,
};

/// The names that Chromium goes by.
const NAMES: [&str; 3] = ["chromium", "google-chrome", "chrome"];

/// What makes it a browser for tests: no window, no sandbox (which root cannot have), nothing
/// fetched on its own account.
const ARGUMENTS: [&str; 7] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
];

/// What the driver says once it listens, before the port.
const GREETING: &str = "was started successfully on port ";

impl Chromium {
    /// Starts a browser that trusts the server's CA and that of the tests' applications.
    pub async fn start(server: &Server) -> Self {
        Self::with(server, json!({})).await
    }

    /// Starts one that runs no scripts.
    pub async fn without_scripts(server: &Server) -> Self {
        let block = json!({ "profile.managed_default_content_settings.javascript": 2 });
        Self::with(server, block).await
    }

    async fn with(server: &Server, preferences: Value) -> Self {
        let folder = tempfile::Builder::new().prefix("tokenbind-chromium-").tempdir();
        let folder = folder.expect("a temporary folder");
        let applications = Authority::shared().write_into(folder.path()).ca;
        trust(&[&server.ca(), &applications], folder.path());
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env("HOME", folder.path()).env_remove("XDG_DATA_HOME");
        let mut processes = Process::start(&mut command, folder.path());
        let log = folder.path().join("stderr.log");
        show_on_failure(log.clone());
        let port = eventually("chromedriver listens", async || {
            assert!(processes.ended().is_none(), "chromedriver ended:\n{}", end_of(&log));
            let output = fs::read_to_string(folder.path().join("stdout.log")).ok()?;
            output.split_once(GREETING)?.1.split_once('.').map(|(port, _)| port.to_owned())
        })
        .await;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&folder.path().join("profile"), &preferences))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("Chromium starts");
        Self { client, _processes: processes, _folder: folder }
    }
}

fn capabilities(profile: &Path, preferences: &Value) -> Map<String, Value> {
    let profile = format!("--user-data-dir={}", profile.display());
    let arguments: Vec<_> = ARGUMENTS.into_iter().chain([profile.as_str()]).collect();
    let options = json!({ "binary": program(), "args": arguments, "prefs": preferences });
    Map::from_iter([
        ("goog:chromeOptions".to_owned(), options),
        ("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" })),
        ("acceptInsecureCerts".to_owned(), json!(false)),
    ])
}

fn program() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).collect();
    let places = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let found = places.into_iter().find(|place| place.is_file());
    found.expect("Chromium: `cargo xtask test --only tools` installs it")
}

/// Makes the database of certificates that Chromium looks for in a user's home.
fn trust(authorities: &[&Path], home: &Path) {
    let folder = home.join(".pki/nssdb");
    fs::create_dir_all(&folder).expect("a folder for certificates");
    let database = format!("sql:{}", folder.display());
    certutil(Command::new("certutil").args(["-d", &database, "-N", "--empty-password"]));
    for (number, authority) in authorities.iter().enumerate() {
        let (name, mut command) = (format!("authority {number}"), Command::new("certutil"));
        command.args(["-d", &database, "-A", "-t", "C,,", "-n", &name, "-i"]).arg(authority);
        certutil(&mut command);
    }
}

fn certutil(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.expect("certutil: `cargo xtask test --only tools` installs it");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
