//! Resources as operators write them: members by name, in the configuration, on the command line, in JSON.

use serde::{Deserialize, Deserializer, Serializer, de::DeserializeOwned};
use serde_json::{Map, Value};
use tokenbind_binding::BindingType;
use url::{Host, Url};

use super::{Resource, ResourceKey};
use crate::{
    declared::InvalidDeclaration,
    login::Acr,
    scope::{MalformedScope, Scope},
    settings::MAX_LIFETIME,
};

/// The most characters that an identifier may have.
const MAX_IDENTIFIER: usize = 512;

impl Resource {
    /// The members, and whether each is a list.
    pub const MEMBERS: [(&str, bool); 9] = [
        ("identifier", false),
        ("name", false),
        ("scopes", true),
        ("required_binding_types", true),
        ("access_token_format", false),
        ("access_token_lifetime", false),
        ("acr", false),
        ("max_age", false),
        ("client_id", false),
    ];

    /// Reads a resource. Members that are `null` count as absent.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_members(members: Map<String, Value>) -> Result<Self, Vec<InvalidDeclaration>> {
        let mut reading = Reading { members, wrong: Vec::new() };
        let resource = Self {
            identifier: reading.identifier(),
            name: reading.optional("name", "must be text"),
            scopes: reading
                .optional::<Words>("scopes", "must be scope words: an array, or text with spaces")
                .unwrap_or_default()
                .0,
            required_binding_types: reading.binding_types(),
            access_token_format: reading.optional("access_token_format", "must be opaque or jwt"),
            access_token_lifetime: reading.seconds("access_token_lifetime"),
            acr: reading.optional("acr", &expected_acr()),
            max_age: reading.seconds("max_age"),
            client_id: reading.optional("client_id", "must be the client_id of an application"),
        };
        let wrong = reading.finish();
        if wrong.is_empty() { Ok(resource) } else { Err(wrong) }
    }

    /// This resource with some members changed; `null` takes one away.
    ///
    /// # Errors
    /// Everything that is wrong with it then.
    pub fn changed_by(&self, changes: Map<String, Value>) -> Result<Self, Vec<InvalidDeclaration>> {
        let mut members = match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        members.extend(changes);
        Self::from_members(members)
    }
}

struct Reading {
    members: Map<String, Value>,
    wrong: Vec<InvalidDeclaration>,
}

impl Reading {
    fn refuse(&mut self, member: &str, rule: impl Into<String>) {
        self.wrong.push(InvalidDeclaration { member: member.into(), rule: rule.into() });
    }

    fn optional<T: DeserializeOwned>(&mut self, member: &str, rule: &str) -> Option<T> {
        let value = self.members.remove(member).filter(|value| !value.is_null())?;
        let read = serde_json::from_value(value).ok();
        if read.is_none() {
            self.refuse(member, rule);
        }
        read
    }

    fn identifier(&mut self) -> String {
        let rule = "must be text";
        if !self.members.contains_key("identifier") {
            self.refuse("identifier", "is missing");
        }
        let identifier: String = self.optional("identifier", rule).unwrap_or_default();
        if self.wrong.is_empty()
            && let Err(rule) = check_identifier(&identifier)
        {
            self.refuse("identifier", rule);
        }
        identifier
    }

    fn binding_types(&mut self) -> Vec<BindingType> {
        let offered: Vec<_> =
            BindingType::ALL.into_iter().filter(|kind| kind.is_available()).collect();
        let names: Vec<_> = offered.iter().map(|kind| kind.as_str()).collect();
        let rule = format!("must be an array of these, each at most once: {}", names.join(", "));
        let types: Vec<BindingType> =
            self.optional("required_binding_types", &rule).unwrap_or_default();
        let repeats = types.iter().enumerate().any(|(index, kind)| types[..index].contains(kind));
        if repeats || !types.iter().all(|kind| offered.contains(kind)) {
            self.refuse("required_binding_types", rule);
        }
        types
    }

    fn seconds(&mut self, member: &str) -> Option<u64> {
        let rule = format!("must be a number of seconds from 1 to {MAX_LIFETIME}");
        let seconds = self.optional(member, &rule)?;
        if !(1..=MAX_LIFETIME).contains(&seconds) {
            self.refuse(member, rule);
        }
        Some(seconds)
    }

    /// All that is wrong, also that a member is not known.
    fn finish(mut self) -> Vec<InvalidDeclaration> {
        for name in std::mem::take(&mut self.members).into_iter().map(|(name, _)| name) {
            self.refuse(&name, "is no member of a resource");
        }
        self.wrong
    }
}

fn expected_acr() -> String {
    let names: Vec<_> = Acr::ALL.iter().map(|acr| acr.as_str()).collect();
    format!("must be one that a login here can reach: {}", names.join(", "))
}

/// RFC 8707 section 2; and whoever answers at the identifier gets tokens, so it must not be anybody on the way.
fn check_identifier(identifier: &str) -> Result<(), String> {
    let key = ResourceKey::of(identifier).map_err(|error| error.to_string())?;
    if identifier.len() > MAX_IDENTIFIER {
        return Err(format!("must have at most {MAX_IDENTIFIER} characters"));
    }
    let url = Url::parse(key.as_str()).map_err(|error| error.to_string())?;
    match url.scheme() {
        "https" | "urn" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        _ => Err("must be an https URI or a URN; http is for this very machine only".into()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A scope, written as a list of its words.
#[derive(Default)]
struct Words(Scope);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_words(deserializer).map(Self)
    }
}

pub(super) fn serialize_words<S: Serializer>(
    scope: &Scope,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(scope.words())
}

pub(super) fn deserialize_words<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Scope, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        List(Vec<String>),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Text(text) => text,
        Written::List(words) if words.iter().any(|word| word.is_empty() || word.contains(' ')) => {
            return Err(serde::de::Error::custom(MalformedScope));
        }
        Written::List(words) => words.join(" "),
    };
    Scope::parse(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::AccessTokenFormat;

    fn read(value: Value) -> Result<Resource, Vec<String>> {
        let Value::Object(members) = value else { panic!("no object") };
        Resource::from_members(members)
            .map_err(|wrong| wrong.into_iter().map(|each| each.member).collect())
    }

    fn refused(more: Value) -> Vec<String> {
        let mut members = json!({ "identifier": "https://api.example" });
        let Value::Object(more) = more else { panic!("no object") };
        members.as_object_mut().unwrap().extend(more);
        read(members).unwrap_err()
    }

    fn full() -> Resource {
        read(json!({
            "identifier": "https://api.example/v1",
            "name": "Orders",
            "scopes": ["write", "read"],
            "required_binding_types": ["dpop", "certificate"],
            "access_token_format": "jwt",
            "access_token_lifetime": 300,
            "acr": "pwd",
            "max_age": 3600,
            "client_id": "orders",
        }))
        .unwrap()
    }

    #[test]
    fn reads_every_member_and_writes_it_again() {
        let resource = full();
        assert_eq!(resource.scopes, Scope::parse("read write").unwrap());
        assert_eq!(resource.access_token_format, Some(AccessTokenFormat::Jwt));
        let written = serde_json::to_value(&resource).unwrap();
        assert_eq!(written["scopes"], json!(["read", "write"]));
        let names: Vec<_> = written.as_object().unwrap().keys().map(String::as_str).collect();
        let mut known = Resource::MEMBERS.map(|(name, _)| name);
        known.sort_unstable();
        let mut names = names;
        names.sort_unstable();
        assert_eq!(names, known);
        assert_eq!(read(written), Ok(resource));
    }

    #[test]
    fn a_change_leaves_the_rest_and_null_takes_away() {
        let changes = json!({ "max_age": null, "scopes": "read", "name": "Mail" });
        let after = full().changed_by(changes.as_object().unwrap().clone()).unwrap();
        let expected = Resource {
            max_age: None,
            scopes: Scope::parse("read").unwrap(),
            name: Some("Mail".into()),
            ..full()
        };
        assert_eq!(after, expected);
    }

    #[test]
    fn identifiers_are_https_or_urns_and_http_is_for_this_machine() {
        for identifier in [
            "https://api.example",
            "urn:example:api",
            "http://localhost:8080/api",
            "http://127.0.0.1",
            "http://[::1]:80/",
        ] {
            assert!(read(json!({ "identifier": identifier })).is_ok(), "{identifier}");
        }
        let long = format!("https://api.example/{}", "a".repeat(MAX_IDENTIFIER));
        for identifier in [
            "",
            "api",
            "https://api.example/#top",
            "http://api.example",
            "http://localhost.example",
            "javascript:alert(1)",
            "data:text/plain,x",
            "https://a b/",
            &long,
        ] {
            let refused = read(json!({ "identifier": identifier }));
            assert_eq!(refused, Err(vec!["identifier".into()]), "{identifier}");
        }
        assert_eq!(read(json!({})), Err(vec!["identifier".into()]));
        assert_eq!(read(json!({ "identifier": 7 })), Err(vec!["identifier".into()]));
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_its_name() {
        for (member, value) in [
            ("name", json!(1)),
            ("scopes", json!(["a b"])),
            ("scopes", json!("a\"b")),
            ("scopes", json!([1])),
            ("required_binding_types", json!(["dpop", "dpop"])),
            ("required_binding_types", json!(["token"])),
            ("required_binding_types", json!("dpop")),
            ("access_token_format", json!("paseto")),
            ("access_token_lifetime", json!(0)),
            ("access_token_lifetime", json!(u64::MAX)),
            ("acr", json!("phr")),
            ("max_age", json!(0)),
            ("max_age", json!("1h")),
            ("client_id", json!(["a"])),
            ("lifetime", json!(1)),
        ] {
            assert_eq!(refused(json!({ member: value })), [member], "{member} {value}");
        }
        let several = refused(json!({ "acr": "phr", "max_age": 0 }));
        assert_eq!(several, ["acr", "max_age"]);
    }
}
