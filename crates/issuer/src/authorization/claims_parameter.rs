//! The parameter `claims` (OpenID Connect Core section 5.5).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::{AuthorizationError, AuthorizationErrorCode};
use crate::login::{Acr, RequestedClaims};

/// The longest parameter that is read, in bytes: its names are kept with the grant.
const MAX_BYTES: usize = 4096;

/// What an application asks for claim by claim.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct ClaimsParameter {
    /// By name, for the ID token and for userinfo.
    pub(super) names: RequestedClaims,
    /// The `sub` that it has to be; all of them, where there are several.
    pub(super) subjects: Vec<String>,
}

/// The claims that are asked for in one place, by name.
type Wishes = BTreeMap<String, Wish>;

/// How a claim is asked for (section 5.5.1).
#[derive(Default)]
struct Wish {
    essential: bool,
    value: Option<Value>,
    values: Option<Vec<Value>>,
}

impl Wish {
    fn values(&self) -> impl Iterator<Item = &Value> {
        self.value.iter().chain(self.values.iter().flatten())
    }
}

/// `None` if it is malformed. Members that are not known are ignored, as section 5.5 asks.
fn read_wishes(parameter: &Map<String, Value>, place: &str) -> Option<Wishes> {
    match parameter.get(place) {
        None | Some(Value::Null) => Some(Wishes::new()),
        Some(Value::Object(claims)) => {
            claims.iter().map(|(name, wish)| Some((name.clone(), read_wish(wish)?))).collect()
        }
        Some(_) => None,
    }
}

/// `null` asks for a claim in the default manner (section 5.5.1).
fn read_wish(wish: &Value) -> Option<Wish> {
    let members = match wish {
        Value::Null => return Some(Wish::default()),
        Value::Object(members) => members,
        _ => return None,
    };
    let essential = members.get("essential").map_or(Some(false), Value::as_bool)?;
    let values = match members.get("values") {
        None => None,
        Some(values) => Some(values.as_array()?.clone()),
    };
    let value = members.get("value").filter(|value| !value.is_null()).cloned();
    Some(Wish { essential, value, values })
}

impl ClaimsParameter {
    /// Reads the parameter: a JSON object.
    ///
    /// # Errors
    /// `invalid_request`, or `unmet_authentication_requirements` for an essential `acr` that this
    /// server cannot give.
    pub(super) fn parse(json: &str) -> Result<Self, AuthorizationError> {
        if json.len() > MAX_BYTES {
            let description = format!("claims must have at most {MAX_BYTES} bytes");
            return Err(AuthorizationError::invalid_request(description));
        }
        let parameter = serde_json::from_str(json).ok();
        let both = parameter.as_ref().and_then(|parameter| {
            Some((read_wishes(parameter, "id_token")?, read_wishes(parameter, "userinfo")?))
        });
        let (id_token, userinfo) =
            both.ok_or_else(|| AuthorizationError::invalid_request(EXPECTED))?;
        check_acr(&id_token)?;
        let subjects = subjects(&id_token)?.into_iter().chain(subjects(&userinfo)?).collect();
        let names = RequestedClaims {
            id_token: id_token.into_keys().collect(),
            userinfo: userinfo.into_keys().collect(),
        };
        Ok(Self { names, subjects })
    }
}

const EXPECTED: &str = "claims must be a JSON object with id_token and userinfo, each with a member for \
                        each claim: null, or an object of essential, value and values";

/// Section 5.5.1.1: an essential `acr` with values has to be one of them, or the authentication fails.
fn check_acr(wishes: &Wishes) -> Result<(), AuthorizationError> {
    let Some(wish) = wishes.get("acr") else { return Ok(()) };
    let given = |value: &Value| Acr::ALL.into_iter().any(|acr| value == acr.as_str());
    let mut wanted = wish.values().peekable();
    if !wish.essential || wanted.peek().is_none() || wanted.any(given) {
        return Ok(());
    }
    Err(AuthorizationError::new(
        AuthorizationErrorCode::UnmetAuthenticationRequirements,
        "this server cannot authenticate the user in any of the ways that acr asks for",
    ))
}

/// Section 5.5.1: `sub` with a value asks for this user and no other.
fn subjects(wishes: &Wishes) -> Result<Vec<String>, AuthorizationError> {
    let Some(wish) = wishes.get("sub") else { return Ok(Vec::new()) };
    let malformed = || AuthorizationError::invalid_request("claims: sub must be one string");
    match (&wish.value, &wish.values) {
        (None, None) => Ok(Vec::new()),
        (Some(Value::String(subject)), None) => Ok(vec![subject.clone()]),
        (None, Some(values)) => match &values[..] {
            [Value::String(subject)] => Ok(vec![subject.clone()]),
            _ => Err(malformed()),
        },
        _ => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(json: &str) -> AuthorizationErrorCode {
        ClaimsParameter::parse(json).unwrap_err().code
    }

    #[test]
    fn openid_core_section_5_5_the_names_are_kept_for_each_place() {
        // The example of section 5.5.
        let json = r#"{
            "userinfo": {
                "given_name": {"essential": true},
                "nickname": null,
                "email": {"essential": true},
                "email_verified": {"essential": true},
                "picture": null,
                "http://example.info/claims/groups": null
            },
            "id_token": {
                "auth_time": {"essential": true},
                "acr": {"values": ["urn:mace:incommon:iap:silver"]}
            }
        }"#;
        let read = ClaimsParameter::parse(json).unwrap();
        assert_eq!(read.names.id_token, ["acr", "auth_time"]);
        let userinfo = [
            "email",
            "email_verified",
            "given_name",
            "http://example.info/claims/groups",
            "nickname",
            "picture",
        ];
        assert_eq!(read.names.userinfo, userinfo);
        assert!(read.subjects.is_empty());
    }

    #[test]
    fn openid_core_section_5_5_members_that_are_not_known_are_ignored() {
        let read = ClaimsParameter::parse(r#"{"x": 1, "userinfo": {"name": {"y": 2}}}"#).unwrap();
        assert_eq!(read.names.userinfo, ["name"]);
        assert_eq!(ClaimsParameter::parse("{}"), Ok(ClaimsParameter::default()));
        assert!(ClaimsParameter::parse(r#"{"userinfo": null}"#).is_ok());
    }

    #[test]
    fn openid_core_section_5_5_malformed_claims_are_refused() {
        let long = format!(r#"{{"userinfo": {{"{}": null}}}}"#, "a".repeat(MAX_BYTES));
        let malformed = [
            "",
            "name",
            "[]",
            r#""userinfo""#,
            r#"{"userinfo": ["name"]}"#,
            r#"{"userinfo": {"name": true}}"#,
            r#"{"userinfo": {"name": {"essential": "yes"}}}"#,
            r#"{"userinfo": {"name": {"values": "x"}}}"#,
            r#"{"userinfo": {"name": [true]}}"#,
            r#"{"userinfo": {}} x"#,
            &long,
        ];
        for json in malformed {
            assert_eq!(code_of(json), AuthorizationErrorCode::InvalidRequest, "{json}");
        }
    }

    #[test]
    fn openid_core_section_5_5_1_1_an_essential_acr_that_cannot_be_given_is_unmet() {
        for wish in [r#""value": "phr""#, r#""values": ["phr", 1]"#] {
            let json = format!(r#"{{"id_token": {{"acr": {{"essential": true, {wish}}}}}}}"#);
            let code = code_of(&json);
            assert_eq!(code, AuthorizationErrorCode::UnmetAuthenticationRequirements, "{json}");
        }
    }

    #[test]
    fn openid_core_section_5_5_1_1_an_acr_that_can_be_given_or_is_voluntary_is_fine() {
        let wishes = [
            r#"{"essential": true}"#,
            r#"{"essential": true, "value": "pwd"}"#,
            r#"{"essential": true, "values": ["phr", "pwd"]}"#,
            r#"{"essential": true, "values": []}"#,
            r#"{"value": "phr"}"#,
            "null",
        ];
        for wish in wishes {
            let json = format!(r#"{{"id_token": {{"acr": {wish}}}}}"#);
            assert!(ClaimsParameter::parse(&json).is_ok(), "{json}");
        }
    }

    #[test]
    fn openid_core_section_5_5_1_sub_with_a_value_names_the_user() {
        let json =
            r#"{"id_token": {"sub": {"value": "u1"}}, "userinfo": {"sub": {"values": ["u2"]}}}"#;
        assert_eq!(ClaimsParameter::parse(json).unwrap().subjects, ["u1", "u2"]);
        assert!(
            ClaimsParameter::parse(r#"{"id_token": {"sub": null}}"#).unwrap().subjects.is_empty()
        );
        for wish in [r#""value": 7"#, r#""values": ["u1", "u2"]"#, r#""values": []"#] {
            let json = format!(r#"{{"id_token": {{"sub": {{{wish}}}}}}}"#);
            assert_eq!(code_of(&json), AuthorizationErrorCode::InvalidRequest, "{json}");
        }
    }
}
