//! A connected socket: reads that keep the kernel's receive stamp, direct writes.
//!
//! Stamps are SO_TIMESTAMPNS (socket(7)): the instant the kernel took in the packet that holds the
//! last byte read, on the realtime clock. Two forms: [`Socket`] for a lane, never blocking, and
//! [`Stamped`] for the opening handshake under tokio.

use std::io;
use std::io::IoSliceMut;
use std::io::Write;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use nix::sys::socket::ControlMessageOwned;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::recvmsg;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::Interest;
use tokio::io::ReadBuf;

use super::tls::Tls;
use crate::units::SECOND;

/// Room for the control message of one stamp: header of 16 bytes and two 8-byte numbers, twice over.
const CONTROL: usize = 64;

/// One read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes read; 0 at the end of the stream.
    pub len: usize,
    /// The kernel's stamp of the last of them, realtime nanoseconds. Under TLS that of the record's last bytes.
    pub stamp: Option<u64>,
    /// Whether there may be more to read at once.
    pub more: bool,
}

/// Asks the kernel to stamp what `fd` receives.
///
/// # Errors
/// Those of setsockopt(2).
pub fn ask_for_stamps(fd: BorrowedFd<'_>) -> io::Result<()> {
    setsockopt(&fd, sockopt::ReceiveTimestampns, &true).map_err(io::Error::from)
}

/// Reads what is there from a socket, with its stamp.
pub(super) fn receive(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = [0u8; CONTROL];
    let room = buffer.len();
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
    let stamp = message.cmsgs().ok().and_then(|mut all| {
        all.find_map(|c| match c {
            ControlMessageOwned::ScmTimestampns(t) => Some(t.tv_sec() as u64 * SECOND + t.tv_nsec() as u64),
            _ => None,
        })
    });
    Ok(Received { len: message.bytes, stamp, more: message.bytes == room })
}

/// A connected socket of a lane, plain or under TLS. Never blocks.
#[derive(Debug)]
pub struct Socket {
    tcp: TcpStream,
    tls: Option<Box<Tls>>,
}

impl Socket {
    /// Wraps a connected, non-blocking stream.
    pub fn new(tcp: TcpStream) -> Self {
        Socket { tcp, tls: None }
    }

    /// Wraps a connected, non-blocking stream with the TLS connection on it.
    pub(super) fn protected(tcp: TcpStream, tls: Tls) -> Self {
        Socket { tcp, tls: Some(Box::new(tls)) }
    }

    /// Has the connection end with a reset when the socket is dropped.
    pub fn reset_at_end(&self) {
        let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
        // It ends with a FIN instead where this cannot be had.
        setsockopt(&self.tcp, sockopt::Linger, &at_once).ok();
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is; `InvalidData` when TLS is broken; otherwise those of recvmsg(2).
    #[inline]
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        match &mut self.tls {
            None => receive(&self.tcp, buffer),
            Some(tls) => tls.read(&self.tcp, buffer),
        }
    }

    /// Writes what fits; how many bytes were taken. Under TLS some of what was taken may still wait for
    /// the socket, see [`Socket::is_behind`].
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits; otherwise those of send(2).
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => (&self.tcp).write(bytes),
            Some(tls) => tls.write(&self.tcp, bytes),
        }
    }

    /// Whether bytes that were taken have not left yet.
    #[inline]
    pub fn is_behind(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_behind())
    }

    /// Writes what is behind, as far as the socket takes it.
    ///
    /// # Errors
    /// Those of send(2).
    pub fn flush(&mut self) -> io::Result<()> {
        self.tls.as_mut().map_or(Ok(()), |tls| tls.flush(&self.tcp))
    }

    /// Says that nothing more will be written.
    pub fn finish_writing(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.finish_writing(&self.tcp);
        }
        // An error means that the connection is gone already, which is what was wanted.
        let _ = self.tcp.shutdown(std::net::Shutdown::Write);
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}

/// A tokio stream that keeps the stamp of its last read, for the opening handshake.
#[derive(Debug)]
pub struct Stamped {
    tcp: tokio::net::TcpStream,
    stamp: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

/// Where a [`Stamped`] stream keeps the stamp of its last read; 0 when there is none.
pub type LastStamp = std::sync::Arc<std::sync::atomic::AtomicU64>;

impl Stamped {
    /// Wraps a stream; the stamp of the last read can be seen through the second value.
    pub fn new(tcp: tokio::net::TcpStream) -> (Self, LastStamp) {
        let stamp = LastStamp::default();
        (Stamped { tcp, stamp: stamp.clone() }, stamp)
    }

    /// The stream within.
    pub fn into_tcp(self) -> tokio::net::TcpStream {
        self.tcp
    }
}

impl AsyncRead for Stamped {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.tcp.try_io(Interest::READABLE, || receive(&self.tcp, buf.initialize_unfilled())) {
                Ok(received) => {
                    buf.advance(received.len);
                    self.stamp.store(received.stamp.unwrap_or(0), std::sync::atomic::Ordering::Relaxed);
                    return Poll::Ready(Ok(()));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }
}

impl AsyncWrite for Stamped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
