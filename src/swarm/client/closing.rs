//! How a client's connection ends: close frames of either side, their bounded wait, and what is left
//! behind.

use super::Client;
use super::State;
use crate::swarm::desk::Carried;
use crate::swarm::desk::Desk;
use crate::swarm::desk::Note;
use crate::tally::Fault;
use crate::tally::NotOffered;
use crate::wire::Failure;
use crate::wire::frames::Assembly;
use crate::wire::frames::Broken;
use crate::wire::frames::Heard;

/// What the peer's close frame said about coming back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerClose {
    /// It has not come.
    NotYet,
    /// The client may come back.
    Retry,
    /// The client stays away.
    Stop,
    /// It broke the protocol instead; what it says is not heard any more.
    Broken,
}

impl Client {
    /// The peer closes: echo its code (RFC 6455 section 5.5.1) and await the end of the stream.
    pub(super) fn got_close(&mut self, desk: &mut Desk, code: Option<u16>, reason: &str) {
        self.dialogue.closed(&mut desk.stage(), code);
        self.peer_close = PeerClose::Retry;
        if self.state == State::Open {
            if !desk.plan.retries_close(code) {
                self.peer_close = PeerClose::Stop;
            }
            let text = closed_by_server(desk, code, reason);
            desk.fault(Fault::Closed, &text);
            self.close(desk, code);
        }
        if let Some(socket) = self.socket.as_mut().filter(|_| self.outbox.is_none()) {
            socket.finish_writing();
        }
    }

    /// Sends a close frame and waits for the peer's.
    pub(in crate::swarm) fn close(&mut self, desk: &mut Desk, code: Option<u16>) {
        if self.state == State::Open {
            desk.payload.clear();
            desk.payload.extend(code.iter().flat_map(|c| c.to_be_bytes()));
            self.transmit(desk, Carried::Close);
            if self.is_connected() {
                self.state = State::Closing;
                desk.note(self.dialogue.client(), Note::Closing);
            }
        }
    }

    /// Something came behind the peer's close frame; it means nothing and is counted.
    #[cold]
    pub(super) fn heard_after_close(&mut self, desk: &mut Desk, heard: &Heard, done: u64) {
        let kind = match heard {
            Heard::Ping(_) => 0,
            Heard::Pong(_) => 1,
            Heard::Close { .. } => 2,
            Heard::Message(..) => 3,
        };
        self.dialogue.after_close(&mut desk.stage(), kind);
        if self.dialogue.tells_of_drop(done) {
            desk.fault_text(Fault::CloseUnanswered, "the server went on talking after its close frame");
        }
    }

    /// The peer broke the protocol: say so (RFC 6455 section 7.1.7), and hear nothing more. The connection is
    /// dropped only once the peer has ended it, or had its time: a socket closed with unread bytes is
    /// reset, and a reset may overtake the close code.
    pub(super) fn broken(&mut self, desk: &mut Desk, broken: Broken) {
        let failure = Failure::new(broken.fault, format!("the server sent {}", broken.text));
        if self.state != State::Open {
            return self.lost(desk, &failure);
        }
        desk.fault(failure.fault, &failure.text);
        self.peer_close = PeerClose::Broken;
        self.assembly = Assembly::default();
        self.close(desk, Some(broken.close_code()));
        if let Some(socket) = self.socket.as_mut().filter(|_| self.outbox.is_none()) {
            socket.finish_writing();
        }
    }

    pub(super) fn end_of_stream(&mut self, desk: &mut Desk) {
        if self.peer_close != PeerClose::NotYet {
            self.end(desk, State::Done);
        } else if self.state == State::Closing {
            desk.fault(Fault::CloseUnanswered, "the server ended the connection without answering our close");
            self.end(desk, State::Done);
        } else {
            self.lost(desk, &Failure::new(Fault::Abnormal, "the server ended the connection without a close frame".into()));
        }
    }

    /// The connection is gone.
    pub(super) fn lost(&mut self, desk: &mut Desk, failure: &Failure) {
        if self.peer_close != PeerClose::NotYet {
            return self.end(desk, State::Done);
        }
        desk.fault(failure.fault, &failure.text);
        self.end(desk, State::Absent(NotOffered::Disconnected));
    }

    /// Drops the connection without a word, because the plan says so.
    pub(in crate::swarm) fn cut(&mut self, desk: &mut Desk) {
        if self.state == State::Open {
            self.end(desk, State::Absent(NotOffered::Disconnected));
        }
    }

    /// Whether the connection is open and nobody has begun to close it.
    pub(in crate::swarm) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// It has no connection because a storm ended it.
    pub(in crate::swarm) fn away_by_storm(&mut self) {
        self.state = State::Absent(NotOffered::Storm);
    }

    /// Ends the connection with a reset, as a storm does.
    pub(in crate::swarm) fn reset(&mut self, desk: &mut Desk) {
        if let Some(socket) = &self.socket {
            socket.reset_at_end();
        }
        self.cut(desk);
    }

    /// Drops the connection; what was in flight stays unanswered, what was queued was not offered.
    fn end(&mut self, desk: &mut Desk, state: State) {
        if self.socket.take().is_some() {
            desk.connection_ended();
            let comes_back = self.peer_close != PeerClose::Stop;
            desk.note(self.dialogue.client(), Note::Gone { was_ready: self.dialogue.is_ready(), comes_back });
        }
        desk.tally.counts.not_offered[NotOffered::BackPressure as usize] += self.outbox.take().map_or(0, |o| o.load_frames());
        self.dialogue.ended(&mut desk.stage());
        self.assembly = Assembly::default();
        self.state = state;
    }

    /// A deadline of the connection has passed: that of its opening, or that of its close.
    pub(in crate::swarm) fn overdue(&mut self, desk: &mut Desk) {
        match self.state {
            State::Open if !self.dialogue.is_ready() => {
                let text = format!("the opening was not complete within {}", desk.plan.timeout);
                desk.fault(Fault::ReadyTimeout, &text);
                self.close(desk, Some(1000));
            }
            State::Closing => self.drop_now(desk),
            State::Open | State::Absent(_) | State::Done => {}
        }
    }

    /// The wait for the peer's close, or for the end of its stream, is over.
    pub(in crate::swarm) fn drop_now(&mut self, desk: &mut Desk) {
        if self.is_connected() {
            if self.peer_close == PeerClose::NotYet {
                desk.fault(Fault::CloseUnanswered, "the server did not answer our close in time");
            }
            self.end(desk, State::Done);
        }
    }
}

fn closed_by_server(desk: &Desk, code: Option<u16>, reason: &str) -> String {
    let rule = desk.plan.profile.closes.iter().find(|rule| rule.code == code.unwrap_or(1005));
    let name = rule.map_or(String::new(), |rule| format!(" ({})", rule.name));
    match code {
        None => format!("closed by the server without a code{name}"),
        Some(code) if reason.is_empty() => format!("closed by the server with code {code}{name}"),
        Some(code) => format!("closed by the server with code {code}{name}: {reason}"),
    }
}
