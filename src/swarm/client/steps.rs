//! Steps of a trace: sent when they are due, or once what has to come before them has come.

use super::Client;
use super::State;
use crate::dialogue::Need;
use crate::dialogue::Place;
use crate::dialogue::Script;
use crate::dialogue::Step;
use crate::plan::Plan;
use crate::swarm::desk::Carried;
use crate::swarm::desk::Desk;
use crate::swarm::desk::Note;
use crate::tally::Fault;
use crate::tally::NotOffered;
use crate::units::MILLI;

impl Client {
    /// When the timetable has its next entry for the client.
    pub(in crate::swarm) fn wakes_at(&self) -> u64 {
        self.dialogue.wakes_at()
    }

    /// When the first step is due; it is entered then.
    pub(in crate::swarm) fn first_step(&mut self, plan: &Plan, script: &Script) -> Option<u64> {
        let due = self.step_due(plan, script)?.2;
        self.dialogue.set_wake(due);
        Some(due)
    }

    /// The next step, its number, and when it is due, within the measured time.
    fn step_due(&self, plan: &Plan, script: &Script) -> Option<(u32, Step, u64)> {
        let (index, step) = self.dialogue.next_step(script)?;
        let due = plan.trace.as_ref()?.due(self.dialogue.client(), step.at_ns, plan.measure_from(), plan.ramp);
        (due < plan.measure_until().0).then_some((index, step, due))
    }

    /// Sends the steps that are due at `now`; when to look again, which the timetable is to be told.
    pub(in crate::swarm) fn steps_due(&mut self, desk: &mut Desk, now: u64) -> Option<u64> {
        // What stands behind a step that waited was kept back by the same answer.
        let mut waited = self.dialogue.is_stalled();
        let wake = loop {
            let Some((index, step, due)) = self.step_due(&desk.plan, &desk.script) else { break None };
            if due > now {
                break Some(due);
            }
            if let Some(why) = self.refusal() {
                self.dialogue.pass_step(&desk.script);
                not_offered(desk, why);
                continue;
            }
            match self.dialogue.need(&desk.script, &step) {
                Need::Nothing => {
                    self.dialogue.pass_step(&desk.script);
                    self.play_step(desk, index, &step, due, waited.then_some(now));
                }
                Need::Question => self.dialogue.hold(&desk.script, due),
                Need::Answer if now >= due.saturating_add(desk.plan.timeout.0) => {
                    self.dialogue.pass_step(&desk.script);
                    not_offered(desk, NotOffered::Awaited);
                    waited = true;
                }
                Need::Answer => {
                    self.dialogue.stall();
                    break Some((due + desk.plan.timeout.0).next_multiple_of(MILLI));
                }
            }
        };
        self.dialogue.set_wake(wake.unwrap_or(u64::MAX));
        wake
    }

    /// Something was heard: what waited for it is sent.
    pub(in crate::swarm) fn play_on(&mut self, desk: &mut Desk) {
        if !self.dialogue.is_stalled() {
            return;
        }
        let (before, now) = (self.dialogue.wakes_at(), desk.clock.now());
        if let Some(at) = self.steps_due(desk, now).filter(|at| *at != before) {
            desk.note(self.dialogue.client(), Note::Step { at });
        }
    }

    /// Reply number `reply` was asked for, and the trace says it: at once, if it was due before.
    pub(super) fn play_held(&mut self, desk: &mut Desk, reply: usize) {
        if let Some((index, step, due)) = self.dialogue.take_held(&desk.script, reply) {
            let now = desk.clock.now();
            match self.refusal() {
                Some(why) => not_offered(desk, why),
                None => self.play_step(desk, index, &step, due, Some(now)),
            }
        }
    }

    /// Why nothing can be sent now.
    fn refusal(&self) -> Option<NotOffered> {
        match self.state {
            State::Absent(why) => Some(why),
            State::Closing | State::Done => Some(NotOffered::Disconnected),
            State::Open if self.outbox.as_ref().is_some_and(|o| o.is_full()) => Some(NotOffered::BackPressure),
            State::Open => None,
        }
    }

    /// Sends a step that was due at `due`. One that waited for an answer is due when that has come, unless that is behind the
    /// measured time.
    fn play_step(&mut self, desk: &mut Desk, index: u32, step: &Step, due: u64, waited: Option<u64>) {
        let due = waited.filter(|at| *at < desk.plan.measure_until().0).map_or(due, |at| at.max(due));
        desk.tally.counts.waited += u64::from(waited.is_some());
        let now = desk.clock.now();
        let place = self.dialogue.place_step(&desk.script, step, due, now);
        let seq = match place {
            Some(Place::Full) => return not_offered(desk, NotOffered::Window),
            Some(Place::Taken { seq, given_up }) => {
                desk.tally.counts.unanswered += given_up;
                Some(seq)
            }
            None => None,
        };
        if !self.write_step(desk, (index, step), seq, now) {
            seq.into_iter().for_each(|seq| self.dialogue.load_failed(seq));
            return not_offered(desk, NotOffered::Awaited);
        }
        desk.tally.counts.planned += 1;
        let binary = step.is_binary();
        self.transmit(desk, seq.map_or(Carried::Played { said: step.said(), due, binary }, |seq| Carried::Load { seq, due, binary }));
        if !desk.effects.is_empty() {
            self.act(desk, now);
        }
    }

    /// Lays down the payload of a step.
    fn write_step(&mut self, desk: &mut Desk, (index, step): (u32, &Step), seq: Option<u64>, now: u64) -> bool {
        desk.payload.clear();
        let read = match &mut desk.pages {
            Some(pages) => pages.read(step.offset, step.bytes as usize, &mut desk.line).map_err(|e| e.to_string()),
            None => Err("there is none".to_owned()),
        };
        let (script, reader, line, payload) = (&desk.script, &mut desk.reader, &mut desk.line, &mut desk.payload);
        let written = read.and_then(|()| {
            let is_whole = self.dialogue.write_step(script, reader, line, (index, step), seq, now, payload);
            is_whole.then_some(()).ok_or_else(|| "it was changed while it was played".to_owned())
        });
        if let Err(why) = &written {
            desk.fault(Fault::Io, &format!("a frame of the trace could not be read again: {why}"));
        }
        written.is_ok()
    }

    /// The load is over: counts the steps due before `until` that were not sent.
    pub(in crate::swarm) fn never_played(&mut self, desk: &mut Desk, until: u64) {
        desk.tally.counts.unasked += self.dialogue.drop_held();
        while self.step_due(&desk.plan, &desk.script).is_some_and(|(.., due)| due < until) {
            self.dialogue.pass_step(&desk.script);
            not_offered(desk, NotOffered::Awaited);
        }
    }
}

/// Counts a step that is not sent.
fn not_offered(desk: &mut Desk, why: NotOffered) {
    desk.tally.counts.planned += 1;
    desk.tally.counts.not_offered[why as usize] += 1;
}
