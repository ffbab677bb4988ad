//! `latency.hgrm`: response times of the main series as the percentile text of HdrHistogram, for its plotters. Values in
//! milliseconds. Percentiles are of all exchanges, so with unanswered ones the last row is not the whole.

use std::fmt::Write as _;

use super::findings;
use super::view::View;

/// The file; heads alone when nothing was answered.
pub fn hgrm(view: &View) -> Vec<u8> {
    let mut out = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    let main = findings::main_series(view);
    let curve = main.and_then(|main| view.curves.iter().find(|curve| !curve.service && curve.series == main.name));
    let Some((main, curve)) = main.zip(curve) else { return out.into_bytes() };
    for ((q, ns), up_to) in curve.points.iter().zip(&curve.up_to) {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{:12.6} {q:.12} {up_to:10} {:14.2}", *ns as f64 / 1e6, 1.0 / (1.0 - q));
    }
    let of = |name: &str| main.response.get(name).copied().flatten();
    if let Some(max) = of("max") {
        if main.unanswered == 0 {
            let _ = writeln!(out, "{:12.6} {:.12} {:10}", max as f64 / 1e6, 1.0, curve.count);
        }
        let _ = writeln!(out, "#[Max     = {:12.6}, Total count    = {:12}]", max as f64 / 1e6, curve.count);
    }
    if let Some(mean) = of("mean") {
        let _ = writeln!(out, "#[Mean    = {:12.6}]", mean as f64 / 1e6);
    }
    out.into_bytes()
}
