//! Device authorizations as rows: what was asked for and what was answered, a JSON document each.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tokenbind_binding::{
    Anchor, Dead, DeviceCodeId, Instant, SessionId, Timestamp, handle::TypedMac,
};
use tokenbind_issuer::{
    device::{DeviceAnswer, DeviceAuthorization},
    store::{
        DeviceReply, DeviceReplyOutcome, DeviceStart, DeviceStartOutcome, GivenAnswer, KeptDevice,
        Poll, PollOutcome,
    },
};

use super::{
    claimed_jtis::use_up,
    connections,
    failure::DbResult,
    position::Mark,
    rows::{from_sql, read_time, text, to_sql},
    session_ends, sessions,
    write::Write,
};

/// A device that keeps to its interval may seem to be so many seconds too early: its requests do not all take the
/// same time.
const JITTER: u64 = 1;

/// A device authorization, and what became of it.
pub(crate) struct StoredDevice {
    pub(crate) kept: KeptDevice,
    /// Seconds between two polls.
    interval: u64,
    polled_at: Timestamp,
    pub(crate) redeemed: bool,
}

/// Starts a device authorization of an application that is still there.
pub(crate) fn start(write: &mut Write<'_>, start: &DeviceStart) -> DbResult<DeviceStartOutcome> {
    if use_up(write, start.proof)?.is_none() {
        return Ok(DeviceStartOutcome::Replayed);
    }
    let instant = write.tick();
    if write.ended_after(start.as_of, None, [start.asked.anchor()]).is_some() {
        return Ok(DeviceStartOutcome::Ended);
    }
    let now = instant.timestamp();
    let mut user_codes = start.user_codes.iter().enumerate();
    let free = loop {
        let Some((place, forms)) = user_codes.next() else {
            return Ok(DeviceStartOutcome::NoCodeLeft);
        };
        let is_free = !forms
            .iter()
            .try_fold(false, |taken, form| DbResult::Ok(taken || is_taken(write.db, form, now)?))?;
        // It is kept in its first form.
        if let (true, [form, ..]) = (is_free, &forms[..]) {
            break (place, form);
        }
    };
    let (user_code, form) = free;
    let id = DeviceCodeId::new(instant, write.random());
    let expires_at = now.plus(start.lifetime);
    insert(write.db, id, form, start, expires_at)?;
    // Tokens come of it as they come of a code, and until then ends matter.
    write.position.raise(write.db, Mark::Codes, expires_at)?;
    Ok(DeviceStartOutcome::Started { id, user_code })
}

fn is_taken(db: &Connection, form: &TypedMac, now: Timestamp) -> DbResult<bool> {
    let sql = "SELECT 1 FROM device_authorizations WHERE user_code = ?1 AND expires_at > ?2";
    let found = db
        .prepare_cached(sql)?
        .query_row(params![form.as_bytes(), to_sql(now.as_secs())], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

fn insert(
    db: &Connection,
    id: DeviceCodeId,
    user_code: &TypedMac,
    DeviceStart { asked, interval, .. }: &DeviceStart,
    expires_at: Timestamp,
) -> DbResult<()> {
    db.prepare_cached(
        "INSERT INTO device_authorizations \
         (id, user_code, client_id, document, expires_at, interval, polled_at, redeemed) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, FALSE)",
    )?
    .execute(params![
        id.as_bytes(),
        user_code.as_bytes(),
        asked.client_id.as_str(),
        serde_json::to_string(asked)?,
        to_sql(expires_at.as_secs()),
        to_sql(*interval),
    ])?;
    Ok(())
}

/// Notes the first answer.
pub(crate) fn answer(write: &mut Write<'_>, reply: &DeviceReply) -> DbResult<DeviceReplyOutcome> {
    let instant = write.tick();
    let now = instant.timestamp();
    let Some(stored) = find(write.db, reply.device)? else { return Ok(DeviceReplyOutcome::Over) };
    if judge(write, reply.device, &stored.kept, now).is_err() {
        return Ok(DeviceReplyOutcome::Over);
    }
    if stored.kept.answer.is_some() {
        return Ok(DeviceReplyOutcome::AnsweredBefore);
    }
    let found = sessions::find_alive(write, reply.session, now)?;
    let Some(session) = found.filter(|found| found.session.subject == reply.subject) else {
        return Ok(DeviceReplyOutcome::SessionOver);
    };
    let asked = &stored.kept.asked;
    if has_ended(write, reply, asked, session.session.id) {
        return Ok(DeviceReplyOutcome::Ended);
    }
    if let DeviceAnswer::Approved(_) = &reply.answer {
        session_ends::add_application(write.db, session.session.id, &asked.client_id)?;
        connections::add_consent(write.db, &reply.subject, &asked.client_id, &asked.scope, now)?;
    }
    sessions::prolong(write, &session.session, reply.session_idle, now)?;
    write
        .db
        .prepare_cached(
            "UPDATE device_authorizations SET answer = ?2, answered_at = ?3 WHERE id = ?1",
        )?
        .execute(params![
            reply.device.as_bytes(),
            serde_json::to_string(&reply.answer)?,
            to_sql(instant.as_micros()),
        ])?;
    // No id tells this instant, and it must not be given again.
    write.position.keep(write.db)?;
    Ok(DeviceReplyOutcome::Answered)
}

fn has_ended(
    write: &Write<'_>,
    reply: &DeviceReply,
    asked: &DeviceAuthorization,
    session: SessionId,
) -> bool {
    let decided_on = [
        Anchor::Subject(reply.subject.clone()),
        asked.anchor(),
        Anchor::Consent(reply.subject.clone(), asked.client_id.clone()),
    ];
    write.ended_after(reply.as_of, Some(session), decided_on).is_some()
}

/// What a device gets that polls.
pub(crate) fn poll(write: &mut Write<'_>, poll: Poll) -> DbResult<PollOutcome> {
    if use_up(write, poll.proof)?.is_none() {
        return Ok(PollOutcome::Replayed);
    }
    let id = poll.device;
    let instant = write.tick();
    let Some(StoredDevice { kept, interval, polled_at, redeemed }) = find(write.db, id)? else {
        return Ok(PollOutcome::Expired);
    };
    match judge(write, id, &kept, instant.timestamp()) {
        Ok(()) => {}
        Err(Dead::Ended(anchor)) => return Ok(PollOutcome::Ended(anchor)),
        Err(Dead::Expired | Dead::SessionOver) => return Ok(PollOutcome::Expired),
    }
    match kept.answer {
        _ if redeemed => return Ok(PollOutcome::Redeemed),
        Some(GivenAnswer { answer: DeviceAnswer::Approved(approval), at }) => {
            return Ok(PollOutcome::Approved { approval, at });
        }
        Some(GivenAnswer { answer: DeviceAnswer::Denied, .. }) => return Ok(PollOutcome::Denied),
        None => {}
    }
    let now = instant.timestamp();
    let too_early = now.since(polled_at).saturating_add(JITTER) < interval;
    let interval = if too_early { interval.saturating_add(poll.slower) } else { interval };
    write
        .db
        .prepare_cached(
            "UPDATE device_authorizations SET polled_at = ?2, interval = ?3 WHERE id = ?1",
        )?
        .execute(params![id.as_bytes(), to_sql(now.as_secs()), to_sql(interval)])?;
    Ok(if too_early { PollOutcome::SlowDown } else { PollOutcome::Pending })
}

/// Whether the request and, where there is one, its approval are alive: nothing that they hang from has ended
/// since.
pub(crate) fn judge(
    write: &Write<'_>,
    id: DeviceCodeId,
    KeptDevice { asked, expires_at, answer }: &KeptDevice,
    now: Timestamp,
) -> Result<(), Dead> {
    let ends = write.ends_since(id.instant(), [asked.anchor()].into_iter());
    asked.judge(id, *expires_at, &ends[..], now)?;
    if let Some(GivenAnswer { answer: DeviceAnswer::Approved(approval), at }) = answer {
        let ends = write.ends_since(*at, approval.anchors(&asked.client_id).into_iter());
        approval.judge(&asked.client_id, *at, *expires_at, &ends[..], now)?;
    }
    Ok(())
}

pub(crate) fn find(db: &Connection, id: DeviceCodeId) -> DbResult<Option<StoredDevice>> {
    db.prepare_cached(
        "SELECT document, expires_at, answer, answered_at, interval, polled_at, redeemed \
         FROM device_authorizations WHERE id = ?1",
    )?
    .query_row([id.as_bytes()], |row| Ok(read(row)))
    .optional()?
    .transpose()
}

/// The latest that is kept under one of these forms. Of those whose time is not over there is one at most.
pub(crate) fn find_by_user_code(
    db: &Connection,
    forms: &[TypedMac],
) -> DbResult<Option<(DeviceCodeId, KeptDevice)>> {
    let sql = "SELECT max(id) FROM device_authorizations WHERE user_code = ?1";
    let mut latest: Option<DeviceCodeId> = None;
    for form in forms {
        let found: Option<[u8; 16]> =
            db.prepare_cached(sql)?.query_row([form.as_bytes()], |row| row.get(0))?;
        latest = latest.max(found.map(DeviceCodeId::from_bytes));
    }
    let Some(id) = latest else { return Ok(None) };
    Ok(find(db, id)?.map(|stored| (id, stored.kept)))
}

pub(crate) fn mark_redeemed(db: &Connection, id: DeviceCodeId) -> DbResult<()> {
    db.prepare_cached("UPDATE device_authorizations SET redeemed = TRUE WHERE id = ?1")?
        .execute([id.as_bytes()])?;
    Ok(())
}

/// What is true of a row that the sweep may remove at `?2`. An application whose id is a URL has no row.
pub(crate) const IS_OVER: &str = "expires_at <= ?2 OR NOT EXISTS \
     (SELECT 1 FROM applications WHERE applications.client_id = device_authorizations.client_id) \
     AND device_authorizations.client_id NOT GLOB 'https://*'";

fn read(row: &Row<'_>) -> DbResult<StoredDevice> {
    let answer: Option<String> = row.get(2)?;
    let answered_at: Option<i64> = row.get(3)?;
    let answer = match answer.zip(answered_at) {
        Some((answer, at)) => Some(GivenAnswer {
            answer: serde_json::from_str(&answer)?,
            at: Instant::from_micros(from_sql(at)?),
        }),
        None => None,
    };
    Ok(StoredDevice {
        kept: KeptDevice {
            asked: serde_json::from_str(text(row, 0)?)?,
            expires_at: read_time(row, 1)?,
            answer,
        },
        interval: from_sql(row.get(4)?)?,
        polled_at: read_time(row, 5)?,
        redeemed: row.get(6)?,
    })
}
