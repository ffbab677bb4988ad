//! Storms against a reference server that answers a known number of handshakes a second: who comes back when is arithmetic.

mod kit;

use kit::*;
use serde_json::Value;
use volley::mock::Account;
use volley::mock::Words;
use volley::units::Rate;

const SECOND: f64 = 1e9;

/// 400 clients of `profile`, of whom a storm strikes some; the server answers `accept` handshakes a second.
fn storm(profile: &str, accept: f64, what: &str) -> (Value, Account) {
    let dir = folder();
    let server = mock(Words { profile: profile.into(), accept_rate: Rate::new(accept), ..Words::default() });
    let url = format!("ws://{}/", server.addr());
    let mut command = volley();
    command.args(["run", profile, "--target", &url, "--out", text(&dir.path().join("out")), "--report", "none", "--format", "json"]);
    command.args(["--progress", "none", "--clients", "400", "--rate", "2/s", "--ramp", "4s", "--warmup", "0s", "--duration", "8s"]);
    command.args(["--storm", what]);
    let ended = Call::start(command).end();
    ended.ran();
    let summary = ended.json();
    counts_add_up(&summary);
    (summary, server.stop().expect("an account"))
}

/// The k-th of those struck is back after k turns of the server, give or take a tenth and what a busy machine adds.
#[track_caller]
fn recovers(summary: &Value, struck: u64, accept: f64) {
    let storm = &summary["storm"];
    assert_eq!((storm["struck"].as_u64(), storm["back"].as_u64()), (Some(struck), Some(struck)), "{storm:#}");
    for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p100", 1.0)] {
        let (found, truth) = (storm["recovery"][name].as_f64().expect("all are back") / SECOND, struck as f64 * share / accept);
        assert!((0.9 * truth..1.1 * truth + 0.4).contains(&found), "{name}: {found} s instead of {truth} s");
    }
    assert_eq!(series(summary, "recovery")["count"].as_u64(), Some(struck));
}

#[test]
fn recovery_is_what_the_accept_rate_allows() {
    for what in ["cut:50%@2s", "close:50%@2s"] {
        let (summary, account) = storm("echo", 100.0, what);
        recovers(&summary, 200, 100.0);
        assert_eq!((account.connections.accepted, account.violations_total), (600, 0), "{what}");
        let code = if what.starts_with("close") { account.closes.get("1001") } else { account.closes.get("none") };
        assert!(what.starts_with("cut") || code == Some(&200), "{:?}", account.closes);
        // Nobody failed: what was not offered is the storm's.
        let not_offered = &summary["counts"]["not_offered"];
        assert!(
            number(&summary, "/counts/not_offered/storm") > 100 && not_offered["disconnected"].as_u64().unwrap_or(0) < 10,
            "{not_offered:#}"
        );
        assert_eq!(summary["storm"]["failed"], 0);
    }
}

#[test]
fn who_is_not_back_by_the_end_counts_as_such() {
    let (summary, _) = storm("echo", 100.0, "cut:100%@6s");
    let storm = &summary["storm"];
    assert_eq!((storm["struck"].as_u64(), &storm["recovery"]["p100"], &storm["recovery"]["p95"]), (Some(400), &Value::Null, &Value::Null));
    // 100 a second for the last two seconds.
    let back = storm["back"].as_u64().expect("a count");
    assert!((150..=220).contains(&back), "{storm:#}");
    assert_eq!(series(&summary, "recovery")["unanswered"].as_u64(), Some(400 - back));
}

#[test]
fn storms_that_cannot_be_are_refused() {
    for (what, why) in [("cut:50%@20s", "behind the measured time"), ("drown:50%@2s", "cut or closed"), ("cut:0%@2s", "above 0%")] {
        call(&["run", "echo", "--dry-run", "--duration", "10s", "--storm", what]).refuses(2, &["--storm", why]);
    }
}
