//! Where the time of exchanges goes: the same quantiles of the kernel's round trips, of pings and of answers.

use std::collections::BTreeMap;

use super::parts::Parts;
use super::parts::SeriesParts;
use super::parts::is_measure;
use crate::report::hops::SERIES;
use crate::report::hops::SummaryHop;
use crate::report::hops::SummaryHops;
use crate::report::quantile::Answers;
use crate::report::quantile::QUANTILES;
use crate::report::quantile::SHOW_BEYOND;

/// Quantiles that are told apart.
const KEYS: [&str; 4] = ["p50", "p90", "p99", "p99.9"];
/// Series that every run has; none of them is an application's.
const BUILT_IN: [&str; 5] = ["recovery", "tcp_connect", "tls", "upgrade", "ready"];

/// The hops of a run that asked for them.
pub(super) fn summary(parts: &Parts<'_>) -> Option<SummaryHops> {
    let plan = parts.run.manifest.plan.hops.as_ref()?;
    let find = |name: &str| parts.series.iter().find(|s| s.record.name == name);
    let [kernel, shortest, ping] = SERIES.map(find);
    let application = parts.main().filter(|s| is_application(&s.record.name));
    let mut hops: Vec<SummaryHop> = Vec::new();
    for (name, series) in [("kernel", kernel), ("frames", ping), ("application", application)] {
        let Some(series) = series.filter(|s| s.service.answered() > 0) else { continue };
        // Without the hop before there is nothing to add to.
        let before = hops.last().filter(|last| (last.hop.as_str(), name) != ("kernel", "application")).map(|last| &last.time);
        let hop = hop(name, series, before);
        hops.push(hop);
    }
    Some(SummaryHops {
        hops,
        shortest: shortest.map_or_else(BTreeMap::new, |s| times(s.service)),
        told: kernel.map_or(0, |s| s.service.answered()),
        open: parts.run.rows.iter().filter(|row| is_measure(row)).fold(0, |sum, row| sum.saturating_add(row.connections.open)),
        proxy: plan.proxy,
        refused: plan.refused.clone(),
    })
}

/// Whether a series may be that of an application.
pub(super) fn is_application(name: &str) -> bool {
    !SERIES.contains(&name) && !BUILT_IN.contains(&name)
}

fn hop(name: &str, series: &SeriesParts<'_>, before: Option<&BTreeMap<String, Option<u64>>>) -> SummaryHop {
    let time = times(series.service);
    let less = |key: &str, ns: Option<u64>, before: &BTreeMap<String, Option<u64>>| {
        let before = before.get(key).copied().flatten()?;
        i64::try_from(i128::from(ns?) - i128::from(before)).ok()
    };
    let adds = before.map(|before| time.iter().map(|(key, ns)| (key.clone(), less(key, *ns, before))).collect());
    SummaryHop {
        hop: name.into(),
        series: series.record.name.clone(),
        count: series.service.answered(),
        adds: adds.unwrap_or_default(),
        time,
    }
}

fn times(answers: Answers<'_>) -> BTreeMap<String, Option<u64>> {
    let kept = QUANTILES.iter().filter(|(key, _)| KEYS.contains(key));
    kept.map(|&(key, q)| (key.to_owned(), answers.quantile(q, SHOW_BEYOND).value())).collect()
}
