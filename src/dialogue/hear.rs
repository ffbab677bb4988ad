//! What a message of the server means to a client.

use super::Dialogue;
use super::Effect;
use super::Match;
use super::Next;
use super::Stage;
use super::crossing::Sight;
use super::pending::Pending;
use super::read::Fields;
use super::resume::Heard;
use super::script::Meaning;
use super::script::Role;
use super::script::Script;
use crate::profile::Class;
use crate::profile::From;
use crate::tally::Fault;
use crate::tally::Phase;
use crate::tally::Sample;

/// What another client of the group sent was seen: to be settled with that client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cross {
    /// Its series.
    pub series: usize,
    /// Kind of the message seen.
    pub kind: usize,
    /// Key of the send; without one it is the oldest that this client has not seen.
    pub key: Option<u64>,
    /// Whether it was asked for again after a loss.
    pub replayed: bool,
    /// When it was seen.
    pub done: u64,
}

/// What was found in a message.
struct Found {
    meaning: usize,
    key: Option<u64>,
    position: Option<u64>,
    value: Option<f64>,
}

impl Dialogue {
    /// A text message arrived, complete at `done`. Its bytes are overwritten.
    #[inline]
    pub fn message(&mut self, stage: &mut Stage<'_>, message: &mut [u8], done: u64) -> Next {
        let (script, state) = (stage.script, self.state);
        let role = &script.roles[usize::from(self.role)];
        if role.reads_nothing {
            return self.unread(stage, &role.untagged, done);
        }
        let (captured, replay, client) = (&mut self.seldom.captured, &mut self.seldom.replay, u64::from(self.client));
        let read = stage.reader.read(message, |fields| {
            let index = script.meaning(role, state, fields)?;
            let meaning = &script.meanings[index];
            for (capture, pointer) in &meaning.captures {
                if let Some(text) = fields.text(pointer) {
                    if let (Some(replay), Some(score)) = (replay.as_mut(), &script.score) {
                        replay.learn(score, client, *capture, &text);
                    }
                    captured[*capture] = text;
                }
            }
            Some(Found {
                meaning: index,
                key: meaning.key.as_ref().and_then(|pointer| fields.key(pointer)),
                position: meaning.position.as_ref().and_then(|pointer| fields.key(pointer)),
                value: meaning.gauge.as_ref().and_then(|(_, pointer, _)| fields.number(pointer)),
            })
        });
        match read {
            Ok(Some(found)) => self.understood(stage, &found, done),
            Ok(None) | Err(_) => self.not_understood(stage),
        }
    }

    /// A binary message arrived, complete at `done`. It is not read.
    pub fn binary(&mut self, stage: &mut Stage<'_>, message: &mut [u8], done: u64) -> Next {
        let role = &stage.script.roles[usize::from(self.role)];
        // Servers that send text as binary frames are understood where the profile knows no binary messages.
        if role.binaries.is_empty() { self.message(stage, message, done) } else { self.unread(stage, &role.binaries, done) }
    }

    /// A message of which nothing has to be read: the first of `kinds` that the state admits.
    fn unread(&mut self, stage: &mut Stage<'_>, kinds: &[usize], done: u64) -> Next {
        match kinds.iter().copied().find(|index| stage.script.meanings[*index].is_of(self.state)) {
            Some(meaning) => self.understood(stage, &Found { meaning, key: None, position: None, value: None }, done),
            None => self.not_understood(stage),
        }
    }

    fn not_understood(&self, stage: &mut Stage<'_>) -> Next {
        stage.tally.counts.messages_in[stage.script.in_built_in(3)] += 1;
        stage.tally.fault(Fault::Unparsed);
        Next::Nothing
    }

    fn understood(&mut self, stage: &mut Stage<'_>, found: &Found, done: u64) -> Next {
        let script = stage.script;
        let meaning = &script.meanings[found.meaning];
        stage.tally.counts.messages_in[meaning.kind] += 1;
        let replayed = if meaning.plain { false } else { self.more(stage, meaning, found, done) };
        let mut next = Next::Nothing;
        for &series in &meaning.answers {
            if self.answer(stage, meaning, series, found.key, replayed, done) {
                next = Next::Answered;
            }
        }
        // Behind the answers: what opens now is not answered by what opens it.
        for &series in &meaning.cancels {
            if let Some(place) = script.singles[series] {
                self.seldom.singles[place].open = false;
            }
        }
        for &series in &meaning.opens {
            self.open_single(stage, series, (done, done), !self.ready);
        }
        next
    }

    /// What a message means besides being an answer; whether it was replayed.
    fn more(&mut self, stage: &mut Stage<'_>, meaning: &Meaning, found: &Found, done: u64) -> bool {
        let replayed = found.position.is_some_and(|position| self.position(stage, meaning, position, done));
        if let (Some((series, _, unit)), Some(value)) = (&meaning.gauge, found.value) {
            let value = (value * *unit as f64).max(0.0) as u64;
            self.record(stage, *series, meaning.kind, done, value);
        }
        if let Some((series, place)) = meaning.cadence {
            let before = std::mem::replace(&mut self.seldom.cadences[place], done);
            if before > 0 {
                self.record(stage, series, meaning.kind, done, done.saturating_sub(before));
            }
        }
        if let (Some(series), Some(key)) = (meaning.spread, found.key) {
            stage.effects.push(Effect::Spread(series, meaning.kind, key));
        }
        if let Some(state) = meaning.then {
            self.state = state;
        }
        for &beat in &meaning.begins {
            self.begin_beat(stage, beat);
        }
        if meaning.ready && !self.ready {
            self.ready = true;
            let opened = self.seldom.opened_at;
            stage.tally.answered(Phase::Measure, stage.script.ready(), meaning.kind, Sample { due: opened, sent: opened, done });
            self.begin_beats(stage, From::Ready);
            stage.effects.push(Effect::Ready);
        }
        if let Some(reply) = meaning.reply {
            if self.seldom.replies.admits(done) {
                stage.effects.push(Effect::Say(reply));
            } else {
                stage.tally.fault(Fault::PingFlood);
                stage.effects.push(Effect::Flooded);
            }
        }
        replayed
    }

    /// A message with a position: whether it was replayed.
    fn position(&mut self, stage: &mut Stage<'_>, meaning: &Meaning, position: u64, done: u64) -> bool {
        let Some(resume) = stage.script.roles[usize::from(self.role)].resume else { return false };
        match self.seldom.position.heard(position) {
            Heard::Live => false,
            Heard::Gap => {
                stage.effects.push(Effect::Say(resume.ask));
                false
            }
            Heard::Outside => {
                stage.tally.counts.unsolicited += 1;
                true
            }
            Heard::Replayed { asked_at, first } => {
                stage.tally.counts.replayed += 1;
                let took = done.saturating_sub(asked_at);
                for series in resume.first.filter(|_| first).into_iter().chain(resume.each) {
                    self.record(stage, series, meaning.kind, done, took);
                }
                true
            }
        }
    }

    /// Records a time that ended at `done`.
    fn record(&self, stage: &mut Stage<'_>, series: usize, kind: usize, done: u64, time: u64) {
        stage.tally.answered(stage.script.phase_of(done), series, kind, Sample { due: 0, sent: 0, done: time });
    }

    /// A message answers `series`; whether an exchange of the load ended with it.
    fn answer(&mut self, stage: &mut Stage<'_>, meaning: &Meaning, series: usize, key: Option<u64>, replayed: bool, done: u64) -> bool {
        let script = stage.script;
        let class = script.series[series].class;
        let group = script.cast.group();
        let is_own = key.is_none_or(|key| key % group == script.cast.place(self.client()) as u64);
        if class == Class::Cross {
            // A key that would be our own although we send nothing in the series is no key that was sent.
            if key.is_none() || !is_own || self.seldom.crossing.is_none() {
                stage.effects.push(Effect::Cross(Cross { series, kind: meaning.kind, key, replayed, done }));
            }
            return false;
        }
        if class == Class::Keyed && !is_own {
            return false;
        }
        let load = script.roles[usize::from(self.role)].load.as_ref();
        if load.is_some_and(|load| load.series == Some(series)) {
            return self.load_answer(stage, series, meaning.kind, key.map(|key| key / group), done);
        }
        if let Some(place) = load.and_then(|load| load.also.iter().position(|also| *also == series)) {
            self.also_answer(stage, place, series, meaning.kind, key.map(|key| key / group), done);
        } else {
            self.single_answer(stage, series, meaning.kind, done);
        }
        false
    }

    fn load_answer(&mut self, stage: &mut Stage<'_>, series: usize, kind: usize, key: Option<u64>, done: u64) -> bool {
        let Some(matched) = matched(&mut self.pending, stage.script, series, key) else {
            stage.tally.fault(Fault::Unparsed);
            return false;
        };
        let counts = &mut stage.tally.counts;
        match matched {
            Match::Answers(waiting) => {
                let sample = Sample { due: waiting.due, sent: waiting.sent, done };
                if sample.response() > stage.script.bounds.timeout {
                    counts.late += 1;
                } else {
                    counts.answered += 1;
                }
                stage.tally.answered(stage.script.phase_of(sample.due), series, kind, sample);
                return true;
            }
            Match::Duplicate => counts.duplicate += 1,
            Match::Unsolicited => counts.unsolicited += 1,
        }
        false
    }

    /// An answer in a further series of the load. What does not fit is counted by the first series.
    fn also_answer(&mut self, stage: &mut Stage<'_>, place: usize, series: usize, kind: usize, key: Option<u64>, done: u64) {
        if let Some(Match::Answers(waiting)) = matched(&mut self.seldom.also[place].0, stage.script, series, key) {
            let sample = Sample { due: waiting.due, sent: waiting.sent, done };
            stage.tally.answered(stage.script.phase_of(sample.due), series, kind, sample);
        }
    }

    fn single_answer(&mut self, stage: &mut Stage<'_>, series: usize, kind: usize, done: u64) {
        match stage.script.singles[series].map(|place| &mut self.seldom.singles[place]) {
            Some(single) if single.open => {
                single.open = false;
                let sample = Sample { due: single.due, sent: single.sent, done };
                stage.tally.answered(single.phase(stage.script), series, kind, sample);
            }
            _ => stage.tally.counts.unsolicited += 1,
        }
    }

    /// The oldest send of the load that the client at `place` of the group has not seen: when it was due, and its
    /// number.
    pub fn oldest_unseen(&self, place: usize) -> Option<(u64, u64)> {
        self.seldom.crossing.as_ref()?.oldest_unseen(place).map(|(seq, due)| (due, seq))
    }

    /// Another client, at `place` of the group, has seen what this one sent: send `seq` of its load, or without a
    /// number what it said last. Whether there was such a send.
    pub fn seen(&mut self, stage: &mut Stage<'_>, cross: Cross, seq: Option<u64>, place: usize) -> bool {
        let script = stage.script;
        let own = script.singles[cross.series].filter(|single| self.seldom.singles[*single].open);
        if let (Some(single), None) = (own, seq) {
            let single = std::mem::take(&mut self.seldom.singles[single]);
            let sample = Sample { due: single.due, sent: single.sent, done: cross.done };
            stage.tally.answered(single.phase(script), cross.series, cross.kind, sample);
            return true;
        }
        let (Some(crossing), Some(seq)) = (&mut self.seldom.crossing, seq) else { return false };
        match crossing.seen(seq, place, cross.done, !cross.replayed) {
            Sight::First { seq, due, sent, complete } => {
                self.first_seen(stage, cross, Sample { due, sent, done: cross.done }, complete.then_some(seq));
                true
            }
            Sight::Again => {
                stage.tally.counts.duplicate += 1;
                true
            }
            Sight::Unknown => false,
        }
    }

    /// A send was seen by somebody for the first time; `complete` is its number when all have seen it.
    fn first_seen(&mut self, stage: &mut Stage<'_>, cross: Cross, sample: Sample, complete: Option<u64>) {
        let script = stage.script;
        if cross.replayed {
            stage.tally.counts.recovered += 1;
        } else {
            stage.tally.answered(script.phase_of(sample.due), cross.series, cross.kind, sample);
        }
        let is_primary = script.roles[usize::from(self.role)].load.as_ref().is_some_and(|load| load.series == Some(cross.series));
        if complete.is_some() {
            self.seldom.tell_fates(stage, usize::from(self.role));
        }
        let Some(seq) = complete.filter(|_| is_primary) else { return };
        if let Match::Answers(waiting) = self.pending.answer_to(seq) {
            let is_late = cross.done.saturating_sub(waiting.due) > script.bounds.timeout;
            let counts = &mut stage.tally.counts;
            *(if is_late { &mut counts.late } else { &mut counts.answered }) += 1;
        }
    }
}

/// What an answer with `key` is to sends of `series`; `None` when it should have a key and has none.
fn matched(pending: &mut Pending, script: &Script, series: usize, key: Option<u64>) -> Option<Match> {
    match (script.series[series].class, key) {
        (Class::Keyed, Some(key)) => Some(pending.answer_to(key)),
        (Class::Keyed, None) => None,
        _ => Some(pending.answer_in_order()),
    }
}

impl Meaning {
    #[inline]
    fn is_of(&self, state: u8) -> bool {
        self.states.is_empty() || self.states.contains(&state)
    }

    #[inline]
    fn fits(&self, state: u8, fields: &Fields<'_>) -> bool {
        self.is_of(state) && self.conditions.iter().all(|(pointer, wanted)| fields.is(pointer, wanted))
    }
}

impl Script {
    /// The meaning of a message to a client of `role` in `state`.
    #[inline]
    pub(super) fn meaning(&self, role: &Role, state: u8, fields: &Fields<'_>) -> Option<usize> {
        if self.spellings.is_empty() {
            return role.untagged.iter().copied().find(|index| self.meanings[*index].fits(state, fields));
        }
        let tag = fields.tag(&self.spellings)?;
        let fits = |(value, index): &&(_, usize)| tag.is(value) && self.meanings[*index].fits(state, fields);
        role.tags.iter().find(fits).map(|(_, index)| *index)
    }

    /// Whether clients of `role` see what others send in `series`.
    pub(super) fn sees(&self, role: usize, series: usize) -> bool {
        let answers = |index: &usize| self.meanings[*index].answers.contains(&series);
        let role = &self.roles[role];
        role.tags.iter().map(|(_, index)| index).chain(&role.untagged).chain(&role.binaries).any(answers)
    }
}
