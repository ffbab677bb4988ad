//! One serving thread: its own epoll, its own connections, its own counts.
//!
//! Edge-triggered: a connection is read until it has no more or had its turn. Waiting answers leave
//! by a timerfd, which is exact where epoll's own timeout is rounded to milliseconds. Shares nothing
//! with other lanes but the number of open connections.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use nix::errno::Errno;
use nix::sys::epoll::Epoll;
use nix::sys::epoll::EpollCreateFlags;
use nix::sys::epoll::EpollEvent;
use nix::sys::epoll::EpollFlags;
use nix::sys::epoll::EpollTimeout;
use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::ClockId;
use nix::sys::timerfd::Expiration;
use nix::sys::timerfd::TimerFd;
use nix::sys::timerfd::TimerFlags;
use nix::sys::timerfd::TimerSetTimeFlags;

use crate::units::SECOND;

use super::account::Counts;
use super::client::Client;
use super::client::Gone;
use super::client::Heard;
use super::config::Config;
use super::desk::Desk;
use super::kinds::Dropped;
use super::line::Line;
use super::peer::Peer;
use super::story::Post;
use super::talk::Talk;
use super::trouble::Random;
use super::world::World;
use crate::wire::Clock;

/// Bytes read at once; shared by all connections of the lane.
const ROOM: usize = 64 << 10;
/// Events taken at once.
const EVENTS: usize = 256;
/// Rounds in which a stopped lane still reads what has arrived.
const LAST_ROUNDS: usize = 256;
/// Names in epoll that are no connection.
const STOP: u64 = u64::MAX;
const BELL: u64 = u64::MAX - 1;
const TIMER: u64 = u64::MAX - 2;

/// A connection whose handshake is done.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Non-blocking.
    pub(super) socket: TcpStream,
    /// The answer to the request, when it is to leave together with the first frame.
    pub(super) head: Option<Vec<u8>>,
    /// Bytes that came behind the request.
    pub(super) leftover: Vec<u8>,
    /// Path of the request.
    pub(super) path: String,
    /// Query of the request.
    pub(super) query: Option<String>,
    /// Which connection of the server it is, from 0.
    pub(super) ordinal: u64,
}

/// A place for a connection; the generation tells apart those that had it one after another.
#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    client: Option<Box<Client>>,
}

/// One lane, not yet running.
pub(super) struct Lane {
    epoll: Epoll,
    timer: TimerFd,
    /// The instant the timer is set to.
    armed: Option<u64>,
    clock: Clock,
    inbox: Receiver<Arrival>,
    open: Arc<AtomicU64>,
    desk: Desk,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Connections that may have more to read without a new event.
    again: Vec<u64>,
    room: Vec<u8>,
    stopped: bool,
}

impl Lane {
    /// A lane that takes connections from `inbox` when `bell` rings. Counts down `open` as they end.
    ///
    /// # Errors
    /// When the system gives no more files.
    pub(super) fn new(
        config: Arc<Config>,
        world: Arc<Mutex<World>>,
        clock: Clock,
        inbox: Receiver<Arrival>,
        bell: &EventFd,
        stop: &EventFd,
        open: Arc<AtomicU64>,
    ) -> Result<Self, Errno> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        let edge = |name| EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, name);
        epoll.add(&timer, edge(TIMER))?;
        epoll.add(bell, edge(BELL))?;
        epoll.add(stop, edge(STOP))?;
        Ok(Lane {
            epoll,
            timer,
            armed: None,
            clock,
            inbox,
            desk: Desk::new(config, world, open.clone()),
            open,
            slots: Vec::new(),
            free: Vec::new(),
            again: Vec::new(),
            room: vec![0; ROOM],
            stopped: false,
        })
    }

    /// Serves until stopped, then reads what has already arrived and gives the counts.
    ///
    /// # Errors
    /// When epoll or the timer fails, which they do only when misused.
    pub(super) fn run(mut self) -> Result<Counts, Errno> {
        let mut events = vec![EpollEvent::empty(); EVENTS];
        while !self.stopped {
            self.arm()?;
            self.round(&mut events, EpollTimeout::NONE)?;
        }
        for _ in 0..LAST_ROUNDS {
            if self.round(&mut events, EpollTimeout::ZERO)? == 0 && self.again.is_empty() {
                break;
            }
        }
        self.desk.stop();
        Ok(self.desk.counts)
    }

    /// Waits for events and handles them; how many there were.
    fn round(&mut self, events: &mut [EpollEvent], timeout: EpollTimeout) -> Result<usize, Errno> {
        let timeout = if self.again.is_empty() { timeout } else { EpollTimeout::ZERO };
        let count = match self.epoll.wait(events, timeout) {
            Err(Errno::EINTR) => 0,
            other => other?,
        };
        for event in &events[..count] {
            match event.data() {
                STOP => self.stopped = true,
                BELL => self.arrivals(),
                TIMER => self.armed = None,
                token => self.event(token, event.events()),
            }
            self.deliver();
            // What became due meanwhile does not wait for the rest of the events.
            if self.desk.queue.next_at().is_some_and(|at| at <= self.desk.now) {
                self.release();
            }
        }
        for token in std::mem::take(&mut self.again) {
            self.event(token, EpollFlags::EPOLLIN);
        }
        self.release();
        self.deliver();
        Ok(count)
    }

    /// Sets the timer to the next instant of the queue.
    fn arm(&mut self) -> Result<(), Errno> {
        let next = self.desk.queue.next_at();
        if next.is_some() && next != self.armed {
            let wait = next.map_or(1, |at| at.saturating_sub(self.clock.now()).max(1));
            let wait = TimeSpec::new((wait / SECOND) as i64, (wait % SECOND) as i64);
            self.timer.set(Expiration::OneShot(wait), TimerSetTimeFlags::empty())?;
            self.armed = next;
        }
        Ok(())
    }

    /// Says what connections, and plain HTTP requests, have said to others.
    fn deliver(&mut self) {
        while let Some(Post { to, what, after }) = self.desk.posts.pop_front() {
            let Some(mut client) = self.take(to) else { continue };
            client.talk.told(what, after, &mut self.desk);
            let result = client.flush(&mut self.desk, self.clock);
            self.back(client, result);
        }
    }

    fn arrivals(&mut self) {
        self.desk.now = self.clock.now();
        if let Ok(mut world) = self.desk.world.lock() {
            self.desk.posts.extend(world.posts.drain(..));
        }
        while let Ok(arrival) = self.inbox.try_recv() {
            self.enter(arrival);
        }
    }

    fn enter(&mut self, mut arrival: Arrival) {
        self.desk.now = self.clock.now();
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        let token = u64::from(self.slots[index as usize].generation) << 32 | u64::from(index);
        let random = Random::new(self.desk.config.seed, arrival.ordinal);
        let line = Line::new(token, self.desk.quirks(), random);
        let peer = Peer::new(self.desk.config.profile, &arrival.path, arrival.query.as_deref(), self.desk.now);
        let mut client = Box::new(Client::new(arrival.socket, Talk::new(line, peer)));
        let all = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
        let watched = self.epoll.add(&client.socket, EpollEvent::new(all, token)).map_err(|_| Gone);
        client.opened(&mut arrival.leftover, &mut self.desk);
        if let Some(head) = arrival.head {
            self.desk.greet(&mut client.talk.line, &head);
        }
        let flushed = client.flush(&mut self.desk, self.clock);
        self.back(client, watched.and(flushed));
    }

    fn event(&mut self, token: u64, flags: EpollFlags) {
        let Some(mut client) = self.take(token) else { return };
        let hung = flags.intersects(EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR);
        let mut result = Ok(());
        if flags.contains(EpollFlags::EPOLLOUT) {
            result = client.drain(&mut self.desk);
        }
        if result.is_ok() && (hung || flags.contains(EpollFlags::EPOLLIN)) {
            result = match client.hear(&mut self.room, hung, &mut self.desk, self.clock) {
                Ok(Heard::All) => Ok(()),
                Ok(Heard::More) => {
                    self.again.push(token);
                    Ok(())
                }
                Err(Gone) => Err(Gone),
            };
        }
        self.back(client, result);
    }

    /// Writes everything whose instant has come, joined for each connection.
    fn release(&mut self) {
        if self.desk.queue.next_at().is_none() {
            return;
        }
        let now = self.clock.now();
        self.desk.now = now;
        while let Some(first) = self.desk.queue.due(now) {
            let token = first.token;
            let Some(mut client) = self.take(token) else {
                self.desk.discard(first, Dropped::PeerGone);
                continue;
            };
            client.talk.due(first, &mut self.desk);
            while let Some(next) = self.desk.queue.due_for(token, now) {
                client.talk.due(next, &mut self.desk);
            }
            let result = client.flush(&mut self.desk, self.clock);
            self.back(client, result);
        }
    }

    fn take(&mut self, token: u64) -> Option<Box<Client>> {
        let slot = self.slots.get_mut(token as u32 as usize)?;
        if u64::from(slot.generation) == token >> 32 { slot.client.take() } else { None }
    }

    /// Puts a connection back in its place, or ends it.
    fn back(&mut self, mut client: Box<Client>, result: Result<(), Gone>) {
        let token = client.talk.line.token;
        let slot = &mut self.slots[token as u32 as usize];
        if result.is_ok() {
            if client.resumes(&self.desk) {
                self.again.push(token);
            }
            slot.client = Some(client);
            return;
        }
        client.bury(&mut self.desk);
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(token as u32);
        self.desk.counts.ended += 1;
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}
