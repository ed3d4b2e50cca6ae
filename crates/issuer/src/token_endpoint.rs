//! The token endpoint (RFC 6749 section 3.2): from an authenticated request to committed tokens.

mod authorization_code;
mod client_credentials;
mod device_code;
mod password;
mod refresh_token;
mod request;
mod response;
mod token_exchange;

use std::{borrow::Cow, sync::Arc};

use tokenbind_binding::{
    Anchor, Bindings, Evidence, GrantType, JtiClaim, Refusal, SubjectId,
    bindings::{self, Authorized},
    client_request::TokenBindingId,
    device_flow::ShownDeviceCode,
    dpop::proof::Checked,
};

pub use request::TokenRequest;
pub(crate) use request::optional_scope;
pub use response::TokenResponse;
pub(crate) use response::{ACCESS_TOKEN_TYP, audience, token_type};

use crate::{
    access_token::TokenFormat,
    client::{AuthenticatedClient, ClientEvidence},
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
    keys::{KeyRing, SigningAlgorithm},
    login::Login,
    resource::Wanted,
    scope::{Audience, Scope},
    settings::AccessTokenFormat,
    store::{AccessTokenTerms, GrantTerms, StoreResult},
    user::User,
};

impl Issuer {
    /// Answers a token request.
    ///
    /// # Errors
    /// The codes of RFC 6749 section 5.2.
    pub async fn token(&self, shown: ClientEvidence<'_>) -> Result<TokenResponse, OAuthError> {
        let request = TokenRequest::parse(shown.form)?;
        let client = self.authenticate(shown).await?;
        client.may_use(request.grant_type())?;
        // Boxed, so that no request carries the state of the largest grant through every layer.
        match request {
            TokenRequest::AuthorizationCode(request) => {
                Box::pin(self.authorization_code_grant(&client, request, shown)).await
            }
            TokenRequest::Password(request) => {
                let grant = self.password_grant(&client, request, shown);
                Box::pin(grant).await
            }
            TokenRequest::ClientCredentials { scope } => {
                Box::pin(self.client_credentials_grant(&client, scope, shown)).await
            }
            TokenRequest::DeviceCode(request) => {
                Box::pin(self.device_code_grant(&client, request, shown)).await
            }
            TokenRequest::RefreshToken(request) => {
                Box::pin(self.refresh_token_grant(&client, request, shown)).await
            }
            TokenRequest::TokenExchange(request) => {
                Box::pin(self.token_exchange_grant(&client, request, shown)).await
            }
        }
    }

    fn access_token_terms(
        &self,
        keys: &KeyRing,
        client: &AuthenticatedClient,
        wanted: &Wanted,
        lifetime: u64,
    ) -> Result<AccessTokenTerms, OAuthError> {
        let format = match wanted.format()?.unwrap_or(client.settings().access_token_format) {
            AccessTokenFormat::Opaque => TokenFormat::Opaque { key: keys.handle_key() },
            AccessTokenFormat::Jwt => {
                let key = keys.signing_key(self.access_token_algorithm(client))?.id();
                TokenFormat::Jwt { key }
            }
        };
        Ok(AccessTokenTerms { format, lifetime: wanted.lifetime(lifetime) })
    }

    /// What signs the application's access tokens where they are JWTs.
    fn access_token_algorithm(&self, client: &AuthenticatedClient) -> SigningAlgorithm {
        client.settings().fapi().signature(self.config.access_token_signing_alg)
    }

    /// The user, where claims about them go into the tokens.
    async fn user_of_claims(
        &self,
        client: &AuthenticatedClient,
        subject: &SubjectId,
        login: Option<&Login>,
    ) -> StoreResult<Option<Arc<User>>> {
        let in_id_token = login.is_some_and(|login| !login.claims.id_token.is_empty());
        if in_id_token || !client.settings().access_token_claims.is_empty() {
            self.store.find_subject(subject).await
        } else {
            Ok(None)
        }
    }
}

fn invalid_grant(description: impl Into<Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidGrant, description)
}

/// What a request shows for bindings, and what the answer to it has to say.
pub(crate) struct Gathered {
    pub(crate) evidence: Evidence,
    /// What the store has to claim before the key in the evidence counts.
    pub(crate) proof: Option<JtiClaim>,
    /// The nonce that the client's next DPoP proof is to have, if it is another one.
    pub(crate) dpop_nonce: Option<String>,
}

/// What the tokens of a new grant are bound to, and what the answer has to say.
struct Bound {
    bindings: Bindings,
    /// What the store has to claim with the tokens.
    proof: Option<JtiClaim>,
    /// The nonce that the client's next DPoP proof is to have, if it is another one.
    dpop_nonce: Option<String>,
}

impl Issuer {
    /// What the request shows for bindings. An application without `client-request` ignores
    /// `tokenBindingId`, whatever it holds; and a DPoP proof that nothing needs is not looked at.
    pub(crate) fn gather(
        &self,
        client: &AuthenticatedClient,
        shown: ClientEvidence<'_>,
        names_instance: bool,
        needs_dpop: bool,
    ) -> Result<Gathered, OAuthError> {
        let named = shown.form.get("tokenBindingId").filter(|_| names_instance);
        let token_binding_id = named
            .map_or(Ok(None), TokenBindingId::parse)
            .map_err(|error| OAuthError::new(ErrorCode::InvalidRequest, error.to_string()))?;
        let checked = if needs_dpop {
            self.check_proof(&shown.proofs, client.settings(), None)?
        } else {
            None
        };
        let evidence = Evidence {
            token_binding_id,
            device_code: shown.form.get("device_code").map(ShownDeviceCode::new),
            cookies: shown.cookies.clone(),
            certificate: client.shown_certificate(&shown.proofs),
            dpop: checked.as_ref().map(Checked::jkt),
        };
        let proof = checked.as_ref().map(Checked::claim);
        Ok(Gathered { evidence, proof, dpop_nonce: checked.and_then(Checked::next_nonce) })
    }

    /// What the tokens of a new grant are bound to.
    fn bind(
        &self,
        client: &AuthenticatedClient,
        grant: GrantType,
        authorized: &Authorized,
        shown: ClientEvidence<'_>,
    ) -> Result<Bound, OAuthError> {
        let terms = client.settings().binding_terms();
        let (names_instance, needs_dpop) =
            (client.settings().uses_slots(), terms.need_dpop(authorized));
        let gathered = self.gather(client, shown, names_instance, needs_dpop)?;
        let evidence = &gathered.evidence;
        let bindings = bindings::at_token(&terms, grant, authorized, evidence, client.client_id());
        let bindings = bindings.map_err(not_bound)?;
        Ok(Bound { bindings, proof: gathered.proof, dpop_nonce: gathered.dpop_nonce })
    }
}

pub(crate) fn not_bound(refusal: Refusal) -> OAuthError {
    let code = match refusal {
        Refusal::NotCarried { .. } => ErrorCode::UnauthorizedClient,
        Refusal::Missing(_) => ErrorCode::InvalidRequest,
        Refusal::Mismatch(mismatch) if mismatch.is_missing_dpop() => ErrorCode::InvalidDpopProof,
        Refusal::NotAuthorized(_) | Refusal::Mismatch(_) => ErrorCode::InvalidGrant,
    };
    OAuthError::new(code, refusal.to_string())
}

/// The scope of a new grant. RFC 6749 section 3.3: asked for none, the server uses a default, which is what the
/// application may ask for, less `openid` and `offline_access`.
pub(crate) fn grant_scope(
    client: &AuthenticatedClient,
    requested: Option<Scope>,
) -> Result<Scope, OAuthError> {
    let allowed = &client.settings().scope;
    match requested {
        None => Ok(allowed.without(&["openid", "offline_access"])),
        Some(scope) if scope.is_within(allowed) => Ok(scope),
        Some(scope) => Err(scope_exceeds(&scope, allowed, "the application's scope setting")),
    }
}

fn scope_exceeds(scope: &Scope, allowed: &Scope, holder: &str) -> OAuthError {
    let stray = scope.words().find(|word| !allowed.contains(word)).unwrap_or_default();
    OAuthError::new(ErrorCode::InvalidScope, format!("{stray} is not in {holder}"))
}

/// The grant that goes with an access token, where the application gets refresh tokens: what can come of it is `scope`
/// and `audience`.
fn grant_terms(
    client: &AuthenticatedClient,
    scope: &Scope,
    audience: &Audience,
) -> Option<GrantTerms> {
    let settings = client.settings();
    settings.grant_types.contains(&GrantType::RefreshToken).then(|| GrantTerms {
        lifetime: settings.refresh_token_lifetime,
        scope: scope.clone(),
        audience: audience.clone(),
    })
}

/// The login that an ID token tells of, if there is to be one (OpenID Connect Core sections 3.1.3.3 and 12.2): with the
/// scope `openid`, whichever of the granted scopes the resources of the access token know.
fn id_token_login<'a>(login: Option<&'a Login>, scope: &Scope) -> Option<&'a Login> {
    login.filter(|_| scope.contains("openid"))
}

/// Something that the request was decided on ended before it could be committed.
fn ended_meanwhile(anchor: &Anchor) -> OAuthError {
    invalid_grant(format!("the {} was ended while the request was under way", anchor.kind()))
}
