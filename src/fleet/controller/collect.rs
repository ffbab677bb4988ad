//! From the start to the last word of the last shard: what comes is written to the journal, merged, and acknowledged.

use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use super::Fleet;
use super::Held;
use super::LOOK;
use super::News;
use super::OnLoss;
use super::Order;
use super::Started;
use super::advance;
use super::patiently;
use super::put_once;
use crate::fleet::bus::Bus;
use crate::fleet::bus::Failed;
use crate::fleet::bus::Inbox;
use crate::fleet::bus::Key;
use crate::fleet::bus::Parcel;
use crate::fleet::journal::Journal;
use crate::fleet::merge::Merge;
use crate::fleet::merge::Shard;
use crate::fleet::merge::Taken;
use crate::fleet::message::ClaimMessage;
use crate::fleet::message::Message;
use crate::fleet::message::Phase;
use crate::fleet::message::Standing;
use crate::fleet::message::StateMessage;
use crate::fleet::roster;
use crate::fleet::roster::Seat;
use crate::fleet::roster::Silence;
use crate::fleet::snapshot::Snapshot;
use crate::record::AgentRecord;
use crate::record::FleetRecord;
use crate::swarm::Control;
use crate::swarm::Outcome;
use crate::swarm::Sink;
use crate::units::Nanos;
use crate::wire::clock;

/// Messages fetched at once.
const BATCH: usize = 256;
/// Longest wait for one.
const WAIT: Duration = Duration::from_millis(200);
/// Between two looks at the state of the run.
const STATE_EVERY: Duration = Duration::from_secs(1);
/// Distinct fault texts kept.
const TEXTS_KEPT: usize = 100;
/// How long behind the latest end of the plan something is awaited.
const BEHIND: Duration = Duration::from_secs(60);
/// The same while nobody is reached.
const UNREACHED: Duration = Duration::from_secs(600);
/// How long it is tried to tell agents of an end.
const UNTOLD: Duration = Duration::from_secs(30);

/// Merges what the shards of a run that has started send, and hands each second that is closed to `sink`.
///
/// # Errors
/// When the journal cannot be written, or another controller has taken the run over. Agents go on; `volley resume` merges
/// what they send.
pub fn collect(
    bus: &dyn Bus,
    order: &Order,
    started: Started,
    journal: Journal,
    control: &Control,
    sink: &mut dyn Sink,
    news: &mut dyn FnMut(News),
) -> Result<Fleet, String> {
    let mut merge = Merge::new(order.plan.clone(), order.message.shards);
    own(&mut merge, &started.seats);
    let now = clock::monotonic();
    Collecting {
        bus,
        order,
        seats: started.seats,
        state: started.state,
        merge,
        inbox: started.inbox,
        journal,
        next_look: Instant::now(),
        looked_ns: now.max(started.t0_own_ns),
        t0_own_ns: started.t0_own_ns,
        is_reached: true,
        aborted: None,
        untold: None,
    }
    .run(control, sink, news)
}

/// Takes over a run whose controller is gone: claims, state and start are read from the bus, `replayed` is what the journal
/// had.
///
/// # Errors
/// When there is no such run, or it never started.
pub fn resume(bus: &dyn Bus, order: &Order) -> Result<Started, String> {
    let run = order.run();
    let entry = patiently(|| bus.get(&Key::State(run))).map_err(|e| e.to_string())?;
    let entry = entry.ok_or_else(|| format!("run {run} is not known there"))?;
    let message = StateMessage::decode(&entry.value)?;
    if message.t0_ns == 0 {
        return Err(format!("run {run} never started: {}", message.reason));
    }
    let mut seats = vec![Seat::default(); order.message.shards as usize];
    for (shard, seat) in (0..).zip(&mut seats) {
        let Some(entry) = patiently(|| bus.get(&Key::Shard(run, shard))).map_err(|e| e.to_string())? else { continue };
        let claim = ClaimMessage::decode(&entry.value).map_err(|e| format!("the claim of shard {shard}: {e}"))?;
        seat.is_taken = claim.epoch > 0 && matches!(claim.standing, Standing::Armed | Standing::Lost);
        seat.claim = Some((claim, entry.revision));
    }
    let t0_ns = message.t0_ns;
    let mut state = Held { message, revision: entry.revision };
    // From here on the controller that was stops, should it live.
    let own = StateMessage { controller: crate::units::mix(clock::realtime()), ..state.message.clone() };
    super::put(bus, run, &mut state, own).map_err(|e| format!("the run cannot be taken over: {e}"))?;
    let time = patiently(|| bus.keep_time(run)).ok();
    let inbox = patiently(|| bus.inbox(run)).map_err(|e| e.to_string())?;
    let t0_own_ns = (clock::monotonic() + t0_ns).saturating_sub(clock::realtime());
    Ok(Started { seats, state, t0_ns, t0_own_ns, inbox, _time: time })
}

/// Gives each shard to its owner.
pub(super) fn own(merge: &mut Merge, seats: &[Seat]) {
    for (shard, seat) in (0..).zip(seats) {
        if let Some((claim, _)) = seat.claim.as_ref().filter(|_| seat.is_taken) {
            merge.owned(shard, claim.epoch);
        }
    }
}

struct Collecting<'a> {
    bus: &'a dyn Bus,
    order: &'a Order,
    seats: Vec<Seat>,
    state: Held,
    merge: Merge,
    inbox: Box<dyn Inbox>,
    journal: Journal,
    /// When it is looked at the state of the run again.
    next_look: Instant,
    /// Until when the time in which the bus was reached was counted, on the monotonic clock.
    looked_ns: u64,
    t0_own_ns: u64,
    is_reached: bool,
    aborted: Option<String>,
    /// Since when an end could not be told to the agents.
    untold: Option<Instant>,
}

impl Collecting<'_> {
    fn run(mut self, control: &Control, sink: &mut dyn Sink, news: &mut dyn FnMut(News)) -> Result<Fleet, String> {
        self.replay(sink, news)?;
        for seat in &mut self.seats {
            seat.heard_ns = self.looked_ns;
        }
        while !self.merge.is_over() && !control.must_leave() && !self.is_overdue() && !self.is_given_up() {
            match self.inbox.fetch(BATCH, WAIT) {
                Ok(parcels) => self.take(parcels, news)?,
                Err(Failed::Refused(why)) => return Err(why),
                Err(_) => sleep(LOOK),
            }
            self.hand_on(sink);
            if control.is_stopping() && self.aborted.is_none() {
                self.abort("stopped by its controller");
            }
            self.look(control, news)?;
            self.listen(news);
        }
        // Agents may have seen before us that the run was ended.
        self.next_look = Instant::now();
        self.look(control, news)?;
        self.end(sink)
    }

    /// Merges what the journal holds already.
    fn replay(&mut self, sink: &mut dyn Sink, news: &mut dyn FnMut(News)) -> Result<(), String> {
        for message in self.journal.replayed() {
            match Snapshot::decode(&message, self.order.width) {
                Ok(snapshot) => drop(self.merge.take(snapshot)),
                Err(why) => news(News::Strange(format!("the journal: {why}"))),
            }
        }
        for (shard, seat) in (0..).zip(&self.seats) {
            if seat.standing() == Some(Standing::Lost) {
                self.merge.lose(shard);
            }
        }
        self.hand_on(sink);
        Ok(())
    }

    /// Journal, merge, acknowledge, in this order.
    fn take(&mut self, parcels: Vec<Parcel>, news: &mut dyn FnMut(News)) -> Result<(), String> {
        let (mut good, mut tickets) = (Vec::new(), Vec::new());
        for parcel in parcels {
            tickets.push(parcel.ticket);
            match Snapshot::decode(&parcel.bytes, self.order.width) {
                Ok(snapshot) if snapshot.place.run == self.order.run() => good.push((snapshot, parcel.bytes)),
                Ok(_) => news(News::Strange("a snapshot of another run came".into())),
                Err(why) => news(News::Strange(why)),
            }
        }
        let kept = good.iter().filter(|(snapshot, _)| self.merge.wants(snapshot)).map(|(_, bytes)| bytes.as_slice());
        self.journal.append(kept).map_err(|e| format!("the journal cannot be written: {e}. What is not in it stays on the bus"))?;
        let now = clock::monotonic();
        for (snapshot, _) in good {
            let shard = snapshot.place.shard as usize;
            if self.merge.take(snapshot) == Taken::New {
                self.seats[shard].heard_ns = now;
                self.seats[shard].is_late = false;
            }
        }
        // What could not be acknowledged comes again, and is known by then.
        let _ = self.inbox.acknowledge(&tickets);
        Ok(())
    }

    /// Tells the agents to end; once, since it is tried again at each look.
    fn abort(&mut self, why: &str) {
        self.aborted = Some(why.to_owned());
        let message = StateMessage { phase: Phase::Aborted, reason: why.into(), ..self.state.message.clone() };
        let told = self.bus.is_reached() && put_once(self.bus, self.order.run(), &mut self.state, &message).is_ok();
        self.untold = if told { None } else { self.untold.or_else(|| Some(Instant::now())) };
    }

    /// Whether an end could not be told for so long that nobody is waited for any more: agents end by themselves.
    fn is_given_up(&self) -> bool {
        self.untold.is_some_and(|since| since.elapsed() > UNTOLD)
    }

    /// Hands over the seconds that are closed.
    fn hand_on(&mut self, sink: &mut dyn Sink) {
        for mut second in self.merge.closed() {
            if self.order.is_one_process {
                let shards = u64::from(self.order.message.shards.max(1));
                (second.cpu_ns, second.rss_bytes) = (second.cpu_ns / shards, second.rss_bytes / shards);
            }
            sink.second(&second);
        }
    }

    /// Looks whether somebody else says something about the run.
    fn look(&mut self, control: &Control, news: &mut dyn FnMut(News)) -> Result<(), String> {
        let is_reached = self.bus.is_reached();
        if is_reached != self.is_reached {
            self.is_reached = is_reached;
            news(News::Reached(is_reached));
        }
        if Instant::now() < self.next_look || !is_reached {
            return Ok(());
        }
        self.next_look = Instant::now() + STATE_EVERY;
        if self.untold.is_some() {
            let why = self.aborted.clone().unwrap_or_default();
            self.abort(&why);
        }
        let Ok(Some(entry)) = self.bus.get(&Key::State(self.order.run())) else { return Ok(()) };
        if entry.revision == self.state.revision {
            return Ok(());
        }
        let Ok(message) = StateMessage::decode(&entry.value) else { return Ok(()) };
        if message.controller != self.state.message.controller {
            return Err("another controller has taken the run over; its record is the one that counts".into());
        }
        if message.phase == Phase::Aborted && self.aborted.is_none() {
            self.aborted = Some(message.reason.clone());
            control.stop();
        }
        self.state = Held { message, revision: entry.revision };
        Ok(())
    }

    /// Gives up who is silent for too long. Time in which the bus is not reached is nobody's silence.
    fn listen(&mut self, news: &mut dyn FnMut(News)) {
        let now = clock::monotonic();
        let passed = now.saturating_sub(self.looked_ns);
        self.looked_ns = self.looked_ns.max(now);
        if !self.is_reached {
            self.seats.iter_mut().for_each(|seat| seat.heard_ns += passed);
            return;
        }
        for shard in 0..self.seats.len() {
            if self.merge.shards()[shard].is_over() || now < self.t0_own_ns {
                continue;
            }
            let seat = &mut self.seats[shard];
            match roster::silence(seat.heard_ns, now, self.order.lost_after) {
                Silence::Fine => {}
                Silence::Late if seat.is_late => {}
                Silence::Late => {
                    seat.is_late = true;
                    news(News::Late(shard as u32, seat.who()));
                }
                Silence::Lost => self.lose(shard, news),
            }
        }
    }

    /// Fences a shard: its owner, should it live, sees it and stops.
    fn lose(&mut self, shard: usize, news: &mut dyn FnMut(News)) {
        let seat = &mut self.seats[shard];
        if let Some((claim, revision)) = &mut seat.claim {
            claim.standing = Standing::Lost;
            claim.reason = "nothing was heard for too long".into();
            let key = Key::Shard(self.order.run(), shard as u32);
            if let Ok(value) = claim.encode()
                && let Ok(new) = self.bus.change(&key, &value, *revision)
            {
                *revision = new;
            }
        }
        self.merge.lose(shard as u32);
        news(News::Lost(shard as u32, seat.who()));
        if self.order.on_loss == OnLoss::Abort && self.aborted.is_none() {
            self.abort(&format!("shard {shard} was lost"));
        }
    }

    fn is_overdue(&self) -> bool {
        let end = self.t0_own_ns.saturating_add(self.order.plan.latest_end().0);
        let behind = if self.is_reached { BEHIND } else { UNREACHED };
        clock::monotonic() > end.saturating_add(behind.as_nanos() as u64)
    }

    fn end(mut self, sink: &mut dyn Sink) -> Result<Fleet, String> {
        for shard in 0..self.order.message.shards {
            self.merge.lose(shard);
        }
        self.hand_on(sink);
        if self.aborted.is_none() {
            let _ = advance(self.bus, self.order.run(), &mut self.state, Phase::Closed, "");
        }
        let end = self.planned_until();
        Ok(Fleet {
            outcome: outcome(self.order, self.merge.shards()),
            coverage: self.merge.coverage(end),
            record: record(self.order, &self.merge, &self.seats, end),
            aborted: self.aborted,
        })
    }

    /// Until when the shards were to play: to the end of the plan, or until the first of them heard that the run was ended.
    fn planned_until(&self) -> u64 {
        let end = self.order.plan.measure_until().0;
        let shards = self.merge.shards();
        match self.aborted {
            None => end,
            Some(_) => {
                let told = shards.iter().filter(|shard| shard.is_complete()).map(Shard::until_ns).min();
                told.or_else(|| shards.iter().map(Shard::until_ns).max()).unwrap_or(end).min(end)
            }
        }
    }
}

/// The outcome of all shards together.
fn outcome(order: &Order, shards: &[Shard]) -> Outcome {
    let mut sum = Outcome::default();
    for shard in shards {
        sum.elapsed_ns = sum.elapsed_ns.max(shard.until_ns());
        let Some(done) = &shard.done else { continue };
        sum.elapsed_ns = sum.elapsed_ns.max(done.elapsed_ns);
        sum.peak_connections = sum.peak_connections.saturating_add(done.peak_connections);
        sum.rss_peak_bytes =
            if order.is_one_process { done.rss_peak_bytes } else { sum.rss_peak_bytes.saturating_add(done.rss_peak_bytes) };
        sum.dialer_busy = sum.dialer_busy.max(done.dialer_busy);
        sum.began_ns = sum.began_ns.max(done.began_late_ns);
        for (text, n) in &done.fault_texts {
            if sum.fault_texts.len() < TEXTS_KEPT || sum.fault_texts.contains_key(text) {
                let count = sum.fault_texts.entry(text.clone()).or_default();
                *count = count.saturating_add(*n);
            }
        }
    }
    sum
}

fn record(order: &Order, merge: &Merge, seats: &[Seat], end: u64) -> FleetRecord {
    let agents = (0..).zip(merge.shards().iter().zip(seats)).map(|(number, (shard, seat))| agent(order, end, number, shard, seat));
    FleetRecord { run: order.run().to_string(), agents: agents.collect(), strange: merge.strange() }
}

fn agent(order: &Order, end: u64, number: u32, shard: &Shard, seat: &Seat) -> AgentRecord {
    let claim = seat.claim.as_ref().map(|(claim, _)| claim).filter(|_| seat.is_taken);
    let early = shard.done.as_ref().and_then(|done| done.ended_early.clone());
    let (state, why) = match (claim, shard.is_complete(), early) {
        (None, ..) => ("not_started", "nobody was ready to play it".to_owned()),
        (Some(_), true, None) => ("done", String::new()),
        (Some(_), true, Some(why)) => ("ended_early", why),
        (Some(_), false, _) => {
            ("lost", format!("the last second that came ended at {}; up to one more was measured and never sent", Nanos(shard.until_ns())))
        }
    };
    let part = crate::plan::Part { shard: number, shards: order.message.shards };
    let text = |of: fn(&ClaimMessage) -> &String| claim.map(|claim| crate::units::printable(of(claim), 100)).unwrap_or_default();
    AgentRecord {
        shard: number,
        clients: crate::plan::Share::new(1, order.plan.group, part).count(order.plan.clients),
        agent: text(|claim| &claim.agent),
        host: text(|claim| &claim.host),
        version: text(|claim| &claim.version),
        cpus: claim.map_or(0, |claim| claim.cpus),
        state: state.into(),
        why: crate::units::printable(&why, 300),
        offset_ns: claim.map_or(0, |claim| claim.offset_ns),
        half_rtt_ns: claim.map_or(0, |claim| claim.half_rtt_ns),
        drift_ns: shard.done.as_ref().and_then(|done| done.drift_ns),
        began_late_ns: shard.done.as_ref().map(|done| done.began_late_ns),
        until_ns: shard.until_ns(),
        lost: shard.cover.gaps(end),
        after_fence: shard.after_fence,
        adds_up: shard.adds_up(),
    }
}
