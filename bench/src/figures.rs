//! What a run measures, and the median of several.

/// The figures of a run, or of the median of several.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Figures {
    /// Requests a second.
    pub(crate) per_second: f64,
    /// CPU time of the server for each request, in microseconds.
    pub(crate) cpu_micros: f64,
    /// How much of its core the server used, 0 to 1.
    pub(crate) busy: f64,
    /// How much of that core other processes used, 0 to 1.
    pub(crate) others: f64,
}

impl Figures {
    /// The median of each figure by itself.
    pub(crate) fn median(runs: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(runs.iter().map(figure).collect());
        Self {
            per_second: of(|run| run.per_second),
            cpu_micros: of(|run| run.cpu_micros),
            busy: of(|run| run.busy),
            others: of(|run| run.others),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

/// A count, to calculate with.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, far beyond any count here")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![9.0, 1.0, 5.0]) - 5.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 9.0]) - 3.0).abs() < f64::EPSILON);
        assert!((median(vec![7.0]) - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn each_figure_has_its_own_median() {
        let run =
            |per_second, cpu_micros, busy| Figures { per_second, cpu_micros, busy, others: 0.0 };
        let runs = [run(1.0, 9.0, 0.2), run(2.0, 8.0, 0.1), run(3.0, 7.0, 0.3)];
        assert_eq!(Figures::median(&runs), run(2.0, 8.0, 0.2));
    }
}
