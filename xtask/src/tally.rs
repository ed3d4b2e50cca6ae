//! Counts tests while their output passes by.

use std::{
    fmt,
    io::{BufRead, Write},
    iter::Sum,
    str::FromStr,
};

use anyhow::Result;

/// How many tests passed, failed and were not run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) ignored: usize,
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, each| Self {
            passed: sum.passed + each.passed,
            failed: sum.failed + each.failed,
            ignored: sum.ignored + each.ignored,
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// A line that is not the result of a test binary.
pub(crate) struct NoResult;

/// `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s`
impl FromStr for Tally {
    type Err = NoResult;

    fn from_str(line: &str) -> Result<Self, NoResult> {
        let (_, counts) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
            .ok_or(NoResult)?;
        let count = |name: &str| {
            let words = counts.split("; ").filter_map(|part| part.split_once(' '));
            words.into_iter().find(|&(_, word)| word == name)?.0.parse().ok()
        };
        match (count("passed"), count("failed"), count("ignored")) {
            (Some(passed), Some(failed), Some(ignored)) => Ok(Self { passed, failed, ignored }),
            _ => Err(NoResult),
        }
    }
}

/// Copies the output of test binaries and adds up their results.
pub(crate) fn count(output: impl BufRead, mut copy: impl Write) -> Result<Tally> {
    let mut tallies = Vec::new();
    for line in output.split(b'\n') {
        let line = line?;
        copy.write_all(&line)?;
        copy.write_all(b"\n")?;
        tallies.extend(String::from_utf8_lossy(&line).parse::<Tally>());
    }
    Ok(tallies.into_iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &[u8] = b"running 2 tests
test a ... ok
test \xff ... FAILED
test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s
test result: they say 7 passed; 7 failed
test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 9 filtered out; finished in 0.00s
";

    #[test]
    fn sums_the_results_and_copies_all() {
        let mut copy = Vec::new();
        let tally = count(OUTPUT, &mut copy).unwrap();
        assert_eq!(tally, Tally { passed: 13, failed: 1, ignored: 3 });
        assert_eq!(tally.to_string(), "13 passed, 1 failed");
        assert_eq!(copy, OUTPUT);
    }
}
