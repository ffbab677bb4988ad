//! Clients come back as their profile says, and servers that misbehave cost a bounded amount. The
//! server's account must be ours, to the connection and to the message.

mod kit;

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::thread::JoinHandle;

use kit::*;
use serde_json::Value;
use volley::mock::Account;
use volley::mock::Words;

/// The echo profile with more in it.
fn profile(more: &str) -> String {
    let shipped = call(&["profiles", "show", "echo"]).out;
    shipped.replace("#:schema ./profile.schema.json", "").replace("[[message]]", &format!("{more}\n[[message]]"))
}

const QUICKLY: &str = "[reconnect]\npolicy = \"fixed\"\ndelay = \"100ms\"\njitter = 0.5\n";

/// Runs 10 clients of `profile` against the server at `url`.
fn run(profile: &str, url: &str, args: &[&str]) -> Value {
    let dir = folder();
    let (path, out) = (dir.path().join("mine.toml"), dir.path().join("out"));
    std::fs::write(&path, profile).expect("a file");
    let usual = [("--clients", "10"), ("--lanes", "2"), ("--warmup", "500ms"), ("--duration", "3s"), ("--timeout", "2s")];
    let load: Vec<&str> = usual.iter().filter(|(name, _)| !args.contains(name)).flat_map(|(name, value)| [*name, *value]).collect();
    let show = ["--report", "none", "--format", "json", "--progress", "none", "--target", url, "--out", text(&out)];
    let ended = call(&[&["run", text(&path)], load.as_slice(), &show, args].concat());
    ended.is_calm();
    assert!(matches!(ended.code, Some(0 | 3 | 4 | 10)), "{ended:#?}");
    let summary = ended.json();
    counts_add_up(&summary);
    summary
}

/// The same against a reference server with `faults`, parted by blanks: summary and account.
fn against(faults: &str, profile: &str, args: &[&str]) -> (Value, Account) {
    let server = mock(Words { profile: "echo".into(), faults: faults.split(' ').map(Into::into).collect(), ..Words::default() });
    let summary = run(profile, &format!("ws://{}/", server.addr()), args);
    let account = server.stop().expect("an account");
    assert_eq!(account.violations_total, 0, "{:?}", account.violations);
    assert_eq!(at(&summary, "/connections/opened"), account.connections.accepted, "{summary:#}");
    assert_eq!(at(&summary, "/connections/failed"), account.connections.refused, "{summary:#}");
    // The server learns of an end after the client.
    assert!(at(&summary, "/connections/peak") <= account.connections.open_peak.min(10), "{summary:#}");
    (summary, account)
}

fn at(summary: &Value, pointer: &str) -> u64 {
    number(summary, pointer)
}

const LOAD: &[&str] = &["--rate", "20/s"];

#[test]
fn a_connection_that_was_lost_is_made_again() {
    for (fault, kind) in [("drop_midstream=10", "abnormal"), ("close_code=1012@10", "closed")] {
        let (summary, account) = against(fault, &profile(QUICKLY), LOAD);
        let (opened, again) = (at(&summary, "/connections/opened"), at(&summary, "/connections/reconnects"));
        assert_eq!((at(&summary, "/connections/asked"), opened - again), (10, 10), "{fault}: {summary:#}");
        // 10 clients x 20/s x 3.5 s and 10 messages to a connection make 70; those away send less.
        assert!((20..=70).contains(&again), "{fault}: {summary:#}");
        assert_eq!(at(&summary, &format!("/counts/faults/{kind}")), sum(&summary["counts"]["faults"]), "{fault}: {summary:#}");
        assert!(at(&summary, &format!("/counts/faults/{kind}")) >= again, "{fault}: {summary:#}");
        // What was written and did not reach the server in time was in flight, not measured.
        let received = account.received["echo"];
        assert!(at(&summary, "/counts/sent") >= received, "{fault}: {summary:#} {account:?}");
        let answered = at(&summary, "/counts/answered") + at(&summary, "/counts/late");
        assert_eq!(answered, account.sent["echo"], "{fault}: {summary:#}");
        assert!(at(&summary, "/counts/not_offered/disconnected") > 0, "{fault}: {summary:#}");
        // Every instant of the timetable is there, whatever happened in between.
        let planned = at(&summary, "/counts/planned");
        assert!((10 * 20 * 3..=10 * 20 * 4).contains(&planned), "{fault}: {planned}");
    }
}

#[test]
fn without_a_policy_an_ended_connection_stays_ended() {
    let (summary, _) = against("drop_midstream=10", &profile(""), LOAD);
    assert_eq!((at(&summary, "/connections/opened"), at(&summary, "/connections/reconnects")), (10, 0), "{summary:#}");
    assert_eq!(at(&summary, "/counts/faults/abnormal"), 10);
}

#[test]
fn a_code_that_stops_is_not_retried() {
    let stop = format!("{QUICKLY}[[close]]\ncode = 4001\nname = \"token_reuse\"\nthen = \"stop\"\n");
    for (fault, more) in [("close_code=4001", stop.as_str()), ("close_code=1008", QUICKLY)] {
        let (summary, _) = against(fault, &profile(more), LOAD);
        assert_eq!((at(&summary, "/connections/opened"), at(&summary, "/connections/reconnects")), (10, 0), "{fault}: {summary:#}");
        assert_eq!(at(&summary, "/counts/faults/closed"), 10, "{fault}: {summary:#}");
    }
}

#[test]
fn what_is_refused_for_good_is_not_tried_again() {
    let (summary, account) = against("reject_http=404:50%", &profile(QUICKLY), LOAD);
    assert_eq!((account.connections.accepted, account.connections.refused), (5, 5), "{summary:#}");
    assert_eq!(at(&summary, "/counts/faults/http_404"), 5, "{summary:#}");
}

#[test]
fn retry_after_is_waited_for_and_a_first_opening_is_no_reconnect() {
    // The server says one second; the profile alone would try thirty times a client.
    let (summary, account) = against("reject_http=503:50%", &profile(QUICKLY), &["--rate", "20/s", "--duration", "6s"]);
    assert_eq!((at(&summary, "/connections/opened"), at(&summary, "/connections/reconnects")), (10, 0), "{summary:#}");
    assert_eq!((at(&summary, "/connections/peak"), account.connections.open_peak), (10, 10), "{summary:#}");
    let refused = account.connections.refused;
    // Every second handshake is refused: the tenth that is not is the nineteenth of all.
    assert_eq!(refused, 9, "{summary:#}");
    assert_eq!(at(&summary, "/counts/faults/http_503"), refused, "{summary:#}");
}

#[test]
fn attempts_in_a_row_are_bounded() {
    let more = format!("{QUICKLY}attempts = 3\n").replace("jitter = 0.5", "jitter = 0");
    let (summary, account) = against("reject_http=502:90%", &profile(&more), LOAD);
    let (opened, failed) = (account.connections.accepted, account.connections.refused);
    // A client fails at most four times, and one that stays away has failed exactly four times.
    assert!(failed <= 40 && failed >= 4 * (10 - opened), "{summary:#}");
    assert!(opened + failed <= 40 && opened >= 1, "{summary:#}");
}

#[test]
fn a_closed_loop_fills_its_window_again() {
    let (summary, account) = against("drop_midstream=50", &profile(QUICKLY), &["--closed", "3"]);
    let again = at(&summary, "/connections/reconnects");
    assert!(again >= 10, "{summary:#}");
    // Fifty messages end a connection; each was filled again and again until then.
    assert!(account.received["echo"] >= 50 * again, "{summary:#}");
    assert!(at(&summary, "/counts/unanswered") <= 3 * (again + 10), "{summary:#}");
}

#[test]
fn an_opening_that_does_not_complete_is_given_up() {
    let waiting = profile(&format!("{QUICKLY}[[message]]\nname = \"hello\"\ntag = [\"hello\"]\nready = true\n"))
        .replace("[series.echo]", "[read]\ntag = [\"type\"]\n[series.echo]")
        .replace("name = \"echo\"\nanswers", "name = \"echo\"\ntag = [\"echo\"]\nanswers");
    let args = ["--rate", "20/s", "--timeout", "300ms"];
    let (summary, account) = against("coalesce=1ms", &waiting, &args);
    let opened = at(&summary, "/connections/opened");
    assert!(opened >= 20, "{summary:#}");
    // Those that the end of the run cut short were not given up.
    let given_up = at(&summary, "/counts/faults/ready_timeout");
    assert!(given_up <= opened && opened - given_up <= 10, "{summary:#}");
    assert_eq!(sum(&summary["counts"]["faults"]), given_up, "{summary:#}");
    assert_eq!(at(&summary, "/counts/sent"), 0);
    assert_eq!(account.received["close"], opened);
}

#[test]
fn floods_of_pings_are_answered_at_a_bounded_rate() {
    let (summary, account) = against("ping_flood=1000/s", &profile("[ping]\nevery = \"off\"\n"), LOAD);
    let (pings, pongs) = (at(&summary, "/counts/messages_in/ws_ping"), at(&summary, "/counts/messages_out/ws_pong"));
    assert_eq!((pings, pongs), (account.sent["ws_ping"], account.received["ws_pong"]), "{summary:#}");
    // Nothing follows our close frame, so what still comes while it is answered gets no pong either.
    let unanswered = pings - pongs - at(&summary, "/counts/faults/ping_flood");
    assert!(unanswered <= 1_000, "{summary:#}");
    assert!(pings > 10_000, "{summary:#}");
    // A hundred at once, then a hundred a second; the run lasts 4.5 s, and longer on a busy machine.
    assert!((10 * 400..10 * 900).contains(&pongs), "{summary:#}");
    assert_eq!(at(&summary, "/counts/answered") + at(&summary, "/counts/late"), account.received["echo"]);
}

#[test]
fn questions_of_the_protocol_are_answered_at_a_bounded_rate() {
    let set = vec![("ping_every".into(), "2ms".into())];
    let server = mock(Words { profile: "openshock-live".into(), set, ..Words::default() });
    let shipped = call(&["profiles", "show", "openshock-live"]).out;
    let summary = run(&shipped, &format!("ws://{}/", server.addr()), LOAD);
    let account = server.stop().expect("an account");
    let (asked, answered) = (at(&summary, "/counts/messages_in/ping"), at(&summary, "/counts/messages_out/pong"));
    assert_eq!((asked, answered), (account.sent["ping"], account.received["pong"]), "{summary:#}");
    let flood = at(&summary, "/counts/faults/ping_flood");
    assert!(flood > 0 && asked - answered - flood <= 1_000, "{summary:#}");
    // 500 a second are asked of each of ten clients for 4.5 s.
    assert!((10 * 400..10 * 900).contains(&answered), "{summary:#}");
    assert_eq!(account.violations_total, 0, "{:?}", account.violations);
}

#[test]
fn a_peer_that_breaks_the_protocol_is_left_and_tried_again() {
    let (summary, account) = against("masked:3%", &profile(QUICKLY), LOAD);
    let (again, broken) = (at(&summary, "/connections/reconnects"), at(&summary, "/counts/faults/frame_masked"));
    assert!(again > 0 && (again..=again + 10).contains(&broken), "{summary:#}");
    assert_eq!(sum(&summary["counts"]["faults"]), broken, "{summary:#}");
    assert!(account.sent["echo"] >= at(&summary, "/counts/answered") + broken, "{summary:#}");
}

#[test]
fn pongs_for_a_peer_that_does_not_read_are_dropped_and_counted() {
    let args = ["--rate", "200/s", "--set", "payload_bytes=16384"];
    let (summary, account) = against("stall_read ping_flood=1000/s", &profile(""), &args);
    let (dropped, flood) = (at(&summary, "/counts/faults/reply_dropped"), at(&summary, "/counts/faults/ping_flood"));
    assert!(dropped > 0 && flood > 0, "{summary:#}");
    assert!(dropped + flood <= account.sent["ws_ping"], "{summary:#} {account:?}");
    assert_eq!(at(&summary, "/counts/faults/close_unanswered"), 10, "{summary:#}");
}

// ---- servers that the reference server is too polite for ----

/// Serves up to `most` connections one behind the other; each is upgraded, handed to `play`, and then
/// read until the client ends it. How many there were.
fn rude(most: usize, play: impl Fn(&mut TcpStream) + Send + 'static) -> (String, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    let serving = std::thread::spawn(move || {
        for _ in 0..most {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut lines = BufReader::new(stream.try_clone().expect("a second handle"));
            let (mut key, mut line) = (String::new(), String::new());
            while line != "\r\n" {
                line.clear();
                lines.read_line(&mut line).expect("a line of the request");
                if let Some((_, value)) = line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")) {
                    key = value.trim().to_owned();
                }
            }
            let accept = volley::wire::accept::accept_value(key.as_bytes());
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).expect("the client reads");
            play(&mut stream);
            // Nothing is said any more, and the connection is left open.
            let _ = stream.read_to_end(&mut Vec::new());
            // Reading has ended since the client shut down its side; it is the server's turn, which it lets pass.
            let mut last = [0];
            stream.set_read_timeout(Some(std::time::Duration::from_millis(1))).expect("a valid time");
            let _ = stream.read(&mut last);
            KEPT.lock().expect("not poisoned").push(stream);
        }
        most
    });
    (url, serving)
}

/// Connections kept open until the test process ends.
static KEPT: std::sync::Mutex<Vec<TcpStream>> = std::sync::Mutex::new(Vec::new());

#[test]
fn a_peer_that_closes_and_stays_is_left_after_five_seconds() {
    let close = |stream: &mut TcpStream| stream.write_all(&[0x88, 2, 0x03, 0xe8, 0x81, 2, b'h', b'i']).expect("the client reads");
    let (url, serving) = rude(2, close);
    let summary = run(&profile(QUICKLY), &url, &["--clients", "1", "--lanes", "1", "--duration", "7s", "--rate", "10/s"]);
    assert_eq!(serving.join().expect("served"), 2);
    assert_eq!((at(&summary, "/connections/opened"), at(&summary, "/connections/reconnects")), (2, 1), "{summary:#}");
    assert_eq!((at(&summary, "/counts/messages_in/close"), at(&summary, "/counts/messages_out/close")), (2, 2), "{summary:#}");
    // What it said behind its close is counted and nothing more.
    assert_eq!(at(&summary, "/counts/faults/closed"), 2, "{summary:#}");
    assert_eq!((at(&summary, "/counts/faults/close_unanswered"), at(&summary, "/counts/messages_in/unknown")), (2, 2), "{summary:#}");
    assert_eq!(sum(&summary["counts"]["faults"]), 4, "{summary:#}");
}

#[test]
fn a_close_of_ours_that_is_not_answered_is_left_after_five_seconds() {
    let silent = profile(&format!("{QUICKLY}[[message]]\nname = \"hello\"\ntag = [\"hello\"]\nready = true\n"))
        .replace("[series.echo]", "[read]\ntag = [\"type\"]\n[series.echo]")
        .replace("name = \"echo\"\nanswers", "name = \"echo\"\ntag = [\"echo\"]\nanswers");
    let (url, serving) = rude(2, |_| {});
    let args = ["--clients", "1", "--lanes", "1", "--duration", "5500ms", "--rate", "10/s", "--timeout", "1s"];
    let summary = run(&silent, &url, &args);
    assert_eq!(serving.join().expect("served"), 2);
    assert_eq!((at(&summary, "/connections/opened"), at(&summary, "/connections/reconnects")), (2, 1), "{summary:#}");
    // The first is given up after a second and left after five more; the end of the run leaves the other.
    assert_eq!(at(&summary, "/counts/faults/ready_timeout"), 1, "{summary:#}");
    assert_eq!(at(&summary, "/counts/faults/close_unanswered"), 2, "{summary:#}");
    assert_eq!(at(&summary, "/counts/messages_out/close"), 2, "{summary:#}");
}
