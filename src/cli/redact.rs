//! Secrets stay inside: every text on its way out of the program goes through a [`Redactor`], made
//! once from all secret values of the run.
//!
//! A value is found as it stands, in hexadecimal, in Base64 (alone, or inside something longer at
//! any of the three alignments), and behind percent, JSON and HTML escapes in any mixture; also its
//! beginning, where somebody cut it. What servers say is searched by name besides: `token=..`,
//! `Authorization: ..`. What the secrets of a run are is told by `secrets`.

mod forms;
mod headers;
mod names;
mod panic;
mod veil;
mod view;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use serde_json::Value;

use forms::Form;
pub(super) use names::looks_secret;
pub(super) use panic::keep_quiet;
pub(super) use veil::Veil;
use view::View;

/// What stands in the place of a secret.
pub(super) const REDACTED: &str = "[redacted]";
/// Bytes of the shortest value that is looked for: shorter ones are in every text.
pub(super) const SHORTEST: usize = 4;
/// A beginning of this many bytes of a longer form is taken for it wherever it stands.
const HEAD: usize = 12;

/// The redactor of this process; every line to standard error goes through it.
static DOOR: OnceLock<Redactor> = OnceLock::new();

/// Makes `redactor` that of this process. The first one stays: a process makes one run.
pub(super) fn install(redactor: Redactor) -> &'static Redactor {
    DOOR.get_or_init(|| redactor)
}

/// `text` without the secrets known so far.
pub(super) fn at_the_door(text: &str) -> String {
    DOOR.get().map_or_else(|| text.to_owned(), |redactor| redactor.ours(text))
}

/// Finds secrets in texts. Time and memory are linear in the text, whatever it says.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    forms: Vec<Form>,
    /// Finds `patterns`; `None` without secrets.
    finder: Option<AhoCorasick>,
    /// The form of each pattern of the finder: the form whole, or its head.
    patterns: Vec<usize>,
}

impl Redactor {
    /// For all of `secrets`; those shorter than [`SHORTEST`] are left out.
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        Redactor::of(secrets.into_iter().map(str::as_bytes).enumerate())
    }

    /// For secrets that have numbers.
    fn of<'a>(secrets: impl IntoIterator<Item = (usize, &'a [u8])>) -> Self {
        let long = secrets.into_iter().filter(|(_, value)| value.len() >= SHORTEST);
        let mut forms: Vec<Form> = long.flat_map(|(number, value)| forms::of(number, value)).collect();
        forms.sort();
        forms.dedup_by(|b, a| a.bytes == b.bytes && a.is_base64 == b.is_base64);
        let mut texts: Vec<&[u8]> = Vec::new();
        let mut patterns = Vec::new();
        for (i, form) in forms.iter().enumerate() {
            texts.push(&form.bytes);
            patterns.push(i);
            if form.bytes.len() > HEAD {
                texts.push(&form.bytes[..HEAD]);
                patterns.push(i);
            }
        }
        // Only more than 2^31 bytes of secrets are refused; arguments cannot be as long.
        let finder = (!texts.is_empty()).then(|| AhoCorasick::new(&texts).expect("secrets are shorter than 2 GiB"));
        Redactor { forms, finder, patterns }
    }

    /// A text of ours, or of the user, without secret values.
    pub(super) fn ours(&self, text: &str) -> String {
        let found = View::all(text.as_bytes()).flat_map(|view| self.found(&view)).map(|found| found.place).collect();
        blanked(text, found)
    }

    /// What a server said, without secret values nor what looks like one by its name.
    pub(super) fn theirs(&self, text: &str) -> String {
        names::blank(&self.ours(text))
    }

    /// Texts with their counts; texts that are the same without their secrets are added up.
    pub(super) fn counted(&self, texts: impl IntoIterator<Item = (String, u64)>) -> BTreeMap<String, u64> {
        let mut out = BTreeMap::new();
        for (text, n) in texts {
            *out.entry(self.theirs(&text)).or_default() += n;
        }
        out
    }

    /// All texts of a JSON value.
    pub(super) fn json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.theirs(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(members) => members.values_mut().for_each(|item| self.json(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The secrets in a view.
    fn found(&self, view: &View) -> Vec<Found> {
        let mut found = Vec::new();
        let Some(finder) = &self.finder else { return found };
        let bytes = &view.bytes;
        let mut note = |form: &Form, start: usize, end: usize| {
            let inside = if form.is_base64 { run_around(bytes, start..end) } else { start..end };
            found.push(Found { place: view.place(inside), secret: form.secret });
        };
        // How far each form was last followed, so that what repeats itself is followed once.
        let mut followed = vec![0; self.forms.len()];
        for hit in finder.find_overlapping_iter(bytes) {
            let index = self.patterns[hit.pattern().as_usize()];
            let (form, end) = (&self.forms[index], hit.end());
            let is_head = hit.end() - hit.start() < form.bytes.len();
            if followed[index] < end {
                let more = if is_head { common(&bytes[end..], &form.bytes[HEAD..]) } else { 0 };
                note(form, hit.start(), end + more);
                followed[index] = end + more;
            }
        }
        for form in bytes.strip_suffix(b"..").map_or(&[][..], |_| &self.forms) {
            let cut = &bytes[..bytes.len() - 2];
            let longest = form.bytes.len().min(HEAD).saturating_sub(1);
            if let Some(n) = (SHORTEST..=longest).rev().find(|&n| cut.ends_with(&form.bytes[..n])) {
                note(form, cut.len() - n, cut.len());
            }
        }
        found
    }
}

/// A secret that was found.
struct Found {
    /// Where in the text.
    place: Range<usize>,
    /// Its number.
    secret: usize,
}

/// Bytes that both begin with.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// The Base64 around a find: what stands before and behind it is of the same secret, or goes with it.
fn run_around(bytes: &[u8], found: Range<usize>) -> Range<usize> {
    let is_base64 = |b: &&u8| b.is_ascii_alphanumeric() || b"+/-_=".contains(b);
    let before = bytes[..found.start].iter().rev().take_while(is_base64).count();
    let behind = bytes[found.end..].iter().take_while(is_base64).count();
    found.start - before..found.end + behind
}

/// `text` with the ranges replaced.
fn blanked(text: &str, mut ranges: Vec<Range<usize>>) -> String {
    if ranges.is_empty() {
        return text.to_owned();
    }
    ranges.sort_by_key(|range| range.start);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        let (start, end) = (text.floor_char_boundary(range.start), text.ceil_char_boundary(range.end));
        if start > at || (start == at && at == 0) {
            out.push_str(&text[at..start]);
            out.push_str(REDACTED);
        }
        at = at.max(end);
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests;
