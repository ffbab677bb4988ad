//! Connections of a lane's clients as they come and go: adopted, ended, asked for again.

use std::sync::mpsc::TryRecvError;

use super::Lane;
use crate::plan::share;
use crate::swarm::desk::Note;
use crate::swarm::dial::Dial;
use crate::swarm::dial::Dialed;
use crate::swarm::wheel::Beat;
use crate::units::Nanos;
use crate::units::SECOND;

/// How long the end of one connection is awaited during the run, once a close frame was sent.
const CLOSE_WAIT: u64 = 5 * SECOND;

impl Lane {
    /// Takes what became of a client's connection.
    pub(super) fn adopt(&mut self, Dialed { place, result }: Dialed) {
        let (client, course) = (&mut self.clients[place], &mut self.courses[place]);
        match result {
            Err(failure) => {
                client.failed(&mut self.desk, &failure);
                course.failed(self.desk.clock.now());
                if !failure.fault.is_lasting() && failure.status.is_none_or(|status| self.plan.retries_status(status)) {
                    let asked = failure.retry_after.map(|time| Nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)));
                    self.redial(place, asked);
                }
            }
            Ok(opened) => {
                self.desk.connections.reconnects += u64::from(course.opened(opened.tcp_connect.due));
                let ready_by = opened.opened_at.saturating_add(self.plan.timeout.0);
                client.opened(&mut self.desk, &mut self.decoder, opened);
                if client.is_connected() && !client.is_ready() {
                    self.wheel.enter(place as u32, Beat::Deadline, course.set_deadline(ready_by));
                }
                self.listen_to(place);
            }
        }
    }

    /// Settles what clients told since the last turn.
    pub(super) fn settle(&mut self) {
        if self.desk.notes.is_empty() {
            return;
        }
        let mut notes = std::mem::take(&mut self.desk.notes);
        for (client, note) in notes.drain(..) {
            let place = share::place_of(client, self.plan.lanes);
            match note {
                Note::Closing => {
                    let until = self.desk.clock.now() + CLOSE_WAIT;
                    self.wheel.enter(place as u32, Beat::Deadline, self.courses[place].set_deadline(until));
                }
                Note::Gone { was_ready, comes_back } => {
                    self.courses[place].ended(was_ready);
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
        let (client, now) = (share::client_at(self.number, place, self.plan.lanes), self.desk.clock.now());
        let Some(line) = &self.lines.dials else { return };
        if let Some((at, dial)) = self.courses[place].comes_back(&self.plan, client, now, retry_after) {
            // A dialer that has ended dials for nobody any more, since the load is over.
            self.dialing += usize::from(line.send(Dial { at, client, dial }).is_ok());
        }
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
                    self.dialing -= 1;
                    self.adopt(dialed);
                    self.clients[place].close(&mut self.desk, Some(1000));
                }
            }
        }
        true
    }
}
