//! A slice: the tally of one lane for one second, with the lane's health.
//!
//! Slices are what crosses threads; the record and the live line are made of merged slices.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::Tally;

/// Connections by state at the end of a slice, and increments within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// Open and ready or opening in the profile's sense, at the end of the slice.
    pub open: u64,
    /// Opened within the slice, by whichever attempt.
    pub opened: u64,
    /// Those of them that were not the first of their client.
    #[serde(default)]
    pub reconnects: u64,
    /// Attempts that failed within the slice.
    pub failed: u64,
    /// Struck by a storm within the slice.
    #[serde(default, skip_serializing_if = "is_none")]
    pub struck: u64,
    /// Ended within the slice, by either side.
    pub ended: u64,
}

/// Whether a count is not worth writing.
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Connections {
    /// Takes another lane's figures of the same second in.
    pub fn merge(&mut self, other: &Connections) {
        self.open += other.open;
        self.opened += other.opened;
        self.reconnects += other.reconnects;
        self.failed += other.failed;
        self.struck += other.struck;
        self.ended += other.ended;
    }
}

/// A stretch in which a thread that was due a turn each tick had none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Start on the run clock, in nanoseconds.
    pub at_ns: u64,
    /// Length in nanoseconds.
    pub length_ns: u64,
}

/// How a lane itself fared within a slice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LaneHealth {
    /// Share of a core that the lane's thread used, 0 to 1.
    pub busy: f64,
    /// CPU time of the whole process since its start, in nanoseconds.
    pub process_cpu_ns: u64,
    /// Longest stretch between two turns, in nanoseconds.
    pub longest_gap_ns: u64,
    /// Stretches above 50 ms; the first 16.
    pub pauses: Vec<Gap>,
}

impl LaneHealth {
    /// Takes another lane's health of the same second in: the worse of each figure, and all pauses.
    pub fn merge(&mut self, other: LaneHealth) {
        self.busy = self.busy.max(other.busy);
        self.process_cpu_ns = self.process_cpu_ns.max(other.process_cpu_ns);
        self.longest_gap_ns = self.longest_gap_ns.max(other.longest_gap_ns);
        self.pauses.extend(other.pauses);
    }
}

/// Texts of faults with their counts.
pub type FaultTexts = BTreeMap<String, u64>;

/// One lane's tally of about one second.
#[derive(Debug)]
pub struct Slice {
    /// Lane number, from 0.
    pub lane: usize,
    /// The boundary that ended it, on the run clock in nanoseconds; the same in all lanes.
    pub boundary_ns: u64,
    /// What was recorded.
    pub tally: Box<Tally>,
    /// Connections of the lane.
    pub connections: Connections,
    /// Texts of the faults.
    pub fault_texts: FaultTexts,
    /// The lane's health.
    pub health: LaneHealth,
    /// Whether this is the lane's last slice.
    pub last: bool,
}

/// The slices of all lanes for the same second, merged.
#[derive(Debug)]
pub struct Second {
    /// Start on the run clock, in nanoseconds.
    pub start_ns: u64,
    /// End on the run clock, in nanoseconds.
    pub end_ns: u64,
    /// `ramp`, `warmup`, `measure` or `drain`.
    pub phase: &'static str,
    /// What was recorded.
    pub tally: Box<Tally>,
    /// Connections of all lanes.
    pub connections: Connections,
    /// Largest busy share of a lane, 0 to 1.
    pub lane_busy: f64,
    /// CPU time of the process within the second, in nanoseconds.
    pub cpu_ns: u64,
    /// Resident memory at its end, in bytes.
    pub rss_bytes: u64,
    /// Longest stretch between two turns of a lane, in nanoseconds.
    pub longest_gap_ns: u64,
    /// Stretches above 50 ms.
    pub pauses: Vec<Gap>,
}
