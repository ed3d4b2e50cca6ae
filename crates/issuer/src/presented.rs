//! From the text of a token to its record, whatever kind of token it is.

use std::sync::Arc;

use aws_lc_rs::digest;
use serde::Deserialize;
use tokenbind_binding::{RefreshTokenId, TokenId, handle::HandleKind};

use crate::{
    access_token::AccessToken,
    grant::Grant,
    issuer::Issuer,
    jwt,
    store::{Recorded, StoreResult},
    token_endpoint::ACCESS_TOKEN_TYP,
};

/// A token that this server made and has a record of. Not yet judged.
pub(crate) enum Presented {
    /// An access token of either format.
    AccessToken(Recorded<Arc<AccessToken>>),
    /// A refresh token, current or spent.
    RefreshToken(RefreshTokenId, Recorded<Grant>),
}

#[derive(Deserialize)]
struct TokenClaims {
    jti: String,
}

impl Issuer {
    /// Finds what `token` stands for; `None` if this server did not make it, or remembers nothing of it.
    pub(crate) async fn find_presented(&self, token: &str) -> StoreResult<Option<Presented>> {
        let keys = self.keys();
        if token.starts_with(HandleKind::RefreshToken.prefix()) {
            let Ok(id) = keys.handles.open(HandleKind::RefreshToken, token) else {
                return Ok(None);
            };
            let id = RefreshTokenId::from_bytes(id);
            let grant = self.store.look_up_grant(id.grant).await?;
            return Ok(grant.map(|grant| Presented::RefreshToken(id, grant)));
        }
        let id = if token.starts_with(HandleKind::AccessToken.prefix()) {
            keys.handles.open(HandleKind::AccessToken, token).ok().map(TokenId::from_bytes)
        } else {
            self.verified_jti(token)
        };
        let Some(id) = id else { return Ok(None) };
        let found = self.store.look_up_access_token(id).await?;
        // The jti of a JWT is no secret: only the signature makes it a token, and the other way round.
        let opaque = token.starts_with(HandleKind::AccessToken.prefix());
        let same_format = |token: &AccessToken| token.format.is_opaque() == opaque;
        Ok(found.filter(|found| same_format(&found.record)).map(Presented::AccessToken))
    }

    /// The `jti` of a JWT access token whose signature is ours. A signature once verified is not
    /// verified again; whether the token is alive is for its record to say.
    fn verified_jti(&self, token: &str) -> Option<TokenId> {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        if let Some(id) = self.verified_jwts.get(&hash) {
            return Some(id);
        }
        let claims: TokenClaims = jwt::verify(&self.keys(), ACCESS_TOKEN_TYP, token).ok()?;
        let id = claims.jti.parse().ok()?;
        self.verified_jwts.insert(hash, id);
        Some(id)
    }
}
