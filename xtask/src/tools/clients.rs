//! The libraries of the foreign relying parties in `tests/clients`, in the versions that are pinned there.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};

use super::works;
use crate::workspace::{Workspace, run};

/// Within the folder that was installed: the text of what it was installed from.
const STAMP: &str = ".installed-from";

pub(super) fn install(workspace: &Workspace) -> Result<()> {
    let clients = workspace.root.join("tests/clients");
    install_from_npm(&clients.join("mcp"))?;
    install_from_npm(&clients.join("openid_client"))?;
    install_from_npm(&clients.join("proof_of_possession"))?;
    let target = workspace.metadata()?.target_directory;
    let venv = target.join("clients/authlib");
    install_from_pypi(&clients.join("authlib/requirements.txt"), venv.as_std_path())
}

/// Into `node_modules` beside the lock file, where Node.js looks for it.
fn install_from_npm(folder: &Path) -> Result<()> {
    let (lock, modules) = (folder.join("package-lock.json"), folder.join("node_modules"));
    if is_installed(&modules, &lock)? {
        return Ok(());
    }
    let options = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    run(Command::new("npm").args(options).current_dir(folder).stdin(Stdio::null()))?;
    stamp(&modules, &lock)
}

/// Into a virtual environment of its own.
fn install_from_pypi(requirements: &Path, venv: &Path) -> Result<()> {
    let python = venv.join("bin/python");
    if is_installed(venv, requirements)? && works(Command::new(&python).arg("--version")) {
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv).stdin(Stdio::null()))?;
    let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let pip = &mut Command::new(&python);
    run(pip.args(options).arg("--requirement").arg(requirements).stdin(Stdio::null()))?;
    stamp(venv, requirements)
}

fn is_installed(folder: &Path, from: &Path) -> Result<bool> {
    let wanted = fs::read(from).with_context(|| from.display().to_string())?;
    Ok(fs::read(folder.join(STAMP)).is_ok_and(|installed| installed == wanted))
}

/// Last of all, so that what was interrupted is done again.
fn stamp(folder: &Path, from: &Path) -> Result<()> {
    fs::copy(from, folder.join(STAMP)).with_context(|| folder.display().to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_installed_from_another_list_counts_as_missing() {
        let folder = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let list = folder.join("list");
        fs::write(&list, "one 1.0").unwrap();
        assert!(!is_installed(&folder, &list).unwrap());
        stamp(&folder, &list).unwrap();
        assert!(is_installed(&folder, &list).unwrap());
        fs::write(&list, "one 1.1").unwrap();
        assert!(!is_installed(&folder, &list).unwrap());
        assert!(is_installed(&folder, &folder.join("nothing")).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
