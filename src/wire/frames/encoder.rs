//! Frames of a client, written.

use fastwebsockets::Frame;
use fastwebsockets::OpCode;
use fastwebsockets::Payload;

/// The kinds of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text message.
    Text,
    /// A binary message.
    Binary,
    /// A ping.
    Ping,
    /// A pong.
    Pong,
    /// A close.
    Close,
}

/// Writes frames into one buffer that is used again and again; one per lane.
#[derive(Debug)]
pub struct Encoder {
    frame: Vec<u8>,
    len: usize,
    mask: u64,
}

impl Encoder {
    /// An encoder whose masks come from a generator seeded with `seed`. A mask only has to be
    /// unpredictable to pages in a browser (RFC 6455 section 10.3), so a fast generator will do.
    pub fn new(seed: u64) -> Self {
        Encoder { frame: Vec::with_capacity(4_096), len: 0, mask: seed }
    }

    /// The whole masked frame of `payload`, which is masked in place.
    #[inline]
    pub fn frame(&mut self, kind: Kind, payload: &mut [u8]) -> &[u8] {
        let opcode = match kind {
            Kind::Text => OpCode::Text,
            Kind::Binary => OpCode::Binary,
            Kind::Ping => OpCode::Ping,
            Kind::Pong => OpCode::Pong,
            Kind::Close => OpCode::Close,
        };
        let key = self.next_mask();
        let mut frame = Frame::new(true, opcode, Some(key), Payload::BorrowedMut(payload));
        frame.mask();
        self.len = frame.write(&mut self.frame).len();
        self.last()
    }

    /// The frame made last.
    pub fn last(&self) -> &[u8] {
        &self.frame[..self.len]
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn next_mask(&mut self) -> [u8; 4] {
        self.mask = self.mask.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.mask ^ (self.mask >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) as u32).to_ne_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read_by_a_server() {
        let mut encoder = Encoder::new(7);
        for (kind, first) in [(Kind::Text, 0x81), (Kind::Binary, 0x82)] {
            for len in [0usize, 1, 125, 126, 65_535, 65_536] {
                let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
                let bytes = encoder.frame(kind, &mut payload.clone()).to_vec();
                let header = bytes.len() - len;
                assert_eq!(bytes[0], first);
                assert_eq!(bytes[1] & 0x80, 0x80, "masked");
                let key = &bytes[header - 4..header];
                let plain: Vec<u8> = bytes[header..].iter().enumerate().map(|(i, b)| b ^ key[i % 4]).collect();
                assert_eq!(plain, payload);
            }
        }
    }
}
