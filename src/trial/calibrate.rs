//! How much runs of the same differ, and what can be seen through it.
//!
//! ```text
//! sd      of the logarithm of a quantile, over runs of the same plan against the same server
//! seen    smallest change that k runs a side find in four of five cases (see `report::compare::stats`)
//! runs    the fewest of 3, 5, 10 a side that see twice the usual margin, for every metric
//! margin  the usual one, or half of what so many runs see when that is more
//! ```

use serde::Deserialize;
use serde::Serialize;

use crate::report::compare::digest::Digest;
use crate::report::compare::gate::Gate;
use crate::report::compare::stats;

/// Schema of a calibration as JSON.
pub const SCHEMA: &str = "volley.calibration/1";
/// Runs a side for which it is said what they see.
pub const SIDES: [u32; 3] = [3, 5, 10];
/// How many times the calibrated spread is worth a word.
const NOISIER: f64 = 2.0;

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// `volley.calibration/1`.
    pub schema: String,
    /// Profile.
    pub profile: String,
    /// What was run and where, in words.
    pub experiment: String,
    /// Folders of the records.
    pub runs: Vec<String>,
    /// Runs that were invalid and are not counted.
    pub invalid: usize,
    /// One line a metric.
    pub metrics: Vec<Spread>,
    /// Runs a side that are suggested.
    pub suggested_runs: u32,
}

/// The spread of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// `echo p(99)`.
    pub name: String,
    /// Geometric mean in nanoseconds.
    pub mean_ns: Option<u64>,
    /// Standard deviation of the logarithm: 0.02 are 2 %.
    pub sd: Option<f64>,
    /// Smallest detectable changes as shares, for each of [`SIDES`].
    pub detectable: Option<[f64; 3]>,
    /// Margin that is suggested, as a share.
    pub margin: f64,
    /// Why there is no figure.
    pub note: Option<String>,
}

/// What a run is and where it was made, for a comparison with others.
pub fn experiment(run: &Digest) -> String {
    let plan = &run.plan;
    let load = match (&plan.rate, plan.closed) {
        (Some(rate), _) => rate.clone(),
        (None, closed) => format!("{} outstanding", closed.unwrap_or(1)),
    };
    let seconds = plan.duration_ns as f64 / crate::units::SECOND as f64;
    format!("{} clients x {load}, {seconds} s, on {} x {}", plan.clients, run.machine.cpus, run.machine.cpu)
}

/// The figures of runs of the same.
pub fn calibrate(runs: &[Digest], gates: &[Gate], invalid: usize) -> Calibration {
    let found: Vec<Result<(f64, f64), String>> = gates.iter().map(|gate| spread(runs, gate)).collect();
    let wanted = found.iter().zip(gates).filter_map(|(found, gate)| Some(runs_for(found.as_ref().ok()?.1, gate.margin)));
    let sides = wanted.max().unwrap_or(SIDES[0]);
    Calibration {
        schema: SCHEMA.to_owned(),
        profile: runs.first().map(|run| run.plan.profile.clone()).unwrap_or_default(),
        experiment: runs.first().map(experiment).unwrap_or_default(),
        runs: runs.iter().map(|run| run.place.clone()).collect(),
        invalid,
        metrics: gates.iter().zip(found).map(|(gate, found)| metric(gate, found, sides)).collect(),
        suggested_runs: sides,
    }
}

/// Mean and standard deviation of the logarithm of a gated quantile.
fn spread(runs: &[Digest], gate: &Gate) -> Result<(f64, f64), String> {
    let logs = runs.iter().map(|run| run.log_quantile(gate)).collect::<Result<Vec<f64>, String>>()?;
    let sd = stats::deviation(&logs).ok_or("two runs are needed")?;
    Ok((logs.iter().sum::<f64>() / logs.len() as f64, sd))
}

/// The fewest runs a side that see twice the margin; the most that are suggested when none do.
fn runs_for(sd: f64, margin: f64) -> u32 {
    SIDES.into_iter().find(|k| stats::detectable(sd, *k) <= 2.0 * margin).unwrap_or(SIDES[2])
}

/// The usual margin, or half of what is seen, rounded up to whole percents.
fn margin_for(sd: f64, usual: f64, sides: u32) -> f64 {
    usual.max((stats::detectable(sd, sides) * 50.0).ceil() / 100.0)
}

fn metric(gate: &Gate, found: Result<(f64, f64), String>, sides: u32) -> Spread {
    let name = gate.name();
    match found {
        Ok((mean, sd)) => Spread {
            name,
            mean_ns: Some(mean.exp().round() as u64),
            sd: Some(sd),
            detectable: Some(SIDES.map(|k| stats::detectable(sd, k))),
            margin: margin_for(sd, gate.margin, sides),
            note: None,
        },
        Err(why) => Spread { name, mean_ns: None, sd: None, detectable: None, margin: gate.margin, note: Some(why) },
    }
}

/// How the spread within two sides stands to what was calibrated, a line a metric.
pub fn stands(calibration: &Calibration, base: &[Digest], new: &[Digest], gates: &[Gate]) -> Vec<String> {
    let mut lines = Vec::new();
    for gate in gates {
        let known = calibration.metrics.iter().find(|metric| metric.name == gate.name()).and_then(|metric| metric.sd);
        let Some(known) = known else {
            lines.push(format!("{}: not calibrated", gate.name()));
            continue;
        };
        let here = [base, new].map(|side| spread(side, gate).ok().map(|(_, sd)| sd));
        let shown = |sd: Option<f64>| sd.map_or("n/a".to_owned(), |sd| format!("{:.1} %", sd * 100.0));
        let is_noisier = here.iter().flatten().any(|sd| *sd > NOISIER * known);
        let word = if is_noisier { "; noisier than when calibrated" } else { "" };
        lines.push(format!(
            "{}: runs spread by {} and {}, calibrated {:.1} %{word}",
            gate.name(),
            shown(here[0]),
            shown(here[1]),
            known * 100.0
        ));
    }
    if let Some(run) = new.first().filter(|run| experiment(run) != calibration.experiment) {
        lines.push(format!("calibrated for {}; these runs are {}", calibration.experiment, experiment(run)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_margins_for_a_known_spread() {
        // From the table of smallest detectable changes: 3 % and 13 %.
        for (sd, margin, runs, suggested) in [
            (0.01, 0.05, 3, 0.05),
            (0.03, 0.05, 3, 0.05),
            (0.04, 0.05, 5, 0.05),
            (0.13, 0.10, 10, 0.10),
            (0.13, 0.05, 10, 0.10),
            (0.30, 0.10, 10, 0.25),
            (0.0, 0.05, 3, 0.05),
        ] {
            assert_eq!(runs_for(sd, margin), runs, "{sd} {margin}");
            let found = margin_for(sd, margin, runs);
            assert!((found - suggested).abs() < 1e-9, "{sd} {margin}: {found} with {}", stats::detectable(sd, runs));
        }
    }

    #[test]
    fn a_metric_says_what_it_sees() {
        let spread = metric(&Gate::usual("echo", 0.5), Ok((1e6f64.ln(), 0.03)), 5);
        let seen = spread.detectable.expect("there is a spread").map(|share| (share * 1e3).round() / 10.0);
        assert_eq!((spread.mean_ns, seen), (Some(1_000_000), [9.5, 6.2, 4.1]));
        let nothing = metric(&Gate::usual("echo", 0.99), Err("n/a (12 of 100 needed)".into()), 5);
        assert!(nothing.sd.is_none() && nothing.note.is_some());
    }
}
