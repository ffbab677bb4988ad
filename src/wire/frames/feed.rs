//! What fastwebsockets reads from: whole frames laid down beforehand. It never waits.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use fastwebsockets::Role;
use fastwebsockets::WebSocket;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

/// Frames laid down; both ends are the same.
#[derive(Clone, Default)]
pub(super) struct Feed(Rc<RefCell<Laid>>);

#[derive(Default)]
struct Laid {
    bytes: Vec<u8>,
    at: usize,
}

impl Feed {
    /// Lays down whole frames behind those not read yet.
    #[inline]
    pub(super) fn lay_down(&self, bytes: &[u8]) {
        let mut laid = self.0.borrow_mut();
        if laid.at == laid.bytes.len() {
            laid.bytes.clear();
            laid.at = 0;
        }
        laid.bytes.extend_from_slice(bytes);
    }
}

impl AsyncRead for Feed {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut laid = self.0.borrow_mut();
        let len = buf.remaining().min(laid.bytes.len() - laid.at);
        if len == 0 {
            return Poll::Pending;
        }
        buf.put_slice(&laid.bytes[laid.at..laid.at + len]);
        laid.at += len;
        Poll::Ready(Ok(()))
    }
}

/// fastwebsockets wants a stream that can be written, though nothing ever is: pongs and closes are
/// ours to answer.
impl AsyncWrite for Feed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A codec for frames of at most `cap` bytes of payload, and what it reads from.
pub(super) fn codec(cap: usize) -> (WebSocket<Feed>, Feed) {
    let feed = Feed::default();
    let mut socket = WebSocket::after_handshake(feed.clone(), Role::Client);
    socket.set_auto_close(false);
    socket.set_auto_pong(false);
    // It refuses a frame of exactly its limit.
    socket.set_max_message_size(cap + 1);
    (socket, feed)
}
