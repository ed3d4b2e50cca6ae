//! The refresh token grant (RFC 6749 section 6).

use tokenbind_binding::{
    Bindings, Mismatch, RefreshTokenId,
    bindings::at_refresh,
    handle::{HandleError, HandleKind},
};

use super::{
    Bound, TokenResponse, id_token_login, invalid_grant, request::RefreshTokenRequest,
    response::Besides, scope_exceeds,
};
use crate::{
    client::{AuthenticatedClient, ClientEvidence},
    dpop::replayed,
    error::{ErrorCode, OAuthError},
    grant::{Grant, Rotation},
    issuer::Issuer,
    keys::KeyRing,
    scope::Scope,
    store::{Issued, Refresh, RefreshOutcome},
};

const UNKNOWN: &str = "the refresh token is not known, or no longer";

impl Issuer {
    pub(super) async fn refresh_token_grant(
        &self,
        client: &AuthenticatedClient,
        request: RefreshTokenRequest<'_>,
        shown: ClientEvidence<'_>,
    ) -> Result<TokenResponse, OAuthError> {
        let keys = self.keys();
        let (presented, grant) = self.find_refreshed(&keys, client, &request).await?;
        let Bound { bindings, proof, dpop_nonce } = self.rebind(&grant.bindings, client, shown)?;
        check_profile(client, &bindings)?;
        let wanted = self.wanted_within(shown.form, &grant.audience).await?;
        wanted.check_login(grant.login.as_deref())?;
        wanted.check_bindings(&bindings)?;
        let scope = refreshed_scope(&grant, request.scope)?;
        let login = id_token_login(grant.login.as_deref(), &scope);
        let settings = client.settings();
        let lifetime = settings.user_access_token_lifetime;
        let refresh = Refresh {
            presented,
            client_id: client.client_id().clone(),
            scope: wanted.narrow(&scope)?,
            audience: wanted.audience(&grant.audience),
            bindings: Some(bindings),
            proof,
            access_token: self.access_token_terms(&keys, client, &wanted, lifetime)?,
            rotation: self.rotation(client),
            refresh_token_lifetime: settings.refresh_token_lifetime,
            in_slot: settings.uses_slots(),
            session_idle: self.config.session_idle,
            id_token_lifetime: login.map(|_| settings.id_token_lifetime),
        };
        let issued = refreshed(self.store.refresh(refresh).await?)?;
        let user = self.user_of_claims(client, &grant.subject, grant.login.as_deref()).await?;
        // OpenID Connect Core section 12.2: the ID token "SHOULD NOT have a nonce Claim".
        let dpop_nonce = dpop_nonce.as_deref();
        let besides = Besides { user: user.as_deref(), login, dpop_nonce, ..Besides::default() };
        self.respond(&keys, client, &issued, besides)
    }

    /// What the new access token is bound to, if the request proves what the grant is bound to.
    fn rebind(
        &self,
        bindings: &Bindings,
        client: &AuthenticatedClient,
        shown: ClientEvidence<'_>,
    ) -> Result<Bound, OAuthError> {
        let named = bindings.iter().any(|bound| bound.binding_type.has_slots());
        let names_instance = named || client.settings().uses_slots();
        let gathered = self.gather(client, shown, names_instance, bindings.need_dpop())?;
        let bindings = at_refresh(bindings, &gathered.evidence, client.client_id());
        let bindings = bindings.map_err(not_proved)?;
        Ok(Bound { bindings, proof: gathered.proof, dpop_nonce: gathered.dpop_nonce })
    }

    /// The grant of the refresh token that the application shows.
    async fn find_refreshed(
        &self,
        keys: &KeyRing,
        client: &AuthenticatedClient,
        request: &RefreshTokenRequest<'_>,
    ) -> Result<(RefreshTokenId, Grant), OAuthError> {
        let presented = keys
            .handles
            .open(HandleKind::RefreshToken, request.refresh_token)
            .map(RefreshTokenId::from_bytes)
            .map_err(|error: HandleError| invalid_grant(error.to_string()))?;
        let recorded = self.store.look_up_grant(presented.grant).await?;
        let grant = recorded.ok_or_else(|| invalid_grant(UNKNOWN))?.record;
        if grant.client_id != *client.client_id() {
            return Err(not_theirs());
        }
        Ok((presented, grant))
    }

    fn rotation(&self, client: &AuthenticatedClient) -> Rotation {
        if client.settings().refresh_token_rotation {
            Rotation::On { grace: self.config.refresh_token_reuse_grace }
        } else {
            Rotation::Off
        }
    }
}

fn refreshed(outcome: RefreshOutcome) -> Result<Issued, OAuthError> {
    match outcome {
        RefreshOutcome::Refreshed(issued) => Ok(issued),
        RefreshOutcome::Unknown => Err(invalid_grant(UNKNOWN)),
        RefreshOutcome::NotTheirs => Err(not_theirs()),
        RefreshOutcome::Dead(reason) => {
            Err(invalid_grant(format!("the refresh token is dead: {reason}")))
        }
        RefreshOutcome::Replayed => Err(replayed()),
        RefreshOutcome::Reused => Err(invalid_grant(
            "the refresh token was used before, so its grant was ended; sign in again",
        )),
    }
}

fn not_theirs() -> OAuthError {
    // RFC 6749 section 6: the refresh token "is bound to the client to which it was issued".
    invalid_grant("the refresh token was issued to another application")
}

fn not_proved(mismatch: Mismatch) -> OAuthError {
    if mismatch.is_missing_dpop() {
        OAuthError::new(ErrorCode::InvalidDpopProof, mismatch.to_string())
    } else {
        invalid_grant(mismatch.to_string())
    }
}

/// FAPI 2.0 Security Profile section 5.3.2.1: "shall only issue sender-constrained access tokens", also where the grant
/// is older than the profile of its application.
fn check_profile(client: &AuthenticatedClient, bindings: &Bindings) -> Result<(), OAuthError> {
    if client.settings().fapi().is_on() && !bindings.need_possession() {
        return Err(invalid_grant(
            "the grant was made before fapi_profile was on and its tokens are bound to no private \
             key; sign in again",
        ));
    }
    Ok(())
}

/// RFC 6749 section 6: the scope "MUST NOT include any scope not originally granted", and is the granted one if
/// omitted.
fn refreshed_scope(grant: &Grant, requested: Option<Scope>) -> Result<Scope, OAuthError> {
    match requested {
        None => Ok(grant.scope.clone()),
        Some(scope) if scope.is_within(&grant.scope) => Ok(scope),
        Some(scope) => Err(scope_exceeds(&scope, &grant.scope, "the scope of the grant")),
    }
}
