//! `volley trend`: quantiles of the records in a folder, in order of time.

use std::path::Path;

use super::Trouble;
use super::args::Format;
use super::args::TrendArgs;
use super::compare;
use super::say;
use crate::record;
use crate::report::compare::digest::Digest;
use crate::report::html;
use crate::report::steps;
use crate::report::steps::Steps;
use crate::trial::trend;
use crate::trial::trend::Change;
use crate::trial::trend::Figure;
use crate::trial::trend::Trend;
use crate::units::Nanos;

/// Reads, orders and prints.
pub(super) fn trend(args: &TrendArgs) -> Result<u8, Trouble> {
    let wrong = |why: String| Trouble::usage(format!("{}: {why}", args.dir.display()));
    let mut runs = compare::read_below(&args.dir, false).map_err(|e| wrong(e.to_string()))?;
    runs.sort_by(|a, b| a.started.cmp(&b.started));
    let profile = args.profile.clone().or_else(|| runs.last().map(|run| run.plan.profile.clone()));
    runs.retain(|run| Some(&run.plan.profile) == profile.as_ref());
    let Some(latest) = runs.last() else { return Err(wrong("holds no record that can be shown".into())) };
    let latest: &[Digest] = std::slice::from_ref(latest);
    let metrics: Vec<String> = args.metric.iter().map(|metric| format!("base: {metric}")).collect();
    let found = trend::trend(&runs, &compare::gates(&metrics, latest, latest)?);
    if let Some(dir) = &args.out {
        write(dir, &found)?;
    }
    match args.format {
        Format::Text => show(&found),
        Format::Json => {
            say!("{}", serde_json::to_string_pretty(&found).map_err(|e| Trouble::internal(format!("the trend: {e}")))?);
        }
    }
    Ok(0)
}

fn write(dir: &Path, found: &Trend) -> Result<(), Trouble> {
    let drawn = drawn(found);
    let files = [("trend.html", html::steps(&drawn)), ("trend.png", steps::png(&drawn).map_err(Trouble::internal)?)];
    let failed = |e: std::io::Error| Trouble::internal(format!("--out {}: {e}", dir.display()));
    std::fs::create_dir_all(dir).map_err(failed)?;
    files.iter().try_for_each(|(name, bytes)| record::write::replace_file(dir, name, bytes)).map_err(failed)
}

/// The trend as it is drawn; a line down where another experiment begins.
fn drawn(found: &Trend) -> Steps {
    let line = |metric: usize| {
        let point = |(number, run): (usize, &trend::Row)| Some((number as f64, run.figures[metric].ns?));
        (1..).zip(&found.runs).filter_map(point).collect()
    };
    let cells = |(number, run): (usize, &trend::Row)| {
        let own = [number.to_string(), run.started.clone(), run.verdict.clone()].into_iter();
        own.chain(run.figures.iter().map(shown)).chain([run.differs.join(", ")]).collect()
    };
    let heads = ["#Run", "Started", "Verdict"].map(str::to_owned).into_iter();
    let metrics = found.metrics.iter().map(|metric| format!("#{metric}"));
    let changed = |(number, run): (usize, &trend::Row)| {
        (!run.differs.is_empty()).then(|| (number as f64, format!("another {}", run.differs.join(", "))))
    };
    let level = |change: &Change| (change.run as f64, format!("{} x{:.2}", change.metric, change.ratio));
    let said = if found.changes.is_empty() { "no change of level".to_owned() } else { joined(&found.changes) };
    Steps {
        title: format!("Trend: {}", found.profile),
        finding: format!(
            "{} runs in order of time: {said}. In brackets: against the median of up to ten runs of the same before it.",
            found.runs.len()
        ),
        word: None,
        good: None,
        axis: "Run".into(),
        lines: found.metrics.iter().enumerate().map(|(i, metric)| (metric.clone(), line(i))).collect(),
        notes: (1..).zip(&found.runs).filter_map(changed).chain(found.changes.iter().map(level)).collect(),
        heads: heads.chain(metrics).chain(["Another".to_owned()]).collect(),
        rows: (1..).zip(&found.runs).map(cells).collect(),
    }
}

fn joined(changes: &[Change]) -> String {
    changes.iter().map(|change| format!("from run {} on {}", change.run, level(change))).collect::<Vec<_>>().join(", ")
}

/// A change in words.
fn level(change: &Change) -> String {
    format!("{} x{:.2} (p {:.3})", change.metric, change.ratio, change.p)
}

fn show(found: &Trend) {
    say!("volley trend  {} runs of {}\n", found.runs.len(), found.profile);
    let heads: Vec<String> = found.metrics.iter().map(|metric| format!("{metric:>18}")).collect();
    say!("{:20}  {:8}{}", "started", "verdict", heads.join(""));
    for (number, run) in (1..).zip(&found.runs) {
        if !run.differs.is_empty() {
            say!("  from here: another {}", run.differs.join(", "));
        }
        for change in found.changes.iter().filter(|change| change.run == number) {
            say!("  from here: {}", level(change));
        }
        let figures: Vec<String> = run.figures.iter().map(|figure| format!("{:>18}", shown(figure))).collect();
        say!("{:20}  {:8}{}", run.started, run.verdict, figures.join(""));
    }
    if found.changes.is_empty() {
        say!("\nno change of level");
    }
    say!("\nin brackets: against the median of up to ten runs of the same before it");
}

fn shown(figure: &Figure) -> String {
    let time = figure.ns.map_or("n/a".to_owned(), |ns| Nanos(ns).to_string());
    figure.ratio.map_or(time.clone(), |ratio| format!("{time} (x{ratio:.2})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_in_words() {
        assert_eq!(shown(&Figure { ns: Some(20_000_000), ratio: Some(1.3) }), "20ms (x1.30)");
        assert_eq!(shown(&Figure { ns: None, ratio: None }), "n/a");
    }
}
