//! The faults a server can be told to show.
//!
//! One variant and one row of [`TABLE`] each. Which answers or connections are struck is decided by
//! counting: of N decisions exactly floor(N * share) strike, on each lane. Knows the names and
//! arguments, not how a fault is carried out.

use std::str::FromStr;

use crate::units::Nanos;
use crate::units::Rate;

/// Something a well-behaved server would not do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// An answer is dropped.
    NoAck,
    /// An answer is sent twice.
    AckDup,
    /// Two consecutive answers of a connection change places.
    AckReorder,
    /// One answer to nothing, right after the connection opened.
    AckExtra,
    /// The handshake is refused with this HTTP status.
    RejectHttp(u16),
    /// The handshake is never answered.
    No101,
    /// The connection ends (FIN) right after the handshake.
    DropAfter101,
    /// The connection ends (FIN, no Close) after this many messages of the client.
    DropMidstream(u64),
    /// A Close with this code after this many messages of the client.
    CloseCode(u16, u64),
    /// An answer is replaced by a message of an unknown type.
    UnknownType,
    /// An answer lacks its members.
    MissingFields,
    /// An answer has null where it has values.
    NullData,
    /// An answer is replaced by 10,000 nested arrays.
    DeepNesting,
    /// An answer holds bytes that are not UTF-8, in a text frame.
    BadUtf8,
    /// An answer comes in a binary frame.
    BinaryForText,
    /// An answer is replaced by a text message of this many bytes.
    Huge(usize),
    /// Answers wait for a common instant every so often and leave in one segment.
    Coalesce(Nanos),
    /// Every byte leaves in a segment of its own.
    OneByte,
    /// An answer is masked.
    Masked,
    /// Pings at this rate on each connection.
    PingFlood(Rate),
    /// The server never reads from the connection.
    StallRead,
    /// An answer is replaced by the error with this number.
    ErrorInstead(u16),
}

/// When it is decided whether a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// At each handshake.
    Handshake,
    /// For each connection once it is open.
    Connection,
    /// For each answer.
    Answer,
}

impl Fault {
    /// When it is decided whether it strikes.
    pub(super) fn moment(self) -> Moment {
        match self {
            Fault::RejectHttp(_) | Fault::No101 => Moment::Handshake,
            Fault::AckExtra
            | Fault::DropAfter101
            | Fault::DropMidstream(_)
            | Fault::CloseCode(..)
            | Fault::Coalesce(_)
            | Fault::OneByte
            | Fault::PingFlood(_)
            | Fault::StallRead => Moment::Connection,
            Fault::NoAck
            | Fault::AckDup
            | Fault::AckReorder
            | Fault::UnknownType
            | Fault::MissingFields
            | Fault::NullData
            | Fault::DeepNesting
            | Fault::BadUtf8
            | Fault::BinaryForText
            | Fault::Huge(_)
            | Fault::Masked
            | Fault::ErrorInstead(_) => Moment::Answer,
        }
    }
}

/// A fault's name, its argument (empty when it takes none), what it does, and how it is read.
pub struct Row {
    /// Name on the command line.
    pub name: &'static str,
    /// What its argument looks like; empty when there is none.
    pub arg: &'static str,
    /// One line for lists.
    pub about: &'static str,
    read: fn(&str) -> Option<Fault>,
}

const fn plain(name: &'static str, about: &'static str, read: fn(&str) -> Option<Fault>) -> Row {
    Row { name, arg: "", about, read }
}

const fn with(name: &'static str, arg: &'static str, about: &'static str, read: fn(&str) -> Option<Fault>) -> Row {
    Row { name, arg, about, read }
}

/// Every fault there is.
pub const TABLE: &[Row] = &[
    plain("no_ack", "an answer is dropped", |_| Some(Fault::NoAck)),
    plain("ack_dup", "an answer is sent twice", |_| Some(Fault::AckDup)),
    plain("ack_reorder", "two consecutive answers of a connection change places", |_| Some(Fault::AckReorder)),
    plain("ack_extra", "one answer to nothing right after the connection opened", |_| Some(Fault::AckExtra)),
    with("reject_http", "503", "the handshake is refused with this HTTP status, 400 to 599", |arg| {
        arg.parse().ok().filter(|s| (400..600).contains(s)).map(Fault::RejectHttp)
    }),
    plain("no_101", "the handshake is never answered", |_| Some(Fault::No101)),
    plain("drop_after_101", "the connection ends without a Close right after the handshake", |_| Some(Fault::DropAfter101)),
    with("drop_midstream", "10", "the connection ends without a Close after this many messages", |arg| {
        arg.parse().ok().filter(|n| *n > 0).map(Fault::DropMidstream)
    }),
    with("close_code", "4000 or 4000@10", "a Close with this code after one message, or after that many", close_code),
    plain("unknown_type", "an answer is replaced by a message of an unknown type", |_| Some(Fault::UnknownType)),
    plain("missing_fields", "an answer lacks its members", |_| Some(Fault::MissingFields)),
    plain("null_data", "an answer has null for its values", |_| Some(Fault::NullData)),
    plain("deep_nesting", "an answer is replaced by 10,000 nested arrays", |_| Some(Fault::DeepNesting)),
    plain("bad_utf8", "an answer is a text frame that is not UTF-8", |_| Some(Fault::BadUtf8)),
    plain("binary_for_text", "an answer comes in a binary frame", |_| Some(Fault::BinaryForText)),
    with("huge", "1048576", "an answer is replaced by a text of this many bytes, up to 256 MiB", |arg| {
        arg.parse().ok().filter(|n| (16..=256 << 20).contains(n)).map(Fault::Huge)
    }),
    with("coalesce", "10ms", "answers wait for a common instant and leave in one segment", |arg| {
        arg.parse().ok().filter(|n: &Nanos| (1..=60_000_000_000).contains(&n.0)).map(Fault::Coalesce)
    }),
    plain("one_byte", "every byte leaves in a segment of its own", |_| Some(Fault::OneByte)),
    plain("masked", "an answer is masked, which a server must not do", |_| Some(Fault::Masked)),
    with("ping_flood", "1000/s", "pings at this rate on each connection, up to 100,000/s", |arg| {
        arg.parse().ok().filter(|rate: &Rate| rate.per_s() <= 100_000.0).map(Fault::PingFlood)
    }),
    plain("stall_read", "the server never reads from the connection", |_| Some(Fault::StallRead)),
    with("error_instead", "150", "openshock-live: an answer is replaced by the error 150 to 155, 200 or 201", |arg| {
        arg.parse().ok().filter(|n| matches!(n, 150..=155 | 200 | 201)).map(Fault::ErrorInstead)
    }),
];

fn close_code(arg: &str) -> Option<Fault> {
    let (code, after) = arg.split_once('@').unwrap_or((arg, "1"));
    Some(Fault::CloseCode(code.parse().ok()?, after.parse().ok().filter(|n| *n > 0)?))
}

/// A fault and the share of decisions in which it strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Planned {
    /// The fault.
    pub fault: Fault,
    /// Its share in millionths, 1 to 1,000,000.
    pub share_ppm: u32,
}

impl FromStr for Planned {
    type Err = String;

    /// `NAME[=ARG][:SHARE]`, the share as `5%` or `0.05`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (spec, share) = text.split_once(':').map_or((text, None), |(spec, share)| (spec, Some(share)));
        let (name, arg) = spec.split_once('=').map_or((spec, None), |(name, arg)| (name, Some(arg)));
        let Some(row) = TABLE.iter().find(|row| row.name == name) else {
            let names: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
            return Err(format!("fault `{name}` is not known; there are {}", names.join(", ")));
        };
        let fault = match (row.arg, arg) {
            ("", Some(_)) => return Err(format!("fault `{name}` takes no argument")),
            ("", None) => (row.read)(""),
            (hint, None) => return Err(format!("fault `{name}` needs an argument; write for example `{name}={}`", first_word(hint))),
            (_, Some(arg)) => (row.read)(arg),
        };
        let fault = fault.ok_or_else(|| format!("fault `{spec}`: {}; write for example `{name}={}`", row.about, first_word(row.arg)))?;
        let share_ppm = share.map_or(Ok(1_000_000), |share| {
            ppm(share).ok_or_else(|| format!("fault `{text}`: the share is `5%` or `0.05`, above 0 and at most 1"))
        })?;
        Ok(Planned { fault, share_ppm })
    }
}

fn first_word(hint: &str) -> &str {
    hint.split(' ').next().unwrap_or(hint)
}

fn ppm(share: &str) -> Option<u32> {
    let share = match share.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
        None => share.parse().ok()?,
    };
    let ppm = (share * 1e6).round();
    (share <= 1.0 && ppm >= 1.0).then_some(ppm as u32)
}

/// Counts decisions so that of N exactly floor(N * share) strike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Striker {
    pub(super) fault: Fault,
    share_ppm: u32,
    owed_ppm: u32,
}

impl Striker {
    /// Those of `planned` that are decided at `moment`.
    pub(super) fn of(planned: &[Planned], moment: Moment) -> Vec<Striker> {
        let here = planned.iter().filter(|p| p.fault.moment() == moment);
        here.map(|p| Striker { fault: p.fault, share_ppm: p.share_ppm, owed_ppm: 0 }).collect()
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
    use super::*;

    #[test]
    fn faults_from_text() {
        for (text, fault, share_ppm) in [
            ("no_ack", Fault::NoAck, 1_000_000),
            ("no_ack:5%", Fault::NoAck, 50_000),
            ("reject_http=429:0.25", Fault::RejectHttp(429), 250_000),
            ("close_code=4000", Fault::CloseCode(4000, 1), 1_000_000),
            ("close_code=1011@7", Fault::CloseCode(1011, 7), 1_000_000),
            ("huge=1048576", Fault::Huge(1 << 20), 1_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Planned { fault, share_ppm }), "{text}");
        }
        for text in
            ["nothing", "no_ack=1", "reject_http", "reject_http=200", "no_ack:0", "no_ack:101%", "huge=1", "no_ack:", "ping_flood=5"]
        {
            assert!(text.parse::<Planned>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_name_lists_all() {
        let said = "nack".parse::<Planned>().expect_err("there is no such fault");
        assert!(TABLE.iter().all(|row| said.contains(row.name)), "{said}");
    }

    #[test]
    fn every_example_is_valid() {
        for row in TABLE {
            let text = if row.arg.is_empty() { row.name.into() } else { format!("{}={}", row.name, first_word(row.arg)) };
            assert!(text.parse::<Planned>().is_ok(), "{text}");
        }
    }

    #[test]
    fn shares_are_exact() {
        for share_ppm in [1, 50_000, 333_333, 1_000_000] {
            let mut striker = Striker { fault: Fault::NoAck, share_ppm, owed_ppm: 0 };
            let mut struck = 0;
            for n in 1..=10_000u64 {
                struck += u64::from(striker.strikes());
                assert_eq!(struck, n * u64::from(share_ppm) / 1_000_000, "{n} at {share_ppm} ppm");
            }
        }
    }
}
