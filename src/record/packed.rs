//! A run as one stream of bytes, small enough to travel inside its page: deflated JSON.
//!
//! ```text
//! { schema, digits, manifest, rows, events, missing,
//!   intervals: [ [tag, t_ns, span_ns, buckets, exact] .. ],  totals: { tag: [buckets, exact] } }
//!
//! buckets   [u, n, u, n ..]: n values in the bucket that ends at (u + 1) * 512 - 1 ns; each u but the first is told as the
//!           step from the one before
//! ```
//!
//! Rows, events and totals are whole. Of single seconds there are response times and those of the generator itself, no service
//! times; where they have very many buckets, they have two digits (1 %), and neighbouring seconds are taken together.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Deserialize;
use serde::Serialize;

use super::CounterRow;
use super::Event;
use super::Interval;
use super::Manifest;
use super::Run;
use super::held::Held;
use super::manifest;
use super::read::BELIEVED_MAX;
use crate::tally::DIGITS;
use crate::tally::Exact;
use crate::tally::Hist;
use crate::tally::Sparse;
use crate::tally::Summing;

/// Schema of the stream.
const SCHEMA: &str = "volley.packed/1";
/// Seconds at most; a longer run is not packed.
const ROWS_MOST: usize = 7_200;
/// What a histogram of a single second weighs besides its buckets, in buckets.
const WEIGHT: usize = 16;
/// Buckets of single seconds at most.
const BUCKETS_MOST: usize = 500_000;
/// Most bytes that a stream may inflate to.
const INFLATED_MOST: u64 = 256 << 20;
/// Width of the finest bucket in nanoseconds.
const UNIT: u64 = 512;
/// End of the tags of service times.
const SERVICE: &str = "/service";

type Buckets = Vec<u64>;

#[derive(Serialize, Deserialize)]
struct Packed {
    schema: String,
    digits: u8,
    manifest: Manifest,
    rows: Vec<CounterRow>,
    events: Vec<Event>,
    missing: Vec<String>,
    intervals: Vec<(String, u64, u64, Buckets, Exact)>,
    totals: BTreeMap<String, (Buckets, Exact)>,
}

/// A run that was packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The stream.
    pub bytes: Vec<u8>,
    /// Significant digits of the times of single seconds; totals have all that were recorded.
    pub digits: u8,
    /// Longest stretch of time that is told as one, in nanoseconds.
    pub step_ns: u64,
}

/// Packs a run; `None` when it is too long.
pub fn pack(run: &Run) -> Option<Bundle> {
    if run.rows.len() > ROWS_MOST {
        return None;
    }
    let kept = || run.intervals.iter().filter(|interval| !interval.tag.ends_with(SERVICE));
    let buckets: usize = kept().map(|interval| interval.hist.filled()).sum();
    let (digits, intervals) = if buckets > BUCKETS_MOST { (DIGITS - 1, merged(kept())) } else { (DIGITS, kept().cloned().collect()) };
    let step_ns = intervals.iter().map(|interval| interval.span_ns).max().unwrap_or(0);
    let packed = Packed {
        schema: SCHEMA.into(),
        digits,
        manifest: run.manifest.clone(),
        rows: run.rows.iter().map(|row| CounterRow { exact: BTreeMap::new(), ..row.clone() }).collect(),
        events: run.events.clone(),
        missing: run.missing.clone(),
        intervals: intervals.into_iter().map(|i| (i.tag, i.t_ns, i.span_ns, told(i.hist.buckets(), digits), i.hist.exact())).collect(),
        totals: run.totals.iter().map(|(tag, hist)| (tag.clone(), (told(hist.buckets(), DIGITS), hist.exact()))).collect(),
    };
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
    let text = serde_json::to_vec(&packed).ok()?;
    deflate.write_all(&text).ok()?;
    Some(Bundle { bytes: deflate.finish().ok()?, digits, step_ns })
}

/// Single seconds at two digits, neighbours taken together until there are few enough buckets.
fn merged<'a>(intervals: impl Iterator<Item = &'a Interval> + Clone) -> Vec<Interval> {
    let coarse = |ns: u64| coarse(ns / UNIT) * UNIT + UNIT - 1;
    let filled = |interval: &Interval| {
        let mut last = None;
        interval.hist.buckets().filter(|(ns, _)| last.replace(coarse(*ns)) != Some(coarse(*ns))).count()
    };
    let step_ns = Held::step_for(BUCKETS_MOST, intervals.clone().map(|interval| WEIGHT + filled(interval)).sum());
    let mut held = Held::at_most(BUCKETS_MOST, WEIGHT).with_step(step_ns);
    let (mut summing, mut steps) = (Summing::default(), BTreeMap::<(u64, &str), Vec<&Interval>>::new());
    intervals.for_each(|interval| steps.entry((Held::step_of(interval.t_ns, step_ns), &interval.tag)).or_default().push(interval));
    for ((_, tag), mine) in steps {
        mine.iter().for_each(|interval| summing.add(&interval.hist, coarse));
        let end_ns = mine.iter().map(|interval| interval.t_ns.saturating_add(interval.span_ns)).max().unwrap_or(0);
        let t_ns = mine[0].t_ns;
        held.add(Interval { t_ns, span_ns: end_ns.saturating_sub(t_ns), tag: tag.to_owned(), hist: summing.take() });
    }
    held.into_intervals()
}

/// Takes a packed run back.
///
/// # Errors
/// In words, when the stream is cut short, too large, of another version, or not what this module makes.
pub fn unpack(bytes: &[u8]) -> Result<Run, String> {
    let mut text = Vec::new();
    ZlibDecoder::new(bytes).take(INFLATED_MOST + 1).read_to_end(&mut text).map_err(|e| format!("it does not inflate: {e}"))?;
    if text.len() as u64 > INFLATED_MOST {
        return Err(format!("it inflates to more than {INFLATED_MOST} bytes"));
    }
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let head: Head = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    if head.schema != SCHEMA {
        let schema: String = head.schema.chars().take(40).collect();
        return Err(format!("it has schema `{schema}`, this volley reads `{SCHEMA}`"));
    }
    let packed: Packed = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    manifest::believable(&packed.manifest)?;
    let rows = packed.rows.iter().flat_map(|row| [row.t_ns, row.span_ns]);
    if rows.chain(packed.intervals.iter().flat_map(|i| [i.1, i.2])).any(|ns| ns > BELIEVED_MAX) {
        return Err("a time beyond 30 years".into());
    }
    let intervals = packed.intervals.into_iter().map(|(tag, t_ns, span_ns, buckets, exact)| {
        let hist = hist(&buckets, exact).map_err(|why| format!("`{tag}`: {why}"))?;
        Ok(Interval { t_ns, span_ns, tag, hist })
    });
    let totals = packed.totals.into_iter().map(|(tag, (buckets, exact))| {
        let hist = hist(&buckets, exact).map_err(|why| format!("`{tag}`: {why}"))?;
        Ok((tag, Hist::from(&hist)))
    });
    Ok(Run {
        intervals: intervals.collect::<Result<_, String>>()?,
        totals: totals.collect::<Result<_, String>>()?,
        manifest: packed.manifest,
        rows: packed.rows,
        events: packed.events,
        sections: BTreeMap::new(),
        missing: packed.missing,
    })
}

/// The buckets of a histogram as told.
fn told(buckets: impl Iterator<Item = (u64, u64)>, digits: u8) -> Buckets {
    let mut out = Vec::new();
    let mut last = None;
    for (ns, n) in buckets {
        let exact = ns / UNIT;
        let unit = if digits < DIGITS { coarse(exact) } else { exact };
        match last {
            Some(before) if before == unit => *out.last_mut().expect("a bucket was told") += n,
            _ => out.extend([unit - last.unwrap_or(0), n]),
        }
        last = Some(unit);
    }
    out
}

/// A bucket with its neighbours, 128 to 256 of them to each doubling: at most 1 % wide.
fn coarse(unit: u64) -> u64 {
    let step = 1u64 << (u64::BITS - unit.leading_zeros()).saturating_sub(8);
    unit / step * step + step / 2
}

/// A histogram from its buckets as told and its exact figures.
fn hist(buckets: &[u64], exact: Exact) -> Result<Sparse, String> {
    let (pairs, []) = buckets.as_chunks::<2>() else { return Err("a bucket without its count".into()) };
    let mut unit = 0u64;
    let mut count = 0u64;
    let mut told = Vec::with_capacity(pairs.len());
    for [step, n] in pairs {
        unit = unit.checked_add(*step).filter(|unit| *unit < u64::MAX / UNIT).ok_or("a bucket beyond all times")?;
        count = count.checked_add(*n).ok_or("more values than can be counted")?;
        told.push((unit * UNIT + UNIT - 1, *n));
    }
    if count != exact.count || exact.min > exact.max {
        return Err(format!("its buckets hold {count} values, its figures say {exact:?}"));
    }
    Ok(Sparse::from_values(told, exact))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn buckets_come_back(values in prop::collection::vec(1u64..3_600_000_000_000, 1..200)) {
            let mut one = Hist::new();
            values.iter().for_each(|&v| one.record(v));
            let back = hist(&told(one.buckets(), DIGITS), one.exact()).expect("it was told so");
            prop_assert_eq!(back.exact(), one.exact());
            prop_assert!(back.buckets().eq(one.buckets()));
            let coarse = Hist::from(&hist(&told(one.buckets(), DIGITS - 1), one.exact()).expect("it was told so"));
            for q in [0.1, 0.5, 0.9, 0.99, 1.0] {
                let (a, b) = (one.quantile(q).unwrap_or(0) as f64, coarse.quantile(q).unwrap_or(0) as f64);
                prop_assert!((a - b).abs() <= a * 0.01 + UNIT as f64, "{} {} {}", q, a, b);
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let exact = Exact { count: 2, min: 1, max: 2, sum: 3, clipped: 0 };
        for (buckets, why) in [
            (&[1][..], "without its count"),
            (&[1, 3], "hold 3 values"),
            (&[u64::MAX, 2], "beyond all times"),
            (&[1, u64::MAX, 1, 2], "more values than can be counted"),
        ] {
            assert!(hist(buckets, exact).expect_err("wrong").contains(why), "{buckets:?}");
        }
        for (bytes, why) in [(&b"no"[..], "does not inflate"), (&[], "")] {
            assert!(unpack(bytes).expect_err("wrong").contains(why));
        }
    }
}
