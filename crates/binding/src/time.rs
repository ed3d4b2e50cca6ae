//! Time and randomness, which are arguments everywhere outside the server binary.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point in the order of commits: microseconds since the Unix epoch, made strictly increasing by
/// the store that assigns it. Two events never share one, whatever the wall clock does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The whole second that this instant lies in.
    #[must_use]
    pub const fn timestamp(self) -> Timestamp {
        Timestamp(self.0 / 1_000_000)
    }

    /// The first instant after both this one and `now`: how a store keeps its instants increasing
    /// although a wall clock may stand still or go back.
    #[must_use]
    pub fn next(self, now: Self) -> Self {
        Self(now.0.max(self.0 + 1))
    }
}

/// Whole seconds since the Unix epoch, as `iat` and `exp` show them (RFC 7519 section 2, `NumericDate`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From seconds since the Unix epoch.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// This time and `secs` seconds more.
    #[must_use]
    pub const fn plus(self, secs: u64) -> Self {
        Self(self.0.saturating_add(secs))
    }

    /// Seconds from `earlier` to this time; zero where this time is not the later one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What time it is. The server hands in the machine's clock, tests one that they move.
pub trait Clock: Send + Sync {
    /// The wall clock, in microseconds since the Unix epoch.
    fn now(&self) -> Instant;
}

/// Unpredictable bytes. The server hands in the operating system's.
pub trait Random: Send + Sync {
    /// Fills `buffer` wholly.
    fn fill(&self, buffer: &mut [u8]);
}

/// `N` unpredictable bytes.
#[must_use]
pub fn random_bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_increase_although_the_clock_goes_back() {
        let last = Instant::from_micros(50);
        assert_eq!(last.next(Instant::from_micros(90)).as_micros(), 90);
        assert_eq!(last.next(Instant::from_micros(50)).as_micros(), 51);
        assert_eq!(last.next(Instant::from_micros(7)).as_micros(), 51);
    }
}
