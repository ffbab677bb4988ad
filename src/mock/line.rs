//! One connection's way out: what the [`Desk`](super::desk) must remember of it, and the faults that
//! strike it.
//!
//! Knows no socket.

use crate::units::SECOND;

use super::desk::Piece;
use super::fault::connection::Connection;
use super::fault::connection::Deed;
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
    /// Bytes that the socket did not take yet.
    pub(super) unsent: usize,
    /// An answer kept back until the next one overtakes it.
    pub(super) kept: Option<Box<Kept>>,
    /// The last thing was said; nothing is sent from here on.
    pub(super) done: bool,
    /// A fault silenced it: nothing is said from here on, not even at the end.
    pub(super) mute: bool,
}

impl Line {
    pub(super) fn new(token: u64, quirks: Quirks, random: Random) -> Self {
        Line { token, quirks, random, last_at: 0, held: 0, held_bytes: 0, unsent: 0, kept: None, done: false, mute: false }
    }
}

/// An answer kept back.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) piece: Piece,
    pub(super) body: Box<[u8]>,
}

/// A fault that strikes at one point of a conversation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// The fault.
    pub(super) name: &'static str,
    /// Messages of the client before it.
    pub(super) after: u64,
    /// What happens.
    pub(super) deed: Deed,
}

/// When the message that says ready comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ready {
    /// At once.
    #[default]
    Now,
    /// Nanoseconds later.
    Late(u64),
    /// Never.
    Never,
}

/// The faults that strike one connection. One that shows later has its name here, to be counted then.
#[derive(Clone, Debug, Default)]
pub(super) struct Quirks {
    /// What happens after so many messages of the client.
    pub(super) turns: Vec<Turn>,
    /// One answer to nothing once open.
    pub(super) extra: bool,
    /// Every byte in a write of its own.
    pub(super) one_byte: bool,
    /// Never read from.
    pub(super) deaf: bool,
    /// Nanoseconds between pings.
    pub(super) flood_ns: Option<u64>,
    /// Answers wait for a multiple of this, in nanoseconds.
    grid_ns: Option<u64>,
    /// The client's Close is not answered.
    pub(super) close_no_echo: Option<&'static str>,
    /// A message follows the server's Close.
    pub(super) data_after_close: Option<&'static str>,
    /// Closed at the multiples of these nanoseconds.
    pub(super) storm: Option<(&'static str, u64)>,
    /// When the message that says ready comes.
    pub(super) ready: Ready,
    /// The protocol's own pings never come.
    pub(super) no_app_ping: bool,
    /// The protocol's own pings lack their data.
    pub(super) ping_missing_data: Option<&'static str>,
    /// Timestamps are hours off and run backwards.
    pub(super) clock_skew: Option<&'static str>,
    /// What the story does wrong, by names.
    pub(super) odd: Vec<&'static str>,
}

impl Quirks {
    /// Adds a fault; whether it shows from the start.
    pub(super) fn add(&mut self, name: &'static str, fault: Connection) -> bool {
        match fault {
            Connection::After(after, deed) => self.turns.push(Turn { name, after, deed }),
            Connection::Extra => self.extra = true,
            Connection::Coalesce(span) => self.grid_ns = Some(span.0),
            Connection::OneByte => self.one_byte = true,
            Connection::PingFlood(rate) => self.flood_ns = Some((SECOND as f64 / rate.per_s()) as u64),
            Connection::StallRead => self.deaf = true,
            Connection::CloseNoEcho => self.close_no_echo = Some(name),
            Connection::DataAfterClose => self.data_after_close = Some(name),
            Connection::Storm(every) => self.storm = Some((name, every.0)),
            Connection::Ready(late) => self.ready = late.map_or(Ready::Never, |span| Ready::Late(span.0)),
            Connection::NoAppPing => self.no_app_ping = true,
            Connection::PingMissingData => self.ping_missing_data = Some(name),
            Connection::ClockSkew => self.clock_skew = Some(name),
            Connection::Odd => self.odd.push(name),
        }
        !matches!(
            fault,
            Connection::After(..)
                | Connection::CloseNoEcho
                | Connection::DataAfterClose
                | Connection::Storm(_)
                | Connection::PingMissingData
                | Connection::ClockSkew
                | Connection::Odd
        )
    }

    /// The first instant not before `at` at which this connection may be answered.
    pub(super) fn grid(&self, at: u64) -> u64 {
        self.grid_ns.map_or(at, |grid| at.next_multiple_of(grid))
    }
}
