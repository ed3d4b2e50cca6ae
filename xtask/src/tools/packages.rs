//! What comes as a package of Debian and Ubuntu.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{find_command, missing, works};
use crate::workspace::run;

/// How one sees whether a package, or the same from elsewhere, is there.
enum Need {
    /// One of these commands is on the path, and no snap: those see neither temporary folders nor
    /// profiles that lie there.
    Command(&'static [&'static str]),
    /// This file is there.
    File(&'static str),
    /// Python has these modules.
    Python(&'static str),
}

use Need::{Command as OnPath, File, Python};

const CHROMIUM: &str = "chromium";

/// What the tests need, and the package that has it. Of Apache only the program is taken: the package
/// `apache2` would run it as a service.
const NEEDS: [(Need, &str); 13] = [
    (OnPath(&["curl"]), "curl"),
    (OnPath(&["g++"]), "g++"),
    (OnPath(&["kill"]), "procps"),
    (OnPath(&["node"]), "nodejs"),
    (OnPath(&["npm"]), "npm"),
    (Python("ensurepip, venv"), "python3-venv"),
    (OnPath(&["chromium", "google-chrome", "chrome"]), CHROMIUM),
    (OnPath(&["chromedriver"]), "chromium-driver"),
    (OnPath(&["certutil"]), "libnss3-tools"),
    (OnPath(&["openssl"]), "openssl"),
    (File("/usr/sbin/nginx"), "nginx-light"),
    (File("/usr/sbin/apache2"), "apache2-bin"),
    (File("/usr/lib/apache2/modules/mod_auth_openidc.so"), "libapache2-mod-auth-openidc"),
];

/// Ubuntu has Chromium only as a snap. Whoever says so should also say what to do.
const NO_CHROMIUM: &str = "this system has no package of Chromium (Ubuntu has it as a snap, which cannot \
    be driven in a folder of the tests). Put Chrome and chromedriver of one version on the path as \
    `chrome` and `chromedriver`, from https://googlechromelabs.github.io/chrome-for-testing/, and \
    run again";

/// Installs what is missing, or says what to install.
pub(super) fn install() -> Result<()> {
    let packages = missing(&NEEDS, Need::is_met);
    if packages.is_empty() {
        return Ok(());
    }
    let Some(root) = become_root() else { bail!("{}", advice(&packages)) };
    println!("installing {}", packages.join(" "));
    run(apt_get(root).arg("update"))?;
    ensure!(!packages.contains(&CHROMIUM) || is_offered(CHROMIUM)?, NO_CHROMIUM);
    run(apt_get(root).args(["install", "--yes", "--no-install-recommends"]).args(&packages))?;
    let missing = missing(&NEEDS, Need::is_met);
    ensure!(missing.is_empty(), "installed, and still not to be found: {}", missing.join(" "));
    Ok(())
}

fn advice(packages: &[&str]) -> String {
    format!(
        "missing on this machine, install it and run again: {0}\n\
         (on Debian or Ubuntu: sudo apt-get install --no-install-recommends {0})",
        packages.join(" ")
    )
}

impl Need {
    fn is_met(&self) -> bool {
        match self {
            Self::Command(names) => {
                names.iter().filter_map(|name| find_command(name)).any(|path| !is_snap(&path))
            }
            Self::File(path) => Path::new(path).is_file(),
            Self::Python(modules) => {
                works(Command::new("python3").args(["-c", &format!("import {modules}")]))
            }
        }
    }
}

/// Snaps lie under `/snap/bin`, as links to the command `snap`.
fn is_snap(command: &Path) -> bool {
    let target = command.canonicalize();
    command.starts_with("/snap") || target.is_ok_and(|target| target.ends_with("snap"))
}

/// Whether there is a version that could be installed.
fn is_offered(package: &str) -> Result<bool> {
    let output = Command::new("apt-cache").args(["policy", package]).output();
    let policy = String::from_utf8(output.context("cannot run apt-cache")?.stdout)?;
    Ok(has_candidate(&policy))
}

fn has_candidate(policy: &str) -> bool {
    let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    candidate.is_some_and(|version| version != "(none)")
}

/// The words before a command that make it root's; `None` where that, or `apt-get`, cannot be had
/// without asking.
fn become_root() -> Option<&'static [&'static str]> {
    let sudo: &[&str] = &["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive"];
    let own: &[&str] = &["env", "DEBIAN_FRONTEND=noninteractive"];
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let way = if root { own } else { sudo };
    let can = find_command("apt-get").is_some()
        && (root || works(Command::new("sudo").args(["-n", "true"])));
    can.then_some(way)
}

fn apt_get(root: &[&str]) -> Command {
    let mut command = Command::new(root[0]);
    command.args(&root[1..]).args(["apt-get", "-qq"]).stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_need_is_met_by_any_of_its_commands_or_by_its_file() {
        assert!(OnPath(&["no-such-command", "sh"]).is_met());
        assert!(!OnPath(&["no-such-command"]).is_met());
        assert!(File("/bin/sh").is_met());
        assert!(!File("/no/such/file").is_met());
        assert!(!Python("no_such_module").is_met());
    }

    #[test]
    fn a_snap_counts_for_nothing() {
        let folder = std::env::temp_dir().join(format!("xtask-snap-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("snap"), "").unwrap();
        symlink(folder.join("snap"), folder.join("chromium")).unwrap();
        assert!(is_snap(&folder.join("chromium")));
        assert!(is_snap(Path::new("/snap/bin/chromium")));
        assert!(!is_snap(Path::new("/bin/sh")));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_package_without_a_candidate_is_not_offered() {
        let policy = "chromium:\n  Installed: (none)\n  Candidate: 148.0\n  Version table:\n";
        assert!(has_candidate(policy));
        assert!(!has_candidate(&policy.replace("148.0", "(none)")));
        assert!(!has_candidate(""));
    }

    #[test]
    fn the_advice_names_every_package() {
        assert!(advice(&["curl", "npm"]).ends_with("--no-install-recommends curl npm)"));
    }
}
