//! Columns of time: neighbouring seconds merged evenly until there are few enough.
//!
//! ```text
//! rows      | 0 | 1 | 2 | 3 | 4 | 5 | 6 |        seven seconds, at most four columns:
//! columns   |   0   |   1   |   2   | 3          two seconds each
//! ```

use crate::record::Run;
use crate::units::SECOND;

/// Columns of time over the whole record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    /// Start of the first column on the run clock.
    pub(super) t0_ns: u64,
    /// Width of a column.
    pub(super) column_ns: u64,
    /// Number of columns.
    pub(super) columns: usize,
}

impl Grid {
    /// At most `most` columns of whole seconds; no columns for a run without rows.
    pub(super) fn of(run: &Run, most: u64) -> Grid {
        let (Some(first), Some(last)) = (run.rows.first(), run.rows.last()) else {
            return Grid { t0_ns: 0, column_ns: SECOND, columns: 0 };
        };
        // A reader may have merged seconds already; a column is never narrower than that.
        let widest = run.intervals.iter().map(|i| i.span_ns).max().unwrap_or(0).min(first.t_ns.max(last.t_ns).max(SECOND));
        let step = SECOND * ((widest + SECOND / 2) / SECOND).max(1);
        let steps = (last.t_ns - first.t_ns + SECOND / 2) / step + 1;
        let column_ns = step.saturating_mul(steps.div_ceil(most.max(1)));
        let mut grid = Grid { t0_ns: first.t_ns, column_ns, columns: usize::MAX };
        grid.columns = grid.index(last.t_ns) + 1;
        grid
    }

    /// The column of a second that starts at `t_ns`, give or take half a second.
    pub(super) fn index(&self, t_ns: u64) -> usize {
        let index = (t_ns.saturating_sub(self.t0_ns).saturating_add(SECOND / 2)) / self.column_ns;
        usize::try_from(index).unwrap_or(usize::MAX).min(self.columns.saturating_sub(1))
    }

    /// The middle of a column in seconds on the run clock.
    pub(super) fn middle_s(&self, column: usize) -> f64 {
        (self.t0_ns as f64 + (column as f64 + 0.5) * self.column_ns as f64) / SECOND as f64
    }
}
