//! The built program: exit codes, what it says, and what it leaves behind.

mod kit;

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use kit::*;
use nix::sys::signal::Signal;
use serde_json::Value;

// ---- what cannot be started ----

#[test]
fn a_profile_says_all_its_mistakes_at_once() {
    let dir = folder();
    let path = dir.path().join("mine.toml");
    let profile = "name = \"mine\"\nabout = \"x\"\n[endpoint]\nurl = \"ws://127.0.0.1:9001/{nowhere}\"\n\
        [series.echo]\nclass = \"keyedd\"\nabout = \"y\"\n[[message]]\nname = \"echo\"\nanswers = \"ecco\"\nkee = \"id\"\n\
        [load]\nname = \"echo\"\ntext = '{\"id\":{id}}'\nexpects = \"echo\"\n";
    std::fs::write(&path, profile).expect("a file");
    let path = text(&path);
    for args in [["run", path].as_slice(), &["profiles", "check", path]] {
        let ended = call(args);
        ended.refuses(2, &["4 mistakes", "`nowhere`", "`keyedd`", "`keyed`", "`ecco`", "`echo`", "`kee`", "`key`"]);
        for place in ["4:28", "6:9", "10:11", "11:1"] {
            assert!(ended.err.contains(&format!("{path}:{place}")), "{place} is not said: {}", ended.err);
        }
    }
}

#[test]
fn what_was_typed_wrong_is_named_with_a_way_out() {
    for (args, words) in [
        (&["run", "ehco"][..], &["`ehco`", "did you mean `echo`", ".toml"][..]),
        (&["run", "nowhere.toml"], &["nowhere.toml", "cannot be read"]),
        (&["run", "echo", "--set", "payload=3"], &["`payload`", "`payload_bytes`"]),
        (&["run", "echo", "--set", "payload_bytes"], &["`payload_bytes`", "NAME=VALUE"]),
        (&["run", "echo", "--set", "payload_bytes=big"], &["`big`", "bytes"]),
        (&["run", "echo", "--rate", "10"], &["`10`", "--rate", "`10/s`"]),
        (&["run", "echo", "--rate", "0/s"], &["`0/s`", "above zero"]),
        (&["run", "echo", "--rate", "-1/s"], &["-1"]),
        (&["run", "echo", "--rate", "1/s..10/s"], &["`1/s..10/s:60s`"]),
        (&["run", "echo", "--rate", "3/s", "--closed", "1"], &["--closed", "--rate"]),
        (&["run", "echo", "--duration", "10"], &["`10`", "no unit", "`10s`"]),
        (&["run", "echo", "--duration", "10ms"], &["10ms", "too short", "100ms"]),
        (&["run", "echo", "--rate", "1000000/s", "--duration", "7h"], &["1000000/s", "4,294,967,295"]),
        (&["run", "echo", "--timeout", "0"], &["--timeout", "1ms"]),
        (&["run", "echo", "--clients", "0"], &["--clients", "1..=1000000"]),
        (&["run", "echo", "--clients", "many"], &["--clients", "many"]),
        (&["run", "echo", "--closed", "9999"], &["--closed", "1..=1024"]),
        (&["run", "echo", "--png-scale", "5"], &["--png-scale", "1..=4"]),
        (&["run", "echo", "--theme", "sepia"], &["light", "dark"]),
        (&["run", "echo", "--report", "pdf"], &["`pdf`", "html", "png", "none"]),
        (&["run", "echo", "--limit", "echo p(99 < 3ms", "--limit", "ecko p(99) < 1ms"], &["`p(99`", "`ecko`", "`echo p(99) < 10ms`"]),
        (&["run", "echo", "--dialect", "docs"], &["no dialects", "--dialect"]),
        (&["run", "openshock-live", "--dialect", "wiki"], &["`wiki`", "docs", "server"]),
        (&["run", "echo", "--target", "http://x"], &["`http://x`", "ws://"]),
        (&["run", "echo", "--insecure"], &["--insecure", "TLS", "wss://"]),
        (&["run", "echo", "--dry-run", "-H", "Authorization"], &["`Authorization`", "`Name: value`"]),
        (&["report", "nowhere"], &["nowhere", "run.json"]),
        (&["serve", "echo", "--fault", "no_akc"], &["`no_akc`", "no_ack"]),
        (&["serve", "echo", "--delay", "5ms"], &["`5ms`", "fixed:5ms"]),
        (&["serve", "exho"], &["`exho`", "echo"]),
        (&["serve", "echo", "--fault", "device_offline=3"], &["`device_offline`", "echo cannot", "openshock-live can"]),
        (&["serve", "echo", "--message-cap", "32MB"], &["`32MB`", "`16MiB`"]),
        (&["serve", "echo", "--message-cap", "1"], &["between 125 bytes and 1 GiB"]),
        (&["serve"], &["PROFILE"]),
        (&["profiles", "show", "ehco"], &["`ehco`", "`echo`"]),
    ] {
        let ended = call(args);
        ended.refuses(2, words);
        assert_eq!(ended.out, "", "{args:?}");
    }
}

#[test]
fn more_clients_than_files_are_refused_with_the_number_that_fits() {
    call(&["run", "echo", "--clients", "900000"]).refuses(2, &["900,000 clients", "900,064", "ulimit -Hn", "--clients"]);
}

#[test]
fn nothing_to_measure_is_3_and_says_what_was_tried() {
    let dir = folder();
    let out = dir.path().join("refused");
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let url = format!("ws://127.0.0.1:{port}/");
    let ended = call(&short(&url, text(&out)));
    ended.refuses(3, &["refused", &url, "Is the server running"]);
    assert_eq!(state(&out), "complete");
    let unknown = dir.path().join("unknown");
    call(&short("ws://nohost.invalid/", text(&unknown))).refuses(3, &["nohost.invalid", "cannot be looked up", "--target"]);
    assert!(!unknown.exists(), "nothing was begun");
}

#[test]
fn an_out_that_cannot_be_is_said_before_the_load() {
    let dir = folder();
    let file = dir.path().join("file");
    std::fs::write(&file, "in the way").expect("a file");
    let server = Server::start(&["echo"]);
    call(&short(&server.url, text(&file))).refuses(2, &[text(&file), "--out"]);
    call(&short(&server.url, text(&file.join("below")))).refuses(2, &["below", "--out"]);
    let taken = dir.path().join("taken");
    call(&short(&server.url, text(&taken))).ran();
    let before = files(&taken);
    call(&short(&server.url, text(&taken))).refuses(2, &[text(&taken), "holds a record already", "--out"]);
    assert_eq!(files(&taken), before, "the record there is as it was");
    assert_eq!(server.stop().connections.accepted, 10, "one of four runs reached the server");
}

#[test]
fn a_dry_run_sends_nothing() {
    let dir = folder();
    let out = dir.path().join("out");
    let server = Server::start(&["echo"]);
    let ended = call(&[&short(&server.url, text(&out))[..], &["--dry-run"]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("10 clients x 20/s") && ended.out.contains("nothing was sent"), "{}", ended.out);
    assert!(!out.exists());
    assert_eq!(server.stop().connections, volley::mock::Connections::default());
    let harm = call(&["run", "openshock-live", "--dry-run"]);
    assert!(harm.out.contains("electric shocks"), "{}", harm.out);
}

// ---- servers that misbehave ----

#[test]
fn servers_that_turn_clients_away() {
    let dir = folder();
    for (fault, code, fault_kind, words) in [
        ("drop_after_101", 3, "abnormal", "without a close frame"),
        ("close_code=4000", 10, "closed", "4000"),
        ("reject_http=404", 3, "http_404", "404"),
    ] {
        let out = dir.path().join(fault);
        let server = Server::start(&["echo", "--fault", fault]);
        let ended = call(&short(&server.url, text(&out)));
        // Nothing measured is 3 whatever the machine does; a lag of its own comes before a failing peer.
        assert!(ended.code == Some(code) || (code == 10 && ended.code == Some(4)), "{fault}: {ended:#?}");
        let said = ended.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(words) && !said.contains("PASS"), "{fault}: {}", ended.out);
        ended.is_calm();
        let summary: Value = serde_json::from_str(&read(&out, "summary.json")).expect("JSON");
        counts_add_up(&summary);
        assert_eq!(number(&summary, &format!("/counts/faults/{fault_kind}")), 10, "{fault}: {summary:#}");
        let account = server.stop();
        assert_eq!(account.violations_total, 0, "{fault}: {account:?}");
    }
}

// ---- results ----

#[test]
fn stdout_as_json_is_the_summary() {
    let dir = folder();
    let (out, quiet) = (dir.path().join("json"), dir.path().join("quiet"));
    let server = Server::start(&["echo"]);
    let ended = call(&[&short(&server.url, text(&out))[..], &["--format", "json"]].concat());
    ended.ran();
    let summary: Value = serde_json::from_str(&read(&out, "summary.json")).expect("JSON");
    assert_eq!(ended.json(), summary);
    assert_eq!(summary["schema"], "volley.summary/1");
    counts_add_up(&summary);
    assert_eq!(ended.err, "", "--progress none says nothing");
    let ended = call(&[&short(&server.url, text(&quiet))[..], &["-q"]].concat());
    ended.ran();
    assert_eq!(ended.out.lines().count(), 1, "{ended:?}");
    assert!(ended.out.starts_with("PASS") || ended.out.starts_with("INVALID"), "{}", ended.out);
    let account = server.stop();
    assert_eq!(account.violations_total, 0, "{account:?}");
}

#[test]
fn limits_decide_the_exit_code() {
    let dir = folder();
    let server = Server::start(&["echo", "--delay", "fixed:5ms"]);
    // A busy machine may make any run invalid, which is 4 and comes first.
    for (name, limit, codes, ok) in [
        ("held", "echo p(50) < 10s", [0, 4], Value::Bool(true)),
        ("broken", "echo p(50) < 1ms", [10, 4], Value::Bool(false)),
        ("undecided", "echo p(99.99) < 10s", [4, 4], Value::Null),
    ] {
        let out = dir.path().join(name);
        let url = ["--target", &server.url, "--out", text(&out), "--report", "none", "--format", "json", "--limit", limit];
        let load = ["--clients", "20", "--rate", "100/s", "--duration", "1s", "--warmup", "0", "--lanes", "1"];
        let ended = call(&[&["run", "echo"], url.as_slice(), &load].concat());
        assert!(ended.code.is_some_and(|code| codes.contains(&code)), "{limit}: {ended:#?}");
        let summary = ended.json();
        assert_eq!((&summary["limits"][0]["expr"], &summary["limits"][0]["ok"]), (&Value::from(limit), &ok), "{summary:#}");
        assert_eq!(ended.code == Some(4), summary["verdict"] == "invalid", "{limit}: {ended:#?}");
    }
}

#[test]
fn colour_only_where_asked_for() {
    let dir = folder();
    let out = dir.path().join("out");
    let server = Server::start(&["echo"]);
    call(&short(&server.url, text(&out))).ran();
    let has_colour = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = volley();
        command.args(["report", text(&out), "--report", "none"]).args(args).envs(env.iter().copied());
        let ended = Call::start(command).end();
        ended.ran();
        ended.out.contains('\u{1b}')
    };
    assert!(!has_colour(&[], &[]), "a pipe is no terminal");
    assert!(has_colour(&["--color", "always"], &[]));
    assert!(has_colour(&["--color", "always"], &[("NO_COLOR", "1")]), "what is typed stands over the environment");
    assert!(!has_colour(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(has_colour(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!has_colour(&[], &[("NO_COLOR", "1")]));
}

#[test]
fn a_report_drawn_twice_is_the_same() {
    let dir = folder();
    let out = dir.path().join("out");
    let server = Server::start(&["echo"]);
    call(&short(&server.url, text(&out))).ran();
    let draw = || {
        let ended = call(&["report", text(&out)]);
        ended.ran();
        (ended.out, files(&out))
    };
    let first = draw();
    for file in ["report.html", "percentiles.png", "heatmap.png", "timeline.png", "summary.png", "summary.json"] {
        assert!(first.1.iter().any(|(path, bytes)| path.ends_with(file) && !bytes.is_empty()), "{file}");
    }
    assert_eq!(draw(), first);
}

#[test]
fn plots_are_drawn_as_asked() {
    let dir = folder();
    let out = dir.path().join("out");
    let server = Server::start(&["echo"]);
    call(&short(&server.url, text(&out))).ran();
    call(&["report", text(&out), "--report", "png,svg", "--theme", "dark", "--png-scale", "2"]).ran();
    let png = std::fs::read(out.join("summary.png")).expect("it was drawn");
    let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((side(16), side(20)), (2400, 1260));
    for plot in ["percentiles.svg", "heatmap.svg", "timeline.svg", "summary.svg"] {
        let svg = std::fs::read_to_string(out.join(plot)).expect("it was drawn");
        assert!(svg.contains("<rect fill=\"#14171c\""), "{plot}");
    }
    assert!(!out.join("recovery.svg").exists(), "there was no storm");
}

// ---- ends before the time ----

#[test]
fn one_signal_ends_in_good_order() {
    let dir = folder();
    let server = Server::start(&["echo"]);
    for (name, signal, code) in [("int", Signal::SIGINT, 130), ("term", Signal::SIGTERM, 143)] {
        let out = dir.path().join(name);
        let call = long_run(&server.url, &out);
        call.signal(signal);
        let asked = Instant::now();
        let ended = call.end();
        assert_eq!(ended.code, Some(code), "{ended:#?}");
        assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
        assert!(ended.err.contains("stopping"), "{}", ended.err);
        ended.is_calm();
        assert_eq!(state(&out), "stopped");
        let summary: Value = serde_json::from_str(&read(&out, "summary.json")).expect("JSON");
        assert_eq!(summary["verdict"], "aborted");
        assert!(number(&summary, "/counts/answered") > 0, "{summary:#}");
        counts_add_up(&summary);
        assert_eq!(number(&summary, "/counts/unanswered"), 0, "answers were awaited");
        assert!(read(&out, "report.html").contains("stopped by"), "the page says how it ended");
        let again = kit::call(&["report", text(&out), "--report", "none", "--format", "json"]);
        assert_eq!((again.code, again.json()), (Some(code), summary));
    }
    let account = server.stop();
    assert_eq!(account.violations_total, 0, "{account:?}");
    assert_eq!(account.received["echo"], account.sent["echo"]);
}

#[test]
fn a_second_signal_ends_at_once() {
    let dir = folder();
    let out = dir.path().join("out");
    // Answers take longer than anybody waits, so that the first signal alone would wait for them.
    let server = Server::start(&["echo", "--delay", "fixed:60s"]);
    let call = long_run(&server.url, &out);
    call.signal(Signal::SIGINT);
    std::thread::sleep(Duration::from_millis(100));
    call.signal(Signal::SIGINT);
    let asked = Instant::now();
    let ended = call.end();
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    ended.is_calm();
    assert_eq!(state(&out), "stopped");
    let summary = kit::call(&["report", text(&out), "--report", "none", "--format", "json"]).json();
    counts_add_up(&summary);
    assert_eq!(number(&summary, "/counts/sent"), number(&summary, "/counts/unanswered"), "{summary:#}");
}

#[test]
fn a_killed_run_can_be_reported() {
    let dir = folder();
    let out = dir.path().join("out");
    let server = Server::start(&["echo"]);
    let call = long_run(&server.url, &out);
    call.signal(Signal::SIGKILL);
    assert_eq!(call.end().code, None, "killed");
    assert_eq!(state(&out), "running");
    let ended = kit::call(&["report", text(&out)]);
    ended.is_calm();
    assert!(ended.code.is_some_and(|code| code == 4), "aborted is 4: {ended:#?}");
    let page = read(&out, "report.html").to_lowercase();
    assert!(page.contains("partial"), "the page says that it is partial");
    let summary: Value = serde_json::from_str(&read(&out, "summary.json")).expect("JSON");
    assert_eq!(summary["verdict"], "aborted");
    assert!(number(&summary, "/counts/answered") > 0, "{summary:#}");
}

#[test]
fn records_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    let out = dir.path().join("out");
    let server = Server::start(&["echo"]);
    call(&short(&server.url, text(&out))).ran();
    call(&["report", text(&out)]).ran();
    for (path, _) in files(&out) {
        let mode = std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

// ---- shapes, counts, rows of data, repeated runs ----

#[test]
fn a_count_is_sent_exactly_by_each_client() {
    for pace in ["even", "poisson"] {
        let ended = call(&[
            "run",
            "echo",
            "--clients",
            "20",
            "--rate",
            "20/s",
            "-n",
            "25",
            "--pace",
            pace,
            "--out",
            text(&folder().path().join("o")),
            "--report",
            "none",
            "--format",
            "json",
            "--progress",
            "none",
        ]);
        ended.ran();
        let summary = ended.json();
        let n = |pointer: &str| number(&summary, pointer);
        if pace == "even" {
            assert_eq!((n("/counts/planned"), n("/counts/sent")), (500, 500), "{:#}", summary["counts"]);
        }
        assert!(n("/counts/planned") <= 500 && n("/counts/sent") > 350, "{pace}: {:#}", summary["counts"]);
    }
}

#[test]
fn a_shape_plans_what_its_pieces_say() {
    let shape = "rate: step 10/1s, 10..30/1s, spike 40/1s, hold 1s";
    let ended = call(&[
        "run",
        "echo",
        "--clients",
        "10",
        "--shape",
        shape,
        "--warmup",
        "0s",
        "--out",
        text(&folder().path().join("o")),
        "--report",
        "none",
        "--format",
        "json",
        "--progress",
        "none",
    ]);
    ended.ran();
    let summary = ended.json();
    // 10 for the second of opening, then 10 + 20 + 40 + 30, for each of 10 clients; joins and ends cut at most one each.
    let planned = number(&summary, "/counts/planned");
    assert!((1_000 - 10..=1_100 + 10).contains(&planned), "{planned}");
    assert_eq!(summary["run"]["duration_ns"].as_u64().map(|ns| ns / 100_000_000), Some(40));
    call(&["run", "echo", "--shape", "rate: jump 3/s"]).refuses(2, &["--shape", "is not understood", "spike 3000/5s"]);
    call(&["run", "echo", "--shape", "rate: 1..5/3s", "--rate", "5/s"]).refuses(2, &["say the same thing twice"]);
    call(&["run", "echo", "--shape", "clients: 1..5/3s", "--clients", "5"]).refuses(2, &["say the same thing twice"]);
    call(&["run", "echo", "--shape", "clients: 1..5/3s", "--closed", "5"]).refuses(2, &["cannot be used with"]);
}

#[test]
fn rows_of_data_give_each_client_its_own() {
    let dir = folder();
    let (good, short) = (dir.path().join("users.csv"), dir.path().join("short.ndjson"));
    std::fs::write(&good, "token\ncanary-secret-1\ncanary-secret-2\ncanary-secret-3\ncanary-secret-4\n").expect("it can be written");
    std::fs::write(&short, "{\"token\":\"canary-secret-1\"}\n").expect("it can be written");
    let out = dir.path().join("o");
    let load = ["--clients", "4", "--rate", "5/s", "--duration", "1s", "--warmup", "0s", "--progress", "none"];
    let run = |data: &Path, out: &Path, more: &[&str]| {
        call(&[&["run", "media-trivia", "--data", text(data), "--out", text(out)], load.as_slice(), more].concat())
    };
    let ended = run(&good, &out, &[]);
    ended.ran();
    assert!(!ended.out.contains("canary") && !ended.err.contains("canary"), "{ended:?}");
    for (file, bytes) in files(&out) {
        assert!(!String::from_utf8_lossy(&bytes).contains("canary-secret"), "{}", file.display());
    }
    // In the load itself too: the server is told each client's own.
    let rows = dir.path().join("types.csv");
    std::fs::write(&rows, "data_type\nSTEPS\nSTEPS\nDISTANCE\nDISTANCE\nSPEED\n").expect("it can be written");
    let probe = call(&["probe", "terra", "--for", "1s", "--set", "data_type=HEART_RATE"]);
    assert!(probe.out.contains("HEART_RATE"), "{}", probe.out);
    let ended = call(&[
        "run",
        "terra",
        "--data",
        text(&rows),
        "--clients",
        "5",
        "--duration",
        "1s",
        "--warmup",
        "0s",
        "--progress",
        "none",
        "--report",
        "none",
        "--format",
        "json",
        "--out",
        text(&dir.path().join("t")),
    ]);
    ended.ran();
    let summary = ended.json();
    assert_eq!(number(&summary, "/counts/answered"), number(&summary, "/counts/sent"), "{summary:#}");
    run(&short, &dir.path().join("p"), &[]).refuses(2, &["1 rows for 4 clients", "--data-wrap"]);
    run(&short, &dir.path().join("q"), &["--data-wrap"]).ran();
    std::fs::write(&short, "{\"tokn\":\"x\"}\n").expect("it can be written");
    run(&short, &dir.path().join("r"), &["--data-wrap"]).refuses(2, &["no variable `tokn`", "token"]);
}

#[test]
fn repeated_runs_have_records_of_their_own() {
    let dir = folder();
    let base = dir.path().join("all");
    let ended = call(&[
        "run",
        "echo",
        "-n",
        "5",
        "--clients",
        "4",
        "--repeat",
        "2",
        "--out",
        text(&base),
        "--progress",
        "none",
        "--report",
        "none",
    ]);
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
    assert!(ended.out.contains("spread") && ended.out.lines().count() == 5, "{}", ended.out);
    for turn in ["1", "2"] {
        assert!(base.join(turn).join("summary.json").exists());
    }
    call(&["run", "echo", "--repeat", "3", "--set", "nothing=1", "--out", text(&dir.path().join("bad"))])
        .refuses(2, &["no variable `nothing`"]);
}

#[test]
fn a_probe_shows_the_conversation_and_writes_what_check_plays() {
    let dir = folder();
    for (profile, dialect) in [("openshock-live", Some("docs")), ("media-chess", Some("server")), ("echo", None)] {
        let talk = dir.path().join(dialect.map_or_else(|| format!("{profile}.talk"), |d| format!("{profile}.{d}.talk")));
        let dialects: Vec<&str> = dialect.iter().flat_map(|d| ["--dialect", d]).collect();
        let ended = call(&[&["probe", profile, "--for", "2s", "--rate", "3/s", "--transcript", text(&talk)], dialects.as_slice()].concat());
        ended.ran();
        assert!(ended.out.lines().filter(|line| line.contains("> load ")).count() >= 5, "{}", ended.out);
        assert!(ended.out.contains("< text "), "{}", ended.out);
        let file = dir.path().join(format!("{profile}.toml"));
        std::fs::write(&file, volley::profile::shipped::text(profile).expect("it ships")).expect("it can be written");
        let checked = call(&["profiles", "check", text(&file)]);
        assert_eq!(checked.code, Some(0), "{checked:#?}\n{}", std::fs::read_to_string(&talk).expect("written"));
        assert!(checked.out.contains("1 transcript"), "{checked:?}");
    }
}

#[test]
fn groups_are_whole() {
    call(&["run", "terra", "--clients", "12", "--dry-run"]).refuses(2, &["not whole groups", "1 consumer, 4 producer", "Take 10 or 15"]);
    call(&["run", "media-dm", "--clients", "10", "--drop", "nobody@1s", "--dry-run"]).refuses(2, &["no role `nobody`", "writer, reader"]);
}

#[test]
fn a_new_profile_runs_as_it_stands() {
    let dir = folder();
    let file = dir.path().join("mine.toml");
    let ended = call(&["profiles", "new", "mine", "--out", text(&file)]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(call(&["profiles", "check", text(&file)]).code, Some(0));
    call(&["profiles", "new", "mine", "--out", text(&file)]).refuses(2, &["cannot be written", "--out"]);
    call(&["profiles", "new", "My Own", "--out", text(&dir.path().join("x.toml"))]).refuses(2, &["cannot name a profile"]);
    let server = mock(volley::mock::Words { profile: "echo".into(), ..Default::default() });
    let url = format!("ws://{}/", server.addr());
    let ended = call(&[
        "run",
        text(&file),
        "--target",
        &url,
        "--clients",
        "5",
        "--duration",
        "1s",
        "--out",
        text(&dir.path().join("o")),
        "--report",
        "none",
        "--format",
        "json",
        "--progress",
        "none",
    ]);
    ended.ran();
    let summary = ended.json();
    assert_eq!(number(&summary, "/counts/answered"), number(&summary, "/counts/sent"), "{summary:#}");
    assert_eq!(server.stop().expect("an account").violations_total, 0);
}

#[test]
fn a_github_job_is_told() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("outputs"), "other=1\n").expect("a file");
    let mut command = volley();
    command.args(["run", "echo", "--clients", "3", "-n", "100", "--rate", "50/s", "--report", "none", "--format", "json", "--out"]);
    command.arg(at("out")).args(["--limit", "echo p(50) < 1ns", "--limit", "echo max < 9s", "--limit", "echo p(99.9) < 1s"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_OUTPUT", at("outputs")).env("GITHUB_STEP_SUMMARY", at("summary"));
    let ended = Call::start(command).end();
    assert!(matches!(ended.code, Some(4 | 10)), "{ended:#?}");
    let commands: Vec<&str> = ended.err.lines().filter(|line| line.starts_with("::")).collect();
    assert!(commands.iter().any(|line| line.starts_with("::error title=volley limit::echo p(50) < 1ns: ")), "{commands:?}");
    assert!(
        commands.iter().any(|line| line.starts_with("::warning title=volley limit::echo p(99.9) < 1s cannot be judged")),
        "{commands:?}"
    );
    assert!(!ended.err.contains("max < 9s"), "{}", ended.err);
    let outputs = std::fs::read_to_string(at("outputs")).expect("a file");
    let verdict = ended.json()["verdict"].as_str().expect("a word").to_owned();
    assert!(outputs.starts_with(&format!("other=1\nverdict={verdict}\np99_ms=")), "{outputs}");
    let summary = std::fs::read_to_string(at("summary")).expect("a file");
    assert!(summary.contains("### volley echo") && summary.contains("echo p(50)"), "{summary}");
}

/// 15 messages of `size` bytes were written, each with a header and mask of 6, and little else: closes and pings.
#[track_caller]
fn are_of(summary: &Value, size: u64) {
    let bytes = number(summary, "/counts/bytes_out");
    assert!((15 * (size + 6)..15 * (size + 6) + 100).contains(&bytes), "{bytes}");
}

#[test]
fn a_text_of_ones_own_is_asked() {
    let dir = folder();
    for (turn, message) in ["plain words", "{\"op\":\"hello\"}"].iter().enumerate() {
        let out = dir.path().join(turn.to_string());
        let run =
            ["run", "ask", "--message", message, "--clients", "3", "-n", "5", "--rate", "20/s", "--format", "json", "--out", text(&out)];
        let ended = call(&[&run[..], &["--report", "none", "--progress", "none"]].concat());
        ended.ran();
        let summary = ended.json();
        assert_eq!((number(&summary, "/counts/sent"), number(&summary, "/counts/answered")), (15, 15));
        are_of(&summary, message.len() as u64);
        let manifest: Value = serde_json::from_slice(&std::fs::read(out.join("run.json")).expect("a manifest")).expect("JSON");
        assert_eq!(manifest["finish"]["server_account"]["violations_total"], 0);
    }
    call(&["run", "echo", "--message", "x", "--dry-run"]).refuses(2, &["--message", "`echo`", "volley run ask"]);
}

#[test]
fn flags_may_come_from_a_file() {
    let dir = folder();
    let (file, out) = (dir.path().join("run.toml"), dir.path().join("out"));
    std::fs::write(&file, "profile = \"echo\"\nclients = 3\nrate = \"20/s\"\nn = 5\nprecise = true\nset = { payload_bytes = 99 }\n")
        .expect("a file");
    call(&["run", "--config", text(&file), "--dry-run"]).refuses(2, &["run.toml", "`--n`"]);
    std::fs::write(&file, std::fs::read_to_string(&file).expect("a file").replace("\nn = 5", "\ncount = 9")).expect("a file");
    let more = ["--count", "5", "--out", text(&out), "--report", "none", "--progress", "none", "--format", "json"];
    let ended = call(&[&["run", "--config", text(&file)], &more[..]].concat());
    ended.ran();
    assert_eq!(number(&ended.json(), "/counts/sent"), 15);
    are_of(&ended.json(), 99);
    let manifest: Value = serde_json::from_slice(&std::fs::read(out.join("run.json")).expect("a manifest")).expect("JSON");
    assert_eq!(manifest["plan"]["precise"], true);
    let command: Vec<&str> = manifest["command"].as_array().expect("words").iter().filter_map(Value::as_str).collect();
    assert!(command.contains(&"--clients=3") && !command.contains(&"--config"), "{command:?}");
}

// ---- the rest of the commands ----

#[test]
fn lists_and_pages() {
    let out = |args: &[&str]| {
        let ended = call(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
        assert!(!ended.out.is_empty(), "{args:?}");
        ended.out
    };
    let list = out(&["profiles", "list"]);
    for name in volley::profile::shipped::names() {
        assert!(list.lines().any(|line| line.starts_with(name)), "{list}");
        let shown = out(&["profiles", "show", name]);
        assert!(shown.contains(&format!("name = \"{name}\"")), "{shown}");
        assert!(out(&["profiles", "check", "--no-server", name]).contains("ok"));
    }
    assert_eq!(out(&["profiles", "check", "--no-server"]).lines().count(), volley::profile::shipped::names().len());
    let schema: Value = serde_json::from_str(&out(&["profiles", "schema"])).expect("a schema is JSON");
    assert!(schema["$schema"].is_string() && schema["properties"].is_object());
    assert!(out(&["completions", "bash"]).contains("_volley()"));
    assert!(out(&["man"]).contains(".TH volley"));
    let faults = out(&["serve", "--list-faults"]);
    for row in volley::mock::FAULTS.iter().flat_map(|(_, rows)| *rows) {
        assert!(faults.lines().any(|line| line.trim_start().starts_with(&row.spelling()) && line.contains(row.about)), "{}", row.name);
    }
    let faults = out(&["serve", "echo", "--list-faults"]);
    assert!(faults.contains("  no_ack ") && !faults.contains("device_offline"), "{faults}");
    assert!(out(&["serve", "--help"]).contains("--list-faults"));
    for help in [&["--help"][..], &["run", "--help"], &["serve", "--help"], &["--version"]] {
        out(help);
    }
    // Its judgement is the machine's matter.
    let doctor = call(&["doctor", "--clients", "10"]);
    doctor.ran();
    assert!(doctor.out.contains("open files") && doctor.out.contains("receive stamps"), "{}", doctor.out);
}

#[test]
fn a_profile_of_ones_own_runs() {
    let dir = folder();
    let (path, out) = (dir.path().join("mine.toml"), dir.path().join("out"));
    let shipped = call(&["profiles", "show", "echo"]).out;
    std::fs::write(&path, shipped.replace("name = \"echo\"\nabout", "name = \"mine\"\nabout")).expect("a file");
    let server = Server::start(&["echo"]);
    let args: Vec<&str> = short(&server.url, text(&out)).into_iter().map(|a| if a == "echo" { text(&path) } else { a }).collect();
    let ended = call(&[&args[..], &["--format", "json"]].concat());
    ended.ran();
    assert_eq!(ended.json()["run"]["profile"], "mine");
}

#[test]
fn a_profile_is_checked_with_its_reference_server() {
    let checked = call(&["profiles", "check", "openshock-live"]);
    assert_eq!(checked.code, Some(0), "{}", checked.err);
    for dialect in ["docs", "server"] {
        let line = checked.out.lines().find(|line| line.contains(&format!("`{dialect}`"))).unwrap_or_default();
        assert!(line.ends_with("nothing amiss on either side"), "{}", checked.out);
    }
    let quick = call(&["profiles", "check", "openshock-live", "--no-server"]);
    assert_eq!((quick.code, quick.out.lines().count()), (Some(0), 1), "{}", quick.out);
}
