//! How errors look in HTTP: the one table from an error code to a status and its headers.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tokenbind_binding::dpop;
use tokenbind_issuer::{ErrorCode, OAuthError, TokenScheme};

/// With it each challenge of a protected resource begins.
const REALM: &str = r#"realm="tokenbind""#;

/// RFC 9449 section 8.
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The status and, where the protocol asks for one, a header.
fn in_http(error: &OAuthError) -> (StatusCode, Option<(HeaderName, String)>) {
    match error.code {
        ErrorCode::InvalidRequest
        | ErrorCode::InvalidGrant
        | ErrorCode::UnauthorizedClient
        | ErrorCode::UnsupportedGrantType
        | ErrorCode::InvalidScope
        | ErrorCode::InvalidDpopProof
        | ErrorCode::UseDpopNonce
        | ErrorCode::InvalidRequestObject
        | ErrorCode::InvalidRequestUri
        | ErrorCode::InvalidTarget
        | ErrorCode::AuthorizationPending
        | ErrorCode::SlowDown
        | ErrorCode::AccessDenied
        | ErrorCode::ExpiredToken
        | ErrorCode::RequestNotSupported
        | ErrorCode::UnsupportedResponseType
        | ErrorCode::RegistrationNotSupported
        | ErrorCode::InvalidRedirectUri
        | ErrorCode::InvalidClientMetadata => (StatusCode::BAD_REQUEST, None),
        ErrorCode::RequestTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, None),
        // RFC 6749 section 5.2: 401 "MUST include the WWW-Authenticate response header field matching the
        // authentication scheme used by the client".
        ErrorCode::InvalidClient => {
            let challenge = r#"Basic realm="tokenbind", charset="UTF-8""#.to_owned();
            (StatusCode::UNAUTHORIZED, Some((header::WWW_AUTHENTICATE, challenge)))
        }
        // RFC 6750 sections 3 and 3.1, RFC 9449 section 7.2: both schemes, and no error.
        ErrorCode::MissingToken => {
            let challenge =
                format!(r#"Bearer {REALM}, DPoP {REALM}, algs="{}""#, dpop::ALGORITHMS.join(" "));
            (StatusCode::UNAUTHORIZED, Some((header::WWW_AUTHENTICATE, challenge)))
        }
        ErrorCode::InvalidToken => (StatusCode::UNAUTHORIZED, Some(challenge("Bearer", error))),
        // RFC 9449 section 7.1.
        ErrorCode::InvalidDpopToken
        | ErrorCode::InvalidResourceDpopProof
        | ErrorCode::UseResourceDpopNonce => {
            (StatusCode::UNAUTHORIZED, Some(challenge("DPoP", error)))
        }
        // RFC 9470 section 3, and in its manner.
        ErrorCode::InsufficientBinding(scheme)
        | ErrorCode::InsufficientUserAuthentication(scheme) => {
            let scheme = match scheme {
                TokenScheme::Bearer => "Bearer",
                TokenScheme::Dpop => "DPoP",
            };
            (StatusCode::UNAUTHORIZED, Some(challenge(scheme, error)))
        }
        ErrorCode::InvalidResourceRequest => {
            (StatusCode::BAD_REQUEST, Some(challenge("Bearer", error)))
        }
        ErrorCode::InsufficientScope { needed } => {
            let (name, challenge) = challenge("Bearer", error);
            (StatusCode::FORBIDDEN, Some((name, format!(r#"{challenge}, scope="{needed}""#))))
        }
        ErrorCode::TooManyAttempts { retry_after } => {
            (StatusCode::TOO_MANY_REQUESTS, Some((header::RETRY_AFTER, retry_after.to_string())))
        }
        ErrorCode::TemporarilyUnavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, Some((header::RETRY_AFTER, "1".into())))
        }
    }
}

/// RFC 6750 section 3, RFC 9449 section 7.1: the challenge of a request whose token does not let it in.
fn challenge(scheme: &str, error: &OAuthError) -> (HeaderName, String) {
    let algs = match scheme {
        "DPoP" => format!(r#", algs="{}""#, dpop::ALGORITHMS.join(" ")),
        _ => String::new(),
    };
    let mut challenge = format!(
        r#"{scheme} {REALM}, error="{}", error_description="{}""#,
        error.code.as_str(),
        error.description
    );
    for (name, value) in &error.would_do {
        challenge.extend([", ", name, "=\"", value, "\""]);
    }
    challenge.push_str(&algs);
    (header::WWW_AUTHENTICATE, challenge)
}

/// The same where a person sees it on a page. A challenge for clients would have the browser ask for a
/// password in a dialog, so there is none, and hence no 401 (RFC 9110 section 15.5.2).
pub(crate) fn page_status(error: &OAuthError) -> (StatusCode, Option<(HeaderName, HeaderValue)>) {
    match in_http(error) {
        (StatusCode::UNAUTHORIZED, _) => (StatusCode::BAD_REQUEST, None),
        (status, extra) => {
            (status, extra.and_then(|(name, value)| Some((name, value.try_into().ok()?))))
        }
    }
}

/// Writes down what the operator should know of a refusal.
pub(crate) fn log(error: &OAuthError) {
    if let Some(log) = &error.log {
        tracing::error!(code = error.code.as_str(), "{log}");
    }
}

/// A refusal as the client sees it. What the operator should know beyond that is logged.
pub(crate) fn error_response(error: &OAuthError) -> Response {
    log(error);
    let (status, extra) = in_http(error);
    let mut response = match error.code {
        ErrorCode::MissingToken => status.into_response(),
        _ => (status, Json(body(error))).into_response(),
    };
    // RFC 6749 section 5.1, and as wise for its errors.
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nonce = error.dpop_nonce.clone().map(|nonce| (DPOP_NONCE, nonce));
    for (name, value) in extra.into_iter().chain(nonce) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

/// An answer that tells the nonce of the client's next DPoP proof, if it is another one (RFC 9449 section 8.2).
pub(crate) fn with_dpop_nonce(mut response: Response, nonce: Option<&str>) -> Response {
    if let Some(value) = nonce.and_then(|nonce| HeaderValue::from_str(nonce).ok()) {
        response.headers_mut().insert(DPOP_NONCE, value);
    }
    response
}

/// An answer of a protected resource whose challenges tell where the document of that resource is (RFC 9728 section 5.1).
pub(crate) fn with_resource_metadata(
    mut response: Response,
    url: impl FnOnce() -> Option<String>,
) -> Response {
    let headers = response.headers_mut();
    let challenge = headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    if let Some(challenge) = challenge
        && let Some(url) = url()
    {
        let told = challenge.replace(REALM, &format!(r#"{REALM}, resource_metadata="{url}""#));
        if let Ok(told) = HeaderValue::from_str(&told) {
            headers.insert(header::WWW_AUTHENTICATE, told);
        }
    }
    response
}

fn body(error: &OAuthError) -> Value {
    json!({ "error": error.code.as_str(), "error_description": error.description })
}

/// The refusal of a request that is for no endpoint at all.
pub(crate) fn not_served(status: StatusCode, description: &'static str) -> Response {
    let mut response = error_response(&OAuthError::new(ErrorCode::InvalidRequest, description));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge_of(code: ErrorCode) -> (u16, String) {
        let response = error_response(&OAuthError::new(code, "why"));
        let challenge = &response.headers()[header::WWW_AUTHENTICATE];
        (response.status().as_u16(), challenge.to_str().unwrap().to_owned())
    }

    #[test]
    fn rfc6750_section_3_1_without_a_token_the_challenge_is_bare() {
        let bare = r#"Bearer realm="tokenbind", DPoP realm="tokenbind", algs="ES256 PS256 EdDSA""#;
        assert_eq!(challenge_of(ErrorCode::MissingToken), (401, bare.to_owned()));
    }

    #[test]
    fn rfc9728_section_5_1_each_challenge_tells_where_the_metadata_are() {
        let url = "https://a.example/.well-known/oauth-protected-resource/oauth2/userinfo";
        for (code, challenges) in [
            (ErrorCode::MissingToken, 2),
            (ErrorCode::InvalidToken, 1),
            (ErrorCode::InvalidDpopToken, 1),
            (ErrorCode::InsufficientScope { needed: "openid" }, 1),
        ] {
            let response = error_response(&OAuthError::new(code, "why"));
            let response = with_resource_metadata(response, || Some(url.to_owned()));
            let told = response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
            let parameter = format!(r#"realm="tokenbind", resource_metadata="{url}""#);
            assert_eq!(told.matches(&parameter).count(), challenges, "{told}");
        }
        let open = with_resource_metadata(StatusCode::OK.into_response(), || Some(url.into()));
        assert!(!open.headers().contains_key(header::WWW_AUTHENTICATE));
    }

    #[test]
    fn rfc9449_section_7_1_a_proof_that_does_not_hold_is_challenged_with_what_would() {
        for (code, error) in [
            (ErrorCode::InvalidDpopToken, "invalid_token"),
            (ErrorCode::InvalidResourceDpopProof, "invalid_dpop_proof"),
            (ErrorCode::UseResourceDpopNonce, "use_dpop_nonce"),
        ] {
            let challenge = format!(
                r#"DPoP realm="tokenbind", error="{error}", error_description="why", algs="ES256 PS256 EdDSA""#
            );
            assert_eq!(challenge_of(code), (401, challenge));
        }
    }

    #[test]
    fn rfc9449_section_8_the_nonce_to_use_is_told_once_and_kept_by_no_cache() {
        let nonce = Some("tb_dn_x".to_owned());
        let error =
            OAuthError { dpop_nonce: nonce, ..OAuthError::new(ErrorCode::UseDpopNonce, "why") };
        let response = error_response(&error);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let told: Vec<_> = response.headers().get_all(DPOP_NONCE).iter().collect();
        assert_eq!(told, ["tb_dn_x"]);
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }

    #[test]
    fn rfc9470_section_3_the_challenge_tells_what_would_do_by_the_scheme_of_the_token() {
        let would_do: Box<[_]> =
            Box::from([("acr_values", "pwd".to_owned()), ("max_age", "60".to_owned())]);
        for (scheme, name, algs) in [
            (TokenScheme::Bearer, "Bearer", ""),
            (TokenScheme::Dpop, "DPoP", r#", algs="ES256 PS256 EdDSA""#),
        ] {
            let code = ErrorCode::InsufficientUserAuthentication(scheme);
            let error = OAuthError { would_do: would_do.clone(), ..OAuthError::new(code, "why") };
            let response = error_response(&error);
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
            let expected = format!(
                r#"{name} realm="tokenbind", error="insufficient_user_authentication", error_description="why", acr_values="pwd", max_age="60"{algs}"#
            );
            assert_eq!(challenge, expected);
            let weak = challenge_of(ErrorCode::InsufficientBinding(scheme));
            let expected = format!(
                r#"{name} realm="tokenbind", error="insufficient_binding", error_description="why"{algs}"#
            );
            assert_eq!(weak, (401, expected));
        }
    }

    #[test]
    fn rfc6750_section_3_a_token_that_does_not_let_in_is_challenged_with_the_reason() {
        let with = |error: &str| {
            format!(r#"Bearer realm="tokenbind", error="{error}", error_description="why""#)
        };
        assert_eq!(challenge_of(ErrorCode::InvalidToken), (401, with("invalid_token")));
        let malformed = challenge_of(ErrorCode::InvalidResourceRequest);
        assert_eq!(malformed, (400, with("invalid_request")));
        let weak = challenge_of(ErrorCode::InsufficientScope { needed: "openid" });
        assert_eq!(weak, (403, with("insufficient_scope") + r#", scope="openid""#));
    }
}
