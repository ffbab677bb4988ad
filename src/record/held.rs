//! Histograms of single seconds while a record is read, bounded: when there are too many, neighbouring
//! seconds are merged. Counts add exactly; only the grid gets coarser.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::Interval;
use super::read::BELIEVED_MAX;
use super::read::HELD_MAX;
use crate::units::SECOND;

/// Histograms of single seconds, or of wider steps once there are too many.
#[derive(Default)]
pub(super) struct Held {
    /// Width of a step in nanoseconds; 0 while every second is held by itself.
    step_ns: u64,
    by_time: BTreeMap<(u64, String), Interval>,
}

impl Held {
    /// Takes in one more.
    pub(super) fn add(&mut self, interval: Interval) {
        self.put(interval);
        while self.by_time.len() > HELD_MAX && self.step_ns < BELIEVED_MAX {
            self.step_ns = (self.step_ns * 2).max(2 * SECOND);
            std::mem::take(&mut self.by_time).into_values().for_each(|interval| self.put(interval));
        }
    }

    fn put(&mut self, interval: Interval) {
        // A second that starts a little early or late still belongs to its step.
        let step = (interval.t_ns + SECOND / 2).checked_div(self.step_ns).unwrap_or(interval.t_ns);
        match self.by_time.entry((step, interval.tag.clone())) {
            Entry::Vacant(free) => {
                free.insert(interval);
            }
            Entry::Occupied(mut old) => {
                let old = old.get_mut();
                old.span_ns = (interval.t_ns + interval.span_ns).saturating_sub(old.t_ns).max(old.span_ns);
                old.hist.merge(&interval.hist);
            }
        }
    }

    /// All of them, in order of time, then of tag.
    pub(super) fn into_intervals(self) -> Vec<Interval> {
        self.by_time.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Hist;

    #[test]
    fn many_seconds_are_merged_without_losing_a_value() {
        let mut held = Held::default();
        for second in 0..(HELD_MAX as u64 + 500) {
            let mut hist = Hist::new();
            hist.record(1_000_000 + second);
            held.add(Interval { t_ns: second * SECOND, span_ns: SECOND, tag: "echo".into(), hist });
        }
        let intervals = held.into_intervals();
        assert!(intervals.len() <= HELD_MAX, "{}", intervals.len());
        assert_eq!(intervals.iter().map(|i| i.hist.len()).sum::<u64>(), HELD_MAX as u64 + 500);
        assert!(intervals.iter().all(|i| i.span_ns == 2 * SECOND && i.hist.len() == 2 || i.hist.len() == 1));
    }
}
