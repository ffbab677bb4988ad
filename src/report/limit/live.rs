//! Limits that end a run: judged on what was measured so far, as each second closes.

use std::collections::BTreeSet;

use super::Limit;
use super::Stretch;
use crate::record::CounterRow;
use crate::record::Manifest;
use crate::tally::Hist;
use crate::units::Nanos;

/// The limits of a run that may end it, with what they are judged on.
#[derive(Debug)]
pub struct Live {
    limits: Vec<Limit>,
    tags: BTreeSet<String>,
    names: Vec<String>,
    load: Option<String>,
    error_kinds: BTreeSet<String>,
    timeout_ns: u64,
    measured: Nanos,
    so_far: Stretch,
}

impl Live {
    /// Those of the limits of a run that may end it; `None` when there are none.
    pub fn of(manifest: &Manifest) -> Option<Live> {
        let names: Vec<String> = manifest.series.iter().map(|series| series.name.clone()).collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let parsed = manifest.plan.limits.iter().filter_map(|text| super::parse(text, &known).ok());
        let limits: Vec<Limit> = parsed.flatten().filter(|limit| limit.abort_after.is_some()).collect();
        let live = Live {
            tags: limits.iter().filter_map(Limit::tag).collect(),
            load: manifest.series.iter().find(|series| series.counts_sends()).map(|series| series.name.clone()),
            error_kinds: manifest.error_kinds.iter().cloned().collect(),
            timeout_ns: manifest.plan.timeout_ns,
            measured: Nanos::ZERO,
            so_far: Stretch::default(),
            names,
            limits,
        };
        (!live.limits.is_empty()).then_some(live)
    }

    /// Takes in a second. What to say when the run is to end: the limit that broke, and its value.
    pub fn second<'a>(&mut self, row: &CounterRow, hists: impl Iterator<Item = (&'a str, &'a Hist)>) -> Option<String> {
        if row.phase != "measure" {
            return None;
        }
        self.measured = self.measured.plus(Nanos(row.span_ns));
        self.so_far.count(row, &self.error_kinds);
        hists.filter(|(tag, _)| self.tags.contains(*tag)).for_each(|(tag, hist)| self.so_far.time(tag, hist));
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let figures = self.so_far.figures(&names, self.load.as_deref(), self.timeout_ns);
        let broken = self.limits.iter().find_map(|limit| limit.ends(&figures, self.measured))?;
        let note = if broken.note.is_empty() { String::new() } else { format!(" ({})", broken.note) };
        Some(format!("limit `{}` broke after {} measured: {}{note}", broken.expr, self.measured, broken.value.unwrap_or_default()))
    }
}
