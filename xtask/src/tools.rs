//! What the tests need of the machine besides Rust. What is missing is installed, or else named; no
//! test passes over it.

mod clients;
mod packages;

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};

use crate::workspace::{Workspace, run};

/// A command of cargo, and the component of rustup that has it.
const COMPONENTS: [(&str, &str); 2] = [("fmt", "rustfmt"), ("clippy", "clippy")];

pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    packages::install()?;
    install_components(workspace)?;
    clients::install(workspace)
}

fn install_components(workspace: &Workspace) -> Result<()> {
    let is_there = |command: &&str| works(&mut workspace.cargo([command, "--version"]));
    let missing = missing(&COMPONENTS, is_there);
    if missing.is_empty() {
        return Ok(());
    }
    run(Command::new("rustup").args(["component", "add"]).args(&missing))
        .with_context(|| format!("cargo lacks: {}", missing.join(" ")))
}

/// The right side of those pairs whose left side is not there.
fn missing<T>(table: &[(T, &'static str)], is_there: impl Fn(&T) -> bool) -> Vec<&'static str> {
    table.iter().filter(|(need, _)| !is_there(need)).map(|&(_, source)| source).collect()
}

/// Where on the path a command is.
fn find_command(command: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(command)).find(|path| path.is_file())
}

fn works(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_named_by_its_source() {
        assert_eq!(missing(&COMPONENTS, |&command| command == "clippy"), ["rustfmt"]);
        assert_eq!(missing(&COMPONENTS, |_| true), [""; 0]);
    }

    #[test]
    fn commands_are_found_on_the_path() {
        assert!(find_command("sh").is_some());
        assert!(find_command("no-such-command").is_none());
    }
}
