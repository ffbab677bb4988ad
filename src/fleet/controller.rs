//! The controller of a run: it publishes the plan, waits for an owner of every shard, starts them at one instant, and merges
//! what comes back until every shard has said its last word or is given up.
//!
//! ```text
//! muster    room? plan, state gather -> all ready -> state armed, T0 -> all armed -> state go
//! collect   fetch -> journal -> merge -> acknowledge -> seconds to the sink    until all is over -> state closed
//! ```

mod collect;
mod muster;
mod replace;
mod room;
mod sum;

use std::sync::Arc;
use std::time::Duration;

use super::RunId;
use super::bus::Bus;
use super::bus::Entry;
use super::bus::Failed;
use super::bus::Inbox;
use super::bus::Key;
use super::bus::Timekeeper;
use super::message::Message;
use super::message::Phase;
use super::message::PlanMessage;
use super::message::StateMessage;
use super::roster;
use super::roster::Seat;
use crate::plan::Plan;
use crate::record::FleetRecord;
use crate::swarm::Outcome;
use crate::tally::Width;
pub use collect::collect;
pub use collect::resume;
pub use muster::muster;

/// How long a call is tried again while nobody is reached.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// What is done when a shard is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLoss {
    /// The others go on; the run is degraded.
    Degrade,
    /// The run ends.
    Abort,
    /// A spare agent of the pool takes its place; where none comes within [`Order::gather`], the others go on.
    Replace,
}

/// What a controller is to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is published.
    pub message: PlanMessage,
    /// The same as a plan, of all clients.
    pub plan: Arc<Plan>,
    /// Width of its tallies.
    pub width: Width,
    /// Which agents are asked.
    pub pool: String,
    /// How long an owner of every shard is waited for.
    pub gather: Duration,
    /// Owners with which the run begins after that time; all of them unless fewer do.
    pub least: u32,
    /// From the agreement on the start to the start, at least.
    pub lead: Duration,
    /// What is done when a shard is lost.
    pub on_loss: OnLoss,
    /// Whether a shard that nobody had at the start may be taken under way.
    pub may_join_late: bool,
    /// After how much silence a shard is given up.
    pub lost_after: Duration,
    /// Whether it begins although the results may find no room.
    pub ignores_room: bool,
    /// Whether all shards are of this process, so that each tells of its processor time and memory.
    pub is_one_process: bool,
}

impl Order {
    /// With the usual times.
    pub fn new(message: PlanMessage, plan: Arc<Plan>, width: Width, pool: &str) -> Order {
        let (least, interval) = (message.shards, Duration::from_nanos(message.interval_ns));
        Order {
            message,
            plan,
            width,
            pool: pool.into(),
            gather: Duration::from_secs(120),
            least,
            lead: Duration::from_secs(5),
            on_loss: OnLoss::Degrade,
            may_join_late: false,
            lost_after: roster::lost_after(interval),
            ignores_room: false,
            is_one_process: false,
        }
    }

    fn run(&self) -> RunId {
        self.message.run
    }
}

/// What a controller tells while it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// So many of so many owners could play.
    Gathering(u32, u32),
    /// All is set; it starts in so long.
    Starting(Duration),
    /// A shard is late: which, and who has it.
    Late(u32, String),
    /// A shard is lost: which, and who had it.
    Lost(u32, String),
    /// A shard has an owner that joins under way: which, and who, in whose place.
    Joined(u32, String),
    /// No spare agent took a shard that was lost.
    Unreplaced(u32),
    /// The bus is not reached, or is reached again.
    Reached(bool),
    /// A message was not what it should be, and why.
    Strange(String),
}

/// A run that has started.
pub struct Started {
    seats: Vec<Seat>,
    state: Held,
    /// The instant of the start, nanoseconds since 1970 by this machine's date.
    pub t0_ns: u64,
    /// The same on this machine's monotonic clock.
    t0_own_ns: u64,
    /// Whether another controller had begun it, whose clock this one does not share.
    is_taken_over: bool,
    /// What agents send; opened before anything starts, so that nothing starts which could not be fetched.
    inbox: Box<dyn Inbox>,
    /// Agents ask for the time at the end once more.
    _time: Option<Box<dyn Timekeeper>>,
}

/// What a run of a fleet was.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// As of a run on one machine.
    pub outcome: Outcome,
    /// Share of the planned client time that is covered.
    pub coverage: f64,
    /// How each agent fared.
    pub record: FleetRecord,
    /// Why it ended before its time, if somebody wanted that.
    pub aborted: Option<String>,
}

/// The state of a run as this controller wrote it.
#[derive(Clone, Debug)]
struct Held {
    message: StateMessage,
    revision: u64,
}

/// Tries again while nobody is reached.
pub(super) fn patiently<T>(mut call: impl FnMut() -> Result<T, Failed>) -> Result<T, Failed> {
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        match call() {
            Err(Failed::Unreachable(_)) if std::time::Instant::now() < until => std::thread::sleep(LOOK),
            other => return other,
        }
    }
}

/// Gives a key its first value; one that has this value already was given it by a call whose answer was lost.
fn create(bus: &dyn Bus, key: &Key, value: &[u8]) -> Result<u64, Failed> {
    match patiently(|| bus.create(key, value)) {
        Err(Failed::Changed) => match patiently(|| bus.get(key))? {
            Some(Entry { value: found, revision }) if found == value => Ok(revision),
            _ => Err(Failed::Changed),
        },
        other => other,
    }
}

/// Says where the run stands.
fn advance(bus: &dyn Bus, run: RunId, held: &mut Held, phase: Phase, reason: &str) -> Result<(), Failed> {
    let message = StateMessage { phase, reason: reason.into(), ..held.message.clone() };
    put(bus, run, held, message)
}

fn put(bus: &dyn Bus, run: RunId, held: &mut Held, message: StateMessage) -> Result<(), Failed> {
    patiently(|| put_once(bus, run, held, &message))
}

/// Says it once. What has this value already was given it by a call whose answer was lost.
fn put_once(bus: &dyn Bus, run: RunId, held: &mut Held, message: &StateMessage) -> Result<(), Failed> {
    let value = message.encode().map_err(Failed::Refused)?;
    let key = Key::State(run);
    let revision = match bus.change(&key, &value, held.revision) {
        Err(Failed::Changed) => match bus.get(&key)? {
            Some(entry) if entry.value == value => entry.revision,
            _ => return Err(Failed::Changed),
        },
        other => other?,
    };
    *held = Held { message: message.clone(), revision };
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
