//! The plot of a comparison: the change of every metric, and of each quantile of the first series.

use super::EDGE;
use super::Plot;
use crate::report::chart::Look;
use crate::report::chart::forest;
use crate::report::chart::nothing;
use crate::report::chart::shift;
use crate::report::compare::Comparison;
use crate::report::compare::stats::Answer;
use crate::report::compare::text::answer;
use crate::report::escape::drawn;
use crate::report::scene::Anchor;
use crate::report::scene::Ink;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::fitted;
use crate::report::words;

/// Forest plot beside the shift function, 1280 x 720.
pub(crate) fn comparison(comparison: &Comparison) -> Plot {
    let (width, height) = (1280.0, 720.0);
    let look = Look { text: 16.0, line: 2.4, right: 24.0 };
    let mut scene = Scene::new(width, height);
    let sides = format!(
        "{} against {}, {}",
        words::counted(comparison.new.len() as u64, "new run", "new runs"),
        words::counted(comparison.base.len() as u64, "base run", "base runs"),
        if comparison.interleaved { "in turns" } else { "not interleaved" }
    );
    let ink = match comparison.verdict {
        Answer::Regression => Ink::Bad,
        Answer::Pass | Answer::Clear => Ink::Good,
        Answer::Inconclusive => Ink::Muted,
    };
    let size = look.text * 1.6;
    scene.label(EDGE, EDGE + size * 0.75, &answer(comparison.verdict).to_uppercase(), ink, size, Anchor::Start);
    scene.text(EDGE, EDGE + size * 0.75 + look.text * 1.8, &sides, Ink::Muted, look.text, Anchor::Start);
    let top = EDGE + size + look.text * 5.0;
    let half = (width - EDGE * 2.0 - look.text * 3.0) / 2.0;
    let left = Rect { x: EDGE, y: top, w: half, h: height - top - EDGE };
    let right = Rect { x: EDGE + half + look.text * 3.0, ..left };
    let title = |scene: &mut Scene, area: Rect, words: &str| {
        scene.text(
            area.x,
            area.y - look.text * 0.9,
            &fitted(&drawn(words), look.text * 1.1, area.w),
            Ink::Text,
            look.text * 1.1,
            Anchor::Start,
        );
    };
    title(&mut scene, left, "Every metric, with its interval");
    forest::draw(&mut scene, comparison, left, look);
    match comparison.pictures.first() {
        Some(picture) => {
            title(&mut scene, right, &format!("Every quantile of {}", picture.series));
            shift::draw(&mut scene, picture, right, look);
        }
        None => nothing(&mut scene, right, look, "Nothing was compared."),
    }
    Plot { title: "Comparison".into(), desc: format!("{}: {sides}", answer(comparison.verdict)), scene }
}
