//! A load over time in pieces, each linear: steps, ramps, spikes. Pure arithmetic, of a size known beforehand, so that a
//! timetable holds it without a pointer.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::units::Rate;

/// Most pieces.
pub const MOST: usize = 16;

/// One piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Piece {
    /// Start in seconds, and sends up to there.
    at_s: f64,
    sends: f64,
    /// Sends a second at its start and end.
    from: f64,
    to: f64,
    /// Length in seconds.
    over_s: f64,
}

impl Piece {
    /// Sends within its first `t_s` seconds.
    fn inside(&self, t_s: f64) -> f64 {
        self.from * t_s + (self.to - self.from) * t_s * t_s / (2.0 * self.over_s)
    }

    /// Seconds from its start at which `sends` of its own have fallen due, in the form that does not cancel.
    fn instant(&self, sends: f64) -> f64 {
        let slope = (self.to - self.from) / self.over_s;
        let root = (self.from * self.from + 2.0 * slope * sends).max(0.0).sqrt();
        if sends <= 0.0 { 0.0 } else { (2.0 * sends / (self.from + root)).min(self.over_s) }
    }
}

/// Pieces one behind the other from the start of the run; the last rate is held for ever.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pieces {
    count: usize,
    pieces: [Piece; MOST],
}

impl Pieces {
    /// Pieces of so many sends a second at their start and end, and their length in seconds.
    ///
    /// # Errors
    /// When there are none or too many, one has no length or a rate below 0, or the last rate is 0.
    pub fn new(pieces: &[(f64, f64, f64)]) -> Result<Self, String> {
        if pieces.is_empty() || pieces.len() > MOST {
            return Err(format!("a shape has 1 to {MOST} pieces; these are {}", pieces.len()));
        }
        let mut made = Pieces { count: pieces.len(), pieces: [Piece::default(); MOST] };
        let (mut at_s, mut sends) = (0.0, 0.0);
        for (place, &(from, to, over_s)) in made.pieces.iter_mut().zip(pieces) {
            let good = |n: f64| n.is_finite() && n >= 0.0;
            if !good(from) || !good(to) || !good(over_s) || over_s <= 0.0 {
                return Err("every piece of a shape has a length, and rates that are not below 0".into());
            }
            *place = Piece { at_s, sends, from, to, over_s };
            (at_s, sends) = (at_s + over_s, sends + place.inside(over_s));
        }
        if pieces.last().is_some_and(|(_, to, _)| *to <= 0.0) {
            return Err("the last rate of a shape is held to the end, so it cannot be 0".into());
        }
        Ok(made)
    }

    /// Everything behind the first piece later by so many seconds; the first, which goes before the load proper, is at its one
    /// rate for longer.
    pub(super) fn delayed(mut self, by_s: f64) -> Self {
        let more = self.pieces[0].to * by_s;
        self.pieces[0].over_s += by_s;
        self.pieces.iter_mut().skip(1).for_each(|piece| (piece.at_s, piece.sends) = (piece.at_s + by_s, piece.sends + more));
        self
    }

    /// Whether it is as [`Pieces::new`] makes them, which what came from elsewhere need not be.
    pub(super) fn is_sound(&self) -> bool {
        let good = |n: f64| n.is_finite() && (0.0..=1e12).contains(&n);
        let piece = |p: &Piece| [p.at_s, p.sends, p.from, p.to, p.over_s].into_iter().all(good) && p.over_s > 0.0;
        (1..=MOST).contains(&self.count) && self.all().iter().all(piece) && self.all().last().is_some_and(|p| p.to > 0.0)
    }

    fn all(&self) -> &[Piece] {
        self.pieces.get(..self.count).unwrap_or_default()
    }

    /// Sends up to `t_s` seconds.
    pub(super) fn integral(&self, t_s: f64) -> f64 {
        let Some(piece) = self.all().iter().rev().find(|piece| piece.at_s <= t_s) else { return 0.0 };
        let inside = (t_s - piece.at_s).min(piece.over_s);
        piece.sends + piece.inside(inside) + piece.to * (t_s - piece.at_s - piece.over_s).max(0.0)
    }

    /// Seconds at which `sends` have fallen due.
    pub(super) fn instant(&self, sends: f64) -> f64 {
        // A piece without sends is over before the first of the next one.
        let Some(piece) = self.all().iter().rev().find(|piece| piece.sends <= sends) else { return 0.0 };
        let own = sends - piece.sends;
        let whole = piece.inside(piece.over_s);
        if own <= whole { piece.at_s + piece.instant(own) } else { piece.at_s + piece.over_s + (own - whole) / piece.to }
    }

    /// The highest rate.
    pub(super) fn peak(&self) -> Rate {
        let highest = self.all().iter().flat_map(|piece| [piece.from, piece.to]).fold(f64::MIN_POSITIVE, f64::max);
        Rate::new(highest).expect("it is above 0 and finite")
    }
}

impl fmt::Display for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, piece) in self.all().iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            let over = crate::units::Nanos((piece.over_s * 1e9) as u64);
            match piece.from == piece.to {
                true => write!(f, "{separator}{}/s for {over}", piece.from)?,
                false => write!(f, "{separator}{}..{}/s over {over}", piece.from, piece.to)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_inverse_undoes_the_integral(pieces in prop::collection::vec((0.0f64..300.0, 0.01f64..300.0, 0.1f64..60.0), 1..MOST), t in 0.0f64..1_000.0) {
            let pieces = Pieces::new(&pieces).expect("they are good");
            let sends = pieces.integral(t);
            prop_assert!((pieces.integral(pieces.instant(sends)) - sends).abs() <= 1e-6 * (1.0 + sends));
            prop_assert!(pieces.integral(t + 0.5) >= sends);
        }
    }

    #[test]
    fn steps_and_a_spike_have_the_sends_they_say() {
        // 10/s for 10 s, 0 for 5 s, a ramp to 20/s over 10 s, then 20/s.
        let pieces = Pieces::new(&[(10.0, 10.0, 10.0), (0.0, 0.0, 5.0), (0.0, 20.0, 10.0)]).expect("good");
        for (t, sends) in [(0.0, 0.0), (5.0, 50.0), (10.0, 100.0), (15.0, 100.0), (20.0, 125.0), (25.0, 200.0), (30.0, 300.0)] {
            assert!((pieces.integral(t) - sends).abs() < 1e-9, "{t}");
        }
        assert!((pieces.instant(125.0) - 20.0).abs() < 1e-9);
        assert_eq!(pieces.to_string(), "10/s for 10s, 0/s for 5s, 0..20/s over 10s");
    }

    #[test]
    fn what_is_no_shape_is_refused() {
        for pieces in
            [&[][..], &[(1.0, 0.0, 1.0)], &[(1.0, 1.0, 0.0)], &[(-1.0, 1.0, 1.0)], &[(1.0, f64::NAN, 1.0)], &[(1.0, 1.0, 1.0); 17]]
        {
            assert!(Pieces::new(pieces).is_err(), "{pieces:?}");
        }
    }
}
