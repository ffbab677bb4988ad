//! The plots of a run, each a drawing with its title and its words; PNG and SVG files are made from them.
//!
//! The charts are those of the page, larger, each with a title that gives the finding and the verdict and a foot that says what was
//! run. Knows nothing of pixels, colours or files.

mod card;
mod comparison;
mod steps;

pub(crate) use card::card;
pub(crate) use comparison::comparison;
pub(crate) use steps::steps;

use super::chart::Look;
use super::chart::heatmap as heat_chart;
use super::chart::hops as hops_chart;
use super::chart::nothing;
use super::chart::percentiles as curve_chart;
use super::chart::receivers as receivers_chart;
use super::chart::recovery as recovery_chart;
use super::chart::timeline as load_chart;
use super::escape::drawn;
use super::findings;
use super::scene::Anchor;
use super::scene::Dash;
use super::scene::Ink;
use super::scene::Rect;
use super::scene::Scene;
use super::scene::fitted;
use super::scene::text_width;
use super::view::Curve;
use super::view::Verdict;
use super::view::View;
use super::words;

/// Free room at every edge of a plot.
const EDGE: f64 = 40.0;
/// Widest grid of cells drawn; more columns are added together.
const MOST_COLUMNS: usize = 700;

/// A plot.
pub(crate) struct Plot {
    /// What it is.
    pub(crate) title: String,
    /// What it shows, in words.
    pub(crate) desc: String,
    /// The drawing.
    pub(crate) scene: Scene,
}

impl Plot {
    /// The words are those of the summary's alternative text of the PNG file, else the finding.
    fn new(view: &View, what: &str, file: &str, finding: String, scene: Scene) -> Plot {
        let desc = view.summary.alt.get(file).cloned().unwrap_or(finding);
        Plot { title: format!("{what}: {}", drawn(&view.summary.run.profile)), desc, scene }
    }
}

/// Latency by percentile on an axis of nines, 1280 x 720.
pub(crate) fn percentiles(view: &View) -> Plot {
    let look = Look { text: 17.0, line: 2.4, right: 96.0 };
    let (what, finding) = ("Latency by percentile", findings::percentiles(view));
    let (mut scene, area) = paper(view, (1280.0, 720.0), what, findings::first_sentence(&finding), look);
    curve_chart::draw(&mut scene, view, area, look);
    let key = "solid: response     dashed: service, where it differs     dots: at most 10 samples beyond";
    if !curve_chart::shown(view).is_empty() {
        scene.text(area.right(), area.y + look.text, key, Ink::Muted, look.text * 0.88, Anchor::End);
    }
    Plot::new(view, what, "percentiles.png", finding, scene)
}

/// Latency over time of the main series with its errors beneath, 1600 x 900.
pub(crate) fn heatmap(view: &View) -> Plot {
    let look = Look { text: 19.0, line: 2.6, right: 56.0 };
    let main = findings::main_series(view).map(|s| s.name.clone()).unwrap_or_default();
    let heat = view.heats.iter().find(|h| h.series == main).or(view.heats.first());
    let (what, finding) = ("Latency over time", heat.map_or("Nothing was answered.".into(), findings::heat));
    let (mut scene, area) = paper(view, (1600.0, 900.0), what, &finding, look);
    match heat {
        Some(heat) => drop(heat_chart::draw(&mut scene, heat, area, look, MOST_COLUMNS)),
        None => nothing(&mut scene, area, look, "Nothing was answered, so there is no latency to draw."),
    }
    Plot::new(view, what, "heatmap.png", finding, scene)
}

/// Load, latency and connections over time, 1600 x 900.
pub(crate) fn timeline(view: &View) -> Plot {
    let look = Look { text: 18.0, line: 2.6, right: 110.0 };
    let (what, finding) = ("Load over time", findings::load(view));
    let (mut scene, area) = paper(view, (1600.0, 900.0), what, &finding, look);
    load_chart::draw(&mut scene, view, area, look);
    Plot::new(view, what, "timeline.png", finding, scene)
}

/// How messages reached the first, the middle and the last of several receivers, and which of these are behind, 1280 x 900. For runs
/// with a fan-out.
pub(crate) fn fan_out(view: &View) -> Plot {
    let look = Look { text: 17.0, line: 2.4, right: 150.0 };
    let (what, found) = ("Fan-out", view.summary.fan_out.as_ref());
    let finding = found.map_or("No message was for several receivers.".into(), words::fan_out_times);
    let (mut scene, area) = paper(view, (1280.0, 900.0), what, &finding, look);
    let receivers = found.map_or(&[][..], |found| &found.receivers);
    let below = (look.text * (receivers.len() as f64 * 1.9 + 3.0)).min(area.h * 0.48);
    curve_chart::draw_curves(&mut scene, view, &curve_chart::of_fan_out(view), Rect { h: area.h - below, ..area }, look);
    receivers_chart::draw(&mut scene, receivers, Rect { y: area.bottom() - below + look.text, h: below - look.text, ..area }, look);
    Plot::new(view, what, "fanout.png", finding, scene)
}

/// Who was ready again when after a storm, 1280 x 720. For runs with a storm.
pub(crate) fn recovery(view: &View) -> Plot {
    let look = Look { text: 17.0, line: 2.4, right: 40.0 };
    let finding = view.summary.storm.as_ref().map_or("The run had no storm.".into(), words::storm_passed);
    let what = "Recovery from a storm";
    let (mut scene, area) = paper(view, (1280.0, 720.0), what, &finding, look);
    match (&view.summary.storm, &view.storm) {
        (Some(storm), Some(curve)) => drop(recovery_chart::draw(&mut scene, storm, curve, area, look)),
        _ => nothing(&mut scene, area, look, "The run had no storm."),
    }
    Plot::new(view, what, "recovery.png", finding, scene)
}

/// Kernel, ping and answer by percentile, 1280 x 720. For runs that asked for it.
pub(crate) fn hops(view: &View) -> Plot {
    let look = Look { text: 17.0, line: 2.4, right: 96.0 };
    let hops = view.summary.hops.as_ref();
    let (what, finding) = ("Hops by percentile", hops.map_or("The run did not ask for hops.".into(), hops_chart::finding));
    let (mut scene, area) = paper(view, (1280.0, 720.0), what, &finding, look);
    let curves = hops.map_or(Vec::new(), |hops| hops_chart::curves(view, hops));
    let refs: Vec<&Curve> = curves.iter().collect();
    if curve_chart::draw_curves(&mut scene, view, &refs, area, look).is_some() {
        let key = "from the real send     tcp_rtt: kernel, smoothed     tcp_rtt_min: its shortest     dots: at most 10 samples beyond";
        scene.text(area.right(), area.y + look.text, key, Ink::Muted, look.text * 0.88, Anchor::End);
    }
    Plot::new(view, what, "hops.png", finding, scene)
}

/// An empty sheet with title, verdict, finding and foot, and the room left for the chart.
fn paper(view: &View, (width, height): (f64, f64), what: &str, finding: &str, look: Look) -> (Scene, Rect) {
    let mut scene = Scene::new(width, height);
    let title = format!("{what}: {}", drawn(&view.summary.run.profile));
    let size = look.text * 1.5;
    let top = EDGE + size * 0.75;
    let badge = badge(&mut scene, view.summary.verdict, (width - EDGE, top - size * 0.325), look.text * 1.1);
    scene.text(EDGE, top, &fitted(&title, size, badge.x - EDGE - size), Ink::Text, size, Anchor::Start);
    let finding = fitted(&drawn(finding), look.text, width - EDGE * 2.0);
    scene.text(EDGE, top + look.text * 1.9, &finding, Ink::Muted, look.text, Anchor::Start);
    let rule = foot(&mut scene, view, EDGE, look.text * 0.85);
    let upper = top + look.text * 3.6;
    (scene, Rect { x: EDGE, y: upper, w: width - EDGE * 2.0, h: rule - look.text * 0.9 - upper })
}

/// The verdict as a word on its colour, with its right end and its middle at a place; where it lies.
fn badge(scene: &mut Scene, verdict: Verdict, (right, middle): (f64, f64), size: f64) -> Rect {
    let word = findings::verdict_word(verdict);
    let (w, h) = (text_width(word, size) + size * 1.45, size * 1.7);
    let place = Rect { x: right - w, y: middle - h / 2.0, w, h };
    scene.fill(place, if verdict == Verdict::Pass { Ink::Good } else { Ink::Bad }, 1.0);
    scene.text(place.x + w / 2.0, middle + size * 0.36, word, Ink::Panel, size, Anchor::Middle);
    place
}

/// What was run, under a rule at the lower edge; the height of the rule.
fn foot(scene: &mut Scene, view: &View, edge: f64, size: f64) -> f64 {
    let (width, height) = (scene.width, scene.height);
    let words = fitted(&findings::recipe(view), size, width - edge * 2.0);
    scene.text(edge, height - edge + size * 0.4, &words, Ink::Muted, size, Anchor::Start);
    let rule = height - edge - size * 1.3;
    scene.line(vec![(edge, rule), (width - edge, rule)], Ink::Grid, 1.5, Dash::Solid);
    rule
}
