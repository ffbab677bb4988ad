//! A recorded conversation compiled for play: where each frame stands in its file, what message of the profile it is, what in
//! it becomes a client's own, and what has to come before it.
//!
//! No frame is held: of each one an index of 32 bytes is kept, and 16 bytes for each stretch in it that is made anew. A trace is
//! read once, line by line. Values that the server said are told by their order: what the n-th message with a capture said in the
//! trace stands for what the n-th one says in the run.

mod compile;
mod leaves;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Range;

pub use compile::Recording;

use crate::profile::Bound;

/// A load of the role, in [`Step::said`]; reply n is n + 1.
pub(super) const LOAD: u16 = 0;
/// No message of the profile, in [`Step::said`].
pub(super) const OTHER: u16 = u16::MAX;
/// Behind the last step, in [`Step::next`].
pub(super) const NONE: u32 = u32::MAX;

/// A binary frame, in [`Step::flags`].
pub(super) const BINARY: u8 = 1;
/// The client was ready when it was recorded.
pub(super) const READY: u8 = 2;

/// A frame that a client sends. One of these is held for each frame of a trace.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Nanoseconds since the start of the trace.
    pub at_ns: u64,
    /// Where its line begins in the file.
    pub offset: u64,
    /// Length of the line in bytes.
    pub bytes: u32,
    /// The next step of the connection.
    pub(super) next: u32,
    /// The first of its cuts, and how many there are.
    cuts: u32,
    count: u8,
    pub(super) flags: u8,
    pub(super) said: u16,
}

/// A stretch of a frame that is made anew.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) from: u32,
    pub(super) to: u32,
    /// Which capture of the connection stands in it by its order, from 1; 0 for the latest.
    pub(super) ordinal: u32,
    pub(super) bound: u16,
    /// Number of the capture in it, plus 1; 0 for none.
    pub(super) capture: u16,
}

/// One connection of a trace.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Its role.
    pub role: usize,
    /// When it was opened, in nanoseconds since the start of the trace.
    pub open_ns: u64,
    /// When the client closed it, and with what code.
    pub close: Option<(u64, Option<u16>)>,
    pub(super) first: u32,
    /// How often each reply is said.
    pub(super) says: Box<[u32]>,
    /// Captures that are put in, by number and order, each with the last step that does.
    pub(super) wants: BTreeMap<(u16, u32), u32>,
}

/// A recorded conversation, compiled.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// Connections in the order of their first lines.
    pub parts: Vec<Part>,
    /// The last instant of the trace in nanoseconds.
    pub length_ns: u64,
    /// Most frames within a second of the run, at the speed it was compiled for.
    pub peak: u64,
    /// Frames by role and name of the message; those that are none have no name.
    pub counts: BTreeMap<(usize, Option<String>), u64>,
    /// What is made anew, as `message {id}`.
    pub anew: BTreeSet<String>,
    pub(super) steps: Vec<Step>,
    pub(super) cuts: Vec<Cut>,
    pub(super) bounds: Vec<Bound>,
    /// For each role, the replies that something asks for.
    pub(super) asked: Vec<Vec<bool>>,
}

impl Score {
    /// Frames that clients send.
    pub fn frames(&self) -> u64 {
        self.steps.len() as u64
    }

    /// Bytes of memory that it takes.
    pub fn resident(&self) -> u64 {
        let wants: usize = self.parts.iter().map(|part| part.wants.len() * size_of::<((u16, u32), u32)>()).sum();
        let parts = self.parts.iter().map(|part| size_of::<Part>() + part.says.len() * size_of::<u32>()).sum::<usize>();
        (self.steps.capacity() * size_of::<Step>() + self.cuts.capacity() * size_of::<Cut>() + parts + wants) as u64
    }

    /// The stretches of a step that are made anew, in order.
    pub(super) fn cuts_of(&self, step: &Step) -> &[Cut] {
        let range: Range<usize> = step.cuts as usize..step.cuts as usize + usize::from(step.count);
        &self.cuts[range]
    }

    /// The part of a client.
    pub(super) fn part_of(&self, client: u64) -> &Part {
        &self.parts[(client % self.parts.len() as u64) as usize]
    }
}
