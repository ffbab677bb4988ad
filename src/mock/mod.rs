//! The reference server: a stand-in for the services behind the profiles, and a test instrument.
//!
//! A [`Config`] is made from [`Words`]; [`serve`] blocks until its [`StopSignal`] is given and returns
//! an [`Account`]. Frames and JSON are read in its own way, so that a mistake is not shared with the
//! client. It delays and stalls by a known law and says what it really did. Prints nothing.
//!
//! ```text
//!  door (accept, handshake) --> lane: client --> talk --> peer --> desk --> client
//!                                      reads     hears    says     delays    writes
//! ```
//!
//! Faults strike at the door (`greeting`), in the talk (`line`) and at the desk (`faulty`, `fault::frame`).

mod account;
mod backlog;
mod chess;
mod client;
mod codec;
mod config;
mod desk;
mod diagnostics;
mod dm;
mod door;
mod fault;
mod faulty;
mod greeting;
mod kinds;
mod lane;
mod line;
mod livestyler;
mod media;
mod notify;
mod openshock;
mod pairing;
mod peer;
mod queue;
mod settings;
mod story;
mod talk;
mod terra;
mod trouble;
mod voice;
mod world;

use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use std::thread::JoinHandle;

use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;
use nix::sys::socket::Backlog;
use tokio::sync::Notify;

pub use account::Account;
pub use account::Connections;
pub use account::Hold;
pub use account::SCHEMA;
pub use config::Config;
pub use config::Dialect;
pub use config::LANES_CAP;
pub use config::MESSAGE_CAP;
pub use config::Protocol;
pub use config::Words;
pub use fault::Planned;
pub use fault::Row as FaultRow;
pub use fault::TABLE as FAULTS;
pub use settings::Variable;
pub use settings::variables;
pub use trouble::Delay;
pub use trouble::Knee;
pub use trouble::Stall;

use crate::wire::Clock;
use account::Counts;
use door::Post;
use kinds::Dropped;
use lane::Lane;
use world::World;

/// Tells one server to stop, from any thread and any number of times. Clones tell the same server.
#[derive(Clone, Debug)]
pub struct StopSignal(Arc<Stop>);

#[derive(Debug)]
struct Stop {
    /// Wakes the lanes, which poll.
    event: EventFd,
    /// Wakes the door, which awaits.
    notify: Notify,
}

impl StopSignal {
    /// A signal not yet given.
    ///
    /// # Errors
    /// When the system gives no more files.
    pub fn new() -> io::Result<Self> {
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(StopSignal(Arc::new(Stop { event, notify: Notify::new() })))
    }

    /// Gives the signal. It stays given.
    pub fn give(&self) {
        // Fails only when it was given 2^64 times.
        self.0.event.write(1).ok();
        self.0.notify.notify_one();
    }
}

/// Serves on `listener` until `stop` is given, then reads what has already arrived and gives the account.
///
/// # Errors
/// When the system gives no more files or the listener is none.
pub fn serve(config: Config, listener: TcpListener, stop: &StopSignal) -> io::Result<Account> {
    // Ten thousand clients come within a second or two; the usual backlog of 128 would refuse them.
    nix::sys::socket::listen(&listener.as_fd(), Backlog::MAXCONN)?;
    listener.set_nonblocking(true)?;
    let config = Arc::new(config);
    let clock = Clock::start();
    let open = Arc::new(AtomicU64::new(0));
    let world = Arc::new(Mutex::new(World::default()));
    let (mut posts, mut lanes) = (Vec::new(), Vec::new());
    for _ in 0..config.lanes {
        let (sender, inbox) = mpsc::channel();
        let bell = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        lanes.push(Lane::new(config.clone(), world.clone(), clock, inbox, &bell, &stop.0.event, open.clone())?);
        posts.push(Post { sender, bell });
    }
    let (callers, counts) = std::thread::scope(|scope| {
        let threads: Vec<_> = lanes.into_iter().map(|lane| scope.spawn(move || lane.run())).collect();
        let callers = door::run(
            door::Shared { config: config.clone(), world: world.clone(), clock, open: open.clone() },
            listener,
            &stop.0.notify,
            posts,
        );
        // A door that failed must not leave the lanes running.
        stop.give();
        let counts: Vec<_> = threads.into_iter().map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect();
        (callers, counts)
    });
    let mut all = Counts::new();
    for counts in counts {
        all.merge(&counts?);
    }
    let mut callers = callers?;
    all.dropped(Dropped::No101, callers.silenced);
    all.faults.extend(callers.faults);
    callers.connections.ended = all.ended;
    let mut account = all.account(config.profile.name(), config.dialect_name(), callers.connections);
    if let Ok(world) = world.lock() {
        (account.figures, account.http) = (world.figures(), world.http());
    }
    Ok(account)
}

/// A server in a thread of its own.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    stop: StopSignal,
    thread: Option<JoinHandle<io::Result<Account>>>,
}

/// Starts a server on a free port of loopback.
///
/// # Errors
/// When the system gives no port, file or thread.
pub fn spawn(config: Config) -> io::Result<Running> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let addr = listener.local_addr()?;
    let stop = StopSignal::new()?;
    let signal = stop.clone();
    let thread = std::thread::Builder::new().name("mock-door".into()).spawn(move || serve(config, listener, &signal))?;
    Ok(Running { addr, stop, thread: Some(thread) })
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops it and gives its account.
    ///
    /// # Errors
    /// When serving failed.
    pub fn stop(mut self) -> io::Result<Account> {
        self.finish().unwrap_or_else(|| Err(io::Error::other("the server was stopped before")))
    }

    fn finish(&mut self) -> Option<io::Result<Account>> {
        self.stop.give();
        let thread = self.thread.take()?;
        Some(thread.join().unwrap_or_else(|_| Err(io::Error::other("the server panicked"))))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.finish();
    }
}
