//! Histograms of single seconds while a record is read, bounded: when there are too many, neighbouring
//! seconds are merged. Counts add exactly; only the grid gets coarser.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::Interval;
use super::read::BELIEVED_MAX;
use crate::units::SECOND;

/// What a histogram weighs besides its buckets, in buckets.
const WEIGHT: usize = 16;

/// Histograms of single seconds, or of wider steps once there are too many.
pub(super) struct Held {
    /// Buckets held at most.
    most: usize,
    /// Width of a step in nanoseconds; 0 while every second is held by itself.
    step_ns: u64,
    by_time: BTreeMap<(u64, String), Interval>,
    /// Buckets of all of them.
    buckets: usize,
}

impl Held {
    /// Holds at most so many buckets.
    pub(super) fn at_most(most: usize) -> Self {
        Held { most, step_ns: 0, by_time: BTreeMap::new(), buckets: 0 }
    }

    /// Takes in one more.
    pub(super) fn add(&mut self, interval: Interval) {
        self.put(interval);
        while self.buckets > self.most && self.step_ns < BELIEVED_MAX {
            self.step_ns = (self.step_ns * 2).max(2 * SECOND);
            self.buckets = 0;
            std::mem::take(&mut self.by_time).into_values().for_each(|interval| self.put(interval));
        }
    }

    fn put(&mut self, interval: Interval) {
        // A second that starts a little early or late still belongs to its step.
        let step = (interval.t_ns + SECOND / 2).checked_div(self.step_ns).unwrap_or(interval.t_ns);
        match self.by_time.entry((step, interval.tag.clone())) {
            Entry::Vacant(free) => {
                self.buckets += WEIGHT + interval.hist.buckets().len();
                free.insert(interval);
            }
            Entry::Occupied(mut old) => {
                let old = old.get_mut();
                old.span_ns = (interval.t_ns + interval.span_ns).saturating_sub(old.t_ns).max(old.span_ns);
                let before = old.hist.buckets().len();
                old.hist.merge(&interval.hist);
                self.buckets += old.hist.buckets().len() - before;
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
    use crate::tally::Sparse;

    #[test]
    fn many_seconds_are_merged_without_losing_a_value() {
        const MOST: usize = 1_000 * (WEIGHT + 1);
        let mut held = Held::at_most(MOST);
        for second in 0..1_500 {
            let mut hist = Hist::new();
            hist.record(1_000_000 + second);
            held.add(Interval { t_ns: second * SECOND, span_ns: SECOND, tag: "echo".into(), hist: Sparse::of(&hist) });
            assert!(held.buckets <= MOST, "{}", held.buckets);
        }
        let intervals = held.into_intervals();
        assert!((750..=1_000).contains(&intervals.len()), "{}", intervals.len());
        assert_eq!(intervals.iter().map(|i| i.hist.len()).sum::<u64>(), 1_500);
        assert!(intervals.iter().all(|i| i.span_ns == 2 * SECOND && i.hist.len() == 2 || i.hist.len() == 1));
    }
}
