//! What charts over time share: lines with their names at the right edge, and the phases behind them.

use super::Look;
use super::stretches;
use crate::report::escape::drawn;
use crate::report::scale::Linear;
use crate::report::scale::spread;
use crate::report::scale::thin;
use crate::report::scene::Anchor;
use crate::report::scene::Dash;
use crate::report::scene::Ink;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::fitted;
use crate::report::scene::text_width;
use crate::report::view::View;

/// A line of a strip.
pub(super) struct Strand {
    name: &'static str,
    /// Its stretches, broken where values are missing.
    parts: Vec<Vec<(f64, f64)>>,
    /// Height of its name at the right edge; `None` when there is nothing to name.
    end: Option<f64>,
    /// What it stands for, how it is broken, how wide it is.
    stroke: (Ink, Dash, f64),
}

impl Strand {
    /// A line without gaps.
    pub(super) fn new(name: &'static str, line: Vec<(f64, f64)>, end: Option<f64>, stroke: (Ink, Dash, f64)) -> Self {
        Strand { name, parts: vec![line], end, stroke }
    }

    /// A line that is broken where it has no value; `half` is half the width of a stretch of time.
    pub(super) fn broken(
        name: &'static str,
        places: impl Iterator<Item = (f64, Option<f64>)>,
        half: f64,
        stroke: (Ink, Dash, f64),
    ) -> Self {
        let parts: Vec<_> = stretches(places, half).iter().map(|p| thin(p, 900)).collect();
        let end = parts.last().and_then(|p| p.last()).map(|p| p.1);
        Strand { name, parts, end, stroke }
    }
}

/// Draws lines and their names at the right edge.
pub(super) fn draw_strands(scene: &mut Scene, mut strands: Vec<Strand>, strip: Rect, look: Look) {
    strands.retain(|s| s.end.is_some());
    let ends: Vec<f64> = strands.iter().filter_map(|s| s.end).collect();
    let placed = spread(&ends, look.text * 1.25, strip.y, strip.bottom());
    for (Strand { name, parts, stroke: (ink, dash, width), .. }, spot) in strands.into_iter().zip(placed) {
        scene.open(name);
        for part in parts {
            scene.line(part, ink, look.line * width, dash);
        }
        let label = if ink == Ink::Planned { Ink::Muted } else { ink };
        scene.label(strip.right() + look.text * 0.5, spot + look.text * 0.36, name, label, look.text, Anchor::Start);
        scene.close();
    }
}

/// Half the width of `seconds` on the time axis.
pub(super) fn half(x: &Linear, seconds: f64) -> f64 {
    (x.at(x.from + seconds / 2.0) - x.at(x.from)).abs()
}

/// Shades what is not measured, names every phase that has room for its name, and draws where phases begin across the strips, so that
/// words between these stay free.
pub(super) fn phases(scene: &mut Scene, view: &View, x: &Linear, whole: Rect, strips: &[Rect], look: Look) {
    let mut free_from = whole.x;
    for (name, from, to) in &view.timeline.phases {
        let (left, right) = (x.held(*from), x.held(*to));
        if name != "measure" {
            scene.fill(Rect { x: left, y: whole.y, w: right - left, h: whole.h }, Ink::Phase, 1.0);
        }
        if *from > x.from {
            let heights = std::iter::once((whole.y - look.text * 0.4, whole.y)).chain(strips.iter().map(|s| (s.y, s.bottom())));
            for (from, to) in heights {
                scene.line(vec![(left, from), (left, to)], Ink::Axis, look.line / 2.0, Dash::Dotted);
            }
        }
        let name = &fitted(&drawn(name), look.text, whole.w * 0.3);
        let width = text_width(name, look.text);
        let start = ((left + right - width) / 2.0).max(free_from).min(whole.right() + look.right - width - 6.0);
        if start >= free_from && start < right {
            scene.text(start, whole.y - look.text * 0.7, name, Ink::Muted, look.text, Anchor::Start);
            free_from = start + width + look.text * 0.6;
        }
    }
}
