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

/// Points a nine.
const POINTS_A_NINE: u32 = 60;
/// Nines at most.
const NINES: u32 = 5;

/// Response and service of every series with at least twenty exchanges.
pub(super) fn curves(parts: &Parts<'_>) -> Vec<Curve> {
    let both = parts.series.iter().flat_map(|s| [(s, false, s.response), (s, true, s.service)]);
    let curve = both.map(|(s, service, answers)| {
        let points = points(answers);
        Curve { series: s.record.name.clone(), service, count: answers.answered(), points }
    });
    curve.filter(|curve| curve.points.len() > 1).collect()
}

fn points(answers: Answers<'_>) -> Vec<(f64, u64)> {
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
