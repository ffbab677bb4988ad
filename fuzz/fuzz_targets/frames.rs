//! Frames from a hostile server: what is heard does not depend on where reads cut the bytes, nor on
//! what another connection of the lane says in between, and little is held for it.
//!
//! First byte: how many of the next bytes are lengths of reads, used round and round. The rest is
//! what the server sends.

#![no_main]

use libfuzzer_sys::fuzz_target;
use volley::wire::frames::Assembly;
use volley::wire::frames::Broken;
use volley::wire::frames::Budget;
use volley::wire::frames::Decoder;
use volley::wire::frames::Heard;
use volley::wire::frames::Kind;

/// Small, so that its edge is reached.
const CAP: usize = 300;

/// Never reached; what was taken from it must come back.
static BUDGET: Budget = Budget::new(1 << 20);

#[derive(Debug, PartialEq, Eq)]
enum Said {
    Message(Kind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, Box<str>),
}

/// One connection and what was heard on it.
#[derive(Default)]
struct Connection {
    assembly: Assembly,
    said: Vec<Said>,
    broken: Option<Broken>,
}

impl Connection {
    fn read(&mut self, decoder: &mut Decoder, piece: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        decoder.take_in(&mut self.assembly, piece);
        loop {
            match decoder.next(&mut self.assembly) {
                Ok(Some(Heard::Message(kind, m))) => self.said.push(Said::Message(kind, m.bytes().to_vec())),
                Ok(Some(Heard::Ping(m))) => self.said.push(Said::Ping(m.bytes().to_vec())),
                Ok(Some(Heard::Pong(m))) => self.said.push(Said::Pong(m.bytes().to_vec())),
                Ok(Some(Heard::Close { code, reason })) => self.said.push(Said::Close(code, reason)),
                Ok(None) => break,
                Err(broken) => {
                    assert!(matches!(broken.close_code(), 1002 | 1007 | 1009), "{broken:?}");
                    self.broken = Some(broken);
                    return;
                }
            }
        }
        assert!(self.assembly.held() <= 4 * CAP, "{} bytes held", self.assembly.held());
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&count, rest)) = data.split_first() else { return };
    let (cuts, wire) = rest.split_at(usize::from(count % 16).min(rest.len()));
    let (mut decoder, mut whole) = (Decoder::within(CAP, &BUDGET), Connection::default());
    whole.read(&mut decoder, wire);
    // Two more connections share the decoder, one a read behind the other.
    let mut pair = [Connection::default(), Connection::default()];
    let mut before: &[u8] = &[];
    let mut left = wire;
    let mut lengths = cuts.iter().map(|&n| usize::from(n).max(1)).cycle();
    while !left.is_empty() {
        let (piece, rest) = left.split_at(lengths.next().unwrap_or(1).min(left.len()));
        pair[1].read(&mut decoder, before);
        pair[0].read(&mut decoder, piece);
        (before, left) = (piece, rest);
    }
    pair[1].read(&mut decoder, before);
    for cut in &pair {
        assert_eq!((&cut.said, cut.broken), (&whole.said, whole.broken));
    }
    drop((pair, whole));
    assert_eq!(BUDGET.held(), 0);
});
