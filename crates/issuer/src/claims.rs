//! Claims about users (OpenID Connect Core section 5): which there are, what each holds, and which ones an
//! application is told.

use serde_json::{Map, Value};
use tokenbind_binding::Timestamp;
use url::Url;

use crate::{scope::Scope, settings::Settings, user::User};

/// When the claims of a user last changed, in seconds since the Unix epoch.
const UPDATED_AT: &str = "updated_at";

/// What a standard claim holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Text,
    HttpUrl,
    Date,
    Boolean,
    Seconds,
    Address,
    Texts,
}

/// The standard claims (OpenID Connect Core section 5.1) and `groups`: the scope that gives them, and what
/// they hold.
const STANDARD: [(&str, &str, Kind); 20] = [
    ("name", "profile", Kind::Text),
    ("family_name", "profile", Kind::Text),
    ("given_name", "profile", Kind::Text),
    ("middle_name", "profile", Kind::Text),
    ("nickname", "profile", Kind::Text),
    ("preferred_username", "profile", Kind::Text),
    ("profile", "profile", Kind::HttpUrl),
    ("picture", "profile", Kind::HttpUrl),
    ("website", "profile", Kind::HttpUrl),
    ("gender", "profile", Kind::Text),
    ("birthdate", "profile", Kind::Date),
    ("zoneinfo", "profile", Kind::Text),
    ("locale", "profile", Kind::Text),
    (UPDATED_AT, "profile", Kind::Seconds),
    ("email", "email", Kind::Text),
    ("email_verified", "email", Kind::Boolean),
    ("address", "address", Kind::Address),
    ("phone_number", "phone", Kind::Text),
    ("phone_number_verified", "phone", Kind::Boolean),
    ("groups", "groups", Kind::Texts),
];

/// The scopes that mean something to this server. Applications may have others for their APIs.
pub const SCOPES: [&str; 7] =
    ["openid", "profile", "email", "address", "phone", "offline_access", "groups"];

/// The members of the claim `address` (OpenID Connect Core section 5.1.1).
const ADDRESS_MEMBERS: [&str; 6] =
    ["formatted", "street_address", "locality", "region", "postal_code", "country"];

/// What tokens say of themselves (RFC 9068 section 2.2, RFC 7800, RFC 8693, OpenID Connect Core section 2,
/// Back-Channel Logout section 2.4, and ours). Never a claim about a user.
const OWN_CLAIMS: [&str; 24] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "scope",
    "grant_id",
    "sid",
    "cnf",
    "act",
    "acr",
    "amr",
    "auth_time",
    "azp",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "events",
    "binding_type",
    "binding_ref",
];

/// A claim about a user that cannot be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{name}: {rule}")]
pub struct InvalidClaim {
    /// Which.
    pub name: String,
    /// What is expected of it.
    pub rule: &'static str,
}

/// Whether the server makes this claim by itself, so that no user can have it.
#[must_use]
pub fn is_own(name: &str) -> bool {
    OWN_CLAIMS.contains(&name)
}

/// The names of all standard claims.
pub fn standard_names() -> impl Iterator<Item = &'static str> {
    STANDARD.into_iter().map(|(name, ..)| name)
}

/// A claim's value from a command line: as it is where the claim holds text, else JSON; of a claim
/// that is not known, JSON if it is that.
#[must_use]
pub fn parse_value(name: &str, text: &str) -> Value {
    let json = serde_json::from_str(text).ok();
    let json = match kind_of(name) {
        Some(Kind::Text | Kind::HttpUrl | Kind::Date) => json.filter(Value::is_string),
        Some(Kind::Boolean | Kind::Seconds | Kind::Address | Kind::Texts) | None => json,
    };
    json.unwrap_or_else(|| text.into())
}

/// Whether a user can have these claims.
///
/// # Errors
/// [`InvalidClaim`] for one that the server makes, or that does not hold what it is to hold.
pub fn check(claims: &Map<String, Value>) -> Result<(), InvalidClaim> {
    claims.iter().try_for_each(|(name, value)| {
        check_one(name, value).map_err(|rule| InvalidClaim { name: name.clone(), rule })
    })
}

/// The claims as they are recorded at `now`, with the time of the change unless it comes along.
///
/// # Errors
/// As [`check`].
pub fn checked(
    mut claims: Map<String, Value>,
    now: Timestamp,
) -> Result<Map<String, Value>, InvalidClaim> {
    check(&claims)?;
    claims.entry(UPDATED_AT).or_insert_with(|| now.as_secs().into());
    Ok(claims)
}

/// Whether the recorded claims are those that are `wanted`, whenever they were recorded.
#[must_use]
pub fn are_recorded(wanted: &Map<String, Value>, recorded: &Map<String, Value>) -> bool {
    let dated = usize::from(!wanted.contains_key(UPDATED_AT) && recorded.contains_key(UPDATED_AT));
    recorded.len() == wanted.len() + dated
        && wanted.iter().all(|(name, value)| recorded.get(name) == Some(value))
}

/// What an application is told of a user by the scope of its token, and by the claims that it asked
/// for by name.
#[must_use]
pub fn released(
    user: &User,
    scope: &Scope,
    named: &[String],
    settings: &Settings,
) -> Map<String, Value> {
    let by_scope = STANDARD.into_iter().filter(|(_, of, _)| scope.contains(of));
    let by_scope = by_scope.map(|(name, ..)| name);
    let by_name = named.iter().map(String::as_str).filter(|name| may_name(settings, name));
    of_user(user, by_scope.chain(by_name))
}

/// The scope that gives the claim, if it is a standard one.
#[must_use]
pub fn scope_of(name: &str) -> Option<&'static str> {
    STANDARD.into_iter().find(|(standard, ..)| *standard == name).map(|(_, scope, _)| scope)
}

/// Those claims of a user that have one of the `names`.
pub fn of_user<'n>(user: &User, names: impl Iterator<Item = &'n str>) -> Map<String, Value> {
    names
        .filter(|name| !is_own(name))
        .filter_map(|name| user.claims.get(name).map(|value| (name.to_owned(), value.clone())))
        .collect()
}

/// Whether the application may ask for the claim by name: if it may ask for the claim's scope or, where
/// no scope gives it, if the claim is among those of its access tokens.
fn may_name(settings: &Settings, name: &str) -> bool {
    match scope_of(name) {
        Some(scope) => settings.scope.contains(scope),
        None => settings.access_token_claims.iter().any(|claim| claim == name),
    }
}

fn kind_of(name: &str) -> Option<Kind> {
    STANDARD.into_iter().find(|(standard, ..)| *standard == name).map(|(_, _, kind)| kind)
}

fn check_one(name: &str, value: &Value) -> Result<(), &'static str> {
    if is_own(name) {
        return Err("is made by the server and cannot be given to a user");
    }
    // OpenID Connect Core section 5.3.2: a claim "SHOULD NOT be present with a null or empty string value".
    if value.is_null() || value == "" {
        return Err("must not be empty; leave it out instead");
    }
    match kind_of(name) {
        None => Ok(()),
        Some(Kind::Text) if value.is_string() => Ok(()),
        Some(Kind::Text) => Err("must be text"),
        Some(Kind::HttpUrl) if value.as_str().is_some_and(is_http_url) => Ok(()),
        Some(Kind::HttpUrl) => Err("must be an http or https URL"),
        Some(Kind::Date) if value.as_str().is_some_and(is_date) => Ok(()),
        Some(Kind::Date) => Err("must be a date as YYYY-MM-DD, 0000-MM-DD or YYYY"),
        Some(Kind::Boolean) if value.is_boolean() => Ok(()),
        Some(Kind::Boolean) => Err("must be true or false"),
        Some(Kind::Seconds) if value.is_u64() => Ok(()),
        Some(Kind::Seconds) => Err("must be a number of seconds since 1970"),
        Some(Kind::Address) if is_address(value) => Ok(()),
        Some(Kind::Address) => Err("must be an object of texts under the names formatted, \
             street_address, locality, region, postal_code and country"),
        Some(Kind::Texts) if is_texts(value) => Ok(()),
        Some(Kind::Texts) => Err("must be a list of texts, such as [\"staff\"]"),
    }
}

fn is_http_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// OpenID Connect Core section 5.1: "ISO 8601-1 YYYY-MM-DD format", the year 0000 or alone.
fn is_date(text: &str) -> bool {
    let number = |part: &str, length: usize| {
        let digits = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse::<u32>().ok() } else { None }
    };
    match text.split('-').collect::<Vec<_>>()[..] {
        [year] => number(year, 4).is_some(),
        [year, month, day] => {
            number(year, 4).is_some()
                && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
                && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
        }
        _ => false,
    }
}

fn is_address(value: &Value) -> bool {
    value.as_object().is_some_and(|address| {
        !address.is_empty()
            && address.iter().all(|(name, value)| {
                ADDRESS_MEMBERS.contains(&name.as_str()) && value.is_string() && value != ""
            })
    })
}

fn is_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|texts| texts.iter().all(Value::is_string))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => panic!("not an object"),
        }
    }

    fn user(claims: Value) -> User {
        User {
            subject: "u1".into(),
            username: "alice".into(),
            password_hash: String::new(),
            claims: map(claims),
            locked: false,
        }
    }

    fn told(scope: &str, named: &[&str], settings: &Settings) -> Vec<String> {
        let user = user(json!({
            "name": "Alice", "email": "a@a.example", "email_verified": true, "sub": "mallory",
            "address": { "country": "NL" }, "phone_number": "+31", "groups": ["g"], "badge": 7,
        }));
        let named: Vec<_> = named.iter().map(|&name| name.to_owned()).collect();
        let claims = released(&user, &Scope::parse(scope).unwrap(), &named, settings);
        claims.keys().cloned().collect()
    }

    #[test]
    fn a_scope_gives_its_claims_and_no_others() {
        let settings = Settings::default();
        assert!(told("openid offline_access api", &[], &settings).is_empty());
        assert_eq!(told("openid profile", &[], &settings), ["name"]);
        assert_eq!(told("email", &[], &settings), ["email", "email_verified"]);
        let all = told("address phone groups", &[], &settings);
        assert_eq!(all, ["address", "groups", "phone_number"]);
    }

    #[test]
    fn a_claim_asked_for_by_name_is_told_where_the_application_may_ask_for_its_scope() {
        let settings = Settings::default();
        assert_eq!(told("openid", &["email", "phone_number"], &settings), ["email"]);
        let wide = Settings { scope: Scope::parse("openid phone").unwrap(), ..settings };
        assert_eq!(told("openid", &["email", "phone_number"], &wide), ["phone_number"]);
    }

    #[test]
    fn a_claim_of_no_scope_is_told_where_the_settings_name_it() {
        assert!(told("openid", &["badge"], &Settings::default()).is_empty());
        let settings =
            Settings { access_token_claims: vec!["badge".into()], ..Settings::default() };
        assert_eq!(told("openid", &["badge"], &settings), ["badge"]);
    }

    #[test]
    fn what_the_server_makes_never_comes_from_the_user() {
        let settings = Settings { access_token_claims: vec!["sub".into()], ..Settings::default() };
        assert!(told("openid", &["sub"], &settings).is_empty());
    }

    #[test]
    fn every_standard_claim_takes_what_it_is_to_hold() {
        let claims = map(json!({
            "name": "Alice Example", "family_name": "Example", "given_name": "Alice",
            "middle_name": "B", "nickname": "al", "preferred_username": "alice",
            "profile": "https://a.example/", "picture": "https://a.example/p.png",
            "website": "http://a.example", "gender": "female", "birthdate": "0000-03-31",
            "zoneinfo": "Europe/Amsterdam", "locale": "nl-NL", "updated_at": 5,
            "email": "a@a.example", "email_verified": false,
            "address": { "street_address": "1 Way", "country": "NL" },
            "phone_number": "+31 20 1234567", "phone_number_verified": true,
            "groups": ["staff", "ops"], "badge": 7,
        }));
        assert_eq!(standard_names().filter(|name| !claims.contains_key(*name)).count(), 0);
        assert_eq!(checked(claims.clone(), NOW), Ok(claims));
    }

    #[test]
    fn claims_that_hold_something_else_are_refused_by_name() {
        for (name, value) in [
            ("sub", json!("u2")),
            ("iss", json!("x")),
            ("events", json!({})),
            ("name", json!(7)),
            ("name", json!("")),
            ("name", json!(null)),
            ("badge", json!("")),
            ("website", json!("a.example")),
            ("picture", json!("javascript:alert(1)")),
            ("birthdate", json!("31-03-1990")),
            ("birthdate", json!("1990-13-01")),
            ("email_verified", json!("true")),
            ("phone_number_verified", json!(1)),
            ("updated_at", json!("2024-01-01")),
            ("address", json!("1 Way")),
            ("address", json!({ "planet": "Earth" })),
            ("address", json!({ "country": 31 })),
            ("groups", json!("staff")),
            ("groups", json!(["staff", 7])),
        ] {
            let refused = checked(map(json!({ name: value.clone() })), NOW).unwrap_err();
            assert_eq!(refused.name, name, "{value}");
        }
    }

    #[test]
    fn updated_at_is_kept_by_the_server_unless_it_comes_along() {
        assert_eq!(checked(Map::new(), NOW), Ok(map(json!({ "updated_at": 1_700_000_000 }))));
    }

    #[test]
    fn recorded_claims_are_compared_without_their_date_unless_that_is_wanted() {
        let wanted = map(json!({ "name": "Alice" }));
        let recorded = checked(wanted.clone(), NOW).unwrap();
        assert!(are_recorded(&wanted, &recorded));
        assert!(are_recorded(&wanted, &wanted));
        assert!(are_recorded(&recorded, &recorded));
        assert!(!are_recorded(&map(json!({})), &recorded));
        assert!(!are_recorded(&map(json!({ "name": "Bob" })), &recorded));
        assert!(!are_recorded(&map(json!({ "name": "Alice", "updated_at": 1 })), &recorded));
        assert!(!are_recorded(&map(json!({ "name": "Alice", "email": "a@b" })), &recorded));
    }

    #[test]
    fn a_command_line_gives_text_where_text_belongs() {
        assert_eq!(parse_value("phone_number", "112"), json!("112"));
        assert_eq!(parse_value("name", "\"Alice\""), json!("Alice"));
        assert_eq!(parse_value("nickname", "true"), json!("true"));
        assert_eq!(parse_value("email_verified", "true"), json!(true));
        assert_eq!(parse_value("email_verified", "yes"), json!("yes"));
        assert_eq!(parse_value("address", r#"{"country":"NL"}"#), json!({ "country": "NL" }));
        assert_eq!(parse_value("badge", "7"), json!(7));
        assert_eq!(parse_value("badge", "seven"), json!("seven"));
    }
}
