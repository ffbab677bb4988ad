//! From a trace and a profile to a [`Score`], in one pass over the file.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::io::BufRead;

use super::BINARY;
use super::Cut;
use super::LOAD;
use super::NONE;
use super::OTHER;
use super::Part;
use super::READY;
use super::Score;
use super::Step;
use super::leaves::Leaves;
use super::shape;
use super::shape::Bounds;
use super::shape::Making;
use super::shape::Shape;
use crate::dialogue::Cast;
use crate::dialogue::Reader;
use crate::dialogue::Script;
use crate::dialogue::Values;
use crate::dialogue::compile::Compiler;
use crate::profile;
use crate::profile::Payload;
use crate::profile::Profile;
use crate::profile::Slot;
use crate::profile::Template;
use crate::profile::template::Part as TemplatePart;
use crate::trace;
use crate::trace::Event;
use crate::trace::Frame;
use crate::trace::Mistake;
use crate::trace::Row;
use crate::units::SECOND;

/// Most frames of a trace that clients send, and most values of the server that are told apart in it: their index takes at most a
/// gigabyte.
const MOST: usize = 20_000_000;
/// Names of members that are remembered.
const NAMES: usize = 32;
/// What stands in the place of a secret in traces.
const REDACTED: &str = "[redacted]";

/// What a trace is compiled with.
pub struct Recording<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The dialect.
    pub dialect: Option<&'a str>,
    /// Values of variables; `played` has to be set.
    pub values: &'a Values,
    /// The profile compiled with these.
    pub script: &'a Script,
    /// How many times as fast as recorded it is played.
    pub speed: f64,
    /// Whether a variable was given a value by the user; it takes the place of what was recorded.
    pub is_set: &'a dyn Fn(&str) -> bool,
    /// Whether the name of a member says that its value is a secret.
    pub is_secret: &'a dyn Fn(&str) -> bool,
}

/// A message that a role may say.
struct Known {
    shape: Shape,
    name: String,
    anew: Vec<String>,
}

/// What is known of a connection while its lines are read.
#[derive(Default)]
struct Open {
    part: Part,
    last: Option<u32>,
    state: u8,
    ready: bool,
    /// How often each capture came.
    captured: Vec<u32>,
}

impl Score {
    /// Compiles the trace that `reader` reads.
    ///
    /// # Errors
    /// What is wrong with a line, or with the whole, and what to do.
    pub fn compile<R: BufRead>(reader: &mut trace::Reader<R>, with: &Recording<'_>) -> Result<Score, Mistake> {
        let mut making = Composer::new(with).map_err(|why| Mistake::new(0, why, "Correct the profile"))?;
        while let Some(row) = reader.next_row()? {
            making.take(row)?;
        }
        making.finish()
    }
}

/// Puts a score together.
struct Composer<'a> {
    with: &'a Recording<'a>,
    score: Score,
    /// By role.
    known: Vec<Vec<Known>>,
    numbers: HashMap<u32, usize>,
    open: Vec<Open>,
    /// By connection, capture and hash of the value: when it came last, by order.
    values: HashMap<(usize, u16, u64), u32>,
    hasher: RandomState,
    /// Names of members seen, and whether they are those of secrets.
    secret_names: Vec<(String, bool)>,
    /// By role, and by what was said; what is no message of the profile comes last.
    counts: Vec<Vec<u64>>,
    /// The connection of the last line: its number and its place.
    last: Option<(u32, usize)>,
    leaves: Leaves,
    reader: Reader,
    scratch: Vec<u8>,
    cuts: Vec<shape::Cut>,
    best: Vec<shape::Cut>,
    second: u64,
    in_second: u64,
}

impl<'a> Composer<'a> {
    fn new(with: &'a Recording<'a>) -> Result<Self, String> {
        let mut bounds = Bounds::new();
        let roles = 0..with.profile.roles.len();
        let known = roles.clone().map(|role| known(with, role, &mut bounds)).collect::<Result<Vec<_>, _>>()?;
        let asked = roles.map(|role| with.script.asked(role)).collect();
        Ok(Composer {
            with,
            score: Score { bounds: bounds.all, asked, ..Score::default() },
            known,
            numbers: HashMap::new(),
            open: Vec::new(),
            values: HashMap::new(),
            hasher: RandomState::new(),
            secret_names: Vec::new(),
            counts: vec![vec![0; with.profile.replies.len() + 2]; with.profile.roles.len()],
            last: None,
            leaves: Leaves::default(),
            reader: Reader::default(),
            scratch: Vec::new(),
            cuts: Vec::new(),
            best: Vec::new(),
            second: 0,
            in_second: 0,
        })
    }

    fn take(&mut self, row: Row<'_>) -> Result<(), Mistake> {
        let conn = self.conn(&row)?;
        self.score.length_ns = row.line.at_ns;
        match &row.line.event {
            Event::Open { .. } => {}
            Event::Got(Frame::Text(text)) => {
                self.got(conn, text);
                if self.values.len() > MOST {
                    let what = format!("the server said more than {MOST} values that later messages may need");
                    return Err(Mistake::new(row.number, what, "Play a part of it"));
                }
            }
            Event::Got(Frame::Binary(_)) => {}
            Event::Sent(frame) => self.sent(conn, frame, &row)?,
            Event::Close { by: trace::Side::Client, code } => {
                let close = &mut self.open[conn].part.close;
                *close = close.or(Some((row.line.at_ns, *code)));
            }
            Event::Close { .. } => {}
        }
        Ok(())
    }

    /// The connection of a line.
    fn conn(&mut self, row: &Row<'_>) -> Result<usize, Mistake> {
        if let Some((_, conn)) = self.last.filter(|(number, _)| *number == row.line.conn) {
            return Ok(conn);
        }
        if let Some(&conn) = self.numbers.get(&row.line.conn) {
            self.last = Some((row.line.conn, conn));
            return Ok(conn);
        }
        let names = &self.with.script.cast.names;
        let role = match row.line.role.as_deref() {
            None => 0,
            Some(name) => names.iter().position(|known| known == name).ok_or_else(|| {
                let known: Vec<&str> = names.iter().map(String::as_str).collect();
                let hint = format!("Profile `{}`: {}", self.with.profile.name, profile::hint(name, &known, "it has no roles"));
                Mistake::new(row.number, format!("`{}` is no role", crate::units::printable(name, 64)), hint)
            })?,
        };
        let says = vec![0; self.with.profile.replies.len()].into_boxed_slice();
        let part = Part { role, open_ns: row.line.at_ns, first: NONE, says, ..Part::default() };
        let captured = vec![0; self.with.script.captures];
        let ready = !self.with.script.roles[role].waits_for_ready;
        self.open.push(Open { part, ready, captured, ..Open::default() });
        self.numbers.insert(row.line.conn, self.open.len() - 1);
        Ok(self.open.len() - 1)
    }

    /// The server said something: what of it may be put into later frames, and what it leads to.
    fn got(&mut self, conn: usize, text: &str) {
        let script = self.with.script;
        let open = &mut self.open[conn];
        let role = &script.roles[open.part.role];
        if !script.tells(role) {
            return;
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(text.as_bytes());
        let (state, mut told) = (open.state, Vec::new());
        let meaning = self.reader.read(&mut self.scratch, |fields| {
            let index = script.meaning(role, state, fields)?;
            let captures = script.meanings[index].captures.iter();
            told.extend(captures.filter_map(|(capture, pointer)| Some((*capture, fields.text(pointer)?))));
            Some(index)
        });
        let Ok(Some(meaning)) = meaning else { return };
        let meaning = &script.meanings[meaning];
        open.state = meaning.then.unwrap_or(state);
        open.ready |= meaning.ready;
        for (capture, value) in told {
            open.captured[capture] += 1;
            self.values.insert((conn, capture as u16, self.hasher.hash_one(value.as_str())), open.captured[capture]);
        }
    }

    /// A client sent something.
    fn sent(&mut self, conn: usize, frame: &Frame<'_>, row: &Row<'_>) -> Result<(), Mistake> {
        if self.score.steps.len() == MOST {
            return Err(Mistake::new(row.number, format!("more than {MOST} frames were sent"), "Play fewer of them"));
        }
        let role = self.open[conn].part.role;
        let text = if let Frame::Text(text) = frame { Some(&**text) } else { None };
        let is_json = text.is_some_and(|text| self.leaves.read(text));
        let said = self.recognise(role, text, is_json);
        if let Some(text) = text.filter(|_| is_json) {
            self.look_for_secrets(text, row.number)?;
        }
        let index = self.score.steps.len() as u32;
        let cuts = self.score.cuts.len() as u32;
        for cut in &self.best {
            let made = self.cut(conn, text.unwrap_or_default(), cut);
            self.score.cuts.push(made.0);
            if let Some(want) = made.1 {
                self.open[conn].part.wants.insert(want, index);
            }
        }
        let open = &mut self.open[conn];
        let ready = if open.ready { READY } else { 0 };
        self.score.steps.push(Step {
            at_ns: row.line.at_ns,
            offset: row.offset,
            bytes: row.bytes,
            next: NONE,
            cuts,
            count: (self.score.cuts.len() as u32 - cuts) as u8,
            flags: ready | if text.is_none() { BINARY } else { 0 },
            said,
        });
        match open.last.replace(index) {
            Some(last) => self.score.steps[last as usize].next = index,
            None => open.part.first = index,
        }
        if let Some(reply) = said.checked_sub(1).filter(|_| said != OTHER) {
            open.part.says[usize::from(reply)] += 1;
        }
        open.state = self.with.script.state_after(role, said).unwrap_or(open.state);
        *self.count(role, said) += 1;
        self.note_peak(row.line.at_ns);
        Ok(())
    }

    /// What message of the profile it is; what is made anew in it is in `best`.
    fn recognise(&mut self, role: usize, text: Option<&str>, is_json: bool) -> u16 {
        self.best.clear();
        let mut found: Option<(usize, &Known)> = None;
        for known in &self.known[role] {
            let constants = known.shape.fits(text, is_json.then_some(&self.leaves), &mut self.cuts);
            if let Some(constants) = constants.filter(|n| found.is_none_or(|(most, _)| *n > most)) {
                found = Some((constants, known));
                std::mem::swap(&mut self.best, &mut self.cuts);
            }
        }
        let Some((_, known)) = found else { return OTHER };
        self.best.truncate(usize::from(u8::MAX));
        let said = known.shape.said;
        if self.counts[role][usize::from(said)] == 0 {
            self.score.anew.extend(known.anew.iter().cloned());
        }
        said
    }

    fn count(&mut self, role: usize, said: u16) -> &mut u64 {
        let counts = &mut self.counts[role];
        let place = usize::from(said).min(counts.len() - 1);
        &mut counts[place]
    }

    /// What is made anew of a step, and the capture that it waits for.
    fn cut(&self, conn: usize, text: &str, cut: &shape::Cut) -> (Cut, Option<(u16, u32)>) {
        let mut made = Cut { from: cut.at.start as u32, to: cut.at.end as u32, ordinal: 0, bound: cut.bound, capture: 0 };
        let Some((capture, at)) = &cut.capture else { return (made, None) };
        made.capture = capture + 1;
        let hash = self.hasher.hash_one(&text[at.clone()]);
        made.ordinal = self.values.get(&(conn, *capture, hash)).copied().unwrap_or_default();
        (made, (made.ordinal > 0).then_some((*capture, made.ordinal)))
    }

    /// Refuses a text under a name of secrets that nothing of ours takes the place of.
    fn look_for_secrets(&mut self, text: &str, number: u64) -> Result<(), Mistake> {
        for (name, at) in self.leaves.all() {
            let value = &text[at.clone()];
            let inner = value.get(1..value.len().saturating_sub(1)).unwrap_or_default();
            if value.len() < 6 || !value.starts_with('"') || inner == REDACTED || trace::is_mark(inner) {
                continue;
            }
            let is_secret = match self.secret_names.iter().find(|(known, _)| known == name) {
                Some((_, is_secret)) => *is_secret,
                None => {
                    let is_secret = (self.with.is_secret)(name);
                    if self.secret_names.len() < NAMES {
                        self.secret_names.push((name.to_owned(), is_secret));
                    }
                    is_secret
                }
            };
            if is_secret && !self.best.iter().any(|cut| at.start <= cut.at.start && cut.at.end <= at.end) {
                let name = crate::units::printable(name, 64);
                let hint =
                    format!("Let profile `{}` say it with a secret variable, or write {REDACTED} in its place", self.with.profile.name);
                return Err(Mistake::new(number, format!("the frame holds a secret, under `{name}`"), hint));
            }
        }
        Ok(())
    }

    fn note_peak(&mut self, at_ns: u64) {
        let second = (at_ns as f64 / self.with.speed / SECOND as f64) as u64;
        self.in_second = if second == self.second { self.in_second + 1 } else { 1 };
        self.second = second;
        self.score.peak = self.score.peak.max(self.in_second);
    }

    fn finish(mut self) -> Result<Score, Mistake> {
        if self.score.steps.is_empty() {
            return Err(Mistake::new(0, "no client sends anything in it", "A trace needs lines with `sent`"));
        }
        let plays_in_groups = self.with.profile.roles.len() > 1 || self.with.script.cast.group() > 1;
        if plays_in_groups && self.open.len() as u64 > Cast::MOST {
            let what = format!("it has {} connections, and those of profile `{}` belong together", self.open.len(), self.with.profile.name);
            return Err(Mistake::new(0, what, format!("Cut it to {} of them and multiply those by --clones", Cast::MOST)));
        }
        let counts = std::mem::take(&mut self.counts);
        for (role, counts) in counts.into_iter().enumerate() {
            for (said, n) in counts.into_iter().enumerate().filter(|(_, n)| *n > 0) {
                let name = self.known[role].iter().find(|known| usize::from(known.shape.said) == said).map(|known| known.name.clone());
                *self.score.counts.entry((role, name)).or_default() += n;
            }
        }
        self.score.parts = self.open.into_iter().map(|open| open.part).collect();
        self.score.steps.shrink_to_fit();
        self.score.cuts.shrink_to_fit();
        Ok(self.score)
    }
}

/// What clients of a role may say, over WebSocket.
fn known(with: &Recording<'_>, role: usize, bounds: &mut Bounds) -> Result<Vec<Known>, String> {
    let (profile, values) = (with.profile, with.values);
    let admits = |only: &profile::Only| only.admits(role, with.dialect, |name| values.vars.get(name).map(String::as_str));
    let load = profile.loads.iter().find(|load| admits(&load.only)).filter(|load| load.http.is_none());
    let loads = load.map(|load| (LOAD, &load.name, &load.payload));
    let replies = profile.replies.iter().enumerate().filter(|(_, reply)| reply.http.is_none() && admits(&reply.only));
    let replies = replies.map(|(index, reply)| (index as u16 + 1, &reply.name, &reply.payload));
    let compiler = Compiler::new(profile, with.dialect, values, with.script.bounds);
    let mut all = Vec::new();
    for (said, name, payload) in loads.into_iter().chain(replies) {
        let making = |part: &TemplatePart| making(with, part);
        let mut anew = std::collections::BTreeSet::new();
        let shape = match payload {
            Payload::Text(template) => {
                let bind = |template: &Template| compiler.bind(template);
                let shape = Shape::of(said, template, making, bind, bounds)?;
                shape.anew(name, template, making, &mut anew);
                shape
            }
            Payload::Hex(_) | Payload::Audio(_) => Shape::binary(said),
        };
        all.push(Known { shape, name: name.clone(), anew: anew.into_iter().collect() });
    }
    Ok(all)
}

/// Whether a part of a template is made anew: what tells clients or sends apart, what is secret or harmless, what the user set,
/// and what the server said.
fn making(with: &Recording<'_>, part: &TemplatePart) -> Making {
    match part {
        TemplatePart::Text(_) => Making::Keep,
        TemplatePart::Slot(Slot::Pad | Slot::Audio | Slot::ChessFrom | Slot::ChessTo | Slot::After | Slot::Before) => Making::Keep,
        TemplatePart::Slot(_) => Making::Anew(None),
        TemplatePart::Var(name) if with.values.columns.contains(name) => Making::Anew(None),
        TemplatePart::Var(name) => match (with.profile.vars.get(name), with.values.vars.get(name)) {
            (Some(var), Some(value)) => {
                let is_own = var.secret || var.harmless.is_some() || value.contains('{') || (with.is_set)(name);
                if is_own { Making::Anew(None) } else { Making::Keep }
            }
            _ => Making::Anew(with.profile.captures.iter().position(|capture| capture == name)),
        },
    }
}
