//! Reads `totals.hlog`: histograms of the whole run and of its sections, with their exact figures.
//!
//! The file is written in one go, so it is either whole or not used; the caller can always add up
//! the seconds instead.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::hlog::Decoder;
use super::hlog::join;
use super::lines;
use super::lines::LineError;
use super::read::sound;
use super::sections::SECTION_MARK;
use crate::tally::Buckets;
use crate::tally::Hist;
use crate::tally::Sparse;

/// Largest file read.
const TOTALS_MAX: u64 = 256 << 20;
/// Most histograms held.
const HISTS_MAX: usize = 7 * 512;

/// What the file holds.
#[derive(Default)]
pub(super) struct Totals {
    /// The whole run by tag.
    pub(super) totals: BTreeMap<String, Hist>,
    /// Its sections by tag and number.
    pub(super) sections: BTreeMap<String, Sparse>,
}

/// What became of reading the file: `Ok(None)` when it is not there.
pub(super) type Stored = Result<Option<Totals>, String>;

/// Reads the file.
pub(super) fn read(path: &Path) -> Stored {
    let mut reader = Reader { decoder: Decoder::new(), open: None, found: Totals::default(), end: None };
    match lines::each(path, TOTALS_MAX, |line| reader.take(line)) {
        Ok(ending) => match ending.torn {
            Some(why) => Err(why),
            None if reader.end != Some(reader.found.len()) => Err("cut short".into()),
            None => Ok(Some(reader.found)),
        },
        Err(LineError::Io(e)) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(LineError::Io(e)) => Err(e.to_string()),
        Err(LineError::TooLarge { max }) => Err(format!("longer than {max} bytes")),
        Err(LineError::Bad { line, why }) => Err(format!("line {line}: {why}")),
    }
}

impl Totals {
    fn len(&self) -> usize {
        self.totals.len() + self.sections.len()
    }
}

struct Reader {
    decoder: Decoder,
    /// A histogram whose exact figures come next.
    open: Option<(String, Buckets)>,
    found: Totals,
    /// How many the file says it has.
    end: Option<usize>,
}

impl Reader {
    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(line).map_err(|e| e.to_string())?.trim_end();
        if let Some(number) = text.strip_prefix("#[End ").and_then(|t| t.strip_suffix(']')) {
            self.end = Some(number.parse().map_err(|_| "bad end".to_owned())?);
            return Ok(());
        }
        match (text.strip_prefix("#[Exact ").and_then(|t| t.strip_suffix(']')), self.open.take()) {
            (Some(exact), Some(open)) => self.close(exact, open),
            (None, None) => {
                self.open = self.decoder.line(line)?.map(|line| (line.tag, line.buckets));
                Ok(())
            }
            _ => Err("a histogram without exact figures, or figures without a histogram".into()),
        }
    }

    fn close(&mut self, exact: &str, (tag, buckets): (String, Buckets)) -> Result<(), String> {
        let (name, json) = exact.split_once(' ').ok_or("exact figures without a tag")?;
        let exact = serde_json::from_str(json).map_err(|e| format!("`{tag}`: {e}"))?;
        if name != tag {
            return Err(format!("`{tag}` followed by the figures of `{name}`"));
        }
        if self.found.len() >= HISTS_MAX {
            return Err(format!("more than {HISTS_MAX} histograms"));
        }
        sound(&exact)?;
        let hist = join(&buckets, exact)?;
        let is_new = match tag.contains(SECTION_MARK) {
            true => self.found.sections.insert(tag, hist).is_none(),
            false => self.found.totals.insert(tag, Hist::from(&hist)).is_none(),
        };
        if is_new { Ok(()) } else { Err(format!("`{name}` twice")) }
    }
}
