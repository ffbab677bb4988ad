//! Times over a load or over runs: a line with a mark at each step.

use super::Look;
use super::columns;
use super::latency_plot;
use super::nothing;
use super::rows;
use super::titles;
use crate::report::escape::drawn;
use crate::report::scale::Linear;
use crate::report::scale::Tick;
use crate::report::scale::amount;
use crate::report::scale::spread;
use crate::report::scene::Anchor;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Mark;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::Shape;
use crate::report::scene::fitted;
use crate::report::scene::text_width;
use crate::report::steps::Steps;

/// Draws the lines of `steps` into `area`.
pub(crate) fn draw(scene: &mut Scene, steps: &Steps, area: Rect, look: Look) {
    let points = || steps.lines.iter().flat_map(|(_, points)| points);
    let (Some(low), Some(high)) = (points().map(|p| p.1).min(), points().map(|p| p.1).max()) else {
        nothing(scene, area, look, "No step has enough answers.");
        return;
    };
    let (plot, y) = latency_plot(area, (low, high), look.text * 3.0, look);
    let (from, to) = points().fold((f64::INFINITY, 0.0f64), |(from, to), p| (from.min(p.0), to.max(p.0)));
    let room = ((to - from) * 0.03).max(0.5);
    let x = Linear::new((from - room).max(0.0), to + room, plot.x, plot.right());
    rows(scene, plot, &y.ticks(look.text * 1.5), look);
    columns(scene, plot, &ticks(&x, look), look, true);
    titles(scene, (area, plot), &format!("Response time ({}, log scale)", y.unit()), &drawn(&steps.axis), look);
    for (at, words) in &steps.notes {
        note(scene, x.held(*at), &drawn(words), plot, look);
    }
    let ends: Vec<f64> = steps.lines.iter().filter_map(|(_, points)| points.last().map(|p| y.at(p.1))).collect();
    let mut places = spread(&ends, look.text * 1.25, plot.y, plot.bottom()).into_iter();
    for (i, (name, points)) in steps.lines.iter().enumerate().filter(|(_, (_, points))| !points.is_empty()) {
        let line: Vec<(f64, f64)> = points.iter().map(|p| (x.at(p.0), y.at(p.1))).collect();
        scene.open(name);
        scene.line(line.clone(), Ink::Series(i), look.line, if i % 2 == 1 { Dash::Solid } else { Dash::Dashed });
        for (at, height) in line {
            scene.shapes.push(Shape::Mark(Mark::of(i), at, height, look.line * 1.8, Ink::Series(i)));
        }
        let place = places.next().unwrap_or(plot.y);
        let name = fitted(&drawn(name), look.text, look.right - look.text);
        scene.label(plot.right() + look.text * 0.5, place + look.text * 0.36, &name, Ink::Series(i), look.text, Anchor::Start);
        scene.close();
    }
}

/// Whole numbers along the axis.
fn ticks(x: &Linear, look: Look) -> Vec<Tick> {
    let most = ((x.end - x.start) / (text_width("1,000,000", look.text) * 1.3)).max(1.0);
    let raw = ((x.to - x.from) / most).max(1.0);
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|lead| lead * power).into_iter().find(|step| *step >= raw - 1e-9).unwrap_or(raw);
    let (first, last) = ((x.from / step).ceil() as i64, (x.to / step).floor() as i64);
    (first..=last).map(|k| k as f64 * step).map(|v| Tick { at: x.at(v), label: amount(v) }).collect()
}

fn note(scene: &mut Scene, at: f64, words: &str, plot: Rect, look: Look) {
    scene.line(vec![(at, plot.y - look.text * 0.5), (at, plot.bottom())], Ink::Bad, look.line * 0.6, Dash::Dotted);
    let words = fitted(words, look.text, plot.w * 0.4);
    let (start, anchor) =
        if at > plot.x + plot.w / 2.0 { (at - look.text * 0.4, Anchor::End) } else { (at + look.text * 0.4, Anchor::Start) };
    scene.label(start, plot.y - look.text * 0.6, &words, Ink::Bad, look.text, anchor);
}
