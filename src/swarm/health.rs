//! Is the generator itself in trouble? Busy shares, pauses, memory, and whether the dialer keeps up.

use std::fs;

use tokio::runtime::Handle;
use tokio_metrics::RuntimeMonitor;

use crate::tally::Gap;
use crate::tally::LaneHealth;
use crate::units::MILLI;
use crate::wire::clock;

/// A stretch without a turn that counts as a pause.
const PAUSE: u64 = 50 * MILLI;
/// Pauses kept per slice.
const PAUSES_KEPT: usize = 16;

/// Watches the turns of one lane.
#[derive(Debug)]
pub(super) struct Watch {
    last_turn: u64,
    slice_from: u64,
    cpu_from: u64,
    longest_gap: u64,
    pauses: Vec<Gap>,
}

impl Watch {
    /// Begins at `now`.
    pub(super) fn new(now: u64) -> Self {
        Watch { last_turn: now, slice_from: now, cpu_from: clock::thread_cpu(), longest_gap: 0, pauses: Vec::new() }
    }

    /// A turn began at `now`.
    #[inline]
    pub(super) fn turn(&mut self, now: u64) {
        let gap = now.saturating_sub(self.last_turn);
        if gap > self.longest_gap {
            self.longest_gap = gap;
        }
        if gap > PAUSE && self.pauses.len() < PAUSES_KEPT {
            self.pauses.push(Gap { at_ns: self.last_turn, length_ns: gap });
        }
        self.last_turn = now;
    }

    /// The health of the slice that ends at `now`.
    pub(super) fn slice(&mut self, now: u64) -> LaneHealth {
        let cpu = clock::thread_cpu();
        let wall = now.saturating_sub(self.slice_from).max(1);
        let health = LaneHealth {
            busy: cpu.saturating_sub(self.cpu_from) as f64 / wall as f64,
            process_cpu_ns: clock::process_cpu(),
            longest_gap_ns: std::mem::take(&mut self.longest_gap),
            pauses: std::mem::take(&mut self.pauses),
        };
        (self.slice_from, self.cpu_from) = (now, cpu);
        health
    }
}

/// Resident memory of this process in bytes: now, and at its peak.
pub(super) fn resident() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name));
        line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1_024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// Watches the dialer's runtime.
pub(super) struct DialerWatch {
    intervals: Box<dyn Iterator<Item = tokio_metrics::RuntimeMetrics> + Send>,
}

impl DialerWatch {
    /// Begins now, on the runtime that this is called on.
    pub(super) fn new() -> Self {
        DialerWatch { intervals: Box::new(RuntimeMonitor::new(&Handle::current()).intervals()) }
    }

    /// Busy share of the runtime since the beginning, 0 to 1.
    pub(super) fn busy(&mut self) -> f64 {
        self.intervals.next().map_or(0.0, |m| {
            let elapsed = m.elapsed.as_secs_f64();
            if elapsed > 0.0 { (m.total_busy_duration.as_secs_f64() / elapsed).min(1.0) } else { 0.0 }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_seen_where_it_was() {
        let mut watch = Watch::new(0);
        for ms in [1, 2, 3, 103, 104] {
            watch.turn(ms * MILLI);
        }
        let health = watch.slice(104 * MILLI);
        assert_eq!(health.pauses, [Gap { at_ns: 3 * MILLI, length_ns: 100 * MILLI }]);
        assert_eq!(health.longest_gap_ns, 100 * MILLI);
        assert_eq!(watch.slice(105 * MILLI).longest_gap_ns, 0);
    }

    #[test]
    fn this_process_has_memory() {
        let (now, peak) = resident();
        assert!(now > 100_000 && peak >= now);
    }
}
