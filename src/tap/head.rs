//! The head of a request on its way to the target: read with httparse, written again in the same order and spelling but for
//! what has to be another's: host, origin, path prefix, and no extension is asked for.

use std::fmt::Write as _;

/// Largest head of a request, in bytes.
pub(super) const HEAD_MOST: usize = 64 << 10;
/// Most headers.
const HEADERS_MOST: usize = 128;

/// What is asked for at the target instead of here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The Host header.
    pub authority: String,
    /// The origin, as `https://host`.
    pub origin: String,
    /// Path and query of the target's address, `/` for none: what stands before the path that a client asks for, and behind its
    /// query.
    pub path_and_query: String,
}

/// A request as the client made it, and as it goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Whether it asks for an upgrade to WebSocket.
    pub(super) is_upgrade: bool,
    /// Path and query at the target.
    pub(super) path: String,
    /// All headers of the client.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    /// The head as it goes on.
    pub(super) bytes: Vec<u8>,
}

impl Asked {
    /// About how many bytes it holds.
    pub(super) fn weight(&self) -> usize {
        self.path.len() + 2 * self.bytes.len()
    }
}

/// The answer of a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// Its status.
    pub(super) status: u16,
    /// All headers.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    /// Length of the head.
    pub(super) length: usize,
}

impl Target {
    /// The request whose head `bytes` begin with, and the length of that head; `None` when it is not whole.
    ///
    /// # Errors
    /// Why it cannot be passed on, with what to do.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<Option<(Asked, usize)>, String> {
        let mut room = [httparse::EMPTY_HEADER; HEADERS_MOST];
        let mut request = httparse::Request::new(&mut room);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() >= HEAD_MOST => return Err(format!("its head has more than {HEAD_MOST} bytes")),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(e) => return Err(format!("it is not HTTP ({e}); give clients the address of the recorder with ws://, not wss://")),
        };
        let (method, path) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
        if !path.starts_with('/') {
            return Err("it is meant for a forward proxy; connect to the recorder as if it were the target".into());
        }
        let headers: Vec<(String, Vec<u8>)> = request.headers.iter().map(|h| (h.name.to_owned(), h.value.to_owned())).collect();
        let is_upgrade = value(&headers, "upgrade").is_some_and(|value| value.to_ascii_lowercase().contains("websocket"));
        let path = self.path(path);
        let mut head = format!("{method} {path} HTTP/1.{}\r\n", request.version.unwrap_or(1)).into_bytes();
        for (name, value) in &headers {
            if let Some(value) = self.changed(name, value, &headers, is_upgrade) {
                head.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
            }
        }
        // One request a connection, so that the next one is not passed on unread.
        head.extend_from_slice(if is_upgrade { b"\r\n" } else { b"Connection: close\r\n\r\n" });
        Ok(Some((Asked { is_upgrade, path, headers, bytes: head }, length)))
    }

    /// A header's value as it goes on; `None` when it does not.
    fn changed(&self, name: &str, value: &[u8], all: &[(String, Vec<u8>)], is_upgrade: bool) -> Option<Vec<u8>> {
        match name.to_ascii_lowercase().as_str() {
            "host" => Some(self.authority.clone().into_bytes()),
            "origin" if self.is_ours(value, all) => Some(self.origin.clone().into_bytes()),
            "sec-websocket-extensions" => None,
            "connection" | "keep-alive" if !is_upgrade => None,
            _ => Some(value.to_owned()),
        }
    }

    /// Whether an origin is the recorder's own, or one on this machine: a page that is worked on.
    fn is_ours(&self, origin: &[u8], all: &[(String, Vec<u8>)]) -> bool {
        let origin = String::from_utf8_lossy(origin);
        let Some((_, authority)) = origin.split_once("://") else { return false };
        let host =
            authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(authority, |(host, _)| host);
        let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        is_here || value(all, "host").as_deref() == Some(authority)
    }

    /// The path at the target for one that a client asked for.
    fn path(&self, asked: &str) -> String {
        let (prefix, further) = self.path_and_query.split_once('?').unwrap_or((&self.path_and_query, ""));
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let mut out = if path == "/" && !prefix.is_empty() { prefix.to_owned() } else { format!("{prefix}{path}") };
        for (i, part) in [query, further].into_iter().filter(|part| !part.is_empty()).enumerate() {
            // Writing to a string does not fail.
            let _ = write!(out, "{}{part}", if i == 0 { '?' } else { '&' });
        }
        out
    }
}

/// The first value of a header.
pub(super) fn value(headers: &[(String, Vec<u8>)], name: &str) -> Option<String> {
    let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| String::from_utf8_lossy(value).trim().to_owned())
}

/// The answer whose head `bytes` begin with; `None` when it is not whole.
///
/// # Errors
/// Why it is none.
pub(super) fn answered(bytes: &[u8]) -> Result<Option<Answered>, String> {
    let mut room = [httparse::EMPTY_HEADER; HEADERS_MOST];
    let mut response = httparse::Response::new(&mut room);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => {
            let headers = response.headers.iter().map(|h| (h.name.to_owned(), h.value.to_owned())).collect();
            Ok(Some(Answered { status: response.code.unwrap_or(0), headers, length }))
        }
        Ok(httparse::Status::Partial) if bytes.len() >= HEAD_MOST => Err(format!("the answer's head has more than {HEAD_MOST} bytes")),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(e) => Err(format!("the answer to the upgrade is not HTTP: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Target {
        Target { authority: "far.example:444".into(), origin: "https://far.example:444".into(), path_and_query: path.into() }
    }

    #[test]
    fn only_what_has_to_changes() {
        let head = "GET /ws?x=1 HTTP/1.1\r\nhOsT: 127.0.0.1:9000\r\nUpgrade: WebSocket\r\nX-Odd:  a  b\r\nOrigin: http://127.0.0.1:9000\r\n\
                    Connection: keep-alive, Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: chat\r\n\r\nmore";
        let (asked, length) = target("/").read(head.as_bytes()).expect("good").expect("whole");
        assert_eq!(&head[length..], "more");
        assert!(asked.is_upgrade);
        assert_eq!(
            String::from_utf8(asked.bytes).expect("text"),
            "GET /ws?x=1 HTTP/1.1\r\nhOsT: far.example:444\r\nUpgrade: WebSocket\r\nX-Odd: a  b\r\nOrigin: https://far.example:444\r\n\
             Connection: keep-alive, Upgrade\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
        );
        for cut in 0..length {
            assert_eq!(target("/").read(&head.as_bytes()[..cut]), Ok(None), "{cut}");
        }
    }

    #[test]
    fn paths_are_put_together() {
        for (own, asked, wanted) in [
            ("/", "/", "/"),
            ("/", "/a?x=1", "/a?x=1"),
            ("/api/", "/", "/api"),
            ("/api", "/a", "/api/a"),
            ("/api?key=k", "/a?x=1", "/api/a?x=1&key=k"),
            ("/?key=k", "/", "/?key=k"),
        ] {
            assert_eq!(target(own).path(asked), wanted);
        }
    }

    #[test]
    fn origins_of_others_stay() {
        let all = [("Host".to_owned(), b"recorder:9000".to_vec())];
        for (origin, is_ours) in [
            ("http://recorder:9000", true),
            ("http://localhost:3000", true),
            ("https://[::1]", true),
            ("https://app.example", false),
            ("null", false),
        ] {
            assert_eq!(target("/").is_ours(origin.as_bytes(), &all), is_ours, "{origin}");
        }
    }

    #[test]
    fn what_cannot_be_passed_on() {
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(HEAD_MOST));
        for (head, why) in [
            ("CONNECT far.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", "forward proxy"),
            ("GET http://far.example/ HTTP/1.1\r\n\r\n", "forward proxy"),
            ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}", "ws://"),
            (&long, "more than 65536 bytes"),
        ] {
            assert!(target("/").read(head.as_bytes()).expect_err(why).contains(why), "{head:.60}");
        }
    }
}
