//! Where the writer stands: the last instant and number that it gave, and how long what it issued
//! can live.

use rusqlite::{Connection, OptionalExtension as _, params};
use tokenbind_binding::{
    CodeId, DeviceCodeId, GrantId, Instant, PushedRequestId, SessionId, Timestamp, TokenId,
};

use super::{
    failure::DbResult,
    rows::{from_sql, to_sql},
};

const LAST_INSTANT: &str = "last_instant";
const LAST_SEQ: &str = "last_seq";

/// The high-water marks of expiry are rounded up to this many seconds, so that they are seldom
/// written.
const MARK_STEP: u64 = 3600;

/// What has a high-water mark of its own: none of it that was given so far lives longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mark {
    /// Access tokens.
    Tokens,
    /// Grants, unless they are refreshed while they are alive.
    Grants,
    /// Authorization codes, the pushed requests that they can come of, and device codes.
    Codes,
    /// Login sessions.
    Sessions,
    /// ID tokens and logout tokens, of which there are no rows.
    IdTokens,
}

impl Mark {
    const ALL: [Self; 5] =
        [Self::Tokens, Self::Grants, Self::Codes, Self::Sessions, Self::IdTokens];

    const fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens_until",
            Self::Grants => "grants_until",
            Self::Codes => "codes_until",
            Self::Sessions => "sessions_until",
            Self::IdTokens => "id_tokens_until",
        }
    }
}

/// The writer's memory. It follows the open transaction, and goes back with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// The last instant that was given.
    pub(crate) last: Instant,
    /// The instant of the last end.
    pub(crate) last_end: Instant,
    /// The number of the last end.
    pub(crate) seq: u64,
    /// The high-water marks, in the order of [`Mark::ALL`].
    marks: [Timestamp; Mark::ALL.len()],
}

impl Position {
    /// Where a database was left. The instants of rows that are swept are not lost: [`Self::keep`].
    pub(crate) fn load(db: &Connection) -> DbResult<Self> {
        let token = newest(db, "SELECT max(id) FROM access_tokens")?
            .map(|id| TokenId::from_bytes(id).instant());
        let grant =
            newest(db, "SELECT max(id) FROM grants")?.map(|id| GrantId::from_bytes(id).instant());
        let (seq, last_end) = last_end(db)?;
        let session = newest(db, "SELECT max(id) FROM sessions")?
            .map(|id| SessionId::from_bytes(id).instant());
        let code =
            newest(db, "SELECT max(id) FROM codes")?.map(|id| CodeId::from_bytes(id).instant());
        let pushed = newest(db, "SELECT max(id) FROM pushed_requests")?
            .map(|id| PushedRequestId::from_bytes(id).instant());
        let device = newest(db, "SELECT max(id) FROM device_authorizations")?
            .map(|id| DeviceCodeId::from_bytes(id).instant());
        let kept = Instant::from_micros(read_meta(db, LAST_INSTANT)?);
        let instants = [token, grant, session, code, pushed, device, Some(last_end)];
        let instants = instants.into_iter().flatten();
        let mut marks = [Timestamp::from_secs(0); Mark::ALL.len()];
        for mark in Mark::ALL {
            marks[mark as usize] = Timestamp::from_secs(read_meta(db, mark.name())?);
        }
        Ok(Self {
            last: instants.fold(kept, Ord::max),
            last_end,
            seq: seq.max(read_meta(db, LAST_SEQ)?),
            marks,
        })
    }

    /// Writes down the last instant and number, before the rows that tell them are removed.
    pub(crate) fn keep(&self, db: &Connection) -> DbResult<()> {
        write_meta(db, LAST_INSTANT, self.last.as_micros())?;
        write_meta(db, LAST_SEQ, self.seq)
    }

    /// None of it that was given so far lives longer.
    pub(crate) fn until(&self, mark: Mark) -> Timestamp {
        self.marks[mark as usize]
    }

    /// All that can be issued, refreshed or exchanged by what was given so far is dead by then, unless
    /// it is decided on anew.
    pub(crate) fn ends_matter_until(&self) -> Timestamp {
        self.latest([Mark::Tokens, Mark::Grants, Mark::Codes, Mark::IdTokens])
    }

    /// Every handle made so far is of no use by then.
    pub(crate) fn handles_until(&self) -> Timestamp {
        self.latest([Mark::Tokens, Mark::Grants, Mark::Codes, Mark::Sessions])
    }

    /// Every signature made so far is of no use by then. An ID token is good as a hint while its
    /// session lives, although it has expired (OpenID Connect RP-Initiated Logout section 4).
    pub(crate) fn signatures_until(&self) -> Timestamp {
        self.latest([Mark::Tokens, Mark::IdTokens, Mark::Sessions])
    }

    fn latest<const N: usize>(&self, marks: [Mark; N]) -> Timestamp {
        marks.into_iter().fold(Timestamp::from_secs(0), |latest, mark| latest.max(self.until(mark)))
    }

    /// Raises a mark, durably with what raises it.
    pub(crate) fn raise(
        &mut self,
        db: &Connection,
        mark: Mark,
        expires_at: Timestamp,
    ) -> DbResult<()> {
        if expires_at > self.until(mark) {
            let steps = expires_at.as_secs().div_ceil(MARK_STEP);
            let until = Timestamp::from_secs(steps.saturating_mul(MARK_STEP));
            self.marks[mark as usize] = until;
            write_meta(db, mark.name(), until.as_secs())?;
        }
        Ok(())
    }
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
