//! Shards without an owner while a run goes on: their claims are fenced, they are offered, and who is ready to play one gets it.
//!
//! ```text
//! controller   lost -> claim says lost -> state names the shard               claim says armed -> merged
//! spare                                     claim of the next epoch -> ready                        plays on
//! ```
//!
//! Giving a shard away and withdrawing it are the same change by comparison, so a spare plays it or does not. Messages of the new
//! owner are merged from before it can have sent any.

use std::time::Duration;
use std::time::Instant;

use super::News;
use super::OnLoss;
use super::collect::Collecting;
use super::put_once;
use crate::fleet::bus::Failed;
use crate::fleet::bus::Key;
use crate::fleet::message::ClaimMessage;
use crate::fleet::message::Message;
use crate::fleet::message::Phase;
use crate::fleet::message::Standing;
use crate::fleet::message::StateMessage;
use crate::swarm::Sink;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::wire::clock;

/// Between two looks at shards without an owner.
const EVERY: Duration = Duration::from_millis(500);
/// Shards looked at each time; every look is a question to the bus.
const LOOKED_AT: usize = 64;
/// Shards offered at once, which bounds the state.
const OFFERED: usize = 1_024;
/// How long who claimed a shard may take to be ready.
const READYING: Duration = Duration::from_secs(60);
/// A shard is not given away so shortly before the end of the load, in nanoseconds.
const ENDING: u64 = 2 * SECOND;

/// A shard that may be taken.
pub(super) struct Vacancy {
    shard: usize,
    /// How long an owner is waited for; to the end of the run without.
    until: Option<Instant>,
    /// The revision of the claim of who readies itself, and since when.
    claimed: Option<(u64, Instant)>,
}

/// What became of a look at a vacancy.
enum Visited {
    /// It has an owner.
    Taken,
    /// Somebody readies itself for it.
    Claimed,
    /// It is free.
    Free,
}

impl Vacancy {
    /// Of a shard that nobody took before the start.
    pub(super) fn of_the_start(shard: usize) -> Vacancy {
        Vacancy { shard, until: None, claimed: None }
    }
}

impl Collecting<'_> {
    /// Gives a shard up. Its owner, should it live, sees that and stops.
    pub(super) fn lose(&mut self, shard: usize, sink: &mut dyn Sink, news: &mut dyn FnMut(News)) {
        self.merge.lose(shard as u32);
        self.seats[shard].must_be_fenced = true;
        self.fence(shard);
        let who = self.seats[shard].who();
        let until = Nanos(self.merge.shards()[shard].until_ns());
        sink.note(self.run_now(), "note", &format!("shard {shard} ({who}) is lost: nothing came of it since {until}"));
        news(News::Lost(shard as u32, who));
        match self.order.on_loss {
            OnLoss::Abort if self.aborted.is_none() => self.abort(&format!("shard {shard} was lost")),
            OnLoss::Replace => {
                self.seats[shard].is_vacant = true;
                self.vacancies.push_back(Vacancy { shard, until: Some(Instant::now() + self.order.gather), claimed: None });
            }
            OnLoss::Abort | OnLoss::Degrade => {}
        }
    }

    /// Whether the place of a lost shard may still be taken, so that the run is not over.
    pub(super) fn awaits_spares(&self) -> bool {
        self.aborted.is_none() && self.vacancies.iter().any(|vacancy| vacancy.until.is_some())
    }

    /// Looks after shards that are to be fenced or have no owner, now and then.
    pub(super) fn attend(&mut self, sink: &mut dyn Sink, news: &mut dyn FnMut(News)) {
        if Instant::now() < self.next_visit || !self.is_reached {
            return;
        }
        self.next_visit = Instant::now() + EVERY;
        let due: Vec<usize> = (0..self.seats.len()).filter(|shard| self.seats[*shard].must_be_fenced).take(LOOKED_AT).collect();
        due.into_iter().for_each(|shard| self.fence(shard));
        let ends = self.aborted.is_some() || self.run_now() + ENDING > self.order.plan.measure_until().0;
        let visits = if ends { self.vacancies.len() } else { self.vacancies.len().min(LOOKED_AT) };
        for _ in 0..visits {
            let Some(mut vacancy) = self.vacancies.pop_front() else { break };
            let visited = if ends { Visited::Free } else { self.visit(&mut vacancy, sink, news) };
            let is_late = ends || vacancy.until.is_some_and(|until| Instant::now() >= until);
            match visited {
                Visited::Taken => {}
                Visited::Free if is_late => self.withdraw(&vacancy, sink, news),
                Visited::Free | Visited::Claimed => self.vacancies.push_back(vacancy),
            }
        }
        self.offer();
    }

    /// Nobody is to take a shard any more.
    fn withdraw(&mut self, vacancy: &Vacancy, sink: &mut dyn Sink, news: &mut dyn FnMut(News)) {
        let shard = vacancy.shard;
        self.merge.lose(shard as u32);
        self.seats[shard].is_vacant = false;
        // Who claimed it in this instant finds it lost.
        self.seats[shard].must_be_fenced = true;
        self.fence(shard);
        if vacancy.until.is_some() && self.aborted.is_none() {
            sink.note(self.run_now(), "note", &format!("no spare agent took shard {shard}; the run goes on without it"));
            news(News::Unreplaced(shard as u32));
        }
    }

    /// Looks whether somebody has claimed a shard that is free.
    fn visit(&mut self, vacancy: &mut Vacancy, sink: &mut dyn Sink, news: &mut dyn FnMut(News)) -> Visited {
        let (shard, key) = (vacancy.shard, self.key(vacancy.shard));
        let Ok(Some(entry)) = self.bus.get(&key) else { return Visited::Free };
        let Ok(claim) = ClaimMessage::decode(&entry.value) else { return Visited::Free };
        let epoch = self.seats[shard].claim.as_ref().map_or(0, |(claim, _)| claim.epoch);
        if claim.epoch <= epoch {
            return Visited::Free;
        }
        match claim.standing {
            Standing::Ready | Standing::Armed => match self.adopt(shard, claim, entry.revision, sink, news) {
                true => Visited::Taken,
                false => Visited::Claimed,
            },
            Standing::Claimed => {
                let since =
                    vacancy.claimed.filter(|(revision, _)| *revision == entry.revision).map_or_else(Instant::now, |(_, since)| since);
                vacancy.claimed = Some((entry.revision, since));
                if since.elapsed() < READYING {
                    return Visited::Claimed;
                }
                self.clear(shard, claim, entry.revision)
            }
            Standing::Refused => self.clear(shard, claim, entry.revision),
            Standing::Lost => Visited::Free,
        }
    }

    /// Frees a shard of who claimed it and cannot play it.
    fn clear(&mut self, shard: usize, claim: ClaimMessage, revision: u64) -> Visited {
        self.merge.lose(shard as u32);
        let claim = ClaimMessage { standing: Standing::Lost, ..claim };
        if let Ok(value) = claim.encode() {
            // What could not be written is tried again at the next look.
            let _ = self.bus.change(&self.key(shard), &value, revision);
        }
        Visited::Free
    }

    /// Makes who is ready the owner of a shard; whether that is settled.
    fn adopt(&mut self, shard: usize, claim: ClaimMessage, revision: u64, sink: &mut dyn Sink, news: &mut dyn FnMut(News)) -> bool {
        self.merge.owned(shard as u32, claim.epoch);
        let armed = ClaimMessage { standing: Standing::Armed, ..claim };
        let Ok(value) = armed.encode() else { return false };
        let revision = match self.bus.change(&self.key(shard), &value, revision) {
            Ok(revision) => revision,
            // The answer may have been lost; the next look finds what was written.
            Err(_) => match self.bus.get(&self.key(shard)) {
                Ok(Some(entry)) if entry.value == value => entry.revision,
                _ => return false,
            },
        };
        let (now, text) = (self.run_now(), armed.who());
        let seat = &mut self.seats[shard];
        let after = seat.claim.take().map(|(claim, _)| claim).filter(|claim| seat.is_taken && claim.epoch > 0);
        (seat.is_taken, seat.has_joined, seat.is_vacant, seat.is_late) = (true, true, false, false);
        (seat.must_be_fenced, seat.heard_ns) = (false, clock::monotonic());
        let place = after.as_ref().map_or(String::new(), |claim| format!(" in the place of {}", claim.who()));
        seat.former.extend(after);
        seat.claim = Some((armed, revision));
        sink.note(now, "note", &format!("shard {shard} is played by {text}{place} from here on: its clients connect, all of them anew"));
        news(News::Joined(shard as u32, format!("{text}{place}")));
        true
    }

    /// Writes into the claim of a shard that it is given up.
    pub(super) fn fence(&mut self, shard: usize) {
        let key = self.key(shard);
        let Some((claim, revision)) = &self.seats[shard].claim else {
            self.seats[shard].must_be_fenced = false;
            return;
        };
        let claim = ClaimMessage { standing: Standing::Lost, reason: "nothing was heard for too long".into(), ..claim.clone() };
        let Ok(value) = claim.encode() else { return };
        let written = match self.bus.change(&key, &value, *revision) {
            Ok(revision) => Some(revision),
            Err(Failed::Changed) => self.fence_other(&key),
            // It is tried again.
            Err(_) => None,
        };
        if let Some(revision) = written {
            self.seats[shard].claim = Some((claim, revision));
            self.seats[shard].must_be_fenced = false;
        }
    }

    /// The same where the claim was written since: by an answer of ours that was lost, or by somebody who takes the shard.
    fn fence_other(&self, key: &Key) -> Option<u64> {
        let entry = self.bus.get(key).ok()??;
        let claim = ClaimMessage::decode(&entry.value).ok()?;
        if claim.standing == Standing::Lost {
            return Some(entry.revision);
        }
        let claim = ClaimMessage { standing: Standing::Lost, ..claim };
        self.bus.change(key, &claim.encode().ok()?, entry.revision).ok()
    }

    /// Names the shards that may be taken in the state of the run.
    fn offer(&mut self) {
        let free = self.vacancies.iter().map(|vacancy| vacancy.shard).filter(|shard| !self.seats[*shard].must_be_fenced);
        let mut wanted: Vec<u32> = free.take(OFFERED).map(|shard| shard as u32).collect();
        wanted.sort_unstable();
        if wanted != self.state.message.wanted && self.state.message.phase == Phase::Go {
            let message = StateMessage { wanted, ..self.state.message.clone() };
            // What could not be said is said at the next look.
            let _ = put_once(self.bus, self.order.run(), &mut self.state, &message);
        }
    }

    fn key(&self, shard: usize) -> Key {
        Key::Shard(self.order.run(), shard as u32)
    }

    /// Now on the run clock in nanoseconds.
    pub(super) fn run_now(&self) -> u64 {
        clock::monotonic().saturating_sub(self.t0_own_ns)
    }
}
