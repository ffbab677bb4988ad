//! Frames as they are understood from bytes that only go by (RFC 6455 section 5.2). Asks nothing of either side: masked or not,
//! in any fragments, with control frames between them. What cannot be understood ends the listening, and nothing else.

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// A close frame with its code.
    Close(Option<u16>),
    /// Nothing more will be heard, and why.
    Lost(String),
}

/// Opcodes.
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
/// Longest payload of a control frame.
const CONTROL_MOST: u64 = 125;
/// Longest head of a frame.
const HEAD_MOST: usize = 14;

/// A frame whose payload goes by.
#[derive(Debug)]
struct Frame {
    opcode: u8,
    is_last: bool,
    mask: [u8; 4],
    /// Bytes that went by, and those that will.
    at: u64,
    length: u64,
}

/// Listens to one side of a connection.
#[derive(Debug)]
pub(super) struct Ear {
    /// Largest message.
    cap: usize,
    head: Vec<u8>,
    frame: Option<Frame>,
    /// Opcode of the message that is not whole yet.
    message: Option<u8>,
    held: Vec<u8>,
    control: Vec<u8>,
    is_lost: bool,
}

impl Ear {
    /// Hears messages of at most `cap` bytes.
    pub(super) fn new(cap: usize) -> Self {
        Ear { cap, head: Vec::new(), frame: None, message: None, held: Vec::new(), control: Vec::new(), is_lost: false }
    }

    /// Bytes held of a message that is not whole.
    pub(super) fn held(&self) -> usize {
        self.held.capacity()
    }

    /// Listens to what goes by.
    pub(super) fn hear(&mut self, mut bytes: &[u8], mut say: impl FnMut(Heard)) {
        while !bytes.is_empty() && !self.is_lost {
            let step = if self.frame.is_some() { self.payload(&mut bytes, &mut say) } else { self.begin(&mut bytes, &mut say) };
            if let Err(why) = step {
                self.is_lost = true;
                (self.held, self.control) = (Vec::new(), Vec::new());
                say(Heard::Lost(why));
            }
        }
    }

    /// Takes bytes of a head; when it is whole, a frame has begun.
    fn begin(&mut self, bytes: &mut &[u8], say: &mut impl FnMut(Heard)) -> Result<(), String> {
        while let Some((first, rest)) = bytes.split_first() {
            self.head.push(*first);
            *bytes = rest;
            let Some(frame) = head_of(&self.head) else { continue };
            if self.head[0] & 0x70 != 0 {
                return Err("a frame belongs to an extension that was not asked for".into());
            }
            self.head.clear();
            self.check(&frame)?;
            let is_empty = frame.length == 0;
            self.frame = Some(frame);
            return if is_empty { self.payload(bytes, say) } else { Ok(()) };
        }
        Ok(())
    }

    fn check(&mut self, frame: &Frame) -> Result<(), String> {
        match (frame.opcode, self.message) {
            (CONTINUATION, None) => Err("a fragment continues nothing".into()),
            (TEXT | BINARY, Some(_)) => Err("a message begins inside another".into()),
            (CONTINUATION..=BINARY, _) => {
                if frame.opcode != CONTINUATION {
                    self.message = Some(frame.opcode);
                }
                let whole = frame.length.saturating_add(self.held.len() as u64);
                if whole <= self.cap as u64 { Ok(()) } else { Err(too_large(whole, self.cap)) }
            }
            (CLOSE..=10, _) if frame.length <= CONTROL_MOST && frame.is_last => Ok(()),
            _ => Err("what goes by are no frames".into()),
        }
    }

    /// Takes bytes of a payload; when it is whole, the frame has ended.
    fn payload(&mut self, bytes: &mut &[u8], say: &mut impl FnMut(Heard)) -> Result<(), String> {
        let Some(frame) = &mut self.frame else { return Ok(()) };
        let taken = usize::try_from(frame.length - frame.at).unwrap_or(usize::MAX).min(bytes.len());
        let (now, rest) = bytes.split_at(taken);
        let into = if frame.opcode >= CLOSE { &mut self.control } else { &mut self.held };
        let from = into.len();
        into.extend_from_slice(now);
        let turn = (frame.at % 4) as usize;
        into[from..].iter_mut().enumerate().for_each(|(i, b)| *b ^= frame.mask[(turn + i) % 4]);
        frame.at += taken as u64;
        *bytes = rest;
        if frame.at < frame.length {
            return Ok(());
        }
        let (opcode, is_last) = (frame.opcode, frame.is_last);
        self.frame = None;
        if opcode >= CLOSE {
            let payload = std::mem::take(&mut self.control);
            if opcode == CLOSE {
                say(Heard::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))));
            }
            return Ok(());
        }
        if !is_last {
            return Ok(());
        }
        let whole = std::mem::take(&mut self.held);
        say(match self.message.take() {
            Some(TEXT) => Heard::Text(String::from_utf8(whole).map_err(|_| "a text is not UTF-8")?),
            _ => Heard::Binary(whole),
        });
        Ok(())
    }
}

/// What is said of a message that is too large.
pub(super) fn too_large(size: u64, cap: usize) -> String {
    let text = crate::units::bytes_text;
    format!("a message of {} is larger than --message-cap {}", text(size), text(cap as u64))
}

/// The frame of a head, once that is whole.
fn head_of(head: &[u8]) -> Option<Frame> {
    debug_assert!(head.len() <= HEAD_MOST, "the longest head is whole");
    let (first, second) = (*head.first()?, *head.get(1)?);
    let (length, at) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(head.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(head.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let mask = if second & 0x80 == 0 { [0; 4] } else { head.get(at..at + 4)?.try_into().ok()? };
    Some(Frame { opcode: first & 0x0f, is_last: first & 0x80 != 0, mask, at: 0, length })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is heard does not depend on the parts in which bytes come, and no bytes do harm.
        #[test]
        fn any_bytes_in_any_parts(bytes in proptest::collection::vec(any::<u8>(), 0..400), part in 1usize..50) {
            prop_assert_eq!(heard(&bytes, part, 100), heard(&bytes, 1_000, 100));
        }
    }

    fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
        let mut bytes = vec![first];
        let masked = if mask.is_some() { 0x80 } else { 0 };
        match payload.len() {
            n @ 0..126 => bytes.push(masked | n as u8),
            n @ 126..65536 => bytes.extend([&[masked | 126][..], &(n as u16).to_be_bytes()].concat()),
            n => bytes.extend([&[masked | 127][..], &(n as u64).to_be_bytes()].concat()),
        }
        bytes.extend(mask.into_iter().flatten());
        let mask = mask.unwrap_or_default();
        bytes.extend(payload.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]));
        bytes
    }

    /// All that is heard when the bytes come in parts of this size.
    fn heard(bytes: &[u8], part: usize, cap: usize) -> Vec<Heard> {
        let (mut ear, mut all) = (Ear::new(cap), Vec::new());
        bytes.chunks(part).for_each(|part| ear.hear(part, |heard| all.push(heard)));
        all
    }

    #[test]
    fn messages_in_any_parts() {
        let mask = Some([1, 2, 3, 250]);
        let long = vec![b'x'; 70_000];
        let bytes = [
            frame(0x81, b"hello", mask),
            frame(0x01, b"he", mask),
            frame(0x89, b"ping", mask),
            frame(0x00, "ll\u{f6}".as_bytes(), mask),
            frame(0x80, b"", mask),
            frame(0x82, &[0, 255, 7], None),
            frame(0x81, &long[..300], mask),
            frame(0x82, &long, None),
            frame(0x81, b"", mask),
            frame(0x88, &[0x03, 0xe8, b'b', b'y', b'e'], mask),
            frame(0x88, b"", None),
        ]
        .concat();
        let wanted = || {
            vec![
                Heard::Text("hello".into()),
                Heard::Text("hell\u{f6}".into()),
                Heard::Binary(vec![0, 255, 7]),
                Heard::Text("x".repeat(300)),
                Heard::Binary(long.clone()),
                Heard::Text(String::new()),
                Heard::Close(Some(1000)),
                Heard::Close(None),
            ]
        };
        for part in [1, 2, 3, 7, 1_000, 1 << 20] {
            assert_eq!(heard(&bytes, part, 1 << 20), wanted(), "{part}");
        }
    }

    #[test]
    fn what_is_not_understood_ends_it_once() {
        for (bytes, why) in [
            (frame(0x81, &[b'x'; 101], None), "101 B is larger"),
            ([frame(0x01, &[b'x'; 60], None), frame(0x80, &[b'x'; 60], None)].concat(), "120 B is larger"),
            (vec![0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "is larger"),
            (frame(0xc1, b"x", None), "extension"),
            (frame(0x80, b"x", None), "continues nothing"),
            ([frame(0x01, b"x", None), frame(0x81, b"x", None)].concat(), "inside another"),
            (frame(0x81, &[0xff], None), "not UTF-8"),
            (frame(0x83, b"", None), "no frames"),
            (frame(0x89, &[0; 126], None), "no frames"),
            (frame(0x08, b"", None), "no frames"),
        ] {
            let all = heard(&[bytes, frame(0x81, b"later", None)].concat(), 5, 100);
            assert!(matches!(&all[..], [Heard::Lost(text)] if text.contains(why)), "{why}: {all:?}");
        }
    }
}
