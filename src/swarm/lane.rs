//! A lane: one thread with its clients, its timetable and its tally. Nothing is shared with other
//! lanes while the load runs but the number of open connections.
//!
//! In open loop the lane blocks until the next tick of 1 ms, sends what is due, then reads until
//! nothing is ready. A wake-up costs several times a send, so one wake-up serves all that is due in
//! its millisecond; the kernel's receive stamps keep the tick out of the latencies. While nothing
//! happens it waits for its peers instead of ticking. In closed loop it blocks in epoll always, since a
//! tick would cap a client at 1,000 exchanges a second.

mod arrivals;
mod beats;
mod group;
mod storm;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;

use nix::sys::epoll::Epoll;
use nix::sys::epoll::EpollCreateFlags;
use nix::sys::epoll::EpollEvent;
use nix::sys::epoll::EpollFlags;
use nix::sys::epoll::EpollTimeout;
use tokio::sync::mpsc::UnboundedSender;

use super::Control;
use super::client::Client;
use super::course::Course;
use super::desk::Crowd;
use super::desk::Desk;
use super::dial::Dialed;
use super::dial::Order;
use super::health::Watch;
use super::wheel::Beat;
use super::wheel::Entry;
use super::wheel::Wheel;
use crate::dialogue::Reader;
use crate::dialogue::Script;
use crate::plan::Plan;
use crate::plan::Stamps;
use crate::tally::Connections;
use crate::tally::FaultTexts;
use crate::tally::Slice;
use crate::tally::Tally;
use crate::units::MILLI;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::wire::Clock;
use crate::wire::frames::Decoder;
use crate::wire::frames::Encoder;
use beats::timetable;
use group::Groups;

/// Length of a tick.
const TICK: u64 = MILLI;
/// Ticks that a lane may pass over while nothing is due and nobody talks. Less than a pause of the process.
const IDLE: u64 = 20;
/// How long before a tick a precise lane wakes to spin: more than what waking takes.
const EARLY: u64 = TICK / 10;
/// A wake-up this much after its tick is late.
const LATE: u64 = TICK / 2;
/// Most bytes taken with one read.
const SCRATCH: usize = 64 << 10;
/// Readiness events taken at once.
const EVENTS: usize = 1_024;
/// What is told of a socket, once each time it changes.
const INTEREST: EpollFlags = EpollFlags::EPOLLIN.union(EpollFlags::EPOLLOUT).union(EpollFlags::EPOLLRDHUP).union(EpollFlags::EPOLLET);
/// How long closes are awaited at the end.
const CLOSING: u64 = 2 * SECOND;
/// How long answers are awaited after the first signal to stop.
const STOPPING: u64 = SECOND;

/// What connects a lane with the rest of the swarm.
pub(super) struct Lines {
    /// Connections from the dialer.
    pub(super) dialed: Receiver<Dialed>,
    /// Connections to be made again and HTTP requests, to the dialer; hung up once the load is over.
    pub(super) dials: Option<UnboundedSender<Order>>,
    /// Slices to the collector.
    pub(super) slices: Sender<Slice>,
    /// Tallies that the collector is done with.
    pub(super) spare: Receiver<Box<Tally>>,
    /// Connections of all lanes.
    pub(super) crowd: Arc<Crowd>,
}

/// A lane.
pub(super) struct Lane {
    number: usize,
    plan: Arc<Plan>,
    control: Arc<Control>,
    lines: Lines,
    epoll: Epoll,
    events: Vec<EpollEvent>,
    clients: Vec<Client>,
    /// How the clients' connections came and went.
    courses: Vec<Course>,
    /// Clients whose connection was asked for and is neither made nor failed yet.
    dialing: usize,
    /// HTTP requests whose answers have not come.
    calling: usize,
    /// What members of groups see of each other.
    groups: Groups,
    wheel: Wheel,
    taken: Vec<Entry>,
    /// Places of clients that have left and await last answers, and until when.
    lingering: Vec<(u32, u64)>,
    /// In closed loop: places of clients that may send again, once per answered exchange.
    again: Vec<u32>,
    /// Whether anything was received in this turn.
    is_stirring: bool,
    decoder: Decoder,
    desk: Desk,
    watch: Watch,
    boundary: u64,
    drain_until: Option<u64>,
}

impl Lane {
    /// Lane number `number` with its share of the plan's clients.
    ///
    /// # Errors
    /// When the kernel gives no epoll instance.
    pub(super) fn new(
        number: usize,
        plan: Arc<Plan>,
        script: Arc<Script>,
        clock: Clock,
        control: Arc<Control>,
        lines: Lines,
    ) -> io::Result<Self> {
        let shape = plan.shape();
        let from = Nanos(clock.joined());
        let numbers = || plan.share().clients_of(number, plan.clients);
        let mut clients: Vec<Client> = numbers().map(|c| Client::new(c, &script, shape.map_or((0, 0.0), |s| s.onward(c, from)))).collect();
        let wheel = timetable(&plan, &script, &mut clients, numbers(), from);
        let tally = Box::new(Tally::new(script.width()));
        let desk = Desk {
            plan: plan.clone(),
            script,
            shape,
            clock,
            realtime_offset: clock.realtime_offset(),
            kernel_stamps: plan.stamps == Stamps::Kernel,
            is_draining: false,
            answered: 0,
            reader: Reader::default(),
            tally,
            connections: Connections::default(),
            crowd: lines.crowd.clone(),
            tap: control.tap(),
            effects: Vec::new(),
            sights: Vec::new(),
            calls: Vec::new(),
            notes: Vec::new(),
            fault_texts: FaultTexts::new(),
            encoder: Encoder::new(plan.seed.wrapping_add(number as u64)),
            pages: plan.trace.as_ref().map(|trace| trace.tape.pages()),
            line: Vec::new(),
            payload: Vec::with_capacity(4_096),
            scratch: vec![0; SCRATCH],
        };
        Ok(Lane {
            number,
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            events: vec![EpollEvent::empty(); EVENTS],
            dialing: clients.len(),
            calling: 0,
            groups: Groups::default(),
            courses: vec![Course::new(); clients.len()],
            clients,
            wheel,
            taken: Vec::new(),
            lingering: Vec::new(),
            again: Vec::new(),
            is_stirring: true,
            decoder: Decoder::new(plan.message_cap),
            desk,
            watch: Watch::new(clock.now()),
            boundary: plan.boundary_after(from).0,
            drain_until: None,
            plan,
            control,
            lines,
        })
    }

    /// Plays until the end of the run, then closes all connections.
    pub(super) fn play(mut self) {
        // Without this the kernel may be 50 us late with every tick. It can only fail for a number
        // that is not one.
        let _ = nix::sys::prctl::set_timerslack(1);
        self.desk.clock.sleep_until(self.desk.clock.joined());
        self.watch = Watch::new(self.desk.clock.now());
        while !self.is_over() {
            self.turn();
        }
        self.never_back();
        self.never_played();
        self.close_all();
        self.slice(true);
    }

    fn turn(&mut self) {
        let is_open_loop = self.desk.shape.is_some();
        if is_open_loop {
            self.idle();
            self.await_tick();
        }
        let now = self.desk.clock.now();
        self.watch.turn(now);
        self.take_dialed();
        self.beat(now);
        if is_open_loop {
            self.drain_ready(now);
        } else {
            self.read_ready(1);
        }
        if !self.lingering.is_empty() {
            self.see_off(now);
        }
        self.settle();
        if self.desk.clock.now() >= self.boundary {
            self.slice(false);
        }
    }

    /// Waits for peers as long as nothing is due, when none of them said anything in the last turn: busy
    /// lanes serve a tick with one wake-up, idle ones need none.
    fn idle(&mut self) {
        if std::mem::take(&mut self.is_stirring) || self.dialing > 0 || self.calling > 0 {
            return;
        }
        let ticks = self.wheel.quiet_for(self.desk.clock.now(), IDLE);
        // The last tick before something is due is slept through to the nanosecond.
        if let Some(wait_ms) = ticks.checked_sub(1).filter(|ms| *ms > 0) {
            self.read_ready(wait_ms as u8);
        }
    }

    /// Blocks until the next tick; a tick that has passed is served at once.
    fn await_tick(&mut self) {
        let now = self.desk.clock.now();
        let tick = (now / TICK + 1) * TICK;
        if self.plan.precise {
            self.desk.clock.spin_until(tick, EARLY);
        } else {
            self.desk.clock.sleep_until(tick);
        }
        if self.desk.clock.now() > tick + LATE {
            self.desk.tally.counts.late_wakeups += 1;
        }
    }

    fn listen_to(&mut self, place: usize) {
        let Some(socket) = self.clients[place].socket() else { return };
        if let Err(e) = self.epoll.add(socket, EpollEvent::new(INTEREST, place as u64)) {
            self.desk.fault(crate::tally::Fault::Io, &format!("listening to a socket: {e}"));
        }
    }

    /// Sends what is due at `now`.
    fn beat(&mut self, now: u64) {
        let mut taken = std::mem::take(&mut self.taken);
        while self.wheel.take(now, &mut taken) {
            for (i, entry) in taken.iter().enumerate() {
                if let Some(next) = taken.get(i + 1) {
                    self.clients[next.place as usize].fetch();
                }
                let (place, due) = (entry.place, entry.due());
                match entry.beat {
                    Beat::Load if self.desk.pages.is_some() => self.step(place, due, now),
                    Beat::Load => self.send(place, due, now),
                    Beat::Ping => self.ping(place, due),
                    Beat::Deadline => self.deadline(place as usize, due),
                    Beat::Said { beat, life } => self.said(place, beat, life, due),
                    Beat::Drop => self.clients[place as usize].cut(&mut self.desk),
                    Beat::Storm => self.strike(place as usize, due),
                    Beat::Leave => self.leave(place as usize, due),
                }
            }
        }
        self.taken = taken;
        self.call();
    }

    #[inline]
    fn send(&mut self, place: u32, due: u64, now: u64) {
        if self.desk.is_draining {
            return;
        }
        let client = &mut self.clients[place as usize];
        client.send_due(&mut self.desk, due, now);
        let Some(shape) = &self.desk.shape else { return };
        client.place = shape.next(client.number(), client.place, u64::from(client.next_send));
        client.next_send += 1;
        if let Some(next) = shape.due_from(client.place, u64::from(client.next_send)) {
            self.wheel.enter(place, Beat::Load, next.0);
        }
    }

    /// Reads until nothing is ready, or the tick of `now` is over: peers that talk without end must not
    /// keep the lane from its timetable.
    fn drain_ready(&mut self, now: u64) {
        let until = (now / TICK + 1) * TICK;
        while self.read_ready(0) > 0 && self.desk.clock.now() < until {}
    }

    /// Serves what is ready, waiting up to `wait_ms` for the first; how many were.
    fn read_ready(&mut self, wait_ms: u8) -> usize {
        // An interrupted wait is an empty one.
        let ready = self.epoll.wait(&mut self.events, EpollTimeout::from(wait_ms)).unwrap_or(0);
        if ready > 0 {
            self.is_stirring = true;
            self.desk.realtime_offset = self.desk.clock.realtime_offset();
        }
        for (i, event) in self.events[..ready].iter().enumerate() {
            if let Some(next) = self.events[..ready].get(i + 1) {
                self.clients[next.data() as usize].fetch();
            }
            let client = &mut self.clients[event.data() as usize];
            if event.events().contains(EpollFlags::EPOLLOUT) {
                client.writable(&mut self.desk);
            }
            let hung = event.events().intersects(EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR);
            if hung || event.events().contains(EpollFlags::EPOLLIN) {
                let has_more = client.readable(&mut self.desk, &mut self.decoder, hung);
                if let Some(socket) = client.socket().filter(|_| has_more) {
                    // To be told again. It can only fail for a socket that is not listened to.
                    let _ = self.epoll.modify(socket, &mut EpollEvent::new(INTEREST, event.data()));
                }
            }
            let answered = std::mem::take(&mut self.desk.answered);
            if self.desk.shape.is_none() {
                self.again.extend(std::iter::repeat_n(event.data() as u32, answered as usize));
            }
        }
        if !self.desk.sights.is_empty() {
            self.settle_sights();
        }
        self.send_again();
        self.call();
        ready
    }

    /// In closed loop: one send for each answer of the batch. Sent one behind the other they find the
    /// server awake; sent between reads each would have to wake it.
    fn send_again(&mut self) {
        let mut again = std::mem::take(&mut self.again);
        for place in again.drain(..) {
            self.clients[place as usize].send_closed(&mut self.desk);
        }
        self.again = again;
    }

    /// Hands the tally of this second to the collector and goes on with an empty one.
    fn slice(&mut self, last: bool) {
        let now = self.desk.clock.now();
        if self.desk.shape.is_none() && !self.desk.is_draining {
            self.clients.iter_mut().for_each(|c| c.refill(&mut self.desk, now));
        }
        let boundary_ns = if last { u64::MAX } else { self.plan.boundary_before(Nanos(now)).0 };
        let fresh = self.lines.spare.try_recv().unwrap_or_else(|_| Box::new(Tally::new(self.desk.script.width())));
        let connections = self.desk.connections;
        self.desk.connections = Connections { open: connections.open, ..Connections::default() };
        let slice = Slice {
            lane: self.number,
            boundary_ns,
            tally: std::mem::replace(&mut self.desk.tally, fresh),
            connections,
            fault_texts: std::mem::take(&mut self.desk.fault_texts),
            health: self.watch.slice(now),
            last,
        };
        // The collector outlives the lanes; if it is gone the process is ending.
        let _ = self.lines.slices.send(slice);
        self.boundary = self.plan.boundary_after(Nanos(now)).0;
    }

    /// Whether the load is over and nothing is awaited any more.
    fn is_over(&mut self) -> bool {
        let now = self.desk.clock.now();
        if self.control.must_leave() {
            return true;
        }
        let Some(until) = self.drain_until else {
            // A lane that is late still owes what fell due before the end.
            let end = self.plan.measure_until().0;
            if self.control.is_stopping() || (now >= end && self.wheel.is_past(end)) {
                self.desk.is_draining = true;
                self.lines.dials = None;
                let wait = if self.control.is_stopping() { STOPPING.min(self.plan.timeout.0) } else { self.plan.timeout.0 };
                self.drain_until = Some(now + wait);
            }
            return false;
        };
        let until = if self.control.is_stopping() { until.min(now + STOPPING) } else { until };
        now >= until || self.clients.iter().all(|c| c.outstanding() == 0)
    }

    /// Closes every connection and waits, bounded, for the peers to do the same.
    fn close_all(&mut self) {
        self.clients.iter_mut().for_each(|c| c.close(&mut self.desk, Some(1000)));
        let until = self.desk.clock.now() + CLOSING;
        loop {
            let all_dialed = self.take_last();
            let is_done = all_dialed && !self.clients.iter().any(Client::is_connected);
            if is_done || self.desk.clock.now() >= until || self.control.must_leave() {
                break;
            }
            self.read_ready(10);
        }
        self.clients.iter_mut().for_each(|c| c.drop_now(&mut self.desk));
    }
}
