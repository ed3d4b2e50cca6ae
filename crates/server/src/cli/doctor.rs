//! `tokenbind doctor`.

use clap::Args;
use serde_json::{Value, json};

use super::{CliError, output, target::Target};
use crate::{
    config::Config,
    quickstart,
    self_check::{Finding, Found, SelfCheck},
};

#[derive(Args, Debug)]
pub(super) struct Doctor {
    #[command(flatten)]
    target: Target,
}

/// A finding, for people and scripts.
struct Told {
    good: bool,
    address: String,
    text: String,
}

impl Doctor {
    /// Calls the server's public addresses with forged certificates and tells what came of it.
    pub(super) async fn run(self) -> Result<(), CliError> {
        let config = self.config()?;
        let check = SelfCheck::new(&config)?;
        let findings = check.findings().await;
        let seen = findings.iter().any(|finding| finding.found == Found::KeptOut);
        let proxy_is_missing = config.proxy.certificate_header.is_some() && !seen;
        let told = |finding: &Finding| Told {
            good: is_good(&finding.found, proxy_is_missing),
            address: finding.address.clone(),
            text: check.advice(finding),
        };
        let findings: Vec<_> = findings.iter().map(told).collect();
        if self.target.json {
            let findings: Vec<Value> = findings.iter().map(Told::for_scripts).collect();
            output::print(&json!({ "findings": findings }), true)?;
        } else {
            output::write(&findings.iter().map(Told::for_people).collect::<String>())?;
        }
        match findings.iter().filter(|finding| !finding.good).count() {
            0 => Ok(()),
            bad => Err(CliError::Findings { bad, of: findings.len() }),
        }
    }

    /// A quickstart keeps its address in its data directory.
    fn config(&self) -> Result<Config, CliError> {
        let config = self.target.config()?;
        let quickstart =
            quickstart::config_in(&config.data).filter(|_| !self.target.names_a_file());
        Ok(quickstart.unwrap_or(config))
    }
}

/// A proxy whose header is to be believed has to be seen at work.
const fn is_good(found: &Found, proxy_is_missing: bool) -> bool {
    match found {
        Found::KeptOut => true,
        Found::Ignored => !proxy_is_missing,
        Found::ComesThrough | Found::Mixed | Found::Unknown(_) => false,
    }
}

impl Told {
    fn for_people(&self) -> String {
        format!("{}  {}\n", if self.good { "good" } else { "BAD " }, self.text)
    }

    fn for_scripts(&self) -> Value {
        json!({ "good": self.good, "address": self.address, "finding": self.text })
    }
}
