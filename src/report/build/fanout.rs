//! The fan-out map: how messages of one client reached the several that were to see them.

use std::collections::BTreeMap;

use super::parts::Parts;
use super::parts::SeriesParts;
use super::times;
use crate::report::view::SummaryFanOut;
use crate::report::view::SummaryFanOutSeries;
use crate::report::view::SummaryReceiver;
use crate::report::words;
use crate::tally::Receiver;

/// The fan-out of a run, if messages of one were for several.
pub(super) fn summary(parts: &Parts<'_>) -> Option<SummaryFanOut> {
    let series: Vec<SummaryFanOutSeries> = parts.series.iter().filter_map(|one| of_series(parts, one)).collect();
    (!series.is_empty()).then(|| SummaryFanOut { series, receivers: receivers(parts) })
}

fn of_series(parts: &Parts<'_>, one: &SeriesParts<'_>) -> Option<SummaryFanOutSeries> {
    let derived = |end: &str| {
        let name = format!("{}.{end}", one.record.name);
        parts.series.iter().find(|s| s.record.name == name)
    };
    let (first, last) = (derived("first")?, derived("last")?);
    let figures = |end: &str| derived(end).map(|s| times(s.response).0).unwrap_or_default();
    Some(SummaryFanOutSeries {
        name: one.record.name.clone(),
        receivers: one.record.receivers,
        messages: first.response.answered().saturating_add(first.unanswered),
        reached_one: first.response.answered(),
        reached_all: last.response.answered(),
        first: figures("first"),
        median: figures("median"),
        last: figures("last"),
        spread: figures("spread"),
    })
}

/// Receivers, the slowest first.
fn receivers(parts: &Parts<'_>) -> Vec<SummaryReceiver> {
    let mut sums: BTreeMap<&str, Receiver> = BTreeMap::new();
    for (name, receiver) in parts.run.rows.iter().flat_map(|row| &row.receivers) {
        sums.entry(name).or_default().add(receiver);
    }
    let all: u64 = sums.values().map(|receiver| receiver.last).fold(0, u64::saturating_add);
    let one = |(name, sum): (&str, Receiver)| SummaryReceiver {
        name: name.to_owned(),
        seen: sum.seen,
        missed: sum.missed,
        behind_ns: sum.behind_ns.checked_div(sum.seen),
        last_share: words::ratio(sum.last, all),
    };
    let mut receivers: Vec<SummaryReceiver> = sums.into_iter().map(one).collect();
    receivers.sort_by_key(|receiver| std::cmp::Reverse(receiver.behind_ns));
    receivers
}
