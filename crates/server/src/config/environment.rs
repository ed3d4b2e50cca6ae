//! The environment variables that begin with `TOKENBIND_`.

use super::{
    Reading,
    keys::{KEYS, Key},
    problem::{Place, Problem},
    suggest,
    value::Raw,
};

const PREFIX: &str = "TOKENBIND_";

/// Reads the variables into `reading`, in the order of their names.
pub(super) fn read(reading: &mut Reading, environment: impl Iterator<Item = (String, String)>) {
    let mut ours: Vec<_> = environment.filter(|(name, _)| name.starts_with(PREFIX)).collect();
    ours.sort();
    for (name, value) in ours {
        match KEYS.iter().find(|key| key.variable() == name) {
            Some(key) => reading.set(key, &Raw::Text(value), Place::Variable(name)),
            None => reading.problems.push(unknown(name)),
        }
    }
}

fn unknown(name: String) -> Problem {
    let known = KEYS.iter().map(Key::variable);
    let message = format!("unknown variable{}", suggest(&name.to_ascii_uppercase(), known));
    Problem { place: Place::Variable(name), key: None, message }
}
