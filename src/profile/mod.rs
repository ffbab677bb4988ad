//! What a protocol says: endpoint, opening, loads, how answers are recognised, replies.
//!
//! Plain data without any number of load and without I/O. Made from TOML by [`load`]; what a
//! message looks like is in [`template`], the vocabulary of matching in [`rule`]. Mistakes are shown
//! by [`diagnose`], keys listed in [`schema`], variables given values by [`vars`]. The profiles in
//! the binary are in [`shipped`]; the transcripts that prove them are read by [`talk`].

mod address;
mod check;
mod conform;
pub mod diagnose;
mod exchange;
pub mod load;
mod names;
mod reconnect;
pub mod rule;
pub mod schema;
mod sending;
pub mod shipped;
pub mod talk;
pub mod template;
mod tree;
pub mod vars;

use std::collections::BTreeMap;

use crate::units::Nanos;
pub use diagnose::Mistake;
pub use diagnose::Mistakes;
pub use reconnect::Backoff;
pub use reconnect::CloseRule;
pub use reconnect::POLICY_CODE;
pub use reconnect::Reconnect;
pub use rule::Class;
pub use rule::MessageRule;
pub use rule::TagValue;
pub use template::Bound;
pub use template::Template;
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
    /// Spellings of the member that names the kind of a message; empty when there is one kind only.
    pub tag: Vec<String>,
    /// What the server may say, in the order of the file.
    pub messages: Vec<MessageRule>,
    /// What the client answers at once, by name.
    pub replies: Vec<ReplyRule>,
    /// What is sent at the client's rate.
    pub load: LoadRule,
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
}

/// A variable of the profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Var {
    /// Value when neither `--set` nor the environment gives one.
    pub default: Option<String>,
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

/// What the client sends at once when a message asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplyRule {
    /// Kind of the message sent.
    pub name: String,
    /// The message.
    pub text: Template,
    /// Series whose exchange this opens, by index into [`Profile::series`].
    pub expects: Option<usize>,
}

/// What is sent at the client's rate.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadRule {
    /// Kind of the message sent.
    pub name: String,
    /// The message.
    pub text: Template,
    /// Size in bytes that the `{pad}` slot fills the message up to; a number or a variable.
    pub pad_to: Option<Template>,
    /// Series whose exchange this opens, by index into [`Profile::series`].
    pub expects: Option<usize>,
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
}
