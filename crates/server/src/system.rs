//! The machine's clock and randomness: the one place that asks the globals for them.

use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

use tokenbind_binding::{Clock, Instant, Random};

/// The machine's wall clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that others are handed")]
    fn now(&self) -> Instant {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Instant::from_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }
}

/// The randomness of the cryptographic library, which the operating system seeds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemRandom;

thread_local! {
    static SUPPLY: RefCell<Supply> = const { RefCell::new(Supply::EMPTY) };
}

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        SUPPLY.with_borrow_mut(|supply| supply.take(buffer));
    }
}

/// Random bytes that wait to be used: the library asks the processor for entropy with every call,
/// which would cost more than the few bytes of an identifier.
struct Supply {
    bytes: [u8; Self::SIZE],
    used: usize,
}

impl Supply {
    const SIZE: usize = 512;
    const EMPTY: Self = Self { bytes: [0; Self::SIZE], used: Self::SIZE };

    /// Fills `buffer` with bytes that nobody else gets.
    fn take(&mut self, buffer: &mut [u8]) {
        if buffer.len() > Self::SIZE {
            return draw(buffer);
        }
        if buffer.len() > Self::SIZE - self.used {
            draw(&mut self.bytes);
            self.used = 0;
        }
        let taken = &mut self.bytes[self.used..self.used + buffer.len()];
        buffer.copy_from_slice(taken);
        // What was given out is somebody's secret.
        taken.fill(0);
        self.used += buffer.len();
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the randomness that others are handed")]
#[expect(clippy::expect_used, reason = "without randomness no token may be made")]
fn draw(buffer: &mut [u8]) {
    aws_lc_rs::rand::fill(buffer).expect("the operating system gives randomness");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_out_twice() {
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            let mut bytes = [0; 24];
            SystemRandom.fill(&mut bytes);
            assert!(bytes != [0; 24] && seen.insert(bytes));
        }
    }

    #[test]
    fn more_than_the_supply_is_filled_wholly() {
        let mut bytes = [0; 3 * Supply::SIZE];
        SystemRandom.fill(&mut bytes);
        assert!(bytes.chunks(32).all(|chunk| chunk != [0; 32]));
    }
}
