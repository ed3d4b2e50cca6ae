//! The rule by which guessing passwords is slowed down.

use std::{net::IpAddr, time::Duration};

use tokenbind_binding::{Instant, SessionId};

use super::{Attempt, Name, Throttle, network_of};

/// So many times more failures than a name from an address has an address at all: people share them.
const NAMES_PER_ADDRESS: u32 = 10;

/// The longest that a login is made to wait.
const LONGEST_WAIT: u64 = 2;

/// A password on trial: for whom, and from where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guess<'a> {
    /// The name as it was typed, whether there is such a user or not.
    pub(crate) username: &'a str,
    /// Where the connection comes from.
    pub(crate) address: IpAddr,
    /// The session by which the browser shows that this user has signed in with it before.
    pub(crate) known_browser: Option<SessionId>,
}

/// Counts failed logins four ways. Each of the first three may fail so often at once, and as often in
/// each minute that follows:
///
/// - **a browser in which this very user has signed in** (`per_minute`). Within that, nothing below
///   applies to it: so nobody who guesses elsewhere can shut its user out, or slow them down.
/// - **a name from an address** (`per_minute`): beyond it, refused until enough is forgiven.
/// - **an address**, whatever the names (ten times `per_minute`): beyond it, refused likewise. This
///   stops one password tried against many names.
/// - **a name, from wherever** (`per_minute`): beyond it, every login of that name waits for up to two
///   seconds, and is then heard. Anybody can cause this for anybody, so it never refuses.
///
/// Who is refused is told so whether or not the password fits, also where the failures that count came
/// in while it was being hashed: a burst of guesses learns no more than as many in a row.
pub(crate) struct LoginThrottle {
    browsers: Throttle<SessionId>,
    attempts: Throttle<Attempt>,
    addresses: Throttle<IpAddr>,
    names: Throttle<Name>,
}

impl LoginThrottle {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            browsers: Throttle::new(per_minute),
            attempts: Throttle::new(per_minute),
            addresses: Throttle::new(per_minute.saturating_mul(NAMES_PER_ADDRESS)),
            names: Throttle::new(per_minute),
        }
    }

    /// Whether the guess may be heard.
    ///
    /// # Errors
    /// The seconds until it may.
    pub(crate) fn check(&self, guess: &Guess<'_>, now: Instant) -> Result<(), u64> {
        if self.trusted_browser(guess, now).is_some() {
            return Ok(());
        }
        self.attempts.check(&Attempt::new(guess.username, guess.address), now)?;
        self.addresses.check(&network_of(guess.address), now)
    }

    /// How long the guess has to wait before it is heard.
    pub(crate) fn delay(&self, guess: &Guess<'_>, now: Instant) -> Duration {
        if self.trusted_browser(guess, now).is_some() {
            return Duration::ZERO;
        }
        let wait = self.names.check(&Name::of(guess.username), now).err().unwrap_or(0);
        Duration::from_secs(wait.min(LONGEST_WAIT))
    }

    /// Counts a wrong password.
    pub(crate) fn record_failure(&self, guess: &Guess<'_>, now: Instant) {
        if let Some(browser) = self.trusted_browser(guess, now) {
            return self.browsers.record_failure(&browser, now);
        }
        self.attempts.record_failure(&Attempt::new(guess.username, guess.address), now);
        self.addresses.record_failure(&network_of(guess.address), now);
        self.names.record_failure(&Name::of(guess.username), now);
    }

    /// The known browser, unless it failed too often: then it is like any other.
    fn trusted_browser(&self, guess: &Guess<'_>, now: Instant) -> Option<SessionId> {
        guess.known_browser.filter(|browser| self.browsers.check(browser, now).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_micros(1_000_000_000);
    const NO_WAIT: Duration = Duration::ZERO;

    fn guess(username: &str, host: u8) -> Guess<'_> {
        Guess { username, address: [192, 0, 2, host].into(), known_browser: None }
    }

    fn known(username: &str, host: u8) -> Guess<'_> {
        Guess { known_browser: Some(SessionId::new(NOW, [1; 8])), ..guess(username, host) }
    }

    fn fail(throttle: &LoginThrottle, guess: &Guess<'_>, times: usize) {
        for _ in 0..times {
            throttle.record_failure(guess, NOW);
        }
    }

    #[test]
    fn a_name_from_an_address_is_refused_after_as_many_failures_as_are_allowed() {
        let throttle = LoginThrottle::new(5);
        fail(&throttle, &guess("alice", 1), 5);
        assert!(throttle.check(&guess("alice", 1), NOW).is_err());
        assert_eq!(throttle.check(&guess("bob", 1), NOW), Ok(()));
        assert_eq!(throttle.check(&guess("alice", 2), NOW), Ok(()), "the owner elsewhere");
    }

    #[test]
    fn one_address_cannot_try_many_names() {
        let throttle = LoginThrottle::new(5);
        for n in 0..50 {
            let name = format!("user{n}");
            assert_eq!(throttle.check(&guess(&name, 1), NOW), Ok(()), "{n}");
            fail(&throttle, &guess(&name, 1), 1);
        }
        assert!(throttle.check(&guess("another", 1), NOW).is_err());
        assert_eq!(throttle.check(&guess("another", 2), NOW), Ok(()));
    }

    #[test]
    fn a_name_tried_from_many_addresses_waits_a_little_and_is_never_refused() {
        let throttle = LoginThrottle::new(5);
        assert_eq!(throttle.delay(&guess("alice", 9), NOW), NO_WAIT);
        for host in 0..200 {
            fail(&throttle, &guess("alice", host), 4);
        }
        let owner = guess("alice", 201);
        assert_eq!(throttle.check(&owner, NOW), Ok(()));
        assert_eq!(throttle.delay(&owner, NOW), Duration::from_secs(2));
        assert_eq!(throttle.delay(&guess("bob", 201), NOW), NO_WAIT);
    }

    #[test]
    fn a_browser_that_its_user_has_signed_in_with_is_neither_refused_nor_delayed() {
        let throttle = LoginThrottle::new(5);
        fail(&throttle, &guess("alice", 1), 50);
        assert_eq!(throttle.check(&known("alice", 1), NOW), Ok(()));
        assert_eq!(throttle.delay(&known("alice", 1), NOW), NO_WAIT);
    }

    #[test]
    fn a_known_browser_has_its_own_budget_and_is_like_any_other_beyond_it() {
        let throttle = LoginThrottle::new(5);
        fail(&throttle, &known("alice", 1), 5);
        assert_eq!(throttle.delay(&guess("alice", 2), NOW), NO_WAIT, "counted apart");
        assert_eq!(throttle.check(&known("alice", 1), NOW), Ok(()), "like any other");
        fail(&throttle, &known("alice", 1), 5);
        assert!(throttle.check(&known("alice", 1), NOW).is_err());
    }
}
