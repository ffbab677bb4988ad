//! One connection of a lane: its socket, what is read from it, what it did not take yet.
//!
//! Reading stops while too much waits to be written. Knows no other connection.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;

use super::backlog;
use super::backlog::Backlog;
use super::codec::Decoder;
use super::desk::Desk;
use super::kinds::Dropped;
use super::queue::Then;
use super::talk::Talk;
use crate::wire::Clock;

/// Reads of one connection before the others have their turn.
const TURNS: usize = 4;
/// Bytes not taken by the peer above which it is not read from.
const BACKLOG_CAP: usize = 1 << 20;
/// Bytes of answers held above which their connection is not read from.
const HELD_CAP: usize = 8 << 20;
/// Bytes of a whole lane above which nobody may have more than [`SMALL`] waiting or unfinished.
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
    pub(super) talk: Talk,
    decoder: Decoder,
    backlog: Option<Box<Backlog>>,
    /// The peer ended its side; told once, so it is remembered.
    hung: bool,
    /// Not read from although there may be input.
    paused: bool,
}

impl Client {
    pub(super) fn new(socket: TcpStream, talk: Talk) -> Self {
        Client { socket, talk, decoder: Decoder::default(), backlog: None, hung: false, paused: false }
    }

    /// The handshake is done; `leftover` came with it.
    pub(super) fn opened(&mut self, leftover: &mut [u8], desk: &mut Desk) {
        self.talk.opened(desk);
        if !self.talk.line.quirks.deaf {
            desk.counts.bytes_in += leftover.len() as u64;
            self.take(leftover, desk);
        }
    }

    /// Reads and handles what came; `hung` when the peer ended its side.
    pub(super) fn hear(&mut self, room: &mut [u8], hung: bool, desk: &mut Desk, clock: Clock) -> Result<Heard, Gone> {
        self.hung |= hung;
        if self.talk.line.quirks.deaf {
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
                    if n < room.len() && !self.hung {
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

    /// Writes what the desk has for this connection; what the socket does not take waits here.
    pub(super) fn flush(&mut self, desk: &mut Desk, clock: Clock) -> Result<(), Gone> {
        if !desk.marks.is_empty() {
            let now = clock.now();
            let result = match &self.backlog {
                None => self.write(&desk.out),
                Some(_) => Ok(0),
            };
            let then = match result {
                Ok(written) => self.note(written, now, desk),
                Err(Gone) => {
                    backlog::lose(desk.marks.iter(), &mut desk.counts);
                    Then::Next
                }
            };
            desk.out.clear();
            desk.out.shrink_to(SMALL);
            desk.marks.clear();
            result?;
            self.ended(then)?;
        }
        if self.talk.over { Err(Gone) } else { Ok(()) }
    }

    /// The socket takes more.
    pub(super) fn drain(&mut self, desk: &mut Desk) -> Result<(), Gone> {
        let Some(mut backlog) = self.backlog.take() else { return Ok(()) };
        let result = self.write(backlog.bytes());
        let written = *result.as_ref().unwrap_or(&0);
        let then = backlog.written(written, &mut desk.counts);
        desk.backlog_bytes -= written;
        self.talk.line.unsent = backlog.len();
        if !backlog.is_done() {
            self.backlog = Some(backlog);
        }
        result?;
        self.ended(then)
    }

    /// Whether reading stopped for want of room and may go on; tells so once.
    pub(super) fn resumes(&mut self, desk: &Desk) -> bool {
        let resumes = self.paused && !self.is_full(desk);
        self.paused &= !resumes;
        resumes
    }

    /// Counts what will never be sent.
    pub(super) fn bury(mut self, desk: &mut Desk) {
        self.talk.gone(desk);
        desk.gathered_bytes -= self.decoder.weight();
        if let Some(backlog) = self.backlog {
            desk.backlog_bytes -= backlog.len();
            backlog.lose(&mut desk.counts);
        }
        desk.counts.dropped(Dropped::PeerGone, u64::from(self.talk.line.kept.is_some()));
    }

    fn is_full(&self, desk: &Desk) -> bool {
        let backlog = self.backlog.as_ref().map_or(0, |b| b.len());
        let held = self.talk.line.held_bytes;
        let crowded = desk.queue.bytes() + desk.backlog_bytes > LANE_CAP;
        backlog > BACKLOG_CAP || held > HELD_CAP || crowded && backlog + held > SMALL
    }

    fn take(&mut self, input: &mut [u8], desk: &mut Desk) {
        let before = self.decoder.weight();
        let mut at = 0;
        while !self.talk.garbled {
            match self.decoder.next(input, &mut at, desk.config.message_cap) {
                Ok(None) => break,
                Ok(Some(event)) => self.talk.hear(event, desk),
                Err(defect) => self.talk.broke(defect, desk),
            }
        }
        let after = self.decoder.weight();
        desk.gathered_bytes = desk.gathered_bytes + after - before;
        if desk.gathered_bytes > LANE_CAP && after > SMALL && !self.talk.garbled {
            self.talk.no_room(desk);
        }
    }

    /// Notes a write of the desk's output, of which the socket took `written` bytes at `now`; what follows.
    fn note(&mut self, written: usize, now: u64, desk: &mut Desk) -> Then {
        for asked in desk.marks.iter().filter_map(|mark| mark.asked) {
            desk.counts.hold.record(now.saturating_sub(asked));
        }
        let (done, then) = backlog::settle(&mut desk.marks, written, &mut desk.counts);
        if done < desk.marks.len() {
            let backlog = self.backlog.get_or_insert_default();
            backlog.add(&desk.out[written..], &desk.marks[done..]);
            self.talk.line.unsent = backlog.len();
            desk.backlog_bytes += desk.out.len() - written;
        }
        then
    }

    /// Writes until all is taken or the socket is full.
    fn write(&self, bytes: &[u8]) -> Result<usize, Gone> {
        let piece = if self.talk.line.quirks.one_byte { 1 } else { usize::MAX };
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

    /// What follows a piece that is written: at an end the peer may still say Close, at a reset not.
    fn ended(&self, then: Then) -> Result<(), Gone> {
        match then {
            Then::Next => Ok(()),
            Then::End => {
                self.socket.shutdown(Shutdown::Write).ok();
                Ok(())
            }
            Then::Reset => {
                // Closing a socket that lingers for no time at all resets it.
                let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
                nix::sys::socket::setsockopt(&self.socket, nix::sys::socket::sockopt::Linger, &at_once).ok();
                Err(Gone)
            }
        }
    }
}
