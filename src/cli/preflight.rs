//! Before the run: does this machine have the files, ports and processors that the plan needs?

use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;
use nix::sys::resource::setrlimit;

use super::Trouble;
use super::tell;
use crate::plan::Plan;
use crate::units::grouped;
use crate::wire::rtt::RoundTrips;

/// Files the process needs besides its connections: record, logs, epoll, pipes.
pub(super) const OWN_FILES: u64 = 64;

/// Raises the limit of open files to the hard limit; the limit now in force.
pub(super) fn raise_files() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1_024 };
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft }
}

/// Local ports that connections to one address and port can use (ip_local_port_range, ip(7)).
pub(super) fn local_ports() -> u64 {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = text.split_whitespace().filter_map(|w| w.parse::<u64>().ok());
    match (bounds.next(), bounds.next()) {
        (Some(low), Some(high)) if high >= low => high - low + 1,
        _ => 28_232,
    }
}

/// How long the kernel may take to tell of its sockets.
const KERNEL_WITHIN: Duration = Duration::from_secs(1);

/// Whether the kernel tells the round trips of sockets connected to `peer`; how many there are now.
///
/// # Errors
/// Why not.
pub(super) fn round_trips(peer: SocketAddr) -> std::io::Result<u64> {
    let mut sockets = 0;
    RoundTrips::open()?.each(peer, KERNEL_WITHIN, |_| sockets += 1).map(|()| sockets)
}

/// Where a plan wants the kernel's round trips of sockets connected to `peer` and there are none to be had: why, said aloud.
pub(super) fn no_round_trips(plan: &Plan, peer: SocketAddr) -> Option<String> {
    if !plan.hops {
        return None;
    }
    let why = round_trips(peer).err()?;
    tell!(
        "warning: --hops: the kernel does not tell the round trips of its sockets here ({why}): no inet_diag, or a filter of system calls \
         (seccomp) stands in the way. The run goes on without them"
    );
    Some(why.to_string())
}

/// Refuses a plan that this machine cannot make.
pub(super) fn check(plan: &Plan, sources: usize, files: u64) -> Result<(), Trouble> {
    let clients = plan.own_clients();
    let needed = clients + OWN_FILES;
    if needed > files {
        let fits = files.saturating_sub(OWN_FILES);
        let fewer = if fits > 0 { format!(", or pass --clients {fits}") } else { String::new() };
        return Err(Trouble::usage(format!(
            "this process may open {} files; {} clients need {}. Raise the hard limit (ulimit -Hn, or LimitNOFILE= of a service){fewer}",
            grouped(files),
            grouped(clients),
            grouped(needed)
        )));
    }
    let ports = local_ports() * sources.max(1) as u64;
    if clients > ports {
        return Err(Trouble::usage(format!(
            "one source address has {} ports towards a server; {} clients need more. Give more addresses with --source-addr, widen net.ipv4.ip_local_port_range, or pass --clients {ports}",
            grouped(local_ports()),
            grouped(clients)
        )));
    }
    Ok(())
}
