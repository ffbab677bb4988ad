//! What is not looked at with every message, kept out of the way of what is.

use super::Stage;
use super::crossing::Crossing;
use super::fanout;
use super::flood::Flood;
use super::pending::Pending;
use super::replay::Replay;
use super::resume::Position;
use super::script::Script;
use crate::tally::Phase;

/// An exchange that at most one of can be open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Single {
    pub(super) due: u64,
    pub(super) sent: u64,
    pub(super) open: bool,
    /// Whether it belongs to the opening of a connection, which is measured whenever it happens.
    pub(super) opening: bool,
}

impl Single {
    /// The phase it belongs to.
    pub(super) fn phase(&self, script: &Script) -> Phase {
        if self.opening { Phase::Measure } else { script.phase_of(self.due) }
    }
}

/// How it stands with a beat.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beating {
    pub(super) begun: bool,
    /// How often it came.
    pub(super) times: u64,
}

/// What one client keeps besides its pending sends.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    /// By [`Script::singles`].
    pub(super) singles: Box<[Single]>,
    /// Sends that await the answers of further series of the load, and how many of each were given up.
    pub(super) also: Box<[(Pending, u64)]>,
    /// Sends that others of the group see.
    pub(super) crossing: Option<Box<Crossing>>,
    pub(super) ping: Single,
    pub(super) pings: u64,
    pub(super) opened_at: u64,
    pub(super) connections: u64,
    /// Replies said, for what is drawn for each.
    pub(super) said: u64,
    /// Moves of a game made on this connection.
    pub(super) plies: u64,
    pub(super) captured: Box<[String]>,
    /// When the last message of each cadence series came.
    pub(super) cadences: Box<[u64]>,
    /// How it stands with each beat on this connection.
    pub(super) beats: Box<[Beating]>,
    pub(super) position: Position,
    /// The way through the trace that is played.
    pub(super) replay: Option<Box<Replay>>,
    /// Bounds the pongs.
    pub(super) pongs: Flood,
    /// Bounds the replies.
    pub(super) replies: Flood,
    /// Bounds what is said of things dropped.
    pub(super) dropped: Flood,
}

impl Seldom {
    pub(super) fn new(script: &Script, client: u64) -> Self {
        let load = script.roles[script.cast.role(client)].load.as_ref();
        let receivers = |series: usize| script.receivers(script.cast.place(client), series);
        let also = load.map_or(0, |load| load.also.len());
        Seldom {
            singles: vec![Single::default(); script.single_count].into_boxed_slice(),
            also: (0..also).map(|_| (Pending::default(), 0)).collect(),
            crossing: load.and_then(|load| load.cross).map(|series| Box::new(Crossing::new(receivers(series)))),
            captured: vec![String::new(); script.captures].into_boxed_slice(),
            cadences: vec![0; script.cadence_count].into_boxed_slice(),
            beats: vec![Beating::default(); script.beats.len()].into_boxed_slice(),
            ..Seldom::default()
        }
    }

    /// A connection was made at `at`.
    pub(super) fn connected(&mut self, at: u64) {
        self.opened_at = at;
        self.connections += 1;
        self.plies = 0;
        self.beats.fill(Beating::default());
        self.cadences.fill(0);
        self.position.connected();
    }

    /// The connection is over: what was open in its series is lost.
    pub(super) fn ended(&mut self, stage: &mut Stage<'_>, role: usize) {
        let script = stage.script;
        let counts = &mut stage.tally.counts;
        let mut lost = |series: usize, n: u64| counts.series_unanswered[series] += n;
        for (series, place) in script.singles.iter().enumerate() {
            if place.is_some_and(|place| std::mem::take(&mut self.singles[place]).open) {
                lost(series, 1);
            }
        }
        let Some(load) = &script.roles[role].load else { return };
        for ((pending, given_up), series) in self.also.iter_mut().zip(&load.also) {
            lost(*series, pending.abandon() + std::mem::take(given_up));
        }
        if let (Some(crossing), Some(series)) = (&mut self.crossing, load.cross) {
            lost(series, crossing.abandon());
        }
        self.tell_fates(stage, role);
    }

    /// Takes down what became of sends to several that are over.
    pub(super) fn tell_fates(&mut self, stage: &mut Stage<'_>, role: usize) {
        let fan = stage.script.roles[role].load.as_ref().and_then(|load| load.fan);
        if let (Some(crossing), Some(fan)) = (&mut self.crossing, fan) {
            let receivers = crossing.receivers();
            crossing.fates(|fate| fanout::take_down(stage, fan, receivers, fate));
        }
    }
}
