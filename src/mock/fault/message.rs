//! Faults of answers: whether they come, how often, in which order, and what they hold.
//!
//! Names and arguments; the bodies are in [`faulty`](super::super::faulty).

use super::Fault;
use super::Row;
use super::frame::Framing;
use crate::mock::codec::BINARY;
use crate::mock::codec::TEXT;
use crate::mock::config::Protocol;
use crate::units::bytes_from;

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::mock) enum Answer {
    /// Dropped.
    Drop,
    /// Sent twice.
    Twice,
    /// Changes places with the next one of its connection.
    Reorder,
    /// Comes as binary.
    Binary,
    /// Comes as text.
    Text,
    /// Its own message, changed.
    Edited(Edit),
    /// Another message in its place.
    Replaced(Body),
    /// In frames of another kind.
    Framed(Framing),
}

impl Answer {
    /// Whether an answer of `opcode` with `body` can show it.
    pub(in crate::mock) fn fits(self, opcode: u8, body: &[u8]) -> bool {
        match self {
            Answer::Binary => opcode == TEXT,
            Answer::Text => opcode == BINARY,
            Answer::Edited(_) => body.starts_with(b"{\""),
            _ => true,
        }
    }
}

/// A change to an answer's own JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mock) enum Edit {
    /// A member that nobody knows, at the front.
    ExtraFields,
    /// The first key in capitals.
    KeyCase,
    /// The first key twice, with another value before.
    DuplicateKeys,
}

/// A message in the place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mock) enum Body {
    /// A type that nobody knows.
    UnknownType,
    /// Without the members of an answer.
    MissingFields,
    /// Null for the values.
    NullData,
    /// Values of other JSON types.
    WrongType,
    /// 2^64 - 1 for the value.
    Number64,
    /// A fraction for the value.
    Fraction,
    /// Half of a surrogate pair.
    Surrogate,
    /// Nested arrays.
    DeepNesting,
    /// Text that is not UTF-8.
    BadUtf8,
    /// No bytes.
    Empty,
    /// `[]`.
    EmptyArray,
    /// A bare number.
    Scalar,
    /// A JSON text of this many bytes.
    Huge(usize),
    /// The error of this number.
    Error(u16),
}

const fn row(name: &'static str, about: &'static str, answer: Answer) -> Row {
    Row::plain(name, about, Fault::Answer(answer))
}

const fn body(name: &'static str, about: &'static str, body: Body) -> Row {
    row(name, about, Answer::Replaced(body))
}

/// Faults of answers as messages.
pub(super) const ROWS: &[Row] = &[
    row("no_ack", "dropped", Answer::Drop),
    row("ack_dup", "sent twice", Answer::Twice),
    row("ack_reorder", "two consecutive answers of a connection change places", Answer::Reorder),
    Row::with("error_instead", "150", "replaced by the error 150 to 155, 200 or 201", |arg| {
        let number = arg.parse().ok().filter(|n| matches!(n, 150..=155 | 200 | 201));
        number.map(|number| Fault::Answer(Answer::Replaced(Body::Error(number))))
    })
    .only(Protocol::OpenShockLive),
    row("extra_fields", "has a member that nobody knows", Answer::Edited(Edit::ExtraFields)),
    row("key_case", "its first key is in capitals", Answer::Edited(Edit::KeyCase)),
    row("duplicate_keys", "its first key is there twice, with another value before", Answer::Edited(Edit::DuplicateKeys)),
    body("unknown_type", "replaced by a message of an unknown type", Body::UnknownType),
    body("missing_fields", "lacks its members", Body::MissingFields),
    body("null_data", "has null for its values", Body::NullData),
    body("wrong_json_type", "has values of other JSON types", Body::WrongType),
    body("number_64bit", "has 2^64 - 1 for its first value", Body::Number64),
    body("number_fraction", "has 0.5 for its first value", Body::Fraction),
    body("lone_surrogate", "has half of a surrogate pair in a string", Body::Surrogate),
    body("deep_nesting", "replaced by 10,000 nested arrays", Body::DeepNesting),
    body("bad_utf8", "a text that is not UTF-8", Body::BadUtf8),
    body("empty_message", "a text of no bytes", Body::Empty),
    body("empty_array", "replaced by []", Body::EmptyArray),
    body("bare_scalar", "replaced by a bare number", Body::Scalar),
    Row::with("huge", "1MiB", "replaced by a text of this many bytes, 16 to 256 MiB", |arg| {
        let bytes = bytes_from(arg).ok().filter(|n| (16..=256 << 20).contains(n));
        bytes.map(|bytes| Fault::Answer(Answer::Replaced(Body::Huge(bytes as usize))))
    }),
    row("binary_for_text", "a text comes in a binary frame", Answer::Binary),
    row("text_for_binary", "a binary message comes in a text frame", Answer::Text).only(Protocol::Echo),
];
