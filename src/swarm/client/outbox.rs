//! Frames that the socket did not take: their bytes, and what each means once its last byte has left.

use std::collections::VecDeque;

use crate::dialogue::Dialogue;
use crate::swarm::desk::Carried;
use crate::swarm::desk::Desk;

/// Bytes that may wait for a peer that does not read.
const MOST: usize = 256 << 10;

/// Frames that the socket did not take.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) bytes: VecDeque<u8>,
    /// Bytes written since the outbox was begun.
    pub(super) written: u64,
    /// Bytes put in since then.
    put_in: u64,
    /// Where each frame ends, and what it is.
    frames: VecDeque<(u64, Carried)>,
}

impl Outbox {
    /// Whether the peer is too far behind for more.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() > MOST
    }

    /// Keeps what is left of a frame.
    pub(super) fn put_in(&mut self, rest: &[u8], carried: Carried) {
        self.bytes.extend(rest);
        self.put_in += rest.len() as u64;
        self.frames.push_back((self.put_in, carried));
    }

    /// Notes the frames whose last byte has left, at `at`.
    pub(super) fn left(&mut self, desk: &mut Desk, dialogue: &mut Dialogue, at: u64) {
        while let Some(&(end, carried)) = self.frames.front()
            && end <= self.written
        {
            self.frames.pop_front();
            desk.left(dialogue, carried, at);
        }
    }

    /// Sends of the load that have not left.
    pub(super) fn load_frames(&self) -> u64 {
        let is_load = |carried: &Carried| matches!(carried, Carried::Load { .. } | Carried::Played { .. });
        self.frames.iter().filter(|(_, carried)| is_load(carried)).count() as u64
    }
}
