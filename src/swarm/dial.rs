//! The dialer: begins every connection at its instant and hands it to its client's lane.
//!
//! One thread with a tokio runtime of its own, so that handshakes never stand in the way of a
//! lane's timetable. The first connections are begun as planned; those made again as the lanes ask
//! for them, paced. Connections begun at once are bounded. It ends when
//! all lanes have hung up, or by itself when the load is over.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use super::Control;
use super::call::Call;
use super::call::Called;
use super::health::DialerWatch;
use crate::dialogue::Door;
use crate::dialogue::Script;
use crate::plan::Plan;
use crate::plan::Stamps;
use crate::plan::Target;
use crate::plan::nonce;
use crate::profile::Fill;
use crate::tally::Fault;
use crate::units::MILLI;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::wire::Clock;
use crate::wire::Failure;
use crate::wire::Opened;
use crate::wire::Opening;
use crate::wire::Protection;
use crate::wire::Route;
use crate::wire::Routes;
use crate::wire::upgrade::Asking;

/// Time between two connections that are made again, to this machine and to any other.
const PACE_HERE: u64 = MILLI;
const PACE_AWAY: u64 = 2 * MILLI;
/// What a late turn may make up for.
const CATCH_UP: u64 = 20 * MILLI;
/// How long handshakes are awaited once the load is over.
const LAST: u64 = SECOND;
/// How often it is looked whether everything is to be left.
const LOOK: Duration = Duration::from_millis(10);

/// What became of what was asked for a client.
pub(super) struct Dialed {
    /// Place of the client in its lane.
    pub(super) place: usize,
    /// What it is.
    pub(super) what: Done,
}

/// What the dialer did.
pub(super) enum Done {
    /// HTTP requests were made, and a connection behind them.
    Connection(Vec<Called>, Box<Result<Opened, Failure>>),
    /// An HTTP request was made.
    Call(Called),
}

/// What a lane asks of the dialer.
pub(super) enum Order {
    /// A connection to be made again.
    Dial(Dial),
    /// An HTTP request to be made.
    Call(Call),
}

/// A connection to be made. A lane asks for at most one of each client at a time, and hears of each.
/// Ordered by instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dial {
    /// When, on the run clock in nanoseconds.
    pub(super) at: u64,
    /// Number of the client.
    pub(super) client: u64,
    /// Number of the dial among those of the client, from 0.
    pub(super) dial: u32,
    /// Whether the client comes back by itself, so that the plan says nothing of how many do at once.
    pub(super) again: bool,
}

/// Dials for all clients of `plan` that are played here, and again as `asked`; the busy share of the dialer's runtime, and
/// how long after the start of the run clock it began, in nanoseconds.
///
/// # Errors
/// When the runtime cannot be made.
pub(super) fn dial_all(
    plan: Arc<Plan>,
    script: Arc<Script>,
    routes: &Routes,
    clock: Clock,
    lanes: Vec<Sender<Dialed>>,
    asked: UnboundedReceiver<Order>,
    control: &Control,
) -> std::io::Result<(f64, u64)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        let mut watch = DialerWatch::new();
        let mut dialer = Dialer::new(plan, script, routes, clock, lanes);
        // Nobody can ask for anything before the run clock starts.
        clock.sleep_until(clock.joined());
        let began = clock.now().saturating_sub(clock.joined());
        dialer.serve(asked, control).await;
        dialer.finish(control).await;
        (watch.busy(), began)
    }))
}

/// How a lane's WebSockets are opened, and its requests over HTTP made.
#[derive(Clone)]
struct Openings {
    socket: Arc<Opening>,
    http: Arc<Opening>,
}

/// The dialer at work.
struct Dialer {
    plan: Arc<Plan>,
    script: Arc<Script>,
    clock: Clock,
    lanes: Vec<Sender<Dialed>>,
    /// What the openings of each lane have in common.
    openings: Vec<Openings>,
    /// Time between two connections that are made again.
    pace: u64,
    /// Whether the target is this machine.
    is_here: bool,
    places: Arc<Semaphore>,
    /// Requests over HTTP that belong to no connection are bounded by themselves, and keep none waiting.
    calls: Arc<Semaphore>,
    tasks: JoinSet<()>,
    /// Clients that are dialed here.
    own: u64,
    /// The next of them whose first connection is to be made.
    first: u64,
    /// Connections to be made again.
    again: BinaryHeap<Reverse<Dial>>,
    /// None of them is begun before this instant; it moves on by the pace each time.
    paced: u64,
}

impl Dialer {
    fn new(plan: Arc<Plan>, script: Arc<Script>, routes: &Routes, clock: Clock, lanes: Vec<Sender<Dialed>>) -> Self {
        let openings = openings(&plan, routes, clock);
        let is_here = routes.target.address.ip().is_loopback();
        // All shards together keep the pace that one machine would.
        let (pace, own) = (if is_here { PACE_HERE } else { PACE_AWAY * u64::from(plan.part.shards.max(1)) }, plan.own_clients());
        let [places, calls] = [(); 2].map(|()| Arc::new(Semaphore::new(plan.dials as usize)));
        // Clients of a trace are not in the order in which they come, nor are those of a run that is joined under way.
        let dial = |n| {
            let client = plan.share().nth(n);
            Reverse(Dial { at: plan.opens_at(client, Nanos(clock.joined())).0, client, dial: 0, again: false })
        };
        let (first, again) =
            if plan.trace.is_some() || clock.joined() > 0 { (own, (0..own).map(dial).collect()) } else { (0, BinaryHeap::new()) };
        let tasks = JoinSet::new();
        Dialer { plan, script, clock, lanes, openings, pace, places, calls, tasks, is_here, own, first, again, paced: 0 }
    }

    /// Dials until nobody can ask any more, or the load is over.
    async fn serve(&mut self, mut asked: UnboundedReceiver<Order>, control: &Control) {
        loop {
            let turn = turn(self.next_at(), self.places.clone(), self.clock);
            tokio::select! {
                biased;
                order = asked.recv() => match order {
                    Some(Order::Dial(dial)) => self.again.push(Reverse(dial)),
                    Some(Order::Call(call)) => self.call(call),
                    None => return,
                },
                place = turn => {
                    if control.is_stopping() || self.clock.now() >= self.plan.measure_until().0 {
                        return;
                    }
                    if let Some(dial) = self.take() {
                        self.begin(dial, place);
                    }
                }
            }
        }
    }

    /// When the next connection is to be begun.
    fn next_at(&self) -> Option<u64> {
        let again = self.again.peek().map(|Reverse(dial)| self.not_before(dial));
        self.first_at().into_iter().chain(again).min()
    }

    fn first_at(&self) -> Option<u64> {
        (self.first < self.own).then(|| self.not_before(&self.first_dial()))
    }

    fn first_dial(&self) -> Dial {
        let client = self.plan.share().nth(self.first);
        Dial { at: self.plan.opens_at(client, Nanos::ZERO).0, client, dial: 0, again: false }
    }

    /// When a dial may begin.
    fn not_before(&self, dial: &Dial) -> u64 {
        if self.is_paced(dial) { dial.at.max(self.paced) } else { dial.at }
    }

    /// Clients that come back by themselves are paced; and where a jump in the number of clients, or a trace, would meet a host that
    /// is not this machine, all are.
    fn is_paced(&self, dial: &Dial) -> bool {
        dial.again || ((self.plan.presence.is_some() || self.plan.trace.is_some()) && !self.is_here)
    }

    /// The next connection to be begun; first ones come before those made again.
    fn take(&mut self) -> Option<Dial> {
        let now = self.clock.now();
        let dial = if self.first_at().is_some_and(|at| at <= now) {
            let dial = self.first_dial();
            self.first += 1;
            dial
        } else {
            let Reverse(dial) = *self.again.peek().filter(|Reverse(dial)| self.not_before(dial) <= now)?;
            self.again.pop();
            dial
        };
        if self.is_paced(&dial) {
            self.paced = self.paced.max(now.saturating_sub(CATCH_UP)) + self.pace;
        }
        Some(dial)
    }

    fn begin(&mut self, dial: Dial, place: Option<OwnedSemaphorePermit>) {
        while self.tasks.try_join_next().is_some() {}
        let (plan, script) = (self.plan.clone(), self.script.clone());
        let (lane, openings, number) = self.of(dial.client);
        self.tasks.spawn(async move {
            let (calls, result) = open(&plan, &script, &openings, dial).await;
            // A lane that has ended no longer wants it.
            let _ = lane.send(Dialed { place: number, what: Done::Connection(calls, Box::new(result)) });
            drop(place);
        });
    }

    /// Makes an HTTP request.
    fn call(&mut self, call: Call) {
        while self.tasks.try_join_next().is_some() {}
        let (plan, script) = (self.plan.clone(), self.script.clone());
        let (lane, openings, number) = self.of(call.client);
        let (calls, clock) = (self.calls.clone(), self.clock);
        self.tasks.spawn(async move {
            let asked = clock.now();
            // Fails only once the semaphore is closed, which it never is.
            let _place = calls.acquire_owned().await.ok();
            let waited = clock.now() - asked;
            let called = call.make(&script, &openings.http, &authority(&plan)).await.after(waited);
            let _ = lane.send(Dialed { place: number, what: Done::Call(called) });
        });
    }

    /// The lane of a client, what its openings have in common, and the client's place in it.
    fn of(&self, client: u64) -> (Sender<Dialed>, Openings, usize) {
        let share = self.plan.share();
        let lane = share.lane_of(client);
        (self.lanes[lane].clone(), self.openings[lane].clone(), share.place_of(client))
    }

    /// Awaits the handshakes in progress, so that a connection that the server counts is counted here.
    async fn finish(&mut self, control: &Control) {
        let until = self.clock.now() + LAST;
        while !self.tasks.is_empty() && self.clock.now() < until && !control.must_leave() {
            // Too late is as good as nothing: the loop looks again.
            let _ = tokio::time::timeout(LOOK, self.tasks.join_next()).await;
        }
        self.tasks.abort_all();
    }
}

/// Makes the HTTP requests that go before a connection, then the connection.
async fn open(plan: &Plan, script: &Script, openings: &Openings, dial: Dial) -> (Vec<Called>, Result<Opened, Failure>) {
    let door = &script.roles[script.cast.role(dial.client)].door;
    let mut captured = vec![String::new(); script.captures];
    let mut calls = Vec::new();
    for &http in &door.calls {
        let call = Call::new(script, http, &fill(script, dial, &captured));
        let mut called = call.make(script, &openings.http, &authority(plan)).await;
        match &mut called.result {
            Err(failure) => return (calls, Err(failure.clone())),
            Ok((_, taken)) => taken.iter().for_each(|(capture, text)| captured[*capture].clone_from(text)),
        }
        calls.push(called);
    }
    let fill = fill(script, dial, &captured);
    let result = match Target::parse(&door.url.text(&fill)) {
        Err(why) => Err(Failure::new(Fault::Io, format!("the address of client {}: {why}", dial.client))),
        Ok(own) => openings.socket.open(dial.client, &asking(plan, door, &own, &fill), nonce(plan.seed, dial.client, dial.dial)).await,
    };
    (calls, result)
}

fn fill<'a>(script: &'a Script, dial: Dial, captured: &'a [String]) -> Fill<'a> {
    script.introduce(dial.client, u64::from(dial.dial), captured)
}

/// What a client asks for: headers that were typed go before those of the profile.
fn asking(plan: &Plan, door: &Door, own: &Target, fill: &Fill<'_>) -> Asking {
    let is_typed = |name: &str| plan.headers.iter().any(|(typed, _)| typed.eq_ignore_ascii_case(name));
    let own_headers = door.headers.iter().filter(|(name, _)| !is_typed(name)).map(|(name, value)| (name.clone(), value.text(fill)));
    Asking {
        authority: plan.target.authority(),
        path_and_query: own.overlay(&plan.over).path_and_query,
        headers: own_headers.chain(plan.headers.iter().cloned()).collect(),
        subprotocol: plan.profile.endpoint.subprotocol.clone(),
    }
}

/// The `Host` of requests over HTTP.
fn authority(plan: &Plan) -> String {
    plan.http.as_ref().unwrap_or(&plan.target).authority()
}

/// What the openings of each lane have in common.
fn openings(plan: &Plan, routes: &Routes, clock: Clock) -> Vec<Openings> {
    let opening = |route: &Route| {
        let route = Route { tls: route.tls.as_ref().map(Protection::of_lane), ..route.clone() };
        Arc::new(Opening { route, stamps: plan.stamps == Stamps::Kernel, clock, timeout: plan.timeout.to_std() })
    };
    let of_lane = |_| {
        let socket = opening(&routes.target);
        Openings { http: routes.http.as_ref().map_or_else(|| socket.clone(), opening), socket }
    };
    (0..plan.lanes).map(of_lane).collect()
}

/// Waits for the instant `at` and then for a place; forever when there is no instant. tokio's timers
/// are too coarse for less than a millisecond, which does not matter to the start of a connection.
async fn turn(at: Option<u64>, places: Arc<Semaphore>, clock: Clock) -> Option<OwnedSemaphorePermit> {
    let Some(at) = at else { return std::future::pending().await };
    let wait = Nanos(at).since(Nanos(clock.now()));
    if wait > Nanos::ZERO {
        tokio::time::sleep(wait.to_std()).await;
    }
    // Fails only once the semaphore is closed, which it never is.
    places.acquire_owned().await.ok()
}
