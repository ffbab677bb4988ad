//! Both frame codecs, client's and reference server's, on the same frames: they were written apart, so
//! what one hears and the other does not is a mistake of one of them. And what the server hears does
//! not depend on where reads cut the bytes.
//!
//! First byte: length of the server's reads. Then frames: first byte on the wire, length, payload.

#![no_main]

#[path = "../../src/mock/codec.rs"]
#[allow(dead_code, reason = "its encoder is not asked")]
mod codec;

use codec::Defect;
use codec::Event;
use libfuzzer_sys::fuzz_target;
use volley::wire::frames::Assembly;
use volley::wire::frames::Broken;
use volley::wire::frames::Decoder;
use volley::wire::frames::Heard;
use volley::wire::frames::Kind;

const CAP: usize = 300;
const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// What both codecs can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// Whether it is text, and its bytes.
    Message(bool, Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

/// The frames in `data`, bare as a server sends them and masked as a client does.
fn wires(mut data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut bare, mut masked) = (Vec::new(), Vec::new());
    while let [first, len, rest @ ..] = data {
        let (payload, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        for (wire, bit) in [(&mut bare, 0), (&mut masked, 0x80)] {
            wire.push(*first);
            match payload.len() {
                short @ 0..=125 => wire.push(bit | short as u8),
                long => wire.extend([bit | 126, 0, long as u8]),
            }
        }
        bare.extend(payload);
        masked.extend(MASK);
        masked.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        data = rest;
    }
    (bare, masked)
}

fn client_hears(wire: &[u8]) -> (Vec<Said>, Option<Broken>) {
    let (mut decoder, mut assembly, mut said) = (Decoder::new(CAP), Assembly::default(), Vec::new());
    decoder.take_in(&mut assembly, wire);
    loop {
        said.push(match decoder.next(&mut assembly) {
            Ok(Some(Heard::Message(kind, m))) => Said::Message(kind == Kind::Text, m.bytes().to_vec()),
            Ok(Some(Heard::Ping(m))) => Said::Ping(m.bytes().to_vec()),
            Ok(Some(Heard::Pong(_))) => Said::Pong,
            Ok(Some(Heard::Close { code, .. })) => Said::Close(code),
            Ok(None) => return (said, None),
            Err(broken) => return (said, Some(broken)),
        });
    }
}

fn server_hears(wire: &[u8], step: usize) -> (Vec<Said>, Option<Defect>) {
    let (mut decoder, mut said) = (codec::Decoder::default(), Vec::new());
    for piece in wire.chunks(step) {
        let mut piece = piece.to_vec();
        let mut at = 0;
        loop {
            said.push(match decoder.next(&mut piece, &mut at, CAP) {
                Ok(Some(Event::Message { opcode, body })) => Said::Message(opcode == codec::TEXT, body.to_vec()),
                Ok(Some(Event::Ping(body))) => Said::Ping(body.to_vec()),
                Ok(Some(Event::Pong)) => Said::Pong,
                Ok(Some(Event::Close(code))) => Said::Close(code),
                Ok(None) => break,
                Err(defect) => return (said, Some(defect)),
            });
        }
        assert_eq!(at, piece.len(), "a read is used up");
        assert!(decoder.weight() <= 16 * CAP, "{} bytes held", decoder.weight());
    }
    (said, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((&step, frames)) = data.split_first() else { return };
    let (bare, masked) = wires(frames);
    let (server, defect) = server_hears(&masked, masked.len().max(1));
    let (cut, cut_defect) = server_hears(&masked, usize::from(step).max(1));
    assert_eq!((&server, defect), (&cut, cut_defect));
    let (client, broken) = client_hears(&bare);
    assert_eq!(server, client);
    // A frame that is wrong in two ways may be refused for either.
    assert_eq!(defect.is_some(), broken.is_some(), "{defect:?} {broken:?}");
});
