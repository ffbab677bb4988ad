//! Recorded conversations on disk: newline-delimited JSON, a head and then a line for each thing that happened.
//!
//! ```text
//! {"volley_trace":1,"made_by":"record","target":"wss://host/path","profile":"media-dm"}
//! {"at_ns":0,"conn":0,"role":"writer","open":{"path":"/ws?x=1","subprotocol":"chat"}}
//! {"at_ns":1200000,"conn":0,"sent":{"text":"{\"type\":\"message\"}"}}
//! {"at_ns":1900000,"conn":0,"got":{"binary":"AAEC"}}
//! {"at_ns":9900000,"conn":0,"close":{"by":"client","code":1000}}
//! ```
//!
//! Lines are ordered by `at_ns`, nanoseconds since the start of the trace. A trace made by hand may leave out `open` lines
//! (a connection begins with its first line), `got` lines, and `conn`, which is 0 then. [`Writer`] appends whole lines;
//! [`Reader`] hands them out one by one, holds none of them, and says of a bad one what is wrong, where, and what to do.
//! Knows nothing of profiles: what a frame means is found out elsewhere.

mod order;
mod pages;
mod read;
mod write;

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::Serialize;

pub use order::CONNS_MOST;
pub use pages::Pages;
pub use pages::Tape;
pub use read::Reader;
pub use read::Row;
pub use write::Writer;

/// Number of the format.
pub const FORMAT: u32 = 1;
/// Largest frame that the client sent, in bytes.
pub const FRAME_MOST: usize = 1 << 20;
/// Longest line in bytes, without the line break: a frame of the largest size in which every byte is escaped.
pub const LINE_MOST: usize = 8 << 20;

/// What begins the mark that stands in the place of a secret: `<secret:token:1>`.
pub const MARK: &str = "<secret:";

/// Whether a text is such a mark and nothing else.
pub fn is_mark(text: &str) -> bool {
    text.strip_prefix(MARK).and_then(|rest| rest.strip_suffix('>')).is_some_and(|name| !name.contains(['<', '>']))
}

/// The first line of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Number of the format, [`FORMAT`].
    pub volley_trace: u32,
    /// What made it: `record`, `hand`, ..
    pub made_by: String,
    /// Where the conversation was held, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The profile that describes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

impl Head {
    /// The head of a trace made by `made_by`.
    pub fn new(made_by: &str) -> Self {
        Head { volley_trace: FORMAT, made_by: made_by.to_owned(), target: None, profile: None }
    }
}

/// What one end said in one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A text message.
    Text(Cow<'a, str>),
    /// A binary one.
    Binary(Cow<'a, [u8]>),
}

impl Frame<'_> {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Frame::Text(text) => text.as_bytes(),
            Frame::Binary(bytes) => bytes,
        }
    }
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Who connected.
    Client,
    /// Who was connected to.
    Server,
}

/// Something that happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// It was opened.
    Open {
        /// Path and query.
        path: Option<Cow<'a, str>>,
        /// The subprotocol agreed on.
        subprotocol: Option<Cow<'a, str>>,
    },
    /// The client sent a message.
    Sent(Frame<'a>),
    /// The server did.
    Got(Frame<'a>),
    /// A close frame was sent.
    Close {
        /// By whom.
        by: Side,
        /// Its code.
        code: Option<u16>,
    },
}

/// One line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Nanoseconds since the start of the trace.
    pub at_ns: u64,
    /// Number of the connection.
    pub conn: u32,
    /// Role of the connection in the profile; needed once for each connection, and only where a profile has roles.
    pub role: Option<Cow<'a, str>>,
    /// What happened.
    pub event: Event<'a>,
}

/// What is wrong with a trace, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Number of the line, from 1; 0 when it is the file itself.
    pub line: u64,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl Mistake {
    /// A mistake in a line.
    pub fn new(line: u64, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Mistake { line, what: what.into(), hint: hint.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "{}. {}", self.what, self.hint)
    }
}

/// A line as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    at_ns: u64,
    #[serde(default)]
    conn: u32,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    role: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    open: Option<WrittenOpen<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    sent: Option<WrittenFrame<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    got: Option<WrittenFrame<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    close: Option<WrittenClose>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOpen<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    subprotocol: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenClose {
    by: Side,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenFrame<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    #[serde(borrow)]
    Binary(Cow<'a, str>),
}

impl<'a> Written<'a> {
    fn of(line: &'a Line<'_>) -> Self {
        let mut written = Written {
            at_ns: line.at_ns,
            conn: line.conn,
            role: line.role.as_deref().map(Cow::Borrowed),
            open: None,
            sent: None,
            got: None,
            close: None,
        };
        match &line.event {
            Event::Open { path, subprotocol } => {
                let borrowed = |text: &'a Option<Cow<'_, str>>| text.as_deref().map(Cow::Borrowed);
                written.open = Some(WrittenOpen { path: borrowed(path), subprotocol: borrowed(subprotocol) });
            }
            Event::Sent(frame) => written.sent = Some(WrittenFrame::of(frame)),
            Event::Got(frame) => written.got = Some(WrittenFrame::of(frame)),
            Event::Close { by, code } => written.close = Some(WrittenClose { by: *by, code: *code }),
        }
        written
    }

    /// The line it says.
    fn line(self) -> Result<Line<'a>, String> {
        let mut events = Vec::with_capacity(1);
        events.extend(self.open.map(|open| Event::Open { path: open.path, subprotocol: open.subprotocol }));
        if let Some(frame) = self.sent {
            events.push(Event::Sent(frame.frame()?));
        }
        if let Some(frame) = self.got {
            events.push(Event::Got(frame.frame()?));
        }
        events.extend(self.close.map(|close| Event::Close { by: close.by, code: close.code }));
        match events.pop() {
            Some(event) if events.is_empty() => Ok(Line { at_ns: self.at_ns, conn: self.conn, role: self.role, event }),
            Some(_) => Err("it says several things at once".into()),
            None => Err("it does not say what happened".into()),
        }
    }
}

impl<'a> WrittenFrame<'a> {
    fn of(frame: &'a Frame<'_>) -> Self {
        match frame {
            Frame::Text(text) => WrittenFrame::Text(Cow::Borrowed(text)),
            Frame::Binary(bytes) => WrittenFrame::Binary(Cow::Owned(STANDARD.encode(bytes))),
        }
    }

    fn frame(self) -> Result<Frame<'a>, String> {
        match self {
            WrittenFrame::Text(text) => Ok(Frame::Text(text)),
            WrittenFrame::Binary(text) => {
                let bytes = STANDARD.decode(text.as_bytes()).map_err(|e| format!("its binary is no base64: {e}"))?;
                Ok(Frame::Binary(Cow::Owned(bytes)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
