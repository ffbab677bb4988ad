//! What a storm did: who was struck, and how long it took until they were back.

use std::collections::BTreeMap;

use super::parts::Parts;
use crate::record::CounterRow;
use crate::report::quantile::Answers;
use crate::report::view::StormCurve;
use crate::report::view::SummaryStorm;
use crate::report::words;
use crate::tally::Hist;

/// Series of recoveries.
const RECOVERY: &str = "recovery";
/// Series of what making a connection takes.
const OPENING: [&str; 4] = ["tcp_connect", "tls", "upgrade", "ready"];
/// Shares of those struck whose return is told.
const SHARES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("p100", 1.0)];

/// The storm of a run, if it had one.
pub(super) fn summary(parts: &Parts<'_>) -> Option<SummaryStorm> {
    let storm = parts.run.manifest.plan.storm.as_ref()?;
    let struck = total(&parts.run.rows, |row| row.connections.struck);
    let times = parts.run.totals.get(RECOVERY);
    let back = times.map_or(0, Hist::len);
    let all = times.filter(|_| back >= struck).map(|hist| hist.exact().max);
    // Until all were back, or to the end.
    let until = all.map_or(u64::MAX, |longest| storm.at_ns.saturating_add(longest));
    let within = |t_ns: u64, span_ns: u64| t_ns.saturating_add(span_ns) > storm.at_ns && t_ns <= until;
    let rows: Vec<&CounterRow> = parts.run.rows.iter().filter(|row| within(row.t_ns, row.span_ns)).collect();
    Some(SummaryStorm {
        what: storm.what.clone(),
        at_ns: storm.at_ns,
        struck,
        back,
        recovery: SHARES.iter().map(|(name, share)| ((*name).to_owned(), times.and_then(|hist| nth(hist, need(struck, *share))))).collect(),
        failed: total(rows.iter().copied(), |row| row.connections.failed),
        not_offered: total(rows.iter().copied(), |row| words::sum(&row.not_offered)),
        unanswered: total(rows.iter().copied(), |row| row.unanswered),
        opening: OPENING.iter().filter_map(|name| Some(((*name).to_owned(), opening(parts, name, within)?))).collect(),
    })
}

/// How many were back over time.
pub(super) fn curve(parts: &Parts<'_>) -> Option<StormCurve> {
    let storm = summary(parts)?;
    let mut points = vec![(0, 0)];
    let mut sum = 0;
    for (value, count) in parts.run.totals.get(RECOVERY).into_iter().flat_map(Hist::buckets) {
        sum += count;
        points.push((value, sum));
    }
    Some(StormCurve { struck: storm.struck, points })
}

fn total<'r>(rows: impl IntoIterator<Item = &'r CounterRow>, of: impl Fn(&CounterRow) -> u64) -> u64 {
    rows.into_iter().fold(0, |sum, row| sum.saturating_add(of(row)))
}

/// How many have to be back for a share of those struck; at least one.
fn need(struck: u64, share: f64) -> u64 {
    ((struck as f64 * share).ceil() as u64).max(1)
}

/// The `n`-th smallest value, from 1.
fn nth(hist: &Hist, n: u64) -> Option<u64> {
    if n == hist.len() {
        return Some(hist.exact().max);
    }
    let mut sum = 0;
    hist.buckets().find_map(|(value, count)| {
        sum += count;
        (sum >= n).then_some(value)
    })
}

/// p50, p99 and the largest value of a series in the seconds that `within` admits.
fn opening(parts: &Parts<'_>, name: &str, within: impl Fn(u64, u64) -> bool) -> Option<BTreeMap<String, Option<u64>>> {
    let mut merged = Hist::new();
    let intervals = parts.run.intervals.iter().filter(|i| i.tag == name && within(i.t_ns, i.span_ns));
    intervals.for_each(|interval| merged.add(&interval.hist));
    let figures = Answers::all(Some(&merged));
    let times = [("p50", figures.at(0.5).value()), ("p99", figures.at(0.99).value()), ("max", Some(merged.exact().max))];
    (!merged.is_empty()).then(|| times.into_iter().map(|(name, time)| (name.to_owned(), time)).collect())
}
