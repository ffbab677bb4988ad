//! Stretches of time that are covered. Pure.

use serde::Deserialize;
use serde::Serialize;

/// Stretches on the run clock in nanoseconds, in order, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover(Vec<(u64, u64)>);

impl Cover {
    /// Covers from `from` up to `until` as well.
    pub fn add(&mut self, from: u64, until: u64) {
        if from >= until {
            return;
        }
        let first = self.0.partition_point(|(_, end)| *end < from);
        let last = self.0.partition_point(|(start, _)| *start <= until);
        let joined = self.0[first..last].iter().fold((from, until), |(a, b), (c, d)| (a.min(*c), b.max(*d)));
        self.0.splice(first..last, [joined]);
    }

    /// The stretches.
    pub fn stretches(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// What is not covered of the time up to `end`.
    pub fn gaps(&self, end: u64) -> Vec<(u64, u64)> {
        let starts = self.0.iter().map(|(start, _)| *start).chain([u64::MAX]);
        let ends = std::iter::once(0).chain(self.0.iter().map(|(_, end)| *end));
        ends.zip(starts).map(|(from, until)| (from, until.min(end))).filter(|(from, until)| from < until).collect()
    }

    /// How much of the time from `from` up to `until` is covered.
    pub fn within(&self, from: u64, until: u64) -> u64 {
        self.0.iter().map(|(a, b)| (*b).min(until).saturating_sub((*a).max(from))).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set_of_instants(stretches in prop::collection::vec((0u64..60, 0u64..20), 0..20)) {
            let mut cover = Cover::default();
            let mut instants = [false; 100];
            for (from, length) in stretches {
                cover.add(from, from + length);
                (from..from + length).for_each(|t| instants[t as usize] = true);
            }
            let covered = |t: u64| cover.stretches().iter().any(|(a, b)| (*a..*b).contains(&t));
            let missing = |t: u64| cover.gaps(100).iter().any(|(a, b)| (*a..*b).contains(&t));
            for t in 0..100 {
                prop_assert_eq!(covered(t), instants[t as usize]);
                prop_assert_ne!(covered(t), missing(t));
            }
            prop_assert!(cover.stretches().windows(2).all(|pair| pair[0].1 < pair[1].0));
            prop_assert_eq!(cover.within(10, 70), (10..70).filter(|t| instants[*t as usize]).count() as u64);
        }
    }
}
