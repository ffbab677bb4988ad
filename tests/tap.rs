//! `volley record` between a client and a server: what both count is in the trace, secrets are not, and the bytes that arrive
//! are those that were sent.

mod certificates;
mod kit;
mod tls_end;
#[path = "tap/wire.rs"]
mod wire;

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certificates::Authority;
use kit::*;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;
use serde_json::json;
use tls_end::tls_end;
use volley::mock::Words;
use volley::trace::Event;
use volley::trace::Frame;
use volley::trace::Reader;

/// A recorder that is at work.
struct Recorder {
    child: Child,
    lines: BufReader<ChildStdout>,
    at: SocketAddr,
    url: String,
}

impl Recorder {
    fn start(target: &str, out: &Path, more: &[&str]) -> Recorder {
        let mut command = volley();
        command.args(["record", "--target", target, "--out", text(out)]).args(more);
        Recorder::of(command)
    }

    fn of(mut command: Command) -> Recorder {
        let mut child = command.spawn().expect("the recorder can be started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut first = String::new();
        lines.read_line(&mut first).expect("a line");
        let ready: Value = serde_json::from_str(&first).unwrap_or_else(|e| panic!("{e}: {first}"));
        let said = |name: &str| ready[name].as_str().expect("a text").to_owned();
        Recorder { child, lines, at: said("listening").parse().expect("an address"), url: said("url") }
    }

    /// Ctrl-C: the account, standard error and the exit code.
    fn stop(mut self) -> (Value, String, Option<i32>) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT).expect("the recorder runs");
        let (mut line, mut err) = (String::new(), String::new());
        self.lines.read_line(&mut line).expect("an account");
        self.child.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
        let status = self.child.wait().expect("it ends");
        assert!(!err.contains("panicked"), "{err}");
        (serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line} {err}")), err, status.code())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines of a trace by what they say, every line read: open, sent, got, close.
fn counted(trace: &Path) -> [u64; 4] {
    let (mut reader, _) = Reader::open(trace).unwrap_or_else(|e| panic!("{e}"));
    let mut counts = [0; 4];
    while let Some(row) = reader.next_row().unwrap_or_else(|e| panic!("{e}")) {
        let at = match row.line.event {
            Event::Open { .. } => 0,
            Event::Sent(_) => 1,
            Event::Got(_) => 2,
            Event::Close { .. } => 3,
        };
        counts[at] += 1;
    }
    counts
}

/// A run of `echo` to `url`: ten clients, 200 sends.
fn run(url: &str, dir: &Path) -> Value {
    let load = ["--clients", "10", "--rate", "20/s", "--duration", "1s", "--warmup", "0s", "--lanes", "1", "--timeout", "5s"];
    let show = ["--report", "none", "--format", "json", "--progress", "none"];
    let ended = call(&[&["run", "echo", "--target", url, "--out", text(&dir.join("out"))], load.as_slice(), &show].concat());
    ended.ran();
    let summary = ended.json();
    counts_add_up(&summary);
    assert_eq!(sum(&summary["counts"]["faults"]), 0, "{summary:#}");
    summary
}

fn echo() -> volley::mock::Running {
    mock(Words { profile: "echo".into(), message_cap: Some(32 << 20), ..Words::default() })
}

#[test]
fn the_trace_counts_what_both_sides_count() {
    let (dir, server) = (folder(), echo());
    let trace = dir.path().join("trace.ndjson");
    let target = format!("ws://{}/", server.addr());
    let recorder = Recorder::start(&target, &trace, &["--profile", "echo"]);
    let summary = run(&recorder.url, dir.path());
    let (account, err, code) = recorder.stop();
    assert_eq!(code, Some(0), "{err}");
    let served = server.stop().expect("an account");
    let sent = number(&summary, "/counts/sent");
    assert_eq!((served.received["echo"], served.sent["echo"], served.violations_total), (sent, sent, 0));
    assert_eq!(counted(&trace), [10, sent, sent, 10]);
    for (name, count) in [("connections", 10), ("sent", sent), ("got", sent), ("left", 0), ("failed", 0), ("secrets", 0), ("unrecorded", 0)]
    {
        assert_eq!(account[name], count, "{name}: {account:#}");
    }
    assert_eq!(account["stopped"], Value::Null);
    let head = Reader::open(&trace).expect("a trace").0.head().clone();
    assert_eq!((head.made_by.as_str(), head.profile.as_deref()), ("record", Some("echo")));
    assert_eq!(head.target, Some(target));
}

/// A profile that says a secret in every message.
const TELLING: &str = r#"
name = "telling"
about = "every message holds a token"
[endpoint]
url = "ws://127.0.0.1:9/"
[vars.token]
about = "a token"
env = "TELLING_TOKEN"
secret = true
[series.echo]
class = "keyed"
about = "message sent to the same message back"
[[message]]
name = "echo"
answers = "echo"
key = "id"
[load]
name = "echo"
text = '{"id":{id},"token":"{token}"}'
expects = "echo"
"#;

#[test]
fn what_was_recorded_plays_with_its_secrets_put_back() {
    let (dir, server) = (folder(), echo());
    let (trace, profile) = (dir.path().join("trace.ndjson"), dir.path().join("telling.toml"));
    std::fs::write(&profile, TELLING).expect("writable");
    let target = format!("ws://{}/", server.addr());
    let recorder = Recorder::start(&target, &trace, &["--profile", "telling"]);
    let run = |url: &str, out: &str, more: &[&str]| {
        let show = ["--report", "none", "--format", "json", "--progress", "none", "--lanes", "1", "--timeout", "5s"];
        let out = dir.path().join(out);
        let mut command = volley();
        command.env("TELLING_TOKEN", "c4N4ry-7Qx9Zt2LmW8").args(["run", text(&profile), "--target", url, "--out", text(&out)]);
        command.args(show).args(more);
        let ended = Call::start(command).end();
        ended.ran();
        ended.json()
    };
    let first = run(&recorder.url, "first", &["--clients", "5", "--rate", "20/s", "--duration", "1s", "--warmup", "0s"]);
    let (account, err, _) = recorder.stop();
    let sent = number(&first, "/counts/sent");
    assert_eq!((&account["sent"], &account["secrets"]), (&json!(sent), &json!(2 * sent)), "{err}");
    let written = std::fs::read_to_string(&trace).expect("a trace");
    assert!(!written.contains("c4N4ry") && written.contains(r#"\"token\":\"<secret:token:1>\""#), "{written:.600}");
    let second = run(&target, "second", &["--trace", text(&trace)]);
    for (name, count) in [("sent", sent), ("answered", sent), ("planned", sent)] {
        assert_eq!(second["counts"][name], count, "{name}: {second:#}");
    }
    assert_eq!(server.stop().expect("an account").received["echo"], 2 * sent);
}

#[test]
fn a_target_under_tls() {
    let (dir, authority, server) = (folder(), Authority::new(), echo());
    let (at, passed) = tls_end(&authority.certify("127.0.0.1"), server.addr(), None);
    let (ca, trace) = (authority.write_to(dir.path()), dir.path().join("trace.ndjson"));
    let target = format!("wss://127.0.0.1:{}/", at.port());
    let recorder = Recorder::start(&target, &trace, &["--ca", text(&ca)]);
    let summary = run(&recorder.url, dir.path());
    let (_, err, code) = recorder.stop();
    assert_eq!(code, Some(0), "{err}");
    let sent = number(&summary, "/counts/sent");
    assert_eq!(counted(&trace), [10, sent, sent, 10]);
    assert_eq!(passed.handshakes.load(std::sync::atomic::Ordering::Relaxed), 10);

    // Whom nobody vouches for: the client hears why, and so does who records.
    let recorder = Recorder::start(&target, &dir.path().join("none.ndjson"), &[]);
    let (mut client, head) = wire::ask(recorder.at, "/", "");
    assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{head}");
    let mut body = String::new();
    client.read_to_string(&mut body).expect("text");
    assert!(body.contains("TLS") && body.contains("--ca"), "{body}");
    let (account, err, _) = recorder.stop();
    assert_eq!((&account["failed"], &account["connections"]), (&json!(1), &json!(0)));
    assert!(err.contains("--ca"), "{err}");
}

#[test]
fn frames_of_16_mib_pass_unchanged_and_end_the_recording_of_their_connection() {
    let (dir, server) = (folder(), echo());
    let trace = dir.path().join("trace.ndjson");
    let recorder = Recorder::start(&format!("ws://{}/", server.addr()), &trace, &[]);
    let (mut client, head) = wire::ask(recorder.at, "/", "");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let payload: Vec<u8> = (0..16 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let answer = |client: &mut std::net::TcpStream, payload: &[u8], first: u8| {
        let wanted = wire::frame(first, payload, false);
        let mut got = vec![0; wanted.len()];
        client.read_exact(&mut got).expect("an answer");
        assert!(got == wanted, "{} bytes came back changed", payload.len());
    };
    client.write_all(&wire::frame(0x82, b"small", true)).expect("taken");
    answer(&mut client, b"small", 0x82);
    let mut writing = client.try_clone().expect("a socket");
    let large = wire::frame(0x82, &payload, true);
    let thread = std::thread::spawn(move || writing.write_all(&large).expect("taken"));
    answer(&mut client, &payload, 0x82);
    thread.join().expect("no panic");
    client.write_all(&wire::frame(0x82, b"after", true)).expect("taken");
    answer(&mut client, b"after", 0x82);
    client.shutdown(Shutdown::Both).expect("a socket");
    let (account, err, code) = recorder.stop();
    assert_eq!(code, Some(0), "{err}");
    assert_eq!((&account["left"], &account["sent"], &account["got"]), (&json!(1), &json!(1), &json!(1)), "{account:#}");
    assert!(err.contains("16.0 MiB is larger than --message-cap 1.0 MiB") && err.contains("connection 0"), "{err}");
    assert_eq!(counted(&trace), [1, 1, 1, 1]);
    assert!(account["bytes_out"].as_u64() > Some(16 << 20) && account["bytes_in"].as_u64() > Some(16 << 20), "{account:#}");
}

/// `canary` as it may be written.
fn spellings(canary: &str) -> Vec<Vec<u8>> {
    let mut all: Vec<String> = vec![
        canary.into(),
        canary.bytes().map(|b| format!("%{b:02X}")).collect(),
        canary.bytes().map(|b| format!("\\u{b:04x}")).collect(),
        canary.bytes().map(|b| format!("{b:02x}")).collect(),
        canary.bytes().map(|b| format!("{b:02X}")).collect(),
    ];
    // Of each alignment the characters that do not depend on what stands around.
    for (before, first) in [("", 0), ("x", 2), ("xx", 3)] {
        let whole = STANDARD.encode(format!("{before}{canary}"));
        let last = (before.len() + canary.len()) * 8 / 6;
        all.push(whole[first..last].to_owned());
    }
    all.into_iter().map(String::into_bytes).collect()
}

#[test]
fn canaries_in_every_place_are_in_no_trace() {
    // Each secret of a kind of its own, so that each has to be found by itself.
    let canary = |place: &str| format!("c4N4ry-{place}-7Qx9Zt2LmW8");
    let places = [
        "path",
        "query",
        "bearer",
        "cookie",
        "setcookie",
        "protocol",
        "header",
        "plain",
        "nested",
        "string",
        "form",
        "base64",
        "unicode",
        "binary",
        "reason",
        "split",
        "env",
        "envb",
        "server",
        "basic",
    ];
    let c: std::collections::BTreeMap<&str, String> = places.iter().map(|place| (*place, canary(place))).collect();
    let unicode: String = c["unicode"].bytes().map(|b| format!("\\u{b:04x}")).collect();
    let percent: String = c["form"].bytes().map(|b| format!("%{b:02x}")).collect();
    let inner = STANDARD.encode(format!(r#"{{"token":"{}"}}"#, c["base64"]));
    let of_text = |text: String| wire::frame(0x81, text.as_bytes(), true);
    let split = format!(r#"{{"password":"{}"}}"#, c["split"]);
    let (first, second) = split.split_at(split.len() / 2);
    let again: String = c.values().map(|value| format!("{value} ")).collect();
    let bytes = [&[0, 255, 254][..], c["env"].as_bytes(), &[255, 0]].concat();
    let said = [
        of_text(format!(r#"{{"token":"{}"}}"#, c["plain"])),
        of_text(format!(r#"{{"a":[{{"credentials":{{"user":"me","value":"{}"}}}}]}}"#, c["nested"])),
        of_text(format!(r#"{{"data":"{{\"api_key\":\"{}\"}}"}}"#, c["string"])),
        of_text(format!("op=login&password={percent}&x=1")),
        of_text(format!(r#"{{"data":"{inner}"}}"#)),
        of_text(format!(r#"{{"s\u0065cret":"{unicode}"}}"#)),
        of_text(format!("hello {}", c["env"])),
        of_text(format!("hello {}", STANDARD.encode(format!("xy{}z", c["envb"])))),
        wire::frame(0x82, &bytes, true),
        wire::frame(0x82, format!(r#"{{"session":"{}"}}"#, c["binary"]).as_bytes(), true),
        wire::frame(0x01, first.as_bytes(), true),
        wire::frame(0x89, b"ping", true),
        wire::frame(0x80, second.as_bytes(), true),
        // All of them once more without a name: what was seen is known.
        of_text(again.replace(&c["reason"], "")),
        wire::frame(0x88, &[&[0x0f, 0xa0][..], c["reason"].as_bytes()].concat(), true),
    ]
    .concat();
    let by_server = wire::frame(0x81, format!(r#"{{"jwt":"{}"}}"#, c["server"]).as_bytes(), false);
    let headers = format!("Set-Cookie: sid={}; Path=/; HttpOnly\r\nSec-WebSocket-Protocol: bearer.{}\r\n", c["setcookie"], c["protocol"]);
    let (at, served) = wire::server(wire::switching(&headers), by_server.clone());
    let dir = folder();
    let trace = dir.path().join("trace.ndjson");
    let mut command = volley();
    command.env("ONE", &c["env"]).env("TWO", &c["envb"]);
    command.args(["record", "--target", &format!("ws://{at}/"), "--out", text(&trace), "--secret-env", "ONE", "--secret-env", "TWO"]);
    let recorder = Recorder::of(command);
    let asked = format!(
        "Authorization: Bearer {}\r\nProxy-Authorization: Basic {}\r\nCookie: theme=dark; sid={}\r\nX-Api-Key: {}\r\nSec-WebSocket-Protocol: chat, bearer.{}\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n",
        c["bearer"],
        STANDARD.encode(format!("me:{}", c["basic"])),
        c["cookie"],
        c["header"],
        c["protocol"]
    );
    let (mut client, head) = wire::ask(recorder.at, &format!("/{}/ws?access_token={}&room=7", c["path"], c["query"]), &asked);
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains(&c["setcookie"]), "{head}");
    let mut got = vec![0; by_server.len()];
    client.read_exact(&mut got).expect("what the server says");
    client.write_all(&said).expect("taken");
    client.shutdown(Shutdown::Write).expect("a socket");
    client.read_to_end(&mut Vec::new()).expect("the end");

    // The server saw everything as it was sent, but for the extension.
    let (asked, heard) = served.join().expect("no panic");
    assert!(heard == said && got == by_server);
    assert!(asked.contains(&c["bearer"]) && asked.contains(&c["path"]) && !asked.to_lowercase().contains("deflate"), "{asked}");
    assert!(asked.contains(&format!("Host: {at}\r\n")), "{asked}");

    let (account, err, code) = recorder.stop();
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(counted(&trace), [1, 12, 1, 1], "{err}");
    let written = std::fs::read(&trace).expect("a trace");
    let shown = String::from_utf8_lossy(&written).into_owned();
    // Binary frames as they are, too.
    let mut all = written.clone();
    for line in shown.lines() {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        all.extend(line["sent"]["binary"].as_str().map(|text| STANDARD.decode(text).expect("base64")).unwrap_or_default());
    }
    for (place, canary) in &c {
        for spelling in spellings(canary) {
            let is_there = |bytes: &[u8]| bytes.windows(spelling.len()).any(|w| w == spelling);
            assert!(!is_there(&all), "{place} as {}\n{shown}", String::from_utf8_lossy(&spelling));
            assert!(!is_there(err.as_bytes()) && !is_there(account.to_string().as_bytes()), "{place}: {err}");
        }
    }
    // One secret, one mark.
    assert_eq!(shown.matches("<secret:token:1>").count(), 2, "{shown}");
    assert!(shown.contains("%3Csecret:path:1%3E/ws?access_token=%3Csecret:access_token:1%3E&room=7"), "{shown}");
    assert!(account["secrets"].as_u64() >= Some(30), "{account:#}");
}

#[test]
fn what_the_target_answers_is_what_the_client_gets() {
    let dir = folder();
    let refusal = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 6\r\nX-Odd:  kept \r\n\r\ngo on!";
    let (at, served) = wire::server(refusal.into(), Vec::new());
    let trace = dir.path().join("trace.ndjson");
    let recorder = Recorder::start(&format!("ws://{at}/"), &trace, &[]);
    let (mut client, head) = wire::ask(recorder.at, "/", "");
    assert_eq!(format!("{head}go on!"), refusal);
    let mut body = [0; 6];
    client.read_exact(&mut body).expect("the body");
    drop(client);
    served.join().expect("no panic");
    let (account, err, code) = recorder.stop();
    assert_eq!((code, &account["refused"], &account["connections"]), (Some(0), &json!(1), &json!(0)), "{err}");
    assert!(err.contains("HTTP 401"), "{err}");
    assert_eq!(counted(&trace), [0; 4]);
}

#[test]
fn who_is_not_reached_is_told_and_counted() {
    let dir = folder();
    // A port that nobody listens at, and a proxy that refuses.
    let dead = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let (proxy, _served) = wire::server("HTTP/1.1 407 open-sesame is wrong\r\nContent-Length: 0\r\n\r\n".into(), Vec::new());
    let by_proxy = format!("http://me:open-sesame@{proxy}");
    for (name, more, words) in [("a", &[][..], &["refused"][..]), ("b", &["--proxy", &by_proxy], &["the proxy", "407"])] {
        let recorder = Recorder::start(&format!("ws://{dead}/"), &dir.path().join(name), more);
        let (mut client, head) = wire::ask(recorder.at, "/", "");
        assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{head}");
        let mut body = String::new();
        client.read_to_string(&mut body).expect("text");
        let (account, err, code) = recorder.stop();
        assert_eq!((code, &account["failed"]), (Some(0), &json!(1)), "{err}");
        for word in words {
            assert!(body.contains(word) && err.contains(word), "{word}: {body} {err}");
        }
        assert!(!err.contains("open-sesame") && !body.contains("open-sesame"));
    }
    // What is no HTTP, or meant for a forward proxy.
    let recorder = Recorder::start(&format!("ws://{dead}/"), &dir.path().join("c"), &[]);
    for request in ["CONNECT far.invalid:443 HTTP/1.1\r\nHost: x\r\n\r\n", "\u{16}\u{3}\u{1} hello\r\n\r\n"] {
        let mut client = std::net::TcpStream::connect(recorder.at).expect("it listens");
        client.write_all(request.as_bytes()).expect("taken");
        assert!(wire::head(&mut client).starts_with("HTTP/1.1 400 "));
    }
    let (account, err, _) = recorder.stop();
    assert_eq!(account["failed"], 2);
    assert!(err.contains("forward proxy") && err.contains("not wss://"), "{err}");
}

/// Nothing is kept of those that leave before they are answered, and they are counted: also the one that still waits at the end.
#[test]
fn who_leaves_before_the_answer_is_counted() {
    let dir = folder();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = silent.local_addr().expect("an address");
    let held = std::thread::spawn(move || (0..5).map(|_| silent.accept().expect("a connection")).collect::<Vec<_>>());
    let recorder = Recorder::start(&format!("ws://{at}/"), &dir.path().join("t"), &[]);
    let ask = || {
        let mut client = std::net::TcpStream::connect(recorder.at).expect("it listens");
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").expect("taken");
        client
    };
    let clients: Vec<_> = (0..5).map(|_| ask()).collect();
    // All requests have come through.
    for (mut stream, _) in held.join().expect("no panic") {
        wire::head(&mut stream);
    }
    drop(clients);
    let (account, err, code) = recorder.stop();
    assert_eq!((code, &account["refused"], &account["connections"]), (Some(0), &json!(5), &json!(0)), "{err}");
    assert!(err.contains("5 upgrades refused or not answered by the target") && !err.contains("nobody connected"), "{err}");
}

#[test]
fn plain_requests_are_passed_on_unrecorded() {
    let dir = folder();
    let (at, served) = wire::server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".into(), Vec::new());
    let recorder = Recorder::start(&format!("ws://{at}/api"), &dir.path().join("t"), &[]);
    let mut client = std::net::TcpStream::connect(recorder.at).expect("it listens");
    client.write_all(b"POST /mint HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello").expect("taken");
    client.shutdown(Shutdown::Write).expect("a socket");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("text");
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    let (asked, body) = served.join().expect("no panic");
    assert!(asked.starts_with("POST /api/mint HTTP/1.1\r\n") && asked.contains("Connection: close\r\n"), "{asked}");
    assert_eq!(body, b"hello");
    let (account, ..) = recorder.stop();
    assert_eq!((&account["plain"], &account["connections"]), (&json!(1), &json!(0)));
}

/// The traffic goes on when there is no room any more; what was recorded is whole.
#[test]
fn a_full_disk_ends_the_recording_and_not_the_traffic() {
    let (dir, server) = (folder(), echo());
    let trace = dir.path().join("trace.ndjson");
    let mut command = Command::new("sh");
    // A file may have 16 blocks of 512 bytes; the signal of that is ignored, so that a write fails as on a full disk.
    command.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_volley")]);
    command.args(["record", "--target", &format!("ws://{}/", server.addr()), "--out", text(&trace)]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let recorder = Recorder::of(command);
    let summary = run(&recorder.url, dir.path());
    let (account, err, code) = recorder.stop();
    assert_eq!(code, Some(1), "{err}");
    let sent = number(&summary, "/counts/sent");
    assert_eq!(server.stop().expect("an account").received["echo"], sent, "the traffic went on");
    let [open, written, got, _] = counted(&trace);
    assert!(open > 0 && written > 0 && written < sent, "{written} of {sent}");
    assert_eq!(["connections", "sent", "got"].map(|name| account[name].clone()), [open, written, got].map(|n| json!(n)), "{account:#}");
    assert!(account["unrecorded"].as_u64() > Some(0), "{account:#}");
    assert!(err.contains("the recording has stopped: the trace cannot be written") && err.contains("--out"), "{err}");

    let full = call(&["record", "--target", "ws://127.0.0.1:9/", "--out", "/dev/full", "--force"]);
    full.refuses(1, &["/dev/full", "--out"]);
}

#[test]
fn what_cannot_be_recorded_is_said_before() {
    let dir = folder();
    let there = dir.path().join("there");
    std::fs::write(&there, "mine").expect("writable");
    for (args, words) in [
        (&["--target", "ws://127.0.0.1:9/", "--out", text(&there)][..], &["is there already", "--force"][..]),
        (&["--target", "ws://127.0.0.1:9/", "--listen", "0.0.0.0:0"], &["--listen-anywhere"]),
        (&["--target", "http://127.0.0.1:9/"], &["ws:// or wss://"]),
        (&["--target", "ws://203.0.113.7/"], &["--allow-host 203.0.113.7"]),
        (&["--target", "wss://api.openshock.app/", "--allow-host", "api.openshock.app"], &["--i-own api.openshock.app"]),
        (&["--target", "ws://127.0.0.1:9/", "--insecure"], &["--insecure is about TLS"]),
        (&["--target", "ws://127.0.0.1:9/", "--secret-env", "NOT_THERE"], &["NOT_THERE", "no such variable"]),
        (&["--target", "ws://127.0.0.1:9/", "--message-cap", "2MiB"], &["--message-cap", "1.0 MiB"]),
        (&["--target", "ws://127.0.0.1:9/", "--out", "/nowhere/at/all"], &["/nowhere/at/all", "--out"]),
    ] {
        call(&[&["record"], args].concat()).refuses(2, words);
    }
    assert_eq!(std::fs::read(&there).expect("still there"), b"mine");
}

#[test]
fn fragments_are_one_message_and_times_go_on() {
    let (dir, server) = (folder(), echo());
    let trace = dir.path().join("trace.ndjson");
    std::fs::write(&trace, "old").expect("writable");
    std::fs::set_permissions(&trace, std::fs::Permissions::from_mode(0o644)).expect("a file");
    let recorder = Recorder::start(&format!("ws://{}/", server.addr()), &trace, &["--force"]);
    assert_eq!(std::fs::metadata(&trace).expect("a file").permissions().mode() & 0o777, 0o600);
    let (mut client, _) = wire::ask(recorder.at, "/a/b?x=1", "");
    for part in [wire::frame(0x01, b"one ", true), wire::frame(0x89, b"?", true), wire::frame(0x80, b"text", true)] {
        client.write_all(&part).expect("taken");
    }
    client.read_exact(&mut [0; 2 + 8 + 2 + 1]).expect("the answer and a pong");
    client.write_all(&wire::frame(0x88, &[0x03, 0xe9], true)).expect("taken");
    client.read_to_end(&mut Vec::new()).expect("the end");
    drop(client);
    recorder.stop();
    let (mut reader, _) = Reader::open(&trace).expect("a trace");
    let mut last = 0;
    let mut seen = Vec::new();
    while let Some(row) = reader.next_row().unwrap_or_else(|e| panic!("{e}")) {
        assert!(row.line.at_ns >= last && row.line.conn == 0);
        last = row.line.at_ns;
        seen.push(match row.line.event {
            Event::Open { path, .. } => format!("open {}", path.expect("a path")),
            Event::Sent(Frame::Text(text)) => format!("sent {text}"),
            Event::Got(Frame::Text(text)) => format!("got {text}"),
            Event::Close { by, code } => format!("close {by:?} {code:?}"),
            other => format!("{other:?}"),
        });
    }
    assert_eq!(seen, ["open /a/b?x=1", "sent one text", "got one text", "close Client Some(1001)"]);
}
