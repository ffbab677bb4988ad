//! What every panel needs of a run: sums of the rows, series with their histograms, the generator's
//! account (from the end of the run, or from its rows when it has no end).

use std::collections::BTreeMap;

use crate::record::CounterRow;
use crate::record::Generator;
use crate::record::Run;
use crate::record::SeriesRecord;
use crate::record::WARMUP;
use crate::report::hops;
use crate::report::judge::BUSY_SHARE;
use crate::report::quantile::Answers;
use crate::report::view::SummaryCounts;
use crate::report::words;
use crate::tally::Hist;
use crate::units::SECOND;

/// A run, summed up.
pub(super) struct Parts<'a> {
    pub(super) run: &'a Run,
    /// Counts of the whole run.
    pub(super) counts: SummaryCounts,
    /// Length of the measured time that was recorded.
    pub(super) measured_ns: u64,
    /// End of the last row on the run clock.
    pub(super) end_ns: u64,
    /// Series in the order of the manifest.
    pub(super) series: Vec<SeriesParts<'a>>,
    /// The generator's account of the measure phase.
    pub(super) generator: Generator,
}

/// A series in the measure phase.
pub(super) struct SeriesParts<'a> {
    pub(super) record: &'a SeriesRecord,
    pub(super) response: Answers<'a>,
    pub(super) service: Answers<'a>,
    /// Never answered, whole run.
    pub(super) unanswered: u64,
    /// Answers by kind, whole run.
    pub(super) outcomes: BTreeMap<String, u64>,
    /// Doubts that the run itself noted.
    pub(super) flags: &'a [String],
}

impl<'a> Parts<'a> {
    pub(super) fn of(run: &'a Run) -> Self {
        let counts = counts(run);
        let end_ns = run.rows.last().map_or(0, |row| row.t_ns.saturating_add(row.span_ns));
        let plan = &run.manifest.plan;
        let measured_end = run.rows.iter().rfind(|row| is_measure(row)).map_or(0, |row| row.t_ns.saturating_add(row.span_ns));
        // A run of a number of messages has no planned length.
        let until = if plan.duration_ns == 0 { u64::MAX } else { plan.measure_until_ns() };
        let measured_ns = measured_end.min(until).saturating_sub(plan.measure_from_ns());
        let series = series(run, &counts);
        let generator = run.manifest.finish.as_ref().map_or_else(|| generator_of_rows(run), |finish| finish.generator.clone());
        Parts { run, counts, measured_ns, end_ns, series, generator }
    }

    /// Times of the generator itself in the measure phase: `lag`, `reaction` or `read_delay`.
    pub(super) fn own(&self, tag: &str) -> Answers<'a> {
        Answers::all(self.run.totals.get(tag))
    }

    /// The main series: the load's first with answers, else the one with most answers; what the kernel tells is no answer.
    pub(super) fn main(&self) -> Option<&SeriesParts<'a>> {
        let load = self.load_series().next();
        let any = || self.series.iter().filter(|s| s.response.answered() > 0 && !hops::KERNEL.contains(&s.record.name.as_str()));
        load.or_else(|| any().max_by_key(|s| s.response.answered()))
    }

    /// Series of the load that have answers.
    pub(super) fn load_series(&self) -> impl Iterator<Item = &SeriesParts<'a>> {
        self.series.iter().filter(|s| s.record.load && s.response.answered() > 0)
    }

    /// Answers of the load in the measure phase.
    pub(super) fn measured_load_answers(&self) -> u64 {
        self.load_series().fold(0, |sum, s| sum.saturating_add(s.response.answered()))
    }

    /// Sum over the rows of the measure phase.
    pub(super) fn measured(&self, of: impl Fn(&CounterRow) -> u64) -> u64 {
        self.run.rows.iter().filter(|row| is_measure(row)).fold(0, |sum, row| sum.saturating_add(of(row)))
    }

    /// Events a second of measured time.
    pub(super) fn per_measured_s(&self, n: u64) -> f64 {
        if self.measured_ns == 0 { 0.0 } else { n as f64 * SECOND as f64 / self.measured_ns as f64 }
    }

    /// Counts that should add up and do not, in words.
    pub(super) fn contradictions(&self) -> Vec<String> {
        let c = &self.counts;
        let not_offered: u64 = words::sum(&c.not_offered);
        let fates = [c.answered, c.late, c.unanswered, c.no_answer_expected].into_iter().fold(0u64, u64::saturating_add);
        let planned = (c.planned != c.sent.saturating_add(not_offered))
            .then(|| format!("counts do not add up: planned {} is not sent {} and not offered {not_offered}", c.planned, c.sent));
        let sent = (c.sent != fates).then(|| {
            format!(
                "counts do not add up: sent {} is not answered {}, late {}, unanswered {} and without answer {}",
                c.sent, c.answered, c.late, c.unanswered, c.no_answer_expected
            )
        });
        planned.into_iter().chain(sent).collect()
    }
}

pub(super) fn is_measure(row: &CounterRow) -> bool {
    row.phase == "measure"
}

/// Both tags of a series: in the measure phase, and before it.
pub(super) fn tags(name: &str) -> [String; 2] {
    [name.to_owned(), format!("{WARMUP}{name}")]
}

fn counts(run: &Run) -> SummaryCounts {
    let mut c = SummaryCounts::default();
    let mut given_up = 0;
    for row in &run.rows {
        for (into, n) in [
            (&mut c.planned, row.planned),
            (&mut c.sent, row.sent),
            (&mut c.answered, row.answered),
            (&mut c.late, row.late),
            (&mut c.no_answer_expected, row.no_answer_expected),
            (&mut c.duplicate, row.duplicate),
            (&mut c.unsolicited, row.unsolicited),
            (&mut c.replayed, row.replayed),
            (&mut c.recovered, row.recovered),
            (&mut c.waited, row.waited),
            (&mut c.unasked, row.unasked),
            (&mut c.bytes_out, row.bytes_out),
            (&mut c.bytes_in, row.bytes_in),
            (&mut given_up, row.unanswered),
        ] {
            *into = into.saturating_add(n);
        }
        add(&mut c.not_offered, &row.not_offered);
        add(&mut c.messages_out, &row.messages_out);
        add(&mut c.messages_in, &row.messages_in);
        add(&mut c.faults, &row.faults);
        add(&mut c.closes, &row.closes);
    }
    // Without an end, whatever was not answered so far counts as unanswered.
    let open = [c.answered, c.late, c.no_answer_expected].into_iter().fold(c.sent, u64::saturating_sub);
    c.unanswered = run.manifest.finish.as_ref().map_or(open.max(given_up), |finish| finish.unanswered);
    c
}

fn add(into: &mut BTreeMap<String, u64>, from: &BTreeMap<String, u64>) {
    for (key, n) in from {
        let sum = into.entry(key.clone()).or_default();
        *sum = sum.saturating_add(*n);
    }
}

fn series<'a>(run: &'a Run, counts: &SummaryCounts) -> Vec<SeriesParts<'a>> {
    let mut others: BTreeMap<String, u64> = BTreeMap::new();
    let mut outcomes: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
    for row in &run.rows {
        add(&mut others, &row.series_unanswered);
        row.outcomes.iter().for_each(|(name, kinds)| add(outcomes.entry(name).or_default(), kinds));
    }
    let first_load = run.manifest.series.iter().find(|s| s.counts_sends()).map(|s| s.name.as_str());
    let timeout_ns = run.manifest.plan.timeout_ns;
    let part = |record: &'a SeriesRecord| {
        let name = record.name.as_str();
        let of_load = if first_load == Some(name) { counts.unanswered } else { 0 };
        let unanswered = of_load.saturating_add(others.get(name).copied().unwrap_or(0));
        let answers = |hist: Option<&'a Hist>| Answers::censored(hist, unanswered, timeout_ns);
        SeriesParts {
            record,
            response: answers(run.totals.get(name)),
            service: answers(run.totals.get(&format!("{name}/service"))),
            unanswered,
            outcomes: outcomes.get(name).cloned().unwrap_or_default(),
            flags: run.manifest.finish.as_ref().and_then(|f| f.flags.get(name)).map_or(&[], Vec::as_slice),
        }
    };
    run.manifest.series.iter().map(part).collect()
}

/// What the rows know of the generator, when the run has no end.
fn generator_of_rows(run: &Run) -> Generator {
    let mut own = Generator::default();
    let mut busy_ns = 0u64;
    let mut busy_longest_ns = 0;
    for row in &run.rows {
        own.rss_peak_bytes = own.rss_peak_bytes.max(row.rss_bytes);
        if !is_measure(row) {
            continue;
        }
        own.cpu_ns = own.cpu_ns.saturating_add(row.cpu_ns);
        own.late_wakeups = own.late_wakeups.saturating_add(row.late_wakeups);
        own.lane_busy_max = own.lane_busy_max.max(row.lane_busy);
        busy_ns = if row.lane_busy > BUSY_SHARE { busy_ns.saturating_add(row.span_ns) } else { 0 };
        busy_longest_ns = busy_longest_ns.max(busy_ns);
    }
    own.lane_busy_over_s = busy_longest_ns / SECOND;
    own
}
