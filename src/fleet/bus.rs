//! What controller and agents speak through: a few keys that change by comparison only, one stream of snapshots, and a clock
//! to ask. [`super::local`] and the one over NATS keep the same promises; `tests/fleet.rs` holds both to them.

use std::fmt;
use std::time::Duration;

use super::RunId;
use super::message::Blob;

/// A value that is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The plan of a run.
    Plan(RunId),
    /// Where a run stands.
    State(RunId),
    /// The newest run of a pool.
    Open(String),
    /// Who owns a shard of a run.
    Shard(RunId, u32),
}

impl Key {
    /// Whether agents may write it.
    pub fn is_claim(&self) -> bool {
        matches!(self, Key::Shard(..))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Plan(run) => write!(f, "{run}.plan"),
            Key::State(run) => write!(f, "{run}.state"),
            Key::Open(pool) => write!(f, "{pool}.open"),
            Key::Shard(run, shard) => write!(f, "{run}.shard.{shard}"),
        }
    }
}

/// A value with the number of its change; a later change has a larger one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Vec<u8>,
    /// Its revision.
    pub revision: u64,
}

/// Where a snapshot belongs; a second one of the same place is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which run.
    pub run: RunId,
    /// Which shard.
    pub shard: u32,
    /// Which owner of it.
    pub epoch: u32,
    /// Which message.
    pub seq: u64,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The key has a value already, or another one than was compared with.
    Changed,
    /// Nobody is reached, or nothing was answered in time: trying again may help. What was asked may have been done.
    Unreachable(String),
    /// It cannot be done, and trying again will not help.
    Refused(String),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Changed => f.write_str("somebody else has changed it"),
            Failed::Unreachable(why) | Failed::Refused(why) => f.write_str(why),
        }
    }
}

/// A message that was fetched and is not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// What to acknowledge it by.
    pub ticket: u64,
    /// The message.
    pub bytes: Vec<u8>,
}

/// The snapshots of a run as its controller fetches them.
pub trait Inbox: Send {
    /// Up to `most` messages, those sent first before others. Waits for the first one at most `wait`; then none.
    ///
    /// # Errors
    /// When nobody is reached.
    fn fetch(&mut self, most: usize, wait: Duration) -> Result<Vec<Parcel>, Failed>;

    /// These need not come again.
    ///
    /// # Errors
    /// When nobody is reached; then they come again.
    fn acknowledge(&mut self, tickets: &[u64]) -> Result<(), Failed>;
}

/// Answers questions after the time until it is dropped.
pub trait Timekeeper: Send {}

/// See the text at the top.
pub trait Bus: Send + Sync {
    /// Gives a key that has no value its first; the revision.
    ///
    /// # Errors
    /// [`Failed::Changed`] when it has one.
    fn create(&self, key: &Key, value: &[u8]) -> Result<u64, Failed>;

    /// Gives a key that stands at `revision` another value; the new revision.
    ///
    /// # Errors
    /// [`Failed::Changed`] when it does not stand there.
    fn change(&self, key: &Key, value: &[u8], revision: u64) -> Result<u64, Failed>;

    /// The value of a key.
    ///
    /// # Errors
    /// When nobody is reached.
    fn get(&self, key: &Key) -> Result<Option<Entry>, Failed>;

    /// Keeps a snapshot; when this returns, it is kept.
    ///
    /// # Errors
    /// When it may not be kept. Sending it again keeps it once.
    fn send(&self, place: Place, bytes: &[u8]) -> Result<(), Failed>;

    /// How many bytes of snapshots there is room for; `None` where nothing bounds them.
    ///
    /// # Errors
    /// When nobody is reached.
    fn room(&self) -> Result<Option<u64>, Failed> {
        Ok(None)
    }

    /// All snapshots of a run that were not acknowledged.
    ///
    /// # Errors
    /// When nobody is reached.
    fn inbox(&self, run: RunId) -> Result<Box<dyn Inbox>, Failed>;

    /// Answers with this machine's date whoever asks for the time of `run`.
    ///
    /// # Errors
    /// When nobody is reached.
    fn keep_time(&self, run: RunId) -> Result<Box<dyn Timekeeper>, Failed>;

    /// The date of the controller of `run`, in nanoseconds since 1970.
    ///
    /// # Errors
    /// When nobody answers.
    fn ask_time(&self, run: RunId) -> Result<u64, Failed>;

    /// Keeps something large beside the plans, by its name; what is kept already is not sent again.
    ///
    /// # Errors
    /// When it may not be kept, or there is no place for it.
    fn keep(&self, _blob: &Blob, _bytes: &[u8]) -> Result<(), Failed> {
        Err(Failed::Refused("nothing large can be kept here".into()))
    }

    /// What is kept by a name, never more bytes than it says. Whether they are the right ones is for the caller to see.
    ///
    /// # Errors
    /// When it is not there, or nobody is reached.
    fn kept(&self, _blob: &Blob) -> Result<Vec<u8>, Failed> {
        Err(Failed::Refused("nothing large can be kept here".into()))
    }

    /// Whether the other end is reached now, as far as is known.
    fn is_reached(&self) -> bool {
        true
    }
}
