//! What is known of a run as of its latest second: counts of the whole run so far, gauges of now.

use std::collections::VecDeque;

use super::native::Native;
use crate::tally::Connections;
use crate::tally::Counts;
use crate::tally::Exact;
use crate::tally::Hist;
use crate::tally::Phase;
use crate::tally::Second;
use crate::tally::Width;
use crate::units::SECOND;

/// Upper bounds of the classic buckets in nanoseconds, 100 us to 60 s.
pub(super) const BOUNDS_NS: [u64; 18] = [
    SECOND / 10_000,
    SECOND / 4_000,
    SECOND / 2_000,
    SECOND / 1_000,
    SECOND / 400,
    SECOND / 200,
    SECOND / 100,
    SECOND / 40,
    SECOND / 20,
    SECOND / 10,
    SECOND / 4,
    SECOND / 2,
    SECOND,
    5 * SECOND / 2,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    60 * SECOND,
];
/// Seconds that the quantiles of lag look back on.
const LAG_SECONDS: usize = 10;
/// Quantiles of lag that are shown.
const LAG_QUANTILES: [(&str, f64); 3] = [("0.5", 0.5), ("0.99", 0.99), ("0.999", 0.999)];
/// Samples that must lie beyond a quantile for it to be shown.
const BEYOND: f64 = 10.0;

/// Which run it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Id of the run.
    pub run_id: String,
    /// Its profile.
    pub profile: String,
    /// Its series, by index.
    pub series: Vec<String>,
    /// Clients that it plays.
    pub clients: u64,
}

/// A histogram in both grids.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    /// Counts by classic bucket, the last without an upper bound.
    pub(super) classic: [u64; BOUNDS_NS.len() + 1],
    pub(super) native: Native,
}

impl Times {
    fn add(&mut self, hist: &Hist) {
        let middles: Vec<(u64, u64)> = hist.middles().collect();
        let mut at = 0;
        for (ns, count) in &middles {
            // They ascend, and so do the bounds.
            at += BOUNDS_NS[at..].iter().take_while(|bound| *bound < ns).count();
            self.classic[at] += count;
        }
        self.native.add(&middles, &hist.exact());
    }
}

/// Both views of one series in one phase.
#[derive(Clone, Debug, Default)]
pub(super) struct SeriesTimes {
    pub(super) response: Times,
    pub(super) service: Times,
}

/// All that is shown of a run.
#[derive(Clone, Debug)]
pub struct Figures {
    pub(super) subject: Subject,
    /// Counts of the run so far.
    pub(super) counts: Counts,
    /// Open now; the rest of the run so far.
    pub(super) connections: Connections,
    /// `None` before the first second.
    pub(super) phase: Option<&'static str>,
    /// Largest busy share of a lane in the latest second.
    pub(super) lane_busy: f64,
    /// Quantiles of lag with their labels, those that enough samples stand behind, in nanoseconds.
    pub(super) lag: Vec<(&'static str, u64)>,
    /// By series and [`Phase`].
    pub(super) series: Vec<[SeriesTimes; Phase::COUNT]>,
    /// Seconds taken in.
    pub(super) seconds: u64,
}

impl Figures {
    /// Seconds taken in.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }
}

/// Adds seconds up.
#[derive(Debug)]
pub struct Keeper {
    figures: Figures,
    recent: VecDeque<(Vec<(u64, u64)>, Exact)>,
    lag: Hist,
}

impl Keeper {
    /// Nothing known yet of a run.
    pub fn new(subject: Subject) -> Self {
        let series = subject.series.iter().map(|_| Default::default()).collect();
        let width = Width { series: subject.series.len(), out_kinds: 0, in_kinds: 0, places: 0 };
        let figures = Figures {
            subject,
            counts: Counts::new(width),
            connections: Connections::default(),
            phase: None,
            lane_busy: 0.0,
            lag: Vec::new(),
            series,
            seconds: 0,
        };
        Keeper { figures, recent: VecDeque::with_capacity(LAG_SECONDS), lag: Hist::new() }
    }

    /// What is known so far.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// A second has closed.
    pub fn second(&mut self, second: &Second) {
        let figures = &mut self.figures;
        figures.seconds += 1;
        figures.counts.merge(&second.tally.counts);
        figures.connections.open = 0;
        figures.connections.merge(&second.connections);
        figures.phase = Some(second.phase);
        figures.lane_busy = second.lane_busy;
        for (phase, hists) in second.tally.phases.iter().enumerate() {
            for (times, hists) in figures.series.iter_mut().zip(&hists.series) {
                times[phase].response.add(&hists.response);
                times[phase].service.add(&hists.service);
            }
        }
        self.look_back(second);
    }

    /// Quantiles of lag over the last seconds.
    fn look_back(&mut self, second: &Second) {
        if self.recent.len() == LAG_SECONDS {
            self.recent.pop_front();
        }
        self.lag.reset();
        second.tally.phases.iter().for_each(|hists| self.lag.merge(&hists.lag));
        self.recent.push_back((self.lag.buckets().collect(), self.lag.exact()));
        self.lag.reset();
        self.recent.iter().for_each(|(buckets, exact)| self.lag.merge_buckets(buckets.iter().copied(), exact));
        let lag = &self.lag;
        let has_enough = |q: f64| lag.len() as f64 * (1.0 - q) >= BEYOND;
        let known = LAG_QUANTILES.iter().filter(|(_, q)| has_enough(*q));
        self.figures.lag = known.filter_map(|(label, q)| Some((*label, lag.quantile(*q)?))).collect();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::tally::Fault;
    use crate::tally::Sample;
    use crate::tally::Tally;
    use crate::units::MILLI;

    /// A second with 100 answers after 0.99 to 99 ms.
    pub(in super::super) fn second(number: u64) -> Second {
        let mut tally = Box::new(Tally::new(Width { series: 2, out_kinds: 1, in_kinds: 1, places: 0 }));
        for i in 1..=100 {
            tally.answered(Phase::Measure, 0, 0, Sample { due: 0, sent: MILLI / 2, done: i * 990_000 });
            tally.phase(Phase::Measure).lag.record(number * MILLI);
        }
        (tally.counts.planned, tally.counts.sent, tally.counts.answered) = (101, 100, 100);
        tally.counts.not_offered[0] = 1;
        tally.fault(Fault::Closed);
        Second {
            start_ns: number * SECOND,
            end_ns: (number + 1) * SECOND,
            phase: "measure",
            tally,
            connections: Connections { open: 7, opened: 1, ..Connections::default() },
            lane_busy: 0.25,
            cpu_ns: 0,
            rss_bytes: 0,
            longest_gap_ns: 0,
            pauses: Vec::new(),
        }
    }

    pub(in super::super) fn kept(seconds: u64) -> Keeper {
        let series = ["echo".to_owned(), "ping \"\\\n".to_owned()];
        let mut keeper = Keeper::new(Subject { run_id: "7f3a".into(), profile: "echo".into(), series: series.into(), clients: 10 });
        (1..=seconds).for_each(|number| keeper.second(&second(number)));
        keeper
    }

    #[test]
    fn counts_add_up_and_gauges_are_of_now() {
        let keeper = kept(3);
        let figures = keeper.figures();
        assert_eq!((figures.counts.planned, figures.counts.sent, figures.seconds()), (303, 300, 3));
        assert_eq!(figures.counts.faults[Fault::Closed as usize], 3);
        assert_eq!((figures.connections.open, figures.connections.opened), (7, 3));
        let response = &figures.series[0][Phase::Measure as usize].response;
        assert_eq!(response.native.count(), 300);
        // At most 1 ms: the first of each second; at most 100 ms: all.
        assert_eq!(response.classic.iter().take(4).sum::<u64>(), 3);
        assert_eq!(response.classic.iter().take(10).sum::<u64>(), 300);
        assert_eq!(figures.series[1][Phase::Measure as usize].response.native.count(), 0);
    }

    #[test]
    fn lag_is_of_the_last_seconds_and_needs_samples() {
        assert_eq!(kept(1).figures().lag.iter().map(|(label, _)| *label).collect::<Vec<_>>(), ["0.5"]);
        let keeper = kept(30);
        let labels: Vec<_> = keeper.figures().lag.iter().map(|(label, _)| *label).collect();
        assert_eq!(labels, ["0.5", "0.99"], "a thousand values have one beyond p99.9");
        let median = keeper.figures().lag[0].1;
        assert!((25 * MILLI..=26 * MILLI).contains(&median), "seconds 21 to 30 count: {median}");
    }
}
