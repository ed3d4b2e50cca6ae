//! Certificate headers of those who are no trusted proxy: counted, and logged without a flood.

use std::{
    fmt,
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use http::HeaderName;
use metrics::{Counter, counter};
use tokenbind_binding::Clock;

use crate::{metrics::IGNORED_CERTIFICATE_HEADERS, system::SystemClock};

/// Seconds between two lines of the log.
const QUIET: u64 = 60;

/// Their tally.
pub(super) struct Strangers {
    counter: Counter,
    /// Seconds since the epoch; zero before the first line.
    last_line: AtomicU64,
}

impl fmt::Debug for Strangers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Strangers")
    }
}

impl Strangers {
    pub(super) fn new() -> Self {
        Self { counter: counter!(IGNORED_CERTIFICATE_HEADERS), last_line: AtomicU64::new(0) }
    }

    /// Somebody at `address` sent the field `name`, which is ignored.
    pub(super) fn note(&self, address: IpAddr, name: &HeaderName) {
        self.counter.increment(1);
        if self.may_log(SystemClock.now().timestamp().as_secs()) {
            tracing::warn!(
                %address,
                header = name.as_str(),
                "a client certificate in a header was ignored: the sender is not in \
                 trusted_proxies, or proxy.certificate_header does not name this header; further \
                 ones are only counted for a minute"
            );
        }
    }

    fn may_log(&self, now: u64) -> bool {
        let update = |last: u64| (last == 0 || now >= last.saturating_add(QUIET)).then_some(now);
        self.last_line.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_minute_at_most() {
        let strangers = Strangers::new();
        let logged = [100, 100, 159, 160, 161, 220].map(|now| strangers.may_log(now));
        assert_eq!(logged, [true, false, false, true, false, true]);
    }
}
