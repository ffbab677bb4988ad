//! The record: what is written comes back exactly; what is cut is named, never guessed.

#[path = "record/fabricate.rs"]
mod fabricate;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use fabricate::Fab;
use volley::record::Event;
use volley::record::ReadError;
use volley::record::Run;
use volley::record::State;
use volley::record::Writer;
use volley::record::read;
use volley::record::read_some;
use volley::tally::Hist;

const FILES: [&str; 5] = ["run.json", "intervals.hlog", "counters.ndjson", "events.ndjson", "totals.hlog"];

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn calm_with_events() -> Fab {
    let mut fab = Fab::calm();
    fab.events = vec![
        Event { t_ns: 0, kind: "phase".into(), text: "ramp".into() },
        Event { t_ns: 2_000_000_000, kind: "phase".into(), text: "measure \"quoted\"\u{2028}".into() },
    ];
    fab
}

fn same_hist(a: &Hist, b: &Hist) -> bool {
    a.counts() == b.counts() && a.exact() == b.exact()
}

/// Histograms, counters and events of `back` equal those written.
fn assert_same(back: &Run, fab: &Fab) {
    let run = fab.run();
    assert_eq!(back.rows, run.rows);
    assert_eq!(back.events, run.events);
    assert_eq!(back.intervals.len(), run.intervals.len());
    for (a, b) in back.intervals.iter().zip(&run.intervals) {
        assert_eq!((a.t_ns, a.span_ns, &a.tag), (b.t_ns, b.span_ns, &b.tag));
        assert!(a.hist == b.hist, "{} at {}", a.tag, a.t_ns);
    }
    for (tag, total) in &run.totals {
        assert!(same_hist(&back.totals[tag], total), "total of {tag}");
    }
}

#[test]
fn a_record_comes_back_exactly() {
    let (dir, fab) = (folder(), calm_with_events());
    fab.write(&dir.path().join("deep/run"));
    let back = read(&dir.path().join("deep/run")).expect("readable");
    assert_eq!(back.missing, Vec::<String>::new());
    assert_same(&back, &fab);
    assert_eq!(back.manifest.state, State::Complete);
    assert_eq!(back.manifest.command, fab.manifest.command);
}

#[test]
fn sections_add_up_to_the_total() {
    let (dir, fab) = (folder(), Fab::calm());
    fab.write(dir.path());
    let back = read(dir.path()).expect("readable");
    let mut sum = Hist::new();
    let counts: Vec<u64> = (1..=6).map(|n| &back.sections[&format!("echo#{n}")]).inspect(|h| sum.add(h)).map(|h| h.len()).collect();
    // Ten seconds over six sections, by the middle of each second.
    assert_eq!(counts, [2_000, 1_000, 2_000, 2_000, 1_000, 2_000]);
    assert!(same_hist(&sum, &back.totals["echo"]));
    assert!(!back.sections.contains_key("warmup/tcp_connect#1"));
}

#[test]
fn totals_say_when_the_run_began_so_that_other_readers_keep_the_warm_up() {
    let (dir, fab) = (folder(), Fab::calm());
    fab.write(dir.path());
    let totals = fs::read_to_string(dir.path().join("totals.hlog")).expect("written");
    let second = totals.lines().nth(1).unwrap_or_default();
    assert!(second.starts_with("#[StartTime: ") && second.contains(&fab.manifest.started), "{second}");
}

#[test]
fn a_writer_can_move_to_another_thread() {
    fn sendable<T: Send + 'static>() {}
    sendable::<Writer>();
}

#[test]
fn folder_and_files_are_private() {
    let dir = folder();
    let path = dir.path().join("run");
    Fab::calm().write(&path);
    let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    FILES.iter().for_each(|file| assert_eq!(mode(&path.join(file)), 0o600, "{file}"));
    assert_eq!(fs::read_dir(&path).expect("is there").count(), FILES.len(), "no temporary file stays");
}

#[test]
fn an_unwritable_folder_is_refused_by_name() {
    let dir = folder();
    let file = dir.path().join("file");
    fs::write(&file, "x").expect("written");
    let error = Writer::create(&file.join("run"), &Fab::calm().manifest).expect_err("a file is no folder");
    assert!(error.to_string().contains("file/run"), "{error}");
    Fab::calm().write(&dir.path().join("taken"));
    let error = Writer::create(&dir.path().join("taken"), &Fab::calm().manifest).expect_err("holds a record");
    assert!(error.to_string().contains("holds a record already"), "{error}");
}

#[test]
fn a_full_disk_is_said_once_and_nothing_panics() {
    // /dev/full takes no byte; a record on it cannot even begin, which is an error with the path.
    let dir = folder();
    let run = dir.path().join("run");
    let fab = Fab::calm();
    let mut writer = Writer::create(&run, &fab.manifest).expect("writable");
    let hist = &fab.hists[2]["echo"];
    assert!(writer.second(&fab.rows[2], &[("bad tag", hist)]).is_err(), "the first failure is told");
    assert!(writer.second(&fab.rows[3], &[("bad tag", hist)]).is_ok(), "the second is counted");
    assert_eq!(writer.lost().map(|l| l.appends), Some(2));
    writer.second(&fab.rows[4], &[("echo", hist)]).expect("later seconds are written");
    writer.finish(&fab.manifest).expect("closes");
    let back = read(&run).expect("readable");
    assert_eq!(back.rows.len(), 1);
    assert!(back.missing.iter().any(|m| m.starts_with("2 writes failed during the run")), "{:?}", back.missing);
}

#[test]
fn a_dead_process_leaves_a_readable_record() {
    let (dir, fab) = (folder(), Fab::calm());
    drop(fab.write_open(dir.path()));
    let back = read(dir.path()).expect("readable");
    assert_same(&back, &fab);
    assert_eq!(back.missing.len(), 1, "{:?}", back.missing);
    assert!(back.missing[0].contains("died"), "{:?}", back.missing);
}

#[test]
fn totals_are_computed_when_not_stored() {
    let (dir, fab) = (folder(), Fab::calm());
    fab.write(dir.path());
    fs::remove_file(dir.path().join("totals.hlog")).expect("was there");
    let back = read(dir.path()).expect("readable");
    assert_same(&back, &fab);
    assert!(back.missing[0].contains("totals.hlog is not there"), "{:?}", back.missing);
}

#[test]
fn seconds_are_read_of_the_tags_that_are_wanted() {
    let (dir, fab) = (folder(), Fab::calm());
    fab.write(dir.path());
    let all = fab.run();
    let back = read_some(dir.path(), |known, tag| known.has_sections && tag == "echo").expect("readable");
    assert_eq!(back.missing, Vec::<String>::new());
    assert!(back.intervals.iter().map(|i| i.t_ns).eq(all.intervals.iter().filter(|i| i.tag == "echo").map(|i| i.t_ns)));
    assert!(back.intervals.len() < all.intervals.len() && back.intervals.iter().all(|i| i.tag == "echo"));
    assert_eq!(back.rows, all.rows);
    assert!(all.totals.iter().all(|(tag, total)| same_hist(&back.totals[tag], total)));
}

#[test]
fn all_seconds_are_read_where_the_totals_cannot_be_trusted() {
    let (dir, short, fab) = (folder(), folder(), Fab::calm());
    fab.write(dir.path());
    let mut less = Fab::new(1);
    less.second(&[("echo", &[1_000_000])]);
    less.finish().elapsed_ns = 1_000_000_000;
    less.write(short.path());
    let totals = dir.path().join("totals.hlog");
    fs::copy(short.path().join("totals.hlog"), &totals).expect("can be copied");
    let back = read_some(dir.path(), |_, tag| tag == "echo").expect("readable");
    assert_same(&back, &fab);
    assert!(back.missing.iter().any(|words| words.contains("knows less")), "{:?}", back.missing);
    fs::remove_file(&totals).expect("was there");
    assert_same(&read_some(dir.path(), |_, _| false).expect("readable"), &fab);
}

#[test]
fn newer_schemas_are_refused_and_unknown_fields_ignored() {
    let dir = folder();
    Fab::calm().write(dir.path());
    let path = dir.path().join("run.json");
    let text = fs::read_to_string(&path).expect("written");
    fs::write(&path, text.replacen('{', "{\"future\": {\"x\": 1},", 1)).expect("written");
    assert!(read(dir.path()).is_ok());
    fs::write(&path, text.replace("volley.run/1", "volley.run/2")).expect("written");
    let error = read(dir.path()).expect_err("newer");
    assert!(matches!(&error, ReadError::TooNew { schema } if schema == "volley.run/2"), "{error}");
    fs::write(&path, "{}").expect("written");
    assert!(matches!(read(dir.path()), Err(ReadError::NotARecord { .. })));
    fs::remove_file(&path).expect("was there");
    assert!(matches!(read(dir.path()), Err(ReadError::NotARecord { .. })));
}

#[test]
fn a_bad_line_in_the_middle_is_an_error_with_its_place() {
    for file in ["intervals.hlog", "counters.ndjson", "events.ndjson"] {
        let dir = folder();
        calm_with_events().write(dir.path());
        let path = dir.path().join(file);
        let text = fs::read_to_string(&path).expect("written");
        // The line before the last is spoiled.
        let mut lines: Vec<&str> = text.lines().collect();
        let at = lines.len() - 2;
        lines[at] = &lines[at][..lines[at].len() / 2];
        fs::write(&path, lines.join("\n") + "\n").expect("written");
        let error = read(dir.path()).expect_err("damaged").to_string();
        assert!(error.contains(&format!("{file} line {}:", at + 1)), "{error}");
    }
}

#[test]
fn histograms_that_disagree_with_the_counters_are_refused() {
    let dir = folder();
    Fab::calm().write(dir.path());
    let path = dir.path().join("counters.ndjson");
    let text = fs::read_to_string(&path).expect("written");
    fs::write(&path, text.replacen("\"count\":1000", "\"count\":1001", 1)).expect("written");
    let error = read(dir.path()).expect_err("disagree").to_string();
    assert!(error.contains("holds 1000 values, its counters say 1001"), "{error}");
}

/// Deterministic numbers (splitmix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Every second and histogram that is given back is one that was written.
fn assert_nothing_made_up(back: &Run, fab: &Fab) {
    let run = fab.run();
    assert!(back.rows.iter().all(|row| run.rows.contains(row)));
    for interval in &back.intervals {
        let written = run.intervals.iter().find(|i| i.t_ns == interval.t_ns && i.tag == interval.tag).expect("was written");
        assert!(interval.hist == written.hist, "{} at {}", interval.tag, interval.t_ns);
    }
    let whole = back.rows.len() == run.rows.len() && back.intervals.len() == run.intervals.len() && back.events.len() == run.events.len();
    assert!(whole || !back.missing.is_empty(), "what is missing is named");
    for (tag, total) in &back.totals {
        assert!(same_hist(total, &run.totals[tag]) || !back.missing.is_empty(), "total of {tag}");
    }
}

#[test]
fn cutting_anywhere_never_panics_and_never_lies() {
    let (dir, fab) = (folder(), calm_with_events());
    let mut seed = 42;
    for closed in [true, false] {
        let source = dir.path().join(format!("source-{closed}"));
        if closed {
            fab.write(&source);
        } else {
            drop(fab.write_open(&source));
        }
        for turn in 0..100 {
            let file = FILES[(random(&mut seed) % 5) as usize];
            let Ok(bytes) = fs::read(source.join(file)) else { continue };
            let cut = (random(&mut seed) % (bytes.len() as u64)) as usize;
            fs::write(source.join(file), &bytes[..cut]).expect("written");
            match read(&source) {
                Ok(back) => {
                    assert_nothing_made_up(&back, &fab);
                    assert!(!back.missing.is_empty() || cut + 1 >= bytes.len(), "turn {turn}: {file} cut at {cut}");
                }
                Err(error) => assert_eq!(file, "run.json", "turn {turn}: {file} cut at {cut}: {error}"),
            }
            fs::write(source.join(file), &bytes).expect("written");
        }
    }
}

#[test]
fn garbage_never_panics() {
    let (dir, fab) = (folder(), calm_with_events());
    fab.write(dir.path());
    let mut seed = 7;
    for _ in 0..300 {
        let path = dir.path().join(FILES[(random(&mut seed) % 5) as usize]);
        let bytes = fs::read(&path).expect("is there");
        let mut bad = bytes.clone();
        for _ in 0..=random(&mut seed) % 4 {
            let at = (random(&mut seed) % bad.len() as u64) as usize;
            bad[at] = random(&mut seed) as u8;
        }
        fs::write(&path, &bad).expect("written");
        let _ = read(dir.path());
        fs::write(&path, &bytes).expect("written");
    }
}

#[test]
fn both_files_cut_to_the_same_second_are_noticed() {
    let (dir, fab) = (folder(), Fab::calm());
    fab.write(dir.path());
    for (file, gone) in [("intervals.hlog", 4 * 4), ("counters.ndjson", 4)] {
        let path = dir.path().join(file);
        let text = fs::read_to_string(&path).expect("written");
        let lines: Vec<&str> = text.lines().collect();
        fs::write(&path, lines[..lines.len() - gone].join("\n") + "\n").expect("written");
    }
    let back = read(dir.path()).expect("readable");
    assert_eq!(back.rows.len(), fab.rows.len() - 4);
    assert!(back.missing.iter().any(|m| m.contains("last 4.0 s have no counters")), "{:?}", back.missing);
    assert!(same_hist(&back.totals["echo"], &fab.run().totals["echo"]), "the stored totals are whole");
}

/// A record of two measured seconds as the fuzzer takes it: its files one after another, each behind
/// a line `=== NAME`.
fn seed_of_the_fuzzer() -> String {
    let (dir, mut fab) = (folder(), Fab::new(2));
    fab.second(&[("warmup/tcp_connect", &[300_000])]).connections.opened = 1;
    fab.second(&[]);
    for _ in 0..2 {
        fab.second(&[("echo", &[1_000_000, 2_000_000]), ("echo/service", &[900_000, 1_900_000]), ("lag", &[100_000; 2])]);
    }
    fab.events = vec![Event { t_ns: 0, kind: "phase".into(), text: "ramp".into() }];
    fab.manifest.plan.limits = vec!["echo p(99) < 10ms".into()];
    fab.finish();
    fab.write(dir.path());
    let file = |name: &&str| format!("=== {name}\n{}", fs::read_to_string(dir.path().join(name)).expect("was written"));
    FILES.iter().map(file).collect()
}

/// Write it anew with `WRITE=1 cargo test --test record seed`.
#[test]
fn the_seed_of_the_fuzzer_is_a_whole_record() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/record/whole");
    if std::env::var_os("WRITE").is_some() {
        fs::write(&path, seed_of_the_fuzzer()).expect("the seeds can be written");
    }
    let (dir, text) = (folder(), fs::read_to_string(path).expect("the seed is there"));
    for part in text.split("=== ").skip(1) {
        let (name, body) = part.split_once('\n').expect("a title ends with its line");
        fs::write(dir.path().join(name), body).expect("written");
    }
    let back = read(dir.path()).expect("readable");
    assert_eq!(back.missing, Vec::<String>::new());
    assert_eq!((back.rows.len(), back.totals["echo"].len()), (4, 4));
}
