//! Writes a run that is held whole, such as one that came inside a page, as the record that a run writes by itself.

use std::io;
use std::path::Path;

use super::Interval;
use super::Run;
use super::Writer;
use crate::tally::Hist;

/// Writes `run` to the folder `dir`, which must not hold a record. Sections are not known of such a run.
///
/// # Errors
/// As [`Writer::create`] and [`Writer::finish`], and when histograms belong to no second of the run.
pub fn write(dir: &Path, run: &Run) -> io::Result<()> {
    let mut writer = Writer::create(dir, &run.manifest)?;
    writer.missing.clone_from(&run.missing);
    let mut rest = run.intervals.as_slice();
    for row in &run.rows {
        let mine = rest.iter().take_while(|interval| interval.t_ns <= row.t_ns).count();
        let (now, later) = rest.split_at(mine);
        rest = later;
        if let Some(stray) = now.iter().find(|interval| interval.t_ns != row.t_ns) {
            return Err(io::Error::other(format!("`{}` at {} ns belongs to no second", stray.tag, stray.t_ns)));
        }
        let full: Vec<Hist> = now.iter().map(|interval| Hist::from(&interval.hist)).collect();
        let hists = now.iter().zip(&full).map(|(Interval { tag, span_ns, .. }, hist)| (tag.as_str(), *span_ns, hist));
        let hists: Vec<(&str, u64, &Hist)> = hists.collect();
        writer.stretch(row, &hists)?;
    }
    for event in &run.events {
        writer.event(event)?;
    }
    writer.finish_with(&run.manifest, &run.totals)
}
