//! One client's side of the conversation: no socket, no clock.
//!
//! Frames and instants go in; messages to send, samples and counts come out. A [`Script`] is the
//! profile compiled for play, [`Pending`] the sends that await answers, [`Reader`] reads messages. What a
//! message means is in `hear`, what a client says in `say`.

mod cast;
mod compile;
mod crossing;
mod draw;
mod fanout;
mod flood;
mod hear;
mod pending;
pub mod play;
mod read;
mod replay;
mod resume;
mod say;
mod score;
mod script;
mod seldom;
mod series;

pub use cast::Cast;
pub use hear::Cross;
pub use pending::Match;
pub use pending::Pending;
pub use pending::Place;
pub use pending::Waiting;
pub use read::CAPTURE_MOST;
pub use read::Fields;
pub use read::Reader;
pub use read::Tag;
pub use read::Unreadable;
pub use replay::Need;
pub use say::Tick;
pub use score::Recording;
pub use score::Score;
pub use score::Step;
pub use script::Bounds;
pub use script::Door;
pub use script::Http;
pub use script::Script;
pub use script::Values;
pub use series::Series;

use crate::tally::Fault;
use crate::tally::Sample;
use crate::tally::Tally;
use replay::Replay;
use seldom::Seldom;
use seldom::Single;

/// What a lane lends to the dialogue of one client while it plays.
pub struct Stage<'a> {
    /// The script.
    pub script: &'a Script,
    /// The lane's reader.
    pub reader: &'a mut Reader,
    /// The lane's tally.
    pub tally: &'a mut Tally,
    /// What is to be done besides; the lane does it in order.
    pub effects: &'a mut Vec<Effect>,
}

/// What is to be done after a message was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Nothing,
    /// An exchange of the load ended; in closed loop the next may be sent.
    Answered,
}

/// What a message, an opening or something said leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The load may begin.
    Ready,
    /// Say reply number n at once, before any other work.
    Say(usize),
    /// A reply was asked for, faster than replies are given; it was counted.
    Flooded,
    /// Beat number n begins; the first comes after so many nanoseconds.
    Beat(usize, u64),
    /// What another client of the group sent was seen.
    Cross(Cross),
    /// A broadcast was seen: its series, kind of message, and key.
    Spread(usize, usize, u64),
}

/// One client's side of the conversation.
#[derive(Debug)]
pub struct Dialogue {
    pending: Pending,
    seldom: Box<Seldom>,
    /// Number of the client; in 32 bits, that a client stays within two lines of cache.
    client: u32,
    role: u8,
    state: u8,
    ready: bool,
}

impl Dialogue {
    /// The dialogue of client number `client` before it is connected.
    ///
    /// # Panics
    /// When the number does not fit 32 bits; no machine has so many connections.
    pub fn new(client: u64, script: &Script) -> Self {
        let role = script.cast.role(client);
        let mut seldom = Box::new(Seldom::new(script, client));
        seldom.replay = script.score.as_ref().map(|score| Box::new(Replay::new(score, client, script.captures)));
        let client = u32::try_from(client).expect("fewer clients than 32 bits count");
        Dialogue { pending: Pending::default(), seldom, client, role: role as u8, state: 0, ready: false }
    }

    /// The upgrade was answered at `at`: what is said at once and what begins goes to the effects.
    pub fn opened(&mut self, stage: &mut Stage<'_>, at: u64) {
        let script = stage.script;
        let role = &script.roles[usize::from(self.role)];
        self.seldom.connected(at);
        self.state = 0;
        self.ready = !role.waits_for_ready;
        for &series in &script.opens {
            if self.sees(script, series) {
                self.open_single(stage, series, (at, at), true);
            }
        }
        stage.effects.extend(role.starts.iter().map(|reply| Effect::Say(*reply)));
        self.begin_beats(stage, crate::profile::From::Open);
        if self.ready {
            self.begin_beats(stage, crate::profile::From::Ready);
            stage.effects.push(Effect::Ready);
        }
    }

    /// Whether clients of its role hear anything that answers `series`.
    fn sees(&self, script: &Script, series: usize) -> bool {
        script.sees(usize::from(self.role), series)
    }

    /// Number of the client.
    pub fn client(&self) -> u64 {
        u64::from(self.client)
    }

    /// Index of its role.
    pub fn role(&self) -> usize {
        usize::from(self.role)
    }

    /// How often it was connected before; 0 before and during its first connection.
    pub fn attempt(&self) -> u64 {
        self.seldom.connections.saturating_sub(1)
    }

    /// Takes what the client was told by HTTP before a connection: capture number and text.
    pub fn told(&mut self, capture: usize, text: String) {
        if let Some(place) = self.seldom.captured.get_mut(capture) {
            *place = text;
        }
    }

    /// Whether the load may be sent.
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether the load may be sent in the state the client is in.
    #[inline]
    pub fn is_its_turn(&self, script: &Script) -> bool {
        match &script.roles[usize::from(self.role)].load {
            Some(load) => load.states.is_empty() || load.states.contains(&self.state),
            None => false,
        }
    }

    /// Exchanges of the load that await answers within the timeout.
    #[inline]
    pub fn outstanding(&self) -> u32 {
        self.pending.outstanding()
    }

    /// Ends the wait of exchanges past the timeout, so that a closed loop goes on.
    pub fn lapse(&mut self, script: &Script, now: u64) {
        self.pending.lapse(now.saturating_sub(script.bounds.timeout));
    }

    /// The payload of the next WebSocket ping: an 8-byte counter.
    pub fn ping_payload(&self) -> [u8; 8] {
        self.seldom.pings.to_be_bytes()
    }

    /// The WebSocket ping was written at `at`.
    pub fn ping_sent(&mut self, stage: &mut Stage<'_>, due: u64, at: u64) {
        stage.tally.counts.messages_out[stage.script.out_built_in(0)] += 1;
        self.seldom.pings += 1;
        if std::mem::replace(&mut self.seldom.ping, Single { due, sent: at, open: true, opening: false }).open {
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

    /// The connection is over: what was in flight will not be answered.
    pub fn ended(&mut self, stage: &mut Stage<'_>) {
        stage.tally.counts.unanswered += self.pending.abandon();
        self.seldom.ended(stage, usize::from(self.role));
        if std::mem::take(&mut self.seldom.ping).open {
            stage.tally.counts.series_unanswered[stage.script.ws_ping()] += 1;
        }
        self.ready = false;
        // They answered what was asked on this connection.
        stage.tally.counts.unasked += self.drop_held();
    }
}
