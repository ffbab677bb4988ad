//! `volley compare`: runs of a base against new runs, from their records.

use std::path::Path;
use std::path::PathBuf;

use super::Trouble;
use super::args::CompareArgs;
use super::args::CompareReport;
use super::args::Format;
use super::args::OnInconclusive;
use super::calibrate;
use super::say;
use super::tell;
use crate::record;
use crate::record::write::RUN_JSON;
use crate::report::compare;
use crate::report::compare::Comparison;
use crate::report::compare::ci;
use crate::report::compare::digest::Digest;
use crate::report::compare::gate;
use crate::report::compare::gate::Gate;
use crate::report::compare::stats::Answer;
use crate::report::compare::text;
use crate::report::html;
use crate::trial::calibrate::stands;

/// Exit code for a regression.
const REGRESSION: u8 = 11;
/// Exit code for no conclusion, when asked to fail on it.
const INCONCLUSIVE: u8 = 12;

/// Compares and prints; the exit code is that of the answer.
pub(super) fn compare(args: &CompareArgs) -> Result<u8, Trouble> {
    let calibration = args.calibration.as_deref().map(calibrate::read).transpose()?;
    let seconds = args.report.contains(&CompareReport::Html);
    let new = read_all(&args.with, seconds)?;
    let mut base = read_all(&args.base, seconds)?;
    if let Some(dir) = &args.baseline {
        base.extend(archive(dir, &base, &new, seconds)?);
    }
    if base.is_empty() || new.is_empty() {
        return Err(Trouble::usage("a comparison needs at least one run on each side"));
    }
    once_each(&base, &new)?;
    comparable(&base, &new, args.force)?;
    let gates = gates(&args.limit, &base, &new)?;
    let comparison = compare::compare(&base, &new, &gates, args.strict_evidence);
    write_reports(args, &comparison)?;
    match args.format {
        Format::Text => say!("{}", text::text(&comparison).trim_end()),
        Format::Json => {
            say!("{}", serde_json::to_string_pretty(&comparison).map_err(|e| Trouble::internal(format!("the comparison: {e}")))?)
        }
    }
    if let Some(calibration) = calibration {
        let line = |line: String| if args.format == Format::Text { say!("{line}") } else { tell!("{line}") };
        stands(&calibration, &base, &new, &gates).into_iter().for_each(line);
    }
    Ok(code(comparison.verdict, args.on_inconclusive))
}

/// The exit code of an answer.
pub(super) fn code(verdict: Answer, on_inconclusive: OnInconclusive) -> u8 {
    match verdict {
        Answer::Regression => REGRESSION,
        Answer::Inconclusive if on_inconclusive == OnInconclusive::Fail => INCONCLUSIVE,
        Answer::Inconclusive => {
            tell!("warning: inconclusive counts as fine; more runs a side would decide, `--on-inconclusive fail` makes it an error");
            0
        }
        Answer::Pass | Answer::Clear => 0,
    }
}

fn write_reports(args: &CompareArgs, comparison: &Comparison) -> Result<(), Trouble> {
    let Some(dir) = &args.out else { return Ok(()) };
    let failed = |e: std::io::Error| Trouble::internal(format!("--out {}: {e}", dir.display()));
    std::fs::create_dir_all(dir).map_err(failed)?;
    args.report.iter().try_for_each(|report| {
        let (name, bytes) = match report {
            CompareReport::Junit => ("junit.xml", ci::junit(comparison)),
            CompareReport::Markdown => ("compare.md", ci::markdown(comparison)),
            CompareReport::Png => ("compare.png", compare::png(comparison).map_err(Trouble::internal)?),
            CompareReport::Html => ("compare.html", html::comparison(comparison)),
        };
        record::write::replace_file(dir, name, &bytes).map_err(failed)
    })
}

fn read_all(dirs: &[PathBuf], seconds: bool) -> Result<Vec<Digest>, Trouble> {
    dirs.iter().map(|dir| read(dir, seconds).map_err(Trouble::usage)).collect()
}

/// Reads a record, all its seconds only where heat maps want them.
fn read(dir: &Path, seconds: bool) -> Result<Digest, String> {
    let run = record::read_some(dir, |known, tag| seconds || Digest::needs(known, tag)).map_err(|e| e.to_string())?;
    Ok(Digest::of(&dir.display().to_string(), &run))
}

/// The records in a folder, by name; those that cannot be read are told.
pub(super) fn read_below(dir: &Path, seconds: bool) -> std::io::Result<Vec<Digest>> {
    let mut dirs: Vec<PathBuf> =
        std::fs::read_dir(dir)?.flatten().map(|entry| entry.path()).filter(|path| path.join(RUN_JSON).is_file()).collect();
    dirs.sort();
    let told = |why: String| tell!("left out: {why}");
    Ok(dirs.iter().filter_map(|dir| read(dir, seconds).map_err(told).ok()).collect())
}

/// The records in a folder that can be compared with the new runs and are not among those named.
fn archive(dir: &Path, base: &[Digest], new: &[Digest], seconds: bool) -> Result<Vec<Digest>, Trouble> {
    let all = read_below(dir, seconds).map_err(|e| Trouble::usage(format!("--baseline {}: {e}", dir.display())))?;
    let mut found: Vec<Digest> = Vec::new();
    for digest in all {
        if base.iter().chain(new).chain(&found).any(|run| is_same(run, &digest)) {
            continue;
        }
        let mut why = new.first().map(|run| digest.differences(run)).unwrap_or_default();
        why.extend((!digest.is_sound()).then(|| "its figures cannot be believed".to_owned()));
        if why.is_empty() { found.push(digest) } else { tell!("left out: {}: {}", digest.place, why.join(", ")) }
    }
    if found.is_empty() {
        return Err(Trouble::usage(format!("--baseline {}: no record in it can be compared with the new runs", dir.display())));
    }
    Ok(found)
}

/// Whether two digests are of one run; ids are short, so the instant counts too.
fn is_same(a: &Digest, b: &Digest) -> bool {
    a.id == b.id && a.started == b.started
}

fn once_each(base: &[Digest], new: &[Digest]) -> Result<(), Trouble> {
    let all: Vec<&Digest> = base.iter().chain(new).collect();
    for (i, run) in all.iter().enumerate() {
        if let Some(other) = all[..i].iter().find(|other| is_same(other, run)) {
            return Err(Trouble::usage(format!("{} and {} are the same run; name each run once", other.place, run.place)));
        }
    }
    Ok(())
}

/// The verdict of a run in a word.
pub(super) fn judge_word(run: &Digest) -> String {
    format!("{:?}", run.verdict).to_lowercase()
}

/// Refuses to compare what is not the same experiment, or goes on with a word of it.
fn comparable(base: &[Digest], new: &[Digest], force: bool) -> Result<(), Trouble> {
    let first = &base[0];
    let mut reasons: Vec<String> = Vec::new();
    for run in base.iter().chain(new) {
        reasons.extend(run.differences(first).into_iter().map(|what| format!("{}: another {what} than {}", run.place, first.place)));
        if !run.is_sound() {
            reasons.push(format!("{}: its verdict is `{}`, so its figures cannot be believed", run.place, judge_word(run)));
        }
    }
    if reasons.is_empty() {
        return Ok(());
    }
    let reasons = reasons.join("\n  ");
    if !force {
        return Err(Trouble::usage(format!("these runs cannot be compared:\n  {reasons}\n`--force` compares them all the same")));
    }
    tell!("warning: compared by --force:\n  {reasons}");
    Ok(())
}

/// The gates that were typed, or the usual ones.
pub(super) fn gates(limits: &[String], base: &[Digest], new: &[Digest]) -> Result<Vec<Gate>, Trouble> {
    let known = compare::shared(base, new);
    if limits.is_empty() {
        let usual = compare::usual_gates(base, new);
        let none = || Trouble::usage("no series of the load has answers on both sides; name what to compare with --limit");
        return if usual.is_empty() { Err(none()) } else { Ok(usual) };
    }
    let read: Vec<Result<Gate, String>> = limits.iter().map(|text| gate::parse(text, &known)).collect();
    let mistakes: Vec<String> = read.iter().filter_map(|gate| gate.as_ref().err().cloned()).collect();
    if mistakes.is_empty() { Ok(read.into_iter().flatten().collect()) } else { Err(Trouble::usage(mistakes.join("\n"))) }
}
