//! The floor: the least a client can do for the same messages, against which volley's CPU is held.
//!
//! One thread, one epoll. Frames are built and masked before the load starts; answers are counted by their bytes and
//! nobody looks into them. In open loop it sleeps until the next tick of 1 ms, sends what is due, and then reads until
//! nothing is ready; in closed loop every client has one message out and epoll waits for answers. Every receive is a
//! recvmsg with the kernel's stamp, because a client that ticks is honest only with it. Times are kept in histograms
//! only on request. It knows nothing of JSON, errors of single clients, or volley.

use std::io;
use std::io::Write;
use std::net::SocketAddrV4;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use hdrhistogram::Histogram;

use super::sys;
use super::sys::MILLI;
use super::sys::SECOND;

/// Bytes of a message, as `--set payload_bytes=64` of volley's echo profile.
pub(crate) const PAYLOAD: usize = 64;
/// Head, masking key, payload.
const FRAME: usize = 2 + 4 + PAYLOAD;
/// Head, payload.
const ANSWER: u32 = 2 + PAYLOAD as u32;
/// Connects that wait for their upgrade at any time.
const OPENING: usize = 256;
/// How long the answers of the last messages are waited for.
const DRAIN_NS: u64 = SECOND;
/// How long closed loop waits for an answer before it looks at the clock again.
const PATIENCE_MS: i32 = 100;

const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What RFC 6455 section 1.3 answers to [`KEY`].
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// How the load is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// Each client sends so many messages in a thousand seconds, by a timetable.
    Open {
        /// 10,000 is 10/s.
        per_1000_s: u64,
    },
    /// Each client sends when its last answer came.
    Closed,
}

/// What the floor is told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Orders {
    /// The server.
    pub(crate) target: SocketAddrV4,
    /// How many clients.
    pub(crate) clients: u64,
    /// How the load is offered.
    pub(crate) load: Load,
    /// Over how long the connects are spread.
    pub(crate) ramp_ms: u64,
    /// Load before the measurement.
    pub(crate) warmup_ms: u64,
    /// Load that is measured.
    pub(crate) measure_ms: u64,
    /// Whether times are kept; figures of CPU are taken without.
    pub(crate) keep_times: bool,
}

impl Orders {
    /// As arguments of a command line, which [`Orders::from_args`] reads.
    pub(crate) fn to_args(&self) -> Vec<String> {
        let per_1000_s = match self.load {
            Load::Open { per_1000_s } => per_1000_s,
            Load::Closed => 0,
        };
        let numbers = [self.clients, per_1000_s, self.ramp_ms, self.warmup_ms, self.measure_ms, u64::from(self.keep_times)];
        std::iter::once(self.target.to_string()).chain(numbers.map(|n| n.to_string())).collect()
    }

    /// The orders that [`Orders::to_args`] wrote.
    pub(crate) fn from_args(args: &[String]) -> Option<Orders> {
        let (target, numbers) = args.split_first()?;
        let numbers: Vec<u64> = numbers.iter().map_while(|n| n.parse().ok()).collect();
        let [clients, per_1000_s, ramp_ms, warmup_ms, measure_ms, keep_times] = numbers[..] else { return None };
        let load = if per_1000_s > 0 { Load::Open { per_1000_s } } else { Load::Closed };
        let target = target.parse().ok()?;
        Some(Orders { target, clients, load, ramp_ms, warmup_ms, measure_ms, keep_times: keep_times > 0 })
    }
}

/// Does what `orders` say and returns what was measured.
pub(crate) fn run(orders: &Orders) -> io::Result<serde_json::Value> {
    sys::raise_open_files()?;
    let mut floor = Floor::open(orders)?;
    let start_ns = sys::monotonic_ns() + 5 * MILLI;
    floor.meter = Meter::new(start_ns, orders);
    match orders.load {
        Load::Open { per_1000_s } => floor.open_loop(start_ns, per_1000_s)?,
        Load::Closed => floor.closed_loop()?,
    }
    floor.drain_last()?;
    Ok(floor.to_json())
}

/// One client: a socket and what it waits for.
struct Client {
    stream: TcpStream,
    /// Bytes of the answer that is coming in.
    got: u32,
    /// Messages without an answer.
    out: u32,
    sent_ns: u64,
    frame: [u8; FRAME],
}

/// All clients, the counters and the measurement.
struct Floor {
    epoll: sys::Epoll,
    clients: Vec<Client>,
    inbox: sys::Inbox,
    sent: u64,
    answered: u64,
    times: Option<Times>,
    meter: Meter,
}

impl Floor {
    /// Opens every connection of `orders`.
    fn open(orders: &Orders) -> io::Result<Floor> {
        let opening = Opening::new(orders)?;
        let (epoll, inbox, streams) = opening.run()?;
        let clients = (0..).zip(streams).map(|(id, stream)| Client { stream, got: 0, out: 0, sent_ns: 0, frame: message(id) });
        Ok(Floor {
            epoll,
            clients: clients.collect(),
            inbox,
            sent: 0,
            answered: 0,
            times: orders.keep_times.then(Times::new),
            meter: Meter::default(),
        })
    }

    /// The j-th message of all is due j spans after the start, on the grid of 1 ms, and belongs to client j modulo
    /// clients: every client has its period and the clients are spread evenly over it.
    fn open_loop(&mut self, start_ns: u64, per_1000_s: u64) -> io::Result<()> {
        let clients = self.clients.len() as u64;
        // Messages in 1,000,000 ms, so that the division below rounds to the nearest ms.
        let per_million_ms = per_1000_s * clients;
        let due_ns = |j: u64| start_ns + (j * 1_000_000 + per_million_ms / 2) / per_million_ms * MILLI;
        let mut next = 0;
        let mut tick_ns = start_ns;
        loop {
            sys::sleep_until(tick_ns);
            let now_ns = sys::monotonic_ns();
            if self.is_over(now_ns) {
                return Ok(());
            }
            while due_ns(next) <= now_ns {
                self.send((next % clients) as usize, Some(due_ns(next)))?;
                next += 1;
            }
            while self.read_ready(0, |_, _| Ok(()))? > 0 {}
            tick_ns = now_ns - (now_ns - start_ns) % MILLI + MILLI;
        }
    }

    /// Sends for every client and again at every answer.
    fn closed_loop(&mut self) -> io::Result<()> {
        for at in 0..self.clients.len() {
            self.send(at, None)?;
        }
        while !self.is_over(sys::monotonic_ns()) {
            self.read_ready(PATIENCE_MS, |floor, at| floor.send(at, None))?;
        }
        Ok(())
    }

    fn drain_last(&mut self) -> io::Result<()> {
        let until_ns = sys::monotonic_ns() + DRAIN_NS;
        while self.answered < self.sent && sys::monotonic_ns() < until_ns {
            self.read_ready(10, |_, _| Ok(()))?;
        }
        Ok(())
    }

    /// Reads every socket that is ready and calls `at_answer` for each answer; returns how many were ready.
    fn read_ready(&mut self, timeout_ms: i32, at_answer: impl Fn(&mut Floor, usize) -> io::Result<()>) -> io::Result<usize> {
        let count = self.epoll.wait(timeout_ms)?;
        for event in 0..count {
            let at = self.epoll.event(event).token as usize;
            for _ in 0..self.read(at)? {
                at_answer(self, at)?;
            }
        }
        Ok(count)
    }

    /// Reads the client's socket until it is empty and counts the answers that became whole.
    fn read(&mut self, at: usize) -> io::Result<u32> {
        let mut answers = 0;
        loop {
            let client = &mut self.clients[at];
            let received = match self.inbox.receive(&client.stream) {
                Ok(received) if received.len == 0 => return Err(io::Error::other("the server closed a connection")),
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            client.got += received.len as u32;
            let whole = client.got / ANSWER;
            client.got %= ANSWER;
            if let (Some(times), Some(stamp_ns), 1, 1) = (&mut self.times, received.stamp_ns, whole, client.out) {
                times.service(stamp_ns, client.sent_ns);
            }
            client.out = client.out.saturating_sub(whole);
            answers += whole;
            if received.len < self.inbox.capacity() {
                break;
            }
        }
        self.answered += u64::from(answers);
        Ok(answers)
    }

    /// Sends the client's message. A socket that has no room for 70 bytes ends the run: the server does not keep up.
    fn send(&mut self, at: usize, due_ns: Option<u64>) -> io::Result<()> {
        let client = &mut self.clients[at];
        if let Some(times) = &mut self.times {
            client.sent_ns = sys::monotonic_ns();
            times.lag(client.sent_ns, due_ns);
        }
        if (&client.stream).write(&client.frame)? < FRAME {
            return Err(io::Error::other("the server does not read what it is sent"));
        }
        client.out += 1;
        self.sent += 1;
        Ok(())
    }

    /// Keeps the two marks of the measurement; true behind the second.
    fn is_over(&mut self, now_ns: u64) -> bool {
        let is_over = self.meter.pass(now_ns, self.sent, self.answered);
        if let Some(times) = &mut self.times {
            times.measuring = self.meter.begin.is_some() && !is_over;
        }
        is_over
    }

    fn to_json(&self) -> serde_json::Value {
        let (begin, end) = (self.meter.begin.unwrap_or_default(), self.meter.end.unwrap_or_default());
        let times = self.times.as_ref().map(Times::to_json);
        serde_json::json!({
            "sent": self.sent,
            "answered": self.answered,
            "measured_sent": end.sent - begin.sent,
            "measured_answered": end.answered - begin.answered,
            "measured_ns": end.at_ns - begin.at_ns,
            "cpu_ns": end.cpu_ns - begin.cpu_ns,
            "times": times,
        })
    }
}

/// The masked frame of a client: `{"id":N,"pad":".."}` of [`PAYLOAD`] bytes.
fn message(id: u64) -> [u8; FRAME] {
    let mut text = format!("{{\"id\":{id},\"pad\":\"");
    text.push_str(&".".repeat(PAYLOAD - 2 - text.len()));
    text.push_str("\"}");
    let mut frame = [0; FRAME];
    frame[..2].copy_from_slice(&[0x81, 0x80 | PAYLOAD as u8]);
    frame[2..6].copy_from_slice(&MASK);
    for (at, byte) in text.bytes().enumerate() {
        frame[6 + at] = byte ^ MASK[at & 3];
    }
    frame
}

/// What the counters said at one moment.
#[derive(Clone, Copy, Default)]
struct Mark {
    at_ns: u64,
    cpu_ns: u64,
    sent: u64,
    answered: u64,
}

/// When the measurement begins and ends, and the marks taken then.
#[derive(Default)]
struct Meter {
    begin_ns: u64,
    end_ns: u64,
    begin: Option<Mark>,
    end: Option<Mark>,
}

impl Meter {
    fn new(start_ns: u64, orders: &Orders) -> Self {
        let begin_ns = start_ns + orders.warmup_ms * MILLI;
        Meter { begin_ns, end_ns: begin_ns + orders.measure_ms * MILLI, begin: None, end: None }
    }

    /// Takes the marks that are due; true once the last is taken.
    fn pass(&mut self, at_ns: u64, sent: u64, answered: u64) -> bool {
        let mark = || Some(Mark { at_ns, cpu_ns: sys::process_cpu_ns(), sent, answered });
        if self.begin.is_none() && at_ns >= self.begin_ns {
            self.begin = mark();
        }
        if self.end.is_none() && at_ns >= self.end_ns {
            self.end = mark();
        }
        self.end.is_some()
    }
}

/// Times of the measured messages, when asked for.
struct Times {
    lag: Histogram<u64>,
    service: Histogram<u64>,
    measuring: bool,
    /// From the monotonic clock to that of the receive stamps.
    offset_ns: u64,
}

impl Times {
    fn new() -> Self {
        let empty = || Histogram::new_with_bounds(1, 60 * SECOND, 3).expect("valid bounds");
        Times { lag: empty(), service: empty(), measuring: false, offset_ns: sys::realtime_offset_ns() }
    }

    fn lag(&mut self, sent_ns: u64, due_ns: Option<u64>) {
        if let (Some(due_ns), true) = (due_ns, self.measuring) {
            self.lag.saturating_record(sent_ns.saturating_sub(due_ns).max(1));
        }
    }

    fn service(&mut self, stamp_ns: u64, sent_ns: u64) {
        if self.measuring {
            self.service.saturating_record(stamp_ns.saturating_sub(sent_ns + self.offset_ns).max(1));
        }
    }

    fn to_json(&self) -> serde_json::Value {
        let quantiles = |times: &Histogram<u64>| {
            let [p50, p99] = [0.5, 0.99].map(|q| (!times.is_empty()).then(|| times.value_at_quantile(q)));
            serde_json::json!({ "count": times.len(), "p50": p50, "p99": p99 })
        };
        serde_json::json!({ "lag": quantiles(&self.lag), "service": quantiles(&self.service) })
    }
}

/// Connects and upgrades, some at a time, at the pace of the ramp.
struct Opening<'a> {
    orders: &'a Orders,
    epoll: sys::Epoll,
    inbox: sys::Inbox,
    streams: Vec<Upgrade>,
    open: usize,
}

/// One connection on its way to open.
struct Upgrade {
    stream: TcpStream,
    asked: bool,
    response: Vec<u8>,
}

impl<'a> Opening<'a> {
    fn new(orders: &'a Orders) -> io::Result<Self> {
        Ok(Opening { orders, epoll: sys::Epoll::new(1024)?, inbox: sys::Inbox::new(64 * 1024), streams: Vec::new(), open: 0 })
    }

    fn run(mut self) -> io::Result<(sys::Epoll, sys::Inbox, Vec<TcpStream>)> {
        let clients = self.orders.clients as usize;
        let start_ns = sys::monotonic_ns();
        while self.open < clients {
            let due = self.due(sys::monotonic_ns() - start_ns).min(clients).min(self.open + OPENING);
            while self.streams.len() < due {
                self.connect_next()?;
            }
            for event in 0..self.epoll.wait(1)? {
                let ready = self.epoll.event(event);
                self.advance(ready)?;
            }
        }
        let streams = self.streams.into_iter().map(|upgrade| upgrade.stream).collect();
        Ok((self.epoll, self.inbox, streams))
    }

    /// How many connects should have begun after `passed_ns`.
    fn due(&self, passed_ns: u64) -> usize {
        let ramp_ns = (self.orders.ramp_ms * MILLI).max(1);
        (u128::from(self.orders.clients) * u128::from(passed_ns) / u128::from(ramp_ns)) as usize + 1
    }

    fn connect_next(&mut self) -> io::Result<()> {
        let stream = sys::connect(self.orders.target)?;
        self.epoll.add(stream.as_raw_fd(), sys::EDGES, self.streams.len() as u64)?;
        self.streams.push(Upgrade { stream, asked: false, response: Vec::new() });
        Ok(())
    }

    /// Asks for the upgrade once connected, and takes the answer.
    fn advance(&mut self, ready: sys::Ready) -> io::Result<()> {
        let upgrade = &mut self.streams[ready.token as usize];
        if ready.writable() && !upgrade.asked {
            upgrade.ask(self.orders.target)?;
        }
        if upgrade.asked && ready.readable() && upgrade.is_answered(&mut self.inbox)? {
            self.epoll.change(upgrade.stream.as_raw_fd(), sys::READ_EDGES, ready.token)?;
            self.open += 1;
        }
        Ok(())
    }
}

impl Upgrade {
    fn ask(&mut self, target: SocketAddrV4) -> io::Result<()> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {target}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes())?;
        self.asked = true;
        Ok(())
    }

    /// Reads the response; true once it is whole and right.
    fn is_answered(&mut self, inbox: &mut sys::Inbox) -> io::Result<bool> {
        match inbox.receive(&self.stream) {
            Ok(received) if received.len == 0 => return Err(io::Error::other("the server refused an upgrade")),
            Ok(received) => self.response.extend_from_slice(inbox.bytes(received.len)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        let text = String::from_utf8_lossy(&self.response);
        let is_right = text.starts_with("HTTP/1.1 101 ") && text.contains(ACCEPT);
        match text.find("\r\n\r\n") {
            Some(_) if !is_right => Err(io::Error::other("the server answered an upgrade wrongly")),
            end => Ok(end.is_some()),
        }
    }
}
