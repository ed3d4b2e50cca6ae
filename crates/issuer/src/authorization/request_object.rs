//! Request objects: authorization requests that the application signs (RFC 9101, OpenID Connect Core section 6).

use serde_json::{Map, Value};
use tokenbind_binding::{ClientId, Timestamp, jws::UnverifiedJws};
use url::form_urlencoded;

use super::error::{AuthorizationError, AuthorizationErrorCode};
use crate::{application::Application, issuer::Issuer, signed_times::SignedTimes};

/// The claims of the JWT itself, which are no parameters (RFC 7519 section 4.1).
const JWT_CLAIMS: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

/// Seconds that a signed request may live, and may be old (FAPI 2.0 Message Signing section 5.3.1: the server "shall
/// require the request object to contain an exp claim that has a lifetime of no longer than 60 minutes after
/// the nbf claim" and "an nbf claim that is no longer than 60 minutes in the past").
const HOUR: u64 = 3600;

/// Why a request object is not believed.
#[derive(Debug)]
pub(super) struct BadRequestObject {
    /// What is told.
    pub(super) error: AuthorizationError,
    /// What the operator should know beyond that.
    pub(super) log: Option<String>,
}

impl BadRequestObject {
    fn new(rule: impl std::fmt::Display) -> Self {
        let description = format!("the request object was refused: {rule}");
        let code = AuthorizationErrorCode::InvalidRequestObject;
        Self { error: AuthorizationError::new(code, description), log: None }
    }
}

impl Issuer {
    /// The parameters in an object that the application signed, in `application/x-www-form-urlencoded`. RFC 9101
    /// section 6.3: the server "MUST only use the parameters in the Request Object".
    pub(super) async fn read_request_object(
        &self,
        application: &Application,
        object: &str,
    ) -> Result<String, BadRequestObject> {
        let settings = &application.settings;
        let jws = UnverifiedJws::parse(object).map_err(BadRequestObject::new)?;
        refuse_unsigned(&jws)?;
        check_type(&jws)?;
        let registered = settings.request_object_signing_alg;
        let claims = self.verify_signed_by(settings, &jws, registered).await.map_err(|error| {
            BadRequestObject { log: error.log, ..BadRequestObject::new(error.description) }
        })?;
        check_parties(&claims, &application.client_id, &self.config.issuer)?;
        let must_expire = settings.fapi().signs_messages();
        check_times(&claims, must_expire, self.now().timestamp()).map_err(BadRequestObject::new)?;
        parameters_of(&claims, &application.client_id)
    }
}

/// OpenID Connect Core section 6.1 has objects that are not signed, which prove nothing. They are not offered,
/// rather than ignored.
fn refuse_unsigned(jws: &UnverifiedJws<'_>) -> Result<(), BadRequestObject> {
    if jws.header_text("alg") == Some("none") {
        let error = AuthorizationError::new(
            AuthorizationErrorCode::RequestNotSupported,
            "this server takes request objects only if they are signed",
        );
        return Err(BadRequestObject { error, log: None });
    }
    Ok(())
}

/// RFC 9101 section 10.8: a JWT for something else is no request.
fn check_type(jws: &UnverifiedJws<'_>) -> Result<(), BadRequestObject> {
    let typ = jws.header("typ").map(|typ| typ.as_str().unwrap_or_default().to_ascii_lowercase());
    let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    match typ {
        None | Some("jwt" | "oauth-authz-req+jwt") => Ok(()),
        Some(_) => Err(BadRequestObject::new("its typ must be oauth-authz-req+jwt")),
    }
}

/// RFC 9101 section 4.
fn check_parties(
    claims: &Map<String, Value>,
    client_id: &ClientId,
    issuer: &str,
) -> Result<(), BadRequestObject> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(client_id.as_str()) {
        return Err(BadRequestObject::new("its iss must be the client_id"));
    }
    let for_us = match claims.get("aud") {
        Some(Value::Array(values)) => values.iter().any(|value| value == issuer),
        Some(value) => value == issuer,
        None => false,
    };
    if !for_us {
        return Err(BadRequestObject::new("its aud must be the issuer"));
    }
    // RFC 9101 section 10.8: an assertion that authenticates the client is no request.
    if text("sub") == Some(client_id.as_str()) {
        return Err(BadRequestObject::new("its sub must not be the client_id"));
    }
    // RFC 9101 section 5: "Client ID values in the client_id request parameter and in the Request Object client_id
    // claim MUST be identical."
    if claims.get("client_id").is_some_and(|inner| inner != client_id.as_str()) {
        return Err(BadRequestObject::new("its client_id must be that of the application"));
    }
    // RFC 9101 section 4.
    match ["request", "request_uri"].into_iter().find(|name| claims.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(BadRequestObject::new(format!("it must not have {name}"))),
    }
}

fn check_times(
    claims: &Map<String, Value>,
    must_expire: bool,
    now: Timestamp,
) -> Result<(), String> {
    let times = SignedTimes::read(claims)?;
    times.check(now)?;
    if !must_expire {
        return Ok(());
    }
    let expires_at = times.expires_at.ok_or("it must have exp")?;
    let not_before = times.not_before.ok_or("it must have nbf")?;
    if expires_at > not_before.plus(HOUR) {
        return Err("its exp must be at most 60 minutes after its nbf".into());
    }
    if now > not_before.plus(HOUR) {
        return Err("its nbf must be at most 60 minutes old".into());
    }
    Ok(())
}

/// The parameters of the request. Only `claims` is an object (OpenID Connect Core section 6.1), and only `resource` can
/// be an array (RFC 8707 section 2.1); what else is neither text nor a number nor a truth value is refused
/// rather than dropped.
fn parameters_of(
    claims: &Map<String, Value>,
    client_id: &ClientId,
) -> Result<String, BadRequestObject> {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    parameters.append_pair("client_id", client_id.as_str());
    let ours = |name: &str| name == "client_id" || JWT_CLAIMS.contains(&name);
    for (name, value) in claims.iter().filter(|(name, _)| !ours(name)) {
        match value {
            Value::Null => {}
            // RFC 6749 section 3.1: without a value it counts as omitted.
            Value::String(text) if text.is_empty() => {}
            Value::String(text) => {
                parameters.append_pair(name, text);
            }
            Value::Number(_) | Value::Bool(_) => {
                parameters.append_pair(name, &value.to_string());
            }
            Value::Object(_) if name == "claims" => {
                parameters.append_pair(name, &value.to_string());
            }
            Value::Array(values) if name == "resource" && values.iter().all(Value::is_string) => {
                let texts = values.iter().filter_map(Value::as_str);
                parameters.extend_pairs(texts.map(|text| (name, text)));
            }
            Value::Object(_) | Value::Array(_) => {
                return Err(BadRequestObject::new(format!("its {name} must be text")));
            }
        }
    }
    Ok(parameters.finish())
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(100_000);

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            other => panic!("no object: {other}"),
        }
    }

    fn parties(more: Value) -> bool {
        let mut claims = object(json!({ "iss": "app", "aud": "https://as.example" }));
        claims.extend(object(more));
        check_parties(&claims, &"app".into(), "https://as.example").is_ok()
    }

    fn typed(header: &Value) -> bool {
        let jws = format!("{}.e30.", URL_SAFE_NO_PAD.encode(header.to_string()));
        check_type(&UnverifiedJws::parse(&jws).unwrap()).is_ok()
    }

    #[test]
    fn rfc9101_section_10_8_a_jwt_of_another_type_is_refused() {
        for typ in ["oauth-authz-req+jwt", "JWT", "jwt", "application/oauth-authz-req+jwt"] {
            assert!(typed(&json!({ "typ": typ })), "{typ}");
        }
        assert!(typed(&json!({})));
        for typ in [json!("at+jwt"), json!("dpop+jwt"), json!(""), json!(1)] {
            assert!(!typed(&json!({ "typ": typ })), "{typ}");
        }
    }

    #[test]
    fn rfc9101_section_4_the_object_is_by_the_client_for_this_server() {
        assert!(parties(json!({})));
        assert!(parties(json!({ "aud": ["https://x.example", "https://as.example"] })));
        assert!(parties(json!({ "client_id": "app", "sub": "u1" })));
        for wrong in [
            json!({ "iss": "other" }),
            json!({ "iss": 1 }),
            json!({ "aud": "https://other.example" }),
            json!({ "aud": [] }),
            json!({ "aud": null }),
            json!({ "client_id": "other" }),
            json!({ "client_id": 1 }),
            json!({ "request": "x" }),
            json!({ "request_uri": "x" }),
        ] {
            assert!(!parties(wrong.clone()), "{wrong}");
        }
    }

    #[test]
    fn rfc9101_section_10_8_a_client_assertion_is_no_request() {
        assert!(!parties(json!({ "sub": "app" })));
    }

    #[test]
    fn fapi2_message_signing_section_5_3_1_a_request_is_young_and_lives_briefly() {
        let check = |claims: Value| check_times(&object(claims), true, NOW);
        assert!(check(json!({ "nbf": 100_008, "exp": 100_300 })).is_ok(), "8 seconds ahead");
        assert!(check(json!({ "nbf": 99_990, "exp": 103_590 })).is_ok());
        for (claims, fault) in [
            (json!({ "exp": 100_300 }), "no nbf"),
            (json!({ "nbf": 100_000 }), "no exp"),
            (json!({ "nbf": 99_990, "exp": 103_591 }), "lives too long"),
            (json!({ "nbf": 96_399, "exp": 99_999 }), "too old"),
            (json!({ "nbf": 99_000, "exp": 99_700 }), "expired"),
            (json!({ "nbf": 100_060, "exp": 100_300 }), "not yet"),
        ] {
            assert!(check(claims).is_err(), "{fault}");
        }
        assert!(check_times(&object(json!({})), false, NOW).is_ok(), "elsewhere they are optional");
        assert!(check_times(&object(json!({ "exp": 99_000 })), false, NOW).is_err());
    }

    fn parameters(claims: Value) -> Result<String, AuthorizationErrorCode> {
        parameters_of(&object(claims), &"app".into()).map_err(|bad| bad.error.code)
    }

    #[test]
    fn openid_core_section_6_1_members_become_parameters() {
        let read = parameters(json!({
            "iss": "app", "aud": "a", "exp": 1, "nbf": 1, "iat": 1, "jti": "x", "client_id": "app",
            "state": "a&b=c", "max_age": 60, "x": true, "y": null, "z": "", "claims": { "id_token": { "acr": null } },
        }));
        let expected = "client_id=app&claims=%7B%22id_token%22%3A%7B%22acr%22%3Anull%7D%7D&max_age=60\
                        &state=a%26b%3Dc&x=true";
        assert_eq!(read.as_deref(), Ok(expected));
    }

    #[test]
    fn rfc8707_section_2_1_resources_are_one_text_or_an_array() {
        let read = parameters(json!({ "resource": ["https://a/", "urn:b"] }));
        assert_eq!(
            read.as_deref(),
            Ok("client_id=app&resource=https%3A%2F%2Fa%2F&resource=urn%3Ab")
        );
        let read = parameters(json!({ "resource": "https://a/" }));
        assert_eq!(read.as_deref(), Ok("client_id=app&resource=https%3A%2F%2Fa%2F"));
        for resource in [json!([1]), json!(["urn:a", ["urn:b"]]), json!({ "a": "b" })] {
            let refused = parameters(json!({ "resource": resource }));
            assert_eq!(refused, Err(AuthorizationErrorCode::InvalidRequestObject));
        }
    }

    #[test]
    fn what_is_no_text_is_refused_and_never_dropped() {
        for claims in [json!({ "prompt": ["login"] }), json!({ "scope": {} }), json!({ "z": [1] })]
        {
            let refused = parameters(claims.clone());
            assert_eq!(refused, Err(AuthorizationErrorCode::InvalidRequestObject), "{claims}");
        }
    }
}
