//! Runs that are killed at any moment leave a record of everything but their last seconds.

mod kit;

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use kit::*;
use volley::mock::Words;
use volley::record;
use volley::record::State;
use volley::units::SECOND;

/// Runs killed.
const RUNS: u64 = 100;
/// So many at once.
const AT_ONCE: u64 = 10;

/// How a run stood when it was killed.
struct Killed {
    out: PathBuf,
    /// Time since its first second was written down, at least.
    since_first: Duration,
    /// Seconds written down just before.
    written: usize,
}

fn lines(out: &Path) -> usize {
    fs::read(out.join("counters.ndjson")).map_or(0, |bytes| bytes.iter().filter(|b| **b == b'\n').count())
}

/// Starts a run and kills it `after` its first second was written down; at once, and in the middle of starting, when that is `None`.
fn kill(target: &str, out: PathBuf, after: Option<Duration>, early: Duration) -> Killed {
    let load = ["--clients", "3", "--rate", "20/s", "--warmup", "1s", "--duration", "30s", "--lanes", "1", "--progress", "none"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_volley"))
        .args(["run", "echo", "--target", target, "--out", text(&out), "--report", "none"])
        .args(load)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut since_first = Duration::ZERO;
    match after {
        None => std::thread::sleep(early),
        Some(after) => {
            let given_up = Instant::now() + Duration::from_secs(30);
            while lines(&out) == 0 && Instant::now() < given_up {
                std::thread::sleep(Duration::from_millis(5));
            }
            let first = Instant::now();
            std::thread::sleep(after);
            since_first = first.elapsed();
        }
    }
    let written = lines(&out);
    child.kill().expect("it can be killed");
    child.wait().expect("it is gone");
    Killed { out, since_first, written }
}

/// Reads what is left, and holds it against what was there.
fn check(killed: &Killed, number: u64) {
    if !killed.out.join("run.json").exists() {
        assert_eq!(killed.written, 0, "run {number} wrote seconds before its manifest");
        return;
    }
    let run = record::read(&killed.out).unwrap_or_else(|e| panic!("run {number}: {e}"));
    assert_eq!(run.manifest.state, State::Running);
    assert!(run.rows.len() >= killed.written, "run {number}: {} seconds of {} written", run.rows.len(), killed.written);
    let whole = killed.since_first.as_secs() as usize;
    assert!(run.rows.len() + 2 > whole, "run {number}: {} seconds in the record, {whole} passed", run.rows.len());
    for pair in run.rows.windows(2) {
        assert!(pair[1].t_ns.abs_diff(pair[0].t_ns + pair[0].span_ns) < SECOND / 2, "run {number}: a second is not there");
    }
    let died = |words: &&String| !words.contains("died while it recorded");
    let strange: Vec<&String> = run
        .missing
        .iter()
        .filter(died)
        .filter(|words| !words.contains("the last line") && !words.contains("seconds are not there"))
        .collect();
    assert!(strange.is_empty(), "run {number}: {strange:?}");
    let lacking = run.rows.iter().map(|row| row.exact.len()).sum::<usize>() - run.intervals.len();
    let most = run.rows.last().map_or(0, |row| row.exact.len());
    assert!(lacking <= most, "run {number}: {lacking} histograms are not there");
}

#[test]
fn a_hundred_runs_killed_at_any_moment_can_be_read() {
    let server = mock(Words { profile: "echo".into(), ..Words::default() });
    let target = format!("ws://{}/", server.addr());
    let dir = folder();
    // Spread evenly over all moments of a second and over the first four of them, by steps of the golden section.
    let moment = |number: u64| Duration::from_secs_f64((number as f64 * 0.618_034).fract() * 4.0);
    for from in (0..RUNS).step_by(AT_ONCE as usize) {
        let killed: Vec<Killed> = std::thread::scope(|scope| {
            let starts = (from..from + AT_ONCE).map(|number| {
                let (out, target) = (dir.path().join(number.to_string()), &target);
                let after = (number % 10 != 0).then(|| moment(number));
                scope.spawn(move || kill(target, out, after, moment(number) / 10))
            });
            let starts: Vec<_> = starts.collect();
            starts.into_iter().map(|start| start.join().expect("no panic")).collect()
        });
        killed.iter().zip(from..).for_each(|(killed, number)| check(killed, number));
    }
    // What is left of one is a report.
    let some = dir.path().join("1");
    let ended = call(&["report", text(&some), "--report", "html"]);
    assert!(ended.out.contains("died while it recorded") || ended.err.contains("died while it recorded"), "{ended:#?}");
}
