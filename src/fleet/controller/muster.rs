//! From a plan to a fleet that starts at one instant, or not at all.

use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use super::Held;
use super::LOOK;
use super::News;
use super::Order;
use super::Started;
use super::advance;
use super::create;
use super::patiently;
use super::put;
use super::room;
use crate::fleet::PROTOCOL;
use crate::fleet::RunId;
use crate::fleet::bus::Bus;
use crate::fleet::bus::Failed;
use crate::fleet::bus::Key;
use crate::fleet::message::ClaimMessage;
use crate::fleet::message::Message;
use crate::fleet::message::Phase;
use crate::fleet::message::Standing;
use crate::fleet::message::StateMessage;
use crate::fleet::published;
use crate::fleet::roster;
use crate::fleet::roster::Gathered;
use crate::fleet::roster::Seat;
use crate::swarm::Control;
use crate::units::mix;
use crate::wire::clock;

/// The start is so many round trips away at least.
const TRIPS: u64 = 50;
/// Attempts to close a shard that nobody has; agents say only so much before they are ready.
const SHUTS: usize = 8;

/// Publishes the plan and brings all agents to the start.
///
/// # Errors
/// Why there is no start, in words. Nothing was loaded then.
pub fn muster(bus: &dyn Bus, order: &Order, control: &Control, news: &mut dyn FnMut(News)) -> Result<Started, String> {
    let run = order.run();
    is_free(bus, &order.pool)?;
    room::check(bus, order)?;
    let time = patiently(|| bus.keep_time(run)).map_err(|e| e.to_string())?;
    let inbox = patiently(|| bus.inbox(run)).map_err(|e| e.to_string())?;
    order.message.check().map_err(|e| format!("the plan cannot be played: {e}"))?;
    let plan = published::keep(bus, &order.message)?;
    create(bus, &Key::Plan(run), &plan).map_err(|e| format!("the plan cannot be published: {e}"))?;
    let mut state = begin(bus, order)?;
    let mut seats = vec![Seat::default(); order.message.shards as usize];
    let mut started = || -> Result<u64, String> {
        gather(bus, order, control, &mut seats, news)?;
        arm(bus, order, control, &mut seats, &mut state, news)
    };
    match started() {
        Ok(t0_ns) => {
            let t0_own_ns = (clock::monotonic() + t0_ns).saturating_sub(clock::realtime());
            Ok(Started { seats, state, t0_ns, t0_own_ns, is_taken_over: false, inbox, _time: Some(time) })
        }
        Err(why) => {
            // Agents that hear of it are free again at once; others give up by themselves.
            let _ = advance(bus, run, &mut state, Phase::Aborted, &why);
            Err(why)
        }
    }
}

/// Whether the pool has no run that goes on.
fn is_free(bus: &dyn Bus, pool: &str) -> Result<(), String> {
    let Some(open) = patiently(|| bus.get(&Key::Open(pool.into()))).map_err(|e| e.to_string())? else { return Ok(()) };
    let Some(run) = std::str::from_utf8(&open.value).ok().and_then(|text| RunId::parse(text).ok()) else { return Ok(()) };
    let Some(state) = patiently(|| bus.get(&Key::State(run))).map_err(|e| e.to_string())? else { return Ok(()) };
    match StateMessage::decode(&state.value).map(|state| state.phase) {
        Ok(Phase::Gather | Phase::Armed | Phase::Go) => {
            Err(format!("run {run} goes on in pool `{pool}`. Wait for it, end it with `volley abort {run}`, or take another --pool"))
        }
        _ => Ok(()),
    }
}

/// Opens the run to its pool.
fn begin(bus: &dyn Bus, order: &Order) -> Result<Held, String> {
    let run = order.run();
    let message = StateMessage {
        protocol: PROTOCOL,
        controller: mix(clock::realtime() ^ u64::from(std::process::id()) << 32),
        pool: order.pool.clone(),
        phase: Phase::Gather,
        t0_ns: 0,
        reason: String::new(),
        wanted: Vec::new(),
    };
    let value = message.encode()?;
    let revision = create(bus, &Key::State(run), &value).map_err(|e| format!("the run cannot be opened: {e}"))?;
    let open = Key::Open(order.pool.clone());
    let announced = match patiently(|| bus.get(&open)).map_err(|e| e.to_string())? {
        None => create(bus, &open, run.as_str().as_bytes()),
        Some(entry) => patiently(|| bus.change(&open, run.as_str().as_bytes(), entry.revision)),
    };
    match announced {
        Ok(_) => Ok(Held { message, revision }),
        Err(Failed::Changed) => Err(format!("another run was opened in pool `{}` at the same time; try again", order.pool)),
        Err(e) => Err(format!("the run cannot be announced: {e}")),
    }
}

/// Reads all claims.
fn look_at_all(bus: &dyn Bus, run: RunId, seats: &mut [Seat]) -> Result<(), String> {
    (0..).zip(seats).try_for_each(|(shard, seat)| look(bus, run, shard, seat))
}

/// Reads the claim of a shard.
fn look(bus: &dyn Bus, run: RunId, shard: u32, seat: &mut Seat) -> Result<(), String> {
    let Some(entry) = patiently(|| bus.get(&Key::Shard(run, shard))).map_err(|e| e.to_string())? else { return Ok(()) };
    let claim = ClaimMessage::decode(&entry.value).map_err(|e| format!("the claim of shard {shard}: {e}"))?;
    // The first owner is the owner; nobody else writes here but the controller.
    if let Some((first, _)) = &seat.claim
        && (first.nonce, first.epoch) != (claim.nonce, claim.epoch)
    {
        return Err(format!("shard {shard} was claimed by {} and then written by {}: the run is void", first.who(), claim.who()));
    }
    seat.claim = Some((claim, entry.revision));
    Ok(())
}

fn gather(bus: &dyn Bus, order: &Order, control: &Control, seats: &mut [Seat], news: &mut dyn FnMut(News)) -> Result<(), String> {
    let until = Instant::now() + order.gather;
    let mut told = u32::MAX;
    loop {
        look_at_all(bus, order.run(), seats)?;
        let ready = match roster::gathered(seats) {
            Gathered::Refused(shard, why) => return Err(format!("shard {shard} cannot be played: {why}")),
            Gathered::All => order.message.shards,
            Gathered::Some(ready) => ready,
        };
        if ready != told {
            told = ready;
            news(News::Gathering(ready, order.message.shards));
        }
        if ready == order.message.shards {
            break;
        }
        if control.is_stopping() {
            return Err("stopped before it began".into());
        }
        if Instant::now() >= until {
            if ready >= order.least.max(1) {
                break;
            }
            let missing = roster::missing(seats);
            return Err(format!(
                "{ready} of {} agents were ready within {} s; shards without one: {missing}. Start agents with `volley agent --pool {}`, or \
                 go on with fewer by --min-agents",
                order.message.shards,
                order.gather.as_secs(),
                order.pool
            ));
        }
        sleep(LOOK);
    }
    for (shard, seat) in (0..).zip(seats) {
        seat.is_taken = roster::is_ready(seat);
        for _ in 0..SHUTS {
            if seat.is_taken || shut(bus, order.run(), shard, seat)? {
                break;
            }
        }
    }
    Ok(())
}

/// Nobody takes the shard any more; whether that is settled. Who slipped in between may have become ready, and is in then.
fn shut(bus: &dyn Bus, run: RunId, shard: u32, seat: &mut Seat) -> Result<bool, String> {
    let (claim, revision) = match &seat.claim {
        Some((claim, revision)) => (ClaimMessage { standing: Standing::Lost, ..claim.clone() }, *revision),
        None => (nobody(), 0),
    };
    let (key, value) = (Key::Shard(run, shard), claim.encode()?);
    let written = patiently(|| if revision == 0 { bus.create(&key, &value) } else { bus.change(&key, &value, revision) });
    match written {
        Ok(revision) => seat.claim = Some((claim, revision)),
        Err(Failed::Changed) => look(bus, run, shard, seat)?,
        Err(e) => return Err(format!("shard {shard} cannot be closed: {e}")),
    }
    seat.is_taken = roster::is_ready(seat);
    Ok(seat.standing() == Some(Standing::Lost))
}

/// A claim that keeps others away.
fn nobody() -> ClaimMessage {
    ClaimMessage {
        protocol: PROTOCOL,
        agent: String::new(),
        nonce: 0,
        epoch: 0,
        replaces: String::new(),
        standing: Standing::Lost,
        reason: "the run began without this shard".into(),
        host: String::new(),
        version: String::new(),
        cpus: 0,
        files: 0,
        clients: 0,
        offset_ns: 0,
        half_rtt_ns: 0,
    }
}

/// Agrees on the start; its date.
fn arm(
    bus: &dyn Bus,
    order: &Order,
    control: &Control,
    seats: &mut [Seat],
    state: &mut Held,
    news: &mut dyn FnMut(News),
) -> Result<u64, String> {
    let taken = |seats: &[Seat]| seats.iter().filter(|seat| seat.is_taken).map(|s| s.claim.clone()).collect::<Vec<_>>();
    let worst = taken(seats).iter().flatten().map(|(claim, _)| claim.half_rtt_ns.saturating_mul(2)).max().unwrap_or(0);
    let lead =
        roster::lead(order.lead, order.message.shards).max(Duration::from_nanos(worst.saturating_mul(TRIPS)).min(Duration::from_secs(60)));
    let t0_ns = clock::realtime() + lead.as_nanos() as u64;
    let armed = StateMessage { phase: Phase::Armed, t0_ns, ..state.message.clone() };
    put(bus, order.run(), state, armed).map_err(|e| format!("the start cannot be announced: {e}"))?;
    // What is left of the lead is the time in which `go` has to arrive.
    let until = Instant::now() + lead - (lead / 2).min(Duration::from_secs(1));
    loop {
        look_at_all(bus, order.run(), seats)?;
        let slow = (0u32..).zip(&*seats).find(|(_, seat)| seat.is_taken && !seat.is_armed());
        match slow {
            None => break,
            Some(_) if control.is_stopping() => return Err("stopped before it began".into()),
            Some((shard, seat)) if Instant::now() >= until => {
                return Err(format!("{} has shard {shard} and did not confirm the start in time; nothing was started", seat.who()));
            }
            Some(_) => sleep(LOOK.min(lead / 10)),
        }
    }
    advance(bus, order.run(), state, Phase::Go, "").map_err(|e| format!("the start cannot be confirmed: {e}"))?;
    news(News::Starting(Duration::from_nanos(t0_ns.saturating_sub(clock::realtime()))));
    Ok(t0_ns)
}
