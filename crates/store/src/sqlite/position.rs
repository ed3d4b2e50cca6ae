//! Where the writer stands: the last instant and number that it gave, and how long what it issued
//! can live.

use rusqlite::{Connection, OptionalExtension as _, params};
use tokenbind_binding::{GrantId, Instant, Timestamp, TokenId};

use super::{
    failure::DbResult,
    rows::{from_sql, to_sql},
};

const LAST_INSTANT: &str = "last_instant";
const LAST_SEQ: &str = "last_seq";
const TOKENS_UNTIL: &str = "tokens_until";
const GRANTS_UNTIL: &str = "grants_until";

/// The high-water marks of expiry are rounded up to this many seconds, so that they are seldom
/// written.
const MARK_STEP: u64 = 3600;

/// The writer's memory. It follows the open transaction, and goes back with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// The last instant that was given.
    pub(crate) last: Instant,
    /// The instant of the last end.
    pub(crate) last_end: Instant,
    /// The number of the last end.
    pub(crate) seq: u64,
    /// No access token issued so far lives longer.
    pub(crate) tokens_until: Timestamp,
    /// No grant given so far lives longer, unless it is refreshed while it is alive.
    pub(crate) grants_until: Timestamp,
}

impl Position {
    /// Where a database was left. The instants of rows that are swept are not lost: [`Self::keep`].
    pub(crate) fn load(db: &Connection) -> DbResult<Self> {
        let token = newest(db, "SELECT max(id) FROM access_tokens")?
            .map(|id| TokenId::from_bytes(id).instant());
        let grant =
            newest(db, "SELECT max(id) FROM grants")?.map(|id| GrantId::from_bytes(id).instant());
        let (seq, last_end) = last_end(db)?;
        let kept = Instant::from_micros(read_meta(db, LAST_INSTANT)?);
        let instants = [token, grant, Some(last_end)].into_iter().flatten();
        Ok(Self {
            last: instants.fold(kept, Ord::max),
            last_end,
            seq: seq.max(read_meta(db, LAST_SEQ)?),
            tokens_until: Timestamp::from_secs(read_meta(db, TOKENS_UNTIL)?),
            grants_until: Timestamp::from_secs(read_meta(db, GRANTS_UNTIL)?),
        })
    }

    /// Writes down the last instant and number, before the rows that tell them are removed.
    pub(crate) fn keep(&self, db: &Connection) -> DbResult<()> {
        write_meta(db, LAST_INSTANT, self.last.as_micros())?;
        write_meta(db, LAST_SEQ, self.seq)
    }

    /// Everything issued so far is dead by then.
    pub(crate) fn all_until(&self) -> Timestamp {
        self.tokens_until.max(self.grants_until)
    }

    /// Raises the mark of access tokens, durably with the token that raises it.
    pub(crate) fn raise_tokens(&mut self, db: &Connection, expires_at: Timestamp) -> DbResult<()> {
        raise(db, TOKENS_UNTIL, &mut self.tokens_until, expires_at)
    }

    /// Raises the mark of grants, durably with the grant that raises it.
    pub(crate) fn raise_grants(&mut self, db: &Connection, expires_at: Timestamp) -> DbResult<()> {
        raise(db, GRANTS_UNTIL, &mut self.grants_until, expires_at)
    }
}

fn raise(db: &Connection, name: &str, mark: &mut Timestamp, expires_at: Timestamp) -> DbResult<()> {
    if expires_at > *mark {
        let steps = expires_at.as_secs().div_ceil(MARK_STEP);
        *mark = Timestamp::from_secs(steps.saturating_mul(MARK_STEP));
        write_meta(db, name, mark.as_secs())?;
    }
    Ok(())
}

fn newest(db: &Connection, sql: &str) -> DbResult<Option<[u8; 16]>> {
    Ok(db.query_row(sql, [], |row| row.get(0))?)
}

fn last_end(db: &Connection) -> DbResult<(u64, Instant)> {
    let row: Option<(i64, i64)> = db
        .query_row("SELECT seq, instant FROM ends ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (seq, instant) = row.unwrap_or_default();
    Ok((from_sql(seq)?, Instant::from_micros(from_sql(instant)?)))
}

fn read_meta(db: &Connection, name: &str) -> DbResult<u64> {
    let value = db
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()?;
    from_sql(value.unwrap_or(0))
}

fn write_meta(db: &Connection, name: &str, value: u64) -> DbResult<()> {
    db.prepare_cached(
        "INSERT INTO meta (name, value) VALUES (?1, ?2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![name, to_sql(value)])?;
    Ok(())
}

/// A write that is there to be committed and nothing else.
pub(crate) fn touch(db: &Connection, instant: Instant) -> DbResult<()> {
    write_meta(db, "probed_at", instant.as_micros())
}
