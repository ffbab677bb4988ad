//! A connection to the target whose bytes are passed on as they are: nobody here asks for an upgrade or reads a frame.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::Failure;
use super::Opening;
use super::socket::Stamped;

/// A stream of bytes to the target and back.
#[derive(Debug)]
pub enum Through {
    /// As they are.
    Plain(TcpStream),
    /// Under TLS.
    Tls(Box<TlsStream<Stamped>>),
}

impl Opening {
    /// Connects for client number `client`, with TLS and through a proxy as the route says.
    ///
    /// # Errors
    /// The kind of fault with its text.
    pub async fn through(&self, client: u64) -> Result<Through, Failure> {
        let (stamped, ..) = self.reach(client).await?;
        match &self.route.tls {
            None => Ok(Through::Plain(stamped.into_tcp())),
            Some(protection) => Ok(Through::Tls(Box::new(self.protect(protection, stamped).await?.0))),
        }
    }
}

impl AsyncRead for Through {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Through::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Through::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Through {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Through::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Through::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Through::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Through::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Through::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Through::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}
