//! The panel of a fan-out: when the first, the middle and the last receiver saw a message, and which receivers are behind.

use serde_json::Map;
use serde_json::Value;

use super::figures::Figure;
use super::figures::curve_data;
use super::figures::figure;
use super::figures::legend;
use super::figures::legend_entries;
use super::tables;
use super::tables::headings;
use super::tables::row;
use crate::report::chart::Look;
use crate::report::chart::percentiles;
use crate::report::chart::receivers;
use crate::report::escape::html;
use crate::report::view::SummaryFanOut;
use crate::report::view::View;
use crate::report::words;
use crate::units::grouped;

/// Columns of the times of a fan-out.
const KEYS: [&str; 6] = ["p50", "p90", "p99", "p99.9", "max", "mean"];

/// The content of the panel; `None` where no message was for several.
pub(super) fn panel(view: &View, charts: &mut Map<String, Value>) -> Option<String> {
    let fan_out = view.summary.fan_out.as_ref()?;
    let curves = percentiles::of_fan_out(view);
    if !curves.is_empty() {
        charts.insert("fanout".into(), curve_data(&curves));
    }
    let caption = words::fan_out(fan_out);
    let described = Figure {
        id: "fanout",
        title: "Fan-out",
        caption: &caption,
        legend: if curves.is_empty() { String::new() } else { legend(&legend_entries(view, &curves), "spread: first receiver to last") },
        table: times(fan_out),
        heights: (440.0, 380.0),
    };
    let drawing = figure(&described, |scene, area, look, wide| {
        let right = if wide { 130.0 } else { 20.0 };
        percentiles::draw_curves(scene, view, &curves, area, Look { right, ..look })
    });
    Some(format!("{drawing}<h3>Are some receivers always behind?</h3>\n{}", each_receiver(fan_out)))
}

fn times(fan_out: &SummaryFanOut) -> String {
    let mut body = String::new();
    for series in &fan_out.series {
        for (what, figures) in [("first", &series.first), ("median", &series.median), ("last", &series.last), ("spread", &series.spread)] {
            let cells = KEYS.map(|key| words::time_or_na(figures.get(key).copied().flatten()));
            let name = html(&series.name);
            let mut all = vec![("", name.as_str()), ("", what)];
            all.extend(cells.iter().map(|cell| ("n", cell.as_str())));
            row(&mut body, &all);
        }
    }
    let heads: Vec<String> = KEYS.iter().map(|key| format!("#{key}")).collect();
    let mut names = vec!["Series", "Receiver"];
    names.extend(heads.iter().map(String::as_str));
    tables::table("Times of the fan-out", "data", &headings(&names), &body)
}

fn each_receiver(fan_out: &SummaryFanOut) -> String {
    let mut body = String::new();
    for receiver in &fan_out.receivers {
        let (seen, missed) = (grouped(receiver.seen), grouped(receiver.missed));
        let (behind, last) = (words::time_or_na(receiver.behind_ns), words::share(receiver.last_share));
        let name = html(&receiver.name);
        row(&mut body, &[("", name.as_str()), ("n", &seen), ("n", &missed), ("n", &behind), ("n", &last)]);
    }
    let heads = headings(&["Receiver", "#Seen", "#Missed", "#Behind the first", "#Was the last"]);
    let table = tables::table("Receivers of the fan-out", "data", &heads, &body);
    let described = Figure {
        id: "receivers",
        title: "Receivers of the fan-out",
        caption: "The same place of all groups together, the slowest first.",
        legend: String::new(),
        table,
        heights: (receivers_height(fan_out, 24.0), receivers_height(fan_out, 22.0)),
    };
    figure(&described, |scene, area, look, _| {
        receivers::draw(scene, &fan_out.receivers, area, look);
        None
    })
}

/// Room for each receiver, up to sixteen.
fn receivers_height(fan_out: &SummaryFanOut, strip: f64) -> f64 {
    fan_out.receivers.len().clamp(2, 16) as f64 * strip + 40.0
}
