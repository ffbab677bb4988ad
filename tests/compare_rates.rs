//! How often the three answers of a comparison are right: simulated runs, known truth.
//!
//! A run's log quantile is normal with the run-to-run spread of a 60 s run: 2.8 % at p50, 13 % at p99.
//! `cargo test --test compare_rates -- --ignored --nocapture` prints the full table.

#![expect(clippy::print_stdout, reason = "the table is for people")]

use volley::report::compare::stats;
use volley::report::compare::stats::Answer;

/// Normal numbers from a seed (splitmix64, Box and Muller).
struct Normal(u64);

impl Normal {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn runs(&mut self, k: usize, mean: f64, sd: f64) -> Vec<f64> {
        (0..k).map(|_| mean + sd * (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()).collect()
    }
}

/// A cell: spread, margin, runs a side.
const CELLS: [(f64, f64, usize); 6] =
    [(0.028, 0.05, 3), (0.028, 0.05, 5), (0.028, 0.05, 10), (0.13, 0.10, 3), (0.13, 0.10, 5), (0.13, 0.10, 10)];

/// True changes in margins, and the regressions found in percent, cell by cell.
const POWER: [(f64, [f64; 6]); 5] = [
    (0.0, [1.2, 0.3, 0.0, 3.6, 4.3, 3.7]),
    (0.5, [10.0, 9.0, 3.0, 8.0, 12.0, 18.0]),
    (1.0, [37.0, 50.0, 50.0, 15.0, 26.0, 43.0]),
    (2.0, [91.0, 99.0, 100.0, 35.0, 62.0, 90.0]),
    (4.0, [100.0, 100.0, 100.0, 76.0, 97.0, 100.0]),
];

/// Shares in percent: regression, pass, and `slower` or `faster` at two-sided 5 %.
fn rates(cell: (f64, f64, usize), change: f64, repeats: u32, normal: &mut Normal) -> [f64; 3] {
    let (sd, margin, k) = cell;
    let mut found = [0u32; 3];
    for _ in 0..repeats {
        let base = normal.runs(k, 0.0, sd);
        let new = normal.runs(k, change.ln_1p(), sd);
        let estimate = stats::welch(&base, &new).expect("three runs a side");
        let answer = stats::answer(&estimate, estimate.slower, margin, false);
        let apart = estimate.slower.min(estimate.faster) < 0.025;
        for (n, hit) in found.iter_mut().zip([answer == Answer::Regression, answer == Answer::Pass, apart]) {
            *n += u32::from(hit);
        }
    }
    found.map(|n| f64::from(n) * 100.0 / f64::from(repeats))
}

fn check(repeats: u32) {
    let mut normal = Normal(7);
    let error = |share: f64| 100.0 * (share * (1.0 - share) / f64::from(repeats)).sqrt();
    for (i, cell) in CELLS.into_iter().enumerate() {
        for (change, expected) in POWER {
            let [regression, pass, apart] = rates(cell, change * cell.1, repeats, &mut normal);
            println!(
                "sd {:.3} k {:2} change {change} margins: regression {regression:5.1} pass {pass:5.1} apart {apart:5.1}",
                cell.0, cell.2
            );
            assert!((regression - expected[i]).abs() <= 5.0 + 3.0 * error(0.5), "{cell:?} at {change}: {regression}, not {}", expected[i]);
            if change == 0.0 {
                assert!(regression.max(apart) <= 6.0 + 3.0 * error(0.06), "{cell:?}: false alarms {regression} and {apart}");
            }
            if change == 1.0 {
                assert!(pass <= 6.0 + 3.0 * error(0.06), "{cell:?}: {pass} % false passes");
            }
        }
    }
}

#[test]
fn false_alarms_and_power() {
    check(1_000);
}

#[test]
#[ignore = "the full table takes longer"]
fn the_full_table() {
    check(20_000);
}

#[test]
fn predictions_from_an_archive_keep_their_level() {
    let mut normal = Normal(11);
    for k in [3, 5, 10, 20] {
        let repeats = 1_000;
        let alarms = (0..repeats).filter(|_| {
            let base = normal.runs(k, 0.0, 0.028);
            let new = normal.runs(1, 0.0, 0.028)[0];
            stats::prediction(&base, new).is_some_and(|e| e.slower < stats::LEVEL)
        });
        let share = alarms.count() as f64 / f64::from(repeats);
        assert!(share <= 0.06 + 3.0 * (0.06 * 0.94 / f64::from(repeats)).sqrt(), "k {k}: {share}");
    }
}
