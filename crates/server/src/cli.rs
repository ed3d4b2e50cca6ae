//! The command line.

mod app;
mod doctor;
mod end;
mod key;
mod output;
mod resource;
mod session;
mod target;
mod user;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{
    client_certificate::ClientTrust,
    config::{Certificate, Config, ConfigError},
    declared,
    instance::{self, InstanceError},
    outbound::Outbound,
    quickstart::{self, QuickstartError},
    self_check::SelfCheckError,
    serve::{ServeError, Server},
    tls,
};
use tokenbind_issuer::admin::AdminError;

/// An OAuth 2.0 authorization server whose tokens are of no use to a thief.
#[derive(Parser, Debug)]
#[command(name = "tokenbind", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a server that is ready to try, on localhost, with two applications and a user in it
    Quickstart {
        /// Where its data is
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
        /// The port for HTTPS; the two after it serve client certificates and metrics
        #[arg(long, value_name = "N", default_value_t = 9443, value_parser = clap::value_parser!(u16).range(1..=65533))]
        port: u16,
    },
    /// Run the server
    Serve {
        /// The configuration, in TOML
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Work with the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Call the server from outside, and say whether forged client certificates come through
    Doctor(doctor::Doctor),
    /// Manage applications
    #[command(subcommand)]
    App(app::AppCommand),
    /// Manage resources: what access tokens can be meant for
    #[command(subcommand)]
    Resource(resource::ResourceCommand),
    /// Manage users
    #[command(subcommand)]
    User(user::UserCommand),
    /// Look at login sessions
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// End tokens, and all that hangs from something
    #[command(subcommand)]
    End(end::EndCommand),
    /// Manage the server's keys
    #[command(subcommand)]
    Key(key::KeyCommand),
}

#[derive(Subcommand, Debug)]
enum ConfigCommand {
    /// Say what is wrong with a configuration, with line and key
    Check {
        /// The configuration, in TOML
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Print every key, its default and what it means
    Reference,
}

/// Why a command failed. Its message is for people.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The quickstart.
    #[error(transparent)]
    Quickstart(#[from] QuickstartError),
    /// The command was refused.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// The look from outside.
    #[error(transparent)]
    SelfCheck(#[from] SelfCheckError),
    /// The look from outside found something.
    #[error("{bad} of {of} findings are bad")]
    Findings {
        /// So many bad ones.
        bad: usize,
        /// Of so many.
        of: usize,
    },
    /// The operating system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Cli {
    /// Carries out the command.
    ///
    /// # Errors
    /// [`CliError`], to be shown to whoever typed it.
    pub async fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::Quickstart { data, port } => Ok(quickstart::run(data, port).await?),
            Command::Serve { config } => serve(load(&config)?).await,
            Command::Config(ConfigCommand::Check { config }) => {
                check(&load(&config)?)?;
                let text = format!("{}: the configuration is good\n", config.display());
                Ok(output::write(&text)?)
            }
            Command::Config(ConfigCommand::Reference) => {
                Ok(output::write(&crate::config::reference())?)
            }
            Command::Doctor(doctor) => doctor.run().await,
            Command::App(command) => command.run().await,
            Command::Resource(command) => command.run().await,
            Command::User(command) => command.run().await,
            Command::Session(command) => command.run().await,
            Command::End(command) => command.run().await,
            Command::Key(command) => command.run().await,
        }
    }
}

fn load(path: &std::path::Path) -> Result<Config, ConfigError> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Config::load(Some(path), environment)
}

/// What `load` cannot tell without opening other files.
fn check(config: &Config) -> Result<(), ServeError> {
    if let Certificate::Files { chain, key } = &config.certificate {
        tls::server_config(chain, key)?;
    }
    ClientTrust::load(&config.mtls.client_trust_anchors)?;
    Outbound::new(&config.outbound)?;
    Ok(())
}

async fn serve(config: Config) -> Result<(), CliError> {
    crate::logging::start(&config.log);
    let issuer = std::sync::Arc::new(instance::open(&config).await?);
    declared::make_true(&issuer, &config).await?;
    let server = Server::bind(&config, issuer).await?;
    tracing::info!(issuer = config.issuer, listen = %config.listen, "serving");
    Ok(server.run().await?)
}
