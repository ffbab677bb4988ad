//! What a lane lends to its clients one after the other: script, clock, codecs, tally.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

use super::Said;
use super::Tapped;
use super::call::Call;
use crate::dialogue::Cross;
use crate::dialogue::Dialogue;
use crate::dialogue::Effect;
use crate::dialogue::Reader;
use crate::dialogue::Script;
use crate::dialogue::Stage;
use crate::plan::Plan;
use crate::plan::Shape;
use crate::tally::Connections;
use crate::tally::Fault;
use crate::tally::FaultTexts;
use crate::tally::Tally;
use crate::trace::Pages;
use crate::units::printable;
use crate::wire::Clock;
use crate::wire::frames::Encoder;
use crate::wire::frames::Heard;
use crate::wire::frames::Kind;

/// Distinct fault texts kept per slice; the rest is counted without its text.
const TEXTS_KEPT: usize = 100;
/// Characters of a fault text kept.
const TEXT_LENGTH: usize = 200;

/// A frame on its way, and what its write means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// A send of the load.
    Load { seq: u64, due: u64, binary: bool },
    /// A step of a trace that is no send of a load, by what it is.
    Played { said: u16, due: u64, binary: bool },
    /// A WebSocket ping.
    Ping { due: u64 },
    /// Something said: because a message received at `due` asked for it, or because it was due then.
    Said { reply: u16, due: u64, asked: bool, binary: bool },
    /// A pong to a ping received at `asked`.
    Pong { asked: u64 },
    /// A close.
    Close,
}

impl Carried {
    fn kind(self) -> Kind {
        match self {
            Carried::Load { binary: true, .. } | Carried::Said { binary: true, .. } | Carried::Played { binary: true, .. } => Kind::Binary,
            Carried::Load { .. } | Carried::Said { .. } | Carried::Played { .. } => Kind::Text,
            Carried::Ping { .. } => Kind::Ping,
            Carried::Pong { .. } => Kind::Pong,
            Carried::Close => Kind::Close,
        }
    }
}

/// What a client tells its lane, to be settled once the frames at hand are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// A close frame was sent; the end of the connection is awaited.
    Closing,
    /// A beat begins, so many nanoseconds from an instant.
    Beat {
        /// Which.
        beat: usize,
        /// The instant.
        from: u64,
        /// When the first comes.
        after: u64,
    },
    /// The next step of the trace is due at `at`, or given up then.
    Step {
        /// The instant.
        at: u64,
    },
    /// The load may be sent since `at`.
    Ready {
        /// The instant.
        at: u64,
    },
    /// The connection is over.
    Gone {
        /// Whether the load could be sent on it.
        was_ready: bool,
        /// Whether what ended it allows the client to come back.
        comes_back: bool,
    },
}

/// What a client saw that concerns others of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// What another one sent.
    Sent {
        /// Who saw it.
        client: u64,
        /// What it is.
        cross: Cross,
    },
    /// A broadcast.
    Spread {
        /// Who saw it.
        client: u64,
        /// Its series.
        series: usize,
        /// Kind of the message.
        kind: usize,
        /// What tells it from others.
        key: u64,
        /// When it was seen.
        done: u64,
    },
}

/// How many connections are open in all lanes, touched only when one opens or ends.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    open: AtomicU64,
    peak: AtomicU64,
}

impl Crowd {
    /// Most that were ever open at once.
    pub(super) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    fn enter(&self) {
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(open, Ordering::Relaxed);
    }

    fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a lane lends to its clients.
pub(super) struct Desk {
    /// The plan.
    pub(super) plan: Arc<Plan>,
    /// The script.
    pub(super) script: Arc<Script>,
    /// The timetable; `None` in closed loop.
    pub(super) shape: Option<Shape>,
    /// The run clock.
    pub(super) clock: Clock,
    /// Realtime minus the run clock, taken this turn.
    pub(super) realtime_offset: i64,
    /// Whether `done` is to be the kernel's stamp.
    pub(super) kernel_stamps: bool,
    /// Whether sends are over.
    pub(super) is_draining: bool,
    /// In closed loop: exchanges of the client being read that were answered, and so the sends that
    /// it may make once the batch is read.
    pub(super) answered: u32,
    /// Messages are read here.
    pub(super) reader: Reader,
    /// What happens is noted here.
    pub(super) tally: Box<Tally>,
    /// Connections of the lane.
    pub(super) connections: Connections,
    /// Connections of all lanes.
    pub(super) crowd: Arc<Crowd>,
    /// Where messages are copied to, if anywhere.
    pub(super) tap: Option<Sender<Tapped>>,
    /// What a dialogue led to and is not done yet.
    pub(super) effects: Vec<Effect>,
    /// What was seen that concerns other clients of the group.
    pub(super) sights: Vec<Sight>,
    /// HTTP requests to be made.
    pub(super) calls: Vec<Call>,
    /// What clients told, by their numbers.
    pub(super) notes: Vec<(u64, Note)>,
    /// Texts of the faults of this slice.
    pub(super) fault_texts: FaultTexts,
    /// Frames are written here.
    pub(super) encoder: Encoder,
    /// The trace that is played, and the line of it at hand.
    pub(super) pages: Option<Pages>,
    /// See `pages`.
    pub(super) line: Vec<u8>,
    /// A payload on its way into a frame.
    pub(super) payload: Vec<u8>,
    /// Reads land here.
    pub(super) scratch: Vec<u8>,
}

impl Desk {
    /// Copies what `client` is about to say.
    #[cold]
    pub(super) fn tap_out(&self, client: u64, carried: Carried) {
        let (said, is_binary) = match carried {
            Carried::Load { binary, .. } | Carried::Played { binary, .. } => (Said::Load, binary),
            Carried::Said { reply, asked: true, binary, .. } => (Said::Reply(usize::from(reply)), binary),
            Carried::Said { reply, binary, .. } => (Said::Beat(usize::from(reply)), binary),
            Carried::Ping { .. } | Carried::Pong { .. } | Carried::Close => return,
        };
        self.tap(Tapped { at_ns: self.clock.now(), client, said, is_binary, bytes: self.payload.clone() });
    }

    /// Copies what `client` has heard.
    #[cold]
    pub(super) fn tap_in(&self, client: u64, heard: &Heard, at_ns: u64) {
        let (said, bytes) = match heard {
            Heard::Message(Kind::Binary, bytes) => (Said::BytesByServer, bytes.bytes().to_vec()),
            Heard::Message(_, bytes) => (Said::ByServer, bytes.bytes().to_vec()),
            Heard::Close { code, reason } => (Said::Closed, format!("{} {reason}", code.unwrap_or(1005)).into_bytes()),
            Heard::Ping(_) | Heard::Pong(_) => return,
        };
        self.tap(Tapped { at_ns, client, said, is_binary: said == Said::BytesByServer, bytes });
    }

    fn tap(&self, tapped: Tapped) {
        if let Some(tap) = &self.tap {
            // Who taps may leave before the end.
            let _ = tap.send(tapped);
        }
    }

    /// The stage for a dialogue.
    #[inline]
    pub(super) fn stage(&mut self) -> Stage<'_> {
        Stage { script: &self.script, reader: &mut self.reader, tally: &mut self.tally, effects: &mut self.effects }
    }

    /// The frame of the payload that was laid down.
    #[inline]
    pub(super) fn frame(&mut self, carried: Carried) -> &[u8] {
        self.encoder.frame(carried.kind(), &mut self.payload)
    }

    /// Notes that a frame left at `at`.
    #[inline]
    pub(super) fn left(&mut self, dialogue: &mut Dialogue, carried: Carried, at: u64) {
        let mut stage = self.stage();
        match carried {
            Carried::Load { seq, due, .. } => dialogue.load_sent(&mut stage, seq, due, at),
            Carried::Played { said, due, .. } => dialogue.step_sent(&mut stage, said, due, at),
            Carried::Ping { due } => dialogue.ping_sent(&mut stage, due, at),
            Carried::Said { reply, due, asked, .. } => dialogue.reply_sent(&mut stage, usize::from(reply), due, asked, at),
            Carried::Pong { asked } => dialogue.pong_sent(&mut stage, asked, at),
            Carried::Close => dialogue.close_sent(&mut stage),
        }
    }

    /// Counts a fault with its text, which begins with the fault's name.
    pub(super) fn fault(&mut self, fault: Fault, text: &str) {
        self.tally.fault(fault);
        self.fault_text(fault, text);
    }

    /// Notes the text of a fault that is counted elsewhere.
    pub(super) fn fault_text(&mut self, fault: Fault, text: &str) {
        let text = format!("{}: {}", fault.name(), printable(text, TEXT_LENGTH));
        if self.fault_texts.len() < TEXTS_KEPT || self.fault_texts.contains_key(&text) {
            *self.fault_texts.entry(text).or_default() += 1;
        }
    }

    /// Takes down what `client` tells its lane. Once the load is over nobody comes back, and all
    /// waits have one end.
    pub(super) fn note(&mut self, client: u64, note: Note) {
        if !self.is_draining {
            self.notes.push((client, note));
        }
    }

    /// Counts a connection that was made.
    pub(super) fn connection_opened(&mut self) {
        self.connections.opened += 1;
        self.connections.open += 1;
        self.crowd.enter();
    }

    /// Counts a connection that is over.
    pub(super) fn connection_ended(&mut self) {
        self.connections.open -= 1;
        self.connections.ended += 1;
        self.crowd.leave();
    }
}
