//! Answers that send the browser elsewhere, and headers whose text comes from a request or a record.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokenbind_issuer::{ErrorCode, OAuthError};

/// What every answer to a browser says: it is kept nowhere, and its address, which has requests in it, is
/// not told to others.
pub(crate) fn keep_private(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// A header's value. Text that cannot be one is our own fault, since all of it was checked before.
pub(crate) fn header_value(text: String) -> Result<HeaderValue, OAuthError> {
    HeaderValue::try_from(text).map_err(|error| broken(&error))
}

/// The refusal where an answer was decided but cannot be written.
pub(crate) fn broken(error: &impl std::error::Error) -> OAuthError {
    OAuthError {
        log: Some(format!("the answer could not be written: {error}")),
        ..OAuthError::new(ErrorCode::TemporarilyUnavailable, "the answer could not be written")
    }
}

/// Sends the browser to `location` by GET. RFC 9700 section 4.12: 303, since with 307 it would post the password
/// on to there.
pub(crate) fn see_other(location: String) -> Result<Response, OAuthError> {
    let location = header_value(location)?;
    let mut response = (StatusCode::SEE_OTHER, Body::empty()).into_response();
    keep_private(response.headers_mut());
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9700_section_4_12_a_redirect_is_by_303_and_kept_nowhere() {
        let response = see_other("https://app.example/cb?code=1".into()).unwrap();
        assert_eq!(response.status(), 303);
        assert_eq!(response.headers()[header::LOCATION], "https://app.example/cb?code=1");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[header::REFERRER_POLICY], "no-referrer");
    }

    #[test]
    fn a_location_cannot_break_out_of_its_header() {
        let error = see_other("https://app.example/\r\nX: y".into()).unwrap_err();
        assert_eq!(error.code, ErrorCode::TemporarilyUnavailable);
    }
}
