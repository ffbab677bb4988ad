//! Which quantile may be shown, and which may be judged.
//!
//! Quantiles are of all exchanges, not only of the answered ones: an exchange that was never
//! answered stands behind every answer. So with `A` answers and `U` unanswered, quantile `q` is the
//! answer of rank `q (A + U)`:
//!
//! ```text
//! rank:   1 ........................ in time | late ..... A | unanswered ... A + U
//!         exact value                        | censored when U > 0
//! ```
//!
//! A late answer has its true value as long as all were answered; otherwise an unanswered one might
//! stand before it, and all that is known is "above the timeout". Pure arithmetic.

use crate::tally::Hist;

/// Samples that must lie beyond a quantile for it to be shown.
pub const SHOW_BEYOND: u64 = 10;
/// Samples that must lie beyond a quantile for a limit on it to be judged.
pub const GATE_BEYOND: u64 = 100;

/// The quantiles of a summary by key.
pub const QUANTILES: [(&str, f64); 6] = [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999)];

/// Times of a set of exchanges, some of which may have none.
#[derive(Clone, Copy, Debug)]
pub struct Answers<'a> {
    hist: Option<&'a Hist>,
    unanswered: u64,
    timeout_ns: u64,
}

/// What can be said of a quantile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Its value in nanoseconds.
    Value(u64),
    /// Too few samples lie beyond it: this many.
    TooFew(u64),
    /// It lies past the answered share: above the timeout.
    Censored,
}

impl Shown {
    /// The value, if there is one.
    pub fn value(self) -> Option<u64> {
        match self {
            Shown::Value(ns) => Some(ns),
            Shown::TooFew(_) | Shown::Censored => None,
        }
    }
}

impl<'a> Answers<'a> {
    /// Values of which none can lack.
    pub fn all(hist: Option<&'a Hist>) -> Self {
        Answers { hist, unanswered: 0, timeout_ns: u64::MAX }
    }

    /// Answers, with `unanswered` exchanges that waited longer than `timeout_ns`.
    pub fn censored(hist: Option<&'a Hist>, unanswered: u64, timeout_ns: u64) -> Self {
        Answers { hist, unanswered, timeout_ns }
    }

    /// The values, if there are any.
    pub fn hist(&self) -> Option<&'a Hist> {
        self.hist.filter(|h| !h.is_empty())
    }

    /// Number of answers.
    pub fn answered(&self) -> u64 {
        self.hist.map_or(0, Hist::len)
    }

    /// Number of exchanges, unanswered ones included.
    pub fn len(&self) -> u64 {
        self.answered().saturating_add(self.unanswered)
    }

    /// Whether there was no exchange at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Exchanges never answered.
    pub fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// Samples beyond quantile `q`.
    pub fn beyond(&self, q: f64) -> u64 {
        // 100 samples have 10 beyond p90, although 100 * (1 - 0.9) is 9.999999999999998.
        (self.len() as f64 * (1.0 - q) + 1e-6) as u64
    }

    /// Quantile `q`, if `need` samples lie beyond it.
    pub fn quantile(&self, q: f64, need: u64) -> Shown {
        match self.beyond(q) {
            beyond if beyond < need => Shown::TooFew(beyond),
            _ => self.at(q),
        }
    }

    /// Quantile `q`, however many samples stand behind it.
    pub fn at(&self, q: f64) -> Shown {
        let Some(hist) = self.hist() else {
            return if self.unanswered > 0 { Shown::Censored } else { Shown::TooFew(0) };
        };
        if self.unanswered == 0 {
            return hist.quantile(q).map_or(Shown::TooFew(0), Shown::Value);
        }
        let rank = q * self.len() as f64 / hist.len() as f64;
        match hist.quantile(rank.min(1.0)) {
            Some(ns) if rank <= 1.0 && ns <= self.timeout_ns => Shown::Value(ns),
            _ => Shown::Censored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::MILLI;

    fn millis(n: u64) -> Hist {
        let mut hist = Hist::new();
        (1..=n).for_each(|i| hist.record(i * MILLI));
        hist
    }

    fn about(shown: Shown, ms: u64) -> bool {
        shown.value().is_some_and(|ns| ns.abs_diff(ms * MILLI) * 1000 <= ms * MILLI)
    }

    #[test]
    fn ten_samples_beyond() {
        for (n, q, shown) in
            [(20, 0.5, true), (19, 0.5, false), (100, 0.9, true), (99, 0.9, false), (1_000, 0.99, true), (999, 0.99, false)]
        {
            let hist = millis(n);
            let answer = Answers::all(Some(&hist)).quantile(q, SHOW_BEYOND);
            assert_eq!(answer.value().is_some(), shown, "{n} samples at {q}: {answer:?}");
        }
        assert_eq!(Answers::all(None).quantile(0.5, SHOW_BEYOND), Shown::TooFew(0));
    }

    #[test]
    fn the_unanswered_stand_behind_all_answers() {
        let hist = millis(900);
        let answers = Answers::censored(Some(&hist), 100, 10_000 * MILLI);
        assert!(about(answers.at(0.5), 500), "half of 1,000 exchanges: {:?}", answers.at(0.5));
        assert!(about(answers.at(0.89), 890));
        assert_eq!(answers.at(0.91), Shown::Censored);
        assert_eq!(Answers::censored(None, 5, MILLI).at(0.5), Shown::Censored);
    }

    #[test]
    fn late_answers_are_exact_only_when_all_were_answered() {
        let hist = millis(1_000);
        assert!(about(Answers::censored(Some(&hist), 0, 900 * MILLI).at(0.95), 950));
        assert_eq!(Answers::censored(Some(&hist), 1, 900 * MILLI).at(0.95), Shown::Censored);
        assert!(about(Answers::censored(Some(&hist), 1, 900 * MILLI).at(0.85), 851));
    }
}
