//! Redeeming a device code: once.

use tokenbind_binding::{Anchor, Dead, Timestamp};
use tokenbind_issuer::{
    device::DeviceAnswer,
    store::{DeviceRedeemOutcome, DeviceRedemption},
};

use super::{
    claimed_jtis::use_up,
    device_authorizations::{self, StoredDevice},
    failure::DbResult,
    issue,
    position::Mark,
    slot,
    write::Write,
};

/// Issues what the user approved. Unlike an authorization code, a device code goes through no browser, and a
/// device asks again until it has an answer: so a second redemption is no sign of a theft, and ends nothing.
pub(crate) fn redeem(
    write: &mut Write<'_>,
    redemption: &DeviceRedemption,
) -> DbResult<DeviceRedeemOutcome> {
    let Some(proof) = use_up(write, redemption.issuance.proof)? else {
        return Ok(DeviceRedeemOutcome::Replayed);
    };
    let Some(stored) = device_authorizations::find(write.db, redemption.device)? else {
        return Ok(DeviceRedeemOutcome::Expired);
    };
    let instant = write.tick();
    if let Some(refusal) = refusal(write, redemption, &stored, instant.timestamp()) {
        return Ok(refusal);
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
    device_authorizations::mark_redeemed(write.db, redemption.device)?;
    Ok(DeviceRedeemOutcome::Redeemed(issued))
}

/// What speaks against it.
fn refusal(
    write: &Write<'_>,
    redemption: &DeviceRedemption,
    StoredDevice { kept, redeemed, .. }: &StoredDevice,
    now: Timestamp,
) -> Option<DeviceRedeemOutcome> {
    match device_authorizations::judge(write, redemption.device, kept, now) {
        Ok(()) => {}
        Err(Dead::Ended(anchor)) => return Some(DeviceRedeemOutcome::Ended(anchor)),
        Err(Dead::Expired | Dead::SessionOver) => return Some(DeviceRedeemOutcome::Expired),
    }
    if *redeemed {
        return Some(DeviceRedeemOutcome::AlreadyRedeemed);
    }
    // Somebody may have ended the code itself before anything came of it.
    let code = Anchor::Binding(redemption.reference);
    let ends = write.ends_since(redemption.device.instant(), [code].into_iter());
    if let [end, ..] = &ends[..] {
        return Some(DeviceRedeemOutcome::Ended(end.anchor.clone()));
    }
    match kept.answer.as_ref().map(|given| &given.answer) {
        Some(DeviceAnswer::Approved(_)) => None,
        Some(DeviceAnswer::Denied) | None => Some(DeviceRedeemOutcome::NotApproved),
    }
}
