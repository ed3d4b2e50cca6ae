//! How login sessions end: by a logout, with their user, or by the clock. Each way, the applications
//! that were authorized in the session are told.

use std::sync::Arc;

use rusqlite::{Connection, params};
use tokenbind_binding::{Anchor, ClientId, End, SessionId, SubjectId, Timestamp};
use tokenbind_issuer::{session::LoginSession, store::EndedSession};

use super::{
    applications, connections, failure::DbResult, logout_deliveries, rows::text, sessions,
    write::Write,
};

/// Ends a session. `None` if it is over already. A logout ends its tokens also then.
pub(crate) fn end(write: &mut Write<'_>, id: SessionId) -> DbResult<Option<EndedSession>> {
    let now = write.tick().timestamp();
    let alive = sessions::find_alive(write, id, now)?;
    write.end_once(Anchor::Session(id))?;
    let applications = remove(write, id, now)?;
    Ok(alive.map(|session| EndedSession { session: Arc::new(session), applications }))
}

/// Ends a session or a user together with what hangs from them, and any other anchor by its record
/// alone.
pub(crate) fn end_anchor(write: &mut Write<'_>, anchor: &Anchor) -> DbResult<End> {
    match anchor {
        Anchor::Session(id) => {
            let now = write.tick().timestamp();
            remove(write, *id, now)?;
            write.end(anchor.clone())
        }
        Anchor::Subject(subject) => end_subject(write, subject, None),
        Anchor::Consent(subject, client_id) => {
            connections::remove(write, subject, client_id)?;
            write.end(anchor.clone())
        }
        Anchor::Token(_) | Anchor::Grant(_) | Anchor::Application(_) | Anchor::Binding(_) => {
            write.end(anchor.clone())
        }
    }
}

/// Ends all that speaks for a user, and their sessions, save for one, if that is alive: what a
/// session's end has ended must not come to life by being spared later.
pub(crate) fn end_subject(
    write: &mut Write<'_>,
    subject: &SubjectId,
    spared: Option<SessionId>,
) -> DbResult<End> {
    let now = write.tick().timestamp();
    let alive = spared.map(|id| sessions::find_alive(write, id, now)).transpose()?.flatten();
    let own = alive.filter(|alive| alive.session.subject == *subject);
    let spared = own.map(|own| own.session.id);
    for LoginSession { session, .. } in sessions::of_subject(write.db, subject)? {
        if Some(session.id) != spared {
            remove(write, session.id, now)?;
        }
    }
    if spared.is_none() {
        connections::lapse_all(write, subject)?;
    }
    write.end_sparing(Anchor::Subject(subject.clone()), spared)
}

/// Removes a session that is over, and gives the applications that were authorized in it.
pub(crate) fn remove(
    write: &mut Write<'_>,
    id: SessionId,
    now: Timestamp,
) -> DbResult<Vec<ClientId>> {
    let Some(over) = sessions::find(write.db, id)? else { return Ok(Vec::new()) };
    let applications = applications_of(write.db, id)?;
    for client_id in &applications {
        let told = applications::read(write.db, client_id)?
            .is_some_and(|application| application.settings.backchannel_logout_uri.is_some());
        if told {
            logout_deliveries::add(write.db, client_id, &over.session, now)?;
        }
    }
    write
        .db
        .prepare_cached("DELETE FROM session_applications WHERE session_id = ?1")?
        .execute([id.as_bytes()])?;
    sessions::remove(write, id)?;
    Ok(applications)
}

/// Removes those of these sessions that are over by the clock; gives their number. They have no end
/// record: what needs the session is dead already, and what does not lives on.
pub(crate) fn sweep(write: &mut Write<'_>, ids: &[SessionId], now: Timestamp) -> DbResult<u64> {
    let mut removed = 0;
    // The row tells an instant that must not be given again.
    write.position.keep(write.db)?;
    for &id in ids {
        // It may have been used since it was looked at.
        let found = sessions::find(write.db, id)?;
        if found.is_some_and(|found| found.session.idle_until <= now) {
            remove(write, id, now)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Notes that the application was authorized in the session.
pub(crate) fn add_application(
    db: &Connection,
    id: SessionId,
    client_id: &ClientId,
) -> DbResult<()> {
    db.prepare_cached(
        "INSERT INTO session_applications (session_id, client_id) VALUES (?1, ?2) \
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![id.as_bytes(), client_id.as_str()])?;
    Ok(())
}

/// Forgets the application in all sessions.
pub(crate) fn forget_application(db: &Connection, client_id: &ClientId) -> DbResult<()> {
    db.prepare_cached("DELETE FROM session_applications WHERE client_id = ?1")?
        .execute([client_id.as_str()])?;
    Ok(())
}

fn applications_of(db: &Connection, id: SessionId) -> DbResult<Vec<ClientId>> {
    let mut statement = db.prepare_cached(
        "SELECT client_id FROM session_applications WHERE session_id = ?1 ORDER BY client_id",
    )?;
    let mut rows = statement.query([id.as_bytes()])?;
    let mut applications = Vec::new();
    while let Some(row) = rows.next()? {
        applications.push(text(row, 0)?.into());
    }
    Ok(applications)
}
