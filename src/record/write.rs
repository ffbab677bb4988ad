//! Writes a run while it happens. Append-only files grow by whole lines, once a second; only
//! `run.json` and `totals.hlog` are written anew, by temporary file and rename, so that a killed
//! process leaves a record of everything but its last second.
//!
//! ```text
//! second 17:  intervals.hlog += a line per histogram, then counters.ndjson += its line (the commit)
//! finish:     intervals, counters, events synced -> totals.hlog renamed in -> run.json renamed in
//! ```
//!
//! `totals.hlog` holds a line `NAME` per tag and, for tags of the measure phase, `NAME#1` to `NAME#6`
//! for six equal sections of it; a comment `#[Exact TAG {..}]` behind each line gives the exact
//! figures, `#[End N]` closes the file. Beside the manifest, `run.json` lists under `files` how long
//! the closed files are, under `lost` what could not be written, and under `missing` what was never there. Knows nothing of what the figures
//! mean, and reads no clock: the run clock of the rows decides when to sync.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use serde_json::json;

use super::CounterRow;
use super::Event;
use super::Manifest;
use super::hlog;
use super::sections;
use super::sections::Sections;
use super::sections::TotalLine;
use crate::tally::Hist;
use crate::units::SECOND;

/// The manifest.
pub const RUN_JSON: &str = "run.json";
/// A histogram line per second and tag.
pub const INTERVALS: &str = "intervals.hlog";
/// A line of counters per second.
pub const COUNTERS: &str = "counters.ndjson";
/// A line per event.
pub const EVENTS: &str = "events.ndjson";
/// Totals and sections.
pub const TOTALS: &str = "totals.hlog";

/// How often the append-only files are synced to the disk.
const SYNC_EVERY_NS: u64 = 10 * SECOND;

/// A record that is being written.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    intervals: Append,
    counters: Append,
    events: Append,
    encoder: Encoder,
    sections: Sections,
    last_t_ns: Option<u64>,
    synced_ns: u64,
    lost: Option<Lost>,
    /// What was missing already in the record that this one is made of, in words.
    pub(super) missing: Vec<String>,
}

/// The encoder without its inner life in debug output.
struct Encoder(hlog::Encoder);

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}

/// What could not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Appends that failed.
    pub appends: u64,
    /// The first reason, in words.
    pub why: String,
}

impl Writer {
    /// Creates the folder (mode 0700) and its files (0600), and writes the manifest.
    ///
    /// # Errors
    /// When the folder cannot be made or written, or holds a record already; the text names the path.
    pub fn create(dir: &Path, manifest: &Manifest) -> io::Result<Writer> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| at(dir, &e))?;
        if dir.join(RUN_JSON).exists() {
            let taken = io::Error::new(io::ErrorKind::AlreadyExists, "holds a record already; choose another folder with --out");
            return Err(at(dir, &taken));
        }
        Writer::begin(dir, manifest)
    }

    /// Writes the record in the folder once more from its beginning: what was appended goes, what else is there stays.
    ///
    /// # Errors
    /// When a file cannot be made anew; the text names the path.
    pub fn anew(dir: &Path, manifest: &Manifest) -> io::Result<Writer> {
        for name in [INTERVALS, COUNTERS, EVENTS, TOTALS] {
            let path = dir.join(name);
            if path.exists() {
                std::fs::remove_file(&path).map_err(|e| at(&path, &e))?;
            }
        }
        Writer::begin(dir, manifest)
    }

    fn begin(dir: &Path, manifest: &Manifest) -> io::Result<Writer> {
        let mut writer = Writer {
            dir: dir.to_owned(),
            intervals: Append::create(dir, INTERVALS)?,
            counters: Append::create(dir, COUNTERS)?,
            events: Append::create(dir, EVENTS)?,
            encoder: Encoder(hlog::Encoder::new()),
            sections: Sections::new(manifest.plan.measure_from_ns(), manifest.plan.duration_ns),
            last_t_ns: None,
            synced_ns: 0,
            lost: None,
            missing: Vec::new(),
        };
        writer.intervals.append(hlog::head(&manifest.started).as_bytes())?;
        writer.replace(RUN_JSON, writer.manifest_text(manifest, false).as_bytes())?;
        Ok(writer)
    }

    /// Appends one second: a line per histogram that is not empty, then the line of counters with
    /// their exact figures (`row.exact` is filled here). Rows must come in order of time.
    ///
    /// # Errors
    /// The first failure only; later ones are counted in [`Writer::lost`]. The record stays whole:
    /// what could not be written entirely is taken back.
    pub fn second(&mut self, row: &CounterRow, hists: &[(&str, &Hist)]) -> io::Result<()> {
        let hists: Vec<(&str, u64, &Hist)> = hists.iter().map(|(tag, hist)| (*tag, row.span_ns, *hist)).collect();
        self.stretch(row, &hists)
    }

    /// As [`Writer::second`], of histograms that may be of longer stretches: each with its own length in nanoseconds.
    pub(super) fn stretch(&mut self, row: &CounterRow, hists: &[(&str, u64, &Hist)]) -> io::Result<()> {
        let row = self.tidy(row, hists);
        let done = self.append_second(&row, hists).and_then(|()| self.sync_when_due(row.t_ns));
        self.remember(done)
    }

    /// Appends one event.
    ///
    /// # Errors
    /// As [`Writer::second`].
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let done = json_line(event).and_then(|line| self.events.append(line.as_bytes()));
        self.remember(done)
    }

    /// What could not be written so far.
    pub fn lost(&self) -> Option<&Lost> {
        self.lost.as_ref()
    }

    /// The folder of the record.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Puts back what was removed from the record while it was open: the folder, and its files with
    /// what was written so far, which the kernel keeps as long as they are open. To be called when no
    /// more seconds come. Returns whether anything was missing.
    ///
    /// # Errors
    /// When the folder or a file cannot be made again; the text names the path.
    pub fn restore(&self, manifest: &Manifest) -> io::Result<bool> {
        let files = [&self.intervals, &self.counters, &self.events];
        let missing: Vec<&Append> = files.into_iter().filter(|file| !self.dir.join(file.name).exists()).collect();
        let lacks_manifest = !self.dir.join(RUN_JSON).exists();
        if missing.is_empty() && !lacks_manifest {
            return Ok(false);
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(|e| at(&self.dir, &e))?;
        for file in missing {
            let path = self.dir.join(file.name);
            let held = format!("/proc/self/fd/{}", file.file.as_raw_fd());
            std::fs::copy(held, &path).map_err(|e| at(&path, &e))?;
        }
        if lacks_manifest {
            self.replace(RUN_JSON, self.manifest_text(manifest, false).as_bytes())?;
        }
        Ok(true)
    }

    /// Closes the record: syncs, writes totals and sections, and rewrites the manifest.
    ///
    /// # Errors
    /// When one of these fails. All are tried; what was appended before stays readable.
    pub fn finish(mut self, manifest: &Manifest) -> io::Result<()> {
        let totals = self.sections.totals(&mut self.encoder.0).map_err(io::Error::other);
        self.close(manifest, totals)
    }

    /// As [`Writer::finish`], with totals that are known better than from the seconds.
    pub(super) fn finish_with(mut self, manifest: &Manifest, totals: &BTreeMap<String, Hist>) -> io::Result<()> {
        let plan = &manifest.plan;
        let line = |(tag, hist): (&String, &Hist)| {
            sections::total_line(&mut self.encoder.0, tag.clone(), plan.measure_from_ns(), plan.duration_ns, hist)
        };
        let totals = totals.iter().filter(|(_, hist)| !hist.is_empty()).map(line).collect::<Result<Vec<_>, _>>();
        self.close(manifest, totals.map_err(io::Error::other))
    }

    fn close(self, manifest: &Manifest, totals: io::Result<Vec<TotalLine>>) -> io::Result<()> {
        let synced = [&self.intervals, &self.counters, &self.events].into_iter().try_for_each(Append::sync);
        let totals = totals.and_then(|lines| totals_text(&manifest.started, &lines)).and_then(|text| self.replace(TOTALS, text.as_bytes()));
        let manifest = self.replace(RUN_JSON, self.manifest_text(manifest, true).as_bytes());
        synced.and(totals).and(manifest)
    }

    /// The row as stored: exact figures of the histograms, finite numbers, strictly rising stamps.
    fn tidy(&mut self, row: &CounterRow, hists: &[(&str, u64, &Hist)]) -> CounterRow {
        let mut row = row.clone();
        row.exact = hists.iter().filter(|(.., h)| !h.is_empty()).map(|(tag, _, h)| ((*tag).to_owned(), h.exact())).collect();
        row.lane_busy = finite(row.lane_busy);
        if let Some(last) = self.last_t_ns {
            row.t_ns = row.t_ns.max(last + 1);
        }
        self.last_t_ns = Some(row.t_ns);
        row
    }

    fn append_second(&mut self, row: &CounterRow, hists: &[(&str, u64, &Hist)]) -> io::Result<()> {
        let mut lines = String::new();
        for (tag, span_ns, hist) in hists.iter().filter(|(.., h)| !h.is_empty()) {
            if !hlog::fits(tag) {
                return Err(io::Error::other(format!("`{tag}` cannot be a tag of a histogram log")));
            }
            self.encoder.0.line(&mut lines, tag, row.t_ns, *span_ns, hist).map_err(io::Error::other)?;
            self.sections.add(&mut self.encoder.0, row, tag, hist).map_err(io::Error::other)?;
        }
        let row_line = json_line(row)?;
        // The counts are worth keeping when only the histograms found no room.
        let intervals = self.intervals.append(lines.as_bytes());
        self.counters.append(row_line.as_bytes()).and(intervals)
    }

    fn sync_when_due(&mut self, now_ns: u64) -> io::Result<()> {
        if now_ns.saturating_sub(self.synced_ns) < SYNC_EVERY_NS {
            return Ok(());
        }
        self.synced_ns = now_ns;
        [&self.intervals, &self.counters, &self.events].into_iter().try_for_each(Append::sync)
    }

    /// Lets the first failure through and counts the others.
    fn remember(&mut self, done: io::Result<()>) -> io::Result<()> {
        let Err(error) = done else { return Ok(()) };
        match &mut self.lost {
            Some(lost) => {
                lost.appends += 1;
                Ok(())
            }
            None => {
                let error = at(&self.dir, &error);
                self.lost = Some(Lost { appends: 1, why: error.to_string() });
                Err(error)
            }
        }
    }

    fn manifest_text(&self, manifest: &Manifest, closed: bool) -> String {
        let mut manifest = manifest.clone();
        manifest.coverage = finite(manifest.coverage);
        manifest.machine.cgroup_cpus = manifest.machine.cgroup_cpus.filter(|c| c.is_finite());
        if let Some(finish) = &mut manifest.finish {
            finish.generator.lane_busy_max = finite(finish.generator.lane_busy_max);
            finish.generator.dialer_busy = finite(finish.generator.dialer_busy);
        }
        let mut value = json!(manifest);
        if closed {
            let files: BTreeMap<_, _> = [&self.intervals, &self.counters, &self.events].map(|f| (f.name, f.whole)).into();
            value["files"] = json!(files);
            if !self.missing.is_empty() {
                value["missing"] = json!(self.missing);
            }
            if let Some(lost) = &self.lost {
                value["lost"] = json!({ "appends": lost.appends, "why": lost.why });
            }
        }
        format!("{value:#}\n")
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        replace_file(&self.dir, name, bytes)
    }
}

/// Writes the file `name` in `dir` anew (mode 0600): temporary file, sync, rename.
///
/// # Errors
/// When that fails; the text names the path, and the old file is as it was.
pub fn replace_file(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = dir.join(name);
    let temporary = dir.join(format!("{name}.tmp"));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|e| {
        let _ = std::fs::remove_file(&temporary);
        at(&path, &e)
    })
}

/// A file that grows by whole lines.
#[derive(Debug)]
struct Append {
    name: &'static str,
    file: File,
    /// Length of what was written whole.
    whole: u64,
    /// Whether bytes of a failed append may follow it.
    torn: bool,
}

impl Append {
    fn create(dir: &Path, name: &'static str) -> io::Result<Append> {
        let path = dir.join(name);
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path).map_err(|e| at(&path, &e))?;
        Ok(Append { name, file, whole: 0, torn: false })
    }

    /// Appends `bytes` or nothing.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.mend()?;
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.whole += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.torn = true;
                let _ = self.mend();
                Err(io::Error::new(error.kind(), format!("{}: {error}", self.name)))
            }
        }
    }

    /// Takes back what a failed append left.
    fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.whole)?;
            self.torn = false;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn totals_text(started: &str, lines: &[TotalLine]) -> io::Result<String> {
    // Without a start, other readers take the first stamp for it and pass over what lies before: the warm-up.
    let mut text = hlog::head(started);
    for line in lines {
        let exact = serde_json::to_string(&line.exact)?;
        let _ = writeln!(text, "{}#[Exact {} {exact}]", line.text, line.tag);
    }
    let _ = writeln!(text, "#[End {}]", lines.len());
    Ok(text)
}

fn json_line(value: &impl serde::Serialize) -> io::Result<String> {
    let mut line = serde_json::to_string(value)?;
    line.push('\n');
    Ok(line)
}

/// JSON has no NaN.
fn finite(x: f64) -> f64 {
    if x.is_finite() { x } else { 0.0 }
}

/// The error with the path it happened at.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
