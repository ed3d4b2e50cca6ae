//! A server process that does not outlive the tests.

use std::{
    fs::{File, OpenOptions},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

/// Waits until the tests' process is gone, however it went, and then removes what it left.
const WATCH: &str = r#"read -r _; kill -9 "-$1"; rm -rf "$2""#;

/// A running process and what it started, its output in `stdout.log` and `stderr.log` of a folder.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    watch: Child,
}

impl Process {
    /// Starts `command`, writing into `folder`, which goes too when the tests are gone.
    pub(crate) fn start(command: &mut Command, folder: &Path) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(append(&folder.join("stdout.log")))
            .stderr(append(&folder.join("stderr.log")))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let watch = Command::new("sh")
            .args(["-c", WATCH, "watch", &child.id().to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh starts");
        Self { child, watch }
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the state of the server")
    }

    /// Asks it to stop (SIGTERM).
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(sent.success(), "SIGTERM could not be sent");
    }
}

impl Drop for Process {
    /// SIGKILL, and no second chance for it to write anything. Its group lasts until it is waited for.
    fn drop(&mut self) {
        // The watch first, so that it never kills another process of the same id.
        let _ = self.watch.kill();
        let _ = self.watch.wait();
        let _ = self.child.kill();
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

fn append(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("the log can be written")
}
