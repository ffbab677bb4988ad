//! One client's side of the conversation: no socket, no clock.
//!
//! Frames and instants go in; messages to send, samples and counts come out. A [`Script`] is the
//! profile compiled for play, [`Pending`] the sends that await answers, [`Reader`] reads messages.

mod flood;
mod pending;
pub mod play;
mod read;
mod script;

pub use pending::Match;
pub use pending::Pending;
pub use pending::Place;
pub use pending::Waiting;
pub use read::Fields;
pub use read::Reader;
pub use read::Unreadable;
pub use script::Bounds;
pub use script::Script;
pub use script::Series;

use crate::profile::Class;
use crate::tally::Fault;
use crate::tally::Phase;
use crate::tally::Sample;
use crate::tally::Tally;
use flood::Flood;

/// What a lane lends to the dialogue of one client while it plays.
pub struct Stage<'a> {
    /// The script.
    pub script: &'a Script,
    /// The lane's reader.
    pub reader: &'a mut Reader,
    /// The lane's tally.
    pub tally: &'a mut Tally,
}

/// What is to be done after a message was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Nothing,
    /// The load may begin.
    Ready,
    /// Send reply number n at once, before any other work.
    Reply(usize),
    /// A reply was asked for, faster than replies are given; it was counted.
    Flooded,
    /// An exchange of the load ended; in closed loop the next may be sent.
    Answered,
}

/// An exchange that at most one of can be open.
#[derive(Clone, Copy, Debug, Default)]
struct Single {
    due: u64,
    sent: u64,
    open: bool,
}

/// One client's side of the conversation.
#[derive(Debug)]
pub struct Dialogue {
    pending: Pending,
    seldom: Box<Seldom>,
    /// Number of the client; in 32 bits, that a client stays within two lines of cache.
    client: u32,
    ready: bool,
}

/// What is not looked at with every message, kept out of the way of what is.
#[derive(Debug, Default)]
struct Seldom {
    /// One per reply, if any reply opens a series.
    singles: Box<[Single]>,
    ping: Single,
    pings: u64,
    opened_at: u64,
    /// Bounds the pongs.
    pongs: Flood,
    /// Bounds the replies.
    replies: Flood,
    /// Bounds what is said of things dropped.
    dropped: Flood,
}

impl Dialogue {
    /// The dialogue of client number `client` before it is connected.
    ///
    /// # Panics
    /// When the number does not fit 32 bits; no machine has so many connections.
    pub fn new(client: u64, script: &Script) -> Self {
        let singles = if script.replies.iter().any(|r| r.expects.is_some()) { script.replies.len() } else { 0 };
        let seldom = Seldom { singles: vec![Single::default(); singles].into_boxed_slice(), ..Seldom::default() };
        let client = u32::try_from(client).expect("fewer clients than 32 bits count");
        Dialogue { pending: Pending::default(), seldom: Box::new(seldom), client, ready: false }
    }

    /// The upgrade was answered at `at`. Whether the load may begin at once.
    pub fn opened(&mut self, script: &Script, at: u64) -> bool {
        self.seldom.opened_at = at;
        self.ready = !script.waits_for_ready;
        self.ready
    }

    /// Number of the client.
    pub fn client(&self) -> u64 {
        u64::from(self.client)
    }

    /// Whether the load may be sent.
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Exchanges of the load that await answers within the timeout.
    #[inline]
    pub fn outstanding(&self) -> u32 {
        self.pending.outstanding()
    }

    /// Takes a place for a load send due at `due` and appends its message to `out`. `now` bounds what
    /// has lapsed.
    #[inline]
    pub fn load(&mut self, script: &Script, due: u64, now: u64, out: &mut Vec<u8>) -> Place {
        let place = if script.load_series.is_some() {
            self.pending.take(due, script.bounds.window, now.saturating_sub(script.bounds.timeout))
        } else {
            Place::Taken { seq: self.pending.pass(), given_up: 0 }
        };
        if let Place::Taken { seq, .. } = place {
            script.load.render(out, u64::from(self.client), seq, script.pad_to);
        }
        place
    }

    /// The load send `seq` was written at `at`.
    #[inline]
    pub fn load_sent(&mut self, stage: &mut Stage<'_>, seq: u64, due: u64, at: u64) {
        let counts = &mut stage.tally.counts;
        counts.sent += 1;
        counts.messages_out[0] += 1;
        if stage.script.load_series.is_some() {
            self.pending.sent(seq, at);
        } else {
            counts.no_answer_expected += 1;
        }
        stage.tally.phase(stage.script.phase_of(due)).lag.record(at.saturating_sub(due));
    }

    /// The load send `seq`, the newest, could not be written after all.
    pub fn load_failed(&mut self, seq: u64) {
        self.pending.untake(seq);
    }

    /// Ends the wait of exchanges past the timeout, so that a closed loop goes on.
    pub fn lapse(&mut self, script: &Script, now: u64) {
        self.pending.lapse(now.saturating_sub(script.bounds.timeout));
    }

    /// Appends the text of reply number `reply` to `out`.
    pub fn reply(&self, script: &Script, reply: usize, out: &mut Vec<u8>) {
        script.replies[reply].text.render(out, u64::from(self.client), 0, 0);
    }

    /// Reply number `reply` was written at `at`; what asked for it was received at `asked`.
    pub fn reply_sent(&mut self, stage: &mut Stage<'_>, reply: usize, asked: u64, at: u64) {
        stage.tally.counts.messages_out[1 + reply] += 1;
        stage.tally.phase(stage.script.phase_of(asked)).reaction.record(at.saturating_sub(asked));
        if let Some(series) = stage.script.replies[reply].expects {
            let single = &mut self.seldom.singles[reply];
            if std::mem::replace(single, Single { due: at, sent: at, open: true }).open {
                stage.tally.counts.series_unanswered[series] += 1;
            }
        }
    }

    /// The payload of the next WebSocket ping: an 8-byte counter.
    pub fn ping_payload(&self) -> [u8; 8] {
        self.seldom.pings.to_be_bytes()
    }

    /// The WebSocket ping was written at `at`.
    pub fn ping_sent(&mut self, stage: &mut Stage<'_>, due: u64, at: u64) {
        stage.tally.counts.messages_out[stage.script.out_built_in(0)] += 1;
        self.seldom.pings += 1;
        if std::mem::replace(&mut self.seldom.ping, Single { due, sent: at, open: true }).open {
            stage.tally.counts.series_unanswered[stage.script.ws_ping()] += 1;
        }
    }

    /// A WebSocket pong arrived. One whose payload is not our newest counter is not ours to measure.
    pub fn pong(&mut self, stage: &mut Stage<'_>, payload: &[u8], done: u64) {
        let kind = stage.script.in_built_in(1);
        stage.tally.counts.messages_in[kind] += 1;
        let newest = self.seldom.pings.checked_sub(1).map(u64::to_be_bytes);
        if self.seldom.ping.open && newest.is_some_and(|n| n == payload) {
            self.seldom.ping.open = false;
            let sample = Sample { due: self.seldom.ping.due, sent: self.seldom.ping.sent, done };
            stage.tally.answered(stage.script.phase_of(sample.due), stage.script.ws_ping(), kind, sample);
        }
    }

    /// A WebSocket ping of the server arrived at `asked`. Whether it is answered; pings that come
    /// faster than 100 a second are not, and are counted.
    pub fn pinged(&mut self, stage: &mut Stage<'_>, asked: u64) -> bool {
        stage.tally.counts.messages_in[stage.script.in_built_in(0)] += 1;
        let admits = self.seldom.pongs.admits(asked);
        if !admits {
            stage.tally.fault(Fault::PingFlood);
        }
        admits
    }

    /// Whether it may be said at `at` that pings or questions were not answered: once a second.
    pub fn tells_of_flood(&mut self, at: u64) -> bool {
        self.seldom.pongs.tells(at)
    }

    /// Whether it may be said at `at` that something was dropped: once a second.
    pub fn tells_of_drop(&mut self, at: u64) -> bool {
        self.seldom.dropped.tells(at)
    }

    /// A frame came behind the peer's close frame: a ping, pong, close, or message (0 to 3), which
    /// means nothing any more.
    pub fn after_close(&self, stage: &mut Stage<'_>, kind: usize) {
        stage.tally.counts.messages_in[stage.script.in_built_in(kind)] += 1;
        stage.tally.fault(Fault::CloseUnanswered);
    }

    /// A WebSocket pong was written at `at`, asked for at `asked`.
    pub fn pong_sent(&self, stage: &mut Stage<'_>, asked: u64, at: u64) {
        stage.tally.counts.messages_out[stage.script.out_built_in(1)] += 1;
        stage.tally.phase(stage.script.phase_of(asked)).reaction.record(at.saturating_sub(asked));
    }

    /// A close frame was written.
    pub fn close_sent(&self, stage: &mut Stage<'_>) {
        stage.tally.counts.messages_out[stage.script.out_built_in(2)] += 1;
    }

    /// A close frame arrived; without a code it counts as 1005 (RFC 6455 section 7.4.1).
    pub fn closed(&self, stage: &mut Stage<'_>, code: Option<u16>) {
        stage.tally.counts.messages_in[stage.script.in_built_in(2)] += 1;
        stage.tally.counts.close(code.unwrap_or(1005));
    }

    /// A message arrived, complete at `done`. Its bytes are overwritten.
    #[inline]
    pub fn message(&mut self, stage: &mut Stage<'_>, message: &mut [u8], done: u64) -> Next {
        let script = stage.script;
        let read = stage.reader.read(message, |fields| {
            let kind = if script.spellings.is_empty() { Some(0) } else { fields.kind(&script.spellings, &script.tags) };
            let key = kind.and_then(|k| script.meanings[k].key.as_deref()).and_then(|name| fields.number(name));
            (kind, key)
        });
        match read {
            Ok((Some(kind), key)) => self.understood(stage, kind, key, done),
            Ok((None, _)) | Err(_) => {
                stage.tally.counts.messages_in[script.in_built_in(3)] += 1;
                stage.tally.fault(Fault::Unparsed);
                Next::Nothing
            }
        }
    }

    fn understood(&mut self, stage: &mut Stage<'_>, kind: usize, key: Option<u64>, done: u64) -> Next {
        stage.tally.counts.messages_in[kind] += 1;
        let meaning = &stage.script.meanings[kind];
        if let Some(reply) = meaning.reply {
            if self.seldom.replies.admits(done) {
                return Next::Reply(reply);
            }
            stage.tally.fault(Fault::PingFlood);
            return Next::Flooded;
        }
        if meaning.ready && !self.ready {
            self.ready = true;
            let sample = Sample { due: self.seldom.opened_at, sent: self.seldom.opened_at, done };
            stage.tally.answered(Phase::Measure, stage.script.ready(), kind, sample);
            return Next::Ready;
        }
        match meaning.answers {
            None => Next::Nothing,
            Some(series) if stage.script.load_series == Some(series) => self.load_answer(stage, series, kind, key, done),
            Some(series) => {
                self.single_answer(stage, series, kind, done);
                Next::Nothing
            }
        }
    }

    fn load_answer(&mut self, stage: &mut Stage<'_>, series: usize, kind: usize, key: Option<u64>, done: u64) -> Next {
        let matched = match (stage.script.series[series].class, key) {
            (Class::Keyed, Some(key)) => self.pending.answer_to(key),
            (Class::Keyed, None) => {
                stage.tally.fault(Fault::Unparsed);
                return Next::Nothing;
            }
            _ => self.pending.answer_in_order(),
        };
        let counts = &mut stage.tally.counts;
        match matched {
            Match::Answers(waiting) => {
                let sample = Sample { due: waiting.due, sent: waiting.sent, done };
                if sample.response() > stage.script.bounds.timeout {
                    counts.late += 1;
                } else {
                    counts.answered += 1;
                }
                stage.tally.answered(stage.script.phase_of(sample.due), series, kind, sample);
                Next::Answered
            }
            Match::Duplicate => {
                counts.duplicate += 1;
                Next::Nothing
            }
            Match::Unsolicited => {
                counts.unsolicited += 1;
                Next::Nothing
            }
        }
    }

    fn single_answer(&mut self, stage: &mut Stage<'_>, series: usize, kind: usize, done: u64) {
        let opener = stage.script.replies.iter().position(|r| r.expects == Some(series));
        match opener.map(|reply| &mut self.seldom.singles[reply]) {
            Some(single) if single.open => {
                single.open = false;
                let sample = Sample { due: single.due, sent: single.sent, done };
                stage.tally.answered(stage.script.phase_of(sample.due), series, kind, sample);
            }
            _ => stage.tally.counts.unsolicited += 1,
        }
    }

    /// The connection is over: what was in flight will not be answered.
    pub fn ended(&mut self, stage: &mut Stage<'_>) {
        stage.tally.counts.unanswered += self.pending.abandon();
        for (reply, single) in self.seldom.singles.iter_mut().enumerate() {
            if std::mem::take(single).open
                && let Some(series) = stage.script.replies[reply].expects
            {
                stage.tally.counts.series_unanswered[series] += 1;
            }
        }
        if std::mem::take(&mut self.seldom.ping).open {
            stage.tally.counts.series_unanswered[stage.script.ws_ping()] += 1;
        }
        self.ready = false;
    }
}
