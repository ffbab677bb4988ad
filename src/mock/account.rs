//! What the server counted: the account it gives at the end, and the counters it is made from.
//!
//! A lane has its own [`Counts`]; adding them up gives the [`Account`]. Counts are exact: a message
//! is received when it was read whole, and sent when its last byte was taken by the socket. Knows
//! nothing of what the kinds mean.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::kinds::Dropped;
use super::kinds::Kind;
use super::kinds::Violation;
use crate::tally::Hist;

/// Close codes told apart.
const CLOSE_CODES: usize = 64;

/// Name and version of the account's format.
pub const SCHEMA: &str = "volley.account/1";

/// The counters of one lane.
#[derive(Debug)]
pub(super) struct Counts {
    /// Messages read, by [`Kind`].
    pub(super) received: [u64; Kind::NAMES.len()],
    /// Messages written, by [`Kind`].
    pub(super) sent: [u64; Kind::NAMES.len()],
    /// By [`Dropped`].
    pub(super) dropped: [u64; Dropped::NAMES.len()],
    /// By [`Violation`].
    pub(super) violations: [u64; Violation::NAMES.len()],
    /// Bytes read behind the handshake.
    pub(super) bytes_in: u64,
    /// Bytes written behind the handshake.
    pub(super) bytes_out: u64,
    /// Connections that ended before the server did.
    pub(super) ended: u64,
    /// How often each fault struck, by its name.
    pub(super) faults: BTreeMap<&'static str, u64>,
    /// Codes of the Close frames read, a Close without a code as 1005; at most [`CLOSE_CODES`] are told apart.
    pub(super) closes: BTreeMap<u16, u64>,
    /// From having read a request to writing its answer.
    pub(super) hold: Hist,
}

impl Counts {
    pub(super) fn new() -> Self {
        Counts {
            received: [0; Kind::NAMES.len()],
            sent: [0; Kind::NAMES.len()],
            dropped: Default::default(),
            violations: Default::default(),
            bytes_in: 0,
            bytes_out: 0,
            ended: 0,
            faults: BTreeMap::new(),
            closes: BTreeMap::new(),
            hold: Hist::new(),
        }
    }

    /// Notes a message read.
    pub(super) fn received(&mut self, kind: Kind) {
        self.received[kind as usize] += 1;
    }

    /// Notes a message written.
    pub(super) fn sent(&mut self, kind: Kind) {
        self.sent[kind as usize] += 1;
    }

    /// Notes `n` answers that will never be sent.
    pub(super) fn dropped(&mut self, why: Dropped, n: u64) {
        self.dropped[why as usize] += n;
    }

    /// Notes what a client must not do.
    pub(super) fn violated(&mut self, what: Violation) {
        self.violations[what as usize] += 1;
    }

    /// Notes that a fault struck.
    pub(super) fn struck(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
    }

    /// Notes a Close read; codes beyond those told apart count as 0.
    pub(super) fn closed(&mut self, code: Option<u16>) {
        let code = code.unwrap_or(1005);
        let is_told = self.closes.len() < CLOSE_CODES || self.closes.contains_key(&code);
        *self.closes.entry(if is_told { code } else { 0 }).or_default() += 1;
    }

    /// Takes another lane's counts in.
    pub(super) fn merge(&mut self, other: &Counts) {
        let add = |to: &mut [u64], from: &[u64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        add(&mut self.received, &other.received);
        add(&mut self.sent, &other.sent);
        add(&mut self.dropped, &other.dropped);
        add(&mut self.violations, &other.violations);
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.ended += other.ended;
        other.faults.iter().for_each(|(name, n)| *self.faults.entry(name).or_default() += n);
        other.closes.iter().for_each(|(code, n)| *self.closes.entry(*code).or_default() += n);
        self.hold.merge(&other.hold);
    }

    /// The account of a server that served `profile`.
    pub(super) fn account(&self, profile: &str, dialect: Option<&str>, connections: Connections) -> Account {
        Account {
            schema: SCHEMA.into(),
            profile: profile.into(),
            dialect: dialect.map(Into::into),
            connections,
            received: named(Kind::NAMES, &self.received),
            sent: named(Kind::NAMES, &self.sent),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            dropped: named(Dropped::NAMES, &self.dropped),
            faults: self.faults.iter().map(|(name, n)| ((*name).into(), *n)).collect(),
            closes: self.closes.iter().map(|(code, n)| (code.to_string(), *n)).collect(),
            violations: named(Violation::NAMES, &self.violations),
            violations_total: self.violations.iter().sum(),
            hold: Hold::of(&self.hold),
            figures: BTreeMap::new(),
            http: BTreeMap::new(),
        }
    }
}

fn named(names: &[&str], counts: &[u64]) -> BTreeMap<String, u64> {
    names.iter().zip(counts).filter(|(_, n)| **n > 0).map(|(name, n)| (name.to_string(), *n)).collect()
}

/// What a server did, given when it stops. Kinds that never occurred are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// [`SCHEMA`].
    pub schema: String,
    /// The profile served.
    pub profile: String,
    /// Its dialect, if it has any.
    pub dialect: Option<String>,
    /// Connections.
    pub connections: Connections,
    /// Messages read, by kind.
    pub received: BTreeMap<String, u64>,
    /// Messages written, by kind.
    pub sent: BTreeMap<String, u64>,
    /// Bytes of frames read.
    pub bytes_in: u64,
    /// Bytes of frames written.
    pub bytes_out: u64,
    /// Answers never sent, by fault, `peer_gone` or `stopped`.
    pub dropped: BTreeMap<String, u64>,
    /// How often each fault struck: handshakes, answers, pings or connections, whatever it strikes. What
    /// happens later in a connection counts when it happens.
    #[serde(default)]
    pub faults: BTreeMap<String, u64>,
    /// Close frames read, by code; 1005 is a Close without one, 0 any code beyond the first 64.
    #[serde(default)]
    pub closes: BTreeMap<String, u64>,
    /// What clients must not do, by kind.
    pub violations: BTreeMap<String, u64>,
    /// Sum of the violations.
    pub violations_total: u64,
    /// How long answers were held.
    pub hold: Hold,
    /// What else a protocol counts.
    #[serde(default)]
    pub figures: BTreeMap<String, u64>,
    /// Plain HTTP requests, by method and route, then by status.
    #[serde(default)]
    pub http: BTreeMap<String, BTreeMap<u16, u64>>,
}

/// Connections of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connections {
    /// Answered 101.
    pub accepted: u64,
    /// Answered with anything else.
    pub refused: u64,
    /// Ended before they were answered: no request in time, no HTTP, gone.
    pub failed: u64,
    /// Most open at once.
    pub open_peak: u64,
    /// Ended before the server stopped.
    pub ended: u64,
}

/// How long answers were held, from having read the request to writing the answer, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Answers written.
    pub count: u64,
    /// Median; null without answers.
    pub p50: Option<u64>,
    /// 99th percentile.
    pub p99: Option<u64>,
    /// Largest.
    pub max: Option<u64>,
}

impl Hold {
    fn of(hist: &Hist) -> Self {
        let max = (!hist.is_empty()).then(|| hist.exact().max);
        Hold { count: hist.len(), p50: hist.quantile(0.5), p99: hist.quantile(0.99), max }
    }
}
