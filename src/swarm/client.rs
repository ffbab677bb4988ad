//! One virtual client: a socket, a dialogue, and what waits to be written.
//!
//! A frame is written at once when the socket takes it. What it does not take waits in the outbox,
//! bounded, with the due instants kept; the write that carries a frame's last byte makes it sent.

mod acts;
mod closing;
mod outbox;
mod steps;

use std::io;

use super::desk::Carried;
use super::desk::Desk;
use crate::dialogue::Dialogue;
use crate::dialogue::Next;
use crate::dialogue::Place;
use crate::dialogue::Script;
use crate::tally::Fault;
use crate::tally::NotOffered;
use crate::tally::Phase;
use crate::wire;
use crate::wire::Failure;
use crate::wire::Opened;
use crate::wire::Socket;
use crate::wire::frames::Assembly;
use crate::wire::frames::Decoder;
use crate::wire::frames::Heard;
use crate::wire::frames::Kind;
use closing::PeerClose;
use outbox::Outbox;

/// Reads of one client before others have their turn: at most 1 MiB.
const READS: usize = 16;
/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Without a connection, and why.
    Absent(NotOffered),
    /// Connected.
    Open,
    /// A close frame was sent; the peer's and the end of the stream are awaited.
    Closing,
    /// Ended in good order.
    Done,
}

/// One virtual client: two lines of cache, which is all that a send and its answer touch of it.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Client {
    socket: Option<Socket>,
    dialogue: Dialogue,
    outbox: Option<Box<Outbox>>,
    assembly: Assembly,
    /// Number of the next send in the timetable.
    pub(super) next_send: u32,
    /// Its place in the timetable, see `Shape::first` and `Shape::next`.
    pub(super) place: f64,
    state: State,
    peer_close: PeerClose,
}

impl Client {
    /// Client number `number`, not connected yet, with its next send in the timetable and that one's place.
    pub(super) fn new(number: u64, script: &Script, (next_send, place): (u64, f64)) -> Self {
        Client {
            socket: None,
            dialogue: Dialogue::new(number, script),
            outbox: None,
            assembly: Assembly::default(),
            next_send: u32::try_from(next_send).unwrap_or(u32::MAX),
            place,
            state: State::Absent(NotOffered::Connecting),
            peer_close: PeerClose::NotYet,
        }
    }

    /// Asks the processor for the client's memory ahead of its turn.
    #[inline]
    pub(super) fn fetch(&self) {
        std::hint::black_box((self.next_send, self.state));
    }

    /// The socket, while there is one.
    pub(super) fn socket(&self) -> Option<&Socket> {
        self.socket.as_ref()
    }

    /// Whether a connection is open or closing.
    pub(super) fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    /// Exchanges of the load that await answers within the timeout, queued ones included.
    pub(super) fn outstanding(&self) -> u32 {
        self.dialogue.outstanding() + u32::from(self.dialogue.is_stalled())
    }

    /// The connection was not made.
    pub(super) fn failed(&mut self, desk: &mut Desk, failure: &Failure) {
        desk.connections.failed += 1;
        desk.fault(failure.fault, &failure.text);
        self.state = State::Absent(match failure.fault {
            Fault::Files => NotOffered::Files,
            Fault::Ports => NotOffered::Ports,
            _ => NotOffered::Disconnected,
        });
    }

    /// The connection was made. `early` bytes that came behind the answer are heard at once.
    pub(super) fn opened(&mut self, desk: &mut Desk, decoder: &mut Decoder, opened: Opened) {
        desk.connection_opened();
        self.socket = Some(opened.socket);
        self.state = State::Open;
        self.peer_close = PeerClose::NotYet;
        let (tcp_connect, tls, upgrade) = (desk.script.tcp_connect(), desk.script.tls(), desk.script.upgrade());
        let timed = [(tcp_connect, Some(opened.tcp_connect)), (tls, opened.tls), (upgrade, Some(opened.upgrade))];
        for (series, sample) in timed.into_iter().filter_map(|(series, sample)| sample.map(|s| (series, s))) {
            desk.tally.phase(Phase::Measure).series[series].response.record(sample.response());
            desk.tally.phase(Phase::Measure).series[series].service.record(sample.service());
        }
        self.dialogue.opened(&mut desk.stage(), opened.opened_at);
        self.act(desk, opened.opened_at);
        if !opened.early.is_empty() {
            desk.tally.counts.bytes_in += opened.early.len() as u64;
            decoder.take_in(&mut self.assembly, &opened.early);
            self.hear_all(desk, decoder, opened.opened_at);
        }
    }

    /// Whether the load may be sent.
    pub(super) fn is_ready(&self) -> bool {
        self.dialogue.is_ready()
    }

    /// Number of the client.
    pub(super) fn number(&self) -> u64 {
        self.dialogue.client()
    }

    /// Index of the client's role.
    pub(super) fn role(&self) -> usize {
        self.dialogue.role()
    }

    /// The load may begin: a closed loop fills its window, an open one follows the timetable.
    fn begin(&mut self, desk: &mut Desk) {
        if desk.shape.is_none() && desk.script.has_load(self.dialogue.role()) {
            for _ in 0..desk.script.bounds.window {
                self.send_closed(desk);
            }
        }
    }

    /// A send of the load falls due.
    #[inline]
    pub(super) fn send_due(&mut self, desk: &mut Desk, due: u64, now: u64) {
        desk.tally.counts.planned += 1;
        let refusal = match self.state {
            State::Absent(why) => Some(why),
            State::Closing | State::Done => Some(NotOffered::Disconnected),
            State::Open if !self.dialogue.is_ready() => Some(NotOffered::NotReady),
            State::Open if !self.dialogue.is_its_turn(&desk.script) => Some(NotOffered::NotItsTurn),
            State::Open if self.outbox.as_ref().is_some_and(|o| o.is_full()) => Some(NotOffered::BackPressure),
            State::Open => None,
        };
        if let Some(why) = refusal {
            desk.tally.counts.not_offered[why as usize] += 1;
            return;
        }
        desk.payload.clear();
        match self.dialogue.load(&desk.script, due, now, &mut desk.payload) {
            Place::Full => desk.tally.counts.not_offered[NotOffered::Window as usize] += 1,
            Place::Taken { seq, given_up } => {
                desk.tally.counts.unanswered += given_up;
                match self.dialogue.load_way(&desk.script) {
                    (binary, None) => self.transmit(desk, Carried::Load { seq, due, binary }),
                    (_, Some(http)) => self.call_load(desk, http, seq, due, now),
                }
                if !desk.effects.is_empty() {
                    self.act(desk, now);
                }
            }
        }
    }

    /// In closed loop: the next send, due now.
    pub(super) fn send_closed(&mut self, desk: &mut Desk) {
        if !desk.is_draining && self.state == State::Open {
            let now = desk.clock.now();
            self.send_due(desk, now, now);
        }
    }

    /// In closed loop: exchanges past the timeout give way to new ones.
    pub(super) fn refill(&mut self, desk: &mut Desk, now: u64) {
        self.dialogue.lapse(&desk.script, now);
        if self.state == State::Open && self.dialogue.is_ready() {
            for _ in self.dialogue.outstanding()..desk.script.bounds.window {
                self.send_closed(desk);
            }
        }
    }

    /// Writes the frame of the payload laid down, or what of it the socket takes.
    #[inline]
    fn transmit(&mut self, desk: &mut Desk, carried: Carried) {
        let Some(socket) = &mut self.socket else { return };
        if self.state != State::Open {
            // Nothing may follow our close frame (RFC 6455 section 5.5.1).
            return;
        }
        if self.outbox.is_some() {
            return self.put_in(desk, carried);
        }
        if desk.tap.is_some() {
            desk.tap_out(self.dialogue.client(), carried);
        }
        let at = desk.clock.now();
        let frame = desk.frame(carried);
        let (len, written) = (frame.len(), socket.write(frame));
        match written {
            Ok(n) => {
                desk.tally.counts.bytes_out += n as u64;
                if n == len && !socket.is_behind() {
                    desk.left(&mut self.dialogue, carried, at);
                } else {
                    self.keep(desk, carried, n);
                }
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.keep(desk, carried, 0),
            Err(e) => {
                self.unsend(desk, carried);
                self.lost(desk, &wire::failure(&e, "writing"));
            }
        }
    }

    /// A load send that could not be written is not one that was offered.
    fn unsend(&mut self, desk: &mut Desk, carried: Carried) {
        if let Carried::Load { seq, .. } = carried {
            self.dialogue.load_failed(seq);
        }
        if let Carried::Load { .. } | Carried::Played { .. } = carried {
            desk.tally.counts.not_offered[NotOffered::Disconnected as usize] += 1;
        }
    }

    /// Keeps the frame just encoded from byte `from` on.
    fn keep(&mut self, desk: &mut Desk, carried: Carried, from: usize) {
        let rest = desk.encoder.last().get(from..).unwrap_or_default();
        let outbox = self.outbox.get_or_insert_default();
        outbox.put_in(rest, carried);
    }

    /// Encodes a frame into the outbox behind what waits there. Pongs and replies beyond the bound
    /// are dropped: a peer that does not read cannot make us hold more.
    fn put_in(&mut self, desk: &mut Desk, carried: Carried) {
        let is_full = self.outbox.as_ref().is_some_and(|o| o.is_full());
        if !is_full || carried == Carried::Close {
            desk.frame(carried);
            self.keep(desk, carried, 0);
        } else if let Carried::Pong { asked } | Carried::Said { due: asked, .. } = carried {
            desk.tally.fault(Fault::ReplyDropped);
            if self.dialogue.tells_of_drop(asked) {
                desk.fault_text(Fault::ReplyDropped, "a pong or reply was dropped: the server does not read");
            }
        }
    }

    /// The socket takes bytes again.
    pub(super) fn writable(&mut self, desk: &mut Desk) {
        let (Some(outbox), Some(socket)) = (&mut self.outbox, &mut self.socket) else { return };
        let failure = loop {
            let at = desk.clock.now();
            let (all, _) = outbox.bytes.as_slices();
            let written = if all.is_empty() { socket.flush().map(|()| 0) } else { socket.write(all) };
            match written {
                Ok(n) => {
                    desk.tally.counts.bytes_out += n as u64;
                    outbox.written += n as u64;
                    outbox.bytes.drain(..n);
                    if socket.is_behind() {
                        return;
                    }
                    outbox.left(desk, &mut self.dialogue, at);
                    if outbox.bytes.is_empty() {
                        break None;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) => break Some(wire::failure(&e, "writing")),
            }
        };
        match failure {
            None => self.outbox = None,
            Some(failure) => self.lost(desk, &failure),
        }
        let now = desk.clock.now();
        self.act(desk, now);
    }

    /// There is something to read; `hung` when the peer has ended its side, which is told once: the
    /// end is behind what can be read. Whether there is more than one client may take of the lane's time.
    #[inline]
    pub(super) fn readable(&mut self, desk: &mut Desk, decoder: &mut Decoder, hung: bool) -> bool {
        for _ in 0..READS {
            let Some(socket) = &mut self.socket else { return false };
            let received = match socket.read(&mut desk.scratch) {
                Ok(received) => received,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return false,
                Err(e) => {
                    self.lost(desk, &wire::failure(&e, "reading"));
                    return false;
                }
            };
            if received.len == 0 {
                self.end_of_stream(desk);
                return false;
            }
            if self.peer_close == PeerClose::Broken {
                continue;
            }
            let done = self.stamp(desk, received.stamp);
            desk.tally.counts.bytes_in += received.len as u64;
            decoder.take_in(&mut self.assembly, &desk.scratch[..received.len]);
            self.hear_all(desk, decoder, done);
            if !received.more && !hung {
                return false;
            }
        }
        true
    }

    /// The instant of a read's last bytes on the run clock.
    #[inline]
    fn stamp(&self, desk: &mut Desk, stamp: Option<u64>) -> u64 {
        let now = desk.clock.now();
        let done = match stamp {
            Some(stamp) if desk.kernel_stamps => wire::instant_of(stamp, desk.realtime_offset).min(now),
            _ => {
                desk.tally.counts.unstamped += 1;
                now
            }
        };
        let phase = desk.script.phase_of(now);
        desk.tally.phase(phase).read_delay.record(now - done);
        done
    }

    fn hear_all(&mut self, desk: &mut Desk, decoder: &mut Decoder, done: u64) {
        loop {
            // What a connection that has ended meanwhile still holds is taken out of the lane's decoder unheard.
            let is_here = self.socket.is_some();
            match decoder.next(&mut self.assembly) {
                Ok(Some(heard)) if is_here => self.hear(desk, heard, done),
                Ok(Some(_)) => {}
                Err(broken) if is_here => return self.broken(desk, broken),
                Ok(None) | Err(_) => return,
            }
        }
    }

    #[inline]
    fn hear(&mut self, desk: &mut Desk, heard: Heard, done: u64) {
        if self.peer_close != PeerClose::NotYet {
            return self.heard_after_close(desk, &heard, done);
        }
        if desk.tap.is_some() {
            desk.tap_in(self.dialogue.client(), &heard, done);
        }
        match heard {
            Heard::Message(kind, mut message) => {
                let mut stage = desk.stage();
                let next = match kind {
                    Kind::Binary => self.dialogue.binary(&mut stage, message.bytes_mut(), done),
                    _ => self.dialogue.message(&mut stage, message.bytes_mut(), done),
                };
                drop(message);
                desk.answered += u32::from(next == Next::Answered);
                if !desk.effects.is_empty() {
                    self.act(desk, done);
                }
                if desk.pages.is_some() {
                    self.play_on(desk);
                }
            }
            Heard::Ping(payload) => {
                if !self.dialogue.pinged(&mut desk.stage(), done) {
                    return self.flooded(desk, done);
                }
                desk.payload.clear();
                desk.payload.extend_from_slice(payload.bytes());
                self.transmit(desk, Carried::Pong { asked: done });
            }
            Heard::Pong(payload) => self.dialogue.pong(&mut desk.stage(), payload.bytes(), done),
            Heard::Close { code, reason } => self.got_close(desk, code, &reason),
        }
    }

    /// What the server asked at `asked` was not answered, for it asks too fast.
    #[cold]
    fn flooded(&mut self, desk: &mut Desk, asked: u64) {
        if self.dialogue.tells_of_flood(asked) {
            desk.fault_text(Fault::PingFlood, "the server pings faster than 100 times a second; what is beyond is not answered");
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_client_is_two_lines_of_cache() {
        assert_eq!(size_of::<super::Client>(), 128);
    }
}
