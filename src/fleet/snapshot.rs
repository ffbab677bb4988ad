//! What an agent sends: seconds of its shard, or the last word on it.
//!
//! ```text
//! "VLY" protocol  kind  run (10)  shard (4)  epoch (4)  seq (8)  body, deflated ..  CRC32 of all before (4)
//! ```
//!
//! Numbers are little-endian. Each second holds its own samples only, so a message that is lost costs one second and spoils
//! no other. A message has at most [`MOST`] bytes and inflates to at most [`INFLATED_MOST`]; whatever comes in is read within
//! these bounds or refused with a reason.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Deserialize;
use serde::Serialize;

use super::RunId;
use super::bus::Place;
use super::bytes::In;
use super::bytes::Out;
use super::second;
pub use super::second::Sent;
use crate::tally::Second;
use crate::tally::Width;

/// Longest message, in bytes.
pub const MOST: usize = 512 << 10;
/// Most bytes that a body may inflate to.
pub const INFLATED_MOST: u64 = 8 << 20;
/// How a message begins: a mark, and the number of the protocol.
const MARK: [u8; 4] = [b'V', b'L', b'Y', super::PROTOCOL as u8];
/// Bytes before the body.
const HEAD: usize = 4 + 1 + RunId::LEN + 4 + 4 + 8;
/// Most seconds of a message.
pub const SECONDS_MOST: usize = 10;
/// Most distinct fault texts of one agent.
const TEXTS_MOST: usize = 100;
/// Longest fault text, in bytes.
const TEXT_MOST: usize = 1_024;

/// A message of a shard.
#[derive(Debug)]
pub struct Snapshot {
    /// Where it belongs.
    pub place: Place,
    /// What is said.
    pub body: Body,
}

/// What a message says.
#[derive(Debug)]
pub enum Body {
    /// Seconds have closed; one at least, in their order.
    Seconds(Vec<Sent>),
    /// There is no more to come.
    Done(Box<Done>),
}

/// The last word of an agent on its shard. Times in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// Seconds sent before.
    pub seconds: u64,
    /// Load sends that fell due in all of them.
    pub planned: u64,
    /// Load sends written in all of them.
    pub sent: u64,
    /// Answers in time in all of them.
    pub answered: u64,
    /// Length on the run clock.
    pub elapsed_ns: u64,
    /// Why the agent ended before the plan did, if it did.
    pub ended_early: Option<String>,
    /// Most connections open at once.
    pub peak_connections: u64,
    /// Distinct texts of faults with their counts.
    pub fault_texts: BTreeMap<String, u64>,
    /// Busy share of the dialer's runtime.
    pub dialer_busy: f64,
    /// Peak resident memory of the process in bytes.
    pub rss_peak_bytes: u64,
    /// How long after the agreed instant the load began.
    pub began_late_ns: u64,
    /// How far the agent's clock went away from the controller's between start and end.
    pub drift_ns: Option<i64>,
}

/// A second as it stands in a message.
pub fn encoded(second: &Second) -> Vec<u8> {
    let mut body = Out::default();
    second::write(&mut body, second);
    body.0
}

/// A second as a message.
///
/// # Errors
/// When it would be longer than [`MOST`].
pub fn of_second(place: Place, second: &Second) -> Result<Vec<u8>, String> {
    of_seconds(place, &[encoded(second)])
}

/// Up to [`SECONDS_MOST`] seconds, which are [`encoded`], as a message.
///
/// # Errors
/// When it would be longer than [`MOST`], or inflate to more than [`INFLATED_MOST`].
pub fn of_seconds(place: Place, seconds: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    let mut body = Out::default();
    body.number(seconds.len() as u64);
    seconds.iter().for_each(|second| body.0.extend(second));
    if body.0.len() as u64 > INFLATED_MOST {
        return Err(format!("{} bytes before they are deflated, at most {INFLATED_MOST}; measure fewer series", body.0.len()));
    }
    sealed(place, 0, &body.0)
}

/// The last word as a message.
///
/// # Errors
/// When it would be longer than [`MOST`].
pub fn of_done(place: Place, done: &Done) -> Result<Vec<u8>, String> {
    sealed(place, 1, &serde_json::to_vec(done).map_err(|e| e.to_string())?)
}

fn sealed(place: Place, kind: u8, body: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(HEAD + body.len() / 2);
    bytes.extend(MARK);
    bytes.push(kind);
    bytes.extend(place.run.as_str().bytes());
    bytes.extend(place.shard.to_le_bytes());
    bytes.extend(place.epoch.to_le_bytes());
    bytes.extend(place.seq.to_le_bytes());
    let mut deflate = ZlibEncoder::new(bytes, Compression::fast());
    let mut bytes = deflate.write_all(body).and_then(|()| deflate.finish()).map_err(|e| e.to_string())?;
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    match bytes.len() {
        n if n > MOST => Err(format!("a second of {n} bytes, and a message has at most {MOST}; measure fewer series")),
        _ => Ok(bytes),
    }
}

impl Snapshot {
    /// From bytes, of a plan with this `width`.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn decode(bytes: &[u8], width: Width) -> Result<Snapshot, String> {
        if bytes.len() > MOST {
            return Err(format!("{} bytes; a message has at most {MOST}", bytes.len()));
        }
        let (sealed, crc) = bytes.split_last_chunk::<4>().ok_or("it is cut short")?;
        let mut input = In(sealed);
        let head = input.take(HEAD)?;
        if head[..3] != MARK[..3] {
            return Err("it is no snapshot".into());
        }
        if head[3] != MARK[3] {
            return Err(format!("it speaks protocol {}, and this is {}", head[3], MARK[3]));
        }
        if crc32fast::hash(sealed) != u32::from_le_bytes(*crc) {
            return Err("its checksum is wrong".into());
        }
        let number = |from: usize, n: usize| head[from..from + n].iter().rev().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        let run_end = 5 + RunId::LEN;
        let run = std::str::from_utf8(&head[5..run_end]).map_err(|_| "its run is not text")?;
        let inflated = inflate(input.0)?;
        let body = match head[4] {
            0 => {
                let mut input = In(&inflated);
                let n = input.up_to(SECONDS_MOST as u64, "seconds")?;
                if n == 0 {
                    return Err("it has no second".into());
                }
                let seconds = (0..n).map(|_| second::read(&mut input, width)).collect::<Result<_, _>>()?;
                input.ends()?;
                Body::Seconds(seconds)
            }
            1 => Body::Done(Box::new(done(&inflated)?)),
            kind => return Err(format!("it is of kind {kind}, which is not known")),
        };
        let run = RunId::parse(run)?;
        let (shard, epoch, seq) = (number(run_end, 4) as u32, number(run_end + 4, 4) as u32, number(run_end + 8, 8));
        Ok(Snapshot { place: Place { run, shard, epoch, seq }, body })
    }
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut inflated = Vec::new();
    ZlibDecoder::new(bytes).take(INFLATED_MOST + 1).read_to_end(&mut inflated).map_err(|e| format!("its body: {e}"))?;
    if inflated.len() as u64 > INFLATED_MOST {
        return Err(format!("it inflates to more than {INFLATED_MOST} bytes"));
    }
    Ok(inflated)
}

fn done(bytes: &[u8]) -> Result<Done, String> {
    let done: Done = serde_json::from_slice(bytes).map_err(|e| format!("its last word: {e}"))?;
    let is_long = |text: &str| text.len() > TEXT_MOST;
    if done.fault_texts.len() > TEXTS_MOST || done.fault_texts.keys().any(|text| is_long(text)) {
        return Err("its last word has too many or too long texts".into());
    }
    if done.ended_early.as_deref().is_some_and(is_long) || !(0.0..=1e6).contains(&done.dialer_busy) {
        return Err("its last word is out of bounds".into());
    }
    Ok(done)
}

#[cfg(test)]
mod tests;
