//! A record of strangers: the files one after another, each behind a line `=== NAME`. It is refused in
//! words, or read into a run whose figures agree and that every report can be drawn from.

#![no_main]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use volley::record::Interval;
use volley::record::Run;
use volley::record::read;
use volley::report::build;
use volley::report::html;
use volley::report::text;

const FILES: [&str; 5] = ["run.json", "counters.ndjson", "intervals.hlog", "events.ndjson", "totals.hlog"];

/// In memory where there is such a folder.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.expect("a temporary folder")
});

/// Lays the files down and takes back those of the record before.
fn lay_down(dir: &Path, data: &[u8]) {
    for name in FILES {
        let _ = fs::remove_file(dir.join(name));
    }
    let mut name = None;
    let mut file = Vec::new();
    let close = |name: Option<&str>, file: &[u8]| name.map_or(Ok(()), |name| fs::write(dir.join(name), file)).expect("written");
    for line in data.split_inclusive(|&b| b == b'\n') {
        match line.strip_prefix(b"=== ") {
            Some(title) => {
                close(name, &file);
                file.clear();
                name = FILES.into_iter().find(|known| known.as_bytes() == title.trim_ascii_end());
            }
            None => file.extend_from_slice(line),
        }
    }
    close(name, &file);
}

fn check(run: &Run) {
    assert!(run.rows.is_sorted_by(|a, b| a.t_ns < b.t_ns));
    run.totals.values().for_each(|hist| assert_eq!(hist.counts().map_or(0, |c| c.len()), hist.len()));
    for Interval { hist, .. } in &run.intervals {
        assert_eq!(hist.buckets().map(|(_, n)| n).sum::<u64>(), hist.len());
        assert!(hist.buckets().is_sorted_by(|a, b| a.0 < b.0));
    }
    let view = build::view(run);
    assert!(!text::text(&view, &text::Look::default()).is_empty());
    assert!(!html::render(&view).is_empty());
}

fuzz_target!(|data: &[u8]| {
    lay_down(FOLDER.path(), data);
    match read(FOLDER.path()) {
        Ok(run) => check(&run),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
