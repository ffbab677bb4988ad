//! Connect and accept: TCP, the upgrade, frames, clocks. Knows nothing of profiles or plans.

pub mod accept;
pub mod clock;
pub mod frames;
pub mod socket;
pub mod upgrade;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

pub use clock::Clock;
pub use socket::Socket;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;

use crate::tally::Fault;
use crate::tally::Sample;

/// Why a connection was not made: the kind, and a text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Kind.
    pub fault: Fault,
    /// In words; may hold what the server said, not yet made safe to print.
    pub text: String,
}

/// A connection made, upgraded, ready for frames.
#[derive(Debug)]
pub struct Opened {
    /// The socket.
    pub socket: Socket,
    /// What arrived behind the answer to the upgrade.
    pub early: hyper::body::Bytes,
    /// Instant of the stamp of those bytes and of the answer's last bytes, on the run clock.
    pub opened_at: u64,
    /// The TCP connection.
    pub tcp_connect: Sample,
    /// The upgrade.
    pub upgrade: Sample,
}

/// Connects to `address` and asks for the upgrade, each within `timeout`.
///
/// # Errors
/// The kind of fault with its text.
pub async fn open(
    address: SocketAddr,
    asking: &upgrade::Asking,
    nonce: u128,
    stamps: bool,
    clock: Clock,
    timeout: Duration,
) -> Result<Opened, Failure> {
    let begun = clock.now();
    let tcp = match tokio::time::timeout(timeout, connect(address)).await {
        Err(_) => {
            return Err(Failure {
                fault: Fault::ConnectTimeout,
                text: format!("{address} did not take the connection within {timeout:?}"),
            });
        }
        Ok(Err(e)) => return Err(failure(&e, &format!("connecting to {address}"))),
        Ok(Ok(tcp)) => tcp,
    };
    let connected = clock.now();
    if stamps {
        socket::ask_for_stamps(std::os::fd::AsFd::as_fd(&tcp)).map_err(|e| failure(&e, "asking for receive stamps"))?;
    }
    let (stamped, last_stamp) = socket::Stamped::new(tcp);
    let asked = clock.now();
    let (stamped, early) = match tokio::time::timeout(timeout, upgrade::ask(stamped, asking, nonce)).await {
        Err(_) => return Err(Failure { fault: Fault::UpgradeTimeout, text: format!("the upgrade was not answered within {timeout:?}") }),
        Ok(result) => result?,
    };
    let now = clock.now();
    let stamp = last_stamp.load(std::sync::atomic::Ordering::Relaxed);
    let opened_at = if stamp == 0 { now } else { instant_of(stamp, clock.realtime_offset()).clamp(asked, now) };
    let tcp = stamped.into_tcp().into_std().map_err(|e| failure(&e, "taking the socket"))?;
    Ok(Opened {
        socket: Socket::new(tcp),
        early,
        opened_at,
        tcp_connect: Sample { due: begun, sent: begun, done: connected },
        upgrade: Sample { due: asked, sent: asked, done: opened_at },
    })
}

/// The instant on the run clock of a realtime stamp.
#[inline]
pub fn instant_of(stamp: u64, realtime_offset: i64) -> u64 {
    (stamp as i64).saturating_sub(realtime_offset).max(0) as u64
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_nodelay(true)?;
    socket.connect(address).await
}

/// The kind and the words of an error of the system.
pub fn failure(error: &io::Error, doing: &str) -> Failure {
    use nix::libc;
    let fault = match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => Fault::Refused,
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::EHOSTDOWN) => Fault::Unreachable,
        Some(libc::ETIMEDOUT) => Fault::ConnectTimeout,
        Some(libc::EMFILE | libc::ENFILE) => Fault::Files,
        Some(libc::EADDRNOTAVAIL | libc::EADDRINUSE) => Fault::Ports,
        Some(libc::ECONNRESET | libc::EPIPE) => Fault::Reset,
        _ => match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Abnormal,
            _ => Fault::Io,
        },
    };
    Failure { fault, text: format!("{doing}: {error}") }
}
