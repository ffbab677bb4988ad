//! `summary.json`: the numbers that scripts read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::Verdict;
use crate::profile::Class;
use crate::record::FleetRecord;
use crate::record::TraceRecord;
use crate::report::hops::SummaryHops;

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
    /// How messages of one client reached several; `None` where none was for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fan_out: Option<SummaryFanOut>,
    /// Kernel, WebSocket layer and application apart, in a run that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hops: Option<SummaryHops>,
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

/// How messages of one client reached the several that were to see them, in the measure phase.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SummaryFanOut {
    /// By series.
    pub series: Vec<SummaryFanOutSeries>,
    /// Receivers, the slowest first; the same place of all groups and all series together.
    pub receivers: Vec<SummaryReceiver>,
}

/// The fan-out of one series. Quantiles as in [`SummarySeries::response`], of messages: time from the planned send until it was
/// seen by so many.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SummaryFanOutSeries {
    /// Name of the series.
    pub name: String,
    /// Receivers of each message.
    pub receivers: u64,
    /// Messages.
    pub messages: u64,
    /// Messages that at least one receiver saw.
    pub reached_one: u64,
    /// Messages that all receivers saw.
    pub reached_all: u64,
    /// Until the first receiver saw it.
    pub first: BTreeMap<String, Option<u64>>,
    /// Until half of the receivers had seen it.
    pub median: BTreeMap<String, Option<u64>>,
    /// Until all had seen it.
    pub last: BTreeMap<String, Option<u64>>,
    /// From the first receiver to the last.
    pub spread: BTreeMap<String, Option<u64>>,
}

/// A receiver of a fan-out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SummaryReceiver {
    /// Role, with its number in the group when there are several.
    pub name: String,
    /// Messages that it saw.
    pub seen: u64,
    /// Messages that were for it and that it did not see.
    pub missed: u64,
    /// Mean time behind the first receiver; `None` when it saw nothing.
    pub behind_ns: Option<u64>,
    /// Of the messages that all saw, the share that it saw last, 0 to 1; even is one part of as many as there are receivers.
    pub last_share: f64,
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
