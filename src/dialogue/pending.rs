//! Sends of one client that await their answers: a bounded ring.
//!
//! Entry of send `seq` lies at `seq mod capacity`. The first place lies in the client itself: with a
//! server that answers within the period no other is ever needed, and the processor finds it in the
//! line of cache it has at hand. When it does not suffice the ring gets 8 places on the heap and
//! doubles from there up to the window (timeout times rate, at most 1,024). A place still awaiting an
//! answer within the timeout is never reused: the send that wants it finds the window full. One
//! past the timeout may still be answered late until its place is needed; then it is given up.

/// Smallest ring on the heap.
const SMALLEST: usize = 8;
/// Marks a free place.
const FREE: u64 = u64::MAX;
/// Marks, in `seq`, a send whose timeout has passed and that no longer counts as outstanding.
const LAPSED: u64 = 1 << 63;

/// A send awaiting its answer. Times on the run clock in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Planned instant.
    pub due: u64,
    /// Instant of the write, 0 until it happened.
    pub sent: u64,
    seq: u64,
}

const EMPTY: Waiting = Waiting { due: 0, sent: 0, seq: FREE };

/// What an answer turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// It answers this send.
    Answers(Waiting),
    /// It answers a send that was answered already.
    Duplicate,
    /// It fits no send.
    Unsolicited,
}

/// What became of the place asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The send has number `seq`; `given_up` older sends lost their place for it.
    Taken {
        /// Number of the send.
        seq: u64,
        /// Sends given up for it.
        given_up: u64,
    },
    /// The window is full.
    Full,
}

/// Sends of one client that await their answers.
#[derive(Debug)]
pub struct Pending {
    /// The only place while the ring is empty.
    inline: Waiting,
    ring: Box<[Waiting]>,
    /// Number of the next send.
    next: u64,
    /// No waiting send is older than this one.
    oldest: u64,
    outstanding: u32,
}

impl Default for Pending {
    fn default() -> Self {
        Pending { inline: EMPTY, ring: Box::default(), next: 0, oldest: 0, outstanding: 0 }
    }
}

impl Pending {
    /// Number of the next send.
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// Sends awaiting their answer within the timeout.
    pub fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// Takes a place for a send due at `due`. A waiting send whose due instant is before
    /// `lapsed_before` may lose its place.
    #[inline]
    pub fn take(&mut self, due: u64, window: u32, lapsed_before: u64) -> Place {
        if self.outstanding >= window {
            self.lapse(lapsed_before);
            if self.outstanding >= window {
                return Place::Full;
            }
        }
        let mut given_up = 0;
        while self.at(self.next).seq != FREE {
            if self.ring.len() < (window as usize).next_power_of_two() {
                self.grow();
                continue;
            }
            let old = *self.at(self.next);
            if old.seq & LAPSED == 0 {
                if old.due >= lapsed_before {
                    return Place::Full;
                }
                self.outstanding -= 1;
            }
            *self.at(self.next) = EMPTY;
            given_up += 1;
        }
        let seq = self.next;
        *self.at(seq) = Waiting { due, sent: 0, seq };
        self.next += 1;
        self.outstanding += 1;
        Place::Taken { seq, given_up }
    }

    /// Takes the place of send `seq`, which others decided on, whatever has to give way; how many sends were given up
    /// for it.
    pub fn put(&mut self, seq: u64, due: u64, window: u32, lapsed_before: u64) -> u64 {
        self.next = seq;
        loop {
            match self.take(due, window, lapsed_before) {
                Place::Taken { given_up, .. } => return given_up,
                Place::Full => self.lapse(u64::MAX),
            }
        }
    }

    /// Numbers a send that no answer is expected for.
    pub fn pass(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Gives back the place of a send that could not happen after all; only for the newest.
    pub fn untake(&mut self, seq: u64) {
        debug_assert_eq!(seq + 1, self.next);
        self.next = seq;
        if self.at(seq).seq == seq {
            *self.at(seq) = EMPTY;
            self.outstanding -= 1;
        }
    }

    /// Notes the instant of the write of send `seq`.
    #[inline]
    pub fn sent(&mut self, seq: u64, at: u64) {
        let place = self.at(seq);
        if place.seq & !LAPSED == seq {
            place.sent = at;
        }
    }

    /// An answer that names its send.
    #[inline]
    pub fn answer_to(&mut self, key: u64) -> Match {
        if key >= self.next {
            return Match::Unsolicited;
        }
        let found = *self.at(key);
        if found.seq != FREE && found.seq & !LAPSED == key && found.sent != 0 { Match::Answers(self.remove(key)) } else { Match::Duplicate }
    }

    /// An answer to the oldest send that waits.
    #[inline]
    pub fn answer_in_order(&mut self) -> Match {
        while self.oldest < self.next {
            let seq = self.oldest;
            let found = *self.at(seq);
            if found.seq != FREE && found.seq & !LAPSED == seq {
                return if found.sent == 0 { Match::Unsolicited } else { Match::Answers(self.remove(seq)) };
            }
            self.oldest += 1;
        }
        Match::Unsolicited
    }

    /// Ends the wait of every send due before `before`: they no longer fill the window, yet may
    /// still be answered late.
    pub fn lapse(&mut self, before: u64) {
        let mut lapsed = 0;
        for place in self.places() {
            if place.seq & LAPSED == 0 && place.due < before {
                place.seq |= LAPSED;
                lapsed += 1;
            }
        }
        self.outstanding -= lapsed;
    }

    /// Gives everything up; the number of sends that were written and stay unanswered.
    pub fn abandon(&mut self) -> u64 {
        let lost = self.places().iter().filter(|w| w.seq != FREE && w.sent != 0).count() as u64;
        self.places().fill(EMPTY);
        self.outstanding = 0;
        self.oldest = self.next;
        lost
    }

    #[inline]
    fn at(&mut self, seq: u64) -> &mut Waiting {
        match self.ring.len() {
            0 => &mut self.inline,
            len => &mut self.ring[seq as usize & (len - 1)],
        }
    }

    fn places(&mut self) -> &mut [Waiting] {
        if self.ring.is_empty() { std::slice::from_mut(&mut self.inline) } else { &mut self.ring }
    }

    fn remove(&mut self, seq: u64) -> Waiting {
        let place = self.at(seq);
        let found = std::mem::replace(place, EMPTY);
        if found.seq & LAPSED == 0 {
            self.outstanding -= 1;
        }
        if seq == self.oldest {
            self.oldest += 1;
        }
        found
    }

    fn grow(&mut self) {
        let len = (self.ring.len() * 2).max(SMALLEST);
        let old = std::mem::replace(&mut self.ring, vec![EMPTY; len].into_boxed_slice());
        let inline = std::mem::replace(&mut self.inline, EMPTY);
        for waiting in old.iter().chain([&inline]).filter(|w| w.seq != FREE) {
            *self.at(waiting.seq & !LAPSED) = *waiting;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn send(pending: &mut Pending, due: u64) -> u64 {
        match pending.take(due, 1_024, 0) {
            Place::Taken { seq, .. } => {
                pending.sent(seq, due + 1);
                seq
            }
            Place::Full => panic!("window full"),
        }
    }

    #[test]
    fn answers_out_of_order_find_their_own_send() {
        let mut pending = Pending::default();
        let sends: Vec<u64> = (0..100).map(|i| send(&mut pending, 1_000 + i * 10)).collect();
        for &seq in sends.iter().rev() {
            assert!(matches!(pending.answer_to(seq), Match::Answers(w) if w.due == 1_000 + seq * 10));
            assert_eq!(pending.answer_to(seq), Match::Duplicate);
        }
        assert_eq!(pending.answer_to(100), Match::Unsolicited);
        assert_eq!(pending.outstanding(), 0);
    }

    #[test]
    fn in_order_pairs_the_nth_with_the_nth() {
        let mut pending = Pending::default();
        assert_eq!(pending.answer_in_order(), Match::Unsolicited);
        (0..20).for_each(|i| {
            send(&mut pending, i + 1);
        });
        for i in 0..20 {
            assert!(matches!(pending.answer_in_order(), Match::Answers(w) if w.due == i + 1));
        }
        assert_eq!(pending.answer_in_order(), Match::Unsolicited);
    }

    #[test]
    fn a_full_window_refuses_and_a_lapsed_one_gives_way() {
        let mut pending = Pending::default();
        for i in 0..8 {
            assert!(matches!(pending.take(100 + i, 8, 0), Place::Taken { given_up: 0, .. }));
            pending.sent(i, 100);
        }
        assert_eq!(pending.take(200, 8, 100), Place::Full);
        // Three sends are past the timeout: they stop counting, and the place of send 0 is reused.
        assert_eq!(pending.take(200, 8, 103), Place::Taken { seq: 8, given_up: 1 });
        assert_eq!(pending.answer_to(0), Match::Duplicate);
        assert!(matches!(pending.answer_to(1), Match::Answers(_)), "late answers still match");
        assert_eq!(pending.outstanding(), 6);
        assert_eq!(pending.abandon(), 6, "send 8 was never written");
    }

    #[test]
    fn a_send_taken_back_leaves_no_trace() {
        let mut pending = Pending::default();
        send(&mut pending, 1);
        let Place::Taken { seq, .. } = pending.take(2, 8, 0) else { panic!("full") };
        pending.untake(seq);
        assert_eq!((pending.next_seq(), pending.outstanding()), (1, 1));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_counted_twice(steps in prop::collection::vec((any::<bool>(), 0u64..64), 1..600), window in 1u32..100) {
            let mut pending = Pending::default();
            let (mut sent, mut answered, mut given_up) = (0u64, 0u64, 0u64);
            for (now, (is_send, key)) in steps.into_iter().enumerate() {
                let now = now as u64 + 1;
                if is_send {
                    if let Place::Taken { seq, given_up: n } = pending.take(now, window, now.saturating_sub(50)) {
                        pending.sent(seq, now);
                        sent += 1;
                        given_up += n;
                    }
                } else if matches!(pending.answer_to(pending.next_seq().saturating_sub(key)), Match::Answers(_)) {
                    answered += 1;
                }
                prop_assert!(pending.outstanding() <= window);
            }
            prop_assert_eq!(sent, answered + given_up + pending.abandon());
        }

        #[test]
        fn in_order_means_the_oldest_that_waits(steps in prop::collection::vec(0u8..8, 1..400), window in 1u32..40) {
            let (mut pending, mut model) = (Pending::default(), std::collections::VecDeque::new());
            for (now, step) in steps.into_iter().enumerate() {
                let now = now as u64 + 1;
                match step {
                    0..4 => match pending.take(now, window, 0) {
                        Place::Taken { seq, .. } => {
                            pending.sent(seq, now);
                            model.push_back(seq);
                        }
                        Place::Full => {}
                    },
                    4 | 5 => match (pending.answer_in_order(), model.pop_front()) {
                        (Match::Answers(found), Some(seq)) => prop_assert_eq!(found.seq, seq),
                        (Match::Unsolicited, None) => {}
                        (other, wanted) => prop_assert!(false, "{:?} for {:?}", other, wanted),
                    },
                    6 => if let (Place::Taken { seq, .. }, true) = (pending.take(now, window, 0), model.len() < window as usize) {
                        pending.untake(seq);
                    },
                    _ => if let Some(at) = model.len().checked_sub(2) {
                        let seq = model.remove(at).expect("it is there");
                        prop_assert!(matches!(pending.answer_to(seq), Match::Answers(_)));
                    },
                }
                prop_assert_eq!(pending.outstanding() as usize, model.len());
            }
            prop_assert_eq!(pending.abandon() as usize, model.len());
            prop_assert_eq!(pending.answer_in_order(), Match::Unsolicited);
        }
    }
}
