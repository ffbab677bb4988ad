//! Histograms and counters: record and merge.
//!
//! A [`Tally`] belongs to one thread at a time and takes no lock; adding two gives one. Knows
//! nothing of sockets, clocks or files. Message kinds and outcomes are dense indices; their names
//! live in the profile.

mod hist;
mod sample;
mod slice;
mod sparse;

use serde::Deserialize;
use serde::Serialize;

pub use hist::DIGITS;
pub use hist::Exact;
pub use hist::HIGHEST_NS;
pub use hist::Hist;
pub use hist::LOWEST_NS;
pub use sample::Fault;
pub use sample::NotOffered;
pub use sample::Phase;
pub use sample::Sample;
pub use slice::Connections;
pub use slice::FaultTexts;
pub use slice::Gap;
pub use slice::LaneHealth;
pub use slice::Second;
pub use slice::Slice;
pub use sparse::BUCKETS;
pub use sparse::Buckets;
pub use sparse::Sparse;
pub use sparse::Summing;

/// How wide a [`Tally`] is: the numbers of series and message kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// Series of exchanges.
    pub series: usize,
    /// Kinds of messages sent.
    pub out_kinds: usize,
    /// Kinds of messages received; also the outcomes of a series.
    pub in_kinds: usize,
    /// Places of a group, where messages of one member are seen by several; 0 otherwise.
    pub places: usize,
}

/// Both views of one series in one phase.
#[derive(Clone, Debug, Default)]
pub struct SeriesHists {
    /// done - due, the headline.
    pub response: Hist,
    /// done - sent.
    pub service: Hist,
}

/// The histograms of one phase.
#[derive(Clone, Debug)]
pub struct PhaseHists {
    /// By series index.
    pub series: Vec<SeriesHists>,
    /// sent - due of planned sends.
    pub lag: Hist,
    /// Our own delay before a reactive send.
    pub reaction: Hist,
    /// From the kernel's receive stamp to the read.
    pub read_delay: Hist,
}

impl PhaseHists {
    fn new(series: usize) -> Self {
        PhaseHists { series: vec![SeriesHists::default(); series], lag: Hist::new(), reaction: Hist::new(), read_delay: Hist::new() }
    }

    /// All histograms, in the order of [`PhaseHists::each_mut`].
    pub fn each(&self) -> impl Iterator<Item = &Hist> {
        self.series.iter().flat_map(|s| [&s.response, &s.service]).chain([&self.lag, &self.reaction, &self.read_delay])
    }

    /// All histograms: response and service of each series, then lag, reaction and read delay.
    pub fn each_mut(&mut self) -> impl Iterator<Item = &mut Hist> {
        self.series.iter_mut().flat_map(|s| [&mut s.response, &mut s.service]).chain([
            &mut self.lag,
            &mut self.reaction,
            &mut self.read_delay,
        ])
    }
}

/// What one receiver of a group saw of messages that were for several. Increments, of the measure phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// Messages that it saw.
    pub seen: u64,
    /// Messages that were for it and that it did not see.
    pub missed: u64,
    /// How far behind the first receiver it saw them, added up, in nanoseconds.
    pub behind_ns: u64,
    /// Messages that it saw as the last of all.
    pub last: u64,
}

impl Receiver {
    /// Takes the other's figures in.
    pub fn add(&mut self, other: &Receiver) {
        self.seen = self.seen.saturating_add(other.seen);
        self.missed = self.missed.saturating_add(other.missed);
        self.behind_ns = self.behind_ns.saturating_add(other.behind_ns);
        self.last = self.last.saturating_add(other.last);
    }
}

/// Exact counts of the whole run; all are increments, so adding merges them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Load sends that fell due.
    pub planned: u64,
    /// Load sends written to the socket whole.
    pub sent: u64,
    /// Load sends that did not happen, by [`NotOffered`].
    pub not_offered: [u64; NotOffered::COUNT],
    /// Load exchanges answered within the timeout.
    pub answered: u64,
    /// Load exchanges answered after it.
    pub late: u64,
    /// Load sends that no answer is expected for.
    pub no_answer_expected: u64,
    /// Load exchanges given up: the connection ended, or their place was needed after the timeout.
    pub unanswered: u64,
    /// Answers to an exchange that was answered already.
    pub duplicate: u64,
    /// Answers that fit no exchange.
    pub unsolicited: u64,
    /// Messages that came again because a client asked for what it had missed.
    pub replayed: u64,
    /// Sights of sends that came only so.
    pub recovered: u64,
    /// Groups whose answers could not be told by their keys and were taken in order instead.
    pub fallbacks: u64,
    /// Sends of a trace that waited for what had to come first.
    pub waited: u64,
    /// Sends of a trace that nobody asked for, so that they were not due.
    pub unasked: u64,
    /// Messages sent by kind.
    pub messages_out: Vec<u64>,
    /// Messages received by kind.
    pub messages_in: Vec<u64>,
    /// Bytes written to sockets, frames included, handshakes not.
    pub bytes_out: u64,
    /// Bytes read from sockets, frames included, handshakes not.
    pub bytes_in: u64,
    /// Faults by [`Fault`].
    pub faults: [u64; Fault::COUNT],
    /// Close frames received by code, in order of first sight; at most 64 codes are told apart.
    pub closes: Vec<(u16, u64)>,
    /// Answers by series and by the message kind that gave them; row major, `series x in_kinds`.
    pub outcomes: Vec<u64>,
    /// Other exchanges (not load) that stayed unanswered, by series.
    pub series_unanswered: Vec<u64>,
    /// By place in the group.
    pub receivers: Vec<Receiver>,
    /// Wake-ups more than half a tick after their tick.
    pub late_wakeups: u64,
    /// Answers whose stamp was missing, so that the read's instant was taken.
    pub unstamped: u64,
}

/// Close codes told apart in one run; the rest is counted under 0.
const CLOSE_CODES: usize = 64;

impl Counts {
    /// Nothing counted yet.
    pub fn new(width: Width) -> Self {
        Counts {
            planned: 0,
            sent: 0,
            not_offered: [0; NotOffered::COUNT],
            answered: 0,
            late: 0,
            no_answer_expected: 0,
            unanswered: 0,
            duplicate: 0,
            unsolicited: 0,
            replayed: 0,
            recovered: 0,
            fallbacks: 0,
            waited: 0,
            unasked: 0,
            messages_out: vec![0; width.out_kinds],
            messages_in: vec![0; width.in_kinds],
            bytes_out: 0,
            bytes_in: 0,
            faults: [0; Fault::COUNT],
            closes: Vec::with_capacity(8),
            outcomes: vec![0; width.series * width.in_kinds],
            series_unanswered: vec![0; width.series],
            receivers: vec![Receiver::default(); width.places],
            late_wakeups: 0,
            unstamped: 0,
        }
    }

    /// Counts one close frame; 1005 stands for a frame without a code.
    pub fn close(&mut self, code: u16) {
        self.close_many(code, 1);
    }

    fn close_many(&mut self, code: u16, n: u64) {
        match self.closes.iter().position(|(c, _)| *c == code) {
            Some(at) => self.closes[at].1 += n,
            None if self.closes.len() < CLOSE_CODES || code == 0 => self.closes.push((code, n)),
            None => self.close_many(0, n),
        }
    }

    /// All sends that did not happen.
    pub fn not_offered_total(&self) -> u64 {
        self.not_offered.iter().sum()
    }

    /// Takes the other's counts in; what it tells apart and this one does not is left out.
    pub fn merge(&mut self, other: &Counts) {
        fn add(into: &mut [u64], from: &[u64]) {
            into.iter_mut().zip(from).for_each(|(a, b)| *a += b);
        }
        self.planned += other.planned;
        self.sent += other.sent;
        self.answered += other.answered;
        self.late += other.late;
        self.no_answer_expected += other.no_answer_expected;
        self.unanswered += other.unanswered;
        self.duplicate += other.duplicate;
        self.unsolicited += other.unsolicited;
        self.replayed += other.replayed;
        self.recovered += other.recovered;
        self.fallbacks += other.fallbacks;
        self.waited += other.waited;
        self.unasked += other.unasked;
        self.bytes_out += other.bytes_out;
        self.bytes_in += other.bytes_in;
        self.late_wakeups += other.late_wakeups;
        self.unstamped += other.unstamped;
        add(&mut self.not_offered, &other.not_offered);
        add(&mut self.messages_out, &other.messages_out);
        add(&mut self.messages_in, &other.messages_in);
        add(&mut self.faults, &other.faults);
        add(&mut self.outcomes, &other.outcomes);
        add(&mut self.series_unanswered, &other.series_unanswered);
        self.receivers.iter_mut().zip(&other.receivers).for_each(|(a, b)| a.add(b));
        other.closes.iter().for_each(|&(code, n)| self.close_many(code, n));
    }

    fn reset(&mut self, width: Width) {
        self.messages_out.fill(0);
        self.messages_in.fill(0);
        self.outcomes.fill(0);
        self.series_unanswered.fill(0);
        self.receivers.fill(Receiver::default());
        self.closes.clear();
        let keep = (
            std::mem::take(&mut self.messages_out),
            std::mem::take(&mut self.messages_in),
            std::mem::take(&mut self.outcomes),
            std::mem::take(&mut self.series_unanswered),
            std::mem::take(&mut self.receivers),
            std::mem::take(&mut self.closes),
        );
        *self = Counts::new(Width { series: 0, out_kinds: 0, in_kinds: 0, places: 0 });
        (self.messages_out, self.messages_in, self.outcomes, self.series_unanswered, self.receivers, self.closes) = keep;
        debug_assert_eq!(self.outcomes.len(), width.series * width.in_kinds);
    }
}

/// Histograms by phase and the counts of one lane for one stretch of time, or of a whole run.
#[derive(Clone, Debug)]
pub struct Tally {
    width: Width,
    /// By [`Phase`] index.
    pub phases: [PhaseHists; Phase::COUNT],
    /// Exact counts.
    pub counts: Counts,
}

impl Tally {
    /// An empty tally.
    pub fn new(width: Width) -> Self {
        Tally { width, phases: [PhaseHists::new(width.series), PhaseHists::new(width.series)], counts: Counts::new(width) }
    }

    /// Its width.
    pub fn width(&self) -> Width {
        self.width
    }

    /// Takes the other's figures in.
    ///
    /// # Panics
    /// When the widths differ, which only a mistake in this program can cause.
    pub fn merge(&mut self, other: &Tally) {
        assert_eq!(self.width, other.width, "tallies of one run share one width");
        for (mine, theirs) in self.phases.iter_mut().zip(&other.phases) {
            for (a, b) in mine.series.iter_mut().zip(&theirs.series) {
                a.response.merge(&b.response);
                a.service.merge(&b.service);
            }
            mine.lag.merge(&theirs.lag);
            mine.reaction.merge(&theirs.reaction);
            mine.read_delay.merge(&theirs.read_delay);
        }
        self.counts.merge(&other.counts);
    }

    /// Back to empty, keeping the memory.
    pub fn reset(&mut self) {
        self.phases.iter_mut().flat_map(PhaseHists::each_mut).for_each(Hist::reset);
        self.counts.reset(self.width);
    }

    /// The histograms of a phase.
    #[inline]
    pub fn phase(&mut self, phase: Phase) -> &mut PhaseHists {
        &mut self.phases[phase as usize]
    }

    /// Records a time of series `series` that no message of its own ended.
    #[inline]
    pub fn timed(&mut self, phase: Phase, series: usize, sample: Sample) {
        let hists = &mut self.phases[phase as usize].series[series];
        hists.response.record(sample.response());
        hists.service.record(sample.service());
    }

    /// Records an answered exchange of series `series`, answered by message kind `kind`.
    #[inline]
    pub fn answered(&mut self, phase: Phase, series: usize, kind: usize, sample: Sample) {
        self.timed(phase, series, sample);
        self.counts.outcomes[series * self.width.in_kinds + kind] += 1;
    }

    /// Counts one fault.
    pub fn fault(&mut self, fault: Fault) {
        self.counts.faults[fault as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: Width = Width { series: 2, out_kinds: 1, in_kinds: 3, places: 2 };

    fn filled() -> Tally {
        let mut tally = Tally::new(WIDTH);
        tally.answered(Phase::Measure, 1, 2, Sample { due: 1_000, sent: 2_000, done: 9_000 });
        tally.counts.planned = 3;
        tally.counts.messages_in[2] = 1;
        tally.counts.close(1000);
        tally.fault(Fault::Closed);
        tally
    }

    #[test]
    fn adding_two_gives_one() {
        let mut sum = filled();
        sum.merge(&filled());
        assert_eq!(sum.counts.planned, 6);
        assert_eq!(sum.counts.closes, [(1000, 2)]);
        assert_eq!(sum.counts.outcomes, [0, 0, 0, 0, 0, 2]);
        assert_eq!(sum.phases[1].series[1].response.exact().sum, 16_000);
        assert_eq!(sum.phases[1].series[1].service.exact().sum, 14_000);
        assert!(sum.phases[0].series[1].response.is_empty());
    }

    #[test]
    fn reset_leaves_nothing() {
        let mut tally = filled();
        tally.reset();
        assert_eq!(tally.counts, Counts::new(WIDTH));
        assert!(tally.phases[1].series[1].response.is_empty());
    }

    #[test]
    fn distinct_close_codes_are_bounded() {
        let mut counts = Counts::new(WIDTH);
        (3000..4000).for_each(|code| counts.close(code));
        assert_eq!(counts.closes.len(), CLOSE_CODES + 1);
        assert_eq!(counts.closes.iter().map(|c| c.1).sum::<u64>(), 1000);
    }
}
