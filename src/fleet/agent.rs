//! An agent: it takes a shard of a run, readies itself, starts at the agreed instant, and sends each second as it closes.
//!
//! It stops when the run is aborted, when its shard is given up, and when it reached nobody for the grace of the plan: no
//! agent goes on for ever alone. Without `go` at the instant of the start it does not start. How a shard is played it does
//! not know; whoever starts it hands in a [`Player`].

mod play;
mod take;

use std::io;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use super::RunId;
use super::bus::Bus;
use super::bus::Failed;
use super::bus::Key;
use super::message::Message;
use super::message::Phase;
use super::message::PlanMessage;
use super::message::StateMessage;
use super::probe::Estimate;
use super::probe::Probe;
use super::published;
use crate::swarm::Control;
use crate::swarm::Outcome;
use crate::swarm::Sink;
use crate::wire::Clock;
use crate::wire::clock;

/// Between two looks for something to do; a thousand agents look, too.
const LOOK: Duration = Duration::from_millis(500);
/// Round trips from which the controller's clock is estimated.
const PROBES: usize = 16;

/// Plays shards.
pub trait Player {
    /// Readies itself to play shard number `shard` of a plan.
    ///
    /// # Errors
    /// Why that cannot or must not be done here.
    fn ready(&mut self, plan: &PlanMessage, shard: u32) -> Result<Box<dyn Play>, String>;
}

/// A shard that could be played now.
pub trait Play {
    /// Clients in it.
    fn clients(&self) -> u64;

    /// Plays it from the start of `clock` on.
    ///
    /// # Errors
    /// When threads or their kernel objects cannot be made.
    fn play(self: Box<Self>, clock: Clock, control: &Arc<Control>, sink: &mut dyn Sink) -> io::Result<Outcome>;

    /// What takes secrets out of texts.
    fn hidden(&self) -> Box<dyn Fn(&str) -> String>;
}

/// Who an agent is.
#[derive(Clone, Debug)]
pub struct About {
    /// A name that no other agent has.
    pub name: String,
    /// Its host.
    pub host: String,
    /// Version of the program.
    pub version: String,
    /// Processors it may use.
    pub cpus: u32,
    /// Files it may open.
    pub files: u64,
    /// The pool it works for.
    pub pool: String,
    /// The shard it would like.
    pub prefers: Option<u32>,
    /// The only run that it plays in; any of its pool without.
    pub only: Option<RunId>,
}

/// How an agent's part in a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// To the end of the plan.
    Played,
    /// Before its time, because the run was ended: why.
    Aborted(String),
    /// Its shard was given up while it played.
    Fenced,
    /// What it measured could not be sent for too long: why.
    Orphaned(String),
    /// It cannot play this plan: why.
    Refused(String),
    /// There was no shard left.
    Full,
    /// The run was never started, or without it: why.
    NotStarted(String),
}

/// Waits for a run of the pool that has not `been` played, and plays in it. `None` when asked to stop before there was one.
/// Who finds no shard in a run where some may be lost waits as a spare until that run is over.
///
/// # Errors
/// When the bus refuses what an agent needs.
pub fn serve(
    bus: &Arc<dyn Bus>,
    about: &About,
    player: &mut dyn Player,
    control: &Arc<Control>,
    been: &mut Vec<RunId>,
) -> Result<Option<(RunId, Ending)>, String> {
    let mut spare = None;
    while !control.is_stopping() {
        let open = open(bus.as_ref(), about)?.filter(|(run, _)| !been.contains(run));
        if let Some(run) = spare.filter(|run| over(bus.as_ref(), *run, open.as_ref())) {
            been.push(run);
            return Ok(Some((run, Ending::Full)));
        }
        let joinable = open.filter(|(run, state)| match state.phase {
            Phase::Gather => spare != Some(*run),
            Phase::Go => !state.wanted.is_empty(),
            _ => false,
        });
        match joinable {
            Some((run, state)) => match join(bus, about, player, control, run, &state)? {
                Part::Spare => spare = Some(run),
                Part::Unknown => sleep(LOOK),
                Part::Ended(ending) => {
                    been.push(run);
                    return Ok(Some((run, ending)));
                }
            },
            None => sleep(LOOK),
        }
        if spare.is_some() {
            sleep(LOOK);
        }
    }
    Ok(None)
}

/// What an agent had in a run.
enum Part {
    /// No shard, but one of them may come free.
    Spare,
    /// None yet, since its plan could not be read just now.
    Unknown,
    /// A part that ended.
    Ended(Ending),
}

/// The newest run of the pool, and how it stands.
fn open(bus: &dyn Bus, about: &About) -> Result<Option<(RunId, StateMessage)>, String> {
    let found = match about.only {
        Some(run) => Some(run),
        None => match bus.get(&Key::Open(about.pool.clone())) {
            Ok(entry) => entry.and_then(|entry| RunId::parse(std::str::from_utf8(&entry.value).ok()?).ok()),
            Err(Failed::Refused(why)) => return Err(why),
            Err(_) => None,
        },
    };
    let Some(run) = found else { return Ok(None) };
    Ok(state(bus, run).map(|state| (run, state)))
}

/// Whether the run for which an agent is a spare needs none any more: it is over, or the pool has another. Who reaches nobody knows
/// nothing of that.
fn over(bus: &dyn Bus, run: RunId, open: Option<&(RunId, StateMessage)>) -> bool {
    match open {
        Some((newest, state)) => *newest != run || matches!(state.phase, Phase::Aborted | Phase::Closed),
        None => state(bus, run).is_some_and(|state| matches!(state.phase, Phase::Aborted | Phase::Closed)),
    }
}

/// Where a run stands, as far as is known.
fn state(bus: &dyn Bus, run: RunId) -> Option<StateMessage> {
    let entry = bus.get(&Key::State(run)).ok()??;
    StateMessage::decode(&entry.value).ok()
}

/// Plays in a run that stands at `state`.
fn join(
    bus: &Arc<dyn Bus>,
    about: &About,
    player: &mut dyn Player,
    control: &Arc<Control>,
    run: RunId,
    state: &StateMessage,
) -> Result<Part, String> {
    let ended = |ending| Ok(Part::Ended(ending));
    let plan = match published::read(bus.as_ref(), run) {
        Ok(plan) => plan,
        Err(Failed::Unreachable(_)) => return Ok(Part::Unknown),
        Err(why) => return ended(Ending::Refused(why.to_string())),
    };
    let is_under_way = state.phase == Phase::Go;
    let claim =
        if is_under_way { take::take_over(bus.as_ref(), about, &plan, &state.wanted)? } else { take::take(bus.as_ref(), about, &plan)? };
    let Some(mut claim) = claim else { return if plan.spares { Ok(Part::Spare) } else { ended(Ending::Full) } };
    let ready = take::versions(about, &plan).and_then(|()| player.ready(&plan, claim.shard));
    let ready = match ready {
        Ok(ready) => ready,
        Err(why) => {
            claim.refuse(bus.as_ref(), &why);
            return ended(Ending::Refused(why));
        }
    };
    let Some(estimate) = estimate(bus.as_ref(), run, PROBES) else {
        claim.refuse(bus.as_ref(), "the controller does not answer after the time");
        return ended(Ending::NotStarted("the controller does not answer after the time".into()));
    };
    claim.ready(bus.as_ref(), ready.clients(), estimate);
    let clock = if is_under_way {
        take::await_turn(bus.as_ref(), state, &mut claim, &estimate, control)
    } else {
        take::await_start(bus.as_ref(), (run, plan.shards), &mut claim, &estimate, control)
    };
    match clock {
        Ok(clock) => play::play(bus, &plan, &claim, ready, clock, &estimate, control).map(Part::Ended),
        Err(why) => ended(Ending::NotStarted(why)),
    }
}

/// What is known of the controller's clock, unless `patience` questions in a row stay without an answer.
fn estimate(bus: &dyn Bus, run: RunId, patience: usize) -> Option<Estimate> {
    let (mut probes, mut silent) = (Vec::new(), 0);
    for _ in 0..PROBES {
        if silent >= patience {
            return None;
        }
        let sent = clock::monotonic();
        if let Ok(date) = bus.ask_time(run) {
            probes.push(Probe { sent, heard: clock::monotonic(), date });
            silent = 0;
        } else {
            silent += 1;
            sleep(LOOK);
        }
    }
    Estimate::of(&probes)
}
