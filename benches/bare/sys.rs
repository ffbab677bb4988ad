//! The kernel calls that std does not have: epoll, timerfd, receive stamps, clocks, limits, pinning.
//!
//! Knows nothing of WebSocket. Every unsafe block of the benches is in this file; what it hands out is safe to use.
#![allow(unsafe_code, reason = "the floor of a benchmark is plain libc, so that nothing but the kernel is measured")]

use std::io;
use std::mem;
use std::net::Ipv4Addr;
use std::net::SocketAddrV4;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

/// What epoll tells about: something to read, room to write, the peer's end, all as edges.
pub(crate) const EDGES: u32 = (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET) as u32;
/// The same without room to write: for a socket that is only written when its last answer was read.
pub(crate) const READ_EDGES: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLET) as u32;
/// Something to read, repeated until it is read.
pub(crate) const READ_LEVEL: u32 = libc::EPOLLIN as u32;

/// One second in nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;
/// One millisecond in nanoseconds.
pub(crate) const MILLI: u64 = 1_000_000;

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// One thing that epoll reported.
#[derive(Clone, Copy)]
pub(crate) struct Ready {
    /// What was said when the descriptor was added.
    pub(crate) token: u64,
    flags: u32,
}

impl Ready {
    /// There may be bytes, an end or an error to read.
    pub(crate) fn readable(self) -> bool {
        self.flags & (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32 != 0
    }

    /// There may be room to write, or an error to hear of.
    pub(crate) fn writable(self) -> bool {
        self.flags & (libc::EPOLLOUT | libc::EPOLLERR | libc::EPOLLHUP) as u32 != 0
    }

    /// The peer said it will send no more, so one must read until the end.
    pub(crate) fn ending(self) -> bool {
        self.flags & (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32 != 0
    }
}

/// An epoll instance with room for what one wait returns.
pub(crate) struct Epoll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Epoll {
    /// A new instance; one wait returns at most `batch` events.
    pub(crate) fn new(batch: usize) -> io::Result<Self> {
        // SAFETY: no pointer is passed; a new descriptor is owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(checked(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
        Ok(Epoll { fd, events: vec![libc::epoll_event { events: 0, u64: 0 }; batch] })
    }

    /// Watches `fd` for `flags`, reported with `token`.
    pub(crate) fn add(&self, fd: RawFd, flags: u32, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, flags, token)
    }

    /// Watches `fd` for other `flags` from now on.
    pub(crate) fn change(&self, fd: RawFd, flags: u32, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, flags, token)
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, flags: u32, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: flags, u64: token };
        // SAFETY: `event` lives through the call.
        checked(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, &mut event) })?;
        Ok(())
    }

    /// Waits up to `timeout_ms` (-1: for ever) and says how many events there are; read them with [`Epoll::event`].
    pub(crate) fn wait(&mut self, timeout_ms: i32) -> io::Result<usize> {
        let room = self.events.len() as libc::c_int;
        // SAFETY: the kernel writes at most `room` events into a buffer that holds as many.
        let count = unsafe { libc::epoll_wait(self.fd.as_raw_fd(), self.events.as_mut_ptr(), room, timeout_ms) };
        match checked(count) {
            Ok(count) => Ok(count as usize),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// The `at`-th event of the last wait.
    pub(crate) fn event(&self, at: usize) -> Ready {
        let event = self.events[at];
        Ready { token: event.u64, flags: event.events }
    }
}

/// A timer that epoll can watch.
pub(crate) struct Timer(OwnedFd);

impl Timer {
    /// A timer on the monotonic clock, not running.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointer is passed; a new descriptor is owned by nobody else.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        // SAFETY: as above.
        Ok(Timer(unsafe { OwnedFd::from_raw_fd(checked(fd)?) }))
    }

    /// Runs every `every_ns` from now on; 0 stops it.
    pub(crate) fn run_every(&self, every_ns: u64) -> io::Result<()> {
        let span = timespec(every_ns);
        let value = libc::itimerspec { it_interval: span, it_value: span };
        // SAFETY: `value` lives through the call; the old value is not asked for.
        checked(unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &value, ptr::null_mut()) })?;
        Ok(())
    }

    /// Takes note of the ticks so far, so that the next one is reported.
    pub(crate) fn acknowledge(&self) {
        let mut ticks = 0_u64;
        // SAFETY: the kernel writes the eight bytes of `ticks`. An empty timer is no error here.
        unsafe { libc::read(self.0.as_raw_fd(), ptr::from_mut(&mut ticks).cast(), mem::size_of::<u64>()) };
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A listener on a free port of `address` that holds a large burst of connects.
pub(crate) fn listen(address: Ipv4Addr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(SocketAddrV4::new(address, 0))?;
    listener.set_nonblocking(true)?;
    // SAFETY: no pointer is passed. A second listen only changes the length of the queue.
    checked(unsafe { libc::listen(listener.as_raw_fd(), 4096) })?;
    Ok(listener)
}

/// Begins a connect that does not wait, with immediate sends and kernel receive stamps.
pub(crate) fn connect(to: SocketAddrV4) -> io::Result<TcpStream> {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: no pointer is passed; a new descriptor is owned by nobody else.
    let stream = unsafe { TcpStream::from_raw_fd(checked(libc::socket(libc::AF_INET, kind, 0))?) };
    stream.set_nodelay(true)?;
    stamp_receives(&stream)?;
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: to.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(to.ip().octets()) },
        sin_zero: [0; 8],
    };
    let length = mem::size_of_val(&address) as libc::socklen_t;
    // SAFETY: `address` lives through the call and `length` is its size.
    match checked(unsafe { libc::connect(stream.as_raw_fd(), ptr::from_ref(&address).cast(), length) }) {
        Ok(_) => Ok(stream),
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(stream),
        Err(error) => Err(error),
    }
}

fn stamp_receives(stream: &TcpStream) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = mem::size_of_val(&on) as libc::socklen_t;
    // SAFETY: `on` lives through the call and `length` is its size.
    let result = unsafe { libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, ptr::from_ref(&on).cast(), length) };
    checked(result)?;
    Ok(())
}

/// What one receive brought.
pub(crate) struct Received {
    /// How many bytes; 0 is the end.
    pub(crate) len: usize,
    /// When the kernel received the last of them, on the realtime clock.
    pub(crate) stamp_ns: Option<u64>,
}

/// One buffer for the bytes and the control messages of every receive.
pub(crate) struct Inbox {
    bytes: Box<[u8]>,
    control: [u64; 16],
}

impl Inbox {
    /// An inbox for `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Self {
        Inbox { bytes: vec![0; capacity].into_boxed_slice(), control: [0; 16] }
    }

    /// The first `len` bytes of the last receive.
    pub(crate) fn bytes(&self, len: usize) -> &[u8] {
        &self.bytes[..len]
    }

    /// How many bytes one receive can bring.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Reads what is there, without waiting.
    pub(crate) fn receive(&mut self, stream: &TcpStream) -> io::Result<Received> {
        let mut part = libc::iovec { iov_base: self.bytes.as_mut_ptr().cast(), iov_len: self.bytes.len() };
        // SAFETY: a message header of zeros is a valid, empty one.
        let mut header: libc::msghdr = unsafe { mem::zeroed() };
        header.msg_iov = &mut part;
        header.msg_iovlen = 1;
        header.msg_control = self.control.as_mut_ptr().cast();
        header.msg_controllen = mem::size_of_val(&self.control);
        // SAFETY: the header points at buffers of ours with their true lengths.
        let len = unsafe { libc::recvmsg(stream.as_raw_fd(), &mut header, 0) };
        if len < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Received { len: len as usize, stamp_ns: stamp(&header) })
    }
}

/// The receive stamp among the control messages of `header`.
fn stamp(header: &libc::msghdr) -> Option<u64> {
    // SAFETY: the kernel filled the control buffer and its length.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !message.is_null() {
        // SAFETY: a header that the kernel wrote, inside the control buffer, which is aligned for it.
        let head = unsafe { *message };
        if head.cmsg_level == libc::SOL_SOCKET && head.cmsg_type == libc::SCM_TIMESTAMPNS {
            // SAFETY: a message of this type carries one timespec.
            let time: libc::timespec = unsafe { ptr::read_unaligned(libc::CMSG_DATA(message).cast()) };
            return Some(nanoseconds(&time));
        }
        // SAFETY: `message` came from this header.
        message = unsafe { libc::CMSG_NXTHDR(header, message) };
    }
    None
}

fn timespec(ns: u64) -> libc::timespec {
    libc::timespec { tv_sec: (ns / SECOND) as libc::time_t, tv_nsec: (ns % SECOND) as libc::c_long }
}

fn nanoseconds(time: &libc::timespec) -> u64 {
    time.tv_sec as u64 * SECOND + time.tv_nsec as u64
}

fn clock(id: libc::clockid_t) -> io::Result<u64> {
    let mut now = timespec(0);
    // SAFETY: the kernel writes `now`.
    checked(unsafe { libc::clock_gettime(id, &mut now) })?;
    Ok(nanoseconds(&now))
}

/// The monotonic clock.
pub(crate) fn monotonic_ns() -> u64 {
    clock(libc::CLOCK_MONOTONIC).expect("every Linux has this clock")
}

/// What must be added to the monotonic clock to get the realtime clock, on which receive stamps are.
pub(crate) fn realtime_offset_ns() -> u64 {
    clock(libc::CLOCK_REALTIME).expect("every Linux has this clock").saturating_sub(monotonic_ns())
}

/// Sleeps until `at_ns` of the monotonic clock; returns at once when that has passed.
pub(crate) fn sleep_until(at_ns: u64) {
    let at = timespec(at_ns);
    // SAFETY: `at` lives through the call; the rest of an interrupted sleep is slept again.
    while unsafe { libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &at, ptr::null_mut()) } == libc::EINTR {}
}

/// The CPU time of this process so far, user and system.
pub(crate) fn process_cpu_ns() -> u64 {
    // SAFETY: a usage of zeros is valid, and the kernel overwrites it.
    let usage = unsafe {
        let mut usage: libc::rusage = mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let ns = |time: libc::timeval| time.tv_sec as u64 * SECOND + time.tv_usec as u64 * 1_000;
    ns(usage.ru_utime) + ns(usage.ru_stime)
}

/// The CPU time of another process so far, all its threads together.
pub(crate) fn cpu_of_ns(pid: u32) -> io::Result<u64> {
    let mut id = 0;
    // SAFETY: the kernel library writes `id`.
    let error = unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &mut id) };
    if error != 0 { Err(io::Error::from_raw_os_error(error)) } else { clock(id) }
}

/// Raises the limit of open files as far as it goes.
pub(crate) fn raise_open_files() -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes `limit`.
    checked(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` lives through the call.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) })?;
    Ok(())
}

/// The cores this process may run on.
pub(crate) fn allowed_cores() -> Vec<usize> {
    // SAFETY: an empty set is all zeros, and the kernel writes at most its size.
    let set = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::sched_getaffinity(0, mem::size_of_val(&set), &mut set);
        set
    };
    // SAFETY: the index stays below the size of the set.
    (0..libc::CPU_SETSIZE as usize).filter(|&core| unsafe { libc::CPU_ISSET(core, &set) }).collect()
}

/// Runs this thread on `core` alone.
pub(crate) fn pin_self(core: usize) -> io::Result<()> {
    // SAFETY: an empty set is all zeros, and `core` came from `allowed_cores`.
    let result = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, mem::size_of_val(&set), &set)
    };
    checked(result)?;
    Ok(())
}

/// Makes `command` start its program on `core` alone, before all other work there if it may, and end with this process.
pub(crate) fn place(command: &mut Command, core: usize) {
    // The signal comes when the thread that starts the program ends; that is the main thread here.
    let begin = move || {
        // SAFETY: no pointer is passed.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        go_first();
        pin_self(core)
    };
    // SAFETY: between fork and exec the closure makes system calls only and allocates nothing.
    unsafe { command.pre_exec(begin) };
}

/// Takes the highest priority. Without the right to it the usual one stays, and neighbours disturb more.
///
/// Where the kernel groups work by session, priorities count only inside a group: hence a session, and a group, of its own.
fn go_first() {
    // SAFETY: both texts live through the calls; a descriptor that could not be opened is refused by the others.
    unsafe {
        libc::setsid();
        libc::setpriority(libc::PRIO_PROCESS, 0, -20);
        let group = libc::open(c"/proc/self/autogroup".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        libc::write(group, c"-20".as_ptr().cast(), 3);
        libc::close(group);
    }
}
