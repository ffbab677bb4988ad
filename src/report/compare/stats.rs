//! The statistics of a comparison, all in one place. Pure arithmetic on logarithms of quantiles, one a run.
//!
//! ```text
//! d      = mean(new) - mean(base)                the ratio is exp(d)
//! se     = sqrt(s1^2/k1 + s2^2/k2)               Welch: v = se^4 / sum((s^2/k)^2 / (k-1))
//! range  = d -+ t(95 %; v) se                    90 % interval, 5 % on each side
//! p      = P(T > d/se)                           one-sided: is the new one slower?
//! seen   = (t(97.5 %; v) + t(80 %; v)) se        smallest change found with 80 % power, two-sided 5 %
//! ```
//!
//! Runs that took turns are compared pair by pair: d is the mean of the differences, se their spread over sqrt(k),
//! v = k - 1, at a level of their own.
//!
//! One new run against k >= 3 of the base is a prediction: se = s sqrt(1 + 1/k), v = k - 1. The run
//! is the unit; a request never is, since requests of one run share its luck.

use serde::Serialize;

use super::student;

/// Level of each side of the interval, and of the one-sided test.
pub const LEVEL: f64 = 0.05;
/// Fewest runs on a side that can accuse.
pub const FEWEST: usize = 3;

/// What was estimated of one metric, as logarithms of ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Logarithm of new / base.
    pub log_ratio: f64,
    /// Lower end of the interval, 90 % unless `level` is another.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// One-sided p-value of "slower".
    pub slower: f64,
    /// One-sided p-value of "faster".
    pub faster: f64,
    /// Smallest detectable effect.
    pub detectable: f64,
    /// Standard error.
    pub error: f64,
    /// Degrees of freedom.
    pub freedom: f64,
    /// Level of each side of the interval, and of the one-sided test.
    pub level: f64,
}

/// The answer to one gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Slower beyond the margin, and not by luck.
    Regression,
    /// Not slower than the margin.
    Pass,
    /// One run a side, and no sign of a change inside them; less than a pass.
    Clear,
    /// Neither can be said.
    Inconclusive,
}

/// Mean of a sample that is not empty.
pub(super) fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// Standard deviation of a sample; `None` of fewer than two.
pub fn deviation(x: &[f64]) -> Option<f64> {
    (x.len() > 1).then(|| variance(x).sqrt())
}

/// Smallest change, as a share, that `k` runs a side find with 80 % power when runs spread by `sd` (of logarithms).
pub fn detectable(sd: f64, k: u32) -> f64 {
    let k = f64::from(k.max(2));
    estimate(0.0, sd * (2.0 / k).sqrt(), 2.0 * k - 2.0, LEVEL).detectable.exp_m1()
}

/// Variance of a sample of at least two.
fn variance(x: &[f64]) -> f64 {
    let m = mean(x);
    x.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (x.len() as f64 - 1.0)
}

/// Welch's t of two sets of at least two values each, without its interval; 0 without any spread.
pub(super) fn welch_t(base: &[f64], new: &[f64]) -> f64 {
    let error = (variance(base) / base.len() as f64 + variance(new) / new.len() as f64).sqrt();
    if error > 0.0 { (mean(new) - mean(base)) / error } else { 0.0 }
}

/// Welch's comparison of two sets of at least two values each.
pub fn welch(base: &[f64], new: &[f64]) -> Option<Estimate> {
    if base.len() < 2 || new.len() < 2 {
        return None;
    }
    let part = |x: &[f64]| variance(x) / x.len() as f64;
    let (a, b) = (part(base), part(new));
    let freedom = (a + b).powi(2) / (a * a / (base.len() as f64 - 1.0) + b * b / (new.len() as f64 - 1.0));
    // No spread at all: every run gave the same number.
    let freedom = if freedom.is_finite() { freedom } else { (base.len() + new.len() - 2) as f64 };
    Some(estimate(mean(new) - mean(base), (a + b).sqrt(), freedom, LEVEL))
}

/// One new value against at least [`FEWEST`] of the base: a prediction interval.
pub fn prediction(base: &[f64], new: f64) -> Option<Estimate> {
    if base.len() < FEWEST {
        return None;
    }
    let k = base.len() as f64;
    Some(estimate(new - mean(base), (variance(base) * (1.0 + 1.0 / k)).sqrt(), k - 1.0, LEVEL))
}

/// Pairs of runs that took turns, by their differences; `level` is that of each side.
pub fn paired(differences: &[f64], level: f64) -> Option<Estimate> {
    let k = differences.len() as f64;
    deviation(differences).map(|sd| estimate(mean(differences), sd / k.sqrt(), k - 1.0, level))
}

/// One run against one, each in contiguous sections: the spread inside the runs around `log_ratio`,
/// the change of the whole runs.
pub fn sections(base: &[f64], new: &[f64], log_ratio: f64) -> Option<Estimate> {
    let inside = welch(base, new)?;
    Some(estimate(log_ratio, inside.error, inside.freedom, LEVEL))
}

fn estimate(log_ratio: f64, error: f64, freedom: f64, level: f64) -> Estimate {
    let half = student::quantile(1.0 - level, freedom) * error;
    let detectable = (student::quantile(0.975, freedom) + student::quantile(0.8, freedom)) * error;
    let above = |d: f64| match error > 0.0 {
        true => student::cdf(-d / error, freedom),
        false if d > 0.0 => 0.0,
        false => 1.0,
    };
    let (slower, faster) = (above(log_ratio), above(-log_ratio));
    Estimate { log_ratio, low: log_ratio - half, high: log_ratio + half, slower, faster, detectable, error, freedom, level }
}

/// Holm's correction: p-values adjusted so that comparing each with the level keeps the level for all together.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![1.0; p.len()];
    let mut floor: f64 = 0.0;
    for (rank, &i) in order.iter().enumerate() {
        floor = floor.max(p[i] * (p.len() - rank) as f64).min(1.0);
        adjusted[i] = floor;
    }
    adjusted
}

/// The answer for an estimate whose adjusted p-value is `p`. `margin` is a share (0.05 for 5 %);
/// `strict` asks that the whole interval lies beyond it.
pub fn answer(estimate: &Estimate, p: f64, margin: f64, strict: bool) -> Answer {
    let margin = margin.ln_1p();
    let beyond = if strict { estimate.low > margin } else { estimate.log_ratio > margin };
    if p < estimate.level && beyond {
        Answer::Regression
    } else if estimate.high < margin {
        Answer::Pass
    } else {
        Answer::Inconclusive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_example() {
        // d = 3, variances 2.5 each, se = 1, v = 8: the interval is 3 -+ 1.860.
        let e = welch(&[1.0, 2.0, 3.0, 4.0, 5.0], &[4.0, 5.0, 6.0, 7.0, 8.0]).expect("five a side");
        assert!((e.log_ratio - 3.0).abs() < 1e-12 && (e.low - 1.1405).abs() < 1e-3 && (e.high - 4.8595).abs() < 1e-3, "{e:?}");
        assert!((e.slower - 0.00854).abs() < 1e-4, "{e:?}");
    }

    #[test]
    fn smallest_detectable_effects_are_those_of_the_table() {
        for (sd, k, percent) in [(0.02, 3, 6.3), (0.03, 5, 6.3), (0.05, 10, 6.8), (0.13, 5, 30.0), (0.13, 10, 19.0), (0.01, 20, 0.9)] {
            let seen = detectable(sd, k) * 100.0;
            assert!((seen - percent).abs() <= 0.05 * percent, "sd {sd}, k {k}: {seen} instead of {percent}");
        }
    }

    #[test]
    fn the_same_is_no_difference() {
        let e = welch(&[1.0, 1.0, 1.0], &[1.0, 1.0, 1.0]).expect("three a side");
        assert_eq!((e.log_ratio, e.low, e.high, e.slower), (0.0, 0.0, 0.0, 1.0));
        assert_eq!(answer(&e, e.slower, 0.05, false), Answer::Pass);
    }

    #[test]
    fn pairs_by_hand() {
        // Mean 2, sd 1.5811, se 0.7071, t(95 %; 4) = 2.132; t = 2.828 lies at 97.63 %.
        let e = paired(&[0.0, 1.0, 2.0, 3.0, 4.0], LEVEL).expect("five pairs");
        assert!((e.log_ratio - 2.0).abs() < 1e-12 && (e.low - 0.4925).abs() < 1e-3 && (e.high - 3.5075).abs() < 1e-3, "{e:?}");
        assert!((e.slower - 0.0237).abs() < 1e-4, "{e:?}");
        assert!(paired(&[0.0, 1.0, 2.0, 3.0, 4.0], 0.02).is_some_and(|strict| strict.low < e.low));
        assert_eq!(paired(&[1.0], LEVEL), None);
    }

    #[test]
    fn too_few_say_nothing() {
        assert_eq!(welch(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(prediction(&[1.0, 2.0], 1.0), None);
        assert!(prediction(&[1.0, 1.1, 0.9], 1.0).is_some());
    }

    #[test]
    fn holm_by_hand() {
        let found = holm(&[0.01, 0.04, 0.03]);
        let truth = [0.03, 0.06, 0.06];
        assert!(found.iter().zip(truth).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        assert_eq!(holm(&[]), Vec::<f64>::new());
    }
}
