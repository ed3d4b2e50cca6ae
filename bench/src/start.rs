//! What all servers here need to start: a place for their files, ports, and patience until they listen.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{Result, process::Process};

const PATIENCE: Duration = Duration::from_mins(5);

/// A certificate with its key, and who vouches for it: three PEM files.
#[derive(Clone)]
pub(crate) struct Certificate {
    /// The chain.
    pub(crate) chain: PathBuf,
    /// The key.
    pub(crate) key: PathBuf,
    /// The authority that clients trust.
    pub(crate) authority: PathBuf,
}

/// A directory that goes when this is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A fresh directory beside this program's own: on a disk, where `/tmp` may be in memory.
    pub(crate) fn new() -> Result<Self> {
        let program = std::env::current_exe()?;
        let folder = program.parent().ok_or("a program without a folder")?;
        let path = folder.join(format!("bench-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The first of `count` neighbouring ports that nothing listens on.
pub(crate) fn free_ports(count: u16) -> Result<u16> {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    (20_000..30_000)
        .step_by(usize::from(count))
        .find(|first| (*first..first + count).all(is_free))
        .ok_or_else(|| "no free ports".into())
}

/// Repeats `probe` until it succeeds. Gives up when the server has ended, and tells what it logged.
pub(crate) async fn wait_until<T>(
    process: &mut Process,
    log: &Path,
    probe: impl AsyncFn() -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let error = match probe().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if Instant::now() > deadline || !process.is_alive()? {
            let log = fs::read_to_string(log)?;
            return Err(format!("a server did not start ({error}); it said: {log}").into());
        }
        sleep(Duration::from_millis(50)).await;
    }
}
