//! A histogram at rest: the numbers of its buckets and their counts as short bytes, some hundreds of them instead of 190 KB.
//!
//! ```text
//! bucket   | number above the one before | count |      each a LEB128 number: seven bits a byte, the lowest first
//! number   value < 1.05 ms: value / 512 ns; then 1,024 equal buckets to each doubling, as an HdrHistogram has them
//! ```

use std::iter::FusedIterator;

use super::Exact;
use super::Hist;

/// Buckets of the range, 1 us to 1 h at three digits.
pub const BUCKETS: u64 = 24_576;
/// The finest bucket is two to this many nanoseconds wide.
const FINEST: u32 = 9;
/// Half the buckets of equal width: two to this.
const HALF: u32 = 10;

/// Buckets in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    bytes: Vec<u8>,
    /// Number of the last bucket.
    last: u64,
    len: u32,
    count: u64,
}

impl Buckets {
    /// Adds bucket number `index` with `n` values; it is above the one before and below [`BUCKETS`].
    pub fn push(&mut self, index: u64, n: u64) {
        debug_assert!(index < BUCKETS && (self.len == 0 || self.last < index));
        let gap = index - self.last;
        if gap < 0x80 && n < 0x80 {
            self.bytes.reserve(2);
            self.bytes.push(gap as u8);
            self.bytes.push(n as u8);
        } else {
            put(&mut self.bytes, gap);
            put(&mut self.bytes, n);
        }
        self.last = index;
        self.len += 1;
        self.count = self.count.saturating_add(n);
    }

    /// Values in all of them.
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Buckets with the exact figures beside them. Nothing is recorded into it; it is merged, and read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sparse {
    bytes: Box<[u8]>,
    len: u32,
    exact: Exact,
}

impl Sparse {
    /// The same values as `hist`.
    pub fn of(hist: &Hist) -> Self {
        Sparse::from_values(hist.buckets(), hist.exact())
    }

    /// Values in ascending order with their counts, each for the bucket that holds it, and exact figures. A count of 0 is no bucket.
    pub fn from_values(values: impl IntoIterator<Item = (u64, u64)>, exact: Exact) -> Self {
        let mut buckets = Buckets::default();
        let mut open = None;
        for (ns, n) in values.into_iter().filter(|(_, n)| *n > 0) {
            match (index_of(ns), &mut open) {
                (index, Some((last, sum))) if *last == index => *sum = n.saturating_add(*sum),
                (index, open) => {
                    let full: Option<(u64, u64)> = open.replace((index, n));
                    full.into_iter().for_each(|(index, n)| buckets.push(index, n));
                }
            }
        }
        open.into_iter().for_each(|(index, n)| buckets.push(index, n));
        Sparse::new(&buckets, exact)
    }

    /// Buckets with their exact figures.
    pub fn new(buckets: &Buckets, exact: Exact) -> Self {
        Sparse { bytes: buckets.bytes.as_slice().into(), len: buckets.len, exact }
    }

    /// Takes the other's values in. Merging is exact: counts add.
    pub fn merge(&mut self, other: &Sparse) {
        let mut merged = Buckets { bytes: Vec::with_capacity(self.bytes.len() + other.bytes.len()), ..Buckets::default() };
        let (mut mine, mut theirs) = (self.numbered(), other.numbered());
        let (mut a, mut b) = (mine.next(), theirs.next());
        loop {
            match (a, b) {
                (Some((i, n)), Some((j, m))) if i == j => {
                    merged.push(i, n.saturating_add(m));
                    (a, b) = (mine.next(), theirs.next());
                }
                (Some((i, n)), other) if other.is_none_or(|(j, _)| i < j) => {
                    merged.push(i, n);
                    a = mine.next();
                }
                (_, Some((j, m))) => {
                    merged.push(j, m);
                    b = theirs.next();
                }
                (_, None) => break,
            }
        }
        let mut exact = self.exact;
        exact.merge(&other.exact);
        *self = Sparse::new(&merged, exact);
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

    /// The value at quantile `q` (0 to 1) in nanoseconds, as [`Hist::quantile`] gives it, but for q = 0; `None` when empty.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let rank = ((q.min(1.0) * self.exact.count as f64).ceil() as u64).max(1);
        let mut sum = 0u64;
        let found = self.numbered().find(|(_, n)| {
            sum = sum.saturating_add(*n);
            sum >= rank
        });
        found.map(|(index, _)| upper_edge(index).clamp(self.exact.min, self.exact.max))
    }

    /// How many buckets hold a value.
    pub fn filled(&self) -> usize {
        self.len as usize
    }

    /// The buckets in ascending order: highest equivalent value in nanoseconds and count.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.numbered().map(|(index, n)| (upper_edge(index), n))
    }

    fn numbered(&self) -> Numbered<'_> {
        Numbered { bytes: &self.bytes, index: 0 }
    }
}

/// Sums of many histograms at rest, one after the other.
pub struct Summing {
    counts: Vec<u64>,
    /// Buckets that may hold a value.
    range: std::ops::Range<usize>,
    exact: Exact,
}

impl Default for Summing {
    fn default() -> Self {
        Summing { counts: vec![0; BUCKETS as usize], range: 0..0, exact: Exact::default() }
    }
}

impl Summing {
    /// Takes in the values of a histogram, each bucket's moved to the time that `to` gives.
    pub fn add(&mut self, hist: &Sparse, to: impl Fn(u64) -> u64) {
        for (ns, n) in hist.buckets() {
            let index = index_of(to(ns)) as usize;
            self.counts[index] = self.counts[index].saturating_add(n);
            self.range = match self.range.is_empty() {
                true => index..index + 1,
                false => self.range.start.min(index)..self.range.end.max(index + 1),
            };
        }
        self.exact.merge(&hist.exact);
    }

    /// The sum; what is added next begins anew.
    pub fn take(&mut self) -> Sparse {
        let mut buckets = Buckets::default();
        for (index, count) in self.range.clone().zip(&mut self.counts[self.range.clone()]).filter(|(_, n)| **n > 0) {
            buckets.push(index as u64, std::mem::take(count));
        }
        self.range = 0..0;
        Sparse::new(&buckets, std::mem::take(&mut self.exact))
    }
}

/// Numbers of buckets and counts.
struct Numbered<'a> {
    bytes: &'a [u8],
    index: u64,
}

impl Iterator for Numbered<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        if let Some((&[gap @ ..0x80, n @ ..0x80], rest)) = self.bytes.split_first_chunk::<2>() {
            self.bytes = rest;
            self.index += u64::from(gap);
            return Some((self.index, u64::from(n)));
        }
        self.index += number(&mut self.bytes)?;
        Some((self.index, number(&mut self.bytes)?))
    }
}

impl FusedIterator for Numbered<'_> {}

/// Takes a number from the front; `None` at the end.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    let mut value = u64::from(first & 0x7f);
    let (mut byte, mut shift) = (*first, 7);
    while byte & 0x80 != 0 {
        let (next, rest) = bytes.split_first()?;
        *bytes = rest;
        byte = *next;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
    }
    Some(value)
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// The number of the bucket that holds a time; what is beyond the range belongs to the last.
fn index_of(ns: u64) -> u64 {
    let unit = ns >> FINEST;
    let doubling = (u64::BITS - unit.leading_zeros()).saturating_sub(HALF + 1);
    ((u64::from(doubling) << HALF) + (unit >> doubling)).min(BUCKETS - 1)
}

/// The highest time in a bucket, in nanoseconds.
fn upper_edge(index: u64) -> u64 {
    let half = 1 << HALF;
    let (doubling, place) = match index >> HALF {
        0 => (0, index),
        n => (n - 1, (index & (half - 1)) + half),
    };
    ((place + 1) << (doubling + u64::from(FINEST))) - 1
}

impl Hist {
    /// Takes in the values of a histogram at rest.
    pub fn add(&mut self, sparse: &Sparse) {
        self.merge_buckets(sparse.buckets(), &sparse.exact);
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
    use crate::tally::HIGHEST_NS;

    fn hist(values: &[u64]) -> Hist {
        let mut hist = Hist::new();
        values.iter().for_each(|&v| hist.record(v));
        hist
    }

    proptest! {
        #[test]
        fn at_rest_it_is_the_same(a in prop::collection::vec(1u64..HIGHEST_NS, 0..100), b in prop::collection::vec(1u64..10_000_000, 0..100), n in 1u32..300) {
            let (mut whole, mut other) = (hist(&a), Hist::new());
            b.iter().for_each(|&v| (0..n).for_each(|_| other.record(v)));
            let mut sparse = Sparse::of(&whole);
            prop_assert!(sparse.buckets().eq(whole.buckets()));
            prop_assert_eq!(sparse.filled(), whole.buckets().count());
            let back = Hist::from(&sparse);
            prop_assert_eq!(back.counts(), whole.counts());
            for q in [0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0] {
                prop_assert_eq!(sparse.quantile(q), whole.quantile(q));
            }
            let mut summing = Summing::default();
            for _ in 0..2 {
                summing.add(&sparse, |ns| ns);
                summing.add(&Sparse::of(&other), |ns| ns);
                let mut merged = whole.clone();
                merged.merge(&other);
                prop_assert_eq!(summing.take(), Sparse::of(&merged));
            }
            sparse.merge(&Sparse::of(&other));
            whole.merge(&other);
            prop_assert_eq!(&sparse, &Sparse::of(&whole));
            prop_assert_eq!(sparse.exact(), whole.exact());
        }

        #[test]
        fn a_bucket_holds_what_it_is_numbered_for(ns in 0u64..HIGHEST_NS) {
            let index = index_of(ns);
            prop_assert!(ns <= upper_edge(index) && (index == 0 || ns > upper_edge(index - 1)), "{} {}", ns, index);
        }
    }

    #[test]
    fn the_buckets_are_known() {
        assert_eq!([upper_edge(0), upper_edge(2_047), upper_edge(2_048)], [511, (2_048 << 9) - 1, (1_025 << 10) - 1]);
        assert_eq!((index_of(0), index_of(u64::MAX)), (0, BUCKETS - 1));
        assert!(upper_edge(BUCKETS - 1) >= HIGHEST_NS && upper_edge(BUCKETS - 1) < 2 * HIGHEST_NS);
    }

    #[test]
    fn values_of_one_bucket_are_one_bucket_and_any_count_fits() {
        let exact = Exact { count: u64::MAX, min: 1, max: 5_000_000, sum: u64::MAX, clipped: 0 };
        let sparse = Sparse::from_values([(1, 100), (2, u64::MAX / 2), (9_000, 0), (5_000_000, u64::MAX / 2 - 99)], exact);
        assert_eq!(sparse.filled(), 2);
        let counts: Vec<u64> = sparse.buckets().map(|(_, n)| n).collect();
        assert_eq!(counts, [u64::MAX / 2 + 100, u64::MAX / 2 - 99]);
        assert_eq!(sparse.quantile(1.0), Some(5_000_000));
        assert_eq!(Sparse::default().quantile(0.5), None);
    }
}
