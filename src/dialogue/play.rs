//! Plays a transcript through a dialogue: does the profile say and understand what the transcript
//! shows? No socket, no clock.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use super::Bounds;
use super::Dialogue;
use super::Effect;
use super::Place;
use super::Reader;
use super::Script;
use super::Stage;
use super::Tick;
use super::Values;
use crate::profile::Profile;
use crate::profile::talk::Figure;
use crate::profile::talk::Step;
use crate::profile::talk::Talk;
use crate::tally::Fault;
use crate::tally::Tally;
use crate::units::MILLI;
use crate::units::SECOND;

/// Largest binary message that a transcript has the server say.
const LARGEST: usize = 16 << 20;

/// Where a transcript and the profile part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// Line of the transcript, from 1.
    pub line: usize,
    /// In words.
    pub message: String,
}

/// Plays `talk`; where it parts from the profile, in order of lines.
///
/// # Errors
/// When the profile cannot be compiled with `vars`.
pub fn play(talk: &Talk, profile: &Profile, dialect: Option<&str>, vars: &BTreeMap<String, String>) -> Result<Vec<Parting>, String> {
    let bounds = Bounds { measure_from: 0, measure_until: u64::MAX, timeout: 10 * SECOND, window: 1_024, seed: 1, unix_ms: 0 };
    let values = Values { vars: vars.clone(), ..Values::default() };
    let script = Script::compile(profile, dialect, &values, bounds)?;
    let client = match &talk.role {
        None => 0,
        Some(role) => match (0..script.cast.group()).find(|client| script.cast.names[script.cast.role(*client)] == *role) {
            Some(client) => client,
            None => return Err(format!("the profile has no role `{role}`; it has {}", script.cast.names.join(", "))),
        },
    };
    let mut player = Player::new(profile, &script, client);
    for line in &talk.lines {
        player.now = player.now.saturating_add(MILLI);
        if let Err(message) = player.step(&line.step) {
            player.partings.push(Parting { line: line.number, message });
        }
    }
    if let (Some(text), Some(last)) = (player.said.pop_front(), talk.lines.last()) {
        player.partings.push(Parting { line: last.number, message: format!("the client also sent, and nothing expects it: {text}") });
    }
    Ok(player.partings)
}

struct Player<'a> {
    profile: &'a Profile,
    script: &'a Script,
    dialogue: Dialogue,
    reader: Reader,
    tally: Tally,
    effects: Vec<Effect>,
    now: u64,
    /// What the client sent and no line has looked at yet.
    said: VecDeque<String>,
    partings: Vec<Parting>,
}

impl<'a> Player<'a> {
    fn new(profile: &'a Profile, script: &'a Script, client: u64) -> Self {
        let mut player = Player {
            profile,
            script,
            dialogue: Dialogue::new(client, script),
            reader: Reader::default(),
            tally: Tally::new(script.width()),
            effects: Vec::new(),
            now: 0,
            said: VecDeque::new(),
            partings: Vec::new(),
        };
        player.act(|dialogue, stage| dialogue.opened(stage, 0));
        player
    }

    /// Does something with the dialogue, and then what that leads to.
    fn act(&mut self, act: impl FnOnce(&mut Dialogue, &mut Stage<'_>)) {
        let (script, reader, tally) = (self.script, &mut self.reader, &mut self.tally);
        act(&mut self.dialogue, &mut Stage { script, reader, tally, effects: &mut self.effects });
        while !self.effects.is_empty() {
            if let Effect::Say(reply) = self.effects.remove(0) {
                self.say(reply);
            }
        }
    }

    fn say(&mut self, reply: usize) {
        let (mut out, now) = (Vec::new(), self.now);
        let (binary, http) = self.dialogue.reply(self.script, reply, now, &mut out);
        if http.is_none() {
            self.said.push_back(if binary { format!("{} bytes", out.len()) } else { String::from_utf8_lossy(&out).into_owned() });
        }
        let (script, reader, tally) = (self.script, &mut self.reader, &mut self.tally);
        let mut stage = Stage { script, reader, tally, effects: &mut self.effects };
        self.dialogue.reply_sent(&mut stage, reply, now, true, now);
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Wait(span) => self.now = self.now.saturating_add(span.0),
            Step::Load => return self.load(),
            Step::Beat(name) => return self.beat(name),
            Step::Says(text) => self.hear(text),
            Step::SaysBytes(bytes) => {
                let (mut message, now) = (vec![0; (*bytes).min(LARGEST)], self.now);
                self.act(|dialogue, stage| {
                    dialogue.binary(stage, &mut message, now);
                });
            }
            Step::Sent(expected) => {
                return match self.said.pop_front() {
                    Some(said) if said == *expected => Ok(()),
                    Some(said) => Err(format!("the client sent {said}")),
                    None => Err("the client sent nothing".into()),
                };
            }
            Step::Has(figure, expected) => {
                let found = self.figure(figure);
                if found != *expected {
                    return Err(format!("there are {found}, not {expected}"));
                }
            }
        }
        Ok(())
    }

    fn load(&mut self) -> Result<(), String> {
        if !self.dialogue.is_ready() {
            return Err("the load may not begin yet".into());
        }
        if !self.dialogue.is_its_turn(self.script) {
            return Err("the load may not be sent in this state".into());
        }
        let mut out = Vec::new();
        let now = self.now;
        let Place::Taken { seq, .. } = self.dialogue.load(self.script, now, now, &mut out) else {
            return Err("the window is full".into());
        };
        let (binary, http) = self.dialogue.load_way(self.script);
        if http.is_none() {
            self.said.push_back(if binary { format!("{} bytes", out.len()) } else { String::from_utf8_lossy(&out).into_owned() });
        }
        self.act(|dialogue, stage| dialogue.load_sent(stage, seq, now, now));
        Ok(())
    }

    fn beat(&mut self, name: &str) -> Result<(), String> {
        let beat = self.profile.beats.iter().position(|beat| beat.name == name).ok_or_else(|| format!("there is no beat `{name}`"))?;
        match self.dialogue.beats(self.script, beat) {
            Tick::Say { reply, .. } => self.say(reply),
            Tick::Skip { .. } => return Err("the answer to the last beat is still awaited".into()),
            Tick::Lost => return Err("the connection is given up, for the answer to the last beat has not come".into()),
        }
        Ok(())
    }

    fn hear(&mut self, text: &str) {
        let now = self.now;
        self.act(|dialogue, stage| {
            dialogue.message(stage, &mut text.as_bytes().to_vec(), now);
        });
    }

    fn figure(&self, figure: &Figure) -> u64 {
        let counts = &self.tally.counts;
        match figure {
            Figure::Answers(series) => self.answers(series, false),
            Figure::Errors(series) => self.answers(series, true),
            Figure::Unsolicited => counts.unsolicited,
            Figure::Duplicate => counts.duplicate,
            Figure::Unparsed => counts.faults[Fault::Unparsed as usize],
        }
    }

    /// Answers of a series that are, or are not, errors.
    fn answers(&self, name: &str, error: bool) -> u64 {
        let Some(series) = self.script.series.iter().position(|s| s.name == name) else { return 0 };
        let width = self.script.in_kinds.len();
        let kinds = &self.tally.counts.outcomes[series * width..(series + 1) * width];
        let is_error = |kind: usize| self.profile.messages.iter().any(|m| m.error && m.name == self.script.in_kinds[kind]);
        kinds.iter().enumerate().filter(|(kind, _)| is_error(*kind) == error).map(|(_, n)| n).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::shipped;
    use crate::profile::talk;
    use crate::profile::vars;

    #[test]
    fn every_shipped_transcript_is_what_its_profile_says() {
        for name in shipped::names() {
            let profile = shipped::get(name).expect("shipped profiles load");
            assert!(!shipped::talks(name).is_empty(), "{name} has no transcript");
            for shipped in shipped::talks(name) {
                let talk = talk::parse(shipped.text).expect("shipped transcripts parse");
                let values = vars::resolve(&profile, shipped.dialect, &[], |_| None).expect("shipped profiles have defaults");
                let partings = play(&talk, &profile, shipped.dialect, &values).expect("compiles");
                assert_eq!(partings, [], "{}", shipped.file);
            }
        }
    }

    #[test]
    fn waiting_longer_than_the_clock_goes_is_no_panic() {
        let profile = shipped::get("echo").expect("loads");
        let values = vars::resolve(&profile, None, &[("payload_bytes".into(), "0".into())], |_| None).expect("defaults");
        let text = format!("load\n{}> {{\"id\":0,\"pad\":\"\"}}\n< {{\"id\":0}}\n= echo 1\n", "wait 270000h\n".repeat(20));
        let talk = talk::parse(&text).expect("parses");
        assert_eq!(play(&talk, &profile, None, &values), Ok(Vec::new()));
    }

    #[test]
    fn a_transcript_that_is_not_true_is_found_out() {
        let profile = shipped::get("echo").expect("loads");
        let values = vars::resolve(&profile, None, &[("payload_bytes".into(), "0".into())], |_| None).expect("defaults");
        let talk = talk::parse("load\n> {\"id\":0}\n< {\"id\":0}\n= echo 2\nload\n").expect("parses");
        let lines: Vec<usize> = play(&talk, &profile, None, &values).expect("compiles").iter().map(|p| p.line).collect();
        assert_eq!(lines, [2, 4, 5]);
    }
}
