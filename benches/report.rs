//! What does a report cost? A record of an hour with ten series of 1,000 answers a second, drawn by the program.
//!
//! | row | question | target |
//! |---|---|---|
//! | whole, page | reading the record and drawing its page | at most 1 s |
//! | memory | largest resident memory of that process | at most 200 MB |
//! | reading, figures, packing, page | its parts, in this process | none of their own |
//! | page size | bytes of the page, for six series over ten minutes | at most 2 MB |
//! | compare, 10 and 10 | ten such records against ten others, as text | at most 2 s |
//!
//! `cargo bench --bench report`, about a minute, most of it to make the records. Exits with 1 only when something could not be
//! measured.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]

#[path = "../tests/record/fabricate.rs"]
mod fabricate;

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Instant;

use fabricate::Fab;
use volley::profile::Class;
use volley::record;
use volley::record::CounterRow;
use volley::record::SeriesRecord;
use volley::record::State;
use volley::record::Writer;
use volley::report::build;
use volley::report::html;
use volley::tally::Hist;
use volley::units::SECOND;

fn main() -> ExitCode {
    if !std::env::args().any(|arg| arg == "--bench") {
        eprintln!("nothing is measured without `cargo bench`");
        return ExitCode::SUCCESS;
    }
    println!("{:<32} {:>12} {:>12}", "row", "figure", "target");
    match hour().and_then(|()| ten_minutes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn say(row: &str, figure: String, target: &str) {
    println!("{row:<32} {figure:>12} {target:>12}");
}

fn ms(since: Instant) -> String {
    format!("{:.0} ms", since.elapsed().as_secs_f64() * 1e3)
}

/// Writes a record of `seconds` with so many series of 1,000 answers a second.
fn write(dir: &Path, seconds: u64, series: usize) -> Result<(), String> {
    let mut manifest = Fab::new(seconds).manifest;
    let names: Vec<String> = (0..series).map(|i| if i == 0 { "echo".to_owned() } else { format!("series_{i}") }).collect();
    let about = |name: &String| SeriesRecord {
        name: name.clone(),
        class: Class::Keyed,
        about: String::new(),
        role: "client".into(),
        load: name == "echo",
        receivers: 0,
    };
    manifest.series = names.iter().map(about).collect();
    let mut running = manifest.clone();
    (running.state, running.finish) = (State::Running, None);
    let mut writer = Writer::create(dir, &running).map_err(|e| e.to_string())?;
    let from = manifest.plan.measure_from_ns() / SECOND;
    for second in 0..from + seconds {
        let phase = if second < from { "warmup" } else { "measure" };
        let hists: Vec<(String, Hist)> = names.iter().enumerate().map(|(i, name)| (tag(phase, name), spread(second, i as u64))).collect();
        let mut row = CounterRow {
            t_ns: second * SECOND,
            span_ns: SECOND,
            phase: phase.into(),
            planned: 1_000,
            sent: 1_000,
            answered: 1_000,
            ..Default::default()
        };
        (row.connections.opened, row.connections.open) = (if second == 0 { 10 } else { 0 }, 10);
        let lag = spread(second, 100);
        let hists: Vec<(&str, &Hist)> = hists.iter().map(|(tag, hist)| (tag.as_str(), hist)).chain([("lag", &lag)]).collect();
        writer.second(&row, &hists).map_err(|e| e.to_string())?;
    }
    let mut fab = Fab::new(seconds);
    fab.finish().elapsed_ns = (from + seconds) * SECOND;
    (manifest.state, manifest.finish) = (State::Complete, fab.manifest.finish);
    writer.finish(&manifest).map_err(|e| e.to_string())
}

fn tag(phase: &str, name: &str) -> String {
    if phase == "measure" { name.to_owned() } else { format!("warmup/{name}") }
}

/// A thousand values around 2 ms with a tail, different in each second and series.
fn spread(second: u64, series: u64) -> Hist {
    let mut hist = Hist::new();
    for i in 0..1_000u64 {
        let even = ((i * 7_919 + second * 104_729 + series * 1_299_709) % 100_003) as f64 / 100_003.0;
        let tail = if i.is_multiple_of(37) { 6.0 } else { 1.0 };
        hist.record((2e6 * (0.5 * (even - 0.5) * 3.0).exp() * tail) as u64);
    }
    hist
}

fn hour() -> Result<(), String> {
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).map_err(|e| e.to_string())?;
    let dir = folder.path().join("run");
    write(&dir, 3_600, 10)?;
    let began = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_volley"))
        .args(["report".as_ref(), dir.as_os_str(), "--report".as_ref(), "html".as_ref()])
        .stdout(Stdio::null())
        .status()
        .map_err(|e| e.to_string())?;
    if !matches!(status.code(), Some(0)) {
        return Err(format!("volley report ended with {status}"));
    }
    say("whole, page", ms(began), "<= 1000 ms");
    let most = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN).map_err(|e| e.to_string())?.max_rss();
    say("memory", format!("{} MB", most / 1_000), "<= 200 MB");
    let began = Instant::now();
    let run = record::read(&dir).map_err(|e| e.to_string())?;
    say("  reading", ms(began), "-");
    let began = Instant::now();
    let mut view = build::view(&run);
    say("  figures", ms(began), "-");
    let began = Instant::now();
    view.data = record::packed::pack(&run);
    say("  packing", ms(began), "-");
    let began = Instant::now();
    let page = html::render(&view);
    say("  page", ms(began), "-");
    say("  page size", format!("{:.2} MB", page.len() as f64 / 1e6), "<= 8 MB");
    compare(folder.path(), &dir)
}

/// Twenty copies of a record under other names, ten against ten.
fn compare(folder: &Path, record: &Path) -> Result<(), String> {
    let copy = |number: usize| {
        let dir = folder.join(format!("run-{number}"));
        std::fs::create_dir(&dir)?;
        for file in std::fs::read_dir(record)? {
            let file = file?;
            if file.file_name() != "run.json" {
                std::fs::hard_link(file.path(), dir.join(file.file_name()))?;
            }
        }
        let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(record.join("run.json"))?)?;
        manifest["id"] = format!("run-{number}").into();
        std::fs::write(dir.join("run.json"), serde_json::to_vec(&manifest)?)?;
        Ok(dir)
    };
    let dirs: Vec<PathBuf> = (0..20).map(copy).collect::<std::io::Result<_>>().map_err(|e| e.to_string())?;
    let began = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_volley"))
        .arg("compare")
        .args(&dirs[..10])
        .arg("--with")
        .args(&dirs[10..])
        .stdout(Stdio::null())
        .status()
        .map_err(|e| e.to_string())?;
    if !matches!(status.code(), Some(0)) {
        return Err(format!("volley compare ended with {status}"));
    }
    say("compare, 10 and 10", ms(began), "<= 2000 ms");
    Ok(())
}

fn ten_minutes() -> Result<(), String> {
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).map_err(|e| e.to_string())?;
    let dir = folder.path().join("run");
    write(&dir, 600, 6)?;
    let run = record::read(&dir).map_err(|e| e.to_string())?;
    let page = html::render(&build::with_data(&run));
    say("page size, six series, ten min", format!("{:.2} MB", page.len() as f64 / 1e6), "<= 2 MB");
    Ok(())
}
