//! `cargo xtask bench`.

use std::process::Command;

use anyhow::Result;

use crate::workspace::{Workspace, run as run_command};

const BENCH: &str = "tokenbind-bench";

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    run_command(&mut workspace.cargo([
        "build",
        "--release",
        "--package",
        "tokenbind",
        "--package",
        BENCH,
    ]))?;
    let binary = workspace.metadata()?.target_directory.join("release").join(BENCH);
    run_command(Command::new(binary).args(arguments).current_dir(&workspace.root))
}
