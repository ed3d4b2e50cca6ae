//! The password grant (RFC 6749 section 4.3).

use tokenbind_binding::{GrantType, bindings::Authorized};

use super::{
    TokenResponse, ended_meanwhile, grant_scope, grant_terms, request::PasswordRequest,
    response::Besides,
};
use crate::{
    client::{AuthenticatedClient, ClientEvidence},
    dpop::replayed,
    error::OAuthError,
    issuer::Issuer,
    store::{Issuance, IssueOutcome},
    throttle::Guess,
};

impl Issuer {
    pub(super) async fn password_grant(
        &self,
        client: &AuthenticatedClient,
        request: PasswordRequest<'_>,
        shown: ClientEvidence<'_>,
    ) -> Result<TokenResponse, OAuthError> {
        let grant = GrantType::Password;
        let wanted = self.wanted(shown.form).await?;
        // No token of this grant tells of a login.
        wanted.check_login(None)?;
        let scope = wanted.narrow(&grant_scope(client, request.scope.clone())?)?;
        let bound = self.bind(client, grant, &Authorized::default(), shown)?;
        wanted.check_bindings(&bound.bindings)?;
        let guess =
            Guess { username: request.username, address: shown.address, known_browser: None };
        let user = self.check_password(guess, request.password).await?;
        let keys = self.keys();
        let settings = client.settings();
        let audience = wanted.audience(&self.config.default_audience);
        let issuance = Issuance {
            as_of: client.as_of(),
            client_id: client.client_id().clone(),
            subject: user.subject.clone(),
            username: Some(user.username.as_str().into()),
            pairwise: self.shown_subject(client.application(), &user.subject),
            login: None,
            grant: grant_terms(client, &scope, &audience),
            scope,
            audience,
            bindings: bound.bindings,
            proof: bound.proof,
            access_token: self.access_token_terms(
                &keys,
                client,
                &wanted,
                settings.user_access_token_lifetime,
            )?,
            exchanged: None,
        };
        let outcome = if settings.uses_slots() {
            self.store.issue_in_slot(issuance).await?
        } else {
            self.store.issue(issuance).await?
        };
        match outcome {
            IssueOutcome::Issued(issued) => {
                let dpop_nonce = bound.dpop_nonce.as_deref();
                let besides = Besides { user: Some(&user), dpop_nonce, ..Besides::default() };
                self.respond(&keys, client, &issued, besides)
            }
            IssueOutcome::Ended(anchor) => Err(ended_meanwhile(&anchor)),
            IssueOutcome::Replayed => Err(replayed()),
        }
    }
}
