//! What the dialogue leads to besides answers: replies, beats, HTTP requests, sights of others' sends.

use super::Client;
use super::State;
use crate::dialogue::Cross;
use crate::dialogue::Effect;
use crate::dialogue::Tick;
use crate::profile::Fill;
use crate::profile::HttpAt;
use crate::swarm::call::Call;
use crate::swarm::call::Called;
use crate::swarm::desk::Carried;
use crate::swarm::desk::Desk;
use crate::swarm::desk::Note;
use crate::swarm::desk::Sight;
use crate::tally::Fault;
use crate::tally::Phase;

impl Client {
    /// What an HTTP request told that was made for the client.
    pub(in crate::swarm) fn told(&mut self, desk: &mut Desk, called: Called) {
        let http = &desk.script.https[called.http];
        let (series, kind) = (http.series, http.kind);
        let is_opening = http.at == HttpAt::Connect;
        match called.result {
            Ok((sample, taken)) => {
                taken.into_iter().for_each(|(capture, text)| self.dialogue.told(capture, text));
                if let Some(series) = series {
                    let phase = if is_opening { Phase::Measure } else { desk.script.phase_of(sample.due) };
                    desk.tally.answered(phase, series, kind, sample);
                }
            }
            Err(failure) => {
                desk.tally.fault(Fault::HttpCall);
                desk.fault_text(Fault::HttpCall, &failure.text);
            }
        }
    }

    /// A send of the load that is an HTTP request: sent when it is handed over to be made.
    pub(super) fn call_load(&mut self, desk: &mut Desk, http: usize, seq: u64, due: u64, now: u64) {
        let fill = Fill { id: desk.script.key_of(self.dialogue.client(), seq), ..self.dialogue.fill(&desk.script, now, seq) };
        desk.calls.push(Call::new(&desk.script, http, &fill));
        let at = desk.clock.now();
        self.dialogue.load_sent(&mut desk.stage(), seq, due, at);
    }

    /// Something that the client says periodically falls due, on its connection number `life` within 16 bits; how long
    /// until the next.
    pub(in crate::swarm) fn beat_due(&mut self, desk: &mut Desk, beat: usize, life: u16, due: u64) -> Option<u64> {
        if self.state != State::Open || self.life() != life {
            return None;
        }
        match self.dialogue.beats(&desk.script, beat) {
            Tick::Say { reply, again } => {
                self.say(desk, reply, due, false);
                self.act(desk, due);
                again
            }
            Tick::Skip { again } => again,
            Tick::Lost => {
                desk.fault(Fault::BeatLost, "the answer to a heartbeat had not come by the next");
                self.close(desk, Some(1000));
                None
            }
        }
    }

    /// A WebSocket ping falls due.
    pub(in crate::swarm) fn ping_due(&mut self, desk: &mut Desk, due: u64) {
        if self.state == State::Open && self.outbox.is_none() {
            desk.payload.clear();
            desk.payload.extend_from_slice(&self.dialogue.ping_payload());
            self.transmit(desk, Carried::Ping { due });
        }
    }

    /// Which connection of the client this is, within 16 bits.
    pub(in crate::swarm) fn life(&self) -> u16 {
        self.dialogue.attempt() as u16
    }

    /// Does what the dialogue led to; what happened did so at `at`.
    pub(in crate::swarm) fn act(&mut self, desk: &mut Desk, at: u64) {
        while !desk.effects.is_empty() {
            let mut effects = std::mem::take(&mut desk.effects);
            for effect in effects.drain(..) {
                self.do_effect(desk, effect, at);
            }
            if desk.effects.is_empty() {
                desk.effects = effects;
                return;
            }
        }
    }

    fn do_effect(&mut self, desk: &mut Desk, effect: Effect, at: u64) {
        let client = self.dialogue.client();
        match effect {
            Effect::Ready => {
                if desk.plan.storm.is_some() {
                    desk.note(client, Note::Ready { at });
                }
                self.begin(desk);
            }
            Effect::Say(reply) if self.dialogue.leaves_to_trace(reply) => self.play_held(desk, reply),
            Effect::Say(reply) => self.say(desk, reply, at, true),
            Effect::Flooded => self.flooded(desk, at),
            Effect::Beat(beat, after) => desk.note(client, Note::Beat { beat, from: at, after }),
            Effect::Cross(cross) => desk.sights.push(Sight::Sent { client, cross }),
            Effect::Spread(series, kind, key) => desk.sights.push(Sight::Spread { client, series, kind, key, done: at }),
        }
    }

    /// Says reply number `reply`: because a message received at `due` asked for it, or because it is due then.
    fn say(&mut self, desk: &mut Desk, reply: usize, due: u64, asked: bool) {
        desk.payload.clear();
        match self.dialogue.reply(&desk.script, reply, due, &mut desk.payload) {
            (binary, None) => self.transmit(desk, Carried::Said { reply: reply as u16, due, asked, binary }),
            (_, Some(http)) => {
                desk.calls.push(Call::new(&desk.script, http, &self.dialogue.fill(&desk.script, due, 0)));
                let now = desk.clock.now();
                self.dialogue.reply_sent(&mut desk.stage(), reply, due, asked, now);
            }
        }
    }

    /// Another client of the group, at `place` in it, has seen what this one sent: send `seq` of its load, or what it said
    /// last. Whether there was such a send.
    pub(in crate::swarm) fn seen(&mut self, desk: &mut Desk, cross: Cross, seq: Option<u64>, place: usize) -> bool {
        self.dialogue.seen(&mut desk.stage(), cross, seq, place)
    }

    /// The oldest send that the client at `place` of the group has not seen: when it was due, and its number.
    pub(in crate::swarm) fn oldest_unseen(&self, place: usize) -> Option<(u64, u64)> {
        self.dialogue.oldest_unseen(place)
    }
}
