//! Reports of made-up runs whose figures are known beforehand, and their golden outputs.
//!
//! After a wanted change of a golden file: `UPDATE_GOLDEN=1 cargo test --test report`, then read the diff.

#[path = "record/fabricate.rs"]
mod fabricate;

use std::path::Path;

use fabricate::Fab;
use volley::record::Stop;
use volley::record::read;
use volley::report::Drawing;
use volley::report::FORMATS;
use volley::report::build::view;
use volley::report::formats;
use volley::report::text::Look;
use volley::report::text::text;
use volley::report::text::verdict_line;
use volley::report::view::Summary;
use volley::report::view::SummarySeries;
use volley::report::view::Verdict;
use volley::report::view::View;
use volley::units::MILLI;
use volley::units::SECOND;

/// Compares with the golden file, or writes it when asked to.
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).expect("the golden file is writable");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name} differs; if wanted, run with UPDATE_GOLDEN=1");
}

fn series<'a>(view: &'a View, name: &str) -> &'a SummarySeries {
    view.summary.series.iter().find(|s| s.name == name).expect("the series is in the manifest")
}

fn ms(view: &View, key: &str) -> Option<f64> {
    series(view, "echo").response[key].map(|ns| ns as f64 / MILLI as f64)
}

/// A value that a histogram of 3 digits gives for a true one.
fn near(found: Option<f64>, truth: f64) -> bool {
    found.is_some_and(|x| (x - truth).abs() <= truth * 0.002)
}

/// A run in which everything goes wrong a little: faults, late, unanswered, refused sends, error answers.
fn troubled() -> Fab {
    let mut fab = Fab::calm();
    for second in [3, 7] {
        let row = &mut fab.rows[second];
        row.faults = [("reset".to_owned(), 2), ("refused".to_owned(), 1)].into();
        row.closes = [("1013".to_owned(), 1)].into();
        row.planned += 30;
        row.not_offered = [("disconnected".to_owned(), 10)].into();
        row.sent += 20;
        row.late = 5;
        row.unanswered = 10;
        row.duplicate = 1;
        row.unsolicited = 2;
        row.outcomes.entry("echo".into()).or_default().insert("refusal".into(), 3);
        row.series_unanswered.insert("ws_ping".into(), 1);
        row.connections.failed = 1;
    }
    let row = fab.second(&[]);
    row.closes = [("1000".to_owned(), 10)].into();
    let finish = fab.manifest.finish.as_mut().expect("a calm run ends");
    finish.unanswered = 30;
    finish.elapsed_ns += SECOND;
    let text = |t: &str, n| (t.to_owned(), n);
    finish.fault_texts = [text("reset: by \u{202e}peer\x1b[31m", 3), text("reset: broken pipe", 1), text("resetting is no kind", 9)].into();
    fab.manifest.plan.limits =
        ["echo p(99) < 20ms", "echo p(99.9) < 20ms", "errors rate < 0.1%", "sent rate >= 0.99 * planned", "echo count > 10"]
            .map(String::from)
            .into();
    fab
}

#[test]
fn known_samples_give_known_figures() {
    let view = view(&Fab::calm().run());
    let echo = series(&view, "echo");
    // 1,000 values from 1 ms in steps of 10 us, ten times: quantile q is 1 ms + 10 ms * q.
    for (key, truth) in [("min", 1.0), ("p50", 5.99), ("p90", 9.99), ("p95", 10.49), ("p99", 10.89), ("p99.9", 10.98), ("max", 10.99)] {
        assert!(near(ms(&view, key), truth), "{key}: {:?}, not {truth}", ms(&view, key));
    }
    assert_eq!(echo.response["min"], Some(MILLI));
    assert_eq!(echo.response["max"], Some(10_990_000));
    assert_eq!(echo.response["mean"], Some(5_995_000));
    assert_eq!(echo.service["mean"], Some(5_895_000));
    assert_eq!(echo.response["p99.99"], None, "10,000 samples have one beyond p99.99");
    assert_eq!((echo.count, echo.rate_per_s), (10_000, 1_000.0));
    assert_eq!((view.summary.verdict, view.summary.reasons.len(), view.missing.len()), (Verdict::Pass, 0, 0));
    assert_eq!(view.summary.lag["max"], Some(100_000));
    assert_eq!(view.summary.generator.cpu_ns_per_exchange, Some(50_000));
    assert!(view.trust.iter().all(|line| line.ok != Some(false)), "{:?}", view.trust);
}

#[test]
fn counts_keep_their_identities() {
    for fab in [Fab::calm(), troubled()] {
        let view = view(&fab.run());
        let c = &view.summary.counts;
        assert_eq!(c.planned, c.sent + c.not_offered.values().sum::<u64>());
        assert_eq!(c.sent, c.answered + c.late + c.unanswered + c.no_answer_expected);
        assert_eq!(view.missing, Vec::<String>::new());
    }
    let mut fab = Fab::calm();
    fab.rows[5].planned += 1;
    fab.rows[5].late += 1;
    let view = view(&fab.run());
    assert_eq!(view.missing.len(), 2, "{:?}", view.missing);
}

#[test]
fn curves_and_grids_hold_every_sample_in_order() {
    for fab in [Fab::calm(), troubled()] {
        let view = view(&fab.run());
        assert_eq!(view.curves.iter().filter(|c| c.series == "echo").count(), 2);
        for curve in &view.curves {
            assert!(curve.points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{}", curve.series);
            assert!(curve.points.len() <= 300 && curve.points[0].0 == 0.0);
            let last = curve.points[curve.points.len() - 1].0;
            assert!(curve.count as f64 * (1.0 - last) >= 9.99, "{last}");
        }
        let heat = view.heats.iter().find(|h| h.series == "echo").expect("echo was answered");
        assert_eq!(heat.columns.iter().flatten().sum::<u64>(), 10_000);
        assert!(heat.columns.iter().all(|c| c.len() + 1 == heat.edges_ns.len()));
        let lengths = [heat.columns.len(), heat.p50.len(), heat.p99.len(), heat.max.len(), heat.errors.len()];
        assert!(lengths.iter().all(|&n| n == fab.rows.len()), "{lengths:?}");
        assert_eq!((heat.p50[0], heat.max[2]), (None, Some(10_990_000)));
        let line = &view.timeline;
        let lengths = [line.planned.len(), line.sent.len(), line.answered.len(), line.open.len(), line.p50.len(), line.p99.len()];
        assert!(lengths.iter().all(|&n| n == line.t_s.len()), "{lengths:?}");
        assert_eq!((line.t_s[2], line.planned[2], line.series.as_str()), (2.5, 1_000.0, "echo"));
        assert_eq!(line.phases[2], ("measure".to_owned(), 2.0, 12.0));
    }
}

#[test]
fn long_runs_merge_their_seconds() {
    let mut fab = Fab::new(900);
    for _ in 0..902 {
        fab.second(&[("echo", &[MILLI, 2 * MILLI])]);
    }
    fab.finish();
    let dir = tempfile::tempdir().expect("a temporary folder");
    fab.write(dir.path());
    for run in [fab.run(), read(dir.path()).expect("readable")] {
        let view = view(&run);
        let heat = &view.heats[0];
        assert!(heat.columns.len() <= 300 && view.timeline.t_s.len() <= 600);
        assert_eq!(heat.columns.iter().flatten().sum::<u64>(), 2 * 902);
        assert!(heat.p50.iter().all(Option::is_some));
        assert!(view.timeline.planned.iter().all(|&n| n == 2.0), "{:?}", view.timeline.planned);
    }
}

#[test]
fn what_was_never_answered_is_censored_not_left_out() {
    let mut fab = Fab::calm();
    for row in &mut fab.rows[2..12] {
        row.planned += 20;
        row.sent += 20;
    }
    fab.manifest.finish.as_mut().expect("a calm run ends").unanswered = 200;
    let view = view(&fab.run());
    let echo = series(&view, "echo");
    // 10,200 exchanges: p99 is the 10,098th, which was never answered; p50 the 5,100th.
    assert_eq!(echo.response["p99"], None);
    assert!(near(ms(&view, "p50"), 6.09), "{:?}", ms(&view, "p50"));
    assert!(near(ms(&view, "p95"), 10.68), "{:?}", ms(&view, "p95"));
    assert_eq!(echo.flags, ["censored"]);
    assert!(echo.is_censored(0.99) && !echo.is_censored(0.9999));
    let shown = text(&view, &Look::default());
    assert!(shown.contains("> 10s") && shown.contains("past the share"), "{shown}");
    let curve = &view.curves[0];
    assert!(curve.points.iter().all(|(q, _)| *q <= 10_000.0 / 10_200.0));
}

#[test]
fn lag_is_judged_by_who_caused_it() {
    // One send in fifty is 30 ms late; its second has a late wake-up, or none.
    for (late_wakeups, verdict) in [(1, Verdict::Invalid), (0, Verdict::Pass)] {
        let mut fab = Fab::new(10);
        fab.second(&[]).connections.opened = 10;
        fab.second(&[]);
        let mut lags = vec![100_000; 980];
        lags.extend([30 * MILLI; 20]);
        for _ in 0..10 {
            let row = fab.second(&[("echo", &[2 * MILLI; 1_000]), ("lag", &lags)]);
            row.late_wakeups = late_wakeups;
        }
        fab.finish().generator.late_wakeups = 10 * late_wakeups;
        let view = view(&fab.run());
        assert_eq!(view.summary.verdict, verdict, "{:?}", view.summary.reasons);
        assert_eq!(view.summary.reasons.len(), 1, "the lateness is said in both cases");
        assert_eq!(view.trust[0].ok, (late_wakeups > 0).then_some(false));
    }
}

#[test]
fn troubles_are_listed_with_their_seconds() {
    let view = view(&troubled().run());
    let found: Vec<_> =
        view.errors.iter().map(|e| (e.group.as_str(), e.kind.as_str(), e.count, e.first_ns / SECOND, e.last_ns / SECOND)).collect();
    assert_eq!(
        found,
        [
            ("fault", "reset", 4, 3, 7),
            ("fault", "refused", 2, 3, 7),
            ("close", "1013", 2, 3, 7),
            ("not offered", "disconnected", 20, 3, 7),
            ("unanswered", "echo", 30, 3, 7),
            ("unanswered", "ws_ping", 2, 3, 7),
            ("late", "answers", 10, 3, 7),
            ("duplicate", "answers", 2, 3, 7),
            ("unsolicited", "answers", 4, 3, 7),
            ("error answer", "refusal", 6, 3, 7),
        ]
    );
    assert_eq!(view.errors[0].examples, ["reset: by peer[31m", "reset: broken pipe"]);
}

#[test]
fn goldens() {
    let mut fab = Fab::calm();
    fab.manifest.plan.limits = vec!["echo p(99) < 20ms".into(), "errors count == 0".into()];
    let calm = view(&fab.run());
    let troubled = view(&troubled().run());
    let report = Some("reports/20260102T030405Z-echo-7f3a/report.html".to_owned());
    golden("calm.txt", &text(&calm, &Look { report, ..Look::default() }));
    golden("calm-ascii.txt", &text(&calm, &Look { ascii: true, ..Look::default() }));
    golden("calm-plain.txt", &text(&calm, &Look { plain: true, ..Look::default() }));
    golden("troubled.txt", &text(&troubled, &Look::default()));
    golden("troubled-colour.txt", &text(&troubled, &Look { colour: true, ..Look::default() }));
    for (name, view) in [("calm", &calm), ("troubled", &troubled)] {
        for (format, ending) in [
            ("json", "json"),
            ("junit", "xml"),
            ("markdown", "md"),
            ("openmetrics", "prom"),
            ("hgrm", "hgrm"),
            ("bencher", "bencher.json"),
            ("gh-benchmark", "gh.json"),
        ] {
            golden(&format!("{name}.{ending}"), &drawn(view, format));
        }
        for format in formats("csv") {
            let table = String::from_utf8((format.draw)(view, Drawing::default()).expect("drawn")).expect("UTF-8");
            golden(&format!("{name}-{}", format.file), &table);
            let cells: Vec<usize> = table.lines().map(|line| line.split(',').count()).collect();
            assert!(cells.len() > 1 && cells.iter().all(|n| *n == cells[0]), "{table}");
        }
    }
}

/// A view in a format that is text.
fn drawn(view: &View, format: &str) -> String {
    let format = formats(format).next().expect("it is a format");
    String::from_utf8((format.draw)(view, Drawing::default()).expect("drawn")).expect("it is UTF-8")
}

#[test]
fn ci_files_are_bounded_and_hide_markup() {
    let mut fab = troubled();
    fab.manifest.plan.target = "ws://h/<script>|`\u{202e}\"&".into();
    fab.manifest.plan.limits = (10..90).map(|q| format!("echo p({q}) < 1us")).collect();
    let view = view(&fab.run());
    let (junit, markdown, metrics) = (drawn(&view, "junit"), drawn(&view, "markdown"), drawn(&view, "openmetrics"));
    for text in [&junit, &markdown, &metrics] {
        assert!(!text.contains("<script>") && !text.contains('\u{202e}'), "{text}");
    }
    assert_eq!(junit.matches("<testcase ").count(), 81);
    assert_eq!((junit.matches("<failure ").count(), junit.contains("failures=\"80\"")), (80, true), "{junit}");
    assert!(markdown.lines().count() <= 60, "{markdown}");
    assert!(metrics.ends_with("# EOF\n") && metrics.matches("# EOF").count() == 1, "{metrics}");
}

#[test]
fn a_run_that_cannot_be_believed_is_an_error_in_junit() {
    let mut fab = Fab::calm();
    fab.manifest.finish.as_mut().expect("a calm run ends").stop = Some(Stop::Signal(2));
    let view = view(&fab.run());
    assert_eq!(view.summary.verdict, Verdict::Aborted);
    assert!(drawn(&view, "junit").contains("<error message="), "{}", drawn(&view, "junit"));
}

#[test]
fn the_summary_reads_back_and_stays_the_same() {
    let run = troubled().run();
    let json = |view: &View| volley::report::json::json(view);
    let bytes = json(&view(&run));
    assert_eq!(bytes, json(&view(&run)), "the same run gives the same bytes");
    let back: Summary = serde_json::from_slice(&bytes).expect("reads back");
    assert_eq!(serde_json::to_vec_pretty(&back).expect("writes"), bytes[..bytes.len() - 1]);
    let dir = tempfile::tempdir().expect("a temporary folder");
    troubled().write(dir.path());
    assert_eq!(json(&view(&read(dir.path()).expect("readable"))), bytes, "from disk as from memory");
}

#[test]
fn text_fits_eighty_columns_and_hides_escapes() {
    let mut hostile = troubled();
    hostile.manifest.plan.target = format!("ws://{}/\x1b[2J", "very-long-host-name.".repeat(10));
    hostile.manifest.series[0].about = "x".repeat(300);
    hostile.manifest.plan.limits.push("errors p(99) < 1 and a very long expression that cannot be parsed at all".into());
    hostile.manifest.finish.as_mut().expect("ends").stop = Some(Stop::Failing);
    hostile.rows[4].faults.insert(format!("{}\u{202e}", "k".repeat(150)), 1);
    for fab in [Fab::calm(), troubled(), hostile, Fab::new(1)] {
        let view = view(&fab.run());
        for ascii in [false, true] {
            let shown = text(&view, &Look { ascii, ..Look::default() });
            assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
            assert!(!shown.contains(['\x1b', '\u{202e}']), "{shown}");
            assert!(!ascii || shown.is_ascii(), "{shown}");
        }
        assert!(!text(&view, &Look { plain: true, ..Look::default() }).contains(['\x1b', '\u{202e}']));
        assert_eq!(verdict_line(&view, &Look::default()).lines().count(), 1);
    }
}

#[test]
fn an_empty_run_has_a_view() {
    let view = view(&Fab::new(1).run());
    assert_eq!(view.summary.verdict, Verdict::Aborted);
    assert!(view.curves.is_empty() && view.heats.is_empty() && view.timeline.t_s.is_empty());
    assert_eq!(view.summary.alt.len(), 4);
    FORMATS
        .iter()
        .filter(|format| (format.fits)(&view))
        .for_each(|format| assert!(!(format.draw)(&view, Drawing::default()).expect("drawn").is_empty(), "{}", format.file));
}

#[test]
fn figures_that_cannot_be_true_do_not_panic() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    troubled().write(dir.path());
    let path = dir.path().join("counters.ndjson");
    let text_of_rows = std::fs::read_to_string(&path).expect("written");
    for field in [
        "planned",
        "sent",
        "answered",
        "late",
        "unanswered",
        "cpu_ns",
        "late_wakeups",
        "span_ns",
        "opened",
        "echo",
        "reset",
        "refusal",
        "ws_ping",
    ] {
        let key = format!("\"{field}\":");
        let huge: String = text_of_rows
            .split_inclusive(&key)
            .map(|part| match part.find([',', '}']) {
                Some(end) if part.as_bytes()[0].is_ascii_digit() => format!("{}{}", u64::MAX, &part[end..]),
                _ => part.to_owned(),
            })
            .collect();
        std::fs::write(&path, huge).expect("written");
        if let Ok(run) = read(dir.path()) {
            let view = view(&run);
            FORMATS
                .iter()
                .filter(|format| (format.fits)(&view))
                .for_each(|format| assert!(!(format.draw)(&view, Drawing::default()).expect("drawn").is_empty()));
        }
    }
}

#[test]
fn a_stopped_run_says_so() {
    let mut fab = Fab::calm();
    fab.manifest.state = volley::record::State::Stopped;
    fab.manifest.finish.as_mut().expect("ends").stop = Some(Stop::Signal(2));
    let view = view(&fab.run());
    assert_eq!(view.summary.verdict, Verdict::Aborted);
    assert!(view.repeat.starts_with("volley run echo --target 'ws://127.0.0.1:9000/a b' --seed 7"), "{}", view.repeat);
}
