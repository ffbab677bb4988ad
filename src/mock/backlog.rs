//! What a socket did not take yet, and which pieces of output are written with how many bytes.
//!
//! Counts a piece as sent with its last byte, never before. Writes nothing itself.

use std::collections::VecDeque;

use super::account::Counts;
use super::kinds::Dropped;
use super::kinds::Kind;
use super::queue::Holds;
use super::queue::Mark;
use super::queue::Then;

/// Output that waits for its socket.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: VecDeque<u8>,
    marks: VecDeque<Mark>,
}

impl Backlog {
    /// Bytes still to write.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether every piece is written.
    pub(super) fn is_done(&self) -> bool {
        self.marks.is_empty()
    }

    /// The bytes still to write, in one piece.
    pub(super) fn bytes(&mut self) -> &[u8] {
        self.bytes.make_contiguous()
    }

    /// Adds the rest of a write.
    pub(super) fn add(&mut self, bytes: &[u8], marks: &[Mark]) {
        self.bytes.extend(bytes);
        self.marks.extend(marks);
    }

    /// Takes off what was written; what follows the last piece in it.
    pub(super) fn written(&mut self, bytes: usize, counts: &mut Counts) -> Then {
        self.bytes.drain(..bytes);
        let (done, then) = settle(self.marks.make_contiguous(), bytes, counts);
        self.marks.drain(..done);
        then
    }

    /// Counts the answers in it as never sent.
    pub(super) fn lose(&self, counts: &mut Counts) {
        lose(self.marks.iter(), counts);
    }
}

/// Spreads `written` bytes over the pieces they belong to: how many are complete, and what follows
/// them.
pub(super) fn settle(marks: &mut [Mark], written: usize, counts: &mut Counts) -> (usize, Then) {
    let (mut left, mut done, mut then) = (written, 0, Then::Next);
    for mark in marks {
        let here = mark.len.min(left);
        counts.bytes_out += if mark.holds == Holds::Greeting { 0 } else { here as u64 };
        mark.len -= here;
        left -= here;
        if mark.len > 0 {
            break;
        }
        done += 1;
        if mark.then != Then::Next {
            then = mark.then;
        }
        if mark.holds == Holds::MessageAndPing {
            counts.sent(Kind::WsPing);
        }
        if let Some(kind) = mark.kind {
            counts.sent(kind);
        }
    }
    (done, then)
}

/// Counts the answers among pieces that will never be written.
pub(super) fn lose<'a>(marks: impl Iterator<Item = &'a Mark>, counts: &mut Counts) {
    let answers = marks.filter(|mark| mark.asked.is_some()).count();
    counts.dropped(Dropped::PeerGone, answers as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_sent_with_its_last_byte() {
        let mut counts = Counts::new();
        let mut backlog = Backlog::default();
        let mark = |len, then| Mark { len, kind: (len > 0).then_some(Kind::Echo), asked: Some(0), holds: Holds::Message, then };
        backlog.add(&[0; 7], &[mark(3, Then::Next), mark(4, Then::Next), mark(0, Then::End)]);
        for (bytes, sent, then) in [(2, 0, Then::Next), (1, 1, Then::Next), (3, 1, Then::Next), (1, 2, Then::End)] {
            assert_eq!((backlog.written(bytes, &mut counts), counts.sent[Kind::Echo as usize]), (then, sent));
        }
        assert!(backlog.is_done());
        assert_eq!(counts.bytes_out, 7);
    }
}
