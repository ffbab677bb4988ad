//! The kernel's round trips: once in each second of the record, one thread asks the kernel for those of all connections
//! that are open, and hands them to the collector as a lane hands over its second.
//!
//! It asks in the middle of a second, so that neither a late wake-up nor a long answer moves a figure into another. No lane
//! has any part in it: the dialer tells which sockets are ours.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use crate::dialogue::Script;
use crate::plan::Plan;
use crate::tally::Connections;
use crate::tally::FaultTexts;
use crate::tally::LaneHealth;
use crate::tally::Slice;
use crate::tally::Tally;
use crate::units::Nanos;
use crate::units::SECOND;
use crate::wire::Clock;
use crate::wire::Routes;
use crate::wire::clock;
use crate::wire::rtt::RoundTrips;

/// A socket that was not told of in so many rounds is not asked about any more.
const ROUNDS: u32 = 3;
/// How long after its instant a round must be over: so much later at most is a second of the record closed.
const PATIENCE: u64 = 2 * SECOND;

/// Begins to ask, if the plan says so and the kernel answers; where to tell the inodes of sockets. It ends when nobody can
/// tell any more.
///
/// # Errors
/// When the thread cannot be made.
pub(super) fn watch(
    plan: &Arc<Plan>,
    script: &Arc<Script>,
    routes: &Routes,
    clock: Clock,
    slices: Sender<Slice>,
    spare: Receiver<Box<Tally>>,
) -> io::Result<Option<Sender<u32>>> {
    // Whoever started the run has said that there will be nothing to see.
    let (Some(series), Ok(kernel)) = (script.tcp_rtt(), RoundTrips::open()) else { return Ok(None) };
    let (told, opened) = mpsc::channel();
    let tally = Box::new(Tally::new(script.width()));
    let (plan, script, peer) = (plan.clone(), script.clone(), routes.target.address);
    let ours = Ours::default();
    let watch = Watch { plan, script, series, clock, peer, kernel: Some(kernel), opened, ours, tally, slices, spare };
    thread::Builder::new().name("hops".into()).spawn(move || watch.play())?;
    Ok(Some(told))
}

/// The sockets of the run, by inode, with the last round in which the kernel told of each.
#[derive(Debug, Default)]
struct Ours {
    last: HashMap<u32, u32>,
    round: u32,
}

impl Ours {
    fn opened(&mut self, inode: u32) {
        self.last.insert(inode, self.round);
    }

    fn next_round(&mut self) {
        self.round += 1;
        self.last.retain(|_, last| self.round - *last <= ROUNDS);
    }

    /// Whether a socket is ours and is told of for the first time in this round.
    fn is_new(&mut self, inode: u32) -> bool {
        self.last.get_mut(&inode).is_some_and(|last| std::mem::replace(last, self.round) != self.round)
    }
}

/// Whoever asks.
struct Watch {
    plan: Arc<Plan>,
    script: Arc<Script>,
    /// Series of the smoothed and of the shortest round trips.
    series: [usize; 2],
    clock: Clock,
    /// Where all sockets are connected to.
    peer: SocketAddr,
    /// The way to the kernel, while it answers.
    kernel: Option<RoundTrips>,
    /// Inodes of sockets as they are opened; the dialer paces them.
    opened: Receiver<u32>,
    ours: Ours,
    tally: Box<Tally>,
    slices: Sender<Slice>,
    spare: Receiver<Box<Tally>>,
}

impl Watch {
    fn play(mut self) {
        self.clock.sleep_until(0);
        let (mut from, mut goes_on) = (0, true);
        while goes_on {
            let until = self.plan.boundary_after(Nanos(from)).0;
            let middle = from + (until - from) / 2;
            goes_on = self.wait(middle);
            if goes_on {
                self.ask(middle);
                goes_on = self.wait(until);
            }
            if self.clock.now() >= until {
                self.hand_over(until, false);
            }
            from = until;
        }
        self.hand_over(u64::MAX, true);
    }

    /// Learns of sockets until `instant`; whether the load goes on.
    fn wait(&mut self, instant: u64) -> bool {
        loop {
            let left = instant.saturating_sub(self.clock.now());
            match self.opened.recv_timeout(Duration::from_nanos(left)) {
                Ok(inode) => self.ours.opened(inode),
                Err(RecvTimeoutError::Timeout) if self.clock.now() < instant => {}
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Asks the kernel in the name of the instant `due`; not at all when that has passed by long.
    fn ask(&mut self, due: u64) {
        let within = Duration::from_nanos((due + PATIENCE).saturating_sub(self.clock.now()));
        let Some(kernel) = self.kernel.as_mut().filter(|_| !within.is_zero()) else { return };
        self.ours.next_round();
        let (ours, all) = (&mut self.ours, &mut self.tally.phase(self.script.phase_of(due)).series);
        let asked = kernel.each(self.peer, within, |found| {
            if !ours.is_new(found.inode) {
                return;
            }
            let times = [Some(found.smoothed), found.least];
            for (series, time) in self.series.into_iter().zip(times).filter_map(|(series, time)| Some((series, time?))) {
                all[series].response.record(time);
                all[series].service.record(time);
            }
        });
        // One that was slow may be quicker next time.
        if asked.is_err_and(|e| e.kind() != io::ErrorKind::TimedOut) {
            self.kernel = None;
        }
    }

    /// Hands what was told to the collector.
    fn hand_over(&mut self, boundary_ns: u64, last: bool) {
        let fresh = self.spare.try_recv().unwrap_or_else(|_| Box::new(Tally::new(self.script.width())));
        let slice = Slice {
            lane: self.plan.lanes as usize,
            boundary_ns,
            tally: std::mem::replace(&mut self.tally, fresh),
            connections: Connections::default(),
            fault_texts: FaultTexts::new(),
            health: LaneHealth { process_cpu_ns: clock::process_cpu(), ..LaneHealth::default() },
            last,
        };
        // The collector outlives whoever hands it slices.
        let _ = self.slices.send(slice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ours_are_counted_and_each_once_a_round() {
        let mut ours = Ours::default();
        ours.opened(7);
        ours.next_round();
        assert_eq!([7, 7, 8].map(|inode| ours.is_new(inode)), [true, false, false]);
        ours.opened(8);
        ours.next_round();
        assert_eq!([8, 7, 7].map(|inode| ours.is_new(inode)), [true, true, false]);
    }

    #[test]
    fn sockets_that_are_gone_are_forgotten() {
        let mut ours = Ours::default();
        (0..1_000).for_each(|inode| ours.opened(inode));
        for _ in 0..ROUNDS {
            ours.next_round();
            assert!(ours.is_new(1));
            assert_eq!(ours.last.len(), 1_000);
        }
        ours.next_round();
        assert_eq!(ours.last.len(), 1);
    }
}
