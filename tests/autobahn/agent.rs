//! The agent that Autobahn's fuzzing server talks to: volley's own upgrade, frames and sockets, and an
//! echo. It answers and closes by the rules of a virtual client: a ping with its payload, a close with its
//! code, a mistake with its close code and the end.
//!
//! `autobahn_agent client ws://HOST:PORT` goes through all cases and asks for the report.
//! `autobahn_agent report ws://HOST:PORT NAME` asks for the report of the agent of that name.

#![expect(clippy::print_stdout, reason = "a program for a script")]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::epoll::Epoll;
use nix::sys::epoll::EpollCreateFlags;
use nix::sys::epoll::EpollEvent;
use nix::sys::epoll::EpollFlags;
use nix::sys::epoll::EpollTimeout;
use volley::wire::Clock;
use volley::wire::Opening;
use volley::wire::Route;
use volley::wire::Socket;
use volley::wire::frames::Assembly;
use volley::wire::frames::Decoder;
use volley::wire::frames::Encoder;
use volley::wire::frames::Heard;
use volley::wire::frames::Kind;
use volley::wire::upgrade::Asking;

/// The largest message of any case is 16 MiB.
const CAP: usize = 16 << 20;
/// Name in the report.
const AGENT: &str = "volley";
/// A case whose server says nothing for so long has failed; the longest pause of any case is one second.
const PATIENCE_MS: u16 = 20_000;

/// One connection.
struct Connection {
    socket: Socket,
    epoll: Epoll,
    assembly: Assembly,
    decoder: Decoder,
    encoder: Encoder,
    /// Our close frame is sent; nothing may follow it.
    is_closing: bool,
    /// The peer's close frame came; how the connection ends then does not matter.
    got_close: bool,
}

impl Connection {
    /// Opens the resource `path` at `address`; with it the bytes that came behind the answer.
    fn open(runtime: &tokio::runtime::Runtime, address: SocketAddr, path: &str, nonce: u128) -> io::Result<(Self, Vec<u8>)> {
        let asking = Asking { authority: address.to_string(), path_and_query: path.into(), headers: Vec::new(), subprotocol: None };
        let (route, clock, timeout) = (Route::plain(address), Clock::start(), Duration::from_secs(10));
        let opening = Opening { route, stamps: true, clock, timeout };
        let opened = runtime.block_on(opening.open(0, &asking, nonce)).map_err(|failure| io::Error::other(failure.text))?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let both = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        epoll.add(&opened.socket, EpollEvent::new(both, 0))?;
        let connection = Connection {
            socket: opened.socket,
            epoll,
            assembly: Assembly::default(),
            decoder: Decoder::new(CAP),
            encoder: Encoder::new(nonce as u64),
            is_closing: false,
            got_close: false,
        };
        Ok((connection, opened.early))
    }

    /// Waits until the socket can do more.
    fn wait(&self) -> io::Result<()> {
        match self.epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::from(PATIENCE_MS))? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }

    fn send(&mut self, kind: Kind, payload: &mut [u8]) -> io::Result<()> {
        if self.is_closing {
            return Ok(());
        }
        self.is_closing = kind == Kind::Close;
        let len = self.encoder.frame(kind, payload).len();
        let mut at = 0;
        while at < len {
            match self.socket.write(&self.encoder.last()[at..]) {
                Ok(n) => at += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Echoes until the end of the stream or a mistake of the peer; gives the last text.
    fn echo(mut self, early: &[u8]) -> io::Result<String> {
        let mut last = String::new();
        let mut room = vec![0; 64 << 10];
        if !early.is_empty() && self.hear(early, &mut last)? {
            return Ok(last);
        }
        loop {
            match self.socket.read(&mut room) {
                Ok(received) if received.len == 0 => return Ok(last),
                Ok(received) => {
                    if self.hear(&room[..received.len], &mut last)? {
                        return Ok(last);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                Err(_) if self.got_close => return Ok(last),
                Err(e) => return Err(e),
            }
        }
    }

    /// Answers what `read` says; whether the connection is to end.
    fn hear(&mut self, read: &[u8], last: &mut String) -> io::Result<bool> {
        self.decoder.take_in(&mut self.assembly, read);
        loop {
            match self.decoder.next(&mut self.assembly) {
                Ok(None) => return Ok(false),
                Ok(Some(Heard::Message(kind, mut message))) => {
                    if kind == Kind::Text {
                        *last = String::from_utf8(message.bytes().to_vec()).map_err(io::Error::other)?;
                    }
                    self.send(kind, message.bytes_mut())?;
                }
                Ok(Some(Heard::Ping(mut payload))) => self.send(Kind::Pong, payload.bytes_mut())?,
                Ok(Some(Heard::Pong(_))) => {}
                Ok(Some(Heard::Close { code, .. })) => {
                    let mut payload: Vec<u8> = code.iter().flat_map(|c| c.to_be_bytes()).collect();
                    self.got_close = true;
                    self.send(Kind::Close, &mut payload)?;
                    self.socket.finish_writing();
                }
                Err(broken) => {
                    self.send(Kind::Close, &mut broken.close_code().to_be_bytes())?;
                    return Ok(true);
                }
            }
        }
    }
}

/// Connects, echoes until the end; the last text heard.
fn visit(address: SocketAddr, path: &str, nonce: u128) -> io::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (connection, early) = Connection::open(&runtime, address, path, nonce)?;
    connection.echo(&early)
}

fn report(address: SocketAddr, agent: &str) -> io::Result<()> {
    visit(address, &format!("/updateReports?agent={agent}"), 0).map(drop)
}

fn client(address: SocketAddr) -> io::Result<()> {
    let cases: u128 = visit(address, "/getCaseCount", 0)?.parse().map_err(io::Error::other)?;
    for case in 1..=cases {
        // The fuzzing server judges; what it made of a case is in its report.
        if let Err(e) = visit(address, &format!("/runCase?case={case}&agent={AGENT}"), case) {
            println!("case number {case}: {e}");
        }
    }
    report(address, AGENT)
}

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let address = |text: &str| text.trim_start_matches("ws://").trim_end_matches('/').parse::<SocketAddr>().map_err(io::Error::other);
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["client", url] => client(address(url)?),
        ["report", url, agent] => report(address(url)?, agent),
        _ => Err(io::Error::other("autobahn_agent client ws://HOST:PORT | report ws://HOST:PORT NAME")),
    }
}
