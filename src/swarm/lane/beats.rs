//! What falls due besides the load: pings, and what a profile has its clients say periodically.

use super::Lane;
use crate::dialogue::Script;
use crate::plan::Plan;
use crate::swarm::client::Client;
use crate::swarm::wheel::Beat;
use crate::swarm::wheel::Wheel;
use crate::units::MILLI;
use crate::units::Nanos;

impl Lane {
    pub(super) fn ping(&mut self, place: u32, due: u64) {
        let Some(every) = self.plan.profile.ping_every else { return };
        if self.desk.is_draining {
            return;
        }
        self.clients[place as usize].ping_due(&mut self.desk, due);
        let next = due + every.0;
        if next < self.plan.measure_until().0 {
            self.wheel.enter(place, Beat::Ping, next);
        }
    }

    /// Steps of the trace fall due for a client.
    pub(super) fn step(&mut self, place: u32, due: u64, now: u64) {
        let client = &mut self.clients[place as usize];
        if self.desk.is_draining || client.wakes_at() != due {
            return;
        }
        if let Some(next) = client.steps_due(&mut self.desk, now) {
            self.wheel.enter(place, Beat::Load, next);
        }
    }

    /// The load is over: what of the trace fell due and was not sent.
    pub(super) fn never_played(&mut self) {
        let until = self.desk.clock.now().min(self.plan.measure_until().0);
        if self.desk.pages.is_some() && !self.control.is_stopping() {
            self.clients.iter_mut().for_each(|client| client.never_played(&mut self.desk, until));
        }
    }

    /// Beats go on while the last answers are awaited: a connection without its heartbeat would be closed.
    pub(super) fn said(&mut self, place: u32, beat: u8, life: u16, due: u64) {
        if let Some(again) = self.clients[place as usize].beat_due(&mut self.desk, usize::from(beat), life, due) {
            let next = (due + again.max(MILLI)).next_multiple_of(MILLI);
            self.wheel.enter(place, Beat::Said { beat, life }, next);
        }
    }
}

/// The first beats of every client from the instant `from` on, which is later than the start where a run is joined under way.
pub(super) fn timetable(plan: &Plan, script: &Script, clients: &mut [Client], numbers: impl Iterator<Item = u64>, from: Nanos) -> Wheel {
    let mut wheel = Wheel::new(from.0);
    let at = |measured: Nanos| Some(plan.measure_from().plus(measured).0.next_multiple_of(MILLI)).filter(|at| *at >= from.0);
    for (place, (client, number)) in clients.iter_mut().zip(numbers).enumerate() {
        for due in plan.drops.iter().filter(|(role, _)| *role == client.role()).filter_map(|(_, drop)| at(*drop)) {
            wheel.enter(place as u32, Beat::Drop, due);
        }
        if let Some(due) = plan.storm.filter(|storm| storm.strikes(number)).and_then(|storm| at(storm.at)) {
            wheel.enter(place as u32, Beat::Storm, due);
        }
        if let Some(due) = client.first_step(plan, script) {
            wheel.enter(place as u32, Beat::Load, due);
        } else if plan.trace.is_none()
            && script.has_load(client.role())
            && let Some(due) = plan.shape().and_then(|s| s.due_from(client.place, u64::from(client.next_send)))
        {
            wheel.enter(place as u32, Beat::Load, due.0);
        }
        if let Some(span) = plan.span(number, from).filter(|span| span.until < plan.measure_until()) {
            wheel.enter(place as u32, Beat::Leave, span.until.0);
        }
        if let Some(due) = plan.first_ping(number, from) {
            wheel.enter(place as u32, Beat::Ping, due.0);
        }
    }
    wheel
}
