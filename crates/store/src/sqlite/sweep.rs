//! The sweep: removes what can no longer matter.
//!
//! No table has an index on expiry, so that inserting stays cheap. The sweep walks each table by its
//! primary key on a connection of its own, and has the writer delete by key, a chunk at a time, so
//! that nobody waits long.

use rusqlite::{Connection, Row, params};
use tokenbind_binding::{Anchor, End, Instant, Timestamp, TokenId};
use tokenbind_issuer::store::{StoreError, StoreResult, Swept};

use super::{
    browser_cookies,
    claimed_jtis::{self, ClaimId},
    codes, connections, device_authorizations,
    failure::DbResult,
    keys, pushed_requests,
    rows::{from_sql, to_sql},
    session_ends, sessions,
    write::Write,
    writer::Queue,
};
use crate::cache::Effect;

/// Rows looked at in one read.
const WALK: i64 = 2048;

/// Rows deleted in one transaction.
const CHUNK: usize = 512;

/// One sweep, on a thread of its own.
pub(crate) struct Sweep {
    pub(crate) db: Connection,
    pub(crate) queue: Queue,
    pub(crate) now: Timestamp,
}

impl Sweep {
    pub(crate) fn run(&self) -> StoreResult<Swept> {
        let now = self.now;
        // Tokens and grants go first: an end may go only after everything that it ended, and a code
        // only after everything that came of it.
        Ok(Swept {
            access_tokens: self.sweep_tokens()?,
            grants: self.sweep_grants()?,
            slots: self.sweep_slots()?,
            codes: self.sweep_codes()?,
            sessions: self.sweep_sessions()?,
            cookies: self.sweep_cookies()?,
            connections: self.sweep_connections()?,
            jtis: self.sweep_jtis()?,
            pushed_requests: self.sweep_pushed_requests()?,
            device_authorizations: self.sweep_device_authorizations()?,
            ends: self.sweep_ends()?,
            keys: self.queue.run_blocking(move |write| keys::sweep(write, now))?,
        })
    }

    fn sweep_tokens(&self) -> StoreResult<u64> {
        let sql = "SELECT id, expires_at <= ?2 FROM access_tokens WHERE id > ?1 \
                   ORDER BY id LIMIT ?3";
        self.walk(sql, Vec::new(), read_blob_key, |write, ids, _| {
            let mut statement =
                write.db.prepare_cached("DELETE FROM access_tokens WHERE id = ?1")?;
            let removed = delete_each(ids, |id| statement.execute([id]))?;
            let ids = ids.iter().filter_map(|id| id.as_slice().try_into().ok());
            write.effects.push(Effect::TokensSwept(ids.map(TokenId::from_bytes).collect()));
            Ok(removed)
        })
    }

    fn sweep_grants(&self) -> StoreResult<u64> {
        let sql = "SELECT id, expires_at <= ?2 FROM grants WHERE id > ?1 ORDER BY id LIMIT ?3";
        self.walk(sql, Vec::new(), read_blob_key, |write, ids, now| {
            // A slot may have prolonged the grant since it was looked at.
            let mut statement =
                write.db.prepare_cached("DELETE FROM grants WHERE id = ?1 AND expires_at <= ?2")?;
            delete_each(ids, |id| statement.execute(params![id, to_sql(now.as_secs())]))
        })
    }

    fn sweep_slots(&self) -> StoreResult<u64> {
        let sql = "SELECT slot, ?2 IS NOT NULL \
                   AND NOT EXISTS (SELECT 1 FROM access_tokens WHERE id = access_token_id) \
                   AND NOT EXISTS (SELECT 1 FROM grants WHERE id = grant_id) \
                   FROM slots WHERE slot > ?1 ORDER BY slot LIMIT ?3";
        self.walk(sql, Vec::new(), read_blob_key, |write, slots, _| {
            // The slot may have been filled again since it was looked at.
            let mut statement = write.db.prepare_cached(
                "DELETE FROM slots WHERE slot = ?1 \
                 AND NOT EXISTS (SELECT 1 FROM access_tokens WHERE id = access_token_id) \
                 AND NOT EXISTS (SELECT 1 FROM grants WHERE id = grant_id)",
            )?;
            delete_each(slots, |slot| statement.execute([slot]))
        })
    }

    fn sweep_codes(&self) -> StoreResult<u64> {
        let over = codes::IS_OVER;
        let sql = format!("SELECT id, {over} FROM codes WHERE id > ?1 ORDER BY id LIMIT ?3");
        self.walk(&sql, Vec::new(), read_blob_key, |write, ids, now| {
            codes::sweep(write.db, ids, now)
        })
    }

    fn sweep_sessions(&self) -> StoreResult<u64> {
        let mut removed = 0;
        loop {
            let over = sessions::over(&self.db, self.now)?;
            if over.is_empty() || self.queue.is_stopping() {
                return Ok(removed);
            }
            let now = self.now;
            removed +=
                self.queue.run_blocking(move |write| session_ends::sweep(write, &over, now))?;
        }
    }

    fn sweep_cookies(&self) -> StoreResult<u64> {
        let over = browser_cookies::IS_OVER;
        let sql = format!(
            "SELECT hash, {over} FROM browser_cookies WHERE hash > ?1 ORDER BY hash LIMIT ?3"
        );
        self.walk(&sql, Vec::new(), read_blob_key, |write, hashes, now| {
            browser_cookies::sweep(write.db, hashes, now)
        })
    }

    fn sweep_connections(&self) -> StoreResult<u64> {
        let over = connections::IS_OVER;
        let sql = format!("SELECT id, {over} FROM connections WHERE id > ?1 ORDER BY id LIMIT ?3");
        self.walk(&sql, 0, read_number_key, connections::sweep)
    }

    fn sweep_jtis(&self) -> StoreResult<u64> {
        let sql = "SELECT seq, expires_at <= ?2, id FROM claimed_jtis \
                   WHERE seq > ?1 ORDER BY seq LIMIT ?3";
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(2)?));
        self.walk(sql, (0, [0; 32]), read, |write, claims, _| claimed_jtis::sweep(write, claims))
    }

    fn sweep_pushed_requests(&self) -> StoreResult<u64> {
        let over = pushed_requests::IS_OVER;
        let sql =
            format!("SELECT id, {over} FROM pushed_requests WHERE id > ?1 ORDER BY id LIMIT ?3");
        self.walk(&sql, Vec::new(), read_blob_key, |write, ids, _| {
            let mut statement =
                write.db.prepare_cached("DELETE FROM pushed_requests WHERE id = ?1")?;
            delete_each(ids, |id| statement.execute([id]))
        })
    }

    fn sweep_device_authorizations(&self) -> StoreResult<u64> {
        let over = device_authorizations::IS_OVER;
        let sql = format!(
            "SELECT id, {over} FROM device_authorizations WHERE id > ?1 ORDER BY id LIMIT ?3"
        );
        self.walk(&sql, Vec::new(), read_blob_key, |write, ids, _| {
            let mut statement =
                write.db.prepare_cached("DELETE FROM device_authorizations WHERE id = ?1")?;
            delete_each(ids, |id| statement.execute([id]))
        })
    }

    fn sweep_ends(&self) -> StoreResult<u64> {
        let sql = "SELECT seq, keep_until <= ?2, kind, anchor, instant FROM ends \
                   WHERE seq > ?1 ORDER BY seq LIMIT ?3";
        self.walk(sql, (0, None), read_end, |write, ends, _| {
            let mut statement = write.db.prepare_cached("DELETE FROM ends WHERE seq = ?1")?;
            let removed = delete_each(ends, |(seq, _)| statement.execute([seq]))?;
            let swept = ends.iter().filter_map(|(_, end)| end.clone()).collect();
            write.effects.push(Effect::EndsSwept(swept));
            Ok(removed)
        })
    }

    /// Reads the table from `start` on by `sql`, and has those rows deleted that it marks.
    fn walk<K: Key>(
        &self,
        sql: &str,
        start: K,
        read: fn(&Row<'_>) -> DbResult<K>,
        delete: fn(&mut Write<'_>, &[K], Timestamp) -> DbResult<u64>,
    ) -> StoreResult<u64> {
        let mut removed = 0;
        let mut after = start;
        loop {
            if self.queue.is_stopping() {
                return Err(StoreError::Unavailable("the store is closing".into()));
            }
            let rows = self.look(sql, &after, read)?;
            let Some((last, _)) = rows.last() else { return Ok(removed) };
            after = last.clone();
            let marked: Vec<K> =
                rows.into_iter().filter(|(_, marked)| *marked).map(|(key, _)| key).collect();
            for chunk in marked.chunks(CHUNK) {
                let (chunk, now) = (chunk.to_vec(), self.now);
                removed += self.queue.run_blocking(move |write| {
                    // The rows tell instants and numbers that must not be given again.
                    write.position.keep(write.db)?;
                    delete(write, &chunk, now)
                })?;
            }
        }
    }

    fn look<K: Key>(
        &self,
        sql: &str,
        after: &K,
        read: fn(&Row<'_>) -> DbResult<K>,
    ) -> DbResult<Vec<(K, bool)>> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows =
            statement.query(params![after.to_sql(), to_sql(self.now.as_secs()), WALK])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((read(row)?, row.get(1)?));
        }
        Ok(found)
    }
}

/// What a table is walked by.
trait Key: Clone + Send + 'static {
    fn to_sql(&self) -> &dyn rusqlite::ToSql;
}

impl Key for Vec<u8> {
    fn to_sql(&self) -> &dyn rusqlite::ToSql {
        self
    }
}

impl Key for i64 {
    fn to_sql(&self) -> &dyn rusqlite::ToSql {
        self
    }
}

/// The number of an end, and the end.
impl Key for (i64, Option<End>) {
    fn to_sql(&self) -> &dyn rusqlite::ToSql {
        &self.0
    }
}

/// The number of a claim, and what it is remembered by.
impl Key for (i64, ClaimId) {
    fn to_sql(&self) -> &dyn rusqlite::ToSql {
        &self.0
    }
}

fn read_blob_key(row: &Row<'_>) -> DbResult<Vec<u8>> {
    Ok(row.get(0)?)
}

fn read_number_key(row: &Row<'_>) -> DbResult<i64> {
    Ok(row.get(0)?)
}

fn read_end(row: &Row<'_>) -> DbResult<(i64, Option<End>)> {
    let which: Vec<u8> = row.get(3)?;
    let anchor = Anchor::from_parts(row.get(2)?, &which)?;
    let instant = Instant::from_micros(from_sql(row.get(4)?)?);
    Ok((row.get(0)?, Some(End { anchor, instant, spared: None })))
}

fn delete_each<K>(
    keys: &[K],
    mut delete: impl FnMut(&K) -> rusqlite::Result<usize>,
) -> DbResult<u64> {
    let mut removed = 0;
    for key in keys {
        removed += delete(key)? as u64;
    }
    Ok(removed)
}
