//! A way through a proxy: `CONNECT` (RFC 9110 section 9.3.6), after which the connection is as if made to the target.

use std::fmt;

use http_body_util::Empty;
use hyper::Method;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header;
use hyper_util::rt::TokioIo;

use super::Failure;
use super::socket::Stamped;
use super::upgrade;
use crate::tally::Fault;

/// What a proxy is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// Host and port at its end.
    pub to: String,
    /// `Proxy-Authorization`, a secret.
    pub authorization: Option<String>,
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("to", &self.to).field("authorization", &self.authorization.as_ref().map(|_| "..")).finish()
    }
}

impl Tunnel {
    /// Asks the proxy at the other end of `stream`; the stream comes back when the tunnel stands.
    ///
    /// # Errors
    /// What the proxy answered instead; bytes that it sent before anybody spoke through it.
    pub(super) async fn dig(&self, stream: Stamped) -> Result<Stamped, Failure> {
        let of_proxy = |failure: Failure| Failure { text: format!("the proxy, asked for {}: {}", self.to, failure.text), ..failure };
        let lost = |e: hyper::Error| of_proxy(upgrade::broken(e));
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        let driver = tokio::spawn(connection.with_upgrades());
        let request = self.request().map_err(|e| Failure::new(Fault::Io, format!("the request to the proxy cannot be made: {e}")))?;
        let response = sender.send_request(request).await.map_err(lost)?;
        if !response.status().is_success() {
            let refused = upgrade::refused(response).await;
            driver.abort();
            return Err(of_proxy(refused));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(lost)?;
        let parts = upgraded
            .downcast::<TokioIo<Stamped>>()
            .map_err(|_| Failure::new(Fault::Io, "the stream was lost in the proxy's tunnel".into()))?;
        if !parts.read_buf.is_empty() {
            return Err(of_proxy(Failure::new(Fault::UpgradeHeaders, "it spoke before the tunnel was used".into())));
        }
        Ok(parts.io.into_inner())
    }

    fn request(&self) -> hyper::http::Result<Request<Empty<Bytes>>> {
        let request = Request::builder().method(Method::CONNECT).uri(&self.to).header(header::HOST, &self.to);
        let request = match &self.authorization {
            Some(value) => request.header(header::PROXY_AUTHORIZATION, value),
            None => request,
        };
        request.body(Empty::new())
    }
}
