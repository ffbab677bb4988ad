//! What a protocol says: endpoint, opening, loads, how answers are recognised, replies.
//!
//! Plain data without any number of load and without I/O. Made from TOML by [`load`]; what a
//! message looks like is in [`template`], the vocabulary of matching in [`rule`]. Mistakes are shown
//! by [`diagnose`], keys listed in [`schema`], variables given values by [`vars`]. The profiles in
//! the binary are in [`shipped`]; the transcripts that prove them are read by [`talk`].

mod address;
mod check;
pub mod chess;
mod conform;
pub mod diagnose;
mod exchange;
mod hearing;
pub mod load;
mod names;
mod reconnect;
mod roles;
pub mod rule;
mod saying;
pub mod schema;
mod sending;
pub mod shipped;
pub mod sound;
pub mod talk;
pub mod template;
mod there;
mod tree;
mod uuid;
pub mod vars;

use std::collections::BTreeMap;

use crate::units::Nanos;
pub use diagnose::Mistake;
pub use diagnose::Mistakes;
pub use names::hint;
pub use reconnect::Backoff;
pub use reconnect::CloseRule;
pub use reconnect::POLICY_CODE;
pub use reconnect::Reconnect;
pub use rule::BeatRule;
pub use rule::Class;
pub use rule::Every;
pub use rule::From;
pub use rule::Gauge;
pub use rule::HttpAt;
pub use rule::HttpRule;
pub use rule::Lost;
pub use rule::MessageRule;
pub use rule::Only;
pub use rule::Payload;
pub use rule::Pointer;
pub use rule::ReplyRule;
pub use rule::ResumeRule;
pub use rule::RoleRule;
pub use rule::TagValue;
pub use sending::pad_sizes;
pub use template::Bound;
pub use template::Fill;
pub use template::Slot;
pub use template::Template;
pub use template::Value;
pub use tree::Span;

/// One protocol, checked: every name it mentions exists.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Name users type.
    pub name: String,
    /// One line for lists.
    pub about: String,
    /// Dialects, the first is the default; empty when there is only one way to speak.
    pub dialects: Vec<String>,
    /// Real-world effect of the messages, for the user to read before a run.
    pub harm: Option<String>,
    /// Where to connect.
    pub endpoint: Endpoint,
    /// Variables by name.
    pub vars: BTreeMap<String, Var>,
    /// How often each client sends a WebSocket ping; `None` for never.
    pub ping_every: Option<Nanos>,
    /// When a client whose connection ended comes back.
    pub reconnect: Reconnect,
    /// Close codes with a meaning of their own, in the order of the file.
    pub closes: Vec<CloseRule>,
    /// Series in the order of the file; `ws_ping` is not among them.
    pub series: Vec<SeriesRule>,
    /// Roles in the order of the file, at least one: a profile without roles has one, `client`, alone in its group.
    pub roles: Vec<RoleRule>,
    /// States that a client can be in besides the one it begins in, which is 0; state n is `states[n - 1]`.
    pub states: Vec<String>,
    /// Spellings of the member that names the kind of a message; empty when there is one kind only.
    pub tag: Vec<String>,
    /// What the server may say, in the order of the file.
    pub messages: Vec<MessageRule>,
    /// Names of values taken from messages and answers of HTTP, for slots.
    pub captures: Vec<String>,
    /// What the client says besides its load, in the order of the file.
    pub replies: Vec<ReplyRule>,
    /// What the client says periodically.
    pub beats: Vec<BeatRule>,
    /// HTTP requests.
    pub https: Vec<HttpRule>,
    /// How what was missed is asked for.
    pub resume: Option<ResumeRule>,
    /// What is sent at the client's rate: at most one for each role and dialect, at least one in all.
    pub loads: Vec<LoadRule>,
    /// Limits that hold in every run, in the words of `--limit`.
    pub limits: Vec<String>,
    /// The TOML it was made from.
    pub text: String,
}

/// Where to connect.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// `ws://host/path?query` with variables.
    pub url: Template,
    /// Headers of the upgrade, in order.
    pub headers: Vec<(String, Template)>,
    /// Subprotocol asked for.
    pub subprotocol: Option<String>,
    /// Series of class single whose exchange begins when the connection is open.
    pub opens: Vec<usize>,
}

/// A variable of the profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Var {
    /// Value when neither `--set` nor the environment gives one.
    pub default: Option<String>,
    /// Defaults of dialects where they differ.
    pub by_dialect: BTreeMap<String, String>,
    /// Name of the environment variable that gives it.
    pub env: Option<String>,
    /// One line for help.
    pub about: String,
    /// Whether its value must never be written anywhere.
    pub secret: bool,
    /// The only value with which messages do no harm; `None` where any does none.
    pub harmless: Option<String>,
}

/// A series of exchanges.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesRule {
    /// Name in reports.
    pub name: String,
    /// How answers are matched to requests.
    pub class: Class,
    /// One line for reports.
    pub about: String,
    /// Dialects in which it exists; empty for all.
    pub dialects: Vec<String>,
}

/// What is sent at the client's rate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadRule {
    /// Kind of the message sent.
    pub name: String,
    /// For whom it holds; in other states a send that falls due is not offered.
    pub only: Only,
    /// The message.
    pub payload: Payload,
    /// An HTTP request made in its place, by index into [`Profile::https`].
    pub http: Option<usize>,
    /// Size in bytes that the `{pad}` slot fills the message up to; a number or a variable.
    pub pad_to: Option<Template>,
    /// Series whose exchanges this opens, by index into [`Profile::series`]; by the first of them sends count as
    /// answered.
    pub expects: Vec<usize>,
    /// What is said right behind it, by index into [`Profile::replies`].
    pub next: Option<usize>,
    /// State the client is in from then on.
    pub then: Option<usize>,
}

impl Profile {
    /// The dialect to speak: the one asked for, else the default.
    ///
    /// # Errors
    /// When the profile has no such dialect.
    pub fn dialect(&self, asked: Option<&str>) -> Result<Option<&str>, String> {
        match asked {
            None => Ok(self.dialects.first().map(String::as_str)),
            Some(name) => match self.dialects.iter().find(|d| *d == name) {
                Some(dialect) => Ok(Some(dialect)),
                None if self.dialects.is_empty() => Err(format!("profile `{}` has no dialects; leave --dialect away", self.name)),
                None => Err(format!("profile `{}` has no dialect `{name}`; it has {}", self.name, self.dialects.join(", "))),
            },
        }
    }

    /// Whether series `index` exists in `dialect`.
    pub fn has_series(&self, index: usize, dialect: Option<&str>) -> bool {
        let rule = &self.series[index];
        rule.dialects.is_empty() || dialect.is_some_and(|d| rule.dialects.iter().any(|x| x == d))
    }

    /// All templates of what goes to the server besides address and headers.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let loads = self.loads.iter().map(|load| load.payload.template());
        let replies = self.replies.iter().map(|reply| reply.payload.template());
        let roles = self.roles.iter().filter_map(|role| role.url.as_ref());
        let https =
            self.https.iter().flat_map(|http| [&http.url].into_iter().chain(&http.body).chain(http.headers.iter().map(|(_, value)| value)));
        loads.chain(replies).chain(roles).chain(https)
    }
}
