//! The server's side of the opening handshake (RFC 6455 section 4.2).
//!
//! Reads one HTTP request over hyper, checks it, asks the caller what to do, answers, and gives the
//! bare TCP stream back together with the bytes that came behind the request. No extension is ever
//! accepted. Knows nothing of frames or of who is served.

use std::cell::RefCell;
use std::future::poll_fn;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::HeaderMap;
use hyper::Method;
use hyper::Request;
use hyper::Response;
use hyper::StatusCode;
use hyper::Version;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::header;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha1::Digest;
use sha1::Sha1;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Largest request line and header block read, in bytes; a longer one is answered 431.
pub const HEADER_CAP: usize = 16 * 1024;
/// Most header fields read.
pub const HEADER_COUNT_CAP: usize = 64;
/// Largest body of a plain request.
pub const BODY_CAP: usize = 64 << 10;
/// How long a refused peer may take to read its answer.
const LINGER: Duration = Duration::from_secs(1);

/// What the peer asked for.
#[derive(Debug)]
pub struct Asked {
    /// Path of the request, percent-encoded as it came.
    pub path: String,
    /// Query without the question mark.
    pub query: Option<String>,
    /// Header fields of the request.
    pub headers: HeaderMap,
    /// Why this is no valid WebSocket handshake, if it is none.
    pub defect: Option<Defect>,
}

impl Asked {
    /// The first value of the header `name`, when it is plain text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// The subprotocols offered, in order.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        tokens(&self.headers, header::SEC_WEBSOCKET_PROTOCOL.as_str())
    }
}

/// What is wrong with a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The method is not GET.
    NotGet,
    /// HTTP before 1.1, or no Host.
    OldHttp,
    /// No `Upgrade: websocket`.
    NoUpgrade,
    /// `Connection` does not list `upgrade`.
    NoConnectionUpgrade,
    /// `Sec-WebSocket-Version` is not 13.
    Version,
    /// `Sec-WebSocket-Key` is not the base64 of 16 bytes.
    Key,
}

impl Defect {
    /// The HTTP answer that says so.
    pub fn refusal(self) -> Refusal {
        match self {
            Defect::NotGet => Refusal::text(405, "a WebSocket is asked for with GET").with("allow", "GET"),
            Defect::OldHttp => Refusal::text(400, "HTTP/1.1 with a Host is needed"),
            Defect::NoUpgrade => Refusal::text(426, "this is a WebSocket endpoint").with("upgrade", "websocket"),
            Defect::NoConnectionUpgrade => Refusal::text(400, "the Connection header does not list upgrade"),
            Defect::Version => Refusal::text(426, "only version 13 is spoken here").with("sec-websocket-version", "13"),
            Defect::Key => Refusal::text(400, "Sec-WebSocket-Key is not the base64 of 16 bytes"),
        }
    }
}

/// An HTTP answer instead of 101.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Status code, 200 to 599.
    pub status: u16,
    /// Header fields beside length and connection.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: String,
}

impl Refusal {
    /// A refusal with a plain text body.
    pub fn text(status: u16, body: &str) -> Self {
        Refusal { status, headers: Vec::new(), body: body.into() }.with("content-type", "text/plain; charset=utf-8")
    }

    /// The same with one more header field.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What the caller wants done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answer 101, naming a subprotocol if one is given. A defective handshake is refused all the same.
    Accept(Option<String>),
    /// Answer this instead.
    Refuse(Refusal),
    /// Say nothing at all.
    Silence,
}

/// How a handshake ended.
#[derive(Debug)]
pub enum Outcome {
    /// 101 was written. `leftover` came behind the request and belongs to the first frames.
    Open {
        /// The connection.
        stream: TcpStream,
        /// Bytes already read from it.
        leftover: Bytes,
    },
    /// An HTTP refusal was written; [`finish`] the connection so that it is read.
    Refused(TcpStream),
    /// Nothing was written; the connection is the caller's to keep.
    Silent {
        /// The connection.
        stream: TcpStream,
        /// Bytes that came behind the request.
        leftover: Bytes,
    },
    /// No whole request came within the deadline, or it was not HTTP (hyper has said so); [`finish`] it.
    Failed(TcpStream),
}

/// A plain HTTP request: one that asks for no upgrade.
#[derive(Debug)]
pub struct Plain {
    /// Method.
    pub method: Method,
    /// Body, at most [`BODY_CAP`] bytes.
    pub body: Bytes,
}

/// Reads one request from `stream` and answers it, within `deadline`: a plain one for which `serve` has an answer with that,
/// any other as `decide` says.
pub async fn accept(
    stream: TcpStream,
    deadline: Duration,
    serve: impl FnOnce(&Asked, Plain) -> Option<Refusal>,
    decide: impl FnOnce(&Asked) -> Verdict,
) -> Outcome {
    let callers = RefCell::new(Some((serve, decide)));
    let given = RefCell::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        Box::pin(async {
            // keep-alive is refused, so a second request can only be a pipelined one: it gets no answer.
            let Some((serve, decide)) = callers.borrow_mut().take() else { return Err(Unanswered) };
            let key = request.headers().get(header::SEC_WEBSOCKET_KEY).map(|v| v.as_bytes().to_vec());
            let (asked, plain) = asked(request).await;
            let served = plain.and_then(|plain| serve(&asked, plain)).map(Verdict::Refuse);
            let verdict = match (served.unwrap_or_else(|| decide(&asked)), asked.defect) {
                (Verdict::Accept(_), Some(defect)) => Verdict::Refuse(defect.refusal()),
                (verdict, _) => verdict,
            };
            let response = match &verdict {
                Verdict::Accept(subprotocol) => switching(&key.unwrap_or_default(), subprotocol.as_deref()),
                Verdict::Refuse(refusal) => refused(refusal),
                Verdict::Silence => Err(Unanswered),
            };
            *given.borrow_mut() = Some(verdict);
            response
        })
    });
    let mut http = http1::Builder::new();
    http.max_buf_size(HEADER_CAP).max_headers(HEADER_COUNT_CAP);
    let mut conn = http.serve_connection(TokioIo::new(stream), service);
    let done = tokio::time::timeout(deadline, poll_fn(|cx| conn.poll_without_shutdown(cx))).await;
    let parts = conn.into_parts();
    let stream = parts.io.into_inner();
    let verdict = given.borrow_mut().take();
    match (verdict, done) {
        (Some(Verdict::Silence), _) => Outcome::Silent { stream, leftover: parts.read_buf },
        (Some(Verdict::Accept(_)), Ok(Ok(()))) => Outcome::Open { stream, leftover: parts.read_buf },
        (Some(Verdict::Refuse(_)), Ok(Ok(()))) => Outcome::Refused(stream),
        _ => Outcome::Failed(stream),
    }
}

/// The service has no answer; hyper ends the exchange without writing one.
#[derive(Debug)]
struct Unanswered;

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("left unanswered")
    }
}

impl std::error::Error for Unanswered {}

/// Ends the writing side and lets the peer read, for a second at most: closing with unread input
/// would destroy the answer.
pub async fn finish(mut stream: TcpStream) {
    let drain = async {
        stream.shutdown().await.ok();
        let mut rest = [0; 1024];
        let mut left = HEADER_CAP;
        while let Ok(n @ 1..) = stream.read(&mut rest).await {
            left = left.saturating_sub(n);
            if left == 0 {
                break;
            }
        }
    };
    tokio::time::timeout(LINGER, drain).await.ok();
}

/// The request, and what is plain about it when it asks for no upgrade.
async fn asked(request: Request<Incoming>) -> (Asked, Option<Plain>) {
    let defect = defect(&request);
    let is_plain = !request.headers().contains_key(header::UPGRADE) && matches!(defect, Some(Defect::NotGet | Defect::NoUpgrade));
    let (head, body) = request.into_parts();
    let plain = if is_plain {
        // A body that is too large or does not come is as good as none.
        let body = Limited::new(body, BODY_CAP).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Some(Plain { method: head.method, body })
    } else {
        None
    };
    let (path, query) = (head.uri.path().into(), head.uri.query().map(Into::into));
    (Asked { path, query, headers: head.headers, defect }, plain)
}

fn defect(request: &Request<Incoming>) -> Option<Defect> {
    let headers = request.headers();
    let has = |name: &str, token: &str| tokens(headers, name).any(|t| t.eq_ignore_ascii_case(token));
    let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|key| STANDARD.decode(key.as_bytes()).ok());
    let version = headers.get(header::SEC_WEBSOCKET_VERSION);
    if request.method() != Method::GET {
        Some(Defect::NotGet)
    } else if request.version() != Version::HTTP_11 || !headers.contains_key(header::HOST) {
        Some(Defect::OldHttp)
    } else if !has("upgrade", "websocket") {
        Some(Defect::NoUpgrade)
    } else if !has("connection", "upgrade") {
        Some(Defect::NoConnectionUpgrade)
    } else if version.is_none_or(|v| v.as_bytes() != b"13") {
        Some(Defect::Version)
    } else if key.is_none_or(|k| k.len() != 16) {
        Some(Defect::Key)
    } else {
        None
    }
}

fn tokens<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).into_iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).map(str::trim)
}

/// base64(sha1(key + GUID)), RFC 6455 section 4.2.2.
pub fn accept_value(key: &[u8]) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(key);
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(sha1.finalize())
}

fn switching(key: &[u8], subprotocol: Option<&str>) -> Result<Response<Full<Bytes>>, Unanswered> {
    let mut response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept_value(key));
    if let Some(name) = subprotocol {
        response = response.header(header::SEC_WEBSOCKET_PROTOCOL, name);
    }
    response.body(Full::default()).map_err(|_| Unanswered)
}

fn refused(refusal: &Refusal) -> Result<Response<Full<Bytes>>, Unanswered> {
    let mut response = Response::builder().status(refusal.status).header(header::CONNECTION, "close");
    for (name, value) in &refusal.headers {
        response = response.header(*name, value);
    }
    response.body(Full::new(Bytes::from(refusal.body.clone()))).map_err(|_| Unanswered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(accept_value(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
