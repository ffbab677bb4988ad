//! Frames over one buffer: the only place that knows fastwebsockets.
//!
//! fastwebsockets 0.10 cannot be cancelled in the middle of a frame, reserves what a header claims,
//! caps frames but not messages, and gives each connection a buffer of 8 KiB. So a lane has one
//! [`Decoder`] for all its clients, and it is only ever fed whole frames: what a read brought is cut
//! into frames here, an unfinished one waits in the client's [`Assembly`], which is empty and without
//! memory of its own otherwise. Reading a frame therefore never waits, the codec's buffer stays in
//! the cache, and nothing is reserved before it arrived.

mod assembly;
mod encoder;
mod feed;
mod text;

use std::future::Future;
use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use fastwebsockets::Frame;
use fastwebsockets::OpCode;
use fastwebsockets::Payload;
use fastwebsockets::WebSocket;
use fastwebsockets::WebSocketError;

pub use assembly::Assembly;
pub use assembly::BUDGET;
pub use assembly::BUDGET_MAX;
pub use assembly::Budget;
pub use encoder::Encoder;
pub use encoder::Kind;
use feed::Feed;

use crate::tally::Fault;

/// Longest header of a frame that a server sends, in bytes.
const HEADER_MAX: usize = 10;

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
    const BUDGET: Broken =
        Broken { fault: Fault::FrameBudget, text: "more of an unfinished message than all of them together may hold (32 MiB)" };

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
    /// A whole message, [`Kind::Text`] or [`Kind::Binary`]; its bytes may be overwritten.
    Message(Kind, Bytes),
    /// A ping with its payload.
    Ping(Bytes),
    /// A pong with its payload.
    Pong(Bytes),
    /// A close frame.
    Close {
        /// Its code.
        code: Option<u16>,
        /// Its reason, at most 123 bytes, not yet made safe to print.
        reason: Box<str>,
    },
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

/// Takes frames apart; one per lane.
pub struct Decoder {
    socket: WebSocket<Feed>,
    feed: Feed,
    /// Whole frames fed and not read yet.
    frames: usize,
    /// What is wrong behind them.
    broken: Option<Broken>,
    cap: usize,
    budget: &'static Budget,
}

impl Decoder {
    /// A decoder for messages of at most `cap` bytes, within the budget of the process.
    pub fn new(cap: usize) -> Self {
        Decoder::within(cap, &BUDGET)
    }

    /// A decoder for messages of at most `cap` bytes, whose unfinished frames and messages count in `budget`.
    pub fn within(cap: usize, budget: &'static Budget) -> Self {
        let (socket, feed) = feed::codec(cap);
        Decoder { socket, feed, frames: 0, broken: None, cap, budget }
    }

    /// Takes in what a read brought for the connection of `assembly`. Ask [`Decoder::next`] for what
    /// was said until it says nothing; only then take in the next read, of whatever connection.
    #[inline]
    pub fn take_in(&mut self, assembly: &mut Assembly, read: &[u8]) {
        let result = if assembly.is_empty() { self.cut(assembly, read) } else { self.join(assembly, read) };
        if let Err(broken) = result {
            self.broken = Some(broken);
        }
    }

    /// The next thing said within what was taken in; `None` when there is no more.
    ///
    /// # Errors
    /// When the peer broke the protocol or a bound; what else was taken in is dropped.
    #[inline]
    pub fn next(&mut self, assembly: &mut Assembly) -> Result<Option<Heard>, Broken> {
        while self.frames > 0 {
            self.frames -= 1;
            match self.read_frame().and_then(|frame| self.heard(assembly, frame)) {
                Ok(None) => {}
                Ok(said) => return Ok(said),
                Err(broken) => {
                    assembly.clear();
                    *self = Decoder::within(self.cap, self.budget);
                    return Err(broken);
                }
            }
        }
        match self.broken.take() {
            None if assembly.is_empty() => Ok(None),
            None => self.look_ahead(assembly),
            Some(broken) => {
                assembly.clear();
                Err(broken)
            }
        }
    }

    /// Feeds the whole frames that `bytes` begins with and keeps the beginning of the next.
    #[inline]
    fn cut(&mut self, assembly: &mut Assembly, bytes: &[u8]) -> Result<(), Broken> {
        let mut at = 0;
        let result = loop {
            match Size::of(&bytes[at..], self.cap) {
                Ok(Some(size)) if size.frame() <= bytes.len() - at => {
                    at += size.frame();
                    self.frames += 1;
                }
                Ok(_) if at == bytes.len() => break Ok(()),
                Ok(size) => break assembly.keep(&bytes[at..], size.map_or(HEADER_MAX, Size::frame), self.budget),
                Err(broken) => break Err(broken),
            }
        };
        self.feed.lay_down(&bytes[..at]);
        result
    }

    /// Puts the unfinished frame together, if there is one, and goes on with what lies behind it.
    fn join(&mut self, assembly: &mut Assembly, read: &[u8]) -> Result<(), Broken> {
        if assembly.frame().is_empty() {
            return self.cut(assembly, read);
        }
        let mut at = 0;
        let whole = loop {
            match Size::of(assembly.frame(), self.cap)? {
                Some(size) => break size.frame(),
                None if at == read.len() => return Ok(()),
                None => assembly.keep(&read[at..at + 1], HEADER_MAX, self.budget)?,
            }
            at += 1;
        };
        let missing = whole - assembly.frame().len();
        let Some((end, behind)) = read[at..].split_at_checked(missing) else {
            return assembly.keep(&read[at..], whole, self.budget);
        };
        self.feed.lay_down(assembly.frame());
        self.feed.lay_down(end);
        self.frames += 1;
        assembly.frame_done();
        self.cut(assembly, behind)
    }

    /// Looks at the frame still coming: it may be wrong already.
    fn look_ahead(&self, assembly: &mut Assembly) -> Result<Option<Heard>, Broken> {
        if let Some(size) = Size::of(assembly.frame(), self.cap)? {
            assembly.look_ahead(size.header, size.payload, self.cap).inspect_err(|_| assembly.clear())?;
        }
        Ok(None)
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

    #[inline]
    fn heard(&self, assembly: &mut Assembly, frame: Frame<'static>) -> Result<Option<Heard>, Broken> {
        let (fin, payload) = (frame.fin, Bytes(frame.payload));
        let kind = match frame.opcode {
            OpCode::Text => Kind::Text,
            OpCode::Binary => Kind::Binary,
            OpCode::Ping => return Ok(Some(Heard::Ping(payload))),
            OpCode::Pong => return Ok(Some(Heard::Pong(payload))),
            OpCode::Close => return closed(payload.bytes()).map(Some),
            OpCode::Continuation => {
                let message = assembly.append(payload.bytes(), fin, self.cap)?;
                return Ok(message.map(|(kind, bytes)| Heard::Message(kind, Bytes(Payload::Owned(bytes)))));
            }
        };
        match (fin, assembly.fragmented()) {
            (_, Some(_)) => Err(Broken::NO_END),
            (true, None) => Ok(Some(Heard::Message(kind, payload))),
            (false, None) => assembly.begin(kind, payload.bytes(), self.cap, self.budget).map(|()| None),
        }
    }
}

/// What the header of a frame claims, in bytes.
#[derive(Clone, Copy)]
struct Size {
    header: usize,
    payload: usize,
}

impl Size {
    /// Of the frame that begins `bytes`; `None` when its header is not whole.
    #[inline]
    fn of(bytes: &[u8], cap: usize) -> Result<Option<Self>, Broken> {
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
        if payload > cap { Err(Broken::TOO_LARGE) } else { Ok(Some(Size { header, payload })) }
    }

    /// Of the whole frame.
    #[inline]
    fn frame(self) -> usize {
        self.header + self.payload
    }
}

/// A close frame's payload (RFC 6455 sections 5.5.1 and 7.4).
fn closed(payload: &[u8]) -> Result<Heard, Broken> {
    match payload {
        [] => Ok(Heard::Close { code: None, reason: "".into() }),
        [_] => Err(Broken::CLOSE_SIZE),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(Broken::CLOSE_CODE);
            }
            let reason = std::str::from_utf8(reason).map_err(|_| Broken::NOT_UTF8)?;
            Ok(Heard::Close { code: Some(code), reason: reason.into() })
        }
    }
}

#[cfg(test)]
mod tests;
