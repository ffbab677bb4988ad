//! Latency over time: a grid of counts per series, with p50, p99, the largest value and the errors
//! of each column. Warm-up is included, so that the picture shows the whole run.
//!
//! Rows are spaced by a constant factor over the data, at most [`ROWS`] of them, none finer than the
//! histogram can tell apart:
//!
//! ```text
//! edge[i] = low * factor^i        row of v = floor(ln(v / low) / ln(factor))
//! ```

use super::grid::Grid;
use super::parts::Parts;
use super::parts::tags;
use crate::record::Interval;
use crate::report::quantile::Answers;
use crate::report::quantile::SHOW_BEYOND;
use crate::report::view::Heat;
use crate::report::words;
use crate::tally::Hist;
use crate::tally::LOWEST_NS;

/// Columns at most.
const COLUMNS: u64 = 300;
/// Rows at most.
const ROWS: f64 = 60.0;
/// Rows are at least this factor apart.
const FACTOR_LEAST: f64 = 1.02;
/// What a histogram tells apart near its lowest value, in nanoseconds.
const RESOLUTION_NS: f64 = 512.0;

/// A grid for every series with samples, in the order of the manifest.
pub(super) fn heats(parts: &Parts<'_>) -> Vec<Heat> {
    let grid = Grid::of(parts.run, COLUMNS);
    let errors = errors(parts, grid);
    let own = parts.series.iter().filter(|s| !words::is_derived(&s.record.name));
    own.filter_map(|s| heat(parts, grid, &s.record.name, &errors)).collect()
}

fn heat(parts: &Parts<'_>, grid: Grid, name: &str, errors: &[u64]) -> Option<Heat> {
    let mine = intervals(parts, name);
    let low = mine.iter().map(|i| i.hist.exact().min).min()?.max(LOWEST_NS);
    let high = mine.iter().map(|i| i.hist.exact().max).max()?;
    let scale = Scale::over(low, high);
    let mut heat = Heat {
        series: name.to_owned(),
        t0_ns: grid.t0_ns,
        column_ns: grid.column_ns,
        edges_ns: scale.edges(),
        columns: vec![vec![0; scale.rows]; grid.columns],
        p50: vec![None; grid.columns],
        p90: vec![None; grid.columns],
        p99: vec![None; grid.columns],
        max: vec![None; grid.columns],
        errors: errors.to_vec(),
    };
    each_column(&mine, grid, |column, hist| {
        hist.buckets().for_each(|(ns, n)| heat.columns[column][scale.row(ns)] += n);
        heat.p50[column] = hist.quantile(0.5);
        heat.p90[column] = Answers::all(Some(hist)).quantile(0.9, SHOW_BEYOND).value();
        heat.p99[column] = Answers::all(Some(hist)).quantile(0.99, SHOW_BEYOND).value();
        heat.max[column] = Some(hist.exact().max);
    });
    Some(heat)
}

/// Seconds of a series in order of time, warm-up included.
pub(super) fn intervals<'a>(parts: &Parts<'a>, name: &str) -> Vec<&'a Interval> {
    let tags = tags(name);
    parts.run.intervals.iter().filter(|i| tags.contains(&i.tag) && !i.hist.is_empty()).collect()
}

/// Hands the merged histogram of every column with samples to `take`, one at a time.
pub(super) fn each_column(intervals: &[&Interval], grid: Grid, mut take: impl FnMut(usize, &Hist)) {
    let mut merged = Hist::new();
    for neighbours in intervals.chunk_by(|a, b| grid.index(a.t_ns) == grid.index(b.t_ns)) {
        merged.reset();
        neighbours.iter().for_each(|i| merged.add(&i.hist));
        take(grid.index(neighbours[0].t_ns), &merged);
    }
}

/// Faults and unanswered exchanges by column.
fn errors(parts: &Parts<'_>, grid: Grid) -> Vec<u64> {
    let mut errors = vec![0u64; grid.columns];
    for row in &parts.run.rows {
        let unanswered = row.series_unanswered.iter().filter(|(name, _)| !words::is_derived(name)).map(|(_, n)| *n);
        let trouble = [words::sum(&row.faults), row.unanswered].into_iter().chain(unanswered).fold(0u64, u64::saturating_add);
        let column = &mut errors[grid.index(row.t_ns)];
        *column = column.saturating_add(trouble);
    }
    errors
}

/// The rows of a grid.
pub(super) struct Scale {
    low: f64,
    factor: f64,
    pub(super) rows: usize,
}

impl Scale {
    /// Rows that hold all from `low_ns` to `high_ns`.
    pub(super) fn over(low_ns: u64, high_ns: u64) -> Scale {
        let (low, high) = (low_ns as f64, high_ns.max(low_ns + 1) as f64);
        let least = FACTOR_LEAST.max(1.0 + RESOLUTION_NS / low);
        let rows = ((high / low).ln() / least.ln()).floor().clamp(1.0, ROWS);
        // The largest value belongs into the last row, not onto its edge.
        let factor = (high * 1.0001 / low).powf(1.0 / rows).max(least);
        Scale { low, factor, rows: rows as usize }
    }

    /// The row of a time.
    pub(super) fn row(&self, ns: u64) -> usize {
        let row = (ns as f64 / self.low).ln() / self.factor.ln();
        (row.max(0.0) as usize).min(self.rows - 1)
    }

    /// Edges of the rows in nanoseconds, one more than there are rows.
    pub(super) fn edges(&self) -> Vec<u64> {
        (0..=self.rows).map(|row| (self.low * self.factor.powi(row as i32)).round() as u64).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_rise_by_one_factor_and_hold_the_data() {
        for (low, high) in [(1_000, 1_000), (1_000, 1_100), (1_000_000, 1_000_001), (250_000, 31_000_000), (1_000, 3_600_000_000_000)] {
            let scale = Scale::over(low, high);
            let edges = scale.edges();
            assert!(edges.is_sorted_by(|a, b| a < b), "{low}..{high}: {edges:?}");
            assert_eq!(edges.len(), scale.rows + 1);
            assert!(edges[0] <= low && edges[scale.rows] >= high, "{low}..{high}: {edges:?}");
            assert_eq!((scale.row(low), scale.row(high)), (0, scale.rows - 1), "{low}..{high}");
        }
    }
}
