//! One transaction as the jobs in it see it.

use std::sync::Arc;

use rusqlite::{Connection, params};
use tokenbind_binding::{
    Anchor, Clock, End, Ended, GrantId, Instant, Random, Session, SessionId, Timestamp, TokenId,
    time::random_bytes,
};
use tokenbind_issuer::{access_token::AccessToken, grant::Grant, store::AsOf};

use super::{
    claimed_jtis::{ClaimChanges, ClaimedJtis},
    failure::DbResult,
    position::{Mark, Position},
    rows::{self, to_sql},
    sessions,
};
use crate::cache::{Effect, EndsIndex, Published};

/// A request that takes longer than so many seconds from its first look at the store to its last
/// has been given up by the server.
pub(crate) const IN_FLIGHT: u64 = 60;

/// The open transaction.
pub(crate) struct Write<'a> {
    pub(crate) db: &'a Connection,
    pub(crate) published: &'a Published,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) random: &'a dyn Random,
    pub(crate) position: &'a mut Position,
    /// The ends of this transaction.
    pub(crate) ends: EndsIndex,
    pub(crate) effects: Vec<Effect>,
    /// What counted once before this transaction.
    pub(crate) claimed: &'a ClaimedJtis,
    pub(crate) claim_changes: ClaimChanges,
    /// Whether this transaction has removed connections, or set them back.
    pub(crate) connections_forgotten: bool,
}

impl Write<'_> {
    /// The next instant, later than all before.
    pub(crate) fn tick(&mut self) -> Instant {
        self.position.last = self.position.last.next(self.clock.now());
        self.position.last
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        random_bytes(self.random)
    }

    /// Records a new access token.
    pub(crate) fn add_token(&mut self, record: AccessToken) -> DbResult<Arc<AccessToken>> {
        rows::insert_token(self.db, &record)?;
        self.position.raise(self.db, Mark::Tokens, record.token.expires_at)?;
        let record = Arc::new(record);
        self.effects.push(Effect::Issued(Arc::clone(&record)));
        Ok(record)
    }

    /// The record of an access token. Published ones need no look at the database: they never change.
    pub(crate) fn find_token(&self, id: TokenId) -> DbResult<Option<Arc<AccessToken>>> {
        if let Some(record) = self.published.tokens.get(id) {
            return Ok(Some(record));
        }
        let record = rows::find_token(self.db, id)?;
        Ok(record.map(Arc::new))
    }

    /// Records a new grant.
    pub(crate) fn add_grant(&mut self, grant: &Grant) -> DbResult<()> {
        rows::insert_grant(self.db, grant)?;
        self.position.raise(self.db, Mark::Grants, grant.expires_at)
    }

    /// Records how a grant changed.
    pub(crate) fn change_grant(&mut self, grant: &Grant) -> DbResult<()> {
        rows::update_grant(self.db, grant)?;
        self.position.raise(self.db, Mark::Grants, grant.expires_at)
    }

    /// The record of a grant.
    pub(crate) fn find_grant(&self, id: GrantId) -> DbResult<Option<Grant>> {
        rows::find_grant(self.db, id)
    }

    /// Those ends of the `anchors` that can matter for something issued at `issued`.
    pub(crate) fn ends_since(
        &self,
        issued: Instant,
        anchors: impl Iterator<Item = Anchor>,
    ) -> Vec<End> {
        // Instants increase: if the last end came before, all of them did.
        if self.position.last_end < issued {
            return Vec::new();
        }
        anchors
            .filter_map(|anchor| {
                let Ended { instant, spared } = self.latest_end(&anchor)?;
                Some(End { anchor, instant, spared })
            })
            .filter(|end| end.instant >= issued)
            .collect()
    }

    /// The first of the `anchors` that ended after `as_of`, unless the `session` was spared. One that
    /// began later is not: an earlier end, which the latest one hides, may lie in between.
    pub(crate) fn ended_after(
        &self,
        as_of: AsOf,
        session: Option<SessionId>,
        anchors: impl IntoIterator<Item = Anchor>,
    ) -> Option<Anchor> {
        let ends = self.ends_since(as_of.0, anchors.into_iter());
        let session = session.filter(|session| session.instant() <= as_of.0);
        let spared = |end: &End| end.spared.is_some() && end.spared == session;
        let mut later = ends.into_iter().filter(|end| end.instant > as_of.0);
        later.find(|end| !spared(end)).map(|end| end.anchor)
    }

    /// The record of a session that something needs, if there still is one.
    pub(crate) fn session(&self, needed: Option<SessionId>) -> DbResult<Option<Session>> {
        let Some(id) = needed else { return Ok(None) };
        Ok(sessions::find(self.db, id)?.map(|found| found.session))
    }

    /// The latest end of `anchor`, in this transaction or before. The index in memory tells what the
    /// table tells, since nobody but the writer changes either.
    pub(crate) fn latest_end(&self, anchor: &Anchor) -> Option<Ended> {
        self.ends.get(anchor).copied().or_else(|| self.published.latest_end(anchor))
    }

    /// Ends an anchor, now.
    pub(crate) fn end(&mut self, anchor: Anchor) -> DbResult<End> {
        self.end_sparing(anchor, None)
    }

    /// Ends an anchor of which nothing new can come, unless that was done before.
    pub(crate) fn end_once(&mut self, anchor: Anchor) -> DbResult<()> {
        if self.latest_end(&anchor).is_none() {
            self.end(anchor)?;
        }
        Ok(())
    }

    /// Ends an anchor, now, for all but the tokens of the spared session.
    pub(crate) fn end_sparing(
        &mut self,
        anchor: Anchor,
        spared: Option<SessionId>,
    ) -> DbResult<End> {
        let instant = self.tick();
        let keep_until = self.keep_until(&anchor, instant)?;
        let seq = self.position.seq + 1;
        let (kind, which) = anchor.to_parts();
        self.db.prepare_cached("INSERT INTO ends VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(
            params![
                to_sql(seq),
                kind,
                which,
                to_sql(instant.as_micros()),
                to_sql(keep_until.as_secs()),
                spared.as_ref().map(SessionId::as_bytes),
            ],
        )?;
        self.position.seq = seq;
        self.position.last_end = instant;
        self.ends.insert(anchor.clone(), Ended { instant, spared });
        Ok(End { anchor, instant, spared })
    }

    /// From then on nothing that was issued before the end can be alive, and nothing that was
    /// decided before it can still be on its way.
    fn keep_until(&self, anchor: &Anchor, instant: Instant) -> DbResult<Timestamp> {
        if let Anchor::Token(id) = anchor {
            let record = self.find_token(*id)?;
            return Ok(
                record.map_or(self.position.until(Mark::Tokens), |record| record.token.expires_at)
            );
        }
        Ok(self.position.ends_matter_until().max(instant.timestamp().plus(IN_FLIGHT)))
    }
}
