//! From an open run to a confirmed start: a shard is claimed, and its claim says how far the agent is.

use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use super::About;
use super::state;
use crate::fleet::PROTOCOL;
use crate::fleet::RunId;
use crate::fleet::bus::Bus;
use crate::fleet::bus::Failed;
use crate::fleet::bus::Key;
use crate::fleet::message::ClaimMessage;
use crate::fleet::message::Message;
use crate::fleet::message::Phase;
use crate::fleet::message::PlanMessage;
use crate::fleet::message::Standing;
use crate::fleet::message::StateMessage;
use crate::fleet::probe::Estimate;
use crate::fleet::roster;
use crate::swarm::Control;
use crate::units::MILLI;
use crate::units::mix;
use crate::wire::Clock;
use crate::wire::clock;

/// Between two looks at the state: while others are waited for, and once the start is known.
const GATHERING: Duration = Duration::from_millis(300);
const STARTING: Duration = Duration::from_millis(100);
/// Between two attempts to say something.
const AGAIN: Duration = Duration::from_millis(50);
/// A controller that is silent for so long is gone.
const GONE: Duration = Duration::from_secs(30);
/// From knowing that it is our turn to the first send, in nanoseconds.
const JOINING: u64 = 200 * MILLI;

/// A shard that is ours.
pub(super) struct Claim {
    pub(super) run: RunId,
    pub(super) shard: u32,
    pub(super) message: ClaimMessage,
    pub(super) revision: u64,
}

/// A claim of an agent, for nothing yet.
fn blank(about: &About) -> ClaimMessage {
    ClaimMessage {
        protocol: PROTOCOL,
        agent: about.name.clone(),
        nonce: mix(clock::realtime() ^ about.name.bytes().fold(0, |n, b| mix(n ^ u64::from(b)))),
        epoch: 1,
        replaces: String::new(),
        standing: Standing::Claimed,
        reason: String::new(),
        host: about.host.clone(),
        version: about.version.clone(),
        cpus: about.cpus,
        files: about.files,
        clients: 0,
        offset_ns: 0,
        half_rtt_ns: 0,
    }
}

/// Claims a shard; `None` when all have owners.
pub(super) fn take(bus: &dyn Bus, about: &About, plan: &PlanMessage) -> Result<Option<Claim>, String> {
    let message = blank(about);
    let value = message.encode()?;
    for shard in roster::tries(about.prefers.unwrap_or(message.nonce as u32), plan.shards) {
        let key = Key::Shard(plan.run, shard);
        let claimed = match bus.create(&key, &value) {
            Ok(revision) => Some(revision),
            // It may have been our own call whose answer was lost.
            Err(Failed::Changed | Failed::Unreachable(_)) => match bus.get(&key) {
                Ok(Some(entry)) if entry.value == value => Some(entry.revision),
                _ => None,
            },
            Err(Failed::Refused(why)) => return Err(why),
        };
        if let Some(revision) = claimed {
            return Ok(Some(Claim { run: plan.run, shard, message, revision }));
        }
    }
    Ok(None)
}

/// Claims one of the shards that are `wanted` under way; `None` when others were faster. Its claim says that it has no owner, and
/// whose it was.
pub(super) fn take_over(bus: &dyn Bus, about: &About, plan: &PlanMessage, wanted: &[u32]) -> Result<Option<Claim>, String> {
    let own = blank(about);
    let first = own.nonce as usize % wanted.len().max(1);
    let (before, from) = wanted.split_at(first);
    for &shard in from.iter().chain(before).filter(|shard| **shard < plan.shards) {
        let key = Key::Shard(plan.run, shard);
        let Ok(Some(entry)) = bus.get(&key) else { continue };
        let Ok(lost) = ClaimMessage::decode(&entry.value) else { continue };
        let Some(epoch) = lost.epoch.checked_add(1).filter(|_| lost.standing == Standing::Lost) else { continue };
        let replaces = if lost.agent.is_empty() { String::new() } else { lost.who() };
        let message = ClaimMessage { epoch, replaces, ..own.clone() };
        let value = message.encode()?;
        let claimed = match bus.change(&key, &value, entry.revision) {
            Ok(revision) => Some(revision),
            Err(Failed::Changed | Failed::Unreachable(_)) => match bus.get(&key) {
                Ok(Some(entry)) if entry.value == value => Some(entry.revision),
                _ => None,
            },
            Err(Failed::Refused(why)) => return Err(why),
        };
        if let Some(revision) = claimed {
            return Ok(Some(Claim { run: plan.run, shard, message, revision }));
        }
    }
    Ok(None)
}

/// Whether agent and plan are of one version.
pub(super) fn versions(about: &About, plan: &PlanMessage) -> Result<(), String> {
    if about.version == plan.version {
        return Ok(());
    }
    Err(format!("this agent is volley {}, and the plan is of {}; use the same version everywhere", about.version, plan.version))
}

impl Claim {
    /// Says how far we are; whether that was taken.
    fn say(&mut self, bus: &dyn Bus, message: ClaimMessage) -> bool {
        let Ok(value) = message.encode() else { return false };
        let key = Key::Shard(self.run, self.shard);
        for _ in 0..20 {
            match bus.change(&key, &value, self.revision) {
                Ok(revision) => {
                    (self.revision, self.message) = (revision, message);
                    return true;
                }
                Err(Failed::Refused(_)) => return false,
                Err(_) => match bus.get(&key) {
                    Ok(Some(entry)) if entry.value == value => {
                        (self.revision, self.message) = (entry.revision, message);
                        return true;
                    }
                    Ok(Some(entry)) if entry.revision != self.revision => return false,
                    _ => sleep(AGAIN),
                },
            }
        }
        false
    }

    pub(super) fn refuse(&mut self, bus: &dyn Bus, why: &str) {
        let reason = crate::units::printable(why, 1_000);
        let message = ClaimMessage { standing: Standing::Refused, reason, ..self.message.clone() };
        self.say(bus, message);
    }

    pub(super) fn ready(&mut self, bus: &dyn Bus, clients: u64, estimate: Estimate) {
        // The controller's date less ours, for people.
        let own = i128::from(clock::realtime()) - i128::from(clock::monotonic());
        let offset_ns = i64::try_from(estimate.ahead_ns - own).unwrap_or(i64::MAX);
        let half_rtt_ns = estimate.half_rtt_ns;
        let message = ClaimMessage { standing: Standing::Ready, clients, offset_ns, half_rtt_ns, ..self.message.clone() };
        self.say(bus, message);
    }

    /// Whether the shard is another's by now, as far as is known.
    pub(super) fn is_fenced(&self, bus: &dyn Bus) -> bool {
        let Ok(Some(entry)) = bus.get(&Key::Shard(self.run, self.shard)) else { return false };
        ClaimMessage::decode(&entry.value).is_ok_and(|claim| claim.nonce != self.message.nonce || claim.standing == Standing::Lost)
    }
}

/// Looks whether there is a controller at all, so that nobody waits for one that is gone.
struct Presence {
    heard: Instant,
    next: Instant,
}

impl Presence {
    fn new() -> Presence {
        Presence { heard: Instant::now(), next: Instant::now() + GONE / 6 }
    }

    /// Asks now and then; whether it was silent for too long.
    fn is_gone(&mut self, bus: &dyn Bus, run: RunId) -> bool {
        if Instant::now() >= self.next {
            if bus.ask_time(run).is_ok() {
                self.heard = Instant::now();
            }
            self.next = Instant::now() + GONE / 6;
        }
        self.heard.elapsed() > GONE
    }
}

/// Waits until the controller has taken a shard under way for ours; the run's clock, joined a little later than now.
pub(super) fn await_turn(
    bus: &dyn Bus,
    state: &StateMessage,
    claim: &mut Claim,
    estimate: &Estimate,
    control: &Control,
) -> Result<Clock, String> {
    let mut controller = Presence::new();
    loop {
        if control.is_stopping() || controller.is_gone(bus, claim.run) {
            claim.refuse(bus, "the agent was stopped, or did not reach its controller");
            return Err("stopped before its turn, or the controller is gone".into());
        }
        let key = Key::Shard(claim.run, claim.shard);
        if let Ok(Some(entry)) = bus.get(&key)
            && let Ok(found) = ClaimMessage::decode(&entry.value)
        {
            match found.standing {
                _ if found.nonce != claim.message.nonce => return Err("another has the shard by now".into()),
                Standing::Lost => return Err("the run goes on without this shard".into()),
                Standing::Armed => {
                    let run = Clock::from_instant(estimate.to_own(state.t0_ns));
                    return Ok(run.joined_at((run.now() + JOINING).next_multiple_of(MILLI)));
                }
                Standing::Claimed | Standing::Ready | Standing::Refused => {}
            }
        }
        sleep(GATHERING);
    }
}

/// Waits until the start is agreed on; the run's clock, which begins then.
pub(super) fn await_start(
    bus: &dyn Bus,
    (run, shards): (RunId, u32),
    claim: &mut Claim,
    estimate: &Estimate,
    control: &Control,
) -> Result<Clock, String> {
    let (mut start, mut controller) = (None, Presence::new());
    loop {
        if start.is_none() && controller.is_gone(bus, run) {
            claim.refuse(bus, "it does not reach its controller");
            return Err(format!("the controller was not heard of for {} s", GONE.as_secs()));
        }
        if control.is_stopping() {
            claim.refuse(bus, "the agent was stopped");
            return Err("stopped before the start".into());
        }
        if start.is_some_and(|start| clock::monotonic() >= start) {
            return Err("it was not confirmed when its instant came".into());
        }
        if let Some(state) = state(bus, run) {
            match state.phase {
                Phase::Gather if claim.is_fenced(bus) => return Err("the run begins without this shard".into()),
                Phase::Gather => {}
                Phase::Aborted | Phase::Closed => return Err(crate::units::printable(&state.reason, 300)),
                Phase::Armed if start.is_none() => {
                    let message = ClaimMessage { standing: Standing::Armed, ..claim.message.clone() };
                    if !claim.say(bus, message) {
                        return Err("the run begins without this shard".into());
                    }
                    start = Some(estimate.to_own(state.t0_ns));
                }
                Phase::Armed => {}
                Phase::Go => return start.map(Clock::from_instant).ok_or_else(|| "the run began without this shard".into()),
            }
        }
        sleep(roster::unhurried(if start.is_some() { STARTING } else { GATHERING }, shards));
    }
}
