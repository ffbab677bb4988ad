//! Seconds of shards become seconds of the run. Pure: what came in, in whatever order and how often, gives the same seconds.
//!
//! ```text
//! shard 0   |--0--|--1--|--2--|           a second is closed when every shard that still lives has
//! shard 1   |--0--|--1--|                 delivered it and all before it: here up to the end of 1
//! shard 2   |--0--|--1--|--2--|
//! ```
//!
//! So nothing ever comes too late: a shard that falls silent holds the seconds back until it is given up, and what it sends
//! after that is counted and not merged. A message is known by shard, epoch and number; a second time it changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cover::Cover;
use super::snapshot::Body;
use super::snapshot::Done;
use super::snapshot::Sent;
use super::snapshot::Snapshot;
use crate::plan::Plan;
use crate::tally::Second;
use crate::units::Nanos;

/// Messages of one shard that may wait for one before them.
const WAITING_MOST: u64 = 1_024;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was merged.
    New,
    /// It had come before.
    Again,
    /// Its shard had been given up, or it is of an owner that is not the shard's.
    Fenced,
    /// It is of no shard of this run, or so far ahead that it cannot be waited for.
    Strange,
}

/// What an owner delivered that another took the place of. On the run clock in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Former {
    /// Its epoch.
    pub epoch: u32,
    /// Start of its first second.
    pub from_ns: u64,
    /// End of its last one.
    pub until_ns: u64,
}

/// What is known of one shard.
#[derive(Clone, Debug, Default)]
pub struct Shard {
    /// Epoch of its owner; messages of others are not merged. 0 while it has none.
    pub epoch: u32,
    /// The number of the message that comes next.
    next: u64,
    /// Messages that came before their turn: where they end.
    ahead: BTreeMap<u64, u64>,
    /// End of the last second that came in its turn.
    until_ns: u64,
    /// What it has delivered.
    pub cover: Cover,
    /// Start of the first second of its present owner that came.
    began_ns: Option<u64>,
    /// Owners before, of whom something came.
    pub former: Vec<Former>,
    /// Its last word.
    pub done: Option<Done>,
    /// Whether its last word came, and all before it.
    is_complete: bool,
    /// Whether it was given up.
    pub is_lost: bool,
    /// Messages that came after it was given up.
    pub after_fence: u64,
    /// Sums of what it delivered: seconds, planned, sent, answered.
    sums: [u64; 4],
}

impl Shard {
    /// Whether nothing more is awaited of it.
    pub fn is_over(&self) -> bool {
        self.is_complete || self.is_lost || self.epoch == 0
    }

    /// Whether its last word came, and everything before it.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// End of the last second that came in its turn, on the run clock in nanoseconds.
    pub fn until_ns(&self) -> u64 {
        self.until_ns
    }

    /// Start of the first second that came of its present owner.
    pub fn began_ns(&self) -> Option<u64> {
        self.began_ns
    }

    /// Another owner takes it: messages are counted from 0 again, what was covered stays.
    fn passes_to(&mut self, epoch: u32) {
        let mut former = std::mem::take(&mut self.former);
        former.extend(self.began_ns.map(|from_ns| Former { epoch: self.epoch, from_ns, until_ns: self.until_ns }));
        let cover = std::mem::take(&mut self.cover);
        *self = Shard { epoch, until_ns: self.until_ns, cover, former, after_fence: self.after_fence, ..Shard::default() };
    }

    /// Whether its seconds add up to what its last word says.
    pub fn adds_up(&self) -> bool {
        self.done.as_ref().is_none_or(|done| self.sums == [done.seconds, done.planned, done.sent, done.answered])
    }

    /// Counts what a second has delivered.
    fn count(&mut self, second: &Second) {
        self.began_ns = Some(self.began_ns.map_or(second.start_ns, |began| began.min(second.start_ns)));
        self.cover.add(second.start_ns, second.end_ns);
        let counts = &second.tally.counts;
        let sums = [1, counts.planned, counts.sent, counts.answered];
        self.sums.iter_mut().zip(sums).for_each(|(sum, n)| *sum = sum.saturating_add(n));
    }

    /// Whether something came before its turn: what is before it was sent, and will come again.
    pub fn has_gap(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Whether message `seq` has come.
    fn has(&self, seq: u64) -> bool {
        seq < self.next || self.ahead.contains_key(&seq)
    }

    /// Whether a body is not one that can follow: its seconds end after `latest_ns`, stand still, or tell a second time of what this
    /// shard has delivered, by whichever owner.
    fn is_odd(&self, body: &Body, latest_ns: u64) -> bool {
        match body {
            Body::Done(done) => done.elapsed_ns > latest_ns,
            Body::Seconds(seconds) => {
                let odd = |s: &Second| s.end_ns <= s.start_ns || s.end_ns > latest_ns || self.cover.within(s.start_ns, s.end_ns) > 0;
                seconds.iter().map(Sent::bare).any(odd) || seconds.windows(2).any(|pair| pair[1].bare().start_ns < pair[0].bare().end_ns)
            }
        }
    }

    /// Takes note of message `seq`, which ends at `end_ns`.
    fn note(&mut self, seq: u64, end_ns: u64, is_last: bool) {
        self.ahead.insert(seq, if is_last { u64::MAX } else { end_ns });
        while let Some(end) = self.ahead.remove(&self.next) {
            self.next += 1;
            if end == u64::MAX {
                self.is_complete = true;
            } else {
                self.until_ns = self.until_ns.max(end);
            }
        }
    }
}

/// Merges the seconds of all shards of a run.
#[derive(Debug)]
pub struct Merge {
    plan: Arc<Plan>,
    shards: Vec<Shard>,
    /// Seconds that are not closed, by the boundary at their end.
    open: BTreeMap<u64, Second>,
    start_ns: u64,
    /// Now on the run clock; nothing ends later.
    now_ns: u64,
    /// Messages of no shard.
    strange: u64,
}

impl Merge {
    /// For so many shards of `plan`.
    pub fn new(plan: Arc<Plan>, shards: u32) -> Self {
        Merge { plan, shards: vec![Shard::default(); shards as usize], open: BTreeMap::new(), start_ns: 0, now_ns: u64::MAX, strange: 0 }
    }

    /// The shards in order of their number.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Says what time it is on the run clock, so that nothing has to be kept which claims to be of later.
    pub fn it_is(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
    }

    /// Counts a message that could not be read.
    pub fn unread(&mut self) {
        self.strange += 1;
    }

    /// Messages that belonged to no shard.
    pub fn strange(&self) -> u64 {
        self.strange
    }

    /// From here on messages of `epoch` are those of the shard's owner. A later owner takes the place of the one before.
    pub fn owned(&mut self, shard: u32, epoch: u32) {
        if let Some(shard) = self.shards.get_mut(shard as usize).filter(|shard| shard.epoch < epoch) {
            shard.passes_to(epoch);
        }
    }

    /// Gives a shard up.
    pub fn lose(&mut self, shard: u32) {
        if let Some(shard) = self.shards.get_mut(shard as usize).filter(|shard| !shard.is_complete) {
            shard.is_lost = true;
        }
    }

    /// Whether nothing more is awaited of any shard.
    pub fn is_over(&self) -> bool {
        self.shards.iter().all(Shard::is_over)
    }

    /// Whether a message would be merged or had been: what is worth keeping.
    pub fn wants(&self, snapshot: &Snapshot) -> bool {
        let shard = self.shards.get(snapshot.place.shard as usize);
        shard.is_some_and(|shard| !shard.is_lost && shard.epoch == snapshot.place.epoch)
    }

    /// Takes a message in.
    pub fn take(&mut self, snapshot: Snapshot) -> Taken {
        let place = snapshot.place;
        let Some(shard) = self.shards.get_mut(place.shard as usize) else {
            self.strange += 1;
            return Taken::Strange;
        };
        if shard.is_lost || place.epoch != shard.epoch {
            shard.after_fence += 1;
            return Taken::Fenced;
        }
        if shard.has(place.seq) {
            return Taken::Again;
        }
        let latest_ns = self.now_ns.saturating_add(AHEAD).min(self.plan.latest_end().0 + HOUR);
        let is_odd = shard.is_odd(&snapshot.body, latest_ns);
        if is_odd || shard.is_complete && place.seq >= shard.next || place.seq > shard.next + WAITING_MOST {
            self.strange += 1;
            return Taken::Strange;
        }
        let (end_ns, is_last) = match &snapshot.body {
            Body::Seconds(seconds) => (seconds.iter().map(|sent| sent.bare().end_ns).max().unwrap_or(0), false),
            Body::Done(_) => (0, true),
        };
        shard.note(place.seq, end_ns, is_last);
        match snapshot.body {
            Body::Done(done) => shard.done = Some(*done),
            Body::Seconds(seconds) => {
                seconds.iter().for_each(|sent| shard.count(sent.bare()));
                seconds.into_iter().for_each(|sent| self.add(sent));
            }
        }
        Taken::New
    }

    fn add(&mut self, sent: Sent) {
        let boundary = self.boundary(sent.bare().end_ns).max(self.plan.boundary_after(Nanos(self.start_ns)).0);
        match self.open.get_mut(&boundary) {
            None => drop(self.open.insert(boundary, sent.whole())),
            Some(open) => join(open, &sent),
        }
    }

    /// The boundary at the end of a second that ends at `end_ns`; the last one of a shard ends before it.
    fn boundary(&self, end_ns: u64) -> u64 {
        let before = self.plan.boundary_before(Nanos(end_ns)).0;
        if before == end_ns { before } else { self.plan.boundary_after(Nanos(end_ns)).0 }
    }

    /// The seconds that are closed by now, in order.
    pub fn closed(&mut self) -> Vec<Second> {
        let living = self.shards.iter().filter(|shard| !shard.is_over());
        let until = living.map(|shard| shard.until_ns).min().unwrap_or(u64::MAX);
        let mut closed = Vec::new();
        while let Some(entry) = self.open.first_entry().filter(|entry| *entry.key() <= until) {
            let mut second = entry.remove();
            // As on one machine, seconds follow each other without gaps.
            second.start_ns = self.start_ns;
            second.end_ns = second.end_ns.max(self.start_ns);
            second.phase = self.plan.phase_name(Nanos(self.start_ns));
            self.start_ns = second.end_ns;
            closed.push(second);
        }
        closed
    }

    /// Share of the client time up to `end` that the shards have delivered, 0 to 1.
    pub fn coverage(&self, end: u64) -> f64 {
        let (mut planned, mut covered) = (0u128, 0u128);
        for (number, shard) in (0..).zip(&self.shards) {
            let part = crate::plan::Part { shard: number, shards: self.shards.len() as u32 };
            let clients = u128::from(crate::plan::Share::new(1, self.plan.group, part).count(self.plan.clients));
            planned += clients * u128::from(end);
            covered += clients * u128::from(shard.cover.within(0, end));
        }
        if planned == covered { 1.0 } else { covered as f64 / planned.max(1) as f64 }
    }
}

/// The longest that a run may go on behind its end.
const HOUR: u64 = 3_600 * crate::units::SECOND;
/// How far the clocks of agents may be ahead.
const AHEAD: u64 = 10 * crate::units::SECOND;

/// Adds one shard's second to that of others.
fn join(open: &mut Second, sent: &Sent) {
    let second = sent.bare();
    sent.join(&mut open.tally);
    open.end_ns = open.end_ns.max(second.end_ns);
    open.connections.merge(&second.connections);
    open.lane_busy = open.lane_busy.max(second.lane_busy);
    open.cpu_ns = open.cpu_ns.saturating_add(second.cpu_ns);
    open.rss_bytes = open.rss_bytes.saturating_add(second.rss_bytes);
    open.longest_gap_ns = open.longest_gap_ns.max(second.longest_gap_ns);
    open.pauses.extend(&second.pauses);
}

#[cfg(test)]
mod tests;
