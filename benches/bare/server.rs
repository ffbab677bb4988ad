//! The server of the benchmark: one thread, one edge-triggered epoll, echoes every message.
//!
//! It answers any upgrade request, unmasks text and binary frames and sends their payload back, at once or after a
//! random time, answers Ping with Pong and Close with Close. It is the same for everyone it is measured with, and does
//! as little as it can. It keeps an account of what it saw, printed when asked for on stdin, which the clients' own counts
//! are compared with. It knows nothing of volley.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::ops::Range;
use std::os::fd::AsRawFd;

use base64::Engine;
use sha1::Digest;
use sha1::Sha1;

use super::Law;
use super::sys;

/// Bytes one read can bring, and so the largest frame that is taken.
const INBOX: usize = 256 * 1024;
/// Unsent answers of one connection above which nothing more is read from it.
const OUT_HIGH: usize = 64 * 1024;
/// The grid of delayed answers.
const SLOT_NS: u64 = 250_000;
/// Slots of the wheel: 64 ms, the longest delay and a pause of the machine besides.
const SLOTS: u64 = 256;
/// Bytes before a delayed answer: descriptor, generation, length.
const DELAYED_HEAD: usize = 12;
/// The last tenth of a second of the account, after a minute.
const LAST_TENTH: usize = 600;
/// The GUID of RFC 6455 section 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const LISTENER: u64 = u64::MAX;
const STDIN: u64 = u64::MAX - 1;
const TIMER: u64 = u64::MAX - 2;

const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const FINAL: u8 = 0x80;

/// Serves `address` under `law`: prints the port, then the account whenever stdin has a line and once more at its end.
pub(crate) fn serve(address: Ipv4Addr, law: Law, out: &mut impl Write) -> io::Result<()> {
    sys::raise_open_files()?;
    let mut server = Server::new(address, law)?;
    writeln!(out, "{}", server.listener.local_addr()?.port())?;
    out.flush()?;
    while server.turn(out)? {}
    Ok(())
}

/// The sockets, and who is told what became ready.
struct Server {
    epoll: sys::Epoll,
    listener: TcpListener,
    timer: sys::Timer,
    timer_runs: bool,
    /// By descriptor, which are small numbers and given again when free.
    peers: Vec<Option<Peer>>,
    generation: u32,
    inbox: Box<[u8]>,
    desk: Desk,
}

impl Server {
    fn new(address: Ipv4Addr, law: Law) -> io::Result<Self> {
        let epoll = sys::Epoll::new(1024)?;
        let listener = sys::listen(address)?;
        let timer = sys::Timer::new()?;
        epoll.add(listener.as_raw_fd(), sys::READ_LEVEL, LISTENER)?;
        epoll.add(io::stdin().as_raw_fd(), sys::READ_LEVEL, STDIN)?;
        epoll.add(timer.as_raw_fd(), sys::READ_LEVEL, TIMER)?;
        let inbox = vec![0; INBOX].into_boxed_slice();
        Ok(Server { epoll, listener, timer, timer_runs: false, peers: Vec::new(), generation: 0, inbox, desk: Desk::new(law) })
    }

    /// Waits once and serves what became ready; false when stdin ended.
    fn turn(&mut self, out: &mut impl Write) -> io::Result<bool> {
        let mut goes_on = true;
        for at in 0..self.epoll.wait(-1)? {
            let ready = self.epoll.event(at);
            match ready.token {
                STDIN => goes_on = self.print_account(out)?,
                LISTENER => self.accept_all()?,
                TIMER => self.answer_delayed()?,
                _ => self.serve_peer(ready)?,
            }
        }
        Ok(goes_on)
    }

    /// Prints the account; false when stdin ended.
    fn print_account(&self, out: &mut impl Write) -> io::Result<bool> {
        writeln!(out, "{}", self.desk.account.to_json())?;
        out.flush()?;
        Ok(io::stdin().read(&mut [0; 64])? > 0)
    }

    fn accept_all(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn admit(&mut self, stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        self.generation = self.generation.wrapping_add(1);
        let fd = stream.as_raw_fd();
        let place = fd as usize;
        if self.peers.len() <= place {
            self.peers.resize_with(place + 1, || None);
        }
        self.peers[place] = Some(Peer::new(stream, self.generation));
        self.desk.account.accept();
        self.epoll.add(fd, sys::EDGES, token(place, self.generation))
    }

    fn serve_peer(&mut self, ready: sys::Ready) -> io::Result<()> {
        let (place, generation) = place_of(ready.token);
        let Some(peer) = peer_at(&mut self.peers, place, generation) else { return Ok(()) };
        let was_held = peer.is_held();
        if ready.writable() && peer.flush().is_err() {
            self.peers[place] = None;
        } else if ready.readable() || was_held {
            self.read_all(place, ready.ending());
        }
        self.start_timer()
    }

    /// Reads until the socket is empty. A read that did not fill the inbox emptied it; a coming end is read up to.
    fn read_all(&mut self, place: usize, ending: bool) {
        while let Some(peer) = &mut self.peers[place] {
            match peer.read_once(&mut self.inbox, &mut self.desk) {
                Progress::Filled => {}
                Progress::Emptied if ending => {}
                Progress::Emptied | Progress::Stopped => return,
                Progress::Gone => self.peers[place] = None,
            }
        }
    }

    fn start_timer(&mut self) -> io::Result<()> {
        if self.desk.wheel.waiting > 0 && !self.timer_runs {
            self.timer.run_every(SLOT_NS)?;
            self.timer_runs = true;
        }
        Ok(())
    }

    fn answer_delayed(&mut self) -> io::Result<()> {
        self.timer.acknowledge();
        let now_ns = sys::monotonic_ns();
        while let Some(slot) = self.desk.wheel.take(now_ns) {
            for (place, generation, frame) in Delayed(&slot) {
                self.give(place, generation, frame);
            }
            self.desk.wheel.put_back(slot);
        }
        if self.desk.wheel.waiting == 0 {
            self.timer.run_every(0)?;
            self.timer_runs = false;
        }
        Ok(())
    }

    /// Sends a delayed answer, unless its peer left or is leaving.
    fn give(&mut self, place: usize, generation: u32, frame: &[u8]) {
        self.desk.wheel.waiting -= 1;
        let Some(peer) = peer_at(&mut self.peers, place, generation) else { return };
        if peer.stage != Stage::Open {
            return;
        }
        self.desk.account.answered += 1;
        if peer.send(frame).is_err() {
            self.peers[place] = None;
        }
    }
}

fn token(place: usize, generation: u32) -> u64 {
    u64::from(generation) << 32 | place as u64
}

fn place_of(token: u64) -> (usize, u32) {
    (token as u32 as usize, (token >> 32) as u32)
}

/// The peer at `place`, if it is still the one of that generation.
fn peer_at(peers: &mut [Option<Peer>], place: usize, generation: u32) -> Option<&mut Peer> {
    peers.get_mut(place)?.as_mut().filter(|peer| peer.generation == generation)
}

/// One client of the server.
struct Peer {
    stream: TcpStream,
    /// Tells this peer from an earlier one with the same descriptor.
    generation: u32,
    stage: Stage,
    /// The start of a request or frame whose end has not come.
    rest: Vec<u8>,
    /// Answers the socket had no room for.
    out: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Upgrading,
    Open,
    /// Our Close is on its way; what still comes is thrown away.
    Closing,
}

/// What one read came to.
enum Progress {
    /// The inbox was filled: there may be more.
    Filled,
    /// All there was has been read.
    Emptied,
    /// Nothing was there, or the peer takes no answers and nothing more is read from it.
    Stopped,
    /// The peer left, or broke the protocol.
    Gone,
}

impl Peer {
    fn new(stream: TcpStream, generation: u32) -> Self {
        Peer { stream, generation, stage: Stage::Upgrading, rest: Vec::new(), out: Vec::new() }
    }

    /// True while so many answers are unsent that nothing more is read.
    fn is_held(&self) -> bool {
        self.out.len() > OUT_HIGH
    }

    fn read_once(&mut self, inbox: &mut [u8], desk: &mut Desk) -> Progress {
        if self.is_held() {
            return Progress::Stopped;
        }
        let kept = self.rest.len();
        inbox[..kept].copy_from_slice(&self.rest);
        let len = match self.stream.read(&mut inbox[kept..]) {
            Ok(0) => return Progress::Gone,
            Ok(read) => kept + read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Progress::Stopped,
            Err(_) => return Progress::Gone,
        };
        let Ok(used) = desk.digest(self, &mut inbox[..len]) else {
            desk.account.violations += 1;
            return Progress::Gone;
        };
        self.rest.clear();
        self.rest.extend_from_slice(&inbox[used..len]);
        if self.send(&desk.answers).is_err() {
            return Progress::Gone;
        }
        if len == inbox.len() { Progress::Filled } else { Progress::Emptied }
    }

    /// Sends `bytes` behind what is still unsent; what the socket does not take is kept.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.out.is_empty() && !bytes.is_empty() {
            let sent = written(self.stream.write(bytes))?;
            self.out.extend_from_slice(&bytes[sent..]);
        } else {
            self.out.extend_from_slice(bytes);
        }
        self.end_if_closed()
    }

    /// Sends what is unsent, as far as the socket takes it.
    fn flush(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match written(self.stream.write(&self.out))? {
                0 => return Ok(()),
                sent => drop(self.out.drain(..sent)),
            }
        }
        self.end_if_closed()
    }

    /// Ends our side once the Close is out; the peer's end is then read.
    fn end_if_closed(&self) -> io::Result<()> {
        if self.stage == Stage::Closing && self.out.is_empty() { self.stream.shutdown(Shutdown::Write) } else { Ok(()) }
    }
}

/// How much was written; a full socket took nothing.
fn written(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

/// The peer broke the protocol, or sent a frame larger than the inbox.
struct Violation;

/// Turns what peers say into answers.
struct Desk {
    law: Law,
    /// The answers of one read.
    answers: Vec<u8>,
    wheel: Wheel,
    random: u64,
    account: Account,
}

impl Desk {
    fn new(law: Law) -> Self {
        Desk { law, answers: Vec::new(), wheel: Wheel::new(), random: 0x9E37_79B9_7F4A_7C15, account: Account::default() }
    }

    /// Answers everything that is whole in `bytes` and returns how many bytes that was.
    fn digest(&mut self, peer: &mut Peer, bytes: &mut [u8]) -> Result<usize, Violation> {
        self.answers.clear();
        let mut used = 0;
        if peer.stage == Stage::Upgrading {
            let Some(request_len) = upgrade(bytes, &mut self.answers)? else { return Ok(0) };
            used = request_len;
            peer.stage = Stage::Open;
            self.account.upgrade();
        }
        while peer.stage == Stage::Open {
            let Some(frame) = Frame::at_start_of(&bytes[used..])? else { return Ok(used) };
            let whole = &mut bytes[used..used + frame.payload.end];
            used += whole.len();
            self.answer(peer, &frame, whole);
        }
        Ok(bytes.len())
    }

    fn answer(&mut self, peer: &mut Peer, frame: &Frame, whole: &mut [u8]) {
        let key = frame.payload.start - 4;
        let (head, payload) = whole.split_at_mut(frame.payload.start);
        unmask(payload, [head[key], head[key + 1], head[key + 2], head[key + 3]]);
        match frame.first & 0x0F {
            PING => put_frame(&mut self.answers, FINAL | PONG, payload),
            PONG => {}
            CLOSE => {
                put_frame(&mut self.answers, FINAL | CLOSE, payload);
                self.account.closes += 1;
                peer.stage = Stage::Closing;
            }
            _ => self.echo(peer, frame.first, payload),
        }
    }

    /// Fragments are answered at once under every law, because their order matters.
    fn echo(&mut self, peer: &Peer, first: u8, payload: &[u8]) {
        self.account.messages += 1;
        let is_fragment = first & FINAL == 0 || first & 0x0F == 0;
        if self.law == Law::AtOnce || is_fragment {
            self.account.answered += 1;
            put_frame(&mut self.answers, first, payload);
        } else {
            let delay_ns = self.delay_ns();
            self.wheel.put(sys::monotonic_ns(), delay_ns, peer, |slot| put_frame(slot, first, payload));
        }
    }

    /// Uniform over the span of the law (xorshift64).
    fn delay_ns(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        Law::DELAY_NS.start + self.random % (Law::DELAY_NS.end - Law::DELAY_NS.start)
    }
}

/// A frame of a client.
struct Frame {
    first: u8,
    /// Where its payload is; the masking key is the four bytes before.
    payload: Range<usize>,
}

impl Frame {
    /// The frame that `bytes` start with; `None` when it is not whole.
    fn at_start_of(bytes: &[u8]) -> Result<Option<Frame>, Violation> {
        let [first, second, ref more @ ..] = *bytes else { return Ok(None) };
        if second & 0x80 == 0 {
            return Err(Violation);
        }
        let (head, length) = match second & 0x7F {
            126 => (8, more.first_chunk().map(|&b| u64::from(u16::from_be_bytes(b)))),
            127 => (14, more.first_chunk().map(|&b| u64::from_be_bytes(b))),
            short => (6, Some(u64::from(short))),
        };
        let Some(length) = length else { return Ok(None) };
        if length > (INBOX - head) as u64 {
            return Err(Violation);
        }
        let end = head + length as usize;
        Ok((bytes.len() >= end).then_some(Frame { first, payload: head..end }))
    }
}

fn unmask(payload: &mut [u8], key: [u8; 4]) {
    for (at, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[at & 3];
    }
}

/// Appends an unmasked frame to `out`.
fn put_frame(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    match payload.len() {
        short @ 0..126 => out.extend_from_slice(&[first, short as u8]),
        medium @ 126..=0xFFFF => {
            out.extend_from_slice(&[first, 126]);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            out.extend_from_slice(&[first, 127]);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// Answers the upgrade request that `bytes` start with and returns its length; `None` when it is not whole.
fn upgrade(bytes: &[u8], answers: &mut Vec<u8>) -> Result<Option<usize>, Violation> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let request = std::str::from_utf8(&bytes[..end]).map_err(|_| Violation)?;
    let mut headers = request.lines().filter_map(|line| line.split_once(':'));
    let (_, key) = headers.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")).ok_or(Violation)?;
    let hash = Sha1::new().chain_update(key.trim()).chain_update(GUID).finalize();
    let accept = base64::engine::general_purpose::STANDARD.encode(hash);
    answers.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
    answers.extend_from_slice(accept.as_bytes());
    answers.extend_from_slice(b"\r\n\r\n");
    Ok(Some(end + 4))
}

/// Answers that wait for their time, in slots of [`SLOT_NS`]; once warm it allocates nothing.
struct Wheel {
    slots: Vec<Vec<u8>>,
    waiting: usize,
    /// The next slot to take, counted from the start of the clock.
    next: u64,
}

impl Wheel {
    fn new() -> Self {
        Wheel { slots: vec![Vec::new(); SLOTS as usize], waiting: 0, next: 0 }
    }

    /// Keeps what `write` appends for `peer` until `delay_ns` after `now_ns`.
    fn put(&mut self, now_ns: u64, delay_ns: u64, peer: &Peer, write: impl FnOnce(&mut Vec<u8>)) {
        if self.waiting == 0 {
            self.next = now_ns / SLOT_NS;
        }
        self.waiting += 1;
        let at = (now_ns + delay_ns).div_ceil(SLOT_NS).min(self.next + SLOTS - 1);
        let slot = &mut self.slots[(at % SLOTS) as usize];
        let start = slot.len();
        slot.extend_from_slice(&(peer.stream.as_raw_fd() as u32).to_ne_bytes());
        slot.extend_from_slice(&peer.generation.to_ne_bytes());
        slot.extend_from_slice(&[0; 4]);
        write(slot);
        let len = (slot.len() - start - DELAYED_HEAD) as u32;
        slot[start + 8..start + DELAYED_HEAD].copy_from_slice(&len.to_ne_bytes());
    }

    /// Takes the next slot that is due at `now_ns`; its room goes back with [`Wheel::put_back`].
    fn take(&mut self, now_ns: u64) -> Option<Vec<u8>> {
        if self.waiting == 0 || self.next > now_ns / SLOT_NS {
            return None;
        }
        let slot = std::mem::take(&mut self.slots[(self.next % SLOTS) as usize]);
        self.next += 1;
        Some(slot)
    }

    /// Gives the room of the slot that was taken last back.
    fn put_back(&mut self, mut slot: Vec<u8>) {
        slot.clear();
        self.slots[((self.next - 1) % SLOTS) as usize] = slot;
    }
}

/// The answers of one slot: place, generation, frame.
struct Delayed<'a>(&'a [u8]);

impl<'a> Iterator for Delayed<'a> {
    type Item = (usize, u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut number = || {
            let (head, tail) = self.0.split_first_chunk::<4>()?;
            self.0 = tail;
            Some(u32::from_ne_bytes(*head))
        };
        let (place, generation, len) = (number()?, number()?, number()?);
        let (frame, tail) = self.0.split_at(len as usize);
        self.0 = tail;
        Some((place as usize, generation, frame))
    }
}

/// What the server saw.
#[derive(Default)]
struct Account {
    accepted: u64,
    messages: u64,
    answered: u64,
    closes: u64,
    violations: u64,
    /// Upgrades in each tenth of a second since the first accept; later ones are in [`LAST_TENTH`].
    upgrades: Vec<u64>,
    first_accept_ns: u64,
}

impl Account {
    fn accept(&mut self) {
        if self.accepted == 0 {
            self.first_accept_ns = sys::monotonic_ns();
        }
        self.accepted += 1;
    }

    fn upgrade(&mut self) {
        let tenth = ((sys::monotonic_ns() - self.first_accept_ns) / (sys::SECOND / 10)) as usize;
        let tenth = tenth.min(LAST_TENTH);
        if self.upgrades.len() <= tenth {
            self.upgrades.resize(tenth + 1, 0);
        }
        self.upgrades[tenth] += 1;
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "accepted": self.accepted,
            "upgraded": self.upgrades.iter().sum::<u64>(),
            "upgrades_by_tenth": self.upgrades,
            "messages": self.messages,
            "answered": self.answered,
            "closes": self.closes,
            "violations": self.violations,
        })
    }
}
