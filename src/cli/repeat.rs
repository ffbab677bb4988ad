//! `volley run --repeat N`: N runs one behind the other, each in a process of its own as if typed alone, then a
//! table of all of them.

use std::path::Path;

use super::Trouble;
use super::args::Progress;
use super::args::RunArgs;
use super::args::RunFormat;
use super::config;
use super::say;
use super::tell;
use super::turns;
use super::turns::Turns;
use crate::units::Nanos;

/// Exit codes, the one that decides first.
const PRECEDENCE: [i32; 11] = [2, 1, 130, 143, 3, 4, 10, 11, 12, 0, -1];

/// What is kept of a run.
struct Row {
    code: i32,
    verdict: String,
    series: String,
    figures: [Option<u64>; 3],
}

/// Runs `times` times; the worst exit code.
pub(super) fn run(args: &RunArgs, times: u32) -> Result<u8, Trouble> {
    let base = turns::folder(args.out.as_ref(), &args.profile, "repeat");
    let turns = Turns::new()?;
    let words = without_repeat(config::words().skip(1));
    let mut rows = Vec::new();
    for turn in 1..=times {
        if turn > 1 {
            turns.rest(args.pause);
        }
        if turns.stopped().is_some() {
            break;
        }
        if args.progress != Progress::None {
            tell!("run {turn} of {times}");
        }
        let dir = base.join(turn.to_string());
        let row = row(&dir, turns.once(&words, &dir)?);
        // What could not even begin will not begin the next time either.
        let is_hopeless = row.code == 2;
        rows.push(row);
        if is_hopeless {
            break;
        }
    }
    show(&rows, &base, args.format);
    let worst = PRECEDENCE.iter().find(|code| rows.iter().any(|row| row.code == **code)).copied().unwrap_or(1);
    Ok(turns.stopped().filter(|_| worst != 2).unwrap_or(u8::try_from(worst).unwrap_or(1)))
}

/// What was typed, without what belongs to repeating.
fn without_repeat(typed: impl Iterator<Item = String>) -> Vec<String> {
    let (mut kept, mut skip) = (Vec::new(), false);
    for word in typed {
        if std::mem::take(&mut skip) {
            continue;
        }
        match word.as_str() {
            "--repeat" | "--pause" | "--out" => skip = true,
            word if ["--repeat=", "--pause=", "--out="].iter().any(|flag| word.starts_with(flag)) => {}
            _ => kept.push(word),
        }
    }
    kept
}

fn row(dir: &Path, code: i32) -> Row {
    let text = std::fs::read_to_string(dir.join("summary.json")).unwrap_or_default();
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let first = &summary["series"][0];
    Row {
        code,
        verdict: summary["verdict"].as_str().unwrap_or("no record").to_owned(),
        series: first["name"].as_str().unwrap_or_default().to_owned(),
        figures: ["p50", "p99", "max"].map(|figure| first["response"][figure].as_u64()),
    }
}

fn show(rows: &[Row], base: &Path, format: RunFormat) {
    if format == RunFormat::Json {
        let runs: Vec<serde_json::Value> = (1..).zip(rows).map(|(turn, row)| json(turn, row, base)).collect();
        return say!("{}", serde_json::json!({"schema": "volley.repeat/1", "runs": runs}));
    }
    if format == RunFormat::Ndjson {
        return (1..).zip(rows).for_each(|(turn, row)| say!("{}", json(turn, row, base)));
    }
    let series = rows.iter().map(|row| row.series.as_str()).find(|name| !name.is_empty()).unwrap_or("run");
    say!("{:>4}  {:8}  {:>9}  {:>9}  {:>9}  exit", "run", "verdict", "p50", "p99", "max");
    for (turn, row) in (1..).zip(rows) {
        let [p50, p99, max] = row.figures.map(shown);
        say!("{turn:>4}  {:8}  {p50:>9}  {p99:>9}  {max:>9}  {}", row.verdict, row.code);
    }
    let spread = [0, 1, 2].map(|at| spread(rows.iter().filter_map(|row| row.figures[at])));
    say!("      {:8}  {:>9}  {:>9}  {:>9}", "spread", spread[0], spread[1], spread[2]);
    say!("  response of {series}; spread: largest over smallest; records in {}", base.display());
}

fn json(turn: usize, row: &Row, base: &Path) -> serde_json::Value {
    let [p50, p99, max] = row.figures;
    let dir = base.join(turn.to_string()).display().to_string();
    serde_json::json!({"run": turn, "verdict": row.verdict, "exit": row.code, "series": row.series, "response": {"p50": p50, "p99": p99, "max": max}, "record": dir})
}

fn shown(time: Option<u64>) -> String {
    time.map_or("n/a".into(), |ns| Nanos(ns).to_string())
}

/// The largest over the smallest.
fn spread(times: impl Iterator<Item = u64>) -> String {
    let times: Vec<u64> = times.collect();
    match (times.iter().min(), times.iter().max()) {
        (Some(least), Some(most)) if *least > 0 => format!("{:.2}x", *most as f64 / *least as f64),
        _ => "n/a".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_repeating_is_left_out() {
        let typed = ["run", "echo", "--repeat", "3", "--out=x", "--pause=1s", "--clients", "5", "--out", "y"].map(str::to_owned);
        assert_eq!(without_repeat(typed.into_iter()), ["run", "echo", "--clients", "5"]);
    }

    #[test]
    fn spread_is_a_ratio() {
        assert_eq!(spread([200, 100, 150].into_iter()), "2.00x");
        assert_eq!(spread(std::iter::empty()), "n/a");
    }
}
