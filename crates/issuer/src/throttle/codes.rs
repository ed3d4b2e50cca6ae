//! The rule by which guessing user codes is slowed down (RFC 8628 section 5.1).

use std::net::IpAddr;

use tokenbind_binding::{Instant, SubjectId};

use super::{Throttle, network_of};

/// So many times more failures than a user has an address: people share them.
const USERS_PER_ADDRESS: u32 = 10;

/// A user code on trial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodeGuess<'a> {
    /// Who types it; nobody does who is not signed in.
    pub(crate) subject: &'a SubjectId,
    /// Where the connection comes from.
    pub(crate) address: IpAddr,
}

/// Counts codes that no device shows: for **a user**, from wherever (`per_minute`), and for **an address**,
/// whoever the users are (ten times `per_minute`). Beyond either, no code is heard until enough is
/// forgiven, right or wrong. Nobody else can cause this for a user, since it takes their session.
///
/// With thirty wrong codes a minute, and a thousand devices waiting at any time, a user finds a code in a year
/// and a half on average.
pub(crate) struct CodeThrottle {
    users: Throttle<SubjectId>,
    addresses: Throttle<IpAddr>,
}

impl CodeThrottle {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            users: Throttle::new(per_minute),
            addresses: Throttle::new(per_minute.saturating_mul(USERS_PER_ADDRESS)),
        }
    }

    /// Whether the guess may be heard.
    ///
    /// # Errors
    /// The seconds until it may.
    pub(crate) fn check(&self, guess: &CodeGuess<'_>, now: Instant) -> Result<(), u64> {
        self.users.check(guess.subject, now)?;
        self.addresses.check(&network_of(guess.address), now)
    }

    /// Counts a wrong code.
    pub(crate) fn record_failure(&self, guess: &CodeGuess<'_>, now: Instant) {
        self.users.record_failure(guess.subject, now);
        self.addresses.record_failure(&network_of(guess.address), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_micros(1_000_000_000);

    fn heard(throttle: &CodeThrottle, subject: &str, host: u8) -> bool {
        let subject = SubjectId::from(subject);
        let guess = CodeGuess { subject: &subject, address: [192, 0, 2, host].into() };
        let heard = throttle.check(&guess, NOW).is_ok();
        throttle.record_failure(&guess, NOW);
        heard
    }

    #[test]
    fn rfc8628_section_5_1_a_user_cannot_go_on_guessing_from_other_addresses() {
        let throttle = CodeThrottle::new(5);
        assert!((0..5).all(|host| heard(&throttle, "u1", host)));
        assert!(!heard(&throttle, "u1", 6));
        assert!(heard(&throttle, "u2", 6), "another user");
    }

    #[test]
    fn rfc8628_section_5_1_an_address_cannot_go_on_guessing_as_other_users() {
        let throttle = CodeThrottle::new(5);
        assert!((0..50).all(|user| heard(&throttle, &format!("u{user}"), 1)));
        assert!(!heard(&throttle, "u50", 1));
        assert!(heard(&throttle, "u51", 2), "another address");
    }
}
