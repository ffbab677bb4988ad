//! What a message of the profile looks like, so that recorded ones can be told, and what in them becomes this client's own.
//!
//! A recorded message is one of the profile when all constant values of the profile's text are there and all others have a
//! value; it may have more members than that.

use std::collections::BTreeSet;
use std::ops::Range;

use super::leaves::Leaves;
use crate::profile::Bound;
use crate::profile::Slot;
use crate::profile::Template;
use crate::profile::template::Part;

/// Stand around the number of a part in a text that is read as JSON; private use, so no profile has them.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// How a piece of a value is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it stands.
    Text(String),
    /// What was recorded.
    Kept,
    /// Anew for each client or send: the part of the template with this number.
    Anew(usize),
}

/// Whether a part of a template is made anew; and the capture that it is, if it is one.
pub(super) enum Making {
    /// What was recorded stays.
    Keep,
    /// It is made anew.
    Anew(Option<usize>),
}

/// What one value of a message has to be.
#[derive(Clone, Debug)]
enum Wanted {
    /// This, as JSON writes it.
    Constant(String),
    /// Anything.
    Anything,
    /// Made anew.
    Hole(Hole),
}

#[derive(Clone, Debug)]
struct Hole {
    /// Whether it is a text in the profile.
    is_text: bool,
    /// How it is made: number of a bound template.
    bound: u16,
    /// What stands before and behind what is made anew.
    before: String,
    behind: String,
    /// Whether it ends in the key of the send, so that what stands before it may be another.
    is_tail: bool,
    /// Whether something in it is kept as recorded.
    keeps: bool,
    capture: Option<u16>,
}

/// A stretch of a message that is made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) at: Range<usize>,
    /// Number of the bound template that takes its place.
    pub(super) bound: u16,
    /// The capture in it, and where its value stands.
    pub(super) capture: Option<(u16, Range<usize>)>,
}

/// A message of the profile.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// What it is.
    pub(super) said: u16,
    /// By pointer; a text that is no JSON has one value.
    wanted: Vec<(String, Wanted)>,
    is_json: bool,
    is_binary: bool,
}

/// Templates bound so far. The first two end texts with the key of a send.
pub(super) struct Bounds {
    pub(super) all: Vec<Bound>,
}

/// The key of a send, alone, and behind a text.
pub(super) const TAIL: u16 = 0;
pub(super) const SPACED_TAIL: u16 = 1;

impl Bounds {
    pub(super) fn new() -> Self {
        let bind = |text: &str| Template::parse(text).bind(|_| None).unwrap_or_default();
        Bounds { all: vec![bind("{id}"), bind(" {id}")] }
    }
}

impl Shape {
    /// A binary message.
    pub(super) fn binary(said: u16) -> Self {
        Shape { said, wanted: Vec::new(), is_json: false, is_binary: true }
    }

    /// That of `template`. `making` tells of each part, `bind` binds what is made anew.
    ///
    /// # Errors
    /// Those of `bind`.
    pub(super) fn of(
        said: u16,
        template: &Template,
        making: impl Fn(&Part) -> Making,
        bind: impl Fn(&Template) -> Result<Bound, String>,
        bounds: &mut Bounds,
    ) -> Result<Self, String> {
        let text = marked(template);
        let mut values = Vec::new();
        let is_json = match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(value) if value.is_object() || value.is_array() => {
                collect(&value, &mut String::new(), &mut values);
                true
            }
            _ => {
                let whole = template.parts.iter().enumerate().map(|(n, part)| match part {
                    Part::Text(text) => text.clone(),
                    _ => format!("{OPEN}{n}{CLOSE}"),
                });
                values.push((String::new(), serde_json::Value::String(whole.collect())));
                false
            }
        };
        let mut wanted = Vec::with_capacity(values.len());
        for (path, value) in values {
            let value = match value.as_str().map(|text| pieces(text, template, &making)) {
                None => Wanted::Constant(value.to_string()),
                Some(pieces) => of_pieces(&pieces, is_json, template, &making, &bind, bounds)?,
            };
            wanted.push((path, value));
        }
        Ok(Shape { said, wanted, is_json, is_binary: false })
    }

    /// Whether a message is one of these: how many of its values say so, with what in it is made anew in `cuts`. `leaves` are those
    /// of the message, if it is JSON.
    pub(super) fn fits(&self, text: Option<&str>, leaves: Option<&Leaves>, cuts: &mut Vec<Cut>) -> Option<usize> {
        cuts.clear();
        let Some(text) = text else { return self.is_binary.then_some(0) };
        if self.is_binary {
            return None;
        }
        let mut constants = 0;
        for (path, wanted) in &self.wanted {
            let at = match self.is_json {
                true => leaves?.find(path)?,
                false => 0..text.len(),
            };
            match wanted {
                Wanted::Anything => {}
                Wanted::Constant(value) if is_same(value, &text[at.clone()], self.is_json) => constants += 1,
                Wanted::Constant(_) => return None,
                Wanted::Hole(hole) => cuts.extend(hole.cut(text, at, self.is_json)?),
            }
        }
        cuts.sort_by_key(|cut| cut.at.start);
        Some(constants)
    }

    /// The pointers of what is made anew, with what it is made of.
    pub(super) fn anew(&self, name: &str, template: &Template, making: impl Fn(&Part) -> Making, out: &mut BTreeSet<String>) {
        if !self.wanted.iter().any(|(_, wanted)| matches!(wanted, Wanted::Hole(_))) {
            return;
        }
        let slots = template.parts.iter().filter(|part| matches!(making(part), Making::Anew(_))).filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Var(name) => Some(name.clone()),
            Part::Slot(slot) => Some(slot.name().to_owned()),
        });
        out.extend(slots.map(|slot| format!("{name} {{{slot}}}")));
    }
}

impl Hole {
    /// What of the value at `at` is made anew; `None` when the value is none of these.
    fn cut(&self, text: &str, at: Range<usize>, is_json: bool) -> Option<Option<Cut>> {
        let raw = &text[at.clone()];
        let is_text = is_json && raw.starts_with('"');
        if is_json && self.is_text && !is_text {
            return None;
        }
        let inside = if is_text { at.start + 1..at.end - 1 } else { at };
        let value = &text[inside.clone()];
        let core = value.strip_prefix(&*self.before).filter(|_| !self.keeps).and_then(|rest| rest.strip_suffix(&*self.behind));
        let core = core.map(|core| {
            let from = inside.start + self.before.len();
            from..from + core.len()
        });
        if core.is_none() && self.is_tail {
            let (stem, bound) = stem(value);
            return Some(Some(Cut { at: inside.start + stem..inside.end, bound, capture: None }));
        }
        if self.keeps {
            return Some(None);
        }
        let capture = self.capture.map(|capture| (capture, core.unwrap_or(inside.clone())));
        Some(Some(Cut { at: inside, bound: self.bound, capture }))
    }
}

/// Where a text that ends in a key stops being itself, and what is put behind it. Digits of an escape are left alone.
fn stem(value: &str) -> (usize, u16) {
    let bytes = value.as_bytes();
    let digits = value.len() - value.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let is_escaped = bytes[bytes.len().saturating_sub(digits + 6)..].contains(&b'\\');
    let end = if is_escaped { value.len() } else { value.len() - digits };
    let is_apart = end == 0 || bytes[end - 1] == b' ' || (digits > 0 && !is_escaped);
    (end, if is_apart { TAIL } else { SPACED_TAIL })
}

/// Whether a recorded value is the constant.
fn is_same(constant: &str, recorded: &str, is_json: bool) -> bool {
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    match is_json {
        true if constant == recorded => true,
        true if recorded.starts_with('"') => recorded.contains('\\') && parsed(constant) == parsed(recorded),
        true => parsed(constant).zip(parsed(recorded)).is_some_and(|(a, b)| a == b || a.as_f64().is_some_and(|n| b.as_f64() == Some(n))),
        false => parsed(constant).as_ref().and_then(serde_json::Value::as_str) == Some(recorded),
    }
}

/// The template with numbers for its parts, a text where a value is wanted.
fn marked(template: &Template) -> String {
    let (mut out, mut in_text) = (String::new(), false);
    for (n, part) in template.parts.iter().enumerate() {
        match part {
            Part::Text(text) => {
                let mut escaped = false;
                for c in text.chars() {
                    in_text ^= c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                }
                out.push_str(text);
            }
            _ if in_text => out.extend(format!("{OPEN}{n}{CLOSE}").chars()),
            // Doubled, so that it is known for no text.
            _ => out.push_str(&format!("\"{OPEN}{OPEN}{n}{CLOSE}\"")),
        }
    }
    out
}

/// All values that hold no others, by pointer.
fn collect(value: &serde_json::Value, way: &mut String, out: &mut Vec<(String, serde_json::Value)>) {
    let length = way.len();
    let mut inner = |name: &str, value: &serde_json::Value, out: &mut Vec<_>| {
        way.push('/');
        way.push_str(&name.replace('~', "~0").replace('/', "~1"));
        collect(value, way, out);
        way.truncate(length);
    };
    match value {
        serde_json::Value::Object(members) => members.iter().for_each(|(name, value)| inner(name, value, out)),
        serde_json::Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| inner(&index.to_string(), value, out)),
        _ => out.push((way.clone(), value.clone())),
    }
}

/// A marked value in its pieces, and whether it is a text.
fn pieces(text: &str, template: &Template, making: impl Fn(&Part) -> Making) -> (Vec<Piece>, bool) {
    let is_text = !text.starts_with(&format!("{OPEN}{OPEN}"));
    let mut pieces = Vec::new();
    for stretch in text.split_inclusive(CLOSE) {
        let (plain, number) = stretch.split_once(OPEN).unwrap_or((stretch, ""));
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.to_owned()));
        }
        let part = number.trim_matches([OPEN, CLOSE]).parse().ok().filter(|n| *n < template.parts.len());
        pieces.extend(part.map(|n| match making(&template.parts[n]) {
            Making::Keep => Piece::Kept,
            Making::Anew(_) => Piece::Anew(n),
        }));
    }
    (pieces, is_text)
}

fn of_pieces(
    (pieces, is_text): &(Vec<Piece>, bool),
    is_json: bool,
    template: &Template,
    making: impl Fn(&Part) -> Making,
    bind: impl Fn(&Template) -> Result<Bound, String>,
    bounds: &mut Bounds,
) -> Result<Wanted, String> {
    let anew = |piece: &Piece| if let Piece::Anew(n) = piece { Some(*n) } else { None };
    let (Some(first), Some(last)) = (pieces.iter().position(|p| anew(p).is_some()), pieces.iter().rposition(|p| anew(p).is_some())) else {
        let constant: Option<String> =
            pieces.iter().map(|piece| if let Piece::Text(text) = piece { Some(&**text) } else { None }).collect();
        return Ok(constant.map_or(Wanted::Anything, |text| Wanted::Constant(serde_json::Value::String(text).to_string())));
    };
    let text =
        |pieces: &[Piece]| pieces.iter().filter_map(|p| if let Piece::Text(text) = p { Some(&**text) } else { None }).collect::<String>();
    let json = |text: String| if is_json && *is_text { escaped(&text) } else { text };
    let part = |piece: &Piece| match piece {
        Piece::Text(text) => Some(Part::Text(json(text.clone()))),
        Piece::Anew(n) => Some(template.parts[*n].clone()),
        Piece::Kept => None,
    };
    let own = Template { parts: pieces.iter().filter_map(part).collect() };
    bounds.all.push(bind(&own)?);
    let captured = |n: usize| match making(&template.parts[n]) {
        Making::Anew(capture) => capture,
        Making::Keep => None,
    };
    let ends_in_key = anew(&pieces[last]).is_some_and(|n| template.parts[n] == Part::Slot(Slot::Id));
    let bound = u16::try_from(bounds.all.len() - 1).map_err(|_| "the profile has too many texts to play a trace of it".to_owned())?;
    Ok(Wanted::Hole(Hole {
        is_text: *is_text,
        bound,
        before: json(text(&pieces[..first])),
        behind: json(text(&pieces[last + 1..])),
        is_tail: ends_in_key && last + 1 == pieces.len() && pieces.len() > 1,
        keeps: pieces.contains(&Piece::Kept),
        capture: pieces.iter().filter_map(anew).find_map(captured).map(|capture| capture as u16),
    }))
}

/// A text as it stands between the quotes of JSON.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::String(text.to_owned()).to_string();
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().to_owned()
}
