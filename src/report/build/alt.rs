//! What the PNG plots show, in words, the finding first.

use std::collections::BTreeMap;

use crate::report::chart::hops as hops_chart;
use crate::report::findings;
use crate::report::hops;
use crate::report::hops::SummaryHops;
use crate::report::view::Heat;
use crate::report::view::Summary;
use crate::report::view::SummaryFanOut;
use crate::report::view::SummarySeries;
use crate::report::view::SummaryStorm;
use crate::report::view::Timeline;
use crate::report::words;
use crate::units::SECOND;
use crate::units::grouped;

/// Alternative texts by file name.
pub(super) fn texts(summary: &Summary, heats: &[Heat], timeline: &Timeline) -> BTreeMap<String, String> {
    let main = summary.series.iter().find(|s| s.name == timeline.series);
    [
        ("percentiles.png", percentiles(main)),
        ("heatmap.png", heatmap(main, heats)),
        ("timeline.png", load(summary)),
        ("summary.png", card(summary, main)),
    ]
    .into_iter()
    .chain(summary.fan_out.as_ref().map(|found| ("fanout.png", fan_out(found))))
    .chain(summary.storm.as_ref().map(|storm| ("recovery.png", recovery(storm))))
    .chain(summary.hops.as_ref().map(|hops| ("hops.png", hops_alt(hops))))
    .map(|(file, text)| (file.to_owned(), text))
    .collect()
}

fn card(summary: &Summary, main: Option<&SummarySeries>) -> String {
    let verdict = findings::verdict_word(summary.verdict);
    let latency = match main {
        None => "Nothing was answered in the measured time".to_owned(),
        Some(main) => {
            let at = |key: &str| format!("{key} {}", words::time_or_na(main.response.get(key).copied().flatten()));
            format!("{}: {}, at {} answers a second", main.name, ["p50", "p99", "p99.9"].map(at).join(", "), words::rate(main.rate_per_s))
        }
    };
    let connections = words::counted(summary.connections.peak, "connection", "connections");
    format!(
        "{verdict}, profile {}. {latency}; {} answered, {} missed, on up to {connections}. A small percentile curve of response time stands beside the figures.",
        summary.run.profile,
        grouped(summary.counts.answered),
        grouped(findings::missed(summary)),
    )
}

fn percentiles(main: Option<&SummarySeries>) -> String {
    let kind = "Percentile curves of response time (from the planned send) and service time (from the real send).";
    let Some(main) = main else { return format!("No exchange was answered in the measured time. {kind}") };
    let at = |key: &str| main.response.get(key).copied().flatten();
    let within = |share: &str, key: &str| at(key).map(|ns| format!("{share} within {}", words::time(ns)));
    let parts =
        [within("half of the answers", "p50"), within("99 %", "p99"), at("max").map(|ns| format!("the slowest after {}", words::time(ns)))];
    let censored = if main.flags.iter().any(|f| f == "censored") { ", and some were never answered" } else { "" };
    format!("{}: {}{censored}. {kind}", main.name, parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn heatmap(main: Option<&SummarySeries>, heats: &[Heat]) -> String {
    let kind = "Heat map of latency over time, logarithmic scale, with p50 and p99 of each column and a strip of errors.";
    let heat = main.and_then(|main| heats.iter().find(|heat| heat.series == main.name));
    let Some(heat) = heat else { return format!("No exchange was answered. {kind}") };
    let slowest = heat
        .max
        .iter()
        .enumerate()
        .filter_map(|(column, ns)| ns.map(|ns| (ns, column)))
        .max_by_key(|(ns, column)| (*ns, usize::MAX - column));
    let Some((ns, column)) = slowest else { return format!("No exchange was answered. {kind}") };
    let at = words::instant(heat.t0_ns.saturating_add(heat.column_ns.saturating_mul(column as u64)));
    let width = if heat.column_ns > SECOND { format!(" (columns of {})", words::time(heat.column_ns)) } else { String::new() };
    let errors = heat.errors.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
    let errors = if errors == 0 { "no errors".to_owned() } else { words::counted(errors, "error", "errors") };
    format!("{}: the slowest answer took {} and came {at} into the run{width}; {errors}. {kind}", heat.series, words::time(ns))
}

fn fan_out(found: &SummaryFanOut) -> String {
    let kind = "Percentile curves of the time until the first, the middle and the last receiver saw a message and of the spread, with a bar a receiver beneath.";
    format!("{}. {kind}", words::fan_out(found))
}

fn recovery(storm: &SummaryStorm) -> String {
    format!("{}. Curve of the share of those struck that was ready again over the time since the storm.", words::storm(storm))
}

fn hops_alt(found: &SummaryHops) -> String {
    let said = hops::sentence(found);
    let finding = hops_chart::finding(found);
    format!("{finding} Percentile curves of kernel round trip, WebSocket ping and answer from the real send: {said}.")
}

fn load(summary: &Summary) -> String {
    let counts = &summary.counts;
    let kind = "Timeline of planned, sent and answered messages a second with open connections, and p50 and p99 below.";
    if counts.planned == 0 {
        return format!(
            "No load was planned; up to {} were open. {kind}",
            words::counted(summary.connections.peak, "connection", "connections")
        );
    }
    let sent = words::share(words::ratio(counts.sent, counts.planned));
    let answered = counts.answered.saturating_add(counts.late);
    format!(
        "{sent} of the planned load was sent ({} of {}), {} answered, on up to {}. {kind}",
        grouped(counts.sent),
        grouped(counts.planned),
        grouped(answered),
        words::counted(summary.connections.peak, "connection", "connections")
    )
}
