//! Faults of framing: an answer in frames that RFC 6455 forbids, or allows but nobody expects.
//!
//! Bytes only; when they are sent is not known here.

use super::Fault;
use super::Row;
use super::message::Answer;
use crate::mock::codec;
use crate::mock::codec::PING;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const CONTINUATION: u8 = 0;
const UNKNOWN: u8 = 3;
/// One more than a control frame may hold.
const OVERSIZE: usize = 126;

/// How a message is put into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mock) enum Framing {
    /// One bare frame, as it should be.
    Whole,
    /// One masked frame.
    Masked,
    /// Frames of one byte each; legal.
    OneByte,
    /// Two fragments with a ping between them; legal.
    PingInside,
    /// A fragment, then the message whole in a new frame.
    DataInside,
    /// A continuation of nothing.
    LoneContinuation,
    /// A reserved bit.
    Reserved,
    /// An opcode that means nothing.
    UnknownOpcode,
    /// A ping of 126 bytes in its place.
    OversizeControl,
    /// A ping without FIN in its place.
    FragmentedControl,
    /// A header that claims this many bytes, of which none come.
    Claim(u64),
}

impl Framing {
    /// Whether no client can take it for the answer.
    pub(in crate::mock) fn spoils(self) -> bool {
        !matches!(self, Framing::Whole | Framing::Masked | Framing::OneByte | Framing::PingInside)
    }

    /// Appends the frames of a message to `out`.
    pub(in crate::mock) fn encode(self, out: &mut Vec<u8>, opcode: u8, body: &[u8]) {
        let (first, second) = body.split_at(body.len() / 2);
        match self {
            Framing::Whole => codec::encode(out, opcode, body, false),
            Framing::Masked => codec::encode(out, opcode, body, true),
            Framing::OneByte => one_byte(out, opcode, body),
            Framing::PingInside => {
                frame(out, opcode, first);
                frame(out, FIN | PING, b"inside");
                frame(out, FIN | CONTINUATION, second);
            }
            Framing::DataInside => {
                frame(out, opcode, first);
                frame(out, FIN | opcode, body);
            }
            Framing::LoneContinuation => frame(out, FIN | CONTINUATION, body),
            Framing::Reserved => frame(out, FIN | RSV1 | opcode, body),
            Framing::UnknownOpcode => frame(out, FIN | UNKNOWN, body),
            Framing::OversizeControl => frame(out, FIN | PING, &[b'p'; OVERSIZE]),
            Framing::FragmentedControl => frame(out, PING, b"part"),
            Framing::Claim(length) => header(out, FIN | opcode, length),
        }
    }
}

/// Appends one of the frames of a message that never ends.
pub(in crate::mock) fn endless(out: &mut Vec<u8>, opcode: Option<u8>, body: &[u8]) {
    frame(out, opcode.unwrap_or(CONTINUATION), body);
}

fn one_byte(out: &mut Vec<u8>, opcode: u8, body: &[u8]) {
    let Some((last, before)) = body.split_last() else { return frame(out, FIN | opcode, body) };
    let mut kind = opcode;
    for byte in before {
        frame(out, kind, &[*byte]);
        kind = CONTINUATION;
    }
    frame(out, FIN | kind, &[*last]);
}

fn frame(out: &mut Vec<u8>, first: u8, body: &[u8]) {
    header(out, first, body.len() as u64);
    out.extend_from_slice(body);
}

fn header(out: &mut Vec<u8>, first: u8, length: u64) {
    out.push(first);
    match length {
        short @ 0..=125 => out.push(short as u8),
        middle @ 126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(127);
            out.extend_from_slice(&long.to_be_bytes());
        }
    }
}

const fn row(name: &'static str, about: &'static str, framing: Framing) -> Row {
    Row::plain(name, about, Fault::Answer(Answer::Framed(framing)))
}

/// Faults of answers as frames.
pub(super) const ROWS: &[Row] = &[
    row("one_byte_fragments", "in fragments of one byte, which is legal", Framing::OneByte),
    row("interleaved_control", "in two fragments with a ping between them, which is legal", Framing::PingInside),
    row("masked", "masked, which a server must not do", Framing::Masked),
    row("data_inside_fragments", "a fragment of it, then a new data frame", Framing::DataInside),
    row("lone_continuation", "a continuation of nothing", Framing::LoneContinuation),
    row("reserved_bits", "with a reserved bit set", Framing::Reserved),
    row("unknown_opcode", "with opcode 3", Framing::UnknownOpcode),
    row("oversize_control", "replaced by a ping of 126 bytes", Framing::OversizeControl),
    row("fragmented_control", "replaced by a ping without FIN", Framing::FragmentedControl),
    Row::with("huge_length", "1099511627776", "replaced by a header that claims so many bytes; silence from then on", |arg| {
        arg.parse().ok().filter(|n| *n > 0).map(|n| Fault::Answer(Answer::Framed(Framing::Claim(n))))
    }),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::codec::TEXT;

    #[test]
    fn frames_byte_by_byte() {
        for (framing, bytes) in [
            (Framing::Whole, &b"\x81\x03abc"[..]),
            (Framing::OneByte, b"\x01\x01a\x00\x01b\x80\x01c"),
            (Framing::PingInside, b"\x01\x01a\x89\x06inside\x80\x02bc"),
            (Framing::DataInside, b"\x01\x01a\x81\x03abc"),
            (Framing::LoneContinuation, b"\x80\x03abc"),
            (Framing::Reserved, b"\xc1\x03abc"),
            (Framing::UnknownOpcode, b"\x83\x03abc"),
            (Framing::FragmentedControl, b"\x09\x04part"),
            (Framing::Claim(5), b"\x81\x05"),
            (Framing::Claim(300), b"\x81\x7e\x01\x2c"),
            (Framing::Claim(u64::MAX), b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"),
        ] {
            let mut out = Vec::new();
            framing.encode(&mut out, TEXT, b"abc");
            assert_eq!(out, bytes, "{framing:?}");
        }
        let mut out = Vec::new();
        Framing::OneByte.encode(&mut out, TEXT, b"");
        Framing::PingInside.encode(&mut out, TEXT, b"");
        assert_eq!(out, b"\x81\x00\x01\x00\x89\x06inside\x80\x00");
    }
}
