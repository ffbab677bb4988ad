//! One connection of a lane: its socket, what is read from it, what it did not take yet.
//!
//! Reading stops while too much waits to be written. Knows no other connection and no queue.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;

use super::account::Counts;
use super::account::Dropped;
use super::account::Kind;
use super::account::Violation;
use super::codec::Decoder;
use super::codec::Defect;
use super::codec::Event;
use super::desk::Beat;
use super::desk::Desk;
use super::desk::Due;
use super::desk::Mark;
use super::desk::Then;
use super::desk::Waiting;
use super::lane::Clock;
use super::line::Backlog;
use super::line::Line;
use super::peer::Peer;

/// Reads of one connection before the others have their turn.
const TURNS: usize = 4;
/// Bytes not taken by the peer above which it is not read from.
const BACKLOG_CAP: usize = 1 << 20;
/// Bytes of answers held above which their connection is not read from.
const HELD_CAP: usize = 8 << 20;
/// Bytes of a whole lane above which a connection with more than [`SMALL`] is not read from.
const LANE_CAP: usize = 256 << 20;
const SMALL: usize = 64 << 10;

/// The connection is over.
#[derive(Debug)]
pub(super) struct Gone;

/// Whether a connection has more to read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The socket will say when.
    All,
    /// There may be more at once; it is the others' turn.
    More,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: TcpStream,
    pub(super) line: Line,
    decoder: Decoder,
    peer: Peer,
    backlog: Option<Box<Backlog>>,
    /// Messages read.
    messages: u64,
    /// The client said Close.
    heard_close: bool,
    /// Its framing broke; what it sends is thrown away.
    garbled: bool,
    /// Not read from although there may be input.
    paused: bool,
    /// It lingered long enough.
    over: bool,
}

impl Client {
    pub(super) fn new(socket: TcpStream, line: Line, peer: Peer) -> Self {
        Client {
            socket,
            line,
            decoder: Decoder::default(),
            peer,
            backlog: None,
            messages: 0,
            heard_close: false,
            garbled: false,
            paused: false,
            over: false,
        }
    }

    /// The handshake is done; `leftover` came with it.
    pub(super) fn opened(&mut self, leftover: &mut [u8], desk: &mut Desk) {
        if self.line.quirks.end_after == Some(0) {
            return desk.end(&mut self.line);
        }
        self.peer.opened(desk, &mut self.line);
        if !self.line.quirks.deaf {
            desk.counts.bytes_in += leftover.len() as u64;
            self.take(leftover, desk);
        }
    }

    /// Reads and handles what came; `hung` when the peer ended its side.
    pub(super) fn hear(&mut self, room: &mut [u8], hung: bool, desk: &mut Desk, clock: Clock) -> Result<Heard, Gone> {
        if self.line.quirks.deaf {
            return if hung { Err(Gone) } else { Ok(Heard::All) };
        }
        for _ in 0..TURNS {
            if self.is_full(desk) {
                self.paused = true;
                return Ok(Heard::All);
            }
            match self.socket.read(room) {
                Ok(0) => return Err(Gone),
                Ok(n) => {
                    desk.now = clock.now();
                    desk.counts.bytes_in += n as u64;
                    self.take(&mut room[..n], desk);
                    self.flush(desk, clock)?;
                    // A short read empties the socket, and whatever comes later is told anew.
                    if n < room.len() && !hung {
                        return Ok(Heard::All);
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(Heard::All),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(Heard::More)
    }

    /// What waited for its instant.
    pub(super) fn due(&mut self, waiting: Waiting, desk: &mut Desk) {
        match waiting.due {
            Due::Piece(mark, bytes) => desk.release(&mut self.line, mark, bytes),
            Due::Beat(Beat::Linger) => self.over = true,
            Due::Beat(Beat::Kept) => desk.release_kept(&mut self.line),
            Due::Beat(_) if self.line.done => {}
            Due::Beat(beat) => self.peer.beat(desk, &mut self.line, beat, waiting.at),
        }
    }

    /// Writes what the desk has for this connection; what the socket does not take waits here.
    pub(super) fn flush(&mut self, desk: &mut Desk, clock: Clock) -> Result<(), Gone> {
        if !desk.marks.is_empty() {
            let now = clock.now();
            desk.marks.iter().filter_map(|mark| mark.asked).for_each(|asked| desk.counts.hold.record(now.saturating_sub(asked)));
            let written = match &self.backlog {
                None => self.write(&desk.out),
                Some(_) => Ok(0),
            };
            let taken = *written.as_ref().unwrap_or(&0);
            let (done, ended) = settle(desk.marks.iter_mut(), taken, &mut desk.counts);
            if written.is_err() {
                lose(&desk.marks, &mut desk.counts);
            } else if done < desk.marks.len() {
                let backlog = self.backlog.get_or_insert_default();
                backlog.bytes.extend(&desk.out[taken..]);
                backlog.marks.extend(&desk.marks[done..]);
                desk.backlog_bytes += desk.out.len() - taken;
            }
            desk.out.clear();
            desk.out.shrink_to(SMALL);
            desk.marks.clear();
            written?;
            self.ended(ended);
        }
        if self.over { Err(Gone) } else { Ok(()) }
    }

    /// The socket takes more.
    pub(super) fn drain(&mut self, desk: &mut Desk) -> Result<(), Gone> {
        let Some(mut backlog) = self.backlog.take() else { return Ok(()) };
        let written = self.write(backlog.bytes.make_contiguous())?;
        backlog.bytes.drain(..written);
        desk.backlog_bytes -= written;
        let (done, ended) = settle(backlog.marks.iter_mut(), written, &mut desk.counts);
        backlog.marks.drain(..done);
        if !backlog.marks.is_empty() {
            self.backlog = Some(backlog);
        }
        self.ended(ended);
        Ok(())
    }

    /// Whether reading stopped for want of room and may go on; tells so once.
    pub(super) fn resumes(&mut self, desk: &Desk) -> bool {
        let resumes = self.paused && !self.is_full(desk);
        self.paused &= !resumes;
        resumes
    }

    /// Counts what will never be sent.
    pub(super) fn bury(self, desk: &mut Desk) {
        desk.gathered_bytes -= self.decoder.weight();
        if let Some(backlog) = self.backlog {
            desk.backlog_bytes -= backlog.bytes.len();
            lose(&backlog.marks, &mut desk.counts);
        }
        desk.counts.dropped(Dropped::PeerGone, u64::from(self.line.kept.is_some()));
    }

    fn is_full(&self, desk: &Desk) -> bool {
        let backlog = self.backlog.as_ref().map_or(0, |b| b.bytes.len());
        let crowded = desk.held_bytes + desk.backlog_bytes > LANE_CAP;
        backlog > BACKLOG_CAP || self.line.held_bytes > HELD_CAP || crowded && backlog + self.line.held_bytes > SMALL
    }

    fn take(&mut self, input: &mut [u8], desk: &mut Desk) {
        let before = self.decoder.weight();
        let mut at = 0;
        while !self.garbled {
            match self.decoder.next(input, &mut at, desk.config.message_cap) {
                Ok(None) => break,
                Ok(Some(event)) => {
                    hear_one(event, &mut self.heard_close, &mut self.messages, &mut self.peer, &mut self.line, desk);
                }
                Err(defect) => {
                    self.garbled = true;
                    desk.counts.violated(if self.heard_close { Violation::AfterClose } else { blame(defect) });
                    desk.close(&mut self.line, Some(defect.code()), "");
                }
            }
        }
        let after = self.decoder.weight();
        desk.gathered_bytes = desk.gathered_bytes + after - before;
        if desk.gathered_bytes > LANE_CAP && after > SMALL && !self.garbled {
            self.garbled = true;
            desk.close(&mut self.line, Some(1009), "too much unfinished at once");
        }
    }

    /// Writes until all is taken or the socket is full.
    fn write(&self, bytes: &[u8]) -> Result<usize, Gone> {
        let piece = if self.line.quirks.one_byte { 1 } else { usize::MAX };
        let mut written = 0;
        while written < bytes.len() {
            let end = bytes.len().min(written.saturating_add(piece));
            match (&self.socket).write(&bytes[written..end]) {
                Ok(n) => written += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(written)
    }

    /// The last piece is written: the peer sees the end and may still say Close.
    fn ended(&mut self, ended: bool) {
        if ended {
            self.socket.shutdown(Shutdown::Write).ok();
        }
    }
}

fn hear_one(event: Event<'_>, heard_close: &mut bool, messages: &mut u64, peer: &mut Peer, line: &mut Line, desk: &mut Desk) {
    if *heard_close {
        return desk.counts.violated(Violation::AfterClose);
    }
    match event {
        Event::Message { opcode, body } => {
            *messages += 1;
            peer.heard(desk, line, opcode, body);
            if line.quirks.end_after == Some(*messages) {
                desk.end(line);
            }
            if let Some((code, after)) = line.quirks.close_after
                && after == *messages
            {
                desk.close(line, Some(code), "");
            }
        }
        Event::Ping(payload) => {
            desk.counts.received(Kind::WsPing);
            desk.pong(line, payload);
        }
        Event::Pong => desk.counts.received(Kind::WsPong),
        Event::Close(code) => {
            *heard_close = true;
            desk.counts.received(Kind::Close);
            let (code, reason) = peer.farewell(code);
            desk.close(line, code, reason);
        }
    }
}

fn blame(defect: Defect) -> Violation {
    match defect {
        Defect::Unmasked => Violation::Unmasked,
        Defect::Protocol => Violation::Protocol,
        Defect::Utf8 => Violation::Utf8,
        Defect::TooBig => Violation::TooBig,
    }
}

/// Notes `written` bytes over the pieces they belong to: how many are complete, and whether the
/// last one of the connection is among them.
fn settle<'a>(marks: impl Iterator<Item = &'a mut Mark>, written: usize, counts: &mut Counts) -> (usize, bool) {
    counts.bytes_out += written as u64;
    let (mut left, mut done, mut ended) = (written, 0, false);
    for mark in marks {
        if mark.len > left {
            mark.len -= left;
            break;
        }
        left -= mark.len;
        done += 1;
        ended |= mark.then == Then::End;
        if let Some(kind) = mark.kind {
            counts.sent(kind);
        }
    }
    (done, ended)
}

/// Counts the answers among pieces that will never be written.
fn lose<'a>(marks: impl IntoIterator<Item = &'a Mark>, counts: &mut Counts) {
    let answers = marks.into_iter().filter(|mark| mark.asked.is_some()).count();
    counts.dropped(Dropped::PeerGone, answers as u64);
}
