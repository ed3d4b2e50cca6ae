//! The password grant (RFC 6749 section 4.3).

use std::{net::IpAddr, sync::Arc};

use tokenbind_binding::{GrantType, bindings::Authorized};

use super::{
    TokenResponse, bind, ended_meanwhile, grant_scope, request::PasswordRequest, response::Besides,
};
use crate::{
    client::{AuthenticatedClient, ClientEvidence, too_many_attempts},
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
    password::HashError,
    store::{Issuance, IssueOutcome},
    throttle::Attempt,
    user::User,
};

impl Issuer {
    pub(super) async fn password_grant(
        &self,
        client: &AuthenticatedClient,
        request: PasswordRequest<'_>,
        shown: ClientEvidence<'_>,
    ) -> Result<TokenResponse, OAuthError> {
        let bindings = bind(client, GrantType::Password, &Authorized::default(), shown)?;
        let scope = grant_scope(client, request.scope.clone())?;
        let user = self.check_password(&request, shown.address).await?;
        let keys = self.keys();
        let settings = client.settings();
        let refreshable = settings.grant_types.contains(&GrantType::RefreshToken);
        let issuance = Issuance {
            as_of: client.as_of(),
            client_id: client.client_id().clone(),
            subject: user.subject.clone(),
            username: Some(user.username.as_str().into()),
            pairwise: self.shown_subject(client.application(), &user.subject),
            login: None,
            scope,
            audience: self.config.default_audience.clone(),
            bindings,
            access_token: self.access_token_terms(
                &keys,
                client,
                settings.user_access_token_lifetime,
            )?,
            refresh_token_lifetime: refreshable.then_some(settings.refresh_token_lifetime),
        };
        let outcome = if settings.uses_slots() {
            self.store.issue_in_slot(issuance).await?
        } else {
            self.store.issue(issuance).await?
        };
        match outcome {
            IssueOutcome::Issued(issued) => {
                let besides = Besides { user: Some(&user), ..Besides::default() };
                self.respond(&keys, client, &issued, besides)
            }
            IssueOutcome::Ended(anchor) => Err(ended_meanwhile(&anchor)),
        }
    }

    async fn check_password(
        &self,
        request: &PasswordRequest<'_>,
        address: IpAddr,
    ) -> Result<Arc<User>, OAuthError> {
        let attempt = Attempt { name: request.username.into(), address };
        self.failed_passwords.check(&attempt, self.now()).map_err(too_many_attempts)?;
        let user = self.store.find_user(request.username).await?;
        let hash = user.as_ref().map(|user| user.password_hash.as_str());
        let verified = self.passwords.verify(request.password, hash).await?;
        match (user, verified) {
            (Some(user), Ok(())) if user.locked => {
                Err(OAuthError::new(ErrorCode::InvalidGrant, "the user is locked"))
            }
            (Some(user), Ok(())) => Ok(user),
            _ => {
                self.failed_passwords.record_failure(attempt, self.now());
                let description = "the username or the password is wrong";
                Err(OAuthError::new(ErrorCode::InvalidGrant, description))
            }
        }
    }
}

impl From<HashError> for OAuthError {
    fn from(error: HashError) -> Self {
        let description = "the password could not be checked, try again in a moment";
        let refusal = Self::new(ErrorCode::TemporarilyUnavailable, description);
        Self { log: Some(error.to_string()), ..refusal }
    }
}
