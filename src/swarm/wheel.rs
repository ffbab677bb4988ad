//! The timetable of a lane: which clients are due in which millisecond.
//!
//! A ring of 1,024 slots of 1 ms. An entry further away than the ring is long waits in its slot for
//! its lap. Slots keep their memory, so nothing is allocated once warm.

use crate::units::MILLI;

const SLOTS: u64 = 1_024;

/// What falls due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// A send of the load.
    Load,
    /// A WebSocket ping.
    Ping,
    /// A deadline of the connection: of its opening, or of its close.
    Deadline,
    /// Something the client says periodically.
    Said {
        /// Which of the profile's.
        beat: u8,
        /// The connection it belongs to, counted within 16 bits.
        life: u16,
    },
    /// The connection is dropped because the plan says so.
    Drop,
    /// A storm strikes the connection.
    Storm,
    /// The client leaves because the plan wants fewer.
    Leave,
}

/// One entry of the timetable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    due_ms: u64,
    /// Place of the client in its lane.
    pub(super) place: u32,
    /// What falls due.
    pub(super) beat: Beat,
}

impl Entry {
    /// The due instant in nanoseconds.
    pub(super) fn due(&self) -> u64 {
        self.due_ms * MILLI
    }
}

/// The timetable.
#[derive(Debug)]
pub(super) struct Wheel {
    slots: Vec<Vec<Entry>>,
    /// All entries before this millisecond have been taken.
    next_ms: u64,
}

impl Wheel {
    /// An empty timetable that begins at `from` nanoseconds.
    pub(super) fn new(from: u64) -> Self {
        Wheel { slots: vec![Vec::new(); SLOTS as usize], next_ms: from / MILLI }
    }

    /// Enters a beat due at `due` nanoseconds, a whole millisecond. One that lies in the past is due
    /// at the next turn, and keeps its due instant only if it is not older than the ring.
    pub(super) fn enter(&mut self, place: u32, beat: Beat, due: u64) {
        let due_ms = due / MILLI;
        let slot = due_ms.max(self.next_ms) % SLOTS;
        self.slots[slot as usize].push(Entry { due_ms, place, beat });
    }

    /// Whether everything due before `instant` has been taken.
    pub(super) fn is_past(&self, instant: u64) -> bool {
        self.next_ms * MILLI >= instant
    }

    /// How many whole milliseconds from `now` on hold nothing that is due, at most `most`; 0 when some of
    /// the past has not been taken.
    pub(super) fn quiet_for(&self, now: u64, most: u64) -> u64 {
        let now_ms = now / MILLI;
        if self.next_ms <= now_ms {
            return 0;
        }
        let is_quiet = |ms: &u64| self.slots[(ms % SLOTS) as usize].iter().all(|entry| entry.due_ms > *ms);
        let quiet = (self.next_ms..now_ms + 1 + most).take_while(is_quiet).count() as u64;
        (self.next_ms - now_ms - 1) + quiet
    }

    /// Takes all entries of the next millisecond that is not after `now`, in the order they were
    /// entered, into `taken`. Whether there was such a millisecond.
    pub(super) fn take(&mut self, now: u64, taken: &mut Vec<Entry>) -> bool {
        taken.clear();
        let ms = self.next_ms;
        if ms * MILLI > now {
            return false;
        }
        let slot = &mut self.slots[(ms % SLOTS) as usize];
        taken.extend(slot.extract_if(.., |entry| entry.due_ms <= ms));
        self.next_ms += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_beat_comes_once_at_its_millisecond() {
        let mut wheel = Wheel::new(0);
        let dues: Vec<u64> = (0..5_000u64).map(|i| (i * 7_919) % 10_000).collect();
        for (place, &ms) in dues.iter().enumerate() {
            wheel.enter(place as u32, Beat::Load, ms * MILLI);
        }
        let (mut seen, mut taken) = (0, Vec::new());
        for ms in 0..10_000u64 {
            while wheel.take(ms * MILLI + 400_000, &mut taken) {
                for entry in &taken {
                    assert_eq!(dues[entry.place as usize], ms);
                    assert_eq!(entry.due(), ms * MILLI);
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, dues.len());
    }

    #[test]
    fn quiet_lasts_until_something_is_due() {
        let (mut wheel, mut taken) = (Wheel::new(0), Vec::new());
        wheel.enter(1, Beat::Load, 30 * MILLI);
        wheel.enter(1, Beat::Load, (SLOTS + 12) * MILLI);
        assert_eq!(wheel.quiet_for(0, 20), 0, "millisecond 0 has not been taken");
        while wheel.take(5 * MILLI, &mut taken) {}
        assert_eq!(wheel.quiet_for(5 * MILLI + 1, 20), 20);
        assert_eq!(wheel.quiet_for(5 * MILLI + 1, 100), 24, "6 to 29; what is a lap away does not count");
        while wheel.take(29 * MILLI, &mut taken) {}
        assert_eq!(wheel.quiet_for(29 * MILLI, 20), 0);
    }

    #[test]
    fn after_a_pause_the_overdue_come_in_order() {
        let mut wheel = Wheel::new(0);
        for ms in [5, 900, 3_000] {
            wheel.enter(ms, Beat::Ping, u64::from(ms) * MILLI);
        }
        let (mut order, mut taken) = (Vec::new(), Vec::new());
        while wheel.take(4_000 * MILLI, &mut taken) {
            order.extend(taken.iter().map(|e| e.place));
        }
        assert_eq!(order, [5, 900, 3_000]);
        assert!(wheel.is_past(4_001 * MILLI) && !wheel.is_past(4_002 * MILLI));
    }
}
