//! `volley selftest`: proves the figures of this build on this machine against known truth.
//!
//! Each measurement is a real run of this program against its reference server: answers held for a
//! known time, a server that pauses by a known law, a known share of answers that never come.
//!
//! The pause oracle: a server that stands still for s of every P seconds delays a send that falls
//! into the pause by what is left of it, uniform on (0, s). So a fraction s/P of all sends waits,
//! and quantile q of the response is s (1 - (1 - q) P / s) for q > 1 - s/P; the mean is s^2 / 2P.
//! For 500 ms in 5 s: mean 25 ms, p95 250 ms, p99 450 ms. A closed loop with one outstanding
//! exchange sends but once into each pause and so does not see it: coordinated omission.

use serde_json::Value;

use super::Trouble;
use super::args::SelftestArgs;
use super::child;
use super::child::Server;
use super::say;
use super::tell;
use crate::units::MILLI;
use crate::units::Nanos;
use crate::units::SECOND;

/// One thing to prove.
struct Claim {
    text: &'static str,
    found: Option<u64>,
    low: u64,
    high: u64,
}

/// Proves; 0 when all holds, 4 when something does not.
pub(super) fn selftest(args: &SelftestArgs) -> Result<u8, Trouble> {
    let duration = args.duration.0;
    if duration < 5 * SECOND || !duration.is_multiple_of(5 * SECOND) {
        return Err(Trouble::usage("--duration must be whole periods of 5s, as 20s"));
    }
    let seconds = format!("{}s", duration / SECOND);
    let mut holds = true;
    tell!("1 of 4: answers held for 20 ms");
    let (held, account) = measure(&["--delay", "fixed:20ms"], &["--rate", "10/s", "--duration", "5s"])?;
    let hold = account["hold"]["p50"].as_u64().unwrap_or(0);
    holds &= claims(
        "known delay (fixed 20 ms, hold p50 by the server's account)",
        &[Claim { text: "p50", found: response(&held, "p50"), low: hold, high: hold + MILLI }],
    );
    tell!("2 of 4: a server that pauses 500 ms in each 5 s, open loop");
    let (open, _) = measure(&["--stall", "500ms/5s"], &["--rate", "10/s", "--duration", &seconds])?;
    tell!("3 of 4: the same pause, closed loop");
    let (closed, _) = measure(&["--stall", "500ms/5s"], &["--closed", "1", "--duration", &seconds])?;
    holds &= pause(&open, &closed);
    tell!("4 of 4: one answer in twenty never comes");
    let (lossy, account) = measure(&["--fault", "no_ack:5%"], &["--rate", "10/s", "--duration", "5s", "--timeout", "1s"])?;
    let dropped = account["dropped"].as_object().map(|d| d.values().filter_map(Value::as_u64).sum()).unwrap_or(0);
    holds &= claims(
        "unanswered (5 % dropped, counted by the server)",
        &[Claim { text: "unanswered", found: lossy["counts"]["unanswered"].as_u64(), low: dropped, high: dropped }],
    );
    say!(
        "{}",
        if holds {
            "PASS  the figures of this build can be believed on this machine"
        } else {
            "FAIL  see above; on a busy machine try again when it is quiet"
        }
    );
    Ok(if holds { 0 } else { 4 })
}

fn pause(open: &Value, closed: &Value) -> bool {
    say!("pause of 500 ms in each 5 s, response      theory   open loop   closed loop (1 outstanding)");
    for (stat, theory) in [("mean", 25 * MILLI), ("p50", 0), ("p95", 250 * MILLI), ("p99", 450 * MILLI), ("max", 500 * MILLI)] {
        let show = |run: &Value| response(run, stat).map_or("n/a".to_owned(), |ns| Nanos(ns).to_string());
        let theory = if theory == 0 { "base".to_owned() } else { Nanos(theory).to_string() };
        say!("  {stat:38} {theory:>9}   {:>9}   {:>9}", show(open), show(closed));
    }
    let ms = |n: u64| n * MILLI;
    claims(
        "open loop sees the pause, closed loop does not",
        &[
            Claim { text: "open mean", found: response(open, "mean"), low: ms(23), high: ms(28) },
            Claim { text: "open p95", found: response(open, "p95"), low: ms(240), high: ms(262) },
            Claim { text: "open p99", found: response(open, "p99"), low: ms(440), high: ms(462) },
            Claim { text: "open lag p99 (sends went out on time)", found: open["lag"]["p99"].as_u64(), low: 0, high: ms(5) },
            Claim { text: "closed p95", found: response(closed, "p95"), low: 0, high: ms(10) },
        ],
    )
}

fn claims(title: &str, claims: &[Claim]) -> bool {
    let mut all = true;
    say!("{title}");
    for claim in claims {
        let ok = claim.found.is_some_and(|ns| (claim.low..=claim.high).contains(&ns));
        let is_count = claim.text == "unanswered";
        let show = |n: u64| if is_count { n.to_string() } else { Nanos(n).to_string() };
        say!(
            "  {}  {:38} {:>9}   (from {} to {})",
            if ok { "ok " } else { "BAD" },
            claim.text,
            claim.found.map_or("n/a".into(), show),
            show(claim.low),
            show(claim.high)
        );
        all &= ok;
    }
    all
}

fn response(summary: &Value, stat: &str) -> Option<u64> {
    let series = summary["series"].as_array()?;
    series.iter().find(|s| s["name"] == "echo")?["response"][stat].as_u64()
}

/// A run of this program against a reference server with the given trouble: summary and account.
fn measure(trouble: &[&str], load: &[&str]) -> Result<(Value, Value), Trouble> {
    let server = Server::start("echo", None, trouble)?;
    let target = format!("ws://{}/", server.address);
    let common = ["echo", "--target", &target, "--clients", "100", "--warmup", "1s"];
    let summary = child::run(&[&common, load].concat());
    let account = server.stop().unwrap_or_default();
    let summary = summary.map_err(|said| Trouble::internal(format!("a measurement of the selftest failed: {said}")))?;
    for reason in summary["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        say!("  note: {reason}");
    }
    Ok((summary, account))
}
