//! The faults a server can be told to show.
//!
//! One variant and one row each, in files by what is struck: [`handshake`], [`connection`], and an
//! answer's [`frame`] or [`message`]. Which of them are struck is decided by counting: of N decisions
//! exactly floor(N * share) strike, on each lane. Knows names and arguments, not how a fault is carried
//! out.

pub(super) mod connection;
pub(super) mod frame;
pub(super) mod handshake;
pub(super) mod message;
mod story;

use std::str::FromStr;

use super::config::Protocol;
use connection::Connection;
use handshake::Handshake;
use message::Answer;

/// Something a well-behaved server would not do, or rarely does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// Decided at each handshake.
    Handshake(Handshake),
    /// Decided for each connection once it is open.
    Connection(Connection),
    /// Decided for each answer.
    Answer(Answer),
}

/// A fault's name, its argument, what it does, and how it is read.
pub struct Row {
    /// Name on the command line.
    pub name: &'static str,
    /// What its argument looks like: empty when it takes none, in brackets when it may be left away.
    pub arg: &'static str,
    /// One line for lists.
    pub about: &'static str,
    /// The only profile that can show it, if it is not for all.
    pub only: Option<Protocol>,
    read: Read,
}

/// How a fault is read from its argument.
enum Read {
    Plain(Fault),
    With(fn(&str) -> Option<Fault>),
    Maybe(Fault, fn(&str) -> Option<Fault>),
}

impl Row {
    const fn plain(name: &'static str, about: &'static str, fault: Fault) -> Row {
        Row { name, arg: "", about, only: None, read: Read::Plain(fault) }
    }

    const fn with(name: &'static str, arg: &'static str, about: &'static str, read: fn(&str) -> Option<Fault>) -> Row {
        Row { name, arg, about, only: None, read: Read::With(read) }
    }

    const fn maybe(name: &'static str, arg: &'static str, about: &'static str, fault: Fault, read: fn(&str) -> Option<Fault>) -> Row {
        Row { name, arg, about, only: None, read: Read::Maybe(fault, read) }
    }

    const fn only(mut self, profile: Protocol) -> Row {
        self.only = Some(profile);
        self
    }

    /// The fault as one writes it, with its argument.
    pub fn spelling(&self) -> String {
        match self.arg.strip_prefix('[') {
            _ if self.arg.is_empty() => self.name.into(),
            Some(inner) => format!("{}[={inner}", self.name),
            None => format!("{}={}", self.name, self.arg),
        }
    }

    /// A valid way to write it.
    fn example(&self) -> String {
        let arg = self.arg.trim_matches(['[', ']']);
        let first = arg.split(' ').next().unwrap_or(arg);
        if first.is_empty() { self.name.into() } else { format!("{}={first}", self.name) }
    }

    fn fault(&self, arg: Option<&str>) -> Result<Fault, String> {
        let name = self.name;
        match (&self.read, arg) {
            (Read::Plain(fault) | Read::Maybe(fault, _), None) => Ok(*fault),
            (Read::Plain(_), Some(_)) => Err(format!("fault `{name}` takes no argument")),
            (Read::With(_), None) => Err(format!("fault `{name}` needs an argument; write for example `{}`", self.example())),
            (Read::With(read) | Read::Maybe(_, read), Some(arg)) => {
                read(arg).ok_or_else(|| format!("fault `{name}={arg}`: {}; write for example `{}`", self.about, self.example()))
            }
        }
    }
}

/// Every fault there is, in groups with their headings.
pub const TABLE: [(&str, &[Row]); 5] = [
    ("Handshakes", handshake::ROWS),
    ("Connections; messages are the client's", connection::ROWS),
    ("Conversations of one protocol", story::ROWS),
    ("Answers, their messages", message::ROWS),
    ("Answers, their frames", frame::ROWS),
];

/// A fault and the share of decisions in which it strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Planned {
    pub(super) fault: Fault,
    pub(super) name: &'static str,
    /// The only profile that can show it.
    pub(super) only: Option<Protocol>,
    /// Its share in millionths, 1 to 1,000,000.
    share_ppm: u32,
}

impl FromStr for Planned {
    type Err = String;

    /// `NAME[=ARG][:SHARE]`, the share as `5%` or `0.05`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (spec, share) = text.split_once(':').map_or((text, None), |(spec, share)| (spec, Some(share)));
        let (name, arg) = spec.split_once('=').map_or((spec, None), |(name, arg)| (name, Some(arg)));
        let mut rows = TABLE.iter().flat_map(|(_, rows)| *rows);
        let Some(row) = rows.clone().find(|row| row.name == name) else {
            let names: Vec<&str> = rows.by_ref().map(|row| row.name).collect();
            return Err(format!("fault `{name}` is not known; there are {}", names.join(", ")));
        };
        let fault = row.fault(arg)?;
        let share_ppm = share.map_or(Ok(1_000_000), |share| {
            ppm(share).ok_or_else(|| format!("fault `{text}`: the share is `5%` or `0.05`, above 0 and at most 1"))
        })?;
        Ok(Planned { fault, name: row.name, only: row.only, share_ppm })
    }
}

/// A share in millionths from `5%` or `0.05`; above 0 and at most 1.
pub(super) fn ppm(share: &str) -> Option<u32> {
    let share = match share.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
        None => share.parse().ok()?,
    };
    let ppm = (share * 1e6).round();
    (share <= 1.0 && ppm >= 1.0).then_some(ppm as u32)
}

/// Counts decisions so that of N exactly floor(N * share) strike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Striker<T> {
    /// What strikes.
    pub(super) what: T,
    /// Under which name it is counted.
    pub(super) name: &'static str,
    share_ppm: u32,
    owed_ppm: u32,
}

impl<T> Striker<T> {
    /// Those of `planned` that `pick` takes.
    pub(super) fn of(planned: &[Planned], pick: impl Fn(Fault) -> Option<T>) -> Vec<Striker<T>> {
        let striker = |p: &Planned| Some(Striker { what: pick(p.fault)?, name: p.name, share_ppm: p.share_ppm, owed_ppm: 0 });
        planned.iter().filter_map(striker).collect()
    }

    /// One decision.
    pub(super) fn strikes(&mut self) -> bool {
        self.owed_ppm += self.share_ppm;
        let strikes = self.owed_ppm >= 1_000_000;
        self.owed_ppm -= if strikes { 1_000_000 } else { 0 };
        strikes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::connection::Closing;
    use super::connection::Deed;
    use super::connection::Ending;
    use super::message::Body;
    use super::*;

    fn rows() -> impl Iterator<Item = &'static Row> {
        TABLE.iter().flat_map(|(_, rows)| *rows)
    }

    #[test]
    fn faults_from_text() {
        let after = |n, deed| Fault::Connection(Connection::After(n, deed));
        for (text, fault, share_ppm) in [
            ("no_ack", Fault::Answer(Answer::Drop), 1_000_000),
            ("no_ack:5%", Fault::Answer(Answer::Drop), 50_000),
            ("reject_http=429:0.25", Fault::Handshake(Handshake::Reject(429, Some(1))), 250_000),
            ("reject_http=429@1500ms", Fault::Handshake(Handshake::Reject(429, Some(2))), 1_000_000),
            ("close_code=4000", after(1, Deed::Close(Closing::Code(4000))), 1_000_000),
            ("close_code=none@7", after(7, Deed::Close(Closing::NoStatus)), 1_000_000),
            ("drop_after_101", after(0, Deed::End(Ending::Fin)), 1_000_000),
            ("drop_after_101=rst", after(0, Deed::End(Ending::Rst)), 1_000_000),
            ("drop_midstream=5@rst", after(5, Deed::End(Ending::Rst)), 1_000_000),
            ("huge=1048576", Fault::Answer(Answer::Replaced(Body::Huge(1 << 20))), 1_000_000),
            ("huge=1MiB", Fault::Answer(Answer::Replaced(Body::Huge(1 << 20))), 1_000_000),
        ] {
            let planned = text.parse::<Planned>().expect(text);
            assert_eq!((planned.fault, planned.share_ppm), (fault, share_ppm), "{text}");
        }
        for text in [
            "nothing",
            "no_ack=1",
            "reject_http",
            "reject_http=200",
            "reject_http=429@soon",
            "redirect=200",
            "no_ack:0",
            "no_ack:101%",
            "huge=1",
            "no_ack:",
            "ping_flood=5",
            "drop_midstream=0",
            "drop_midstream=5@ack",
            "close_code=70000",
            "burst=0",
        ] {
            assert!(text.parse::<Planned>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_name_lists_all() {
        let said = "nack".parse::<Planned>().expect_err("there is no such fault");
        assert!(rows().all(|row| said.contains(row.name)), "{said}");
    }

    #[test]
    fn every_row_is_valid_and_fits_a_line() {
        let mut names = BTreeSet::new();
        for row in rows() {
            let planned: Planned = row.example().parse().expect(row.name);
            assert_eq!(planned.name, row.name);
            assert!(names.insert(row.name), "{} is there twice", row.name);
            assert!(row.about.len() <= 84 && !row.about.ends_with('.'), "{}", row.about);
            assert_eq!(row.arg.is_empty(), matches!(row.read, Read::Plain(_)), "{}", row.name);
        }
    }

    #[test]
    fn shares_are_exact() {
        for share_ppm in [1, 50_000, 333_333, 1_000_000] {
            let mut striker = Striker { what: (), name: "", share_ppm, owed_ppm: 0 };
            let mut struck = 0;
            for n in 1..=10_000u64 {
                struck += u64::from(striker.strikes());
                assert_eq!(struck, n * u64::from(share_ppm) / 1_000_000, "{n} at {share_ppm} ppm");
            }
        }
    }
}
