//! The real server, in a folder of its own on free ports.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{
    Authority, Browser, Client, Http, Identity, Operator, Registrar, User,
    binary::binary,
    log::{end_of, show_on_failure},
    port::free_triple,
    process::Process,
    wait::eventually,
};

/// The initial access token of servers that are started by `serve`.
const REGISTRATION_TOKEN: &str = "registration-token-of-the-end-to-end-tests";

/// How often another port is tried, should somebody take one between the search and the start.
const ATTEMPTS: usize = 5;

/// A server, killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    port: u16,
    start: Start,
    process: Option<Process>,
}

#[derive(Clone, Debug)]
enum Start {
    Quickstart,
    /// `serve`, with these lines of TOML and these environment variables.
    Serve {
        toml: String,
        environment: Vec<(String, String)>,
    },
}

/// `quickstart.json`. A member that is not known fails the test.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quickstart {
    /// The issuer.
    pub issuer: String,
    /// The CA's file.
    pub ca_certificate: PathBuf,
    /// What registers applications.
    pub registration_token: String,
    /// A user.
    pub user: QuickstartUser,
    /// An application of each format.
    pub applications: Vec<QuickstartApplication>,
}

/// The user in `quickstart.json`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuickstartUser {
    /// The username.
    pub username: String,
    /// The password.
    pub password: String,
}

/// An application in `quickstart.json`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuickstartApplication {
    /// The `client_id`.
    pub client_id: String,
    /// The secret.
    pub client_secret: String,
    /// `opaque` or `jwt`.
    pub access_token_format: String,
}

impl Server {
    /// The quickstart that all tests of this process share.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Server> = OnceCell::const_new();
        SHARED.get_or_init(Self::quickstart).await
    }

    /// A quickstart of one's own.
    pub async fn quickstart() -> Self {
        Self::launch(Start::Quickstart).await
    }

    /// A server by `serve`, with these lines of TOML besides the necessary, and these environment
    /// variables. It may call what tests serve on this machine.
    pub async fn serve(toml: &str, environment: &[(&str, &str)]) -> Self {
        Self::serve_only(&with_registration(toml), environment).await
    }

    /// The same, where nobody can register over the network.
    pub async fn serve_without_registration() -> Self {
        Self::serve_only("", &[]).await
    }

    async fn serve_only(toml: &str, environment: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = environment.iter().map(own).collect();
        Self::launch(Start::Serve { toml: toml.to_owned(), environment }).await
    }

    async fn launch(start: Start) -> Self {
        let mut complaint = String::new();
        for _ in 0..ATTEMPTS {
            let folder = tempfile::Builder::new().prefix("tokenbind-").tempdir();
            let folder = folder.expect("a temporary folder");
            let port = free_triple();
            let mut server = Self { folder, port, start: start.clone(), process: None };
            match server.run().await {
                Ok(()) => {
                    show_on_failure(server.folder.path().join("stderr.log"));
                    return server;
                }
                Err(error) if error.contains("cannot listen") => complaint = error,
                Err(error) => panic!("the server does not start:\n{error}"),
            }
        }
        panic!("no port could be had:\n{complaint}");
    }

    /// Starts the process and waits until it can commit.
    async fn run(&mut self) -> Result<(), String> {
        let mut command = Command::new(binary());
        self.arguments(&mut command);
        let mut process = Process::start(&mut command, self.folder.path());
        let folder = self.folder.path().to_owned();
        let ready = eventually("the server is ready", async || {
            if let Some(status) = process.ended() {
                return Some(Err(format!("{status}\n{}", end_of(&folder.join("stderr.log")))));
            }
            let ca = fs::read(self.ca()).ok()?;
            let http = Http::new(self.issuer(), &ca, false);
            let answer = http.request(reqwest::Method::GET, "/readyz").send().await.ok()?;
            answer.status().is_success().then_some(Ok(()))
        })
        .await;
        self.process = ready.is_ok().then_some(process);
        ready
    }

    fn arguments(&self, command: &mut Command) {
        match &self.start {
            Start::Quickstart => {
                command.arg("quickstart").arg("--data").arg(self.data());
                command.arg("--port").arg(self.port.to_string());
            }
            Start::Serve { toml, environment } => {
                let path = self.config_file();
                fs::write(&path, self.config(toml)).expect("the configuration can be written");
                let _ = Authority::shared().write_into(self.folder.path());
                command.arg("serve").arg("--config").arg(path);
                command.envs(environment.iter().map(|(name, value)| (name, value)));
            }
        }
    }

    fn config(&self, more: &str) -> String {
        let (issuer, data, port) = (self.issuer(), self.data(), self.port);
        format!(
            r#"
issuer = "{issuer}"
data = "{data}"
listen.address = "127.0.0.1"
listen.port = {port}
mtls.port = {mtls}
metrics.address = "127.0.0.1:{metrics}"
outbound.allow_loopback = true
outbound.trust_anchors = ["{authority}"]
{more}"#,
            data = data.display(),
            authority = self.folder.path().join("authority.pem").display(),
            mtls = port + 1,
            metrics = port + 2,
        )
    }

    /// The TOML file of a server by `serve`.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("tokenbind.toml")
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// SIGTERM, and waits for the end.
    pub async fn stop(&mut self) {
        let mut process = self.process.take().expect("the server runs");
        process.terminate();
        let status = eventually("the server stops", async || process.ended()).await;
        assert!(status.success(), "{status}");
    }

    /// Waits until it ends of its own accord, which must be with an error, and returns what it complains of.
    pub async fn fails(&mut self) -> String {
        let mut process = self.process.take().expect("the server runs");
        let status = eventually("the server ends", async || process.ended()).await;
        assert_eq!(status.code(), Some(1), "{status}");
        let (_, complaints) = self.output();
        complaints.lines().last().expect("a complaint").to_owned()
    }

    /// SIGKILL, then the same data on the same port again.
    pub async fn restart(&mut self) {
        self.kill();
        self.run().await.unwrap_or_else(|error| panic!("it does not start again:\n{error}"));
    }

    /// SIGTERM, then a start with these lines of TOML instead of those before.
    pub async fn reconfigure(&mut self, toml: &str) {
        let started = self.try_reconfigure(toml).await;
        started.unwrap_or_else(|error| panic!("it does not start again:\n{error}"));
    }

    /// The same where the start may fail.
    ///
    /// # Errors
    /// How it exits, and the end of its complaints.
    pub async fn try_reconfigure(&mut self, lines: &str) -> Result<(), String> {
        if self.process.is_some() {
            self.stop().await;
        }
        let Start::Serve { toml, .. } = &mut self.start else { panic!("it has no configuration") };
        *toml = with_registration(lines);
        self.run().await
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The first port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The file of the CA's certificate.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.data().join("tls").join("ca.pem")
    }

    /// What the process wrote to standard output and to standard error so far.
    #[must_use]
    pub fn output(&self) -> (String, String) {
        let read = |name: &str| {
            let bytes = fs::read(self.folder.path().join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        (read("stdout.log"), read("stderr.log"))
    }

    /// `quickstart.json`.
    #[must_use]
    pub fn facts(&self) -> Quickstart {
        let bytes = fs::read(self.data().join("quickstart.json")).expect("quickstart.json");
        serde_json::from_slice(&bytes).expect("the members of quickstart.json")
    }

    /// A new HTTP client: each test and each task that wants a connection of its own takes one.
    #[must_use]
    pub fn http(&self) -> Http {
        Http::new(self.issuer(), &read(&self.ca()), false)
    }

    /// A new client on another host: the last number of its loopback address.
    #[must_use]
    pub fn http_from(&self, host: u8) -> Http {
        let address = [127, 0, 0, host].into();
        Http::from_address(self.issuer(), &read(&self.ca()), false, Some(address))
    }

    /// A new client that speaks HTTP/1.1 alone.
    #[must_use]
    pub fn http1(&self) -> Http {
        Http::new(self.issuer(), &read(&self.ca()), true)
    }

    /// The origin where it asks for certificates.
    #[must_use]
    pub fn mtls_origin(&self) -> String {
        format!("https://localhost:{}", self.port + 1)
    }

    /// A new client that shows this certificate, where the server asks for one.
    #[must_use]
    pub fn http_showing(&self, identity: &Identity) -> Http {
        Http::with_certificate(self.mtls_origin(), &read(&self.ca()), identity)
    }

    /// A new client that shows none, though the server asks.
    #[must_use]
    pub fn http_showing_nothing(&self) -> Http {
        Http::new(self.mtls_origin(), &read(&self.ca()), false)
    }

    /// What the server has counted, as Prometheus reads it.
    pub async fn metrics(&self) -> String {
        let address = format!("http://127.0.0.1:{}", self.port + 2);
        let answer = Http::new(address, &read(&self.ca()), true).get("/metrics").await;
        assert_eq!(answer.status, 200);
        answer.text()
    }

    /// A new browser that shows this server nothing yet, and the user before it.
    #[must_use]
    pub fn browser(&self, user: &User) -> Browser {
        Browser::on(self.http(), user)
    }

    /// A new browser of a new user.
    pub async fn new_browser(&self) -> Browser {
        self.browser(&self.operator().user().await)
    }

    /// Whoever runs this server.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator::new(&self.data())
    }

    /// Whoever registers applications here.
    #[must_use]
    pub fn registrar(&self) -> Registrar {
        let token = match self.start {
            Start::Quickstart => self.facts().registration_token,
            Start::Serve { .. } => REGISTRATION_TOKEN.to_owned(),
        };
        Registrar { http: self.http(), token }
    }

    /// The quickstart's application of this format, and its user.
    #[must_use]
    pub fn quickstart_client(&self, format: &str) -> (Client, User) {
        let Quickstart { user, applications, .. } = self.facts();
        let found = applications.iter().find(|each| each.access_token_format == format);
        let application = found.expect("an application of this format");
        let client = Client::new(self.http(), &application.client_id, &application.client_secret);
        let QuickstartUser { username, password } = user;
        (client, User { username, password, sub: String::new() })
    }
}

fn with_registration(toml: &str) -> String {
    format!("registration.initial_access_token = \"{REGISTRATION_TOKEN}\"\n{toml}")
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
