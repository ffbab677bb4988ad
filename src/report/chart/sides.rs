//! The percentile curves of all runs of a comparison: base solid, new dashed, each run a line of its own.

use super::Look;
use super::columns;
use super::latency_plot;
use super::nothing;
use super::rows;
use super::titles;
use crate::report::compare::picture::Picture;
use crate::report::scale::Linear;
use crate::report::scale::nines;
use crate::report::scale::nines_ticks;
use crate::report::scale::thin;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::text_width;

/// The sides: name, place of the colour, how the line is broken.
pub(crate) const SIDES: [(&str, usize, Dash); 2] = [("base", 0, Dash::Solid), ("new", 1, Dash::Dashed)];

/// Draws the curves into `area`.
pub(crate) fn draw(scene: &mut Scene, picture: &Picture, area: Rect, look: Look) {
    let points = || picture.curves.iter().flatten().flatten();
    let (Some(low), Some(high)) = (points().map(|p| p.1).min(), points().map(|p| p.1).max()) else {
        nothing(scene, area, look, "No run has enough answers for a curve.");
        return;
    };
    let far = points().map(|p| nines(p.0)).fold(1.0, f64::max);
    let (plot, y) = latency_plot(area, (low, high), look.text * 1.9, look);
    let x = Linear::new(0.0, far, plot.x, plot.right());
    rows(scene, plot, &y.ticks(look.text * 1.5), look);
    columns(scene, plot, &nines_ticks(&x, |t| text_width(t, look.text)), look, true);
    let title = "Share of answers at most this slow";
    titles(scene, (area, plot), &format!("Latency ({}, log scale)", y.unit()), title, look);
    for ((name, series, dash), runs) in SIDES.into_iter().zip(&picture.curves) {
        scene.open(name);
        for run in runs {
            let line: Vec<(f64, f64)> = run.iter().map(|(q, ns)| (x.at(nines(*q)), y.at(*ns))).collect();
            scene.line(thin(&line, 360), Ink::Series(series), look.line * if runs.len() > 1 { 0.65 } else { 1.0 }, dash);
        }
        scene.close();
    }
}
