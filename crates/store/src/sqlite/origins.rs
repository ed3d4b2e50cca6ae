//! Which applications list an origin among their `allowed_origins`.

use rusqlite::Connection;
use tokenbind_binding::ClientId;

use super::{failure::DbResult, rows::text};

pub(crate) fn find(db: &Connection, origin: &str) -> DbResult<Vec<ClientId>> {
    let mut statement = db.prepare_cached(
        "SELECT client_id FROM application_origins WHERE origin = ?1 ORDER BY client_id",
    )?;
    let mut rows = statement.query([origin])?;
    let mut applications = Vec::new();
    while let Some(row) = rows.next()? {
        applications.push(text(row, 0)?.into());
    }
    Ok(applications)
}

/// Puts the origins of an application in the place of those that it had before.
pub(crate) fn replace(
    db: &Connection,
    client_id: &ClientId,
    before: &[String],
    after: &[String],
) -> DbResult<()> {
    let mut delete =
        db.prepare_cached("DELETE FROM application_origins WHERE origin = ?1 AND client_id = ?2")?;
    for origin in before.iter().filter(|origin| !after.contains(origin)) {
        delete.execute([origin, client_id.as_str()])?;
    }
    let mut insert = db.prepare_cached(
        "INSERT INTO application_origins (origin, client_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    for origin in after {
        insert.execute([origin, client_id.as_str()])?;
    }
    Ok(())
}
