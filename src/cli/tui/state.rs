//! What the live view knows: seconds in, a picture of figures out. Pure: no clock, no terminal.
//!
//! Quantiles come from merged histograms, never from other quantiles, and by the rule of the reports: with fewer than ten
//! samples beyond it a quantile is not shown.

use std::collections::VecDeque;

use crate::record::CounterRow;
use crate::record::Manifest;
use crate::record::Pause;
use crate::report::judge;
use crate::report::judge::Figures;
use crate::report::judge::Lag;
use crate::report::quantile::Answers;
use crate::report::quantile::SHOW_BEYOND;
use crate::report::quantile::Shown;
use crate::report::view::Verdict;
use crate::tally::Connections;
use crate::tally::Exact;
use crate::tally::Fault;
use crate::tally::Hist;
use crate::tally::NotOffered;
use crate::tally::Phase;
use crate::tally::Second;
use crate::units::SECOND;

/// Seconds of the heat strip and of the rates.
pub(super) const STRIP: usize = 120;
/// Cells of the heat strip for each doubling of time, from 1 us on.
pub(super) const CELLS_PER_OCTAVE: usize = 3;
/// Cells up to one hour.
pub(super) const CELLS: usize = 32 * CELLS_PER_OCTAVE;
/// Windows that can be looked through, in seconds.
pub(super) const WINDOWS: [usize; 4] = [5, 10, 30, 60];
/// Quantiles shown.
pub(super) const QUANTILES: [f64; 3] = [0.5, 0.99, 0.999];
/// Quantiles of lag, the highest with enough samples is judged.
const LAG_QUANTILES: [(&str, f64); 3] = [("p99", 0.99), ("p90", 0.9), ("p50", 0.5)];

/// A histogram of a second, its empty buckets left out.
#[derive(Clone, Default)]
struct Brief {
    buckets: Vec<(u64, u64)>,
    exact: Exact,
    unanswered: u64,
    heat: Vec<(usize, u64)>,
}

impl Brief {
    fn of(hists: &[&Hist], unanswered: u64) -> Self {
        let mut brief = Brief { unanswered, ..Brief::default() };
        for hist in hists.iter().filter(|hist| !hist.is_empty()) {
            brief.exact.merge(&hist.exact());
            for (ns, n) in hist.buckets() {
                brief.buckets.push((ns, n));
                let cell = cell(ns);
                match brief.heat.last_mut().filter(|(last, _)| *last == cell) {
                    Some((_, sum)) => *sum += n,
                    None => brief.heat.push((cell, n)),
                }
            }
        }
        brief
    }
}

/// The cell of the heat strip for a time.
fn cell(ns: u64) -> usize {
    let octaves = (ns.max(1_000) as f64 / 1_000.0).log2();
    ((octaves * CELLS_PER_OCTAVE as f64) as usize).min(CELLS - 1)
}

/// Lower end of a cell in nanoseconds.
pub(super) fn cell_ns(cell: usize) -> u64 {
    (1_000.0 * (cell as f64 / CELLS_PER_OCTAVE as f64).exp2()) as u64
}

/// One series.
#[derive(Default)]
struct Series {
    name: String,
    whole: Hist,
    unanswered: u64,
    recent: VecDeque<Brief>,
}

/// What fell due, went out and came back in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Flow {
    /// Rates by the second: planned, sent, answered.
    pub(super) per_s: [f64; 3],
}

/// What the reader of the view has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Looking {
    /// The view stands still; the run goes on.
    pub(super) paused: bool,
    /// Index in [`WINDOWS`].
    pub(super) window: usize,
    /// Series of the heat strip.
    pub(super) series: usize,
    /// All faults instead of the heat strip.
    pub(super) faults: bool,
}

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Hold or go on.
    Pause,
    /// A longer window.
    Longer,
    /// A shorter one.
    Shorter,
    /// The next series.
    Next,
    /// The series before.
    Before,
    /// Faults, or the heat strip again.
    Faults,
}

/// Everything gathered so far.
pub(super) struct State {
    manifest: Manifest,
    load: Option<usize>,
    total_ns: u64,
    series: Vec<Series>,
    flows: VecDeque<Flow>,
    connections: Connections,
    ever: Connections,
    faults: [u64; Fault::COUNT],
    not_offered: [u64; NotOffered::COUNT],
    planned: u64,
    sent: u64,
    lag: Hist,
    lag_ours: Hist,
    lag_recent: VecDeque<Brief>,
    late_wakeups: u64,
    lane_busy: f64,
    lane_busy_max: f64,
    busy_ns: u64,
    busy_longest_ns: u64,
    pauses: Vec<Pause>,
    t_ns: u64,
    phase: &'static str,
    /// What the reader chose.
    pub(super) looking: Looking,
}

/// A row of the table: times in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// Name of the series.
    pub(super) name: String,
    /// Answers a second within the window.
    pub(super) per_s: f64,
    /// [`QUANTILES`] of the window.
    pub(super) window: [Shown; 3],
    /// [`QUANTILES`] of what was measured so far.
    pub(super) whole: [Shown; 3],
    /// Largest time measured so far.
    pub(super) max: Option<u64>,
}

/// All that is drawn.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// Profile and target.
    pub(super) title: String,
    /// Phase of the plan.
    pub(super) phase: &'static str,
    /// Time gone, in nanoseconds.
    pub(super) t_ns: u64,
    /// Planned end, in nanoseconds.
    pub(super) total_ns: u64,
    /// Why the run is not valid so far; empty when it is.
    pub(super) doubts: Vec<String>,
    /// Newest last, at most [`STRIP`].
    pub(super) flows: Vec<Flow>,
    /// A row for each series that has answers, and its index.
    pub(super) rows: Vec<Row>,
    /// Index in `rows` of the chosen series.
    pub(super) chosen: usize,
    /// Counts by cell of the chosen series, a column a second, newest last.
    pub(super) heat: Vec<Vec<(usize, u64)>>,
    /// Connections now.
    pub(super) connections: Connections,
    /// Increments summed over the run.
    pub(super) ever: Connections,
    /// Clients of the plan.
    pub(super) clients: u64,
    /// Kinds of faults with their counts, most common first.
    pub(super) faults: Vec<(&'static str, u64)>,
    /// Planned sends that did not happen, by cause.
    pub(super) not_offered: Vec<(&'static str, u64)>,
    /// Lag: p99 of the window and of what was measured so far.
    pub(super) lag: [Shown; 2],
    /// Wake-ups that came late in the measured time.
    pub(super) late_wakeups: u64,
    /// Busiest lane, now and ever.
    pub(super) lane_busy: [f64; 2],
    /// Pauses of the process in the measured time.
    pub(super) pauses: usize,
    /// What the reader chose.
    pub(super) looking: Looking,
}

impl State {
    /// Before the first second of the run of `manifest`, whose script has these series in order.
    pub(super) fn new(manifest: Manifest, names: impl Iterator<Item = String>, load: Option<usize>) -> Self {
        let plan = &manifest.plan;
        State {
            load,
            total_ns: plan.ramp_ns + plan.warmup_ns + plan.duration_ns,
            series: names.map(|name| Series { name, ..Series::default() }).collect(),
            flows: VecDeque::new(),
            connections: Connections::default(),
            ever: Connections::default(),
            faults: [0; Fault::COUNT],
            not_offered: [0; NotOffered::COUNT],
            planned: 0,
            sent: 0,
            lag: Hist::new(),
            lag_ours: Hist::new(),
            lag_recent: VecDeque::new(),
            late_wakeups: 0,
            lane_busy: 0.0,
            lane_busy_max: 0.0,
            busy_ns: 0,
            busy_longest_ns: 0,
            pauses: Vec::new(),
            t_ns: 0,
            phase: "ramp",
            looking: Looking { paused: false, window: 1, series: load.unwrap_or(0), faults: false },
            manifest,
        }
    }

    /// A second has closed; `row` is what the record keeps of it.
    pub(super) fn second(&mut self, second: &Second, row: &CounterRow) {
        let span_s = second.end_ns.saturating_sub(second.start_ns).max(1) as f64 / SECOND as f64;
        let counts = &second.tally.counts;
        let per_s = [counts.planned, counts.sent, counts.answered + counts.late].map(|n| n as f64 / span_s);
        push(&mut self.flows, Flow { per_s }, STRIP);
        (self.t_ns, self.phase, self.connections) = (second.end_ns, second.phase, second.connections);
        self.ever.merge(&second.connections);
        counts.faults.iter().zip(&mut self.faults).for_each(|(n, sum)| *sum += n);
        counts.not_offered.iter().zip(&mut self.not_offered).for_each(|(n, sum)| *sum += n);
        self.planned += counts.planned;
        self.sent += counts.sent;
        let is_measured = second.phase == "measure";
        let counts_sends = self.manifest.series.iter().all(|series| !series.load || series.counts_sends());
        for (at, series) in self.series.iter_mut().enumerate() {
            let own = if counts_sends && self.load == Some(at) { counts.unanswered } else { 0 };
            let unanswered = own + counts.series_unanswered.get(at).copied().unwrap_or(0);
            let [warm, measured] = [Phase::Warmup, Phase::Measure].map(|p| &second.tally.phases[p as usize].series[at].response);
            series.whole.merge(measured);
            series.unanswered += if is_measured { unanswered } else { 0 };
            push(&mut series.recent, Brief::of(&[warm, measured], unanswered), STRIP);
        }
        self.generator(second, row, is_measured);
    }

    fn generator(&mut self, second: &Second, row: &CounterRow, is_measured: bool) {
        let [warm, measured] = [Phase::Warmup, Phase::Measure].map(|p| &second.tally.phases[p as usize].lag);
        push(&mut self.lag_recent, Brief::of(&[warm, measured], 0), STRIP);
        self.lag.merge(measured);
        if judge::lag_is_ours(row, measured.quantile(0.99).unwrap_or(0)) {
            self.lag_ours.merge(measured);
        }
        self.lane_busy = second.lane_busy;
        if is_measured {
            self.late_wakeups += second.tally.counts.late_wakeups;
            self.lane_busy_max = self.lane_busy_max.max(second.lane_busy);
            let span = second.end_ns.saturating_sub(second.start_ns);
            self.busy_ns = if second.lane_busy > judge::BUSY_SHARE { self.busy_ns + span } else { 0 };
            self.busy_longest_ns = self.busy_longest_ns.max(self.busy_ns);
            self.pauses.extend(second.pauses.iter().map(|gap| Pause { at_ns: gap.at_ns, length_ns: gap.length_ns }));
        }
    }

    /// A key was pressed.
    pub(super) fn press(&mut self, key: Key) {
        let shown: Vec<usize> = self.shown().collect();
        let at = shown.iter().position(|series| *series == self.looking.series).unwrap_or(0);
        let turn = |by: usize| shown.get((at + by) % shown.len().max(1)).copied();
        let looking = self.looking;
        match key {
            Key::Pause => self.looking.paused = !looking.paused,
            Key::Longer => self.looking.window = (looking.window + 1).min(WINDOWS.len() - 1),
            Key::Shorter => self.looking.window = looking.window.saturating_sub(1),
            Key::Next => self.looking.series = turn(1).unwrap_or(looking.series),
            Key::Before => self.looking.series = turn(shown.len().max(1) - 1).unwrap_or(looking.series),
            Key::Faults => self.looking.faults = !looking.faults,
        }
    }

    /// Series that have something to show.
    fn shown(&self) -> impl Iterator<Item = usize> {
        let has = |at: &usize| !self.series[*at].whole.is_empty() || self.series[*at].recent.iter().any(|b| b.exact.count > 0);
        (0..self.series.len()).filter(move |at| has(at) || self.load == Some(*at))
    }

    /// What there is to draw now.
    pub(super) fn picture(&self) -> Picture {
        let shown: Vec<usize> = self.shown().collect();
        let chosen = shown.iter().position(|series| *series == self.looking.series).unwrap_or(0);
        let heat = shown.get(chosen).map(|at| self.series[*at].recent.iter().map(|brief| brief.heat.clone()).collect());
        let timeout = self.manifest.plan.timeout_ns;
        let lag_window = merged(&self.lag_recent, WINDOWS[self.looking.window]).0;
        let plan = &self.manifest.plan;
        Picture {
            title: format!("{} -> {}", plan.profile, plan.target),
            phase: self.phase,
            t_ns: self.t_ns,
            total_ns: self.total_ns,
            doubts: self.doubts(),
            flows: self.flows.iter().copied().collect(),
            rows: shown.iter().map(|at| self.row(*at, timeout)).collect(),
            chosen,
            heat: heat.unwrap_or_default(),
            connections: self.connections,
            ever: self.ever,
            clients: plan.clients,
            faults: counted(Fault::ALL.iter().map(|f| f.name()).zip(self.faults)),
            not_offered: counted(NotOffered::ALL.iter().map(|n| n.name()).zip(self.not_offered)),
            lag: [&lag_window, &self.lag].map(|hist| Answers::all(Some(hist)).quantile(0.99, SHOW_BEYOND)),
            late_wakeups: self.late_wakeups,
            lane_busy: [self.lane_busy, self.lane_busy_max],
            pauses: self.pauses.len(),
            looking: self.looking,
        }
    }

    fn row(&self, at: usize, timeout: u64) -> Row {
        let series = &self.series[at];
        let seconds = WINDOWS[self.looking.window];
        let (window, unanswered) = merged(&series.recent, seconds);
        let quantiles = |hist: &Hist, unanswered: u64| {
            let answers = Answers::censored(Some(hist), unanswered, timeout);
            QUANTILES.map(|q| answers.quantile(q, SHOW_BEYOND))
        };
        Row {
            name: series.name.clone(),
            per_s: window.len() as f64 / series.recent.len().clamp(1, seconds) as f64,
            window: quantiles(&window, unanswered),
            whole: quantiles(&series.whole, series.unanswered),
            max: Some(series.whole.exact().max).filter(|_| !series.whole.is_empty()),
        }
    }

    /// What the verdict would hold against the generator if the run ended now.
    fn doubts(&self) -> Vec<String> {
        let causes = NotOffered::ALL.iter().map(|cause| cause.name().to_owned());
        let figures = Figures {
            open_loop: self.manifest.plan.closed.is_none(),
            lag: self.lag(),
            late_wakeups: self.late_wakeups,
            lane_busy_over_s: self.busy_longest_ns / SECOND,
            lane_busy_max: self.lane_busy_max,
            pauses: self.pauses.clone(),
            planned: self.planned,
            sent: self.sent,
            not_offered: causes.zip(self.not_offered).filter(|(_, n)| *n > 0).collect(),
            opened: self.ever.opened,
            failed: self.ever.failed,
            coverage: 1.0,
            ..Figures::default()
        };
        let (verdict, reasons) = judge::judge(&figures, &[]);
        if verdict == Verdict::Invalid { reasons } else { Vec::new() }
    }

    fn lag(&self) -> Option<Lag> {
        let answers = Answers::all(Some(&self.lag));
        let (quantile, q) = LAG_QUANTILES.into_iter().find(|(_, q)| answers.beyond(*q) >= SHOW_BEYOND)?;
        let value_ns = self.lag.quantile(q)?;
        let allowed_ns = judge::lag_allowed_ns(self.load.and_then(|at| self.series[at].whole.quantile(q)));
        let late: u64 = self.lag_ours.buckets().filter(|(ns, _)| *ns > allowed_ns).map(|(_, n)| n).sum();
        let ours = value_ns > allowed_ns && late as f64 > (1.0 - q) * self.lag.len() as f64;
        Some(Lag { quantile, value_ns, allowed_ns, ours })
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(item);
}

/// The newest `seconds` as one histogram, and how many stayed unanswered in them.
fn merged(recent: &VecDeque<Brief>, seconds: usize) -> (Hist, u64) {
    let (mut hist, mut unanswered) = (Hist::new(), 0);
    for brief in recent.iter().rev().take(seconds) {
        hist.merge_buckets(brief.buckets.iter().copied(), &brief.exact);
        unanswered += brief.unanswered;
    }
    (hist, unanswered)
}

/// What occurred, most common first.
fn counted(all: impl Iterator<Item = (&'static str, u64)>) -> Vec<(&'static str, u64)> {
    let mut some: Vec<_> = all.filter(|(_, n)| *n > 0).collect();
    some.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    some
}

#[cfg(test)]
#[path = "state_tests.rs"]
pub(super) mod tests;
