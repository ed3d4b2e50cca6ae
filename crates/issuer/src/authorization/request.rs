//! Authorization requests, read and checked (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2.1).

use std::collections::HashSet;

use tokenbind_binding::{GrantType, Thumbprint};

use super::{
    claims_parameter::ClaimsParameter,
    error::{AuthorizationError, AuthorizationErrorCode},
    prompt::Prompt,
};
use crate::{
    claims, form::Form, login::RequestedClaims, pkce::CodeChallenge, pushed_request::Provenance,
    resource::Wanted, scope::Scope, settings::Settings,
};

/// The longest `nonce` that is kept, in bytes.
const MAX_NONCE_BYTES: usize = 1024;

/// The longest `login_hint` that is shown, in bytes. A longer one is no name of anybody.
const MAX_HINT_BYTES: usize = 255;

/// A request for a code that breaks no rule. Parameters that change nothing here (`display`, `ui_locales`,
/// `claims_locales` and whatever is not known) are ignored (RFC 6749 section 3.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AuthorizationRequest<'a> {
    /// What is asked for, within what the application may ask for.
    pub(super) scope: Scope,
    /// `code_challenge`.
    pub(super) code_challenge: Option<CodeChallenge>,
    /// `nonce`, as it came.
    pub(super) nonce: Option<String>,
    /// `prompt`.
    pub(super) prompt: Prompt,
    /// `max_age`, in seconds.
    pub(super) max_age: Option<u64>,
    /// `login_hint`.
    pub(super) login_hint: Option<&'a str>,
    /// `id_token_hint`, not verified yet.
    pub(super) id_token_hint: Option<&'a str>,
    /// `claims`.
    pub(super) claims: ClaimsParameter,
    /// `dpop_jkt`: the key that the code is to be redeemed with (RFC 9449 section 10).
    pub(super) dpop_jkt: Option<Thumbprint>,
    /// `resource`, once it is known what it names: what the tokens are for.
    pub(super) target: Wanted,
}

impl<'a> AuthorizationRequest<'a> {
    /// Reads the parameters, as far as the application's settings allow them.
    ///
    /// # Errors
    /// The codes of RFC 6749 section 4.1.2.1 and OpenID Connect Core section 3.1.2.6.
    pub(super) fn read(
        parameters: &'a Form<'_>,
        settings: &Settings,
        provenance: Provenance,
    ) -> Result<Self, AuthorizationError> {
        refuse_nested_requests(parameters)?;
        check_provenance(settings, provenance)?;
        check_response_type(parameters.get("response_type"))?;
        check_grant(settings)?;
        Ok(Self {
            scope: read_scope(parameters.get("scope"), settings)?,
            code_challenge: read_challenge(parameters, settings)?,
            nonce: read_nonce(parameters.get("nonce"))?,
            prompt: parameters.get("prompt").map_or(Ok(Prompt::default()), Prompt::parse)?,
            max_age: parameters.get("max_age").map(read_max_age).transpose()?,
            login_hint: parameters.get("login_hint").filter(|hint| hint.len() <= MAX_HINT_BYTES),
            id_token_hint: parameters.get("id_token_hint"),
            claims: parameters
                .get("claims")
                .map_or(Ok(ClaimsParameter::default()), ClaimsParameter::parse)?,
            dpop_jkt: parameters.get("dpop_jkt").map(read_jkt).transpose()?,
            target: Wanted::default(),
        })
    }

    /// Seconds that the login may lie back, as the request or what it asks for has it.
    pub(super) fn max_age(&self) -> Option<u64> {
        [self.max_age, self.target.max_age()].into_iter().flatten().min()
    }

    /// What the user has to consent to: the scope, and for claims that are asked for by name the scopes
    /// that have them, so that no claim is told on the quiet.
    pub(super) fn scope_to_consent_to(&self, settings: &Settings) -> Scope {
        let RequestedClaims { id_token, userinfo } = &self.claims.names;
        let told: HashSet<_> =
            id_token.iter().chain(userinfo).filter_map(|name| claims::scope_of(name)).collect();
        let untold: Vec<_> = settings.scope.words().filter(|word| !told.contains(word)).collect();
        self.scope.union(&settings.scope.without(&untold))
    }
}

/// What another request is in was taken out of it before; `registration` is for requests without an
/// application (OpenID Connect Core section 7.2.1).
fn refuse_nested_requests(parameters: &Form<'_>) -> Result<(), AuthorizationError> {
    // OpenID Connect Core section 3.1.2.6.
    if parameters.get("registration").is_some() {
        return Err(AuthorizationError::new(
            AuthorizationErrorCode::RegistrationNotSupported,
            "this server does not offer the parameter registration",
        ));
    }
    // RFC 9101 section 4: "request and request_uri parameters MUST NOT be included in Request Objects."
    match ["request", "request_uri"].into_iter().find(|name| parameters.get(name).is_some()) {
        None => Ok(()),
        Some(name) => {
            let description = format!("the parameter {name} has no place in another request");
            Err(AuthorizationError::invalid_request(description))
        }
    }
}

fn check_provenance(settings: &Settings, provenance: Provenance) -> Result<(), AuthorizationError> {
    // RFC 9126 section 6: "the authorization server MUST refuse to process any authorization request data that
    // is not pushed". RFC 9101 section 10.5 asks the same for requests that have to be signed.
    if settings.require_pushed_authorization_requests && !provenance.pushed {
        return Err(AuthorizationError::invalid_request(
            "the application has to push its requests, as its \
             require_pushed_authorization_requests says",
        ));
    }
    if settings.request_object_signing_alg.is_some() && !provenance.signed {
        return Err(AuthorizationError::invalid_request(
            "the application has to sign its requests, as its request_object_signing_alg says",
        ));
    }
    Ok(())
}

fn check_response_type(response_type: Option<&str>) -> Result<(), AuthorizationError> {
    match response_type {
        Some("code") => Ok(()),
        None => Err(AuthorizationError::invalid_request("the parameter response_type is missing")),
        Some(_) => Err(AuthorizationError::new(
            AuthorizationErrorCode::UnsupportedResponseType,
            "response_type must be code",
        )),
    }
}

fn check_grant(settings: &Settings) -> Result<(), AuthorizationError> {
    let grant = GrantType::AuthorizationCode;
    if settings.grant_types.contains(&grant) {
        return Ok(());
    }
    let description = format!("the grant type {grant} is not among the application's grant_types");
    Err(AuthorizationError::new(AuthorizationErrorCode::UnauthorizedClient, description))
}

/// RFC 6749 section 3.3: asked for none, the server uses a default, which is what the application may ask for,
/// less `openid` and `offline_access`.
fn read_scope(text: Option<&str>, settings: &Settings) -> Result<Scope, AuthorizationError> {
    let allowed = &settings.scope;
    let Some(text) = text else {
        return Ok(allowed.without(&["openid", "offline_access"]));
    };
    let scope = Scope::parse(text)?;
    if !scope.is_within(allowed) {
        return Err(AuthorizationError::scope_exceeds(&scope, allowed));
    }
    // OpenID Connect Core section 11: offline_access is ignored where no refresh token would come of it.
    if settings.grant_types.contains(&GrantType::RefreshToken) {
        Ok(scope)
    } else {
        Ok(scope.without(&["offline_access"]))
    }
}

/// RFC 7636 sections 4.3 and 4.4.1. Of the methods only S256: `plain` protects from nobody who sees the request
/// (RFC 9700 section 2.1.1).
fn read_challenge(
    parameters: &Form<'_>,
    settings: &Settings,
) -> Result<Option<CodeChallenge>, AuthorizationError> {
    let required = settings.require_pkce || settings.is_public();
    match (parameters.get("code_challenge"), parameters.get("code_challenge_method")) {
        (Some(challenge), Some("S256")) => Ok(Some(CodeChallenge::parse(challenge)?)),
        // RFC 7636 section 4.3: the method "defaults to plain if not present in the request".
        (Some(_), _) => {
            Err(AuthorizationError::invalid_request("code_challenge_method must be S256"))
        }
        (None, Some(_)) => Err(AuthorizationError::invalid_request(
            "code_challenge_method was sent without code_challenge",
        )),
        (None, None) if required => Err(AuthorizationError::invalid_request(
            "the parameter code_challenge is missing, which this application has to send",
        )),
        (None, None) => Ok(None),
    }
}

fn read_nonce(nonce: Option<&str>) -> Result<Option<String>, AuthorizationError> {
    match nonce {
        Some(nonce) if nonce.len() > MAX_NONCE_BYTES => {
            let description = format!("nonce must have at most {MAX_NONCE_BYTES} bytes");
            Err(AuthorizationError::invalid_request(description))
        }
        nonce => Ok(nonce.map(Into::into)),
    }
}

/// RFC 9449 section 10: "the JWK Thumbprint of the proof-of-possession public key using the SHA-256 hash function".
fn read_jkt(text: &str) -> Result<Thumbprint, AuthorizationError> {
    text.parse().map_err(|_| {
        AuthorizationError::invalid_request(
            "dpop_jkt must be the SHA-256 thumbprint of a key, in 43 characters of base64url",
        )
    })
}

fn read_max_age(text: &str) -> Result<u64, AuthorizationError> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or_else(|| {
        AuthorizationError::invalid_request("max_age must be a whole number of seconds")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ClientAuthMethod;

    /// RFC 7636 appendix B.
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn without_pkce() -> Settings {
        Settings { require_pkce: false, ..Settings::default() }
    }

    fn read_with<T>(
        settings: &Settings,
        query: &str,
        then: impl FnOnce(AuthorizationRequest<'_>) -> T,
    ) -> Result<T, AuthorizationErrorCode> {
        let query = format!("response_type=code&{query}");
        let parameters = Form::parse(query.as_bytes()).unwrap();
        let read = AuthorizationRequest::read(&parameters, settings, Provenance::default());
        read.map(then).map_err(|error| error.code)
    }

    fn refused(settings: &Settings, query: &str) -> Option<AuthorizationErrorCode> {
        read_with(settings, query, |_| ()).err()
    }

    fn scope(settings: &Settings, query: &str) -> Result<String, AuthorizationErrorCode> {
        read_with(settings, query, |request| request.scope.as_str().to_owned())
    }

    const INVALID: Option<AuthorizationErrorCode> = Some(AuthorizationErrorCode::InvalidRequest);

    #[test]
    fn a_request_with_everything_is_read() {
        let query = format!(
            "scope=openid+email&code_challenge={CHALLENGE}&code_challenge_method=S256&nonce=n%00%C3%A9\
             &prompt=consent&max_age=60&login_hint=alice&id_token_hint=a.b.c&claims=%7B%7D&display=popup\
             &ui_locales=de&claims_locales=de&acr_values=phr&unknown=1&state=s"
        );
        read_with(&Settings::default(), &query, |request| {
            assert_eq!(request.scope.as_str(), "email openid");
            assert_eq!(request.code_challenge, CodeChallenge::parse(CHALLENGE).ok());
            assert_eq!(request.nonce.as_deref(), Some("n\u{0}\u{e9}"), "verbatim");
            assert_eq!(request.prompt, Prompt::parse("consent").unwrap());
            assert_eq!(request.max_age, Some(60));
            assert_eq!(request.login_hint, Some("alice"));
            assert_eq!(request.id_token_hint, Some("a.b.c"));
        })
        .unwrap();
    }

    #[test]
    fn rfc6749_section_4_1_2_1_a_response_type_other_than_code_is_refused() {
        let code_of = |query: &str| {
            let parameters = Form::parse(query.as_bytes()).unwrap();
            let plain = Provenance::default();
            AuthorizationRequest::read(&parameters, &without_pkce(), plain).unwrap_err().code
        };
        assert_eq!(code_of(""), AuthorizationErrorCode::InvalidRequest);
        assert_eq!(code_of("response_type="), AuthorizationErrorCode::InvalidRequest);
        for other in ["token", "code+id_token", "code+code", "Code", "none"] {
            let code = code_of(&format!("response_type={other}"));
            assert_eq!(code, AuthorizationErrorCode::UnsupportedResponseType, "{other}");
        }
    }

    #[test]
    fn rfc6749_section_4_1_2_1_an_application_without_the_grant_is_refused() {
        let settings =
            Settings { grant_types: vec![GrantType::ClientCredentials], ..without_pkce() };
        let code = Some(AuthorizationErrorCode::UnauthorizedClient);
        assert_eq!(refused(&settings, ""), code);
    }

    #[test]
    fn openid_core_section_3_1_2_6_registration_is_refused_and_never_ignored() {
        let code = refused(&without_pkce(), "registration=x");
        assert_eq!(code, Some(AuthorizationErrorCode::RegistrationNotSupported));
    }

    #[test]
    fn rfc9101_section_4_a_request_within_a_request_is_refused() {
        assert_eq!(refused(&without_pkce(), "request=x"), INVALID);
        assert_eq!(refused(&without_pkce(), "request_uri=x"), INVALID);
    }

    fn came(settings: &Settings, pushed: bool, signed: bool) -> bool {
        let provenance = Provenance { pushed, signed };
        let parameters = Form::parse(b"response_type=code").unwrap();
        AuthorizationRequest::read(&parameters, settings, provenance).is_ok()
    }

    #[test]
    fn rfc9126_section_6_a_request_that_had_to_be_pushed_is_refused() {
        let settings = Settings { require_pushed_authorization_requests: true, ..without_pkce() };
        assert!(!came(&settings, false, false));
        assert!(!came(&settings, false, true));
        assert!(came(&settings, true, false));
        assert!(came(&settings, true, true));
    }

    #[test]
    fn rfc9101_section_10_5_a_request_that_had_to_be_signed_is_refused() {
        let request_object_signing_alg = Some(crate::keys::SigningAlgorithm::ES256);
        let settings = Settings { request_object_signing_alg, ..without_pkce() };
        assert!(!came(&settings, false, false));
        assert!(!came(&settings, true, false));
        assert!(came(&settings, false, true));
        assert!(came(&settings, true, true));
    }

    #[test]
    fn rfc6749_section_3_3_a_scope_beyond_the_application_is_refused() {
        let code = Some(AuthorizationErrorCode::InvalidScope);
        assert_eq!(refused(&without_pkce(), "scope=openid+admin"), code);
        assert_eq!(refused(&without_pkce(), "scope=open%22id"), code);
    }

    #[test]
    fn rfc6749_section_3_3_without_a_scope_the_default_is_meant() {
        assert_eq!(scope(&without_pkce(), ""), Ok("email profile".into()));
        assert_eq!(scope(&without_pkce(), "scope="), Ok("email profile".into()));
    }

    #[test]
    fn openid_core_section_11_offline_access_counts_only_with_refresh_tokens() {
        let query = "scope=openid+offline_access";
        assert_eq!(scope(&without_pkce(), query), Ok("offline_access openid".into()));
        let settings =
            Settings { grant_types: vec![GrantType::AuthorizationCode], ..without_pkce() };
        assert_eq!(scope(&settings, query), Ok("openid".into()));
    }

    #[test]
    fn claims_asked_for_by_name_need_consent_to_the_scope_that_has_them() {
        let claims =
            r#"{"userinfo":{"email":null,"phone_number":null,"x":null},"id_token":{"name":null}}"#;
        let query: String = url::form_urlencoded::byte_serialize(claims.as_bytes()).collect();
        let consent = read_with(&without_pkce(), &format!("scope=openid&claims={query}"), |read| {
            assert_eq!(read.scope.as_str(), "openid");
            read.scope_to_consent_to(&without_pkce()).as_str().to_owned()
        });
        assert_eq!(consent, Ok("email openid profile".into()), "phone is not the application's");
    }

    #[test]
    fn rfc7636_section_4_4_1_a_missing_challenge_is_refused_where_it_is_required() {
        assert_eq!(refused(&Settings::default(), ""), INVALID);
        let token_endpoint_auth_method = ClientAuthMethod::None;
        let public = Settings { token_endpoint_auth_method, ..without_pkce() };
        assert_eq!(refused(&public, ""), INVALID);
        assert_eq!(refused(&public, "code_challenge="), INVALID);
        assert_eq!(refused(&without_pkce(), ""), None);
    }

    #[test]
    fn rfc9700_section_2_1_1_plain_is_refused_also_where_it_goes_unsaid() {
        for method in ["", "&code_challenge_method=plain", "&code_challenge_method=s256"] {
            let query = format!("code_challenge={CHALLENGE}{method}");
            assert_eq!(refused(&without_pkce(), &query), INVALID, "{method}");
        }
        assert_eq!(refused(&without_pkce(), "code_challenge_method=S256"), INVALID);
    }

    #[test]
    fn rfc7636_section_4_2_a_malformed_challenge_is_refused() {
        let query = format!("code_challenge_method=S256&code_challenge={CHALLENGE}A");
        assert_eq!(refused(&without_pkce(), &query), INVALID);
    }

    #[test]
    fn a_nonce_is_kept_whole_or_refused() {
        let longest = "n".repeat(MAX_NONCE_BYTES);
        let read = read_with(&without_pkce(), &format!("nonce={longest}"), |read| read.nonce);
        assert_eq!(read, Ok(Some(longest.clone())));
        assert_eq!(refused(&without_pkce(), &format!("nonce={longest}n")), INVALID);
    }

    #[test]
    fn openid_core_section_3_1_2_1_max_age_is_a_whole_number_of_seconds() {
        let read =
            |text| read_with(&without_pkce(), &format!("max_age={text}"), |read| read.max_age);
        assert_eq!(read("0"), Ok(Some(0)));
        assert_eq!(read(""), Ok(None));
        for text in ["-1", "%2B1", "1.5", "1s", "18446744073709551616"] {
            assert_eq!(read(text).err(), INVALID, "{text}");
        }
    }

    #[test]
    fn rfc9449_section_10_dpop_jkt_is_a_thumbprint_or_refused() {
        let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        let read = |text: &str| {
            read_with(&without_pkce(), &format!("dpop_jkt={text}"), |read| {
                read.dpop_jkt.map(|jkt| jkt.to_string())
            })
        };
        assert_eq!(read(thumbprint), Ok(Some(thumbprint.into())));
        assert_eq!(read(""), Ok(None), "RFC 6749 section 3.1: without a value, as if omitted");
        for text in ["x", &thumbprint[1..], &format!("{thumbprint}A"), &format!("{thumbprint}%3D")]
        {
            assert_eq!(read(text).err(), INVALID, "{text}");
        }
    }

    #[test]
    fn a_login_hint_that_is_nobodys_name_is_ignored() {
        let hint = "a".repeat(MAX_HINT_BYTES + 1);
        let read = read_with(&without_pkce(), &format!("login_hint={hint}"), |read| {
            read.login_hint.is_none()
        });
        assert_eq!(read, Ok(true));
    }
}
