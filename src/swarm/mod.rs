//! The swarm plays a plan: lanes with virtual clients, a dialer, and a collector of slices.
//!
//! [`run`] gets its sink and its stop signal handed in, prints nothing and always ends: at the end
//! of the plan, when stopped, or when it makes no sense to go on.

mod call;
mod client;
mod course;
mod desk;
mod dial;
mod health;
mod lane;
mod wheel;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;

use crate::dialogue::Script;
use crate::plan::Plan;
use crate::tally::Connections;
use crate::tally::FaultTexts;
use crate::tally::LaneHealth;
use crate::tally::Second;
use crate::tally::Slice;
use crate::tally::Tally;
use crate::units::Nanos;
use crate::wire::Clock;
use crate::wire::Routes;
use desk::Crowd;
use lane::Lane;
use lane::Lines;

/// Distinct fault texts kept for a run.
const TEXTS_KEPT: usize = 100;
/// Seconds in a row with more than half of everything failing after which a run is ended.
const FAILING_SECONDS: u32 = 10;

/// How a message came to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// A text message of the server.
    ByServer,
    /// A binary one.
    BytesByServer,
    /// A send of the load.
    Load,
    /// A reply of this number, since a message asked for it or the connection had opened.
    Reply(usize),
    /// A reply of this number, since its beat came.
    Beat(usize),
    /// A close frame of the server.
    Closed,
}

/// A message as it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tapped {
    /// Instant on the run clock in nanoseconds.
    pub at_ns: u64,
    /// Number of the client.
    pub client: u64,
    /// Who said it and why.
    pub said: Said,
    /// Whether it is a binary message.
    pub is_binary: bool,
    /// What was said; the reason, of a close.
    pub bytes: Vec<u8>,
}

/// The stop signal of a run: asked once it ends in good order, asked twice at once. And where messages are copied to, if
/// anywhere.
#[derive(Debug, Default)]
pub struct Control {
    asked: AtomicU8,
    tap: Mutex<Option<mpsc::Sender<Tapped>>>,
}

impl Control {
    /// Copies every message to `tap` as well; for a few clients only, since copies are made one by one.
    pub fn tapped(tap: mpsc::Sender<Tapped>) -> Self {
        Control { tap: Mutex::new(Some(tap)), ..Control::default() }
    }

    /// Taps no more; what was tapped ends with the lanes.
    pub fn hang_up(&self) {
        if let Ok(mut tap) = self.tap.lock() {
            *tap = None;
        }
    }

    fn tap(&self) -> Option<mpsc::Sender<Tapped>> {
        self.tap.lock().ok()?.clone()
    }

    /// Asks the run to stop; the second time, to leave everything.
    pub fn stop(&self) {
        let _ = self.asked.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| Some(n.saturating_add(1)));
    }

    /// Whether the run was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.asked.load(Ordering::Relaxed) > 0
    }

    /// Whether it was asked twice.
    pub fn must_leave(&self) -> bool {
        self.asked.load(Ordering::Relaxed) > 1
    }
}

/// Where the seconds of a run go as they close.
pub trait Sink {
    /// A second has closed.
    fn second(&mut self, second: &Second);

    /// Something happened at the instant `t_ns` of the run clock that the record should tell, of a `kind` of its events.
    fn note(&mut self, _t_ns: u64, _kind: &str, _text: &str) {}
}

/// Why the swarm itself ended the run before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaveUp {
    /// Not one connection could be made.
    NoConnection,
    /// More than half of everything failed for ten seconds.
    Failing,
}

/// What is known at the end besides the seconds.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Length on the run clock in nanoseconds.
    pub elapsed_ns: u64,
    /// Why it was given up, if it was.
    pub gave_up: Option<GaveUp>,
    /// Most connections open at once.
    pub peak_connections: u64,
    /// Distinct texts of faults with their counts.
    pub fault_texts: FaultTexts,
    /// Busy share of the dialer's runtime, 0 to 1.
    pub dialer_busy: f64,
    /// How long after the start of the run clock the first connection could be begun, in nanoseconds.
    pub began_ns: u64,
    /// Peak resident memory of the process in bytes.
    pub rss_peak_bytes: u64,
}

/// Plays `plan` against the server at the end of `routes`, handing each second to `sink`. It begins when `clock` starts.
///
/// # Errors
/// When threads or their kernel objects cannot be made.
pub fn run(
    plan: &Arc<Plan>,
    script: &Arc<Script>,
    routes: &Routes,
    clock: Clock,
    control: &Arc<Control>,
    sink: &mut dyn Sink,
) -> io::Result<Outcome> {
    let (slices_in, slices) = mpsc::channel();
    let (to_dialer, dials) = tokio::sync::mpsc::unbounded_channel();
    let crowd = Arc::new(Crowd::default());
    let mut dialed = Vec::new();
    let mut spares = Vec::new();
    let mut lanes = Vec::new();
    for number in 0..plan.lanes as usize {
        let (to_lane, from_dialer) = mpsc::channel();
        let (spare_in, spare) = mpsc::channel();
        let lines = Lines { dialed: from_dialer, dials: Some(to_dialer.clone()), slices: slices_in.clone(), spare, crowd: crowd.clone() };
        let (plan, script, control) = (plan.clone(), script.clone(), control.clone());
        // The lane is made within its thread, since its codec may not change threads.
        lanes.push(
            thread::Builder::new()
                .name(format!("lane-{number}"))
                .spawn(move || Lane::new(number, plan, script, clock, control, lines).map(Lane::play))?,
        );
        dialed.push(to_lane);
        spares.push(spare_in);
    }
    drop((slices_in, to_dialer));
    let dialer = {
        let (plan, script, routes, control) = (plan.clone(), script.clone(), routes.clone(), control.clone());
        thread::Builder::new().name("dialer".into()).spawn(move || dial::dial_all(plan, script, &routes, clock, dialed, dials, &control))?
    };
    let mut collector = Collector::new(plan, spares, control, clock.joined());
    while let Ok(slice) = slices.recv() {
        collector.take(slice, sink);
    }
    let mut outcome = collector.finish(clock.now(), sink);
    outcome.peak_connections = crowd.peak();
    for lane in lanes {
        lane.join().map_err(|_| io::Error::other("a lane has panicked"))??;
    }
    (outcome.dialer_busy, outcome.began_ns) = dialer.join().map_err(|_| io::Error::other("the dialer has panicked"))??;
    Ok(outcome)
}

/// Merges the slices of all lanes into seconds.
struct Collector<'a> {
    plan: &'a Plan,
    control: &'a Control,
    spares: Vec<mpsc::Sender<Box<Tally>>>,
    open: BTreeMap<u64, Merging>,
    /// The newest boundary that each lane has delivered.
    delivered: Vec<u64>,
    start_ns: u64,
    /// When the run was joined; 0 from its start.
    joined_ns: u64,
    cpu_ns: u64,
    failing: u32,
    ever: Connections,
    outcome: Outcome,
}

/// A second in the making: the slice of the lane that was first, with those of the others added.
struct Merging {
    lane: usize,
    tally: Box<Tally>,
    connections: Connections,
    health: LaneHealth,
}

impl Merging {
    fn begin(slice: Slice) -> Self {
        Merging { lane: slice.lane, tally: slice.tally, connections: slice.connections, health: slice.health }
    }

    /// Adds another lane's slice; the tally that is free again.
    fn add(&mut self, slice: Slice) -> Box<Tally> {
        self.tally.merge(&slice.tally);
        self.connections.merge(&slice.connections);
        self.health.merge(slice.health);
        slice.tally
    }
}

impl<'a> Collector<'a> {
    fn new(plan: &'a Plan, spares: Vec<mpsc::Sender<Box<Tally>>>, control: &'a Control, joined_ns: u64) -> Self {
        Collector {
            plan,
            control,
            delivered: vec![0; spares.len()],
            spares,
            open: BTreeMap::new(),
            start_ns: joined_ns,
            joined_ns,
            cpu_ns: crate::wire::clock::process_cpu(),
            failing: 0,
            ever: Connections::default(),
            outcome: Outcome::default(),
        }
    }

    fn take(&mut self, mut slice: Slice, sink: &mut dyn Sink) {
        for (text, n) in std::mem::take(&mut slice.fault_texts) {
            if self.outcome.fault_texts.len() < TEXTS_KEPT || self.outcome.fault_texts.contains_key(&text) {
                *self.outcome.fault_texts.entry(text).or_default() += n;
            }
        }
        let (lane, boundary_ns) = (slice.lane, slice.boundary_ns);
        match self.open.entry(boundary_ns) {
            Entry::Vacant(vacant) => {
                vacant.insert(Merging::begin(slice));
            }
            Entry::Occupied(mut merging) => {
                let spare = merging.get_mut().add(slice);
                self.give_back(lane, spare);
            }
        }
        self.delivered[lane] = boundary_ns;
        let complete = self.delivered.iter().copied().min().unwrap_or(0);
        while let Some(entry) = self.open.first_entry()
            && *entry.key() <= complete
            && *entry.key() != u64::MAX
        {
            let (end_ns, merging) = entry.remove_entry();
            self.close(end_ns, merging, sink);
        }
    }

    /// Hands a lane an empty tally for a second to come.
    fn give_back(&self, lane: usize, mut tally: Box<Tally>) {
        tally.reset();
        // A lane that has ended needs no tally.
        let _ = self.spares[lane].send(tally);
    }

    fn close(&mut self, end_ns: u64, merging: Merging, sink: &mut dyn Sink) {
        let (lane, health) = (merging.lane, merging.health);
        let (rss_bytes, rss_peak_bytes) = health::resident();
        let second = Second {
            start_ns: self.start_ns,
            end_ns,
            phase: self.plan.phase_name(Nanos(self.start_ns)),
            tally: merging.tally,
            connections: merging.connections,
            lane_busy: health.busy,
            cpu_ns: health.process_cpu_ns.saturating_sub(self.cpu_ns),
            rss_bytes,
            longest_gap_ns: health.longest_gap_ns,
            pauses: health.pauses,
        };
        self.start_ns = end_ns;
        self.cpu_ns = health.process_cpu_ns;
        self.outcome.rss_peak_bytes = rss_peak_bytes;
        self.ever.merge(&second.connections);
        sink.second(&second);
        self.consider(&second);
        self.give_back(lane, second.tally);
    }

    /// Ends a run that makes no sense: not one connection, or ten seconds of mostly failures.
    fn consider(&mut self, second: &Second) {
        if self.outcome.gave_up.is_some() || self.control.is_stopping() {
            return;
        }
        let counts = &second.tally.counts;
        let connections = &second.connections;
        // A few that are refused again and again are not half of everything.
        let own = self.plan.own_clients();
        let shards = u64::from(self.plan.part.shards.max(1));
        let wanted = self.plan.presence.map_or(own, |presence| presence.at(Nanos(second.end_ns)) as u64 / shards);
        let few_connected = connections.open * 2 < wanted;
        let is_failing = counts.not_offered_total() * 2 > counts.planned || (connections.failed > connections.opened && few_connected);
        // Who joins a run under way owes sends from the first instant, and cannot offer them while its clients connect.
        let is_joining = self.joined_ns > 0 && second.end_ns < self.joined_ns + self.plan.warmup_from().0;
        self.failing = if is_failing && !is_joining { self.failing + 1 } else { 0 };
        let all_tried = self.ever.failed >= own && second.end_ns >= self.joined_ns + self.plan.ramp.0;
        if self.ever.opened == 0 && all_tried {
            self.outcome.gave_up = Some(GaveUp::NoConnection);
        } else if self.failing >= FAILING_SECONDS {
            self.outcome.gave_up = Some(GaveUp::Failing);
        }
        if self.outcome.gave_up.is_some() {
            self.control.stop();
            self.control.stop();
        }
    }

    /// Closes the last seconds at `now`.
    fn finish(mut self, now: u64, sink: &mut dyn Sink) -> Outcome {
        while let Some((boundary, merging)) = self.open.pop_first() {
            self.close(if boundary == u64::MAX { now } else { boundary }, merging, sink);
        }
        self.outcome.elapsed_ns = now;
        self.outcome
    }
}
