//! One client's way through a [`Score`]: what it says next, what that waits for, and what it says in its own words.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Cast;
use super::Dialogue;
use super::Place;
use super::Reader;
use super::Stage;
use super::score::BINARY;
use super::score::LOAD;
use super::score::NONE;
use super::score::OTHER;
use super::score::READY;
use super::score::Score;
use super::score::Step;
use super::script::BUILT_IN_KINDS;
use super::script::Role;
use super::script::Script;
use crate::profile::Fill;

/// Tells what is drawn for these sends from other draws.
const PLAYED: u64 = 1 << 58;

/// One client's place in a score.
#[derive(Debug)]
pub(super) struct Replay {
    /// The next step.
    next: u32,
    /// When the timetable has its next entry for it.
    wake: u64,
    /// Whether the next step fell due and waits.
    stalled: bool,
    /// Steps that nobody has asked for yet, and when they fell due.
    held: VecDeque<(u32, u64)>,
    /// How often each reply was asked for, and how often it was passed.
    asked: Box<[u32]>,
    passed: Box<[u32]>,
    /// How often each capture came.
    came: Box<[u32]>,
    /// Values that steps to come want, by capture and order.
    values: BTreeMap<(u16, u32), String>,
    /// Whether each reply is said by the trace.
    says: Box<[u32]>,
    /// Sends so far, for what is drawn.
    sent: u64,
}

impl Replay {
    /// The way of client number `client`.
    pub(super) fn new(score: &Score, client: u64, captures: usize) -> Self {
        let part = score.part_of(client);
        let none = || vec![0; part.says.len()].into_boxed_slice();
        Replay {
            next: part.first,
            wake: u64::MAX,
            stalled: false,
            held: VecDeque::new(),
            asked: none(),
            passed: none(),
            came: vec![0; captures].into_boxed_slice(),
            values: BTreeMap::new(),
            says: part.says.clone(),
            sent: 0,
        }
    }

    /// A capture came; kept if a step wants just that.
    pub(super) fn learn(&mut self, score: &Score, client: u64, capture: usize, value: &str) {
        self.came[capture] += 1;
        let key = (capture as u16, self.came[capture]);
        if score.part_of(client).wants.get(&key).is_some_and(|last| self.next != NONE && *last >= self.next) {
            self.values.insert(key, value.to_owned());
        }
    }

    /// Whether the trace says reply number `reply` at all.
    pub(super) fn says(&self, reply: usize) -> bool {
        self.says[reply] > 0
    }
}

/// What a step that fell due has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it may be sent.
    Nothing,
    /// It waits for something the server has to say, and what comes behind it waits too.
    Answer,
    /// It is an answer to something the server has not asked; what comes behind it does not wait.
    Question,
}

impl Dialogue {
    /// The next step and its number.
    pub fn next_step(&self, script: &Script) -> Option<(u32, Step)> {
        let (replay, score) = (self.seldom.replay.as_ref()?, script.score.as_ref()?);
        Some((replay.next, *score.steps.get(replay.next as usize)?))
    }

    /// Passes the next step.
    pub fn pass_step(&mut self, script: &Script) {
        let Some((_, step)) = self.next_step(script) else { return };
        let Some(replay) = &mut self.seldom.replay else { return };
        replay.next = step.next;
        replay.stalled = false;
        if let Some(reply) = reply_of(&step) {
            replay.passed[reply] += 1;
        }
    }

    /// The entry of the timetable for the next step.
    pub fn wakes_at(&self) -> u64 {
        self.seldom.replay.as_ref().map_or(u64::MAX, |replay| replay.wake)
    }

    /// Sets it.
    pub fn set_wake(&mut self, at: u64) {
        if let Some(replay) = &mut self.seldom.replay {
            replay.wake = at;
        }
    }

    /// Whether the next step fell due and waits for an answer.
    #[inline]
    pub fn is_stalled(&self) -> bool {
        self.seldom.replay.as_ref().is_some_and(|replay| replay.stalled)
    }

    /// Notes that it does.
    pub fn stall(&mut self) {
        if let Some(replay) = &mut self.seldom.replay {
            replay.stalled = true;
        }
    }

    /// What step number `index`, the next one, needs before it may be sent.
    pub fn need(&self, script: &Script, step: &Step) -> Need {
        let (Some(replay), Some(score)) = (&self.seldom.replay, &script.score) else { return Need::Nothing };
        if (step.said == LOAD || step.flags & READY != 0) && !self.ready {
            return Need::Answer;
        }
        if step.said == LOAD && !self.is_its_turn(script) {
            return Need::Answer;
        }
        let mut has_capture = false;
        for cut in score.cuts_of(step).iter().filter(|cut| cut.capture > 0) {
            has_capture = true;
            let capture = cut.capture - 1;
            let is_there = match cut.ordinal {
                0 => self.seldom.captured.get(usize::from(capture)).is_some_and(|value| !value.is_empty()),
                ordinal => replay.values.contains_key(&(capture, ordinal)),
            };
            if !is_there {
                return Need::Answer;
            }
        }
        let asked = reply_of(step).filter(|reply| !has_capture && score.asked[usize::from(self.role)][*reply]);
        match asked {
            Some(reply) if replay.asked[reply] <= replay.passed[reply] => Need::Question,
            _ => Need::Nothing,
        }
    }

    /// Keeps the next step, due at `due`, until it is asked for.
    pub fn hold(&mut self, script: &Script, due: u64) {
        if let Some(replay) = &mut self.seldom.replay {
            replay.held.push_back((replay.next, due));
        }
        self.pass_step(script);
    }

    /// Reply number `reply` was asked for: whether it is left to the trace.
    pub fn leaves_to_trace(&mut self, reply: usize) -> bool {
        let Some(replay) = &mut self.seldom.replay else { return false };
        replay.asked[reply] = replay.asked[reply].saturating_add(1);
        replay.asked[reply] <= replay.says[reply]
    }

    /// A step that was held until reply number `reply` was asked for: its number, itself, and when it was due.
    pub fn take_held(&mut self, script: &Script, reply: usize) -> Option<(u32, Step, u64)> {
        let (replay, score) = (self.seldom.replay.as_mut()?, script.score.as_ref()?);
        let is_it = |(index, _): &(u32, u64)| reply_of(&score.steps[*index as usize]) == Some(reply);
        let (index, due) = replay.held.iter().position(is_it).and_then(|at| replay.held.remove(at))?;
        Some((index, score.steps[index as usize], due))
    }

    /// Gives up what is held; how many steps that were.
    pub fn drop_held(&mut self) -> u64 {
        self.seldom.replay.as_mut().map_or(0, |replay| replay.held.drain(..).count() as u64)
    }

    /// Takes a place for a step that is a load; `None` for one that is not.
    pub fn place_step(&mut self, script: &Script, step: &Step, due: u64, now: u64) -> Option<Place> {
        (step.said == LOAD).then(|| self.take_place(script, due, now))
    }

    /// Appends step number `index` to `out`, in this client's words. `line` is the line that the trace has for it, and is
    /// overwritten; `seq` is the number of the send. Whether the line still says a frame.
    #[expect(clippy::too_many_arguments, reason = "what a lane lends is taken apart")]
    pub fn write_step(
        &mut self,
        script: &Script,
        reader: &mut Reader,
        line: &mut [u8],
        (index, step): (u32, &Step),
        seq: Option<u64>,
        now: u64,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(score) = &script.score else { return false };
        let is_binary = step.flags & BINARY != 0;
        let written = reader.read(line, |fields| {
            let text = fields.inner("sent", if is_binary { "binary" } else { "text" })?;
            if is_binary {
                return STANDARD.decode_vec(text, out).ok();
            }
            self.write_text(script, score, (index, step), seq, now, text.as_bytes(), out)
        });
        matches!(written, Ok(Some(())))
    }

    #[expect(clippy::too_many_arguments, reason = "what a lane lends is taken apart")]
    fn write_text(
        &mut self,
        script: &Script,
        score: &Score,
        (index, step): (u32, &Step),
        seq: Option<u64>,
        now: u64,
        text: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let mut at = 0;
        for cut in score.cuts_of(step) {
            out.extend_from_slice(text.get(at..cut.from as usize)?);
            let key = (cut.capture.wrapping_sub(1), cut.ordinal);
            let is_mapped = cut.capture > 0 && cut.ordinal > 0;
            if is_mapped {
                self.swap_capture(key);
            }
            self.write_cut(script, score, cut.bound, seq, now, out);
            if is_mapped {
                self.swap_capture(key);
            }
            at = cut.to as usize;
        }
        for cut in score.cuts_of(step).iter().filter(|cut| cut.capture > 0 && cut.ordinal > 0) {
            self.forget(score, (cut.capture - 1, cut.ordinal), index);
        }
        out.extend_from_slice(text.get(at..)?);
        Some(())
    }

    fn write_cut(&self, script: &Script, score: &Score, bound: u16, seq: Option<u64>, now: u64, out: &mut Vec<u8>) {
        let sent = self.seldom.replay.as_ref().map_or(0, |replay| replay.sent);
        let turn = seq.map_or(PLAYED | sent, |seq| PLAYED << 1 | seq);
        let seq = seq.unwrap_or(sent);
        let fill = Fill { id: script.key_of(self.client(), seq), seq, ..self.fill(script, now, turn) };
        score.bounds[usize::from(bound)].render(out, &fill);
    }

    /// Puts the value that a step wants in the place of the latest of its capture, and back.
    fn swap_capture(&mut self, key: (u16, u32)) {
        let seldom = &mut *self.seldom;
        let value = seldom.replay.as_mut().and_then(|replay| replay.values.get_mut(&key));
        if let (Some(value), Some(place)) = (value, seldom.captured.get_mut(usize::from(key.0))) {
            std::mem::swap(value, place);
        }
    }

    /// Forgets a value that no step behind `index` wants.
    fn forget(&mut self, score: &Score, key: (u16, u32), index: u32) {
        let is_last = score.part_of(self.client()).wants.get(&key).is_none_or(|last| *last <= index);
        if let Some(replay) = self.seldom.replay.as_mut().filter(|_| is_last) {
            replay.values.remove(&key);
        }
    }

    /// A step that is no load was written at `at`; `due` is when it was to be.
    pub fn step_sent(&mut self, stage: &mut Stage<'_>, said: u16, due: u64, at: u64) {
        let script = stage.script;
        stage.tally.counts.sent += 1;
        stage.tally.counts.no_answer_expected += 1;
        stage.tally.phase(script.phase_of(due)).lag.record(at.saturating_sub(due));
        if let Some(replay) = &mut self.seldom.replay {
            replay.sent += 1;
        }
        match usize::from(said).checked_sub(1).filter(|_| said != OTHER) {
            Some(reply) => self.reply_sent(stage, reply, due, false, at),
            None => stage.tally.counts.messages_out[script.unmatched()] += 1,
        }
    }
}

impl Script {
    /// Has clients play `score`, which was compiled with this script: each connection of it is a client of a group, where the
    /// profile has groups.
    ///
    /// # Errors
    /// When it has more connections than a group may have.
    pub fn play(&mut self, score: Arc<Score>) -> Result<(), String> {
        if self.roles.len() > 1 || self.cast.group() > 1 {
            let roles: Vec<usize> = score.parts.iter().map(|part| part.role).collect();
            self.cast = Cast::of(std::mem::take(&mut self.cast.names), &roles)?;
            self.fan_out();
        }
        self.score = Some(score);
        Ok(())
    }

    /// The recorded conversation that is played, if one is.
    pub fn score(&self) -> Option<&Arc<Score>> {
        self.score.as_ref()
    }

    /// Index of the kind of sent messages that are none of the profile's, when a trace is played.
    pub(super) fn unmatched(&self) -> usize {
        self.out_kinds.len() - BUILT_IN_KINDS.len() - 1
    }

    /// Whether messages heard in `role` tell anything that later ones need.
    pub(super) fn tells(&self, role: &Role) -> bool {
        let mut meanings = role.tags.iter().map(|(_, index)| index).chain(&role.untagged);
        role.waits_for_ready || meanings.any(|index| !self.meanings[*index].captures.is_empty())
    }

    /// By reply: whether something asks for it in `role`.
    pub(super) fn asked(&self, role: usize) -> Vec<bool> {
        let role = &self.roles[role];
        let meanings = role.tags.iter().map(|(_, index)| *index).chain(role.untagged.iter().chain(&role.binaries).copied());
        let mut asked = vec![false; self.replies.len()];
        meanings.filter_map(|index| self.meanings[index].reply).for_each(|reply| asked[reply] = true);
        role.starts.iter().for_each(|reply| asked[*reply] = true);
        role.load.iter().filter_map(|load| load.next).for_each(|reply| asked[reply] = true);
        self.replies.iter().filter_map(|reply| reply.next).for_each(|reply| asked[reply] = true);
        // What is also said at a beat comes unasked.
        role.beats.iter().for_each(|beat| asked[self.beats[*beat].reply] = false);
        asked
    }

    /// The state a client is in once it has said what [`Step::said`](super::score::Step) tells.
    pub(super) fn state_after(&self, role: usize, said: u16) -> Option<u8> {
        match said {
            LOAD => self.roles[role].load.as_ref()?.then,
            said => self.replies.get(usize::from(said) - 1)?.then,
        }
    }
}

impl Step {
    /// What it is: for whoever carries it.
    pub fn said(&self) -> u16 {
        self.said
    }

    /// Whether it is a send of the load.
    pub fn is_load(&self) -> bool {
        self.said == LOAD
    }

    /// Whether it is a binary message.
    pub fn is_binary(&self) -> bool {
        self.flags & BINARY != 0
    }
}

fn reply_of(step: &Step) -> Option<usize> {
    usize::from(step.said).checked_sub(1).filter(|_| step.said != OTHER)
}
