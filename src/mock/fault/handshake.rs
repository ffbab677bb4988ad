//! Faults of the opening handshake.
//!
//! Names and arguments; the answers themselves are written in [`greeting`](super::super::greeting).

use super::Fault;
use super::Row;
use crate::mock::config::Protocol;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::units::bytes_from;

/// What becomes of a handshake.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::mock) enum Handshake {
    /// Refused with this HTTP status and these seconds of Retry-After.
    Reject(u16, Option<u64>),
    /// Sent elsewhere with this HTTP status.
    Redirect(u16),
    /// The gateway says that its hub is busy.
    Busy,
    /// Never answered.
    Silence,
    /// Answered by something that is not HTTP.
    NotHttp,
    /// Accepted, with something wrong or unusual about the 101.
    Odd(Odd),
}

/// What is wrong or unusual about a 101.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::mock) enum Odd {
    /// One byte each time.
    Slow(Nanos),
    /// `Sec-WebSocket-Accept` of another key.
    WrongAccept,
    /// No `Sec-WebSocket-Accept`.
    NoAccept,
    /// `Connection: keep-alive, Upgrade`, which is legal.
    KeepAlive,
    /// An extension that nobody asked for.
    Extension,
    /// A subprotocol that nobody asked for.
    Subprotocol,
    /// A block of headers of this many bytes.
    HugeHeaders(usize),
    /// The first frame comes in the same segment.
    Early,
}

const fn odd(name: &'static str, about: &'static str, odd: Odd) -> Row {
    Row::plain(name, about, Fault::Handshake(Handshake::Odd(odd)))
}

/// Faults of handshakes.
pub(super) const ROWS: &[Row] = &[
    Row::with("reject_http", "503 or 429@5s", "refused with this HTTP status, 400 to 599, and this Retry-After", reject),
    Row::with("redirect", "302", "sent to /redirected by 301, 302, 303, 307 or 308", |arg| {
        arg.parse().ok().filter(|status| matches!(status, 301 | 302 | 303 | 307 | 308)).map(Handshake::Redirect).map(Fault::Handshake)
    }),
    Row::plain("busy", "refused with 412 because the hub is busy", Fault::Handshake(Handshake::Busy)).only(Protocol::OpenShockLive),
    Row::plain("no_101", "never answered", Fault::Handshake(Handshake::Silence)),
    Row::plain("not_http", "answered by a line that is not HTTP, then the end", Fault::Handshake(Handshake::NotHttp)),
    Row::with("slow_headers", "50ms", "the 101 comes one byte at a time with this pause, 1ms to 10s", |arg| {
        let pause = arg.parse().ok().filter(|n: &Nanos| (Nanos::from_millis(1)..=Nanos::from_secs(10)).contains(n));
        pause.map(|pause| Fault::Handshake(Handshake::Odd(Odd::Slow(pause))))
    }),
    Row::with("huge_headers", "65536", "the 101 has a block of headers of this many bytes, 1 KiB to 16 MiB", |arg| {
        let bytes = bytes_from(arg).ok().filter(|n| (1 << 10..=16 << 20).contains(n));
        bytes.map(|bytes| Fault::Handshake(Handshake::Odd(Odd::HugeHeaders(bytes as usize))))
    }),
    odd("wrong_accept", "the 101 has the Sec-WebSocket-Accept of another key", Odd::WrongAccept),
    odd("no_accept", "the 101 has no Sec-WebSocket-Accept", Odd::NoAccept),
    odd("unasked_extension", "the 101 names an extension that nobody asked for", Odd::Extension),
    odd("unasked_subprotocol", "the 101 names a subprotocol that nobody asked for", Odd::Subprotocol),
    odd("keep_alive_upgrade", "the 101 says `Connection: keep-alive, Upgrade`, which is legal", Odd::KeepAlive),
    odd("early_frame", "the first frame comes in the same segment as the 101, which is legal", Odd::Early),
];

fn reject(arg: &str) -> Option<Fault> {
    let (status, retry) = arg.split_once('@').map_or((arg, None), |(status, retry)| (status, Some(retry)));
    let status = status.parse().ok().filter(|s| (400..600).contains(s))?;
    let retry = match retry {
        Some(span) => Some(span.parse::<Nanos>().ok()?.0.div_ceil(SECOND)),
        None => matches!(status, 429 | 503).then_some(1),
    };
    Some(Fault::Handshake(Handshake::Reject(status, retry)))
}
