//! What the figures ought to be.

use crate::{
    figures::Figures,
    rows::{Report, Row},
};

/// One goal and what came of it.
pub(crate) struct Goal {
    /// What is wanted.
    pub(crate) wanted: String,
    /// What was seen.
    pub(crate) seen: String,
    /// Whether that is it.
    pub(crate) met: bool,
}

impl Goal {
    fn at_least(what: &str, least: f64, seen: f64) -> Self {
        let wanted = format!("{what}: at least {least}");
        Self { wanted, seen: format!("{seen:.2}"), met: seen >= least }
    }

    fn at_most(what: &str, most: f64, seen: f64) -> Self {
        let wanted = format!("{what}: at most {most}");
        Self { wanted, seen: format!("{seen:.2}"), met: seen <= most }
    }
}

/// How many times as many requests a second `figures` has.
pub(crate) fn ratio(figures: &Figures, to: &Figures) -> f64 {
    figures.per_second / to.per_second
}

/// The rows in the order of the table.
pub(crate) fn rows(report: &Report) -> [&Row; 12] {
    [
        &report.issue_opaque,
        &report.issue_jwt,
        &report.refresh,
        &report.issue_dpop,
        &report.refresh_dpop,
        &report.issue_certificate,
        &report.refresh_certificate,
        &report.code_flow,
        &report.introspect_opaque,
        &report.introspect_jwt,
        &report.introspect_many,
        &report.login,
    ]
}

/// All goals.
pub(crate) fn goals(report: &Report) -> Vec<Goal> {
    let of_floor = |row: &Row| ratio(&row.subject, &row.floor);
    let few = &report.introspect_opaque.subject;
    let many = &report.introspect_many.subject;
    let mut goals = vec![
        Goal::at_least(
            "introspection, opaque, of its floor",
            0.6,
            of_floor(&report.introspect_opaque),
        ),
        Goal::at_least("introspection, JWT, of its floor", 0.6, of_floor(&report.introspect_jwt)),
        Goal::at_least("durable opaque issue, of its floor", 0.35, of_floor(&report.issue_opaque)),
        Goal::at_least("durable JWT issue, of its floor", 0.25, of_floor(&report.issue_jwt)),
        Goal::at_most(
            "introspection, many tokens alive, cost of that with few",
            1.1,
            ratio(few, many),
        ),
        Goal::at_least(
            "DPoP-bound issue, of one verification and one signature alone",
            0.6,
            report.issue_dpop.subject.per_second / report.crypto.verify_and_sign(),
        ),
        Goal::at_most("MB of memory, many tokens alive", 400.0, report.memory_many.subject),
    ];
    // Not the login: both sides spend its time on the very same hash.
    for row in rows(report).into_iter().take(11) {
        if let Ok(peer) = &row.peer {
            let what = format!("{}, times the peer", row.name);
            goals.push(Goal::at_least(&what, 10.0, ratio(&row.subject, peer)));
        }
    }
    goals
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{dpop::Crypto, rows::Memory};

    fn figures(per_second: f64) -> Figures {
        Figures { per_second, cpu_micros: 1e6 / per_second, busy: 1.0, others: 0.0 }
    }

    fn row(name: &str, subject: f64, floor: f64, peer: f64) -> Row {
        let [subject, floor, peer] = [subject, floor, peer].map(figures);
        Row { name: name.to_owned(), connections: 64, subject, floor, peer: Ok(peer) }
    }

    /// A report in which every goal is just met.
    pub(crate) fn report() -> Report {
        Report {
            issue_opaque: row("issue", 35_000.0, 100_000.0, 3500.0),
            issue_jwt: row("jwt", 25_000.0, 100_000.0, 2500.0),
            refresh: row("refresh", 10_000.0, 100_000.0, 1000.0),
            issue_dpop: row("dpop", 7500.0, 100_000.0, 750.0),
            refresh_dpop: row("dpop refresh", 8000.0, 100_000.0, 800.0),
            issue_certificate: row("certificate", 24_000.0, 100_000.0, 2400.0),
            refresh_certificate: row("certificate refresh", 9000.0, 100_000.0, 900.0),
            dpop_verification: 18_000.0,
            crypto: Crypto { verify: 25_000.0, sign: 25_000.0 },
            code_flow: row("flow", 5000.0, 50_000.0, 500.0),
            introspect_opaque: row("introspect", 66_000.0, 110_000.0, 6600.0),
            introspect_jwt: Row {
                peer: Err("has none"),
                ..row("introspect jwt", 60_000.0, 100_000.0, 1.0)
            },
            introspect_many: row("introspect many", 60_000.0, 110_000.0, 6000.0),
            login: row("login", 70.0, 75.0, 7.0),
            memory_few: Memory { subject: 20.0, peer: 150.0 },
            memory_many: Memory { subject: 399.0, peer: 1500.0 },
        }
    }

    fn missed(report: &Report) -> Vec<String> {
        goals(report).into_iter().filter(|goal| !goal.met).map(|goal| goal.wanted).collect()
    }

    #[test]
    fn figures_that_just_reach_their_goals_meet_them() {
        assert_eq!(missed(&report()), Vec::<String>::new());
    }

    #[test]
    fn each_goal_can_be_missed() {
        let mut report = report();
        report.memory_many.subject = 401.0;
        report.issue_jwt.subject = figures(24_000.0);
        report.introspect_many.subject = figures(59_000.0);
        let missed = missed(&report);
        assert_eq!(missed.len(), 5, "{missed:?}");
        assert_eq!(missed[2], "MB of memory, many tokens alive: at most 400");
    }
}
