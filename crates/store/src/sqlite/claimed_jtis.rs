//! What was signed to be used once, and was used.

use rusqlite::{Connection, params};
use tokenbind_binding::{ClaimOutcome, JtiClaim};

use super::{failure::DbResult, rows::to_sql};

/// Claims a `jti`: a unique insert, so that there is one first.
pub(crate) fn claim(db: &Connection, claim: JtiClaim) -> DbResult<ClaimOutcome> {
    let inserted = db
        .prepare_cached(
            "INSERT INTO claimed_jtis (id, expires_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?
        .execute(params![claim.id(), to_sql(claim.keep_until().as_secs())])?;
    Ok(if inserted == 1 { ClaimOutcome::First } else { ClaimOutcome::Replayed })
}

/// Forgets these claims; gives their number. Rows never change, so what was expired still is.
pub(crate) fn sweep(db: &Connection, ids: &[Vec<u8>]) -> DbResult<u64> {
    let mut statement = db.prepare_cached("DELETE FROM claimed_jtis WHERE id = ?1")?;
    let mut removed = 0;
    for id in ids {
        removed += statement.execute([id])? as u64;
    }
    Ok(removed)
}
