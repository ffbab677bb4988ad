//! The vocabulary of matching: classes of series and what a message of the server means.

use serde::Deserialize;
use serde::Serialize;

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
}

impl Class {
    /// Its name in profiles and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Keyed => "keyed",
            Class::Single => "single",
            Class::Fifo => "fifo",
        }
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

/// What one kind of message from the server means.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageRule {
    /// Kind of the message in counts.
    pub name: String,
    /// Tag values that mark it; empty only when the profile has no tag.
    pub tags: Vec<TagValue>,
    /// Series it answers, by index into `Profile::series`.
    pub answers: Option<usize>,
    /// For a keyed series: the top-level member that holds the key.
    pub key: Option<String>,
    /// Whether it is an error that takes the place of the answer.
    pub error: bool,
    /// Reply it asks for, by index into `Profile::replies`.
    pub reply: Option<usize>,
    /// Whether it tells that the load may begin.
    pub ready: bool,
}
