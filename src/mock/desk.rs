//! What lies between having an answer and writing it: faults, delays, stalls, order.
//!
//! Peers say things to a [`Line`], one connection's way out. What may leave now is encoded into one
//! buffer for the next write; what may not waits in one queue for the whole lane, ordered by its
//! instant. Knows neither sockets nor what the messages mean.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::units::Nanos;

use super::account::Counts;
use super::codec;
use super::config::Config;
use super::fault::Fault;
use super::fault::Striker;
use super::fault::connection::Connection;
use super::fault::connection::Ending;
use super::fault::frame;
use super::fault::frame::Framing;
use super::fault::message::Answer;
use super::faulty;
use super::kinds::Dropped;
use super::kinds::Kind;
use super::line::Kept;
use super::line::Line;
use super::line::Quirks;
use super::queue::Beat;
use super::queue::Due;
use super::queue::Holds;
use super::queue::Mark;
use super::queue::Queue;
use super::queue::Then;
use super::queue::Waiting;
use super::story::Post;
use super::trouble::Delay;
use super::world::World;

/// How long an answer waits for the one it changes places with.
const KEPT_FOR: Nanos = Nanos::from_secs(5);
/// How long a connection that was closed here may linger.
const LINGER: Nanos = Nanos::from_secs(2);
/// Bytes of one connection's output above which no more answers are made larger by a fault: one read
/// may hold a thousand requests, and a thousand huge answers would be too much at once.
const SPOILT_CAP: usize = 16 << 20;
/// Bytes in each frame of a message that never ends, how many may wait, and the time between them.
const ENDLESS: [u8; 16 << 10] = [b'x'; 16 << 10];
const ENDLESS_CAP: usize = 256 << 10;
const ENDLESS_EVERY: Nanos = Nanos::from_millis(1);
/// What follows a Close that should have been the last.
const AFTER_CLOSE: &[u8] = br#"{"after":"close"}"#;

/// A fault of answers with what it puts in their place.
struct Spoiler {
    striker: Striker<Answer>,
    body: Option<(Kind, Arc<[u8]>)>,
}

impl Spoiler {
    fn new(striker: Striker<Answer>, config: &Config) -> Self {
        let body = match striker.what {
            Answer::Replaced(body) => Some(faulty::body(body, config)),
            _ => None,
        };
        Spoiler { striker, body: body.map(|(kind, body)| (kind, body.into())) }
    }
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
    /// What waits for its instant.
    pub(super) queue: Queue,
    /// Bytes that sockets did not take yet.
    pub(super) backlog_bytes: usize,
    /// Bytes of messages read in part.
    pub(super) gathered_bytes: usize,
    /// What all connections share.
    pub(super) world: Arc<Mutex<World>>,
    /// What connections said to others.
    pub(super) posts: VecDeque<Post>,
    /// Connections of the whole server.
    open: Arc<AtomicU64>,
    overtakes: bool,
    spoilers: Vec<Spoiler>,
    quirks: Vec<Striker<Connection>>,
}

impl Desk {
    pub(super) fn new(config: Arc<Config>, world: Arc<Mutex<World>>, open: Arc<AtomicU64>) -> Self {
        let answers = Striker::of(&config.faults, |fault| if let Fault::Answer(answer) = fault { Some(answer) } else { None });
        let spoilers = answers.into_iter().map(|striker| Spoiler::new(striker, &config)).collect();
        Desk {
            now: 0,
            counts: Counts::new(),
            out: Vec::new(),
            marks: Vec::new(),
            queue: Queue::default(),
            backlog_bytes: 0,
            gathered_bytes: 0,
            world,
            posts: VecDeque::new(),
            open,
            overtakes: config.delay.is_some_and(Delay::overtakes) && config.profile.answers_overtake(),
            spoilers,
            quirks: Striker::of(&config.faults, |fault| if let Fault::Connection(what) = fault { Some(what) } else { None }),
            config,
        }
    }

    /// The faults that strike the next connection.
    pub(super) fn quirks(&mut self) -> Quirks {
        let mut quirks = Quirks::default();
        for striker in &mut self.quirks {
            if striker.strikes() && quirks.add(striker.name, striker.what) {
                self.counts.struck(striker.name);
            }
        }
        quirks
    }

    /// Answers the request being handled, unless a fault has it otherwise.
    pub(super) fn answer(&mut self, line: &mut Line, kind: Kind, opcode: u8, body: &[u8]) {
        let piece = Piece { kind, opcode, framing: Framing::Whole, asked: Some(self.now) };
        if self.spoilers.is_empty() {
            self.put(line, piece, body);
        } else {
            self.spoilt(line, piece, body);
        }
    }

    /// Answers the request being handled; no fault touches it.
    pub(super) fn answer_unspoilt(&mut self, line: &mut Line, kind: Kind, body: &[u8]) {
        self.put(line, Piece { kind, opcode: codec::TEXT, framing: Framing::Whole, asked: Some(self.now) }, body);
    }

    /// Answers a WebSocket ping; delays and stalls hold it too unless pongs are at once, no fault touches it.
    pub(super) fn pong(&mut self, line: &mut Line, payload: &[u8]) {
        let piece = Piece { kind: Kind::WsPong, opcode: codec::PONG, framing: Framing::Whole, asked: Some(self.now) };
        self.put(line, piece, payload);
    }

    /// Says something that nobody asked for.
    pub(super) fn news(&mut self, line: &mut Line, kind: Kind, opcode: u8, body: &[u8]) {
        self.put(line, Piece { kind, opcode, framing: Framing::Whole, asked: None }, body);
    }

    /// Says Close after everything said before, and nothing from then on.
    pub(super) fn close(&mut self, line: &mut Line, code: Option<u16>, reason: &str) {
        let mut body = Vec::with_capacity(2 + reason.len());
        if let Some(code) = code {
            body.extend_from_slice(&code.to_be_bytes());
            body.extend_from_slice(reason.as_bytes());
        }
        self.close_saying(line, &body);
    }

    /// The same with a payload that may be wrong.
    pub(super) fn close_saying(&mut self, line: &mut Line, body: &[u8]) {
        self.last(line, Some(Kind::Close), body, Then::End);
    }

    /// Ends the connection without a Close, after everything said before.
    pub(super) fn end(&mut self, line: &mut Line, ending: Ending) {
        self.last(line, None, &[], if ending == Ending::Rst { Then::Reset } else { Then::End });
    }

    /// Puts the answer to a handshake before everything else; a ping is the first frame if no other is.
    pub(super) fn greet(&mut self, line: &mut Line, head: &[u8]) {
        if self.marks.is_empty() {
            self.news(line, Kind::WsPing, codec::PING, b"early");
        }
        self.out.splice(..0, head.iter().copied());
        self.marks.insert(0, Mark { len: head.len(), kind: None, asked: None, holds: Holds::Greeting, then: Then::Next });
    }

    /// Says the next part of a message that never ends, the first part at first, and nothing else any more.
    pub(super) fn endless(&mut self, line: &mut Line) {
        if line.unsent < ENDLESS_CAP {
            let from = self.out.len();
            frame::endless(&mut self.out, (!line.mute).then_some(codec::TEXT), &ENDLESS);
            let len = self.out.len() - from;
            self.marks.push(Mark { len, kind: None, asked: None, holds: Holds::Message, then: Then::Next });
            line.mute = true;
        }
        self.wake(line, self.now + ENDLESS_EVERY.0, Beat::Endless);
    }

    /// Wakes the connection at `at`.
    pub(super) fn wake(&mut self, line: &Line, at: u64, beat: Beat) {
        self.queue.wake(at, line.token, beat);
    }

    /// Gives up the answer kept back, if any: it leaves without a partner.
    pub(super) fn release_kept(&mut self, line: &mut Line) {
        if let Some(kept) = line.kept.take() {
            self.put(line, kept.piece, &kept.body);
        }
    }

    /// Moves a waiting piece into the next write.
    pub(super) fn release(&mut self, line: &mut Line, mark: Mark, bytes: Vec<u8>) {
        if line.mute {
            self.counts.dropped(Dropped::Muted, u64::from(mark.asked.is_some()));
        } else {
            self.out.extend_from_slice(&bytes);
            self.marks.push(mark);
        }
        line.held -= 1;
        line.held_bytes -= self.queue.give_back(bytes);
    }

    /// Forgets something whose connection is gone.
    pub(super) fn discard(&mut self, waiting: Waiting, why: Dropped) {
        if let Due::Piece(mark, bytes) = waiting.due {
            self.counts.dropped(why, u64::from(mark.asked.is_some()));
            self.queue.give_back(bytes);
        }
    }

    /// Counts everything still waiting as never sent.
    pub(super) fn stop(&mut self) {
        while let Some(waiting) = self.queue.pop() {
            self.discard(waiting, Dropped::Stopped);
        }
    }

    fn spoilt(&mut self, line: &mut Line, mut piece: Piece, body: &[u8]) {
        let mut instead = None;
        let mut copies = 1;
        let mut keep = false;
        let mute = line.mute || line.done;
        for Spoiler { striker, body: other } in self.spoilers.iter_mut().filter(|_| !mute) {
            // A pair is decided once, at its first answer.
            let paired = striker.what == Answer::Reorder && line.kept.is_some();
            if paired || !striker.what.fits(piece.opcode, body) || !striker.strikes() {
                continue;
            }
            self.counts.struck(striker.name);
            match striker.what {
                Answer::Drop => copies = 0,
                Answer::Twice => copies *= 2,
                Answer::Reorder => keep = true,
                Answer::Binary => piece.opcode = codec::BINARY,
                Answer::Text => piece.opcode = codec::TEXT,
                Answer::Framed(framing) => piece.framing = framing,
                Answer::Edited(edit) => {
                    let (kind, edited) = faulty::edited(edit, body);
                    instead = Some((kind.unwrap_or(piece.kind), edited.into()));
                }
                Answer::Replaced(_) => instead = other.clone(),
            }
        }
        if copies == 0 {
            return self.counts.dropped(Dropped::NoAck, 1);
        }
        let larger = instead.is_some() || piece.framing != Framing::Whole;
        if larger && self.out.len() + line.held_bytes > SPOILT_CAP {
            return self.counts.dropped(Dropped::NoRoom, 1);
        }
        let body = match &instead {
            Some((kind, other)) => {
                piece.kind = *kind;
                other
            }
            None => body,
        };
        if piece.framing.spoils() {
            piece.kind = Kind::Faulty;
        }
        if keep {
            line.kept = Some(Box::new(Kept { piece, body: body.into() }));
            return self.wake(line, self.now + KEPT_FOR.0, Beat::Kept);
        }
        for _ in 0..copies {
            self.put(line, piece, body);
        }
        self.release_kept(line);
        line.mute |= matches!(piece.framing, Framing::Claim(_));
    }

    /// The last thing a connection says.
    fn last(&mut self, line: &mut Line, kind: Option<Kind>, body: &[u8], then: Then) {
        if line.done || line.mute {
            return;
        }
        self.release_kept(line);
        line.done = true;
        let mut bytes = self.queue.buffer();
        if kind.is_some() {
            codec::encode(&mut bytes, codec::CLOSE, body, false);
            if let Some(name) = line.quirks.data_after_close {
                self.counts.struck(name);
                codec::encode(&mut bytes, codec::TEXT, AFTER_CLOSE, false);
            }
        }
        let at = self.free(self.now).max(line.last_at);
        let mark = Mark { len: bytes.len(), kind, asked: None, holds: Holds::Message, then };
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
        if line.mute {
            return self.counts.dropped(Dropped::Muted, u64::from(piece.asked.is_some()));
        }
        let prompt = piece.kind == Kind::WsPong && self.config.settings.flag("pong_at_once", false);
        let delay = self.config.delay.filter(|_| piece.asked.is_some() && !prompt);
        let knee = self.config.knee.filter(|_| piece.asked.is_some() && !prompt);
        let slower = knee.map_or(0, |knee| knee.delay(self.open.load(Ordering::Relaxed)));
        let ready = self.now + slower + delay.map_or(0, |law| law.draw(&mut line.random));
        let mut at = self.free(line.quirks.grid(ready));
        let in_order = !(prompt || self.overtakes && piece.asked.is_some());
        if in_order {
            at = at.max(line.last_at);
        }
        line.last_at = at.max(line.last_at);
        let holds = if piece.framing == Framing::PingInside { Holds::MessageAndPing } else { Holds::Message };
        let mark = |len| Mark { len, kind: Some(piece.kind), asked: piece.asked, holds, then: Then::Next };
        if at <= self.now && (line.held == 0 || !in_order) {
            let from = self.out.len();
            piece.framing.encode(&mut self.out, piece.opcode, body);
            self.marks.push(mark(self.out.len() - from));
        } else {
            let mut bytes = self.queue.buffer();
            piece.framing.encode(&mut bytes, piece.opcode, body);
            self.hold(line, at, mark(bytes.len()), bytes);
        }
    }

    fn hold(&mut self, line: &mut Line, at: u64, mark: Mark, bytes: Vec<u8>) {
        line.held += 1;
        line.held_bytes += self.queue.hold(at, line.token, mark, bytes);
    }

    fn free(&self, at: u64) -> u64 {
        self.config.stall.map_or(at, |stall| stall.free(at))
    }
}

/// A message before it is encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    kind: Kind,
    opcode: u8,
    framing: Framing,
    asked: Option<u64>,
}
