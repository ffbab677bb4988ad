//! What is secret by its name: `Authorization: ..`, `token=..`, `"api_key":".."`. Told from the name
//! alone, so it finds what others sent to a server that now says it to us.

use std::ops::Range;

use super::REDACTED;

/// Words that make a name secret wherever they stand in it.
const WORDS: [&str; 16] = [
    "authorization",
    "auth",
    "bearer",
    "cookie",
    "credential",
    "credentials",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "sid",
    "sig",
    "signature",
    "secret",
    "token",
];
/// Words that make a `key` secret when they stand before it.
const KEYS: [&str; 6] = ["api", "access", "private", "auth", "secret", "session"];
/// Longest name that is looked at, in bytes.
const NAME: usize = 64;

/// Whether a name, in any of the usual spellings, says that its value is a secret.
pub(in crate::cli) fn looks_secret(name: &str) -> bool {
    let words = words(name);
    let is_secret = |word: &String| {
        let ends = ["token", "secret", "password", "apikey", "cookie"].iter().any(|end| word.ends_with(end));
        ends || WORDS.contains(&word.as_str())
    };
    words.iter().any(is_secret) || words.windows(2).any(|pair| pair[1] == "key" && KEYS.contains(&pair[0].as_str()))
}

/// `X-Api-Key`, `apiKey` and `API_KEY` in lower-case words.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && was_lower) {
            words.push(String::new());
        }
        if c.is_ascii_alphanumeric() {
            words.last_mut().expect("begun with one word").push(c.to_ascii_lowercase());
        }
        was_lower = c.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A value that is secret by its name.
pub(super) struct Named<'t> {
    /// The name.
    pub(super) name: &'t str,
    /// Where the value stands.
    pub(super) value: Range<usize>,
    /// Whether it is more than a word that may be prose: `invalid token: expired` says no token.
    pub(super) is_sure: bool,
}

/// The values of the names of which `is_secret` says so, in order. With `deep` also all texts of a JSON value that is no text.
pub(super) fn named<'t>(text: &'t str, deep: bool, is_secret: impl Fn(&str) -> bool) -> Vec<Named<'t>> {
    let mut all = Vec::new();
    // Everything before `known` was looked at; names do not reach back beyond `begin`.
    let (mut begin, mut known) = (0, 0);
    while let Some(at) = text[known..].find([':', '=']) {
        let separator = known + at;
        known = separator + 1;
        let name = name_at_the_end(&text[begin..separator]);
        if !is_secret(name) {
            continue;
        }
        let is_strict =
            text[separator..].starts_with('=') || !["token", "sig", "key"].iter().any(|end| name.to_ascii_lowercase().ends_with(end));
        let (lead, value) = value_of(name, &text[known..]);
        // Where quotes are escaped a view without the escapes finds the same.
        let is_plain = !text[begin..separator].trim_end().ends_with("\\\"");
        if deep && is_plain && value.is_empty() && text[known + lead..].starts_with(['{', '[']) {
            let (inside, end) = texts_inside(text, known + lead);
            all.extend(inside.into_iter().map(|value| Named { name, value, is_sure: true }));
            (begin, known) = (end, end);
            continue;
        }
        if value.is_empty() || value == REDACTED {
            continue;
        }
        let is_word = value.len() < 24 && value.bytes().all(|b| b.is_ascii_lowercase());
        let is_sure = !is_word || is_strict;
        let is_quoted = text[known..known + lead].ends_with(['"', '\'']);
        if is_sure || is_quoted {
            let start = known + lead;
            all.push(Named { name, value: start..start + value.len(), is_sure });
            (begin, known) = (start + value.len(), start + value.len());
        }
    }
    all
}

/// `text` with the values of secret names replaced.
pub(super) fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for named in named(text, false, looks_secret).iter().filter(|named| named.is_sure) {
        out.push_str(&text[at..named.value.start]);
        out.push_str(REDACTED);
        at = named.value.end;
    }
    out.push_str(&text[at..]);
    out
}

/// The texts inside the JSON object or list that begins at `from`, without names, and where it ends.
fn texts_inside(text: &str, from: usize) -> (Vec<Range<usize>>, usize) {
    let bytes = text.as_bytes();
    let (mut found, mut depth, mut at) = (Vec::new(), 0usize, from);
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return (found, at + 1),
            b'}' | b']' => depth -= 1,
            b'"' => {
                let start = at + 1;
                at = start;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                let end = at.min(bytes.len());
                let is_name = text[(end + 1).min(text.len())..].trim_start_matches(' ').starts_with(':');
                if !is_name && end > start {
                    found.push(start..end);
                }
            }
            _ => {}
        }
        at += 1;
    }
    (found, bytes.len())
}

/// The name that ends `text`, without the quotes and spaces between it and what follows.
fn name_at_the_end(text: &str) -> &str {
    let text = text.trim_end_matches(['"', '\'', '\\', ' ']);
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"-_.".contains(b);
    let length = text.bytes().rev().take(NAME).take_while(|b| is_name(b)).count();
    &text[text.len() - length..]
}

/// Where the value begins behind its separator, and the value.
fn value_of<'t>(name: &str, behind: &'t str) -> (usize, &'t str) {
    let open = behind.trim_start_matches([' ', '\\']);
    let lead = behind.len() - open.len();
    if let Some(quote) = open.chars().next().filter(|c| ['"', '\''].contains(c)) {
        let inner = &open[1..];
        let end = inner.match_indices(quote).map(|(at, _)| at).find(|at| !inner[..*at].ends_with('\\') || behind[..lead].ends_with('\\'));
        let value = &inner[..end.unwrap_or(inner.len())];
        return (lead + 1, value.strip_suffix('\\').unwrap_or(value));
    }
    let words = words(name);
    let has = |wanted: &str| words.iter().any(|word| word.ends_with(wanted));
    let is_end = |c: char| c.is_whitespace() || "&,;\"'<>(){}[]|".contains(c);
    let token = |text: &str| text.find(is_end).unwrap_or(text.len());
    let length = if open.starts_with(REDACTED) {
        REDACTED.len()
    } else if has("cookie") {
        // `a=b; c=d`
        let mut end = 0;
        loop {
            end += open[end..].find(|c: char| c.is_whitespace() || "\"<>".contains(c)).unwrap_or(open.len() - end);
            match open[..end].ends_with(';') && open[end..].starts_with(' ') {
                true => end += 1,
                false => break end,
            }
        }
    } else if has("authorization") {
        // `Bearer x`: the scheme goes with it.
        let scheme = token(open);
        let is_scheme = open[..scheme].bytes().all(|b| b.is_ascii_alphabetic()) && open[scheme..].starts_with(' ');
        if is_scheme { scheme + 1 + token(&open[scheme + 1..]) } else { scheme }
    } else {
        token(open)
    };
    (lead, &open[..length])
}
