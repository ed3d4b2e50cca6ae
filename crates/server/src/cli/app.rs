//! `tokenbind app`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use tokenbind_binding::GrantType;
use tokenbind_issuer::{
    admin::{AdminCommand, SecretChange},
    settings::Settings,
};

use super::{CliError, output, target::Target};

#[derive(Subcommand, Debug)]
pub(super) enum AppCommand {
    /// Register an application; prints its id and secret
    Add {
        /// Its id; generated unless given
        #[arg(long, value_name = "ID")]
        client_id: Option<String>,
        #[command(flatten)]
        settings: SettingArgs,
        #[command(flatten)]
        target: Target,
    },
    /// List all applications
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Show an application's settings
    Show {
        client_id: String,
        #[command(flatten)]
        target: Target,
    },
    /// Change some settings of an application
    Update {
        client_id: String,
        #[command(flatten)]
        settings: SettingArgs,
        /// Add a secret and print it; the one before stays good
        #[arg(long)]
        add_secret: bool,
        /// Let only the newest secret stay good
        #[arg(long, conflicts_with = "add_secret")]
        drop_old_secret: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Remove an application and end its tokens
    Delete {
        client_id: String,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Args, Debug)]
pub(super) struct SettingArgs {
    /// A setting, such as `access_token_format=jwt` or `grant_types=password,refresh_token`; VALUE may
    /// be JSON, and `null` sets the default again
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_setting)]
    settings: Vec<(String, Value)>,
}

impl SettingArgs {
    fn into_metadata(self) -> Map<String, Value> {
        self.settings.into_iter().collect()
    }
}

impl AppCommand {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let (command, target) = match self {
            Self::Add { client_id, settings, target } => {
                let metadata = settings.into_metadata();
                (AdminCommand::AddApplication { client_id, metadata }, target)
            }
            Self::List { target } => (AdminCommand::ListApplications, target),
            Self::Show { client_id, target } => {
                (AdminCommand::ShowApplication { client_id }, target)
            }
            Self::Update { client_id, settings, add_secret, drop_old_secret, target } => {
                let secrets = match (add_secret, drop_old_secret) {
                    (true, _) => SecretChange::Add,
                    (false, true) => SecretChange::DropOld,
                    (false, false) => SecretChange::Keep,
                };
                let metadata = settings.into_metadata();
                (AdminCommand::UpdateApplication { client_id, metadata, secrets }, target)
            }
            Self::Delete { client_id, target } => {
                (AdminCommand::DeleteApplication { client_id }, target)
            }
        };
        Ok(output::print(&target.carry_out(command).await?, target.json)?)
    }
}

/// Reads `NAME=VALUE`. For settings that are lists, a value without brackets is parted at commas.
fn parse_setting(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let known = Settings::known_names();
    let Some(is_list) = known.get(name) else {
        return Err(format!("there is no setting {name}, see docs/applications.md"));
    };
    let value = match serde_json::from_str(value) {
        Ok(json) => json,
        Err(_) if *is_list => value.split(',').map(|item| list_item(name, item.trim())).collect(),
        Err(_) => value.into(),
    };
    Ok((name.into(), value))
}

/// People may write the short names of grants.
fn list_item(name: &str, item: &str) -> Value {
    let grants = matches!(name, "grant_types" | "unbound_grants");
    match item {
        "device_code" if grants => GrantType::DeviceCode.as_str().into(),
        "token-exchange" if grants => GrantType::TokenExchange.as_str().into(),
        _ => item.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        parse_setting(text).unwrap().1
    }

    #[test]
    fn reads_words_lists_json_and_short_grant_names() {
        assert_eq!(value("access_token_format=jwt"), json!("jwt"));
        assert_eq!(value("refresh_token_lifetime=5"), json!(5));
        assert_eq!(
            value("grant_types=password, refresh_token"),
            json!(["password", "refresh_token"])
        );
        assert_eq!(value("token_binding_types=client-request"), json!(["client-request"]));
        assert_eq!(value("validate_token_bindings=null"), json!(null));
        let exchange = json!(["urn:ietf:params:oauth:grant-type:token-exchange"]);
        assert_eq!(value("unbound_grants=token-exchange"), exchange);
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        assert!(parse_setting("acess_token_format=jwt").is_err());
        assert!(parse_setting("access_token_format").is_err());
    }
}
