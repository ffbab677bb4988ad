//! Whole runs on the bus of one process, with agents that play nothing: each second says one send, so every sum is known.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

use super::*;
use crate::fleet::agent;
use crate::fleet::agent::About;
use crate::fleet::agent::Ending;
use crate::fleet::agent::Play;
use crate::fleet::agent::Player;
use crate::fleet::bus::Place;
use crate::fleet::journal::Journal;
use crate::record::AgentRecord;
use crate::swarm::Sink;
use crate::tally::Connections;
use crate::tally::Second;
use crate::tally::Tally;
use crate::units::SECOND;
use crate::wire::Clock;

/// A bus that reaches nobody while it is cut.
struct Cut {
    bus: LocalBus,
    is_cut: AtomicBool,
}

impl Cut {
    fn reached(&self) -> Result<&LocalBus, Failed> {
        if self.is_cut.load(Ordering::SeqCst) { Err(Failed::Unreachable("cut".into())) } else { Ok(&self.bus) }
    }
}

impl Bus for Cut {
    fn create(&self, key: &Key, value: &[u8]) -> Result<u64, Failed> {
        self.reached()?.create(key, value)
    }

    fn change(&self, key: &Key, value: &[u8], revision: u64) -> Result<u64, Failed> {
        self.reached()?.change(key, value, revision)
    }

    fn get(&self, key: &Key) -> Result<Option<Entry>, Failed> {
        self.reached()?.get(key)
    }

    fn send(&self, place: Place, bytes: &[u8]) -> Result<(), Failed> {
        self.reached()?.send(place, bytes)
    }

    fn inbox(&self, run: RunId) -> Result<Box<dyn Inbox>, Failed> {
        self.reached()?.inbox(run)
    }

    fn keep_time(&self, run: RunId) -> Result<Box<dyn Timekeeper>, Failed> {
        self.reached()?.keep_time(run)
    }

    fn ask_time(&self, run: RunId) -> Result<u64, Failed> {
        self.reached()?.ask_time(run)
    }
}

/// Plays nothing, to the end of its plan.
struct Mime {
    plan: Arc<Plan>,
    /// Why it refuses, if it does.
    refuses: Option<&'static str>,
}

impl Player for Mime {
    fn ready(&mut self, _: &PlanMessage, _: u32) -> Result<Box<dyn Play>, String> {
        match self.refuses {
            Some(why) => Err(why.into()),
            None => Ok(Box::new(Mime { plan: self.plan.clone(), refuses: None })),
        }
    }
}

impl Play for Mime {
    fn clients(&self) -> u64 {
        1
    }

    fn play(self: Box<Self>, clock: Clock, control: &Arc<Control>, sink: &mut dyn Sink) -> std::io::Result<Outcome> {
        let (mut start_ns, end) = (clock.joined(), self.plan.measure_until().0);
        while start_ns < end && !control.is_stopping() {
            let end_ns = self.plan.boundary_after(Nanos(start_ns)).0;
            clock.sleep_until(end_ns);
            let mut tally = Box::new(Tally::new(WIDTH));
            (tally.counts.planned, tally.counts.sent) = (1, 1);
            let connections = Connections { open: 1, ..Connections::default() };
            sink.second(&Second {
                start_ns,
                end_ns,
                phase: "measure",
                tally,
                connections,
                lane_busy: 0.0,
                cpu_ns: 0,
                rss_bytes: 0,
                longest_gap_ns: 0,
                pauses: Vec::new(),
            });
            start_ns = end_ns;
        }
        Ok(Outcome { elapsed_ns: clock.now(), ..Outcome::default() })
    }

    fn hidden(&self) -> Box<dyn Fn(&str) -> String> {
        Box::new(str::to_owned)
    }
}

#[derive(Default)]
struct Seen {
    seconds: Vec<(u64, u64, u64)>,
    notes: Vec<String>,
}

impl Sink for Seen {
    fn second(&mut self, second: &Second) {
        self.seconds.push((second.start_ns, second.end_ns, second.tally.counts.planned));
    }

    fn note(&mut self, _: u64, _: &str, text: &str) {
        self.notes.push(text.into());
    }
}

/// A run of two shards that is being made.
struct Stage {
    bus: LocalBus,
    order: Order,
    /// How each agent ended, by name.
    endings: Arc<Mutex<Vec<(&'static str, Ending)>>>,
    news: Vec<News>,
    seen: Seen,
    dir: tempfile::TempDir,
}

impl Stage {
    fn new(seconds: u64) -> Stage {
        let mut order = order(RunId::drawn(u128::from(crate::wire::clock::realtime())));
        let mut plan = (*order.plan).clone();
        (plan.clients, plan.duration) = (4, Nanos::from_secs(seconds));
        order.plan = Arc::new(plan);
        (order.message.shards, order.least, order.message.spares) = (2, 2, true);
        order.message.orphan_grace_ns = 60 * SECOND;
        (order.on_loss, order.lost_after) = (OnLoss::Replace, Duration::from_millis(2_500));
        let dir = tempfile::tempdir().expect("a folder");
        Stage { bus: LocalBus::default(), order, endings: Arc::default(), news: Vec::new(), seen: Seen::default(), dir }
    }

    /// Starts an agent; what cuts it off.
    fn agent(&self, name: &'static str, prefers: u32) -> Arc<Cut> {
        self.agent_who(name, prefers, None, false)
    }

    /// Starts an agent that comes when every shard is claimed.
    fn spare(&self, name: &'static str, refuses: Option<&'static str>) -> Arc<Cut> {
        self.agent_who(name, 0, refuses, true)
    }

    fn agent_who(&self, name: &'static str, prefers: u32, refuses: Option<&'static str>, is_spare: bool) -> Arc<Cut> {
        let cut = Arc::new(Cut { bus: self.bus.clone(), is_cut: AtomicBool::new(false) });
        let (bus, endings): (Arc<dyn Bus>, _) = (cut.clone(), self.endings.clone());
        let mut player = Mime { plan: self.order.plan.clone(), refuses };
        let (run, shards) = (self.order.message.run, self.order.message.shards);
        let only = Some(run);
        let about = About {
            name: name.into(),
            host: "h".into(),
            version: "1".into(),
            cpus: 1,
            files: 1,
            pool: "p".into(),
            prefers: Some(prefers),
            only,
        };
        thread::spawn(move || {
            while is_spare && (0..shards).any(|shard| !matches!(bus.get(&Key::Shard(run, shard)), Ok(Some(_)))) {
                thread::sleep(LOOK);
            }
            let ended = agent::serve(&bus, &about, &mut player, &Arc::new(Control::default()), &mut Vec::new());
            if let Ok(Some((_, ending))) = ended {
                endings.lock().expect("it is whole").push((name, ending));
            }
        });
        cut
    }

    /// Leads the run to its end; `on` hears what happens.
    fn lead(&mut self, mut on: impl FnMut(&News)) -> Fleet {
        let control = Control::default();
        let started = muster(&self.bus, &self.order, &control, &mut |_| {}).expect("all are there");
        let journal = Journal::create(self.dir.path()).expect("it is new");
        let mut tell = |news: News| {
            on(&news);
            self.news.push(news);
        };
        collect(&self.bus, &self.order, started, journal, &control, &mut self.seen, &mut tell).expect("it ends")
    }

    fn ending(&self, name: &str) -> Option<Ending> {
        let until = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            let found = self.endings.lock().expect("it is whole").iter().find(|(n, _)| *n == name).map(|(_, ending)| ending.clone());
            if found.is_some() || std::time::Instant::now() > until {
                return found;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Every second of both shards is in the record once, or named as missing.
    fn adds_up(&self, fleet: &Fleet) {
        let end = self.order.plan.measure_until().0;
        let boundaries = std::iter::successors(Some(0), |t| Some(self.order.plan.boundary_after(Nanos(*t)).0)).take_while(|t| *t < end);
        let whole = 2 * boundaries.count() as u64;
        let counted: u64 = self.seen.seconds.iter().map(|(.., n)| n).sum();
        let is_full = |gap: &(u64, u64)| (gap.1 - gap.0).div_ceil(SECOND);
        let missing: u64 = fleet.record.agents.iter().flat_map(|agent| &agent.lost).map(is_full).sum();
        // Where a gap begins or ends within a second, a part of it is counted on both sides.
        assert!(counted + missing >= whole && counted <= whole, "{counted} of {whole}, {missing} missing: {:?}", fleet.record.agents);
        assert!(self.seen.seconds.windows(2).all(|pair| pair[0].1 == pair[1].0), "{:?}", self.seen.seconds);
        assert!(fleet.record.agents.iter().all(|agent| agent.adds_up));
    }
}

fn of_shard(fleet: &Fleet, shard: usize) -> &AgentRecord {
    &fleet.record.agents[shard]
}

#[test]
fn a_spare_takes_the_place_of_a_lost_agent_and_nothing_is_counted_twice() {
    let mut stage = Stage::new(14);
    let (dies, _) = (stage.agent("first", 0), stage.agent("other", 1));
    let cutting = dies.clone();
    let (bus, run) = (stage.bus.clone(), stage.order.message.run);
    // The third finds no shard, and waits.
    let late = stage.spare("spare", None);
    thread::spawn(move || {
        while !matches!(bus.get(&Key::State(run)), Ok(Some(_))) || phase(&bus, run) != Phase::Go {
            thread::sleep(LOOK);
        }
        thread::sleep(Duration::from_secs(4));
        cutting.is_cut.store(true, Ordering::SeqCst);
    });
    let zombie = dies.clone();
    let fleet = stage.lead(|news| {
        if matches!(news, News::Joined(..)) {
            // What the first could not send comes now.
            zombie.is_cut.store(false, Ordering::SeqCst);
        }
    });
    drop(late);
    stage.adds_up(&fleet);
    let (replaced, other) = (of_shard(&fleet, 0), of_shard(&fleet, 1));
    assert_eq!((replaced.agent.as_str(), replaced.state.as_str(), other.state.as_str()), ("spare", "done", "done"));
    let [former] = replaced.former.as_slice() else { panic!("{replaced:?}") };
    assert_eq!((former.agent.as_str(), former.from_ns), ("first on h", 0));
    assert_eq!(replaced.lost, [(former.until_ns, replaced.joined_ns.expect("it came under way"))]);
    assert!(replaced.after_fence > 0 && fleet.coverage < 1.0 && other.lost.is_empty() && other.joined_ns.is_none());
    assert!(stage.news.iter().any(|news| matches!(news, News::Joined(0, who) if who == "spare on h in the place of first on h")));
    assert!(stage.seen.notes.iter().any(|note| note.contains("shard 0 is played by spare on h") && note.contains("connect")));
    assert_eq!((stage.ending("first"), stage.ending("spare")), (Some(Ending::Fenced), Some(Ending::Played)));
    // A controller that takes over makes the same of the journal, owners and all.
    let started = resume(&stage.bus, &stage.order).expect("it started");
    let journal = Journal::resume(stage.dir.path()).expect("it is there");
    let mut again = Seen::default();
    let second = collect(&stage.bus, &stage.order, started, journal, &Control::default(), &mut again, &mut |_| {}).expect("it ends");
    assert_eq!(again.seconds, stage.seen.seconds);
    let (a, b) = (of_shard(&second, 0), replaced);
    assert_eq!((&a.former, &a.lost, a.joined_ns, &a.agent, second.coverage), (&b.former, &b.lost, b.joined_ns, &b.agent, fleet.coverage));
}

#[test]
fn without_a_spare_the_others_go_on() {
    let mut stage = Stage::new(10);
    let (dies, _) = (stage.agent("first", 0), stage.agent("other", 1));
    // Whoever cannot play it is no help, and the shard stays free for the next.
    stage.order.gather = Duration::from_secs(3);
    stage.spare("refuses", Some("no files"));
    let (bus, run) = (stage.bus.clone(), stage.order.message.run);
    thread::spawn(move || {
        while !matches!(bus.get(&Key::State(run)), Ok(Some(_))) || phase(&bus, run) != Phase::Go {
            thread::sleep(LOOK);
        }
        thread::sleep(Duration::from_secs(2));
        dies.is_cut.store(true, Ordering::SeqCst);
    });
    let fleet = stage.lead(|_| {});
    stage.adds_up(&fleet);
    assert_eq!((of_shard(&fleet, 0).state.as_str(), of_shard(&fleet, 1).state.as_str()), ("lost", "done"));
    assert_eq!(of_shard(&fleet, 0).agent, "first");
    assert!(stage.news.contains(&News::Unreplaced(0)), "{:?}", stage.news);
    assert!(matches!(stage.ending("refuses"), Some(Ending::Refused(why)) if why == "no files"));
}

#[test]
fn who_comes_late_takes_a_shard_that_nobody_has() {
    for may_join in [true, false] {
        let mut stage = Stage::new(8);
        (stage.order.least, stage.order.gather, stage.order.may_join_late) = (1, Duration::from_secs(1), may_join);
        stage.order.message.spares = may_join;
        stage.agent("first", 0);
        let mut late = None;
        let (bus, run) = (stage.bus.clone(), stage.order.message.run);
        let starts = thread::spawn(move || {
            while !matches!(bus.get(&Key::State(run)), Ok(Some(_))) || phase(&bus, run) != Phase::Go {
                thread::sleep(LOOK);
            }
        });
        let comes = Stage { seen: Seen::default(), news: Vec::new(), dir: tempfile::tempdir().expect("a folder"), ..Stage::new(1) };
        let comes = Stage { bus: stage.bus.clone(), order: stage.order.clone(), endings: stage.endings.clone(), ..comes };
        let coming = thread::spawn(move || {
            starts.join().expect("it ends");
            comes.agent("late", 0)
        });
        let fleet = stage.lead(|_| {});
        late.replace(coming.join().expect("it ends"));
        stage.adds_up(&fleet);
        let (first, second) = (of_shard(&fleet, 0), of_shard(&fleet, 1));
        assert_eq!((first.state.as_str(), first.joined_ns), ("done", None));
        assert_eq!((second.state.as_str(), second.agent.as_str()), if may_join { ("done", "late") } else { ("not_started", "") });
        assert_eq!(second.lost, [(0, second.joined_ns.unwrap_or(stage.order.plan.measure_until().0))]);
    }
}
