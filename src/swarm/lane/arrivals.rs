//! Connections of a lane's clients as they come and go: adopted, ended, asked for again.

use std::sync::mpsc::TryRecvError;

use super::Lane;
use crate::plan::Span;
use crate::swarm::desk::Note;
use crate::swarm::dial::Dial;
use crate::swarm::dial::Dialed;
use crate::swarm::dial::Done;
use crate::swarm::dial::Order;
use crate::swarm::wheel::Beat;
use crate::units::MILLI;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::wire::Failure;
use crate::wire::Opened;

/// How long the end of one connection is awaited during the run, once a close frame was sent.
const CLOSE_WAIT: u64 = 5 * SECOND;

impl Lane {
    /// Adopts the connections that were made since the last turn.
    pub(super) fn take_dialed(&mut self) {
        while self.dialing + self.calling > 0
            && let Ok(dialed) = self.lines.dialed.try_recv()
        {
            self.adopt(dialed);
        }
    }

    /// Takes what became of what was asked for a client.
    pub(super) fn adopt(&mut self, Dialed { place, what }: Dialed) {
        match what {
            Done::Call(called) => {
                self.calling -= 1;
                self.clients[place].told(&mut self.desk, called);
            }
            Done::Connection(calls, result) => {
                self.dialing -= 1;
                calls.into_iter().for_each(|called| self.clients[place].told(&mut self.desk, called));
                match *result {
                    Err(failure) => self.not_connected(place, &failure),
                    Ok(opened) => self.connected(place, opened),
                }
            }
        }
    }

    fn not_connected(&mut self, place: usize, failure: &Failure) {
        self.clients[place].failed(&mut self.desk, failure);
        self.courses[place].failed(self.desk.clock.now());
        if !failure.fault.is_lasting() && failure.status.is_none_or(|status| self.plan.retries_status(status)) {
            let asked = failure.retry_after.map(|time| Nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)));
            self.redial(place, asked);
        }
    }

    fn connected(&mut self, place: usize, opened: Opened) {
        let (client, course) = (&mut self.clients[place], &mut self.courses[place]);
        self.desk.connections.reconnects += u64::from(course.opened(opened.tcp_connect.due));
        let ready_by = opened.opened_at.saturating_add(self.plan.timeout.0);
        client.opened(&mut self.desk, &mut self.decoder, opened);
        if client.is_connected() && !client.is_ready() {
            self.wheel.enter(place as u32, Beat::Deadline, course.set_deadline(ready_by));
        }
        self.listen_to(place);
        if self.span(place).is_none_or(|span| span.from.0 > self.desk.clock.now()) {
            // It was so long in the making that the client is not wanted any more.
            self.clients[place].close(&mut self.desk, Some(1000));
        }
    }

    /// The time in which a client is there, or will be next.
    fn span(&self, place: usize) -> Option<Span> {
        self.plan.span(self.plan.share().client_at(self.number, place), Nanos(self.desk.clock.now()))
    }

    /// A client leaves that is not wanted from `due` on: it sends nothing any more, and its connection is closed once all was
    /// answered, or the timeout is over, or the client is wanted again.
    pub(super) fn leave(&mut self, place: usize, due: u64) {
        let now = self.desk.clock.now();
        if self.desk.pages.is_some() {
            // What is due in the same millisecond goes before the close.
            self.clients[place].steps_due(&mut self.desk, now);
        }
        let client = self.plan.share().client_at(self.number, place);
        let code = self.plan.trace.as_ref().map_or(Some(1000), |trace| trace.close_code(client));
        let next = self.span(place).map_or(u64::MAX, |span| span.from.0);
        let until = due.saturating_add(self.plan.timeout.0).min(next);
        if self.clients[place].outstanding() > 0 && now < until && !self.desk.is_draining {
            return self.lingering.push((place as u32, until));
        }
        self.clients[place].close(&mut self.desk, code);
    }

    /// Closes the connections of those who left and have nothing to wait for any more.
    pub(super) fn see_off(&mut self, now: u64) {
        let (clients, desk, plan, number) = (&mut self.clients, &mut self.desk, &self.plan, self.number);
        self.lingering.retain(|&(place, until)| {
            let client = &mut clients[place as usize];
            let stays = client.outstanding() > 0 && now < until && client.is_connected();
            if !stays {
                let trace = plan.trace.as_ref();
                let code = trace.map_or(Some(1000), |trace| trace.close_code(plan.share().client_at(number, place as usize)));
                client.close(desk, code);
            }
            stays
        });
    }

    /// Hands HTTP requests to the dialer.
    pub(super) fn call(&mut self) {
        if self.desk.calls.is_empty() {
            return;
        }
        for call in self.desk.calls.drain(..) {
            let sent = self.lines.dials.as_ref().is_some_and(|line| line.send(Order::Call(call)).is_ok());
            self.calling += usize::from(sent);
        }
    }

    /// Settles what clients told since the last turn.
    pub(super) fn settle(&mut self) {
        if self.desk.notes.is_empty() {
            return;
        }
        let mut notes = std::mem::take(&mut self.desk.notes);
        for (client, note) in notes.drain(..) {
            let place = self.plan.share().place_of(client);
            match note {
                Note::Closing => {
                    let until = self.desk.clock.now() + CLOSE_WAIT;
                    self.wheel.enter(place as u32, Beat::Deadline, self.courses[place].set_deadline(until));
                }
                Note::Ready { at } => self.back(place, at),
                Note::Step { at } => self.wheel.enter(place as u32, Beat::Load, at),
                Note::Beat { beat, from, after } => {
                    let due = (from + after).next_multiple_of(MILLI);
                    self.wheel.enter(place as u32, Beat::Said { beat: beat as u8, life: self.clients[place].life() }, due);
                }
                Note::Gone { was_ready, comes_back } => {
                    self.courses[place].ended(was_ready);
                    if self.courses[place].is_struck() {
                        self.clients[place].away_by_storm();
                    }
                    if comes_back {
                        self.redial(place, None);
                    }
                }
            }
        }
        self.desk.notes = notes;
    }

    /// Asks for the next connection of a client that has none, unless it stays away.
    fn redial(&mut self, place: usize, retry_after: Option<Nanos>) {
        let (client, now) = (self.plan.share().client_at(self.number, place), self.desk.clock.now());
        let span = self.plan.span(client, Nanos(now));
        let back = match span {
            Some(span) if span.from.0 <= now => match self.courses[place].comes_back(&self.plan, client, now, retry_after) {
                Some((at, _)) if at >= span.until.0 => return self.join_in(place, client, self.plan.span(client, span.until)),
                back => back,
            },
            later => return self.join_in(place, client, later),
        };
        if let Some((at, dial)) = back {
            self.dial(Dial { at, client, dial, again: true });
        }
    }

    /// Asks for the connection of a client that joins in `span`, if there is one.
    fn join_in(&mut self, place: usize, client: u64, span: Option<Span>) {
        let Some(Span { from, until }) = span.filter(|span| span.from < self.plan.measure_until()) else { return };
        let dial = self.courses[place].joins();
        self.dial(Dial { at: from.0, client, dial, again: false });
        if until < self.plan.measure_until() {
            self.wheel.enter(place as u32, Beat::Leave, until.0);
        }
    }

    fn dial(&mut self, dial: Dial) {
        let Some(line) = &self.lines.dials else { return };
        // A dialer that has ended dials for nobody any more, since the load is over.
        self.dialing += usize::from(line.send(Order::Dial(dial)).is_ok());
    }

    /// A deadline of a client's connection falls due.
    pub(super) fn deadline(&mut self, place: usize, due: u64) {
        if self.courses[place].is_overdue(due) {
            self.clients[place].overdue(&mut self.desk);
        }
    }

    /// Closes the connections that were still being made when the load ended; whether that were all.
    pub(super) fn take_last(&mut self) -> bool {
        while self.dialing > 0 {
            match self.lines.dialed.try_recv() {
                Err(error) => return error == TryRecvError::Disconnected,
                Ok(dialed) => {
                    let place = dialed.place;
                    self.adopt(dialed);
                    self.clients[place].close(&mut self.desk, Some(1000));
                }
            }
        }
        true
    }
}
