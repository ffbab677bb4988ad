//! What do bad peers and TLS cost? volley against its own reference server, which misbehaves by a known share.
//!
//! | row | question | target |
//! |---|---|---|
//! | wss memory | resident memory of an idle client under TLS, from 200 and 2,200 clients | at most 40 KiB |
//! | half-open | share of a core that 1,000 connections take whose peer never reads, writes or closes | at most 2 % |
//! | bad 10 % | shift of the response p99 when 10 % of the connections misbehave, server of fixed 20 ms | at most 1 ms |
//! | bad 10 %, service | the same of the service p99, which lateness of this machine does not enter | at most 1 ms |
//!
//! A shift is the median over pairs of runs, with and without, each less the p99 of the hold times that the server's account gives.
//!
//! `cargo bench --bench hostile`, about two minutes. Exits with 1 only when something could not be measured: on a busy
//! machine a row may well be over its target, and should be run again on a quiet one.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]

#[path = "../tests/certificates/mod.rs"]
mod certificates;
#[path = "../tests/tls_end/mod.rs"]
mod tls_end;

use std::path::Path;
use std::process::Command;
use std::process::ExitCode;

use certificates::Authority;
use serde_json::Value;
use volley::mock::Config;
use volley::mock::Running;
use volley::mock::Words;

/// Ways in which a tenth of the connections misbehave.
const BAD: [&str; 3] = ["drop_midstream=5:10%", "one_byte:10%", "ping_flood=200/s:10%"];
/// Pairs of runs of which the median shift is taken.
const PAIRS: usize = 5;

fn main() -> ExitCode {
    if !std::env::args().any(|arg| arg == "--bench") {
        eprintln!("nothing is measured without `cargo bench`");
        return ExitCode::SUCCESS;
    }
    println!("{:<44} {:>12} {:>12}", "row", "figure", "target");
    match wss_memory().and_then(|()| half_open()).and_then(|()| bad_tenth()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn say(row: &str, figure: String, target: &str) {
    println!("{row:<44} {figure:>12} {target:>12}");
}

fn server(delay: Option<&str>, faults: &[&str]) -> Result<Running, String> {
    let words = Words {
        profile: "echo".into(),
        delay: delay.map(str::to_owned),
        faults: faults.iter().map(|f| (*f).to_owned()).collect(),
        ..Words::default()
    };
    volley::mock::spawn(Config::new(&words).map_err(|e| e.join("; "))?).map_err(|e| format!("the server cannot be started: {e}"))
}

/// One run; its summary and the resident memory at the end of its last measured second.
fn run(url: &str, more: &[&str]) -> Result<(Value, f64), String> {
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).map_err(|e| e.to_string())?;
    let out = folder.path().join("run");
    let mut command = Command::new(env!("CARGO_BIN_EXE_volley"));
    command.args(["run", "echo", "--target", url, "--lanes", "1", "--report", "none", "--progress", "none", "--format", "json"]);
    let output = command.args(more).arg("--out").arg(&out).output().map_err(|e| e.to_string())?;
    let summary = serde_json::from_slice(&output.stdout);
    let summary = summary.map_err(|e| format!("no summary ({e}): {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok((summary, resident(&out)?))
}

fn resident(record: &Path) -> Result<f64, String> {
    let rows = std::fs::read_to_string(record.join("counters.ndjson")).map_err(|e| e.to_string())?;
    let last = rows.lines().filter_map(|row| serde_json::from_str::<Value>(row).ok()).rfind(|row| row["phase"] == "measure");
    last.and_then(|row| row["rss_bytes"].as_f64()).ok_or_else(|| "no measured second".into())
}

fn figure(summary: &Value, pointer: &str) -> Result<f64, String> {
    summary.pointer(pointer).and_then(Value::as_f64).ok_or_else(|| format!("no {pointer} in {summary}"))
}

fn wss_memory() -> Result<(), String> {
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).map_err(|e| e.to_string())?;
    let authority = Authority::new();
    let ca = authority.write_to(folder.path());
    let ca = ca.to_str().ok_or("the folder's name is not UTF-8")?;
    let behind = server(None, &[])?;
    let (at, _) = tls_end::tls_end(&authority.certify("127.0.0.1"), behind.addr(), None);
    let url = format!("wss://127.0.0.1:{}/", at.port());
    let mut resident = [0.0; 2];
    for (clients, resident) in ["200", "2200"].into_iter().zip(&mut resident) {
        let load = ["--ca", ca, "--clients", clients, "--rate", "0.5/s", "--ramp", "4s", "--warmup", "4s", "--duration", "3s"];
        let (summary, bytes) = run(&url, &load)?;
        if figure(&summary, "/connections/opened")? != clients.parse::<f64>().unwrap_or(0.0) {
            return Err(format!("not all of {clients} clients came through: {}", summary["counts"]["faults"]));
        }
        *resident = bytes;
    }
    let [few, many] = resident;
    say("wss memory of a client", format!("{:.1} KiB", (many - few) / 2_000.0 / 1_024.0), "<= 40 KiB");
    Ok(())
}

fn half_open() -> Result<(), String> {
    let server = server(None, &["stall_read"])?;
    let url = format!("ws://{}/", server.addr());
    let load = ["--clients", "1000", "--rate", "0.01/s", "--ramp", "2s", "--warmup", "1s", "--duration", "10s", "--timeout", "1s"];
    let (summary, _) = run(&url, &load)?;
    let cpu = figure(&summary, "/generator/cpu_ns")? / figure(&summary, "/run/duration_ns")?;
    say("1,000 half-open connections, of a core", format!("{:.2} %", cpu * 100.0), "<= 2 %");
    Ok(())
}

fn bad_tenth() -> Result<(), String> {
    for fault in BAD {
        let mut shifts = [Vec::new(), Vec::new()];
        for _ in 0..PAIRS {
            let (bad, good) = (beyond_hold(&[fault])?, beyond_hold(&[])?);
            shifts.iter_mut().zip(bad.iter().zip(good)).for_each(|(shifts, (bad, good))| shifts.push((bad - good) / 1e6));
        }
        for (kind, mut shifts) in ["response", "service"].into_iter().zip(shifts) {
            shifts.sort_by(f64::total_cmp);
            say(&format!("{kind} p99, {fault}"), format!("{:+.2} ms", shifts[PAIRS / 2]), "<= 1 ms");
        }
    }
    Ok(())
}

/// Response and service p99 of 200 clients less the p99 of the server's hold times, in nanoseconds.
fn beyond_hold(faults: &[&str]) -> Result<[f64; 2], String> {
    let server = server(Some("fixed:20ms"), faults)?;
    let load = ["--clients", "200", "--rate", "10/s", "--ramp", "1s", "--warmup", "1s", "--duration", "5s", "--timeout", "2s"];
    let (summary, _) = run(&format!("ws://{}/", server.addr()), &load)?;
    let hold = server.stop().map_err(|e| e.to_string())?.hold.p99.ok_or("the server held nothing")? as f64;
    let series = summary["series"].as_array().into_iter().flatten().find(|series| series["name"] == "echo").ok_or("no series echo")?;
    Ok([figure(series, "/response/p99")? - hold, figure(series, "/service/p99")? - hold])
}
