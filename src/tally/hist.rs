//! One histogram: HdrHistogram counts beside the exact extremes and sum.
//!
//! Range 1 us to 1 h in nanoseconds at 3 significant digits. HdrHistogram rounds its maximum up to
//! a bucket edge and takes means from bucket middles, so count, min, max and sum are kept exactly.
//! A value outside the range is recorded at the edge and counted as clipped.

use hdrhistogram::Histogram;
use serde::Deserialize;
use serde::Serialize;

use crate::units::MICRO;
use crate::units::SECOND;

/// The lowest value told apart, 1 us.
pub const LOWEST_NS: u64 = MICRO;
/// The highest value held, 1 h.
pub const HIGHEST_NS: u64 = 3_600 * SECOND;
/// Significant decimal digits.
pub const DIGITS: u8 = 3;

/// What a histogram knows exactly. All times in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exact {
    /// Values recorded.
    pub count: u64,
    /// Smallest value; 0 when empty.
    pub min: u64,
    /// Largest value; 0 when empty.
    pub max: u64,
    /// Sum of all values, held at the largest number instead of wrapping.
    pub sum: u64,
    /// Values above the range, recorded at its upper edge.
    pub clipped: u64,
}

impl Exact {
    /// Takes the other's values in.
    pub fn merge(&mut self, other: &Exact) {
        if other.count == 0 {
            return;
        }
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.clipped += other.clipped;
    }

    /// Arithmetic mean in nanoseconds, `None` when empty.
    pub fn mean(&self) -> Option<u64> {
        (self.count > 0).then(|| self.sum / self.count)
    }
}

/// A mergeable latency histogram. Its 190 KiB of counts are there from the first value on, so a series that
/// never says anything costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Hist {
    counts: Option<Histogram<u64>>,
    exact: Exact,
}

/// Counts of zero over the whole range.
#[cold]
fn zeros() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS).expect("1 us to 1 h at 3 digits are valid bounds")
}

impl Hist {
    /// An empty histogram.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records one value in nanoseconds.
    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.counts.get_or_insert_with(zeros).saturating_record(ns);
        let exact = &mut self.exact;
        exact.min = if exact.count == 0 { ns } else { exact.min.min(ns) };
        exact.max = exact.max.max(ns);
        exact.count += 1;
        exact.sum = exact.sum.saturating_add(ns);
        exact.clipped += u64::from(ns > HIGHEST_NS);
    }

    /// Takes the other's values in. Merging is exact: counts add.
    pub fn merge(&mut self, other: &Hist) {
        let Some(counts) = other.counts() else { return };
        self.counts.get_or_insert_with(zeros).add(counts).expect("all histograms share one range");
        self.exact.merge(&other.exact);
    }

    /// Takes in what [`Hist::buckets`] and [`Hist::exact`] gave of another histogram; the same as merging that one, and
    /// its buckets need less memory while they wait.
    pub fn merge_buckets(&mut self, buckets: impl IntoIterator<Item = (u64, u64)>, exact: &Exact) {
        if exact.count == 0 {
            return;
        }
        let counts = self.counts.get_or_insert_with(zeros);
        buckets.into_iter().for_each(|(ns, n)| counts.saturating_record_n(ns, n));
        self.exact.merge(exact);
    }

    /// Back to empty, keeping the memory.
    pub fn reset(&mut self) {
        if self.exact.count > 0 {
            self.counts.iter_mut().for_each(Histogram::reset);
            self.exact = Exact::default();
        }
    }

    /// Values recorded.
    pub fn len(&self) -> u64 {
        self.exact.count
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.exact.count == 0
    }

    /// The exact figures.
    pub fn exact(&self) -> Exact {
        self.exact
    }

    /// The counts, for the interval log; `None` when empty.
    pub fn counts(&self) -> Option<&Histogram<u64>> {
        self.counts.as_ref().filter(|_| !self.is_empty())
    }

    /// The value at quantile `q` (0 to 1) in nanoseconds, never outside the exact extremes;
    /// `None` when empty.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        self.counts().map(|counts| counts.value_at_quantile(q).clamp(self.exact.min, self.exact.max))
    }

    /// The recorded buckets in ascending order: highest equivalent value in nanoseconds and count.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.counts().into_iter().flat_map(Histogram::iter_recorded).map(|v| (v.value_iterated_to(), v.count_since_last_iteration()))
    }

    /// The recorded buckets in ascending order: middle in nanoseconds and count.
    pub fn middles(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let counts = self.counts();
        self.buckets().map(move |(ns, n)| (counts.map_or(ns, |counts| counts.median_equivalent(ns)), n))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn buckets_merge_as_their_histogram_does(values in prop::collection::vec(1u64..10_000_000_000, 1..200)) {
            let mut hist = Hist::new();
            values.iter().for_each(|&v| hist.record(v));
            let (mut merged, mut rebuilt) = (Hist::new(), Hist::new());
            merged.merge(&hist);
            rebuilt.merge_buckets(hist.buckets(), &hist.exact());
            prop_assert_eq!(merged.exact(), rebuilt.exact());
            prop_assert!(merged.buckets().eq(rebuilt.buckets()));
        }

        #[test]
        fn quantiles_rise_and_stay_within_extremes(values in prop::collection::vec(1u64..10_000_000_000, 1..200)) {
            let mut hist = Hist::new();
            values.iter().for_each(|&v| hist.record(v));
            let qs = [0.0, 0.5, 0.9, 0.99, 0.999, 1.0].map(|q| hist.quantile(q).unwrap_or(0));
            prop_assert!(qs.is_sorted());
            prop_assert!(qs[0] >= *values.iter().min().unwrap_or(&0));
            prop_assert_eq!(qs[5], *values.iter().max().unwrap_or(&0));
            prop_assert_eq!(hist.exact().sum, values.iter().sum::<u64>());
        }

        #[test]
        fn merging_two_is_recording_all(a in prop::collection::vec(1u64..10_000_000_000, 0..100), b in prop::collection::vec(1u64..10_000_000_000, 0..100)) {
            let of = |v: &[u64]| { let mut h = Hist::new(); v.iter().for_each(|&x| h.record(x)); h };
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let all = of(&[a, b].concat());
            prop_assert_eq!(merged.exact(), all.exact());
            prop_assert_eq!(merged.counts(), all.counts());
        }
    }

    #[test]
    fn values_beyond_the_range_are_clipped_and_counted() {
        let mut hist = Hist::new();
        hist.record(HIGHEST_NS * 2);
        hist.record(0);
        assert_eq!(hist.exact().clipped, 1);
        assert_eq!(hist.exact().max, HIGHEST_NS * 2);
        assert_eq!(hist.exact().min, 0);
    }
}
