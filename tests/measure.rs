//! Known truth: the reference server does something known and gives an exact account of it; the
//! program must find it. Counts are compared exactly. Times are compared with the server's account,
//! with room for a busy machine above and none below.

#![expect(clippy::print_stdout, reason = "figures are shown with --nocapture")]

mod kit;

use kit::*;
use serde_json::Value;
use volley::mock::Account;
use volley::mock::Words;

const MILLI: u64 = 1_000_000;

fn echo() -> Words {
    Words { profile: "echo".into(), ..Words::default() }
}

fn openshock(dialect: &str) -> Words {
    Words {
        profile: "openshock-live".into(),
        dialect: Some(dialect.into()),
        set: vec![("ping_every".into(), "500ms".into())],
        ..Words::default()
    }
}

fn with(fault: &str, words: Words) -> Words {
    Words { faults: vec![fault.into()], ..words }
}

/// Runs the program with `args` against a server of `words`: summary and account.
fn measure(words: Words, args: &[&str]) -> (Value, Account) {
    let profile = words.profile.clone();
    let dialect: Vec<String> = words.dialect.iter().flat_map(|d| ["--dialect".to_owned(), d.clone()]).collect();
    let dir = folder();
    let out = dir.path().join("out");
    let server = mock(words);
    let url = format!("ws://{}/", server.addr());
    let mut command = volley();
    command.args(["run", &profile, "--target", &url, "--out", text(&out), "--report", "none", "--format", "json", "--progress", "none"]);
    command.args(["--lanes", "1", "--warmup", "500ms"]).args(dialect).args(args);
    let ended = Call::start(command).end();
    ended.is_calm();
    // 4: this machine was too busy for true times; counts hold all the same.
    assert!(matches!(ended.code, Some(0 | 4 | 10)), "{ended:#?}");
    let summary = ended.json();
    counts_add_up(&summary);
    (summary, server.stop().expect("an account"))
}

fn count(summary: &Value, name: &str) -> u64 {
    summary["counts"][name].as_u64().unwrap_or_else(|| panic!("no {name}: {summary:#}"))
}

fn time(series: &Value, kind: &str, stat: &str) -> u64 {
    series[kind][stat].as_u64().unwrap_or_else(|| panic!("no {kind} {stat}: {series:#}"))
}

/// Every kind of message, both ways, as the server counted it. What it calls a frame, we call so too.
#[track_caller]
fn accounts_agree(summary: &Value, account: &Account) {
    let ours = |way: &str| summary["counts"][way].as_object().expect("kinds").clone();
    let theirs =
        |kinds: &std::collections::BTreeMap<String, u64>| serde_json::to_value(kinds).expect("JSON").as_object().expect("kinds").clone();
    // The order of names is no matter.
    let sorted = |map: serde_json::Map<String, Value>| {
        map.into_iter().filter(|(_, n)| n.as_u64() != Some(0)).collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_eq!(sorted(ours("messages_out")), sorted(theirs(&account.received)), "sent against received");
    assert_eq!(sorted(ours("messages_in")), sorted(theirs(&account.sent)), "received against sent");
    assert_eq!((count(summary, "bytes_out"), count(summary, "bytes_in")), (account.bytes_in, account.bytes_out), "bytes");
    assert_eq!(account.violations_total, 0, "{:?}", account.violations);
    let faults = &summary["counts"]["faults"];
    assert_eq!(sum(faults), 0, "{faults:#}");
}

const LOAD: &[&str] = &["--clients", "20", "--rate", "20/s", "--duration", "3s"];

#[test]
fn a_fixed_hold_is_the_median() {
    let (summary, account) = measure(Words { delay: Some("fixed:20ms".into()), ..echo() }, LOAD);
    let series = series(&summary, "echo");
    let hold = account.hold.p50.expect("answers were held");
    let p50 = time(series, "service", "p50");
    println!("hold p50 {hold} service p50 {p50} response p50 {}", time(series, "response", "p50"));
    assert!(hold >= 20 * MILLI, "{account:?}");
    assert!(p50 >= hold - hold / 1000 && p50 <= hold + 5 * MILLI, "service p50 {p50}, hold p50 {hold}");
    assert!(time(series, "response", "p50") >= p50);
    // Nothing is answered before its hold is over.
    assert!(time(series, "service", "min") >= 20 * MILLI, "{series:#}");
    accounts_agree(&summary, &account);
}

#[test]
fn what_was_not_answered_is_counted_exactly() {
    let (summary, account) = measure(with("no_ack:5%", echo()), &[LOAD, &["--timeout", "1s"]].concat());
    let dropped = account.dropped["no_ack"];
    assert!(dropped > 0);
    assert_eq!(count(&summary, "unanswered"), dropped);
    assert_eq!(count(&summary, "answered") + count(&summary, "late"), account.sent["echo"]);
    assert_eq!(count(&summary, "sent"), account.received["echo"]);
    assert_eq!((count(&summary, "duplicate"), count(&summary, "unsolicited")), (0, 0));
    // floor(5 %) of all, by the law of the fault.
    assert_eq!(dropped, account.received["echo"] / 20);
}

#[test]
fn answers_given_twice_are_duplicates() {
    let (summary, account) = measure(with("ack_dup:10%", echo()), LOAD);
    let extra = account.sent["echo"] - account.received["echo"];
    assert!(extra > 0);
    assert_eq!(count(&summary, "duplicate"), extra);
    assert_eq!(count(&summary, "answered") + count(&summary, "late"), account.received["echo"]);
    assert_eq!((count(&summary, "unanswered"), count(&summary, "unsolicited")), (0, 0));
    accounts_agree(&summary, &account);
}

#[test]
fn an_answer_to_nothing_is_unsolicited() {
    let (summary, account) = measure(with("ack_extra", echo()), LOAD);
    assert_eq!(account.sent["echo"], account.received["echo"] + 20, "one for each connection");
    assert_eq!(count(&summary, "unsolicited") + count(&summary, "duplicate"), 20);
    assert_eq!(count(&summary, "answered") + count(&summary, "late"), count(&summary, "sent"));
}

#[test]
fn answers_out_of_order_do_not_swap_samples() {
    // Swapped samples would show a time below the hold of 30 ms: every 50 ms one client sends.
    let words = Words { delay: Some("fixed:30ms".into()), ..with("ack_reorder:50%", echo()) };
    let (summary, account) = measure(words, LOAD);
    let series = series(&summary, "echo");
    assert!(time(series, "service", "min") >= 30 * MILLI, "{series:#}");
    assert_eq!(count(&summary, "sent"), account.received["echo"]);
    assert_eq!((count(&summary, "duplicate"), count(&summary, "unsolicited")), (0, 0));
    // One that waits for the next has the next one's send to wait for: 50 ms more.
    let max = time(series, "service", "max");
    assert!(max >= 70 * MILLI, "{series:#}");
    // With random holds answers overtake each other all the time.
    let (summary, account) = measure(Words { delay: Some("uniform:10ms..200ms".into()), ..echo() }, LOAD);
    let series = kit::series(&summary, "echo");
    assert!(time(series, "service", "min") >= 10 * MILLI, "{series:#}");
    assert!(time(series, "service", "max") >= 150 * MILLI, "{series:#}");
    assert_eq!((count(&summary, "duplicate"), count(&summary, "unsolicited"), count(&summary, "unanswered")), (0, 0, 0));
    accounts_agree(&summary, &account);
    let (hold, p50) = (account.hold.p50.expect("held"), time(series, "service", "p50"));
    assert!(p50.abs_diff(hold) <= 10 * MILLI, "service p50 {p50}, hold p50 {hold}");
}

#[test]
fn accounts_agree_message_by_message() {
    let (summary, account) = measure(echo(), LOAD);
    accounts_agree(&summary, &account);
    assert_eq!(count(&summary, "answered") + count(&summary, "late"), account.received["echo"]);
    for dialect in ["docs", "server"] {
        let (summary, account) = measure(openshock(dialect), LOAD);
        accounts_agree(&summary, &account);
        let frames = account.received["frame"];
        assert_eq!(count(&summary, "sent"), frames, "{dialect}");
        assert!(account.received["pong"] >= 20 * 4, "{dialect}: {account:?}");
        assert_eq!(account.received["pong"], account.sent["latency_announce"], "{dialect}");
        let pongs = series(&summary, "pong_announce");
        assert!(time(pongs, "service", "max") > 0 && pongs["count"].as_u64().is_some_and(|n| n > 0), "{dialect}: {pongs:#}");
        if dialect == "docs" {
            assert_eq!(account.sent["frame"], frames);
            assert_eq!(count(&summary, "answered") + count(&summary, "late"), frames);
        } else {
            assert!(!account.sent.contains_key("frame"), "this dialect acknowledges nothing");
            assert_eq!(count(&summary, "no_answer_expected"), frames);
        }
    }
}

#[test]
fn a_pause_shows_in_open_loop_and_hides_in_closed() {
    let paused = || Words { stall: Some("500ms/5s".into()), ..echo() };
    let whole = ["--clients", "20", "--duration", "10s"];
    let (open, account) = measure(paused(), &[&whole[..], &["--rate", "20/s"]].concat());
    let (closed, _) = measure(paused(), &[&whole[..], &["--closed", "1"]].concat());
    let (seen, hidden) = (series(&open, "echo"), series(&closed, "echo"));
    for stat in ["mean", "p50", "p95", "p99", "max"] {
        println!("{stat:5} open {:>10} closed {:>10}", seen["response"][stat], hidden["response"][stat]);
    }
    // s^2 / 2P = 25 ms; p95 is 250 ms. A busy machine adds to them and takes nothing away.
    let (mean, p95) = (time(seen, "response", "mean"), time(seen, "response", "p95"));
    assert!((20 * MILLI..60 * MILLI).contains(&mean), "mean {mean}");
    assert!((220 * MILLI..330 * MILLI).contains(&p95), "p95 {p95}");
    assert!(time(seen, "response", "max") >= 450 * MILLI, "{seen:#}");
    assert!(time(hidden, "response", "p95") < 100 * MILLI, "{hidden:#}");
    // The timetable holds to the last send: 20 clients x 20/s x 10 s, all of them answered.
    assert_eq!(seen["count"].as_u64(), Some(4_000), "{seen:#}");
    // The sends of the pause went out: all that was planned was sent.
    assert_eq!(count(&open, "planned"), count(&open, "sent"));
    accounts_agree(&open, &account);
}

#[test]
fn clients_come_and_go_as_the_shape_says() {
    let shape = "clients: 10..10/2s, spike 30/3s, hold 2s, spike 30/3s, hold 1s";
    let (summary, account) = measure(echo(), &["--shape", shape, "--rate", "20/s"]);
    // 10 are there all the time; 20 come twice for 3 s, and send from a second after they have joined.
    let connections = &summary["connections"];
    let of = |name: &str| connections[name].as_u64().expect("a number");
    assert_eq!((of("asked"), of("opened"), of("reconnects"), of("failed")), (30, 50, 0, 0), "{connections:#}");
    assert_eq!(of("peak"), 30);
    assert_eq!(account.closes.get("1000"), Some(&50), "{account:#?}");
    let (always, guests) = (10 * (11_002 + 500) * 20 / 1_000, 20 * 2 * 2 * 20);
    let planned = count(&summary, "planned");
    assert!(planned.abs_diff(always + guests) <= 10 + 40, "{planned} planned, {always} + {guests} expected");
    assert_eq!(count(&summary, "sent"), planned);
    assert_eq!(count(&summary, "answered") + count(&summary, "late"), planned);
    accounts_agree(&summary, &account);
}

#[test]
fn closed_loop_keeps_n_outstanding() {
    // With a hold of h, one client with n outstanding sends n / h a second at most; n after all are
    // ready must be on their way at any time.
    for n in [1u64, 4] {
        let words = Words { delay: Some("fixed:50ms".into()), ..echo() };
        let (summary, account) = measure(words, &["--clients", "5", "--closed", &n.to_string(), "--duration", "3s", "--timeout", "5s"]);
        accounts_agree(&summary, &account);
        let sent = count(&summary, "sent");
        // From the first connection to the end of the measure phase; the ramp is 10 ms and a second.
        let span_ms = 10 + 1_000 + 500 + 3_000;
        let most = 5 * n * (span_ms / 50 + 1);
        assert!(sent <= most, "{n} outstanding: {sent} sends, at most {most} fit");
        assert!(sent >= most / 3, "{n} outstanding: {sent} sends of {most} that fit");
        assert_eq!(count(&summary, "unanswered"), 0);
    }
    // A server that never answers shows the window: n of each client, and no more before the timeout.
    let (summary, account) = measure(with("no_ack", echo()), &["--clients", "5", "--closed", "7", "--duration", "2s", "--timeout", "20s"]);
    assert_eq!((count(&summary, "sent"), account.received["echo"]), (35, 35));
    assert_eq!(count(&summary, "unanswered"), 35);
}

#[test]
fn doubts_about_order_are_flagged() {
    let flags = |summary: &Value| series(summary, "frame_ack")["flags"].to_string();
    let (clean, _) = measure(openshock("docs"), LOAD);
    assert!(!flags(&clean).contains("fifo"), "{}", flags(&clean));
    let (lossy, account) = measure(with("no_ack:5%", openshock("docs")), &[LOAD, &["--timeout", "1s"]].concat());
    assert!(flags(&lossy).contains("fifo_unsettled"), "{}", flags(&lossy));
    assert_eq!(count(&lossy, "unanswered"), account.dropped["no_ack"]);
    let (twice, account) = measure(with("ack_dup:5%", openshock("docs")), LOAD);
    assert!(flags(&twice).contains("fifo_excess"), "{}", flags(&twice));
    assert_eq!(count(&twice, "unsolicited") + count(&twice, "duplicate"), account.sent["frame"] - account.received["frame"]);
}

#[test]
fn a_client_that_is_refused_does_not_disturb_others() {
    let (summary, account) = measure(with("reject_http=503:25%", echo()), LOAD);
    assert_eq!((account.connections.refused, account.connections.accepted), (5, 15));
    assert_eq!((number(&summary, "/connections/failed"), number(&summary, "/connections/opened")), (5, 15));
    assert_eq!(number(&summary, "/counts/faults/http_503"), 5);
    assert_eq!(number(&summary, "/counts/not_offered/disconnected"), sum(&summary["counts"]["not_offered"]));
    assert_eq!(count(&summary, "answered") + count(&summary, "late"), account.received["echo"]);
    assert_eq!(account.violations_total, 0);
    // Each client sends on its own timetable: what is offered is 15 of 20.
    let (planned, sent) = (count(&summary, "planned"), count(&summary, "sent"));
    assert!(sent.abs_diff(planned * 3 / 4) <= 40, "{sent} of {planned}");
}

#[test]
fn what_is_later_than_the_timeout_is_late() {
    let words = Words { delay: Some("fixed:80ms".into()), ..echo() };
    let (summary, account) = measure(words, &["--clients", "20", "--rate", "10/s", "--duration", "3s", "--timeout", "50ms"]);
    assert_eq!(count(&summary, "answered"), 0, "{summary:#}");
    assert_eq!(count(&summary, "sent"), account.received["echo"]);
    // What the end of the run cut off was not waited for.
    assert!(count(&summary, "late") > count(&summary, "sent") * 9 / 10, "{summary:#}");
    let series = series(&summary, "echo");
    assert!(time(series, "service", "min") >= 80 * MILLI, "late ones enter at their true time: {series:#}");
}

#[test]
fn a_peer_that_does_not_read_is_the_peers() {
    // Frames of 16 KiB fill the socket buffers and the outbox of each client.
    let load = ["--clients", "5", "--rate", "200/s", "--duration", "3s", "--timeout", "1s", "--set", "payload_bytes=16384"];
    let (summary, account) = measure(with("stall_read", echo()), &load);
    let refused = &summary["counts"]["not_offered"];
    let peers = number(refused, "/back_pressure") + number(refused, "/window");
    assert!(peers > 100, "{refused:#}");
    assert_eq!(peers + number(refused, "/connecting"), sum(refused), "{refused:#}");
    assert_eq!(number(refused, "/files") + number(refused, "/ports"), 0);
    assert_eq!((count(&summary, "answered"), account.received.get("echo").copied().unwrap_or(0)), (0, 0));
    println!("verdict {} because {}", summary["verdict"], summary["reasons"]);
}
