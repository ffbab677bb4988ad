//! A run as it is read back.

use std::collections::BTreeMap;

use super::CounterRow;
use super::Event;
use super::Manifest;
use crate::tally::Hist;
use crate::tally::Sparse;

/// One histogram of one second.
#[derive(Clone, Debug)]
pub struct Interval {
    /// Start on the run clock in nanoseconds.
    pub t_ns: u64,
    /// Length in nanoseconds.
    pub span_ns: u64,
    /// Tag.
    pub tag: String,
    /// The histogram.
    pub hist: Sparse,
}

/// A run as read back, enough for every report.
#[derive(Clone, Debug)]
pub struct Run {
    /// Manifest.
    pub manifest: Manifest,
    /// Seconds in order.
    pub rows: Vec<CounterRow>,
    /// Histograms of every second.
    pub intervals: Vec<Interval>,
    /// Histograms of the whole run by tag.
    pub totals: BTreeMap<String, Hist>,
    /// Sections of the measure phase by `TAG#1` to `TAG#6`; empty when the record has none.
    pub sections: BTreeMap<String, Sparse>,
    /// Events in order.
    pub events: Vec<Event>,
    /// What is missing, in words; empty for a whole record.
    pub missing: Vec<String>,
}
