//! Slows down guessing: counts failures by who tries what, and refuses when there are too many.

use std::{hash::Hash, net::IpAddr};

use quick_cache::sync::Cache;
use tokenbind_binding::Instant;

const MINUTE: u64 = 60_000_000;

/// How many failing parties are remembered at once.
const CAPACITY: usize = 100_000;

/// Who failed at what: a name from an address. Keyed by both, so that nobody is locked out by a
/// stranger who knows a name.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Attempt {
    /// The `client_id` or username that was tried.
    pub name: Box<str>,
    /// Where from.
    pub address: IpAddr,
}

/// Allows `per_minute` failures at once and as many in each minute that follows.
pub struct Throttle {
    interval: u64,
    /// For each failing party, the time by which all its failures are forgiven.
    forgiven_at: Cache<Attempt, u64>,
}

impl Throttle {
    /// A throttle with nothing to forgive yet.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        let interval = MINUTE / u64::from(per_minute.max(1));
        Self { interval, forgiven_at: Cache::new(CAPACITY) }
    }

    /// Whether another attempt would be heard.
    ///
    /// # Errors
    /// The seconds until it would.
    pub fn check(&self, attempt: &Attempt, now: Instant) -> Result<(), u64> {
        let owed = self.forgiven_at.get(attempt).unwrap_or(0).saturating_sub(now.as_micros());
        match owed.checked_sub(MINUTE - self.interval) {
            Some(excess) if excess > 0 => Err(excess.div_ceil(1_000_000)),
            _ => Ok(()),
        }
    }

    /// Counts a failure.
    pub fn record_failure(&self, attempt: Attempt, now: Instant) {
        let from = self.forgiven_at.get(&attempt).unwrap_or(0).max(now.as_micros());
        self.forgiven_at.insert(attempt, from + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(name: &str) -> Attempt {
        Attempt { name: name.into(), address: [192, 0, 2, 1].into() }
    }

    fn at(secs: u64) -> Instant {
        Instant::from_micros(1_000_000 * (1_000 + secs))
    }

    #[test]
    fn refuses_after_as_many_failures_as_are_allowed_and_forgives_with_time() {
        let throttle = Throttle::new(6);
        for _ in 0..6 {
            assert_eq!(throttle.check(&attempt("alice"), at(0)), Ok(()));
            throttle.record_failure(attempt("alice"), at(0));
        }
        assert_eq!(throttle.check(&attempt("alice"), at(0)), Err(10));
        assert_eq!(throttle.check(&attempt("alice"), at(9)), Err(1));
        assert_eq!(throttle.check(&attempt("alice"), at(10)), Ok(()));
    }

    #[test]
    fn another_name_or_address_is_not_refused() {
        let throttle = Throttle::new(1);
        throttle.record_failure(attempt("alice"), at(0));
        throttle.record_failure(attempt("alice"), at(0));
        assert!(throttle.check(&attempt("alice"), at(0)).is_err());
        assert_eq!(throttle.check(&attempt("bob"), at(0)), Ok(()));
        let elsewhere = Attempt { address: [192, 0, 2, 2].into(), ..attempt("alice") };
        assert_eq!(throttle.check(&elsewhere, at(0)), Ok(()));
    }
}
