//! How many clients there are over time: pieces, each linear, the first level before them and the last behind them. Pure
//! arithmetic, of a size known beforehand.
//!
//! A client of number c is there while more than c clients are wanted; the members of a group come and go with the
//! first of it.
//!
//! ```text
//!  N(t)          ____
//!  1000   ______/    \            span of client 900:      |----|
//!   500  /             \____      span of client 400:   |------------>
//!     0 /________________________ t
//! ```

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use super::pieces::MOST;
use super::shape::opens_at;
use crate::units::MILLI;
use crate::units::Nanos;

/// One piece: clients wanted at its start and end, its start and length in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Piece {
    from: f64,
    to: f64,
    at_s: f64,
    over_s: f64,
}

impl Piece {
    /// Whether more than `level` are wanted just behind its start, and just before its end.
    fn is_above(&self, level: f64) -> (bool, bool) {
        (self.from > level || (self.from == level && self.to > level), self.to > level || (self.to == level && self.from > level))
    }

    /// When exactly `level` are wanted, in seconds; asked only where it is crossed.
    fn crosses(&self, level: f64) -> f64 {
        self.at_s + self.over_s * ((level - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

/// A time in which a client is there: from the instant at which it is dialed to the instant at which it leaves, which it
/// never does at the largest value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When its connection is begun.
    pub from: Nanos,
    /// When it leaves.
    pub until: Nanos,
}

/// Clients over time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    count: usize,
    pieces: [Piece; MOST],
    /// The members of a group come and go together.
    group: u64,
    /// Those of the first level come within this time from the start of the run.
    ramp: Nanos,
}

impl Presence {
    /// Pieces of so many clients at their start and end, and their length in seconds, behind each other from `start` on. The
    /// clients of the first level are dialed over `ramp`.
    ///
    /// # Errors
    /// When there are no pieces or too many, one has no length or fewer than 0 clients, or nobody ever comes.
    pub fn new(pieces: &[(f64, f64, f64)], start: Nanos, ramp: Nanos) -> Result<Self, String> {
        if pieces.is_empty() || pieces.len() > MOST {
            return Err(format!("a shape has 1 to {MOST} pieces; these are {}", pieces.len()));
        }
        let mut made = Presence { count: pieces.len(), pieces: [Piece::default(); MOST], group: 1, ramp };
        let mut at_s = start.as_secs_f64();
        for (place, &(from, to, over_s)) in made.pieces.iter_mut().zip(pieces) {
            let good = |n: f64| n.is_finite() && n >= 0.0;
            if !good(from) || !good(to) || !good(over_s) || over_s <= 0.0 {
                return Err("every piece of a shape has a length, and numbers of clients that are not below 0".into());
            }
            *place = Piece { from, to, at_s, over_s };
            at_s += over_s;
        }
        if made.most() == 0 { Err("a shape without any clients offers no load".into()) } else { Ok(made) }
    }

    /// Clients come and go in groups of so many.
    pub(super) fn in_groups(mut self, group: u64) -> Self {
        self.group = group.max(1);
        self
    }

    /// Everything later by what the ramp takes longer.
    pub(super) fn with_ramp(mut self, ramp: Nanos) -> Self {
        let by_s = ramp.as_secs_f64() - self.ramp.as_secs_f64();
        self.pieces.iter_mut().for_each(|piece| piece.at_s += by_s);
        self.ramp = ramp;
        self
    }

    /// Whether it is as [`Presence::new`] makes them, which what came from elsewhere need not be.
    pub fn is_sound(&self) -> bool {
        let good = |n: f64| n.is_finite() && (0.0..=1e12).contains(&n);
        let piece = |p: &Piece| [p.from, p.to, p.at_s, p.over_s].into_iter().all(good) && p.over_s > 0.0;
        (1..=MOST).contains(&self.count) && self.all().iter().all(piece) && self.most() > 0 && self.group > 0
    }

    fn all(&self) -> &[Piece] {
        self.pieces.get(..self.count).unwrap_or_default()
    }

    /// Most clients that are wanted at once.
    pub fn most(&self) -> u64 {
        self.all().iter().flat_map(|piece| [piece.from, piece.to]).fold(0.0, f64::max).ceil() as u64
    }

    /// Clients wanted before the first piece.
    pub fn first(&self) -> u64 {
        self.pieces[0].from.ceil() as u64
    }

    /// Clients wanted at an instant.
    pub fn at(&self, t: Nanos) -> f64 {
        let t_s = t.as_secs_f64();
        let Some(piece) = self.all().iter().rev().find(|piece| piece.at_s <= t_s) else { return self.pieces[0].from };
        piece.from + (piece.to - piece.from) * ((t_s - piece.at_s) / piece.over_s).min(1.0)
    }

    /// The first span of `client` that ends after `t`; `None` when it never comes again.
    pub fn span(&self, client: u64, t: Nanos) -> Option<Span> {
        let level = (client / self.group * self.group) as f64;
        let mut from = (self.pieces[0].from > level).then(|| opens_at(client, self.first(), self.ramp));
        for piece in self.all() {
            let (above_first, above_last) = piece.is_above(level);
            if !above_first && let Some(span) = ended(&mut from, piece.at_s, t) {
                return Some(span);
            }
            if above_first && from.is_none() {
                from = Some(grid(piece.at_s));
            }
            match (above_first, above_last) {
                (true, false) => {
                    if let Some(span) = ended(&mut from, piece.crosses(level), t) {
                        return Some(span);
                    }
                }
                (false, true) => from = Some(grid(piece.crosses(level))),
                _ => {}
            }
        }
        let last = self.all().last()?;
        if last.to > level { from.map(|from| Span { from, until: Nanos(u64::MAX) }) } else { ended(&mut from, last.at_s + last.over_s, t) }
    }
}

/// The span that began at `from` and ends at `until_s` seconds, if it ends after `t`; it is over either way.
fn ended(from: &mut Option<Nanos>, until_s: f64, t: Nanos) -> Option<Span> {
    let span = Span { from: from.take()?, until: grid(until_s) };
    (span.until > t && span.until > span.from).then_some(span)
}

/// The whole millisecond at `t_s` seconds.
fn grid(t_s: f64) -> Nanos {
    Nanos(((t_s * 1e3).round() as u64).saturating_mul(MILLI))
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, piece) in self.all().iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            let over = Nanos((piece.over_s * 1e9) as u64);
            match piece.from == piece.to {
                true => write!(f, "{separator}{} for {over}", piece.from)?,
                false => write!(f, "{separator}{}..{} over {over}", piece.from, piece.to)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(s: f64) -> Nanos {
        Nanos((s * 1e9) as u64)
    }

    #[test]
    fn spans_of_a_ramp_a_hold_and_a_spike() {
        let pieces = [(0.0, 10.0, 10.0), (10.0, 10.0, 5.0), (30.0, 30.0, 2.0), (10.0, 10.0, 3.0), (10.0, 0.0, 5.0)];
        let crowd = Presence::new(&pieces, secs(2.0), Nanos::ZERO).expect("good");
        assert_eq!((crowd.most(), crowd.first()), (30, 0));
        assert_eq!(crowd.span(0, Nanos::ZERO), Some(Span { from: secs(2.0), until: secs(27.0) }));
        assert_eq!(crowd.span(4, Nanos::ZERO), Some(Span { from: secs(6.0), until: secs(25.0) }));
        assert_eq!(crowd.span(20, Nanos::ZERO), Some(Span { from: secs(17.0), until: secs(19.0) }));
        assert_eq!(crowd.span(20, secs(19.0)), None);
        assert_eq!(crowd.span(30, Nanos::ZERO), None);
    }

    #[test]
    fn who_is_there_before_the_shape_comes_over_the_ramp_and_who_is_wanted_at_its_end_stays() {
        let crowd = Presence::new(&[(8.0, 4.0, 4.0), (6.0, 6.0, 1.0)], secs(10.0), secs(8.0)).expect("good").in_groups(2);
        assert_eq!(crowd.span(3, Nanos::ZERO), Some(Span { from: secs(3.0), until: Nanos(u64::MAX) }));
        assert_eq!(crowd.span(5, Nanos::ZERO).map(|span| span.until), Some(Nanos(u64::MAX)), "with the other one of its group, at 4");
        assert_eq!(crowd.span(6, Nanos::ZERO).map(|span| span.until), Some(secs(12.0)));
    }

    proptest! {
        /// At every instant so many are there as are wanted, in whole groups.
        #[test]
        fn as_many_are_there_as_are_wanted(
            pieces in prop::collection::vec((0u32..60, 0u32..60, 1u32..30), 1..8), group in 1u64..4, t in 0.0f64..200.0,
        ) {
            let pieces: Vec<_> = pieces.iter().map(|&(a, b, s)| (f64::from(a), f64::from(b), f64::from(s))).collect();
            let Ok(crowd) = Presence::new(&pieces, secs(1.0), Nanos::ZERO) else { return Ok(()) };
            let (crowd, t) = (crowd.in_groups(group), secs(t));
            let there = (0..120).filter(|&client| crowd.span(client, t).is_some_and(|span| span.from <= t)).count() as f64;
            // Half a millisecond of the grid at the steepest slope, and what rounds up to whole groups.
            let wanted = crowd.at(t);
            prop_assert!(there >= wanted - 0.1 && there <= wanted.ceil() + group as f64 + 0.1, "{there} of {wanted} at {t}");
        }
    }
}
