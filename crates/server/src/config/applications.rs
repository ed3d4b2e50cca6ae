//! `[[applications]]`: the applications that the file declares.

use std::collections::BTreeSet;

use tokenbind_issuer::{declared::DeclaredApplication, settings::Settings};

use super::entry::Entry;

/// The members that are no client metadata of the registration request (RFC 7591 section 2).
const OWN: [&str; 3] = ["client_id", "client_secret", "client_secret_file"];

/// Reads an application. What is wrong with it is noted at the entry.
pub(super) fn read(entry: &mut Entry<'_>) -> Option<DeclaredApplication> {
    entry.refuse_unknown(&known_names());
    let client_id = entry.required_text("client_id");
    let (member, secrets) = entry.secrets(["client_secret", "client_secret_file"], str::trim);
    let metadata = entry.json_without(&OWN);
    match DeclaredApplication::new(client_id, &secrets, metadata) {
        Ok(declared) => Some(declared),
        Err(wrong) => {
            entry.refuse_all(wrong, &[("client_secret", member)]);
            None
        }
    }
}

fn known_names() -> BTreeSet<String> {
    Settings::known_names().into_keys().chain(OWN.map(str::to_owned)).collect()
}
