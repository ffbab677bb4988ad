//! The built program: exit codes, what it says, and what it leaves behind.

#![expect(clippy::print_stdout, reason = "a skipped check is said")]

mod kit;

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use kit::*;
use nix::sys::signal::Signal;
use serde_json::Value;

/// A short run against `url` into `dir`.
fn short<'a>(url: &'a str, dir: &'a str) -> Vec<&'a str> {
    let load = ["--clients", "10", "--rate", "20/s", "--duration", "1s", "--warmup", "0", "--lanes", "1", "--progress", "none"];
    [&["run", "echo", "--target", url, "--out", dir, "--report", "none"], load.as_slice()].concat()
}

fn read(dir: &Path, file: &str) -> String {
    std::fs::read_to_string(dir.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn state(dir: &Path) -> String {
    let run: Value = serde_json::from_str(&read(dir, "run.json")).expect("run.json is JSON");
    run["state"].as_str().expect("a state").to_owned()
}

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
        (&["run", "echo", "--timeout", "0"], &["--timeout", "1ms"]),
        (&["run", "echo", "--clients", "0"], &["--clients", "1..=1000000"]),
        (&["run", "echo", "--clients", "many"], &["--clients", "many"]),
        (&["run", "echo", "--closed", "9999"], &["--closed", "1..=1024"]),
        (&["run", "echo", "--report", "pdf"], &["`pdf`", "html", "png", "none"]),
        (&["run", "echo", "--limit", "echo p(99 < 3ms", "--limit", "ecko p(99) < 1ms"], &["`p(99`", "`ecko`", "`echo p(99) < 10ms`"]),
        (&["run", "echo", "--dialect", "docs"], &["no dialects", "--dialect"]),
        (&["run", "openshock-live", "--dialect", "wiki"], &["`wiki`", "docs", "server"]),
        (&["run", "echo", "--target", "http://x"], &["`http://x`", "ws://"]),
        (&["run", "echo", "--target", "wss://127.0.0.1/"], &["wss://", "not supported"]),
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
fn hosts_of_others_are_guarded() {
    let dir = folder();
    let out = dir.path().join("out");
    let out = text(&out);
    call(&short("ws://8.8.8.8/", out)).refuses(2, &["8.8.8.8", "--allow-host 8.8.8.8"]);
    let vendor = "ws://de1-gateway.openshock.app/";
    let host = "de1-gateway.openshock.app";
    call(&short(vendor, out)).refuses(2, &[host, "--i-own de1-gateway.openshock.app", "--allow-host"]);
    call(&[&short(vendor, out)[..], &["--allow-host", host]].concat()).refuses(2, &["--i-own"]);
    assert!(!Path::new(out).exists());
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
    for file in ["report.html", "percentiles.png", "heatmap.png", "timeline.png", "summary.json"] {
        assert!(first.1.iter().any(|(path, bytes)| path.ends_with(file) && !bytes.is_empty()), "{file}");
    }
    assert_eq!(draw(), first);
}

// ---- ends before the time ----

/// A run of a minute, two seconds in.
fn long_run(url: &str, out: &Path) -> Call {
    let mut command = volley();
    command.args(["run", "echo", "--target", url, "--out", text(out), "--clients", "10", "--rate", "20/s", "--duration", "60s"]);
    command.args(["--warmup", "0", "--lanes", "1", "--report", "html", "--progress", "json"]);
    let call = Call::start(command);
    let until = Instant::now() + Duration::from_secs(30);
    let recorded = || std::fs::read_to_string(out.join("counters.ndjson")).is_ok_and(|text| text.lines().count() >= 2);
    while !recorded() {
        assert!(Instant::now() < until, "no second was recorded");
        std::thread::sleep(Duration::from_millis(20));
    }
    call
}

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
fn a_full_disk_is_said_and_nothing_panics() {
    let dir = folder();
    let disk = dir.path().join("disk");
    std::fs::create_dir(&disk).expect("a folder");
    let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs", text(&disk)]).output();
    if !mounted.as_ref().is_ok_and(|m| m.status.success()) {
        println!("skipped: a small file system cannot be mounted here (needs root): {mounted:?}");
        return;
    }
    let server = Server::start(&["echo"]);
    let out = |name: &str| disk.join(name);
    let run = |name: &str, seconds: &str| {
        let load = ["--clients", "10", "--rate", "50/s", "--warmup", "0", "--lanes", "1", "--duration", seconds];
        call(&[&["run", "echo", "--target", &server.url, "--out", text(&out(name))], load.as_slice()].concat())
    };
    // Room for a short record, not for its reports; then for the start of a record only.
    let undrawn = run("undrawn", "1s");
    std::fs::remove_dir_all(out("undrawn")).expect("a folder");
    std::fs::write(disk.join("ballast"), vec![0; 40 << 10]).expect("there is room for the ballast");
    let cut = run("cut", "6s");
    let readable = call(&["report", text(&out("cut")), "--report", "none"]);
    let unmounted = std::process::Command::new("umount").arg(&disk).status();
    assert!(unmounted.is_ok_and(|s| s.success()), "the small file system goes away");
    undrawn.refuses(1, &["report.html could not be written", "No space left on device", "volley report"]);
    assert!(undrawn.out.contains("answered"), "the summary is given all the same: {undrawn:?}");
    cut.refuses(1, &["No space left on device", "part of the record could not be written", "--out"]);
    readable.is_calm();
    assert_eq!(server.stop().violations_total, 0);
}

// ---- secrets ----

#[test]
fn secrets_stay_out_of_record_and_output() {
    let dir = folder();
    const CANARY: &str = "CANARY7f3a9b";
    let server = Server::start(&["openshock-live"]);
    let token = format!("token={CANARY}a");
    let header = format!("Authorization: Bearer {CANARY}b");
    let glued = format!("-HX-Api-Key: {CANARY}c");
    let long = format!("--header=X-Other: {CANARY}d");
    let target = format!("{}?secret={CANARY}e", server.url);
    let long_target = format!("--target={target}");
    let set = format!("--set=token={CANARY}a");
    let load = ["--clients", "5", "--rate", "5/s", "--duration", "1s", "--warmup", "0", "--progress", "line"];
    for (i, given) in
        [&["--set", &token, "-H", &header, "--target", &target][..], &[&set, &glued, &long_target], &[&set, &long, "--target", &server.url]]
            .iter()
            .enumerate()
    {
        let out = dir.path().join(i.to_string());
        let ended = call(&[&["run", "openshock-live", "--out", text(&out)], load.as_slice(), given].concat());
        ended.ran();
        assert!(!ended.out.contains(CANARY) && !ended.err.contains(CANARY), "{ended:#?}");
        for (path, bytes) in files(&out) {
            let leaks = bytes.windows(CANARY.len()).any(|w| w == CANARY.as_bytes());
            assert!(!leaks, "{} holds a secret (arguments {given:?})", path.display());
        }
    }
    // From the environment, and when the server turns it away with its own words.
    let strict = Server::start(&["openshock-live", "--set", "token=another"]);
    let out = dir.path().join("env");
    let mut command = volley();
    command.args(["run", "openshock-live", "--target", &strict.url, "--out", text(&out)]).args(load).env("OPENSHOCK_TOKEN", CANARY);
    let ended = Call::start(command).end();
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    assert!(!ended.out.contains(CANARY) && !ended.err.contains(CANARY), "{ended:#?}");
    let mut command = volley();
    command.args(["run", "openshock-live", "--target", &server.url, "--dry-run"]).env("OPENSHOCK_TOKEN", CANARY);
    let ended = Call::start(command).end();
    assert!(ended.code == Some(0) && !ended.out.contains(CANARY), "{ended:#?}");
    for (path, bytes) in files(&out) {
        assert!(!bytes.windows(CANARY.len()).any(|w| w == CANARY.as_bytes()), "{} holds a secret", path.display());
    }
}

/// A server that says back what it was told.
#[test]
fn what_the_server_repeats_stays_out_too() {
    use std::io::Read;
    use std::io::Write;
    let dir = folder();
    let out = dir.path().join("out");
    const CANARY: &str = "CANARY-5e1c7d20";
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let mut repeats = 0;
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut asked = vec![0; 4096];
            let n = stream.read(&mut asked).unwrap_or(0);
            let asked = String::from_utf8_lossy(&asked[..n]).into_owned();
            let given = asked.lines().find(|l| l.contains(CANARY)).unwrap_or("nothing was given").to_owned();
            // Texts are cut at 200 characters: wherever the cut falls, no half of a secret is left.
            repeats += 1;
            let given = format!("{}{given}", "x".repeat(120 + repeats * 4));
            let answer = format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{given}", given.len());
            // The client may be gone already.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let header = format!("Authorization: Bearer {CANARY}");
    let ended = call(&[&short(&url, text(&out))[..], &["--header", &header]].concat());
    ended.refuses(3, &["401"]);
    let run: Value = serde_json::from_str(&read(&out, "run.json")).expect("JSON");
    let texts = run["finish"]["fault_texts"].as_object().expect("texts");
    // Some show it whole, in some the cut falls into it.
    assert!(texts.keys().any(|t| t.ends_with("[redacted]")) && texts.keys().any(|t| t.ends_with("..")), "{texts:#?}");
    assert!(!ended.out.contains(&CANARY[..6]) && !ended.err.contains(&CANARY[..6]), "{ended:#?}");
    for (path, bytes) in files(&out) {
        assert!(!bytes.windows(6).any(|w| w == &CANARY.as_bytes()[..6]), "{} holds a secret", path.display());
    }
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
    for name in ["echo", "openshock-live"] {
        assert!(list.lines().any(|line| line.starts_with(name)), "{list}");
        let shown = out(&["profiles", "show", name]);
        assert!(shown.contains(&format!("name = \"{name}\"")), "{shown}");
        assert!(out(&["profiles", "check", name]).contains("ok"));
    }
    assert_eq!(out(&["profiles", "check"]).lines().count(), 2);
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
