//! What a record says of the generator itself.

use serde::Deserialize;
use serde::Serialize;

/// The generator's own account over the measure phase.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Generator {
    /// CPU time of the process.
    pub cpu_ns: u64,
    /// Peak resident memory in bytes, over the whole run.
    pub rss_peak_bytes: u64,
    /// Largest share of a core that one lane used in any second, 0 to 1.
    pub lane_busy_max: f64,
    /// Longest stretch in seconds that a lane stayed above 90 %.
    pub lane_busy_over_s: u64,
    /// Wake-ups more than half a tick late.
    pub late_wakeups: u64,
    /// Pauses of the whole process above 50 ms: start on the run clock and length.
    pub pauses: Vec<Pause>,
    /// Busy share of the dialer's runtime over the run, 0 to 1.
    pub dialer_busy: f64,
}

/// A pause of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Start on the run clock in nanoseconds.
    pub at_ns: u64,
    /// Length in nanoseconds.
    pub length_ns: u64,
}
