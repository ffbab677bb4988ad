//! How one client's connections came and went: what decides when it is dialed again, and which
//! deadline of its present connection counts. Not looked at while frames come and go.

use crate::plan::Absence;
use crate::plan::Plan;
use crate::plan::REDIAL_REST;
use crate::units::MILLI;
use crate::units::Nanos;

/// A client's course. Instants on the run clock in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Course {
    /// When its newest connection was begun.
    begun: u64,
    /// The deadline that counts; 0 for none. An entry of the timetable with another instant is of a
    /// connection or a wait that is over.
    deadline: u64,
    /// Attempts in a row without a ready connection.
    attempts: u32,
    /// Dials so far, its first included.
    dials: u32,
    was_open: bool,
    /// When a storm was due to strike and did, while the client is not back; 0 for none.
    struck: (u64, u64),
}

impl Course {
    /// A client whose first dial the dialer begins by itself.
    pub(super) fn new() -> Self {
        Course { dials: 1, ..Course::default() }
    }

    /// A connection begun at `begun` was made. Whether it is one that was made again.
    pub(super) fn opened(&mut self, begun: u64) -> bool {
        self.begun = begun;
        std::mem::replace(&mut self.was_open, true)
    }

    /// The connection is over.
    pub(super) fn ended(&mut self, was_ready: bool) {
        self.deadline = 0;
        if was_ready {
            self.attempts = 0;
        }
    }

    /// A storm due at `due` struck `now`.
    pub(super) fn struck(&mut self, due: u64, now: u64) {
        self.struck = (due, now);
    }

    /// Whether a storm struck and the client is not back.
    pub(super) fn is_struck(&self) -> bool {
        self.struck.0 > 0
    }

    /// When a storm was due and struck, if the client was away because of one; told once.
    pub(super) fn back(&mut self) -> Option<(u64, u64)> {
        let struck = std::mem::take(&mut self.struck);
        (struck.0 > 0).then_some(struck)
    }

    /// A connection was not made; it is taken as begun `now`.
    pub(super) fn failed(&mut self, now: u64) {
        self.begun = now;
    }

    /// When the absent client comes back, and with which dial; `None` when it stays away, or when the
    /// load is over by then.
    pub(super) fn comes_back(&mut self, plan: &Plan, client: u64, now: u64, retry_after: Option<Nanos>) -> Option<(u64, u32)> {
        self.attempts = self.attempts.saturating_add(1);
        let absence = Absence { client, attempt: self.attempts, dial: self.dials, retry_after };
        let delay = plan.redial_after(absence)?;
        let at = now.saturating_add(delay.0).max(self.begun + REDIAL_REST.0);
        (at < plan.measure_until().0).then(|| {
            self.dials += 1;
            (at, absence.dial)
        })
    }

    /// The client joins again because more are wanted, which is no reconnect; with which dial.
    pub(super) fn joins(&mut self) -> u32 {
        (self.attempts, self.was_open) = (0, false);
        self.dials += 1;
        self.dials - 1
    }

    /// Sets the deadline to the first whole millisecond from `instant` on; what to enter into the
    /// timetable.
    pub(super) fn set_deadline(&mut self, instant: u64) -> u64 {
        self.deadline = instant.next_multiple_of(MILLI);
        self.deadline
    }

    /// Whether the deadline entered at `due` still counts. It is told once.
    pub(super) fn is_overdue(&mut self, due: u64) -> bool {
        let counts = self.deadline == due;
        if counts {
            self.deadline = 0;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_deadline_counts_and_only_once() {
        let mut course = Course::new();
        let first = course.set_deadline(5_000_001);
        assert_eq!(first, 6_000_000);
        let second = course.set_deadline(9_000_000);
        assert!(!course.is_overdue(first) && course.is_overdue(second) && !course.is_overdue(second));
        let third = course.set_deadline(10_000_000);
        course.ended(true);
        assert!(!course.is_overdue(third));
    }

    #[test]
    fn the_first_opening_is_no_reconnect() {
        let mut course = Course::new();
        course.failed(1);
        assert!(!course.opened(2));
        assert!(course.opened(3));
    }
}
