//! Plain HTTP requests to the target's host: one connection each, an answer of bounded size.

use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::body::Bytes;
use hyper::header;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

use super::Failure;
use super::Opening;
use super::upgrade;
use crate::tally::Fault;
use crate::tally::Sample;

/// Largest answer read.
const ANSWER_MOST: usize = 64 << 10;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers besides `Host`.
    pub headers: Vec<(String, String)>,
    /// Body; none when empty.
    pub body: String,
}

impl Opening {
    /// Makes `request` for client number `client`: the body of an answer with a status of 200 to 299, and its round trip from
    /// the instant before the request was written to the answer's last bytes, without the connection's.
    ///
    /// # Errors
    /// Where the connection failed, or the answer has another status; redirects are not followed.
    pub async fn call(&self, client: u64, authority: &str, request: &Request) -> Result<(Vec<u8>, Sample), Failure> {
        let late =
            |_| Failure::new(Fault::HttpCall, format!("{} {} was not answered within {:?}", request.method, request.place(), self.timeout));
        let (stamped, ..) = self.reach(client).await?;
        match &self.route.tls {
            None => tokio::time::timeout(self.timeout, self.exchange(stamped, authority, request)).await.map_err(late)?,
            Some(protection) => {
                let (stream, _) = self.protect(protection, stamped).await?;
                tokio::time::timeout(self.timeout, self.exchange(stream, authority, request)).await.map_err(late)?
            }
        }
    }

    async fn exchange<S>(&self, stream: S, authority: &str, request: &Request) -> Result<(Vec<u8>, Sample), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(upgrade::broken)?;
        let driver = tokio::spawn(connection);
        let asked = self.clock.now();
        let answer = async {
            let response = sender.send_request(request.made(authority)?).await.map_err(upgrade::broken)?;
            if !response.status().is_success() {
                let refused = upgrade::refused(response).await;
                return Err(Failure { text: format!("{} {}: {}", request.method, request.place(), refused.text), ..refused });
            }
            let body = Limited::new(response.into_body(), ANSWER_MOST).collect().await;
            let body =
                body.map_err(|e| Failure::new(Fault::HttpCall, format!("the answer to {} {}: {e}", request.method, request.place())))?;
            Ok(body.to_bytes().to_vec())
        };
        let body = answer.await;
        let done = self.clock.now();
        driver.abort();
        body.map(|body| (body, Sample { due: asked, sent: asked, done }))
    }
}

impl Request {
    /// The path without its query, which may hold secrets.
    fn place(&self) -> &str {
        self.path.split('?').next().unwrap_or(&self.path)
    }

    fn made(&self, authority: &str) -> Result<hyper::Request<Full<Bytes>>, Failure> {
        let mut request = hyper::Request::builder().method(self.method.as_str()).uri(&self.path).header(header::HOST, authority);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::from(self.body.clone()));
        request
            .body(body)
            .map_err(|e| Failure::new(Fault::HttpCall, format!("the request {} {} cannot be made: {e}", self.method, self.place())))
    }
}
