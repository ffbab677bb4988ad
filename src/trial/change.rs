//! Where the level of a row of runs changes.
//!
//! ```text
//! S(k)    = k (n - k) / n * (mean of the first k - mean of the rest)^2     how well a cut before run k + 1 parts the row
//! p       = (1 + orders of the row by chance whose largest S is no smaller) / (1 + 999)
//! change  where S is largest, if p <= 0.01 and the means lie at least 2 % apart; then the same on both sides of it
//! ```
//!
//! Values are logarithms. The statistic is that of a shift in the mean (Page 1955), the cut in two again and again Vostrikova's
//! (1981), the judgement by shuffling the row that of E-divisive means (Matteson and James 2014), which assumes no distribution.
//! A row without a change is given one in at most 1 of 100, however many cuts it has.

use crate::units::mix;

/// Fewest runs on a side of a cut.
const FEWEST: usize = 3;
/// Orders by chance that a row is held against.
const SHUFFLES: u64 = 999;
/// Largest p of a change.
const LEVEL: f64 = 0.01;
/// Smallest change that is told, as a share.
const LEAST: f64 = 0.02;

/// A change of level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Place of the first run of the new level, from 0.
    pub at: usize,
    /// Mean of the new level less that of the old one, up to the changes beside it.
    pub log_ratio: f64,
    /// How often a row in an order by chance has a cut as good, 0 to 1.
    pub p: f64,
}

/// The changes in a row of logarithms, in order.
pub fn changes(row: &[f64]) -> Vec<Change> {
    let mut found = Vec::new();
    split(row, 0, &mut found);
    found.sort_by_key(|(at, _)| *at);
    let ends: Vec<usize> = std::iter::once(0).chain(found.iter().map(|(at, _)| *at)).chain([row.len()]).collect();
    let level = |part: &[usize]| mean(&row[part[0]..part[1]]);
    let told = |(ends, (at, p)): (&[usize], &(usize, f64))| Change { at: *at, log_ratio: level(&ends[1..]) - level(&ends[..2]), p: *p };
    ends.windows(3).zip(&found).map(told).collect()
}

/// Looks for a change in a part of a row that begins at `from`, then on both sides of it.
fn split(part: &[f64], from: usize, found: &mut Vec<(usize, f64)>) {
    let Some((cut, best)) = cut(part) else { return };
    if (mean(&part[cut..]) - mean(&part[..cut])).abs() < LEAST.ln_1p() {
        return;
    }
    let p = chance(part, best);
    if p > LEVEL {
        return;
    }
    found.push((from + cut, p));
    split(&part[..cut], from, found);
    split(&part[cut..], from + cut, found);
}

/// The cut that parts best, and its S; `None` for a row that is too short.
fn cut(row: &[f64]) -> Option<(usize, f64)> {
    let (n, all) = (row.len(), row.iter().sum::<f64>());
    let mut before = 0.0;
    let mut best = None;
    for (k, value) in (1..).zip(row) {
        before += value;
        if k < FEWEST || n - k < FEWEST {
            continue;
        }
        let apart = before / k as f64 - (all - before) / (n - k) as f64;
        let s = k as f64 * (n - k) as f64 / n as f64 * apart * apart;
        if best.is_none_or(|(_, most)| s > most) {
            best = Some((k, s));
        }
    }
    best
}

/// How often an order by chance has a cut at least as good.
fn chance(row: &[f64], best: f64) -> f64 {
    let mut row = row.to_vec();
    let mut draws = 0u64;
    let mut as_good = 0;
    // Sums in another order differ in their last bits.
    let enough = best * (1.0 - 1e-9);
    for _ in 0..SHUFFLES {
        for last in (1..row.len()).rev() {
            draws = draws.wrapping_add(0x9e37_79b9_7f4a_7c15);
            row.swap(last, (mix(draws) % (last as u64 + 1)) as usize);
        }
        as_good += u64::from(cut(&row).is_some_and(|(_, s)| s >= enough));
    }
    (1 + as_good) as f64 / (1 + SHUFFLES) as f64
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::share_of;

    /// Normal noise of this deviation (sum of twelve even draws), another for each seed.
    fn noise(seed: u64, n: usize, sd: f64) -> Vec<f64> {
        let draw = |i: u64| share_of(mix(mix(seed) ^ mix(i + 1)));
        (0..n as u64).map(|i| ((0..12).map(|j| draw(i * 12 + j)).sum::<f64>() - 6.0) * sd).collect()
    }

    fn shifted(mut row: Vec<f64>, from: usize, by: f64) -> Vec<f64> {
        row[from..].iter_mut().for_each(|x| *x += by);
        row
    }

    #[test]
    fn a_row_without_a_change_has_none_in_99_of_100() {
        let false_alarms = (0..1_000).filter(|&seed| !changes(&noise(seed, 24, 0.05)).is_empty()).count();
        // Of 1,000 rows 10 on average; more than 20 once in a thousand.
        assert!((1..=20).contains(&false_alarms), "{false_alarms}");
    }

    #[test]
    fn a_planted_step_is_found_where_it_is() {
        let found = |seed| changes(&shifted(noise(seed, 30, 0.02), 18, 1.1f64.ln()));
        let near = (0..200).filter(|&seed| matches!(found(seed)[..], [change] if change.at.abs_diff(18) <= 1)).count();
        assert!(near >= 190, "{near} of 200");
        let [change] = found(1)[..] else { panic!("{:?}", found(1)) };
        assert!((change.log_ratio.exp() - 1.1).abs() < 0.03 && change.p <= LEVEL, "{change:?}");
    }

    #[test]
    fn up_and_down_again_are_two() {
        let row = shifted(shifted(noise(3, 40, 0.02), 12, 0.3), 28, -0.3);
        let found = changes(&row);
        let places: Vec<usize> = found.iter().map(|change| change.at).collect();
        assert!(places.len() == 2 && places[0].abs_diff(12) <= 1 && places[1].abs_diff(28) <= 1, "{found:?}");
        assert!(found[0].log_ratio > 0.25 && found[1].log_ratio < -0.25, "{found:?}");
    }

    #[test]
    fn nothing_is_told_of_few_runs_or_small_changes() {
        assert_eq!(changes(&[]), []);
        assert_eq!(changes(&[0.0, 0.0, 0.0, 1.0, 1.0]), []);
        assert_eq!(changes(&[0.0; 30]), []);
        let small: Vec<f64> = (0..30).map(|i| if i < 15 { 0.0 } else { 0.015 }).collect();
        assert_eq!(changes(&small), []);
        let clear: Vec<f64> = (0..30).map(|i| if i < 15 { 0.0 } else { 0.03 }).collect();
        assert!(matches!(changes(&clear)[..], [Change { at: 15, .. }]), "{:?}", changes(&clear));
    }
}
