//! One entry of an array of tables, such as one of `[[applications]]`: its members with their places.

use std::{collections::BTreeSet, fs};

use serde_json::{Map, Number, Value as Json};
use tokenbind_issuer::{declared::InvalidDeclaration, secret::Secret};
use toml_edit::{Item, Key, TableLike, Value};

use super::{
    file::Source,
    problem::{Place, Problem},
    suggest,
};

/// An entry while it is read. Its problems are collected with those of the others.
pub(super) struct Entry<'a> {
    source: &'a Source<'a>,
    /// Such as `applications[0]`.
    path: String,
    table: &'a dyn TableLike,
    place: Place,
    problems: &'a mut Vec<Problem>,
    /// The members that were refused.
    refused: Vec<String>,
}

impl<'a> Entry<'a> {
    /// The entry of this `path`, which begins at `place`.
    pub(super) fn new(
        source: &'a Source<'a>,
        path: String,
        table: &'a dyn TableLike,
        place: Place,
        problems: &'a mut Vec<Problem>,
    ) -> Self {
        Self { source, path, table, place, problems, refused: Vec::new() }
    }

    /// Notes that a member, or something in it such as `jwks.keys[0]`, cannot stay as it is.
    pub(super) fn refuse(&mut self, member: &str, message: impl Into<String>) {
        let place = self.place_of(member);
        let key = Some(format!("{}.{member}", self.path));
        self.problems.push(Problem { place, key, message: message.into() });
        self.refused.push(member.to_owned());
    }

    /// Notes what the rules say against the entry, except of members that were refused already. `names`
    /// are members that go by another name here.
    pub(super) fn refuse_all(&mut self, wrong: Vec<InvalidDeclaration>, names: &[(&str, &str)]) {
        for InvalidDeclaration { member, rule } in wrong {
            let other = names.iter().find(|(name, _)| *name == member);
            let name = other.map_or(&*member, |(_, here)| here);
            if !self.refused.iter().any(|refused| refused == name) {
                self.refuse(name, rule);
            }
        }
    }

    /// Notes members of other names than these.
    pub(super) fn refuse_unknown(&mut self, known: &BTreeSet<String>) {
        let unknown: Vec<_> =
            self.table.iter().map(|(name, _)| name).filter(|name| !known.contains(*name)).collect();
        for name in unknown {
            let meant = suggest(name, known.iter().cloned());
            let place = self.source.place(self.table.key(name).and_then(Key::span));
            let key = Some(format!("{}.{name}", self.path));
            self.problems.push(Problem { place, key, message: format!("unknown{meant}") });
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// A member that has to be there, and text; empty where it is refused.
    pub(super) fn required_text(&mut self, name: &str) -> String {
        if !self.has(name) {
            self.refuse(name, "is missing");
        }
        match &self.texts(name)[..] {
            [text] => text.clone(),
            [] => String::new(),
            _ => {
                self.refuse(name, "expected one string");
                String::new()
            }
        }
    }

    /// A member that is a string, or an array of strings, if it is there. What is found instead is not
    /// shown.
    fn texts(&mut self, name: &str) -> Vec<String> {
        let texts = match self.table.get(name) {
            None => return Vec::new(),
            Some(Item::Value(Value::String(text))) => Some(vec![text.value().clone()]),
            Some(Item::Value(Value::Array(array))) => {
                array.iter().map(|value| value.as_str().map(str::to_owned)).collect()
            }
            Some(_) => None,
        };
        match texts {
            Some(texts) if !texts.is_empty() => texts,
            _ => {
                self.refuse(name, "expected a string");
                Vec::new()
            }
        }
    }

    /// The secrets that a member holds, or the files that another one names; and which of the two has
    /// them.
    pub(super) fn secrets(
        &mut self,
        [name, file_name]: [&'static str; 2],
        trim: fn(&str) -> &str,
    ) -> (&'static str, Vec<Secret>) {
        if !self.has(file_name) {
            return (name, self.texts(name).into_iter().map(Secret::from_text).collect());
        }
        if self.has(name) {
            self.refuse(file_name, format!("{name} is given too; keep one"));
            return (file_name, Vec::new());
        }
        let mut secrets = Vec::new();
        for file in self.texts(file_name) {
            match fs::read_to_string(&file) {
                Ok(text) => secrets.push(Secret::from_text(trim(&text).to_owned())),
                Err(error) => self.refuse(file_name, format!("{file} cannot be read: {error}")),
            }
        }
        (file_name, secrets)
    }

    /// All members as JSON but `others`.
    pub(super) fn json_without(&mut self, others: &[&str]) -> Map<String, Json> {
        let table = self.table;
        let members = table.iter().filter(|(name, _)| !others.contains(name));
        members.filter_map(|(name, item)| Some((name.to_owned(), self.json(name, item)?))).collect()
    }

    /// A member that is a table, as JSON; empty if it is not there.
    pub(super) fn table(&mut self, name: &str) -> Map<String, Json> {
        let Some(item) = self.table.get(name) else { return Map::new() };
        match self.json(name, item) {
            Some(Json::Object(members)) => members,
            Some(_) => {
                self.refuse(name, "expected a table");
                Map::new()
            }
            None => Map::new(),
        }
    }

    /// The JSON of `item` at `path`. Dates have none.
    fn json(&mut self, path: &str, item: &Item) -> Option<Json> {
        match item {
            Item::Value(value) => self.json_of_value(path, value),
            Item::Table(table) => self.json_of_table(path, table),
            Item::ArrayOfTables(tables) => {
                let tables = tables.iter().enumerate();
                let all: Vec<_> = tables
                    .map(|(index, table)| self.json_of_table(&format!("{path}[{index}]"), table))
                    .collect();
                all.into_iter().collect()
            }
            Item::None => None,
        }
    }

    fn json_of_value(&mut self, path: &str, value: &Value) -> Option<Json> {
        match value {
            Value::String(text) => Some(text.value().as_str().into()),
            Value::Integer(integer) => Some((*integer.value()).into()),
            Value::Boolean(boolean) => Some((*boolean.value()).into()),
            Value::Float(float) => {
                let number = Number::from_f64(*float.value());
                if number.is_none() {
                    self.refuse(path, "expected a finite number");
                }
                number.map(Json::Number)
            }
            Value::Datetime(date) => {
                self.refuse(path, format!("expected text: write it as \"{}\"", date.value()));
                None
            }
            Value::Array(array) => {
                let values = array.iter().enumerate();
                let all: Vec<_> = values
                    .map(|(index, value)| self.json_of_value(&format!("{path}[{index}]"), value))
                    .collect();
                all.into_iter().collect()
            }
            Value::InlineTable(table) => self.json_of_table(path, table),
        }
    }

    fn json_of_table(&mut self, path: &str, table: &dyn TableLike) -> Option<Json> {
        let members: Vec<_> = table
            .iter()
            .map(|(name, item)| {
                Some((name.to_owned(), self.json(&format!("{path}.{name}"), item)?))
            })
            .collect();
        members.into_iter().collect::<Option<Map<_, _>>>().map(Json::Object)
    }

    /// Where the innermost part of `path` that is there begins, such as that of `jwks.keys[0].kty`.
    fn place_of(&self, path: &str) -> Place {
        let mut place = self.place.clone();
        let mut segments = path.split(['.', '[']).map(|segment| segment.trim_end_matches(']'));
        let mut item = segments.next().and_then(|name| self.table.get(name));
        while let Some(found) = item {
            if let Some(span) = found.span() {
                place = self.source.place(Some(span));
            }
            item = segments.next().and_then(|name| match name.parse::<usize>() {
                Ok(index) => found.get(index),
                Err(_) => found.get(name),
            });
        }
        place
    }
}
