//! Load over time: did we deliver the load we promised?
//!
//! Three strips on one time axis: planned, sent and answered a second; p50 and p99 of the main
//! series; open connections. Phases that are not measured are shaded and named.

use super::Look;
use super::Reading;
use super::columns;
use super::minor_rows;
use super::nothing;
use super::rows;
use super::steps;
use super::strands::Strand;
use super::strands::draw_strands;
use super::strands::half;
use super::strands::phases;
use super::widest;
use crate::report::escape::drawn;
use crate::report::scale::Latency;
use crate::report::scale::Linear;
use crate::report::scale::Tick;
use crate::report::scale::amounts;
use crate::report::scale::thin;
use crate::report::scale::time_ticks;
use crate::report::scene::Anchor;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::Shape;
use crate::report::scene::fitted;
use crate::report::scene::text_width;
use crate::report::view::View;

/// Draws the strips into `area`; `None` when no second was recorded.
pub(crate) fn draw(scene: &mut Scene, view: &View, area: Rect, look: Look) -> Option<Reading> {
    let timeline = &view.timeline;
    let (Some(first), Some(last)) = (timeline.t_s.first(), timeline.t_s.last()) else {
        nothing(scene, area, look, "No second of the run was recorded.");
        return None;
    };
    let (head, foot, title) = (look.text * 1.9, look.text * 3.3, look.text * 2.1);
    let tall = area.inset(0.0, head, 0.0, foot);
    let strip = |from: f64, to: f64| (tall.y + tall.h * from + title, tall.h * (to - from) - title - look.text * 0.5);
    let strips = [strip(0.0, 0.42), strip(0.42, 0.76), strip(0.76, 1.0)];
    let labels = [
        rate_axis(view, strips[0].0 + strips[0].1, strips[0].0, look).1,
        latency(view, 100.0, 0.0).1,
        open_axis(view, strips[2].0 + strips[2].1, strips[2].0, look).1,
    ];
    let left = labels.iter().map(|ticks| widest(ticks, look.text)).fold(text_width("100,000", look.text), f64::max) + look.text * 1.2;
    let whole = area.inset(left, head, look.right, foot);
    let from = timeline.phases.iter().map(|p| p.1).fold(first - 0.5, f64::min).max(0.0);
    let to = timeline.phases.iter().map(|p| p.2).fold(last + 0.5, f64::max);
    let x = Linear::new(from, to, whole.x, whole.right());
    let strips = strips.map(|(y, h)| Rect { y, h, ..whole });
    let base = Rect { h: whole.h - look.text * 0.5, ..whole };
    phases(scene, view, &x, base, &strips, look);
    rates(scene, view, &x, strips[0], look);
    latencies(scene, view, &x, strips[1], look);
    open(scene, view, &x, strips[2], look);
    columns(scene, base, &time_ticks(&x, text_width("10m30s", look.text) * 1.4), look, false);
    scene.text(whole.x + whole.w / 2.0, area.bottom() - look.text * 0.3, "Time since the run began", Ink::Muted, look.text, Anchor::Middle);
    Some(Reading { plot: base, map: x })
}

fn heading(scene: &mut Scene, strip: Rect, look: Look, words: &str) {
    let words = fitted(words, look.text, strip.w);
    scene.text(strip.x, strip.y - look.text * 0.75, &words, Ink::Text, look.text, Anchor::Start);
}

fn rate_axis(view: &View, start: f64, end: f64, look: Look) -> (Linear, Vec<Tick>) {
    let timeline = &view.timeline;
    let most = timeline.planned.iter().chain(&timeline.sent).chain(&timeline.answered).copied().fold(0.0, f64::max);
    amounts(most, start, end, look.text * 2.2)
}

fn rates(scene: &mut Scene, view: &View, x: &Linear, strip: Rect, look: Look) {
    let timeline = &view.timeline;
    let (y, ticks) = rate_axis(view, strip.bottom(), strip.y, look);
    heading(scene, strip, look, "Load exchanges a second");
    rows(scene, strip, &ticks, look);
    let half = half(x, 1.0);
    let of = |values: &[f64]| {
        let places: Vec<(f64, f64)> = timeline.t_s.iter().zip(values).map(|(t, v)| (x.at(*t), y.at(*v))).collect();
        thin(&steps(&places, half), 1_200)
    };
    let planned = of(&timeline.planned);
    area(scene, "planned", &planned, strip);
    let at_end = |values: &[f64]| last_measured(view).and_then(|i| values.get(i)).map(|v| y.at(*v));
    let strands = vec![
        Strand::new("planned", planned, at_end(&timeline.planned), (Ink::Planned, Dash::Solid, 2.2)),
        Strand::new("sent", of(&timeline.sent), at_end(&timeline.sent), (Ink::Sent, Dash::Solid, 1.0)),
        Strand::new("answered", of(&timeline.answered), at_end(&timeline.answered), (Ink::Answered, Dash::Dashed, 1.0)),
    ];
    draw_strands(scene, strands, strip, look);
}

/// The last second of the measure phase: where lines end that fall to nothing afterwards.
fn last_measured(view: &View) -> Option<usize> {
    let timeline = &view.timeline;
    let end = timeline.phases.iter().find(|(name, ..)| name == "measure").map(|p| p.2);
    let inside = |t: &f64| end.is_none_or(|end| *t < end);
    timeline.t_s.iter().rposition(inside)
}

fn area(scene: &mut Scene, name: &str, top: &[(f64, f64)], strip: Rect) {
    if let (Some(first), Some(last)) = (top.first(), top.last()) {
        let mut corners = top.to_vec();
        corners.extend([(last.0, strip.bottom()), (first.0, strip.bottom())]);
        scene.open(name);
        scene.shapes.push(Shape::Area(corners, Ink::Planned, 0.16));
        scene.close();
    }
}

fn latency(view: &View, start: f64, end: f64) -> (Latency, Vec<Tick>) {
    let timeline = &view.timeline;
    let values = || timeline.p50.iter().chain(&timeline.p99).filter_map(|v| *v);
    let axis = Latency::new(values().min().unwrap_or(1_000_000), values().max().unwrap_or(10_000_000), start, end);
    let ticks = axis.ticks(0.0);
    (axis, ticks)
}

fn latencies(scene: &mut Scene, view: &View, x: &Linear, strip: Rect, look: Look) {
    let timeline = &view.timeline;
    let (y, _) = latency(view, strip.bottom(), strip.y);
    if timeline.p50.iter().chain(&timeline.p99).all(Option::is_none) {
        heading(scene, strip, look, "Response time: no samples");
        return;
    }
    heading(scene, strip, look, &format!("Response time of {} (log scale)", drawn(&timeline.series)));
    rows(scene, strip, &y.ticks(look.text * 1.5), look);
    minor_rows(scene, strip, &y.map(), look);
    let strand = |name, values: &[Option<u64>], stroke| {
        let places = timeline.t_s.iter().zip(values).map(|(t, v)| (x.at(*t), v.map(|ns| y.at(ns))));
        Strand::broken(name, places, half(x, 1.0), stroke)
    };
    let strands = vec![
        strand("p99", &timeline.p99, (Ink::Series(1), Dash::Solid, 1.0)),
        strand("p50", &timeline.p50, (Ink::Series(0), Dash::Dashed, 1.0)),
    ];
    draw_strands(scene, strands, strip, look);
}

fn open_axis(view: &View, start: f64, end: f64, look: Look) -> (Linear, Vec<Tick>) {
    amounts(view.timeline.open.iter().copied().max().unwrap_or(0) as f64, start, end, look.text * 2.2)
}

fn open(scene: &mut Scene, view: &View, x: &Linear, strip: Rect, look: Look) {
    let timeline = &view.timeline;
    let (y, ticks) = open_axis(view, strip.bottom(), strip.y, look);
    heading(scene, strip, look, "Open connections");
    rows(scene, strip, &ticks, look);
    let places: Vec<(f64, f64)> = timeline.t_s.iter().zip(&timeline.open).map(|(t, v)| (x.at(*t), y.at(*v as f64))).collect();
    let line = thin(&steps(&places, half(x, 1.0)), 1_200);
    let end = line.last().map(|p| p.1);
    draw_strands(scene, vec![Strand::new("open", line, end, (Ink::Open, Dash::Solid, 1.0))], strip, look);
}
