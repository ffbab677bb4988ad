//! Totals and six equal sections of the measure phase, gathered while the record grows.
//!
//! ```text
//! row:      ramp  warm-up | 1 | 2 | 3 | 4 | 5 | 6 | drain
//! section:        0         1   2   3   4   5   6   6
//! ```
//!
//! Only the section of now is held as histograms; a finished one is kept as encoded lines, so that
//! the memory stays at one histogram a tag. Knows nothing of files.

use std::collections::BTreeMap;

use super::CounterRow;
use super::hlog::Decoder;
use super::hlog::Encoder;
use crate::tally::Exact;
use crate::tally::Hist;
use crate::tally::Sparse;

/// Sections of the measure phase.
pub const SECTIONS: u64 = 6;
/// Between a tag and the number of its section.
pub const SECTION_MARK: char = '#';
/// Prefix of the tags of ramp and warm-up.
pub const WARMUP: &str = "warmup/";

/// Gathers sections.
#[derive(Debug)]
pub(super) struct Sections {
    from_ns: u64,
    length_ns: u64,
    number: u64,
    now: BTreeMap<String, Hist>,
    done: Vec<Piece>,
}

/// One tag in one finished section.
#[derive(Debug)]
struct Piece {
    tag: String,
    number: u64,
    line: String,
    exact: Exact,
}

/// A line of `totals.hlog` with its exact figures.
#[derive(Debug)]
pub(super) struct TotalLine {
    /// Tag with the section's number, if any.
    pub(super) tag: String,
    /// The line, newline included.
    pub(super) text: String,
    /// Exact figures.
    pub(super) exact: Exact,
}

impl Sections {
    pub(super) fn new(from_ns: u64, length_ns: u64) -> Self {
        Sections { from_ns, length_ns, number: 0, now: BTreeMap::new(), done: Vec::new() }
    }

    /// Takes in one histogram of one second.
    pub(super) fn add(&mut self, encoder: &mut Encoder, row: &CounterRow, tag: &str, hist: &Hist) -> Result<(), String> {
        let number = self.number_at(row.t_ns.saturating_add(row.span_ns / 2));
        if number != self.number {
            self.close(encoder)?;
            self.number = number;
        }
        match self.now.get_mut(tag) {
            Some(sum) => sum.merge(hist),
            None => {
                self.now.insert(tag.to_owned(), hist.clone());
            }
        }
        Ok(())
    }

    fn number_at(&self, t_ns: u64) -> u64 {
        if t_ns < self.from_ns {
            return 0;
        }
        let share = u128::from(t_ns - self.from_ns) * u128::from(SECTIONS) / u128::from(self.length_ns.max(1));
        u64::try_from(share).unwrap_or(SECTIONS).min(SECTIONS - 1) + 1
    }

    fn close(&mut self, encoder: &mut Encoder) -> Result<(), String> {
        let number = self.number;
        for (tag, hist) in std::mem::take(&mut self.now) {
            let mut line = String::new();
            encoder.line(&mut line, &tag, 0, 0, &hist)?;
            self.done.push(Piece { tag, number, line, exact: hist.exact() });
        }
        Ok(())
    }

    /// All lines of `totals.hlog`: of each tag the total, then its sections.
    pub(super) fn totals(&mut self, encoder: &mut Encoder) -> Result<Vec<TotalLine>, String> {
        self.close(encoder)?;
        let mut by_tag: BTreeMap<String, Vec<Piece>> = BTreeMap::new();
        for piece in self.done.drain(..) {
            by_tag.entry(piece.tag.clone()).or_default().push(piece);
        }
        let (from, length) = (self.from_ns, self.length_ns);
        let mut lines = Vec::new();
        for (tag, pieces) in by_tag {
            let warmup = tag.starts_with(WARMUP);
            let (total_from, total_length) = if warmup { (0, from) } else { (from, length) };
            let (total, sections) = gather(&pieces)?;
            lines.push(total_line(encoder, tag.clone(), total_from, total_length, &total)?);
            for (number, hist) in sections.iter().filter(|_| !warmup) {
                let start = from + (number - 1) * (length / SECTIONS);
                lines.push(total_line(encoder, format!("{tag}{SECTION_MARK}{number}"), start, length / SECTIONS, hist)?);
            }
        }
        Ok(lines)
    }
}

/// The total of a tag's pieces, and each section; what came before the measure phase joins the first.
fn gather(pieces: &[Piece]) -> Result<(Hist, BTreeMap<u64, Hist>), String> {
    let mut decoder = Decoder::new();
    let mut total = Hist::new();
    let mut sections: BTreeMap<u64, Hist> = BTreeMap::new();
    for piece in pieces {
        let line = decoder.line(piece.line.as_bytes())?.ok_or("a section without a line")?;
        let hist = Hist::from(&Sparse::new(&line.buckets, piece.exact));
        total.merge(&hist);
        sections.entry(piece.number.max(1)).or_default().merge(&hist);
    }
    Ok((total, sections))
}

pub(super) fn total_line(encoder: &mut Encoder, tag: String, t_ns: u64, span_ns: u64, hist: &Hist) -> Result<TotalLine, String> {
    let mut text = String::new();
    encoder.line(&mut text, &tag, t_ns, span_ns, hist)?;
    Ok(TotalLine { tag, text, exact: hist.exact() })
}
