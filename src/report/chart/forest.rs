//! A comparison at a glance: one line a metric, the change with its 90 % interval, the margin shaded.
//!
//! The axis is that of ratios: as far up as down by the same factor. Slower is right.

use super::Look;
use super::columns;
use super::nothing;
use crate::report::compare::Comparison;
use crate::report::compare::Metric;
use crate::report::compare::stats::Answer;
use crate::report::escape::drawn;
use crate::report::scale::Linear;
use crate::report::scale::ratio_edge;
use crate::report::scale::ratio_ticks;
use crate::report::scene::Anchor;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Mark;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::Shape;
use crate::report::scene::fitted;
use crate::report::scene::text_width;

/// Draws the metrics into `area`.
pub(crate) fn draw(scene: &mut Scene, comparison: &Comparison, area: Rect, look: Look) {
    let known: Vec<&Metric> = comparison.metrics.iter().filter(|m| m.ratio.is_some()).collect();
    if known.is_empty() {
        nothing(scene, area, look, "No metric has enough samples on both sides.");
        return;
    }
    let names = comparison.metrics.iter().map(|m| text_width(&m.name, look.text)).fold(0.0, f64::max);
    let left = (names + look.text * 1.5).min(area.w * 0.34);
    let answer = text_width("inconclusive", look.text) + look.text * 2.0;
    let plot = area.inset(left, look.text * 0.6, answer, look.text * 3.4);
    let far = |m: &&Metric| {
        m.interval.map_or([1.0, 1.0], |i| i).into_iter().chain(m.ratio).map(|r| r.ln().abs()).fold(m.margin.ln_1p(), f64::max)
    };
    let edge = ratio_edge(known.iter().map(far).fold(0.0, f64::max) * 1.05);
    let x = Linear::new(-edge, edge, plot.x, plot.right());
    columns(scene, plot, &ratio_ticks(&x), look, true);
    scene.text(
        plot.x + plot.w / 2.0,
        plot.bottom() + look.text * 3.1,
        "Change against the base (slower is right)",
        Ink::Muted,
        look.text,
        Anchor::Middle,
    );
    let height = plot.h / comparison.metrics.len() as f64;
    for (i, metric) in comparison.metrics.iter().enumerate() {
        let strip = Rect { y: plot.y + height * i as f64, h: height, ..plot };
        draw_metric(scene, metric, (area.x, left), &x, strip, look);
    }
    scene.line(vec![(x.at(0.0), plot.y), (x.at(0.0), plot.bottom())], Ink::Axis, look.line, Dash::Solid);
}

fn draw_metric(scene: &mut Scene, metric: &Metric, (start, room): (f64, f64), x: &Linear, strip: Rect, look: Look) {
    let (middle, half) = (strip.y + strip.h / 2.0, (strip.h * 0.36).min(look.text * 1.6));
    let margin = metric.margin.ln_1p();
    let band = Rect { x: x.held(-margin), y: middle - half, w: x.held(margin) - x.held(-margin), h: half * 2.0 };
    scene.fill(band, Ink::Phase, 1.0);
    let name = fitted(&drawn(&metric.name), look.text, room - look.text);
    scene.text(start, middle + look.text * 0.36, &name, Ink::Text, look.text, Anchor::Start);
    let ink = match metric.answer {
        Answer::Regression => Ink::Bad,
        Answer::Pass | Answer::Clear => Ink::Good,
        Answer::Inconclusive => Ink::Muted,
    };
    if let Some([low, high]) = metric.interval {
        scene.line(vec![(x.held(low.ln()), middle), (x.held(high.ln()), middle)], ink, look.line * 1.5, Dash::Solid);
        for end in [low, high].map(|r| x.held(r.ln())) {
            scene.line(vec![(end, middle - half * 0.5), (end, middle + half * 0.5)], ink, look.line, Dash::Solid);
        }
    }
    if let Some(ratio) = metric.ratio {
        scene.shapes.push(Shape::Mark(Mark::Diamond, x.held(ratio.ln()), middle, look.line * 2.6, ink));
    }
    let words = crate::report::compare::text::answer(metric.answer);
    scene.text(strip.right() + look.text, middle + look.text * 0.36, words, ink, look.text, Anchor::Start);
}
