//! Authorization requests that are kept until they are answered: a JSON document each.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tokenbind_binding::{ClientId, PushedRequestId, Timestamp};
use tokenbind_issuer::store::{KeptRequest, PushOutcome, RequestPush};

use super::{
    failure::DbResult,
    position::Mark,
    rows::{read_time, text, to_sql},
    write::Write,
};

/// Keeps a request of an application that is still there.
pub(crate) fn push(write: &mut Write<'_>, push: &RequestPush) -> DbResult<PushOutcome> {
    let instant = write.tick();
    if write.ended_after(push.as_of, None, [push.request.anchor()]).is_some() {
        return Ok(PushOutcome::Ended);
    }
    let id = PushedRequestId::new(instant, write.random());
    let now = instant.timestamp();
    let answers_until = now.plus(push.answerable);
    write
        .db
        .prepare_cached("INSERT INTO pushed_requests VALUES (?1, ?2, ?3, ?4, ?5, FALSE)")?
        .execute(params![
            id.as_bytes(),
            push.request.client_id.as_str(),
            serde_json::to_string(&push.request)?,
            to_sql(now.plus(push.lifetime).min(answers_until).as_secs()),
            to_sql(answers_until.as_secs()),
        ])?;
    // A code may come of it, and until then an end of the application matters.
    write.position.raise(write.db, Mark::Codes, answers_until)?;
    Ok(PushOutcome::Pushed(id))
}

/// Spends the request of the application, unless that was done before or it is dead; says whether it
/// was.
pub(crate) fn spend(
    write: &Write<'_>,
    id: PushedRequestId,
    client_id: &ClientId,
    now: Timestamp,
) -> DbResult<bool> {
    let Some(kept) = find(write.db, id)? else { return Ok(false) };
    let ends = write.ends_since(id.instant(), [kept.request.anchor()].into_iter());
    let alive = kept.request.judge(id, kept.answers_until, &ends[..], now).is_ok();
    if kept.spent || !alive || kept.request.client_id != *client_id {
        return Ok(false);
    }
    write
        .db
        .prepare_cached("UPDATE pushed_requests SET spent = TRUE WHERE id = ?1")?
        .execute([id.as_bytes()])?;
    Ok(true)
}

pub(crate) fn find(db: &Connection, id: PushedRequestId) -> DbResult<Option<KeptRequest>> {
    db.prepare_cached(
        "SELECT document, opens_until, answers_until, spent FROM pushed_requests WHERE id = ?1",
    )?
    .query_row([id.as_bytes()], |row| Ok(read(row)))
    .optional()?
    .transpose()
}

/// What is true of a row that the sweep may remove at `?2`. An application whose id is a URL has no row.
pub(crate) const IS_OVER: &str = "answers_until <= ?2 OR NOT EXISTS \
     (SELECT 1 FROM applications WHERE applications.client_id = pushed_requests.client_id) \
     AND pushed_requests.client_id NOT GLOB 'https://*'";

fn read(row: &Row<'_>) -> DbResult<KeptRequest> {
    Ok(KeptRequest {
        request: serde_json::from_str(text(row, 0)?)?,
        opens_until: read_time(row, 1)?,
        answers_until: read_time(row, 2)?,
        spent: row.get(3)?,
    })
}
