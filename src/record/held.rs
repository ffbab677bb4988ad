//! Histograms of single seconds while a record is read, bounded: when there are too many, neighbouring
//! seconds are merged. Counts add exactly; only the grid gets coarser.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::Interval;
use super::read::BELIEVED_MAX;
use crate::units::SECOND;

/// Histograms of single seconds, or of wider steps once there are too many.
pub(super) struct Held {
    /// Buckets held at most.
    most: usize,
    /// What a histogram weighs besides its buckets, in buckets.
    weight: usize,
    /// Width of a step in nanoseconds; 0 while every second is held by itself.
    step_ns: u64,
    by_time: BTreeMap<(u64, String), Interval>,
    /// Buckets of all of them.
    buckets: usize,
}

impl Held {
    /// Holds at most so many buckets; each histogram weighs so many more.
    pub(super) fn at_most(most: usize, weight: usize) -> Self {
        Held { most, weight, step_ns: 0, by_time: BTreeMap::new(), buckets: 0 }
    }

    /// Begins with steps of this length.
    pub(super) fn with_step(self, step_ns: u64) -> Self {
        Held { step_ns, ..self }
    }

    /// The shortest step that can hold single seconds with so many buckets, weights included: k seconds together hold no fewer than
    /// a k-th of them. 0 for no step.
    pub(super) fn step_for(most: usize, buckets: usize) -> u64 {
        match buckets.div_ceil(most.max(1)).next_power_of_two() as u64 {
            0 | 1 => 0,
            seconds => seconds.saturating_mul(SECOND).min(BELIEVED_MAX),
        }
    }

    /// The number of the step that a second belongs to; one that starts a little early or late still belongs to its step.
    pub(super) fn step_of(t_ns: u64, step_ns: u64) -> u64 {
        (t_ns + SECOND / 2).checked_div(step_ns).unwrap_or(t_ns)
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
        let step = Held::step_of(interval.t_ns, self.step_ns);
        match self.by_time.entry((step, interval.tag.clone())) {
            Entry::Vacant(free) => {
                self.buckets += self.weight + interval.hist.filled();
                free.insert(interval);
            }
            Entry::Occupied(mut old) => {
                let old = old.get_mut();
                old.span_ns = (interval.t_ns + interval.span_ns).saturating_sub(old.t_ns).max(old.span_ns);
                let before = old.hist.filled();
                old.hist.merge(&interval.hist);
                self.buckets += old.hist.filled() - before;
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
    fn a_step_known_beforehand_changes_nothing() {
        let second = |at: u64| {
            let mut hist = Hist::new();
            (0..20).for_each(|i| hist.record(1_000_000 * (1 + (at * 7 + i * 3) % 50)));
            Interval { t_ns: at * SECOND, span_ns: SECOND, tag: "echo".into(), hist: Sparse::of(&hist) }
        };
        for most in [10, 500, 3_000, 100_000] {
            let buckets = (0..600).map(|at| 5 + second(at).hist.filled()).sum();
            let mut known = Held::at_most(most, 5).with_step(Held::step_for(most, buckets));
            let mut found = Held::at_most(most, 5);
            (0..600).for_each(|at| known.add(second(at)));
            (0..600).for_each(|at| found.add(second(at)));
            assert_eq!(format!("{:?}", known.into_intervals()), format!("{:?}", found.into_intervals()), "{most}");
        }
    }

    #[test]
    fn many_seconds_are_merged_without_losing_a_value() {
        const MOST: usize = 1_000 * (16 + 1);
        let mut held = Held::at_most(MOST, 16);
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
