//! What the kernel says of round trips: the smoothed round-trip time of TCP (RFC 6298) of this machine's sockets, asked for
//! all of them at once over netlink (sock_diag(7)).
//!
//! The kernel also tells of sockets that belong to others, so a socket is known by its inode: whoever holds it tells that.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::time::Duration;
use std::time::Instant;

use netlink_packet_core::NLM_F_DUMP;
use netlink_packet_core::NLM_F_REQUEST;
use netlink_packet_core::NetlinkHeader;
use netlink_packet_core::NetlinkMessage;
use netlink_packet_core::NetlinkPayload;
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::AF_INET;
use netlink_packet_sock_diag::constants::AF_INET6;
use netlink_packet_sock_diag::constants::IPPROTO_TCP;
use netlink_packet_sock_diag::inet::ExtensionFlags;
use netlink_packet_sock_diag::inet::InetRequest;
use netlink_packet_sock_diag::inet::InetResponse;
use netlink_packet_sock_diag::inet::SocketId;
use netlink_packet_sock_diag::inet::StateFlags;
use netlink_packet_sock_diag::inet::nlas::Nla;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::NetlinkAddr;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockProtocol;
use nix::sys::socket::SockType;
use nix::sys::socket::recv;
use nix::sys::socket::sendto;
use nix::sys::socket::setsockopt;
use nix::sys::socket::socket;
use nix::sys::socket::sockopt;
use nix::sys::time::TimeVal;

use crate::units::MICRO;

/// Room for one batch of answers. The kernel fills no more than 32 KiB at once.
const BATCH: usize = 64 << 10;
/// Where `tcpi_rtt` and `tcpi_min_rtt`, in microseconds, stand in `struct tcp_info` (linux/tcp.h).
const RTT_AT: usize = 68;
const MIN_RTT_AT: usize = 148;
/// Longest silence of the kernel within an answer.
const SILENCE: Duration = Duration::from_millis(500);
/// A socket's first bytes of an answer: those of a netlink header.
const HEADER: usize = 16;

/// What the kernel tells of a socket. Times in nanoseconds; the kernel counts microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// The socket, see [`inode`].
    pub inode: u32,
    /// Smoothed round-trip time: from a segment to its acknowledgement, which a peer that has nothing to say may hold back by up
    /// to 40 ms.
    pub smoothed: u64,
    /// The shortest of about the last five minutes; `None` where the kernel, older than 4.6, does not know it.
    pub least: Option<u64>,
}

/// The inode of a socket, which tells it from all others of this machine while it is open.
///
/// # Errors
/// Those of fstat(2).
pub fn inode(socket: &impl AsFd) -> io::Result<u32> {
    // The kernel's own are 32 bits wide.
    Ok(nix::sys::stat::fstat(socket.as_fd())?.st_ino as u32)
}

/// Asks the kernel for round trips.
#[derive(Debug)]
pub struct RoundTrips {
    netlink: OwnedFd,
    batch: Vec<u8>,
    asked: u32,
}

impl RoundTrips {
    /// Opens the way to the kernel.
    ///
    /// # Errors
    /// When the kernel has none, or a filter of system calls stands in the way.
    pub fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let netlink = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkSockDiag)?;
        setsockopt(&netlink, sockopt::ReceiveTimeout, &TimeVal::new(0, SILENCE.subsec_micros().into()))?;
        Ok(RoundTrips { netlink, batch: vec![0; BATCH], asked: 0 })
    }

    /// Tells the round trips of each established TCP socket of this network namespace that is connected to the port of `peer`,
    /// by the IP version of `peer`. A socket may be told twice, or be left out, when others
    /// come and go meanwhile; one without a measured round trip is left out.
    ///
    /// # Errors
    /// What the kernel said; `TimedOut` when it fell silent, or was not done within `within`.
    pub fn each(&mut self, peer: SocketAddr, within: Duration, mut tell: impl FnMut(RoundTrip)) -> io::Result<()> {
        let until = Instant::now() + within;
        self.asked = self.asked.wrapping_add(1);
        let request = request(peer, self.asked);
        sendto(self.netlink.as_raw_fd(), &request, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        while Instant::now() < until {
            let length = match recv(self.netlink.as_raw_fd(), &mut self.batch, MsgFlags::empty()) {
                Err(nix::Error::EINTR) => continue,
                Err(nix::Error::EAGAIN) => break,
                other => other?,
            };
            if read(&self.batch[..length], self.asked, &mut tell)? {
                return Ok(());
            }
        }
        // What is left of this answer must not be taken for the next one's.
        *self = RoundTrips { asked: self.asked, ..RoundTrips::open()? };
        Err(io::Error::new(io::ErrorKind::TimedOut, "the kernel was too slow to tell of its sockets"))
    }
}

/// A request for all established sockets connected to the port of `peer`.
fn request(peer: SocketAddr, number: u32) -> Vec<u8> {
    let (family, id) = if peer.is_ipv4() { (AF_INET, SocketId::new_v4()) } else { (AF_INET6, SocketId::new_v6()) };
    let request = SockDiagMessage::InetRequest(InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::INFO,
        states: StateFlags::ESTABLISHED,
        socket_id: SocketId { destination_port: peer.port(), ..id },
    });
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    header.sequence_number = number;
    let mut message = NetlinkMessage::new(header, request.into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Reads a batch of answers to request `number`; whether it is the last.
fn read(mut batch: &[u8], number: u32, tell: &mut impl FnMut(RoundTrip)) -> io::Result<bool> {
    while batch.len() >= HEADER {
        let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("the kernel's answer cannot be read: {why}"));
        let message = NetlinkMessage::<SockDiagMessage>::deserialize(batch).map_err(|e| wrong(e.to_string()))?;
        let length = (message.header.length as usize).max(HEADER).next_multiple_of(4);
        batch = batch.get(length..).unwrap_or_default();
        if message.header.sequence_number != number {
            continue;
        }
        match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(socket)) => {
                if let Some(found) = round_trip(&socket) {
                    tell(found);
                }
            }
            NetlinkPayload::Done(done) if done.code < 0 => return Err(io::Error::from_raw_os_error(-done.code)),
            NetlinkPayload::Done(_) => return Ok(true),
            NetlinkPayload::Error(error) => return Err(error.to_io()),
            _ => {}
        }
    }
    Ok(false)
}

/// The round trips of a socket, if one was measured.
fn round_trip(socket: &InetResponse) -> Option<RoundTrip> {
    let info = socket.nlas.iter().find_map(|nla| match nla {
        Nla::TcpInfo(info) => Some(info),
        _ => None,
    })?;
    let time_at = |at: usize| {
        let bytes: [u8; 4] = info.get(at..at + 4)?.try_into().ok()?;
        // None measured is 0, or for the shortest the largest number.
        Some(u32::from_ne_bytes(bytes)).filter(|us| (1..u32::MAX).contains(us)).map(|us| u64::from(us) * MICRO)
    };
    Some(RoundTrip { inode: socket.header.inode, smoothed: time_at(RTT_AT)?, least: time_at(MIN_RTT_AT) })
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::io::Write;
    use std::net::TcpListener;
    use std::net::TcpStream;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(5);

    /// A connection to a listener at `at`, both sides, over which a byte has gone there and back.
    fn connection(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let mut ours = TcpStream::connect(listener.local_addr().expect("it listens")).expect("connects");
        let (mut theirs, _) = listener.accept().expect("accepts");
        ours.write_all(b"x").expect("writes");
        theirs.read_exact(&mut [0]).expect("reads");
        (ours, theirs)
    }

    fn told(kernel: &mut RoundTrips, peer: SocketAddr) -> Vec<RoundTrip> {
        let mut told = Vec::new();
        kernel.each(peer, WITHIN, |found| told.push(found)).expect("the kernel tells");
        told.sort_unstable_by_key(|found| found.inode);
        told
    }

    #[test]
    fn it_tells_of_sockets_connected_to_the_port_and_of_no_others() {
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(at) else { continue };
            let (peer, mut kernel) = (listener.local_addr().expect("it listens"), RoundTrips::open().expect("the kernel has it"));
            assert_eq!(told(&mut kernel, peer), []);
            let (ours, theirs) = connection(&listener);
            let (more, _theirs) = connection(&listener);
            let mut expected = [inode(&ours).expect("it is open"), inode(&more).expect("it is open")];
            expected.sort_unstable();
            let told_of = told(&mut kernel, peer);
            assert_eq!(told_of.iter().map(|found| found.inode).collect::<Vec<_>>(), expected);
            let is_time = |ns: u64| (MICRO..10 * crate::units::SECOND).contains(&ns);
            assert!(told_of.iter().all(|found| is_time(found.smoothed) && found.least.is_none_or(is_time)), "{told_of:?}");
            assert!(!expected.contains(&inode(&theirs).expect("it is open")));
            drop((more, theirs));
        }
    }

    #[test]
    fn more_sockets_than_fit_one_batch_are_all_told() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let pairs: Vec<_> = (0..300).map(|_| connection(&listener)).collect();
        let mut kernel = RoundTrips::open().expect("the kernel has it");
        let mut expected: Vec<u32> = pairs.iter().map(|(ours, _)| inode(ours).expect("it is open")).collect();
        expected.sort_unstable();
        let told = told(&mut kernel, listener.local_addr().expect("it listens"));
        assert_eq!(told.into_iter().map(|found| found.inode).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_what_is_anothers_is_left_out() {
        let mut tell = |_| panic!("nobody is told of");
        assert!(read(&[0xff; 64], 1, &mut tell).is_err());
        assert!(!read(&[1; 3], 1, &mut tell).expect("too short for a message"));
        // A header of 16 bytes and the code of an end, of request 7.
        let done = [&20u32.to_ne_bytes()[..], &3u16.to_ne_bytes(), &[0; 2], &7u32.to_ne_bytes(), &[0; 4], &[0; 4]].concat();
        assert!(!read(&done, 1, &mut tell).expect("reads"));
        assert!(read(&done, 7, &mut tell).expect("reads"));
        let refused = [&done[..16], &(-13i32).to_ne_bytes()].concat();
        assert_eq!(read(&refused, 7, &mut tell).expect_err("refused").raw_os_error(), Some(13));
    }

    #[test]
    fn a_kernel_that_is_given_no_time_is_asked_anew() {
        let (listener, mut kernel) = (TcpListener::bind("127.0.0.1:0").expect("binds"), RoundTrips::open().expect("the kernel has it"));
        let (_ours, _theirs) = connection(&listener);
        let peer = listener.local_addr().expect("it listens");
        let late = kernel.each(peer, Duration::ZERO, |_| {}).expect_err("no time");
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        assert_eq!(told(&mut kernel, peer).len(), 1);
    }
}
