//! What a comparison draws of each series: the percentile curve of every run, and the shift function, the ratio of the two
//! sides at each of eight quantiles.
//!
//! ```text
//! ratio(q)    exp(mean log q of the new runs - mean log q of the base)
//! pointwise   Welch's 90 % interval at this q alone
//! band        ratio -+ c se(q): c is the 90 % point of the largest |t| over all q when the runs change sides at random
//! ```
//!
//! The band holds for all quantiles at once; from four runs a side on. Of eight quantiles without any change some pointwise interval
//! leaves 1 in more than one comparison of ten.

use super::digest::Digest;
use super::heat;
use super::heat::Heats;
use super::stats;
use super::stats::Estimate;

/// Quantiles of the shift function.
const QUANTILES: [f64; 8] = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];
/// Fewest runs a side for the band.
const FEWEST: usize = 4;
/// Ways to deal the runs that are looked at; of more, an even choice.
const DEALS: usize = 2_000;
/// Share of deals whose largest |t| the band holds.
const HELD: f64 = 0.9;

/// A series as it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Series name.
    pub series: String,
    /// Curves of the base's runs and of the new ones: quantile and nanoseconds, both rising.
    pub curves: [Vec<Vec<(f64, u64)>>; 2],
    /// The shift function; quantiles that some run cannot show are left out.
    pub shift: Vec<Shift>,
    /// Both sides over time and latency; `None` when the seconds were not read.
    pub heats: Option<Heats>,
}

/// The ratio of the two sides at a quantile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Quantile, 0 to 1.
    pub q: f64,
    /// new / base.
    pub ratio: f64,
    /// 90 % interval at this quantile alone; `None` with one run on a side.
    pub interval: Option<[f64; 2]>,
    /// 90 % band for all quantiles at once; `None` with fewer than four runs on a side.
    pub band: Option<[f64; 2]>,
}

/// Draws a series.
pub(super) fn picture(series: &str, base: &[Digest], new: &[Digest]) -> Picture {
    let curves = [base, new].map(|side| side.iter().map(|run| run.curve(series)).collect());
    Picture { series: series.to_owned(), curves, shift: shift(series, base, new), heats: heats(series, base, new) }
}

fn heats(series: &str, base: &[Digest], new: &[Digest]) -> Option<Heats> {
    let [base_counts, new_counts] = [base, new].map(|side| side.iter().filter_map(|run| run.heat(series)).collect::<Vec<_>>());
    heat::heats(base.first()?.plan.duration_ns, &base_counts, &new_counts)
}

fn shift(series: &str, base: &[Digest], new: &[Digest]) -> Vec<Shift> {
    let logs = |side: &[Digest], q: f64| side.iter().map(|run| run.log_shown(series, q)).collect::<Option<Vec<f64>>>();
    let known: Vec<(f64, [Vec<f64>; 2])> = QUANTILES.iter().filter_map(|&q| Some((q, [logs(base, q)?, logs(new, q)?]))).collect();
    let values: Vec<&[Vec<f64>; 2]> = known.iter().map(|(_, sides)| sides).collect();
    let reach = if base.len().min(new.len()) >= FEWEST { reach(&values) } else { None };
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let one = |(q, [a, b]): &(f64, [Vec<f64>; 2])| {
        let estimate = stats::welch(a, b);
        let around = |half: f64, e: &Estimate| [(e.log_ratio - half).exp(), (e.log_ratio + half).exp()];
        Shift {
            q: *q,
            ratio: (mean(b) - mean(a)).exp(),
            interval: estimate.map(|e| [e.low.exp(), e.high.exp()]),
            band: estimate.zip(reach).map(|(e, c)| around(c * e.error, &e)),
        }
    };
    known.iter().map(one).collect()
}

/// How many standard errors the band reaches to each side.
fn reach(quantiles: &[&[Vec<f64>; 2]]) -> Option<f64> {
    let sides = quantiles.first()?;
    let (k, n) = (sides[0].len(), sides[0].len() + sides[1].len());
    let mut largest: Vec<f64> = deals(n, k).iter().map(|deal| quantiles.iter().map(|both| t(both, deal)).fold(0.0, f64::max)).collect();
    largest.sort_by(f64::total_cmp);
    let at = ((largest.len() as f64 * HELD).ceil() as usize).clamp(1, largest.len().max(1)) - 1;
    largest.get(at).copied().filter(|c| c.is_finite())
}

/// |t| of one quantile when the runs whose places are in `deal` are the base.
fn t(both: &[Vec<f64>; 2], deal: &[usize]) -> f64 {
    let all: Vec<f64> = both.iter().flatten().copied().collect();
    let (mut base, mut new) = (Vec::with_capacity(deal.len()), Vec::with_capacity(all.len() - deal.len()));
    for (place, value) in all.iter().enumerate() {
        if deal.contains(&place) { base.push(*value) } else { new.push(*value) }
    }
    stats::welch_t(&base, &new).abs()
}

/// All ways to choose `k` of `n` places, or every so manieth of them.
fn deals(n: usize, k: usize) -> Vec<Vec<usize>> {
    let count = (0..k).fold(1u128, |count, i| count * (n - i) as u128 / (i as u128 + 1));
    let step = count.div_ceil(DEALS as u128).max(1);
    let mut chosen = Vec::new();
    let mut deal: Vec<usize> = (0..k).collect();
    let mut number = 0u128;
    loop {
        if number.is_multiple_of(step) {
            chosen.push(deal.clone());
        }
        number += 1;
        // The next one in order: the last place that can move does, those behind it follow at once.
        let Some(moved) = (0..k).rev().find(|&i| deal[i] < n - k + i) else { return chosen };
        deal[moved] += 1;
        (moved + 1..k).for_each(|i| deal[i] = deal[i - 1] + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deal_comes_once() {
        let all = deals(10, 5);
        assert_eq!(all.len(), 252);
        assert!(all.iter().all(|deal| deal.is_sorted() && deal.len() == 5 && deal[4] < 10));
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        let some = deals(20, 10);
        assert!((DEALS / 2..=DEALS).contains(&some.len()), "{}", some.len());
    }

    #[test]
    fn a_planted_shift_lies_outside_the_band_and_none_inside() {
        let noise = [0.0, 0.01, -0.01, 0.02, -0.02];
        let side = |by: f64| noise.map(|n| 1.0 + by + n).to_vec();
        let (same, far) = ([side(0.0), side(0.0)], [side(0.0), side(0.3)]);
        let c = reach(&[&same, &far]).expect("five a side");
        let e = stats::welch(&far[0], &far[1]).expect("five a side");
        assert!(e.log_ratio - c * e.error > 0.0, "{c} {e:?}");
        let e = stats::welch(&same[0], &same[1]).expect("five a side");
        assert!(e.log_ratio - c * e.error <= 0.0 && e.log_ratio + c * e.error >= 0.0, "{c} {e:?}");
        // One quantile alone: the 90 % point of |t| of a permutation test at five a side is near Student's 1.86.
        let alone = reach(&[&[vec![0.3, 1.9, 0.7, 1.1, 1.4], vec![0.9, 0.2, 1.6, 0.5, 1.2]]]).expect("five a side");
        assert!((1.5..2.2).contains(&alone), "{alone}");
    }
}
