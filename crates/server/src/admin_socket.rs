//! The operator's socket: a Unix socket in the data directory, for the server's own OS user alone.
//!
//! One line of JSON asks ([`AdminCommand`]), one line answers (`{"ok": …}` or `{"error": …}`).

use std::{
    io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::PathBuf,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokenbind_issuer::{
    Issuer,
    admin::{AdminCommand, AdminError},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::AbortHandle,
};

use crate::data_dir::DataDir;

const NAME: &str = "admin.sock";

/// More than any command needs.
const MAX_COMMAND_BYTES: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Ok(Value),
    Error(AdminError),
}

/// A listening socket; it goes when this is dropped.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    path: PathBuf,
    task: AbortHandle,
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Starts to answer commands. The caller holds the lock of the data directory, so that a socket file
/// found there is left over and goes.
///
/// # Errors
/// If the socket cannot be made.
pub(crate) fn listen(data: &DataDir, issuer: Arc<Issuer>) -> io::Result<AdminSocket> {
    let path = data.path().join(NAME);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (short, _directory) = short_path(data)?;
    let listener = UnixListener::bind(short)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let task = tokio::spawn(accept(listener, issuer)).abort_handle();
    Ok(AdminSocket { path, task })
}

/// Sends a command to the server that has the data directory open.
///
/// # Errors
/// The outer one if no server answers, the inner one if it refuses.
pub(crate) async fn send(
    data: &DataDir,
    command: &AdminCommand,
) -> io::Result<Result<Value, AdminError>> {
    let (path, _directory) = short_path(data)?;
    let mut stream = BufReader::new(UnixStream::connect(path).await?);
    let mut line = serde_json::to_vec(command)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut reply = String::new();
    stream.read_line(&mut reply).await?;
    Ok(match serde_json::from_str(&reply)? {
        Reply::Ok(value) => Ok(value),
        Reply::Error(error) => Err(error),
    })
}

/// A path of the socket that fits into an address (108 bytes), however long the directory's is. It
/// is good while the directory is held open.
fn short_path(data: &DataDir) -> io::Result<(PathBuf, std::fs::File)> {
    let directory = std::fs::File::open(data.path())?;
    Ok((format!("/proc/self/fd/{}/{NAME}", directory.as_raw_fd()).into(), directory))
}

async fn accept(listener: UnixListener, issuer: Arc<Issuer>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(answer(stream, issuer.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a command could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, issuer: Arc<Issuer>) {
    if !is_own_user(&stream) {
        tracing::warn!("a command from another OS user was refused");
        return;
    }
    let mut stream = BufReader::new(stream.take(MAX_COMMAND_BYTES));
    let mut line = String::new();
    if stream.read_line(&mut line).await.is_err() {
        return;
    }
    let reply = match serde_json::from_str::<AdminCommand>(&line) {
        Ok(command) => issuer.administer(command).await.map_or_else(Reply::Error, Reply::Ok),
        Err(error) => Reply::Error(AdminError::new(format!("not a command: {error}"))),
    };
    if let Ok(mut bytes) = serde_json::to_vec(&reply) {
        bytes.push(b'\n');
        let _ = stream.get_mut().get_mut().write_all(&bytes).await;
    }
}

fn is_own_user(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw())
}
