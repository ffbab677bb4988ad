//! The charts as drawings: percentiles, latency and load over time, distributions, latency against load, recovery from a storm,
//! receivers of a fan-out, hops.
//!
//! Reads a view, knows nothing of SVG or PNG. Each chart fills an area of a [`Scene`] and returns
//! where its horizontal axis lies, so that a pointer can be turned into a moment or a quantile.

pub(crate) mod distribution;
pub(crate) mod dots;
pub(crate) mod forest;
pub(crate) mod heatmap;
pub(crate) mod heats;
pub(crate) mod hops;
pub(crate) mod levels;
pub(crate) mod over_time;
pub(crate) mod percentiles;
pub(crate) mod receivers;
pub(crate) mod recovery;
pub(crate) mod shift;
pub(crate) mod sides;
mod strands;
pub(crate) mod timeline;

use super::scale::Latency;
use super::scale::Linear;
use super::scale::Tick;
use super::scale::minor;
use super::scene::Anchor;
use super::scene::Dash;
use super::scene::Ink;
use super::scene::Rect;
use super::scene::Scene;
use super::scene::Shape;
use super::scene::text_width;

/// Sizes of letters and lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Size of tick labels.
    pub(crate) text: f64,
    /// Width of a line that carries data.
    pub(crate) line: f64,
    /// Free room at the right edge for labels and so that nothing is cut.
    pub(crate) right: f64,
}

/// Where a chart's horizontal axis lies, for read-outs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// The plot.
    pub(crate) plot: Rect,
    /// The horizontal axis.
    pub(crate) map: Linear,
}

/// Says that there is nothing to draw.
pub(crate) fn nothing(scene: &mut Scene, area: Rect, look: Look, why: &str) {
    scene.fill(area, Ink::Phase, 1.0);
    let (x, y) = (area.x + area.w / 2.0, area.y + area.h / 2.0);
    scene.text(x, y, "No samples", Ink::Text, look.text * 1.7, Anchor::Middle);
    scene.text(x, y + look.text * 2.0, why, Ink::Muted, look.text, Anchor::Middle);
}

/// Where a chart of latencies from `low` to `high` nanoseconds lies in `area`, and its vertical axis: `head` stays free above the
/// plot, the room of the labels left of it, and that of a horizontal axis with its title below.
fn latency_plot(area: Rect, (low, high): (u64, u64), head: f64, look: Look) -> (Rect, Latency) {
    let foot = look.text * 3.4;
    let draft = Latency::new(low, high, area.bottom() - foot, area.y + head);
    let left = widest(&draft.ticks(look.text * 1.5), look.text) + look.text * 1.2;
    let plot = area.inset(left, head, look.right, foot);
    (plot, Latency::new(low, high, plot.bottom(), plot.y))
}

/// Writes what the vertical axis is above it, and what the horizontal one is below the plot.
fn titles(scene: &mut Scene, (area, plot): (Rect, Rect), vertical: &str, horizontal: &str, look: Look) {
    scene.text(area.x, area.y + look.text, vertical, Ink::Muted, look.text, Anchor::Start);
    scene.text(plot.x + plot.w / 2.0, plot.bottom() + look.text * 3.1, horizontal, Ink::Muted, look.text, Anchor::Middle);
}

/// Draws ticks of a vertical axis with lines across the plot.
fn rows(scene: &mut Scene, plot: Rect, ticks: &[Tick], look: Look) {
    for tick in ticks {
        let faint = if tick.label.is_empty() { 0.55 } else { 1.0 };
        let line = Rect { x: plot.x, y: tick.at - 0.5 * look.line / 2.0, w: plot.w, h: look.line / 2.0 };
        scene.fill(line, Ink::Grid, faint);
        if !tick.label.is_empty() {
            scene.text(plot.x - look.text * 0.6, tick.at + look.text * 0.36, &tick.label, Ink::Muted, look.text, Anchor::End);
        }
    }
}

/// Draws ticks of a horizontal axis below the plot; `lines` also draws them across it.
fn columns(scene: &mut Scene, plot: Rect, ticks: &[Tick], look: Look, lines: bool) {
    let mut free_from = 0.0;
    for tick in ticks {
        if lines {
            scene.fill(Rect { x: tick.at - look.line / 4.0, y: plot.y, w: look.line / 2.0, h: plot.h }, Ink::Grid, 1.0);
        }
        scene.line(vec![(tick.at, plot.bottom()), (tick.at, plot.bottom() + look.text * 0.4)], Ink::Axis, look.line / 2.0, Dash::Solid);
        let half = text_width(&tick.label, look.text) / 2.0;
        let x = tick.at.clamp(half + 6.0, (plot.right() + look.right - half - 6.0).max(half + 6.0));
        if x - half >= free_from {
            scene.text(x, plot.bottom() + look.text * 1.55, &tick.label, Ink::Muted, look.text, Anchor::Middle);
            free_from = x + half + look.text * 0.5;
        }
    }
}

/// Short marks left of a vertical logarithmic axis, between its ticks.
fn minor_rows(scene: &mut Scene, plot: Rect, y: &Linear, look: Look) {
    let (thick, tip) = (look.line / 5.0, plot.x - look.text * 0.25);
    let tooth = |at: f64| [(plot.x, at + thick), (tip, at + thick), (tip, at - thick), (plot.x, at - thick)];
    comb(scene, minor(y, look.text * 0.2).into_iter().flat_map(tooth));
}

/// The same below a horizontal one.
fn minor_columns(scene: &mut Scene, plot: Rect, x: &Linear, look: Look) {
    let (thick, tip) = (look.line / 5.0, plot.bottom() + look.text * 0.25);
    let tooth = |at: f64| [(at - thick, plot.bottom()), (at - thick, tip), (at + thick, tip), (at + thick, plot.bottom())];
    comb(scene, minor(x, look.text * 0.2).into_iter().flat_map(tooth));
}

/// Teeth as one shape: between them it has no width.
fn comb(scene: &mut Scene, corners: impl Iterator<Item = (f64, f64)>) {
    let corners: Vec<(f64, f64)> = corners.collect();
    if !corners.is_empty() {
        scene.shapes.push(Shape::Area(corners, Ink::Axis, 1.0));
    }
}

/// Widest label of some ticks.
fn widest(ticks: &[Tick], size: f64) -> f64 {
    ticks.iter().map(|t| text_width(&t.label, size)).fold(0.0, f64::max)
}

/// Splits a line where values are missing. A value alone becomes a stroke as wide as its stretch of
/// time, `half` to each side.
fn stretches(points: impl Iterator<Item = (f64, Option<f64>)>, half: f64) -> Vec<Vec<(f64, f64)>> {
    let mut parts = vec![Vec::new()];
    for (x, y) in points {
        match (y, parts.last_mut()) {
            (Some(y), Some(part)) => part.push((x, y)),
            (None, Some(part)) if !part.is_empty() => parts.push(Vec::new()),
            _ => {}
        }
    }
    parts.retain(|p| !p.is_empty());
    for part in &mut parts {
        if let [(x, y)] = part[..] {
            *part = vec![(x - half.max(1.5), y), (x + half.max(1.5), y)];
        }
    }
    parts
}

/// A line that keeps each value for its whole stretch of time, `half` to each side.
fn steps(points: &[(f64, f64)], half: f64) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = Vec::with_capacity(points.len() * 2);
    for (x, y) in points {
        // Equal neighbours share one stroke.
        if out.last().is_some_and(|last| (last.1 - y).abs() < 0.05) {
            out.pop();
        } else {
            out.push((x - half, *y));
        }
        out.push((x + half, *y));
    }
    out
}
