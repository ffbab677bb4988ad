//! How often each response time occurred in the measure phase: rows of equal width on a logarithmic scale, so that two humps (a
//! cache that is hit and missed) show as two.

use super::heat::Scale;
use super::parts::Parts;
use crate::report::view::Distribution;
use crate::report::words;
use crate::tally::LOWEST_NS;

/// A distribution for every series with answers, in the order of the manifest.
pub(super) fn distributions(parts: &Parts<'_>) -> Vec<Distribution> {
    let own = parts.series.iter().filter(|series| !words::is_derived(&series.record.name));
    let with_answers = own.filter_map(|series| Some((series, series.response.hist()?)));
    with_answers
        .map(|(series, hist)| {
            let exact = hist.exact();
            let scale = Scale::over(exact.min.max(LOWEST_NS), exact.max);
            let mut counts = vec![0u64; scale.rows];
            hist.buckets().for_each(|(ns, n)| counts[scale.row(ns.min(exact.max))] += n);
            Distribution { series: series.record.name.clone(), edges_ns: scale.edges(), counts }
        })
        .collect()
}
