//! `volley doctor`: what this machine can do, and what stands in the way of a run.

use super::Trouble;
use super::args::DoctorArgs;
use super::preflight;
use super::say;
use crate::record::machine;
use crate::units::Nanos;
use crate::units::bytes_text;
use crate::units::grouped;
use crate::wire::Clock;

/// Ticks slept to see how late this machine wakes up.
const TICKS: u64 = 500;
/// A wake-up this late at p99 will make runs invalid.
const LATE: u64 = 1_000_000;
/// Bytes of memory reckoned per client, kernel included.
const PER_CLIENT: u64 = 16 << 10;

/// One line of the examination.
struct Finding {
    ok: bool,
    what: &'static str,
    found: String,
    advice: String,
}

/// Examines; 0 when nothing stands in the way of a run with so many clients, else 4.
pub(super) fn doctor(args: &DoctorArgs) -> Result<u8, Trouble> {
    let files = preflight::raise_files();
    let here = machine::here();
    say!("{} on {}, {} CPUs, {}", here.kernel, here.cpu, here.cpus, bytes_text(here.memory_bytes));
    let findings = [
        files_line(files, args.clients),
        ports(args.clients),
        backlog(),
        cpus(here.cpus, here.cgroup_cpus),
        memory(here.memory_bytes, args.clients),
        clock(&here.clock),
        wake_ups(),
        stamps(),
        round_trips(),
    ];
    for f in &findings {
        say!("{:4}  {:14} {}", if f.ok { "ok" } else { "BAD" }, f.what, f.found);
        if !f.ok {
            say!("      {:14} {}", "", f.advice);
        }
    }
    let bad = findings.iter().filter(|f| !f.ok).count();
    let clients = grouped(args.clients);
    say!(
        "{}",
        if bad == 0 {
            format!("a run of {clients} clients has what it needs")
        } else {
            format!("{bad} of {} checks stand in the way of a run of {clients} clients", findings.len())
        }
    );
    Ok(if bad == 0 { 0 } else { 4 })
}

fn files_line(files: u64, clients: u64) -> Finding {
    let room = files.saturating_sub(preflight::OWN_FILES);
    Finding {
        ok: room >= clients,
        what: "open files",
        found: format!("{} allowed: {} clients at most", grouped(files), grouped(room)),
        advice: "raise the hard limit: ulimit -Hn, LimitNOFILE= of a service, or /etc/security/limits.conf".into(),
    }
}

fn ports(clients: u64) -> Finding {
    let ports = preflight::local_ports();
    Finding {
        ok: ports >= clients,
        what: "local ports",
        found: format!("{} towards one server address", grouped(ports)),
        advice: "widen net.ipv4.ip_local_port_range".into(),
    }
}

fn backlog() -> Finding {
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok().and_then(|t| t.trim().parse::<u64>().ok()).unwrap_or(0);
    Finding {
        ok: most >= 1_024,
        what: "listen backlog",
        found: format!("{} (matters to a server on this machine)", grouped(most)),
        advice: "raise net.core.somaxconn to 4096".into(),
    }
}

fn cpus(cpus: u32, quota: Option<f64>) -> Finding {
    let usable = quota.map_or(f64::from(cpus), |q| q.min(f64::from(cpus)));
    Finding {
        ok: usable >= 2.0,
        what: "processors",
        found: format!("{usable} usable: {} lanes by default", cpus.saturating_sub(1).max(1)),
        advice: "with less than two, the reference server and the lanes take turns; run the server elsewhere".into(),
    }
}

fn memory(total: u64, clients: u64) -> Finding {
    let needed = clients * PER_CLIENT + (64 << 20);
    Finding {
        ok: total > needed,
        what: "memory",
        found: format!("{}; {} clients need about {}", bytes_text(total), grouped(clients), bytes_text(needed)),
        advice: "use fewer clients".into(),
    }
}

fn clock(source: &str) -> Finding {
    Finding {
        ok: matches!(source, "tsc" | "kvm-clock" | "hyperv_clocksource_tsc_page" | "arch_sys_counter"),
        what: "clock source",
        found: source.to_owned(),
        advice: "reading this clock is slow; choose tsc in /sys/devices/system/clocksource".into(),
    }
}

/// Sleeps to a row of ticks, as a lane does, and looks how late it wakes.
fn wake_ups() -> Finding {
    let clock = Clock::start();
    // As a lane does; it can only fail for a number that is not one.
    let _ = nix::sys::prctl::set_timerslack(1);
    let mut late = crate::tally::Hist::new();
    for tick in 1..=TICKS {
        let due = tick * crate::units::MILLI;
        clock.sleep_until(due);
        late.record(clock.now().saturating_sub(due));
    }
    let at = |q: f64| Nanos(late.quantile(q).unwrap_or(0));
    Finding {
        ok: at(0.99).0 < LATE,
        what: "wake-ups",
        found: format!("p50 {} late, p99 {}, max {}", at(0.5), at(0.99), at(1.0)),
        advice: "something else takes the processor: runs will be invalid. Stop it, or use a quieter machine".into(),
    }
}

/// Sends a byte to itself and looks for the kernel's stamp.
fn stamps() -> Finding {
    let stamped = stamp_of_a_byte().unwrap_or(false);
    Finding {
        ok: stamped,
        what: "receive stamps",
        found: if stamped { "the kernel stamps what TCP sockets receive".into() } else { "none on TCP sockets".into() },
        advice: "latencies would hold the read delay; SO_TIMESTAMPNS needs Linux 4.18 or newer".into(),
    }
}

/// Asks the kernel about its sockets. A run needs that only for `--hops`, and goes on without.
fn round_trips() -> Finding {
    let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let found = match preflight::round_trips(nowhere) {
        Ok(_) => "the kernel tells those of its TCP sockets (--hops)".into(),
        Err(why) => format!("the kernel does not tell: {why}; --hops goes without them"),
    };
    Finding { ok: true, what: "round trips", found, advice: String::new() }
}

fn stamp_of_a_byte() -> std::io::Result<bool> {
    use std::io::Write;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let tcp = std::net::TcpStream::connect(listener.local_addr()?)?;
    crate::wire::socket::ask_for_stamps(std::os::fd::AsFd::as_fd(&tcp))?;
    let mut socket = crate::wire::Socket::new(tcp);
    let (mut peer, _) = listener.accept()?;
    // The kernel begins to stamp a moment after it was first asked.
    for _ in 0..50 {
        peer.write_all(b"x")?;
        std::thread::sleep(std::time::Duration::from_millis(2));
        if socket.read(&mut [0; 16])?.stamp.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
