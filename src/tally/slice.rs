//! A slice: the tally of one lane for one second, with the lane's health.
//!
//! Slices are what crosses threads; the record and the live line are made of merged slices.

use serde::Deserialize;
use serde::Serialize;

use super::Tally;

/// Connections by state at the end of a slice, and increments within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// Open and ready or opening in the profile's sense, at the end of the slice.
    pub open: u64,
    /// Opened within the slice.
    pub opened: u64,
    /// Attempts that failed within the slice.
    pub failed: u64,
    /// Ended within the slice, by either side.
    pub ended: u64,
}

impl Connections {
    /// Takes another lane's figures of the same second in.
    pub fn merge(&mut self, other: &Connections) {
        self.open += other.open;
        self.opened += other.opened;
        self.failed += other.failed;
        self.ended += other.ended;
    }
}

/// How a lane itself fared within a slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LaneHealth {
    /// CPU time of the lane's thread, in nanoseconds.
    pub busy_ns: u64,
    /// Wall time of the slice, in nanoseconds.
    pub wall_ns: u64,
    /// Longest stretch between two turns of a lane that was due a turn each tick, in nanoseconds.
    pub longest_gap_ns: u64,
}

/// One lane's tally of about one second.
#[derive(Debug)]
pub struct Slice {
    /// Lane number, from 0.
    pub lane: usize,
    /// Number of the second since the run's start.
    pub second: u64,
    /// Start on the run clock, in nanoseconds.
    pub start_ns: u64,
    /// End on the run clock, in nanoseconds.
    pub end_ns: u64,
    /// What was recorded.
    pub tally: Box<Tally>,
    /// Connections of the lane.
    pub connections: Connections,
    /// The lane's health.
    pub health: LaneHealth,
    /// Whether this is the lane's last slice.
    pub last: bool,
}
