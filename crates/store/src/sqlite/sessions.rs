//! Login sessions: how they start, are used and are found. How they end is in `session_ends`.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tokenbind_binding::{Anchor, Instant, Session, SessionId, SubjectId, Timestamp};
use tokenbind_issuer::{
    session::{LoginSession, SessionFacts},
    store::{SessionOutcome, SessionStart},
};

use super::{
    failure::DbResult,
    position::Mark,
    reader::Readers,
    rows::{read_time, text, to_sql},
    session_ends,
    write::Write,
};
use crate::cache::{Effect, Published};

/// A use that lets the session live on by less than this part of its idle time is not written down.
const SMALL_PART: u64 = 20;

/// So many sessions that are over are removed at once.
const BATCH: i64 = 256;

/// Renews the session that the browser has, or starts another one in its place.
pub(crate) fn start(write: &mut Write<'_>, start: &SessionStart) -> DbResult<SessionOutcome> {
    let instant = write.tick();
    let subject = Anchor::Subject(start.subject.clone());
    if write.ended_after(start.as_of, None, [subject]).is_some() {
        return Ok(SessionOutcome::Ended);
    }
    let now = instant.timestamp();
    match start.previous.map(|id| find_alive(write, id, now)).transpose()?.flatten() {
        Some(own) if own.session.subject == start.subject => renew(write, own, start, instant),
        Some(of_another) => {
            session_ends::end(write, of_another.session.id)?;
            add(write, start, instant)
        }
        None => add(write, start, instant),
    }
}

fn add(write: &mut Write<'_>, start: &SessionStart, instant: Instant) -> DbResult<SessionOutcome> {
    let absolute_until = instant.timestamp().plus(start.absolute);
    let session = Session {
        id: SessionId::new(instant, write.random()),
        subject: start.subject.clone(),
        idle_until: instant.timestamp().plus(start.idle).min(absolute_until),
        absolute_until,
    };
    let added = LoginSession { session, facts: facts(start, instant) };
    insert(write.db, &added)?;
    write.position.raise(write.db, Mark::Sessions, absolute_until)?;
    Ok(SessionOutcome::Started(Arc::new(added)))
}

fn renew(
    write: &mut Write<'_>,
    before: LoginSession,
    start: &SessionStart,
    instant: Instant,
) -> DbResult<SessionOutcome> {
    let Session { idle_until, absolute_until, .. } = before.session;
    let from_now = instant.timestamp().plus(start.idle).min(absolute_until);
    let session = Session { idle_until: idle_until.max(from_now), ..before.session };
    let renewed = LoginSession { session, facts: facts(start, instant) };
    update(write, &renewed)?;
    Ok(SessionOutcome::Renewed(Arc::new(renewed)))
}

fn facts(start: &SessionStart, authenticated: Instant) -> SessionFacts {
    SessionFacts {
        username: Arc::clone(&start.username),
        auth_time: authenticated.timestamp(),
        authenticated,
        acr: start.acr,
        user_agent: start.user_agent.clone(),
    }
}

/// Notes that the session is used, if it is alive.
pub(crate) fn note_use(write: &mut Write<'_>, id: SessionId, idle: u64) -> DbResult<()> {
    let now = write.tick().timestamp();
    match find_alive(write, id, now)? {
        Some(found) => prolong(write, &found.session, idle, now),
        None => Ok(()),
    }
}

/// Lets the session live `idle` seconds from now on, where that is worth a write.
pub(crate) fn prolong(
    write: &mut Write<'_>,
    session: &Session,
    idle: u64,
    now: Timestamp,
) -> DbResult<()> {
    let Some(idle_until) = prolonged(session, idle, now) else { return Ok(()) };
    write
        .db
        .prepare_cached("UPDATE sessions SET idle_until = ?2 WHERE id = ?1")?
        .execute(params![session.id.as_bytes(), to_sql(idle_until.as_secs())])?;
    write.effects.push(Effect::SessionChanged(session.id));
    Ok(())
}

/// The new end of a session that is used now, if it moves far enough.
pub(crate) fn prolonged(session: &Session, idle: u64, now: Timestamp) -> Option<Timestamp> {
    let until = now.plus(idle).min(session.absolute_until);
    (until.since(session.idle_until) > idle / SMALL_PART).then_some(until)
}

/// The session, if it is alive.
pub(crate) fn find_alive(
    write: &Write<'_>,
    id: SessionId,
    now: Timestamp,
) -> DbResult<Option<LoginSession>> {
    let Some(found) = find(write.db, id)? else { return Ok(None) };
    let ends = write.ends_since(id.instant(), found.anchors().into_iter());
    Ok(found.judge(&ends[..], now).is_ok().then_some(found))
}

/// The session as readers see it.
pub(crate) fn look_up(
    readers: &Readers,
    published: &Published,
    id: SessionId,
) -> DbResult<Option<Arc<LoginSession>>> {
    if let Some(session) = published.sessions.get(&id) {
        return Ok(Some(session));
    }
    let version = published.sessions.version();
    let Some(session) = find(&readers.get(), id)?.map(Arc::new) else { return Ok(None) };
    published.sessions.fill(id, Arc::clone(&session), version);
    Ok(Some(session))
}

/// All sessions of a user, dead or alive, the latest first.
pub(crate) fn of_subject(db: &Connection, subject: &SubjectId) -> DbResult<Vec<LoginSession>> {
    let mut statement =
        db.prepare_cached("SELECT * FROM sessions WHERE subject = ?1 ORDER BY id DESC")?;
    let mut rows = statement.query([subject.as_str()])?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next()? {
        sessions.push(read(row)?);
    }
    Ok(sessions)
}

/// Some of those that are over by the clock.
pub(crate) fn over(db: &Connection, now: Timestamp) -> DbResult<Vec<SessionId>> {
    let mut statement =
        db.prepare_cached("SELECT id FROM sessions WHERE idle_until <= ?1 LIMIT ?2")?;
    let rows = statement.query_map([to_sql(now.as_secs()), BATCH], |row| row.get(0))?;
    Ok(rows.map(|id| id.map(SessionId::from_bytes)).collect::<Result<_, _>>()?)
}

pub(crate) fn find(db: &Connection, id: SessionId) -> DbResult<Option<LoginSession>> {
    db.prepare_cached("SELECT * FROM sessions WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| Ok(read(row)))
        .optional()?
        .transpose()
}

fn insert(db: &Connection, LoginSession { session, facts }: &LoginSession) -> DbResult<()> {
    db.prepare_cached("INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        session.id.as_bytes(),
        session.subject.as_str(),
        to_sql(session.idle_until.as_secs()),
        to_sql(session.absolute_until.as_secs()),
        serde_json::to_string(facts)?,
    ])?;
    Ok(())
}

/// Writes what can change about a session.
fn update(write: &mut Write<'_>, LoginSession { session, facts }: &LoginSession) -> DbResult<()> {
    write
        .db
        .prepare_cached("UPDATE sessions SET idle_until = ?2, facts = ?3 WHERE id = ?1")?
        .execute(params![
            session.id.as_bytes(),
            to_sql(session.idle_until.as_secs()),
            serde_json::to_string(facts)?,
        ])?;
    write.effects.push(Effect::SessionChanged(session.id));
    Ok(())
}

/// Removes the row alone.
pub(crate) fn remove(write: &mut Write<'_>, id: SessionId) -> DbResult<()> {
    write.db.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([id.as_bytes()])?;
    write.effects.push(Effect::SessionChanged(id));
    Ok(())
}

fn read(row: &Row<'_>) -> DbResult<LoginSession> {
    Ok(LoginSession {
        session: Session {
            id: SessionId::from_bytes(row.get(0)?),
            subject: text(row, 1)?.into(),
            idle_until: read_time(row, 2)?,
            absolute_until: read_time(row, 3)?,
        },
        facts: serde_json::from_str(text(row, 4)?)?,
    })
}
