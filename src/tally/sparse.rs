//! A histogram at rest: its buckets instead of all counts of the range, some kilobytes instead of 190.

use super::Exact;
use super::Hist;

/// Buckets in ascending order, with the exact figures beside them. Nothing is recorded into it; it is merged, and read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sparse {
    /// Highest equivalent value in nanoseconds, and count.
    buckets: Vec<(u64, u64)>,
    exact: Exact,
}

impl Sparse {
    /// The same values as `hist`.
    pub fn of(hist: &Hist) -> Self {
        Sparse::from_buckets(hist.buckets().collect(), hist.exact())
    }

    /// Buckets in ascending order, as [`Hist::buckets`] gave them, with their exact figures.
    pub fn from_buckets(mut buckets: Vec<(u64, u64)>, exact: Exact) -> Self {
        buckets.shrink_to_fit();
        Sparse { buckets, exact }
    }

    /// Takes the other's values in. Merging is exact: counts add.
    pub fn merge(&mut self, other: &Sparse) {
        let mut merged = Vec::with_capacity(self.buckets.len() + other.buckets.len());
        let (mut mine, mut theirs) = (self.buckets.iter().copied().peekable(), other.buckets.iter().copied().peekable());
        loop {
            let next = match (mine.peek(), theirs.peek()) {
                (Some(a), Some(b)) if a.0 == b.0 => (a.0, mine.next().map_or(0, |a| a.1).saturating_add(theirs.next().map_or(0, |b| b.1))),
                (Some(a), Some(b)) if a.0 > b.0 => theirs.next().unwrap_or_default(),
                (Some(_), _) => mine.next().unwrap_or_default(),
                (None, Some(_)) => theirs.next().unwrap_or_default(),
                (None, None) => break,
            };
            merged.push(next);
        }
        merged.shrink_to_fit();
        self.buckets = merged;
        self.exact.merge(&other.exact);
    }

    /// Values.
    pub fn len(&self) -> u64 {
        self.exact.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.exact.count == 0
    }

    /// The exact figures.
    pub fn exact(&self) -> Exact {
        self.exact
    }

    /// The buckets in ascending order: highest equivalent value in nanoseconds and count.
    pub fn buckets(&self) -> impl ExactSizeIterator<Item = (u64, u64)> + '_ {
        self.buckets.iter().copied()
    }
}

impl Hist {
    /// Takes in the values of a histogram at rest.
    pub fn add(&mut self, sparse: &Sparse) {
        self.merge_buckets(&sparse.buckets, &sparse.exact);
    }
}

impl From<&Sparse> for Hist {
    fn from(sparse: &Sparse) -> Hist {
        let mut hist = Hist::new();
        hist.add(sparse);
        hist
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn at_rest_it_is_the_same(a in prop::collection::vec(1u64..10_000_000_000, 0..100), b in prop::collection::vec(1u64..10_000_000_000, 0..100)) {
            let of = |v: &[u64]| { let mut h = Hist::new(); v.iter().for_each(|&x| h.record(x)); h };
            let (mut whole, other) = (of(&a), of(&b));
            let mut sparse = Sparse::of(&whole);
            let back = Hist::from(&sparse);
            prop_assert_eq!(back.counts(), whole.counts());
            sparse.merge(&Sparse::of(&other));
            whole.merge(&other);
            prop_assert_eq!(&sparse, &Sparse::of(&whole));
            prop_assert_eq!(sparse.exact(), whole.exact());
        }
    }
}
