//! What members of a group see of each other. They live on one lane, so a send of one and its sight by
//! another need no lock and have one clock.

use std::collections::HashMap;
use std::collections::VecDeque;

use super::Lane;
use crate::dialogue::Cross;
use crate::swarm::desk::Sight;
use crate::tally::Sample;

/// Broadcasts remembered by a lane, to tell first sights from later ones.
const BROADCASTS: usize = 65_536;

/// How the sends of a group are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Telling {
    /// The first sight will tell.
    #[default]
    Unknown,
    /// By keys: they come back as they were sent.
    Keys,
    /// In order: keys do not come back unchanged.
    Order,
}

/// What members of groups see of each other, for all groups of a lane.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// By number of the group within the lane.
    tellings: Vec<Telling>,
    /// When each broadcast was first seen, by series, group and key.
    first: HashMap<(usize, u64, u64), u64>,
    order: VecDeque<(usize, u64, u64)>,
}

impl Groups {
    fn telling(&mut self, group: usize) -> &mut Telling {
        if self.tellings.len() <= group {
            self.tellings.resize(group + 1, Telling::Unknown);
        }
        &mut self.tellings[group]
    }

    /// When the broadcast was first seen; `None` when it is seen now for the first time.
    fn first(&mut self, broadcast: (usize, u64, u64), done: u64) -> Option<u64> {
        if let Some(first) = self.first.get(&broadcast) {
            return Some(*first);
        }
        if self.order.len() == BROADCASTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.first.remove(&oldest);
        }
        self.order.push_back(broadcast);
        self.first.insert(broadcast, done);
        None
    }
}

impl Lane {
    /// Settles what clients saw since the last event.
    pub(super) fn settle_sights(&mut self) {
        let mut sights = std::mem::take(&mut self.desk.sights);
        for sight in sights.drain(..) {
            match sight {
                Sight::Sent { client, cross } => self.seen(client, cross),
                Sight::Spread { client, series, kind, key, done } => {
                    let group = client / self.plan.group;
                    if let Some(first) = self.groups.first((series, group, key), done) {
                        let sample = Sample { due: first, sent: first, done: done.max(first) };
                        self.desk.tally.answered(self.desk.script.phase_of(done), series, kind, sample);
                    }
                }
            }
        }
        self.desk.sights = sights;
    }

    /// `client` saw what another of its group sent.
    fn seen(&mut self, client: u64, cross: Cross) {
        let size = self.plan.group;
        let me = (client % size) as usize;
        let base = self.plan.share().place_of(client - client % size);
        let group = base / size as usize;
        let by_key = cross.key.filter(|_| *self.groups.telling(group) != Telling::Order);
        if let Some(key) = by_key {
            if self.tell(base + (key % size) as usize, cross, Some(key / size), me) {
                *self.groups.telling(group) = Telling::Keys;
                return;
            }
            if *self.groups.telling(group) == Telling::Keys || self.oldest(base, me).is_none() {
                self.desk.tally.counts.unsolicited += 1;
                return;
            }
            *self.groups.telling(group) = Telling::Order;
            self.desk.tally.counts.fallbacks += 1;
        }
        let others = (0..size as usize).filter(|place| *place != me).map(|place| base + place);
        let said = cross.key.is_none() && others.clone().any(|place| self.tell(place, cross, None, me));
        if said {
            return;
        }
        match self.oldest(base, me) {
            Some((place, seq)) => drop(self.tell(place, cross, Some(seq), me)),
            None => self.desk.tally.counts.unsolicited += 1,
        }
    }

    /// Tells the client at `place` that the one at `me` of its group has seen what it sent; whether it had sent that. In
    /// closed loop an exchange that ended with it makes room for the next.
    fn tell(&mut self, place: usize, cross: Cross, seq: Option<u64>, me: usize) -> bool {
        let Some(client) = self.clients.get_mut(place) else { return false };
        let before = client.outstanding();
        let known = client.seen(&mut self.desk, cross, seq, me);
        if self.desk.shape.is_none() && client.outstanding() < before {
            self.again.push(place as u32);
        }
        known
    }

    /// Of the sends of the group that begins at place `base`, the one due first that the client at `me` has not seen.
    fn oldest(&self, base: usize, me: usize) -> Option<(usize, u64)> {
        let places = (base..base + self.plan.group as usize).filter(|place| *place != base + me);
        let unseen = places.filter_map(|place| Some((self.clients.get(place)?.oldest_unseen(me)?, place)));
        unseen.min().map(|((_, seq), place)| (place, seq))
    }
}
