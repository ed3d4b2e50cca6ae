//! The outbox of back-channel logouts.

use rusqlite::{Connection, Row, params};
use tokenbind_binding::{ClientId, Session, SessionId, Timestamp};
use tokenbind_issuer::{backchannel_logout::LOGOUT_TOKEN_LIFETIME, store::LogoutDelivery};

use super::{
    failure::DbResult,
    position::Mark,
    reader::Readers,
    rows::{from_sql, text, to_sql},
    write::Write,
};

/// After how many seconds a delivery is due again, by the number of its attempt: two days in all.
/// The attempt after these is the last one.
const BACK_OFF: [u64; 11] = [5, 15, 60, 300, 900, 3600, 10_800, 21_600, 43_200, 43_200, 43_200];

/// Notes that the application is to be told of the end of a session.
pub(crate) fn add(
    db: &Connection,
    client_id: &ClientId,
    session: &Session,
    now: Timestamp,
) -> DbResult<()> {
    db.prepare_cached(
        "INSERT INTO logout_deliveries (client_id, session_id, subject, attempts, next_at) \
         VALUES (?1, ?2, ?3, 0, ?4)",
    )?
    .execute(params![
        client_id.as_str(),
        session.id.as_bytes(),
        session.subject.as_str(),
        to_sql(now.as_secs()),
    ])?;
    Ok(())
}

/// Whether there is anything to claim, which mostly there is not.
pub(crate) fn any_due(readers: &Readers, now: Timestamp) -> DbResult<bool> {
    let db = readers.get();
    let mut statement =
        db.prepare_cached("SELECT EXISTS (SELECT 1 FROM logout_deliveries WHERE next_at <= ?1)")?;
    Ok(statement.query_row([to_sql(now.as_secs())], |row| row.get(0))?)
}

/// Takes those that are due, for one attempt.
pub(crate) fn claim(
    write: &mut Write<'_>,
    now: Timestamp,
    limit: usize,
) -> DbResult<Vec<LogoutDelivery>> {
    let due = find_due(write.db, now, limit)?;
    for delivery in &due {
        put_off(write.db, delivery, now)?;
    }
    if !due.is_empty() {
        // The key that signs the logout tokens has to outlive them.
        let expires_at = now.plus(LOGOUT_TOKEN_LIFETIME);
        write.position.raise(write.db, Mark::IdTokens, expires_at)?;
    }
    Ok(due)
}

/// Forgets a delivery.
pub(crate) fn settle(db: &Connection, id: u64) -> DbResult<()> {
    db.prepare_cached("DELETE FROM logout_deliveries WHERE id = ?1")?.execute([to_sql(id)])?;
    Ok(())
}

/// Forgets what the application was to be told.
pub(crate) fn forget_application(db: &Connection, client_id: &ClientId) -> DbResult<()> {
    db.prepare_cached("DELETE FROM logout_deliveries WHERE client_id = ?1")?
        .execute([client_id.as_str()])?;
    Ok(())
}

fn find_due(db: &Connection, now: Timestamp, limit: usize) -> DbResult<Vec<LogoutDelivery>> {
    let mut statement = db.prepare_cached(
        "SELECT id, client_id, session_id, subject, attempts FROM logout_deliveries \
         WHERE next_at <= ?1 ORDER BY next_at, id LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![to_sql(now.as_secs()), limit])?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        due.push(read(row)?);
    }
    Ok(due)
}

/// Lets the delivery be due again later, unless this attempt is its last one.
fn put_off(db: &Connection, delivery: &LogoutDelivery, now: Timestamp) -> DbResult<()> {
    let attempt = delivery.attempt as usize;
    let Some(pause) = BACK_OFF.get(attempt - 1) else {
        return settle(db, delivery.id);
    };
    db.prepare_cached("UPDATE logout_deliveries SET attempts = ?2, next_at = ?3 WHERE id = ?1")?
        .execute(params![
            to_sql(delivery.id),
            delivery.attempt,
            to_sql(now.plus(*pause).as_secs())
        ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> DbResult<LogoutDelivery> {
    Ok(LogoutDelivery {
        id: from_sql(row.get(0)?)?,
        client_id: text(row, 1)?.into(),
        session: SessionId::from_bytes(row.get(2)?),
        subject: text(row, 3)?.into(),
        attempt: row.get::<_, u32>(4)?.saturating_add(1),
    })
}
