//! Limits of a run against known truth: on a part of it, as its end, from a file and from its profile.

mod kit;

use std::path::Path;

use kit::*;
use serde_json::Value;
use volley::mock::Words;

fn echo() -> Words {
    Words { profile: "echo".into(), ..Words::default() }
}

fn slow() -> Words {
    Words { delay: Some("fixed:60ms".into()), ..echo() }
}

/// Runs against a server of `words`; the folder of the record and how it ended.
fn run(words: Words, profile: &str, args: &[&str], out: &Path) -> Ended {
    let server = mock(words);
    let url = format!("ws://{}/", server.addr());
    let mut command = volley();
    command.args(["run", profile, "--target", &url, "--out", text(out), "--report", "json", "--format", "json", "--progress", "none"]);
    command.args(["--lanes", "1"]).args(args);
    let ended = Call::start(command).end();
    server.stop().expect("an account");
    ended.is_calm();
    ended
}

/// Whether the limits held, by their texts.
fn held(summary: &Value) -> Vec<(String, Option<bool>)> {
    let limits = summary["limits"].as_array().expect("limits");
    limits.iter().map(|limit| (limit["expr"].as_str().expect("a text").to_owned(), limit["ok"].as_bool())).collect()
}

fn measured_seconds(out: &Path) -> usize {
    let rows = std::fs::read_to_string(out.join("counters.ndjson")).expect("counters");
    rows.lines().filter(|row| row.contains(r#""phase":"measure""#)).count()
}

#[test]
fn a_limit_that_aborts_ends_the_run_with_its_record() {
    let dir = folder();
    let load = ["--clients", "20", "--rate", "20/s", "--duration", "60s", "--warmup", "0s"];
    for (limit, least) in [("echo p(50) < 10ms abort", 1), ("echo p(50) < 10ms abort after 3s", 3)] {
        let out = dir.path().join(least.to_string());
        let ended = run(slow(), "echo", &[&load[..], &["--limit", limit]].concat(), &out);
        let summary = ended.json();
        // A busy machine makes the run invalid besides, which is said first.
        let verdict = summary["verdict"].as_str().expect("a verdict");
        assert!(matches!((ended.code, verdict), (Some(10), "fail") | (Some(4), "invalid")), "{ended:#?}");
        assert_eq!(held(&summary), vec![(limit.to_owned(), Some(false))]);
        let reasons = summary["reasons"].to_string();
        assert!(reasons.contains(limit) && ended.err.contains(limit), "{reasons} {}", ended.err);
        let seconds = measured_seconds(&out);
        assert!((least..30).contains(&seconds), "{limit}: {seconds} seconds");
        counts_add_up(&summary);
    }
}

#[test]
fn a_limit_that_holds_ends_nothing() {
    let dir = folder();
    let out = dir.path().join("out");
    let args = ["--clients", "20", "--rate", "20/s", "--duration", "3s", "--warmup", "0s", "--limit", "echo p(50) >= 60ms abort"];
    let ended = run(slow(), "echo", &args, &out);
    ended.ran();
    assert_eq!(held(&ended.json()), [("echo p(50) >= 60ms abort".to_owned(), Some(true))]);
    assert_eq!(measured_seconds(&out), 3);
}

#[test]
fn a_pause_breaks_the_limit_on_its_second_alone() {
    // 500 ms of 5 s: a tenth of all sends waits, but at least a quarter of those of some second, 100 ms and more.
    let words = Words { stall: Some("500ms/5s".into()), ..echo() };
    let dir = folder();
    let (whole, parts) = ("echo p(85) < 80ms", "echo p(85) < 80ms over=1s");
    let args = ["--clients", "40", "--rate", "20/s", "--duration", "6s", "--warmup", "0s", "--limit", whole, "--limit", parts];
    let summary = run(words, "echo", &args, &dir.path().join("out")).json();
    assert_eq!(held(&summary), [(whole.to_owned(), Some(true)), (parts.to_owned(), Some(false))], "{summary:#}");
}

#[test]
fn phases_have_limits_of_their_own() {
    let dir = folder();
    let limits = ["echo count == 200 phase=warmup", "echo count == 300 phase=measure"];
    let args = ["--clients", "10", "--rate", "10/s", "--ramp", "0s", "--warmup", "2s", "--duration", "3s"];
    let args = [&args[..], &["--limit", limits[0], "--limit", limits[1]]].concat();
    let summary = run(echo(), "echo", &args, &dir.path().join("out")).json();
    assert_eq!(held(&summary), limits.map(|limit| (limit.to_owned(), Some(true))), "{summary:#}");
}

#[test]
fn limits_of_profile_file_and_command_line_all_hold() {
    let dir = folder();
    let profile = dir.path().join("mine.toml");
    let shown = call(&["profiles", "show", "echo"]).out;
    let mine = shown.replacen("[endpoint]", "limits = [\"echo p(50) < 5s\"]\n\n[endpoint]", 1);
    assert_ne!(mine, shown);
    std::fs::write(&profile, mine).expect("a file");
    let file = dir.path().join("limits.txt");
    std::fs::write(&file, "# ours\n\necho max < 8s   # slow is fine\n* count >= 0\n").expect("a file");
    let args =
        ["--clients", "2", "--rate", "5/s", "--duration", "1s", "--warmup", "0s", "--limits", text(&file), "--limit", "errors count == 0"];
    let summary = run(echo(), text(&profile), &args, &dir.path().join("out")).json();
    let texts: Vec<String> = held(&summary).into_iter().map(|(text, _)| text).collect();
    let first: Vec<&str> = texts.iter().take(3).map(String::as_str).collect();
    assert_eq!(
        (first, texts.last().map(String::as_str)),
        (vec!["echo p(50) < 5s", "echo max < 8s", "echo count >= 0"], Some("errors count == 0"))
    );
    assert!(texts.contains(&"ws_ping count >= 0".to_owned()), "{texts:?}");
}

#[test]
fn mistakes_in_limits_are_named_with_their_place() {
    let dir = folder();
    let (file, profile) = (dir.path().join("limits.txt"), dir.path().join("mine.toml"));
    std::fs::write(&file, "echo p(99) < 10ms\n\necko max < 1s\necho p(99) 10ms\n").expect("a file");
    let ended = call(&["run", "echo", "--dry-run", "--limits", text(&file)]);
    ended.refuses(2, &["limits.txt:3: limit `ecko max < 1s`", "limits.txt:4: limit `echo p(99) 10ms`", "has no comparison"]);
    let shown = call(&["profiles", "show", "echo"]).out;
    std::fs::write(&profile, shown.replacen("[endpoint]", "limits = [\"ecko max < 1s\"]\n\n[endpoint]", 1)).expect("a file");
    for args in [&["run", text(&profile), "--dry-run"][..], &["profiles", "check", "--no-server", text(&profile)]] {
        call(args).refuses(2, &["limits of the profile: limit `ecko max < 1s`", "no series `ecko`"]);
    }
    for (bytes, why) in [(b"# none\n".to_vec(), "no limit in it"), (vec![0xff], "not UTF-8"), (vec![b'#'; 70_000], "the most is")] {
        std::fs::write(&file, bytes).expect("a file");
        call(&["run", "echo", "--dry-run", "--limits", text(&file)]).refuses(2, &["limits.txt", why]);
    }
    call(&["run", "echo", "--dry-run", "--limits", "nowhere.txt"]).refuses(2, &["nowhere.txt", "cannot be read"]);
}
