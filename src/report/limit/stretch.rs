//! What happened in a stretch of a run, gathered second by second: what limits are judged on while the run goes on, and
//! what those are judged on that speak of a part of it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::LimitFigures;
use super::SeriesFigures;
use crate::record::CounterRow;
use crate::report::quantile::Answers;
use crate::report::words;
use crate::tally::Hist;
use crate::tally::Sparse;
use crate::units::SECOND;

/// Sums over a stretch.
#[derive(Debug, Default)]
pub struct Stretch {
    hists: BTreeMap<String, Hist>,
    span_ns: u64,
    errors: u64,
    attempts: u64,
    unanswered: u64,
    late: u64,
    duplicate: u64,
    unsolicited: u64,
    not_offered: u64,
    planned: u64,
    sent: u64,
    answered: u64,
    series_unanswered: BTreeMap<String, u64>,
}

impl Stretch {
    /// Takes in the counts of a second; answers of `error_kinds` are errors.
    pub fn count(&mut self, row: &CounterRow, error_kinds: &BTreeSet<String>) {
        let error_answers = row.outcomes.values().flatten().filter(|(kind, _)| error_kinds.contains(*kind));
        let errors = error_answers.fold(words::sum(&row.faults), |sum, (_, n)| sum.saturating_add(*n));
        for (into, n) in [
            (&mut self.span_ns, row.span_ns),
            (&mut self.errors, errors),
            (&mut self.attempts, row.sent.saturating_add(row.connections.opened).saturating_add(row.connections.failed)),
            (&mut self.unanswered, row.unanswered),
            (&mut self.late, row.late),
            (&mut self.duplicate, row.duplicate),
            (&mut self.unsolicited, row.unsolicited),
            (&mut self.not_offered, words::sum(&row.not_offered)),
            (&mut self.planned, row.planned),
            (&mut self.sent, row.sent),
            (&mut self.answered, row.answered.saturating_add(row.late)),
        ] {
            *into = into.saturating_add(n);
        }
        for (name, n) in &row.series_unanswered {
            let sum = self.series_unanswered.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*n);
        }
    }

    /// Takes in a histogram of a second under its tag.
    pub fn time(&mut self, tag: &str, hist: &Hist) {
        match self.hists.get_mut(tag) {
            Some(sum) => sum.merge(hist),
            None => drop(self.hists.insert(tag.to_owned(), hist.clone())),
        }
    }

    /// As [`Stretch::time`], of a histogram at rest.
    pub fn add(&mut self, tag: &str, hist: &Sparse) {
        match self.hists.get_mut(tag) {
            Some(sum) => sum.add(hist),
            None => drop(self.hists.insert(tag.to_owned(), Hist::from(hist))),
        }
    }

    /// The figures of the series `names`; `load` is the one by which the load counts as answered.
    pub fn figures<'a>(&'a self, names: &[&'a str], load: Option<&str>, timeout_ns: u64) -> LimitFigures<'a> {
        let own = |tag: &str| Some(Answers::all(self.hists.get(tag)));
        let per_s = |n: u64| if self.span_ns == 0 { 0.0 } else { n as f64 * SECOND as f64 / self.span_ns as f64 };
        let series = |name: &&'a str| {
            let of_load = if load == Some(*name) { self.unanswered } else { 0 };
            let unanswered = of_load.saturating_add(self.series_unanswered.get(*name).copied().unwrap_or_default());
            let answers = |tag: &str| Answers::censored(self.hists.get(tag), unanswered, timeout_ns);
            let response = answers(name);
            (*name, SeriesFigures { response, service: answers(&format!("{name}/service")), rate_per_s: per_s(response.answered()) })
        };
        LimitFigures {
            series: names.iter().map(series).collect(),
            lag: own("lag"),
            reaction: own("reaction"),
            read_delay: own("read_delay"),
            errors: self.errors,
            attempts: self.attempts,
            unanswered: self.unanswered,
            late: self.late,
            duplicate: self.duplicate,
            unsolicited: self.unsolicited,
            not_offered: self.not_offered,
            planned: self.planned,
            sent: self.sent,
            answered: self.answered,
            per_s: [per_s(self.planned), per_s(self.sent), per_s(self.answered)],
            timeout_ns,
        }
    }
}
