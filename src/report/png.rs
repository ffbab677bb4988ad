//! The plots as PNG files, drawn by plotters into memory.
//!
//! The charts are those of the page, larger, each with a title that gives the finding and the
//! verdict and a foot that says what was run. Everything is drawn larger and shrunk, so that lines
//! and letters are smooth. The font is embedded: no font of the system is asked for.

mod canvas;
mod letters;

use canvas::Canvas;

use super::chart::Look;
use super::chart::heatmap as heat_chart;
use super::chart::nothing;
use super::chart::percentiles as curve_chart;
use super::chart::recovery as recovery_chart;
use super::chart::timeline as load_chart;
use super::escape::drawn;
use super::findings;
use super::scene::Anchor;
use super::scene::Dash;
use super::scene::Ink;
use super::scene::Rect;
use super::scene::Scene;
use super::scene::Shape;
use super::scene::fitted;
use super::scene::text_width;
use super::view::Verdict;
use super::view::View;
use super::words;

/// Free room at every edge of a plot.
const EDGE: f64 = 40.0;
/// Widest grid of cells drawn; more columns are added together.
const MOST_COLUMNS: usize = 700;

/// `percentiles.png`: latency by percentile on an axis of nines, 1280 x 720.
///
/// # Errors
/// When plotters or the encoder refuses, in words; drawing into memory gives them no cause to.
pub fn percentiles(view: &View) -> Result<Vec<u8>, String> {
    let look = Look { text: 17.0, line: 2.4, right: 96.0 };
    let (mut scene, area) =
        sheet(view, (1280.0, 720.0), "Latency by percentile", findings::first_sentence(&findings::percentiles(view)), look);
    curve_chart::draw(&mut scene, view, area, look);
    let key = "solid: response     dashed: service, where it differs     dots: at most 10 samples beyond";
    if !curve_chart::shown(view).is_empty() {
        scene.text(area.right(), area.y + look.text, key, Ink::Muted, look.text * 0.88, Anchor::End);
    }
    Canvas::png(&scene)
}

/// `heatmap.png`: latency over time of the main series with its errors beneath, 1600 x 900.
///
/// # Errors
/// As [`percentiles`].
pub fn heatmap(view: &View) -> Result<Vec<u8>, String> {
    let look = Look { text: 19.0, line: 2.6, right: 56.0 };
    let main = findings::main_series(view).map(|s| s.name.clone()).unwrap_or_default();
    let heat = view.heats.iter().find(|h| h.series == main).or(view.heats.first());
    let finding = heat.map_or("Nothing was answered.".into(), findings::heat);
    let (mut scene, area) = sheet(view, (1600.0, 900.0), "Latency over time", &finding, look);
    match heat {
        Some(heat) => drop(heat_chart::draw(&mut scene, heat, area, look, MOST_COLUMNS)),
        None => nothing(&mut scene, area, look, "Nothing was answered, so there is no latency to draw."),
    }
    Canvas::png(&scene)
}

/// `timeline.png`: load, latency and connections over time, 1600 x 900.
///
/// # Errors
/// As [`percentiles`].
pub fn timeline(view: &View) -> Result<Vec<u8>, String> {
    let look = Look { text: 18.0, line: 2.6, right: 110.0 };
    let (mut scene, area) = sheet(view, (1600.0, 900.0), "Load over time", &findings::load(view), look);
    load_chart::draw(&mut scene, view, area, look);
    Canvas::png(&scene)
}

/// `recovery.png`: who was ready again when after a storm, 1280 x 720. For runs with a storm only.
///
/// # Errors
/// As [`percentiles`], and for a run without a storm.
pub fn recovery(view: &View) -> Result<Vec<u8>, String> {
    let look = Look { text: 17.0, line: 2.4, right: 40.0 };
    let (Some(storm), Some(curve)) = (&view.summary.storm, &view.storm) else { return Err("the run had no storm".into()) };
    let (mut scene, area) = sheet(view, (1280.0, 720.0), "Recovery from a storm", &words::storm_passed(storm), look);
    recovery_chart::draw(&mut scene, storm, curve, area, look);
    Canvas::png(&scene)
}

/// An empty sheet with title, verdict, finding and foot, and the room left for the chart.
fn sheet(view: &View, (width, height): (f64, f64), what: &str, finding: &str, look: Look) -> (Scene, Rect) {
    let mut scene = Scene::new(width, height);
    let (title, verdict) = (format!("{what}: {}", drawn(&view.summary.run.profile)), view.summary.verdict);
    let size = look.text * 1.5;
    let top = EDGE + size * 0.75;
    let badge = findings::verdict_word(verdict);
    let badge_width = text_width(badge, look.text * 1.1) + look.text * 1.6;
    scene.text(EDGE, top, &fitted(&title, size, width - EDGE * 2.0 - badge_width - size), Ink::Text, size, Anchor::Start);
    let badge_box = Rect { x: width - EDGE - badge_width, y: top - size * 0.95, w: badge_width, h: size * 1.25 };
    scene.fill(badge_box, if verdict == Verdict::Pass { Ink::Good } else { Ink::Bad }, 1.0);
    scene.text(badge_box.x + badge_width / 2.0, top - size * 0.07, badge, Ink::Panel, look.text * 1.1, Anchor::Middle);
    let finding = fitted(&drawn(finding), look.text, width - EDGE * 2.0);
    scene.text(EDGE, top + look.text * 1.9, &finding, Ink::Muted, look.text, Anchor::Start);
    let small = look.text * 0.85;
    let foot = fitted(&findings::recipe(view), small, width - EDGE * 2.0);
    scene.text(EDGE, height - EDGE + small * 0.4, &foot, Ink::Muted, small, Anchor::Start);
    let rule = height - EDGE - small * 1.3;
    scene.shapes.push(Shape::Line { points: vec![(EDGE, rule), (width - EDGE, rule)], ink: Ink::Grid, width: 1.5, dash: Dash::Solid });
    let upper = top + look.text * 3.6;
    (scene, Rect { x: EDGE, y: upper, w: width - EDGE * 2.0, h: rule - look.text * 0.9 - upper })
}
