//! The dialer: begins every connection at its planned instant and hands it to its client's lane.
//!
//! One thread with a tokio runtime of its own, so that handshakes never stand in the way of a
//! lane's timetable. Connections begun at once are bounded.

use std::net::SocketAddr;
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
use crate::wire;
use crate::wire::Clock;
use crate::wire::Failure;
use crate::wire::Opened;
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
pub(super) fn dial_all(
    plan: &Plan,
    address: SocketAddr,
    clock: Clock,
    lanes: &[Sender<Dialed>],
    control: &Control,
) -> std::io::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        let mut watch = DialerWatch::new();
        dial_in_turn(plan, address, clock, lanes, control).await;
        watch.busy()
    }))
}

async fn dial_in_turn(plan: &Plan, address: SocketAddr, clock: Clock, lanes: &[Sender<Dialed>], control: &Control) {
    let asking = Arc::new(Asking {
        authority: plan.target.authority(),
        path_and_query: plan.target.path_and_query.clone(),
        headers: plan.headers.clone(),
        subprotocol: plan.profile.endpoint.subprotocol.clone(),
    });
    let places = Arc::new(Semaphore::new(plan.dials as usize));
    let timeout = plan.timeout.to_std();
    let stamps = plan.stamps == Stamps::Kernel;
    let mut tasks = JoinSet::new();
    for client in 0..plan.clients {
        wait_until(plan.opens_at(client).0, clock).await;
        let Ok(place) = places.clone().acquire_owned().await else { break };
        if control.is_stopping() {
            break;
        }
        while tasks.try_join_next().is_some() {}
        let lane = lanes[share::lane_of(client, plan.lanes)].clone();
        let (asking, seed, number) = (asking.clone(), plan.seed, share::place_of(client, plan.lanes));
        tasks.spawn(async move {
            let result = wire::open(address, &asking, nonce(seed, client), stamps, clock, timeout).await;
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
