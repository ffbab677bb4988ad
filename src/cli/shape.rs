//! `--rate` and `--shape`: the rate of each client, over the measured time, in words.
//!
//! ```text
//! shape := "rate:" item ("," item)*
//! item  := ["ramp"] A ".." B "/" TIME      linear from A to B sends a second
//!        | "hold" TIME                     as it was at the end of the item before
//!        | "step" R "/" TIME               R sends a second
//!        | "spike" R "/" TIME              R sends a second, then again as before
//! ```

use crate::plan::Curve;
use crate::plan::pieces;
use crate::units::Nanos;
use crate::units::Rate;

/// An example for those whose shape was not understood.
const EXAMPLE: &str = "write for example 'rate: 1..10/60s, hold 30s, step 20/10s, spike 50/5s'";

/// Pieces of the measured time: sends a second at start and end, and seconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pieces(Vec<(f64, f64, f64)>);

impl Pieces {
    /// The curve of a run whose measured time begins at `measure_from`; up to there the first rate holds.
    pub(super) fn curve(&self, measure_from: Nanos) -> Result<Curve, String> {
        let first = self.0.first().map_or(0.0, |(from, ..)| *from);
        let before = (first, first, measure_from.as_secs_f64().max(1e-3));
        let all: Vec<(f64, f64, f64)> = std::iter::once(before).chain(self.0.iter().copied()).collect();
        pieces::Pieces::new(&all).map(Curve::Pieces)
    }

    /// How long all pieces take.
    pub(super) fn length(&self) -> Nanos {
        Nanos(self.0.iter().map(|(_, _, over_s)| (over_s * 1e9) as u64).sum())
    }
}

/// `10/s`, or `1/s..10/s:60s` for a ramp.
pub(super) fn load_rate(text: &str) -> Result<Curve, String> {
    let Some((from, rest)) = text.split_once("..") else {
        return Ok(Curve::Constant { rate: text.parse()? });
    };
    let (to, over) = rest.split_once(':').ok_or_else(|| format!("`{text}` is not a ramp; write for example `1/s..10/s:60s`"))?;
    let over: Nanos = over.parse()?;
    if over == Nanos::ZERO {
        return Err("a ramp over no time is a constant rate; write for example `10/s`".into());
    }
    Ok(Curve::Ramp { from: from.parse::<Rate>()?, to: to.parse::<Rate>()?, over })
}

/// Reads a shape.
pub(super) fn pieces(text: &str) -> Result<Pieces, String> {
    let Some(items) = text.trim().strip_prefix("rate:") else {
        let why = if text.contains("clients:") { "only the rate of each client can be shaped" } else { "a shape begins with `rate:`" };
        return Err(format!("{why}; {EXAMPLE}"));
    };
    let mut found: Vec<(f64, f64, f64)> = Vec::new();
    for text in items.split(',').map(str::trim) {
        let wrong = |why: &str| format!("`{text}`: {why}; {EXAMPLE}");
        let last = found.last().map(|(_, to, _)| *to);
        let (word, rest) = text.split_once(' ').map_or(("ramp", text), |(word, rest)| (word, rest.trim()));
        match word {
            "hold" => {
                let rate = last.ok_or_else(|| wrong("there is nothing to hold yet"))?;
                found.push((rate, rate, seconds(rest).map_err(|why| wrong(&why))?));
            }
            "step" | "spike" => {
                let (rate, over_s) = at_rate(rest).map_err(|why| wrong(&why))?;
                found.push((rate, rate, over_s));
                if let Some(before) = last.filter(|_| word == "spike") {
                    // Back to where it was; the least there is, since what follows says how long.
                    found.push((before, before, 1e-3));
                }
            }
            "ramp" => {
                let (from, rest) = rest.split_once("..").ok_or_else(|| wrong("it is not understood"))?;
                let (to, over_s) = at_rate(rest).map_err(|why| wrong(&why))?;
                found.push((rate(from).map_err(|why| wrong(&why))?, to, over_s));
            }
            _ => return Err(wrong("it is not understood")),
        }
    }
    // What holds for any measured time holds for none at all.
    let pieces = Pieces(found);
    pieces.curve(Nanos::ZERO).map(|_| pieces)
}

/// `R/TIME`.
fn at_rate(text: &str) -> Result<(f64, f64), String> {
    let (number, time) = text.split_once('/').ok_or("it has no time")?;
    Ok((rate(number)?, seconds(time)?))
}

fn rate(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.trim().parse().ok();
    number.filter(|n| (0.0..=1e6).contains(n)).ok_or_else(|| format!("`{}` is no number of sends a second", text.trim()))
}

fn seconds(text: &str) -> Result<f64, String> {
    let time: Nanos = text.trim().parse()?;
    if time == Nanos::ZERO { Err("it takes no time".into()) } else { Ok(time.as_secs_f64()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_piece() {
        let found = pieces("rate: 1..10/60s, hold 30s, step 20/10s, spike 50/5s, hold 1m").expect("good");
        let wanted =
            vec![(1.0, 10.0, 60.0), (10.0, 10.0, 30.0), (20.0, 20.0, 10.0), (50.0, 50.0, 5.0), (20.0, 20.0, 1e-3), (20.0, 20.0, 60.0)];
        assert_eq!(found, Pieces(wanted));
        assert_eq!(pieces("rate: ramp 0..5/10s"), Ok(Pieces(vec![(0.0, 5.0, 10.0)])));
    }

    #[test]
    fn mistakes_are_said_with_their_place() {
        for (text, why) in [
            ("1..10/60s", "a shape begins with `rate:`"),
            ("clients: 0..100/3s", "only the rate of each client"),
            ("rate: hold 3s", "`hold 3s`: there is nothing to hold yet"),
            ("rate: step 3", "`step 3`: it has no time"),
            ("rate: step x/3s", "`step x/3s`: `x` is no number"),
            ("rate: 1..2/3", "`1..2/3`: `3` has no unit"),
            ("rate: jump 3/3s", "`jump 3/3s`: it is not understood"),
            ("rate: 5..0/3s", "the last rate of a shape is held"),
        ] {
            let found = pieces(text).expect_err(text);
            assert!(found.contains(why), "{text}: {found}");
        }
    }
}
