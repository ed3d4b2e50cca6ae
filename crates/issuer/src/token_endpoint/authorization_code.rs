//! The authorization code grant (RFC 6749 section 4.1.3, RFC 7636, OpenID Connect Core section 3.1.3).

use tokenbind_binding::{
    CodeId, GrantType,
    handle::{HandleError, HandleKind},
};

use super::{
    TokenResponse, bind, ended_meanwhile, id_token_lifetime, invalid_grant,
    request::AuthorizationCodeRequest, response::Besides,
};
use crate::{
    client::{AuthenticatedClient, ClientEvidence},
    code::AuthorizationCode,
    error::OAuthError,
    issuer::Issuer,
    keys::KeyRing,
    pkce,
    store::{AsOf, Issuance, Issued, RedeemOutcome, Redemption},
};

const UNKNOWN: &str = "the code is not known, or no longer";

impl Issuer {
    pub(super) async fn authorization_code_grant(
        &self,
        client: &AuthenticatedClient,
        request: AuthorizationCodeRequest<'_>,
        shown: ClientEvidence<'_>,
    ) -> Result<TokenResponse, OAuthError> {
        let keys = self.keys();
        let id = keys
            .handles
            .open(HandleKind::AuthorizationCode, request.code)
            .map(CodeId::from_bytes)
            .map_err(|error: HandleError| invalid_grant(error.to_string()))?;
        let recorded = self.store.look_up_code(id).await?;
        let code = recorded.ok_or_else(|| invalid_grant(UNKNOWN))?.code;
        check(&code, client, &request)?;
        let redemption = Redemption {
            code: id,
            issuance: self.issuance_of(&keys, id, &code, client, shown)?,
            in_slot: client.settings().uses_slots(),
            id_token_lifetime: id_token_lifetime(client, Some(&code.login), &code.scope),
        };
        let issued = redeemed(self.store.redeem_code(redemption).await?)?;
        let user = self.user_of_claims(client, &code.subject, Some(&code.login)).await?;
        let besides = Besides {
            user: user.as_deref(),
            login: Some(&code.login),
            nonce: code.nonce.as_deref(),
        };
        self.respond(&keys, client, &issued, besides)
    }

    fn issuance_of(
        &self,
        keys: &KeyRing,
        id: CodeId,
        code: &AuthorizationCode,
        client: &AuthenticatedClient,
        shown: ClientEvidence<'_>,
    ) -> Result<Issuance, OAuthError> {
        let settings = client.settings();
        let refreshable = settings.grant_types.contains(&GrantType::RefreshToken);
        Ok(Issuance {
            // Whatever ended since the user authorized ends the code too.
            as_of: AsOf(id.instant()),
            client_id: code.client_id.clone(),
            subject: code.subject.clone(),
            username: Some(code.username.clone()),
            pairwise: code.pairwise.clone(),
            login: Some(code.login.clone()),
            scope: code.scope.clone(),
            audience: code.audience.clone(),
            bindings: bind(client, GrantType::AuthorizationCode, &code.authorized, shown)?,
            access_token: self.access_token_terms(
                keys,
                client,
                settings.user_access_token_lifetime,
            )?,
            refresh_token_lifetime: refreshable.then_some(settings.refresh_token_lifetime),
        })
    }
}

/// Whether the request is right, whatever became of the code. Only such a request can redeem it, or be
/// a reuse that ends what came of it.
fn check(
    code: &AuthorizationCode,
    client: &AuthenticatedClient,
    request: &AuthorizationCodeRequest<'_>,
) -> Result<(), OAuthError> {
    // RFC 6749 section 4.1.3: "ensure that the authorization code was issued to the authenticated
    // confidential client, or if the client is public, […] to client_id in the request".
    if code.client_id != *client.client_id() {
        return Err(invalid_grant("the code was issued to another application"));
    }
    check_redirect_uri(code, request.redirect_uri)?;
    pkce::verify(code.code_challenge, request.code_verifier)
        .map_err(|error| invalid_grant(error.to_string()))
}

/// RFC 6749 section 4.1.3: `redirect_uri` is "REQUIRED, if the `redirect_uri` parameter was included in the
/// authorization request […], and their values MUST be identical".
fn check_redirect_uri(code: &AuthorizationCode, shown: Option<&str>) -> Result<(), OAuthError> {
    match shown {
        Some(uri) if uri == code.redirect_uri => Ok(()),
        Some(_) => Err(invalid_grant("redirect_uri is not the one that the code was sent to")),
        None if code.redirect_uri_named => {
            Err(invalid_grant("redirect_uri is missing, but the authorization request named one"))
        }
        None => Ok(()),
    }
}

fn redeemed(outcome: RedeemOutcome) -> Result<Issued, OAuthError> {
    match outcome {
        RedeemOutcome::Redeemed(issued) => Ok(issued),
        RedeemOutcome::AlreadyRedeemed => Err(invalid_grant(
            "the code was redeemed before, so what came of it was ended; sign in again",
        )),
        RedeemOutcome::Expired => Err(invalid_grant("the code has expired")),
        RedeemOutcome::Unknown => Err(invalid_grant(UNKNOWN)),
        RedeemOutcome::SessionOver => Err(invalid_grant("the login session of the code is over")),
        RedeemOutcome::Ended(anchor) => Err(ended_meanwhile(&anchor)),
    }
}
