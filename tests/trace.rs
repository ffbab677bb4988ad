//! Recorded conversations played again. The truth is the trace: the test writes it, so it knows every count, gap and value, and
//! holds the server's account and what a plain server saw against it. Instants are compared only in runs that say that they
//! kept theirs.

#![expect(clippy::print_stdout, reason = "figures are shown with --nocapture")]

mod kit;
mod plain;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufWriter;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use kit::*;
use plain::Plain;
use serde_json::Value;
use volley::mock::Account;
use volley::mock::Words;
use volley::trace::Event;
use volley::trace::Frame;
use volley::trace::Head;
use volley::trace::Line;
use volley::trace::Writer;

const MILLI: u64 = 1_000_000;

/// A trace in the making.
struct Trace {
    writer: Writer<BufWriter<File>>,
    path: PathBuf,
}

impl Trace {
    fn new(dir: &Path) -> Trace {
        let path = dir.join("recorded.ndjson");
        let file = BufWriter::new(File::create(&path).expect("a file"));
        Trace { writer: Writer::new(file, &Head::new("test")).expect("written"), path }
    }

    fn open(&mut self, at_ms: u64, conn: u32, role: &str) {
        let event = Event::Open { path: Some("/ws".into()), subprotocol: None };
        let line = Line { at_ns: at_ms * MILLI, conn, role: Some(Cow::Borrowed(role)), event };
        self.writer.line(&line).expect("written");
    }

    fn sent(&mut self, at_ms: u64, conn: u32, said: &str) {
        self.event(at_ms, conn, Event::Sent(Frame::Text(said.into())));
    }

    fn got(&mut self, at_ms: u64, conn: u32, said: &str) {
        self.event(at_ms, conn, Event::Got(Frame::Text(said.into())));
    }

    fn event(&mut self, at_ms: u64, conn: u32, event: Event<'_>) {
        self.writer.line(&Line { at_ns: at_ms * MILLI, conn, role: None, event }).expect("written");
    }

    fn end(mut self) -> PathBuf {
        self.writer.flush().expect("written");
        self.path
    }
}

/// How often each thing is said in the session of two friends.
const MESSAGES: u64 = 12;
const REACTIONS: u64 = 3;
const TYPINGS: u64 = 4;

/// A session of two friends as a server recorded it whose ids begin at `m901`: each message comes to both, is read by the
/// second, and every fourth gets a reaction much later, by its own id. It takes 3.4 s.
fn friends(dir: &Path) -> PathBuf {
    let mut trace = Trace::new(dir);
    trace.open(0, 0, "writer");
    trace.open(0, 1, "reader");
    for n in 0..MESSAGES {
        let (at, id) = (100 + n * 190, 901 + n);
        if n % 3 == 0 {
            trace.sent(at - 60, 0, r#"{"type":"typing"}"#);
            trace.got(at - 58, 1, r#"{"type":"typing","user_id":"ann"}"#);
        }
        trace.sent(at, 0, &format!(r#"{{"type": "message", "text":"see you at {n}", "mood":"fine"}}"#));
        for conn in [0, 1] {
            trace.got(at + 3, conn, &format!(r#"{{"type":"message","id":"m{id}","sender_id":"ann","text":"see you at {n}"}}"#));
        }
        trace.sent(at + 20, 1, &format!(r#"{{"type":"read","message_id":"m{id}"}}"#));
        trace.got(at + 22, 0, &format!(r#"{{"type":"read_receipt","message_id":"m{id}"}}"#));
        if n % 4 == 3 {
            trace.sent(at + 90, 1, &format!(r#"{{"type":"react","message_id":"m{}","emoji":"+1"}}"#, id - 3));
        }
    }
    trace.event(3_395, 0, Event::Close { by: volley::trace::Side::Client, code: Some(1000) });
    trace.event(3_400, 1, Event::Close { by: volley::trace::Side::Client, code: Some(1000) });
    trace.end()
}

fn dm() -> Words {
    Words { profile: "media-dm".into(), dialect: Some("docs".into()), ..Words::default() }
}

/// Plays `trace` with `profile` against a server of `words`: summary, record and account.
fn play(profile: &str, words: Words, trace: &Path, args: &[&str]) -> (Value, Value, Account) {
    let dir = folder();
    let out = dir.path().join("out");
    let server = mock(words);
    let url = format!("ws://{}/", server.addr());
    let mut command = volley();
    command.args(["run", profile, "--target", &url, "--out", text(&out), "--report", "none", "--format", "json", "--progress", "none"]);
    command.args(["--trace", text(trace)]).args(args);
    let ended = Call::start(command).end();
    ended.is_calm();
    // 4: this machine was too busy for true times; 10: the server did not say what was waited for. Counts hold all the same.
    assert!(matches!(ended.code, Some(0 | 4 | 10)), "{ended:#?}");
    let summary = ended.json();
    counts_add_up(&summary);
    let run = serde_json::from_str(&read(&out, "run.json")).expect("JSON");
    (summary, run, server.stop().expect("an account"))
}

/// The server received what the trace has, so many times.
#[track_caller]
fn is_the_session(summary: &Value, account: &Account, times: u64) {
    let received = |kind: &str| account.received.get(kind).copied().unwrap_or_default();
    assert_eq!(received("message"), times * MESSAGES, "{:?}", account.received);
    assert_eq!((received("read"), received("react"), received("typing")), (times * MESSAGES, times * REACTIONS, times * TYPINGS));
    // An id that is not of this run is passed over by the server: these were all told by it.
    let story = |name: &str| account.figures.get(name).copied().unwrap_or_default();
    assert_eq!((story("reads"), story("reactions")), (times * MESSAGES, times * REACTIONS), "{:?}", account.figures);
    assert_eq!(account.violations_total, 0, "{:?}", account.violations);
    let sent = times * (2 * MESSAGES + REACTIONS + TYPINGS);
    assert_eq!((number(summary, "/counts/planned"), number(summary, "/counts/sent")), (sent, sent), "{summary:#}");
    assert_eq!(number(summary, "/counts/answered"), times * MESSAGES);
    assert_eq!(series(summary, "read_receipt")["count"], times * MESSAGES);
    assert_eq!(series(summary, "dm_peer")["count"], times * MESSAGES);
}

#[test]
fn a_session_is_played_at_its_speed_and_ten_times_as_fast() {
    let dir = folder();
    let trace = friends(dir.path());
    let (summary, run, account) = play("media-dm", dm(), &trace, &[]);
    is_the_session(&summary, &account, 1);
    let slow = run["plan"]["duration_ns"].as_u64().expect("a time");
    let (summary, run, account) = play("media-dm", dm(), &trace, &["--speed", "x10"]);
    is_the_session(&summary, &account, 1);
    let fast = run["plan"]["duration_ns"].as_u64().expect("a time");
    // The last instant is at 3,400 ms; a millisecond goes to the last tick.
    assert_eq!((slow, fast), (3_401 * MILLI, 341 * MILLI));
    let plan = &run["plan"]["trace"];
    assert_eq!(plan, &summary["run"]["trace"]);
    assert_eq!((plan["speed"].as_f64(), plan["clones"].as_u64(), plan["connections"].as_u64()), (Some(10.0), Some(1), Some(2)));
    assert_eq!((plan["frames"].as_u64(), plan["length_ns"].as_u64()), (Some(31), Some(3_400 * MILLI)));
}

#[test]
fn clones_are_clients_of_their_own() {
    let dir = folder();
    let trace = friends(dir.path());
    let (summary, run, account) = play("media-dm", dm(), &trace, &["--speed", "x4", "--clones", "3", "--ramp", "150ms"]);
    is_the_session(&summary, &account, 3);
    assert_eq!(run["plan"]["clients"], 6);
    // The last of them begins 100 ms later than the first.
    assert_eq!(run["plan"]["duration_ns"], 951 * MILLI);
    assert_eq!(number(&summary, "/connections/opened"), 6);
}

#[test]
fn what_an_answer_must_precede_waits_for_it() {
    let dir = folder();
    let mut trace = Trace::new(dir.path());
    trace.open(0, 0, "writer");
    trace.open(0, 1, "reader");
    for n in 0..10 {
        // Message, sight and reading all at once: in the run the reading is due before the message can have come.
        let at = 50 + n * 40;
        trace.sent(at, 0, &format!(r#"{{"type":"message","text":"see you at {n}"}}"#));
        trace.got(at, 1, &format!(r#"{{"type":"message","id":"x{n}","sender_id":"ann","text":"see you at {n}"}}"#));
        trace.sent(at, 1, &format!(r#"{{"type":"read","message_id":"x{n}"}}"#));
    }
    trace.event(1_000, 1, Event::Sent(Frame::Text(r#"{"type":"typing"}"#.into())));
    let (summary, _, account) = play("media-dm", dm(), &trace.end(), &[]);
    assert_eq!((account.received.get("read"), account.figures.get("reads")), (Some(&10), Some(&10)), "{account:?}");
    assert_eq!(number(&summary, "/counts/waited"), 10, "every reading waited for its message: {}", summary["counts"]);
}

#[test]
fn an_answer_that_never_comes_is_waited_for_no_longer_than_the_timeout() {
    let dir = folder();
    let mut trace = Trace::new(dir.path());
    trace.open(0, 0, "reader");
    trace.got(5, 0, r#"{"type":"message","id":"m1","sender_id":"ann","text":"see you at 1"}"#);
    trace.sent(10, 0, r#"{"type":"read","message_id":"m1"}"#);
    trace.sent(800, 0, r#"{"type":"typing"}"#);
    let (summary, _, account) = play("media-dm", dm(), &trace.end(), &["--timeout", "300ms"]);
    assert_eq!(number(&summary, "/counts/not_offered/awaited"), 1, "nobody wrote to the reader: {summary:#}");
    assert_eq!((account.received.get("read"), number(&summary, "/counts/planned")), (None, 2));
}

/// A profile whose messages have a bit of everything.
const EVERYTHING: &str = r#"
name = "everything"
about = "x"
[endpoint]
url = "ws://127.0.0.1:1/"
[vars.token]
about = "x"
default = "secret-{client}"
secret = true
[vars.place]
about = "x"
default = "here"
[load]
name = "say"
text = '{"type":"say","from":"user-{client}","token":"{token}","n":{seq},"id":"{uuid}","place":"{place}","text":"hello {id}"}'
"#;

#[test]
fn values_of_the_recording_become_each_clients_own() {
    let dir = folder();
    let profile = dir.path().join("everything.toml");
    std::fs::write(&profile, EVERYTHING).expect("written");
    let mut trace = Trace::new(dir.path());
    let id = "00000000-0000-4000-8000-000000000000";
    for n in 0..5 {
        let said = format!(
            "{{ \"type\":\"say\", \"more\":[1,{{\"x\":null}}], \"from\":\"user-77\", \"token\":\"recorded-token\", \"n\":{}, \"id\":\"{id}\", \
             \"place\":\"there\", \"text\":\"call me \\\"Bob\\\"\" }}",
            900 + n
        );
        trace.sent(10 * n, 0, &said);
        trace.event(10 * n, 0, Event::Sent(Frame::Binary(vec![n as u8, 0xff, 0x00].into())));
    }
    let server = Plain::start();
    let trace = trace.end();
    let out = dir.path().join("out");
    let (url, clones) = (server.url(), ["--clones", "3", "--format", "json", "--progress", "none", "--report", "none"]);
    let ended =
        call(&[&["run", text(&profile), "--target", &url, "--trace", text(&trace), "--out", text(&out)], clones.as_slice()].concat());
    ended.ran();
    let summary = ended.json();
    assert_eq!(summary["counts"]["messages_out"]["unmatched"], 15);
    let heard = server.end();
    assert_eq!(heard.len(), 3);
    let (mut ids, mut users) = (BTreeSet::new(), BTreeSet::new());
    for connection in &heard {
        let (texts, binaries): (Vec<_>, Vec<_>) = connection.iter().partition(|frame| !frame.is_binary);
        assert_eq!(binaries.iter().map(|frame| frame.bytes[0]).collect::<Vec<_>>(), [0, 1, 2, 3, 4], "as they were recorded");
        for (n, frame) in texts.iter().enumerate() {
            let said = std::str::from_utf8(&frame.bytes).expect("text");
            assert!(said.starts_with(r#"{ "type":"say", "more":[1,{"x":null}], "#), "the rest stays as it was: {said}");
            let said: Value = serde_json::from_str(said).expect("JSON still");
            let client = said["from"].as_str().and_then(|from| from.strip_prefix("user-")).expect("a user");
            assert_eq!(said["token"], format!("secret-{client}"));
            assert_eq!((said["n"].as_u64(), said["place"].as_str()), (Some(n as u64), Some("there")));
            assert_eq!(said["text"], format!("call me \"Bob\" {n}"), "a key behind what was said");
            users.insert(client.to_owned());
            ids.insert(said["id"].to_string());
        }
        assert_eq!(texts.len(), 5);
    }
    assert_eq!((users.len(), ids.len()), (3, 15), "every client is another, and every send");
}

#[test]
fn gaps_are_those_of_the_recording() {
    let gaps_ms = [7, 1, 43, 2, 180, 20, 5, 211, 90, 3, 60];
    for speed in [1u64, 10] {
        let dir = folder();
        let mut trace = Trace::new(dir.path());
        let mut at = vec![0];
        gaps_ms.iter().for_each(|gap| at.push(at[at.len() - 1] + gap));
        at.iter().enumerate().for_each(|(n, at)| trace.sent(*at, 0, &format!(r#"{{"id":{n},"pad":"xxxx"}}"#)));
        let trace = trace.end();
        // A machine that was busy just then is given another try, and does not decide; between the stamp before a write and the
        // kernel's it can be busy unseen, so that one good try of those without late wake-ups is enough.
        let mut calm = Vec::new();
        for attempt in 0..8 {
            let server = Plain::start();
            let out = dir.path().join(format!("out-{attempt}"));
            let (url, faster) = (server.url(), format!("x{speed}"));
            let more = ["--speed", &faster, "--format", "json", "--progress", "none", "--report", "none", "--timeout", "50ms"];
            let ended = call(&[&["run", "echo", "--target", &url, "--trace", text(&trace), "--out", text(&out)], more.as_slice()].concat());
            assert!(matches!(ended.code, Some(0 | 4 | 10)), "{ended:#?}");
            let summary = ended.json();
            assert_eq!(number(&summary, "/counts/sent"), at.len() as u64, "{summary:#}");
            let heard = server.end();
            let stamps: Vec<u64> = heard[0].iter().map(|frame| frame.at_ns).collect();
            assert_eq!(stamps.len(), at.len());
            let since = |n: usize| stamps[n].abs_diff(stamps[0]);
            let off = (0..at.len()).map(|n| since(n).abs_diff((at[n] - at[0]) * MILLI / speed)).max().unwrap_or_default();
            let lag = number(&summary, "/lag/max");
            println!("x{speed}: at most {} us off, lag at most {} us", off / 1_000, lag / 1_000);
            if lag < MILLI {
                calm.push(off);
            }
            if calm.last().is_some_and(|off| *off <= 2 * MILLI) {
                break;
            }
        }
        assert!(calm.is_empty() || calm.iter().any(|off| *off <= 2 * MILLI), "x{speed}: {calm:?} ns off");
    }
}

#[test]
fn the_day_of_heart_rates_that_ships() {
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/terra-day.trace.ndjson");
    let recorded = std::fs::read_to_string(&trace).expect("it ships");
    assert!(recorded.len() <= 150_000);
    let submits = recorded.matches(r#""sent""#).count() as u64;
    let words = Words { profile: "terra".into(), ..Words::default() };
    let (summary, run, account) = play("terra", words, &trace, &["--speed", "x40000", "--clones", "3"]);
    assert_eq!(account.received.get("submit").copied(), Some(3 * submits));
    assert_eq!(account.received.get("identify").copied(), Some(6), "the trace has none, so the profile says it");
    assert_eq!(account.violations_total, 0, "{:?}", account.violations);
    assert_eq!((number(&summary, "/counts/sent"), number(&summary, "/counts/answered")), (3 * submits, 3 * submits));
    assert_eq!(series(&summary, "submit_dispatch")["count"], 3 * submits);
    assert!(run["plan"]["duration_ns"].as_u64().is_some_and(|ns| ns < 2_300 * MILLI), "86,400 s at x40000 are 2.16 s");
}

/// What a dry run of a trace with these lines behind the head says.
fn dry(profile: &str, lines: &str, more: &[&str]) -> Ended {
    let dir = folder();
    let path = dir.path().join("t.ndjson");
    std::fs::write(&path, format!("{{\"volley_trace\":1,\"made_by\":\"hand\"}}\n{lines}")).expect("written");
    call(&[&["run", profile, "--trace", text(&path), "--dry-run"], more].concat())
}

const SENT: &str = "{\"at_ns\":5,\"sent\":{\"text\":\"{\\\"id\\\":1}\"}}\n";

#[test]
fn a_trace_that_is_cut_off_is_refused() {
    dry("echo", &format!("{SENT}{{\"at_ns\":9,\"sen"), &[]).refuses(2, &["t.ndjson", "line 3: the trace is cut off", "`head -n 2 FILE`"]);
}

#[test]
fn a_trace_out_of_order_is_refused() {
    let lines = format!("{SENT}{}", SENT.replace('5', "4"));
    dry("echo", &lines, &[]).refuses(2, &["line 3: `at_ns` goes back: 4 is before 5", "Sort the lines"]);
}

#[test]
fn an_unknown_role_is_refused_with_those_that_there_are() {
    let lines = "{\"at_ns\":0,\"role\":\"writter\",\"open\":{}}\n";
    dry("media-dm", lines, &[]).refuses(2, &["line 2: `writter` is no role", "did you mean `writer`?"]);
    dry("echo", lines, &[]).refuses(2, &["line 2: `writter` is no role", "there is `client`"]);
}

#[test]
fn a_frame_of_16_mib_is_refused_with_its_size() {
    let lines = format!("{{\"at_ns\":5,\"sent\":{{\"text\":\"{}\"}}}}\n", "x".repeat(16 << 20));
    dry("echo", &lines, &[]).refuses(2, &["line 2: the line has 16.0 MiB; the most is 8.0 MiB", "A frame may have 1.0 MiB"]);
    let lines = format!("{{\"at_ns\":5,\"sent\":{{\"text\":\"{}\"}}}}\n", "x".repeat(2 << 20));
    dry("echo", &lines, &[]).refuses(2, &["line 2: the frame has 2.0 MiB; the most is 1.0 MiB"]);
}

#[test]
fn secrets_in_frames_are_refused_and_not_repeated() {
    let sent = |frame: &str| format!("{{\"at_ns\":5,\"sent\":{{\"text\":{}}}}}\n", Value::from(frame));
    let ended = dry("echo", &sent(r#"{"id":1,"pad":"x","auth":{"apiKey":"hunter2-hunter2"}}"#), &[]);
    ended.refuses(2, &["line 2: the frame holds a secret, under `apiKey`", "[redacted]"]);
    assert!(!ended.err.contains("hunter2"), "{}", ended.err);
    // One that the profile says itself is never sent, and one that was taken out is none.
    let identify = r#"{"op":3,"d":{"token":"hunter2-hunter2","type":1}}"#;
    let ended = dry("terra", &sent(identify), &[]);
    assert!(ended.code == Some(0) && ended.out.contains("identify_consumer {consumer_token}"), "{ended:#?}");
    assert_eq!(dry("echo", &sent(r#"{"id":1,"pad":"x","token":"[redacted]"}"#), &[]).code, Some(0));
}

#[test]
fn what_is_no_trace_is_refused() {
    let dir = folder();
    let path = dir.path().join("x");
    call(&["run", "echo", "--trace", text(&path), "--dry-run"]).refuses(2, &["cannot be read"]);
    call(&["run", "echo", "--trace", text(dir.path()), "--dry-run"]).refuses(2, &["it is no file"]);
    std::fs::write(&path, "name,value\n").expect("written");
    call(&["run", "echo", "--trace", text(&path), "--dry-run"]).refuses(2, &["line 1: it is not the head of a trace", "volley_trace"]);
    // Nobody writes into it, and nothing waits for that.
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    call(&["run", "echo", "--trace", text(&pipe), "--dry-run"]).refuses(2, &["it is no file"]);
    std::fs::write(&path, format!("\u{feff}{{\"volley_trace\":1,\"made_by\":\"hand\"}}\r\n{SENT}")).expect("written");
    assert_eq!(call(&["run", "echo", "--trace", text(&path), "--dry-run"]).code, Some(0));
    std::fs::write(&path, "").expect("written");
    call(&["run", "echo", "--trace", text(&path), "--dry-run"]).refuses(2, &["it is empty"]);
    dry("echo", "{\"at_ns\":0,\"open\":{}}\n", &[]).refuses(2, &["no client sends anything"]);
    let never = SENT.replace('5', &u64::MAX.to_string());
    dry("echo", &never, &[]).refuses(2, &["longer than a week", "--speed"]);
    assert_eq!(dry("echo", &never, &["--duration", "10s"]).code, Some(0));
}

#[test]
fn flags_that_say_how_much_is_sent_are_refused() {
    for (flag, value, instead) in [
        ("--rate", "10/s", "--speed"),
        ("--clients", "10", "--clones"),
        ("--closed", "1", "--speed"),
        ("--shape", "rate: 1..10/5s", "--speed"),
    ] {
        dry("echo", SENT, &[flag, value]).refuses(2, &[&format!("{flag} and --trace"), instead]);
    }
    call(&["run", "echo", "--speed", "x10"]).refuses(2, &["--trace"]);
    dry("echo", SENT, &["--speed", "fast"]).refuses(2, &["is not a speed"]);
    let rest = "{\"at_ns\":5,\"sent\":{\"text\":\"{}\"}}\n";
    dry("openshock-live", rest, &["--set", "token=abcd", "--set", "device_id=x"]).refuses(2, &["--allow-harm"]);
}

#[test]
fn a_dry_run_says_what_is_in_a_trace() {
    let dir = folder();
    let trace = friends(dir.path());
    let ended = call(&["run", "media-dm", "--trace", text(&trace), "--speed", "x10", "--clones", "4", "--dry-run"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    for words in [
        "31 frames of 2 connections in 3.4s",
        "1 writer: message 12, typing 4",
        "1 reader: react 3, read 12",
        "message {id}, react {last_id}, read {last_id}",
        "124 sends in all",
        "8 clients play",
        "at x10, 4 clones",
    ] {
        assert!(ended.out.contains(words), "`{words}` is not said: {}", ended.out);
    }
}

/// A million frames need an index, and nothing else.
#[test]
fn a_million_frames_need_memory_for_their_index_only() {
    const FRAMES: u64 = 1_000_000;
    let dir = folder();
    let path = dir.path().join("long.ndjson");
    let mut file = BufWriter::new(File::create(&path).expect("a file"));
    file.write_all(b"{\"volley_trace\":1,\"made_by\":\"test\"}\n").expect("written");
    for n in 0..FRAMES {
        writeln!(file, "{{\"at_ns\":{},\"sent\":{{\"text\":\"{{\\\"id\\\":{n},\\\"pad\\\":\\\"xxxxxxxx\\\"}}\"}}}}", n * MILLI)
            .expect("written");
    }
    drop(file);
    let began = Instant::now();
    let ended = call(&["run", "echo", "--trace", text(&path), "--dry-run"]);
    println!("read and compiled in {:?}", began.elapsed());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.out.contains("1,000,000 frames of 1 connections"), "{}", ended.out);
    let said = ended.out.split("the index takes ").nth(1).expect("it is said");
    let mib: f64 = said.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    assert!(said.contains("MiB") && mib * 1_048_576.0 <= 64.0 * FRAMES as f64, "at most 64 bytes a frame: {said}");
}
