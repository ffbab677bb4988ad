//! Load over time: when client c joins and when its k-th send is due. Pure arithmetic.
//!
//! All clients follow one curve of load. With `r(t)` the rate of one client and `R(t)` its integral
//! from 0, client c of N has the offset `u = c / N`, and its sends are due where `R(t) = u + j` for
//! whole `j`, beginning with the first such instant at or after it joins:
//!
//! ```text
//!  R(t)                                   k-th due of c:  t = R^-1(u + j0 + k)
//!   3 |            /  .  .  . <- j = 2            j0 = ceil(R(join) - u)
//!   2 |        / .   <- j = 1
//!   1 |    / .       <- j = 0   (u = 0.7)         rounded to the 1 ms grid at the end,
//!   0 |_/________________ t                       never accumulated
//! ```
//!
//! So at any rate the clients are spread evenly over one period, and neighbours in number are
//! neighbours in time. A new shape is one variant of [`Curve`] with its `R` and the inverse.

use serde::Deserialize;
use serde::Serialize;

use super::pieces::Pieces;
use super::presence::Presence;
use super::presence::Span;
use super::redial::draw;
use crate::units::MILLI;
use crate::units::Nanos;
use crate::units::Rate;
use crate::units::SECOND;

/// Tells these draws from those of redials.
const POISSON: u64 = 0x7057_155d_2f1a_0b3c;

/// Every client's connection is begun this long before its first send may be due.
pub const OPENING: Nanos = Nanos(SECOND);

/// The rate of one client over time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "there is one in a run; a timetable without a pointer can be copied")]
pub enum Curve {
    /// `r(t) = rate`, `R(t) = rate t`.
    Constant {
        /// Sends a second.
        rate: Rate,
    },
    /// Linear from one rate to another over a time, then constant:
    /// `R(t) = from t + (to - from) t^2 / (2 over)` up to `over`, linear after it.
    Ramp {
        /// Sends a second at the start.
        from: Rate,
        /// Sends a second from `over` on.
        to: Rate,
        /// Length of the ramp.
        over: Nanos,
    },
    /// Pieces one behind the other, each linear, the last rate held for ever.
    Pieces(Pieces),
}

impl Curve {
    /// `R(t)`: sends of one client up to `t` seconds.
    fn integral(&self, t_s: f64) -> f64 {
        match *self {
            Curve::Constant { rate } => rate.per_s() * t_s,
            Curve::Ramp { from, to, over } => {
                let (from, to, over) = (from.per_s(), to.per_s(), over.as_secs_f64());
                let inside = t_s.min(over);
                from * inside + (to - from) * inside * inside / (2.0 * over) + to * (t_s - over).max(0.0)
            }
            Curve::Pieces(ref pieces) => pieces.integral(t_s),
        }
    }

    /// The inverse of `R`: seconds at which `sends` have fallen due.
    fn instant(&self, sends: f64) -> f64 {
        match *self {
            Curve::Constant { rate } => sends / rate.per_s(),
            Curve::Ramp { from, to, over } => {
                let at_end = self.integral(over.as_secs_f64());
                let (from, to, over) = (from.per_s(), to.per_s(), over.as_secs_f64());
                if sends >= at_end {
                    return over + (sends - at_end) / to;
                }
                // Root of (to - from) / (2 over) t^2 + from t - sends = 0, in the form that does
                // not cancel when the slope is small.
                let slope = (to - from) / over;
                2.0 * sends / (from + (from * from + 2.0 * slope * sends).max(0.0).sqrt())
            }
            Curve::Pieces(ref pieces) => pieces.instant(sends),
        }
    }

    /// How long it takes from `start` on until `sends` more have fallen due.
    pub fn time_for(&self, start: Nanos, sends: f64) -> Nanos {
        let end_s = self.instant(self.integral(start.as_secs_f64()) + sends);
        Nanos((end_s * 1e9).ceil() as u64).since(start)
    }

    /// Whether it can be a timetable, which one that came from elsewhere need not be.
    pub fn is_sound(&self) -> bool {
        let good = |rate: &Rate| (f64::MIN_POSITIVE..=1e9).contains(&rate.per_s());
        match self {
            Curve::Constant { rate } => good(rate),
            Curve::Ramp { from, to, over } => good(from) && good(to) && over.0 > 0,
            Curve::Pieces(pieces) => pieces.is_sound(),
        }
    }

    /// The highest rate it ever reaches.
    pub fn peak(&self) -> Rate {
        match *self {
            Curve::Constant { rate } => rate,
            Curve::Ramp { from, to, .. } => {
                if from > to {
                    from
                } else {
                    to
                }
            }
            Curve::Pieces(ref pieces) => pieces.peak(),
        }
    }
}

impl std::fmt::Display for Curve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Curve::Constant { rate } => rate.fmt(f),
            Curve::Ramp { from, to, over } => write!(f, "{}..{to} over {over}", from.per_s()),
            Curve::Pieces(pieces) => pieces.fmt(f),
        }
    }
}

/// When the connection of one of `clients` clients is begun: evenly over the ramp.
pub fn opens_at(client: u64, clients: u64, ramp: Nanos) -> Nanos {
    Nanos((ramp.0 as u128 * client as u128 / clients.max(1) as u128) as u64)
}

/// Load over time for all clients of a run. Instants are on the run clock, which starts when the
/// first connection is begun.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Clients in the whole run.
    pub clients: u64,
    /// Time over which connections are begun.
    pub ramp: Nanos,
    /// Rate of one client.
    pub curve: Curve,
    /// No send is due at or after this instant.
    pub end: Nanos,
    /// Most sends of each client; no bound without it.
    #[serde(default)]
    pub count: Option<u64>,
    /// The seed of a Poisson process of this rate; without it sends are spread evenly.
    #[serde(default)]
    pub poisson: Option<u64>,
    /// When each client is there; without it, from its dial to the end.
    #[serde(default)]
    pub presence: Option<Presence>,
}

impl Shape {
    /// The first time in which `client` is there that ends after `t`.
    fn span(&self, client: u64, t: Nanos) -> Option<Span> {
        let always = || Span { from: opens_at(client, self.clients, self.ramp), until: Nanos(u64::MAX) };
        self.presence.map_or_else(|| Some(always()), |presence| presence.span(client, t))
    }

    /// When `client` joins the load, the first time.
    pub fn joins_at(&self, client: u64) -> Nanos {
        self.span(client, Nanos::ZERO).map_or(Nanos(u64::MAX), |span| span.from.plus(OPENING))
    }

    /// The place of `client` for its send 0, see [`Shape::due_from`]: the value of `R` there when sends are spread evenly.
    pub fn first(&self, client: u64) -> f64 {
        self.joining(client, self.span(client, Nanos::ZERO), 0)
    }

    /// The first send of `client` that is due at or after `from`, and its place: where a run that is joined under way goes on.
    pub fn onward(&self, client: u64, from: Nanos) -> (u64, f64) {
        let first = self.first(client);
        if from == Nanos::ZERO {
            return (0, first);
        }
        if self.is_even() {
            return (self.planned(client, from), first);
        }
        let (mut k, mut place) = (0, first);
        while self.due_from(place, k).is_some_and(|due| due < from) {
            (place, k) = (self.next(client, place, k), k + 1);
        }
        (k, place)
    }

    /// The place for send `k` when it is the first in `span`, or in a later one when this is over by then.
    #[cold]
    fn joining(&self, client: u64, mut span: Option<Span>, k: u64) -> f64 {
        while let Some(Span { from, until }) = span {
            let joined = self.curve.integral(from.plus(OPENING).as_secs_f64());
            let offset = client as f64 / self.clients.max(1) as f64;
            let place = match self.poisson {
                Some(seed) => joined + gap(seed, client, k),
                None => offset + (joined - offset).ceil().max(0.0) - k as f64,
            };
            if self.instant_of(place, k) < until {
                return place;
            }
            span = self.span(client, until);
        }
        f64::INFINITY
    }

    /// The instant of send `k` at `place`, on the 1 ms grid.
    #[inline]
    fn instant_of(&self, place: f64, k: u64) -> Nanos {
        let sends = if self.poisson.is_some() { place } else { place + k as f64 };
        let ms = (self.curve.instant(sends) * 1e3).round();
        Nanos((ms as u64).saturating_mul(MILLI))
    }

    /// When send `k` of a client is due, from its place: [`Shape::first`] and what [`Shape::next`] made of it; on the 1 ms
    /// grid. `None` at and after the end.
    #[inline]
    pub fn due_from(&self, place: f64, k: u64) -> Option<Nanos> {
        if self.count.is_some_and(|most| k >= most) {
            return None;
        }
        let due = self.instant_of(place, k);
        (due < self.end).then_some(due)
    }

    /// The place of `client` for send `k` + 1, from that for send `k`. Spread evenly it stays the same; in a Poisson process it moves
    /// on by a number drawn from the exponential distribution of mean 1, for each send its own. A client that has left by then goes
    /// on where it joins again.
    #[inline]
    pub fn next(&self, client: u64, place: f64, k: u64) -> f64 {
        let next = self.poisson.map_or(place, |seed| place + gap(seed, client, k + 1));
        if self.presence.is_none() { next } else { self.next_there(client, next, (place, k)) }
    }

    fn next_there(&self, client: u64, next: f64, (place, k): (f64, u64)) -> f64 {
        let now = self.instant_of(place, k);
        match self.span(client, now) {
            Some(span) if self.instant_of(next, k + 1) < span.until => next,
            Some(span) => self.joining(client, self.span(client, span.until), k + 1),
            None => f64::INFINITY,
        }
    }

    /// When send `k` of `client` is due.
    pub fn due(&self, client: u64, k: u64) -> Option<Nanos> {
        let place =
            if self.is_even() { self.first(client) } else { (0..k).fold(self.first(client), |place, k| self.next(client, place, k)) };
        self.due_from(place, k)
    }

    /// Whether a client has one place for all its sends.
    fn is_even(&self) -> bool {
        self.poisson.is_none() && self.presence.is_none()
    }

    /// Sends of `client` due before `until`, by bisection over [`Shape::due`] where that is arithmetic.
    pub fn planned(&self, client: u64, until: Nanos) -> u64 {
        let until = until.min(self.end);
        let first = self.first(client);
        let is_before = |place: f64, k: u64| self.due_from(place, k).is_some_and(|due| due < until);
        if !self.is_even() {
            let (mut place, mut k) = (first, 0);
            while is_before(place, k) {
                (place, k) = (self.next(client, place, k), k + 1);
            }
            return k;
        }
        let mut high = self.curve.integral(until.as_secs_f64()).max(0.0) as u64 + 2;
        let mut low = 0;
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(first, middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// The `k`-th gap of a Poisson process of rate 1, by inversion of its distribution.
fn gap(seed: u64, client: u64, k: u64) -> f64 {
    -(1.0 - draw(seed ^ POISSON, client, k)).ln()
}

#[cfg(test)]
mod tests;
