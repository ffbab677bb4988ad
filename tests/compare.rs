//! `volley compare` on made-up records whose truth is known beforehand.

mod kit;

#[path = "record/fabricate.rs"]
mod fabricate;

use std::path::Path;
use std::path::PathBuf;
use std::slice::from_ref;

use fabricate::Fab;
use kit::Ended;
use kit::call;
use kit::folder;
use kit::text;
use volley::units::MILLI;
use volley::units::SECOND;

/// A run of 12 s with 1,000 answers a second, all times multiplied by `factor`.
fn run(dir: &Path, id: &str, factor: f64) -> PathBuf {
    let mut fab = Fab::new(12);
    fab.manifest.id = id.into();
    for _ in 0..2 {
        fab.second(&[]);
    }
    let response: Vec<u64> = (0..1_000).map(|i| ((MILLI + i * 10_000) as f64 * factor) as u64).collect();
    for _ in 0..12 {
        fab.second(&[("echo", &response)]);
    }
    fab.finish().elapsed_ns = 14 * SECOND;
    let dir = dir.join(id);
    fab.write(&dir);
    dir
}

/// Runs around `factor`, each with its own small offset.
fn runs(dir: &Path, name: &str, factor: f64, n: usize) -> Vec<PathBuf> {
    let offsets = [0.99, 1.0, 1.01, 1.005, 0.995];
    (0..n).map(|i| run(dir, &format!("{name}{i}"), factor * offsets[i])).collect()
}

fn compare(base: &[PathBuf], new: &[PathBuf], more: &[&str]) -> Ended {
    let mut words = vec!["compare"];
    words.extend(base.iter().map(|dir| text(dir)));
    if !new.is_empty() {
        words.push("--with");
        words.extend(new.iter().map(|dir| text(dir)));
    }
    words.extend(more);
    call(&words)
}

#[test]
fn the_same_is_no_difference_and_a_planted_factor_is_found() {
    let dir = folder();
    let (base, same, slow) = (runs(dir.path(), "a", 1.0, 5), runs(dir.path(), "b", 1.0, 5), runs(dir.path(), "c", 1.2, 5));
    let ended = compare(&base, &same, &["--format", "json"]);
    assert_eq!((ended.code, ended.json()["verdict"].as_str()), (Some(0), Some("pass")), "{ended:#?}");
    let ended = compare(&base, &slow, &["--format", "json"]);
    assert_eq!((ended.code, ended.json()["verdict"].as_str()), (Some(11), Some("regression")), "{ended:#?}");
    let ratio = ended.json()["metrics"][0]["ratio"].as_f64().unwrap_or(0.0);
    assert!((ratio - 1.2).abs() < 0.005, "{ratio}");
    let ended = compare(&slow, &base, &["--format", "json"]);
    assert_eq!((ended.code, ended.json()["metrics"][0]["improved"].as_bool()), (Some(0), Some(true)), "{ended:#?}");
}

#[test]
fn text_fits_eighty_columns() {
    let dir = folder();
    let (base, slow) = (runs(dir.path(), "a", 1.0, 3), runs(dir.path(), "c", 1.2, 3));
    let ended = compare(&base, &slow, &[]);
    assert_eq!(ended.code, Some(11), "{ended:#?}");
    assert!(ended.out.lines().all(|line| line.chars().count() <= 80), "{}", ended.out);
    for word in ["REGRESSION", "not interleaved", "echo p(50)", "echo p(99)", "3/3"] {
        assert!(ended.out.contains(word), "{word}: {}", ended.out);
    }
}

#[test]
fn one_run_a_side_accuses_nobody() {
    let dir = folder();
    let (base, same, slow) = (run(dir.path(), "a", 1.0), run(dir.path(), "b", 1.0), run(dir.path(), "c", 1.5));
    let ended = compare(from_ref(&base), &[same], &[]);
    assert!(ended.code == Some(0) && ended.out.contains("CLEAR") && ended.out.contains("inside these runs"), "{ended:#?}");
    let ended = compare(from_ref(&base), from_ref(&slow), &[]);
    assert!(ended.code == Some(0) && ended.out.contains("INCONCLUSIVE"), "{ended:#?}");
    assert_eq!(compare(&[base], &[slow], &["--on-inconclusive", "fail"]).code, Some(12));
}

#[test]
fn one_new_run_is_held_against_an_archive() {
    let dir = folder();
    let _ = runs(dir.path(), "a", 1.0, 5);
    let elsewhere = folder();
    let new = run(elsewhere.path(), "n", 1.3);
    let ended = compare(&[], &[new], &["--baseline", text(dir.path()), "--format", "json"]);
    let json = ended.json();
    assert_eq!((ended.code, json["metrics"][0]["method"].as_str()), (Some(11), Some("prediction")), "{ended:#?}");
    assert_eq!(json["base"].as_array().map(Vec::len), Some(5));
}

#[test]
fn the_page_says_what_the_comparison_says() {
    let dir = folder();
    let shown = Path::new(env!("CARGO_TARGET_TMPDIR")).join("comparisons");
    let (base, slow) = (runs(dir.path(), "a", 1.0, 5), runs(dir.path(), "c", 1.2, 5));
    for (name, new, answer) in [("regression", &slow[..], "regression"), ("one", &slow[..1], "inconclusive")] {
        let base = if name == "one" { &base[..1] } else { &base[..] };
        let out = dir.path().join(name);
        let ended = compare(base, new, &["--format", "json", "--report", "html,png", "--out", text(&out)]);
        let page = std::fs::read_to_string(out.join("compare.html")).expect("a page");
        assert!(page.contains(&format!("</span>{answer}</h2>")), "{answer}");
        for metric in ended.json()["metrics"].as_array().expect("metrics") {
            let change = (metric["ratio"].as_f64().expect("a ratio") - 1.0) * 100.0;
            assert!(page.contains(&format!("<td class=\"n\">{change:+.1} %</td>")), "{metric}: {change}");
            assert!(page.contains(metric["name"].as_str().expect("a name")));
        }
        // At five a side each quantile changed by a fifth, and the band of all of them says so.
        let bands = page.matches("% to +").count();
        assert!(if name == "one" { page.contains("fewer than four runs a side") } else { bands >= 8 }, "{bands}");
        assert_eq!(page.matches("<script").count(), 2);
        assert!(page.contains("new less base") && page.contains("Median by measured time"), "both sides over time");
        let png = std::fs::read(out.join("compare.png")).expect("a plot");
        assert_eq!(png[16..24], [1280u32.to_be_bytes(), 720u32.to_be_bytes()].concat());
        std::fs::create_dir_all(&shown).expect("a folder");
        std::fs::write(shown.join(format!("{name}.png")), png).expect("a plot to look at");
        std::fs::write(shown.join(format!("{name}.html")), page).expect("a page for the browser");
    }
}

#[test]
fn bad_input_is_named() {
    let dir = folder();
    let (a, b) = (run(dir.path(), "a", 1.0), run(dir.path(), "b", 1.0));
    let side = |path: &PathBuf| vec![path.clone()];
    compare(&side(&dir.path().join("none")), &side(&b), &[]).refuses(2, &["none is not the record of a run"]);
    compare(&side(&a), &side(&a), &[]).refuses(2, &["are the same run"]);
    compare(&side(&a), &[], &[]).refuses(2, &["--with"]);
    compare(&[], &side(&b), &[]).refuses(2, &["BASE"]);
    compare(&side(&a), &side(&b), &["--limit", "base: ecco p(50) <= +5%"]).refuses(2, &["no series `ecco`", "base: echo p(50) <= +5%"]);
    std::fs::write(b.join("run.json"), "{").expect("the folder is writable");
    compare(&side(&a), &side(&b), &[]).refuses(2, &["run.json"]);
}

#[test]
fn other_experiments_are_refused_unless_forced() {
    let dir = folder();
    let a = run(dir.path(), "a", 1.0);
    let mut fab = Fab::calm();
    fab.manifest.id = "other".into();
    fab.manifest.plan.dialect = Some("server".into());
    fab.manifest.machine.cpu = "Slow CPU".into();
    let other = dir.path().join("other");
    fab.write(&other);
    let (base, new) = ([a], [other]);
    compare(&base, &new, &[]).refuses(2, &["another dialect", "another machine class", "another plan", "--force"]);
    let ended = compare(&base, &new, &["--force"]);
    assert!(ended.code == Some(0) && ended.out.contains("Slow CPU"), "{ended:#?}");
}

#[test]
fn too_few_samples_are_not_judged() {
    let dir = folder();
    let (base, new) = (runs(dir.path(), "a", 1.0, 3), runs(dir.path(), "b", 1.0, 3));
    let ended = compare(&base, &new, &["--limit", "base: echo p(99.9) <= +10%"]);
    assert!(ended.code == Some(0) && ended.out.contains("n/a (12 of 100 needed)"), "{ended:#?}");
}

#[test]
fn files_for_ci_say_the_same() {
    let dir = folder();
    let (base, slow, out) = (runs(dir.path(), "a", 1.0, 3), runs(dir.path(), "c", 1.2, 3), dir.path().join("out"));
    let ended = compare(&base, &slow, &["--report", "junit,markdown", "--out", text(&out)]);
    assert_eq!(ended.code, Some(11), "{ended:#?}");
    for (file, words) in [("junit.xml", "failures=\"2\""), ("compare.md", "volley compare: regression")] {
        let found = std::fs::read_to_string(out.join(file)).expect("the file was written");
        assert!(found.contains(words), "{file}: {found}");
    }
    compare(&base, &slow, &["--report", "junit"]).refuses(2, &["--out"]);
}

#[test]
fn a_trend_is_in_order_of_time() {
    let dir = folder();
    for (day, id, factor) in [(3, "a", 1.2), (1, "b", 1.0), (2, "c", 1.0)] {
        let path = run(dir.path(), id, factor).join("run.json");
        let manifest = std::fs::read_to_string(&path).expect("a manifest");
        std::fs::write(&path, manifest.replace("2026-01-02T", &format!("2026-01-0{day}T"))).expect("it can be written");
    }
    std::fs::create_dir(dir.path().join("nothing")).expect("a folder");
    let ended = call(&["trend", text(dir.path()), "--metric", "echo p(50)", "--format", "json"]);
    let json = ended.json();
    let rows = json["runs"].as_array().expect("a list");
    let place = |row: &serde_json::Value| row["record"].as_str().and_then(|path| path.chars().last());
    assert_eq!(rows.iter().map(place).collect::<Vec<_>>(), [Some('b'), Some('c'), Some('a')], "{ended:#?}");
    let ratio = rows[2]["figures"][0]["ratio"].as_f64().unwrap_or(0.0);
    assert!((ratio - 1.2).abs() < 0.01 && rows[0]["figures"][0]["ratio"].is_null(), "{json:#}");
    let shown = Path::new(env!("CARGO_TARGET_TMPDIR")).join("comparisons");
    call(&["trend", text(dir.path()), "--out", text(&shown)]);
    let page = std::fs::read_to_string(shown.join("trend.html")).expect("a page");
    assert!(page.contains("<h1>Trend: ") && page.matches("<tr>").count() > 4, "{}", page.len());
    assert_eq!(std::fs::read(shown.join("trend.png")).expect("a plot")[16..20], 1280u32.to_be_bytes());
    let ended = call(&["trend", text(dir.path())]);
    assert!(ended.code == Some(0) && ended.out.contains("echo p(99)") && ended.out.contains("x1.20"), "{ended:#?}");
    call(&["trend", text(&dir.path().join("nothing"))]).refuses(2, &["holds no record"]);
}

#[test]
fn a_trend_marks_where_the_level_changes() {
    let dir = folder();
    for day in 1..=14 {
        let factor = if day < 8 { 1.0 } else { 1.2 } * if day % 2 == 0 { 1.01 } else { 0.99 };
        let path = run(dir.path(), &format!("r{day:02}"), factor).join("run.json");
        let manifest = std::fs::read_to_string(&path).expect("a manifest");
        std::fs::write(&path, manifest.replace("2026-01-02T", &format!("2026-01-{day:02}T"))).expect("it can be written");
    }
    let words = ["trend", text(dir.path()), "--metric", "echo p(50)"];
    let json = call(&[&words[..], &["--format", "json"]].concat()).json();
    let changes = json["changes"].as_array().expect("a list");
    let [change] = &changes[..] else { panic!("{json:#}") };
    let ratio = change["ratio"].as_f64().unwrap_or(0.0);
    assert!(change["run"] == 8 && (ratio - 1.2).abs() < 0.02 && change["p"].as_f64() <= Some(0.01), "{change:#}");
    let shown = Path::new(env!("CARGO_TARGET_TMPDIR")).join("comparisons");
    let ended = call(&[&words[..], &["--out", text(&shown)]].concat());
    assert!(ended.out.contains("  from here: echo p(50) x1."), "{ended:#?}");
    let page = std::fs::read_to_string(shown.join("trend.html")).expect("a page");
    assert!(page.contains("from run 8 on echo p(50) x1."), "{}", page.len());
}
