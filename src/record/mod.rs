//! The run on disk: a directory that any reader understands without anything else.
//!
//! ```text
//! run.json         manifest: plan, machine, names, and how the run ended; rewritten by rename only
//! intervals.hlog   HdrHistogram log V2, a line per second and histogram; append only
//! counters.ndjson  a line per second of exact increments; append only
//! events.ndjson    what happened when; append only
//! totals.hlog      totals and six sections per histogram, written at close
//! summary.json, report.html, *.png   derived, can be rebuilt
//! ```
//!
//! Tags of histograms: `NAME` (response), `NAME/service`, `lag`, `reaction`, `read_delay`; those of
//! ramp and warm-up begin with `warmup/`. Histograms are in nanoseconds. In `totals.hlog`, and so in
//! [`Run::totals`], `NAME#1` to `NAME#6` are six equal sections of the measure phase.
//!
//! [`mod@write`] makes a record while the run happens, [`read`](mod@read) takes it back, whole or cut
//! short; [`machine`] says where it was made. [`packed`] makes a run small enough to travel inside a page, [`whole`] writes such a
//! one down again. `schemas/` has JSON Schemas for others; `tests/ci/run.sh` holds them to what is written.

mod fleet;
mod generator;
mod held;
mod hlog;
mod lines;
pub mod machine;
mod manifest;
pub mod packed;
pub mod read;
pub mod row;
mod run;
mod sections;
mod totals;
pub mod whole;
pub mod write;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::profile::Class;
use crate::tally::Connections;
use crate::tally::Exact;
pub use fleet::AgentRecord;
pub use fleet::FleetRecord;
pub use fleet::FormerRecord;
pub use generator::Generator;
pub use generator::Pause;
pub use read::Known;
pub use read::ReadError;
pub use read::read;
pub use read::read_some;
pub use run::Interval;
pub use run::Run;
pub use sections::SECTION_MARK;
pub use sections::SECTIONS;
pub use sections::WARMUP;
pub use write::Writer;

/// Schema of the manifest.
pub const RUN_SCHEMA: &str = "volley.run/1";

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Being recorded, or its process died.
    Running,
    /// Ended as planned.
    Complete,
    /// Ended before its time by a signal or a stop rule.
    Stopped,
}

/// Why a run ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// A signal, by number.
    Signal(i32),
    /// More than half of everything failed for ten seconds.
    Failing,
    /// A limit that ends a run broke: which, and how.
    Limit(String),
    /// A run with many machines was ended: why.
    Abort(String),
}

/// `run.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// `volley.run/1`.
    pub schema: String,
    /// Version of the program that made it.
    pub version: String,
    /// Short random id.
    pub id: String,
    /// How the run stands.
    pub state: State,
    /// Start, RFC 3339 in UTC.
    pub started: String,
    /// Process that records it.
    pub pid: u32,
    /// Command line without secrets.
    pub command: Vec<String>,
    /// What was to be done.
    pub plan: PlanRecord,
    /// Where it ran.
    pub machine: Machine,
    /// The profile's TOML.
    pub profile_text: String,
    /// Series in order; `ws_ping` and the connection series included.
    pub series: Vec<SeriesRecord>,
    /// Kinds of messages that are errors taking the place of an answer.
    #[serde(default)]
    pub error_kinds: Vec<String>,
    /// How it ended; `None` while it runs or when the process died.
    pub finish: Option<Finish>,
    /// Number of shards; 1 on one machine.
    pub shards: u32,
    /// Share of the plan that the record covers, 0 to 1.
    pub coverage: f64,
    /// Agents that took part; empty on one machine.
    pub agents: Vec<String>,
    /// How each of them fared; `None` on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetRecord>,
}

/// A trace that was played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceRecord {
    /// Its file as typed.
    pub file: String,
    /// How many times as fast as recorded.
    pub speed: f64,
    /// How often it was played at once.
    pub clones: u64,
    /// Connections recorded.
    pub connections: u64,
    /// Frames recorded that clients sent.
    pub frames: u64,
    /// Length as recorded, in nanoseconds.
    pub length_ns: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A storm that was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StormRecord {
    /// As typed: `cut:50%@30s`.
    pub what: String,
    /// When it was due on the run clock, in nanoseconds.
    pub at_ns: u64,
}

/// The plan as stored. Times in nanoseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanRecord {
    /// Profile name.
    pub profile: String,
    /// Dialect spoken.
    pub dialect: Option<String>,
    /// Target without secrets.
    pub target: String,
    /// Whether the target was the reference server started for this run.
    pub reference_server: bool,
    /// Address that the target's name led to, asked for once; empty in older records.
    #[serde(default)]
    pub address: String,
    /// Where requests over HTTP went, when that was not the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// Local addresses that connections came from in turn; empty when the kernel chose.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Whether any certificate of the server would have done.
    #[serde(default)]
    pub insecure: bool,
    /// Virtual clients.
    pub clients: u64,
    /// How many of them are there over the measured time, in words; `None` when all are, from the ramp to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<String>,
    /// The trace that was played in the place of a load at a rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceRecord>,
    /// Rate in words (`10/s`), or the trace and its speed; `None` in closed loop.
    pub rate: Option<String>,
    /// Outstanding exchanges per client in closed loop.
    pub closed: Option<u32>,
    /// Ramp.
    pub ramp_ns: u64,
    /// Warm-up after the ramp.
    pub warmup_ns: u64,
    /// Measured time.
    pub duration_ns: u64,
    /// How long an answer is waited for.
    pub timeout_ns: u64,
    /// Seed of everything random.
    pub seed: u64,
    /// Lanes.
    pub lanes: u32,
    /// The storm, as `cut:50%@30s`, and when it was due on the run clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<StormRecord>,
    /// Whether lanes woke early and spun to each tick.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub precise: bool,
    /// `kernel` or `read`.
    pub stamps: String,
    /// Declared harm of the profile.
    pub harm: Option<String>,
    /// Variables that are not secret.
    pub vars: BTreeMap<String, String>,
    /// Limits as written.
    pub limits: Vec<String>,
}

impl PlanRecord {
    /// Start of the measure phase on the run clock.
    pub fn measure_from_ns(&self) -> u64 {
        self.ramp_ns + self.warmup_ns
    }

    /// End of the measure phase on the run clock.
    pub fn measure_until_ns(&self) -> u64 {
        self.measure_from_ns() + self.duration_ns
    }
}

/// A series as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeriesRecord {
    /// Name.
    pub name: String,
    /// How answers were matched.
    pub class: Class,
    /// One line on what it is.
    pub about: String,
    /// Role that measures it.
    pub role: String,
    /// Whether the load opens its exchanges.
    pub load: bool,
}

/// The machine a run was made on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Kernel name and release.
    pub kernel: String,
    /// CPU model.
    pub cpu: String,
    /// CPUs this process may use.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Open files allowed (after raising).
    pub files: u64,
    /// CPU quota of the control group, in CPUs; `None` for none.
    pub cgroup_cpus: Option<f64>,
    /// Clock source.
    pub clock: String,
}

/// How a run ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Finish {
    /// Length on the run clock in nanoseconds, drain included.
    pub elapsed_ns: u64,
    /// Why it ended before its time.
    pub stop: Option<Stop>,
    /// Load exchanges without an answer.
    pub unanswered: u64,
    /// Doubts about series, by series name: `fifo_unsettled`, `fifo_excess`, `keys_changed`, `read_stamps`.
    pub flags: BTreeMap<String, Vec<String>>,
    /// Most connections open at one instant.
    pub peak_connections: u64,
    /// Distinct fault texts with their counts, at most 100.
    pub fault_texts: BTreeMap<String, u64>,
    /// The generator's own account over the measure phase.
    pub generator: Generator,
    /// Account of the reference server, when it was a child of this run.
    pub server_account: Option<serde_json::Value>,
}

/// A line of `counters.ndjson`: increments of one stretch of about a second, all lanes together.
/// Maps leave zeros out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CounterRow {
    /// Start on the run clock in nanoseconds.
    pub t_ns: u64,
    /// Length in nanoseconds.
    pub span_ns: u64,
    /// `ramp`, `warmup`, `measure` or `drain`.
    pub phase: String,
    /// Load sends that fell due.
    pub planned: u64,
    /// Load sends written.
    pub sent: u64,
    /// Load exchanges answered in time.
    pub answered: u64,
    /// Load exchanges answered after the timeout.
    pub late: u64,
    /// Load exchanges given up before the end of the run.
    pub unanswered: u64,
    /// Load sends that no answer is expected for.
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
    /// Groups whose keys did not come back unchanged.
    #[serde(default)]
    pub fallbacks: u64,
    /// Sends of a trace that waited for what had to come first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited: u64,
    /// Sends of a trace that nobody asked for, so that they were not due.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unasked: u64,
    /// Load sends that did not happen, by cause.
    pub not_offered: BTreeMap<String, u64>,
    /// Messages sent by kind.
    pub messages_out: BTreeMap<String, u64>,
    /// Messages received by kind.
    pub messages_in: BTreeMap<String, u64>,
    /// Bytes written.
    pub bytes_out: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
    /// Close frames received by code.
    pub closes: BTreeMap<String, u64>,
    /// Answers by series, then by the kind of message that gave them.
    pub outcomes: BTreeMap<String, BTreeMap<String, u64>>,
    /// Exchanges of other series given up, by series.
    pub series_unanswered: BTreeMap<String, u64>,
    /// Connections.
    pub connections: Connections,
    /// Exact figures of each histogram of this second, by tag.
    pub exact: BTreeMap<String, Exact>,
    /// Largest busy share of a lane, 0 to 1.
    pub lane_busy: f64,
    /// CPU time of the process in nanoseconds.
    pub cpu_ns: u64,
    /// Resident memory in bytes at the end.
    pub rss_bytes: u64,
    /// Wake-ups more than half a tick late.
    pub late_wakeups: u64,
    /// Longest stretch between two turns of a lane in nanoseconds.
    pub longest_gap_ns: u64,
    /// Answers without a kernel stamp.
    pub unstamped: u64,
}

/// A line of `events.ndjson`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Instant on the run clock in nanoseconds.
    pub t_ns: u64,
    /// Kind: `phase`, `fault`, `pause`, `stop`, `note`.
    pub kind: String,
    /// In words, without secrets.
    pub text: String,
}
