//! A server in a process of its own, on a core of its own.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::Result;

/// The core of whichever server is being measured.
pub(crate) const SERVER_CORE: &str = "0";

/// The core of the load generator.
pub(crate) const GENERATOR_CORE: &str = "1";

/// What `/proc` counts CPU time in: `USER_HZ`, which is 100 on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// A running server. It ends when this is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts `program` on the servers' core. What it prints goes to the file `log`.
    pub(crate) fn spawn(program: &Path, arguments: &[&OsStr], log: &Path) -> Result<Self> {
        let log = File::create(log)?;
        let child = Command::new("taskset")
            .args(["-c", SERVER_CORE])
            .arg(program)
            .args(arguments)
            .env("NODE_ENV", "production")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Self(child))
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it runs still.
    pub(crate) fn is_alive(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_none())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Moves this process to the load generator's core.
pub(crate) fn move_to_generator_core() -> Result<()> {
    let id = std::process::id().to_string();
    let moved = Command::new("taskset").args(["-cp", GENERATOR_CORE, &id]).output()?;
    if moved.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&moved.stderr).into())
}

/// The CPU time that all threads of a process have used so far.
pub(crate) fn cpu_time(process: u32) -> Result<Duration> {
    cpu_ticks(&fs::read_to_string(format!("/proc/{process}/stat"))?)
        .map(|ticks| TICK * ticks)
        .ok_or_else(|| "/proc/PID/stat cannot be read".into())
}

/// Fields 14 and 15 of `/proc/PID/stat`. Field 2, the name, may hold blanks and ends with the last `)`.
fn cpu_ticks(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(11).map(str::parse::<u32>);
    times.next()?.ok()?.checked_add(times.next()?.ok()?)
}

/// The CPU time that the servers' core has spent on anything so far.
pub(crate) fn core_time() -> Result<Duration> {
    core_ticks(&fs::read_to_string("/proc/stat")?)
        .map(|ticks| TICK * ticks)
        .ok_or_else(|| "/proc/stat cannot be read".into())
}

/// All but the fourth and fifth figure of the core's line, which are idle time, and the last two, which
/// the first two contain.
fn core_ticks(stat: &str) -> Option<u32> {
    let name = format!("cpu{SERVER_CORE}");
    let line = stat.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix(' '))?;
    let figures = line.split(' ').map(|figure| figure.parse().ok());
    let figures = figures.collect::<Option<Vec<u32>>>()?;
    Some(figures.get(..3)?.iter().chain(figures.get(5..8)?).sum())
}

/// The memory of a process that is in RAM, in MB.
pub(crate) fn resident_mb(process: u32) -> Result<f64> {
    resident_kib(&fs::read_to_string(format!("/proc/{process}/status"))?)
        .map(|kib| f64::from(kib) * 1024.0 / 1e6)
        .ok_or_else(|| "/proc/PID/status cannot be read".into())
}

fn resident_kib(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_user_plus_system() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 31 9 9 20 0 3 0 11 12 13";
        assert_eq!(cpu_ticks(stat), Some(281));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn the_time_of_a_core_is_all_that_is_not_idle() {
        let stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 4 1000 1000 8 16 32 1000 1000\ncpu1 9 9\n";
        assert_eq!(core_ticks(stat), Some(63));
        assert_eq!(core_ticks("cpu1 1 2 4 1000 1000 8 16 32 1000 1000\n"), None);
    }

    #[test]
    fn memory_is_the_resident_set() {
        let status = "VmPeak:\t  900 kB\nVmRSS:\t  123 kB\nThreads:\t4\n";
        assert_eq!(resident_kib(status), Some(123));
        assert_eq!(resident_kib("VmPeak:\t 900 kB\n"), None);
    }
}
