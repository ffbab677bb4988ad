//! Makes a trace of what the post brings: the answer to each upgrade, then the messages of both sides, without secrets. The only
//! one that waits for the disk.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use super::Account;
use super::Notice;
use super::Veil;
use super::ear;
use super::ear::Ear;
use super::ear::Heard;
use super::head;
use super::head::Asked;
use super::paper::Paper;
use super::post::Letter;
use super::post::Mail;
use super::post::What;
use crate::trace::CONNS_MOST;
use crate::trace::Event;
use crate::trace::Frame;
use crate::trace::Line;
use crate::trace::Side;

/// Most bytes held of unfinished messages of all connections.
const HELD_MOST: usize = 64 << 20;
/// What is added to the niceness of its thread.
const MAKES_WAY: i32 = 10;
/// How long letters gather before it looks again.
const REST: Duration = Duration::from_millis(20);
/// How long it waits for a letter before it looks again.
const PATIENCE: Duration = Duration::from_secs(1);

/// A connection as the scribe knows it.
enum Talk {
    /// Asked for; the answer so far, and what the client said meanwhile.
    Asked { asked: Box<Asked>, answer: Vec<u8>, early: Vec<u8> },
    /// Recorded.
    Open(Ears),
    /// Nothing of it is recorded any more.
    Over,
}

/// Both sides of a connection that is recorded.
struct Ears {
    /// Its number in the trace.
    conn: u32,
    client: Ear,
    server: Ear,
    is_closed: bool,
}

/// Writes down.
pub(super) struct Scribe {
    paper: Paper,
    veil: Box<dyn Veil>,
    cap: usize,
    tell: Arc<dyn Fn(Notice) + Send + Sync>,
    mail: Mail,
    talks: HashMap<u64, Talk>,
    held: usize,
    account: Account,
    /// Connections, messages sent and messages got of which the lines are in the file.
    written: [u64; 3],
    is_stopped: bool,
}

impl Scribe {
    /// Writes on `paper` what the `mail` brings.
    pub(super) fn new(paper: Paper, veil: Box<dyn Veil>, cap: usize, tell: Arc<dyn Fn(Notice) + Send + Sync>, mail: Mail) -> Self {
        let account = Account::default();
        Scribe { paper, veil, cap, tell, mail, talks: HashMap::new(), held: 0, account, written: [0; 3], is_stopped: false }
    }

    /// Writes until no letter will come any more; what was seen.
    pub(super) fn write(mut self) -> Account {
        // Where the system does not allow it, it competes with the door a little more.
        let _ = rustix::process::nice(MAKES_WAY);
        loop {
            let letter = match self.mail.at_once() {
                Err(TryRecvError::Disconnected) => break,
                Ok(letter) => letter,
                Err(TryRecvError::Empty) => {
                    // Nothing else is to be done: what was held back is written.
                    self.flush();
                    // Being woken for each message would disturb those that it is about.
                    std::thread::sleep(REST);
                    match self.mail.within(PATIENCE) {
                        Ok(letter) => letter,
                        Err(RecvTimeoutError::Timeout) => continue,
                        Err(RecvTimeoutError::Disconnected) => break,
                    }
                }
            };
            match self.is_stopped {
                true => self.mail.leave_out(&letter),
                false => self.take(letter),
            }
        }
        // Those that were cut in the end had no answer either.
        self.account.refused += self.talks.values().filter(|talk| matches!(talk, Talk::Asked { .. })).count() as u64;
        self.flush();
        let (stopped, unrecorded) = self.mail.stopped();
        Account { secrets: self.veil.replaced(), stopped, unrecorded, ..self.account }
    }

    fn flush(&mut self) {
        if !self.is_stopped {
            let flushed = self.paper.flush();
            self.wrote(flushed);
        }
    }

    /// Counts what is in the file; when that cannot be written, what was held back for it does not count.
    fn wrote(&mut self, written: std::io::Result<()>) {
        let Account { connections, sent, got, .. } = &mut self.account;
        match written {
            Ok(()) if self.paper.is_written() => self.written = [*connections, *sent, *got],
            Ok(()) => {}
            Err(e) => {
                [*connections, *sent, *got] = self.written;
                self.stop(format!("the trace cannot be written: {e}"));
            }
        }
    }

    fn stop(&mut self, why: String) {
        self.is_stopped = true;
        self.talks.clear();
        self.mail.stop(why);
    }

    fn take(&mut self, letter: Letter) {
        let Letter { door, at_ns, what } = letter;
        match what {
            What::Asked(asked) => {
                self.talks.insert(door, Talk::Asked { asked, answer: Vec::new(), early: Vec::new() });
            }
            What::Said(side, bytes) => {
                let Some(talk) = self.talks.remove(&door) else { return };
                let talk = self.said(talk, side, &bytes, at_ns);
                if !self.is_stopped {
                    self.talks.insert(door, talk);
                }
            }
            What::Ended(by) => self.ended(door, by, at_ns),
        }
    }

    fn ended(&mut self, door: u64, by: Side, at_ns: u64) {
        match self.talks.remove(&door) {
            Some(Talk::Open(ears)) => {
                self.release(&ears);
                if !ears.is_closed {
                    self.line(at_ns, ears.conn, Event::Close { by, code: None });
                }
            }
            // Nothing can be answered any more; a client that has only stopped talking may still be.
            Some(Talk::Asked { .. }) if by == Side::Server => self.account.refused += 1,
            Some(asked @ Talk::Asked { .. }) => {
                self.talks.insert(door, asked);
            }
            _ => {}
        }
    }

    fn said(&mut self, talk: Talk, side: Side, bytes: &[u8], at_ns: u64) -> Talk {
        match talk {
            Talk::Over => Talk::Over,
            Talk::Open(ears) => self.hear(ears, side, bytes, at_ns),
            Talk::Asked { asked, answer, mut early } if side == Side::Client => {
                early.extend_from_slice(bytes);
                // A client that talks on before it is answered is none of WebSocket.
                if early.len() > head::HEAD_MOST { Talk::Over } else { Talk::Asked { asked, answer, early } }
            }
            Talk::Asked { asked, mut answer, early } => {
                answer.extend_from_slice(bytes);
                // Behind what was read already: 100 and the like stand before the answer.
                let mut from = 0;
                loop {
                    match head::answered(&answer[from..]) {
                        Ok(None) => return Talk::Asked { asked, answer: answer.split_off(from), early },
                        Ok(Some(first)) if first.status < 200 && first.status != 101 => from += first.length,
                        Ok(Some(answered)) if answered.status == 101 => {
                            return self.open(&asked, &answered, &early, &answer[from + answered.length..], at_ns);
                        }
                        Ok(Some(answered)) => return self.refused(Notice::Refused(answered.status)),
                        Err(why) => return self.refused(Notice::Unreached(why)),
                    }
                }
            }
        }
    }

    fn refused(&mut self, notice: Notice) -> Talk {
        self.account.refused += 1;
        (self.tell)(notice);
        Talk::Over
    }

    fn open(&mut self, asked: &Asked, answered: &head::Answered, early: &[u8], rest: &[u8], at_ns: u64) -> Talk {
        if self.account.connections >= CONNS_MOST as u64 {
            self.stop(format!("a trace has at most {CONNS_MOST} connections"));
            return Talk::Over;
        }
        asked.headers.iter().chain(&answered.headers).for_each(|(name, value)| self.veil.header(name, value));
        let path = self.veil.path(&asked.path);
        let subprotocol = head::value(&answered.headers, "sec-websocket-protocol").map(|name| self.veil.text(&name));
        let conn = self.account.connections as u32;
        self.account.connections += 1;
        self.line(at_ns, conn, Event::Open { path: Some(path.into()), subprotocol: subprotocol.map(Cow::Owned) });
        let ears = Ears { conn, client: Ear::new(self.cap), server: Ear::new(self.cap), is_closed: false };
        match self.hear(ears, Side::Client, early, at_ns) {
            Talk::Open(ears) => self.hear(ears, Side::Server, rest, at_ns),
            over => over,
        }
    }

    fn hear(&mut self, mut ears: Ears, side: Side, bytes: &[u8], at_ns: u64) -> Talk {
        let mut heard = Vec::new();
        let ear = if side == Side::Client { &mut ears.client } else { &mut ears.server };
        self.held -= ear.held();
        ear.hear(bytes, |what| heard.push(what));
        self.held += ear.held();
        let mut lost = (self.held > HELD_MOST).then(|| "unfinished messages of all connections fill the memory for them".to_owned());
        for what in heard {
            match what {
                Heard::Text(text) => {
                    let text = self.veil.text(&text);
                    lost = lost.or(self.message(&ears, side, Frame::Text(text.into()), at_ns));
                }
                Heard::Binary(bytes) => {
                    let bytes = self.veil.bytes(&bytes);
                    lost = lost.or(self.message(&ears, side, Frame::Binary(bytes.into()), at_ns));
                }
                Heard::Close(code) if !ears.is_closed => {
                    ears.is_closed = true;
                    self.line(at_ns, ears.conn, Event::Close { by: side, code });
                }
                Heard::Close(_) => {}
                Heard::Lost(why) => lost = lost.or(Some(why)),
            }
        }
        match lost {
            None => Talk::Open(ears),
            Some(why) => self.leave(&ears, why, at_ns),
        }
    }

    /// Writes a message down; why it cannot be.
    fn message(&mut self, ears: &Ears, side: Side, frame: Frame<'_>, at_ns: u64) -> Option<String> {
        // Nothing is sent behind a close.
        if self.is_stopped || (ears.is_closed && side == Side::Client) {
            return None;
        }
        // Marks may be longer than what they stand for.
        if frame.bytes().len() > self.cap {
            return Some(ear::too_large(frame.bytes().len() as u64, self.cap));
        }
        match side {
            Side::Client => self.account.sent += 1,
            Side::Server => self.account.got += 1,
        }
        self.line(at_ns, ears.conn, if side == Side::Client { Event::Sent(frame) } else { Event::Got(frame) });
        None
    }

    /// Ends the recording of a connection with a close, so that what is played ends there too.
    fn leave(&mut self, ears: &Ears, why: String, at_ns: u64) -> Talk {
        self.release(ears);
        if !ears.is_closed {
            self.line(at_ns, ears.conn, Event::Close { by: Side::Client, code: Some(1000) });
        }
        self.account.left += 1;
        (self.tell)(Notice::Left(ears.conn, why));
        Talk::Over
    }

    fn release(&mut self, ears: &Ears) {
        self.held -= ears.client.held() + ears.server.held();
    }

    fn line(&mut self, at_ns: u64, conn: u32, event: Event<'_>) {
        if self.is_stopped {
            return;
        }
        let written = self.paper.line(&Line { at_ns, conn, role: None, event });
        self.wrote(written);
    }
}
