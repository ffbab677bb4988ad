//! Whether what the agents of a run will send has room where it is kept. What does not fit is refused before anything starts:
//! a full stream takes nothing new, and agents that can send nothing end.

use super::Order;
use super::patiently;
use crate::fleet::bus::Bus;
use crate::plan::Pacing;
use crate::units::SECOND;
use crate::units::bytes_text;

/// Histograms of a second that fill with the load: response, service, lag and delay of the read.
const HISTS: u64 = 4;
/// Bytes of a second without its histograms, what the stream adds included.
const BARE: u64 = 500;
/// Bytes of a value in a histogram of few values, and of a histogram however many it has.
const VALUE: u64 = 2;
const HIST_MOST: u64 = 2_500;
/// Room asked for, in halves of what is expected: distributions may be wide.
const HALVES: u64 = 3;

/// Bytes that all shards of a run are expected to send.
pub(super) fn expected(order: &Order) -> u64 {
    let plan = &order.plan;
    let shards = u64::from(order.message.shards.max(1));
    let clients = plan.clients.div_ceil(shards);
    let hist = match plan.pacing {
        Pacing::Open(curve) => ((clients as f64 * curve.peak().per_s()).ceil() as u64).saturating_mul(VALUE).min(HIST_MOST),
        Pacing::Closed(_) => HIST_MOST,
    };
    let seconds = plan.latest_end().0.div_ceil(SECOND) + 1;
    (BARE + HISTS * hist).saturating_mul(seconds).saturating_mul(shards)
}

/// Refuses a run whose results would not fit.
///
/// # Errors
/// How much there would be, how much room there is, and what to do.
pub(super) fn check(bus: &dyn Bus, order: &Order) -> Result<(), String> {
    if order.ignores_room {
        return Ok(());
    }
    let Some(room) = patiently(|| bus.room()).map_err(|e| e.to_string())? else { return Ok(()) };
    let expected = expected(order);
    let wanted = (expected / 2).saturating_mul(HALVES);
    if room >= wanted {
        return Ok(());
    }
    Err(format!(
        "{} agents are expected to send {} in this run, half as much again has to be free, and NATS has room for {}. `volley cluster purge \
         RUN` removes the results of a run, `volley cluster init --size {}` makes more room, --ignore-room begins all the same: agents that \
         find no room end, and what they measured is named as lost",
        order.message.shards,
        bytes_text(expected),
        bytes_text(room),
        size(wanted.saturating_mul(2)),
    ))
}

/// A size as it is typed.
fn size(bytes: u64) -> String {
    format!("{}GiB", bytes.div_ceil(1 << 30))
}
