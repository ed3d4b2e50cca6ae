//! `cargo xtask test`: everything that a change has to pass.

use std::{
    io::{BufReader, stdout},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;

use crate::{
    fuzz, layers,
    tally::{Tally, count},
    tools,
    workspace::{Workspace, run as run_command, shown},
};

/// How long the fuzz targets run, side by side.
const FUZZ_SECONDS: u32 = 10;

/// The steps, in their order.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Step {
    /// Installs what is missing on the machine
    Tools,
    /// The form of the code
    Fmt,
    /// Which crate imports which
    Layers,
    /// Lints
    Clippy,
    /// The reference, with every link checked
    Doc,
    /// The server, which the end-to-end tests start, and the tests
    Build,
    /// All tests
    Test,
    /// A few seconds on each parser
    Fuzz,
}

pub(crate) fn run(workspace: &Workspace, only: Option<Step>) -> Result<()> {
    let steps = match &only {
        Some(step) => std::slice::from_ref(step),
        None => Step::value_variants(),
    };
    let mut tally = None;
    let mut summary = Vec::new();
    for step in steps {
        println!("\n== {}", step.name());
        let began = now();
        let outcome = step.run(workspace, &mut tally);
        summary.push(summary_line(*step, &outcome, began.elapsed()));
        if let Err(error) = outcome {
            conclude(&summary, tally);
            return Err(error.context(format!("the step {} failed", step.name())));
        }
    }
    conclude(&summary, tally);
    Ok(())
}

fn summary_line(step: Step, outcome: &Result<()>, took: Duration) -> String {
    let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
    format!("{:8}{verdict:8}{:6.1} s", step.name(), took.as_secs_f64())
}

fn conclude(summary: &[String], tally: Option<Tally>) {
    println!("\n== summary\n{}", summary.join("\n"));
    if let Some(tally) = tally {
        println!("{tally}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a chore for people reads their clock")]
fn now() -> Instant {
    Instant::now()
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn run(self, workspace: &Workspace, tally: &mut Option<Tally>) -> Result<()> {
        match self {
            Self::Tools => tools::install(workspace),
            Self::Fmt => fmt(workspace),
            Self::Layers => layers::run(workspace),
            Self::Clippy => run_command(&mut workspace.cargo([
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-Dwarnings",
            ])),
            Self::Doc => run_command(
                workspace
                    .cargo(["doc", "--workspace", "--no-deps"])
                    .env("RUSTDOCFLAGS", "-Dwarnings"),
            ),
            // With the tests, or else the server's dependencies are built once more for them, with
            // other features.
            Self::Build => {
                run_command(&mut workspace.cargo(["build", "--workspace", "--all-targets"]))
            }
            Self::Test => test(workspace, tally),
            Self::Fuzz => fuzz::smoke(workspace, FUZZ_SECONDS),
        }
    }
}

fn fmt(workspace: &Workspace) -> Result<()> {
    run_command(&mut workspace.cargo(["fmt", "--all", "--check"]))?;
    run_command(&mut workspace.cargo(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))
}

/// A test that is ignored counts as a failure: nothing is passed over in silence.
fn test(workspace: &Workspace, total: &mut Option<Tally>) -> Result<()> {
    let mut command = workspace.cargo(["test", "--workspace", "--no-fail-fast"]);
    let shown = shown(&command);
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let output = child.stdout.take().context("the output is piped")?;
    let tally = *total.insert(count(BufReader::new(output), stdout())?);
    let status = child.wait()?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    ensure!(tally.passed > 0, "`{shown}` ran no tests");
    ensure!(tally.ignored == 0, "{} tests were ignored", tally.ignored);
    Ok(())
}
