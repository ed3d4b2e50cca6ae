//! Token exchange (RFC 8693): a token of a user, or of an application, for another one that is never worth more.
//!
//! What comes of it is narrower in scope, lives no longer, is bound at least as strongly, and dies with all that it came of.

mod held;
mod id_token;
mod policy;
mod request;

use std::sync::Arc;

use tokenbind_binding::{
    Anchor, Descent, Evidence, GrantType,
    bindings::{self, Authorized},
};

use self::{
    held::Held,
    policy::{Due, Requester, check_strength},
    request::{RequestedType, Role, invalid_request},
};
use super::{
    Bound, Gathered, TokenResponse, ended_meanwhile, not_bound, response::Besides, scope_exceeds,
};
use crate::{
    access_token::TokenFormat,
    actor::Actor,
    client::{AuthenticatedClient, ClientEvidence},
    dpop::replayed,
    error::{ErrorCode, OAuthError},
    form::Form,
    issuer::Issuer,
    keys::KeyRing,
    resource::{Resource, ResourceKey, Wanted},
    scope::{Audience, Scope},
    settings::ExchangeMode,
    store::{Exchanged, Issuance, IssueOutcome, StoreResult},
};
pub(super) use request::TokenExchangeRequest;

/// More actors than this, one acting for the other, nobody can tell apart.
const MAX_ACTORS: usize = 8;

/// The tokens of a request, found alive.
struct Parties {
    subject: Held,
    actor: Option<Held>,
}

impl Parties {
    fn all(&self) -> impl Iterator<Item = (Role, &Held)> {
        let actor = self.actor.iter().map(|held| (Role::Actor, held));
        std::iter::once((Role::Subject, &self.subject)).chain(actor)
    }
}

impl Issuer {
    pub(super) async fn token_exchange_grant(
        &self,
        client: &AuthenticatedClient,
        request: TokenExchangeRequest<'_>,
        shown: ClientEvidence<'_>,
    ) -> Result<TokenResponse, OAuthError> {
        let keys = self.keys();
        let parties = self.parties(client, &request).await?;
        let bound = self.bind_exchanged(client, &parties, shown).await?;
        let (wanted, audience) = self.exchange_target(client, &parties.subject, shown.form).await?;
        wanted.check_bindings(&bound.bindings)?;
        wanted.check_login(parties.subject.login.as_deref())?;
        let scope = wanted.narrow(&exchanged_scope(client, &parties.subject, request.scope)?)?;
        let target = Target { wanted, audience, scope };
        let issuance = self.exchange(&keys, client, parties, target, &bound)?;
        check_format(request.requested, issuance.access_token.format)?;
        let outcome = if client.settings().uses_slots() {
            self.store.issue_in_slot(issuance).await?
        } else {
            self.store.issue(issuance).await?
        };
        let issued = match outcome {
            IssueOutcome::Issued(issued) => issued,
            IssueOutcome::Ended(Anchor::Session(_)) => {
                return Err(invalid_request("the login session that the token came of is over"));
            }
            IssueOutcome::Ended(anchor) => return Err(ended_meanwhile(&anchor)),
            IssueOutcome::Replayed => return Err(replayed()),
        };
        let subject = &issued.access_token.token.subject;
        let user = self.user_of_claims(client, subject, None).await?;
        let besides = Besides {
            user: user.as_deref(),
            dpop_nonce: bound.dpop_nonce.as_deref(),
            issued_token_type: Some(request.requested.as_str()),
            ..Besides::default()
        };
        self.respond(&keys, client, &issued, besides)
    }

    async fn parties(
        &self,
        client: &AuthenticatedClient,
        request: &TokenExchangeRequest<'_>,
    ) -> Result<Parties, OAuthError> {
        let mode = match request.actor {
            None => ExchangeMode::Impersonation,
            Some(_) => ExchangeMode::Delegation,
        };
        requester(client).check_mode(mode)?;
        let subject = self.held(client, request.subject).await?;
        let actor = match request.actor {
            None => None,
            Some(shown) => Some(self.held(client, shown).await?),
        };
        Ok(Parties { subject, actor })
    }

    /// What the new token is bound to: the requester's own proof. On the way, whatever the parties' tokens are bound to is
    /// proved, if that is due. A DPoP proof counts once, so one request proves one key.
    async fn bind_exchanged(
        &self,
        client: &AuthenticatedClient,
        parties: &Parties,
        shown: ClientEvidence<'_>,
    ) -> Result<Bound, OAuthError> {
        let mut to_prove = Vec::new();
        for (role, held) in parties.all() {
            let meant_for_it = self.is_meant_for(client, &held.audience).await?;
            if requester(client).due(role, held, meant_for_it)? == Due::Proof {
                to_prove.push((role, held));
            }
        }
        let terms = client.settings().binding_terms();
        let authorized = Authorized::default();
        let needs_dpop = terms.need_dpop(&authorized)
            || to_prove.iter().any(|(_, held)| held.bindings.need_dpop());
        let names_instance = client.settings().uses_slots();
        let gathered = self.gather(client, shown, names_instance, needs_dpop)?;
        let Gathered { evidence, proof, dpop_nonce } = gathered;
        for (role, held) in to_prove {
            check_proved(role, held, &evidence)?;
        }
        let grant = GrantType::TokenExchange;
        let bindings =
            bindings::at_token(&terms, grant, &authorized, &evidence, client.client_id())
                .map_err(not_bound)?;
        check_strength(&parties.subject, &bindings)?;
        Ok(Bound { bindings, proof, dpop_nonce })
    }

    /// Whether the application is among those that a token of this audience is meant for.
    async fn is_meant_for(
        &self,
        client: &AuthenticatedClient,
        audience: &Audience,
    ) -> StoreResult<bool> {
        for named in audience.resources() {
            if named == client.client_id().as_str() {
                return Ok(true);
            }
            let Ok(key) = ResourceKey::of(named) else { continue };
            let resource = self.store.find_resource(&key).await?;
            if resource.is_some_and(|one| one.client_id.as_ref() == Some(client.client_id())) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the new token is for: what the request names, or what the subject token is for.
    async fn exchange_target(
        &self,
        client: &AuthenticatedClient,
        subject: &Held,
        form: &Form<'_>,
    ) -> Result<(Wanted, Audience), OAuthError> {
        let mut named = self.wanted(form).await?;
        for name in form.get_all("audience") {
            named = named.and(self.resources_of(name).await?);
        }
        if named.is_default() {
            let inherited = self.wanted_within(&Form::default(), &subject.audience).await?;
            return Ok((inherited, subject.audience.clone()));
        }
        for resource in named.resources() {
            requester(client).check_target(resource, &subject.audience)?;
        }
        let audience = named.audience(&subject.audience);
        Ok((named, audience))
    }

    /// RFC 8693 section 2.1: `audience` is "the logical name of the target service": an application's `client_id`, or the
    /// identifier of a resource.
    async fn resources_of(&self, name: &str) -> Result<Vec<Arc<Resource>>, OAuthError> {
        if let Ok(key) = ResourceKey::of(name)
            && let Some(resource) = self.store.find_resource(&key).await?
        {
            return Ok(vec![resource]);
        }
        let mut resources = self.store.list_resources().await?;
        resources.retain(|one| one.client_id.as_ref().is_some_and(|own| own.as_str() == name));
        if resources.is_empty() {
            let description = "audience names no resource, and no application that is one";
            return Err(OAuthError::new(ErrorCode::InvalidTarget, description));
        }
        Ok(resources)
    }

    fn exchange(
        &self,
        keys: &KeyRing,
        client: &AuthenticatedClient,
        parties: Parties,
        target: Target,
        bound: &Bound,
    ) -> Result<Issuance, OAuthError> {
        let settings = client.settings();
        let actor = self.acting(client, &parties)?;
        let Parties { subject, actor: acting } = parties;
        let (pairwise, lifetime) = match subject.username {
            Some(_) => {
                let pairwise = self.shown_subject(client.application(), &subject.subject);
                (pairwise, settings.user_access_token_lifetime)
            }
            None => (None, settings.application_access_token_lifetime),
        };
        let expires_by = acting.as_ref().map_or(subject.expires_at, |actor| {
            // The end of an actor token is remembered until it would have expired.
            actor.expires_at.min(subject.expires_at)
        });
        let descent = Descent::joined(subject.descent, acting.map(|actor| actor.descent))
            .map_err(|error| invalid_request(error.to_string()))?;
        let terms = self.access_token_terms(keys, client, &target.wanted, lifetime)?;
        Ok(Issuance {
            // The application was read before the tokens were, so nothing that ends after this is missed.
            as_of: client.as_of(),
            client_id: client.client_id().clone(),
            username: subject.username,
            subject: subject.subject,
            pairwise,
            login: subject.login,
            scope: target.scope,
            audience: target.audience,
            bindings: bound.bindings.clone(),
            proof: bound.proof,
            access_token: terms,
            // RFC 8693 section 2.2.1: a refresh token "will typically not be issued".
            grant: None,
            exchanged: Some(Exchanged { descent: Arc::new(descent), actor, expires_by }),
        })
    }

    /// `act` of the new token. RFC 8693 section 4.1: "the outermost act claim represents the current actor".
    fn acting(
        &self,
        client: &AuthenticatedClient,
        parties: &Parties,
    ) -> Result<Option<Arc<Actor>>, OAuthError> {
        let before = parties.subject.actor.clone();
        let actor = match &parties.actor {
            None => before,
            Some(held) => Some(Arc::new(Actor {
                subject: held.subject.clone(),
                pairwise: None,
                client_id: held.client_id.clone(),
                before,
            })),
        };
        if actor.as_ref().is_some_and(|actor| actor.chain().count() > MAX_ACTORS) {
            let description = format!("no more than {MAX_ACTORS} may act one for the other");
            return Err(invalid_request(description));
        }
        let pairwise = |subject: &_| self.shown_subject(client.application(), subject);
        Ok(actor.map(|actor| Arc::new(actor.retold(&pairwise))))
    }
}

/// What the new token is for.
struct Target {
    wanted: Wanted,
    audience: Audience,
    scope: Scope,
}

fn requester(client: &AuthenticatedClient) -> Requester<'_> {
    Requester { client_id: client.client_id(), settings: client.settings() }
}

/// The holder of a token is asked what it would be asked where it is used.
fn check_proved(role: Role, held: &Held, evidence: &Evidence) -> Result<(), OAuthError> {
    bindings::at_use(&held.bindings, evidence, &held.client_id).map_err(|mismatch| {
        let code = if mismatch.is_missing_dpop() {
            ErrorCode::InvalidDpopProof
        } else {
            ErrorCode::InvalidRequest
        };
        OAuthError::new(code, format!("{} is bound: {mismatch}", role.name()))
    })
}

/// Never wider than the subject token's scope, nor than what the application may ask for. Asked for none, all of that but
/// `offline_access`, since no refresh token is given.
fn exchanged_scope(
    client: &AuthenticatedClient,
    subject: &Held,
    requested: Option<Scope>,
) -> Result<Scope, OAuthError> {
    let widest = requester(client).widest_scope(&subject.scope);
    let holder = "the scope of the subject token and of the application";
    match requested {
        Some(scope) if scope.is_within(&widest) => Ok(scope),
        Some(scope) => Err(scope_exceeds(&scope, &widest, holder)),
        None if widest.is_empty() && !subject.scope.is_empty() => {
            let description = format!("nothing is both in {holder}");
            Err(OAuthError::new(ErrorCode::InvalidScope, description))
        }
        None => Ok(widest.without(&["offline_access"])),
    }
}

/// A JWT can be asked for where it would be one.
fn check_format(requested: RequestedType, format: TokenFormat) -> Result<(), OAuthError> {
    match requested {
        RequestedType::Jwt if format.is_opaque() => Err(invalid_request(
            "requested_token_type names a JWT, but access tokens of this application for this target \
             are opaque",
        )),
        RequestedType::Jwt | RequestedType::AccessToken => Ok(()),
    }
}
