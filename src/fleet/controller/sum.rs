//! What a run of a fleet was: its outcome, and how each shard and its owners fared.

use super::Order;
use crate::fleet::merge::Former;
use crate::fleet::merge::Merge;
use crate::fleet::merge::Shard;
use crate::fleet::message::ClaimMessage;
use crate::fleet::roster::Seat;
use crate::record::AgentRecord;
use crate::record::FleetRecord;
use crate::record::FormerRecord;
use crate::swarm::Outcome;
use crate::units::Nanos;

/// Distinct fault texts kept.
const TEXTS_KEPT: usize = 100;

/// The outcome of all shards together.
pub(super) fn outcome(order: &Order, shards: &[Shard]) -> Outcome {
    let mut sum = Outcome::default();
    for shard in shards {
        sum.elapsed_ns = sum.elapsed_ns.max(shard.until_ns());
        let Some(done) = &shard.done else { continue };
        sum.elapsed_ns = sum.elapsed_ns.max(done.elapsed_ns);
        sum.peak_connections = sum.peak_connections.saturating_add(done.peak_connections);
        sum.rss_peak_bytes =
            if order.is_one_process { done.rss_peak_bytes } else { sum.rss_peak_bytes.saturating_add(done.rss_peak_bytes) };
        sum.dialer_busy = sum.dialer_busy.max(done.dialer_busy);
        sum.began_ns = sum.began_ns.max(done.began_late_ns);
        for (text, n) in &done.fault_texts {
            if sum.fault_texts.len() < TEXTS_KEPT || sum.fault_texts.contains_key(text) {
                let count = sum.fault_texts.entry(text.clone()).or_default();
                *count = count.saturating_add(*n);
            }
        }
    }
    sum
}

/// How the shards fared up to the instant `end`.
pub(super) fn record(order: &Order, merge: &Merge, seats: &[Seat], end: u64) -> FleetRecord {
    let agents = (0..).zip(merge.shards().iter().zip(seats)).map(|(number, (shard, seat))| agent(order, end, number, shard, seat));
    FleetRecord { run: order.run().to_string(), agents: agents.collect(), strange: merge.strange() }
}

fn agent(order: &Order, end: u64, number: u32, shard: &Shard, seat: &Seat) -> AgentRecord {
    let claim = seat.claim.as_ref().map(|(claim, _)| claim).filter(|_| seat.is_taken);
    let early = shard.done.as_ref().and_then(|done| done.ended_early.clone());
    let (state, why) = match (claim, shard.is_complete(), early) {
        (None, ..) => ("not_started", "nobody was ready to play it".to_owned()),
        (Some(_), true, None) => ("done", String::new()),
        (Some(_), true, Some(why)) => ("ended_early", why),
        (Some(_), false, _) => {
            ("lost", format!("the last second that came ended at {}; up to one more was measured and never sent", Nanos(shard.until_ns())))
        }
    };
    let part = crate::plan::Part { shard: number, shards: order.message.shards };
    let text = |of: fn(&ClaimMessage) -> &String| claim.map(|claim| crate::units::printable(of(claim), 100)).unwrap_or_default();
    AgentRecord {
        shard: number,
        clients: crate::plan::Share::new(1, order.plan.group, part).count(order.plan.clients),
        agent: text(|claim| &claim.agent),
        host: text(|claim| &claim.host),
        version: text(|claim| &claim.version),
        cpus: claim.map_or(0, |claim| claim.cpus),
        state: state.into(),
        why: crate::units::printable(&why, 300),
        offset_ns: claim.map_or(0, |claim| claim.offset_ns),
        half_rtt_ns: claim.map_or(0, |claim| claim.half_rtt_ns),
        drift_ns: shard.done.as_ref().and_then(|done| done.drift_ns),
        began_late_ns: shard.done.as_ref().map(|done| done.began_late_ns),
        until_ns: shard.until_ns(),
        lost: shard.cover.gaps(end),
        after_fence: shard.after_fence,
        adds_up: shard.adds_up(),
        joined_ns: shard.began_ns().filter(|_| seat.has_joined || claim.is_some_and(|claim| claim.epoch > 1)),
        former: shard.former.iter().map(|former| before(former, seat)).collect(),
    }
}

/// An owner whose place was taken. Who it was a controller that took over knows of the last one only.
fn before(former: &Former, seat: &Seat) -> FormerRecord {
    let known = seat.former.iter().find(|claim| claim.epoch == former.epoch).map(ClaimMessage::who);
    let named = || seat.claim.as_ref().filter(|(claim, _)| claim.epoch == former.epoch + 1).map(|(claim, _)| claim.replaces.clone());
    let agent = known.or_else(named).unwrap_or_else(|| "unknown".into());
    FormerRecord { agent: crate::units::printable(&agent, 200), from_ns: former.from_ns, until_ns: former.until_ns }
}
