//! Three tables as CSV (RFC 4180, lines end in a bare newline): series over the measured time, latency over time of each series,
//! load over time. Times of latency in nanoseconds, instants in seconds since the run began. A cell without enough samples is empty.

use std::fmt::Write as _;

use super::escape::drawn;
use super::view::View;

/// Figures of a series, in this order.
const FIGURES: [&str; 9] = ["min", "mean", "p50", "p90", "p95", "p99", "p99.9", "p99.99", "max"];

/// `series.csv`: a row for each series and time (response, service).
pub fn series(view: &View) -> Vec<u8> {
    let mut out = format!("series,class,time,answers,answers_per_s,unanswered,{}\n", FIGURES.map(|name| format!("{name}_ns")).join(","));
    for series in &view.summary.series {
        for (time, figures) in [("response", &series.response), ("service", &series.service)] {
            let cells = FIGURES.map(|name| cell(figures.get(name).copied().flatten())).join(",");
            let (name, class) = (quoted(&series.name), series.class.name());
            // Writing to a string does not fail.
            let _ = writeln!(out, "{name},{class},{time},{},{:.3},{},{cells}", series.count, series.rate_per_s, series.unanswered);
        }
    }
    out.into_bytes()
}

/// `latency.csv`: a row for each series and stretch of time in which it has answers; response times.
pub fn latency(view: &View) -> Vec<u8> {
    let mut out = String::from("from_s,span_s,series,answers,p50_ns,p99_ns,max_ns,errors\n");
    for heat in &view.heats {
        for (column, counts) in heat.columns.iter().enumerate() {
            let answers = counts.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
            if answers == 0 {
                continue;
            }
            let from_s = heat.t0_ns.saturating_add(heat.column_ns.saturating_mul(column as u64)) as f64 / 1e9;
            let at = |values: &[Option<u64>]| cell(values.get(column).copied().flatten());
            let errors = heat.errors.get(column).copied().unwrap_or_default();
            let (name, span_s) = (quoted(&heat.series), heat.column_ns as f64 / 1e9);
            let times = [at(&heat.p50), at(&heat.p99), at(&heat.max)].join(",");
            let _ = writeln!(out, "{from_s:.3},{span_s:.3},{name},{answers},{times},{errors}");
        }
    }
    out.into_bytes()
}

/// `load.csv`: a row for each stretch of time; rates a second.
pub fn load(view: &View) -> Vec<u8> {
    let line = &view.timeline;
    let mut out = String::from("middle_s,planned_per_s,sent_per_s,answered_per_s,connections,p50_ns,p99_ns\n");
    for (i, middle_s) in line.t_s.iter().enumerate() {
        let rate = |values: &[f64]| values.get(i).map_or(String::new(), |v| format!("{v:.3}"));
        let time = |values: &[Option<u64>]| cell(values.get(i).copied().flatten());
        let rates = [rate(&line.planned), rate(&line.sent), rate(&line.answered)].join(",");
        let open = line.open.get(i).copied().unwrap_or_default();
        let _ = writeln!(out, "{middle_s:.3},{rates},{open},{},{}", time(&line.p50), time(&line.p99));
    }
    out.into_bytes()
}

fn cell(ns: Option<u64>) -> String {
    ns.map_or(String::new(), |ns| ns.to_string())
}

/// A foreign text as one cell, which no spreadsheet takes for a formula.
fn quoted(text: &str) -> String {
    let text = drawn(text);
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_texts_stay_in_their_cell() {
        for (text, cell) in [("echo", "echo"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("=1+1", "'=1+1"), ("@x,", "\"'@x,\"")] {
            assert_eq!(quoted(text), cell);
        }
    }
}
