//! A run of volley: its command line, and its `summary.json` as figures.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::Claim;
use super::Figures;
use super::Quantiles;
use super::Scenario;
use super::child;
use super::child::Seen;
use super::child::Server;
use crate::bare::client;
use crate::bare::client::Load;

/// Runs volley once and reads its record, whatever its verdict.
pub(super) fn run(server: &mut Server, scenario: &Scenario) -> io::Result<(Figures, Claim, Seen)> {
    let folder = fresh_folder()?;
    let mut command = command(server, scenario, &folder.join("run"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(folder.join("stderr"))?);
    child::place_client(&mut command);
    let (status, seen) = child::watch(&mut command.spawn()?, server, scenario)?;
    let Ok(summary) = fs::read_to_string(folder.join("run/summary.json")) else {
        let said = fs::read_to_string(folder.join("stderr")).unwrap_or_default();
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing on stderr");
        return Err(io::Error::other(format!("volley left no summary in {} ({status}): {last}", folder.display())));
    };
    let (figures, claim) = read_summary(&serde_json::from_str(&summary)?, scenario);
    fs::remove_dir_all(&folder)?;
    Ok((figures, claim, seen))
}

/// A folder for one run, empty, under cargo's folder for such things.
fn fresh_folder() -> io::Result<PathBuf> {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("end_to_end-{}-{run}", std::process::id()));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn command(server: &Server, scenario: &Scenario, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_volley"));
    let ms = |ms: u64| format!("{ms}ms");
    command
        .args(["run", "echo", "--target", &format!("ws://{}/", server.target)])
        .args(["--clients", &scenario.clients.to_string()])
        .args(["--duration", &ms(scenario.measure_ms), "--warmup", &ms(scenario.warmup_ms), "--ramp", &ms(scenario.ramp_ms)])
        .args(["--lanes", "1", "--set", &format!("payload_bytes={}", client::PAYLOAD)])
        .args(["--report", "none", "--progress", "none", "--out"])
        .arg(out);
    match scenario.load {
        Load::Open { per_1000_s } => command.args(["--rate", &format!("{}/s", per_1000_s as f64 / 1000.0)]),
        Load::Closed => command.args(["--closed", "1"]),
    };
    command
}

/// The figures and the claims of a `volley.summary/1`.
fn read_summary(summary: &Value, scenario: &Scenario) -> (Figures, Claim) {
    let echo = summary["series"].as_array().into_iter().flatten().find(|series| series["name"] == "echo").unwrap_or(&Value::Null);
    let measured = echo["count"].as_u64().unwrap_or(0);
    let is_exchange = |series: &&Value| series["name"] == "echo" || series["name"] == "ws_ping";
    let exchanges: u64 =
        summary["series"].as_array().into_iter().flatten().filter(is_exchange).filter_map(|series| series["count"].as_u64()).sum();
    let generator = &summary["generator"];
    let figures = Figures {
        // A WebSocket ping and its pong are an exchange too: volley makes them, the floor does not.
        cpu_ns: generator["cpu_ns"].as_f64().filter(|_| exchanges > 0).map(|cpu| cpu / exchanges as f64),
        per_s: measured as f64 * 1000.0 / scenario.measure_ms as f64,
        lag: Quantiles::of(&summary["lag"]),
        service: Quantiles::of(&echo["service"]),
        rss_bytes: generator["rss_peak_bytes"].as_u64(),
        remarks: verdict_remark(summary).into_iter().collect(),
        ..Figures::default()
    };
    (figures, Claim { measured, sent: summary["counts"]["sent"].as_u64().unwrap_or(0) })
}

/// The verdict and its first reason, unless it is `pass`.
fn verdict_remark(summary: &Value) -> Option<String> {
    let verdict = summary["verdict"].as_str().unwrap_or("no verdict");
    let reason = summary["reasons"].get(0).map(|reason| reason.as_str().map_or_else(|| reason.to_string(), str::to_owned));
    match (verdict, reason) {
        ("pass", _) => None,
        (verdict, Some(reason)) => Some(format!("{verdict}: {reason}")),
        (verdict, None) => Some(verdict.to_owned()),
    }
}
