//! Sends of one client that others of its group see: when each was due and sent, and by whom it was seen.
//!
//! Kept apart from [`Pending`](super::Pending): a send may be seen by several, long after it counted as
//! answered or not, and after a connection was lost it may still come by being asked for again.

use std::collections::VecDeque;

/// Most sends kept; the oldest is forgotten for a new one.
const MOST: usize = 4_096;

#[derive(Debug, Default)]
struct Sending {
    due: u64,
    sent: u64,
    /// By place in the group.
    seen: u64,
    /// When each receiver saw it live, and its place; kept only where there are several.
    sights: Vec<(u64, u8)>,
}

/// What the sight of a send turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// The first of this receiver. Instants of the send; whether all receivers have seen it by now.
    First {
        /// Number of the send.
        seq: u64,
        /// Planned instant.
        due: u64,
        /// Instant of the write.
        sent: u64,
        /// Whether it was the last sight awaited.
        complete: bool,
    },
    /// This receiver has seen it before, or it is so old that nothing is known of it.
    Again,
    /// There is no such send.
    Unknown,
}

/// What became of a send that several were to see, when no more sights of it are awaited.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fate<'a> {
    /// Planned instant.
    pub(super) due: u64,
    /// Instant of the write.
    pub(super) sent: u64,
    /// When it was seen live and by which place of the group, in order of time.
    pub(super) sights: &'a [(u64, u8)],
}

/// Sends of one client that others see.
#[derive(Debug)]
pub(super) struct Crossing {
    sends: VecDeque<Sending>,
    /// Number of the first of them.
    base: u64,
    /// Places of the group that see them, as bits.
    receivers: u64,
    /// Sights of sends forgotten that never came.
    missed: u64,
    /// Sends that several were to see, of which nothing more is awaited.
    over: Vec<Sending>,
    /// Room for sights, used again.
    spare: Vec<Vec<(u64, u8)>>,
}

impl Crossing {
    /// For sends that clients at these places of the group see, given as bits.
    pub(super) fn new(receivers: u64) -> Self {
        Crossing { sends: VecDeque::new(), base: 0, receivers, missed: 0, over: Vec::new(), spare: Vec::new() }
    }

    /// Places of the group that see the sends, as bits.
    pub(super) fn receivers(&self) -> u64 {
        self.receivers
    }

    /// Send `seq` is due at `due`. Numbers grow; those left out were not sent.
    pub(super) fn put(&mut self, seq: u64, due: u64) {
        if self.sends.is_empty() {
            self.base = seq;
        }
        while self.base + (self.sends.len() as u64) < seq {
            // Nobody is waited for.
            self.push(Sending { seen: u64::MAX, ..Sending::default() });
        }
        let sights = self.spare.pop().unwrap_or_default();
        self.push(Sending { due, sights, ..Sending::default() });
    }

    fn push(&mut self, sending: Sending) {
        if self.sends.len() == MOST {
            self.forget();
        }
        self.sends.push_back(sending);
    }

    /// Forgets the oldest send.
    fn forget(&mut self) {
        if let Some(old) = self.sends.pop_front() {
            self.base += 1;
            self.missed += u64::from(self.unseen(&old));
            if self.receivers.count_ones() > 1 && old.sent != 0 && !self.is_complete(&old) {
                self.over.push(old);
            }
        }
    }

    fn unseen(&self, sending: &Sending) -> u32 {
        if sending.sent == 0 { 0 } else { (self.receivers & !sending.seen).count_ones() }
    }

    fn is_complete(&self, sending: &Sending) -> bool {
        self.receivers & !sending.seen == 0
    }

    /// The newest send could not be written.
    pub(super) fn take_back(&mut self) {
        self.sends.pop_back();
    }

    /// Send `seq` was written at `at`.
    pub(super) fn sent(&mut self, seq: u64, at: u64) {
        if let Some(sending) = seq.checked_sub(self.base).and_then(|index| self.sends.get_mut(index as usize)) {
            sending.sent = at;
        }
    }

    /// The client at `place` of the group has seen send `seq` at `done`; only `live` sights have a time that tells of the fan-out.
    pub(super) fn seen(&mut self, seq: u64, place: usize, done: u64, live: bool) -> Sight {
        if seq < self.base {
            return Sight::Again;
        }
        let is_told = live && self.receivers.count_ones() > 1 && self.receivers >> place & 1 == 1;
        let Some(sending) = self.sends.get_mut((seq - self.base) as usize).filter(|sending| sending.sent != 0) else {
            return Sight::Unknown;
        };
        if sending.seen & 1 << place != 0 {
            return Sight::Again;
        }
        sending.seen |= 1 << place;
        if is_told {
            sending.sights.push((done, place as u8));
        }
        let (due, sent, seen) = (sending.due, sending.sent, sending.seen);
        let complete = self.receivers & !seen == 0;
        if complete && self.receivers.count_ones() > 1 {
            self.over.push(Sending { due, sent, seen, sights: std::mem::take(&mut sending.sights) });
        }
        while complete && self.sends.front().is_some_and(|front| self.is_complete(front)) {
            self.forget();
        }
        Sight::First { seq, due, sent, complete }
    }

    /// Tells of each send of which nothing more is awaited, once.
    pub(super) fn fates(&mut self, mut tell: impl FnMut(&Fate<'_>)) {
        for mut sending in self.over.drain(..) {
            sending.sights.sort_unstable();
            tell(&Fate { due: sending.due, sent: sending.sent, sights: &sending.sights });
            sending.sights.clear();
            self.spare.push(sending.sights);
        }
    }

    /// The oldest send that the client at `place` has not seen: its number and when it was due.
    pub(super) fn oldest_unseen(&self, place: usize) -> Option<(u64, u64)> {
        let unseen = |sending: &&Sending| sending.sent != 0 && sending.seen & 1 << place == 0;
        let index = self.sends.iter().position(|sending| unseen(&sending))?;
        Some((self.base + index as u64, self.sends[index].due))
    }

    /// Sights that never came, all sends given up.
    pub(super) fn abandon(&mut self) -> u64 {
        while !self.sends.is_empty() {
            self.forget();
        }
        std::mem::take(&mut self.missed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(crossing: &mut Crossing, seq: u64) {
        crossing.put(seq, 10 * seq);
        crossing.sent(seq, 10 * seq + 1);
    }

    fn fates(crossing: &mut Crossing) -> Vec<(u64, Vec<(u64, u8)>)> {
        let mut all = Vec::new();
        crossing.fates(|fate| all.push((fate.due, fate.sights.to_vec())));
        all
    }

    #[test]
    fn each_receiver_sees_a_send_once() {
        let mut crossing = Crossing::new(1 << 5 | 1 << 63);
        (0..3).for_each(|seq| sent(&mut crossing, seq));
        assert_eq!(crossing.seen(1, 5, 90, true), Sight::First { seq: 1, due: 10, sent: 11, complete: false });
        assert_eq!(crossing.seen(1, 5, 91, true), Sight::Again);
        assert_eq!(crossing.seen(1, 63, 80, true), Sight::First { seq: 1, due: 10, sent: 11, complete: true });
        assert_eq!(crossing.seen(3, 5, 92, true), Sight::Unknown);
        assert_eq!(crossing.oldest_unseen(5), Some((0, 0)));
        assert_eq!(crossing.abandon(), 4, "two sends that two did not see");
        assert_eq!(crossing.seen(1, 7, 93, true), Sight::Again);
        assert_eq!(fates(&mut crossing), [(10, vec![(80, 63), (90, 5)]), (0, vec![]), (20, vec![])], "sights in order of time");
        assert_eq!(fates(&mut crossing), [], "each once");
    }

    #[test]
    fn what_all_have_seen_is_not_kept() {
        let mut crossing = Crossing::new(0b110);
        for seq in 0..3 {
            sent(&mut crossing, seq);
            crossing.seen(seq, 1, 50, true);
        }
        // What came because it was asked for again completes a send, and is no live sight.
        crossing.seen(0, 2, 60, false);
        assert_eq!(crossing.sends.len(), 2);
        crossing.seen(2, 2, 70, true);
        assert_eq!(crossing.sends.len(), 2, "the one before is awaited");
        crossing.seen(1, 2, 80, true);
        assert_eq!(crossing.sends.len(), 0);
        assert_eq!(fates(&mut crossing), [(0, vec![(50, 1)]), (20, vec![(50, 1), (70, 2)]), (10, vec![(50, 1), (80, 2)])]);
        sent(&mut crossing, 9);
        assert_eq!(crossing.seen(9, 1, 90, true), Sight::First { seq: 9, due: 90, sent: 91, complete: false });
        assert_eq!(crossing.spare.len(), 2, "room is used again");
    }

    #[test]
    fn what_was_not_written_is_not_missed() {
        let mut crossing = Crossing::new(1);
        sent(&mut crossing, 4);
        crossing.put(7, 70);
        assert_eq!(crossing.seen(7, 0, 71, true), Sight::Unknown, "not written yet");
        crossing.take_back();
        assert_eq!(crossing.abandon(), 1);
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_is_missed() {
        let mut crossing = Crossing::new(1);
        (0..MOST as u64 + 10).for_each(|seq| sent(&mut crossing, seq));
        assert_eq!(crossing.sends.len(), MOST);
        assert_eq!(crossing.seen(3, 0, 9, true), Sight::Again);
        assert_eq!(crossing.abandon(), MOST as u64 + 10);
        assert_eq!(fates(&mut crossing), [], "there is no fan-out to one");
    }
}
