//! Refreshing: what the presented token turns out to be, and what follows from it.

use std::sync::Arc;

use tokenbind_binding::{Anchor, Bindings, Dead, Instant, Session, Timestamp, session};
use tokenbind_issuer::{
    access_token::AccessToken,
    grant::{CurrentRefreshToken, Grant, Presented, Rotation},
    slot::SlotKey,
    store::{Issued, Refresh, RefreshOutcome},
};

use super::{
    claimed_jtis::use_up,
    connections,
    failure::DbResult,
    issue::{Facts, new_token},
    position::Mark,
    sessions,
    slot::{Slot, supersede},
    write::Write,
};

/// Judges the presented refresh token, and issues a fresh access token or ends the grant.
pub(crate) fn refresh(write: &mut Write<'_>, refresh: &Refresh) -> DbResult<RefreshOutcome> {
    if use_up(write, refresh.proof)?.is_none() {
        return Ok(RefreshOutcome::Replayed);
    }
    let instant = write.tick();
    let now = instant.timestamp();
    let Some(mut grant) = write.find_grant(refresh.presented.grant)? else {
        return Ok(RefreshOutcome::Unknown);
    };
    if grant.client_id != refresh.client_id {
        return Ok(RefreshOutcome::NotTheirs);
    }
    let session = write.session(session::needed(&grant.bindings, grant.session()))?;
    if let Err(dead) = judge(write, &grant, session.as_ref(), now) {
        if dead == Dead::SessionOver {
            write.end_once(Anchor::Grant(grant.id))?;
        }
        return Ok(RefreshOutcome::Dead(dead));
    }
    let renewal = renew(&mut grant, refresh);
    if let Err(dead) = judge(write, &grant, session.as_ref(), now) {
        return Ok(RefreshOutcome::Dead(dead));
    }
    match grant.presented(refresh.presented.generation, refresh.rotation, now) {
        // RFC 9700 section 4.14.2: the server cannot tell the thief from the client, so the grant
        // ends for both.
        Presented::Reused => {
            write.end(Anchor::Grant(grant.id))?;
            return Ok(RefreshOutcome::Reused);
        }
        Presented::LostReply => write_renewal(write, &grant, renewal.as_ref())?,
        Presented::Current => use_current(write, &mut grant, refresh, instant, renewal.as_ref())?,
    }
    if let Some(Renewal { left }) = &renewal
        && refresh.in_slot
    {
        leave_slot(write, &grant, refresh, left, now)?;
    }
    if let Some(session) = session {
        sessions::prolong(write, &session, refresh.session_idle, now)?;
    }
    Ok(RefreshOutcome::Refreshed(issue(write, &grant, refresh, instant)?))
}

/// A client that authenticates by certificate has another one now, and its refresh token follows it
/// (RFC 8705 section 6.3).
struct Renewal {
    /// What the grant was bound to.
    left: Bindings,
}

/// Binds the grant to what the client shows now, if that is another thing.
fn renew(grant: &mut Grant, refresh: &Refresh) -> Option<Renewal> {
    let renewed = refresh.bindings.clone().filter(|shown| *shown != grant.bindings)?;
    Some(Renewal { left: std::mem::replace(&mut grant.bindings, renewed) })
}

fn write_renewal(write: &mut Write<'_>, grant: &Grant, renewal: Option<&Renewal>) -> DbResult<()> {
    if renewal.is_some() { write.change_grant(grant) } else { Ok(()) }
}

fn judge(
    write: &Write<'_>,
    grant: &Grant,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<(), Dead> {
    let ends = write.ends_since(grant.id.instant(), grant.anchors());
    grant.judge(&ends[..], session, now).map(drop)
}

/// The instance that had a slot by what it was bound to before has another one now: there, nothing of it
/// stays alive, and nobody gets its refresh token.
fn leave_slot(
    write: &mut Write<'_>,
    grant: &Grant,
    refresh: &Refresh,
    left: &Bindings,
    now: Timestamp,
) -> DbResult<()> {
    let key =
        SlotKey::of(&grant.client_id, &grant.subject, &refresh.scope, &refresh.audience, left);
    let Some(slot) = Slot::find(write, &key)? else { return Ok(()) };
    let live = slot.live_token(write, now)?;
    supersede(write, live.as_deref())?;
    Slot { grant: slot.grant.filter(|id| *id != grant.id), ..slot }.put(write, &key)
}

/// What a good refresh token gives.
fn issue(
    write: &mut Write<'_>,
    grant: &Grant,
    refresh: &Refresh,
    instant: Instant,
) -> DbResult<Issued> {
    let access_token = refreshed_token(write, grant, refresh, instant)?;
    connections::note(write, &access_token, Some(grant))?;
    if let Some(lifetime) = refresh.id_token_lifetime {
        write.position.raise(write.db, Mark::IdTokens, instant.timestamp().plus(lifetime))?;
    }
    Ok(Issued { access_token, refresh_token: Some(grant.refresh_token()) })
}

/// Replaces the current refresh token, or marks it as used where it stays.
fn use_current(
    write: &mut Write<'_>,
    grant: &mut Grant,
    refresh: &Refresh,
    instant: Instant,
    renewal: Option<&Renewal>,
) -> DbResult<()> {
    match refresh.rotation {
        Rotation::On { .. } => {
            let since = instant.timestamp();
            let generation = grant.current.generation.saturating_add(1);
            grant.current = CurrentRefreshToken { generation, since, used: false };
            grant.expires_at = since.plus(refresh.refresh_token_lifetime);
        }
        Rotation::Off if grant.current.used => return write_renewal(write, grant, renewal),
        Rotation::Off => grant.current.used = true,
    }
    write.change_grant(grant)
}

/// A fresh access token of the grant, in its slot where the application has slots.
fn refreshed_token(
    write: &mut Write<'_>,
    grant: &Grant,
    refresh: &Refresh,
    instant: Instant,
) -> DbResult<Arc<AccessToken>> {
    let facts = Facts {
        grant: Some(grant.id),
        client_id: &grant.client_id,
        subject: &grant.subject,
        username: grant.username.as_ref(),
        pairwise: grant.pairwise.as_ref(),
        login: grant.login.as_ref(),
        scope: &refresh.scope,
        audience: &refresh.audience,
        bindings: &grant.bindings,
        exchanged: None,
    };
    if !refresh.in_slot {
        return new_token(write, facts, refresh.access_token, instant);
    }
    let Facts { client_id, subject, scope, audience, bindings, .. } = facts;
    let key = SlotKey::of(client_id, subject, scope, audience, bindings);
    let slot = Slot::find(write, &key)?;
    let live = slot.map(|slot| slot.live_token(write, instant.timestamp())).transpose()?.flatten();
    supersede(write, live.as_deref())?;
    let access_token = new_token(write, facts, refresh.access_token, instant)?;
    // A slot of narrower scope or audience must never hand out a refresh token of a wider one.
    let whole = refresh.scope == grant.scope && refresh.audience == grant.audience;
    let slot_grant = if whole { Some(grant.id) } else { slot.and_then(|slot| slot.grant) };
    Slot { access_token: access_token.token.id, grant: slot_grant }.put(write, &key)?;
    Ok(access_token)
}
