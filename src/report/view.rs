//! The numbers of a report, named, ordered, with units. Computed once from a run; formats only
//! draw it. No I/O, no clock: the same run gives the same view.

mod summary;

use serde::Deserialize;
use serde::Serialize;

use crate::record::packed::Bundle;
pub use summary::Summary;
pub use summary::SummaryConnections;
pub use summary::SummaryCounts;
pub use summary::SummaryFanOut;
pub use summary::SummaryFanOutSeries;
pub use summary::SummaryGenerator;
pub use summary::SummaryLimit;
pub use summary::SummaryReceiver;
pub use summary::SummaryRun;
pub use summary::SummarySeries;
pub use summary::SummaryStorm;

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

/// How many of those that a storm struck were back over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StormCurve {
    /// Clients struck.
    pub struck: u64,
    /// Nanoseconds since the storm, and clients back by then; both rise.
    pub points: Vec<(u64, u64)>,
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
