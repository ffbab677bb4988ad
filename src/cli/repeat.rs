//! `volley run --repeat N`: N runs one behind the other, each in a process of its own as if typed alone, then a
//! table of all of them.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::Trouble;
use super::args::Progress;
use super::args::RunArgs;
use super::args::RunFormat;
use super::config;
use super::say;
use super::signals;
use super::tell;
use crate::units::Nanos;

/// Exit codes, the one that decides first.
const PRECEDENCE: [i32; 11] = [2, 1, 130, 143, 3, 4, 10, 11, 12, 0, -1];
/// How often it is looked whether a rest is to end.
const LOOK: Duration = Duration::from_millis(50);

/// What is kept of a run.
struct Row {
    code: i32,
    verdict: String,
    series: String,
    figures: [Option<u64>; 3],
}

/// Runs `times` times; the worst exit code.
pub(super) fn run(args: &RunArgs, times: u32) -> Result<u8, Trouble> {
    let base =
        args.out.clone().unwrap_or_else(|| PathBuf::from("reports").join(format!("{}-repeat-{}", stem(&args.profile), std::process::id())));
    let child = Arc::new(AtomicI32::new(0));
    let stopped = Arc::new(AtomicI32::new(0));
    let (its, told) = (child.clone(), stopped.clone());
    signals::on_stop(move |signal| {
        told.store(signal, Ordering::SeqCst);
        let pid = its.load(Ordering::SeqCst);
        if pid > 0 {
            // It may have ended meanwhile.
            kill(Pid::from_raw(pid), Signal::SIGINT).ok();
        }
    })?;
    let mut rows = Vec::new();
    for turn in 1..=times {
        if turn > 1 {
            rest(args.pause, &stopped);
        }
        if stopped.load(Ordering::SeqCst) != 0 {
            break;
        }
        if args.progress != Progress::None {
            tell!("run {turn} of {times}");
        }
        let row = once(&base.join(turn.to_string()), &child)?;
        // What could not even begin will not begin the next time either.
        let is_hopeless = row.code == 2;
        rows.push(row);
        if is_hopeless {
            break;
        }
    }
    show(&rows, &base, args.format);
    let worst = PRECEDENCE.iter().find(|code| rows.iter().any(|row| row.code == **code)).copied().unwrap_or(1);
    let signal = stopped.load(Ordering::SeqCst);
    Ok(u8::try_from(if signal != 0 && worst != 2 { 128 + signal } else { worst }).unwrap_or(1))
}

fn stem(profile: &str) -> &str {
    Path::new(profile).file_stem().and_then(|stem| stem.to_str()).unwrap_or("run")
}

fn rest(pause: Nanos, stopped: &AtomicI32) {
    let until = Instant::now() + pause.to_std();
    while Instant::now() < until && stopped.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
    }
}

/// One run, its record in `dir`.
fn once(dir: &Path, child: &AtomicI32) -> Result<Row, Trouble> {
    let program = std::env::current_exe().map_err(|e| Trouble::internal(format!("finding this program: {e}")))?;
    let mut command = Command::new(program);
    command.args(without_repeat(config::words().skip(1))).arg("--out").arg(dir);
    // In a group of its own, so that a signal of the terminal reaches it once, from here.
    command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
    let mut started = command.spawn().map_err(|e| Trouble::internal(format!("starting a run: {e}")))?;
    child.store(started.id() as i32, Ordering::SeqCst);
    let ended = started.wait().map_err(|e| Trouble::internal(format!("waiting for a run: {e}")))?;
    child.store(0, Ordering::SeqCst);
    Ok(row(dir, ended.code().unwrap_or(1)))
}

/// What was typed, without what belongs to repeating.
fn without_repeat(typed: impl Iterator<Item = String>) -> Vec<String> {
    let (mut kept, mut skip) = (Vec::new(), false);
    for word in typed {
        if std::mem::take(&mut skip) {
            continue;
        }
        match word.as_str() {
            "--repeat" | "--pause" | "--out" => skip = true,
            word if ["--repeat=", "--pause=", "--out="].iter().any(|flag| word.starts_with(flag)) => {}
            _ => kept.push(word),
        }
    }
    kept
}

fn row(dir: &Path, code: i32) -> Row {
    let text = std::fs::read_to_string(dir.join("summary.json")).unwrap_or_default();
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let first = &summary["series"][0];
    Row {
        code,
        verdict: summary["verdict"].as_str().unwrap_or("no record").to_owned(),
        series: first["name"].as_str().unwrap_or_default().to_owned(),
        figures: ["p50", "p99", "max"].map(|figure| first["response"][figure].as_u64()),
    }
}

fn show(rows: &[Row], base: &Path, format: RunFormat) {
    if format == RunFormat::Json {
        let runs: Vec<serde_json::Value> = (1..).zip(rows).map(|(turn, row)| json(turn, row, base)).collect();
        return say!("{}", serde_json::json!({"schema": "volley.repeat/1", "runs": runs}));
    }
    if format == RunFormat::Ndjson {
        return (1..).zip(rows).for_each(|(turn, row)| say!("{}", json(turn, row, base)));
    }
    let series = rows.iter().map(|row| row.series.as_str()).find(|name| !name.is_empty()).unwrap_or("run");
    say!("{:>4}  {:8}  {:>9}  {:>9}  {:>9}  exit", "run", "verdict", "p50", "p99", "max");
    for (turn, row) in (1..).zip(rows) {
        let [p50, p99, max] = row.figures.map(shown);
        say!("{turn:>4}  {:8}  {p50:>9}  {p99:>9}  {max:>9}  {}", row.verdict, row.code);
    }
    let spread = [0, 1, 2].map(|at| spread(rows.iter().filter_map(|row| row.figures[at])));
    say!("      {:8}  {:>9}  {:>9}  {:>9}", "spread", spread[0], spread[1], spread[2]);
    say!("  response of {series}; spread: largest over smallest; records in {}", base.display());
}

fn json(turn: usize, row: &Row, base: &Path) -> serde_json::Value {
    let [p50, p99, max] = row.figures;
    let dir = base.join(turn.to_string()).display().to_string();
    serde_json::json!({"run": turn, "verdict": row.verdict, "exit": row.code, "series": row.series, "response": {"p50": p50, "p99": p99, "max": max}, "record": dir})
}

fn shown(time: Option<u64>) -> String {
    time.map_or("n/a".into(), |ns| Nanos(ns).to_string())
}

/// The largest over the smallest.
fn spread(times: impl Iterator<Item = u64>) -> String {
    let times: Vec<u64> = times.collect();
    match (times.iter().min(), times.iter().max()) {
        (Some(least), Some(most)) if *least > 0 => format!("{:.2}x", *most as f64 / *least as f64),
        _ => "n/a".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_repeating_is_left_out() {
        let typed = ["run", "echo", "--repeat", "3", "--out=x", "--pause=1s", "--clients", "5", "--out", "y"].map(str::to_owned);
        assert_eq!(without_repeat(typed.into_iter()), ["run", "echo", "--clients", "5"]);
    }

    #[test]
    fn spread_is_a_ratio() {
        assert_eq!(spread([200, 100, 150].into_iter()), "2.00x");
        assert_eq!(spread(std::iter::empty()), "n/a");
    }
}
