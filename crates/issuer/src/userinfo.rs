//! The userinfo endpoint (OpenID Connect Core section 5.3).

use serde_json::{Map, Value};
use tokenbind_binding::Cookies;

use crate::{error::OAuthError, issuer::Issuer};

/// What a request shows of its access token.
#[derive(Clone, Copy, Debug)]
pub struct TokenEvidence<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// `access_token` of a form body (RFC 6750 section 2.2).
    pub in_form: Option<&'a str>,
    /// The cookies that matter.
    pub cookies: &'a Cookies,
}

impl Issuer {
    /// The claims about the user that the token gives access to.
    ///
    /// # Errors
    /// `invalid_token`, `insufficient_scope` or `invalid_request` (RFC 6750 section 3.1).
    pub async fn userinfo(
        &self,
        shown: TokenEvidence<'_>,
    ) -> Result<Map<String, Value>, OAuthError> {
        let _ = shown;
        todo!()
    }
}
