//! Sends of one client that others of its group see: when each was due and sent, and by whom it was seen.
//!
//! Kept apart from [`Pending`](super::Pending): a send may be seen by several, long after it counted as
//! answered or not, and after a connection was lost it may still come by being asked for again.

use std::collections::VecDeque;

/// Most sends kept; the oldest is forgotten for a new one.
const MOST: usize = 4_096;

#[derive(Clone, Copy, Debug)]
struct Sending {
    due: u64,
    sent: u64,
    /// By place in the group.
    seen: u64,
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

/// Sends of one client that others see.
#[derive(Debug)]
pub(super) struct Crossing {
    sends: VecDeque<Sending>,
    /// Number of the first of them.
    base: u64,
    receivers: u32,
    /// Sights of sends forgotten that never came.
    missed: u64,
}

impl Crossing {
    /// For sends that `receivers` others see each.
    pub(super) fn new(receivers: u32) -> Self {
        Crossing { sends: VecDeque::new(), base: 0, receivers, missed: 0 }
    }

    /// Send `seq` is due at `due`. Numbers grow; those left out were not sent.
    pub(super) fn put(&mut self, seq: u64, due: u64) {
        if self.sends.is_empty() {
            self.base = seq;
        }
        while self.base + (self.sends.len() as u64) < seq {
            self.push(Sending { due: 0, sent: 0, seen: 0 });
        }
        self.push(Sending { due, sent: 0, seen: 0 });
    }

    fn push(&mut self, sending: Sending) {
        if self.sends.len() == MOST {
            self.forget();
        }
        self.sends.push_back(sending);
    }

    fn forget(&mut self) {
        if let Some(old) = self.sends.pop_front() {
            self.base += 1;
            self.missed += self.unseen(&old);
        }
    }

    fn unseen(&self, sending: &Sending) -> u64 {
        if sending.sent == 0 { 0 } else { u64::from(self.receivers.saturating_sub(sending.seen.count_ones())) }
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

    /// The client at `place` of the group has seen send `seq`.
    pub(super) fn seen(&mut self, seq: u64, place: usize) -> Sight {
        if seq < self.base {
            return Sight::Again;
        }
        let receivers = self.receivers;
        let Some(sending) = self.sends.get_mut((seq - self.base) as usize).filter(|sending| sending.sent != 0) else {
            return Sight::Unknown;
        };
        if sending.seen & 1 << place != 0 {
            return Sight::Again;
        }
        sending.seen |= 1 << place;
        Sight::First { seq, due: sending.due, sent: sending.sent, complete: sending.seen.count_ones() == receivers }
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

    #[test]
    fn each_receiver_sees_a_send_once() {
        let mut crossing = Crossing::new(2);
        (0..3).for_each(|seq| sent(&mut crossing, seq));
        assert_eq!(crossing.seen(1, 5), Sight::First { seq: 1, due: 10, sent: 11, complete: false });
        assert_eq!(crossing.seen(1, 5), Sight::Again);
        assert_eq!(crossing.seen(1, 63), Sight::First { seq: 1, due: 10, sent: 11, complete: true });
        assert_eq!(crossing.seen(3, 5), Sight::Unknown);
        assert_eq!(crossing.oldest_unseen(5), Some((0, 0)));
        assert_eq!(crossing.abandon(), 4, "two sends that two did not see");
        assert_eq!(crossing.seen(1, 7), Sight::Again);
    }

    #[test]
    fn what_was_not_written_is_not_missed() {
        let mut crossing = Crossing::new(1);
        sent(&mut crossing, 4);
        crossing.put(7, 70);
        assert_eq!(crossing.seen(7, 0), Sight::Unknown, "not written yet");
        crossing.take_back();
        assert_eq!(crossing.abandon(), 1);
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_is_missed() {
        let mut crossing = Crossing::new(1);
        (0..MOST as u64 + 10).for_each(|seq| sent(&mut crossing, seq));
        assert_eq!(crossing.sends.len(), MOST);
        assert_eq!(crossing.seen(3, 0), Sight::Again);
        assert_eq!(crossing.abandon(), MOST as u64 + 10);
    }
}
