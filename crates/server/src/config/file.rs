//! The TOML file: its keys and values with their places.

use std::{ops::Range, path::Path};

use toml_edit::{Array, Document, Item, Key, TableLike, Value};

use super::{
    Reading, declarations, keys,
    problem::{Place, Problem},
    value::Raw,
};

/// Reads the file's `text` into `reading`. `file` is how problems name it.
pub(super) fn read(reading: &mut Reading, file: &Path, text: &str) {
    let source = Source { file, text };
    match Document::parse(text) {
        Ok(document) => source.read_table(reading, "", document.as_table()),
        Err(error) => {
            let place = source.place(error.span());
            reading.no_file(place, format!("not TOML: {}", error.message()));
        }
    }
}

/// A file that is being read.
pub(super) struct Source<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    /// Reads the keys of `table`, whose own path, with a dot at its end, is `prefix`.
    fn read_table(&self, reading: &mut Reading, prefix: &str, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let path = format!("{prefix}{name}");
            let of_key = self.place(table.key(name).and_then(Key::span));
            if prefix.is_empty() && declarations::NAMES.contains(&name) {
                declarations::read(reading, self, name, item, of_key);
            } else if let Some(key) = keys::find(&path) {
                let place = item.span().map_or(of_key, |span| self.place(Some(span)));
                reading.set(key, &raw(item), place);
            } else if !(prefix.is_empty() && keys::is_section(name)) {
                reading.unknown_key(prefix, name, of_key);
            } else if let Some(section) = item.as_table_like() {
                self.read_table(reading, &format!("{path}."), section);
            } else {
                let message = format!("expected a table, found {}", raw(item));
                reading.problems.push(Problem { place: of_key, key: Some(path), message });
            }
        }
    }

    /// Where `span` begins.
    pub(super) fn place(&self, span: Option<Range<usize>>) -> Place {
        let Some(before) = span.and_then(|span| self.text.get(..span.start)) else {
            return Place::File(self.file.to_owned());
        };
        let last_line = before.rsplit('\n').next().unwrap_or_default();
        Place::Line {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: last_line.chars().count() + 1,
        }
    }
}

/// The value of `item` as keys take it.
pub(super) fn raw(item: &Item) -> Raw {
    match item {
        Item::Value(Value::String(text)) => Raw::Text(text.value().clone()),
        Item::Value(Value::Integer(integer)) => Raw::Integer(*integer.value()),
        Item::Value(Value::Array(array)) => raw_list(array),
        Item::Value(Value::Float(_)) => Raw::Other("a floating-point number"),
        Item::Value(Value::Boolean(boolean)) => Raw::Boolean(*boolean.value()),
        Item::Value(Value::Datetime(_)) => Raw::Other("a date or time"),
        Item::Value(Value::InlineTable(_)) | Item::Table(_) => Raw::Other("a table"),
        Item::ArrayOfTables(_) => Raw::Other("an array of tables"),
        Item::None => Raw::Other("nothing"),
    }
}

fn raw_list(array: &Array) -> Raw {
    let texts: Option<Vec<_>> =
        array.iter().map(|value| value.as_str().map(str::to_owned)).collect();
    texts.map_or(Raw::Other("an array of other than strings"), Raw::List)
}
