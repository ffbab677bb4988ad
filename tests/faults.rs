//! Every fault of the reference server, as the client calls it: a table. Nothing hangs, nothing grows
//! without bound, and each fault has the name that it should have.

#![expect(clippy::print_stdout, reason = "the table is meant to be read")]

mod kit;

use std::time::Instant;

use kit::*;
use serde_json::Value;
use volley::mock::FAULTS;
use volley::mock::Words;

/// Connections in each run.
const CLIENTS: u64 = 200;
/// Most memory that a fault may cost beyond a run without.
const GROWTH_MAX: u64 = 64 << 20;
/// The longest that a run may take: what was asked for, the drain, the closes, and five seconds; twice that, for
/// machines that are busy with other tests.
const PATIENCE_S: f64 = 2.0 * (1.0 + 1.0 + 1.0 + 1.0 + 2.0 + 5.0);

/// What a fault should look like at the client.
#[derive(Clone, Copy)]
enum Seen {
    /// As this kind of fault.
    As(&'static str),
    /// As one of these, whichever is first.
    AsOneOf(&'static [&'static str]),
    /// As a count of the load.
    In(&'static str),
    /// Not at all: it is legal, or a matter of time.
    Legal,
}

use Seen::As;
use Seen::AsOneOf;
use Seen::In;
use Seen::Legal;

/// Fault, exit codes that may come of it beside 4 (a busy machine), what is seen.
const CONNECTIONS: &[(&str, &[i32], Seen)] = &[
    ("reject_http=403", &[3], As("http_403")),
    ("reject_http=429@5s", &[3], As("http_429")),
    ("reject_http=503", &[3], As("http_503")),
    ("redirect=302", &[3], As("http_3xx")),
    ("no_101", &[3], As("upgrade_timeout")),
    ("not_http", &[3], As("upgrade_not_http")),
    ("slow_headers=50ms", &[3], As("upgrade_timeout")),
    ("huge_headers=65536", &[3], As("upgrade_not_http")),
    ("wrong_accept", &[3], As("upgrade_accept")),
    ("no_accept", &[3], As("upgrade_accept")),
    ("unasked_extension", &[3], As("upgrade_extension")),
    ("unasked_subprotocol", &[3], As("upgrade_subprotocol")),
    ("keep_alive_upgrade", &[0], Legal),
    ("early_frame", &[0], Legal),
    ("drop_after_101", &[3], As("abnormal")),
    ("drop_after_101=rst", &[3], AsOneOf(&["reset", "abnormal"])),
    ("drop_midstream=2", &[10], As("abnormal")),
    ("drop_midstream=2@rst", &[10], As("reset")),
    ("close_code=4000", &[10], As("closed")),
    ("close_code=none", &[10], As("closed")),
    ("close_code=long_reason", &[10], As("closed")),
    ("close_code=one_byte", &[10], As("frame_close")),
    ("close_code=bad_reason", &[10], As("frame_utf8")),
    ("close_code=1005", &[10], As("frame_close")),
    ("close_code=1006", &[10], As("frame_close")),
    ("close_code=1015", &[10], As("frame_close")),
    ("close_code=999", &[10], As("frame_close")),
    ("close_no_echo", &[0], As("close_unanswered")),
    ("data_after_close", &[0], As("close_unanswered")),
    ("stall_read", &[0], In("unanswered")),
    ("stall_write=2", &[0], In("unanswered")),
    ("endless_fragments=1", &[10], AsOneOf(&["too_large", "frame_budget"])),
    ("burst=10000", &[0], In("unsolicited")),
    ("ping_flood=1000/s", &[0], As("ping_flood")),
    ("reconnect_storm=2s", &[10], As("closed")),
    ("coalesce=10ms", &[0], Legal),
    ("one_byte", &[0], Legal),
    ("ack_extra", &[0], In("unsolicited")),
];

const ANSWERS: &[(&str, &[i32], Seen)] = &[
    ("no_ack", &[0], In("unanswered")),
    ("ack_dup", &[0], In("duplicate")),
    ("ack_reorder", &[0], Legal),
    ("extra_fields", &[0], Legal),
    ("key_case", &[0], As("unparsed")),
    ("duplicate_keys", &[0], In("unsolicited")),
    ("unknown_type", &[0], As("unparsed")),
    ("missing_fields", &[0], As("unparsed")),
    ("null_data", &[0], As("unparsed")),
    ("wrong_json_type", &[0], As("unparsed")),
    ("number_64bit", &[0], In("unsolicited")),
    ("number_fraction", &[0], As("unparsed")),
    ("lone_surrogate", &[0], As("unparsed")),
    ("deep_nesting", &[0], As("unparsed")),
    ("bad_utf8", &[10], As("frame_utf8")),
    ("empty_message", &[0], As("unparsed")),
    ("empty_array", &[0], As("unparsed")),
    ("bare_scalar", &[0], As("unparsed")),
    ("huge=1MiB", &[10], As("too_large")),
    ("binary_for_text", &[0], Legal),
    ("text_for_binary", &[0], Legal),
    ("one_byte_fragments", &[0], Legal),
    ("interleaved_control", &[0], Legal),
    ("masked", &[10], As("frame_masked")),
    ("data_inside_fragments", &[10], As("frame_fragments")),
    ("lone_continuation", &[10], As("frame_fragments")),
    ("reserved_bits", &[10], As("frame_reserved")),
    ("unknown_opcode", &[10], As("frame_opcode")),
    ("oversize_control", &[10], As("frame_control")),
    ("fragmented_control", &[10], As("frame_control")),
    ("huge_length=1099511627776", &[10], As("too_large")),
];

const OPENSHOCK: &[(&str, &[i32], Seen)] = &[
    ("busy", &[3], As("http_412")),
    ("auth_never", &[3, 10], As("ready_timeout")),
    ("auth_late=200ms", &[0, 10], Legal),
    ("silent_auth_fail", &[3], As("closed")),
    ("device_offline=2", &[0, 10], As("closed")),
    ("no_app_ping", &[0], Legal),
    ("ping_missing_data", &[0], Legal),
    ("clock_skew", &[0], Legal),
    ("error_instead=150", &[0], Legal),
];

struct Row {
    code: Option<i32>,
    seconds: f64,
    summary: Value,
    /// Codes that we sent, as the server counted them.
    closes: String,
}

fn run(profile: &str, fault: Option<&str>) -> Row {
    let server = mock(Words { profile: profile.into(), faults: fault.map(str::to_owned).into_iter().collect(), ..Words::default() });
    let url = format!("ws://{}/", server.addr());
    let (dir, begun) = (folder(), Instant::now());
    let clients = CLIENTS.to_string();
    let load = ["--clients", &clients, "--rate", "5/s", "--ramp", "500ms", "--warmup", "0s", "--duration", "1s", "--timeout", "1s"];
    let show = ["--lanes", "1", "--report", "none", "--format", "json", "--progress", "none"];
    let ended = call(&[&["run", profile, "--target", &url, "--out", text(&dir.path().join("out"))], load.as_slice(), &show].concat());
    ended.is_calm();
    let seconds = begun.elapsed().as_secs_f64();
    let account = server.stop().expect("an account");
    let closes: Vec<String> = account.closes.iter().map(|(code, n)| format!("{code} x {n}")).collect();
    Row { code: ended.code, seconds, summary: ended.json(), closes: closes.join(", ") }
}

fn check(profile: &str, rows: &[(&str, &[i32], Seen)]) -> Vec<String> {
    let memory = |summary: &Value| number(summary, "/generator/rss_peak_bytes");
    let plain = memory(&run(profile, None).summary);
    let mut wrong = Vec::new();
    println!("{profile:<36} {:<58} {:>4} {:>8} {:>6}  closes sent", "called", "exit", "memory", "s");
    for (fault, codes, seen) in rows {
        let row = run(profile, Some(fault));
        counts_add_up(&row.summary);
        let faults = &row.summary["counts"]["faults"];
        let count = |name: &str| number(&row.summary, &format!("/counts/{name}"));
        let grown = memory(&row.summary).saturating_sub(plain);
        let called: Vec<String> = faults.as_object().into_iter().flatten().map(|(name, n)| format!("{name} {n}")).collect();
        let of_load = ["late", "unanswered", "duplicate", "unsolicited"];
        let of_load: Vec<String> = of_load.iter().filter(|n| count(n) > 0).map(|n| format!("{n} {}", count(n))).collect();
        let called = [called, of_load].concat().join(", ");
        let code = row.code.unwrap_or(-1);
        let mib = grown as f64 / f64::from(1 << 20);
        println!("{fault:<36} {called:<58} {code:>4} {mib:>4.1} MiB {:>6.1}  {}", row.seconds, row.closes);
        let is_seen = match seen {
            As(kind) => count(&format!("faults/{kind}")) > 0,
            AsOneOf(kinds) => kinds.iter().any(|kind| count(&format!("faults/{kind}")) > 0),
            In(name) => count(name) > 0 && sum(faults) == count("faults/close_unanswered"),
            Legal => sum(faults) == 0,
        };
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{profile} {fault}: {what}: exit {code}, called {called}, {mib:.1} MiB, {:.1} s", row.seconds));
            }
        };
        expect(is_seen, "not called what it is");
        expect(code == 4 || codes.contains(&code), "exit code");
        expect(grown <= GROWTH_MAX, "memory");
        expect(row.seconds < PATIENCE_S, "too long");
    }
    wrong
}

#[test]
fn faults_of_connections_are_called_what_they_are() {
    let wrong = check("echo", CONNECTIONS);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn faults_of_answers_are_called_what_they_are() {
    let wrong = [check("echo", ANSWERS), check("openshock-live", OPENSHOCK)].concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_fault_is_left_out() {
    let tried =
        |name: &str| [CONNECTIONS, ANSWERS, OPENSHOCK].concat().iter().any(|(fault, ..)| fault.split(['=', ':']).next() == Some(name));
    // Those of conversations are tried with their families.
    let here = FAULTS.iter().filter(|(group, _)| !group.starts_with("Conversations"));
    let left: Vec<&str> = here.flat_map(|(_, rows)| rows.iter()).map(|row| row.name).filter(|name| !tried(name)).collect();
    assert!(left.is_empty(), "{left:?}");
}
