//! A trace in the place of a load at a rate: who plays which of its connections, and when.
//!
//! Client c plays connection c mod C of clone c div C. Clone k of N begins `ramp k / N` later than the first. What the trace has
//! at t is due `t / speed` after the start of the measured time; a connection is begun as long before as all are.

use std::sync::Arc;

use super::Span;
use crate::trace::Tape;
use crate::units::MILLI;
use crate::units::Nanos;

/// One connection of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// When it is opened, in nanoseconds since the start of the trace.
    pub open_ns: u64,
    /// When the client closes it, and with what code.
    pub close: Option<(u64, Option<u16>)>,
}

/// How a trace is played.
#[derive(Clone, Debug)]
pub struct Playback {
    /// Its file as typed.
    pub file: String,
    /// Where its frames are read.
    pub tape: Tape,
    /// How many times as fast as recorded.
    pub speed: f64,
    /// How often it is played at once.
    pub clones: u64,
    /// Frames that clients send, in one clone.
    pub frames: u64,
    /// Most frames within a second, at that speed, in one clone.
    pub peak: u64,
    /// Its last instant, as recorded.
    pub length: Nanos,
    /// Its connections.
    pub courses: Arc<[Course]>,
}

impl Playback {
    /// Clients that play it.
    pub fn clients(&self) -> u64 {
        self.courses.len() as u64 * self.clones
    }

    /// How long playing takes when clones begin over `ramp`: the instants of the trace, up to and with the last one.
    pub fn duration(&self, ramp: Nanos) -> Nanos {
        let last = self.begun(self.clones - 1, self.length.0, ramp);
        Nanos(last.saturating_add(MILLI).div_ceil(MILLI).saturating_mul(MILLI))
    }

    /// When what the trace has for `client` at `at_ns` is due: a whole millisecond.
    pub fn due(&self, client: u64, at_ns: u64, measure_from: Nanos, ramp: Nanos) -> u64 {
        let due = measure_from.0.saturating_add(self.begun(self.clone_of(client), at_ns, ramp));
        due.saturating_add(MILLI / 2) / MILLI * MILLI
    }

    /// The time in which `client` is connected.
    pub fn span(&self, client: u64, measure_from: Nanos, ramp: Nanos) -> Span {
        let course = self.course(client);
        let from = self.begun(self.clone_of(client), course.open_ns, ramp);
        let until = course.close.map_or(u64::MAX, |(at_ns, _)| self.due(client, at_ns, measure_from, ramp));
        Span { from: Nanos(from), until: Nanos(until) }
    }

    /// The code with which `client` closes its connection.
    pub fn close_code(&self, client: u64) -> Option<u16> {
        self.course(client).close.map_or(Some(1000), |(_, code)| code)
    }

    fn course(&self, client: u64) -> &Course {
        &self.courses[(client % self.courses.len() as u64) as usize]
    }

    fn clone_of(&self, client: u64) -> u64 {
        client / self.courses.len() as u64
    }

    /// How long after all have begun a clone comes to `at_ns` of the trace; a trace may say any instant, and none goes round.
    fn begun(&self, clone: u64, at_ns: u64, ramp: Nanos) -> u64 {
        let late = (u128::from(ramp.0) * u128::from(clone) / u128::from(self.clones.max(1))) as u64;
        late.saturating_add((at_ns as f64 / self.speed).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_scaled_and_clones_are_spread() {
        let tape = Tape::of(tempfile::tempfile().expect("a file"));
        let courses = [Course { open_ns: 0, close: None }, Course { open_ns: 5_000_000_000, close: Some((9_000_000_000, Some(1001))) }];
        let length = Nanos::from_secs(10);
        let play = Playback { file: "x".into(), tape, speed: 10.0, clones: 4, frames: 3, peak: 1, length, courses: courses.into() };
        let (from, ramp) = (Nanos::from_secs(3), Nanos::from_millis(400));
        assert_eq!(play.clients(), 8);
        assert_eq!(play.duration(ramp), Nanos::from_millis(1_301));
        // Client 5 is connection 1 of clone 2, which begins 200 ms late.
        assert_eq!(play.due(5, 6_004_000_000, from, ramp), 3_800 * MILLI);
        assert_eq!(play.due(5, 6_006_000_000, from, ramp), 3_801 * MILLI);
        assert_eq!(play.span(5, from, ramp), Span { from: Nanos::from_millis(700), until: Nanos::from_millis(4_100) });
        assert_eq!((play.close_code(5), play.close_code(4)), (Some(1001), Some(1000)));
        // An instant that no clock comes to stays behind everything.
        let far = Playback { length: Nanos(u64::MAX), ..play };
        assert!(far.duration(ramp) > Nanos::from_secs(50 * 365 * 86_400));
        assert!(far.due(5, u64::MAX, from, ramp) > 50 * 365 * 86_400_000 * MILLI);
    }
}
