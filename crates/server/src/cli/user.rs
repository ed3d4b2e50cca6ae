//! `tokenbind user`.

use std::io::Read;

use clap::{Args, Subcommand};
use serde_json::Value;
use tokenbind_issuer::{admin::AdminCommand, claims};

use super::{CliError, output, target::Target};

#[derive(Subcommand, Debug)]
pub(super) enum UserCommand {
    /// Add a user
    Add {
        /// What the user signs in with
        name: String,
        /// Read the password from standard input
        #[arg(long, required = true)]
        password_stdin: bool,
        /// A claim about the user, such as `email=alice@example.com`; VALUE is JSON where it is not text
        #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = parse_claim)]
        claims: Vec<(String, Value)>,
        #[command(flatten)]
        target: Target,
    },
    /// Replace all claims about a user; tokens live on
    SetClaims {
        /// About whom
        name: String,
        /// A claim about the user, such as `email=alice@example.com`; VALUE is JSON where it is not text
        #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = parse_claim)]
        claims: Vec<(String, Value)>,
        #[command(flatten)]
        target: Target,
    },
    /// Give a user a new password and end all tokens
    SetPassword {
        /// Whose
        name: String,
        /// Read the password from standard input
        #[arg(long, required = true)]
        password_stdin: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Shut a user out and end all tokens
    Lock(NamedUser),
    /// Let a user in again
    Unlock(NamedUser),
    /// Remove a user and end all tokens
    Delete(NamedUser),
}

#[derive(Args, Debug)]
pub(super) struct NamedUser {
    /// Whom
    name: String,
    #[command(flatten)]
    target: Target,
}

impl UserCommand {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let (command, target) = match self {
            Self::Add { name: username, claims, target, .. } => {
                let password = read_password()?;
                let claims = claims.into_iter().collect();
                (AdminCommand::AddUser { username, password, claims }, target)
            }
            Self::SetClaims { name: username, claims, target } => {
                let claims = claims.into_iter().collect();
                (AdminCommand::SetClaims { username, claims }, target)
            }
            Self::SetPassword { name: username, target, .. } => {
                (AdminCommand::SetPassword { username, password: read_password()? }, target)
            }
            Self::Lock(user) => (AdminCommand::LockUser { username: user.name }, user.target),
            Self::Unlock(user) => (AdminCommand::UnlockUser { username: user.name }, user.target),
            Self::Delete(user) => (AdminCommand::DeleteUser { username: user.name }, user.target),
        };
        Ok(output::print(&target.carry_out(command).await?, target.json)?)
    }
}

/// Everything on standard input, less the newline that ends it.
fn read_password() -> Result<String, CliError> {
    let mut password = String::new();
    std::io::stdin().read_to_string(&mut password)?;
    let password = password.strip_suffix('\n').unwrap_or(&password);
    Ok(password.strip_suffix('\r').unwrap_or(password).to_owned())
}

fn parse_claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if name.is_empty() {
        return Err("the claim has no name".into());
    }
    Ok((name.into(), claims::parse_value(name, value)))
}
