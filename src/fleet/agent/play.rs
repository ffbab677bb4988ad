//! From the start to the last word: the shard is played, each second is sent in a thread of its own, another looks whether the
//! run still wants it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::Ending;
use super::Play;
use super::estimate;
use super::state;
use super::take::Claim;
use crate::fleet::bus::Bus;
use crate::fleet::bus::Failed;
use crate::fleet::bus::Place;
use crate::fleet::message::Phase;
use crate::fleet::message::PlanMessage;
use crate::fleet::probe::Estimate;
use crate::fleet::roster;
use crate::fleet::snapshot;
use crate::fleet::snapshot::Done;
use crate::swarm::Control;
use crate::swarm::GaveUp;
use crate::swarm::Outcome;
use crate::swarm::Sink;
use crate::tally::Second;
use crate::wire::Clock;

/// Seconds that may wait to be sent.
const WAITING: usize = 120;
/// Between two attempts to send.
const AGAIN: Duration = Duration::from_millis(200);
/// Between two looks at the run.
const LOOK: Duration = Duration::from_secs(1);
/// Longest text of a fault that is told, in bytes.
const TEXT: usize = 200;

/// Why an agent ends before its time; the first reason holds.
#[derive(Default)]
struct Reason(Mutex<Option<Ending>>);

impl Reason {
    fn set(&self, ending: Ending) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(ending);
    }

    fn take(&self) -> Option<Ending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_final(&self) -> bool {
        matches!(*self.0.lock().unwrap_or_else(PoisonError::into_inner), Some(Ending::Fenced | Ending::Orphaned(_)))
    }
}

/// Hands the seconds to the sender, an interval of them at once.
struct Sending {
    place: Place,
    /// Seconds that wait for the end of their interval, as they stand in a message.
    packed: Vec<Vec<u8>>,
    /// How many go together.
    together: usize,
    to: SyncSender<(Place, Vec<u8>)>,
    control: Arc<Control>,
    /// What the last word says was sent.
    sums: Done,
    /// Why a second could not be sent at all.
    failed: Option<String>,
}

impl Sink for Sending {
    fn second(&mut self, second: &Second) {
        let counts = &second.tally.counts;
        self.sums.seconds += 1;
        self.sums.planned += counts.planned;
        self.sums.sent += counts.sent;
        self.sums.answered += counts.answered;
        self.packed.push(snapshot::encoded(second));
        if self.packed.len() >= self.together {
            self.send();
        }
    }
}

impl Sending {
    /// Sends what is packed: in one message, or in several where it is too much for one.
    fn send(&mut self) {
        let packed = std::mem::take(&mut self.packed);
        if let Err(why) = self.put(&packed) {
            self.fail(why);
        }
    }

    fn put(&mut self, seconds: &[Vec<u8>]) -> Result<(), String> {
        match snapshot::of_seconds(self.place, seconds) {
            _ if seconds.is_empty() => Ok(()),
            Ok(bytes) => {
                let full = |_| "its seconds could not be sent as fast as they came".to_owned();
                self.to.try_send((self.place, bytes)).map_err(full)?;
                self.place.seq += 1;
                Ok(())
            }
            Err(_) if seconds.len() > 1 => {
                let (first, rest) = seconds.split_at(seconds.len() / 2);
                self.put(first).and_then(|()| self.put(rest))
            }
            Err(why) => Err(why),
        }
    }

    fn fail(&mut self, why: String) {
        if self.failed.is_none() {
            self.failed = Some(why);
            self.control.stop();
        }
    }
}

/// Plays a shard from the instant on at which `clock` is joined.
pub(super) fn play(
    bus: &Arc<dyn Bus>,
    plan: &PlanMessage,
    claim: &Claim,
    ready: Box<dyn Play>,
    clock: Clock,
    before: &Estimate,
    control: &Arc<Control>,
) -> Result<Ending, String> {
    let place = Place { run: plan.run, shard: claim.shard, epoch: claim.message.epoch, seq: 0 };
    let (reason, over) = (Arc::new(Reason::default()), Arc::new(AtomicBool::new(false)));
    let (grace, interval) = (Duration::from_nanos(plan.orphan_grace_ns), Duration::from_nanos(plan.interval_ns));
    let together = usize::try_from(interval.as_secs()).unwrap_or(1).clamp(1, snapshot::SECONDS_MOST);
    let (to, from) = sync_channel(WAITING);
    let hidden: Box<dyn Fn(&str) -> String> = ready.hidden();
    let mut sending = Sending { place, packed: Vec::new(), together, to, control: control.clone(), sums: Done::default(), failed: None };
    let (sender, watcher) = (
        sender(bus.clone(), from, (plan.shards, interval), grace, reason.clone(), control.clone()),
        watcher(bus.clone(), claim, reason.clone(), control.clone(), over.clone()),
    );
    let (sender, watcher) = (sender.map_err(|e| e.to_string())?, watcher.map_err(|e| e.to_string())?);
    let last = match ready.play(clock, control, &mut sending) {
        Ok(outcome) => last_word(&mut sending, outcome, control, &hidden, drift(bus.as_ref(), plan, before, &reason)),
        Err(e) => Err(format!("the shard could not be played on: {e}")),
    };
    // Whoever was given up has nobody to tell it to.
    let told = last.map(|last| drop(sending.to.send((sending.place, last))));
    drop(sending.to);
    let _ = sender.join();
    over.store(true, Ordering::SeqCst);
    let _ = watcher.join();
    told.map(|()| reason.take().unwrap_or(Ending::Played))
}

/// The last word on a shard, once what is packed is on its way.
fn last_word(
    sending: &mut Sending,
    outcome: Outcome,
    control: &Control,
    hidden: &dyn Fn(&str) -> String,
    drift_ns: Option<i64>,
) -> Result<Vec<u8>, String> {
    sending.send();
    let ended_early = sending.failed.take().or_else(|| early(&outcome, control));
    let texts = outcome.fault_texts.into_iter().map(|(text, n)| (crate::units::printable(&hidden(&text), TEXT), n)).take(100);
    let done = Done {
        elapsed_ns: outcome.elapsed_ns,
        ended_early,
        peak_connections: outcome.peak_connections,
        fault_texts: texts.collect(),
        dialer_busy: outcome.dialer_busy,
        rss_peak_bytes: outcome.rss_peak_bytes,
        began_late_ns: outcome.began_ns,
        drift_ns,
        ..sending.sums.clone()
    };
    snapshot::of_done(sending.place, &done)
}

/// Why the load ended before its time.
fn early(outcome: &Outcome, control: &Control) -> Option<String> {
    match outcome.gave_up {
        Some(GaveUp::NoConnection) => Some("not one connection could be made".into()),
        Some(GaveUp::Failing) => Some("more than half of everything failed for 10 s".into()),
        None => control.is_stopping().then(|| "it was stopped".into()),
    }
}

/// How far the clocks went apart, when the controller can still be asked.
fn drift(bus: &dyn Bus, plan: &PlanMessage, before: &Estimate, reason: &Reason) -> Option<i64> {
    if reason.is_final() || !bus.is_reached() {
        return None;
    }
    let after = estimate(bus, plan.run, 1)?;
    i64::try_from(after.ahead_ns - before.ahead_ns).ok()
}

/// Sends until there is no more, each until it is kept; gives up when nobody is reached for the grace.
fn sender(
    bus: Arc<dyn Bus>,
    from: Receiver<(Place, Vec<u8>)>,
    (shards, interval): (u32, Duration),
    grace: Duration,
    reason: Arc<Reason>,
    control: Arc<Control>,
) -> std::io::Result<thread::JoinHandle<()>> {
    let run = move || {
        while let Ok((place, bytes)) = from.recv() {
            if !control.is_stopping() {
                thread::sleep(roster::jitter(place, shards, interval));
            }
            let until = Instant::now() + grace;
            loop {
                match bus.send(place, &bytes) {
                    Ok(()) => break,
                    Err(Failed::Unreachable(_)) if Instant::now() < until && !reason.is_final() => thread::sleep(AGAIN),
                    Err(why) => {
                        reason.set(Ending::Orphaned(why.to_string()));
                        control.stop();
                        return control.stop();
                    }
                }
            }
        }
    };
    thread::Builder::new().name("sender".into()).spawn(run)
}

/// Looks whether the run was ended, or the shard given up.
fn watcher(
    bus: Arc<dyn Bus>,
    claim: &Claim,
    reason: Arc<Reason>,
    control: Arc<Control>,
    over: Arc<AtomicBool>,
) -> std::io::Result<thread::JoinHandle<()>> {
    let claim = Claim { message: claim.message.clone(), ..*claim };
    let run = move || {
        while !over.load(Ordering::SeqCst) {
            if let Some(state) = state(bus.as_ref(), claim.run).filter(|state| state.phase == Phase::Aborted) {
                reason.set(Ending::Aborted(crate::units::printable(&state.reason, 300)));
                return control.stop();
            }
            if claim.is_fenced(bus.as_ref()) {
                reason.set(Ending::Fenced);
                control.stop();
                return control.stop();
            }
            thread::sleep(LOOK);
        }
    };
    thread::Builder::new().name("watcher".into()).spawn(run)
}
