//! `junit.xml`: a test case for the run itself and one for each limit, as CI servers read them.
//!
//! The run is an `error` when it cannot be believed, a `failure` when the peer did not take the load; a broken limit is a
//! `failure`, one without enough samples behind it is `skipped`. Follows the JUnit 10 schema of the Jenkins xUnit plugin.

use std::fmt::Write as _;

use super::escape::html as escaped;
use super::view::SummaryLimit;
use super::view::Verdict;
use super::view::View;

/// How a case ended: the element's name and its message.
type Outcome = Option<(&'static str, String)>;

/// The file.
pub fn junit(view: &View) -> Vec<u8> {
    let summary = &view.summary;
    let mut cases = vec![("the run can be believed".to_owned(), of_run(view))];
    cases.extend(summary.limits.iter().map(|limit| (limit.expr.clone(), of_limit(limit))));
    let count = |kind: &str| cases.iter().filter(|(_, outcome)| outcome.as_ref().is_some_and(|(k, _)| *k == kind)).count();
    let seconds = summary.run.duration_ns as f64 / 1e9;
    let totals = format!("tests=\"{}\" failures=\"{}\" errors=\"{}\"", cases.len(), count("failure"), count("error"));
    let (profile, started) = (escaped(&summary.run.profile), escaped(summary.run.started.get(..19).unwrap_or_default()));
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string does not fail.
    let _ = writeln!(out, "<testsuites name=\"volley\" {totals} time=\"{seconds:.3}\">");
    let _ = writeln!(
        out,
        "  <testsuite name=\"{profile}\" {totals} skipped=\"{}\" time=\"{seconds:.3}\" timestamp=\"{started}\">",
        count("skipped")
    );
    properties(view, &mut out);
    for (name, outcome) in &cases {
        let case = format!("    <testcase classname=\"volley.{profile}\" name=\"{}\" time=\"0\"", escaped(name));
        let _ = match outcome {
            None => writeln!(out, "{case}/>"),
            Some((kind, message)) => writeln!(out, "{case}>\n      <{kind} message=\"{}\"/>\n    </testcase>", escaped(message)),
        };
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out.into_bytes()
}

fn of_run(view: &View) -> Outcome {
    let summary = &view.summary;
    let why = || if summary.reasons.is_empty() { "no reason is known".to_owned() } else { summary.reasons.join("; ") };
    match summary.verdict {
        Verdict::Pass => None,
        // Then a limit of its own says why.
        Verdict::Fail if summary.limits.iter().any(|limit| limit.ok == Some(false)) => None,
        Verdict::Fail => Some(("failure", why())),
        Verdict::Invalid | Verdict::Degraded | Verdict::Aborted => Some(("error", why())),
    }
}

fn of_limit(limit: &SummaryLimit) -> Outcome {
    let value = limit.value.as_deref().unwrap_or("n/a");
    let message = if limit.note.is_empty() { value.to_owned() } else { format!("{value}, {}", limit.note) };
    match limit.ok {
        Some(true) => None,
        Some(false) => Some(("failure", message)),
        None => Some(("skipped", message)),
    }
}

/// Figures of each series, in nanoseconds.
fn properties(view: &View, out: &mut String) {
    out.push_str("    <properties>\n");
    let mut property = |name: String, value: String| {
        let _ = writeln!(out, "      <property name=\"{}\" value=\"{}\"/>", escaped(&name), escaped(&value));
    };
    property("run".into(), view.summary.run.id.clone());
    property("target".into(), view.summary.run.target.clone());
    for series in &view.summary.series {
        property(format!("{}.count", series.name), series.count.to_string());
        for (figure, ns) in &series.response {
            property(format!("{}.response.{figure}_ns", series.name), ns.map_or("n/a".into(), |ns| ns.to_string()));
        }
    }
    out.push_str("    </properties>\n");
}
