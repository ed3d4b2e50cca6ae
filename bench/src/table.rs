//! The report, in Markdown.

use std::{fmt::Write as _, fs};

use crate::{
    Result,
    figures::{Figures, float},
    goals::{goals, ratio, rows},
    hash::PARAMETERS,
    plan::Plan,
    process::{GENERATOR_CORE, SERVER_CORE},
    rows::{Memory, Report, Row},
};

/// Below this, something other than the server's core was the limit.
const BUSY: f64 = 0.9;

/// Above this, a figure was disturbed by what else ran on the machine.
const DISTURBED: f64 = 0.05;

/// What the figures were measured on.
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
}

impl Machine {
    /// This one.
    pub(crate) fn read() -> Result<Self> {
        Self::parse(&fs::read_to_string("/proc/cpuinfo")?).ok_or_else(|| "no CPU is known".into())
    }

    fn parse(cpuinfo: &str) -> Option<Self> {
        let mut models = cpuinfo.lines().filter_map(|line| line.strip_prefix("model name"));
        let cpu = models.next()?.trim_start_matches([':', ' ', '\t']).to_owned();
        Some(Self { cpu, cores: models.count() + 1 })
    }
}

/// The whole report.
pub(crate) fn render(report: &Report, plan: &Plan, machine: &Machine) -> String {
    let mut text = String::from("# Figures\n\n");
    text.push_str(&introduction(plan, machine));
    text.push_str(&table(report));
    text.push_str(&memory(report, plan));
    text.push_str(&proofs(report));
    text.push_str(&goal_list(report));
    text
}

fn introduction(plan: &Plan, machine: &Machine) -> String {
    let Machine { cpu, cores } = machine;
    let Plan { runs, grants, .. } = plan;
    let [few, many, sample] = [plan.few, plan.many, plan.sample].map(|count| grouped(float(count)));
    let seconds = plan.run_seconds();
    let (kib, passes) = (PARAMETERS.m_cost(), PARAMETERS.t_cost());
    let lanes = PARAMETERS.p_cost();
    format!(
        "Made by `cargo xtask bench` on {cpu}, {cores} cores.\n\n\
         - Every server runs on core {SERVER_CORE} alone, the load generator on core {GENERATOR_CORE}. \
         It never sleeps, so that no server pays for waking it. \
         All speak HTTP/1.1 over TLS 1.3 on connections that are kept.\n\
         - Each figure is the median of {runs} runs of {seconds} s after a warm-up. Those that are \
         compared take turns.\n\
         - tokenbind is what `tokenbind quickstart` starts: SQLite, every answer durable (fsync) before \
         it is given.\n\
         - The floor is a bare axum handler that reads the same request and gives the same answer, \
         deciding nothing. For a login it is the password hash alone.\n\
         - The peer is oidc-provider on Node.js, `NODE_ENV=production`, with its in-memory adapter: \
         nothing of it is durable. It has no password grant; the row uses one that was added to it, with the same \
         hash, so no row of logins can differ much.\n\
         - Introspection asks at random about {few} live tokens, and of {many} live tokens about a \
         sample of {sample} that is spread over all of them. The peer got its tokens from its own \
         models, not over HTTP. JWTs have all been seen before, so signatures are remembered.\n\
         - Refreshes go at random over {grants} grants of a confidential application, rotation off.\n\
         - Rows with DPoP have a fresh ES256 proof in each request, made by the load generator; those with a \
         certificate come on connections that show one, from the port that asks for it.\n\
         - A code flow is two requests, counted as one: an authorization request with PKCE from a browser \
         that is signed in, consent not needed, and the redemption of its code for an opaque access \
         token and an ES256 ID token.\n\
         - Password hashes are argon2id with {kib} KiB, {passes} passes, {lanes} lane.\n\
         - \"core\" is how busy the server kept its core. Where it is not busy, it waited: for the \
         disk, or, if nothing is written, for the load generator. Where other processes used the core, \
         that is said.\n\n",
    )
}

fn table(report: &Report) -> String {
    let mut text = String::from(
        "| request | connections | tokenbind /s | CPU µs | core | floor /s | floor CPU µs | of floor \
         | peer /s | peer CPU µs | times peer |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for row in rows(report) {
        text.push_str(&line(row));
    }
    text.push('\n');
    for row in rows(report) {
        if let Err(reason) = row.peer {
            let _ = writeln!(text, "n/a, {}: the peer {reason}.", row.name);
        }
    }
    text
}

fn line(row: &Row) -> String {
    let Row { name, connections, subject, floor, peer } = row;
    let core = |figures: &Figures| format!("{:.0} %", figures.busy * 100.0);
    let remark = match subject {
        Figures { others, .. } if *others > DISTURBED => {
            format!(", others {:.0} %", others * 100.0)
        }
        Figures { busy, .. } if *busy < BUSY => ", waited".to_owned(),
        _ => String::new(),
    };
    let line = format!(
        "| {name} | {connections} | {} | {:.1} | {}{remark} | {} | {:.1} | {:.2} |",
        grouped(subject.per_second),
        subject.cpu_micros,
        core(subject),
        grouped(floor.per_second),
        floor.cpu_micros,
        ratio(subject, floor),
    );
    match peer {
        Ok(peer) => {
            let (rate, times) = (grouped(peer.per_second), ratio(subject, peer));
            format!("{line} {rate} | {:.1} | {times:.1} |\n", peer.cpu_micros)
        }
        Err(_) => format!("{line} n/a | | |\n"),
    }
}

fn memory(report: &Report, plan: &Plan) -> String {
    let mut text =
        String::from("\n| resident memory | tokenbind MB | peer MB |\n|---|---:|---:|\n");
    let sizes = [(plan.few, &report.memory_few), (plan.many, &report.memory_many)];
    for (tokens, Memory { subject, peer }) in sizes {
        let _ =
            writeln!(text, "| {} live tokens | {subject:.0} | {peer:.0} |", grouped(float(tokens)));
    }
    text
}

fn proofs(Report { dpop_verification, crypto, .. }: &Report) -> String {
    let mut text =
        String::from("\n| on one core, nothing else | /s | µs each |\n|---|---:|---:|\n");
    for (what, per_second) in [
        ("all checks of a DPoP proof (ES256)", *dpop_verification),
        ("one ES256 verification by the crypto library", crypto.verify),
        ("one ES256 signature by the crypto library", crypto.sign),
    ] {
        let _ = writeln!(text, "| {what} | {} | {:.1} |", grouped(per_second), 1e6 / per_second);
    }
    text
}

fn goal_list(report: &Report) -> String {
    let mut text = String::from("\n| goal | seen | met |\n|---|---:|---|\n");
    for goal in goals(report) {
        let met = if goal.met { "yes" } else { "**no**" };
        let _ = writeln!(text, "| {} | {} | {met} |", goal.wanted, goal.seen);
    }
    text
}

/// A whole number with commas between the thousands.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{goals::tests::report, plan::FULL};

    fn rendered(report: &Report) -> String {
        render(report, &FULL, &Machine { cpu: "A CPU".into(), cores: 2 })
    }

    #[test]
    fn a_line_holds_figures_and_ratios() {
        let text = rendered(&report());
        let line =
            "| issue | 64 | 35,000 | 28.6 | 100 % | 100,000 | 10.0 | 0.35 | 3,500 | 285.7 | 10.0 |";
        assert!(text.lines().any(|other| other == line), "{text}");
    }

    #[test]
    fn every_line_of_a_table_has_its_columns() {
        let text = rendered(&report());
        let columns = |line: &str| line.matches('|').count();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(next) = lines.peek()
                && line.starts_with('|')
                && next.starts_with('|')
            {
                assert_eq!(columns(line), columns(next), "{line}\n{next}");
            }
        }
    }

    #[test]
    fn what_the_peer_cannot_do_is_said_with_the_reason() {
        let text = rendered(&report());
        assert!(text.contains("| n/a | | |\n"));
        assert!(text.contains("\nn/a, introspect jwt: the peer has none.\n"));
    }

    #[test]
    fn a_core_that_waited_and_a_goal_that_was_missed_are_said() {
        let mut report = report();
        assert!(!rendered(&report).contains(", waited"));
        assert!(!rendered(&report).contains("**no**"));
        report.issue_opaque.subject.busy = 0.71;
        report.memory_many.subject = 500.0;
        report.refresh.subject.others = 0.08;
        let text = rendered(&report);
        assert!(text.contains("| 71 %, waited |"));
        assert!(text.contains("| 100 %, others 8 % |"));
        assert!(
            text.contains("| MB of memory, many tokens alive: at most 400 | 500.00 | **no** |")
        );
    }

    #[test]
    fn thousands_are_grouped() {
        let texts = [0.4, 999.6, 12_345.0, 1_234_567.0].map(grouped);
        assert_eq!(texts, ["0", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn cores_are_counted() {
        let machine = Machine::parse("model name\t: A CPU\nflags: x\nmodel name\t: A CPU\n");
        let machine = machine.unwrap();
        assert_eq!((machine.cpu.as_str(), machine.cores), ("A CPU", 2));
        assert!(Machine::parse("flags: x").is_none());
    }
}
