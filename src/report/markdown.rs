//! `summary.md`: the summary as Markdown, for job summaries and comments. At most 60 lines.

use std::fmt::Write as _;

use super::hops;
use super::view::SummaryLimit;
use super::view::SummarySeries;
use super::view::Verdict;
use super::view::View;
use super::words;
use crate::units::grouped;

/// Most rows of a table or list.
const ROWS: usize = 12;
/// Quantile columns: key and quantile.
const COLUMNS: [(&str, f64); 5] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// The file. It begins with a marker that no reader sees, by which a comment is found again.
pub fn markdown(view: &View) -> Vec<u8> {
    let summary = &view.summary;
    let run = &summary.run;
    let mark = match summary.verdict {
        Verdict::Pass => "✅ pass",
        Verdict::Fail => "❌ fail",
        Verdict::Invalid => "⚠️ invalid",
        Verdict::Degraded => "⚠️ degraded",
        Verdict::Aborted => "⚠️ aborted",
    };
    let mut out = format!("<!-- volley:{} -->\n### volley {}: {mark}\n\n", text(&run.profile), text(&run.profile));
    for reason in summary.reasons.iter().take(ROWS) {
        let _ = writeln!(out, "- {}", text(reason));
    }
    let (clients, duration) = (grouped(run.clients), words::time(run.duration_ns));
    let _ = writeln!(out, "\n{clients} clients for {duration} against `{}`\n", text(&run.target).replace('`', "'"));
    out.push_str("| series | answers | per s | p50 | p90 | p99 | p99.9 | max |\n|---|---:|---:|---:|---:|---:|---:|---:|\n");
    for series in summary.series.iter().filter(|series| series.count > 0).take(ROWS) {
        let figures = COLUMNS.map(|(key, q)| figure(series, key, q, view.timeout_ns)).join(" | ");
        let _ = writeln!(out, "| {} | {} | {} | {figures} |", text(&series.name), grouped(series.count), words::rate(series.rate_per_s));
    }
    if let Some(fan_out) = &summary.fan_out {
        let _ = writeln!(out, "\n{}", text(&words::fan_out(fan_out)));
    }
    if let Some(storm) = &summary.storm {
        let _ = writeln!(out, "\n{}", text(&words::storm(storm)));
    }
    if let Some(found) = &summary.hops {
        let _ = writeln!(out, "\n{}", text(&hops::spoken(found, summary)));
    }
    if !summary.limits.is_empty() {
        out.push_str("\n| limit | found | |\n|---|---:|---|\n");
        summary.limits.iter().take(ROWS).for_each(|limit| out.push_str(&row(limit)));
    }
    troubles(view, &mut out);
    out.into_bytes()
}

fn figure(series: &SummarySeries, key: &str, q: f64, timeout_ns: u64) -> String {
    match series.response.get(key).copied().flatten() {
        Some(ns) => words::time(ns),
        None if series.is_censored(q) => format!("\\> {}", words::time(timeout_ns)),
        None => "n/a".into(),
    }
}

fn row(limit: &SummaryLimit) -> String {
    let mark = limit.ok.map_or("not judged", |ok| if ok { "✅" } else { "❌" });
    format!("| {} | {} | {mark} {} |\n", text(&limit.expr), limit.value.as_deref().map_or("n/a".into(), text), text(&limit.note))
}

fn troubles(view: &View, out: &mut String) {
    let counts = &view.summary.counts;
    let _ = writeln!(
        out,
        "\n<details><summary>Counts</summary>\n\nplanned {}, sent {}, answered {}, late {}, unanswered {}\n",
        grouped(counts.planned),
        grouped(counts.sent),
        grouped(counts.answered),
        grouped(counts.late),
        grouped(counts.unanswered)
    );
    for line in view.errors.iter().take(ROWS) {
        let _ = writeln!(out, "- {} {}: {}", text(&line.group), text(&line.kind), grouped(line.count));
    }
    out.push_str("\n</details>\n");
}

/// Foreign text on one line, in which nothing is markup.
fn text(foreign: &str) -> String {
    let mut out = String::new();
    for c in words::clean(foreign).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '*' | '[' | ']' | '`' | '\\' | '!' | '#' | '@' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
