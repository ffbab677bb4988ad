//! `openmetrics.txt`: the figures in the OpenMetrics text format (version 1.0), for CI servers and collectors.

use std::fmt::Write as _;

use super::view::View;

/// Keys of quantiles in a summary, and the quantile.
const QUANTILES: [(&str, &str); 6] =
    [("p50", "0.5"), ("p90", "0.9"), ("p95", "0.95"), ("p99", "0.99"), ("p99.9", "0.999"), ("p99.99", "0.9999")];

/// The file.
pub fn openmetrics(view: &View) -> Vec<u8> {
    let summary = &view.summary;
    let mut out = String::new();
    family(&mut out, "volley_response_seconds", "gauge", "seconds", "Response time by series and quantile in the measure phase.");
    for series in &summary.series {
        for (key, quantile) in QUANTILES {
            if let Some(ns) = series.response.get(key).copied().flatten() {
                let labels = format!("series=\"{}\",quantile=\"{quantile}\"", label(&series.name));
                let _ = writeln!(out, "volley_response_seconds{{{labels}}} {:.9}", ns as f64 / 1e9);
            }
        }
    }
    family(&mut out, "volley_answers", "gauge", "", "Answers by series in the measure phase.");
    for series in &summary.series {
        let _ = writeln!(out, "volley_answers{{series=\"{}\"}} {}", label(&series.name), series.count);
    }
    family(&mut out, "volley_exchanges", "gauge", "", "Exchanges of the load over the whole run.");
    let counts = &summary.counts;
    let all = [("planned", counts.planned), ("sent", counts.sent), ("answered", counts.answered), ("late", counts.late)];
    for (state, count) in all.into_iter().chain([("unanswered", counts.unanswered)]) {
        let _ = writeln!(out, "volley_exchanges{{state=\"{state}\"}} {count}");
    }
    family(&mut out, "volley_faults", "gauge", "", "Faults by kind over the whole run.");
    for (kind, count) in &counts.faults {
        let _ = writeln!(out, "volley_faults{{kind=\"{}\"}} {count}", label(kind));
    }
    family(&mut out, "volley_limit_holds", "gauge", "", "Whether a limit holds; absent when it could not be judged.");
    for limit in &summary.limits {
        if let Some(ok) = limit.ok {
            let _ = writeln!(out, "volley_limit_holds{{limit=\"{}\"}} {}", label(&limit.expr), u8::from(ok));
        }
    }
    family(&mut out, "volley_passed", "gauge", "", "Whether the verdict is pass.");
    let _ = writeln!(out, "volley_passed {}", u8::from(summary.verdict == super::view::Verdict::Pass));
    out.push_str("# EOF\n");
    out.into_bytes()
}

fn family(out: &mut String, name: &str, kind: &str, unit: &str, help: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "# TYPE {name} {kind}");
    if !unit.is_empty() {
        let _ = writeln!(out, "# UNIT {name} {unit}");
    }
    let _ = writeln!(out, "# HELP {name} {help}");
}

/// A label's value.
fn label(text: &str) -> String {
    super::escape::drawn(text).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
