//! Times as people read them: how long ago, and the day. Neither depends on a time zone that a page
//! without script cannot know.

use jiff::{Timestamp as Moments, tz::TimeZone};
use tokenbind_binding::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A time in the past.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Moment {
    /// For machines (RFC 3339, UTC).
    pub(crate) exact: String,
    /// How long ago.
    pub(crate) ago: String,
    /// The day.
    pub(crate) day: String,
}

impl Moment {
    /// The time `at`, seen from `now`.
    pub(crate) fn of(at: Timestamp, now: Timestamp) -> Self {
        let seconds = i64::try_from(at.as_secs()).unwrap_or_default();
        let moment = Moments::from_second(seconds).unwrap_or_default();
        Self {
            exact: moment.to_string(),
            ago: ago(now.since(at)),
            day: moment.to_zoned(TimeZone::UTC).strftime("%-d %B %Y").to_string(),
        }
    }
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..MINUTE => "just now".to_owned(),
        MINUTE..HOUR => count(seconds / MINUTE, "minute"),
        HOUR..DAY => count(seconds / HOUR, "hour"),
        DAY.. => count(seconds / DAY, "day"),
    }
}

fn count(number: u64, unit: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_in_the_largest_unit_that_fits() {
        let now = Timestamp::from_secs(1_795_419_444);
        for (before, words) in [
            (0, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (3_599, "59 minutes ago"),
            (7_200, "2 hours ago"),
            (86_400, "1 day ago"),
            (40 * DAY, "40 days ago"),
        ] {
            let moment = Moment::of(Timestamp::from_secs(now.as_secs() - before), now);
            assert_eq!(moment.ago, words);
        }
    }

    #[test]
    fn a_day_is_a_day_everywhere() {
        let at = Timestamp::from_secs(1_795_419_444);
        let moment = Moment::of(at, at);
        assert_eq!(moment.exact, "2026-11-23T07:37:24Z");
        assert_eq!(moment.day, "23 November 2026");
    }
}
