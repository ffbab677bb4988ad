//! Percentiles over time: drift, saw-teeth, warm-up?
//!
//! p50, p90, p99 and the largest value of each column of one series. Every column is a histogram of its own; nothing is averaged.

use super::Look;
use super::Reading;
use super::columns;
use super::latency_plot;
use super::minor_rows;
use super::nothing;
use super::rows;
use super::strands::Strand;
use super::strands::draw_strands;
use super::strands::half;
use super::strands::phases;
use super::titles;
use crate::report::scale::Linear;
use crate::report::scale::time_ticks;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::text_width;
use crate::report::view::Heat;
use crate::report::view::View;

/// Draws the lines of `heat` into `area`; `None` when it has no values.
pub(crate) fn draw(scene: &mut Scene, view: &View, heat: &Heat, area: Rect, look: Look) -> Option<Reading> {
    let values = || heat.p50.iter().chain(&heat.max).filter_map(|v| *v);
    let (Some(low), Some(high)) = (values().min(), values().max()) else {
        nothing(scene, area, look, "Nothing was answered.");
        return None;
    };
    let (plot, y) = latency_plot(area, (low, high), look.text * 3.4, look);
    let (from, width) = (heat.t0_ns as f64 / 1e9, heat.column_ns as f64 / 1e9);
    let x = Linear::new(from, from + width * heat.columns.len() as f64, plot.x, plot.right());
    phases(scene, view, &x, plot, &[plot], look);
    rows(scene, plot, &y.ticks(look.text * 1.5), look);
    minor_rows(scene, plot, &y.map(), look);
    columns(scene, plot, &time_ticks(&x, text_width("10m30s", look.text) * 1.4), look, false);
    titles(scene, (area, plot), &format!("Response time ({}, log scale)", y.unit()), "Time since the run began", look);
    let strand = |name, values: &[Option<u64>], stroke| {
        let places = values.iter().enumerate().map(|(i, v)| (x.at(from + width * (i as f64 + 0.5)), v.map(|ns| y.at(ns))));
        Strand::broken(name, places, half(&x, width), stroke)
    };
    let strands = vec![
        strand("max", &heat.max, (Ink::Open, Dash::Dotted, 0.8)),
        strand("p99", &heat.p99, (Ink::Series(1), Dash::Solid, 1.0)),
        strand("p90", &heat.p90, (Ink::Series(2), Dash::Dashed, 1.0)),
        strand("p50", &heat.p50, (Ink::Series(0), Dash::Solid, 1.0)),
    ];
    draw_strands(scene, strands, plot, look);
    Some(Reading { plot, map: x })
}
