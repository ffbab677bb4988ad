//! Latency against load: where is the knee?
//!
//! p50 and p99 of the main series at each level of planned load, in a run whose load changed.

use super::Look;
use super::Reading;
use super::columns;
use super::latency_plot;
use super::minor_rows;
use super::nothing;
use super::rows;
use super::strands::Strand;
use super::strands::draw_strands;
use super::titles;
use crate::report::findings;
use crate::report::scale::Linear;
use crate::report::scale::amounts;
use crate::report::scene::Anchor;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Mark;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::Shape;
use crate::report::scene::text_width;
use crate::report::view::Level;
use crate::report::view::View;

/// Draws the levels into `area`; `None` when none has a quantile.
pub(crate) fn draw(scene: &mut Scene, view: &View, area: Rect, look: Look) -> Option<Reading> {
    let values = || view.levels.iter().flat_map(|level| [level.p50, level.p99]).flatten();
    let (Some(low), Some(high)) = (values().min(), values().max()) else {
        nothing(scene, area, look, "No level of load has enough answers.");
        return None;
    };
    let (plot, y) = latency_plot(area, (low, high), look.text * 1.9, look);
    let most = view.levels.iter().map(|level| level.planned_per_s).fold(1.0, f64::max);
    let (x, ticks) = amounts(most, plot.x, plot.right(), text_width("1,000,000", look.text) * 1.3);
    rows(scene, plot, &y.ticks(look.text * 1.5), look);
    minor_rows(scene, plot, &y.map(), look);
    columns(scene, plot, &ticks, look, true);
    titles(scene, (area, plot), &format!("Response time ({}, log scale)", y.unit()), "Planned load a second", look);
    knee(scene, view, &x, plot, look);
    let line = |name, of: fn(&Level) -> Option<u64>, stroke| {
        let places: Vec<(f64, f64)> = view.levels.iter().filter_map(|l| Some((x.at(l.planned_per_s), y.at(of(l)?)))).collect();
        let end = places.last().map(|place| place.1);
        (places.clone(), Strand::new(name, places, end, stroke))
    };
    let (p99_places, p99) = line("p99", |l| l.p99, (Ink::Series(1), Dash::Solid, 1.0));
    let (p50_places, p50) = line("p50", |l| l.p50, (Ink::Series(0), Dash::Dashed, 1.0));
    draw_strands(scene, vec![p99, p50], plot, look);
    for (group, places, series) in [("p99", p99_places, 1), ("p50", p50_places, 0)] {
        scene.open(group);
        for (at, height) in places {
            scene.shapes.push(Shape::Mark(Mark::of(series), at, height, look.line * 1.9, Ink::Series(series)));
        }
        scene.close();
    }
    Some(Reading { plot, map: x })
}

/// A line where p99 begins to stay at twice what it is at the lowest level.
fn knee(scene: &mut Scene, view: &View, x: &Linear, plot: Rect, look: Look) {
    let Some(level) = findings::knee(view) else { return };
    let at = x.at(level.planned_per_s);
    scene.line(vec![(at, plot.y), (at, plot.bottom())], Ink::Bad, look.line * 0.7, Dash::Dotted);
    let words = "p99 twice as long";
    let (start, anchor) =
        if at - plot.x > text_width(words, look.text) + 12.0 { (at - 6.0, Anchor::End) } else { (at + 6.0, Anchor::Start) };
    scene.label(start, plot.y + look.text * 1.1, words, Ink::Bad, look.text, anchor);
}
