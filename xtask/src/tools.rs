//! What the tests need of the machine besides Rust. What is missing is installed, or else named; no
//! test passes over it.

use std::{
    env,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::workspace::{Workspace, run};

/// A command, and the package of Debian and Ubuntu that has it.
const TOOLS: [(&str, &str); 3] = [("curl", "curl"), ("g++", "g++"), ("kill", "procps")];

/// A command of cargo, and the component of rustup that has it.
const COMPONENTS: [(&str, &str); 2] = [("fmt", "rustfmt"), ("clippy", "clippy")];

pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    let packages = missing(&TOOLS, is_on_path);
    if !packages.is_empty() {
        install_packages(&packages)?;
    }
    let components =
        missing(&COMPONENTS, |command| works(&mut workspace.cargo([command, "--version"])));
    if !components.is_empty() {
        run(Command::new("rustup").args(["component", "add"]).args(&components))
            .with_context(|| format!("cargo lacks: {}", components.join(" ")))?;
    }
    Ok(())
}

fn missing(
    table: &[(&'static str, &'static str)],
    is_there: impl Fn(&str) -> bool,
) -> Vec<&'static str> {
    table.iter().filter(|(command, _)| !is_there(command)).map(|&(_, package)| package).collect()
}

fn is_on_path(command: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(command).is_file())
}

fn install_packages(packages: &[&str]) -> Result<()> {
    let Some(root) = become_root() else {
        bail!(
            "missing on this machine, install it and run again: {0}\n\
             (on Debian or Ubuntu: sudo apt-get install {0})",
            packages.join(" ")
        );
    };
    println!("installing {}", packages.join(" "));
    run(apt_get(root).arg("update"))?;
    run(apt_get(root).args(["install", "--yes", "--no-install-recommends"]).args(packages))
}

/// The words before a command that make it root's; `None` where that, or `apt-get`, cannot be had
/// without asking.
fn become_root() -> Option<&'static [&'static str]> {
    let sudo: &[&str] = &["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive"];
    let own: &[&str] = &["env", "DEBIAN_FRONTEND=noninteractive"];
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let way = if root { own } else { sudo };
    let can = is_on_path("apt-get") && (root || works(Command::new("sudo").args(["-n", "true"])));
    can.then_some(way)
}

fn apt_get(root: &[&str]) -> Command {
    let mut command = Command::new(root[0]);
    command.args(&root[1..]).args(["apt-get", "-qq"]).stdin(Stdio::null());
    command
}

fn works(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_packages_of_the_commands_that_are_not_there() {
        assert_eq!(missing(&COMPONENTS, |command| command == "clippy"), ["rustfmt"]);
        assert_eq!(missing(&COMPONENTS, |_| true), [""; 0]);
    }

    #[test]
    fn finds_commands_on_the_path() {
        assert!(is_on_path("sh"));
        assert!(!is_on_path("no-such-command"));
    }
}
