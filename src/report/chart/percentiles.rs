//! Latency by percentile: how bad is the tail?
//!
//! The horizontal axis counts nines, so that the tail has as much room as the body. Response is
//! solid, service dashed; where at most ten samples lie beyond, the line becomes dots.

use super::Look;
use super::Reading;
use super::columns;
use super::latency_plot;
use super::minor_rows;
use super::nothing;
use super::rows;
use super::titles;
use crate::report::escape::drawn;
use crate::report::findings;
use crate::report::scale::Latency;
use crate::report::scale::Linear;
use crate::report::scale::nines;
use crate::report::scale::nines_ticks;
use crate::report::scale::thin;
use crate::report::scene::Anchor;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Mark;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::Shape;
use crate::report::scene::fitted;
use crate::report::scene::text_width;
use crate::report::view::Curve;
use crate::report::view::View;
use crate::report::words;

/// The axis never goes past 99.999 %.
const MOST_NINES: f64 = 5.0;

/// Draws the curves into `area`; `None` when there are no samples.
pub(crate) fn draw(scene: &mut Scene, view: &View, area: Rect, look: Look) -> Option<Reading> {
    draw_curves(scene, view, &shown(view), area, look)
}

/// The same of some curves.
pub(crate) fn draw_curves(scene: &mut Scene, view: &View, curves: &[&Curve], area: Rect, look: Look) -> Option<Reading> {
    if curves.is_empty() {
        nothing(scene, area, look, "Nothing was answered in the measured time.");
        return None;
    }
    let far = curves.iter().flat_map(|c| &c.points).map(|p| nines(p.0)).fold(1.0, f64::max).min(MOST_NINES);
    let values = || curves.iter().flat_map(|c| &c.points).filter(|p| nines(p.0) <= MOST_NINES).map(|p| p.1);
    let (lo, hi) = (values().min().unwrap_or(1), values().max().unwrap_or(1));

    let (plot, y) = latency_plot(area, (lo, hi), look.text * 1.9, look);
    let x = Linear::new(0.0, far, plot.x, plot.right());
    rows(scene, plot, &y.ticks(look.text * 1.5), look);
    minor_rows(scene, plot, &y.map(), look);
    columns(scene, plot, &nines_ticks(&x, |t| text_width(t, look.text)), look, true);
    let shown = ["Share of answers at most this slow (each step is another nine)", "Share of answers at most this slow"];
    let title = shown.into_iter().find(|t| text_width(t, look.text) < plot.w + look.right).unwrap_or("Share of answers");
    titles(scene, (area, plot), &format!("Latency ({}, log scale)", y.unit()), title, look);
    let lines: Vec<Drawn> = curves.iter().map(|c| Drawn::new(view, c, &x, &y)).collect();
    let labels = place_labels(&lines, plot, area.right(), look);
    for (line, label) in lines.iter().zip(&labels) {
        line.draw(scene, look);
        line.name(scene, label, look);
    }
    Some(Reading { plot, map: x })
}

/// Curves worth a line: those with samples, service only where it differs from response.
pub(crate) fn shown(view: &View) -> Vec<&Curve> {
    let same = |a: &Curve, b: &Curve| {
        a.points.len() == b.points.len() && a.points.iter().zip(&b.points).all(|(p, q)| p.1.abs_diff(q.1) <= p.1 / 500)
    };
    let of = |name: &str| view.curves.iter().find(move |c| !c.service && c.series == name);
    let kept = view.curves.iter().filter(|c| c.count > 0 && !c.points.is_empty() && !words::is_derived(&c.series));
    kept.filter(|c| !c.service || of(&c.series).is_none_or(|r| !same(r, c))).collect()
}

/// Curves of when messages reached the first, the middle and the last of several receivers.
pub(crate) fn of_fan_out(view: &View) -> Vec<&Curve> {
    view.curves.iter().filter(|c| !c.service && words::is_derived(&c.series)).collect()
}

/// A curve turned into places.
struct Drawn {
    name: String,
    group: String,
    place: usize,
    service: bool,
    /// The part with more than ten samples beyond.
    firm: Vec<(f64, f64)>,
    /// The part with at most ten samples beyond.
    loose: Vec<(f64, f64)>,
    /// Marks at whole nines.
    marks: Vec<(f64, f64)>,
}

impl Drawn {
    fn new(view: &View, curve: &Curve, x: &Linear, y: &Latency) -> Self {
        let firm_until = (curve.count as f64 / 10.0).log10().max(0.0);
        let all: Vec<(f64, u64)> = curve.points.iter().map(|p| (nines(p.0), p.1)).filter(|p| p.0 <= MOST_NINES + 1e-9).collect();
        let split = all.iter().position(|p| p.0 > firm_until + 1e-9).unwrap_or(all.len());
        let at = |p: &(f64, u64)| (x.at(p.0), y.at(p.1));
        let short = fitted(&drawn(&curve.series), 1.0, 16.0);
        let mut loose = all[split..].to_vec();
        loose.dedup_by_key(|p| p.1);
        let marks = [0.5, 0.9, 0.99, 0.999, 0.9999].map(nines).into_iter().filter(|n| *n <= firm_until + 1e-9);
        Drawn {
            name: if curve.service { format!("{short} service") } else { short },
            group: curve.series.clone(),
            place: findings::place(view, &curve.series),
            service: curve.service,
            firm: thin(&all[..split].iter().map(at).collect::<Vec<_>>(), 360),
            loose: loose.iter().map(at).collect(),
            marks: marks.filter_map(|n| Some((x.at(n), y.at(value_at(&all, n)?)))).collect(),
        }
    }

    fn end(&self) -> (f64, f64) {
        self.loose.last().or(self.firm.last()).copied().unwrap_or_default()
    }

    fn draw(&self, scene: &mut Scene, look: Look) {
        let ink = Ink::Series(self.place);
        scene.open(&self.group);
        let (dash, width) = if self.service { (Dash::Dashed, look.line * 0.8) } else { (Dash::Solid, look.line) };
        scene.line(self.firm.clone(), ink, width, dash);
        for (x, y) in &self.loose {
            scene.shapes.push(Shape::Mark(Mark::Disc, *x, *y, look.line * 0.9, ink));
        }
        if !self.service {
            for (x, y) in &self.marks {
                scene.shapes.push(Shape::Mark(Mark::of(self.place), *x, *y, look.line * 1.9, ink));
            }
        }
        scene.close();
    }

    fn name(&self, scene: &mut Scene, spot: &Rect, look: Look) {
        scene.open(&self.group);
        scene.label(spot.x, spot.y + look.text * 0.95, &self.name, Ink::Series(self.place), look.text, Anchor::Start);
        scene.close();
    }
}

/// The value at `n` nines, on the straight line between the points around it.
fn value_at(points: &[(f64, u64)], n: f64) -> Option<u64> {
    let after = points.iter().position(|p| p.0 >= n - 1e-9)?;
    let (right, left) = (points[after], points[after.saturating_sub(1)]);
    let share = if right.0 > left.0 { ((n - left.0) / (right.0 - left.0)).clamp(0.0, 1.0) } else { 1.0 };
    Some((left.1 as f64 + (right.1 as f64 - left.1 as f64) * share) as u64)
}

/// Places for the labels, each near its line's end, touching no other label and as few lines as
/// possible.
fn place_labels(lines: &[Drawn], plot: Rect, right: f64, look: Look) -> Vec<Rect> {
    let mut taken: Vec<Rect> = Vec::new();
    for line in lines {
        let (ex, ey) = line.end();
        let (w, h) = (text_width(&line.name, look.text) * 1.16, look.text * 1.3);
        let mut best: Option<(f64, Rect)> = None;
        for step in 0..30 {
            for side in [-1.0, 1.0] {
                let dy = side * f64::from(step) * h * 0.5;
                for dx in [look.line * 3.0, -w - look.line * 2.0, -w / 2.0, -w - 60.0] {
                    let spot = Rect { x: (ex + dx).min(right - w - 2.0).max(plot.x + 4.0), y: ey - h / 2.0 + dy, w, h };
                    if spot.y < plot.y - h || spot.bottom() > plot.bottom() || taken.iter().any(|t| t.meets(&spot)) {
                        continue;
                    }
                    let crossed = lines.iter().map(|l| crossings(l, &spot)).sum::<usize>() as f64;
                    let cost = crossed * 30.0 + dy.abs() + (spot.x - ex).abs() * if dx > 0.0 { 0.2 } else { 0.4 };
                    if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                        best = Some((cost, spot));
                    }
                }
            }
        }
        taken.push(best.map_or(Rect { x: plot.x, y: plot.y, w, h }, |(_, spot)| spot));
    }
    taken
}

fn crossings(line: &Drawn, spot: &Rect) -> usize {
    let inside = |p: &(f64, f64)| p.0 >= spot.x - 3.0 && p.0 <= spot.right() + 3.0 && p.1 >= spot.y - 1.0 && p.1 <= spot.bottom() + 1.0;
    let between = line.firm.windows(2).map(|w| ((w[0].0 + w[1].0) / 2.0, (w[0].1 + w[1].1) / 2.0));
    line.firm.iter().chain(&line.loose).filter(|p| inside(p)).count() + between.filter(inside).count()
}
