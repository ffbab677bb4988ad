//! The door: accepts connections, does their handshakes, hands them to the lanes in turn.
//!
//! One thread with a small asynchronous runtime; handshakes in progress are bounded in number and in
//! time. Knows nothing of frames.

use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Duration;

use nix::sys::eventfd::EventFd;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::AcquireError;
use tokio::sync::Notify;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use super::account::Connections;
use super::config::Config;
use super::fault::Fault;
use super::fault::Moment;
use super::fault::Striker;
use super::lane::Arrival;
use super::peer;
use crate::wire::accept;
use crate::wire::accept::Asked;
use crate::wire::accept::Outcome;
use crate::wire::accept::Refusal;
use crate::wire::accept::Verdict;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Most handshakes in progress; more wait in the listener's backlog.
const HANDSHAKES_CAP: usize = 8192;
/// Rest after a failed accept, for want of files for example.
const REST: Duration = Duration::from_millis(20);

/// Where a lane gets its connections.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) sender: Sender<Arrival>,
    pub(super) bell: EventFd,
}

/// What the door counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Callers {
    /// Connections; `ended` is for the lanes to say.
    pub(super) connections: Connections,
    /// Handshakes left unanswered by a fault.
    pub(super) silenced: u64,
}

/// Leave to do a handshake; none when the semaphore was closed, which it never is.
type Permit = Result<OwnedSemaphorePermit, AcquireError>;

struct Door {
    config: Arc<Config>,
    posts: Vec<Post>,
    open: Arc<AtomicU64>,
    strikers: RefCell<Vec<Striker>>,
    callers: Cell<Callers>,
}

/// Accepts until stopped.
///
/// # Errors
/// When the runtime cannot be made or the listener is none.
pub(super) fn run(
    config: Arc<Config>,
    listener: std::net::TcpListener,
    stop: &Notify,
    posts: Vec<Post>,
    open: Arc<AtomicU64>,
) -> io::Result<Callers> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let strikers = RefCell::new(Striker::of(&config.faults, Moment::Handshake));
    let door = Rc::new(Door { config, posts, open, strikers, callers: Cell::default() });
    LocalSet::new().block_on(&runtime, door.clone().accept(listener, stop))?;
    Ok(door.callers.get())
}

impl Door {
    async fn accept(self: Rc<Self>, listener: std::net::TcpListener, stop: &Notify) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        let permits = Arc::new(Semaphore::new(HANDSHAKES_CAP));
        loop {
            let next = async {
                let permit = permits.clone().acquire_owned().await;
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                biased;
                () = stop.notified() => return Ok(()),
                next = next => next,
            };
            match accepted {
                Ok((stream, _)) => {
                    let door = self.clone();
                    tokio::task::spawn_local(async move { door.greet(stream, permit).await });
                }
                Err(_) => tokio::time::sleep(REST).await,
            }
        }
    }

    /// One handshake. What it came to is counted before anything else is awaited, so that a count
    /// is never behind what the peer has seen.
    async fn greet(&self, stream: TcpStream, permit: Permit) {
        stream.set_nodelay(true).ok();
        let mut query = None;
        let outcome = accept::accept(stream, HANDSHAKE, |asked| {
            query.clone_from(&asked.query);
            self.verdict(asked)
        });
        match outcome.await {
            Outcome::Open { stream, leftover } => self.open(stream, leftover.to_vec(), query),
            Outcome::Refused(stream) => {
                self.count(|callers| callers.connections.refused += 1);
                accept::finish(stream).await;
            }
            Outcome::Failed(stream) => {
                self.count(|callers| callers.connections.failed += 1);
                accept::finish(stream).await;
            }
            Outcome::Silent(stream) => {
                self.count(|callers| callers.silenced += 1);
                drop(permit);
                outwait(stream).await;
            }
        }
    }

    fn open(&self, stream: TcpStream, leftover: Vec<u8>, query: Option<String>) {
        let Ok(socket) = stream.into_std() else {
            return self.count(|callers| callers.connections.failed += 1);
        };
        let ordinal = self.callers.get().connections.accepted;
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.count(|Callers { connections, .. }| {
            connections.accepted += 1;
            connections.open_peak = connections.open_peak.max(open);
        });
        self.post(Arrival { socket, leftover, query, ordinal });
    }

    fn count(&self, change: impl FnOnce(&mut Callers)) {
        let mut callers = self.callers.get();
        change(&mut callers);
        self.callers.set(callers);
    }

    fn post(&self, arrival: Arrival) {
        let post = &self.posts[arrival.ordinal as usize % self.posts.len()];
        // A lane that is gone has been stopped, and so is the door about to be.
        if post.sender.send(arrival).is_ok() {
            post.bell.write(1).ok();
        }
    }

    fn verdict(&self, asked: &Asked) -> Verdict {
        for striker in self.strikers.borrow_mut().iter_mut() {
            if striker.strikes() {
                return match striker.fault {
                    Fault::RejectHttp(status) => Verdict::Refuse(rejection(status)),
                    _ => Verdict::Silence,
                };
            }
        }
        if self.open.load(Ordering::Relaxed) >= self.config.capacity as u64 {
            return Verdict::Refuse(rejection(503));
        }
        peer::verdict(asked, &self.config)
    }
}

fn rejection(status: u16) -> Refusal {
    let refusal = Refusal::text(status, "refused by the reference server");
    if matches!(status, 429 | 503) { refusal.with("retry-after", "1") } else { refusal }
}

/// Keeps a connection open without a word until its peer leaves.
async fn outwait(mut stream: TcpStream) {
    let mut room = [0; 1024];
    while let Ok(1..) = stream.read(&mut room).await {}
}
