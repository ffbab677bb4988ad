//! One run of the floor or of volley against a fresh server, and what was measured in it.
//!
//! The server runs on the last core, the client under test on the first, each run on a loopback address of its own so
//! that ports the previous run left in TIME_WAIT do not slow it down. What volley says of itself is checked from
//! outside: CPU and memory by the kernel's account of the process, counts by the server's.

mod child;
mod volley;

use std::fs;
use std::io;
use std::time::Duration;

use serde_json::Value;

use crate::bare::Law;
use crate::bare::client::Load;
use crate::bare::client::Orders;
use crate::bare::sys;

pub(crate) use child::leave_client_core;

use child::Server;

/// How far an account from outside, of a part of the time, may differ before a run is doubted.
const TOLERANCE: f64 = 0.20;
/// The share of stolen time above which a run is tried again, or remarked upon.
pub(crate) const STOLEN: f64 = 0.03;

/// What is asked of both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    /// How many clients.
    pub(crate) clients: u64,
    /// How the load is offered.
    pub(crate) load: Load,
    /// When the server answers.
    pub(crate) law: Law,
    /// Over how long the connects are spread.
    pub(crate) ramp_ms: u64,
    /// Load before the measurement.
    pub(crate) warmup_ms: u64,
    /// Load that is measured.
    pub(crate) measure_ms: u64,
}

impl Scenario {
    /// Exchanges that an open loop should measure; `None` for a closed one.
    fn planned(&self) -> Option<u64> {
        match self.load {
            Load::Open { per_1000_s } => Some(self.clients * per_1000_s * self.measure_ms / 1_000_000),
            Load::Closed => None,
        }
    }

    /// A part of the measurement, or of the load at least when the client was slow to start: from, until.
    fn window(&self) -> (Duration, Duration) {
        let loaded_ms = self.ramp_ms + self.warmup_ms;
        (Duration::from_millis(loaded_ms + self.measure_ms / 2), Duration::from_millis(loaded_ms + self.measure_ms * 7 / 8))
    }

    /// From the start of the client to the end of the measurement.
    fn length(&self) -> Duration {
        Duration::from_millis(self.ramp_ms + self.warmup_ms + self.measure_ms)
    }
}

/// The two that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The bare client; with the times of messages if asked for.
    Floor {
        /// Whether times are kept.
        keep_times: bool,
    },
    /// The program under test.
    Volley,
}

impl Side {
    /// As in progress lines.
    pub(crate) fn name(self) -> &'static str {
        if self == Side::Volley { "volley" } else { "floor" }
    }
}

/// Two quantiles of a series.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quantiles {
    /// The median.
    pub(crate) p50_ns: Option<u64>,
    /// The 99th percentile.
    pub(crate) p99_ns: Option<u64>,
}

impl Quantiles {
    fn of(value: &Value) -> Self {
        Quantiles { p50_ns: value["p50"].as_u64(), p99_ns: value["p99"].as_u64() }
    }
}

/// What one run measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// CPU of the client for one exchange.
    pub(crate) cpu_ns: Option<f64>,
    /// Exchanges in a second.
    pub(crate) per_s: f64,
    /// Sent minus due.
    pub(crate) lag: Quantiles,
    /// Kernel receive stamp minus sent.
    pub(crate) service: Quantiles,
    /// Resident memory at its peak.
    pub(crate) rss_bytes: Option<u64>,
    /// Connections the server upgraded.
    pub(crate) opened: u64,
    /// Those among them that it upgraded within the ramp, counted from its first accept.
    pub(crate) opened_in_ramp: u64,
    /// The share of the machine's time that the host gave to others meanwhile.
    pub(crate) stolen: f64,
    /// Somebody else counted differently: the figures prove nothing.
    pub(crate) is_doubtful: bool,
    /// What a reader must know to judge the figures.
    pub(crate) remarks: Vec<String>,
}

/// Runs `side` up to `tries` times, until the host left the machine alone, and returns the run it disturbed least.
pub(crate) fn run(side: Side, scenario: &Scenario, tries: usize) -> io::Result<Figures> {
    let mut best = run_once(side, scenario)?;
    for _ in 1..tries {
        if best.stolen <= STOLEN {
            break;
        }
        let next = run_once(side, scenario)?;
        if next.stolen < best.stolen {
            best = next;
        }
    }
    Ok(best)
}

fn run_once(side: Side, scenario: &Scenario) -> io::Result<Figures> {
    let before = machine_ticks();
    let mut server = Server::start(scenario.law)?;
    let (mut figures, claim, seen) = match side {
        Side::Floor { keep_times } => run_floor(&mut server, scenario, keep_times)?,
        Side::Volley => volley::run(&mut server, scenario)?,
    };
    let account = server.finish()?;
    figures.read_account(&account, scenario);
    figures.check(&claim, &seen, &account, scenario);
    let after = machine_ticks();
    figures.stolen = after.0.saturating_sub(before.0) as f64 / after.1.saturating_sub(before.1).max(1) as f64;
    Ok(figures)
}

/// Stolen time and all time of all cores, in ticks of `/proc/stat`.
fn machine_ticks() -> (u64, u64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let all = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
    // user nice system idle iowait irq softirq steal; guest time after them is in user already.
    let ticks: Vec<u64> = all.take(8).map_while(|n| n.parse().ok()).collect();
    (ticks.get(7).copied().unwrap_or(0), ticks.iter().sum())
}

/// What a client says it did in the measurement and in all.
struct Claim {
    measured: u64,
    sent: u64,
}

impl Figures {
    fn read_account(&mut self, account: &Value, scenario: &Scenario) {
        let tenths: Vec<u64> = account["upgrades_by_tenth"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        self.opened = tenths.iter().sum();
        self.opened_in_ramp = tenths.iter().take((scenario.ramp_ms / 100) as usize).sum();
    }

    /// Holds what the client claims against what others saw.
    fn check(&mut self, claim: &Claim, seen: &child::Seen, account: &Value, scenario: &Scenario) {
        let messages = account["messages"].as_u64().unwrap_or(0);
        if messages != claim.sent {
            self.doubt(format!("sent {} but the server received {messages}", claim.sent));
        }
        if let Some(violations @ 1..) = account["violations"].as_u64() {
            self.remarks.push(format!("{violations} violations of the protocol"));
        }
        if let Some(planned) = scenario.planned().filter(|&planned| planned > 1_000 && claim.measured * 100 < planned * 98) {
            self.remarks.push(format!("reached {} % of the load", claim.measured * 100 / planned));
        }
        // A client that was slow to start was looked at before its load.
        if seen.messages_per_s > self.per_s / 2.0 {
            self.check_outside("CPU", self.cpu_ns, seen.cpu_ns_per_message);
        }
        self.check_outside("memory", self.rss_bytes.map(|bytes| bytes as f64), seen.rss_bytes.map(|bytes| bytes as f64));
        self.rss_bytes = self.rss_bytes.or(seen.rss_bytes);
    }

    fn check_outside(&mut self, what: &str, said: Option<f64>, seen: Option<f64>) {
        if let (Some(said), Some(seen)) = (said, seen)
            && (said - seen).abs() > TOLERANCE * seen
        {
            self.doubt(format!("{what} is {:.0} % of what the kernel says", said / seen * 100.0));
        }
    }

    fn doubt(&mut self, remark: String) {
        self.is_doubtful = true;
        self.remarks.push(remark);
    }
}

fn run_floor(server: &mut Server, scenario: &Scenario, keep_times: bool) -> io::Result<(Figures, Claim, child::Seen)> {
    let orders = Orders {
        target: server.target,
        clients: scenario.clients,
        load: scenario.load,
        ramp_ms: scenario.ramp_ms,
        warmup_ms: scenario.warmup_ms,
        measure_ms: scenario.measure_ms,
        keep_times,
    };
    let (output, seen) = child::run_floor(&orders, server, scenario)?;
    let number = |name: &str| output[name].as_u64().ok_or_else(|| io::Error::other(format!("the floor does not say {name}")));
    let measured = number("measured_answered")?;
    let figures = Figures {
        cpu_ns: (measured > 0).then_some(number("cpu_ns")? as f64 / measured as f64),
        per_s: measured as f64 * sys::SECOND as f64 / number("measured_ns")?.max(1) as f64,
        lag: Quantiles::of(&output["times"]["lag"]),
        service: Quantiles::of(&output["times"]["service"]),
        ..Figures::default()
    };
    Ok((figures, Claim { measured, sent: number("sent")? }, seen))
}
