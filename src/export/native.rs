//! Native histograms of Prometheus, made of HDR buckets.
//!
//! Bucket `i` of schema `s` covers `(base^(i-1), base^i]` seconds with `base = 2^(2^-s)`, so
//!
//! ```text
//! i = ceil(log2(v) * 2^s)         schema 5: each bucket 2.2 % wider than the one below
//! ```
//!
//! Halving the resolution puts buckets `2i-1` and `2i` into bucket `i`. An HDR bucket is 0.1 % wide and goes where its middle
//! lies.

use std::collections::BTreeMap;

use crate::tally::Exact;
use crate::units::SECOND;

/// The finest resolution.
pub const SCHEMA: i32 = 5;
/// Buckets that may hold anything; with more of them the resolution is halved.
pub const BUCKETS_MOST: usize = 160;
/// The coarsest resolution that Prometheus knows; all of 1 us to 1 h is in few buckets long before.
const COARSEST: i32 = -4;

/// A native histogram of times in seconds, without a zero bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Native {
    schema: i32,
    buckets: BTreeMap<i32, u64>,
    exact: Exact,
}

impl Default for Native {
    fn default() -> Self {
        Native { schema: SCHEMA, buckets: BTreeMap::new(), exact: Exact::default() }
    }
}

impl Native {
    /// Takes the values of a histogram in, of which [`middles`](crate::tally::Hist::middles) and
    /// [`exact`](crate::tally::Hist::exact) were taken.
    pub fn add(&mut self, middles: &[(u64, u64)], exact: &Exact) {
        let mut rest = middles;
        while let Some((ns, _)) = rest.first() {
            // Many neighbours go into one bucket, which is looked up once for all of them.
            let index = index(*ns, self.schema);
            let last = (self.bounds(index).1 * SECOND as f64) as u64;
            let (same, others) = rest.split_at(rest.partition_point(|(ns, _)| *ns <= last).max(1));
            *self.buckets.entry(index).or_default() += same.iter().map(|(_, count)| count).sum::<u64>();
            rest = others;
        }
        self.exact.merge(exact);
        while self.buckets.len() > BUCKETS_MOST && self.schema > COARSEST {
            self.halve();
        }
    }

    fn halve(&mut self) {
        self.schema -= 1;
        for (index, count) in std::mem::take(&mut self.buckets) {
            // The lower of the two goes up: (i + 1) / 2, rounded down.
            *self.buckets.entry((index + 1) >> 1).or_default() += count;
        }
    }

    /// The resolution: a power of two has `2^schema` buckets.
    pub fn schema(&self) -> i32 {
        self.schema
    }

    /// Values taken in.
    pub fn count(&self) -> u64 {
        self.exact.count
    }

    /// Sum of all values in seconds.
    pub fn sum(&self) -> f64 {
        self.exact.sum as f64 / SECOND as f64
    }

    /// Buckets that hold anything, ascending: index and count.
    pub fn buckets(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        self.buckets.iter().map(|(index, count)| (*index, *count))
    }

    /// Lower and upper bound of a bucket in seconds.
    pub fn bounds(&self, index: i32) -> (f64, f64) {
        let width = f64::from(-self.schema).exp2();
        let bound = |index: i32| (f64::from(index) * width).exp2();
        (bound(index - 1), bound(index))
    }

    /// The buckets as Prometheus wants them: runs of neighbours with the gap before each, and each count less that of the
    /// bucket before it.
    pub fn spans(&self) -> (Vec<(i32, u32)>, Vec<i64>) {
        let (mut spans, mut deltas): (Vec<(i32, u32)>, Vec<i64>) = (Vec::new(), Vec::new());
        let (mut next, mut before) = (0, 0);
        for (index, count) in self.buckets() {
            match spans.last_mut().filter(|_| index == next) {
                Some((_, length)) => *length += 1,
                None => spans.push((index - next, 1)),
            }
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            deltas.push(count - before);
            (next, before) = (index + 1, count);
        }
        (spans, deltas)
    }
}

/// Which bucket a time is in.
fn index(ns: u64, schema: i32) -> i32 {
    // A time of zero is in the bucket of the smallest that there can be.
    let seconds = ns.max(1) as f64 / SECOND as f64;
    (seconds.log2() * f64::from(schema).exp2()).ceil() as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tally::Hist;

    fn of(values: impl IntoIterator<Item = u64>) -> (Hist, Native) {
        let (mut hist, mut native) = (Hist::new(), Native::default());
        values.into_iter().for_each(|ns| hist.record(ns));
        native.add(&hist.middles().collect::<Vec<_>>(), &hist.exact());
        (hist, native)
    }

    /// The middle, on a scale of logarithms, of the bucket with the value of rank `rank`.
    fn middle(native: &Native, rank: u64) -> f64 {
        let mut seen = 0;
        let (index, _) = native.buckets().find(|(_, count)| (seen += count, seen >= rank).1).expect("a rank within the count");
        let (low, high) = native.bounds(index);
        (low * high).sqrt() * SECOND as f64
    }

    /// The largest share by which a quantile of p50 to p99.9 is off.
    fn off(hist: &Hist, native: &Native) -> f64 {
        let quantiles = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999];
        let off = quantiles.map(|q| {
            let rank = ((q * hist.len() as f64).ceil() as u64).max(1);
            let truth = hist.counts().expect("it holds values").value_at_quantile(q) as f64;
            (middle(native, rank) / truth - 1.0).abs()
        });
        off.into_iter().fold(0.0, f64::max)
    }

    proptest! {
        /// Half a bucket of each grid: 1.1 %, and 256 ns of times from 50 us on.
        #[test]
        fn quantiles_are_those_of_the_histogram(
            middle in 5.2f64..9.0,
            spread in 0.0f64..0.5,
            draws in prop::collection::vec(-1.0f64..1.0, 1..2_000),
        ) {
            let (hist, native) = of(draws.iter().map(|x| 10f64.powf(middle + spread * x) as u64));
            prop_assert_eq!(native.schema(), SCHEMA);
            prop_assert!(off(&hist, &native) < 0.02, "{}", off(&hist, &native));
        }

        #[test]
        fn nothing_is_lost_and_buckets_are_few(values in prop::collection::vec(1_000u64..3_600_000_000_000, 1..2_000)) {
            let (_, native) = of(values.iter().copied());
            prop_assert_eq!(native.buckets().map(|(_, count)| count).sum::<u64>(), values.len() as u64);
            prop_assert_eq!(native.count(), values.len() as u64);
            prop_assert!(native.buckets().count() <= BUCKETS_MOST);
        }

        /// Reading spans and differences back gives the buckets.
        #[test]
        fn spans_hold_every_bucket(values in prop::collection::vec(1_000u64..60_000_000_000, 0..300)) {
            let (_, native) = of(values);
            let (spans, deltas) = native.spans();
            let (mut read, mut index, mut count, mut deltas) = (Vec::new(), 0, 0, deltas.into_iter());
            for (offset, length) in spans {
                index += offset;
                for _ in 0..length {
                    count += deltas.next().expect("a difference for each bucket");
                    read.push((index, count as u64));
                    index += 1;
                }
            }
            prop_assert_eq!(deltas.next(), None);
            prop_assert_eq!(read, native.buckets().collect::<Vec<_>>());
        }
    }

    #[test]
    fn bounds_belong_to_the_bucket_below() {
        for (ns, schema, expected) in [
            (SECOND, 5, 0),
            (SECOND + 1, 5, 1),
            (2 * SECOND, 5, 32),
            (SECOND / 2, 5, -32),
            (SECOND / 2 + 1, 5, -31),
            (4 * SECOND, 0, 2),
            (4 * SECOND + 1, 0, 3),
        ] {
            assert_eq!(index(ns, schema), expected, "{ns} ns at schema {schema}");
        }
    }

    #[test]
    fn halving_is_what_the_coarser_grid_gives() {
        let values = (0..400).map(|i| 1_000_000.0 * 1.05f64.powi(i)).map(|ns| ns as u64).take_while(|ns| *ns < 3_000 * SECOND);
        let (hist, native) = of(values);
        assert_eq!(native.schema(), SCHEMA - 3, "21.5 powers of two, eight buckets each, would be 172");
        let mut straight: BTreeMap<i32, u64> = BTreeMap::new();
        hist.middles().for_each(|(ns, count)| *straight.entry(index(ns, native.schema())).or_default() += count);
        assert_eq!(native.buckets, straight);
    }
}
