//! `volley report`: the reports of a record, drawn again.

use super::Trouble;
use super::args::ReportArgs;
use super::outcome;

/// Draws and prints; the exit code is the run's own.
pub(super) fn report(args: &ReportArgs) -> Result<u8, Trouble> {
    let look = outcome::Look::new(&args.report, args.plots.drawing(), args.format.into(), (args.plain, args.quiet), args.color)?;
    outcome::show(&args.run, &look)
}
