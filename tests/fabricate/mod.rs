//! Fabricated views for tests of the page and the plots: the same seed gives the same view, and no
//! figure comes from a clock or a machine.

#![allow(dead_code, reason = "each test program uses a part of these")]

use std::collections::BTreeMap;

use volley::profile::Class;
use volley::record::Pause;
use volley::report::hops::SummaryHop;
use volley::report::hops::SummaryHops;
use volley::report::view::Curve;
use volley::report::view::Distribution;
use volley::report::view::ErrorLine;
use volley::report::view::Heat;
use volley::report::view::SUMMARY_SCHEMA;
use volley::report::view::StormCurve;
use volley::report::view::Summary;
use volley::report::view::SummaryConnections;
use volley::report::view::SummaryCounts;
use volley::report::view::SummaryFanOut;
use volley::report::view::SummaryFanOutSeries;
use volley::report::view::SummaryGenerator;
use volley::report::view::SummaryLimit;
use volley::report::view::SummaryReceiver;
use volley::report::view::SummaryRun;
use volley::report::view::SummarySeries;
use volley::report::view::SummaryStorm;
use volley::report::view::Timeline;
use volley::report::view::TrustLine;
use volley::report::view::Verdict;
use volley::report::view::View;
use volley::tally::Hist;
use volley::units::MICRO;
use volley::units::MILLI;
use volley::units::SECOND;

/// A text that tries to leave the place it is put in.
pub(crate) const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\u{202e}gnp.exe\u{2028}'\"&--><svg/onload=alert(2)>";

/// A small generator of numbers, so that views do not depend on a crate's choice.
pub(crate) struct Dice(u64);

impl Dice {
    /// Numbers of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Evenly in 0 to 1.
    pub(crate) fn even(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About standard normal.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.even()).sum::<f64>() - 6.0
    }
}

/// What a fabricated series is like.
struct Kind {
    name: &'static str,
    class: Class,
    per_s: u64,
    median_ns: f64,
    spread: f64,
    tail: f64,
    /// Added to response where a pause of the server made sends wait.
    wait_ns: f64,
}

/// How long, and what goes wrong.
struct Story {
    seconds: u64,
    ramp_s: u64,
    warmup_s: u64,
    /// Second of the run in which everything is slow.
    slow_at: Option<u64>,
    kinds: Vec<Kind>,
}

/// What one series gathers while it is rolled.
struct Rolled {
    series: SummarySeries,
    curves: [Curve; 2],
    heat: Heat,
    p50: Vec<Option<u64>>,
    p99: Vec<Option<u64>>,
}

const KEYS: [(&str, f64); 6] = [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999)];

/// Quantiles by the rule of ten samples beyond.
fn figures(hist: &Hist) -> BTreeMap<String, Option<u64>> {
    let mut out = BTreeMap::new();
    for (key, q) in KEYS {
        let beyond = hist.len() as f64 * (1.0 - q);
        out.insert(key.into(), hist.quantile(q).filter(|_| beyond >= 9.999));
    }
    let exact = hist.exact();
    let some = (exact.count > 0).then_some(());
    out.insert("min".into(), some.map(|()| exact.min));
    out.insert("max".into(), some.map(|()| exact.max));
    out.insert("mean".into(), exact.mean());
    out
}

fn curve(name: &str, service: bool, hist: &Hist) -> Curve {
    let most = (hist.len().max(1) as f64).log10().min(5.0);
    let steps = (most * 40.0).floor() as usize;
    let points = (0..=steps).map(|k| 1.0 - 10f64.powf(-(k as f64) / 40.0)).filter_map(|q| Some((q, hist.quantile(q)?))).collect();
    Curve { series: name.into(), service, count: hist.len(), points, up_to: Vec::new() }
}

fn edges(rows: usize) -> Vec<u64> {
    (0..=rows).map(|r| (100_000.0 * 10f64.powf(r as f64 / 15.0)) as u64).collect()
}

fn distribution(heat: &Heat) -> Distribution {
    let rows = heat.edges_ns.len() - 1;
    let counts = (0..rows).map(|row| heat.columns.iter().map(|column| column[row]).sum()).collect();
    Distribution { series: heat.series.clone(), edges_ns: heat.edges_ns.clone(), counts }
}

fn roll(kind: &Kind, story: &Story, dice: &mut Dice) -> Rolled {
    let rows = 60;
    let edges_ns = edges(rows);
    let (mut response, mut service) = (Hist::new(), Hist::new());
    let mut heat = Heat {
        series: kind.name.into(),
        t0_ns: (story.ramp_s + story.warmup_s) * SECOND,
        column_ns: SECOND,
        edges_ns: edges_ns.clone(),
        columns: Vec::new(),
        p50: Vec::new(),
        p90: Vec::new(),
        p99: Vec::new(),
        max: Vec::new(),
        errors: Vec::new(),
    };
    for second in 0..story.seconds {
        let slow = story.slow_at == Some(second);
        let sway = 1.0 + 0.06 * (second as f64 / 9.0).sin();
        let (mut hist, mut column) = (Hist::new(), vec![0u64; rows]);
        for _ in 0..kind.per_s {
            let tail = if dice.even() < kind.tail { 1.0 + 6.0 * dice.even() } else { 1.0 };
            let mut ns = kind.median_ns * sway * (kind.spread * dice.normal()).exp() * tail;
            if slow && dice.even() < 0.5 {
                ns += 400e6 * dice.even();
            }
            let wait = if slow && dice.even() < 0.3 { kind.wait_ns * dice.even() } else { 0.0 };
            let (s, r) = (ns.max(100_001.0) as u64, (ns.max(100_001.0) + wait) as u64);
            service.record(s);
            response.record(r);
            hist.record(r);
            let row = edges_ns.partition_point(|e| *e <= r).clamp(1, rows) - 1;
            column[row] += 1;
        }
        heat.columns.push(column);
        heat.p50.push(hist.quantile(0.5));
        heat.p90.push(hist.quantile(0.9).filter(|_| hist.len() >= 100));
        heat.p99.push(hist.quantile(0.99).filter(|_| hist.len() >= 1000));
        heat.max.push((!hist.is_empty()).then(|| hist.exact().max));
        heat.errors.push(0);
    }
    let series = SummarySeries {
        name: kind.name.into(),
        class: kind.class,
        role: "client".into(),
        count: response.len(),
        rate_per_s: response.len() as f64 / story.seconds as f64,
        unanswered: 0,
        outcomes: BTreeMap::from([(kind.name.into(), response.len())]),
        response: figures(&response),
        service: figures(&service),
        flags: Vec::new(),
    };
    let (p50, p99) = (heat.p50.clone(), heat.p99.clone());
    Rolled { series, curves: [curve(kind.name, false, &response), curve(kind.name, true, &service)], heat, p50, p99 }
}

fn openshock_kinds() -> Vec<Kind> {
    let kind = |name, class, per_s, median_ns, spread, tail, wait_ns| Kind { name, class, per_s, median_ns, spread, tail, wait_ns };
    vec![
        kind("frame_ack", Class::Fifo, 5_000, 1.92e6, 0.22, 0.02, 300e6),
        kind("pong_announce", Class::Single, 200, 0.84e6, 0.18, 0.02, 0.0),
        kind("ws_ping", Class::Keyed, 100, 0.42e6, 0.15, 0.01, 0.0),
    ]
}

fn timeline(story: &Story, clients: f64, main: &Rolled, planned_per_s: f64) -> Timeline {
    let before = story.ramp_s + story.warmup_s;
    let total = before + story.seconds + 1;
    let share = |s: u64| if story.ramp_s == 0 { 1.0 } else { ((s as f64 + 0.5) / story.ramp_s as f64).min(1.0) };
    let planned: Vec<f64> =
        (0..total).map(|s| if s >= before + story.seconds { 0.0 } else { (planned_per_s * share(s)).round() }).collect();
    let measured = |v: &[Option<u64>]| {
        (0..total).map(|s| s.checked_sub(before).and_then(|i| v.get(i as usize).copied().flatten())).collect::<Vec<_>>()
    };
    let mut answered = planned.clone();
    if let Some(slow) = story.slow_at {
        let at = (before + slow) as usize;
        answered[at] *= 0.55;
        answered[at + 1] += planned[at] * 0.45;
    }
    let edge = |s: u64| s as f64;
    let phases = [
        ("ramp", 0, story.ramp_s),
        ("warmup", story.ramp_s, before),
        ("measure", before, before + story.seconds),
        ("drain", before + story.seconds, total),
    ];
    Timeline {
        t_s: (0..total).map(|s| s as f64 + 0.5).collect(),
        sent: planned.clone(),
        planned,
        answered,
        open: (0..total).map(|s| (clients * share(s)).round() as u64).collect(),
        p50: measured(&main.p50),
        p99: measured(&main.p99),
        series: main.series.name.clone(),
        phases: phases.into_iter().filter(|p| p.2 > p.1).map(|(n, a, b)| (n.into(), edge(a), edge(b))).collect(),
    }
}

fn trust(ok: bool) -> Vec<TrustLine> {
    let line = |name: &str, value: &str, bound: &str, ok| TrustLine { name: name.into(), value: value.into(), bound: bound.into(), ok };
    vec![
        line("Send lag p99", if ok { "0.21ms" } else { "38.4ms" }, "1ms", Some(ok)),
        line("Late wake-ups", if ok { "3 of 66,000" } else { "41,207 of 66,000" }, "1 %", Some(ok)),
        line("Busiest lane", if ok { "31 %" } else { "99 %" }, "90 % for 5s", Some(ok)),
        line("Pauses of the process", if ok { "none" } else { "2, longest 812ms" }, "none above 50ms", Some(ok)),
        line("Sends lost for want of files or ports", "0", "0", Some(true)),
        line("Read delay p99", "84us", "", None),
        line("Peak memory", "41.2 MiB", "", None),
    ]
}

fn environment(story: &Story) -> Vec<(String, String)> {
    let pair = |a: &str, b: &str| (a.to_string(), b.to_string());
    vec![
        pair("Profile", "openshock-live (sha256 4be1 9c02 77fa)"),
        pair("Dialect", "docs"),
        pair("Load", &format!("1,000 clients, 5/s each, ramp {}s, warm-up {}s, {}s", story.ramp_s, story.warmup_s, story.seconds)),
        pair("Stamps", "kernel"),
        pair("Seed", "42"),
        pair("Machine", "lab-07, 16 cores, AMD EPYC 9354, 64.0 GiB"),
        pair("Kernel", "Linux 6.8.0-45-generic x86_64"),
        pair("File limit", "20,000"),
        pair("Harm", "Stop at intensity 0 only"),
    ]
}

fn tell(story: Story, seed: u64) -> View {
    let mut dice = Dice::new(seed);
    let rolled: Vec<Rolled> = story.kinds.iter().map(|k| roll(k, &story, &mut dice)).collect();
    let planned: u64 = story.kinds.iter().take(1).map(|k| k.per_s * story.seconds).sum();
    let main = &rolled[0];
    let timeline = timeline(&story, 1000.0, main, story.kinds[0].per_s as f64);
    let summary = Summary {
        fan_out: None,
        schema: SUMMARY_SCHEMA.into(),
        verdict: Verdict::Pass,
        reasons: Vec::new(),
        run: SummaryRun {
            id: "7f3a91".into(),
            profile: "openshock-live".into(),
            dialect: Some("docs".into()),
            target: "ws://staging.internal:8080/1/ws/live/4e0c".into(),
            started: "2026-11-22T17:01:12Z".into(),
            clients: 1000,
            trace: None,
            duration_ns: story.seconds * SECOND,
            warmup_ns: story.warmup_s * SECOND,
            lanes: 4,
            seed: 42,
            version: "0.1.0".into(),
        },
        counts: SummaryCounts {
            planned,
            sent: planned,
            answered: planned,
            messages_out: BTreeMap::from([("frame".into(), planned), ("pong".into(), 12_000)]),
            messages_in: BTreeMap::from([("ack".into(), planned), ("ping".into(), 12_000), ("latency_announce".into(), 12_000)]),
            bytes_out: planned * 96,
            bytes_in: planned * 71,
            ..SummaryCounts::default()
        },
        storm: None,
        hops: None,
        fleet: None,
        connections: SummaryConnections { asked: 1000, opened: 1000, failed: 0, reconnects: 0, peak: 1000 },
        series: rolled.iter().map(|r| r.series.clone()).collect(),
        lag: BTreeMap::from([
            ("p50".into(), Some(61 * MICRO)),
            ("p99".into(), Some(210 * MICRO)),
            ("p99.9".into(), Some(640 * MICRO)),
            ("max".into(), Some(2 * MILLI)),
        ]),
        reaction: BTreeMap::from([("p99".into(), Some(40 * MICRO))]),
        read_delay: BTreeMap::from([("p99".into(), Some(84 * MICRO))]),
        generator: SummaryGenerator {
            cpu_ns: 11 * SECOND,
            cpu_ns_per_exchange: Some(9_200),
            rss_peak_bytes: 43_201_331,
            lane_busy_max: 0.31,
            late_wakeups: 3,
            pauses: Vec::new(),
        },
        limits: limits(),
        alt: BTreeMap::from([("percentiles.png".into(), "Latency by percentile".into())]),
    };
    View {
        storm: None,
        summary,
        trust: trust(true),
        curves: rolled.iter().flat_map(|r| r.curves.clone()).collect(),
        distributions: rolled.iter().map(|r| distribution(&r.heat)).collect(),
        levels: Vec::new(),
        heats: rolled.into_iter().map(|r| r.heat).collect(),
        timeline,
        errors: Vec::new(),
        environment: environment(&story),
        repeat: "volley run openshock-live --target ws://staging.internal:8080 --clients 1000 --rate 5/s --duration 60s --seed 42".into(),
        missing: Vec::new(),
        timeout_ns: 10 * SECOND,
        data: None,
    }
}

fn limits() -> Vec<SummaryLimit> {
    let limit = |expr: &str, value: Option<&str>, ok, note: &str| SummaryLimit {
        expr: expr.into(),
        value: value.map(Into::into),
        ok,
        note: note.into(),
    };
    vec![
        limit("frame_ack p(99) < 20ms", Some("9.53ms"), Some(true), "margin 52 %"),
        limit("pong_announce p(99) < 5ms", Some("2.95ms"), Some(true), "margin 41 %"),
        limit("errors rate < 0.1%", Some("0 %"), Some(true), ""),
    ]
}

/// A minute of openshock-live with three series, all well.
pub(crate) fn healthy() -> View {
    tell(Story { seconds: 60, ramp_s: 5, warmup_s: 5, slow_at: None, kinds: openshock_kinds() }, 1)
}

/// Ten minutes with one bad second.
pub(crate) fn ten_minutes() -> View {
    let mut kinds = openshock_kinds();
    kinds[0].per_s = 1_000;
    let mut view = tell(Story { seconds: 600, ramp_s: 30, warmup_s: 30, slow_at: Some(371), kinds }, 2);
    view.summary.counts.late = 0;
    view
}

/// One second.
pub(crate) fn one_second() -> View {
    let mut kinds = openshock_kinds();
    kinds.truncate(1);
    kinds[0].per_s = 50;
    let mut view = tell(Story { seconds: 1, ramp_s: 0, warmup_s: 0, slow_at: None, kinds }, 3);
    view.summary.limits[0].ok = None;
    view.summary.limits[0].value = None;
    view.summary.limits[0].note = "0 of 100 samples needed".into();
    view.summary.limits.truncate(1);
    view
}

/// Nothing was answered, nothing was sent.
pub(crate) fn empty() -> View {
    let mut view = tell(Story { seconds: 1, ramp_s: 0, warmup_s: 0, slow_at: None, kinds: openshock_kinds() }, 4);
    let summary = &mut view.summary;
    summary.verdict = Verdict::Aborted;
    summary.reasons = vec!["All 1,000 handshakes failed: connection refused.".into()];
    summary.series.clear();
    summary.limits.clear();
    summary.lag.clear();
    summary.counts = SummaryCounts::default();
    summary.counts.faults.insert("connect_refused".into(), 1000);
    summary.connections = SummaryConnections { asked: 1000, opened: 0, failed: 1000, reconnects: 0, peak: 0 };
    view.curves.clear();
    view.heats.clear();
    view.timeline = Timeline::default();
    view.errors = vec![error("fault", "connect_refused", 1000, 0, 0, &["connection refused (os error 111)"])];
    view.missing = vec!["The process died: seconds after 00:00:02 are not in the record.".into()];
    view
}

fn error(group: &str, kind: &str, count: u64, first_s: u64, last_s: u64, examples: &[&str]) -> ErrorLine {
    ErrorLine {
        group: group.into(),
        kind: kind.into(),
        count,
        first_ns: first_s * SECOND,
        last_ns: last_s * SECOND,
        examples: examples.iter().map(|e| (*e).into()).collect(),
    }
}

/// Much goes wrong, and every text tries to escape.
pub(crate) fn hostile() -> View {
    let mut view = tell(Story { seconds: 60, ramp_s: 5, warmup_s: 5, slow_at: Some(31), kinds: openshock_kinds() }, 5);
    for heat in &mut view.heats {
        for (i, errors) in heat.errors.iter_mut().enumerate() {
            *errors = if (28..36).contains(&i) { 40 * (i as u64 - 26) } else { u64::from(i % 17 == 0) };
        }
        for i in 32..34 {
            heat.columns[i].fill(0);
            (heat.p50[i], heat.p99[i], heat.max[i]) = (None, None, None);
        }
    }
    for i in 38..46 {
        view.timeline.sent[i] *= 0.7;
        view.timeline.answered[i] *= 0.5;
        view.timeline.open[i] -= 130;
    }
    let summary = &mut view.summary;
    summary.verdict = Verdict::Fail;
    summary.reasons = vec!["frame_ack p(99) is 61.8ms, the limit is 20ms".into(), format!("The peer said: {HOSTILE}")];
    summary.limits[0].ok = Some(false);
    summary.limits[0].value = Some("61.8ms".into());
    summary.limits[0].note = "over by 209 %".into();
    summary.run.target = format!("ws://evil/{HOSTILE}");
    summary.series[1].flags = vec!["censored".into(), "fifo_unsettled".into()];
    summary.series[1].unanswered = 812;
    for key in ["p99", "p99.9"] {
        summary.series[1].response.insert(key.into(), None);
    }
    let counts = &mut summary.counts;
    counts.not_offered = BTreeMap::from([("window_full".into(), 9_120), ("not_connected".into(), 2_040)]);
    counts.sent = counts.planned - 11_160;
    counts.unanswered = 4_812;
    counts.late = 377;
    counts.answered = counts.sent - 4_812 - 377;
    counts.faults = BTreeMap::from([("reset".into(), 130), ("protocol_error".into(), 4)]);
    counts.closes = BTreeMap::from([("1011".into(), 130), ("4001".into(), 12)]);
    view.errors = vec![
        error("not offered", "window_full", 9_120, 38, 46, &[]),
        error("unanswered", "frame_ack", 4_812, 37, 47, &[]),
        error("not offered", "not_connected", 2_040, 38, 45, &[]),
        error("late", "frame_ack", 377, 38, 49, &[]),
        error("close", "1011", 130, 38, 38, &["internal error: shard 3 lost its lease", HOSTILE]),
        error("fault", HOSTILE, 130, 38, 38, &[HOSTILE, "x".repeat(900).as_str(), "Connection reset by peer (os error 104)"]),
    ];
    view.environment.push(("Server header".into(), HOSTILE.into()));
    view.repeat = format!("volley run '{HOSTILE}'");
    view
}

/// The generator was the limit.
pub(crate) fn invalid() -> View {
    let mut view = tell(Story { seconds: 60, ramp_s: 5, warmup_s: 5, slow_at: Some(40), kinds: openshock_kinds() }, 6);
    view.trust = trust(false);
    view.summary.verdict = Verdict::Invalid;
    view.summary.reasons = vec![
        "Lane 2 was over 90 % busy for 22s (from 00:00:31).".into(),
        "Send lag p99 is 38.4ms; the bound is 1ms.".into(),
        "The process was paused for 812ms at 00:00:50.".into(),
    ];
    view.summary.generator.pauses = vec![Pause { at_ns: 50 * SECOND, length_ns: 812 * MILLI }];
    view
}

/// The largest page allowed for: six series of a thousand columns and sixty full rows.
pub(crate) fn largest() -> View {
    let names = ["frame_ack", "pong_announce", "ws_ping", "submit_dispatch", "heartbeat_ack", "replay_first"];
    let kinds = openshock_kinds().into_iter().take(1);
    let mut view = tell(Story { seconds: 4, ramp_s: 1, warmup_s: 1, slow_at: None, kinds: kinds.collect() }, 7);
    let mut dice = Dice::new(8);
    let distribution = view.distributions.remove(0);
    let (series, curves, heat) = (view.summary.series[0].clone(), view.curves.clone(), view.heats[0].clone());
    (view.summary.series, view.curves, view.heats) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        view.summary.series.push(SummarySeries { name: name.into(), ..series.clone() });
        view.curves.extend(curves.iter().cloned().map(|c| Curve { series: name.into(), ..c }));
        let mut column = || (0..60).map(|_| (1000.0 * dice.even().powi(4)) as u64).collect::<Vec<u64>>();
        let columns: Vec<Vec<u64>> = (0..1000).map(|_| column()).collect();
        let mut line = |base: f64| (0..1000).map(|_| Some((base * (1.0 + dice.even())) as u64)).collect::<Vec<_>>();
        let (p50, p90, p99, max) = (line(2e6), line(4e6), line(8e6), line(5e7));
        view.distributions.push(Distribution { series: name.into(), ..distribution.clone() });
        view.heats.push(Heat { series: name.into(), columns, p50, p90, p99, max, errors: vec![3; 1000], ..heat.clone() });
    }
    view
}

/// A storm of which 1,900 of 2,000 came back, 250 a second after half a second.
pub(crate) fn storm() -> View {
    let mut view = healthy();
    let points: Vec<(u64, u64)> = (0..=1_900).map(|n| (SECOND / 2 + n * 4 * MILLI, n)).collect();
    let after = |n: usize| points.get(n).map(|(ns, _)| *ns);
    let recovery = [("p50", after(1_000)), ("p95", after(1_900)), ("p100", None)];
    let figures = |p50: u64| [("p50", Some(p50)), ("p99", Some(p50 * 3)), ("max", Some(p50 * 9))].map(|(k, v)| (k.to_owned(), v)).into();
    view.summary.storm = Some(SummaryStorm {
        what: "cut:50%@30s".into(),
        at_ns: 40 * SECOND,
        struck: 2_000,
        back: 1_900,
        recovery: recovery.map(|(k, v)| (k.to_owned(), v)).into(),
        failed: 100,
        not_offered: 41_000,
        unanswered: 1_234,
        opening: [("tcp_connect".to_owned(), figures(120 * MICRO)), ("upgrade".to_owned(), figures(511 * MILLI))].into(),
    });
    view.storm = Some(StormCurve { struck: 2_000, points });
    view
}

/// A run whose messages are for twenty receivers each, one of them with a hostile name.
pub(crate) fn fan_out() -> View {
    let kind = |name, class, per_s, median_ns| Kind { name, class, per_s, median_ns, spread: 0.3, tail: 0.002, wait_ns: 0.0 };
    let kinds = vec![
        kind("fanout", Class::Cross, 2_000, 4e6),
        kind("fanout.first", Class::Cross, 100, 1e6),
        kind("fanout.median", Class::Cross, 100, 4e6),
        kind("fanout.last", Class::Cross, 98, 9e6),
        kind("fanout.spread", Class::Spread, 98, 8e6),
    ];
    let mut view = tell(Story { seconds: 60, ramp_s: 5, warmup_s: 5, slow_at: None, kinds }, 7);
    view.heats.truncate(1);
    view.distributions.truncate(1);
    let [first, median, last, spread] = [1, 2, 3, 4].map(|at| view.summary.series[at].response.clone());
    let series = SummaryFanOutSeries {
        name: "fanout".into(),
        receivers: 20,
        messages: 6_000,
        reached_one: 6_000,
        reached_all: 5_880,
        first,
        median,
        last,
        spread,
    };
    let receiver = |n: u64| SummaryReceiver {
        name: if n == 3 { HOSTILE.into() } else { format!("subscriber {}", 20 - n) },
        seen: 5_994,
        missed: 6,
        behind_ns: Some((20 - n) * 400 * MICRO),
        last_share: if n == 0 { 0.62 } else { 0.02 },
    };
    view.summary.fan_out = Some(SummaryFanOut { series: vec![series], receivers: (0..20).map(receiver).collect() });
    view
}

/// Kernel, pings and answers of the same sockets; the peer holds its acknowledgements back, and the name of the series is hostile.
pub(crate) fn hops() -> View {
    let mut view = healthy();
    let (series, curves) = (view.summary.series[0].clone(), view.curves.clone());
    let ours = |curve: &&Curve| curve.series == series.name && curve.service;
    let like = curves.iter().find(ours).expect("a curve of service").clone();
    for (name, share) in [("tcp_rtt_min", 50), ("tcp_rtt", 4), ("ws_ping", 6)] {
        view.summary.series.retain(|s| s.name != name);
        view.curves.retain(|curve| curve.series != name);
        view.summary.series.push(SummarySeries { name: name.into(), ..series.clone() });
        let points = like.points.iter().map(|(q, ns)| (*q, ns / share)).collect();
        view.curves.push(Curve { series: name.into(), points, ..like.clone() });
    }
    let keys = ["p50", "p90", "p99", "p99.9"];
    let times = |ns: u64| keys.iter().zip(1..).map(|(key, n)| ((*key).to_owned(), Some(ns * n))).collect::<BTreeMap<_, _>>();
    let adds = |ns: i64| keys.iter().map(|key| ((*key).to_owned(), Some(ns))).collect::<BTreeMap<_, _>>();
    let hop = |hop: &str, series: &str, ns: u64, adds: BTreeMap<String, Option<i64>>| SummaryHop {
        hop: hop.into(),
        series: series.into(),
        count: 60_000,
        time: times(ns),
        adds,
    };
    view.summary.hops = Some(SummaryHops {
        hops: vec![
            hop("kernel", "tcp_rtt", 500 * MICRO, BTreeMap::new()),
            hop("frames", "ws_ping", 300 * MICRO, adds(-200_000)),
            hop("application", &series.name, 2 * MILLI, adds(1_700_000)),
        ],
        shortest: times(40 * MICRO),
        told: 41_000,
        open: 60_000,
        proxy: true,
        refused: Some(HOSTILE.into()),
    });
    view
}

/// Every view by name.
pub(crate) fn all() -> Vec<(&'static str, View)> {
    vec![
        ("healthy", healthy()),
        ("ten-minutes", ten_minutes()),
        ("one-second", one_second()),
        ("empty", empty()),
        ("hostile", hostile()),
        ("invalid", invalid()),
        ("storm", storm()),
        ("fan-out", fan_out()),
        ("hops", hops()),
    ]
}
