//! Who plays the clients of a run: this process, or a fleet that this process leads.

use std::path::Path;
use std::sync::Arc;

use crate::cli::Trouble;
use crate::cli::fleet::lead::Lead;
use crate::cli::fleet::lead::Leading;
use crate::dialogue::Script;
use crate::fleet::controller::Fleet;
use crate::plan::Plan;
use crate::record::Manifest;
use crate::record::Writer;
use crate::swarm;
use crate::swarm::Control;
use crate::swarm::Sink;
use crate::wire::Clock;
use crate::wire::Routes;

/// Who plays the clients.
pub(in crate::cli) enum Engine {
    /// This process.
    Here,
    /// Agents, or shards of this process that are merged as theirs.
    Fleet(Box<Lead>),
    /// The same, of a run that has started already.
    Resumed(Box<Leading>),
}

/// Brings whoever plays to the start.
pub(super) fn begin(
    engine: Engine,
    plan: &Arc<Plan>,
    script: &Arc<Script>,
    routes: &Routes,
    dir: &Path,
    manifest: &mut Manifest,
    control: &Arc<Control>,
) -> Result<Begun, Trouble> {
    match engine {
        Engine::Here => Ok(Begun::Here),
        Engine::Fleet(lead) => lead.start(plan, script, routes, dir, manifest, control).map(|leading| Begun::Fleet(Box::new(leading))),
        Engine::Resumed(leading) => Ok(Begun::Fleet(leading)),
    }
}

/// A run that has begun, or is about to.
pub(super) enum Begun {
    Here,
    Fleet(Box<Leading>),
}

impl Begun {
    /// The record, which may have been begun before.
    pub(super) fn writer(&self, dir: &Path, manifest: &Manifest) -> Result<Writer, Trouble> {
        let is_again = matches!(self, Begun::Fleet(leading) if leading.is_resumed());
        let writer = if is_again { Writer::anew(dir, manifest) } else { Writer::create(dir, manifest) };
        writer.map_err(|e| Trouble::usage(format!("the record cannot be written: {e}. Choose another folder with --out")))
    }

    /// Plays to the end.
    pub(super) fn play(
        self,
        plan: &Arc<Plan>,
        script: &Arc<Script>,
        routes: &Routes,
        control: &Arc<Control>,
        sink: &mut dyn Sink,
    ) -> Result<(swarm::Outcome, Option<Fleet>), String> {
        match self {
            Begun::Here => {
                swarm::run(plan, script, routes, Clock::start(), control, sink).map(|swarm| (swarm, None)).map_err(|e| e.to_string())
            }
            Begun::Fleet(leading) => leading.collect(control, sink).map(|fleet| (fleet.outcome.clone(), Some(fleet))),
        }
    }
}
