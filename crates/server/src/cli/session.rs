//! `tokenbind session`.

use std::fmt::Write as _;

use clap::Subcommand;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;
use tokenbind_issuer::admin::AdminCommand;

use super::{CliError, output, target::Target};

#[derive(Subcommand, Debug)]
pub(super) enum SessionCommand {
    /// List the logins of a user, the latest first; `end session SID` ends one
    List {
        /// Whose
        username: String,
        #[command(flatten)]
        target: Target,
    },
}

impl SessionCommand {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let Self::List { username, target } = self;
        let sessions = target.carry_out(AdminCommand::ListSessions { username }).await?;
        if target.json {
            return Ok(output::print(&sessions, true)?);
        }
        Ok(output::write(&for_people(&sessions))?)
    }
}

/// One session to a line: `sid`, when it began, the browser.
fn for_people(sessions: &Value) -> String {
    let mut text = String::new();
    for session in sessions.as_array().map_or(&[][..], Vec::as_slice) {
        let sid = session["sid"].as_str().unwrap_or_default();
        let since = session["since"].as_i64().unwrap_or_default();
        let browser = session["user_agent"].as_str().unwrap_or("unknown browser");
        // What a browser says of itself must not move an operator's cursor.
        let browser: String = browser.chars().filter(|c| !c.is_control()).collect();
        let _ = writeln!(text, "{sid}  {}  {browser}", in_utc(since));
    }
    text
}

fn in_utc(secs: i64) -> String {
    let instant = Timestamp::from_second(secs).unwrap_or_default();
    instant.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_session_is_a_line_without_control_characters() {
        let sessions = json!([
            { "sid": "a", "since": 1_795_419_447, "user_agent": "Mozilla/5.0\u{1b}[2J" },
            { "sid": "b", "since": 0, "user_agent": null },
        ]);
        let expected = "a  2026-11-23 07:37 UTC  Mozilla/5.0[2J\n\
                        b  1970-01-01 00:00 UTC  unknown browser\n";
        assert_eq!(for_people(&sessions), expected);
    }
}
