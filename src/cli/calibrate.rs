//! `volley calibrate`: the same run several times, and what its spread allows to see.

use std::path::Path;
use std::path::PathBuf;

use super::Trouble;
use super::ab;
use super::args::CalibrateArgs;
use super::args::Format;
use super::compare;
use super::say;
use super::tell;
use super::turns::Turns;
use crate::record;
use crate::report::compare::digest::Digest;
use crate::trial::ab::AGAIN;
use crate::trial::calibrate;
use crate::trial::calibrate::Calibration;
use crate::trial::calibrate::SIDES;
use crate::trial::calibrate::Spread;
use crate::units::Nanos;

/// Exit code when no valid figures were to be had.
const INVALID: u8 = 4;
/// Runs without which nothing is calibrated.
const FEWEST: usize = 3;
/// Largest file read, in bytes.
const FILE_MOST: u64 = 1 << 20;

/// Runs, tells and writes down.
pub(super) fn calibrate(args: &CalibrateArgs) -> Result<u8, Trouble> {
    let (metrics, each) = ab::split(&args.limit)?;
    let turns = Turns::new()?;
    let (runs, invalid) = all(args, &turns, &each)?;
    if runs.len() < FEWEST {
        tell!("{} of {} runs can be used; nothing is calibrated with fewer than {FEWEST}", runs.len(), args.runs);
        return Ok(turns.stopped().unwrap_or(INVALID));
    }
    let gates = compare::gates(&metrics, &runs, &runs)?;
    let found = calibrate::calibrate(&runs, &gates, invalid);
    write(&args.out, &found)?;
    match args.format {
        Format::Text => show(&found, &args.out),
        Format::Json => say!("{}", json(&found)?),
    }
    Ok(turns.stopped().unwrap_or(0))
}

/// All runs, an invalid one repeated at most twice; and how many were invalid.
fn all(args: &CalibrateArgs, turns: &Turns, each: &[String]) -> Result<(Vec<Digest>, usize), Trouble> {
    let mut words = args.each.words(args.each.target.as_deref(), &[]);
    words.extend(each.iter().map(|limit| format!("--limit={limit}")));
    let (mut runs, mut invalid) = (Vec::new(), 0);
    for number in 1..=args.runs {
        for again in 0..=AGAIN {
            turns.rest(args.pause);
            if turns.stopped().is_some() {
                return Ok((runs, invalid));
            }
            let more = if again > 0 { format!("-again{again}") } else { String::new() };
            let measured = turns.measure(&words, folder(&args.out).join(format!("{number:02}{more}")))?.at_all()?;
            let digest = measured.run.map(|run| Digest::of(&measured.dir.display().to_string(), &run));
            match digest {
                Some(digest) if digest.is_sound() => {
                    tell!("run {number} of {}: {}", args.runs, measured.dir.display());
                    runs.push(digest);
                    break;
                }
                _ if turns.stopped().is_some() => return Ok((runs, invalid)),
                digest => {
                    invalid += 1;
                    let why = digest.and_then(|digest| digest.reasons.into_iter().next()).unwrap_or_default();
                    tell!("run {number} is not counted: {why}");
                }
            }
        }
    }
    Ok((runs, invalid))
}

/// Where the records of a calibration lie: beside its file, a folder for each time it is made.
fn folder(out: &Path) -> PathBuf {
    let stem = out.file_stem().map_or("calibration".into(), |stem| stem.to_string_lossy());
    out.with_file_name(format!("{stem}-{}", std::process::id()))
}

fn json(found: &Calibration) -> Result<String, Trouble> {
    serde_json::to_string_pretty(found).map_err(|e| Trouble::internal(format!("the calibration: {e}")))
}

fn write(out: &Path, found: &Calibration) -> Result<(), Trouble> {
    let failed = |e: std::io::Error| Trouble::internal(format!("--out {}: {e}", out.display()));
    let dir = out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = out.file_name().and_then(|name| name.to_str()).ok_or_else(|| Trouble::usage("--out is the name of a file"))?;
    std::fs::create_dir_all(dir).map_err(failed)?;
    record::write::replace_file(dir, name, json(found)?.as_bytes()).map_err(failed)
}

/// The calibration in a file.
pub(super) fn read(path: &Path) -> Result<Calibration, Trouble> {
    let wrong = |why: String| Trouble::usage(format!("--calibration {}: {why}", path.display()));
    let size = std::fs::metadata(path).map_err(|e| wrong(e.to_string()))?.len();
    if size > FILE_MOST {
        return Err(wrong(format!("has {size} bytes; the most is {FILE_MOST}")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    let found: Calibration = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    if found.schema != calibrate::SCHEMA {
        return Err(wrong(format!("its schema is not {}", calibrate::SCHEMA)));
    }
    Ok(found)
}

fn show(found: &Calibration, out: &Path) {
    let invalid = if found.invalid > 0 { format!(", {} invalid ones not counted", found.invalid) } else { String::new() };
    say!("volley calibrate  {} runs of {}{invalid}", found.runs.len(), found.profile);
    say!("{}\n", found.experiment);
    let [a, b, c] = SIDES.map(|k| format!("{k} a side"));
    say!("{:20} {:>9} {:>7} {a:>10} {b:>10} {c:>10} {:>7}", "", "mean", "spread", "margin");
    found.metrics.iter().for_each(|metric| say!("{}", row(metric)));
    let about = 100.0 / (2.0 * (found.runs.len() as f64 - 1.0)).sqrt();
    say!("\nspread: standard deviation of the quantile's logarithm, itself known to some {about:.0} %");
    say!("a side: smallest change that so many runs see in four of five cases");
    let limits: Vec<String> =
        found.metrics.iter().map(|m| format!("--limit 'base: {} <= +{}%'", m.name, (m.margin * 1e3).round() / 10.0)).collect();
    say!("\ntake {} runs a side: volley compare .. {}", found.suggested_runs, limits.join(" "));
    say!("written to {}; compare with --calibration tells how other runs stand to it", out.display());
}

fn row(metric: &Spread) -> String {
    let share = |share: Option<f64>| share.map_or("n/a".to_owned(), |share| format!("{:.1} %", (share * 100.0).min(999.0)));
    let mean = metric.mean_ns.map_or("n/a".to_owned(), |ns| Nanos(ns).to_string());
    let [a, b, c] = [0, 1, 2].map(|at| share(metric.detectable.map(|seen| seen[at])));
    let note = metric.note.as_ref().map_or(String::new(), |note| format!("\n  {note}"));
    format!("{:20} {mean:>9} {:>7} {a:>10} {b:>10} {c:>10} {:>7}{note}", metric.name, share(metric.sd), share(Some(metric.margin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calibration_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("new").join("c.json");
        let spread = Spread {
            name: "echo p(50)".into(),
            mean_ns: Some(20_000_000),
            sd: Some(0.03),
            detectable: Some([0.097, 0.063, 0.041]),
            margin: 0.05,
            note: None,
        };
        let whole = Calibration { metrics: vec![spread], ..calibrate::calibrate(&[], &[], 1) };
        write(&path, &whole).map_err(|e| e.text).expect("it can be written");
        assert_eq!(read(&path).map_err(|e| e.text).expect("and read"), whole);
        std::fs::write(&path, "{\"schema\": 1}").expect("a file");
        assert!(read(&path).is_err_and(|e| e.text.contains("c.json")));
        assert_eq!(folder(Path::new("a/b.json")), PathBuf::from(format!("a/b-{}", std::process::id())));
    }
}
