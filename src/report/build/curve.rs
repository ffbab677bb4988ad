//! Percentile curves along the axis of nines.
//!
//! ```text
//! x = -log10(1 - q)      q = 0    0.9    0.99    0.999
//!                        x = 0     1      2       3       60 points a nine
//! ```
//!
//! A curve ends where fewer than ten samples lie beyond, at five nines, or at the answered share.

use super::parts::Parts;
use crate::report::quantile::Answers;
use crate::report::quantile::SHOW_BEYOND;
use crate::report::quantile::Shown;
use crate::report::view::Curve;
use crate::tally::Hist;

/// Points a nine.
const POINTS_A_NINE: u32 = 60;
/// Nines at most.
const NINES: u32 = 5;

/// Response and service of every series with at least twenty exchanges.
pub(super) fn curves(parts: &Parts<'_>) -> Vec<Curve> {
    let both = parts.series.iter().flat_map(|s| [(s, false, s.response), (s, true, s.service)]);
    let curve = both.map(|(s, service, answers)| {
        let points = points(answers);
        let up_to = answers.hist().map_or(Vec::new(), |hist| up_to(hist, &points));
        Curve { series: s.record.name.clone(), service, count: answers.answered(), points, up_to }
    });
    curve.filter(|curve| curve.points.len() > 1).collect()
}

/// Points of a curve: quantile and nanoseconds.
pub(super) fn points(answers: Answers<'_>) -> Vec<(f64, u64)> {
    let mut points = Vec::new();
    for step in 0..POINTS_A_NINE * NINES {
        let q = 1.0 - 10f64.powf(-f64::from(step) / f64::from(POINTS_A_NINE));
        match answers.quantile(q, SHOW_BEYOND) {
            Shown::Value(ns) => points.push((q, ns)),
            Shown::TooFew(_) | Shown::Censored => break,
        }
    }
    points
}

/// How many values lie at or below that of each point, in one pass over the buckets. A value belongs to the bucket that ends at
/// it, or, at the exact extremes, that it lies in.
fn up_to(hist: &Hist, points: &[(f64, u64)]) -> Vec<u64> {
    let mut buckets = hist.buckets();
    let (mut edge, mut sum) = (None, 0u64);
    let below = |edge: Option<u64>, ns: u64| edge.is_none_or(|edge| edge < ns);
    let count = points.iter().map(|&(_, ns)| {
        while below(edge, ns) {
            let Some((next, n)) = buckets.next() else { break };
            (edge, sum) = (Some(next), sum.saturating_add(n));
        }
        sum
    });
    count.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_counts_all_values_up_to_its_own() {
        let mut hist = Hist::new();
        (1..=100u64).flat_map(|i| [i, i]).for_each(|i| hist.record(i * 1_000_000));
        let points = points(Answers::all(Some(&hist)));
        let counts = up_to(&hist, &points);
        assert_eq!(counts.len(), points.len());
        for (&(q, ns), &count) in points.iter().zip(&counts) {
            assert_eq!(count, 2 * (ns / 1_000_000), "{q}: {ns}");
            assert!(count as f64 >= q * 200.0, "{q}: {count}");
        }
        assert_eq!(up_to(&hist, &[(0.0, 1_000_000), (1.0, 100_000_000)]), [2, 200], "exact extremes");
    }
}
