//! Takes secrets out of a conversation as it goes by. What is told to be secret, what stands under a secret name and what has
//! the shape of a credential is known from then on, is looked for in every encoding, and is replaced by a mark: the same
//! secret has the same mark, `<secret:token:1>`, wherever it stands.
//!
//! Knows nothing of frames or files; what is longer than a message is its caller's business.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Redactor;
use super::SHORTEST;
use super::headers;
use super::names;
use super::view::View;
use crate::tap;
use crate::trace::MARK;

/// Most secrets that are told apart and looked for; those that come later are taken out where a name says so.
const MOST: usize = 10_000;
/// Bytes from which on a value is looked for wherever it stands; a shorter one is in too many texts.
const LEARNED: usize = 6;
/// Shortest run that is tried as Base64.
const ENCODED: usize = 16;
/// Encodings inside each other that are undone.
const DEEPEST: usize = 2;
/// Names that are secret here besides those that are everywhere.
const NAMES: [&str; 6] = ["session", "sessionid", "session_id", "sessid", "otp", "pin"];

/// A place in a text and what to write there.
struct Patch {
    place: Range<usize>,
    mark: String,
}

/// Finds and replaces secrets; it learns while it reads.
#[derive(Debug, Default)]
pub(in crate::cli) struct Veil {
    /// Names that are secret besides, in lower case.
    names: Vec<String>,
    /// The mark of each known value.
    known: HashMap<Vec<u8>, usize>,
    marks: Vec<String>,
    /// How many secrets have each name.
    counts: BTreeMap<String, u64>,
    /// Finders of the known values; each is larger than the next, so that learning one more costs little.
    layers: Vec<Layer>,
    replaced: u64,
}

#[derive(Debug)]
struct Layer {
    values: Vec<(usize, Vec<u8>)>,
    redactor: Redactor,
}

impl Veil {
    /// Knows the `values`, each under its name, and that the `names` are secret.
    pub(in crate::cli) fn new(values: &[(String, String)], names: &[String]) -> Self {
        let mut veil = Veil { names: names.iter().map(|name| name.to_lowercase()).collect(), ..Veil::default() };
        for (name, value) in values.iter().filter(|(_, value)| value.len() >= SHORTEST) {
            veil.remember(name, value.as_bytes());
        }
        veil
    }

    /// A value of this name is a secret, wherever it stands from now on.
    pub(super) fn learn(&mut self, name: &str, value: &[u8]) {
        if value.len() >= LEARNED && !is_ordinary(value) {
            self.remember(name, value);
        }
    }

    /// The same of a value that may be percent-encoded, and may come again without that.
    pub(super) fn learn_undone(&mut self, name: &str, value: &str) {
        self.learn(name, value.as_bytes());
        let Some(&number) = self.known.get(value.as_bytes()) else { return };
        for View { bytes, .. } in View::all(value.as_bytes()).filter(|view| view.bytes.len() >= LEARNED) {
            if !self.known.contains_key(&bytes) {
                self.look_for(number, bytes);
            }
        }
    }

    /// Learns what by its name or its shape is a secret in a text that is not written down.
    pub(super) fn look_into(&mut self, text: &[u8]) {
        View::all(text).for_each(|view| drop(self.read(&view.bytes, 0)));
    }

    /// A text without secrets, whatever it is.
    fn plain(&mut self, text: &str) -> String {
        let patched = self.cleaned(text.as_bytes(), |at, up| if up { text.ceil_char_boundary(at) } else { text.floor_char_boundary(at) });
        String::from_utf8(patched).expect("marks are UTF-8 and stand between characters")
    }

    /// All texts of a JSON value; all of them, and numbers, under the name of a secret.
    fn json(&mut self, value: &mut Value, secret: Option<&str>) {
        match value {
            Value::String(text) => match secret {
                Some(name) if !text.is_empty() => {
                    *text = self.taken(name, text.as_bytes());
                    self.replaced += 1;
                }
                _ => *text = self.plain(text),
            },
            Value::Number(number) if secret.is_some() => *number = 0.into(),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item, secret)),
            Value::Object(members) => {
                let old = std::mem::take(members);
                for (name, mut inner) in old {
                    let own = self.is_secret(&name).then_some(name.as_str());
                    self.json(&mut inner, own.or(secret));
                    members.insert(self.plain(&name), inner);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether what stands under a name is a secret.
    fn is_secret(&self, name: &str) -> bool {
        let plain = name.to_ascii_lowercase();
        names::looks_secret(name) || NAMES.contains(&plain.as_str()) || self.names.contains(&plain)
    }

    /// The mark of a value that is secret by its name.
    fn taken(&mut self, name: &str, value: &[u8]) -> String {
        if value.len() >= LEARNED && !is_ordinary(value) { self.remember(name, value) } else { mark(name, "short") }
    }

    fn cleaned(&mut self, bytes: &[u8], boundary: impl Fn(usize, bool) -> usize) -> Vec<u8> {
        let views: Vec<View> = View::all(bytes).collect();
        let mut patches: Vec<Patch> = Vec::new();
        for view in &views {
            let found = self.read(&view.bytes, 0);
            patches.extend(found.into_iter().map(|patch| Patch { place: view.place(patch.place), ..patch }));
        }
        for view in &views {
            for layer in &self.layers {
                let found = layer.redactor.found(view).into_iter();
                patches.extend(found.map(|found| Patch { place: found.place, mark: self.marks[found.secret].clone() }));
            }
        }
        // Of those that begin at one place the longest counts.
        patches.sort_by_key(|patch| (patch.place.start, std::cmp::Reverse(patch.place.end)));
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for patch in patches {
            let (start, end) = (boundary(patch.place.start, false), boundary(patch.place.end, true));
            if start >= at {
                out.extend_from_slice(&bytes[at..start]);
                out.extend_from_slice(patch.mark.as_bytes());
                self.replaced += 1;
            }
            at = at.max(end);
        }
        out.extend_from_slice(&bytes[at..]);
        out
    }

    /// Learns from bytes, and where in them what was learned stands.
    fn read(&mut self, bytes: &[u8], depth: usize) -> Vec<Patch> {
        // Bytes and characters are one here, so that places are the same in both.
        let text: String = bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '\u{7f}' }).collect();
        let mut found = self.by_name(&text, bytes);
        for place in bearers(&text).into_iter().chain(tokens(&text)) {
            let mark = self.remember("jwt", &bytes[place.clone()]);
            found.push(Patch { place, mark });
        }
        for run in runs(bytes).filter(|_| depth < DEEPEST) {
            let Some(inner) = decoded(&bytes[run.clone()]) else { continue };
            if let Some(first) = self.read(&inner, depth + 1).into_iter().next() {
                found.push(Patch { place: run, mark: first.mark });
            }
        }
        found
    }

    fn by_name(&mut self, text: &str, bytes: &[u8]) -> Vec<Patch> {
        let mut found = Vec::new();
        for named in names::named(text, true, |name| self.is_secret(name)) {
            let value = &text[named.value.clone()];
            let is_json =
                text[..named.value.start].trim_end().ends_with(':') && text[named.value.end..].trim_start().starts_with([',', '}']);
            match value {
                // They stand for themselves and say nothing.
                "true" | "false" | "null" => continue,
                // A mark would not be JSON there.
                number if is_json && number.parse::<f64>().is_ok() => found.push(Patch { place: named.value, mark: "0".into() }),
                _ if value.starts_with(MARK) || value.starts_with("%3Csecret:") => {}
                _ => {
                    let mark = self.taken(named.name, &bytes[named.value.clone()]);
                    found.push(Patch { place: named.value, mark });
                }
            }
        }
        found
    }

    /// The mark of a value; it is looked for from now on.
    fn remember(&mut self, name: &str, value: &[u8]) -> String {
        if let Some(known) = self.known.get(value) {
            return self.marks[*known].clone();
        }
        if self.marks.len() >= MOST {
            return mark(name, "more");
        }
        let name = plain(name);
        let count = self.counts.entry(name.clone()).or_default();
        *count += 1;
        let (number, mark) = (self.marks.len(), mark(&name, &count.to_string()));
        self.marks.push(mark.clone());
        self.look_for(number, value.to_owned());
        mark
    }

    /// A value of secret number `number` is looked for from now on.
    fn look_for(&mut self, number: usize, value: Vec<u8>) {
        self.known.insert(value.clone(), number);
        let mut values = vec![(number, value)];
        while self.layers.last().is_some_and(|layer| layer.values.len() <= values.len()) {
            values.extend(self.layers.pop().into_iter().flat_map(|layer| layer.values));
        }
        let redactor = Redactor::of(values.iter().map(|(number, value)| (*number, value.as_slice())));
        self.layers.push(Layer { values, redactor });
    }
}

impl tap::Veil for Veil {
    fn header(&mut self, name: &str, value: &[u8]) {
        headers::learn(self, name, value);
    }

    fn text(&mut self, text: &str) -> String {
        let before = self.replaced;
        let out = self.plain(text);
        if out == text || !is_json(text) || is_json(&out) {
            return out;
        }
        // What looked like a value went beyond its text: value by value, then.
        self.replaced = before;
        let Ok(mut json) = serde_json::from_str(text) else { return out };
        self.json(&mut json, None);
        json.to_string()
    }

    fn bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text).into_bytes(),
            Err(_) => self.cleaned(bytes, |at, _| at),
        }
    }

    /// Marks are percent-encoded.
    fn path(&mut self, path: &str) -> String {
        let (before, query) = path.split_once('?').unwrap_or((path, ""));
        for piece in before.split('/').filter(|piece| is_dense(piece.as_bytes())) {
            self.remember("path", piece.as_bytes());
        }
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            if name == "key" || (is_dense(value.as_bytes()) && !is_uuid(value.as_bytes())) {
                self.remember(name, value.as_bytes());
                self.learn_undone(name, value);
            }
        }
        self.text(path).replace('<', "%3C").replace('>', "%3E")
    }

    fn replaced(&self) -> u64 {
        self.replaced
    }
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// What stands in the place of a secret.
fn mark(name: &str, which: &str) -> String {
    format!("{MARK}{}:{which}>", plain(name))
}

/// A name in lower-case letters, digits and `_`.
fn plain(name: &str) -> String {
    let name: String = name.chars().take(32).map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    if name.is_empty() { "value".into() } else { name }
}

/// A word or a small number: looking for it everywhere would spoil what says nothing.
fn is_ordinary(value: &[u8]) -> bool {
    let is_word = value.len() < 16 && value.iter().all(|b| b.is_ascii_alphabetic() && b.is_ascii_lowercase());
    is_word || (value.len() < 8 && value.iter().all(u8::is_ascii_digit)) || value.starts_with(MARK.as_bytes())
}

/// Whether a piece of a path or a subprotocol is more of a token than of a name.
pub(super) fn is_dense(text: &[u8]) -> bool {
    let count = |is: fn(&u8) -> bool| text.iter().filter(|b| is(b)).count();
    text.len() >= 16
        && count(u8::is_ascii_digit) + count(u8::is_ascii_uppercase) >= 3
        && count(u8::is_ascii_alphabetic) > 0
        && !is_uuid(text)
}

/// `8-4-4-4-12` hexadecimal digits: a name of something more often than a secret.
fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36 && text.iter().enumerate().all(|(i, b)| if [8, 13, 18, 23].contains(&i) { *b == b'-' } else { b.is_ascii_hexdigit() })
}

fn is_url_safe(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == b'_'
}

/// Places of what has the shape of a JSON Web Token (RFC 7519): three parts, the first begins with `{"`.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let part = |from: usize| bytes[from..].iter().take_while(|b| is_url_safe(**b)).count();
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices("eyJ") {
        let is_inside = found.last().is_some_and(|last| at < last.end) || (at > 0 && is_url_safe(bytes[at - 1]));
        let mut end = at + part(at);
        if is_inside || bytes.get(end) != Some(&b'.') {
            continue;
        }
        let second = part(end + 1);
        end += 1 + second;
        if second >= 4 && bytes.get(end) == Some(&b'.') {
            found.push(at..end + 1 + part(end + 1));
        }
    }
    found
}

/// Places of what stands behind `Bearer `.
fn bearers(text: &str) -> Vec<Range<usize>> {
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(b);
    let place = |(at, word): (usize, &str)| {
        let start = at + word.len();
        let length = text.as_bytes()[start..].iter().take_while(|b| is_token(b)).count();
        (length >= 8).then_some(start..start + length)
    };
    ["Bearer ", "bearer "].iter().flat_map(|word| text.match_indices(word)).filter_map(place).collect()
}

/// Places of what may be Base64 with something to read in it.
fn runs(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let is_base64 = |b: u8| is_url_safe(b) || b == b'+' || b == b'/';
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let start = at + bytes[at..].iter().position(|b| is_base64(*b))?;
            let end = start + bytes[start..].iter().take_while(|b| is_base64(**b)).count();
            at = end;
            if end - start >= ENCODED {
                return Some(start..end);
            }
        }
        None
    })
}

/// What a run of Base64 holds, if that is text with names in it.
fn decoded(run: &[u8]) -> Option<Vec<u8>> {
    // The first bytes tell mostly.
    let whole = &run[..run.len() / 4 * 4];
    let engine = |run: &[u8]| if run.iter().any(|b| b"-_".contains(b)) { URL_SAFE_NO_PAD.decode(run) } else { STANDARD_NO_PAD.decode(run) };
    let head = engine(&whole[..whole.len().min(64)]).ok()?;
    let is_text = |b: &u8| *b >= 0x80 || b.is_ascii_graphic() || b.is_ascii_whitespace();
    if !head.iter().all(is_text) {
        return None;
    }
    let inner = engine(run).or_else(|_| engine(whole)).ok()?;
    inner.iter().any(|b| b":=.".contains(b)).then_some(inner)
}

#[cfg(test)]
mod tests;
