//! Answers to a handshake that a fault puts in the place of the right one.
//!
//! Written byte by byte, since no HTTP library writes wrong ones. Bytes only; when they are sent is not
//! known here.

use std::fmt::Write;

use super::fault::handshake::Odd;
use crate::units::Nanos;
use crate::wire::accept::Asked;
use crate::wire::accept::accept_value;

/// What is no HTTP.
pub(super) const NOT_HTTP: &[u8] = b"220 volley.invalid ESMTP ready\r\n";
/// Length of one line of a huge block of headers.
const LINE: usize = 1024;

/// An answer of 101, not as it should be.
#[derive(Debug)]
pub(super) struct Greeting {
    /// Its bytes.
    pub(super) head: Vec<u8>,
    /// Time before each byte.
    pub(super) pause: Option<Nanos>,
    /// Whether it leaves in one segment with the first frame.
    pub(super) early: bool,
}

impl Greeting {
    /// The answer to `asked` that is `odd`, with the subprotocol agreed on.
    pub(super) fn new(odd: Odd, asked: &Asked, subprotocol: Option<&str>) -> Self {
        let key = asked.headers.get("sec-websocket-key").map_or(&b""[..], |key| key.as_bytes());
        let accept = match odd {
            Odd::WrongAccept => Some(accept_value(b"the key of somebody else")),
            Odd::NoAccept => None,
            _ => Some(accept_value(key)),
        };
        let connection = if odd == Odd::KeepAlive { "keep-alive, Upgrade" } else { "Upgrade" };
        let mut head = format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: {connection}\r\n");
        let mut field = |name: &str, value: &str| write!(head, "{name}: {value}\r\n").expect("a string takes all");
        accept.iter().for_each(|value| field("Sec-WebSocket-Accept", value));
        subprotocol.iter().for_each(|value| field("Sec-WebSocket-Protocol", value));
        match odd {
            Odd::Extension => field("Sec-WebSocket-Extensions", "x-volley-unasked"),
            Odd::Subprotocol => field("Sec-WebSocket-Protocol", "volley-unasked"),
            _ => {}
        }
        if let Odd::HugeHeaders(bytes) = odd {
            pad(&mut head, bytes);
        }
        head.push_str("\r\n");
        let pause = if let Odd::Slow(pause) = odd { Some(pause) } else { None };
        Greeting { head: head.into_bytes(), pause, early: odd == Odd::Early }
    }
}

/// Fills a head up to `bytes` bytes, its last line end included.
fn pad(head: &mut String, bytes: usize) {
    let (name, end) = ("X-Pad: ", "\r\n");
    let around = name.len() + end.len();
    let mut left = bytes.saturating_sub(head.len() + end.len());
    while left > around {
        // What would be too little for a line of its own goes with this one.
        let line = if left <= LINE + around { left } else { LINE };
        head.push_str(name);
        head.extend(std::iter::repeat_n('x', line - around));
        head.push_str(end);
        left -= line;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_head_is_as_long_as_asked() {
        for bytes in [1024, 1025, 2048, 2050, 65_536] {
            let mut head = "HTTP/1.1 101 Switching Protocols\r\n".to_string();
            pad(&mut head, bytes);
            assert_eq!(head.len() + 2, bytes);
            assert!(head.ends_with("x\r\n"));
        }
    }
}
