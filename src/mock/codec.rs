//! Frames of RFC 6455 as the server sees them: masked ones in, bare ones out.
//!
//! Written apart from the client's codec so that a mistake is not shared by both sides. Bytes come in
//! any pieces; whole unfragmented messages are given out in place, others are gathered up to the cap.
//! Knows nothing of sockets, profiles or who is to blame for what.

/// Text frame.
pub(super) const TEXT: u8 = 1;
/// Binary frame.
pub(super) const BINARY: u8 = 2;
/// Close frame.
pub(super) const CLOSE: u8 = 8;
/// Ping frame.
pub(super) const PING: u8 = 9;
/// Pong frame.
pub(super) const PONG: u8 = 10;

const CONTINUATION: u8 = 0;
/// Longest payload of a control frame.
const CONTROL_CAP: u64 = 125;
/// A gathering buffer larger than this is given back once its message was read.
const KEPT: usize = 4096;

/// What a client said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A whole message; text is valid UTF-8.
    Message {
        /// [`TEXT`] or [`BINARY`].
        opcode: u8,
        /// The payload.
        body: &'a [u8],
    },
    /// A ping and its payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong,
    /// A close with its code, if any.
    Close(Option<u16>),
}

/// A mistake in the framing; the connection ends with its [`Defect::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// A frame without a mask.
    Unmasked,
    /// A reserved bit, an unknown opcode, a wrong length, a broken order of fragments, a bad close.
    Protocol,
    /// Text that is not UTF-8.
    Utf8,
    /// A message over the cap.
    TooBig,
}

impl Defect {
    /// The close code for it.
    pub(super) fn code(self) -> u16 {
        match self {
            Defect::Unmasked | Defect::Protocol => 1002,
            Defect::Utf8 => 1007,
            Defect::TooBig => 1009,
        }
    }
}

/// A frame whose header was read and whose payload is still coming.
#[derive(Clone, Copy, Debug)]
struct Frame {
    fin: bool,
    opcode: u8,
    mask: [u8; 4],
    left: usize,
}

impl Frame {
    fn is_control(&self) -> bool {
        self.opcode >= CLOSE
    }
}

/// Reads the frames of one client.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    head: [u8; 14],
    head_len: usize,
    frame: Option<Frame>,
    /// Opcode of the data message begun, 0 for none.
    begun: u8,
    /// Payload of that message so far.
    message: Vec<u8>,
    /// How much of a text message is known to be UTF-8.
    valid: usize,
    control: Vec<u8>,
    /// The message was given out and goes at the next call.
    spent: bool,
}

impl Decoder {
    /// Bytes held for this client.
    pub(super) fn weight(&self) -> usize {
        self.message.capacity() + self.control.capacity()
    }

    /// The next event in `input[*at..]`, moving `at` past what it used; `None` when more is needed.
    pub(super) fn next<'a>(&'a mut self, input: &'a mut [u8], at: &mut usize, cap: usize) -> Result<Option<Event<'a>>, Defect> {
        if self.spent {
            self.forget();
        }
        loop {
            let Some(frame) = self.header(input, at, cap)? else { return Ok(None) };
            let here = frame.left.min(input.len() - *at);
            let whole = here == frame.left;
            let from = *at;
            *at += here;
            unmask(&mut input[from..*at], frame.mask);
            self.frame = if whole { None } else { Some(rest_of(frame, here)) };
            if frame.is_control() {
                self.control.extend_from_slice(&input[from..from + here]);
                if whole {
                    self.spent = true;
                    return control(frame.opcode, &self.control).map(Some);
                }
            } else if whole && frame.fin && self.message.is_empty() {
                let opcode = std::mem::take(&mut self.begun);
                let body = &input[from..from + here];
                if opcode == TEXT && std::str::from_utf8(body).is_err() {
                    return Err(Defect::Utf8);
                }
                return Ok(Some(Event::Message { opcode, body }));
            } else {
                self.message.extend_from_slice(&input[from..from + here]);
                let last = whole && frame.fin;
                self.check_text(last)?;
                if last {
                    self.spent = true;
                    let opcode = std::mem::take(&mut self.begun);
                    return Ok(Some(Event::Message { opcode, body: &self.message }));
                }
            }
        }
    }

    /// The frame being read, its header taken from what is held and from `input`.
    fn header(&mut self, input: &[u8], at: &mut usize, cap: usize) -> Result<Option<Frame>, Defect> {
        if let Some(frame) = self.frame {
            return Ok((*at < input.len()).then_some(frame));
        }
        let mut found = None;
        if self.head_len == 0 {
            found = header(&input[*at..])?;
        }
        match found {
            Some((_, len)) => *at += len,
            // Byte by byte: a header in pieces is rare and at most 14 bytes.
            None => {
                while found.is_none() && *at < input.len() {
                    self.head[self.head_len] = input[*at];
                    self.head_len += 1;
                    *at += 1;
                    found = header(&self.head[..self.head_len])?;
                }
            }
        }
        let Some((frame, _)) = found else { return Ok(None) };
        self.head_len = 0;
        if !frame.is_control() {
            match (self.begun, frame.opcode) {
                (0, CONTINUATION) => return Err(Defect::Protocol),
                (0, opcode) => self.begun = opcode,
                (_, CONTINUATION) => {}
                _ => return Err(Defect::Protocol),
            }
            if frame.left > cap.saturating_sub(self.message.len()) {
                return Err(Defect::TooBig);
            }
        }
        self.frame = Some(frame);
        // An empty payload is complete although no byte of it ever comes.
        Ok((frame.left == 0 || *at < input.len()).then_some(frame))
    }

    /// Fails as soon as gathered text cannot become UTF-8 any more.
    fn check_text(&mut self, last: bool) -> Result<(), Defect> {
        if self.begun != TEXT {
            return Ok(());
        }
        match std::str::from_utf8(&self.message[self.valid..]) {
            Ok(_) => self.valid = self.message.len(),
            Err(e) if e.error_len().is_some() || last => return Err(Defect::Utf8),
            Err(e) => self.valid += e.valid_up_to(),
        }
        Ok(())
    }

    /// Drops what was given out. Gathered fragments stay when a control frame came between them.
    fn forget(&mut self) {
        self.spent = false;
        self.control.clear();
        if self.begun == 0 {
            self.valid = 0;
            self.message.clear();
            if self.message.capacity() > KEPT {
                self.message = Vec::new();
            }
        }
    }
}

fn rest_of(frame: Frame, here: usize) -> Frame {
    let mut mask = frame.mask;
    mask.rotate_left(here % 4);
    Frame { mask, left: frame.left - here, ..frame }
}

/// Header and its length; `None` when `bytes` ends inside it.
fn header(bytes: &[u8]) -> Result<Option<(Frame, usize)>, Defect> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (fin, reserved, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
    let short = u64::from(second & 0x7f);
    if reserved != 0 || !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG) {
        return Err(Defect::Protocol);
    }
    if opcode >= CLOSE && (!fin || short > CONTROL_CAP) {
        return Err(Defect::Protocol);
    }
    if second & 0x80 == 0 {
        return Err(Defect::Unmasked);
    }
    let (length, rest, used) = match (short, rest) {
        (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest, 4),
        (127, [a, b, c, d, e, f, g, h, rest @ ..]) => (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest, 10),
        (126 | 127, _) => return Ok(None),
        (short, rest) => (short, rest, 2),
    };
    let shortest = match used {
        4 => length > 125,
        10 => length > 0xffff && length >> 63 == 0,
        _ => true,
    };
    if !shortest {
        return Err(Defect::Protocol);
    }
    let [a, b, c, d, ..] = rest else { return Ok(None) };
    let left = usize::try_from(length).map_err(|_| Defect::TooBig)?;
    Ok(Some((Frame { fin, opcode, mask: [*a, *b, *c, *d], left }, used + 4)))
}

fn control(opcode: u8, body: &[u8]) -> Result<Event<'_>, Defect> {
    match (opcode, body) {
        (PING, body) => Ok(Event::Ping(body)),
        (PONG, _) => Ok(Event::Pong),
        (_, []) => Ok(Event::Close(None)),
        (_, [_]) => Err(Defect::Protocol),
        (_, [a, b, reason @ ..]) => match u16::from_be_bytes([*a, *b]) {
            _ if std::str::from_utf8(reason).is_err() => Err(Defect::Utf8),
            code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(Event::Close(Some(code))),
            _ => Err(Defect::Protocol),
        },
    }
}

/// XORs `bytes` with the mask, eight bytes at a time.
fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, m)| *byte ^= m);
}

/// Appends one unfragmented frame to `out`, masked only where a fault asks for it.
pub(super) fn encode(out: &mut Vec<u8>, opcode: u8, body: &[u8], masked: bool) {
    let bit = if masked { 0x80 } else { 0 };
    out.push(0x80 | opcode);
    match body.len() {
        short @ 0..=125 => out.push(bit | short as u8),
        middle @ 126..=0xffff => {
            out.push(bit | 126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(bit | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    let mask = [0x12, 0x34, 0x56, 0x78];
    if masked {
        out.extend_from_slice(&mask);
    }
    let from = out.len();
    out.extend_from_slice(body);
    if masked {
        unmask(&mut out[from..], mask);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads `wire` in pieces of `step` bytes; what was heard, in words, and the defect that ended it.
    fn read(wire: &[u8], step: usize, cap: usize) -> (Vec<String>, Option<Defect>) {
        let mut decoder = Decoder::default();
        let mut heard = Vec::new();
        for piece in wire.chunks(step) {
            let mut piece = piece.to_vec();
            let mut at = 0;
            loop {
                match decoder.next(&mut piece, &mut at, cap) {
                    Ok(Some(event)) => heard.push(format!("{event:?}")),
                    Ok(None) => break,
                    Err(defect) => return (heard, Some(defect)),
                }
            }
            assert_eq!(at, piece.len());
        }
        (heard, None)
    }

    fn masked(opcode: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, opcode, body, true);
        out
    }

    fn unfinished(mut frame: Vec<u8>) -> Vec<u8> {
        frame[0] &= 0x7f;
        frame
    }

    #[test]
    fn a_fragmented_message_with_a_ping_inside() {
        let wire = [unfinished(masked(TEXT, "a\u{20ac}".as_bytes())), masked(PING, b"hi"), masked(CONTINUATION, b"c")].concat();
        let heard =
            vec![format!("{:?}", Event::Ping(b"hi")), format!("{:?}", Event::Message { opcode: TEXT, body: "a\u{20ac}c".as_bytes() })];
        for step in 1..=wire.len() {
            assert_eq!(read(&wire, step, 100), (heard.clone(), None), "in pieces of {step}");
        }
    }

    #[test]
    fn mistakes_and_their_codes() {
        let bare = {
            let mut out = Vec::new();
            encode(&mut out, TEXT, b"x", false);
            out
        };
        let mut reserved = masked(TEXT, b"x");
        reserved[0] |= 0x40;
        let rows: [(&str, Vec<u8>, u16); 12] = [
            ("unmasked", bare, 1002),
            ("reserved bit", reserved, 1002),
            ("unknown opcode", masked(3, b""), 1002),
            ("long ping", masked(PING, &[0; 126]), 1002),
            ("fragmented ping", unfinished(masked(PING, b"")), 1002),
            ("lone continuation", masked(CONTINUATION, b"x"), 1002),
            ("text inside text", [unfinished(masked(TEXT, b"a")), masked(TEXT, b"b")].concat(), 1002),
            ("half a close code", masked(CLOSE, b"x"), 1002),
            ("close 1005", masked(CLOSE, &1005u16.to_be_bytes()), 1002),
            ("bad utf-8", masked(TEXT, b"\xff"), 1007),
            ("text cut inside a character", masked(TEXT, b"\xe2\x82"), 1007),
            ("over the cap", masked(BINARY, &[0; 1001]), 1009),
        ];
        for (name, wire, code) in rows {
            for step in [1, wire.len()] {
                assert_eq!(read(&wire, step, 1000).1.map(Defect::code), Some(code), "{name} in pieces of {step}");
            }
        }
    }

    #[test]
    fn bad_text_fails_before_its_frame_ends() {
        let wire = masked(TEXT, b"ok\xffmore to come");
        assert_eq!(read(&wire[..10], 1, 100).1, Some(Defect::Utf8));
    }

    proptest! {
        #[test]
        fn what_is_sent_is_heard(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8), step in 1usize..400) {
            let wire: Vec<u8> = bodies.iter().flat_map(|body| masked(BINARY, body)).collect();
            let heard: Vec<String> = bodies.iter().map(|body| format!("{:?}", Event::Message { opcode: BINARY, body })).collect();
            prop_assert_eq!(read(&wire, step, 1000), (heard, None));
        }

        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200), step in 1usize..20) {
            read(&noise, step, 100);
        }
    }
}
