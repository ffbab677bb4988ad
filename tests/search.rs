//! `volley search` against a reference server that is slow beyond 60 connections. A busy machine may make runs invalid; then the
//! search has to say that the generator was the limit.

mod kit;

use kit::Ended;
use kit::Server;
use kit::call;
use kit::folder;
use kit::read;
use kit::text;
use serde_json::Value;

const STEP: [&str; 7] = ["--rate=20/s", "--duration=1s", "--warmup=200ms", "--ramp=100ms", "--lanes=1", "--pause=0s", "--format=json"];

fn search(server: &Server, limit: &str, more: &[&str]) -> Ended {
    let words = [&["search", "echo", "--target", &server.url, "--over", "clients", "--limit", limit], &STEP[..], more];
    call(&words.concat())
}

/// Slow enough that a busy machine's lateness is small beside it.
fn server() -> Server {
    Server::start(&["echo", "--delay", "fixed:100ms", "--knee", "60"])
}

/// Whether it ended because of the machine, and blames nobody else.
fn was_spoiled(ended: &Ended) -> bool {
    let spoiled = ended.code == Some(4);
    if spoiled {
        let json = ended.json();
        let last = json["steps"].as_array().and_then(|steps| steps.last()).expect("a step");
        assert_eq!((json["end"].as_str(), last["verdict"].as_str()), (Some("generator-limited"), Some("invalid")), "{ended:#?}");
    }
    spoiled
}

#[test]
fn a_planted_knee_is_found() {
    let (dir, server) = (folder(), server());
    let out = dir.path().join("trial");
    let ended = search(&server, "echo p(50) < 110ms", &["--from", "15", "--to", "200", "--out", text(&out)]);
    let stored: Value = serde_json::from_str(&read(&out, "search.json")).expect("search.json is JSON");
    let page = read(&out, "search.html");
    let steps = stored["steps"].as_array().map_or(0, Vec::len);
    assert_eq!(page.matches("<tr>").count(), 2 * (steps + 1), "the chart's table and the steps");
    assert_eq!(std::fs::read(out.join("search.png")).expect("a plot")[16..20], 1280u32.to_be_bytes());
    assert_eq!(stored, ended.json());
    if was_spoiled(&ended) {
        return;
    }
    assert_eq!((ended.code, stored["end"].as_str()), (Some(0), Some("found")), "{ended:#?}");
    let load = stored["load"].as_f64().unwrap_or(0.0);
    assert!((54.0..=66.0).contains(&load), "{load}: {stored:#}");
    assert_eq!(stored["recovers"], true, "{stored:#}");
    let steps = stored["steps"].as_array().expect("a list");
    let whys: Vec<&str> =
        steps.iter().rev().filter(|step| step["verdict"] != "invalid").take(3).filter_map(|step| step["why"].as_str()).collect();
    assert_eq!(whys, ["recover", "confirm", "confirm"], "{stored:#}");
    assert!(steps.iter().any(|step| step["verdict"] == "breaks" && step["p50"].as_u64() > Some(110_000_000)), "{stored:#}");
}

#[test]
fn nothing_holds_where_the_lowest_load_breaks() {
    let (dir, server) = (folder(), server());
    let ended = search(&server, "echo p(50) < 50ms", &["--from", "10", "--out", text(&dir.path().join("trial"))]);
    if !was_spoiled(&ended) {
        assert_eq!((ended.code, ended.json()["end"].as_str()), (Some(3), Some("nothing")), "{ended:#?}");
        assert_eq!(ended.json()["steps"].as_array().map(Vec::len), Some(1), "{ended:#?}");
    }
}

/// The same knee at each of two rates, the higher one typed first: rates rise, and what broke at one bounds the next.
#[test]
fn a_planted_knee_is_found_at_two_rates() {
    let (dir, server) = (folder(), server());
    let out = dir.path().join("trial");
    let own = ["search", "echo", "--target", &server.url, "--over", "both", "--rates", "20/s,10/s", "--limit", "echo p(50) < 110ms"];
    let ended = call(&[&own, &STEP[1..], &["--from", "40", "--to", "90", "--out", text(&out)]].concat());
    let stored: Value = serde_json::from_str(&read(&out, "search.json")).expect("search.json is JSON");
    assert_eq!(stored, ended.json());
    let points = stored["points"].as_array().expect("a list");
    assert_eq!(points.iter().map(|point| point["rate"].as_f64()).collect::<Vec<_>>(), [Some(10.0), Some(20.0)]);
    assert!(read(&out, "search.html").contains("p50 at 20/s") && out.join("search.png").exists());
    if let Some(breaks) = points[0]["breaks"].as_f64() {
        let steps = points[1]["steps"].as_array().expect("a list");
        assert!(!steps.is_empty() && steps.iter().all(|step| step["load"].as_f64() <= Some(breaks)), "{stored:#}");
    }
    let is_spoiled = |end: &Value| end == "generator-limited";
    assert_eq!(ended.code, Some(if points.iter().any(|point| is_spoiled(&point["end"])) { 4 } else { 0 }), "{ended:#?}");
    for point in points.iter().filter(|point| !is_spoiled(&point["end"])) {
        assert_eq!(point["end"], "found", "{stored:#}");
        let load = point["load"].as_f64().unwrap_or(0.0);
        assert!((54.0..=66.0).contains(&load), "{load}: {stored:#}");
        let records = out.join(format!("rate-{}-per-s", point["rate"].as_f64().unwrap_or(0.0)));
        assert!(records.is_dir(), "{}", records.display());
    }
}

#[test]
fn what_the_search_says_itself_is_not_typed() {
    let search = |more: &[&str]| call(&[&["search", "echo"], more].concat());
    search(&["--over", "clients", "--limit", "echo p(50) < 1s", "--clients", "5"])
        .refuses(2, &["--clients does not go with --over clients"]);
    search(&["--over", "rate", "--limit", "echo p(50) < 1s", "--rate", "5/s"]).refuses(2, &["--rate does not go with --over rate"]);
    search(&["--over", "rate"]).refuses(2, &["--limit"]);
    search(&["--over", "rate", "--limit", "echo p(50) < 1s", "--from", "9", "--to", "3"]).refuses(2, &["--from is above --to"]);
    search(&["--over", "clients", "--limit", "ecco p(50) < 1s"]).refuses(2, &["ecco", "could not begin"]);
}
