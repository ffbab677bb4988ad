//! The summary as a plot: verdict, headline figures and a small curve, for previews in chats and pull requests.

use super::Plot;
use super::badge;
use super::foot;
use crate::report::chart::Look;
use crate::report::chart::percentiles as curve_chart;
use crate::report::escape::drawn;
use crate::report::findings;
use crate::report::scene::Anchor;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::Shape;
use crate::report::scene::fitted;
use crate::report::scene::text_width;
use crate::report::view::View;
use crate::report::words;
use crate::units::grouped;

/// Free room at every edge.
const EDGE: f64 = 48.0;
/// Size of plain words; previews are shown at half the size.
const SIZE: f64 = 21.0;
/// Left edge of the curve.
const CURVE: f64 = 620.0;
/// Quantiles in the headline.
const KEYS: [&str; 3] = ["p50", "p99", "p99.9"];

/// The summary, 1200 x 630.
pub(crate) fn card(view: &View) -> Plot {
    let mut scene = Scene::new(1200.0, 630.0);
    let upper = heading(&mut scene, view);
    let lower = foot(&mut scene, view, EDGE, 15.5);
    let figures = Rect { x: EDGE, y: upper, w: CURVE - EDGE - 32.0, h: lower - upper };
    latency(&mut scene, view, figures);
    counts(&mut scene, view, Rect { y: upper + figures.h * 0.46, h: figures.h * 0.54, ..figures });
    curve(&mut scene, view, Rect { x: CURVE, y: upper + 14.0, w: 1200.0 - EDGE - CURVE, h: lower - upper - 24.0 });
    Plot::new(view, "Summary", "summary.png", reason(view), scene)
}

/// Profile, verdict, and why; where the rest begins.
fn heading(scene: &mut Scene, view: &View) -> f64 {
    let size = SIZE * 1.9;
    let top = EDGE + size * 0.75;
    let badge = badge(scene, view.summary.verdict, (scene.width - EDGE, top - size * 0.36), SIZE * 1.45);
    bold(scene, (EDGE, top), &fitted(&drawn(&view.summary.run.profile), size, badge.x - EDGE - size), size);
    let width = scene.width - EDGE * 2.0;
    scene.text(EDGE, top + SIZE * 2.1, &fitted(&drawn(&reason(view)), SIZE, width), Ink::Muted, SIZE, Anchor::Start);
    let rule = top + SIZE * 3.3;
    scene.line(vec![(EDGE, rule), (scene.width - EDGE, rule)], Ink::Grid, 1.5, Dash::Solid);
    rule
}

/// What decided, in a sentence: the first reason, a storm's outcome, or what the verdict means.
fn reason(view: &View) -> String {
    let storm = || view.summary.storm.as_ref().map(words::storm_passed);
    view.summary.reasons.first().cloned().or_else(storm).unwrap_or_else(|| findings::verdict_meaning(view))
}

fn bold(scene: &mut Scene, (x, y): (f64, f64), text: &str, size: f64) {
    scene.shapes.push(Shape::Text { x, y, text: text.into(), ink: Ink::Text, size, anchor: Anchor::Start, halo: false, bold: true });
}

/// Quantiles of the main series side by side.
fn latency(scene: &mut Scene, view: &View, area: Rect) {
    let base = area.y + SIZE * 2.0;
    let main = findings::main_series(view);
    let title = main.map_or("Response time".into(), |main| format!("Response time of {}", drawn(&main.name)));
    scene.text(area.x, base, &fitted(&title, SIZE, area.w), Ink::Muted, SIZE, Anchor::Start);
    let step = area.w / KEYS.len() as f64;
    let values = KEYS.map(|key| main.map_or("n/a".into(), |main| findings::response(view, main, key)));
    let widest = values.iter().map(|value| text_width(value, 1.0)).fold(1.0, f64::max);
    let size = (SIZE * 2.0).min((step - SIZE) / (widest * 1.05));
    for (i, (key, value)) in KEYS.iter().zip(&values).enumerate() {
        let x = area.x + step * i as f64;
        scene.text(x, base + SIZE * 2.1, key, Ink::Muted, SIZE, Anchor::Start);
        bold(scene, (x, base + SIZE * 4.1), value, size);
    }
}

/// What became of the load, and on how many connections.
fn counts(scene: &mut Scene, view: &View, area: Rect) {
    let summary = &view.summary;
    let rate = findings::main_series(view).map_or_else(|| "n/a".into(), |main| findings::rate(main.rate_per_s));
    let missed = findings::missed(summary);
    let share = if missed == 0 { String::new() } else { format!(" ({})", findings::share(missed, summary.counts.planned)) };
    let (peak, asked) = (summary.connections.peak, summary.connections.asked);
    let open = if peak < asked { format!("{} of {}", grouped(peak), grouped(asked)) } else { grouped(peak) };
    let cells = [
        ("answered", grouped(summary.counts.answered), Ink::Text),
        ("answers a second", rate, Ink::Text),
        ("missed", format!("{}{share}", grouped(missed)), if missed == 0 { Ink::Text } else { Ink::Bad }),
        ("connections", open, if peak < asked { Ink::Bad } else { Ink::Text }),
    ];
    let (w, h) = (area.w / 2.0, area.h / 2.0);
    for (i, (name, value, ink)) in cells.into_iter().enumerate() {
        let (x, y) = (area.x + w * (i % 2) as f64, area.y + h * (i / 2) as f64);
        let size = (SIZE * 1.4).min((w - SIZE) / text_width(&value, 1.0));
        scene.text(x, y + SIZE * 1.1, name, Ink::Muted, SIZE, Anchor::Start);
        scene.text(x, y + SIZE * 2.7, &value, ink, size, Anchor::Start);
    }
}

/// The curve of the main series.
fn curve(scene: &mut Scene, view: &View, area: Rect) {
    let main = findings::main_series(view).map(|main| main.name.as_str());
    let curves: Vec<_> = curve_chart::shown(view).into_iter().filter(|c| Some(c.series.as_str()) == main && !c.service).collect();
    curve_chart::draw_curves(scene, view, &curves, area, Look { text: 15.0, line: 2.6, right: 38.0 });
}
