//! What lies between having an answer and writing it: faults, delays, stalls, order.
//!
//! Peers say things to a [`Line`], one connection's way out. What may leave now is encoded into one
//! buffer for the next write; what may not waits in one queue for the whole lane, ordered by its
//! instant. Knows neither sockets nor what the messages mean.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::units::Nanos;

use super::account::Counts;
use super::account::Dropped;
use super::account::Kind;
use super::codec;
use super::config::Config;
use super::fault::Fault;
use super::fault::Moment;
use super::fault::Striker;
use super::faulty;
use super::line::Kept;
use super::line::Line;
use super::line::Quirks;
use super::trouble::Delay;

/// How long an answer waits for the one it changes places with.
const KEPT_FOR: Nanos = Nanos::from_secs(5);
/// How long a connection that was closed here may linger.
const LINGER: Nanos = Nanos::from_secs(2);
/// Bookkeeping of a waiting answer, counted beside its bytes.
pub(super) const HELD_OVERHEAD: usize = 96;

/// What happens once a piece was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The next piece.
    Next,
    /// The writing side is shut down.
    End,
}

/// One piece of output: a frame, or only what follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// Bytes of it not yet written.
    pub(super) len: usize,
    /// What it counts as once written; `None` when it is no message.
    pub(super) kind: Option<Kind>,
    /// For an answer: when the request was read.
    pub(super) asked: Option<u64>,
    /// What follows.
    pub(super) then: Then,
}

/// Why a connection is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Its protocol's own period.
    App,
    /// An unsolicited pong.
    KeepAlive,
    /// The next ping of a flood.
    Flood,
    /// An answer kept back found no partner.
    Kept,
    /// It lingered long enough.
    Linger,
}

/// Something that waits for its instant.
#[derive(Debug)]
pub(super) enum Due {
    /// A piece to write.
    Piece(Mark, Vec<u8>),
    /// A connection to wake.
    Beat(Beat),
}

/// An entry of the lane's queue; earlier first, then by connection so that writes can be joined.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) at: u64,
    pub(super) token: u64,
    order: u64,
    pub(super) due: Due,
}

impl Waiting {
    fn key(&self) -> (u64, u64, u64) {
        (self.at, self.token, self.order)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// A fault of answers with what it puts in their place.
struct Spoiler {
    striker: Striker,
    body: Option<(Kind, Arc<[u8]>)>,
}

/// One lane's output.
pub(super) struct Desk {
    pub(super) config: Arc<Config>,
    /// Nanoseconds of server time at which the input being handled was read.
    pub(super) now: u64,
    pub(super) counts: Counts,
    /// Frames for the next write.
    pub(super) out: Vec<u8>,
    /// The pieces in `out`.
    pub(super) marks: Vec<Mark>,
    queue: BinaryHeap<Reverse<Waiting>>,
    /// Bytes waiting in the queue.
    pub(super) held_bytes: usize,
    /// Bytes that sockets did not take yet.
    pub(super) backlog_bytes: usize,
    /// Bytes of messages read in part.
    pub(super) gathered_bytes: usize,
    order: u64,
    overtakes: bool,
    spoilers: Vec<Spoiler>,
    quirks: Vec<Striker>,
    spare: Vec<Vec<u8>>,
}

impl Desk {
    pub(super) fn new(config: Arc<Config>) -> Self {
        let spoiler =
            |striker: Striker| Spoiler { striker, body: faulty::body(striker.fault, &config).map(|(kind, body)| (kind, body.into())) };
        let spoilers = Striker::of(&config.faults, Moment::Answer).into_iter().map(spoiler).collect();
        Desk {
            now: 0,
            counts: Counts::new(),
            out: Vec::new(),
            marks: Vec::new(),
            queue: BinaryHeap::new(),
            held_bytes: 0,
            backlog_bytes: 0,
            gathered_bytes: 0,
            order: 0,
            overtakes: config.delay.is_some_and(Delay::overtakes) && config.profile.answers_overtake(),
            spoilers,
            quirks: Striker::of(&config.faults, Moment::Connection),
            spare: Vec::new(),
            config,
        }
    }

    /// The faults that strike the next connection.
    pub(super) fn quirks(&mut self) -> Quirks {
        let mut quirks = Quirks::default();
        for striker in &mut self.quirks {
            if striker.strikes() {
                quirks.add(striker.fault);
            }
        }
        quirks
    }

    /// Answers the request being handled, unless a fault has it otherwise.
    pub(super) fn answer(&mut self, line: &mut Line, kind: Kind, opcode: u8, body: &[u8]) {
        let piece = Piece { kind, opcode, masked: false, asked: Some(self.now) };
        if self.spoilers.is_empty() {
            self.put(line, piece, body);
        } else {
            self.spoilt(line, piece, body);
        }
    }

    /// Answers the request being handled; no fault touches it.
    pub(super) fn answer_unspoilt(&mut self, line: &mut Line, kind: Kind, body: &[u8]) {
        self.put(line, Piece { kind, opcode: codec::TEXT, masked: false, asked: Some(self.now) }, body);
    }

    /// Answers on the level of WebSocket; no fault touches it.
    pub(super) fn pong(&mut self, line: &mut Line, payload: &[u8]) {
        self.put(line, Piece { kind: Kind::WsPong, opcode: codec::PONG, masked: false, asked: Some(self.now) }, payload);
    }

    /// Says something that nobody asked for.
    pub(super) fn news(&mut self, line: &mut Line, kind: Kind, opcode: u8, body: &[u8]) {
        self.put(line, Piece { kind, opcode, masked: false, asked: None }, body);
    }

    /// Says Close after everything said before, and nothing from then on.
    pub(super) fn close(&mut self, line: &mut Line, code: Option<u16>, reason: &str) {
        let mut body = Vec::with_capacity(2 + reason.len());
        if let Some(code) = code {
            body.extend_from_slice(&code.to_be_bytes());
            body.extend_from_slice(reason.as_bytes());
        }
        self.last(line, Some(Kind::Close), &body);
    }

    /// Ends the writing side without a Close, after everything said before.
    pub(super) fn end(&mut self, line: &mut Line) {
        self.last(line, None, &[]);
    }

    /// Wakes the connection at `at`.
    pub(super) fn wake(&mut self, line: &Line, at: u64, beat: Beat) {
        self.push(at, line.token, Due::Beat(beat));
    }

    /// Gives up the answer kept back, if any: it leaves without a partner.
    pub(super) fn release_kept(&mut self, line: &mut Line) {
        if let Some(kept) = line.kept.take() {
            self.put(line, kept.piece, &kept.body);
        }
    }

    /// The next thing whose instant has come.
    pub(super) fn due(&mut self, now: u64) -> Option<Waiting> {
        if self.next_at()? > now {
            return None;
        }
        self.queue.pop().map(|Reverse(waiting)| waiting)
    }

    /// The next thing whose instant has come, if it is for the same connection.
    pub(super) fn due_for(&mut self, token: u64, now: u64) -> Option<Waiting> {
        let Reverse(next) = self.queue.peek()?;
        if next.token == token && next.at <= now { self.due(now) } else { None }
    }

    /// The instant of the next thing.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.queue.peek().map(|Reverse(waiting)| waiting.at)
    }

    /// Moves a waiting piece into the next write.
    pub(super) fn release(&mut self, line: &mut Line, mark: Mark, bytes: Vec<u8>) {
        line.held -= 1;
        line.held_bytes -= bytes.len() + HELD_OVERHEAD;
        self.out.extend_from_slice(&bytes);
        self.marks.push(mark);
        self.give_back(bytes);
    }

    /// Forgets something whose connection is gone.
    pub(super) fn discard(&mut self, waiting: Waiting, why: Dropped) {
        if let Due::Piece(mark, bytes) = waiting.due {
            self.counts.dropped(why, u64::from(mark.asked.is_some()));
            self.give_back(bytes);
        }
    }

    /// Counts everything still waiting as never sent.
    pub(super) fn stop(&mut self) {
        while let Some(Reverse(waiting)) = self.queue.pop() {
            self.discard(waiting, Dropped::Stopped);
        }
    }

    fn give_back(&mut self, mut bytes: Vec<u8>) {
        self.held_bytes -= bytes.len() + HELD_OVERHEAD;
        if bytes.capacity() <= 1024 && self.spare.len() < 1024 {
            bytes.clear();
            self.spare.push(bytes);
        }
    }

    fn spoilt(&mut self, line: &mut Line, mut piece: Piece, body: &[u8]) {
        let mut instead = None;
        let mut copies = 1;
        let mut keep = false;
        for spoiler in &mut self.spoilers {
            // A pair is decided once, at its first answer.
            if spoiler.striker.fault == Fault::AckReorder && line.kept.is_some() || !spoiler.striker.strikes() {
                continue;
            }
            match spoiler.striker.fault {
                Fault::NoAck => copies = 0,
                Fault::AckDup => copies *= 2,
                Fault::AckReorder => keep = true,
                Fault::BinaryForText => piece.opcode = codec::BINARY,
                Fault::Masked => piece.masked = true,
                _ => instead = spoiler.body.clone(),
            }
        }
        if copies == 0 {
            return self.counts.dropped(Dropped::NoAck, 1);
        }
        let body = match &instead {
            Some((kind, other)) => {
                piece.kind = *kind;
                other
            }
            None => body,
        };
        if keep {
            line.kept = Some(Box::new(Kept { piece, body: body.into() }));
            return self.wake(line, self.now + KEPT_FOR.0, Beat::Kept);
        }
        for _ in 0..copies {
            self.put(line, piece, body);
        }
        self.release_kept(line);
    }

    /// The last thing a connection says.
    fn last(&mut self, line: &mut Line, kind: Option<Kind>, body: &[u8]) {
        if line.done {
            return;
        }
        self.release_kept(line);
        line.done = true;
        let mut bytes = self.spare.pop().unwrap_or_default();
        if kind.is_some() {
            codec::encode(&mut bytes, codec::CLOSE, body, false);
        }
        let at = self.free(self.now).max(line.last_at);
        let mark = Mark { len: bytes.len(), kind, asked: None, then: Then::End };
        if at <= self.now && line.held == 0 {
            self.out.extend_from_slice(&bytes);
            self.marks.push(mark);
        } else {
            self.hold(line, at, mark, bytes);
        }
        self.wake(line, at + LINGER.0, Beat::Linger);
    }

    fn put(&mut self, line: &mut Line, piece: Piece, body: &[u8]) {
        if line.done {
            return self.counts.dropped(Dropped::Closed, u64::from(piece.asked.is_some()));
        }
        let delay = self.config.delay.filter(|_| piece.asked.is_some());
        let ready = self.now + delay.map_or(0, |law| law.draw(&mut line.random));
        let mut at = self.free(line.quirks.grid(ready));
        let in_order = !(self.overtakes && piece.asked.is_some());
        if in_order {
            at = at.max(line.last_at);
        }
        line.last_at = at.max(line.last_at);
        let mark = |len| Mark { len, kind: Some(piece.kind), asked: piece.asked, then: Then::Next };
        if at <= self.now && (line.held == 0 || !in_order) {
            let from = self.out.len();
            codec::encode(&mut self.out, piece.opcode, body, piece.masked);
            self.marks.push(mark(self.out.len() - from));
        } else {
            let mut bytes = self.spare.pop().unwrap_or_default();
            codec::encode(&mut bytes, piece.opcode, body, piece.masked);
            self.hold(line, at, mark(bytes.len()), bytes);
        }
    }

    fn hold(&mut self, line: &mut Line, at: u64, mark: Mark, bytes: Vec<u8>) {
        let weight = bytes.len() + HELD_OVERHEAD;
        line.held += 1;
        line.held_bytes += weight;
        self.held_bytes += weight;
        self.push(at, line.token, Due::Piece(mark, bytes));
    }

    fn free(&self, at: u64) -> u64 {
        self.config.stall.map_or(at, |stall| stall.free(at))
    }

    fn push(&mut self, at: u64, token: u64, due: Due) {
        self.order += 1;
        self.queue.push(Reverse(Waiting { at, token, order: self.order, due }));
    }
}

/// A message before it is encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    kind: Kind,
    opcode: u8,
    masked: bool,
    asked: Option<u64>,
}
