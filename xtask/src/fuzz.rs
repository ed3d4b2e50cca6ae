//! Coverage-guided fuzzing on stable Rust: `libFuzzer`, with the counters that LLVM puts into the code.

use std::{
    fs,
    panic::resume_unwind,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::workspace::{Workspace, run as run_command};

/// What `cargo fuzz` sets, without the sanitizers, which need a nightly compiler. Safe Rust gives
/// them little to find.
const RUSTFLAGS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing";

/// Longest inputs, seconds that one input may take, megabytes that a target may use.
const LIMITS: [&str; 3] = ["-max_len=4096", "-timeout=5", "-rss_limit_mb=1024"];

/// How long each target runs before the next has its turn, where no end is given.
const TURN_SECONDS: u32 = 60;

/// `cargo xtask fuzz`.
pub(crate) fn run(workspace: &Workspace, target: Option<&str>, seconds: Option<u32>) -> Result<()> {
    let fuzz = Fuzz::build(workspace)?;
    if let Some(target) = target {
        return run_command(&mut fuzz.command(target, seconds)?);
    }
    loop {
        for target in &fuzz.targets {
            run_command(&mut fuzz.command(target, Some(seconds.unwrap_or(TURN_SECONDS)))?)?;
        }
        if seconds.is_some() {
            return Ok(());
        }
    }
}

/// Lints the targets and runs them all at once for some seconds. Shows the output of one that fails.
pub(crate) fn smoke(workspace: &Workspace, seconds: u32) -> Result<()> {
    cargo(workspace, &["clippy", "--bins"], &["--", "-Dwarnings"])?;
    let fuzz = Fuzz::build(workspace)?;
    thread::scope(|scope| {
        let mut watches = Vec::new();
        for target in &fuzz.targets {
            watches.push(scope.spawn(|| fuzz.watch(target, seconds)));
        }
        for watch in watches {
            println!("{}", watch.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(())
    })
}

/// What a target that found nothing says at its end. Without coverage it only guessed, and that is
/// a failure too.
fn progress(log: &str) -> Result<String> {
    let edges = log.lines().rfind(|line| line.contains("DONE")).and_then(edges);
    let runs = log.lines().rfind(|line| line.starts_with("Done "));
    match (edges, runs) {
        (Some(edges), Some(runs)) if edges > 0 => Ok(format!("{runs}, {edges} edges covered")),
        _ => bail!("the target tells no coverage:\n{log}"),
    }
}

fn edges(line: &str) -> Option<u32> {
    line.split_once("cov: ")?.1.split(' ').next()?.parse().ok()
}

struct Fuzz {
    folder: PathBuf,
    binaries: PathBuf,
    targets: Vec<String>,
}

impl Fuzz {
    fn build(workspace: &Workspace) -> Result<Self> {
        cargo(workspace, &["build", "--bins"], &[])?;
        let folder = workspace.root.join("fuzz");
        let binaries = folder.join("target").join(host()?).join("release");
        let targets = targets(&folder.join("src/bin"))?;
        Ok(Self { folder, binaries, targets })
    }

    /// Finds are kept in `artifacts`, inputs that reach new code in `target/corpus`, and the seeds of
    /// `corpus` are only read.
    fn command(&self, target: &str, seconds: Option<u32>) -> Result<Command> {
        let known = self.targets.iter().any(|known| known == target);
        ensure!(known, "no target {target}; there are {}", self.targets.join(", "));
        let grown = self.folder.join("target/corpus").join(target);
        let artifacts = self.folder.join("artifacts").join(target);
        fs::create_dir_all(&grown)?;
        fs::create_dir_all(&artifacts)?;
        let mut command = Command::new(self.binaries.join(target));
        command
            .args(LIMITS)
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(seconds.map(|seconds| format!("-max_total_time={seconds}")))
            .arg(grown)
            .arg(self.folder.join("corpus").join(target))
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Runs a target to its end and tells how far it came.
    fn watch(&self, target: &str, seconds: u32) -> Result<String> {
        let output = self.command(target, Some(seconds))?.stdout(Stdio::null()).output()?;
        let log = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{target} found something ({}):\n{log}", output.status);
        Ok(format!("{target}: {}", progress(&log)?))
    }
}

/// Cargo in the workspace of the targets. With `--target`, build scripts are left without counters.
fn cargo(workspace: &Workspace, before: &[&str], after: &[&str]) -> Result<()> {
    let host = host()?;
    let common = ["--quiet", "--release", "--target", &host, "--manifest-path", "fuzz/Cargo.toml"];
    let arguments = before.iter().chain(&common).chain(after).copied();
    let target_dir = workspace.root.join("fuzz/target");
    let mut command = workspace.cargo(arguments);
    run_command(command.env("RUSTFLAGS", RUSTFLAGS).env("CARGO_TARGET_DIR", target_dir))
}

fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(Into::into).context("rustc does not tell its host")
}

fn targets(sources: &Path) -> Result<Vec<String>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(sources).with_context(|| sources.display().to_string())? {
        let path = entry?.path();
        let name = path.file_stem().context("a source has a name")?;
        targets.push(name.to_string_lossy().into_owned());
    }
    targets.sort();
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_is_read_and_its_absence_is_a_failure() {
        let log =
            "#2\tINITED cov: 12 ft: 13\n#9\tDONE   cov: 260 ft: 1030\nDone 9 runs in 4 second(s)";
        assert_eq!(progress(log).unwrap(), "Done 9 runs in 4 second(s), 260 edges covered");
        assert!(progress(&log.replace("260", "0")).is_err());
        assert!(progress("Done 9 runs in 4 second(s)").is_err());
    }
}
