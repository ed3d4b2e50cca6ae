//! Issuing outside slots, and what every issuance shares.

use std::sync::Arc;

use tokenbind_binding::{Anchor, Bindings, ClientId, GrantId, Instant, SubjectId, Token, TokenId};
use tokenbind_issuer::{
    access_token::AccessToken,
    grant::{CurrentRefreshToken, Grant},
    login::Login,
    scope::{Audience, Scope},
    store::{AccessTokenTerms, Exchanged, GrantTerms, Issuance, IssueOutcome, Issued},
};

use super::{
    claimed_jtis::{UsedUp, use_up},
    connections,
    failure::DbResult,
    write::Write,
};

/// A fresh access token, and a grant with it where a refresh token is wanted.
pub(crate) fn issue(write: &mut Write<'_>, issuance: &Issuance) -> DbResult<IssueOutcome> {
    let Some(proof) = use_up(write, issuance.proof)? else { return Ok(IssueOutcome::Replayed) };
    if let Some(anchor) = ended(write, issuance) {
        return Ok(IssueOutcome::Ended(anchor));
    }
    let instant = write.tick();
    Ok(IssueOutcome::Issued(commit(write, issuance, instant, proof)?))
}

/// [`issue`], once it is clear that nothing speaks against it.
pub(crate) fn commit(
    write: &mut Write<'_>,
    issuance: &Issuance,
    instant: Instant,
    _: UsedUp,
) -> DbResult<Issued> {
    let grant = match &issuance.grant {
        Some(terms) => Some(new_grant(write, issuance, instant, terms)?),
        None => None,
    };
    let facts = Facts::of(issuance, family(write, issuance, grant.as_ref(), instant));
    let access_token = new_token(write, facts, issuance.access_token, instant)?;
    connections::note(write, &access_token, grant.as_ref())?;
    let refresh_token = grant.map(|grant| grant.refresh_token());
    Ok(Issued { access_token, refresh_token })
}

/// What the access token hangs from. Where it comes of a login but has no refresh token, that is the
/// id of a grant without a record, so that whatever came of a code can be ended.
pub(crate) fn family(
    write: &Write<'_>,
    issuance: &Issuance,
    grant: Option<&Grant>,
    instant: Instant,
) -> Option<GrantId> {
    // What is exchanged hangs from the grants that it came of.
    let of_code = issuance.login.is_some() && issuance.exchanged.is_none();
    let of_login = || of_code.then(|| GrantId::new(instant, write.random()));
    grant.map(|grant| grant.id).or_else(of_login)
}

/// What the issuance was decided on and has ended since. The bindings do not count: a new token on
/// a device whose tokens were ended is legitimate.
pub(crate) fn ended(write: &Write<'_>, issuance: &Issuance) -> Option<Anchor> {
    let anchors = [
        Anchor::Subject(issuance.subject.clone()),
        Anchor::Application(issuance.client_id.clone()),
    ];
    let session = issuance.login.as_deref().map(|login| login.session);
    let own = write.ended_after(issuance.as_of, session, anchors);
    own.or_else(|| ended_ancestor(write, issuance))
}

/// What an exchanged token comes of must be alive to the last, and so must its login session, which it would die with: a
/// token that outlived a logout is good for itself alone.
fn ended_ancestor(write: &Write<'_>, issuance: &Issuance) -> Option<Anchor> {
    let descent = &issuance.exchanged.as_ref()?.descent;
    descent.ancestors().iter().find_map(|ancestor| {
        let session = ancestor.session().map(Anchor::Session);
        session
            .filter(|session| write.latest_end(session).is_some())
            .or_else(|| write.ended_after(issuance.as_of, ancestor.session(), ancestor.anchors()))
    })
}

/// A grant with its first refresh token.
pub(crate) fn new_grant(
    write: &mut Write<'_>,
    issuance: &Issuance,
    instant: Instant,
    terms: &GrantTerms,
) -> DbResult<Grant> {
    let since = instant.timestamp();
    let grant = Grant {
        id: GrantId::new(instant, write.random()),
        client_id: issuance.client_id.clone(),
        subject: issuance.subject.clone(),
        username: issuance.username.clone(),
        pairwise: issuance.pairwise.clone(),
        login: issuance.login.clone(),
        scope: terms.scope.clone(),
        audience: terms.audience.clone(),
        bindings: issuance.bindings.clone(),
        current: CurrentRefreshToken { generation: 0, since, used: false },
        expires_at: since.plus(terms.lifetime),
    };
    write.add_grant(&grant)?;
    Ok(grant)
}

/// What an access token says, whichever verb issues it.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) grant: Option<GrantId>,
    pub(crate) client_id: &'a ClientId,
    pub(crate) subject: &'a SubjectId,
    pub(crate) username: Option<&'a Arc<str>>,
    pub(crate) pairwise: Option<&'a Arc<str>>,
    pub(crate) login: Option<&'a Arc<Login>>,
    pub(crate) scope: &'a Scope,
    pub(crate) audience: &'a Audience,
    pub(crate) bindings: &'a Bindings,
    pub(crate) exchanged: Option<&'a Exchanged>,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(issuance: &'a Issuance, grant: Option<GrantId>) -> Self {
        Self {
            grant,
            client_id: &issuance.client_id,
            subject: &issuance.subject,
            username: issuance.username.as_ref(),
            pairwise: issuance.pairwise.as_ref(),
            login: issuance.login.as_ref(),
            scope: &issuance.scope,
            audience: &issuance.audience,
            bindings: &issuance.bindings,
            exchanged: issuance.exchanged.as_ref(),
        }
    }
}

/// Records a new access token.
pub(crate) fn new_token(
    write: &mut Write<'_>,
    facts: Facts<'_>,
    terms: AccessTokenTerms,
    instant: Instant,
) -> DbResult<Arc<AccessToken>> {
    let lives_until = instant.timestamp().plus(terms.lifetime);
    let expires_by = facts.exchanged.map(|exchanged| exchanged.expires_by);
    let token = Token {
        id: TokenId::new(instant, write.random()),
        grant: facts.grant,
        session: facts.login.map(|login| login.token_session()),
        client_id: facts.client_id.clone(),
        subject: facts.subject.clone(),
        bindings: facts.bindings.clone(),
        expires_at: expires_by.map_or(lives_until, |end| end.min(lives_until)),
        descent: facts.exchanged.map(|exchanged| Arc::clone(&exchanged.descent)),
    };
    write.add_token(AccessToken {
        token,
        scope: facts.scope.clone(),
        audience: facts.audience.clone(),
        username: facts.username.cloned(),
        pairwise: facts.pairwise.cloned(),
        login: facts.login.cloned(),
        actor: facts.exchanged.and_then(|exchanged| exchanged.actor.clone()),
        format: terms.format,
    })
}
