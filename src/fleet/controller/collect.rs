//! From the start to the last word of the last shard: what comes is written to the journal, merged, and acknowledged.

use std::collections::VecDeque;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use super::Fleet;
use super::Held;
use super::LOOK;
use super::News;
use super::Order;
use super::Started;
use super::advance;
use super::patiently;
use super::put_once;
use super::replace::Vacancy;
use super::sum;
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
use crate::swarm::Control;
use crate::swarm::Sink;
use crate::wire::clock;

/// Messages fetched at once.
const BATCH: usize = 256;
/// Messages read at once: a second may need some megabytes while it waits to be merged.
const READ: usize = 16;
/// Messages that cannot be read which are told of; the record counts them all.
const STRANGE_TOLD: u32 = 20;
/// Longest wait for one.
const WAIT: Duration = Duration::from_millis(200);
/// Between two looks at the state of the run.
const STATE_EVERY: Duration = Duration::from_secs(1);
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
    let merge = Merge::new(order.plan.clone(), order.message.shards);
    let now = clock::monotonic();
    let mut seats = started.seats;
    let mut vacancies = VecDeque::new();
    for (shard, seat) in seats.iter_mut().enumerate().filter(|(_, seat)| order.may_join_late && !seat.is_taken) {
        seat.is_vacant = true;
        vacancies.push_back(Vacancy::of_the_start(shard));
    }
    Collecting {
        bus,
        order,
        seats,
        state: started.state,
        merge,
        inbox: started.inbox,
        journal,
        next_look: Instant::now(),
        looked_ns: now.max(started.t0_own_ns),
        t0_own_ns: started.t0_own_ns,
        is_reached: true,
        aborted: None,
        vacancies,
        next_visit: Instant::now(),
        is_taken_over: started.is_taken_over,
        told: 0,
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
        // Who had claimed it under way and was not taken by the controller before finds out that it is not wanted.
        let is_owned = |claim: &ClaimMessage| claim.epoch > 0 && matches!(claim.standing, Standing::Armed | Standing::Lost);
        seat.is_taken = is_owned(&claim) || claim.epoch > 1;
        seat.must_be_fenced = !is_owned(&claim) && claim.epoch > 1;
        seat.claim = Some((claim, entry.revision));
    }
    let t0_ns = message.t0_ns;
    let mut state = Held { message, revision: entry.revision };
    // From here on the controller that was stops, should it live.
    let own = StateMessage { controller: crate::units::mix(clock::realtime()), wanted: Vec::new(), ..state.message.clone() };
    super::put(bus, run, &mut state, own).map_err(|e| format!("the run cannot be taken over: {e}"))?;
    let time = patiently(|| bus.keep_time(run)).ok();
    let inbox = patiently(|| bus.inbox(run)).map_err(|e| e.to_string())?;
    let t0_own_ns = (clock::monotonic() + t0_ns).saturating_sub(clock::realtime());
    Ok(Started { seats, state, t0_ns, t0_own_ns, is_taken_over: true, inbox, _time: time })
}

/// Gives each shard to its owner.
pub(super) fn own(merge: &mut Merge, seats: &[Seat]) {
    for (shard, seat) in (0..).zip(seats) {
        if let Some((claim, _)) = seat.claim.as_ref().filter(|_| seat.is_taken) {
            merge.owned(shard, claim.epoch);
        }
    }
}

pub(super) struct Collecting<'a> {
    pub(super) bus: &'a dyn Bus,
    pub(super) order: &'a Order,
    pub(super) seats: Vec<Seat>,
    pub(super) state: Held,
    pub(super) merge: Merge,
    inbox: Box<dyn Inbox>,
    journal: Journal,
    /// When it is looked at the state of the run again.
    next_look: Instant,
    /// Until when the time in which the bus was reached was counted, on the monotonic clock.
    looked_ns: u64,
    pub(super) t0_own_ns: u64,
    pub(super) is_reached: bool,
    pub(super) aborted: Option<String>,
    /// Shards that may be taken, and when they are looked at again.
    pub(super) vacancies: VecDeque<Vacancy>,
    pub(super) next_visit: Instant,
    /// Whether another controller began the run: its clock may have been another.
    is_taken_over: bool,
    /// Messages that were not what they should be and were told of.
    told: u32,
    /// Since when an end could not be told to the agents.
    untold: Option<Instant>,
}

impl Collecting<'_> {
    fn run(mut self, control: &Control, sink: &mut dyn Sink, news: &mut dyn FnMut(News)) -> Result<Fleet, String> {
        self.replay(sink, news)?;
        for seat in &mut self.seats {
            seat.heard_ns = self.looked_ns;
        }
        while (!self.merge.is_over() || self.awaits_spares()) && !control.must_leave() && !self.is_overdue() && !self.is_given_up() {
            match self.inbox.fetch(BATCH, WAIT) {
                Ok(parcels) => parcels.chunks(READ).try_for_each(|parcels| self.take(parcels, news))?,
                Err(Failed::Refused(why)) => return Err(why),
                Err(_) => sleep(LOOK),
            }
            self.hand_on(sink);
            if control.is_stopping() && self.aborted.is_none() {
                self.abort("stopped by its controller");
            }
            self.look(control, news)?;
            self.listen(sink, news);
            self.attend(sink, news);
        }
        // Agents may have seen before us that the run was ended.
        self.next_look = Instant::now();
        self.look(control, news)?;
        self.end(sink)
    }

    /// Merges what the journal holds already.
    fn replay(&mut self, sink: &mut dyn Sink, news: &mut dyn FnMut(News)) -> Result<(), String> {
        let (merge, seats, width) = (&mut self.merge, &self.seats, self.order.width);
        // Whoever owns a shard had it from the start, or came after one who had.
        (0..).zip(seats).filter(|(_, seat)| seat.is_taken).for_each(|(shard, _)| merge.owned(shard, 1));
        let taken = self.journal.replay(|message| match Snapshot::decode(message, width) {
            Ok(snapshot) => {
                // What is in the journal was of the owner at its time; owners follow each other as their messages do.
                let place = snapshot.place;
                let last = seats.get(place.shard as usize).and_then(|seat| seat.claim.as_ref()).map_or(0, |(claim, _)| claim.epoch);
                if place.epoch <= last {
                    merge.owned(place.shard, place.epoch);
                }
                merge.take(snapshot);
                merge.closed().iter().for_each(|second| sink.second(second));
            }
            Err(why) => news(News::Strange(format!("the journal: {why}"))),
        });
        taken.map_err(|e| format!("the journal cannot be read: {e}"))?;
        own(&mut self.merge, &self.seats);
        for (shard, seat) in (0..).zip(&self.seats) {
            if seat.standing() == Some(Standing::Lost) {
                self.merge.lose(shard);
            }
        }
        self.hand_on(sink);
        Ok(())
    }

    /// Tells of a message that is not one, the first few times.
    fn strange(&mut self, why: String, news: &mut dyn FnMut(News)) {
        self.merge.unread();
        self.told += 1;
        if self.told <= STRANGE_TOLD {
            news(News::Strange(why));
        }
    }

    /// Journal, merge, acknowledge, in this order.
    fn take(&mut self, parcels: &[Parcel], news: &mut dyn FnMut(News)) -> Result<(), String> {
        let (mut good, mut tickets) = (Vec::new(), Vec::new());
        for parcel in parcels {
            tickets.push(parcel.ticket);
            match Snapshot::decode(&parcel.bytes, self.order.width) {
                Ok(snapshot) if snapshot.place.run == self.order.run() => good.push((snapshot, &parcel.bytes)),
                Ok(_) => self.strange("a snapshot of another run came".into(), news),
                Err(why) => self.strange(why, news),
            }
        }
        if !self.is_taken_over {
            self.merge.it_is(self.run_now());
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
    pub(super) fn abort(&mut self, why: &str) {
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
            self.aborted = Some(crate::units::printable(&message.reason, 300));
            control.stop();
        }
        self.state = Held { message, revision: entry.revision };
        Ok(())
    }

    /// Gives up who is silent for too long. Time in which the bus is not reached is nobody's silence.
    fn listen(&mut self, sink: &mut dyn Sink, news: &mut dyn FnMut(News)) {
        let now = clock::monotonic();
        let passed = now.saturating_sub(self.looked_ns);
        self.looked_ns = self.looked_ns.max(now);
        if !self.is_reached {
            self.seats.iter_mut().for_each(|seat| seat.heard_ns += passed);
            return;
        }
        for shard in 0..self.seats.len() {
            if self.merge.shards()[shard].is_over() || self.seats[shard].is_vacant || now < self.t0_own_ns {
                continue;
            }
            let has_gap = self.merge.shards()[shard].has_gap();
            let lost_after = if has_gap { self.order.lost_after.max(roster::GAP) } else { self.order.lost_after };
            let seat = &mut self.seats[shard];
            match roster::silence(seat.heard_ns, now, Duration::from_nanos(self.order.message.interval_ns), lost_after) {
                Silence::Fine => {}
                Silence::Late if seat.is_late => {}
                Silence::Late => {
                    seat.is_late = true;
                    news(News::Late(shard as u32, seat.who()));
                }
                Silence::Lost => self.lose(shard, sink, news),
            }
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
            outcome: sum::outcome(self.order, self.merge.shards()),
            coverage: self.merge.coverage(end),
            record: sum::record(self.order, &self.merge, &self.seats, end),
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
