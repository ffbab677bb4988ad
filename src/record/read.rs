//! Reads a run back, whole or cut short, and says what is missing.
//!
//! Three rules. A figure that cannot be right is an error, never a guess: histograms must agree with
//! the exact figures beside them, and a bad line is an error with file and number unless it is the
//! last one. What a killed process or a full disk left out is named in [`Run::missing`]. Nothing the
//! files say can make this panic or hold unbounded memory: sizes are capped, and when more than
//! [`HELD_MAX`] buckets of single seconds would be held, neighbouring seconds are merged (counts
//! add exactly; only the grid gets coarser).

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use serde::de::DeserializeOwned;

use super::CounterRow;
use super::Event;
use super::Interval;
use super::Manifest;
use super::RUN_SCHEMA;
use super::Run;
use super::State;
use super::held::Held;
use super::hlog::Decoder;
use super::hlog::Line;
use super::hlog::join;
use super::lines;
use super::lines::Ending;
use super::lines::LineError;
use super::manifest;
use super::totals;
use super::totals::Stored;
use super::totals::Totals;
use super::write::COUNTERS;
use super::write::EVENTS;
use super::write::INTERVALS;
use super::write::TOTALS;
use crate::tally::Exact;
use crate::units::SECOND;

/// Buckets of histograms of single seconds held at once (two to four bytes each); beyond it neighbours are merged.
pub const HELD_MAX: usize = 30_000_000;
/// What a histogram weighs besides its buckets, in buckets.
const WEIGHT: usize = 80;

/// Largest `intervals.hlog`, some weeks.
const INTERVALS_MAX: u64 = 4 << 30;
/// Largest `counters.ndjson` or `events.ndjson`, some days.
const NDJSON_MAX: u64 = 512 << 20;
/// Largest time believed: 30 years in nanoseconds.
pub(super) const BELIEVED_MAX: u64 = 1_000_000_000 * SECOND;
/// Largest number of values believed in one histogram.
const COUNT_MAX: u64 = 1 << 40;
/// Most tags believed in a record (190 KiB each).
const TAGS_MAX: usize = 1_024;

/// Why a record cannot be read. Every text says which file and what to do about it, where something can be done.
#[derive(Debug)]
pub enum ReadError {
    /// The folder holds no record.
    NotARecord {
        /// The folder.
        dir: PathBuf,
        /// What is wrong, in words.
        why: String,
    },
    /// A file could not be read.
    Io {
        /// The file.
        file: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// Made by a newer version.
    TooNew {
        /// Schema found.
        schema: String,
    },
    /// A file is larger than is read.
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Largest size in bytes.
        max: u64,
    },
    /// A line that cannot be right.
    Bad {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::NotARecord { dir, why } => write!(f, "{} is not the record of a run: {why}", dir.display()),
            ReadError::Io { file, error } => write!(f, "{}: {error}", file.display()),
            ReadError::TooNew { schema } => {
                write!(
                    f,
                    "the record has schema `{schema}`, this volley reads up to `{RUN_SCHEMA}`; use the version that made it, or a newer one"
                )
            }
            ReadError::TooLarge { file, max } => write!(f, "{} is longer than {max} bytes, the most that is read", file.display()),
            ReadError::Bad { file, line, why } => write!(f, "{} line {line}: {why}", file.display()),
        }
    }
}

impl std::error::Error for ReadError {}

/// What is known of a record before its seconds are read.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What was run.
    pub manifest: &'a Manifest,
    /// Whether the six sections of the measure phase are known.
    pub has_sections: bool,
}

/// Reads the record in `dir`.
///
/// # Errors
/// When the folder holds no record of a version known here, or a line other than a file's last is bad.
pub fn read(dir: &Path) -> Result<Run, ReadError> {
    read_some(dir, |_, _| true)
}

/// Reads the record in `dir`, of the histograms of single seconds only those of the tags that are wanted. Most of the time of
/// reading goes to them. Without totals all of them are read, for the sums.
///
/// # Errors
/// As [`read`].
pub fn read_some(dir: &Path, wants: impl Fn(Known<'_>, &str) -> bool + Sync) -> Result<Run, ReadError> {
    let (manifest, closed) = manifest::read(dir)?;
    let mut missing = Vec::new();
    missing.extend(state_words(&manifest));
    missing.extend(closed.lost.as_ref().map(|l| format!("{} writes failed during the run: {}", l.appends, l.why)));
    let mut rows = Rows::default();
    let ending = file(dir, COUNTERS, NDJSON_MAX, json_line, |row| rows.take(row))?;
    missing.extend(closed.words(COUNTERS, ending.as_ref()));
    let stored = totals::read(&dir.join(TOTALS));
    let known = stored.as_ref().ok().and_then(Option::as_ref).filter(|_| manifest.state != State::Running);
    let known = known.map(|totals| Known { manifest: &manifest, has_sections: !totals.sections.is_empty() });
    let left_out = AtomicBool::new(false);
    let wanted = |tag: &str| {
        let wanted = known.is_none_or(|known| wants(known, tag));
        left_out.fetch_or(!wanted, Relaxed);
        wanted
    };
    let mut joined = Joined::new(&rows.0);
    let ending = file(dir, INTERVALS, INTERVALS_MAX, || hlog_line(&wanted), |line| joined.take(line))?;
    missing.extend(closed.words(INTERVALS, ending.as_ref()));
    missing.extend(joined.words(wanted));
    let mut events: Vec<Event> = Vec::new();
    let ending = file(dir, EVENTS, NDJSON_MAX, json_line, |event| {
        events.push(event);
        Ok(())
    })?;
    missing.extend(closed.words(EVENTS, ending.as_ref()));
    missing.extend(end_words(&manifest, &rows.0));
    let Joined { held, counts, .. } = joined;
    let intervals = held.into_intervals();
    let (chosen, words) = choose_totals(stored, &counts, &intervals, manifest.state);
    if words.is_some() && left_out.into_inner() {
        return read(dir);
    }
    missing.extend(words);
    let known: Vec<String> = closed.missing.into_iter().filter(|words| !missing.contains(words)).collect();
    missing.extend(known);
    let Totals { totals, sections } = chosen;
    Ok(Run { manifest, rows: rows.0, intervals, totals, sections, events, missing })
}

/// Parses lines of JSON.
fn json_line<T: DeserializeOwned>() -> impl FnMut(&[u8]) -> Result<T, String> {
    |line| serde_json::from_slice(line).map_err(|e| e.to_string())
}

/// Parses lines of an interval log whose tag is wanted.
fn hlog_line(wanted: impl Fn(&str) -> bool) -> impl FnMut(&[u8]) -> Result<Option<Line>, String> {
    let mut decoder = Decoder::new();
    move |line| decoder.line_of(line, &wanted)
}

/// Reads a file of lines; `None` when it is not there.
fn file<T: Send, P: FnMut(&[u8]) -> Result<T, String>>(
    dir: &Path,
    name: &str,
    max: u64,
    parser: impl Fn() -> P + Sync,
    take: impl FnMut(T) -> Result<(), String>,
) -> Result<Option<Ending>, ReadError> {
    let path = dir.join(name);
    match lines::each_parsed(&path, max, parser, take) {
        Ok(ending) => Ok(Some(ending)),
        Err(LineError::Io(e)) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(LineError::Io(error)) => Err(ReadError::Io { file: path, error }),
        Err(LineError::TooLarge { max }) => Err(ReadError::TooLarge { file: path, max }),
        Err(LineError::Bad { line, why }) => Err(ReadError::Bad { file: path, line, why }),
    }
}

/// Counter rows in order.
#[derive(Default)]
struct Rows(Vec<CounterRow>);

impl Rows {
    fn take(&mut self, row: CounterRow) -> Result<(), String> {
        if self.0.last().is_some_and(|last| row.t_ns <= last.t_ns) {
            return Err(format!("starts at {} ns, not after the line before", row.t_ns));
        }
        if row.t_ns > BELIEVED_MAX || row.span_ns > BELIEVED_MAX {
            return Err("a time beyond 30 years".into());
        }
        if row.exact.len() > TAGS_MAX {
            return Err(format!("more than {TAGS_MAX} histograms"));
        }
        row.exact.iter().try_for_each(|(tag, exact)| sound(exact).map_err(|why| format!("`{tag}`: {why}")))?;
        self.0.push(row);
        Ok(())
    }
}

/// Whether exact figures can be true of any set of values.
pub(super) fn sound(exact: &Exact) -> Result<(), String> {
    let possible = exact.count > 0 && exact.count <= COUNT_MAX && exact.min <= exact.max && exact.clipped <= exact.count;
    if possible && (exact.sum >= exact.max) { Ok(()) } else { Err(format!("impossible figures {exact:?}")) }
}

/// Interval lines joined to the exact figures of their rows.
struct Joined<'a> {
    rows: &'a [CounterRow],
    /// Row of the line before.
    at: usize,
    /// Tags already seen in that row.
    seen: BTreeSet<String>,
    held: Held,
    /// Values by tag.
    counts: BTreeMap<String, u64>,
    /// Lines whose row is not there.
    orphans: u64,
    /// Lines joined.
    joined: u64,
}

impl<'a> Joined<'a> {
    fn new(rows: &'a [CounterRow]) -> Self {
        let (seen, counts) = Default::default();
        Joined { rows, at: 0, seen, held: Held::at_most(HELD_MAX, WEIGHT), counts, orphans: 0, joined: 0 }
    }

    fn take(&mut self, line: Option<Line>) -> Result<(), String> {
        let Some(line) = line else { return Ok(()) };
        let Ok(at) = self.rows.binary_search_by_key(&line.t_ns, |row| row.t_ns) else {
            self.orphans += 1;
            return Ok(());
        };
        if at < self.at {
            return Err(format!("goes back in time to {} ns", line.t_ns));
        }
        if at > self.at {
            self.at = at;
            self.seen.clear();
        }
        let exact = self.rows[at].exact.get(&line.tag).ok_or_else(|| format!("{COUNTERS} has no figures for `{}`", line.tag))?;
        let hist = join(&line.buckets, *exact).map_err(|why| format!("`{}`: {why}", line.tag))?;
        if !self.seen.insert(line.tag.clone()) {
            return Err(format!("`{}` twice in one second", line.tag));
        }
        room_for(&self.counts, &line.tag)?;
        self.joined += 1;
        let count = self.counts.entry(line.tag.clone()).or_default();
        *count = count.saturating_add(hist.len());
        self.held.add(Interval {
            t_ns: line.t_ns,
            span_ns: self.rows[at].span_ns.max(line.span_ns.min(BELIEVED_MAX)),
            tag: line.tag,
            hist,
        });
        Ok(())
    }

    fn words(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let expected: usize = self.rows.iter().map(|row| row.exact.keys().filter(|tag| wanted(tag)).count()).sum();
        let lacking = (expected as u64).saturating_sub(self.joined);
        let orphans = (self.orphans > 0).then(|| format!("{} histograms whose second has no counters were left out", self.orphans));
        let lacking = (lacking > 0).then(|| format!("{lacking} of {expected} histograms of single seconds are not there"));
        orphans.into_iter().chain(lacking).collect()
    }
}

/// Whether `tag` is known or may be one more.
fn room_for<T>(known: &BTreeMap<String, T>, tag: &str) -> Result<(), String> {
    if known.len() < TAGS_MAX || known.contains_key(tag) { Ok(()) } else { Err(format!("more than {TAGS_MAX} tags")) }
}

/// The stored totals when they are whole and know at least as much as the intervals, else the sums.
fn choose_totals(stored: Stored, counts: &BTreeMap<String, u64>, intervals: &[Interval], state: State) -> (Totals, Option<String>) {
    let knows = |stored: &Totals| counts.iter().all(|(tag, count)| stored.totals.get(tag).is_some_and(|t| t.len() >= *count));
    let why = match stored {
        Ok(Some(stored)) if knows(&stored) => return (stored, None),
        Ok(Some(_)) => Some(format!("{TOTALS} knows less than {INTERVALS}; totals were computed from the latter")),
        Ok(None) if state == State::Running => None,
        Ok(None) => Some(format!("{TOTALS} is not there; totals were computed from {INTERVALS}")),
        Err(why) => Some(format!("{TOTALS} is damaged ({why}); totals were computed from {INTERVALS}")),
    };
    let mut sums = Totals::default();
    intervals.iter().for_each(|interval| sums.totals.entry(interval.tag.clone()).or_default().add(&interval.hist));
    (sums, why)
}

/// What the state says about completeness.
fn state_words(manifest: &Manifest) -> Option<String> {
    if manifest.state != State::Running {
        return manifest.finish.is_none().then(|| "how the run ended is not recorded".into());
    }
    let pid = manifest.pid;
    Some(if Path::new("/proc").join(pid.to_string()).exists() {
        format!("the run is still being recorded by process {pid}; these are the figures so far")
    } else {
        format!("process {pid} died while it recorded the run; what came after its last second is lost")
    })
}

/// Whether the last rows are there.
fn end_words(manifest: &Manifest, rows: &[CounterRow]) -> Option<String> {
    let elapsed = manifest.finish.as_ref()?.elapsed_ns;
    let end = rows.last().map_or(0, |row| row.t_ns.saturating_add(row.span_ns));
    let gap = elapsed.saturating_sub(end);
    (gap > 3 * SECOND / 2).then(|| format!("the last {:.1} s have no counters", gap as f64 / SECOND as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_tag_every_second_comes_to_an_end() {
        let mut known: BTreeMap<String, ()> = (1..TAGS_MAX).map(|n| (n.to_string(), ())).collect();
        assert_eq!(room_for(&known, "new"), Ok(()));
        known.insert("new".into(), ());
        assert_eq!(room_for(&known, "new"), Ok(()));
        assert_eq!(room_for(&known, "newer"), Err("more than 1024 tags".into()));
    }
}
