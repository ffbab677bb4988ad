//! Limits on what they speak of: the run, one of its phases, or each stretch of it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::figures;
use super::parts::Parts;
use super::parts::is_measure;
use crate::record::CounterRow;
use crate::record::WARMUP;
use crate::report::limit;
use crate::report::limit::Limit;
use crate::report::limit::Scope;
use crate::report::limit::Stretch;
use crate::report::view::SummaryLimit;
use crate::units::Nanos;
use crate::units::SECOND;

/// Every limit of the run, judged.
pub(super) fn judged(parts: &Parts<'_>) -> Vec<SummaryLimit> {
    let names: Vec<&str> = parts.run.manifest.series.iter().map(|s| s.name.as_str()).collect();
    let whole = figures::limit_figures(parts);
    let judge = |text: &String| match limit::parse(text, &names) {
        Err(note) => vec![SummaryLimit { expr: text.clone(), value: None, ok: None, note }],
        Ok(limits) => limits
            .iter()
            .map(|limit| match limit.scope() {
                Scope::Run => limit.evaluate(&whole),
                Scope::Measure => one(parts, &names, limit, false),
                Scope::Warmup => one(parts, &names, limit, true),
                Scope::Each(length) => each(parts, &names, limit, length),
            })
            .collect(),
    };
    parts.run.manifest.plan.limits.iter().flat_map(judge).collect()
}

/// A limit on the measure phase, or on all that came before it.
fn one(parts: &Parts<'_>, names: &[&str], limit: &Limit, warmup: bool) -> SummaryLimit {
    let mut stretch = Stretch::default();
    let errors = error_kinds(parts);
    let has = |row: &CounterRow| if warmup { row.phase == "ramp" || row.phase == "warmup" } else { is_measure(row) };
    parts.run.rows.iter().filter(|row| has(row)).for_each(|row| stretch.count(row, &errors));
    if let Some(tag) = limit.tag() {
        let stored = if warmup { format!("{WARMUP}{tag}") } else { tag.clone() };
        parts.run.totals.get(&stored).into_iter().for_each(|hist| stretch.time(&tag, hist));
    }
    limit.evaluate(&stretch.figures(names, load(parts), parts.run.manifest.plan.timeout_ns))
}

/// A limit on each stretch of the measure phase; answers that came in the drain belong to the last. A rest of less than half a
/// stretch is judged with the one before it.
fn each(parts: &Parts<'_>, names: &[&str], limit: &Limit, length: Nanos) -> SummaryLimit {
    let from = parts.run.manifest.plan.measure_from_ns();
    let last = ((parts.measured_ns as f64 / length.0 as f64).round() as u64).max(1) - 1;
    // A second that starts a little early still belongs to its stretch.
    let place = |t_ns: u64| ((t_ns.saturating_sub(from) + SECOND / 10) / length.0).min(last);
    let errors = error_kinds(parts);
    let mut stretches: BTreeMap<u64, Stretch> = BTreeMap::new();
    for row in parts.run.rows.iter().filter(|row| is_measure(row)) {
        stretches.entry(place(row.t_ns)).or_default().count(row, &errors);
    }
    let tag = limit.tag();
    for interval in parts.run.intervals.iter().filter(|interval| Some(&interval.tag) == tag.as_ref()) {
        stretches.entry(place(interval.t_ns)).or_default().add(&interval.tag, &interval.hist);
    }
    let (load, timeout_ns) = (load(parts), parts.run.manifest.plan.timeout_ns);
    let judged = stretches.iter().map(|(place, stretch)| {
        let at_s = place * length.0 / SECOND;
        (at_s, limit.judged(&stretch.figures(names, load, timeout_ns)))
    });
    limit.worst(judged)
}

fn load<'a>(parts: &Parts<'a>) -> Option<&'a str> {
    parts.run.manifest.series.iter().find(|s| s.counts_sends()).map(|s| s.name.as_str())
}

fn error_kinds(parts: &Parts<'_>) -> BTreeSet<String> {
    parts.run.manifest.error_kinds.iter().cloned().collect()
}
