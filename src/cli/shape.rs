//! `--rate` and `--shape`: the rate of each client and the number of clients, over the measured time, in words.
//!
//! ```text
//! shape := part (";" part)*                of each at most one
//! part  := ("rate:" | "clients:") item ("," item)*
//! item  := ["ramp"] A ".." B "/" TIME      linear from A to B: sends a second of a client, or clients
//!        | "hold" TIME                     as it was at the end of the item before
//!        | "step" N "/" TIME               N
//!        | "spike" N "/" TIME              N, then again as before
//! ```

use crate::plan::Curve;
use crate::plan::Presence;
use crate::plan::pieces;
use crate::units::Nanos;
use crate::units::Rate;

/// An example for those whose shape was not understood.
const EXAMPLE: &str = "write for example 'clients: 0..1000/30s, hold 2m, spike 3000/5s; rate: 1..10/60s'";
/// Most clients.
const CLIENTS_MOST: f64 = 1e6;
/// Most sends a second.
const RATE_MOST: f64 = 1e6;

/// What is shaped.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shaped {
    /// Sends a second of each client.
    pub(super) rate: Option<Pieces>,
    /// Clients.
    pub(super) clients: Option<Pieces>,
}

impl Shaped {
    /// How long it takes.
    pub(super) fn length(&self) -> Nanos {
        self.rate.iter().chain(&self.clients).map(Pieces::length).max().unwrap_or_default()
    }
}

/// Pieces of the measured time: values at start and end, and seconds.
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

    /// The clients of a run whose measured time begins at `measure_from`; those of the first level come within `ramp`.
    pub(super) fn presence(&self, measure_from: Nanos, ramp: Nanos) -> Result<Presence, String> {
        Presence::new(&self.0, measure_from, ramp)
    }

    /// Clients at the beginning, and at most.
    pub(super) fn clients(&self) -> (u64, u64) {
        let most = self.0.iter().flat_map(|(from, to, _)| [*from, *to]).fold(0.0, f64::max);
        (self.0.first().map_or(0, |(from, ..)| from.ceil() as u64), most.ceil() as u64)
    }

    /// How long all pieces take.
    fn length(&self) -> Nanos {
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
pub(super) fn shape(text: &str) -> Result<Shaped, String> {
    let mut shaped = Shaped::default();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (place, most, items) = match part.split_once(':') {
            Some(("rate", items)) => (&mut shaped.rate, RATE_MOST, items),
            Some(("clients", items)) => (&mut shaped.clients, CLIENTS_MOST, items),
            _ => return Err(format!("`{part}`: a part of a shape begins with `rate:` or `clients:`; {EXAMPLE}")),
        };
        if place.replace(pieces(items, most)?).is_some() {
            return Err(format!("`{part}`: that is shaped already; {EXAMPLE}"));
        }
    }
    // What holds for any measured time holds for none at all.
    if let Some(rate) = &shaped.rate {
        rate.curve(Nanos::ZERO)?;
    }
    if let Some(clients) = &shaped.clients {
        clients.presence(Nanos::ZERO, Nanos::ZERO)?;
    }
    if shaped == Shaped::default() { Err(format!("nothing is shaped; {EXAMPLE}")) } else { Ok(shaped) }
}

/// Reads the items of a part, whose values are at most `most`.
fn pieces(items: &str, most: f64) -> Result<Pieces, String> {
    let mut found: Vec<(f64, f64, f64)> = Vec::new();
    for text in items.split(',').map(str::trim) {
        let wrong = |why: String| format!("`{text}`: {why}; {EXAMPLE}");
        let last = found.last().map(|(_, to, _)| *to);
        let (word, rest) = text.split_once(' ').map_or(("ramp", text), |(word, rest)| (word, rest.trim()));
        match word {
            "hold" => {
                let value = last.ok_or_else(|| wrong("there is nothing to hold yet".into()))?;
                found.push((value, value, seconds(rest).map_err(wrong)?));
            }
            "step" | "spike" => {
                let (value, over_s) = over(rest, most).map_err(wrong)?;
                found.push((value, value, over_s));
                if let Some(before) = last.filter(|_| word == "spike") {
                    // Back to where it was; the least there is, since what follows says how long.
                    found.push((before, before, 1e-3));
                }
            }
            "ramp" => {
                let (from, rest) = rest.split_once("..").ok_or_else(|| wrong("it is not understood".into()))?;
                let (to, over_s) = over(rest, most).map_err(wrong)?;
                found.push((value(from, most).map_err(wrong)?, to, over_s));
            }
            _ => return Err(wrong("it is not understood".into())),
        }
    }
    Ok(Pieces(found))
}

/// `N/TIME`.
fn over(text: &str, most: f64) -> Result<(f64, f64), String> {
    let (number, time) = text.split_once('/').ok_or("it has no time")?;
    Ok((value(number, most)?, seconds(time)?))
}

fn value(text: &str, most: f64) -> Result<f64, String> {
    let number: Option<f64> = text.trim().parse().ok();
    number.filter(|n| (0.0..=most).contains(n)).ok_or_else(|| format!("`{}` is no number from 0 to {most}", text.trim()))
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
        let found = shape("rate: 1..10/60s, hold 30s, step 20/10s, spike 50/5s, hold 1m; clients: ramp 0..5/10s").expect("good");
        let wanted =
            vec![(1.0, 10.0, 60.0), (10.0, 10.0, 30.0), (20.0, 20.0, 10.0), (50.0, 50.0, 5.0), (20.0, 20.0, 1e-3), (20.0, 20.0, 60.0)];
        assert_eq!(found, Shaped { rate: Some(Pieces(wanted)), clients: Some(Pieces(vec![(0.0, 5.0, 10.0)])) });
        assert_eq!(found.length(), Nanos::from_millis(165_001));
    }

    #[test]
    fn mistakes_are_said_with_their_place() {
        for (text, why) in [
            ("1..10/60s", "begins with `rate:` or `clients:`"),
            ("", "nothing is shaped"),
            ("clients: 0..0/3s", "a shape without any clients"),
            ("clients: 1..2000000/3s", "`2000000` is no number from 0 to 1000000"),
            ("clients: 1..2/3s; clients: 1..3/3s", "shaped already"),
            ("rate: hold 3s", "`hold 3s`: there is nothing to hold yet"),
            ("rate: step 3", "`step 3`: it has no time"),
            ("rate: step x/3s", "`step x/3s`: `x` is no number"),
            ("rate: 1..2/3", "`1..2/3`: `3` has no unit"),
            ("rate: jump 3/3s", "`jump 3/3s`: it is not understood"),
            ("rate: 5..0/3s", "the last rate of a shape is held"),
        ] {
            let found = shape(text).expect_err(text);
            assert!(found.contains(why), "{text}: {found}");
        }
    }
}
