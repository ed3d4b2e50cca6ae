//! The device code grant (RFC 8628 sections 3.4 and 3.5).

use tokenbind_binding::{
    Anchor, DeviceCodeId, GrantType, Instant, device_flow,
    handle::{HandleError, HandleKind},
};

use super::{
    Bound, TokenResponse, ended_meanwhile, grant_terms, id_token_login, invalid_grant,
    request::DeviceCodeRequest, response::Besides,
};
use crate::{
    client::{AuthenticatedClient, ClientEvidence},
    device::{DeviceApproval, DeviceAuthorization},
    dpop::replayed,
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
    keys::KeyRing,
    resource::Wanted,
    store::{
        AsOf, DeviceRedeemOutcome, DeviceRedemption, Issuance, Issued, KeptDevice, Poll,
        PollOutcome,
    },
};

/// RFC 8628 section 3.5: "the interval MUST be increased by 5 seconds for this and all subsequent requests".
const SLOWER: u64 = 5;

impl Issuer {
    pub(super) async fn device_code_grant(
        &self,
        client: &AuthenticatedClient,
        request: DeviceCodeRequest<'_>,
        shown: ClientEvidence<'_>,
    ) -> Result<TokenResponse, OAuthError> {
        let keys = self.keys();
        let id = keys
            .handles
            .open(HandleKind::DeviceCode, request.device_code)
            .map(DeviceCodeId::from_bytes)
            .map_err(|error: HandleError| invalid_grant(error.to_string()))?;
        // This server made the code, so that it was there once.
        let recorded = self.store.look_up_device_code(id).await?;
        let KeptDevice { asked, .. } = recorded.ok_or_else(expired)?;
        if asked.client_id != *client.client_id() {
            return Err(invalid_grant("the device code was issued to another application"));
        }
        // Before the poll is noted: one without the proof does not count.
        let wanted = self.wanted_within(shown.form, &asked.audience).await?;
        let bound = self.bind(client, GrantType::DeviceCode, &asked.authorized, shown)?;
        wanted.check_bindings(&bound.bindings)?;
        let poll = Poll { device: id, proof: bound.proof, slower: SLOWER };
        let (approval, at) = approved(self.store.poll_device_code(poll).await?)?;
        wanted.check_login(Some(&approval.login))?;
        let login = id_token_login(Some(&approval.login), &asked.scope);
        let redemption = DeviceRedemption {
            device: id,
            reference: device_flow::reference_of(client.client_id(), request.device_code),
            in_slot: client.settings().uses_slots(),
            id_token_lifetime: login.map(|_| client.settings().id_token_lifetime),
            issuance: self.issuance_of_device(
                &keys,
                client,
                &asked,
                &wanted,
                (&approval, at),
                &bound,
            )?,
        };
        let issued = redeemed(self.store.redeem_device_code(redemption).await?)?;
        let user = self.user_of_claims(client, &approval.subject, Some(&approval.login)).await?;
        let dpop_nonce = bound.dpop_nonce.as_deref();
        let besides = Besides { user: user.as_deref(), login, dpop_nonce, ..Besides::default() };
        self.respond(&keys, client, &issued, besides)
    }

    fn issuance_of_device(
        &self,
        keys: &KeyRing,
        client: &AuthenticatedClient,
        asked: &DeviceAuthorization,
        wanted: &Wanted,
        (approval, at): (&DeviceApproval, Instant),
        bound: &Bound,
    ) -> Result<Issuance, OAuthError> {
        let lifetime = client.settings().user_access_token_lifetime;
        Ok(Issuance {
            // Whatever ended since the user approved takes the approval back too.
            as_of: AsOf(at),
            client_id: asked.client_id.clone(),
            subject: approval.subject.clone(),
            username: Some(approval.username.clone()),
            pairwise: approval.pairwise.clone(),
            login: Some(approval.login.clone()),
            scope: wanted.narrow(&asked.scope)?,
            audience: wanted.audience(&asked.audience),
            bindings: bound.bindings.clone(),
            // The poll has used it up.
            proof: None,
            access_token: self.access_token_terms(keys, client, wanted, lifetime)?,
            grant: grant_terms(client, &asked.scope, &asked.audience),
            exchanged: None,
        })
    }
}

/// Who approved and when, or what the device is told instead.
fn approved(outcome: PollOutcome) -> Result<(DeviceApproval, Instant), OAuthError> {
    match outcome {
        PollOutcome::Approved { approval, at } => Ok((approval, at)),
        PollOutcome::Pending => Err(pending()),
        PollOutcome::SlowDown => Err(OAuthError::new(
            ErrorCode::SlowDown,
            "the user has not answered yet, and the device asks too often; wait 5 seconds longer \
             between requests from now on",
        )),
        PollOutcome::Denied => Err(OAuthError::new(ErrorCode::AccessDenied, "the user said no")),
        PollOutcome::Redeemed => Err(already_redeemed()),
        PollOutcome::Expired => Err(expired()),
        PollOutcome::Ended(anchor) => Err(taken_back(&anchor)),
        PollOutcome::Replayed => Err(replayed()),
    }
}

fn redeemed(outcome: DeviceRedeemOutcome) -> Result<Issued, OAuthError> {
    match outcome {
        DeviceRedeemOutcome::Redeemed(issued) => Ok(issued),
        DeviceRedeemOutcome::AlreadyRedeemed => Err(already_redeemed()),
        DeviceRedeemOutcome::NotApproved => Err(pending()),
        DeviceRedeemOutcome::Expired => Err(expired()),
        DeviceRedeemOutcome::Ended(anchor) => Err(taken_back(&anchor)),
        DeviceRedeemOutcome::Replayed => Err(replayed()),
    }
}

fn pending() -> OAuthError {
    OAuthError::new(ErrorCode::AuthorizationPending, "the user has not answered yet")
}

fn expired() -> OAuthError {
    OAuthError::new(ErrorCode::ExpiredToken, "the device code has expired; ask for another one")
}

fn already_redeemed() -> OAuthError {
    invalid_grant("the device code was redeemed before")
}

fn taken_back(anchor: &Anchor) -> OAuthError {
    match anchor {
        Anchor::Session(_) => invalid_grant("the login in which it was approved is over"),
        anchor => ended_meanwhile(anchor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(outcome: PollOutcome) -> &'static str {
        approved(outcome).unwrap_err().code.as_str()
    }

    #[test]
    fn rfc8628_section_3_5_each_outcome_has_its_code() {
        assert_eq!(told(PollOutcome::Pending), "authorization_pending");
        assert_eq!(told(PollOutcome::SlowDown), "slow_down");
        assert_eq!(told(PollOutcome::Denied), "access_denied");
        assert_eq!(told(PollOutcome::Expired), "expired_token");
        assert_eq!(told(PollOutcome::Redeemed), "invalid_grant");
        assert_eq!(told(PollOutcome::Replayed), "invalid_dpop_proof");
        assert_eq!(told(PollOutcome::Ended(Anchor::Subject("u1".into()))), "invalid_grant");
    }

    #[test]
    fn whatever_the_code_cannot_be_redeemed_for_is_told() {
        for (outcome, code) in [
            (DeviceRedeemOutcome::AlreadyRedeemed, ErrorCode::InvalidGrant),
            (DeviceRedeemOutcome::NotApproved, ErrorCode::AuthorizationPending),
            (DeviceRedeemOutcome::Expired, ErrorCode::ExpiredToken),
            (DeviceRedeemOutcome::Ended(Anchor::Application("tv".into())), ErrorCode::InvalidGrant),
        ] {
            assert_eq!(redeemed(outcome).unwrap_err().code, code);
        }
    }

    #[test]
    fn debug_does_not_show_the_code() {
        let request = DeviceCodeRequest { device_code: "tb_dc_secret" };
        assert!(!format!("{request:?}").contains("secret"));
    }
}
