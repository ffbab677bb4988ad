//! A second of the swarm as a line of the record: names instead of indices, zeros left out.

use std::collections::BTreeMap;

use super::CounterRow;
use crate::dialogue::Script;
use crate::tally::Fault;
use crate::tally::Hist;
use crate::tally::NotOffered;
use crate::tally::Phase;
use crate::tally::PhaseHists;
use crate::tally::Receiver;
use crate::tally::Second;

/// The counters of a second; the writer fills in the exact figures of its histograms.
pub fn row(script: &Script, second: &Second) -> CounterRow {
    let counts = &second.tally.counts;
    CounterRow {
        t_ns: second.start_ns,
        span_ns: second.end_ns.saturating_sub(second.start_ns),
        phase: second.phase.to_owned(),
        planned: counts.planned,
        sent: counts.sent,
        answered: counts.answered,
        late: counts.late,
        unanswered: counts.unanswered,
        no_answer_expected: counts.no_answer_expected,
        duplicate: counts.duplicate,
        unsolicited: counts.unsolicited,
        replayed: counts.replayed,
        recovered: counts.recovered,
        fallbacks: counts.fallbacks,
        waited: counts.waited,
        unasked: counts.unasked,
        not_offered: named(NotOffered::ALL.iter().map(|c| c.name()), &counts.not_offered),
        messages_out: named(script.out_kinds.iter(), &counts.messages_out),
        messages_in: named(script.in_kinds.iter(), &counts.messages_in),
        bytes_out: counts.bytes_out,
        bytes_in: counts.bytes_in,
        faults: named(Fault::ALL.iter().map(|f| f.name()), &counts.faults),
        closes: counts.closes.iter().map(|(code, n)| (code.to_string(), *n)).collect(),
        outcomes: outcomes(script, &counts.outcomes),
        series_unanswered: named(script.series.iter().map(|s| &s.name), &counts.series_unanswered),
        connections: second.connections,
        exact: BTreeMap::new(),
        lane_busy: second.lane_busy,
        cpu_ns: second.cpu_ns,
        rss_bytes: second.rss_bytes,
        late_wakeups: counts.late_wakeups,
        longest_gap_ns: second.longest_gap_ns,
        unstamped: counts.unstamped,
        receivers: receivers(script, &counts.receivers),
    }
}

/// The histograms of a second that hold anything, with their tags.
pub fn hists<'a>(script: &Script, second: &'a Second) -> Vec<(String, &'a Hist)> {
    let warmup = of_phase(script, &second.tally.phases[Phase::Warmup as usize], "warmup/");
    let measure = of_phase(script, &second.tally.phases[Phase::Measure as usize], "");
    warmup.chain(measure).filter(|(_, hist)| !hist.is_empty()).collect()
}

fn of_phase<'a>(script: &Script, hists: &'a PhaseHists, prefix: &'static str) -> impl Iterator<Item = (String, &'a Hist)> {
    let series = script.series.iter().zip(&hists.series).flat_map(move |(series, hists)| {
        let name = &series.name;
        [(format!("{prefix}{name}"), &hists.response), (format!("{prefix}{name}/service"), &hists.service)]
    });
    let own = [("lag", &hists.lag), ("reaction", &hists.reaction), ("read_delay", &hists.read_delay)];
    series.chain(own.map(|(tag, hist)| (format!("{prefix}{tag}"), hist))).collect::<Vec<_>>().into_iter()
}

fn named<S: AsRef<str>>(names: impl Iterator<Item = S>, counts: &[u64]) -> BTreeMap<String, u64> {
    names.zip(counts).filter(|(_, n)| **n > 0).map(|(name, n)| (name.as_ref().to_owned(), *n)).collect()
}

fn receivers(script: &Script, receivers: &[Receiver]) -> BTreeMap<String, Receiver> {
    let told = receivers.iter().enumerate().filter(|(_, receiver)| **receiver != Receiver::default());
    told.map(|(place, receiver)| (script.cast.label(place), *receiver)).collect()
}

fn outcomes(script: &Script, counts: &[u64]) -> BTreeMap<String, BTreeMap<String, u64>> {
    let by_series = counts.chunks(script.in_kinds.len().max(1));
    let named = script.series.iter().zip(by_series).map(|(series, counts)| (series.name.clone(), named(script.in_kinds.iter(), counts)));
    named.filter(|(_, kinds)| !kinds.is_empty()).collect()
}
