//! A profile compiled for play: indices instead of names, templates bound to the run's variables.
//! Immutable and shared by all clients of a run.

use std::collections::BTreeMap;

use crate::profile::Bound;
use crate::profile::Class;
use crate::profile::Profile;
use crate::profile::TagValue;
use crate::profile::Template;
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
}

/// A series of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Name.
    pub name: String,
    /// How answers are matched.
    pub class: Class,
    /// One line on what it is.
    pub about: String,
}

/// What one kind of message from the server means, by indices.
#[derive(Clone, Debug)]
pub(super) struct Meaning {
    /// Series it answers.
    pub(super) answers: Option<usize>,
    /// Member that holds the key of a keyed answer.
    pub(super) key: Option<String>,
    /// Reply it asks for.
    pub(super) reply: Option<usize>,
    /// Whether the load may begin.
    pub(super) ready: bool,
}

/// A reply, bound.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) text: Bound,
    pub(super) expects: Option<usize>,
}

/// A profile compiled for play.
#[derive(Clone, Debug)]
pub struct Script {
    /// Instants and bounds.
    pub bounds: Bounds,
    /// All series: those of the profile, then the built-in ones.
    pub series: Vec<Series>,
    /// Kinds of messages sent: the load, replies, then the built-in ones.
    pub out_kinds: Vec<String>,
    /// Kinds of messages received: the profile's, then the built-in ones.
    pub in_kinds: Vec<String>,
    /// Series of the load; `None` when no answer is expected in this dialect.
    pub load_series: Option<usize>,
    /// Whether a message has to come before the load begins.
    pub waits_for_ready: bool,
    pub(super) load: Bound,
    pub(super) pad_to: usize,
    pub(super) replies: Vec<Reply>,
    pub(super) meanings: Vec<Meaning>,
    pub(super) spellings: Vec<String>,
    pub(super) tags: Vec<(TagValue, usize)>,
}

/// Series that every profile has, after the profile's own.
const BUILT_IN_SERIES: [(&str, &str); 5] = [
    ("ws_ping", "WebSocket ping to pong: the server's WebSocket layer, not its application"),
    ("tcp_connect", "TCP connection made"),
    ("tls", "TLS handshake"),
    ("upgrade", "upgrade request written to 101 read"),
    ("ready", "101 read to the message that lets the load begin"),
];

/// Kinds of messages that every profile sends and receives besides its own.
const BUILT_IN_KINDS: [&str; 3] = ["ws_ping", "ws_pong", "close"];

impl Script {
    /// Compiles `profile` for `dialect` with the values of all its variables.
    ///
    /// # Errors
    /// A variable without a value, or a size that is not a number.
    pub fn compile(profile: &Profile, dialect: Option<&str>, vars: &BTreeMap<String, String>, bounds: Bounds) -> Result<Self, String> {
        let bind = |template: &Template| {
            template
                .bind(|name| vars.get(name).map(String::as_str))
                .map_err(|name| format!("variable `{name}` of profile `{}` has no value", profile.name))
        };
        let present = |series: Option<usize>| series.filter(|&s| profile.has_series(s, dialect));
        let mut replies = Vec::new();
        for rule in &profile.replies {
            replies.push(Reply { text: bind(&rule.text)?, expects: present(rule.expects) });
        }
        let meanings = profile.messages.iter().map(|rule| Meaning {
            answers: present(rule.answers),
            key: rule.key.clone(),
            reply: rule.reply,
            ready: rule.ready,
        });
        let tags = profile.messages.iter().enumerate().flat_map(|(kind, rule)| rule.tags.iter().map(move |tag| (tag.clone(), kind)));
        let pad_to = match &profile.load.pad_to {
            None => 0,
            Some(template) => size(&bind(template)?.text(0), &profile.name)?,
        };
        Ok(Script {
            bounds,
            series: all_series(profile),
            out_kinds: kinds(std::iter::once(&profile.load.name).chain(profile.replies.iter().map(|r| &r.name)), &BUILT_IN_KINDS),
            in_kinds: kinds(profile.messages.iter().map(|m| &m.name), &["ws_ping", "ws_pong", "close", "unknown"]),
            load_series: present(profile.load.expects),
            waits_for_ready: profile.messages.iter().any(|m| m.ready),
            load: bind(&profile.load.text)?,
            pad_to,
            replies,
            meanings: meanings.collect(),
            spellings: profile.tag.clone(),
            tags: tags.collect(),
        })
    }

    /// Numbers of series and kinds.
    pub fn width(&self) -> Width {
        Width { series: self.series.len(), out_kinds: self.out_kinds.len(), in_kinds: self.in_kinds.len() }
    }

    /// The phase an exchange belongs to by its due instant.
    #[inline]
    pub fn phase_of(&self, due: u64) -> Phase {
        if due >= self.bounds.measure_from && due < self.bounds.measure_until { Phase::Measure } else { Phase::Warmup }
    }

    /// Index of the series of WebSocket pings.
    pub fn ws_ping(&self) -> usize {
        self.series.len() - 5
    }

    /// Index of the series of TCP connections.
    pub fn tcp_connect(&self) -> usize {
        self.series.len() - 4
    }

    /// Index of the series of TLS handshakes.
    pub fn tls(&self) -> usize {
        self.series.len() - 3
    }

    /// Index of the series of upgrades.
    pub fn upgrade(&self) -> usize {
        self.series.len() - 2
    }

    /// Index of the series of openings.
    pub fn ready(&self) -> usize {
        self.series.len() - 1
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

fn all_series(profile: &Profile) -> Vec<Series> {
    let own = profile.series.iter().map(|s| Series { name: s.name.clone(), class: s.class, about: s.about.clone() });
    let built_in = BUILT_IN_SERIES.iter().map(|(name, about)| Series {
        name: (*name).to_owned(),
        class: if *name == "ws_ping" { Class::Keyed } else { Class::Single },
        about: (*about).to_owned(),
    });
    own.chain(built_in).collect()
}

fn kinds<'a>(own: impl Iterator<Item = &'a String>, built_in: &[&str]) -> Vec<String> {
    own.cloned().chain(built_in.iter().map(|k| (*k).to_owned())).collect()
}

fn size(text: &str, profile: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(size) if size <= 16 << 20 => Ok(size),
        _ => Err(format!("profile `{profile}`: `{text}` is not a size in bytes from 0 to 16777216")),
    }
}
