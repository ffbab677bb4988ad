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

use serde::Deserialize;

use super::CounterRow;
use super::Event;
use super::Interval;
use super::Manifest;
use super::RUN_SCHEMA;
use super::Run;
use super::State;
use super::held::Held;
use super::hlog::Decoder;
use super::hlog::join;
use super::lines;
use super::lines::Ending;
use super::lines::LineError;
use super::totals;
use super::write::COUNTERS;
use super::write::EVENTS;
use super::write::INTERVALS;
use super::write::RUN_JSON;
use super::write::TOTALS;
use crate::tally::Exact;
use crate::tally::Hist;
use crate::units::SECOND;

/// Buckets of histograms of single seconds held at once (16 bytes each); beyond it neighbours are merged.
pub const HELD_MAX: usize = 5_000_000;

/// Largest `run.json`; a profile of 1 MiB fits, however it is escaped. Values that are not known are
/// read too, at up to 40 bytes a byte.
const RUN_JSON_MAX: u64 = 8 << 20;
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

/// Reads the record in `dir`.
///
/// # Errors
/// When the folder holds no record of a version known here, or a line other than a file's last is bad.
pub fn read(dir: &Path) -> Result<Run, ReadError> {
    let (manifest, closed) = manifest(dir)?;
    let mut missing = Vec::new();
    missing.extend(state_words(&manifest));
    missing.extend(closed.lost.as_ref().map(|l| format!("{} writes failed during the run: {}", l.appends, l.why)));
    let mut rows = Rows::default();
    let ending = file(dir, COUNTERS, NDJSON_MAX, |line| rows.take(line))?;
    missing.extend(closed.words(COUNTERS, ending.as_ref()));
    let mut joined = Joined::new(&rows.0);
    let ending = file(dir, INTERVALS, INTERVALS_MAX, |line| joined.take(line))?;
    missing.extend(closed.words(INTERVALS, ending.as_ref()));
    missing.extend(joined.words());
    let mut events: Vec<Event> = Vec::new();
    let ending = file(dir, EVENTS, NDJSON_MAX, |line| {
        events.push(serde_json::from_slice(line).map_err(|e| e.to_string())?);
        Ok(())
    })?;
    missing.extend(closed.words(EVENTS, ending.as_ref()));
    missing.extend(end_words(&manifest, &rows.0));
    let Joined { held, totals: summed, .. } = joined;
    let (totals, words) = choose_totals(&dir.join(TOTALS), summed, manifest.state);
    missing.extend(words);
    let known: Vec<String> = closed.missing.into_iter().filter(|words| !missing.contains(words)).collect();
    missing.extend(known);
    Ok(Run { manifest, rows: rows.0, intervals: held.into_intervals(), totals, events, missing })
}

/// What a closed record says of itself beside the manifest.
#[derive(Debug, Default, Deserialize)]
struct Closed {
    #[serde(default)]
    files: BTreeMap<String, u64>,
    lost: Option<Lost>,
    #[serde(default)]
    missing: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Lost {
    appends: u64,
    why: String,
}

impl Closed {
    /// What to say of a file that ended like this.
    fn words(&self, name: &str, ending: Option<&Ending>) -> Vec<String> {
        let Some(ending) = ending else { return vec![format!("{name} is not there")] };
        let torn = ending.torn.as_ref().map(|why| format!("{name}: the last line was unreadable and was left out ({why})"));
        let length = self.files.get(name).filter(|&&bytes| bytes != ending.bytes);
        let length = length.map(|bytes| format!("{name} has {} bytes, it was closed with {bytes}", ending.bytes));
        torn.into_iter().chain(length).collect()
    }
}

fn manifest(dir: &Path) -> Result<(Manifest, Closed), ReadError> {
    let path = dir.join(RUN_JSON);
    let not = |why: String| ReadError::NotARecord { dir: dir.to_owned(), why };
    let length = match std::fs::metadata(&path) {
        Ok(meta) => meta.len(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(not(format!("there is no {RUN_JSON} in it"))),
        Err(error) => return Err(ReadError::Io { file: path, error }),
    };
    if length > RUN_JSON_MAX {
        return Err(ReadError::TooLarge { file: path, max: RUN_JSON_MAX });
    }
    let text = std::fs::read(&path).map_err(|error| ReadError::Io { file: path, error })?;
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(|e| not(format!("{RUN_JSON}: {e}")))?;
    check_schema(value["schema"].as_str()).map_err(|known| match known {
        Some(schema) => ReadError::TooNew { schema },
        None => not(format!("{RUN_JSON} has no schema `{RUN_SCHEMA}`")),
    })?;
    let closed = Closed::deserialize(&value).map_err(|e| not(format!("{RUN_JSON}: {e}")))?;
    let manifest: Manifest = serde_json::from_value(value).map_err(|e| not(format!("{RUN_JSON}: {e}")))?;
    believable(&manifest).map_err(not)?;
    Ok((manifest, closed))
}

/// The same major is accepted; a higher one comes back by name, anything else as `None`.
fn check_schema(found: Option<&str>) -> Result<(), Option<String>> {
    let (family, ours) = RUN_SCHEMA.split_once('/').expect("the schema has a slash");
    let found = found.ok_or(None)?;
    let (their_family, theirs) = found.split_once('/').ok_or(None)?;
    let number = |text: &str| text.split('.').next().and_then(|n| n.parse::<u64>().ok());
    match number(theirs) {
        Some(n) if their_family == family && Some(n) == number(ours) => Ok(()),
        Some(n) if their_family == family && Some(n) > number(ours) => Err(Some(found.chars().take(40).collect())),
        _ => Err(None),
    }
}

/// Times and shares must be such that arithmetic with them holds.
pub(super) fn believable(manifest: &Manifest) -> Result<(), String> {
    let plan = &manifest.plan;
    let times = [plan.ramp_ns, plan.warmup_ns, plan.duration_ns, plan.timeout_ns];
    if times.into_iter().any(|t| t > BELIEVED_MAX) {
        return Err(format!("{RUN_JSON}: a time of the plan is beyond 30 years"));
    }
    if !(0.0..=1.0).contains(&manifest.coverage) {
        return Err(format!("{RUN_JSON}: coverage {} is not a share", manifest.coverage));
    }
    Ok(())
}

/// Reads a file of lines; `None` when it is not there.
fn file(dir: &Path, name: &str, max: u64, take: impl FnMut(&[u8]) -> Result<(), String>) -> Result<Option<Ending>, ReadError> {
    let path = dir.join(name);
    match lines::each(&path, max, take) {
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
    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        let row: CounterRow = serde_json::from_slice(line).map_err(|e| e.to_string())?;
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
    decoder: Decoder,
    held: Held,
    totals: BTreeMap<String, Hist>,
    /// Lines whose row is not there.
    orphans: u64,
    /// Lines joined.
    joined: u64,
}

impl<'a> Joined<'a> {
    fn new(rows: &'a [CounterRow]) -> Self {
        let (seen, totals) = Default::default();
        Joined { rows, at: 0, seen, decoder: Decoder::new(), held: Held::at_most(HELD_MAX), totals, orphans: 0, joined: 0 }
    }

    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        let Some(line) = self.decoder.line(line)? else { return Ok(()) };
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
        let hist = join(line.buckets, *exact).map_err(|why| format!("`{}`: {why}", line.tag))?;
        if !self.seen.insert(line.tag.clone()) {
            return Err(format!("`{}` twice in one second", line.tag));
        }
        room_for(&self.totals, &line.tag)?;
        self.joined += 1;
        self.totals.entry(line.tag.clone()).or_default().add(&hist);
        self.held.add(Interval {
            t_ns: line.t_ns,
            span_ns: self.rows[at].span_ns.max(line.span_ns.min(BELIEVED_MAX)),
            tag: line.tag,
            hist,
        });
        Ok(())
    }

    fn words(&self) -> Vec<String> {
        let expected: usize = self.rows.iter().map(|row| row.exact.len()).sum();
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
fn choose_totals(path: &Path, summed: BTreeMap<String, Hist>, state: State) -> (BTreeMap<String, Hist>, Option<String>) {
    match totals::read(path) {
        Ok(Some(stored)) if summed.iter().all(|(tag, sum)| stored.get(tag).is_some_and(|t| t.len() >= sum.len())) => (stored, None),
        Ok(Some(_)) => (summed, Some(format!("{TOTALS} knows less than {INTERVALS}; totals were computed from the latter"))),
        Ok(None) if state == State::Running => (summed, None),
        Ok(None) => (summed, Some(format!("{TOTALS} is not there; totals were computed from {INTERVALS}"))),
        Err(why) => (summed, Some(format!("{TOTALS} is damaged ({why}); totals were computed from {INTERVALS}"))),
    }
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
    fn schemas() {
        for (found, ok) in [
            (Some("volley.run/1"), Ok(())),
            (Some("volley.run/1.4"), Ok(())),
            (Some("volley.run/2"), Err(Some("volley.run/2".to_owned()))),
            (Some("volley.run/0"), Err(None)),
            (Some("other/1"), Err(None)),
            (Some(""), Err(None)),
            (None, Err(None)),
        ] {
            assert_eq!(check_schema(found), ok, "{found:?}");
        }
    }

    #[test]
    fn a_new_tag_every_second_comes_to_an_end() {
        let mut known: BTreeMap<String, ()> = (1..TAGS_MAX).map(|n| (n.to_string(), ())).collect();
        assert_eq!(room_for(&known, "new"), Ok(()));
        known.insert("new".into(), ());
        assert_eq!(room_for(&known, "new"), Ok(()));
        assert_eq!(room_for(&known, "newer"), Err("more than 1024 tags".into()));
    }
}
