//! `volley trend`: quantiles of the records in a folder, in order of time.

use super::Trouble;
use super::args::Format;
use super::args::TrendArgs;
use super::compare;
use super::say;
use crate::report::compare::digest::Digest;
use crate::trial::trend;
use crate::trial::trend::Figure;
use crate::trial::trend::Trend;
use crate::units::Nanos;

/// Reads, orders and prints.
pub(super) fn trend(args: &TrendArgs) -> Result<u8, Trouble> {
    let wrong = |why: String| Trouble::usage(format!("{}: {why}", args.dir.display()));
    let mut runs = compare::read_below(&args.dir).map_err(|e| wrong(e.to_string()))?;
    runs.sort_by(|a, b| a.started.cmp(&b.started));
    let profile = args.profile.clone().or_else(|| runs.last().map(|run| run.plan.profile.clone()));
    runs.retain(|run| Some(&run.plan.profile) == profile.as_ref());
    let Some(latest) = runs.last() else { return Err(wrong("holds no record that can be shown".into())) };
    let latest: &[Digest] = std::slice::from_ref(latest);
    let metrics: Vec<String> = args.metric.iter().map(|metric| format!("base: {metric}")).collect();
    let found = trend::trend(&runs, &compare::gates(&metrics, latest, latest)?);
    match args.format {
        Format::Text => show(&found),
        Format::Json => {
            say!("{}", serde_json::to_string_pretty(&found).map_err(|e| Trouble::internal(format!("the trend: {e}")))?);
        }
    }
    Ok(0)
}

fn show(found: &Trend) {
    say!("volley trend  {} runs of {}\n", found.runs.len(), found.profile);
    let heads: Vec<String> = found.metrics.iter().map(|metric| format!("{metric:>18}")).collect();
    say!("{:20}  {:8}{}", "started", "verdict", heads.join(""));
    for run in &found.runs {
        if !run.differs.is_empty() {
            say!("  from here: another {}", run.differs.join(", "));
        }
        let figures: Vec<String> = run.figures.iter().map(|figure| format!("{:>18}", shown(figure))).collect();
        say!("{:20}  {:8}{}", run.started, run.verdict, figures.join(""));
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
