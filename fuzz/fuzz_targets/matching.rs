//! Matching answers to sends, over every shipped profile: whatever a server says, no message and no
//! send is lost from the account.
//!
//! Line by line, as in a transcript: `< BYTES` is said by the server, `load` is a send that falls due
//! (`load!` one that could not be written), `wait N` lets N ms pass, `ping` and `pong BYTES` are of
//! WebSocket, `end` is the end of the connection and the next one. Other lines say nothing.

#![no_main]

use std::cell::RefCell;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use volley::dialogue::Bounds;
use volley::dialogue::Dialogue;
use volley::dialogue::Effect;
use volley::dialogue::Next;
use volley::dialogue::Place;
use volley::dialogue::Reader;
use volley::dialogue::Script;
use volley::dialogue::Stage;
use volley::dialogue::Values;
use volley::profile::shipped;
use volley::profile::vars;
use volley::tally::Tally;
use volley::units::MILLI;
use volley::units::SECOND;

/// A short timeout and a small window, so that their edges are reached.
const BOUNDS: Bounds =
    Bounds { measure_from: SECOND, measure_until: 60 * SECOND, timeout: SECOND, window: 11, seed: 1, unix_ms: 1_000_000 };

static SCRIPTS: LazyLock<Vec<Script>> = LazyLock::new(|| shipped::names().into_iter().flat_map(scripts).collect());

thread_local! {
    /// What a lane has one of: it outlives the client.
    static LANES: RefCell<Vec<(Reader, Tally, Vec<Effect>)>> =
        RefCell::new(SCRIPTS.iter().map(|script| (Reader::default(), Tally::new(script.width()), Vec::new())).collect());
}

fn scripts(name: &str) -> Vec<Script> {
    let profile = shipped::get(name).expect("shipped profiles load");
    let sets = [("payload_bytes".to_owned(), "64".to_owned())];
    let sets = if profile.vars.contains_key("payload_bytes") { &sets[..] } else { &[] };
    let values = vars::resolve(&profile, None, sets, |name| Some(format!("value-of-{name}"))).expect("every variable has a value");
    let values = Values { vars: values, ..Values::default() };
    let dialects = profile.dialects.iter().map(|d| Some(d.as_str())).chain([None]);
    dialects.map(|dialect| Script::compile(&profile, dialect, &values, BOUNDS).expect("shipped profiles compile")).collect()
}

/// What the account must say.
#[derive(Default)]
struct Truth {
    heard: u64,
    replies: u64,
    pings: u64,
    answers: u64,
}

struct Client<'a> {
    stage: Stage<'a>,
    dialogue: Dialogue,
    truth: Truth,
    now: u64,
    out: Vec<u8>,
}

impl Client<'_> {
    fn line(&mut self, line: &[u8]) {
        self.now += MILLI;
        match line {
            b"load" | b"load!" => self.load(line == b"load"),
            b"ping" => {
                self.truth.pings += 1;
                self.dialogue.ping_sent(&mut self.stage, self.now, self.now);
            }
            b"end" => {
                self.dialogue.ended(&mut self.stage);
                self.dialogue.opened(&mut self.stage, self.now);
                self.act();
            }
            [b'<', b' ', message @ ..] => self.hear(message),
            [b'p', b'o', b'n', b'g', b' ', payload @ ..] => {
                self.truth.heard += 1;
                self.dialogue.pong(&mut self.stage, payload, self.now);
            }
            [b'w', b'a', b'i', b't', b' ', digits @ ..] => {
                let number = digits.iter().take_while(|b| b.is_ascii_digit()).take(5).fold(0, |n, b| n * 10 + u64::from(b - b'0'));
                self.now += number * MILLI;
                self.dialogue.lapse(self.stage.script, self.now);
            }
            _ => {}
        }
    }

    fn load(&mut self, works: bool) {
        if !self.dialogue.is_ready() || !self.dialogue.is_its_turn(self.stage.script) {
            return;
        }
        self.out.clear();
        let Place::Taken { seq, given_up } = self.dialogue.load(self.stage.script, self.now, self.now, &mut self.out) else { return };
        self.stage.tally.counts.unanswered += given_up;
        if works {
            self.dialogue.load_sent(&mut self.stage, seq, self.now, self.now);
        } else {
            self.dialogue.load_failed(seq);
        }
    }

    fn hear(&mut self, message: &[u8]) {
        self.truth.heard += 1;
        if self.dialogue.message(&mut self.stage, &mut message.to_vec(), self.now) == Next::Answered {
            self.truth.answers += 1;
        }
        self.act();
        assert!(self.dialogue.outstanding() <= BOUNDS.window);
    }

    /// Does what the dialogue led to; what is said right behind something is said at once.
    fn act(&mut self) {
        while !self.stage.effects.is_empty() {
            if let Effect::Say(reply) = self.stage.effects.remove(0) {
                self.out.clear();
                let (_, http) = self.dialogue.reply(self.stage.script, reply, self.now, &mut self.out);
                self.truth.replies += u64::from(http.is_none());
                self.dialogue.reply_sent(&mut self.stage, reply, self.now, true, self.now);
            }
        }
    }

    fn account(mut self) {
        self.dialogue.ended(&mut self.stage);
        let (counts, truth) = (&self.stage.tally.counts, &self.truth);
        assert_eq!(counts.sent, counts.answered + counts.late + counts.unanswered + counts.no_answer_expected);
        assert_eq!(counts.answered + counts.late, truth.answers);
        assert_eq!(counts.messages_in.iter().sum::<u64>(), truth.heard);
        // A load that is an HTTP request is sent, but is no message.
        let (_, http) = self.dialogue.load_way(self.stage.script);
        let said = if http.is_none() { counts.sent } else { 0 };
        assert_eq!(counts.messages_out.iter().sum::<u64>(), said + truth.replies + truth.pings);
        let Some(series) = self.stage.script.load_series else { return };
        let measured: u64 = self.stage.tally.phases.iter().map(|phase| phase.series[series].response.len()).sum();
        assert_eq!(measured, truth.answers);
    }
}

fuzz_target!(|data: &[u8]| {
    LANES.with_borrow_mut(|lanes| {
        for (script, (reader, tally, effects)) in SCRIPTS.iter().zip(lanes) {
            tally.reset();
            let (stage, dialogue) = (Stage { script, reader, tally, effects }, Dialogue::new(3, script));
            let mut client = Client { stage, dialogue, truth: Truth::default(), now: MILLI, out: Vec::new() };
            client.dialogue.opened(&mut client.stage, MILLI);
            client.act();
            data.split(|&b| b == b'\n').for_each(|line| client.line(line));
            client.account();
        }
    });
});
