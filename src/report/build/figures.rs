//! The figures that verdict and limits are made of.

use std::collections::BTreeMap;

use super::connections;
use super::parts::Parts;
use crate::record::CounterRow;
use crate::record::Interval;
use crate::record::State;
use crate::report::judge::Figures;
use crate::report::judge::Lag;
use crate::report::judge::lag_allowed_ns;
use crate::report::judge::lag_is_ours;
use crate::report::limit::LimitFigures;
use crate::report::limit::SeriesFigures;
use crate::report::quantile::SHOW_BEYOND;
use crate::report::words;

/// Quantiles of lag, the highest with enough samples is judged.
const LAG_QUANTILES: [(&str, f64); 3] = [("p99", 0.99), ("p90", 0.9), ("p50", 0.5)];

/// What the verdict is made of.
pub(super) fn figures(parts: &Parts<'_>) -> Figures {
    let manifest = &parts.run.manifest;
    let connections = connections(parts);
    let own = &parts.generator;
    Figures {
        open_loop: manifest.plan.closed.is_none(),
        lag: lag(parts),
        late_wakeups: own.late_wakeups,
        lane_busy_over_s: own.lane_busy_over_s,
        lane_busy_max: own.lane_busy_max,
        pauses: own.pauses.clone(),
        planned: parts.counts.planned,
        sent: parts.counts.sent,
        not_offered: parts.counts.not_offered.clone(),
        opened: connections.opened,
        failed: connections.failed,
        common_fault: common_fault(&parts.counts.faults),
        stop: manifest.finish.as_ref().and_then(|f| f.stop.clone()),
        unfinished: manifest.state == State::Running || manifest.finish.is_none(),
        coverage: manifest.coverage,
        agents: manifest.fleet.as_ref().map_or(Vec::new(), |fleet| fleet.agents.clone()),
    }
}

fn common_fault(faults: &BTreeMap<String, u64>) -> String {
    let common = faults.iter().max_by_key(|(_, n)| **n);
    common.map_or(String::new(), |(kind, n)| format!("`{kind}` ({})", words::counted(*n, "time", "times")))
}

fn lag(parts: &Parts<'_>) -> Option<Lag> {
    let answers = parts.own("lag");
    let (name, q) = LAG_QUANTILES.into_iter().find(|(_, q)| answers.beyond(*q) >= SHOW_BEYOND)?;
    let value_ns = answers.hist()?.quantile(q)?;
    let response = parts.load_series().next().and_then(|s| s.response.hist()).and_then(|hist| hist.quantile(q));
    let allowed_ns = lag_allowed_ns(response);
    let ours = value_ns > allowed_ns && own_late_share(parts, allowed_ns) > 1.0 - q;
    Some(Lag { quantile: name, value_ns, allowed_ns, ours })
}

/// Share of planned sends that were later than allowed in seconds in which that was our doing.
fn own_late_share(parts: &Parts<'_>, allowed_ns: u64) -> f64 {
    let (mut late, mut all) = (0, 0);
    for interval in parts.run.intervals.iter().filter(|i| i.tag == "lag") {
        all += interval.hist.len();
        let lag_ns = interval.hist.quantile(0.99).unwrap_or(0);
        if rows_of(parts, interval).iter().any(|row| lag_is_ours(row, lag_ns)) {
            late += interval.hist.buckets().filter(|(ns, _)| *ns > allowed_ns).map(|(_, n)| n).sum::<u64>();
        }
    }
    match all {
        // Without seconds nothing speaks for the peer.
        0 if parts.generator.late_wakeups > 0 => 1.0,
        _ => words::ratio(late, all),
    }
}

/// The rows that an interval covers.
fn rows_of<'a>(parts: &Parts<'a>, interval: &Interval) -> &'a [CounterRow] {
    let rows = &parts.run.rows;
    let from = rows.partition_point(|row| row.t_ns < interval.t_ns);
    let until = rows.partition_point(|row| row.t_ns < interval.t_ns.saturating_add(interval.span_ns));
    &rows[from..until.max(from)]
}

/// What limits are judged on.
pub(super) fn limit_figures<'a>(parts: &Parts<'a>) -> LimitFigures<'a> {
    let counts = &parts.counts;
    let connections = connections(parts);
    let series = parts.series.iter().map(|s| {
        let rate_per_s = parts.per_measured_s(s.response.answered());
        (s.record.name.as_str(), SeriesFigures { response: s.response, service: s.service, rate_per_s })
    });
    LimitFigures {
        series: series.collect(),
        lag: Some(parts.own("lag")),
        reaction: Some(parts.own("reaction")),
        read_delay: Some(parts.own("read_delay")),
        errors: words::sum(&counts.faults).saturating_add(words::sum(&error_answers(parts))),
        attempts: counts.sent.saturating_add(connections.opened).saturating_add(connections.failed),
        unanswered: counts.unanswered,
        late: counts.late,
        duplicate: counts.duplicate,
        unsolicited: counts.unsolicited,
        not_offered: words::sum(&counts.not_offered),
        planned: counts.planned,
        sent: counts.sent,
        answered: counts.answered.saturating_add(counts.late),
        per_s: [
            parts.per_measured_s(parts.measured(|row| row.planned)),
            parts.per_measured_s(parts.measured(|row| row.sent)),
            parts.per_measured_s(parts.measured(|row| row.answered.saturating_add(row.late))),
        ],
        timeout_ns: parts.run.manifest.plan.timeout_ns,
    }
}

/// Answers that were errors, by kind, whole run.
pub(super) fn error_answers(parts: &Parts<'_>) -> BTreeMap<String, u64> {
    let kinds = &parts.run.manifest.error_kinds;
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for (kind, n) in parts.series.iter().flat_map(|s| &s.outcomes).filter(|(kind, _)| kinds.contains(kind)) {
        let sum = found.entry(kind.clone()).or_default();
        *sum = sum.saturating_add(*n);
    }
    found
}
