//! A comparison for a terminal of 80 columns.

use std::fmt::Write;

use super::Comparison;
use super::Metric;
use super::stats::Answer;
use crate::report::words;

/// Widest name that stands in the row of its figures.
const NAME: usize = 15;

/// The whole text, with a newline at the end.
pub fn text(c: &Comparison) -> String {
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "{}", text.trim_end()).expect("a string takes everything");
    line(format!(
        "volley {}  {} and {}, {}",
        name(c),
        words::counted(c.base.len() as u64, "base run", "base runs"),
        words::counted(c.new.len() as u64, "new run", "new runs"),
        if c.interleaved { "interleaved" } else { "not interleaved" }
    ));
    if !c.environment.is_empty() {
        line("\ndifferent".into());
        for (name, base, new) in &c.environment {
            line(format!("  {}", cut(name, 76)));
            line(format!("    base  {}", cut(base, 68)));
            line(format!("    new   {}", cut(new, 68)));
        }
    }
    line(format!("\n{}", answer(c.verdict).to_uppercase()));
    line(format!(
        "\n{:NAME$}{:>8}{:>9}{:>7}{:>14}{:>7}{:>6}  {}",
        "",
        "base",
        "new",
        "ratio",
        format!("{:.0} % interval", c.confidence * 100.0),
        "sees",
        "k",
        "answer"
    ));
    c.metrics.iter().flat_map(rows).for_each(&mut line);
    line("\nsees: smallest change this comparison finds in four of five cases".into());
    c.warnings.iter().for_each(|warning| line(format!("note: {warning}")));
    out
}

/// The command that made it.
fn name(c: &Comparison) -> &'static str {
    if c.interleaved { "ab" } else { "compare" }
}

/// An answer in a word.
pub fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Regression => "regression",
        Answer::Pass => "pass",
        Answer::Clear => "clear",
        Answer::Inconclusive => "inconclusive",
    }
}

fn rows(m: &Metric) -> Vec<String> {
    let ratio = |x: Option<f64>| x.map_or("n/a".into(), |x| format!("{x:.3}"));
    let interval = m.interval.map_or("n/a".into(), |[low, high]| format!("{low:.3}-{high:.3}"));
    let sees = m.detectable.map_or("n/a".into(), |x| format!("{:.1}%", (x * 100.0).min(999.0)));
    let figures = format!(
        "{:>8}{:>9}{:>7}{:>14}{:>7}{:>6}  {}",
        words::time_or_na(m.base_ns),
        words::time_or_na(m.new_ns),
        ratio(m.ratio),
        interval,
        sees,
        format!("{}/{}", m.runs[0], m.runs[1]),
        if m.improved { "improved" } else { answer(m.answer) }
    );
    let mut rows = match m.name.len() <= NAME {
        true => vec![format!("{:NAME$}{figures}", m.name)],
        false => vec![cut(&m.name, 80), format!("{:NAME$}{figures}", "")],
    };
    rows.extend(m.note.iter().map(|note| format!("{:NAME$}{}", "", cut(note, 60))));
    rows
}

fn cut(text: &str, most: usize) -> String {
    let text = words::clean(text);
    if text.chars().count() <= most { text } else { text.chars().take(most - 2).chain("..".chars()).collect() }
}
