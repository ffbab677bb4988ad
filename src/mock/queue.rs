//! What a lane waits with: pieces of output and beats of connections, each with its instant.
//!
//! One heap for the lane, ordered by instant, then by connection so that writes can be joined, then
//! by the order of entry. Buffers are used again. Knows neither why something waits nor for whom.

use std::cmp::Ordering;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::kinds::Kind;

/// Bookkeeping of a waiting piece, counted beside its bytes.
const OVERHEAD: usize = 96;
/// Buffers kept for use again, and the largest of them.
const SPARE: usize = 1024;

/// What happens once a piece was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The next piece.
    Next,
    /// The writing side is shut down.
    End,
    /// The connection is reset.
    Reset,
}

/// What a piece holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// The frames of one message, or none.
    Message,
    /// These and a WebSocket ping.
    MessageAndPing,
    /// The answer to the handshake, which does not count as bytes of frames.
    Greeting,
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
    /// What it holds.
    pub(super) holds: Holds,
    /// What follows.
    pub(super) then: Then,
}

/// Why a connection is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Its protocol's own period.
    App,
    /// One of the beats of a story, by its number.
    Story(u8),
    /// An unsolicited pong.
    KeepAlive,
    /// The next ping of a flood.
    Flood,
    /// A message that says ready comes late.
    Ready,
    /// The next frame of a message that never ends.
    Endless,
    /// All connections are closed at this instant.
    Storm,
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

/// An entry of the queue.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Its instant, in nanoseconds of server time.
    pub(super) at: u64,
    /// The connection it is for.
    pub(super) token: u64,
    order: u64,
    /// What waits.
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
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// Everything a lane waits with.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Waiting>>,
    order: u64,
    bytes: usize,
    spare: Vec<Vec<u8>>,
}

impl Queue {
    /// Bytes of the pieces in it and their overhead.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The instant of the next entry.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(waiting)| waiting.at)
    }

    /// The next entry whose instant has come.
    pub(super) fn due(&mut self, now: u64) -> Option<Waiting> {
        if self.next_at()? > now { None } else { self.pop() }
    }

    /// The next entry whose instant has come, if it is for connection `token`.
    pub(super) fn due_for(&mut self, token: u64, now: u64) -> Option<Waiting> {
        let Reverse(next) = self.heap.peek()?;
        if next.token == token && next.at <= now { self.pop() } else { None }
    }

    /// The next entry, whatever its instant.
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        self.heap.pop().map(|Reverse(waiting)| waiting)
    }

    /// Adds a piece; what it weighs.
    pub(super) fn hold(&mut self, at: u64, token: u64, mark: Mark, bytes: Vec<u8>) -> usize {
        let weight = bytes.len() + OVERHEAD;
        self.bytes += weight;
        self.push(at, token, Due::Piece(mark, bytes));
        weight
    }

    /// Adds a beat.
    pub(super) fn wake(&mut self, at: u64, token: u64, beat: Beat) {
        self.push(at, token, Due::Beat(beat));
    }

    /// An empty buffer for a piece.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes the buffer of a piece back; what the piece weighed.
    pub(super) fn give_back(&mut self, mut bytes: Vec<u8>) -> usize {
        let weight = bytes.len() + OVERHEAD;
        self.bytes -= weight;
        if bytes.capacity() <= SPARE && self.spare.len() < SPARE {
            bytes.clear();
            self.spare.push(bytes);
        }
        weight
    }

    fn push(&mut self, at: u64, token: u64, due: Due) {
        self.order += 1;
        self.heap.push(Reverse(Waiting { at, token, order: self.order, due }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_first_then_by_connection_then_by_entry() {
        let mut queue = Queue::default();
        for (at, token, beat) in
            [(7, 2, Beat::App), (5, 2, Beat::App), (5, 1, Beat::Kept), (5, 2, Beat::Linger), (5, 1, Beat::App), (9, 1, Beat::App)]
        {
            queue.wake(at, token, beat);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.due(7)).map(|w| (w.at, w.token, format!("{:?}", w.due))).collect();
        let said = |at, token, beat| (at, token, format!("{:?}", Due::Beat(beat)));
        let expected =
            [said(5, 1, Beat::Kept), said(5, 1, Beat::App), said(5, 2, Beat::App), said(5, 2, Beat::Linger), said(7, 2, Beat::App)];
        assert_eq!(order, expected);
        assert_eq!(queue.next_at(), Some(9));
    }

    #[test]
    fn weights_add_up() {
        let mut queue = Queue::default();
        let mark = Mark { len: 3, kind: None, asked: None, holds: Holds::Message, then: Then::Next };
        assert_eq!(queue.hold(1, 1, mark, vec![0; 3]), queue.bytes());
        let Some(Due::Piece(_, bytes)) = queue.pop().map(|w| w.due) else { panic!("one piece waits") };
        queue.give_back(bytes);
        assert_eq!(queue.bytes(), 0);
        assert!(queue.buffer().is_empty());
    }
}
