//! Whoever runs the server: the command line.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::binary::binary;

/// Runs `tokenbind` on one data directory.
#[derive(Clone, Debug)]
pub struct Operator {
    data: PathBuf,
}

/// How a command ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The exit code; none if it was killed.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

/// A user with the password.
#[derive(Clone, Debug)]
pub struct User {
    /// What the user signs in with.
    pub username: String,
    /// The password.
    pub password: String,
    /// The `sub` of the user's tokens.
    pub sub: String,
}

impl Operator {
    pub(crate) fn new(data: &Path) -> Self {
        Self { data: data.to_owned() }
    }

    /// Runs any `tokenbind` command as it is, with these environment variables.
    pub async fn tokenbind(arguments: &[&str], environment: &[(&str, &str)], stdin: &str) -> Ran {
        let mut child = Command::new(binary())
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("tokenbind runs");
        let mut input = child.stdin.take().expect("standard input");
        // A command that reads nothing may have closed it by now.
        let _ = input.write_all(stdin.as_bytes()).await;
        drop(input);
        let output = child.wait_with_output().await.expect("the output of tokenbind");
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("output in UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("complaints in UTF-8"),
        }
    }

    /// Runs a command on the data directory.
    pub async fn run(&self, arguments: &[&str], stdin: &str) -> Ran {
        let data = self.data.to_str().expect("a path in UTF-8");
        Self::tokenbind(&[arguments, &["--data", data]].concat(), &[], stdin).await
    }

    /// Runs a command that must succeed, and reads its JSON.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        self.json_with(arguments, "").await
    }

    /// The same with something on standard input.
    pub async fn json_with(&self, arguments: &[&str], stdin: &str) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat(), stdin).await;
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("not JSON: {}", ran.stdout))
    }

    /// Runs a command that must fail, and returns the one line that says why.
    pub async fn refused(&self, arguments: &[&str], stdin: &str) -> String {
        self.run(arguments, stdin).await.complaint()
    }

    /// Adds a user of a name that is used once only.
    pub async fn user(&self) -> User {
        self.user_with(&[]).await
    }

    /// The same with claims, each as `name=value`.
    pub async fn user_with(&self, claims: &[&str]) -> User {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (username, password) = (format!("user-{number}"), format!("pass word &+%={number}é"));
        let mut arguments = vec!["user", "add", &username, "--password-stdin"];
        arguments.extend(claims.iter().flat_map(|claim| ["--claim", claim]));
        let added = self.json_with(&arguments, &password).await;
        let sub = added["sub"].as_str().expect("sub").to_owned();
        User { username, password, sub }
    }

    /// Declares a resource of an identifier that is used once only and comes after all before in the alphabet, each member
    /// as `name=value`. Returns the identifier.
    pub async fn resource(&self, members: &[&str]) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let identifier = format!("https://api-{number:03}.example/v1");
        self.declare(&identifier, members).await;
        identifier
    }

    /// Declares a resource of this identifier.
    pub async fn declare(&self, identifier: &str, members: &[&str]) {
        let mut arguments = vec!["resource", "add", identifier];
        arguments.extend(members.iter().flat_map(|member| ["--set", member]));
        let added = self.json(&arguments).await;
        assert_eq!(added["identifier"], identifier);
    }

    /// Declares a resource that is this application, with these members besides.
    pub async fn resource_of(&self, client_id: &str, members: &[&str]) -> String {
        let owner = format!("client_id={client_id}");
        self.resource(&[&[&*owner], members].concat()).await
    }

    /// Ends something: `end` and these arguments.
    pub async fn end(&self, arguments: &[&str]) -> Value {
        self.json(&[&["end"], arguments].concat()).await
    }
}

impl Ran {
    /// The one line that says why a command failed.
    #[must_use]
    pub fn complaint(&self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.stdout, "");
        let line = self.stderr.strip_suffix('\n').expect("a whole line");
        assert!(!line.contains('\n'), "more than a line: {line}");
        line.strip_prefix("tokenbind: ").expect("the name of the program").to_owned()
    }
}
