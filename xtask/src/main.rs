//! The chores of this repository, as `cargo xtask`.

mod bench;
mod fuzz;
mod layers;
mod tally;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(about = "The chores of this repository")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what the tests need and runs everything that a change has to pass
    Test {
        /// Runs one step alone
        #[arg(long, value_name = "STEP")]
        only: Option<test::Step>,
    },
    /// Checks which crate imports which
    Layers,
    /// Builds the server and the benchmark for speed and runs the benchmark
    Bench {
        /// Passed on to the benchmark
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Fuzzes one parser, or all of them in turn, until something is found
    Fuzz {
        /// A file of fuzz/src/bin, without its ending
        target: Option<String>,
        /// Stops after as many seconds on each target
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        seconds: Option<u32>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let workspace = Workspace::find()?;
    match command {
        Command::Test { only } => test::run(&workspace, only),
        Command::Layers => layers::run(&workspace),
        Command::Bench { arguments } => bench::run(&workspace, &arguments),
        Command::Fuzz { target, seconds } => fuzz::run(&workspace, target.as_deref(), seconds),
    }
}
