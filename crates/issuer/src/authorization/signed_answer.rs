//! Answers that the server signs (JWT Secured Authorization Response Mode for OAuth 2.0, JARM).

use serde_json::{Map, Value};

use super::{AuthorizationAnswer, error::AuthorizationError, requester::Requester};
use crate::{issuer::Issuer, jwt, keys::KeyError, secret::Secret};

/// Seconds for which a signed answer is good. JARM section 2.1: "A maximum JWT lifetime of 10 minutes is RECOMMENDED."
pub const SIGNED_ANSWER_LIFETIME: u64 = 60;

/// The `typ` of the JWT, for which JARM has no name of its own.
const TYP: &str = "JWT";

impl Issuer {
    /// RFC 6749 section 4.1.2, in the response mode that was asked for.
    pub(super) fn grant(
        &self,
        requester: &Requester,
        code: String,
        atbv: Option<Secret>,
    ) -> Result<AuthorizationAnswer, KeyError> {
        self.in_its_mode(requester, requester.grant(code, atbv))
    }

    /// RFC 6749 section 4.1.2.1, in the response mode that was asked for.
    pub(super) fn refuse(
        &self,
        requester: &Requester,
        error: &AuthorizationError,
    ) -> Result<AuthorizationAnswer, KeyError> {
        self.in_its_mode(requester, requester.refuse(error))
    }

    /// JARM section 2.1: the parameters become claims, and the one parameter that is left is `response`.
    fn in_its_mode(
        &self,
        requester: &Requester,
        answer: AuthorizationAnswer,
    ) -> Result<AuthorizationAnswer, KeyError> {
        if !answer.mode.is_signed() {
            return Ok(answer);
        }
        let expires_at = self.now().timestamp().plus(SIGNED_ANSWER_LIFETIME).as_secs();
        let mut claims: Map<String, Value> = answer
            .parameters
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        claims.insert("iss".into(), self.config.issuer.as_str().into());
        claims.insert("aud".into(), requester.application.client_id.as_str().into());
        claims.insert("exp".into(), expires_at.into());
        let keys = self.keys();
        let algorithm = requester.settings().authorization_signed_response_alg;
        let jwt = jwt::sign(keys.signing_key(algorithm)?, TYP, &claims)?;
        Ok(AuthorizationAnswer { parameters: vec![("response", jwt)], ..answer })
    }
}
