//! The shift function: by how much did each quantile change?
//!
//! Shaded: the band for all quantiles at once. Bars: the interval of each quantile alone.

use super::Look;
use super::columns;
use super::nothing;
use super::rows;
use super::widest;
use crate::report::compare::picture::Picture;
use crate::report::compare::picture::Shift;
use crate::report::scale::Linear;
use crate::report::scale::nines;
use crate::report::scale::nines_ticks;
use crate::report::scale::ratio_edge;
use crate::report::scale::ratio_ticks;
use crate::report::scene::Anchor;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Mark;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::Shape;
use crate::report::scene::text_width;

/// Draws the shift function into `area`.
pub(crate) fn draw(scene: &mut Scene, picture: &Picture, area: Rect, look: Look) {
    if picture.shift.is_empty() {
        nothing(scene, area, look, "No quantile can be shown on both sides.");
        return;
    }
    let ends = |s: &Shift| {
        [Some([s.ratio, s.ratio]), s.interval, s.band].into_iter().flatten().flatten().map(|r| r.ln().abs()).fold(0.0, f64::max)
    };
    let edge = ratio_edge(picture.shift.iter().map(ends).fold(0.01, f64::max) * 1.05);
    let far = picture.shift.iter().map(|s| nines(s.q)).fold(1.0, f64::max);
    let left = widest(&ratio_ticks(&Linear::new(-edge, edge, 0.0, 1.0)), look.text) + look.text * 1.2;
    let plot = area.inset(left, look.text * 1.9, look.right, look.text * 3.4);
    let y = Linear::new(-edge, edge, plot.bottom(), plot.y);
    let x = Linear::new(0.0, far * 1.03, plot.x, plot.right());
    rows(scene, plot, &ratio_ticks(&y), look);
    columns(scene, plot, &nines_ticks(&x, |t| text_width(t, look.text)), look, true);
    scene.text(area.x, area.y + look.text, "Change against the base (slower is up)", Ink::Muted, look.text, Anchor::Start);
    scene.text(plot.x + plot.w / 2.0, plot.bottom() + look.text * 3.1, "Quantile", Ink::Muted, look.text, Anchor::Middle);
    band(scene, picture, (&x, &y));
    scene.line(vec![(plot.x, y.at(0.0)), (plot.right(), y.at(0.0))], Ink::Axis, look.line, Dash::Solid);
    let ink = Ink::Series(1);
    let line = picture.shift.iter().map(|s| (x.at(nines(s.q)), y.held(s.ratio.ln()))).collect();
    scene.line(line, ink, look.line, Dash::Solid);
    for shift in &picture.shift {
        let at = x.at(nines(shift.q));
        if let Some([low, high]) = shift.interval {
            scene.line(vec![(at, y.held(low.ln())), (at, y.held(high.ln()))], ink, look.line * 0.7, Dash::Solid);
        }
        scene.shapes.push(Shape::Mark(Mark::Square, at, y.held(shift.ratio.ln()), look.line * 1.8, ink));
    }
}

fn band(scene: &mut Scene, picture: &Picture, (x, y): (&Linear, &Linear)) {
    let edge = |end: usize| {
        let place = move |s: &Shift| s.band.map(|band| (x.at(nines(s.q)), y.held(band[end].ln())));
        picture.shift.iter().filter_map(place).collect::<Vec<_>>()
    };
    let (mut corners, upper) = (edge(0), edge(1));
    corners.extend(upper.into_iter().rev());
    if corners.len() > 2 {
        scene.shapes.push(Shape::Area(corners, Ink::Series(1), 0.16));
    }
}
