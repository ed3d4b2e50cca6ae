//! Programs on JavaScript libraries, driven line by line: `tests/clients/proof_of_possession` and `tests/clients/mcp`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    Authority, AuthorizationRequest, Browser, Server,
    log::{end_of, show_on_failure},
};

/// A running application on one of the libraries, gone when this is dropped.
#[derive(Debug)]
pub struct ScriptedApplication {
    library: &'static str,
    _child: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
    calls: Vec<Call>,
    log: PathBuf,
    /// Kept as long as the program runs.
    folder: TempDir,
}

/// A request that the application sent.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Its method.
    pub method: String,
    /// The origin that it went to.
    pub origin: String,
    /// The path there.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// Whether it had a DPoP proof.
    pub proof: bool,
    /// Whether the answer had a `DPoP-Nonce`.
    pub nonce: bool,
}

/// What the server said no with, or the library.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// `error`, or what the library calls its own complaint.
    pub error: String,
    /// What there was to say.
    pub error_description: Option<String>,
    /// The scheme of the challenge, in lower case, where there was one.
    pub scheme: Option<String>,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    done: Option<Value>,
    failed: Option<Failure>,
    calls: Vec<Call>,
}

impl ScriptedApplication {
    /// Starts an application on this library: `oauth4webapi` or `openid-client`.
    #[must_use]
    pub fn start(server: &Server, library: &'static str) -> Self {
        Self::run(server, library, "proof_of_possession/main.mjs", &[library])
    }

    /// Starts an MCP client.
    #[must_use]
    pub fn mcp_agent(server: &Server) -> Self {
        Self::run(server, "the MCP client", "mcp/agent.mjs", &[])
    }

    /// Starts a protected resource that speaks MCP, and gives its origin.
    pub async fn mcp_api(server: &Server) -> (Self, String) {
        let mut api = Self::run(server, "the MCP server", "mcp/api.mjs", &[]);
        let files = Authority::shared().write_into(api.folder.path());
        let files = json!({ "certificate": files.certificate, "key": files.key });
        let listening = api.does_with("listen", files).await;
        (api, listening["origin"].as_str().expect("an origin").to_owned())
    }

    fn run(
        server: &Server,
        library: &'static str,
        script: &str,
        arguments: &[&'static str],
    ) -> Self {
        let folder = tempfile::Builder::new().prefix("tokenbind-app-").tempdir();
        let folder = folder.expect("a temporary folder");
        let trusted = folder.path().join("trusted.pem");
        let server_ca = fs::read(server.ca()).expect("the CA of the server");
        fs::write(&trusted, [&server_ca, Authority::shared().ca()].concat())
            .expect("the CAs can be written");
        let log = folder.path().join("stderr.log");
        show_on_failure(log.clone());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script);
        let mut child = Command::new("node")
            .arg(script)
            .args(arguments)
            .env("NODE_EXTRA_CA_CERTS", trusted)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("the log can be written"))
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let to = child.stdin.take().expect("its input");
        let from = BufReader::new(child.stdout.take().expect("its output")).lines();
        Self { library, _child: child, to, from, calls: Vec::new(), log, folder }
    }

    /// Has it carry out a command.
    ///
    /// # Errors
    /// What it was refused with.
    pub async fn ask(&mut self, command: &str, more: Value) -> Result<Value, Failure> {
        let mut line = more;
        line["command"] = command.into();
        let sent = self.to.write_all(format!("{line}\n").as_bytes()).await;
        let read = self.from.next_line().await.ok().flatten();
        let (Ok(()), Some(read)) = (sent, read) else {
            panic!(
                "{} ended at {command} (are its packages there? \
                 `cargo xtask test --only tools` installs them):\n{}",
                self.library,
                end_of(&self.log)
            );
        };
        let reply: Reply = serde_json::from_str(&read).expect("a reply");
        self.calls = reply.calls;
        match (reply.done, reply.failed) {
            (Some(done), None) => Ok(done),
            (None, Some(failure)) => Err(failure),
            _ => panic!("neither done nor failed: {read}"),
        }
    }

    /// The same where it must succeed.
    pub async fn does(&mut self, command: &str) -> Value {
        self.does_with(command, json!({})).await
    }

    /// The same with parameters.
    pub async fn does_with(&mut self, command: &str, more: Value) -> Value {
        let done = self.ask(command, more).await;
        done.unwrap_or_else(|failure| panic!("{} {command}: {failure:?}", self.library))
    }

    /// The same where it must fail.
    pub async fn fails(&mut self, command: &str) -> Failure {
        let failed = self.ask(command, json!({})).await;
        failed.err().unwrap_or_else(|| panic!("{} {command} should fail", self.library))
    }

    /// The requests of the last command.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The last command's answers at this path.
    #[must_use]
    pub fn calls_at(&self, path: &str) -> Vec<&Call> {
        self.calls.iter().filter(|call| call.path == path).collect()
    }

    /// Signs the browser's user in, and returns what the application then knows.
    pub async fn sign_in(&mut self, browser: &Browser, redirect_uri: &str) -> Value {
        let url = self.does("authorize").await["url"].as_str().expect("a URL").to_owned();
        let callback = arrive(browser, &url, redirect_uri).await;
        self.does_with("callback", json!({ "url": callback })).await
    }
}

/// The address of the application that the browser arrives at in the end.
pub async fn arrive(browser: &Browser, url: &str, redirect_uri: &str) -> String {
    let path = url.strip_prefix(browser.http.base()).expect("an address of the server");
    let parameters = vec![("redirect_uri".to_owned(), redirect_uri.to_owned())];
    let request = AuthorizationRequest { parameters, verifier: String::new() };
    let page = browser.get(path).await;
    let callback = browser.go_on(&request, page).await;
    let query =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&callback.parameters).finish();
    format!("{redirect_uri}?{query}")
}
