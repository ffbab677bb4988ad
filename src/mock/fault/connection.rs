//! Faults of an open connection: what strikes it once, and what it suffers all its life.
//!
//! Names and arguments; they are carried out in [`talk`](super::super::talk),
//! [`desk`](super::super::desk) and the peers.

use super::Fault;
use super::Row;
use crate::mock::config::Protocol;
use crate::units::Nanos;
use crate::units::Rate;
use crate::units::SECOND;

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::mock) enum Connection {
    /// Something happens after this many messages of the client.
    After(u64, Deed),
    /// One answer to nothing once open.
    Extra,
    /// Answers wait for a common instant every so often and leave in one segment.
    Coalesce(Nanos),
    /// Every byte leaves in a segment of its own.
    OneByte,
    /// Pings at this rate.
    PingFlood(Rate),
    /// Never read from.
    StallRead,
    /// The client's Close is not answered.
    CloseNoEcho,
    /// A message follows the server's Close.
    DataAfterClose,
    /// Closed at each multiple of this server time, with all others.
    Storm(Nanos),
    /// The ready message comes this late, or never.
    Ready(Option<Nanos>),
    /// The protocol's own pings never come.
    NoAppPing,
    /// The protocol's own pings lack their data.
    PingMissingData,
    /// Timestamps are hours off and run backwards.
    ClockSkew,
    /// The story of its protocol does what the fault's name says.
    Odd,
}

/// What happens at one point of a conversation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::mock) enum Deed {
    /// The connection ends without a Close.
    End(Ending),
    /// The server closes.
    Close(Closing),
    /// The server says nothing from here on, but reads.
    Mute,
    /// A message begins whose fragments never end.
    Endless,
    /// So many messages nobody asked for, at once.
    Burst(u32),
    /// The hub goes offline.
    Offline,
}

/// How TCP ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mock) enum Ending {
    /// In order.
    Fin,
    /// By a reset.
    Rst,
}

/// What a Close says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mock) enum Closing {
    /// This code, valid or not.
    Code(u16),
    /// Nothing.
    NoStatus,
    /// Half a code.
    OneByte,
    /// 1000 and a reason of 123 bytes, the longest there is.
    LongReason,
    /// 1000 and a reason that is not UTF-8.
    BadReason,
}

impl Closing {
    /// The payload of the frame.
    pub(in crate::mock) fn body(self) -> Vec<u8> {
        let normal = 1000u16.to_be_bytes();
        match self {
            Closing::Code(code) => code.to_be_bytes().to_vec(),
            Closing::NoStatus => Vec::new(),
            Closing::OneByte => vec![normal[0]],
            Closing::LongReason => [&normal[..], &[b'r'; 123]].concat(),
            Closing::BadReason => [&normal[..], b"\xc3\x28"].concat(),
        }
    }
}

const fn after(after: u64, deed: Deed) -> Fault {
    Fault::Connection(Connection::After(after, deed))
}

const fn life(name: &'static str, about: &'static str, what: Connection) -> Row {
    Row::plain(name, about, Fault::Connection(what))
}

/// Faults of connections.
pub(super) const ROWS: &[Row] = &[
    Row::maybe("drop_after_101", "[rst]", "ends without a Close at once, by FIN or by RST", after(0, Deed::End(Ending::Fin)), |arg| {
        (arg == "rst").then_some(after(0, Deed::End(Ending::Rst)))
    }),
    Row::with("drop_midstream", "10 or 10@rst", "ends without a Close after 10 messages, by FIN or by RST", drop_midstream),
    Row::with(
        "close_code",
        "4000 or 4000@10",
        "a Close of a code, none, one_byte, long_reason or bad_reason after 1 or 10 messages",
        close_code,
    ),
    life("close_no_echo", "the client's Close is not answered, TCP stays open", Connection::CloseNoEcho),
    life("data_after_close", "a message follows the server's Close", Connection::DataAfterClose),
    life("stall_read", "the server never reads", Connection::StallRead),
    Row::with("stall_write", "10", "the server says nothing after 10 messages, TCP stays open", |arg| Some(after(count(arg)?, Deed::Mute))),
    Row::with("endless_fragments", "10", "after 10 messages one begins that never ends, until the client leaves", |arg| {
        Some(after(count(arg)?, Deed::Endless))
    }),
    Row::with("burst", "10000 or 10000@10", "so many messages nobody asked for, up to 100000, after 1 or 10 messages", burst),
    Row::with("ping_flood", "1000/s", "pings at this rate, up to 100,000/s", |arg| {
        let rate = arg.parse().ok().filter(|rate: &Rate| rate.per_s() <= 100_000.0);
        rate.map(|rate| Fault::Connection(Connection::PingFlood(rate)))
    }),
    Row::with("reconnect_storm", "5s", "all connections get Close 1001 at one instant, every so often, 100ms to 1h", |arg| {
        let every = span(arg, SECOND / 10..=3600 * SECOND)?;
        Some(Fault::Connection(Connection::Storm(every)))
    }),
    Row::with("coalesce", "10ms", "answers wait for a common instant and leave in one segment", |arg| {
        Some(Fault::Connection(Connection::Coalesce(span(arg, 1..=60 * SECOND)?)))
    }),
    life("one_byte", "every byte leaves in a segment of its own", Connection::OneByte),
    life("ack_extra", "one answer to nothing once open", Connection::Extra),
    life("auth_never", "the message that says ready never comes", Connection::Ready(None)).only(Protocol::OpenShockLive),
    Row::with("auth_late", "2s", "the message that says ready comes this late, 1ms to 1h", |arg| {
        Some(Fault::Connection(Connection::Ready(Some(span(arg, SECOND / 1000..=3600 * SECOND)?))))
    })
    .only(Protocol::OpenShockLive),
    Row::plain("silent_auth_fail", "Close 1008 at once, without a word before it", after(0, Deed::Close(Closing::Code(1008))))
        .only(Protocol::OpenShockLive),
    Row::with("device_offline", "10", "after 10 messages DeviceNotConnected and Close 1000", |arg| Some(after(count(arg)?, Deed::Offline)))
        .only(Protocol::OpenShockLive),
    life("no_app_ping", "the gateway's pings never come", Connection::NoAppPing).only(Protocol::OpenShockLive),
    life("ping_missing_data", "the gateway's pings have no data", Connection::PingMissingData).only(Protocol::OpenShockLive),
    life("clock_skew", "the gateway's timestamps are 12 hours off and go back an hour each", Connection::ClockSkew)
        .only(Protocol::OpenShockLive),
];

/// A count of messages, at least 1.
fn count(text: &str) -> Option<u64> {
    text.parse().ok().filter(|n| *n > 0)
}

fn span(text: &str, range: std::ops::RangeInclusive<u64>) -> Option<Nanos> {
    text.parse().ok().filter(|span: &Nanos| range.contains(&span.0))
}

fn drop_midstream(arg: &str) -> Option<Fault> {
    let (n, ending) = match arg.strip_suffix("@rst") {
        Some(n) => (n, Ending::Rst),
        None => (arg, Ending::Fin),
    };
    Some(after(count(n)?, Deed::End(ending)))
}

fn close_code(arg: &str) -> Option<Fault> {
    let (what, n) = arg.split_once('@').unwrap_or((arg, "1"));
    let closing = match what {
        "none" => Closing::NoStatus,
        "one_byte" => Closing::OneByte,
        "long_reason" => Closing::LongReason,
        "bad_reason" => Closing::BadReason,
        code => Closing::Code(code.parse().ok()?),
    };
    Some(after(count(n)?, Deed::Close(closing)))
}

fn burst(arg: &str) -> Option<Fault> {
    let (events, n) = arg.split_once('@').unwrap_or((arg, "1"));
    let events = events.parse().ok().filter(|n| (1..=100_000).contains(n))?;
    Some(after(count(n)?, Deed::Burst(events)))
}
