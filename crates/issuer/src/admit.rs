//! Letting in whoever presents an access token to a protected resource of this server (RFC 6750).

use std::{borrow::Cow, sync::Arc};

use tokenbind_binding::{Evidence, PeerCertificate, ShownCertificate, bindings};

use crate::{
    access_token::AccessToken,
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
    presented::Presented,
    userinfo::TokenEvidence,
};

/// An access token that is alive, shown by someone who may show it. Only [`Issuer::admit`] makes one.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    token: Arc<AccessToken>,
}

impl Permit {
    /// The token.
    pub(crate) fn token(&self) -> &AccessToken {
        &self.token
    }

    /// Refuses a token that was not issued for this.
    ///
    /// # Errors
    /// `insufficient_scope`.
    pub(crate) fn needs_scope(&self, word: &'static str) -> Result<(), OAuthError> {
        if self.token.scope.contains(word) {
            return Ok(());
        }
        let code = ErrorCode::InsufficientScope { needed: word };
        Err(OAuthError::new(code, format!("the access token does not have the scope {word}")))
    }
}

impl Issuer {
    /// Decides whether the request may go on: it shows one access token of ours, that is alive, and
    /// proves what the token is bound to.
    ///
    /// # Errors
    /// `invalid_token` or `invalid_request` (RFC 6750 section 3.1).
    pub(crate) async fn admit(&self, shown: TokenEvidence<'_>) -> Result<Permit, OAuthError> {
        let Some(Presented::AccessToken(found)) = self.find_presented(shown_token(shown)?).await?
        else {
            return Err(invalid_token("the access token is not known, or no longer"));
        };
        let token = &found.record.token;
        token
            .judge(found.ends.as_slice(), found.session.as_ref(), self.now().timestamp())
            .map_err(|reason| invalid_token(format!("the access token is dead: {reason}")))?;
        let certificate = shown.proofs.certificate.map(PeerCertificate::thumbprint);
        let evidence = Evidence {
            cookies: shown.cookies.clone(),
            certificate: certificate.map_or(ShownCertificate::Absent, ShownCertificate::Shown),
            ..Evidence::default()
        };
        bindings::at_use(&token.bindings, &evidence, &token.client_id)
            .map_err(|mismatch| invalid_token(mismatch.to_string()))?;
        Ok(Permit { token: found.record })
    }
}

/// The refusal of a token.
pub(crate) fn invalid_token(description: impl Into<Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidToken, description)
}

/// The one access token that the request shows.
pub(crate) fn shown_token(shown: TokenEvidence<'_>) -> Result<&str, OAuthError> {
    let malformed = |rule| Err(OAuthError::new(ErrorCode::InvalidResourceRequest, rule));
    match (shown.authorization.and_then(bearer), shown.in_form) {
        // RFC 6750 section 3.1: without "any authentication information", no error code.
        (None, None) => {
            Err(OAuthError::new(ErrorCode::MissingToken, "expected an access token as Bearer"))
        }
        // RFC 6750 section 2: "Clients MUST NOT use more than one method to transmit the token in each request".
        (Some(_), Some(_)) => {
            malformed("the access token must be in the header or in the body, not in both")
        }
        (Some(token), None) | (None, Some(token)) if is_b64token(token) => Ok(token),
        _ => malformed("expected Authorization: Bearer, one space, and an access token"),
    }
}

/// What follows the scheme Bearer, whose case does not matter (RFC 9110 section 11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_matches(' '))
}

/// RFC 6750 section 2.1: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use tokenbind_binding::{Cookies, dpop::ShownProof};

    use super::*;
    use crate::{Endpoint, Proofs, Target};

    fn shown(authorization: Option<&str>, in_form: Option<&str>) -> Result<String, ErrorCode> {
        let cookies = Cookies::default();
        let target = Target { method: "GET", endpoint: Endpoint::Userinfo };
        let proofs = Proofs { certificate: None, dpop: ShownProof::Absent, target };
        let shown = TokenEvidence { authorization, in_form, cookies: &cookies, proofs };
        shown_token(shown).map(Into::into).map_err(|error| error.code)
    }

    #[test]
    fn a_token_comes_from_the_header_or_the_form() {
        assert_eq!(shown(Some("Bearer tb_at_x"), None), Ok("tb_at_x".into()));
        assert_eq!(shown(None, Some("a.b-c_d")), Ok("a.b-c_d".into()));
        assert_eq!(shown(Some("Basic YTpi"), Some("x")), Ok("x".into()));
    }

    #[test]
    fn rfc9110_section_11_1_the_case_of_the_scheme_does_not_matter() {
        for scheme in ["bearer", "BEARER", "bEaReR"] {
            assert_eq!(shown(Some(&format!("{scheme} x")), None), Ok("x".into()));
        }
    }

    #[test]
    fn rfc6750_section_2_more_than_one_method_is_refused() {
        let refused = Err(ErrorCode::InvalidResourceRequest);
        assert_eq!(shown(Some("Bearer x"), Some("x")), refused);
        assert_eq!(shown(Some("Bearer"), Some("x")), refused);
    }

    #[test]
    fn rfc6750_section_2_1_what_is_no_token_is_refused() {
        for header in ["Bearer", "Bearer ", "Bearer a b", "Bearer =", "Bearer a,b", "Bearer é"] {
            assert_eq!(
                shown(Some(header), None),
                Err(ErrorCode::InvalidResourceRequest),
                "{header}"
            );
        }
    }

    #[test]
    fn rfc6750_section_3_1_without_a_token_there_is_no_error_to_tell() {
        for header in [None, Some("Basic YTpi"), Some("DPoP x"), Some("Bearerx")] {
            assert_eq!(shown(header, None), Err(ErrorCode::MissingToken), "{header:?}");
        }
    }
}
