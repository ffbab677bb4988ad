//! `volley search`: run after run with another load, until the largest that holds the limits is known.

mod drawn;
mod frontier;

use std::path::Path;

use clap::ValueEnum as _;
use serde::Serialize;

use super::Trouble;
use super::USAGE;
use super::args::Format;
use super::args::Over;
use super::args::SearchArgs;
use super::resolve;
use super::say;
use super::tell;
use super::turns;
use super::turns::Measured;
use super::turns::Turns;
use crate::record;
use crate::record::Run;
use crate::report::build;
use crate::report::html;
use crate::report::steps;
use crate::report::steps::Steps;
use crate::report::view::Verdict;
use crate::report::view::View;
use crate::trial::search::Ask;
use crate::trial::search::End;
use crate::trial::search::Range;
use crate::trial::search::Search;
use crate::trial::search::Told;
use crate::units::Nanos;
use crate::units::Rate;

/// Schema of the outcome as JSON.
const SCHEMA: &str = "volley.search/1";
/// Exit code when even the lowest load breaks the limits.
const NOTHING_HOLDS: u8 = 3;
/// Exit code when the generator was the limit, or a limit could not be judged.
const INVALID: u8 = 4;
/// Length of a step.
const STEP: Nanos = Nanos::from_secs(10);
/// Loads of a search over the rate are tenths of a send a second.
const TENTHS: f64 = 10.0;
/// Most characters shown of why a step does not hold.
const REASON: usize = 72;

/// A step, done.
#[derive(Clone, Debug, Serialize)]
struct Step {
    load: f64,
    why: &'static str,
    duration_ns: u64,
    p50: Option<u64>,
    p99: Option<u64>,
    verdict: &'static str,
    reasons: Vec<String>,
    exit: i32,
    record: String,
}

/// `search.json`.
#[derive(Debug, Serialize)]
struct Outcome {
    schema: &'static str,
    /// How it ended; `None` when it was stopped.
    end: Option<End>,
    over: &'static str,
    limits: Vec<String>,
    /// The largest load that holds.
    load: Option<f64>,
    /// The smallest that breaks.
    breaks: Option<f64>,
    recovers: Option<bool>,
    steps: Vec<Step>,
}

/// Searches and prints; the exit code says whether something was found.
pub(super) fn search(args: &SearchArgs) -> Result<u8, Trouble> {
    check(args)?;
    let turns = Turns::new()?;
    let dir = turns::folder(args.out.as_ref(), &args.each.profile, "search");
    if args.over == Over::Both {
        return frontier::search(args, &turns, &dir);
    }
    let outcome = seek(args, &turns, range(args)?, &dir, None)?;
    write(&dir, &json(&outcome)?, &drawn::drawn(&outcome, &args.each.profile))?;
    match args.format {
        Format::Text => show(&outcome, &args.each.profile, &dir),
        Format::Json => say!("{}", json(&outcome)?),
    }
    Ok(turns.stopped().unwrap_or(match outcome.end {
        Some(End::Found) => 0,
        Some(End::Nothing) => NOTHING_HOLDS,
        _ => INVALID,
    }))
}

/// One search, step by step, at one rate of each client where clients are searched for at several.
fn seek(args: &SearchArgs, turns: &Turns, range: Range, dir: &Path, rate: Option<Rate>) -> Result<Outcome, Trouble> {
    let (mut search, mut steps, mut end) = (Search::new(range), Vec::new(), None);
    while let Some(ask) = search.next() {
        turns.rest(args.pause);
        let step = if turns.stopped().is_some() {
            None
        } else {
            one(args, turns, ask, rate, &dir.join(format!("{:02}", steps.len() + 1)), !steps.is_empty())?
        };
        let Some((step, told)) = step.filter(|_| turns.stopped().is_none()) else { break };
        tell!("{}{}", row(steps.len() + 1, &step), reason(&step).map_or(String::new(), |why| format!("\n{why}")));
        steps.push(step);
        search.told(told);
        end = search.end();
    }
    Ok(Outcome {
        schema: SCHEMA,
        end,
        over: word(args.over),
        limits: args.limit.clone(),
        load: search.held().map(|load| shown(args.over, load)),
        breaks: search.breaks().map(|load| shown(args.over, load)),
        recovers: search.recovers(),
        steps,
    })
}

/// Refuses flags that say what the search says itself.
fn check(args: &SearchArgs) -> Result<(), Trouble> {
    let own: &[&str] = match args.over {
        Over::Clients => &["clients", "shape", "count"],
        Over::Rate => &["rate", "shape", "count", "closed"],
        Over::Both => &["clients", "rate", "shape", "count", "closed"],
    };
    match args.each.typed(own) {
        Some(name) => {
            let over = args.over.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned());
            Err(Trouble::usage(format!("--{name} does not go with --over {over}: the load is what is searched for")))
        }
        None => Ok(()),
    }
}

/// What a step's load counts.
fn word(over: Over) -> &'static str {
    if over == Over::Rate { "rate" } else { "clients" }
}

/// A load as people write it.
fn shown(over: Over, load: u64) -> f64 {
    if over == Over::Rate { load as f64 / TENTHS } else { load as f64 }
}

fn range(args: &SearchArgs) -> Result<Range, Trouble> {
    let (unit, factor, [from, to]) = match args.over {
        Over::Clients | Over::Both => {
            let group = resolve::group(&resolve::profile(&args.each.profile, false)?, &args.each.set)?;
            (group, 1.0, [10.0, 100_000.0])
        }
        Over::Rate => (1, TENTHS, [1.0, 10_000.0]),
    };
    let number = |name: &str, value: f64| match (value * factor).round() {
        load if (1.0..=1e9).contains(&load) => Ok(load as u64),
        _ => Err(Trouble::usage(format!("--{name} {value} is no load; the smallest is {}", 1.0 / factor))),
    };
    let from = number("from", args.from.unwrap_or(from))?.next_multiple_of(unit);
    let to = number("to", args.to.unwrap_or(to))? / unit * unit;
    if from > to {
        return Err(Trouble::usage(format!("--from is above --to, or there are no whole groups of {unit} between them")));
    }
    Ok(Range { from, to, unit })
}

/// One run; `None` when it was stopped before there was a record.
fn one(
    args: &SearchArgs,
    turns: &Turns,
    ask: Ask,
    rate: Option<Rate>,
    dir: &Path,
    is_later: bool,
) -> Result<Option<(Step, Told)>, Trouble> {
    let duration = Nanos(args.each.duration.unwrap_or(STEP).0.saturating_mul(u64::from(ask.longer)));
    let mut words = args.each.words(args.each.target.as_deref(), &["duration", word(args.over)]);
    let load = shown(args.over, ask.load);
    words.push(match args.over {
        Over::Clients | Over::Both => format!("--clients={load}"),
        Over::Rate => format!("--rate={load}/s"),
    });
    words.extend(rate.map(|rate| format!("--rate={rate}")));
    words.push(format!("--duration={}ns", duration.0));
    words.extend(args.limit.iter().map(|limit| format!("--limit={limit}")));
    let mut step = Step {
        load,
        why: ask.why.word(),
        duration_ns: duration.0,
        p50: None,
        p99: None,
        verdict: "invalid",
        reasons: Vec::new(),
        exit: 0,
        record: dir.display().to_string(),
    };
    let Measured { code, run, .. } = match turns.measure(&words, dir.to_owned()) {
        // What began with a smaller load is refused because of its size: this machine is too small for it.
        Err(trouble) if trouble.code == USAGE && is_later => {
            (step.exit, step.reasons) = (i32::from(USAGE), vec!["this load is refused here, as said above".into()]);
            return Ok(Some((step, Told::Invalid)));
        }
        measured => measured?,
    };
    let Some(run) = run else { return Ok(None) };
    let (told, view) = judged(run);
    let main = view.summary.series.iter().find(|series| series.name == view.timeline.series);
    let quantile = |key: &str| main.and_then(|series| series.response.get(key).copied().flatten());
    (step.p50, step.p99, step.exit) = (quantile("p50"), quantile("p99"), code);
    step.verdict = verdict(told);
    step.reasons = view.summary.reasons;
    Ok(Some((step, told)))
}

fn verdict(told: Told) -> &'static str {
    match told {
        Told::Holds => "holds",
        Told::Thin(_) => "holds?",
        Told::Breaks => "breaks",
        Told::Invalid => "invalid",
    }
}

/// What a run says of its load. Without its limits its verdict is about the run alone.
fn judged(mut run: Run) -> (Told, View) {
    let view = build::view(&run);
    run.manifest.plan.limits.clear();
    let alone = build::view(&run).summary.verdict;
    let limits = &view.summary.limits;
    let thin = limits.iter().filter(|limit| limit.ok.is_none()).map(|limit| enough(&limit.note)).min();
    let told = match (alone, thin) {
        (Verdict::Invalid | Verdict::Degraded, _) => Told::Invalid,
        (Verdict::Fail | Verdict::Aborted, _) => Told::Breaks,
        _ if limits.iter().any(|limit| limit.ok == Some(false)) => Told::Breaks,
        (Verdict::Pass, Some(enough)) => Told::Thin(enough),
        (Verdict::Pass, None) => Told::Holds,
    };
    (told, view)
}

/// Hundredths of the samples that a limit needs, from what is said of it: `23 of 100 needed`.
fn enough(note: &str) -> u32 {
    note.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(50)
}

fn json(outcome: &impl Serialize) -> Result<String, Trouble> {
    serde_json::to_string_pretty(outcome).map_err(|e| Trouble::internal(format!("the outcome: {e}")))
}

fn write(dir: &Path, json: &str, drawn: &Steps) -> Result<(), Trouble> {
    let files = [
        ("search.json", json.as_bytes().to_vec()),
        ("search.html", html::steps(drawn)),
        ("search.png", steps::png(drawn).map_err(Trouble::internal)?),
    ];
    let failed = |e: std::io::Error| Trouble::internal(format!("the outcome could not be written: {e}"));
    std::fs::create_dir_all(dir).map_err(failed)?;
    files.iter().try_for_each(|(name, bytes)| record::write::replace_file(dir, name, bytes)).map_err(failed)
}

/// A line of the table.
fn row(number: usize, step: &Step) -> String {
    let time = |ns: Option<u64>| ns.map_or("n/a".into(), |ns| Nanos(ns).to_string());
    let [p50, p99, length] = [time(step.p50), time(step.p99), Nanos(step.duration_ns).to_string()];
    format!("{number:>4}  {:8} {:>9} {p50:>9} {p99:>9} {length:>8}  {}", step.why, step.load, step.verdict)
}

/// Why a step does not hold, on a line of its own.
fn reason(step: &Step) -> Option<String> {
    let why = step.reasons.first().filter(|_| step.verdict != "holds")?;
    let cut: String = why.chars().take(REASON).collect();
    Some(if cut.len() < why.len() { format!("      {cut}..") } else { format!("      {cut}") })
}

fn show(outcome: &Outcome, profile: &str, dir: &Path) {
    say!("volley search  {profile} over {}: {}\n", outcome.over, outcome.limits.join(", "));
    say!("{:>4}  {:8} {:>9} {:>9} {:>9} {:>8}  verdict", "step", "why", outcome.over, "p50", "p99", "length");
    for (number, step) in (1..).zip(&outcome.steps) {
        say!("{}", row(number, step));
        reason(step).into_iter().for_each(|why| say!("{why}"));
    }
    say!("\n{}", sentence(outcome));
    match outcome.recovers {
        Some(true) => say!("at half of that load the server holds the limits again"),
        Some(false) => say!("warning: at half of that load the limits broke: the server has not recovered"),
        None => {}
    }
    say!("records, search.json, search.html and search.png in {}", dir.display());
}

/// What was found.
fn sentence(outcome: &Outcome) -> String {
    let load = |load: Option<f64>| {
        load.map_or("nothing".to_owned(), |load| if outcome.over == "rate" { format!("{load}/s") } else { format!("{load} clients") })
    };
    let held = load(outcome.load);
    match outcome.end {
        Some(End::Found) => match outcome.breaks {
            Some(breaks) => format!("FOUND {held}; at {} the limits break", load(Some(breaks))),
            None => format!("FOUND {held}, the highest load that was to be tried; --to goes further"),
        },
        Some(End::Nothing) => "NOTHING: even the lowest load breaks the limits".into(),
        Some(End::GeneratorLimited) => {
            format!(
                "GENERATOR-LIMITED: the generator or its machine was the limit, not the server; {held} held. Use a larger or quieter machine"
            )
        }
        Some(End::Unjudged) => {
            format!("UNJUDGED: at {held} a limit has too few samples even in the longest step; take a longer --duration")
        }
        Some(End::Unsteady) => format!("UNSTEADY: loads that hold break when run again; {held} held last. Take a longer --duration"),
        None => format!("STOPPED; {held} held so far"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_from_what_is_said() {
        assert_eq!((enough("23 of 100 needed"), enough("no stretch has enough samples")), (23, 50));
    }
}
