//! `tokenbind key`.

use std::fmt::Write as _;

use clap::Subcommand;
use tokenbind_issuer::admin::AdminCommand;

use super::{CliError, output, target::Target};

#[derive(Subcommand, Debug)]
pub(super) enum KeyCommand {
    /// Replace the keys that make tokens; what was made with the old ones stays good until it ends
    Rotate {
        #[command(flatten)]
        target: Target,
    },
}

impl KeyCommand {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let Self::Rotate { target } = self;
        let jwks = target.carry_out(AdminCommand::RotateKeys).await?;
        if target.json {
            return Ok(output::print(&jwks, true)?);
        }
        let keys = jwks["keys"].as_array().map_or(&[][..], Vec::as_slice);
        let mut text = format!("rotated; the key set now has {} keys:\n", keys.len());
        for key in keys {
            let _ = writeln!(text, "{}  {}", plain(&key["kid"]), plain(&key["alg"]));
        }
        Ok(output::write(&text)?)
    }
}

fn plain(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}
