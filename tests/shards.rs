//! Client k does the same in every split of a run: what each client sends, byte by byte, with one shard and with several.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc;

use volley::dialogue::Bounds;
use volley::dialogue::Script;
use volley::dialogue::Values;
use volley::mock;
use volley::plan::Curve;
use volley::plan::Pacing;
use volley::plan::Part;
use volley::plan::Plan;
use volley::plan::Stamps;
use volley::plan::Target;
use volley::profile::shipped;
use volley::profile::vars;
use volley::swarm;
use volley::swarm::Control;
use volley::swarm::Said;
use volley::tally::Second;
use volley::units::Nanos;
use volley::units::Rate;
use volley::wire::Clock;
use volley::wire::Route;
use volley::wire::Routes;
use volley::wire::clock;

/// Clients, and sends of each.
const CLIENTS: u64 = 13;
const SENDS: usize = 12;

struct Unseen;

impl swarm::Sink for Unseen {
    fn second(&mut self, _: &Second) {}
}

/// What each client of one shard sent.
fn sent(part: Part, lanes: u32) -> BTreeMap<u64, Vec<Vec<u8>>> {
    let words = mock::Words { profile: "echo".into(), ..mock::Words::default() };
    let server = mock::spawn(mock::Config::new(&words).expect("right words")).expect("a server");
    let profile = shipped::get("echo").expect("it ships");
    let values = vars::resolve(&profile, None, &[], |_| None);
    let over = Target::parse(&format!("ws://{}/", server.addr())).expect("an address");
    let plan = Arc::new(Plan {
        dialect: None,
        target: over.clone(),
        http: None,
        over,
        headers: Vec::new(),
        vars: values.expect("all have defaults"),
        columns: Vec::new(),
        rows: Vec::new(),
        sound: None,
        presence: None,
        group: 1,
        drops: Vec::new(),
        storm: None,
        trace: None,
        clients: CLIENTS,
        pacing: Pacing::Open(Curve::Constant { rate: Rate::new(20.0).expect("above zero") }),
        count: Some(SENDS as u64),
        poisson: true,
        ramp: Nanos::from_millis(50),
        warmup: Nanos::ZERO,
        duration: Nanos::from_secs(3),
        timeout: Nanos::from_secs(20),
        dials: 256,
        seed: 7,
        lanes,
        part,
        precise: false,
        stamps: Stamps::Kernel,
        hops: false,
        message_cap: 256 << 10,
        profile,
    });
    let bounds = Bounds {
        measure_from: plan.measure_from().0,
        measure_until: plan.measure_until().0,
        timeout: plan.timeout.0,
        window: plan.window(),
        seed: plan.seed,
        unix_ms: 0,
    };
    let values = Values { vars: plan.vars.clone(), ..Values::default() };
    let script = Arc::new(Script::compile(&plan.profile, None, &values, bounds).expect("it compiles"));
    let (tap, tapped) = mpsc::channel();
    let control = Arc::new(Control::tapped(tap));
    let routes = Routes { target: Route::plain(server.addr()), http: None };
    // A start that lies ahead, as that of a fleet does.
    let start = Clock::from_instant(clock::monotonic() + 100_000_000);
    swarm::run(&plan, &script, &routes, start, &control, &mut Unseen).expect("it runs");
    control.hang_up();
    drop(control);
    let mut sent: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
    tapped
        .iter()
        .filter(|message| message.said == Said::Load)
        .for_each(|message| sent.entry(message.client).or_default().push(message.bytes));
    assert_eq!(sent.len() as u64, plan.own_clients());
    let shape = plan.shape().expect("an open loop");
    assert!(sent.iter().all(|(client, sends)| sends.len() as u64 == shape.planned(*client, plan.measure_until())));
    sent
}

#[test]
fn every_client_says_the_same_in_every_split() {
    let whole = sent(Part::WHOLE, 1);
    assert!(whole.len() as u64 == CLIENTS && whole.values().any(|sends| sends.len() == SENDS));
    for (shards, lanes) in [(3, 2), (8, 1)] {
        let parts = std::thread::scope(|scope| {
            let play = |shard| scope.spawn(move || sent(Part { shard, shards }, lanes));
            let threads: Vec<_> = (0..shards).map(play).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("it plays")).collect::<BTreeMap<_, _>>()
        });
        assert_eq!(parts, whole, "{shards} shards");
    }
}
