//! One connection's conversation: its peer, its way out, and what ends it. No socket.

use super::codec::Defect;
use super::codec::Event;
use super::desk::Desk;
use super::fault::connection::Deed;
use super::kinds::Kind;
use super::kinds::Violation;
use super::line::Line;
use super::peer::Peer;
use super::queue::Beat;
use super::queue::Due;
use super::queue::Waiting;
use super::story::Posted;

/// One conversation.
#[derive(Debug)]
pub(super) struct Talk {
    /// Its way out.
    pub(super) line: Line,
    peer: Peer,
    /// Messages read.
    messages: u64,
    /// The client said Close.
    heard_close: bool,
    /// Its framing broke; what it sends from there on means nothing.
    pub(super) garbled: bool,
    /// It lingered long enough.
    pub(super) over: bool,
}

impl Talk {
    pub(super) fn new(line: Line, peer: Peer) -> Self {
        Talk { line, peer, messages: 0, heard_close: false, garbled: false, over: false }
    }

    /// The handshake is done.
    pub(super) fn opened(&mut self, desk: &mut Desk) {
        self.turns(desk);
        if !self.line.done {
            self.peer.opened(desk, &mut self.line);
        }
        if let Some((_, every)) = self.line.quirks.storm {
            desk.wake(&self.line, (desk.now + 1).next_multiple_of(every), Beat::Storm);
        }
    }

    /// The client said something.
    pub(super) fn hear(&mut self, event: Event<'_>, desk: &mut Desk) {
        if self.heard_close {
            return desk.counts.violated(Violation::AfterClose);
        }
        match event {
            Event::Message { opcode, body } => {
                self.messages += 1;
                self.peer.heard(desk, &mut self.line, opcode, body);
                self.turns(desk);
            }
            Event::Ping(payload) => {
                desk.counts.received(Kind::WsPing);
                desk.pong(&mut self.line, payload);
            }
            Event::Pong => desk.counts.received(Kind::WsPong),
            Event::Close(code) => {
                self.heard_close = true;
                desk.counts.received(Kind::Close);
                desk.counts.closed(code);
                if let Some(name) = self.line.quirks.close_no_echo {
                    return desk.counts.struck(name);
                }
                let (code, reason) = self.peer.farewell(code);
                desk.close(&mut self.line, code, reason);
            }
        }
    }

    /// Another connection, or a plain HTTP request, has something to say to this one, so many nanoseconds from now.
    pub(super) fn told(&mut self, what: Posted, after: u64, desk: &mut Desk) {
        if after > 0 {
            self.line.last_at = self.line.last_at.max(desk.now + after);
        }
        match what {
            Posted::Message(kind, opcode, body) => desk.answer(&mut self.line, kind, opcode, &body),
            Posted::Close(code, reason) => desk.close(&mut self.line, Some(code), reason),
        }
    }

    /// The connection is over.
    pub(super) fn gone(&mut self, desk: &Desk) {
        self.peer.gone(desk, &self.line);
    }

    /// The client broke the framing.
    pub(super) fn broke(&mut self, defect: Defect, desk: &mut Desk) {
        self.garbled = true;
        desk.counts.violated(match defect {
            _ if self.heard_close => Violation::AfterClose,
            Defect::Unmasked => Violation::Unmasked,
            Defect::Protocol => Violation::Protocol,
            Defect::Utf8 => Violation::Utf8,
            Defect::TooBig => Violation::TooBig,
        });
        desk.close(&mut self.line, Some(defect.code()), "");
    }

    /// The lane has no room for what the client has begun to say.
    pub(super) fn no_room(&mut self, desk: &mut Desk) {
        self.garbled = true;
        desk.close(&mut self.line, Some(1009), "too much unfinished at once");
    }

    /// What waited for its instant.
    pub(super) fn due(&mut self, waiting: Waiting, desk: &mut Desk) {
        match waiting.due {
            Due::Piece(mark, bytes) => desk.release(&mut self.line, mark, bytes),
            Due::Beat(Beat::Linger) => self.over = true,
            Due::Beat(Beat::Kept) => desk.release_kept(&mut self.line),
            Due::Beat(_) if self.line.done => {}
            Due::Beat(Beat::Endless) => desk.endless(&mut self.line),
            Due::Beat(_) if self.line.mute => {}
            Due::Beat(Beat::Storm) => self.storm(desk),
            Due::Beat(beat) => self.peer.beat(desk, &mut self.line, beat, waiting.at),
        }
    }

    /// Does what faults want done after so many messages.
    fn turns(&mut self, desk: &mut Desk) {
        for at in 0..self.line.quirks.turns.len() {
            let turn = self.line.quirks.turns[at];
            if turn.after != self.messages || self.line.done || self.line.mute {
                continue;
            }
            desk.counts.struck(turn.name);
            let line = &mut self.line;
            match turn.deed {
                Deed::End(ending) => desk.end(line, ending),
                Deed::Close(closing) => desk.close_saying(line, &closing.body()),
                Deed::Mute => line.mute = true,
                Deed::Endless => desk.endless(line),
                Deed::Burst(events) => self.peer.burst(desk, line, events),
                Deed::Offline => self.peer.offline(desk, line),
            }
        }
    }

    /// Closes with all other connections.
    fn storm(&mut self, desk: &mut Desk) {
        if let Some((name, _)) = self.line.quirks.storm {
            desk.counts.struck(name);
            desk.close(&mut self.line, Some(1001), "");
        }
    }
}
