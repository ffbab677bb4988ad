//! Verdicts and exit codes: every rule has a row that trips it and a row just below.

use volley::record::CounterRow;
use volley::record::Pause;
use volley::record::Stop;
use volley::report::judge::Ending;
use volley::report::judge::Figures;
use volley::report::judge::Lag;
use volley::report::judge::exit_code;
use volley::report::judge::judge;
use volley::report::judge::lag_allowed_ns;
use volley::report::judge::lag_is_ours;
use volley::report::judge::nothing_measured;
use volley::report::view::SummaryLimit;
use volley::report::view::Verdict;
use volley::report::view::Verdict::Aborted;
use volley::report::view::Verdict::Degraded;
use volley::report::view::Verdict::Fail;
use volley::report::view::Verdict::Invalid;
use volley::report::view::Verdict::Pass;
use volley::units::MILLI;

fn calm() -> Figures {
    Figures { open_loop: true, planned: 100_000, sent: 100_000, opened: 10, coverage: 1.0, ..Default::default() }
}

fn lag(value_ns: u64, ours: bool) -> Option<Lag> {
    Some(Lag { quantile: "p99", value_ns, allowed_ns: MILLI, ours })
}

fn not_offered(cause: &str, n: u64) -> Figures {
    Figures { not_offered: [(cause.to_owned(), n)].into(), sent: 100_000 - n, ..calm() }
}

fn limit(ok: Option<bool>) -> SummaryLimit {
    SummaryLimit { expr: "echo p(99) < 10ms".into(), value: ok.map(|_| "12ms".into()), ok, note: "23 of 100 needed".into() }
}

/// Figures, verdict, a word of the first reason (empty: no reasons).
#[rustfmt::skip]
fn rules() -> Vec<(&'static str, Figures, Verdict, &'static str)> {
    let pause = Pause { at_ns: 3_000 * MILLI, length_ns: 120 * MILLI };
    vec![
        ("calm", calm(), Pass, ""),
        ("late by itself", Figures { lag: lag(MILLI + 1, true), late_wakeups: 214, ..calm() }, Invalid, "the generator was late: lag p99 1ms, allowed 1ms; 214 wake-ups came more than 0.5 ms late"),
        ("lag at its bound", Figures { lag: lag(MILLI, true), late_wakeups: 214, ..calm() }, Pass, ""),
        ("late because of the peer", Figures { lag: lag(300 * MILLI, false), ..calm() }, Pass, "because the peer did not read"),
        ("lane busy 5 s", Figures { lane_busy_over_s: 5, lane_busy_max: 0.97, ..calm() }, Invalid, "a lane was more than 90 % busy for 5 s (at most 97 %), allowed 4 s"),
        ("lane busy 4 s", Figures { lane_busy_over_s: 4, ..calm() }, Pass, ""),
        ("lane busy in closed loop", Figures { open_loop: false, lane_busy_over_s: 60, ..calm() }, Pass, "in closed loop"),
        ("pause", Figures { pauses: vec![pause], ..calm() }, Invalid, "the process paused 1 time, longest 120ms at 3 s"),
        ("files 0.101 %", not_offered("files", 101), Invalid, "101 of 100,000 planned sends (0.1 %) found no file"),
        ("files 0.1 %", not_offered("files", 100), Pass, ""),
        ("ports 0.2 %", not_offered("ports", 200), Invalid, "found no file or local port"),
        ("peer 1.001 %", not_offered("back_pressure", 1_001), Fail, "the peer did not take the load: 1,001 of 100,000 planned sends"),
        ("peer 1 %", not_offered("back_pressure", 1_000), Pass, ""),
        ("connecting 2 %", not_offered("connecting", 2_000), Fail, "mostly `connecting`"),
        ("fleet lost a part", Figures { coverage: 0.99, ..calm() }, Degraded, "covers 99 % of the plan"),
        ("signal", Figures { stop: Some(Stop::Signal(2)), ..calm() }, Aborted, "SIGINT"),
        ("failing", Figures { stop: Some(Stop::Failing), common_fault: "`refused` (9 times)".into(), ..calm() }, Aborted, "most often `refused` (9 times)"),
        ("no end", Figures { unfinished: true, ..calm() }, Aborted, "no end"),
        ("refused", Figures { opened: 0, failed: 10, common_fault: "`refused` (10 times)".into(), ..calm() }, Fail, "no connection could be opened: 10 attempts failed, most often `refused`"),
        ("aborted before invalid", Figures { stop: Some(Stop::Signal(15)), pauses: vec![pause], ..calm() }, Aborted, "SIGTERM"),
        ("invalid before degraded", Figures { coverage: 0.5, pauses: vec![pause], ..calm() }, Invalid, "paused"),
    ]
}

#[test]
fn every_rule_trips_at_its_bound() {
    for (name, figures, verdict, word) in rules() {
        let (found, reasons) = judge(&figures, &[limit(Some(true))]);
        assert_eq!(found, verdict, "{name}: {reasons:?}");
        match word {
            "" => assert!(reasons.is_empty(), "{name}: {reasons:?}"),
            _ => assert!(reasons[0].contains(word), "{name}: {reasons:?}"),
        }
    }
}

#[test]
fn limits_decide_after_validity() {
    let paused = Figures { pauses: vec![Pause { at_ns: 0, length_ns: 60 * MILLI }], ..calm() };
    for (name, figures, limits, verdict, reasons) in [
        ("holds", calm(), vec![limit(Some(true))], Pass, 0),
        ("breaks", calm(), vec![limit(Some(true)), limit(Some(false))], Fail, 1),
        ("cannot be judged", calm(), vec![limit(None)], Invalid, 1),
        ("both", calm(), vec![limit(None), limit(Some(false))], Invalid, 2),
        ("breaks on an invalid run", paused, vec![limit(Some(false))], Invalid, 2),
    ] {
        let (found, words) = judge(&figures, &limits);
        assert_eq!((found, words.len()), (verdict, reasons), "{name}: {words:?}");
    }
}

#[test]
fn lag_may_be_a_twentieth_of_the_response() {
    for (response, allowed) in [(None, MILLI), (Some(5 * MILLI), MILLI), (Some(20 * MILLI), MILLI), (Some(100 * MILLI), 5 * MILLI)] {
        assert_eq!(lag_allowed_ns(response), allowed, "{response:?}");
    }
}

#[test]
fn lateness_belongs_to_who_caused_it() {
    let row = |late_wakeups, back_pressure, longest_gap_ns, lane_busy| CounterRow {
        late_wakeups,
        longest_gap_ns,
        lane_busy,
        not_offered: [("back_pressure".to_owned(), back_pressure)].into(),
        ..Default::default()
    };
    let lag = 100 * MILLI;
    for (name, row, ours) in [
        ("nobody woke late", row(0, 0, 0, 0.1), false),
        ("nobody woke late, the peer does not read", row(0, 5, 0, 0.1), false),
        ("woke late", row(1, 0, 0, 0.1), true),
        ("woke late, the peer explains more", row(1, 5, 49 * MILLI, 0.1), false),
        ("woke late, the gap explains it", row(1, 5, 50 * MILLI, 0.1), true),
        ("woke late, the lane is full", row(1, 5, 0, 0.91), true),
        ("woke late, the lane is not full", row(1, 5, 0, 0.9), false),
    ] {
        assert_eq!(lag_is_ours(&row, lag), ours, "{name}");
    }
}

#[test]
fn exit_codes_and_their_precedence() {
    let all = Ending { usage: true, internal: true, signal: Some(2), nothing_measured: true, verdict: Some(Invalid) };
    for (ending, code) in [
        (all, 2),
        (Ending { usage: false, ..all }, 1),
        (Ending { usage: false, internal: false, ..all }, 130),
        (Ending { usage: false, internal: false, signal: Some(15), ..all }, 143),
        (Ending { usage: false, internal: false, signal: None, ..all }, 3),
        (Ending { verdict: Some(Invalid), ..Default::default() }, 4),
        (Ending { verdict: Some(Degraded), ..Default::default() }, 4),
        (Ending { verdict: Some(Aborted), ..Default::default() }, 4),
        (Ending { verdict: Some(Fail), ..Default::default() }, 10),
        (Ending { nothing_measured: true, verdict: Some(Fail), ..Default::default() }, 3),
        (Ending { verdict: Some(Pass), ..Default::default() }, 0),
        (Ending::default(), 0),
    ] {
        assert_eq!(exit_code(&ending), code, "{ending:?}");
    }
}

#[test]
fn nothing_is_measured_without_a_connection_or_a_send() {
    for (opened, planned, sent, nothing) in [(0, 100, 0, true), (0, 0, 0, true), (10, 100, 0, true), (10, 100, 1, false), (10, 0, 0, false)]
    {
        assert_eq!(nothing_measured(opened, planned, sent), nothing, "{opened} {planned} {sent}");
    }
}
