//! A search as a page and a plot: latency against load, with the steps that were taken.

use super::Outcome;
use super::Step;
use super::sentence;
use crate::report::steps::Steps;
use crate::trial::search::End;
use crate::units::Nanos;

/// The search as it is drawn.
pub(super) fn drawn(outcome: &Outcome, profile: &str) -> Steps {
    let recovers = match outcome.recovers {
        Some(true) => " At half of that load the server holds the limits again.",
        Some(false) => " At half of that load the limits broke: the server has not recovered.",
        None => "",
    };
    let notes = [(outcome.load, "holds"), (outcome.breaks, "breaks")];
    Steps {
        title: format!("Search: {profile} over {}", outcome.over),
        finding: format!("{}.{recovers} Limits: {}.", sentence(outcome), outcome.limits.join(", ")),
        word: Some(match outcome.end {
            Some(End::Found) => "Found",
            Some(End::Nothing) => "Nothing holds",
            Some(End::GeneratorLimited) => "The generator was the limit",
            Some(End::Unjudged) => "Not judged",
            Some(End::Unsteady) => "Unsteady",
            None => "Stopped",
        }),
        good: match outcome.end {
            Some(End::Found) => Some(true),
            Some(End::Nothing) => Some(false),
            _ => None,
        },
        axis: if outcome.over == "rate" { "Sends a second of each client".into() } else { "Clients".into() },
        lines: vec![("p50".into(), line(outcome, |step| step.p50)), ("p99".into(), line(outcome, |step| step.p99))],
        notes: notes.into_iter().filter_map(|(load, words)| Some((load?, words.to_owned()))).collect(),
        heads: ["#Step", "Why", "#Load", "#p50", "#p99", "#Length", "Verdict", "Reason"].map(str::to_owned).into(),
        rows: (1..).zip(&outcome.steps).map(|(number, step)| cells(number, step)).collect(),
    }
}

/// The largest figure at each load, from the lowest load to the highest.
pub(super) fn line(outcome: &Outcome, of: impl Fn(&Step) -> Option<u64>) -> Vec<(f64, u64)> {
    let mut points: Vec<(f64, u64)> = outcome.steps.iter().filter_map(|step| Some((step.load, of(step)?))).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    points.dedup_by(|next, kept| (next.0 - kept.0).abs() < f64::EPSILON);
    points
}

fn cells(number: usize, step: &Step) -> Vec<String> {
    let time = |ns: Option<u64>| ns.map_or("n/a".into(), |ns| Nanos(ns).to_string());
    vec![
        number.to_string(),
        step.why.into(),
        step.load.to_string(),
        time(step.p50),
        time(step.p99),
        Nanos(step.duration_ns).to_string(),
        step.verdict.into(),
        if step.verdict == "holds" { String::new() } else { step.reasons.first().cloned().unwrap_or_default() },
    ]
}
