//! The child processes of a run: started, watched from outside, ended.

use std::env;
use std::fs;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddrV4;
use std::process;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use super::Scenario;
use crate::bare;
use crate::bare::Law;
use crate::bare::client::Orders;
use crate::bare::sys;

/// How long a client may take beyond the length of its load, before it is ended.
const GRACE: Duration = Duration::from_secs(45);
/// How often a client is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The cores before anything was pinned: the client gets the first, the server and the benchmark itself the last.
static CORES: LazyLock<Vec<usize>> = LazyLock::new(sys::allowed_cores);

/// Moves the benchmark away from the core of the clients; false when there is only one core for everything.
pub(crate) fn leave_client_core() -> io::Result<bool> {
    sys::pin_self(server_core())?;
    Ok(CORES.len() > 1)
}

fn server_core() -> usize {
    CORES.last().copied().unwrap_or(0)
}

/// Makes `command` run where the clients under test run.
pub(super) fn place_client(command: &mut Command) {
    sys::place(command, CORES.first().copied().unwrap_or(0));
}

/// An address of 127/8 that no run of this process had, and hardly one of the last process.
fn fresh_address() -> Ipv4Addr {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let [_, _, high, low] = process::id().to_be_bytes();
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(127, 1 + high % 250, low, 1 + (run % 250) as u8)
}

/// The server child.
pub(super) struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// Where it listens.
    pub(super) target: SocketAddrV4,
}

impl Server {
    /// Starts a server on an address of its own.
    pub(super) fn start(law: Law) -> io::Result<Server> {
        let address = fresh_address();
        let mut command = Command::new(env::current_exe()?);
        command.args([bare::SERVER, &address.to_string(), law.name()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        sys::place(&mut command, server_core());
        let mut child = command.spawn()?;
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut server = Server { child, lines, target: SocketAddrV4::new(address, 0) };
        let port = server.line()?.trim().parse().map_err(|_| io::Error::other("the server did not start"))?;
        server.target.set_port(port);
        Ok(server)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(line)
    }

    /// What the server saw so far.
    fn account(&mut self) -> io::Result<Value> {
        self.child.stdin.as_mut().expect("stdin is piped").write_all(b"\n")?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    /// Ends the server and returns what it saw.
    pub(super) fn finish(mut self) -> io::Result<Value> {
        drop(self.child.stdin.take());
        let account = serde_json::from_str(&self.line()?)?;
        self.child.wait()?;
        Ok(account)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Ends a child of ours that may have ended already.
fn end(child: &mut Child) {
    // Both fail only when the child is gone, which is what is wanted.
    let _ = child.kill();
    let _ = child.wait();
}

/// What the kernel and the server say of a client, for a part of the time it was under load.
#[derive(Default)]
pub(super) struct Seen {
    /// CPU of the process for each message that the server received.
    pub(super) cpu_ns_per_message: Option<f64>,
    /// How many it received in a second.
    pub(super) messages_per_s: f64,
    /// Peak of its resident memory.
    pub(super) rss_bytes: Option<u64>,
}

/// Waits for the end of `child` and looks at it twice meanwhile; one that does not end is ended.
pub(super) fn watch(child: &mut Child, server: &mut Server, scenario: &Scenario) -> io::Result<(ExitStatus, Seen)> {
    let start = Instant::now();
    let (from, until) = scenario.window();
    let (mut first, mut seen) = (None, Seen::default());
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((status, seen));
        }
        let passed = start.elapsed();
        if passed > scenario.length() + GRACE {
            end(child);
            return Err(io::Error::other("the client did not end"));
        }
        if first.is_none() && (from..until).contains(&passed) {
            first = look(child, server);
        }
        if let Some(before) = first.filter(|_| passed >= until)
            && let Some(second) = look(child, server)
        {
            seen = compare(before, second);
            first = None;
            seen.rss_bytes = peak_memory(child.id());
        }
        thread::sleep(LOOK);
    }
}

/// CPU of the client and messages of the server at one moment.
#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    cpu_ns: u64,
    messages: u64,
}

/// `None` when one of them is gone, which shows in how the client ends.
fn look(child: &Child, server: &mut Server) -> Option<Look> {
    let messages = server.account().ok()?["messages"].as_u64()?;
    let cpu_ns = sys::cpu_of_ns(child.id()).ok()?;
    Some(Look { at: Instant::now(), cpu_ns, messages })
}

fn compare(first: Look, second: Look) -> Seen {
    let cpu_ns = second.cpu_ns.saturating_sub(first.cpu_ns) as f64;
    let messages = second.messages.saturating_sub(first.messages) as f64;
    Seen {
        // With a few messages one of the edges of the window would weigh more than they do.
        cpu_ns_per_message: (messages > 1_000.0).then_some(cpu_ns / messages),
        messages_per_s: messages / (second.at - first.at).as_secs_f64(),
        rss_bytes: None,
    }
}

fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Runs the floor and returns what it printed.
pub(super) fn run_floor(orders: &Orders, server: &mut Server, scenario: &Scenario) -> io::Result<(Value, Seen)> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(bare::FLOOR).args(orders.to_args()).stdin(Stdio::null()).stdout(Stdio::piped());
    place_client(&mut command);
    let mut child = command.spawn()?;
    let (status, seen) = watch(&mut child, server, scenario)?;
    let mut output = String::new();
    child.stdout.take().expect("stdout is piped").read_to_string(&mut output)?;
    if !status.success() {
        return Err(io::Error::other("the floor could not be measured"));
    }
    Ok((serde_json::from_str(&output)?, seen))
}
