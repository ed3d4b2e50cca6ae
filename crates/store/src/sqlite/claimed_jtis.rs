//! What was signed to be used once, and was used.
//!
//! Which ones were is known in memory, where the writer alone decides; the table keeps them over a restart. Their hashes are
//! random, so that an index over them would touch a page for each; as it is, the table only grows at its end.

use std::collections::HashSet;

use rusqlite::{Connection, params};
use tokenbind_binding::{ClaimOutcome, JtiClaim};

use super::{failure::DbResult, rows::to_sql, write::Write};

/// What a claim is remembered by.
pub(crate) type ClaimId = [u8; 32];

/// All claims that are remembered, and nothing that is not durable.
#[derive(Default)]
pub(crate) struct ClaimedJtis(HashSet<ClaimId>);

/// What one transaction does to them.
#[derive(Default)]
pub(crate) struct ClaimChanges {
    claimed: HashSet<ClaimId>,
    forgotten: Vec<ClaimId>,
}

/// What a request signed to be used once was used by this transaction, if it signed anything. Only
/// [`use_up`] makes one.
#[derive(Clone, Copy)]
pub(crate) struct UsedUp(());

impl ClaimedJtis {
    /// As the table has them.
    pub(crate) fn load(db: &Connection) -> DbResult<Self> {
        let mut statement = db.prepare("SELECT id FROM claimed_jtis")?;
        let ids = statement.query_map([], |row| row.get(0))?;
        Ok(Self(ids.collect::<Result<_, _>>()?))
    }

    /// Once the transaction is durable.
    pub(crate) fn apply(&mut self, changes: ClaimChanges) {
        for id in changes.forgotten {
            self.0.remove(&id);
        }
        self.0.extend(changes.claimed);
    }
}

/// Claims a `jti`, unless that was done before.
pub(crate) fn claim(write: &mut Write<'_>, claim: JtiClaim) -> DbResult<ClaimOutcome> {
    let id = *claim.id();
    if write.claimed.0.contains(&id) || !write.claim_changes.claimed.insert(id) {
        return Ok(ClaimOutcome::Replayed);
    }
    write
        .db
        .prepare_cached("INSERT INTO claimed_jtis (id, expires_at) VALUES (?1, ?2)")?
        .execute(params![id, to_sql(claim.keep_until().as_secs())])?;
    Ok(ClaimOutcome::First)
}

/// Claims what comes with a request, in the transaction that does what it asks; `None` if it was used before.
pub(crate) fn use_up(write: &mut Write<'_>, proof: Option<JtiClaim>) -> DbResult<Option<UsedUp>> {
    let outcome = proof.map_or(Ok(ClaimOutcome::First), |proof| claim(write, proof))?;
    Ok(match outcome {
        ClaimOutcome::First => Some(UsedUp(())),
        ClaimOutcome::Replayed => None,
    })
}

/// Forgets these claims; gives their number. Rows never change, so what was expired still is.
pub(crate) fn sweep(write: &mut Write<'_>, claims: &[(i64, ClaimId)]) -> DbResult<u64> {
    let mut statement = write.db.prepare_cached("DELETE FROM claimed_jtis WHERE seq = ?1")?;
    let mut removed = 0;
    for (seq, id) in claims {
        removed += statement.execute([seq])? as u64;
        write.claim_changes.forgotten.push(*id);
    }
    Ok(removed)
}
