//! `[[users]]`: the users that the file declares.

use tokenbind_issuer::declared::{DeclaredPassword, DeclaredUser};

use super::entry::Entry;

const KNOWN: [&str; 5] = ["username", "password", "password_file", "password_hash", "claims"];

/// Reads a user. What is wrong with them is noted at the entry.
pub(super) fn read(entry: &mut Entry<'_>) -> Option<DeclaredUser> {
    entry.refuse_unknown(&KNOWN.map(str::to_owned).into());
    let username = entry.required_text("username");
    let password = read_password(entry);
    let claims = entry.table("claims");
    let (member, password) = password?;
    match DeclaredUser::new(username?, password, claims) {
        Ok(declared) => Some(declared),
        Err(wrong) => {
            entry.refuse_all(wrong, &[("password", member)]);
            None
        }
    }
}

/// The one of three members that says what the user signs in with, and its name.
fn read_password(entry: &mut Entry<'_>) -> Option<(&'static str, DeclaredPassword)> {
    let clear = entry.has("password") || entry.has("password_file");
    match (clear, entry.has("password_hash")) {
        (true, true) => {
            entry.refuse("password_hash", "a password is given too; keep one");
            None
        }
        (true, false) => {
            let (name, secrets) = entry.secrets(["password", "password_file"], without_newline)?;
            match <[_; 1]>::try_from(secrets) {
                Ok([password]) => Some((name, DeclaredPassword::Clear(password))),
                Err(_) => {
                    entry.refuse(name, "expected one string");
                    None
                }
            }
        }
        (false, true) => {
            let hash = entry.required_text("password_hash")?;
            Some(("password_hash", DeclaredPassword::Phc(hash)))
        }
        (false, false) => {
            entry.refuse("password", "is missing; password_file or password_hash will do as well");
            None
        }
    }
}

/// A password may begin or end with spaces, but files end with a newline.
fn without_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
