//! The `echo` profile against two servers that nobody here wrote: PyPI `websockets` and npm `ws`,
//! fetched into `target/peers` once. They count; the counts must be equal.

#![expect(clippy::print_stdout, reason = "tests say what they found")]

mod certificates;
mod kit;

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use certificates::Authority;
use kit::*;
use serde_json::Value;

/// One at a time, so that the times are each server's own.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Where the packages are kept between runs.
fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("peers").join(name)
}

/// Fetches a package with `fetch` unless `mark` is there already; what to do when that fails.
fn fetched(name: &str, mark: &Path, fetch: &mut Command, install: &str) {
    if mark.exists() {
        return;
    }
    std::fs::create_dir_all(kept(name)).expect("the target folder can be written");
    let output = fetch.output();
    let ok = output.as_ref().is_ok_and(|o| o.status.success()) && mark.exists();
    assert!(ok, "this test needs {name}: {install}, and a package registry that can be reached.\n{fetch:?}: {output:?}");
}

/// 200 clients at 10/s for five seconds against the server that `command` starts.
fn equal_counts(name: &str, mut command: Command, ca: Option<&Path>) {
    let turn = TURN.lock();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = || {
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line of the server");
        line.trim().to_owned()
    };
    let port: u16 = line().parse().expect("the server says its port");
    let url = format!("{}://127.0.0.1:{port}/", if ca.is_some() { "wss" } else { "ws" });
    let trust: Vec<&str> = ca.map(|ca| vec!["--ca", text(ca)]).unwrap_or_default();
    let dir = folder();
    let load = ["--clients", "200", "--rate", "10/s", "--duration", "5s", "--warmup", "1s", "--lanes", "1"];
    let show = ["--report", "none", "--format", "json", "--progress", "none"];
    let ended =
        call(&[&["run", "echo", "--target", &url, "--out", text(&dir.path().join("out"))], load.as_slice(), &show, &trust].concat());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::Signal::SIGTERM).expect("the server runs");
    let counts: Value = serde_json::from_str(&line()).expect("the server says its counts");
    child.wait().expect("the server ends");
    // Only the measurement has to be alone; a test that failed leaves nothing broken behind.
    drop(turn);
    ended.ran();
    let summary = ended.json();
    counts_add_up(&summary);
    let n = |pointer: &str| number(&summary, pointer);
    let messages = counts["messages"].as_u64().expect("a count");
    assert!(messages >= 200 * 10 * 5, "{counts}");
    assert_eq!(n("/counts/sent"), messages, "{summary:#}");
    assert_eq!(n("/counts/messages_out/echo"), messages);
    assert_eq!(n("/counts/messages_in/echo"), messages);
    assert_eq!(n("/counts/answered") + n("/counts/late"), messages, "{summary:#}");
    assert_eq!((n("/counts/duplicate"), n("/counts/unsolicited")), (0, 0));
    assert_eq!(sum(&summary["counts"]["faults"]), 0, "{summary:#}");
    assert_eq!((n("/connections/opened"), n("/connections/failed")), (200, 0));
    assert_eq!(counts["connections"], 200);
    assert_eq!(counts["closes"]["1000"], 200, "every connection is closed in good order: {counts}");
    assert_eq!(n("/counts/messages_in/close"), 200);
    assert_eq!((n("/counts/messages_in/ws_pong"), n("/counts/messages_in/unknown")), (n("/counts/messages_out/ws_ping"), 0));
    let times = |kind: &str| ["p50", "p99"].map(|q| series(&summary, "echo")[kind][q].as_u64().map_or(0.0, |ns| ns as f64 / 1e6));
    let [[p50, p99], [s50, s99]] = [times("response"), times("service")];
    println!(
        "{name}: {messages} messages each way; response p50 {p50:.3} ms p99 {p99:.3} ms, service p50 {s50:.3} ms p99 {s99:.3} ms; {}",
        summary["verdict"]
    );
}

/// The server of PyPI `websockets`.
fn websockets_of_pypi() -> Command {
    let packages = kept("websockets");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--target"]);
    pip.arg(&packages).arg("websockets>=14");
    fetched("websockets", &packages.join("websockets"), &mut pip, "install python3 (3.9 or later) with pip");
    let mut server = Command::new("python3");
    server.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/echo_websockets.py")).env("PYTHONPATH", &packages);
    server
}

#[test]
fn the_websockets_of_pypi() {
    equal_counts("websockets (PyPI)", websockets_of_pypi(), None);
}

#[test]
fn the_websockets_of_pypi_under_tls() {
    let dir = folder();
    let authority = Authority::new();
    let files = authority.certify("127.0.0.1").write_to(dir.path());
    let mut server = websockets_of_pypi();
    server.args([&files.chain, &files.key]);
    equal_counts("websockets (PyPI) under TLS", server, Some(&authority.write_to(dir.path())));
}

#[test]
fn the_ws_of_npm() {
    let packages = kept("ws");
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel", "error", "--prefix"]).arg(&packages).arg("ws@8");
    fetched("ws", &packages.join("node_modules/ws"), &mut npm, "install node (18 or later) with npm");
    let mut server = Command::new("node");
    server.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/echo_ws.js")).env("NODE_PATH", packages.join("node_modules"));
    equal_counts("ws (npm)", server, None);
}
