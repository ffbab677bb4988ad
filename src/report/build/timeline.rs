//! Load over time: planned, sent and answered a second, connections, and quantiles of the main series.

use super::grid::Grid;
use super::heat::each_column;
use super::heat::intervals;
use super::parts::Parts;
use crate::record::CounterRow;
use crate::report::quantile::Answers;
use crate::report::quantile::SHOW_BEYOND;
use crate::report::view::Timeline;
use crate::units::SECOND;

/// Columns at most; a longer run merges neighbouring seconds.
const COLUMNS: u64 = 600;

/// The whole run over time.
pub(super) fn timeline(parts: &Parts<'_>) -> Timeline {
    let grid = Grid::of(parts.run, COLUMNS);
    let mut line = Timeline { phases: phases(parts), ..Default::default() };
    let rows = &parts.run.rows;
    for column in 0..grid.columns {
        let from = rows.partition_point(|row| grid.index(row.t_ns) < column);
        let until = rows.partition_point(|row| grid.index(row.t_ns) <= column);
        push(&mut line, grid.middle_s(column), &rows[from..until]);
    }
    line.p50 = vec![None; grid.columns];
    line.p99 = vec![None; grid.columns];
    if let Some(main) = parts.main() {
        line.series.clone_from(&main.record.name);
        each_column(&intervals(parts, &main.record.name), grid, |column, hist| {
            let answers = Answers::all(Some(hist));
            line.p50[column] = answers.at(0.5).value();
            line.p99[column] = answers.quantile(0.99, SHOW_BEYOND).value();
        });
    }
    line
}

fn push(line: &mut Timeline, middle_s: f64, rows: &[CounterRow]) {
    let sum = |of: fn(&CounterRow) -> u64| rows.iter().map(|row| of(row) as f64).sum::<f64>();
    // A last row may be shorter than a second; it is a rate all the same.
    let seconds = sum(|row| row.span_ns) / SECOND as f64;
    let per_s = |n: f64| if seconds > 0.0 { n / seconds } else { 0.0 };
    line.t_s.push(middle_s);
    line.planned.push(per_s(sum(|row| row.planned)));
    line.sent.push(per_s(sum(|row| row.sent)));
    line.answered.push(per_s(sum(|row| row.answered.saturating_add(row.late))));
    line.open.push(rows.last().map_or(0, |row| row.connections.open));
}

/// Phases that were reached and are not empty.
fn phases(parts: &Parts<'_>) -> Vec<(String, f64, f64)> {
    let plan = &parts.run.manifest.plan;
    let ends = [("ramp", plan.ramp_ns), ("warm-up", plan.measure_from_ns()), ("measure", plan.measure_until_ns()), ("drain", u64::MAX)];
    let mut from = 0;
    let mut phases = Vec::new();
    for (name, until) in ends {
        let until = until.min(parts.end_ns);
        if until > from {
            phases.push((name.to_owned(), from as f64 / SECOND as f64, until as f64 / SECOND as f64));
            from = until;
        }
    }
    phases
}
