//! The vocabulary of a conversation: classes of series, what a message of the server means, and what
//! a client says, besides its load, of its own accord or because it was asked.

use serde::Deserialize;
use serde::Serialize;

use super::template::Template;
use crate::units::Nanos;

/// How answers of a series are matched to requests. Every figure shown carries its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The answer carries a value the client chose; always valid.
    Keyed,
    /// At most one request is outstanding by construction.
    Single,
    /// The n-th answer is paired with the n-th request; valid only if the server answers each
    /// exactly once and in order, which the run checks and flags.
    Fifo,
    /// A probe whose answer proves that everything sent before it on the connection was handled: an
    /// upper bound, no acknowledgement.
    Barrier,
    /// Sent on one connection, seen on another of the same group and on the same clock.
    Cross,
    /// Later arrivals of one broadcast among the clients of a group, counted from the first.
    Spread,
    /// A number that the server computed and sent.
    ServerReported,
    /// The interval between periodic messages that nobody asked for.
    Cadence,
}

impl Class {
    /// All of them, in the order of lists.
    pub const ALL: &'static [Class] =
        &[Class::Keyed, Class::Single, Class::Fifo, Class::Barrier, Class::Cross, Class::Spread, Class::ServerReported, Class::Cadence];

    /// Its name in profiles and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Keyed => "keyed",
            Class::Single => "single",
            Class::Fifo => "fifo",
            Class::Barrier => "barrier",
            Class::Cross => "cross",
            Class::Spread => "spread",
            Class::ServerReported => "server-reported",
            Class::Cadence => "cadence",
        }
    }

    /// Whether something the client sends opens its exchanges.
    pub const fn is_opened(self) -> bool {
        !matches!(self, Class::Spread | Class::ServerReported | Class::Cadence)
    }
}

/// One value of the tag member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagValue {
    /// A whole number.
    Number(i64),
    /// A name, compared exactly.
    Name(String),
}

/// Where a value stands in a JSON message: the members and indices on the way to it. A name in a
/// profile is a top-level member; a text that begins with `/` is a pointer (RFC 6901), of which each step
/// is a member, or an index where there is an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The steps, at least one.
    pub steps: Vec<String>,
}

impl Pointer {
    /// Reads a member's name or a pointer; `None` when it names nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let steps: Vec<String> = match text.strip_prefix('/') {
            None => vec![text.to_owned()],
            Some(rest) => rest.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect(),
        };
        (!text.is_empty() && text != "/").then_some(Pointer { steps })
    }
}

/// For whom a rule holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// Roles by index; empty for all.
    pub roles: Vec<usize>,
    /// Dialects; empty for all.
    pub dialects: Vec<String>,
    /// States of the client, 0 for the one it begins in, n for `Profile::states[n - 1]`; empty for all.
    pub states: Vec<usize>,
    /// It holds only in runs in which this variable has this value; no variable means always.
    pub when: Option<(String, String)>,
}

impl Only {
    /// Whether it holds for clients of `role` in `dialect`, with the values of variables that `value` knows.
    pub fn admits<'v>(&self, role: usize, dialect: Option<&str>, value: impl Fn(&str) -> Option<&'v str>) -> bool {
        let here = self.dialects.is_empty() || dialect.is_some_and(|d| self.dialects.iter().any(|x| x == d));
        let now = self.when.as_ref().is_none_or(|(name, wanted)| value(name) == Some(wanted));
        here && now && (self.roles.is_empty() || self.roles.contains(&role))
    }
}

/// One side of a group: clients that behave alike.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleRule {
    /// Name in reports.
    pub name: String,
    /// How many clients of a group have it: a whole number, or a variable.
    pub count: Template,
    /// Address that takes the place of the endpoint's.
    pub url: Option<Template>,
}

impl RoleRule {
    /// The role of a profile without roles: every client is a group of its own.
    pub fn alone() -> Self {
        RoleRule { name: "client".into(), count: Template::parse("1"), url: None }
    }
}

/// A number of the server that is recorded as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauge {
    /// Its series, by index into `Profile::series`.
    pub series: usize,
    /// Where it stands.
    pub value: Pointer,
    /// Nanoseconds that one of it means.
    pub unit: u64,
}

/// What one kind of message from the server means. The first rule that fits a message is the one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageRule {
    /// Kind of the message in counts.
    pub name: String,
    /// For whom it holds.
    pub only: Only,
    /// Tag values that mark it; empty when the profile has no tag, or for a binary message.
    pub tags: Vec<TagValue>,
    /// Whether it is a binary message; such a message is not read.
    pub binary: bool,
    /// Values that further members must have, as text: numbers and flags as JSON writes them, `*` for
    /// any value but null.
    pub conditions: Vec<(Pointer, String)>,
    /// Series it answers, by index into `Profile::series`.
    pub answers: Vec<usize>,
    /// For keyed and cross series and for spread: where the key stands, a number or a text that ends in one.
    pub key: Option<Pointer>,
    /// Whether it is an error that takes the place of the answer.
    pub error: bool,
    /// What the client says at once, by index into `Profile::replies`.
    pub reply: Option<usize>,
    /// Whether it tells that the load may begin.
    pub ready: bool,
    /// Series of class single whose exchange begins with it.
    pub opens: Vec<usize>,
    /// Series of class single whose open exchange ends with it without being an answer or a loss.
    pub cancels: Vec<usize>,
    /// Captures taken from it: index into `Profile::captures`, and where the value stands.
    pub captures: Vec<(usize, Pointer)>,
    /// Number recorded from it.
    pub gauge: Option<Gauge>,
    /// Series of class cadence that its intervals go to.
    pub cadence: Option<usize>,
    /// Series of class spread that later arrivals within the group go to.
    pub spread: Option<usize>,
    /// State the client is in from then on.
    pub then: Option<usize>,
}

impl MessageRule {
    /// Whether nothing stands in the message that the rule would look for.
    pub fn reads_nothing(&self) -> bool {
        self.conditions.is_empty() && self.key.is_none() && self.captures.is_empty() && self.gauge.is_none()
    }
}

/// How a message of the client is made.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// A text message.
    Text(Template),
    /// A binary message of bytes written as hexadecimal digits; slots in it are filled first.
    Hex(Template),
    /// A binary message of generated sound: 16 kHz mono PCM of 16 bits, little-endian; its size in bytes.
    Audio(Template),
}

impl Default for Payload {
    fn default() -> Self {
        Payload::Text(Template::default())
    }
}

impl Payload {
    /// Its template.
    pub fn template(&self) -> &Template {
        match self {
            Payload::Text(template) | Payload::Hex(template) | Payload::Audio(template) => template,
        }
    }
}

/// What the client says besides its load: at the start, because a message asks for it, or at a beat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplyRule {
    /// Kind of the message sent.
    pub name: String,
    /// For whom it holds.
    pub only: Only,
    /// The message.
    pub payload: Payload,
    /// An HTTP request made in its place, by index into `Profile::https`.
    pub http: Option<usize>,
    /// Series whose exchanges it opens, by index into `Profile::series`.
    pub expects: Vec<usize>,
    /// Whether it is sent as soon as the connection is open.
    pub start: bool,
    /// What is said right behind it, by index into `Profile::replies`.
    pub next: Option<usize>,
    /// State the client is in from then on.
    pub then: Option<usize>,
}

/// When something periodic is said.
#[derive(Clone, Debug, PartialEq)]
pub enum Every {
    /// Always after the same time.
    Fixed(Nanos),
    /// After as many milliseconds as the server said, by index into `Profile::captures`; at least a second.
    Captured {
        /// Index of the capture.
        capture: usize,
        /// What is taken when the server said none.
        default: Nanos,
    },
}

/// From when on a beat beats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// From the opening of the connection.
    Open,
    /// From when the load may begin.
    Ready,
    /// From a message of this kind, by index into `Profile::messages`.
    Message(usize),
}

/// What happens when the answer to a beat has not come by the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The beat is skipped, and asked again at the next.
    Skip,
    /// The connection is closed, and made again as the profile says.
    Close,
}

/// Something the client says periodically.
#[derive(Clone, Debug, PartialEq)]
pub struct BeatRule {
    /// Name in the profile.
    pub name: String,
    /// What it says, by index into `Profile::replies`.
    pub reply: usize,
    /// How often.
    pub every: Every,
    /// From when on.
    pub from: From,
    /// The first beat comes after this share of the interval, drawn evenly from the seed: from 0 to `jitter`
    /// when above 0, after the whole interval when 0.
    pub jitter: f64,
    /// Most beats of one connection; 0 for no bound.
    pub times: u64,
    /// When its answer has not come by the next beat.
    pub lost: Lost,
}

/// When an HTTP request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpAt {
    /// Before each connection.
    Connect,
    /// When a load or a reply asks for it.
    Asked,
}

/// An HTTP request to the target's host.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpRule {
    /// Name, and the name of its kind in counts.
    pub name: String,
    /// For whom it holds.
    pub only: Only,
    /// When it is made.
    pub at: HttpAt,
    /// Method.
    pub method: String,
    /// Path and query, or an address of its own that begins with `http://` or `https://`.
    pub url: Template,
    /// Headers in order.
    pub headers: Vec<(String, Template)>,
    /// Body.
    pub body: Option<Template>,
    /// Series of its round trips, of class single.
    pub series: Option<usize>,
    /// Captures taken from the JSON body of its answer.
    pub captures: Vec<(usize, Pointer)>,
}

/// How a client that came back asks for what it missed, and how that is audited.
#[derive(Clone, Debug, PartialEq)]
pub struct ResumeRule {
    /// For whom it holds.
    pub only: Only,
    /// Kind of the message that carries the position, by index into `Profile::messages`.
    pub message: usize,
    /// Where the position stands in it: a whole number that grows.
    pub position: Pointer,
    /// What is asked, by index into `Profile::replies`; slots `{after}` and `{before}`, both exclusive.
    pub ask: usize,
    /// Series from the asking to the first message replayed, of class single.
    pub first: Option<usize>,
    /// Series from the asking to each message replayed, of class single.
    pub each: Option<usize>,
}
