//! `volley search --over both`: how many clients are held at each of several rates.
//!
//! A rate after another, rising. Clients that broke at one rate are not tried at the next: a server that cannot hold them at fewer
//! sends cannot at more.

use std::path::Path;

use serde::Serialize;

use super::INVALID;
use super::NOTHING_HOLDS;
use super::Outcome;
use super::Step;
use super::json;
use super::range;
use super::seek;
use super::write;
use crate::cli::Trouble;
use crate::cli::args::Format;
use crate::cli::args::SearchArgs;
use crate::cli::say;
use crate::cli::tell;
use crate::cli::turns::Turns;
use crate::report::steps::Steps;
use crate::trial::search::End;
use crate::units::Rate;

/// Schema of the outcome as JSON.
const SCHEMA: &str = "volley.frontier/1";

/// `search.json`.
#[derive(Debug, Serialize)]
struct Frontier {
    schema: &'static str,
    limits: Vec<String>,
    /// By rate, rising.
    points: Vec<Point>,
}

/// What is held at a rate.
#[derive(Debug, Serialize)]
struct Point {
    /// Sends a second of each client.
    rate: f64,
    #[serde(flatten)]
    found: Outcome,
}

/// Searches at each rate and prints.
pub(super) fn search(args: &SearchArgs, turns: &Turns, dir: &Path) -> Result<u8, Trouble> {
    let mut rates = args.rates.clone();
    rates.sort_by(|a, b| a.per_s().total_cmp(&b.per_s()));
    rates.dedup();
    let mut range = range(args)?;
    let mut frontier = Frontier { schema: SCHEMA, limits: args.limit.clone(), points: Vec::new() };
    for rate in rates {
        tell!("at {rate} a client:");
        let found = seek(args, turns, range, &dir.join(folder(rate)), Some(rate))?;
        if let Some(breaks) = found.breaks {
            range.to = (breaks as u64).clamp(range.unit, range.to);
            range.from = range.from.min(range.to);
        }
        frontier.points.push(Point { rate: rate.per_s(), found });
        if turns.stopped().is_some() {
            break;
        }
    }
    write(dir, &json(&frontier)?, &drawn(&frontier, &args.each.profile))?;
    match args.format {
        Format::Text => show(&frontier, &args.each.profile, dir),
        Format::Json => say!("{}", json(&frontier)?),
    }
    Ok(turns.stopped().unwrap_or(code(&frontier)))
}

/// Name of the folder of a rate.
fn folder(rate: Rate) -> String {
    format!("rate-{}", rate.to_string().replace('/', "-per-"))
}

/// 0 when every rate has an answer and one of them holds something.
fn code(frontier: &Frontier) -> u8 {
    let ends = || frontier.points.iter().map(|point| point.found.end);
    match () {
        () if ends().any(|end| !matches!(end, Some(End::Found | End::Nothing))) => INVALID,
        () if ends().all(|end| end == Some(End::Nothing)) => NOTHING_HOLDS,
        () => 0,
    }
}

/// Cells of a point: rate, clients held, sends a second in all, clients that break, how it ended, whether the server recovers.
fn cells(point: &Point) -> [String; 6] {
    let number = |n: Option<f64>| n.map_or("n/a".to_owned(), |n| n.to_string());
    let end = match point.found.end {
        Some(End::Found) => "found",
        Some(End::Nothing) => "nothing holds",
        Some(End::GeneratorLimited) => "generator-limited",
        Some(End::Unjudged) => "not judged",
        Some(End::Unsteady) => "unsteady",
        None => "stopped",
    };
    let recovers = match point.found.recovers {
        Some(true) => "yes",
        Some(false) => "no",
        None => "n/a",
    };
    let all = point.found.load.map(|load| (load * point.rate * 10.0).round() / 10.0);
    [format!("{}/s", point.rate), number(point.found.load), number(all), number(point.found.breaks), end.into(), recovers.into()]
}

const HEADS: [&str; 6] = ["rate", "clients", "sends/s", "breaks at", "end", "recovers"];

fn show(frontier: &Frontier, profile: &str, dir: &Path) {
    let line = |cells: [&str; 6]| {
        let [rate, clients, all, breaks, end, recovers] = cells;
        format!("{rate:>9} {clients:>9} {all:>10} {breaks:>10}  {end:17}  {recovers}")
    };
    say!("volley search  {profile} over clients and rate: {}\n", frontier.limits.join(", "));
    say!("{}", line(HEADS));
    for point in &frontier.points {
        let cells = cells(point);
        say!("{}", line(std::array::from_fn(|i| cells[i].as_str())));
    }
    say!("\nclients: the most that held the limits at that rate of each; recovers: at half of them the limits held again");
    say!("records, search.json, search.html and search.png in {}", dir.display());
}

/// The frontier as it is drawn: a line of latency against clients for each rate.
fn drawn(frontier: &Frontier, profile: &str) -> Steps {
    let (name, of) = match frontier.points.iter().flat_map(|point| &point.found.steps).any(|step| step.p99.is_some()) {
        true => ("p99", (|step| step.p99) as fn(&Step) -> Option<u64>),
        false => ("p50", (|step| step.p50) as fn(&Step) -> Option<u64>),
    };
    let held = |point: &Point| match point.found.load {
        Some(load) => format!("{load} clients at {}/s", point.rate),
        None => format!("none at {}/s", point.rate),
    };
    Steps {
        title: format!("Search: {profile} over clients and rate"),
        finding: format!(
            "Held: {}. Limits: {}.",
            frontier.points.iter().map(held).collect::<Vec<_>>().join(", "),
            frontier.limits.join(", ")
        ),
        word: Some(match code(frontier) {
            0 => "Found",
            NOTHING_HOLDS => "Nothing holds",
            _ => "Not complete",
        }),
        good: match code(frontier) {
            0 => Some(true),
            NOTHING_HOLDS => Some(false),
            _ => None,
        },
        axis: "Clients".into(),
        lines: frontier.points.iter().map(|point| (format!("{name} at {}/s", point.rate), super::drawn::line(&point.found, of))).collect(),
        notes: frontier.points.iter().filter_map(|point| Some((point.found.load?, format!("{}/s", point.rate)))).collect(),
        heads: ["#Rate", "#Clients held", "#Sends a second in all", "#Breaks at", "End", "Recovers"].map(str::to_owned).into(),
        rows: frontier.points.iter().map(|point| cells(point).into()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;

    fn point(rate: f64, end: Option<End>, load: Option<f64>) -> Point {
        let step = Step {
            load: load.unwrap_or(10.0),
            why: "rise",
            duration_ns: Nanos::from_secs(1).0,
            p50: Some(1_000_000),
            p99: None,
            verdict: "holds",
            reasons: Vec::new(),
            exit: 0,
            record: String::new(),
        };
        let found = Outcome {
            schema: "volley.search/1",
            end,
            over: "clients",
            limits: Vec::new(),
            load,
            breaks: load.map(|load| load + 1.0),
            recovers: None,
            steps: vec![step],
        };
        Point { rate, found }
    }

    #[test]
    fn a_frontier_in_cells_and_its_exit_code() {
        let of = |points| Frontier { schema: SCHEMA, limits: vec!["echo p(50) < 1ms".into()], points };
        let found = point(2.5, Some(End::Found), Some(40.0));
        assert_eq!(cells(&found), ["2.5/s", "40", "100", "41", "found", "n/a"]);
        let frontier = of(vec![found, point(5.0, Some(End::Nothing), None)]);
        assert_eq!(code(&frontier), 0);
        let drawn = drawn(&frontier, "echo");
        assert!(drawn.finding.starts_with("Held: 40 clients at 2.5/s, none at 5/s."), "{}", drawn.finding);
        assert_eq!((drawn.lines[0].0.as_str(), drawn.notes.len(), drawn.rows.len()), ("p50 at 2.5/s", 1, 2));
        assert_eq!(code(&of(vec![point(1.0, Some(End::Nothing), None)])), NOTHING_HOLDS);
        assert_eq!(code(&of(vec![point(1.0, Some(End::Found), Some(1.0)), point(2.0, None, None)])), INVALID);
    }
}
