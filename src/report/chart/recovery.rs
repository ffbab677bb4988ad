//! After a storm: what share of those struck is ready again, and when?
//!
//! A staircase from 0 to all of them over the time since the storm, with marks where a half, 95 % and all were back.

use super::Look;
use super::Reading;
use super::columns;
use super::nothing;
use super::rows;
use super::titles;
use crate::report::scale::Linear;
use crate::report::scale::Tick;
use crate::report::scale::thin;
use crate::report::scale::time_ticks;
use crate::report::scene::Anchor;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Mark;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::Shape;
use crate::report::scene::text_width;
use crate::report::view::StormCurve;
use crate::report::view::SummaryStorm;
use crate::units::Nanos;
use crate::units::SECOND;

/// Shares that have a mark, by their names in the summary.
const MARKS: [(&str, f64, &str); 3] = [("p50", 0.5, "half"), ("p95", 0.95, "95 %"), ("p100", 1.0, "all")];
/// Shares on the vertical axis.
const SHARES: [(f64, &str); 5] = [(0.0, "0 %"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1.0, "100 %")];

/// Draws the curve into `area`; `None` when nobody was struck or nobody came back.
pub(crate) fn draw(scene: &mut Scene, storm: &SummaryStorm, curve: &StormCurve, area: Rect, look: Look) -> Option<Reading> {
    let last = curve.points.last().filter(|last| last.1 > 0 && curve.struck > 0);
    let Some((longest, _)) = last else {
        let why = if curve.struck == 0 { "The storm struck nobody." } else { "Nobody was back by the end of the run." };
        nothing(scene, area, look, why);
        return None;
    };
    let left = text_width("100 %", look.text) + look.text * 1.2;
    let plot = area.inset(left, look.text * 1.9, look.right, look.text * 3.4);
    let x = Linear::new(0.0, (*longest as f64 / SECOND as f64 * 1.16).max(0.01), plot.x, plot.right());
    let y = Linear::new(0.0, 1.0, plot.bottom(), plot.y);
    let ticks: Vec<Tick> = SHARES.map(|(share, label)| Tick { at: y.at(share), label: label.into() }).into();
    rows(scene, plot, &ticks, look);
    columns(scene, plot, &time_ticks(&x, text_width("1m30s", look.text) * 1.6), look, true);
    titles(scene, (area, plot), "Clients that are ready again, of those struck", "Time since the storm", look);
    stairs(scene, curve, (&x, &y), look);
    marks(scene, storm, (&x, &y), look);
    Some(Reading { plot, map: x })
}

fn stairs(scene: &mut Scene, curve: &StormCurve, (x, y): (&Linear, &Linear), look: Look) {
    let mut line: Vec<(f64, f64)> = Vec::new();
    let mut before = y.at(0.0);
    for (ns, back) in &curve.points {
        let (at, height) = (x.at(*ns as f64 / SECOND as f64), y.at(*back as f64 / curve.struck as f64));
        line.extend([(at, before), (at, height)]);
        before = height;
    }
    line.push((x.at(x.to), before));
    scene.open("ready again");
    scene.line(thin(&line, 900), Ink::Series(0), look.line, Dash::Solid);
    scene.close();
}

/// Marks, with their times beside them: "all" above its mark, the others right of the curve's rise or, where there is no room,
/// above it. The table has them all.
fn marks(scene: &mut Scene, storm: &SummaryStorm, (x, y): (&Linear, &Linear), look: Look) {
    let is_all_back = storm.recovery.get("p100").is_some_and(Option::is_some);
    for (key, share, words) in MARKS {
        let Some(ns) = storm.recovery.get(key).copied().flatten() else { continue };
        let (at, height) = (x.at(ns as f64 / SECOND as f64), y.at(share));
        scene.shapes.push(Shape::Mark(Mark::Disc, at, height, look.line * 2.0, Ink::Series(0)));
        let (label, beside) = (format!("{words}: {}", Nanos(ns)), look.line * 4.0);
        let has_room = at + beside + text_width(&label, look.text) < x.at(x.to);
        if share < 1.0 && has_room {
            scene.label(at + beside, height + look.text * 1.2, &label, Ink::Series(0), look.text, Anchor::Start);
        } else if key != "p95" || !is_all_back {
            scene.label(at - beside, height - look.text * 0.7, &label, Ink::Series(0), look.text, Anchor::End);
        }
    }
}
