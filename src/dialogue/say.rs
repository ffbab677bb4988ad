//! What a client says: its load, and what it says besides.

use super::Dialogue;
use super::Effect;
use super::Place;
use super::Single;
use super::Stage;
use super::draw;
use super::script::Every;
use super::script::Making;
use super::script::Script;
use crate::profile::Fill;
use crate::profile::From;
use crate::profile::Lost;
use crate::units::MILLI;
use crate::units::SECOND;

/// What is drawn for a client: for the jitter of beats, and for what it says.
const BEATS: u64 = 1 << 62;
const REPLIES: u64 = 1 << 61;

impl Dialogue {
    /// Takes a place for a load send due at `due` and appends its message to `out`. `now` bounds what
    /// has lapsed.
    #[inline]
    pub fn load(&mut self, script: &Script, due: u64, now: u64, out: &mut Vec<u8>) -> Place {
        let Some(load) = &script.roles[usize::from(self.role)].load else { return Place::Full };
        let place = self.take_place(script, due, now);
        if let Place::Taken { seq, .. } = place {
            let id = script.key_of(self.client(), seq);
            match &load.making {
                Making::Text(bound) if load.plain => {
                    bound.render(out, &Fill { client: u64::from(self.client), id, pad_to: load.pad_to(seq), ..Fill::default() });
                }
                making => {
                    let sound = script.piece(making.piece().unwrap_or(load.pad_to[0]), seq);
                    make(making, out, &Fill { id, seq, sound, pad_to: load.pad_to(seq), ..self.fill(script, now, id) });
                }
            }
        }
        place
    }

    /// Takes a place for a load send due at `due`.
    #[inline]
    pub(super) fn take_place(&mut self, script: &Script, due: u64, now: u64) -> Place {
        let Some(load) = &script.roles[usize::from(self.role)].load else { return Place::Full };
        let place = if load.series.is_some() {
            self.pending.take(due, load.window, now.saturating_sub(script.bounds.timeout))
        } else {
            Place::Taken { seq: self.pending.pass(), given_up: 0 }
        };
        if let Place::Taken { seq, .. } = place
            && (load.cross.is_some() || !load.also.is_empty())
        {
            self.take_more(script, seq, due, now);
        }
        place
    }

    /// Places of a send in further series.
    fn take_more(&mut self, script: &Script, seq: u64, due: u64, now: u64) {
        let before = now.saturating_sub(script.bounds.timeout);
        for (pending, lost) in &mut self.seldom.also {
            *lost += pending.put(seq, due, script.bounds.window, before);
        }
        if let Some(crossing) = &mut self.seldom.crossing {
            crossing.put(seq, due);
        }
    }

    /// Whether the load is a binary message, and the HTTP request made in its place.
    pub fn load_way(&self, script: &Script) -> (bool, Option<usize>) {
        let load = script.roles[usize::from(self.role)].load.as_ref();
        load.map_or((false, None), |load| (load.making.is_binary(), load.http))
    }

    /// The load send `seq` was written at `at`.
    #[inline]
    pub fn load_sent(&mut self, stage: &mut Stage<'_>, seq: u64, due: u64, at: u64) {
        let script = stage.script;
        let Some(load) = &script.roles[usize::from(self.role)].load else { return };
        let counts = &mut stage.tally.counts;
        counts.sent += 1;
        if load.http.is_none() {
            counts.messages_out[load.kind] += 1;
        }
        if load.series.is_some() {
            self.pending.sent(seq, at);
        } else {
            counts.no_answer_expected += 1;
        }
        if load.cross.is_some() || !load.also.is_empty() {
            self.seldom.also.iter_mut().for_each(|(pending, _)| pending.sent(seq, at));
            if let Some(crossing) = &mut self.seldom.crossing {
                crossing.sent(seq, at);
            }
            self.seldom.tell_fates(stage, usize::from(self.role));
        }
        self.state = load.then.unwrap_or(self.state);
        stage.effects.extend(load.next.map(Effect::Say));
        self.seldom_moved(load.moves);
        stage.tally.phase(script.phase_of(due)).lag.record(at.saturating_sub(due));
    }

    #[inline]
    fn seldom_moved(&mut self, moves: bool) {
        if moves {
            self.seldom.plies += 2;
        }
    }

    /// The load send `seq`, the newest, could not be written after all.
    pub fn load_failed(&mut self, seq: u64) {
        self.pending.untake(seq);
        self.seldom.also.iter_mut().for_each(|(pending, _)| pending.untake(seq));
        if let Some(crossing) = &mut self.seldom.crossing {
            crossing.take_back();
        }
    }

    /// Appends the text of reply number `reply`, said at `now`, to `out`. Whether it is a binary message, and the HTTP
    /// request made in its place.
    pub fn reply(&self, script: &Script, reply: usize, now: u64, out: &mut Vec<u8>) -> (bool, Option<usize>) {
        let rule = &script.replies[reply];
        let fill = self.fill(script, now, REPLIES + self.seldom.said);
        match &rule.making {
            Making::Text(bound) if bound.is_constant() => bound.render(out, &Fill::default()),
            making => {
                let (gap, seq) = (self.seldom.position.gap(), self.seldom.said);
                make(making, out, &Fill { gap, seq, sound: script.piece(making.piece().unwrap_or(0), seq), ..fill });
            }
        }
        (rule.making.is_binary(), rule.http)
    }

    /// Reply number `reply`, due at `due`, was written at `at`; `asked` is when a message asked for it, if one did.
    pub fn reply_sent(&mut self, stage: &mut Stage<'_>, reply: usize, due: u64, asked: bool, at: u64) {
        let script = stage.script;
        let rule = &script.replies[reply];
        if rule.http.is_none() {
            stage.tally.counts.messages_out[rule.kind] += 1;
        }
        if asked {
            stage.tally.phase(script.phase_of(due)).reaction.record(at.saturating_sub(due));
        }
        // What a message asks for is due when it is said: our own delay is no latency of the server.
        let due = if asked { at } else { due.min(at) };
        for &series in &rule.expects {
            self.open_single(stage, series, (due, at), rule.start || !self.ready);
        }
        let role = &script.roles[usize::from(self.role)];
        if role.resume.is_some_and(|resume| resume.ask == reply) {
            self.seldom.position.asked(at);
        }
        self.seldom.said += 1;
        self.seldom_moved(rule.moves);
        self.state = rule.then.unwrap_or(self.state);
        stage.effects.extend(rule.next.map(Effect::Say));
    }

    /// Begins an exchange of a series that has at most one open, due and sent then. What belongs to the opening of a connection is
    /// measured whenever it happens.
    pub(super) fn open_single(&mut self, stage: &mut Stage<'_>, series: usize, (due, sent): (u64, u64), opening: bool) {
        let Some(place) = stage.script.singles[series] else { return };
        let single = &mut self.seldom.singles[place];
        if std::mem::replace(single, Single { due, sent, open: true, opening }).open {
            stage.tally.counts.series_unanswered[series] += 1;
        }
    }

    /// What slots are filled with; `turn` tells apart what is drawn.
    pub fn fill<'a>(&'a self, script: &'a Script, now: u64, turn: u64) -> Fill<'a> {
        let client = self.client();
        let drawn = |half: u64| draw::bits(script.bounds.seed.wrapping_add(half), client, turn);
        // Of a game's moves white makes the even ones.
        let ply = self.seldom.plies + script.cast.place(client) as u64;
        Fill {
            unix_ms: script.bounds.unix_ms + now / MILLI,
            random: u128::from(drawn(0)) << 64 | u128::from(drawn(1)),
            ply,
            ..script.introduce(client, self.attempt(), &self.seldom.captured)
        }
    }

    /// Begins the beats of the role that begin `from` there.
    pub(super) fn begin_beats(&mut self, stage: &mut Stage<'_>, from: From) {
        let script = stage.script;
        for &beat in &script.roles[usize::from(self.role)].beats {
            if script.beats[beat].from == from {
                self.begin_beat(stage, beat);
            }
        }
    }

    /// Begins a beat, once for each connection, if it is one of the role's.
    pub(super) fn begin_beat(&mut self, stage: &mut Stage<'_>, beat: usize) {
        let script = stage.script;
        let is_ours = script.roles[usize::from(self.role)].beats.contains(&beat);
        let is_played = self.seldom.replay.as_ref().is_some_and(|replay| replay.says(script.beats[beat].reply));
        if !is_ours || is_played || std::mem::replace(&mut self.seldom.beats[beat].begun, true) {
            return;
        }
        let jitter = script.beats[beat].jitter;
        let turn = BEATS + beat as u64 + (self.seldom.connections << 16);
        let share = if jitter > 0.0 { jitter * draw::share(script.bounds.seed, self.client(), turn) } else { 1.0 };
        stage.effects.push(Effect::Beat(beat, (self.every(script, beat) as f64 * share) as u64));
    }

    /// Nanoseconds between two of beat number `beat`.
    fn every(&self, script: &Script, beat: usize) -> u64 {
        match script.beats[beat].every {
            Every::Fixed(time) => time,
            Every::Captured { capture, default } => {
                let said: Option<u64> = self.seldom.captured[capture].parse().ok();
                // A server that says 0 is not to make us flood it, one that says a century not to overflow the clock.
                said.filter(|ms| *ms > 0).map_or(default, |ms| ms.saturating_mul(MILLI).clamp(SECOND, 86_400 * SECOND))
            }
        }
    }

    /// Beat number `beat` comes: what is to be done.
    pub fn beats(&mut self, script: &Script, beat: usize) -> Tick {
        let rule = &script.beats[beat];
        let expects = script.replies[rule.reply].expects.iter();
        let is_open = expects.filter_map(|series| script.singles[*series]).any(|place| self.seldom.singles[place].open);
        let again = Some(self.every(script, beat));
        if is_open {
            return if rule.lost == Lost::Close { Tick::Lost } else { Tick::Skip { again } };
        }
        self.seldom.beats[beat].times += 1;
        let is_last = rule.times > 0 && self.seldom.beats[beat].times >= rule.times;
        Tick::Say { reply: rule.reply, again: again.filter(|_| !is_last) }
    }
}

impl Script {
    /// The key of send `seq` of a client: no other send of its group has it.
    #[inline]
    pub fn key_of(&self, client: u64, seq: u64) -> u64 {
        let group = self.cast.group();
        if group == 1 { seq } else { seq * group + self.cast.place(client) as u64 }
    }

    /// What slots are filled with that tell clients apart, and what `client` was told, before it is connected for the
    /// `attempt`-th time.
    pub fn introduce<'a>(&'a self, client: u64, attempt: u64, captured: &'a [String]) -> Fill<'a> {
        let cast = &self.cast;
        Fill {
            client,
            group: client / cast.group(),
            member: cast.member(client),
            peer: cast.peer(client),
            attempt,
            captured,
            row: self.row(client),
            seed: self.bounds.seed,
            ..Fill::default()
        }
    }
}

/// What is to be done when a beat comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// Say this reply; the next beat comes after so many nanoseconds, if one does.
    Say {
        /// The reply.
        reply: usize,
        /// When the next beat comes.
        again: Option<u64>,
    },
    /// The answer to the last one is still awaited: nothing is said this time.
    Skip {
        /// When the next beat comes.
        again: Option<u64>,
    },
    /// The answer to the last one has not come, and the connection is given up for it.
    Lost,
}

fn make(making: &Making, out: &mut Vec<u8>, fill: &Fill<'_>) {
    match making {
        Making::Text(bound) => bound.render(out, fill),
        Making::Audio(sound) => out.extend_from_slice(sound),
        Making::Piece(_) => out.extend_from_slice(fill.sound),
        Making::Hex(bound) => {
            let start = out.len();
            bound.render(out, fill);
            let digits = out.split_off(start);
            let digit = |c: &u8| char::from(*c).to_digit(16).map(|n| n as u8);
            let nibbles: Vec<u8> = digits.iter().filter_map(digit).collect();
            out.extend(nibbles.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::Bounds;
    use crate::dialogue::Values;
    use crate::profile::shipped;
    use crate::profile::vars;

    /// The first messages of client 0 of a shipped profile.
    fn said(profile: &str, sets: &[(&str, &str)], sound: Option<&[u8]>, count: usize) -> Vec<Vec<u8>> {
        let profile = shipped::get(profile).expect("shipped");
        let sets: Vec<_> = sets.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let vars = vars::resolve(&profile, Some("docs"), &sets, |_| Some("x".into())).expect("good values");
        let bounds = Bounds { measure_from: 0, measure_until: u64::MAX, timeout: SECOND, window: 8, seed: 1, unix_ms: 0 };
        let values = Values { vars, sound: sound.map(Into::into), ..Values::default() };
        let script = Script::compile(&profile, Some("docs"), &values, bounds).expect("compiles");
        let mut dialogue = Dialogue::new(0, &script);
        let one = |turn| {
            // Each after the one before has lapsed.
            let (now, mut out) = (turn as u64 * 2 * SECOND, Vec::new());
            assert!(matches!(dialogue.load(&script, now, now, &mut out), Place::Taken { .. }));
            out
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn sizes_are_taken_in_turn() {
        let lengths: Vec<usize> = said("echo", &[("payload_bytes", "64, 256,1024")], None, 4).iter().map(Vec::len).collect();
        assert_eq!(lengths, [64, 256, 1024, 64]);
    }

    #[test]
    fn sound_is_played_in_pieces_and_again() {
        let sound: Vec<u8> = (0..40_000u32).map(|n| (n % 251) as u8).collect();
        let piece = said("media-subtitles", &[], None, 1)[0].len();
        let said = said("media-subtitles", &[], Some(&sound[..piece + 100]), 3);
        assert!(said == [&sound[..piece], &sound[piece..piece + 100], &sound[..piece]], "pieces of {piece} bytes");
    }
}
