//! `[[users]]`: the users that the file declares.

use tokenbind_issuer::{
    declared::{DeclaredPassword, DeclaredUser},
    secret::Secret,
};

use super::entry::Entry;

const KNOWN: [&str; 5] = ["username", "password", "password_file", "password_hash", "claims"];

/// Reads a user. What is wrong with them is noted at the entry.
pub(super) fn read(entry: &mut Entry<'_>) -> Option<DeclaredUser> {
    entry.refuse_unknown(&KNOWN.map(str::to_owned).into());
    let username = entry.required_text("username");
    let (member, password) = read_password(entry);
    let claims = entry.table("claims");
    match DeclaredUser::new(username, password, claims) {
        Ok(declared) => Some(declared),
        Err(wrong) => {
            entry.refuse_all(wrong, &[("password", member)]);
            None
        }
    }
}

/// What the user signs in with, and which of three members says so. Where that is refused, an empty
/// password, which is none.
fn read_password(entry: &mut Entry<'_>) -> (&'static str, DeclaredPassword) {
    let clear = entry.has("password") || entry.has("password_file");
    match (clear, entry.has("password_hash")) {
        (false, true) => {
            ("password_hash", DeclaredPassword::Phc(entry.required_text("password_hash")))
        }
        (true, true) => {
            entry.refuse("password_hash", "a password is given too; keep one");
            ("password_hash", none())
        }
        (true, false) => {
            let (name, secrets) = entry.secrets(["password", "password_file"], without_newline);
            if secrets.len() > 1 {
                entry.refuse(name, "expected one string");
            }
            (name, secrets.into_iter().next().map_or_else(none, DeclaredPassword::Clear))
        }
        (false, false) => {
            entry.refuse("password", "is missing; password_file or password_hash will do as well");
            ("password", none())
        }
    }
}

fn none() -> DeclaredPassword {
    DeclaredPassword::Clear(Secret::from_text(String::new()))
}

/// A password may begin or end with spaces, but files end with a newline.
fn without_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
