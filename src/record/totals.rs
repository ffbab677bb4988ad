//! Reads `totals.hlog`: histograms of the whole run and of its sections, with their exact figures.
//!
//! The file is written in one go, so it is either whole or not used; the caller can always add up
//! the seconds instead.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::hlog::Buckets;
use super::hlog::Decoder;
use super::hlog::join;
use super::lines;
use super::lines::LineError;
use super::read::sound;
use crate::tally::Hist;

/// Largest file read.
const TOTALS_MAX: u64 = 256 << 20;
/// Most histograms held.
const HISTS_MAX: usize = 7 * 512;

/// Reads the file; `None` when it is not there.
pub(super) fn read(path: &Path) -> Result<Option<BTreeMap<String, Hist>>, String> {
    let mut reader = Reader { decoder: Decoder::new(), open: None, hists: BTreeMap::new(), end: None };
    match lines::each(path, TOTALS_MAX, |line| reader.take(line)) {
        Ok(ending) => match ending.torn {
            Some(why) => Err(why),
            None if reader.end != Some(reader.hists.len()) => Err("cut short".into()),
            None => Ok(Some(reader.hists)),
        },
        Err(LineError::Io(e)) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(LineError::Io(e)) => Err(e.to_string()),
        Err(LineError::TooLarge { max }) => Err(format!("longer than {max} bytes")),
        Err(LineError::Bad { line, why }) => Err(format!("line {line}: {why}")),
    }
}

struct Reader {
    decoder: Decoder,
    /// A histogram whose exact figures come next.
    open: Option<(String, Buckets)>,
    hists: BTreeMap<String, Hist>,
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
        if self.hists.len() >= HISTS_MAX {
            return Err(format!("more than {HISTS_MAX} histograms"));
        }
        sound(&exact)?;
        match self.hists.insert(tag, Hist::from(&join(buckets, exact)?)) {
            None => Ok(()),
            Some(_) => Err(format!("`{name}` twice")),
        }
    }
}
