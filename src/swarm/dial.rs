//! The dialer: begins every connection at its planned instant and hands it to its client's lane.
//!
//! One thread with a tokio runtime of its own, so that handshakes never stand in the way of a
//! lane's timetable. Connections begun at once are bounded.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Control;
use super::health::DialerWatch;
use crate::plan::Plan;
use crate::plan::Stamps;
use crate::plan::share;
use crate::wire::Clock;
use crate::wire::Failure;
use crate::wire::Opened;
use crate::wire::Opening;
use crate::wire::Protection;
use crate::wire::Route;
use crate::wire::upgrade::Asking;

/// What became of a client's connection.
pub(super) struct Dialed {
    /// Place of the client in its lane.
    pub(super) place: usize,
    /// The connection.
    pub(super) result: Result<Opened, Failure>,
}

/// Dials for all clients of `plan`; the busy share of the dialer's runtime.
///
/// # Errors
/// When the runtime cannot be made.
pub(super) fn dial_all(plan: &Plan, route: &Route, clock: Clock, lanes: &[Sender<Dialed>], control: &Control) -> std::io::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        let mut watch = DialerWatch::new();
        dial_in_turn(plan, route, clock, lanes, control).await;
        watch.busy()
    }))
}

async fn dial_in_turn(plan: &Plan, route: &Route, clock: Clock, lanes: &[Sender<Dialed>], control: &Control) {
    let openings = openings(plan, route, clock);
    let places = Arc::new(Semaphore::new(plan.dials as usize));
    let mut tasks = JoinSet::new();
    for client in 0..plan.clients {
        wait_until(plan.opens_at(client).0, clock).await;
        let Ok(place) = places.clone().acquire_owned().await else { break };
        if control.is_stopping() {
            break;
        }
        while tasks.try_join_next().is_some() {}
        let (number, seed) = (share::lane_of(client, plan.lanes), plan.seed);
        let (lane, opening) = (lanes[number].clone(), openings[number].clone());
        let number = share::place_of(client, plan.lanes);
        tasks.spawn(async move {
            let result = opening.open(client, nonce(seed, client)).await;
            // A lane that has ended no longer wants it.
            let _ = lane.send(Dialed { place: number, result });
            drop(place);
        });
    }
    while tasks.join_next().await.is_some() {
        if control.is_stopping() {
            tasks.abort_all();
        }
    }
}

/// What the openings of each lane have in common.
fn openings(plan: &Plan, route: &Route, clock: Clock) -> Vec<Arc<Opening>> {
    let asking = Asking {
        authority: plan.target.authority(),
        path_and_query: plan.target.path_and_query.clone(),
        headers: plan.headers.clone(),
        subprotocol: plan.profile.endpoint.subprotocol.clone(),
    };
    let opening = |_| Opening {
        route: Route { tls: route.tls.as_ref().map(Protection::of_lane), ..route.clone() },
        asking: asking.clone(),
        stamps: plan.stamps == Stamps::Kernel,
        clock,
        timeout: plan.timeout.to_std(),
    };
    (0..plan.lanes).map(opening).map(Arc::new).collect()
}

/// Waits on the run clock; tokio's timers are too coarse for less than a millisecond, which does
/// not matter to the start of a connection.
async fn wait_until(instant: u64, clock: Clock) {
    let now = clock.now();
    if instant > now {
        tokio::time::sleep(Duration::from_nanos(instant - now)).await;
    }
}

/// The 16 bytes of a handshake key: of no security value (RFC 6455 section 10.3 speaks of masks),
/// only different for each connection.
fn nonce(seed: u64, client: u64) -> u128 {
    let mix = |x: u64| {
        let z = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    u128::from(mix(seed ^ client.wrapping_mul(0x9e37_79b9_7f4a_7c15))) << 64
        | u128::from(mix(client.wrapping_add(1).wrapping_mul(0xd6e8_feb8_6659_fd93) ^ seed))
}
