//! The `echo` profile against two servers that nobody here wrote: PyPI `websockets` and npm `ws`, fetched into
//! `target/peers` once. They count; the counts must be equal. Then terra, openshock and dm against strict servers on
//! `websockets` that share no code with the program, and a chat on `ws` by the profile that stands in `examples/`.

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

/// A server of somebody else that says its port when ready and its counts when stopped.
struct Peer {
    child: std::process::Child,
    lines: BufReader<std::process::ChildStdout>,
    port: u16,
}

impl Peer {
    fn start(mut command: Command) -> Peer {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut peer = Peer { child, lines, port: 0 };
        peer.port = peer.line().parse().expect("the server says its port");
        peer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line of the server");
        line.trim().to_owned()
    }

    fn stop(mut self) -> Value {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("the server runs");
        let counts = serde_json::from_str(&self.line()).expect("the server says its counts");
        self.child.wait().expect("the server ends");
        counts
    }
}

/// 200 clients at 10/s for five seconds against the server that `command` starts.
fn equal_counts(name: &str, command: Command, ca: Option<&Path>) {
    let turn = TURN.lock();
    let peer = Peer::start(command);
    let port = peer.port;
    let url = format!("{}://127.0.0.1:{port}/", if ca.is_some() { "wss" } else { "ws" });
    let trust: Vec<&str> = ca.map(|ca| vec!["--ca", text(ca)]).unwrap_or_default();
    let dir = folder();
    let load = ["--clients", "200", "--rate", "10/s", "--duration", "5s", "--warmup", "1s", "--lanes", "1"];
    let show = ["--report", "none", "--format", "json", "--progress", "none"];
    let ended =
        call(&[&["run", "echo", "--target", &url, "--out", text(&dir.path().join("out"))], load.as_slice(), &show, &trust].concat());
    let counts = peer.stop();
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

/// The server of PyPI `websockets` that echoes.
fn websockets_of_pypi() -> Command {
    script_on_websockets("tests/peers/echo_websockets.py")
}

/// A script on PyPI `websockets`.
fn script_on_websockets(script: &str) -> Command {
    let packages = kept("websockets");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--target"]);
    pip.arg(&packages).arg("websockets>=14");
    fetched("websockets", &packages.join("websockets"), &mut pip, "install python3 (3.9 or later) with pip");
    let mut server = Command::new("python3");
    server.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script)).env("PYTHONPATH", &packages);
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

/// A run of `profile` against the server that `command` starts: the summary, and the server's account.
fn with_peer(profile: &str, command: Command, args: &[&str]) -> (Value, Value) {
    let turn = TURN.lock();
    let peer = Peer::start(command);
    let port = peer.port;
    let (dir, url) = (folder(), format!("ws://127.0.0.1:{port}/"));
    let out = dir.path().join("out");
    let show = ["--report", "none", "--format", "json", "--progress", "none", "--lanes", "1", "--warmup", "0s", "--out", text(&out)];
    let ended = call(&[&["run", profile, "--target", &url], show.as_slice(), args].concat());
    let account = peer.stop();
    drop(turn);
    ended.ran();
    let summary = ended.json();
    counts_add_up(&summary);
    assert_eq!(account["violations"], serde_json::json!({}), "{account:#}");
    assert_eq!(sum(&summary["counts"]["faults"]), 0, "{:#}", summary["counts"]);
    (summary, account)
}

#[test]
fn a_strict_terra_server_agrees() {
    let args = ["--clients", "50", "--rate", "10/s", "--duration", "6s", "--drop", "consumer@3s"];
    let (summary, account) = with_peer("terra", script_on_websockets("tests/peers/strict_terra.py"), &args);
    let (n, counts) = (|pointer: &str| number(&summary, pointer), &account["counts"]);
    assert_eq!(counts["submits"], n("/counts/messages_out/submit"), "{counts:#}");
    assert_eq!(counts["heartbeats"], n("/counts/messages_out/heartbeat"));
    let met_our_close = n("/counts/messages_out/heartbeat") - n("/counts/messages_in/heartbeat_ack");
    assert!(met_our_close <= n("/connections/opened"), "one a connection at most goes unheard: {:#}", summary["counts"]);
    assert_eq!(counts["replayed"], n("/counts/replayed"));
    assert_eq!(counts["identified"], n("/counts/messages_in/ready"));
    let heard = counts["dispatches"].as_u64().unwrap_or(0) + counts["replayed"].as_u64().unwrap_or(0);
    assert!(n("/counts/messages_in/dispatch") <= heard && n("/counts/recovered") > 0, "{summary:#}");
    assert_eq!(n("/counts/answered") + n("/counts/late"), n("/counts/sent"), "all reached their consumer: {:#}", summary["counts"]);
}

#[test]
fn a_strict_dm_server_agrees() {
    let args = ["--dialect", "server", "--clients", "50", "--rate", "10/s", "--duration", "6s"];
    let (summary, account) = with_peer("media-dm", script_on_websockets("tests/peers/strict_dm.py"), &args);
    let (n, counts) = (|pointer: &str| number(&summary, pointer), &account["counts"]);
    for (theirs, ours) in [("message", "message"), ("typing", "typing"), ("read", "read"), ("react", "react"), ("ping", "ping")] {
        assert_eq!(counts[theirs], n(&format!("/counts/messages_out/{ours}")), "{theirs}: {counts:#}");
    }
    let messages = n("/counts/messages_out/message");
    assert_eq!((n("/counts/messages_in/message"), n("/counts/messages_in/read_receipt")), (2 * messages, messages));
    assert_eq!((n("/counts/answered") + n("/counts/late"), n("/counts/duplicate")), (messages, 0));
    assert_eq!(counts["connected"], n("/connections/opened"));
}

#[test]
fn a_strict_openshock_gateway_agrees() {
    let args = ["--dialect", "docs", "--clients", "50", "--rate", "10/s", "--duration", "6s"];
    let (summary, account) = with_peer("openshock-live", script_on_websockets("tests/peers/strict_openshock.py"), &args);
    let (n, counts) = (|pointer: &str| number(&summary, pointer), &account["counts"]);
    assert_eq!(counts["frames"], n("/counts/messages_out/frame"), "{counts:#}");
    // A ping that meets our close on its way is heard by nobody.
    assert!(n("/counts/messages_in/ping") <= counts["pings"].as_u64().unwrap_or(0), "{counts:#}");
    assert_eq!(counts["pongs"], n("/counts/messages_out/pong"));
    let met_our_close = n("/counts/messages_out/pong") - n("/counts/messages_in/latency_announce");
    assert!(met_our_close <= 50, "one a client at most goes unheard: {:#}", summary["counts"]);
    assert_eq!(n("/counts/answered") + n("/counts/late"), n("/counts/sent"));
}

#[test]
fn the_chat_of_the_examples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut server = script_on_ws("examples/chat-server.js");
    server.arg("0");
    let (summary, account) =
        with_peer(text(&root.join("examples/chat.toml")), server, &["--clients", "50", "--rate", "5/s", "--duration", "4s"]);
    let n = |pointer: &str| number(&summary, pointer);
    assert_eq!(account["messages"], n("/counts/sent"), "{account:#}");
    assert_eq!(n("/counts/answered") + n("/counts/late"), n("/counts/sent"));
    assert_eq!(series(&summary, "heard")["outcomes"]["said"], n("/counts/sent"), "the other of each room hears each: {summary:#}");
}

#[test]
fn the_ws_of_npm() {
    equal_counts("ws (npm)", script_on_ws("tests/peers/echo_ws.js"), None);
}

/// A script on npm `ws`.
fn script_on_ws(script: &str) -> Command {
    let packages = kept("ws");
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel", "error", "--prefix"]).arg(&packages).arg("ws@8");
    fetched("ws", &packages.join("node_modules/ws"), &mut npm, "install node (18 or later) with npm");
    let mut server = Command::new("node");
    server.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script)).env("NODE_PATH", packages.join("node_modules"));
    server
}
