//! A recorder between a client and its server: passes bytes on as they are, and writes down what was said.
//!
//! ```text
//!  client <--> door: pump <--> target           bytes, at once and unchanged
//!                |  a copy, with its instant
//!                v
//!              post (bounded) --> scribe: ear --> veil --> trace
//! ```
//!
//! Only the head of a request is changed: host, origin, path prefix, and no extension is asked for, so that frames can be read.
//! Everything else is understood from the copy, in a thread of its own: whatever becomes of the recording, the traffic goes on.
//! Prints nothing; what somebody should hear is a [`Notice`].

mod door;
mod ear;
mod head;
mod paper;
mod post;
mod scribe;

use std::fmt;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Notify;

pub use head::Target;

use crate::trace::Head;
use crate::units::bytes_text;
use crate::units::grouped;
use crate::wire::Clock;
use crate::wire::Opening;

/// Takes secrets out of what is written down. What it has seen it knows from then on.
pub trait Veil: Send {
    /// A header of a request for a connection, or of its answer.
    fn header(&mut self, name: &str, value: &[u8]);
    /// A path with its query.
    fn path(&mut self, path: &str) -> String;
    /// A text.
    fn text(&mut self, text: &str) -> String;
    /// Bytes that need not be text.
    fn bytes(&mut self, bytes: &[u8]) -> Vec<u8>;
    /// Secrets replaced so far.
    fn replaced(&self) -> u64;
}

/// What a recorder does.
pub struct Config {
    /// What is asked for at the target.
    pub target: Target,
    /// How it is reached; its clock is that of the trace.
    pub opening: Opening,
    /// The first line of the trace.
    pub head: Head,
    /// Largest message that is written down, in bytes.
    pub message_cap: usize,
    /// Takes secrets out.
    pub veil: Box<dyn Veil>,
    /// Hears what people should know at once. Called from several threads.
    pub tell: Arc<dyn Fn(Notice) + Send + Sync>,
}

/// What people should know while a recorder is at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The target was not reached; may hold what a server said.
    Unreached(String),
    /// The target did not take the upgrade, with this status.
    Refused(u16),
    /// A request that is not passed on, and why.
    Odd(String),
    /// The recording of a connection has ended before the connection: its number in the trace, and why.
    Left(u32, String),
    /// Nothing more is recorded, and why.
    Stopped(String),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Unreached(why) => write!(f, "the target was not reached, and the client was told so (502): {why}"),
            Notice::Refused(status) => write!(f, "the target answered the upgrade with HTTP {status}; the client got that answer"),
            Notice::Odd(why) => write!(f, "a request was refused: {why}"),
            Notice::Left(conn, why) => write!(f, "connection {conn} is not recorded from here on, and goes on: {why}"),
            Notice::Stopped(why) => write!(f, "the recording has stopped: {why}. The traffic goes on; what was recorded before is whole"),
        }
    }
}

/// What a recorder saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Connections that were opened.
    pub connections: u64,
    /// Upgrades that the target refused, or did not answer before its connection ended.
    pub refused: u64,
    /// Clients for whom the target was not reached, or that asked for what cannot be passed on.
    pub failed: u64,
    /// Requests over HTTP that were passed on, and are not in the trace.
    pub plain: u64,
    /// Messages of clients in the trace.
    pub sent: u64,
    /// Messages of the server in the trace.
    pub got: u64,
    /// Bytes of clients that were passed on, heads and frames.
    pub bytes_out: u64,
    /// Bytes of the server.
    pub bytes_in: u64,
    /// Connections whose recording ended before they did.
    pub left: u64,
    /// Bytes that were passed on after the recording had stopped.
    pub unrecorded: u64,
    /// Secrets replaced.
    pub secrets: u64,
    /// Why nothing was recorded any more.
    pub stopped: Option<String>,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = grouped;
        write!(
            f,
            "{} connections, {} messages sent and {} got, {} and {}; {} secrets replaced",
            n(self.connections),
            n(self.sent),
            n(self.got),
            bytes_text(self.bytes_out),
            bytes_text(self.bytes_in),
            n(self.secrets)
        )?;
        let more = [
            (self.refused, "upgrades refused or not answered by the target"),
            (self.failed, "requests not passed on"),
            (self.plain, "requests over HTTP passed on, not recorded"),
            (self.left, "connections not recorded to their end"),
        ];
        more.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, what)| write!(f, "; {} {what}", n(*count)))?;
        if self.unrecorded > 0 {
            write!(f, "; {} passed on after the recording had stopped", bytes_text(self.unrecorded))?;
        }
        Ok(())
    }
}

/// Takes connections at `listener` and records them into `file` until `stop` is notified; what was seen.
///
/// # Errors
/// When the runtime or the thread cannot be made, or the trace cannot be begun.
pub fn serve(config: Config, listener: TcpListener, file: File, stop: &Notify) -> io::Result<Account> {
    let Config { target, opening, head, message_cap, veil, tell } = config;
    let paper = paper::Paper::begin(file, &head)?;
    let clock: Clock = opening.clock;
    let (post, mail) = post::post(clock, tell.clone());
    let scribe = scribe::Scribe::new(paper, veil, message_cap, tell.clone(), mail);
    let writing = std::thread::Builder::new().name("scribe".into()).spawn(move || scribe.write())?;
    let passed = door::run(door::Door::new(target, opening, post, tell), listener, stop);
    let written = writing.join().map_err(|_| io::Error::other("the scribe has panicked"))?;
    let passed = passed?;
    Ok(Account { failed: passed.failed, plain: passed.plain, bytes_out: passed.bytes_out, bytes_in: passed.bytes_in, ..written })
}
