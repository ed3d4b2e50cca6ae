//! Redeeming an authorization code: once.

use tokenbind_binding::{Anchor, Dead, GrantId, Timestamp, session};
use tokenbind_issuer::store::{Issued, RedeemOutcome, Redemption};

use super::{
    claimed_jtis::use_up,
    codes::{self, StoredCode},
    failure::{DbResult, Failure},
    issue,
    position::Mark,
    slot,
    write::Write,
};

/// Issues what the code stands for, or ends what came of it if that was done before.
pub(crate) fn redeem(write: &mut Write<'_>, redemption: &Redemption) -> DbResult<RedeemOutcome> {
    let Some(proof) = use_up(write, redemption.issuance.proof)? else {
        return Ok(RedeemOutcome::Replayed);
    };
    let Some(stored) = codes::find(write.db, redemption.code)? else {
        return Ok(RedeemOutcome::Unknown);
    };
    if let Some(grant) = stored.grant {
        // RFC 6749 section 4.1.2: the server "SHOULD revoke (when possible) all tokens previously
        // issued based on that authorization code".
        write.end_once(Anchor::Grant(grant))?;
        return Ok(RedeemOutcome::AlreadyRedeemed);
    }
    let instant = write.tick();
    if let Err(dead) = judge(write, redemption, &stored, instant.timestamp())? {
        return Ok(refusal(dead));
    }
    let issuance = &redemption.issuance;
    let issued = if redemption.in_slot {
        slot::commit(write, issuance, instant, proof)?
    } else {
        issue::commit(write, issuance, instant, proof)?
    };
    if let Some(lifetime) = redemption.id_token_lifetime {
        write.position.raise(write.db, Mark::IdTokens, instant.timestamp().plus(lifetime))?;
    }
    let keep_until = stored.expires_at.max(issued.access_token.token.expires_at);
    codes::mark_redeemed(write.db, redemption.code, grant_of(&issued)?, keep_until)?;
    Ok(RedeemOutcome::Redeemed(issued))
}

/// Whether the code is alive: nothing that it hangs from has ended since its commit, and its session
/// has not idled out if the tokens need it.
fn judge(
    write: &Write<'_>,
    redemption: &Redemption,
    StoredCode { code, expires_at, .. }: &StoredCode,
    now: Timestamp,
) -> DbResult<Result<(), Dead>> {
    let ends = write.ends_since(redemption.code.instant(), code.anchors());
    if let Err(dead) = code.judge(redemption.code, *expires_at, &ends[..], now) {
        return Ok(Err(dead));
    }
    let bindings = &redemption.issuance.bindings;
    let issued_in = Some(code.login.token_session());
    let session = write.session(session::needed(bindings, issued_in))?;
    Ok(session::judge_needed(bindings, issued_in, session.as_ref(), now))
}

fn refusal(dead: Dead) -> RedeemOutcome {
    match dead {
        Dead::Expired => RedeemOutcome::Expired,
        Dead::SessionOver | Dead::Ended(Anchor::Session(_)) => RedeemOutcome::SessionOver,
        Dead::Ended(anchor) => RedeemOutcome::Ended(anchor),
    }
}

/// What everything that came of the code hangs from.
fn grant_of(issued: &Issued) -> DbResult<GrantId> {
    issued
        .access_token
        .token
        .grant
        .ok_or_else(|| Failure::unavailable("a token of a login hangs from no grant"))
}
