//! The userinfo endpoint (OpenID Connect Core section 5.3).

use serde_json::{Map, Value};
use tokenbind_binding::Cookies;

use crate::{admit::invalid_token, claims, error::OAuthError, issuer::Issuer, proofs::Proofs};

/// What a request shows of its access token.
#[derive(Clone, Copy, Debug)]
pub struct TokenEvidence<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// `access_token` of a form body (RFC 6750 section 2.2).
    pub in_form: Option<&'a str>,
    /// The cookies that matter.
    pub cookies: &'a Cookies,
    /// What it shows of private keys.
    pub proofs: Proofs<'a>,
}

/// A successful answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Userinfo {
    /// The claims about the user.
    pub claims: Map<String, Value>,
    /// The nonce that the client's next DPoP proof is to have, if it is another one: `DPoP-Nonce` (RFC 9449
    /// section 8.2).
    pub dpop_nonce: Option<String>,
}

impl Issuer {
    /// The claims about the user that the token gives access to.
    ///
    /// # Errors
    /// `invalid_token`, `insufficient_scope` or `invalid_request` (RFC 6750 section 3.1), `invalid_dpop_proof` or
    /// `use_dpop_nonce` (RFC 9449 sections 7.1 and 9).
    pub async fn userinfo(&self, shown: TokenEvidence<'_>) -> Result<Userinfo, OAuthError> {
        let permit = self.admit(shown).await?;
        permit.needs_scope("openid")?;
        let token = permit.token();
        let user = self.store.find_subject(&token.token.subject).await?;
        let user =
            user.ok_or_else(|| invalid_token("the access token does not speak for a user"))?;
        let named = token.login.as_deref().map(|login| &*login.claims.userinfo).unwrap_or_default();
        let application = self.find_owner(&token.token.client_id).await?;
        let application = application.ok_or_else(|| invalid_token("its application is gone"))?;
        let mut claims = claims::released(&user, &token.scope, named, &application.settings);
        // OpenID Connect Core section 5.3.2: "The sub (subject) Claim MUST always be returned".
        claims.insert("sub".into(), token.shown_subject().into());
        Ok(Userinfo { claims, dpop_nonce: permit.into_dpop_nonce() })
    }
}
