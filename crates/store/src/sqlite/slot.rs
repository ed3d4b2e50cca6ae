//! The slots of `client-request`: one live access token each.

use std::sync::Arc;

use rusqlite::{OptionalExtension as _, params};
use tokenbind_binding::{Anchor, GrantId, Instant, Timestamp, TokenId, session};
use tokenbind_issuer::{
    access_token::AccessToken,
    grant::Grant,
    login::Login,
    slot::{SlotKey, shares},
    store::{Exchanged, Issuance, IssueOutcome, Issued},
};

use super::{
    claimed_jtis::{UsedUp, use_up},
    connections,
    failure::DbResult,
    issue::{Facts, ended, family, new_grant, new_token},
    write::Write,
};

/// What a slot points to. Either may be dead or gone by now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) access_token: TokenId,
    pub(crate) grant: Option<GrantId>,
}

impl Slot {
    pub(crate) fn find(write: &Write<'_>, key: &SlotKey) -> DbResult<Option<Self>> {
        let slot = write
            .db
            .prepare_cached("SELECT access_token_id, grant_id FROM slots WHERE slot = ?1")?
            .query_row([key.as_bytes()], |row| {
                Ok(Self {
                    access_token: TokenId::from_bytes(row.get(0)?),
                    grant: row.get::<_, Option<[u8; 16]>>(1)?.map(GrantId::from_bytes),
                })
            })
            .optional()?;
        Ok(slot)
    }

    pub(crate) fn put(self, write: &Write<'_>, key: &SlotKey) -> DbResult<()> {
        write
            .db
            .prepare_cached(
                "INSERT INTO slots (slot, access_token_id, grant_id) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (slot) DO UPDATE SET \
                 access_token_id = excluded.access_token_id, grant_id = excluded.grant_id",
            )?
            .execute(params![
                key.as_bytes(),
                self.access_token.as_bytes(),
                self.grant.as_ref().map(GrantId::as_bytes),
            ])?;
        Ok(())
    }

    /// Its access token, if that is alive.
    pub(crate) fn live_token(
        self,
        write: &Write<'_>,
        now: Timestamp,
    ) -> DbResult<Option<Arc<AccessToken>>> {
        let Some(record) = write.find_token(self.access_token)? else { return Ok(None) };
        let token = &record.token;
        let ends = write.ends_since(token.id.instant(), token.anchors());
        let session = write.session(token.needed_session())?;
        Ok(token.judge(&ends[..], session.as_ref(), now).is_ok().then_some(record))
    }

    /// Its grant, if that is alive.
    fn live_grant(self, write: &Write<'_>, now: Timestamp) -> DbResult<Option<Grant>> {
        let Some(id) = self.grant else { return Ok(None) };
        let Some(grant) = write.find_grant(id)? else { return Ok(None) };
        let ends = write.ends_since(grant.id.instant(), grant.anchors());
        let session = write.session(session::needed(&grant.bindings, grant.session()))?;
        Ok(grant.judge(&ends[..], session.as_ref(), now).is_ok().then_some(grant))
    }
}

/// The slot's live opaque token again, or a new one that supersedes it.
pub(crate) fn issue_in_slot(write: &mut Write<'_>, issuance: &Issuance) -> DbResult<IssueOutcome> {
    let Some(proof) = use_up(write, issuance.proof)? else { return Ok(IssueOutcome::Replayed) };
    if let Some(anchor) = ended(write, issuance) {
        return Ok(IssueOutcome::Ended(anchor));
    }
    let instant = write.tick();
    Ok(IssueOutcome::Issued(commit(write, issuance, instant, proof)?))
}

/// [`issue_in_slot`], once it is clear that nothing speaks against it.
pub(crate) fn commit(
    write: &mut Write<'_>,
    issuance: &Issuance,
    instant: Instant,
    _: UsedUp,
) -> DbResult<Issued> {
    let now = instant.timestamp();
    let key = issuance.slot();
    let slot = Slot::find(write, &key)?;
    let live = slot.map(|slot| slot.live_token(write, now)).transpose()?.flatten();
    let grant = slot_grant(write, issuance, slot, instant)?;
    let shared = live.as_ref().filter(|live| may_share(live, issuance, grant.as_ref(), now));
    let access_token = if let Some(shared) = shared {
        Arc::clone(shared)
    } else {
        supersede(write, live.as_deref())?;
        let facts = Facts::of(issuance, family(write, issuance, grant.as_ref(), instant));
        // It may come of the one whose place it takes, so it has to come after that one's end.
        let instant = write.tick();
        new_token(write, facts, issuance.access_token, instant)?
    };
    connections::note(write, &access_token, grant.as_ref())?;
    let kept = slot.and_then(|slot| slot.grant);
    let wanted =
        Slot { access_token: access_token.token.id, grant: grant.as_ref().map(|g| g.id).or(kept) };
    if slot != Some(wanted) {
        wanted.put(write, &key)?;
    }
    let refresh_token = grant.map(|grant| grant.refresh_token());
    Ok(Issued { access_token, refresh_token })
}

/// Whether the request gets the slot's live token again. Never the token of another login: it would
/// outlive this one's logout. What comes of a code hangs from one grant.
fn may_share(
    live: &AccessToken,
    issuance: &Issuance,
    grant: Option<&Grant>,
    now: Timestamp,
) -> bool {
    let same_grant = grant.is_none_or(|grant| live.token.grant == Some(grant.id));
    shares(live, issuance.access_token.format, now)
        && tells_of(issuance, live.login.as_ref(), live.pairwise.as_ref())
        && came_of(issuance, live)
        && (same_grant || issuance.login.is_none())
}

/// Whether the issuance would be told as the same login and the same `sub`.
fn tells_of(issuance: &Issuance, login: Option<&Arc<Login>>, pairwise: Option<&Arc<str>>) -> bool {
    issuance.login.as_ref() == login && issuance.pairwise.as_ref() == pairwise
}

/// Whether the live token was exchanged for the same, if for anything: it dies with that, and with nothing else. Or it
/// is the very one that is to be exchanged, for nothing that it is not already.
fn came_of(issuance: &Issuance, live: &AccessToken) -> bool {
    match &issuance.exchanged {
        None => live.token.descent.is_none(),
        Some(Exchanged { descent, actor, .. }) => {
            let same = live.token.descent.as_ref() == Some(descent);
            *actor == live.actor && (same || descent.is_of(live.token.id))
        }
    }
}

/// The grant whose refresh token goes with the answer: the slot's, while it is alive, or a new one.
/// A grant that goes out again lives as long as a new one would. One of another scope or audience is never handed
/// out: nobody gets a refresh token for more than the request was allowed.
fn slot_grant(
    write: &mut Write<'_>,
    issuance: &Issuance,
    slot: Option<Slot>,
    instant: Instant,
) -> DbResult<Option<Grant>> {
    let Some(terms) = &issuance.grant else { return Ok(None) };
    let now = instant.timestamp();
    let live = slot.map(|slot| slot.live_grant(write, now)).transpose()?.flatten();
    let live = live.filter(|live| {
        live.scope == terms.scope
            && live.audience == terms.audience
            && tells_of(issuance, live.login.as_ref(), live.pairwise.as_ref())
    });
    let Some(mut grant) = live else {
        return new_grant(write, issuance, instant, terms).map(Some);
    };
    if grant.expires_at < now.plus(terms.lifetime) {
        grant.expires_at = now.plus(terms.lifetime);
        write.change_grant(&grant)?;
    }
    Ok(Some(grant))
}

/// Ends the token whose place another one takes.
pub(crate) fn supersede(write: &mut Write<'_>, live: Option<&AccessToken>) -> DbResult<()> {
    if let Some(live) = live {
        write.end(Anchor::Token(live.token.id))?;
    }
    Ok(())
}
