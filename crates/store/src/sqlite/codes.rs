//! Authorization codes as rows: a JSON document each.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tokenbind_binding::{CodeId, GrantId, Timestamp};
use tokenbind_issuer::code::AuthorizationCode;

use super::{
    failure::DbResult,
    rows::{read_time, text, to_sql},
};

/// A code, and what came of it.
pub(crate) struct StoredCode {
    pub(crate) code: AuthorizationCode,
    pub(crate) expires_at: Timestamp,
    /// What its tokens hang from, once it is redeemed.
    pub(crate) grant: Option<GrantId>,
}

pub(crate) fn insert(
    db: &Connection,
    id: CodeId,
    code: &AuthorizationCode,
    expires_at: Timestamp,
) -> DbResult<()> {
    db.prepare_cached(
        "INSERT INTO codes (id, client_id, subject, document, expires_at, keep_until) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
    )?
    .execute(params![
        id.as_bytes(),
        code.client_id.as_str(),
        code.subject.as_str(),
        serde_json::to_string(code)?,
        to_sql(expires_at.as_secs()),
    ])?;
    Ok(())
}

pub(crate) fn find(db: &Connection, id: CodeId) -> DbResult<Option<StoredCode>> {
    db.prepare_cached("SELECT document, expires_at, grant_id FROM codes WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| Ok(read(row)))
        .optional()?
        .transpose()
}

/// Notes what came of the code, and until when its access token lives. The row stays that long, and
/// as long as there is the row of the grant.
pub(crate) fn mark_redeemed(
    db: &Connection,
    id: CodeId,
    grant: GrantId,
    keep_until: Timestamp,
) -> DbResult<()> {
    db.prepare_cached("UPDATE codes SET grant_id = ?2, keep_until = ?3 WHERE id = ?1")?
        .execute(params![id.as_bytes(), grant.as_bytes(), to_sql(keep_until.as_secs())])?;
    Ok(())
}

/// Removes those of these codes of which nothing alive can come, or have come; gives their number.
pub(crate) fn sweep(db: &Connection, ids: &[Vec<u8>], now: Timestamp) -> DbResult<u64> {
    let sql = format!("DELETE FROM codes WHERE id = ?1 AND ({IS_OVER})");
    let mut statement = db.prepare_cached(&sql)?;
    let mut removed = 0;
    for id in ids {
        removed += statement.execute(params![id, to_sql(now.as_secs())])? as u64;
    }
    Ok(removed)
}

/// What is true of a row that the sweep may remove at `?2`. An application whose id is a URL has no row.
pub(crate) const IS_OVER: &str = "keep_until <= ?2 AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.id = grant_id) \
     OR NOT EXISTS (SELECT 1 FROM applications WHERE applications.client_id = codes.client_id) \
     AND codes.client_id NOT GLOB 'https://*' \
     OR NOT EXISTS (SELECT 1 FROM users WHERE users.subject = codes.subject)";

fn read(row: &Row<'_>) -> DbResult<StoredCode> {
    Ok(StoredCode {
        code: serde_json::from_str(text(row, 0)?)?,
        expires_at: read_time(row, 1)?,
        grant: row.get::<_, Option<[u8; 16]>>(2)?.map(GrantId::from_bytes),
    })
}
