//! The forms of what controller and agents tell each other besides snapshots: JSON of a bounded length, with no member that
//! is not known.

mod large;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::PROTOCOL;
use crate::plan::Pacing;
use crate::plan::Presence;
use crate::plan::Stamps;
use crate::plan::Storm;
use crate::plan::WINDOW_MAX;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::units::mix;
pub use large::BLOB_MOST;
pub use large::Blob;
pub use large::TraceMessage;
pub use large::sha256;

/// Longest plan, in bytes. NATS takes 1 MiB in a message unless it is told otherwise.
pub const PLAN_MOST: usize = 512 << 10;
/// Longest of all other values, in bytes.
const VALUE_MOST: usize = 16 << 10;
/// Letters of run ids.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A run of a fleet: ten letters and digits, which stand in subjects and keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId([u8; RunId::LEN]);

impl RunId {
    /// Letters of an id.
    pub const LEN: usize = 10;

    /// One drawn from a number, such as the time.
    pub fn drawn(seed: u128) -> RunId {
        let bits = mix(seed as u64 ^ mix((seed >> 64) as u64));
        let letter = |place: usize| LETTERS[(bits >> (5 * place)) as usize & 31];
        RunId(std::array::from_fn(letter))
    }

    /// As it is written.
    ///
    /// # Errors
    /// When it is no id.
    pub fn parse(text: &str) -> Result<RunId, String> {
        let bytes: [u8; RunId::LEN] = text.as_bytes().try_into().map_err(|_| "a run id has ten letters".to_owned())?;
        if bytes.iter().all(|byte| LETTERS.contains(byte)) {
            return Ok(RunId(bytes));
        }
        Err("a run id has letters a to z and digits 2 to 7".into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("its letters are ASCII")
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for RunId {
    type Error = String;

    fn try_from(text: String) -> Result<RunId, String> {
        RunId::parse(&text)
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> String {
        id.as_str().to_owned()
    }
}

/// The plan as it is published, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanMessage {
    /// Number of the protocol.
    pub protocol: u32,
    /// Version of the program; agents are of the same.
    pub version: String,
    /// Which run.
    pub run: RunId,
    /// Shards that the clients are split into.
    pub shards: u32,
    /// Name of the profile.
    pub profile: String,
    /// The profile's TOML.
    pub profile_text: String,
    /// What is to be played.
    pub load: Load,
    /// Values of the variables that are no secrets.
    pub vars: BTreeMap<String, String>,
    /// Headers that are no secrets.
    pub headers: Vec<(String, String)>,
    /// Names of the columns of data.
    pub columns: Vec<String>,
    /// Data, a row for each client in turn. Where they are too many for a message, they are kept elsewhere while the plan travels.
    pub rows: Vec<Vec<String>>,
    /// Where the rows are kept, if they are.
    pub rows_at: Option<Blob>,
    /// Where the sound is kept that takes the place of what the profile has generated, if any does.
    pub sound_at: Option<Blob>,
    /// That sound; it travels by itself.
    #[serde(skip)]
    pub sound: Option<Arc<[u8]>>,
    /// The trace that is played in the place of a load, if one is.
    pub trace: Option<TraceMessage>,
    /// That trace; it travels by itself.
    #[serde(skip)]
    pub tape: Option<Arc<[u8]>>,
    /// What an agent's plan has to be, in short.
    pub fingerprint: String,
    /// How long an agent that reaches nobody goes on, in nanoseconds.
    pub orphan_grace_ns: u64,
    /// How often an agent sends what it has measured, in nanoseconds: every second, or several seconds at once.
    pub interval_ns: u64,
    /// Whether shards may be taken after the start, so that who found none waits as a spare.
    pub spares: bool,
}

/// Longest and shortest interval.
const INTERVALS: std::ops::RangeInclusive<u64> = SECOND..=SECOND * super::snapshot::SECONDS_MOST as u64;

impl PlanMessage {
    /// Refuses what no fleet can do.
    ///
    /// # Errors
    /// What it is.
    pub fn check(&self) -> Result<(), String> {
        if self.shards == 0 || self.shards > 65_536 {
            return Err(format!("it has {} shards", self.shards));
        }
        if !INTERVALS.contains(&self.interval_ns) {
            return Err(format!("its interval is {}", Nanos(self.interval_ns)));
        }
        self.trace.iter().try_for_each(TraceMessage::check)?;
        self.blobs().try_for_each(Blob::check)
    }
}

impl PlanMessage {
    /// What is kept beside it.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.rows_at.iter().chain(&self.sound_at).chain(self.trace.iter().map(|trace| &trace.at))
    }
}

/// What is to be played, by all shards together. Times are those of the run clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "its members are those of a plan")]
pub struct Load {
    pub over: String,
    pub http: Option<String>,
    pub dialect: Option<String>,
    pub subprotocol: Option<String>,
    pub reconnect_jitter: Option<f64>,
    pub tls_resume: bool,
    pub clients: u64,
    pub presence: Option<Presence>,
    pub group: u64,
    pub drops: Vec<(usize, Nanos)>,
    pub storm: Option<Storm>,
    pub pacing: Pacing,
    pub count: Option<u64>,
    pub poisson: bool,
    pub ramp: Nanos,
    pub warmup: Nanos,
    pub duration: Nanos,
    pub timeout: Nanos,
    pub seed: u64,
    pub precise: bool,
    pub stamps: Stamps,
}

/// Most clients of a run.
const CLIENTS_MOST: u64 = 1 << 32;
/// Longest time of a run, a week, in nanoseconds.
const LONGEST: u64 = 7 * 24 * 3_600 * SECOND;

impl Load {
    /// Refuses amounts that no plan has.
    ///
    /// # Errors
    /// Which.
    pub fn check(&self) -> Result<(), String> {
        let pacing = match self.pacing {
            Pacing::Open(curve) => curve.is_sound(),
            Pacing::Closed(n) => (1..=WINDOW_MAX).contains(&n),
        };
        let times = [self.ramp, self.warmup, self.duration, self.timeout].into_iter().chain(self.drops.iter().map(|(_, at)| *at));
        let checks = [
            ("clients", (1..=CLIENTS_MOST).contains(&self.clients)),
            ("presence", self.presence.is_none_or(|presence| presence.is_sound() && presence.most() <= self.clients)),
            ("group", (1..=64).contains(&self.group) && self.clients.is_multiple_of(self.group)),
            ("rate", pacing),
            ("times", times.into_iter().all(|time| time.0 <= LONGEST) && self.duration.0 > 0 && self.timeout.0 > 0),
            ("jitter", self.reconnect_jitter.is_none_or(|share| (0.0..=1.0).contains(&share))),
            ("storm", self.storm.is_none_or(|storm| storm.at < self.duration)),
        ];
        match checks.iter().find(|(_, is_good)| !is_good) {
            Some((what, _)) => Err(format!("its {what} cannot be played")),
            None => Ok(()),
        }
    }
}

/// Where the run stands, as its controller says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Shards may be claimed.
    Gather,
    /// The instant of the start is known; agents confirm it.
    Armed,
    /// All is set: start at the instant.
    Go,
    /// Ended before its time.
    Aborted,
    /// Over.
    Closed,
}

/// The state of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateMessage {
    /// Number of the protocol.
    pub protocol: u32,
    /// Which controller says so.
    pub controller: u64,
    /// Which pool was asked.
    pub pool: String,
    /// Where it stands.
    pub phase: Phase,
    /// The instant of the start in the controller's time, nanoseconds since 1970; 0 before it is known.
    pub t0_ns: u64,
    /// Why it ended; empty otherwise.
    pub reason: String,
    /// Shards that have no owner and may be taken now, some of them where there are very many.
    pub wanted: Vec<u32>,
}

/// How an agent stands with its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has the shard.
    Claimed,
    /// It could play now.
    Ready,
    /// It has understood when to start; of who takes a shard under way, the controller says so.
    Armed,
    /// It cannot play: see the reason.
    Refused,
    /// The controller has given it up.
    Lost,
}

/// Who owns a shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimMessage {
    /// Number of the protocol.
    pub protocol: u32,
    /// The agent, a name and a number drawn at its start.
    pub agent: String,
    /// Drawn for this claim, so that an agent knows its own.
    pub nonce: u64,
    /// Number of the owner of this shard, from 1.
    pub epoch: u32,
    /// Whose place it takes, by name and host; empty for who takes it first.
    pub replaces: String,
    /// How it stands.
    pub standing: Standing,
    /// Why it cannot play; empty otherwise.
    pub reason: String,
    /// Its host.
    pub host: String,
    /// Version of its program.
    pub version: String,
    /// Processors it may use.
    pub cpus: u32,
    /// Files it may open.
    pub files: u64,
    /// Clients it plays.
    pub clients: u64,
    /// Controller's date less the agent's, in nanoseconds; for people.
    pub offset_ns: i64,
    /// Half of the shortest round trip to the controller: the most that the estimate of its clock is wrong by.
    pub half_rtt_ns: u64,
}

impl ClaimMessage {
    /// A name for people, safe to print.
    pub fn who(&self) -> String {
        let text = |text: &str| crate::units::printable(text, 100);
        if self.agent.is_empty() { "nobody".into() } else { format!("{} on {}", text(&self.agent), text(&self.host)) }
    }
}

/// Something that travels as JSON.
pub trait Message: Serialize + DeserializeOwned {
    /// Longest form, in bytes.
    const MOST: usize;

    /// Number of the protocol that it speaks.
    fn protocol(&self) -> u32;

    /// As bytes.
    ///
    /// # Errors
    /// When it is too long.
    fn encode(&self) -> Result<Vec<u8>, String> {
        let bytes = serde_json::to_vec(self).map_err(|e| e.to_string())?;
        if bytes.len() > Self::MOST {
            return Err(format!("{} bytes, at most {}", bytes.len(), Self::MOST));
        }
        Ok(bytes)
    }

    /// From bytes.
    ///
    /// # Errors
    /// What is wrong, in words.
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > Self::MOST {
            return Err(format!("{} bytes, at most {}", bytes.len(), Self::MOST));
        }
        // Another protocol may have other members; that it is another is what has to be said.
        #[derive(Deserialize)]
        struct Spoken {
            protocol: u32,
        }
        let spoken: Spoken = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        if spoken.protocol != PROTOCOL {
            return Err(format!(
                "it speaks protocol {}, and this is {PROTOCOL}; use the same version of volley everywhere",
                spoken.protocol
            ));
        }
        serde_json::from_slice(bytes).map_err(|e| e.to_string())
    }
}

macro_rules! messages {
    ($($name:ident: $most:expr),+) => { $(impl Message for $name {
        const MOST: usize = $most;

        fn protocol(&self) -> u32 {
            self.protocol
        }
    })+ };
}

messages!(PlanMessage: PLAN_MOST, StateMessage: VALUE_MOST, ClaimMessage: VALUE_MOST);

/// Whether `name` can stand as one piece of a subject: a pool.
pub fn is_token(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests;
