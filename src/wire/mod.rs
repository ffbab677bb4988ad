//! Connect and accept: TCP, the upgrade, frames, clocks. Knows nothing of profiles or plans.

pub mod accept;
pub mod clock;
pub mod frames;
pub mod http;
pub mod pages;
pub mod rtt;
pub mod socket;
pub mod through;
pub mod tls;
mod tunnel;
mod unverified;
pub mod upgrade;

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::body::Bytes;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

pub use clock::Clock;
use socket::LastStamp;
pub use socket::Socket;
use socket::Stamped;
pub use tls::Protection;
pub use tls::Trust;
pub use tunnel::Tunnel;

use crate::tally::Fault;
use crate::tally::Sample;

/// Why a connection was not made: the kind, and a text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Kind.
    pub fault: Fault,
    /// In words; may hold what the server said, not yet made safe to print.
    pub text: String,
    /// The HTTP status, when the upgrade was refused with one.
    pub status: Option<u16>,
    /// How long the server asked to wait before trying again.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure of kind `fault`, said in `text`, that no HTTP answer tells of.
    pub fn new(fault: Fault, text: String) -> Self {
        Failure { fault, text, status: None, retry_after: None }
    }
}

/// How a server is reached.
#[derive(Clone, Debug)]
pub struct Route {
    /// Where it listens.
    pub address: SocketAddr,
    /// Local addresses that connections come from in turn; the kernel chooses when there is none.
    pub sources: Vec<IpAddr>,
    /// TLS, if it is spoken.
    pub tls: Option<Protection>,
    /// What a proxy at the address is asked for, if one stands before the target.
    pub tunnel: Option<Tunnel>,
}

impl Route {
    /// A plain route to `address`.
    pub fn plain(address: SocketAddr) -> Self {
        Route { address, sources: Vec::new(), tls: None, tunnel: None }
    }

    /// The local address of client number `client`.
    fn source(&self, client: u64) -> Option<IpAddr> {
        let turn = client.checked_rem(self.sources.len() as u64)?;
        self.sources.get(turn as usize).copied()
    }
}

/// How everything of a run is reached.
#[derive(Clone, Debug)]
pub struct Routes {
    /// The target.
    pub target: Route,
    /// The host of requests over HTTP, when that is not the target.
    pub http: Option<Route>,
}

/// A connection made, upgraded, ready for frames.
#[derive(Debug)]
pub struct Opened {
    /// The socket.
    pub socket: Socket,
    /// What arrived behind the answer to the upgrade.
    pub early: Vec<u8>,
    /// Instant of the stamp of those bytes and of the answer's last bytes, on the run clock.
    pub opened_at: u64,
    /// The TCP connection.
    pub tcp_connect: Sample,
    /// The TLS handshake, if there was one.
    pub tls: Option<Sample>,
    /// The upgrade.
    pub upgrade: Sample,
}

/// What all openings of a lane have in common.
#[derive(Clone, Debug)]
pub struct Opening {
    /// How the server is reached.
    pub route: Route,
    /// Whether the kernel stamps what is received.
    pub stamps: bool,
    /// The run clock.
    pub clock: Clock,
    /// Bound of the connection, of the TLS handshake and of the upgrade, each.
    pub timeout: Duration,
}

impl Opening {
    /// Connects for client number `client` and asks for the upgrade as `asking` says, with the key that `nonce` makes.
    ///
    /// # Errors
    /// The kind of fault with its text.
    pub async fn open(&self, client: u64, asking: &upgrade::Asking, nonce: u128) -> Result<Opened, Failure> {
        let (stamped, stamp, tcp_connect) = self.reach(client).await?;
        let Some(protection) = &self.route.tls else {
            let (stamped, early, upgrade) = self.ask(stamped, asking, nonce, &stamp).await?;
            let socket = Socket::new(bare(stamped)?);
            return Ok(Opened { socket, early: early.into(), opened_at: upgrade.done, tcp_connect, tls: None, upgrade });
        };
        let (stream, tls) = self.protect(protection, stamped).await?;
        let (stream, early, upgrade) = self.ask(stream, asking, nonce, &stamp).await?;
        let (stamped, connection) = stream.into_inner();
        let mut connection = tls::Tls::new(connection);
        let early = [early.to_vec(), connection.early()].concat();
        let socket = Socket::protected(bare(stamped)?, connection);
        Ok(Opened { socket, early, opened_at: upgrade.done, tcp_connect, tls: Some(tls), upgrade })
    }

    /// A connection to the target; through a proxy it is made when the tunnel stands.
    async fn reach(&self, client: u64) -> Result<(Stamped, LastStamp, Sample), Failure> {
        let (tcp, made) = self.connect(client).await?;
        let (stamped, stamp) = Stamped::new(tcp);
        let Some(tunnel) = &self.route.tunnel else { return Ok((stamped, stamp, made)) };
        let late = |_| Failure::new(Fault::ConnectTimeout, format!("the proxy did not answer within {:?}", self.timeout));
        let stamped = tokio::time::timeout(self.timeout, tunnel.dig(stamped)).await.map_err(late)??;
        Ok((stamped, stamp, Sample { done: self.clock.now(), ..made }))
    }

    async fn connect(&self, client: u64) -> Result<(TcpStream, Sample), Failure> {
        let (address, begun) = (self.route.address, self.clock.now());
        let connecting = connect(address, self.route.source(client));
        let tcp = match tokio::time::timeout(self.timeout, connecting).await {
            Err(_) => {
                let text = format!("{address} did not take the connection within {:?}", self.timeout);
                return Err(Failure::new(Fault::ConnectTimeout, text));
            }
            Ok(Err(e)) => return Err(failure(&e, &format!("connecting to {address}"))),
            Ok(Ok(tcp)) => tcp,
        };
        if self.stamps {
            socket::ask_for_stamps(tcp.as_fd()).map_err(|e| failure(&e, "asking for receive stamps"))?;
        }
        Ok((tcp, Sample { due: begun, sent: begun, done: self.clock.now() }))
    }

    async fn protect(&self, protection: &Protection, stamped: Stamped) -> Result<(TlsStream<Stamped>, Sample), Failure> {
        let (connector, name) = protection.connector();
        let begun = self.clock.now();
        match tokio::time::timeout(self.timeout, connector.connect(name, stamped)).await {
            Err(_) => Err(Failure::new(Fault::TlsTimeout, format!("the TLS handshake was not finished within {:?}", self.timeout))),
            Ok(Err(e)) => Err(tls::failure(&e)),
            Ok(Ok(stream)) => Ok((stream, Sample { due: begun, sent: begun, done: self.clock.now() })),
        }
    }

    async fn ask<S>(&self, stream: S, asking: &upgrade::Asking, nonce: u128, last_stamp: &LastStamp) -> Result<(S, Bytes, Sample), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let asked = self.clock.now();
        let (stream, early) = match tokio::time::timeout(self.timeout, upgrade::ask(stream, asking, nonce)).await {
            Err(_) => {
                return Err(Failure::new(Fault::UpgradeTimeout, format!("the upgrade was not answered within {:?}", self.timeout)));
            }
            Ok(result) => result?,
        };
        let now = self.clock.now();
        let stamp = last_stamp.load(Ordering::Relaxed);
        let done = if stamp == 0 { now } else { instant_of(stamp, self.clock.realtime_offset()).clamp(asked, now) };
        Ok((stream, early, Sample { due: asked, sent: asked, done }))
    }
}

fn bare(stamped: Stamped) -> Result<std::net::TcpStream, Failure> {
    stamped.into_tcp().into_std().map_err(|e| failure(&e, "taking the socket"))
}

/// The instant on the run clock of a realtime stamp.
#[inline]
pub fn instant_of(stamp: u64, realtime_offset: i64) -> u64 {
    (stamp as i64).saturating_sub(realtime_offset).max(0) as u64
}

/// Connects, from `source` if there is one. The port is chosen only when the peer is known
/// (IP_BIND_ADDRESS_NO_PORT, ip(7)), so that each source has all ports towards each server.
async fn connect(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_nodelay(true)?;
    if let Some(source) = source {
        setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(address).await
}

/// The kind and the words of an error of the system.
pub fn failure(error: &io::Error, doing: &str) -> Failure {
    use nix::libc;
    if let Some(broken) = error.get_ref().and_then(|inner| inner.downcast_ref::<tokio_rustls::rustls::Error>()) {
        return Failure::new(tls::kind(broken), format!("{doing}: TLS: {broken}"));
    }
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
    Failure::new(fault, format!("{doing}: {error}"))
}
