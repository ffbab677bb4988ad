//! The hops of an exchange: what the kernel, the WebSocket layer and the application each have of it, and how that is said.
//!
//! Differences of quantiles are arithmetic on figures of the same sockets, not on the same exchanges; every format says so.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::view::Summary;
use super::words;
use crate::profile::Class;
use crate::units::grouped;

/// Series of the kernel's smoothed and of its shortest round trips, and of WebSocket pings.
pub(super) const SERIES: [&str; 3] = ["tcp_rtt", "tcp_rtt_min", "ws_ping"];
/// Those of them that tell of no answer.
pub(super) const KERNEL: &[&str] = SERIES.split_at(2).0;
/// Less than this share of what could be told was told.
const MOST_OF: f64 = 0.95;
/// What figures of different hops can be taken from each other for, and what not.
const CAVEAT: &str = "differences of quantiles are no quantiles of differences: they tell the order of size";

/// Where the time of exchanges goes, in a run that asked for it. Times from the real send, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryHops {
    /// `kernel`, `frames` and `application` in this order; one without figures is left out.
    pub hops: Vec<SummaryHop>,
    /// Quantiles of the shortest round trip that the kernel saw on each socket: the network without queues and without
    /// acknowledgements that were held back.
    pub shortest: BTreeMap<String, Option<u64>>,
    /// Round trips that the kernel told.
    pub told: u64,
    /// Those that it could tell: connections open at the end of each second, added up.
    pub open: u64,
    /// Whether the kernel's lead to a proxy, not to the target.
    pub proxy: bool,
    /// Why the kernel told nothing, if it was known at the start.
    pub refused: Option<String>,
}

/// One hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryHop {
    /// `kernel`: the network, as TCP sees it. `frames`: a WebSocket ping. `application`: the answer to the load.
    pub hop: String,
    /// The series that it is taken from.
    pub series: String,
    /// Samples.
    pub count: u64,
    /// Quantiles: keys `p50 p90 p99 p99.9`.
    pub time: BTreeMap<String, Option<u64>>,
    /// Each of them less that of the hop before; may be negative. Empty for the first.
    pub adds: BTreeMap<String, Option<i64>>,
}

impl SummaryHops {
    /// A hop by its name.
    pub fn hop(&self, name: &str) -> Option<&SummaryHop> {
        self.hops.iter().find(|hop| hop.hop == name)
    }
}

impl SummaryHop {
    /// The quantile `key`, or what it adds to the hop before.
    pub(super) fn shown(&self, key: &str) -> String {
        match self.adds.get(key) {
            None => words::time_or_na(self.time.get(key).copied().flatten()),
            Some(None) => "n/a".into(),
            Some(Some(ns)) => format!("{}{}", if *ns < 0 { '-' } else { '+' }, words::time(ns.unsigned_abs())),
        }
    }

    /// What stands at the beginning of its line.
    pub(super) fn heading(&self) -> String {
        if self.adds.is_empty() { self.hop.clone() } else { format!("{} adds", words::clean(&self.series)) }
    }
}

/// A line for each hop: `ws_ping adds  p50  +51us  p99  +80us  the server's WebSocket layer`.
pub(super) fn lines(hops: &SummaryHops) -> Vec<String> {
    let width = hops.hops.iter().map(|hop| hop.heading().chars().count()).max().unwrap_or(0);
    let line = |hop: &SummaryHop| {
        format!("{:width$}  p50 {:>8}  p99 {:>8}  {}", hop.heading(), hop.shown("p50"), hop.shown("p99"), meaning(hops, hop))
    };
    hops.hops.iter().map(line).collect()
}

/// The section in a terminal: a line for each hop and the notes, written by `wrap` (into, first, indent, text).
pub(super) fn draw(out: &mut String, hops: &SummaryHops, summary: &Summary, wrap: impl Fn(&mut String, &str, usize, &str)) {
    out.push_str("\n  hops, counted from the real send\n");
    // Their columns hold: nothing in them is broken.
    lines(hops).iter().for_each(|line| out.push_str(&format!("    {line}\n")));
    notes(hops, summary).iter().for_each(|note| wrap(out, "    note: ", 6, note));
}

/// The same without columns.
pub(super) fn spoken(hops: &SummaryHops, summary: &Summary) -> String {
    format!("Hops: {}. Note: {}.", sentence(hops), notes(hops, summary).join("; "))
}

/// What a hop is.
pub(super) fn meaning(hops: &SummaryHops, hop: &SummaryHop) -> String {
    match hop.hop.as_str() {
        "kernel" => {
            let way = if hops.proxy { "the network to the proxy" } else { "the network" };
            let shortest =
                hops.shortest.get("p50").copied().flatten().map_or(String::new(), |ns| format!("; shortest {}", words::time(ns)));
            format!("{way}{shortest}")
        }
        "frames" => "the server's WebSocket layer".into(),
        _ => "the application".into(),
    }
}

/// All hops in one sentence.
pub(super) fn sentence(hops: &SummaryHops) -> String {
    let said = |hop: &SummaryHop| format!("{} p50 {} p99 {}", hop.heading(), hop.shown("p50"), hop.shown("p99"));
    let all: Vec<String> = hops.hops.iter().map(said).collect();
    if all.is_empty() { "nothing was told or answered".into() } else { all.join(", ") }
}

/// What to know when reading them, the most telling first.
pub(super) fn notes(hops: &SummaryHops, summary: &Summary) -> Vec<String> {
    let mut notes = Vec::new();
    match &hops.refused {
        Some(why) => notes.push(format!("the kernel does not tell the round trips of its sockets here: {}", words::clean(why))),
        None if hops.told == 0 => notes.push("the kernel told of no socket".into()),
        None if (hops.told as f64) < hops.open as f64 * MOST_OF => {
            notes.push(format!("the kernel told {} round trips of {} open sockets and seconds", grouped(hops.told), grouped(hops.open)));
        }
        None => {}
    }
    let before = |name: &str| hops.hop(name).and_then(|hop| hop.adds.get("p50").copied().flatten());
    if before("frames").is_some_and(|ns| ns < 0) {
        notes.push(
            "a ping comes back sooner than the kernel's round trip: the peer holds acknowledgements back while it has nothing to say \
             (delayed ACK, up to 40 ms), and TCP counts that. Take the shortest for the network"
                .into(),
        );
    }
    if hops.proxy && hops.hop("kernel").is_some() {
        notes.push("the kernel's hop ends at the proxy; what lies behind it is in the ping".into());
    }
    let application = hops.hop("application").map(|hop| hop.series.as_str());
    if let Some(series) = summary.series.iter().find(|s| s.class == Class::Cross && Some(s.name.as_str()) == application) {
        notes.push(format!("{} is seen by another client, on another socket", words::clean(&series.name)));
    }
    notes.extend((hops.hops.len() > 1).then(|| CAVEAT.to_owned()));
    notes
}
