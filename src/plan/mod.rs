//! A profile, a target and an amount of load, resolved to a [`Plan`]: the only input of a run.
//!
//! Pure: no I/O, no clock. Nothing in a plan is optional that a run would have to decide itself.

pub mod pieces;
mod playback;
pub mod presence;
mod redial;
pub mod shape;
mod share;
mod storm;
mod target;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::profile::Profile;
use crate::tally::Phase;
use crate::units::MILLI;
use crate::units::Nanos;
use crate::units::SECOND;
pub use pieces::Pieces;
pub use playback::Course;
pub use playback::Playback;
pub use presence::Presence;
pub use presence::Span;
pub use redial::Absence;
pub use redial::REDIAL_REST;
pub use redial::RETRY_AFTER_MOST;
pub use redial::nonce;
pub use shape::Curve;
pub use shape::OPENING;
pub use shape::Shape;
pub use share::Part;
pub use share::Share;
pub use storm::Ending;
pub use storm::Storm;
pub use target::Target;

/// Most unanswered exchanges a client may have in flight, whatever the timeout and rate.
pub const WINDOW_MAX: u32 = 1_024;

/// Where `done` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamps {
    /// The kernel's receive stamp.
    Kernel,
    /// The instant of the read, for comparison.
    Read,
}

impl Stamps {
    /// Its name on the command line and in records.
    pub const fn name(self) -> &'static str {
        match self {
            Stamps::Kernel => "kernel",
            Stamps::Read => "read",
        }
    }
}

/// How the load is offered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "there is one in a run")]
pub enum Pacing {
    /// A timetable that never depends on answers.
    Open(Curve),
    /// A number of outstanding exchanges per client; the next is sent when one is answered.
    Closed(u32),
}

/// What a run is to do. Times on the run clock, which starts when the first connection is begun.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The protocol.
    pub profile: Profile,
    /// Dialect spoken.
    pub dialect: Option<String>,
    /// Where to connect.
    pub target: Target,
    /// What was typed as the target; laid over the address of every role.
    pub over: Target,
    /// Where requests over HTTP go, when that is not the target.
    pub http: Option<Target>,
    /// Values of all variables.
    pub vars: BTreeMap<String, String>,
    /// Headers that were typed; they go before those of the profile.
    pub headers: Vec<(String, String)>,
    /// Names of the columns of data.
    pub columns: Vec<String>,
    /// Data, a row for each client in turn.
    pub rows: Vec<Vec<String>>,
    /// Sound that takes the place of what the profile has generated.
    pub sound: Option<Arc<[u8]>>,
    /// Virtual clients.
    pub clients: u64,
    /// How many of them are there over time, when it is not all of them.
    pub presence: Option<Presence>,
    /// Clients in a group.
    pub group: u64,
    /// Clients that are dropped without a close, by role, and when in the measured time.
    pub drops: Vec<(usize, Nanos)>,
    /// A share of the clients that loses its connection at one instant.
    pub storm: Option<Storm>,
    /// The trace that is played in the place of a load at a rate.
    pub trace: Option<Playback>,
    /// How the load is offered.
    pub pacing: Pacing,
    /// Most sends of each client in open loop; no bound without it.
    pub count: Option<u64>,
    /// Whether sends are a Poisson process instead of being spread evenly.
    pub poisson: bool,
    /// Time over which connections are begun.
    pub ramp: Nanos,
    /// Warm-up after the ramp and the opening.
    pub warmup: Nanos,
    /// Measured time.
    pub duration: Nanos,
    /// How long an answer is waited for.
    pub timeout: Nanos,
    /// Connections begun at once at most.
    pub dials: u32,
    /// Seed of everything random.
    pub seed: u64,
    /// Lanes.
    pub lanes: u32,
    /// Which of the clients are played here; each does what it does in the whole run.
    pub part: Part,
    /// Whether lanes wake early and spin to each tick.
    pub precise: bool,
    /// Where `done` comes from.
    pub stamps: Stamps,
    /// Largest message accepted, in bytes.
    pub message_cap: usize,
}

impl Plan {
    /// How clients are split over shards and lanes.
    pub fn share(&self) -> Share {
        Share::new(self.lanes, self.group, self.part)
    }

    /// How many clients are played here.
    pub fn own_clients(&self) -> u64 {
        self.share().count(self.clients)
    }

    /// Clients play in groups of so many.
    pub fn play_in_groups(&mut self, group: u64) {
        self.group = group.max(1);
        if let Some(presence) = self.presence {
            self.presence = Some(presence.in_groups(group));
            self.clients = presence.most().next_multiple_of(self.group);
        }
    }

    /// Takes another ramp; what follows it comes that much later.
    pub fn take_ramp(&mut self, ramp: Nanos) {
        let by_s = ramp.as_secs_f64() - self.ramp.as_secs_f64();
        if let Pacing::Open(Curve::Pieces(pieces)) = self.pacing {
            self.pacing = Pacing::Open(Curve::Pieces(pieces.delayed(by_s)));
        }
        self.presence = self.presence.map(|presence| presence.with_ramp(ramp));
        // A trace that is played to its end takes that much longer.
        if let Some(trace) = self.trace.as_ref().filter(|trace| self.duration == trace.duration(self.ramp)) {
            self.duration = trace.duration(ramp);
        }
        self.ramp = ramp;
    }

    /// The first time in which `client` is there that ends after `t`; `None` when it never comes again.
    pub fn span(&self, client: u64, t: Nanos) -> Option<Span> {
        if let Some(trace) = &self.trace {
            return Some(trace.span(client, self.measure_from(), self.ramp)).filter(|span| t < span.until);
        }
        let always = || Span { from: shape::opens_at(client, self.clients, self.ramp), until: Nanos(u64::MAX) };
        self.presence.map_or_else(|| Some(always()), |presence| presence.span(client, t))
    }

    /// Start of the warm-up: the ramp, and the opening of the last client.
    pub fn warmup_from(&self) -> Nanos {
        self.ramp.plus(OPENING)
    }

    /// Start of the measure phase.
    pub fn measure_from(&self) -> Nanos {
        self.warmup_from().plus(self.warmup)
    }

    /// End of the measure phase: nothing is due from here on.
    pub fn measure_until(&self) -> Nanos {
        self.measure_from().plus(self.duration)
    }

    /// Latest end of the run, with the drain.
    pub fn latest_end(&self) -> Nanos {
        self.measure_until().plus(self.timeout)
    }

    /// The phase an exchange belongs to by its due instant.
    #[inline]
    pub fn phase_of(&self, due: u64) -> Phase {
        if due >= self.measure_from().0 && due < self.measure_until().0 { Phase::Measure } else { Phase::Warmup }
    }

    /// Name of the phase at an instant.
    pub fn phase_name(&self, t: Nanos) -> &'static str {
        if t < self.warmup_from() {
            "ramp"
        } else if t < self.measure_from() {
            "warmup"
        } else if t < self.measure_until() {
            "measure"
        } else {
            "drain"
        }
    }

    /// The first boundary between two seconds of the record after `t`. Seconds are aligned to the
    /// start of the measure phase, and its end is a boundary too.
    pub fn boundary_after(&self, t: Nanos) -> Nanos {
        let first = self.measure_from().0 % SECOND;
        let next = if t.0 < first { first } else { first + ((t.0 - first) / SECOND + 1) * SECOND };
        let end = self.measure_until().0;
        Nanos(if t.0 < end && end < next { end } else { next })
    }

    /// The last boundary that is not after `t`.
    pub fn boundary_before(&self, t: Nanos) -> Nanos {
        let first = self.measure_from().0 % SECOND;
        let last = if t.0 < first { 0 } else { first + (t.0 - first) / SECOND * SECOND };
        let end = self.measure_until().0;
        Nanos(if end <= t.0 && end > last { end } else { last })
    }

    /// When the first WebSocket ping of `client` from the instant `from` on is due; clients are spread evenly over the interval.
    pub fn first_ping(&self, client: u64, from: Nanos) -> Option<Nanos> {
        let every = self.profile.ping_every?;
        let joins = self.span(client, from)?.from.plus(OPENING).0.max(from.0);
        let offset = (every.0 as u128 * client as u128 / self.clients.max(1) as u128) as u64;
        let rounds = joins.saturating_sub(offset).div_ceil(every.0);
        let due = Nanos((offset + rounds * every.0).next_multiple_of(MILLI));
        (due < self.measure_until()).then_some(due)
    }

    /// The timetable; `None` in closed loop.
    pub fn shape(&self) -> Option<Shape> {
        match self.pacing {
            Pacing::Open(curve) => Some(Shape {
                clients: self.clients,
                ramp: self.ramp,
                curve,
                end: self.measure_until(),
                count: self.count,
                poisson: self.poisson.then_some(self.seed),
                presence: self.presence,
            }),
            Pacing::Closed(_) => None,
        }
    }

    /// When the first connection of `client` is begun in a run that is joined at `from`. Who was there by then comes over a ramp
    /// that is as long as that of the start.
    pub fn opens_at(&self, client: u64, from: Nanos) -> Nanos {
        match self.span(client, from) {
            None => Nanos(u64::MAX),
            Some(span) if span.from < from => from.plus(shape::opens_at(client, self.clients, self.ramp)),
            Some(span) => span.from,
        }
    }

    /// Most unanswered exchanges a client may have in flight: timeout times rate, within bounds.
    pub fn window(&self) -> u32 {
        match self.pacing {
            // What was outstanding in the recording has to be allowed.
            _ if self.trace.is_some() => WINDOW_MAX,
            Pacing::Closed(n) => n.clamp(1, WINDOW_MAX),
            Pacing::Open(curve) => ((curve.peak().per_s() * self.timeout.as_secs_f64()).ceil() as u32).clamp(8, WINDOW_MAX),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn plan(ramp: Nanos, warmup: Nanos, duration: Nanos) -> Plan {
        let load = crate::profile::LoadRule { name: "x".into(), ..Default::default() };
        let profile = Profile {
            name: "x".into(),
            about: String::new(),
            dialects: Vec::new(),
            harm: None,
            endpoint: crate::profile::Endpoint { url: Default::default(), headers: Vec::new(), subprotocol: None, opens: Vec::new() },
            vars: BTreeMap::new(),
            ping_every: None,
            reconnect: Default::default(),
            closes: Vec::new(),
            series: Vec::new(),
            roles: vec![crate::profile::RoleRule::alone()],
            states: Vec::new(),
            tag: Vec::new(),
            messages: Vec::new(),
            captures: Vec::new(),
            replies: Vec::new(),
            beats: Vec::new(),
            https: Vec::new(),
            resume: None,
            loads: vec![load],
            limits: Vec::new(),
            text: String::new(),
        };
        Plan {
            profile,
            dialect: None,
            target: Target::parse("ws://127.0.0.1:1/").expect("valid"),
            over: Target::parse("ws://127.0.0.1:1/").expect("valid"),
            http: None,
            vars: BTreeMap::new(),
            headers: Vec::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            sound: None,
            clients: 1,
            presence: None,
            group: 1,
            drops: Vec::new(),
            storm: None,
            trace: None,
            pacing: Pacing::Closed(1),
            count: None,
            poisson: false,
            ramp,
            warmup,
            duration,
            timeout: Nanos::from_secs(10),
            dials: 256,
            seed: 1,
            lanes: 1,
            part: Part::WHOLE,
            precise: false,
            stamps: Stamps::Kernel,
            message_cap: 262_144,
        }
    }

    #[test]
    fn boundaries_meet_the_measure_phase() {
        let plan = plan(Nanos::from_millis(300), Nanos::from_millis(2_250), Nanos::from_millis(2_500));
        let mut t = Nanos::ZERO;
        let mut seen = Vec::new();
        while t < Nanos::from_secs(8) {
            t = plan.boundary_after(t);
            seen.push(t.0 / 1_000_000);
        }
        assert_eq!(seen, [550, 1550, 2550, 3550, 4550, 5550, 6050, 6550, 7550, 8550]);
    }
}
