//! A storm in a lane: who is struck, and when each is back.

use super::Lane;
use crate::plan::Ending;
use crate::tally::Phase;
use crate::tally::Sample;

impl Lane {
    /// The storm that fell due at `due` ends the connection of a client, if it has one.
    pub(super) fn strike(&mut self, place: usize, due: u64) {
        let Some(storm) = self.plan.storm else { return };
        let client = &mut self.clients[place];
        if !client.is_open() {
            return;
        }
        match storm.ending {
            Ending::Cut => client.reset(&mut self.desk),
            Ending::Close => client.close(&mut self.desk, Some(1001)),
        }
        self.courses[place].struck(due, self.desk.clock.now());
        self.desk.connections.struck += 1;
    }

    /// A client is ready since `at`: if a storm had struck it, that is how long it took.
    pub(super) fn back(&mut self, place: usize, at: u64) {
        let Some((due, sent)) = self.courses[place].back() else { return };
        let sample = Sample { due, sent, done: at };
        let series = &mut self.desk.tally.phase(Phase::Measure).series[self.desk.script.recovery()];
        series.response.record(sample.response());
        series.service.record(sample.service());
    }

    /// Those who are not back at the end count as never answered.
    pub(super) fn never_back(&mut self) {
        let away = self.courses.iter_mut().filter_map(|course| course.back()).count();
        self.desk.tally.counts.series_unanswered[self.desk.script.recovery()] += away as u64;
    }
}
