//! Pages and events over HTTP, for a few readers: how a run is watched from a browser or by a collector of metrics.
//!
//! Readers are bounded in number, in what they may ask and in how far they may fall behind; nothing they do is waited for by
//! whoever publishes, and who is not served is counted. Knows nothing of what the pages say.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use http_body_util::Either;
use http_body_util::Full;
use hyper::Method;
use hyper::Request;
use hyper::Response;
use hyper::StatusCode;
use hyper::body::Body;
use hyper::body::Bytes;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::header;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;

use super::accept::HEADER_CAP;
use super::accept::HEADER_COUNT_CAP;

/// Most connections at once; more are closed unheard.
pub const READERS: usize = 16;
/// Events that wait for a reader; one that is further behind is dropped.
const BEHIND: usize = 30;
/// How long a request line with its headers may take.
const ASKING: Duration = Duration::from_secs(5);
/// How long a page may take to be read.
const READING: Duration = Duration::from_secs(30);
/// How long the last event may take to be read.
const LEAVING: Duration = Duration::from_secs(1);
/// A rest when no connection can be taken.
const REST: Duration = Duration::from_millis(100);

/// What a reader asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask<'a> {
    /// The path, without a query.
    pub path: &'a str,
    /// The `Accept` header.
    pub accept: Option<&'a str>,
    /// Readers that were not served until now.
    pub dropped: Dropped,
}

/// Readers that were not served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Closed unheard, as there were too many.
    pub crowded: u64,
    /// Cut off, as they asked or read too slowly.
    pub slow: u64,
}

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its media type.
    pub kind: &'static str,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// Draws what is asked for anew, if there is such a page.
pub type Draw = Box<dyn Fn(&Ask<'_>) -> Option<Page> + Send + Sync>;

type Said = Response<Either<Full<Bytes>, Events>>;

/// What is shown, and who follows it.
pub struct Board {
    draw: Draw,
    /// The content security policy of pages, if they are for browsers.
    policy: Option<header::HeaderValue>,
    has_events: bool,
    /// Whether only names of this machine may be asked for; a foreign name that leads here is a trap for a browser.
    is_own: bool,
    followers: Mutex<Vec<Follower>>,
    over: Notify,
    crowded: AtomicU64,
    slow: AtomicU64,
}

/// Somebody who is told of every event.
struct Follower {
    events: mpsc::Sender<Bytes>,
    cut: Arc<Notify>,
}

impl Board {
    /// A board with the pages that `draw` makes. With `is_own` a request must name a loopback address or `localhost` as its
    /// host.
    pub fn new(draw: Draw, is_own: bool) -> Self {
        Board {
            draw,
            policy: None,
            has_events: false,
            is_own,
            followers: Mutex::default(),
            over: Notify::new(),
            crowded: AtomicU64::new(0),
            slow: AtomicU64::new(0),
        }
    }

    /// The same with events at `/events`, and pages under the content security policy `policy`.
    #[must_use]
    pub fn with_events(self, policy: &str) -> Self {
        Board { policy: header::HeaderValue::from_str(policy).ok(), has_events: true, ..self }
    }

    /// Tells all followers; never waits. `name` and `data` are one line each. Who is too far behind is dropped.
    pub fn publish(&self, name: &str, data: &str) {
        let event = Bytes::from(format!("event: {name}\ndata: {data}\n\n"));
        self.followers().retain(|follower| {
            let is_told = follower.events.try_send(event.clone()).is_ok();
            if !is_told {
                follower.cut.notify_one();
            }
            is_told
        });
    }

    /// No more events: the followers' streams end, and [`serve`] returns within a second.
    pub fn close(&self) {
        self.followers().clear();
        self.over.notify_one();
    }

    fn followers(&self) -> MutexGuard<'_, Vec<Follower>> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request<Incoming>, cut: &Arc<Notify>) -> Said {
        if request.method() != Method::GET {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is understood here\n");
        }
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        if self.is_own && !host.is_some_and(is_here) {
            return plain(StatusCode::FORBIDDEN, "this is for this machine: ask for 127.0.0.1 or localhost\n");
        }
        let path = request.uri().path();
        if self.has_events && path == "/events" {
            let (events, told) = mpsc::channel(BEHIND);
            self.followers().push(Follower { events, cut: cut.clone() });
            return self.headed(Either::Right(Events(told)), "text/event-stream");
        }
        let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        match (self.draw)(&Ask { path, accept, dropped: self.dropped() }) {
            Some(page) => self.headed(Either::Left(Full::new(page.bytes.into())), page.kind),
            None => plain(StatusCode::NOT_FOUND, "there is nothing here\n"),
        }
    }

    fn dropped(&self) -> Dropped {
        Dropped { crowded: self.crowded.load(Ordering::Relaxed), slow: self.slow.load(Ordering::Relaxed) }
    }

    fn headed(&self, body: Either<Full<Bytes>, Events>, kind: &'static str) -> Said {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
        if let Some(policy) = &self.policy {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
        }
        response
    }
}

fn plain(status: StatusCode, text: &'static str) -> Said {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from_static(text.as_bytes()))));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Whether a Host header names this machine by a name that nobody else can give away.
fn is_here(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// A body that grows by events.
struct Events(mpsc::Receiver<Bytes>);

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|event| event.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A listener for the page, and its address.
///
/// # Errors
/// When the address cannot be had.
pub fn listen(address: SocketAddr) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves `board` until it is closed, on a runtime of its own in this thread.
///
/// # Errors
/// When the runtime cannot be made.
pub fn serve(listener: std::net::TcpListener, board: &Arc<Board>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let permits = Arc::new(Semaphore::new(READERS));
        loop {
            let accepted = tokio::select! {
                biased;
                () = board.over.notified() => break,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(REST).await;
                continue;
            };
            let Ok(permit) = permits.clone().try_acquire_owned() else {
                board.crowded.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let board = board.clone();
            tokio::spawn(async move {
                attend(stream, &board).await;
                drop(permit);
            });
        }
        // The last event goes out to those who read.
        let all = u32::try_from(READERS).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(LEAVING, permits.acquire_many(all)).await;
        Ok(())
    })
}

/// One connection, one request.
async fn attend(stream: TcpStream, board: &Board) {
    let cut = Arc::new(Notify::new());
    let service = service_fn(|request: Request<Incoming>| {
        let response = board.answer(&request, &cut);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(ASKING).max_buf_size(HEADER_CAP).max_headers(HEADER_COUNT_CAP).keep_alive(false);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    let overdue = async {
        tokio::time::sleep(READING).await;
        // Whoever follows the events may stay.
        if board.followers().iter().any(|follower| Arc::ptr_eq(&follower.cut, &cut)) {
            std::future::pending::<()>().await;
        }
    };
    let is_slow = tokio::select! {
        ended = connection => ended.is_err_and(|e| e.is_timeout()),
        () = cut.notified() => true,
        () = overdue => true,
    };
    if is_slow {
        board.slow.fetch_add(1, Ordering::Relaxed);
    }
    board.followers().retain(|follower| !Arc::ptr_eq(&follower.cut, &cut));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine() {
        for (host, here) in [
            ("127.0.0.1:80", true),
            ("localhost:8080", true),
            ("LOCALHOST", true),
            ("[::1]:80", true),
            ("evil.example:80", false),
            ("127.0.0.1.evil.example", false),
            ("192.168.0.1", false),
            ("", false),
        ] {
            assert_eq!(is_here(host), here, "{host}");
        }
    }

    #[test]
    fn who_is_too_far_behind_is_dropped() {
        let board = Board::new(Box::new(|_| None), true).with_events("default-src 'none'");
        let cut = Arc::new(Notify::new());
        let (events, _told) = mpsc::channel(BEHIND);
        board.followers().push(Follower { events, cut });
        (0..BEHIND).for_each(|_| board.publish("second", "{}"));
        assert_eq!(board.followers().len(), 1);
        board.publish("second", "{}");
        assert_eq!(board.followers().len(), 0);
    }
}
