//! Slows down guessing: counts failures by who tries what, and refuses when there are too many.

mod codes;
mod logins;

use std::{
    convert::Infallible,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use aws_lc_rs::digest;
use quick_cache::sync::Cache;
use tokenbind_binding::Instant;

pub(crate) use codes::{CodeGuess, CodeThrottle};
pub(crate) use logins::{Guess, LoginThrottle};

const MINUTE: u64 = 60_000_000;

/// How many failing parties are remembered at once.
const CAPACITY: usize = 100_000;

/// Who failed at what: a name from an address. Keyed by both, so that nobody is locked out by a
/// stranger who knows a name.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Attempt {
    name: Name,
    address: IpAddr,
}

impl Attempt {
    /// At `name`, the `client_id` or username, from `address`.
    #[must_use]
    pub fn new(name: &str, address: IpAddr) -> Self {
        Self { name: Name::of(name), address: network_of(address) }
    }
}

/// A name as it was tried, by its SHA-256: a long one takes no more memory than a short one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Name([u8; 32]);

impl Name {
    pub(crate) fn of(name: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, name.as_bytes()).as_ref());
        Self(bytes)
    }
}

/// What counts as one address: of IPv6 the first 64 bits, since whoever has one address has them all
/// (RFC 6177 section 2).
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Allows `per_minute` failures at once and as many in each minute that follows.
pub struct Throttle<K> {
    interval: u64,
    /// For each failing party, the time in microseconds by which all its failures are forgiven.
    forgiven_at: Cache<K, Arc<AtomicU64>>,
}

impl<K: Clone + Eq + Hash> Throttle<K> {
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
    pub fn check(&self, key: &K, now: Instant) -> Result<(), u64> {
        let forgiven_at = self.forgiven_at.get(key).map_or(0, |at| at.load(Relaxed));
        let owed = forgiven_at.saturating_sub(now.as_micros());
        match owed.checked_sub(MINUTE - self.interval) {
            Some(excess) if excess > 0 => Err(excess.div_ceil(1_000_000)),
            _ => Ok(()),
        }
    }

    /// Counts a failure. What is owed stays below two minutes, so that a flood is forgiven soon after
    /// it ends.
    pub fn record_failure(&self, key: &K, now: Instant) {
        let fresh = || Ok::<_, Infallible>(Arc::default());
        let Ok(forgiven_at) = self.forgiven_at.get_or_insert_with(key, fresh);
        let now = now.as_micros();
        let owing = |at: u64| Some((at.max(now) + self.interval).min(now + 2 * MINUTE));
        let _ = forgiven_at.fetch_update(Relaxed, Relaxed, owing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(name: &str) -> Attempt {
        Attempt::new(name, [192, 0, 2, 1].into())
    }

    fn at(secs: u64) -> Instant {
        Instant::from_micros(1_000_000 * (1_000 + secs))
    }

    #[test]
    fn refuses_after_as_many_failures_as_are_allowed_and_forgives_with_time() {
        let throttle = Throttle::new(6);
        for _ in 0..6 {
            assert_eq!(throttle.check(&attempt("alice"), at(0)), Ok(()));
            throttle.record_failure(&attempt("alice"), at(0));
        }
        assert_eq!(throttle.check(&attempt("alice"), at(0)), Err(10));
        assert_eq!(throttle.check(&attempt("alice"), at(9)), Err(1));
        assert_eq!(throttle.check(&attempt("alice"), at(10)), Ok(()));
    }

    #[test]
    fn another_name_or_address_is_not_refused() {
        let throttle = Throttle::new(1);
        throttle.record_failure(&attempt("alice"), at(0));
        throttle.record_failure(&attempt("alice"), at(0));
        assert!(throttle.check(&attempt("alice"), at(0)).is_err());
        assert_eq!(throttle.check(&attempt("bob"), at(0)), Ok(()));
        let elsewhere = Attempt::new("alice", [192, 0, 2, 2].into());
        assert_eq!(throttle.check(&elsewhere, at(0)), Ok(()));
    }

    #[test]
    fn a_flood_is_forgiven_within_two_minutes() {
        let throttle = Throttle::new(6);
        for _ in 0..1_000 {
            throttle.record_failure(&attempt("alice"), at(0));
        }
        assert!(throttle.check(&attempt("alice"), at(60)).is_err());
        assert_eq!(throttle.check(&attempt("alice"), at(70)), Ok(()));
    }

    #[test]
    fn failures_at_the_same_time_are_all_counted() {
        let throttle = Throttle::new(64);
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| throttle.record_failure(&attempt("alice"), at(0)));
            }
        });
        assert!(throttle.check(&attempt("alice"), at(0)).is_err());
    }

    #[test]
    fn an_ipv6_network_and_a_mapped_ipv4_address_count_as_one_address() {
        let of = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
