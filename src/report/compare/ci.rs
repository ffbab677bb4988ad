//! A comparison for CI: `junit.xml` with a case for each gate, and `compare.md` for a job summary.

use std::fmt::Write as _;

use super::Comparison;
use super::Metric;
use super::stats::Answer;
use super::text::answer;
use crate::report::escape::html as escaped;
use crate::report::words;

/// Ratio and interval in words.
fn figures(m: &Metric, confidence: f64) -> String {
    let interval = m.interval.map_or("n/a".into(), |[low, high]| format!("{low:.3} to {high:.3}"));
    let ratio = m.ratio.map_or("n/a".into(), |ratio| format!("{ratio:.3}"));
    let note = m.note.as_ref().map_or(String::new(), |note| format!("; {note}"));
    format!("ratio {ratio} ({:.0} % {interval}), margin {:.1} %{note}", confidence * 100.0, m.margin * 100.0)
}

/// A regression is a failure, what cannot be concluded is skipped.
pub fn junit(c: &Comparison) -> Vec<u8> {
    let count = |of: Answer| c.metrics.iter().filter(|m| m.answer == of).count();
    let totals = format!("tests=\"{}\" failures=\"{}\" errors=\"0\"", c.metrics.len(), count(Answer::Regression));
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string does not fail.
    let _ = writeln!(out, "<testsuites name=\"volley compare\" {totals} time=\"0\">");
    let _ = writeln!(out, "  <testsuite name=\"compare\" {totals} skipped=\"{}\" time=\"0\">", count(Answer::Inconclusive));
    for m in &c.metrics {
        let case = format!("    <testcase classname=\"volley.compare\" name=\"{}\" time=\"0\"", escaped(&m.name));
        let kind = match m.answer {
            Answer::Regression => Some("failure"),
            Answer::Inconclusive => Some("skipped"),
            Answer::Pass | Answer::Clear => None,
        };
        let _ = match kind {
            Some(kind) => writeln!(out, "{case}>\n      <{kind} message=\"{}\"/>\n    </testcase>", escaped(&figures(m, c.confidence))),
            None => writeln!(out, "{case}/>"),
        };
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out.into_bytes()
}

/// A table of the gates.
pub fn markdown(c: &Comparison) -> Vec<u8> {
    let cell = |text: &str| escaped(&words::clean(text)).replace('|', "\\|");
    let mut out = format!("<!-- volley:compare -->\n### volley compare: {}\n\n", answer(c.verdict));
    let order = if c.interleaved { "interleaved" } else { "not interleaved" };
    let _ = writeln!(out, "{} base, {} new, {order}\n", c.base.len(), c.new.len());
    out.push_str("| metric | base | new | figures | sees | answer |\n|---|---:|---:|---|---:|---|\n");
    for m in c.metrics.iter().take(40) {
        let sees = m.detectable.map_or("n/a".into(), |x| format!("{:.1} %", x * 100.0));
        let (base, new) = (words::time_or_na(m.base_ns), words::time_or_na(m.new_ns));
        let _ =
            writeln!(out, "| {} | {base} | {new} | {} | {sees} | {} |", cell(&m.name), cell(&figures(m, c.confidence)), answer(m.answer));
    }
    c.warnings.iter().for_each(|warning| {
        let _ = writeln!(out, "\n{}", cell(warning));
    });
    out.into_bytes()
}
