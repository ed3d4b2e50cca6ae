//! The server's keys, sealed.

use rusqlite::{Connection, params};
use tokenbind_binding::Timestamp;
use tokenbind_issuer::{
    authorization::SIGNED_ANSWER_LIFETIME,
    keys::{KeyId, KeyUse},
    store::StoredKey,
};

use super::{
    failure::{DbResult, Failure},
    rows::to_sql,
    write::{IN_FLIGHT, Write},
};

/// Adds those keys of `missing` whose use has no current key, and gives all.
pub(crate) fn load(write: &mut Write<'_>, missing: &[StoredKey]) -> DbResult<Vec<StoredKey>> {
    for key in missing {
        let current: bool = write
            .db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM server_keys \
                 WHERE key_use = ?1 AND retired_at IS NULL)",
            )?
            .query_row([key.key_use.as_str()], |row| row.get(0))?;
        if !current {
            insert(write.db, key)?;
        }
    }
    all(write.db)
}

/// Makes each of `fresh` the current key of its use, and gives all.
pub(crate) fn rotate(write: &mut Write<'_>, fresh: &[StoredKey]) -> DbResult<Vec<StoredKey>> {
    let now = write.tick().timestamp();
    for key in fresh {
        write
            .db
            .prepare_cached(
                "UPDATE server_keys SET retired_at = ?2 WHERE key_use = ?1 AND retired_at IS NULL",
            )?
            .execute(params![key.key_use.as_str(), to_sql(now.as_secs())])?;
        insert(write.db, key)?;
    }
    all(write.db)
}

/// Removes retired keys of which nothing is alive, and gives their number.
///
/// A request that took the key while it was current may still commit a token made with it, until it
/// is given up [`IN_FLIGHT`] seconds after the retirement. From then on nothing is made with the
/// key, so that the high-water mark of that moment bounds everything that ever was. It is written
/// down by the first sweep that comes so late, and later issues do not raise it. No mark tells of
/// authorization answers that are signed: the last of them is made, and read, soon after.
pub(crate) fn sweep(write: &mut Write<'_>, now: Timestamp) -> DbResult<u64> {
    let handles_until = write.position.handles_until();
    let signatures_until = write.position.signatures_until();
    write
        .db
        .prepare_cached(
            "UPDATE server_keys \
             SET keep_until = CASE key_use WHEN ?1 THEN ?2 ELSE max(?3, retired_at + ?4 + ?6) END \
             WHERE retired_at IS NOT NULL AND keep_until IS NULL AND retired_at + ?4 <= ?5",
        )?
        .execute(params![
            KeyUse::Handle.as_str(),
            to_sql(handles_until.as_secs()),
            to_sql(signatures_until.as_secs()),
            to_sql(IN_FLIGHT),
            to_sql(now.as_secs()),
            to_sql(SIGNED_ANSWER_LIFETIME),
        ])?;
    let removed = write
        .db
        .prepare_cached("DELETE FROM server_keys WHERE keep_until <= ?1")?
        .execute([to_sql(now.as_secs())])?;
    Ok(removed as u64)
}

fn insert(db: &Connection, key: &StoredKey) -> DbResult<()> {
    db.prepare_cached("INSERT INTO server_keys (id, key_use, sealed) VALUES (?1, ?2, ?3)")?
        .execute(params![key.id.0, key.key_use.as_str(), key.sealed])?;
    Ok(())
}

fn all(db: &Connection) -> DbResult<Vec<StoredKey>> {
    let mut statement = db.prepare_cached(
        "SELECT id, key_use, sealed, retired_at IS NOT NULL FROM server_keys ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(1)?;
        let key_use = KeyUse::from_stored(&name)
            .ok_or_else(|| Failure::unreadable(format!("a key for the unknown use {name}")))?;
        keys.push(StoredKey {
            id: KeyId(row.get(0)?),
            key_use,
            sealed: row.get(2)?,
            retired: row.get(3)?,
        });
    }
    Ok(keys)
}
