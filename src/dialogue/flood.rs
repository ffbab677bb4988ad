//! How fast a client answers what the server asks of it: a hundred answers at once, then a hundred a
//! second. A server that asks faster cannot make us spend more on it.

use crate::units::SECOND;

/// Answers a second in the long run.
const RATE: u64 = 100;
/// Answers that may follow each other at once.
const BURST: u64 = 100;
/// What one answer uses up, in nanoseconds.
const PERIOD: u64 = SECOND / RATE;

/// The bound on one client's answers of one kind, and on what is said about those not given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flood {
    /// The instant by which all answers given so far would have been due, one each period
    /// (the generic cell rate algorithm, ITU-T I.371).
    due: u64,
    /// No text is said before this instant.
    silent_until: u64,
}

impl Flood {
    /// Whether what was asked at `at` may be answered.
    pub(super) fn admits(&mut self, at: u64) -> bool {
        let due = self.due.max(at);
        let admits = due <= at.saturating_add((BURST - 1) * PERIOD);
        if admits {
            self.due = due + PERIOD;
        }
        admits
    }

    /// Whether it may be said in words at `at` that something was not answered: once a second.
    pub(super) fn tells(&mut self, at: u64) -> bool {
        let tells = at >= self.silent_until;
        if tells {
            self.silent_until = at + SECOND;
        }
        tells
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::MILLI;

    #[test]
    fn a_hundred_at_once_then_a_hundred_a_second() {
        let mut flood = Flood::default();
        let at = 5 * SECOND;
        assert_eq!((0..1_000).filter(|_| flood.admits(at)).count(), 100);
        assert!(!flood.admits(at + PERIOD - 1) && flood.admits(at + PERIOD) && !flood.admits(at + PERIOD));
        let mut flood = Flood::default();
        // 10,000 a second for ten seconds.
        let given = (0..100_000u64).filter(|n| flood.admits(n * MILLI / 10)).count();
        assert_eq!(given, 1_099);
        // A hundred a second are all answered, however long.
        let mut flood = Flood::default();
        assert!((0..100_000).all(|n| flood.admits(n * PERIOD)));
    }

    #[test]
    fn said_once_a_second() {
        let mut flood = Flood::default();
        assert_eq!((0..5_000u64).filter(|n| flood.tells(n * MILLI)).count(), 5);
    }

    proptest! {
        #[test]
        fn never_more_than_the_bound(gaps in prop::collection::vec(0u64..30 * MILLI, 1..2_000)) {
            let mut flood = Flood::default();
            let (mut now, mut given) = (SECOND, 0);
            for gap in gaps {
                now += gap;
                given += u64::from(flood.admits(now));
                prop_assert!(given <= BURST + (now - SECOND) / PERIOD);
            }
        }
    }
}
