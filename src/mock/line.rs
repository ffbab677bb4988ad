//! One connection's way out: what the [`Desk`](super::desk) must remember of it.
//!
//! Knows no socket.

use crate::units::SECOND;

use super::desk::Piece;
use super::fault::Fault;
use super::trouble::Random;

/// The state of one connection's output.
#[derive(Debug)]
pub(super) struct Line {
    /// Names the connection within its lane.
    pub(super) token: u64,
    /// Faults that strike this connection.
    pub(super) quirks: Quirks,
    /// Draws its delays.
    pub(super) random: Random,
    /// Latest instant for which anything was planned.
    pub(super) last_at: u64,
    /// Pieces waiting for their instant.
    pub(super) held: u32,
    /// Their bytes and overhead.
    pub(super) held_bytes: usize,
    /// An answer kept back until the next one overtakes it.
    pub(super) kept: Option<Box<Kept>>,
    /// The last thing was said; nothing is sent from here on.
    pub(super) done: bool,
}

impl Line {
    pub(super) fn new(token: u64, quirks: Quirks, random: Random) -> Self {
        Line { token, quirks, random, last_at: 0, held: 0, held_bytes: 0, kept: None, done: false }
    }
}

/// An answer kept back.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) piece: Piece,
    pub(super) body: Box<[u8]>,
}

/// The faults that strike one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quirks {
    /// One answer to nothing once open.
    pub(super) extra: bool,
    /// Ends without a Close after this many messages of the client.
    pub(super) end_after: Option<u64>,
    /// Ends with this close code after so many messages of the client.
    pub(super) close_after: Option<(u16, u64)>,
    /// Every byte in a write of its own.
    pub(super) one_byte: bool,
    /// Never read from.
    pub(super) deaf: bool,
    /// Nanoseconds between pings.
    pub(super) flood_ns: Option<u64>,
    /// Answers wait for a multiple of this, in nanoseconds.
    grid_ns: Option<u64>,
}

impl Quirks {
    /// Adds a fault that is decided for each connection.
    pub(super) fn add(&mut self, fault: Fault) {
        match fault {
            Fault::AckExtra => self.extra = true,
            Fault::DropAfter101 => self.end_after = Some(0),
            Fault::DropMidstream(after) => self.end_after = Some(after),
            Fault::CloseCode(code, after) => self.close_after = Some((code, after)),
            Fault::Coalesce(span) => self.grid_ns = Some(span.0),
            Fault::OneByte => self.one_byte = true,
            Fault::PingFlood(rate) => self.flood_ns = Some((SECOND as f64 / rate.per_s()) as u64),
            Fault::StallRead => self.deaf = true,
            other => debug_assert!(false, "{other:?} is decided elsewhere"),
        }
    }

    /// The first instant not before `at` at which this connection may be answered.
    pub(super) fn grid(&self, at: u64) -> u64 {
        self.grid_ns.map_or(at, |grid| at.next_multiple_of(grid))
    }
}
