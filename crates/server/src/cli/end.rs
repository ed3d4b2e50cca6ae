//! `tokenbind end`.

use clap::{Args, Subcommand};
use tokenbind_issuer::admin::{AdminCommand, EndTarget};

use super::{CliError, output, target::Target};

#[derive(Subcommand, Debug)]
pub(super) enum EndCommand {
    /// One access token, by its `jti` or as it was issued
    Token(Named),
    /// One grant, by its `grant_id` or by one of its refresh tokens
    Grant(Named),
    /// One login, by its `sid`
    Session(Named),
    /// All that speaks for a user
    User(Named),
    /// All that an application holds
    App(Named),
    /// All that one device holds
    Device {
        /// The application
        #[arg(long = "client", value_name = "ID")]
        client_id: String,
        /// What the device names itself
        #[arg(value_name = "TOKEN_BINDING_ID")]
        token_binding_id: String,
        #[command(flatten)]
        target: Target,
    },
    /// All that came of one device code
    DeviceCode {
        /// The application
        #[arg(long = "client", value_name = "ID")]
        client_id: String,
        /// The `binding_ref` that introspection shows beside `device-flow`, or the device code itself
        #[arg(value_name = "BINDING_REF", allow_hyphen_values = true)]
        device_code: String,
        #[command(flatten)]
        target: Target,
    },
    /// All that an application holds by one certificate
    Certificate {
        /// The application
        #[arg(long = "client", value_name = "ID")]
        client_id: String,
        /// The SHA-256 of the certificate in base64url, as `cnf` shows it
        #[arg(value_name = "THUMBPRINT", allow_hyphen_values = true)]
        thumbprint: String,
        #[command(flatten)]
        target: Target,
    },
    /// All that an application holds by one DPoP key
    Key {
        /// The application
        #[arg(long = "client", value_name = "ID")]
        client_id: String,
        /// The SHA-256 thumbprint of the key in base64url, as `cnf` shows it
        #[arg(value_name = "JKT", allow_hyphen_values = true)]
        thumbprint: String,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Args, Debug)]
pub(super) struct Named {
    /// Which
    name: String,
    #[command(flatten)]
    target: Target,
}

impl EndCommand {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let (end, target) = match self {
            Self::Token(Named { name, target }) => (EndTarget::Token(name), target),
            Self::Grant(Named { name, target }) => (EndTarget::Grant(name), target),
            Self::Session(Named { name, target }) => (EndTarget::Session(name), target),
            Self::User(Named { name, target }) => (EndTarget::User(name), target),
            Self::App(Named { name, target }) => (EndTarget::App(name), target),
            Self::Device { client_id, token_binding_id, target } => {
                (EndTarget::Device { client_id, token_binding_id }, target)
            }
            Self::DeviceCode { client_id, device_code, target } => {
                (EndTarget::DeviceCode { client_id, device_code }, target)
            }
            Self::Certificate { client_id, thumbprint, target } => {
                (EndTarget::Certificate { client_id, thumbprint }, target)
            }
            Self::Key { client_id, thumbprint, target } => {
                (EndTarget::Key { client_id, thumbprint }, target)
            }
        };
        let answer = target.carry_out(AdminCommand::End { target: end }).await?;
        Ok(output::print(&answer, target.json)?)
    }
}
