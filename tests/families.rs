//! Every protocol family against its reference server, in both dialects: the server's account equals what the
//! program counted, no client does what it must not, and each series that the profile has is there.

#![expect(clippy::print_stdout, reason = "the table of families is shown with --nocapture")]

mod kit;

use kit::*;
use serde_json::Value;
use volley::mock::Account;
use volley::mock::Words;

const CONTROL: [&str; 3] = ["ws_ping", "ws_pong", "close"];

/// One family: profile, dialect, clients, rate, what its server is told, what the program is told, series that need
/// more than this run.
struct Family {
    profile: &'static str,
    dialect: Option<&'static str>,
    clients: &'static str,
    rate: &'static str,
    serve: &'static [(&'static str, &'static str)],
    set: &'static [&'static str],
    /// Series that this run does not have.
    without: &'static [&'static str],
}

const fn family(profile: &'static str, dialect: Option<&'static str>, clients: &'static str, rate: &'static str) -> Family {
    Family { profile, dialect, clients, rate, serve: &[], set: &[], without: &[] }
}

/// Runs a family for `duration`: the summary and the account.
fn play(family: &Family, duration: &str, more: &[&str]) -> (Value, Account) {
    play_by(family.profile, family, duration, more)
}

/// The same by `profile`, a name or a file.
fn play_by(profile: &str, family: &Family, duration: &str, more: &[&str]) -> (Value, Account) {
    let words = Words {
        profile: family.profile.into(),
        dialect: family.dialect.map(Into::into),
        set: family.serve.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..Words::default()
    };
    let dir = folder();
    let server = mock(words);
    let url = format!("ws://{}/", server.addr());
    let mut command = volley();
    command.args(["run", profile, "--target", &url, "--out", text(&dir.path().join("out")), "--report", "none"]);
    command.args(["--format", "json", "--progress", "none", "--warmup", "0s", "--clients", family.clients, "--rate", family.rate]);
    command.args(["--duration", duration]).args(family.dialect.iter().flat_map(|d| ["--dialect", d]));
    command.args(family.set.iter().flat_map(|pair| ["--set", pair])).args(more);
    let ended = Call::start(command).end();
    ended.ran();
    let summary = ended.json();
    counts_add_up(&summary);
    (summary, server.stop().expect("an account"))
}

/// Messages of the conversation, without those of WebSocket itself.
fn messages(kinds: &Value) -> u64 {
    let kinds = kinds.as_object().expect("kinds");
    kinds.iter().filter(|(kind, _)| !CONTROL.contains(&kind.as_str())).map(|(_, n)| n.as_u64().expect("a count")).sum()
}

fn told(kinds: &std::collections::BTreeMap<String, u64>) -> u64 {
    kinds.iter().filter(|(kind, _)| !CONTROL.contains(&kind.as_str())).map(|(_, n)| n).sum()
}

/// Both sides count the same, and nobody did what he must not.
#[track_caller]
fn agree(name: &str, summary: &Value, account: &Account) {
    let counts = &summary["counts"];
    assert_eq!(account.violations_total, 0, "{name}: {:?}", account.violations);
    assert_eq!(messages(&counts["messages_out"]), told(&account.received), "{name}: {counts:#}\n{account:#?}");
    assert_eq!(messages(&counts["messages_in"]), told(&account.sent), "{name}: {counts:#}\n{account:#?}");
    assert_eq!(number(summary, "/counts/messages_in/unknown"), 0, "{name}: {counts:#}");
    for name in ["unsolicited", "duplicate"] {
        assert_eq!(counts[name], 0, "{counts:#}");
    }
    assert_eq!(sum(&counts["faults"]), 0, "{name}: {counts:#}");
    assert_eq!(summary["connections"]["opened"], account.connections.accepted, "{name}");
}

fn families() -> Vec<Family> {
    let both = |profile, clients, rate| ["docs", "server"].map(|dialect| family(profile, Some(dialect), clients, rate));
    let mut families = vec![
        Family {
            without: &["token_mint", "replay_first", "replayed"],
            serve: &[("heartbeat_interval", "2s")],
            ..family("terra", None, "20", "5/s")
        },
        Family {
            without: &["replay_first", "replayed"],
            serve: &[("heartbeat_interval", "2s"), ("open_tokens", "false")],
            set: &["mint=http", "kind=vector", "data_type=ACCELERATION"],
            ..family("terra", None, "20", "5/s")
        },
        Family {
            serve: &[("provision_for", "200ms"), ("provision_poll", "50ms")],
            without: &["node_waiting"],
            ..family("livestyler-signal", None, "20", "2/s")
        },
        Family { without: &["node_provisioned", "offer_provisioned"], ..family("livestyler-signal", None, "20", "2/s") },
        family("channel-notify", None, "20", "5/s"),
    ];
    let openshock = both("openshock-live", "20", "10/s").map(|f| Family { serve: &[("ping_every", "1s")], set: &["discover=yes"], ..f });
    families.extend(openshock.map(|f| Family { without: &["bulk_ack", "probe", "frame_error"], ..f }));
    families.push(Family {
        serve: &[("ping_every", "1s"), ("shocker", "6a5f1f0e-3c2b-4d18-9e77-000000000002")],
        set: &["load=unknown_shocker"],
        without: &["frame_ack", "bulk_ack", "probe", "discovery"],
        ..family("openshock-live", Some("server"), "20", "10/s")
    });
    families.push(Family {
        serve: &[("ping_every", "1s")],
        set: &["load=bulk"],
        without: &["frame_ack", "probe", "frame_error", "discovery"],
        ..family("openshock-live", Some("docs"), "20", "10/s")
    });
    families.extend(both("media-subtitles", "20", "2/s"));
    families.extend(both("media-trivia", "20", "5/s"));
    families.extend(both("media-chess", "20", "5/s"));
    families.extend(both("media-dm", "20", "5/s"));
    families.extend(both("media-pairing", "20", "2/s"));
    families.extend(both("media-voice", "20", "1/s"));
    families.extend(both("media-dubbing", "20", "2/s").map(|f| Family { serve: &[("report_every", "1s")], ..f }));
    families.extend(both("media-diagnostics", "10", "2/s").map(|f| Family { serve: &[("every", "2s")], ..f }));
    families
}

/// Series of the profile that exist in the dialect of a run and are not in its summary with a sample.
fn missing(family: &Family, summary: &Value) -> Vec<String> {
    let profile = volley::profile::shipped::get(family.profile).expect("it ships");
    let exists = |index: &usize| profile.has_series(*index, family.dialect);
    let names = (0..profile.series.len()).filter(exists).map(|index| profile.series[index].name.clone());
    let has = |name: &str| {
        let all = summary["series"].as_array().expect("series");
        all.iter().any(|series| series["name"] == name && series["count"].as_u64() > Some(0))
    };
    names.filter(|name| !family.without.contains(&name.as_str()) && !has(name)).collect()
}

/// One family, checked; a line for the table.
fn check(family: &Family) -> String {
    let name = format!("{} {}", family.profile, family.dialect.unwrap_or_default());
    let (summary, account) = play(family, "5s", &[]);
    agree(&name, &summary, &account);
    assert_eq!(missing(family, &summary), Vec::<String>::new(), "{name}: {:#}", summary["series"]);
    let planned = number(&summary, "/counts/planned");
    let answered = number(&summary, "/counts/answered") + number(&summary, "/counts/no_answer_expected");
    assert!(planned > 0 && answered > 0, "{name}: {:#}", summary["counts"]);
    format!("{name}: {planned} planned, {} sent, {} received by the server", number(&summary, "/counts/sent"), told(&account.received))
}

#[test]
fn both_sides_count_the_same_in_every_family() {
    for some in families().chunks(4) {
        let lines: Vec<String> = std::thread::scope(|scope| {
            let checks: Vec<_> = some.iter().map(|family| scope.spawn(move || check(family))).collect();
            checks.into_iter().map(|check| check.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        lines.iter().for_each(|line| println!("{line}"));
    }
}

/// What clients say, by the transcripts that prove it, under a strict reader of JSON.
#[test]
fn what_clients_say_is_json() {
    use volley::profile::shipped;
    use volley::profile::talk;
    let mut said = 0;
    for name in shipped::names() {
        for shipped in shipped::talks(name) {
            let talk = talk::parse(shipped.text).expect("shipped transcripts parse");
            for line in &talk.lines {
                let talk::Step::Sent(text) = &line.step else { continue };
                if text.ends_with(" bytes") {
                    continue;
                }
                let message: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{} {}: {e}", shipped.file, line.number));
                assert!(message.is_object(), "{} {}", shipped.file, line.number);
                if name == "openshock-live" {
                    assert!(message["data"].is_object() || message["data"].is_array(), "{} {}: data is needed", shipped.file, line.number);
                }
                said += 1;
            }
        }
    }
    assert!(said > 30, "{said}");
}

/// An answer that is held for a known time takes at least so long in every series that a message answers.
#[test]
fn a_known_delay_is_in_every_series() {
    const HELD: u64 = 20_000_000;
    for (profile, dialect, series) in [
        ("terra", None, &["identify", "submit_dispatch"][..]),
        ("livestyler-signal", None, &["auth", "node_status", "offer_answer"]),
        ("channel-notify", None, &["subscribe", "ping", "fanout"]),
        ("media-dm", Some("server"), &["dm_echo", "dm_peer", "read_receipt"]),
        ("media-chess", Some("docs"), &["move", "move_peer", "reply_move", "reply_peer"]),
        ("media-trivia", Some("server"), &["auth", "fact"]),
        ("media-voice", Some("server"), &["turn_transcript", "turn_complete"]),
    ] {
        let words =
            Words { profile: profile.into(), dialect: dialect.map(str::to_owned), delay: Some("fixed:20ms".into()), ..Words::default() };
        let (dir, server) = (folder(), mock(words));
        let url = format!("ws://{}/", server.addr());
        let mut command = volley();
        command.args(["run", profile, "--target", &url, "--out", text(&dir.path().join("out")), "--report", "none", "--format", "json"]);
        command.args(["--progress", "none", "--warmup", "0s", "--clients", "20", "--rate", "2/s", "--duration", "6s"]);
        command.args(dialect.iter().flat_map(|d| ["--dialect", d]));
        let ended = Call::start(command).end();
        ended.ran();
        let summary = ended.json();
        for name in series {
            let least = kit::series(&summary, name)["response"]["min"].as_u64().unwrap_or_else(|| panic!("{profile} {name}: {summary:#}"));
            assert!(least >= HELD - 1_000, "{profile} {name}: {least}");
        }
        assert_eq!(server.stop().expect("an account").violations_total, 0, "{profile}");
    }
}

/// Every close code is told by its number, and a client comes back after it or not as the profile says.
#[test]
fn close_codes_have_their_policy() {
    let cases: Vec<(&str, &str, u16, bool)> = [
        (
            "terra",
            &[
                (1000, true),
                (1001, true),
                (1003, false),
                (1007, false),
                (1011, true),
                (4000, false),
                (4002, false),
                (4003, false),
                (4004, false),
                (4005, true),
            ][..],
        ),
        ("openshock-live", &[(1000, true), (1007, false), (1011, true)]),
        ("channel-notify", &[(1008, false)]),
        ("livestyler-signal", &[(1008, false)]),
        ("media-dm", &[(4001, false), (4003, false), (4004, false), (4029, true)]),
        ("media-dubbing", &[(4005, false)]),
    ]
    .into_iter()
    .flat_map(|(profile, codes)| codes.iter().map(move |(code, back)| (profile, "close_code", *code, *back)))
    .collect();
    for some in cases.chunks(4) {
        std::thread::scope(|scope| {
            some.iter().for_each(|(profile, fault, code, back)| {
                drop(scope.spawn(move || closes(profile, &format!("{fault}={code}@1"), *code, *back)))
            });
        });
    }
}

fn closes(profile: &str, fault: &str, code: u16, comes_back: bool) {
    let (dir, server) = (folder(), mock(Words { profile: profile.into(), faults: vec![fault.into()], ..Words::default() }));
    let url = format!("ws://{}/", server.addr());
    let mut command = volley();
    command.args(["run", profile, "--target", &url, "--out", text(&dir.path().join("out")), "--report", "none", "--format", "json"]);
    command.args(["--progress", "none", "--warmup", "0s", "--clients", "10", "--rate", "10/s", "--duration", "4s", "--timeout", "1s"]);
    let ended = Call::start(command).end();
    ended.is_calm();
    let summary = ended.json();
    assert!(summary["counts"]["closes"][code.to_string()].as_u64() > Some(0), "{profile} {code}: {:#}", summary["counts"]);
    let reconnects = number(&summary, "/connections/reconnects");
    assert_eq!(reconnects > 0, comes_back, "{profile} {code}: {reconnects} came back");
}

#[test]
fn a_probe_gets_exactly_one_reply_of_class_barrier() {
    let probe = Family { set: &["load=probe"], ..family("openshock-live", Some("server"), "20", "10/s") };
    let (summary, account) = play(&probe, "3s", &[]);
    let sent = number(&summary, "/counts/sent");
    assert_eq!((account.received["unknown_request"], account.sent["request_type_not_found"]), (sent, sent));
    // Off the documents, and counted so by the server: this is why it has to be asked for.
    assert_eq!(account.violations["unknown_request_type"], sent);
    assert_eq!((number(&summary, "/counts/answered"), &series(&summary, "probe")["class"]), (sent, &"barrier".into()));
}

#[test]
fn what_a_dropped_consumer_missed_is_asked_for_and_complete() {
    for set in [&["kind=scalar"][..], &["kind=vector"]] {
        gap_is_closed(&Family { serve: &[("seq_gap", "5")], set, ..family("terra", None, "10", "10/s") });
    }
}

fn gap_is_closed(terra: &Family) {
    let (summary, account) = play(terra, "8s", &["--drop", "consumer@3s"]);
    let counts = &summary["counts"];
    let submits = account.received["submit"];
    assert_eq!(number(&summary, "/counts/sent"), submits, "{counts:#}");
    // Every submit reached its consumer, at its time or by being asked for.
    let seen = series(&summary, "submit_dispatch")["count"].as_u64().expect("a count");
    let recovered = number(&summary, "/counts/recovered");
    assert_eq!(number(&summary, "/counts/answered") + number(&summary, "/counts/late"), submits, "{counts:#}\n{account:#?}");
    assert!(recovered > 0 && recovered <= number(&summary, "/counts/replayed"), "{counts:#}");
    assert!(seen > 0, "{summary:#}");
    assert_eq!(number(&summary, "/counts/replayed"), account.figures["replayed"], "{counts:#}");
    assert_eq!(summary["connections"]["reconnects"], 2, "two consumers came back: {summary:#}");
    assert!(series(&summary, "replay_first")["count"].as_u64() == Some(2), "{summary:#}");
    assert_eq!(account.violations_total, 0, "{:?}", account.violations);
}

#[test]
fn a_pair_plays_more_than_a_thousand_plies() {
    for dialect in ["docs", "server"] {
        let chess = family("media-chess", Some(dialect), "2", "60/s");
        let (summary, account) = play(&chess, "9s", &[]);
        assert!(account.figures["plies"] > 1_000, "{:?} {:#}", account.figures, summary["counts"]);
        assert_eq!((account.violations_total, account.sent.get("error")), (0, None), "{account:#?}");
    }
}

#[test]
fn a_message_that_comes_twice_counts_once() {
    for dialect in ["docs", "server"] {
        let dm = Family { serve: &[("fanout_copies", "2")], ..family("media-dm", Some(dialect), "4", "5/s") };
        let (summary, account) = play(&dm, "3s", &[]);
        let sent = number(&summary, "/counts/sent");
        assert_eq!(account.figures["messages"], sent);
        assert_eq!(number(&summary, "/counts/answered"), sent, "{summary:#}");
        // The second copy to either side.
        assert_eq!(number(&summary, "/counts/duplicate"), 2 * sent, "{:#}", summary["counts"]);
    }
}

#[test]
fn two_sockets_of_each_user_count_a_message_once() {
    let dir = folder();
    let file = dir.path().join("dm-two.toml");
    let shown = call(&["profiles", "show", "media-dm"]).out;
    let two =
        |friend: &str, me: &str| format!("count = 2\nurl = \"ws://127.0.0.1:9001/api/v1/ws/dm/{friend}-{{group}}?token={me}-{{group}}\"\n");
    let mut mine = shown.replace("dm/user-{peer}?token={token}", "dm/nobody?token=nobody");
    for (about, url) in [("about = \"writes\"\n", two("reader", "writer")), ("about = \"reads and reacts\"\n", two("writer", "reader"))] {
        assert!(mine.contains(about), "{mine}");
        mine = mine.replace(about, &format!("{about}{url}"));
    }
    let token = mine.find("[vars.token]").expect("a variable");
    mine.replace_range(token..token + mine[token..].find("\n\n").expect("its end"), "");
    std::fs::write(&file, mine).expect("a file");
    for dialect in ["docs", "server"] {
        let dm = family("media-dm", Some(dialect), "8", "5/s");
        let (summary, account) = play_by(text(&file), &dm, "3s", &[]);
        let sent = number(&summary, "/counts/sent");
        assert_eq!((account.figures["messages"], account.sent["message"]), (sent, 4 * sent), "each of four sockets is told");
        for (name, truth) in [("answered", sent), ("unanswered", 0), ("duplicate", 0)] {
            assert_eq!(number(&summary, &format!("/counts/{name}")), truth, "{dialect} {name}: {:#}", summary["counts"]);
        }
        // Own copies once, although the writer's other socket has them too; the friend's at each of his sockets.
        let (own, friends) = (&series(&summary, "dm_echo")["count"], &series(&summary, "dm_peer")["count"]);
        assert_eq!(own.as_u64().map(|n| 2 * n), friends.as_u64(), "{dialect}");
    }
}

#[test]
fn keys_that_do_not_come_back_are_not_trusted() {
    // A chat that answers each text with a number of its own: nothing can be told by key, and it is said.
    let notify = Family { serve: &[("leak", "true")], ..family("channel-notify", None, "10", "5/s") };
    let (summary, account) = play(&notify, "6s", &[]);
    let leaked = number(&summary, "/counts/messages_in/leaked");
    assert!(leaked > 0, "{:#}", summary["counts"]);
    assert_eq!(leaked, account.figures["leaked"], "{:#}", summary["counts"]);
}

/// Three subscribers are told 20 ms after each other, and the first of them misses one message in five.
#[test]
fn a_fan_out_is_told_by_receiver() {
    let notify = Family { serve: &[("fanout_step", "20ms"), ("fanout_miss", "5")], ..family("channel-notify", None, "5", "10/s") };
    let (summary, account) = play(&notify, "6s", &["--limit", "fanout.last p(50) > 39ms", "--limit", "fanout.spread min > 39ms"]);
    // The first falls due before the measured time.
    let fan_out = &summary["fan_out"]["series"][0];
    let (measured, published) = (fan_out["messages"].as_u64().expect("a count"), account.figures["published"]);
    let missed = published / 5;
    assert!(measured + 1 >= published && measured <= published && missed > 8, "{published}: {fan_out:#}");
    for (name, truth) in [("receivers", 3), ("reached_one", measured), ("reached_all", measured - missed)] {
        assert_eq!(fan_out[name], truth, "{name}: {fan_out:#}");
    }
    let time = |of: &str, key: &str| fan_out[of][key].as_u64().expect("enough messages");
    assert!(time("median", "p50") >= 19_000_000 && time("last", "p50") >= 39_000_000, "{fan_out:#}");
    assert!(time("first", "p50") < time("median", "p50") && time("median", "p50") < time("last", "p50"), "{fan_out:#}");
    assert!(time("spread", "min") >= 39_000_000, "{fan_out:#}");
    assert_eq!(series(&summary, "fanout.last")["unanswered"], missed);
    assert_eq!(series(&summary, "fanout")["unanswered"], missed, "copies");

    let receivers = summary["fan_out"]["receivers"].as_array().expect("receivers");
    let names: Vec<&str> = receivers.iter().map(|receiver| receiver["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["subscriber 3", "subscriber 2", "subscriber 1"], "the slowest first");
    for (receiver, missed) in receivers.iter().zip([0, 0, missed]) {
        assert_eq!((&receiver["seen"], &receiver["missed"]), (&(measured - missed).into(), &missed.into()), "{receiver:#}");
    }
    assert_eq!(receivers[0]["last_share"], 1.0, "{receivers:#?}");
    // Four times in five 20 and 40 ms behind the first; else the second is the first.
    for (receiver, least) in receivers.iter().zip([35_000_000, 15_000_000]) {
        assert!(receiver["behind_ns"].as_u64().expect("a time") >= least, "{receiver:#}");
    }
}

/// Faults of Terra: whatever the server does, what is sent is accounted for and nothing hangs.
#[test]
fn odd_servers_of_terra_break_nothing() {
    let faults = [
        "hello_missing",
        "hello_zero_interval",
        "hello_huge",
        "hello_twice",
        "ready_twice",
        "dispatch_before_ready",
        "seq_dup",
        "seq_reset",
        "replay_empty",
        "replay_dup",
        "replay_out_of_bounds",
        "val_rounded",
        "hb_timeout",
        "no_ack:20%",
        "ack_dup:20%",
        "ack_reorder:20%",
    ];
    let conversations = volley::mock::FAULTS.iter().filter(|(group, _)| group.starts_with("Conversations"));
    let left: Vec<&str> =
        conversations.flat_map(|(_, rows)| rows.iter()).map(|row| row.name).filter(|name| !faults.contains(name)).collect();
    assert!(left.is_empty(), "{left:?}");
    for some in faults.chunks(4) {
        std::thread::scope(|scope| {
            some.iter().for_each(|fault| drop(scope.spawn(|| odd_terra(fault))));
        });
    }
}

fn odd_terra(fault: &str) {
    let words = Words {
        profile: "terra".into(),
        faults: vec![fault.into()],
        set: vec![("heartbeat_interval".into(), "1s".into())],
        ..Words::default()
    };
    let (dir, server) = (folder(), mock(words));
    let url = format!("ws://{}/", server.addr());
    let mut command = volley();
    command.args(["run", "terra", "--target", &url, "--out", text(&dir.path().join("out")), "--report", "none", "--format", "json"]);
    command.args(["--progress", "none", "--warmup", "0s", "--clients", "10", "--rate", "10/s", "--duration", "4s", "--timeout", "2s"]);
    command.args(["--drop", "consumer@2s"]);
    let ended = Call::start(command).end();
    ended.is_calm();
    assert!(matches!(ended.code, Some(0 | 3 | 4 | 10)), "{fault}: {ended:#?}");
    let summary = ended.json();
    counts_add_up(&summary);
    let account = server.stop().expect("an account");
    let n = |pointer: &str| number(&summary, pointer);
    assert_eq!(n("/counts/messages_out/submit"), account.received.get("submit").copied().unwrap_or(0), "{fault}");
    let flags = |name: &str| series(&summary, name)["flags"].to_string();
    match fault {
        "hello_missing" => {
            assert!(n("/counts/not_offered/not_ready") > 0 && n("/counts/sent") == 0, "{:#}", summary["counts"])
        }
        "val_rounded" => {
            assert!(flags("submit_dispatch").contains("keys_changed") && ended.err.contains("keys did not come back"), "{summary:#}")
        }
        "seq_dup" => assert!(n("/counts/duplicate") > 0, "{:#}", summary["counts"]),
        "replay_empty" => assert!(n("/counts/recovered") == 0 && n("/counts/unanswered") > 0, "{:#}", summary["counts"]),
        "replay_dup" => assert!(n("/counts/replayed") > n("/counts/recovered") && n("/counts/duplicate") > 0, "{:#}", summary["counts"]),
        "replay_out_of_bounds" => assert!(n("/counts/unsolicited") > 0, "{:#}", summary["counts"]),
        "hb_timeout" => assert!(summary["counts"]["closes"]["4005"].as_u64() > Some(0) && n("/connections/reconnects") > 0, "{summary:#}"),
        _ => {}
    }
    // A server that does not say its interval misses heartbeats by its own fault.
    if !["hello_missing", "hello_zero_interval", "hello_huge"].contains(&fault) {
        assert_eq!(account.violations_total, 0, "{fault}: {:?}", account.violations);
    }
}

#[test]
fn wrong_credentials_are_told_by_their_close_code() {
    for (profile, dialect, serve, set, code) in [
        ("terra", None, ("open_tokens", "false"), "mint=off", 4001),
        ("media-dm", Some("server"), ("token", "another"), "token=hunter2-{client}", 4001),
        ("media-chess", Some("docs"), ("token", "another"), "token=hunter2-{client}", 4001),
        ("media-trivia", Some("docs"), ("token", "another"), "token=hunter2-{client}", 4001),
        ("livestyler-signal", None, ("credential", "another"), "credential=hunter2-key", 1008),
        ("media-dm", Some("docs"), ("friends", "false"), "token=user-{client}", 4003),
    ] {
        let words = Words {
            profile: profile.into(),
            dialect: dialect.map(str::to_owned),
            set: vec![(serve.0.into(), serve.1.into())],
            ..Words::default()
        };
        let (dir, server) = (folder(), mock(words));
        let url = format!("ws://{}/", server.addr());
        let mut command = volley();
        command.args(["run", profile, "--target", &url, "--out", text(&dir.path().join("out")), "--report", "none", "--format", "json"]);
        command.args(["--progress", "none", "--warmup", "0s", "--clients", "10", "--duration", "2s", "--set", set]);
        command.args(dialect.iter().flat_map(|d| ["--dialect", d]));
        let ended = Call::start(command).end();
        ended.is_calm();
        let summary = ended.json();
        let closes = summary["counts"]["closes"][code.to_string()].as_u64().unwrap_or_default();
        assert!(closes >= 10, "{profile}: {:#}", summary["counts"]);
        let account = server.stop().expect("an account");
        assert!(account.connections.accepted >= 10);
        if code != 4001 || profile != "terra" {
            assert_eq!(summary["connections"]["reconnects"], 0, "{profile}: {code} is for good: {summary:#}");
        }
    }
}
