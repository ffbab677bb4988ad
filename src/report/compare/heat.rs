//! Answers over time and latency on one grid for all runs of a comparison, so that two sides can be laid over each other.
//!
//! ```text
//! column = floor(time into the measure phase / duration * 60), a whole second at least; drain belongs to the last
//! row    = floor(ln(v / 1 us) / ln 1.02), the same in every run, as many as the values take
//! ```

use std::collections::BTreeMap;

use crate::record::Interval;
use crate::tally::LOWEST_NS;
use crate::units::SECOND;

/// Columns at most.
const COLUMNS: u64 = 60;
/// Each row is this factor above the one below.
const FACTOR: f64 = 1.02;
/// Rows drawn at most; more are added up in equal parts.
const ROWS: usize = 48;

/// Counts of a run: for each column, rows and counts.
pub(super) type Counts = Vec<BTreeMap<usize, u64>>;

/// The two sides on one grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Heats {
    /// Width of a column in nanoseconds.
    pub column_ns: u64,
    /// Lower edges of the rows in nanoseconds, with the upper edge of the last at the end: `rows + 1` values.
    pub edges_ns: Vec<u64>,
    /// Answers a run of the base and of the new side, column by column, each from low to high.
    pub sides: [Vec<Vec<f64>>; 2],
}

/// Columns of so much measured time, and how wide each is in nanoseconds.
fn grid(duration_ns: u64) -> (usize, u64) {
    let seconds = duration_ns.div_ceil(SECOND).max(1);
    let width = seconds.div_ceil(COLUMNS);
    (seconds.div_ceil(width) as usize, width * SECOND)
}

/// Counts of the seconds of one tag; the measured time begins at `from_ns` on the run clock.
pub(super) fn counts<'a>(from_ns: u64, duration_ns: u64, intervals: impl Iterator<Item = &'a Interval>) -> Counts {
    let (columns, width) = grid(duration_ns);
    let mut counts = vec![BTreeMap::new(); columns];
    for interval in intervals {
        // A second that starts a little early still belongs to its column.
        let into = interval.t_ns.saturating_add(SECOND / 10).saturating_sub(from_ns);
        let column = &mut counts[((into / width) as usize).min(columns - 1)];
        interval.hist.buckets().for_each(|(ns, n)| *column.entry(row(ns)).or_insert(0) += n);
    }
    counts
}

fn row(ns: u64) -> usize {
    (((ns.max(LOWEST_NS) as f64 / LOWEST_NS as f64).ln() / FACTOR.ln()) + 1e-9) as usize
}

/// Both sides, each the mean of its runs; `None` without seconds on a side, or when the runs' columns differ in number.
pub(super) fn heats(duration_ns: u64, base: &[&Counts], new: &[&Counts]) -> Option<Heats> {
    let (columns, column_ns) = grid(duration_ns);
    let all = || base.iter().chain(new).flat_map(|run| run.iter());
    if base.iter().chain(new).any(|run| run.len() != columns) || [base, new].iter().any(|side| side.iter().all(|run| is_empty(run))) {
        return None;
    }
    let low = all().filter_map(|column| column.keys().next()).min().copied()?;
    let high = all().filter_map(|column| column.keys().next_back()).max().copied()?;
    let step = (high + 1 - low).div_ceil(ROWS);
    let rows = (high + 1 - low).div_ceil(step);
    let mean = |runs: &[&Counts]| {
        let mut side = vec![vec![0.0; rows]; columns];
        for (column, counts) in runs.iter().flat_map(|run| run.iter().enumerate()) {
            counts.iter().for_each(|(row, n)| side[column][(row - low) / step] += *n as f64 / runs.len() as f64);
        }
        side
    };
    let edge = |row: usize| (LOWEST_NS as f64 * FACTOR.powf((low + row * step) as f64)).round() as u64;
    Some(Heats { column_ns, edges_ns: (0..=rows).map(edge).collect(), sides: [mean(base), mean(new)] })
}

fn is_empty(run: &Counts) -> bool {
    run.iter().all(BTreeMap::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Hist;
    use crate::tally::Sparse;
    use crate::units::MILLI;

    fn second(at: u64, values: &[u64]) -> Interval {
        let mut hist = Hist::new();
        values.iter().for_each(|&v| hist.record(v));
        Interval { t_ns: at * SECOND, span_ns: SECOND, tag: "echo".into(), hist: Sparse::of(&hist) }
    }

    #[test]
    fn sides_lie_on_one_grid_and_nothing_is_lost() {
        let seconds = |ns: u64| (0..121).map(|at| second(at, &[ns, ns, 3 * ns])).collect::<Vec<_>>();
        let [a, b] = [MILLI, 2 * MILLI].map(|ns| counts(0, 120 * SECOND, seconds(ns).iter()));
        let heats = heats(120 * SECOND, &[&a, &a], &[&b]).expect("both sides have answers");
        assert_eq!((heats.column_ns, heats.sides[0].len(), heats.sides[1].len()), (2 * SECOND, 60, 60));
        assert!(heats.edges_ns.is_sorted() && heats.edges_ns.len() == heats.sides[0][0].len() + 1);
        assert!(heats.edges_ns[0] <= MILLI && heats.edges_ns.last() >= Some(&(6 * MILLI)), "{:?}", heats.edges_ns);
        for side in &heats.sides {
            let sums: Vec<f64> = side.iter().map(|column| column.iter().sum()).collect();
            // What is answered in the drain belongs to the last column.
            assert!(sums[..59].iter().all(|n| *n == 6.0) && sums[59] == 9.0, "{sums:?}");
        }
        let most = |side: &[Vec<f64>]| (0..side[0].len()).max_by(|a, b| side[0][*a].total_cmp(&side[0][*b])).expect("has rows");
        let [slow, fast] = [&heats.sides[1], &heats.sides[0]].map(|side| heats.edges_ns[most(side)] as f64);
        assert!((1.8..2.2).contains(&(slow / fast)), "{slow} {fast}");
    }

    #[test]
    fn one_value_is_one_row_and_nothing_is_none() {
        let some = counts(0, 2 * SECOND, [second(0, &[MILLI])].iter());
        let none = counts(0, 2 * SECOND, std::iter::empty());
        let found = heats(2 * SECOND, &[&some], &[&some]).expect("both sides have answers");
        assert_eq!((found.edges_ns.len(), found.sides[0].len()), (2, 2));
        assert_eq!(heats(2 * SECOND, &[&some], &[&none]), None);
    }
}
