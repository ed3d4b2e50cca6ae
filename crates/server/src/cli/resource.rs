//! `tokenbind resource`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use tokenbind_issuer::{admin::AdminCommand, resource::Resource};

use super::{CliError, output, target::Target};

#[derive(Subcommand, Debug)]
pub(super) enum ResourceCommand {
    /// Declare a resource
    Add {
        /// Its URI, as clients name it in `resource` and tokens in `aud`
        identifier: String,
        #[command(flatten)]
        members: MemberArgs,
        #[command(flatten)]
        target: Target,
    },
    /// List all resources
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Show what a resource asks of its tokens
    Show(NamedResource),
    /// Print the metadata that a resource is to serve (RFC 9728)
    Metadata(NamedResource),
    /// Change what a resource asks of its tokens
    Update {
        /// Which
        identifier: String,
        #[command(flatten)]
        members: MemberArgs,
        #[command(flatten)]
        target: Target,
    },
    /// Remove a resource; its tokens live on, and nobody gets new ones
    Delete(NamedResource),
}

#[derive(Args, Debug)]
pub(super) struct NamedResource {
    /// Which
    identifier: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Args, Debug)]
pub(super) struct MemberArgs {
    /// What it asks, such as `scopes=read,write` or `max_age=300`; VALUE may be JSON, and `null` takes it away
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_member)]
    members: Vec<(String, Value)>,
}

impl MemberArgs {
    fn into_members(self) -> Map<String, Value> {
        self.members.into_iter().collect()
    }
}

impl ResourceCommand {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let (command, target) = match self {
            Self::Add { identifier, members, target } => {
                let mut members = members.into_members();
                members.insert("identifier".into(), identifier.into());
                (AdminCommand::AddResource { members }, target)
            }
            Self::List { target } => (AdminCommand::ListResources, target),
            Self::Show(NamedResource { identifier, target }) => {
                (AdminCommand::ShowResource { identifier }, target)
            }
            Self::Metadata(NamedResource { identifier, target }) => {
                return print_metadata(identifier, &target).await;
            }
            Self::Update { identifier, members, target } => {
                let members = members.into_members();
                (AdminCommand::UpdateResource { identifier, members }, target)
            }
            Self::Delete(NamedResource { identifier, target }) => {
                (AdminCommand::DeleteResource { identifier }, target)
            }
        };
        Ok(output::print(&target.carry_out(command).await?, target.json)?)
    }
}

/// The document goes to standard output, where to serve it to standard error, so that the one can go into a file.
async fn print_metadata(identifier: String, target: &Target) -> Result<(), CliError> {
    let told = target.carry_out(AdminCommand::ResourceMetadata { identifier }).await?;
    if target.json {
        return Ok(output::print(&told, true)?);
    }
    output::print(&told["document"], true)?;
    if let Some(url) = told["url"].as_str() {
        eprintln!("serve this as application/json at {url}");
    }
    Ok(())
}

/// Reads `NAME=VALUE`. For members that are lists, a value without brackets is parted at commas.
fn parse_member(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let Some((_, is_list)) = Resource::MEMBERS.into_iter().find(|(known, _)| *known == name) else {
        return Err(format!("a resource has no {name}, see docs/resources.md"));
    };
    let value = match serde_json::from_str(value) {
        Ok(json) => json,
        Err(_) if is_list => value.split(',').map(|item| Value::from(item.trim())).collect(),
        Err(_) => value.into(),
    };
    Ok((name.into(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_words_lists_and_json() {
        let value = |text: &str| parse_member(text).unwrap().1;
        assert_eq!(value("scopes=read, write"), json!(["read", "write"]));
        assert_eq!(value("required_binding_types=dpop"), json!(["dpop"]));
        assert_eq!(value("max_age=300"), json!(300));
        assert_eq!(value("acr=null"), json!(null));
        assert_eq!(value("access_token_format=jwt"), json!("jwt"));
    }

    #[test]
    fn an_unknown_member_is_refused() {
        assert!(parse_member("lifetime=5").is_err());
        assert!(parse_member("max_age").is_err());
    }
}
