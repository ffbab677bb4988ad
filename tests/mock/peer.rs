//! A small WebSocket client of the tests' own: plain sockets, one frame at a time, no library, so
//! that what the reference server says is judged by nobody who also wrote it.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use volley::mock::Account;
use volley::mock::Config;
use volley::mock::Running;
use volley::mock::Words;

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// A hub of nobody's.
pub(crate) const HUB: &str = "/1/ws/live/6b0d8a7e-1111-4222-8333-944445555666";
/// A request that the gateway accepts.
pub(crate) const FRAME: &str = r#"{"requestType":0,"data":{"shocker":"0f0d8a7e-1111-4222-8333-944445555666","intensity":0,"type":"Stop"}}"#;
/// Longest wait for anything; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts a server from words.
pub(crate) fn server(words: Words) -> Running {
    let config = Config::new(&words).expect("the words of the test are right");
    volley::mock::spawn(config).expect("a server on loopback")
}

/// Words about `echo`.
pub(crate) fn echo() -> Words {
    Words { profile: "echo".into(), ..Words::default() }
}

/// Words about `openshock-live` in a dialect.
pub(crate) fn openshock(dialect: &str) -> Words {
    Words { profile: "openshock-live".into(), dialect: Some(dialect.into()), ..Words::default() }
}

/// Words with one more fault.
pub(crate) fn with_fault(mut words: Words, fault: &str) -> Words {
    words.faults.push(fault.into());
    words
}

/// Words with one more variable.
pub(crate) fn with_set(mut words: Words, name: &str, value: &str) -> Words {
    words.set.push((name.into(), value.into()));
    words
}

pub(crate) fn received(account: &Account, kind: &str) -> u64 {
    account.received.get(kind).copied().unwrap_or(0)
}

/// How often the fault of this name struck.
pub(crate) fn struck(account: &Account, fault: &str) -> u64 {
    account.faults.get(fault).copied().unwrap_or(0)
}

/// The text messages among `frames`.
pub(crate) fn texts(frames: &[Frame]) -> Vec<String> {
    frames.iter().filter(|f| f.opcode == TEXT).map(|f| String::from_utf8_lossy(&f.body).into_owned()).collect()
}

pub(crate) fn sent(account: &Account, kind: &str) -> u64 {
    account.sent.get(kind).copied().unwrap_or(0)
}

/// One frame of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) masked: bool,
    pub(crate) body: Vec<u8>,
}

impl Frame {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn code(&self) -> u16 {
        assert_eq!(self.opcode, CLOSE, "{self:?}");
        u16::from_be_bytes([self.body[0], self.body[1]])
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    /// A TCP connection without a word said.
    pub(crate) fn dial(addr: SocketAddr) -> Client {
        let stream = TcpStream::connect(addr).expect("a listening server");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Client { stream }
    }

    /// Asks for a WebSocket; the head of the HTTP answer and, unless it is 101, its body.
    pub(crate) fn ask(addr: SocketAddr, path: &str, headers: &[(&str, &str)]) -> (Client, String) {
        let mut client = Client::dial(addr);
        client.write(upgrade(path, headers).as_bytes());
        let head = client.head();
        (client, head)
    }

    /// A connection to `echo`.
    pub(crate) fn echo(addr: SocketAddr) -> Client {
        let (client, head) = Client::ask(addr, "/", &[]);
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        client
    }

    /// A connection to `openshock-live` that was told the rate and that the hub is online.
    pub(crate) fn openshock(addr: SocketAddr) -> Client {
        let (mut client, head) = Client::ask(addr, HUB, &[("User-Agent", "test"), ("OpenShockToken", "secret")]);
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let opening = [client.text(), client.text()].concat();
        assert!(opening.contains("evice") || opening.contains("101"), "{opening}");
        client
    }

    /// The HTTP head, and the body up to the end when it is a refusal.
    pub(crate) fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Some(byte) = self.byte() else { break };
            head.push(byte);
        }
        if !head.starts_with(b"HTTP/1.1 101") {
            self.stream.read_to_end(&mut head).expect("the rest of the answer");
        }
        String::from_utf8(head).expect("HTTP is ASCII here")
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    pub(crate) fn send(&mut self, opcode: u8, body: impl AsRef<[u8]>) {
        self.write(&frame(true, opcode, body.as_ref()));
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.send(TEXT, text);
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let first = self.byte()?;
        let second = self.byte().expect("a whole header");
        assert_eq!(first & 0x80, 0x80, "the server never fragments");
        let long = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let length = match long {
            0 => u64::from(second & 0x7f),
            _ => self.exactly(long).iter().fold(0, |sum, b| sum << 8 | u64::from(*b)),
        };
        let masked = second & 0x80 != 0;
        let mask = if masked { self.exactly(4) } else { vec![0; 4] };
        let mut body = self.exactly(length as usize);
        body.iter_mut().zip(mask.iter().cycle()).for_each(|(b, m)| *b ^= m);
        Some(Frame { opcode: first & 0x7f, masked, body })
    }

    /// The next frame, which must be text.
    pub(crate) fn text(&mut self) -> String {
        let frame = self.next().expect("a frame");
        assert_eq!(frame.opcode, TEXT, "{frame:?}");
        frame.text().into()
    }

    /// Says Close and reads to the end; what came before the end.
    pub(crate) fn leave(mut self) -> Vec<Frame> {
        self.send(CLOSE, 1000u16.to_be_bytes());
        self.rest()
    }

    /// Everything up to the end, as bytes.
    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).expect("an end in order");
        bytes
    }

    /// Whether nothing comes for a while, not even the end.
    pub(crate) fn hears_nothing(&mut self) -> bool {
        self.stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        let heard = self.stream.read(&mut [0]);
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        heard.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Everything up to a reset of the connection, which must be its end.
    pub(crate) fn bytes_to_reset(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let end = self.stream.read_to_end(&mut bytes).expect_err("a reset, not an end in order");
        assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
        bytes
    }

    /// Reads to the end.
    pub(crate) fn rest(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.next()).collect()
    }

    fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(0) => None,
            Ok(_) => Some(byte[0]),
            Err(e) => panic!("reading from the server: {e}"),
        }
    }

    fn exactly(&mut self, n: usize) -> Vec<u8> {
        let mut bytes = vec![0; n];
        self.stream.read_exact(&mut bytes).expect("a whole frame");
        bytes
    }
}

/// The request of a handshake.
pub(crate) fn upgrade(path: &str, headers: &[(&str, &str)]) -> String {
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "GET {path} HTTP/1.1\r\nHost: test\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n{more}\r\n"
    )
}

/// A masked frame.
pub(crate) fn frame(fin: bool, opcode: u8, body: &[u8]) -> Vec<u8> {
    let mask = [0xa1, 0x02, 0x33, 0xf4];
    let mut out = vec![opcode | if fin { 0x80 } else { 0 }];
    match body.len() {
        short @ 0..=125 => out.push(0x80 | short as u8),
        middle @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend((middle as u16).to_be_bytes());
        }
        long => {
            out.push(0x80 | 127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(body.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    out
}
