//! What every bus promises, held to both of them.

use std::sync::Arc;
use std::time::Duration;

use volley::fleet::Bus;
use volley::fleet::Failed;
use volley::fleet::RunId;
use volley::fleet::bus::Key;
use volley::fleet::bus::Place;

/// A run that no other test has.
pub(crate) fn new_run() -> RunId {
    static TURN: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let turn = TURN.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    RunId::drawn(u128::from(turn) << 64 | u128::from(std::process::id()) << 32 | u128::from(volley::wire::clock::realtime()))
}

fn keys(bus: &dyn Bus) {
    let run = new_run();
    for key in [Key::Plan(run), Key::State(run), Key::Shard(run, 7), Key::Open(format!("pool-{run}"))] {
        assert_eq!(bus.get(&key), Ok(None));
        let first = bus.create(&key, b"one").expect("it is new");
        assert_eq!(bus.create(&key, b"two"), Err(Failed::Changed), "{key}");
        let entry = bus.get(&key).expect("reached").expect("there");
        assert_eq!((entry.value.as_slice(), entry.revision), (&b"one"[..], first));
        let second = bus.change(&key, b"two", first).expect("it stands there");
        assert!(second > first);
        assert_eq!(bus.change(&key, b"three", first), Err(Failed::Changed), "{key}");
        assert_eq!(bus.get(&key).expect("reached").map(|entry| entry.value), Some(b"two".to_vec()));
    }
    assert_eq!(bus.change(&Key::Shard(run, 8), b"x", 3), Err(Failed::Changed), "it was never there");
}

fn claims(bus: &Arc<dyn Bus>, agents: u64, shards: u32) {
    let run = new_run();
    let claim = |agent: u64| {
        let bus = bus.clone();
        std::thread::spawn(move || {
            let start = agent as u32 * 7;
            let tries = (0..shards).map(|n| (start + n) % shards);
            tries.filter(|shard| bus.create(&Key::Shard(run, *shard), &agent.to_le_bytes()).is_ok()).count()
        })
    };
    let threads: Vec<_> = (0..agents).map(claim).collect();
    let won: usize = threads.into_iter().map(|thread| thread.join().expect("it ends")).sum();
    assert_eq!(won, shards as usize, "each shard was claimed once");
}

fn snapshots(bus: &dyn Bus) {
    let (run, other) = (new_run(), new_run());
    let place = |run, shard, seq| Place { run, shard, epoch: 1, seq };
    let mut inbox = bus.inbox(run).expect("reached");
    assert!(inbox.fetch(10, Duration::from_millis(50)).expect("reached").is_empty());
    for seq in 0..5 {
        for shard in 0..2 {
            bus.send(place(run, shard, seq), format!("{shard}/{seq}").as_bytes()).expect("reached");
            bus.send(place(run, shard, seq), b"again").expect("a second time is no mistake");
        }
        bus.send(place(other, 0, seq), b"of another run").expect("reached");
    }
    let fetch = |inbox: &mut dyn volley::fleet::bus::Inbox, n: usize| {
        let mut all = Vec::new();
        for _ in 0..100 {
            all.extend(inbox.fetch(3, Duration::from_millis(100)).expect("reached"));
            if all.len() >= n {
                break;
            }
        }
        all
    };
    let all = fetch(inbox.as_mut(), 10);
    let texts: Vec<String> = all.iter().map(|parcel| String::from_utf8_lossy(&parcel.bytes).into_owned()).collect();
    let wanted: Vec<String> = (0..5).flat_map(|seq| (0..2).map(move |shard| format!("{shard}/{seq}"))).collect();
    assert_eq!(texts, wanted, "in order, each once, none of another run");
    let tickets: Vec<u64> = all.iter().map(|parcel| parcel.ticket).collect();
    inbox.acknowledge(&tickets).expect("reached");
    assert!(inbox.fetch(10, Duration::from_millis(50)).expect("reached").is_empty());
    drop(inbox);
    bus.send(place(run, 0, 5), b"later").expect("reached");
    let mut again = bus.inbox(run).expect("reached");
    let rest = fetch(again.as_mut(), 1);
    assert_eq!(
        rest.iter().map(|parcel| parcel.bytes.as_slice()).collect::<Vec<_>>(),
        [b"later"],
        "what was acknowledged does not come again"
    );
}

fn time(bus: &dyn Bus) {
    let run = new_run();
    assert!(bus.ask_time(run).is_err(), "nobody keeps it");
    let keeper = bus.keep_time(run).expect("reached");
    let before = volley::wire::clock::realtime();
    let asked = bus.ask_time(run).expect("it is kept");
    assert!((before..=volley::wire::clock::realtime()).contains(&asked));
    drop(keeper);
}

/// All of it.
pub(crate) fn keeps_its_promises(bus: &Arc<dyn Bus>, agents: u64) {
    keys(bus.as_ref());
    claims(bus, agents, 1);
    claims(bus, agents, 200);
    snapshots(bus.as_ref());
    time(bus.as_ref());
    assert!(bus.is_reached());
}
