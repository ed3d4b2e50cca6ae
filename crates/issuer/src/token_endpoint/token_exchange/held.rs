//! From the text of a token that is to be exchanged to what it stands for, found alive.

use std::sync::Arc;

use tokenbind_binding::{Bindings, ClientId, Descent, RefreshTokenId, SubjectId, Timestamp};

use super::request::{ShownToken, TokenType, invalid_request};
use crate::{
    access_token::AccessToken,
    actor::Actor,
    client::AuthenticatedClient,
    error::OAuthError,
    grant::Grant,
    issuer::Issuer,
    login::{Login, RequestedClaims},
    presented::Presented,
    scope::{Audience, Scope},
    store::Recorded,
};

/// A living token of ours, as far as its exchange is concerned.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// The application that it was issued to.
    pub(super) client_id: ClientId,
    pub(super) subject: SubjectId,
    /// None where an application acts for itself.
    pub(super) username: Option<Arc<str>>,
    pub(super) login: Option<Arc<Login>>,
    /// The widest scope that can come of it.
    pub(super) scope: Scope,
    /// What can come of it without a policy that says more.
    pub(super) audience: Audience,
    pub(super) bindings: Bindings,
    pub(super) expires_at: Timestamp,
    /// The descent of what is exchanged for it.
    pub(super) descent: Descent,
    /// Who acts already.
    pub(super) actor: Option<Arc<Actor>>,
    pub(super) kind: Kind,
}

/// Who may hold such a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// An access token: whoever it is meant for, too.
    Access,
    /// A refresh token or an ID token: the application alone that it was issued to.
    Private,
}

impl Issuer {
    /// What the token stands for.
    ///
    /// # Errors
    /// `invalid_request` if it is not alive, or not what it is shown as (RFC 8693 section 2.2.2).
    pub(super) async fn held(
        &self,
        client: &AuthenticatedClient,
        shown: ShownToken<'_>,
    ) -> Result<Held, OAuthError> {
        if shown.token_type == TokenType::IdToken {
            return self.held_by_id_token(client, shown.token).await;
        }
        match (shown.token_type, self.find_presented(shown.token).await?) {
            (TokenType::Jwt, Some(Presented::AccessToken(found)))
                if found.record.format.is_opaque() =>
            {
                Err(another_type(shown))
            }
            (TokenType::AccessToken | TokenType::Jwt, Some(Presented::AccessToken(found))) => {
                self.held_access_token(shown, &found)
            }
            (TokenType::RefreshToken, Some(Presented::RefreshToken(id, found))) => {
                self.held_refresh_token(shown, id, &found)
            }
            (_, None) => {
                let description = format!("{} is not known, or no longer", shown.role.name());
                Err(invalid_request(description))
            }
            (_, Some(_)) => Err(another_type(shown)),
        }
    }

    fn held_access_token(
        &self,
        shown: ShownToken<'_>,
        found: &Recorded<Arc<AccessToken>>,
    ) -> Result<Held, OAuthError> {
        let AccessToken { token, scope, audience, username, login, actor, .. } = &*found.record;
        let now = self.now().timestamp();
        token
            .judge(found.ends.as_slice(), found.session.as_ref(), now)
            .map_err(|reason| dead(shown, &reason))?;
        Ok(Held {
            client_id: token.client_id.clone(),
            subject: token.subject.clone(),
            username: username.clone(),
            login: login.as_ref().map(without_claims),
            scope: scope.clone(),
            audience: audience.clone(),
            bindings: token.bindings.clone(),
            expires_at: token.expires_at,
            descent: token.offspring(),
            actor: actor.clone(),
            kind: Kind::Access,
        })
    }

    fn held_refresh_token(
        &self,
        shown: ShownToken<'_>,
        presented: RefreshTokenId,
        found: &Recorded<Grant>,
    ) -> Result<Held, OAuthError> {
        let grant = &found.record;
        let now = self.now().timestamp();
        grant
            .judge(found.ends.as_slice(), found.session.as_ref(), now)
            .map_err(|reason| dead(shown, &reason))?;
        if grant.refresh_token() != presented {
            let description = format!("{} was replaced by a newer one", shown.role.name());
            return Err(invalid_request(description));
        }
        Ok(Held {
            client_id: grant.client_id.clone(),
            subject: grant.subject.clone(),
            username: grant.username.clone(),
            login: grant.login.as_ref().map(without_claims),
            scope: grant.scope.clone(),
            audience: grant.audience.clone(),
            bindings: grant.bindings.clone(),
            expires_at: grant.expires_at,
            descent: grant.offspring(),
            actor: None,
            kind: Kind::Private,
        })
    }
}

/// The claims that the user's application asked for by name are not for others.
fn without_claims(login: &Arc<Login>) -> Arc<Login> {
    if login.claims.is_empty() {
        return Arc::clone(login);
    }
    Arc::new(Login { claims: RequestedClaims::default(), ..Login::clone(login) })
}

pub(super) fn dead(shown: ShownToken<'_>, reason: &tokenbind_binding::Dead) -> OAuthError {
    invalid_request(format!("{} is dead: {reason}", shown.role.name()))
}

fn another_type(shown: ShownToken<'_>) -> OAuthError {
    invalid_request(format!(
        "{} is not of the type {}",
        shown.role.name(),
        shown.token_type.as_str()
    ))
}
