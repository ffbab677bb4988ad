//! Two sides of a comparison over time and latency, on one scale, and their difference beneath: when, and at which latency, did it
//! change?

use super::Look;
use super::columns;
use super::heatmap::Exactly;
use super::heatmap::axis;
use super::heatmap::draft_ticks;
use super::heatmap::shades_legend;
use super::minor_rows;
use crate::report::compare::heat::Heats;
use crate::report::scale::Linear;
use crate::report::scale::Tick;
use crate::report::scale::time_ticks;
use crate::report::scene::Anchor;
use crate::report::scene::Ink;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::Shades;
use crate::report::scene::Shape;
use crate::report::scene::change_level;
use crate::report::scene::heat_level;
use crate::report::scene::text_width;
use crate::report::words;
use crate::units::grouped;

/// Draws the three maps into `area`, one under the other.
pub(crate) fn draw(scene: &mut Scene, heats: &Heats, area: Rect, look: Look) {
    let cells = |side: usize| heats.sides[side].iter().flatten().copied();
    let most = cells(0).chain(cells(1)).fold(1.0, f64::max);
    let apart = cells(0).zip(cells(1)).map(|(base, new)| (new - base).abs()).fold(0.0, f64::max);
    let level = |n: &f64| if *n > 0.0 { heat_level(n.ceil() as u64, most.ceil() as u64) } else { 0 };
    let side = |side: usize| heats.sides[side].iter().map(|column| column.iter().map(level).collect()).collect();
    let [base, new] = &heats.sides;
    let change = |(base, new): (&Vec<f64>, &Vec<f64>)| base.iter().zip(new).map(|(base, new)| change_level(new - base, apart)).collect();
    let top = grouped(most.ceil() as u64);
    let far = rounded(apart);
    let maps = [
        ("base", Shades::Heat, side(0), ["1", &top], "answers per cell and run"),
        ("new", Shades::Heat, side(1), ["1", &top], "answers per cell and run"),
        (
            "new less base",
            Shades::Change,
            base.iter().zip(new).map(change).collect(),
            [&*format!("{far} fewer"), &*format!("{far} more")],
            "",
        ),
    ];
    let height = area.h / maps.len() as f64;
    for (place, (name, shades, levels, ends, words)) in maps.into_iter().enumerate() {
        let mine = Rect { x: area.x, y: area.y + height * place as f64, w: area.w, h: height };
        let plot = frame(scene, heats, mine, look);
        shades_legend(scene, Rect { x: plot.x, y: mine.y, w: plot.w, h: look.text * 2.0 }, shades, ends, words, look);
        scene.label(mine.x, mine.y + look.text, name, Ink::Text, look.text * 1.05, Anchor::Start);
        scene.shapes.push(Shape::Cells(plot, levels, shades));
    }
}

/// Ground, latency axis and times of one map; the plot that is left for its cells.
fn frame(scene: &mut Scene, heats: &Heats, area: Rect, look: Look) -> Rect {
    let (from, to) = (heats.edges_ns[0], heats.edges_ns[heats.edges_ns.len() - 1]);
    let left = edges(from, to).iter().map(|(_, words)| text_width(words, look.text)).fold(0.0, f64::max) + look.text * 1.2;
    let plot = area.inset(left, look.text * 1.9, look.right, look.text * 2.9);
    let y = Exactly::new(from, to, plot);
    scene.fill(plot, Ink::Heat(0), 1.0);
    axis(scene, plot, &ticks(from, to, &y, plot, look), look);
    minor_rows(scene, plot, &y.map, look);
    let end = heats.column_ns as f64 * heats.sides[0].len() as f64 / 1e9;
    let x = Linear::new(0.0, end, plot.x, plot.right());
    columns(scene, plot, &time_ticks(&x, text_width("10m30s", look.text) * 1.4), look, false);
    plot
}

/// The ends of the latency axis with their names.
fn edges(from: u64, to: u64) -> [(u64, String); 2] {
    [from, to].map(|ns| (ns, words::time(ns)))
}

/// Round times inside the rows and the ends of the axis, where they do not stand in each other's way.
fn ticks(from: u64, to: u64, y: &Exactly, plot: Rect, look: Look) -> Vec<Tick> {
    let mut ticks: Vec<Tick> = edges(from, to).into_iter().map(|(ns, label)| Tick { at: y.at(ns), label }).collect();
    let round = draft_ticks(from, to, plot, look);
    let apart = |tick: &Tick| ticks.iter().all(|end| (end.at - tick.at).abs() > look.text * 1.3);
    let inside: Vec<Tick> = round.into_iter().filter(apart).collect();
    ticks.extend(inside);
    ticks
}

/// A mean count: whole from ten on.
fn rounded(n: f64) -> String {
    if n >= 10.0 { grouped(n.round() as u64) } else { format!("{n:.1}") }
}
