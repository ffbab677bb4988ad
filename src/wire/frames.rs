//! Frames over one buffer: the only place that knows fastwebsockets.
//!
//! fastwebsockets 0.10 cannot be cancelled in the middle of a frame, reserves what a header claims,
//! caps frames but not messages, and gives each connection a buffer of 8 KiB. So a lane has one
//! [`Decoder`] for all its clients, and it is only ever fed whole frames: what a read brought is cut
//! into frames here, an unfinished one waits in the client's [`Assembly`], which is empty and without
//! memory of its own otherwise. Reading a frame therefore never waits, the codec's buffer stays in
//! the cache, and nothing is reserved before it arrived.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use fastwebsockets::Frame;
use fastwebsockets::OpCode;
use fastwebsockets::Payload;
use fastwebsockets::Role;
use fastwebsockets::WebSocket;
use fastwebsockets::WebSocketError;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::tally::Fault;

/// How a peer broke RFC 6455, or our bounds: the kind of fault, and what it sent in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Kind.
    pub fault: Fault,
    /// What the peer sent.
    pub text: &'static str,
}

impl Broken {
    const MASKED: Broken = Broken { fault: Fault::FrameMasked, text: "a masked frame (RFC 6455 section 5.1)" };
    const RESERVED: Broken = Broken { fault: Fault::FrameReserved, text: "a frame with reserved bits set (section 5.2)" };
    const OPCODE: Broken = Broken { fault: Fault::FrameOpcode, text: "a frame with an unknown opcode (section 5.2)" };
    const CONTROL_SIZE: Broken = Broken { fault: Fault::FrameControl, text: "a control frame above 125 bytes (section 5.5)" };
    const CONTROL_PART: Broken = Broken { fault: Fault::FrameControl, text: "a fragmented control frame (section 5.5)" };
    const NO_BEGINNING: Broken = Broken { fault: Fault::FrameFragments, text: "a continuation of no message (section 5.4)" };
    const NO_END: Broken = Broken { fault: Fault::FrameFragments, text: "a new message inside a fragmented one (section 5.4)" };
    const NOT_UTF8: Broken = Broken { fault: Fault::FrameUtf8, text: "text that is not UTF-8 (section 8.1)" };
    const CLOSE_SIZE: Broken = Broken { fault: Fault::FrameClose, text: "a close frame of one byte (section 5.5.1)" };
    const CLOSE_CODE: Broken = Broken { fault: Fault::FrameClose, text: "a close code that must not be on the wire (section 7.4)" };
    const TOO_LARGE: Broken = Broken { fault: Fault::TooLarge, text: "a message above the message cap" };

    /// The close code of RFC 6455 section 7.4.1 that answers it.
    pub fn close_code(self) -> u16 {
        match self.fault {
            Fault::FrameUtf8 => 1007,
            Fault::TooLarge | Fault::FrameBudget => 1009,
            _ => 1002,
        }
    }
}

/// What a peer said.
pub enum Heard {
    /// A whole text or binary message; its bytes may be overwritten.
    Message(Bytes),
    /// A ping with its payload.
    Ping(Bytes),
    /// A pong with its payload.
    Pong(Bytes),
    /// A close frame with its code.
    Close(Option<u16>),
}

/// The payload of a frame, or a message put together from fragments.
pub struct Bytes(Payload<'static>);

impl Bytes {
    /// The bytes, which may be overwritten.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.to_mut()
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What one connection keeps between reads: the beginning of an unfinished frame, the fragments of
/// an unfinished message.
#[derive(Debug, Default)]
pub struct Assembly(Option<Box<Unfinished>>);

#[derive(Debug, Default)]
struct Unfinished {
    frame: Vec<u8>,
    message: Vec<u8>,
    /// Whether a message is being put together, and if so whether it is text.
    fragmented: Option<bool>,
}

impl Assembly {
    /// Bytes held.
    pub fn held(&self) -> usize {
        self.0.as_ref().map_or(0, |u| u.frame.len() + u.message.len())
    }

    fn keep_frame(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.0.get_or_insert_default().frame = rest.to_vec();
        }
    }

    fn take_frame(&mut self) -> Vec<u8> {
        self.0.as_mut().map(|u| std::mem::take(&mut u.frame)).unwrap_or_default()
    }

    /// Gives the memory back once nothing is unfinished.
    fn tidy(&mut self) {
        if self.0.as_ref().is_some_and(|u| u.frame.is_empty() && u.fragmented.is_none()) {
            self.0 = None;
        }
    }
}

/// Takes frames apart; one per lane.
pub struct Decoder {
    socket: WebSocket<Feed>,
    feed: Feed,
    /// Whole frames fed and not read yet.
    frames: usize,
    /// What is wrong behind them.
    broken: Option<Broken>,
    cap: usize,
    join: Vec<u8>,
}

impl Decoder {
    /// A decoder for messages of at most `cap` bytes.
    pub fn new(cap: usize) -> Self {
        let (socket, feed) = codec(cap);
        Decoder { socket, feed, frames: 0, broken: None, cap, join: Vec::new() }
    }

    /// Takes in what a read brought for the connection of `assembly`. Ask [`Decoder::next`] for what
    /// was said until it says nothing; only then take in the next read, of whatever connection.
    #[inline]
    pub fn take_in(&mut self, assembly: &mut Assembly, read: &[u8]) {
        let before = if assembly.0.is_none() { Vec::new() } else { assembly.take_frame() };
        if before.is_empty() {
            let done = self.feed_frames(read);
            return assembly.keep_frame(&read[done..]);
        }
        let mut join = std::mem::take(&mut self.join);
        join.clear();
        join.extend_from_slice(&before);
        join.extend_from_slice(read);
        let done = self.feed_frames(&join);
        assembly.keep_frame(&join[done..]);
        assembly.tidy();
        self.join = join;
    }

    /// The next thing said within what was taken in; `None` when there is no more.
    ///
    /// # Errors
    /// When the peer broke the protocol or the cap; what else was taken in is dropped.
    #[inline]
    pub fn next(&mut self, assembly: &mut Assembly) -> Result<Option<Heard>, Broken> {
        while self.frames > 0 {
            self.frames -= 1;
            match self.read_frame().and_then(|frame| heard(assembly, frame, self.cap)) {
                Ok(None) => {}
                Ok(said) => return Ok(said),
                Err(broken) => {
                    *self = Decoder::new(self.cap);
                    return Err(broken);
                }
            }
        }
        self.broken.take().map_or(Ok(None), Err)
    }

    /// Feeds the whole frames that `bytes` begins with; how many bytes are done with.
    #[inline]
    fn feed_frames(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        loop {
            match frame_len(&bytes[at..], self.cap) {
                Ok(Some(len)) if len <= bytes.len() - at => {
                    at += len;
                    self.frames += 1;
                }
                Ok(_) => break,
                Err(broken) => {
                    self.broken = Some(broken);
                    break;
                }
            }
        }
        self.feed.0.borrow_mut().lay_down(&bytes[..at]);
        if self.broken.is_some() { bytes.len() } else { at }
    }

    #[inline]
    fn read_frame(&mut self) -> Result<Frame<'static>, Broken> {
        let mut reading = pin!(self.socket.read_frame());
        match reading.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(frame)) => Ok(frame),
            Poll::Ready(Err(WebSocketError::InvalidUTF8)) => Err(Broken::NOT_UTF8),
            Poll::Ready(Err(WebSocketError::FrameTooLarge)) => Err(Broken::TOO_LARGE),
            Poll::Ready(Err(WebSocketError::ReservedBitsNotZero)) => Err(Broken::RESERVED),
            Poll::Ready(Err(WebSocketError::ControlFrameFragmented)) => Err(Broken::CONTROL_PART),
            Poll::Ready(Err(_)) => Err(Broken::OPCODE),
            Poll::Pending => Err(Broken::OPCODE),
        }
    }
}

/// Length of the frame that begins `bytes`, header included; `None` when the header is not whole.
#[inline]
fn frame_len(bytes: &[u8], cap: usize) -> Result<Option<usize>, Broken> {
    let &[first, second, ..] = bytes else { return Ok(None) };
    if second & 0x80 != 0 {
        return Err(Broken::MASKED);
    }
    let code = usize::from(second & 0x7f);
    if first & 0x08 != 0 && code > 125 {
        return Err(Broken::CONTROL_SIZE);
    }
    let (header, payload) = match code {
        126 => match bytes.get(2..4) {
            Some(n) => (4, usize::from(u16::from_be_bytes([n[0], n[1]]))),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10).and_then(|n| n.try_into().ok()) {
            Some(n) => (10, usize::try_from(u64::from_be_bytes(n)).unwrap_or(usize::MAX)),
            None => return Ok(None),
        },
        short => (2, short),
    };
    if payload > cap { Err(Broken::TOO_LARGE) } else { Ok(Some(header + payload)) }
}

fn heard(assembly: &mut Assembly, frame: Frame<'static>, cap: usize) -> Result<Option<Heard>, Broken> {
    let (fin, payload) = (frame.fin, Bytes(frame.payload));
    match frame.opcode {
        OpCode::Ping => Ok(Some(Heard::Ping(payload))),
        OpCode::Pong => Ok(Some(Heard::Pong(payload))),
        OpCode::Close => close_code(payload.bytes()).map(|code| Some(Heard::Close(code))),
        OpCode::Text | OpCode::Binary if fin && assembly.0.is_none() => Ok(Some(Heard::Message(payload))),
        OpCode::Text | OpCode::Binary => {
            let unfinished = assembly.0.get_or_insert_default();
            match (unfinished.fragmented, fin) {
                (Some(_), _) => return Err(Broken::NO_END),
                (None, true) => return Ok(Some(Heard::Message(payload))),
                (None, false) => {}
            }
            unfinished.fragmented = Some(frame.opcode == OpCode::Text);
            unfinished.message.extend_from_slice(payload.bytes());
            Ok(None)
        }
        OpCode::Continuation => {
            let Some((unfinished, is_text)) = assembly.0.as_mut().and_then(|u| u.fragmented.map(|t| (u, t))) else {
                return Err(Broken::NO_BEGINNING);
            };
            if unfinished.message.len() + payload.bytes().len() > cap {
                return Err(Broken::TOO_LARGE);
            }
            unfinished.message.extend_from_slice(payload.bytes());
            if !fin {
                return Ok(None);
            }
            unfinished.fragmented = None;
            let message = std::mem::take(&mut unfinished.message);
            assembly.tidy();
            if is_text && std::str::from_utf8(&message).is_err() {
                return Err(Broken::NOT_UTF8);
            }
            Ok(Some(Heard::Message(Bytes(Payload::Owned(message)))))
        }
    }
}

/// The code of a close frame's payload (RFC 6455 sections 5.5.1 and 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Broken> {
    match payload {
        [] => Ok(None),
        [_] => Err(Broken::CLOSE_SIZE),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(Broken::CLOSE_CODE);
            }
            if std::str::from_utf8(reason).is_err() {
                return Err(Broken::NOT_UTF8);
            }
            Ok(Some(code))
        }
    }
}

/// The kinds of frames a client writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text message.
    Text,
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

/// What fastwebsockets reads from: whole frames laid down beforehand.
#[derive(Clone, Default)]
struct Feed(Rc<RefCell<Laid>>);

#[derive(Default)]
struct Laid {
    bytes: Vec<u8>,
    at: usize,
}

impl Laid {
    #[inline]
    fn lay_down(&mut self, bytes: &[u8]) {
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }
}

impl AsyncRead for Feed {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut laid = self.0.borrow_mut();
        let len = buf.remaining().min(laid.bytes.len() - laid.at);
        if len == 0 {
            return Poll::Pending;
        }
        buf.put_slice(&laid.bytes[laid.at..laid.at + len]);
        laid.at += len;
        Poll::Ready(Ok(()))
    }
}

/// fastwebsockets wants a stream that can be written, though nothing ever is: pongs and closes are
/// ours to answer.
impl AsyncWrite for Feed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn codec(cap: usize) -> (WebSocket<Feed>, Feed) {
    let feed = Feed::default();
    let mut socket = WebSocket::after_handshake(feed.clone(), Role::Client);
    socket.set_auto_close(false);
    socket.set_auto_pong(false);
    // It refuses a frame of exactly its limit.
    socket.set_max_message_size(cap + 1);
    (socket, feed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            n @ 0..126 => out.push(n as u8),
            n @ 126..65_536 => {
                out.push(126);
                out.extend_from_slice(&(n as u16).to_be_bytes());
            }
            n => {
                out.push(127);
                out.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        out.extend_from_slice(payload);
        out
    }

    /// Everything said in `bytes`, read in pieces of `step` bytes.
    fn hear(bytes: &[u8], step: usize, cap: usize) -> Result<Vec<String>, Broken> {
        let (mut decoder, mut assembly, mut said) = (Decoder::new(cap), Assembly::default(), Vec::new());
        for piece in bytes.chunks(step) {
            decoder.take_in(&mut assembly, piece);
            while let Some(heard) = decoder.next(&mut assembly)? {
                said.push(match heard {
                    Heard::Message(m) => format!("message {}", String::from_utf8_lossy(m.bytes())),
                    Heard::Ping(m) => format!("ping {}", String::from_utf8_lossy(m.bytes())),
                    Heard::Pong(m) => format!("pong {}", String::from_utf8_lossy(m.bytes())),
                    Heard::Close(code) => format!("close {code:?}"),
                });
            }
        }
        assert!(assembly.held() <= 2 * cap + 14);
        Ok(said)
    }

    #[test]
    fn fragments_with_a_ping_between_them() {
        let bytes = [frame(0x01, b"a"), frame(0x89, b"p"), frame(0x00, b"b"), frame(0x80, b"c"), frame(0x88, &[3, 232])].concat();
        for step in 1..=bytes.len() {
            assert_eq!(hear(&bytes, step, 100), Ok(vec!["ping p".into(), "message abc".into(), "close Some(1000)".into()]), "{step}");
        }
    }

    #[test]
    fn what_breaks_the_protocol_is_named() {
        let masked = vec![0x81, 0x81, 0, 0, 0, 0, b'a'];
        for (bytes, code) in [
            (masked, 1002),
            (frame(0xc1, b"a"), 1002),
            (frame(0x83, b"a"), 1002),
            (frame(0x09, b"a"), 1002),
            (frame(0x89, &[b'a'; 126]), 1002),
            (frame(0x8a, &[b'a'; 126]), 1002),
            (frame(0x88, &[b'a'; 126]), 1002),
            (frame(0x80, b"a"), 1002),
            ([frame(0x01, b"a"), frame(0x81, b"b")].concat(), 1002),
            (frame(0x88, &[1]), 1002),
            (frame(0x88, &[3, 237]), 1002),
            (frame(0x88, &[3, 232, 0xff]), 1007),
            (frame(0x81, &[0xff]), 1007),
            ([frame(0x01, &[0xe2]), frame(0x80, &[0x28, 0xa1])].concat(), 1007),
            (frame(0x81, &[b'a'; 101]), 1009),
            ([frame(0x01, &[b'a'; 60]), frame(0x80, &[b'a'; 60])].concat(), 1009),
            (vec![0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 1009),
        ] {
            for step in [1, 3, 1_000] {
                assert_eq!(hear(&bytes, step, 100).map_err(Broken::close_code), Err(code), "{bytes:?}");
            }
        }
    }

    #[test]
    fn a_broken_connection_does_not_spoil_the_next() {
        let (mut decoder, mut one, mut two) = (Decoder::new(100), Assembly::default(), Assembly::default());
        let bad = [frame(0x83, b"a"), frame(0x81, b"left over")].concat();
        decoder.take_in(&mut one, &bad);
        assert!(decoder.next(&mut one).is_err());
        decoder.take_in(&mut two, &frame(0x81, b"fine"));
        assert!(matches!(decoder.next(&mut two), Ok(Some(Heard::Message(m))) if m.bytes() == b"fine"));
        assert!(matches!(decoder.next(&mut two), Ok(None)));
    }

    #[test]
    fn what_is_written_can_be_read_by_a_server() {
        let mut encoder = Encoder::new(7);
        for len in [0usize, 1, 125, 126, 65_535, 65_536] {
            let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let bytes = encoder.frame(Kind::Text, &mut payload.clone()).to_vec();
            let header = bytes.len() - len;
            assert_eq!(bytes[0], 0x81);
            assert_eq!(bytes[1] & 0x80, 0x80, "masked");
            let key = &bytes[header - 4..header];
            let plain: Vec<u8> = bytes[header..].iter().enumerate().map(|(i, b)| b ^ key[i % 4]).collect();
            assert_eq!(plain, payload);
        }
    }

    proptest! {
        #[test]
        fn any_cut_hears_the_same(messages in prop::collection::vec("[a-z]{0,300}", 1..20), step in 1usize..700) {
            let bytes: Vec<u8> = messages.iter().flat_map(|m| frame(0x81, m.as_bytes())).collect();
            let expected: Vec<String> = messages.iter().map(|m| format!("message {m}")).collect();
            prop_assert_eq!(hear(&bytes, step, 1_000), Ok(expected));
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..600), step in 1usize..100) {
            let _ = hear(&bytes, step, 256);
        }
    }
}
