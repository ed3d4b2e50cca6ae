//! Answers for people, and for scripts.

use std::io::{self, Write};

use serde_json::{Map, Value};

/// Prints an answer: as JSON, or line by line.
///
/// # Errors
/// If standard output cannot be written.
pub(super) fn print(answer: &Value, json: bool) -> io::Result<()> {
    write(&if json { format!("{answer:#}\n") } else { for_people(answer) })
}

/// Writes to standard output. That its reader has seen enough is no failure.
///
/// # Errors
/// If standard output cannot be written.
pub(super) fn write(text: &str) -> io::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn for_people(answer: &Value) -> String {
    match answer {
        Value::Object(members) => members_of(members),
        Value::Array(items) => items.iter().map(one_line).collect(),
        other => format!("{other}\n"),
    }
}

fn members_of(members: &Map<String, Value>) -> String {
    let width = members.keys().map(String::len).max().unwrap_or_default();
    let line = |(name, value): (&String, &Value)| format!("{name:width$}  {}\n", plain(value));
    members.iter().map(line).collect::<Vec<_>>().concat()
}

/// One thing in a list: what it is known by, and its name.
fn one_line(item: &Value) -> String {
    let member = |names: [&str; 2]| names.into_iter().find_map(|name| item.get(name)).map(plain);
    // A resource may have a client_id too.
    let id = member(["identifier", "client_id"]).unwrap_or_default();
    let name = member(["name", "client_name"]).unwrap_or_default();
    format!("{id}  {name}").trim_end().to_owned() + "\n"
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shows_members_in_columns_and_lists_by_name() {
        let shown = for_people(&json!({ "client_id": "a", "grant_types": ["x", "y"] }));
        assert_eq!(shown, "client_id    a\ngrant_types  x y\n");
        let listed = for_people(&json!([{ "client_id": "a", "client_name": "TV" }]));
        assert_eq!(listed, "a  TV\n");
        let listed = for_people(&json!([{ "identifier": "urn:a", "client_id": "a" }]));
        assert_eq!(listed, "urn:a\n");
    }
}
