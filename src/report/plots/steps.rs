//! The plot of a search or a trend.

use super::EDGE;
use super::Plot;
use crate::report::chart::Look;
use crate::report::chart::dots;
use crate::report::escape::drawn;
use crate::report::scene::Anchor;
use crate::report::scene::Ink;
use crate::report::scene::Rect;
use crate::report::scene::Scene;
use crate::report::scene::fitted;
use crate::report::steps::Steps;

/// Title, finding and chart, 1280 x 720.
pub(crate) fn steps(steps: &Steps) -> Plot {
    let (width, height) = (1280.0, 720.0);
    let look = Look { text: 17.0, line: 2.4, right: 150.0 };
    let mut scene = Scene::new(width, height);
    let size = look.text * 1.5;
    let line = |text: &str, size: f64| fitted(&drawn(text), size, width - EDGE * 2.0);
    scene.text(EDGE, EDGE + size * 0.75, &line(&steps.title, size), Ink::Text, size, Anchor::Start);
    scene.text(EDGE, EDGE + size * 0.75 + look.text * 1.9, &line(&steps.finding, look.text), steps.ink(), look.text, Anchor::Start);
    let top = EDGE + size + look.text * 3.0;
    dots::draw(&mut scene, steps, Rect { x: EDGE, y: top, w: width - EDGE * 2.0, h: height - top - EDGE }, look);
    Plot { title: steps.title.clone(), desc: steps.finding.clone(), scene }
}
