//! Delays and stalls by a known law.
//!
//! A [`Delay`] says how long one answer is held, a [`Stall`] during which stretches of the server's
//! time nothing is sent at all. Pure functions of time and of a seeded generator; reads no clock.

use std::f64::consts::TAU;
use std::str::FromStr;

use super::fault::ppm;
use crate::units::MILLI;
use crate::units::Nanos;

/// How long an answer is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// Always the same.
    Fixed(Nanos),
    /// Log-normal: `median * exp(sigma * N(0, 1))`, cut at ten minutes.
    LogNormal {
        /// Half of the answers are faster.
        median: Nanos,
        /// Spread of the logarithm, 0 to 5.
        sigma: f64,
    },
    /// Every length between the two is as likely.
    Uniform(Nanos, Nanos),
    /// One of two lengths.
    Bimodal {
        /// The usual one.
        usual: Nanos,
        /// The rare one.
        rare: Nanos,
        /// Share of the rare one in millionths.
        rare_ppm: u32,
    },
}

/// No answer is held longer than this.
pub(super) const LONGEST: Nanos = Nanos::from_secs(600);

impl Delay {
    /// The next length of this law.
    pub(super) fn draw(self, random: &mut Random) -> u64 {
        match self {
            Delay::Fixed(span) => span.0,
            Delay::LogNormal { median, sigma } => {
                let span = median.0 as f64 * (sigma * random.normal()).exp();
                span.min(LONGEST.0 as f64) as u64
            }
            Delay::Uniform(low, high) => low.0 + (random.unit() * (high.0 - low.0) as f64) as u64,
            Delay::Bimodal { usual, rare, rare_ppm } => {
                if random.unit() * 1e6 < f64::from(rare_ppm) {
                    rare.0
                } else {
                    usual.0
                }
            }
        }
    }

    /// Whether a later answer may become due before an earlier one.
    pub(super) fn overtakes(self) -> bool {
        !matches!(self, Delay::Fixed(_))
    }
}

impl FromStr for Delay {
    type Err = String;

    /// `fixed:5ms`, `lognormal:5ms:0.7`, `uniform:1ms..9ms`, `bimodal:1ms:200ms:5%`.
    fn from_str(text: &str) -> Result<Self, String> {
        let hint =
            || format!("delay `{text}`: write fixed:5ms, lognormal:5ms:0.7 (median, sigma), uniform:1ms..9ms or bimodal:1ms:200ms:5%");
        let span = |text: &str| match text.parse::<Nanos>() {
            Ok(span) if span > LONGEST => Err(format!("delay `{text}`: the longest is {LONGEST}")),
            other => other.map_err(|e| format!("delay: {e}")),
        };
        let (law, rest) = text.split_once(':').ok_or_else(hint)?;
        match law {
            "fixed" => span(rest).map(Delay::Fixed),
            "lognormal" => {
                let (median, sigma) = rest.split_once(':').ok_or_else(hint)?;
                let sigma = sigma.parse::<f64>().ok().filter(|s| (0.0..=5.0).contains(s));
                let sigma = sigma.ok_or_else(|| format!("delay `{text}`: sigma is a number from 0 to 5"))?;
                Ok(Delay::LogNormal { median: span(median)?, sigma })
            }
            "uniform" => {
                let (low, high) = rest.split_once("..").ok_or_else(hint)?;
                let (low, high) = (span(low)?, span(high)?);
                if low > high {
                    return Err(format!("delay `{text}`: the first time is the shorter one"));
                }
                Ok(Delay::Uniform(low, high))
            }
            "bimodal" => {
                let (usual, rest) = rest.split_once(':').ok_or_else(hint)?;
                let (rare, share) = rest.split_once(':').ok_or_else(hint)?;
                let rare_ppm = ppm(share).ok_or_else(|| format!("delay `{text}`: the share of the second time is `5%` or `0.05`"))?;
                Ok(Delay::Bimodal { usual: span(usual)?, rare: span(rare)?, rare_ppm })
            }
            _ => Err(hint()),
        }
    }
}

/// A number of connections beyond which every answer is slower: 20 ms at once, and 20 ms more for as many again as the knee.
///
/// ```text
///   delay
///   40 ms |                 .'
///   20 ms |           .---'
///       0 |-----------'                    20 ms + 20 ms (open - knee) / knee
///         0          knee    2 knee  open
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knee(u64);

/// What the first connection beyond a knee costs, and what as many again as the knee cost.
const BEYOND_KNEE: u64 = 20 * MILLI;

impl Knee {
    /// A server at ease with `connections`; `None` for zero.
    pub fn at(connections: u64) -> Option<Knee> {
        (connections > 0).then_some(Knee(connections))
    }

    /// How much longer an answer is held while so many connections are open.
    pub(super) fn delay(self, open: u64) -> u64 {
        match open.saturating_sub(self.0) {
            0 => 0,
            more => BEYOND_KNEE.saturating_add((BEYOND_KNEE as f64 * more as f64 / self.0 as f64) as u64).min(LONGEST.0),
        }
    }
}

/// A pause that comes back: nothing is sent during the last `length` of every `period`.
///
/// ```text
///   0        period - length   period                       2 * period
///   |---- answers at once ----|#########|---- answers at once ----|#########|
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    length: Nanos,
    period: Nanos,
}

impl Stall {
    /// The first instant not before `at` at which something may be sent. Nanoseconds of server time.
    pub(super) fn free(self, at: u64) -> u64 {
        let phase = at % self.period.0;
        if phase < self.period.0 - self.length.0 { at } else { at - phase + self.period.0 }
    }
}

impl FromStr for Stall {
    type Err = String;

    /// `500ms/5s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (length, period) = text.split_once('/').ok_or_else(|| format!("stall `{text}`: write length/period, for example 500ms/5s"))?;
        let length: Nanos = length.parse().map_err(|e| format!("stall: {e}"))?;
        let period: Nanos = period.parse().map_err(|e| format!("stall: {e}"))?;
        if length.0 == 0 || length >= period {
            return Err(format!("stall `{text}`: the length is above zero and shorter than the period"));
        }
        Ok(Stall { length, period })
    }
}

/// A small generator (SplitMix64), one per connection so that each has its own known course.
#[derive(Clone, Copy, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// The generator of the `ordinal`-th connection of a server with `seed`.
    pub(super) fn new(seed: u64, ordinal: u64) -> Self {
        let mut random = Random(seed ^ ordinal.wrapping_mul(0xa076_1d64_78bd_642f));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0..1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box-Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_from_text() {
        for (text, law) in [
            ("fixed:5ms", Delay::Fixed(Nanos::from_millis(5))),
            ("lognormal:5ms:0.7", Delay::LogNormal { median: Nanos::from_millis(5), sigma: 0.7 }),
            ("uniform:1ms..9ms", Delay::Uniform(Nanos::from_millis(1), Nanos::from_millis(9))),
            ("bimodal:1ms:9ms:5%", Delay::Bimodal { usual: Nanos::from_millis(1), rare: Nanos::from_millis(9), rare_ppm: 50_000 }),
        ] {
            assert_eq!(text.parse(), Ok(law), "{text}");
        }
        for text in [
            "5ms",
            "fixed:5",
            "fixed:20m",
            "lognormal:5ms",
            "lognormal:5ms:9",
            "uniform:9ms..1ms",
            "uniform:1ms",
            "normal:1ms",
            "bimodal:1ms:2ms",
        ] {
            assert!(text.parse::<Delay>().is_err(), "{text}");
        }
        for text in ["500ms", "5s/500ms", "0/5s", "5s/5s"] {
            assert!(text.parse::<Stall>().is_err(), "{text}");
        }
    }

    #[test]
    fn beyond_its_knee_a_server_is_slower_at_once_and_then_more_and_more() {
        let knee = Knee::at(60).expect("above zero");
        for (open, ms) in [(0, 0), (60, 0), (63, 21), (90, 30), (120, 40)] {
            assert_eq!(knee.delay(open), ms * MILLI, "{open}");
        }
        assert_eq!(Knee::at(0), None);
        assert_eq!(Knee(1).delay(u64::MAX), LONGEST.0);
    }

    #[test]
    fn a_stall_ends_each_period() {
        let stall: Stall = "500ms/5s".parse().expect("a valid stall");
        for (at_ms, free_ms) in [(0, 0), (4_499, 4_499), (4_500, 5_000), (4_999, 5_000), (5_000, 5_000), (9_700, 10_000)] {
            assert_eq!(stall.free(at_ms * MILLI), free_ms * MILLI, "{at_ms} ms");
        }
    }

    #[test]
    fn draws_follow_their_law() {
        let mut random = Random::new(7, 1);
        let mut spans: Vec<u64> =
            (0..10_001).map(|_| Delay::LogNormal { median: Nanos(1_000_000), sigma: 0.7 }.draw(&mut random)).collect();
        spans.sort_unstable();
        assert!((950_000..1_050_000).contains(&spans[5_000]), "median {}", spans[5_000]);
        // One sigma above the median stands at 84.13 %.
        assert!((1_900_000..2_130_000).contains(&spans[8_413]), "84 % {}", spans[8_413]);
        let spans: Vec<u64> = (0..10_000).map(|_| Delay::Uniform(Nanos(10), Nanos(20)).draw(&mut random)).collect();
        assert!(spans.iter().all(|s| (10..=20).contains(s)));
        let law = Delay::Bimodal { usual: Nanos(10), rare: Nanos(20), rare_ppm: 100_000 };
        let rare = (0..10_000).map(|_| law.draw(&mut random)).inspect(|s| assert!([10, 20].contains(s))).filter(|s| *s == 20).count();
        assert!((850..1_150).contains(&rare), "{rare} of 10,000 at 10 %");
    }
}
