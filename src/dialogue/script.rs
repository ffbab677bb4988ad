//! A profile compiled for play: indices instead of names, templates bound to the run's variables.
//! Immutable and shared by all clients of a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cast::Cast;
use super::compile;
use super::score::Score;
use super::series::Series;
use crate::profile::Bound;
use crate::profile::From;
use crate::profile::HttpAt;
use crate::profile::Lost;
use crate::profile::Pointer;
use crate::profile::Profile;
use crate::profile::TagValue;
use crate::tally::Phase;
use crate::tally::Width;

/// The instants and bounds of a run that a dialogue needs. Nanoseconds on the run clock.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Start of the measure phase.
    pub measure_from: u64,
    /// End of the measure phase.
    pub measure_until: u64,
    /// How long an answer is waited for.
    pub timeout: u64,
    /// Most unanswered exchanges of the load per client.
    pub window: u32,
    /// Seed of everything random.
    pub seed: u64,
    /// Milliseconds since 1970 at instant 0.
    pub unix_ms: u64,
}

/// What the variables of a profile stand for in a run.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// Values by name; each is the same for all clients but for the slots in it.
    pub vars: BTreeMap<String, String>,
    /// Names of the columns of data, which go before values.
    pub columns: Vec<String>,
    /// One row of data for each client in turn; fields in the order of the columns.
    pub rows: Vec<Vec<String>>,
    /// Sound that takes the place of what is generated: 16 kHz mono PCM of 16 bits.
    pub sound: Option<Arc<[u8]>>,
    /// Whether a trace is played, so that what is no message of the profile may be sent too.
    pub played: bool,
    /// Whether the kernel is asked for its round trips, which then are a series.
    pub hops: bool,
}

/// What one kind of message from the server means, by indices.
#[derive(Clone, Debug)]
pub(super) struct Meaning {
    /// Kind in counts.
    pub(super) kind: usize,
    /// States in which it holds; empty for all.
    pub(super) states: Vec<u8>,
    pub(super) conditions: Vec<(Pointer, String)>,
    pub(super) answers: Vec<usize>,
    pub(super) key: Option<Pointer>,
    pub(super) reply: Option<usize>,
    pub(super) ready: bool,
    pub(super) opens: Vec<usize>,
    pub(super) cancels: Vec<usize>,
    pub(super) captures: Vec<(usize, Pointer)>,
    pub(super) gauge: Option<(usize, Pointer, u64)>,
    /// Series, and its place among those of class cadence.
    pub(super) cadence: Option<(usize, usize)>,
    pub(super) spread: Option<usize>,
    pub(super) then: Option<u8>,
    /// Where the position stands, when what was missed is asked for by it.
    pub(super) position: Option<Pointer>,
    /// Beats that begin with it.
    pub(super) begins: Vec<usize>,
    /// Nothing but tag and at most one answer: the way of most messages.
    pub(super) plain: bool,
}

/// How a message is made, bound.
#[derive(Clone, Debug)]
pub(super) enum Making {
    Text(Bound),
    Hex(Bound),
    /// Made once: it is the same each time.
    Audio(Vec<u8>),
    /// So many bytes of the run's sound, the next each time.
    Piece(usize),
}

impl Default for Making {
    fn default() -> Self {
        Making::Text(Bound::default())
    }
}

impl Making {
    /// The size of the piece of the run's sound that it is.
    pub(super) fn piece(&self) -> Option<usize> {
        if let Making::Piece(bytes) = self { Some(*bytes) } else { None }
    }

    /// Whether the message is binary.
    pub(super) fn is_binary(&self) -> bool {
        !matches!(self, Making::Text(_))
    }
}

/// Something the client says besides its load, bound.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) kind: usize,
    pub(super) making: Making,
    pub(super) http: Option<usize>,
    pub(super) expects: Vec<usize>,
    /// Whether it is said as soon as the connection is open.
    pub(super) start: bool,
    pub(super) next: Option<usize>,
    pub(super) then: Option<u8>,
    /// Whether a move of a game is made by it.
    pub(super) moves: bool,
}

/// When a beat beats.
#[derive(Clone, Copy, Debug)]
pub(super) enum Every {
    Fixed(u64),
    Captured { capture: usize, default: u64 },
}

/// Something the client says periodically.
#[derive(Clone, Debug)]
pub(super) struct Beat {
    pub(super) reply: usize,
    pub(super) every: Every,
    pub(super) from: From,
    pub(super) jitter: f64,
    pub(super) times: u64,
    pub(super) lost: Lost,
}

/// The load of a role, bound.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) kind: usize,
    pub(super) making: Making,
    /// Sizes that sends are filled up to, in turn; of sound, the first.
    pub(super) pad_to: Vec<usize>,
    pub(super) http: Option<usize>,
    /// The series by which sends count as answered.
    pub(super) series: Option<usize>,
    /// Further series of one client: each with the place of its sends that wait.
    pub(super) also: Vec<usize>,
    /// The series whose answers are seen by others of the group.
    pub(super) cross: Option<usize>,
    /// The first of the series derived of it, when several others see them.
    pub(super) fan: Option<usize>,
    pub(super) states: Vec<u8>,
    /// What is said right behind it.
    pub(super) next: Option<usize>,
    pub(super) then: Option<u8>,
    pub(super) moves: bool,
    /// Most sends that wait at once.
    pub(super) window: u32,
    /// Only the slots of plain messages.
    pub(super) plain: bool,
}

/// How a role is let in.
#[derive(Clone, Debug)]
pub struct Door {
    /// Address.
    pub url: Bound,
    /// Headers in order.
    pub headers: Vec<(String, Bound)>,
    /// HTTP requests before each connection, by index into [`Script::https`].
    pub calls: Vec<usize>,
}

/// An HTTP request, bound.
#[derive(Clone, Debug)]
pub struct Http {
    /// Name, which is that of its kind of answer.
    pub name: String,
    /// When it is made.
    pub at: HttpAt,
    /// Method.
    pub method: String,
    /// Path and query.
    pub path: Bound,
    /// Headers in order.
    pub headers: Vec<(String, Bound)>,
    /// Body.
    pub body: Option<Bound>,
    /// Series of its round trips.
    pub series: Option<usize>,
    /// Kind of its answer.
    pub kind: usize,
    /// Values taken from the answer.
    pub captures: Vec<(usize, Pointer)>,
}

/// How what was missed is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resume {
    pub(super) ask: usize,
    pub(super) first: Option<usize>,
    pub(super) each: Option<usize>,
}

/// A role, compiled.
#[derive(Clone, Debug)]
pub struct Role {
    /// How it is let in.
    pub door: Door,
    pub(super) load: Option<Load>,
    pub(super) starts: Vec<usize>,
    pub(super) beats: Vec<usize>,
    /// Whether a message has to come before the load begins.
    pub(super) waits_for_ready: bool,
    /// Meanings by tag, in the order of the file.
    pub(super) tags: Vec<(TagValue, usize)>,
    /// Meanings without a tag, text and binary.
    pub(super) untagged: Vec<usize>,
    pub(super) binaries: Vec<usize>,
    /// Whether nothing of a text has to be read to know what it means.
    pub(super) reads_nothing: bool,
    pub(super) resume: Option<Resume>,
}

/// A profile compiled for play.
#[derive(Clone, Debug)]
pub struct Script {
    /// Instants and bounds.
    pub bounds: Bounds,
    /// All series: those of the profile, the built-in ones, then those derived of others.
    pub series: Vec<Series>,
    /// Number of the profile's own series.
    pub(super) own_series: usize,
    /// Kinds of messages sent: loads, replies, then the built-in ones.
    pub out_kinds: Vec<String>,
    /// Kinds of messages received: the profile's, answers of HTTP, then the built-in ones.
    pub in_kinds: Vec<String>,
    /// Series by which the load counts as answered, of the first role that has one in this dialect.
    pub load_series: Option<usize>,
    /// Who is who.
    pub cast: Cast,
    /// Roles in the order of the profile.
    pub roles: Vec<Role>,
    /// HTTP requests.
    pub https: Vec<Http>,
    /// Numbers of captures.
    pub captures: usize,
    /// Data, a row for each client in turn.
    pub rows: Vec<Vec<String>>,
    /// Sound that takes the place of what is generated.
    pub sound: Option<Arc<[u8]>>,
    /// Whether the kernel's round trips are a series.
    pub(super) hops: bool,
    /// The recorded conversation that is played in the place of the loads.
    pub(super) score: Option<Arc<Score>>,
    /// Series whose exchange begins when the connection is open.
    pub(super) opens: Vec<usize>,
    pub(super) replies: Vec<Reply>,
    pub(super) beats: Vec<Beat>,
    pub(super) meanings: Vec<Meaning>,
    pub(super) spellings: Vec<String>,
    /// For each series, its place among those of which a client has at most one exchange open.
    pub(super) singles: Vec<Option<usize>>,
    /// Numbers of these, and of cadence series.
    pub(super) single_count: usize,
    pub(super) cadence_count: usize,
}

/// Kinds of messages that every profile sends and receives besides its own.
pub(super) const BUILT_IN_KINDS: [&str; 3] = ["ws_ping", "ws_pong", "close"];

impl Load {
    /// The size that send `seq` is filled up to.
    #[inline]
    pub(super) fn pad_to(&self, seq: u64) -> usize {
        match self.pad_to.as_slice() {
            [size] => *size,
            sizes => sizes[(seq % sizes.len() as u64) as usize],
        }
    }
}

impl Script {
    /// Compiles `profile` for `dialect` with the values of all its variables.
    ///
    /// # Errors
    /// A variable without a value, or a size that is not a number.
    pub fn compile(profile: &Profile, dialect: Option<&str>, values: &Values, bounds: Bounds) -> Result<Self, String> {
        compile::script(profile, dialect, values, bounds)
    }

    /// Numbers of series and kinds.
    pub fn width(&self) -> Width {
        let places = if self.series.len() > self.derived_from() { self.cast.group() as usize } else { 0 };
        Width { series: self.series.len(), out_kinds: self.out_kinds.len(), in_kinds: self.in_kinds.len(), places }
    }

    /// Whether clients of `role` have anything to send at their rate.
    pub fn has_load(&self, role: usize) -> bool {
        self.roles[role].load.is_some()
    }

    /// The role whose load opens the exchanges of a series, if one does.
    pub fn role_of(&self, series: usize) -> Option<&str> {
        let series = self.derived_of(series).unwrap_or(series);
        let opens = |load: &Load| load.series == Some(series) || load.cross == Some(series) || load.also.contains(&series);
        let role = self.roles.iter().position(|role| role.load.as_ref().is_some_and(opens))?;
        Some(&self.cast.names[role])
    }

    /// The phase an exchange belongs to by its due instant.
    #[inline]
    pub fn phase_of(&self, due: u64) -> Phase {
        if due >= self.bounds.measure_from && due < self.bounds.measure_until { Phase::Measure } else { Phase::Warmup }
    }

    /// Piece number `turn` of the sound, in pieces of `bytes` bytes, from its beginning again when it is over.
    pub(super) fn piece(&self, bytes: usize, turn: u64) -> &[u8] {
        let sound = self.sound.as_deref().unwrap_or_default();
        let pieces = sound.len().div_ceil(bytes.max(1)) as u64;
        let at = turn.checked_rem(pieces).unwrap_or_default() as usize * bytes;
        &sound[at.min(sound.len())..(at + bytes).min(sound.len())]
    }

    /// The row of data of a client.
    pub(super) fn row(&self, client: u64) -> &[String] {
        let turn = client.checked_rem(self.rows.len() as u64);
        turn.map_or(&[], |turn| &self.rows[turn as usize])
    }

    /// Index of the kind of a sent WebSocket ping, pong, or close (0, 1, 2).
    pub(super) fn out_built_in(&self, which: usize) -> usize {
        self.out_kinds.len() - BUILT_IN_KINDS.len() + which
    }

    /// Index of the kind of a received WebSocket ping, pong, close, or unknown message (0 to 3).
    pub(super) fn in_built_in(&self, which: usize) -> usize {
        self.in_kinds.len() - 4 + which
    }
}
