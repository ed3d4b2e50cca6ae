//! The authorization code grant (RFC 6749 section 4.1.3, RFC 7636, OpenID Connect Core section 3.1.3).

use tokenbind_binding::{
    ClientId, CodeId, GrantType,
    handle::{HandleError, HandleKind},
};

use super::{
    Bound, TokenResponse, ended_meanwhile, grant_terms, id_token_login, invalid_grant,
    request::AuthorizationCodeRequest, response::Besides,
};
use crate::{
    client::{AuthenticatedClient, ClientEvidence},
    code::AuthorizationCode,
    dpop::replayed,
    error::OAuthError,
    issuer::Issuer,
    keys::KeyRing,
    pkce,
    resource::Wanted,
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
        check(&code, client.client_id(), &request)?;
        let grant = GrantType::AuthorizationCode;
        let wanted = self.wanted_within(shown.form, &code.audience).await?;
        wanted.check_login(Some(&code.login))?;
        let bound = self.bind(client, grant, &code.authorized, shown)?;
        wanted.check_bindings(&bound.bindings)?;
        let login = id_token_login(Some(&code.login), &code.scope);
        let redemption = Redemption {
            code: id,
            issuance: self.issuance_of(&keys, id, &code, client, &wanted, &bound)?,
            in_slot: client.settings().uses_slots(),
            id_token_lifetime: login.map(|_| client.settings().id_token_lifetime),
        };
        let issued = redeemed(self.store.redeem_code(redemption).await?)?;
        let user = self.user_of_claims(client, &code.subject, Some(&code.login)).await?;
        let besides = Besides {
            user: user.as_deref(),
            login,
            nonce: code.nonce.as_deref(),
            dpop_nonce: bound.dpop_nonce.as_deref(),
            ..Besides::default()
        };
        self.respond(&keys, client, &issued, besides)
    }

    fn issuance_of(
        &self,
        keys: &KeyRing,
        id: CodeId,
        code: &AuthorizationCode,
        client: &AuthenticatedClient,
        wanted: &Wanted,
        bound: &Bound,
    ) -> Result<Issuance, OAuthError> {
        let lifetime = client.settings().user_access_token_lifetime;
        Ok(Issuance {
            // Whatever ended since the user authorized ends the code too.
            as_of: AsOf(id.instant()),
            client_id: code.client_id.clone(),
            subject: code.subject.clone(),
            username: Some(code.username.clone()),
            pairwise: code.pairwise.clone(),
            login: Some(code.login.clone()),
            scope: wanted.narrow(&code.scope)?,
            audience: wanted.audience(&code.audience),
            bindings: bound.bindings.clone(),
            proof: bound.proof,
            access_token: self.access_token_terms(keys, client, wanted, lifetime)?,
            grant: grant_terms(client, &code.scope, &code.audience),
            exchanged: None,
        })
    }
}

/// Whether the request is right, whatever became of the code. Only such a request can redeem it, or be
/// a reuse that ends what came of it.
fn check(
    code: &AuthorizationCode,
    client_id: &ClientId,
    request: &AuthorizationCodeRequest<'_>,
) -> Result<(), OAuthError> {
    // RFC 6749 section 4.1.3: "ensure that the authorization code was issued to the authenticated
    // confidential client, or if the client is public, […] to client_id in the request".
    if code.client_id != *client_id {
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
        RedeemOutcome::Replayed => Err(replayed()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokenbind_binding::{Anchor, SessionId, Timestamp, bindings::Authorized};

    use super::*;
    use crate::{
        error::ErrorCode,
        login::{Acr, Login, RequestedClaims},
        pkce::CodeChallenge,
        scope::{Audience, Scope},
    };

    const REDIRECT_URI: &str = "https://app.example/cb";

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    const RIGHT: AuthorizationCodeRequest<'_> = AuthorizationCodeRequest {
        code: "",
        redirect_uri: Some(REDIRECT_URI),
        code_verifier: Some(VERIFIER),
    };

    fn code() -> AuthorizationCode {
        AuthorizationCode {
            client_id: "app".into(),
            subject: "u1".into(),
            username: "alice".into(),
            pairwise: None,
            scope: Scope::default(),
            audience: Audience::of(&["https://api"]),
            redirect_uri: REDIRECT_URI.into(),
            redirect_uri_named: true,
            code_challenge: Some(CodeChallenge::parse(CHALLENGE).unwrap()),
            nonce: None,
            authorized: Authorized::default(),
            login: Arc::new(Login {
                session: SessionId::from_bytes([1; 16]),
                ends_tokens: false,
                auth_time: Timestamp::from_secs(1),
                acr: Acr::Password,
                claims: RequestedClaims::default(),
            }),
        }
    }

    fn refusal(
        code: &AuthorizationCode,
        client: &str,
        request: &AuthorizationCodeRequest<'_>,
    ) -> Option<ErrorCode> {
        check(code, &client.into(), request).err().map(|error| error.code)
    }

    #[test]
    fn the_right_request_is_heard() {
        assert_eq!(refusal(&code(), "app", &RIGHT), None);
    }

    #[test]
    fn rfc6749_section_4_1_3_the_code_of_another_client_is_refused() {
        assert_eq!(refusal(&code(), "other", &RIGHT), Some(ErrorCode::InvalidGrant));
    }

    #[test]
    fn rfc6749_section_4_1_3_another_redirect_uri_is_refused() {
        for uri in ["https://app.example/cb/", "https://app.example/CB", "http://app.example/cb"] {
            let request = AuthorizationCodeRequest { redirect_uri: Some(uri), ..RIGHT };
            assert_eq!(refusal(&code(), "app", &request), Some(ErrorCode::InvalidGrant), "{uri}");
            let unnamed = AuthorizationCode { redirect_uri_named: false, ..code() };
            assert_eq!(refusal(&unnamed, "app", &request), Some(ErrorCode::InvalidGrant), "{uri}");
        }
    }

    #[test]
    fn rfc6749_section_4_1_3_a_redirect_uri_that_was_named_must_be_named_again() {
        let request = AuthorizationCodeRequest { redirect_uri: None, ..RIGHT };
        assert_eq!(refusal(&code(), "app", &request), Some(ErrorCode::InvalidGrant));
        let unnamed = AuthorizationCode { redirect_uri_named: false, ..code() };
        assert_eq!(refusal(&unnamed, "app", &request), None);
    }

    #[test]
    fn rfc7636_section_4_6_a_wrong_or_missing_verifier_is_refused() {
        for code_verifier in [None, Some(CHALLENGE), Some("short")] {
            let request = AuthorizationCodeRequest { code_verifier, ..RIGHT };
            assert_eq!(refusal(&code(), "app", &request), Some(ErrorCode::InvalidGrant));
        }
    }

    #[test]
    fn rfc9700_section_2_1_1_a_verifier_for_a_code_without_a_challenge_is_refused() {
        let code = AuthorizationCode { code_challenge: None, ..code() };
        assert_eq!(refusal(&code, "app", &RIGHT), Some(ErrorCode::InvalidGrant));
        let without = AuthorizationCodeRequest { code_verifier: None, ..RIGHT };
        assert_eq!(refusal(&code, "app", &without), None);
    }

    #[test]
    fn whatever_the_code_cannot_be_redeemed_for_is_an_invalid_grant() {
        for outcome in [
            RedeemOutcome::AlreadyRedeemed,
            RedeemOutcome::Expired,
            RedeemOutcome::Unknown,
            RedeemOutcome::SessionOver,
            RedeemOutcome::Ended(Anchor::Subject("u1".into())),
        ] {
            let refused = redeemed(outcome).unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidGrant, "{refused}");
        }
    }

    #[test]
    fn debug_shows_neither_code_nor_verifier() {
        let request = AuthorizationCodeRequest { code: "tb_ac_secret", ..RIGHT };
        let shown = format!("{request:?}");
        assert!(!shown.contains("secret") && !shown.contains(VERIFIER), "{shown}");
    }
}
