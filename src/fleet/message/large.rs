//! What is too large for a message and kept beside the plan, by its hash.

use std::fmt::Write as _;

use serde::Deserialize;
use serde::Serialize;
use sha2::Digest as _;
use sha2::Sha256;

/// Most bytes of something large that a plan refers to.
pub const BLOB_MOST: u64 = 64 << 20;
/// Most clones of a trace, and its highest speed.
const CLONES_MOST: u64 = 1_000_000;
const SPEED_MOST: f64 = 1e9;

/// A trace and how it is played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceMessage {
    /// Where it is kept.
    pub at: Blob,
    /// Its file as typed, for people.
    pub file: String,
    /// How many times as fast as recorded.
    pub speed: f64,
    /// How often it is played at once.
    pub clones: u64,
    /// Variables that were given a value, which takes the place of what was recorded.
    pub set: Vec<String>,
}

impl TraceMessage {
    /// Refuses what no run plays.
    ///
    /// # Errors
    /// What it is.
    pub fn check(&self) -> Result<(), String> {
        if (1..=CLONES_MOST).contains(&self.clones) && self.speed > 0.0 && self.speed <= SPEED_MOST {
            return Ok(());
        }
        Err(format!("its trace cannot be played {} times at x{}", self.clones, self.speed))
    }
}

/// Something large that is kept beside the plan, by what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    /// SHA-256 of its bytes in hexadecimal digits, which is its name.
    pub sha256: String,
    /// How many bytes it has.
    pub bytes: u64,
}

impl Blob {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Blob {
        Blob { sha256: sha256(bytes), bytes: bytes.len() as u64 }
    }

    /// Whether these are its bytes.
    pub fn is(&self, bytes: &[u8]) -> bool {
        *self == Blob::of(bytes)
    }

    /// Refuses what is no name or too large.
    ///
    /// # Errors
    /// Which of the two.
    pub fn check(&self) -> Result<(), String> {
        if self.sha256.len() != 64 || !self.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err("what it refers to is not named by a SHA-256".into());
        }
        if self.bytes > BLOB_MOST {
            return Err(format!("it refers to {} bytes, at most {BLOB_MOST}", self.bytes));
        }
        Ok(())
    }
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
