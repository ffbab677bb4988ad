//! Latency over time: when did it go wrong?
//!
//! Each column is a stretch of time, each row a stretch of latency, the colour the logarithm of the
//! number of answers. Over it p50, p99 and the largest value; beneath it, on the same time axis,
//! the errors.

use super::Look;
use super::Reading;
use super::columns;
use super::minor_rows;
use super::nothing;
use super::steps;
use super::stretches;
use super::widest;
use crate::report::scale::Latency;
use crate::report::scale::Linear;
use crate::report::scale::Tick;
use crate::report::scale::amounts;
use crate::report::scale::spread;
use crate::report::scale::thin;
use crate::report::scale::time_ticks;
use crate::report::scene::Anchor;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::Shades;
use crate::report::scene::Shape;
use crate::report::scene::heat_level;
use crate::report::scene::text_width;
use crate::report::view::Heat;
use crate::units::grouped;

/// Draws one series' heat map into `area` with at most `most_columns` columns; `None` when
/// nothing was answered.
pub(crate) fn draw(scene: &mut Scene, heat: &Heat, area: Rect, look: Look, most_columns: usize) -> Option<Reading> {
    let Some((low, high)) = used_rows(heat) else {
        nothing(scene, area, look, "Nothing was answered, so there is no latency to draw.");
        return None;
    };
    let (from, to) = (heat.edges_ns[low], heat.edges_ns[high + 1]);
    let merged = merge(heat, low, high, most_columns);
    let most = merged.iter().flatten().copied().max().unwrap_or(1);

    let head = look.text * 2.6;
    let (strip, foot) = (look.text * 4.2, look.text * 3.3);
    let draft = Latency::new(from, to, area.bottom() - foot, area.y + head);
    let ticks_left =
        widest(&draft.ticks(look.text * 1.5), look.text).max(text_width("errors", look.text)).max(errors_width(heat, strip, look))
            + look.text * 1.2;
    let whole = area.inset(ticks_left, head, look.right, foot);
    let plot = whole.inset(0.0, 0.0, 0.0, strip);
    let y = Exactly::new(from, to, plot);
    let seconds = |ns: u64| ns as f64 / 1e9;
    let end = heat.t0_ns + heat.column_ns * heat.columns.len() as u64;
    let x = Linear::new(seconds(heat.t0_ns), seconds(end), plot.x, plot.right());

    scene.fill(plot, Ink::Heat(0), 1.0);
    let levels = merged.iter().map(|c| c.iter().map(|n| heat_level(*n, most)).collect()).collect();
    scene.shapes.push(Shape::Cells(plot, levels, Shades::Heat));
    axis(scene, plot, &draft_ticks(from, to, plot, look), look);
    minor_rows(scene, plot, &y.map, look);
    scene.text(area.x, area.y + look.text, &format!("Latency ({}, log scale)", draft.unit()), Ink::Muted, look.text, Anchor::Start);
    scale_legend(scene, Rect { x: plot.x, y: area.y, w: plot.w, h: head }, most, look);
    lines(scene, heat, &x, &y, plot, look);
    errors(scene, heat, &x, Rect { x: plot.x, y: plot.bottom() + look.text * 1.1, w: plot.w, h: strip - look.text * 1.1 }, look);
    columns(scene, whole, &time_ticks(&x, text_width("10m30s", look.text) * 1.4), look, false);
    scene.text(plot.x + plot.w / 2.0, area.bottom() - look.text * 0.3, "Time since the run began", Ink::Muted, look.text, Anchor::Middle);
    Some(Reading { plot: whole, map: x })
}

/// Rows between the lowest and the highest that hold an answer.
fn used_rows(heat: &Heat) -> Option<(usize, usize)> {
    let rows = heat.edges_ns.len().checked_sub(1)?;
    let used = |r: &usize| heat.columns.iter().any(|c| c.get(*r).copied().unwrap_or(0) > 0);
    let low = (0..rows).find(used)?;
    let high = (0..rows).rev().find(used)?;
    Some((low, (high.max(low + 3)).min(rows - 1)))
}

/// Columns of the used rows; neighbours are added where there are more than `most`.
fn merge(heat: &Heat, low: usize, high: usize, most: usize) -> Vec<Vec<u64>> {
    let stretch = heat.columns.len().div_ceil(most.max(1)).max(1);
    let add = |part: &[Vec<u64>]| (low..=high).map(|r| part.iter().map(|c| c.get(r).copied().unwrap_or(0)).sum()).collect();
    heat.columns.chunks(stretch).map(add).collect()
}

/// The latency axis of a heat map: it ends where the rows end, so that cells and lines agree.
pub(super) struct Exactly {
    pub(super) map: Linear,
}

impl Exactly {
    pub(super) fn new(from: u64, to: u64, plot: Rect) -> Self {
        Exactly { map: Linear::new((from.max(1) as f64).log10(), (to.max(2) as f64).log10(), plot.bottom(), plot.y) }
    }

    pub(super) fn at(&self, ns: u64) -> f64 {
        self.map.held((ns.max(1) as f64).log10())
    }
}

/// 1-2-5 ticks that lie inside the rows.
pub(super) fn draft_ticks(from: u64, to: u64, plot: Rect, look: Look) -> Vec<Tick> {
    let y = Exactly::new(from, to, plot);
    let wide = Latency::new(from, to, plot.bottom(), plot.y);
    let mut ticks = wide.ticks_by(|ns| y.map.at((ns.max(1.0)).log10()), look.text * 1.5);
    ticks.retain(|t| t.at <= plot.bottom() + 0.5 && t.at >= plot.y - 0.5);
    ticks
}

pub(super) fn axis(scene: &mut Scene, plot: Rect, ticks: &[Tick], look: Look) {
    for tick in ticks.iter().filter(|t| !t.label.is_empty()) {
        scene.line(vec![(plot.x - look.text * 0.4, tick.at), (plot.x, tick.at)], Ink::Axis, look.line / 2.0, Dash::Solid);
        scene.text(plot.x - look.text * 0.6, tick.at + look.text * 0.36, &tick.label, Ink::Muted, look.text, Anchor::End);
    }
}

/// The colours from one answer to the most, at the top right.
fn scale_legend(scene: &mut Scene, head: Rect, most: u64, look: Look) {
    shades_legend(scene, head, Shades::Heat, ["1", &grouped(most)], "answers per cell", look);
}

/// The colours of cells from one end to the other, at the top right, with what they stand for where there is room.
pub(super) fn shades_legend(scene: &mut Scene, head: Rect, shades: Shades, ends: [&str; 2], words: &str, look: Look) {
    let bar = (head.w * 0.3).min(220.0 * look.text / 12.0);
    let right = head.right() - text_width(ends[1], look.text) - look.text * 0.6;
    let (x, y, h) = (right - bar, head.y + look.text * 0.15, look.text * 1.0);
    let levels = shades.levels();
    let step = bar / levels.len() as f64;
    scene.fill(
        Rect { x: x - look.text * 0.2, y: y - look.text * 0.2, w: bar + look.text * 0.4, h: h + look.text * 0.4 },
        Ink::Heat(0),
        1.0,
    );
    for (place, level) in levels.into_iter().enumerate() {
        scene.fill(Rect { x: x + step * place as f64, y, w: step + 0.3, h }, shades.ink(level), 1.0);
    }
    let base = head.y + look.text;
    scene.text(right + look.text * 0.5, base, ends[1], Ink::Muted, look.text, Anchor::Start);
    scene.text(x - look.text * 0.6, base, ends[0], Ink::Muted, look.text, Anchor::End);
    let left = x - look.text * 1.2 - text_width(ends[0], look.text);
    if left - text_width(words, look.text) > head.x + text_width("Latency (ms, log scale)", look.text) - look.text * 1.5 {
        scene.text(left, base, words, Ink::Muted, look.text, Anchor::End);
    }
}

/// p50, p99 and the largest value, with their names at the right end.
fn lines(scene: &mut Scene, heat: &Heat, x: &Linear, y: &Exactly, plot: Rect, look: Look) {
    let kinds = [
        ("max", &heat.max, Ink::OverMax, Dash::Dotted, 0.7),
        ("p99", &heat.p99, Ink::OverP99, Dash::Solid, 0.9),
        ("p50", &heat.p50, Ink::OverP50, Dash::Solid, 0.9),
    ];
    let middle = |i: usize| x.at((heat.t0_ns as f64 + heat.column_ns as f64 * (i as f64 + 0.5)) / 1e9);
    let weight = if heat.columns.len() as f64 > plot.w / 4.0 { look.line * 0.7 } else { look.line };
    let mut names = Vec::new();
    for (name, values, ink, dash, width) in kinds {
        let points = values.iter().enumerate().map(|(i, v)| (middle(i), v.map(|ns| y.at(ns))));
        let parts = stretches(points, plot.w / heat.columns.len().max(1) as f64 / 2.0);
        scene.open(name);
        for part in &parts {
            let part = thin(part, (plot.w * 0.6) as usize);
            if dash == Dash::Solid {
                scene.line(part.clone(), Ink::Casing, weight * (width + 1.1), Dash::Solid);
            }
            scene.line(part, ink, weight * width, dash);
        }
        scene.close();
        if let Some((_, last)) = parts.last().and_then(|p| p.last()) {
            names.push((name, *last));
        }
    }
    let wanted: Vec<f64> = names.iter().map(|(_, at)| *at).collect();
    let placed = spread(&wanted, look.text * 1.25, plot.y + look.text * 0.3, plot.bottom() - look.text * 0.3);
    for ((name, at), spot) in names.iter().zip(placed) {
        scene.open(name);
        let edge = plot.right();
        scene.line(vec![(edge + 1.0, *at), (edge + look.text * 0.7, spot)], Ink::Axis, look.line / 2.0, Dash::Solid);
        scene.text(edge + look.text * 0.9, spot + look.text * 0.36, name, Ink::Text, look.text, Anchor::Start);
        scene.close();
    }
}

fn errors_axis(heat: &Heat, bottom: f64, top: f64) -> (Linear, Vec<Tick>) {
    let most = heat.errors.iter().copied().max().unwrap_or(0);
    amounts(most as f64, bottom, top, (bottom - top) / 1.2)
}

/// Width of the label at the top of the strip of errors.
fn errors_width(heat: &Heat, height: f64, look: Look) -> f64 {
    widest(&errors_axis(heat, height, 0.0).1, look.text)
}

/// Errors in each column as steps from zero; a single error is still seen.
fn errors(scene: &mut Scene, heat: &Heat, x: &Linear, strip: Rect, look: Look) {
    let most = heat.errors.iter().copied().max().unwrap_or(0);
    scene.fill(strip, Ink::Phase, 1.0);
    scene.text(strip.x - look.text * 0.6, strip.bottom() - look.text * 0.2, "errors", Ink::Muted, look.text, Anchor::End);
    if most == 0 {
        scene.text(strip.x + strip.w / 2.0, strip.y + strip.h / 2.0 + look.text * 0.36, "no errors", Ink::Muted, look.text, Anchor::Middle);
        return;
    }
    let (map, ticks) = errors_axis(heat, strip.bottom(), strip.y);
    if let Some(top) = ticks.last() {
        scene.text(strip.x - look.text * 0.6, top.at + look.text * 0.8, &top.label, Ink::Muted, look.text, Anchor::End);
    }
    let half = strip.w / heat.errors.len().max(1) as f64 / 2.0;
    let middle = |i: usize| x.at((heat.t0_ns as f64 + heat.column_ns as f64 * (i as f64 + 0.5)) / 1e9);
    let top = |n: u64| strip.bottom() - (strip.bottom() - map.at(n as f64)).max(look.line);
    let bars = heat.errors.iter().enumerate().map(|(i, n)| (middle(i), (*n > 0).then(|| top(*n))));
    for run in bars.collect::<Vec<_>>().chunk_by(|a, b| a.1.is_some() == b.1.is_some()) {
        let tops: Vec<(f64, f64)> = run.iter().filter_map(|(x, y)| Some((*x, (*y)?))).collect();
        let mut corners = steps(&tops, half.max(0.5));
        if let (Some(first), Some(last)) = (corners.first().copied(), corners.last().copied()) {
            corners.extend([(last.0, strip.bottom()), (first.0, strip.bottom())]);
            scene.shapes.push(Shape::Area(corners, Ink::Bad, 1.0));
        }
    }
}
