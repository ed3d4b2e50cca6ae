//! The client credentials grant (RFC 6749 section 4.4): the application acts for itself.

use tokenbind_binding::{GrantType, SubjectId, bindings::Authorized};

use super::{TokenResponse, ended_meanwhile, grant_scope, response::Besides};
use crate::{
    client::{AuthenticatedClient, ClientEvidence},
    dpop::replayed,
    error::OAuthError,
    issuer::Issuer,
    scope::Scope,
    store::{Issuance, IssueOutcome},
};

impl Issuer {
    pub(super) async fn client_credentials_grant(
        &self,
        client: &AuthenticatedClient,
        scope: Option<Scope>,
        shown: ClientEvidence<'_>,
    ) -> Result<TokenResponse, OAuthError> {
        // RFC 6749 section 4.4: "MUST only be used by confidential clients".
        client.must_be_confidential()?;
        let keys = self.keys();
        let settings = client.settings();
        let grant = GrantType::ClientCredentials;
        let wanted = self.wanted(shown.form).await?;
        // No token of this grant tells of a login.
        wanted.check_login(None)?;
        let scope = wanted.narrow(&grant_scope(client, scope)?)?;
        let bound = self.bind(client, grant, &Authorized::default(), shown)?;
        wanted.check_bindings(&bound.bindings)?;
        let issuance = Issuance {
            as_of: client.as_of(),
            client_id: client.client_id().clone(),
            // RFC 9068 section 2.2: without a resource owner, `sub` is an identifier of the client.
            subject: SubjectId::from(client.client_id().as_str()),
            username: None,
            pairwise: None,
            login: None,
            scope,
            audience: wanted.audience(&self.config.default_audience),
            bindings: bound.bindings,
            proof: bound.proof,
            access_token: self.access_token_terms(
                &keys,
                client,
                &wanted,
                settings.application_access_token_lifetime,
            )?,
            // RFC 6749 section 4.4.3: "A refresh token SHOULD NOT be included".
            grant: None,
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
                let besides = Besides { dpop_nonce, ..Besides::default() };
                self.respond(&keys, client, &issued, besides)
            }
            IssueOutcome::Ended(anchor) => Err(ended_meanwhile(&anchor)),
            IssueOutcome::Replayed => Err(replayed()),
        }
    }
}
