//! Conversations that tell each other things: what a protocol with rooms, games or streams is written in.
//!
//! A [`Story`] is one connection's side; what all of them share is the [`World`] of their protocol. What is said
//! to another connection is a [`Post`], delivered by the lane as soon as the story at hand has had its say.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde_json::Value;

use super::codec;
use super::config::Dialect;
use super::desk::Desk;
use super::fault::connection::Ending;
use super::kinds::Kind;
use super::kinds::Violation;
use super::line::Line;
use super::queue::Beat;
use super::settings::Settings;
use super::world::World;
use crate::units::Nanos;
use crate::wire::accept::Refusal;

/// Something said to another connection.
#[derive(Debug)]
pub(super) struct Post {
    /// Who is told.
    pub(super) to: u64,
    /// What.
    pub(super) what: Posted,
    /// How long it waits on its way, in nanoseconds.
    pub(super) after: u64,
}

/// What a connection is told.
#[derive(Debug)]
pub(super) enum Posted {
    /// A message.
    Message(Kind, u8, Vec<u8>),
    /// That it is over: a code and why.
    Close(u16, &'static str),
}

/// What a story sees while it has its say.
pub(super) struct Scene<'a> {
    desk: &'a mut Desk,
    line: &'a mut Line,
    /// What all connections share.
    pub(super) world: &'a mut World,
}

impl<'a> Scene<'a> {
    pub(super) fn new(desk: &'a mut Desk, line: &'a mut Line, world: &'a mut World) -> Self {
        Scene { desk, line, world }
    }

    /// What names this connection to others.
    pub(super) fn me(&self) -> u64 {
        self.line.token
    }

    /// Nanoseconds of server time.
    pub(super) fn now(&self) -> u64 {
        self.desk.now
    }

    /// What the server was told.
    pub(super) fn settings(&self) -> &Settings {
        &self.desk.config.settings
    }

    /// Whether documents are followed rather than running servers.
    pub(super) fn is_docs(&self) -> bool {
        self.desk.config.dialect == Dialect::Docs
    }

    /// A number below `bound`, drawn from the seed.
    pub(super) fn draw(&mut self, bound: u64) -> u64 {
        (self.line.random.unit() * bound as f64) as u64
    }

    /// Whether the fault `name` strikes this connection; it counts each time it shows.
    pub(super) fn odd(&mut self, name: &'static str) -> bool {
        let strikes = self.line.quirks.odd.contains(&name);
        if strikes {
            self.desk.counts.struck(name);
        }
        strikes
    }

    /// Counts a message that was read.
    pub(super) fn received(&mut self, kind: Kind) {
        self.desk.counts.received(kind);
    }

    /// Counts what a client must not do.
    pub(super) fn violated(&mut self, what: Violation) {
        self.desk.counts.violated(what);
    }

    /// Answers what is being handled: laws of delay and faults of answers apply.
    pub(super) fn answer(&mut self, kind: Kind, message: &Value) {
        self.desk.answer(self.line, kind, codec::TEXT, message.to_string().as_bytes());
    }

    /// The same in a binary message.
    pub(super) fn answer_binary(&mut self, kind: Kind, bytes: &[u8]) {
        self.desk.answer(self.line, kind, codec::BINARY, bytes);
    }

    /// Says something that nobody asked for; no law of delay applies.
    pub(super) fn news(&mut self, kind: Kind, message: &Value) {
        self.desk.news(self.line, kind, codec::TEXT, message.to_string().as_bytes());
    }

    /// Says something to another connection; to this one too.
    pub(super) fn post(&mut self, to: u64, kind: Kind, message: &Value) {
        let what = Posted::Message(kind, codec::TEXT, message.to_string().into_bytes());
        self.desk.posts.push_back(Post { to, what, after: 0 });
    }

    /// Closes another connection.
    pub(super) fn close_other(&mut self, to: u64, code: u16, reason: &'static str) {
        self.desk.posts.push_back(Post { to, what: Posted::Close(code, reason), after: 0 });
    }

    /// Closes, after everything said before.
    pub(super) fn close(&mut self, code: u16, reason: &str) {
        self.desk.close(self.line, Some(code), reason);
    }

    /// Ends the connection without a Close, as handlers do that return or fail.
    pub(super) fn end(&mut self) {
        self.desk.end(self.line, Ending::Fin);
    }

    /// Wakes the story with beat number `beat`, so many nanoseconds from now.
    pub(super) fn wake(&mut self, after: u64, beat: u8) {
        let at = self.desk.now + after.max(1);
        self.desk.wake(self.line, at, Beat::Story(beat));
    }
}

/// One connection's side of a protocol.
pub(super) trait Story: Debug + Send {
    /// The handshake is done.
    fn opened(&mut self, scene: &mut Scene<'_>);

    /// A text message came; it is JSON if `message` is there.
    fn text(&mut self, scene: &mut Scene<'_>, message: Option<&Value>);

    /// A binary message came.
    fn binary(&mut self, scene: &mut Scene<'_>, bytes: &[u8]);

    /// Beat number `beat` came round.
    fn beat(&mut self, scene: &mut Scene<'_>, beat: u8);

    /// The connection is over; nothing can be said any more.
    fn gone(&mut self, world: &mut World, me: u64);
}

/// A plain HTTP request.
pub(super) struct Call<'a> {
    /// Method.
    pub(super) method: &'a str,
    /// Path.
    pub(super) path: &'a str,
    /// Query, taken apart.
    pub(super) query: BTreeMap<String, String>,
    /// A header, by its lower-case name.
    pub(super) header: &'a dyn Fn(&str) -> Option<String>,
    /// JSON body; null when there is none.
    pub(super) body: Value,
    /// Nanoseconds of server time.
    pub(super) now: u64,
    /// What the server was told.
    pub(super) settings: &'a Settings,
    /// Whether documents are followed.
    pub(super) docs: bool,
}

/// The values of a query, with their escapes undone as far as they are ASCII.
pub(super) fn query(text: Option<&str>) -> BTreeMap<String, String> {
    let pairs = text.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), unescaped(value))).collect()
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let byte = rest.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(u8::is_ascii) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &rest[at + 3..];
            }
            None => {
                out.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

/// This instant as servers write it.
pub(super) fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// The instant `after` from now.
pub(super) fn later(after: Nanos) -> String {
    (jiff::Timestamp::now() + after.to_std()).to_string()
}

/// An answer in JSON.
pub(super) fn json(status: u16, body: &Value) -> Refusal {
    Refusal { status, headers: vec![("content-type", "application/json".into())], body: body.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_taken_apart() {
        let found = query(Some("token=a%2Fb&x&y=%zz&z="));
        let wanted = [("token", "a/b"), ("y", "%zz"), ("z", "")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(found, wanted.into_iter().collect());
    }
}
