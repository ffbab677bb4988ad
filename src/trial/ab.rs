//! Two targets, measured in turns: the order of the runs, and the rule by which it is enough.
//!
//! ```text
//! pairs   1 2 3 4 5          6 7 8 9 10
//!         a b b a a          b a b b a      each in an order of its own, drawn from the seed
//!         b a a b b          a b a a b
//!                 |                  |
//!                look               look    a regression or a pass ends it
//! ```
//!
//! Looking twice finds a difference by chance more often than looking once. So each of two looks has a level of
//! 2.9 % a side, which makes 4.5 % of both together, about that of a single look; nobody may look in between.
//! Pairs in random order do not take a machine that drifts for a change.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::report::compare::Comparison;
use crate::report::compare::stats;
use crate::report::compare::stats::Answer;
use crate::units;

/// Schema of the outcome as JSON.
pub const SCHEMA: &str = "volley.ab/1";
/// Level of each side at each of two looks.
pub const LEVEL_OF_TWO: f64 = 0.029;
/// How often a pair that cannot be used is measured again.
pub const AGAIN: u32 = 2;
/// Most pairs.
const MOST: usize = 50;

/// After how many pairs is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looks {
    /// Pairs at the first look.
    pub first: usize,
    /// Pairs at the last; the same when there is one look.
    pub last: usize,
}

impl Looks {
    /// Level of each side at each look.
    pub fn level(self) -> f64 {
        if self.first == self.last { stats::LEVEL } else { LEVEL_OF_TWO }
    }

    /// Whether so many pairs are judged.
    pub fn is_look(self, pairs: usize) -> bool {
        pairs == self.first || pairs == self.last
    }

    /// Whether it ends after so many pairs, of which the answer is `answer`.
    pub fn ends(self, pairs: usize, answer: Answer) -> bool {
        pairs >= self.last || (self.is_look(pairs) && matches!(answer, Answer::Regression | Answer::Pass))
    }
}

impl FromStr for Looks {
    type Err = String;

    /// `5..10`, or `6` for one look.
    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.trim().split_once("..").unwrap_or((text.trim(), text.trim()));
        let number = |text: &str| text.trim().parse::<usize>().ok().filter(|n| (stats::FEWEST..=MOST).contains(n));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Looks { first, last }),
            _ => Err(format!("`{text}` is no number of pairs; write 5..10 to look after 5 and after 10, or 6, from 3 to {MOST}")),
        }
    }
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.last) } else { write!(f, "{} to {}", self.first, self.last) }
    }
}

/// Whether `a` goes first in a pair (counted from 1).
pub fn a_is_first(seed: u64, pair: usize) -> bool {
    units::mix(units::mix(seed).wrapping_add(pair as u64)) & 1 == 0
}

/// A run of a pair.
#[derive(Clone, Debug, Serialize)]
pub struct Ran {
    /// Folder of its record.
    pub record: String,
    /// Exit code.
    pub exit: i32,
    /// Its own verdict.
    pub verdict: String,
}

/// A pair, measured.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// Which one, from 1.
    pub pair: usize,
    /// How often it had been measured before.
    pub again: u32,
    /// `ab` or `ba`.
    pub order: &'static str,
    /// The run against the first target, if there was one.
    pub a: Option<Ran>,
    /// The run against the second.
    pub b: Option<Ran>,
    /// Whether both can be believed.
    pub usable: bool,
}

/// A look and what was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Look {
    /// Pairs.
    pub pairs: usize,
    /// Level of each side.
    pub level: f64,
    /// The answer.
    pub verdict: Answer,
}

/// Why no more was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// A look decided, or was the last.
    Look,
    /// A signal.
    Stopped,
    /// A pair could not be measured, however often it was tried.
    Unusable,
}

/// `ab.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// `volley.ab/1`.
    pub schema: &'static str,
    /// The answer; that of the comparison when a look was reached last, else inconclusive.
    pub verdict: Answer,
    /// Why it ended.
    pub end: End,
    /// Seed of the order.
    pub seed: u64,
    /// Every pair that was measured, those that could not be used too.
    pub pairs: Vec<Pair>,
    /// The looks taken.
    pub looks: Vec<Look>,
    /// All usable pairs compared; `None` without two of them.
    pub comparison: Option<Comparison>,
}

/// A comparison that no look stands behind: its figures stay, its answers do not.
pub fn undecided(mut comparison: Comparison, why: &str) -> Comparison {
    comparison.verdict = Answer::Inconclusive;
    for metric in &mut comparison.metrics {
        (metric.answer, metric.improved) = (Answer::Inconclusive, false);
    }
    comparison.warnings.push(why.to_owned());
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Normal numbers with a seed (Box-Muller).
    struct Normal(u64);

    impl Normal {
        fn unit(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            units::share_of(units::mix(self.0))
        }

        fn next(&mut self) -> f64 {
            (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
        }
    }

    /// Shares of regressions and passes, and pairs on average, when runs spread by `sd` and the change is `change`.
    fn simulated(looks: Looks, sd: f64, change: f64, margin: f64, drift: f64) -> [f64; 3] {
        const REPEATS: usize = 4_000;
        let (mut normal, mut found) = (Normal(7), [0usize; 3]);
        for repeat in 0..REPEATS {
            let (mut differences, mut offset) = (Vec::new(), 0.0);
            loop {
                let mut run = |change: f64| {
                    offset += drift * normal.next();
                    change + offset + sd * normal.next()
                };
                let is_first = a_is_first(repeat as u64, differences.len() + 1);
                let (one, other) = if is_first { (run(0.0), run(change)) } else { (run(change), run(0.0)) };
                differences.push(if is_first { other - one } else { one - other });
                if !looks.is_look(differences.len()) {
                    continue;
                }
                let e = stats::paired(&differences, looks.level()).expect("more than two");
                let answer = stats::answer(&e, e.slower, margin, false);
                if looks.ends(differences.len(), answer) {
                    found[0] += usize::from(answer == Answer::Regression);
                    found[1] += usize::from(answer == Answer::Pass);
                    found[2] += differences.len();
                    break;
                }
            }
        }
        found.map(|n| n as f64 / REPEATS as f64)
    }

    const TWO: Looks = Looks { first: 5, last: 10 };

    #[test]
    fn two_looks_keep_the_level_and_find_changes() {
        // Without a margin: "slower, and not by luck".
        let [alarms, ..] = simulated(TWO, 0.028, 0.0, 0.0, 0.0);
        assert!((alarms - 0.045).abs() <= 0.015, "{alarms}");
        let [found, _, pairs] = simulated(TWO, 0.028, 0.05, 0.0, 0.0);
        assert!(found > 0.85 && pairs < 9.0, "{found} with {pairs} pairs");
        // A machine that drifts from run to run changes nothing.
        let [alarms, ..] = simulated(TWO, 0.028, 0.0, 0.0, 0.02);
        assert!((alarms - 0.045).abs() <= 0.015, "{alarms}");
    }

    #[test]
    fn with_its_margin_the_same_is_hardly_ever_accused_and_the_double_found() {
        let [alarms, passes, _] = simulated(TWO, 0.028, 0.0, 0.05, 0.0);
        assert!(alarms < 0.01 && passes > 0.9, "{alarms} {passes}");
        let [found, ..] = simulated(TWO, 0.028, 0.10, 0.05, 0.0);
        assert!(found > 0.97, "{found}");
        // Slower by exactly the margin is passed no more often than the level says.
        let [_, passes, _] = simulated(TWO, 0.028, 0.05f64.ln_1p(), 0.05, 0.0);
        assert!(passes < 0.06, "{passes}");
    }

    #[test]
    fn looks_from_text() {
        assert_eq!("5..10".parse(), Ok(TWO));
        assert_eq!("6".parse(), Ok(Looks { first: 6, last: 6 }));
        for text in ["10..5", "2", "5..51", "", "a..b", "5.."] {
            assert!(text.parse::<Looks>().is_err(), "{text}");
        }
        assert_eq!((TWO.to_string(), TWO.level()), ("5 to 10".into(), LEVEL_OF_TWO));
        assert_eq!("6".parse::<Looks>().map(Looks::level), Ok(stats::LEVEL));
    }

    #[test]
    fn a_look_ends_it_when_it_decides() {
        for (pairs, answer, ends) in [
            (4, Answer::Regression, false),
            (5, Answer::Regression, true),
            (5, Answer::Pass, true),
            (5, Answer::Inconclusive, false),
            (7, Answer::Pass, false),
            (10, Answer::Inconclusive, true),
        ] {
            assert_eq!(TWO.ends(pairs, answer), ends, "{pairs} {answer:?}");
        }
    }

    #[test]
    fn both_orders_are_drawn_and_the_seed_repeats_them() {
        let order = |seed| (1..=100).map(|pair| a_is_first(seed, pair)).collect::<Vec<bool>>();
        let firsts = order(1).iter().filter(|first| **first).count();
        assert!((35..=65).contains(&firsts), "{firsts}");
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
