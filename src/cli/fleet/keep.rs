//! What an agent keeps of its part: a record of its own beside what it sends, as of a run on one machine with its clients
//! alone. So what it measured is still there when nobody could take it, and a merge can be held against its parts.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::cli::Trouble;
use crate::cli::outcome;
use crate::cli::outcome::GeneratorSum;
use crate::cli::redact::Redactor;
use crate::cli::tell;
use crate::dialogue::Script;
use crate::fleet::RunId;
use crate::plan::Plan;
use crate::record::Event;
use crate::record::Finish;
use crate::record::Manifest;
use crate::record::Pause;
use crate::record::State;
use crate::record::Stop;
use crate::record::Writer;
use crate::record::row;
use crate::swarm::GaveUp;
use crate::swarm::Outcome;
use crate::swarm::Sink;
use crate::tally::Hist;
use crate::tally::Second;
use crate::units::Nanos;
use crate::wire::Routes;

/// Where the record of a shard goes, below the folder `dir`, which is made.
///
/// # Errors
/// When the folder cannot be made, or holds that record already.
pub(super) fn place(dir: &Path, run: RunId, shard: u32) -> Result<PathBuf, Trouble> {
    let wrong = |why: String| Trouble::usage(format!("--keep {}: {why}. Choose another folder", dir.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| wrong(e.to_string()))?;
    let place = dir.join(format!("{run}-{shard}"));
    // Its folder is tried now; after the start it is too late to say so.
    DirBuilder::new().mode(0o700).create(&place).map_err(|e| wrong(format!("{}: {e}", place.display())))?;
    std::fs::remove_dir(&place).map_err(|e| wrong(e.to_string()))?;
    Ok(place)
}

/// A record that grows while its seconds are sent.
pub(super) struct Keep<'a> {
    plan: &'a Plan,
    script: &'a Script,
    redactor: &'a Redactor,
    manifest: Manifest,
    writer: Writer,
    /// Where the seconds go as well.
    to: &'a mut dyn Sink,
    pauses: Vec<Pause>,
    generator: GeneratorSum,
    phase: &'static str,
}

impl<'a> Keep<'a> {
    /// A new one at `place`; every second goes on to `to`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn create(
        place: &Path,
        plan: &'a Plan,
        script: &'a Script,
        routes: &Routes,
        redactor: &'a Redactor,
        to: &'a mut dyn Sink,
    ) -> std::io::Result<Keep<'a>> {
        let mut manifest = outcome::manifest(plan, script, routes, false, &[], redactor);
        manifest.id = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        manifest.plan.clients = plan.own_clients();
        let writer = Writer::create(place, &manifest)?;
        let generator = GeneratorSum::default();
        Ok(Keep { plan, script, redactor, manifest, writer, to, pauses: Vec::new(), generator, phase: "" })
    }

    fn note(&mut self, t_ns: u64, kind: &str, text: &str) {
        // What an append could not write is told at the end.
        let _ = self.writer.event(&Event { t_ns, kind: kind.into(), text: text.into() });
    }

    /// Closes it; where it is, and what could not be written, is told.
    pub(super) fn end(self, outcome: &Outcome, is_stopped: bool) {
        let dir = self.writer.dir().to_owned();
        let lost = self.writer.lost().map(|lost| lost.why.clone());
        match self.close(outcome, is_stopped).map_err(|trouble| trouble.text) {
            Ok(()) if lost.is_none() => tell!("kept in {0}; `volley report {0}` shows it", dir.display()),
            Ok(()) => tell!("warning: part of what is kept in {} could not be written: {}", dir.display(), lost.unwrap_or_default()),
            Err(why) => tell!("warning: what is kept in {} could not be closed: {why}", dir.display()),
        }
    }

    fn close(mut self, outcome: &Outcome, is_stopped: bool) -> Result<(), Trouble> {
        let stop = match outcome.gave_up {
            Some(GaveUp::Failing) => Some(Stop::Failing),
            _ => is_stopped.then(|| Stop::Abort("the agent was stopped".into())),
        };
        self.manifest.state = if stop.is_some() { State::Stopped } else { State::Complete };
        let texts = outcome.fault_texts.iter().map(|(text, n)| (text.clone(), *n));
        let generator = self.generator.whole(std::mem::take(&mut self.pauses), outcome);
        self.manifest.finish = Some(Finish {
            elapsed_ns: outcome.elapsed_ns,
            stop,
            unanswered: 0,
            flags: BTreeMap::new(),
            peak_connections: outcome.peak_connections,
            fault_texts: self.redactor.counted(texts),
            generator,
            server_account: None,
        });
        outcome::settle(&mut self.manifest, self.writer.dir(), self.plan, self.script)?;
        self.writer.finish(&self.manifest).map_err(|e| Trouble::internal(e.to_string()))
    }
}

impl Sink for Keep<'_> {
    fn second(&mut self, second: &Second) {
        self.to.second(second);
        if second.phase != self.phase {
            self.phase = second.phase;
            self.note(second.start_ns, "phase", second.phase);
        }
        for gap in &second.pauses {
            self.note(gap.at_ns, "pause", &format!("no turn for {}", Nanos(gap.length_ns)));
        }
        let hists = row::hists(self.script, second);
        let hists: Vec<(&str, &Hist)> = hists.iter().map(|(tag, hist)| (tag.as_str(), *hist)).collect();
        // The first failure is told at the end.
        let _ = self.writer.second(&row::row(self.script, second), &hists);
        self.generator.add(second);
        if second.phase == "measure" {
            self.pauses.extend(second.pauses.iter().map(|gap| Pause { at_ns: gap.at_ns, length_ns: gap.length_ns }));
        }
    }
}
