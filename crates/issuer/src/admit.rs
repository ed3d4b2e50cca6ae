//! Letting in whoever presents an access token to a protected resource of this server (RFC 6750, RFC 9449).

use std::{borrow::Cow, sync::Arc};

use tokenbind_binding::{
    Evidence, PeerCertificate, ShownCertificate, Token, bindings, dpop::proof::Accepted,
};

use crate::{
    access_token::AccessToken,
    error::{ErrorCode, OAuthError, TokenScheme as Scheme},
    issuer::Issuer,
    presented::Presented,
    proofs::Proofs,
    userinfo::TokenEvidence,
};

/// An access token that is alive, shown by someone who may show it. Only [`Issuer::admit`] makes one.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    token: Arc<AccessToken>,
    dpop_nonce: Option<String>,
}

impl Permit {
    /// The token.
    pub(crate) fn token(&self) -> &AccessToken {
        &self.token
    }

    /// The nonce that the client's next DPoP proof is to have, if it is another one.
    pub(crate) fn into_dpop_nonce(self) -> Option<String> {
        self.dpop_nonce
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

/// An access token as a request shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ShownToken<'a> {
    pub(crate) token: &'a str,
    scheme: Scheme,
}

impl Scheme {
    /// RFC 9110 section 11.1: the case of its name does not matter.
    fn parse(name: &str) -> Option<Self> {
        let named = |scheme| name.eq_ignore_ascii_case(scheme);
        named("Bearer").then_some(Self::Bearer).or_else(|| named("DPoP").then_some(Self::Dpop))
    }

    /// The refusal of the token, told in a challenge of the same scheme.
    pub(crate) fn refuse(self, description: impl Into<Cow<'static, str>>) -> OAuthError {
        let code = match self {
            Self::Bearer => ErrorCode::InvalidToken,
            Self::Dpop => ErrorCode::InvalidDpopToken,
        };
        OAuthError::new(code, description)
    }
}

impl Issuer {
    /// Decides whether the request may go on: it shows one access token of ours, that is alive, and
    /// proves what the token is bound to; and the token is meant for this server.
    ///
    /// # Errors
    /// `invalid_token` or `invalid_request` (RFC 6750 section 3.1), `invalid_dpop_proof` or `use_dpop_nonce` (RFC 9449
    /// sections 7.1 and 9), `insufficient_binding`, `insufficient_user_authentication` (RFC 9470 section 3).
    pub(crate) async fn admit(&self, shown: TokenEvidence<'_>) -> Result<Permit, OAuthError> {
        let ShownToken { token: text, scheme } = shown_token(shown)?;
        let Some(Presented::AccessToken(found)) = self.find_presented(text).await? else {
            return Err(scheme.refuse("the access token is not known, or no longer"));
        };
        let token = &found.record.token;
        token
            .judge(found.ends.as_slice(), found.session.as_ref(), self.now().timestamp())
            .map_err(|reason| scheme.refuse(format!("the access token is dead: {reason}")))?;
        let proved = self.prove_key_of(token, text, scheme, &shown.proofs).await?;
        let certificate = shown.proofs.certificate.map(PeerCertificate::thumbprint);
        let evidence = Evidence {
            device_code: None,
            cookies: shown.cookies.clone(),
            certificate: certificate.map_or(ShownCertificate::Absent, ShownCertificate::Shown),
            dpop: proved.as_ref().map(Accepted::jkt),
            ..Evidence::default()
        };
        bindings::at_use(&token.bindings, &evidence, &token.client_id)
            .map_err(|mismatch| scheme.refuse(mismatch.to_string()))?;
        self.check_own_requirement(&found.record, scheme).await?;
        Ok(Permit { token: found.record, dpop_nonce: proved.and_then(Accepted::next_nonce) })
    }

    /// The key that the request proves for a token that is bound to one. Whether it is the token's is
    /// for the bindings to say (RFC 9449 section 4.3, check 12 b).
    async fn prove_key_of(
        &self,
        token: &Token,
        text: &str,
        scheme: Scheme,
        proofs: &Proofs<'_>,
    ) -> Result<Option<Accepted>, OAuthError> {
        match (token.bindings.need_dpop(), scheme) {
            (false, Scheme::Bearer) => return Ok(None),
            (true, Scheme::Dpop) => {}
            // RFC 9449 section 7.2: "such a protected resource MUST reject a DPoP-bound access token received as a bearer
            // token".
            (true, Scheme::Bearer) => {
                return Err(Scheme::Dpop.refuse(
                    "the access token is bound to a key: the scheme DPoP and a proof are expected",
                ));
            }
            (false, Scheme::Dpop) => {
                return Err(Scheme::Bearer.refuse(
                    "the access token is not bound to a key: the scheme Bearer is expected",
                ));
            }
        }
        let application = self.find_owner(&token.client_id).await?;
        let application = application.ok_or_else(|| scheme.refuse("its application is gone"))?;
        let proved = self.prove_key(proofs, &application.settings, Some(text)).await?;
        proved.map(Some).ok_or_else(|| {
            let description = "a DPoP proof must come with the access token, and there is none";
            OAuthError::new(ErrorCode::InvalidResourceDpopProof, description)
        })
    }
}

/// The refusal of a token.
pub(crate) fn invalid_token(description: impl Into<Cow<'static, str>>) -> OAuthError {
    Scheme::Bearer.refuse(description)
}

/// The one access token that the request shows.
pub(crate) fn shown_token(shown: TokenEvidence<'_>) -> Result<ShownToken<'_>, OAuthError> {
    let malformed = |rule| Err(OAuthError::new(ErrorCode::InvalidResourceRequest, rule));
    let in_form = shown.in_form.map(|token| ShownToken { token, scheme: Scheme::Bearer });
    match (shown.authorization.and_then(in_header), in_form) {
        // RFC 6750 section 3.1: without "any authentication information", no error code.
        (None, None) => Err(OAuthError::new(
            ErrorCode::MissingToken,
            "expected an access token as Bearer or DPoP",
        )),
        // RFC 6750 section 2: "Clients MUST NOT use more than one method to transmit the token in each request".
        (Some(_), Some(_)) => {
            malformed("the access token must be in the header or in the body, not in both")
        }
        (Some(shown), None) | (None, Some(shown)) if is_b64token(shown.token) => Ok(shown),
        _ => malformed("expected Authorization: Bearer or DPoP, one space, and an access token"),
    }
}

/// What follows a scheme that shows an access token.
fn in_header(header: &str) -> Option<ShownToken<'_>> {
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    let scheme = Scheme::parse(scheme)?;
    Some(ShownToken { token: token.trim_matches(' '), scheme })
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

    fn shown_as(
        authorization: Option<&str>,
        in_form: Option<&str>,
    ) -> Result<(Scheme, String), ErrorCode> {
        let cookies = Cookies::default();
        let target = Target { method: "GET", endpoint: Endpoint::Userinfo };
        let proofs = Proofs { certificate: None, dpop: ShownProof::Absent, target };
        let shown = TokenEvidence { authorization, in_form, cookies: &cookies, proofs };
        let shown = shown_token(shown).map_err(|error| error.code)?;
        Ok((shown.scheme, shown.token.to_owned()))
    }

    fn shown(authorization: Option<&str>, in_form: Option<&str>) -> Result<String, ErrorCode> {
        shown_as(authorization, in_form).map(|(_, token)| token)
    }

    #[test]
    fn a_token_comes_from_the_header_or_the_form() {
        assert_eq!(shown(Some("Bearer tb_at_x"), None), Ok("tb_at_x".into()));
        assert_eq!(shown(None, Some("a.b-c_d")), Ok("a.b-c_d".into()));
        assert_eq!(shown(Some("Basic YTpi"), Some("x")), Ok("x".into()));
    }

    #[test]
    fn rfc9110_section_11_1_the_case_of_the_scheme_does_not_matter() {
        let expect = |scheme| Ok((scheme, "x".to_owned()));
        for scheme in ["bearer", "BEARER", "bEaReR"] {
            let shown = shown_as(Some(&format!("{scheme} x")), None);
            assert_eq!(shown, expect(Scheme::Bearer));
        }
        for scheme in ["DPoP", "dpop", "DPOP"] {
            assert_eq!(shown_as(Some(&format!("{scheme} x")), None), expect(Scheme::Dpop));
        }
    }

    #[test]
    fn rfc9449_section_7_1_a_token_in_the_form_is_shown_as_bearer() {
        assert_eq!(shown_as(None, Some("x")), Ok((Scheme::Bearer, "x".into())));
    }

    #[test]
    fn rfc6750_section_2_more_than_one_method_is_refused() {
        let refused = Err(ErrorCode::InvalidResourceRequest);
        assert_eq!(shown(Some("Bearer x"), Some("x")), refused);
        assert_eq!(shown(Some("Bearer"), Some("x")), refused);
        assert_eq!(shown(Some("DPoP x"), Some("x")), refused);
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
        for header in [None, Some("Basic YTpi"), Some("DPoPx"), Some("Bearerx")] {
            assert_eq!(shown(header, None), Err(ErrorCode::MissingToken), "{header:?}");
        }
    }
}
