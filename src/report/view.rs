//! The numbers of a report, named, ordered, with units. Computed once from a run; formats only
//! draw it. No I/O, no clock: the same run gives the same view.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::profile::Class;
use crate::record::FleetRecord;
use crate::record::TraceRecord;
use crate::record::packed::Bundle;

/// Schema of `summary.json`.
pub const SUMMARY_SCHEMA: &str = "volley.summary/1";

/// The one word on a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Valid, and every limit holds.
    Pass,
    /// A limit broke, or the peer did not take more than 1 % of the planned load.
    Fail,
    /// The generator or its machine was the limit.
    Invalid,
    /// Part of a fleet was lost.
    Degraded,
    /// Ended by a signal or a stop rule.
    Aborted,
}

/// What CI scripts read. Times are integer nanoseconds; `None` (null) where too few samples stand
/// behind a figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// `volley.summary/1`.
    pub schema: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in words; empty on an undisturbed pass.
    pub reasons: Vec<String>,
    /// Which run.
    pub run: SummaryRun,
    /// Exact counts of load exchanges over the whole run.
    pub counts: SummaryCounts,
    /// Connections over the whole run.
    pub connections: SummaryConnections,
    /// What a storm did, in a run that had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<SummaryStorm>,
    /// Kernel, WebSocket layer and application apart, in a run that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hops: Option<super::hops::SummaryHops>,
    /// The machines of a fleet and how each fared; `None` on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetRecord>,
    /// Series of the measure phase.
    pub series: Vec<SummarySeries>,
    /// sent - due in the measure phase.
    pub lag: BTreeMap<String, Option<u64>>,
    /// Our own delay before reactive sends in the measure phase.
    pub reaction: BTreeMap<String, Option<u64>>,
    /// From the kernel's receive stamp to the read in the measure phase.
    pub read_delay: BTreeMap<String, Option<u64>>,
    /// The generator's own account over the measure phase.
    pub generator: SummaryGenerator,
    /// Limits with the value found.
    pub limits: Vec<SummaryLimit>,
    /// Alternative texts of the PNG plots by file name.
    pub alt: BTreeMap<String, String>,
}

/// Which run a summary is of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SummaryRun {
    /// Run id.
    pub id: String,
    /// Profile name.
    pub profile: String,
    /// Dialect spoken.
    pub dialect: Option<String>,
    /// Target without secrets.
    pub target: String,
    /// Start, RFC 3339 UTC.
    pub started: String,
    /// Virtual clients.
    pub clients: u64,
    /// The trace that was played in the place of a load at a rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceRecord>,
    /// Measured time.
    pub duration_ns: u64,
    /// Warm-up.
    pub warmup_ns: u64,
    /// Lanes.
    pub lanes: u32,
    /// Seed.
    pub seed: u64,
    /// Version of the program.
    pub version: String,
}

/// Exact counts over the whole run: `planned = sent + not_offered`,
/// `sent = answered + late + unanswered + no_answer_expected`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SummaryCounts {
    /// Load sends that fell due.
    pub planned: u64,
    /// Load sends written.
    pub sent: u64,
    /// Load sends that did not happen, by cause.
    pub not_offered: BTreeMap<String, u64>,
    /// Answered within the timeout.
    pub answered: u64,
    /// Answered after it.
    pub late: u64,
    /// Never answered.
    pub unanswered: u64,
    /// Sends no answer is expected for.
    pub no_answer_expected: u64,
    /// Answers to what was answered already.
    pub duplicate: u64,
    /// Answers that fit no exchange.
    pub unsolicited: u64,
    /// Messages that came again because a client asked for what it had missed.
    #[serde(default)]
    pub replayed: u64,
    /// Sights of sends that came only so.
    #[serde(default)]
    pub recovered: u64,
    /// Sends of a trace that waited for what had to come first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited: u64,
    /// Sends of a trace that nobody asked for, so that they were not due.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unasked: u64,
    /// All messages sent, by kind.
    pub messages_out: BTreeMap<String, u64>,
    /// All messages received, by kind.
    pub messages_in: BTreeMap<String, u64>,
    /// Bytes written.
    pub bytes_out: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
    /// Close frames by code.
    pub closes: BTreeMap<String, u64>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Connections over the whole run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SummaryConnections {
    /// Clients that were to connect.
    pub asked: u64,
    /// Connections opened, again ones included.
    pub opened: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Connections opened again by the same client.
    pub reconnects: u64,
    /// Most open at one instant.
    pub peak: u64,
}

/// What a storm did. Counts and times of the seconds from the storm until all were back, or the end. Times in nanoseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SummaryStorm {
    /// As typed: `cut:50%@30s`.
    pub what: String,
    /// When it was due, from the start of the run.
    pub at_ns: u64,
    /// Connections that it ended.
    pub struck: u64,
    /// Clients of them that were ready again.
    pub back: u64,
    /// From the instant it was due until a half (`p50`), 95 % (`p95`) and all of them (`p100`) were ready again; `None` if that
    /// never was.
    pub recovery: BTreeMap<String, Option<u64>>,
    /// Attempts to connect that failed.
    pub failed: u64,
    /// Sends that did not happen.
    pub not_offered: u64,
    /// Sends never answered.
    pub unanswered: u64,
    /// What making a connection took: series to `p50`, `p99`, `max`.
    pub opening: BTreeMap<String, BTreeMap<String, Option<u64>>>,
}

/// How many of those that a storm struck were back over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StormCurve {
    /// Clients struck.
    pub struck: u64,
    /// Nanoseconds since the storm, and clients back by then; both rise.
    pub points: Vec<(u64, u64)>,
}

/// A series of the measure phase.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SummarySeries {
    /// Name.
    pub name: String,
    /// How answers were matched.
    pub class: Class,
    /// Role that measured it.
    pub role: String,
    /// Answers recorded.
    pub count: u64,
    /// Answers a second over the measured time.
    pub rate_per_s: f64,
    /// Exchanges of this series never answered (whole run).
    pub unanswered: u64,
    /// Answers by the kind of message that gave them (whole run).
    pub outcomes: BTreeMap<String, u64>,
    /// Quantiles of done - due: keys `min p50 p90 p95 p99 p99.9 p99.99 max mean`.
    pub response: BTreeMap<String, Option<u64>>,
    /// Quantiles of done - sent, same keys.
    pub service: BTreeMap<String, Option<u64>>,
    /// Doubts: `censored` (a quantile lies past the answered share), `fifo_unsettled`, ...
    pub flags: Vec<String>,
}

impl SummarySeries {
    /// Whether quantile `q`, when it is `None`, lies above the timeout instead of lacking samples.
    pub fn is_censored(&self, q: f64) -> bool {
        let beyond = self.count.saturating_add(self.unanswered) as f64 * (1.0 - q) + 1e-6;
        beyond >= 10.0 && self.flags.iter().any(|flag| flag == "censored")
    }
}

/// The generator's own account over the measure phase.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SummaryGenerator {
    /// CPU time of the process.
    pub cpu_ns: u64,
    /// CPU time per answered (or, where none is expected, sent) exchange; `None` when there was none.
    pub cpu_ns_per_exchange: Option<u64>,
    /// Peak resident memory in bytes.
    pub rss_peak_bytes: u64,
    /// Largest share of a core one lane used in any second, 0 to 1.
    pub lane_busy_max: f64,
    /// Wake-ups more than half a tick late.
    pub late_wakeups: u64,
    /// Pauses of the process above 50 ms.
    pub pauses: Vec<crate::record::Pause>,
}

/// A limit with the value found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SummaryLimit {
    /// As written.
    pub expr: String,
    /// The value found, with its unit, in words; `None` when there are too few samples.
    pub value: Option<String>,
    /// Whether it holds; `None` when it cannot be judged.
    pub ok: Option<bool>,
    /// What to know, in words (`23 of 100 samples needed`, `margin 24 %`).
    pub note: String,
}

/// Everything a report shows.
#[derive(Clone, Debug)]
pub struct View {
    /// The summary; `summary.json` is exactly this.
    pub summary: Summary,
    /// Can I trust this run? One line a check.
    pub trust: Vec<TrustLine>,
    /// Percentile curves: response and service of each series with samples.
    pub curves: Vec<Curve>,
    /// Latency over time of each series with samples.
    pub heats: Vec<Heat>,
    /// How often each time occurred, of each series with samples in the measure phase.
    pub distributions: Vec<Distribution>,
    /// Latency of the main series at each level of load; empty where the load hardly changed.
    pub levels: Vec<Level>,
    /// Who was back when after a storm.
    pub storm: Option<StormCurve>,
    /// Load over time.
    pub timeline: Timeline,
    /// Faults, closes and sends that did not happen: what, how many, first and last second.
    pub errors: Vec<ErrorLine>,
    /// Environment and recipe: name and value, in order.
    pub environment: Vec<(String, String)>,
    /// Command that repeats the run.
    pub repeat: String,
    /// What is missing in the record, in words.
    pub missing: Vec<String>,
    /// Timeout, above which a censored quantile lies.
    pub timeout_ns: u64,
    /// The run itself, for pages that carry it; `None` when it goes on or is too long.
    pub data: Option<Bundle>,
}

/// One check of the generator itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustLine {
    /// What was checked.
    pub name: String,
    /// The value found, with unit.
    pub value: String,
    /// The bound, with unit.
    pub bound: String,
    /// Whether it holds; `None` for a figure without a bound.
    pub ok: Option<bool>,
}

/// A percentile curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Series name.
    pub series: String,
    /// Whether this is service time instead of response time.
    pub service: bool,
    /// Samples behind it.
    pub count: u64,
    /// Quantile (0 to below 1) and value in nanoseconds, both rising. Ends where samples end.
    pub points: Vec<(f64, u64)>,
    /// Answers up to the value of each point.
    pub up_to: Vec<u64>,
}

/// Latency over time: a grid of counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    /// Series name.
    pub series: String,
    /// Start of the first column on the run clock in nanoseconds.
    pub t0_ns: u64,
    /// Width of a column in nanoseconds.
    pub column_ns: u64,
    /// Lower edges of the rows in nanoseconds, rising by a constant factor, with the upper edge of
    /// the last row at the end: `rows + 1` values.
    pub edges_ns: Vec<u64>,
    /// Counts, column by column, each with a count per row from low to high.
    pub columns: Vec<Vec<u64>>,
    /// p50 of each column in nanoseconds, `None` where nothing was answered.
    pub p50: Vec<Option<u64>>,
    /// p90 of each column in nanoseconds, `None` with fewer than 10 samples beyond it.
    pub p90: Vec<Option<u64>>,
    /// p99 of each column in nanoseconds, as for p90.
    pub p99: Vec<Option<u64>>,
    /// Largest value of each column in nanoseconds.
    pub max: Vec<Option<u64>>,
    /// Faults and unanswered exchanges in each column.
    pub errors: Vec<u64>,
}

/// How often each response time of a series occurred in the measure phase.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Series name.
    pub series: String,
    /// Edges of the rows in nanoseconds, rising by a constant factor: one more than there are rows.
    pub edges_ns: Vec<u64>,
    /// Answers in each row.
    pub counts: Vec<u64>,
}

/// Latency of the main series over the measured seconds in which about so much was planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Mean of the sends that fell due a second.
    pub planned_per_s: f64,
    /// Mean of the answers a second.
    pub answered_per_s: f64,
    /// Seconds of this level.
    pub seconds: usize,
    /// p50 of response in nanoseconds, `None` with fewer than 10 samples beyond it.
    pub p50: Option<u64>,
    /// p99 of response, as for p50.
    pub p99: Option<u64>,
}

/// Load over time. All vectors have one entry a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// Middle of the second on the run clock, in seconds.
    pub t_s: Vec<f64>,
    /// Load sends that fell due, a second.
    pub planned: Vec<f64>,
    /// Load sends written, a second.
    pub sent: Vec<f64>,
    /// Load exchanges answered (in time or late), a second.
    pub answered: Vec<f64>,
    /// Connections open.
    pub open: Vec<u64>,
    /// p50 of response of the main series in nanoseconds.
    pub p50: Vec<Option<u64>>,
    /// p99 of response of the main series in nanoseconds.
    pub p99: Vec<Option<u64>>,
    /// Name of the main series; empty when nothing was answered.
    pub series: String,
    /// Phases: name, start and end on the run clock in seconds.
    pub phases: Vec<(String, f64, f64)>,
}

/// A kind of trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorLine {
    /// `fault`, `close`, `not offered`, `unanswered`, `late`, `duplicate`, `unsolicited`, `error answer`.
    pub group: String,
    /// Kind within the group.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// First second it was seen, on the run clock in nanoseconds.
    pub first_ns: u64,
    /// Last second it was seen.
    pub last_ns: u64,
    /// Up to three texts, redacted.
    pub examples: Vec<String>,
}
