//! The distribution of each series: one hump or two?
//!
//! A strip for each series on one logarithmic axis; the height is the share of answers in a row of the strip, largest on top.

use super::Look;
use super::Reading;
use super::columns;
use super::minor_columns;
use super::nothing;
use crate::report::escape::drawn;
use crate::report::findings;
use crate::report::scale::Latency;
use crate::report::scene::Anchor;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::Shape;
use crate::report::scene::fitted;
use crate::report::scene::text_width;
use crate::report::view::Distribution;
use crate::report::view::View;

/// Series drawn at most.
const MOST: usize = 8;

/// The distributions that are drawn: those with most answers, in the order of the summary.
pub(crate) fn shown(view: &View) -> Vec<&Distribution> {
    let mut kept: Vec<(usize, u64, &Distribution)> =
        view.distributions.iter().enumerate().map(|(i, d)| (i, d.counts.iter().copied().fold(0, u64::saturating_add), d)).collect();
    kept.sort_by_key(|(i, n, _)| (std::cmp::Reverse(*n), *i));
    kept.truncate(MOST);
    kept.sort_by_key(|(i, ..)| *i);
    kept.into_iter().map(|(.., d)| d).collect()
}

/// Draws the strips into `area`; `None` when there are no samples.
pub(crate) fn draw(scene: &mut Scene, view: &View, area: Rect, look: Look) -> Option<Reading> {
    let shown = shown(view);
    let edges = || shown.iter().flat_map(|d| &d.edges_ns).copied();
    let (Some(low), Some(high)) = (edges().min(), edges().max()) else {
        nothing(scene, area, look, "Nothing was answered in the measured time.");
        return None;
    };
    let plot = area.inset(look.text, look.text * 0.5, look.right.min(look.text * 2.0), look.text * 3.4);
    let x = Latency::new(low, high, plot.x, plot.right());
    columns(scene, plot, &x.ticks(text_width("0.005ms", look.text) * 1.3), look, true);
    minor_columns(scene, plot, &x.map(), look);
    let title = format!("Response time ({}, log scale)", x.unit());
    scene.text(plot.x + plot.w / 2.0, plot.bottom() + look.text * 3.1, &title, Ink::Muted, look.text, Anchor::Middle);
    let height = plot.h / shown.len() as f64;
    for (i, distribution) in shown.iter().enumerate() {
        let strip = Rect { y: plot.y + height * i as f64, h: height, ..plot };
        draw_strip(scene, distribution, findings::place(view, &distribution.series), &x, strip, look);
    }
    Some(Reading { plot, map: x.map() })
}

fn draw_strip(scene: &mut Scene, distribution: &Distribution, place: usize, x: &Latency, strip: Rect, look: Look) {
    let most = distribution.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let room = strip.h - look.text * 1.9;
    let mut top = Vec::new();
    for (edges, n) in distribution.edges_ns.windows(2).zip(&distribution.counts) {
        let y = strip.bottom() - room * *n as f64 / most;
        top.extend([(x.at(edges[0]), y), (x.at(edges[1]), y)]);
    }
    let mut corners = top.clone();
    if let (Some(first), Some(last)) = (top.first(), top.last()) {
        corners.extend([(last.0, strip.bottom()), (first.0, strip.bottom())]);
    }
    let ink = Ink::Series(place);
    scene.open(&distribution.series);
    scene.shapes.push(Shape::Area(corners, ink, 0.22));
    scene.line(top, ink, look.line * 0.8, Dash::Solid);
    scene.line(vec![(strip.x, strip.bottom()), (strip.right(), strip.bottom())], Ink::Axis, look.line / 2.0, Dash::Solid);
    let name = fitted(&drawn(&distribution.series), look.text, strip.w * 0.5);
    scene.label(strip.x + look.text * 0.4, strip.y + look.text * 1.3, &name, ink, look.text, Anchor::Start);
    scene.close();
}
