//! `private_key_jwt`: a client authenticates by an assertion that it signs (RFC 7523 sections 2.2 and 3, OpenID
//! Connect Core section 9).

use serde_json::{Map, Value};
use tokenbind_binding::{ClaimOutcome, ClientId, JtiClaim, Timestamp, jws::UnverifiedJws};

use super::{ClientEvidence, Shown, invalid_client, invalid_request};
use crate::{
    application::Application,
    endpoint::Endpoint,
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
    settings::{ClientAuthMethod, FapiProfile},
    signed_times::SignedTimes,
};

/// The one `client_assertion_type` (RFC 7523 section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Seconds that an assertion may have left to live. RFC 7523 section 3: "The authorization server may reject
/// JWTs with an \"exp\" claim value that is unreasonably far in the future"; its `jti` is kept that long.
const MAX_LIFETIME: u64 = 3600;

/// The longest `jti`, in bytes.
const MAX_JTI_BYTES: usize = 1024;

/// What a request shows of an assertion; `None` if nothing.
pub(super) fn read(evidence: ClientEvidence<'_>) -> Result<Option<Shown<'_>>, OAuthError> {
    let form = evidence.form;
    let (kind, assertion) = (form.get("client_assertion_type"), form.get("client_assertion"));
    if kind.is_none() && assertion.is_none() {
        return Ok(None);
    }
    // RFC 6749 section 2.3: "The client MUST NOT use more than one authentication method in each request".
    if evidence.authorization.is_some() || form.get("client_secret").is_some() {
        return Err(invalid_request(
            "the client must authenticate in one way, but sent client_assertion and a secret",
        ));
    }
    if kind != Some(ASSERTION_TYPE) {
        return Err(invalid_client(format!("client_assertion_type must be {ASSERTION_TYPE}")));
    }
    let assertion =
        assertion.ok_or_else(|| invalid_client("the parameter client_assertion is missing"))?;
    // RFC 7521 section 4.2: client_id is "unnecessary for client assertion authentication because the client is
    // identified by the subject within the assertion", but "MUST identify the same client" if present.
    let client_id = match form.get("client_id") {
        Some(client_id) => client_id.to_owned(),
        None => subject_of(assertion)?,
    };
    Ok(Some(Shown {
        client_id: client_id.into(),
        secret: None,
        assertion: Some(assertion),
        method: ClientAuthMethod::PrivateKeyJwt,
    }))
}

/// Whose keys to try; the signature tells whether that is right.
fn subject_of(assertion: &str) -> Result<String, OAuthError> {
    let jws = UnverifiedJws::parse(assertion).map_err(|error| refuse(&error.to_string()))?;
    jws.unverified_claim("sub")
        .map(Into::into)
        .ok_or_else(|| refuse("its sub must be the client_id"))
}

/// The client that a request names by an assertion alone, as far as that can be read.
pub(crate) fn named_by_assertion(evidence: ClientEvidence<'_>) -> Option<String> {
    evidence.form.get("client_assertion").and_then(|assertion| subject_of(assertion).ok())
}

impl Issuer {
    /// Checks an assertion of the application, and claims it: each is good once.
    ///
    /// # Errors
    /// `invalid_client`.
    pub(super) async fn check_assertion(
        &self,
        application: &Application,
        assertion: &str,
        called: Endpoint,
    ) -> Result<(), OAuthError> {
        let settings = &application.settings;
        let jws = UnverifiedJws::parse(assertion).map_err(|error| refuse(&error.to_string()))?;
        let registered = settings.token_endpoint_auth_signing_alg;
        let claims = self
            .verify_signed_by(settings, &jws, registered)
            .await
            .map_err(|error| error.into_error(ErrorCode::InvalidClient))?;
        check_parties(&claims, &application.client_id)?;
        let accepted = Audiences::of(self, settings.fapi(), called);
        accepted.check(claims.get("aud"))?;
        let now = self.now().timestamp();
        let expires_at = check_times(&claims, now).map_err(|rule| refuse(&rule))?;
        let jti = read_jti(&claims)?;
        let claim = JtiClaim::of_assertion(&application.client_id, jti, expires_at);
        match self.store.claim_jti(claim).await? {
            ClaimOutcome::First => Ok(()),
            // RFC 7523 section 3: "The authorization server MAY ensure that JWTs are not replayed".
            ClaimOutcome::Replayed => Err(refuse("it was used before, and each is good once")),
        }
    }
}

fn refuse(rule: &str) -> OAuthError {
    invalid_client(format!("the client assertion was refused: {rule}"))
}

/// RFC 7523 section 3, items 1 and 2 (with its subsection B): issuer and subject are the client.
fn check_parties(claims: &Map<String, Value>, client_id: &ClientId) -> Result<(), OAuthError> {
    for name in ["iss", "sub"] {
        if claims.get(name).and_then(Value::as_str) != Some(client_id.as_str()) {
            return Err(refuse(&format!("its {name} must be the client_id")));
        }
    }
    Ok(())
}

/// Whom an assertion may be meant for (RFC 7523 section 3, item 3).
struct Audiences {
    urls: Vec<String>,
    /// FAPI 2.0 Security Profile section 5.3.2.1: nothing but the issuer, and as a string.
    text_only: bool,
}

impl Audiences {
    fn of(issuer: &Issuer, profile: FapiProfile, called: Endpoint) -> Self {
        let config = issuer.config();
        let mut urls = vec![config.issuer.clone()];
        let text_only = profile.is_on();
        if !text_only {
            // OpenID Connect Core section 9: "The Audience SHOULD be the URL of the Authorization Server's Token
            // Endpoint."
            urls.extend(Endpoint::Token.urls(config));
            urls.extend(called.urls(config));
        }
        Self { urls, text_only }
    }

    fn check(&self, audience: Option<&Value>) -> Result<(), OAuthError> {
        let is_here = |value: &Value| {
            value.as_str().is_some_and(|value| self.urls.iter().any(|url| url == value))
        };
        let fits = match audience {
            Some(Value::Array(values)) if !self.text_only => values.iter().any(is_here),
            Some(value) => is_here(value),
            None => false,
        };
        if fits {
            return Ok(());
        }
        Err(refuse(if self.text_only {
            "its aud must be the issuer, as a string"
        } else {
            "its aud must be the issuer, the token endpoint or the endpoint that is called"
        }))
    }
}

/// RFC 7523 section 3, items 4 to 6. Until when the assertion would be good.
fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, String> {
    let times = SignedTimes::read(claims)?;
    let expires_at = times.expires_at.ok_or("it must have exp")?;
    times.check(now)?;
    if expires_at > now.plus(MAX_LIFETIME + SignedTimes::SKEW) {
        return Err(format!("its exp must be at most {MAX_LIFETIME} seconds ahead"));
    }
    Ok(expires_at.plus(SignedTimes::SKEW))
}

/// OpenID Connect Core section 9: jti is REQUIRED.
fn read_jti(claims: &Map<String, Value>) -> Result<&str, OAuthError> {
    let jti = claims.get("jti").and_then(Value::as_str).filter(|jti| !jti.is_empty());
    let jti = jti.ok_or_else(|| refuse("it must have a jti"))?;
    if jti.len() > MAX_JTI_BYTES {
        return Err(refuse(&format!("its jti must have at most {MAX_JTI_BYTES} bytes")));
    }
    Ok(jti)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    fn claims(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            other => panic!("no object: {other}"),
        }
    }

    #[test]
    fn rfc7523_section_3_an_assertion_expires_within_the_hour() {
        let until = |exp: u64| check_times(&claims(json!({ "exp": exp })), NOW);
        assert_eq!(until(1_000_060), Ok(Timestamp::from_secs(1_000_070)));
        assert!(until(1_003_600).is_ok());
        assert!(until(1_003_611).is_err());
        assert!(until(999_700).is_err());
        assert!(check_times(&claims(json!({})), NOW).is_err(), "without exp");
    }

    #[test]
    fn fapi2_security_profile_section_5_3_2_1_aud_is_the_issuer_as_a_string() {
        let strict = Audiences { urls: vec!["https://as.example".into()], text_only: true };
        assert!(strict.check(Some(&json!("https://as.example"))).is_ok());
        for other in [
            json!(["https://as.example"]),
            json!("https://as.example/"),
            json!("https://as.example/oauth2/token"),
            json!(1),
        ] {
            assert!(strict.check(Some(&other)).is_err(), "{other}");
        }
        assert!(strict.check(None).is_err());
        let lenient = Audiences { text_only: false, ..strict };
        assert!(lenient.check(Some(&json!(["https://x.example", "https://as.example"]))).is_ok());
        assert!(lenient.check(Some(&json!([]))).is_err());
    }

    #[test]
    fn openid_core_section_9_an_assertion_has_a_jti() {
        let of = |value: Value| read_jti(&claims(value)).is_ok();
        assert!(of(json!({ "jti": "a" })));
        for other in [json!({}), json!({ "jti": "" }), json!({ "jti": 1 })] {
            assert!(!of(other.clone()), "{other}");
        }
        assert!(!of(json!({ "jti": "a".repeat(MAX_JTI_BYTES + 1) })));
    }
}
