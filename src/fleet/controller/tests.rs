//! What a controller makes of agents that do not keep the rules.

mod fleets;

use std::thread;

use super::*;
use crate::fleet::PROTOCOL;
use crate::fleet::local::LocalBus;
use crate::fleet::message::ClaimMessage;
use crate::fleet::message::Load;
use crate::fleet::message::Standing;
use crate::plan::Pacing;
use crate::plan::Stamps;
use crate::swarm::Control;
use crate::units::Nanos;

const WIDTH: Width = Width { series: 1, out_kinds: 1, in_kinds: 1, places: 0 };

/// A plan that can be published.
pub(crate) fn plan_message(run: RunId) -> PlanMessage {
    let load = Load {
        over: "ws://127.0.0.1:1/".into(),
        http: None,
        dialect: None,
        subprotocol: None,
        reconnect_jitter: None,
        tls_resume: false,
        clients: 4,
        presence: None,
        group: 1,
        drops: Vec::new(),
        storm: None,
        pacing: Pacing::Closed(1),
        count: None,
        poisson: false,
        ramp: Nanos::ZERO,
        warmup: Nanos::ZERO,
        duration: Nanos::from_secs(1),
        timeout: Nanos::from_secs(1),
        seed: 1,
        precise: false,
        stamps: Stamps::Kernel,
        hops: false,
    };
    assert_eq!(load.check(), Ok(()));
    PlanMessage {
        protocol: PROTOCOL,
        version: "1".into(),
        run,
        shards: 1,
        profile: "x".into(),
        profile_text: String::new(),
        load,
        vars: Default::default(),
        headers: Vec::new(),
        columns: Vec::new(),
        rows: Vec::new(),
        fingerprint: String::new(),
        orphan_grace_ns: 1,
        spares: false,
        interval_ns: crate::units::SECOND,
        rows_at: None,
        sound_at: None,
        sound: None,
        trace: None,
        tape: None,
    }
}

fn order(run: RunId) -> Order {
    let message = plan_message(run);
    let plan = Arc::new(crate::plan::tests::plan(Nanos::ZERO, Nanos::ZERO, Nanos::from_secs(1)));
    let mut order = Order::new(message, plan, WIDTH, "p");
    (order.gather, order.lead) = (Duration::from_secs(20), Duration::from_secs(2));
    order
}

fn claim(nonce: u64, standing: Standing) -> Vec<u8> {
    let claim = ClaimMessage {
        protocol: PROTOCOL,
        agent: format!("agent {nonce}"),
        nonce,
        epoch: 1,
        replaces: String::new(),
        standing,
        reason: "it has no files".into(),
        host: "h".into(),
        version: "1".into(),
        cpus: 1,
        files: 1,
        clients: 4,
        offset_ns: 0,
        half_rtt_ns: 1,
    };
    claim.encode().expect("short")
}

/// Musters while an agent says these things one after the other.
fn mustered(said: Vec<Vec<u8>>) -> (LocalBus, RunId, Result<Started, String>) {
    let (bus, run) = (LocalBus::default(), RunId::drawn(99));
    let (agent, key) = (bus.clone(), Key::Shard(run, 0));
    let saying = thread::spawn(move || {
        let mut revision = 0;
        for value in said {
            revision =
                if revision == 0 { agent.create(&key, &value) } else { agent.change(&key, &value, revision) }.expect("nobody else writes");
            thread::sleep(2 * LOOK);
        }
    });
    let result = muster(&bus, &order(run), &Control::default(), &mut |_| {});
    saying.join().expect("it ends");
    (bus, run, result)
}

fn phase(bus: &LocalBus, run: RunId) -> Phase {
    let entry = bus.get(&Key::State(run)).expect("reached").expect("there");
    StateMessage::decode(&entry.value).expect("good").phase
}

#[test]
fn a_claim_that_another_overwrites_voids_the_run() {
    let (bus, run, result) = mustered(vec![claim(1, Standing::Claimed), claim(2, Standing::Ready)]);
    let why = result.err().expect("void");
    assert!(why.contains("claimed by agent 1 on h and then written by agent 2 on h") && why.contains("void"), "{why}");
    assert_eq!(phase(&bus, run), Phase::Aborted);
}

#[test]
fn who_does_not_confirm_the_start_keeps_all_from_starting() {
    let (bus, run, result) = mustered(vec![claim(1, Standing::Ready)]);
    let why = result.err().expect("nobody starts");
    assert!(why.contains("did not confirm the start in time; nothing was started"), "{why}");
    assert_eq!(phase(&bus, run), Phase::Aborted);
}

#[test]
fn a_refusal_ends_the_gathering_at_once_with_its_reason() {
    let (_, _, result) = mustered(vec![claim(1, Standing::Claimed), claim(1, Standing::Refused)]);
    assert_eq!(result.err().as_deref(), Some("shard 0 cannot be played: agent 1 on h: it has no files"));
}

#[test]
fn what_is_no_claim_is_named() {
    let (_, _, result) = mustered(vec![b"{\"protocol\":1}".to_vec()]);
    assert!(result.err().expect("void").contains("the claim of shard 0: missing field"), "it is named");
}

#[test]
fn a_pool_has_one_run_at_a_time() {
    let (bus, first) = (LocalBus::default(), RunId::drawn(1));
    let mut held = None;
    let key = Key::Open("p".into());
    bus.create(&key, first.as_str().as_bytes()).expect("new");
    for (phase, is_free) in [(Phase::Gather, false), (Phase::Go, false), (Phase::Closed, true)] {
        let message = StateMessage {
            protocol: PROTOCOL,
            controller: 1,
            pool: "p".into(),
            phase,
            t0_ns: 0,
            reason: String::new(),
            wanted: Vec::new(),
        };
        let value = message.encode().expect("short");
        let state = Key::State(first);
        held = Some(match held {
            None => bus.create(&state, &value).expect("new"),
            Some(revision) => bus.change(&state, &value, revision).expect("it stands there"),
        });
        let mut order = order(RunId::drawn(phase as u128 + 2));
        order.gather = Duration::ZERO;
        let why = muster(&bus, &order, &Control::default(), &mut |_| {}).err().expect("there are no agents");
        assert_eq!(why.contains("0 of 1 agents were ready"), is_free, "{why}");
    }
}
