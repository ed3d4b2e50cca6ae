//! Where an operator's command goes: to the running server, or straight to its data directory.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use serde_json::Value;
use tokenbind_issuer::admin::{AdminCommand, AdminError};
use tokenbind_store::OpenError;

use super::{CliError, load};
use crate::{
    admin_socket,
    config::Config,
    data_dir::DataDir,
    instance::{self, InstanceError},
};

/// How long a server may take from locking its data directory to answering commands.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Args, Debug)]
pub(super) struct Target {
    /// The data directory
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,
    /// The configuration, which names the data directory
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Answer in JSON, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

impl Target {
    /// Whether a configuration is named.
    pub(super) const fn names_a_file(&self) -> bool {
        self.config.is_some()
    }

    pub(super) fn config(&self) -> Result<Config, CliError> {
        match (&self.config, &self.data) {
            (Some(path), _) => Ok(load(path)?),
            (None, Some(data)) => Ok(Config::default_for(data)),
            (None, None) => Ok(Config::default_for("data")),
        }
    }

    /// Carries out a command: in the server while it runs, and by the same code while it does not.
    pub(super) async fn carry_out(&self, command: AdminCommand) -> Result<Value, CliError> {
        let config = self.config()?;
        if !config.data.is_dir() {
            let data = config.data.display();
            return Err(CliError::Usage(format!(
                "there is no data directory {data}; name it with --data or --config"
            )));
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match instance::open(&config).await {
                Ok(issuer) => return Ok(issuer.administer(command).await?),
                Err(InstanceError::Store(OpenError::Locked)) => {}
                Err(error) => return Err(error.into()),
            }
            let data = DataDir::open(&config.data).map_err(InstanceError::from)?;
            match admin_socket::send(&data, &command).await {
                Ok(answer) => return Ok(answer?),
                Err(error) if tokio::time::Instant::now() >= deadline => {
                    return Err(AdminError::new(format!(
                        "a process has the data directory open, but answers no commands: {error}"
                    ))
                    .into());
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}
