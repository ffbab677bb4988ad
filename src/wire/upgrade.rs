//! The opening handshake of a client: one HTTP request over hyper, its answer checked against
//! RFC 6455 section 4.1 by ourselves.

use std::time::Duration;
use std::time::SystemTime;

use base64::Engine;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::Request;
use hyper::Response;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::header;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

use super::Failure;
use super::accept::accept_value;
use crate::tally::Fault;

/// Most of a refusal's body that is read.
const REFUSAL_BODY: usize = 8 << 10;
/// How long it is waited for.
const REFUSAL_WAIT: Duration = Duration::from_secs(1);
/// Largest block of answer headers, and hyper's smallest buffer.
const HEADERS_MAX: usize = 16 << 10;
/// Longest `Retry-After` passed on.
const RETRY_AFTER_MOST: Duration = Duration::from_secs(24 * 3_600);

/// What to ask for.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Host header.
    pub authority: String,
    /// Path and query.
    pub path_and_query: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Subprotocol.
    pub subprotocol: Option<String>,
}

/// Performs the upgrade on a connected stream. `nonce` makes the key. The stream comes back with the
/// bytes that already arrived behind the answer.
///
/// # Errors
/// The kind of fault with its text; redirects are refusals.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    asking: &Asking,
    nonce: u128,
) -> Result<(S, Bytes), Failure> {
    let key = base64::engine::general_purpose::STANDARD.encode(nonce.to_ne_bytes());
    let request = request(asking, &key)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::Builder::new().max_buf_size(HEADERS_MAX).handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let driver = tokio::spawn(connection.with_upgrades());
    let result = answer::<S>(sender.send_request(request), asking, &key).await;
    if result.is_err() {
        driver.abort();
    }
    result
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    sending: impl Future<Output = hyper::Result<Response<Incoming>>>,
    asking: &Asking,
    key: &str,
) -> Result<(S, Bytes), Failure> {
    let response = sending.await.map_err(broken)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refused(response).await);
    }
    check(&response, asking, key).map_err(|(fault, text)| Failure::new(fault, text.into()))?;
    let upgraded = hyper::upgrade::on(response).await.map_err(broken)?;
    let parts = upgraded.downcast::<TokioIo<S>>().map_err(|_| Failure::new(Fault::Io, "the stream was lost in the upgrade".into()))?;
    Ok((parts.io.into_inner(), parts.read_buf))
}

fn request(asking: &Asking, key: &str) -> Result<Request<Empty<Bytes>>, Failure> {
    let mut request = Request::get(&asking.path_and_query)
        .header(header::HOST, &asking.authority)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_KEY, key)
        .header(header::SEC_WEBSOCKET_VERSION, "13");
    for (name, value) in &asking.headers {
        request = request.header(name, value);
    }
    if let Some(subprotocol) = &asking.subprotocol {
        request = request.header(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    request.body(Empty::new()).map_err(|e| Failure::new(Fault::Io, format!("the request cannot be made: {e}")))
}

/// The checks of RFC 6455 section 4.1 on an answer of 101.
fn check(response: &Response<Incoming>, asking: &Asking, key: &str) -> Result<(), (Fault, &'static str)> {
    let headers = response.headers();
    let has_token = |name: header::HeaderName, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','))
            .any(|t| t.trim().eq_ignore_ascii_case(token))
    };
    if !has_token(header::UPGRADE, "websocket") {
        return Err((Fault::UpgradeHeaders, "the answer 101 has no `Upgrade: websocket`"));
    }
    if !has_token(header::CONNECTION, "upgrade") {
        return Err((Fault::UpgradeHeaders, "the answer 101 has no `Connection: Upgrade`"));
    }
    match headers.get(header::SEC_WEBSOCKET_ACCEPT) {
        None => return Err((Fault::UpgradeAccept, "the answer 101 has no Sec-WebSocket-Accept")),
        Some(accept) if accept.as_bytes().trim_ascii() != accept_value(key.as_bytes()).as_bytes() => {
            return Err((Fault::UpgradeAccept, "Sec-WebSocket-Accept does not fit our key"));
        }
        Some(_) => {}
    }
    if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
        return Err((Fault::UpgradeExtension, "the server chose an extension that was not asked for"));
    }
    let chosen = headers.get(header::SEC_WEBSOCKET_PROTOCOL).map(|v| v.as_bytes());
    match (chosen, &asking.subprotocol) {
        (Some(_), None) => Err((Fault::UpgradeSubprotocol, "the server chose a subprotocol that was not asked for")),
        (Some(chosen), Some(asked)) if chosen != asked.as_bytes() => {
            Err((Fault::UpgradeSubprotocol, "the server chose another subprotocol than the one asked for"))
        }
        _ => Ok(()),
    }
}

/// A refusal, with the status, `Retry-After` and the beginning of its body.
pub(super) async fn refused(response: Response<Incoming>) -> Failure {
    let status = response.status();
    let retry = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let retry_after = retry.as_deref().and_then(|text| retry_after(text, SystemTime::now()));
    let retry = retry.map(|text| format!(", Retry-After {text}"));
    let mut body = response.into_body();
    let mut text = Vec::new();
    // A body that does not come must not cost us the status.
    let _ = tokio::time::timeout(REFUSAL_WAIT, async {
        while text.len() < REFUSAL_BODY {
            let Some(Ok(frame)) = body.frame().await else { return };
            let part = frame.data_ref().map_or(&[][..], |data| data);
            text.extend_from_slice(&part[..part.len().min(REFUSAL_BODY - text.len())]);
        }
    })
    .await;
    let body = String::from_utf8_lossy(&text);
    let body: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
    let separator = if body.is_empty() { "" } else { ": " };
    let text = format!("HTTP {status}{}{separator}{body}", retry.unwrap_or_default());
    Failure { fault: Fault::of_status(status.as_u16()), text, status: Some(status.as_u16()), retry_after }
}

/// What `Retry-After` asks for: seconds, or a date of HTTP (RFC 9110 section 10.2.3). At most
/// [`RETRY_AFTER_MOST`]; a date that has passed is no time at all.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let asked = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a number holds are more than the bound too.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(asked.min(RETRY_AFTER_MOST))
}

pub(super) fn broken(error: hyper::Error) -> Failure {
    let io = std::error::Error::source(&error).and_then(|e| e.downcast_ref::<std::io::Error>());
    match io {
        Some(io) => super::failure(io, "the upgrade"),
        None if error.is_incomplete_message() || error.is_canceled() => {
            Failure::new(Fault::Abnormal, "the server closed during the upgrade".into())
        }
        None => Failure::new(Fault::UpgradeNotHttp, format!("the answer to the upgrade is not HTTP: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_seconds_and_as_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").expect("a date");
        for (text, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999999", Some(86_400)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30)),
            ("Sun Nov  6 08:50:07 1994", Some(30)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(86_400)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(text, now).map(|d| d.as_secs()), seconds, "{text}");
        }
    }
}
