//! Unfairness of a fan-out: how far behind the first receiver was each, on average?
//!
//! A bar a receiver, the slowest first, with what it is in words beside it. Where there is no room for all, those in the middle
//! are left out.

use super::Look;
use super::nothing;
use crate::report::escape::drawn;
use crate::report::scene::Anchor;
use crate::report::scene::Ink;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::fitted;
use crate::report::scene::text_width;
use crate::report::view::SummaryReceiver;
use crate::report::words;

/// Height of a bar with its gap, in heights of letters.
const STRIP: f64 = 1.9;

/// Draws the receivers into `area`.
pub(crate) fn draw(scene: &mut Scene, receivers: &[SummaryReceiver], area: Rect, look: Look) {
    if receivers.is_empty() {
        nothing(scene, area, look, "No message was for several receivers in the measured time.");
        return;
    }
    scene.text(area.x, area.y + look.text, "Mean time behind the first receiver", Ink::Muted, look.text, Anchor::Start);
    let strip = look.text * STRIP;
    let room = (((area.h - look.text * 1.8) / strip).floor() as usize).max(1);
    let rows = rows(receivers, room);
    let names = rows.iter().map(|row| text_width(&name(row), look.text)).fold(0.0, f64::max).min(area.w * 0.25);
    let sides = rows.iter().flatten().map(|receiver| text_width(&beside(receiver), look.text)).fold(0.0, f64::max);
    let left = area.x + names + look.text;
    let widest = (area.w - names - sides - look.text * 3.0).max(1.0);
    let most = receivers.iter().filter_map(|receiver| receiver.behind_ns).max().unwrap_or(0).max(1) as f64;
    for (i, row) in rows.iter().enumerate() {
        let top = area.y + look.text * 1.8 + strip * i as f64;
        let base = top + look.text * 1.1;
        let name = fitted(&name(row), look.text, names);
        let Some(receiver) = row else {
            scene.text(area.x, base, &name, Ink::Muted, look.text, Anchor::Start);
            continue;
        };
        scene.text(area.x, base, &name, Ink::Text, look.text, Anchor::Start);
        let width = (widest * receiver.behind_ns.unwrap_or(0) as f64 / most).max(look.line);
        scene.fill(Rect { x: left, y: top + look.text * 0.1, w: width, h: look.text * 1.3 }, Ink::Series(0), 0.75);
        scene.text(left + width + look.text * 0.6, base, &beside(receiver), Ink::Muted, look.text, Anchor::Start);
    }
}

/// Those there is room for: the slowest and the fastest, with a gap for the others.
fn rows(receivers: &[SummaryReceiver], room: usize) -> Vec<Option<&SummaryReceiver>> {
    if receivers.len() <= room {
        return receivers.iter().map(Some).collect();
    }
    let fast = room.saturating_sub(1) / 2;
    let slow = room.saturating_sub(1) - fast;
    let ends = receivers[..slow].iter().map(Some).chain([None]);
    ends.chain(receivers[receivers.len() - fast..].iter().map(Some)).collect()
}

fn name(row: &Option<&SummaryReceiver>) -> String {
    row.map_or_else(|| "..".to_owned(), |receiver| drawn(&receiver.name))
}

fn beside(receiver: &SummaryReceiver) -> String {
    format!("{}, last in {}", words::time_or_na(receiver.behind_ns), words::share(receiver.last_share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_left_out_when_there_is_no_room() {
        let one = |i: u64| SummaryReceiver { name: format!("r {i}"), seen: 1, missed: 0, behind_ns: Some(100 - i), last_share: 0.0 };
        let all: Vec<SummaryReceiver> = (0..10).map(one).collect();
        let names = |room| rows(&all, room).iter().map(name).collect::<Vec<_>>().join(" ");
        assert_eq!(names(5), "r 0 r 1 .. r 8 r 9");
        assert_eq!(names(1), "..");
        assert_eq!(rows(&all, 10).len(), 10);
        assert!(rows(&all, 10).iter().all(Option::is_some));
    }
}
