//! Inside a GitHub Actions job (`GITHUB_ACTIONS=true`): annotations of what broke, outputs of the step, the job summary.
//!
//! Annotations go to standard error, so that standard output stays the result. At most ten of a kind are shown there.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use super::tell;
use crate::report::markdown;
use crate::report::view::Verdict;
use crate::report::view::View;

/// Annotations of a kind that a step may have.
const MOST: usize = 10;
/// What a step may add to the job summary, in bytes.
const SUMMARY_MOST: u64 = 1 << 20;

/// Tells the job of a run.
pub(super) fn tell_job(view: &View) {
    if std::env::var("GITHUB_ACTIONS").as_deref() != Ok("true") {
        return;
    }
    annotations(view).iter().for_each(|line| tell!("{line}"));
    append("GITHUB_OUTPUT", outputs(view).as_bytes(), u64::MAX);
    append("GITHUB_STEP_SUMMARY", &markdown::markdown(view), SUMMARY_MOST);
}

/// Workflow commands: an error for each broken limit or reason of a failure, a warning for what could not be judged.
fn annotations(view: &View) -> Vec<String> {
    let summary = &view.summary;
    let line = |kind: &str, title: &str, text: &str| format!("::{kind} title=volley {}::{}", property(title), data(text));
    let broken = summary.limits.iter().filter(|limit| limit.ok == Some(false));
    let broken = broken.map(|limit| format!("{}: {} {}", limit.expr, limit.value.as_deref().unwrap_or("n/a"), limit.note));
    let bad = !matches!(summary.verdict, Verdict::Pass);
    // What is said of a limit is said once.
    let reasons = summary.reasons.iter().filter(|text| bad && !text.starts_with("limit `")).cloned();
    let errors = broken.map(|text| line("error", "limit", text.trim())).chain(reasons.map(|text| line("error", "run", &text)));
    let open = summary.limits.iter().filter(|limit| limit.ok.is_none());
    let warnings = open.map(|limit| line("warning", "limit", &format!("{} cannot be judged: {}", limit.expr, limit.note)));
    errors.take(MOST).chain(warnings.take(MOST)).collect()
}

/// `verdict`, and p99 of the response of the main series in milliseconds.
fn outputs(view: &View) -> String {
    let summary = &view.summary;
    let main = summary.series.iter().find(|series| series.name == view.timeline.series);
    let p99 = main.and_then(|series| series.response.get("p99").copied().flatten());
    let p99 = p99.map_or(String::new(), |ns| format!("{:.3}", ns as f64 / 1e6));
    format!("verdict={}\np99_ms={p99}\n", format!("{:?}", summary.verdict).to_lowercase())
}

/// Appends to the file that a variable of the environment names; what does not fit or cannot be written is told.
fn append(variable: &str, bytes: &[u8], most: u64) {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) else { return };
    let there = std::fs::metadata(Path::new(&path)).map_or(0, |about| about.len());
    if there.saturating_add(bytes.len() as u64) > most {
        return tell!("warning: ${variable} has no room for the summary of this run");
    }
    let written = OpenOptions::new().create(true).append(true).open(&path).and_then(|mut file| file.write_all(bytes));
    if let Err(e) = written {
        tell!("warning: ${variable} could not be written: {e}");
    }
}

/// A text in the place of a message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A text in the place of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_place() {
        assert_eq!(data("a\n::error::b 5%"), "a%0A::error::b 5%25");
        assert_eq!(property("a:b,c\r"), "a%3Ab%2Cc%0D");
    }
}
