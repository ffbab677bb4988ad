//! Runs in the order in which they were made, and how a quantile went.
//!
//! Each row stands against the median of the rows before it that were the same experiment and can be believed, up to
//! ten of them. Where the level changes for good is marked by the rule of [`change`]. This shows, and accuses nobody;
//! `compare` and `ab` do.

use serde::Serialize;

use super::change;
use crate::report::compare::digest::Digest;
use crate::report::compare::gate::Gate;

/// Schema of a trend as JSON.
pub const SCHEMA: &str = "volley.trend/1";
/// How many runs before one it stands against.
const BACK: usize = 10;

/// Runs in order of time.
#[derive(Clone, Debug, Serialize)]
pub struct Trend {
    /// `volley.trend/1`.
    pub schema: &'static str,
    /// Profile.
    pub profile: String,
    /// Names of the metrics, in the order of each row's figures.
    pub metrics: Vec<String>,
    /// The runs.
    pub runs: Vec<Row>,
    /// Where the level of a metric changes, in order of the runs.
    pub changes: Vec<Change>,
}

/// A change of level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Number of the first run of the new level, from 1.
    pub run: usize,
    /// The metric.
    pub metric: String,
    /// New level / old level.
    pub ratio: f64,
    /// How often runs in an order by chance show a change as clear, 0 to 1.
    pub p: f64,
}

/// A run.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// When it began.
    pub started: String,
    /// Folder of its record.
    pub record: String,
    /// Its own verdict.
    pub verdict: String,
    /// What makes it another experiment than the run before, in words.
    pub differs: Vec<String>,
    /// A figure a metric.
    pub figures: Vec<Figure>,
}

/// A quantile of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Its value; `None` with too few samples.
    pub ns: Option<u64>,
    /// Against the median of those before it; `None` without any.
    pub ratio: Option<f64>,
}

/// The trend of runs that are in order of time.
pub fn trend(runs: &[Digest], gates: &[Gate]) -> Trend {
    let logs: Vec<Vec<Option<f64>>> = gates.iter().map(|gate| runs.iter().map(|run| run.log_quantile(gate).ok()).collect()).collect();
    let row = |at: usize| {
        let run = &runs[at];
        let before: Vec<usize> = (0..at).filter(|&i| runs[i].is_sound() && runs[i].differences(run).is_empty()).collect();
        let figure = |logs: &Vec<Option<f64>>| figure(logs[at], before.iter().filter_map(|&i| logs[i]).collect());
        Row {
            started: run.started.clone(),
            record: run.place.clone(),
            verdict: format!("{:?}", run.verdict).to_lowercase(),
            differs: if at == 0 { Vec::new() } else { run.differences(&runs[at - 1]) },
            figures: logs.iter().map(figure).collect(),
        }
    };
    Trend {
        schema: SCHEMA,
        profile: runs.first().map(|run| run.plan.profile.clone()).unwrap_or_default(),
        metrics: gates.iter().map(Gate::name).collect(),
        runs: (0..runs.len()).map(row).collect(),
        changes: changes(runs, gates, &logs),
    }
}

/// Changes among the runs of each experiment that can be believed.
fn changes(runs: &[Digest], gates: &[Gate], logs: &[Vec<Option<f64>>]) -> Vec<Change> {
    let mut experiments: Vec<Vec<usize>> = Vec::new();
    for (at, run) in runs.iter().enumerate().filter(|(_, run)| run.is_sound()) {
        match experiments.iter_mut().find(|same| runs[same[0]].differences(run).is_empty()) {
            Some(same) => same.push(at),
            None => experiments.push(vec![at]),
        }
    }
    let mut found = Vec::new();
    for same in &experiments {
        for (gate, logs) in gates.iter().zip(logs) {
            let (places, row): (Vec<usize>, Vec<f64>) = same.iter().filter_map(|&at| Some((at, logs[at]?))).unzip();
            let told = |change: change::Change| Change {
                run: places[change.at] + 1,
                metric: gate.name(),
                ratio: change.log_ratio.exp(),
                p: change.p,
            };
            found.extend(change::changes(&row).into_iter().map(told));
        }
    }
    found.sort_by_key(|change| change.run);
    found
}

/// A value against the median of the last of those before it, all as logarithms.
fn figure(log: Option<f64>, before: Vec<f64>) -> Figure {
    let mut last = before[before.len().saturating_sub(BACK)..].to_vec();
    last.sort_by(f64::total_cmp);
    let median = (!last.is_empty()).then(|| (last[(last.len() - 1) / 2] + last[last.len() / 2]) / 2.0);
    Figure { ns: log.map(|log| log.exp().round() as u64), ratio: log.zip(median).map(|(log, median)| (log - median).exp()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_against_the_median_of_the_last_ten() {
        let ln = |x: f64| x.ln();
        assert_eq!(figure(Some(ln(100.0)), Vec::new()), Figure { ns: Some(100), ratio: None });
        let found = figure(Some(ln(150.0)), vec![ln(100.0), ln(1_000.0), ln(100.0)]);
        assert!(found.ratio.is_some_and(|ratio| (ratio - 1.5).abs() < 1e-9), "{found:?}");
        let old = std::iter::repeat_n(ln(1.0), 50).chain(std::iter::repeat_n(ln(100.0), 10)).collect();
        assert!(figure(Some(ln(50.0)), old).ratio.is_some_and(|ratio| (ratio - 0.5).abs() < 1e-9));
        assert_eq!(figure(None, vec![0.0]), Figure { ns: None, ratio: None });
    }
}
