//! Latency against load: measured seconds with about as much planned load are taken together, their histograms merged.
//!
//! ```text
//! planned/s   lowest |----|----|----| .. |----| highest      at most 12 levels of equal width
//! ```

use super::heat::intervals;
use super::parts::Parts;
use super::parts::is_measure;
use crate::record::CounterRow;
use crate::report::quantile::Answers;
use crate::report::quantile::SHOW_BEYOND;
use crate::report::view::Level;
use crate::tally::Hist;
use crate::units::SECOND;

/// Levels at most.
const LEVELS: usize = 12;
/// The highest load is at least so many times the lowest, or there is nothing to see.
const SPREAD: f64 = 2.0;

/// The levels from low to high; none where the load hardly changed.
pub(super) fn levels(parts: &Parts<'_>) -> Vec<Level> {
    let Some(main) = parts.main() else { return Vec::new() };
    let rows: Vec<&CounterRow> = parts.run.rows.iter().filter(|row| is_measure(row) && row.span_ns > SECOND * 9 / 10).collect();
    let rate = |row: &CounterRow| row.planned as f64 * SECOND as f64 / row.span_ns as f64;
    let rates = || rows.iter().map(|row| rate(row)).filter(|rate| *rate > 0.0);
    let (lowest, highest) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
    if highest < lowest * SPREAD || !lowest.is_finite() {
        return Vec::new();
    }
    let level_of = |row: &CounterRow| (((rate(row) - lowest) / (highest - lowest) * LEVELS as f64) as usize).min(LEVELS - 1);
    let mut sums: Vec<Sum> = (0..LEVELS).map(|_| Sum::default()).collect();
    rows.iter().filter(|row| row.planned > 0).for_each(|row| sums[level_of(row)].add(row));
    for interval in intervals(parts, &main.record.name) {
        let nearest = rows.partition_point(|row| row.t_ns + SECOND / 2 < interval.t_ns);
        let Some(row) = rows.get(nearest).filter(|row| row.planned > 0 && row.t_ns.abs_diff(interval.t_ns) < SECOND / 2) else { continue };
        sums[level_of(row)].hist.add(&interval.hist);
    }
    sums.iter().filter_map(Sum::level).collect()
}

#[derive(Default)]
struct Sum {
    seconds: usize,
    span_ns: u64,
    planned: u64,
    answered: u64,
    hist: Hist,
}

impl Sum {
    fn add(&mut self, row: &CounterRow) {
        self.seconds += 1;
        self.span_ns = self.span_ns.saturating_add(row.span_ns);
        self.planned = self.planned.saturating_add(row.planned);
        self.answered = self.answered.saturating_add(row.answered).saturating_add(row.late);
    }

    fn level(&self) -> Option<Level> {
        let answers = Answers::all(Some(&self.hist));
        let per_s = |n: u64| n as f64 * SECOND as f64 / self.span_ns as f64;
        (self.seconds > 0).then(|| Level {
            planned_per_s: per_s(self.planned),
            answered_per_s: per_s(self.answered),
            seconds: self.seconds,
            p50: answers.quantile(0.5, SHOW_BEYOND).value(),
            p99: answers.quantile(0.99, SHOW_BEYOND).value(),
        })
    }
}
