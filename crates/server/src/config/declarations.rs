//! The arrays of tables of the file: what they declare, one entry each.

#[cfg(test)]
mod tests;

use std::ops::Range;

use tokenbind_issuer::declared::DeclaredUser;
use toml_edit::{Item, TableLike, Value};

use super::{
    Reading, applications,
    entry::Entry,
    file::{Source, raw},
    problem::{Place, Problem},
    resources, users,
};

/// The names of the arrays.
pub(super) const NAMES: [&str; 3] = [APPLICATIONS, RESOURCES, USERS];

const APPLICATIONS: &str = "applications";
const RESOURCES: &str = "resources";
const USERS: &str = "users";

/// Reads the array `name`, whose key is at `place`.
pub(super) fn read(
    reading: &mut Reading,
    source: &Source<'_>,
    name: &str,
    item: &Item,
    place: Place,
) {
    let Some(entries) = entries(item) else {
        let message = format!("expected an array of tables, found {}", raw(item));
        let key = Some(name.to_owned());
        return reading.problems.push(Problem { place, key, message });
    };
    for (index, (table, span)) in entries.into_iter().enumerate() {
        let begins = span.map_or_else(|| place.clone(), |span| source.place(Some(span)));
        let path = format!("{name}[{index}]");
        let Reading { draft, problems, .. } = reading;
        let mut entry = Entry::new(source, path, table, begins, problems);
        if name == APPLICATIONS {
            let declared = applications::read(&mut entry);
            keep(&mut entry, &mut draft.applications, declared, "client_id", |each| {
                each.client_id().as_str().to_owned()
            });
        } else if name == RESOURCES {
            let declared = resources::read(&mut entry);
            keep(&mut entry, &mut draft.resources, declared, "identifier", resources::key);
        } else {
            let declared = users::read(&mut entry);
            keep(&mut entry, &mut draft.users, declared, "username", |each| {
                DeclaredUser::username(each).to_owned()
            });
        }
    }
}

/// Keeps what an entry declares, unless another one has declared it already.
fn keep<T>(
    entry: &mut Entry<'_>,
    all: &mut Vec<T>,
    declared: Option<T>,
    member: &str,
    name: impl Fn(&T) -> String,
) {
    let Some(declared) = declared else { return };
    if all.iter().any(|other| name(other) == name(&declared)) {
        entry.refuse(member, format!("{} is declared twice", name(&declared)));
    } else {
        all.push(declared);
    }
}

type Spanned<'a> = (&'a dyn TableLike, Option<Range<usize>>);

/// The tables of an array of tables, in either notation.
fn entries(item: &Item) -> Option<Vec<Spanned<'_>>> {
    match item {
        Item::ArrayOfTables(tables) => {
            Some(tables.iter().map(|table| (table as &dyn TableLike, table.span())).collect())
        }
        Item::Value(Value::Array(array)) => array.iter().map(inline_table).collect(),
        _ => None,
    }
}

fn inline_table(value: &Value) -> Option<Spanned<'_>> {
    value.as_inline_table().map(|table| (table as &dyn TableLike, table.span()))
}
