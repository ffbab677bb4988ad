//! The door: accepts connections, does their handshakes, hands them to the lanes in turn.
//!
//! One thread with a small asynchronous runtime; handshakes in progress are bounded in number and in
//! time. Knows nothing of frames.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Duration;
use std::time::Instant;

use nix::sys::eventfd::EventFd;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::AcquireError;
use tokio::sync::Notify;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use super::account::Connections;
use super::config::Config;
use super::config::Dialect;
use super::fault::Fault;
use super::fault::Striker;
use super::fault::handshake::Handshake;
use super::greeting::Greeting;
use super::greeting::NOT_HTTP;
use super::lane::Arrival;
use super::openshock;
use super::peer;
use super::story;
use super::story::Call;
use super::world::World;
use crate::wire::Clock;
use crate::wire::accept;
use crate::wire::accept::Asked;
use crate::wire::accept::Outcome;
use crate::wire::accept::Plain;
use crate::wire::accept::Refusal;
use crate::wire::accept::Verdict;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Most handshakes in progress; more wait in the listener's backlog.
const HANDSHAKES_CAP: usize = 8192;
/// Where redirects lead.
const ELSEWHERE: &str = "/redirected";
/// Rest after a failed accept, for want of files for example.
const REST: Duration = Duration::from_millis(20);

/// Where a lane gets its connections.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) sender: Sender<Arrival>,
    pub(super) bell: EventFd,
}

/// What the door counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Callers {
    /// Connections; `ended` is for the lanes to say.
    pub(super) connections: Connections,
    /// Handshakes left unanswered by a fault.
    pub(super) silenced: u64,
    /// Handshakes struck by each fault.
    pub(super) faults: BTreeMap<&'static str, u64>,
}

/// What becomes of a handshake.
enum Decision {
    /// The usual answers.
    Usual(Verdict),
    /// 101 in an unusual way.
    Odd(Greeting),
    /// A line that is not HTTP.
    NotHttp,
}

/// Where a connection was asked for.
#[derive(Debug, Default)]
struct Place {
    path: String,
    query: Option<String>,
}

/// Leave to do a handshake; none when the semaphore was closed, which it never is.
type Permit = Result<OwnedSemaphorePermit, AcquireError>;

/// What the door shares with the lanes.
pub(super) struct Shared {
    /// What the server does.
    pub(super) config: Arc<Config>,
    /// What all connections share.
    pub(super) world: Arc<Mutex<World>>,
    /// The server's clock.
    pub(super) clock: Clock,
    /// Open connections.
    pub(super) open: Arc<AtomicU64>,
}

struct Door {
    config: Arc<Config>,
    world: Arc<Mutex<World>>,
    clock: Clock,
    posts: Vec<Post>,
    open: Arc<AtomicU64>,
    strikers: RefCell<Vec<Striker<Handshake>>>,
    callers: RefCell<Callers>,
    /// When the next handshake may be taken up.
    next_turn: Cell<Instant>,
}

/// Accepts until stopped.
///
/// # Errors
/// When the runtime cannot be made or the listener is none.
pub(super) fn run(shared: Shared, listener: std::net::TcpListener, stop: &Notify, posts: Vec<Post>) -> io::Result<Callers> {
    let Shared { config, world, clock, open } = shared;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let strikers = Striker::of(&config.faults, |fault| if let Fault::Handshake(what) = fault { Some(what) } else { None });
    let door = Rc::new(Door {
        config,
        world,
        clock,
        posts,
        open,
        strikers: RefCell::new(strikers),
        callers: RefCell::default(),
        next_turn: Cell::new(Instant::now()),
    });
    LocalSet::new().block_on(&runtime, door.clone().accept(listener, stop))?;
    Ok(door.callers.take())
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

    /// Waits until the rate admits one more handshake.
    async fn turn(&self) {
        let Some(rate) = self.config.accept_rate else { return };
        let turn = self.next_turn.get().max(Instant::now());
        self.next_turn.set(turn + Duration::from_nanos(rate.period_ns() as u64));
        tokio::time::sleep_until(turn.into()).await;
    }

    /// One handshake. What it came to is counted before anything else is awaited, so that a count
    /// is never behind what the peer has seen.
    async fn greet(&self, stream: TcpStream, permit: Permit) {
        stream.set_nodelay(true).ok();
        self.turn().await;
        let mut place = Place::default();
        let mut odd = None;
        let serve = |asked: &Asked, plain| self.serve(asked, plain);
        let outcome = accept::accept(stream, HANDSHAKE, serve, |asked| {
            place = Place { path: asked.path.clone(), query: asked.query.clone() };
            match self.decide(asked) {
                Decision::Usual(verdict) => verdict,
                other => {
                    odd = Some(other);
                    Verdict::Silence
                }
            }
        });
        match (outcome.await, odd) {
            (Outcome::Open { stream, leftover }, _) => self.open(stream, None, leftover.to_vec(), place),
            (Outcome::Refused(stream), _) => {
                self.count(|callers| callers.connections.refused += 1);
                accept::finish(stream).await;
            }
            (Outcome::Failed(stream), _) => {
                self.count(|callers| callers.connections.failed += 1);
                accept::finish(stream).await;
            }
            (Outcome::Silent { stream, leftover }, Some(Decision::Odd(greeting))) => {
                drop(permit);
                self.greet_oddly(stream, greeting, leftover.to_vec(), place).await;
            }
            (Outcome::Silent { mut stream, .. }, Some(_)) => {
                self.count(|callers| callers.connections.refused += 1);
                stream.write_all(NOT_HTTP).await.ok();
                accept::finish(stream).await;
            }
            (Outcome::Silent { stream, .. }, None) => {
                self.count(|callers| callers.silenced += 1);
                drop(permit);
                outwait(stream).await;
            }
        }
    }

    /// Answers 101 as a fault has it; a peer that leaves meanwhile has failed.
    async fn greet_oddly(&self, mut stream: TcpStream, greeting: Greeting, leftover: Vec<u8>, place: Place) {
        if greeting.early {
            return self.open(stream, Some(greeting.head), leftover, place);
        }
        let written = match greeting.pause {
            Some(pause) => slowly(&mut stream, &greeting.head, pause.to_std()).await,
            None => match tokio::time::timeout(HANDSHAKE, stream.write_all(&greeting.head)).await {
                Ok(written) => written,
                Err(late) => Err(late.into()),
            },
        };
        match written {
            Ok(()) => self.open(stream, None, leftover, place),
            Err(_) => self.count(|callers| callers.connections.failed += 1),
        }
    }

    fn open(&self, stream: TcpStream, head: Option<Vec<u8>>, leftover: Vec<u8>, place: Place) {
        let Ok(socket) = stream.into_std() else {
            return self.count(|callers| callers.connections.failed += 1);
        };
        let ordinal = self.callers.borrow().connections.accepted;
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.count(|Callers { connections, .. }| {
            connections.accepted += 1;
            connections.open_peak = connections.open_peak.max(open);
        });
        self.post(Arrival { socket, head, leftover, path: place.path, query: place.query, ordinal });
    }

    fn count(&self, change: impl FnOnce(&mut Callers)) {
        change(&mut self.callers.borrow_mut());
    }

    fn post(&self, arrival: Arrival) {
        let post = &self.posts[arrival.ordinal as usize % self.posts.len()];
        // A lane that is gone has been stopped, and so is the door about to be.
        if post.sender.send(arrival).is_ok() {
            post.bell.write(1).ok();
        }
    }

    /// Answers a plain HTTP request, if there is anything at its path.
    fn serve(&self, asked: &Asked, plain: Plain) -> Option<Refusal> {
        let header = |name: &str| asked.header(name).map(str::to_owned);
        let call = Call {
            method: plain.method.as_str(),
            path: &asked.path,
            query: story::query(asked.query.as_deref()),
            header: &header,
            body: serde_json::from_slice(&plain.body).unwrap_or_default(),
            now: self.clock.now(),
            settings: &self.config.settings,
            docs: self.config.dialect == Dialect::Docs,
        };
        let answer = self.world.lock().ok()?.serve(self.config.profile, &call)?;
        // What the request has to say to connections, their lane takes when the bell rings.
        self.posts.iter().for_each(|post| {
            post.bell.write(1).ok();
        });
        Some(answer)
    }

    /// What becomes of a handshake: the first fault that strikes decides. One that spoils the 101 strikes
    /// only where there would be one.
    fn decide(&self, asked: &Asked) -> Decision {
        for striker in self.strikers.borrow_mut().iter_mut() {
            let accepted = match (striker.what, self.verdict(asked)) {
                (Handshake::Odd(odd), Verdict::Accept(subprotocol)) if asked.defect.is_none() => Some((odd, subprotocol)),
                (Handshake::Odd(_), _) => continue,
                _ => None,
            };
            if !striker.strikes() {
                continue;
            }
            self.count(|callers| *callers.faults.entry(striker.name).or_default() += 1);
            return match (striker.what, accepted) {
                (Handshake::Reject(status, retry), _) => Decision::Usual(Verdict::Refuse(rejection(status, retry))),
                (Handshake::Redirect(status), _) => {
                    Decision::Usual(Verdict::Refuse(Refusal::text(status, "elsewhere").with("location", ELSEWHERE)))
                }
                (Handshake::Busy, _) => Decision::Usual(Verdict::Refuse(openshock::busy())),
                (Handshake::NotHttp, _) => Decision::NotHttp,
                (_, Some((odd, subprotocol))) => Decision::Odd(Greeting::new(odd, asked, subprotocol.as_deref())),
                (_, None) => Decision::Usual(Verdict::Silence),
            };
        }
        Decision::Usual(self.verdict(asked))
    }

    fn verdict(&self, asked: &Asked) -> Verdict {
        if self.open.load(Ordering::Relaxed) >= self.config.capacity as u64 {
            return Verdict::Refuse(rejection(503, Some(1)));
        }
        peer::verdict(asked, &self.config)
    }
}

fn rejection(status: u16, retry_after: Option<u64>) -> Refusal {
    let refusal = Refusal::text(status, "refused by the reference server");
    match retry_after {
        Some(seconds) => refusal.with("retry-after", seconds.to_string()),
        None => refusal,
    }
}

/// Writes one byte at a time, with a pause before each.
async fn slowly(stream: &mut TcpStream, bytes: &[u8], pause: Duration) -> io::Result<()> {
    for byte in bytes {
        tokio::time::sleep(pause).await;
        stream.write_all(&[*byte]).await?;
    }
    Ok(())
}

/// Keeps a connection open without a word until its peer leaves.
async fn outwait(mut stream: TcpStream) {
    let mut room = [0; 1024];
    while let Ok(1..) = stream.read(&mut room).await {}
}
