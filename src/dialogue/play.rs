//! Plays a transcript through a dialogue: does the profile say and understand what the transcript
//! shows? No socket, no clock.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use super::Bounds;
use super::Dialogue;
use super::Next;
use super::Place;
use super::Reader;
use super::Script;
use super::Stage;
use crate::profile::Profile;
use crate::profile::talk::Figure;
use crate::profile::talk::Step;
use crate::profile::talk::Talk;
use crate::tally::Fault;
use crate::tally::Tally;
use crate::units::MILLI;
use crate::units::SECOND;

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
    let bounds = Bounds { measure_from: 0, measure_until: u64::MAX, timeout: 10 * SECOND, window: 1_024 };
    let script = Script::compile(profile, dialect, vars, bounds)?;
    let mut player = Player::new(profile, &script);
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
    now: u64,
    /// What the client sent and no line has looked at yet.
    said: VecDeque<String>,
    partings: Vec<Parting>,
}

impl<'a> Player<'a> {
    fn new(profile: &'a Profile, script: &'a Script) -> Self {
        let mut dialogue = Dialogue::new(0, script);
        dialogue.opened(script, 0);
        Player {
            profile,
            script,
            dialogue,
            reader: Reader::default(),
            tally: Tally::new(script.width()),
            now: 0,
            said: VecDeque::new(),
            partings: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Wait(span) => self.now = self.now.saturating_add(span.0),
            Step::Load => return self.load(),
            Step::Says(text) => self.hear(text),
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
        let mut out = Vec::new();
        let Place::Taken { seq, .. } = self.dialogue.load(self.script, self.now, self.now, &mut out) else {
            return Err("the window is full".into());
        };
        let mut stage = Stage { script: self.script, reader: &mut self.reader, tally: &mut self.tally };
        self.dialogue.load_sent(&mut stage, seq, self.now, self.now);
        self.said.push_back(String::from_utf8_lossy(&out).into_owned());
        Ok(())
    }

    fn hear(&mut self, text: &str) {
        let mut stage = Stage { script: self.script, reader: &mut self.reader, tally: &mut self.tally };
        if let Next::Reply(reply) = self.dialogue.message(&mut stage, &mut text.as_bytes().to_vec(), self.now) {
            let mut out = Vec::new();
            self.dialogue.reply(self.script, reply, &mut out);
            self.dialogue.reply_sent(&mut stage, reply, self.now, self.now);
            self.said.push_back(String::from_utf8_lossy(&out).into_owned());
        }
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
        let is_error = |kind: usize| self.profile.messages.get(kind).is_some_and(|m| m.error);
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
            let values = vars::resolve(&profile, &[], |_| None).expect("shipped profiles have defaults");
            assert!(!shipped::talks(name).is_empty(), "{name} has no transcript");
            for shipped in shipped::talks(name) {
                let talk = talk::parse(shipped.text).expect("shipped transcripts parse");
                let partings = play(&talk, &profile, shipped.dialect, &values).expect("compiles");
                assert_eq!(partings, [], "{}", shipped.file);
            }
        }
    }

    #[test]
    fn waiting_longer_than_the_clock_goes_is_no_panic() {
        let profile = shipped::get("echo").expect("loads");
        let values = vars::resolve(&profile, &[("payload_bytes".into(), "0".into())], |_| None).expect("defaults");
        let text = format!("load\n{}> {{\"id\":0,\"pad\":\"\"}}\n< {{\"id\":0}}\n= echo 1\n", "wait 270000h\n".repeat(20));
        let talk = talk::parse(&text).expect("parses");
        assert_eq!(play(&talk, &profile, None, &values), Ok(Vec::new()));
    }

    #[test]
    fn a_transcript_that_is_not_true_is_found_out() {
        let profile = shipped::get("echo").expect("loads");
        let values = vars::resolve(&profile, &[("payload_bytes".into(), "0".into())], |_| None).expect("defaults");
        let talk = talk::parse("load\n> {\"id\":0}\n< {\"id\":0}\n= echo 2\nload\n").expect("parses");
        let lines: Vec<usize> = play(&talk, &profile, None, &values).expect("compiles").iter().map(|p| p.line).collect();
        assert_eq!(lines, [2, 4, 5]);
    }
}
