//! What is secret by its name: `Authorization: ..`, `token=..`, `"api_key":".."`. Told from the name
//! alone, so it finds what others sent to a server that now says it to us.

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

/// `text` with the values of secret names replaced.
pub(super) fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find([':', '=']) {
        let (before, behind) = rest.split_at(at + 1);
        out.push_str(before);
        rest = behind;
        let name = name_at_the_end(&out[..out.len() - 1]);
        if !looks_secret(name) {
            continue;
        }
        let is_strict = before.ends_with('=') || !["token", "sig", "key"].iter().any(|end| name.to_ascii_lowercase().ends_with(end));
        let (lead, value) = value_of(name, behind);
        let is_word = value.len() < 24 && value.bytes().all(|b| b.is_ascii_lowercase());
        // `invalid token: expired` says no token.
        if value.is_empty() || value == REDACTED || (is_word && !is_strict) {
            continue;
        }
        out.push_str(&behind[..lead]);
        out.push_str(REDACTED);
        rest = &behind[lead + value.len()..];
    }
    out.push_str(rest);
    out
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
