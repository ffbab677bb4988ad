//! Kernel, ping and answer as percentile curves in one plot: where does the time go?

use crate::report::hops::SERIES;
use crate::report::hops::SummaryHops;
use crate::report::view::Curve;
use crate::report::view::View;
use crate::report::words;

/// The curves of the hops, from the real send, the shortest first.
pub(crate) fn curves(view: &View, hops: &SummaryHops) -> Vec<Curve> {
    let own = hops.hops.iter().map(|hop| hop.series.as_str());
    let names = std::iter::once(SERIES[1]).chain(own);
    let curve = |name: &str| view.curves.iter().find(|curve| curve.service && curve.series == name).cloned();
    // Drawn as lines of their own, not as the service beside a response.
    names.filter_map(curve).map(|curve| Curve { service: false, ..curve }).collect()
}

/// What the plot shows, in a sentence.
pub(crate) fn finding(hops: &SummaryHops) -> String {
    let half = |hop: &crate::report::hops::SummaryHop| {
        let what = match hop.hop.as_str() {
            "kernel" => "the kernel's round trips",
            "frames" => "pings",
            _ => "answers",
        };
        Some(format!("half of {what} within {}", words::time(hop.time.get("p50").copied().flatten()?)))
    };
    let all: Vec<String> = hops.hops.iter().filter_map(half).collect();
    if all.is_empty() {
        return "Too little was told and answered to tell the hops apart.".into();
    }
    let mut text = all.join(", ");
    text.get_mut(..1).into_iter().for_each(str::make_ascii_uppercase);
    format!("{text}.")
}
