//! Token revocation (RFC 7009).

use tokenbind_binding::{Anchor, ClientId};

use crate::{
    client::ClientEvidence,
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
    presented::Presented,
};

impl Issuer {
    /// Revokes a token of the application that asks: an access token ends alone, a refresh token with
    /// its whole grant. The answer is given when the end is durable.
    ///
    /// # Errors
    /// `invalid_client`, `invalid_request`, or `invalid_grant` for another application's token. RFC
    /// 7009 section 2.2: an unknown token is no error, since what was asked for is so already.
    pub async fn revoke(&self, shown: ClientEvidence<'_>) -> Result<(), OAuthError> {
        let client = self.authenticate(shown).await?;
        let token = shown.form.get("token").ok_or_else(|| {
            OAuthError::new(ErrorCode::InvalidRequest, "the parameter token is missing")
        })?;
        let now = self.now().timestamp();
        let (owner, alive, anchor) = match self.find_presented(token).await? {
            None => return Ok(()),
            Some(Presented::AccessToken(found)) => {
                let token = &found.record.token;
                let alive = token.judge(found.ends.as_slice(), found.session.as_ref(), now).is_ok();
                (token.client_id.clone(), alive, Anchor::Token(token.id))
            }
            Some(Presented::RefreshToken(_, found)) => {
                let grant = &found.record;
                let alive = grant.judge(found.ends.as_slice(), found.session.as_ref(), now).is_ok();
                (grant.client_id.clone(), alive, Anchor::Grant(grant.id))
            }
        };
        must_own(client.client_id(), &owner)?;
        if alive {
            self.store.end_anchor(anchor).await?;
        }
        Ok(())
    }
}

/// RFC 7009 section 2.1: if the token was issued to another client, "the request is refused and the client is
/// informed of the error".
fn must_own(client_id: &ClientId, owner: &ClientId) -> Result<(), OAuthError> {
    if client_id == owner {
        return Ok(());
    }
    let description = "the token was issued to another application";
    Err(OAuthError::new(ErrorCode::InvalidGrant, description))
}
