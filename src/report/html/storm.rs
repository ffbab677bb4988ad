//! The panel of a storm: who was back when, and what coming back took.

use serde_json::Map;
use serde_json::Value;

use super::figures::Figure;
use super::figures::figure;
use super::figures::readout_at;
use super::tables;
use super::tables::headings;
use super::tables::row;
use crate::report::chart::Look;
use crate::report::chart::recovery;
use crate::report::escape::html;
use crate::report::scale;
use crate::report::view::StormCurve;
use crate::report::view::SummaryStorm;
use crate::report::view::View;
use crate::report::words;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::units::grouped;

/// Places of the read-out.
const PLACES: u64 = 200;

/// The content of the panel; `None` for a run without a storm.
pub(super) fn panel(view: &View, charts: &mut Map<String, Value>) -> Option<String> {
    let (storm, curve) = (view.summary.storm.as_ref()?, view.storm.as_ref()?);
    if curve.points.last().is_some_and(|last| last.1 > 0) {
        charts.insert("recovery".into(), data(curve));
    }
    let caption = words::storm(storm);
    let described = Figure {
        id: "recovery",
        title: "Recovery from the storm",
        caption: &caption,
        legend: String::new(),
        table: table(storm),
        heights: (360.0, 320.0),
    };
    let drawing = figure(&described, |scene, area, look, wide| {
        recovery::draw(scene, storm, curve, area, Look { right: if wide { 30.0 } else { 16.0 }, ..look })
    });
    Some(format!("{drawing}{}", opening(storm)))
}

fn back_by(curve: &StormCurve, ns: u64) -> u64 {
    curve.points.iter().take_while(|(at, _)| *at <= ns).last().map_or(0, |(_, back)| *back)
}

fn data(curve: &StormCurve) -> Value {
    let longest = curve.points.last().map_or(0, |last| last.0);
    let times: Vec<u64> = (0..=PLACES).map(|i| longest / PLACES * i + longest % PLACES * i / PLACES).collect();
    let seconds: Vec<f64> = times.iter().map(|ns| *ns as f64 / SECOND as f64).collect();
    let names = seconds.iter().map(|s| format!("{} after the storm", scale::clock(*s))).collect();
    let texts = times.iter().map(|ns| format!("{} of {}", grouped(back_by(curve, *ns)), grouped(curve.struck))).collect();
    readout_at(&seconds, names, vec![("ready again".into(), "ready again".into(), texts)])
}

fn table(storm: &SummaryStorm) -> String {
    let after = |share: &str| storm.recovery.get(share).copied().flatten().map_or("not in this run".to_owned(), |ns| Nanos(ns).to_string());
    let mut body = String::new();
    for (name, value) in [
        ("Struck", grouped(storm.struck)),
        ("Ready again", grouped(storm.back)),
        ("A half after", after("p50")),
        ("95 % after", after("p95")),
        ("All after", after("p100")),
        ("Attempts to connect that failed", grouped(storm.failed)),
        ("Sends not offered", grouped(storm.not_offered)),
        ("Sends never answered", grouped(storm.unanswered)),
    ] {
        row(&mut body, &[("", name), ("n", value.as_str())]);
    }
    tables::table("Recovery from the storm", "data", &headings(&["Figure", "#Value"]), &body)
}

/// What making a connection took from the storm until all were back.
fn opening(storm: &SummaryStorm) -> String {
    if storm.opening.is_empty() {
        return String::new();
    }
    let mut body = String::new();
    for (name, figures) in &storm.opening {
        let shown = |key: &str| figures.get(key).copied().flatten().map_or("n/a".to_owned(), |ns| Nanos(ns).to_string());
        let (p50, p99, max) = (shown("p50"), shown("p99"), shown("max"));
        row(&mut body, &[("", &html(name)), ("n", &p50), ("n", &p99), ("n", &max)]);
    }
    let table =
        tables::table("What making a connection took during the storm", "data", &headings(&["Step", "#p50", "#p99", "#max"]), &body);
    format!("<h3>Connecting meanwhile</h3>\n{table}")
}
