//! `volley abort` and `volley resume`: another process says something about a run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::OF_THE_AGENTS;
use super::connect;
use super::lead::Leading;
use super::message;
use crate::cli::Trouble;
use crate::cli::args::AbortArgs;
use crate::cli::args::Cli;
use crate::cli::args::Command;
use crate::cli::args::ResumeArgs;
use crate::cli::args::RunArgs;
use crate::cli::outcome;
use crate::cli::place::Places;
use crate::cli::progress;
use crate::cli::redact;
use crate::cli::redact::Redactor;
use crate::cli::run;
use crate::cli::run::Engine;
use crate::cli::run::Measurement;
use crate::cli::say;
use crate::cli::secrets::is_secret;
use crate::fleet::Bus;
use crate::fleet::Failed;
use crate::fleet::RunId;
use crate::fleet::bus::Key;
use crate::fleet::controller;
use crate::fleet::controller::Order;
use crate::fleet::journal::Journal;
use crate::fleet::message::Message as _;
use crate::fleet::message::Phase;
use crate::fleet::message::PlanMessage;
use crate::fleet::message::StateMessage;
use crate::fleet::published;
use crate::plan::Part;
use crate::plan::Plan;
use crate::record::Manifest;
use crate::record::State;
use crate::wire::Route;
use crate::wire::Routes;

/// Longest reason for an abort, in bytes.
const REASON_MOST: usize = 300;

/// Ends a run.
pub(in crate::cli) fn abort(args: &AbortArgs) -> Result<u8, Trouble> {
    let bus = connect(&args.at.cluster, &args.at.nats, "controller")?;
    let key = Key::State(args.run);
    let fail = |e: Failed| Trouble::nothing(e.to_string());
    for _ in 0..5 {
        let entry = bus.get(&key).map_err(fail)?;
        let entry = entry.ok_or_else(|| Trouble::usage(format!("run {} is not known there", args.run)))?;
        let state = StateMessage::decode(&entry.value).map_err(Trouble::usage)?;
        if matches!(state.phase, Phase::Aborted | Phase::Closed) {
            say!("run {} is over already", args.run);
            return Ok(0);
        }
        let reason = crate::units::printable(&args.reason, REASON_MOST);
        let state = StateMessage { phase: Phase::Aborted, reason, ..state };
        match bus.change(&key, &state.encode().map_err(Trouble::usage)?, entry.revision) {
            Ok(_) => {
                say!("run {} ends: its agents stop within a second, and send what they have", args.run);
                return Ok(0);
            }
            Err(Failed::Changed) => {}
            Err(e) => return Err(fail(e)),
        }
    }
    Err(Trouble::nothing(format!("the state of run {} changes all the time; try again", args.run)))
}

/// Goes on with a run whose controller died.
pub(in crate::cli) fn resume(args: &ResumeArgs) -> Result<u8, Trouble> {
    let dir = &args.dir;
    let mut manifest = begun(dir)?;
    let run = manifest.fleet.as_ref().and_then(|fleet| RunId::parse(&fleet.run).ok());
    let run =
        run.ok_or_else(|| Trouble::usage(format!("the record in {} is of one machine; there is nothing to resume", dir.display())))?;
    let bus = connect(&args.at.cluster, &args.at.nats, "controller")?;
    let message = plan_of(bus.as_ref(), run)?;
    let mut plan = plan(&message)?;
    let score = message::score(&message, &mut plan, &[])?;
    let script = Arc::new(run::script(&plan, score.as_ref())?);
    let plan = Arc::new(plan);
    let words = ["volley", "run", "resumed", "--progress", "line", "--report", "html,png"];
    let Ok(Cli { command: Command::Run(run_args) }) = <Cli as clap::Parser>::try_parse_from(words) else {
        return Err(Trouble::internal("the flags of a run"));
    };
    let run_args: &RunArgs = &run_args;
    let order = Order::new(message, plan.clone(), script.width(), "");
    let journal = Journal::resume(dir).map_err(|e| Trouble::usage(format!("the journal in {} cannot be read: {e}", dir.display())))?;
    let started = controller::resume(bus.as_ref(), &order).map_err(Trouble::nothing)?;
    manifest.pid = std::process::id();
    // Agents know the address; this process connects to none.
    let address = ([0, 0, 0, 0], 0).into();
    let routes = Routes { target: Route { address, sources: Vec::new(), tls: None, tunnel: None }, http: None };
    run::measure(Measurement {
        engine: Engine::Resumed(Box::new(Leading { bus, order, started, journal, is_resumed: true })),
        plan,
        script,
        routes,
        server: None,
        manifest,
        dir: dir.clone(),
        look: outcome::Look::of_run(run_args)?,
        way: progress::way(run_args, false)?,
        places: Places::take(run_args)?,
        redactor: redact::install(Redactor::new([OF_THE_AGENTS])),
        tap: None,
    })
}

/// The manifest of a record that has no end.
fn begun(dir: &Path) -> Result<Manifest, Trouble> {
    let wrong = |why: String| Trouble::usage(format!("the record in {} cannot be resumed: {why}", dir.display()));
    let run = crate::record::read(dir).map_err(|e| wrong(e.to_string()))?;
    match run.manifest.state {
        State::Running => Ok(run.manifest),
        State::Complete | State::Stopped => Err(wrong("it has its end already".into())),
    }
}

fn plan_of(bus: &dyn Bus, run: RunId) -> Result<PlanMessage, Trouble> {
    published::read(bus, run).map_err(|e| Trouble::nothing(format!("run {run}: {e}")))
}

fn plan(message: &PlanMessage) -> Result<Plan, Trouble> {
    message.load.check().map_err(Trouble::usage)?;
    let profile = message::profile(message).map_err(Trouble::usage)?;
    let secret = profile.vars.keys().filter(|name| is_secret(&profile, name));
    let own: Vec<(String, String)> = secret.map(|name| (name.clone(), OF_THE_AGENTS.to_owned())).collect();
    let values: BTreeMap<String, String> = message::values(message, &profile, &own, |_| None).map_err(Trouble::usage)?;
    message::plan(message, profile, values, 1, Part::WHOLE).map_err(Trouble::usage)
}
