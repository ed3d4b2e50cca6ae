//! Nonces of the server's (RFC 9449 sections 8 and 9), which need no storage: each names its epoch under a MAC.

use crate::{
    handle::{HandleKeys, HandleKind},
    time::Timestamp,
};

/// Seconds that an epoch lasts. A nonce serves until the end of the epoch after its own: for two to four
/// minutes.
pub const EPOCH_SECS: u64 = 120;

/// What makes nonces and knows its own, at a certain time.
#[derive(Clone, Copy, Debug)]
pub struct Nonces<'a> {
    keys: &'a HandleKeys,
    epoch: u64,
}

/// A nonce of ours that still serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fresh {
    /// Of the current epoch.
    Current,
    /// Of the one before: the client should be told the next.
    Previous,
}

impl<'a> Nonces<'a> {
    /// The nonces at `now` of whoever holds these keys.
    #[must_use]
    pub const fn at(keys: &'a HandleKeys, now: Timestamp) -> Self {
        Self { keys, epoch: now.as_secs() / EPOCH_SECS }
    }

    /// The nonce that clients are to use.
    #[must_use]
    pub fn current(&self) -> String {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.epoch.to_be_bytes());
        self.keys.seal(HandleKind::DpopNonce, &id)
    }

    /// Whether this is a nonce that serves; `None` if not.
    pub(super) fn judge(&self, nonce: &str) -> Option<Fresh> {
        let id = self.keys.open(HandleKind::DpopNonce, nonce).ok()?;
        let (&[epoch, rest], []) = id.as_chunks::<8>() else { return None };
        match self.epoch.checked_sub(u64::from_be_bytes(epoch))? {
            _ if rest != [0; 8] => None,
            0 => Some(Fresh::Current),
            1 => Some(Fresh::Previous),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::HandleKey;

    fn keys(secret: u8) -> HandleKeys {
        HandleKeys::new(HandleKey::new(1, &[secret; 32]), Vec::new())
    }

    fn judged(made_at: u64, shown_at: u64) -> Option<Fresh> {
        let keys = keys(1);
        let nonce = Nonces::at(&keys, Timestamp::from_secs(made_at)).current();
        Nonces::at(&keys, Timestamp::from_secs(shown_at)).judge(&nonce)
    }

    #[test]
    fn rfc9449_section_8_a_nonce_serves_in_its_epoch_and_the_next() {
        assert_eq!(judged(1200, 1200), Some(Fresh::Current));
        assert_eq!(judged(1200, 1319), Some(Fresh::Current));
        assert_eq!(judged(1200, 1320), Some(Fresh::Previous));
        assert_eq!(judged(1319, 1439), Some(Fresh::Previous));
    }

    #[test]
    fn rfc9449_section_8_older_nonces_and_ones_from_the_future_do_not_serve() {
        for (made_at, shown_at) in [(1319, 1440), (1200, 1440), (0, u64::MAX), (1320, 1319)] {
            assert_eq!(judged(made_at, shown_at), None, "{made_at} {shown_at}");
        }
    }

    #[test]
    fn rfc9449_section_11_3_nobody_else_can_make_one() {
        let (own, foreign) = (keys(1), keys(2));
        let now = Timestamp::from_secs(1200);
        let nonces = Nonces::at(&own, now);
        assert_eq!(nonces.judge(&Nonces::at(&foreign, now).current()), None);
        let renamed = own.seal(HandleKind::AccessToken, &[0; 16]).replace("tb_at_", "tb_dn_");
        for forged in ["", "tb_dn_", "1200", &renamed] {
            assert_eq!(nonces.judge(forged), None, "{forged}");
        }
    }
}
