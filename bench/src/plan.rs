//! How much is measured.

use std::time::Duration;

use crate::load::Shape;

/// Enough for group commit to batch what arrives together.
const DURABLE_CONNECTIONS: u64 = 256;

/// Enough that the server never waits for a request.
const READING_CONNECTIONS: u64 = 64;

/// A login costs milliseconds of hashing; a few at once keep the core busy.
const LOGIN_CONNECTIONS: u64 = 4;

/// The extent of one benchmark.
pub(crate) struct Plan {
    /// How many runs each median is of.
    pub(crate) runs: usize,
    warm_up: Duration,
    run: Duration,
    /// The live tokens of the small server.
    pub(crate) few: u64,
    /// The live tokens of the large server.
    pub(crate) many: u64,
    /// How many of the large server's tokens are asked about, spread over all of them.
    pub(crate) sample: u64,
    /// How many grants are refreshed.
    pub(crate) grants: u64,
}

/// What `RESULTS.md` is made of.
pub(crate) const FULL: Plan = Plan {
    runs: 3,
    warm_up: Duration::from_secs(1),
    run: Duration::from_secs(5),
    few: 1000,
    many: 1_000_000,
    sample: 200_000,
    grants: 300,
};

/// A smoke test.
pub(crate) const QUICK: Plan = Plan {
    runs: 1,
    warm_up: Duration::from_millis(200),
    run: Duration::from_secs(1),
    few: 1000,
    many: 20_000,
    sample: 4000,
    grants: 20,
};

impl Plan {
    /// For requests that commit.
    pub(crate) const fn durable(&self) -> Shape {
        self.shape(DURABLE_CONNECTIONS)
    }

    /// For requests that only read.
    pub(crate) const fn reading(&self) -> Shape {
        self.shape(READING_CONNECTIONS)
    }

    /// For password logins.
    pub(crate) const fn login(&self) -> Shape {
        self.shape(LOGIN_CONNECTIONS)
    }

    const fn shape(&self, connections: u64) -> Shape {
        Shape { connections, warm_up: self.warm_up, run: self.run }
    }

    /// Which of the large server's tokens to keep: every so many-th.
    pub(crate) const fn keep_every(&self) -> u64 {
        self.many / self.sample
    }

    /// The seconds of one run.
    pub(crate) const fn run_seconds(&self) -> u64 {
        self.run.as_secs()
    }

    /// How long each run lasts.
    pub(crate) const fn run(&self) -> Duration {
        self.run
    }
}
