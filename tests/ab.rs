//! `volley ab` and `volley calibrate` against reference servers with planted delays. A busy machine may make runs invalid; then
//! that is what has to be said.

mod kit;

use std::time::Duration;

use kit::Call;
use kit::Ended;
use kit::Server;
use kit::call;
use kit::folder;
use kit::read;
use kit::text;
use kit::volley;
use nix::sys::signal::Signal;
use serde_json::Value;

/// A short load whose p(50) has enough samples, slow enough that a busy machine's lateness is small beside it.
const LOAD: [&str; 8] =
    ["--clients=20", "--rate=20/s", "--duration=2s", "--warmup=300ms", "--ramp=100ms", "--lanes=1", "--pause=100ms", "--seed=5"];
const DELAY: &str = "fixed:100ms";

fn ab(a: &Server, b: &Server, limit: &str, more: &[&str]) -> Ended {
    let words = [&["ab", "echo", "--a", &a.url, "--b", &b.url, "--limit", limit, "--pairs", "3", "--format", "json"], &LOAD[..], more];
    call(&words.concat())
}

/// Whether it ended because no valid figures were to be had, and says so.
fn was_spoiled(ended: &Ended) -> bool {
    let spoiled = ended.code == Some(4);
    if spoiled {
        assert_eq!(
            (ended.json()["end"].as_str(), ended.json()["verdict"].as_str()),
            (Some("unusable"), Some("inconclusive")),
            "{ended:#?}"
        );
        assert!(ended.err.contains("says nothing") && ended.err.contains("invalid"), "{ended:#?}");
    }
    spoiled
}

#[test]
fn a_planted_delay_is_found() {
    let (dir, a, b) = (folder(), Server::start(&["echo", "--delay", DELAY]), Server::start(&["echo", "--delay", "fixed:130ms"]));
    let out = dir.path().join("trial");
    let ended = ab(&a, &b, "base: echo p(50) <= +5%", &["--out", text(&out)]);
    if was_spoiled(&ended) {
        return;
    }
    let json = ended.json();
    assert_eq!((ended.code, json["verdict"].as_str(), json["end"].as_str()), (Some(11), Some("regression"), Some("look")), "{ended:#?}");
    let metric = &json["comparison"]["metrics"][0];
    assert_eq!((metric["method"].as_str(), json["comparison"]["interleaved"].as_bool()), (Some("paired"), Some(true)));
    let ratio = metric["ratio"].as_f64().unwrap_or(0.0);
    assert!((1.2..1.4).contains(&ratio), "{metric}");
    assert_eq!(ended.err.matches("of 3: echo p(50)").count(), 2, "a line for each pair that can be compared: {}", ended.err);
    let stored: Value = serde_json::from_str(&read(&out, "ab.json")).expect("ab.json is JSON");
    assert_eq!(stored, json);
    for pair in stored["pairs"].as_array().expect("pairs").iter().filter(|pair| pair["usable"] == true) {
        for side in ["a", "b"] {
            let record = pair[side]["record"].as_str().expect("a folder");
            assert!(std::path::Path::new(record).join("run.json").is_file(), "{pair}");
        }
    }
}

#[test]
fn the_same_is_no_regression() {
    let (dir, a) = (folder(), Server::start(&["echo", "--delay", DELAY]));
    let ended = ab(&a, &a, "base: echo p(50) <= +20%", &["--out", text(dir.path())]);
    assert!(was_spoiled(&ended) || ended.code == Some(0), "{ended:#?}");
}

#[test]
fn a_signal_ends_it_without_a_conclusion() {
    let (dir, a) = (folder(), Server::start(&["echo"]));
    let out = dir.path().join("trial");
    let mut command = volley();
    command.args(["ab", "echo", "--a", &a.url, "--b", &a.url, "--duration", "60s", "--pause", "0s", "--out", text(&out)]);
    let call = Call::start(command);
    let until = std::time::Instant::now() + Duration::from_secs(30);
    while !["01-a", "01-b"].iter().any(|run| out.join(run).join("counters.ndjson").is_file()) {
        assert!(std::time::Instant::now() < until, "no run began");
        std::thread::sleep(Duration::from_millis(20));
    }
    call.signal(Signal::SIGINT);
    let ended = call.end();
    assert!(ended.code == Some(130) && ended.out.contains("INCONCLUSIVE"), "{ended:#?}");
    let stored: Value = serde_json::from_str(&read(&out, "ab.json")).expect("ab.json is JSON");
    assert_eq!((stored["end"].as_str(), stored["pairs"][0]["usable"].as_bool()), (Some("stopped"), Some(false)));
}

#[test]
fn mistakes_are_named_before_anything_is_measured() {
    let ab = |more: &[&str]| call(&[&["ab", "echo", "--a", "ws://127.0.0.1:1/", "--b", "ws://127.0.0.1:1/"], more].concat());
    ab(&["--pairs", "2"]).refuses(2, &["is no number of pairs"]);
    ab(&["--limit", "base: echo p(0)"]).refuses(2, &["not a quantile"]);
    ab(&["--rate", "fast"]).refuses(2, &["--rate"]);
    call(&["ab", "echo", "--b", "ws://127.0.0.1:1/"]).refuses(2, &["--a"]);
    let dir = folder();
    let nobody = ab(&["--pause", "0s", "--duration", "1s", "--out", text(&dir.path().join("nobody"))]);
    nobody.refuses(3, &["nothing could be measured"]);
}

#[test]
fn runs_of_the_same_are_calibrated_and_a_comparison_stands_to_it() {
    let (dir, a) = (folder(), Server::start(&["echo", "--delay", DELAY]));
    let out = dir.path().join("calibration.json");
    let own = ["calibrate", "echo", "--target", &a.url, "--runs", "3", "--limit", "base: echo p(50)", "--out", text(&out)];
    let words = [&own, &LOAD[..]];
    let ended = call(&words.concat());
    if ended.code == Some(4) {
        return assert!(ended.err.contains("is not counted"), "{ended:#?}");
    }
    assert!(ended.code == Some(0) && ended.out.contains("echo p(50)") && ended.out.contains("runs a side"), "{ended:#?}");
    let stored: Value = serde_json::from_str(&read(dir.path(), "calibration.json")).expect("it is JSON");
    let metric = &stored["metrics"][0];
    assert!(metric["sd"].as_f64().is_some_and(|sd| sd < 0.2) && stored["schema"] == "volley.calibration/1", "{stored:#}");
    let seen = metric["detectable"].as_array().expect("a list");
    assert!(seen[0].as_f64() >= seen[2].as_f64(), "{metric:#}");
    let runs: Vec<&str> = stored["runs"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(runs.len() >= 3, "{stored:#}");
    let compared = call(&["compare", runs[0], runs[1], "--with", runs[2], "--calibration", text(&out)]);
    assert!(compared.out.contains("echo p(50): runs spread by") && compared.out.contains("calibrated"), "{compared:#?}");
    let compared = call(&["compare", runs[0], "--with", runs[2], "--calibration", runs[0]]);
    compared.refuses(2, &["--calibration"]);
}
